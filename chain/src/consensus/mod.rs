//! Malachite's core with our types.
