use super::*;

fn key(seed: u32) -> PublicKey {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&seed.to_be_bytes());
    vote_chain::SecretKey::from_seed(&bytes).public()
}

fn keys(text: &str) -> KeysPreview {
    read_keys(text.as_bytes()).unwrap()
}

fn people(text: &str) -> PeoplePreview {
    read_people(text.as_bytes()).unwrap()
}

fn said(report: &Report) -> Vec<String> {
    report.faults.iter().map(ToString::to_string).collect()
}

#[test]
fn keys_and_weights_are_read() {
    let read = keys(&format!("key,weight\n{},3\n{},\n", key(1), key(2)));
    let rows: Vec<_> = read.rows.iter().map(|row| (row.line, row.key, row.weight)).collect();
    assert_eq!(rows, [(2, key(1), 3), (3, key(2), 1)]);
    assert_eq!((read.report.rows, read.report.faults.len()), (2, 0));
    assert_eq!(read.report.notes, [Note::NoWeight { rows: 1 }]);
    let alone = keys(&format!("KEY\n{}\n", key(1).to_string().to_uppercase()));
    assert_eq!((alone.rows[0].key, alone.rows[0].weight), (key(1), 1));
    assert!(alone.report.notes.is_empty());
    assert_eq!(alone.person(&alone.rows[0]), Person::default());
}

#[test]
fn file_of_any_spreadsheet_is_read() {
    let (a, b) = (key(1), key(2));
    let expected = [
        (a, 2, Person { id: "7", name: "Lovelace, Ada", contact: "ada@example.org", group: "" }),
        (b, 1, Person { id: "8", name: "Zo\u{eb} \"Z\"", contact: "", group: "North" }),
    ];
    for separator in [",", ";", "\t"] {
        for line_break in ["\n", "\r\n", "\r"] {
            for mark in ["", "\u{feff}"] {
                let lines = [
                    "".into(),
                    " Id , Name,EMail,Group,Key,\"Weight\"".replace(',', separator),
                    "".into(),
                    format!("7,\"Lovelace@ Ada\", ada@example.org ,,{a},2").replace(',', separator).replace("@ ", ", "),
                    ",,,,,".replace(',', separator),
                    "".into(),
                    format!("8,\"Zo\u{eb} \"\"Z\"\"\",,North,{b},1,,").replace(',', separator),
                    "".into(),
                ];
                let read = keys(&(mark.to_owned() + &lines.join(line_break)));
                let rows: Vec<_> = read.rows.iter().map(|row| (row.key, row.weight, read.person(row))).collect();
                assert_eq!(rows, expected);
                let lines: Vec<_> = read.rows.iter().map(|row| row.line).collect();
                assert_eq!((lines, said(&read.report)), (vec![4, 7], vec![]));
                assert!(read.report.notes.is_empty());
            }
        }
    }
}

#[test]
fn names_that_were_kept_from_being_formulas_are_read_as_they_were() {
    let read = read_people(b"id,name\n1,'=Bob\n2,'s-Hertogenbosch\n3,''@Eve\n").unwrap();
    let names: Vec<_> = read.rows.iter().map(|row| read.person(row).name).collect();
    assert_eq!(names, ["=Bob", "'s-Hertogenbosch", "'@Eve"]);
}

#[test]
fn every_bad_row_is_named_and_the_good_ones_remain() {
    let long = "n".repeat(FIELD_BYTES_MAX + 1);
    let lines = [
        "key,weight,name".to_owned(),
        format!("{},1,Ada", key(1)),
        "abc,0,Bob".to_owned(),
        format!("{},1000001,", key(3)),
        format!("{}0,1,", key(4)),
        ",1,Eve".to_owned(),
        format!("{},+1,", key(5)),
        format!("{},1.5,", key(6)),
        format!("{},1", key(7)),
        format!("{},1,Lovelace, Ada", key(8)),
        format!("{},1,{long}", key(9)),
        format!("{},1,a\u{7}b", key(10)),
        format!("{},1,\"two", key(11)),
        "lines\"".to_owned(),
        format!("{},1000000,Zo\u{eb}", key(12)),
    ];
    let read = keys(&(lines.join("\r\n") + "\r\n"));
    let rows: Vec<_> = read.rows.iter().map(|row| (row.line, row.weight, read.person(row).name)).collect();
    assert_eq!(rows, [(2, 1, "Ada"), (15, 1_000_000, "Zo\u{eb}")]);
    let expected = [
        (3, "the key \"abc\" is not 64 hexadecimal digits, it has 3 characters"),
        (3, "the weight \"0\" is not a whole number from 1 to 1000000"),
        (4, "the weight \"1000001\""),
        (5, "it has 65 characters"),
        (6, "there is no key"),
        (7, "the weight \"+1\""),
        (8, "the weight \"1.5\""),
        (9, "2 fields, and the header has 3"),
        (10, "4 fields, and the header has 3"),
        (11, "name has 201 bytes, more than 200"),
        (12, "name has a control character"),
        (13, "name goes on to line 14: is a quote not closed?"),
    ];
    let said = said(&read.report);
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for (said, (line, words)) in said.iter().zip(expected) {
        assert!(said.starts_with(&format!("line {line}: ")) && said.contains(words), "{said:?} without {words:?}");
    }
    assert_eq!(read.report.rows, 13);
}

#[test]
fn open_quote_that_swallows_the_file_is_named() {
    let mut text = format!("key,name\n{},\"Ada\n", key(1));
    (2..50).for_each(|seed| text += &format!("{},x\n", key(seed)));
    let read = keys(&text);
    assert_eq!(said(&read.report), ["line 2: name goes on to line 50: is a quote not closed?"]);
    assert!(read.rows.is_empty());
}

#[test]
fn latin_1_is_named_by_line_and_column() {
    let text = [b"id,name\n1,Ada\n2,Zo\xeb\n3,Bob\n".as_slice()].concat();
    let read = read_people(&text).unwrap();
    assert_eq!(said(&read.report), ["line 3: name is not UTF-8: save the file as \"CSV UTF-8\""]);
    assert_eq!(read.rows.iter().map(|row| read.person(row).name).collect::<Vec<_>>(), ["Ada", "Bob"]);
}

#[test]
fn same_key_is_named_with_both_lines() {
    let read = keys(&format!("key,weight\n{0},1\n{1},1\n\n{0},5\n{0},1\n", key(1), key(2)));
    assert_eq!(said(&read.report), ["line 5: the key is the one of line 2", "line 6: the key is the one of line 2"]);
    assert_eq!(read.rows.iter().map(|row| (row.line, row.weight)).collect::<Vec<_>>(), [(2, 1), (3, 1)]);
}

#[test]
fn same_person_is_named_with_both_lines() {
    let read = people(
        "id;name;email\n1;Ada;ada@x.org\n2;Bob;\n1;Eve;\n;Ada;ADA@X.org\n3;Ada;\n;Joan;\n;Joan;\n2;Z;Ada@x.org\n",
    );
    assert_eq!(
        said(&read.report),
        [
            "line 4: the id is the one of line 2",
            "line 5: the contact is the one of line 2",
            "line 9: the id is the one of line 3",
            "line 9: the contact is the one of line 2",
        ]
    );
    assert_eq!(read.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 3, 6, 7, 8]);
}

#[test]
fn people_need_a_name_or_an_id_and_no_key() {
    let read = people("name,weight,group\nAda,2,A\n,3,B\n");
    assert_eq!(said(&read.report), ["line 3: there is neither a name nor an id"]);
    assert_eq!(read.person(&read.rows[0]), Person { name: "Ada", group: "A", ..Person::default() });
    assert_eq!(read.rows[0].weight, 2);
    assert!(matches!(read_people(b"key,name\n"), Err(FileFault::KeyColumn)));
    assert!(matches!(read_people(b"group\nA\n"), Err(FileFault::MissingColumn { .. })));
}

#[test]
fn unknown_columns_are_noted() {
    let read = people("name,Shoe size,\nAda,39,\n");
    let said: Vec<_> = read.report.notes.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["column 2, \"Shoe size\", is not known, and not read", "column 3 has no name, and is not read"]);
    assert_eq!(read.rows.len(), 1);
}

#[test]
fn file_that_is_something_else_is_refused() {
    let fault = |bytes: &[u8]| read_keys(bytes).unwrap_err().to_string();
    assert!(fault(b"").contains("empty") && fault(b"\n\r\n").contains("empty"));
    assert!(fault(b"PK\x03\x04...").contains("spreadsheet"));
    assert!(fault(b"\xff\xfek\0e\0y\0").contains("UTF-8") && fault(b"k\xeby\n").contains("UTF-8"));
    assert!(
        fault(b"name,weight\nAda,1\n")
            .contains("no column key; the header, which is the first line, has: name, weight")
    );
    assert!(fault(format!("{},1\n", key(1)).as_bytes()).contains("not with a header"));
    assert!(fault(b"key,email,Contact\n").contains("\"email\" and \"Contact\""));
    assert!(fault(&b",".repeat(COLUMNS_MAX)).contains("1001 columns"));
    let rows = [b"key\n".as_slice(), &b"x\n".repeat(ROWS_MAX + 1)].concat();
    assert!(matches!(read_keys(&rows), Err(FileFault::TooManyRows)));
}

#[test]
fn weak_keys_are_found_among_all() {
    let weak = PublicKey::from_bytes(std::array::from_fn(|at| u8::from(at == 0)));
    let mut text = "key\n".to_owned();
    (1..40).for_each(|seed| text += &format!("{}\n", key(seed)));
    text += &format!("{weak}\n{}\nabc\n", key(40));
    let mut read = keys(&text);
    assert_eq!(read.rows.len(), 41);
    read.check_keys();
    assert_eq!(read.rows.len(), 40);
    assert_eq!(read.report.faults[0], Fault { line: 41, what: RowFault::WeakKey });
    assert_eq!(read.report.faults[1].line, 43);
}

#[test]
fn no_row_is_lost() {
    let mut random = 1_u32;
    let alphabet = ["\"", ",", "\n", "\r", ";", "a", "\u{eb}", " ", "1", "\t", "\0"];
    for _ in 0..3_000 {
        let mut text = "name,weight\n".to_owned();
        for _ in 0..30 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text += alphabet[(random >> 16) as usize % alphabet.len()];
        }
        let read = people(&text);
        let mut lines: Vec<_> = read.report.faults.iter().map(|fault| fault.line).collect();
        lines.extend(read.rows.iter().map(|row| row.line));
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), read.report.rows, "{text:?}");
    }
}
