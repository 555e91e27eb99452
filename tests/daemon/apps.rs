//! Apps that ask much, read little, or keep their places: what they cost, and whom.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;
use vote_api::{Answer, BlockAt, Call, CallError, Reply, Request, read_frame, write_frame};
use vote_chain::{Contest, Election, Height, Payload, Rule, Transaction};
use vote_cluster::Cluster;

use crate::harness::{PATIENCE, ballots, cast_all, cli, cluster, election};

async fn connect(cluster: &Cluster) -> UnixStream {
    UnixStream::connect(&cluster.nodes[0].socket).await.unwrap()
}

async fn ask(stream: &mut UnixStream, id: u32, request: Request) {
    write_frame(stream, &Call { id, request }).await.unwrap();
}

async fn reply(stream: &mut UnixStream) -> Reply {
    timeout(PATIENCE, read_frame(stream))
        .await
        .expect("the node answers")
        .unwrap()
        .expect("it has not hung up")
}

/// A block of nearly a megabyte: elections with long texts. Gives its height.
async fn large_block(cluster: &Cluster) -> Height {
    let choices: Vec<_> = (0..500).map(|at| format!("{at:0>100}")).collect();
    let contest = Contest::listed(choices, Rule::Plurality, 1);
    let create = |salt| {
        let election = Election::simple(format!("Election {salt}"), vec![contest.clone()], salt);
        Transaction::sign(
            cluster.chain,
            &cluster.organiser,
            Payload::CreateElection(election),
        )
        .to_bytes()
    };
    cast_all(cluster, 0, (0..16).map(create).collect()).await;
    let status = cluster.agreed(PATIENCE).await.unwrap();
    let mut stream = connect(cluster).await;
    let mut largest = (0, Height::GENESIS);
    for height in 1..=status[0].height.get() {
        ask(
            &mut stream,
            1,
            Request::Block(BlockAt::Height(Height::new(height))),
        )
        .await;
        let Answer::Block { block, .. } = reply(&mut stream).await.answer else {
            panic!("no block {height}")
        };
        let bytes = block
            .transactions
            .iter()
            .map(|bytes| bytes.len())
            .sum::<usize>();
        largest = largest.max((bytes, Height::new(height)));
    }
    assert!(
        largest.0 > 300_000,
        "the largest block has {} bytes",
        largest.0
    );
    largest.1
}

#[tokio::test]
async fn app_that_asks_for_many_large_blocks_and_reads_nothing_costs_little_and_is_waited_for() {
    let mut cluster = cluster(1).await;
    let height = large_block(&cluster).await;
    let before = cluster.rss_mib(0);
    let calls = 1000;
    let (mut read, mut write) = connect(&cluster).await.into_split();
    let asking = tokio::spawn(async move {
        for id in 1..=calls {
            write_frame(
                &mut write,
                &Call {
                    id,
                    request: Request::Block(BlockAt::Height(height)),
                },
            )
            .await
            .unwrap();
        }
        write
    });
    // The others are answered as if it were not there, and their ballots become final.
    let election = election(&cluster).await;
    cast_all(&cluster, 0, ballots(&cluster, election, 0..50)).await;
    let more = cluster.rss_mib(0) - before;
    assert!(
        more < 64.0,
        "{more} MiB more for one app that does not read"
    );
    // Once it reads it gets every answer.
    let mut answered = 0;
    while answered < calls {
        let reply: Reply = timeout(PATIENCE, read_frame(&mut read))
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        assert!(matches!(reply.answer, Answer::Block { .. }) && reply.last);
        answered += 1;
    }
    drop(asking.await.unwrap());
    let more = cluster.rss_mib(0) - before;
    assert!(
        more < 64.0,
        "{more} MiB more after a thousand blocks were read"
    );
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn app_that_closes_its_writing_side_gets_its_answers() {
    let mut cluster = cluster(1).await;
    let election = election(&cluster).await;
    let mut stream = connect(&cluster).await;
    ask(&mut stream, 1, Request::Genesis).await;
    let ballots = ballots(&cluster, election, 0..3)
        .into_iter()
        .map(Into::into)
        .collect();
    ask(&mut stream, 2, Request::Submit(ballots)).await;
    stream.shutdown().await.unwrap();
    let mut finals = 0;
    let mut genesis = false;
    while let Some(reply) = timeout(PATIENCE, read_frame::<_, Reply>(&mut stream))
        .await
        .unwrap()
        .unwrap()
    {
        match reply.answer {
            Answer::Genesis(_) => genesis = true,
            Answer::Final { proofs, .. } => finals += proofs.len(),
            Answer::Submitted(results) => assert!(results.iter().all(Result::is_ok)),
            other => panic!("{other:?}"),
        }
    }
    assert!(genesis && finals == 3, "{finals} ballots are final");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn apps_that_do_nothing_make_room_and_those_at_work_keep_their_places() {
    let mut cluster = cluster(1).await;
    let election = election(&cluster).await;
    // All places are taken by apps that watch: none of them can be spared.
    let mut working = Vec::new();
    for _ in 0..256 {
        let mut stream = connect(&cluster).await;
        ask(&mut stream, 1, Request::WatchElection(election)).await;
        assert!(matches!(
            reply(&mut stream).await.answer,
            Answer::Election(_)
        ));
        working.push(stream);
    }
    let refused = cli(&cluster, 0, &["status"]).await;
    assert_eq!(refused.code, Some(5), "{refused:?}");
    assert!(refused.err.contains("256 apps are at work"), "{refused:?}");
    // One of them goes, and one comes that does nothing: it keeps its place only until somebody
    // needs it.
    drop(working.pop());
    let idle = async {
        loop {
            let mut stream = connect(&cluster).await;
            // One that is refused is hung up on, perhaps before it has asked.
            let asked = write_frame(
                &mut stream,
                &Call {
                    id: 1,
                    request: Request::Genesis,
                },
            )
            .await;
            let answer = read_frame::<_, Reply>(&mut stream).await;
            if asked.is_ok() && matches!(answer, Ok(Some(Reply { id: 1, .. }))) {
                return stream;
            }
        }
    };
    let mut idle = timeout(PATIENCE, idle)
        .await
        .expect("the place is free in a moment");
    let served = async { while cli(&cluster, 0, &["status"]).await.code != Some(0) {} };
    timeout(PATIENCE, served)
        .await
        .expect("the idle app makes room");
    assert_eq!(
        idle.read(&mut [0; 1]).await.unwrap(),
        0,
        "it was hung up on"
    );
    for stream in &mut working {
        ask(stream, 2, Request::Genesis).await;
        assert!(
            matches!(reply(stream).await.answer, Answer::Genesis(_)),
            "who works keeps its place"
        );
    }
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn call_that_is_larger_than_a_frame_is_refused_and_the_node_is_not_taken_for_gone() {
    let mut cluster = cluster(1).await;
    let client = cluster.client(0).await.unwrap();
    let refused = client
        .submit(vec![vec![0; 65_536]; 21])
        .await
        .err()
        .unwrap();
    assert!(
        matches!(&refused, CallError::Refused(refusal) if refusal.reason.contains("a frame of")),
        "{refused}"
    );
    client.status().await.unwrap();
    cluster.stop().await.unwrap();
}
