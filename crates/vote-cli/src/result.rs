//! Results, for people and for programs.

use vote_api::ElectionView;
use vote_chain::{
    BallotKind, Base, Check, Choices, Contest, ContestTally, ElectionPhase, Outcome, Round, Rule,
    Votes,
};
use vote_views as views;

use crate::output::{clean, column};

/// Width of the longest bar.
const BAR: u64 = 24;
/// Rounds that are shown side by side.
const ROUNDS_SHOWN: usize = 8;
const ABSTAIN: &str = "abstain";
/// Ballots that choose nobody.
const BLANK: &str = "blank";
/// Votes that count for none of the candidates any more.
const NOBODY: &str = "for nobody";

/// The choices of a contest, safe for a terminal; none if voters write them in.
pub(crate) fn names(contest: &Contest) -> Vec<String> {
    match &contest.choices {
        Choices::Listed(choices) => choices.iter().map(|choice| clean(choice)).collect(),
        Choices::WriteIn => Vec::new(),
    }
}

/// What the numbers beside the choices are, where they are not simply votes.
pub(crate) const fn heading(rule: Rule) -> Option<&'static str> {
    match rule.ballots() {
        BallotKind::One => None,
        BallotKind::Several if matches!(rule, Rule::Limited) => None,
        BallotKind::Several => Some("approvals"),
        BallotKind::Scores if matches!(rule, Rule::MajorityJudgment) => Some("majority grades"),
        BallotKind::Scores => Some("sums of scores"),
        BallotKind::Points => Some("points"),
        BallotKind::Ranks => Some("first preferences"),
    }
}

/// The result as text: who has voted, and of each contest each choice, how it came about, and who
/// leads or has won.
pub(crate) fn lines(view: &ElectionView) -> Vec<String> {
    let (phase, record) = (view.phase, &view.record);
    let mut lines = vec![format!(
        "{} ({phase}, block {})",
        clean(&record.election.title),
        view.height
    )];
    lines.push(format!("  {}", turnout(view)));
    lines.extend(quorum(view).map(|sentence| format!("  {sentence}")));
    if view.tally.contests.is_empty() {
        lines.push(format!("  {}.", withheld(phase)));
    }
    for (contest, counted) in record.election.contests.iter().zip(&view.tally.contests) {
        if !contest.title.is_empty() {
            lines.push(clean(&contest.title));
        }
        lines.extend(contest_lines(contest, counted));
        lines.push(sentence(view, contest, counted));
    }
    lines
}

/// Why there is no count to be seen.
pub(crate) const fn withheld(phase: ElectionPhase) -> &'static str {
    match phase {
        ElectionPhase::Cancelled => {
            "The election was cancelled: nothing is decided, and by its rules its count is not shown"
        }
        ElectionPhase::Draft | ElectionPhase::Open | ElectionPhase::Closed => {
            "The rules of this vote show the count once it has closed"
        }
    }
}

/// Who has voted.
pub(crate) fn turnout(view: &ElectionView) -> String {
    let (roll, turnout) = (&view.record.roll, view.tally.turnout);
    let weighted = roll.weight > roll.voters;
    match (view.record.election.has_roll(), weighted) {
        (false, _) if turnout.ballots == 1 => "1 ballot.".to_owned(),
        (false, _) => format!("{} ballots.", turnout.ballots),
        (true, false) => {
            let share = percent(turnout.ballots, roll.voters);
            format!(
                "{} of {} voters have voted ({share}).",
                turnout.ballots, roll.voters
            )
        }
        (true, true) => format!(
            "{} of {} voters have voted, with {} of {} votes ({}).",
            turnout.ballots,
            roll.voters,
            turnout.weight,
            roll.weight,
            percent(turnout.weight, roll.weight)
        ),
    }
}

fn percent(part: u64, whole: u64) -> String {
    let tenths = u128::from(part) * 1000 / u128::from(whole.max(1));
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// Whether enough have voted, if that matters.
pub(crate) fn quorum(view: &ElectionView) -> Option<String> {
    let check = view.tally.quorum?;
    let verdict = match (check.reached, view.phase) {
        (true, _) => "is reached",
        (false, ElectionPhase::Draft | ElectionPhase::Open) => "is NOT reached so far",
        (false, _) => "was NOT reached",
    };
    Some(format!(
        "The quorum, {} of the roll's {} votes, {verdict} ({} have voted).",
        check.share, check.of, check.votes
    ))
}

fn contest_lines(contest: &Contest, counted: &ContestTally) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(what) = heading(contest.rule) {
        lines.push(format!(
            "  {} votes, counted by {}; {what}:",
            counted.votes,
            contest.rule.name()
        ));
    }
    let width = column(counted.lines.iter().map(|line| line.choice.as_str()));
    let aside = [(ABSTAIN, counted.abstentions), (BLANK, counted.blank)];
    let aside: Vec<_> = aside.into_iter().filter(|(_, votes)| *votes > 0).collect();
    let width = aside
        .iter()
        .map(|(what, _)| what.len())
        .fold(width, usize::max);
    let most = counted.lines.first().map_or(0, |line| line.votes).max(1);
    for line in &counted.lines {
        let length = u128::from(line.votes) * u128::from(BAR) / u128::from(most);
        let bar = "\u{2588}".repeat(usize::try_from(length).unwrap_or(0));
        let row = format!(
            "  {:<width$}  {:>8}  {bar}",
            clean(&line.choice),
            line.votes
        );
        lines.push(row.trim_end().to_owned());
    }
    if counted.other_choices > 0 {
        lines.push(format!(
            "  and {} more choices, with {} votes",
            counted.other_choices, counted.other_votes
        ));
    }
    lines.extend(
        aside
            .iter()
            .map(|(what, votes)| format!("  {what:<width$}  {votes:>8}")),
    );
    if counted.outcome_cut {
        lines.push(
            "  (how it was counted is too long to be shown; an archive of the election has all that it takes)"
                .to_owned(),
        );
    }
    if let Some(outcome) = &counted.outcome {
        // What is not ranked is beside the choices already.
        let alone = contest.rule.amounts().filter(|_| contest.rule.is_ranked());
        lines.extend(how(outcome, &names(contest), alone));
    }
    lines
}

/// Who leads or has won a contest, and whether quorum and majority let them.
pub(crate) fn sentence(view: &ElectionView, contest: &Contest, counted: &ContestTally) -> String {
    let closed = view.phase == ElectionPhase::Closed;
    let leaders: Vec<_> = counted.leaders.iter().map(|leader| clean(leader)).collect();
    let leaders = views::elected(&leaders, &counted.leader_seats);
    if view.phase == ElectionPhase::Cancelled {
        return "The election was cancelled; nothing is decided.".to_owned();
    }
    if !counted.complete {
        return "Nobody is named: to count so many different ballots takes longer than there was time for. A node may know \
                more in a while."
            .to_owned();
    }
    if leaders.is_empty() {
        return match (counted.votes > 0, counted.abstentions > 0, closed) {
            (true, _, true) => "Nobody is elected: no ballot counts for any of the choices.",
            (true, _, false) => "No ballot counts for any of the choices yet.",
            (false, true, _) => "No votes but abstentions.",
            (false, false, true) => "No ballots: nothing is decided.",
            (false, false, false) => "No ballots yet.",
        }
        .to_owned();
    }
    if closed && view.tally.quorum.is_some_and(|check| !check.reached) {
        return "Nothing is decided: the quorum was not reached.".to_owned();
    }
    match (contest.rule, counted.majority.as_ref()) {
        (Rule::YesNo, Some(check)) => motion(contest, check, closed),
        (_, Some(check)) if !check.reached => {
            let so_far = if closed { "" } else { ", so far" };
            format!(
                "Nobody has won{so_far}: {} has no majority ({}).",
                leaders.join(" and "),
                needed(contest, check)
            )
        }
        _ => led(contest, counted, &leaders, closed),
    }
}

fn needed(contest: &Contest, check: &Check) -> String {
    let roll = contest
        .majority
        .is_some_and(|majority| majority.base == Base::Roll);
    let of = if roll { "of the roll" } else { "cast" };
    format!(
        "{} votes; it takes {} of {} {of}",
        check.votes, check.share, check.of
    )
}

fn motion(contest: &Contest, check: &Check, closed: bool) -> String {
    let title = names(contest).into_iter().next().unwrap_or_default();
    let verdict = match (check.reached, closed) {
        (true, true) => "has carried",
        (true, false) => "carries, if it closed now",
        (false, true) => "has not carried",
        (false, false) => "does not carry, if it closed now",
    };
    format!("{title} {verdict}: {}.", needed(contest, check))
}

fn led(contest: &Contest, counted: &ContestTally, leaders: &[String], closed: bool) -> String {
    match (leaders, &counted.outcome) {
        ([one], None) => {
            let verb = if closed { "has won" } else { "leads" };
            format!(
                "{one} {verb}, with {} of {} votes.",
                counted.lines[0].votes, counted.votes
            )
        }
        (several, None) => {
            let over = if closed { "It is" } else { "It is, so far," };
            format!("{over} a tie between {}.", several.join(" and "))
        }
        (elected, Some(_)) => {
            let seats = if contest.seats == 1 {
                "Elected".to_owned()
            } else {
                format!("Elected to {} seats", contest.seats)
            };
            let seats = if closed {
                seats
            } else {
                format!("{seats}, if it closed now")
            };
            format!("{seats}: {}.", elected.join(", "))
        }
    }
}

/// How an outcome came about. `alone` is what the numbers of a single round are, if they are not
/// shown already.
pub(crate) fn how(outcome: &Outcome, names: &[String], alone: Option<&'static str>) -> Vec<String> {
    let rounds = match (outcome.rounds.as_slice(), alone) {
        ([], _) | ([_], None) => Vec::new(),
        ([round], Some(what)) => single(round, names, what),
        _ => rounds(outcome, names),
    };
    [rounds, matrix(outcome, names), ties(outcome, names)].concat()
}

fn widest(names: &[String]) -> usize {
    column(names.iter().map(String::as_str))
}

/// A round without others.
fn single(round: &Round, names: &[String], what: &str) -> Vec<String> {
    let nobody = (round.exhausted > Votes::default()).then_some((NOBODY, round.exhausted));
    let rows = names
        .iter()
        .map(String::as_str)
        .zip(round.votes.iter().copied())
        .chain(nobody);
    let width = column(rows.clone().map(|(name, _)| name));
    let row = |(name, votes): (&str, Votes)| format!("  {name:<width$}  {:>8}", votes.to_string());
    std::iter::once(format!("  {what}:"))
        .chain(rows.map(row))
        .collect()
}

/// Rounds side by side, the last ones if there are many, which is said; and what was done in each.
fn rounds(outcome: &Outcome, names: &[String]) -> Vec<String> {
    let (all, width) = (&outcome.rounds, widest(names).max(NOBODY.len()));
    let skipped = all.len().saturating_sub(ROUNDS_SHOWN);
    let shown = &all[skipped..];
    let label = |text: &str| format!("  {text:<width$}");
    let mut lines = Vec::new();
    if skipped > 0 {
        lines.push(format!(
            "  (votes of rounds 1 to {skipped} of {} are left out here; --json has all of them)",
            all.len()
        ));
    }
    lines.push(
        label("round")
            + &(skipped..all.len())
                .map(|at| format!("  {:>12}", at + 1))
                .collect::<String>(),
    );
    let cells = |of: &dyn Fn(&Round) -> Votes| {
        shown
            .iter()
            .map(|round| format!("  {:>12}", of(round).to_string()))
            .collect::<String>()
    };
    for (place, name) in names.iter().enumerate() {
        lines.push(label(name) + &cells(&|round| round.votes[place]));
    }
    lines.push(label(NOBODY) + &cells(&|round| round.exhausted));
    lines.extend(outcome.quota.map(|quota| format!("  quota {quota}")));
    for (at, round) in all.iter().enumerate() {
        let done: Vec<_> = round
            .actions
            .iter()
            .map(|done| views::action(done, names))
            .collect();
        lines.push(format!("  round {}: {}", at + 1, done.join("; ")));
    }
    lines
}

/// How many prefer the one of the row to the one of the column.
fn matrix(outcome: &Outcome, names: &[String]) -> Vec<String> {
    let Some(wins) = &outcome.pairwise else {
        return Vec::new();
    };
    let width = widest(names);
    let mut lines = vec!["  ballots that prefer the row to the column:".to_owned()];
    let numbers: String = (1..=names.len())
        .map(|number| format!("  {number:>6}"))
        .collect();
    lines.push(format!("  {:<4}{:<width$}{numbers}", "", ""));
    for (a, name) in names.iter().enumerate() {
        let cell = |b: usize| {
            if a == b {
                format!("  {:>6}", "-")
            } else {
                format!("  {:>6}", wins[a][b])
            }
        };
        let row: String = (0..names.len()).map(cell).collect();
        lines.push(format!("  {:<4}{name:<width$}{row}", a + 1));
    }
    lines
}

/// Which ties were broken, and how.
pub(crate) fn ties(outcome: &Outcome, names: &[String]) -> Vec<String> {
    outcome
        .ties
        .iter()
        .map(|tie| format!("  tie: {}", views::tie(tie, names)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vote_chain::TallyLine;

    fn votes(round: [u64; 2]) -> Round {
        Round {
            votes: round.map(Votes::whole).into(),
            exhausted: Votes::default(),
            actions: Vec::new(),
        }
    }

    #[test]
    fn columns_are_straight_beside_short_names() {
        let names = ["Al", "Bo"].map(String::from);
        let mut view = crate::report::tests::view();
        let counted = &mut view.tally.contests[0];
        counted.lines = ["Al", "Bo"]
            .map(|name| TallyLine {
                choice: name.into(),
                votes: 1,
            })
            .into();
        let table = contest_lines(
            &Contest::listed(names.clone().into(), Rule::Plurality, 1),
            counted,
        );
        let ends: Vec<_> = table.iter().map(|line| line.find('1').unwrap()).collect();
        assert_eq!(ends, [ends[0]; 3], "{table:?}");
        let two = Outcome {
            rounds: vec![votes([3, 2]), votes([3, 2])],
            ..Outcome::default()
        };
        let table = how(&two, &names, None);
        assert_eq!(
            table[..4].iter().map(String::len).collect::<Vec<_>>(),
            [table[0].len(); 4],
            "{table:?}"
        );
    }

    fn tie(picked: usize) -> vote_chain::TieBreak {
        vote_chain::TieBreak {
            round: 0,
            stake: vote_chain::Stake::Exclusion,
            candidates: vec![0, 1],
            earlier: None,
            drawn: vec![0, 1],
            picked,
        }
    }

    #[test]
    fn rounds_that_are_not_shown_are_said_to_be_left_out() {
        let names = ["Al", "Bo"].map(String::from);
        let many = |rounds| {
            how(
                &Outcome {
                    rounds: vec![votes([3, 2]); rounds],
                    ..Outcome::default()
                },
                &names,
                None,
            )
        };
        assert!(many(ROUNDS_SHOWN)[0].trim_start().starts_with("round"));
        assert_eq!(
            many(ROUNDS_SHOWN + 3)[0],
            "  (votes of rounds 1 to 3 of 11 are left out here; --json has all of them)"
        );
    }

    #[test]
    fn ballots_that_count_for_nobody_have_a_line_and_elect_nobody() {
        let contest = Contest::listed(["Al", "Bo"].map(String::from).into(), Rule::Irv, 1);
        let mut view = crate::report::tests::view();
        let counted = &mut view.tally.contests[0];
        let round = Round {
            exhausted: Votes::whole(4),
            ..votes([0, 0])
        };
        *counted = ContestTally {
            votes: 4,
            blank: 3,
            leaders: Vec::new(),
            outcome: Some(Outcome {
                rounds: vec![round],
                ..Outcome::default()
            }),
            ..counted.clone()
        };
        let lines = contest_lines(&contest, counted);
        assert!(
            lines
                .iter()
                .any(|line| line.trim_start().starts_with("blank") && line.ends_with(" 3")),
            "{lines:?}"
        );
        assert!(
            lines
                .iter()
                .any(|line| line.trim_start().starts_with(NOBODY) && line.ends_with(" 4")),
            "{lines:?}"
        );
        let counted = view.tally.contests[0].clone();
        assert_eq!(
            sentence(&view, &contest, &counted),
            "Nobody is elected: no ballot counts for any of the choices."
        );
    }

    #[test]
    fn choice_of_any_length_is_shown() {
        let name = "x".repeat(70_000);
        let mut view = crate::report::tests::view();
        let counted = &mut view.tally.contests[0];
        counted.lines = vec![TallyLine {
            choice: name.clone(),
            votes: 1,
        }];
        let contest = Contest::listed(vec![name.clone()], Rule::Plurality, 1);
        assert!(contest_lines(&contest, counted)[0].contains(&name));
        let two = Outcome {
            rounds: vec![votes([3, 2]), votes([3, 2])],
            ..Outcome::default()
        };
        assert!(how(&two, &[name.clone(), name.clone()], None)[1].ends_with('3'));
        let paired = Outcome {
            pairwise: Some(vec![vec![0, 1], vec![2, 0]]),
            ties: vec![tie(1)],
            ..Outcome::default()
        };
        let lines = how(&paired, &[name.clone(), name.clone()], Some("votes"));
        assert!(
            lines.last().unwrap().contains(&format!("lot draws {name}")),
            "the tie is said"
        );
        let alone = Outcome {
            rounds: vec![votes([3, 2])],
            ..Outcome::default()
        };
        assert!(how(&alone, &[name.clone(), name], Some("votes"))[1].ends_with('3'));
    }

    #[test]
    fn points_are_shown_where_the_counts_are_something_else() {
        let names = ["Al", "Bo"].map(String::from);
        let one = Outcome {
            rounds: vec![votes([7, 2])],
            ..Outcome::default()
        };
        assert_eq!(
            how(&one, &names, Some("points")),
            ["  points:", "  Al         7", "  Bo         2"]
        );
        assert!(how(&one, &names, None).is_empty());
    }
}
