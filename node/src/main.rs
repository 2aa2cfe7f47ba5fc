//! The `tracehold` command.
