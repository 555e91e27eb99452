//! What `roll issue` hands out: a card for each voter, a list of codes for a mail merge, who has
//! which key, and the public keys.
//!
//! Cards and list hold secrets; the register is private, since it says whose ballot is which; the
//! keys are public, and say nothing of who has which. Does not draw codes: randomness comes with
//! the voters.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use vote_chain::PublicKey;
use vote_counting::formats::cell::guarded;
use vote_web::code::VoterCode;
use zeroize::Zeroizing;

use crate::qr::{Qr, escaped};
use crate::register::{self, Entry};
use crate::roll_file::Person;

/// The command on the cards: the menu, which asks for the code, so that no history of a shell keeps
/// it.
pub(crate) const COMMAND: &str = "vote-cli";
/// First line of the list for a mail merge.
pub(crate) const MERGE_HEADER: &str = "id,name,contact,group,weight,key,code\n";

const FILE_NAME_CHARACTERS_MAX: usize = 40;

/// A voter who is given a code.
#[derive(Debug)]
pub(crate) struct Voter<'a> {
    pub(crate) person: Person<'a>,
    pub(crate) weight: u32,
    /// That of the code.
    pub(crate) key: PublicKey,
    pub(crate) code: VoterCode,
}

impl<'a> Voter<'a> {
    /// Gives somebody a code.
    pub(crate) fn new(person: Person<'a>, weight: u32, code: VoterCode) -> Self {
        Self {
            person,
            weight,
            key: code.secret_key().public(),
            code,
        }
    }
}

/// What was written, and where.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) voters: usize,
    /// Folder of the cards; secret.
    pub(crate) cards: PathBuf,
    /// The list for a mail merge; secret.
    pub(crate) merge: PathBuf,
    /// Who has which key; private.
    pub(crate) register: PathBuf,
    /// The public keys, for `roll import`.
    pub(crate) keys: PathBuf,
}

/// Cards that were not written, or not all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CardsFault {
    #[error("{} is not empty, and is left as it is: choose another folder{}", dir.display(), earlier(dir))]
    NotEmpty { dir: PathBuf },
    #[error("cannot write {}: {source}; what is in the folder so far is not complete, delete it", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// What to do about a folder that has cards already.
fn earlier(dir: &Path) -> String {
    if !dir.join(register::FILE).exists() {
        return String::new();
    }
    format!(
        "; to make codes only for those who have none by it, say --earlier {}",
        dir.display()
    )
}

const STYLE: &str = "\
body{font:16px/1.45 sans-serif;color:#000;background:#fff;max-width:42em;margin:2em auto;padding:0 1em}\
h1{font-size:1.5em;margin:0}h2{font-size:1.1em;margin:.2em 0 1em}li{margin:.4em 0}\
code,.code{font-family:monospace}.code{font-size:1.9em;font-weight:bold;line-height:1.5;margin:0}\
.secret{display:flex;flex-wrap:wrap;gap:1em;align-items:center;border:2px solid #000;padding:1em;break-inside:avoid}\
svg{width:10em;height:10em;flex:none}.keep{font-weight:bold}\
@page{margin:15mm}@media print{body{margin:0;max-width:none}}";

/// A page to print, in one piece: HTML without scripts that loads nothing.
pub(crate) fn card(title: &str, voter: &Voter<'_>) -> Zeroizing<String> {
    let (title, name) = (escaped(title), escaped(voter.person.called()));
    let weight = if voter.weight == 1 {
        String::new()
    } else {
        format!(" (weight {})", voter.weight)
    };
    let code = Zeroizing::new(voter.code.to_string());
    let (first, second) = code.split_at(code.len() / 2 + 1);
    let qr = Zeroizing::new(Qr::of_voter_code(&voter.code).svg("The code as a QR code"));
    Zeroizing::new(format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>Voting card: {title}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{title}</h1>
<h2>Voting card of {name}{weight}</h2>
<ol>
<li>Go to a computer with <code>vote-cli</code> and a node of this vote; the organiser says where, or how to get them.</li>
<li>Type <code>{COMMAND}</code>, then how you want to be called, then <code>C</code> to cast.</li>
<li>When it asks for your voter code, type the one below. Capital or small letters, spaces and dashes do not matter.</li>
<li>Choose, and cast. Your ballot is cast when a tracker is shown, and not before; keep it, to see that your ballot is counted.</li>
</ol>
<div class="secret">
<p class="code">{first}<br>{second}</p>
{}
</div>
<p class="keep">Whoever has this card can vote in your place: show it to nobody, and destroy it when the vote is over. If it is lost, or somebody has seen it, tell the organiser at once.</p>
</body>
</html>
"#,
        qr.as_str()
    ))
}

/// A voter's line of the list for a mail merge, after [`MERGE_HEADER`].
pub(crate) fn merge_row(voter: &Voter<'_>) -> Zeroizing<String> {
    Zeroizing::new(format!(
        "{},{},{},{}\n",
        who(&voter.person),
        voter.weight,
        voter.key,
        voter.code
    ))
}

/// A line of the register, after [`register::HEADER`].
fn register_row(
    Entry {
        person,
        weight,
        key,
    }: &Entry<'_>,
) -> String {
    format!("{},{weight},{key}\n", who(person))
}

fn who(
    Person {
        id,
        name,
        contact,
        group,
    }: &Person<'_>,
) -> String {
    [id, name, contact, group]
        .map(|text| quoted(text))
        .join(",")
}

/// Keys and weights for `roll import`, by key: their order says nothing of who has which.
pub(crate) fn keys_csv(mut keys: Vec<(PublicKey, u32)>) -> String {
    keys.sort_unstable();
    let mut text = "key,weight\n".to_owned();
    keys.iter()
        .for_each(|(key, weight)| text.push_str(&format!("{key},{weight}\n")));
    text
}

/// The file of a card: its number, from 1, and what file systems take of the name.
pub(crate) fn file_name(number: usize, name: &str) -> String {
    let mut text = format!("{number:06}");
    let parts = name
        .split(|character: char| !character.is_alphanumeric())
        .filter(|part| !part.is_empty());
    let readable = parts.collect::<Vec<_>>().join("-").to_lowercase();
    if !readable.is_empty() {
        text.push('-');
        text.extend(readable.chars().take(FILE_NAME_CHARACTERS_MAX));
    }
    text + ".html"
}

/// Writes `cards/*.html`, `voters.csv`, `register.csv` and, when all else is there, `keys.csv`,
/// which has the keys of voters without a card too.
///
/// `dir` is made, or may be there and empty; only its owner can read what is in it.
/// # Errors
/// [`CardsFault::NotEmpty`] before anything is written; [`CardsFault::Write`] also in the middle of
/// it.
pub(crate) fn write<'a>(
    dir: &Path,
    title: &str,
    voters: impl IntoIterator<Item = Voter<'a>>,
    all: Vec<(PublicKey, u32)>,
    known: &[Entry<'_>],
) -> Result<Written, CardsFault> {
    let (cards, merge, keys) = (
        dir.join("cards"),
        dir.join("voters.csv"),
        dir.join("keys.csv"),
    );
    let register = dir.join(register::FILE);
    make_private(dir)?;
    make_private(&cards)?;
    let mut list = BufWriter::new(create(&merge)?);
    let mut number = 0;
    list.write_all(MERGE_HEADER.as_bytes())
        .map_err(at(&merge))?;
    for voter in voters {
        number += 1;
        list.write_all(merge_row(&voter).as_bytes())
            .map_err(at(&merge))?;
        let path = cards.join(file_name(number, voter.person.called()));
        // Not synced one by one: the list has all that is on them.
        create(&path)?
            .write_all(card(title, &voter).as_bytes())
            .map_err(at(&path))?;
    }
    list.into_inner()
        .map_err(io::IntoInnerError::into_error)
        .and_then(|file| file.sync_all())
        .map_err(at(&merge))?;
    let mut list = BufWriter::new(create(&register)?);
    list.write_all(register::HEADER.as_bytes())
        .map_err(at(&register))?;
    for entry in known {
        list.write_all(register_row(entry).as_bytes())
            .map_err(at(&register))?;
    }
    list.into_inner()
        .map_err(io::IntoInnerError::into_error)
        .and_then(|file| file.sync_all())
        .map_err(at(&register))?;
    // By rename: keys of only some voters must not be taken for all.
    let unfinished = dir.join("keys.csv.new");
    let mut file = create(&unfinished)?;
    file.write_all(keys_csv(all).as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(at(&unfinished))?;
    fs::rename(&unfinished, &keys).map_err(at(&keys))?;
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(at(dir))?;
    Ok(Written {
        voters: number,
        cards,
        merge,
        register,
        keys,
    })
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> CardsFault {
    let path = path.to_owned();
    move |source| CardsFault::Write { path, source }
}

fn make_private(dir: &Path) -> Result<(), CardsFault> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(at(dir))?;
    if fs::read_dir(dir).map_err(at(dir))?.next().is_some() {
        return Err(CardsFault::NotEmpty {
            dir: dir.to_owned(),
        });
    }
    fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(at(dir))
}

fn create(path: &Path) -> Result<File, CardsFault> {
    OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(at(path))
}

/// A field of CSV, and no formula for a spreadsheet.
fn quoted(text: &str) -> String {
    let text = &*guarded(text);
    let plain = !text.contains(['"', ',', ';', '\t', '\r', '\n']) && text.trim() == text;
    if plain {
        text.to_owned()
    } else {
        format!("\"{}\"", text.replace('"', "\"\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roll_file::{Wanted, read};

    const EVIL: &str = "<script>alert(\"x\")</script> & 'co'";

    fn voter(seed: u8, name: &str) -> Voter<'_> {
        let person = Person {
            id: "m-7",
            name,
            contact: "a@example.org",
            group: "",
        };
        Voter::new(person, u32::from(seed), VoterCode::from_random([seed; 16]))
    }

    fn keys<'a>(voters: impl IntoIterator<Item = Voter<'a>>) -> Vec<(PublicKey, u32)> {
        voters
            .into_iter()
            .map(|voter| (voter.key, voter.weight))
            .collect()
    }

    #[test]
    fn card_has_all_that_a_voter_needs() {
        let voter = voter(3, "Ada Lovelace");
        let card = card("Board of the co-op", &voter);
        for words in [
            "<h1>Board of the co-op</h1>",
            "Voting card of Ada Lovelace (weight 3)",
            "<code>vote-cli</code>",
            "<code>C</code>",
        ] {
            assert!(card.contains(words), "{words:?} is missing");
        }
        let (_, rest) = card.split_once("<p class=\"code\">").unwrap();
        let shown = rest.split_once("</p>").unwrap().0.replace("<br>", "\n");
        assert_eq!(VoterCode::parse(&shown).unwrap(), voter.code);
        assert_eq!(shown.lines().map(str::len).collect::<Vec<_>>(), [20, 19]);
        assert!(card.contains(&Qr::of_voter_code(&voter.code).svg("The code as a QR code")));
        assert_eq!(
            (
                card.matches("<li>").count(),
                card.contains("Whoever has this card can vote")
            ),
            (4, true)
        );
    }

    #[test]
    fn card_loads_nothing_and_runs_nothing() {
        let card = card(EVIL, &voter(1, EVIL));
        assert!(!card.contains("<script") && !card.contains("alert(\""));
        let shown = "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;co&#39;";
        assert_eq!(card.matches(shown).count(), 3);
        let addresses = card.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        for loading in ["//", "src=", "href", "url(", "@import", "(weight"] {
            assert!(!addresses.contains(loading), "{loading:?} is on the card");
        }
    }

    #[test]
    fn voter_without_a_name_is_called_by_the_id() {
        assert!(card("t", &voter(1, "")).contains("Voting card of m-7<"));
    }

    #[test]
    fn file_names_are_safe_everywhere() {
        assert_eq!(file_name(7, "Ada Lovelace"), "000007-ada-lovelace.html");
        assert_eq!(file_name(7, "../../etc/passwd\0"), "000007-etc-passwd.html");
        assert_eq!(file_name(1_234_567, "..."), "1234567.html");
        assert_eq!(file_name(7, "Zo\u{eb} \u{202e}Z"), "000007-zo\u{eb}-z.html");
        assert!(file_name(7, &"\u{1f60}".repeat(300)).len() < 255);
    }

    #[test]
    fn files_are_private_and_can_be_read_back() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("a/out");
        let names = ["Ada \"A\" Lovelace; first", "=Bob, the second", " Eve", ""];
        let voters = || names.iter().zip(1..).map(|(name, seed)| voter(seed, name));
        let person = Person {
            id: "1",
            name: "=Joan",
            contact: "joan@example.org",
            group: "North",
        };
        let known = Entry {
            person,
            weight: 7,
            key: voter(9, "").key,
        };
        let written = write(&dir, "Board", voters(), keys(voters()), &[known]).unwrap();

        assert_eq!(written.voters, 4);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&dir), mode(&written.cards)), (0o700, 0o700));
        assert_eq!(
            [&written.merge, &written.register, &written.keys].map(|path| mode(path)),
            [0o600; 3]
        );
        let mut cards: Vec<_> = fs::read_dir(&written.cards)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        cards.sort();
        assert!(cards.len() == 4 && cards.iter().all(|card| mode(card) == 0o600));
        assert!(
            cards[1].ends_with("000002-bob-the-second.html")
                && cards[3].ends_with("000004-m-7.html")
        );
        assert_eq!(
            fs::read_to_string(&cards[1]).unwrap(),
            *card("Board", &voter(2, names[1]))
        );

        let back = read(
            &fs::read(&written.keys).unwrap(),
            Wanted {
                weights: true,
                keys: true,
            },
        )
        .unwrap();
        let mut expected = keys(voters());
        expected.sort();
        assert_eq!(
            back.rows
                .iter()
                .map(|row| (row.key.unwrap(), row.weight))
                .collect::<Vec<_>>(),
            expected
        );
        assert!(back.report.faults.is_empty());

        let list = fs::read_to_string(&written.merge).unwrap();
        let mut rows = csv::Reader::from_reader(list.as_bytes());
        let rows: Vec<Vec<String>> = rows.deserialize().map(Result::unwrap).collect();
        for (row, voter) in rows.iter().zip(voters()) {
            let Person {
                id, name, contact, ..
            } = voter.person;
            let name = name.replace("=Bob", "'=Bob");
            assert_eq!(
                row[..5],
                [id, &name, contact, "", &voter.weight.to_string()]
            );
            assert_eq!(
                (&row[5], VoterCode::parse(&row[6]).unwrap()),
                (&voter.key.to_string(), voter.code)
            );
        }
        assert_eq!(rows.len(), 4);
        // Both lists can be read as lists, by which nobody gets another code. These voters have one
        // id.
        let list = read(
            list.as_bytes(),
            Wanted {
                weights: true,
                keys: true,
            },
        )
        .unwrap();
        assert_eq!(list.rows[0].key, voters().next().map(|voter| voter.key));
        assert!(
            list.report
                .faults
                .iter()
                .all(|fault| fault.to_string().ends_with("is the one of line 2"))
        );
        let list = register::read(&dir).unwrap();
        let back: Vec<_> = register::entries(&list)
            .map(|entry| (entry.person, entry.weight, entry.key))
            .collect();
        assert_eq!(back, [(known.person, known.weight, known.key)]);
    }

    #[test]
    fn folder_with_something_in_it_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("mine"), "mine").unwrap();
        let fault = write(
            home.path(),
            "Board",
            [voter(1, "Ada")],
            keys([voter(1, "Ada")]),
            &[],
        )
        .unwrap_err();
        assert!(matches!(fault, CardsFault::NotEmpty { .. }), "{fault}");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
        let empty = home.path().join("empty");
        fs::create_dir(&empty).unwrap();
        fs::set_permissions(&empty, Permissions::from_mode(0o755)).unwrap();
        write(
            &empty,
            "Board",
            [voter(1, "Ada")],
            keys([voter(1, "Ada")]),
            &[],
        )
        .unwrap();
        assert_eq!(
            fs::metadata(&empty).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }
}
