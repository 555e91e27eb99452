//! Publishing, and what comes in.

use libp2p::PeerId;
use libp2p::gossipsub::{Event, MessageAcceptance, MessageId, PublishError};

use super::Service;
use crate::event::{Gossip, Verdict};
use crate::limits::{CONSENSUS_EVENTS_BYTES, TRANSACTION_EVENTS_BYTES};
use crate::topic::Topic;

/// In front of a consensus message or a block: who sent it, at random, and its number; so that one
/// sent again is another message.
const HEADER_BYTES: usize = 24;

const fn is_numbered(topic: Topic) -> bool {
    matches!(topic, Topic::Consensus | Topic::Blocks)
}

/// Whether a message of a peer may wait where so much of all room is left: half of it is for those
/// that have proven the key of a validator, whatever strangers send.
const fn may_wait(proven: bool, left: usize, all: usize) -> bool {
    proven || left * 2 > all
}

impl Service {
    pub(super) fn publish(&mut self, topic: Topic, data: Vec<u8>) {
        let bytes = if is_numbered(topic) {
            self.number(&data)
        } else {
            data
        };
        self.send(topic, bytes);
    }

    fn number(&mut self, data: &[u8]) -> Vec<u8> {
        self.sequence += 1;
        [&self.salt, self.sequence.to_be_bytes().as_slice(), data].concat()
    }

    fn send(&mut self, topic: Topic, bytes: Vec<u8>) {
        let hash = self.topics.hash(topic).clone();
        match self
            .swarm
            .behaviour_mut()
            .gossip(topic)
            .publish(hash, bytes.clone())
        {
            Ok(_) | Err(PublishError::Duplicate) => {}
            Err(PublishError::NoPeersSubscribedToTopic) => self.outbox(topic, bytes),
            Err(error) => tracing::debug!(?topic, %error, "not published"),
        }
    }

    pub(super) fn report(
        &mut self,
        topic: Topic,
        id: &MessageId,
        source: &PeerId,
        verdict: Verdict,
    ) {
        let acceptance = match verdict {
            Verdict::Accept => MessageAcceptance::Accept,
            Verdict::Ignore => MessageAcceptance::Ignore,
            Verdict::Reject => MessageAcceptance::Reject,
        };
        self.swarm
            .behaviour_mut()
            .gossip(topic)
            .report_message_validation_result(id, source, acceptance);
    }

    pub(super) fn on_gossip_event(&mut self, event: Event) {
        match event {
            Event::Message {
                propagation_source,
                message_id,
                message,
            } => {
                // None is subscribed to but these.
                let Some(topic) = self.topics.topic(&message.topic) else {
                    return;
                };
                self.on_message(propagation_source, message_id, topic, message.data);
            }
            Event::Subscribed { topic, .. } => {
                let Some(topic) = self.topics.topic(&topic) else {
                    return;
                };
                for bytes in self.outbox.remove(&topic).unwrap_or_default() {
                    self.send(topic, bytes);
                }
            }
            Event::SlowPeer { peer_id, .. } => {
                tracing::debug!(peer = %peer_id, "peer does not keep up with gossip")
            }
            _ => {}
        }
    }

    fn on_message(&mut self, source: PeerId, id: MessageId, topic: Topic, mut data: Vec<u8>) {
        let fits = data.len() <= topic.bytes_max() + HEADER_BYTES;
        if !fits || (is_numbered(topic) && data.len() < HEADER_BYTES) {
            return self.report(topic, &id, &source, Verdict::Reject);
        }
        if is_numbered(topic) {
            data.drain(..HEADER_BYTES);
        }
        let queues = &self.queues;
        let (queue, room, room_bytes) = match topic {
            Topic::Transactions => (
                &queues.transactions,
                &queues.transactions_room,
                TRANSACTION_EVENTS_BYTES,
            ),
            Topic::Consensus | Topic::Blocks => (
                &queues.consensus,
                &queues.consensus_room,
                CONSENSUS_EVENTS_BYTES,
            ),
        };
        let proven = self.peers.get(&source).is_some_and(|peer| peer.proven);
        let may_wait = may_wait(proven, queue.capacity(), queue.max_capacity())
            && may_wait(proven, room.available_permits(), room_bytes);
        let bytes = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let room = room.clone().try_acquire_many_owned(bytes);
        let taken = may_wait
            && room.is_ok_and(|room| {
                let gossip = Gossip {
                    topic,
                    source,
                    data,
                    id: id.clone(),
                    _room: room,
                };
                queue.try_send(gossip).is_ok()
            });
        if !taken {
            Self::count_dropped(&mut self.dropped);
            // Gossipsub would hold it until it hears what has become of it.
            self.report(topic, &id, &source, Verdict::Ignore);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_fill_half_of_the_room_and_validators_all_of_it() {
        let fill = |proven| {
            (0..100)
                .take_while(|taken| may_wait(proven, 100 - taken, 100))
                .count()
        };
        assert_eq!((fill(false), fill(true)), (50, 100));
    }
}
