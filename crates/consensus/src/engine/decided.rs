//! A height is decided.

use std::collections::BTreeSet;
use std::sync::Arc;

use malachite::MisbehaviorEvidence;
use malachite_types::{CommitCertificate as MalachiteCertificate, Round, VoteType};
use vote_chain::bft::Ctx;
use vote_chain::{
    Changes, CommitCertificate, CommitSignature, ElectionId, Header, LogEntry, Logged, Payload,
    VerifiedBlock,
};

use super::Host;
use super::sync::Synced;
use crate::evidence::equivocations;
use crate::turn::{Action, Decided, Halt, Write};

impl Host {
    pub(crate) fn decided(
        &mut self,
        certificate: MalachiteCertificate<Ctx>,
        evidence: &MisbehaviorEvidence<Ctx>,
    ) {
        let Some((block, changes)) = self.bodies.remove(&certificate.value_id) else {
            let what = format!(
                "block {} is decided, but not held as valid here",
                certificate.value_id
            );
            return self.halt(Halt::Broken(what));
        };
        if certificate.round == Round::new(0) {
            let bytes = block
                .transactions()
                .iter()
                .map(|transaction| transaction.bytes().len());
            self.block_size.decided_at_once(bytes.sum());
        }
        if certificate.round == Round::new(0) && self.gathers(&certificate.value_id) {
            let signatures = certificate
                .commit_signatures
                .iter()
                .map(|each| (each.address, each.signature))
                .collect();
            self.say_gathered(VoteType::Precommit, certificate.value_id, signatures);
        }
        self.final_block(block, own_certificate(certificate), changes, evidence);
    }

    /// Others have decided the open height, as a certificate shows that holds.
    pub(super) fn decided_elsewhere(
        &mut self,
        synced: Synced,
        changes: Changes,
        seen: &MisbehaviorEvidence<Ctx>,
    ) {
        let Synced {
            block, certificate, ..
        } = synced;
        self.look_for_own(&certificate);
        self.final_block(block, certificate, changes, seen);
    }

    fn final_block(
        &mut self,
        block: Arc<VerifiedBlock>,
        certificate: CommitCertificate,
        changes: Changes,
        seen: &MisbehaviorEvidence<Ctx>,
    ) {
        let evidence = equivocations(self.state.validators(), seen);
        self.last = Some(block.clone());
        let decided = Arc::new(Decided {
            block,
            certificate,
            changes,
            evidence,
        });
        self.write(Write::Commit(decided.clone()));
        self.apply(&decided);
        self.act(Action::Decided(decided));
        self.mind_version();
        self.sync_decided();
    }

    fn apply(&mut self, decided: &Decided) {
        let (header, changes) = (decided.block.header(), &decided.changes);
        let (touched, set_changed) = (
            self.touched(header, decided),
            *changes.registry != *self.state.registry(),
        );
        let version = self.state.version();
        self.state.commit(header, changes);
        let moved = self.state.version() != version;
        if set_changed {
            self.forget_former();
        }
        self.boundary = self.state.next_boundary();
        let doubtful = |payload: &Payload| match payload {
            _ if moved => true,
            Payload::ApproveChange { .. } => set_changed,
            _ => payload.election().is_some_and(|id| touched.contains(&id)),
        };
        let included = decided.block.transactions().iter();
        let refused = self
            .mempool
            .settle(&self.state, self.clock(), included, changes, doubtful);
        for (transaction, fault) in refused {
            self.act(Action::Refused(transaction.id(), fault.into()));
        }
        self.deciding = false;
        let open = self.height();
        self.early.retain(|height, _| *height >= open);
        self.windows.retain(|height, _| *height >= open);
        self.passed.forget_below(open);
        self.fetches.forget_below(open);
        self.bodies.clear();
        self.built.clear();
        self.timers.clear();
        self.checker.forget();
        self.signer.forget_height();
    }

    /// Stops before a height whose rules this program does not have: it could neither judge its
    /// blocks nor tell who is at fault.
    pub(super) fn mind_version(&mut self) {
        let (version, newest) = (self.state.version(), self.config.newest);
        if version > newest {
            let from = self.height();
            self.halt(Halt::NewProtocol {
                from,
                version,
                newest,
            });
        }
    }

    /// Elections that have opened, closed, or been acted upon, so that what waits for them may no
    /// longer fit. A voter more on a roll takes nothing from anybody, nor does what waits for
    /// approvals.
    fn touched(&self, header: &Header, decided: &Decided) -> BTreeSet<ElectionId> {
        let takes = |entry: &LogEntry| {
            !matches!(entry.act, Logged::VotersAdded { .. } | Logged::Proposed(_))
        };
        let acted = decided
            .changes
            .log
            .iter()
            .filter(|(_, entry)| takes(entry))
            .map(|((id, _), _)| *id);
        let due = self
            .boundary
            .is_some_and(|boundary| boundary <= header.time);
        let by_the_clock = due
            .then(|| self.state.turned(header.time))
            .into_iter()
            .flatten();
        acted.chain(by_the_clock).collect()
    }
}

fn own_certificate(certificate: MalachiteCertificate<Ctx>) -> CommitCertificate {
    let signature = |s: malachite_types::CommitSignature<Ctx>| CommitSignature {
        validator: s.address,
        signature: s.signature,
    };
    let mut signatures: Vec<_> = certificate
        .commit_signatures
        .into_iter()
        .map(signature)
        .collect();
    signatures.sort_by_key(|signature| signature.validator);
    signatures.dedup_by_key(|signature| signature.validator);
    let round = certificate.round.as_u32().expect("a decision has a round");
    CommitCertificate {
        height: certificate.height,
        round,
        block: certificate.value_id,
        signatures,
    }
}
