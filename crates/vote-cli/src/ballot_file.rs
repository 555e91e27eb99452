//! Files of ballots, opened and read within bounds. What is in them `vote_counting::formats` knows.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Seek};

use vote_chain::Rule;
use vote_counting::formats::{Categories, Format, FormatError, Options, Parsed};

use crate::cli::CountArgs;
use crate::failure::Failure;
use crate::files;

/// What is no file, such as a pipe, is read into memory, up to so many bytes.
const PIPE_BYTES_MAX: u64 = 256 << 20;

/// A source that can be read twice.
trait Source: BufRead + Seek {}
impl<S: BufRead + Seek> Source for S {}

/// Reads the ballots that a command is to count.
pub(crate) fn open(args: &CountArgs) -> Result<Parsed, Failure> {
    let shown = args.file.display();
    let name = args.file.to_string_lossy();
    let unknown = || Failure::Usage(format!("{shown}: the name must end in {}", Format::ENDINGS));
    let format = Format::of(&name).ok_or_else(unknown)?;
    let options = options(args, format)?;
    let refused = |error: FormatError| Failure::Usage(format!("{shown} cannot be read: {error}"));
    format.read(source(args)?, &options).map_err(refused)
}

/// What the command says that the file does not.
fn options(args: &CountArgs, format: Format) -> Result<Options, Failure> {
    if !args.approve.is_empty() && format != Format::Categories {
        return Err(Failure::Usage("--approve: only .cat files have categories".into()));
    }
    let categories = match args.approve.as_slice() {
        [] if args.rule == Some(Rule::Approval) => Categories::Plain,
        [] => Categories::Ranks,
        names => Categories::Approve(names.to_vec()),
    };
    Ok(Options { categories, contest: args.contest.clone(), scores: args.scores })
}

fn source(args: &CountArgs) -> Result<Box<dyn Source>, Failure> {
    let shown = args.file.display();
    let not_there = |error| Failure::NotFound(format!("cannot read {shown}: {error}"));
    let file = File::open(&args.file).map_err(not_there)?;
    if file.metadata().map_err(not_there)?.is_file() {
        return Ok(Box::new(BufReader::with_capacity(1 << 16, file)));
    }
    let bytes = files::read(&args.file, PIPE_BYTES_MAX).map_err(not_there)?;
    let bytes = bytes.ok_or_else(|| Failure::Usage(format!("{shown} is no file, and too large to be kept")))?;
    Ok(Box::new(Cursor::new(bytes)))
}
