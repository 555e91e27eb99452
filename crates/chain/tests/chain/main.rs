//! The ledger as its users see it: its rules, its bytes, and what holds for any input.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod archives;
mod cases;
mod committees;
mod costly;
mod elections;
mod ledger;
mod long_lives;
mod names;
mod orders;
mod organisers;
mod properties;
mod receipts;
mod rules;
mod set_changes;
mod shared;
mod vectors;
mod versions;
