//! Whole networks of real processes on one machine: for demos, real elections, benchmarks and
//! tests.
//!
//! Everything is under one folder, ports are the system's choice, and every process is ended by the
//! handle that started it.

mod cast;
mod daemon;
pub mod measure;
mod network;
mod programs;

pub use cast::{Caster, Progress, credential};
pub use daemon::{ClusterError, Daemon};
pub use network::{Cluster, Node, Options};
pub use programs::Programs;
