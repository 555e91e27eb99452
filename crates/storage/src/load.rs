//! Loading. Pages have passed redb's own check when the file was opened; here each row is held against its key and the rest, as far as
//! that takes no longer than reading it (`vote_chain::Restore` says what follows from what). Of the blocks only the last is read: the
//! others are checked when somebody asks for them, and [`Store::check`] follows them from the first.

use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata};
use vote_chain::{Block, ElectionId, Hash, Height, PublicKey, Restore, State, Tip, Whole};

use crate::error::{Fault, StorageError};
use crate::rows::{self, value};
use crate::store::Store;
use crate::table;

/// What a node goes on from.
#[derive(Debug)]
pub struct Loaded {
    /// The state after the last decided block.
    pub state: State,
    /// The log of the height after, in order.
    pub log: Vec<Vec<u8>>,
    /// The undecided blocks of that height.
    pub bodies: Vec<Whole<Block>>,
}

impl Store {
    /// Loads the state and the open height.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] names the first row that cannot be read, or that does not fit the others.
    pub fn load(&self) -> Result<Loaded, StorageError> {
        self.read(|read| {
            let state = self.load_state(read)?;
            let open = state.tip().height.next();
            Ok(Loaded { log: load_log(read, open)?, bodies: load_bodies(read, open)?, state })
        })
    }

    fn load_state(&self, read: &ReadTransaction) -> Result<State, Fault> {
        let (tip, registry) = (rows::tip(read)?, rows::registry(read)?);
        check_last_block(read, &tip)?;
        if tip.height == Height::GENESIS && tip != *State::new(self.genesis.clone()).tip() {
            return Err(Fault::row("meta", "tip", "it is not where the chain begins"));
        }
        let changes = rows::set_changes(read, Height::new(u64::MAX))?;
        let set = changes.last().map_or(&self.genesis.validators, |change| &change.validators);
        if *set != registry.next {
            return Err(Fault::Damaged("set_changes: the last is not to the validators of the next block".into()));
        }
        let mut restore = Restore::new(self.genesis.clone(), tip, registry);
        for row in read.open_table(table::ELECTIONS)?.iter()? {
            let (key, bytes) = row?;
            let id = election(key.value());
            restore.election(id, value(bytes.value(), "elections", id)?)?;
        }
        for row in read.open_table(table::ACTS)?.iter()? {
            let (key, bytes) = row?;
            let (id, place) = key.value();
            let id = election(id);
            restore.act(id, place, value(bytes.value(), "acts", format!("({id:.16}, {place})"))?)?;
        }
        for row in read.open_table(table::ROLLS)?.iter()? {
            let (key, bytes) = row?;
            let (id, place) = key.value();
            let id = election(id);
            restore.roll_part(id, place, &value(bytes.value(), "rolls", format!("({id:.16}, {place})"))?)?;
        }
        for row in read.open_table(table::COUNTS)?.iter()? {
            let (key, votes) = row?;
            let (id, contest, selection) = key.value();
            let id = election(id);
            let selection = value(selection, "counts", format!("({id:.16}, {contest})"))?;
            restore.votes(id, contest, selection, votes.value())?;
        }
        for row in read.open_table(table::BALLOTS)?.iter()? {
            let (key, bytes) = row?;
            let (id, credential) = key.value();
            let (id, credential) = (election(id), PublicKey::from_bytes(credential));
            let ballot = value(bytes.value(), "ballots", format_args!("({id:.16}, {credential:.16})"))?;
            restore.ballot(id, credential, ballot)?;
        }
        let state = restore.finish()?;
        check_indexes(read, &state)?;
        Ok(state)
    }
}

/// The last block is that of the tip, and there are as many as its height says.
fn check_last_block(read: &ReadTransaction, tip: &Tip) -> Result<(), Fault> {
    for (name, count) in [
        ("blocks", read.open_table(table::BLOCKS)?.len()?),
        ("certificates", read.open_table(table::CERTIFICATES)?.len()?),
    ] {
        if count != tip.height.get() {
            return Err(Fault::Damaged(format!("{name}: there are {count}, but the last is {}", tip.height)));
        }
    }
    let Some(last) = rows::block(read, tip.height)? else { return Ok(()) };
    let header = &last.block.header;
    if (header.hash(), header.time, header.state_root) != (tip.hash, tip.time, tip.state_root) {
        return Err(Fault::row("meta", "tip", "it is not the last block"));
    }
    Ok(())
}

/// The indexes into the blocks name elections and blocks that there are, and transactions enough.
fn check_indexes(read: &ReadTransaction, state: &State) -> Result<(), Fault> {
    let of_elections = |id| state.election(&election(id)).is_some();
    let last = state.tip().height.get();
    for row in read.open_table(table::ELECTION_BLOCKS)?.iter()? {
        let (id, height) = row?.0.value();
        if !of_elections(id) || !(1..=last).contains(&height) {
            let key = format!("({:.16}, {height})", election(id));
            return Err(Fault::row("election_blocks", key, "there is no such election, or no such block"));
        }
    }
    for row in read.open_table(table::EVIDENCE)?.iter()? {
        let (height, place) = row?.0.value();
        if !(1..=last).contains(&height) {
            return Err(Fault::row("evidence", format!("({height}, {place})"), "there is no such block"));
        }
    }
    let places = state.genesis().limits.block_transactions_max;
    let mut count = 0u64;
    for row in read.open_table(table::TRANSACTIONS)?.iter()? {
        let (id, at) = row?;
        let (height, place) = at.value();
        if !(1..=last).contains(&height) || place >= places {
            return Err(Fault::row(
                "transactions",
                format!("{:.16}", Hash::from_bytes(id.value())),
                "no block has that place",
            ));
        }
        count += 1;
    }
    let of_election = |record: &vote_chain::ElectionRecord| 1 + record.log.size() + record.board.size();
    let known: u64 = state.elections().map(of_election).sum();
    if count < known {
        return Err(Fault::Damaged(format!("transactions: there are {count}, but elections have {known}")));
    }
    Ok(())
}

pub(crate) fn load_log(read: &ReadTransaction, open: Height) -> Result<Vec<Vec<u8>>, Fault> {
    let mut log = Vec::new();
    for row in read.open_table(table::LOG)?.iter()? {
        let (key, entry) = row?;
        let (height, place) = key.value();
        // An earlier version has left rows of decided heights behind; the next commit drops them.
        if height < open.get() {
            continue;
        }
        if height != open.get() || place != log.len() as u64 {
            return Err(Fault::row(
                "log",
                format!("({height}, {place})"),
                "it is not of the open height, or out of order",
            ));
        }
        log.push(entry.value().to_vec());
    }
    Ok(log)
}

pub(crate) fn load_bodies(read: &ReadTransaction, open: Height) -> Result<Vec<Whole<Block>>, Fault> {
    let mut bodies = Vec::new();
    for row in read.open_table(table::BODIES)?.iter()? {
        let (key, bytes) = row?;
        let (height, hash) = key.value();
        if height != open.get() {
            return Err(Fault::row("bodies", format!("({height}, ...)"), "it is not of the open height"));
        }
        bodies.push(rows::body(open, hash, bytes.value())?);
    }
    Ok(bodies)
}

pub(crate) fn election(id: [u8; 32]) -> ElectionId {
    ElectionId::new(Hash::from_bytes(id))
}
