//! Answering the core when it is this node's turn to propose.

use malachitebft_core_consensus::{Input as CoreInput, LocallyProposedValue};
use malachitebft_core_types::Round;
use tracehold_chain::block::{Block, BlockId};
use tracehold_chain::codec;
use tracehold_chain::consensus::LedgerContext;
use tracehold_chain::units::TimestampMs;

use super::Replica;
use super::candidates::{Candidate, Verdict};
use super::vote_log::{Record, Step};

impl Replica {
    /// The value to propose in `round`, if it is still this node's turn there.
    ///
    /// The answer for one height and round is always the same (P1). A proposer that crashes after
    /// logging its value and before logging its proposal must come back with *that* value: with a
    /// new one each time, the core's limit of two values in a round drops the first at replay, and
    /// with it the prevote that was already sent.
    pub(super) fn value_for(&mut self, round: u32) -> Option<CoreInput<LedgerContext>> {
        if !self.driver.waits_for_proposal(round) {
            return None;
        }
        let id = match self.logged_value(round).or_else(|| self.own_block_again()) {
            Some(id) => id,
            None => self.build_block()?,
        };
        let value = LocallyProposedValue::new(self.height, Round::new(round), id);
        Some(CoreInput::Propose(value))
    }

    /// The value of ours that the vote log holds for `round`.
    fn logged_value(&self, round: u32) -> Option<BlockId> {
        let ours = |record: &Record| match record {
            Record::Step(Step::Value(value))
                if value.round == round && value.proposer == self.me && value.valid =>
            {
                Some(value.block_id)
            }
            _ => None,
        };
        let id = self.log.iter().find_map(ours)?;
        self.candidates.held.contains_key(&id).then_some(id)
    }

    /// A block of ours from an earlier round that can be proposed as it is.
    fn own_block_again(&self) -> Option<BlockId> {
        let idle = self.pool.is_empty() && !self.is_due_at(self.now);
        let usable = |candidate: &&Candidate| {
            let header = &candidate.block.header;
            let works = !candidate.block.bundles.is_empty() || self.is_due_at(header.block_time);
            header.proposer == self.me
                && matches!(candidate.verdict, Verdict::Valid(_))
                && self.is_timely(header.block_time)
                && (works || idle)
        };
        self.candidates.held.values().find(usable).map(|candidate| candidate.id)
    }

    fn build_block(&mut self) -> Option<BlockId> {
        let block_time = self.now.max(self.ledger.head().block_time.plus_ms(1));
        let mut waiting = self.pool.in_turn(self.height.0);
        let proposed = self.ledger.propose(block_time, self.me, &mut waiting);
        drop(waiting);
        match proposed {
            Ok((block, outcome)) => {
                let bytes = encode_block(&block);
                let id = outcome.block_id();
                let verdict = Verdict::Valid(Box::new(outcome));
                self.hold(Candidate::new(id, block, bytes, verdict));
                Some(id)
            }
            Err(error) => {
                self.outbox.halt(error.to_string());
                None
            }
        }
    }

    /// Whether a newly proposed block's time is near this node's clock.
    ///
    /// A block must be later than the one before, so the least time that allows is timely whatever
    /// the clock says: otherwise one block ahead of its time would hold up all after it.
    pub(super) fn is_timely(&self, block_time: TimestampMs) -> bool {
        let drift = self.parameters.max_clock_drift_ms;
        let latest = self.now.plus_ms(drift).max(self.ledger.head().block_time.plus_ms(1));
        block_time <= latest && block_time.plus_ms(drift) >= self.now
    }
}

/// The one encoding of a block, which is fetched, logged and kept.
pub(super) fn encode_block(block: &Block) -> std::sync::Arc<[u8]> {
    codec::encode(block).into()
}
