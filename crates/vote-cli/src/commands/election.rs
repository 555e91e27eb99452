//! `election`.

use std::path::{Path, PathBuf};

use serde::Serialize;
use vote_api::{CheckedElection, Client, ELECTIONS_PAGE_MAX, ElectionQuery, ElectionView};
use vote_chain::{
    Act, Base, ChainId, Contest, Election, ElectionId, ElectionPhase, Height, Majority, Organise,
    Payload, PublicKey, SecretKey, Timestamp, Voters,
};
use vote_views as views;

use super::{committee, organiser};
use crate::cli::{ActArgs, CreateArgs, ElectionCommand, ListArgs};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use crate::{credential, file, files, find, log, output, result, rules, submit, time};

pub(super) async fn run(context: &Context, command: ElectionCommand) -> Result<(), Failure> {
    match command {
        ElectionCommand::Create(args) => create(context, args).await,
        ElectionCommand::New { file } => new(file.as_deref()),
        ElectionCommand::List(args) => list(context, args).await,
        ElectionCommand::Show { election } => {
            let client = context.client().await?;
            let election = find::any_election(&client, election.as_deref()).await?;
            let chain = client.genesis().await?.chain();
            show(context, &election, chain);
            Ok(())
        }
        ElectionCommand::Open(args) => {
            let Some((view, height)) = act(context, args, |_| Ok(Act::Open)).await? else {
                return Ok(());
            };
            let (voters, root) = (view.record.roll.voters, view.record.roll.tree.root());
            let opened = views::Opened {
                opened: true,
                election: view.record.id.into(),
                height: height.get(),
                phase: view.phase.into(),
                voters,
                roll: root.into(),
            };
            let words = match view.phase {
                ElectionPhase::Open if view.record.election.has_roll() => {
                    format!(
                        "is open; its roll, with {voters} voters, is frozen under root {root:.16}"
                    )
                }
                ElectionPhase::Open => "is open".to_owned(),
                // Said again, the act is the one that was done before.
                later => format!("was opened, and is {later} now"),
            };
            done(context, &view, height, &opened, &words);
            Ok(())
        }
        ElectionCommand::Close(args) => {
            let Some((view, height)) = act(context, args, |_| Ok(Act::Close)).await? else {
                return Ok(());
            };
            let closed = views::Closed {
                closed: true,
                election: view.record.id.into(),
                height: height.get(),
                ballots: view.tally.turnout.ballots,
            };
            done(context, &view, height, &closed, "is closed");
            if !context.json {
                output::line(result::turnout(&view));
            }
            Ok(())
        }
        ElectionCommand::Cancel { act: args, reason } => {
            let Some((view, height)) = act(context, args, |_| Ok(Act::Cancel(reason))).await?
            else {
                return Ok(());
            };
            let cancelled = views::Cancelled {
                cancelled: true,
                election: view.record.id.into(),
                height: height.get(),
            };
            done(context, &view, height, &cancelled, "is cancelled");
            Ok(())
        }
        ElectionCommand::Times {
            act: args,
            opens,
            closes,
            reason,
        } => {
            if opens.is_none() && closes.is_none() {
                return Err(Failure::Usage(
                    "say when it opens or closes: --opens TIME, --closes TIME".into(),
                ));
            }
            let now = time::now();
            let change = |view: &ElectionView| {
                let opens_at = opens.map(|when| when.from(now)).or(view.record.opens_at);
                let closes_at = closes.map(|when| when.from(now)).or(view.record.closes_at);
                Ok(Act::ChangeTimes {
                    opens_at,
                    closes_at,
                    reason,
                })
            };
            let Some((view, height)) = act(context, args, change).await? else {
                return Ok(());
            };
            let (opens_at, closes_at) = (view.record.opens_at, view.record.closes_at);
            let changed = views::TimesChanged {
                times_changed: true,
                election: view.record.id.into(),
                height: height.get(),
                opens_at: opens_at.map(Timestamp::ms),
                closes_at: closes_at.map(Timestamp::ms),
            };
            let words = |time: Option<Timestamp>| {
                time.map_or_else(|| "by hand".to_owned(), |time| time.to_string())
            };
            let words = format!("opens {}, and closes {}", words(opens_at), words(closes_at));
            done(context, &view, height, &changed, &words);
            Ok(())
        }
        ElectionCommand::Approve(args) => committee::approve(context, args).await,
        ElectionCommand::Proposed { election, proposal } => {
            committee::proposed(context, &election, &proposal).await
        }
        ElectionCommand::Withdraw { proposal, act } => {
            committee::withdraw(context, act, &proposal).await
        }
        ElectionCommand::ReplaceOrganiser {
            act,
            old,
            new,
            reason,
        } => committee::replace(context, act, (old, new), reason).await,
        ElectionCommand::Log { election } => log(context, election.as_deref()).await,
    }
}

/// Has the organiser do something to an election, waits until it is final, and gives the election
/// as it is then. None if it waits for the approvals of other organisers, which is said.
pub(super) async fn act(
    context: &Context,
    args: ActArgs,
    act: impl FnOnce(&ElectionView) -> Result<Act, Failure>,
) -> Result<Option<(CheckedElection, Height)>, Failure> {
    let client = context.client().await?;
    let election = find::any_election(&client, args.election.as_deref()).await?;
    let key = organiser(context, args.credential)?;
    let organise = Organise {
        election: election.record.id,
        act: act(&election)?,
    };
    let has_reason = matches!(
        organise.act,
        Act::ChangeTimes { .. } | Act::ChangeRoll { .. }
    );
    let inclusion = submit::run(context, &client, &key, Payload::Organise(organise)).await?;
    let height = inclusion.block.0.height;
    // Word for word the same is one transaction, which is final already, whatever was done in
    // between.
    let was_before = height <= election.height;
    if has_reason && was_before && !committee::waits_for_others(&election) {
        return Err(Failure::Other(format!(
            "this was done before, with the same words, in block {height}, and is not done again: say another --reason"
        )));
    }
    let election = client.election(election.record.id).await?;
    if committee::said_to_wait(context, &election, inclusion.transaction, height) {
        return Ok(None);
    }
    if was_before && committee::waits_for_others(&election) {
        return Err(Failure::Other(format!(
            "this was proposed before, with the same words, in block {height}, and waits no more: it was done, withdrawn, or has lapsed \
             (vote-cli election log). It is not proposed again: say another --reason, or have another organiser propose it"
        )));
    }
    Ok(Some((election, height)))
}

/// The organiser's credential, which must be there.
pub(super) fn organiser(context: &Context, file: Option<PathBuf>) -> Result<SecretKey, Failure> {
    credential::load(&file.unwrap_or_else(|| context.organiser_file()))
}

pub(super) fn done(
    context: &Context,
    view: &ElectionView,
    height: Height,
    done: &impl Serialize,
    words: &str,
) {
    if context.json {
        output::json(done);
    } else {
        output::line(format_args!(
            "{} {words} (block {height}).",
            clean(&view.record.election.title)
        ));
    }
}

async fn log(context: &Context, election: Option<&str>) -> Result<(), Failure> {
    let client = context.client().await?;
    let view = find::any_election(&client, election).await?;
    let entries = client.checked_log(&view).await?;
    let record = &view.record;
    if context.json {
        output::json(&views::ElectionLog::of(&view, &entries));
        return Ok(());
    }
    output::line(format_args!(
        "{} ({}): what has been done to it",
        clean(&record.election.title),
        view.phase
    ));
    output::line(format_args!(
        "  {}  created by {:.16}",
        record.created_at, record.organiser
    ));
    log::lines(&view, &entries).iter().for_each(output::line);
    Ok(())
}

fn salt() -> Result<u64, Failure> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(Failure::other)?;
    Ok(u64::from_be_bytes(bytes))
}

/// The election that the arguments or their file describe; `own` is the key that creates it.
fn described(args: &CreateArgs, now: Timestamp, own: PublicKey) -> Result<Election, Failure> {
    if let Some(path) = &args.file {
        return file::read(path, now, salt()?, own);
    }
    let contest = if args.write_in {
        Contest {
            rule: args.rule,
            seats: args.seats,
            ..Contest::write_in()
        }
    } else {
        Contest::listed(args.choice.clone(), args.rule, args.seats)
    };
    let majority = args
        .majority
        .map(|share| Majority {
            share,
            base: Base::Votes,
        })
        .or(contest.majority);
    let choices_max = args.max.unwrap_or(contest.choices_max);
    let contest = Contest {
        choices_max,
        majority,
        abstention: args.abstain,
        ..contest
    };
    let voters = match (args.roll, args.weighted_roll) {
        (_, true) => Voters::WeightedRoll,
        (true, _) => Voters::Roll,
        _ => Voters::Anyone,
    };
    let election = Election {
        description: args.description.clone(),
        voters,
        opens_at: args.opens.map(|when| when.from(now)),
        closes_at: args.closes.map(|when| when.from(now)),
        quorum: args.quorum,
        revotes: args.revotes,
        names: args.names,
        committee: args
            .needed
            .map(|needed| file::committee(&args.organiser, own, needed)),
        ..Election::simple(
            args.title.clone().unwrap_or_default(),
            vec![contest],
            salt()?,
        )
    };
    let mut faults: Vec<_> = election.faults().iter().map(ToString::to_string).collect();
    faults.extend(args.organiser.iter().filter_map(file::key_fault));
    if election.closes_at.is_some_and(|closes| closes <= now) {
        faults.push("--closes is in the past".to_owned());
    }
    if faults.is_empty() {
        Ok(election)
    } else {
        Err(Failure::Usage(faults.join("\n")))
    }
}

/// Stands for the key that is still to be made.
const NOT_MADE: PublicKey = PublicKey::from_bytes([0; 32]);

/// Where all organisers must sign, one key that is lost stops them all.
fn warn_of_lost_keys(election: &Election) {
    if let Some(committee) = election
        .committee
        .as_ref()
        .filter(|committee| !committee.can_replace())
    {
        output::aside(format_args!(
            "WARNING: all {} organisers must sign each act. If one of them loses the key, nobody can open, close or cancel this election any              more, or change its times or its roll, and no key can be replaced. With --needed {} the others could go on.",
            committee.needed,
            committee.needed - 1
        ));
    }
}

async fn create(context: &Context, args: CreateArgs) -> Result<(), Failure> {
    let file = args
        .credential
        .clone()
        .unwrap_or_else(|| context.organiser_file());
    // One that there is not is made for an election without faults alone.
    let known = file.exists().then(|| credential::load(&file)).transpose()?;
    let own = known.as_ref().map_or(NOT_MADE, SecretKey::public);
    let mut election = described(&args, time::now(), own)?;
    if args.check {
        warn_of_lost_keys(&election);
        if context.json {
            output::json(&views::Described {
                valid: true,
                title: election.title,
            });
        } else {
            output::line(format_args!(
                "{}: nothing is wrong with it. The rules of this vote:",
                clean(&election.title)
            ));
            output::described(&rules::lines(&election, None));
        }
        return Ok(());
    }
    let client = context.client().await?;
    let key = match known {
        Some(key) => key,
        None => credential::load_or_make(&file)?,
    };
    if let Some(committee) = &mut election.committee {
        let others = committee.organisers.iter().filter(|one| **one != own);
        *committee = file::committee(others, key.public(), committee.needed);
    }
    warn_of_lost_keys(&election);
    organiser::check(&client, &key.public()).await?;
    let has_roll = election.has_roll();
    let inclusion = submit::run(context, &client, &key, Payload::CreateElection(election)).await?;
    let id = ElectionId::new(*inclusion.transaction.hash());
    let height = inclusion.block.0.height;
    if context.json {
        output::json(&views::Created {
            election: id.into(),
            height: height.get(),
            organiser: key.public().into(),
        });
    } else {
        output::line(format_args!(
            "The election is on the ledger, in block {height}.\n  id  {id}"
        ));
        if has_roll {
            output::line(format_args!(
                "Now its roll: vote-cli roll import FILE {id:.8}, and when it is complete: vote-cli election open {id:.8}"
            ));
        }
    }
    Ok(())
}

/// Writes the example of an election file.
fn new(path: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = path else {
        output::line(file::EXAMPLE.trim_end());
        return Ok(());
    };
    let shown = path.display();
    files::write_new(path, file::EXAMPLE.as_bytes(), files::PUBLIC)?;
    output::line(format_args!(
        "{shown} is written. Fill it in, then: vote-cli election create {shown} --check"
    ));
    Ok(())
}

/// A write-in election that is open at once.
pub(crate) async fn create_write_in(
    context: &Context,
    client: &Client,
    title: &str,
) -> Result<(), Failure> {
    let key = credential::load_or_make(&context.organiser_file())?;
    organiser::check(client, &key.public()).await?;
    let election = Election::simple(title.to_owned(), vec![Contest::write_in()], salt()?);
    submit::run(context, client, &key, Payload::CreateElection(election))
        .await
        .map(drop)
}

async fn list(context: &Context, args: ListArgs) -> Result<(), Failure> {
    let client = context.client().await?;
    let after = args
        .after
        .as_deref()
        .map(str::parse::<ElectionId>)
        .transpose();
    let after = after.map_err(|error| Failure::Usage(format!("--after: {error}")))?;
    let query = ElectionQuery {
        title: args.title,
        phases: args.phase,
        after,
        ..ElectionQuery::default()
    };
    let (elections, more) = match args.limit {
        None => (client.elections_all(query).await?, false),
        Some(limit) => at_most(&client, query, limit).await?,
    };
    if context.json {
        output::json(&views::Elections::of(&elections, more));
        return Ok(());
    }
    let mut rows = vec![
        ["ID", "PHASE", "BALLOTS", "TITLE"]
            .map(String::from)
            .to_vec(),
    ];
    for view in &elections {
        let id = format!("{:.16}", view.record.id);
        rows.push(vec![
            id,
            view.phase.to_string(),
            view.tally.turnout.ballots.to_string(),
            clean(&view.record.election.title),
        ]);
    }
    output::table(&rows);
    if let Some(last) = elections.last().filter(|_| more) {
        output::line(format_args!("There are more: --after {}", last.record.id));
    }
    Ok(())
}

/// So many of the elections that a query fits, and whether there are more.
async fn at_most(
    client: &Client,
    mut query: ElectionQuery,
    limit: u32,
) -> Result<(Vec<ElectionView>, bool), Failure> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut all = Vec::new();
    loop {
        let left = limit - all.len();
        query.limit = u16::try_from(left)
            .unwrap_or(u16::MAX)
            .min(ELECTIONS_PAGE_MAX);
        let (some, more) = client.elections_page(query.clone()).await?;
        all.extend(some);
        query.after = all.last().map(|view| view.record.id);
        if !more || all.len() >= limit {
            return Ok((all, more));
        }
    }
}

fn show(context: &Context, view: &CheckedElection, chain: ChainId) {
    let (record, election) = (&view.record, &view.record.election);
    if context.json {
        return output::json(&views::Election::of(view, chain));
    }
    output::line(clean(&election.title));
    if !election.description.is_empty() {
        election
            .description
            .lines()
            .for_each(|line| output::line(format_args!("  {}", clean(line))));
    }
    output::line(format_args!("  id         {}", record.id));
    output::line(format_args!("  phase      {}", view.phase));
    output::described(&rules::lines(election, Some(record)));
    output::line(format_args!("  organiser  {}", record.organiser));
    committee::lines(view).iter().for_each(output::line);
    if election.has_roll() {
        let roll = &record.roll;
        let frozen = log::roll_state(view);
        output::line(format_args!(
            "  roll       {} voters with {} votes; {} {frozen}, root {}",
            roll.voters,
            roll.weight,
            roll.tree.size(),
            roll.tree.root()
        ));
    }
    output::line(format_args!(
        "  board      {} ballots, root {}",
        record.board.size(),
        record.board.root()
    ));
    output::line(
        "Words, rules, times and organiser are those that were signed. Phase, roll and board are the node's word.",
    );
}
