//! Counts that others have published, and cases that once went wrong: `testdata/counts`, each with
//! what is right.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use vote_counting::formats::{File, Format};
use vote_counting::{Ballots, Budget, Outcome, Overvotes, Rule, Seed, Terms, Votes, count};

/// What a count must come to; candidates by their names.
enum Right {
    /// These are elected, in this order.
    Winners(&'static [&'static str]),
    /// This one is elected first.
    First(&'static str),
    /// These are elected, in any order.
    Elected(&'static [&'static str]),
    /// These are tied for the seat, and a lot decides.
    Tied(&'static [&'static str]),
    /// These are among the elected.
    Among(&'static [&'static str]),
    /// The quota, in whole votes.
    Quota(u64),
    /// Votes of a round, from 1, to a thousandth.
    Round(usize, &'static [(&'static str, f64)]),
    /// A tie is broken by lot.
    Lot,
    /// The last tie is broken by this earlier round, from 1.
    Earlier(usize),
    /// Nobody is elected.
    Nobody,
}
use Right::{Among, Earlier, Elected, First, Lot, Nobody, Quota, Round, Tied, Winners};

/// File, rule, seats, what is right; the source.
const COUNTS: &[(&str, Rule, usize, &[Right])] = &[
    // Schulze, arXiv 1804.02973, by way of the tests of phayes/tallystick and
    // julien-boudry/Condorcet.
    (
        "pub_sch01.blt",
        Rule::Schulze,
        4,
        &[Winners(&["D", "A", "C", "B"])],
    ),
    (
        "pub_sch03.blt",
        Rule::Schulze,
        5,
        &[Winners(&["E", "A", "C", "B", "D"])],
    ),
    ("pub_sch04.blt", Rule::Schulze, 1, &[Tied(&["B", "D"])]),
    ("pub_sch06.blt", Rule::Schulze, 1, &[Tied(&["A", "C"])]),
    ("pub_sch07a.blt", Rule::Schulze, 1, &[Elected(&["A"])]),
    ("pub_sch08a.blt", Rule::Schulze, 1, &[Elected(&["A"])]),
    ("pub_sch09a.blt", Rule::Schulze, 1, &[Elected(&["A"])]),
    // rangevoting.org/WinningVotes: by margins B would win.
    ("pub_sch12_betray.blt", Rule::Schulze, 1, &[Elected(&["A"])]),
    // bradbeattie/python-vote-core, test_tiebreaker_bug.
    ("pub_sch13_tie3.blt", Rule::Schulze, 1, &[Tied(&["A", "B"])]),
    // julien-boudry/Condorcet, SingleTransferableVoteTest (fr.wikipedia).
    (
        "pub_stv01.blt",
        Rule::Stv,
        2,
        &[
            Winners(&["A", "B"]),
            Quota(34),
            Round(1, &[("A", 42.0), ("D", 26.0), ("C", 17.0), ("B", 15.0)]),
            Round(2, &[("D", 26.0), ("B", 20.3333), ("C", 19.6667)]),
            Round(3, &[("B", 37.3333), ("D", 28.6667)]),
        ],
    ),
    // bradbeattie/python-vote-core, test_stv.py and issues 3 and 4. Only A has votes: the other
    // seats are filled by lot.
    (
        "pub_stv04_one_ballot.blt",
        Rule::Stv,
        3,
        &[First("A"), Quota(1), Lot],
    ),
    (
        "pub_stv05_issue3.blt",
        Rule::Stv,
        2,
        &[First("choc"), Quota(12)],
    ),
    (
        "pub_stv06_2ballots.blt",
        Rule::Stv,
        3,
        &[Among(&["A", "B"]), Quota(1)],
    ),
    (
        "pub_stv07_ties.blt",
        Rule::Stv,
        3,
        &[Elected(&["A", "B", "C"]), Quota(3)],
    ),
    // jontingvold/pyrankvote#1: votes without a further preference go to nobody.
    ("pub_stv09_pyrankvote1.blt", Rule::Stv, 2, &[Quota(6)]),
    // yingtongli.me, stv-primer-5 and -6.
    (
        "pub_stv10_primer.blt",
        Rule::Stv,
        3,
        &[Among(&["D1", "C1"]), Quota(26)],
    ),
    (
        "pub_meek06_primer.blt",
        Rule::Meek,
        3,
        &[Among(&["D1", "C1"])],
    ),
    // mggg/VoteKit#311.
    (
        "pub_meek01_votekit311.blt",
        Rule::Meek,
        5,
        &[Elected(&["A1", "A2", "A3", "A4", "A5"])],
    ),
    // opavote.com on Meek's method; gendx/stv-rs, vegetables; oneclickorgs/meekster (the party's
    // food).
    (
        "pub_meek02_opavote.blt",
        Rule::Meek,
        3,
        &[Elected(&["Alice", "Bob", "Chris"])],
    ),
    (
        "pub_meek05_vegetables.blt",
        Rule::Meek,
        4,
        &[Elected(&["Eg", "Gr", "Ha", "Ja"])],
    ),
    (
        "pub_meek07_party.blt",
        Rule::Meek,
        3,
        &[Elected(&["C", "O", "S"])],
    ),
    // julien-boudry/Condorcet, InstantRunoffTest.
    (
        "pub_irv01.blt",
        Rule::Irv,
        1,
        &[
            First("D"),
            Round(1, &[("A", 42.0), ("B", 26.0), ("C", 15.0), ("D", 17.0)]),
            Round(2, &[("A", 42.0), ("B", 26.0), ("D", 32.0)]),
            Round(3, &[("A", 42.0), ("D", 58.0)]),
        ],
    ),
    ("pub_irv02.blt", Rule::Irv, 1, &[First("sue")]),
    // LivingInSyn/rcir#1 and #5: exhausted ballots do not count for the majority; whom nobody has
    // first can still not win.
    ("pub_irv03_rcir1.blt", Rule::Irv, 1, &[Lot]),
    ("pub_irv04_rcir5.blt", Rule::Irv, 1, &[First("A")]),
    // Equal-Vote/bettervoting#1427; WorldconVotingSystems/nomnom#424: level at the end.
    ("pub_irv05_bv1427.blt", Rule::Irv, 1, &[Lot]),
    ("pub_irv10_nomnom424.blt", Rule::Irv, 1, &[Lot]),
    // BrightSpots/rcv#554, with ballots that wait; as RCTab counts it, below.
    ("pub_irv07_overvote_rctab.blt", Rule::Irv, 1, &[First("D")]),
    // electorama/abiftool, tennessee-example-irv-tie: 42 to 42 in the last round, 42 to 22 in the
    // one before.
    (
        "pub_irv09_last_two_level.blt",
        Rule::Irv,
        1,
        &[First("Memph"), Earlier(2)],
    ),
    // julien-boudry/Condorcet, BordaCountTest, points from 0.
    (
        "pub_borda01.blt",
        Rule::Borda,
        1,
        &[
            First("B"),
            Round(1, &[("A", 126.0), ("B", 194.0), ("C", 173.0), ("D", 107.0)]),
        ],
    ),
    (
        "pub_borda03_truncated.blt",
        Rule::Borda,
        1,
        &[First("A"), Round(1, &[("A", 2.0), ("B", 0.5), ("C", 0.5)])],
    ),
    ("pub_borda04_huge.blt", Rule::Borda, 1, &[First("B")]),
    // Nobody ranks Dogwood above Cedar, ten rank Cedar above Dogwood.
    (
        "x01_meek_equal_pareto.blt",
        Rule::Meek,
        3,
        &[Elected(&["Ash", "Birch", "Cedar"])],
    ),
    ("x04_no_ballots.blt", Rule::Stv, 2, &[Nobody]),
    ("b25_all_withdrawn.blt", Rule::Irv, 1, &[Nobody]),
    ("a03_overvote.abif", Rule::Irv, 1, &[First("Dogwood")]),
];

/// The same by instant runoff with another word on overvotes.
const OVERVOTES: &[(&str, Overvotes, &[Right])] = &[
    // RCTab exhausts such ballots at once.
    (
        "pub_irv07_overvote_rctab.blt",
        Overvotes::Exhaust,
        &[First("B")],
    ),
    (
        "a03_overvote.abif",
        Overvotes::Wait,
        &[
            First("Dogwood"),
            Round(3, &[("Ash", 42.0), ("Dogwood", 58.0)]),
        ],
    ),
    (
        "a03_overvote.abif",
        Overvotes::Exhaust,
        &[First("Ash"), Round(3, &[("Ash", 42.0), ("Dogwood", 32.0)])],
    ),
    (
        "a03_overvote.abif",
        Overvotes::Skip,
        &[First("Ash"), Round(3, &[("Ash", 68.0), ("Dogwood", 32.0)])],
    ),
];

fn read(name: &str) -> File {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata/counts")
        .join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let file = Format::of(name)
        .unwrap()
        .parse(&text)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    file.without_withdrawn()
}

fn counted(file: &File, rule: Rule, terms: &Terms) -> Outcome {
    count(
        rule,
        &Ballots::Rankings(file.profile()),
        terms,
        &mut Budget::unlimited(),
    )
    .unwrap()
}

fn check(name: &str, file: &File, outcome: &Outcome, right: &Right) {
    let named = |places: &[usize]| {
        places
            .iter()
            .map(|place| file.candidates[*place].as_str())
            .collect::<Vec<_>>()
    };
    let sorted = |mut names: Vec<&'static str>| {
        names.sort_unstable();
        names
    };
    let winners = named(&outcome.winners);
    let mut elected = winners.clone();
    elected.sort_unstable();
    let tie = outcome.ties.last();
    match right {
        Winners(names) => assert_eq!(winners, *names, "{name}"),
        First(first) => assert_eq!(winners.first(), Some(first), "{name}"),
        Elected(names) => assert_eq!(elected, sorted(names.to_vec()), "{name}"),
        Tied(names) => {
            assert_eq!(named(&tie.unwrap().drawn), sorted(names.to_vec()), "{name}");
            assert!(names.contains(&winners[0]), "{name}");
        }
        Among(names) => assert!(
            names.iter().all(|one| winners.contains(one)),
            "{name}: {winners:?}"
        ),
        Quota(votes) => assert_eq!(outcome.quota, Some(Votes::whole(*votes)), "{name}"),
        Round(number, votes) => {
            for (candidate, expected) in *votes {
                let place = file
                    .candidates
                    .iter()
                    .position(|one| one == candidate)
                    .unwrap();
                let found: f64 = outcome.rounds[number - 1].votes[place]
                    .to_string()
                    .parse()
                    .unwrap();
                // Values are cut after five places on each ballot here.
                assert!(
                    (found - expected).abs() < 0.001,
                    "{name}, round {number}: {candidate} has {found}"
                );
            }
        }
        Lot => assert!(
            outcome.ties.iter().any(|tie| !tie.drawn.is_empty()),
            "{name}"
        ),
        Earlier(number) => {
            let tie = tie.unwrap();
            assert_eq!(
                (tie.earlier, tie.drawn.len()),
                (Some(number - 1), 0),
                "{name}"
            );
        }
        Nobody => assert!(
            winners.is_empty() && outcome.ties.is_empty(),
            "{name}: {winners:?}"
        ),
    }
}

#[test]
fn published_counts_come_out_as_they_were_published() {
    for (name, rule, seats, right) in COUNTS {
        let file = read(name);
        let outcome = counted(&file, *rule, &Terms::new(*seats, Seed([0; 32])));
        right
            .iter()
            .for_each(|right| check(name, &file, &outcome, right));
    }
    for (name, overvotes, right) in OVERVOTES {
        let file = read(name);
        let outcome = counted(
            &file,
            Rule::Irv,
            &Terms {
                overvotes: *overvotes,
                ..Terms::new(1, Seed([0; 32]))
            },
        );
        right
            .iter()
            .for_each(|right| check(name, &file, &outcome, right));
    }
}

#[test]
fn every_file_is_in_the_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/counts");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            COUNTS.iter().any(|(listed, ..)| *listed == name),
            "{name} is not counted by any test"
        );
    }
}
