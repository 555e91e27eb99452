//! `count`: ballots of a file, counted here and now; no node, no network.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use vote_chain::{BallotKind, COUNT_STEPS_MAX, LIST_SEATS_MAX, Outcome, Rule, Seats};
use vote_counting::formats::{File, Parsed};
use vote_counting::{self, Ballots, Budget, NotCounted, Packed, Profile, Rank, Seed, Terms};
use vote_views as views;

use crate::cli::CountArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use crate::{ballot_file, output, result};

/// After so long, somebody may think that the program hangs.
const LONG: Duration = Duration::from_secs(5);
/// Fewer candidates in one rank take little time.
const MANY_EQUAL: usize = 20;

pub(super) fn run(context: &Context, args: &CountArgs) -> Result<(), Failure> {
    let Parsed {
        file,
        notes: read,
        scores,
    } = ballot_file::open(args)?;
    let file = file.without_withdrawn();
    let rule = args.rule.unwrap_or(Rule::Irv);
    let terms = terms(args, rule, &file)?;
    let profile = file.profile();
    let names = file
        .candidates
        .iter()
        .map(|name| clean(name))
        .collect::<Vec<_>>();
    let ballots = ballots(rule, &profile, scores);
    check_limits(rule, terms.seats, &file, &ballots)?;
    let mut budget = budget(args);
    let outcome = told_if_long(
        LONG,
        || output::aside(still_counting(rule, &profile)),
        || vote_counting::count(rule, &ballots, &terms, &mut budget),
    );
    let outcome = outcome.map_err(|fault| refused(fault, &profile, rule))?;
    let mut said: Vec<_> = read.iter().map(|note| clean(&note.to_string())).collect();
    said.extend(notes(args, rule, &file, &outcome));
    let counted = Counted {
        rule,
        profile: &profile,
        names: &names,
        outcome: &outcome,
        notes: said,
    };
    if context.json {
        output::json(&counted.view(&terms))
    } else {
        counted.lines().iter().for_each(output::line)
    }
    Ok(())
}

/// How long a count may take: no longer than nodes would make it, unless that is asked for. By
/// Meek's method a small file can be written that takes days.
const fn budget(args: &CountArgs) -> Budget {
    if args.however_long {
        Budget::unlimited()
    } else {
        Budget::new(COUNT_STEPS_MAX)
    }
}

/// Why a file is not counted, and what else can be done.
fn refused(fault: NotCounted, profile: &Profile, rule: Rule) -> Failure {
    match fault {
        NotCounted::Kind(rule) if rule.has_numbers() => Failure::Usage(format!(
            "a file of ranked ballots has no scores: --rule {} takes a table (.csv, .tsv, .xlsx) of them",
            rule.name()
        )),
        NotCounted::Kind(rule) => Failure::Usage(format!(
            "a file of ranked ballots is not counted by {}; --rule can be {}, and for tables of scores {}. \
             Where each ballot names one, approval adds up the votes of plurality",
            rule.name(),
            named(|rule| counts_files(rule) && !rule.has_numbers()),
            named(Rule::has_numbers),
        )),
        NotCounted::TooLong => Failure::Other(format!(
            "not counted: by {} it takes more than {COUNT_STEPS_MAX} steps, the most that a node would take{}. \
             Say --however-long, and it is counted on for as long as it takes, perhaps for days; or count by another --rule",
            rule.name(),
            why_long(rule, profile)
        )),
    }
}

/// Whether files can be counted by it: by the others votes are only added up.
fn counts_files(rule: Rule) -> bool {
    !rule.is_single() || rule.seats() == Seats::ForLists
}

/// The names of some rules.
fn named(which: impl Fn(Rule) -> bool) -> String {
    let names: Vec<_> = Rule::ALL
        .into_iter()
        .filter(|rule| which(*rule))
        .map(Rule::name)
        .collect();
    names.join(", ")
}

/// Does something, and tells of it once if it takes longer than that.
fn told_if_long<T>(long: Duration, tell: impl FnOnce() + Send, what: impl FnOnce() -> T) -> T {
    let (done, wait) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            if wait.recv_timeout(long) == Err(RecvTimeoutError::Timeout) {
                tell();
            }
        });
        let result = what();
        drop(done);
        result
    })
}

/// For who waits.
fn still_counting(rule: Rule, profile: &Profile) -> String {
    let why = why_long(rule, profile);
    format!("Still counting{why}. Wait, or end it with Ctrl-C.")
}

/// Why it takes long, if that is plain.
fn why_long(rule: Rule, profile: &Profile) -> String {
    let equal = profile
        .groups()
        .flat_map(|packed| packed.ranks.iter().map(Rank::len))
        .max()
        .unwrap_or_default();
    if rule == Rule::Meek && equal > MANY_EQUAL {
        format!(
            "; a ballot has {equal} candidates in one rank, and by meek that takes the longer by the third power of it"
        )
    } else {
        String::new()
    }
}

/// What is asked for, and what the file says where nothing is.
fn terms(args: &CountArgs, rule: Rule, file: &File) -> Result<Terms, Failure> {
    let name = rule.name();
    match args.seats {
        Some(0) => {
            return Err(Failure::Usage(
                "--seats 0: a count fills one seat or more".into(),
            ));
        }
        Some(seats) if rule.fills_one_seat() && seats != 1 => {
            return Err(Failure::Usage(format!(
                "{name} fills one seat, not {seats}: leave out --seats, or take another --rule"
            )));
        }
        _ => {}
    }
    let seats = args.seats.map_or(file.seats, usize::from);
    if rule == Rule::Limited && seats < 2 {
        return Err(Failure::Usage(
            "by limited a ballot names fewer candidates than there are seats: give --seats 2 or more".into(),
        ));
    }
    for (option, given) in [
        ("--overvotes", args.overvotes.is_some()),
        ("--skipped-ranks", args.skipped_ranks.is_some()),
    ] {
        if given && rule != Rule::Irv {
            return Err(Failure::Usage(format!(
                "{option} is for irv; {name} says itself what it does with such ballots"
            )));
        }
    }
    if rule.seats() == Seats::ForLists && seats > LIST_SEATS_MAX {
        return Err(Failure::Usage(format!(
            "{name} deals at most {LIST_SEATS_MAX} seats, not {seats}: say fewer with --seats"
        )));
    }
    let standard = Terms::new(seats, seed(args.seed.as_deref())?);
    Ok(Terms {
        overvotes: args.overvotes.unwrap_or(standard.overvotes),
        skipped_ranks: args.skipped_ranks.unwrap_or(standard.skipped_ranks),
        ..standard
    })
}

fn seed(hex_digits: Option<&str>) -> Result<Seed, Failure> {
    let mut seed = [0; 32];
    if let Some(digits) = hex_digits {
        let wrong = |_| Failure::Usage("--seed: 64 hexadecimal digits".into());
        hex::decode_to_slice(digits, &mut seed).map_err(wrong)?;
    }
    Ok(Seed(seed))
}

/// The ballots of a file as the rule takes them: where it takes sets, whoever is ranked is chosen.
fn ballots(rule: Rule, profile: &Profile, scores: Option<Vec<(u64, Vec<u8>)>>) -> Ballots {
    if let Some(lists) = scores {
        return Ballots::Scores {
            candidates: profile.candidates(),
            lists,
        };
    }
    match rule.ballots() {
        BallotKind::Several => {}
        BallotKind::One if rule.seats() == Seats::ForLists => return singles(profile),
        BallotKind::One | BallotKind::Scores | BallotKind::Points | BallotKind::Ranks => {
            return Ballots::Rankings(profile.clone());
        }
    }
    let sets = profile
        .groups()
        .map(|packed| {
            (
                packed.count,
                packed.ranks.iter().flat_map(Rank::iter).collect(),
            )
        })
        .collect();
    Ballots::Approvals {
        candidates: profile.candidates(),
        sets,
    }
}

/// Refuses ballots that say more than the rule lets a ballot say, which depends on the seats.
fn check_limits(rule: Rule, seats: usize, file: &File, ballots: &Ballots) -> Result<(), Failure> {
    let named = |packed: &Packed<'_>| packed.ranks.named();
    let many = |packed: &Packed<'_>| named(packed) >= seats;
    if rule == Rule::Limited
        && let Some(first) = file.ballots.iter().find(many)
    {
        return Err(Failure::Usage(format!(
            "line {}: a ballot names {} candidates; by limited fewer than the {seats} seats",
            first.line,
            named(&first)
        )));
    }
    if let (BallotKind::Points, Ballots::Scores { lists, .. }) = (rule.ballots(), ballots) {
        let sum = |(_, points): &(u64, Vec<u8>)| points.iter().copied().map(usize::from).sum();
        if let Some(points) = lists.iter().map(sum).find(|points: &usize| *points > seats) {
            return Err(Failure::Usage(format!(
                "a ballot spreads {points} points; by {} it has as many as there are seats: {seats}, \
                 unless --seats says otherwise",
                rule.name()
            )));
        }
    }
    Ok(())
}

/// How many ballots name each first, alone.
fn singles(profile: &Profile) -> Ballots {
    let mut votes = vec![0; profile.candidates()];
    for packed in profile.groups() {
        if let Some(place) = first(packed) {
            votes[place] += packed.count;
        }
    }
    Ballots::Singles(votes)
}

/// Whom a ballot names first; nobody if it names several there.
fn first(packed: Packed<'_>) -> Option<usize> {
    let mut ranked = packed.ranks.iter().filter(|rank| !rank.is_empty());
    ranked.next().filter(|rank| rank.len() == 1)?.iter().next()
}

/// What was assumed or left out, so that nobody takes it for what was asked.
fn notes(args: &CountArgs, rule: Rule, file: &File, outcome: &Outcome) -> Vec<String> {
    let name = rule.name();
    let mut notes = Vec::new();
    let ranking =
        |packed: &Packed<'_>| packed.ranks.iter().filter(|rank| !rank.is_empty()).count() > 1;
    if let Some(first) = file
        .ballots
        .iter()
        .find(ranking)
        .filter(|_| rule.ballots() == BallotKind::Several)
    {
        notes.push(format!(
            "line {}: all who are ranked count as approved, whatever their rank",
            first.line
        ));
    }
    if rule.seats() == Seats::ForLists {
        if let Some(ranking) = file.ballots.iter().find(ranking) {
            notes.push(format!(
                "line {}: a ballot counts for the list that it names first",
                ranking.line
            ));
        }
        let mut named = file
            .ballots
            .iter()
            .filter(|packed| packed.ranks.named() > 0);
        if let Some(several) = named.find(|packed| first(*packed).is_none()) {
            notes.push(format!(
                "line {}: a ballot that names several lists first counts for none",
                several.line
            ));
        }
    }
    if args.rule.is_none() {
        notes.push(format!("no --rule was given: counted by {name}"));
    }
    if rule.fills_one_seat() && file.seats != 1 {
        notes.push(format!(
            "{name} fills one seat: the file's {} seats are not used",
            file.seats
        ));
    }
    let seats = args.seats.map_or(file.seats, usize::from);
    if !rule.fills_one_seat() && rule.seats() != Seats::ForLists && seats > file.candidates.len() {
        notes.push(format!(
            "{seats} seats for {} candidates: some stay empty",
            file.candidates.len()
        ));
    }
    if args.seed.is_none() && outcome.ties.iter().any(|tie| !tie.drawn.is_empty()) {
        notes.push(
            "no --seed was given: lots are drawn from zeroes, as anybody could know before"
                .to_owned(),
        );
    }
    notes
}

/// A count, to be shown.
struct Counted<'a> {
    rule: Rule,
    profile: &'a Profile,
    names: &'a [String],
    outcome: &'a Outcome,
    notes: Vec<String>,
}

impl Counted<'_> {
    /// Who is elected, and to how many seats; no numbers but for lists.
    fn winners(&self) -> (Vec<String>, Vec<usize>) {
        let seats = self.outcome.seats();
        let names = seats.iter().map(|(place, _)| self.names[*place].clone());
        let numbers = seats.iter().map(|(_, seats)| *seats);
        let are_lists = self.rule.seats() == Seats::ForLists;
        (names.collect(), numbers.filter(|_| are_lists).collect())
    }

    fn view(&self, terms: &Terms) -> views::Count {
        let (winners, winner_seats) = self.winners();
        views::Count {
            rule: self.rule.name(),
            ballots: self.profile.ballots(),
            blank: self.profile.blank(),
            winners,
            winner_seats,
            notes: self.notes.clone(),
            irv: (self.rule == Rule::Irv).then(|| views::IrvTerms {
                overvotes: terms.overvotes.name(),
                skipped_ranks: terms.skipped_ranks.name(),
            }),
            outcome: views::Outcome::of(self.outcome, self.names),
        }
    }

    fn lines(&self) -> Vec<String> {
        let alone = self.rule.amounts().unwrap_or("votes");
        let mut lines: Vec<_> = self
            .notes
            .iter()
            .map(|note| format!("note: {note}"))
            .collect();
        let ballots = match self.profile.ballots() {
            1 => "1 ballot".to_owned(),
            many => format!("{many} ballots"),
        };
        lines.push(format!("{ballots}, counted by {}", self.rule.name()));
        if self.profile.blank() > 0 {
            lines.push(format!("  blank, naming nobody: {}", self.profile.blank()));
        }
        lines.extend(result::how(self.outcome, self.names, Some(alone)));
        let (winners, seats) = self.winners();
        let seats: Vec<u64> = seats.into_iter().map(|seats| seats as u64).collect();
        let winners = views::elected(&winners, &seats);
        lines.push(match (winners.as_slice(), self.profile.ballots()) {
            ([], 0) => "Nobody is elected: there are no ballots.".to_owned(),
            ([], _) => "Nobody is elected: no ballot counts for any candidate.".to_owned(),
            (winners, _) => format!("Elected: {}.", winners.join(", ")),
        });
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    use vote_counting::Group;
    use vote_counting::formats::Format;

    use crate::cli::{Cli, Command};

    fn args(words: &[&str]) -> CountArgs {
        let words = ["vote-cli", "count", "x.blt"].iter().chain(words);
        match Cli::try_parse_from(words).unwrap().command {
            Some(Command::Count(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    fn file(text: &str) -> File {
        Format::Blt.parse(text).unwrap()
    }

    const FIVE_SEATS: &str = "2 5\n1 1 2 0\n1 2 1 0\n0\n\"Ash\"\n\"Birch\"\n\"T\"\n";

    fn said(words: &[&str], file: &File) -> Vec<String> {
        let args = args(words);
        let rule = args.rule.unwrap_or(Rule::Irv);
        let terms = terms(&args, rule, file).unwrap();
        let ballots = ballots(rule, &file.profile(), None);
        let outcome =
            vote_counting::count(rule, &ballots, &terms, &mut Budget::unlimited()).unwrap();
        notes(&args, rule, file, &outcome)
    }

    #[test]
    fn ballots_that_say_more_than_the_seats_allow_are_refused() {
        let file = file(FIVE_SEATS);
        let refused = |words: &[&str]| {
            let args = args(words);
            let rule = args.rule.unwrap();
            terms(&args, rule, &file)
                .and_then(|terms| {
                    let ballots = ballots(rule, &file.profile(), Some(vec![(1, vec![2, 1])]));
                    check_limits(rule, terms.seats, &file, &ballots)
                })
                .map_err(|why| why.to_string())
        };
        assert_eq!(
            refused(&["--rule", "limited", "--seats", "1"]),
            Err(
                "by limited a ballot names fewer candidates than there are seats: give --seats 2 or more"
                    .into()
            )
        );
        assert_eq!(
            refused(&["--rule", "limited", "--seats", "2"]),
            Err("line 2: a ballot names 2 candidates; by limited fewer than the 2 seats".into())
        );
        assert_eq!(refused(&["--rule", "limited", "--seats", "3"]), Ok(()));
        assert_eq!(
            refused(&["--rule", "cumulative", "--seats", "2"]),
            Err(
                "a ballot spreads 3 points; by cumulative it has as many as there are seats: 2, unless \
                 --seats says otherwise"
                    .into()
            )
        );
        assert_eq!(refused(&["--rule", "cumulative", "--seats", "3"]), Ok(()));
        assert_eq!(refused(&["--rule", "star"]), Ok(()));
    }

    #[test]
    fn what_was_assumed_and_what_is_not_used_is_said() {
        let file = file(FIVE_SEATS);
        assert_eq!(
            said(&[], &file),
            [
                "no --rule was given: counted by irv",
                "irv fills one seat: the file's 5 seats are not used",
                "no --seed was given: lots are drawn from zeroes, as anybody could know before"
            ]
        );
        assert_eq!(
            said(&["--rule", "stv"], &file),
            ["5 seats for 2 candidates: some stay empty"]
        );
        assert!(said(&["--rule", "stv", "--seats", "2"], &file).is_empty());
    }

    fn shown(words: &[&str], file: &File) -> Vec<String> {
        let args = args(words);
        let rule = args.rule.unwrap();
        let (terms, profile) = (terms(&args, rule, file).unwrap(), file.profile());
        let ballots = ballots(rule, &profile, None);
        let outcome =
            vote_counting::count(rule, &ballots, &terms, &mut Budget::unlimited()).unwrap();
        let counted = Counted {
            rule,
            profile: &profile,
            names: &file.candidates,
            outcome: &outcome,
            notes: notes(&args, rule, file, &outcome),
        };
        counted.lines()
    }

    #[test]
    fn lists_are_said_with_their_seats_and_what_does_not_count_is_noted() {
        let text = "2 5\n7 1 2 0\n3 2 0\n4 1=2 0\n0\n\"Ash\"\n\"Birch\"\n\"T\"\n";
        let lines = shown(&["--rule", "dhondt"], &file(text));
        assert_eq!(lines.last().unwrap(), "Elected: Ash (4), Birch (1).");
        assert_eq!(
            lines[..2],
            [
                "note: line 2: a ballot counts for the list that it names first",
                "note: line 4: a ballot that names several lists first counts for none"
            ]
        );
        let lines = shown(&["--rule", "sainte-lague", "--seats", "4"], &file(text));
        assert_eq!(lines.last().unwrap(), "Elected: Ash (3), Birch (1).");
        // By the others nobody has a number.
        let lines = shown(&["--rule", "borda", "--seats", "2"], &file(text));
        assert_eq!(lines.last().unwrap(), "Elected: Ash, Birch.");
    }

    #[test]
    fn options_that_the_rule_does_not_use_are_refused() {
        let file = file(FIVE_SEATS);
        for (words, reason) in [
            (["--rule", "stv", "--seats", "0"], "one seat or more"),
            (
                ["--rule", "dhondt", "--seats", "1001"],
                "at most 1000 seats",
            ),
            (
                ["--rule", "irv", "--seats", "3"],
                "irv fills one seat, not 3",
            ),
            (
                ["--rule", "stv", "--overvotes", "skip"],
                "--overvotes is for irv",
            ),
            (
                ["--rule", "meek", "--skipped-ranks", "exhaust"],
                "--skipped-ranks is for irv",
            ),
        ] {
            let args = args(&words);
            let refused = terms(&args, args.rule.unwrap(), &file).unwrap_err();
            assert!(
                matches!(&refused, Failure::Usage(said) if said.contains(reason)),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn who_waits_long_is_told_once_and_nobody_else() {
        // It goes on until somebody was told.
        let (tell, told) = mpsc::channel();
        let result = told_if_long(
            Duration::ZERO,
            || tell.send("told").expect("somebody waits for it"),
            || told.recv().expect("somebody tells"),
        );
        assert_eq!(result, "told");
        let quick = told_if_long(Duration::MAX, || panic!("it did not take long"), || 7);
        assert_eq!(quick, 7);
    }

    #[test]
    fn count_that_is_too_long_ends_with_what_to_do_unless_it_may_be() {
        let [bounded, unbounded] =
            [&["--rule", "meek"][..], &["--however-long"]].map(|words| budget(&args(words)));
        assert_eq!(bounded.left(), COUNT_STEPS_MAX);
        assert_eq!(unbounded, Budget::unlimited());
        let group = Group {
            count: 1,
            ranks: vec![(0..150).collect()],
        };
        let profile = Profile::new(150, vec![group]).expect("each is there once");
        let ballots = Ballots::Rankings(profile.clone());
        let terms = Terms::new(2, Seed([0; 32]));
        let fault = vote_counting::count(Rule::Meek, &ballots, &terms, &mut Budget::new(1_000))
            .expect_err("it takes more steps");
        let refused = refused(fault, &profile, Rule::Meek);
        assert_eq!(refused.code(), 1);
        for words in ["150 candidates in one rank", "--however-long", "--rule"] {
            assert!(refused.to_string().contains(words), "{refused}");
        }
    }

    #[test]
    fn equal_ranks_are_said_to_take_long_where_they_do() {
        let equal = |number: usize| {
            let group = Group {
                count: 1,
                ranks: vec![vec![number], (0..number).collect()],
            };
            Profile::new(number + 1, vec![group]).expect("each is there once")
        };
        assert!(still_counting(Rule::Meek, &equal(150)).contains("150 candidates in one rank"));
        for (rule, number) in [(Rule::Stv, 150), (Rule::Meek, 3)] {
            assert_eq!(
                still_counting(rule, &equal(number)),
                "Still counting. Wait, or end it with Ctrl-C."
            );
        }
    }
}
