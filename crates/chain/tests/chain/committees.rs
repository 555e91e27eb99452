//! Elections with several organisers, of whom some must sign together.

use std::sync::Arc;

use vote_chain::{
    Act, Archive, ArchivedBlock, ArchivedTransaction, Committee, DecodeError, Election, ElectionId,
    ElectionPhase, Genesis, InvalidElection, InvalidTransaction, Logged, Organise, Organisers,
    Organising, PROPOSAL_LAPSES_MS, PROPOSALS_MAX, Payload, PublicKey, Selection, Timestamp,
    Transaction, TransactionFault, Verified, Version, Voter, Voters, decode, encode, verify,
};

use crate::archives::archive;
use crate::ledger::{Ledger, election, genesis, key};
use crate::versions::{make, old, plan};

fn public(at: u8) -> PublicKey {
    key(at).public()
}

/// Organisers of whom so many must sign; 200 is who creates elections here.
fn committee(organisers: &[u8], needed: u8) -> Committee {
    let mut organisers: Vec<_> = organisers.iter().map(|at| public(*at)).collect();
    organisers.sort();
    Committee { organisers, needed }
}

fn by(organisers: &[u8], needed: u8) -> Election {
    Election {
        committee: Some(committee(organisers, needed)),
        ..election()
    }
}

/// An election that is open, of 200, 201 and 202, of whom two must sign.
fn two_of_three() -> (Ledger, ElectionId) {
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(by(&[200, 201, 202], 2));
    (ledger, id)
}

fn act(ledger: &Ledger, signer: u8, election: ElectionId, act: Act) -> Arc<Verified> {
    ledger.sign(&key(signer), Payload::Organise(Organise { election, act }))
}

fn approval(ledger: &Ledger, signer: u8, election: ElectionId, of: &Verified) -> Arc<Verified> {
    let proposal = of.id();
    ledger.sign(&key(signer), Payload::ApproveAct { election, proposal })
}

fn cancel(reason: &str) -> Act {
    Act::Cancel(reason.into())
}

fn replace(old: u8, new: u8) -> Act {
    Act::ReplaceOrganiser {
        old: public(old),
        new: public(new),
        reason: "lost".into(),
    }
}

/// Has an act proposed.
fn propose(ledger: &mut Ledger, signer: u8, id: ElectionId, what: Act) -> Arc<Verified> {
    let proposed = act(ledger, signer, id, what);
    ledger.decide(std::slice::from_ref(&proposed));
    proposed
}

fn phase(ledger: &Ledger, id: ElectionId) -> ElectionPhase {
    ledger.state.phase(&id).unwrap()
}

fn log(ledger: &Ledger, id: ElectionId) -> Vec<Logged> {
    let entries = ledger.state.log(&id);
    entries.map(|entry| entry.act.clone()).collect()
}

fn not_waiting(of: &Verified) -> Result<(), InvalidTransaction> {
    Err(InvalidTransaction::NotWaiting(of.id()))
}

#[test]
fn act_is_done_once_enough_organisers_have_signed_and_not_before() {
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(by(&[200, 201, 202, 203], 3));
    let close = propose(&mut ledger, 201, id, Act::Close);
    assert_eq!(phase(&ledger, id), ElectionPhase::Open);
    ledger.decide(&[approval(&ledger, 200, id, &close)]);
    assert_eq!(phase(&ledger, id), ElectionPhase::Open, "two of three");
    ledger.decide(&[approval(&ledger, 203, id, &close)]);
    assert_eq!(phase(&ledger, id), ElectionPhase::Closed);
    let approved = |done| Logged::Approved {
        proposal: close.id(),
        done,
    };
    let proposed = Logged::Proposed(Box::new(Logged::Closed));
    assert_eq!(
        log(&ledger, id),
        [proposed, approved(false), approved(true)]
    );
    let signers: Vec<_> = ledger
        .state
        .log(&id)
        .map(|entry| entry.by.unwrap())
        .collect();
    assert_eq!(signers, [public(201), public(200), public(203)]);
}

#[test]
fn whoever_signs_twice_counts_once_and_strangers_and_former_organisers_not_at_all() {
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(by(&[200, 201, 202], 3));
    let close = propose(&mut ledger, 200, id, Act::Close);
    let approve = |ledger: &Ledger, by| ledger.try_one(&approval(ledger, by, id, &close));
    let before = |at| {
        Err(InvalidTransaction::ApprovedBefore {
            signer: public(at),
            act: close.id(),
        })
    };
    assert_eq!(approve(&ledger, 200), before(200), "it has proposed it");
    ledger.decide(&[approval(&ledger, 201, id, &close)]);
    assert_eq!(approve(&ledger, 201), before(201));
    let stranger = Err(InvalidTransaction::NotTheOrganiser(public(50)));
    assert_eq!(approve(&ledger, 50), stranger);
    let acts = ledger.try_one(&act(&ledger, 50, id, Act::Close));
    assert_eq!(acts, stranger);
    assert_eq!(phase(&ledger, id), ElectionPhase::Open);
    assert_eq!(approve(&ledger, 202), Ok(()));
}

/// Its creator is one of them like the others.
#[test]
fn one_of_several_acts_alone_if_one_is_enough() {
    for signer in [200, 201] {
        let mut ledger = Ledger::new(genesis(4));
        let id = ledger.create(by(&[200, 201], 1));
        propose(&mut ledger, signer, id, Act::Close);
        assert_eq!(phase(&ledger, id), ElectionPhase::Closed);
        assert_eq!(log(&ledger, id), [Logged::Closed]);
    }
}

#[test]
fn act_is_judged_when_it_is_done_and_waits_on_if_it_cannot_be() {
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(Election {
        voters: Voters::Roll,
        ..by(&[200, 201, 202], 2)
    });
    let add = Act::AddVoters(vec![Voter(public(50), 1)]);
    let open = propose(&mut ledger, 200, id, Act::Open);
    let voter = propose(&mut ledger, 200, id, add);
    let opens = approval(&ledger, 201, id, &open);
    assert_eq!(
        ledger.try_one(&opens),
        Err(InvalidTransaction::NobodyOnRoll(id))
    );
    ledger.decide(&[approval(&ledger, 202, id, &voter), opens]);
    assert_eq!(phase(&ledger, id), ElectionPhase::Open);
    let ballot = ledger.ballot(50, id, Selection::Listed(0));
    assert_eq!(ledger.try_one(&ballot), Ok(()));
}

#[test]
fn act_that_was_done_withdrawn_or_never_proposed_is_not_approved_or_sent_again() {
    let (mut ledger, id) = two_of_three();
    let times = Act::ChangeTimes {
        opens_at: ledger.state.election(&id).unwrap().opens_at,
        closes_at: Some(ledger.next_time().plus_ms(900_000_000)),
        reason: "snow".into(),
    };
    let done = propose(&mut ledger, 200, id, times);
    ledger.decide(&[approval(&ledger, 201, id, &done)]);
    let taken_back = propose(&mut ledger, 200, id, cancel("typo"));
    let withdraw = |ledger: &Ledger, by| act(ledger, by, id, Act::Withdraw(taken_back.id()));
    assert_eq!(
        ledger.try_one(&withdraw(&ledger, 201)),
        Err(InvalidTransaction::NotTheProposer(public(201)))
    );
    ledger.decide(&[withdraw(&ledger, 200)]);
    let never = act(&ledger, 200, id, cancel("never"));
    for proposed in [&done, &taken_back, &never] {
        let late = approval(&ledger, 202, id, proposed);
        assert_eq!(ledger.try_one(&late), not_waiting(proposed));
    }
    for proposed in [&done, &taken_back] {
        assert_eq!(
            ledger.try_one(proposed),
            Err(InvalidTransaction::ActDone(proposed.id()))
        );
    }
    assert_eq!(phase(&ledger, id), ElectionPhase::Open);
}

#[test]
fn act_lapses_after_seven_days_and_neither_it_nor_its_approvals_can_be_sent_again() {
    let (mut ledger, id) = two_of_three();
    let close = propose(&mut ledger, 200, id, Act::Close);
    let last = approval(&ledger, 201, id, &close);
    let proposed_at = ledger.state.tip().time;
    let at = |ms| ledger.state.execute(proposed_at.plus_ms(ms)).apply(&last);
    assert_eq!(at(PROPOSAL_LAPSES_MS - 1), Ok(()));
    assert_eq!(at(PROPOSAL_LAPSES_MS), not_waiting(&close));
    ledger.pause_ms = PROPOSAL_LAPSES_MS;
    ledger.decide(&[]);
    ledger.pause_ms = 1000;
    assert_eq!(ledger.try_one(&last), not_waiting(&close));
    assert_eq!(
        ledger.try_one(&close),
        Err(InvalidTransaction::ActDone(close.id()))
    );
    // Another one does not bring it back.
    propose(&mut ledger, 200, id, cancel("snow"));
    assert_eq!(ledger.try_one(&last), not_waiting(&close));
    assert_eq!(phase(&ledger, id), ElectionPhase::Open);
}

#[test]
fn nothing_is_approved_once_an_election_is_over() {
    let mut ledger = Ledger::new(genesis(4));
    let closes = ledger.next_time().plus_ms(1500);
    let id = ledger.create(Election {
        closes_at: Some(closes),
        ..by(&[200, 201], 2)
    });
    let called_off = propose(&mut ledger, 200, id, cancel("snow"));
    ledger.decide(&[]);
    assert_eq!(phase(&ledger, id), ElectionPhase::Closed);
    assert!(matches!(
        ledger.try_one(&approval(&ledger, 201, id, &called_off)),
        Err(InvalidTransaction::Over { .. })
    ));
}

#[test]
fn acts_that_wait_are_bounded_for_each_organiser_and_no_other_is_kept_out() {
    let (mut ledger, id) = two_of_three();
    let first = propose(&mut ledger, 200, id, cancel("0"));
    for number in 1..PROPOSALS_MAX {
        propose(&mut ledger, 200, id, cancel(&number.to_string()));
    }
    let more = act(&ledger, 200, id, cancel("one too many"));
    let full = Err(InvalidTransaction::ProposalsFull(PROPOSALS_MAX));
    assert_eq!(ledger.try_one(&more), full);
    let other = act(&ledger, 201, id, cancel("of another"));
    assert_eq!(ledger.try_one(&other), Ok(()));
    let mut withdrawn = Ledger {
        state: ledger.state.clone(),
        ..Ledger::new(genesis(4))
    };
    withdrawn.decide(&[act(&ledger, 200, id, Act::Withdraw(first.id()))]);
    assert_eq!(withdrawn.try_one(&more), Ok(()));
    ledger.pause_ms = PROPOSAL_LAPSES_MS;
    assert_eq!(ledger.try_one(&more), Ok(()), "the others have lapsed");
}

#[test]
fn key_is_replaced_by_the_others_and_what_it_has_signed_goes_with_it() {
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(by(&[200, 201, 202, 203], 3));
    let of_old = propose(&mut ledger, 202, id, cancel("by a thief"));
    let of_other = propose(&mut ledger, 200, id, Act::Close);
    ledger.decide(&[approval(&ledger, 202, id, &of_other)]);
    let own = Err(InvalidTransaction::OwnReplacement(public(202)));
    let by_old = act(&ledger, 202, id, replace(202, 210));
    assert_eq!(ledger.try_one(&by_old), own);
    let replacing = propose(&mut ledger, 200, id, replace(202, 210));
    let by_old = approval(&ledger, 202, id, &replacing);
    assert_eq!(ledger.try_one(&by_old), own);
    ledger.decide(&[approval(&ledger, 201, id, &replacing)]);
    let organisers = |ledger: &Ledger| ledger.state.election(&id).unwrap().committee.clone();
    assert_eq!(
        organisers(&ledger),
        Some(committee(&[200, 201, 202, 203], 3))
    );
    ledger.decide(&[approval(&ledger, 203, id, &replacing)]);
    let now = organisers(&ledger).unwrap();
    assert!(now.includes(&public(210)) && !now.includes(&public(202)));

    let former = Err(InvalidTransaction::NotTheOrganiser(public(202)));
    let acts = act(&ledger, 202, id, Act::Close);
    assert_eq!(ledger.try_one(&acts), former);
    let approves = approval(&ledger, 202, id, &of_other);
    assert_eq!(ledger.try_one(&approves), former);
    let late = approval(&ledger, 201, id, &of_old);
    assert_eq!(ledger.try_one(&late), not_waiting(&of_old));
    // Of the three approvals that the other one needs, the thief's is gone.
    ledger.decide(&[approval(&ledger, 201, id, &of_other)]);
    assert_eq!(phase(&ledger, id), ElectionPhase::Open);
    ledger.decide(&[approval(&ledger, 210, id, &of_other)]);
    assert_eq!(phase(&ledger, id), ElectionPhase::Closed);
}

#[test]
fn no_key_is_replaced_where_all_must_sign_or_by_one_that_organises_already() {
    let mut ledger = Ledger::new(genesis(4));
    let all = ledger.create(by(&[200, 201], 2));
    let try_one = |ledger: &Ledger, id, what| ledger.try_one(&act(ledger, 200, id, what));
    assert_eq!(
        try_one(&ledger, all, replace(201, 210)),
        Err(InvalidTransaction::Irreplaceable(2))
    );
    let some = ledger.create(by(&[200, 201, 202], 2));
    assert_eq!(
        try_one(&ledger, some, replace(201, 202)),
        Err(InvalidTransaction::OrganiserAlready(public(202)))
    );
    assert_eq!(
        try_one(&ledger, some, replace(210, 211)),
        Err(InvalidTransaction::NotTheOrganiser(public(210)))
    );
    // Two others are proposed for one place; the first that is approved has it.
    let first = propose(&mut ledger, 200, some, replace(202, 210));
    let second = propose(&mut ledger, 200, some, replace(202, 211));
    ledger.decide(&[approval(&ledger, 201, some, &first)]);
    assert_eq!(
        ledger.try_one(&approval(&ledger, 201, some, &second)),
        Err(InvalidTransaction::NotTheOrganiser(public(202)))
    );
}

/// Whose key was replaced goes on having created the election: it counts among theirs.
#[test]
fn creator_can_be_replaced_and_has_room_for_another_election_once_it_is_over() {
    let mut begun = genesis(4);
    begun.limits.organiser_elections_max = 1;
    let mut ledger = Ledger::new(begun);
    let id = ledger.create(by(&[200, 201, 202], 2));
    let replacing = propose(&mut ledger, 201, id, replace(200, 210));
    ledger.decide(&[approval(&ledger, 202, id, &replacing)]);
    let another = ledger.sign(&key(200), Payload::CreateElection(by(&[200, 201], 1)));
    assert_eq!(
        ledger.try_one(&another),
        Err(InvalidTransaction::OrganiserFull(1))
    );
    let close = propose(&mut ledger, 210, id, Act::Close);
    // In one block with what ends the other.
    ledger.decide(&[approval(&ledger, 202, id, &close), another]);
}

#[test]
fn election_with_one_organiser_has_nothing_to_approve_withdraw_or_replace() {
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(election());
    let other = act(&ledger, 200, id, Act::Close);
    let alone = Err(InvalidTransaction::OneOrganiser(id));
    for what in [replace(200, 210), Act::Withdraw(other.id())] {
        assert_eq!(ledger.try_one(&act(&ledger, 200, id, what)), alone);
    }
    assert_eq!(ledger.try_one(&approval(&ledger, 200, id, &other)), alone);
}

#[test]
fn committee_has_2_to_16_organisers_in_order_its_creator_among_them_and_needs_some_of_them() {
    let ledger = Ledger::new(genesis(4));
    let faults = |organisers: &[u8], needed| by(organisers, needed).faults();
    let many: Vec<_> = (1..=17).collect();
    assert_eq!(faults(&[1], 1), [InvalidElection::Organisers(1)]);
    assert_eq!(faults(&many, 1), [InvalidElection::Organisers(17)]);
    assert_eq!(faults(&many[..16], 16), []);
    assert_eq!(faults(&[1, 1], 1), [InvalidElection::OrganisersOrder]);
    for needed in [0, 3] {
        let organisers = 2;
        let fault = InvalidElection::Needed { needed, organisers };
        assert_eq!(faults(&[1, 2], needed), [fault]);
    }
    let mut swapped = by(&[1, 2], 1);
    swapped.committee.as_mut().unwrap().organisers.reverse();
    assert_eq!(swapped.check(), Err(InvalidElection::OrganisersOrder));
    let create = ledger.sign(&key(200), Payload::CreateElection(by(&[201, 202], 1)));
    assert_eq!(
        ledger.try_one(&create),
        Err(InvalidTransaction::CreatorNotNamed(public(200)))
    );
}

/// A reason as long as there can be, in every place where one stands.
#[test]
fn reason_of_a_replacement_is_a_label() {
    let ledger = Ledger::new(genesis(4));
    let act = Act::ReplaceOrganiser {
        old: public(1),
        new: public(2),
        reason: "\u{202e}".into(),
    };
    let election = ElectionId::default();
    let payload = Payload::Organise(Organise { election, act });
    let bytes = Transaction::sign(ledger.state.chain(), &key(1), payload).to_bytes();
    assert!(matches!(
        verify(&ledger.state.chain(), &bytes),
        Err(TransactionFault::Act(_))
    ));
}

#[test]
fn election_without_a_committee_says_nothing_of_it_in_its_bytes() {
    let (without, with) = (encode(&election()), encode(&by(&[200, 201], 2)));
    // The field before it, which says nothing either, is left out and keeps its number.
    assert_eq!((without[0], with[0]), (0xab, 0xac));
    assert_eq!(with[1..without.len()], without[1..]);
    assert_eq!(with[without.len()], 12);
    let null = [&[0xac], &without[1..], &[12, 0xf6]].concat();
    assert_eq!(decode::<Election>(&null), Err(DecodeError::NotCanonical));
}

#[test]
fn by_the_version_before_there_are_no_committees_and_nothing_of_theirs() {
    let mut ledger = old();
    let id = ledger.create(election());
    let (needed, version) = (Version::new(3), Version::new(2));
    let later = Err(InvalidTransaction::LaterVersion { needed, version });
    let create = ledger.sign(&key(200), Payload::CreateElection(by(&[200, 201], 2)));
    let close = act(&ledger, 200, id, Act::Close);
    let of_later = [
        create,
        act(&ledger, 200, id, replace(200, 201)),
        act(&ledger, 200, id, Act::Withdraw(close.id())),
        approval(&ledger, 200, id, &close),
    ];
    for transaction in &of_later {
        assert_eq!(ledger.try_one(transaction), later);
    }
    make(&mut ledger, plan(needed, 3));
    ledger.decide(&[]);
    assert_eq!(ledger.try_one(&of_later[0]), Ok(()));
}

/// Only who creates elections is admitted by the validators; the others of a committee need not be.
#[test]
fn only_the_creator_need_be_an_organiser_of_the_chain() {
    let mut ledger = Ledger::new(Genesis {
        organisers: Organisers::Keys([public(200)].into()),
        ..genesis(4)
    });
    let id = ledger.create(by(&[200, 201], 2));
    let close = propose(&mut ledger, 201, id, Act::Close);
    ledger.decide(&[approval(&ledger, 200, id, &close)]);
    assert_eq!(phase(&ledger, id), ElectionPhase::Closed);
}

/// A full block's worth of voters at once, and no more: the last one fits the next block.
#[test]
fn approvals_put_no_more_voters_on_rolls_in_one_block_than_acts_do() {
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(Election {
        voters: Voters::Roll,
        ..by(&[200, 201, 202], 2)
    });
    let part = |at: u16| {
        let voter = |number: u16| {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&[at.to_be_bytes(), number.to_be_bytes()].concat());
            Voter(PublicKey::from_bytes(key), 1)
        };
        Act::AddVoters((0..1700).map(voter).collect())
    };
    let proposed: Vec<_> = (0..17)
        .map(|at| propose(&mut ledger, 200, id, part(at)))
        .collect();
    let approvals: Vec<_> = proposed
        .iter()
        .map(|proposed| approval(&ledger, 201, id, proposed))
        .collect();
    let mut block = ledger.state.execute(ledger.next_time());
    for approval in &approvals[..16] {
        assert_eq!(block.apply(approval), Ok(()));
    }
    assert_eq!(
        block.apply(&approvals[16]),
        Err(InvalidTransaction::ApprovedVoters(27_200))
    );
    ledger.decide(&approvals[..16]);
    ledger.decide(&approvals[16..]);
    assert_eq!(ledger.state.election(&id).unwrap().roll.voters, 28_900);
}

#[test]
fn app_that_follows_the_log_knows_who_organises_what_waits_and_what_was_done() {
    let (mut ledger, id) = two_of_three();
    let mut following = Organising::new(committee(&[200, 201, 202], 2));
    let called_off = propose(&mut ledger, 200, id, cancel("snow"));
    let replacing = propose(&mut ledger, 201, id, replace(200, 210));
    let times = act(
        &ledger,
        201,
        id,
        Act::ChangeTimes {
            opens_at: ledger.state.election(&id).unwrap().opens_at,
            closes_at: Some(Timestamp::from_ms(u64::MAX)),
            reason: "snow".into(),
        },
    );
    let replaced = approval(&ledger, 202, id, &replacing);
    ledger.decide(&[times.clone(), replaced.clone()]);
    let close = propose(&mut ledger, 210, id, Act::Close);
    let closed = approval(&ledger, 202, id, &close);
    ledger.decide(std::slice::from_ref(&closed));
    let all = [
        called_off,
        replacing,
        times.clone(),
        replaced,
        close,
        closed,
    ];
    let mut done = Vec::new();
    for (transaction, entry) in all.iter().zip(ledger.state.log(&id)) {
        assert_eq!(transaction.id(), entry.transaction);
        let content = transaction.content();
        let does = following
            .follow(
                transaction.id(),
                content.signer,
                &content.payload,
                entry.time,
            )
            .unwrap();
        done.push(does.map(|act| act.as_ref().clone()));
    }
    assert_eq!(
        done,
        [
            None,
            None,
            None,
            Some(replace(200, 210)),
            None,
            Some(Act::Close)
        ]
    );
    let record = ledger.state.election(&id).unwrap();
    assert_eq!(Some(following.committee()), record.committee.as_ref());
    let waits: Vec<_> = following
        .waiting(ledger.state.tip().time)
        .map(|proposal| (proposal.transaction, proposal.approvals.clone()))
        .collect();
    assert_eq!(waits, [(times.id(), vec![public(201)])]);
    let content = all[5].content();
    let again = following.follow(
        all[5].id(),
        content.signer,
        &content.payload,
        ledger.state.tip().time,
    );
    assert!(again.is_err(), "the ledger takes it once");
}

/// An archive of an election of two of three, in which one act has lapsed, one was withdrawn, one
/// waits, a key was replaced, and the last act closes it.
fn eventful() -> (Ledger, ElectionId) {
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(Election {
        voters: Voters::Roll,
        ..by(&[200, 201, 202], 2)
    });
    let voters = Act::AddVoters(vec![Voter(public(50), 1)]);
    let voters = propose(&mut ledger, 200, id, voters);
    let typo = propose(&mut ledger, 201, id, cancel("typo"));
    ledger.decide(&[
        approval(&ledger, 202, id, &voters),
        act(&ledger, 201, id, Act::Withdraw(typo.id())),
    ]);
    propose(&mut ledger, 202, id, cancel("lapses"));
    ledger.pause_ms = PROPOSAL_LAPSES_MS;
    let open = propose(&mut ledger, 200, id, Act::Open);
    ledger.pause_ms = 1000;
    let replacing = propose(&mut ledger, 201, id, replace(202, 210));
    ledger.decide(&[
        approval(&ledger, 201, id, &open),
        approval(&ledger, 200, id, &replacing),
    ]);
    propose(&mut ledger, 201, id, cancel("waits"));
    ledger.decide(&[ledger.ballot(50, id, Selection::Listed(0))]);
    let close = propose(&mut ledger, 210, id, Act::Close);
    ledger.decide(&[approval(&ledger, 200, id, &close)]);
    (ledger, id)
}

pub(crate) fn good() -> Vec<(String, Vec<u8>)> {
    let (ledger, id) = eventful();
    let mut alone = Ledger::new(genesis(4));
    let one = alone.create(by(&[200, 201], 1));
    propose(&mut alone, 201, one, cancel("alone"));
    let (mut waits, three) = two_of_three();
    propose(&mut waits, 200, three, Act::Close);
    [
        ("committee-eventful", archive(&ledger, id)),
        ("committee-one-is-enough", archive(&alone, one)),
        ("committee-waits", archive(&waits, three)),
    ]
    .map(|(name, archive)| (name.into(), encode(&archive)))
    .into()
}

/// Each breaks one rule, in a block that all have signed.
pub(crate) fn bad() -> Vec<(String, Vec<u8>)> {
    let mut cases = Vec::new();
    let mut case = |name: &str, prepare: &dyn Fn(&mut Ledger, ElectionId) -> Arc<Verified>| {
        let mut ledger = Ledger::new(genesis(4));
        let id = ledger.create(by(&[200, 201, 202, 203], 3));
        let broken = prepare(&mut ledger, id);
        ledger.force(&[broken]);
        cases.push((format!("committee-{name}"), encode(&archive(&ledger, id))));
    };
    case("stranger-acts", &|ledger, id| {
        act(ledger, 50, id, Act::Close)
    });
    case("stranger-approves", &|ledger, id| {
        let close = propose(ledger, 200, id, Act::Close);
        approval(ledger, 50, id, &close)
    });
    case("approved-twice", &|ledger, id| {
        let close = propose(ledger, 200, id, Act::Close);
        ledger.decide(&[approval(ledger, 201, id, &close)]);
        approval(ledger, 200, id, &close)
    });
    case("never-proposed", &|ledger, id| {
        let never = act(ledger, 200, id, Act::Close);
        approval(ledger, 201, id, &never)
    });
    case("proposed-again", &|ledger, id| {
        propose(ledger, 200, id, Act::Close)
    });
    case("withdrawn-by-another", &|ledger, id| {
        let close = propose(ledger, 200, id, Act::Close);
        act(ledger, 201, id, Act::Withdraw(close.id()))
    });
    case("approved-when-withdrawn", &|ledger, id| {
        let close = propose(ledger, 200, id, Act::Close);
        ledger.decide(&[act(ledger, 200, id, Act::Withdraw(close.id()))]);
        approval(ledger, 201, id, &close)
    });
    case("approved-when-lapsed", &|ledger, id| {
        let close = propose(ledger, 200, id, Act::Close);
        ledger.pause_ms = PROPOSAL_LAPSES_MS;
        approval(ledger, 201, id, &close)
    });
    case("approved-when-done", &|ledger, id| {
        let times = Act::ChangeTimes {
            opens_at: ledger.state.election(&id).unwrap().opens_at,
            closes_at: None,
            reason: "r".into(),
        };
        let times = propose(ledger, 200, id, times);
        ledger.decide(&[201, 202].map(|by| approval(ledger, by, id, &times)));
        approval(ledger, 203, id, &times)
    });
    case("replaces-itself", &|ledger, id| {
        act(ledger, 200, id, replace(200, 210))
    });
    case("approves-own-replacement", &|ledger, id| {
        let replacing = propose(ledger, 200, id, replace(201, 210));
        approval(ledger, 201, id, &replacing)
    });
    case("replaced-key-approves", &|ledger, id| {
        let replacing = propose(ledger, 200, id, replace(201, 210));
        ledger.decide(&[202, 203].map(|by| approval(ledger, by, id, &replacing)));
        let close = propose(ledger, 210, id, Act::Close);
        approval(ledger, 201, id, &close)
    });
    case("proposal-of-a-replaced-key", &|ledger, id| {
        let close = propose(ledger, 201, id, Act::Close);
        let replacing = propose(ledger, 200, id, replace(201, 210));
        ledger.decide(&[202, 203].map(|by| approval(ledger, by, id, &replacing)));
        approval(ledger, 202, id, &close)
    });
    case("replaced-by-an-organiser", &|ledger, id| {
        act(ledger, 200, id, replace(201, 202))
    });
    case("one-proposal-too-many", &|ledger, id| {
        for number in 0..PROPOSALS_MAX {
            propose(ledger, 200, id, cancel(&number.to_string()));
        }
        act(ledger, 200, id, cancel("one too many"))
    });
    // The state says that it was done, and two of three have signed it.
    for (name, signers) in [("closed-by-one", 1), ("closed-by-two", 2)] {
        case(name, &|ledger, id| {
            if signers == 1 {
                return act(ledger, 200, id, Act::Close);
            }
            let open_until = Act::ChangeTimes {
                opens_at: ledger.state.election(&id).unwrap().opens_at,
                closes_at: None,
                reason: "r".into(),
            };
            let proposed = propose(ledger, 200, id, open_until);
            ledger.decide(&[approval(ledger, 201, id, &proposed)]);
            act(ledger, 202, id, Act::Close)
        });
    }
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(election());
    let close = act(&ledger, 200, id, Act::Close);
    ledger.force(&[approval(&ledger, 200, id, &close)]);
    cases.push((
        "committee-that-there-is-not".into(),
        encode(&archive(&ledger, id)),
    ));
    let mut ledger = Ledger::new(genesis(4));
    let create = ledger.sign(&key(200), Payload::CreateElection(by(&[201, 202], 1)));
    ledger.force(std::slice::from_ref(&create));
    let (other, there) = two_of_three();
    let mut whole = archive(&other, there);
    // All but the election is as there, and so is the way from its place to the root.
    whole.election = ElectionId::new(*create.id().hash());
    let (block, certificate) = &ledger.blocks[0];
    (whole.last, whole.last_certificate) = (block.header.clone(), certificate.clone());
    whole.blocks = vec![ArchivedBlock {
        header: block.header.clone(),
        certificate: certificate.clone(),
        transactions: vec![ArchivedTransaction::Own(block.transactions[0].clone())],
    }];
    cases.push(("committee-without-its-creator".into(), encode(&whole)));
    cases
}

#[test]
fn archives_of_committees_hold_and_say_who_organises() {
    let (ledger, id) = eventful();
    let audit = archive(&ledger, id).verify(None, |_| {}).unwrap();
    assert_eq!(audit.record, *ledger.state.election(&id).unwrap());
    assert_eq!(audit.phase, ElectionPhase::Closed);
    assert_eq!(
        audit.log,
        ledger.state.log(&id).cloned().collect::<Vec<_>>()
    );
}

/// So that nothing else gives these files away.
#[test]
fn bad_archives_of_committees_are_refused_for_the_rule_that_they_break() {
    for (name, bytes) in bad() {
        let fault = decode::<Archive>(&bytes).unwrap().verify(None, |_| {});
        let fault = fault.unwrap_err().to_string();
        let expected = if name.contains("closed-by") {
            "the state of block"
        } else {
            "breaks a rule"
        };
        assert!(fault.contains(expected), "{name}: {fault}");
    }
}
