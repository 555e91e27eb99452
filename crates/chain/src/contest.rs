//! One question of an election: what may be chosen, how it is counted, and what a ballot can say to
//! it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use vote_counting::names::{look, skeleton};
use vote_counting::{BallotKind, LIST_SEATS_MAX, Overvotes, Rule, Seats, Seed, Terms};

use crate::ballot::Selection;
use crate::election::InvalidElection;
use crate::share::{Base, Majority};
use crate::text::{check_label, check_write_in};

pub(crate) const CHOICES_MAX: usize = 500;

/// The highest number that a ballot can give a choice by rules of [`BallotKind::Scores`]; the lowest
/// is 0.
pub const SCORE_MAX: u8 = 10;

/// What may be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Choices {
    /// A list, in the order of the ballot.
    Listed(Vec<String>),
    /// Whatever the voter writes, as it looks ([`check_write_in`]); equal texts count together.
    WriteIn,
}

/// One question of an election.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contest {
    /// Its name; may be empty if it is the only one.
    pub title: String,
    /// What may be chosen.
    pub choices: Choices,
    /// How it is counted.
    pub rule: Rule,
    /// How many choices win, or how many seats are dealt to lists.
    pub seats: u16,
    /// A ballot names at least so many choices.
    pub choices_min: u16,
    /// And at most so many.
    pub choices_max: u16,
    /// Whether a ballot can abstain.
    pub abstention: bool,
    /// What a choice must have to win.
    pub majority: Option<Majority>,
    /// Whether apps show the choices in an order that is another for each voter.
    pub shuffle: bool,
    /// What instant runoff does with a ballot that ranks several choices equally; by other rules
    /// [`Overvotes::Wait`], which says nothing there. There are no skipped ranks on the ledger.
    // Left out if it says nothing: elections from before there was this field keep their bytes.
    #[serde(default, skip_serializing_if = "Overvotes::is_default")]
    pub overvotes: Overvotes,
}

/// A selection that does not fit its contest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSelection {
    /// Of another kind than the rule's, of choices that are not on the list, or of one twice.
    #[error("it says what the contest does not offer")]
    NotOffered,
    /// Names too few.
    #[error("it names {named} choices; at least {min} must be")]
    TooFew {
        /// How many it names.
        named: usize,
        /// How many it must.
        min: u16,
    },
    /// Names too many.
    #[error("it names {named} choices; at most {max} may be")]
    TooMany {
        /// How many it names.
        named: usize,
        /// How many it may.
        max: u16,
    },
    /// Spreads too many points.
    #[error("it spreads {points} points; at most {max} may be")]
    TooManyPoints {
        /// How many it spreads.
        points: u32,
        /// How many it may: as many as there are seats.
        max: u16,
    },
    /// Abstains.
    #[error("the contest knows no abstention")]
    Abstains,
}

impl Contest {
    /// A contest of listed choices with nothing out of the ordinary: any number of choices by rules
    /// that take several, and by limited voting one less than there are seats.
    pub fn listed(choices: Vec<String>, rule: Rule, seats: u16) -> Self {
        let count = u16::try_from(choices.len()).unwrap_or(u16::MAX);
        Self {
            rule,
            seats,
            choices_max: count,
            choices_min: 0,
            choices: Choices::Listed(choices),
            ..Self::write_in()
        }
        .settled()
    }

    /// A contest in which voters write what they choose.
    pub const fn write_in() -> Self {
        Self {
            title: String::new(),
            choices: Choices::WriteIn,
            rule: Rule::Plurality,
            seats: 1,
            choices_min: 1,
            choices_max: 1,
            abstention: false,
            majority: None,
            shuffle: false,
            overvotes: Overvotes::Wait,
        }
    }

    /// The same with what the rule leaves no choice about.
    #[must_use]
    pub fn settled(mut self) -> Self {
        if self.rule.is_single() {
            (self.choices_min, self.choices_max) = (1, 1);
        }
        if self.rule == Rule::Limited {
            self.choices_max = self.choices_max.min(self.seats.saturating_sub(1));
        }
        if self.rule == Rule::YesNo && self.majority.is_none() {
            self.majority = Some(Majority {
                share: crate::share::Share::HALF,
                base: Base::Votes,
            });
        }
        self
    }

    /// What a count of it goes by.
    pub(crate) fn terms(&self, seed: Seed) -> Terms {
        Terms {
            overvotes: self.overvotes,
            ..Terms::new(usize::from(self.seats), seed)
        }
    }

    /// How many choices are listed; none for write-ins.
    pub const fn listed_count(&self) -> Option<usize> {
        match &self.choices {
            Choices::Listed(choices) => Some(choices.len()),
            Choices::WriteIn => None,
        }
    }

    /// The one choice of these words, or of words that look the same; none if the contest does not
    /// offer it.
    pub fn choice(&self, words: &str) -> Option<Selection> {
        let looks = look(words);
        match &self.choices {
            Choices::WriteIn => check_write_in(&looks)
                .is_ok()
                .then(|| Selection::WriteIn(looks.into_owned())),
            Choices::Listed(choices) => {
                let at = choices.iter().position(|choice| look(choice) == looks)?;
                u16::try_from(at).ok().map(Selection::Listed)
            }
        }
    }

    /// All that is wrong with it; `has_roll` says whether the election has one.
    pub(crate) fn faults(&self, has_roll: bool) -> Vec<InvalidElection> {
        let mut faults = Vec::new();
        if !self.title.is_empty() {
            faults.extend(
                check_label(&self.title)
                    .map_err(InvalidElection::ContestTitle)
                    .err(),
            );
        }
        if let Choices::Listed(choices) = &self.choices {
            faults.extend(choice_faults(choices));
        }
        faults.extend(self.rule_fault());
        faults.extend(self.bounds_fault());
        let (seats, max) = (self.seats, self.choices_max);
        if self.rule == Rule::Limited && seats > 1 && max >= seats {
            faults.push(InvalidElection::Limited { seats, max });
        }
        faults.extend(self.majority_fault(has_roll));
        if self.overvotes != Overvotes::Wait && self.rule != Rule::Irv {
            faults.push(InvalidElection::Overvotes(self.rule));
        }
        faults
    }

    fn rule_fault(&self) -> Option<InvalidElection> {
        let (rule, seats) = (self.rule, self.seats);
        let choices = match self.listed_count() {
            None if rule != Rule::Plurality => return Some(InvalidElection::WriteIns(rule)),
            None => usize::MAX,
            Some(choices) if rule == Rule::YesNo && choices != 2 => {
                return Some(InvalidElection::YesNo(choices));
            }
            Some(choices) => choices,
        };
        let (least, most) = match rule.seats() {
            Seats::One => (1, 1),
            Seats::UpToCandidates => (1, choices),
            Seats::TwoOrMore => (2, choices),
            Seats::ForLists => (1, LIST_SEATS_MAX),
        };
        if (least..=most).contains(&usize::from(seats)) {
            None
        } else {
            Some(InvalidElection::Seats {
                seats,
                choices,
                rule,
            })
        }
    }

    fn bounds_fault(&self) -> Option<InvalidElection> {
        let (min, max) = (self.choices_min, self.choices_max);
        let fits = if self.rule.is_single() {
            (min, max) == (1, 1)
        } else {
            // Of one point each.
            let points = self.rule.ballots() == BallotKind::Points;
            min <= max
                && max >= 1
                && !(points && min > self.seats)
                && self
                    .listed_count()
                    .is_some_and(|count| usize::from(max) <= count)
        };
        if fits {
            None
        } else {
            Some(InvalidElection::Bounds {
                min,
                max,
                rule: self.rule,
            })
        }
    }

    fn majority_fault(&self, has_roll: bool) -> Option<InvalidElection> {
        match self.majority {
            None if self.rule == Rule::YesNo => Some(InvalidElection::NoMajority),
            None => None,
            Some(_) if !self.rule.knows_majorities() => Some(InvalidElection::Majority(self.rule)),
            Some(majority) if !majority.share.is_sane() => Some(InvalidElection::Share),
            Some(majority) if majority.base == Base::Roll && !has_roll => {
                Some(InvalidElection::NoRoll)
            }
            Some(_) => None,
        }
    }

    /// Checks what a ballot says to it: of the kind that the rule asks for, each choice on the list
    /// and at most once, in order, and neither too few nor too many; and no more points than seats.
    ///
    /// # Errors
    /// [`InvalidSelection`] names the first fault.
    pub fn check_selection(&self, selection: &Selection) -> Result<(), InvalidSelection> {
        if matches!(selection, Selection::Abstain) {
            return if self.abstention {
                Ok(())
            } else {
                Err(InvalidSelection::Abstains)
            };
        }
        if !self.offers(selection) {
            return Err(InvalidSelection::NotOffered);
        }
        let (named, min, max) = (selection.named(), self.choices_min, self.choices_max);
        if named < usize::from(min) {
            Err(InvalidSelection::TooFew { named, min })
        } else if named > usize::from(max) {
            Err(InvalidSelection::TooMany { named, max })
        } else {
            self.check_points(selection)
        }
    }

    /// A ballot spreads at most as many points as there are seats.
    fn check_points(&self, selection: &Selection) -> Result<(), InvalidSelection> {
        let points = match (self.rule.ballots(), selection) {
            (BallotKind::Points, Selection::Scored(points)) => {
                points.iter().copied().map(u32::from).sum()
            }
            _ => 0,
        };
        let max = self.seats;
        if points <= u32::from(max) {
            Ok(())
        } else {
            Err(InvalidSelection::TooManyPoints { points, max })
        }
    }

    fn offers(&self, selection: &Selection) -> bool {
        let Some(count) = self.listed_count() else {
            return matches!(selection, Selection::WriteIn(_));
        };
        let in_order = |places: &[u16]| {
            places.is_sorted_by(|a, b| a < b)
                && places.last().is_none_or(|last| usize::from(*last) < count)
        };
        match (self.rule.ballots(), selection) {
            (BallotKind::One, Selection::Listed(place)) => usize::from(*place) < count,
            (BallotKind::Several, Selection::Approved(places)) => in_order(places),
            (BallotKind::Scores, Selection::Scored(scores)) => {
                scores.len() == count && scores.iter().all(|score| *score <= SCORE_MAX)
            }
            (BallotKind::Points, Selection::Scored(points)) => points.len() == count,
            (BallotKind::Ranks, Selection::Ranked(ranks)) => {
                let all: BTreeSet<_> = ranks.iter().flatten().collect();
                let each_once = all.len() == ranks.named();
                each_once && ranks.iter().all(|rank| !rank.is_empty() && in_order(rank))
            }
            _ => false,
        }
    }
}

fn choice_faults(choices: &[String]) -> Vec<InvalidElection> {
    let mut faults = Vec::new();
    if !(2..=CHOICES_MAX).contains(&choices.len()) {
        faults.push(InvalidElection::Count(choices.len()));
    }
    let mut seen = BTreeMap::new();
    for (at, choice) in choices.iter().enumerate() {
        let number = at + 1;
        faults.extend(
            check_label(choice)
                .map_err(|fault| InvalidElection::Choice { number, fault })
                .err(),
        );
        if let Some(other) = seen.insert(skeleton(choice), number) {
            faults.push(InvalidElection::Alike {
                other,
                number,
                name: choice.clone(),
            });
        }
    }
    faults
}
