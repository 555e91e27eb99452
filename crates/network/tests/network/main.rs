//! Nodes and trackers on loopback, over real connections.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod gossip;
mod host;
mod joining;
mod requests;
mod strangers;
