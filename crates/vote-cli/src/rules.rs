//! The rules of a vote, in words, from the election alone: what voters and organisers can rely on.
//! Nothing of it is written by hand.

use vote_chain::{
    Base, Choices, Committee, Contest, Election, ElectionRecord, Overvotes, Results, Rule, Seats,
    Ties, Timestamp, Voters,
};

use crate::ballot;
use crate::output::clean;

/// The rules of an election; once it is on the ledger, with the times that are in force.
pub(crate) fn lines(election: &Election, record: Option<&ElectionRecord>) -> Vec<String> {
    let several = election.contests.len() > 1;
    let mut lines = Vec::new();
    for contest in &election.contests {
        if several {
            lines.push(format!("  {}", clean(&contest.title)));
        }
        // Set off from what is said of all contests.
        let indent = if several { "  " } else { "" };
        lines.extend(
            contest_lines(contest)
                .iter()
                .map(|line| format!("{indent}{line}")),
        );
    }
    lines.push(format!("  who votes  {}", who(election)));
    lines.push(format!("  names      {}", names(election.names)));
    lines.push(format!("  replacing  {}", replacing(election.revotes)));
    let (opens_at, closes_at) = record.map_or((election.opens_at, election.closes_at), |record| {
        (record.opens_at, record.closes_at)
    });
    lines.push(format!("  opens      {}", opens(election, opens_at)));
    lines.push(format!(
        "  closes     {}",
        closes_at.map_or_else(
            || "when its organiser closes it".to_owned(),
            |time| time.to_string()
        )
    ));
    lines.extend(
        election.quorum.map(|share| {
            format!("  quorum     {share} of the roll must vote, or nothing is decided")
        }),
    );
    lines.push(format!("  shown      {}", shown(election.results)));
    if election
        .contests
        .iter()
        .any(|contest| draws_lots(contest.rule))
    {
        lines.push(format!("  lots       {}", lots(election)));
    }
    // Who organises it now is shown with what waits for them.
    let named = election.committee.as_ref().filter(|_| record.is_none());
    if let Some(Committee { organisers, needed }) = named {
        let mut line = format!(
            "  organisers {} keys, of which {needed} must sign each act",
            organisers.len()
        );
        if usize::from(*needed) == organisers.len() {
            line.push_str("; if one is lost, no act can be done any more");
        }
        lines.push(line);
    }
    lines.push(
        "  changes    nobody can change choices or rules; its organiser can change times and roll, close it, and cancel it, \
         each as an act that everybody sees"
            .to_owned(),
    );
    lines
}

fn contest_lines(contest: &Contest) -> Vec<String> {
    let choices = match &contest.choices {
        Choices::Listed(choices) => choices
            .iter()
            .map(|choice| clean(choice))
            .collect::<Vec<_>>()
            .join(", "),
        Choices::WriteIn => "what the voter writes in".to_owned(),
    };
    let order = if contest.shuffle {
        " (shown to each voter in another order)"
    } else {
        ""
    };
    let mut lines = vec![
        format!("  choices    {choices}{order}"),
        format!("  a ballot   is {}", ballot::syntax(contest)),
        format!(
            "  counted    by {}; {}",
            contest.rule.name(),
            seats(contest)
        ),
        format!("  ties       {}", ties(contest.rule)),
    ];
    if contest.rule == Rule::Irv {
        lines.push(format!(
            "  overvotes  a ballot that gives a rank to several {}",
            overvotes(contest.overvotes)
        ));
    }
    lines.extend(contest.majority.map(|majority| {
        let of = match majority.base {
            Base::Votes => "the votes cast, abstentions aside",
            Base::Roll => "the votes of the roll, cast or not",
        };
        let what = if contest.rule == Rule::YesNo {
            "to carry, the first choice"
        } else {
            "to win, a choice"
        };
        format!("  majority   {what} needs {} of {of}", majority.share)
    }));
    lines
}

/// How many win.
pub(crate) fn seats(contest: &Contest) -> String {
    match (contest.seats, contest.rule.seats()) {
        (1, Seats::ForLists) => "one seat goes to a list".to_owned(),
        (seats, Seats::ForLists) => format!("{seats} seats go to lists, which can have several"),
        (1, _) => "one choice wins".to_owned(),
        (seats, _) => format!("{seats} choices win"),
    }
}

const fn who(election: &Election) -> &'static str {
    match election.voters {
        Voters::Anyone => "anybody with a key, one ballot for each key; every ballot is public",
        Voters::Roll => "those on the roll, one vote each; every ballot is public",
        Voters::WeightedRoll => {
            "those on the roll, with as many votes as it says; every ballot is public"
        }
    }
}

const fn names(names: bool) -> &'static str {
    if names {
        "each ballot has its voter's name on it, for everybody to read for ever; nothing proves it"
    } else {
        "the vote asks for no names: a ballot is known by its key"
    }
}

fn replacing(revotes: u16) -> String {
    match revotes {
        0 => "a ballot that is cast is final".to_owned(),
        1 => "a voter can replace the ballot once; the last one counts".to_owned(),
        times => format!("a voter can replace the ballot up to {times} times; the last one counts"),
    }
}

fn opens(election: &Election, opens_at: Option<Timestamp>) -> String {
    match opens_at {
        Some(time) if election.has_roll() => {
            format!("{time}, or when the first voter is on its roll, if that is later")
        }
        Some(time) => time.to_string(),
        None if election.has_roll() => {
            "when its organiser opens it, once the roll is complete".to_owned()
        }
        None => "at once".to_owned(),
    }
}

const fn shown(results: Results) -> &'static str {
    match results {
        Results::Live => "the count, as ballots come in",
        Results::AtClosing => {
            "the count once it has closed; until then how many have voted (a courtesy of apps: ballots are open)"
        }
    }
}

/// What becomes of a tie by a rule.
const fn ties(rule: Rule) -> &'static str {
    match rule.ties() {
        Ties::Stay => "stay ties: nobody wins by lot",
        Ties::Never => "there are none: the first choice has its majority, or it has not",
        Ties::Seats => "for the last seat are broken by lot",
        Ties::Exclusion => {
            "to be excluded are broken by the latest earlier round in which their votes differ: who had the fewest is out; else by lot"
        }
        Ties::ExclusionAndSurplus => {
            "to be excluded are broken by the latest earlier round in which their votes differ: who had the fewest is out (of surpluses, who \
             had the most goes first); else by lot"
        }
        Ties::NearExclusion => {
            "to be excluded (votes that differ by 0.000001 at most) are broken by the latest earlier round in which their votes differ: who \
             had the fewest is out; else by lot"
        }
        Ties::Runoff => {
            "for a place in the runoff are broken by the match-ups among those tied: who loses the most of them is out; in the runoff by the \
             higher sum; else by lot"
        }
        Ties::NextSeat => "for any seat are broken by lot",
        Ties::Pairs => {
            "between equal pairs that cannot all be locked in, and for the last seat, are broken by lot"
        }
    }
}

/// Whether a tie by that rule may be broken by lot.
const fn draws_lots(rule: Rule) -> bool {
    !matches!(rule.ties(), Ties::Stay | Ties::Never)
}

/// What becomes of a ballot by instant runoff that comes to a rank of several.
const fn overvotes(overvotes: Overvotes) -> &'static str {
    match overvotes {
        Overvotes::Wait => "waits there until only one of them is left",
        Overvotes::Exhaust => "counts for nobody once it comes to that rank",
        Overvotes::Skip => "passes over that rank",
    }
}

fn lots(election: &Election) -> String {
    let from = match election.tie_break.as_str() {
        "" => "the election's id".to_owned(),
        text => format!("{:?}", clean(text)),
    };
    format!("are drawn from {from}, as its organiser fixed it, who could know how they fall")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(election: &Election, label: &str) -> Vec<String> {
        lines(election, None)
            .into_iter()
            .filter(|line| line.trim_start().starts_with(label))
            .collect()
    }

    #[test]
    fn voters_are_told_who_could_know_how_ties_end() {
        let contest = Contest::listed(["A", "B"].map(String::from).into(), Rule::Irv, 1);
        let mut election = Election::simple("Board".into(), vec![contest], 1);
        assert!(
            said(&election, "lots")[0]
                .contains("from the election's id, as its organiser fixed it, who could know")
        );
        election.tie_break = "Lotto: 1 2 3".into();
        assert!(
            said(&election, "lots")[0]
                .contains("from \"Lotto: 1 2 3\", as its organiser fixed it, who could know")
        );
    }

    #[test]
    fn voters_are_told_whether_names_are_on_the_ledger() {
        let contest = Contest::listed(["A", "B"].map(String::from).into(), Rule::Plurality, 1);
        let mut election = Election::simple("Board".into(), vec![contest], 1);
        assert!(said(&election, "names")[0].contains("asks for no names"));
        election.names = true;
        assert!(said(&election, "names")[0].contains("for everybody to read for ever"));
    }

    #[test]
    fn each_rule_says_what_a_tie_does_and_none_speaks_of_lots_that_draws_none() {
        for rule in Rule::ALL {
            let contest = Contest::listed(["A", "B"].map(String::from).into(), rule, 1);
            let election = Election::simple("Board".into(), vec![contest], 1);
            let ties = said(&election, "ties");
            assert_eq!(ties.len(), 1, "{rule:?}");
            assert_eq!(
                ties[0].ends_with("by lot") && !ties[0].contains("nobody wins by lot"),
                said(&election, "lots").len() == 1
            );
            assert_eq!(
                said(&election, "overvotes").len(),
                usize::from(rule == Rule::Irv)
            );
        }
    }
}
