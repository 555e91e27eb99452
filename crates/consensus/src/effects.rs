//! Malachite's effects, carried out or turned into outputs. An effect never fails: a check that
//! cannot be done says no.

use malachite::{ConsensusMsg, Effect, LivenessMsg, Resumable, Resume, SignedConsensusMsg};
use malachite_signing::VerifierExt;
use malachite_types::{Round, SignedMessage, Timeout};
use vote_chain::bft::Ctx;

use crate::engine::{Host, is_unsigned, timer_key};
use crate::message::{Message, SignedProposal};
use crate::signatures::at_once;
use crate::turn::{Action, Timer, Write};
use crate::wal::LogEntry;

impl Host {
    pub(crate) fn effect(&mut self, effect: Effect<Ctx>) -> Resume<Ctx> {
        match effect {
            Effect::ScheduleTimeout(timeout, r) => {
                self.schedule(timeout);
                r.resume_with(())
            }
            Effect::CancelTimeout(timeout, r) => {
                self.timers.remove(&timer_key(&timeout));
                r.resume_with(())
            }
            Effect::CancelAllTimeouts(r) => {
                self.timers.clear();
                r.resume_with(())
            }
            Effect::StartRound(_, round, _, _, r) => {
                if round > Round::new(0) && !self.recovering {
                    self.block_size.round_failed();
                }
                self.round = round;
                r.resume_with(())
            }
            Effect::GetValue(height, round, _, r) => {
                if self.recovering {
                    self.to_propose = Some((height, round));
                } else {
                    self.propose(height, round);
                }
                r.resume_with(())
            }
            // The proposal that follows carries the block again.
            Effect::RestreamProposal(.., r) => r.resume_with(()),
            Effect::PublishConsensusMsg(SignedConsensusMsg::Vote(vote), r) => {
                self.say_vote(vote);
                r.resume_with(())
            }
            Effect::PublishConsensusMsg(SignedConsensusMsg::Proposal(proposal), r) => {
                self.publish_proposal(proposal);
                r.resume_with(())
            }
            Effect::PublishLivenessMsg(message, r) => {
                self.publish(Message::liveness(message));
                r.resume_with(())
            }
            Effect::RepublishVote(vote, r) => {
                self.publish(Message::liveness(LivenessMsg::Vote(vote)));
                r.resume_with(())
            }
            Effect::RepublishRoundCertificate(certificate, r) => {
                self.publish(Message::Round(certificate));
                r.resume_with(())
            }
            Effect::WalAppend(height, input, r) => {
                // What is left of a height that is decided by now is of no use: the block is on the
                // disk.
                let wanted =
                    !self.recovering && self.config.safety.keep_log && height == self.height();
                let entry = LogEntry::from_input(input).filter(|_| wanted);
                entry.into_iter().for_each(|entry| {
                    self.write(Write::Log {
                        height,
                        entry: entry.to_bytes(),
                    })
                });
                r.resume_with(())
            }
            Effect::Decide(_, _, r) => r.resume_with(()),
            Effect::Finalize(certificate, _, evidence, r) => {
                self.decided(certificate, &evidence);
                r.resume_with(())
            }
            // Blocks that others have decided do not come here (engine/sync.rs).
            Effect::CertVerifiedSyncValue(_, _, r) => r.resume_with(()),
            Effect::CertRejectedSyncValue(_, _, _, r) => r.resume_with(()),
            Effect::SignVote(vote, r) => {
                let signature = self.sign_vote(&vote);
                r.resume_with(SignedMessage::new(vote, signature))
            }
            Effect::SignProposal(proposal, r) => {
                let signature = self.sign_proposal(&proposal);
                r.resume_with(SignedMessage::new(proposal, signature))
            }
            Effect::VerifySignature(signed, key, r) => {
                let holds = match &signed.message {
                    ConsensusMsg::Vote(vote) => {
                        vote.voter == key && self.checker.vote_holds(vote, &signed.signature)
                    }
                    ConsensusMsg::Proposal(proposal) => {
                        proposal.proposer == key
                            && self.checker.proposal_holds(proposal, &signed.signature)
                    }
                };
                r.resume_with(holds)
            }
            Effect::VerifyCommitCertificate(certificate, set, thresholds, r) => {
                r.resume_with(at_once(self.checker.verify_commit_certificate(
                    &Ctx,
                    &certificate,
                    &set,
                    thresholds,
                )))
            }
            Effect::VerifyExtendedCommitCertificate(certificate, set, thresholds, policy, r) => {
                let checker = &self.checker;
                r.resume_with(at_once(checker.verify_extended_commit_certificate(
                    &Ctx,
                    &certificate,
                    &set,
                    thresholds,
                    policy,
                )))
            }
            Effect::VerifyPolkaCertificate(certificate, set, thresholds, r) => {
                r.resume_with(at_once(self.checker.verify_polka_certificate(
                    &Ctx,
                    &certificate,
                    &set,
                    thresholds,
                )))
            }
            Effect::VerifyRoundCertificate(certificate, set, thresholds, r) => {
                r.resume_with(at_once(self.checker.verify_round_certificate(
                    &Ctx,
                    &certificate,
                    &set,
                    thresholds,
                )))
            }
            Effect::ExtendVote(.., r) => r.resume_with(None),
            Effect::VerifyVoteExtension(.., r) => r.resume_with(Ok(())),
        }
    }

    fn schedule(&mut self, timeout: Timeout) {
        self.generation += 1;
        self.timers.insert(timer_key(&timeout), self.generation);
        let after = self.config.timeouts.linear().duration_for(timeout);
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        self.act(Action::SetTimer {
            after_ms,
            timer: Timer::Step(timeout, self.generation),
        });
    }

    pub(crate) fn publish(&mut self, message: Message) {
        if is_unsigned(&message) {
            return;
        }
        self.act(Action::Publish(Box::new(message)));
    }

    fn publish_proposal(&mut self, proposal: SignedProposal) {
        debug_assert!(proposal.message.round != Round::Nil);
        self.send_proposal(proposal.clone());
        self.note_proposed(proposal);
    }

    pub(crate) fn send_proposal(&mut self, proposal: SignedProposal) {
        // Who decides alone has decided by the time that its proposal is to go out.
        let last = self
            .last
            .as_ref()
            .filter(|block| block.hash() == proposal.message.value);
        let open = self
            .bodies
            .get(&proposal.message.value)
            .map(|(block, _)| block);
        if let Some(block) = open.or(last) {
            let block = Box::new(block.to_compact(&self.key));
            self.publish(Message::Proposal(proposal, block));
        }
    }
}
