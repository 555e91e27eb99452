//! Whole networks: simulated from a seed, and of real processes.

mod sim;
