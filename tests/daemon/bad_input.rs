//! Bytes that no honest app, node or tracker sends: refused, logged, and without effect.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use vote_chain::{
    Ballot, Contest, Election, ElectionId, Hello, Payload, Ranks, Rule, SecretKey, Selection,
    Transaction, TransactionId, encode,
};
use vote_cluster::{Caster, Cluster, Node, credential};
use vote_network::{Config, Events, Handle, Keypair, PeerEvent, PeerId, Topic, Transport};

use crate::harness::{PATIENCE, all_count, ballots, cast_all, cli, cluster, election, logged};

/// What the node says before it hangs up.
async fn answer(mut stream: UnixStream, bytes: &[u8], hang_up: bool) -> String {
    stream.write_all(bytes).await.unwrap();
    if hang_up {
        stream.shutdown().await.unwrap();
    }
    let mut rest = Vec::new();
    // Whether the end is a reset depends on whether the node has read all that was sent; its words
    // come before.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest))
        .await
        .expect("the node hangs up");
    String::from_utf8_lossy(&rest).into_owned()
}

#[tokio::test]
async fn garbage_oversized_and_truncated_frames_on_the_socket_are_refused_with_a_reason() {
    let mut cluster = cluster(1).await;
    let election = election(&cluster).await;
    let connect = || UnixStream::connect(&cluster.nodes[0].socket);
    let frame = |body: &[u8]| {
        [
            u32::try_from(body.len()).unwrap().to_be_bytes().as_slice(),
            body,
        ]
        .concat()
    };
    let oversized = answer(connect().await.unwrap(), &[0x7f, 0xff, 0xff, 0xff], false).await;
    assert!(
        oversized.contains("2147483647 bytes; 1310720 are allowed"),
        "{oversized}"
    );
    let garbage = answer(connect().await.unwrap(), &frame(b"\xff\xfe garbage"), false).await;
    assert!(garbage.contains("not a message"), "{garbage}");
    let http = answer(connect().await.unwrap(), b"GET / HTTP/1.1\r\n\r\n", false).await;
    assert!(http.contains("are allowed"), "{http}");
    let truncated = answer(connect().await.unwrap(), &[0, 0, 1, 0, 1, 2, 3], true).await;
    assert!(truncated.contains("ended within a frame"), "{truncated}");
    logged(&cluster.nodes[0].log, "app refused").await;
    // A transaction that is none is refused alone; the good ones beside it are not.
    let client = cluster.client(0).await.unwrap();
    let mut mixed = ballots(&cluster, election, 0..2);
    mixed.insert(1, b"no transaction".to_vec());
    let (results, mut outcomes) = client.submit(mixed).await.unwrap();
    assert!(results[0].is_ok() && results[2].is_ok());
    assert!(
        results[1]
            .as_ref()
            .unwrap_err()
            .reason
            .contains("not a transaction")
    );
    while timeout(PATIENCE, outcomes.next())
        .await
        .unwrap()
        .unwrap()
        .is_some()
    {}
    all_count(&cluster, election, 2).await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn garbage_on_the_ports_of_node_and_tracker_is_logged_and_harms_nobody() {
    let mut cluster = cluster(4).await;
    let election = election(&cluster).await;
    let listen = cluster.nodes[0].daemon.as_ref().unwrap().ready["listen"][0]
        .as_str()
        .unwrap()
        .to_owned();
    for address in [&listen, &cluster.tracker_address] {
        let parts: Vec<_> = address.split('/').collect();
        for bytes in [
            b"GET / HTTP/1.1\r\n\r\n".as_slice(),
            &[0xff; 4096],
            b"\x13/multistream/1.0.0\n\xff\xff\xff",
        ] {
            let mut stream = TcpStream::connect(format!("{}:{}", parts[2], parts[4]))
                .await
                .unwrap();
            let _ = stream.write_all(bytes).await;
            let mut rest = Vec::new();
            let ended = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
            assert!(ended.is_ok(), "the connection stays open");
        }
    }
    logged(&cluster.nodes[0].log, "connections refused").await;
    logged(
        &cluster.tracker.as_ref().unwrap().log,
        "connections refused",
    )
    .await;
    cast_all(&cluster, 0, ballots(&cluster, election, 0..20)).await;
    cluster.add_follower().await.unwrap();
    all_count(&cluster, election, 20).await;
    cluster.stop().await.unwrap();
}

/// Somebody without a key of the chain who speaks its protocols, connected to one node.
async fn stranger(cluster: &Cluster, target: &Node, keypair: Keypair) -> (Handle, Events, PeerId) {
    let address = target.daemon.as_ref().unwrap().ready["listen"][0]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let config = Config {
        keypair,
        chain: cluster.chain.to_string(),
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        external: Vec::new(),
        trackers: Vec::new(),
        peers: vec![address],
        peer_book: None,
        transport: Transport::Tcp,
    };
    let (handle, mut events) = vote_network::start(config).await.unwrap();
    let PeerEvent::Connected(peer, _) = timeout(PATIENCE, events.peers.recv())
        .await
        .unwrap()
        .unwrap()
    else {
        panic!("not connected")
    };
    (handle, events, peer)
}

/// A peer that speaks the protocols of the chain, and says nonsense in all of them.
#[tokio::test]
async fn peer_that_talks_nonsense_is_refused_by_name_and_the_others_go_on() {
    let mut cluster = cluster(4).await;
    let election = election(&cluster).await;
    let target = &cluster.nodes[1];
    let keypair = Keypair::generate_ed25519();
    let name = keypair.public().to_peer_id().to_string();
    let (babbler, mut events, peer) = stranger(&cluster, target, keypair).await;
    for topic in [Topic::Consensus, Topic::Blocks, Topic::Transactions] {
        babbler.publish(topic, b"nonsense".to_vec()).unwrap();
    }
    let asked = babbler.request(peer, b"nonsense".to_vec()).await;
    assert!(asked.is_err(), "{asked:?}");
    logged(&target.log, "request refused").await;
    for topic in ["topic=Consensus", "topic=Blocks", "topic=Transactions"] {
        logged(&target.log, topic).await;
    }
    let log = std::fs::read_to_string(&target.log).unwrap();
    let refusals: Vec<_> = log
        .lines()
        .filter(|line| line.contains("message refused"))
        .collect();
    assert!(
        refusals.len() >= 3 && refusals.iter().all(|line| line.contains(&name)),
        "{refusals:?}"
    );
    // One that does not stop is shut out.
    for number in 0..20 {
        babbler
            .publish(
                Topic::Transactions,
                format!("nonsense {number}").into_bytes(),
            )
            .unwrap();
    }
    logged(&target.log, "shut out").await;
    while timeout(PATIENCE, events.peers.recv())
        .await
        .unwrap()
        .unwrap()
        != PeerEvent::Disconnected(peer)
    {}
    cast_all(&cluster, 1, ballots(&cluster, election, 0..20)).await;
    all_count(&cluster, election, 20).await;
    cluster.stop().await.unwrap();
}

/// Whoever can reach a port could else fill the disk of its node with lines.
#[tokio::test]
async fn stranger_who_asks_too_much_and_takes_the_name_of_a_validator_is_a_few_lines_in_the_log() {
    let mut cluster = cluster(1).await;
    let target = &cluster.nodes[0];
    let keypair = Keypair::generate_ed25519();
    let key = SecretKey::from_seed(&[7; 32]);
    let own = keypair.public().to_peer_id().to_bytes();
    let hello = encode(&Hello::new(target.name.clone(), &key, &cluster.chain, &own));
    let (asker, _events, peer) = stranger(&cluster, target, keypair).await;
    let blocks = vec![0x82, 2, 1];
    // Of 64 at one time none is dropped for want of a stream; of questions for blocks 30 a second
    // are answered.
    for question in [
        [[0x82, 0].as_slice(), &hello].concat(),
        blocks.clone(),
        blocks,
    ] {
        let mut asked = JoinSet::new();
        for _ in 0..60 {
            let (asker, question) = (asker.clone(), question.clone());
            asked.spawn(async move { asker.request(peer, question).await });
        }
        timeout(PATIENCE, asked.join_all()).await.unwrap();
    }
    logged(&target.log, "calls itself by the name of a validator").await;
    logged(&target.log, "requests refused").await;
    let log = std::fs::read_to_string(&target.log).unwrap();
    assert!(log.lines().count() < 50, "{log}");
    cluster.stop().await.unwrap();
}

/// Anybody can sign ballots of an election that there is not. They burden the node that gets them,
/// and no other.
#[tokio::test]
async fn transactions_that_fit_no_state_are_not_passed_on() {
    let mut cluster = cluster(2).await;
    let election = election(&cluster).await;
    let batch = |number: u8, ballot: &[u8]| {
        let head = [
            0xa2,
            0,
            number,
            1,
            0x81,
            0x58,
            u8::try_from(ballot.len()).unwrap(),
        ];
        [head.as_slice(), ballot].concat()
    };
    let of_nothing = Ballot::plain(ElectionId::default(), Selection::Listed(0));
    let key = SecretKey::from_seed(&[7; 32]);
    let useless = batch(
        1,
        &Transaction::sign(cluster.chain, &key, Payload::CastBallot(of_nothing)).to_bytes(),
    );
    let useful = batch(2, &ballots(&cluster, election, 0..1)[0]);
    let (_listener, mut heard, _) =
        stranger(&cluster, &cluster.nodes[1], Keypair::generate_ed25519()).await;
    let (sender, ..) = stranger(&cluster, &cluster.nodes[0], Keypair::generate_ed25519()).await;
    sender.publish(Topic::Transactions, useless).unwrap();
    sender.publish(Topic::Transactions, useful.clone()).unwrap();
    let first = timeout(PATIENCE, heard.transactions.recv())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(first.data, useful);
    all_count(&cluster, election, 1).await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn elections_and_write_ins_without_number_are_listed_and_counted() {
    let mut cluster = cluster(1).await;
    let client = cluster.client(0).await.unwrap();
    // 40 elections of 500 choices of 100 bytes each are more than a frame holds.
    let choices: Vec<_> = (0..500).map(|at| format!("{at:0>100}")).collect();
    let election = |salt, contest: &Contest| {
        Election::simple(format!("Election {salt}"), vec![contest.clone()], salt)
    };
    let sign = |payload| Transaction::sign(cluster.chain, &cluster.organiser, payload).to_bytes();
    let listed = Contest::listed(choices, Rule::Plurality, 1);
    let mut ids = Vec::new();
    for salt in 0..40 {
        let bytes = sign(Payload::CreateElection(election(salt, &listed)));
        ids.push(ElectionId::new(*TransactionId::of(&bytes).hash()));
        let (results, mut outcomes) = client.submit(vec![bytes]).await.unwrap();
        assert!(results[0].is_ok(), "{results:?}");
        while timeout(PATIENCE, outcomes.next())
            .await
            .unwrap()
            .unwrap()
            .is_some()
        {}
    }
    let all = client.elections().await.unwrap();
    ids.reverse();
    assert_eq!(
        all.iter().map(|view| view.record.id).collect::<Vec<_>>(),
        ids,
        "the newest first"
    );
    // 1500 voters write in 1500 different words, and two of them the same.
    let open = sign(Payload::CreateElection(election(99, &Contest::write_in())));
    let id = ElectionId::new(*TransactionId::of(&open).hash());
    let ballot = |number: usize| {
        let word = if number < 2 {
            "same".to_owned()
        } else {
            format!("word {number}")
        };
        Caster::ballot(
            cluster.chain,
            id,
            &credential(3, number),
            Selection::WriteIn(word),
        )
    };
    cast_all(&cluster, 0, vec![open]).await;
    cast_all(&cluster, 0, (0..1500).map(ballot).collect()).await;
    let tally = cli(&cluster, 0, &["tally", &id.to_string()]).await;
    assert!(tally.out.contains("and 499 more choices, with 499 votes"));
    assert!(tally.out.contains("same leads, with 2 of 1500 votes."));
    cluster.stop().await.unwrap();
}

/// Elections that are made so that their counts fit no frame: many rounds of many choices, or many
/// words that are all tied.
#[tokio::test]
async fn counts_too_large_for_an_answer_are_cut_and_nobody_is_hung_up_on() {
    let mut cluster = cluster(1).await;
    let titled = |contest: &Contest| {
        (0..20)
            .map(|at| Contest {
                title: format!("Contest {at}"),
                ..contest.clone()
            })
            .collect::<Vec<_>>()
    };
    let sign = |payload| Transaction::sign(cluster.chain, &cluster.organiser, payload).to_bytes();
    let runoff = Contest::listed((0..260).map(|at| format!("c{at}")).collect(), Rule::Irv, 1);
    let created = [runoff, Contest::write_in()].map(|contest| {
        sign(Payload::CreateElection(Election::simple(
            "Twenty".into(),
            titled(&contest),
            0,
        )))
    });
    let [runoffs, words] =
        [0, 1].map(|at: usize| ElectionId::new(*TransactionId::of(&created[at]).hash()));
    cast_all(&cluster, 0, created.to_vec()).await;
    let cast = |election, number, selections| {
        let ballot = Ballot {
            election,
            name: String::new(),
            counter: 0,
            selections,
        };
        Transaction::sign(
            cluster.chain,
            &credential(5, number),
            Payload::CastBallot(ballot),
        )
        .to_bytes()
    };
    let ranked = |first: u16| Selection::Ranked(Ranks::strict([first]));
    let ballots = (0..2u16).map(|number| cast(runoffs, number.into(), vec![ranked(number); 20]));
    cast_all(&cluster, 0, ballots.collect()).await;
    let said = |number: usize| Selection::WriteIn(format!("{number:0>95}"));
    cast_all(
        &cluster,
        0,
        (0..400)
            .map(|number| cast(words, number, vec![said(number); 20]))
            .collect(),
    )
    .await;
    let rounds = cli(&cluster, 0, &["tally", &runoffs.to_string()]).await;
    assert_eq!(rounds.code, Some(0), "{rounds:?}");
    assert_eq!(
        rounds
            .out
            .matches("how it was counted is too long to be shown")
            .count(),
        20
    );
    assert_eq!(
        rounds.out.matches("c0  ").count() + rounds.out.matches("c1  ").count(),
        40,
        "all lines are there"
    );
    let tied = cli(&cluster, 0, &["tally", &words.to_string()]).await;
    assert_eq!(tied.code, Some(0), "{tied:?}");
    assert_eq!(tied.out.matches("more choices, with").count(), 20);
    assert_eq!(
        cluster
            .client(0)
            .await
            .unwrap()
            .elections()
            .await
            .unwrap()
            .len(),
        2
    );
    cluster.stop().await.unwrap();
}
