//! What can be wrong with a file of voters. The page says the same in the same words
//! (testdata/rolls.json).

use std::fmt;

use super::{COLUMNS_MAX, FIELD_BYTES_MAX, FILE_BYTES_MAX, ROWS_MAX, WEIGHT_MAX};

/// What is wrong with a file, or with one of its rows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum What {
    #[error("the file has {bytes} bytes, more than {FILE_BYTES_MAX}: split it")]
    Large { bytes: usize },
    #[error("there are more than {ROWS_MAX} rows: split the file")]
    Many,
    #[error("there are {columns} columns, more than {COLUMNS_MAX}")]
    Columns { columns: usize },
    #[error("there is nothing in it")]
    Empty,
    #[error("this is a spreadsheet's own file: save it as CSV UTF-8, and take that")]
    Spreadsheet,
    /// Of a spreadsheet that is read.
    #[error("{reason}")]
    Sheet { reason: String },
    #[error("this is neither UTF-8 nor UTF-16: save the file as CSV UTF-8")]
    Encoding,
    #[error(
        "no line at the top says which column is the name, id, e-mail address or key: put one there, such as name,email (line {first} has: {found})"
    )]
    NoHeader { first: u32, found: String },
    #[error(
        "line {header} looks like the header, and this above it like a voter: move the header to the top"
    )]
    Above { header: u32 },
    #[error("the columns {first:?} and {second:?} are both read as {field}: rename or delete one")]
    Twice {
        first: String,
        second: String,
        field: &'static str,
    },
    #[error("there is no voter below the header")]
    NoVoters,
    #[error("there is no column key: vote-cli roll issue makes keys for people who have none")]
    NoKeys,
    #[error(
        "{fields} fields, and the header has {columns}: a field with a separator in it needs quotes"
    )]
    Fields { fields: usize, columns: usize },
    #[error(
        "a quote is not closed, or something follows one that closes: put quotes around the whole field, and double those in it"
    )]
    Quote,
    #[error("{column} goes on to line {until}: is a quote not closed?")]
    LineBreak { column: String, until: u32 },
    #[error("this line looks like a header: delete it")]
    Header,
    #[error("{column} has {bytes} bytes, more than {FIELD_BYTES_MAX}")]
    Long { column: String, bytes: usize },
    #[error("{column} has a character that cannot be shown")]
    Control { column: String },
    #[error("there is no key")]
    NoKey,
    /// `found` is its beginning.
    #[error("the key \"{found}\" is not 64 hexadecimal digits")]
    Key { found: String },
    #[error("the key is one that nobody can sign for, or everybody")]
    WeakKey,
    /// `found` is its beginning.
    #[error("the weight \"{found}\" is not a whole number from 1 to {WEIGHT_MAX} in digits alone")]
    Weight { found: String },
    #[error("the weight is {weight}, and in this election each voter has one vote")]
    Unequal { weight: u32 },
    #[error("there is neither a name, an id, a contact nor a key")]
    Nobody,
    #[error(
        "this line looks like a total and not like a voter: delete it, or give it an id or a contact"
    )]
    Total,
    #[error(
        "a key stands in {column}: put keys in a column called key, which makes no code for who has one"
    )]
    KeyIn { column: String },
    #[error(
        "a secret voter code stands in {column}: whoever has this file can vote with it; delete it here"
    )]
    CodeIn { column: String },
    /// `found` is its beginning.
    #[error("the contact \"{found}\" is no e-mail address")]
    Address { found: String },
    #[error("the key is the one of line {first}")]
    SameKey { first: u32 },
    #[error("the id is the one of line {first}")]
    SameId { first: u32 },
    /// `found` is its beginning.
    #[error(
        "the id \"{found}\" may be the one of line {first}, written in another way: write both alike, or as different ones"
    )]
    LikeId { found: String, first: u32 },
    #[error("the contact is the one of line {first}")]
    SameContact { first: u32 },
    #[error(
        "the name is the one of line {first}: give each of them an id or a contact, so that they can be told apart"
    )]
    SameName { first: u32 },
}

/// A row that is not good, or one of the reasons why; or why no row can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub(crate) struct Fault {
    /// Where the row begins; counts from 1, the header and blank lines too.
    pub(crate) line: u32,
    pub(crate) what: What,
}

/// What is no fault, and may be a surprise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// The file is not in UTF-8, and is read all the same.
    Utf16,
    /// Rows of a spreadsheet that its program does not show.
    Hidden {
        rows: u64,
    },
    /// Columns likewise, by their letters.
    HiddenColumns {
        columns: String,
    },
    /// It stands above the header.
    Title {
        line: u32,
        text: String,
    },
    /// They belong to a printed list, and are no voters.
    Footer {
        rows: usize,
        first: u32,
        text: String,
    },
    /// The header has another word for it.
    ReadAs {
        name: String,
        field: &'static str,
    },
    /// Nothing is read from it.
    Column {
        name: String,
        number: usize,
    },
    /// Nothing is read from it either.
    Nameless {
        number: usize,
    },
    /// These rows count 1.
    NoWeight {
        rows: usize,
    },
    NoContact {
        rows: usize,
        first: u32,
    },
    /// Whatever they are, nobody can write to them.
    NoAddress {
        rows: usize,
        first: u32,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utf16 => f.write_str("the text is UTF-16, and is read as that"),
            Self::Hidden { rows } => write!(
                f,
                "rows that the spreadsheet hides are read like the others: {rows}"
            ),
            Self::HiddenColumns { columns } => {
                write!(
                    f,
                    "columns that the spreadsheet hides are read like the others: {columns}"
                )
            }
            Self::Title { line, text } => {
                write!(
                    f,
                    "line {line}, \"{text}\", stands above the header, and is left out"
                )
            }
            Self::Footer { rows, first, text } => write!(
                f,
                "lines that belong to the print of a list, and are no voters: {rows}, the first is line {first}, \"{text}\""
            ),
            Self::ReadAs { name, field } => write!(f, "column \"{name}\" is read as {field}"),
            Self::Column { name, number } => write!(f, "column {number}, \"{name}\", is not read"),
            Self::Nameless { number } => write!(f, "column {number} has no name, and is not read"),
            Self::NoWeight { rows } => write!(f, "rows without a weight, which count 1: {rows}"),
            Self::NoContact { rows, first } => write!(
                f,
                "rows without a contact: {rows}, the first in line {first}"
            ),
            Self::NoAddress { rows, first } => {
                write!(
                    f,
                    "contacts that are no e-mail addresses: {rows}, the first in line {first}"
                )
            }
        }
    }
}
