//! Whole networks: simulated from a seed, and of real processes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod daemon;
mod harness;
mod sim;
