//! Validators that lie. Each has an honest engine inside, and does something else with what it
//! says.

use vote_chain::bft::{Proposal, Vote, proposal_content, vote_content};
use vote_chain::{
    ChainId, CommitCertificate, CompactBlock, Height, Purpose, SecretKey, TransactionId,
};
use vote_consensus::bft::{NilOrVal, Round, SignedMessage, VoteType};
use vote_consensus::{Engine, Message};

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crime {
    /// Votes for a block and for none, in one round.
    Equivocator,
    /// Votes for a block to half of its peers, and for none to the others.
    Splitter,
    /// Shows its proposals to one peer only.
    Withholder,
    /// Answers those who catch up with certificates that are not what they say.
    Forger,
    /// Votes in many rounds that nobody has reached.
    Flooder,
    /// Votes in heights that nobody has a reason to start.
    Rouser,
    /// Keeps the transactions of its apps to itself until it is asked for those of its blocks.
    Miser,
    /// Keeps them to itself, whoever asks.
    Hoarder,
    /// Keeps them to itself, and gives others than those that it is asked for.
    Cheat,
    /// Proposes one block to half of its peers, and another to the others.
    Twin,
    /// Names the transactions of its block truly to half of its peers, and to the others one that
    /// does not exist; and does not precommit, so that those who can are locked.
    Garbler,
    /// Says that it is far ahead, and has nothing to show for it.
    Exaggerator,
    /// Keeps the votes that it gathers to itself.
    Keeper,
    /// Precommits for a block to its proposer, who gathers that, and for none to all others.
    TwoFaced,
}

/// All of them.
pub(super) const CRIMES: [Crime; 14] = [
    Crime::Equivocator,
    Crime::Splitter,
    Crime::Withholder,
    Crime::Forger,
    Crime::Flooder,
    Crime::Rouser,
    Crime::Miser,
    Crime::Hoarder,
    Crime::Cheat,
    Crime::Twin,
    Crime::Garbler,
    Crime::Exaggerator,
    Crime::Keeper,
    Crime::TwoFaced,
];

/// Votes of a flooder for each honest one.
const FLOOD: u32 = 30;

fn signed(key: &SecretKey, chain: &ChainId, vote: Vote) -> Vec<u8> {
    let signature = key.sign(Purpose::Vote, chain, &vote_content(&vote));
    Message::Vote(SignedMessage::new(vote, signature)).to_bytes()
}

/// The ids of a block that this engine proposes.
fn own_ids(engine: Option<&Engine>, block: &CompactBlock) -> Vec<TransactionId> {
    let hash = block.header.hash();
    let all: Vec<_> = (0..).zip(block.ids().iter().copied()).collect();
    let own = engine.map(|engine| engine.proposed_transactions(&hash, &all, usize::MAX));
    let own = own.into_iter().flatten();
    own.map(|transaction| transaction.id()).collect()
}

/// A rouser's vote.
pub(super) fn rouse(key: &SecretKey, chain: &ChainId, height: Height) -> Vec<u8> {
    let (round, kind, value) = (Round::new(0), VoteType::Prevote, NilOrVal::Nil);
    signed(
        key,
        chain,
        Vote {
            height,
            round,
            kind,
            value,
            voter: key.public(),
        },
    )
}

impl Crime {
    /// What goes out in place of one honest message, which is of this engine: to which peer, and
    /// what.
    pub(super) fn instead(
        self,
        key: &SecretKey,
        chain: &ChainId,
        bytes: &[u8],
        peers: &[usize],
        engine: Option<&Engine>,
    ) -> Vec<(usize, Vec<u8>)> {
        let all = |bytes: Vec<u8>| {
            peers
                .iter()
                .map(move |to| (*to, bytes.clone()))
                .collect::<Vec<_>>()
        };
        let (some, others) = peers.split_at(peers.len() / 2);
        let each = |peers: &[usize], bytes: &[u8]| {
            peers
                .iter()
                .map(|to| (*to, bytes.to_vec()))
                .collect::<Vec<_>>()
        };
        let halves = |one: &[u8], other: &[u8]| [each(some, one), each(others, other)].concat();
        let message = Message::from_bytes(bytes).ok().flatten();
        match (self, message) {
            (Self::Equivocator, Some(Message::Vote(vote)))
                if matches!(vote.message.value, NilOrVal::Val(_)) =>
            {
                let other = signed(
                    key,
                    chain,
                    Vote {
                        value: NilOrVal::Nil,
                        ..vote.message
                    },
                );
                [all(bytes.to_vec()), all(other)].concat()
            }
            (Self::Splitter, Some(Message::Vote(vote)))
                if matches!(vote.message.value, NilOrVal::Val(_)) =>
            {
                let other = signed(
                    key,
                    chain,
                    Vote {
                        value: NilOrVal::Nil,
                        ..vote.message
                    },
                );
                halves(bytes, &other)
            }
            (Self::Keeper, Some(Message::Votes(_))) => Vec::new(),
            (Self::Withholder, Some(Message::Proposal(..))) => {
                vec![(peers[0], bytes.to_vec())]
            }
            (Self::Twin, Some(Message::Proposal(proposal, block))) => {
                let mut header = block.header.clone();
                header.time = header.time.plus_ms(1);
                let ids = own_ids(engine, &block);
                let other = CompactBlock::new(header, ids.iter(), key);
                let message = Proposal {
                    value: other.header.hash(),
                    ..proposal.message
                };
                let signature = key.sign(Purpose::Proposal, chain, &proposal_content(&message));
                let other =
                    Message::Proposal(SignedMessage::new(message, signature), Box::new(other))
                        .to_bytes();
                halves(bytes, &other)
            }
            (Self::Garbler, Some(Message::Vote(vote)))
                if vote.message.kind == VoteType::Precommit =>
            {
                Vec::new()
            }
            (Self::Garbler, Some(Message::Proposal(proposal, block))) => {
                let mut ids = own_ids(engine, &block);
                if let Some(first) = ids.first_mut() {
                    *first = TransactionId::default();
                }
                let garbled = CompactBlock::new(block.header, ids.iter(), key);
                let garbled = Message::Proposal(proposal, Box::new(garbled)).to_bytes();
                halves(bytes, &garbled)
            }
            (Self::Flooder, Some(Message::Vote(vote))) => {
                let flood = (1..=FLOOD).flat_map(|round| {
                    let (height, round) = (vote.message.height.next(), Round::new(round));
                    [VoteType::Prevote, VoteType::Precommit].map(|kind| Vote {
                        height,
                        round,
                        kind,
                        ..vote.message.clone()
                    })
                });
                let flood = flood.flat_map(|vote| all(signed(key, chain, vote)));
                all(bytes.to_vec()).into_iter().chain(flood).collect()
            }
            _ => all(bytes.to_vec()),
        }
    }

    /// What goes to all others while something goes to one alone.
    pub(super) fn aside(self, key: &SecretKey, chain: &ChainId, bytes: &[u8]) -> Option<Vec<u8>> {
        match (self, Message::from_bytes(bytes).ok().flatten()) {
            (Self::TwoFaced, Some(Message::Vote(vote)))
                if vote.message.kind == VoteType::Precommit =>
            {
                Some(signed(
                    key,
                    chain,
                    Vote {
                        value: NilOrVal::Nil,
                        ..vote.message
                    },
                ))
            }
            _ => None,
        }
    }

    /// Whether it does not pass on the transactions of its apps.
    pub(super) fn keeps_transactions(self) -> bool {
        matches!(self, Self::Miser | Self::Hoarder | Self::Cheat)
    }

    /// What it gives to who asks for these transactions of a block; none if it does not answer.
    pub(super) fn gives(self, transactions: Vec<Vec<u8>>) -> Option<Vec<Vec<u8>>> {
        match self {
            Self::Hoarder => None,
            Self::Cheat => Some(vec![vec![0; 100]]),
            _ => Some(transactions),
        }
    }

    /// What becomes of a certificate on its way out.
    pub(super) fn forge(self, certificate: &mut CommitCertificate, coin: u64) {
        if self == Self::Forger {
            match coin % 3 {
                0 => certificate.signatures.truncate(2),
                1 => certificate.signatures[0].signature = certificate.signatures[1].signature,
                _ => certificate.round += 1,
            }
        }
    }
}
