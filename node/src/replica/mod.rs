//! The replica: a whole node but for its input and output.
//!
//! [`Replica::step`] takes one [`Input`] (a message, a timer, a submission) and the time, and
//! returns the [`Effect`]s to perform, in order. It reads no clock, opens no file and knows no
//! socket, so a simulation can run it, unchanged, through crashes and lost messages that take
//! minutes to wait for in the field, and run the same fate again to the bit.
//!
//! Read on in this order. [`input`] and [`effect`]: what comes in and goes out, and the order of
//! durability. [`driver`]: Malachite's core, one input at a time; [`guard`]: the key signs one
//! thing once. [`agreement`]: from the core's events to effects, and what a decision does.
//! [`propose`] and [`candidates`]: building, fetching, running and judging blocks. [`vote_log`] and
//! [`replay`]: what survives a crash. [`sync`] and [`requests`]: catching up and serving others.
//! [`pool`]: transactions that wait; [`pace`]: when a height begins; [`early`]: messages before
//! their time.
//!
//! Everything from peers is taken for hostile: size and bounds first, then membership and
//! signature, and only then does it touch the core.

mod agreement;
mod candidates;
mod driver;
mod early;
mod effect;
mod guard;
mod input;
mod outbox;
mod pace;
mod pool;
mod propose;
mod replay;
mod requests;
mod sync;
mod vote_log;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use malachitebft_core_consensus::Input as CoreInput;
use tracehold_chain::certificate::{CommitCertificate, DecidedBlock};
use tracehold_chain::consensus::message::{Gossip, ProposalMessage, VoteMessage, decode_gossip};
use tracehold_chain::consensus::{LedgerContext, proposer};
use tracehold_chain::genesis::Parameters;
use tracehold_chain::keys::{PublicKey, Signer};
use tracehold_chain::mempool::MempoolLimits;
use tracehold_chain::units::{Height, TimestampMs};
use tracehold_contracts::{Head, Ledger};

use candidates::Candidates;
use driver::Driver;
use early::Early;
use outbox::Outbox;
use pace::Pace;
use pool::Pool;
use requests::Requests;
use sync::{Peer, Sync};
use vote_log::Record;

pub use effect::{Committed, Effect, NotCommitted, Topic};
pub use input::{Input, RequestId, Ticket, TimerId, TimerStep};
pub use sync::Heard;

/// Reads a decided block from the block log, to serve it to a peer. Heights that are not there, or
/// not yet synced, give `None`.
pub type BlockSource = Box<dyn Fn(Height) -> Option<DecidedBlock> + Send>;

/// What a replica is made from.
pub struct ReplicaParts {
    /// The ledger, at the block log's last block.
    pub ledger: Ledger,
    /// Signs votes and proposals; its public key names the node.
    pub signer: Arc<dyn Signer>,
    /// Reads the block log.
    pub blocks: BlockSource,
    /// The vote log's records, in order.
    pub votes: Vec<Vec<u8>>,
    /// How much may wait.
    pub mempool: MempoolLimits,
}

/// One node, without input and output.
pub struct Replica {
    ledger: Ledger,
    parameters: Parameters,
    me: PublicKey,
    blocks: BlockSource,
    driver: Driver,
    outbox: Outbox,
    now: TimestampMs,
    halted: bool,

    /// The height to decide: one above the ledger's head.
    height: Height,
    /// Whether the core works on it.
    running: bool,
    /// Whether it is decided and its bytes are missing here.
    stalled: bool,
    /// Whether this node follows it without signing.
    abstaining: bool,
    /// How often the core was started again at this height.
    restarts: u32,
    /// Whether what the core is fed comes from the vote log.
    replaying: bool,
    /// Whether the step under way has committed a block.
    committed_in_step: bool,
    /// This height's records in the vote log.
    log: Vec<Record>,
    /// Inputs for the core. Nothing is fed while it handles another.
    queue: VecDeque<CoreInput<LedgerContext>>,
    /// The round in which the core waits for a value of ours.
    value_wanted: Option<u32>,
    /// What the core has decided.
    decision: Option<CommitCertificate>,
    /// Our proposal of the present round, sent again with our votes.
    own_proposal: Option<ProposalMessage>,
    /// Timeouts of the core that are set.
    timers: BTreeSet<TimerId>,
    generation: u64,

    candidates: Candidates,
    early: Early,
    pace: Pace,
    pool: Pool,
    peers: BTreeMap<PublicKey, Peer>,
    heard: BTreeMap<PublicKey, Heard>,
    requests: Requests,
    sync: Sync,
    #[cfg(feature = "planted-bugs")]
    planted: Option<PlantedBug>,
}

/// How a replica is doing, for people and metrics.
#[derive(Clone, Debug)]
pub struct ReplicaStatus {
    /// The last decided block.
    pub head: Head,
    /// The round under way above it, when a height has begun.
    pub round: Option<u32>,
    /// Whether this node votes.
    pub is_validator: bool,
    /// Transactions that wait.
    pub waiting: usize,
    /// Their encoded bytes.
    pub waiting_bytes: usize,
    /// Connected peers.
    pub peers: usize,
    /// Blocks that this node lags behind validators with more than a third of the power: at least
    /// one of them is honest about it.
    pub behind: u64,
}

/// Mistakes that a simulation can plant to show that its checkers notice. They exist only in
/// builds with the feature `planted-bugs`.
#[cfg(feature = "planted-bugs")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlantedBug {
    /// Vote for blocks without running them.
    VoteWithoutExecuting,
    /// Begin a height anew after a crash instead of replaying the vote log.
    SkipReplay,
}

impl Replica {
    /// A replica that waits for [`Input::Start`].
    #[must_use]
    pub fn new(parts: ReplicaParts) -> Replica {
        let ReplicaParts { ledger, signer, blocks, votes, mempool } = parts;
        let mut replica = Replica::empty(ledger, signer, blocks, mempool);
        replica.load_vote_log(&votes);
        replica
    }

    /// As [`Replica::new`], with a mistake in it.
    #[cfg(feature = "planted-bugs")]
    #[must_use]
    pub fn with_bug(parts: ReplicaParts, bug: PlantedBug) -> Replica {
        let ReplicaParts { ledger, signer, blocks, votes, mempool } = parts;
        let mut replica = Replica::empty(ledger, signer, blocks, mempool);
        replica.planted = Some(bug);
        replica.load_vote_log(&votes);
        replica
    }

    fn empty(
        ledger: Ledger,
        signer: Arc<dyn Signer>,
        blocks: BlockSource,
        mempool: MempoolLimits,
    ) -> Replica {
        Replica {
            parameters: ledger.parameters().clone(),
            me: signer.public_key(),
            driver: Driver::new(ledger.chain_id().clone(), signer, ledger.validators().clone()),
            height: ledger.head().height.next(),
            ledger,
            blocks,
            outbox: Outbox::default(),
            now: TimestampMs(0),
            halted: false,
            running: false,
            stalled: false,
            abstaining: false,
            restarts: 0,
            replaying: false,
            committed_in_step: false,
            log: Vec::new(),
            queue: VecDeque::new(),
            value_wanted: None,
            decision: None,
            own_proposal: None,
            timers: BTreeSet::new(),
            generation: 0,
            candidates: Candidates::default(),
            early: Early::default(),
            pace: Pace::default(),
            pool: Pool::new(mempool),
            peers: BTreeMap::new(),
            heard: BTreeMap::new(),
            requests: Requests::default(),
            sync: Sync::default(),
            #[cfg(feature = "planted-bugs")]
            planted: None,
        }
    }

    #[cfg(feature = "planted-bugs")]
    fn planted(&self, bug: PlantedBug) -> bool {
        self.planted == Some(bug)
    }

    /// Takes in one input at time `now` and returns what to do. A clock that goes back is taken to
    /// stand still.
    pub fn step(&mut self, now: TimestampMs, input: Input) -> Vec<Effect> {
        if self.halted {
            return Vec::new();
        }
        self.now = self.now.max(now);
        self.committed_in_step = false;
        match input {
            Input::Start => self.on_start(),
            Input::Gossip { from, bytes } => self.on_gossip(from, &bytes),
            Input::Request { id, bytes, .. } => self.on_request(id, &bytes),
            Input::Response { id, answer } => self.on_response(id, answer.as_deref()),
            Input::PeerUp(peer) => self.on_peer_up(peer),
            Input::PeerDown(peer) => self.on_peer_down(peer),
            Input::Timer(id) => self.on_timer(id),
            Input::Submit { ticket, bundle } => self.on_submit(ticket, bundle),
            Input::Flushed(height) => self.ledger.flushed(height),
        }
        self.halted = self.outbox.is_halted();
        self.outbox.finish()
    }

    fn on_start(&mut self) {
        self.reset_pace(false, true);
        self.on_status_timer();
        self.on_pool_timer();
        self.resume();
    }

    fn on_timer(&mut self, id: TimerId) {
        match id {
            TimerId::Consensus { .. } => self.on_timeout(id),
            TimerId::Pace => self.pace(),
            TimerId::Fetch(block) => self.on_fetch_timer(block),
            TimerId::Sync => self.on_sync_timer(),
            TimerId::Status => self.on_status_timer(),
            TimerId::Pool => self.on_pool_timer(),
        }
    }

    fn on_gossip(&mut self, from: PublicKey, bytes: &[u8]) {
        let Ok(gossip) = decode_gossip(bytes) else { return };
        match gossip {
            Gossip::Vote(vote) => self.on_vote(vote),
            Gossip::Proposal(proposal) => self.on_proposal(proposal),
            // The core itself verifies certificates before it believes them.
            Gossip::Polka(polka) if self.running && polka.height == self.height => {
                self.queue.push_back(CoreInput::PolkaCertificate(polka.into()));
                self.settle();
            }
            Gossip::Round(round) if self.running && round.height == self.height => {
                self.queue.push_back(CoreInput::RoundCertificate(round.into()));
                self.settle();
            }
            Gossip::Polka(_) | Gossip::Round(_) => {}
            Gossip::Transaction(bundle) => self.on_transaction(bundle),
            Gossip::Status(status) => self.on_status(from, status),
        }
    }

    /// Whether a message for `height` from `sender` can be of use here: it is about the present
    /// height or the next one, and from a validator. Anything further ahead is dropped before its
    /// signature costs anything (P4); that it exists says that the sender is ahead.
    fn is_of_use(&mut self, height: Height, sender: PublicKey) -> bool {
        if height < self.height {
            self.hint_at_tip();
            return false;
        }
        if self.ledger.validators().get(&sender).is_none() {
            return false;
        }
        if height > self.height
            && let Some(below) = height.previous()
        {
            self.note_tip(sender, below);
        }
        height <= self.height.next()
    }

    fn on_vote(&mut self, message: VoteMessage) {
        if !self.is_of_use(message.height, message.validator) {
            return;
        }
        let vote: malachitebft_core_types::SignedVote<LedgerContext> = message.into();
        if !self.driver.verify_vote(&vote.message, &vote.signature) {
            return;
        }
        self.take_in(
            message.height,
            message.validator,
            Gossip::Vote(message),
            CoreInput::Vote(vote),
        );
    }

    fn on_proposal(&mut self, message: ProposalMessage) {
        if !self.is_of_use(message.height, message.proposer) {
            return;
        }
        let turn = proposer(self.ledger.validators(), message.height, message.round);
        if turn.public_key != message.proposer {
            return;
        }
        let proposal: malachitebft_core_types::SignedProposal<LedgerContext> = message.into();
        if !self.driver.verify_proposal(&proposal.message, &proposal.signature) {
            return;
        }
        let input = CoreInput::Proposal(proposal);
        self.take_in(message.height, message.proposer, Gossip::Proposal(message), input);
    }

    /// Feeds a verified message to the core, or keeps it until its height begins.
    fn take_in(
        &mut self,
        height: Height,
        sender: PublicKey,
        message: Gossip,
        input: CoreInput<LedgerContext>,
    ) {
        if self.running && height == self.height {
            self.queue.push_back(input);
            self.settle();
        } else {
            self.early.keep(height, sender, message);
            self.pace();
        }
    }

    /// How this replica is doing.
    #[must_use]
    pub fn status(&self) -> ReplicaStatus {
        let head = self.ledger.head().clone();
        ReplicaStatus {
            round: self.running.then(|| self.driver.round()).flatten(),
            is_validator: self.keeps_votes(),
            waiting: self.pool.len(),
            waiting_bytes: self.pool.bytes(),
            peers: self.peers.len(),
            behind: self.credible_tip().0.saturating_sub(head.height.0),
            head,
        }
    }

    /// The highest height that peers with more than a third of the power say they have decided.
    fn credible_tip(&self) -> Height {
        let validators = self.ledger.validators();
        let power = |key: &PublicKey| validators.get(key).map_or(0, |validator| validator.power);
        let claims = self.peers.iter().map(|(key, peer)| (peer.tip, power(key)));
        let mut claims: Vec<(Height, u64)> = claims.collect();
        claims.sort_by_key(|(tip, _)| std::cmp::Reverse(*tip));
        let mut together: u64 = 0;
        for (tip, power) in claims {
            together = together.saturating_add(power);
            if u128::from(together) * 3 > u128::from(validators.total_power()) {
                return tip;
            }
        }
        Height::GENESIS
    }

    /// What members' nodes last said of themselves.
    #[must_use]
    pub fn heard(&self) -> &BTreeMap<PublicKey, Heard> {
        &self.heard
    }

    /// The ledger, for answers that need its tree or its members.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}
