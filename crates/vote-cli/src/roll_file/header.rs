//! Which column is what, by the words of the header. The page has the same words
//! (testdata/rolls.json).

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use vote_counting::formats::table::Row;
use vote_counting::names::look;

use super::COLUMNS_MAX;
use super::fault::{Fault, Note, What};
use crate::output::clean;

/// What columns are for, and the words for it, as [`plain`] makes them. A column of the kinds with
/// a `?` is only taken if no other is there.
pub(super) const WORDS: &[(&str, &str)] = &[
    (
        "id",
        "id, identifier, id no, id number, member id, member no, member nr, member number, membership id, \
         membership no, membership number, voter id, voter no, voter number, person id, user id, student id, \
         student no, student number, employee id, employee number, staff number, registration number, \
         mitgliedsnummer, mitgliedsnr, mitglieds nr, mitglied nr, mitglieds id, personalnummer, matrikelnummer, \
         kennung, no de membre, n de membre, numéro de membre, numéro d adhérent, matricule, identifiant, \
         número de socio, nº de socio, número de miembro, identificador",
    ),
    (
        "id?",
        "no, nr, number, #, nummer, lfd nr, numéro, número, nº",
    ),
    ("name", "name, names, nom, nombre"),
    (
        "full name",
        "full name, fullname, complete name, display name, member name, name of member, voter name, \
         name of voter, first and last name, name surname, surname name, vollständiger name, voller name, namen, \
         vorname name, vorname nachname, name vorname, nachname vorname, nom complet, nom et prénom, nom prénom, \
         prénom nom, prénom et nom, nombre completo, nombre y apellidos, apellidos y nombre",
    ),
    (
        "name?",
        "member, members, voter, voters, elector, electors, person, people, participant, participants, attendee, \
         attendees, delegate, delegates, student, students, employee, employees, shareholder, shareholders, \
         owner, owners, resident, residents, user, users, mitglied, mitglieder, wähler, wählerin, wählende, \
         stimmberechtigte, stimmberechtigter, personen, teilnehmer, teilnehmende, delegierte, studierende, \
         mitarbeiter, mitarbeitende, eigentümer, membre, membres, électeur, électeurs, électrice, votant, \
         votants, adhérent, adhérents, participante, personne, personnes, étudiant, étudiants, miembro, miembros, \
         votante, votantes, electores, socio, socios, persona, personas, participantes",
    ),
    (
        "first name",
        "first name, firstname, first, first names, given name, given names, forename, forenames, vorname, \
         vornamen, prénom, prénoms, prenom, nombres, nombre de pila",
    ),
    (
        "last name",
        "last name, lastname, last, last names, surname, surnames, family name, nachname, familienname, zuname, \
         nom de famille, apellido, apellidos",
    ),
    ("contact", "contact, kontakt, contacto"),
    (
        "email",
        "email, e mail, mail, emails, email address, e mail address, emailaddress, mail address, email id, \
         email 1, e mail 1, e mail 1 value, primary email, contact email, e mail adresse, email adresse, \
         emailadresse, mailadresse, mail adresse, courriel, adresse courriel, adresse e mail, adresse email, \
         adresse mail, adresse électronique, mél, correo, correo electrónico, correo electronico, \
         dirección de correo, dirección de correo electrónico",
    ),
    (
        "weight",
        "weight, weights, votes, number of votes, no of votes, voting power, voting weight, voting rights, \
         shares, number of shares, gewicht, stimmen, anzahl stimmen, stimmenzahl, stimmgewicht, anteile, poids, \
         voix, nombre de voix, parts, nombre de parts, peso, votos, número de votos, participaciones",
    ),
    (
        "key",
        "key, public key, publickey, pubkey, voter key, schlüssel, öffentlicher schlüssel, clé, clé publique, \
         clave, clave pública",
    ),
    (
        "group",
        "group, gruppe, groupe, grupo, section, sektion, department, abteilung",
    ),
];

/// Longest name of a column that is shown.
const NAME_CHARACTERS_MAX: usize = 40;

/// A header's cell as the words have it: small letters, and one space for all that is neither
/// letter nor digit.
pub(super) fn plain(cell: &str) -> String {
    let lower = look(cell).to_lowercase();
    let parts = lower
        .split(|c: char| !c.is_alphanumeric() && c != '#')
        .filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}

/// No word has more bytes, and so not every cell need be looked at.
const WORD_BYTES_MAX: usize = 40;

/// The kind of each word.
static KINDS: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    WORDS
        .iter()
        .flat_map(|(kind, words)| words.split(", ").map(move |word| (word, *kind)))
        .collect()
});

/// What a header's cell is for, if need be without what stands in brackets: `E-mail (private)`.
fn kind(cell: &str) -> Option<&'static str> {
    let named = |cell: &str| KINDS.get(plain(cell).as_str()).copied();
    named(cell).or_else(|| named(cell.split(['(', '[']).next()?))
}

/// What spreadsheets call the rows below a list, as [`plain`] makes it. The page has the same
/// words.
const TOTALS: &str = "total, totals, grand total, subtotal, sub total, sum, average, summe, gesamt, gesamtsumme, zwischensumme, insgesamt, durchschnitt, mittelwert, total général, somme, sous total, moyenne, total general, suma, promedio, media";

/// Whether a name is one of these, or a footer.
pub(super) fn is_total(name: &str) -> bool {
    name.len() <= WORD_BYTES_MAX && TOTALS.split(", ").any(|word| word == plain(name))
        || is_footer(name)
}

/// What lists end with in print, as [`plain`] makes it, with `0` for numbers. The page has the same
/// words, here and below.
const FOOTERS: &str = "page 0, page 0 of 0, page 0 sur 0, page 0 de 0, seite 0, seite 0 von 0, página 0, página 0 de 0, pagina 0, pagina 0 de 0, end of list, end of the list, end of file, end of report, ende der liste, listenende, fin de la liste, fin de liste, fin de la lista, fin de lista";
/// What a line begins with that says when or by what a list was made.
const MADE: &str = "generated on, generated at, generated by, generated from, printed on, printed at, printed by, exported on, exported at, exported from, exported by, created on, erstellt am, erstellt mit, gedruckt am, exportiert am, généré le, généré par, imprimé le, exporté le, generado el, generado por, impreso el, exportado el";
/// What besides the words of totals stands before a number of rows.
const COUNTED: &str = "count, number of, anzahl, anzahl der, nombre de, número de";
/// Longest text that may be a footer, in bytes.
const FOOTER_BYTES_MAX: usize = 100;

/// Whether a text is what printed lists have below their voters: `Page 1 of 2`, `Total members:
/// 34`, `Generated on 2026-11-01`.
pub(super) fn is_footer(text: &str) -> bool {
    if text.len() > FOOTER_BYTES_MAX {
        return false;
    }
    let plain = plain(text);
    let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let mut words: Vec<_> = plain
        .split(' ')
        .map(|word| if is_number(word) { "0" } else { word })
        .collect();
    // `1,234`, `2026-11-01`: one number.
    words.dedup_by(|one, other| one == other && *one == "0");
    let shape = words.join(" ");
    let is_made = MADE.split(", ").any(|start| {
        shape
            .strip_prefix(start)
            .is_some_and(|rest| rest.starts_with(' '))
    });
    is_made || FOOTERS.split(", ").any(|footer| footer == shape) || is_count(&words)
}

/// Whether words are a number of rows, with or without what the rows are.
fn is_count(words: &[&str]) -> bool {
    let Some(("0", before)) = words.split_last().map(|(last, before)| (*last, before)) else {
        return false;
    };
    let is_counted = |start: &[&str]| {
        let start = start.join(" ");
        [TOTALS, COUNTED]
            .iter()
            .any(|words| words.split(", ").any(|word| word == start))
    };
    let is_people = |word: &str| KINDS.get(word) == Some(&"name?");
    is_counted(before)
        || before
            .split_last()
            .is_some_and(|(last, start)| is_people(last) && is_counted(start))
}

/// Whether a row has nothing but words of headers.
pub(super) fn is_header(row: &Row) -> bool {
    let is_word =
        |cell: &str| cell.len() <= WORD_BYTES_MAX && KINDS.contains_key(plain(cell).as_str());
    row.cells().filter(|cell| !cell.is_empty()).all(is_word)
}

/// What a column of this kind is read as.
fn field(kind: &'static str) -> &'static str {
    match kind {
        "full name" => "name",
        "email" => "contact",
        other => other.trim_end_matches('?'),
    }
}

/// A name for people: of a column, or of a row that is shown.
pub(super) fn shown(cell: &str) -> String {
    let words: Vec<_> = cell.split_whitespace().collect();
    clean(&words.join(" "))
        .chars()
        .take(NAME_CHARACTERS_MAX)
        .collect()
}

/// How well a row is known as a header, if it can be one at all: something must say who the voters
/// are. Each thing that its words are for counts 2, or 1 if only a word that may be a title says
/// so.
pub(super) fn known_columns(row: &Row) -> usize {
    let mut fields = BTreeMap::new();
    for kind in row.cells().filter_map(kind) {
        let known = if kind.ends_with('?') { 1 } else { 2 };
        let best = fields.entry(field(kind)).or_insert(known);
        *best = known.max(*best);
    }
    let names_somebody = fields
        .keys()
        .any(|field| !matches!(*field, "weight" | "group"));
    if names_somebody {
        fields.values().sum()
    } else {
        0
    }
}

/// Which column is where.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) id: Option<usize>,
    /// The parts of a name, in their order.
    pub(super) name: Vec<usize>,
    pub(super) contact: Option<usize>,
    /// Whether every contact must be an e-mail address.
    pub(super) is_email: bool,
    pub(super) weight: Option<usize>,
    pub(super) key: Option<usize>,
    pub(super) group: Option<usize>,
    /// What the header calls them, up to the last that has a name.
    pub(super) names: Vec<String>,
}

impl Columns {
    /// Reads a header.
    pub(super) fn read(header: &Row) -> Result<(Self, Vec<Note>), Fault> {
        let fault = |what| Fault {
            line: u32::try_from(header.line).unwrap_or(u32::MAX),
            what,
        };
        if header.len() > COLUMNS_MAX {
            return Err(fault(What::Columns {
                columns: header.len(),
            }));
        }
        let mut names: Vec<String> = header.cells().map(shown).collect();
        names.truncate(
            names
                .iter()
                .rposition(|name| !name.is_empty())
                .map_or(0, |last| last + 1),
        );
        let kinds: Vec<_> = header.cells().map(kind).collect();
        // The one column of these kinds, if there is one.
        let only = |wanted: &[&'static str]| {
            let mut found =
                (0..names.len()).filter(|at| kinds[*at].is_some_and(|kind| wanted.contains(&kind)));
            match (found.next(), found.next()) {
                (Some(first), Some(second)) => Err(fault(What::Twice {
                    first: names[first].clone(),
                    second: names[second].clone(),
                    field: field(wanted[0]),
                })),
                (first, _) => Ok(first),
            }
        };
        let id = match only(&["id"])? {
            None => only(&["id?"])?,
            id => id,
        };
        let (first, last) = (only(&["first name"])?, only(&["last name"])?);
        let name = match (only(&["name", "full name"])?, first, last) {
            (None, None, None) => only(&["name?"])?.into_iter().collect(),
            (None, ..) => first.into_iter().chain(last).collect(),
            // `Name, Vorname`, `Nombre, Apellidos`: one is a part.
            (Some(name), Some(first), None) if kinds[name] == Some("name") => vec![first, name],
            (Some(name), None, Some(last)) if kinds[name] == Some("name") => vec![name, last],
            (Some(name), ..) => vec![name],
        };
        let contact = only(&["contact", "email"])?;
        let columns = Self {
            is_email: contact.is_some_and(|at| kinds[at] == Some("email")),
            id,
            contact,
            weight: only(&["weight"])?,
            key: only(&["key"])?,
            group: only(&["group"])?,
            name,
            names,
        };
        let notes = (0..columns.names.len())
            .filter_map(|at| columns.note(header.get(at), at))
            .collect();
        Ok((columns, notes))
    }

    /// What a column is read as.
    fn read_as(&self, at: usize) -> Option<&'static str> {
        let one = [
            (self.id, "id"),
            (self.contact, "contact"),
            (self.weight, "weight"),
            (self.key, "key"),
            (self.group, "group"),
        ];
        let field = one
            .into_iter()
            .find(|(column, _)| *column == Some(at))
            .map(|(_, field)| field);
        field.or(match self.name.as_slice() {
            [name] if *name == at => Some("name"),
            [first, _] if *first == at => Some("first name"),
            [_, last] if *last == at => Some("last name"),
            _ => None,
        })
    }

    fn note(&self, cell: &str, at: usize) -> Option<Note> {
        let name = self.names[at].clone();
        match self.read_as(at) {
            // Its own word; of parts of a name it is always said.
            Some(field) if plain(cell) == field && !field.contains(' ') => None,
            Some(field) => Some(Note::ReadAs { name, field }),
            None if name.is_empty() => Some(Note::Nameless { number: at + 1 }),
            None => Some(Note::Column {
                name,
                number: at + 1,
            }),
        }
    }

    /// Whether anything is read from a column.
    pub(super) fn is_read(&self, at: usize) -> bool {
        self.read_as(at).is_some()
    }

    /// What a column is called.
    pub(super) fn name(&self, at: usize) -> String {
        match self.names.get(at) {
            Some(name) if !name.is_empty() => name.clone(),
            _ => format!("column {}", at + 1),
        }
    }
}
