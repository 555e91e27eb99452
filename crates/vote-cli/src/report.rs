//! A result as a page to print, and as a table for spreadsheets. The page is one file that loads
//! nothing and runs nothing.

use std::fmt::Write;

use vote_api::ElectionView;
use vote_chain::{Action, ChainId, Contest, ContestTally, LogEntry, Outcome, Votes};

use vote_counting::formats::cell::guarded;

use crate::qr::escaped;
use crate::{log, result, rules};

const STYLE: &str = "\
body{font:16px/1.5 sans-serif;color:#111;background:#fff;max-width:60em;margin:2em auto;padding:0 1em}\
h1{font-size:1.6em;margin:0 0 .2em}h2{font-size:1.25em;margin:2em 0 .4em;border-bottom:1px solid #888}h3{font-size:1em;margin:1.4em 0 .3em}\
table{border-collapse:collapse;margin:.6em 0}th,td{padding:.25em .7em;text-align:right;border-bottom:1px solid #ccc}\
th:first-child,td:first-child{text-align:left}caption{text-align:left;font-size:.9em;color:#444;padding:.2em 0}\
td.bar{width:16em;text-align:left}td.bar div{background:#345;height:.9em}tr.leads td{font-weight:bold}\
.verdict{font-size:1.1em;font-weight:bold}.meta{color:#444}code{font:.85em/1.4 monospace;overflow-wrap:anywhere}ul{padding-left:1.2em}\
@page{margin:15mm}@media print{body{margin:0;max-width:none}h2{break-after:avoid}table{break-inside:avoid}\
td.bar div{background:#345;print-color-adjust:exact;-webkit-print-color-adjust:exact}}";

/// The page.
pub(crate) fn html(
    view: &ElectionView,
    entries: &[LogEntry],
    chain: &ChainId,
    chain_name: &str,
) -> String {
    let record = &view.record;
    let election = &record.election;
    let title = escaped(&election.title);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}: result</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    let paragraph = |page: &mut String, class: &str, text: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(page, "<p class=\"{class}\">{}</p>", escaped(text));
    };
    if !election.description.is_empty() {
        paragraph(&mut page, "", &election.description);
    }
    paragraph(
        &mut page,
        "meta",
        &format!(
            "The election is {}, as of block {}.",
            view.phase, view.height
        ),
    );
    paragraph(&mut page, "", &result::turnout(view));
    if let Some(sentence) = result::quorum(view) {
        paragraph(&mut page, "", &sentence);
    }
    if view.tally.contests.is_empty() {
        paragraph(&mut page, "", &format!("{}.", result::withheld(view.phase)));
    }
    for (contest, counted) in election.contests.iter().zip(&view.tally.contests) {
        let name = if contest.title.is_empty() {
            "Result"
        } else {
            &contest.title
        };
        let _ = writeln!(page, "<h2>{}</h2>", escaped(name));
        paragraph(
            &mut page,
            "verdict",
            &result::sentence(view, contest, counted),
        );
        page += &counts(contest, counted);
        if let Some(outcome) = &counted.outcome {
            page += &how(outcome, &result::names(contest));
        }
    }
    page += "<h2>The rules of this vote</h2>\n<ul>\n";
    rules::lines(election, Some(record))
        .iter()
        .for_each(|rule| page += &format!("<li>{}</li>\n", escaped(rule.trim())));
    page += "</ul>\n<h2>What the organiser has done</h2>\n<ul>\n";
    let done = log::lines(view, entries);
    let created = format!("{}  created", record.created_at);
    std::iter::once(created)
        .chain(done)
        .for_each(|line| page += &format!("<li>{}</li>\n", escaped(line.trim())));
    let (id, chain_name) = (record.id, escaped(chain_name));
    let _ = write!(
        page,
        "</ul>\n<h2>Check it yourself</h2>\n<p>This page proves nothing. The ledger does, if no more than a third of its validators' power is \
         dishonest; with a node or the archive of the election anybody can check every signature, every rule and the count:</p>\n\
         <p><code>vote-cli export {id:.16} -o election.archive</code><br>\n<code>vote-cli verify archive election.archive --chain {chain}</code></p>\n\
         <p class=\"meta\">Election <code>{id}</code> on chain <code>{chain}</code> ({chain_name}); board of {} ballots with root <code>{}</code>.</p>\n\
         </body>\n</html>\n",
        record.board.size(),
        record.board.root()
    );
    page
}

/// How many seats a choice has, where choices are lists.
fn seats(counted: &ContestTally, choice: &str) -> Option<u64> {
    let leads = counted.leaders.iter().position(|leader| leader == choice);
    let none = (!counted.leader_seats.is_empty()).then_some(0);
    leads.map_or(none, |at| counted.leader_seats.get(at).copied())
}

fn counts(contest: &Contest, counted: &ContestTally) -> String {
    let most = counted.lines.first().map_or(0, |line| line.votes).max(1);
    let what = result::heading(contest.rule).unwrap_or("votes");
    let mut table = format!(
        "<table>\n<caption>{} votes, counted by {}; {}; {} abstain; {} blank</caption>\n\
         <tr><th scope=\"col\">Choice</th><th scope=\"col\">{what}</th><th></th></tr>\n",
        counted.votes,
        contest.rule.name(),
        rules::seats(contest),
        counted.abstentions,
        counted.blank
    );
    for line in &counted.lines {
        let leads = if counted.leaders.contains(&line.choice) {
            " class=\"leads\""
        } else {
            ""
        };
        let seats = seats(counted, &line.choice)
            .map_or_else(String::new, |seats| format!(": {seats} seats"));
        let share = u128::from(line.votes) * 100 / u128::from(most);
        let _ = writeln!(
            table,
            "<tr{leads}><td>{}{seats}</td><td>{}</td><td class=\"bar\"><div style=\"width:{share}%\"></div></td></tr>",
            escaped(&line.choice),
            line.votes
        );
    }
    if counted.other_choices > 0 {
        let _ = writeln!(
            table,
            "<tr><td>{} more choices</td><td>{}</td><td></td></tr>",
            counted.other_choices, counted.other_votes
        );
    }
    table + "</table>\n"
}

fn how(outcome: &Outcome, names: &[String]) -> String {
    let mut text = String::new();
    if outcome.rounds.len() > 1
        || outcome
            .rounds
            .iter()
            .any(|round| round.exhausted > Votes::default())
    {
        text += "<h3>Rounds</h3>\n<table>\n<tr><th scope=\"col\">Choice</th>";
        (1..=outcome.rounds.len())
            .for_each(|number| text += &format!("<th scope=\"col\">{number}</th>"));
        text += "</tr>\n";
        for (place, name) in names.iter().enumerate() {
            let cells: String = outcome
                .rounds
                .iter()
                .map(|round| format!("<td>{}</td>", round.votes[place]))
                .collect();
            let _ = writeln!(text, "<tr><td>{}</td>{cells}</tr>", escaped(name));
        }
        let cells: String = outcome
            .rounds
            .iter()
            .map(|round| format!("<td>{}</td>", round.exhausted))
            .collect();
        let _ = write!(
            text,
            "<tr><td>for nobody</td>{cells}</tr>\n</table>\n<ol>\n"
        );
        for round in &outcome.rounds {
            let done: Vec<_> = round
                .actions
                .iter()
                .map(|action: &Action| vote_views::action(action, names))
                .collect();
            let _ = writeln!(text, "<li>{}</li>", escaped(&done.join("; ")));
        }
        text += "</ol>\n";
    }
    if let Some(wins) = &outcome.pairwise {
        text += "<h3>One against one</h3>\n<table>\n<caption>Votes that prefer the row to the column</caption>\n<tr><th></th>";
        names
            .iter()
            .for_each(|name| text += &format!("<th scope=\"col\">{}</th>", escaped(name)));
        text += "</tr>\n";
        for (a, name) in names.iter().enumerate() {
            let cell = |b: usize| {
                if a == b {
                    "<td>-</td>".to_owned()
                } else {
                    format!("<td>{}</td>", wins[a][b])
                }
            };
            let cells: String = (0..names.len()).map(cell).collect();
            let _ = writeln!(
                text,
                "<tr><th scope=\"row\">{}</th>{cells}</tr>",
                escaped(name)
            );
        }
        text += "</table>\n";
    }
    let ties = result::ties(outcome, names);
    if !ties.is_empty() {
        text += "<ul>\n";
        ties.iter()
            .for_each(|tie| text += &format!("<li>{}</li>\n", escaped(tie.trim())));
        text += "</ul>\n";
    }
    text
}

/// One row for each choice: contest, choice, votes, and whether it leads or has won.
pub(crate) fn csv(view: &ElectionView) -> Result<String, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(["contest", "choice", "votes", "leads", "seats"])?;
    for (contest, counted) in view
        .record
        .election
        .contests
        .iter()
        .zip(&view.tally.contests)
    {
        let title = guarded(&contest.title);
        for line in &counted.lines {
            let leads = match counted.leaders.contains(&line.choice) {
                _ if !counted.complete => "not counted",
                true => "yes",
                false => "no",
            };
            table.write_record([
                &title,
                &*guarded(&line.choice),
                &line.votes.to_string(),
                leads,
                &seats(counted, &line.choice).map_or_else(String::new, |seats| seats.to_string()),
            ])?;
        }
        if counted.abstentions > 0 {
            table.write_record([
                &title,
                "(abstain)",
                &counted.abstentions.to_string(),
                "no",
                "",
            ])?;
        }
        if counted.blank > 0 {
            table.write_record([&title, "(blank)", &counted.blank.to_string(), "no", ""])?;
        }
    }
    let bytes = table
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use vote_chain::{
        Contest, Election, ElectionPhase, ElectionRecord, Height, Rule, Tally, TallyLine,
        Timestamp, Turnout,
    };

    /// A small election that is over.
    pub(crate) fn view() -> ElectionView {
        let contest = Contest::listed(
            vec!["<b>Ada</b>".into(), "Grace, \"G\"".into()],
            Rule::Plurality,
            1,
        );
        let line = |choice: &str, votes| TallyLine {
            choice: choice.into(),
            votes,
        };
        let counted = ContestTally {
            votes: 3,
            abstentions: 1,
            lines: vec![line("Grace, \"G\"", 2), line("<b>Ada</b>", 1)],
            other_choices: 0,
            other_votes: 0,
            leaders: vec!["Grace, \"G\"".into()],
            leader_seats: Vec::new(),
            majority: None,
            outcome: None,
            outcome_cut: false,
            complete: true,
            blank: 0,
        };
        let election = Election::simple("<script>Board".into(), vec![contest], 1);
        let record = ElectionRecord {
            id: vote_chain::ElectionId::default(),
            election: std::sync::Arc::new(election),
            organiser: vote_chain::SecretKey::from_seed(&[1; 32]).public(),
            created_at: Timestamp::from_ms(0),
            opens_at: Some(Timestamp::from_ms(0)),
            closes_at: Some(Timestamp::from_ms(1000)),
            cancelled_at: None,
            roll: vote_chain::RollRecord::default(),
            log: vote_chain::Frontier::default(),
            board: vote_chain::Frontier::default(),
            turnout: Turnout {
                ballots: 4,
                weight: 4,
            },
            committee: None,
        };
        let tally = Tally {
            turnout: record.turnout,
            quorum: None,
            contests: vec![counted],
        };
        ElectionView {
            record,
            phase: ElectionPhase::Closed,
            tally,
            height: Height::new(9),
        }
    }

    #[test]
    fn page_says_who_has_won_and_runs_nothing_that_others_wrote() {
        let page = html(&view(), &[], &ChainId::default(), "Co-op & friends");
        assert!(
            page.contains("Grace, &quot;G&quot; has won, with 2 of 3 votes."),
            "{page}"
        );
        assert!(
            !page.contains("<script") && !page.contains("<b>Ada"),
            "{page}"
        );
        assert!(page.contains("Co-op &amp; friends") && page.contains("verify archive"));
    }

    #[test]
    fn table_has_a_row_for_each_choice_and_quotes_what_needs_it() {
        let table = csv(&view()).unwrap();
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(
            lines,
            [
                "contest,choice,votes,leads,seats",
                ",\"Grace, \"\"G\"\"\",2,yes,",
                ",<b>Ada</b>,1,no,",
                ",(abstain),1,no,"
            ]
        );
    }

    #[test]
    fn lists_have_their_seats_in_table_and_page() {
        let mut view = view();
        view.tally.contests[0].leader_seats = vec![3];
        let table = csv(&view).unwrap();
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(
            lines[1..3],
            [",\"Grace, \"\"G\"\"\",2,yes,3", ",<b>Ada</b>,1,no,0"]
        );
        let counted = &view.tally.contests[0];
        let page = counts(&view.record.election.contests[0], counted);
        assert!(page.contains("G&quot;: 3 seats") && page.contains("Ada&lt;/b&gt;: 0 seats"));
        let said = result::sentence(&view, &view.record.election.contests[0], counted);
        assert!(said.contains("Grace, \"G\" (3)"), "{said}");
    }

    #[test]
    fn no_choice_is_a_formula_for_a_spreadsheet() {
        let mut view = view();
        view.tally.contests[0].lines[0].choice = "=HYPERLINK(\"http://x\")".into();
        view.tally.contests[0].lines[1].choice = "-5".into();
        let table = csv(&view).unwrap();
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(
            lines[1..3],
            [",\"'=HYPERLINK(\"\"http://x\"\")\",2,no,", ",-5,1,no,"]
        );
    }
}
