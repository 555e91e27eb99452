//! A browser, as far as the server can tell: HTTP/1.1 by hand, so that it can also say what no
//! browser would.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use vote_web::{Access, Config, Server, Token};

/// Long enough for anything that happens at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const PUBLIC: &str = "https://vote.example.org";

/// A served page, and a browser that has it open.
pub(crate) struct Booth {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
    /// As the browser sends it back.
    pub(crate) cookie: Option<String>,
    host: String,
    origin: String,
    server: JoinHandle<()>,
}

impl Drop for Booth {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Heard {
    pub(crate) fn json(&self) -> Value {
        let text = || format!("{}\n\n{}", self.head, String::from_utf8_lossy(&self.body));
        assert!(
            self.head.contains("content-type: application/json"),
            "{}",
            text()
        );
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", text()))
    }

    /// Status and code of a refusal.
    pub(crate) fn refusal(&self) -> (u16, String) {
        let said = self.json();
        assert!(
            said["reason"]
                .as_str()
                .is_some_and(|reason| !reason.is_empty()),
            "{said}"
        );
        (
            self.status,
            said["code"].as_str().expect("a code").to_owned(),
        )
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

impl Booth {
    /// A page that is served, not opened yet.
    pub(crate) async fn served(socket: PathBuf, public: bool, patience: Duration) -> Self {
        Self::served_so(socket, public, |config| Config {
            patience,
            finality: patience,
            ..config
        })
        .await
    }

    /// A page that is served in another way.
    pub(crate) async fn served_so(
        socket: PathBuf,
        public: bool,
        so: impl FnOnce(Config) -> Config,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let token = Token::from_random(&[0xa7; 32]);
        let said = token.as_str().to_owned();
        let access = if public {
            Access::Public(PUBLIC.into())
        } else {
            Access::Loopback(token)
        };
        let server = Server::new(so(Config::new(socket, access)), listener, address).unwrap();
        let server = tokio::spawn(server.run(std::future::pending()));
        let origin = if public {
            PUBLIC.to_owned()
        } else {
            format!("http://{address}")
        };
        let host = origin.split("//").nth(1).unwrap().to_owned();
        Self {
            address,
            token: said,
            cookie: None,
            host,
            origin,
            server,
        }
    }

    /// A page that is open.
    pub(crate) async fn open(socket: PathBuf) -> Self {
        let mut booth = Self::served(socket, false, PATIENCE).await;
        let token = booth.token.clone();
        let opened = booth
            .post(
                "/api/session",
                json!({ "token": token }).to_string().as_bytes(),
            )
            .await;
        assert_eq!(
            (opened.status, opened.body.len()),
            (204, 0),
            "{}",
            opened.head
        );
        booth.cookie = opened
            .header("set-cookie")
            .map(|cookie| cookie.split(';').next().unwrap().to_owned());
        booth
    }

    /// What a browser says of itself.
    fn said_of_itself(&self) -> Vec<(&'static str, String)> {
        let cookie = self.cookie.iter().map(|cookie| ("Cookie", cookie.clone()));
        [("Host", self.host.clone())]
            .into_iter()
            .chain(cookie)
            .collect()
    }

    pub(crate) async fn get(&self, path: &str) -> Heard {
        self.ask("GET", path, &self.said_of_itself(), &[]).await
    }

    pub(crate) async fn post(&self, path: &str, body: &[u8]) -> Heard {
        let own = [
            ("Origin", self.origin.clone()),
            ("Sec-Fetch-Site", "same-origin".to_owned()),
        ];
        self.ask(
            "POST",
            path,
            &[self.said_of_itself(), own.into()].concat(),
            body,
        )
        .await
    }

    /// Asks with these headers and no others but the length.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: &[u8],
    ) -> Heard {
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let length = if method == "GET" {
            String::new()
        } else {
            format!("Content-Length: {}\r\n", body.len())
        };
        let head = format!("{method} {path} HTTP/1.1\r\n{lines}{length}Connection: close\r\n\r\n");
        self.raw(&[head.as_bytes(), body].concat()).await
    }

    /// Sends bytes as they are; the answer must come, and the connection be closed.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Heard {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // One that is refused before its end may not be read to it.
        let _ = stream.write_all(bytes).await;
        heard(&mut stream).await
    }

    /// Follows something.
    pub(crate) async fn follow(&self, path: &str) -> Events {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let headers = self.said_of_itself();
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\n{lines}\r\n").as_bytes())
            .await
            .unwrap();
        let mut lines = BufReader::new(stream).lines();
        let mut head = String::new();
        loop {
            let line = timeout(PATIENCE, lines.next_line())
                .await
                .expect("it answers")
                .unwrap()
                .expect("a head");
            if line.is_empty() {
                break;
            }
            head += &(line + "\n");
        }
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains("content-type: text/event-stream"), "{head}");
        Events { lines }
    }
}

pub(crate) async fn heard(stream: &mut TcpStream) -> Heard {
    let mut bytes = Vec::new();
    // A connection that is reset after the answer has said all there is.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .expect("it answers, and ends");
    let at = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("an answer has a head");
    let head = String::from_utf8(bytes[..at].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut body = bytes[at + 4..].to_vec();
    if head.contains("transfer-encoding: chunked") {
        body = unchunked(&body);
    }
    Heard { status, body, head }
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let at = bytes
            .windows(2)
            .position(|two| two == b"\r\n")
            .expect("the length of a chunk");
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..at]).unwrap(), 16).unwrap();
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&bytes[at + 2..at + 2 + length]);
        bytes = &bytes[at + 4 + length..];
    }
}

/// Server-sent events.
pub(crate) struct Events {
    lines: Lines<BufReader<TcpStream>>,
}

impl Events {
    /// The next event's name and data; none when they have ended.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        let mut name = None;
        loop {
            let line = timeout(PATIENCE, self.lines.next_line())
                .await
                .expect("an event comes")
                .unwrap()?;
            // Other lines are lengths of chunks, signs of life, and ends of events.
            if let Some(said) = line.strip_prefix("event: ") {
                name = Some(said.to_owned());
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some((
                    name.expect("events have names"),
                    serde_json::from_str(data).unwrap(),
                ));
            } else if line == "0" {
                return None;
            }
        }
    }

    /// The data of the next event that fits, of those of that name.
    pub(crate) async fn wait_for(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let (said, data) = self
                .next()
                .await
                .unwrap_or_else(|| panic!("no {name} fits before the end"));
            if said == name && fits(&data) {
                return data;
            }
        }
    }
}
