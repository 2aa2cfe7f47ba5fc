//! The grammar as a table.
