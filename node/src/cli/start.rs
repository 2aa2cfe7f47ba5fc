//! `tracehold start`: a node that runs until it is asked to stop.

use std::net::SocketAddr;

use libp2p::Multiaddr;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use tracehold_testnet::spawn::STOP_WITH_PARENT;
use tracing_subscriber::EnvFilter;

use super::{DataDir, Failure, signals};
use crate::config::{Config, Log, LogFormat};
use crate::node::{Node, StartError};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  tracehold start --dir data\n\nThe log goes to stderr. SIGTERM, SIGINT \
                        and SIGHUP stop the node cleanly; a kill is safe\ntoo."
)]
pub struct Args {
    #[command(flatten)]
    folder: DataDir,
    /// Serve HTTP here instead of where the settings say
    #[arg(long, value_name = "ADDRESS")]
    http: Option<SocketAddr>,
    /// Listen for other nodes here instead of where the settings say
    #[arg(long, value_name = "MULTIADDR")]
    p2p: Option<Multiaddr>,
    /// How log lines look, instead of what the settings say
    #[arg(long, value_name = "FORMAT", value_parser = parse_format)]
    log: Option<LogFormat>,
}

fn parse_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("give text or json".to_owned()),
    }
}

pub fn run(args: &Args) -> Result<(), Failure> {
    stop_with_parent()?;
    let mut config = Config::load(&args.folder.dir)?;
    if let Some(http) = args.http {
        config.http.listen = http;
    }
    if let Some(p2p) = &args.p2p {
        config.p2p.listen = p2p.clone();
    }
    if let Some(format) = args.log {
        config.log.format = format;
    }
    write_log(&config.log);
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let tokio = tokio.map_err(|error| Failure::Refused(format!("cannot start: {error}")))?;
    tokio.block_on(run_node(args, config))
}

async fn run_node(args: &Args, config: Config) -> Result<(), Failure> {
    let node = Node::start(&args.folder.dir, config).await.map_err(|error| match error {
        StartError::Listen { .. } => Failure::Refused(error.to_string()),
        _ => Failure::Folder(error.to_string()),
    })?;
    let ended = tokio::select! {
        ended = node.ended() => ended,
        signal = signals::stop_signal() => {
            let signal = signal
                .map_err(|error| Failure::Refused(format!("cannot watch signals: {error}")))?;
            tracing::info!(signal, "stopping");
            node.stop().await
        }
    };
    ended.map_err(|fault| Failure::Fault(fault.to_string()))?;
    tracing::info!("stopped");
    Ok(())
}

/// What libraries say of every vote and connection is for those who ask for it: settings name a
/// target to hear more of it.
const QUIET: &str = "arc_malachitebft_core_consensus=warn,arc_malachitebft_core_driver=warn,\
                     libp2p_swarm=warn,libp2p_gossipsub=error,sled=warn";

/// Sends what happens to stderr. A log that nobody reads any more stops nothing.
fn write_log(log: &Log) {
    let filter = EnvFilter::try_new(format!("{QUIET},{}", log.filter))
        .unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    // Set once in a process; a second setting would change nothing.
    let _ = match log.format {
        LogFormat::Text => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}

/// Ends this process with its parent, however the parent ends, when the parent asked for it.
fn stop_with_parent() -> Result<(), Failure> {
    let Ok(parent) = std::env::var(STOP_WITH_PARENT) else { return Ok(()) };
    let parent = parent.parse().ok().and_then(Pid::from_raw);
    let parent =
        parent.ok_or_else(|| Failure::Usage(format!("{STOP_WITH_PARENT} must be a process id")))?;
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| Failure::Refused(format!("cannot follow the parent process: {error}")))?;
    // The parent may have ended before the system was told.
    if getppid() != Some(parent) {
        return Err(Failure::Refused("the parent process has ended".to_owned()));
    }
    Ok(())
}
