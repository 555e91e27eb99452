//! The booth: a page to vote on, and the HTTP API that it talks to. An app of a node like any
//! other: all it knows comes through `vote_api`.
//!
//! Keys never come here: transactions are made and signed in the page. Who may ask is for `guard`
//! to say, what is answered for `routes`, what follows an election or the node for `live`. Whatever
//! a browser sends, or does not read, is bounded before it takes memory or time.

mod archive;
mod assets;
mod clients;
pub mod code;
mod fault;
mod find;
mod guard;
mod live;
mod node;
mod routes;
mod server;
mod shared;
mod stall;
mod submit;

pub use assets::bundle_hash;
pub use guard::{Access, InvalidAccess, Token};
pub use server::{Config, Server};
