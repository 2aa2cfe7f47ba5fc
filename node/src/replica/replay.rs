//! Back to where the node was before a crash, from the vote log.

use std::collections::BTreeSet;

use malachitebft_core_consensus::Input as CoreInput;
use malachitebft_core_types::{SignedProposal, SignedVote};
use tracehold_chain::consensus::LedgerContext;
use tracehold_chain::consensus::message::Gossip;

use super::Replica;
use super::driver::{Driver, Stopped};
use super::guard::{SignKey, vote_key};
use super::vote_log::{Record, Step};

impl Replica {
    /// Takes up the records of the height above the last decided block; those of other heights are
    /// of no use any more.
    pub(super) fn load_vote_log(&mut self, records: &[Vec<u8>]) {
        let decoded = records.iter().filter_map(|bytes| Record::decode(bytes));
        let ours = decoded.filter(|(height, _)| *height == self.height);
        self.log = ours.map(|(_, record)| record).collect();
        #[cfg(feature = "planted-bugs")]
        if self.planted(super::PlantedBug::SkipReplay) {
            self.log.clear();
        }
    }

    /// Continues the height that was under way, if any.
    pub(super) fn resume(&mut self) {
        if self.log.is_empty() || !self.keeps_votes() {
            self.pace();
            return;
        }
        self.running = true;
        self.replay_height();
        self.settle();
    }

    /// Brings a fresh core to where the vote log says it was.
    ///
    /// Afterwards every vote of ours in the log must have come up again. If one has not, the
    /// core has taken another way than before the crash, and the node follows this height without
    /// signing anything more.
    pub(super) fn replay_height(&mut self) {
        loop {
            match self.replay_once() {
                Ok(sent) if self.abstaining || self.own_log_keys().is_subset(&sent) => break,
                Ok(_) => {
                    tracing::warn!(height = %self.height, "a vote of ours did not come up again");
                    self.abstaining = true;
                }
                Err(Stopped::Refused) if !self.abstaining => self.abstaining = true,
                // What the core cannot take in again it may have from a peer that means ill: the
                // node goes on without the log, and therefore without signing, at this height.
                Err(Stopped::Failed(reason)) if !self.abstaining => {
                    tracing::warn!(height = %self.height, reason, "the vote log is not replayed");
                    self.abstaining = true;
                    self.log.retain(|record| matches!(record, Record::Block(_)));
                }
                Err(Stopped::Refused) => {
                    return self.outbox.halt("a node that abstains was asked to sign".into());
                }
                Err(Stopped::Diverged(reason) | Stopped::Failed(reason)) => {
                    return self.outbox.halt(format!("the vote log cannot be replayed: {reason}"));
                }
            }
        }
        self.send_own_proposal();
        self.look_after_all();
    }

    /// One replay. Returns the places of our votes that came up.
    fn replay_once(&mut self) -> Result<BTreeSet<SignKey>, Stopped> {
        self.renew_core();
        let log = std::mem::take(&mut self.log);
        for record in &log {
            match record {
                Record::Block(bytes) => self.restore_block(bytes),
                Record::Step(step) => self.restore_signed(step),
            }
        }
        let steps = log.iter().filter_map(|record| match record {
            Record::Step(step) => Some(step.to_input(self.height)),
            Record::Block(_) => None,
        });
        let inputs: Vec<CoreInput<LedgerContext>> = steps.collect();
        self.log = log;
        self.replaying = true;
        let stopped = self.replay_inputs(inputs);
        self.replaying = false;
        let sent = self.driver.end_replay();
        stopped.map_or(Ok(sent), Err)
    }

    fn replay_inputs(&mut self, inputs: Vec<CoreInput<LedgerContext>>) -> Option<Stopped> {
        let start = Driver::start_input(self.height, self.ledger.validators().clone());
        if let Some(stopped) = self.feed(start) {
            return Some(stopped);
        }
        // After the start, which clears what is recorded here.
        self.driver.begin_replay(&inputs);
        for input in inputs {
            if let Some(stopped) = self.feed(input) {
                return Some(stopped);
            }
        }
        None
    }

    fn restore_signed(&mut self, step: &Step) {
        match step {
            Step::Vote(vote) if vote.validator == self.me => {
                let vote: SignedVote<LedgerContext> = (*vote).into();
                self.driver.guard().restore_vote(&vote);
            }
            Step::Proposal(proposal) if proposal.proposer == self.me => {
                let proposal: SignedProposal<LedgerContext> = (*proposal).into();
                self.driver.guard().restore_proposal(&proposal);
            }
            _ => {}
        }
    }

    /// The places of our votes in the log. Our proposals are not among them: the core is not asked
    /// for a value in a replay, so it takes them in from the log like anybody's.
    fn own_log_keys(&self) -> BTreeSet<SignKey> {
        let key = |record: &Record| match record {
            Record::Step(Step::Vote(vote)) if vote.validator == self.me => {
                let vote: SignedVote<LedgerContext> = (*vote).into();
                Some(vote_key(&vote.message))
            }
            _ => None,
        };
        self.log.iter().filter_map(key).collect()
    }

    /// Sends our proposal of the present round again: peers may never have heard it.
    fn send_own_proposal(&mut self) {
        let round = self.driver.round();
        let ours = self.log.iter().find_map(|record| match record {
            Record::Step(Step::Proposal(proposal))
                if proposal.proposer == self.me && Some(proposal.round) == round =>
            {
                Some(*proposal)
            }
            _ => None,
        });
        if let Some(proposal) = ours {
            self.send(Gossip::Proposal(proposal));
        }
    }
}
