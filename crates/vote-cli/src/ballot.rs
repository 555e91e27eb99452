//! Ballots as people type them.

use sha2::{Digest, Sha256};
use vote_chain::{BallotKind, Choices, Contest, InvalidSelection, Ranks, SCORE_MAX, Selection};
use vote_counting::names::look;

use crate::failure::Failure;
use crate::output::clean;

/// What a voter types to abstain.
const ABSTAIN: &str = "abstain";

/// How to write what a ballot says to a contest.
pub(crate) fn syntax(contest: &Contest) -> String {
    let (min, max) = (contest.choices_min, contest.choices_max);
    let all = contest
        .listed_count()
        .is_some_and(|count| usize::from(max) == count);
    let bounds = match (min, max) {
        _ if contest.rule.is_single() => String::new(),
        (0, _) if all => String::new(),
        (0, max) => format!(" (at most {max})"),
        (min, _) if all => format!(" (at least {min})"),
        (min, max) if min == max => format!(" (exactly {min})"),
        (min, max) => format!(" ({min} to {max})"),
    };
    let how = match contest.rule.ballots() {
        BallotKind::One => "one choice".to_owned(),
        BallotKind::Several => "choices with commas between: \"Ada, Grace\"; \"-\" for none".into(),
        BallotKind::Scores => {
            "numbers from 0 to 10: \"Ada=10, Grace=7\"; who is left out has 0".into()
        }
        BallotKind::Points => format!(
            "points, together at most {}: \"Ada=2, Grace=1\"; who is left out has 0",
            contest.seats
        ),
        BallotKind::Ranks => "a ranking, best first: \"Ada > Grace = Joan\"; \"-\" for none".into(),
    };
    let or = if contest.abstention {
        "; or \"abstain\""
    } else {
        ""
    };
    format!("{how}{bounds}{or}")
}

/// In which order to show a listed contest's choices to a voter: that of the ballot, or one that is
/// another for each name.
pub(crate) fn order(contest: &Contest, voter: &str) -> Vec<usize> {
    let mut places: Vec<_> = (0..contest.listed_count().unwrap_or(0)).collect();
    if contest.shuffle {
        places.sort_by_cached_key(|place| {
            Sha256::digest(format!("{voter}\n{}\n{place}", contest.title))
        });
    }
    places
}

/// Reads what a ballot says to a contest. Choices are named by their words or by their numbers on
/// the ballot, from 1; with an @ before it, a number is never taken for a name.
pub(crate) fn parse(contest: &Contest, words: &str) -> Result<Selection, Failure> {
    let listed = matches!(&contest.choices, Choices::Listed(choices) if choices.iter().any(|choice| choice == ABSTAIN));
    if contest.abstention && words.trim().eq_ignore_ascii_case(ABSTAIN) && !listed {
        return Ok(Selection::Abstain);
    }
    let Choices::Listed(choices) = &contest.choices else {
        let why = || {
            Failure::Usage("write one line of 1 to 100 bytes in which something can be seen".into())
        };
        return contest.choice(words).ok_or_else(why);
    };
    if let Some((number, place)) = ambiguous(contest.rule.ballots(), choices, words) {
        return Err(Failure::Usage(format!(
            "{number} is the name of a choice, and the number of another, {:?}; write @{number} for that, and @{} for the one of that name",
            clean(&choices[number - 1]),
            place + 1
        )));
    }
    let refused = |why: InvalidSelection| {
        let list: Vec<_> = choices.iter().map(|choice| clean(choice)).collect();
        let how = syntax(contest);
        let why = match why {
            InvalidSelection::NotOffered => "is not offered".to_owned(),
            other => format!("cannot be cast: {other}"),
        };
        Failure::Usage(format!(
            "{words:?} {why}; write {how}. The choices are: {}",
            list.join(", ")
        ))
    };
    let selection = read(contest.rule.ballots(), choices, words)
        .ok_or_else(|| refused(InvalidSelection::NotOffered))?;
    contest.check_selection(&selection).map_err(refused)?;
    Ok(selection)
}

/// A number on the ballot that is the name of one choice (at that place), and the number of
/// another.
fn ambiguous(kind: BallotKind, choices: &[String], words: &str) -> Option<(usize, usize)> {
    let separators: &[char] = match kind {
        BallotKind::One => &[],
        BallotKind::Several | BallotKind::Scores | BallotKind::Points => &[','],
        BallotKind::Ranks => &['>', '='],
    };
    // Of a number, the name.
    let name = |part: &'_ str| match kind {
        BallotKind::Scores | BallotKind::Points => part
            .rsplit_once('=')
            .map_or(part, |(name, _)| name)
            .trim()
            .to_owned(),
        _ => part.trim().to_owned(),
    };
    words.split(separators).map(name).find_map(|word| {
        let looks = look(&word);
        let named = choices.iter().position(|choice| look(choice) == looks)?;
        let number = word
            .parse::<usize>()
            .ok()
            .filter(|number| (1..=choices.len()).contains(number))?;
        (number != named + 1).then_some((number, named))
    })
}

fn read(kind: BallotKind, choices: &[String], words: &str) -> Option<Selection> {
    let place = |word: &str| {
        let word = word.trim();
        let looks = look(word);
        let named = choices.iter().position(|choice| look(choice) == looks);
        let number = word.strip_prefix('@').unwrap_or(word);
        let numbered = || {
            number
                .parse::<usize>()
                .ok()
                .and_then(|number| number.checked_sub(1))
        };
        named
            .or_else(numbered)
            .filter(|at| *at < choices.len())
            .and_then(|at| u16::try_from(at).ok())
    };
    let sorted = |words: &str, between: char| {
        let mut places = words
            .split(between)
            .map(place)
            .collect::<Option<Vec<_>>>()?;
        places.sort_unstable();
        Some(places)
    };
    match kind {
        BallotKind::One => place(words).map(Selection::Listed),
        BallotKind::Several if words.trim() == "-" => Some(Selection::Approved(Vec::new())),
        BallotKind::Several => sorted(words, ',').map(Selection::Approved),
        BallotKind::Scores => {
            numbers(choices.len(), words, place, SCORE_MAX).map(Selection::Scored)
        }
        BallotKind::Points => numbers(choices.len(), words, place, u8::MAX).map(Selection::Scored),
        BallotKind::Ranks if words.trim() == "-" => Some(Selection::Ranked(Ranks::default())),
        BallotKind::Ranks => {
            let ranks = words
                .split('>')
                .map(|rank| sorted(rank, '='))
                .collect::<Option<Vec<_>>>()?;
            Ranks::new(ranks).map(Selection::Ranked)
        }
    }
}

/// A number up to `max` for each choice that is named, 0 for others.
fn numbers(
    choices: usize,
    words: &str,
    place: impl Fn(&str) -> Option<u16>,
    max: u8,
) -> Option<Vec<u8>> {
    let mut scores = vec![0; choices];
    let mut seen = vec![false; choices];
    for part in words.split(',') {
        let (name, score) = part.rsplit_once('=')?;
        let (at, score) = (
            usize::from(place(name)?),
            score
                .trim()
                .parse::<u8>()
                .ok()
                .filter(|score| *score <= max)?,
        );
        if std::mem::replace(&mut seen[at], true) {
            return None;
        }
        scores[at] = score;
    }
    Some(scores)
}

#[cfg(test)]
mod tests {
    use vote_chain::Rule;

    use super::*;

    fn contest(rule: Rule) -> Contest {
        Contest::listed(["Ada", "Grace", "Joan"].map(String::from).into(), rule, 1)
    }

    fn says(rule: Rule, words: &str) -> Option<Selection> {
        parse(&contest(rule), words).ok()
    }

    #[test]
    fn points_are_spread_and_no_more_of_them_than_there_are_seats() {
        let spread = Contest::listed(
            ["Ada", "Grace", "Joan"].map(String::from).into(),
            Rule::Cumulative,
            2,
        );
        let says = |words: &str| parse(&spread, words).map_err(|why| why.to_string());
        assert_eq!(says("Joan=2"), Ok(Selection::Scored(vec![0, 0, 2])));
        assert_eq!(says("1=1, Joan=1"), Ok(Selection::Scored(vec![1, 0, 1])));
        for (words, why) in [
            ("Ada=2, Joan=1", "it spreads 3 points; at most 2 may be"),
            ("Ada=256", "is not offered"),
            ("Ada, Joan", "together at most 2: \"Ada=2, Grace=1\""),
        ] {
            let said = says(words).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
        assert_eq!(
            parse(&contest(Rule::Star), "Joan=10, 1=3").unwrap(),
            Selection::Scored(vec![3, 0, 10])
        );
    }

    #[test]
    fn ballots_are_read_by_words_and_numbers() {
        assert_eq!(says(Rule::Plurality, "Grace"), Some(Selection::Listed(1)));
        assert_eq!(
            says(Rule::Irv, "Joan > 1 = Grace"),
            Ranks::new([vec![2], vec![0, 1]]).map(Selection::Ranked)
        );
        assert_eq!(
            says(Rule::Irv, "-"),
            Some(Selection::Ranked(Ranks::default()))
        );
        assert_eq!(
            says(Rule::Approval, "Joan, Ada"),
            Some(Selection::Approved(vec![0, 2]))
        );
        assert_eq!(
            says(Rule::Approval, "-"),
            Some(Selection::Approved(Vec::new()))
        );
        assert_eq!(
            says(Rule::Score, "Joan=10, 1=3"),
            Some(Selection::Scored(vec![3, 0, 10]))
        );
        let may_abstain = Contest {
            abstention: true,
            ..contest(Rule::Stv)
        };
        assert_eq!(
            parse(&may_abstain, "Abstain").ok(),
            Some(Selection::Abstain)
        );
    }

    #[test]
    fn number_that_is_the_name_of_one_choice_and_the_number_of_another_is_not_guessed() {
        let years =
            |rule| Contest::listed(["3", "1", "Joan", "4"].map(String::from).into(), rule, 1);
        for (rule, words) in [
            (Rule::Plurality, "1"),
            (Rule::Irv, "Joan > 3"),
            (Rule::Irv, "Joan = 1 > 4"),
            (Rule::Approval, "4, 1"),
            (Rule::Score, "Joan=3, 1=3"),
        ] {
            let why = parse(&years(rule), words).unwrap_err().to_string();
            assert!(
                why.contains("is the name of a choice, and the number of another"),
                "{words:?}: {why}"
            );
        }
        let why = parse(&years(Rule::Plurality), "1").unwrap_err().to_string();
        assert!(
            why.contains("write @1 for that, and @2 for the one of that name"),
            "{why}"
        );
        let says = |rule, words| parse(&years(rule), words).ok();
        assert_eq!(says(Rule::Plurality, "@1"), Some(Selection::Listed(0)));
        assert_eq!(
            says(Rule::Plurality, "2"),
            Some(Selection::Listed(1)),
            "no choice is called so"
        );
        assert_eq!(
            says(Rule::Plurality, "4"),
            Some(Selection::Listed(3)),
            "name and number are one"
        );
        assert_eq!(
            says(Rule::Irv, "@2 > @3"),
            Some(Selection::Ranked(Ranks::strict([1, 2])))
        );
        assert_eq!(
            says(Rule::Score, "Joan=1, @1=3"),
            Some(Selection::Scored(vec![3, 0, 1, 0]))
        );
    }

    #[test]
    fn what_no_ballot_says_is_refused() {
        for (rule, words) in [
            (Rule::Plurality, "Eve"),
            (Rule::Plurality, "4"),
            (Rule::Plurality, "0"),
            (Rule::Plurality, "abstain"),
            (Rule::Irv, "Ada > Ada"),
            (Rule::Irv, "Ada > "),
            (Rule::Approval, "Ada, Ada"),
            (Rule::Score, "Ada=11"),
            (Rule::Score, "Ada=1, Ada=2"),
            (Rule::Score, "Ada"),
        ] {
            assert_eq!(says(rule, words), None, "{words:?}");
        }
    }

    #[test]
    fn shuffled_choices_are_all_there_the_same_for_a_voter_and_others_for_others() {
        let shuffled = Contest {
            shuffle: true,
            ..contest(Rule::Irv)
        };
        assert_eq!(order(&contest(Rule::Irv), "Ada"), [0, 1, 2]);
        let orders: std::collections::BTreeSet<_> = (0..50)
            .map(|n| order(&shuffled, &format!("voter {n}")))
            .collect();
        assert_eq!(orders.len(), 6, "each order comes up");
        assert_eq!(order(&shuffled, "Ada"), order(&shuffled, "Ada"));
    }

    #[test]
    fn bounds_are_said_before_and_after() {
        let two = Contest {
            choices_max: 2,
            choices_min: 1,
            ..contest(Rule::Approval)
        };
        assert!(syntax(&two).contains("(1 to 2)"), "{}", syntax(&two));
        let why = parse(&two, "Ada, Grace, Joan").unwrap_err().to_string();
        assert!(why.contains("at most 2"), "{why}");
        assert!(
            parse(&two, "-")
                .unwrap_err()
                .to_string()
                .contains("at least 1")
        );
    }
}
