//! What a count comes to, and how.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount of votes or points, in hundred-thousandths: transferable votes are divided no finer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Votes(pub u64);

impl Votes {
    /// One vote.
    pub const ONE: u64 = 100_000;

    /// Whole votes.
    pub const fn whole(votes: u64) -> Self {
        Self(votes * Self::ONE)
    }
}

impl fmt::Display for Votes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / Self::ONE, self.0 % Self::ONE);
        let text = if rest == 0 {
            whole.to_string()
        } else {
            format!("{whole}.{rest:05}")
        };
        f.pad_integral(true, "", text.trim_end_matches(|c| rest != 0 && c == '0'))
    }
}

/// What is done at the end of a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// These have enough votes, or are as many as there are seats left; most votes first.
    Elect(Vec<usize>),
    /// This one's surplus goes to the next on its ballots.
    Transfer(usize),
    /// This one has the fewest; its ballots go to the next on them.
    Exclude(usize),
    /// These go to the runoff, which is the next round.
    Advance(Vec<usize>),
}

/// One look at the votes, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// Votes of each candidate, by place; of those excluded, none. Where each seat has a round of its
    /// own: what the rule compares, and of those who are elected what they were elected with.
    pub votes: Vec<Votes>,
    /// Votes that count for nobody any more: the ballots name no other, or several equally.
    pub exhausted: Votes,
    /// What is done.
    pub actions: Vec<Action>,
}

/// What candidates are tied for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stake {
    /// The last seats: so many are left, fewer than are tied. The one that is picked is elected.
    Seats(usize),
    /// The one that is picked has its surplus transferred first.
    Surplus,
    /// The one that is picked is excluded.
    Exclusion,
    /// Places in the runoff: so many are left, fewer than are tied. The one that is picked goes there;
    /// if no lot was drawn, it is among those who lose the fewest match-ups with the others.
    Runoff(usize),
    /// The one that is picked wins the runoff, and is elected.
    Seat,
    /// Which of their equal wins over others come first, where not all of these can stand: all are
    /// drawn, in the order that the lot gives them, and the one that is picked comes first.
    Pairs,
    /// One seat, by rules that fill each in a round of its own and look anew before the next: the
    /// round is the seat. The one that is picked gets it.
    NextSeat,
}

/// A tie, and how it was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TieBreak {
    /// The round in which they are tied, from 0.
    pub round: usize,
    /// For what.
    pub stake: Stake,
    /// Who is tied.
    pub candidates: Vec<usize>,
    /// The last round, from 0, that was asked and told some of them apart; none if their votes
    /// differ in no earlier round, or the rule asks none.
    pub earlier: Option<usize>,
    /// Among whom the seed drew; nobody if an earlier round has left only one.
    pub drawn: Vec<usize>,
    /// Who was picked.
    pub picked: usize,
}

/// The result of a count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Who is elected, in that order; by place. Where choices are lists, each is there once for every
    /// seat that it has.
    pub winners: Vec<usize>,
    /// Every round, in order; rules that add up have one.
    pub rounds: Vec<Round>,
    /// Votes that elect, where the rule has such a number.
    pub quota: Option<Votes>,
    /// How many prefer the one to the other, where the rule asks.
    pub pairwise: Option<Vec<Vec<u64>>>,
    /// Ties, in the order in which they were broken.
    pub ties: Vec<TieBreak>,
}

impl Outcome {
    /// Who is elected, in that order, and to how many seats.
    pub fn seats(&self) -> Vec<(usize, usize)> {
        let mut seats: Vec<(usize, usize)> = Vec::new();
        for winner in &self.winners {
            match seats.iter_mut().find(|(place, _)| place == winner) {
                Some((_, seats)) => *seats += 1,
                None => seats.push((*winner, 1)),
            }
        }
        seats
    }

    /// Nobody is elected: so many ballots count for none of the candidates.
    pub(crate) fn nobody(candidates: usize, ballots: u64) -> Self {
        let votes = vec![Votes::default(); candidates];
        let round = Round {
            votes,
            exhausted: Votes::whole(ballots),
            actions: Vec::new(),
        };
        Self {
            rounds: vec![round],
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_are_shown_without_needless_digits() {
        assert_eq!(Votes::whole(12).to_string(), "12");
        assert_eq!(Votes(1_250_000).to_string(), "12.5");
        assert_eq!(Votes(1).to_string(), "0.00001");
        assert_eq!(format!("{:>6}", Votes::whole(7)), "     7");
    }
}
