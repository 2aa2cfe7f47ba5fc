//! The `tracehold` command.

use std::process::ExitCode;

/// Half of what writing to sled costs is allocation, and the system's allocator is slower at it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tracehold_node::cli::main()
}
