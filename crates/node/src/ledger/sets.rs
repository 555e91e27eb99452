//! How the validators have changed, and the steps that show it (docs/protocol.md, "Receipt").

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vote_api::{Answer, Refusal, RefusalCode};
use vote_chain::{CommitCertificate, Header, Height, SetChange, encode};

use super::{Answered, Ledger, Question, damaged, misfit, part, refusal};

/// Steps that are kept, in bytes: those who have voted in one block, and mostly those of other
/// blocks too, need the same ones.
const ROUTES_BYTES_MAX: usize = 16 << 20;

/// The steps from the genesis to a set.
#[derive(Debug)]
struct Route {
    /// The number of the set, that of the genesis being 0.
    set: usize,
    steps: Arc<Vec<SetChange>>,
    /// Of the steps.
    bytes: usize,
}

impl Route {
    /// The last block that it takes.
    fn last(&self) -> Height {
        self.steps
            .last()
            .map_or(Height::GENESIS, |step| step.header.height)
    }
}

#[derive(Debug, Default)]
struct Kept {
    /// The heights of the blocks in which a set hands over to the next, as far as the disk has been
    /// asked.
    handovers: Arc<Vec<Height>>,
    /// Those that were made last, the newest at the end.
    routes: VecDeque<Route>,
}

/// What was read of the sets, and is asked for again.
#[derive(Debug, Default)]
pub(super) struct KnownSets {
    // Held for a look-up, never while steps are made.
    kept: Mutex<Kept>,
}

impl KnownSets {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn route(&self, set: usize, height: Height) -> Option<Arc<Vec<SetChange>>> {
        let kept = self.lock();
        let fitting = kept
            .routes
            .iter()
            .find(|route| route.set == set && route.last() <= height);
        fitting.map(|route| route.steps.clone())
    }

    fn keep(&self, set: usize, steps: Arc<Vec<SetChange>>) {
        let bytes = steps.iter().map(|step| encode(step).len()).sum();
        let mut kept = self.lock();
        kept.routes.push_back(Route { set, steps, bytes });
        while kept.routes.iter().map(|route| route.bytes).sum::<usize>() > ROUTES_BYTES_MAX {
            kept.routes.pop_front();
        }
    }
}

/// The number of the set that signs a height.
fn number(handovers: &[Height], height: Height) -> usize {
    handovers.partition_point(|handover| *handover < height)
}

impl Ledger {
    /// The heights of the blocks in which a set hands over to the next, some of which may be above
    /// the tip.
    fn handovers(&self) -> Result<Arc<Vec<Height>>, Refusal> {
        let known = self.sets.lock().handovers.clone();
        let last = known.last().copied().unwrap_or(Height::GENESIS);
        let new = self
            .store
            .set_change_heights(last)
            .map_err(|error| damaged(&error))?;
        let mut kept = self.sets.lock();
        if kept.handovers.len() == known.len() && !new.is_empty() {
            Arc::make_mut(&mut kept.handovers).extend(new);
        }
        Ok(kept.handovers.clone())
    }

    fn handover(&self, height: Height) -> Result<SetChange, Refusal> {
        let found = self
            .store
            .set_change(height)
            .map_err(|error| damaged(&error))?;
        found.ok_or_else(|| {
            misfit(format_args!(
                "the change of the validators at height {height} is missing"
            ))
        })
    }

    /// The steps from one set to another, by their numbers; the last may be to a block that the
    /// second has signed.
    fn steps(
        &self,
        handovers: &[Height],
        from: usize,
        to: usize,
        block: Option<(&Header, &CommitCertificate)>,
    ) -> Result<Vec<SetChange>, Refusal> {
        let trusted = match from.checked_sub(1) {
            Some(before) => self.handover(handovers[before])?.validators,
            None => self.state.genesis().validators.clone(),
        };
        vote_chain::set_changes(&trusted, from, to, block, |set| {
            self.handover(handovers[set])
        })
    }

    /// The steps from the genesis to the set that has signed a block.
    pub(super) fn steps_to(
        &self,
        header: &Header,
        certificate: &CommitCertificate,
    ) -> Result<Arc<Vec<SetChange>>, Refusal> {
        let handovers = self.handovers()?;
        let to = number(&handovers, header.height);
        if let Some(steps) = self.sets.route(to, header.height) {
            return Ok(steps);
        }
        let steps = Arc::new(self.steps(&handovers, 0, to, Some((header, certificate)))?);
        self.sets.keep(to, steps.clone());
        Ok(steps)
    }

    /// The steps from the genesis to the set of the next height.
    pub(super) fn steps_to_next(&self) -> Result<Vec<SetChange>, Refusal> {
        let handovers = self.handovers()?;
        self.steps(
            &handovers,
            0,
            number(&handovers, self.state.tip().height.next()),
            None,
        )
    }

    /// The steps from the genesis to the sets of these heights, which are those of blocks, in
    /// order.
    pub(super) fn steps_through(
        &self,
        heights: impl Iterator<Item = Height>,
    ) -> Result<Vec<SetChange>, Refusal> {
        let handovers = self.handovers()?;
        let mut steps = Vec::new();
        let mut set = 0;
        for height in heights {
            let to = number(&handovers, height);
            if to > set {
                let (block, certificate) = self.load(height)?;
                steps.extend(self.steps(
                    &handovers,
                    set,
                    to,
                    Some((&block.header, &certificate)),
                )?);
                set = to;
            }
        }
        Ok(steps)
    }

    /// The steps from the set of a height to that of another; to that of the next height if none is
    /// named.
    pub(super) fn set_changes(&self, from: Height, to: Option<Height>) -> Answered {
        let tip = self.state.tip().height;
        let to = to.unwrap_or_else(|| tip.next());
        if from == Height::GENESIS || to > tip.next() {
            let reason = format!(
                "validators are known of the heights from 1 to {}",
                tip.next()
            );
            return Err(refusal(RefusalCode::WrongState, reason));
        }
        let handovers = self.handovers()?;
        let (first, last) = (number(&handovers, from), number(&handovers, to));
        let block = if to <= tip && first < last {
            Some(self.load(to)?)
        } else {
            None
        };
        let block = block
            .as_ref()
            .map(|(block, certificate)| (&block.header, certificate));
        let steps = self.steps(&handovers, first, last, block)?;
        Ok(more_steps(Arc::new(steps), 0, None))
    }
}

/// The answer that has the steps from a place on, as many as fit; and the question that gives what
/// comes after them.
pub(super) fn more_steps(
    steps: Arc<Vec<SetChange>>,
    place: usize,
    then: Option<Box<Question>>,
) -> (Answer, Option<Question>) {
    let (some, rest) = some_steps(steps, place, then);
    (Answer::SetChanges(some), rest)
}

/// The steps from a place on, as many as fit an answer; and the question that gives what comes
/// after them.
pub(super) fn some_steps(
    steps: Arc<Vec<SetChange>>,
    place: usize,
    then: Option<Box<Question>>,
) -> (Vec<SetChange>, Option<Question>) {
    let (some, more) = part(steps[place..].iter());
    let some: Vec<_> = some.into_iter().cloned().collect();
    let place = place + some.len();
    let rest = if more {
        Some(Question::Steps(steps, place, then))
    } else {
        then.map(|question| *question)
    };
    (some, rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::turned_over;
    use vote_chain::{InvalidReceipt, SetHistory};

    /// All answers to a question.
    fn ask(ledger: &Ledger, question: Question) -> Vec<Answer> {
        let mut answers = Vec::new();
        let mut next = Some(question);
        while let Some(question) = next {
            let (answer, rest) = ledger.answer(question);
            answers.push(answer);
            next = rest;
        }
        answers
    }

    fn steps(answers: Vec<Answer>) -> Vec<SetChange> {
        let part = |answer| match answer {
            Answer::SetChanges(part) => part,
            other => panic!("no steps: {other:?}"),
        };
        answers.into_iter().flat_map(part).collect()
    }

    #[test]
    fn receipts_and_archives_hold_however_often_the_validators_have_changed() {
        let (ledger, election, ballots) = turned_over(40);
        let handovers = ledger.handovers().unwrap().len();
        assert_eq!(handovers, 77);
        // The last ones first: what was kept for later blocks is of no use to earlier ones.
        for ballot in ballots.iter().rev().chain(&ballots) {
            let mut answers = ask(&ledger, Question::Receipt(*ballot));
            let Answer::Receipt(receipt) = answers.remove(0) else {
                panic!("no receipt: {answers:?}")
            };
            assert_eq!(
                receipt.check(Some(&ledger.state.chain())),
                Ok(()),
                "of block {}",
                receipt.header.height
            );
            assert!(answers.is_empty() && receipt.set_changes.len() < handovers);
        }
        let mut answers = ask(&ledger, Question::Archive(election));
        let Answer::ArchiveHead(mut archive) = answers.remove(0) else {
            panic!("no archive: {answers:?}")
        };
        for answer in answers {
            let Answer::ArchiveBlock(block) = answer else {
                panic!("no block: {answer:?}")
            };
            archive.blocks.push(*block);
        }
        let audit = archive.verify(Some(&ledger.state.chain()), |_| {}).unwrap();
        assert_eq!(audit.tally.turnout.ballots, ballots.len() as u64);
    }

    #[test]
    fn app_that_asks_for_the_steps_to_each_block_can_check_them_all() {
        let (ledger, ..) = turned_over(12);
        let tip = ledger.state.tip().height;
        let mut told = SetHistory::new(ledger.state.genesis().as_ref().clone()).unwrap();
        for height in (1..=tip.get()).rev().map(Height::new) {
            let (block, certificate) = ledger.load(height).unwrap();
            if told.check_final(&block.header, &certificate)
                == Err(InvalidReceipt::OtherSet(height.get()))
            {
                let from = told.known_up_to(height);
                told.extend(
                    from,
                    steps(ask(&ledger, Question::SetChanges(from, Some(height)))),
                )
                .unwrap();
            }
            assert_eq!(
                told.check_final(&block.header, &certificate),
                Ok(()),
                "block {height}"
            );
        }
        let from = told.known_up_to(tip);
        told.extend(from, steps(ask(&ledger, Question::SetChanges(from, None))))
            .unwrap();
        assert_eq!(told.set_at(tip.next()), &ledger.state.registry().next);
        for (from, to) in [
            (Height::GENESIS, None),
            (Height::new(1), Some(tip.next().next())),
        ] {
            let (answer, _) = ledger.answer(Question::SetChanges(from, to));
            assert!(
                matches!(answer, Answer::Failed(_)),
                "{from} to {to:?}: {answer:?}"
            );
        }
    }

    #[test]
    fn steps_that_do_not_fit_one_answer_come_in_several_and_then_what_comes_after_them() {
        let (ledger, ..) = turned_over(5);
        let step = ledger.handover(ledger.handovers().unwrap()[3]).unwrap();
        let many = Arc::new(vec![step; 2000]);
        let (first, rest) = some_steps(many.clone(), 0, Some(Box::new(Question::Genesis)));
        let mut answers = ask(&ledger, rest.unwrap());
        assert!(matches!(answers.pop(), Some(Answer::Genesis(_))));
        assert!(
            answers.len() >= 2 && answers.iter().all(|answer| encode(answer).len() < 600_000),
            "{}",
            answers.len()
        );
        let all = [first, steps(answers)].concat();
        assert!(all == *many, "{} of 2000 steps", all.len());
    }

    #[test]
    fn steps_that_are_kept_stay_within_their_bytes() {
        let (ledger, ..) = turned_over(5);
        let step = ledger.handover(ledger.handovers().unwrap()[3]).unwrap();
        let sets = KnownSets::default();
        for set in 0..100 {
            sets.keep(set, Arc::new(vec![step.clone(); 400]));
        }
        let bytes: usize = sets.lock().routes.iter().map(|route| route.bytes).sum();
        assert!(
            bytes <= ROUTES_BYTES_MAX && bytes > ROUTES_BYTES_MAX / 2,
            "{bytes} bytes"
        );
        assert!(
            sets.route(99, Height::new(u64::MAX)).is_some()
                && sets.route(0, Height::new(u64::MAX)).is_none()
        );
    }
}
