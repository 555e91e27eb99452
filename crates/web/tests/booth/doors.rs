//! Who is let in, and who is not.

use std::time::Duration;

use serde_json::json;
use vote_chain::{Act, Contest, Election, Organise, Payload};
use vote_web::Config;

use crate::browser::{Booth, Heard, PATIENCE, PUBLIC};
use crate::fake::Node;

const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                   base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What every answer has, whatever it says.
fn keeps_to_itself(heard: &Heard) {
    for (name, value) in [
        ("content-security-policy", CSP),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(heard.header(name), Some(value), "{name} in {}", heard.head);
    }
    assert!(
        !heard.head.to_lowercase().contains("access-control"),
        "{}",
        heard.head
    );
}

fn said(headers: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    headers
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect()
}

#[tokio::test]
async fn session_is_opened_by_the_token_and_by_nothing_else() {
    let node = Node::start();
    let mut booth = Booth::served(node.socket(), false, PATIENCE).await;
    let closed = booth.get("/api/status").await;
    assert_eq!(closed.refusal(), (401, "unauthorised".into()));
    keeps_to_itself(&closed);
    let short = booth.token[..63].to_owned();
    for wrong in [
        "",
        "00",
        &short,
        &format!("{}0", booth.token),
        &booth.token.to_uppercase(),
    ] {
        let refused = booth
            .post(
                "/api/session",
                json!({ "token": wrong }).to_string().as_bytes(),
            )
            .await;
        assert_eq!(refused.refusal(), (401, "unauthorised".into()), "{wrong}");
        assert!(refused.header("set-cookie").is_none());
    }
    for garbage in [
        "",
        "{}",
        "[]",
        "null",
        r#"{"token": 7}"#,
        r#"{"token": "a", "more": 1}"#,
        "token=00",
    ] {
        let refused = booth.post("/api/session", garbage.as_bytes()).await;
        assert_eq!(refused.refusal(), (422, "invalid".into()), "{garbage}");
    }
    let opened = booth
        .post(
            "/api/session",
            json!({ "token": booth.token }).to_string().as_bytes(),
        )
        .await;
    assert_eq!(opened.status, 204);
    let cookie = opened.header("set-cookie").unwrap().to_owned();
    for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/api"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
    booth.cookie = Some(format!("{name}={value}"));
    assert_eq!(booth.get("/api/status").await.status, 200);
    booth.cookie = Some(format!("other=1; {name}={value}; more=2"));
    assert_eq!(booth.get("/api/status").await.status, 200);
    for wrong in [
        format!("{name}="),
        format!("{name}={}", &value[1..]),
        format!("x{name}={value}"),
    ] {
        booth.cookie = Some(wrong);
        assert_eq!(
            booth.get("/api/status").await.refusal(),
            (401, "unauthorised".into()),
            "{:?}",
            booth.cookie
        );
    }
    assert_eq!(
        node.asked("Status"),
        2,
        "the node was asked for those who were let in alone"
    );
}

#[tokio::test]
async fn everything_of_the_api_asks_for_the_session() {
    let node = Node::start();
    let id = node.create("Lunch");
    let booth = Booth::served(node.socket(), false, PATIENCE).await;
    for path in [
        "",
        "/",
        "/info",
        "/live",
        "/elections",
        "/transactions/00",
        "/blocks/latest",
        "/find?q=a",
        "/nothing",
        "/%73tatus",
    ] {
        assert_eq!(
            booth.get(&format!("/api{path}")).await.refusal(),
            (401, "unauthorised".into()),
            "{path}"
        );
    }
    for path in ["live", "archive", "log"] {
        assert_eq!(
            booth
                .get(&format!("/api/elections/{id}/{path}"))
                .await
                .status,
            401,
            "{path}"
        );
    }
    for path in ["transactions", "attacks/forged-parent"] {
        assert_eq!(
            booth.post(&format!("/api/{path}"), b"x").await.status,
            401,
            "{path}"
        );
    }
    assert_eq!(
        node.asked("Status") + node.asked("Attack") + node.asked("Submit"),
        0
    );
    // The page itself is for everybody: it holds nothing.
    assert_eq!(booth.get("/").await.status, 200);
}

#[tokio::test]
async fn host_must_be_the_pages_own() {
    let node = Node::start();
    let booth = Booth::open(node.socket()).await;
    let (port, cookie) = (booth.address.port(), booth.cookie.clone().unwrap());
    for own in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
        let heard = booth
            .ask(
                "GET",
                "/api/status",
                &said(&[("Host", &own), ("Cookie", &cookie)]),
                &[],
            )
            .await;
        assert_eq!(heard.status, 200, "{own}");
    }
    for foreign in [
        format!("127.0.0.1.evil.com:{port}"),
        format!("127.0.0.1:{port}.evil.com"),
        format!("localhost.evil.com:{port}"),
        format!("evil.com:{port}"),
        format!("127.0.0.1:{}", port ^ 1),
        "127.0.0.1".to_owned(),
        "localhost".to_owned(),
        format!("localhost.:{port}"),
        format!("[::1]:{port}"),
        format!("127.0.0.2:{port}"),
        format!("127.1:{port}"),
        format!("0.0.0.0:{port}"),
        format!("a@127.0.0.1:{port}"),
        format!("127.0.0.1:{port}, evil.com"),
        String::new(),
    ] {
        for path in ["/api/status", "/", "/app.js"] {
            let heard = booth
                .ask(
                    "GET",
                    path,
                    &said(&[("Host", &foreign), ("Cookie", &cookie)]),
                    &[],
                )
                .await;
            assert_eq!(
                heard.refusal(),
                (421, "forbidden".into()),
                "{foreign:?} {path}"
            );
            keeps_to_itself(&heard);
        }
    }
    let own = format!("127.0.0.1:{port}");
    for headers in [
        vec![],
        vec![("Host", own.as_str()), ("Host", "evil.com")],
        vec![("Host", "evil.com"), ("Host", &own)],
    ] {
        let heard = booth.ask("GET", "/", &said(&headers), &[]).await;
        assert_eq!(heard.status, 421, "{headers:?}");
    }
    let heard = booth.raw(b"GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(heard.status, 421, "an old browser says no host");
    let named_twice = booth
        .ask("GET", "http://evil.com/", &said(&[("Host", &own)]), &[])
        .await;
    assert_eq!(
        named_twice.status, 421,
        "the host of the first line counts too"
    );
}

#[tokio::test]
async fn other_sites_change_nothing() {
    let node = Node::start();
    let id = node.create("Lunch");
    let booth = Booth::open(node.socket()).await;
    let (host, cookie) = (booth.address.to_string(), booth.cookie.clone().unwrap());
    let (own, ballot) = (format!("http://{host}"), node.ballot(9, id, 1));
    let other_port = format!("http://127.0.0.1:{}", booth.address.port() ^ 1);
    let (https, longer) = (format!("https://{host}"), format!("{own}.evil.com"));
    for more in [
        &[][..],
        &[("Origin", "https://evil.com")],
        &[("Origin", "null")],
        &[("Origin", "")],
        &[("Origin", &other_port)],
        &[("Origin", &https)],
        &[("Origin", &longer)],
        &[("Origin", &own), ("Origin", "https://evil.com")],
        &[("Origin", &own), ("Sec-Fetch-Site", "cross-site")],
        &[("Origin", &own), ("Sec-Fetch-Site", "same-site")],
        &[("Origin", &own), ("Sec-Fetch-Site", "none")],
        &[
            ("Origin", &own),
            ("Sec-Fetch-Site", "same-origin"),
            ("Sec-Fetch-Site", "cross-site"),
        ],
        // A form can send text, and needs no permission to.
        &[
            ("Origin", "https://evil.com"),
            ("Content-Type", "text/plain"),
        ],
        &[
            ("Origin", "null"),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ],
    ] {
        let headers = said(&[&[("Host", host.as_str()), ("Cookie", &cookie)], more].concat());
        for (path, body) in [
            ("/api/transactions", ballot.as_slice()),
            ("/api/attacks/forged-parent", b""),
            ("/api/session", b"{}"),
        ] {
            let heard = booth.ask("POST", path, &headers, body).await;
            assert_eq!(
                heard.refusal(),
                (403, "forbidden".into()),
                "{path} {more:?}"
            );
            keeps_to_itself(&heard);
        }
    }
    // A look into another site's answers is asked for by OPTIONS, and not granted.
    let headers = [
        ("Host", host.as_str()),
        ("Origin", "https://evil.com"),
        ("Access-Control-Request-Method", "POST"),
    ];
    let asked = booth
        .ask("OPTIONS", "/api/transactions", &said(&headers), &[])
        .await;
    assert_eq!(asked.status, 403);
    keeps_to_itself(&asked);
    // Nothing is changed by what a link or a picture can ask for.
    for path in [
        "/api/transactions",
        "/api/attacks/forged-parent",
        "/api/session",
    ] {
        let heard = booth.get(path).await;
        assert!(matches!(heard.status, 405 | 422), "{path}: {}", heard.head);
    }
    assert_eq!(node.asked("Submit") + node.asked("Attack"), 0);
    assert_eq!(booth.post("/api/transactions", &ballot).await.status, 200);
}

#[tokio::test]
async fn every_answer_keeps_to_itself_and_refusals_are_for_programs_too() {
    let node = Node::start();
    let id = node.create("Lunch");
    let booth = Booth::open(node.socket()).await;
    for (path, status) in [
        ("/".to_owned(), 200),
        ("/app.js".to_owned(), 200),
        ("/app.css".to_owned(), 200),
        ("/api/status".to_owned(), 200),
        (format!("/api/elections/{id}/archive"), 200),
        ("/api/nothing".to_owned(), 404),
        ("/api/blocks/99".to_owned(), 404),
        ("/api/blocks/-1".to_owned(), 422),
        ("/api/elections/zz".to_owned(), 422),
        (format!("/api/elections/{}", "0".repeat(64)), 404),
        (format!("/api/elections/{}/live", "0".repeat(64)), 404),
        (format!("/api/elections/{}/log", "0".repeat(64)), 404),
        (format!("/api/elections/{}/archive", "0".repeat(64)), 404),
        (format!("/api/receipts/{}", "0".repeat(64)), 404),
        (format!("/api/transactions/{id}"), 200),
        (format!("/api/transactions/{}", "0".repeat(64)), 404),
        ("/api/elections?limit=0".to_owned(), 422),
        (format!("/api/ballots/{}", "0".repeat(32)), 404),
        ("/api/ballots/00".to_owned(), 422),
        ("/api/blocks/%ff".to_owned(), 422),
        ("/api/find".to_owned(), 422),
        ("/api/find?q=".to_owned(), 422),
        (format!("/api/find?q={}", "a".repeat(201)), 422),
        ("/nothing".to_owned(), 404),
        ("/../Cargo.toml".to_owned(), 404),
        ("/%2e%2e/Cargo.toml".to_owned(), 404),
        ("/..%2f..%2fCargo.toml".to_owned(), 404),
        ("//app.js".to_owned(), 404),
        ("/dist/app.js".to_owned(), 404),
        ("/index.html/..".to_owned(), 404),
    ] {
        let heard = booth.get(&path).await;
        assert_eq!(heard.status, status, "{path}: {}", heard.head);
        keeps_to_itself(&heard);
        if status != 200 {
            let code = if status == 404 {
                "not_found"
            } else {
                "invalid"
            };
            assert_eq!(heard.refusal().1, code, "{path}");
        }
    }
    for (path, kind) in [
        ("/", "text/html"),
        ("/app.js", "text/javascript"),
        ("/app.css", "text/css"),
    ] {
        assert!(
            booth
                .get(path)
                .await
                .header("content-type")
                .unwrap()
                .starts_with(kind),
            "{path}"
        );
    }
    for path in ["/", "/app.js", "/api/status", "/nothing"] {
        let heard = booth.post(path, b"").await;
        assert_eq!((heard.status, path), (405, path));
        keeps_to_itself(&heard);
    }
    let head = booth
        .ask(
            "HEAD",
            "/",
            &said(&[("Host", &booth.address.to_string())]),
            &[],
        )
        .await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[tokio::test]
async fn what_is_too_large_is_not_read() {
    let node = Node::start();
    let booth = Booth::open(node.socket()).await;
    for (path, most) in [("transactions", 65_536), ("session", 1024)] {
        let path = format!("/api/{path}");
        let heard = booth.post(&path, &vec![0; most + 1]).await;
        assert_eq!(heard.refusal(), (413, "too_large".into()), "{path}");
        keeps_to_itself(&heard);
        let fits = booth.post(&path, &vec![0; most]).await;
        assert_eq!(
            fits.refusal(),
            (422, "invalid".into()),
            "{path} reads as much, and finds it to be garbage"
        );
    }
    // The length may be a lie, or not be said at all.
    let head = format!(
        "POST /api/transactions HTTP/1.1\r\nHost: {0}\r\nOrigin: http://{0}\r\nCookie: {1}\r\nConnection: close\r\n",
        booth.address,
        booth.cookie.as_ref().unwrap()
    );
    let huge = booth
        .raw(
            format!(
                "{head}Content-Length: 99999999999\r\n\r\n{}",
                "x".repeat(70_000)
            )
            .as_bytes(),
        )
        .await;
    assert_eq!(huge.refusal(), (413, "too_large".into()));
    let chunk = format!("2000\r\n{}\r\n", "x".repeat(0x2000)).repeat(9);
    let chunked = booth
        .raw(format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n").as_bytes())
        .await;
    assert_eq!(chunked.refusal(), (413, "too_large".into()));
    assert_eq!(node.asked("Submit"), 1, "that of the right size");
    // Headers: what is a little too much is refused with a reason, what is far too much without
    // one.
    let host = booth.address.to_string();
    let long = booth
        .ask(
            "GET",
            "/",
            &said(&[("Host", &host), ("X", &"y".repeat(20_000))]),
            &[],
        )
        .await;
    assert_eq!(long.refusal(), (431, "too_large".into()));
    keeps_to_itself(&long);
    let path = booth
        .ask(
            "GET",
            &format!("/{}", "y".repeat(20_000)),
            &said(&[("Host", &host)]),
            &[],
        )
        .await;
    assert_eq!(path.refusal(), (431, "too_large".into()));
    let longer = booth
        .ask(
            "GET",
            "/",
            &said(&[("Host", &host), ("X", &"y".repeat(1 << 20))]),
            &[],
        )
        .await;
    assert_eq!((longer.status, longer.body.len()), (431, 0));
    let many: Vec<_> = (0..1000)
        .map(|_| ("X", "y".to_owned()))
        .chain([("Host", host)])
        .collect();
    assert_eq!(booth.ask("GET", "/", &many, &[]).await.status, 431);
}

#[tokio::test]
async fn two_requests_cannot_be_hidden_in_one() {
    let node = Node::start();
    let id = node.create("Lunch");
    let booth = Booth::open(node.socket()).await;
    let (host, cookie) = (booth.address, booth.cookie.clone().unwrap());
    let hidden = format!(
        "POST /api/attacks/forged-parent HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nOrigin: http://{host}\r\n\r\n"
    );
    let head = format!(
        "POST /api/transactions HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nCookie: {cookie}\r\n"
    );
    for lengths in [
        format!("Content-Length: {}\r\nContent-Length: 0\r\n", hidden.len()),
        "Transfer-Encoding: xchunked\r\n".to_owned(),
        "Transfer-Encoding: chunked, identity\r\n".to_owned(),
        "Content-Length: +5\r\n".to_owned(),
        "Content-Length: -1\r\n".to_owned(),
        "Content-Length: 0x10\r\n".to_owned(),
        "Content-Length : 5\r\n".to_owned(),
    ] {
        let heard = booth
            .raw(format!("{head}{lengths}\r\n{hidden}").as_bytes())
            .await;
        assert_eq!(heard.status, 400, "{lengths}: {}", heard.head);
    }
    // Of both lengths, the chunks count, as everywhere; what stands behind them is not a request.
    let both = format!(
        "{head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n{hidden}"
    );
    assert_eq!(
        booth.raw(both.as_bytes()).await.refusal(),
        (422, "invalid".into())
    );
    assert_eq!(node.asked("Attack"), 0);
    assert_eq!(booth.get(&format!("/api/elections/{id}")).await.status, 200);
}

#[tokio::test]
async fn public_page_has_nothing_of_the_operators() {
    let node = Node::start();
    let id = node.create("Lunch");
    let booth = Booth::served(node.socket(), true, Duration::from_secs(30)).await;
    let info = booth.get("/api/info").await;
    assert_eq!(info.json()["public"], true);
    assert_eq!(info.json()["allow_attacks"], false);
    keeps_to_itself(&info);
    for (path, body) in [
        ("attacks/forged-parent", ""),
        ("attacks/nothing", ""),
        ("session", r#"{"token": "00"}"#),
    ] {
        let heard = booth.post(&format!("/api/{path}"), body.as_bytes()).await;
        assert_eq!(heard.refusal(), (404, "not_found".into()), "{path}");
    }
    assert_eq!(node.asked("Attack"), 0);
    // Where its nodes are reached is not for everybody.
    for path in ["status", "members"] {
        let heard = booth.get(&format!("/api/{path}")).await;
        assert!(
            heard.status == 200 && !String::from_utf8_lossy(&heard.body).contains("192.0.2.1"),
            "{}",
            heard.json()
        );
    }
    let status = booth.follow("/api/live").await.next().await.unwrap();
    assert_eq!(
        (status.0.as_str(), &status.1["listen"]),
        ("status", &json!([]))
    );
    // It votes like any other, at its one origin.
    let ballot = node.ballot(9, id, 0);
    assert_eq!(
        booth.post("/api/transactions", &ballot).await.json()["final"],
        true
    );
    let host = PUBLIC.strip_prefix("https://").unwrap();
    for (host, origin, status) in [
        (host, "http://vote.example.org", 403),
        (host, "https://vote.example.org:8443", 403),
        (host, "https://evil.com", 403),
        ("evil.com", PUBLIC, 421),
        ("vote.example.org.evil.com", PUBLIC, 421),
        ("vote.example.org:443", PUBLIC, 421),
        (&booth.address.to_string(), PUBLIC, 421),
        (host, PUBLIC, 200),
    ] {
        let headers = said(&[("Host", host), ("Origin", origin)]);
        let heard = booth
            .ask("POST", "/api/transactions", &headers, &ballot)
            .await;
        assert_eq!(heard.status, status, "{host} {origin}");
    }
}

#[tokio::test]
async fn public_page_takes_ballots_and_no_elections_or_acts_unless_it_is_told_to() {
    let node = Node::start();
    let id = node.create("Lunch");
    let sign = |payload| node.shared.ledger.lock().unwrap().sign(1, payload);
    let create = sign(Payload::CreateElection(Election::simple(
        "Dinner".into(),
        vec![Contest::write_in()],
        1,
    )));
    let close = sign(Payload::Organise(Organise {
        election: id,
        act: Act::Close,
    }));
    let ballot = node.shared.ledger.lock().unwrap().ballot(3, id, 0);
    let public = Booth::served(node.socket(), true, PATIENCE).await;
    for refused in [&create, &close] {
        assert_eq!(
            public.post("/api/transactions", refused).await.refusal(),
            (403, "not_eligible".into())
        );
    }
    assert_eq!(
        public.get("/api/info").await.json()["takes_elections"],
        false
    );
    assert_eq!(public.post("/api/transactions", &ballot).await.status, 200);
    assert_eq!(
        node.asked("Submit"),
        1,
        "the node hears of the ballot alone"
    );
    let told = Booth::served_so(node.socket(), true, |config| Config {
        takes_elections: true,
        ..config
    })
    .await;
    assert_eq!(told.get("/api/info").await.json()["takes_elections"], true);
    for taken in [&create, &close] {
        assert_eq!(told.post("/api/transactions", taken).await.status, 200);
    }
    let own = Booth::open(node.socket()).await;
    assert_eq!(own.get("/api/info").await.json()["takes_elections"], true);
}

#[tokio::test]
async fn visitor_who_asks_without_end_is_told_to_wait_and_the_next_one_is_answered() {
    let node = Node::start();
    let header = Some("X-Forwarded-For".to_owned());
    let booth = Booth::served_so(node.socket(), true, |config| Config {
        client_header: header,
        ..config
    })
    .await;
    let host = PUBLIC.split("//").nth(1).unwrap();
    let from = |visitor: &str| said(&[("Host", host), ("X-Forwarded-For", visitor)]);
    let mut last = 200;
    for _ in 0..10_000 {
        // What they write themselves stands before what the proxy has seen.
        last = booth
            .ask("GET", "/api/info", &from("198.51.100.7, 192.0.2.1"), &[])
            .await
            .status;
        if last != 200 {
            break;
        }
    }
    assert_eq!(last, 429);
    let again = booth.ask("GET", "/api/info", &from("192.0.2.1"), &[]).await;
    assert!(
        again.status == 200 || again.header("retry-after") == Some("1"),
        "{}",
        again.head
    );
    assert_eq!(
        booth
            .ask("GET", "/api/info", &from("192.0.2.2"), &[])
            .await
            .status,
        200
    );
    assert_eq!(
        booth
            .ask("GET", "/api/info", &from("2001:db8::1"), &[])
            .await
            .status,
        200
    );
}
