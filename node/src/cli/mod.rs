//! The `tracehold` command.

mod agreement;
mod audit;
mod bench;
mod calling;
mod capture;
mod demo;
mod digital_link;
mod epcis;
mod genesis;
mod init;
mod keys;
mod money;
mod output;
mod passport;
mod recall;
mod signals;
mod start;
mod status;
mod testnet;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use tracehold_testnet::TestnetError;
use tracehold_testnet::client::Unreachable;

use crate::config::ConfigError;
use crate::keystore::KeystoreError;

/// A shared record of goods: signed GS1 EPCIS events that companies agree on and anyone can check.
#[derive(Debug, Parser)]
#[command(
    name = "tracehold",
    version,
    propagate_version = true,
    after_help = "Start here:\n  tracehold demo                 a whole network with a year of \
                  trade\n  tracehold testnet up --nodes 4 an empty network for development\n\
                  \nExit codes: 0 done, 1 refused, 2 wrong command line, 3 data folder unusable,\n\
                  4 node not reachable, 5 the node stopped on a fault of its machine,\n\
                  6 evidence does not hold, 7 a file is no evidence"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run six companies' nodes and a year of their trade
    Demo(demo::Args),
    /// Make and run a test network on this machine
    Testnet(testnet::Args),
    /// Make a node's data folder: keys, settings, the network it belongs to
    Init(Box<init::Args>),
    /// Put members' records together to a network's genesis record
    Genesis(genesis::Args),
    /// Run a node
    Start(start::Args),
    /// Ask a node how it is
    Status(status::Args),
    /// Record the EPCIS events of a file
    Capture(capture::Args),
    /// Accounts and payments
    Money(Box<money::Args>),
    /// Agreements: money that moves when the goods do
    Agreement(Box<agreement::Args>),
    /// Recalls, and everything that one reaches
    Recall(Box<recall::Args>),
    /// Check a node's whole history again, from its beginning
    Audit(audit::Args),
    /// Check an evidence file, without a node
    Verify(verify::Args),
    /// List and make the keys of a node's agents and API callers
    Keys(keys::Args),
    /// Measure this build on this machine
    Bench(bench::Args),
    /// Check EPCIS files and name their events, without a node
    #[command(subcommand)]
    Epcis(epcis::Command),
    /// Read, write and check GS1 Digital Links, without a node
    #[command(subcommand)]
    DigitalLink(digital_link::Command),
    /// Check a product's passport, without a node
    #[command(subcommand)]
    Passport(passport::Command),
    /// Print the HTTP interface's description (OpenAPI 3.1, JSON)
    #[command(after_help = "Example:\n  tracehold openapi > openapi.json")]
    Openapi,
    /// Print the completions of a shell
    #[command(after_help = "Example:\n  tracehold completions bash > \
                            ~/.local/share/bash-completion/completions/tracehold")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Where a node is that a command talks to.
#[derive(Debug, clap::Args)]
struct NodeAddress {
    /// The node's HTTP address
    #[arg(long, value_name = "URL", env = "TRACEHOLD_NODE", default_value = DEFAULT_NODE)]
    node: String,
}

const DEFAULT_NODE: &str = "http://127.0.0.1:8080";

/// A data folder that a command works on.
#[derive(Debug, clap::Args)]
struct DataDir {
    /// The node's data folder
    #[arg(long, value_name = "DIR", env = "TRACEHOLD_DIR")]
    dir: PathBuf,
}

/// Why a command did not do what it was asked to. Each kind has its exit code.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Nobody reads our output any more: exit code 0, in silence.
    #[error("nobody reads the output")]
    ReaderGone,
    /// The node, the ledger or the system said no: exit code 1.
    #[error("{0}")]
    Refused(String),
    /// The command line asks for something that cannot be: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// The data folder is missing, damaged or in use: exit code 3.
    #[error("{0}")]
    Folder(String),
    /// The node cannot be reached: exit code 4.
    #[error("{0}")]
    Unreachable(String),
    /// The node stopped because of its machine: exit code 5.
    #[error("{0}")]
    Fault(String),
    /// An evidence file does not hold: exit code 6.
    #[error("{0}")]
    CheckFailed(String),
    /// A file is not what it should be: exit code 7.
    #[error("{0}")]
    Unreadable(String),
}

impl Failure {
    fn exit_code(&self) -> u8 {
        match self {
            Failure::ReaderGone => 0,
            Failure::Refused(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Folder(_) => 3,
            Failure::Unreachable(_) => 4,
            Failure::Fault(_) => 5,
            Failure::CheckFailed(_) => 6,
            Failure::Unreadable(_) => 7,
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        Failure::Folder(error.to_string())
    }
}

impl From<KeystoreError> for Failure {
    fn from(error: KeystoreError) -> Failure {
        match error {
            KeystoreError::UnknownAgent(_)
            | KeystoreError::UnknownApiKey(_)
            | KeystoreError::TooManyApiKeys => Failure::Refused(error.to_string()),
            _ => Failure::Folder(error.to_string()),
        }
    }
}

impl From<Unreachable> for Failure {
    fn from(error: Unreachable) -> Failure {
        Failure::Unreachable(format!("{error}; is the node running, and is --node right?"))
    }
}

impl From<TestnetError> for Failure {
    fn from(error: TestnetError) -> Failure {
        match error {
            TestnetError::Manifest { .. } | TestnetError::Different { .. } => {
                Failure::Folder(error.to_string())
            }
            _ => Failure::Refused(error.to_string()),
        }
    }
}

/// Runs the command that this process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, Failure::ReaderGone) {
                output::note(format!("error: {failure}"));
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo(args) => demo::run(&args),
        Command::Testnet(args) => testnet::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Genesis(args) => genesis::run(&args),
        Command::Start(args) => start::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Capture(args) => capture::run(&args),
        Command::Money(args) => money::run(&args),
        Command::Agreement(args) => agreement::run(&args),
        Command::Recall(args) => recall::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Epcis(command) => epcis::run(&command),
        Command::DigitalLink(command) => digital_link::run(&command),
        Command::Passport(command) => passport::run(&command),
        Command::Openapi => output::line(openapi()),
        Command::Completions { shell } => completions(shell),
    }
}

fn openapi() -> String {
    let document = crate::api::openapi_document();
    format!("{document:#}")
}

/// The binary that is running, to run it again as a node.
fn own_binary() -> Result<PathBuf, Failure> {
    std::env::current_exe()
        .map_err(|error| Failure::Refused(format!("cannot find this program's own file: {error}")))
}

fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    // Into memory first: the generator panics when its reader goes away.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tracehold", &mut script);
    output::line(String::from_utf8_lossy(&script).trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_well_formed_and_shows_an_example() {
        let mut command = Cli::command();
        command.clone().debug_assert();
        fn check(command: &mut clap::Command) {
            let nested: Vec<String> =
                command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
            for name in &nested {
                if name != "help" {
                    check(command.find_subcommand_mut(name).unwrap());
                }
            }
            if nested.is_empty() {
                let help = command.render_long_help().to_string();
                assert!(help.contains("Example"), "{}: {help}", command.get_name());
            }
        }
        check(&mut command);
    }
}
