//! For each kind of transaction, the valid block of it that costs the most: as many of the smallest
//! as fit, or of those that touch the most. `examples/costliest.rs` measures them.

use std::sync::Arc;

use vote_chain::{
    Act, Ballot, Committee, Contest, Election, ElectionId, Genesis, Limits, Organise, Organisers,
    Payload, PublicKey, Ranks, Rule, SecretKey, Selection, State, Timestamp, Transaction,
    Validator, ValidatorChange, ValidatorSet, Verified, VerifiedBlock, Version, Voter, Voters,
    verify,
};

/// A block, and the state that it is applied to.
pub(crate) struct Costly {
    pub(crate) name: &'static str,
    pub(crate) before: State,
    pub(crate) block: VerifiedBlock,
}

const START: u64 = 1_700_000_000_000;

/// Keys that need not be told apart from those of other numbers in any other way.
fn key(number: usize) -> SecretKey {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&(number as u64).to_be_bytes());
    SecretKey::from_seed(&seed)
}

fn voter(number: usize, weight: u32) -> Voter {
    // No voter signs here, so a key is any 32 bytes.
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
    Voter(PublicKey::from_bytes(bytes), weight)
}

/// A chain on its way to the block.
struct Chain {
    state: State,
}

impl Chain {
    fn new(validators: usize) -> Self {
        let validator = |at| Validator {
            key: key(at).public(),
            name: "v".into(),
            power: 1,
        };
        let genesis = Genesis {
            version: Version::NEWEST,
            name: "costly".into(),
            time: Timestamp::from_ms(START),
            validators: ValidatorSet::new((0..validators).map(validator).collect()).unwrap(),
            organisers: Organisers::Anyone,
            limits: Limits {
                organiser_elections_max: 10_000,
                elections_max: 10_000,
                ..Limits::default()
            },
        };
        Self {
            state: State::new(genesis),
        }
    }

    fn sign(&self, signer: usize, payload: Payload) -> Arc<Verified> {
        let bytes = Transaction::sign(self.state.chain(), &key(signer), payload).to_bytes();
        Arc::new(verify(&self.state.chain(), &bytes).unwrap())
    }

    fn create(&self, election: Election) -> (Arc<Verified>, ElectionId) {
        let transaction = self.sign(0, Payload::CreateElection(election));
        let id = ElectionId::new(*transaction.id().hash());
        (transaction, id)
    }

    fn ballot(
        &self,
        voter: usize,
        election: ElectionId,
        counter: u32,
        selections: Vec<Selection>,
    ) -> Arc<Verified> {
        self.sign(
            voter,
            Payload::CastBallot(Ballot {
                election,
                counter,
                name: String::new(),
                selections,
            }),
        )
    }

    fn act(&self, election: ElectionId, act: Act) -> Arc<Verified> {
        self.sign(0, Payload::Organise(Organise { election, act }))
    }

    fn build(&self, transactions: &[Arc<Verified>]) -> (VerifiedBlock, vote_chain::Changes) {
        let proposer = self.state.validators().iter().next().unwrap().key;
        let (block, changes, refused) =
            self.state
                .build(self.state.tip().time.plus_ms(1000), proposer, transactions);
        assert!(refused.is_empty(), "{refused:?}");
        (block, changes)
    }

    /// Blocks of all of these.
    fn decide(&mut self, mut transactions: &[Arc<Verified>]) {
        while !transactions.is_empty() {
            let (block, changes) = self.build(transactions);
            transactions = &transactions[block.transactions().len()..];
            self.state.commit(block.header(), &changes);
        }
    }

    /// The block that takes as many of these as fit.
    fn costly(self, name: &'static str, transactions: &[Arc<Verified>]) -> Costly {
        let (block, _) = self.build(transactions);
        Costly {
            name,
            before: self.state,
            block,
        }
    }
}

fn small() -> Contest {
    Contest::listed(vec!["a".into(), "b".into()], Rule::Plurality, 1)
}

fn election(salt: usize, contests: Vec<Contest>) -> Election {
    Election::simple("e".into(), contests, salt as u64)
}

/// As many as a block takes of the smallest ballots, and a few more.
const BALLOTS: usize = 6000;

/// What others are compared with: a full block of ballots.
pub(crate) fn plain() -> Costly {
    let mut chain = Chain::new(4);
    let (created, id) = chain.create(election(0, vec![small()]));
    chain.decide(&[created]);
    let ballots: Vec<_> = (0..BALLOTS)
        .map(|at| chain.ballot(at, id, 0, vec![Selection::Listed(0)]))
        .collect();
    chain.costly("plain ballots", &ballots)
}

/// Each with a ranking of its own, over as many choices as there can be.
fn rankings() -> Costly {
    let mut chain = Chain::new(4);
    let names = (0..500).map(|at| at.to_string()).collect();
    let (created, id) = chain.create(election(0, vec![Contest::listed(names, Rule::Schulze, 1)]));
    chain.decide(&[created]);
    // They differ in the last places only, so that comparing two of them takes long.
    let ranked = |at: usize| {
        let mut order: Vec<u16> = (0..500).collect();
        order[450..].rotate_left(at % 50);
        order[460..].rotate_left(at / 50);
        Selection::Ranked(Ranks::strict(order))
    };
    let ballots: Vec<_> = (0..700)
        .map(|at| chain.ballot(at, id, 0, vec![ranked(at)]))
        .collect();
    chain.costly("ballots that rank 500 choices", &ballots)
}

fn written(at: usize, word: &str) -> Vec<Selection> {
    (0..20)
        .map(|_| Selection::WriteIn(format!("{word}{at}")))
        .collect()
}

fn many_contests(revotes: u16) -> Election {
    let contest = |at: usize| Contest {
        title: at.to_string(),
        ..Contest::write_in()
    };
    Election {
        revotes,
        ..election(0, (0..20).map(contest).collect())
    }
}

/// Each with words of its own in as many contests as there can be.
fn write_ins() -> Costly {
    let mut chain = Chain::new(4);
    let (created, id) = chain.create(many_contests(0));
    chain.decide(&[created]);
    let ballots: Vec<_> = (0..3600)
        .map(|at| chain.ballot(at, id, 0, written(at, "")))
        .collect();
    chain.costly("ballots with words of their own in 20 contests", &ballots)
}

/// The same, each in the place of an earlier one.
fn replacements() -> Costly {
    let mut chain = Chain::new(4);
    let (created, id) = chain.create(many_contests(1));
    chain.decide(&[created]);
    let ballots = |chain: &Chain, counter, word| {
        (0..3600)
            .map(|at| chain.ballot(at, id, counter, written(at, word)))
            .collect::<Vec<_>>()
    };
    let first = ballots(&chain, 0, "a");
    chain.decide(&first);
    let second = ballots(&chain, 1, "b");
    chain.costly("ballots that replace others in 20 contests", &second)
}

/// Each in an election of its own, of which there are as many as there can be.
fn scattered() -> Costly {
    let mut chain = Chain::new(4);
    let created: Vec<_> = (0..10_000)
        .map(|at| chain.create(election(at, vec![small()])))
        .collect();
    let transactions: Vec<_> = created
        .iter()
        .map(|(transaction, _)| transaction.clone())
        .collect();
    chain.decide(&transactions);
    let one = |(at, (_, id)): (usize, &(_, ElectionId))| {
        chain.ballot(at, *id, 0, vec![Selection::Listed(0)])
    };
    let ballots: Vec<_> = created.iter().enumerate().take(BALLOTS).map(one).collect();
    chain.costly("ballots in 10000 elections", &ballots)
}

fn small_elections() -> Costly {
    let chain = Chain::new(4);
    let created: Vec<_> = (0..BALLOTS)
        .map(|at| chain.create(election(at, vec![small()])).0)
        .collect();
    chain.costly("small elections", &created)
}

fn large_elections() -> Costly {
    let chain = Chain::new(4);
    let contest = |at: usize| {
        let names = (0..500).map(|name| format!("{name:04}")).collect();
        Contest {
            title: at.to_string(),
            ..Contest::listed(names, Rule::Schulze, 1)
        }
    };
    let created: Vec<_> = (0..50)
        .map(|at| chain.create(election(at, (0..20).map(contest).collect())).0)
        .collect();
    chain.costly("large elections", &created)
}

fn with_roll(chain: &mut Chain) -> ElectionId {
    let (created, id) = chain.create(Election {
        voters: Voters::WeightedRoll,
        ..election(0, vec![small()])
    });
    chain.decide(&[created]);
    id
}

fn rolls() -> Costly {
    let mut chain = Chain::new(4);
    let id = with_roll(&mut chain);
    let voters: Vec<_> = (0..34_000).map(|at| voter(at, 1)).collect();
    let acts: Vec<_> = voters
        .chunks(1700)
        .map(|part| chain.act(id, Act::AddVoters(part.to_vec())))
        .collect();
    chain.costly("voters added", &acts)
}

/// Each takes off what the one before has put on, on a long roll.
fn roll_changes() -> Costly {
    let mut chain = Chain::new(4);
    let id = with_roll(&mut chain);
    let voters: Vec<_> = (0..100_000).map(|at| voter(at, 1)).collect();
    let acts: Vec<_> = voters
        .chunks(1700)
        .map(|part| chain.act(id, Act::AddVoters(part.to_vec())))
        .collect();
    chain.decide(&acts);
    let change = |at: usize| {
        let part = &voters[at * 850..(at + 1) * 850];
        let remove = part.iter().map(|Voter(key, _)| *key).collect();
        let add = part.iter().map(|Voter(key, _)| Voter(*key, 2)).collect();
        chain.act(
            id,
            Act::ChangeRoll {
                remove,
                add,
                reason: "r".into(),
            },
        )
    };
    let acts: Vec<_> = (0..30).map(change).collect();
    chain.costly("rolls changed", &acts)
}

fn times() -> Costly {
    let mut chain = Chain::new(4);
    let (created, id) = chain.create(election(0, vec![small()]));
    chain.decide(&[created]);
    let opens_at = chain.state.election(&id).unwrap().opens_at;
    let act = |at: usize| {
        let closes_at = Some(Timestamp::from_ms(START + 1_000_000 + at as u64));
        chain.act(
            id,
            Act::ChangeTimes {
                opens_at,
                closes_at,
                reason: "r".into(),
            },
        )
    };
    let acts: Vec<_> = (0..BALLOTS).map(act).collect();
    chain.costly("times changed", &acts)
}

/// Each of another election, of which there are as many as there can be.
fn closings() -> Costly {
    let mut chain = Chain::new(4);
    let created: Vec<_> = (0..10_000)
        .map(|at| chain.create(election(at, vec![small()])))
        .collect();
    let transactions: Vec<_> = created
        .iter()
        .map(|(transaction, _)| transaction.clone())
        .collect();
    chain.decide(&transactions);
    let acts: Vec<_> = created
        .iter()
        .take(8192)
        .map(|(_, id)| chain.act(*id, Act::Close))
        .collect();
    chain.costly("elections closed", &acts)
}

/// Of a set as large as there can be, each of another change, so that the oldest of the same signer
/// is dropped.
fn approvals() -> Costly {
    let chain = Chain::new(149);
    let approve = |at: usize| {
        let newcomer = Validator {
            key: key(1000 + at).public(),
            name: "n".into(),
            power: 1,
        };
        let change = ValidatorChange::Admit(newcomer);
        let signed_at = Timestamp::from_ms(START + at as u64);
        chain.sign(
            at % 149,
            Payload::ApproveChange {
                change: change.into(),
                changes_before: 0,
                signed_at,
            },
        )
    };
    let approvals: Vec<_> = (0..BALLOTS).map(approve).collect();
    chain.costly("approvals", &approvals)
}

/// Each does an act that waits: first those that put as many voters on a roll as approvals may in
/// one block, then others, among as many that wait as can.
fn acts_approved() -> Costly {
    let mut chain = Chain::new(4);
    let mut organisers: Vec<_> = (0..16).map(|at| key(at).public()).collect();
    organisers.sort();
    let committee = Some(Committee {
        organisers,
        needed: 2,
    });
    let drafts = (0..5).map(|salt| Election {
        voters: Voters::WeightedRoll,
        committee: committee.clone(),
        ..election(salt, vec![small()])
    });
    let (created, ids): (Vec<_>, Vec<_>) = drafts.map(|draft| chain.create(draft)).unzip();
    chain.decide(&created);
    let mut approvals = Vec::new();
    for id in ids {
        for at in 0..1024 {
            let act = if at < 16 {
                Act::AddVoters((0..1700).map(|n| voter(at * 1700 + n, 1)).collect())
            } else {
                Act::ChangeTimes {
                    opens_at: None,
                    closes_at: Some(Timestamp::from_ms(START + 1_000_000_000 + at as u64)),
                    reason: "r".into(),
                }
            };
            let proposed = chain.sign(at % 16, Payload::Organise(Organise { election: id, act }));
            chain.decide(std::slice::from_ref(&proposed));
            let approval = Payload::ApproveAct {
                election: id,
                proposal: proposed.id(),
            };
            // Only those of the first election: there are no more in one block.
            if at >= 16 || approvals.len() < 16 {
                approvals.push(chain.sign((at + 1) % 16, approval));
            }
        }
    }
    chain.costly("acts approved", &approvals)
}

/// The costliest block of each kind.
pub(crate) const CASES: [fn() -> Costly; 13] = [
    rankings,
    write_ins,
    replacements,
    scattered,
    small_elections,
    large_elections,
    rolls,
    roll_changes,
    times,
    closings,
    approvals,
    acts_approved,
    plain,
];

/// The bytes of all transactions of a block.
pub(crate) fn size(block: &VerifiedBlock) -> usize {
    block
        .transactions()
        .iter()
        .map(|transaction| transaction.bytes().len())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That they are as large as blocks can be, or have as many transactions as the state has room
    /// for, is what makes them the costliest.
    #[test]
    fn costliest_blocks_are_full_and_valid() {
        for case in CASES {
            let Costly {
                name,
                before,
                block,
            } = case();
            let limits = &before.genesis().limits;
            let (bytes, transactions) = (size(&block), block.transactions().len());
            let largest = block
                .transactions()
                .iter()
                .map(|transaction| transaction.bytes().len())
                .max()
                .unwrap();
            let full = bytes + largest > limits.block_bytes_max as usize
                || transactions == limits.block_transactions_max as usize;
            assert!(full, "{name}: {transactions} transactions of {bytes} bytes");
            before.validate(&block).unwrap();
        }
    }
}
