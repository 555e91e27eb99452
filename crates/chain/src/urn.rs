//! What ballots say, added up: the one place that knows how the content of a ballot is kept, taken
//! back and counted. All else names a ballot by its id.

use std::sync::Arc;

use imbl::OrdMap;

use crate::ballot::{Ballot, Selection};
use crate::election::Election;
use crate::state::InvalidTransaction;

/// What was said to one contest, by how many votes, in the order of what is said.
type Said = OrdMap<Arc<Selection>, u64>;

/// The ballots of an election that count. A clone shares everything with its original.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Urn {
    /// For each contest, in order, up to the last one that a ballot has answered.
    contests: Vec<Said>,
}

/// What a ballot said, kept so that it can be taken out of its [`Urn`] again.
pub(crate) type Kept = Arc<[Arc<Selection>]>;

/// Checks that a ballot answers each contest of its election, as that contest allows.
///
/// # Errors
/// [`InvalidTransaction::Contests`] and [`InvalidTransaction::Selection`].
pub(crate) fn check_fits(election: &Election, ballot: &Ballot) -> Result<(), InvalidTransaction> {
    let (given, wanted) = (ballot.selections.len(), election.contests.len());
    if given != wanted {
        return Err(InvalidTransaction::Contests { given, wanted });
    }
    let answers = election.contests.iter().zip(&ballot.selections);
    for (at, (contest, selection)) in answers.enumerate() {
        let fault = contest.check_selection(selection);
        fault.map_err(|fault| InvalidTransaction::Selection {
            contest: at + 1,
            fault,
        })?;
    }
    Ok(())
}

impl Urn {
    /// Puts a ballot in, with so many votes.
    pub(crate) fn add(&mut self, ballot: &Ballot, votes: u64) -> Kept {
        if self.contests.len() < ballot.selections.len() {
            self.contests
                .resize_with(ballot.selections.len(), Said::default);
        }
        let answers = self.contests.iter_mut().zip(&ballot.selections);
        answers
            .map(|(said, selection)| add(said, selection, votes))
            .collect()
    }

    /// Takes a ballot out again that was put in with as many votes.
    pub(crate) fn take(&mut self, kept: &Kept, votes: u64) {
        for (said, selection) in self.contests.iter_mut().zip(kept.iter()) {
            let left = said
                .get_mut(selection)
                .expect("what is taken out was put in");
            *left -= votes;
            if *left == 0 {
                said.remove(selection);
            }
        }
    }

    /// What is said to a contest, by how many votes, in the order of what is said.
    pub(crate) fn said(&self, contest: u16) -> impl Iterator<Item = (&Selection, u64)> {
        let said = self
            .contests
            .get(usize::from(contest))
            .into_iter()
            .flatten();
        said.map(|(selection, votes)| (&**selection, *votes))
    }
}

/// Adds to the votes of one selection; gives the copy of it that all equal ones share.
fn add(said: &mut Said, selection: &Selection, votes: u64) -> Arc<Selection> {
    if let Some((shared, _)) = said.get_key_value(selection) {
        let shared = shared.clone();
        *said.get_mut(selection).expect("it was just found") += votes;
        return shared;
    }
    let shared = Arc::new(selection.clone());
    said.insert(shared.clone(), votes);
    shared
}
