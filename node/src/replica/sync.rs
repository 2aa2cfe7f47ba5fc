//! Catching up: a node that lags takes decided blocks over from peers, each proved by its
//! certificate, and joins the others at the height they are at ("the jump").
//!
//! Consensus alone does not bring a laggard along: precommits of a decided height are dropped by
//! those who have moved on, so what it missed it must fetch.

use std::sync::Arc;

use tracehold_chain::certificate::DecidedBlock;
use tracehold_chain::codec;
use tracehold_chain::consensus::message::{Gossip, Request, StatusMessage};
use tracehold_chain::keys::PublicKey;
use tracehold_chain::units::{Height, TimestampMs};
use tracehold_contracts::ledger::ApplyError;

use super::candidates::content_is_authentic;
use super::requests::Asked;
use super::vote_log::{Record, Step};
use super::{Effect, Replica, TimerId, Topic};

/// How often a node says how far it is.
pub(super) const STATUS_INTERVAL_MS: u64 = 1_000;

/// A node that sees another lag says how far it is at most this often besides.
const STATUS_HINT_MS: u64 = 200;

/// One block behind is ordinary: consensus is given this long to bring it.
const GRACE_MS: u64 = 300;

/// Own votes that are said again when a peer comes: those of the last two rounds.
const MAX_REPEATED: usize = 4;

/// A peer that has not sent decided blocks after this long is not waited for.
const SYNC_WAIT_MS: u64 = 2_000;

/// A connected peer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Peer {
    /// The highest decided block it is thought to have. Only a hint of whom to ask.
    pub(super) tip: Height,
}

/// Nodes whose word on how far they are is kept; there are no more members' nodes.
const MAX_HEARD: usize = 1_024;

/// What a member's node last said of itself, connected or not: gossip reaches those who have no
/// connection, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its highest decided block, as it says. Only shown to people.
    pub height: Height,
    /// The version of its program, as it says: printable ASCII.
    pub version: String,
    /// When it said so, by this node's clock.
    pub at: TimestampMs,
}

/// The state of catching up.
#[derive(Debug, Default)]
pub(super) struct Sync {
    /// Who was asked, and until when the answer is waited for.
    asked: Option<(PublicKey, TimestampMs)>,
    /// Who was asked last.
    last_asked: Option<PublicKey>,
    /// Whether the grace period runs.
    waiting: bool,
    /// When this node last said how far it is.
    status_at: TimestampMs,
}

impl Replica {
    fn tip(&self) -> Height {
        self.ledger.head().height
    }

    /// A member's node is connected.
    pub(super) fn on_peer_up(&mut self, peer: PublicKey) {
        self.peers.insert(peer, Peer::default());
        self.announce();
        self.repeat_for_newcomer();
    }

    /// Says again what this node has said at the height under way. A peer that was not connected
    /// could not hear it, and with it lost a starting network waits out a whole round.
    fn repeat_for_newcomer(&mut self) {
        let own = |record: &Record| match record {
            Record::Step(Step::Vote(vote))
                if (vote.validator, vote.height) == (self.me, self.height) =>
            {
                Some(*vote)
            }
            _ => None,
        };
        let mut votes: Vec<_> = self.log.iter().rev().filter_map(own).take(MAX_REPEATED).collect();
        votes.reverse();
        let proposal = self.own_proposal.map(Gossip::Proposal);
        for gossip in proposal.into_iter().chain(votes.into_iter().map(Gossip::Vote)) {
            let bytes = codec::encode(&gossip).into();
            self.outbox.push(Effect::Broadcast { topic: Topic::Consensus, bytes });
        }
    }

    /// A member's node is gone.
    pub(super) fn on_peer_down(&mut self, peer: PublicKey) {
        self.peers.remove(&peer);
    }

    /// Tells everybody how far this node is.
    pub(super) fn announce(&mut self) {
        self.sync.status_at = self.now;
        let status = Gossip::Status(StatusMessage {
            height: self.tip(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        });
        let bytes = codec::encode(&status).into();
        self.outbox.push(Effect::Broadcast { topic: Topic::Consensus, bytes });
    }

    /// Time to tell everybody again.
    pub(super) fn on_status_timer(&mut self) {
        self.announce();
        self.outbox.push(Effect::SetTimer { id: TimerId::Status, after_ms: STATUS_INTERVAL_MS });
    }

    /// Somebody speaks of a height that is decided here: tells them, now and then.
    pub(super) fn hint_at_tip(&mut self) {
        if self.now.since_ms(self.sync.status_at) >= STATUS_HINT_MS {
            self.announce();
        }
    }

    /// A member's node says how far it is.
    pub(super) fn on_status(&mut self, from: PublicKey, status: StatusMessage) {
        let StatusMessage { height, version } = status;
        if self.heard.len() < MAX_HEARD || self.heard.contains_key(&from) {
            self.heard.insert(from, Heard { height, version, at: self.now });
        }
        self.note_tip(from, height);
    }

    /// A peer is thought to have decided `tip`.
    pub(super) fn note_tip(&mut self, peer: PublicKey, tip: Height) {
        let Some(known) = self.peers.get_mut(&peer) else { return };
        known.tip = known.tip.max(tip);
        self.catch_up();
    }

    /// The wait for an answer or for consensus is over.
    pub(super) fn on_sync_timer(&mut self) {
        self.sync.waiting = false;
        if let Some((peer, until)) = self.sync.asked
            && until <= self.now
        {
            self.forget_tip(peer);
            self.sync.asked = None;
        }
        self.request_blocks();
    }

    /// Asks for blocks, at once when two or more are missing, otherwise after a while.
    fn catch_up(&mut self) {
        let ahead = self.peers.values().map(|peer| peer.tip).max().unwrap_or_default();
        if ahead > self.height {
            self.request_blocks();
        } else if ahead == self.height && !self.sync.waiting && self.sync.asked.is_none() {
            self.sync.waiting = true;
            self.outbox.push(Effect::SetTimer { id: TimerId::Sync, after_ms: GRACE_MS });
        }
    }

    /// Asks one of the peers that are thought to be ahead, unless one is asked already. They take
    /// turns: one that boasts and has nothing cannot keep this node from asking the others.
    pub(super) fn request_blocks(&mut self) {
        if self.sync.asked.is_some() {
            return;
        }
        let ahead = || self.peers.iter().filter(|(_, peer)| peer.tip >= self.height);
        let after = ahead().find(|(key, _)| Some(**key) > self.sync.last_asked);
        let Some(peer) = after.or_else(|| ahead().next()).map(|(key, _)| *key) else {
            return;
        };
        self.sync.last_asked = Some(peer);
        self.sync.asked = Some((peer, self.now.plus_ms(SYNC_WAIT_MS)));
        self.ask(peer, Asked::Decided { peer }, &Request::Decided { from: self.height });
        self.outbox.push(Effect::SetTimer { id: TimerId::Sync, after_ms: SYNC_WAIT_MS });
    }

    /// A peer that sent nothing of use is not asked again before it says anew how far it is.
    fn forget_tip(&mut self, peer: PublicKey) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.tip = Height::GENESIS;
        }
    }

    /// A peer has answered with decided blocks, of which `taken` were of use.
    pub(super) fn on_sync_answer(&mut self, peer: PublicKey, taken: usize) {
        if self.sync.asked.is_some_and(|(asked, _)| asked == peer) {
            self.sync.asked = None;
        }
        if taken == 0 {
            self.forget_tip(peer);
        }
        self.catch_up();
    }

    /// Takes over as many of these blocks as follow on ours and are proved. Returns how many.
    pub(super) fn take_decided(&mut self, blocks: &[&[u8]]) -> usize {
        let mut taken = 0;
        for bytes in blocks {
            if self.outbox.is_halted() {
                break;
            }
            let Ok(decided) = codec::decode::<DecidedBlock>(bytes) else { break };
            if decided.block.header.height < self.height {
                continue;
            }
            if !self.take_one(decided) {
                break;
            }
            taken += 1;
        }
        if taken > 0 {
            self.pace();
        }
        taken
    }

    /// Takes over one block if it is the next and its certificate proves it.
    fn take_one(&mut self, decided: DecidedBlock) -> bool {
        let certificate = &decided.certificate;
        let proved = decided.block.header.height == self.height
            && certificate.height == self.height
            && certificate.block_id == decided.block.id()
            && certificate.verify(self.ledger.chain_id(), self.ledger.validators()).is_ok();
        if !proved {
            return false;
        }
        match self.ledger.apply_block(&decided.block, &|id| self.pool.known(id)) {
            Ok(outcome) => {
                self.commit_block(Arc::new(decided), outcome, false);
                true
            }
            Err(ApplyError::Invalid(_)) if !content_is_authentic(&decided.block) => false,
            Err(error) => {
                let height = self.height;
                self.outbox.halt(format!("the decided block {height} cannot be applied: {error}"));
                false
            }
        }
    }
}
