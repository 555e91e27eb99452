//! When this node signs, and the one place where it does.
//!
//! A validator may come back from a copy of its folder, with an older ledger, or while another
//! machine runs with its key. So it signs only what lies above its sign-state, nothing before it
//! knows how far the others are, and nothing at a height that is decided; and it stops when it
//! meets its own signature where it has made none.

use std::collections::BTreeMap;
use std::fmt;

use malachite_types::{NilOrVal, Round, SignedVote, VoteType};
use vote_chain::bft::{Ctx, Proposal, Vote, proposal_content, vote_content};
use vote_chain::{
    CommitCertificate, Height, PublicKey, Purpose, Signature, Timestamp, ValidatorSet,
};

use super::Host;
use crate::message::Message;
use crate::signed::{Folder, SignState, Signed, Step};
use crate::turn::{Action, Halt, Peer, Write};

/// Malachite takes no refusal to sign. This signature holds for nothing, so Malachite drops what
/// bears it; the host does not publish it.
const UNSIGNED: Signature = Signature::from_bytes([0; 64]);

/// A validator that decides alone gives the peers that it knew so long to tell their heights, after
/// the first has, in milliseconds.
const ANSWERS_MS: u64 = 5000;

/// A copy of a validator's folder signs nothing at so many heights above the last that the others
/// have decided. The key may have signed for the height after its own last block, and that one is
/// at most one further than the last block of any honest validator that had a part in deciding it.
const HEIGHTS_IN_DOUBT: u64 = 2;

/// Whether a node signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signing {
    /// It is a follower: it has nothing to sign.
    Follower,
    /// It does.
    Signs,
    /// It is a validator, and waits.
    Waits(Wait),
}

/// What a validator waits for before it signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// To hear from other validators how far they are.
    Heights {
        /// The power of those that have said so.
        known: u64,
        /// The power that is needed.
        needed: u64,
    },
    /// To hear so from peers that it knew: it decides alone, and its folder is a copy or its ledger
    /// older than what it has signed.
    Peers,
    /// To have the blocks that the others have.
    Behind(Height),
    /// For the others to decide up to this height, where its key may have signed something that is
    /// not known here.
    Silent(Height),
    /// For the others to decide this height: its votes there bind it, and the log that says to what
    /// is gone.
    Bound(Height),
    /// For the ledger to reach what the key has signed.
    Signed(Height),
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Heights { known, needed } => write!(
                f,
                "waits to hear from other validators how far they are: those with {known} of the {needed} power that it takes have said so"
            ),
            Self::Peers => f.write_str(
                "decides alone, and this folder is not the one that it left, or its ledger is older than what its key has signed: it \
                 waits for a peer that it knew to say how far it is. If nobody has anything newer, start the node with --alone",
            ),
            Self::Behind(height) => write!(f, "catches up to block {height}, which the others have"),
            Self::Silent(height) => write!(
                f,
                "waits until block {height} is final without it, since its key may have signed more than this folder knows. If it \
                 has not, and the others cannot go on, start the node with --alone"
            ),
            Self::Bound(height) => write!(
                f,
                "waits until block {height} is final without it: its key has voted there, and the ledger or the log in this folder does \
                 not say for what. If the others cannot go on, put back the newest copy of ledger.redb and ledger.wal that there is, \
                 and leave sign-state as it is; --alone does not end this"
            ),
            Self::Signed(height) => write!(
                f,
                "waits until its ledger has block {height}, which its key has signed; a peer must have it, or another copy of the \
                 ledger"
            ),
        }
    }
}

/// A peer that has shown its validator key.
struct Met {
    key: PublicKey,
    /// Whether this node knew it before it started.
    known: bool,
}

pub(crate) struct Signer {
    /// None if nothing is known of what the key has signed.
    state: Option<SignState>,
    folder: Folder,
    /// Whether it is known how far the others are.
    informed: bool,
    halted: bool,
    /// What was signed at the open height: the same may be said again, word for word.
    said: BTreeMap<(u32, Step), Vec<u8>>,
    met: BTreeMap<Peer, Met>,
    /// The last word of validators of the next height and the one after.
    told: BTreeMap<PublicKey, Height>,
    /// More than a third of the power says that this height is decided, among them one that is
    /// honest.
    decided: Height,
    /// When a peer that this node knew has first told its height.
    answered_at: Option<Timestamp>,
}

impl Signer {
    pub(crate) const fn new(state: Option<SignState>, folder: Folder) -> Self {
        Self {
            state,
            folder,
            informed: false,
            halted: false,
            said: BTreeMap::new(),
            met: BTreeMap::new(),
            told: BTreeMap::new(),
            decided: Height::GENESIS,
            answered_at: None,
        }
    }

    pub(crate) const fn has_halted(&self) -> bool {
        self.halted
    }

    pub(crate) fn forget_height(&mut self) {
        self.said.clear();
    }

    /// The peers that have proven a key.
    pub(super) fn peers(&self) -> impl Iterator<Item = Peer> {
        self.met.keys().copied()
    }

    /// Those that have proven this one.
    pub(super) fn peers_of(&self, key: &PublicKey) -> impl Iterator<Item = Peer> {
        self.met
            .iter()
            .filter(move |(_, met)| met.key == *key)
            .map(|(peer, _)| *peer)
    }

    fn silent(&self) -> Height {
        self.state.map_or(Height::GENESIS, |state| state.silent)
    }
}

fn of_vote(vote: &Vote) -> Signed {
    let step = match vote.kind {
        VoteType::Prevote => Step::Prevote,
        VoteType::Precommit => Step::Precommit,
    };
    let block = match vote.value {
        NilOrVal::Val(block) => Some(block),
        NilOrVal::Nil => None,
    };
    Signed {
        height: vote.height,
        round: vote.round.as_u32().unwrap_or(0),
        step,
        block,
    }
}

fn of_proposal(proposal: &Proposal) -> Signed {
    let round = proposal.round.as_u32().unwrap_or(0);
    Signed {
        height: proposal.height,
        round,
        step: Step::Proposal,
        block: Some(proposal.value),
    }
}

/// Signing.
impl Host {
    pub(crate) fn sign_vote(&mut self, vote: &Vote) -> Signature {
        self.sign(of_vote(vote), Purpose::Vote, vote_content(vote))
    }

    pub(crate) fn sign_proposal(&mut self, proposal: &Proposal) -> Signature {
        self.sign(
            of_proposal(proposal),
            Purpose::Proposal,
            proposal_content(proposal),
        )
    }

    fn sign(&mut self, signed: Signed, purpose: Purpose, content: Vec<u8>) -> Signature {
        if !self.may_sign(&signed, &content) {
            return UNSIGNED;
        }
        let signature = self.key.sign(purpose, &self.state.chain(), &content);
        self.note_signed(signed, content);
        signature
    }

    fn may_sign(&self, signed: &Signed, content: &[u8]) -> bool {
        match self.signer.said.get(&(signed.round, signed.step)) {
            Some(said) => said == content || !self.config.safety.sign_state,
            None => self.signs_at(signed.height) && self.is_above(signed.place()),
        }
    }

    /// The last signature of this node's key that its sign-state knows.
    fn last_signed(&self) -> Option<Signed> {
        let state = self.signer.state.filter(|_| self.config.safety.sign_state);
        state.and_then(|state| state.last)
    }

    fn is_above(&self, place: (Height, u32, Step)) -> bool {
        self.last_signed().is_none_or(|last| place > last.place())
    }

    /// Whether this node may sign something new at a height.
    pub(super) fn signs_at(&self, height: Height) -> bool {
        let signer = &self.signer;
        let free = height > signer.silent() && height > signer.decided;
        !signer.halted
            && (!self.config.safety.wait || (signer.informed && signer.state.is_some() && free))
    }

    /// Whether this node may propose a block of its own.
    pub(crate) fn may_propose(&self, height: Height, round: Round) -> bool {
        let place = (height, round.as_u32().unwrap_or(0), Step::Proposal);
        self.signer.said.contains_key(&(place.1, place.2))
            || (self.signs_at(height) && self.is_above(place))
    }

    fn note_signed(&mut self, signed: Signed, content: Vec<u8>) {
        self.signer
            .said
            .insert((signed.round, signed.step), content);
        let Some(mut state) = self.signer.state else {
            return;
        };
        if state.last.is_none_or(|last| signed.place() > last.place()) {
            state.last = Some(signed);
            self.keep(state);
        }
    }

    fn keep(&mut self, state: SignState) {
        if self.signer.state != Some(state) {
            self.signer.state = Some(state);
            self.write(Write::Sign(state));
        }
    }

    pub(super) fn halt(&mut self, halt: Halt) {
        self.signer.halted = true;
        self.act(Action::Halt(halt));
    }
}

/// Whether a message bears no signature, since the node would not sign it.
pub(crate) fn is_unsigned(message: &Message) -> bool {
    match message {
        Message::Vote(vote) => is_unsigned_vote(vote),
        Message::Proposal(proposal, _) => proposal.signature == UNSIGNED,
        Message::Votes(_) | Message::Polka(_) | Message::Round(_) => false,
    }
}

/// The same of a vote.
pub(super) fn is_unsigned_vote(vote: &SignedVote<Ctx>) -> bool {
    vote.signature == UNSIGNED
}

/// What is known of the others.
impl Host {
    pub(super) fn on_met(&mut self, peer: Peer, key: PublicKey, known: bool) {
        // A copy that has signed nothing yet ends itself, and leaves the node that it was copied
        // from alone.
        let silent = !self.signer.informed || self.signer.silent() >= self.height();
        if key == self.address && self.is_member(&key) && silent && self.config.safety.own_key {
            let reason = "a peer has shown that it has the same key".to_owned();
            return self.halt(Halt::KeyElsewhere(reason));
        }
        self.signer.met.insert(peer, Met { key, known });
        if let Some(height) = self.sync.told(peer) {
            self.note_height(peer, height);
        }
    }

    /// Whether a peer has shown the key of a validator of the next height or the one after.
    pub(super) fn is_validators(&self, peer: Peer) -> bool {
        self.signer
            .met
            .get(&peer)
            .is_some_and(|met| self.is_member(&met.key))
    }

    pub(super) fn forget_met(&mut self, peer: Peer) {
        self.signer.met.remove(&peer);
    }

    pub(super) fn note_height(&mut self, peer: Peer, height: Height) {
        let Some(Met { key, known }) = self.signer.met.get(&peer) else {
            return;
        };
        let key = *key;
        // A folder that knows nothing of what its key has signed may know no peer either.
        if *known || self.signer.state.is_none() {
            self.signer.answered_at.get_or_insert(self.now);
        }
        if self.is_member(&key) && key != self.address {
            self.signer.told.insert(key, height);
        }
        self.signer.decided = self.signer.decided.max(self.told_by_a_third());
    }

    /// What was told by who is no validator any more is of no use: alone it may have been a third
    /// of a former set.
    pub(super) fn forget_former(&mut self) {
        let registry = self.state.registry();
        self.signer
            .told
            .retain(|key, _| registry.next.contains(key) || registry.after.contains(key));
        self.signer.decided = self.told_by_a_third();
    }

    fn is_member(&self, key: &PublicKey) -> bool {
        let registry = self.state.registry();
        registry.next.contains(key) || registry.after.contains(key)
    }

    /// The greatest height that validators with more than a third of the power have reached, as
    /// they say.
    fn told_by_a_third(&self) -> Height {
        let set = self.state.validators();
        let mut told: Vec<_> = self.told_in(set).collect();
        told.sort_by_key(|(height, _)| std::cmp::Reverse(*height));
        let mut power = 0;
        for (height, more) in told {
            power += more;
            if is_over_a_third(power, set) {
                return height;
            }
        }
        Height::GENESIS
    }

    fn told_in<'a>(&'a self, set: &'a ValidatorSet) -> impl Iterator<Item = (Height, u64)> {
        let told = &self.signer.told;
        set.iter()
            .filter_map(move |validator| Some((*told.get(&validator.key)?, validator.power)))
    }

    fn decides_alone(&self) -> bool {
        self.state.validators().is_quorum([&self.address])
    }

    /// The power of the others whose heights are known, and how much it takes.
    fn power_told(&self) -> (u64, u64) {
        let set = self.state.validators();
        let own = set
            .get(&self.address)
            .map_or(0, |validator| validator.power);
        let total = set.power_total();
        let known = self.told_in(set).map(|(_, power)| power).sum();
        (known, (total / 3 + 1).min(total - own))
    }
}

fn is_over_a_third(power: u64, set: &ValidatorSet) -> bool {
    u128::from(power) * 3 > u128::from(set.power_total())
}

/// From waiting to signing, and back.
impl Host {
    /// Whether the key has signed something at the open height or above that the ledger does not
    /// know.
    fn ledger_is_older(&self) -> bool {
        let Some(last) = self.last_signed() else {
            return false;
        };
        let known =
            last.height == self.height() && self.signer.said.contains_key(&(last.round, last.step));
        last.height >= self.height() && !known
    }

    fn is_copy(&self) -> bool {
        self.signer.folder == Folder::Copied || self.signer.state.is_none_or(|state| state.unsure)
    }

    fn knows_the_others(&self) -> bool {
        let tip = self.state.tip().height;
        let in_doubt = self.is_copy() || self.ledger_is_older();
        if !self.config.safety.wait
            || (self.signer.folder == Folder::Vouched && self.signer.state.is_some())
        {
            return true;
        }
        if self.decides_alone() {
            let answered = self
                .signer
                .answered_at
                .is_some_and(|at| self.now.ms_since(at) >= ANSWERS_MS);
            return !in_doubt || (answered && !self.sync.somebody_is_ahead(tip, |_| true));
        }
        let (known, needed) = self.power_told();
        let validator = |peer: &Peer| self.is_validators(*peer);
        known >= needed
            && tip >= self.signer.decided
            && !(in_doubt && self.sync.somebody_is_ahead(tip, validator))
    }

    /// Sees whether this node has learnt enough of the others to sign.
    pub(super) fn consider_signing(&mut self) {
        if self.signer.informed || self.signer.halted || !self.knows_the_others() {
            return;
        }
        let tip = self.state.tip().height;
        let Some(mut state) = self.signer.state else {
            if self.is_member(&self.address) {
                return self.halt(Halt::KeyUnknown(self.address));
            }
            // Whatever the key has signed lies at heights that are decided.
            self.signer.informed = true;
            return self.keep(SignState {
                last: None,
                silent: tip,
                unsure: false,
            });
        };
        // A folder that was copied before the chain has begun holds keys that have signed nothing.
        let begins = tip == Height::GENESIS && state.last.is_none();
        let doubt = if self.decides_alone() || begins {
            0
        } else {
            HEIGHTS_IN_DOUBT
        };
        let vouched = self.signer.folder == Folder::Vouched;
        if vouched {
            state.silent = Height::GENESIS;
        } else if self.is_copy() {
            let in_doubt = Height::new(tip.get().saturating_add(doubt));
            state.silent = state.silent.max(in_doubt);
        }
        // Nobody can vouch for what the log of that height is gone with: what the node was bound to
        // by its votes. Where it decides alone it was bound by nobody.
        let is_bound = !(vouched && self.decides_alone());
        if let Some(last) = state.last.filter(|_| is_bound && self.ledger_is_older()) {
            state.silent = state.silent.max(last.height);
        }
        state.unsure = false;
        self.signer.informed = true;
        // From now on the folder is the one that this node will leave, so its sign-state is written
        // in any case.
        let settled = self.signer.folder != Folder::Left;
        if self.signer.folder == Folder::Copied {
            self.signer.folder = Folder::Left;
        }
        if settled {
            self.signer.state = Some(state);
            self.write(Write::Sign(state));
        } else {
            self.keep(state);
        }
    }

    /// The folder turns out to be older than what its key has signed.
    fn doubt(&mut self) {
        let Some(mut state) = self.signer.state else {
            return;
        };
        state.unsure = true;
        self.keep(state);
        self.signer.folder = Folder::Copied;
        self.signer.informed = false;
    }

    /// A block that others have decided may bear a signature of this node's key that this folder
    /// does not know.
    pub(super) fn look_for_own(&mut self, certificate: &CommitCertificate) {
        if !self.config.safety.wait
            || !certificate
                .signatures
                .iter()
                .any(|one| one.validator == self.address)
        {
            return;
        }
        let (height, round, block) = (
            certificate.height,
            certificate.round,
            Some(certificate.block),
        );
        let signed = Signed {
            height,
            round,
            step: Step::Precommit,
            block,
        };
        if self.signer.state.is_some()
            && height > self.signer.silent()
            && !self.could_have_signed(&signed)
        {
            self.doubt();
        }
    }

    /// Whether the key may have signed this here.
    fn could_have_signed(&self, signed: &Signed) -> bool {
        self.last_signed().is_some_and(|last| {
            let same = last.place() == signed.place() && last.block == signed.block;
            same || signed.place() < last.place()
        })
    }

    /// Looks at a message of this node's own key; its signature holds.
    pub(super) fn look_at_own_vote(&mut self, vote: &Vote) {
        self.look_at_own(of_vote(vote), &vote_content(vote));
    }

    pub(super) fn look_at_own_proposal(&mut self, proposal: &Proposal) {
        self.look_at_own(of_proposal(proposal), &proposal_content(proposal));
    }

    fn look_at_own(&mut self, signed: Signed, content: &[u8]) {
        let said = self
            .signer
            .said
            .get(&(signed.round, signed.step))
            .filter(|_| signed.height == self.height());
        let own = said.map_or_else(|| self.could_have_signed(&signed), |said| said == content);
        if own || signed.height <= self.signer.silent() || !self.config.safety.own_key {
            return;
        }
        let waits = self.is_copy() && !self.signer.informed;
        if let Some(mut state) = self.signer.state.filter(|_| waits) {
            // A word of before this copy was started: nothing more at that height.
            state.silent = signed.height;
            return self.keep(state);
        }
        let Signed { height, round, .. } = signed;
        self.halt(Halt::KeyElsewhere(format!(
            "it has signed at height {height}, round {round}, which this node has not"
        )));
    }
}

/// At the start, and for those who ask.
impl Host {
    /// Takes in what the log of the open height says of this node's own messages: they may be newer
    /// than the sign-state, which is written after the log.
    pub(super) fn note_own(&mut self, vote: &Vote) {
        if vote.voter == self.address && vote.height == self.height() {
            self.note_signed(of_vote(vote), vote_content(vote));
        }
    }

    pub(super) fn note_own_proposal(&mut self, proposal: &Proposal) {
        if proposal.proposer == self.address && proposal.height == self.height() {
            self.note_signed(of_proposal(proposal), proposal_content(proposal));
        }
    }

    /// A validator that decides alone, and whose operator vouches that nobody knows of its last
    /// votes at the open height, goes on in the round after them.
    pub(super) fn rounds_to_skip(&self) -> u32 {
        let vouched = self.signer.folder == Folder::Vouched && self.decides_alone();
        let last = self
            .last_signed()
            .filter(|last| vouched && last.height == self.height() && self.ledger_is_older());
        last.map_or(0, |last| last.round.saturating_add(1))
    }

    pub(super) fn is_informed(&self) -> bool {
        self.signer.informed || !self.config.safety.wait
    }

    pub(super) fn signing(&self) -> Signing {
        let (signer, height) = (&self.signer, self.height());
        if !self.state.validators().contains(&self.address) {
            return Signing::Follower;
        }
        if !self.is_informed() {
            let (known, needed) = self.power_told();
            return Signing::Waits(if signer.decided >= height {
                Wait::Behind(signer.decided)
            } else if self.decides_alone() {
                Wait::Peers
            } else {
                Wait::Heights { known, needed }
            });
        }
        if signer.silent() >= height {
            let is_bound = self.ledger_is_older() && !self.decides_alone();
            let wait = if is_bound { Wait::Bound } else { Wait::Silent };
            return Signing::Waits(wait(signer.silent()));
        }
        if signer.decided >= height {
            return Signing::Waits(Wait::Behind(signer.decided));
        }
        match self.last_signed().filter(|last| last.height > height) {
            Some(last) => Signing::Waits(Wait::Signed(last.height)),
            None => Signing::Signs,
        }
    }
}
