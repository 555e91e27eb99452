//! The booth: a page to vote on, and the HTTP API that it talks to. An app of a node like any other: all it knows comes through `vote_api`.
//!
//! Keys never come here: transactions are made and signed in the page. Who may ask is for `guard` to say, what is answered for `routes`, what follows
//! an election or the node for `live`.

mod assets;
mod fault;
mod guard;
pub mod json;
mod live;
mod node;
mod routes;
mod server;

pub use assets::bundle_hash;
pub use guard::{Access, InvalidOrigin, Token};
pub use server::{Config, Server};
