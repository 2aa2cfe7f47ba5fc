//! `tracehold start`: a node that runs until it is asked to stop.

use super::{DataDir, Failure};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  tracehold start --dir data")]
pub struct Args {
    #[command(flatten)]
    folder: DataDir,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    Err(Failure::Refused(format!("{} not yet", args.folder.dir.display())))
}
