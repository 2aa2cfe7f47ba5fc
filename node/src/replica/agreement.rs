//! From the core's events to effects: logging, sending, timers, decisions.

use std::sync::Arc;

use malachitebft_core_consensus::Input as CoreInput;
use malachitebft_core_types::{Timeout, TimeoutKind};
use tracehold_chain::block::BlockId;
use tracehold_chain::certificate::{CommitCertificate, DecidedBlock};
use tracehold_chain::codec;
use tracehold_chain::consensus::LedgerContext;
use tracehold_chain::consensus::message::Gossip;
use tracehold_contracts::Outcome;

use super::candidates::Verdict;
use super::driver::{Driver, Event, Stopped};
use super::pace::did_due_work;
use super::vote_log::{Record, Step, timeout_ms};
use super::{Effect, Replica, TimerId, TimerStep, Topic};

/// Restarts of the core at one height after errors it did not explain; then the node stops.
const MAX_RESTARTS: u32 = 3;

impl Replica {
    /// Begins the height above the last decided block.
    pub(super) fn start_height(&mut self) {
        self.outbox.push(Effect::CancelTimer(TimerId::Pace));
        if self.keeps_votes() {
            self.outbox.push(Effect::ResetVotes(self.height));
        }
        self.log.clear();
        self.running = true;
        self.abstaining = false;
        self.restarts = 0;
        self.renew_core();
        let start = Driver::start_input(self.height, self.ledger.validators().clone());
        self.queue.push_back(start);
        for message in self.early.take(self.height) {
            match message {
                Gossip::Vote(vote) => self.queue.push_back(CoreInput::Vote(vote.into())),
                Gossip::Proposal(proposal) => {
                    self.queue.push_back(CoreInput::Proposal(proposal.into()));
                }
                _ => {}
            }
        }
        self.settle();
    }

    /// A core without memory of this height.
    pub(super) fn renew_core(&mut self) {
        let validators = self.ledger.validators().clone();
        self.driver.renew(self.height, validators, !self.abstaining);
        self.queue.clear();
        self.value_wanted = None;
        self.decision = None;
        self.own_proposal = None;
        self.cancel_timeouts();
        self.generation = self.generation.wrapping_add(1);
    }

    /// Whether this node votes at this height and so keeps a vote log.
    pub(super) fn keeps_votes(&self) -> bool {
        self.ledger.validators().get(&self.me).is_some()
    }

    /// Feeds the core until nothing is left to feed, and commits what it has decided.
    pub(super) fn settle(&mut self) {
        while self.running && !self.outbox.is_halted() {
            if let Some(certificate) = self.decision.take() {
                self.on_decision(certificate);
            } else if let Some(input) = self.queue.pop_front() {
                if let Some(stopped) = self.feed(input) {
                    self.on_stopped(stopped);
                }
            } else if let Some(round) = self.value_wanted.take() {
                let value = self.value_for(round);
                self.queue.extend(value);
            } else {
                self.reconsider_untimely();
                if self.queue.is_empty() {
                    return;
                }
            }
        }
    }

    /// Feeds one input and handles its events, in order.
    pub(super) fn feed(&mut self, input: CoreInput<LedgerContext>) -> Option<Stopped> {
        let (events, stopped) = self.driver.feed(input);
        let mut resend = false;
        for event in events {
            match event {
                Event::Log(input) => self.log_input(input),
                // When the core stopped in the middle, what it wanted sent may contradict what it
                // will arrive at after a restart: nothing is sent before it is sure.
                Event::Send(_) if stopped.is_some() => {}
                Event::Send(gossip) => self.send(gossip),
                Event::Resent => resend = true,
                Event::Schedule(timeout) => self.schedule(&timeout),
                Event::Cancel(timeout) => self.cancel_timeout(&timeout),
                Event::CancelAll => self.cancel_timeouts(),
                Event::Entered { round, proposer } => {
                    tracing::debug!(height = %self.height, round, %proposer, "round begins");
                    // A value asked for in an earlier round is no longer wanted (P5).
                    self.value_wanted = None;
                    self.own_proposal = None;
                }
                Event::GetValue { round } => self.value_wanted = Some(round),
                Event::Decided(certificate) => self.decision = Some(certificate),
                Event::Evidence(pairs) => {
                    tracing::warn!(height = %self.height, pairs, "validators signed twice");
                }
            }
        }
        if resend && let Some(proposal) = self.own_proposal {
            self.send(Gossip::Proposal(proposal));
        }
        stopped
    }

    /// The core cannot go on with the state it has.
    pub(super) fn on_stopped(&mut self, stopped: Stopped) {
        match stopped {
            Stopped::Refused => {
                tracing::warn!(height = %self.height, "a second signature was refused: abstaining");
                self.abstaining = true;
            }
            Stopped::Diverged(reason) => return self.outbox.halt(reason),
            Stopped::Failed(reason) => {
                self.restarts = self.restarts.saturating_add(1);
                if self.restarts > MAX_RESTARTS {
                    return self.outbox.halt(reason);
                }
                tracing::warn!(height = %self.height, reason, "the core is started again");
            }
        }
        self.replay_height();
    }

    /// Puts an input that the core has taken in into the vote log, and a block's bytes before the
    /// word that they are held.
    fn log_input(&mut self, input: CoreInput<LedgerContext>) {
        let step = Step::of_input(&input);
        if let Step::Value(value) = &step {
            self.candidates.note_told(value.block_id, value.valid);
            if value.valid {
                self.log_block(value.block_id);
            }
        }
        self.append(Record::Step(step));
        if let CoreInput::Proposal(proposal) = input {
            self.on_proposed(proposal.message);
        }
    }

    fn log_block(&mut self, id: BlockId) {
        let Some(candidate) = self.candidates.held.get_mut(&id) else { return };
        if !std::mem::replace(&mut candidate.logged, true) {
            let record = Record::Block(candidate.bytes.clone());
            self.append(record);
        }
    }

    /// Appends to the vote log. A replay comes by what is there already, and appends only what is
    /// new.
    fn append(&mut self, record: Record) {
        if !self.keeps_votes() || (self.replaying && self.log.contains(&record)) {
            return;
        }
        self.outbox.push(Effect::AppendVote(record.encode(self.height)));
        self.log.push(record);
    }

    pub(super) fn send(&mut self, gossip: Gossip) {
        if let Gossip::Proposal(proposal) = &gossip
            && proposal.proposer == self.me
        {
            self.own_proposal = Some(*proposal);
        }
        let bytes = codec::encode(&gossip).into();
        self.outbox.push(Effect::Broadcast { topic: Topic::Consensus, bytes });
    }

    fn timer_id(&self, timeout: &Timeout) -> Option<TimerId> {
        let step = match timeout.kind {
            TimeoutKind::Propose => TimerStep::Propose,
            TimeoutKind::Prevote => TimerStep::Prevote,
            TimeoutKind::Precommit => TimerStep::Precommit,
            TimeoutKind::Rebroadcast => TimerStep::Rebroadcast,
            TimeoutKind::FinalizeHeight(_) => return None,
        };
        let round = timeout.round.as_u32()?;
        Some(TimerId::Consensus { step, round, generation: self.generation })
    }

    fn schedule(&mut self, timeout: &Timeout) {
        let Some(id) = self.timer_id(timeout) else { return };
        let (propose, vote) = (self.parameters.propose_timeout_ms, self.parameters.vote_timeout_ms);
        self.timers.insert(id);
        let after_ms = timeout_ms(timeout, propose, vote);
        self.outbox.push(Effect::SetTimer { id, after_ms });
    }

    fn cancel_timeout(&mut self, timeout: &Timeout) {
        if let Some(id) = self.timer_id(timeout)
            && self.timers.remove(&id)
        {
            self.outbox.push(Effect::CancelTimer(id));
        }
    }

    fn cancel_timeouts(&mut self) {
        for id in std::mem::take(&mut self.timers) {
            self.outbox.push(Effect::CancelTimer(id));
        }
    }

    /// A timeout of the core has fired.
    pub(super) fn on_timeout(&mut self, id: TimerId) {
        // One of an older generation, or cancelled while it was firing.
        if !self.timers.remove(&id) {
            return;
        }
        let TimerId::Consensus { step, round, .. } = id else { return };
        let kind = match step {
            TimerStep::Propose => TimeoutKind::Propose,
            TimerStep::Prevote => TimeoutKind::Prevote,
            TimerStep::Precommit => TimeoutKind::Precommit,
            TimerStep::Rebroadcast => TimeoutKind::Rebroadcast,
        };
        let timeout = Timeout::new(malachitebft_core_types::Round::new(round), kind);
        self.queue.push_back(CoreInput::TimeoutElapsed(timeout));
        self.settle();
    }

    /// The core has decided a block.
    fn on_decision(&mut self, certificate: CommitCertificate) {
        let id = certificate.block_id;
        let Some(candidate) = self.candidates.held.remove(&id) else {
            // Dropped to make room, and decided after all. Whoever decides it too can serve it.
            self.fetch_decided();
            return;
        };
        let outcome = match candidate.verdict {
            Verdict::Valid(outcome) => Ok(*outcome),
            _ => self.ledger.apply_block(&candidate.block, &|id| self.pool.known(id)),
        };
        match outcome {
            Ok(outcome) => {
                let block = Arc::unwrap_or_clone(candidate.block);
                let decided = Arc::new(DecidedBlock { block, certificate });
                self.commit_block(decided, outcome, true);
                self.pace();
            }
            Err(error) => {
                let height = self.height;
                self.outbox.halt(format!("the decided block {height} cannot be applied: {error}"));
            }
        }
    }

    fn fetch_decided(&mut self) {
        self.running = false;
        self.stalled = true;
        self.cancel_timeouts();
        self.request_blocks();
    }

    /// Makes a decided block this node's newest: durable, published, answered for, in this order.
    pub(super) fn commit_block(
        &mut self,
        decided: Arc<DecidedBlock>,
        outcome: Outcome,
        decided_here: bool,
    ) {
        let height = self.height;
        self.outbox.push(Effect::AppendBlock { height, decided: decided.clone() });
        let layer = self.ledger.commit(outcome);
        let empty = decided.block.bundles.is_empty() && !did_due_work(&layer);
        self.requests.keep_recent(height, decided.clone());
        self.outbox.push(Effect::Commit { decided, layer: layer.clone() });
        self.settle_pool(&layer);
        self.committed_in_step = true;
        self.running = false;
        self.stalled = false;
        self.queue.clear();
        self.value_wanted = None;
        self.decision = None;
        self.own_proposal = None;
        self.forget_candidates();
        self.cancel_timeouts();
        self.height = height.next();
        self.early.forget_below(self.height);
        self.reset_pace(decided_here, empty);
    }
}
