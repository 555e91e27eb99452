//! The proposer gathers votes: what all say to one, and one says to all, is a small part of what
//! all say to all.
//!
//! In the first round of a height a vote for its block goes to the block's proposer only. Once the
//! votes of a step decide, the proposer says all of them to all ([`Message::Votes`]), and everybody
//! verifies them, in one batch. So nobody has to believe the proposer anything: one that is slow,
//! or lies, can only keep silent, and that costs a moment. A vote whose height is still open after
//! [`SAID_TO_ALL_MS`] is said to all, and those of the next [`PAUSE`] heights at once. A list
//! decides by itself, as a certificate does, whatever its voters have said to others.

use std::collections::VecDeque;

use malachite::Input;
use malachite_types::{
    Context, NilOrVal, PolkaCertificate, PolkaSignature, Round, SignedVote, VoteType,
};
use vote_chain::bft::{Ctx, Vote};
use vote_chain::{BlockHash, Height, PublicKey, Signature, Timestamp};

use super::messages::{Dropped, MessageFault, Taken};
use super::signing::is_unsigned_vote;
use super::window::Kind;
use super::{Engine, Host};
use crate::message::{Message, Votes};
use crate::turn::{Action, Peer, Timer};

/// A vote that only the proposer has heard is said to all after so long, in milliseconds.
const SAID_TO_ALL_MS: u64 = 200;
/// After a proposer that has not said in time what it has gathered, votes are said to all for so
/// many heights.
const PAUSE: u64 = 64;

/// What only proposers have heard so far.
#[derive(Default)]
pub(crate) struct Gather {
    /// Votes of this node, and when they are to be said to all.
    unsaid: VecDeque<(Timestamp, SignedVote<Ctx>)>,
    /// Votes of lower heights are said to all at once.
    from: Height,
    /// The last height of which this node has said the prevotes that it has gathered.
    prevotes_said: Height,
}

impl Host {
    /// Says a vote of this node: to the proposer of its block, or to all.
    pub(crate) fn say_vote(&mut self, vote: SignedVote<Ctx>) {
        if is_unsigned_vote(&vote) {
            return;
        }
        let Some(gatherer) = self.gatherer(&vote.message) else {
            return self.publish(Message::Vote(vote));
        };
        if gatherer != self.address {
            let peer = self.signer.peers_of(&gatherer).next();
            let Some(peer) = peer else {
                return self.publish(Message::Vote(vote));
            };
            self.act(Action::Tell(peer, Box::new(Message::Vote(vote.clone()))));
        }
        self.gather
            .unsaid
            .push_back((self.now.plus_ms(SAID_TO_ALL_MS), vote));
        self.act(Action::SetTimer {
            after_ms: SAID_TO_ALL_MS,
            timer: Timer::SayToAll,
        });
    }

    /// Who gathers votes like this one; none if it goes to all. Votes for no block do: whoever is
    /// to gather them may be why.
    fn gatherer(&self, vote: &Vote) -> Option<PublicKey> {
        let gathered = self.deciding
            && !self.recovering
            && self.are_gathered()
            && vote.height >= self.gather.from;
        let usual = vote.round == Round::new(0) && matches!(vote.value, NilOrVal::Val(_));
        (gathered && usual).then(|| {
            Ctx.select_proposer(self.state.validators(), vote.height, vote.round)
                .key
        })
    }

    /// Whether there are so many validators that their votes are gathered.
    fn are_gathered(&self) -> bool {
        self.state.validators().count() >= self.config.gather_from
    }

    /// Says to all what is due, if its height is open. Once it is decided, whoever has heard why
    /// passes that on.
    pub(super) fn say_to_all(&mut self) {
        let tip = self.state.tip().height;
        while self
            .gather
            .unsaid
            .front()
            .is_some_and(|(due, _)| *due <= self.now)
            && let Some((_, vote)) = self.gather.unsaid.pop_front()
        {
            let height = vote.message.height;
            if height > tip {
                self.gather.from = Height::new(height.get().saturating_add(PAUSE + 1));
                self.publish(Message::Vote(vote));
            }
        }
    }

    /// Says the votes of a step that this node has gathered, for the block that it has proposed in
    /// the first round.
    pub(super) fn say_gathered(
        &mut self,
        kind: VoteType,
        block: BlockHash,
        signatures: Vec<(PublicKey, Signature)>,
    ) {
        let votes = Votes {
            height: self.height(),
            round: Round::new(0),
            kind,
            block,
            signatures,
        };
        self.publish(Message::Votes(votes));
    }

    /// Whether this node gathers the votes for this block of the open height.
    pub(super) fn gathers(&self, block: &BlockHash) -> bool {
        self.are_gathered() && !self.recovering && self.built.get(&Round::new(0)) == Some(block)
    }

    /// The votes of one step that a proposer has gathered, or somebody who passes them on.
    pub(super) fn on_votes(
        &mut self,
        from: Option<Peer>,
        votes: &Votes,
    ) -> Result<Taken, MessageFault> {
        let Votes {
            height,
            round,
            kind,
            block,
            ..
        } = *votes;
        let Some(set) = self.set_of(height) else {
            return Ok(Taken::Dropped(Dropped::OtherHeight));
        };
        let gatherer = Ctx.select_proposer(set, height, round).key;
        let few = votes.signatures.len() <= set.count();
        let decide = || set.is_quorum(votes.signatures.iter().map(|(voter, _)| voter));
        let members = || {
            votes
                .signatures
                .iter()
                .all(|(voter, _)| set.contains(voter))
        };
        if !(few && decide() && members() && self.checker.votes_hold(votes.each())) {
            return Err(MessageFault::Votes(height));
        }
        for vote in votes.each() {
            self.take_vote(vote);
        }
        self.take_certificate(from, &gatherer, votes);
        let step = match kind {
            VoteType::Prevote => Kind::Prevotes,
            VoteType::Precommit => Kind::Precommits,
        };
        let taken = self.pass_on((height, step, round, None, Some(block)));
        Ok(self.unless_from(from, gatherer, Some(block), height, taken))
    }

    /// A list that decides is a certificate, and holds whatever else its voters have said.
    /// Malachite counts the first vote of each: a voter that lies could have said another thing to
    /// this node before, and the list would lack its vote.
    fn take_certificate(&mut self, from: Option<Peer>, gatherer: &PublicKey, votes: &Votes) {
        let Votes {
            height,
            round,
            kind,
            block,
            ref signatures,
        } = *votes;
        if height > self.height() {
            // So the open height is decided, and whoever has gathered them has its block.
            let gatherer = self
                .signer
                .peers_of(gatherer)
                .find(|peer| from == Some(*peer));
            return gatherer.into_iter().for_each(|peer| self.note_behind(peer));
        }
        if !self.deciding {
            return;
        }
        match kind {
            VoteType::Prevote => {
                let signature = |(voter, signature): &(PublicKey, Signature)| {
                    PolkaSignature::new(*voter, *signature)
                };
                let polka_signatures = signatures.iter().map(signature).collect();
                let certificate = PolkaCertificate {
                    height,
                    round,
                    value_id: block,
                    polka_signatures,
                };
                self.inbox.push_back(Input::PolkaCertificate(certificate));
            }
            VoteType::Precommit => self.note_decided(from, votes),
        }
    }
}

impl Engine {
    /// Says the prevotes that this node has gathered, as soon as they decide.
    pub(super) fn consider_saying_prevotes(&mut self) {
        let host = &self.host;
        let height = host.height();
        if !host.deciding || host.gather.prevotes_said >= height {
            return;
        }
        let Some(block) = host
            .built
            .get(&Round::new(0))
            .copied()
            .filter(|block| host.gathers(block))
        else {
            return;
        };
        let Some(PolkaCertificate {
            polka_signatures, ..
        }) = self.malachite.polka_certificate(Round::new(0), &block)
        else {
            return;
        };
        let signatures = polka_signatures
            .iter()
            .map(|each| (each.address, each.signature))
            .collect();
        self.host.gather.prevotes_said = height;
        self.host.say_gathered(VoteType::Prevote, block, signatures);
    }
}
