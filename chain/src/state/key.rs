//! The one place where keys of the table are spelled.
//!
//! The first byte says what a key is: `s` state (under the root), `h` history index and `m` notes
//! of this node (both local and rebuildable).

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::digest::{Digest, Domain};
use crate::masterdata::MasterKind;
use crate::money::{AccountId, AgreementId, Asset, EntryId, HoldId, Reference};
use crate::recall::RecallId;
use crate::transaction::TransactionId;
use crate::units::{Height, MemberId, TimestampMs};

/// A key of the authenticated state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StateKey {
    /// What the network chose: [`crate::genesis::Parameters`].
    Parameters,
    /// A member's record: [`crate::genesis::Member`].
    Member(MemberId),
    /// An event by its eventID and, for an error declaration, the time it was declared.
    Event {
        /// The eventID as recorded.
        event_id: String,
        /// Set for error declarations, which repeat the eventID of the original.
        declared_at: Option<TimestampMs>,
    },
    /// An item's record, by canonical identifier.
    Item(String),
    /// Some steps of an item's journal that will not change any more.
    Journal {
        /// The digest of the item's name.
        item: Digest,
        /// Which part of the journal, from 0.
        chunk: u32,
    },
    /// That something is, or was, packed in something.
    Edge {
        /// The digest of the name of what it is packed in.
        parent: Digest,
        /// The digest of its name.
        child: Digest,
    },
    /// What went into and came out of the transformation events of one transformationID, by that
    /// and the member that recorded them.
    Transformation {
        /// Whose.
        recorder: MemberId,
        /// The transformationID.
        id: String,
    },
    /// What is on record of a product ([`crate::masterdata::MasterRecord`]), by canonical
    /// identifier.
    Product(String),
    /// What is on record of a place, by canonical identifier.
    Place(String),
    /// What is on record of a party, by canonical identifier.
    Party(String),
    /// Where to go from something, by canonical identifier.
    Links(String),
    /// A recall.
    Recall(RecallId),
    /// The open recalls that name something, by canonical identifier.
    RecallsOf(String),
    /// The id of the recall with this number, from 1.
    RecallNumber(u64),
    /// How many recalls there are.
    RecallCount,
    /// An asset that was issued.
    Asset(Asset),
    /// An account that was opened or has an approval rule.
    Account(AccountId),
    /// How much of an asset is on an account.
    Balance {
        /// Whose.
        account: AccountId,
        /// Of what.
        asset: Asset,
    },
    /// What became of a command under a reference of an account.
    Reference {
        /// The account.
        account: AccountId,
        /// Its reference.
        reference: Reference,
    },
    /// Money set aside.
    Hold(HoldId),
    /// What an agreement says, once and for all.
    Terms(AgreementId),
    /// How far an agreement has come.
    Agreement(AgreementId),
    /// A part of the facts that count for an agreement.
    AgreementFacts {
        /// Which agreement.
        agreement: AgreementId,
        /// Which part, from 0.
        chunk: u32,
    },
    /// That agreements wait for what has this name: the digest of an identifier, a business
    /// transaction or a title.
    Watched(Digest),
    /// One agreement that does.
    Watch {
        /// For what.
        name: Digest,
        /// Which agreement.
        agreement: AgreementId,
    },
    /// The names that an agreement waits for: those of its [`StateKey::Watch`] entries.
    Watching(AgreementId),
    /// Who had the titles that an agreement asks for, and when.
    AgreementTitles(AgreementId),
    /// That a title is set aside, and until when.
    SetAside(Asset),
    /// Something to be done when a block time is reached.
    Due(Due),
}

/// Something to be done when a block time is reached. Each kind has a queue of its own, in this
/// order, so that many of one kind do not stand before the others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// When.
    pub at: TimestampMs,
    /// What: one of [`Due::KINDS`].
    pub kind: u8,
    /// Which: the digest of a hold or of an account's reference, or an agreement's id.
    pub which: Digest,
}

impl Due {
    /// A hold expires.
    pub const HOLD: u8 = b'h';
    /// What waits for a second agent expires.
    pub const APPROVAL: u8 = b'a';
    /// An agreement is to be looked at.
    pub const AGREEMENT: u8 = b'g';
    /// Every kind, in the order in which things of one time are done.
    pub const KINDS: [u8; 3] = [Due::APPROVAL, Due::AGREEMENT, Due::HOLD];

    fn key(&self) -> Vec<u8> {
        let at = self.at.0.to_be_bytes();
        [b"sd".as_slice(), &[self.kind], &at, self.which.as_bytes()].concat()
    }

    /// Reads a key of the queue.
    #[must_use]
    pub fn of_key(key: &[u8]) -> Option<Due> {
        let rest = key.strip_prefix(b"sd")?;
        let (kind, rest) = rest.split_first()?;
        let (at, which) = rest.split_first_chunk::<8>()?;
        let at = TimestampMs(u64::from_be_bytes(*at));
        Some(Due { at, kind: *kind, which: Digest(which.try_into().ok()?) })
    }

    /// The keys of all queues: the first, and the one after the last.
    #[must_use]
    pub fn range() -> (Vec<u8>, Vec<u8>) {
        (b"sd".to_vec(), b"se".to_vec())
    }

    /// The keys of the queue of a kind: the first, and the one after the last.
    #[must_use]
    pub fn range_of(kind: u8) -> (Vec<u8>, Vec<u8>) {
        prefix_range(&[b's', b'd', kind])
    }

    /// The keys of everything of a kind that is due at `time`: the first, and the one after the
    /// last.
    #[must_use]
    pub fn range_until(kind: u8, time: TimestampMs) -> (Vec<u8>, Vec<u8>) {
        let first = vec![b's', b'd', kind];
        let end = [first.as_slice(), &time.0.saturating_add(1).to_be_bytes()].concat();
        (first, end)
    }
}

/// The first key of all balances.
pub const BALANCES_FIRST: &[u8] = b"sb";
/// The first key after the balances.
pub const BALANCES_END: &[u8] = b"sc";

/// The state key of a balance, by the digests of the names of account and asset.
#[must_use]
pub fn balance_key(account: &Digest, asset: &Digest) -> Vec<u8> {
    [BALANCES_FIRST, account.as_bytes(), asset.as_bytes()].concat()
}

/// The state key of an account, by the digest of its name.
#[must_use]
pub fn account_key(account: &Digest) -> Vec<u8> {
    [b"sa".as_slice(), account.as_bytes()].concat()
}

/// The state key of a hold, by its digest.
#[must_use]
pub fn hold_key(hold: &Digest) -> Vec<u8> {
    [b"sh".as_slice(), hold.as_bytes()].concat()
}

/// The state key of what became of a command, by the digest of its account and reference.
#[must_use]
pub fn reference_key(reference: &Digest) -> Vec<u8> {
    [b"sf".as_slice(), reference.as_bytes()].concat()
}

/// The digest by which a hold is filed and queued.
#[must_use]
pub fn hold_digest(hold: &HoldId) -> Digest {
    Digest::of(Domain::StateName, &codec::encode(hold))
}

/// The digest by which a command under a reference of an account is filed and queued.
#[must_use]
pub fn reference_digest(account: &AccountId, reference: &Reference) -> Digest {
    Digest::of(Domain::StateName, &codec::encode(&(account, reference)))
}

/// The digest of what agreements wait for when it is a business transaction.
#[must_use]
pub fn business_transaction_digest(id: &str) -> Digest {
    Digest::of(Domain::StateName, &codec::encode(&("bizTransaction", id)))
}

/// The digest of what agreements wait for when it is a class of goods reported by a member.
#[must_use]
pub fn class_digest(class: &str, reporter: &MemberId) -> Digest {
    Digest::of(Domain::StateName, &codec::encode(&("class", class, reporter)))
}

/// The digest of what agreements wait for when it is the correction of an event.
#[must_use]
pub fn event_digest(event_id: &str) -> Digest {
    Digest::of(Domain::StateName, &codec::encode(&("event", event_id)))
}

/// The first key of all balances of an account, and the key after the last.
#[must_use]
pub fn balances_range(account: &AccountId) -> (Vec<u8>, Vec<u8>) {
    prefix_range(&[b"sb".as_slice(), name_digest(&account.to_string()).as_bytes()].concat())
}

/// The first key of all agreements that wait for what has this name, and the key after the last.
#[must_use]
pub fn watch_range(name: &Digest) -> (Vec<u8>, Vec<u8>) {
    prefix_range(&[b"sw".as_slice(), name.as_bytes(), b":"].concat())
}

/// All keys that begin with `prefix`: no key has 128 bytes of ones after its prefix.
fn prefix_range(prefix: &[u8]) -> (Vec<u8>, Vec<u8>) {
    (prefix.to_vec(), [prefix, &[0xff; 128]].concat())
}

/// The entry of an account's statement: local, as all indexes.
#[must_use]
pub fn statement_key(account: &AccountId, entry: EntryId) -> Vec<u8> {
    statement_line_key(&name_digest(&account.to_string()), entry)
}

/// As [`statement_key`], by the digest of the account's name.
#[must_use]
pub fn statement_line_key(account: &Digest, entry: EntryId) -> Vec<u8> {
    [b"ha".as_slice(), &account.0[..INDEX_NAME_BYTES], &entry.to_sortable()].concat()
}

/// The entries of an account's statement before `before` (all when none): first key, and the key
/// after the last.
#[must_use]
pub fn statement_range(account: &AccountId, before: Option<EntryId>) -> (Vec<u8>, Vec<u8>) {
    let zero = EntryId { height: Height(0), receipt: 0, entry: 0 };
    let first = statement_key(account, zero);
    let end = before.map_or_else(
        || prefix_range(&first[..2 + INDEX_NAME_BYTES]).1,
        |before| statement_key(account, before),
    );
    (first, end)
}

/// A note that an account holds, or held, an asset: local. By asset.
#[must_use]
pub fn holder_key(asset: &Asset, account: &AccountId) -> Vec<u8> {
    let name = name_digest(&asset.to_string());
    [b"hb".as_slice(), name.as_bytes(), account.to_string().as_bytes()].concat()
}

/// The notes of all accounts that hold, or held, an asset: first key, and the key after the last.
#[must_use]
pub fn holders_range(asset: &Asset) -> (Vec<u8>, Vec<u8>) {
    prefix_range(&[b"hb".as_slice(), name_digest(&asset.to_string()).as_bytes()].concat())
}

/// A note that an account is a member's: local.
#[must_use]
pub fn member_account_key(member: &MemberId, account: &AccountId) -> Vec<u8> {
    [b"ho".as_slice(), member.as_str().as_bytes(), b"\0", account.to_string().as_bytes()].concat()
}

/// The notes of a member's accounts: first key, and the key after the last.
#[must_use]
pub fn member_accounts_range(member: &MemberId) -> (Vec<u8>, Vec<u8>) {
    prefix_range(&[b"ho".as_slice(), member.as_str().as_bytes(), b"\0"].concat())
}

/// A note that something waits for a second agent of a member: local; stays when it is over.
#[must_use]
pub fn waiting_key(member: &MemberId, entry: EntryId, which: &Digest) -> Vec<u8> {
    let member = member.as_str().as_bytes();
    [b"hq".as_slice(), member, b"\0", &entry.to_sortable(), which.as_bytes()].concat()
}

/// The notes of what waits, or waited, for a second agent of a member.
#[must_use]
pub fn waiting_range(member: &MemberId) -> (Vec<u8>, Vec<u8>) {
    prefix_range(&[b"hq".as_slice(), member.as_str().as_bytes(), b"\0"].concat())
}

/// A note that a member has a role in an agreement: local.
#[must_use]
pub fn party_agreement_key(member: &MemberId, proposed: EntryId, id: &AgreementId) -> Vec<u8> {
    let member = member.as_str().as_bytes();
    [b"hm".as_slice(), member, b"\0", &proposed.to_sortable(), id.0.as_bytes()].concat()
}

/// The notes of a member's agreements, oldest first: first key, and the key after the last.
#[must_use]
pub fn party_agreements_range(member: &MemberId) -> (Vec<u8>, Vec<u8>) {
    prefix_range(&[b"hm".as_slice(), member.as_str().as_bytes(), b"\0"].concat())
}

/// A step of an agreement's story: local.
#[must_use]
pub fn agreement_step_key(id: &AgreementId, step: EntryId) -> Vec<u8> {
    [b"hg".as_slice(), id.0.as_bytes(), &step.to_sortable()].concat()
}

/// The steps of an agreement's story: first key, and the key after the last.
#[must_use]
pub fn agreement_steps_range(id: &AgreementId) -> (Vec<u8>, Vec<u8>) {
    prefix_range(&[b"hg".as_slice(), id.0.as_bytes()].concat())
}

/// What was due when a block began: local. Only of blocks that did anything by themselves.
#[must_use]
pub fn block_due_key(height: Height) -> Vec<u8> {
    [b"hk".as_slice(), &height.0.to_be_bytes()].concat()
}

/// The first asset's record.
pub const ASSETS_FIRST: &[u8] = b"su";
/// The first key after the assets' records.
pub const ASSETS_END: &[u8] = b"sv";
/// The first key of the state.
pub const STATE_FIRST: &[u8] = b"s";
/// The first key after the state.
pub const STATE_END: &[u8] = b"t";
/// The first member record.
pub const MEMBERS_FIRST: &[u8] = b"sm";
/// The first key after the member records.
pub const MEMBERS_END: &[u8] = b"sn";

impl StateKey {
    /// The key as the table has it. Long names stand as their digests.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            StateKey::Parameters => b"sp".to_vec(),
            StateKey::Member(id) => [b"sm", id.as_str().as_bytes()].concat(),
            StateKey::Event { event_id, declared_at } => {
                event_key(&name_digest(event_id), *declared_at)
            }
            StateKey::Item(uri) => item_key(&name_digest(uri)),
            StateKey::Journal { item, chunk } => journal_key(item, *chunk),
            StateKey::Edge { parent, child } => {
                [b"sc".as_slice(), parent.as_bytes(), child.as_bytes()].concat()
            }
            StateKey::Transformation { recorder, id } => {
                let name = Digest::of(Domain::StateName, &codec::encode(&(recorder, id)));
                [b"sx".as_slice(), name.as_bytes()].concat()
            }
            StateKey::Product(uri) => master_key(MasterKind::Product, &name_digest(uri)),
            StateKey::Place(uri) => master_key(MasterKind::Place, &name_digest(uri)),
            StateKey::Party(uri) => master_key(MasterKind::Party, &name_digest(uri)),
            StateKey::Links(uri) => master_key(MasterKind::Links, &name_digest(uri)),
            StateKey::Recall(id) => {
                [b"sqr".as_slice(), name_digest(&id.to_string()).as_bytes()].concat()
            }
            StateKey::RecallsOf(uri) => [RECALLS_PREFIX, name_digest(uri).as_bytes()].concat(),
            StateKey::RecallNumber(number) => [b"sqn".as_slice(), &number.to_be_bytes()].concat(),
            StateKey::RecallCount => b"sqc".to_vec(),
            StateKey::Asset(asset) => named(b"su", &asset.to_string()),
            StateKey::Account(account) => named(b"sa", &account.to_string()),
            StateKey::Balance { account, asset } => {
                let name = name_digest(&account.to_string());
                balance_key(&name, &name_digest(&asset.to_string()))
            }
            StateKey::Reference { account, reference } => {
                reference_key(&reference_digest(account, reference))
            }
            StateKey::Hold(hold) => hold_key(&hold_digest(hold)),
            StateKey::Terms(id) => [b"sgt".as_slice(), id.0.as_bytes()].concat(),
            StateKey::Agreement(id) => [b"sgp".as_slice(), id.0.as_bytes()].concat(),
            StateKey::AgreementFacts { agreement, chunk } => {
                [b"sgf".as_slice(), agreement.0.as_bytes(), &chunk.to_be_bytes()].concat()
            }
            StateKey::Watched(name) => [b"sw".as_slice(), name.as_bytes()].concat(),
            StateKey::Watch { name, agreement } => {
                [b"sw".as_slice(), name.as_bytes(), b":", agreement.0.as_bytes()].concat()
            }
            StateKey::Watching(id) => [b"sgw".as_slice(), id.0.as_bytes()].concat(),
            StateKey::AgreementTitles(id) => [b"sgn".as_slice(), id.0.as_bytes()].concat(),
            StateKey::SetAside(title) => {
                [b"sgh".as_slice(), name_digest(&title.to_string()).as_bytes()].concat()
            }
            StateKey::Due(due) => due.key(),
        }
    }
}

fn named(prefix: &[u8; 2], name: &str) -> Vec<u8> {
    [prefix.as_slice(), name_digest(name).as_bytes()].concat()
}

/// The keys of the numbers of recalls before `before` (all when none): the first, and the one after
/// the last.
#[must_use]
pub fn recall_numbers_range(before: Option<u64>) -> (Vec<u8>, Vec<u8>) {
    let first = StateKey::RecallNumber(0).encode();
    let end = before
        .map_or_else(|| prefix_range(b"sqn").1, |before| StateKey::RecallNumber(before).encode());
    (first, end)
}

/// What the state keys of items begin with.
pub const ITEM_PREFIX: &[u8] = b"si";

/// What the keys of lists of open recalls begin with.
pub const RECALLS_PREFIX: &[u8] = b"sqi";

/// The state key of an item whose name has this digest.
#[must_use]
pub fn item_key(name: &Digest) -> Vec<u8> {
    [ITEM_PREFIX, name.as_bytes()].concat()
}

/// The first key of all items' records, and the first key after them.
#[must_use]
pub fn item_range() -> (Vec<u8>, Vec<u8>) {
    (b"si".to_vec(), b"sj".to_vec())
}

/// The state key of the record of a product, place or party whose name has this digest.
#[must_use]
pub fn master_key(kind: MasterKind, name: &Digest) -> Vec<u8> {
    [master_prefix(kind).as_slice(), name.as_bytes()].concat()
}

/// The first key of all records of a kind, and the first key after them.
#[must_use]
pub fn master_range(kind: MasterKind) -> (Vec<u8>, Vec<u8>) {
    let first = master_prefix(kind);
    let [s, r, letter] = first;
    (first.to_vec(), vec![s, r, letter + 1])
}

fn master_prefix(kind: MasterKind) -> [u8; 3] {
    match kind {
        MasterKind::Product => *b"srp",
        MasterKind::Place => *b"srl",
        MasterKind::Party => *b"sry",
        MasterKind::Links => *b"srk",
    }
}

/// The state key of a part of an item's journal.
#[must_use]
pub fn journal_key(item: &Digest, chunk: u32) -> Vec<u8> {
    [b"sj".as_slice(), item.as_bytes(), &chunk.to_be_bytes()].concat()
}

/// The range of the keys of everything packed in the item whose name has this digest: first key,
/// and the key after the last.
#[must_use]
pub fn edge_range(parent: &Digest) -> (Vec<u8>, Vec<u8>) {
    let from = [b"sc".as_slice(), parent.as_bytes()].concat();
    let end = [&from, [0xff; 33].as_slice()].concat();
    (from, end)
}

fn event_key(name: &Digest, declared_at: Option<TimestampMs>) -> Vec<u8> {
    let time = declared_at.map(|at| at.0.to_be_bytes());
    [b"se".as_slice(), name.as_bytes(), time.as_ref().map_or(&[], |time| time)].concat()
}

/// The range of the keys of an event and its error declarations: first key, which is the event's,
/// and the key after the last.
#[must_use]
pub fn event_range(event_id: &str) -> (Vec<u8>, Vec<u8>) {
    let from = event_key(&name_digest(event_id), None);
    let end = [&from, [0xff; 9].as_slice()].concat();
    (from, end)
}

/// The digest by which an identifier or eventID is filed.
#[must_use]
pub fn name_digest(name: &str) -> Digest {
    Digest::of(Domain::StateName, name.as_bytes())
}

/// Where an event stands in the history. Ordered as committed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Position {
    /// The block.
    pub height: Height,
    /// The transaction in the block, from 0.
    pub transaction: u32,
    /// The event in the transaction, from 0.
    pub event: u32,
}

impl Position {
    /// Sixteen bytes that sort as positions do.
    #[must_use]
    pub fn to_sortable(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.height.0.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.transaction.to_be_bytes());
        bytes[12..].copy_from_slice(&self.event.to_be_bytes());
        bytes
    }

    /// The inverse of [`Position::to_sortable`].
    #[must_use]
    pub fn from_sortable(bytes: &[u8; 16]) -> Position {
        let [h0, h1, h2, h3, h4, h5, h6, h7, t0, t1, t2, t3, e0, e1, e2, e3] = *bytes;
        Position {
            height: Height(u64::from_be_bytes([h0, h1, h2, h3, h4, h5, h6, h7])),
            transaction: u32::from_be_bytes([t0, t1, t2, t3]),
            event: u32::from_be_bytes([e0, e1, e2, e3]),
        }
    }
}

/// Bytes of a name's digest that a history index keeps: 128 bits tell names apart, and the index
/// is local; what it finds is checked against the item's head.
const INDEX_NAME_BYTES: usize = 16;

/// Which history index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// Every event that names an identifier which has no journal: a class without lot.
    Identifier,
}

impl Index {
    fn tag(self) -> &'static [u8; 2] {
        match self {
            Index::Identifier => b"hi",
        }
    }

    /// The index entry of the event at `position` under a name's digest.
    #[must_use]
    pub fn entry(self, name: &Digest, position: Position) -> Vec<u8> {
        [self.tag().as_slice(), &name.0[..INDEX_NAME_BYTES], &position.to_sortable()].concat()
    }

    /// The range of all entries under a name from `from` (inclusive): first key, and the key after
    /// the last.
    #[must_use]
    pub fn range_from(self, name: &Digest, from: Position) -> (Vec<u8>, Vec<u8>) {
        let mut end = self.entry(
            name,
            Position { height: Height(u64::MAX), transaction: u32::MAX, event: u32::MAX },
        );
        end.push(0);
        (self.entry(name, from), end)
    }

    /// The position an entry's key carries; `None` when the key is no index entry.
    #[must_use]
    pub fn position(key: &[u8]) -> Option<Position> {
        let tail: &[u8; 16] = key.last_chunk()?;
        let known = key.starts_with(Index::Identifier.tag());
        (known && key.len() == 2 + INDEX_NAME_BYTES + 16).then(|| Position::from_sortable(tail))
    }
}

/// A note that this member named the picture with this digest in a product's record. Local, as all
/// indexes.
#[must_use]
pub fn picture_key(picture: &Digest, member: &MemberId) -> Vec<u8> {
    [b"hp".as_slice(), picture.as_bytes(), member.as_str().as_bytes()].concat()
}

/// The first note of a picture, and the key after its last.
#[must_use]
pub fn picture_range(picture: &Digest) -> (Vec<u8>, Vec<u8>) {
    let first = [b"hp".as_slice(), picture.as_bytes()].concat();
    let end = [first.as_slice(), &[0xff]].concat();
    (first, end)
}

/// The member of a picture's note.
#[must_use]
pub fn picture_member(key: &[u8]) -> Option<MemberId> {
    const PREFIX_BYTES: usize = 2 + 32;
    let name = std::str::from_utf8(key.get(PREFIX_BYTES..)?).ok()?;
    MemberId::new(name).ok()
}

/// The directory of a segment of the index of events: local, as all indexes.
#[must_use]
pub fn segment_key(segment: u32) -> Vec<u8> {
    [SEGMENTS_FIRST, &segment.to_be_bytes()].concat()
}

/// The first directory of a segment.
pub const SEGMENTS_FIRST: &[u8] = b"hd";
/// The first key after the directories.
pub const SEGMENTS_END: &[u8] = b"he";

/// Where the events of a segment stand, and when they happened.
#[must_use]
pub fn segment_columns_key(segment: u32) -> Vec<u8> {
    [b"hc".as_slice(), &segment.to_be_bytes()].concat()
}

/// Some of a segment's terms, with the events that are filed under each.
#[must_use]
pub fn segment_terms_key(segment: u32, block: u32) -> Vec<u8> {
    [b"hw".as_slice(), &segment.to_be_bytes(), &block.to_be_bytes()].concat()
}

/// A value that some event has in a field that can be browsed; `tag` stands for the field.
#[must_use]
pub fn browsed_key(tag: u8, value: &str) -> Vec<u8> {
    [BROWSED_FIRST, &[tag], value.as_bytes()].concat()
}

/// The field's tag and the value of such a key.
#[must_use]
pub fn browsed_value(key: &[u8]) -> Option<(u8, &str)> {
    let (tag, value) = key.strip_prefix(BROWSED_FIRST)?.split_first()?;
    Some((*tag, std::str::from_utf8(value).ok()?))
}

/// The first value of any field.
pub const BROWSED_FIRST: &[u8] = b"hv";
/// The first key after the values.
pub const BROWSED_END: &[u8] = b"hw";

/// The keys of everything in the index of events: first keys, and the keys after the last.
pub const EVENT_INDEX_RANGES: [(&[u8], &[u8]); 3] =
    [(b"hc", b"hd"), (b"hd", b"he"), (b"hv", b"hx")];

/// The note of how far the index of events has come in the table.
pub const EVENT_INDEX_KEY: &[u8] = b"mi";

/// Where a transaction is looked up by its id.
#[must_use]
pub fn transaction_key(id: &TransactionId) -> Vec<u8> {
    [b"ht".as_slice(), id.0.as_bytes()].concat()
}

/// The note of how far the table has come: height, block id, block time, state root. Written in
/// the same batch as what it speaks of.
pub const HEAD_KEY: &[u8] = b"mh";

/// The note of the transaction ids of one height, kept while a replay could come.
#[must_use]
pub fn replay_key(height: Height) -> Vec<u8> {
    [b"mw".as_slice(), &height.0.to_be_bytes()].concat()
}

/// The first replay note.
pub const REPLAY_FIRST: &[u8] = b"mw";
/// The first key after the replay notes.
pub const REPLAY_END: &[u8] = b"mx";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_sort_as_they_are_committed() {
        let at =
            |height, transaction, event| Position { height: Height(height), transaction, event };
        let ordered = [at(1, 0, 0), at(1, 0, 256), at(1, 1, 0), at(2, 0, 0), at(256, 0, 0)];
        assert!(ordered.is_sorted_by_key(|p| p.to_sortable()));
        assert!(ordered.iter().all(|p| Position::from_sortable(&p.to_sortable()) == *p));
    }

    /// Promise P98: whoever empties the index of events, to make it anew, takes nothing else along.
    #[test]
    fn the_index_of_events_has_its_keys_for_itself() {
        let account: AccountId = "acme/main".parse().unwrap();
        let (name, member) = (name_digest("a"), MemberId::new("acme").unwrap());
        let position = Position { height: Height(1), transaction: 0, event: 0 };
        let others = [
            block_due_key(Height(1)),
            transaction_key(&TransactionId(name)),
            picture_key(&name, &member),
            member_account_key(&member, &account),
            Index::Identifier.entry(&name, position),
            HEAD_KEY.to_vec(),
            EVENT_INDEX_KEY.to_vec(),
        ];
        for (from, to) in EVENT_INDEX_RANGES {
            assert!(others.iter().all(|key| key.as_slice() < from || key.as_slice() >= to));
        }
    }

    /// Promise P3: one range of keys has an event and its error declarations, and no other's.
    #[test]
    fn an_event_range_holds_its_declarations_and_no_others() {
        let key = |event_id: &str, at: Option<u64>| {
            let declared_at = at.map(TimestampMs);
            StateKey::Event { event_id: event_id.to_owned(), declared_at }.encode()
        };
        let (from, to) = event_range("urn:a");
        assert_eq!(from, key("urn:a", None));
        let ordered = [key("urn:a", None), key("urn:a", Some(7)), key("urn:a", Some(u64::MAX))];
        assert!(ordered.is_sorted() && ordered.iter().all(|k| from <= *k && *k < to));
        assert!(!(from <= key("urn:b", None) && key("urn:b", None) < to));
    }

    #[test]
    fn an_edge_range_holds_the_children_of_one_parent() {
        let (parent, other) = (name_digest("p"), name_digest("q"));
        let (from, to) = edge_range(&parent);
        let edge = |parent, child| StateKey::Edge { parent, child }.encode();
        for child in [Digest([0; 32]), Digest([0xff; 32])] {
            assert!(from <= edge(parent, child) && edge(parent, child) < to);
            assert!(!(from <= edge(other, child) && edge(other, child) < to));
        }
    }

    #[test]
    fn a_picture_is_noted_under_each_member_that_names_it() {
        let (picture, other) = (name_digest("a"), name_digest("b"));
        let members = ["acme", "zulu"].map(|name| MemberId::new(name).unwrap());
        let (from, to) = picture_range(&picture);
        for member in members {
            let key = picture_key(&picture, &member);
            assert!(from <= key && key < to);
            assert!(!(from <= picture_key(&other, &member) && picture_key(&other, &member) < to));
            assert_eq!(picture_member(&key), Some(member));
        }
    }

    #[test]
    fn an_index_range_holds_its_entries_and_no_others() {
        let position = Position { height: Height(7), transaction: 3, event: 2 };
        let (name, other) = (name_digest("a"), name_digest("b"));
        let zero = Position { height: Height(0), transaction: 0, event: 0 };
        let (from, to) = Index::Identifier.range_from(&name, zero);
        let within = |key: &Vec<u8>| from <= *key && *key < to;
        assert!(within(&Index::Identifier.entry(&name, position)));
        assert!(!within(&Index::Identifier.entry(&other, position)));
        assert_eq!(Index::position(&Index::Identifier.entry(&name, position)), Some(position));
        assert_eq!(Index::position(b"short"), None);
    }
}
