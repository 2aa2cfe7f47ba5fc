//! Transactions: what an agent signs, and the event bodies that travel beside it.
//!
//! A transaction commits to event *digests*. The bodies, split into salted sections, travel and
//! are stored beside it in a [`Bundle`], so that a section can later be kept from a node or
//! deleted without changing anything that was signed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::agreement::AgreementCommand;
use crate::codec;
use crate::digest::{Digest, Domain, deserialize_fixed, serialize_fixed};
use crate::epcis::{SectionedEvent, Violation};
use crate::keys::{PublicKey, Signature, Signer};
use crate::limits::{
    MAX_COMMANDS_PER_TRANSACTION, MAX_EVENTS_PER_TRANSACTION, MAX_MASTER_DATA_PER_TRANSACTION,
    MAX_TRANSACTION_BYTES,
};
use crate::masterdata::MasterData;
use crate::money::MoneyCommand;
use crate::recall::{RecallCommand, check_reason};
use crate::units::{AgentId, ChainId, TimestampMs};

/// The digest of a transaction body: what names it, and what its sender signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TransactionId(pub Digest);

impl std::fmt::Display for TransactionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Sixteen bytes that make the id of two otherwise equal transactions differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(pub [u8; 16]);

impl Serialize for Nonce {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_fixed(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Nonce {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Nonce, D::Error> {
        deserialize_fixed(deserializer).map(Nonce)
    }
}

/// What an agent asks the ledger to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionBody {
    /// The network this is for.
    pub chain_id: ChainId,
    /// Who asks, and signs.
    pub sender: AgentId,
    /// Makes the id unique.
    pub nonce: Nonce,
    /// The last block time at which this may be committed; within the expiry window of
    /// [`crate::genesis::Parameters`]. A replay is refused by id until then, by expiry after.
    pub expires_at: TimestampMs,
    /// What to do, in order; all of it or nothing.
    pub commands: Vec<Command>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Record EPCIS events, in this order.
    Capture(Vec<CapturedEvent>),
    /// Put these records of products, places and parties in the place of what was on record. All
    /// of a transaction's master data is set before its events are captured.
    SetMasterData(Vec<MasterData>),
    /// Do something with money. Runs after the transaction's events are captured, in the order of
    /// its commands, as do those on agreements.
    Money(MoneyCommand),
    /// Do something with an agreement.
    Agreement(AgreementCommand),
    /// Declare or withdraw a recall. Runs in the order of the commands, after the transaction's
    /// events are captured.
    Recall(RecallCommand),
}

/// A commitment to one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapturedEvent {
    /// The event digest: the Merkle root of its salted sections.
    pub digest: Digest,
    /// The signature of whoever made the event, when another agent submits it.
    pub author: Option<AuthorSignature>,
}

/// An author's own signature on an event, without expiry: made offline, submitted by another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorSignature {
    /// Who made the event.
    pub agent: AgentId,
    /// Signs [`authored_event_digest`].
    pub signature: Signature,
}

/// What the author of an event signs: the network and the event digest.
#[must_use]
pub fn authored_event_digest(chain_id: &ChainId, event: &Digest) -> Digest {
    Digest::of(Domain::AuthoredEvent, &codec::encode(&(chain_id, event)))
}

/// The signed envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// What is signed.
    pub body: TransactionBody,
    /// The sender's signature of the [`TransactionId`].
    pub signature: Signature,
}

impl TransactionBody {
    /// The digest of this body.
    #[must_use]
    pub fn id(&self) -> TransactionId {
        TransactionId(Digest::of(Domain::Transaction, &codec::encode(self)))
    }

    /// Signs this body.
    #[must_use]
    pub fn sign(self, signer: &dyn Signer) -> Transaction {
        let signature = signer.sign(&self.id().0);
        Transaction { body: self, signature }
    }
}

impl Transaction {
    /// The digest of the body.
    #[must_use]
    pub fn id(&self) -> TransactionId {
        self.body.id()
    }

    /// The leaf for a block's transaction tree: covers the signature too, so that two blocks with
    /// one id have the same transactions to the byte.
    #[must_use]
    pub fn leaf(&self) -> Digest {
        Digest::of(Domain::SignedTransaction, &codec::encode(self))
    }

    /// Whether `key` signed this.
    #[must_use]
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.verify(&self.id().0, &self.signature)
    }

    /// The events this commits to, in order, over all commands.
    pub fn captured_events(&self) -> impl Iterator<Item = &CapturedEvent> {
        self.body.commands.iter().flat_map(|command| match command {
            Command::Capture(events) => events.as_slice(),
            Command::SetMasterData(_)
            | Command::Money(_)
            | Command::Agreement(_)
            | Command::Recall(_) => &[],
        })
    }

    /// Whether it sets master data or does something with money, an agreement or a recall.
    fn does_more_than_capture(&self) -> bool {
        let more = |command: &Command| match command {
            Command::Capture(_) => false,
            Command::SetMasterData(records) => !records.is_empty(),
            Command::Money(_) | Command::Agreement(_) | Command::Recall(_) => true,
        };
        self.body.commands.iter().any(more)
    }

    /// How many identifiers the recalls that this declares name.
    #[must_use]
    pub fn recalled(&self) -> usize {
        let named = self.body.commands.iter().map(|command| match command {
            Command::Recall(RecallCommand::Declare { notice, .. }) => notice.items.len(),
            _ => 0,
        });
        named.sum()
    }

    /// The master data this sets, in order, over all commands.
    pub fn master_data(&self) -> impl Iterator<Item = &MasterData> + Clone {
        self.body.commands.iter().flat_map(|command| match command {
            Command::SetMasterData(records) => records.as_slice(),
            Command::Capture(_)
            | Command::Money(_)
            | Command::Agreement(_)
            | Command::Recall(_) => &[],
        })
    }
}

/// A transaction and the event bodies that travel beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// What was signed.
    pub transaction: Transaction,
    /// The body of each captured event, in the same order.
    pub events: Vec<SectionedEvent>,
}

impl Bundle {
    /// The transaction and one of its event bodies, from the encoding of a bundle that this node
    /// wrote itself: the other bodies are passed over unread. `None` when there is no such event.
    ///
    /// # Errors
    /// [`codec::CodecError`] when the bytes are no bundle.
    pub fn one_of(
        bytes: &[u8],
        event: usize,
    ) -> Result<Option<(Transaction, SectionedEvent)>, codec::CodecError> {
        let malformed = || codec::CodecError::Malformed;
        let (transaction, used) = codec::decode_begin::<Transaction>(bytes)?;
        let rest = bytes.get(used..).ok_or_else(malformed)?;
        let (count, mut rest) = rest.split_first_chunk::<8>().ok_or_else(malformed)?;
        let count = usize::try_from(u64::from_le_bytes(*count)).map_err(|_| malformed())?;
        if event >= count {
            return Ok(None);
        }
        for _ in 0..event {
            rest = SectionedEvent::encoded_after(rest).ok_or_else(malformed)?;
        }
        let (body, _) = codec::decode_begin::<SectionedEvent>(rest)?;
        Ok(Some((transaction, body)))
    }
}

/// Why a bundle is not well formed, whoever sent it and whenever.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// The encoding is larger than [`MAX_TRANSACTION_BYTES`].
    #[error("the transaction has {0} bytes, the limit is {MAX_TRANSACTION_BYTES}")]
    TooLarge(usize),
    /// Nothing to do, or too much at once.
    #[error("a transaction has 1 to {MAX_COMMANDS_PER_TRANSACTION} commands, this one has {0}")]
    Commands(usize),
    /// Nothing to do, or too many events at once.
    #[error(
        "a transaction captures 1 to {MAX_EVENTS_PER_TRANSACTION} events or does something else, \
         this one has {0} events"
    )]
    Events(usize),
    /// Too many records of master data at once.
    #[error(
        "a transaction sets at most {MAX_MASTER_DATA_PER_TRANSACTION} records, this one has {0}"
    )]
    MasterData(usize),
    /// A record of master data that breaks a rule.
    #[error("record {index} of the master data, {fault}")]
    Record {
        /// Its place among all master data of the transaction, from 0.
        index: usize,
        /// The first rule it breaks.
        fault: Violation,
    },
    /// The same product, place or party twice under one signature.
    #[error("record {0} of the master data: the same one is set twice, give it once")]
    RecordTwice(usize),
    /// A recall that breaks a rule.
    #[error("command {command}, the recall: {fault}")]
    Recall {
        /// Which command of the transaction, from 0.
        command: usize,
        /// The first rule it breaks.
        fault: Violation,
    },
    /// Not one body for each event.
    #[error("{commitments} events are signed and {bodies} bodies given")]
    BodyCount {
        /// Events the signature covers.
        commitments: usize,
        /// Bodies beside it.
        bodies: usize,
    },
    /// A body that is not the one signed.
    #[error("event {0}: its body does not have the digest that was signed")]
    BodyDigest(usize),
    /// The same event twice under one signature.
    #[error("event {0}: the same event is given twice")]
    EventTwice(usize),
}

impl Bundle {
    /// Checks everything that can be checked without the ledger's state: limits, one body for each
    /// event, and each body against the digest that was signed. Signatures need the sender's key
    /// and are checked by whoever knows it.
    ///
    /// Returns the encoded size in bytes.
    ///
    /// # Errors
    /// [`BundleError`] names the first event at fault.
    pub fn check(&self) -> Result<usize, BundleError> {
        let size = codec::encode(self).len();
        if size > MAX_TRANSACTION_BYTES {
            return Err(BundleError::TooLarge(size));
        }
        let commands = self.transaction.body.commands.len();
        if !(1..=MAX_COMMANDS_PER_TRANSACTION).contains(&commands) {
            return Err(BundleError::Commands(commands));
        }
        self.check_master_data()?;
        self.check_recalls()?;
        let commitments = self.transaction.captured_events().count();
        let least = usize::from(!self.transaction.does_more_than_capture());
        if !(least..=MAX_EVENTS_PER_TRANSACTION).contains(&commitments) {
            return Err(BundleError::Events(commitments));
        }
        let bodies = self.events.len();
        if commitments != bodies {
            return Err(BundleError::BodyCount { commitments, bodies });
        }
        let mut seen = BTreeSet::new();
        for (index, (event, body)) in
            self.transaction.captured_events().zip(&self.events).enumerate()
        {
            if body.digest() != event.digest {
                return Err(BundleError::BodyDigest(index));
            }
            if !seen.insert(event.digest) {
                return Err(BundleError::EventTwice(index));
            }
        }
        Ok(size)
    }

    fn check_recalls(&self) -> Result<(), BundleError> {
        for (command, given) in self.transaction.body.commands.iter().enumerate() {
            let checked = match given {
                Command::Recall(RecallCommand::Declare { notice, .. }) => notice.check(),
                Command::Recall(RecallCommand::Withdraw { reason, .. }) => check_reason(reason),
                _ => Ok(()),
            };
            if let Err(faults) = checked {
                let fault = faults.into_iter().next().expect("a refusal has a reason");
                return Err(BundleError::Recall { command, fault });
            }
        }
        Ok(())
    }

    fn check_master_data(&self) -> Result<(), BundleError> {
        let count = self.transaction.master_data().count();
        if count > MAX_MASTER_DATA_PER_TRANSACTION {
            return Err(BundleError::MasterData(count));
        }
        let mut seen = BTreeSet::new();
        for (index, record) in self.transaction.master_data().enumerate() {
            if let Err(faults) = record.check() {
                let fault = faults.into_iter().next().expect("a refusal has a reason");
                return Err(BundleError::Record { index, fault });
            }
            if !seen.insert((record.kind(), record.id())) {
                return Err(BundleError::RecordTwice(index));
            }
        }
        Ok(())
    }
}
