//! What the columns of a table are, by the first row.

use std::borrow::Cow;

use super::Row;
use super::matrix::{Grid, Matrix};
use super::ranks::{Contest, Ranks};
use super::watched::{STATUS, Watched};
use crate::formats::cell::{guarded, unguarded};
use crate::formats::{CANDIDATES_MAX, FormatError, Notes, fault, name};

/// Words for a column that says how many ballots a row is.
const COUNT: &[&str] = &[
    "count",
    "counts",
    "count (ballots)",
    "weight",
    "weights",
    "number of ballots",
    "number of votes",
    "number of voters",
    "# ballots",
    "# of ballots",
    "ballot count",
    "vote count",
    "ballots cast",
    "how many ballots",
    "votes",
    "ballots",
    "frequency",
    "freq",
    "multiplicity",
    "copies",
    "voting power",
    "gewicht",
    "häufigkeit",
    "anzahl stimmen",
    "anzahl stimmzettel",
    "nombre de bulletins",
    "nombre de voix",
    "número de votos",
    "número de papeletas",
];
/// Words for columns that say whose the ballot is, or from where: nothing is read from them.
const ABOUT: &[&str] = &[
    "id",
    "ballot id",
    "ballotid",
    "vote id",
    "voter",
    "voter id",
    "voterid",
    "voter number",
    "member id",
    "member number",
    "membership number",
    "membership id",
    "respondent",
    "respondent id",
    "respondent #",
    "response id",
    "response #",
    "response number",
    "row",
    "row number",
    "index",
    "lfd nr",
    "antwort id",
    "name",
    "full name",
    "first name",
    "last name",
    "surname",
    "nom",
    "prénom",
    "vorname",
    "nachname",
    "apellidos",
    "timestamp",
    "zeitstempel",
    "horodateur",
    "marca temporal",
    "date",
    "time",
    "submitted",
    "submitted at",
    "start time",
    "completion time",
    "email",
    "e mail",
    "email address",
    "username",
    "token",
    "precinct",
    "ballot style",
    "ballot type",
    "cast vote record",
    "batch",
    "tabulator",
];
/// Words that may mean how many ballots, or which one.
const UNCLEAR: &[&str] = &[
    "no",
    "nr",
    "num",
    "number",
    "n",
    "#",
    "ballot",
    "ballot no",
    "ballot nr",
    "ballot number",
    "ballot #",
    "vote",
    "total",
    "quantity",
    "qty",
    "anzahl",
    "nummer",
    "stimmen",
    "stimmzettel",
    "nombre",
    "numéro",
    "voix",
    "bulletin",
    "bulletins",
    "número",
    "votos",
    "papeleta",
    "papeletas",
];
/// Words of which a header of a number that is no rank is made, whole: `Total votes`, `Ref. No.`,
/// `Age`. Such a column is asked about.
const NUMBERS: &[&str] = &[
    "#",
    "no",
    "nr",
    "num",
    "number",
    "numbers",
    "n",
    "count",
    "counts",
    "ballot",
    "ballots",
    "vote",
    "votes",
    "voter",
    "voters",
    "cast",
    "total",
    "totals",
    "sum",
    "average",
    "mean",
    "score",
    "scores",
    "points",
    "tally",
    "frequency",
    "freq",
    "quantity",
    "qty",
    "amount",
    "weight",
    "weights",
    "multiplicity",
    "copies",
    "shares",
    "rights",
    "units",
    "coefficient",
    "anteile",
    "stimmrechte",
    "parts",
    "tantièmes",
    "actions",
    "acciones",
    "participaciones",
    "coeficiente",
    "voting",
    "members",
    "member",
    "membership",
    "respondent",
    "respondents",
    "response",
    "responses",
    "row",
    "index",
    "idx",
    "ref",
    "reference",
    "code",
    "ward",
    "district",
    "precinct",
    "id",
    "age",
    "year",
    "years",
    "born",
    "birth",
    "zip",
    "postcode",
    "phone",
    "jahr",
    "jahre",
    "jahrgang",
    "geburtsjahr",
    "plz",
    "âge",
    "année",
    "edad",
    "año",
    "anzahl",
    "summe",
    "gesamt",
    "nummer",
    "stimme",
    "stimmen",
    "stimmzettel",
    "stimmgewicht",
    "gewicht",
    "gewichtung",
    "häufigkeit",
    "wähler",
    "alter",
    "lfd",
    "punkte",
    "nombre",
    "numéro",
    "voix",
    "bulletin",
    "bulletins",
    "votants",
    "fréquence",
    "poids",
    "quantité",
    "cantidad",
    "número",
    "votos",
    "votantes",
    "papeleta",
    "papeletas",
    "peso",
    "frecuencia",
    "aantal",
    "stemmen",
    "antal",
    "liczba",
];
/// Words that may stand among them, and alone say nothing.
const BETWEEN: &[&str] = &[
    "of", "the", "in", "per", "how", "many", "power", "all", "each", "and", "der", "die", "de",
    "des", "von", "van",
];

/// Words with which the rows begin that spreadsheets put below a table.
const TOTALS: &[&str] = &[
    "total",
    "totals",
    "sum",
    "average",
    "mean",
    "summe",
    "gesamt",
    "gesamtsumme",
    "insgesamt",
    "durchschnitt",
    "somme",
    "moyenne",
    "suma",
    "promedio",
];

/// Whether a cell says of nothing but a total: `Total`, `Total ballots: 34`.
pub(super) fn is_total(cell: &str) -> bool {
    let lower = cell.to_lowercase();
    let mut words = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && !is_number(word));
    words.next().is_some_and(|first| TOTALS.contains(&first))
        && words.all(|word| {
            NUMBERS.contains(&word)
                || BETWEEN.contains(&word)
                || matches!(word, "general" | "général")
        })
}

/// The column with which the records of ES&S scanners begin.
const CAST_VOTE_RECORD: &str = "cast vote record";

/// What a table is.
pub(super) enum Header {
    Matrix(Matrix),
    Ranks(Ranks),
}

impl Header {
    /// Reads the first row.
    pub(super) fn read(
        row: &Row,
        notes: &mut Notes,
        watched: &mut Watched,
    ) -> Result<Self, FormatError> {
        let mut columns = Columns {
            line: row.line,
            cells: row.len(),
            count: None,
            about: Vec::new(),
            rest: Vec::new(),
            named: Vec::new(),
            unknown: Vec::new(),
            title: String::new(),
            grids: Vec::new(),
        };
        if row.cells().all(|cell| cell.is_empty() || is_number(cell)) {
            let reason = "the first line has no names, only numbers: put a line before it with the names of the candidates";
            return Err(fault(row.line, reason));
        }
        for (at, cell) in row.cells().enumerate() {
            columns.take(at, cell, row, watched)?;
        }
        columns.take_grids();
        let scanner = row
            .cells()
            .next()
            .is_some_and(|cell| plain(cell) == CAST_VOTE_RECORD);
        let header = match columns.contests(scanner)? {
            Some(contests) => Self::Ranks(columns.ranks(contests, scanner)),
            None => Self::Matrix(columns.matrix()),
        };
        if !columns.about.is_empty() {
            let list = columns
                .about
                .iter()
                .map(|name| format!("{name:?}"))
                .collect::<Vec<_>>()
                .join(", ");
            notes.add(row.line, format!("nothing is read from the columns {list}"));
        }
        Ok(header)
    }
}

struct Columns {
    line: usize,
    /// How many there are.
    cells: usize,
    count: Option<usize>,
    /// Those from which nothing is read.
    about: Vec<String>,
    /// The others, each with its place.
    rest: Vec<(usize, String)>,
    /// Those that are candidates, whatever their names.
    named: Vec<usize>,
    /// Those of [`Columns::about`] that no word tells of.
    unknown: Vec<(usize, String)>,
    title: String,
    /// The question that each of [`Columns::rest`] answers, if there are several.
    grids: Vec<String>,
}

/// `Rank the candidates [Ash]`: what is asked, and the candidate.
fn bracketed(text: &str) -> Option<(String, String)> {
    let (asked, inner) = text.strip_suffix(']')?.split_once('[')?;
    Some((asked.trim().to_owned(), inner.trim().to_owned()))
}

/// What is asked, each once, and in how many columns.
fn asked(columns: impl Iterator<Item = (String, String)>) -> Vec<(String, usize)> {
    let mut all: Vec<(String, usize)> = Vec::new();
    for (asked, _) in columns {
        match all.iter_mut().find(|(known, _)| *known == asked) {
            Some((_, columns)) => *columns += 1,
            None => all.push((asked, 1)),
        }
    }
    all
}

impl Columns {
    fn take(
        &mut self,
        at: usize,
        cell: &str,
        row: &Row,
        watched: &mut Watched,
    ) -> Result<(), FormatError> {
        if let Some(text) = cell.strip_prefix('\'').filter(|text| is_special(text)) {
            self.rest.push((at, name(self.line, text)?));
            self.named.push(at);
            return Ok(());
        }
        let words = plain(cell);
        let words = words.as_str();
        if watched.see(self.line, at, cell, words)? {
            return Ok(());
        }
        let scanner = row
            .cells()
            .next()
            .is_some_and(|cell| plain(cell) == CAST_VOTE_RECORD);
        let a_question_of_yes_or_no = words == "no" && row.cells().any(|cell| plain(cell) == "yes");
        if COUNT.contains(&words) {
            if self.count.replace(at).is_some() {
                return Err(fault(
                    self.line,
                    "two columns say how many ballots a row is: rename or delete one",
                ));
            }
        } else if ABOUT.contains(&words) {
            self.about.push(cell.to_owned());
        } else if (UNCLEAR.contains(&words) || (is_of_numbers(words) && !scanner))
            && !a_question_of_yes_or_no
        {
            let reason = format!(
                "the column \"{cell}\" may say how many ballots a row is, or which: call it \"count\" or \"id\"; \
                 if it is a candidate, put an apostrophe before the name"
            );
            return Err(fault(self.line, reason));
        } else {
            self.rest.push((at, name(self.line, unguarded(cell))?));
        }
        Ok(())
    }

    /// `Rank the candidates [Ash]`, as the columns of a grid are called in the answers to a form,
    /// is Ash. Columns beside grids are none of it.
    fn take_grids(&mut self) {
        let is_rank =
            |(at, text): &(usize, String)| !self.named.contains(at) && rank_header(text).is_some();
        let split = |(at, text): &(usize, String)| {
            if self.named.contains(at) {
                None
            } else {
                bracketed(text)
            }
        };
        let grids = asked(self.rest.iter().filter_map(split));
        if self.rest.iter().any(is_rank) || grids.iter().all(|(_, columns)| *columns < 2) {
            return self.take_dashes();
        }
        for (at, text) in std::mem::take(&mut self.rest) {
            match split(&(at, text.clone())) {
                Some((asked, inner)) => {
                    self.rest.push((at, inner));
                    self.grids.push(asked);
                }
                None => {
                    self.about.push(text.clone());
                    self.unknown.push((at, text));
                }
            }
        }
        if let [(only, _)] = grids.as_slice() {
            self.title.clone_from(only);
            self.grids.clear();
        }
    }

    /// `President - Ash` beside `Treasurer - Elm`; one such question alone may be how candidates
    /// are called.
    fn take_dashes(&mut self) {
        let split = |(at, text): &(usize, String)| {
            let (asked, inner) = text
                .split_once(" - ")
                .filter(|_| !self.named.contains(at))?;
            Some((asked.trim().to_owned(), inner.trim().to_owned()))
        };
        let Some(inner) = self.rest.iter().map(split).collect::<Option<Vec<_>>>() else {
            return;
        };
        let grids = asked(inner.iter().cloned());
        if grids.len() < 2 || grids.iter().any(|(_, columns)| *columns < 2) {
            return;
        }
        for ((_, text), (asked, inner)) in self.rest.iter_mut().zip(inner) {
            *text = inner;
            self.grids.push(asked);
        }
    }

    /// The contests whose ranks are columns; none if a column is a candidate.
    fn contests(&mut self, scanner: bool) -> Result<Option<Vec<Contest>>, FormatError> {
        let rank = |at: usize, text: &str| {
            if self.named.contains(&at) {
                None
            } else {
                rank_header(text)
            }
        };
        let found: Vec<_> = self
            .rest
            .iter()
            .map(|(at, text)| (*at, text, rank(*at, text)))
            .collect();
        if !self.grids.is_empty() || !scanner && found.iter().all(|(.., rank)| rank.is_none()) {
            return Ok(None);
        }
        let mut contests: Vec<Contest> = Vec::new();
        for (at, text, rank) in found {
            let (title, rank) = match rank {
                Some((title, rank)) => (title, Some(rank)),
                None if scanner => (text.clone(), None),
                None if is_like_rank(text) => {
                    let reason = format!(
                        "the column {text:?} looks like one of the ranks beside it, and says none from 1 on: call it \"Rank 1\" or so, or \"id\" if it is none"
                    );
                    return Err(fault(self.line, reason));
                }
                None => {
                    self.about.push(text.clone());
                    self.unknown.push((at, text.clone()));
                    continue;
                }
            };
            let place = contests
                .iter()
                .position(|contest| contest.title == title)
                .unwrap_or_else(|| {
                    contests.push(Contest {
                        title,
                        columns: Vec::new(),
                    });
                    contests.len() - 1
                });
            let expected = contests[place].columns.len() + 1;
            if rank.unwrap_or(1) != expected {
                let reason = format!(
                    "the column {text:?} stands where rank {expected} should: ranks go from 1 on, each in one column"
                );
                return Err(fault(self.line, reason));
            }
            contests[place].columns.push(at);
        }
        if contests.is_empty() {
            Err(fault(self.line, "there are no contests"))
        } else {
            Ok(Some(contests))
        }
    }

    fn ranks(&mut self, contests: Vec<Contest>, scanner: bool) -> Ranks {
        let title = std::mem::take(&mut self.title);
        Ranks {
            line: self.line,
            cells: self.cells,
            count: self.count,
            title,
            contests,
            unknown: std::mem::take(&mut self.unknown),
            blank_is_no_ballot: scanner,
        }
    }

    fn matrix(&mut self) -> Matrix {
        let mut contests: Vec<Grid> = Vec::new();
        let titles = std::mem::take(&mut self.grids);
        for (place, (at, name)) in self.rest.drain(..).enumerate() {
            let title = titles.get(place).unwrap_or(&self.title);
            let contest = match contests.iter().position(|contest| contest.title == *title) {
                Some(contest) => &mut contests[contest],
                None => {
                    contests.push(Grid {
                        title: title.clone(),
                        ..Grid::default()
                    });
                    contests.last_mut().expect("just added")
                }
            };
            contest.columns.push(at);
            contest.candidates.push(name);
            contest.named.push(self.named.contains(&at));
        }
        Matrix {
            line: self.line,
            cells: self.cells,
            count: self.count,
            contests,
        }
    }
}

/// Whether a header means something else than a candidate of that name, unless there is an
/// apostrophe before it.
pub(in crate::formats) fn is_special(text: &str) -> bool {
    let text = text.trim_start_matches('\'');
    let words = plain(text);
    [COUNT, ABOUT, UNCLEAR, STATUS]
        .iter()
        .any(|special| special.contains(&words.as_str()))
        || is_of_numbers(&words)
        || rank_header(text).is_some()
        || bracketed(text).is_some()
        || text.contains(" - ")
}

/// Whether a header says of nothing but numbers, identities and amounts.
fn is_of_numbers(words: &str) -> bool {
    let spaced = words.replace('#', " # ");
    let words = spaced
        .split(|c: char| c.is_whitespace() || "()[]/".contains(c))
        .filter(|word| !word.is_empty());
    let (others, numbers): (Vec<_>, Vec<_>) = words.partition(|word| !NUMBERS.contains(word));
    !numbers.is_empty() && others.iter().all(|word| BETWEEN.contains(word))
}

/// The header for a candidate, which is read as no other thing.
pub(in crate::formats) fn candidate_header(name: &str) -> Cow<'_, str> {
    if is_special(name) {
        format!("'{name}").into()
    } else {
        guarded(name)
    }
}

/// A header without what people write differently.
fn plain(cell: &str) -> String {
    let words = cell.to_lowercase().replace(['_', '-', '.', ':'], " ");
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_number(cell: &str) -> bool {
    !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit())
}

const ORDINALS: &[&str] = &[
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
];
const RANK_WORDS: &[&str] = &[
    "rank",
    "ranking",
    "choice",
    "preference",
    "pref",
    "priority",
    "rang",
    "wahl",
    "präferenz",
    "choix",
    "préférence",
    "opción",
    "preferencia",
    "priorität",
    "priorité",
    "prioridad",
    "vœu",
    "voeu",
    "voorkeur",
    "keuze",
    "preferenza",
    "scelta",
];
/// Words that say a rank where nothing else is in the header; a contest may be about `Position 3`.
const PLACE_WORDS: &[&str] = &["position", "place", "platz", "puesto"];
/// Ordinals that say a rank only with one of the words for it.
const OTHER_ORDINALS: &[&[&str]] = &[
    &[
        "erste", "zweite", "dritte", "vierte", "fünfte", "sechste", "siebte", "achte", "neunte",
        "zehnte",
    ],
    &["premier", "deuxième", "troisième", "quatrième", "cinquième"],
    &["première", "seconde"],
    &["primera", "segunda", "tercera", "cuarta", "quinta"],
];

/// The rank that words such as `Rank 2`, `2nd choice`, `second` name, and what else they say.
fn rank_header(text: &str) -> Option<(String, usize)> {
    let mut words: Vec<(usize, &str)> = Vec::new();
    for word in text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
    {
        words.push((word.as_ptr() as usize - text.as_ptr() as usize, word));
    }
    let lower: Vec<String> = words.iter().map(|(_, word)| word.to_lowercase()).collect();
    let is_rank_word = |at: usize| {
        lower
            .get(at)
            .is_some_and(|word| RANK_WORDS.contains(&word.as_str()))
    };
    if let [first, second] = lower.as_slice() {
        let number = |word: &str| {
            word.parse::<usize>()
                .ok()
                .filter(|rank| (1..=CANDIDATES_MAX).contains(rank))
        };
        let foreign = || {
            OTHER_ORDINALS
                .iter()
                .find_map(|words| Some(words.iter().position(|word| word == first)? + 1))
        };
        let rank = if is_rank_word(1) {
            number(first).or_else(foreign)
        } else {
            number(second).filter(|_| PLACE_WORDS.contains(&first.as_str()))
        };
        if let Some(rank) = rank {
            return Some((String::new(), rank));
        }
    }
    for (at, word) in lower.iter().enumerate() {
        let short = || {
            SHORT_SUFFIXES
                .iter()
                .find_map(|suffix| word.strip_suffix(suffix)?.parse().ok())
        };
        let before_word = || ordinal(word).or_else(short);
        let (rank, from, to) = if let Some(rank) = is_rank_word(at + 1).then(before_word).flatten()
        {
            (rank, at, at + 1)
        } else if let Some(rank) = ordinal(word).filter(|_| lower.len() == 1) {
            (rank, at, at)
        } else if let Some(rank) = lower
            .get(at + 1)
            .and_then(|next| next.parse().ok())
            .filter(|_| is_rank_word(at))
        {
            (rank, at, at + 1)
        } else if let Some(rank) = RANK_WORDS
            .iter()
            .find_map(|rank| word.strip_prefix(rank)?.parse().ok())
        {
            (rank, at, at)
        } else {
            continue;
        };
        let end = words[to].0 + words[to].1.len();
        let around = format!("{} {}", &text[..words[from].0], &text[end..]);
        let title = around.split_whitespace().collect::<Vec<_>>().join(" ");
        let title = title
            .trim_matches(|c: char| c.is_whitespace() || "-:,()[]".contains(c))
            .to_owned();
        return (1..=CANDIDATES_MAX)
            .contains(&rank)
            .then_some((title, rank));
    }
    None
}

/// Whether a header is a word for a rank and another: `Rank 0`, `Choice two`.
fn is_like_rank(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words: Vec<_> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    words.len() == 2 && words.iter().any(|word| RANK_WORDS.contains(word))
}

/// Ends of ordinals in English, French, Spanish and Italian.
const SUFFIXES: &[&str] = &["st", "nd", "rd", "th", "er", "ère", "ème", "º", "ª"];
/// Those with which a word alone may be something else: `1a`.
const SHORT_SUFFIXES: &[&str] = &["e", "re", "eme", "nde", "a"];

/// `1st`, `first`, `1er`, `2ª`.
fn ordinal(word: &str) -> Option<usize> {
    let suffixed = SUFFIXES
        .iter()
        .find_map(|suffix| word.strip_suffix(suffix)?.parse().ok());
    suffixed.or_else(|| Some(ORDINALS.iter().position(|ordinal| *ordinal == word)? + 1))
}

/// The rank that a cell names: `2`, `2nd`, `second choice`; nothing else is in it.
pub(super) fn rank_cell(cell: &str) -> Option<u64> {
    if is_number(cell) {
        return cell.parse().ok();
    }
    let (rest, rank) = rank_header(cell)?;
    if rest.is_empty() {
        Some(rank as u64)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_found_in_the_words_of_headers() {
        for (text, title, rank) in [
            ("Rank 1", "", 1),
            ("rank2", "", 2),
            ("1st Choice", "", 1),
            ("First choice", "", 1),
            ("third", "", 3),
            ("Preference 10", "", 10),
            (
                "Rep. to Congress 1st Choice District 2",
                "Rep. to Congress District 2",
                1,
            ),
            ("Mayor (2nd choice)", "Mayor", 2),
            ("1. Wahl", "", 1),
            ("Zweite Wahl", "", 2),
            ("Rang 3", "", 3),
            ("Choix 1", "", 1),
            ("Deuxième choix", "", 2),
            ("Position 4", "", 4),
            ("Council Position 3 1st Choice", "Council Position 3", 1),
            ("1er choix", "", 1),
            ("2e choix", "", 2),
            ("2ème", "", 2),
            ("3ª opción", "", 3),
            ("Presidencia 1ª opción", "Presidencia", 1),
        ] {
            assert_eq!(rank_header(text), Some((title.to_owned(), rank)), "{text}");
        }
        for other in [
            "Ash",
            "First Lady",
            "2",
            "Choice",
            "Rank",
            "Candidate 1",
            "Rank 0",
            "A 1st B",
            "21",
            "Council Position 3",
            "Erste",
            "1a",
        ] {
            assert_eq!(rank_header(other), None, "{other}");
        }
    }
}
