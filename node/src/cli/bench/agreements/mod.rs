//! `tracehold bench agreements`: what moving money costs, alone and when goods move it.

mod machine;
mod network;
mod sale;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::Serialize;
use tracehold_testnet::Testnet;

use super::OnNetwork;
use super::ingest::Finality;
use crate::cli::{Failure, output};

/// Transfers a second through the network that the project promises, on two cores.
const NETWORK_BAR: u64 = 1_000;
/// Transfers a second in the bare state machine that it promises, on one core.
const MACHINE_BAR: u64 = 50_000;

#[derive(Debug, clap::Args)]
pub struct Agreements {
    /// Transfers through the network, each a transaction of its own
    #[arg(long, default_value_t = 30_000)]
    transfers: u64,
    /// Agreements that go all their way through the network
    #[arg(long, default_value_t = 2_000)]
    agreements: u64,
    /// Accounts of each member
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    accounts: u16,
    /// Transactions under way at each node at once
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=256))]
    in_flight: u16,
    /// Transfers in the bare state machine
    #[arg(long, default_value_t = 200_000)]
    bare_transfers: u64,
    /// Agreements in the bare state machine
    #[arg(long, default_value_t = 5_000)]
    bare_agreements: u64,
    /// Running agreements in the state while events come that concern none of them
    #[arg(long, default_value_t = 100_000)]
    running: u64,
    /// Events that concern no agreement, with them and without
    #[arg(long, default_value_t = 20_000)]
    events: u64,
    #[command(flatten)]
    network: OnNetwork,
}

/// What `bench agreements` prints.
#[derive(Debug, Serialize)]
struct Report {
    nodes: usize,
    accounts: u64,
    /// Through the network, over HTTP, each signed by itself.
    network: Through,
    /// One core, no network; signatures were checked before. The state root and the receipts root
    /// of every block are included.
    bare: Bare,
    unconcerned: Unconcerned,
    /// Whether all nodes showed one height and state root at the end.
    agree: bool,
    /// Whether both bars are met.
    meets: bool,
    messages: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Through {
    transfers: Rate,
    /// Proposed, accepted by both, funded, delivered and with that released: five transactions.
    agreement_steps: Rate,
}

#[derive(Debug, Default, Serialize)]
struct Rate {
    committed: u64,
    failed: u64,
    seconds: f64,
    per_s: u64,
    /// Processor time of all nodes together, for each.
    cpu_us_each: u64,
    finality_ms: Option<Finality>,
}

#[derive(Debug, Serialize)]
struct Bare {
    transfers: Single,
    agreement_steps: Single,
    /// Checking one signed transfer before it may wait, signature included.
    admission_us_each: f64,
}

#[derive(Debug, Serialize)]
struct Single {
    count: u64,
    seconds: f64,
    per_s: u64,
    us_each: f64,
}

/// What an event costs that concerns no agreement.
#[derive(Debug, Serialize)]
struct Unconcerned {
    events: u64,
    running: u64,
    us_each_without: f64,
    us_each_with: f64,
    /// With, divided by without.
    ratio: f64,
}

impl Single {
    fn of(count: u64, seconds: f64) -> Single {
        let each = |total: f64, by: f64| if by > 0.0 { total / by } else { 0.0 };
        let per_s = whole(each(count as f64, seconds));
        Single { count, seconds, per_s, us_each: each(seconds * 1e6, count as f64) }
    }
}

/// A rate for people, without its fraction.
fn whole(rate: f64) -> u64 {
    format!("{rate:.0}").parse().unwrap_or(0)
}

pub fn run(args: &Agreements) -> Result<(), Failure> {
    // The bare machine first: while it is measured, nothing else of ours runs.
    let (bare, unconcerned) = machine::measure(args)?;
    let measure = |network: &mut Testnet, stop: &Arc<AtomicBool>| {
        let (through, agree, messages) = network::measure(args, network, stop)?;
        let failed = through.transfers.failed + through.agreement_steps.failed;
        let meets = failed == 0
            && agree
            && through.transfers.per_s >= NETWORK_BAR
            && bare.transfers.per_s >= MACHINE_BAR;
        Ok(Report {
            nodes: network.nodes.len(),
            accounts: u64::from(args.accounts) * network.nodes.len() as u64,
            network: through,
            bare,
            unconcerned,
            agree,
            meets,
            messages,
        })
    };
    let report = args.network.measure(None, measure, show)?;
    let failed = report.network.transfers.failed + report.network.agreement_steps.failed;
    if failed == 0 && report.agree {
        return Ok(());
    }
    let agree = report.agree;
    Err(Failure::Refused(format!("{failed} transactions failed; nodes agree at the end: {agree}")))
}

fn show(report: &Report) -> Result<(), Failure> {
    let through = |rate: &Rate| {
        let finality = rate.finality_ms.as_ref().map_or((0.0, 0.0), |f| (f.p50, f.p99));
        format!(
            "{} a second, {} µs of processor each, p50 {:.0} ms, p99 {:.0} ms, {} failed",
            rate.per_s, rate.cpu_us_each, finality.0, finality.1, rate.failed
        )
    };
    let bare =
        |single: &Single| format!("{} a second, {:.1} µs each", single.per_s, single.us_each);
    let Unconcerned { running, us_each_without, us_each_with, ratio, .. } = report.unconcerned;
    let rows = [
        ("transfers", through(&report.network.transfers)),
        ("agreement steps", through(&report.network.agreement_steps)),
        ("bare transfers", bare(&report.bare.transfers)),
        ("bare steps", bare(&report.bare.agreement_steps)),
        ("admission", format!("{:.1} µs a transfer", report.bare.admission_us_each)),
        (
            "other events",
            format!(
                "{us_each_without:.1} µs without agreements, {us_each_with:.1} µs beside {running} \
                 ({ratio:.2} times)"
            ),
        ),
        ("agreement", if report.agree { "one state root" } else { "NODES DIFFER" }.to_owned()),
    ];
    for (name, value) in rows {
        output::line(format!("{name:<16}{value}"))?;
    }
    report.messages.iter().try_for_each(|message| output::line(format!("failed: {message}")))
}
