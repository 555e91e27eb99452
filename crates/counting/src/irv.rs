//! Instant runoff, and Benham's rule, which is an instant runoff with another end.

use crate::budget::Budget;
use crate::outcome::{Action, Outcome, Round, Stake, Votes};
use crate::packed::{Packed, Rank};
use crate::profile::Profile;
use crate::rule::{Overvotes, SkippedRanks, Terms};
use crate::ties::Breaker;

/// Whom a ballot counts for among those who are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// This one.
    One(usize),
    /// Several who are left have the rank that counts: it does not say whom.
    Several,
    /// It names nobody who is left.
    Nobody,
}

pub(crate) fn next_choice(group: Packed<'_>, left: &[bool]) -> Choice {
    next_of(group.ranks.iter(), left)
}

fn next_of<'a>(ranks: impl IntoIterator<Item = Rank<'a>>, left: &[bool]) -> Choice {
    for rank in ranks {
        let mut standing = rank.iter().filter(|candidate| left[*candidate]);
        match (standing.next(), standing.next()) {
            (Some(one), None) => return Choice::One(one),
            (Some(_), Some(_)) => return Choice::Several,
            (None, _) => {}
        }
    }
    Choice::Nobody
}

/// The ranks that the terms let a ballot come to.
fn counting_ranks<'a>(group: Packed<'a>, terms: &'a Terms) -> impl Iterator<Item = Rank<'a>> {
    let goes_on = |rank: &Rank<'_>| match rank.len() {
        0 => terms.skipped_ranks != SkippedRanks::Exhaust,
        1 => true,
        _ => terms.overvotes != Overvotes::Exhaust,
    };
    let is_counted = |rank: &Rank<'_>| rank.len() < 2 || terms.overvotes != Overvotes::Skip;
    group.ranks.iter().take_while(goes_on).filter(is_counted)
}

/// Instant runoff: who has more than half of the votes that count or may yet count wins; until
/// then, who has the fewest is excluded. Of several with the fewest, the one that had fewer in the
/// latest earlier round in which they differ; else the seed picks. What comes of a ballot that
/// ranks several equally, or nobody at a rank, is for the terms to say. If no ballot counts for
/// anybody, nobody is elected.
pub(crate) fn irv(profile: &Profile, terms: &Terms, budget: &mut Budget) -> Option<Outcome> {
    let more_than_half = |standing: &[usize], counts: &[u64], may_count: u64| {
        let mut standing = standing.iter().copied();
        standing.find(|candidate| counts[*candidate] * 2 > may_count)
    };
    runoff(profile, terms, budget, more_than_half)
}

/// Benham's rule (Green-Armytage, "Four Condorcet-Hare hybrid methods for single-winner elections",
/// Voting matters 29, 2011): instant runoff, but who is preferred to each other of those left by
/// more votes than the other way round wins; until there is such a one, who has the fewest is
/// excluded. Ties to be excluded and equal ranks as by instant runoff, if nothing is said there.
pub(crate) fn benham(profile: &Profile, terms: &Terms, budget: &mut Budget) -> Option<Outcome> {
    let wins = profile.pairwise(budget)?;
    budget.spend(profile.candidates().pow(3))?;
    let beats_all_others = |standing: &[usize], _: &[u64], _: u64| {
        let beats = |a: usize, b: usize| a == b || wins[a][b] > wins[b][a];
        let mut all = standing.iter().copied();
        all.find(|a| standing.iter().all(|b| beats(*a, *b)))
    };
    let outcome = runoff(profile, terms, budget, beats_all_others)?;
    Some(Outcome {
        pairwise: Some(wins),
        ..outcome
    })
}

/// Excludes who has the fewest until somebody wins, or one is left. `winner` is told who is left,
/// the votes of all, and how many votes count or may yet count.
fn runoff(
    profile: &Profile,
    terms: &Terms,
    budget: &mut Budget,
    winner: impl Fn(&[usize], &[u64], u64) -> Option<usize>,
) -> Option<Outcome> {
    let n = profile.candidates();
    let (mut left, mut breaker) = (vec![true; n], Breaker::new(terms.seed));
    let mut rounds: Vec<Round> = Vec::new();
    while left.contains(&true) {
        budget.spend(profile.size() + n * rounds.len())?;
        let (mut counts, mut waiting, mut exhausted) = (vec![0; n], 0, 0);
        for group in profile.groups() {
            match next_of(counting_ranks(group, terms), &left) {
                Choice::One(candidate) => counts[candidate] += group.count,
                Choice::Several => waiting += group.count,
                Choice::Nobody => exhausted += group.count,
            }
        }
        if exhausted == profile.ballots() {
            return Some(Outcome::nobody(n, exhausted));
        }
        let standing: Vec<usize> = (0..n).filter(|candidate| left[*candidate]).collect();
        // Between the last two, a ballot that has both equal will never say whom.
        let may_count = counts.iter().sum::<u64>() + if standing.len() > 2 { waiting } else { 0 };
        let winner = match standing.as_slice() {
            [last] => Some(*last),
            several => winner(several, &counts, may_count),
        };
        let votes = counts.iter().copied().map(Votes::whole).collect();
        let exhausted = Votes::whole(exhausted + waiting);
        if let Some(winner) = winner {
            rounds.push(Round {
                votes,
                exhausted,
                actions: vec![Action::Elect(vec![winner])],
            });
            return Some(Outcome {
                winners: vec![winner],
                rounds,
                ties: breaker.ties,
                ..Outcome::default()
            });
        }
        rounds.push(Round {
            votes,
            exhausted,
            actions: Vec::new(),
        });
        let last = fewest(&rounds, &standing, &mut breaker);
        left[last] = false;
        rounds
            .last_mut()
            .expect("just pushed")
            .actions
            .push(Action::Exclude(last));
    }
    Some(Outcome::default())
}

/// The one of `standing` with the fewest votes; of equals, by the rounds before, the latest first;
/// then by the seed.
pub(crate) fn fewest(rounds: &[Round], standing: &[usize], breaker: &mut Breaker) -> usize {
    let last = rounds.len() - 1;
    let narrow = |round: usize, tied: &mut Vec<usize>| {
        let votes = &rounds[round].votes;
        let least = tied
            .iter()
            .map(|candidate| votes[*candidate])
            .min()
            .unwrap_or_default();
        tied.retain(|candidate| votes[*candidate] == least);
    };
    let mut tied = standing.to_vec();
    narrow(last, &mut tied);
    breaker.pick(last, Stake::Exclusion, tied, narrow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Group, profile};
    use crate::ties::Seed;

    const SEED: Seed = Seed([0; 32]);

    fn irv(profile: &Profile, seed: Seed) -> Outcome {
        super::irv(profile, &Terms::new(1, seed), &mut Budget::unlimited()).unwrap()
    }

    fn burlington() -> (crate::formats::File, Profile) {
        let text = include_str!("../../../testdata/burlington-2009-mayor.blt");
        let file = crate::formats::Format::Blt.parse(text).unwrap();
        let profile = file.profile();
        (file, profile)
    }

    #[test]
    fn burlington_2009_has_its_published_rounds() {
        let (file, profile) = burlington();
        let outcome = irv(&profile, SEED);
        let place = |name: &str| {
            file.candidates
                .iter()
                .position(|candidate| candidate.starts_with(name))
                .unwrap()
        };
        assert_eq!(outcome.winners, [place("Bob Kiss")]);
        let last = outcome.rounds.last().unwrap();
        assert_eq!(last.votes[place("Bob Kiss")], Votes::whole(4314));
        assert_eq!(last.votes[place("Kurt Wright")], Votes::whole(4064));
        assert!(outcome.ties.is_empty());
    }

    #[test]
    fn burlington_2009_has_another_winner_by_schulze() {
        let (file, profile) = burlington();
        let outcome =
            crate::schulze::schulze(&profile, &Terms::new(1, SEED), &mut Budget::unlimited())
                .unwrap();
        assert!(file.candidates[outcome.winners[0]].starts_with("Andy Montroll"));
    }

    fn benham(profile: &Profile) -> Outcome {
        super::benham(profile, &Terms::new(1, SEED), &mut Budget::unlimited()).unwrap()
    }

    /// Montroll beats each of the others, and so needs no round but the first.
    #[test]
    fn burlington_2009_is_won_at_once_by_benham_by_who_beats_all_others() {
        let (file, profile) = burlington();
        let outcome = benham(&profile);
        assert!(file.candidates[outcome.winners[0]].starts_with("Andy Montroll"));
        assert_eq!(outcome.rounds.len(), 1);
    }

    #[test]
    fn benham_excludes_until_somebody_beats_all_who_are_left() {
        // 0 beats 1, 1 beats 2, 2 beats 0; 3 loses to all, and 1 has the fewest of the rest. By
        // then 2 beats 0, which has more first preferences, but by no runoff a majority before.
        let ballots: [(u64, &[usize]); 4] = [
            (8, &[0, 1, 2, 3]),
            (5, &[1, 2, 0, 3]),
            (6, &[2, 0, 1, 3]),
            (1, &[3, 2, 0, 1]),
        ];
        let outcome = benham(&profile(4, &ballots));
        let actions: Vec<_> = outcome
            .rounds
            .iter()
            .flat_map(|round| &round.actions)
            .collect();
        assert_eq!(
            actions,
            [
                &Action::Exclude(3),
                &Action::Exclude(1),
                &Action::Elect(vec![2])
            ]
        );
        assert_eq!(outcome.pairwise.unwrap()[2][0], 12);
    }

    #[test]
    fn tennessee_is_won_by_knoxville() {
        let ballots: [(u64, &[usize]); 4] = [
            (42, &[0, 1, 2, 3]),
            (26, &[1, 2, 3, 0]),
            (15, &[2, 3, 1, 0]),
            (17, &[3, 2, 1, 0]),
        ];
        let outcome = irv(&profile(4, &ballots), SEED);
        assert_eq!(outcome.winners, [3]);
        let excluded: Vec<_> = outcome
            .rounds
            .iter()
            .flat_map(|round| &round.actions)
            .collect();
        assert_eq!(
            excluded,
            [
                &Action::Exclude(2),
                &Action::Exclude(1),
                &Action::Elect(vec![3])
            ]
        );
    }

    #[test]
    fn equal_rank_waits_until_one_is_left_and_ties_look_back_before_the_seed_is_asked() {
        let equal = Group {
            count: 5,
            ranks: vec![vec![0, 1], vec![2]],
        };
        let plain = Group {
            count: 1,
            ranks: vec![vec![2]],
        };
        let outcome = irv(&Profile::new(3, vec![equal, plain]).unwrap(), SEED);
        assert_eq!(outcome.rounds[0].exhausted, Votes::whole(5));
        assert_ne!(
            outcome.winners,
            [2],
            "the five count for one of theirs once the other is out"
        );
        let fourth = Group {
            count: 2,
            ranks: vec![vec![1]],
        };
        let tied = Group {
            count: 5,
            ranks: vec![vec![0, 1]],
        };
        let others = [(4, 2), (3, 0)].map(|(count, place)| Group {
            count,
            ranks: vec![vec![place]],
        });
        let outcome = irv(
            &Profile::new(3, [vec![tied, fourth], others.into()].concat()).unwrap(),
            SEED,
        );
        assert_eq!(outcome.winners, [0], "the five count once 1 is out");
        // After 3 is excluded, 1 and 2 have four each; 1 had fewer before.
        let ballots: [(u64, &[usize]); 4] = [(7, &[0]), (3, &[1]), (4, &[2]), (1, &[3, 1])];
        let outcome = irv(&profile(4, &ballots), SEED);
        assert_eq!(outcome.rounds[1].actions, [Action::Exclude(1)]);
        let [tie] = outcome.ties.as_slice() else {
            panic!("one tie: {:?}", outcome.ties)
        };
        assert_eq!(
            (&tie.candidates, tie.round, tie.earlier, tie.picked),
            (&vec![1, 2], 1, Some(0), 1)
        );
        assert!(tie.drawn.is_empty());
        let outcome = irv(&profile(2, &[(1, &[0]), (1, &[1])]), SEED);
        assert_eq!(
            (outcome.ties.len(), &outcome.ties[0].drawn),
            (1, &vec![0, 1])
        );
    }

    fn with(
        overvotes: Overvotes,
        skipped_ranks: SkippedRanks,
        groups: &[Group],
        candidates: usize,
    ) -> Outcome {
        let terms = Terms {
            overvotes,
            skipped_ranks,
            ..Terms::new(1, SEED)
        };
        let profile = Profile::new(candidates, groups.to_vec()).unwrap();
        super::irv(&profile, &terms, &mut Budget::unlimited()).unwrap()
    }

    /// 4 ballots have 0 and 1 equal and then 2; 3 have 0 alone, 2 have 2 alone.
    #[test]
    fn overvote_waits_ends_the_ballot_or_is_passed_over() {
        let group = |count, ranks: &[&[usize]]| Group {
            count,
            ranks: ranks.iter().map(|rank| rank.to_vec()).collect(),
        };
        let groups = [
            group(4, &[&[0, 1], &[2]]),
            group(3, &[&[0]]),
            group(2, &[&[2]]),
        ];
        let of = |overvotes| with(overvotes, SkippedRanks::Skip, &groups, 3);
        let waits = of(Overvotes::Wait);
        assert_eq!(
            (waits.rounds[0].exhausted, &waits.winners),
            (Votes::whole(4), &vec![0])
        );
        assert_eq!(
            waits.rounds[1].votes[0],
            Votes::whole(7),
            "once 1 is out, the four say 0"
        );
        let ends = of(Overvotes::Exhaust);
        assert_eq!(
            (ends.rounds.len(), ends.rounds[0].exhausted, &ends.winners),
            (1, Votes::whole(4), &vec![0])
        );
        let passes = of(Overvotes::Skip);
        assert_eq!(
            (passes.rounds[0].votes[2], &passes.winners),
            (Votes::whole(6), &vec![2])
        );
    }

    /// An overvote is one by what is on the ballot, even once only one of those that it names is
    /// left.
    #[test]
    fn overvote_stays_one_when_others_on_it_are_out() {
        let group = |count, ranks: &[&[usize]]| Group {
            count,
            ranks: ranks.iter().map(|rank| rank.to_vec()).collect(),
        };
        let groups = [
            group(2, &[&[3], &[0, 1]]),
            group(4, &[&[0]]),
            group(5, &[&[2]]),
        ];
        assert_eq!(
            with(Overvotes::Wait, SkippedRanks::Skip, &groups, 4).winners,
            [0]
        );
        assert_eq!(
            with(Overvotes::Exhaust, SkippedRanks::Skip, &groups, 4).winners,
            [2]
        );
        assert_eq!(
            with(Overvotes::Skip, SkippedRanks::Skip, &groups, 4).winners,
            [2]
        );
    }

    #[test]
    fn skipped_rank_is_passed_over_or_ends_the_ballot_when_it_is_reached() {
        let group = |count, ranks: &[&[usize]]| Group {
            count,
            ranks: ranks.iter().map(|rank| rank.to_vec()).collect(),
        };
        let groups = [
            group(3, &[&[0], &[], &[1]]),
            group(4, &[&[1]]),
            group(5, &[&[2]]),
        ];
        assert_eq!(
            with(Overvotes::Wait, SkippedRanks::Skip, &groups, 3).winners,
            [1]
        );
        let ends = with(Overvotes::Wait, SkippedRanks::Exhaust, &groups, 3);
        assert_eq!(
            (&ends.winners, ends.rounds[0].votes[0]),
            (&vec![2], Votes::whole(3))
        );
        assert_eq!(ends.rounds.last().unwrap().exhausted, Votes::whole(3));
    }

    #[test]
    fn nobody_wins_if_every_ballot_ends_before_it_counts() {
        let groups = [Group {
            count: 4,
            ranks: vec![vec![0, 1], vec![2]],
        }];
        let outcome = with(Overvotes::Exhaust, SkippedRanks::Skip, &groups, 3);
        assert_eq!(
            (
                outcome.winners.len(),
                outcome.ties.len(),
                outcome.rounds[0].exhausted
            ),
            (0, 0, Votes::whole(4))
        );
    }
}
