//! Receipt files that say what the ballot says: good ones, and every lie refused with its reason.

use serde_bytes::ByteBuf;
use serde_json::{Value, json};
use vote_chain::{
    Act, Ballot, Choices, Contest, Election, ElectionId, InvalidReceiptFile, InvalidStatement,
    KeptReceipt, Organise, Payload, Ranks, ReceiptFile, Rule, Selection, Statement, Transaction,
    TransactionId, decode, encode,
};

use crate::archives;
use crate::ledger::{Ledger, counted, genesis, key, with_contests};

/// The receipt of a transaction, with any bytes beside it.
pub(crate) fn kept(ledger: &Ledger, height: u64, index: u32, election: &[u8]) -> KeptReceipt {
    let receipt = ledger.receipt(height, index);
    let ballot = bytes_at(ledger, height, index);
    KeptReceipt {
        receipt,
        ballot,
        election: ByteBuf::from(election),
    }
}

pub(crate) fn bytes_at(ledger: &Ledger, height: u64, index: u32) -> ByteBuf {
    let (block, _) = &ledger.blocks[usize::try_from(height).unwrap() - 1];
    block.transactions[usize::try_from(index).unwrap()].clone()
}

/// A ballot of a voter in an election of its own, in block 2; the election is in block 1.
fn cast(election: Election, ballot: impl FnOnce(ElectionId) -> Ballot) -> (Ledger, KeptReceipt) {
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(election);
    ledger.decide(&[ledger.ballot_of(&key(50), ballot(id))]);
    let kept = kept(&ledger, 2, 0, &bytes_at(&ledger, 1, 0));
    (ledger, kept)
}

fn says(contests: Vec<Contest>, selections: Vec<Selection>) -> KeptReceipt {
    let ballot = |election| Ballot {
        election,
        counter: 0,
        name: String::new(),
        selections,
    };
    cast(with_contests(contests), ballot).1
}

fn ranked(ranks: &[&[u16]]) -> Selection {
    Selection::Ranked(Ranks::new(ranks).unwrap())
}

fn contest(title: &str, rule: Rule, choices: &[&str]) -> Contest {
    let choices = choices.iter().map(ToString::to_string).collect();
    Contest {
        title: title.into(),
        abstention: true,
        ..Contest::listed(choices, rule, 1)
    }
}

/// A receipt of the ledger of the archives: after a change of the set.
fn grown() -> (Ledger, KeptReceipt) {
    let (ledger, _) = archives::ledger();
    let kept = kept(&ledger, 6, 1, &bytes_at(&ledger, 2, 0));
    (ledger, kept)
}

pub(crate) fn good() -> Vec<(String, Vec<u8>)> {
    let names = ["Soup", "Pasta", "A > B", "-", "abstain", "say \"Yes\""];
    let lunch = |rule| vec![contest("", rule, &names)];
    let mut cases = vec![
        ("grown", grown().1),
        (
            "plurality",
            says(lunch(Rule::Plurality), vec![Selection::Listed(1)]),
        ),
        (
            "named-like-abstaining",
            says(lunch(Rule::Plurality), vec![Selection::Listed(4)]),
        ),
        (
            "abstaining",
            says(lunch(Rule::Plurality), vec![Selection::Abstain]),
        ),
        (
            "write-in",
            says(
                vec![Contest::write_in()],
                vec![Selection::WriteIn("Gr\u{fc}nkohl, lots".into())],
            ),
        ),
        (
            "approval",
            says(
                lunch(Rule::Approval),
                vec![Selection::Approved(vec![0, 2, 5])],
            ),
        ),
        (
            "approval-of-none",
            says(lunch(Rule::Approval), vec![Selection::Approved(vec![])]),
        ),
        (
            "score",
            says(
                lunch(Rule::Score),
                vec![Selection::Scored(vec![10, 0, 3, 0, 1, 0])],
            ),
        ),
        (
            "score-of-none",
            says(lunch(Rule::Score), vec![Selection::Scored(vec![0; 6])]),
        ),
        (
            "ranks",
            says(lunch(Rule::Irv), vec![ranked(&[&[3], &[0, 2], &[1]])]),
        ),
        ("ranks-of-none", says(lunch(Rule::Meek), vec![ranked(&[])])),
        (
            "two-contests",
            says(
                vec![
                    contest("Chair", Rule::Plurality, &["Ada", "Joan"]),
                    contest("Board", Rule::Stv, &["Ada", "Joan"]),
                ],
                vec![Selection::Listed(1), ranked(&[&[1], &[0]])],
            ),
        ),
    ];
    let replaced = {
        let mut ledger = Ledger::new(genesis(4));
        let id = ledger.create(Election {
            revotes: 1,
            ..counted(Rule::Plurality, 1)
        });
        let ballot = |counter| Ballot {
            counter,
            ..Ballot::plain(id, Selection::Listed(0))
        };
        ledger.decide(&[ledger.ballot_of(&key(50), ballot(0))]);
        ledger.decide(&[ledger.ballot_of(&key(50), ballot(1))]);
        kept(&ledger, 3, 0, &bytes_at(&ledger, 1, 0))
    };
    cases.push(("replacing", replaced));
    cases
        .into_iter()
        .map(|(name, kept)| (format!("kept-{name}"), encode(&kept)))
        .collect()
}

/// Files that only one thing is wrong with, and why they are refused.
fn lies() -> Vec<(&'static str, KeptReceipt, &'static str)> {
    let (ledger, whole) = grown();
    let with = |change: &dyn Fn(&mut KeptReceipt)| {
        let mut kept = whole.clone();
        change(&mut kept);
        kept
    };
    let chain = ledger.state.chain();
    // The same election with its choices the other way round, by the same organiser: the words of
    // another vote.
    let turned = {
        let Payload::CreateElection(mut election) = decode::<Transaction>(&whole.election)
            .unwrap()
            .content
            .payload
        else {
            panic!("it creates an election")
        };
        let Choices::Listed(choices) = &mut election.contests[0].choices else {
            panic!("its choices are listed")
        };
        choices.reverse();
        Transaction::sign(chain, &key(200), Payload::CreateElection(election)).to_bytes()
    };
    let flip = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        ByteBuf::from(bytes)
    };
    let other_ballot = bytes_at(&ledger, 6, 0);
    let other_election = bytes_at(&ledger, 1, 0);
    let mut cases = vec![
        (
            "choices-turned",
            with(&|kept| kept.election = turned.clone().into()),
            "is not the one that the ballot is for",
        ),
        (
            "another-election",
            with(&|kept| kept.election = other_election.clone()),
            "is not the one that the ballot is for",
        ),
        (
            "election-flipped",
            with(&|kept| kept.election = flip(&kept.election)),
            "is not the one that the ballot is for",
        ),
        (
            "election-empty",
            with(&|kept| kept.election = ByteBuf::new()),
            "is not the one that the ballot is for",
        ),
        (
            "election-is-the-ballot",
            with(&|kept| kept.election = kept.ballot.clone()),
            "is not the one that the ballot is for",
        ),
        (
            "another-ballot",
            with(&|kept| kept.ballot = other_ballot.clone()),
            "is not the one that the receipt is for",
        ),
        (
            "ballot-flipped",
            with(&|kept| kept.ballot = flip(&kept.ballot)),
            "is not the one that the receipt is for",
        ),
        (
            "ballot-empty",
            with(&|kept| kept.ballot = ByteBuf::new()),
            "is not the one that the receipt is for",
        ),
        (
            "unsigned",
            with(&|kept| kept.receipt.certificate.signatures.truncate(1)),
            "more than two thirds are needed",
        ),
        (
            "place-moved",
            with(&|kept| kept.receipt.proof.index = 0),
            "the path does not lead",
        ),
        (
            "set-changes-left-out",
            with(&|kept| kept.receipt.set_changes.clear()),
            "names other validators for its height",
        ),
    ];
    // An act of the organiser, which is final and no ballot.
    cases.push((
        "of-an-act",
        kept(&ledger, 7, 0, &whole.election),
        "the transaction is no ballot",
    ));
    cases.extend(forced());
    cases
}

/// Final ballots that no rule of the ledger lets pass, as if all validators had agreed on them.
fn forced() -> Vec<(&'static str, KeptReceipt, &'static str)> {
    // Bytes that are no transaction of the chain, in a final block, beside an election's.
    let force = |bytes: Vec<u8>, election: &[u8]| {
        let mut ledger = Ledger::new(genesis(4));
        ledger.create(counted(Rule::Plurality, 1));
        ledger.force_bytes(&[bytes]);
        kept(&ledger, 2, 0, election)
    };
    let ledger = {
        let mut ledger = Ledger::new(genesis(4));
        ledger.create(counted(Rule::Plurality, 1));
        ledger
    };
    let chain = ledger.state.chain();
    let election = bytes_at(&ledger, 1, 0);
    let id = ElectionId::new(*TransactionId::of(&election).hash());
    let sign = |payload| Transaction::sign(chain, &key(50), payload);
    let ballot = |selections: Vec<Selection>| Ballot {
        selections,
        ..Ballot::plain(id, Selection::Abstain)
    };
    let signed = |selections| sign(Payload::CastBallot(ballot(selections))).to_bytes();
    let mut stranger = sign(Payload::CastBallot(ballot(vec![Selection::Listed(0)])));
    stranger.content.signer = key(51).public();
    let foreign = {
        let payload = Payload::CastBallot(ballot(vec![Selection::Listed(0)]));
        Transaction::sign(genesis(1).chain(), &key(50), payload).to_bytes()
    };
    // An election that nobody can create, and one whose signature is not its organiser's.
    let untitled = sign(Payload::CreateElection(Election {
        title: String::new(),
        ..counted(Rule::Plurality, 1)
    }));
    // Texts that look the same, or like nothing.
    let invisible = Election {
        title: "\u{200b}".into(),
        ..counted(Rule::Plurality, 1)
    };
    let alike = |names: [&str; 3]| {
        with_contests(vec![Contest::listed(
            names.map(String::from).into(),
            Rule::Plurality,
            1,
        )])
    };
    let titled = ["Board", "Board\u{a0}"].map(|title| Contest {
        title: title.into(),
        ..Contest::write_in()
    });
    let created = |election: Election| sign(Payload::CreateElection(election));
    let write_in = created(with_contests(vec![Contest::write_in()]));
    let written = |text: &str| {
        let bytes = write_in.to_bytes();
        let election = ElectionId::new(*TransactionId::of(&bytes).hash());
        let ballot = Ballot::plain(election, Selection::WriteIn(text.into()));
        force(sign(Payload::CastBallot(ballot)).to_bytes(), &bytes)
    };
    let mut forged = sign(Payload::CreateElection(counted(Rule::Plurality, 1)));
    forged.content.signer = key(51).public();
    let act = sign(Payload::Organise(Organise {
        election: id,
        act: Act::Close,
    }));
    let for_election = |transaction: &Transaction| {
        let bytes = transaction.to_bytes();
        let election = ElectionId::new(*TransactionId::of(&bytes).hash());
        let ballot = Ballot::plain(election, Selection::Listed(0));
        force(sign(Payload::CastBallot(ballot)).to_bytes(), &bytes)
    };
    vec![
        (
            "no-such-choice",
            force(signed(vec![Selection::Listed(3)]), &election),
            "does not fit contest 1",
        ),
        (
            "of-another-kind",
            force(signed(vec![Selection::Approved(vec![0])]), &election),
            "does not fit contest 1",
        ),
        (
            "abstaining-in-vain",
            force(signed(vec![Selection::Abstain]), &election),
            "does not fit contest 1",
        ),
        (
            "two-answers",
            force(signed(vec![Selection::Listed(0); 2]), &election),
            "the ballot answers 2 contests",
        ),
        (
            "no-answer",
            force(signed(vec![]), &election),
            "the ballot answers 0 contests",
        ),
        (
            "signed-by-another",
            force(stranger.to_bytes(), &election),
            "the signature does not verify",
        ),
        (
            "of-another-chain",
            force(foreign, &election),
            "signed for chain",
        ),
        (
            "election-without-a-title",
            for_election(&untitled),
            "the election is not valid",
        ),
        (
            "election-without-a-title-to-see",
            for_election(&created(invisible)),
            "the election is not valid",
        ),
        (
            "choices-alike",
            for_election(&created(alike(["Zo\u{eb}", "Soup", "Zoe\u{308}"]))),
            "the election is not valid",
        ),
        (
            "choices-of-spaces",
            for_election(&created(alike(["A B", "A  B", "C"]))),
            "the election is not valid",
        ),
        (
            "titles-alike",
            for_election(&created(with_contests(titled.into()))),
            "the election is not valid",
        ),
        (
            "write-in-of-two-letters",
            written("Zoe\u{308}"),
            "the ballot is not valid",
        ),
        (
            "write-in-of-spaces",
            written("Joan  Smith"),
            "the ballot is not valid",
        ),
        (
            "write-in-with-what-is-not-seen",
            written("Jo\u{ad}an"),
            "the ballot is not valid",
        ),
        (
            "election-signed-by-another",
            for_election(&forged),
            "the election is not valid",
        ),
        ("of-no-election", for_election(&act), "creates no election"),
    ]
}

pub(crate) fn bad() -> Vec<(String, Vec<u8>)> {
    let mut cases: Vec<_> = lies()
        .into_iter()
        .map(|(name, kept, _)| (format!("kept-{name}"), encode(&kept)))
        .collect();
    let whole = encode(&grown().1);
    cases.push(("kept-cut".into(), whole[..whole.len() - 1].to_vec()));
    cases.push(("kept-longer".into(), [whole.as_slice(), &[0]].concat()));
    for number in 0..40 {
        let at = whole.len() * number / 40;
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (number % 8);
        cases.push((format!("kept-flipped-{number}"), flipped));
    }
    cases
}

/// What a ballot says, as programs read it.
pub(crate) fn statement(says: &Statement) -> Value {
    let contests: Vec<_> = says
        .words()
        .map(|(title, words)| json!({ "title": title, "says": words }))
        .collect();
    json!({
        "election": says.ballot.election, "title": says.election.title, "organiser": says.organiser,
        "credential": says.credential, "name": says.ballot.name, "counter": says.ballot.counter, "contests": contests,
    })
}

#[test]
fn receipt_file_says_what_the_ballot_says_in_the_words_of_its_election() {
    let (ledger, whole) = grown();
    let file = ReceiptFile::decode(&encode(&whole)).unwrap();
    let says = file
        .check(Some(&ledger.state.chain()))
        .unwrap()
        .expect("the file holds the ballot");
    assert_eq!(says.election.title, "Lunch");
    assert_eq!(
        (says.ballot.name.as_str(), says.credential),
        ("", key(53).public())
    );
    assert_eq!(says.words().collect::<Vec<_>>(), [("", "Pasta".to_owned())]);
    assert_eq!(file.to_bytes(), encode(&whole));
}

#[test]
fn bare_receipt_of_an_earlier_version_is_read_and_does_not_say_what_the_ballot_says() {
    let (ledger, whole) = grown();
    let bytes = encode(&whole.receipt);
    let file = ReceiptFile::decode(&bytes).unwrap();
    assert_eq!(file.check(Some(&ledger.state.chain())).unwrap(), None);
    assert_eq!(file.to_bytes(), bytes);
    assert!(ReceiptFile::decode(&[]).is_err());
}

#[test]
fn each_lie_is_refused_for_what_is_wrong_with_it() {
    for (name, kept, why) in lies() {
        let refused = kept.check(None).unwrap_err().to_string();
        assert!(refused.contains(why), "{name}: {refused}");
    }
    let (_, whole) = grown();
    let other = genesis(3).chain();
    assert!(matches!(
        whole.check(Some(&other)),
        Err(InvalidReceiptFile::Receipt(_))
    ));
}

#[test]
fn no_changed_byte_of_a_receipt_file_is_believed() {
    let (_, whole) = grown();
    let bytes = encode(&whole);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x40;
        let believed = ReceiptFile::decode(&changed).is_ok_and(|file| file.check(None).is_ok());
        assert!(!believed, "byte {at}");
    }
}

#[test]
fn ballot_is_read_with_the_words_of_its_own_election_alone() {
    let (ledger, whole) = grown();
    let other = bytes_at(&ledger, 1, 0);
    let read = Statement::read(&ledger.state.chain(), &whole.ballot, &other);
    assert!(
        matches!(read, Err(InvalidStatement::OtherElection)),
        "{read:?}"
    );
}
