//! Questions, each with the answer that it must have. What can be checked is checked before it is
//! handed on: that it is about what was asked, hashes, signatures, certificates and proofs. What is
//! left is the node's word, and the documentation says so.

use vote_chain::{
    Archive, Ballot, Block, CastRecord, CommitCertificate, ElectionId, OrganiserChange, Organisers,
    Payload, PublicKey, ValidatorChange, ValidatorSet, VersionChange,
};

use crate::chain::Proven;
use crate::client::{ATTACK_TIMEOUT, Client};
use crate::error::CallError;
use crate::message::{
    Answer, Attack, AttackReport, BlockAt, EvidenceView, Member, ProtocolVersions, Request, Status,
    Trace,
};

/// So often the set is compared with the changes that lead to it, before the node is taken for a
/// liar.
const VALIDATORS_TRIES: usize = 3;

/// Who decides blocks, and who may soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validators {
    /// The set that decides the next height.
    pub set: ValidatorSet,
    /// The set that decides the height after, if it is another. The node's word.
    pub after: Option<ValidatorSet>,
    /// Changes that wait for approvals, with who has approved. The node's word.
    pub pending: Vec<(ValidatorChange, Vec<PublicKey>)>,
}

/// Who may create elections. The node's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganisersView {
    /// Who may.
    pub organisers: Organisers,
    /// Changes that wait for approvals, with who has approved.
    pub pending: Vec<(OrganiserChange, Vec<PublicKey>)>,
}

/// By which protocol version the chain goes, and will. The node's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolView {
    /// The versions.
    pub versions: ProtocolVersions,
    /// Changes that wait for approvals, with who has approved.
    pub pending: Vec<(VersionChange, Vec<PublicKey>)>,
}

/// What a credential may do in an election, and has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoterView {
    /// How many votes it has; none if it is not on the roll. The node's word.
    pub weight: Option<u32>,
    /// Its ballot that counts, if the node says that it has cast one: that one it has cast.
    pub ballot: Option<CastRecord>,
}

/// A final block: its transactions are those of its header, its certificate was checked.
#[derive(Clone, Debug)]
pub struct FinalBlock {
    /// The block.
    pub block: Block,
    /// What makes it final.
    pub certificate: CommitCertificate,
}

impl Client {
    /// How the node is doing. The chain is checked; the rest is the node's word.
    ///
    /// # Errors
    /// [`CallError`] if it does not answer, or is of another chain.
    pub async fn status(&self) -> Result<Status, CallError> {
        let Answer::Status(status) = self.call(Request::Status).await? else {
            return Err(CallError::Unexpected);
        };
        self.begin(&status.genesis)?;
        Ok(*status)
    }

    /// The node itself first, then its peers. The node's word.
    ///
    /// # Errors
    /// [`CallError`] if it does not answer.
    pub async fn members(&self) -> Result<Vec<Member>, CallError> {
        match self.call(Request::Members).await? {
            Answer::Members(members) => Ok(members),
            _ => Err(CallError::Unexpected),
        }
    }

    /// Who decides blocks. The set is one that the changes of the chain lead to.
    ///
    /// # Errors
    /// [`CallError::False`] if it is not.
    pub async fn validators(&self) -> Result<Validators, CallError> {
        // A change that comes between the two questions is no lie: then both are asked again.
        for _ in 0..VALIDATORS_TRIES {
            let Answer::Validators {
                set,
                after,
                pending,
            } = self.call(Request::Validators).await?
            else {
                return Err(CallError::Unexpected);
            };
            self.follow_sets(None).await?;
            if self.chain().last_set().as_ref() == Some(&set) {
                return Ok(Validators {
                    set,
                    after,
                    pending,
                });
            }
        }
        Err(self.fault(
            "the validators that it names are not those that the changes of the set lead to",
        ))
    }

    /// Who may create elections, and what waits for approvals. The node's word.
    ///
    /// # Errors
    /// [`CallError`] if it does not answer.
    pub async fn organisers(&self) -> Result<OrganisersView, CallError> {
        match self.call(Request::Organisers).await? {
            Answer::Organisers {
                organisers,
                pending,
            } => Ok(OrganisersView {
                organisers,
                pending,
            }),
            _ => Err(CallError::Unexpected),
        }
    }

    /// By which protocol version the chain goes, and what waits for approvals. The node's word.
    ///
    /// # Errors
    /// [`CallError`] if it does not answer.
    pub async fn protocol(&self) -> Result<ProtocolView, CallError> {
        match self.call(Request::Protocol).await? {
            Answer::Protocol { versions, pending } => Ok(ProtocolView { versions, pending }),
            _ => Err(CallError::Unexpected),
        }
    }

    /// A block, whole and final.
    ///
    /// # Errors
    /// [`CallError::False`] if it is another, not whole, or not final.
    pub async fn block(&self, at: BlockAt) -> Result<FinalBlock, CallError> {
        let Answer::Block { block, certificate } = self.call(Request::Block(at)).await? else {
            return Err(CallError::Unexpected);
        };
        let asked = match at {
            BlockAt::Latest => true,
            BlockAt::Height(height) => block.header.height == height,
        };
        if !asked {
            return Err(self.fault("it shows another block than was asked for"));
        }
        if !block.is_whole() {
            return Err(
                self.fault("the block that it shows has other transactions than its header names")
            );
        }
        self.check_final(&block.header, &certificate).await?;
        Ok(FinalBlock {
            block: *block,
            certificate,
        })
    }

    /// What a credential may do in an election, and has done. A ballot that is named was cast by
    /// it.
    ///
    /// # Errors
    /// [`CallError::False`] if it was not.
    pub async fn voter(
        &self,
        election: ElectionId,
        credential: PublicKey,
    ) -> Result<VoterView, CallError> {
        let Answer::Voter { weight, ballot } =
            self.call(Request::Voter(election, credential)).await?
        else {
            return Err(CallError::Unexpected);
        };
        if let Some(record) = &ballot {
            // A counter that is too high would have the voter sign a ballot that fits only later,
            // and then replaces another.
            let proven = self.proven(record.transaction).await?;
            if !is_cast(record, &proven, election, credential) {
                return Err(self.fault(
                    "the ballot that it names is not one that this credential has cast so",
                ));
            }
        }
        Ok(VoterView { weight, ballot })
    }

    /// What has become of a ballot, by the beginning of its id. The ballot is on the ledger, and so
    /// is the one that has replaced it, if the node says that one has; that none has, and the
    /// phase, is the node's word.
    ///
    /// # Errors
    /// [`CallError::False`] if it is not so.
    pub async fn trace(&self, prefix: &[u8]) -> Result<Trace, CallError> {
        let answer = self.call(Request::Trace(prefix.to_vec().into())).await?;
        let Answer::Trace(trace) = answer else {
            return Err(CallError::Unexpected);
        };
        if !trace.transaction.as_bytes().starts_with(prefix) {
            return Err(self.fault("it speaks of another ballot than was asked for"));
        }
        let proven = self.proven(trace.transaction).await?;
        let last = self.proven(trace.counts).await?;
        let (Some(ballot), Some(counts)) = (ballot_of(&proven), ballot_of(&last)) else {
            return Err(self.fault("it takes something for a ballot that is none"));
        };
        let place = (ballot.election, ballot.counter, proven.height)
            == (trace.election, trace.counter, trace.height);
        let replaces = last.transaction.content().signer == proven.transaction.content().signer
            && counts.election == ballot.election
            && (counts.counter > ballot.counter || trace.counts == trace.transaction);
        if place && replaces {
            Ok(*trace)
        } else {
            Err(self.fault("what it says has become of the ballot is not so"))
        }
    }

    /// Has the node stage an attack. The node's word.
    ///
    /// # Errors
    /// [`CallError`] if it does not.
    pub async fn attack(&self, attack: Attack) -> Result<AttackReport, CallError> {
        match self
            .call_for(Request::Attack(attack), ATTACK_TIMEOUT)
            .await?
        {
            Answer::Attack(report) if report.attack == attack => Ok(report),
            _ => Err(CallError::Unexpected),
        }
    }

    /// Validators that were seen to misbehave. The node's word.
    ///
    /// # Errors
    /// [`CallError`] if it does not answer.
    pub async fn evidence(&self) -> Result<Vec<EvidenceView>, CallError> {
        match self.call(Request::Evidence).await? {
            Answer::Evidence(rows) => Ok(rows),
            _ => Err(CallError::Unexpected),
        }
    }

    /// The archive of an election, unchecked: [`Archive::verify`] checks it.
    ///
    /// # Errors
    /// [`CallError`] if the node refuses or is gone.
    pub async fn archive(&self, election: ElectionId) -> Result<Archive, CallError> {
        let mut answers = self.stream(Request::Archive(election)).await?;
        let Some(Answer::ArchiveHead(mut archive)) = self.in_time(answers.next()).await? else {
            return Err(CallError::Unexpected);
        };
        if archive.election != election {
            return Err(self.fault("its archive is of another election than was asked for"));
        }
        while let Some(answer) = self.in_time(answers.next()).await? {
            match answer {
                Answer::SetChanges(steps) if archive.blocks.is_empty() => {
                    archive.set_changes.extend(steps)
                }
                Answer::ArchiveBlock(block) => archive.blocks.push(*block),
                _ => return Err(CallError::Unexpected),
            }
        }
        Ok(*archive)
    }
}

fn ballot_of(proven: &Proven) -> Option<&Ballot> {
    match &proven.transaction.content().payload {
        Payload::CastBallot(ballot) => Some(ballot),
        Payload::CreateElection(_)
        | Payload::Organise(_)
        | Payload::ApproveAct { .. }
        | Payload::ApproveChange { .. } => None,
    }
}

/// Whether a final transaction is the ballot that a record says it is.
fn is_cast(
    record: &CastRecord,
    proven: &Proven,
    election: ElectionId,
    credential: PublicKey,
) -> bool {
    let Some(ballot) = ballot_of(proven) else {
        return false;
    };
    let said = record.selections.as_deref();
    proven.transaction.content().signer == credential
        && ballot.election == election
        && ballot.counter == record.counter
        && (proven.height, proven.index) == (record.height, record.index)
        && said.is_none_or(|said| said.iter().map(AsRef::as_ref).eq(&ballot.selections))
}
