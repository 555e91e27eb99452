//! Questions about elections. A list is the node's word; an election is checked against its own
//! bytes.

use std::collections::BTreeSet;
use std::sync::Arc;

use vote_chain::{
    Act, ElectionId, Frontier, LogEntry, Logged, Organise, Organising, Payload, Timestamp,
    TransactionId,
};

use crate::client::{Answers, Client};
use crate::election::{CheckedElection, Waiting, changes_times, is_act};
use crate::error::CallError;
use crate::message::{Answer, ELECTIONS_PAGE_MAX, ElectionQuery, ElectionView, Request};

impl Client {
    /// The elections that a query fits, a page of them, the newest first, and whether another page
    /// follows. All of it is the node's word: what is fetched with [`Client::election`] is checked.
    ///
    /// # Errors
    /// [`CallError::False`] if the node shows some that do not fit.
    pub async fn elections_page(
        &self,
        query: ElectionQuery,
    ) -> Result<(Vec<ElectionView>, bool), CallError> {
        let Answer::Elections { elections, more } =
            self.call(Request::Elections(query.clone())).await?
        else {
            return Err(CallError::Unexpected);
        };
        let age = |view: &ElectionView| (view.record.created_at, view.record.id);
        let in_order = elections.is_sorted_by(|a, b| age(a) > age(b));
        let all_fit = elections.len() <= usize::from(query.limit)
            && elections.iter().all(|view| query.fits(view));
        let goes_on = !more || !elections.is_empty();
        if in_order && all_fit && goes_on {
            Ok((elections, more))
        } else {
            Err(self.fault("it lists elections that were not asked for"))
        }
    }

    /// Every election that a query fits, the newest first, page after page. As
    /// [`Client::elections_page`].
    ///
    /// # Errors
    /// [`CallError`] if the node is gone.
    pub async fn elections_all(
        &self,
        mut query: ElectionQuery,
    ) -> Result<Vec<ElectionView>, CallError> {
        let mut all: Vec<ElectionView> = Vec::new();
        loop {
            query.limit = ELECTIONS_PAGE_MAX;
            let (elections, more) = self.elections_page(query.clone()).await?;
            if let (Some(last), Some(first)) = (all.last(), elections.first())
                && (first.record.created_at, first.record.id)
                    >= (last.record.created_at, last.record.id)
            {
                return Err(self.fault("it lists elections again that it has listed before"));
            }
            all.extend(elections);
            query.after = all.last().map(|view| view.record.id);
            if !more {
                return Ok(all);
            }
        }
    }

    /// Every election, the newest first, page after page. As [`Client::elections_page`].
    ///
    /// # Errors
    /// [`CallError`] if the node is gone.
    pub async fn elections(&self) -> Result<Vec<ElectionView>, CallError> {
        self.elections_all(ElectionQuery::default()).await
    }

    /// An election as it is now, with its count. Its words are checked: see [`CheckedElection`].
    ///
    /// # Errors
    /// [`CallError::False`] if it is not the one that its organiser signed.
    pub async fn election(&self, id: ElectionId) -> Result<CheckedElection, CallError> {
        let Answer::Election(view) = self.call(Request::Election(id)).await? else {
            return Err(CallError::Unexpected);
        };
        self.checked(id, view, None).await
    }

    /// An election now, and again after blocks that change it, until it is over.
    ///
    /// # Errors
    /// [`CallError`] if the node is gone.
    pub async fn watch_election(&self, id: ElectionId) -> Result<Watching, CallError> {
        let answers = self.stream(Request::WatchElection(id)).await?;
        Ok(Watching {
            client: self.clone(),
            id,
            answers,
            last: None,
        })
    }

    /// `before` is the same election earlier: its times were checked then.
    async fn checked(
        &self,
        id: ElectionId,
        view: Arc<ElectionView>,
        before: Option<&CheckedElection>,
    ) -> Result<CheckedElection, CallError> {
        if view.record.id != id {
            return Err(self.fault("it shows another election than was asked for"));
        }
        let created = self.proven(TransactionId::new(*id.hash())).await?;
        let election = CheckedElection::new(view, created).map_err(|what| self.fault(what))?;
        // Where nothing was done to it since, there is nothing more to check.
        let acts = election.record.log.size();
        if acts == 0 && election.has_first_times() && election.has_first_organisers() {
            return Ok(election);
        }
        if let Some(before) = before.filter(|before| {
            before.record.log == election.record.log
                && before.record.committee == election.record.committee
                && election.has_times_of(before)
        }) {
            let waiting = before.all_waiting().clone();
            return Ok(election.with_waiting(waiting));
        }
        // Somebody has changed them: its organisers, by acts that are on the ledger. What was done
        // since the view was made is not in it.
        let mut entries = self.log_entries(id).await?;
        self.check_log(&election, &entries)?;
        entries.truncate(usize::try_from(election.record.log.size()).unwrap_or(usize::MAX));
        let wrong_times = || {
            self.fault(format!(
                "the times of election {id:.16} are not those that its organiser has set"
            ))
        };
        let Some(committee) = &election.record.election.committee else {
            if !election.has_first_organisers() {
                return Err(self.wrong_organisers(&id));
            }
            let entries: Vec<_> = entries
                .iter()
                .filter(|entry| changes_times(&entry.act))
                .collect();
            self.check_acts(&election, entries.iter().copied()).await?;
            let acts = entries.iter().map(|entry| (&entry.act, entry.time));
            return if election.has_times_after(acts) {
                Ok(election)
            } else {
                Err(wrong_times())
            };
        };
        let organising = Organising::new(committee.clone());
        let Followed { organising, done } = self.follow(&election, organising, &entries).await?;
        if Some(organising.committee()) != election.record.committee.as_ref() {
            return Err(self.wrong_organisers(&id));
        }
        if !election.has_times_after(done.iter().map(|(act, time)| (act, *time))) {
            return Err(wrong_times());
        }
        let waiting = organising.waiting(Timestamp::default());
        let proposed = |id| entries.iter().find(|entry| entry.transaction == id);
        let waiting = waiting.filter_map(|proposal| {
            let Logged::Proposed(does) = &proposed(proposal.transaction)?.act else {
                return None;
            };
            Some(Waiting {
                proposal: proposal.clone(),
                does: (**does).clone(),
            })
        });
        Ok(election.with_waiting(waiting.collect()))
    }

    fn wrong_organisers(&self, id: &ElectionId) -> CallError {
        self.fault(format!(
            "the organisers of election {id:.16} are not those that its text and its acts give it"
        ))
    }

    /// Follows the log of an election with several organisers: what each act and approval has done
    /// is found out here, from what was signed. But for acts that add voters to a draft's roll, and
    /// their approvals: what these say of who has signed is the node's word, as the roll is.
    async fn follow(
        &self,
        election: &CheckedElection,
        mut organising: Organising,
        entries: &[LogEntry],
    ) -> Result<Followed, CallError> {
        let id = election.record.id;
        let fault = || {
            self.fault(format!(
                "its log of election {id:.16} has an act that its organisers have not done so"
            ))
        };
        let (mut done, mut last, mut unseen) = (Vec::new(), None, BTreeSet::new());
        for entry in entries {
            let signer = entry.by.ok_or_else(fault)?;
            let of_roll = match &entry.act {
                Logged::VotersAdded { .. } => true,
                Logged::Proposed(does) => matches!(**does, Logged::VotersAdded { .. }),
                Logged::Approved { proposal, .. } => unseen.contains(proposal),
                _ => false,
            };
            let payload = match &entry.act {
                // They are large and many, as in the log of an election with one organiser.
                Logged::VotersAdded { .. } | Logged::Proposed(_) if of_roll => {
                    unseen.insert(entry.transaction);
                    Payload::Organise(Organise {
                        election: id,
                        act: Act::AddVoters(Vec::new()),
                    })
                }
                Logged::Approved { proposal, .. } if of_roll => Payload::ApproveAct {
                    election: id,
                    proposal: *proposal,
                },
                _ => {
                    let proven = self.proven(entry.transaction).await?;
                    let content = proven.transaction.content();
                    let place = Some((proven.height, proven.index));
                    let as_said = (proven.height, proven.time) == (entry.height, entry.time)
                        && content.signer == signer
                        && content.payload.election() == Some(id)
                        && place > last;
                    if !as_said {
                        return Err(fault());
                    }
                    last = place;
                    content.payload.clone()
                }
            };
            let step = organising.follow(entry.transaction, signer, &payload, entry.time);
            let does = step.map_err(|_| fault())?;
            let at_once = matches!(entry.act, Logged::VotersAdded { .. });
            let said = match &payload {
                Payload::Organise(_) if of_roll && does.is_some() == at_once => entry.act.clone(),
                Payload::ApproveAct { proposal, .. } => Logged::Approved {
                    proposal: *proposal,
                    done: does.is_some(),
                },
                Payload::Organise(organise) if does.is_none() => {
                    Logged::Proposed(Box::new(Logged::from(&organise.act)))
                }
                Payload::Organise(organise) => Logged::from(&organise.act),
                _ => return Err(fault()),
            };
            if said != entry.act {
                return Err(fault());
            }
            done.extend(does.map(|act| (Logged::from(&*act), entry.time)));
        }
        Ok(Followed { organising, done })
    }

    /// Whether a log begins with the acts that the election's record has, and names none twice:
    /// none of them is missing, or another.
    fn check_log(&self, election: &CheckedElection, entries: &[LogEntry]) -> Result<(), CallError> {
        let mut log = Frontier::default();
        for entry in entries
            .iter()
            .take(usize::try_from(election.record.log.size()).unwrap_or(usize::MAX))
        {
            log.push(entry.transaction.as_bytes());
        }
        // An act can be done once.
        let different: BTreeSet<_> = entries.iter().map(|entry| entry.transaction).collect();
        if log == election.record.log && different.len() == entries.len() {
            Ok(())
        } else {
            Err(self.fault(format!(
                "its log of election {:.16} is not that of its record",
                election.record.id
            )))
        }
    }

    /// Whether acts of a log are on the ledger, and in this order: which of two comes last decides
    /// what holds.
    async fn check_acts<'a>(
        &self,
        election: &CheckedElection,
        entries: impl Iterator<Item = &'a LogEntry>,
    ) -> Result<(), CallError> {
        let (id, mut last) = (election.record.id, None);
        for entry in entries {
            let proven = self.proven(entry.transaction).await?;
            if !is_act(&election.record, entry, &proven) {
                return Err(self.fault(format!(
                    "its log of election {id:.16} has an act that its organiser has not done so"
                )));
            }
            let place = Some((proven.height, proven.index));
            if place <= last {
                return Err(self.fault(format!(
                    "its log of election {id:.16} is not in the order of the ledger"
                )));
            }
            last = place;
        }
        Ok(())
    }

    async fn log_entries(&self, id: ElectionId) -> Result<Vec<LogEntry>, CallError> {
        let mut answers = self.stream(Request::Log(id)).await?;
        let mut all: Vec<LogEntry> = Vec::new();
        while let Some(answer) = self.in_time(answers.next()).await? {
            let Answer::Log(some) = answer else {
                return Err(CallError::Unexpected);
            };
            all.extend(some);
        }
        Ok(all)
    }

    /// What was done to an election, in order, in the node's words.
    ///
    /// # Errors
    /// [`CallError`] if the node refuses or is gone.
    pub async fn log(&self, election: ElectionId) -> Result<Vec<LogEntry>, CallError> {
        self.log_entries(election).await
    }

    /// An act that waits for approvals in an election, as it was signed: of voters that it adds,
    /// too, whom [`CheckedElection::waiting`] has as numbers in the node's words.
    ///
    /// # Errors
    /// [`CallError::False`] if the node has no such act of that election, or has said of one that
    /// waits that it would do something else.
    pub async fn proposed(
        &self,
        election: &CheckedElection,
        proposal: TransactionId,
    ) -> Result<Act, CallError> {
        let proven = self.proven(proposal).await?;
        match &proven.transaction.content().payload {
            Payload::Organise(organise) if organise.election == election.record.id => {
                let mut all = election.waiting().iter();
                let waiting = all.find(|waiting| waiting.proposal.transaction == proposal);
                if waiting.is_some_and(|waiting| waiting.does != Logged::from(&organise.act)) {
                    return Err(self.fault(format!(
                        "of the act {proposal} it says that it would do something else than what was signed"
                    )));
                }
                Ok(organise.act.clone())
            }
            _ => Err(self.fault(format!(
                "it shows as an act of election {:.16} what is none",
                election.record.id
            ))),
        }
    }

    /// What was done to an election, in order. All acts are those of its organiser, on the ledger;
    /// but for how many voters were added to a draft's roll, which is the node's word. None is
    /// missing of those that the election's record has.
    ///
    /// # Errors
    /// [`CallError::False`] if an act is not on the ledger, or another.
    pub async fn checked_log(
        &self,
        election: &CheckedElection,
    ) -> Result<Vec<LogEntry>, CallError> {
        let entries = self.log_entries(election.record.id).await?;
        self.check_log(election, &entries)?;
        if let Some(committee) = &election.record.election.committee {
            let organising = Organising::new(committee.clone());
            self.follow(election, organising, &entries).await?;
            return Ok(entries);
        }
        // Each that adds voters is a transaction of up to 64 KiB, and a large roll takes hundreds
        // of them.
        let others = entries
            .iter()
            .filter(|entry| !matches!(entry.act, Logged::VotersAdded { .. }));
        self.check_acts(election, others).await?;
        Ok(entries)
    }
}

/// What has become of an election with several organisers.
struct Followed {
    organising: Organising,
    /// What was done, and when.
    done: Vec<(Logged, Timestamp)>,
}

/// An election that is followed.
pub struct Watching {
    client: Client,
    id: ElectionId,
    answers: Answers,
    last: Option<CheckedElection>,
}

impl Watching {
    /// The election after the next change, checked as by [`Client::election`]; none when it is
    /// over.
    ///
    /// # Errors
    /// [`CallError`] if the node is gone, or at fault.
    pub async fn next(&mut self) -> Result<Option<CheckedElection>, CallError> {
        match self.answers.next().await? {
            None => Ok(None),
            Some(Answer::Election(view)) => {
                let election = self
                    .client
                    .checked(self.id, view, self.last.as_ref())
                    .await?;
                self.last = Some(election.clone());
                Ok(Some(election))
            }
            Some(_) => Err(CallError::Unexpected),
        }
    }
}

impl ElectionQuery {
    /// Whether an election is one that the query is after.
    pub fn fits(&self, view: &ElectionView) -> bool {
        let id = view.record.id.to_string();
        let title = view.record.election.title.to_lowercase();
        (self.phases.is_empty() || self.phases.contains(&view.phase))
            && id.starts_with(&self.id.to_lowercase())
            && title.contains(&self.title.to_lowercase())
    }
}
