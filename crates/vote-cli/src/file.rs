//! Election files: TOML, with all that is wrong said at once.

use std::path::Path;

use toml::{Table, Value};
use vote_chain::{Contest, Election, Rule, Timestamp};

use crate::failure::Failure;
use crate::output::clean;
use crate::{ballot, time};

/// What `election new` writes.
pub(crate) const EXAMPLE: &str = r#"# An election. Look it over with    vote-cli election create FILE --check
# and put it on the ledger with     vote-cli election create FILE
# Once it is there nobody can change it; its organiser can close it early.

title = "Board of the co-op"

# More about it; may be left out.
description = """
Who shall be on the board for the next two years?
"""

# The choices, in the order of the ballot: 2 to 500 of them. Or write_in = true, and voters write what they choose.
choices = ["Ada", "Grace", "Joan"]

# plurality   one choice; the most chosen wins
# approval    any number of choices; the most chosen win the seats
# score       a number from 0 to 10 for each; the highest sums win the seats
# borda       a ranking; points for each choice ranked below; the most points win the seats
# irv         a ranking; instant runoff, for one seat
# stv         a ranking; single transferable vote by the Scottish rules
# schulze     a ranking; who beats all others one by one wins
rule = "stv"
seats = 2

# Times with their zone: an offset, Z for UTC, or AoE for anywhere on Earth; or from now: "+10m", "+2h", "+3d".
# Left out: open at once, and until it is closed by hand.
opens = "+10m"
closes = "+7d"
"#;

const KEYS: [&str; 8] = ["title", "description", "choices", "write_in", "rule", "seats", "opens", "closes"];

/// Collects what is wrong while it reads.
struct Reader {
    table: Table,
    faults: Vec<String>,
}

impl Reader {
    fn take<T>(&mut self, key: &str, kind: &str, read: impl Fn(Value) -> Option<T>) -> Option<T> {
        let value = self.table.remove(key)?;
        let found = read(value);
        if found.is_none() {
            self.faults.push(format!("{key}: must be {kind}"));
        }
        found
    }

    fn text(&mut self, key: &str) -> Option<String> {
        self.take(key, "a text in quotes", |value| value.as_str().map(str::to_owned))
    }

    fn time(&mut self, key: &str, now: Timestamp) -> Option<Timestamp> {
        let text = self.text(key)?;
        let when = time::parse_when(&text).map_err(|fault| self.faults.push(format!("{key}: {fault}")));
        when.ok().map(|when| when.from(now))
    }
}

fn contest(reader: &mut Reader) -> Contest {
    let texts = |value: Value| {
        let texts = value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned));
        texts.collect::<Option<Vec<_>>>()
    };
    let choices = reader.take("choices", "a list of texts", texts);
    let write_in = reader.take("write_in", "true or false", |value| value.as_bool()).unwrap_or(false);
    match (choices, write_in) {
        (Some(_), true) => {
            reader.faults.push("choices and write_in: only one of them is possible".to_owned());
            Contest::WriteIn
        }
        (None, true) => Contest::WriteIn,
        (choices, false) => Contest::Listed(choices.unwrap_or_default()),
    }
}

/// Reads an election file.
///
/// # Errors
/// Every fault, one a line.
pub(crate) fn parse(text: &str, now: Timestamp, salt: u64) -> Result<Election, Vec<String>> {
    let table = text.parse::<Table>().map_err(|error| vec![error.to_string().trim_end().to_owned()])?;
    let mut reader = Reader { table, faults: Vec::new() };
    let title = reader.text("title").unwrap_or_default();
    let description = reader.text("description").unwrap_or_default().trim().to_owned();
    let contest = contest(&mut reader);
    let rules = Rule::ALL.map(Rule::name).join(", ");
    let named = |value: Value| value.as_str().and_then(|name| Rule::ALL.into_iter().find(|rule| rule.name() == name));
    let rule = reader.take("rule", &format!("one of {rules}"), named).unwrap_or(Rule::Plurality);
    let whole = |value: Value| value.as_integer().and_then(|seats| u16::try_from(seats).ok());
    let seats = reader.take("seats", "a whole number", whole).unwrap_or(1);
    let (opens_at, closes_at) = (reader.time("opens", now), reader.time("closes", now));
    let Reader { table, mut faults } = reader;
    let unknown = table.keys().map(|key| format!("{key}: there is no such setting; there are {}", KEYS.join(", ")));
    faults.extend(unknown);
    let election = Election { title, description, contest, rule, seats, opens_at, closes_at, salt };
    faults.extend(election.faults().iter().map(ToString::to_string));
    if closes_at.is_some_and(|closes| closes <= now) {
        faults.push("closes: it is in the past".to_owned());
    }
    if faults.is_empty() { Ok(election) } else { Err(faults) }
}

/// Reads the file of an election.
pub(crate) fn read(path: &Path, now: Timestamp, salt: u64) -> Result<Election, Failure> {
    let shown = path.display();
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::NotFound(format!("cannot read {shown}: {error}")))?;
    parse(&text, now, salt).map_err(|faults| {
        let list: String = faults.iter().map(|fault| format!("\n  {fault}")).collect();
        Failure::Usage(format!("{shown} is no election yet:{list}"))
    })
}

/// The rules of a vote, from the election alone: what voters and organisers can rely on.
pub(crate) fn rules(election: &Election, created_at: Option<Timestamp>) -> Vec<String> {
    let choices = match &election.contest {
        Contest::Listed(choices) => choices.iter().map(|choice| clean(choice)).collect::<Vec<_>>().join(", "),
        Contest::WriteIn => "what the voter writes in".to_owned(),
    };
    let opens = election.opens_at.or(created_at).map_or_else(|| "at once".to_owned(), time::show);
    let closes = election.closes_at.map_or_else(|| "when its organiser closes it".to_owned(), time::show);
    let seats =
        if election.seats == 1 { "one choice wins".to_owned() } else { format!("{} choices win", election.seats) };
    vec![
        format!("  choices    {choices}"),
        format!("  a ballot   is {}", ballot::syntax(election.rule)),
        format!("  counted    by {}; {seats}", election.rule.name()),
        format!("  opens      {opens}"),
        format!("  closes     {closes}"),
        "  who votes  anybody with a key, one ballot for each key; every ballot is public".to_owned(),
        "  changes    nobody can change the election, and no voter a ballot; its organiser can close it early"
            .to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_795_435_200_000);

    #[test]
    fn example_is_an_election() {
        let election = parse(EXAMPLE, NOW, 1).unwrap();
        assert_eq!((election.rule, election.seats), (Rule::Stv, 2));
        assert_eq!(election.closes_at, Some(NOW.plus_ms(7 * 86_400_000)));
        assert_eq!(election.description, "Who shall be on the board for the next two years?");
    }

    #[test]
    fn all_faults_are_said_at_once() {
        let text = "title = \"\"\nchoices = [\"A\", \"A\", \" B\"]\nrule = \"lottery\"\nseats = -1\nopens = \"soon\"\ncloses = \"2020-01-01T00:00:00Z\"\ncolour = 3\n";
        let faults = parse(text, NOW, 1).unwrap_err();
        for words in [
            "title is empty",
            "listed twice",
            "choice 3",
            "rule: must be one of",
            "seats: must be",
            "opens:",
            "past",
            "colour:",
        ] {
            assert!(faults.iter().any(|fault| fault.contains(words)), "{words:?} is missing in {faults:?}");
        }
        assert!(parse("title = ", NOW, 1).unwrap_err()[0].contains("line 1"));
        assert!(parse("title = \"t\"\nchoices = [\"A\", \"B\"]\nwrite_in = true", NOW, 1).is_err());
    }
}
