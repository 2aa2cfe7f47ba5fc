//! The ledger: the one door between agreement and meaning.
//!
//! [`Ledger::admit`] reads a transaction once. [`Ledger::propose`] and [`Ledger::apply_block`] run
//! a block over the committed state and change nothing. [`Ledger::commit`] makes an outcome the
//! new state and returns the [`Layer`] of writes, which overlay the table until the node says with
//! [`Ledger::flushed`] that the table has them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use tracehold_chain::block::{BLOCK_VERSION, Block, BlockHeader, BlockId};
use tracehold_chain::codec;
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::query::terms::Findable;
use tracehold_chain::genesis::{Genesis, GenesisError, Parameters};
use tracehold_chain::keys::PublicKey;
use tracehold_chain::merkle;
use tracehold_chain::state::key::{
    HEAD_KEY, REPLAY_END, REPLAY_FIRST, STATE_END, STATE_FIRST, block_due_key, replay_key,
    transaction_key,
};
use tracehold_chain::state::tree::Entry;
use tracehold_chain::state::{Batch, Position, StateKey, StateTree, Table, TableError, TreeChange};
use tracehold_chain::transaction::{Bundle, TransactionId};
use tracehold_chain::units::{ChainId, Height, MemberId, TimestampMs};
use tracehold_chain::validators::ValidatorSet;

use crate::admission::{Admitted, Source, admit};
use crate::authority::Authority;
use crate::due;
use crate::execute::{Executed, Execution, Unfit};
use crate::layer::{Head, Layer, Layers};
use crate::overlay::Overlay;
use crate::receipt::{Effects, Receipt, Rejection, RejectionCode, TransactionRecord};

/// Why a ledger cannot be opened on a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The genesis record is wrong.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The table is another network's.
    #[error("the table belongs to another network")]
    OtherNetwork,
    /// What the table holds does not have the root it should: rebuild it from the block log.
    #[error("the table at height {height} has state root {found}, not {expected}")]
    WrongRoot {
        /// The height the table says it is at.
        height: Height,
        /// The root noted there.
        expected: Digest,
        /// The root of what is there.
        found: Digest,
    },
    /// This machine could not read or write.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Why a block gets no vote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBlock {
    /// A field of the header is not what it must be here.
    #[error("the header's {0} is wrong")]
    Header(&'static str),
    /// A transaction that is not well formed or not rightly signed.
    #[error("transaction {index}: {rejection}")]
    Transaction {
        /// Its place.
        index: usize,
        /// What is wrong.
        rejection: Rejection,
    },
    /// A transaction that may not be in this block.
    #[error("transaction {index}: {unfit}")]
    Unfit {
        /// Its place.
        index: usize,
        /// Why not.
        unfit: Unfit,
    },
}

/// Why a block was not applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The block is wrong.
    #[error(transparent)]
    Invalid(#[from] InvalidBlock),
    /// This machine could not read.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// What a block does to the state it was run on.
#[derive(Debug)]
pub struct Outcome {
    header: BlockHeader,
    head: Head,
    writes: Batch,
    tree: TreeChange,
    due: Effects,
    next_due: Option<TimestampMs>,
    receipts: Vec<Receipt>,
    ids: Vec<TransactionId>,
    events: usize,
    found: Vec<(Position, Arc<Findable>)>,
}

impl Outcome {
    /// The block this is the outcome of.
    #[must_use]
    pub fn block_id(&self) -> BlockId {
        self.head.block_id
    }

    /// What was due when the block began.
    #[must_use]
    pub fn due(&self) -> &Effects {
        &self.due
    }

    /// What became of each transaction.
    #[must_use]
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }
}

/// Transactions recorded so lately that they could be replayed.
#[derive(Debug, Default)]
struct ReplayWindow {
    blocks: VecDeque<(Height, TimestampMs, Vec<TransactionId>)>,
    ids: BTreeSet<TransactionId>,
}

impl ReplayWindow {
    fn push(&mut self, height: Height, time: TimestampMs, ids: Vec<TransactionId>) {
        self.ids.extend(ids.iter().copied());
        self.blocks.push_back((height, time, ids));
    }

    /// Heights whose transactions have all expired at `time`: none expires later than `window_ms`
    /// after its block.
    fn over(&self, time: TimestampMs, window_ms: u64) -> impl Iterator<Item = Height> + '_ {
        let past = move |recorded: &TimestampMs| recorded.plus_ms(window_ms) < time;
        self.blocks.iter().take_while(move |(_, at, _)| past(at)).map(|(height, _, _)| *height)
    }

    fn forget(&mut self, time: TimestampMs, window_ms: u64) {
        for _ in 0..self.over(time, window_ms).count() {
            if let Some((_, _, ids)) = self.blocks.pop_front() {
                for id in ids {
                    self.ids.remove(&id);
                }
            }
        }
    }
}

/// The committed state and everything needed to run the next block on it.
pub struct Ledger {
    chain_id: ChainId,
    parameters: Parameters,
    authority: Authority,
    validators: ValidatorSet,
    validators_digest: Digest,
    table: Arc<dyn Table>,
    layers: Layers,
    tree: StateTree,
    head: Head,
    next_due: Option<TimestampMs>,
    replay: ReplayWindow,
}

/// The note of which network a table belongs to: the digest of its genesis record.
const GENESIS_KEY: &[u8] = b"mg";

/// Transactions that act on agreements with too much to catch up on which are tried, all in vain,
/// for one block before what else their members sent waits, too.
const MAX_BEHIND_TRIED: usize = 16;

/// How many entries are read from the table at a time when the tree is rebuilt.
const READ_PAGE: usize = 10_000;

impl Ledger {
    /// Opens the ledger of `genesis` on a table: writes the state of height 0 into an empty one,
    /// otherwise rebuilds the tree and compares its root with the one noted.
    ///
    /// # Errors
    /// [`LedgerError`]; after [`LedgerError::WrongRoot`] the table must be emptied and rebuilt.
    pub fn open(genesis: &Genesis, table: Arc<dyn Table>) -> Result<Ledger, LedgerError> {
        genesis.check()?;
        if table.get(HEAD_KEY)?.is_none() {
            table.apply(&genesis_writes(genesis))?;
        }
        if table.get(GENESIS_KEY)? != Some(codec::encode(&genesis.id())) {
            return Err(LedgerError::OtherNetwork);
        }
        let head: Head = note(&*table, HEAD_KEY)?.ok_or_else(|| TableError("no head".into()))?;
        let mut tree = StateTree::new(genesis.parameters.state_buckets_log2);
        fill(&mut tree, &*table)?;
        if tree.root() != head.state_root {
            let (height, expected, found) = (head.height, head.state_root, tree.root());
            return Err(LedgerError::WrongRoot { height, expected, found });
        }
        let mut replay = ReplayWindow::default();
        for (_, value) in table.range(REPLAY_FIRST, REPLAY_END, usize::MAX)? {
            let (height, time, ids) = codec::decode(&value).map_err(|e| damaged(&e))?;
            replay.push(height, time, ids);
        }
        let validators = genesis.validators().map_err(GenesisError::from)?;
        Ok(Ledger {
            chain_id: genesis.chain_id.clone(),
            parameters: genesis.parameters.clone(),
            authority: Authority::read(&*table)?,
            validators_digest: validators.digest(),
            validators,
            layers: Layers::default(),
            tree,
            head,
            next_due: first_due(&*table)?,
            replay,
            table,
        })
    }

    /// How far the ledger has come.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The network.
    #[must_use]
    pub fn chain_id(&self) -> &ChainId {
        &self.chain_id
    }

    /// What the network chose.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Members and their agents.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The validators of the next block.
    #[must_use]
    pub fn validators(&self) -> &ValidatorSet {
        &self.validators
    }

    /// The tree over the committed state, for proofs.
    #[must_use]
    pub fn tree(&self) -> &StateTree {
        &self.tree
    }

    /// The block time at which something happens by itself next: a block of that time or later is
    /// work even without transactions. It can lie in the past when more was due than one block
    /// does.
    #[must_use]
    pub fn next_due(&self) -> Option<TimestampMs> {
        self.next_due
    }

    /// Layers that are decided and not yet in the table.
    #[must_use]
    pub fn unflushed(&self) -> &Layers {
        &self.layers
    }

    /// Whether the transaction is on record inside the replay window.
    #[must_use]
    pub fn is_recorded(&self, id: &TransactionId) -> bool {
        self.replay.ids.contains(id)
    }

    /// Checks and reads a transaction that wants to wait for a block. Dear: call it once for each.
    /// `now` is this node's clock: an idle network's last block time lags behind it.
    ///
    /// # Errors
    /// [`Rejection`] with the first rule it breaks.
    pub fn admit(&self, bundle: Arc<Bundle>, now: TimestampMs) -> Result<Admitted, Rejection> {
        let expires_at = bundle.transaction.body.expires_at;
        let latest = now.max(self.head.block_time).plus_ms(self.parameters.expiry_window_ms);
        if expires_at <= self.head.block_time {
            return Err(Rejection::new(RejectionCode::Expired, expires_at.to_string()));
        }
        if expires_at > latest {
            let subject = format!("{expires_at}, the latest allowed is {latest}");
            return Err(Rejection::new(RejectionCode::ExpiresTooLate, subject));
        }
        let admitted =
            admit(&self.authority, &self.chain_id, &self.parameters, bundle, Source::Peer)?;
        if self.is_recorded(&admitted.id) {
            return Err(Rejection::new(RejectionCode::Replayed, admitted.id.to_string()));
        }
        Ok(admitted)
    }

    /// Builds and runs the next block from those that wait, as many as have room.
    ///
    /// # Errors
    /// [`TableError`] when this machine cannot read.
    pub fn propose(
        &self,
        block_time: TimestampMs,
        proposer: PublicKey,
        waiting: &mut dyn Iterator<Item = Arc<Admitted>>,
    ) -> Result<(Block, Outcome), TableError> {
        let height = self.head.height.next();
        let was_recorded = |id: &TransactionId| self.is_recorded(id);
        let mut execution = self.execution(block_time, &was_recorded)?;
        let (mut bundles, mut leaves) = (Vec::new(), Vec::new());
        // What a member sent after something of its own that has to wait waits behind it.
        let mut waits: BTreeSet<MemberId> = BTreeSet::new();
        let mut behind = 0;
        for transaction in waiting {
            if waits.contains(&transaction.member) {
                continue;
            }
            match execution.run(&transaction)? {
                Ok(()) => {
                    bundles.push(transaction.bundle.clone());
                    leaves.push(transaction.leaf);
                }
                Err(Unfit::NoRoom) => break,
                Err(Unfit::Waits) => {
                    waits.insert(transaction.member.clone());
                }
                Err(Unfit::Behind) => {
                    behind += 1;
                    if behind >= MAX_BEHIND_TRIED {
                        waits.insert(transaction.member.clone());
                    }
                }
                Err(_) => {}
            }
        }
        let executed = execution.finish()?;
        let (tree, receipts_root, encoded) = self.roots(&executed);
        let header = BlockHeader {
            version: BLOCK_VERSION,
            chain_id: self.chain_id.clone(),
            height,
            previous_block_id: self.head.block_id,
            block_time,
            proposer,
            validators: self.validators_digest,
            next_validators: self.validators_digest,
            transactions_root: merkle::root(&leaves),
            receipts_root,
            state_root: tree.root(),
        };
        let outcome = self.outcome(&header, executed, tree, encoded);
        Ok((Block { header, bundles }, outcome))
    }

    /// Checks and runs a block on the committed state. Changes nothing. `known` may offer
    /// transactions that were admitted before; they are used when they are the same to the byte.
    ///
    /// # Errors
    /// [`ApplyError::Invalid`] when the block is wrong in any way, its results included.
    pub fn apply_block(
        &self,
        block: &Block,
        known: &dyn Fn(&TransactionId) -> Option<Arc<Admitted>>,
    ) -> Result<Outcome, ApplyError> {
        self.apply(block, known, Source::Peer)
    }

    /// As [`Ledger::apply_block`], for a block from this node's own log: what was checked before it
    /// was written (digests of bodies, signatures) is not checked again; its results are.
    ///
    /// # Errors
    /// [`ApplyError`].
    pub fn replay_block(&self, block: &Block) -> Result<Outcome, ApplyError> {
        self.apply(block, &|_| None, Source::OwnLog)
    }

    fn apply(
        &self,
        block: &Block,
        known: &dyn Fn(&TransactionId) -> Option<Arc<Admitted>>,
        source: Source,
    ) -> Result<Outcome, ApplyError> {
        self.check_header(&block.header)?;
        let admitted: Vec<Option<Arc<Admitted>>> = match source {
            Source::Peer => block.bundles.iter().map(|bundle| same(known, bundle)).collect(),
            Source::OwnLog => vec![None; block.bundles.len()],
        };
        let leaf = |(bundle, admitted): (&Arc<Bundle>, &Option<Arc<Admitted>>)| {
            admitted.as_ref().map_or_else(|| bundle.transaction.leaf(), |admitted| admitted.leaf)
        };
        let leaves: Vec<Digest> = block.bundles.iter().zip(&admitted).map(leaf).collect();
        if block.header.transactions_root != merkle::root(&leaves) {
            return Err(InvalidBlock::Header("transactions_root").into());
        }
        let was_recorded = |id: &TransactionId| self.is_recorded(id);
        let mut execution = self.execution(block.header.block_time, &was_recorded)?;
        for (index, (bundle, admitted)) in block.bundles.iter().zip(admitted).enumerate() {
            let transaction = match admitted {
                Some(admitted) => admitted,
                None => self
                    .admitted(bundle, source)
                    .map_err(|rejection| InvalidBlock::Transaction { index, rejection })?,
            };
            let ran = execution.run(&transaction)?;
            ran.map_err(|unfit| InvalidBlock::Unfit { index, unfit })?;
        }
        let executed = execution.finish()?;
        let (tree, receipts_root, encoded) = self.roots(&executed);
        if block.header.receipts_root != receipts_root {
            return Err(InvalidBlock::Header("receipts_root").into());
        }
        if block.header.state_root != tree.root() {
            return Err(InvalidBlock::Header("state_root").into());
        }
        Ok(self.outcome(&block.header, executed, tree, encoded))
    }

    fn admitted(&self, bundle: &Arc<Bundle>, source: Source) -> Result<Arc<Admitted>, Rejection> {
        let (authority, parameters) = (&self.authority, &self.parameters);
        admit(authority, &self.chain_id, parameters, bundle.clone(), source).map(Arc::new)
    }

    fn check_header(&self, header: &BlockHeader) -> Result<(), InvalidBlock> {
        let wrong = |field| Err(InvalidBlock::Header(field));
        if header.version != BLOCK_VERSION {
            return wrong("version");
        }
        if header.chain_id != self.chain_id {
            return wrong("chain_id");
        }
        if header.height != self.head.height.next() {
            return wrong("height");
        }
        if header.previous_block_id != self.head.block_id {
            return wrong("previous_block_id");
        }
        if header.block_time <= self.head.block_time {
            return wrong("block_time");
        }
        if self.validators.get(&header.proposer).is_none() {
            return wrong("proposer");
        }
        if header.validators != self.validators_digest {
            return wrong("validators");
        }
        if header.next_validators != self.validators_digest {
            return wrong("next_validators");
        }
        Ok(())
    }

    fn execution<'a>(
        &'a self,
        block_time: TimestampMs,
        was_recorded: &'a dyn Fn(&TransactionId) -> bool,
    ) -> Result<Execution<'a>, TableError> {
        let overlay = Overlay::new(&*self.table, &self.layers, &self.tree);
        let at = (self.head.height.next(), block_time);
        let (authority, parameters) = (&self.authority, &self.parameters);
        Execution::new(overlay, authority, parameters, at, was_recorded, self.next_due)
    }

    /// The tree's change, the receipts' root, and the encoding of each receipt.
    fn roots(&self, executed: &Executed) -> (TreeChange, Digest, Vec<Vec<u8>>) {
        let writes = executed.state.iter();
        let tree = self.tree.change(writes.map(|(key, value)| (key.as_slice(), value.as_deref())));
        let due = (!executed.due.is_empty()).then(|| executed.due.due_leaf());
        let encoded: Vec<Vec<u8>> = executed.receipts.iter().map(codec::encode).collect();
        let receipts = encoded.iter().map(|receipt| Receipt::leaf_of(receipt));
        let leaves: Vec<Digest> = due.into_iter().chain(receipts).collect();
        (tree, merkle::root(&leaves), encoded)
    }

    fn outcome(
        &self,
        header: &BlockHeader,
        executed: Executed,
        tree: TreeChange,
        encoded: Vec<Vec<u8>>,
    ) -> Outcome {
        let (height, block_time) = (header.height, header.block_time);
        let head =
            Head { height, block_id: header.id(), block_time, state_root: header.state_root };
        let mut writes = executed.state;
        writes.extend(executed.indexed);
        if !executed.due.is_empty() {
            writes.insert(block_due_key(height), Some(codec::encode(&executed.due)));
        }
        for ((index, receipt), encoded) in (0_u32..).zip(&executed.receipts).zip(encoded) {
            let record = TransactionRecord::encoded(height, index, &encoded);
            writes.insert(transaction_key(&receipt.transaction_id), Some(record));
        }
        if !executed.ids.is_empty() {
            let note = codec::encode(&(height, block_time, &executed.ids));
            writes.insert(replay_key(height), Some(note));
        }
        for over in self.replay.over(block_time, self.parameters.expiry_window_ms) {
            writes.insert(replay_key(over), None);
        }
        writes.insert(HEAD_KEY.to_vec(), Some(codec::encode(&head)));
        let Executed { due, next_due, receipts, ids, events, found, .. } = executed;
        let header = header.clone();
        Outcome { header, head, writes, tree, due, next_due, receipts, ids, events, found }
    }

    /// Makes the outcome of the decided next block the new state.
    ///
    /// # Panics
    /// When the outcome is not of a block on the present head: a fault of the caller.
    pub fn commit(&mut self, outcome: Outcome) -> Arc<Layer> {
        assert_eq!(
            outcome.header.previous_block_id, self.head.block_id,
            "an outcome is committed on the head it was computed from"
        );
        let Outcome { header, head, writes, tree, due, next_due, receipts, ids, events, found } =
            outcome;
        self.next_due = next_due;
        self.tree.merge(tree);
        self.replay.forget(head.block_time, self.parameters.expiry_window_ms);
        if !ids.is_empty() {
            self.replay.push(head.height, head.block_time, ids);
        }
        self.head = head.clone();
        let layer = Arc::new(Layer { head, header, writes, due, receipts, events, found });
        self.layers.0.push(layer.clone());
        layer
    }

    /// The table now has every layer up to `height`.
    pub fn flushed(&mut self, height: Height) {
        self.layers.0.retain(|layer| layer.head.height > height);
    }
}

/// What was admitted before, if it is the same to the byte.
fn same(
    known: &dyn Fn(&TransactionId) -> Option<Arc<Admitted>>,
    bundle: &Arc<Bundle>,
) -> Option<Arc<Admitted>> {
    known(&bundle.transaction.id()).filter(|admitted| admitted.bundle == *bundle)
}

fn genesis_writes(genesis: &Genesis) -> Batch {
    let mut state = Batch::new();
    state.insert(StateKey::Parameters.encode(), Some(codec::encode(&genesis.parameters)));
    for member in &genesis.members {
        let key = StateKey::Member(member.id.clone()).encode();
        state.insert(key, Some(codec::encode(member)));
    }
    let mut tree = StateTree::new(genesis.parameters.state_buckets_log2);
    let change = tree.change(state.iter().map(|(key, value)| (key.as_slice(), value.as_deref())));
    tree.merge(change);
    let head = Head {
        height: Height::GENESIS,
        block_id: genesis.id(),
        block_time: genesis.created_at,
        state_root: tree.root(),
    };
    state.insert(HEAD_KEY.to_vec(), Some(codec::encode(&head)));
    state.insert(GENESIS_KEY.to_vec(), Some(codec::encode(&genesis.id())));
    state
}

fn fill(tree: &mut StateTree, table: &dyn Table) -> Result<(), TableError> {
    let mut from = STATE_FIRST.to_vec();
    let mut entries = Vec::new();
    loop {
        let page = table.range(&from, STATE_END, READ_PAGE)?;
        entries.extend(page.iter().map(|(key, value)| Entry {
            key: Entry::key_digest(key),
            value: Entry::value_digest(value),
        }));
        match page.last() {
            Some((last, _)) if page.len() == READ_PAGE => {
                from.clone_from(last);
                from.push(0);
            }
            _ => break,
        }
    }
    tree.fill(entries.into_iter());
    Ok(())
}

/// When something is due next.
fn first_due(table: &dyn Table) -> Result<Option<TimestampMs>, TableError> {
    due::next(&|first, end| table.range(first, end, 1))
}

fn note<T: serde::Serialize + serde::de::DeserializeOwned>(
    table: &dyn Table,
    key: &[u8],
) -> Result<Option<T>, TableError> {
    table.get(key)?.map(|bytes| codec::decode(&bytes).map_err(|e| damaged(&e))).transpose()
}

fn damaged(error: &codec::CodecError) -> TableError {
    TableError(format!("a note of the table is damaged: {error}"))
}
