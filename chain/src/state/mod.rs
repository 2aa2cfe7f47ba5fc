//! The authenticated state.
