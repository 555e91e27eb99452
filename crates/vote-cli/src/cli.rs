//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use vote_chain::{ElectionPhase, PublicKey, Rule};
use vote_counting::{Overvotes, SkippedRanks};

/// Cast ballots, count them, check receipts, and try to cheat.
///
/// Without a command, on a terminal: a menu.
#[derive(Debug, Parser)]
#[command(
    name = "vote-cli",
    version = crate::VERSION,
    after_help = "Exit codes: 0 done, 1 failure (also if not all could be printed), 2 usage, 3 not found or wrong state, 4 not eligible or \
credential refused, 5 node or quorum out of reach, 6 a verification ran and FAILED, or the node said what is not so, 130 interrupted."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) global: Global,
}

#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The node's socket
    #[arg(long, global = true, value_name = "PATH", env = "VOTE_SOCKET")]
    pub(crate) socket: Option<PathBuf>,
    /// Where credentials and receipts are kept
    #[arg(long, global = true, value_name = "DIR", env = "VOTE_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// How long to wait until something is final, in seconds
    #[arg(long, global = true, value_name = "SECONDS", env = "VOTE_TIMEOUT")]
    pub(crate) timeout: Option<u64>,
    /// The chain that you trust: a node, or a file, of another is refused. Without it the chain
    /// that a node is on when you first vote through it is remembered, and held to
    #[arg(long, global = true, value_name = "ID", env = "VOTE_CHAIN")]
    pub(crate) chain: Option<String>,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Config file (TOML: socket, data_dir, timeout, chain)
    #[arg(long, global = true, value_name = "FILE", env = "VOTE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Cast a ballot, wait until it is final, and keep the receipt
    Cast(CastArgs),
    /// Count an election
    Tally {
        /// Id of the election, the beginning of it, its title, or a part of it; may be left out if
        /// there is only one
        election: Option<String>,
        /// Do not take the node's word for the count: fetch every ballot, check all of them, and
        /// count here
        #[arg(long, conflicts_with = "watch")]
        verify: bool,
        /// Follow it until the election closes: a screen on a terminal, else printed again after
        /// each block that changes it
        #[arg(long)]
        watch: bool,
        /// Print a table for spreadsheets
        #[arg(long, conflicts_with = "watch")]
        csv: bool,
        /// Write a page to print
        #[arg(long, value_name = "FILE", conflicts_with = "watch")]
        html: Option<PathBuf>,
    },
    /// Count a file of ranked ballots, without a node
    Count(CountArgs),
    /// Stage attacks that the other nodes must refuse
    #[command(subcommand)]
    Attack(AttackCommand),
    /// How the node is doing
    Status,
    /// The node and its peers
    Members,
    /// Show a block
    Block {
        /// Its height; the last one if left out
        height: Option<u64>,
    },
    /// Elections: create, open, close, and what else an organiser does
    #[command(subcommand)]
    Election(ElectionCommand),
    /// Organisers: who may create elections
    #[command(subcommand)]
    Organiser(OrganiserCommand),
    /// The protocol: by which version of it the chain goes, and moving it to another
    Protocol {
        #[command(subcommand)]
        command: Option<ProtocolCommand>,
    },
    /// The roll: who may vote
    #[command(subcommand)]
    Roll(RollCommand),
    /// Credentials: the keys that voters sign with
    #[command(subcommand)]
    Credential(CredentialCommand),
    /// Write an election with all that it takes to check it again into one file; or the ballots of
    /// a contest for other programs: as .blt, .toi, .cat, .abif or .csv, as cast vote records
    /// (.cvr.json, NIST SP 1500-103), or its results alone (.results.json, NIST SP 1500-100)
    Export {
        /// Id of the election, the beginning of it, its title, or a part of it; may be left out if
        /// there is only one
        election: Option<String>,
        /// File to write; one that is there is kept, and nothing done
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// Number of the contest, from 1, if there are several
        #[arg(long, value_name = "NUMBER")]
        contest: Option<usize>,
        /// Write the archive of an election whose count is withheld without asking: it holds all
        /// ballots
        #[arg(long)]
        yes: bool,
    },
    /// Check a file; needs no node and no network
    #[command(subcommand)]
    Verify(VerifyCommand),
    /// Receipts of ballots
    #[command(subcommand)]
    Receipt(ReceiptCommand),
    /// Validators: who decides blocks
    #[command(subcommand)]
    Validator(ValidatorCommand),
    /// Validators that were seen to sign two different things
    Evidence,
    /// Serve a page to vote on, in the browser of this machine
    Gui(GuiArgs),
    /// The menu that also comes up without a command
    Menu,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write one file for each command
    Man {
        /// Folder to write to
        dir: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CastArgs {
    /// Election (its id, the beginning of it, its title, or a part of it) and what you say to each
    /// of its contests; the election may be left out if only one is open
    #[arg(required = true, num_args = 1..=21, value_names = ["ELECTION", "CHOICE"])]
    pub(crate) words: Vec<String>,
    /// Your name: picks the credential on this machine, and is on the ledger for ever if the
    /// election takes names
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// File of the credential to sign with; made if it is missing, unless the election has a roll
    #[arg(long, value_name = "FILE")]
    pub(crate) credential: Option<PathBuf>,
    /// Sign with a voter code, which is asked for (or read from standard input)
    #[arg(long, conflicts_with = "credential")]
    pub(crate) code: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GuiArgs {
    /// Where to listen: an address of this machine itself; any with --public
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Serve everybody at this origin (`https://vote.example.org`), behind a server that does TLS;
    /// without what is the operator's
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) public: Option<String>,
    /// With --public: take elections and acts of organisers too; else the page takes ballots and
    /// questions alone
    #[arg(long, requires = "public")]
    pub(crate) take_elections: bool,
    /// With --public behind a proxy: the header in which it names who asks, such as
    /// X-Forwarded-For. Its last address is believed, and each such client has bounds of its own;
    /// without this option no header is believed
    #[arg(long, value_name = "NAME", requires = "public")]
    pub(crate) client_header: Option<String>,
    /// Do not open the page in a browser, which is done from a terminal
    #[arg(long)]
    pub(crate) no_open: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CountArgs {
    /// The file: BLT, PrefLib, ABIF, CSV, a spreadsheet, or records of scanners (.blt, .soc, .soi,
    /// .toc, .toi, .cat, .abif, .csv, .tsv, .xlsx, .json; docs/ballot-files.md)
    pub(crate) file: PathBuf,
    /// How ballots are counted; irv if left out
    #[arg(long, value_parser = rule())]
    pub(crate) rule: Option<Rule>,
    /// Seats to fill; as in the file if left out
    #[arg(long)]
    pub(crate) seats: Option<u16>,
    /// Breaks ties that the rule leaves open: 64 hexadecimal digits; zeroes if left out
    #[arg(long, value_name = "HEX")]
    pub(crate) seed: Option<String>,
    /// What irv does with a ballot that comes to a rank with several candidates: it waits until one
    /// of them is left, ends, or goes on to the next rank; wait if left out
    #[arg(long, value_parser = one_of(Overvotes::ALL, Overvotes::name))]
    pub(crate) overvotes: Option<Overvotes>,
    /// What irv does with a ballot that comes to a rank with nobody: it goes on to the next rank,
    /// or ends; skip if left out
    #[arg(long, value_parser = one_of(SkippedRanks::ALL, SkippedRanks::name))]
    pub(crate) skipped_ranks: Option<SkippedRanks>,
    /// A category that approves, in a .cat file; may be repeated
    #[arg(long, value_name = "CATEGORY")]
    pub(crate) approve: Vec<String>,
    /// Which contest of a file with several: its name or number; a list is shown if it is left out
    #[arg(long, value_name = "CONTEST")]
    pub(crate) contest: Option<String>,
    /// Numbers in a table are scores, the highest the best, and not ranks
    #[arg(long)]
    pub(crate) scores: bool,
    /// Which sheet of a spreadsheet
    #[arg(long, value_name = "NAME")]
    pub(crate) sheet: Option<String>,
    /// Of a table or records that say which ballots are rejected, void or a test: which count;
    /// may be repeated; none is the word for ballots without a status
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Vec<String>,
    /// Ballots with an id of a voter or ballot that is there already count too
    #[arg(long)]
    pub(crate) repeated_ids: bool,
    /// Counts on, hours or days, where a count is longer than nodes would make it
    #[arg(long)]
    pub(crate) however_long: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AttackCommand {
    /// List what can be staged
    List,
    /// Stage one, or all; exit code 6 if any peer accepts it
    Run {
        /// Name of the attack, or `all`
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ElectionCommand {
    /// Put an election on the ledger, from a file or from options
    Create(CreateArgs),
    /// Write an election file with comments, to be filled in
    New {
        /// File to write; printed if left out
        file: Option<PathBuf>,
    },
    /// List elections, the newest first; in the node's words
    List(ListArgs),
    /// Show one election
    Show {
        /// Id, the beginning of it, its title, or a part of it
        election: Option<String>,
    },
    /// Open a draft now: its roll is frozen from then on
    Open(ActArgs),
    /// Close an election now
    Close(ActArgs),
    /// Call an election off; nothing is decided then
    Cancel {
        #[command(flatten)]
        act: ActArgs,
        /// Why, for everybody to read
        #[arg(long)]
        reason: String,
    },
    /// Change when an election opens and closes
    Times {
        #[command(flatten)]
        act: ActArgs,
        /// When it opens; as it is if left out
        #[arg(long, value_name = "TIME", value_parser = crate::time::parse_when)]
        opens: Option<crate::time::When>,
        /// When it closes; as it is if left out
        #[arg(long, value_name = "TIME", value_parser = crate::time::parse_when)]
        closes: Option<crate::time::When>,
        /// Why, for everybody to read
        #[arg(long)]
        reason: String,
    },
    /// Approve what other organisers of an election have proposed
    Approve(ApproveArgs),
    /// Show all of an act that waits for approvals; of voters whom it adds, each key
    Proposed {
        /// Id, the beginning of it, its title, or a part of it
        election: String,
        /// The act, as `election show` names it
        proposal: String,
    },
    /// Take back an act that you have proposed, and that waits for approvals
    Withdraw {
        /// The act, as `election show` names it
        proposal: String,
        #[command(flatten)]
        act: ActArgs,
    },
    /// Put another key in the place of one of several organisers; the others decide that
    ReplaceOrganiser {
        #[command(flatten)]
        act: ActArgs,
        /// The key that organises no more
        #[arg(long, value_name = "KEY")]
        old: PublicKey,
        /// The one in its place, as `vote-cli organiser key` shows it to its owner
        #[arg(long, value_name = "KEY")]
        new: PublicKey,
        /// Why, for everybody to read
        #[arg(long)]
        reason: String,
    },
    /// What its organisers have done to an election
    Log {
        /// Id, the beginning of it, its title, or a part of it
        election: Option<String>,
    },
}

/// Which elections to list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only those that are draft, open, closed or cancelled; may be repeated
    #[arg(long, value_parser = phase())]
    pub(crate) phase: Vec<ElectionPhase>,
    /// Only those with these words in their titles
    #[arg(long, value_name = "WORDS", default_value = "")]
    pub(crate) title: String,
    /// At most so many
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    /// Go on after this one, the last of the list before: its whole id
    #[arg(long, value_name = "ID")]
    pub(crate) after: Option<String>,
}

/// What an organiser approves.
#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    /// Id, the beginning of it, its title, or a part of it
    pub(crate) election: String,
    /// The whole id of an act, as `election show` has it; may be repeated
    #[arg(required_unless_present = "all")]
    pub(crate) proposals: Vec<String>,
    /// All acts that wait for your approval
    #[arg(long, conflicts_with = "proposals")]
    pub(crate) all: bool,
    /// File of the organiser's credential
    #[arg(long, value_name = "FILE")]
    pub(crate) credential: Option<PathBuf>,
}

/// An act of an election's organiser.
#[derive(Clone, Debug, Args)]
pub(crate) struct ActArgs {
    /// Id, the beginning of it, its title, or a part of it
    pub(crate) election: Option<String>,
    /// File of the organiser's credential
    #[arg(long, value_name = "FILE")]
    pub(crate) credential: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Election file (`election new` writes one)
    #[arg(conflicts_with_all = ["title", "description", "choice", "rule", "seats", "write_in", "opens", "closes", "roll",
        "weighted_roll", "revotes", "names", "abstain", "max", "majority", "quorum", "organiser", "needed"])]
    pub(crate) file: Option<PathBuf>,
    /// Only say what is wrong with the election, and what its rules are; needs no node
    #[arg(long)]
    pub(crate) check: bool,
    /// Its title
    #[arg(long, required_unless_present = "file")]
    pub(crate) title: Option<String>,
    /// More about it
    #[arg(long, default_value = "")]
    pub(crate) description: String,
    /// A choice; give two or more, in the order of the ballot
    #[arg(long, conflicts_with = "write_in", required_unless_present_any = ["write_in", "file"])]
    pub(crate) choice: Vec<String>,
    /// How ballots are counted
    #[arg(long, default_value = "plurality", value_parser = rule())]
    pub(crate) rule: Rule,
    /// How many choices win
    #[arg(long, default_value_t = 1)]
    pub(crate) seats: u16,
    /// Voters write in what they choose
    #[arg(long)]
    pub(crate) write_in: bool,
    /// Only those on a roll may vote; make it with `roll import`, then `election open`
    #[arg(long)]
    pub(crate) roll: bool,
    /// As --roll, with as many votes as the roll says
    #[arg(long, conflicts_with = "roll")]
    pub(crate) weighted_roll: bool,
    /// How often a voter can replace the ballot
    #[arg(long, default_value_t = 0, value_name = "TIMES")]
    pub(crate) revotes: u16,
    /// Voting is by name: each ballot has its voter's name on it, which everybody can read for
    /// ever; else none has
    #[arg(long)]
    pub(crate) names: bool,
    /// Another organiser beside you: a key, as `vote-cli organiser key` prints it; may be repeated
    #[arg(long, value_name = "KEY", requires = "needed")]
    pub(crate) organiser: Vec<PublicKey>,
    /// How many of the organisers, you among them, must sign each act
    #[arg(long, value_name = "NUMBER", requires = "organiser")]
    pub(crate) needed: Option<u8>,
    /// Voters can abstain
    #[arg(long)]
    pub(crate) abstain: bool,
    /// A ballot names at most so many choices; all if left out
    #[arg(long, value_name = "CHOICES")]
    pub(crate) max: Option<u16>,
    /// What the winner must have of the votes cast: simple, 2/3, 3/4
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) majority: Option<vote_chain::Share>,
    /// The share of the roll that must vote, or nothing is decided
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) quorum: Option<vote_chain::Share>,
    /// When it opens: 2026-11-23T12:00:00Z, 2026-11-23 12:00 UTC, or +10m; at once if left out
    #[arg(long, value_name = "TIME", value_parser = crate::time::parse_when)]
    pub(crate) opens: Option<crate::time::When>,
    /// When it closes: 2026-11-23T18:00:00+01:00, or +2h; by hand if left out
    #[arg(long, value_name = "TIME", value_parser = crate::time::parse_when)]
    pub(crate) closes: Option<crate::time::When>,
    /// File of the organiser's credential; made if it is missing
    #[arg(long, value_name = "FILE")]
    pub(crate) credential: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RollCommand {
    /// Put voters on the roll of a draft, from a CSV file with a column `key` and, if you like,
    /// `weight`
    Import(ImportArgs),
    /// Make secret voter codes: cards to print, a list for a mail merge, and the public keys for
    /// `roll import`
    Issue(IssueArgs),
    /// The roll in numbers, and its root
    Show {
        /// Id of the election, the beginning of it, its title, or a part of it
        election: Option<String>,
    },
    /// Whether a key or code may vote, and if not, why
    Check {
        /// The key; or - for a voter code or a key that is asked for (or read from standard input):
        /// a code is secret, and no argument
        who: String,
        /// Id of the election, the beginning of it, its title, or a part of it
        election: Option<String>,
    },
    /// Change the roll, also while the election is open; those who have voted stay
    Change {
        #[command(flatten)]
        act: ActArgs,
        /// A key to put on it; KEY=WEIGHT on a roll with weights
        #[arg(long, value_name = "KEY", required_unless_present = "remove")]
        add: Vec<String>,
        /// A key to take off it
        #[arg(long, value_name = "KEY")]
        remove: Vec<String>,
        /// Why, for everybody to read
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The file: CSV or .xlsx
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) act: ActArgs,
    /// Sheet of an .xlsx file, if several have content
    #[arg(long)]
    pub(crate) sheet: Option<String>,
    /// Leave rows out that have a fault, and import the others
    #[arg(long)]
    pub(crate) leave_out_faulty: bool,
    /// Only show what would be done
    #[arg(long)]
    pub(crate) preview: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct IssueArgs {
    /// List of the voters, CSV or .xlsx: a column `name`, `id` or `email`; `weight`, `group` and
    /// `key` if you like
    #[arg(required_unless_present = "count", conflicts_with = "count")]
    pub(crate) file: Option<PathBuf>,
    /// So many codes, for voters without names
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) count: Option<u32>,
    /// Folder to write to; it must not have anything in it
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Title of the election, for the cards
    #[arg(long)]
    pub(crate) title: String,
    /// Folder of an earlier issue, or its register.csv: who has a key by it keeps that, and gets no
    /// other code
    #[arg(long, value_name = "DIR")]
    pub(crate) earlier: Option<PathBuf>,
    /// Sheet of an .xlsx file, if several have content
    #[arg(long, conflicts_with = "count")]
    pub(crate) sheet: Option<String>,
    /// Leave rows out that have a fault
    #[arg(long)]
    pub(crate) leave_out_faulty: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CredentialCommand {
    /// Make a new credential
    New {
        /// File to write
        file: Option<PathBuf>,
    },
    /// Show the public key of a credential
    Show {
        /// File to read
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReceiptCommand {
    /// Show a receipt, from a file or, by ballot id, from the node
    Show {
        /// File, or id of the ballot
        what: String,
        /// Its tracker as a QR code too
        #[arg(long)]
        qr: bool,
    },
    /// Check a receipt file, which needs no node and no network; or ask the node what has become of
    /// a ballot
    Check {
        /// File; or the ballot's tracker, as a code or as words
        #[arg(required = true)]
        what: Vec<String>,
        /// Ask the node too whether the ballot counts
        #[arg(long)]
        node: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum VerifyCommand {
    /// Check every signature, every rule and the count of an archive
    Archive {
        /// File
        file: PathBuf,
        /// Write the result as a page to print
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProtocolCommand {
    /// Show by which protocol version the chain goes, and will, and changes that wait for approvals
    Show,
    /// Have this node approve that the chain moves to a later protocol version. It never goes back
    Move {
        /// The version; if left out, the one that others have approved, or the newest that this
        /// node's program has
        version: Option<u16>,
        /// The first block that goes by it; if left out, the one that others have approved, or 1000
        /// blocks from now
        #[arg(long, value_name = "HEIGHT")]
        from: Option<u64>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Have this node approve that the move that is planned is not made
    Drop,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OrganiserCommand {
    /// Show the key that you create elections with, to be admitted by it; made if there is none.
    /// Needs no node
    Key,
    /// List who may create elections, and changes that wait for approvals
    List,
    /// Have this node approve that a key may create elections
    Admit {
        /// The key, as `organiser key` shows it to its owner; your own if left out
        key: Option<PublicKey>,
    },
    /// Have this node approve that a key creates no more elections; those that it has created stay,
    /// and it goes on organising them
    Remove {
        /// The key, as `organiser list` shows it
        key: PublicKey,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ValidatorCommand {
    /// List who decides blocks, and changes that wait for approvals
    List,
    /// Have this node approve that a node becomes a validator
    Admit {
        /// Its validator key, which its operator reads to you (`node key`, or `status` there); or
        /// its name, and you are shown the key and asked
        node: String,
        /// Its power
        #[arg(long, default_value_t = 1)]
        power: u64,
        /// What it is called in the set; what it calls itself if left out
        #[arg(long)]
        name: Option<String>,
        /// Do not ask; only with the whole key
        #[arg(short, long)]
        yes: bool,
    },
    /// Have this node approve that a validator becomes a follower
    Remove {
        /// Its key, as `validator list` shows it; or its name, and you are shown the key and asked
        node: String,
        /// Do not ask; only with the whole key
        #[arg(short, long)]
        yes: bool,
    },
}

/// Reads the name of a rule.
fn rule() -> impl TypedValueParser<Value = Rule> {
    one_of(Rule::ALL, Rule::name)
}

/// Reads the name of one of these.
fn one_of<T: Copy + Send + Sync + 'static, const N: usize>(
    all: [T; N],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let named = move |word: String| all.into_iter().find(|each| name(*each) == word);
    PossibleValuesParser::new(all.map(name))
        .map(move |word| named(word).expect("only these names are let through"))
}

/// Reads the name of a phase.
fn phase() -> impl TypedValueParser<Value = ElectionPhase> {
    PossibleValuesParser::new(["draft", "open", "closed", "cancelled"]).map(|name| {
        match name.as_str() {
            "draft" => ElectionPhase::Draft,
            "open" => ElectionPhase::Open,
            "closed" => ElectionPhase::Closed,
            _ => ElectionPhase::Cancelled,
        }
    })
}

fn share(text: &str) -> Result<vote_chain::Share, String> {
    crate::share::parse(text).ok_or_else(|| format!("{text:?} is not {}", crate::share::KIND))
}
