//! What `/metrics` tells of the node as a whole, read anew at each question.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use tracehold_chain::mempool::MempoolLimits;

use super::ApiState;
use super::network::{known_nodes, power};
use crate::deliver::Deliverer;

/// Gauges of the node.
#[derive(Clone, Default)]
pub(super) struct Gauges {
    ready: Gauge,
    height: Gauge,
    block_time: Gauge,
    behind: Gauge,
    peers: Gauge,
    nodes_silent: Gauge,
    power_connected: Gauge,
    power_needed: Gauge,
    waiting: Gauge,
    waiting_bytes: Gauge,
    jobs: Gauge,
    webhooks_failing: Gauge,
    webhooks_paused: Gauge,
    disk_free: Gauge,
    disk_size: Gauge,
}

/// A node that has said nothing for this long is silent: it speaks once a second.
const SILENT_MS: u64 = 30_000;

impl Gauges {
    /// Registers them in `registry`, which puts `tracehold` before their names.
    pub(super) fn register(registry: &mut Registry) -> Gauges {
        let gauges = Gauges::default();
        let mut put = |name: &str, help: &str, gauge: &Gauge| {
            registry.register(name, help, gauge.clone());
        };
        put("ready", "1 when /readyz answers 200", &gauges.ready);
        put("height", "Newest block that is readable here", &gauges.height);
        put("behind_blocks", "Blocks that others have and this node does not", &gauges.behind);
        put("peers", "Nodes of members connected now", &gauges.peers);
        let help = "Other nodes of members that have said nothing for half a minute, or ever";
        put("nodes_silent", help, &gauges.nodes_silent);
        let help = "Voting power of this node and those connected to it";
        put("voting_power_connected", help, &gauges.power_connected);
        let help = "Voting power that it takes to decide a block";
        put("voting_power_needed", help, &gauges.power_needed);
        put("waiting_transactions", "Transactions that wait for a block", &gauges.waiting);
        put("capture_jobs_running", "Capture jobs that run", &gauges.jobs);
        let help = "Webhooks whose last attempt failed";
        put("webhooks_failing", help, &gauges.webhooks_failing);
        put("webhooks_paused", "Webhooks that are paused", &gauges.webhooks_paused);
        let mut put = |name: &str, help: &str, unit: Unit, gauge: &Gauge| {
            registry.register_with_unit(name, help, unit, gauge.clone());
        };
        let help = "Time of the newest block, in seconds since 1970";
        put("block_time", help, Unit::Seconds, &gauges.block_time);
        put("waiting", "Transactions that wait, encoded", Unit::Bytes, &gauges.waiting_bytes);
        let help = "Free on the disk of the data folder";
        put("disk_free", help, Unit::Bytes, &gauges.disk_free);
        put("disk_size", "Size of the disk of the data folder", Unit::Bytes, &gauges.disk_size);
        let most = MempoolLimits::default();
        for (name, help, limit) in [
            ("waiting_transactions_most", "Transactions that may wait", most.transactions),
            ("waiting_bytes_most", "Bytes of transactions that may wait", most.bytes),
        ] {
            let gauge: Gauge = Gauge::default();
            gauge.set(number(limit));
            registry.register(name, help, gauge);
        }
        gauges
    }

    /// Says who this is; it never changes.
    pub(super) fn register_identity(registry: &mut Registry, node: &str, member: &str, role: &str) {
        let labels = [
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("node", node.to_owned()),
            ("member", member.to_owned()),
            ("role", role.to_owned()),
        ];
        registry.register("node", "This node", Info::new(labels.to_vec()));
    }

    /// Reads all of them from the node. What a starting node does not know yet stays as it is.
    pub(super) fn read(&self, state: &ApiState) {
        self.ready.set(i64::from(state.readiness().ready));
        self.jobs.set(number(state.jobs().running()));
        self.read_webhooks(state.deliverer());
        match rustix::fs::statvfs(state.dir()) {
            Ok(disk) => {
                // What a process without privileges may use, as `df` counts it.
                self.disk_free.set(number(disk.f_bavail.saturating_mul(disk.f_frsize)));
                self.disk_size.set(number(disk.f_blocks.saturating_mul(disk.f_frsize)));
            }
            Err(error) => tracing::warn!(%error, "the disk of the data folder cannot be asked"),
        }
        let Some(status) = state.node().ok().and_then(|node| node.status().ok()) else { return };
        self.height.set(number(status.height.0));
        self.block_time.set(number(status.block_time.0 / 1_000));
        self.behind.set(number(status.behind));
        self.peers.set(number(status.peers.len()));
        self.waiting.set(number(status.waiting));
        self.waiting_bytes.set(number(status.waiting_bytes));
        let now = super::now();
        let nodes = known_nodes(state.members(), state.node_name(), &status, now);
        let silent = nodes.iter().filter(|known| {
            let heard = known.heard.as_ref().map(|(_, _, at)| *at);
            heard.is_none_or(|at| now.since_ms(at) >= SILENT_MS)
        });
        self.nodes_silent.set(number(silent.count()));
        let (connected, needed) = power(&nodes);
        self.power_connected.set(number(connected));
        self.power_needed.set(number(needed));
    }

    fn read_webhooks(&self, deliverer: &Deliverer) {
        let (failing, paused) = deliverer.ailing();
        self.webhooks_failing.set(number(failing));
        self.webhooks_paused.set(number(paused));
    }
}

fn number(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}
