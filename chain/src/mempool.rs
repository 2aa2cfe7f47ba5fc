//! What waits to be committed.
