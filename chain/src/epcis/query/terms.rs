//! Names under which events are found.
