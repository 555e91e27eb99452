//! What must hold whatever happens: checked as it happens, and at the end.

use std::collections::BTreeSet;
use std::sync::Arc;

use vote_chain::bft::{proposal_content, vote_content};
use vote_chain::{ElectionId, Payload, PublicKey, Verified};
use vote_consensus::{Decided, Message};

use super::World;

/// A block has room for so many bytes of transactions, however many rounds have failed.
const BLOCK_BYTES_MIN: usize = 16 * 1024;

impl World {
    pub(super) fn hold_against(&mut self, at: usize, other: usize, reason: Option<String>) {
        let Some(reason) = reason else { return };
        self.struck += 1;
        if self.is_honest(other) {
            self.fault = Some(format!(
                "node {at} holds it against node {other} that {reason}"
            ));
        }
    }

    /// Who is accused by evidence and has not lied.
    pub(in super::super) fn wrongly_accused(&self) -> Option<PublicKey> {
        let lies = |key: &PublicKey| {
            self.criminals
                .keys()
                .any(|at| self.keys[*at].public() == *key)
        };
        self.accused
            .iter()
            .find(|key| !lies(key) && self.shared_key != Some(**key))
            .copied()
    }

    /// A node holds no more than it may, whatever others send it.
    pub(super) fn check_memory(&mut self, at: usize) {
        let Some(engine) = &self.engines[at] else {
            return;
        };
        let (held, mut max) = (engine.held(), engine.held_max());
        max.messages = max.messages * self.memory_percent / 100;
        if !held.is_within(&max) {
            self.fault = Some(format!("node {at} holds {held:?}, more than {max:?}"));
        }
    }

    /// What waited at an honest proposer when it built a block, and fits, is in the block, if that
    /// has room.
    pub(super) fn check_nothing_left_out(&self, decided: &Decided) -> Option<String> {
        let header = decided.block.header();
        let at = self
            .keys
            .iter()
            .position(|key| key.public() == header.proposer)?;
        let built_at = self.built_at.get(&decided.block.hash())?;
        let engine = self.engines[at].as_ref().filter(|_| self.is_honest(at))?;
        let waited = engine
            .waiting()
            .filter(|(_, since)| since.ms() < *built_at)
            .map(|(transaction, _)| transaction);
        let of_block = decided.block.transactions();
        let room = BLOCK_BYTES_MIN.checked_sub(
            of_block
                .iter()
                .map(|transaction| transaction.bytes().len())
                .sum(),
        )?;
        let fits = |transaction: &&Arc<Verified>| {
            let mut execution = self.ledger.execute(header.time);
            of_block
                .iter()
                .for_each(|transaction| execution.apply(transaction).expect("the block is valid"));
            transaction.bytes().len() <= room && execution.apply(transaction).is_ok()
        };
        let left_out = waited
            .filter(|transaction| !of_block.contains(transaction))
            .find(fits)?;
        Some(format!(
            "node {at} has left {:.16} out of block {}",
            left_out.id(),
            header.height
        ))
    }

    /// No two blocks may ever be final at one height, each by a certificate of the set of its
    /// height; and nobody is accused who has not lied.
    pub(super) fn agree(&mut self, decided: &Decided) {
        let header = decided.block.header();
        self.finals.extend(
            decided
                .block
                .transactions()
                .iter()
                .map(|transaction| transaction.id()),
        );
        self.accused.extend(
            decided
                .evidence
                .iter()
                .flat_map(|evidence| evidence.accused())
                .map(|(key, _)| key),
        );
        let agreed = *self
            .blocks
            .entry(header.height)
            .or_insert_with(|| decided.block.hash());
        if agreed != decided.block.hash() && !self.forks {
            self.fault = Some(format!("two blocks are final at height {}", header.height));
        }
        if self.forks {
            return;
        }
        if header.height == self.ledger.tip().height.next() && self.fault.is_none() {
            self.fault = self.check_nothing_left_out(decided);
            self.sets
                .insert(header.height, self.ledger.validators().clone());
            self.ledger.commit(header, &decided.changes);
        }
        if let Some(set) = self
            .sets
            .get(&header.height)
            .filter(|_| self.checks_certificates)
        {
            let chain = self.genesis.chain();
            if let Err(fault) = decided
                .certificate
                .verify(&chain, header.height, &agreed, set)
            {
                self.fault = Some(format!(
                    "the certificate at height {} does not hold: {fault}",
                    header.height
                ));
            }
        }
        if let Some(key) = self.wrongly_accused() {
            self.fault = Some(format!("{key} is accused, and has not lied"));
        }
    }

    /// No validator may ever sign two different things for one height, round and step.
    pub(super) fn check_signed_once(&mut self, at: usize, bytes: &[u8]) {
        let (key, content) = match Message::from_bytes(bytes).ok().flatten() {
            Some(Message::Vote(vote)) => {
                let m = &vote.message;
                (
                    (m.voter, m.height, m.round.as_i64(), 1 + m.kind as u8),
                    vote_content(m),
                )
            }
            Some(Message::Proposal(proposal, _)) => {
                let m = &proposal.message;
                (
                    (m.proposer, m.height, m.round.as_i64(), 0),
                    proposal_content(m),
                )
            }
            _ => return,
        };
        let twice = *self.signed.entry(key).or_insert_with(|| content.clone()) != content;
        if twice && self.shared_key != Some(key.0) {
            self.fault = Some(format!(
                "node {at} signed twice at height {} round {}",
                key.1, key.2
            ));
        }
    }

    /// What was final once is on every honest disk, and every count is that of the ledger's
    /// ballots.
    pub(in super::super) fn check_ledgers(&self, election: &ElectionId) {
        for (at, disk) in self
            .disks
            .iter()
            .enumerate()
            .filter(|(at, _)| self.is_honest(*at))
        {
            let mut ids = BTreeSet::new();
            for decided in &disk.decided {
                ids.extend(
                    decided
                        .block
                        .transactions()
                        .iter()
                        .map(|transaction| transaction.id()),
                );
                let (header, certificate) = (decided.block.header(), &decided.certificate);
                assert_eq!(certificate.block, header.hash());
                assert_eq!(self.blocks[&header.height], header.hash());
            }
            assert!(
                self.finals.is_subset(&ids),
                "node {at} has lost a final ballot"
            );
            let state = disk.state(&self.genesis);
            let cast = disk
                .decided
                .iter()
                .flat_map(|d| d.block.transactions())
                .filter(|t| matches!(&t.content().payload, Payload::CastBallot(b) if b.election == *election));
            assert_eq!(
                state.tally(election).map(|tally| tally.turnout.ballots),
                Some(cast.count() as u64),
                "node {at}"
            );
        }
    }
}
