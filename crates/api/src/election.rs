//! Elections whose words are those of their organisers, whatever a node says.

use std::ops::Deref;
use std::sync::Arc;

use vote_chain::{
    Act, Choices, Contest, ContestTally, Election, ElectionPhase, ElectionRecord, LogEntry, Logged,
    Outcome, Payload, Proposal, Timestamp, Voters, check_write_in,
};

use crate::chain::Proven;
use crate::message::ElectionView;

/// An election that was checked: its title, description, contests, rules, voters and organiser are
/// those of the transaction that created it, which is final and whose hash is its id; its times are
/// those of the transaction, or follow from acts that its organiser signed.
///
/// Its phase, turnout, roll and count are what the node says: only an archive shows them.
#[derive(Clone, Debug)]
pub struct CheckedElection {
    view: Arc<ElectionView>,
    created: Arc<Proven>,
    waiting: Arc<[Waiting]>,
}

/// An act of an election with several organisers that waits for approvals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Who has proposed and approved it, and when it lapses. What it would do is left out of an act
    /// that adds voters, as it is of the log.
    pub proposal: Proposal,
    /// What it would do; of voters that it adds, in the node's words.
    pub does: Logged,
}

impl Deref for CheckedElection {
    type Target = ElectionView;

    fn deref(&self) -> &ElectionView {
        &self.view
    }
}

impl CheckedElection {
    /// What the node says of it, its words being checked.
    pub const fn view(&self) -> &Arc<ElectionView> {
        &self.view
    }

    /// The transaction that created it, as it was signed.
    pub fn bytes(&self) -> &[u8] {
        self.created.transaction.bytes()
    }

    /// What waited for approvals at the view's block, in the order in which it was proposed, but for
    /// what may have lapsed: whoever shows it compares the times. Nothing waits in an election that
    /// is over, or has one organiser.
    pub fn waiting(&self) -> &[Waiting] {
        &self.waiting
    }

    /// The same with what waits.
    pub(crate) fn with_waiting(self, waiting: Arc<[Waiting]>) -> Self {
        let waiting = if self.view.phase.is_over() {
            Arc::from([])
        } else {
            waiting
        };
        Self { waiting, ..self }
    }

    /// What waits, to be taken over while nothing is done.
    pub(crate) const fn all_waiting(&self) -> &Arc<[Waiting]> {
        &self.waiting
    }

    /// Whether its organisers are those whom its text names.
    pub(crate) fn has_first_organisers(&self) -> bool {
        let record = &self.view.record;
        record.committee == record.election.committee
    }

    /// Takes a view whose words are those of the transaction, and whose times are so far those of
    /// its text.
    pub(crate) fn new(view: Arc<ElectionView>, created: Arc<Proven>) -> Result<Self, String> {
        let record = &view.record;
        let Payload::CreateElection(election) = &created.transaction.content().payload else {
            return Err(format!(
                "transaction {:.16} creates no election",
                created.transaction.id()
            ));
        };
        if let Some(what) = difference(election, &record.election) {
            return Err(format!(
                "it shows election {:.16} with another {what} than the one that its organiser signed under this id",
                record.id
            ));
        }
        if created.transaction.content().signer != record.organiser {
            return Err(format!(
                "it names another organiser of election {:.16} than the one who signed it",
                record.id
            ));
        }
        if created.time != record.created_at || created.height > view.height {
            return Err(format!(
                "it says that election {:.16} was created at another time",
                record.id
            ));
        }
        if !fits_phase(record, view.phase) || !fits(election, &view) {
            return Err(format!(
                "what it says of election {:.16} contradicts itself",
                record.id
            ));
        }
        Ok(Self {
            view,
            created,
            waiting: Arc::from([]),
        })
    }

    /// Whether the times are those that follow from the election's text alone.
    pub(crate) fn has_first_times(&self) -> bool {
        Times::first(&self.view.record) == Times::of(&self.view.record)
    }

    /// Whether the times are those that it had before.
    pub(crate) fn has_times_of(&self, before: &Self) -> bool {
        Times::of(&self.view.record) == Times::of(&before.view.record)
    }

    /// Whether the times are those that follow from these acts.
    pub(crate) fn has_times_after<'a>(
        &self,
        acts: impl IntoIterator<Item = (&'a Logged, Timestamp)>,
    ) -> bool {
        let mut times = Times::first(&self.view.record);
        for (act, time) in acts {
            times.change(act, time);
        }
        times == Times::of(&self.view.record)
    }
}

/// What of an election is shown otherwise than it was signed; in a word.
fn difference(signed: &Election, shown: &Election) -> Option<&'static str> {
    let contests = |of: fn(&Contest) -> &Choices| {
        signed
            .contests
            .iter()
            .map(of)
            .ne(shown.contests.iter().map(of))
    };
    if signed == shown {
        None
    } else if signed.title != shown.title {
        Some("title")
    } else if contests(|contest| &contest.choices) {
        Some("list of choices")
    } else if signed.contests != shown.contests {
        Some("set of contests")
    } else {
        Some("text")
    }
}

/// When an election opens, closes, and was called off.
#[derive(PartialEq, Eq)]
struct Times {
    opens_at: Option<Timestamp>,
    closes_at: Option<Timestamp>,
    cancelled_at: Option<Timestamp>,
}

impl Times {
    const fn of(record: &ElectionRecord) -> Self {
        Self {
            opens_at: record.opens_at,
            closes_at: record.closes_at,
            cancelled_at: record.cancelled_at,
        }
    }

    /// Before its organiser has done anything.
    fn first(record: &ElectionRecord) -> Self {
        let election = &record.election;
        let at_once = if election.voters == Voters::Anyone {
            Some(record.created_at)
        } else {
            None
        };
        Self {
            opens_at: election.opens_at.or(at_once),
            closes_at: election.closes_at,
            cancelled_at: None,
        }
    }

    fn change(&mut self, act: &Logged, time: Timestamp) {
        match act {
            Logged::Opened => self.opens_at = Some(time),
            Logged::Closed => self.closes_at = Some(time),
            Logged::TimesChanged {
                opens_at,
                closes_at,
                ..
            } => {
                self.opens_at = *opens_at;
                self.closes_at = *closes_at;
            }
            Logged::Cancelled(_) => self.cancelled_at = Some(time),
            Logged::VotersAdded { .. }
            | Logged::RollChanged { .. }
            | Logged::Proposed(_)
            | Logged::Approved { .. }
            | Logged::Withdrawn(_)
            | Logged::OrganiserReplaced { .. } => {}
        }
    }
}

/// Whether an act changes an election's times.
pub(crate) const fn changes_times(act: &Logged) -> bool {
    match act {
        Logged::Opened | Logged::Closed | Logged::TimesChanged { .. } | Logged::Cancelled(_) => {
            true
        }
        Logged::VotersAdded { .. }
        | Logged::RollChanged { .. }
        | Logged::Proposed(_)
        | Logged::Approved { .. }
        | Logged::Withdrawn(_)
        | Logged::OrganiserReplaced { .. } => false,
    }
}

/// Whether a final transaction is the act that a log says it is.
pub(crate) fn is_act(record: &ElectionRecord, entry: &LogEntry, proven: &Proven) -> bool {
    let content = proven.transaction.content();
    let Payload::Organise(organise) = &content.payload else {
        return false;
    };
    let said = |act: &Act| Logged::from(act) == entry.act;
    content.signer == record.organiser
        && organise.election == record.id
        && said(&organise.act)
        && (proven.height, proven.time) == (entry.height, entry.time)
}

/// Whether an election with these times can be in that phase, whatever the time is.
fn fits_phase(record: &ElectionRecord, phase: ElectionPhase) -> bool {
    let cancelled = record.cancelled_at.is_some();
    match phase {
        ElectionPhase::Cancelled => cancelled,
        ElectionPhase::Closed => !cancelled && record.closes_at.is_some(),
        ElectionPhase::Open => !cancelled && record.opens_at.is_some() && !record.lacks_voters(),
        ElectionPhase::Draft => !cancelled,
    }
}

/// Whether a count is one of this election, and not withheld by its rules: whoever shows it looks
/// names up by their places.
fn fits(election: &Election, view: &ElectionView) -> bool {
    let counted = &view.tally.contests;
    if election.withholds_count(view.phase) {
        return counted.is_empty();
    }
    let whole = counted.is_empty() || counted.len() == election.contests.len();
    whole
        && election
            .contests
            .iter()
            .zip(counted)
            .all(|(contest, counted)| contest_fits(contest, counted))
}

fn contest_fits(contest: &Contest, counted: &ContestTally) -> bool {
    let offered = |name: &String| match &contest.choices {
        Choices::Listed(choices) => choices.contains(name),
        Choices::WriteIn => check_write_in(name).is_ok(),
    };
    let led = counted.leaders.is_empty() || !counted.lines.is_empty();
    let dealt =
        counted.leader_seats.is_empty() || counted.leader_seats.len() == counted.leaders.len();
    led && dealt
        && counted.lines.iter().all(|line| offered(&line.choice))
        && counted.leaders.iter().all(offered)
        && counted
            .outcome
            .as_ref()
            .is_none_or(|outcome| outcome_fits(contest, outcome))
}

fn outcome_fits(contest: &Contest, outcome: &Outcome) -> bool {
    use vote_chain::Action;
    let count = contest.listed_count().unwrap_or(0);
    let known = |place: &usize| *place < count;
    let rounds = outcome.rounds.iter().all(|round| {
        let actions = round.actions.iter().all(|action| match action {
            Action::Elect(places) | Action::Advance(places) => places.iter().all(known),
            Action::Transfer(place) | Action::Exclude(place) => known(place),
        });
        actions && round.votes.len() == count
    });
    let square =
        |wins: &Vec<Vec<u64>>| wins.len() == count && wins.iter().all(|row| row.len() == count);
    let ties = outcome.ties.iter().all(|tie| {
        let tied = tie.candidates.contains(&tie.picked) && tie.candidates.iter().all(known);
        tied && tie.drawn.iter().all(known) && tie.earlier.is_none_or(|earlier| earlier < tie.round)
    });
    rounds
        && ties
        && outcome.pairwise.as_ref().is_none_or(square)
        && outcome.winners.iter().all(known)
}
