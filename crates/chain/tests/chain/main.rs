//! The ledger as its users see it: its rules, its bytes, and what holds for any input.

mod ledger;
mod properties;
mod rules;
mod set_changes;
mod vectors;
