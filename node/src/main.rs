//! The `tracehold` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    tracehold_node::cli::main()
}
