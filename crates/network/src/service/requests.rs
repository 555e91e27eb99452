//! Questions and answers, and the exchange of peers.

use libp2p::PeerId;
use libp2p::core::{PeerRecord, SignedEnvelope};
use libp2p::request_response::{Event, InboundFailure, Message};
use tokio::sync::oneshot;

use super::Service;
use crate::codec::Parcel;
use crate::event::{Reply, Request};
use crate::handle::RequestError;
use crate::limits::RECORDS_MAX;

type Traffic = Event<Parcel, Parcel>;

impl Service {
    pub(super) fn request(
        &mut self,
        peer: PeerId,
        question: Parcel,
        answer: oneshot::Sender<Result<Vec<u8>, RequestError>>,
    ) {
        if !self.peers.contains_key(&peer) {
            drop(answer.send(Err(RequestError::NoAnswer("it is not connected".into()))));
            return;
        }
        let id = self
            .swarm
            .behaviour_mut()
            .request
            .send_request(&peer, question);
        self.asked.insert(id, answer);
    }

    pub(super) fn on_request_event(&mut self, event: Traffic) {
        match event {
            Event::Message {
                peer,
                message:
                    Message::Request {
                        request, channel, ..
                    },
                ..
            } => {
                if !self.may_ask(&peer) {
                    tracing::debug!(%peer, "too many requests; one was dropped");
                    return;
                }
                let Some(commands) = self.commands.upgrade() else {
                    return;
                };
                let reply = Reply {
                    channel,
                    commands,
                    room: self.room.clone(),
                    share: self.shares.of(peer),
                };
                let Parcel { data, room, .. } = request;
                Self::queue(
                    &mut self.dropped,
                    &self.queues.requests,
                    Request {
                        from: peer,
                        data,
                        reply,
                        _room: room,
                    },
                );
            }
            Event::Message {
                message:
                    Message::Response {
                        request_id,
                        response,
                    },
                ..
            } => {
                self.asked
                    .remove(&request_id)
                    .map(|answer| answer.send(Ok(response.data)));
            }
            Event::OutboundFailure {
                request_id, error, ..
            } => {
                let answer = self.asked.remove(&request_id);
                answer.map(|answer| answer.send(Err(RequestError::NoAnswer(error.to_string()))));
            }
            Event::InboundFailure { peer, error, .. } => self.note_inbound(&peer, &error),
            Event::ResponseSent { .. } => {}
        }
    }

    /// Whether to hand on a question of a peer now. Who has proven a key does not share with others
    /// of its address.
    fn may_ask(&self, id: &PeerId) -> bool {
        let peer = self.peers.get(id).filter(|peer| !peer.proven);
        let in_time = peer
            .and_then(|peer| peer.prefix)
            .is_none_or(|prefix| self.prefix_limiter.check_key(&prefix).is_ok());
        in_time && self.limiter.check_key(id).is_ok()
    }

    /// Asks one peer, another each time, whom it knows.
    pub(super) fn exchange_peers(&mut self) {
        let nodes: Vec<_> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.node)
            .map(|(id, _)| *id)
            .collect();
        if nodes.is_empty() || nodes.len() >= crate::limits::PEERS_WANTED {
            return;
        }
        let turn = usize::try_from(self.ticks / 10).unwrap_or(0) % nodes.len();
        self.swarm
            .behaviour_mut()
            .exchange
            .send_request(&nodes[turn], Parcel::own(Vec::new()));
    }

    pub(super) fn on_exchange_event(&mut self, event: Traffic) {
        match event {
            Event::Message {
                peer,
                message: Message::Request { channel, .. },
                ..
            } => {
                let answer = if self.may_ask(&peer) {
                    self.records(&peer)
                } else {
                    Vec::new()
                };
                if let Some(parcel) = self.room.for_answer(&self.shares.of(peer), answer) {
                    drop(
                        self.swarm
                            .behaviour_mut()
                            .exchange
                            .send_response(channel, parcel),
                    );
                }
            }
            Event::Message {
                peer,
                message: Message::Response { response, .. },
                ..
            } => self.learn_records(&peer, &response.data),
            Event::InboundFailure { peer, error, .. } => self.note_inbound(&peer, &error),
            _ => {}
        }
    }

    /// The signed records of our peers, each after its length of two bytes.
    fn records(&self, asker: &PeerId) -> Vec<u8> {
        let others = self
            .peers
            .iter()
            .filter(|(id, peer)| peer.node && *id != asker);
        let mut bytes = Vec::new();
        for record in others
            .filter_map(|(_, peer)| peer.record.clone())
            .take(RECORDS_MAX)
        {
            let record = record.into_protobuf_encoding();
            if let Ok(length) = u16::try_from(record.len()) {
                bytes.extend(length.to_be_bytes());
                bytes.extend(record);
            }
        }
        bytes
    }

    fn learn_records(&mut self, from: &PeerId, mut bytes: &[u8]) {
        for _ in 0..RECORDS_MAX {
            let Some((length, rest)) = bytes.split_first_chunk::<2>() else {
                return;
            };
            let Some((record, rest)) =
                rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
            else {
                return;
            };
            bytes = rest;
            let signed = SignedEnvelope::from_protobuf_encoding(record)
                .ok()
                .and_then(|signed| PeerRecord::from_signed_envelope(signed).ok());
            match signed {
                Some(record) => self.learn(record.peer_id(), record.addresses().to_vec()),
                None => {
                    return self
                        .unanswered
                        .note("a peer record that does not verify", from);
                }
            }
        }
    }

    fn note_inbound(&mut self, peer: &PeerId, error: &InboundFailure) {
        if !matches!(error, InboundFailure::ConnectionClosed) {
            self.unanswered.note(&error.to_string(), peer);
        }
    }
}
