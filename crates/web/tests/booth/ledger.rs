//! A ledger of one validator, in memory: the answers of the node that the page asks here are true
//! ones.

use std::sync::Arc;

use vote_api::{Answer, ElectionQuery, ElectionView, Refusal, RefusalCode, Status, Trace};
use vote_chain::{
    Archive, ArchivedBlock, ArchivedTransaction, Ballot, Block, CommitCertificate, CommitSignature,
    Contest, Election, ElectionId, Genesis, Height, InclusionProof, InvalidTransaction, Limits,
    Organisers, Payload, Purpose, Receipt, Rule, SecretKey, Selection, State, Tally, Timestamp,
    Transaction, TransactionId, Validator, ValidatorSet, Verified, VerifiedBlock, encode, verify,
};

/// A key of that number.
pub(crate) fn key(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32])
}

const VALIDATOR: u8 = 250;

pub(crate) struct Ledger {
    pub(crate) state: State,
    blocks: Vec<(VerifiedBlock, CommitCertificate)>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        let validator = Validator {
            key: key(VALIDATOR).public(),
            name: "n1".into(),
            power: 1,
        };
        let genesis = Genesis {
            version: vote_chain::Version::NEWEST,
            name: "a chain to try".into(),
            time: Timestamp::from_ms(1_000_000),
            validators: ValidatorSet::new(vec![validator]).unwrap(),
            organisers: Organisers::Anyone,
            limits: Limits::default(),
        };
        Self {
            state: State::new(genesis),
            blocks: Vec::new(),
        }
    }

    pub(crate) fn sign(&self, by: u8, payload: Payload) -> Vec<u8> {
        Transaction::sign(self.state.chain(), &key(by), payload).to_bytes()
    }

    pub(crate) fn ballot(&self, by: u8, election: ElectionId, place: u16) -> Vec<u8> {
        self.sign(
            by,
            Payload::CastBallot(Ballot::plain(election, Selection::Listed(place))),
        )
    }

    /// Puts an election on the ledger: two choices, open to any key.
    pub(crate) fn create(&mut self, title: &str) -> ElectionId {
        let contest = Contest::listed(
            vec!["Soup".into(), "<b>Pasta</b>".into()],
            Rule::Plurality,
            1,
        );
        let election = Election::simple(title.into(), vec![contest], 7);
        let bytes = self.sign(1, Payload::CreateElection(election));
        ElectionId::new(*self.decide(&bytes).unwrap().hash())
    }

    /// Judges a transaction as a node does before it takes it.
    pub(crate) fn judge(&self, bytes: &[u8]) -> Result<TransactionId, Refusal> {
        let verified = verify(&self.state.chain(), bytes)
            .map_err(|fault| refusal(RefusalCode::Invalid, fault))?;
        if self.place(&verified.id()).is_none() {
            let applied = self.state.execute(self.next_time()).apply(&verified);
            applied.map_err(|fault| match fault {
                InvalidTransaction::AlreadyVoted { .. } => refusal(RefusalCode::NotEligible, fault),
                fault => refusal(RefusalCode::WrongState, fault),
            })?;
        }
        Ok(verified.id())
    }

    /// Makes a transaction final, in a block of its own.
    pub(crate) fn decide(&mut self, bytes: &[u8]) -> Result<TransactionId, Refusal> {
        let id = self.judge(bytes)?;
        if self.place(&id).is_some() {
            return Ok(id);
        }
        let verified: Arc<Verified> = Arc::new(verify(&self.state.chain(), bytes).unwrap());
        let signer = key(VALIDATOR);
        let (block, changes, refused) =
            self.state
                .build(self.next_time(), signer.public(), [&verified]);
        assert!(refused.is_empty(), "{refused:?}");
        let (height, hash) = (block.header().height, block.hash());
        // A precommit for that block in round 0 (docs/protocol.md, "Votes").
        let precommit = encode(&(height, 0i64, 1u8, hash, signer.public()));
        let signature = signer.sign(Purpose::Vote, &self.state.chain(), &precommit);
        let signatures = vec![CommitSignature {
            validator: signer.public(),
            signature,
        }];
        self.state.commit(block.header(), &changes);
        self.blocks.push((
            block,
            CommitCertificate {
                height,
                round: 0,
                block: hash,
                signatures,
            },
        ));
        Ok(id)
    }

    fn next_time(&self) -> Timestamp {
        self.state.tip().time.plus_ms(1000)
    }

    pub(crate) fn block(&self, height: Option<Height>) -> Option<(Block, CommitCertificate)> {
        let at = height
            .unwrap_or_else(|| self.state.tip().height)
            .previous()?;
        let (block, certificate) = self.blocks.get(usize::try_from(at.get()).unwrap())?;
        Some((block.to_block(), certificate.clone()))
    }

    /// The height of a transaction, and its proof.
    pub(crate) fn place(&self, id: &TransactionId) -> Option<(Height, InclusionProof)> {
        let in_block = |block: &Block| block.ids().iter().position(|other| other == id);
        self.blocks.iter().find_map(|(block, _)| {
            let (height, block) = (block.header().height, block.to_block());
            Some((
                height,
                block
                    .tree()
                    .proof(u32::try_from(in_block(&block)?).unwrap())?,
            ))
        })
    }

    pub(crate) fn finality(&self, id: TransactionId) -> Answer {
        let (height, proof) = self.place(&id).unwrap();
        let (block, certificate) = self.block(Some(height)).unwrap();
        Answer::Final {
            header: Box::new(block.header),
            certificate,
            proofs: vec![(id, proof)],
        }
    }

    pub(crate) fn receipt(&self, id: TransactionId) -> Option<Receipt> {
        let (height, proof) = self.place(&id)?;
        let (block, certificate) = self.block(Some(height))?;
        let genesis = self.state.genesis().as_ref().clone();
        Some(Receipt {
            genesis,
            set_changes: Vec::new(),
            transaction: id,
            proof,
            header: block.header,
            certificate,
        })
    }

    pub(crate) fn trace(&self, prefix: &[u8]) -> Option<Trace> {
        let transactions = self
            .blocks
            .iter()
            .flat_map(|(block, _)| block.transactions());
        let found = transactions
            .into_iter()
            .find(|one| one.id().as_bytes().starts_with(prefix))?;
        let Payload::CastBallot(Ballot {
            election, counter, ..
        }) = found.content().payload
        else {
            return None;
        };
        let counts = self
            .state
            .ballot(&election, &found.content().signer)?
            .transaction;
        let (phase, tip) = (self.state.phase(&election)?, self.state.tip().height);
        let (transaction, (height, _)) = (found.id(), self.place(&found.id())?);
        Some(Trace {
            transaction,
            height,
            election,
            phase,
            counter,
            counts,
            tip,
        })
    }

    pub(crate) fn view(&self, id: &ElectionId) -> Option<ElectionView> {
        let (record, phase) = (self.state.election(id)?.clone(), self.state.phase(id)?);
        let tally = if record.election.withholds_count(phase) {
            Tally::without_contests(&record)
        } else {
            self.state.tally(id)?
        };
        Some(ElectionView {
            record,
            phase,
            tally,
            height: self.state.tip().height,
        })
    }

    pub(crate) fn elections(&self, query: &ElectionQuery) -> Answer {
        let mut views: Vec<_> = self
            .state
            .elections()
            .filter_map(|record| self.view(&record.id))
            .collect();
        views.sort_by_key(|view| std::cmp::Reverse((view.record.created_at, view.record.id)));
        if let Some(after) = query.after {
            let last = views.iter().position(|view| view.record.id == after);
            views.drain(..=last.unwrap_or(views.len() - 1));
        }
        let title = query.title.to_lowercase();
        views.retain(|view| {
            let phase = query.phases.is_empty() || query.phases.contains(&view.phase);
            phase
                && view.record.id.to_string().starts_with(&query.id)
                && view.record.election.title.to_lowercase().contains(&title)
        });
        let more = views.len() > usize::from(query.limit);
        views.truncate(usize::from(query.limit));
        Answer::Elections {
            elections: views,
            more,
        }
    }

    /// The bytes of a transaction, its block, and its place there.
    pub(crate) fn transaction(&self, id: &TransactionId) -> Option<(Vec<u8>, Height, u32)> {
        let (height, proof) = self.place(id)?;
        let bytes = self
            .block(Some(height))?
            .0
            .transactions
            .swap_remove(usize::try_from(proof.index).unwrap());
        Some((bytes.into_vec(), height, proof.index))
    }

    pub(crate) fn archive(&self, id: &ElectionId) -> Option<Archive> {
        let (last, last_certificate) = self.block(None)?;
        let archived = |(block, certificate): &(VerifiedBlock, CommitCertificate)| {
            let one = |verified: &Arc<Verified>| match verified.content().payload.election() {
                Some(about) if about != *id => ArchivedTransaction::Other(verified.id()),
                _ => ArchivedTransaction::Own(verified.bytes().to_vec().into()),
            };
            let transactions: Vec<_> = block.transactions().iter().map(one).collect();
            ArchivedBlock {
                header: block.header().clone(),
                certificate: certificate.clone(),
                transactions,
            }
        };
        Some(Archive {
            genesis: self.state.genesis().as_ref().clone(),
            set_changes: Vec::new(),
            election: *id,
            last: last.header,
            last_certificate,
            state_proof: self.state.election_proof(id)?,
            blocks: self.blocks.iter().map(archived).collect(),
        })
    }

    pub(crate) fn status(&self) -> Status {
        let tip = self.state.tip();
        Status {
            node: "n1".into(),
            version: "1".into(),
            peer: "peer-1".into(),
            key: key(VALIDATOR).public(),
            genesis: Box::new(self.state.genesis().as_ref().clone()),
            height: tip.height,
            hash: tip.hash,
            time: tip.time,
            state_root: tip.state_root,
            validator: true,
            validators: 1,
            peers: 0,
            power_connected: (1, 1),
            tracker: false,
            tracker_problem: None,
            protocol: vote_api::ProtocolVersions {
                now: self.state.version(),
                planned: None,
                newest: vote_chain::Version::NEWEST,
            },
            round: 0,
            pending: 0,
            listen: vec!["/ip4/192.0.2.1/tcp/4001".into()],
            allow_attacks: true,
            wire_bytes: (0, 0),
            signing: vote_api::Signing::Signs,
            unreachable: Vec::new(),
            deciding_ms: None,
            clock_ahead_ms: None,
            evidence: 0,
        }
    }
}

pub(crate) fn refusal(code: RefusalCode, reason: impl std::fmt::Display) -> Refusal {
    Refusal {
        code,
        reason: reason.to_string(),
    }
}
