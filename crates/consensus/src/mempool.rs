//! Verified transactions that wait for a block, and who makes room when there is none.

mod lanes;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use vote_chain::{
    Changes, ElectionId, InvalidTransaction, Payload, PublicKey, State, Timestamp, TransactionId,
    Verified, parse,
};

use self::lanes::{Lane, Lanes};
use crate::clock::Now;

/// Transactions that wait at one time.
pub const PENDING_MAX: usize = 65_536;

/// Their bytes altogether.
pub const PENDING_BYTES_MAX: usize = 32 << 20;

/// How fast transactions become final is taken from the blocks of this time, in milliseconds.
const RATE_MS: u64 = 30_000;
/// Nobody is asked to come back later than this, in seconds.
const COME_BACK_S_MAX: u64 = 60;

/// So many, and so many bytes of them, are looked at again at one tick.
const AGAIN_MAX: usize = 500;
const AGAIN_BYTES_MAX: usize = 4 << 20;
/// Those of apps are passed on again when they have waited for so long, and again, in milliseconds.
/// Not sooner: on a slow line they would stand in the way of themselves; who lacks one that is in a
/// block asks for it.
const RELAY_AGAIN_MS: u64 = 10_000;
/// What a peer has brought waits so long at most, in milliseconds.
const PEER_MS_MAX: u64 = 600_000;

/// Who brought a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An app at this node: the node passes it on, and repeats it until it is final.
    App,
    /// A peer, which passes it on itself.
    Peer,
}

/// Why a transaction is not taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolRefusal {
    /// It does not fit the state.
    #[error(transparent)]
    Invalid(#[from] InvalidTransaction),
    /// Another ballot of the same credential in the same election waits.
    #[error("another ballot of credential {0:.16} is waiting to become final in this election")]
    Conflict(PublicKey),
    /// No block of this chain has room for it.
    #[error("it has {0} bytes, more than a block of this chain may have")]
    TooLarge(usize),
    /// No room, and nobody who has more of it than is fair; there may be some after so many
    /// seconds.
    #[error(
        "there is no room for more of its kind among the transactions that wait; come back in {0} s"
    )]
    Full(u64),
}

/// Approvals of acts that wait of one organiser, and of all for the elections that one has created.
/// One has 215 bytes, and can do an act of 64 KiB: each look at it may cost as much as that.
const ACT_APPROVALS_OF_SIGNER_MAX: usize = 8;
const ACT_APPROVALS_OF_LANE_MAX: usize = 64;

struct Entry {
    transaction: Arc<Verified>,
    lane: Lane,
    origin: Origin,
    since: Timestamp,
    looked_at: Timestamp,
}

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolRoom {
    /// Transactions.
    pub transactions: usize,
    /// Their bytes.
    pub bytes: usize,
}

impl Default for PoolRoom {
    fn default() -> Self {
        Self {
            transactions: PENDING_MAX,
            bytes: PENDING_BYTES_MAX,
        }
    }
}

/// The transactions that wait.
#[derive(Default)]
pub(crate) struct Mempool {
    room: PoolRoom,
    entries: BTreeMap<u64, Entry>,
    by_id: BTreeMap<TransactionId, u64>,
    by_ballot: BTreeMap<(ElectionId, PublicKey), u64>,
    act_approvals: BTreeSet<u64>,
    lanes: Lanes,
    sequence: u64,
    bytes: usize,
    /// How many have become final lately, and when.
    settled: VecDeque<(Timestamp, u64)>,
    /// Where looking again goes on, so that each has its turn.
    next: u64,
}

fn is_act_approval(transaction: &Verified) -> bool {
    matches!(transaction.content().payload, Payload::ApproveAct { .. })
}

fn ballot_key(transaction: &Verified) -> Option<(ElectionId, PublicKey)> {
    match &transaction.content().payload {
        Payload::CastBallot(ballot) => Some((ballot.election, transaction.content().signer)),
        _ => None,
    }
}

impl Mempool {
    pub(crate) fn new(room: PoolRoom) -> Self {
        Self {
            room,
            ..Self::default()
        }
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn get(&self, id: &TransactionId) -> Option<&Arc<Verified>> {
        self.by_id.get(id).map(|at| &self.entries[at].transaction)
    }

    /// Since when it waits.
    pub(crate) fn since(&self, id: &TransactionId) -> Option<Timestamp> {
        self.by_id.get(id).map(|at| self.entries[at].since)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Verified>> {
        self.entries.values().map(|entry| &entry.transaction)
    }

    /// With the time since when each waits.
    pub(crate) fn iter_since(&self) -> impl Iterator<Item = (&Arc<Verified>, Timestamp)> {
        self.entries
            .values()
            .map(|entry| (&entry.transaction, entry.since))
    }

    /// In the order in which they go into a block of so many bytes.
    pub(crate) fn in_turn(&self, block_bytes: usize) -> impl Iterator<Item = &Arc<Verified>> {
        self.lanes
            .in_turn(block_bytes)
            .map(|at| &self.entries[&at].transaction)
    }

    /// Takes a transaction in. One that waits already is accepted again.
    pub(crate) fn insert(
        &mut self,
        state: &State,
        now: Now,
        transaction: Arc<Verified>,
        origin: Origin,
    ) -> Result<Inserted, PoolRefusal> {
        if let Some(at) = self.by_id.get(&transaction.id()) {
            if origin == Origin::App {
                self.entries
                    .get_mut(at)
                    .expect("by_id names entries")
                    .origin = origin;
            }
            return Ok(Inserted::default());
        }
        let key = ballot_key(&transaction);
        if let Some((_, credential)) = key.filter(|key| self.by_ballot.contains_key(key)) {
            return Err(PoolRefusal::Conflict(credential));
        }
        let size = transaction.bytes().len();
        if u32::try_from(size).is_ok_and(|size| size > state.genesis().limits.block_bytes_max) {
            return Err(PoolRefusal::TooLarge(size));
        }
        let lane = Lane::of(transaction.content(), state);
        if is_act_approval(&transaction) && self.has_approvals_enough(lane, &transaction) {
            return Err(PoolRefusal::Full(self.come_back_s(now.steady)));
        }
        state
            .execute(now.time.max(state.tip().time.plus_ms(1)))
            .apply(&transaction)?;
        let gave_up = self
            .make_room(lane, size)
            .ok_or_else(|| PoolRefusal::Full(self.come_back_s(now.steady)))?;
        self.sequence += 1;
        let entry = Entry {
            transaction,
            lane,
            origin,
            since: now.steady,
            looked_at: now.steady,
        };
        self.put(self.sequence, entry);
        Ok(Inserted { new: true, gave_up })
    }

    /// Whether there is room for a transaction that nobody has verified yet, or somebody would make
    /// some. Bytes that are no transaction need none: to verify them says so.
    pub(crate) fn has_room(&self, state: &State, bytes: &[u8]) -> bool {
        let size = bytes.len();
        // Acts are a small part of all there is, and never worth a look here.
        let is_full =
            self.entries.len() >= self.room.transactions || self.bytes + size > self.room.bytes;
        if !is_full {
            return true;
        }
        let Ok(transaction) = parse(bytes) else {
            return true;
        };
        let lane = Lane::of(&transaction.content, state);
        self.lacks_room(lane, size)
            .is_none_or(|of_acts| self.lanes.to_give_up(lane, size, of_acts).is_some())
    }

    /// Whether as many approvals of acts wait as may, of a lane or of the signer of one more.
    fn has_approvals_enough(&self, lane: Lane, one_more: &Verified) -> bool {
        let of_lane = self.act_approvals.iter().map(|at| &self.entries[at]);
        let of_lane: Vec<_> = of_lane.filter(|entry| entry.lane == lane).collect();
        let signer = one_more.content().signer;
        let own = of_lane
            .iter()
            .filter(|entry| entry.transaction.content().signer == signer);
        of_lane.len() >= ACT_APPROVALS_OF_LANE_MAX || own.count() >= ACT_APPROVALS_OF_SIGNER_MAX
    }

    /// Makes room for one more of a lane, if there is none, at the cost of who has more of it than
    /// is fair; gives those that have to go. None if there is nobody, and then nothing has changed.
    fn make_room(&mut self, lane: Lane, size: usize) -> Option<Vec<Arc<Verified>>> {
        let mut out = Vec::new();
        while let Some(of_acts) = self.lacks_room(lane, size) {
            let Some(at) = self.lanes.to_give_up(lane, size, of_acts) else {
                out.into_iter().for_each(|(at, entry)| self.put(at, entry));
                return None;
            };
            out.push((at, self.take_out(at)?));
        }
        Some(
            out.into_iter()
                .map(|(_, entry)| entry.transaction)
                .collect(),
        )
    }

    /// Whether there is no room for one more of a lane, and then whether it is that of acts, which
    /// have half of all.
    fn lacks_room(&self, lane: Lane, size: usize) -> Option<bool> {
        let (acts, act_bytes) = self.lanes.acts();
        let of_acts = acts >= self.room.transactions / 2 || act_bytes + size > self.room.bytes / 2;
        if lane.is_of_acts() && of_acts {
            return Some(true);
        }
        let full =
            self.entries.len() >= self.room.transactions || self.bytes + size > self.room.bytes;
        full.then_some(false)
    }

    fn take_out(&mut self, at: u64) -> Option<Entry> {
        let entry = self.entries.remove(&at)?;
        self.by_id.remove(&entry.transaction.id());
        self.bytes -= entry.transaction.bytes().len();
        self.lanes.remove(entry.lane, at);
        ballot_key(&entry.transaction).map(|key| self.by_ballot.remove(&key));
        self.act_approvals.remove(&at);
        Some(entry)
    }

    fn put(&mut self, at: u64, entry: Entry) {
        let size = entry.transaction.bytes().len();
        self.bytes += size;
        self.by_id.insert(entry.transaction.id(), at);
        ballot_key(&entry.transaction).map(|key| self.by_ballot.insert(key, at));
        if is_act_approval(&entry.transaction) {
            self.act_approvals.insert(at);
        }
        self.lanes.insert(entry.lane, at, size);
        self.entries.insert(at, entry);
    }

    /// After how many seconds a tenth of the room should be free, if blocks go on as lately.
    pub(crate) fn come_back_s(&self, now: Timestamp) -> u64 {
        let count: u64 = self.settled.iter().map(|(_, count)| count).sum();
        let since = self.settled.front().map_or(0, |(at, _)| now.ms_since(*at));
        let wanted = u64::try_from(self.room.transactions / 10).unwrap_or(u64::MAX);
        let ms = wanted
            .saturating_mul(since)
            .checked_div(count)
            .unwrap_or(u64::MAX);
        ms.div_ceil(1000).clamp(1, COME_BACK_S_MAX)
    }

    pub(crate) fn remove(&mut self, id: &TransactionId) -> Option<Arc<Verified>> {
        let at = *self.by_id.get(id)?;
        Some(self.take_out(at)?.transaction)
    }

    /// Drops what a decided block holds, and what it has made impossible, by its ballots or as
    /// `doubtful` says; gives the latter with the reasons.
    pub(crate) fn settle<'a>(
        &mut self,
        state: &State,
        now: Now,
        included: impl Iterator<Item = &'a Arc<Verified>>,
        changes: &Changes,
        doubtful: impl Fn(&Payload) -> bool,
    ) -> Vec<(Arc<Verified>, InvalidTransaction)> {
        let mut count = 0;
        for transaction in included {
            self.remove(&transaction.id());
            count += 1;
        }
        self.settled.push_back((now.steady, count));
        while self
            .settled
            .front()
            .is_some_and(|(at, _)| now.steady.ms_since(*at) > RATE_MS)
        {
            self.settled.pop_front();
        }
        let conflicts = changes
            .ballots
            .keys()
            .filter_map(|key| self.by_ballot.get(key));
        let mut rechecked: Vec<_> = conflicts
            .map(|at| self.entries[at].transaction.clone())
            .collect();
        rechecked.extend(
            self.iter()
                .filter(|transaction| doubtful(&transaction.content().payload))
                .cloned(),
        );
        let mut refused = Vec::new();
        for transaction in rechecked {
            if let Err(fault) = may_fit(state, now.time, &transaction)
                && self.remove(&transaction.id()).is_some()
            {
                refused.push((transaction, fault));
            }
        }
        refused
    }

    /// Looks again at those that were last looked at before `before`, as many as one tick allows:
    /// gives those of apps that are to be passed on again, and those that can no longer become
    /// final, with the reasons. What a peer brought and nobody has put in a block for
    /// [`PEER_MS_MAX`] is dropped: the node that it came from passes it on again.
    pub(crate) fn look_again(&mut self, state: &State, before: Timestamp, now: Now) -> Lapsed {
        let (mut due, mut bytes) = (Vec::new(), 0);
        for (at, entry) in self
            .entries
            .range(self.next..)
            .chain(self.entries.range(..self.next))
        {
            if entry.looked_at > before {
                continue;
            }
            bytes += entry.transaction.bytes().len();
            if due.len() >= AGAIN_MAX || bytes > AGAIN_BYTES_MAX {
                self.next = *at;
                break;
            }
            due.push(*at);
        }
        let mut lapsed = Lapsed::default();
        for at in due {
            let Some(entry) = self.entries.get_mut(&at) else {
                continue;
            };
            let (transaction, origin, since) =
                (entry.transaction.clone(), entry.origin, entry.since);
            let times = |time: Timestamp| time.ms_since(since) / RELAY_AGAIN_MS;
            let relay = times(now.steady) > times(entry.looked_at);
            entry.looked_at = now.steady;
            if let Err(fault) = may_fit(state, now.time, &transaction) {
                self.remove(&transaction.id());
                lapsed.refused.push((transaction, fault));
            } else if origin == Origin::App {
                lapsed.relay.extend(relay.then_some(transaction));
            } else if now.steady.ms_since(since) > PEER_MS_MAX {
                self.remove(&transaction.id());
            }
        }
        lapsed
    }
}

/// What became of a transaction that was taken in.
#[derive(Debug, Default)]
pub(crate) struct Inserted {
    pub(crate) new: bool,
    /// Those that had to make room for it.
    pub(crate) gave_up: Vec<Arc<Verified>>,
}

/// Whether a transaction fits the state, now or at the earliest time that the next block can have:
/// that block may be one that others have decided already, before an election opened or closed by
/// this node's clock.
///
/// # Errors
/// Why it fits at neither time.
pub(crate) fn may_fit(
    state: &State,
    now: Timestamp,
    transaction: &Verified,
) -> Result<(), InvalidTransaction> {
    let earliest = state.tip().time.plus_ms(1);
    let fits = |time| state.execute(time).apply(transaction);
    fits(earliest).or_else(|fault| {
        if now > earliest {
            fits(now)
        } else {
            Err(fault)
        }
    })
}

/// Transactions that have waited for long.
#[derive(Default)]
pub(crate) struct Lapsed {
    pub(crate) relay: Vec<Arc<Verified>>,
    pub(crate) refused: Vec<(Arc<Verified>, InvalidTransaction)>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use vote_chain::{
        Act, Ballot, Committee, Contest, Election, Genesis, Limits, Organise, OrganiserChange,
        Organisers, Rule, SecretKey, Selection, Transaction, Validator, ValidatorSet, Voter,
        Voters, verify,
    };

    const START: Timestamp = Timestamp::from_ms(1_000_000);
    const NOW: Now = at(0);

    const fn at(ms: u64) -> Now {
        Now {
            steady: START.plus_ms(ms),
            time: START.plus_ms(ms),
        }
    }

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed(&[seed; 32])
    }

    /// A chain, whose organiser is key 0, with these elections; those with a roll have keys 1 to 50
    /// on it.
    struct Chain {
        state: State,
        elections: Vec<ElectionId>,
    }

    impl Chain {
        fn new(kinds: &[Voters]) -> Self {
            let validators = [0, 1].map(|seed| Validator {
                key: key(seed).public(),
                power: 1,
                name: format!("n{seed}"),
            });
            let genesis = Genesis {
                version: vote_chain::Version::NEWEST,
                name: "Club".into(),
                time: Timestamp::from_ms(1),
                validators: ValidatorSet::new(validators.into()).unwrap(),
                organisers: Organisers::Keys([key(0).public()].into()),
                limits: Limits::default(),
            };
            let mut chain = Self {
                state: State::new(genesis),
                elections: Vec::new(),
            };
            for (salt, kind) in (0..).zip(kinds) {
                let contest = Contest::listed(vec!["Yes".into(), "No".into()], Rule::Plurality, 1);
                let election = Election {
                    voters: *kind,
                    // So that ballots can be of several sizes.
                    names: true,
                    ..Election::simple("Budget".into(), vec![contest], salt)
                };
                let created = chain.sign(0, Payload::CreateElection(election));
                let id = created.id().to_string().parse().unwrap();
                chain.decide(created);
                if *kind != Voters::Anyone {
                    let mut voters: Vec<_> =
                        (1..=50).map(|seed| Voter(key(seed).public(), 1)).collect();
                    voters.sort();
                    chain.decide(chain.act(id, Act::AddVoters(voters)));
                    chain.decide(chain.act(id, Act::Open));
                }
                chain.elections.push(id);
            }
            chain
        }

        fn sign(&self, seed: u8, payload: Payload) -> Arc<Verified> {
            let bytes = Transaction::sign(self.state.chain(), &key(seed), payload).to_bytes();
            Arc::new(verify(&self.state.chain(), &bytes).unwrap())
        }

        fn act(&self, election: ElectionId, act: Act) -> Arc<Verified> {
            self.sign(0, Payload::Organise(Organise { election, act }))
        }

        fn ballot(&self, seed: u8, election: usize) -> Arc<Verified> {
            let ballot = Ballot {
                name: "x".into(),
                ..Ballot::plain(self.elections[election], Selection::Listed(0))
            };
            self.sign(seed, Payload::CastBallot(ballot))
        }

        fn decide(&mut self, transaction: Arc<Verified>) {
            let time = self.state.tip().time.plus_ms(1);
            let (block, changes, refused) = self.state.build(time, key(0).public(), [&transaction]);
            assert!(refused.is_empty());
            self.state.commit(block.header(), &changes);
        }
    }

    fn pool(transactions: usize) -> Mempool {
        Mempool::new(PoolRoom {
            transactions,
            bytes: 1 << 20,
        })
    }

    fn ids(all: &[Arc<Verified>]) -> Vec<TransactionId> {
        all.iter().map(|transaction| transaction.id()).collect()
    }

    /// Each is small, and what it may have to be done is not.
    #[test]
    fn approvals_of_acts_wait_in_small_numbers_of_one_organiser_and_of_all_of_one_creator() {
        let mut chain = Chain::new(&[]);
        let mut organisers: Vec<_> = (0..16).map(|seed| key(seed).public()).collect();
        organisers.sort();
        let contest = Contest::listed(vec!["Yes".into(), "No".into()], Rule::Plurality, 1);
        let election = Election {
            voters: Voters::Roll,
            committee: Some(Committee {
                organisers,
                needed: 16,
            }),
            ..Election::simple("Budget".into(), vec![contest], 1)
        };
        let created = chain.sign(0, Payload::CreateElection(election));
        let election = created.id().to_string().parse().unwrap();
        chain.decide(created);
        let proposals: Vec<_> = (0..10)
            .map(|number| {
                let proposed = chain.act(election, Act::Cancel(format!("{number}")));
                chain.decide(proposed.clone());
                proposed.id()
            })
            .collect();
        let mut pool = pool(1000);
        let mut insert = |seed: u8, proposal: TransactionId| {
            let approval = chain.sign(seed, Payload::ApproveAct { election, proposal });
            pool.insert(&chain.state, NOW, approval, Origin::Peer)
                .is_ok()
        };
        let taken = |taken: Vec<bool>| taken.into_iter().filter(|taken| *taken).count();
        let of_one = proposals.iter().map(|id| insert(1, *id)).collect();
        assert_eq!(taken(of_one), ACT_APPROVALS_OF_SIGNER_MAX);
        let mut of_all = ACT_APPROVALS_OF_SIGNER_MAX;
        for seed in 2..16 {
            of_all += taken(proposals.iter().map(|id| insert(seed, *id)).collect());
        }
        assert_eq!(of_all, ACT_APPROVALS_OF_LANE_MAX);

        // Whoever has had one taken into a block has room for another.
        let first = pool.iter().next().unwrap().clone();
        pool.remove(&first.id());
        let (seed, proposal) = (1, proposals[9]);
        let approval = chain.sign(seed, Payload::ApproveAct { election, proposal });
        pool.insert(&chain.state, NOW, approval, Origin::Peer)
            .unwrap();
    }

    #[test]
    fn flood_of_one_election_holds_up_neither_acts_nor_other_elections_and_a_roll_comes_first() {
        let chain = Chain::new(&[Voters::Anyone, Voters::Anyone, Voters::Roll]);
        let mut pool = pool(20);
        let flood: Vec<_> = (1..=21).map(|seed| chain.ballot(seed, 0)).collect();
        let mut insert = |transaction: &Arc<Verified>| {
            pool.insert(&chain.state, NOW, transaction.clone(), Origin::App)
        };
        for ballot in &flood[..20] {
            assert!(insert(ballot).unwrap().gave_up.is_empty());
        }
        assert!(
            matches!(insert(&flood[20]), Err(PoolRefusal::Full(_))),
            "it takes nothing from itself"
        );
        let others = [
            chain.ballot(1, 2),
            chain.ballot(1, 1),
            chain.act(chain.elections[0], Act::Close),
        ];
        for (at, transaction) in (1..).zip(&others) {
            assert!(
                pool.has_room(&chain.state, transaction.bytes()),
                "who would make room is known before anybody has verified it"
            );
            assert!(!pool.has_room(&chain.state, flood[20].bytes()));
            assert!(
                pool.has_room(&chain.state, b"no transaction"),
                "it is found false"
            );
            let mut insert = |transaction: &Arc<Verified>| {
                pool.insert(&chain.state, NOW, transaction.clone(), Origin::App)
            };
            let inserted = insert(transaction).unwrap();
            assert!(inserted.new);
            assert_eq!(
                ids(&inserted.gave_up),
                [flood[20 - at].id()],
                "the last of the flood makes room"
            );
        }
        let [of_roll, other, act] = others.map(|transaction| transaction.id());
        let order: Vec<_> = pool
            .in_turn(1 << 20)
            .map(|transaction| transaction.id())
            .collect();
        assert_eq!(order[..4], [act, of_roll, flood[0].id(), other]);
        assert_eq!(order.len(), 20);
    }

    #[test]
    fn acts_have_half_of_the_room_at_most() {
        let chain = Chain::new(&[Voters::Roll]);
        let mut pool = pool(100);
        let acts = (101..).map(|seed| {
            let add = vec![Voter(key(seed).public(), 1)];
            chain.act(
                chain.elections[0],
                Act::ChangeRoll {
                    remove: Vec::new(),
                    add,
                    reason: "late".into(),
                },
            )
        });
        let size = acts.clone().next().unwrap().bytes().len();
        pool.room.bytes = 10 * size;
        let taken = acts
            .take(20)
            .filter(|act| {
                pool.insert(&chain.state, NOW, act.clone(), Origin::App)
                    .is_ok()
            })
            .count();
        assert_eq!(taken, 5);
        assert!(
            pool.insert(&chain.state, NOW, chain.ballot(1, 0), Origin::App)
                .is_ok()
        );
    }

    #[test]
    fn validator_that_fills_the_room_with_approvals_keeps_out_those_of_no_other() {
        let chain = Chain::new(&[]);
        let approve = |by: u8, admitted: u8| {
            let change = OrganiserChange::Admit(key(admitted).public()).into();
            chain.sign(
                by,
                Payload::ApproveChange {
                    change,
                    changes_before: 0,
                    signed_at: START,
                },
            )
        };
        let mut pool = pool(20);
        let mut insert =
            |approval: Arc<Verified>| pool.insert(&chain.state, NOW, approval, Origin::Peer);
        let flood: Vec<_> = (10..20).map(|admitted| approve(0, admitted)).collect();
        flood
            .iter()
            .for_each(|approval| drop(insert(approval.clone()).unwrap()));
        assert!(
            matches!(insert(approve(0, 20)), Err(PoolRefusal::Full(_))),
            "acts have half of the places"
        );
        assert_eq!(
            ids(&insert(approve(1, 20)).unwrap().gave_up),
            [flood[9].id()]
        );
        let own = approve(1, 20).id();
        assert_eq!(
            pool.in_turn(1 << 20)
                .position(|approval| approval.id() == own),
            Some(1),
            "they take turns"
        );
    }

    #[test]
    fn who_finds_no_room_hears_when_to_come_back_from_how_fast_blocks_go() {
        let chain = Chain::new(&[Voters::Anyone]);
        let mut pool = pool(40);
        assert_eq!(
            pool.come_back_s(START),
            COME_BACK_S_MAX,
            "nothing has become final yet"
        );
        let changes = chain.state.execute(START).finish();
        for second in 0..10 {
            let ballot = chain.ballot(second + 1, 0);
            let now = at(u64::from(second) * 1000);
            pool.settle(&chain.state, now, [&ballot].into_iter(), &changes, |_| {
                false
            });
        }
        assert_eq!(
            pool.come_back_s(at(10_000).steady),
            4,
            "a tenth of 40 places, at one a second"
        );
    }

    #[test]
    fn large_one_that_finds_too_little_room_in_the_end_costs_nobody_a_place() {
        let chain = Chain::new(&[Voters::Anyone, Voters::Anyone]);
        let mut pool = pool(100);
        let flood: Vec<_> = (1..=8).map(|seed| chain.ballot(seed, 0)).collect();
        let size = flood[0].bytes().len();
        pool.room.bytes = 15 * size;
        for seed in 1..=7 {
            pool.insert(&chain.state, NOW, chain.ballot(seed, 1), Origin::App)
                .unwrap();
        }
        for ballot in &flood {
            pool.insert(&chain.state, NOW, ballot.clone(), Origin::App)
                .unwrap();
        }
        let named = Ballot {
            name: "x".repeat(100),
            ..Ballot::plain(chain.elections[1], Selection::Listed(0))
        };
        let large = chain.sign(50, Payload::CastBallot(named));
        assert!(large.bytes().len() > size);
        assert!(matches!(
            pool.insert(&chain.state, NOW, large, Origin::App),
            Err(PoolRefusal::Full(_))
        ));
        assert!(
            flood.iter().all(|ballot| pool.get(&ballot.id()).is_some()),
            "one has gone for nothing"
        );
        assert_eq!((pool.len(), pool.in_turn(1 << 20).count()), (15, 15));
    }
}
