//! Who has which key: a private list beside the cards, so that a later issue makes codes only for
//! those who have none, and one card can be revoked. Does not know codes.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use vote_chain::{ElectionId, PublicKey};
use vote_counting::names::folded;

use crate::failure::Failure;
use crate::files;
use crate::roll_file::{self, Person, VoterList, Wanted, same_id};

/// Its name in the folder of an issue.
pub(crate) const FILE: &str = "register.csv";
/// Its columns.
pub(crate) const HEADER: &str = "id,name,contact,group,weight,key\n";
/// Bytes of the paths that are remembered for an election.
const PATHS_BYTES_MAX: u64 = 1 << 20;

/// Somebody who has a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) person: Person<'a>,
    pub(crate) weight: u32,
    pub(crate) key: PublicKey,
}

/// The voters of a list who have a key.
pub(crate) fn entries(list: &VoterList) -> impl Iterator<Item = Entry<'_>> {
    list.rows.iter().filter_map(|row| {
        row.key.map(|key| Entry {
            person: list.person(row),
            weight: row.weight,
            key,
        })
    })
}

/// Reads the register of an issue, by its folder or by its file.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn read(path: &Path) -> Result<VoterList, String> {
    let path = if path.is_dir() {
        path.join(FILE)
    } else {
        path.to_owned()
    };
    let shown = path.display();
    let bytes = files::read(&path, roll_file::FILE_BYTES_MAX as u64);
    let bytes = bytes.map_err(|error| {
        format!("cannot read {shown}, the register of an earlier issue: {error}")
    })?;
    let bytes = bytes.ok_or_else(|| format!("{shown} is too large"))?;
    let list = roll_file::read(
        &bytes,
        Wanted {
            weights: true,
            keys: true,
        },
    );
    let list = list.map_err(|fault| format!("{shown}: {fault}"))?;
    match list.report.faults.first() {
        Some(fault) => Err(format!(
            "{shown}: {fault}; mend it: whose key is which must be plain"
        )),
        None => Ok(list),
    }
}

/// People, by what tells them apart.
pub(crate) struct People<'a> {
    all: Vec<Entry<'a>>,
    ids: HashMap<String, usize>,
    contacts: HashMap<String, usize>,
    names: HashMap<String, Vec<usize>>,
}

/// As whom somebody is known.
#[derive(Debug)]
pub(crate) enum Known<'a> {
    Nobody,
    One(&'a Entry<'a>),
    /// They have the name, and nothing tells which of them it is.
    Several,
}

impl<'a> People<'a> {
    pub(crate) fn new(all: Vec<Entry<'a>>) -> Self {
        let mut ids = HashMap::new();
        let mut contacts = HashMap::new();
        let mut names: HashMap<_, Vec<_>> = HashMap::new();
        for (at, Entry { person, .. }) in all.iter().enumerate() {
            if !person.id.is_empty() {
                ids.entry(same_id(person.id)).or_insert(at);
            }
            if !person.contact.is_empty() {
                contacts.entry(folded(person.contact)).or_insert(at);
            }
            if !person.name.is_empty() {
                names.entry(folded(person.name)).or_default().push(at);
            }
        }
        Self {
            all,
            ids,
            contacts,
            names,
        }
    }

    /// Everybody.
    pub(crate) fn all(&self) -> &[Entry<'a>] {
        &self.all
    }

    /// Another one than this entry, whose contact, or name where the entry has another, the person
    /// has.
    pub(crate) fn other(&self, person: &Person<'_>, entry: &Entry<'_>) -> Option<&Entry<'a>> {
        let by_contact = (!person.contact.is_empty())
            .then(|| self.contacts.get(&folded(person.contact)))
            .flatten();
        let name = folded(person.name);
        let renamed =
            !name.is_empty() && !entry.person.name.is_empty() && name != folded(entry.person.name);
        let by_name = if renamed { self.names.get(&name) } else { None };
        let others = by_contact.into_iter().chain(by_name.into_iter().flatten());
        others
            .map(|at| &self.all[*at])
            .find(|other| other.key != entry.key)
    }

    /// Whether somebody is among them: by id, else by contact, else by name, unless ids or contacts
    /// tell the two apart.
    pub(crate) fn find(&self, person: &Person<'_>) -> Known<'_> {
        let by_id = Some(person.id)
            .filter(|id| !id.is_empty())
            .and_then(|id| self.ids.get(&same_id(id)));
        let by_contact = Some(person.contact).filter(|contact| !contact.is_empty());
        let by_contact = by_contact.and_then(|contact| self.contacts.get(&folded(contact)));
        if let Some(at) = by_id.or(by_contact) {
            return Known::One(&self.all[*at]);
        }
        let both = |a: &str, b: &str| !a.is_empty() && !b.is_empty();
        let like = |at: &&usize| {
            let other = &self.all[**at].person;
            !both(person.id, other.id) && !both(person.contact, other.contact)
        };
        let mut alike = self
            .names
            .get(&folded(person.name))
            .into_iter()
            .flatten()
            .filter(like);
        match (alike.next(), alike.next()) {
            (None, _) => Known::Nobody,
            (Some(at), None) => Known::One(&self.all[*at]),
            (Some(_), Some(_)) => Known::Several,
        }
    }
}

/// Where the registers of an election's roll were when they were imported.
pub(crate) fn remembered(data_dir: &Path, election: &ElectionId) -> Result<Vec<PathBuf>, Failure> {
    let path = paths(data_dir, election);
    let unreadable = |why: String| {
        Failure::Other(format!(
            "{} cannot be read: {why}; remove it",
            path.display()
        ))
    };
    let bytes = match files::read(&path, PATHS_BYTES_MAX) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error.to_string())),
        Ok(bytes) => bytes.ok_or_else(|| unreadable("it is too large".into()))?,
    };
    serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))
}

/// Remembers where the register of an election's roll is. Nothing of it is kept elsewhere: it says
/// how each voter votes.
pub(crate) fn remember(
    data_dir: &Path,
    election: &ElectionId,
    register: &Path,
) -> Result<(), Failure> {
    let register = fs::canonicalize(register).map_err(Failure::other)?;
    let mut known = remembered(data_dir, election)?;
    if known.contains(&register) {
        return Ok(());
    }
    known.push(register);
    let path = paths(data_dir, election);
    let text = serde_json::to_vec(&known).map_err(Failure::other)?;
    if path.exists() {
        files::replace(&path, &text, files::PRIVATE)
    } else {
        crate::credential::write_new(&path, &text)
    }
}

fn paths(data_dir: &Path, election: &ElectionId) -> PathBuf {
    data_dir.join("registers").join(format!("{election}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> PublicKey {
        vote_chain::SecretKey::from_seed(&[seed; 32]).public()
    }

    fn person<'a>(id: &'a str, name: &'a str, contact: &'a str) -> Person<'a> {
        Person {
            id,
            name,
            contact,
            group: "",
        }
    }

    #[test]
    fn people_are_known_by_id_contact_or_name_unless_these_tell_them_apart() {
        let all = [
            person("1", "Ada", ""),
            person("", "Grace", "grace@example.org"),
            person("", "Joan", ""),
            person("7", "Eve", ""),
            person("8", "Eve", ""),
        ];
        let keys = (0..).map(key);
        let entries = all.iter().zip(keys).map(|(person, key)| Entry {
            person: *person,
            weight: 1,
            key,
        });
        let people = People::new(entries.collect());
        let known = |id, name, contact| match people.find(&person(id, name, contact)) {
            Known::One(entry) => all.iter().position(|one| *one == entry.person),
            Known::Nobody => None,
            Known::Several => Some(usize::MAX),
        };
        assert_eq!(known("1", "Ada Lovelace", "a@example.org"), Some(0));
        assert_eq!(
            known("01", "Ada Lovelace", "a@example.org"),
            Some(0),
            "a spreadsheet made 1 of it"
        );
        assert_eq!(known("9", "G. Hopper", "GRACE@example.org"), Some(1));
        assert_eq!(known("5", "joan\u{200b}", ""), Some(2));
        assert_eq!(known("", "ada", "ada@example.org"), Some(0));
        assert_eq!(known("2", "Ada", ""), None, "the ids tell them apart");
        assert_eq!(
            known("", "Grace", "g2@example.org"),
            None,
            "the contacts tell them apart"
        );
        assert_eq!(known("", "Eve", ""), Some(usize::MAX));
        assert_eq!(known("", "Zoe", ""), None);
        assert_eq!(known("", "", "zoe@example.org"), None);
    }

    #[test]
    fn registers_of_a_roll_are_remembered_by_their_places_alone() {
        let home = tempfile::tempdir().unwrap();
        let election = ElectionId::default();
        let register = home.path().join(FILE);
        fs::write(&register, HEADER).unwrap();
        assert!(remembered(home.path(), &election).unwrap().is_empty());
        remember(home.path(), &election, &register).unwrap();
        remember(home.path(), &election, &register).unwrap();
        assert_eq!(
            remembered(home.path(), &election).unwrap(),
            [fs::canonicalize(&register).unwrap()]
        );
    }
}
