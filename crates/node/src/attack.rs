//! Staged attacks: what a dishonest node could send, to see that the others refuse it.

use std::sync::Arc;

use serde_bytes::ByteBuf;
use vote_api::{Attack, AttackReport, PeerVerdict, Verdict};
use vote_chain::{
    Act, Ballot, BallotKind, Block, BlockHash, ChainId, CommitCertificate, CommitSignature,
    Contest, Election, ElectionId, ElectionPhase, ElectionRecord, Hash, Height, Organise, Payload,
    PublicKey, Purpose, Ranks, Rule, SecretKey, Selection, State, Transaction, TransactionId,
    Voter, Voters, decode, encode, merkle_root, verify,
};
use vote_consensus::bft::{NilOrVal, Round, VoteType};
use vote_network::{Handle, PeerId};

use crate::clock::now;
use crate::ledger::Ledger;
use crate::peer::{PeerRequest, PeerResponse};

/// Blocks that are looked through for a ballot to replay.
const REPLAY_BLOCKS_MAX: u64 = 2000;

/// So much of a peer's reason is shown.
const REASON_CHARS_MAX: usize = 500;

/// A time far enough ahead, in milliseconds.
const DAY_MS: u64 = 86_400_000;

/// A block that breaks a rule, and for some attacks a certificate that claims it final.
pub(crate) struct Forged {
    block: Block,
    certificate: Option<CommitCertificate>,
}

/// Forges what the attack needs; says why not if the ledger does not hold what it takes.
pub(crate) fn forge(ledger: &Ledger, key: &SecretKey, attack: Attack) -> Result<Forged, String> {
    use ElectionPhase::{Closed, Draft, Open};
    let state = ledger.state.as_ref();
    let mut block = honest_block(state, key.public(), Vec::new());
    let (chain, mut certificate) = (state.chain(), None);
    match attack {
        Attack::ForgedParent => block.header.parent = BlockHash::new(Hash::from_bytes([0xbb; 32])),
        Attack::WrongChain => block.header.chain = ChainId::new(Hash::from_bytes([0xcc; 32])),
        Attack::DoubleVote => fill(&mut block, double_vote(state, key)?),
        Attack::BadSignature => fill(&mut block, bad_signature(state, key)?),
        Attack::ReplayedBallot => fill(&mut block, vec![replayed(ledger)?]),
        Attack::Stranger => fill(
            &mut block,
            Target::find(state, key, Open, Some(true))?.with_ballot(chain, |_| {})?,
        ),
        Attack::EarlyBallot => fill(
            &mut block,
            Target::find(state, key, Draft, None)?.with_ballot(chain, |_| {})?,
        ),
        Attack::LateBallot => fill(
            &mut block,
            Target::find(state, key, Closed, None)?.with_ballot(chain, |_| {})?,
        ),
        Attack::WrongContest => {
            let one_more = |all: &mut Vec<Selection>| all.push(Selection::Listed(0));
            fill(
                &mut block,
                Target::find(state, key, Open, Some(false))?.with_ballot(chain, one_more)?,
            );
        }
        Attack::TooManyChoices => {
            let target = Target::find(state, key, Open, Some(false))?;
            fill(&mut block, target.with_ballot(chain, |all| too_many(all))?);
        }
        Attack::ForeignBallot => {
            let other = ChainId::new(Hash::from_bytes([0xcc; 32]));
            fill(
                &mut block,
                Target::find(state, key, Open, None)?.with_ballot(other, |_| {})?,
            );
        }
        Attack::ForgedWeight => fill(&mut block, forged_weight(state, key)?),
        Attack::ForgedCertificate => certificate = Some(forged_certificate(state, &block)?),
    }
    Ok(Forged { block, certificate })
}

/// The block that an honest proposer would make now.
fn honest_block(
    state: &State,
    proposer: PublicKey,
    transactions: Vec<Arc<vote_chain::Verified>>,
) -> Block {
    let time = now().max(state.tip().time.plus_ms(1));
    let member = if state.validators().contains(&proposer) {
        proposer
    } else {
        state.validators().iter().next().map_or(proposer, |v| v.key)
    };
    state.build(time, member, &transactions).0.to_block()
}

fn fill(block: &mut Block, transactions: Vec<Vec<u8>>) {
    let ids: Vec<_> = transactions
        .iter()
        .map(|bytes| TransactionId::of(bytes))
        .collect();
    block.header.transactions_root = merkle_root(ids.iter().map(|id| id.as_bytes().as_slice()));
    block.header.transactions_count = u32::try_from(transactions.len()).expect("a handful");
    block.transactions = transactions.into_iter().map(ByteBuf::from).collect();
}

fn fresh_key() -> Result<SecretKey, String> {
    let mut seed = zeroize::Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(|error| error.to_string())?;
    Ok(SecretKey::from_seed(&seed))
}

/// An election to attack: one of the ledger, or one that the forged block itself makes first.
struct Target {
    /// What must come first in the block.
    before: Vec<Vec<u8>>,
    id: ElectionId,
    contests: Vec<Contest>,
    /// What its ballots are named: nothing, unless it takes names.
    name: &'static str,
}

/// So that a ballot is refused for what is wrong with it, and not for its name.
const fn name(election: &Election) -> &'static str {
    if election.names { "attacker" } else { "" }
}

impl Target {
    /// An election in that phase; with a roll, without one, or either.
    fn find(
        state: &State,
        key: &SecretKey,
        phase: ElectionPhase,
        with_roll: Option<bool>,
    ) -> Result<Self, String> {
        let fits = |record: &&ElectionRecord| {
            record.phase(state.tip().time) == phase
                && with_roll.is_none_or(|with| record.election.has_roll() == with)
        };
        if let Some(record) = state.elections().find(fits) {
            return Ok(Self {
                before: Vec::new(),
                id: record.id,
                contests: record.election.contests.clone(),
                name: name(&record.election),
            });
        }
        if !state.organisers().include(&key.public()) {
            let kind = match with_roll {
                Some(true) => " with a roll",
                Some(false) => " in which any key may vote",
                None => "",
            };
            return Err(format!(
                "no election{kind} is {phase}, and this node's key is not an organiser of the chain, to create one"
            ));
        }
        Self::make(state, key, phase, with_roll == Some(true))
    }

    /// An honest beginning: this node creates an election, and brings it into that phase.
    fn make(
        state: &State,
        key: &SecretKey,
        phase: ElectionPhase,
        with_roll: bool,
    ) -> Result<Self, String> {
        let contest = Contest::listed(vec!["A".into(), "B".into()], Rule::Plurality, 1);
        let mut election = Election::simple("An election to attack".into(), vec![contest], 0);
        if with_roll {
            election.voters = Voters::Roll;
        } else if phase == ElectionPhase::Draft {
            election.opens_at = Some(now().plus_ms(DAY_MS));
        }
        let contests = election.contests.clone();
        let sign = |payload| Transaction::sign(state.chain(), key, payload).to_bytes();
        let mut before = vec![sign(Payload::CreateElection(election))];
        let id = ElectionId::new(*TransactionId::of(&before[0]).hash());
        let act = |act| sign(Payload::Organise(Organise { election: id, act }));
        if with_roll && phase == ElectionPhase::Open {
            before.extend([
                act(Act::AddVoters(vec![Voter(key.public(), 1)])),
                act(Act::Open),
            ]);
        }
        if phase == ElectionPhase::Closed {
            before.push(act(Act::Close));
        }
        Ok(Self {
            before,
            id,
            contests,
            name: "",
        })
    }

    /// The first or second choice of each contest, whatever the rule.
    fn selections(&self, second: bool) -> Vec<Selection> {
        let place = u16::from(second);
        let kind = |contest: &Contest| (contest.rule.ballots(), contest.listed_count());
        let one = |contest: &Contest| match kind(contest) {
            (_, None) => Selection::WriteIn(format!("attack {place}")),
            (BallotKind::One, _) => Selection::Listed(place),
            (BallotKind::Several, _) => Selection::Approved(vec![place]),
            (BallotKind::Scores | BallotKind::Points, Some(count)) => Selection::Scored(
                (0..count)
                    .map(|at| u8::from(at == usize::from(place)))
                    .collect(),
            ),
            (BallotKind::Ranks, Some(_)) => Selection::Ranked(Ranks::strict([place])),
        };
        self.contests.iter().map(one).collect()
    }

    /// The block's transactions, with a ballot of a new credential last.
    fn with_ballot(
        self,
        chain: ChainId,
        change: impl Fn(&mut Vec<Selection>),
    ) -> Result<Vec<Vec<u8>>, String> {
        let mut selections = self.selections(false);
        change(&mut selections);
        let ballot = self.ballot(chain, &fresh_key()?, selections);
        Ok([self.before, vec![ballot]].concat())
    }

    fn ballot(&self, chain: ChainId, key: &SecretKey, selections: Vec<Selection>) -> Vec<u8> {
        let ballot = Ballot {
            election: self.id,
            counter: 0,
            name: self.name.into(),
            selections,
        };
        Transaction::sign(chain, key, Payload::CastBallot(ballot)).to_bytes()
    }
}

fn double_vote(state: &State, by: &SecretKey) -> Result<Vec<Vec<u8>>, String> {
    let (key, target) = (
        fresh_key()?,
        Target::find(state, by, ElectionPhase::Open, Some(false))?,
    );
    let two =
        [false, true].map(|second| target.ballot(state.chain(), &key, target.selections(second)));
    Ok([target.before, two.into()].concat())
}

fn bad_signature(state: &State, key: &SecretKey) -> Result<Vec<Vec<u8>>, String> {
    let mut all =
        Target::find(state, key, ElectionPhase::Open, None)?.with_ballot(state.chain(), |_| {})?;
    // The last byte is the signature's.
    if let Some(last) = all.last_mut().and_then(|bytes| bytes.last_mut()) {
        *last ^= 1;
    }
    Ok(all)
}

/// Names each choice and many more.
fn too_many(selections: &mut [Selection]) {
    if let Some(first) = selections.first_mut() {
        *first = match first {
            Selection::Scored(scores) => Selection::Scored([scores.as_slice(), &[1]].concat()),
            Selection::Ranked(_) => Selection::Ranked(Ranks::strict(0..=500)),
            _ => Selection::Approved((0..=500).collect()),
        };
    }
}

/// A stranger adds itself to a roll, with a thousand votes.
fn forged_weight(state: &State, by: &SecretKey) -> Result<Vec<Vec<u8>>, String> {
    let (target, key) = (
        Target::find(state, by, ElectionPhase::Draft, Some(true))?,
        fresh_key()?,
    );
    let act = Act::AddVoters(vec![Voter(key.public(), 1000)]);
    let organise = Organise {
        election: target.id,
        act,
    };
    let forged = Transaction::sign(state.chain(), &key, Payload::Organise(organise)).to_bytes();
    Ok([target.before, vec![forged]].concat())
}

/// A ballot from the ledger, word for word, the latest first.
fn replayed(ledger: &Ledger) -> Result<Vec<u8>, String> {
    let tip = ledger.state.tip().height.get();
    for height in (1..=tip)
        .rev()
        .take(usize::try_from(REPLAY_BLOCKS_MAX).unwrap_or(usize::MAX))
    {
        let (block, _) = ledger
            .load(Height::new(height))
            .map_err(|refusal| refusal.reason)?;
        for bytes in block.transactions.iter().rev() {
            let verified = verify(&ledger.state.chain(), bytes).ok();
            if verified.is_some_and(|verified| {
                matches!(verified.content().payload, Payload::CastBallot(_))
            }) {
                return Ok(bytes.to_vec());
            }
        }
    }
    Err("no ballot is final yet that could be replayed; cast one first".into())
}

/// Precommits in the names of all validators, every one signed by a key of nobody.
fn forged_certificate(state: &State, block: &Block) -> Result<CommitCertificate, String> {
    let (key, height, hash) = (fresh_key()?, block.header.height, block.header.hash());
    let precommit = |voter| {
        let (round, value, kind) = (Round::new(0), NilOrVal::Val(hash), VoteType::Precommit);
        let content = vote_chain::bft::vote_content(&vote_chain::bft::Vote {
            height,
            round,
            kind,
            value,
            voter,
        });
        CommitSignature {
            validator: voter,
            signature: key.sign(Purpose::Vote, &state.chain(), &content),
        }
    };
    let signatures = state
        .validators()
        .iter()
        .map(|validator| precommit(validator.key))
        .collect();
    Ok(CommitCertificate {
        height,
        round: 0,
        block: hash,
        signatures,
    })
}

/// What a peer says, as much of it as people read: it may say up to a megabyte, of anything.
fn readable(reason: &str) -> String {
    reason
        .chars()
        .take(REASON_CHARS_MAX)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// Offers the forgery to every peer, and gives the table of their verdicts.
pub(crate) async fn offer(
    network: &Handle,
    peers: Vec<(PeerId, String)>,
    attack: Attack,
    forged: Forged,
) -> AttackReport {
    let Forged { block, certificate } = forged;
    let height = block.header.height;
    let question = encode(&match certificate {
        None => PeerRequest::Judge(block),
        Some(certificate) => PeerRequest::JudgeDecided(block, certificate),
    });
    tracing::warn!(
        attack = attack.name(),
        peers = peers.len(),
        "staging an attack"
    );
    let ask = |(id, name): (PeerId, String)| {
        let (network, question) = (network.clone(), question.clone());
        tokio::spawn(async move {
            let (verdict, reason) = match network
                .request(id, question)
                .await
                .map(|bytes| decode(&bytes))
            {
                Ok(Ok(PeerResponse::Verdict {
                    accepted: true,
                    reason,
                })) => (Verdict::Accepted, reason),
                Ok(Ok(PeerResponse::Verdict {
                    accepted: false,
                    reason,
                })) => (Verdict::Refused, reason),
                Ok(_) => (Verdict::Silent, "another answer than a verdict".to_owned()),
                Err(error) => (Verdict::Silent, error.to_string()),
            };
            PeerVerdict {
                name,
                peer: id.to_string(),
                verdict,
                reason: readable(&reason),
            }
        })
    };
    let tasks: Vec<_> = peers.into_iter().map(ask).collect();
    let mut verdicts = Vec::new();
    for task in tasks {
        verdicts.extend(task.await.ok());
    }
    AttackReport {
        attack,
        height,
        verdicts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_of_a_peer_is_cut_and_made_safe_to_read() {
        assert_eq!(readable("wrong\u{1b}[2J\n"), "wrong\u{fffd}[2J\u{fffd}");
        assert_eq!(
            readable(&"\u{e9}".repeat(1_000_000)).chars().count(),
            REASON_CHARS_MAX
        );
    }
}
