//! Who may ask: the right host, for writes the right origin, and on loopback whoever was given the token.
//!
//! A page of another site can send requests to loopback, and with a name that it has resolved to 127.0.0.1 even read the answers. So the host is compared as
//! a whole, the origin of writes too, and without the cookie nothing is answered.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::fault::Fault;

const COOKIE: &str = "vote-session";

const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                   form-action 'none'; frame-ancestors 'none'";

/// A secret that opens a session: 32 random bytes, in hexadecimal.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// The token of random bytes.
    pub fn from_random(bytes: &[u8; 32]) -> Self {
        Self(hex::encode(bytes))
    }

    /// As it stands in the address that is given to the reader.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares in the same time whatever differs.
    fn is(&self, said: &str) -> bool {
        let same = self.0.len() == said.len();
        let differs = self.0.bytes().zip(said.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b));
        same && differs == 0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

/// For whom the page is.
#[derive(Clone, Debug)]
pub enum Access {
    /// For who has the token, on this machine.
    Loopback(Token),
    /// For everybody, at this origin (`https://vote.example.org`), behind a server that does TLS. Nothing of the operator's is there.
    Public(String),
}

/// An origin that no browser would send.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no origin; it looks like https://vote.example.org, with a port if it is not the usual one, and nothing behind"
)]
pub struct InvalidOrigin(String);

/// What is compared with the headers of requests.
pub(crate) struct Guard {
    access: Access,
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Guard {
    pub(crate) fn new(access: Access, address: SocketAddr) -> Result<Self, InvalidOrigin> {
        let (hosts, origins) = match &access {
            Access::Loopback(_) => {
                let port = address.port();
                let hosts = [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::1]:{port}")];
                let origins = hosts.iter().map(|host| format!("http://{host}")).collect();
                (hosts.to_vec(), origins)
            }
            Access::Public(origin) => (vec![host_of(origin)?], vec![origin.clone()]),
        };
        Ok(Self { access, hosts, origins })
    }

    pub(crate) const fn is_public(&self) -> bool {
        matches!(self.access, Access::Public(_))
    }

    /// The cookie of a session, if the token is right.
    pub(crate) fn session(&self, said: &str) -> Option<HeaderValue> {
        let Access::Loopback(token) = &self.access else { return None };
        let cookie = format!("{COOKIE}={}; HttpOnly; SameSite=Strict; Path=/", token.as_str());
        token.is(said).then(|| HeaderValue::from_str(&cookie).ok()).flatten()
    }

    fn check(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<(), Fault> {
        let one = |name: header::HeaderName| {
            let mut all = headers.get_all(name).iter();
            all.next().filter(|_| all.next().is_none()).and_then(|value| value.to_str().ok())
        };
        if !one(header::HOST).is_some_and(|host| self.hosts.iter().any(|known| known == host)) {
            let reason = "this is not the host that the page is served at";
            return Err(Fault::new(StatusCode::MISDIRECTED_REQUEST, "forbidden", reason));
        }
        if !matches!(*method, Method::GET | Method::HEAD) {
            let own = one(header::ORIGIN).is_some_and(|origin| self.origins.iter().any(|known| known == origin));
            let site = headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin");
            if !(own && site) {
                return Err(Fault::new(StatusCode::FORBIDDEN, "forbidden", "only the page itself may do this"));
            }
        }
        let open = !path.starts_with("/api/") || path == "/api/session" || self.is_public();
        if open || self.has_session(headers) {
            return Ok(());
        }
        let reason = "open the page by the address that `vote-cli gui` has printed";
        Err(Fault::new(StatusCode::UNAUTHORIZED, "unauthorised", reason))
    }

    fn has_session(&self, headers: &HeaderMap) -> bool {
        let Access::Loopback(token) = &self.access else { return false };
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut sessions = cookies
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='));
        sessions.any(|said| token.is(said))
    }
}

/// The host of an origin, with its port if it has one.
fn host_of(origin: &str) -> Result<String, InvalidOrigin> {
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-:[]".contains(c);
    let host = host.filter(|host| !host.is_empty() && host.chars().all(allowed));
    host.map(str::to_owned).ok_or_else(|| InvalidOrigin(origin.to_owned()))
}

/// Lets a request through or not; every answer has the headers that keep the page to itself.
pub(crate) async fn guard(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let mut response = match guard.check(request.method(), request.uri().path(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(fault) => fault.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", CSP),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> Guard {
        let access = Access::Loopback(Token::from_random(&[7; 32]));
        Guard::new(access, SocketAddr::from(([127, 0, 0, 1], 4711))).unwrap()
    }

    fn asked(method: Method, path: &str, headers: &[(&'static str, &str)]) -> Option<StatusCode> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        loopback().check(&method, path, &map).err().map(|fault| fault.into_response().status())
    }

    #[test]
    fn host_is_compared_as_a_whole() {
        for host in ["127.0.0.1:4711", "localhost:4711", "[::1]:4711"] {
            assert_eq!(asked(Method::GET, "/", &[("host", host)]), None, "{host}");
        }
        for host in [
            "127.0.0.1.evil.example:4711",
            "127.0.0.1:4712",
            "127.0.0.1",
            "localhost.:4711",
            "evil.example",
            "127.0.0.2:4711",
            "",
        ] {
            let refused = asked(Method::GET, "/", &[("host", host)]);
            assert_eq!(refused, Some(StatusCode::MISDIRECTED_REQUEST), "{host}");
        }
        let two = [("host", "127.0.0.1:4711"), ("host", "127.0.0.1:4711")];
        assert!(asked(Method::GET, "/", &two).is_some() && asked(Method::GET, "/", &[]).is_some());
    }

    #[test]
    fn writes_come_from_the_page_itself_alone() {
        let host = ("host", "127.0.0.1:4711");
        let post = |more: &[(&'static str, &str)]| asked(Method::POST, "/api/session", &[&[host], more].concat());
        let own = ("origin", "http://127.0.0.1:4711");
        assert_eq!(post(&[own]), None);
        assert_eq!(post(&[own, ("sec-fetch-site", "same-origin")]), None);
        for bad in ["http://evil.example", "null", "https://127.0.0.1:4711", "http://127.0.0.1:4711.evil.example", ""] {
            assert_eq!(post(&[("origin", bad)]), Some(StatusCode::FORBIDDEN), "{bad}");
        }
        assert_eq!(post(&[]), Some(StatusCode::FORBIDDEN), "no origin");
        assert_eq!(post(&[own, ("sec-fetch-site", "cross-site")]), Some(StatusCode::FORBIDDEN));
        assert_eq!(post(&[own, own]), Some(StatusCode::FORBIDDEN), "two origins");
    }

    #[test]
    fn nothing_is_answered_without_the_session() {
        let (host, token) = (("host", "127.0.0.1:4711"), "07".repeat(32));
        let get = |cookie: &str| asked(Method::GET, "/api/status", &[host, ("cookie", cookie)]);
        assert_eq!(get(&format!("a=b; {COOKIE}={token}")), None);
        for bad in
            ["", "a=b", &format!("{COOKIE}={}", &token[1..]), &format!("{COOKIE}x={token}"), &format!("{COOKIE}=")]
        {
            assert_eq!(get(bad), Some(StatusCode::UNAUTHORIZED), "{bad}");
        }
        assert!(loopback().session(&token).is_some() && loopback().session("07").is_none());
    }

    #[test]
    fn public_page_has_one_origin_and_no_session() {
        let address = SocketAddr::from(([0, 0, 0, 0], 80));
        let public = Guard::new(Access::Public("https://vote.example.org".into()), address).unwrap();
        assert!(public.is_public() && public.session("anything").is_none());
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("vote.example.org"))]);
        assert!(public.check(&Method::GET, "/api/status", &headers).is_ok());
        for bad in ["vote.example.org", "https://vote.example.org/", "https://", "https://Vote.example.org", "ftp://a"]
        {
            assert!(Guard::new(Access::Public(bad.into()), address).is_err(), "{bad}");
        }
    }
}
