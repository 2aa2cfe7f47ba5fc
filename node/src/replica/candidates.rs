//! Blocks that may be decided at the present height: which are proposed, which are held, which are
//! valid. Bytes travel apart from proposals and are fetched by digest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use malachitebft_core_consensus::{Input as CoreInput, ProposedValue};
use malachitebft_core_types::{Validity, ValueOrigin};
use tracehold_chain::block::{Block, BlockId};
use tracehold_chain::codec;
use tracehold_chain::consensus::Proposal;
use tracehold_chain::consensus::message::Request;
use tracehold_chain::keys::PublicKey;
use tracehold_contracts::Outcome;
use tracehold_contracts::ledger::ApplyError;

use super::requests::Asked;
use super::{Effect, Replica, TimerId};

/// Blocks held at one height. Each round brings at most two that are rightly signed, and rounds
/// grow longer; beyond this the oldest that nobody is locked on is dropped and fetched again if it
/// is wanted after all.
const MAX_HELD: usize = 16;

/// A peer that has not sent a wanted block after this long is not waited for; twice as long with
/// each further peer, up to [`MAX_FETCH_WAIT_MS`].
const FETCH_WAIT_MS: u64 = 300;

/// The longest wait for one peer's block.
const MAX_FETCH_WAIT_MS: u64 = 5_000;

/// A block whose bytes are held.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) id: BlockId,
    pub(super) block: Arc<Block>,
    pub(super) bytes: Arc<[u8]>,
    pub(super) verdict: Verdict,
    /// Whether the vote log holds the bytes.
    pub(super) logged: bool,
}

/// What running a block has shown.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It has not been run.
    Unchecked,
    /// It is what it should be; this is what it does.
    Valid(Box<Outcome>),
    /// It gets no vote.
    Invalid,
}

impl Candidate {
    pub(super) fn new(id: BlockId, block: Block, bytes: Arc<[u8]>, verdict: Verdict) -> Candidate {
        Candidate { id, block: Arc::new(block), bytes, verdict, logged: false }
    }
}

/// The blocks of the present height.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    pub(super) held: BTreeMap<BlockId, Candidate>,
    /// Rightly signed proposals that the core has taken in, by block.
    proposals: BTreeMap<BlockId, Vec<Proposal>>,
    /// What the core has been told of each block: valid or not.
    told: BTreeMap<BlockId, bool>,
    /// Blocks being fetched, and how many peers have been asked for them.
    wanted: BTreeMap<BlockId, u32>,
}

impl Candidates {
    /// The core was told (now or before a crash) whether this block is valid.
    pub(super) fn note_told(&mut self, id: BlockId, valid: bool) {
        *self.told.entry(id).or_insert(valid) |= valid;
    }
}

/// Reads a block if it is the one named `id`.
fn open_block(bytes: &[u8], id: BlockId) -> Option<Block> {
    let block: Block = codec::decode(bytes).ok()?;
    (block.id() == id).then_some(block)
}

/// Whether transactions and bodies are those that the header names. What is wrong with a block
/// that passes is its proposer's doing; with one that does not, the sender's.
pub(super) fn content_is_authentic(block: &Block) -> bool {
    block.header.transactions_root == Block::transactions_root(&block.bundles)
        && block.bundles.iter().all(|bundle| bundle.check().is_ok())
}

impl Replica {
    /// Holds a block. When there are too many, the one proposed longest ago goes, if none is locked
    /// on it.
    pub(super) fn hold(&mut self, candidate: Candidate) {
        let Candidates { held, proposals, .. } = &self.candidates;
        if held.len() >= MAX_HELD {
            let last_proposed =
                |id: &BlockId| proposals.get(id).and_then(|all| all.iter().map(|p| p.round).max());
            let free = held.keys().copied().filter(|id| !self.driver.has_polka(*id));
            if let Some(oldest) = free.min_by_key(last_proposed) {
                self.candidates.held.remove(&oldest);
            }
        }
        self.candidates.held.insert(candidate.id, candidate);
    }

    /// The core has taken in a rightly signed proposal. Only now may it be told of the block (P3):
    /// what it is told of unasked takes one of its two places for values of a round.
    pub(super) fn on_proposed(&mut self, proposal: Proposal) {
        let id = proposal.block_id;
        let known = self.candidates.proposals.entry(id).or_default();
        if !known.contains(&proposal) {
            known.push(proposal);
        }
        if !self.replaying {
            self.look_after(id);
        }
    }

    /// After a replay: looks after the proposals whose blocks the core has not been told of.
    pub(super) fn look_after_all(&mut self) {
        let ids: Vec<BlockId> = self.candidates.proposals.keys().copied().collect();
        for id in ids {
            self.look_after(id);
        }
    }

    /// Tells the core of a proposed block, or fetches it first.
    fn look_after(&mut self, id: BlockId) {
        if self.candidates.told.get(&id) == Some(&true) {
            return;
        }
        if self.candidates.held.contains_key(&id) {
            self.judge(id);
        } else if !self.candidates.told.contains_key(&id) || self.is_proposed_again(id) {
            self.fetch(id);
        }
    }

    fn is_proposed_again(&self, id: BlockId) -> bool {
        let proposals = self.candidates.proposals.get(&id);
        proposals.is_some_and(|all| all.iter().any(|p| p.pol_round.is_defined()))
    }

    /// Runs a held block if it has not been run, and tells the core whether it is valid.
    ///
    /// The clock is asked only about a block that has no proof of lock: more than two thirds have
    /// prevoted one that has, so enough honest validators found it timely, and to refuse it now
    /// would only hold up what they are locked on. A proposal that claims a proof which has not
    /// come is not judged by the clock before it has: a claim alone must not get round the clock.
    fn judge(&mut self, id: BlockId) {
        let Some(runs) = self.run_candidate(id) else { return };
        let Some(candidate) = self.candidates.held.get(&id) else { return };
        let timely = self.is_timely(candidate.block.header.block_time) || self.driver.has_polka(id);
        if runs && !timely && self.is_proposed_again(id) {
            return;
        }
        let valid = runs && timely;
        if self.candidates.told.get(&id) == Some(&valid) {
            return;
        }
        let proposals = self.candidates.proposals.get(&id);
        let Some(proposal) = proposals.and_then(|all| all.last()) else { return };
        let value = ProposedValue {
            height: self.height,
            round: proposal.round,
            valid_round: proposal.pol_round,
            proposer: proposal.proposer,
            value: id,
            validity: Validity::from_bool(valid),
        };
        self.candidates.note_told(id, valid);
        self.queue.push_back(CoreInput::ProposedValue(value, ValueOrigin::Consensus));
    }

    /// Whether the block is valid but for the clock; `None` when its bytes turn out not to be it,
    /// or this machine cannot tell.
    fn run_candidate(&mut self, id: BlockId) -> Option<bool> {
        let candidate = self.candidates.held.get(&id)?;
        match candidate.verdict {
            Verdict::Valid(_) => return Some(true),
            Verdict::Invalid => return Some(false),
            Verdict::Unchecked => {}
        }
        #[cfg(feature = "planted-bugs")]
        if self.planted(super::PlantedBug::VoteWithoutExecuting) {
            return Some(true);
        }
        let block = candidate.block.clone();
        let verdict = match self.ledger.apply_block(&block, &|id| self.pool.known(id)) {
            Ok(outcome) => Verdict::Valid(Box::new(outcome)),
            Err(ApplyError::Table(error)) => {
                self.outbox.halt(error.to_string());
                return None;
            }
            Err(ApplyError::Invalid(_)) if !content_is_authentic(&block) => {
                self.candidates.held.remove(&id);
                self.fetch(id);
                return None;
            }
            Err(ApplyError::Invalid(reason)) => {
                tracing::warn!(%id, height = %self.height, %reason, "a proposed block is invalid");
                Verdict::Invalid
            }
        };
        let valid = matches!(verdict, Verdict::Valid(_));
        self.candidates.held.get_mut(&id)?.verdict = verdict;
        Some(valid)
    }

    /// A block that this node's clock refused may since have been prevoted by more than two
    /// thirds: then the clock no longer counts. Or the clock has caught up.
    pub(super) fn reconsider_untimely(&mut self) {
        let Candidates { held, proposals, told, .. } = &self.candidates;
        let open = |id: &&BlockId| {
            told.get(*id) != Some(&true)
                && held.get(*id).is_some_and(|held| matches!(held.verdict, Verdict::Valid(_)))
        };
        let open: Vec<BlockId> = proposals.keys().filter(open).copied().collect();
        for id in open {
            self.judge(id);
        }
    }

    /// Asks the next peer for a block: the proposer first, then the others in turn.
    pub(super) fn fetch(&mut self, id: BlockId) {
        let asked = self.candidates.wanted.entry(id).or_insert(0);
        let turn = *asked;
        *asked = asked.saturating_add(1);
        let wait = FETCH_WAIT_MS.saturating_mul(1 << turn.min(8)).min(MAX_FETCH_WAIT_MS);
        self.outbox.push(Effect::SetTimer { id: TimerId::Fetch(id), after_ms: wait });
        if let Some(peer) = self.peer_to_ask(id, turn) {
            let question = Request::Block { height: self.height, id };
            self.ask(peer, Asked::Block { height: self.height, id }, &question);
        }
    }

    fn peer_to_ask(&self, id: BlockId, turn: u32) -> Option<PublicKey> {
        let proposers: BTreeSet<PublicKey> = self
            .candidates
            .proposals
            .get(&id)
            .into_iter()
            .flatten()
            .map(|proposal| proposal.proposer)
            .filter(|proposer| self.peers.contains_key(proposer))
            .collect();
        let others = self.peers.keys().filter(|peer| !proposers.contains(peer));
        let order: Vec<PublicKey> = proposers.iter().chain(others).copied().collect();
        let turn = usize::try_from(turn).unwrap_or(0);
        order.get(turn.checked_rem(order.len())?).copied()
    }

    /// The wait for a peer's block is over.
    pub(super) fn on_fetch_timer(&mut self, id: BlockId) {
        if self.candidates.wanted.contains_key(&id) {
            self.fetch(id);
        }
    }

    /// A peer has answered a request for a block of this height.
    pub(super) fn on_block_bytes(&mut self, id: BlockId, bytes: &[u8]) {
        if !self.candidates.wanted.contains_key(&id) {
            return;
        }
        // Junk is dropped; the timer asks the next peer.
        let Some(block) = open_block(bytes, id) else { return };
        self.candidates.wanted.remove(&id);
        self.outbox.push(Effect::CancelTimer(TimerId::Fetch(id)));
        self.hold(Candidate::new(id, block, bytes.into(), Verdict::Unchecked));
        self.judge(id);
        self.settle();
    }

    /// A peer has no such block, or no answer will come: asks the next one, unless all have been
    /// asked; then the timer does.
    pub(super) fn on_block_missing(&mut self, id: BlockId) {
        let Some(asked) = self.candidates.wanted.get(&id) else { return };
        if usize::try_from(*asked).unwrap_or(usize::MAX) < self.peers.len() {
            self.fetch(id);
        }
    }

    /// Forgets all blocks: their height is decided.
    pub(super) fn forget_candidates(&mut self) {
        for id in std::mem::take(&mut self.candidates).wanted.into_keys() {
            self.outbox.push(Effect::CancelTimer(TimerId::Fetch(id)));
        }
    }

    /// Brings a block back from the vote log.
    pub(super) fn restore_block(&mut self, bytes: &Arc<[u8]>) {
        let Ok(block) = codec::decode::<Block>(bytes) else { return };
        let id = block.id();
        if !self.candidates.held.contains_key(&id) {
            let mut candidate = Candidate::new(id, block, bytes.clone(), Verdict::Unchecked);
            candidate.logged = true;
            self.hold(candidate);
        }
    }
}
