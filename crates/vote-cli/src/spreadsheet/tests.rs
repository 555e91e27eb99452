use std::io::{Cursor, Write};

use vote_counting::formats::{Options, Parsed, table};
use zip::write::SimpleFileOptions;

use super::scan::PIECE_BYTES_MAX;
use super::*;

const TYPES: &str = r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"#;
const RELATIONS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
    <Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const SHEETS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
    <Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/>
    <Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet2.xml"/></Relationships>"#;
const WORKBOOK: &str = r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Ballots" sheetId="1" r:id="rId1"/>
    <sheet name="Notes" sheetId="2" r:id="rId2"/></sheets></workbook>"#;
const TEXTS_XML: &str = r#"<?xml version="1.0"?><sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" count="2" uniqueCount="2">
    <si><t>Ash</t></si><si><t>Birch, B.</t></si></sst>"#;

fn sheet(rows: &str) -> String {
    format!(
        r#"<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>"#
    )
}

const ROWS: &str = r#"<row r="1"><c r="A1" t="inlineStr"><is><t>count</t></is></c><c r="B1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row>
    <row r="2"><c r="A2"><v>12</v></c><c r="B2"><v>1</v></c><c r="C2"><v>2</v></c></row>
    <row r="3"><c r="A3"/><c r="B3"/></row>
    <row r="5"><c r="A5"><v>3</v></c><c r="B5"/><c r="C5"><v>1.0</v></c></row>
    <row r="6"><c r="A6"><v>2</v></c></row>"#;

fn packed(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        archive
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A spreadsheet of one sheet.
pub(crate) fn book_of(rows: &str) -> Vec<u8> {
    book(rows, "", TEXTS_XML)
}

fn book(first: &str, second: &str, texts: &str) -> Vec<u8> {
    book_with("worksheets/sheet1.xml", first, second, texts)
}

/// A spreadsheet whose first sheet is called so inside.
fn book_with(part: &str, first: &str, second: &str, texts: &str) -> Vec<u8> {
    packed(&[
        ("[Content_Types].xml", TYPES),
        ("_rels/.rels", RELATIONS),
        ("xl/workbook.xml", WORKBOOK),
        (
            "xl/_rels/workbook.xml.rels",
            &SHEETS.replace("worksheets/sheet1.xml", part),
        ),
        ("xl/sharedStrings.xml", texts),
        (&format!("xl/{part}"), &sheet(first)),
        ("xl/worksheets/sheet2.xml", &sheet(second)),
    ])
}

/// A sheet in which cells of style 1 to 4 show their numbers as `000`, as per cent, as dates, and
/// with a letter before; those of style 5 are struck through, and those of style 6 said not to be.
fn styled(rows: &str) -> Vec<u8> {
    let styles = r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts count="2">
        <numFmt numFmtId="170" formatCode="000"/><numFmt numFmtId="171" formatCode="&quot;M-&quot;000"/></numFmts>
        <fonts count="3"><font/><font><strike/></font><font><strike val="0"/></font></fonts>
        <cellXfs count="7"><xf numFmtId="0"/><xf numFmtId="170"/><xf numFmtId="9"/><xf numFmtId="14"/><xf numFmtId="171"/>
        <xf numFmtId="0" fontId="1" applyFont="1"/><xf numFmtId="0" fontId="2" applyFont="1"/></cellXfs></styleSheet>"#;
    packed(&[
        ("[Content_Types].xml", TYPES),
        ("_rels/.rels", RELATIONS),
        ("xl/workbook.xml", WORKBOOK),
        ("xl/_rels/workbook.xml.rels", SHEETS),
        ("xl/styles.xml", styles),
        ("xl/worksheets/sheet1.xml", &sheet(rows)),
        ("xl/worksheets/sheet2.xml", &sheet("")),
    ])
}

fn texts_of(bytes: &[u8]) -> Result<Vec<Vec<String>>, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let mut spreadsheet = Spreadsheet::open(file.path(), None)?;
    let mut rows = spreadsheet.rows()?;
    let mut row = Row::default();
    let mut all = Vec::new();
    while rows.next(&mut row).map_err(|error| error.to_string())? {
        all.push(row.cells().map(str::to_owned).collect());
    }
    all.push(vec![rows.hidden_columns()]);
    Ok(all)
}

fn read(bytes: &[u8], name: Option<&str>) -> Result<Parsed, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let mut spreadsheet = Spreadsheet::open(file.path(), name)?;
    let parsed = table::read(&mut spreadsheet.rows()?, &Options::default());
    parsed.map_err(|error| error.to_string())
}

#[test]
fn ballots_of_a_spreadsheet_are_read() {
    let parsed = read(&book(ROWS, "", TEXTS_XML), None).unwrap();
    assert_eq!(parsed.file.candidates, ["Ash", "Birch, B."]);
    let ballots: Vec<_> = parsed
        .file
        .ballots
        .iter()
        .map(|line| (line.line, line.count, line.group().ranks))
        .collect();
    let expected = [
        (2, 12, vec![vec![0], vec![1]]),
        (5, 3, vec![vec![1]]),
        (6, 2, vec![]),
    ];
    assert_eq!(ballots, expected);
}

#[test]
fn formulas_are_read_by_their_values_and_those_without_are_named() {
    let rows = |cell: &str| ROWS.replace(r#"<c r="B2"><v>1</v></c>"#, cell);
    let parsed = read(
        &book(&rows(r#"<c r="B2"><f>1+0</f><v>1</v></c>"#), "", TEXTS_XML),
        None,
    )
    .unwrap();
    assert_eq!(parsed.file.ballots.total(), 17);
    let refused = read(
        &book(&rows(r#"<c r="B2"><f>1+0</f></c>"#), "", TEXTS_XML),
        None,
    )
    .unwrap_err();
    assert!(
        refused.contains("cell B2 has a formula and no value"),
        "{refused}"
    );
    assert_eq!(
        [0, 25, 26, 701, 702].map(letters),
        ["A", "Z", "AA", "ZZ", "AAA"]
    );
}

#[test]
fn number_with_more_digits_than_a_spreadsheet_keeps_is_refused() {
    let rows = |cell: &str| ROWS.replace(r#"<c r="B2"><v>1</v></c>"#, cell);
    let long = rows(r#"<c r="B2"><v>12345678901234567</v></c>"#);
    let refused = read(&book(&long, "", TEXTS_XML), None).unwrap_err();
    assert!(refused.contains("more than 15 digits"), "{refused}");
}

#[test]
fn hidden_rows_are_counted() {
    let hidden = |rows: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), book(rows, "", TEXTS_XML)).unwrap();
        Spreadsheet::open(file.path(), None).unwrap().hidden_rows
    };
    assert_eq!(hidden(ROWS), 0);
    assert_eq!(
        hidden(&ROWS.replace(r#"<row r="2">"#, r#"<row r="2" hidden="1">"#)),
        1
    );
    assert_eq!(
        hidden(&ROWS.replace(r#"<row r="3">"#, r#"<row hidden="true" r="3">"#)),
        1
    );
    assert_eq!(
        hidden(&ROWS.replace(r#"<row r="2">"#, r#"<row r="2" hidden="0">"#)),
        0
    );
}

#[test]
fn columns_that_are_hidden_are_named_as_far_as_there_is_content() {
    let hidden = |columns: &str| {
        let rows = format!("{ROWS}</sheetData><cols>{columns}</cols><sheetData>");
        texts_of(&book(&rows, "", TEXTS_XML))
            .unwrap()
            .pop()
            .unwrap()
            .remove(0)
    };
    assert_eq!(hidden(r#"<col min="1" max="3" width="9"/>"#), "");
    assert_eq!(hidden(r#"<col min="2" max="2" hidden="1"/>"#), "B");
    assert_eq!(
        hidden(r#"<col min="3" max="16384" hidden="true"/><col min="1" max="1" hidden="1"/>"#),
        "A, C"
    );
    assert_eq!(
        hidden(r#"<col min="1" max="3" hidden="1"/><col min="2" max="2" hidden="1"/>"#),
        "A, B, C"
    );
    assert_eq!(
        hidden(r#"<col min="4" max="4294967295" hidden="1"/><col min="0" max="0" hidden="1"/>"#),
        ""
    );
}

#[test]
fn numbers_are_read_as_their_cells_show_them() {
    let rows = r#"<row r="1"><c r="A1" t="str"><v>id</v></c><c r="B1" t="str"><v>weight</v></c><c r="C1" t="str"><v>x</v></c></row>
        <row r="2"><c r="A2" s="1"><v>7</v></c><c r="B2" s="2"><v>1</v></c><c r="C2"><v>7</v></c></row>
        <row r="3"><c r="A3" s="4"><v>12</v></c><c r="B3" s="3"><v>45000</v></c><c r="C3" s="1"><f>6+1</f><v>7</v></c></row>"#;
    let expected = [
        vec!["id", "weight", "x"],
        vec!["007", "100%", "7"],
        vec!["M-012", "2023-03-15", "007"],
        vec![""],
    ];
    assert_eq!(texts_of(&styled(rows)).unwrap(), expected);
}

#[test]
fn content_that_is_struck_through_is_refused_with_its_cell() {
    let rows = |style: &str| {
        format!(
            r#"<row r="1"><c r="A1" t="str"><v>Ash</v></c><c r="B1" t="str"><v>Elm</v></c></row>
            <row r="2"><c r="A2"><v>1</v></c><c r="B2"><v>2</v></c></row>
            <row r="3"><c r="A3"><v>1</v></c><c r="B3" {style}><v>2</v></c></row>
            <row r="4"><c r="A4" s="5"/></row>"#
        )
    };
    // An empty cell has nothing that could be struck through.
    for plain in ["", r#"s="6""#] {
        let parsed = read(&styled(&rows(plain)), None).unwrap();
        assert_eq!(parsed.file.ballots.total(), 2, "{plain}");
    }
    let refused = read(&styled(&rows(r#"s="5""#)), None).unwrap_err();
    assert!(
        refused.starts_with("line 3: cell B3 is struck through: delete the row"),
        "{refused}"
    );
}

#[test]
fn dates_and_parts_are_no_weights_and_no_counts() {
    use crate::roll_file::{Wanted, read_sheet};
    for (style, found) in [(2, "100%"), (3, "1900-01-01")] {
        let rows = |header: &str| {
            format!(
                r#"<row r="1"><c r="A1" t="str"><v>{header}</v></c><c r="B1" t="str"><v>name</v></c></row>
                <row r="2"><c r="A2" s="{style}"><v>1</v></c><c r="B2"><v>1</v></c></row>"#
            )
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), styled(&rows("weight"))).unwrap();
        let mut spreadsheet = Spreadsheet::open(file.path(), None).unwrap();
        let list = read_sheet(
            &mut spreadsheet.rows().unwrap(),
            0,
            Wanted {
                weights: true,
                keys: false,
            },
        )
        .unwrap();
        let faults: Vec<_> = list.report.faults.iter().map(ToString::to_string).collect();
        assert!(
            list.rows.is_empty() && faults.len() == 1 && faults[0].contains(found),
            "{faults:?}"
        );
        // A column of names is no candidate.
        let ballots = rows("count").replace("<v>name</v>", "<v>Ash</v>");
        let refused = read(&styled(&ballots), None).unwrap_err();
        assert!(refused.contains(found), "{refused}");
    }
}

#[test]
fn merged_cells_are_refused_unless_they_are_a_title() {
    let merged = |cells: &str| {
        let merged = format!(r#"{ROWS}</sheetData><mergeCells>{cells}</mergeCells><sheetData>"#);
        read(&book(&merged, "", TEXTS_XML), None)
    };
    for (cells, line) in [("A2:A5", 5), ("B1:C1", 1), ("D5:E6", 5), ("A1:A2", 2)] {
        let refused = merged(&format!(r#"<mergeCell ref="{cells}"/>"#)).unwrap_err();
        assert!(
            refused.starts_with(&format!("line {line}: the cells {cells} are merged")),
            "{refused}"
        );
    }
    // Beside which there is nothing.
    assert_eq!(
        merged(r#"<mergeCell ref="A6:C6"/><mergeCell ref="A7:C9"/>"#)
            .unwrap()
            .file
            .ballots
            .total(),
        17
    );
    let many = r#"<mergeCell ref="A9:A10"/>"#.repeat(MERGED_MAX + 1);
    assert!(
        merged(&many)
            .unwrap_err()
            .contains("more than 100000 merged cells")
    );
}

#[test]
fn sheets_are_known_whatever_their_parts_are_called() {
    let hidden = ROWS.replace(r#"<row r="2">"#, r#"<row r="2" hidden="1">"#);
    let merged = format!(
        r#"{ROWS}</sheetData><mergeCells><mergeCell ref="A2:A5"/></mergeCells><sheetData>"#
    );
    for part in ["worksheets/sheet1.xml", "Ballots.xml", "data/first.sheet"] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), book_with(part, &hidden, "", TEXTS_XML)).unwrap();
        let spreadsheet = Spreadsheet::open(file.path(), None).unwrap();
        assert_eq!(spreadsheet.hidden_rows, 1, "{part}");
        let refused = read(&book_with(part, &merged, "", TEXTS_XML), None).unwrap_err();
        assert!(refused.contains("A2:A5 are merged"), "{part}: {refused}");
    }
}

#[test]
fn which_sheet_is_asked_where_several_have_content() {
    let both = book(ROWS, ROWS, TEXTS_XML);
    assert!(
        read(&both, None)
            .unwrap_err()
            .contains("--sheet: Ballots, Notes")
    );
    assert_eq!(read(&both, Some("Notes")).unwrap().file.ballots.total(), 17);
    assert!(
        read(&both, Some("Other"))
            .unwrap_err()
            .contains("no sheet \"Other\"")
    );
    assert!(
        read(&book("", "", TEXTS_XML), None)
            .unwrap_err()
            .contains("no sheet has any content")
    );
}

#[test]
fn what_is_wrong_in_a_sheet_is_named_with_its_row() {
    for (from, to, line) in [
        ("<v>12</v>", "<v>12.5</v>", 2),
        (
            r#"<c r="B2"><v>1</v></c>"#,
            r#"<c r="B2" t="e"><v>#REF!</v></c>"#,
            2,
        ),
        (
            r#"<c r="B2"><v>1</v></c>"#,
            r#"<c r="B2"><f>1+0</f></c>"#,
            2,
        ),
        (
            r#"<c r="B2"><v>1</v></c>"#,
            r#"<c r="B2"><f>1+0</f><v></v></c>"#,
            2,
        ),
        (r#"<c r="C5">"#, r#"<c r="ZZZ5">"#, 5),
        (r#"<c r="C5">"#, r#"<c r="ZZZZZZZZZZZZ5">"#, 5),
        (r#"<c r="C2">"#, r#"<c r="A2">"#, 2),
        (r#"<c r="C5"><v>1.0</v>"#, r#"<c r="C5"><v>7</v>"#, 5),
    ] {
        let error = read(&book(&ROWS.replace(from, to), "", TEXTS_XML), None).unwrap_err();
        assert!(
            error.starts_with(&format!("line {line}: ")),
            "{to}: {error}"
        );
    }
}

#[test]
fn what_unpacks_to_too_much_is_refused_before_it_is_kept() {
    let long = "x".repeat(PIECE_BYTES_MAX + 10);
    assert!(
        read(
            &book(
                &format!(r#"<row r="1"><c r="A1" t="str"><v>{long}</v></c></row>"#),
                "",
                TEXTS_XML
            ),
            None
        )
        .unwrap_err()
        .contains("a text in it")
    );
    let many = TEXTS_XML.replace("uniqueCount=\"2\"", "uniqueCount=\"99999999999\"");
    assert!(
        read(&book(ROWS, "", &many), None)
            .unwrap_err()
            .contains("99999999999 texts")
    );
    let spaces = format!("<a>{}", "<b/>".repeat((OTHERS_BYTES_MAX / 4) + 1));
    assert!(
        read(&book(ROWS, "", &spaces), None)
            .unwrap_err()
            .contains("unpacks to more than")
    );
}

#[test]
fn other_files_are_refused() {
    for bytes in [
        b"".as_slice(),
        b"count,A,B\n",
        b"PK\x03\x04",
        &packed(&[("a.txt", "x")]),
    ] {
        assert!(
            read(bytes, None).unwrap_err().contains("no spreadsheet"),
            "{bytes:?}"
        );
    }
    assert!(read(b"count,A,B\n", None).unwrap_err().contains(".csv"));
    assert!(
        read(b"\xd0\xcf\x11\xe0\xa1\xb1", None)
            .unwrap_err()
            .contains("save it as .xlsx")
    );
    // Nothing panics, whichever byte is another.
    let good = book(ROWS, "", TEXTS_XML);
    for at in (0..good.len()).step_by(7) {
        let mut bad = good.clone();
        bad[at] = bad[at].wrapping_add(1);
        let _ = read(&bad, None);
    }
}
