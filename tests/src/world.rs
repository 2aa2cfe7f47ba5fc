//! The loop of virtual time: the world is bad for a while, then whole, and then it must move on.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracehold_chain::consensus::message::Response;
use tracehold_chain::digest::{Digest, Domain, Hasher};
use tracehold_chain::genesis::Genesis;
use tracehold_chain::keys::PublicKey;
use tracehold_chain::transaction::Bundle;
use tracehold_chain::units::{Height, TimestampMs};
use tracehold_node::replica::{Effect, Input, RequestId, TimerId};

use crate::batch::{between_drop_and_sync, in_order};
use crate::byzantine::Liar;
use crate::check::Checks;
use crate::ledger_check::Moved;
use crate::network::Network;
use crate::node::Node;
use crate::payments::{Payments, Wish};
use crate::random::Random;
use crate::scenario::{Bug, Scenario};
use crate::tell::{describe, show_input};
use crate::workload::{START, bundle, genesis, node_key, node_name};

/// Virtual time that a whole world has to move on.
const PROGRESS_MS: u64 = 90_000;

/// Heights that it must decide in that time.
const PROGRESS_HEIGHTS: u64 = 3;

/// Transactions submitted once the world is whole; all must be answered.
const LATE_TRANSACTIONS: u64 = 3;

/// A peer that has not answered a request after this long is taken not to.
const REQUEST_MS: u64 = 4_000;

/// What the disk in memory says when it fails because it was told to.
const PLANNED: &str = "planned failure";

/// How far clocks are ahead of virtual time at most, but for one that is wrong altogether.
const MOST_AHEAD_MS: u64 = 300;

/// Steps after which a run is stopped: a world that needs more spins.
const MAX_STEPS: u64 = 400_000;

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// Digest of everything that happened, in order.
    pub trace: Digest,
    /// Steps of all replicas.
    pub steps: u64,
    /// Heights decided.
    pub height: Height,
    /// Crashes.
    pub crashes: u64,
    /// Answers with decided blocks that nodes were sent.
    pub taken_over: u64,
    /// The highest round that an honest node has signed anything in.
    pub highest_round: u32,
    /// Transactions in decided blocks.
    pub transactions: usize,
    /// Transactions acknowledged.
    pub acknowledged: usize,
    /// What happened to money.
    pub moved: Moved,
    /// Virtual milliseconds from the healing to the end.
    pub healed_ms: u64,
    /// What did not hold.
    pub violation: Option<String>,
}

/// Something due at a point of virtual time.
enum Due {
    Input { node: usize, incarnation: u64, input: Input },
    Timer { node: usize, incarnation: u64, id: TimerId, setting: u64 },
    Perform { node: usize, incarnation: u64 },
    Flush { node: usize, incarnation: u64 },
    Start { node: usize },
    Cut,
    Mend,
    Submit,
    Pay,
    Heal,
}

/// An open request: who asked, in which life, under which name.
type Asker = (usize, u64, RequestId);

struct World {
    scenario: Scenario,
    genesis: Genesis,
    random: Random,
    time: u64,
    queue: BTreeMap<(u64, u64), Due>,
    sequence: u64,
    nodes: Vec<Node>,
    network: Network,
    payments: Payments,
    checks: Checks,
    liar: Option<Liar>,
    requests: BTreeMap<RequestId, Asker>,
    whole: bool,
    steps: u64,
    crashes: u64,
    taken_over: u64,
    settings: u64,
    trace: Hasher,
    show: bool,
    /// Whether the disk of the node that is performing has just failed.
    failed: bool,
    violation: Option<String>,
}

/// Runs a scenario. With `show`, tells what happens on the standard output.
#[must_use]
pub fn run(scenario: Scenario, show: bool) -> Report {
    let mut world = World::new(scenario, show);
    let healed_ms = world.live();
    world.at_the_end();
    Report {
        trace: world.trace.finish(),
        steps: world.steps,
        height: world.checks.tip(),
        crashes: world.crashes,
        taken_over: world.taken_over,
        highest_round: world.checks.highest_round,
        transactions: world.checks.transactions,
        acknowledged: world.checks.acknowledged(),
        moved: world.checks.moved(),
        healed_ms,
        violation: world.violation,
    }
}

impl World {
    fn new(scenario: Scenario, show: bool) -> World {
        let genesis = genesis(&scenario);
        let mut random = Random::new(scenario.seed);
        let count = scenario.validators + scenario.followers;
        let wrong_clock = (!scenario.byzantine && !scenario.unequal_power && random.per_mille(100))
            .then(|| random.index(scenario.validators));
        let nodes = (0..count).map(|index| {
            let ahead = match wrong_clock == Some(index) {
                true => 5_000,
                false => random.below(MOST_AHEAD_MS + 1),
            };
            Node::new(node_key(index), ahead)
        });
        let nodes = nodes.collect();
        let mut checks = Checks::new(&genesis);
        if wrong_clock.is_none() {
            let drift = genesis.parameters.max_clock_drift_ms;
            checks.latest = Some(START.plus_ms(MOST_AHEAD_MS + drift));
        }
        World {
            network: Network::new(&scenario),
            payments: Payments::of(&scenario),
            checks,
            liar: scenario.byzantine.then(Liar::default),
            genesis,
            random,
            time: 0,
            queue: BTreeMap::new(),
            sequence: 0,
            nodes,
            requests: BTreeMap::new(),
            whole: false,
            steps: 0,
            crashes: 0,
            taken_over: 0,
            settings: 0,
            trace: Hasher::new(Domain::Trace),
            show,
            failed: false,
            violation: None,
            scenario,
        }
    }

    fn later(&mut self, after_ms: u64, due: Due) {
        self.sequence += 1;
        self.queue.insert((self.time + after_ms, self.sequence), due);
    }

    fn check(&mut self, result: Result<(), String>) {
        if let Err(violation) = result {
            self.violation.get_or_insert(violation);
        }
    }

    /// The liar is the last validator.
    fn is_liar(&self, node: usize) -> bool {
        self.liar.is_some() && node + 1 == self.scenario.validators
    }

    fn plan(&mut self) {
        for node in 0..self.nodes.len() {
            let after = self.random.below(200);
            if node > 0 || !self.scenario.sleeper {
                self.later(after, Due::Start { node });
            }
        }
        for _ in 0..self.scenario.transactions {
            let after = self.random.below(self.scenario.chaos_ms);
            self.later(after, Due::Submit);
        }
        for _ in 0..self.scenario.payments {
            let after = self.random.below(self.scenario.chaos_ms);
            self.later(after, Due::Pay);
        }
        if self.scenario.partitions_ms > 0 {
            let mut at = 0;
            loop {
                at += self.random.between(1, 2 * self.scenario.partitions_ms);
                let lasts = self.random.between(100, 2_500);
                if at + lasts >= self.scenario.chaos_ms {
                    break;
                }
                self.later(at, Due::Cut);
                self.later(at + lasts, Due::Mend);
                at += lasts;
            }
        }
        self.later(self.scenario.chaos_ms, Due::Heal);
    }

    /// Lives through it all. Returns how long it took to move on after the healing.
    fn live(&mut self) -> u64 {
        self.plan();
        let deadline = self.scenario.chaos_ms + PROGRESS_MS;
        let mut target = None;
        while let Some(((time, _), due)) = self.queue.pop_first() {
            self.time = time;
            self.happen(due);
            if self.violation.is_some() {
                break;
            }
            if self.whole {
                let target = *target.get_or_insert(self.checks.tip().0 + PROGRESS_HEIGHTS);
                if self.has_reached(Height(target)) && self.checks.unanswered() == 0 {
                    break;
                }
                if time > deadline {
                    let tips: Vec<u64> = self.tips();
                    let open = self.checks.unanswered();
                    self.violation =
                        Some(format!("progress: tips {tips:?} of {target}, {open} unanswered"));
                    break;
                }
            }
            if self.steps > MAX_STEPS {
                self.violation = Some("progress: too many steps".into());
                break;
            }
        }
        self.time.saturating_sub(self.scenario.chaos_ms)
    }

    fn tips(&self) -> Vec<u64> {
        let tip = |node: &Node| node.running.as_ref().map_or(0, |r| r.synced_tip().0);
        self.nodes.iter().map(tip).collect()
    }

    fn has_reached(&self, height: Height) -> bool {
        let liar = (0..self.nodes.len()).find(|node| self.is_liar(*node));
        let mut tips = self.tips().into_iter().enumerate();
        tips.all(|(node, tip)| Some(node) == liar || tip >= height.0)
    }

    /// Everybody crashes once more, and the disks must hold what was promised.
    fn at_the_end(&mut self) {
        if self.violation.is_some() {
            return;
        }
        for node in 0..self.nodes.len() {
            self.nodes[node].crash(&mut self.random);
        }
        let honest = (0..self.nodes.len()).filter(|node| !self.is_liar(*node));
        let disks: Vec<_> = honest
            .filter_map(|node| self.nodes[node].reader().map(|reader| (node, reader)))
            .collect();
        let result = self.checks.on_disks(&disks);
        self.check(result);
    }

    fn note(&mut self, text: &str, data: &[u8]) {
        if self.show {
            println!("{:>8} {text}", self.time);
        }
        let mut hasher = std::mem::replace(&mut self.trace, Hasher::new(Domain::Trace));
        for piece in [&self.time.to_le_bytes()[..], text.as_bytes(), data] {
            let length = (piece.len() as u64).to_le_bytes();
            hasher = hasher.chain(&length).chain(piece);
        }
        self.trace = hasher;
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Input { node, incarnation, input } => {
                if self.nodes[node].incarnation == incarnation {
                    self.step(node, input);
                }
            }
            Due::Timer { node, incarnation, id, setting } => {
                let alive = self.nodes[node].incarnation == incarnation;
                let running = self.nodes[node].running.as_mut().filter(|_| alive);
                let Some(running) = running else { return };
                if running.timers.get(&id) == Some(&setting) {
                    running.timers.remove(&id);
                    self.step(node, Input::Timer(id));
                }
            }
            Due::Perform { node, incarnation } => {
                if self.nodes[node].incarnation == incarnation {
                    self.perform(node);
                }
            }
            Due::Flush { node, incarnation } => {
                if self.nodes[node].incarnation == incarnation {
                    match self.nodes[node].flush() {
                        Ok(Some(height)) => self.step(node, Input::Flushed(height)),
                        Ok(None) => {}
                        Err(error) => self.check(Err(error)),
                    }
                }
            }
            Due::Start { node } => self.start(node),
            Due::Cut => self.change_network(|network, random| network.cut(random)),
            Due::Mend => self.change_network(|network, _| network.mend()),
            Due::Submit => self.submit(),
            Due::Pay => self.pay(),
            Due::Heal => self.heal(),
        }
    }

    fn heal(&mut self) {
        self.note("healed", &[]);
        self.whole = true;
        self.change_network(|network, _| network.heal());
        for node in 0..self.nodes.len() {
            if self.nodes[node].running.is_none() {
                self.start(node);
            }
        }
        for _ in 0..LATE_TRANSACTIONS {
            let after = self.random.below(1_000);
            self.later(after, Due::Submit);
        }
        if self.scenario.payments > 0 {
            let wishes = self.payments.all().to_vec();
            wishes.iter().for_each(|wish| self.ask_for(wish));
        }
    }

    fn change_network(&mut self, change: impl Fn(&mut Network, &mut Random)) {
        let before = self.network.clone();
        change(&mut self.network, &mut self.random);
        for a in 0..self.nodes.len() {
            for b in 0..self.nodes.len() {
                let (was, is) = (before.connected(a, b), self.network.connected(a, b));
                if a != b && was != is {
                    let peer = node_name(b);
                    let input = if is { Input::PeerUp(peer) } else { Input::PeerDown(peer) };
                    self.input(a, 1, input);
                }
            }
        }
    }

    /// Lets an input reach a node after a while, if it still lives then.
    fn input(&mut self, node: usize, after_ms: u64, input: Input) {
        let incarnation = self.nodes[node].incarnation;
        if self.nodes[node].running.is_some() {
            self.later(after_ms, Due::Input { node, incarnation, input });
        }
    }

    fn start(&mut self, node: usize) {
        if self.nodes[node].running.is_some() {
            return;
        }
        let started = self.nodes[node].start(&self.genesis, self.scenario.bug);
        if let Err(error) = started {
            self.check(Err(format!("node {node} cannot start: {error}")));
            return;
        }
        self.note(&format!("{node} starts"), &[]);
        self.step(node, Input::Start);
        for other in 0..self.nodes.len() {
            let up = self.nodes[other].running.is_some();
            if other != node && up && self.network.connected(node, other) {
                self.input(node, 1, Input::PeerUp(node_name(other)));
                self.input(other, 1, Input::PeerUp(node_name(node)));
            }
        }
    }

    fn crash(&mut self, node: usize) {
        self.note(&format!("{node} crashes"), &[]);
        self.crashes += 1;
        self.nodes[node].crash(&mut self.random);
        self.checks.on_crash(node);
        for other in 0..self.nodes.len() {
            if other != node {
                self.input(other, 1, Input::PeerDown(node_name(node)));
            }
        }
        let after = self.random.between(10, 2_500);
        self.later(after, Due::Start { node });
    }

    /// An honest node that runs.
    fn any_node(&mut self) -> Option<usize> {
        let up: Vec<usize> = (0..self.nodes.len())
            .filter(|node| self.nodes[*node].running.is_some() && !self.is_liar(*node))
            .collect();
        (!up.is_empty()).then(|| up[self.random.index(up.len())])
    }

    fn submit(&mut self) {
        let Some(node) = self.any_node() else { return };
        let bundle = bundle(&mut self.random, node, START.plus_ms(self.time));
        self.submit_at(node, bundle);
    }

    fn pay(&mut self) {
        let wish = self.payments.draw(&mut self.random, self.time, self.scenario.chaos_ms).clone();
        self.ask_for(&wish);
    }

    /// Asks any node, whose it may be.
    fn ask_for(&mut self, wish: &Wish) {
        let Some(node) = self.any_node() else { return };
        let bundle = wish.bundle(&mut self.random, START.plus_ms(self.time));
        self.submit_at(node, bundle);
    }

    fn submit_at(&mut self, node: usize, bundle: Arc<Bundle>) {
        self.sequence += 1;
        let ticket = self.sequence;
        self.checks.on_submit(node, ticket, bundle.transaction.id());
        self.step(node, Input::Submit { ticket, bundle });
    }

    fn step(&mut self, node: usize, input: Input) {
        let now = TimestampMs(START.0 + self.time + self.nodes[node].clock_ahead);
        let Some(running) = self.nodes[node].running.as_mut() else { return };
        self.steps += 1;
        let shown =
            if self.show { format!("{node} <- {}", show_input(&input)) } else { String::new() };
        let effects = running.step(now, input);
        let decides = effects.iter().any(|effect| matches!(effect, Effect::AppendBlock { .. }));
        let was_empty = running.batch.is_empty();
        running.batch.extend(effects);
        if self.show {
            println!("{:>8} {shown}", self.time);
        }
        let ends = decides && self.scenario.bug != Some(Bug::BatchBeyondBlock);
        if !self.scenario.batches || ends || self.random.per_mille(300) {
            self.perform(node);
        } else if was_empty {
            // Beyond a block only what comes much later can do harm: this mistake waits for it.
            let longest = if self.scenario.bug == Some(Bug::BatchBeyondBlock) { 250 } else { 4 };
            let after = self.random.between(1, longest);
            let incarnation = self.nodes[node].incarnation;
            self.later(after, Due::Perform { node, incarnation });
        }
    }

    /// Performs what a node's steps have asked for, in the order that [`Effect`]s prescribe for
    /// batches; perhaps the node dies in the middle.
    fn perform(&mut self, node: usize) {
        if !self.whole && self.random.per_mille(self.scenario.disk_failures) {
            self.nodes[node].fail_a_sync(&mut self.random);
        }
        let Some(running) = self.nodes[node].running.as_mut() else { return };
        let batch = std::mem::take(&mut running.batch);
        let effects = in_order(batch, self.scenario.bug);
        let dies = !self.whole && self.random.per_mille(self.scenario.crashes);
        let mut dies_at = dies.then(|| self.random.index(effects.len() + 1));
        if self.scenario.bug == Some(Bug::BatchBeyondBlock) && self.random.per_mille(300) {
            dies_at = between_drop_and_sync(&effects).or(dies_at);
        }
        let dies = dies_at.is_some();
        for (index, effect) in effects.into_iter().enumerate() {
            if dies_at == Some(index) || self.violation.is_some() || self.failed {
                break;
            }
            self.effect(node, effect);
        }
        if std::mem::take(&mut self.failed) || dies {
            self.crash(node);
        }
    }

    fn effect(&mut self, node: usize, effect: Effect) {
        let (text, data) = describe(&effect);
        self.note(&format!("{node} {text}"), &data);
        let bug = self.scenario.bug;
        let honest = !self.is_liar(node);
        let incarnation = self.nodes[node].incarnation;
        let Some(running) = self.nodes[node].running.as_mut() else { return };
        let effect = match running.log(effect, bug) {
            Ok(Some(effect)) => effect,
            Ok(None) => return,
            // The node stops at once: nothing that was to follow is done.
            Err(fault) if fault.contains(PLANNED) => {
                self.failed = true;
                return;
            }
            Err(fault) => return self.check(Err(format!("node {node}: {fault}"))),
        };
        match effect {
            Effect::Commit { decided, layer } => {
                let Some(running) = self.nodes[node].running.as_mut() else { return };
                running.publish(layer.clone());
                if honest {
                    let result = self.checks.on_commit(node, &decided, &layer, self.time);
                    self.check(result);
                }
                let after = self.random.between(1, 1_500);
                self.later(after, Due::Flush { node, incarnation });
            }
            Effect::Answer { ticket, result } => {
                let synced = running.synced_tip();
                let result = self.checks.on_answer(node, ticket, &result, synced);
                self.check(result);
            }
            Effect::Broadcast { bytes, .. } => {
                if honest {
                    let result = self.checks.on_broadcast(node_name(node), &bytes);
                    self.check(result);
                }
                self.broadcast(node, &bytes);
            }
            Effect::Request { to, id, bytes } => self.request(node, to, id, bytes),
            Effect::Respond { id, bytes } => self.respond(node, id, bytes),
            Effect::SetTimer { id, after_ms } => {
                self.settings += 1;
                let setting = self.settings;
                running.timers.insert(id, setting);
                self.later(after_ms, Due::Timer { node, incarnation, id, setting });
            }
            Effect::CancelTimer(id) => {
                running.timers.remove(&id);
            }
            Effect::Halt(reason) if honest => self.check(Err(format!("{node} halts: {reason}"))),
            _ => {}
        }
    }

    fn broadcast(&mut self, node: usize, bytes: &[u8]) {
        let other = self.lie(node, bytes);
        for to in 0..self.nodes.len() {
            if to == node || !self.network.connected(node, to) {
                continue;
            }
            let lied_to = self.random.per_mille(500);
            let said = other.as_deref().filter(|_| lied_to).unwrap_or(bytes);
            for after in self.network.fate(&mut self.random) {
                let input = Input::Gossip { from: node_name(node), bytes: said.to_vec() };
                self.input(to, after, input);
            }
        }
    }

    fn lie(&mut self, node: usize, bytes: &[u8]) -> Option<Vec<u8>> {
        if !self.is_liar(node) {
            return None;
        }
        let running = self.nodes[node].running.as_ref()?;
        let ledger = running.replica().ledger();
        self.liar.as_mut()?.other(bytes, &node_key(node), ledger, &mut self.random)
    }

    fn request(&mut self, node: usize, to: PublicKey, id: RequestId, bytes: Vec<u8>) {
        let missing = Input::Response { id, answer: None };
        let peer = (0..self.nodes.len()).find(|index| node_name(*index) == to);
        let Some(peer) = peer.filter(|peer| self.network.connected(node, *peer)) else {
            return self.input(node, 1, missing);
        };
        if self.is_liar(peer)
            && let Some(answer) = self.liar.as_ref().and_then(|liar| liar.answer(&bytes))
        {
            return self.input(node, 2, Input::Response { id, answer: Some(answer) });
        }
        self.sequence += 1;
        let open = self.sequence;
        self.requests.insert(open, (node, self.nodes[node].incarnation, id));
        if let Some(after) = self.network.fate(&mut self.random).first() {
            let input = Input::Request { from: node_name(node), id: open, bytes };
            self.input(peer, *after, input);
        }
        // Comes only if nothing else has: the replica takes one answer to a request.
        self.input(node, REQUEST_MS, missing);
    }

    fn respond(&mut self, node: usize, id: RequestId, bytes: Vec<u8>) {
        let Some((asker, incarnation, id)) = self.requests.remove(&id) else { return };
        if matches!(Response::decode(&bytes), Some(Response::Decided(_))) {
            self.taken_over += 1;
        }
        let bytes = match &self.liar {
            Some(liar) if self.is_liar(node) => liar.bend_answer(bytes, &mut self.random),
            _ => bytes,
        };
        let lost = !self.network.connected(node, asker);
        let fate = self.network.fate(&mut self.random);
        if let (Some(after), false) = (fate.first(), lost)
            && self.nodes[asker].incarnation == incarnation
        {
            self.input(asker, *after, Input::Response { id, answer: Some(bytes) });
        }
    }
}
