//! `roll`: who may vote.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use vote_api::{CheckedElection, Client, ElectionView, VoterView};
use vote_chain::{
    Act, CastRecord, ElectionPhase, Height, Organise, Payload, PublicKey, SecretKey, Voter, Voters,
    WEIGHT_MAX, roll_changes, voter_parts,
};
use vote_views as views;
use vote_web::code::VoterCode;
use zeroize::Zeroizing;

use super::election::{act, organiser};
use crate::cards::{self, Written};
use crate::cli::{ActArgs, ImportArgs, IssueArgs, RollCommand};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use crate::register::{self, Entry, Known, People};
use crate::roll_file::{self, Note, Person, Report, VoterList, VoterRow, Wanted};
use crate::spreadsheet::Spreadsheet;
use crate::{ask, code, files, find, log, output, submit, time};

/// Acts in one call: as many as fit a frame.
const ACTS_AT_ONCE: usize = 16;
/// Milliseconds that a call takes at most where the network is well: an election must not open
/// between two of them.
const CALL_MS: u64 = 10_000;
/// Voters that are shown before they are put on the roll.
const SHOWN: usize = 5;
/// Faults that an error for programs has.
const FAULTS_SHOWN: usize = 1000;

pub(super) async fn run(context: &Context, command: RollCommand) -> Result<(), Failure> {
    match command {
        RollCommand::Import(args) => import(context, args).await,
        RollCommand::Issue(args) => issue(context, &args),
        RollCommand::Show { election } => {
            let election =
                find::any_election(&context.client().await?, election.as_deref()).await?;
            show(context, &election)
        }
        RollCommand::Check { who, election } => check(context, &who, election.as_deref()).await,
        RollCommand::Change {
            act: args,
            add,
            remove,
            reason,
        } => {
            let mut add = add
                .iter()
                .map(|text| voter(text))
                .collect::<Result<Vec<_>, _>>()?;
            let mut remove = remove
                .iter()
                .map(|text| key(text))
                .collect::<Result<Vec<_>, _>>()?;
            add.sort_unstable();
            remove.sort_unstable();
            let (added, removed) = (add.len(), remove.len());
            let acts = roll_changes(&remove, &add, &reason);
            let Some((view, height)) = change(context, args, acts).await? else {
                return Ok(());
            };
            let roll = &view.record.roll;
            if context.json {
                output::json(&views::RollChanged {
                    election: view.record.id.into(),
                    added,
                    removed,
                    height: height.get(),
                    voters: roll.voters,
                    votes: roll.weight,
                });
            } else {
                output::line(format_args!(
                    "{}: {added} put on the roll, {removed} taken off (block {height}); it stands in `vote-cli election log`.",
                    clean(&view.record.election.title)
                ));
                output::line(format_args!(
                    "The roll has {} voters with {} votes now.",
                    roll.voters, roll.weight
                ));
            }
            Ok(())
        }
    }
}

/// Does one act after another, of which there is at least one; gives the election and the block
/// after the last. None if they wait for approvals.
async fn change(
    context: &Context,
    args: ActArgs,
    acts: Vec<Act>,
) -> Result<Option<(CheckedElection, Height)>, Failure> {
    let of = acts.len();
    let mut done = None;
    for (at, one) in acts.into_iter().enumerate() {
        done = act(context, args.clone(), |_| Ok(one)).await.map_err(|failure| match at {
            0 => failure,
            n => failure.and(&format!(
                ".\n{n} of {of} acts of this change are done: `vote-cli election log` shows the keys, which are to be left out now"
            )),
        })?;
    }
    Ok(done)
}

fn key(text: &str) -> Result<PublicKey, Failure> {
    // What is no key is not repeated: it may be a voter code, or a secret key.
    let key = text
        .parse::<PublicKey>()
        .map_err(|error| Failure::Usage(format!("this is no key: {error}")))?;
    key.check()
        .map_err(|error| Failure::Usage(format!("this is no key: {error}")))?;
    Ok(key)
}

/// `KEY`, or `KEY=WEIGHT`.
fn voter(text: &str) -> Result<Voter, Failure> {
    let Some((text, weight)) = text.split_once('=') else {
        return Ok(Voter(key(text)?, 1));
    };
    let weight = weight
        .parse()
        .ok()
        .filter(|weight| (1..=WEIGHT_MAX).contains(weight));
    let wrong = || {
        Failure::Usage(format!(
            "the weight of {text} must be a whole number from 1 to {WEIGHT_MAX}"
        ))
    };
    Ok(Voter(key(text)?, weight.ok_or_else(wrong)?))
}

/// Reads a list of voters: a text, or a sheet of a spreadsheet.
fn read(path: &Path, sheet: Option<&str>, wanted: Wanted) -> Result<VoterList, Failure> {
    let shown = path.display();
    let not_there = |error| Failure::NotFound(format!("cannot read {shown}: {error}"));
    let bytes = files::read(path, roll_file::FILE_BYTES_MAX as u64).map_err(not_there)?;
    let max = roll_file::FILE_BYTES_MAX;
    let bytes = bytes
        .ok_or_else(|| Failure::Usage(format!("{shown} has more than {max} bytes; split it")))?;
    let fault = |fault| Failure::Usage(format!("{shown}: {fault}"));
    if !bytes.starts_with(b"PK") {
        if sheet.is_some() {
            return Err(Failure::Usage(
                "--sheet: only .xlsx files have sheets".into(),
            ));
        }
        return roll_file::read(&bytes, wanted).map_err(fault);
    }
    drop(bytes);
    let unreadable = |reason: String| Failure::Usage(format!("{shown} cannot be read: {reason}"));
    let mut spreadsheet = Spreadsheet::open(path, sheet).map_err(unreadable)?;
    let hidden = spreadsheet.hidden_rows;
    let mut rows = spreadsheet.rows().map_err(unreadable)?;
    let mut list = roll_file::read_sheet(&mut rows, hidden, wanted).map_err(fault)?;
    let columns = rows.hidden_columns();
    if !columns.is_empty() {
        list.report.notes.insert(0, Note::HiddenColumns { columns });
    }
    Ok(list)
}

/// Says all that is wrong with a file; an error unless bad rows are left out on purpose. To
/// programs all of it is said in the error, and notes with the result.
fn report(context: &Context, path: &Path, report: &Report, leave_out: bool) -> Result<(), Failure> {
    let shown = path.display();
    if context.json {
        let faults: String = report
            .faults
            .iter()
            .take(FAULTS_SHOWN)
            .map(|fault| format!("\n{fault}"))
            .collect();
        let count = report.faults.len();
        let refused = || {
            Failure::Usage(format!(
                "{shown}: {count} faults in {} rows; nothing is done:{faults}",
                report.rows
            ))
        };
        return if count == 0 || leave_out {
            Ok(())
        } else {
            Err(refused())
        };
    }
    report
        .notes
        .iter()
        .for_each(|note| output::aside(format_args!("{shown}: {note}")));
    if report.faults.is_empty() {
        return Ok(());
    }
    report
        .faults
        .iter()
        .for_each(|fault| output::aside(format_args!("{shown}: {fault}")));
    let count = report.faults.len();
    if leave_out {
        output::aside(format_args!(
            "{shown}: {count} faults; their rows are left out, as you said"
        ));
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{shown}: {count} faults in {} rows; nothing is done. Mend them, or leave these rows out with --leave-out-faulty",
        report.rows
    )))
}

fn notes(report: &Report) -> Vec<String> {
    report.notes.iter().map(ToString::to_string).collect()
}

async fn import(context: &Context, args: ImportArgs) -> Result<(), Failure> {
    let ImportArgs {
        file,
        act,
        sheet,
        leave_out_faulty,
        preview,
        yes,
    } = args;
    let client = context.client().await?;
    let view = find::any_election(&client, act.election.as_deref()).await?;
    check_draft(&view)?;
    let wanted = Wanted {
        weights: view.record.election.voters == Voters::WeightedRoll,
        keys: true,
    };
    let mut read = read(&file, sheet.as_deref(), wanted)?;
    read.check_keys();
    report(context, &file, &read.report, leave_out_faulty)?;
    let on_roll = on_roll(&client, &view).await?;
    let same = check_weights(&file, &read, &on_roll, leave_out_faulty)?;
    let is_new = |row: &&VoterRow| row.key.is_some_and(|key| !on_roll.contains_key(&key));
    let new: Vec<_> = read.rows.iter().filter(is_new).collect();
    let register = register_of(&file, &read);
    let own = register
        .as_deref()
        .and_then(|path| told(register::read(path)));
    let people: HashMap<_, _> = own
        .iter()
        .flat_map(register::entries)
        .map(|entry| (entry.key, entry.person))
        .collect();
    let new: Vec<_> = new
        .into_iter()
        .map(|row| (row, person_of(row, &read, &people)))
        .collect();
    let again = warn_of_the_same(context, &read, &new, &view, &on_roll)?;
    if preview || !context.json {
        show_rows(context, &file, &read, &new, same, &view);
    }
    if preview {
        return Ok(());
    }
    let imported = new.len();
    if imported > 0 {
        if !yes {
            let question = format!(
                "Put {imported} voters on the roll of {:?}?",
                clean(&view.record.election.title)
            );
            ask::confirm(&question, "say --yes to do it, or --preview to look only")?;
        }
        let key = organiser(context, act.credential)?;
        if let Some(register) = &register {
            register::remember(&context.data_dir, &view.record.id, register)?;
        }
        put_on(context, &client, &view, &key, &read, &on_roll).await?;
    }
    let view = client.election(view.record.id).await?;
    let roll = &view.record.roll;
    let missing = (on_roll.len() + imported)
        .saturating_sub(usize::try_from(roll.voters).unwrap_or(usize::MAX));
    let committee = view.record.committee.as_ref();
    let waiting = match committee {
        Some(committee) if committee.needed > 1 => missing,
        _ => 0,
    };
    if missing > waiting {
        return Err(Failure::Other(format!(
            "{missing} of these voters are not on the roll: they were put on it before by the same import, and taken off since, and an import \
             counts once. Put them on it by hand: vote-cli roll change --add KEY --reason WHY"
        )));
    }
    if context.json {
        output::json(&views::RollImported {
            election: view.record.id.into(),
            imported,
            waiting,
            already: same,
            left_out: read.report.rows - imported - same,
            perhaps_again: again,
            notes: notes(&read.report),
            voters: roll.voters,
            votes: roll.weight,
            root: roll.tree.root().into(),
        });
    } else {
        output::line(format_args!(
            "The roll has {} voters with {} votes now.",
            roll.voters, roll.weight
        ));
        if let Some(committee) = committee.filter(|_| waiting > 0) {
            output::line(format_args!(
                "{waiting} voters are proposed for it, and wait for {} more of its {} organisers. Each of them, at a node of theirs: vote-cli election approve {:.8} --all (whom an act adds: vote-cli election proposed {:.8} ACT)",
                committee.needed - 1,
                committee.organisers.len(),
                view.record.id,
                view.record.id
            ));
        }
        match view.phase {
            ElectionPhase::Draft => {
                output::line(format_args!(
                    "When it is complete: vote-cli election open {:.8}",
                    view.record.id
                ));
            }
            // Its time had come, and nobody had been on its roll.
            later => output::line(format_args!(
                "The election is {later} now: `vote-cli roll change` makes late changes."
            )),
        }
    }
    Ok(())
}

/// Who is on the roll so far, and with how many votes: from the election's archive, which is
/// checked.
async fn on_roll(
    client: &Client,
    view: &ElectionView,
) -> Result<BTreeMap<PublicKey, u32>, Failure> {
    if view.record.roll.voters == 0 {
        return Ok(BTreeMap::new());
    }
    let chain = client.genesis().await?.chain();
    let audit = client
        .archive(view.record.id)
        .await?
        .verify(Some(&chain), |_| {});
    let audit = audit.map_err(|fault| {
        Failure::Verification(format!("the node's archive does not hold: {fault}"))
    })?;
    Ok(audit.weights)
}

/// Where it is written who has the keys of a file: beside it, or in it.
fn register_of(file: &Path, read: &VoterList) -> Option<PathBuf> {
    let beside = file.with_file_name(register::FILE);
    let named = || {
        read.rows
            .iter()
            .any(|row| !read.person(row).called().is_empty())
    };
    if beside.is_file() {
        Some(beside)
    } else {
        named().then(|| file.to_owned())
    }
}

/// What was read; if it could not be, that is said.
fn told(read: Result<VoterList, String>) -> Option<VoterList> {
    read.map_err(|why| output::aside(format_args!("{why}")))
        .ok()
}

/// Whose a row is, by the register or by the row itself.
fn person_of<'a>(
    row: &VoterRow,
    read: &'a VoterList,
    people: &HashMap<PublicKey, Person<'a>>,
) -> Person<'a> {
    row.key
        .and_then(|key| people.get(&key).copied())
        .unwrap_or_else(|| read.person(row))
}

/// Warns of people who may be on the roll already, with other keys; gives how many they are, as far
/// as registers tell.
fn warn_of_the_same(
    context: &Context,
    read: &VoterList,
    new: &[(&VoterRow, Person<'_>)],
    view: &ElectionView,
    on_roll: &BTreeMap<PublicKey, u32>,
) -> Result<usize, Failure> {
    if new.is_empty() || on_roll.is_empty() {
        return Ok(0);
    }
    let remembered = register::remembered(&context.data_dir, &view.record.id)?;
    let earlier: Vec<_> = remembered
        .iter()
        .filter_map(|path| told(register::read(path)))
        .collect();
    let in_file: HashSet<_> = read.rows.iter().filter_map(|row| row.key).collect();
    let others =
        |entry: &Entry<'_>| on_roll.contains_key(&entry.key) && !in_file.contains(&entry.key);
    let known = People::new(
        earlier
            .iter()
            .flat_map(register::entries)
            .filter(others)
            .collect(),
    );
    let is_there = |person: &Person<'_>| !matches!(known.find(person), Known::Nobody);
    let again: Vec<_> = new
        .iter()
        .filter(|(_, person)| is_there(person))
        .map(|(_, person)| person.called())
        .collect();
    let advice = "These may be the same people again, with new codes: each could vote twice. Make codes only for those who have none (vote-cli \
                  roll issue --earlier DIR), or take the old keys off (vote-cli roll change --remove KEY); the registers say whose is which";
    let is_known = in_file.iter().any(|key| on_roll.contains_key(key)) || !known.all().is_empty();
    if !again.is_empty() {
        let names = some_names(again.iter().copied());
        let count = again.len();
        output::aside(format_args!(
            "WARNING: {count} are on the roll already, with other keys: {names}. {advice}"
        ));
    } else if !is_known {
        let count = on_roll.len();
        output::aside(format_args!(
            "WARNING: {count} voters are on the roll already, and none of them is in this file. {advice}"
        ));
    }
    Ok(again.len())
}

/// How many rows are on the roll as they are. Those that are on it with other votes are faults: an
/// import changes nothing that is there.
fn check_weights(
    path: &Path,
    read: &VoterList,
    on_roll: &BTreeMap<PublicKey, u32>,
    leave_out: bool,
) -> Result<usize, Failure> {
    let (shown, mut same, mut others) = (path.display(), 0, 0);
    for row in &read.rows {
        match row.key.and_then(|key| on_roll.get(&key)) {
            Some(votes) if *votes == row.weight => same += 1,
            Some(votes) => {
                others += 1;
                output::aside(format_args!(
                    "{shown}: line {}: the key is on the roll with weight {votes}, not {}",
                    row.line, row.weight
                ));
            }
            None => {}
        }
    }
    if others == 0 || leave_out {
        return Ok(same);
    }
    Err(Failure::Usage(format!(
        "{shown}: {others} rows say other votes than the roll; nothing is done. Mend them, or leave these rows out with \
         --leave-out-faulty; `vote-cli roll change` changes what is on the roll"
    )))
}

fn check_draft(view: &ElectionView) -> Result<(), Failure> {
    let (election, title) = (&view.record.election, clean(&view.record.election.title));
    if !election.has_roll() {
        return Err(Failure::NotFound(format!(
            "{title:?} has no roll: anybody with a key may vote in it"
        )));
    }
    if view.phase.is_over() {
        return Err(Failure::NotFound(format!(
            "{title:?} is {}: nothing changes its roll any more",
            view.phase
        )));
    }
    if view.phase != ElectionPhase::Draft {
        return Err(Failure::NotFound(format!(
            "{title:?} is {}, and its roll frozen; single voters can still be put on it: vote-cli roll change --add KEY --reason WHY",
            view.phase
        )));
    }
    Ok(())
}

fn show_rows(
    context: &Context,
    file: &Path,
    read: &VoterList,
    new: &[(&VoterRow, Person<'_>)],
    already: usize,
    view: &ElectionView,
) {
    let title = clean(&view.record.election.title);
    let votes: u64 = new.iter().map(|(row, _)| u64::from(row.weight)).sum();
    if context.json {
        return output::json(&views::RollPreview {
            file: file.display().to_string(),
            election: view.record.id.into(),
            voters: new.len(),
            votes,
            already,
            faults: read.report.faults.len(),
        });
    }
    let shown = file.display();
    if new.is_empty() && already > 0 {
        return output::line(format_args!(
            "{shown}: all {already} voters are on the roll of {title:?} already"
        ));
    }
    output::line(format_args!(
        "{shown}: {} voters with {votes} votes, for {title:?}",
        new.len()
    ));
    if already > 0 {
        output::line(format_args!(
            "  besides {already} who are on its roll already, and are skipped"
        ));
    }
    let mut rows = vec![
        ["  LINE", "KEY", "VOTES", "NAME"]
            .map(String::from)
            .to_vec(),
    ];
    for (row, person) in new.iter().take(SHOWN) {
        let name = clean(person.called());
        let key = row.key.map(|key| format!("{key:.16}")).unwrap_or_default();
        rows.push(vec![
            format!("  {}", row.line),
            key,
            row.weight.to_string(),
            name,
        ]);
    }
    output::table(&rows);
    if new.len() > SHOWN {
        output::line(format_args!("  and {} more", new.len() - SHOWN));
    }
}

/// Puts those voters on a roll who are not on it yet, in the order of their keys: that says nothing
/// of the file, and is quickest to store.
async fn put_on(
    context: &Context,
    client: &Client,
    view: &ElectionView,
    key: &SecretKey,
    read: &VoterList,
    on_roll: &BTreeMap<PublicKey, u32>,
) -> Result<(), Failure> {
    let mut voters: Vec<_> = read
        .rows
        .iter()
        .filter_map(|row| row.key.map(|key| Voter(key, row.weight)))
        .collect();
    voters.sort_unstable();
    let total = voters.len();
    let missing = |part: &[Voter]| -> Vec<Voter> {
        part.iter()
            .filter(|voter| !on_roll.contains_key(&voter.0))
            .copied()
            .collect()
    };
    // Cut before it is sifted: the same file again makes the same acts, and one that waits to
    // become final is not doubled.
    let parts: Vec<_> = voter_parts(&voters)
        .into_iter()
        .map(missing)
        .filter(|part| !part.is_empty())
        .collect();
    let needed = CALL_MS * parts.len().div_ceil(ACTS_AT_ONCE) as u64;
    if let Some(opens) = view
        .record
        .opens_at
        .filter(|opens| parts.len() > 1 && *opens <= time::now().plus_ms(needed))
    {
        return Err(Failure::NotFound(format!(
            "{:?} opens {opens}, before all of these voters can be on its roll, and takes no more of them then; nothing is done. Put it off \
             before: vote-cli election times --opens TIME --reason WHY",
            clean(&view.record.election.title)
        )));
    }
    let mut done = total - parts.iter().map(Vec::len).sum::<usize>();
    let bar = std::io::stderr().is_terminal();
    let mut ended = Ok(());
    for parts in parts.chunks(ACTS_AT_ONCE) {
        let act = |part: &Vec<Voter>| {
            Payload::Organise(Organise {
                election: view.record.id,
                act: Act::AddVoters(part.clone()),
            })
        };
        let (finals, sent) =
            submit::all(context, client, key, parts.iter().map(act).collect()).await;
        done += parts
            .iter()
            .zip(finals)
            .filter(|(_, is_final)| *is_final)
            .map(|(part, _)| part.len())
            .sum::<usize>();
        if bar {
            let filled = done * 40 / total;
            let _ = write!(
                std::io::stderr(),
                "\r[{:<40}] {done} of {total}",
                "#".repeat(filled)
            );
        }
        ended = sent;
        if ended.is_err() {
            break;
        }
    }
    if bar {
        output::aside("");
    }
    ended.map_err(|failure| {
        failure.and(&format!(
            ".\n{done} of {total} voters of the file are on the roll. When what is wrong is mended, import the file again: they are skipped"
        ))
    })
}

fn issue(context: &Context, args: &IssueArgs) -> Result<(), Failure> {
    let IssueArgs {
        file,
        count,
        output: dir,
        title,
        earlier,
        sheet,
        leave_out_faulty,
    } = args;
    let list = match (file, count) {
        (Some(file), None) => {
            let mut list = read(
                file,
                sheet.as_deref(),
                Wanted {
                    weights: true,
                    keys: false,
                },
            )?;
            list.check_keys();
            report(context, file, &list.report, *leave_out_faulty)?;
            list
        }
        (None, Some(count)) => numbered(*count),
        _ => return Err(Failure::Usage("give a file of voters, or --count".into())),
    };
    let earlier = earlier
        .as_deref()
        .map(register::read)
        .transpose()
        .map_err(Failure::NotFound)?;
    let nameless = |list: &&VoterList| {
        !list.rows.is_empty() && register::entries(list).all(|one| one.person.called().is_empty())
    };
    if earlier.as_ref().filter(nameless).is_some() {
        let reason = "--earlier: this file says whose is no key: give the folder of the earlier issue, or its register.csv";
        return Err(Failure::Usage(reason.into()));
    }
    let known = People::new(earlier.iter().flat_map(register::entries).collect());
    let (new, mut entries) = allot(&list, &known)?;
    let keys = entries
        .iter()
        .map(|entry| (entry.key, entry.weight))
        .collect::<Vec<_>>();
    let (own, kept) = (
        list.rows.iter().filter(|row| row.key.is_some()).count(),
        entries.len() - new.len(),
    );
    // Those of the earlier issue who are not in this list have their codes still.
    let listed: HashSet<_> = entries.iter().map(|entry| entry.key).collect();
    let others: Vec<_> = known
        .all()
        .iter()
        .filter(|entry| !listed.contains(&entry.key))
        .collect();
    entries.extend(others.iter().copied());
    let written = cards::write(dir, title, new, keys, &entries).map_err(Failure::other)?;
    let Written {
        voters,
        cards,
        merge,
        register,
        keys,
    } = written;
    if context.json {
        output::json(&views::Issued {
            voters,
            own_keys: own,
            kept: kept - own,
            not_listed: others.len(),
            cards: cards.display().to_string(),
            merge: merge.display().to_string(),
            register: register.display().to_string(),
            keys: keys.display().to_string(),
            notes: notes(&list.report),
        });
        return Ok(());
    }
    let codes = if voters == 1 { "code is" } else { "codes are" };
    output::line(format_args!("{voters} {codes} issued."));
    if own > 0 {
        output::line(format_args!(
            "{own} voters of the list have a key in it, and get no code."
        ));
    }
    if kept > own {
        output::line(format_args!(
            "{} have a code by the earlier issue, keep it, and get no other.",
            kept - own
        ));
    }
    if !others.is_empty() {
        let names = some_names(others.iter().map(|entry| entry.person.called()));
        output::line(format_args!(
            "{} of the earlier issue are not in this list, and keep their codes where their keys are on a roll: {names}",
            others.len()
        ));
    }
    output::line(format_args!(
        "  cards     {} (SECRET: print them, hand them out, delete them)",
        cards.display()
    ));
    output::line(format_args!(
        "  merge     {} (SECRET: for a mail merge; delete it then)",
        merge.display()
    ));
    let keep = "PRIVATE: who has which key; keep it, to revoke a card, and for a later issue with --earlier";
    output::line(format_args!("  register  {} ({keep})", register.display()));
    output::line(format_args!(
        "  keys      {} (public: vote-cli roll import {})",
        keys.display(),
        keys.display()
    ));
    Ok(())
}

/// Codes for those of a list who have no key, neither in it nor by an earlier issue; and the keys
/// of all of the list.
fn allot<'a>(
    list: &'a VoterList,
    known: &'a People<'a>,
) -> Result<(Vec<cards::Voter<'a>>, Vec<Entry<'a>>), Failure> {
    let mut seed = Zeroizing::new([0; 16]);
    let mut new = Vec::new();
    let mut entries = Vec::new();
    let mut lines = HashMap::new();
    for row in &list.rows {
        let (person, weight, line) = (list.person(row), row.weight, row.line);
        let before = match known.find(&person) {
            Known::Nobody => None,
            Known::One(entry) => Some(entry),
            Known::Several => {
                return Err(Failure::Usage(format!(
                    "line {line}: several of the earlier issue are called {:?}, and nothing tells which of them this is: give an id or a contact",
                    clean(person.name)
                )));
            }
        };
        if let Some(before) = before
            && let Some(other) = known.other(&person, before)
        {
            return Err(Failure::Usage(format!(
                "line {line}: by its id or contact {:?} would be {:?} of the earlier issue, and by its name or contact another one, {:?}: if the \
                 ids are numbers of rows, leave them out; else mend this row",
                clean(person.called()),
                clean(before.person.called()),
                clean(other.person.called())
            )));
        }
        if let Some(before) = before
            && person.called() != before.person.called()
        {
            let (now, then) = (clean(person.called()), clean(before.person.called()));
            output::aside(format_args!(
                "line {line}: {now:?} is taken for {then:?} of the earlier issue"
            ));
        }
        let key = match (row.key, before) {
            (Some(key), Some(before)) if key != before.key => {
                output::aside(format_args!(
                    "line {line}: has another key than by the earlier issue, {:.16}",
                    before.key
                ));
                key
            }
            (Some(key), _) => key,
            (None, Some(before)) => before.key,
            (None, None) => {
                getrandom::fill(seed.as_mut_slice()).map_err(Failure::other)?;
                let voter = cards::Voter::new(person, weight, VoterCode::from_random(*seed));
                let key = voter.key;
                new.push(voter);
                key
            }
        };
        if let Some(first) = lines.insert(key, line) {
            return Err(Failure::Usage(format!(
                "lines {first} and {line} are one voter of the earlier issue, by id, contact or name: mend the list"
            )));
        }
        if let Some(before) = before
            && before.weight != weight
        {
            let (name, then) = (clean(person.called()), before.weight);
            output::aside(format_args!(
                "line {line}: {name:?} had weight {then} by the earlier issue, and has {weight} in this list"
            ));
        }
        entries.push(Entry {
            person,
            weight,
            key,
        });
    }
    Ok((new, entries))
}

/// The first of these names, to be shown.
fn some_names<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = names.len().saturating_sub(SHOWN);
    let shown: Vec<_> = names.take(SHOWN).map(clean).collect();
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    shown.join(", ") + &rest
}

/// A list of voters without names.
fn numbered(count: u32) -> VoterList {
    let names: Vec<_> = (1..=count)
        .map(|number| format!("Voter {number}\n"))
        .collect();
    let text = format!("name\n{}", names.concat());
    roll_file::read(
        text.as_bytes(),
        Wanted {
            weights: true,
            keys: false,
        },
    )
    .expect("it has a header, and few rows")
}

fn show(context: &Context, view: &ElectionView) -> Result<(), Failure> {
    let (record, roll) = (&view.record, &view.record.roll);
    if !record.election.has_roll() {
        return Err(Failure::NotFound(
            "this election has no roll: anybody with a key may vote in it".into(),
        ));
    }
    if context.json {
        let roll = views::Roll::of(record);
        output::json(&views::RollShown {
            election: record.id.into(),
            phase: view.phase.into(),
            roll,
        });
        return Ok(());
    }
    let frozen = log::roll_state(view);
    output::line(format_args!(
        "{} ({})",
        clean(&record.election.title),
        view.phase
    ));
    output::line(format_args!(
        "  {} voters with {} votes may vote",
        roll.voters, roll.weight
    ));
    output::line(format_args!(
        "  {} were added before the opening; root {} ({frozen})",
        roll.tree.size(),
        roll.tree.root()
    ));
    Ok(())
}

/// The key that is meant: by itself, or, on standard input, by the secret code that it is made
/// from.
fn whose(who: &str) -> Result<PublicKey, Failure> {
    if who != "-" {
        // Not repeated: it may be a code with a typing error.
        let no_key = "this is no key (64 hexadecimal digits). A voter code is secret, and other users of this machine can see arguments: \
                      `vote-cli roll check -` asks for it";
        return who
            .trim()
            .parse()
            .map_err(|_| Failure::Usage(no_key.into()));
    }
    let said = code::secret_line("Key or voter code: ")?;
    if let Ok(key) = said.trim().parse() {
        return Ok(key);
    }
    let code = VoterCode::parse(said.trim());
    let code = code.map_err(|fault| {
        Failure::Usage(format!(
            "neither a key (64 hexadecimal digits) nor a code: {fault}"
        ))
    })?;
    Ok(code.secret_key().public())
}

/// Whether a key may vote, and if not, why.
async fn check(context: &Context, who: &str, election: Option<&str>) -> Result<(), Failure> {
    let key = whose(who)?;
    let client = context.client().await?;
    let view = find::any_election(&client, election).await?;
    let VoterView { weight, ballot } = client.voter(view.record.id, key).await?;
    let verdict = verdict(&view, weight, ballot.as_ref());
    if context.json {
        output::json(&views::RollCheck {
            election: view.record.id.into(),
            key: key.into(),
            on_roll: weight.is_some() && view.record.election.has_roll(),
            votes: weight,
            phase: view.phase.into(),
            ballot: ballot.as_ref().map(|ballot| ballot.transaction.into()),
            may_vote: verdict.is_ok(),
            reason: verdict
                .as_ref()
                .map_or_else(ToString::to_string, Clone::clone),
        });
    } else if let Ok(words) = &verdict {
        output::line(format_args!(
            "{key:.16} may vote in {:?}: {words}.",
            clean(&view.record.election.title)
        ));
    }
    verdict.map(drop)
}

fn verdict(
    view: &ElectionView,
    weight: Option<u32>,
    ballot: Option<&CastRecord>,
) -> Result<String, Failure> {
    let (record, title) = (&view.record, clean(&view.record.election.title));
    let Some(votes) = weight else {
        return Err(Failure::NotEligible(format!(
            "this key is not on the roll of {title:?}, which has {} voters; ask its organiser, {:.16}, whether another key or code of \
             yours is",
            record.roll.voters, record.organiser
        )));
    };
    let left =
        ballot.map(|ballot| u32::from(record.election.revotes).saturating_sub(ballot.counter));
    match (view.phase, left) {
        (ElectionPhase::Draft, _) => Err(Failure::NotFound(match record.opens_at {
            Some(opens) => format!("{title:?} opens {opens}; the key can vote then"),
            None => format!("{title:?} is a draft; the key can vote once its organiser opens it"),
        })),
        (ElectionPhase::Closed | ElectionPhase::Cancelled, _) => {
            Err(Failure::NotFound(format!("{title:?} is {}", view.phase)))
        }
        (ElectionPhase::Open, Some(0)) => Err(Failure::NotEligible(format!(
            "this key has voted in {title:?}, and its ballot can{} be replaced",
            if record.election.revotes == 0 {
                "not"
            } else {
                " no longer"
            }
        ))),
        (ElectionPhase::Open, Some(1)) => {
            Ok("it has voted, and can replace the ballot once".to_owned())
        }
        (ElectionPhase::Open, Some(left)) => Ok(format!(
            "it has voted, and can replace the ballot up to {left} times"
        )),
        (ElectionPhase::Open, None) => Ok(format!(
            "it has {votes} {}",
            if votes == 1 { "vote" } else { "votes" }
        )),
    }
}
