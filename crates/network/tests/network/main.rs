//! Nodes and trackers on loopback, over real connections.

mod gossip;
mod host;
mod joining;
mod requests;
mod strangers;
