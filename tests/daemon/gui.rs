//! The booth's API, as a browser and as other sites reach it.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use vote_chain::Selection;
use vote_cluster::{Caster, Cluster, credential};

use crate::harness::{PATIENCE, cluster, election, voter_dir};

/// `vote-cli gui`, and a browser's side of it.
pub(super) struct Booth {
    _process: Child,
    address: String,
    token: String,
    cookie: String,
}

pub(super) struct Heard {
    status: u16,
    head: String,
    pub(super) body: Vec<u8>,
}

impl Heard {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!(
                "{error}: {} {}",
                self.head,
                String::from_utf8_lossy(&self.body)
            )
        })
    }
}

impl Booth {
    pub(super) async fn open(cluster: &Cluster, more: &[&str]) -> Self {
        let mut command = Command::new(&cluster.programs().vote_cli);
        command
            .args(["gui", "--json"])
            .args(more)
            .env("VOTE_DATA_DIR", voter_dir(cluster));
        command
            .env("VOTE_SOCKET", &cluster.nodes[0].socket)
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        let read = async {
            BufReader::new(process.stdout.as_mut().unwrap())
                .read_line(&mut line)
                .await
        };
        timeout(PATIENCE, read)
            .await
            .expect("it says where it is")
            .unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let address = said["listen"].as_str().unwrap().to_owned();
        let token = said["url"]
            .as_str()
            .unwrap()
            .rsplit('=')
            .next()
            .unwrap()
            .to_owned();
        let mut booth = Self {
            _process: process,
            address,
            token,
            cookie: String::new(),
        };
        if more.is_empty() {
            let opened = booth
                .post(
                    "/api/session",
                    json!({ "token": booth.token }).to_string().as_bytes(),
                )
                .await;
            assert_eq!(opened.status, 204, "{}", opened.head);
            let cookie = opened
                .head
                .lines()
                .find_map(|line| line.strip_prefix("set-cookie: "))
                .unwrap();
            assert!(
                cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
                "{cookie}"
            );
            booth.cookie = cookie.split(';').next().unwrap().to_owned();
        }
        booth
    }

    fn host(&self) -> Vec<(&str, String)> {
        vec![
            ("host", self.address.clone()),
            ("cookie", self.cookie.clone()),
        ]
    }

    pub(super) async fn get(&self, path: &str) -> Heard {
        self.ask("GET", path, &self.host(), &[]).await
    }

    /// What a stream tells, up to the line that has these words.
    pub(super) async fn events(&self, path: &str, words: &str) -> String {
        let mut lines = BufReader::new(self.begin("GET", path, &self.host(), &[]).await).lines();
        let mut told = String::new();
        let heard = async {
            while !told.contains(words) {
                told += &lines.next_line().await.unwrap().expect("the events go on");
            }
        };
        timeout(PATIENCE, heard).await.expect("an event says it");
        told
    }

    async fn post(&self, path: &str, body: &[u8]) -> Heard {
        let origin = ("origin", format!("http://{}", self.address));
        self.ask("POST", path, &[self.host(), vec![origin]].concat(), body)
            .await
    }

    async fn begin(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: &[u8],
    ) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let head = format!(
            "{method} {path} HTTP/1.1\r\n{lines}content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // One that is refused early may not read the rest.
        let _ = stream.write_all(body).await;
        stream
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: &[u8],
    ) -> Heard {
        let mut stream = self.begin(method, path, headers, body).await;
        let mut bytes = Vec::new();
        // A connection that is reset after the answer has said all there is.
        let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes))
            .await
            .expect("it answers");
        let at = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .expect("an answer has a head");
        let head = String::from_utf8(bytes[..at].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Heard {
            status,
            body: bytes[at + 4..].to_vec(),
            head,
        }
    }
}

#[tokio::test]
async fn page_is_for_who_has_the_token_and_no_other_site_reaches_it() {
    let mut cluster = cluster(1).await;
    let booth = Booth::open(&cluster, &[]).await;
    assert_eq!(booth.get("/api/status").await.json()["node"], "n1");
    let evil = |headers: &[(&'static str, &str)]| {
        headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect::<Vec<_>>()
    };
    let address = booth.address.clone();
    let own = format!("http://{address}");
    for (headers, status) in [
        (
            evil(&[("host", "evil.example"), ("cookie", &booth.cookie)]),
            421,
        ),
        (
            evil(&[
                ("host", &format!("{address}.evil.example")),
                ("cookie", &booth.cookie),
            ]),
            421,
        ),
        (evil(&[("host", &address)]), 401),
        (
            evil(&[("host", &address), ("cookie", "vote-session=00")]),
            401,
        ),
    ] {
        let heard = booth.ask("GET", "/api/status", &headers, &[]).await;
        assert_eq!(heard.status, status, "{headers:?}");
        for header in [
            "content-security-policy: default-src 'none'",
            "x-content-type-options",
            "referrer-policy",
        ] {
            assert!(
                heard.head.contains(header),
                "{header} is missing in {}",
                heard.head
            );
        }
        assert!(!heard.head.contains("access-control"), "{}", heard.head);
    }
    let with_cookie = [("host", address.as_str()), ("cookie", &booth.cookie)];
    for more in [
        &[][..],
        &[("origin", "https://evil.example")],
        &[("origin", &own), ("sec-fetch-site", "cross-site")],
    ] {
        let heard = booth
            .ask(
                "POST",
                "/api/attacks/forged-parent",
                &evil(&[&with_cookie, more].concat()),
                &[],
            )
            .await;
        assert_eq!(
            (heard.status, &heard.json()["code"]),
            (403, &"forbidden".into()),
            "{more:?}"
        );
    }
    let wrong = booth.post("/api/session", br#"{"token": "00"}"#).await;
    assert_eq!(wrong.status, 401);
    let page = booth.get("/").await;
    assert!(
        page.status == 200 && page.head.contains("text/html"),
        "{}",
        page.head
    );
    for path in [
        "/../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/app.js.map",
        "/api/nothing",
    ] {
        assert_eq!(booth.get(path).await.status, 404, "{path}");
    }
    assert_eq!(
        booth
            .post("/api/transactions", &vec![0; 70_000])
            .await
            .status,
        413
    );
    let long = [booth.host(), vec![("x", "y".repeat(40_000))]].concat();
    assert_eq!(
        booth.ask("GET", "/api/status", &long, &[]).await.status,
        431
    );
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn ballot_is_cast_followed_and_found_and_the_page_notices_that_the_node_is_gone() {
    let mut cluster = cluster(1).await;
    let id = election(&cluster).await;
    let booth = Booth::open(&cluster, &[]).await;
    // A page that follows the election.
    let stream = booth
        .begin(
            "GET",
            &format!("/api/elections/{id}/live"),
            &booth.host(),
            &[],
        )
        .await;
    let mut events = BufReader::new(stream).lines();
    let mut next = async |words: &str| {
        let found = async {
            loop {
                let line = events.next_line().await.unwrap().expect("the events go on");
                if line.contains(words) {
                    return line;
                }
            }
        };
        timeout(PATIENCE, found)
            .await
            .unwrap_or_else(|_| panic!("no event says {words:?}"))
    };
    next("\"ballots\":0").await;
    let key = credential(21, 0);
    let ballot = Caster::ballot(cluster.chain, id, &key, Selection::Listed(1));
    let cast = booth.post("/api/transactions", &ballot).await;
    assert_eq!((cast.status, &cast.json()["final"]), (200, &true.into()));
    next("\"ballots\":1").await;
    let ballot_id = cast.json()["id"].as_str().unwrap().to_owned();
    let second = booth
        .post(
            "/api/transactions",
            &Caster::ballot(cluster.chain, id, &key, Selection::Listed(0)),
        )
        .await;
    assert_eq!(
        (second.status, &second.json()["code"]),
        (403, &"not_eligible".into())
    );
    let garbage = booth.post("/api/transactions", b"garbage").await;
    assert_eq!(
        (garbage.status, &garbage.json()["code"]),
        (422, &"invalid".into())
    );
    let detail = booth.get(&format!("/api/elections/{id}")).await.json();
    assert_eq!(
        (
            &detail["contests"][0]["choices"][1],
            &detail["result"]["ballots"]
        ),
        (&"Pasta".into(), &1.into())
    );
    let voter = booth
        .get(&format!("/api/elections/{id}/voters/{}", key.public()))
        .await
        .json();
    assert_eq!(
        (&voter["votes"], &voter["ballot"]["transaction"]),
        (&1.into(), &ballot_id.clone().into())
    );
    let receipt = booth.get(&format!("/api/receipts/{ballot_id}")).await;
    let kept: vote_chain::KeptReceipt = vote_chain::decode(&receipt.body).unwrap();
    assert_eq!(
        kept.check(Some(&cluster.chain))
            .unwrap()
            .transaction
            .to_string(),
        ballot_id
    );
    let found = booth
        .get(&format!("/api/find?q={}", &ballot_id[..32]))
        .await
        .json();
    assert_eq!(found["found"][0]["kind"], "ballot");
    assert_eq!(
        booth.get("/api/find?q=lunch").await.json()["found"][0]["id"],
        id.to_string()
    );
    let block = booth
        .get(&format!("/api/blocks/{}", cast.json()["height"]))
        .await
        .json();
    assert_eq!(block["transactions"][0]["election"], id.to_string());
    for path in [
        "status",
        "info",
        "members",
        "validators",
        "evidence",
        "elections",
        "blocks/latest",
    ] {
        assert_eq!(
            booth.get(&format!("/api/{path}")).await.status,
            200,
            "{path}"
        );
    }
    // The node goes, and is back.
    cluster.kill_node(0).await.unwrap();
    next("event: gone").await;
    let gone = booth.get("/api/status").await;
    assert_eq!((gone.status, &gone.json()["code"]), (503, &"gone".into()));
    cluster.start_node(0).await.unwrap();
    next("\"ballots\":1").await;
    let back = async {
        while booth.get("/api/status").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, back)
        .await
        .expect("the page finds the node again");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn page_serves_no_node_of_another_chain_than_the_one_that_is_trusted() {
    let mut cluster = cluster(1).await;
    let other = "00".repeat(32);
    let refused = crate::harness::cli(&cluster, 0, &["gui", "--chain", &other]).await;
    assert!(
        refused.code == Some(6) && refused.err.contains("which you trust"),
        "{refused:?}"
    );
    // Once something was signed through the socket, the chain behind it is known without a word.
    election(&cluster).await;
    let remembered = voter_dir(&cluster).join("chains");
    let file = std::fs::read_dir(&remembered)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    std::fs::write(&file, format!("{other}\n")).unwrap();
    let refused = crate::harness::cli(&cluster, 0, &["gui"]).await;
    assert!(
        refused.code == Some(6) && refused.err.contains("You have voted through this socket"),
        "{refused:?}"
    );
    // A node that is not there yet is waited for; and is not served when it comes.
    cluster.kill_node(0).await.unwrap();
    let booth = Booth::open(&cluster, &[]).await;
    assert_eq!(booth.get("/api/status").await.status, 503);
    cluster.start_node(0).await.unwrap();
    for path in ["status", "info", "elections", "members", "find?q=lunch"] {
        let heard = booth.get(&format!("/api/{path}")).await;
        assert_eq!(
            (heard.status, &heard.json()["code"]),
            (502, &"at_fault".into()),
            "{path}"
        );
        assert!(
            !String::from_utf8_lossy(&heard.body).contains(".sock"),
            "{path} says where the node is"
        );
    }
    let sent = booth.post("/api/transactions", b"a ballot").await;
    assert_eq!(
        (sent.status, &sent.json()["code"]),
        (502, &"at_fault".into()),
        "it is not as if the node was gone"
    );
    let stream = booth.begin("GET", "/api/live", &booth.host(), &[]).await;
    let mut events = BufReader::new(stream).lines();
    let told = async {
        loop {
            match events.next_line().await.unwrap().expect("the events go on") {
                line if line == "event: at_fault" => return,
                line => assert_ne!(line, "event: gone"),
            }
        }
    };
    timeout(PATIENCE, told).await.expect("the page is told");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn public_page_needs_no_token_and_has_nothing_of_the_operators() {
    let mut cluster = cluster(1).await;
    let refused = crate::harness::cli(&cluster, 0, &["gui", "--listen", "0.0.0.0:0"]).await;
    assert!(
        refused.code == Some(2) && refused.err.contains("--public"),
        "{refused:?}"
    );
    let booth = Booth::open(&cluster, &["--public", "https://vote.example.org"]).await;
    let host = vec![("host", "vote.example.org".to_owned())];
    let info = booth.ask("GET", "/api/info", &host, &[]).await;
    assert_eq!((info.status, &info.json()["public"]), (200, &true.into()));
    assert_eq!(
        booth
            .ask("GET", "/api/info", &booth.host(), &[])
            .await
            .status,
        421,
        "its own address is not its name"
    );
    let origin = [
        host,
        vec![("origin", "https://vote.example.org".to_owned())],
    ]
    .concat();
    assert_eq!(
        booth
            .ask("POST", "/api/attacks/forged-parent", &origin, &[])
            .await
            .status,
        404
    );
    cluster.stop().await.unwrap();
}
