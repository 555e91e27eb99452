//! Election files: TOML, with all that is wrong said at once.

use std::path::Path;

use toml::{Table, Value};
use vote_chain::{
    Base, Choices, Committee, Contest, Election, Majority, Overvotes, PublicKey, Results, Rule,
    Share, Timestamp, Voters,
};

use crate::failure::Failure;
use crate::{files, share, time};

/// An election is no longer, in bytes: its transaction could not be.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What `election new` writes.
pub(crate) const EXAMPLE: &str = r#"# An election. Look it over with    vote-cli election create FILE --check
# and put it on the ledger with     vote-cli election create FILE
# Once it is there nobody can change it. Its organiser can change its times and its roll, close it, or cancel it; each
# of these is an act that everybody can see (vote-cli election log).

title = "General assembly of the co-op"

# More about it; may be left out.
description = """
The board for the next two years, and the new printer.
"""

# Who may vote: "anyone" (one ballot for each key, and keys are free), "roll" (those on the roll, one vote each), or
# "weighted roll" (as many votes as the roll says). The roll is made before the election opens: vote-cli roll import.
voters = "anyone"

# Times with their zone: an offset, Z for UTC, or AoE for anywhere on Earth; or from now: "+10m", "+2h", "+3d".
# Without opens: open at once, or with a roll once you open it. Without closes: until you close it.
opens = "+10m"
closes = "+7d"

# How often a voter can replace the ballot; the last one counts. 0: never.
revotes = 0

# Whether voting is by name: each ballot has its voter's name on it, which everybody can read for ever, and which nothing
# proves. Else none asks for a name.
names = false

# Other organisers beside you, by their keys (each says: vote-cli organiser key), and how many of all of you must sign
# each act. What one proposes waits for the others (vote-cli election approve) for 7 days. Take fewer than all: then the
# others can replace a key that is lost, and else nobody could do anything any more.
# organisers = ["0123456789abcdef...", "fedcba9876543210..."]
# needed = 2

# The share of the roll that must vote, or nothing is decided: "simple" (more than half), "2/3", "more than 1/3".
# quorum = "1/3"

# When apps show how the count stands: "live", or "at closing". Ballots are open: whoever runs a node can count before.
results = "live"

# Ties that a rule leaves open are broken by lots drawn from this text and the order of the choices; from the election's
# id if it is left out. Whoever writes these can try many until the lots fall as they like. To rule that out, agree in
# public on the choices, their order, and a draw that nobody can steer and that is still to come; once it is drawn, write
# its numbers here and create the election. From then on everybody can know how a tie would end.
# tie_break = "Lotto of Saturday 5 December 2026: 4 8 15 16 23 42"

# What is decided, in the order of the ballot. With one contest only, its settings may stand above, without [[contests]].
[[contests]]
title = "Board"

# 2 to 500 choices, in the order of the ballot. Or write_in = true, and voters write what they choose.
choices = ["Ada", "Grace", "Joan"]

# plurality   one choice; the most chosen wins
# approval    any number of choices; the most chosen win the seats
# score       a number from 0 to 10 for each; the highest sums win the seats
# borda       a ranking; points for each choice ranked below; the most points win the seats
# irv         a ranking; instant runoff, for one seat
# stv         a ranking; single transferable vote by the Scottish rules
# meek        a ranking; single transferable vote by Meek's method
# schulze     a ranking; who beats all others one by one wins
# yes-no      for (the first choice) or against (the second); needs a majority
# These on chains of protocol version 3 or later:
# minimax     a ranking; who is beaten least badly wins
# star        a number from 0 to 10 for each; a runoff between the two with the highest sums
# majority-judgment  a grade from 0 to 10 for each; the highest medians win the seats
# limited     fewer choices than there are seats; the most chosen win the seats
# cumulative  points to spread, one for each seat; a choice can get several; the highest sums win the seats
# ranked-pairs  a ranking; pairs are locked in, the strongest first; who has nobody above wins
# benham      a ranking; instant runoff until one beats each of those left, for one seat
# sequential-pav  any number of choices; each seat in turn, a ballot counting less the more of its choices have one
# phragmen    any number of choices; each seat in turn, so that ballots bear even parts of them
# dhondt      one choice, which is a list; seats are dealt by the divisors 1, 2, 3
# sainte-lague  one choice, which is a list; seats are dealt by the divisors 1, 3, 5
rule = "stv"
seats = 2

# What irv does with a ballot that gives one rank to several choices, once it comes to that rank: "wait" until one of
# them is left, "exhaust" (it counts for nobody any more), or "skip" (it goes to its next rank).
# overvotes = "wait"

# How many choices a ballot must and may name, by rules that take several.
# min = 1
# max = 3

# Whether voters can abstain: they count for the quorum, and for nobody.
abstain = true

# Whether apps show the choices to each voter in another order.
shuffle = true

[[contests]]
title = "A new printer"
rule = "yes-no"
choices = ["Yes", "No"]
abstain = true

# What the winner must have (plurality, approval, yes-no): "simple", "2/3", "3/4"; of the "votes" cast, or of the "roll".
majority = "simple"
majority_of = "votes"
"#;

const ELECTION_KEYS: [&str; 13] = [
    "title",
    "description",
    "voters",
    "opens",
    "closes",
    "revotes",
    "names",
    "organisers",
    "needed",
    "quorum",
    "results",
    "tie_break",
    "contests",
];
const CONTEST_KEYS: [&str; 11] = [
    "choices",
    "write_in",
    "rule",
    "seats",
    "overvotes",
    "min",
    "max",
    "abstain",
    "shuffle",
    "majority",
    "majority_of",
];

/// Collects what is wrong while it reads.
struct Reader {
    table: Table,
    /// Whose settings they are, for faults.
    of: String,
    faults: Vec<String>,
}

impl Reader {
    fn new(table: Table, of: String) -> Self {
        Self {
            table,
            of,
            faults: Vec::new(),
        }
    }

    fn fault(&mut self, what: String) {
        self.faults.push(format!("{}{what}", self.of));
    }

    fn take<T>(&mut self, key: &str, kind: &str, read: impl Fn(Value) -> Option<T>) -> Option<T> {
        let value = self.table.remove(key)?;
        let found = read(value);
        if found.is_none() {
            self.fault(format!("{key}: must be {kind}"));
        }
        found
    }

    fn text(&mut self, key: &str) -> Option<String> {
        self.take(key, "a text in quotes", |value| {
            value.as_str().map(str::to_owned)
        })
    }

    fn number(&mut self, key: &str) -> Option<u16> {
        let whole = |value: Value| {
            value
                .as_integer()
                .and_then(|number| u16::try_from(number).ok())
        };
        self.take(key, "a whole number", whole)
    }

    fn flag(&mut self, key: &str) -> bool {
        self.take(key, "true or false", |value| value.as_bool())
            .unwrap_or(false)
    }

    fn share(&mut self, key: &str) -> Option<Share> {
        self.take(key, share::KIND, |value| {
            value.as_str().and_then(share::parse)
        })
    }

    fn one_of<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let named = |value: Value| {
            words
                .iter()
                .find(|(word, _)| value.as_str() == Some(word))
                .map(|(_, meaning)| *meaning)
        };
        self.take(key, &format!("one of {}", names.join(", ")), named)
    }

    fn time(&mut self, key: &str, now: Timestamp) -> Option<Timestamp> {
        let text = self.text(key)?;
        let when = time::parse_when(&text).map_err(|fault| self.fault(format!("{key}: {fault}")));
        when.ok().map(|when| when.from(now))
    }

    /// All faults; a setting that was not taken is one.
    fn finish(mut self, known: &[&str]) -> Vec<String> {
        let unknown: Vec<_> = self.table.keys().cloned().collect();
        for key in unknown {
            self.fault(format!(
                "{key}: there is no such setting; there are {}",
                known.join(", ")
            ));
        }
        self.faults
    }
}

fn choices(reader: &mut Reader) -> Choices {
    let texts = |value: Value| {
        let texts = value
            .as_array()?
            .iter()
            .map(|item| item.as_str().map(str::to_owned));
        texts.collect::<Option<Vec<_>>>()
    };
    let listed = reader.take("choices", "a list of texts", texts);
    match (listed, reader.flag("write_in")) {
        (Some(_), true) => {
            reader.fault("choices and write_in: only one of them is possible".to_owned());
            Choices::WriteIn
        }
        (None, true) => Choices::WriteIn,
        (listed, false) => Choices::Listed(listed.unwrap_or_default()),
    }
}

/// Reads the settings of a contest.
fn contest(reader: &mut Reader, title: String) -> Contest {
    let choices = choices(reader);
    let rule = reader
        .one_of("rule", &Rule::ALL.map(|rule| (rule.name(), rule)))
        .unwrap_or(Rule::Plurality);
    let seats = reader.number("seats").unwrap_or(1);
    let overvotes = reader
        .one_of("overvotes", &Overvotes::ALL.map(|each| (each.name(), each)))
        .unwrap_or_default();
    let (min, max) = (reader.number("min"), reader.number("max"));
    let (abstention, shuffle) = (reader.flag("abstain"), reader.flag("shuffle"));
    let share = reader.share("majority");
    let base = reader.one_of(
        "majority_of",
        &[("votes", Base::Votes), ("roll", Base::Roll)],
    );
    if base.is_some() && share.is_none() {
        reader.fault("majority_of: says nothing without majority".to_owned());
    }
    let majority = share.map(|share| Majority {
        share,
        base: base.unwrap_or(Base::Votes),
    });
    let contest = match choices {
        Choices::Listed(choices) => Contest::listed(choices, rule, seats),
        Choices::WriteIn => Contest {
            rule,
            seats,
            ..Contest::write_in()
        },
    };
    let (choices_min, choices_max) = (
        min.unwrap_or(contest.choices_min),
        max.unwrap_or(contest.choices_max),
    );
    let majority = majority.or(contest.majority);
    Contest {
        title,
        choices_min,
        choices_max,
        abstention,
        shuffle,
        majority,
        overvotes,
        ..contest
    }
}

/// The contests of a file, and what is wrong with them: in tables of their own, or one whose
/// settings stand beside the election's.
fn contests(reader: &mut Reader) -> (Vec<Contest>, Vec<String>) {
    let tables = |value: Value| {
        value
            .as_array()?
            .iter()
            .map(|item| item.as_table().cloned())
            .collect::<Option<Vec<_>>>()
    };
    let Some(tables) = reader.take("contests", "tables ([[contests]])", tables) else {
        return (vec![contest(reader, String::new())], Vec::new());
    };
    let (mut contests, mut faults) = (Vec::new(), Vec::new());
    for (at, table) in tables.into_iter().enumerate() {
        let mut reader = Reader::new(table, format!("contest {}: ", at + 1));
        let title = reader.text("title").unwrap_or_default();
        contests.push(contest(&mut reader, title));
        faults.extend(reader.finish(&[["title"].as_slice(), &CONTEST_KEYS].concat()));
    }
    (contests, faults)
}

/// The organisers that a file names, with whoever creates the election.
fn organisers(reader: &mut Reader, own: PublicKey) -> Option<Committee> {
    let keys = |value: Value| -> Option<Vec<PublicKey>> {
        let key = |value: &Value| value.as_str()?.parse().ok();
        value.as_array()?.iter().map(key).collect()
    };
    let kind = "a list of keys in quotes, as `vote-cli organiser key` prints them";
    let others = reader.take("organisers", kind, keys);
    let needed = reader.number("needed");
    let (Some(others), Some(needed)) = (&others, needed) else {
        if others.is_some() || needed.is_some() {
            reader.fault("organisers, needed: say both, or neither".to_owned());
        }
        return None;
    };
    let faults: Vec<_> = others.iter().filter_map(key_fault).collect();
    faults.into_iter().for_each(|fault| reader.fault(fault));
    Some(committee(
        others,
        own,
        u8::try_from(needed).unwrap_or(u8::MAX),
    ))
}

/// These organisers and whoever creates the election, in the order that the ledger wants.
pub(crate) fn committee<'a>(
    others: impl IntoIterator<Item = &'a PublicKey>,
    own: PublicKey,
    needed: u8,
) -> Committee {
    let mut organisers: Vec<_> = others.into_iter().copied().chain([own]).collect();
    organisers.sort_unstable();
    organisers.dedup();
    Committee { organisers, needed }
}

/// What is wrong with a key of an organiser: nobody could sign with it.
pub(crate) fn key_fault(key: &PublicKey) -> Option<String> {
    let fault = key.check().err()?;
    Some(format!("the organiser {key:.16} is no key: {fault}"))
}

/// Reads an election file.
///
/// # Errors
/// Every fault, one a line.
pub(crate) fn parse(
    text: &str,
    now: Timestamp,
    salt: u64,
    own: PublicKey,
) -> Result<Election, Vec<String>> {
    let table = text
        .parse::<Table>()
        .map_err(|error| vec![error.to_string().trim_end().to_owned()])?;
    let several = table.contains_key("contests");
    let mut reader = Reader::new(table, String::new());
    let title = reader.text("title").unwrap_or_default();
    let description = reader
        .text("description")
        .unwrap_or_default()
        .trim()
        .to_owned();
    let who = [
        ("anyone", Voters::Anyone),
        ("roll", Voters::Roll),
        ("weighted roll", Voters::WeightedRoll),
    ];
    let voters = reader.one_of("voters", &who).unwrap_or(Voters::Anyone);
    let (opens_at, closes_at) = (reader.time("opens", now), reader.time("closes", now));
    let revotes = reader.number("revotes").unwrap_or(0);
    let names = reader.flag("names");
    let committee = organisers(&mut reader, own);
    let quorum = reader.share("quorum");
    let shown = [("live", Results::Live), ("at closing", Results::AtClosing)];
    let results = reader.one_of("results", &shown).unwrap_or(Results::Live);
    let tie_break = reader.text("tie_break").unwrap_or_default();
    let (contests, contest_faults) = contests(&mut reader);
    let known = if several {
        ELECTION_KEYS.to_vec()
    } else {
        [ELECTION_KEYS.as_slice(), &CONTEST_KEYS].concat()
    };
    let mut faults = [reader.finish(&known), contest_faults].concat();
    let election = Election {
        title,
        description,
        contests,
        voters,
        opens_at,
        closes_at,
        quorum,
        revotes,
        results,
        tie_break,
        salt,
        names,
        committee,
    };
    faults.extend(election.faults().iter().map(ToString::to_string));
    if closes_at.is_some_and(|closes| closes <= now) {
        faults.push("closes: it is in the past".to_owned());
    }
    if faults.is_empty() {
        Ok(election)
    } else {
        Err(faults)
    }
}

/// Reads the file of an election.
pub(crate) fn read(
    path: &Path,
    now: Timestamp,
    salt: u64,
    own: PublicKey,
) -> Result<Election, Failure> {
    let shown = path.display();
    let bytes = files::read(path, FILE_BYTES_MAX);
    let bytes =
        bytes.map_err(|error| Failure::NotFound(format!("cannot read {shown}: {error}")))?;
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or_else(|| {
        Failure::Usage(format!(
            "{shown} is no text of at most {FILE_BYTES_MAX} bytes"
        ))
    })?;
    parse(&text, now, salt, own).map_err(|faults| {
        let list: String = faults.iter().map(|fault| format!("\n  {fault}")).collect();
        Failure::Usage(format!("{shown} is no election yet:{list}"))
    })
}

#[cfg(test)]
mod tests {
    use vote_chain::SecretKey;

    use super::*;

    const OWN: PublicKey = PublicKey::from_bytes([7; 32]);
    const NOW: Timestamp = Timestamp::from_ms(1_795_435_200_000);

    #[test]
    fn example_is_an_election() {
        let election = parse(EXAMPLE, NOW, 1, OWN).unwrap();
        assert_eq!(election.closes_at, Some(NOW.plus_ms(7 * 86_400_000)));
        assert_eq!(
            election.description,
            "The board for the next two years, and the new printer."
        );
        let [board, printer] = election.contests.as_slice() else {
            panic!("two contests")
        };
        assert_eq!(
            (
                board.rule,
                board.seats,
                board.choices_min,
                board.choices_max
            ),
            (Rule::Stv, 2, 0, 3)
        );
        assert!(board.abstention && board.shuffle);
        assert_eq!(
            (printer.rule, printer.majority.unwrap().share),
            (Rule::YesNo, Share::HALF)
        );
    }

    #[test]
    fn names_are_taken_only_if_the_file_says_so() {
        assert!(!parse(EXAMPLE, NOW, 1, OWN).unwrap().names);
        let by_name = EXAMPLE.replace("names = false", "names = true");
        assert!(parse(&by_name, NOW, 1, OWN).unwrap().names);
        assert!(
            !parse(&EXAMPLE.replace("names = false", ""), NOW, 1, OWN)
                .unwrap()
                .names
        );
    }

    #[test]
    fn organisers_are_named_with_who_creates_the_election_and_how_many_must_sign() {
        let [ada, joan] = [1, 2].map(|seed| SecretKey::from_seed(&[seed; 32]).public());
        let named = |needed: &str| {
            let lines = format!("organisers = [\"{ada}\", \"{joan}\"]\n{needed}\nrevotes = 0");
            parse(&EXAMPLE.replace("revotes = 0", &lines), NOW, 1, OWN)
        };
        let committee = named("needed = 2").unwrap().committee.unwrap();
        assert_eq!(committee.needed, 2);
        let mut all = vec![ada, joan, OWN];
        all.sort();
        assert_eq!(committee.organisers, all);
        for (needed, fault) in [("", "say both"), ("needed = 4", "1 to 3 can")] {
            let faults = named(needed).unwrap_err().join("\n");
            assert!(faults.contains(fault), "{faults}");
        }
        let no_key = EXAMPLE.replace(
            "revotes = 0",
            "organisers = [\"ada\"]\nneeded = 2\nrevotes = 0",
        );
        assert!(parse(&no_key, NOW, 1, OWN).is_err());
        assert_eq!(parse(EXAMPLE, NOW, 1, OWN).unwrap().committee, None);
    }

    #[test]
    fn settings_that_are_commented_out_in_the_example_can_be_used() {
        let text = EXAMPLE
            .replace("# quorum", "quorum")
            .replace("# tie_break", "tie_break")
            .replace("# min =", "min =")
            .replace("# max =", "max =")
            .replace("voters = \"anyone\"", "voters = \"weighted roll\"");
        let election = parse(&text, NOW, 1, OWN).unwrap();
        assert_eq!(
            (
                election.contests[0].choices_min,
                election.contests[0].choices_max
            ),
            (1, 3)
        );
        assert_eq!(election.quorum.unwrap().to_string(), "at least 1/3");
        assert_eq!(election.voters, Voters::WeightedRoll);
        let digits = |word: &&str| word.parse::<u8>().is_ok();
        assert!(
            election.tie_break.split(' ').filter(digits).count() >= 6,
            "numbers that are drawn, not a name for them"
        );
    }

    #[test]
    fn one_contest_needs_no_table_of_its_own() {
        let text = "title = \"Lunch\"\nchoices = [\"Soup\", \"Pasta\"]\nmax = 1\nrule = \"approval\"\nmajority = \"2/3\"\n";
        let election = parse(text, NOW, 1, OWN).unwrap();
        let [contest] = election.contests.as_slice() else {
            panic!("one contest")
        };
        assert_eq!(
            (contest.choices_max, contest.majority.unwrap().base),
            (1, Base::Votes)
        );
    }

    #[test]
    fn overvotes_are_for_instant_runoff_to_settle() {
        let of = |rule: &str| {
            let text = format!(
                "title = \"Chair\"\nchoices = [\"Ada\", \"Joan\"]\nrule = \"{rule}\"\novervotes = \"exhaust\"\n"
            );
            parse(&text, NOW, 1, OWN)
        };
        assert_eq!(of("irv").unwrap().contests[0].overvotes, Overvotes::Exhaust);
        let faults = of("stv").unwrap_err();
        assert!(
            faults
                .iter()
                .any(|fault| fault.contains("by irv only; stv says itself")),
            "{faults:?}"
        );
        assert!(
            parse(
                "title = \"t\"\nchoices = [\"A\", \"B\"]\novervotes = \"drop\"",
                NOW,
                1,
                OWN,
            )
            .unwrap_err()[0]
                .contains("wait, exhaust, skip")
        );
    }

    #[test]
    fn all_faults_are_said_at_once() {
        let text = "title = \"\"\nchoices = [\"A\", \"A\", \" B\"]\nrule = \"lottery\"\nseats = -1\nopens = \"soon\"\ncloses = \"2020-01-01T00:00:00Z\"\ncolour = 3\nquorum = \"some\"\nvoters = \"friends\"\n";
        let faults = parse(text, NOW, 1, OWN).unwrap_err();
        for words in [
            "title is empty",
            "choices 1 and 2 look the same: \"A\"",
            "choice 3",
            "rule: must be one of",
            "seats: must be",
            "opens:",
            "past",
            "colour:",
            "quorum: must be a share",
            "voters: must be one of anyone, roll",
        ] {
            assert!(
                faults.iter().any(|fault| fault.contains(words)),
                "{words:?} is missing in {faults:?}"
            );
        }
        assert!(parse("title = ", NOW, 1, OWN).unwrap_err()[0].contains("line 1"));
        assert!(
            parse(
                "title = \"t\"\nchoices = [\"A\", \"B\"]\nwrite_in = true",
                NOW,
                1,
                OWN,
            )
            .is_err()
        );
        let two = "title = \"t\"\n[[contests]]\ntitle = \"a\"\nchoices = [\"A\", \"B\"]\n[[contests]]\nchoices = [\"A\"]\nhue = 1\n";
        let faults = parse(two, NOW, 1, OWN).unwrap_err();
        for words in [
            "contest 2: hue: there is no such setting",
            "contest 2: 1 choices",
            "contest 2 has no title",
        ] {
            assert!(
                faults.iter().any(|fault| fault.contains(words)),
                "{words:?} is missing in {faults:?}"
            );
        }
        assert!(
            parse(
                "title = \"t\"\nseats = 1\n[[contests]]\nwrite_in = true",
                NOW,
                1,
                OWN,
            )
            .is_err(),
            "seats of which?"
        );
    }
}
