//! `tracehold bench`: what this build does on this machine.
#![allow(clippy::float_arithmetic, reason = "figures for people, nothing that nodes agree on")]

mod agreements;
mod browser;
mod evidence;
mod ingest;
mod pages;
mod query;
mod recall;
mod restart;
mod trace;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Subcommand;
use serde::Serialize;
use tracehold_testnet::{Options, Testnet};

use super::{Failure, output, own_binary, signals};

/// Ports far from those of a network that may be running.
const FIRST_PORTS: (u16, u16) = (18_080, 17_070);

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Record many events on a network of its own and measure what they cost
    #[command(
        after_help = "Example:\n  tracehold bench ingest --nodes 4 --events 100000 --json\n\nAll \
                      nodes, and the program that sends the events, share this machine. \
                      Events go through\nPOST /epcis/v2/capture; finality is the time from \
                      sending a document to the answer that it\nis committed."
    )]
    Ingest(ingest::Ingest),
    /// Record many events on one node and measure how soon it answers queries while more come
    #[command(
        after_help = "Example:\n  tracehold bench query --nodes 1 --events 1000000 --json\n\n\
                      Times count from asking over HTTP to the whole first page of 100 events; 500 \
                      events a second\nare captured meanwhile."
    )]
    Query(query::Query),
    /// Stop, kill and rebuild the nodes of a network with a history and measure how long each takes
    #[command(
        after_help = "Example:\n  tracehold bench ingest --events 1000000 --dir ./history\n  \
                      tracehold bench restart --dir ./history --json\n\nTimes count from \
                      starting the process to the first 200 from /readyz."
    )]
    Restart(restart::Restart),
    /// Record a network of goods and measure how soon their stories are told
    #[command(after_help = "Example:\n  tracehold bench trace --items 100000 --events 1000000 \
                      --json\n\nTimes count from asking one node over HTTP to the whole answer. \
                      Under load, 500 events a second\nare captured meanwhile.")]
    Trace(trace::Trace),
    /// Make evidence on a ledger with a history, weigh it, and check it here and in a browser
    #[command(
        after_help = "Example:\n  tracehold bench evidence --items 100000 --events 1000000 --json\n\n\
                      The evidence is of things with 20 events, packed for a while, made of other \
                      things over\nthree levels. Making it counts from asking one node over HTTP to \
                      the whole answer. Needs Chromium."
    )]
    Evidence(evidence::Evidence),
    /// Recall a lot that reaches many things and measure how soon they are listed
    #[command(
        after_help = "Example:\n  tracehold bench recall --affected 100000 --events 1000000 \
                      --json\n\nTimes count from asking one node over HTTP to the whole answer."
    )]
    Recall(recall::Recall),
    /// Look at pages with a Chromium over a slow phone line and measure how soon they are seen
    #[command(
        after_help = "Example:\n  tracehold bench pages --json\n\nNeeds Chromium. A network of \
                      its own records a product with a photograph, and a piece\nwith a long \
                      story; each page is visited with an empty cache at 400 kbit/s and 400 ms."
    )]
    Pages(pages::Pages),
    /// Pay and let goods pay, on a network of its own and in the bare state machine
    #[command(
        after_help = "Example:\n  tracehold bench agreements --nodes 4 --json\n\nThe bare state \
                      machine is measured first, on one core. Through the network every \
                      transaction is\nsigned by itself and sent to POST /api/v1/transactions; \
                      its answer means that it is committed."
    )]
    Agreements(agreements::Agreements),
}

pub fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Ingest(ingest) => ingest::run(ingest),
        Command::Query(query) => query::run(query),
        Command::Restart(restart) => restart::run(restart),
        Command::Trace(trace) => trace::run(trace),
        Command::Evidence(evidence) => evidence::run(evidence),
        Command::Recall(recall) => recall::run(recall),
        Command::Pages(pages) => pages::run(pages),
        Command::Agreements(agreements) => agreements::run(agreements),
    }
}

/// Where a measured network lives: a folder that is kept, or one that goes with this value.
struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    fn new(kept: Option<&Path>) -> Folder {
        let name = format!("tracehold-bench-{}", std::process::id());
        let path = kept.map_or_else(|| std::env::temp_dir().join(name), Path::to_owned);
        Folder { path, temporary: kept.is_none() }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary {
            // What was measured is known; a folder that stays behind is only untidy.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// The network that is measured, and how the figures are printed.
#[derive(Debug, clap::Args)]
struct OnNetwork {
    /// Validators
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    nodes: u8,
    /// A parameter of the network other than its default; may be given again
    #[arg(long = "set", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// Keep the network's folder here [default: a temporary folder, removed afterwards]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl OnNetwork {
    /// Starts the network, measures it, stops it and prints what was measured. The nodes have
    /// `ready_timeout` to become ready, where they need more than usual.
    fn measure<R: Serialize>(
        &self,
        ready_timeout: Option<Duration>,
        measure: impl FnOnce(&mut Testnet, &Arc<AtomicBool>) -> Result<R, Failure>,
        show: impl FnOnce(&R) -> Result<(), Failure>,
    ) -> Result<R, Failure> {
        let stop = signals::stop_flag()?;
        let folder = Folder::new(self.dir.as_deref());
        let mut options = Options::new(own_binary()?, &folder.path, usize::from(self.nodes));
        options.plan.parameters.clone_from(&self.parameters);
        options.first_ports = FIRST_PORTS;
        options.cancelled = stop.clone();
        options.ready_timeout = ready_timeout.unwrap_or(options.ready_timeout);
        // Every node sees its requests from one address: the limit per address is not what is
        // measured.
        options.env = vec![("TRACEHOLD_HTTP__REQUESTS_PER_SECOND".into(), "1000000".into())];
        let mut network = Testnet::up(options)?;
        let report = measure(&mut network, &stop);
        network.stop();
        let report = report?;
        if self.json {
            output::json(&report)?
        } else {
            show(&report)?
        }
        Ok(report)
    }
}
