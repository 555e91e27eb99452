//! Who may ask: the right host, for writes the right origin, and on loopback whoever was given the
//! token.
//!
//! A page of another site can send requests to loopback, and with a name that it has resolved to 127.0.0.1
//! even read the answers. So the host is compared as a whole, the origin of writes too, and without
//! the cookie nothing is answered.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::fault::Fault;

/// Followed by the port, since cookies do not tell one port of a host from another.
const COOKIE: &str = "vote-session-";
/// A request's line and headers, in bytes; the server reads a little more, so that who says too
/// much is told so.
pub(crate) const HEAD_BYTES_MAX: usize = 16 * 1024;

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
        let differs = self
            .0
            .bytes()
            .zip(said.bytes())
            .fold(0, |differs, (a, b)| differs | (a ^ b));
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
    /// For everybody, at this origin (`https://vote.example.org`), behind a server that does TLS.
    /// Nothing of the operator's is there.
    Public(String),
}

/// What a page cannot be served with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAccess {
    /// No browser would send it.
    #[error(
        "{0:?} is no origin; it looks like https://vote.example.org, with a port if it is not the usual one, and nothing behind"
    )]
    Origin(String),
    /// Whoever sees the token on the way could use it.
    #[error("{0} can be reached from other machines; only a public page is served there")]
    NotLoopback(SocketAddr),
    /// No proxy would send it.
    #[error("{0:?} is no name of a header; it looks like X-Forwarded-For")]
    Header(String),
}

/// A host as requests name it, and the origin that a page of it has.
struct Place {
    host: String,
    origin: String,
}

/// What is compared with the headers of requests.
pub(crate) struct Guard {
    access: Access,
    places: Vec<Place>,
    cookie: String,
}

impl Guard {
    pub(crate) fn new(access: Access, address: SocketAddr) -> Result<Self, InvalidAccess> {
        let places = match &access {
            Access::Loopback(_) if !address.ip().is_loopback() => {
                return Err(InvalidAccess::NotLoopback(address));
            }
            Access::Loopback(_) => {
                let place = |host: String| Place {
                    origin: format!("http://{host}"),
                    host,
                };
                let named = |host: String| match address.port() {
                    // Browsers leave the usual port out.
                    80 => place(host),
                    port => place(format!("{host}:{port}")),
                };
                let own = SocketAddr::new(address.ip(), 80).to_string();
                vec![
                    named(own.trim_end_matches(":80").to_owned()),
                    named("localhost".to_owned()),
                ]
            }
            Access::Public(origin) => vec![Place {
                host: host_of(origin)?,
                origin: origin.clone(),
            }],
        };
        Ok(Self {
            access,
            places,
            cookie: format!("{COOKIE}{}", address.port()),
        })
    }

    pub(crate) const fn is_public(&self) -> bool {
        matches!(self.access, Access::Public(_))
    }

    /// The cookie of a session, if the token is right.
    pub(crate) fn session(&self, said: &str) -> Option<HeaderValue> {
        let Access::Loopback(token) = &self.access else {
            return None;
        };
        let cookie = format!(
            "{}={}; HttpOnly; SameSite=Strict; Path=/api",
            self.cookie,
            token.as_str()
        );
        token
            .is(said)
            .then(|| HeaderValue::from_str(&cookie).ok())
            .flatten()
    }

    fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Fault> {
        let said: usize = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        if said
            + uri
                .path_and_query()
                .map_or(0, |target| target.as_str().len())
            > HEAD_BYTES_MAX
        {
            let reason = format!("{HEAD_BYTES_MAX} bytes of headers are allowed");
            return Err(Fault::new(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "too_large",
                reason,
            ));
        }
        let one = |name: header::HeaderName| {
            let mut all = headers.get_all(name).iter();
            all.next()
                .filter(|_| all.next().is_none())
                .and_then(|value| value.to_str().ok())
        };
        let place =
            one(header::HOST).and_then(|host| self.places.iter().find(|place| place.host == host));
        // A request can name its host twice: in its first line too.
        let place = place.filter(|place| {
            uri.authority()
                .is_none_or(|named| named.as_str() == place.host)
        });
        let Some(place) = place else {
            let reason = "this is not the host that the page is served at";
            return Err(Fault::new(
                StatusCode::MISDIRECTED_REQUEST,
                "forbidden",
                reason,
            ));
        };
        if !matches!(*method, Method::GET | Method::HEAD) {
            let own = one(header::ORIGIN).is_some_and(|origin| origin == place.origin);
            let mut sites = headers.get_all("sec-fetch-site").iter();
            if !(own && sites.all(|site| site == "same-origin")) {
                return Err(Fault::new(
                    StatusCode::FORBIDDEN,
                    "forbidden",
                    "only the page itself may do this",
                ));
            }
        }
        let path = uri.path();
        let open = !(path == "/api" || path.starts_with("/api/"))
            || path == "/api/session"
            || self.is_public();
        if open || self.has_session(headers) {
            return Ok(());
        }
        let reason = "open the page by the address that `vote-cli gui` has printed";
        Err(Fault::new(StatusCode::UNAUTHORIZED, "unauthorised", reason))
    }

    fn has_session(&self, headers: &HeaderMap) -> bool {
        let Access::Loopback(token) = &self.access else {
            return false;
        };
        let cookies = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let mut sessions = cookies
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|cookie| cookie.trim().strip_prefix(&self.cookie)?.strip_prefix('='));
        sessions.any(|said| token.is(said))
    }
}

/// The host of an origin, with its port if it has one.
fn host_of(origin: &str) -> Result<String, InvalidAccess> {
    let host = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"));
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-:[]".contains(c);
    let host = host.filter(|host| {
        !host.is_empty() && host.chars().all(allowed) && host.parse::<Authority>().is_ok()
    });
    // A browser leaves the usual port out, and would never be let in.
    let host = host.filter(|host| {
        !host.ends_with(if origin.starts_with("https") {
            ":443"
        } else {
            ":80"
        })
    });
    host.map(str::to_owned)
        .ok_or_else(|| InvalidAccess::Origin(origin.to_owned()))
}

/// Lets a request through or not; every answer has the headers that keep the page to itself.
pub(crate) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match guard.check(request.method(), request.uri(), request.headers()) {
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

    fn asked(
        method: Method,
        target: &'static str,
        headers: &[(&'static str, &str)],
    ) -> Option<StatusCode> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        loopback()
            .check(&method, &Uri::from_static(target), &map)
            .err()
            .map(|fault| fault.into_response().status())
    }

    #[test]
    fn host_is_compared_as_a_whole() {
        for host in ["127.0.0.1:4711", "localhost:4711"] {
            assert_eq!(asked(Method::GET, "/", &[("host", host)]), None, "{host}");
        }
        for host in [
            "127.0.0.1.evil.example:4711",
            "127.0.0.1:4711.evil.example",
            "localhost.evil.example:4711",
            "127.0.0.1:4712",
            "127.0.0.1",
            "localhost.:4711",
            "evil.example",
            "127.0.0.2:4711",
            "[::1]:4711",
            "127.1:4711",
            "2130706433:4711",
            "0.0.0.0:4711",
            "user@127.0.0.1:4711",
            "127.0.0.1:4711 ",
            "LOCALHOST:4711",
            "localhost:04711",
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
        let post = |more: &[(&'static str, &str)]| {
            asked(Method::POST, "/api/session", &[&[host], more].concat())
        };
        let own = ("origin", "http://127.0.0.1:4711");
        assert_eq!(post(&[own]), None);
        assert_eq!(post(&[own, ("sec-fetch-site", "same-origin")]), None);
        for bad in [
            "http://evil.example",
            "null",
            "https://127.0.0.1:4711",
            "http://127.0.0.1:4711.evil.example",
            "",
        ] {
            assert_eq!(
                post(&[("origin", bad)]),
                Some(StatusCode::FORBIDDEN),
                "{bad}"
            );
        }
        assert_eq!(post(&[]), Some(StatusCode::FORBIDDEN), "no origin");
        assert_eq!(
            post(&[own, ("sec-fetch-site", "cross-site")]),
            Some(StatusCode::FORBIDDEN)
        );
        assert_eq!(
            post(&[own, own]),
            Some(StatusCode::FORBIDDEN),
            "two origins"
        );
        let other_name = [("origin", "http://localhost:4711")];
        assert_eq!(
            post(&other_name),
            Some(StatusCode::FORBIDDEN),
            "a page of the other name is another page"
        );
        for site in ["same-site", "none", "cross-site"] {
            let two = [
                own,
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-site", site),
            ];
            assert_eq!(post(&two), Some(StatusCode::FORBIDDEN), "{site}");
        }
        for method in [Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH] {
            assert_eq!(
                asked(method, "/api/status", &[host]),
                Some(StatusCode::FORBIDDEN)
            );
        }
    }

    #[test]
    fn nothing_is_answered_without_the_session() {
        let (host, token) = (("host", "127.0.0.1:4711"), "07".repeat(32));
        let get = |cookie: &str| asked(Method::GET, "/api/status", &[host, ("cookie", cookie)]);
        assert_eq!(get(&format!("a=b; {COOKIE}4711={token}")), None);
        for bad in [
            "",
            "a=b",
            &format!("{COOKIE}4711={}", &token[1..]),
            &format!("{COOKIE}4712={token}"),
            &format!("{COOKIE}4711="),
        ] {
            assert_eq!(get(bad), Some(StatusCode::UNAUTHORIZED), "{bad}");
        }
        for path in ["/api", "/api/", "/api//status", "/api/session/"] {
            assert_eq!(
                asked(Method::GET, path, &[host]),
                Some(StatusCode::UNAUTHORIZED),
                "{path}"
            );
        }
    }

    #[test]
    fn token_is_compared_as_a_whole() {
        let token = "07".repeat(32);
        assert!(loopback().session(&token).is_some());
        for wrong in [
            "",
            "07",
            &token[1..],
            &format!("{token}0"),
            &format!("{}8", &token[..63]),
            &format!("1{}", &token[1..]),
        ] {
            assert!(loopback().session(wrong).is_none(), "{wrong}");
        }
        let cookie = loopback().session(&token).unwrap();
        let cookie = cookie.to_str().unwrap();
        assert!(
            cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Strict"),
            "{cookie}"
        );
        assert!(!format!("{:?}", Token::from_random(&[7; 32])).contains("07"));
    }

    #[test]
    fn host_of_the_first_line_is_compared_too() {
        let host = [("host", "127.0.0.1:4711")];
        assert_eq!(asked(Method::GET, "http://127.0.0.1:4711/", &host), None);
        for target in [
            "http://evil.example/",
            "http://localhost:4711/",
            "http://user@127.0.0.1:4711/",
        ] {
            assert_eq!(
                asked(Method::GET, target, &host),
                Some(StatusCode::MISDIRECTED_REQUEST),
                "{target}"
            );
        }
    }

    #[test]
    fn usual_port_is_left_out_as_browsers_do() {
        let at = |address: &str| {
            let access = Access::Loopback(Token::from_random(&[7; 32]));
            let guard = Guard::new(access, address.parse().unwrap()).unwrap();
            guard
                .places
                .into_iter()
                .map(|place| place.origin)
                .collect::<Vec<_>>()
        };
        assert_eq!(at("127.0.0.1:80"), ["http://127.0.0.1", "http://localhost"]);
        assert_eq!(
            at("127.0.0.2:8080"),
            ["http://127.0.0.2:8080", "http://localhost:8080"]
        );
        assert_eq!(at("[::1]:80"), ["http://[::1]", "http://localhost"]);
        assert_eq!(
            at("[::1]:8080"),
            ["http://[::1]:8080", "http://localhost:8080"]
        );
    }

    #[test]
    fn page_with_a_token_is_served_on_loopback_alone() {
        for address in ["0.0.0.0:80", "192.0.2.1:80", "[::]:80"] {
            let address = address.parse().unwrap();
            let refused = Guard::new(Access::Loopback(Token::from_random(&[7; 32])), address).err();
            assert_eq!(refused, Some(InvalidAccess::NotLoopback(address)));
            assert!(Guard::new(Access::Public("https://vote.example.org".into()), address).is_ok());
        }
    }

    #[test]
    fn headers_have_a_bound() {
        let long = "y".repeat(HEAD_BYTES_MAX);
        let refused = asked(
            Method::GET,
            "/",
            &[("host", "127.0.0.1:4711"), ("x", &long)],
        );
        assert_eq!(refused, Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    }

    #[test]
    fn public_page_has_one_origin_and_no_session() {
        let address = SocketAddr::from(([0, 0, 0, 0], 80));
        let public =
            Guard::new(Access::Public("https://vote.example.org".into()), address).unwrap();
        assert!(public.is_public() && public.session("anything").is_none());
        let headers =
            HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("vote.example.org"))]);
        assert!(
            public
                .check(&Method::GET, &Uri::from_static("/api/status"), &headers)
                .is_ok()
        );
        for bad in [
            "vote.example.org",
            "https://vote.example.org/",
            "https://",
            "https://Vote.example.org",
            "ftp://a",
            "https://a:443",
            "http://a:80",
            "https://a:b:c",
        ] {
            assert!(
                Guard::new(Access::Public(bad.into()), address).is_err(),
                "{bad}"
            );
        }
    }
}
