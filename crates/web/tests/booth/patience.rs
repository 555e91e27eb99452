//! Who is slow is not waited for.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::browser::{Booth, PATIENCE, heard};
use crate::fake::Node;

const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn head_that_does_not_come_is_not_waited_for() {
    let node = Node::start();
    let booth = Booth::served(node.socket(), true, SHORT).await;
    for beginning in [
        "",
        "GET / HT",
        "GET / HTTP/1.1\r\nHost: vote.example.org\r\nX: ",
    ] {
        let mut stream = TcpStream::connect(booth.address).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        let closed = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
        closed
            .unwrap_or_else(|_| panic!("it holds on after {beginning:?}"))
            .unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains(" 200 "));
    }
}

#[tokio::test]
async fn connection_that_says_no_more_after_an_answer_is_closed() {
    let node = Node::start();
    let booth = Booth::served(node.socket(), true, SHORT).await;
    let mut stream = TcpStream::connect(booth.address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: vote.example.org\r\n\r\n")
        .await
        .unwrap();
    let answer = heard(&mut stream).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn body_that_does_not_come_to_its_end_is_not_waited_for() {
    let node = Node::start();
    let booth = Booth::served(node.socket(), true, SHORT).await;
    let mut stream = TcpStream::connect(booth.address).await.unwrap();
    let head = "POST /api/transactions HTTP/1.1\r\nHost: vote.example.org\r\nOrigin: https://vote.example.org\r\nContent-Length: 100\r\n\r\nhalf";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(heard(&mut stream).await.refusal(), (408, "invalid".into()));
    assert_eq!(node.asked("Submit"), 0);
}

#[tokio::test]
async fn page_that_reads_nothing_is_cut_off_and_the_others_hear_on() {
    let node = Node::start();
    let id = node.create("Lunch");
    let booth = Booth::served(node.socket(), true, Duration::from_secs(1)).await;
    // Asks for more and more, and reads nothing of it, until it is hung up on.
    let mut deaf = TcpStream::connect(booth.address).await.unwrap();
    let request =
        format!("GET /api/elections/{id}/archive HTTP/1.1\r\nHost: vote.example.org\r\n\r\n")
            .repeat(64);
    let cut = async { while deaf.write_all(request.as_bytes()).await.is_ok() {} };
    timeout(PATIENCE, cut).await.expect("it is cut off");
    let mut events = booth.follow(&format!("/api/elections/{id}/live")).await;
    events.wait_for("result", |_| true).await;
    node.decide(&node.ballot(2, id, 1));
    events
        .wait_for("result", |result| result["ballots"] == 1)
        .await;
}
