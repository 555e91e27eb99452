//! JSON views of what a node says: the answers of the page's API, and what `vote-cli --json` prints. docs/schemas describes the main ones.

use serde_json::{Map, Value, json};
use vote_api::{AttackReport, ElectionView, EvidenceView, Member, Signing, Status, Trace, Verdict};
use vote_chain::{
    Action, Base, Block, Change, Check, Choices, CommitCertificate, Contest, ContestTally, ElectionRecord, LogEntry,
    Logged, OrganiserChange, Organisers, Outcome, Payload, PublicKey, Receipt, Results, Round, Share, Stake, Statement,
    Tally, TieBreak, Timestamp, Transaction, TransactionId, ValidatorChange, ValidatorSet, Voter, Voters, Votes,
    faults_tolerated,
};

use crate::code::Tracker;

/// A height that is open so long without a decision, in milliseconds, is in trouble: rounds are longer one after another, and the first
/// ones take seconds.
const DECIDING_MS_MAX: u64 = 10_000;

/// How a node is doing.
pub fn status(status: &Status) -> Value {
    let (connected, total) = status.power_connected;
    let (signing, why) = match &status.signing {
        Signing::Follower => ("follower", None),
        Signing::Signs => ("signs", None),
        Signing::Waits(why) => ("waits", Some(why)),
    };
    json!({
        "node": status.node, "version": status.version, "peer": status.peer, "key": status.key,
        "chain": status.genesis.chain(), "chain_name": status.genesis.name, "height": status.height, "hash": status.hash,
        "time": status.time, "state_root": status.state_root, "validator": status.validator, "validators": status.validators,
        "peers": status.peers, "power_connected": connected, "power_total": total, "quorum": has_quorum(status), "stalled": is_stalled(status),
        "signing": signing, "signing_waits_for": why, "unreachable": status.unreachable, "deciding_ms": status.deciding_ms,
        "clock_ahead_ms": status.clock_ahead_ms, "evidence": status.evidence,
        "tracker": status.tracker, "tracker_problem": status.tracker_problem, "round": status.round, "pending": status.pending, "listen": status.listen,
        "allow_attacks": status.allow_attacks,
    })
}

/// How a node is doing, but not where it and its trackers listen: for a page that is open to all.
pub fn public_status(of: &Status) -> Value {
    let mut value = status(of);
    value["listen"] = json!([]);
    value["tracker_problem"] = Value::Null;
    value
}

/// Whether a block should have been decided long ago: whatever is connected, it is not enough.
pub fn is_stalled(status: &Status) -> bool {
    status.deciding_ms.is_some_and(|ms| ms > DECIDING_MS_MAX)
}

/// Whether enough of the power is connected to decide blocks.
pub fn has_quorum(status: &Status) -> bool {
    let (connected, total) = status.power_connected;
    u128::from(connected) * 3 > u128::from(total) * 2
}

/// The node and its peers.
pub fn members(members: &[Member]) -> Value {
    let one = |m: &Member| json!({ "name": m.name, "peer": m.peer, "key": m.key, "power": m.power, "height": m.height, "addresses": m.addresses, "this": m.this });
    json!({ "members": members.iter().map(one).collect::<Vec<_>>() })
}

/// The node and its peers, but not where they are reached: for a page that is open to all.
pub fn public_members(of: &[Member]) -> Value {
    let hidden: Vec<_> = of.iter().map(|member| Member { addresses: Vec::new(), ..member.clone() }).collect();
    members(&hidden)
}

/// A change of the validators, in words.
pub fn change(change: &ValidatorChange) -> String {
    match change {
        ValidatorChange::Admit(validator) => {
            format!("admit {} ({:.16}, power {})", validator.name, validator.key, validator.power)
        }
        ValidatorChange::Remove(key) => format!("remove {key:.16}"),
    }
}

/// A change of the organisers, in words.
pub fn organiser_change(change: &OrganiserChange) -> String {
    match change {
        OrganiserChange::Admit(key) => format!("admit {key}"),
        OrganiserChange::Remove(key) => format!("remove {key}"),
    }
}

/// Who may create elections: null if anyone may.
pub fn organisers(organisers: &Organisers) -> Value {
    match organisers {
        Organisers::Anyone => Value::Null,
        Organisers::Keys(keys) => json!(keys),
    }
}

/// Who decides blocks, and what waits for approvals.
pub fn validators(
    set: &ValidatorSet,
    after: Option<&ValidatorSet>,
    pending: &[(ValidatorChange, Vec<PublicKey>)],
) -> Value {
    let waiting = pending.iter().map(|(waits, keys)| json!({ "change": change(waits), "approved_by": keys }));
    json!({
        "validators": set.iter().collect::<Vec<_>>(), "after": after.map(|set| set.iter().collect::<Vec<_>>()),
        "pending": waiting.collect::<Vec<_>>(), "faults_tolerated": faults_tolerated(set.count()),
    })
}

/// Validators that signed two different things.
pub fn evidence(rows: &[EvidenceView]) -> Value {
    let one = |row: &EvidenceView| json!({ "height": row.height, "validator": row.validator, "what": row.what });
    json!({ "evidence": rows.iter().map(one).collect::<Vec<_>>() })
}

/// What a transaction does: its kind, and in a few words.
pub fn describe(transaction: &Transaction) -> (&'static str, String) {
    match &transaction.content.payload {
        Payload::CreateElection(election) => ("create election", election.title.clone()),
        Payload::CastBallot(ballot) => {
            let name = if ballot.name.is_empty() { "(no name)" } else { &ballot.name };
            ("ballot", format!("in {:.16} by {name}", ballot.election))
        }
        Payload::Organise(organise) => {
            let done = Logged::from(&organise.act);
            (act_name(&done), format!("in {:.16}: {}", organise.election, act(&done)))
        }
        Payload::ApproveChange { change, .. } => (
            "approve",
            match change {
                Change::Validators(ValidatorChange::Admit(validator)) => format!("admit {}", validator.name),
                Change::Validators(ValidatorChange::Remove(key)) => format!("remove {key:.16}"),
                Change::Organisers(change) => format!("organiser: {}", organiser_change(change)),
            },
        ),
    }
}

/// A block, with what its transactions do.
pub fn block(block: &Block, certificate: &CommitCertificate, transactions: &[Transaction]) -> Value {
    let one = |(id, transaction): (TransactionId, &Transaction)| {
        let (kind, what) = describe(transaction);
        let election = match transaction.content.payload {
            Payload::CreateElection(_) => Some(*id.hash()),
            ref payload => payload.election().map(|election| *election.hash()),
        };
        json!({ "id": id, "kind": kind, "what": what, "signer": transaction.content.signer, "election": election })
    };
    json!({
        "hash": block.header.hash(), "header": block.header, "round": certificate.round,
        "signed_by": certificate.signatures.iter().map(|signature| signature.validator).collect::<Vec<_>>(),
        "transactions": block.ids().into_iter().zip(transactions).map(one).collect::<Vec<_>>(),
    })
}

fn number(votes: Votes) -> Value {
    match votes.to_string().parse::<u64>() {
        Ok(whole) => whole.into(),
        Err(_) => votes.to_string().into(),
    }
}

/// What was done in a round, in words.
pub fn action(action: &Action, names: &[String]) -> String {
    match action {
        Action::Elect(places) => {
            let elected: Vec<_> = places.iter().map(|place| names[*place].as_str()).collect();
            format!("elected: {}", elected.join(", "))
        }
        Action::Transfer(place) => format!("the surplus of {} is transferred", names[*place]),
        Action::Exclude(place) => format!("{} is excluded", names[*place]),
    }
}

fn round(round: &Round, names: &[String]) -> Value {
    let votes: Map<_, _> = names.iter().cloned().zip(round.votes.iter().map(|votes| number(*votes))).collect();
    let actions: Vec<_> = round.actions.iter().map(|done| action(done, names)).collect();
    json!({ "votes": votes, "exhausted": number(round.exhausted), "actions": actions })
}

/// How an outcome came about, by name, added to an object.
pub fn add_outcome(value: &mut Value, outcome: &Outcome, names: &[String]) {
    let Outcome { rounds, quota, pairwise, ties, .. } = outcome;
    value["rounds"] = rounds.iter().map(|done| round(done, names)).collect();
    value["quota"] = quota.map(number).into();
    value["pairwise"] = pairwise.clone().into();
    value["ties"] = ties.iter().map(|tie| tie_view(tie, names)).collect();
}

/// A tie. Rounds are numbered from 1, and there are none where the rule counts in one.
fn tie_view(tie: &TieBreak, names: &[String]) -> Value {
    let named = |places: &[usize]| places.iter().map(|place| names[*place].as_str()).collect::<Vec<_>>();
    let (stake, seats_left) = match tie.stake {
        Stake::Seats(left) => ("seats", Some(left)),
        Stake::Surplus => ("surplus", None),
        Stake::Exclusion => ("exclusion", None),
    };
    json!({
        "round": seats_left.is_none().then_some(tie.round + 1), "for": stake, "seats_left": seats_left, "tied": named(&tie.candidates),
        "earlier_round": tie.earlier.map(|round| round + 1), "drawn_among": named(&tie.drawn), "picked": names[tie.picked],
        "says": self::tie(tie, names),
    })
}

/// A tie in words: who was tied for what, how it was broken, and who is out or in.
pub fn tie(tie: &TieBreak, names: &[String]) -> String {
    let round = tie.round + 1;
    let picked = &names[tie.picked];
    let others: Vec<usize> = tie.candidates.iter().copied().filter(|place| *place != tie.picked).collect();
    let (tied, others_are) = (listed(&tie.candidates, names), listed(&others, names));
    let (is, stays) = if others.len() == 1 { ("is", "stays") } else { ("are", "stay") };
    let broken = |most: &str| match (tie.earlier, tie.drawn.as_slice()) {
        (Some(earlier), []) => format!("In round {} {picked} had the {most} votes of them.", earlier + 1),
        (Some(earlier), drawn) => {
            format!("Round {} leaves {} tied; a lot draws {picked}.", earlier + 1, listed(drawn, names))
        }
        (None, _) if tie.round == 0 => format!("A lot draws {picked}."),
        (None, _) => format!("No earlier round tells them apart; a lot draws {picked}."),
    };
    match tie.stake {
        Stake::Seats(1) => {
            format!(
                "{tied} are tied for the last seat. A lot draws {picked}. {picked} is elected; {others_are} {is} not."
            )
        }
        Stake::Seats(left) => format!(
            "{tied} are tied for the last {left} seats. A lot draws {picked} for one of them. {picked} is elected; {others_are} {stays} tied."
        ),
        Stake::Surplus => format!(
            "Round {round}: the surpluses of {tied} are tied. {} The surplus of {picked} is transferred first.",
            broken("most")
        ),
        Stake::Exclusion => format!(
            "Round {round}: {tied} are tied to be excluded. {} {picked} is excluded; {others_are} {stays} in.",
            broken("fewest")
        ),
    }
}

/// `A`; `A and B`; `A, B and C`.
fn listed(places: &[usize], names: &[String]) -> String {
    let named: Vec<_> = places.iter().map(|place| names[*place].as_str()).collect();
    match named.split_last() {
        None => String::new(),
        Some((only, [])) => (*only).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

fn check(check: &Check) -> Value {
    json!({ "share": check.share.to_string(), "votes": check.votes, "of": check.of, "reached": check.reached })
}

/// A result with all of its contests.
pub fn result(view: &ElectionView) -> Value {
    let (record, tally) = (&view.record, &view.tally);
    let contests = record.election.contests.iter().zip(&tally.contests);
    json!({
        "election": record.id,
        "title": record.election.title,
        "phase": view.phase.to_string(),
        "height": view.height,
        "voters": record.election.has_roll().then_some(record.roll.voters),
        "votes_of_roll": record.election.has_roll().then_some(record.roll.weight),
        "ballots": tally.turnout.ballots,
        "votes": tally.turnout.weight,
        "quorum": tally.quorum.as_ref().map(check),
        "withheld": tally.contests.is_empty(),
        "contests": contests.map(|(contest, counted)| counted_contest(tally, contest, counted)).collect::<Vec<_>>(),
    })
}

fn counted_contest(tally: &Tally, contest: &Contest, counted: &ContestTally) -> Value {
    let counts = counted.lines.iter().map(|line| json!({ "choice": line.choice, "votes": line.votes }));
    let mut value = json!({
        "title": contest.title,
        "rule": contest.rule.name(),
        "seats": contest.seats,
        "votes": counted.votes,
        "abstentions": counted.abstentions,
        "blank": counted.blank,
        "counts": counts.collect::<Vec<_>>(),
        "other_choices": counted.other_choices,
        "other_votes": counted.other_votes,
        "leaders": counted.leaders,
        "majority": counted.majority.as_ref().map(check),
        "decided": tally.is_decided(counted),
        "complete": counted.complete,
        "outcome_cut": counted.outcome_cut,
        "tie": counted.leaders.len() > usize::from(contest.seats),
    });
    if let (Some(outcome), Choices::Listed(names)) = (&counted.outcome, &contest.choices) {
        add_outcome(&mut value, outcome, names);
    }
    value
}

/// An election in a list.
pub fn summary(view: &ElectionView) -> Value {
    let record = &view.record;
    json!({
        "election": record.id, "title": record.election.title, "phase": view.phase.to_string(), "created_at": record.created_at,
        "opens_at": record.opens_at, "closes_at": record.closes_at, "cancelled_at": record.cancelled_at,
        "ballots": view.tally.turnout.ballots, "voters": record.election.has_roll().then_some(record.roll.voters),
        "contests": record.election.contests.len(),
    })
}

fn share(share: Share) -> Value {
    json!({ "numerator": share.numerator, "denominator": share.denominator, "more": share.more })
}

fn contest(contest: &Contest) -> Value {
    let choices = match &contest.choices {
        Choices::Listed(choices) => Some(choices),
        Choices::WriteIn => None,
    };
    let majority = contest.majority.map(|majority| {
        let mut value = share(majority.share);
        value["base"] = if majority.base == Base::Roll { "roll" } else { "votes" }.into();
        value
    });
    json!({
        "title": contest.title, "choices": choices, "rule": contest.rule.name(), "seats": contest.seats, "min": contest.choices_min,
        "max": contest.choices_max, "abstention": contest.abstention, "majority": majority, "shuffle": contest.shuffle,
        "overvotes": contest.overvotes.name(),
    })
}

/// A roll in numbers.
pub fn roll(record: &ElectionRecord) -> Value {
    let roll = &record.roll;
    json!({ "voters": roll.voters, "votes": roll.weight, "size": roll.tree.size(), "root": roll.tree.root() })
}

/// All of an election: its rules, its times, its roll, and its result.
pub fn election(view: &ElectionView, chain: vote_chain::ChainId) -> Value {
    let (record, election) = (&view.record, &view.record.election);
    let voters = match election.voters {
        Voters::Anyone => "anyone",
        Voters::Roll => "roll",
        Voters::WeightedRoll => "weighted roll",
    };
    json!({
        "election": record.id, "title": election.title, "description": election.description, "organiser": record.organiser,
        "phase": view.phase.to_string(), "created_at": record.created_at, "opens_at": record.opens_at, "closes_at": record.closes_at,
        "cancelled_at": record.cancelled_at, "voters": voters, "revotes": election.revotes,
        "results": if election.results == Results::Live { "live" } else { "at closing" }, "tie_break": election.tie_break,
        "quorum": election.quorum.map(share), "contests": election.contests.iter().map(contest).collect::<Vec<_>>(),
        "roll": roll(record), "board": { "size": record.board.size(), "root": record.board.root() },
        "log": { "size": record.log.size(), "root": record.log.root() }, "result": result(view),
        "chain": chain,
    })
}

/// A short name of an act.
pub const fn act_name(act: &Logged) -> &'static str {
    match act {
        Logged::Opened => "open",
        Logged::Closed => "close",
        Logged::VotersAdded { .. } => "add-voters",
        Logged::RollChanged { .. } => "change-roll",
        Logged::TimesChanged { .. } => "change-times",
        Logged::Cancelled(_) => "cancel",
    }
}

/// What an act did, in a sentence.
pub fn act(act: &Logged) -> String {
    let time = |time: Option<Timestamp>| time.map_or_else(|| "by hand".to_owned(), |time| time.to_string());
    match act {
        Logged::Opened => "opened".to_owned(),
        Logged::Closed => "closed".to_owned(),
        Logged::VotersAdded { voters, weight } => format!("{voters} voters with {weight} votes added to the roll"),
        Logged::RollChanged { removed, added, reason } => {
            let removed: Vec<_> = removed.iter().map(|key| format!("-{key:.16}")).collect();
            let added: Vec<_> = added.iter().map(|Voter(key, votes)| format!("+{key:.16} ({votes})")).collect();
            format!("roll changed: {}: {reason}", [removed, added].concat().join(" "))
        }
        Logged::TimesChanged { opens_at, closes_at, reason } => {
            format!("opens {}, closes {}: {reason}", time(*opens_at), time(*closes_at))
        }
        Logged::Cancelled(reason) => format!("cancelled: {reason}"),
    }
}

/// What an organiser has done to an election.
pub fn log(view: &ElectionView, entries: &[LogEntry]) -> Value {
    let record = &view.record;
    let one = |entry: &LogEntry| {
        json!({ "height": entry.height, "time": entry.time, "transaction": entry.transaction, "act": act_name(&entry.act),
                "what": act(&entry.act) })
    };
    json!({
        "election": record.id, "created_at": record.created_at, "organiser": record.organiser, "phase": view.phase.to_string(),
        "log": entries.iter().map(one).collect::<Vec<_>>(), "root": record.log.root(),
    })
}

/// What has become of a ballot.
pub fn trace(trace: &Trace) -> Value {
    json!({
        "ballot": trace.transaction, "height": trace.height, "election": trace.election, "phase": trace.phase.to_string(),
        "counter": trace.counter, "counts": trace.counts == trace.transaction,
        "superseded_by": (trace.counts != trace.transaction).then_some(trace.counts),
    })
}

/// A receipt that holds. What the ballot says, if the file holds it, is for the caller to add, as [`statement`] has it.
pub fn receipt(receipt: &Receipt, pinned: bool, node: Option<&Trace>) -> Value {
    let tracker = Tracker::of(&receipt.transaction);
    json!({
        "valid": true, "ballot": receipt.transaction, "chain": receipt.genesis.chain(), "chain_name": receipt.genesis.name,
        "chain_pinned": pinned, "height": receipt.header.height, "time": receipt.header.time, "block": receipt.header.hash(),
        "place": receipt.proof.index, "signatures": receipt.certificate.signatures.len(), "set_changes": receipt.set_changes.len(),
        "tracker": tracker.to_string(), "words": tracker.words(), "node": node.map(trace), "says": null,
    })
}

/// What a ballot says, from signed bytes.
pub fn statement(says: &Statement) -> Value {
    let contests: Vec<_> = says.words().map(|(title, words)| json!({ "title": title, "says": words })).collect();
    json!({
        "election": says.ballot.election, "title": says.election.title, "organiser": says.organiser,
        "credential": says.credential, "name": says.ballot.name, "counter": says.ballot.counter, "contests": contests,
    })
}

/// A verdict in a word.
pub const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted => "ACCEPTED",
        Verdict::Refused => "refused",
        Verdict::Silent => "no answer",
    }
}

/// What came of a staged attack.
pub fn attack(report: &AttackReport) -> Value {
    let rows = report.verdicts.iter().map(
        |row| json!({ "name": row.name, "peer": row.peer, "verdict": verdict(row.verdict), "reason": row.reason }),
    );
    json!({ "attack": report.attack.name(), "height": report.height, "verdicts": rows.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page has the same file, and must say the same.
    #[test]
    fn ties_are_said_in_the_words_of_the_vectors() {
        let vectors: Vec<Value> = serde_json::from_str(include_str!("../../../testdata/ties.json")).unwrap();
        let names = ["Ada", "Bo", "Cy"].map(String::from);
        let place = |name: &Value| names.iter().position(|one| *one == *name).unwrap();
        let number = |value: &Value| value.as_u64().map(|number| usize::try_from(number).unwrap());
        for vector in &vectors {
            let places = |list: &Value| list.as_array().unwrap().iter().map(place).collect();
            let stake = match (vector["for"].as_str().unwrap(), number(&vector["seats_left"])) {
                ("seats", Some(left)) => Stake::Seats(left),
                ("surplus", None) => Stake::Surplus,
                ("exclusion", None) => Stake::Exclusion,
                other => panic!("{other:?}"),
            };
            let tie = TieBreak {
                round: number(&vector["round"]).map_or(0, |round| round - 1),
                stake,
                candidates: places(&vector["tied"]),
                earlier: number(&vector["earlier_round"]).map(|round| round - 1),
                drawn: places(&vector["drawn_among"]),
                picked: place(&vector["picked"]),
            };
            assert_eq!(tie_view(&tie, &names), *vector);
        }
        assert!(vectors.len() > 7);
    }
}
