//! The three topics of gossip.

use libp2p::gossipsub::{IdentTopic, TopicHash};

use crate::limits::{BLOCK_BYTES_MAX, CONSENSUS_BYTES_MAX, TRANSACTIONS_BYTES_MAX};

/// What a gossiped message is about; each has its own size limit and queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Votes and certificates. A message that is sent again is delivered again.
    Consensus,
    /// Proposed blocks, with the short ids of their transactions. One that is sent again is delivered
    /// again.
    Blocks,
    /// Batches of transactions. The same bytes are delivered once.
    Transactions,
}

impl Topic {
    pub(crate) const ALL: [Self; 3] = [Self::Consensus, Self::Blocks, Self::Transactions];

    /// No message is larger, in bytes.
    pub const fn bytes_max(self) -> usize {
        match self {
            Self::Consensus => CONSENSUS_BYTES_MAX,
            Self::Blocks => BLOCK_BYTES_MAX,
            Self::Transactions => TRANSACTIONS_BYTES_MAX,
        }
    }

    pub(crate) fn ident(self, chain: &str) -> IdentTopic {
        let name = match self {
            Self::Consensus => "consensus/2",
            Self::Blocks => "blocks/4",
            Self::Transactions => "transactions/1",
        };
        IdentTopic::new(format!("/blockchain-voting/{chain}/{name}"))
    }
}

/// The topics of one chain.
pub(crate) struct Topics([(Topic, TopicHash); 3]);

impl Topics {
    pub(crate) fn new(chain: &str) -> Self {
        Self(Topic::ALL.map(|topic| (topic, topic.ident(chain).hash())))
    }

    pub(crate) fn topic(&self, hash: &TopicHash) -> Option<Topic> {
        self.0
            .iter()
            .find(|(_, known)| known == hash)
            .map(|(topic, _)| *topic)
    }

    pub(crate) fn hash(&self, topic: Topic) -> &TopicHash {
        let at = Topic::ALL
            .iter()
            .position(|known| *known == topic)
            .unwrap_or(0);
        &self.0[at].1
    }
}
