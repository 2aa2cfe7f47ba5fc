//! Inside the loop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracehold_chain::units::TimestampMs;

use super::NodeParts;
use super::handle::{Control, Pulse, Shared, Submission};
use super::timers::Timers;
use crate::fault::Fault;
use crate::net::{self, NetCommand, NetEvent, NetEvents, NetHandle};
use crate::replica::{
    Committed, Effect, Input, NotCommitted, Replica, ReplicaParts, Ticket, Topic,
};
use crate::store::recover::{Recovered, flush_of, recover};
use crate::store::{BlockLog, BlockReader, SledTable, TableWriter, VoteLog};
use crate::view::{Alarm, Damage, ViewSource};

/// Inputs stepped through before their effects are performed together.
const MAX_BATCH: usize = 64;
/// Time after which a batch takes no further input: effects of the first wait for the last.
const MAX_BATCH_TIME: Duration = Duration::from_millis(5);
/// How often the replica's state is told to those who ask for the node's status.
const PULSE: Duration = Duration::from_millis(250);

type Answer = oneshot::Sender<Result<Committed, NotCommitted>>;

/// Where inputs come from, beside the network.
pub(super) struct Inbox {
    pub submissions: mpsc::Receiver<Submission>,
    pub control: mpsc::UnboundedReceiver<Control>,
}

/// Does everything from opening the data folder to closing it.
pub(super) fn work(
    parts: NodeParts,
    shared: &Arc<Shared>,
    inbox: Inbox,
    control: mpsc::UnboundedSender<Control>,
) -> Result<(), Fault> {
    let recovered = recover(&parts.folder, &parts.genesis, &shared.progress)?;
    let Recovered { ledger, blocks, vote_log, votes, table, index } = recovered;
    let height = ledger.head().height;
    let views = ViewSource::new(
        table.clone(),
        blocks.reader(),
        Arc::clone(&index),
        ledger.authority().clone(),
        ledger.head().clone(),
        alarm(&table, control.clone()),
    );
    index.catch_up(&views.view(), &|height| shared.progress.filing(height))?;
    let report = {
        let control = control.clone();
        // Nobody is there to hear it once the loop has ended.
        Box::new(move |outcome| drop(control.send(Control::Flushed(outcome))))
    };
    let writer = TableWriter::start(table.clone(), flush_of(&table), height, report)?;
    let replica = Replica::new(ReplicaParts {
        ledger,
        signer: parts.signer,
        blocks: block_source(blocks.reader(), control),
        votes: votes.entries,
        mempool: parts.mempool,
    });
    let (net, events) = (parts.network)().map_err(|error| Fault::new(error.to_string()))?;
    if shared.views.set(views).is_err() {
        unreachable!("one loop runs for one node");
    }
    shared.height.send_replace(height);
    tracing::info!(%height, node = ?shared.node, "the node is ready");
    let mut worker = Worker {
        shared: Arc::clone(shared),
        replica,
        blocks,
        vote_log,
        writer,
        net,
        timers: Timers::default(),
        answers: BTreeMap::new(),
        next_ticket: 0,
        pulse_at: Instant::now(),
    };
    let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let tokio = tokio.map_err(|error| Fault::new(format!("cannot start the loop: {error}")))?;
    let mut sources = Sources { events, inbox, turn: 0 };
    let worked = tokio.block_on(worker.run(&mut sources));
    shared.stopping.store(true, Ordering::Relaxed);
    let stopped = tokio.block_on(worker.net.send(NetCommand::Stop));
    if stopped.is_err() {
        tracing::debug!("the network had ended before");
    }
    let finished = worker.writer.finish().and_then(|_| table.flush().map_err(Fault::from));
    worked.and(finished)
}

/// Damage found by readers stops the node; damage of the table is marked, so that the next start
/// builds it again.
fn alarm(table: &Arc<SledTable>, control: mpsc::UnboundedSender<Control>) -> Alarm {
    let table = Arc::clone(table);
    Box::new(move |damage, fault| {
        if damage == Damage::Table {
            table.mark_damaged();
        }
        // Nobody is there to hear it once the loop has ended.
        drop(control.send(Control::Damaged(fault.clone())));
    })
}

/// Serves blocks of the log to the replica, which passes them to peers.
fn block_source(
    reader: BlockReader,
    control: mpsc::UnboundedSender<Control>,
) -> crate::replica::BlockSource {
    Box::new(move |height| match reader.read(height) {
        Ok(decided) => decided,
        Err(fault) => {
            drop(control.send(Control::Damaged(fault)));
            None
        }
    })
}

/// Something for the loop.
enum Event {
    Input(Input),
    Control(Control),
    Submission(Submission),
    Net(NetEvent),
    /// The network is gone.
    NetEnded,
    /// A timer may be due.
    Tick,
}

/// Everything that inputs come from but the timers.
struct Sources {
    events: NetEvents,
    inbox: Inbox,
    turn: u8,
}

impl Sources {
    /// Waits for the next event, at most until `deadline`.
    async fn wait(&mut self, deadline: Instant) -> Event {
        tokio::select! {
            Some(control) = self.inbox.control.recv() => Event::Control(control),
            event = self.events.recv() => event.map_or(Event::NetEnded, Event::Net),
            Some(submission) = self.inbox.submissions.recv() => Event::Submission(submission),
            () = tokio::time::sleep_until(deadline) => Event::Tick,
        }
    }

    /// An event that is there already; the sources take turns.
    fn ready(&mut self) -> Option<Event> {
        for _ in 0..3 {
            self.turn = (self.turn + 1) % 3;
            let event = match self.turn {
                0 => self.inbox.control.try_recv().ok().map(Event::Control),
                1 => self.events.try_recv().map(Event::Net),
                _ => self.inbox.submissions.try_recv().ok().map(Event::Submission),
            };
            if event.is_some() {
                return event;
            }
        }
        None
    }
}

struct Worker {
    shared: Arc<Shared>,
    replica: Replica,
    blocks: BlockLog,
    vote_log: VoteLog,
    writer: TableWriter,
    net: NetHandle,
    timers: Timers,
    answers: BTreeMap<Ticket, Answer>,
    next_ticket: Ticket,
    pulse_at: Instant,
}

impl Worker {
    async fn run(&mut self, sources: &mut Sources) -> Result<(), Fault> {
        let effects = self.replica.step(wall_clock(), Input::Start);
        self.perform(effects).await?;
        loop {
            self.tell_pulse();
            let deadline = self.timers.next().unwrap_or(self.pulse_at).min(self.pulse_at);
            let first = match self.due_timer() {
                Some(event) => event,
                None => sources.wait(deadline).await,
            };
            if !self.take(first, sources).await? {
                return Ok(());
            }
        }
    }

    /// Steps through `first` and what else is there, and performs the effects of all together.
    /// False when it is time to stop.
    async fn take(&mut self, first: Event, sources: &mut Sources) -> Result<bool, Fault> {
        let began = Instant::now();
        let mut next = Some(first);
        let mut effects = Vec::new();
        let mut goes_on = true;
        let mut taken = 0;
        while let Some(event) = next.take() {
            taken += 1;
            let input = match event {
                Event::Control(Control::Stop) => {
                    goes_on = false;
                    break;
                }
                Event::Control(Control::Damaged(fault)) => return Err(fault),
                Event::Control(Control::Flushed(flushed)) => self.flushed(flushed?),
                Event::NetEnded => return Err(Fault::new("the network task has ended")),
                Event::Net(event) => self.net_input(event),
                Event::Submission(submission) => Some(self.submit_input(submission)),
                Event::Input(input) => Some(input),
                Event::Tick => None,
            };
            if let Some(input) = input {
                let step = self.replica.step(wall_clock(), input);
                // The next step may drop votes that are needed until this block is synced.
                let ends = step
                    .iter()
                    .any(|effect| matches!(effect, Effect::AppendBlock { .. } | Effect::Halt(_)));
                effects.extend(step);
                if ends || began.elapsed() >= MAX_BATCH_TIME {
                    break;
                }
            }
            // What is taken from a source is stepped through: ask for more only with room for it.
            if taken == MAX_BATCH {
                break;
            }
            next = self.due_timer().or_else(|| sources.ready());
        }
        self.perform(effects).await?;
        Ok(goes_on)
    }

    fn due_timer(&mut self) -> Option<Event> {
        self.timers.take_due(Instant::now()).map(|id| Event::Input(Input::Timer(id)))
    }

    fn flushed(&self, height: tracehold_chain::units::Height) -> Option<Input> {
        self.views().flushed(height);
        Some(Input::Flushed(height))
    }

    fn views(&self) -> &ViewSource {
        self.shared.views.get().expect("set before the loop runs")
    }

    fn submit_input(&mut self, submission: Submission) -> Input {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.answers.insert(ticket, submission.answer);
        Input::Submit { ticket, bundle: submission.bundle }
    }

    fn net_input(&self, event: NetEvent) -> Option<Input> {
        let peers = || self.shared.peers.write().expect("nobody panics while holding the lock");
        Some(match event {
            NetEvent::PeerUp(peer) => {
                peers().insert(peer);
                Input::PeerUp(peer)
            }
            NetEvent::PeerDown(peer) => {
                peers().remove(&peer);
                Input::PeerDown(peer)
            }
            NetEvent::Gossip { from, bytes, .. } => Input::Gossip { from, bytes },
            NetEvent::Request { from, id, bytes } => Input::Request { from, id, bytes },
            NetEvent::Response { id, result } => Input::Response { id, answer: result.ok() },
            NetEvent::Listening(address) => {
                tracing::info!(%address, "listening for other nodes");
                let addresses = self.shared.addresses.write();
                addresses.expect("nobody panics while holding the lock").push(address);
                return None;
            }
        })
    }

    /// Performs the effects of one or several steps in the order of durability.
    async fn perform(&mut self, effects: Vec<Effect>) -> Result<(), Fault> {
        let mut rest = Vec::with_capacity(effects.len());
        let (mut votes, mut blocks) = (false, Vec::new());
        for effect in effects {
            match effect {
                Effect::ResetVotes(height) => self.vote_log.reset(height)?,
                Effect::AppendVote(record) => {
                    self.vote_log.append(&record)?;
                    votes = true;
                }
                Effect::AppendBlock { decided, .. } => blocks.push(decided),
                Effect::SyncVotes | Effect::SyncBlocks => {}
                other => rest.push(other),
            }
        }
        if votes {
            self.vote_log.sync()?;
        }
        for decided in &blocks {
            self.blocks.append(decided)?;
        }
        self.blocks.sync()?;
        for effect in rest {
            self.perform_one(effect).await?;
        }
        Ok(())
    }

    async fn perform_one(&mut self, effect: Effect) -> Result<(), Fault> {
        match effect {
            Effect::Commit { layer, .. } => {
                let height = layer.head.height;
                let sealed = self.views().publish(Arc::clone(&layer));
                self.shared.height.send_replace(height);
                // Waits when the table cannot keep up: memory is bounded, and so is this node's
                // pace.
                self.writer.push_with(layer, sealed)?;
            }
            Effect::Answer { ticket, result } => {
                if let Some(answer) = self.answers.remove(&ticket) {
                    // Whoever asked may have given up.
                    drop(answer.send(result));
                }
            }
            Effect::Broadcast { topic, bytes } => {
                let topic = match topic {
                    Topic::Consensus => net::Topic::Consensus,
                    Topic::Transactions => net::Topic::Transactions,
                };
                self.send(NetCommand::Broadcast { topic, bytes: bytes.to_vec() }).await?;
            }
            Effect::Request { to, id, bytes } => {
                self.send(NetCommand::Request { to, id, bytes }).await?;
            }
            Effect::Respond { id, bytes } => self.send(NetCommand::Respond { id, bytes }).await?,
            Effect::SetTimer { id, after_ms } => self.timers.set(id, after_ms, Instant::now()),
            Effect::CancelTimer(id) => self.timers.cancel(id),
            Effect::Halt(reason) => return Err(Fault::new(reason)),
            Effect::AppendVote(_)
            | Effect::ResetVotes(_)
            | Effect::SyncVotes
            | Effect::AppendBlock { .. }
            | Effect::SyncBlocks => unreachable!("performed before"),
        }
        Ok(())
    }

    async fn send(&self, command: NetCommand) -> Result<(), Fault> {
        self.net.send(command).await.map_err(|error| Fault::new(error.to_string()))
    }

    /// Lets others see the replica's state, now and then.
    fn tell_pulse(&mut self) {
        let now = Instant::now();
        if now < self.pulse_at {
            return;
        }
        self.pulse_at = now + PULSE;
        let status = self.replica.status();
        let pulse = Pulse {
            behind: status.behind,
            waiting: status.waiting,
            waiting_bytes: status.waiting_bytes,
            heard: Arc::new(self.replica.heard().clone()),
            round: status.round,
        };
        *self.shared.pulse.write().expect("nobody panics while holding the lock") = pulse;
    }
}

/// This machine's clock.
fn wall_clock() -> TimestampMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimestampMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
