//! A block, and what its transactions do.

use schemars::JsonSchema;
use serde::Serialize;
use vote_chain::{
    BlockHash, ChainId, CommitCertificate, Hash, Payload, PublicKey, StateRoot, Transaction,
    TransactionId, ValidatorSetHash,
};

use crate::ballot::Statement;
use crate::shape::Hex;
use crate::words;

/// What `vote-cli block --json` prints, and the page's API says of a block.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Block {
    /// The block's id.
    pub hash: Hex<BlockHash>,
    /// What its hash is taken of.
    pub header: Header,
    /// The round in which it was decided.
    pub round: u32,
    /// The validators whose signatures make it final.
    pub signed_by: Vec<Hex<PublicKey>>,
    /// In their order.
    pub transactions: Vec<BlockTransaction>,
}

/// What a block's hash is taken of.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Header {
    /// Of the protocol.
    pub version: u16,
    /// The chain.
    pub chain: Hex<ChainId>,
    /// The parent's height and one.
    pub height: u64,
    /// The block before; of the first block, all zeroes.
    pub parent: Hex<BlockHash>,
    /// The proposer's clock.
    pub time: u64,
    /// Who built the block.
    pub proposer: Hex<PublicKey>,
    /// Merkle root over the transactions' ids.
    pub transactions_root: Hex<Hash>,
    /// How many transactions.
    pub transactions_count: u32,
    /// The state after this block.
    pub state_root: Hex<StateRoot>,
    /// The set of validators that signs this height.
    pub validators: Hex<ValidatorSetHash>,
    /// The set of validators that signs the next height.
    pub next_validators: Hex<ValidatorSetHash>,
}

/// A transaction of a block.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct BlockTransaction {
    /// Its id.
    pub id: Hex<TransactionId>,
    /// What kind of transaction it is.
    pub kind: String,
    /// What it does, in a few words.
    pub what: String,
    /// Who signed it.
    pub signer: Hex<PublicKey>,
    /// The election that it is about.
    pub election: Option<Hex<Hash>>,
    /// What a ballot says; `vote-cli block` alone says that.
    #[serde(flatten)]
    pub content: Option<Content>,
}

/// What a ballot says.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Content {
    /// Null for what is no ballot, and while it is withheld.
    pub says: Option<Statement>,
    /// Whether it is a ballot that the rules of its election do not show yet.
    pub withheld: bool,
}

impl Block {
    /// A block with its transactions, in their order; what ballots say is left out.
    pub fn of(
        block: &vote_chain::Block,
        certificate: &CommitCertificate,
        transactions: &[Transaction],
    ) -> Self {
        let header = &block.header;
        Self {
            hash: header.hash().into(),
            header: Header {
                version: header.version.get(),
                chain: header.chain.into(),
                height: header.height.get(),
                parent: header.parent.into(),
                time: header.time.ms(),
                proposer: header.proposer.into(),
                transactions_root: header.transactions_root.into(),
                transactions_count: header.transactions_count,
                state_root: header.state_root.into(),
                validators: header.validators.into(),
                next_validators: header.next_validators.into(),
            },
            round: certificate.round,
            signed_by: certificate
                .signatures
                .iter()
                .map(|signature| signature.validator.into())
                .collect(),
            transactions: block
                .ids()
                .into_iter()
                .zip(transactions)
                .map(|(id, transaction)| BlockTransaction::of(id, transaction))
                .collect(),
        }
    }
}

impl BlockTransaction {
    fn of(id: TransactionId, transaction: &Transaction) -> Self {
        let (kind, what) = words::describe(transaction);
        let election = match &transaction.content.payload {
            Payload::CreateElection(_) => Some(*id.hash()),
            payload => payload.election().map(|election| *election.hash()),
        };
        Self {
            id: id.into(),
            kind: kind.to_owned(),
            what,
            signer: transaction.content.signer.into(),
            election: election.map(Hex),
            content: None,
        }
    }
}
