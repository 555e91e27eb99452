//! Staged attacks: every honest peer refuses, and the chain goes on.

use vote_api::Attack;

use crate::harness::{all_count, ballots, cast_all, cli, cluster, election};

#[tokio::test]
async fn every_attack_is_refused_by_every_peer_with_its_reason_and_the_chain_goes_on() {
    let mut cluster = cluster(4).await;
    let election = election(&cluster).await;
    cast_all(&cluster, 1, ballots(&cluster, election, 0..10)).await;
    cluster.agreed(crate::harness::PATIENCE).await.unwrap();
    let reasons = [
        (Attack::ForgedParent, "is not the hash of the last block"),
        (Attack::DoubleVote, "has already voted"),
        (Attack::BadSignature, "the signature does not verify"),
        (Attack::WrongChain, "not of this one"),
        (Attack::ForgedCertificate, "the certificate does not hold"),
        (Attack::ReplayedBallot, "has already voted"),
        (Attack::Stranger, "is not on the roll"),
        (Attack::EarlyBallot, "is draft; it takes no ballots"),
        (Attack::LateBallot, "is closed; it takes no ballots"),
        (
            Attack::WrongContest,
            "answers 2 contests; the election has 1",
        ),
        (Attack::TooManyChoices, "does not fit contest 1"),
        (Attack::ForeignBallot, "signed for chain"),
        (Attack::ForgedWeight, "only an organiser"),
    ];
    for (attack, reason) in reasons {
        let staged = cli(&cluster, 0, &["attack", "run", attack.name(), "--json"]).await;
        assert_eq!(staged.code, Some(0), "{staged:?}");
        let report = staged.json();
        let verdicts = report["verdicts"].as_array().unwrap();
        let mut names: Vec<_> = verdicts
            .iter()
            .map(|row| row["name"].as_str().unwrap())
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["n2", "n3", "n4"]);
        for row in verdicts {
            assert_eq!(row["verdict"], "refused", "{row}");
            assert!(row["reason"].as_str().unwrap().contains(reason), "{row}");
        }
    }
    let table = cli(&cluster, 0, &["attack", "run", "all"]).await;
    assert_eq!(
        (table.code, table.out.matches("refused").count() >= 39),
        (Some(0), true),
        "{table:?}"
    );
    cast_all(&cluster, 0, ballots(&cluster, election, 10..20)).await;
    all_count(&cluster, election, 20).await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn node_that_does_not_allow_attacks_stages_none_and_an_unknown_one_is_named() {
    let mut cluster = cluster(2).await;
    let refused = cli(&cluster, 1, &["attack", "run", "forged-parent"]).await;
    assert_eq!(refused.code, Some(3));
    assert!(refused.err.contains("--allow-attacks"), "{refused:?}");
    let unknown = cli(&cluster, 0, &["attack", "run", "magic"]).await;
    assert_eq!(unknown.code, Some(2));
    assert!(
        unknown.err.contains("magic") && unknown.err.contains("attack list"),
        "{unknown:?}"
    );
    let nothing = cli(&cluster, 0, &["attack", "run", "replayed-ballot"]).await;
    assert_eq!(nothing.code, Some(3), "{nothing:?}");
    cluster.stop().await.unwrap();
}
