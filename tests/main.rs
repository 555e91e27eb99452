//! Whole networks: simulated from a seed, and of real processes.

mod daemon;
mod harness;
mod sim;
