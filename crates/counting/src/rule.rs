//! The rules of voting, and the one place that says how each is counted.

use serde::{Deserialize, Serialize};

use crate::borda::borda;
use crate::budget::Budget;
use crate::irv::{benham, irv};
use crate::lists::highest_quotients;
use crate::majority::majority_judgment;
use crate::meek::meek;
use crate::minimax::minimax;
use crate::outcome::Outcome;
use crate::profile::Profile;
use crate::ranked_pairs::ranked_pairs;
use crate::schulze::schulze;
use crate::sequential::{phragmen, sequential_pav};
use crate::star::star;
use crate::stv::scottish_stv;
use crate::sums::{approval, score};
use crate::ties::Seed;

/// How ballots are counted; each rule says what a ballot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rule {
    /// One choice a ballot; the most chosen wins; several with the most are a tie.
    Plurality,
    /// Any number of choices a ballot; the most chosen win the seats.
    Approval,
    /// A number a ballot for each choice; the highest sums win the seats.
    Score,
    /// Rankings; points for each choice ranked below; the most points win the seats.
    Borda,
    /// Rankings; instant runoff.
    Irv,
    /// Rankings; single transferable vote by the Scottish rules.
    Stv,
    /// Rankings; Schulze's method.
    Schulze,
    /// For or against; for wins with a majority.
    YesNo,
    /// Rankings; single transferable vote by Meek's method.
    Meek,
    /// Rankings; minimax.
    Minimax,
    /// A number a ballot for each choice; the two highest sums go to a runoff.
    Star,
    /// A grade a ballot for each choice; the highest medians win the seats.
    MajorityJudgment,
    /// Fewer choices a ballot than there are seats; the most chosen win the seats.
    Limited,
    /// Points that a ballot spreads, as many as there are seats; the highest sums win the seats.
    Cumulative,
    /// Rankings; ranked pairs.
    RankedPairs,
    /// Rankings; instant runoff that ends with who beats all others who are left.
    Benham,
    /// Any number of choices a ballot; Thiele's sequential proportional approval.
    SequentialPav,
    /// Any number of choices a ballot; Phragmén's sequential rule.
    Phragmen,
    /// One choice a ballot; choices are lists, and seats are dealt by D'Hondt's divisors.
    DHondt,
    /// One choice a ballot; choices are lists, and seats are dealt by Sainte-Laguë's divisors.
    SainteLague,
}

/// What a ballot says to a contest. All that reads, checks or shows ballots goes by this and not by
/// the rule, so that another rule over ballots of a known kind touches none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BallotKind {
    /// One choice.
    One,
    /// Any number of choices.
    Several,
    /// A number for each choice.
    Scores,
    /// A number for each choice, together at most as many as there are seats.
    Points,
    /// Choices in an order, some of them equal.
    Ranks,
}

/// How many can be elected by a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seats {
    /// One, always.
    One,
    /// One or more, at most as many as there are candidates.
    UpToCandidates,
    /// Two or more, at most as many as there are candidates.
    TwoOrMore,
    /// One or more, at most [`LIST_SEATS_MAX`]: candidates are lists, of which one can have several.
    ForLists,
}

/// Seats that are dealt to lists, at most: each has a round with an amount for each list.
pub const LIST_SEATS_MAX: usize = 1000;

/// What a rule does with a tie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ties {
    /// It stays one: all of them lead.
    Stay,
    /// There are none.
    Never,
    /// One for the last seats is broken by lot.
    Seats,
    /// One to be excluded is broken by the latest earlier round in which they differ, else by lot.
    Exclusion,
    /// As `Exclusion`, and of surpluses the larger one of that round goes first.
    ExclusionAndSurplus,
    /// As `Exclusion`, and votes that hardly differ are tied.
    NearExclusion,
    /// One for a place in the runoff is broken by who loses fewer match-ups, in the runoff by the
    /// higher sum, else by lot.
    Runoff,
    /// Equal pairs that cannot all be locked in go by lot, and one for the last seats is broken by
    /// lot.
    Pairs,
    /// One for any seat is broken by lot, as each is filled in a round of its own.
    NextSeat,
}

/// What is so of a rule whatever the ballots say.
#[derive(Clone, Copy, Debug)]
struct Facts {
    name: &'static str,
    ballots: BallotKind,
    seats: Seats,
    knows_majorities: bool,
    ties: Ties,
    amounts: Option<&'static str>,
    since: u16,
}

impl Facts {
    const fn new(name: &'static str, ballots: BallotKind, seats: Seats, ties: Ties) -> Self {
        Self {
            name,
            ballots,
            seats,
            knows_majorities: false,
            ties,
            amounts: None,
            since: 2,
        }
    }

    const fn with_majorities(mut self) -> Self {
        self.knows_majorities = true;
        self
    }

    const fn counts(mut self, amounts: &'static str) -> Self {
        self.amounts = Some(amounts);
        self
    }

    const fn since(mut self, version: u16) -> Self {
        self.since = version;
        self
    }
}

impl Rule {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 20] = [
        Self::Plurality,
        Self::Approval,
        Self::Score,
        Self::Borda,
        Self::Irv,
        Self::Stv,
        Self::Schulze,
        Self::YesNo,
        Self::Meek,
        Self::Minimax,
        Self::Star,
        Self::MajorityJudgment,
        Self::Limited,
        Self::Cumulative,
        Self::RankedPairs,
        Self::Benham,
        Self::SequentialPav,
        Self::Phragmen,
        Self::DHondt,
        Self::SainteLague,
    ];

    /// The one table of what all others ask about rules.
    const fn facts(self) -> Facts {
        use BallotKind::{One as Choice, Points, Ranks, Scores, Several};
        use Seats::{ForLists, One, UpToCandidates as More};
        match self {
            Self::Plurality => Facts::new("plurality", Choice, One, Ties::Stay).with_majorities(),
            Self::Approval => Facts::new("approval", Several, More, Ties::Seats)
                .with_majorities()
                .counts("approvals"),
            Self::Score => Facts::new("score", Scores, More, Ties::Seats).counts("points"),
            Self::Borda => Facts::new("borda", Ranks, More, Ties::Seats).counts("points"),
            Self::Irv => Facts::new("irv", Ranks, One, Ties::Exclusion).counts("votes"),
            Self::Stv => Facts::new("stv", Ranks, More, Ties::ExclusionAndSurplus).counts("votes"),
            Self::Schulze => Facts::new("schulze", Ranks, More, Ties::Seats),
            Self::YesNo => Facts::new("yes-no", Choice, One, Ties::Never).with_majorities(),
            Self::Meek => Facts::new("meek", Ranks, More, Ties::NearExclusion).counts("votes"),
            Self::Minimax => Facts::new("minimax", Ranks, More, Ties::Seats).since(3),
            Self::Star => Facts::new("star", Scores, More, Ties::Runoff)
                .counts("points, or votes in the runoff")
                .since(3),
            Self::MajorityJudgment => Facts::new("majority-judgment", Scores, More, Ties::Seats)
                .counts("majority grades")
                .since(3),
            Self::Limited => Facts::new("limited", Several, Seats::TwoOrMore, Ties::Seats)
                .counts("votes")
                .since(3),
            Self::Cumulative => Facts::new("cumulative", Points, More, Ties::Seats)
                .counts("points")
                .since(3),
            Self::RankedPairs => Facts::new("ranked-pairs", Ranks, More, Ties::Pairs).since(3),
            Self::Benham => Facts::new("benham", Ranks, One, Ties::Exclusion)
                .counts("votes")
                .since(3),
            Self::SequentialPav => Facts::new("sequential-pav", Several, More, Ties::NextSeat)
                .counts("approvals")
                .since(3),
            Self::Phragmen => Facts::new("phragmen", Several, More, Ties::NextSeat)
                .counts("approvals")
                .since(3),
            Self::DHondt => Facts::new("dhondt", Choice, ForLists, Ties::Seats).since(3),
            Self::SainteLague => Facts::new("sainte-lague", Choice, ForLists, Ties::Seats).since(3),
        }
    }

    /// As on the command line.
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// The rule of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }

    /// What a ballot says.
    pub const fn ballots(self) -> BallotKind {
        self.facts().ballots
    }

    /// Whether ballots are rankings.
    pub const fn is_ranked(self) -> bool {
        matches!(self.ballots(), BallotKind::Ranks)
    }

    /// Whether a ballot names one choice and no more.
    pub const fn is_single(self) -> bool {
        matches!(self.ballots(), BallotKind::One)
    }

    /// How many can be elected.
    pub const fn seats(self) -> Seats {
        self.facts().seats
    }

    /// Whether a ballot has a number for each choice.
    pub const fn has_numbers(self) -> bool {
        matches!(self.ballots(), BallotKind::Scores | BallotKind::Points)
    }

    /// Whether there is one seat, always.
    pub const fn fills_one_seat(self) -> bool {
        matches!(self.seats(), Seats::One)
    }

    /// Whether a majority can be asked for.
    pub const fn knows_majorities(self) -> bool {
        self.facts().knows_majorities
    }

    /// What becomes of a tie.
    pub const fn ties(self) -> Ties {
        self.facts().ties
    }

    /// What the amounts of its rounds are, in a word; none if it counts in no rounds.
    pub const fn amounts(self) -> Option<&'static str> {
        self.facts().amounts
    }

    /// The number of the first protocol version of the ledger that counts by it. Only the ledger
    /// asks; it stands here lest a rule be added without it.
    pub const fn since(self) -> u16 {
        self.facts().since
    }
}

/// What instant runoff does with a ballot that has come to an overvote: a rank that it gives to
/// several candidates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Overvotes {
    /// The ballot waits until only one of them is left, and then counts for that one.
    #[default]
    Wait,
    /// It counts for nobody any more, even if only one of them is left: "exhaust immediately" in
    /// RCTab.
    Exhaust,
    /// It goes to its next rank, even if only one of them is left: "always skip to next rank" in
    /// RCTab.
    Skip,
}

impl Overvotes {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Wait, Self::Exhaust, Self::Skip];

    /// Whether it is what holds where nothing is said.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// As on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Exhaust => "exhaust",
            Self::Skip => "skip",
        }
    }
}

/// What instant runoff does with a ballot that has come to a skipped rank: one that it gives to
/// nobody, while it ranks somebody below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SkippedRanks {
    /// It goes to its next rank.
    #[default]
    Skip,
    /// It counts for nobody any more: 0 skipped ranks allowed, in RCTab's terms.
    Exhaust,
}

impl SkippedRanks {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Skip, Self::Exhaust];

    /// As on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Exhaust => "exhaust",
        }
    }
}

/// What a count needs to know beside the ballots.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How many are to be elected; instant runoff elects one, whatever this says.
    pub seats: usize,
    /// Breaks the ties that the rule leaves open.
    pub seed: Seed,
    /// Asked by instant runoff.
    pub overvotes: Overvotes,
    /// Asked by instant runoff.
    pub skipped_ranks: SkippedRanks,
}

impl Terms {
    /// So many seats and this seed; the rest as it is if nobody says anything.
    pub const fn new(seats: usize, seed: Seed) -> Self {
        Self {
            seats,
            seed,
            overvotes: Overvotes::Wait,
            skipped_ranks: SkippedRanks::Skip,
        }
    }
}

/// What the ballots of a contest say, by the kinds that rules take.
#[derive(Clone, Debug)]
pub enum Ballots {
    /// Sets of candidates.
    Approvals {
        /// How many candidates stand.
        candidates: usize,
        /// How many of each set (by place, each below `candidates`).
        sets: Vec<(u64, Vec<usize>)>,
    },
    /// A number for each candidate.
    Scores {
        /// How many candidates stand.
        candidates: usize,
        /// How many of each list of `candidates` numbers.
        lists: Vec<(u64, Vec<u8>)>,
    },
    /// Rankings.
    Rankings(Profile),
    /// Single choices: how many ballots name each candidate.
    Singles(Vec<u64>),
}

/// Why there is no outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCounted {
    /// It takes more steps than the budget has.
    #[error("the count takes longer than there is time for")]
    TooLong,
    /// The rule does not count ballots of this kind; plurality and yes-no count none: their votes are
    /// only added up.
    #[error("{} does not count ballots of this kind", .0.name())]
    Kind(Rule),
}

/// Counts. Nobody is elected unless some ballot names somebody; if any does, all seats are filled,
/// as each rule says.
///
/// # Errors
/// [`NotCounted`]: the budget is spent, or the ballots are not of the rule's kind.
pub fn count(
    rule: Rule,
    ballots: &Ballots,
    terms: &Terms,
    budget: &mut Budget,
) -> Result<Outcome, NotCounted> {
    let outcome = match (rule, ballots) {
        (Rule::Approval | Rule::Limited, Ballots::Approvals { candidates, sets }) => {
            Some(approval(*candidates, sets, terms))
        }
        (Rule::Score | Rule::Cumulative, Ballots::Scores { candidates, lists }) => {
            Some(score(*candidates, lists, terms))
        }
        (Rule::Star, Ballots::Scores { candidates, lists }) => {
            star(*candidates, lists, terms, budget)
        }
        (Rule::MajorityJudgment, Ballots::Scores { candidates, lists }) => {
            majority_judgment(*candidates, lists, terms, budget)
        }
        (rule, Ballots::Rankings(profile)) if rule.is_ranked() && !profile.names_somebody() => {
            Some(Outcome::nobody(profile.candidates(), profile.ballots()))
        }
        (Rule::Borda, Ballots::Rankings(profile)) => borda(profile, terms, budget),
        (Rule::Irv, Ballots::Rankings(profile)) => irv(profile, terms, budget),
        (Rule::Stv, Ballots::Rankings(profile)) => scottish_stv(profile, terms, budget),
        (Rule::Schulze, Ballots::Rankings(profile)) => schulze(profile, terms, budget),
        (Rule::Meek, Ballots::Rankings(profile)) => meek(profile, terms, budget),
        (Rule::Minimax, Ballots::Rankings(profile)) => minimax(profile, terms, budget),
        (Rule::RankedPairs, Ballots::Rankings(profile)) => ranked_pairs(profile, terms, budget),
        (Rule::Benham, Ballots::Rankings(profile)) => benham(profile, terms, budget),
        (Rule::SequentialPav, Ballots::Approvals { candidates, sets }) => {
            sequential_pav(*candidates, sets, terms, budget)
        }
        (Rule::Phragmen, Ballots::Approvals { candidates, sets }) => {
            phragmen(*candidates, sets, terms, budget)
        }
        (Rule::DHondt, Ballots::Singles(votes)) => highest_quotients(votes, 1, terms, budget),
        (Rule::SainteLague, Ballots::Singles(votes)) => highest_quotients(votes, 2, terms, budget),
        _ => return Err(NotCounted::Kind(rule)),
    };
    outcome.ok_or(NotCounted::TooLong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Votes;
    use crate::profile::{Group, profile};

    const SEED: Seed = Seed([0; 32]);

    fn winners(rule: Rule, ballots: &Ballots, seats: usize) -> Vec<usize> {
        count(
            rule,
            ballots,
            &Terms::new(seats, SEED),
            &mut Budget::unlimited(),
        )
        .unwrap()
        .winners
    }

    /// The votes of the others are only added up.
    fn is_counted(rule: Rule) -> bool {
        !rule.is_single() || rule.seats() == Seats::ForLists
    }

    /// Nobody by each rule: no ballots at all; and 7 ballots that name nobody.
    fn of_nobody(rule: Rule) -> [Ballots; 2] {
        let blank = Group {
            count: 7,
            ranks: Vec::new(),
        };
        let skipped = Group {
            count: 7,
            ranks: vec![Vec::new(), Vec::new()],
        };
        let none_of_it = Group {
            count: 0,
            ranks: vec![vec![1]],
        };
        match rule.ballots() {
            BallotKind::Several => {
                [vec![], vec![(7, vec![]), (0, vec![1])]].map(|sets| Ballots::Approvals {
                    candidates: 3,
                    sets,
                })
            }
            BallotKind::Scores | BallotKind::Points => {
                [vec![], vec![(7, vec![0; 3])]].map(|lists| Ballots::Scores {
                    candidates: 3,
                    lists,
                })
            }
            BallotKind::One => [vec![0; 3], vec![0; 3]].map(Ballots::Singles),
            BallotKind::Ranks => [vec![], vec![blank, skipped, none_of_it]]
                .map(|groups| Ballots::Rankings(Profile::new(3, groups).unwrap())),
        }
    }

    #[test]
    fn nobody_is_elected_if_no_ballot_names_anybody() {
        for rule in Rule::ALL.into_iter().filter(|rule| is_counted(*rule)) {
            for seats in 0..5 {
                for ballots in of_nobody(rule) {
                    let terms = Terms::new(seats, SEED);
                    let outcome = count(rule, &ballots, &terms, &mut Budget::unlimited()).unwrap();
                    assert!(
                        outcome.winners.is_empty() && outcome.ties.is_empty(),
                        "{rule:?}: {outcome:?}"
                    );
                    let actions: usize =
                        outcome.rounds.iter().map(|round| round.actions.len()).sum();
                    assert_eq!(actions, 0, "{rule:?}");
                    assert!(
                        outcome.rounds[0]
                            .votes
                            .iter()
                            .all(|votes| *votes == Votes::default()),
                        "{rule:?}"
                    );
                }
            }
        }
    }

    /// As the Scottish rules say (SSI 2011/399, rule 53(1)): as many candidates as there are
    /// vacancies are elected, whatever votes they have.
    #[test]
    fn seats_that_are_left_are_filled_once_a_ballot_names_anybody() {
        for rule in Rule::ALL
            .into_iter()
            .filter(|rule| is_counted(*rule) && !rule.fills_one_seat())
        {
            let ballots = match rule.ballots() {
                BallotKind::Several => Ballots::Approvals {
                    candidates: 3,
                    sets: vec![(1, vec![2])],
                },
                BallotKind::Scores | BallotKind::Points => Ballots::Scores {
                    candidates: 3,
                    lists: vec![(1, vec![0, 0, 2])],
                },
                BallotKind::One => Ballots::Singles(vec![0, 0, 1]),
                BallotKind::Ranks => Ballots::Rankings(profile(3, &[(1, &[2])])),
            };
            let two = winners(rule, &ballots, 2);
            assert_eq!((two[0], two.len()), (2, 2), "{rule:?}");
        }
    }

    #[test]
    fn rule_counts_only_ballots_of_its_kind() {
        let rankings = || Ballots::Rankings(profile(2, &[(1, &[0])]));
        for rule in Rule::ALL.into_iter().filter(|rule| !rule.is_ranked()) {
            let refused = count(
                rule,
                &rankings(),
                &Terms::new(1, SEED),
                &mut Budget::unlimited(),
            );
            assert_eq!(refused, Err(NotCounted::Kind(rule)));
        }
        let sets = Ballots::Approvals {
            candidates: 2,
            sets: vec![(1, vec![0])],
        };
        let refused = count(
            Rule::Irv,
            &sets,
            &Terms::new(1, SEED),
            &mut Budget::unlimited(),
        );
        assert_eq!(refused, Err(NotCounted::Kind(Rule::Irv)));
    }
}
