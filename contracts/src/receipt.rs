//! What became of a transaction.

use std::fmt;

use serde::{Deserialize, Serialize};
use tracehold_chain::codec;
use tracehold_chain::digest::{Digest, Domain};
use tracehold_chain::money::JournalEntry;
use tracehold_chain::transaction::TransactionId;
use tracehold_chain::units::Height;

use crate::agreement::AgreementStep;

/// What became of one transaction of a block. Receipts are under the block's `receipts_root`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Which transaction.
    pub transaction_id: TransactionId,
    /// Recorded or refused.
    pub verdict: Verdict,
    /// What it moved, itself and through the agreements that waited for it.
    pub effects: Effects,
    /// Money commands that had taken effect before: a retry moves nothing again.
    pub repeats: Vec<Repeat>,
}

/// Money that moved and agreements that went a step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effects {
    /// Journal entries, in order.
    pub entries: Vec<JournalEntry>,
    /// Steps of agreements, in order.
    pub steps: Vec<AgreementStep>,
}

impl Effects {
    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.steps.is_empty()
    }

    /// The leaf of the block's receipt tree for what was due when the block began. It comes before
    /// those of the transactions, when anything was due.
    #[must_use]
    pub fn due_leaf(&self) -> Digest {
        Digest::of(Domain::DueReceipt, &codec::encode(self))
    }
}

/// A money command whose reference was used for the same command before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeat {
    /// Which command of the transaction, from 0.
    pub command: u32,
    /// The transaction that did it first.
    pub first: TransactionId,
}

/// Recorded whole, or refused whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Every event is on record. `repeated` lists those (by their place in the transaction) that
    /// were on record before, to the byte: a retry records nothing twice.
    Recorded {
        /// Places of repeated events, ascending.
        repeated: Vec<u32>,
    },
    /// Nothing of it took effect.
    Rejected(Rejection),
}

impl Receipt {
    /// The leaf of the block's receipt tree.
    #[must_use]
    pub fn leaf(&self) -> Digest {
        Receipt::leaf_of(&codec::encode(self))
    }

    /// As [`Receipt::leaf`], of an encoded receipt.
    #[must_use]
    pub fn leaf_of(encoded: &[u8]) -> Digest {
        Digest::of(Domain::Receipt, encoded)
    }
}

/// A transaction's place in the history and its receipt, as looked up by its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionRecord {
    /// The block.
    pub height: Height,
    /// The place in the block, from 0.
    pub index: u32,
    /// What became of it.
    pub receipt: Receipt,
}

impl TransactionRecord {
    /// The encoding of a record, with its receipt encoded before.
    #[must_use]
    pub fn encoded(height: Height, index: u32, receipt: &[u8]) -> Vec<u8> {
        [codec::encode(&(height, index)).as_slice(), receipt].concat()
    }
}

/// Why a transaction is refused: the sender's to mend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Which rule.
    pub code: RejectionCode,
    /// Which event of the transaction, from 0, when it is about one.
    pub event: Option<u32>,
    /// Which command of the transaction, from 0, when it is about one on money or an agreement.
    pub command: Option<u32>,
    /// What it is about: an identifier, a field and its fault, a limit; of an agreement it begins
    /// with the clause. Bounded by [`MAX_SUBJECT_BYTES`].
    pub subject: String,
}

/// Bytes of [`Rejection::subject`] that are kept; the rest is cut at a character.
pub const MAX_SUBJECT_BYTES: usize = 512;

impl Rejection {
    /// A rejection of a whole transaction.
    #[must_use]
    pub fn new(code: RejectionCode, subject: impl Into<String>) -> Rejection {
        let mut subject = subject.into();
        if subject.len() > MAX_SUBJECT_BYTES {
            subject.truncate(subject.floor_char_boundary(MAX_SUBJECT_BYTES));
        }
        Rejection { code, event: None, command: None, subject }
    }

    /// A rejection because of the event at `index`.
    #[must_use]
    pub fn of_event(code: RejectionCode, index: usize, subject: impl Into<String>) -> Rejection {
        let event = Some(u32::try_from(index).unwrap_or(u32::MAX));
        Rejection { event, ..Rejection::new(code, subject) }
    }

    /// The clause of an agreement's terms that it is about: a JSON pointer (RFC 6901).
    #[must_use]
    pub fn clause(&self) -> Option<&str> {
        let (clause, _) = self.subject.split_once(": ")?;
        clause.starts_with('/').then_some(clause)
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(event) = self.event {
            write!(f, "event {event}: ")?;
        }
        if let Some(command) = self.command {
            write!(f, "command {command}: ")?;
        }
        write!(f, "{} ({})", self.code.message(), self.subject)
    }
}

macro_rules! rejection_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $message:literal;)*) => {
        /// The rules a transaction can break. Codes are stable: programs may rely on them. New
        /// ones are added at the end, because receipts are encoded by position.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum RejectionCode {
            $($(#[$doc])* $name,)*
        }

        impl RejectionCode {
            /// Every code.
            pub const ALL: &'static [RejectionCode] = &[$(RejectionCode::$name),*];

            /// The stable name that programs see.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(RejectionCode::$name => $code,)*
                }
            }

            /// What is wrong and how to mend it.
            #[must_use]
            pub fn message(self) -> &'static str {
                match self {
                    $(RejectionCode::$name => $message,)*
                }
            }
        }
    };
}

rejection_codes! {
    /// A limit or the shape of the envelope.
    Malformed = "malformed-transaction",
        "the transaction is not well formed: mend what is named and send it again";
    /// Signed for another network.
    WrongChain = "wrong-chain",
        "the transaction is for another network: sign it for this network's chain id";
    /// Nobody by that name signs here.
    UnknownAgent = "unknown-agent",
        "no member of this network has this agent: use an agent listed in the member's record";
    /// The signature is not the agent's.
    BadSignature = "bad-signature",
        "the signature does not verify with the agent's key: sign with the key on record";
    /// Its time is over.
    Expired = "expired",
        "the transaction expired before it could be recorded: sign it again with a later expiry";
    /// Its time is too far ahead.
    ExpiresTooLate = "expires-too-late",
        "the transaction expires too far ahead: choose an expiry inside the network's window";
    /// Recorded before.
    Replayed = "replayed",
        "this very transaction was recorded before: look it up by its id";
    /// A body that is no EPCIS event, or not the one signed.
    EventInvalid = "event-invalid",
        "the event breaks a rule of EPCIS 2.0: mend the field that is named";
    /// Another event has the eventID.
    EventIdTaken = "event-id-taken",
        "another event is on record with this eventID: give this one its own, or correct the \
         other with an error declaration";
    /// An error declaration by someone else.
    CorrectionByAnother = "correction-by-another",
        "only the member that recorded an event may declare it in error: ask them to";
    /// An error declaration of something else.
    CorrectionDiffers = "correction-differs",
        "an error declaration repeats the original event: this one differs from what is on record";
    /// Commissioned under a prefix that is another's.
    PrefixNotYours = "prefix-not-yours",
        "only a member that holds the GS1 company prefix may commission under it";
    /// The author's signature is missing its agent or wrong.
    BadAuthor = "bad-author-signature",
        "the author's signature does not verify with the key of the agent it names";
    /// More state than one block may change.
    TooManyTouches = "too-many-changes",
        "the transaction changes more records than one block may: send it in smaller parts";
    /// Master data of what is another's.
    NotYours = "not-yours",
        "only the member that holds the GS1 company prefix, or lists the GLN in its record, may \
         describe this: leave it out, or ask that member";
    /// A party said to be another member.
    PartyOfAnother = "party-of-another",
        "a party names only the member that describes it: leave member out or give your own";
    /// A place inside itself, or too deep inside others.
    PlaceNesting = "place-nesting",
        "no place lies inside itself, nor more than 16 places deep: name another place around it";
    /// Packed in itself.
    PackingCycle = "packing-cycle",
        "a thing cannot be inside of what is inside of it: mend the parent or the children";
    /// Too many containers in containers.
    PackingTooDeep = "packing-too-deep",
        "things are packed in more levels than the ledger follows: pack in fewer levels";
    /// An anomaly of a kind that this network does not record.
    AnomalyRefused = "anomaly-refused",
        "this network refuses events that do not add up in this way: docs/custody.md says how to \
         mend it";
    /// An amount of nothing, or more than there can be.
    AmountInvalid = "amount-invalid",
        "an amount is more than nothing and at most 100,000,000,000,000,000 smallest units, or what \
         a hold has: give another";
    /// No such account.
    AccountUnknown = "account-unknown",
        "this account is not open: its member opens it first, or use the member's main account";
    /// An account that serves one purpose only.
    AccountReserved = "account-reserved",
        "each account has its purpose: `issuance` only issues and redeems, an agreement's pot is \
         moved by the agreement alone: name another";
    /// An approval rule that is none.
    RuleInvalid = "approval-rule-invalid",
        "an approval rule names each asset once, ordered, and its member has two agents: mend it";
    /// No bank.
    NotABank = "not-a-bank",
        "only a member with the bank role issues and redeems cash, in its own name";
    /// Made in another's name.
    NotTheIssuer = "not-the-issuer",
        "an asset is made by the member that its name names: make it in your own name";
    /// No such asset.
    AssetUnknown = "asset-unknown",
        "nobody has issued this asset: check its name";
    /// A note or title that is there already.
    AssetExists = "asset-exists",
        "this note or title was made before, and each is made once: give a new one another \
         reference";
    /// What is said of an asset does not fit its kind.
    AssetTermsWrong = "asset-terms-wrong",
        "what is said of an asset must fit its kind, and of a title there is exactly 1: mend it";
    /// More than the issuer may have outstanding.
    TooMuchIssued = "too-much-issued",
        "there would be more of this asset than there can be: issue less";
    /// Not enough.
    InsufficientFunds = "insufficient-funds",
        "the account does not have so much that is free: pay in first, or move less";
    /// The payer is the payee.
    SameAccount = "same-account",
        "money moves from one account to another: name another one";
    /// The reference stands for another command.
    ReferenceTaken = "reference-taken",
        "another command was given under this reference of this account: give this one its own";
    /// No such hold.
    HoldUnknown = "hold-unknown",
        "nothing was set aside under this account and reference: check both";
    /// Held for somebody else.
    HoldNotYours = "hold-not-yours",
        "only the account for which money is held may take it or give it back";
    /// It was taken, given back, or expired.
    HoldEnded = "hold-ended",
        "this hold was taken, given back or has expired: ask the payer for another";
    /// A time that is past, or too far ahead.
    TimeInvalid = "time-invalid",
        "the time must be later than the block's and within ten years: give another";
    /// A text that is empty or too long.
    TextInvalid = "text-invalid",
        "the text is empty, too long or has control characters: mend it";
    /// Nothing waits under the reference.
    NothingWaits = "nothing-waits",
        "nothing waits for approval under this reference of this account: it was approved, \
         declined, has expired, or never was";
    /// The second agent is the first.
    SameAgent = "same-agent",
        "two different agents must agree: let another agent of your member approve";
    /// Terms that the check refuses.
    TermsRefused = "terms-refused",
        "these terms cannot be agreed on: the clause that is named says why; check them before \
         proposing";
    /// No such agreement.
    AgreementUnknown = "agreement-unknown",
        "no agreement has this id: check it";
    /// Another's role.
    RoleNotYours = "role-not-yours",
        "the agreement does not give your member this role: name your own role";
    /// Not now.
    WrongStage = "wrong-stage",
        "this cannot be done at the agreement's stage: do what can be done now, or wait for it";
    /// No such deposit, or not yours.
    DepositUnknown = "deposit-unknown",
        "the agreement has no such deposit for your role: check its terms";
    /// An approval that nothing asks for.
    ApprovalNotAsked = "approval-not-asked",
        "nothing in the terms asks this role for this approval: check the terms";
    /// No dispute clause, or not for this role.
    NotDisputable = "not-disputable",
        "the terms give this role no right to open a dispute now: see the dispute clause";
    /// Somebody else rules.
    NotTheArbiter = "not-the-arbiter",
        "only the arbiter that the terms name settles a dispute, while one is open";
    /// A ruling that does not give out exactly what is there.
    RulingInvalid = "ruling-invalid",
        "a ruling gives everything that is left to roles of the agreement, and no more: mend it";
    /// Too much waits for the same thing.
    TooManyAgreements = "too-many-agreements",
        "too many running agreements wait for the same goods: narrow this one by its items or its \
         business transaction";
    /// The reference stands for another recall.
    RecallExists = "recall-exists",
        "your member declared another recall under this reference: give this one its own; a recall \
         is not edited, withdraw the other or declare one more";
    /// No such recall.
    RecallUnknown = "recall-unknown",
        "your member declared no recall under this reference: check it";
    /// It is over.
    RecallEnded = "recall-ended",
        "this recall was withdrawn before: nothing is left to do";
    /// Too many at once of the same thing.
    TooManyRecalls = "too-many-recalls",
        "16 open recalls name this already: withdraw one that is over before";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Promise: every refusal has a stable code and says how to mend it.
    #[test]
    fn codes_are_distinct_and_speak() {
        let codes: BTreeSet<&str> = RejectionCode::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(codes.len(), RejectionCode::ALL.len());
        assert!(RejectionCode::ALL.iter().all(|c| c.message().len() > 30));
    }

    #[test]
    fn a_record_is_its_place_and_its_receipt() {
        let rejection = Rejection::new(RejectionCode::Expired, "why");
        let (height, index) = (Height(7), 3);
        let receipt = Receipt {
            transaction_id: TransactionId(Digest::default()),
            verdict: Verdict::Rejected(rejection),
            effects: Effects::default(),
            repeats: Vec::new(),
        };
        let encoded = TransactionRecord::encoded(height, index, &codec::encode(&receipt));
        assert_eq!(encoded, codec::encode(&TransactionRecord { height, index, receipt }));
    }

    #[test]
    fn subjects_are_bounded_at_a_character() {
        let long = Rejection::new(RejectionCode::Malformed, "é".repeat(1_000));
        assert_eq!(long.subject.len(), MAX_SUBJECT_BYTES);
    }
}
