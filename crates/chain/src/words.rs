//! What a ballot says, in words: as a voter types it, with the names of the choices
//! (docs/protocol.md, "Receipt files").

use std::borrow::Cow;

use crate::ballot::Selection;
use crate::contest::{Choices, Contest};

/// Abstains.
const ABSTAIN: &str = "abstain";
/// Names nobody.
const NOBODY: &str = "-";
/// What stands between names: a name that has one of these in it is put in quotation marks, lest it
/// be taken for two.
const MARKS: [char; 5] = ['>', '=', ',', '"', '\\'];

impl Contest {
    /// What a selection that fits this contest says, in words: `Ada`, `Ada, Grace`, `Ada=10,
    /// Grace=7`, `Ada > Grace = Joan`, `-` for nobody, `abstain`. A name that could be taken for
    /// something else is put in quotation marks, so that two selections never have the same words.
    /// A place that is not on the list is given as its number, with a #.
    pub fn in_words(&self, selection: &Selection) -> String {
        let words = match selection {
            Selection::Abstain => ABSTAIN.to_owned(),
            Selection::WriteIn(text) => quoted(text).into_owned(),
            Selection::Listed(place) => self.choice_name(usize::from(*place)),
            Selection::Approved(places) => self.names(places, ", "),
            Selection::Scored(scores) => {
                let scored = scores.iter().enumerate().filter(|(_, score)| **score > 0);
                let scored: Vec<_> = scored
                    .map(|(at, score)| format!("{}={score}", self.choice_name(at)))
                    .collect();
                scored.join(", ")
            }
            Selection::Ranked(ranks) => {
                let ranks: Vec<_> = ranks.iter().map(|rank| self.names(rank, " = ")).collect();
                ranks.join(" > ")
            }
        };
        if words.is_empty() {
            NOBODY.to_owned()
        } else {
            words
        }
    }

    fn names(&self, places: &[u16], between: &str) -> String {
        let names: Vec<_> = places
            .iter()
            .map(|place| self.choice_name(usize::from(*place)))
            .collect();
        names.join(between)
    }

    fn choice_name(&self, place: usize) -> String {
        let listed = match &self.choices {
            Choices::Listed(choices) => choices.get(place),
            Choices::WriteIn => None,
        };
        listed.map_or_else(
            || format!("#{}", place + 1),
            |name| quoted(name).into_owned(),
        )
    }
}

fn quoted(name: &str) -> Cow<'_, str> {
    if name == ABSTAIN || name == NOBODY || name.contains(MARKS) {
        Cow::Owned(format!(
            "\"{}\"",
            name.replace('\\', "\\\\").replace('"', "\\\"")
        ))
    } else {
        Cow::Borrowed(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranks::Ranks;
    use vote_counting::Rule;

    fn ranked(ranks: &[&[u16]]) -> Selection {
        Selection::Ranked(Ranks::new(ranks).expect("few"))
    }

    #[test]
    fn selections_are_said_with_the_names_of_their_choices() {
        let contest = Contest::listed(
            ["Ada", "Grace", "Joan"].map(String::from).into(),
            Rule::Irv,
            1,
        );
        for (selection, words) in [
            (Selection::Listed(1), "Grace"),
            (Selection::Approved(vec![0, 2]), "Ada, Joan"),
            (Selection::Approved(vec![]), "-"),
            (Selection::Scored(vec![10, 0, 7]), "Ada=10, Joan=7"),
            (Selection::Scored(vec![0, 0, 0]), "-"),
            (ranked(&[&[2], &[0, 1]]), "Joan > Ada = Grace"),
            (ranked(&[]), "-"),
            (Selection::Abstain, "abstain"),
            (Selection::WriteIn("Gr\u{fc}nkohl".into()), "Gr\u{fc}nkohl"),
        ] {
            assert_eq!(contest.in_words(&selection), words);
        }
    }

    #[test]
    fn no_name_is_taken_for_something_else() {
        let names = ["A > B", "A", "B", "-", "abstain", "say \"A\"", "A, B"].map(String::from);
        let contest = Contest::listed(names.into(), Rule::Irv, 1);
        let single = |place| contest.in_words(&ranked(&[&[place]]));
        assert_eq!(single(0), "\"A > B\"");
        assert_eq!(contest.in_words(&ranked(&[&[1], &[2]])), "A > B");
        assert_eq!(single(3), "\"-\"");
        assert_eq!(single(4), "\"abstain\"");
        assert_eq!(single(5), "\"say \\\"A\\\"\"");
        assert_eq!(contest.in_words(&Selection::Approved(vec![6])), "\"A, B\"");
        assert_eq!(contest.in_words(&Selection::Approved(vec![1, 2])), "A, B");
        assert_eq!(
            contest.in_words(&Selection::WriteIn("abstain".into())),
            "\"abstain\""
        );
    }
}
