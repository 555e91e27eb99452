//! Ballots as people type them.

use vote_chain::{Choice, Contest, Election, Rule, SCORE_MAX};

use crate::failure::Failure;
use crate::output::clean;

/// How to write a ballot under a rule.
pub(crate) const fn syntax(rule: Rule) -> &'static str {
    match rule {
        Rule::Plurality => "one choice",
        Rule::Approval => "choices with commas between: \"Ada, Grace\"; \"-\" for none",
        Rule::Score => "numbers from 0 to 10: \"Ada=10, Grace=7\"; who is left out has 0",
        Rule::Borda | Rule::Irv | Rule::Stv | Rule::Schulze => "a ranking, best first: \"Ada > Grace = Joan\"",
    }
}

/// Reads a ballot. Choices are named by their words or by their numbers on the ballot, from 1.
pub(crate) fn parse(election: &Election, words: &str) -> Result<Choice, Failure> {
    let Contest::Listed(choices) = &election.contest else {
        let why = || Failure::Usage("write one line of 1 to 100 bytes, without spaces at its ends".into());
        return election.choice(words).ok_or_else(why);
    };
    let place = |word: &str| {
        let named = choices.iter().position(|choice| choice == word.trim());
        let numbered = || word.trim().parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        named.or_else(numbered).filter(|at| *at < choices.len()).and_then(|at| u16::try_from(at).ok())
    };
    let sorted = |words: &str, between: char| {
        let mut places = words.split(between).map(place).collect::<Option<Vec<_>>>()?;
        places.sort_unstable();
        Some(places)
    };
    let choice = match election.rule {
        Rule::Plurality => place(words).map(Choice::Listed),
        Rule::Approval if words.trim() == "-" => Some(Choice::Approved(Vec::new())),
        Rule::Approval => sorted(words, ',').map(Choice::Approved),
        Rule::Score => scores(choices.len(), words, place).map(Choice::Scored),
        _ => words.split('>').map(|rank| sorted(rank, '=')).collect::<Option<_>>().map(Choice::Ranked),
    };
    choice.filter(|choice| election.admits(choice)).ok_or_else(|| {
        let list: Vec<_> = choices.iter().map(|choice| clean(choice)).collect();
        let how = syntax(election.rule);
        Failure::Usage(format!("{words:?} is not offered; write {how}. The choices are: {}", list.join(", ")))
    })
}

fn scores(choices: usize, words: &str, place: impl Fn(&str) -> Option<u16>) -> Option<Vec<u8>> {
    let mut scores = vec![0; choices];
    let mut seen = vec![false; choices];
    for part in words.split(',') {
        let (name, score) = part.rsplit_once('=')?;
        let (at, score) =
            (usize::from(place(name)?), score.trim().parse::<u8>().ok().filter(|score| *score <= SCORE_MAX)?);
        if std::mem::replace(&mut seen[at], true) {
            return None;
        }
        scores[at] = score;
    }
    Some(scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rule: Rule, words: &str) -> Option<Choice> {
        let election = Election {
            title: "t".into(),
            description: String::new(),
            contest: Contest::Listed(["Ada", "Grace", "Joan"].map(String::from).into()),
            rule,
            seats: 1,
            opens_at: None,
            closes_at: None,
            salt: 0,
        };
        parse(&election, words).ok()
    }

    #[test]
    fn ballots_are_read_by_words_and_numbers() {
        assert_eq!(read(Rule::Plurality, "Grace"), Some(Choice::Listed(1)));
        assert_eq!(read(Rule::Irv, "Joan > 1 = Grace"), Some(Choice::Ranked(vec![vec![2], vec![0, 1]])));
        assert_eq!(read(Rule::Approval, "Joan, Ada"), Some(Choice::Approved(vec![0, 2])));
        assert_eq!(read(Rule::Approval, "-"), Some(Choice::Approved(Vec::new())));
        assert_eq!(read(Rule::Score, "Joan=10, 1=3"), Some(Choice::Scored(vec![3, 0, 10])));
    }

    #[test]
    fn what_no_ballot_says_is_refused() {
        for (rule, words) in [
            (Rule::Plurality, "Eve"),
            (Rule::Plurality, "4"),
            (Rule::Plurality, "0"),
            (Rule::Irv, "Ada > Ada"),
            (Rule::Irv, "Ada > "),
            (Rule::Approval, "Ada, Ada"),
            (Rule::Score, "Ada=11"),
            (Rule::Score, "Ada=1, Ada=2"),
            (Rule::Score, "Ada"),
        ] {
            assert_eq!(read(rule, words), None, "{words:?}");
        }
    }
}
