use super::*;
use crate::formats::csv;

fn read_as(text: &str, options: &Options) -> Result<Parsed, FormatError> {
    csv::read(text, options)
}

fn parse(text: &str) -> Result<Parsed, FormatError> {
    read_as(text, &Options::default())
}

fn ballots(text: &str) -> Vec<(u64, Vec<Vec<usize>>)> {
    lines(&parse(text).unwrap())
}

fn lines(parsed: &Parsed) -> Vec<(u64, Vec<Vec<usize>>)> {
    parsed
        .file
        .ballots
        .iter()
        .map(|packed| (packed.count, packed.group().ranks))
        .collect()
}

#[test]
fn counts_equal_ranks_skipped_ranks_and_blank_ballots_are_read() {
    let text = "Count,\"Ada \"\"A\"\" L.\" ,\"B;C, D\",E\n12,1,2,\n\n3, 2 ,3,2\r\n1,,,\n";
    assert_eq!(
        parse(text).unwrap().file.candidates,
        ["Ada \"A\" L.", "B;C, D", "E"]
    );
    let expected = [
        (12, vec![vec![0], vec![1]]),
        (3, vec![vec![], vec![0, 2], vec![1]]),
        (1, vec![]),
    ];
    assert_eq!(ballots(text), expected);
    assert_eq!(
        parse(text)
            .unwrap()
            .file
            .ballots
            .iter()
            .nth(1)
            .unwrap()
            .line,
        4
    );
}

#[test]
fn semicolons_and_tabs_separate_and_a_count_is_not_needed() {
    let expected = [(1, vec![vec![1], vec![0]]), (1, vec![vec![1]])];
    assert_eq!(ballots("Ada, A.;Bob\n2;1\n;1\n"), expected);
    assert_eq!(ballots("sep=;\nAda;Bob\n2;1\n;1\n"), expected);
    assert_eq!(ballots("Ada, A.\tBob\n2\t1\n\t1\n"), expected);
    assert_eq!(ballots("\u{feff}Ada,Bob\r2,1\r,1\r"), expected);
}

#[test]
fn faults_are_named_with_their_line() {
    for (bad, line, reason) in [
        ("", 1, "empty"),
        ("count\n", 1, "0 candidates"),
        ("A,,B\n", 1, "a name is empty"),
        ("A,B,A\n", 1, "\"A\""),
        ("A,B, A \n", 1, "\"A\""),
        ("A\u{a0}B,A  B\n", 1, "two candidates are called"),
        ("A,B\n1,2\n\n\n1\n", 5, "1 cells"),
        ("A,B\n1,2,3\n", 2, "3 cells"),
        ("A,B\n1,0\n", 2, "--scores"),
        ("A,B\n1,-1\n", 2, "no rank"),
        ("A,B\n1,3\n", 2, "rank 3, of 2"),
        ("A,B\n2,\n,2\n", 2, "no ballot has a first rank"),
        ("A,B\n1,2\nAda,Bob\n", 3, "no rank"),
        ("count,A,B\n,1,2\n", 2, "number of ballots"),
        ("count,A,B\n1.5,1,2\n", 2, "whole numbers"),
        ("count,weight,A,B\n1,1,1,2\n", 1, "two columns"),
        ("A,B\n\"1,2\n1,2\n", 2, "not closed"),
        ("A,B\n\"1\"x,2\n", 2, "behind a closing quote"),
        ("1,2,3\n2,1,3\n", 1, "only numbers"),
        ("No,A,B\n1,1,2\n", 1, "\"count\" or \"id\""),
        (
            "Zettel,A,B,C\n1,1,2,3\n2,2,1,3\n3,3,1,2\n",
            1,
            "without the column \"Zettel\"",
        ),
        ("Votes for A,Rank 1,Rank 3\n1,A,B\n", 1, "rank 2 should"),
        ("Rank 1,Rank 2\nA,2\n", 2, "candidate's name should"),
        ("PK\u{3}\u{4}\n", 1, "spreadsheet"),
    ] {
        let error = parse(bad).unwrap_err();
        assert!(
            error.line == line && error.reason.contains(reason),
            "{bad:?}: {error}"
        );
    }
}

#[test]
fn rows_without_content_are_no_ballots_and_that_is_said() {
    let parsed = parse("id,Ash,Birch\n1,1,2\n2,,\n,,\n , ,\n").unwrap();
    assert_eq!(lines(&parsed), [(1, vec![vec![0], vec![1]]), (1, vec![])]);
    let notes: Vec<_> = parsed.notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "line 1: nothing is read from the columns \"id\"",
            "line 4: rows without content are no ballots; there are 2"
        ]
    );
}

#[test]
fn candidate_who_is_last_or_equal_on_every_ballot_is_one() {
    for rows in [
        "3,1,2\n3,2,1\n3,1,2\n",
        "1,1,\n1,,1\n1,1,1\n",
        "1,2,3\n2,1,3\n3,1,2\n",
    ] {
        assert_eq!(
            parse(&format!("Ash,Birch,Cedar\n{rows}"))
                .unwrap()
                .file
                .candidates
                .len(),
            3,
            "{rows}"
        );
    }
}

#[test]
fn candidates_may_be_yes_and_no() {
    assert_eq!(
        parse("Yes,No\n1,2\n").unwrap().file.candidates,
        ["Yes", "No"]
    );
}

#[test]
fn names_stand_in_the_columns_of_ranks() {
    let expected = [
        (1, vec![vec![0], vec![1], vec![2]]),
        (1, vec![vec![1], vec![], vec![2]]),
        (1, vec![]),
    ];
    for header in [
        "Voter,Rank 1,Rank 2,Rank 3",
        "Timestamp,First choice,Second choice,Third choice",
        "id,Vote [1st],Vote [2nd],Vote [3rd]",
    ] {
        let parsed = parse(&format!(
            "{header}\nv1,Cedar,Ash,Birch\nv2,Ash,skipped,Birch\nv3,,,\n"
        ))
        .unwrap();
        assert_eq!(
            (lines(&parsed).as_slice(), parsed.file.candidates.as_slice()),
            (
                expected.as_slice(),
                ["Cedar", "Ash", "Birch"].map(String::from).as_slice()
            ),
            "{header}"
        );
    }
    let twice = parse("Rank 1,Rank 2,Rank 3\nAsh,Ash,Birch\n").unwrap();
    assert_eq!(lines(&twice), [(1, vec![vec![0], vec![1]])]);
    assert!(
        twice
            .notes
            .iter()
            .any(|note| note.text.contains("twice counts at the first"))
    );
    let alike = parse("Rank 1,Rank 2\nZo\u{eb},Ash\nZoe\u{308},Ash\n").unwrap_err();
    assert!(
        alike.line == 3 && alike.reason.contains("look the same"),
        "{alike}"
    );
}

#[test]
fn cells_that_name_nobody_are_blank_and_that_is_said() {
    for blank in [
        "-",
        "--",
        "N/A",
        "n/a",
        "none",
        "None",
        "(blank)",
        "No candidate",
        "No preference",
        "Abstain",
        "NULL",
        "nan",
    ] {
        let parsed = parse(&format!("Rank 1,Rank 2\n{blank},{blank}\nAsh,{blank}\n")).unwrap();
        assert_eq!(lines(&parsed), [(1, vec![]), (1, vec![vec![0]])], "{blank}");
        assert_eq!(parsed.file.candidates, ["Ash"], "{blank}");
        let notes: Vec<_> = parsed.notes.iter().map(ToString::to_string).collect();
        let said = [
            "line 1: the candidates are those whom the ballots name: 1 (\"Ash\")".to_owned(),
            format!(
                "line 2: cells such as \"{blank}\" name nobody, and are read as blank; there are 3"
            ),
        ];
        assert_eq!(notes, said);
    }
    for names in [["Nan", "Null"], ["🍎", "🍕"], ["None of the above", "Ash"]] {
        let table = format!("Rank 1,Rank 2\n{},{}\n", names[0], names[1]);
        assert_eq!(parse(&table).unwrap().file.candidates, names);
    }
}

#[test]
fn several_names_in_a_cell_are_no_candidate() {
    for several in [
        "\"Ash, Birch\"",
        "Birch;Ash",
        "Ash / Birch",
        "Ash|birch",
        "\"Ash\nBirch\"",
        "Ash & Birch",
    ] {
        let error = parse(&format!("sep=,\nRank 1,Rank 2\nAsh,Birch\n{several},\n")).unwrap_err();
        assert!(
            error.line == 4 && error.reason.contains("a cell names one candidate"),
            "{several}: {error}"
        );
    }
    let two = parse("sep=,\nRank 1,Rank 2\nAsh; Birch,\nElm,\nBirch; Ash,\n").unwrap_err();
    assert!(
        two.line == 5 && two.reason.contains("a cell names one candidate"),
        "{two}"
    );
    let one = parse("Rank 1,Rank 2\n\"Golden, Jared\",Ash/Elm\nAsh,\n").unwrap();
    assert_eq!(one.file.candidates, ["Golden, Jared", "Ash/Elm", "Ash"]);
}

#[test]
fn sign_behind_the_last_name_says_that_a_cell_names_each() {
    let read = |cell: &str| parse(&format!("Rank 1\tRank 2\n{cell}\tElm\n"));
    for two in [
        "Ash;Birch;",
        "Ash, Birch,",
        "Ash / Birch /",
        "Ash|Birch|",
        "Ash & Birch &",
        "Ash+Birch+",
        "Ash;; Birch ;",
    ] {
        let parsed = read(two).unwrap();
        assert_eq!(parsed.file.candidates, ["Ash", "Birch", "Elm"], "{two}");
        let ballot = parsed.file.ballots.at(0).group();
        assert_eq!(ballot.ranks, [vec![0, 1], vec![2]], "{two}");
        let note = format!("cells such as {two:?} name several, who are equal at that rank");
        assert!(parsed.notes.iter().any(|said| said.text.contains(&note)));
    }
    // Another sign is a part of a name, and so is one behind one name, unless no name ends so.
    for (cell, names) in [
        ("Golden, Jared;Ash;", &["Golden, Jared", "Ash", "Elm"][..]),
        ("Ash;", &["Ash", "Elm"]),
        ("C++", &["C++", "Elm"]),
        ("Ash;Birch", &["Ash;Birch", "Elm"]),
        ("N/A;", &["Elm"]),
    ] {
        assert_eq!(read(cell).unwrap().file.candidates, names, "{cell}");
    }
    for contradicting in ["Ash;N/A;", "skipped;Ash;", "Ash;overvote;"] {
        let error = read(contradicting).unwrap_err();
        assert!(
            error.line == 2 && error.reason.contains("which is meant?"),
            "{contradicting}: {error}"
        );
    }
}

#[test]
fn rows_with_a_status_that_does_not_plainly_count_are_asked_about() {
    let asked = |table: &str, statuses: &[&str]| {
        let options = Options {
            statuses: statuses.iter().map(|word| (*word).to_owned()).collect(),
            ..Options::default()
        };
        csv::read(table, &options)
    };
    for header in ["Status,Rank 1,Rank 2\n", "Ballot status,Ash,Birch\n"] {
        let cells = |ranks| {
            if header.contains("Rank") {
                "Ash,Birch"
            } else {
                ranks
            }
        };
        let row = |status: &str| format!("{status},{}\n", cells("1,2"));
        let good = [header, &row("Accepted"), &row("valid"), &row("")].concat();
        assert_eq!(asked(&good, &[]).unwrap().file.ballots.total(), 3);
        for word in ["Rejected", "void", "TEST", "provisional", "?"] {
            let table = [&good, &row(word)[..], &row("accepted")].concat();
            let refused = asked(&table, &[]).unwrap_err();
            assert!(
                refused.line == 5
                    && refused
                        .reason
                        .contains(&format!("{word:?}: say which rows")),
                "{refused}"
            );
            let parsed = asked(&table, &["accepted"]).unwrap();
            assert_eq!(parsed.file.ballots.total(), 2, "{word}");
            let note = parsed.notes.last().unwrap();
            assert!(
                note.line == 3 && note.text.contains("there are 3"),
                "{note}"
            );
            assert!(note.text.contains(&format!("{word:?}")), "{note}");
            let all = ["accepted", "VALID", "none", word];
            assert_eq!(asked(&table, &all).unwrap().file.ballots.total(), 5);
        }
        let misspelt = asked(&good, &["acepted"]).unwrap_err();
        assert!(
            misspelt
                .reason
                .contains("no row has the status \"acepted\"")
        );
    }
    let without = asked("Ash,Birch\n1,2\n", &["accepted"]).unwrap_err();
    assert!(without.reason.contains("leave --status out"), "{without}");
    assert!(parse("Status,Vote status,Ash\nvalid,valid,1\n").is_err());
    // With an apostrophe it is a candidate.
    let candidate = parse("'Status,Ash\n1,2\n").unwrap();
    assert_eq!(candidate.file.candidates, ["Status", "Ash"]);
    assert_eq!(candidate_header("Status"), "'Status");
}

#[test]
fn voter_or_ballot_that_is_there_twice_is_refused_unless_each_row_counts() {
    let options = Options {
        repeated_ids: true,
        ..Options::default()
    };
    for header in ["Voter ID", "email", "Ballot ID", "Member number"] {
        let table = |third: &str| {
            format!(
                "{header},Rank 1,Rank 2\nX-1,Ash,Elm\nx-2,Elm,\n,Elm,\n,Elm,\n{third},Elm,\nX-3,Ash,\n"
            )
        };
        assert_eq!(parse(&table("X-4")).unwrap().file.ballots.total(), 6);
        let refused = parse(&table("x-1")).unwrap_err();
        let said = format!("{header:?} is here the same as on line 2");
        assert!(
            refused.line == 6 && refused.reason.contains(&said),
            "{refused}"
        );
        let each = csv::read(&table("x-1"), &options).unwrap();
        assert_eq!(each.file.ballots.total(), 6);
    }
    // Two voters may have the same name, and a column that is called id may be of anything.
    assert!(parse("id,name,Rank 1,Rank 2\n7,Ann,Ash,Elm\n7,Ann,Elm,\n").is_ok());
    // The row that does not count is not there twice.
    let replaced = "Voter ID,Status,Rank 1,Rank 2\n1,replaced,Ash,Elm\n1,counted,Elm,\n";
    let counted = Options {
        statuses: vec!["counted".into()],
        ..Options::default()
    };
    assert_eq!(
        csv::read(replaced, &counted).unwrap().file.ballots.total(),
        1
    );
}

#[test]
fn names_that_differ_in_capitals_alone_are_told_of() {
    let parsed = parse("Rank 1,Rank 2\nAsh,Birch\nash,Birch\n").unwrap();
    assert!(
        parsed
            .notes
            .iter()
            .any(|note| note.line == 3 && note.text.contains("\"Ash\" and \"ash\"")),
        "{:?}",
        parsed.notes
    );
    let abif = crate::formats::Format::Abif;
    let parsed = abif
        .read(
            std::io::Cursor::new("1:Ash>Birch\n1:BIRCH>Ash\n"),
            &Options::default(),
        )
        .unwrap();
    assert!(parsed.notes[0].line == 2 && parsed.notes[0].text.contains("\"Birch\" and \"BIRCH\""));
}

#[test]
fn columns_of_counts_and_ids_are_no_candidates() {
    for count in [
        "Number of voters",
        "Anzahl Stimmen",
        "# ballots",
        "Ballot count",
        "Vote count",
        "Ballots cast",
        "How many ballots",
        "count (ballots)",
        "Gewicht",
        "Häufigkeit",
        "Freq",
        "Multiplicity",
        "Copies",
        "Voting power",
        "Nombre de bulletins",
    ] {
        for (table, candidates) in [
            (
                format!("{count},Ash,Birch\n2,1,2\n1,2,1\n"),
                ["Ash", "Birch"],
            ),
            (
                format!("Ash,Birch,{count}\n1,2,2\n2,1,1\n"),
                ["Ash", "Birch"],
            ),
            (
                format!("{count},Rank 1,Rank 2\n2,Ash,Birch\n1,Birch,\n"),
                ["Ash", "Birch"],
            ),
        ] {
            let file = parse(&table).unwrap().file;
            assert_eq!(
                (file.candidates.as_slice(), file.ballots.total()),
                (candidates.map(String::from).as_slice(), 3),
                "{table}"
            );
        }
    }
    for id in [
        "Member ID",
        "Membership number",
        "Respondent",
        "Response #",
        "Row",
        "Index",
        "lfd. Nr.",
        "Voter number",
    ] {
        let parsed = parse(&format!("{id},Ash,Birch\n2,1,2\n1,2,1\n")).unwrap();
        assert_eq!(
            (parsed.file.candidates.len(), parsed.file.ballots.total()),
            (2, 2),
            "{id}"
        );
        assert!(
            parsed.notes[0].text.contains("nothing is read from"),
            "{id}"
        );
    }
    for unclear in [
        "Voters",
        "Total votes",
        "Tally",
        "Shares",
        "Cantidad",
        "Aantal",
        "Ref",
        "Ref. No.",
        "Code",
        "Ward",
        "District",
        "Age",
        "Sum",
        "Total number of ballots",
    ] {
        for table in [
            "Ash,Birch,X\n1,2,1\n2,1,2\n",
            "X,Ash,Birch\n1,2,1\n2,1,2\n",
            "X,Rank 1,Rank 2\n1,Ash,Birch\n",
        ] {
            let error = parse(&table.replace('X', unclear)).unwrap_err();
            assert!(
                error.line == 1 && error.reason.contains("\"count\" or \"id\""),
                "{unclear}: {error}"
            );
        }
        let candidate = parse(&format!("'{unclear},Birch\n1,2\n")).unwrap();
        assert_eq!(candidate.file.candidates[0], unclear);
    }
}

#[test]
fn column_of_numbers_beside_names_is_asked_about() {
    let error = parse("Bunch,Rank 1,Rank 2\n5,Ash,Birch\n0.5,Birch,\n").unwrap_err();
    assert!(
        error.line == 1 && error.reason.contains("the column \"Bunch\" has numbers"),
        "{error}"
    );
    assert!(parse("Hall,Rank 1,Rank 2\n5,Ash,Birch\nA,Birch,\n,Ash,\n").is_ok());
    assert!(parse("Comments,Rank 1,Rank 2\n,Ash,Birch\n").is_ok());
}

#[test]
fn grid_of_a_form_has_its_candidates_in_brackets() {
    let parsed =
        parse("Timestamp,Rank them [Ash],Rank them [Birch]\nt,2nd choice,1st choice\nt,1,\n")
            .unwrap();
    assert_eq!(
        (parsed.file.title.as_str(), parsed.file.candidates.len()),
        ("Rank them", 2)
    );
    assert_eq!(
        lines(&parsed),
        [(1, vec![vec![1], vec![0]]), (1, vec![vec![0]])]
    );
}

#[test]
fn list_of_which_one_is_a_candidate_is_asked_about() {
    let error = parse("Rank 1,Rank 2\nAsh,\n\"Ash, Birch\",\n").unwrap_err();
    assert!(
        error.line == 3
            && error
                .reason
                .contains("one of these is a candidate elsewhere"),
        "{error}"
    );
    assert!(parse("Rank 1,Rank 2\nAsh,\n\"Birch, Bob\",\nAsh & Co,\n").is_ok());
}

#[test]
fn grids_are_found_beside_a_count_too() {
    let table = "count,Rank them [Ash],Rank them [Birch]\n7,2,1\n";
    let parsed = parse(table).unwrap();
    assert_eq!(
        (parsed.file.title.as_str(), &parsed.file.candidates[..]),
        ("Rank them", ["Ash".into(), "Birch".into()].as_slice())
    );
    assert_eq!(parsed.file.ballots.total(), 7);
    for table in [
        "count,Chair [Ash],Chair [Birch],Treasurer [Elm],Treasurer [Oak]\n7,2,1,1,2\n",
        "count,Chair - Ash,Chair - Birch,Treasurer - Elm,Treasurer - Oak\n7,2,1,1,2\n",
    ] {
        let error = parse(table).unwrap_err();
        assert!(error.reason.contains("2 contests: say which"), "{error}");
    }
    // Names that are called so are written with an apostrophe.
    let names = ["Team [A]", "Team [B]", "Chair - X", "Chair - Y"].map(String::from);
    let written = crate::formats::write_scores(&names, [(3, [1, 2, 0, 4].as_slice())]);
    let options = Options {
        scores: true,
        ..Options::default()
    };
    assert_eq!(read_as(&written, &options).unwrap().file.candidates, names);
}

#[test]
fn scores_that_were_written_are_added_up_to_the_same_sums() {
    use crate::{Ballots, Budget, Rule, Seed, Terms};
    let names = ["Ash", "Count", "=1+1", "Birch, B."].map(String::from);
    let lists = vec![
        (2, vec![0, 0, 0, 0]),
        (7, vec![10, 0, 3, 10]),
        (1, vec![255, 1, 0, 9]),
    ];
    let written = crate::formats::write_scores(
        &names,
        lists
            .iter()
            .map(|(count, scores)| (*count, scores.as_slice())),
    );
    let options = Options {
        scores: true,
        sums: true,
        ..Options::default()
    };
    let parsed = read_as(&written, &options).unwrap();
    assert_eq!(
        (&parsed.file.candidates[..], parsed.scores.as_ref()),
        (names.as_slice(), Some(&lists))
    );
    let count = |lists| {
        let ballots = Ballots::Scores {
            candidates: 4,
            lists,
        };
        crate::count(
            Rule::Score,
            &ballots,
            &Terms::new(1, Seed([0; 32])),
            &mut Budget::unlimited(),
        )
        .unwrap()
    };
    assert_eq!(count(parsed.scores.unwrap()), count(lists));
    // Several rows of one list are one; what does not fit a score is named.
    let parsed = read_as("Ash,Birch\n5,\n,4\n5,0\n", &options).unwrap();
    assert_eq!(parsed.scores, Some(vec![(1, vec![0, 4]), (2, vec![5, 0])]));
    assert!(
        parsed.notes[0]
            .text
            .contains("read as the scores of a candidate: \"Ash\", \"Birch\""),
        "{:?}",
        parsed.notes
    );
    let error = read_as("Ash,Birch\n5,1\n256,4\n", &options).unwrap_err();
    assert!(
        error.line == 3 && error.reason.contains("at most 255"),
        "{error}"
    );
}

#[test]
fn scores_are_ranked_from_the_highest() {
    let options = Options {
        scores: true,
        ..Options::default()
    };
    let parsed = read_as("count,A,B,C\n2,5,0,3\n1,,4,4\n", &options).unwrap();
    assert_eq!(
        lines(&parsed),
        [(2, vec![vec![0], vec![2]]), (1, vec![vec![1, 2]])]
    );
    assert!(
        read_as("A,B\n5,x\n", &options)
            .unwrap_err()
            .reason
            .contains("no score")
    );
}

#[test]
fn numbers_that_are_no_scores_are_asked_about() {
    let options = Options {
        scores: true,
        ..Options::default()
    };
    for (table, words) in [
        (
            "ballot_id,Ash,Birch,Cedar,Age\n1,5,3,0,34\n2,1,4,0,71\n",
            "\"Age\" may say",
        ),
        ("Ash,Birch,Sum\n5,3,8\n", "\"Sum\" may say"),
        (
            "Ash,Birch,Years in the club\n5,3,34\n1,4,12\n",
            "\"Years in the club\" are not like",
        ),
        (
            "Slip,Ash,Birch\n1,5,3\n2,5,3\n3,0,2\n4,1,5\n",
            "\"Slip\" are not like",
        ),
    ] {
        let error = read_as(table, &options).unwrap_err();
        assert!(
            error.line == 1 && error.reason.contains(words),
            "{table}: {error}"
        );
    }
    for table in [
        "'Slip,Ash,Birch\n11,5,3\n12,5,3\n13,0,2\n14,1,5\n",
        "Ash,Birch\n5,1\n5,2\n5,1\n5,0\n",
        "Ash,Birch\n90,70\n100,20\n60,30\n80,100\n",
        "Ash\n90\n20\n",
    ] {
        let parsed = read_as(table, &options).unwrap();
        assert!(
            ["Ash", "Slip"].contains(&parsed.file.candidates[0].as_str()),
            "{table}"
        );
    }
}

#[test]
fn questions_of_a_form_are_contests() {
    for header in [
        "Timestamp,President [Ash],President [Birch],Treasurer [Elm],Treasurer [Fir]",
        "Timestamp,President - Ash,President - Birch,Treasurer - Elm,Treasurer - Fir",
    ] {
        let table = format!("{header}\nt,1,2,2,1\nt,,1,,\n");
        let asked = parse(&table).unwrap_err();
        assert!(
            asked
                .reason
                .ends_with("--contest:\n  1  President\n  2  Treasurer"),
            "{asked}"
        );
        let parsed = read_as(
            &table,
            &Options {
                contest: Some("treasurer".into()),
                ..Options::default()
            },
        )
        .unwrap();
        assert_eq!(
            (
                parsed.file.title.as_str(),
                parsed.file.candidates.as_slice()
            ),
            ("Treasurer", ["Elm", "Fir"].map(String::from).as_slice())
        );
        assert_eq!(lines(&parsed), [(1, vec![vec![1], vec![0]]), (1, vec![])]);
    }
    let beside =
        parse("Timestamp,President [Ash],President [Birch],Any comments?\nt,1,2,Good luck\n")
            .unwrap();
    assert_eq!(beside.file.candidates, ["Ash", "Birch"]);
    assert!(
        beside.notes[0].text.contains("\"Any comments?\""),
        "{:?}",
        beside.notes
    );
    for one in [
        "Ash [Red],Birch [Blue]",
        "Ash - Red,Birch - Blue",
        "Team - Ash,Team - Birch",
    ] {
        assert_eq!(
            parse(&format!("{one}\n1,2\n"))
                .unwrap()
                .file
                .candidates
                .join(","),
            one
        );
    }
}

const ESS: &str = "Cast Vote Record,Precinct,Ballot Style,Rep. 1st Choice District 2,Rep. 2nd Choice District 2,Clerk\n\
                   1,Bangor,A,\"DEM Golden, Jared\",undervote,Ada\n2,Bangor,A,overvote,REP Poliquin,undervote\n3,Bath,B,,,Eve\n";

#[test]
fn records_of_ess_are_read_contest_by_contest() {
    let asked = parse(ESS).unwrap_err();
    assert!(
        asked.line == 1
            && asked
                .reason
                .ends_with("--contest:\n  1  Rep. District 2\n  2  Clerk"),
        "{asked}"
    );
    let contest = |contest: &str| {
        read_as(
            ESS,
            &Options {
                contest: Some(contest.into()),
                ..Options::default()
            },
        )
    };
    let parsed = contest("rep. district 2").unwrap();
    assert_eq!(
        parsed.file.candidates,
        ["DEM Golden, Jared", "REP Poliquin"]
    );
    assert_eq!(
        lines(&parsed),
        [(1, vec![vec![0]]), (1, vec![vec![], vec![1]])]
    );
    for note in [
        "records without this contest are no ballots; there are 1",
        "overvote does not say for whom",
    ] {
        assert!(
            parsed.notes.iter().any(|said| said.text.contains(note)),
            "{:?}",
            parsed.notes
        );
    }
    assert_eq!(
        lines(&contest("2").unwrap()),
        [(1, vec![vec![0]]), (1, vec![]), (1, vec![vec![1]])]
    );
    assert!(
        contest("Mayor")
            .unwrap_err()
            .reason
            .contains("no contest \"Mayor\"")
    );
}

const DOMINION: &str = "City 2023,5.17.17.1,,,,,,,,,\n\
    ,,,\"Mayor (Number of positions=1, Number of ranks=2)\",,,,\"Council (Vote For=2)\",\"Council (Vote For=2)\",\"Council (Vote For=2)\"\n\
    ,,,Ada(1),Bob(1),Ada(2),Bob(2),Ash,Birch,Cedar\n\
    CvrNumber,TabulatorNum,BallotType,,,,,,,\n\
    1,1,A,1,0,0,1,1,1,0\n2,1,A,0,1,0,1,0,0,0\n3,1,B,,,,,0,0,1\n4,1,A,1,1,0,0,,,\n";

#[test]
fn records_of_dominion_are_read_contest_by_contest() {
    let contest = |contest: &str| {
        read_as(
            DOMINION,
            &Options {
                contest: Some(contest.into()),
                ..Options::default()
            },
        )
        .unwrap()
    };
    let mayor = contest("Mayor");
    assert_eq!(mayor.file.candidates, ["Ada", "Bob"]);
    assert_eq!(
        lines(&mayor),
        [
            (1, vec![vec![0], vec![1]]),
            (1, vec![vec![1]]),
            (1, vec![vec![0, 1]])
        ]
    );
    assert!(
        mayor
            .notes
            .iter()
            .any(|note| note.line == 6 && note.text.contains("twice")),
        "{:?}",
        mayor.notes
    );
    assert!(
        mayor
            .notes
            .iter()
            .any(|note| note.line == 7 && note.text.contains("without this contest")),
        "{:?}",
        mayor.notes
    );
    let council = contest("Council");
    assert_eq!(
        (council.file.seats, lines(&council)),
        (
            2,
            vec![(1, vec![vec![0, 1]]), (1, vec![]), (1, vec![vec![2]])]
        )
    );
    assert!(parse(DOMINION).unwrap_err().reason.contains("2 contests"));
    let broken = DOMINION.replace("4,1,A,1,1", "4,1,A,1,2");
    let error = read_as(
        &broken,
        &Options {
            contest: Some("1".into()),
            ..Options::default()
        },
    )
    .unwrap_err();
    assert!(
        error.line == 8 && error.reason.contains("no mark"),
        "{error}"
    );
}

#[test]
fn row_that_is_nothing_but_a_total_is_no_blank_ballot() {
    let with = |last: &str| format!("Voter,Rank 1,Rank 2\na,Ash,Birch\nb,Birch,Ash\n{last},,\n");
    for total in [
        "Total",
        "Total: 2",
        "Total ballots 2",
        "Summe",
        "TOTAL GENERAL",
    ] {
        let refused = parse(&with(total)).unwrap_err();
        assert!(
            refused.line == 4 && refused.reason.contains("delete it"),
            "{total}: {refused}"
        );
    }
    for voter in ["c", "Sumner", "Total Tom"] {
        assert_eq!(parse(&with(voter)).unwrap().file.ballots.total(), 3);
    }
}

#[test]
fn first_column_with_the_numbers_of_the_rows_is_asked_about_in_short_tables_too() {
    let refused = parse("Zettel,Ash,Birch\n1,1,2\n2,2,1\n3,1,2\n").unwrap_err();
    assert!(refused.reason.contains("\"Zettel\""), "{refused}");
    assert!(parse("Ash,Birch,Cedar\n1,2,3\n2,1,\n3,1,2\n").is_ok());
}

#[test]
fn ordinals_of_other_languages_are_ranks_in_headers_and_cells() {
    for text in [
        "Q [Ash];Q [Birch]\n1er choix;2e choix\n2\u{aa};1\u{aa}\n1er;\n",
        "1er choix;2e choix\nAsh;Birch\nBirch;Ash\nAsh;\n",
        "Voter;1\u{aa} opción;2\u{aa} opción\n1;Ash;Birch\n2;Birch;Ash\n3;Ash;\n",
    ] {
        let parsed = parse(text).unwrap();
        assert_eq!(parsed.file.candidates, ["Ash", "Birch"]);
        let expected = [
            (1, vec![vec![0], vec![1]]),
            (1, vec![vec![1], vec![0]]),
            (1, vec![vec![0]]),
        ];
        assert_eq!(lines(&parsed), expected, "{text}");
    }
}

#[test]
fn column_that_hides_a_number_is_asked_about_wherever_it_stands() {
    let table = |header: &str| format!("{header}\n1,2,2\n2,1,1\n1,1,2\n");
    let refused = parse(&table("Ash,Lose,Birch")).unwrap_err();
    assert!(
        refused.line == 1 && refused.reason.contains("\"Lose\""),
        "{refused}"
    );
    let parsed = parse(&table("Ash,'Lose,Birch")).unwrap();
    assert_eq!(parsed.file.candidates, ["Ash", "Lose", "Birch"]);
}

#[test]
fn shares_and_voting_rights_are_asked_about_in_any_table() {
    for header in [
        "Stimmrechte",
        "Voting rights",
        "Tanti\u{e8}mes",
        "Coeficiente",
    ] {
        let refused = parse(&format!("{header};Ash;Birch\n2;1;2\n")).unwrap_err();
        assert!(
            refused.reason.contains("may say how many ballots a row is"),
            "{header}: {refused}"
        );
    }
}

#[test]
fn names_of_voters_are_not_read_and_columns_like_ranks_are_not_left_out() {
    let parsed = parse("Name;Vorname;Ash;Birch\nDoe;Joe;1;2\n;;2;1\n").unwrap();
    assert_eq!(parsed.file.candidates, ["Ash", "Birch"]);
    for header in ["Rank 0", "Choice two", "Last choice"] {
        let refused = parse(&format!("{header},Rank 1,Rank 2\nAsh,Birch,Cedar\n")).unwrap_err();
        assert!(
            refused.line == 1 && refused.reason.contains(header),
            "{refused}"
        );
    }
}

#[test]
fn spoilt_ballots_and_rankings_in_one_cell_are_no_candidates() {
    let parsed = parse("Voter,Rank 1,Rank 2\na,Ash,Birch\nb,spoilt,\nc,UNG\u{dc}LTIG,\n").unwrap();
    assert_eq!(parsed.file.candidates, ["Ash", "Birch"]);
    assert!(
        parsed
            .notes
            .iter()
            .any(|note| note.text.contains("\"spoilt\"")),
        "{:?}",
        parsed.notes
    );
    let refused = parse("count,Rank 1\n10,Ash>Birch\n5,Birch>Ash\n").unwrap_err();
    assert!(
        refused.line == 2 && refused.reason.contains(".abif"),
        "{refused}"
    );
}

#[test]
fn count_that_is_the_sum_of_those_before_and_ranks_nobody_is_told_of() {
    let said = |text: &str| {
        let notes = parse(text).unwrap().notes;
        let told: Vec<_> = notes
            .into_iter()
            .filter(|note| note.text.contains("if that is a total"))
            .map(|note| note.line)
            .collect();
        told
    };
    assert_eq!(said("count,Ash,Birch\n12,1,2\n8,2,1\n20,,\n"), [4]);
    assert_eq!(
        said("count,Rank 1,Rank 2\n12,Ash,\n8,Birch,Ash\n20,,\n"),
        [4]
    );
    for other in ["19,,", "20,1,2"] {
        assert_eq!(
            said(&format!("count,Ash,Birch\n12,1,2\n8,2,1\n{other}\n")),
            [0; 0]
        );
    }
}
