//! Files of ballots, opened and read within bounds. What is in them `vote_counting::formats` knows.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Cursor, Seek};
use std::path::{Path, PathBuf};

use vote_chain::{BallotKind, Rule};
use vote_counting::formats::records::{
    DOMINION_CANDIDATES, DOMINION_CONTESTS, Dominion, read_cast_vote_records,
};
use vote_counting::formats::{Categories, Format, FormatError, Note, Options, Parsed, table};

use crate::cli::CountArgs;
use crate::failure::Failure;
use crate::files;
use crate::spreadsheet::{Spreadsheet, ahead};

/// What is no file, such as a pipe, is read into memory, up to so many bytes.
const PIPE_BYTES_MAX: u64 = 256 << 20;

/// A source that can be read twice.
trait Source: BufRead + Seek {}
impl<S: BufRead + Seek> Source for S {}

/// What the names of files end in, beside those of [`Format::ENDINGS`].
const OTHER_ENDINGS: &str = ".xlsx or .json";
/// What the names of Dominion's files of records begin with, in lower case.
const DOMINION_EXPORT: &str = "cvrexport";

/// Reads the ballots that a command is to count.
pub(crate) fn open(args: &CountArgs) -> Result<Parsed, Failure> {
    let path = args.file.as_path();
    let shown = path.display();
    let refused = |error: FormatError| Failure::Usage(format!("{shown} cannot be read: {error}"));
    let ending = path
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let format = Format::of(&path.to_string_lossy());
    let options = options(args, format)?;
    if args.sheet.is_some() && ending != "xlsx" {
        return Err(Failure::Usage(
            "--sheet: only .xlsx files have sheets".into(),
        ));
    }
    let has_ids = format == Some(Format::Csv)
        || ending == "xlsx"
        || (ending == "json" && !path.is_dir() && !is_export(path));
    if !has_ids && (args.repeated_ids || !args.status.is_empty()) {
        return Err(Failure::Usage(
            "--status, --repeated-ids: only tables and records of NIST say them".into(),
        ));
    }
    if path.is_dir() {
        return dominion(path, &exports(path)?, &options);
    }
    match (ending.as_str(), format) {
        (_, Some(format)) => format.read(source(path)?, &options).map_err(refused),
        ("xlsx", None) => {
            let unreadable =
                |reason: String| Failure::Usage(format!("{shown} cannot be read: {reason}"));
            let mut spreadsheet =
                Spreadsheet::open(path, args.sheet.as_deref()).map_err(unreadable)?;
            let hidden = spreadsheet.hidden_rows;
            let mut rows = spreadsheet.rows().map_err(unreadable)?;
            let parsed = ahead(&mut rows, |rows| table::read(rows, &options));
            let mut parsed = parsed.map_err(refused)?;
            if hidden > 0 {
                let text = format!(
                    "rows that are hidden in the spreadsheet are read like the others; there are {hidden}"
                );
                parsed.notes.push(Note { line: 1, text });
            }
            let columns = rows.hidden_columns();
            if !columns.is_empty() {
                let text = format!(
                    "columns that are hidden in the spreadsheet are read like the others: {columns}"
                );
                parsed.notes.push(Note { line: 1, text });
            }
            Ok(parsed)
        }
        ("xls" | "xlsm" | "xlsb" | "ods" | "numbers", None) => {
            let advice = "save it as .xlsx or .csv in the program that it was made with";
            Err(Failure::Usage(format!(
                "{shown}: spreadsheets of this kind are not read: {advice}"
            )))
        }
        ("json", None) if is_export(path) => {
            let folder = path.parent().unwrap_or_else(|| Path::new("."));
            let mut parsed = dominion(folder, &[path.to_owned()], &options)?;
            let others = exports(folder)?.len() - 1;
            if others > 0 {
                let text = format!(
                    "{others} other files of records in the folder are not read: give the folder to read all"
                );
                parsed.notes.push(Note { line: 1, text });
            }
            Ok(parsed)
        }
        ("json", None) => read_cast_vote_records(source(path)?, &options).map_err(refused),
        _ => Err(Failure::Usage(format!(
            "{shown}: the name must end in {}, {OTHER_ENDINGS}",
            Format::ENDINGS
        ))),
    }
}

fn is_export(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    name.starts_with(DOMINION_EXPORT) && name.ends_with(".json")
}

/// The files of records in a folder, in the order of their names.
fn exports(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable =
        |error| Failure::NotFound(format!("cannot read {}: {error}", folder.display()));
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if is_export(&path) {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(Failure::Usage(format!(
            "{}: a folder of records has files CvrExport*.json",
            folder.display()
        )));
    }
    Ok(found)
}

/// Reads a folder of records: the manifests, and these exports.
fn dominion(folder: &Path, exports: &[PathBuf], options: &Options) -> Result<Parsed, Failure> {
    let refused = |path: &Path| {
        let path = path.display().to_string();
        move |error: FormatError| Failure::Usage(format!("{path} cannot be read: {error}"))
    };
    let [contests, candidates] =
        [DOMINION_CONTESTS, DOMINION_CANDIDATES].map(|name| folder.join(name));
    let records = Dominion::new(source(&contests)?, source(&candidates)?, options);
    let mut records = records.map_err(refused(&contests))?;
    for export in exports {
        records.add(source(export)?).map_err(refused(export))?;
    }
    records.finish().map_err(refused(folder))
}

/// What the command says that the file does not.
fn options(args: &CountArgs, format: Option<Format>) -> Result<Options, Failure> {
    if !args.approve.is_empty() && format != Some(Format::Categories) {
        return Err(Failure::Usage(
            "--approve: only .cat files have categories".into(),
        ));
    }
    let kind = args.rule.map(Rule::ballots);
    let categories = match args.approve.as_slice() {
        [] if kind == Some(BallotKind::Several) => Categories::Plain,
        [] => Categories::Ranks,
        names => Categories::Approve(names.to_vec()),
    };
    let sums = args.rule.is_some_and(Rule::has_numbers);
    Ok(Options {
        categories,
        contest: args.contest.clone(),
        scores: args.scores || sums,
        sums,
        statuses: args.status.clone(),
        repeated_ids: args.repeated_ids,
    })
}

fn source(path: &Path) -> Result<Box<dyn Source>, Failure> {
    let shown = path.display();
    let not_there = |error| Failure::NotFound(format!("cannot read {shown}: {error}"));
    let file = File::open(path).map_err(not_there)?;
    if file.metadata().map_err(not_there)?.is_file() {
        return Ok(Box::new(BufReader::with_capacity(1 << 16, file)));
    }
    let bytes = files::read(path, PIPE_BYTES_MAX).map_err(not_there)?;
    let bytes = bytes
        .ok_or_else(|| Failure::Usage(format!("{shown} is no file, and too large to be kept")))?;
    Ok(Box::new(Cursor::new(bytes)))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: CountArgs,
    }

    fn read(path: &Path, options: &[&str]) -> Result<Parsed, String> {
        let path = path.to_str().unwrap();
        let command = Command::parse_from(["count", path].iter().chain(options));
        open(&command.args).map_err(|failure| failure.to_string())
    }

    const CONTESTS: &str =
        r#"{"List": [{"Description": "Mayor", "Id": 1}, {"Description": "Clerk", "Id": 2}]}"#;
    const CANDIDATES: &str = r#"{"List": [{"Description": "Ada", "Id": 1, "ContestId": 1}, {"Description": "Eve", "Id": 2, "ContestId": 2}]}"#;

    fn sessions(marks: &[u32]) -> String {
        let session = |candidate: &u32| {
            format!(
                r#"{{"Original": {{"IsCurrent": true, "Contests": [{{"Id": 1, "Marks": [{{"CandidateId": {candidate}, "Rank": 1, "IsVote": true}}]}}]}}}}"#
            )
        };
        format!(
            r#"{{"Sessions": [{}]}}"#,
            marks.iter().map(session).collect::<Vec<_>>().join(",")
        )
    }

    #[test]
    fn spreadsheet_of_more_ballots_than_can_be_counted_is_refused_with_its_row() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("many.xlsx");
        let text = |cell: &str, text: &str| {
            format!(r#"<c r="{cell}" t="inlineStr"><is><t>{text}</t></is></c>"#)
        };
        let number = |cell: &str, number: u64| format!(r#"<c r="{cell}"><v>{number}</v></c>"#);
        let header = text("A1", "count") + &text("B1", "Ada") + &text("C1", "Eve");
        let row = number("A2", 200_000_000_000) + &number("B2", 1) + &number("C2", 2);
        let rows = format!(r#"<row r="1">{header}</row><row r="2">{row}</row>"#);
        fs::write(&path, crate::spreadsheet::tests::book_of(&rows)).unwrap();
        let refused = read(&path, &[]).unwrap_err();
        assert!(
            refused.contains("2: the file has more ballots than can be counted"),
            "{refused}"
        );
    }

    #[test]
    fn folder_of_records_is_read_whole_and_one_file_of_it_alone() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        assert!(
            read(dir.path(), &[])
                .unwrap_err()
                .contains("CvrExport*.json")
        );
        write("CvrExport_1.json", &sessions(&[1]));
        write("CvrExport_2.json", &sessions(&[1, 1]));
        assert!(
            read(dir.path(), &[])
                .unwrap_err()
                .contains("ContestManifest.json")
        );
        write(DOMINION_CONTESTS, CONTESTS);
        write(DOMINION_CANDIDATES, CANDIDATES);
        assert!(
            read(dir.path(), &[])
                .unwrap_err()
                .contains("--contest:\n  1  Mayor\n  2  Clerk")
        );
        assert_eq!(
            read(dir.path(), &["--contest", "mayor"])
                .unwrap()
                .file
                .ballots
                .total(),
            3
        );
        let one = read(&dir.path().join("CvrExport_2.json"), &["--contest", "1"]).unwrap();
        assert_eq!(one.file.ballots.total(), 2);
        assert!(
            one.notes[0].text.contains("1 other files"),
            "{:?}",
            one.notes
        );
        write("CvrExport_3.json", "{\n\"Sessions\": 5}");
        let broken = read(dir.path(), &["--contest", "1"]).unwrap_err();
        assert!(
            broken.contains("CvrExport_3.json cannot be read: line 2"),
            "{broken}"
        );
    }

    #[test]
    fn options_that_a_file_has_no_use_for_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.csv");
        fs::write(&path, "Ash,Birch\n1,2\n").unwrap();
        assert_eq!(read(&path, &[]).unwrap().file.ballots.total(), 1);
        for (options, words) in [
            (["--approve", "Yes"], "only .cat files have categories"),
            (["--sheet", "One"], "only .xlsx files have sheets"),
            (["--contest", "Mayor"], "leave --contest out"),
        ] {
            assert!(
                read(&path, &options).unwrap_err().contains(words),
                "{options:?}"
            );
        }
        fs::write(&path, "Status,Ash,Birch\nvalid,1,2\nvoid,2,1\n").unwrap();
        assert!(read(&path, &[]).unwrap_err().contains("line 3: the status"));
        let valid = read(&path, &["--status", "valid"]).unwrap();
        assert_eq!(valid.file.ballots.total(), 1);
        fs::write(&path, "Email,Ash,Birch\na@x,1,2\na@x,2,1\n").unwrap();
        assert!(read(&path, &[]).unwrap_err().contains("--repeated-ids"));
        assert_eq!(
            read(&path, &["--repeated-ids"])
                .unwrap()
                .file
                .ballots
                .total(),
            2
        );
        let blt = dir.path().join("x.blt");
        for option in [&["--status", "valid"][..], &["--repeated-ids"]] {
            assert!(
                read(&blt, option)
                    .unwrap_err()
                    .contains("only tables and records")
            );
        }
        let old = dir.path().join("x.ods");
        fs::write(&old, "").unwrap();
        assert!(read(&old, &[]).unwrap_err().contains("save it as .xlsx"));
        let other = dir.path().join("x.txt");
        fs::write(&other, "").unwrap();
        assert!(read(&other, &[]).unwrap_err().contains(".blt, .soc"));
        assert!(
            read(&dir.path().join("none.csv"), &[])
                .unwrap_err()
                .contains("none.csv")
        );
    }
}
