//! Networks of real processes on loopback. Each test ends in a count that is right on every node.

mod apps;
mod attacks;
mod bad_input;
mod cluster;
mod committees;
mod cut;
mod elections;
mod examples;
mod failures;
mod finding;
mod gui;
mod joining;
mod liar;
mod lying;
mod organisers;
mod protocol;
mod restored;
mod siege;
mod starting;
mod telling;
mod voting;
mod withheld;
