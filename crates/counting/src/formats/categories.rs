//! PrefLib's files of categories (`cat`): a header as for orders, then for each ballot who is in which category, the best first.

use std::fmt::Write;

use super::{File, FormatError, fault, preflib};
use crate::profile::Group;

pub(super) fn parse(text: &str) -> Result<File, FormatError> {
    let (header, mut file) = preflib::read(text, true)?;
    let named = header.categories;
    let (at, categories) = header.categories_announced.unwrap_or((1, named));
    if categories == 0 || (named != categories && named != 0) {
        return Err(fault(at, format!("{categories} categories, of which {named} are named; 1 or more must be")));
    }
    for line in &mut file.ballots {
        let ranks = &mut line.group.ranks;
        if ranks.len() > categories {
            return Err(fault(line.line, format!("{} categories; the header has {categories}", ranks.len())));
        }
        // The last of several is what is left: not approved, not ranked.
        ranks.truncate(if categories > 1 { categories - 1 } else { 1 });
        ranks.retain(|rank| !rank.is_empty());
    }
    Ok(file)
}

/// Writes as many categories as there are ranks on the longest ballot, and one for those who are not ranked.
pub(super) fn write(file: &File) -> String {
    let ranks = file.ballots.iter().map(|line| line.group.ranks.len()).max().unwrap_or(0).max(1);
    let group = |group: &Group| {
        let rest = (0..file.candidates.len()).filter(|place| !group.ranks.iter().any(|rank| rank.contains(place)));
        let mut categories = group.ranks.clone();
        categories.resize(ranks, Vec::new());
        categories.push(rest.collect());
        Group { count: group.count, ranks: categories }
    };
    let groups: Vec<Group> = file.ballots.iter().map(|line| group(&line.group)).collect();
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

    fn ranks(text: &str) -> Vec<Vec<Vec<usize>>> {
        parse(text).unwrap().ballots.into_iter().map(|line| line.group.ranks).collect()
    }

    #[test]
    fn last_of_several_categories_is_not_ranked() {
        let ballots = "3: {1, 3}, 2\n1: {}, {1,2,3}\n2: {1,2,3}, {}\n1: 2\n";
        let expected = [vec![vec![0, 2]], vec![], vec![vec![0, 1, 2]], vec![vec![1]]];
        assert_eq!(ranks(&format!("{APPROVAL}{ballots}")), expected);
        let one = APPROVAL.replace("CATEGORIES: 2", "CATEGORIES: 1").replace("# CATEGORY NAME 2: No\n", "");
        assert_eq!(ranks(&format!("{one}1: {{1,2}}\n")), [[[0, 1]]]);
        let three = APPROVAL.replace("# NUMBER CATEGORIES: 2\n", "# CATEGORY NAME 3: Never\n");
        assert_eq!(ranks(&format!("{three}1: 1,{{}},2\n1: {{}},3,1\n")), [[[0]], [[2]]]);
    }

    #[test]
    fn faults_are_named_with_their_line() {
        for (bad, line) in
            [("1: 1,2,3", 8), ("1: 1,1", 8), ("1: 4", 8), ("1: 1,", 8), ("1: {", 8), ("# NUMBER CATEGORIES: 3", 8)]
        {
            assert_eq!(parse(&format!("{APPROVAL}{bad}\n")).unwrap_err().line, line, "{bad}");
        }
        let none = "# NUMBER ALTERNATIVES: 1\n# ALTERNATIVE NAME 1: A\n1: 1\n";
        assert!(parse(none).unwrap_err().reason.contains("0 categories"));
    }
}
