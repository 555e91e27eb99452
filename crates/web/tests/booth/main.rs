//! The page's API over real connections, in front of a node that does as the tests tell it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod answers;
mod browser;
mod doors;
mod fake;
mod ledger;
mod live;
mod patience;
mod recorded;
mod search;
mod transactions;
