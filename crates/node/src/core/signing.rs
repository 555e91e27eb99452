//! Whether this node signs: what it tells the engine of those who prove their keys, what it says
//! while it waits, and how it ends.

use vote_api::ProtocolVersions;
use vote_chain::{Move, PublicKey};
use vote_consensus::{Event, Halt, Signing};
use vote_network::PeerId;

use super::Core;
use crate::exit::{Exit, Stop};

/// What was last logged.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// A wait of less than a second is not worth a line.
    waited: bool,
    logged: bool,
}

/// So many peers at a time have a validator's place with one key: an operator has one node, and
/// perhaps another that takes over.
const SAME_KEY_MAX: usize = 3;

impl Core {
    /// A peer has proven that it has a validator key.
    pub(super) fn met(&mut self, id: PeerId, key: PublicKey) {
        let Some(peer) = self.peers.number(&id) else {
            return;
        };
        if key == self.key.public() {
            tracing::error!(peer = %id, "a peer has the validator key of this node: two nodes must never run with one key");
        }
        if self.engine.state().validators().contains(&key)
            && self.peers.with_key(|known| *known == key).count() <= SAME_KEY_MAX
        {
            self.network.trust(id);
        }
        let known = self.known.contains(&id);
        self.tell(Event::Met { peer, key, known });
    }

    /// Logs once when this node begins to wait before it signs, and when it goes on.
    pub(super) fn say_whether_it_signs(&mut self) {
        let said = &mut self.signing;
        match self.engine.signing() {
            Signing::Waits(wait) => {
                if said.waited && !said.logged {
                    tracing::warn!("this validator signs nothing for now: it {wait}");
                    said.logged = true;
                }
                said.waited = true;
            }
            Signing::Signs => {
                if said.logged {
                    tracing::info!("this validator signs again");
                }
                *said = Said::default();
            }
            Signing::Follower => *said = Said::default(),
        }
    }
}

impl Core {
    /// Logs the move to another protocol version that is planned, once; long before a program that
    /// does not have that version must stop.
    pub(super) fn say_what_is_planned(&mut self) {
        let ProtocolVersions {
            now,
            planned,
            newest,
        } = self.ledger.borrow().versions();
        if planned == self.planned {
            return;
        }
        let before = std::mem::replace(&mut self.planned, planned);
        match planned {
            Some(Move { to, from }) if to > newest => tracing::error!(
                %to, %from, %newest,
                "the chain moves to a protocol version that this program does not have: install a newer release before, or this node \
                 stops there"
            ),
            Some(Move { to, from }) => {
                tracing::info!(%to, %from, "the chain moves to another protocol version");
            }
            None if before.is_some_and(|before| before.to == now) => {
                tracing::info!(version = %now, "the chain goes by another protocol version now");
            }
            None => tracing::info!("no move to another protocol version is planned any more"),
        }
    }
}

/// What the operator is told when the engine ends the node.
pub(super) fn stop(halt: Halt) -> Stop {
    let exit = match &halt {
        Halt::Fork(_) | Halt::Certified { .. } => Exit::Fork,
        Halt::Damaged(_) => Exit::Damaged,
        Halt::KeyElsewhere(_) | Halt::KeyUnknown(_) => Exit::Key,
        Halt::NewProtocol { .. } => Exit::NewProtocol,
        Halt::Broken(_) => Exit::Failure,
    };
    let now = match &halt {
        Halt::Fork(_) => {
            "Validators with more than two thirds of the power have signed for a history that excludes this one; ask their operators \
             which one stands. `vote-cli evidence` at another node names those who have signed for both. A follower goes over to the \
             history of its peers with `node recover`, which keeps this ledger aside"
        }
        Halt::Certified { .. } => {
            "This program and the validators do not have the same rules, or more than two thirds of their power is dishonest: ask their \
             operators, and compare versions"
        }
        Halt::Damaged(_) => {
            "Move the ledger away, and start the node with a tracker or peer that has the chain: it will fetch and verify it anew"
        }
        Halt::KeyElsewhere(_) => {
            "End the other node, for good, before you start this one again; or this folder is older than what the key has signed, and is \
             started again once. Never run one validator key on two machines"
        }
        Halt::KeyUnknown(_) => {
            "Restore the whole data directory from its newest backup, sign-state with it; or give the node a new key: move \
             validator.key away, run `node key`, and have the new key admitted in place of the old one"
        }
        Halt::NewProtocol { .. } => {
            "Install a newer release and start the node again: it goes on from here, and nothing is lost"
        }
        Halt::Broken(_) => {
            "This is an error of the program; start the node again, and report it with the log"
        }
    };
    Stop::new(exit, format!("{halt}. {now}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::steady;
    use crate::ledger::testing::{key, replaced, simple_genesis};
    use std::sync::Arc;
    use vote_chain::{Height, State, VerifiedBlock};
    use vote_consensus::{Config, Engine, Folder, Peer, Recovered, SignState, Signed, Step};

    #[test]
    fn height_that_a_former_validator_alone_has_told_keeps_nobody_from_signing() {
        let (ledger, peer) = (replaced(), Peer(1));
        let state = State::new(simple_genesis());
        let tip = ledger.state.tip();
        let last = Signed {
            height: tip.height,
            round: 0,
            step: Step::Precommit,
            block: Some(tip.hash),
        };
        let signed = Some(SignState {
            last: Some(last),
            ..SignState::default()
        });
        let recovered = Recovered {
            state,
            log: Vec::new(),
            bodies: Vec::new(),
            signed,
            folder: Folder::Left,
        };
        let mut engine = Engine::recover(Config::default(), key(1), recovered, steady());
        let read = |height| {
            let (block, certificate) = ledger.load(Height::new(height)).unwrap();
            (block.whole().unwrap(), certificate)
        };
        let block = |height| {
            let (block, certificate) = read(height);
            (
                Arc::new(VerifiedBlock::verify(&ledger.state.chain(), &block, |_| None).unwrap()),
                certificate,
            )
        };
        engine.handle(
            steady(),
            Event::Met {
                peer,
                key: key(0).public(),
                known: false,
            },
        );
        engine.handle(
            steady(),
            Event::Status {
                peer,
                height: Height::new(u64::MAX),
                last: None,
            },
        );
        let from = Height::new(1);
        assert!(engine.blocks_arrived(
            steady(),
            peer,
            from,
            &(from.get()..=5).map(read).collect::<Vec<_>>()
        ));
        engine.handle(
            steady(),
            Event::Blocks {
                peer,
                from,
                blocks: (from.get()..=5).map(block).collect(),
            },
        );
        assert!(
            engine.state().tip().height > tip.height,
            "it decides alone now"
        );
        assert_eq!(engine.signing(), Signing::Signs);
    }
}
