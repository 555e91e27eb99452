//! Archives and receipts, good and bad, on which two verifiers must agree: this crate, and
//! `verifier/verify.py`, which is written from docs/protocol.md. `VERIFIER_CASES=DIR` writes them
//! with this crate's verdicts; `verifier/check_cases.py DIR` compares.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};
use vote_chain::{
    Act, Archive, ArchivedBlock, ArchivedTransaction, Ballot, BallotKind, Contest, ContestTally,
    Election, Genesis, Header, Limits, Organise, Organisers, Overvotes, Payload, PublicKey, Ranks,
    Receipt, ReceiptFile, Results, Rule, Selection, SetChange, Timestamp, ValidatorSet, Version,
    Voter, Voters, decode, encode,
};

use crate::archives::{archive, ledger};
use crate::ledger::{
    Ledger, START, certify_header, counted, election, genesis, key, with_contests,
};
use crate::{committees, elections};
use crate::{long_lives, names, organisers, receipts, versions};

/// Numbers without a pattern, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A ballot of a contest.
fn ballot_of(contest: &Contest, dice: &mut Dice) -> Selection {
    let n = u16::try_from(contest.listed_count().unwrap()).unwrap();
    let below = |dice: &mut Dice, bound: u16| u16::try_from(dice.below(u64::from(bound))).unwrap();
    match contest.rule.ballots() {
        BallotKind::One => Selection::Listed(below(dice, n)),
        BallotKind::Several => {
            let chosen = (0..n).filter(|_| dice.below(2) == 0);
            Selection::Approved(chosen.take(usize::from(contest.choices_max)).collect())
        }
        BallotKind::Points => {
            let mut points = vec![0; usize::from(n)];
            for _ in 0..below(dice, contest.seats + 1) {
                points[usize::from(below(dice, n))] += 1;
            }
            Selection::Scored(points)
        }
        BallotKind::Scores => Selection::Scored(
            (0..n)
                .map(|_| u8::try_from(dice.below(11)).unwrap())
                .collect(),
        ),
        BallotKind::Ranks => {
            let mut places: Vec<u16> = (0..n).collect();
            for at in (1..n).rev() {
                places.swap(usize::from(at), usize::from(below(dice, at + 1)));
            }
            places.truncate(usize::from(below(dice, n + 1)));
            let mut ranks: Vec<Vec<u16>> = Vec::new();
            for place in places {
                match ranks.last_mut() {
                    Some(last) if dice.below(4) == 0 => last.push(place),
                    _ => ranks.push(vec![place]),
                }
            }
            ranks.iter_mut().for_each(|rank| rank.sort_unstable());
            Selection::Ranked(Ranks::new(ranks).unwrap())
        }
    }
}

/// Two contests over `n` choices by one rule, voters with weights, and a text that breaks ties in
/// half of them.
fn weighted(rule: Rule, n: u16, seats: u16, ballots: u8, dice: &mut Dice) -> Archive {
    let names = (0..n).map(|at| format!("choice {at}")).collect();
    two_contests(
        &Contest {
            abstention: true,
            ..Contest::listed(names, rule, seats)
        },
        ballots,
        dice,
    )
}

fn two_contests(contest: &Contest, ballots: u8, dice: &mut Dice) -> Archive {
    let mut ledger = Ledger::new(genesis(4));
    let contests = ["First", "Second"].map(|title| Contest {
        title: title.into(),
        ..contest.clone()
    });
    let tie_break = if ballots.is_multiple_of(2) {
        String::new()
    } else {
        "the next lottery".into()
    };
    let id = ledger.create(Election {
        voters: Voters::WeightedRoll,
        tie_break,
        ..with_contests(contests.into())
    });
    let weight = |dice: &mut Dice| {
        if ballots > 10 {
            1 + u32::try_from(dice.below(4)).unwrap()
        } else {
            1
        }
    };
    let mut voters: Vec<_> = (0..ballots)
        .map(|voter| Voter(key(50 + voter).public(), weight(dice)))
        .collect();
    voters.sort();
    ledger.decide(&[
        ledger.act(id, Act::AddVoters(voters)),
        ledger.act(id, Act::Open),
    ]);
    let all: Vec<_> = (0..ballots)
        .map(|voter| {
            let selections = (0..2).map(|_| match dice.below(8) {
                0 => Selection::Abstain,
                _ => ballot_of(contest, dice),
            });
            let ballot = Ballot {
                selections: selections.collect(),
                ..Ballot::plain(id, Selection::Abstain)
            };
            ledger.ballot_of(&key(50 + voter), ballot)
        })
        .collect();
    all.chunks(7).for_each(|part| ledger.decide(part));
    archive(&ledger, id)
}

/// An election by a rule with so many random ballots; ties are likely if they are few.
fn elected(rule: Rule, seats: u16, ballots: u8, dice: &mut Dice) -> Archive {
    let mut ledger = Ledger::new(genesis(4));
    let contest = Contest {
        abstention: ballots == 6,
        ..counted(rule, seats).contests.remove(0)
    };
    let id = ledger.create(with_contests(vec![contest.clone()]));
    let all: Vec<_> = (0..ballots)
        .map(|voter| match voter {
            5 if ballots == 6 => ledger.ballot(50 + voter, id, Selection::Abstain),
            _ => ledger.ballot(50 + voter, id, ballot_of(&contest, dice)),
        })
        .collect();
    all.chunks(7).for_each(|part| ledger.decide(part));
    archive(&ledger, id)
}

fn good() -> Vec<(String, Vec<u8>)> {
    let (grown, id) = ledger();
    let mut cases = vec![("grown".into(), encode(&archive(&grown, id)))];
    cases.push(("organiser-admitted".into(), encode(&organisers::admitted())));
    cases.extend([3, 6].map(|height| {
        (
            format!("receipt-{height}"),
            encode(&grown.receipt(height, 0)),
        )
    }));
    let mut dice = Dice(4711);
    for rule in Rule::ALL.into_iter().filter(|rule| *rule != Rule::YesNo) {
        let seats = if rule.fills_one_seat() { 1 } else { 2 };
        for ballots in [0, 2, 3, 4, 6, 40] {
            let name = format!("{}-{seats}-{ballots}", rule.name());
            cases.push((name, encode(&elected(rule, seats, ballots, &mut dice))));
        }
    }
    for rule in Rule::ALL {
        for (ballots, mut n, mut seats) in [
            (4, 5, 3),
            (5, 6, 2),
            (7, 8, 3),
            (40, 7, 4),
            (41, 5, 2),
            (120, 8, 3),
        ] {
            seats = if rule.fills_one_seat() { 1 } else { seats };
            n = if rule == Rule::YesNo { 2 } else { n };
            let name = format!("weighted-{}-{n}-{seats}-{ballots}", rule.name());
            cases.push((name, encode(&weighted(rule, n, seats, ballots, &mut dice))));
        }
    }
    for overvotes in Overvotes::ALL {
        for (ballots, n) in [(4, 4), (7, 5), (40, 7), (41, 5)] {
            let names = (0..n).map(|at| format!("choice {at}")).collect();
            let contest = Contest {
                abstention: true,
                overvotes,
                ..Contest::listed(names, Rule::Irv, 1)
            };
            let name = format!("overvotes-{}-{n}-{ballots}", overvotes.name());
            cases.push((name, encode(&two_contests(&contest, ballots, &mut dice))));
        }
    }
    for rule in Rule::ALL {
        let Some(says) = elections::blank(rule) else {
            continue;
        };
        let mut ledger = Ledger::new(genesis(4));
        let id = ledger.create(counted(rule, if rule.fills_one_seat() { 1 } else { 2 }));
        ledger.decide(&[50, 51].map(|voter| ledger.ballot(voter, id, says.clone())));
        cases.push((
            format!("blank-{}", rule.name()),
            encode(&archive(&ledger, id)),
        ));
    }
    // By the Scottish rules a ballot that has its first choices equal counts for nobody.
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(counted(Rule::Stv, 2));
    let equal = Selection::Ranked(Ranks::new([vec![0, 1], vec![2]]).unwrap());
    ledger.decide(&[50, 51].map(|voter| ledger.ballot(voter, id, equal.clone())));
    cases.push(("equal-stv".into(), encode(&archive(&ledger, id))));
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(with_contests(vec![Contest::write_in()]));
    let words = ["Rust", "C", "Gr\u{fc}nkohl", "Rust", "C"];
    let ballots: Vec<_> = (50..)
        .zip(words)
        .map(|(voter, word)| ledger.ballot(voter, id, Selection::WriteIn(word.into())))
        .collect();
    ledger.decide(&ballots);
    cases.push(("write-in".into(), encode(&archive(&ledger, id))));
    cases.extend(withheld());
    cases.extend(elections::all());
    cases.extend(receipts::good());
    cases.extend(names::good());
    cases.extend(committees::good());
    cases.extend(long_lives::good());
    cases
}

/// Elections that show their count once they have closed: open, cancelled, closed.
fn withheld() -> Vec<(String, Vec<u8>)> {
    let ends = [
        ("open", None),
        ("cancelled", Some(Act::Cancel("typo".into()))),
        ("closed", Some(Act::Close)),
    ];
    let case = |(name, end): (&str, Option<Act>)| {
        let mut ledger = Ledger::new(genesis(4));
        let id = ledger.create(Election {
            results: Results::AtClosing,
            ..election()
        });
        ledger.decide(&[50, 51].map(|voter| ledger.ballot(voter, id, Selection::Listed(1))));
        end.into_iter()
            .for_each(|act| ledger.decide(&[ledger.act(id, act)]));
        (format!("withheld-{name}"), encode(&archive(&ledger, id)))
    };
    ends.into_iter().map(case).collect()
}

#[test]
fn archive_says_who_leads_only_once_the_rules_show_it() {
    let counted =
        |(_, bytes): (String, Vec<u8>)| verdict(&bytes)["contests"].as_array().unwrap().len();
    assert_eq!(
        withheld().into_iter().map(counted).collect::<Vec<_>>(),
        [0, 0, 1]
    );
}

fn forced() -> Vec<(String, Vec<u8>)> {
    let at = |ms| Some(Timestamp::from_ms(START + ms));
    let bad_choices = [
        (Rule::Plurality, Selection::Listed(3)),
        (Rule::Plurality, Selection::WriteIn("Soup".into())),
        (Rule::Approval, Selection::Approved(vec![2, 1])),
        (Rule::Approval, Selection::Listed(0)),
        (Rule::Score, Selection::Scored(vec![11, 0, 0])),
        (Rule::Score, Selection::Scored(vec![1, 2])),
        (
            Rule::Irv,
            Selection::Ranked(Ranks::new([vec![0], vec![0]]).unwrap()),
        ),
        (Rule::Stv, Selection::Ranked(Ranks::new([vec![]]).unwrap())),
        (
            Rule::Schulze,
            Selection::Ranked(Ranks::new([vec![1, 0]]).unwrap()),
        ),
        (
            Rule::Meek,
            Selection::Ranked(Ranks::new([vec![3]]).unwrap()),
        ),
        (
            Rule::Minimax,
            Selection::Ranked(Ranks::new([vec![3]]).unwrap()),
        ),
        (Rule::Star, Selection::Approved(vec![1])),
        (Rule::MajorityJudgment, Selection::Scored(vec![0, 0, 11])),
        (Rule::Limited, Selection::Approved(vec![0, 1])),
        (Rule::Cumulative, Selection::Scored(vec![2, 0, 1])),
        (Rule::Cumulative, Selection::Scored(vec![2])),
        (Rule::Irv, Selection::Abstain),
    ];
    let mut cases = Vec::new();
    for (number, (rule, choice)) in bad_choices.into_iter().enumerate() {
        let mut ledger = Ledger::new(genesis(4));
        let two = matches!(rule, Rule::Limited | Rule::Cumulative);
        let id = ledger.create(counted(rule, if two { 2 } else { 1 }));
        ledger.force(&[ledger.ballot(50, id, choice)]);
        cases.push((format!("choice-{number}"), encode(&archive(&ledger, id))));
    }
    cases.push((
        "rule-of-a-later-version".into(),
        encode(&versions::of_a_later_version()),
    ));
    let times = [
        (
            "early",
            Election {
                opens_at: at(60_000),
                ..election()
            },
        ),
        (
            "late",
            Election {
                closes_at: at(1500),
                ..election()
            },
        ),
    ];
    for (name, election) in times {
        let mut ledger = Ledger::new(genesis(4));
        let id = ledger.create(election);
        ledger.force(&[ledger.ballot(50, id, Selection::Listed(0))]);
        cases.push((name.into(), encode(&archive(&ledger, id))));
    }
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(election());
    ledger.force(&[
        ledger.ballot(50, id, Selection::Listed(0)),
        ledger.ballot(50, id, Selection::Listed(0)),
    ]);
    cases.push(("twice".into(), encode(&archive(&ledger, id))));
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(election());
    ledger.force(&[ledger.sign(
        &key(201),
        Payload::Organise(Organise {
            election: id,
            act: Act::Close,
        }),
    )]);
    cases.push(("closed-by-a-stranger".into(), encode(&archive(&ledger, id))));
    cases.extend(elections::all_forced());
    cases
}

fn bad() -> Vec<(String, Vec<u8>)> {
    let (grown, id) = ledger();
    let whole = archive(&grown, id);
    let (bytes, receipt) = (encode(&whole), encode(&grown.receipt(6, 1)));
    let mut cases = forced();
    for (name, bytes) in [("archive", &bytes), ("receipt", &receipt)] {
        let mut dice = Dice(42);
        for number in 0..40 {
            let mut flipped = bytes.clone();
            let at = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
            flipped[at] ^= 1 << dice.below(8);
            cases.push((format!("{name}-flipped-{number}"), flipped));
        }
        cases.push((format!("{name}-cut"), bytes[..bytes.len() - 1].to_vec()));
        cases.push((format!("{name}-longer"), [bytes.as_slice(), &[0]].concat()));
    }
    cases.push(("nothing".into(), Vec::new()));
    let mut lie = |name: &str, change: &dyn Fn(&mut Archive)| {
        let mut archive = whole.clone();
        change(&mut archive);
        cases.push((name.into(), encode(&archive)));
    };
    lie("block-left-out", &|archive| {
        archive.blocks.remove(1);
    });
    lie("blocks-swapped", &|archive| archive.blocks.swap(1, 2));
    lie("block-twice", &|archive| {
        archive.blocks.insert(1, archive.blocks[1].clone())
    });
    lie("unsigned", &|archive| {
        archive.blocks[2].certificate.signatures.truncate(1)
    });
    lie("signed-twice", &|archive| {
        let first = archive.blocks[2].certificate.signatures[0].clone();
        archive.blocks[2].certificate.signatures.push(first);
    });
    lie("set-changes-left-out", &|archive| {
        archive.set_changes.clear()
    });
    let (first, certificate) = (grown.blocks[0].0.header.clone(), grown.blocks[0].1.clone());
    let idle = SetChange {
        header: first,
        certificate,
        validators: grown.state.genesis().validators.clone(),
    };
    lie("set-unchanged", &|archive| {
        archive.set_changes.insert(0, idle.clone())
    });
    let (block, certificate) = (&grown.blocks[3].0, grown.blocks[3].1.clone());
    let others = block
        .ids()
        .into_iter()
        .map(ArchivedTransaction::Other)
        .collect();
    let empty = ArchivedBlock {
        header: block.header.clone(),
        certificate,
        transactions: others,
    };
    lie("block-of-others", &|archive| {
        archive.blocks.insert(2, empty.clone())
    });
    lie("leaves-miscounted", &|archive| {
        archive.state_proof.size += 1
    });
    lie("set-changed-twice", &|archive| {
        archive.set_changes.push(archive.set_changes[0].clone())
    });
    lie("last-is-first", &|archive| {
        archive.last = archive.blocks[0].header.clone()
    });
    lie("another-election", &|archive| {
        archive.election = vote_chain::ElectionId::default()
    });
    lie("path-longer", &|archive| {
        archive.state_proof.path.push(vote_chain::Hash::default())
    });
    lie("place-lost", &|archive| {
        archive.blocks[1].transactions.truncate(2)
    });
    let (at_last, at_block) = (handover(&grown, grown.blocks.len()), handover(&grown, 7));
    lie("set-change-at-the-last", &|archive| {
        archive.set_changes.push(at_last.clone())
    });
    lie("set-change-at-the-block-before", &|archive| {
        (archive.last, archive.last_certificate) =
            (grown.blocks[6].0.header.clone(), grown.blocks[6].1.clone());
        archive.set_changes.push(at_block.clone());
    });
    let mut receipt = grown.receipt(6, 1);
    receipt.set_changes.push(handover(&grown, 6));
    cases.push(("receipt-set-change-at-its-block".into(), encode(&receipt)));
    cases.extend(impossible());
    cases.extend(receipts::bad());
    cases.extend(names::bad());
    cases.extend(committees::bad());
    cases.extend(long_lives::bad());
    cases
}

/// A change of the set at the height of a block, signed by those who may: the set that signs
/// already, and another power.
fn handover(ledger: &Ledger, height: usize) -> SetChange {
    let mut validators: Vec<_> = ledger.state.validators().iter().cloned().collect();
    validators[0].power = 2;
    let validators = ValidatorSet::new(validators).unwrap();
    let header = Header {
        next_validators: validators.hash(),
        ..ledger.blocks[height - 1].0.header.clone()
    };
    let certificate = certify_header(&ledger.state, &header, 2);
    SetChange {
        header,
        certificate,
        validators,
    }
}

/// Chains that cannot begin so, and histories that cannot be, signed by all their validators.
fn impossible() -> Vec<(String, Vec<u8>)> {
    let mut cases = Vec::new();
    let limits = Limits::default();
    // One more than there may be, the one that creates the election among them.
    let others = (0..256u16)
        .map(|at| PublicKey::from_bytes([at.to_be_bytes(); 16].concat().try_into().unwrap()));
    let many = others.chain([key(200).public()]).collect();
    let begun = [
        (
            "genesis-name-empty",
            Genesis {
                name: String::new(),
                ..genesis(4)
            },
        ),
        (
            "genesis-name-long",
            Genesis {
                name: "x".repeat(101),
                ..genesis(4)
            },
        ),
        (
            "genesis-bytes-few",
            Genesis {
                limits: Limits {
                    block_bytes_max: 16383,
                    ..limits
                },
                ..genesis(4)
            },
        ),
        (
            "genesis-bytes-many",
            Genesis {
                limits: Limits {
                    block_bytes_max: 1_048_577,
                    ..limits
                },
                ..genesis(4)
            },
        ),
        (
            "genesis-transactions",
            Genesis {
                limits: Limits {
                    block_transactions_max: 16385,
                    ..limits
                },
                ..genesis(4)
            },
        ),
        (
            "genesis-elections",
            Genesis {
                limits: Limits {
                    elections_max: 100_001,
                    ..limits
                },
                ..genesis(4)
            },
        ),
        (
            "genesis-elections-each",
            Genesis {
                limits: Limits {
                    organiser_elections_max: 100_001,
                    ..limits
                },
                ..genesis(4)
            },
        ),
        (
            "genesis-organisers",
            Genesis {
                organisers: Organisers::Keys(many),
                ..genesis(4)
            },
        ),
        (
            "genesis-voters-none",
            Genesis {
                limits: Limits {
                    voters_max: 0,
                    ..limits
                },
                ..genesis(4)
            },
        ),
        (
            "genesis-voters-many",
            Genesis {
                limits: Limits {
                    voters_max: 10_000_001,
                    ..limits
                },
                ..genesis(4)
            },
        ),
    ];
    for (name, genesis) in begun {
        let mut ledger = Ledger::new(genesis);
        let id = ledger.create(election());
        ledger.decide(&[ledger.ballot(50, id, Selection::Listed(0))]);
        cases.push((name.into(), encode(&archive(&ledger, id))));
        cases.push((format!("receipt-{name}"), encode(&ledger.receipt(2, 0))));
    }
    let (grown, id) = ledger();
    let whole = archive(&grown, id);
    let mut signed = |name: &str, change: &dyn Fn(&mut Archive)| {
        let mut archive = whole.clone();
        change(&mut archive);
        archive.last_certificate = certify_header(&grown.state, &archive.last, 2);
        for block in &mut archive.blocks {
            block.certificate = certify_header(
                &grown.state,
                &block.header,
                if block.header.height.get() < 6 { 1 } else { 2 },
            );
        }
        cases.push((name.into(), encode(&archive)));
    };
    let later = Version::new(Version::NEWEST.get() + 1);
    signed("version-that-comes-early", &|archive| {
        archive.blocks[1].header.version = later
    });
    signed("version-older", &|archive| {
        archive.blocks[1].header.version = Version::OLDEST
    });
    signed("last-of-version-unknown", &|archive| {
        archive.last.version = later
    });
    signed("last-of-version-older", &|archive| {
        archive.last.version = Version::OLDEST
    });
    signed("time-back", &|archive| {
        archive.blocks[2].header.time = archive.blocks[1].header.time
    });
    signed("time-of-the-last-back", &|archive| {
        archive.last.time = archive.blocks[3].header.time
    });
    signed("time-before-the-genesis", &|archive| {
        archive.blocks[0].header.time = archive.genesis.time
    });
    signed("parent-another", &|archive| {
        archive.last.parent = vote_chain::BlockHash::default()
    });
    signed("forked", &|archive| {
        archive.last.height = archive.blocks[3].header.height;
        archive.last.parent = archive.blocks[3].header.parent;
    });
    signed("signed-by-others", &|archive| {
        archive.blocks[1].header.validators = Default::default()
    });
    let mut receipt = grown.receipt(6, 1);
    receipt.header.version = later;
    receipt.certificate = certify_header(&grown.state, &receipt.header, 2);
    cases.push(("receipt-version-unknown".into(), encode(&receipt)));
    let mut receipt = grown.receipt(6, 1);
    receipt.header.version = Version::OLDEST;
    receipt.certificate = certify_header(&grown.state, &receipt.header, 2);
    cases.push(("receipt-version-older".into(), encode(&receipt)));
    let mut receipt = grown.receipt(6, 1);
    receipt.header.time = receipt.set_changes[0].header.time;
    receipt.certificate = certify_header(&grown.state, &receipt.header, 2);
    cases.push(("receipt-time-back".into(), encode(&receipt)));
    let mut receipt = grown.receipt(2, 0);
    receipt.header.height = vote_chain::Height::GENESIS;
    receipt.certificate = certify_header(&grown.state, &receipt.header, 1);
    cases.push(("receipt-of-the-genesis".into(), encode(&receipt)));
    let small = Limits {
        block_transactions_max: 1,
        ..limits
    };
    let mut ledger = Ledger::new(Genesis {
        limits: small,
        ..genesis(4)
    });
    let id = ledger.create(election());
    ledger.force(&[50, 51].map(|voter| ledger.ballot(voter, id, Selection::Listed(0))));
    cases.push(("block-of-too-many".into(), encode(&archive(&ledger, id))));
    cases
}

/// What this crate says of a file.
fn verdict(bytes: &[u8]) -> Value {
    if let Ok(file) = ReceiptFile::decode(bytes) {
        return file.check(None).map_or(Value::Null, |says| {
            json!({ "kind": "receipt", "ballot": file.receipt().transaction, "says": says.as_ref().map(receipts::statement) })
        });
    }
    let Ok(archive) = decode::<Archive>(bytes) else {
        return Value::Null;
    };
    let Ok(audit) = archive.verify(None, |_| {}) else {
        return Value::Null;
    };
    let contest = |(contest, tally): (&Contest, &ContestTally)| {
        let counts: BTreeMap<_, _> = tally
            .lines
            .iter()
            .map(|line| (line.choice.clone(), line.votes))
            .collect();
        json!({
            "title": contest.title, "votes": tally.votes, "abstentions": tally.abstentions, "counts": counts,
            "leaders": tally.leaders, "seats": tally.leader_seats, "majority": tally.majority.map(|check| check.reached),
        })
    };
    let (record, tally) = (&audit.record, &audit.tally);
    let committee = record.committee.as_ref();
    json!({
        "organisers": committee.map(|committee| json!([committee.organisers, committee.needed])),
        "kind": "archive", "withheld": tally.contests.is_empty(), "ballots": tally.turnout.ballots, "weight": tally.turnout.weight, "voters": record.roll.voters,
        "quorum": tally.quorum.map(|check| check.reached), "phase": audit.phase.to_string(), "signatures": audit.signatures,
        "contests": record.election.contests.iter().zip(&tally.contests).map(contest).collect::<Vec<_>>(),
    })
}

/// Files that somebody else has made, as `verifier/mutate.py` does: `VERIFIER_JUDGE=DIR` writes
/// this crate's verdicts beside them.
#[test]
fn cases_of_others_are_judged_without_a_panic() {
    let Some(dir) = std::env::var_os("VERIFIER_JUDGE").map(PathBuf::from) else {
        return;
    };
    let named = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap());
    let files = named.filter(|entry| entry.file_name() != "verdicts.json");
    let judged = files.map(|entry| {
        (
            entry.file_name().into_string().unwrap(),
            verdict(&std::fs::read(entry.path()).unwrap()),
        )
    });
    let verdicts: BTreeMap<_, _> = judged.collect();
    std::fs::write(
        dir.join("verdicts.json"),
        serde_json::to_string_pretty(&verdicts).unwrap(),
    )
    .unwrap();
}

/// Why this crate refuses a file.
fn reason(bytes: &[u8]) -> String {
    match decode::<Receipt>(bytes) {
        Ok(receipt) => receipt.check(None).unwrap_err().to_string(),
        Err(_) => decode::<Archive>(bytes)
            .unwrap()
            .verify(None, |_| {})
            .unwrap_err()
            .to_string(),
    }
}

#[test]
fn impossible_chains_are_refused_for_what_is_wrong_with_them() {
    let words = |name: &str| match name.trim_start_matches("receipt-") {
        name if name.starts_with("genesis") => "the genesis is not valid",
        "block-of-too-many" => "is larger than the genesis allows",
        name if name.starts_with("set-change") => "does not follow from the one before",
        name if name.ends_with("unknown") => "which this program does not have",
        _ => "does not come after what is below it",
    };
    for (name, bytes) in impossible() {
        let found = reason(&bytes);
        assert!(found.contains(words(&name)), "{name}: {found}");
    }
    for (name, bytes) in bad()
        .into_iter()
        .filter(|(name, _)| name.contains("set-change-at"))
    {
        assert!(
            reason(&bytes).contains("does not follow from the one before"),
            "{name}"
        );
    }
}

#[test]
fn good_cases_are_valid_and_bad_cases_are_not() {
    let (good, bad) = (good(), bad());
    assert!(good.len() >= 123 && bad.len() >= 180);
    let mut verdicts = BTreeMap::new();
    for (name, bytes) in &good {
        let found = verdict(bytes);
        assert!(!found.is_null(), "{name} is good");
        verdicts.insert(format!("good-{name}"), found);
    }
    for (name, bytes) in &bad {
        assert_eq!(verdict(bytes), Value::Null, "{name} is bad");
        verdicts.insert(format!("bad-{name}"), Value::Null);
    }
    if let Some(dir) = std::env::var_os("VERIFIER_CASES").map(PathBuf::from) {
        std::fs::create_dir_all(&dir).unwrap();
        let named = good
            .iter()
            .map(|case| ("good", case))
            .chain(bad.iter().map(|case| ("bad", case)));
        named.for_each(|(kind, (name, bytes))| {
            std::fs::write(dir.join(format!("{kind}-{name}")), bytes).unwrap()
        });
        std::fs::write(
            dir.join("verdicts.json"),
            serde_json::to_string_pretty(&verdicts).unwrap(),
        )
        .unwrap();
    }
}
