//! What can be wrong with a file of voters.

use std::fmt;

use super::{COLUMNS_MAX, FIELD_BYTES_MAX, FILE_BYTES_MAX, ROWS_MAX, WEIGHT_MAX};

/// A file in which no row could be read, or not all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileFault {
    #[error("the file has {bytes} bytes, more than {FILE_BYTES_MAX}: split it")]
    TooLarge { bytes: usize },
    #[error("there are more than {ROWS_MAX} rows: split the file")]
    TooManyRows,
    #[error("there are {columns} columns, more than {COLUMNS_MAX}")]
    TooManyColumns { columns: usize },
    #[error("the file is empty")]
    Empty,
    #[error("this is a spreadsheet's own file: save it as CSV, and give that")]
    Spreadsheet,
    #[error("the text is not UTF-8: save the file as \"CSV UTF-8\"")]
    Encoding,
    #[error("there is no column {wanted}; the header, which is the first line, has: {}", found.join(", "))]
    MissingColumn { wanted: &'static str, found: Vec<String> },
    #[error(
        "the file begins with a voter, not with a header: put a first line with the names of the columns, such as key,weight"
    )]
    NoHeader,
    #[error("the columns {first:?} and {second:?} say the same thing: rename or delete one")]
    ColumnTwice { first: String, second: String },
    #[error(
        "there is a column key: these voters have keys already, and need no codes; `vote-cli roll import` reads the file"
    )]
    KeyColumn,
    #[error("cannot read the rows: {0}")]
    Csv(#[from] csv::Error),
}

/// What is wrong with a row. Other lines count like [`Fault::line`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RowFault {
    #[error("{fields} fields, and the header has {columns}: is a field with a separator in it without its quotes?")]
    FieldCount { fields: usize, columns: usize },
    #[error("{column} goes on to line {until}: is a quote not closed?")]
    LineBreak { column: String, until: u32 },
    #[error("{column} has {bytes} bytes, more than {FIELD_BYTES_MAX}")]
    TooLong { column: String, bytes: usize },
    #[error("{column} is not UTF-8: save the file as \"CSV UTF-8\"")]
    Encoding { column: String },
    #[error("{column} has a control character in it")]
    Control { column: String },
    #[error("there is no key")]
    NoKey,
    /// `found` is its beginning.
    #[error("the key {found:?} is not 64 hexadecimal digits, it has {characters} characters")]
    Key { found: String, characters: usize },
    #[error("the key is one that nobody can sign for, or everybody")]
    WeakKey,
    /// `found` is its beginning.
    #[error("the weight {found:?} is not a whole number from 1 to {WEIGHT_MAX}")]
    Weight { found: String },
    #[error("there is neither a name nor an id")]
    Nobody,
    #[error("the key is the one of line {first}")]
    SameKey { first: u32 },
    #[error("the id is the one of line {first}")]
    SameId { first: u32 },
    #[error("the contact is the one of line {first}")]
    SameContact { first: u32 },
}

/// A row that is not good, or one of the reasons why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub(crate) struct Fault {
    /// Where the row begins; counts from 1, the header and blank lines too.
    pub(crate) line: u32,
    pub(crate) what: RowFault,
}

/// What is no fault, and may be a surprise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// Nothing is read from it.
    UnknownColumn { name: String, number: usize },
    /// These rows count 1.
    NoWeight { rows: usize },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownColumn { name, number } if name.is_empty() => {
                write!(f, "column {number} has no name, and is not read")
            }
            Self::UnknownColumn { name, number } => write!(f, "column {number}, {name:?}, is not known, and not read"),
            Self::NoWeight { rows } => write!(f, "rows without a weight, which count 1: {rows}"),
        }
    }
}
