//! Single transferable vote by the Scottish rules (The Scottish Local Government Elections Order
//! 2011, Schedule 1, rules 45 to 52).

use crate::budget::Budget;
use crate::irv::{Choice, fewest, next_choice};
use crate::outcome::{Action, Outcome, Round, Stake, Votes};
use crate::profile::Profile;
use crate::rule::Terms;
use crate::ties::Breaker;

/// Ballots of one group, and what each is worth now.
struct Pile {
    group: usize,
    value: u64,
}

struct Count<'a> {
    profile: &'a Profile,
    seats: usize,
    quota: u64,
    /// By candidate: the ballots that count for it.
    piles: Vec<Vec<Pile>>,
    votes: Vec<u64>,
    exhausted: u64,
    /// Neither elected nor excluded.
    hopeful: Vec<bool>,
    /// Elected, with a surplus that was not yet transferred, in the order of election.
    surpluses: Vec<usize>,
    winners: Vec<usize>,
    rounds: Vec<Round>,
    breaker: Breaker,
}

/// Scottish STV: the quota is the votes divided by one more than the seats, rounded down, and one.
/// Who reaches it is elected; surpluses are transferred, the largest first, each ballot at its
/// value times the surplus over the votes, cut at five places; if there is none, who has the fewest
/// is excluded, and its ballots go on at their values. Ties: the latest earlier round in which they
/// differ, else the seed. A ballot that is to go to several equally goes to nobody any more. If no
/// ballot counts for anybody at first, nobody is elected.
pub(crate) fn scottish_stv(
    profile: &Profile,
    terms: &Terms,
    budget: &mut Budget,
) -> Option<Outcome> {
    let (n, seats) = (profile.candidates(), terms.seats);
    let mut count = Count {
        profile,
        seats: seats.min(n),
        quota: 0,
        piles: (0..n).map(|_| Vec::new()).collect(),
        votes: vec![0; n],
        exhausted: 0,
        hopeful: vec![true; n],
        surpluses: Vec::new(),
        winners: Vec::new(),
        rounds: Vec::new(),
        breaker: Breaker::new(terms.seed),
    };
    let all: Vec<Pile> = (0..profile.groups().len())
        .map(|group| Pile {
            group,
            value: Votes::ONE,
        })
        .collect();
    count.hand_on(all, budget)?;
    let valid: u64 = count.votes.iter().sum::<u64>() / Votes::ONE;
    if valid == 0 {
        return Some(Outcome::nobody(n, profile.ballots()));
    }
    count.quota = (valid / (seats as u64 + 1) + 1) * Votes::ONE;
    count.run(budget)?;
    let quota = Some(Votes(count.quota));
    Some(Outcome {
        winners: count.winners,
        rounds: count.rounds,
        quota,
        pairwise: None,
        ties: count.breaker.ties,
    })
}

impl Count<'_> {
    fn run(&mut self, budget: &mut Budget) -> Option<()> {
        loop {
            budget.spend(self.votes.len() * (1 + self.rounds.len()))?;
            self.look();
            self.elect();
            if self.winners.len() >= self.seats || self.elect_the_rest() {
                return Some(());
            }
            if self.surpluses.is_empty() {
                self.exclude(budget)?;
            } else {
                self.transfer(budget)?;
            }
        }
    }

    fn act(&mut self, action: Action) {
        self.rounds
            .last_mut()
            .expect("a round begins with a look")
            .actions
            .push(action);
    }

    fn look(&mut self) {
        let votes = self.votes.iter().copied().map(Votes).collect();
        self.rounds.push(Round {
            votes,
            exhausted: Votes(self.exhausted),
            actions: Vec::new(),
        });
    }

    fn hopefuls(&self) -> Vec<usize> {
        (0..self.hopeful.len())
            .filter(|candidate| self.hopeful[*candidate])
            .collect()
    }

    /// Gives ballots to the next on them who is neither elected nor excluded.
    fn hand_on(&mut self, piles: Vec<Pile>, budget: &mut Budget) -> Option<()> {
        for pile in piles {
            let group = self.profile.group(pile.group);
            budget.spend(1 + group.ranks.named())?;
            let worth = group.count * pile.value;
            match next_choice(group, &self.hopeful) {
                Choice::One(candidate) => {
                    self.votes[candidate] += worth;
                    self.piles[candidate].push(pile);
                }
                Choice::Several | Choice::Nobody => self.exhausted += worth,
            }
        }
        Some(())
    }

    fn elect(&mut self) {
        let mut reached: Vec<usize> = self
            .hopefuls()
            .into_iter()
            .filter(|c| self.votes[*c] >= self.quota)
            .collect();
        reached.sort_by_key(|candidate| std::cmp::Reverse(self.votes[*candidate]));
        if reached.is_empty() {
            return;
        }
        for candidate in &reached {
            self.hopeful[*candidate] = false;
            if self.votes[*candidate] > self.quota {
                self.surpluses.push(*candidate);
            }
        }
        self.winners.extend(&reached);
        self.act(Action::Elect(reached));
    }

    /// As many are left as there are seats: all of them are elected.
    fn elect_the_rest(&mut self) -> bool {
        let mut rest = self.hopefuls();
        let over = self.winners.len() + rest.len() <= self.seats;
        if over && !rest.is_empty() {
            rest.sort_by_key(|candidate| std::cmp::Reverse(self.votes[*candidate]));
            self.winners.extend(&rest);
            self.act(Action::Elect(rest));
        }
        over
    }

    fn exclude(&mut self, budget: &mut Budget) -> Option<()> {
        let last = fewest(&self.rounds, &self.hopefuls(), &mut self.breaker);
        self.hopeful[last] = false;
        self.act(Action::Exclude(last));
        self.votes[last] = 0;
        let piles = std::mem::take(&mut self.piles[last]);
        self.hand_on(piles, budget)
    }

    /// Transfers the largest surplus.
    fn transfer(&mut self, budget: &mut Budget) -> Option<()> {
        let from = self.largest_surplus();
        self.surpluses.retain(|candidate| *candidate != from);
        self.act(Action::Transfer(from));
        let (surplus, votes) = (self.votes[from] - self.quota, self.votes[from]);
        let part = |value: u64| {
            let part = u128::from(value) * u128::from(surplus) / u128::from(votes);
            u64::try_from(part).expect("a part of a value is no greater")
        };
        let piles = std::mem::take(&mut self.piles[from]);
        let piles: Vec<Pile> = piles
            .into_iter()
            .map(|pile| Pile {
                value: part(pile.value),
                ..pile
            })
            .collect();
        self.votes[from] = self.quota;
        let worth: u64 = piles
            .iter()
            .map(|pile| self.profile.group(pile.group).count * pile.value)
            .sum();
        // What was cut off at the fifth place counts for nobody.
        self.exhausted += surplus - worth;
        self.hand_on(piles, budget)
    }

    fn largest_surplus(&mut self) -> usize {
        let last = self.rounds.len() - 1;
        let narrow = |round: usize, tied: &mut Vec<usize>| {
            let votes = &self.rounds[round].votes;
            let most = tied
                .iter()
                .map(|candidate| votes[*candidate])
                .max()
                .unwrap_or_default();
            tied.retain(|candidate| votes[*candidate] == most);
        };
        let mut tied = self.surpluses.clone();
        narrow(last, &mut tied);
        self.breaker.pick(last, Stake::Surplus, tied, narrow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::profile;
    use crate::ties::Seed;

    const SEED: Seed = Seed([0; 32]);

    fn scottish_stv(profile: &Profile, seats: usize, seed: Seed) -> Outcome {
        super::scottish_stv(profile, &Terms::new(seats, seed), &mut Budget::unlimited()).unwrap()
    }

    /// The example of food at a party: oranges, pears, chocolate, strawberries, sweets; three
    /// seats, 20 voters, quota 6.
    #[test]
    fn party_food_has_its_known_result() {
        let (orange, pear, chocolate, strawberry, sweets) = (0, 1, 2, 3, 4);
        let ballots: [(u64, &[usize]); 6] = [
            (4, &[orange]),
            (2, &[pear, orange]),
            (8, &[chocolate, strawberry]),
            (4, &[chocolate, sweets]),
            (1, &[strawberry]),
            (1, &[sweets]),
        ];
        let outcome = scottish_stv(&profile(5, &ballots), 3, SEED);
        assert_eq!(outcome.quota, Some(Votes::whole(6)));
        assert_eq!(outcome.winners, [chocolate, orange, strawberry]);
        assert_eq!(outcome.rounds[1].votes[strawberry], Votes::whole(5));
        assert_eq!(outcome.rounds[1].votes[sweets], Votes::whole(3));
    }

    #[test]
    fn values_are_cut_at_five_places_and_nothing_is_lost_or_made() {
        let ballots: [(u64, &[usize]); 4] =
            [(10, &[0, 1]), (5, &[0, 2]), (4, &[1, 2]), (4, &[2, 1])];
        let outcome = scottish_stv(&profile(3, &ballots), 2, SEED);
        for round in &outcome.rounds {
            let sum: u64 = round.votes.iter().map(|votes| votes.0).sum::<u64>() + round.exhausted.0;
            assert_eq!(Votes(sum), Votes::whole(23));
        }
        // Quota 8; a surplus of 7 on 15 votes: 0.46666 each.
        assert_eq!(
            outcome.rounds[1].votes,
            [Votes::whole(8), Votes(866_660), Votes(633_330)]
        );
        assert_eq!(outcome.winners, [0, 1]);
    }

    #[test]
    fn one_seat_is_instant_runoff_and_more_seats_than_candidates_elect_all() {
        let ballots: [(u64, &[usize]); 4] = [
            (42, &[0, 1, 2, 3]),
            (26, &[1, 2, 3, 0]),
            (15, &[2, 3, 1, 0]),
            (17, &[3, 2, 1, 0]),
        ];
        let profile = profile(4, &ballots);
        assert_eq!(
            scottish_stv(&profile, 1, SEED).winners,
            crate::irv::irv(&profile, &Terms::new(1, SEED), &mut Budget::unlimited())
                .unwrap()
                .winners
        );
        assert_eq!(scottish_stv(&profile, 9, SEED).winners.len(), 4);
    }
}
