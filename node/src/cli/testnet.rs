//! `tracehold testnet`: a network of several nodes on this machine.

use std::path::PathBuf;

use clap::Subcommand;
use tracehold_testnet::manifest::Plan;
use tracehold_testnet::{Options, Testnet};

use super::{Failure, output, own_binary, signals};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a network until ctrl-C; the same folder goes on where it stopped
    #[command(
        after_help = "Example:\n  tracehold testnet up --nodes 4 --dir testnet --json\n\nEvery \
                            node is a process of its own. With --json the first line is one object: \
                            chain_id and\nnodes, each with name, role, member, http, api_key, pid, \
                            dir. Logs are in DIR/NODE.log."
    )]
    Up(Up),
}

#[derive(Debug, clap::Args)]
struct Up {
    /// Validators, each of a member of its own; the first is a bank, the last an inspector
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    nodes: u8,
    /// Nodes that verify everything and vote nothing
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=32))]
    followers: u8,
    /// The network's folder
    #[arg(long, value_name = "DIR", default_value = ".data/testnet")]
    dir: PathBuf,
    /// First choice of the first node's HTTP port; the next free ones follow
    #[arg(long, default_value_t = tracehold_testnet::manifest::HTTP_PORT)]
    http_port: u16,
    /// First choice of the first node's port for other nodes
    #[arg(long, default_value_t = tracehold_testnet::manifest::P2P_PORT)]
    p2p_port: u16,
    /// A parameter of a new network other than its default; may be given again
    #[arg(long = "set", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// Print one JSON object when all nodes are ready
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Up(up) => run_up(up),
    }
}

fn run_up(up: &Up) -> Result<(), Failure> {
    let stop = signals::stop_flag()?;
    let mut options = Options::new(own_binary()?, &up.dir, usize::from(up.nodes));
    options.plan = Plan::plain(usize::from(up.nodes), usize::from(up.followers));
    options.plan.parameters.clone_from(&up.parameters);
    options.first_ports = (up.http_port, up.p2p_port);
    options.cancelled = stop.clone();
    let mut network = match Testnet::up(options) {
        // Asked to stop while starting: the nodes are gone, and that is what was asked for.
        Err(tracehold_testnet::TestnetError::Cancelled) => return Ok(()),
        result => result?,
    };
    let shown = show(up, &network);
    let waited = shown.and_then(|()| {
        let mut reported = vec![false; network.nodes.len()];
        signals::wait(&stop, || {
            report_ended(&mut network, &mut reported);
            Ok(())
        })
    });
    let clean = network.stop();
    waited?;
    if clean { Ok(()) } else { Err(Failure::Refused("a node did not stop cleanly".to_owned())) }
}

fn show(up: &Up, network: &Testnet) -> Result<(), Failure> {
    let description = network.description();
    if up.json {
        return output::json(&description);
    }
    output::line(format!("Network {} is ready. Ctrl-C stops it.\n", description.chain_id))?;
    for node in &description.nodes {
        output::line(format!("{:<12} {:<10} {}", node.name, node.role, node.http))?;
        output::line(format!("{:<12} API key    {}", "", node.api_key))?;
    }
    Ok(())
}

/// Says once that a node has ended; the others go on, as they would on machines of their own.
fn report_ended(network: &mut Testnet, reported: &mut [bool]) {
    for (node, reported) in network.nodes.iter_mut().zip(reported) {
        let Some(process) = &mut node.process else { continue };
        if let Some(status) = process.ended().filter(|_| !*reported) {
            *reported = true;
            let tail = process.log_tail();
            output::note(format!("{} ended ({status}); the end of its log:\n{tail}", node.name));
        }
    }
}
