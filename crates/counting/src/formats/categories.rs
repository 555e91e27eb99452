//! PrefLib's files of categories (`cat`): a header as for orders, then for each ballot who is in
//! which category, in the order of the file.

use std::fmt::Write;
use std::io::BufRead;

use super::preflib::{self, Header};
use super::{Categories, File, FormatError, Notes, Parsed, fault};
use crate::names::look;
use crate::profile::Group;

/// Names of categories that say no, wherever they stand.
const NO: &[&str] = &[
    "no",
    "nay",
    "nein",
    "non",
    "against",
    "reject",
    "rejected",
    "disapprove",
    "disapproved",
    "oppose",
    "0",
];
/// Names that say yes.
const YES: &[&str] = &[
    "yes", "aye", "yea", "ja", "oui", "for", "approve", "approved", "accept", "accepted", "1",
];

pub(super) fn parse(source: impl BufRead, meaning: &Categories) -> Result<Parsed, FormatError> {
    let mut rules = None;
    let mut notes = Notes::default();
    let (header, file) = preflib::read(source, |at, line, header, ballot| {
        let ranks = match &rules {
            Some(ranks) => ranks,
            None => &*rules.insert(ranks(header, meaning, &mut notes)?),
        };
        let found = preflib::order(at, line, header, true, |candidate| match candidate {
            Some((place, category)) if is_ranked(ranks, category) => Ok(ballot.name(place)),
            Some((place, _)) => Ok(ballot.see(place)),
            None => {
                // Categories that approve are one rank.
                if matches!(meaning, Categories::Ranks) {
                    ballot.close_rank();
                }
                Ok(true)
            }
        })?;
        ballot.close_rank();
        if found > ranks.len() {
            return Err(fault(
                at,
                format!("{found} categories; the header has {}", ranks.len()),
            ));
        }
        Ok(())
    })?;
    if rules.is_none() {
        ranks(&header, meaning, &mut notes)?;
    }
    Ok(Parsed {
        file,
        notes: notes.into(),
        scores: None,
    })
}

fn is_ranked(ranks: &[bool], category: usize) -> bool {
    ranks.get(category).copied().unwrap_or(false)
}

/// Which categories rank or approve those in them.
fn ranks(
    header: &Header,
    meaning: &Categories,
    notes: &mut Notes,
) -> Result<Vec<bool>, FormatError> {
    let names: Vec<&str> = header
        .categories
        .iter()
        .map(|(_, name)| name.as_str())
        .collect();
    let named = names.len();
    let (at, stated) = header.categories_stated.unwrap_or((1, named as u64));
    let number = usize::try_from(stated)
        .ok()
        .filter(|number| *number > 0 && (*number == named || named == 0));
    let Some(number) = number else {
        return Err(fault(
            at,
            format!("{stated} categories, of which {named} are named; 1 or more must be"),
        ));
    };
    let at = header.categories.first().map_or(at, |(line, _)| *line);
    let all_but_the_last = |number: usize| {
        (0..number)
            .map(|category| number == 1 || category + 1 < number)
            .collect()
    };
    let ask = |why: String| {
        let list = names
            .iter()
            .map(|name| format!("{name:?}"))
            .collect::<Vec<_>>()
            .join(", ");
        Err(fault(
            at,
            format!("{why}: say which categories approve, with --approve, of {list}"),
        ))
    };
    let reversed = names.len() > 1 && (says(NO, names[0]) || says(YES, names[names.len() - 1]));
    match meaning {
        Categories::Approve(wanted) => {
            for name in wanted {
                if !names.iter().any(|category| look(category) == look(name)) {
                    return ask(format!("there is no category {name:?}"));
                }
            }
            Ok(names
                .iter()
                .map(|category| wanted.iter().any(|name| look(name) == look(category)))
                .collect())
        }
        _ if reversed => ask(format!(
            "the categories go from {:?} to {:?}, and not from the best to the last",
            names[0],
            names[names.len() - 1]
        )),
        Categories::Plain if number > 2 => ask(format!("{number} categories")),
        Categories::Plain => Ok(all_but_the_last(number)),
        Categories::Ranks => {
            if let [ranked @ .., last] = names.as_slice()
                && number > 2
            {
                let order = ranked.join(" > ");
                notes.add(
                    at,
                    format!(
                        "categories are read as ranks, {order}; those in {last:?} are not ranked"
                    ),
                );
            }
            Ok(all_but_the_last(number))
        }
    }
}

fn says(words: &[&str], name: &str) -> bool {
    let name = name.to_lowercase();
    words.contains(&name.as_str()) || (words == NO && name.starts_with("not "))
}

/// Writes as many categories as there are ranks on the longest ballot, and one for those who are
/// not ranked.
pub(super) fn write(file: &File) -> String {
    let ranks = file
        .ballots
        .iter()
        .map(|line| preflib::closed_up(line).ranks.len())
        .max()
        .unwrap_or(0)
        .max(1);
    let group = |group: Group| {
        let rest = (0..file.candidates.len())
            .filter(|place| !group.ranks.iter().any(|rank| rank.contains(place)));
        let mut categories = group.ranks.clone();
        categories.resize(ranks, Vec::new());
        categories.push(rest.collect());
        Group {
            count: group.count,
            ranks: categories,
        }
    };
    let groups: Vec<Group> = file
        .ballots
        .iter()
        .map(preflib::closed_up)
        .map(group)
        .collect();
    let mut text = preflib::header(file, "cat", "PREFERENCES", &groups);
    // Writing to a string does not fail.
    let _ = writeln!(text, "# NUMBER CATEGORIES: {}", ranks + 1);
    for rank in 1..=ranks {
        let _ = writeln!(text, "# CATEGORY NAME {rank}: Rank {rank}");
    }
    let _ = writeln!(text, "# CATEGORY NAME {}: Not ranked", ranks + 1);
    text + &groups.iter().map(preflib::line).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    const APPROVAL: &str = "# NUMBER ALTERNATIVES: 3\n# NUMBER CATEGORIES: 2\n# CATEGORY NAME 1: Yes\n# CATEGORY NAME 2: No\n\
                            # ALTERNATIVE NAME 1: A\n# ALTERNATIVE NAME 2: B\n# ALTERNATIVE NAME 3: C\n";

    fn ranks(text: &str, meaning: &Categories) -> Result<Vec<Vec<Vec<usize>>>, FormatError> {
        Ok(parse(text.as_bytes(), meaning)?
            .file
            .ballots
            .iter()
            .map(|packed| packed.group().ranks)
            .collect())
    }

    #[test]
    fn last_of_several_categories_is_not_ranked() {
        let ballots = "3: {1, 3}, 2\n1: {}, {1,2,3}\n2: {1,2,3}, {}\n1: 2\n";
        let expected = vec![vec![vec![0, 2]], vec![], vec![vec![0, 1, 2]], vec![vec![1]]];
        for meaning in [Categories::Ranks, Categories::Plain] {
            assert_eq!(
                ranks(&format!("{APPROVAL}{ballots}"), &meaning).as_ref(),
                Ok(&expected)
            );
        }
        let one = APPROVAL
            .replace("CATEGORIES: 2", "CATEGORIES: 1")
            .replace("# CATEGORY NAME 2: No\n", "");
        assert_eq!(
            ranks(&format!("{one}1: {{1,2}}\n"), &Categories::Plain),
            Ok(vec![vec![vec![0, 1]]])
        );
    }

    #[test]
    fn of_three_categories_those_approve_that_are_said_to() {
        let three = APPROVAL
            .replace("CATEGORIES: 2", "CATEGORIES: 3")
            .replace("2: No", "2: Maybe\n# CATEGORY NAME 3: No");
        let text = format!("{three}6: 1,2,3\n4: 3,{{1,2}},{{}}\n");
        let asked = ranks(&text, &Categories::Plain).unwrap_err();
        assert!(
            asked.line == 3
                && asked
                    .reason
                    .contains("--approve, of \"Yes\", \"Maybe\", \"No\""),
            "{asked}"
        );
        let approve =
            |names: &[&str]| Categories::Approve(names.iter().map(|name| (*name).into()).collect());
        assert_eq!(
            ranks(&text, &approve(&["Yes"])),
            Ok(vec![vec![vec![0]], vec![vec![2]]])
        );
        assert_eq!(
            ranks(&text, &approve(&["Yes", "Maybe"])),
            Ok(vec![vec![vec![0, 1]], vec![vec![0, 1, 2]]])
        );
        assert!(
            ranks(&text, &approve(&["yes"]))
                .unwrap_err()
                .reason
                .contains("no category \"yes\"")
        );
        assert_eq!(
            ranks(&text, &Categories::Ranks),
            Ok(vec![vec![vec![0], vec![1]], vec![vec![2], vec![0, 1]]])
        );
        let notes = parse(text.as_bytes(), &Categories::Ranks).unwrap().notes;
        assert!(
            notes[0].text.contains("Yes > Maybe; those in \"No\""),
            "{notes:?}"
        );
    }

    #[test]
    fn categories_from_worst_to_best_are_asked_about() {
        for [first, second] in [
            ["No", "Yes"],
            ["Not approved", "Other"],
            ["Disapproved", "Approved"],
        ] {
            let text = APPROVAL
                .replace("1: Yes", &format!("1: {first}"))
                .replace("2: No", &format!("2: {second}"));
            for meaning in [Categories::Plain, Categories::Ranks] {
                assert!(
                    ranks(&format!("{text}1: 1,{{2,3}}\n"), &meaning)
                        .unwrap_err()
                        .reason
                        .contains("--approve"),
                    "{first}"
                );
            }
        }
    }

    #[test]
    fn faults_are_named_with_their_line() {
        for bad in [
            "1: 1,2,3",
            "1: 1,1",
            "1: 1,{2,1}",
            "1: 4",
            "1: 1,",
            "1: {",
            "# NUMBER CATEGORIES: 3",
        ] {
            let refused = ranks(&format!("{APPROVAL}{bad}\n"), &Categories::Ranks).unwrap_err();
            assert_eq!(refused.line, 8, "{bad}");
        }
        let none = "# NUMBER ALTERNATIVES: 1\n# ALTERNATIVE NAME 1: A\n1: 1\n";
        assert!(
            ranks(none, &Categories::Ranks)
                .unwrap_err()
                .reason
                .contains("0 categories")
        );
    }
}
