//! Who asks, on a page that is public, and how much: nobody takes what is there for all.
//!
//! A client is an IPv4 address, or the first 48 bits of an IPv6 address: what one person can come
//! from. Behind a proxy all visitors have the proxy's address, so the header in which it names them
//! is believed, if the operator says which one it is, and no other is.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, SizeHint};
use tokio::time::Instant;
use vote_chain::TRANSACTION_BYTES_MAX;

use crate::fault::Fault;

/// Requests of one client in a second, over some time.
const REQUESTS_A_SECOND: u32 = 50;
/// Requests that it can make in one go, after a pause.
const REQUESTS_IN_ONE_GO: u32 = 500;
/// Requests of one client that are being answered at a time. An open page has two: it follows the
/// node, and an election.
const AT_ONCE_MAX: u32 = 512;
/// Bytes of answers and questions of one client in a second, over some time.
const BYTES_A_SECOND: u32 = 4 << 20;
/// Bytes that it can have in one go, after a pause.
const BYTES_IN_ONE_GO: u32 = 64 << 20;
/// Between looks for clients that can be forgotten, while all places are taken.
const FORGET_EVERY: Duration = Duration::from_secs(1);
/// Clients that are known at a time. Those who come when all places are taken share one place.
const CLIENTS_MAX: usize = 10_000;

/// Where a connection comes from.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Addresses that count as one. A request within the bounds of its client has it among its
/// extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Prefix {
    Address(IpAddr),
    /// All who find no place of their own.
    Rest,
}

impl Prefix {
    pub(crate) fn of(address: IpAddr) -> Self {
        let address = match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
            }
            v4 @ IpAddr::V4(_) => v4,
        };
        Self::Address(address)
    }
}

/// What is left to a client.
struct Client {
    requests: f64,
    /// Below 0 once an answer was larger than what was left.
    bytes: f64,
    at_once: u32,
    connections: u32,
    seen: Instant,
}

impl Client {
    fn new(now: Instant) -> Self {
        Self {
            requests: REQUESTS_IN_ONE_GO.into(),
            bytes: BYTES_IN_ONE_GO.into(),
            at_once: 0,
            connections: 0,
            seen: now,
        }
    }

    fn rest(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.seen).as_secs_f64();
        self.requests =
            (self.requests + seconds * f64::from(REQUESTS_A_SECOND)).min(REQUESTS_IN_ONE_GO.into());
        self.bytes = (self.bytes + seconds * f64::from(BYTES_A_SECOND)).min(BYTES_IN_ONE_GO.into());
        self.seen = now;
    }

    /// Whether nothing would be lost if it were forgotten.
    fn is_as_new(&self) -> bool {
        let idle = self.at_once == 0 && self.connections == 0;
        idle && self.requests >= REQUESTS_IN_ONE_GO.into() && self.bytes >= BYTES_IN_ONE_GO.into()
    }
}

/// All clients of a public page.
pub(crate) struct Clients {
    header: Option<HeaderName>,
    // Touched for an instant when a connection or a request comes, and when it has ended.
    known: Mutex<Known>,
}

/// The clients that are known.
struct Known {
    clients: BTreeMap<Prefix, Client>,
    /// When those were last looked for that can be forgotten.
    looked: Option<Instant>,
}

impl Known {
    /// The client of these addresses; all that find no place are one.
    fn client(&mut self, prefix: Prefix, now: Instant) -> (Prefix, &mut Client) {
        let full = !self.clients.contains_key(&prefix) && self.clients.len() >= CLIENTS_MAX;
        let due = self
            .looked
            .is_none_or(|looked| now.saturating_duration_since(looked) >= FORGET_EVERY);
        if full && due {
            self.looked = Some(now);
            self.clients.retain(|_, client| {
                client.rest(now);
                !client.is_as_new()
            });
        }
        let has_place = self.clients.contains_key(&prefix) || self.clients.len() < CLIENTS_MAX;
        let prefix = if has_place { prefix } else { Prefix::Rest };
        let client = self
            .clients
            .entry(prefix)
            .or_insert_with(|| Client::new(now));
        client.rest(now);
        (prefix, client)
    }
}

impl Clients {
    /// With the header in which a proxy names who asks, if there is one.
    pub(crate) const fn new(header: Option<HeaderName>) -> Self {
        Self {
            header,
            known: Mutex::new(Known {
                clients: BTreeMap::new(),
                looked: None,
            }),
        }
    }

    /// Who asks. The last address of the header is the one that the proxy itself has seen; those
    /// before it anybody can write.
    fn asks(&self, peer: IpAddr, headers: &HeaderMap) -> Option<Prefix> {
        let Some(name) = &self.header else {
            // A proxy on this machine that nobody has named a header for: its visitors cannot be
            // told apart.
            return (!peer.is_loopback()).then(|| Prefix::of(peer));
        };
        let said = headers
            .get_all(name)
            .iter()
            .next_back()
            .and_then(|value| value.to_str().ok());
        let last = said
            .and_then(|said| said.rsplit(',').next())
            .map(str::trim)
            .and_then(address);
        Some(Prefix::of(last.unwrap_or(peer)))
    }

    /// Lets one more request of a client in.
    fn enter(self: &Arc<Self>, prefix: Prefix, now: Instant) -> Result<Visit, Fault> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (prefix, client) = known.client(prefix, now);
        if client.at_once >= AT_ONCE_MAX {
            return Err(too_many(format!(
                "{AT_ONCE_MAX} requests of your address are being answered already"
            )));
        }
        if client.requests < 1.0 {
            return Err(too_many(format!(
                "your address has asked more than {REQUESTS_A_SECOND} times a second"
            )));
        }
        if client.bytes <= 0.0 {
            return Err(too_many(
                "your address has been sent as much as one is in so short a time".into(),
            ));
        }
        client.requests -= 1.0;
        client.at_once += 1;
        Ok(Visit {
            clients: self.clone(),
            prefix,
        })
    }

    /// Lets one more connection in; none if there are too many from there. A proxy's connections
    /// are those of many.
    pub(crate) fn connect(self: &Arc<Self>, peer: IpAddr, now: Instant) -> Option<Connection> {
        if self.header.is_some() || peer.is_loopback() {
            return Some(Connection(None));
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (prefix, client) = known.client(Prefix::of(peer), now);
        if client.connections >= AT_ONCE_MAX {
            return None;
        }
        client.connections += 1;
        Some(Connection(Some((self.clone(), prefix))))
    }

    fn change(&self, prefix: &Prefix, change: impl FnOnce(&mut Client)) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is being answered is not forgotten.
        if let Some(client) = known.clients.get_mut(prefix) {
            change(client);
        }
    }
}

/// A connection that is counted while it lasts, if those of its address are.
pub(crate) struct Connection(Option<(Arc<Clients>, Prefix)>);

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some((clients, prefix)) = &self.0 {
            clients.change(prefix, |client| {
                client.connections = client.connections.saturating_sub(1)
            });
        }
    }
}

fn too_many(reason: String) -> Fault {
    Fault::new(
        StatusCode::TOO_MANY_REQUESTS,
        "busy",
        format!("{reason}; try again in a moment"),
    )
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let socket = || {
        text.parse::<std::net::SocketAddr>()
            .ok()
            .map(|socket| socket.ip())
    };
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    text.parse().ok().or_else(socket).or_else(bracketed)
}

/// A request that is being answered.
struct Visit {
    clients: Arc<Clients>,
    prefix: Prefix,
}

impl Visit {
    fn spend(&self, bytes: u64) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        // What was begun at once may be more than is left. Nobody waits for it longer than for what
        // one is sent in one go.
        self.clients.change(&self.prefix, |client| {
            client.bytes = (client.bytes - f64::from(bytes)).max(-f64::from(BYTES_IN_ONE_GO))
        });
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.clients.change(&self.prefix, |client| {
            client.at_once = client.at_once.saturating_sub(1)
        });
    }
}

/// An answer whose bytes are counted as they go; it is being answered until all have gone, or the
/// client has.
struct Counted {
    body: Body,
    visit: Visit,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            self.visit
                .spend(frame.data_ref().map_or(0, |data| data.len() as u64));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Answers a request within the bounds of its client.
pub(crate) async fn bound(
    State(clients): State<Arc<Clients>>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let Some(prefix) = peer.and_then(|Peer(peer)| clients.asks(peer, request.headers())) else {
        return next.run(request).await;
    };
    let visit = match clients.enter(prefix, Instant::now()) {
        Ok(visit) => visit,
        Err(fault) => return ([(header::RETRY_AFTER, "1")], fault).into_response(),
    };
    // No more than this is read of a question, whatever length it claims.
    let question = request
        .body()
        .size_hint()
        .upper()
        .unwrap_or(0)
        .min(TRANSACTION_BYTES_MAX as u64);
    visit.spend(question);
    request.extensions_mut().insert(prefix);
    next.run(request)
        .await
        .map(|body| Body::new(Counted { body, visit }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Prefix {
        Prefix::of(text.parse().unwrap())
    }

    fn clients(header: Option<&'static str>) -> Arc<Clients> {
        Arc::new(Clients::new(header.map(HeaderName::from_static)))
    }

    /// So many requests of a client are let in at one moment.
    fn let_in(clients: &Arc<Clients>, prefix: Prefix, now: Instant, tries: usize) -> Vec<Visit> {
        (0..tries)
            .filter_map(|_| clients.enter(prefix, now).ok())
            .collect()
    }

    #[test]
    fn client_that_asks_too_often_waits_and_the_others_do_not() {
        let (clients, now) = (clients(None), Instant::now());
        for _ in 0..REQUESTS_IN_ONE_GO {
            drop(clients.enter(ip("192.0.2.1"), now).unwrap());
        }
        assert!(clients.enter(ip("192.0.2.1"), now).is_err());
        assert!(
            clients.enter(ip("192.0.2.2"), now).is_ok(),
            "another address"
        );
        let later = now + Duration::from_secs(1);
        assert!(clients.enter(ip("192.0.2.1"), later).is_ok());
    }

    #[test]
    fn client_has_so_many_requests_at_once_and_one_that_ends_makes_room() {
        let (clients, now) = (clients(None), Instant::now());
        let first = let_in(&clients, ip("192.0.2.1"), now, 400);
        let later = now + Duration::from_secs(10);
        let mut more = let_in(&clients, ip("192.0.2.1"), later, 400);
        assert_eq!(first.len() + more.len(), AT_ONCE_MAX as usize);
        drop(more.pop());
        assert_eq!(
            let_in(&clients, ip("192.0.2.1"), later, 2).len(),
            1,
            "one place was free"
        );
    }

    #[test]
    fn connections_of_one_address_are_counted_while_they_last_and_those_of_a_proxy_are_not() {
        let (unnamed, now) = (clients(None), Instant::now());
        let (one, two): (IpAddr, IpAddr) =
            ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let mut all: Vec<_> = (0..AT_ONCE_MAX)
            .map(|_| unnamed.connect(one, now).unwrap())
            .collect();
        assert!(unnamed.connect(one, now).is_none() && unnamed.connect(two, now).is_some());
        all.pop();
        assert!(unnamed.connect(one, now).is_some());
        let named = clients(Some("x-forwarded-for"));
        let behind: Vec<_> = (0..=AT_ONCE_MAX)
            .filter_map(|_| named.connect(one, now))
            .collect();
        assert!(behind.len() > AT_ONCE_MAX as usize);
    }

    #[test]
    fn client_that_has_had_much_waits_until_it_is_paid_off() {
        let (clients, now) = (clients(None), Instant::now());
        let visit = clients.enter(ip("192.0.2.1"), now).unwrap();
        visit.spend(u64::from(BYTES_IN_ONE_GO + 2 * BYTES_A_SECOND));
        assert!(
            clients
                .enter(ip("192.0.2.1"), now + Duration::from_secs(1))
                .is_err()
        );
        assert!(
            clients
                .enter(ip("192.0.2.1"), now + Duration::from_secs(3))
                .is_ok()
        );
    }

    #[test]
    fn addresses_that_one_person_can_have_are_one_client() {
        assert!(ip("2001:db8:1:2::3") == ip("2001:db8:1:ffff::1"));
        assert!(ip("2001:db8:1::") != ip("2001:db8:2::"));
        assert!(ip("::ffff:192.0.2.1") == ip("192.0.2.1"));
        assert!(ip("192.0.2.1") != ip("192.0.2.2"));
    }

    #[test]
    fn header_is_believed_if_it_was_named_and_of_it_the_last_address() {
        let proxy: IpAddr = "127.0.0.1".parse().unwrap();
        let said = |lines: &[&str]| {
            let named = |line: &&str| {
                (
                    HeaderName::from_static("x-forwarded-for"),
                    line.parse().unwrap(),
                )
            };
            lines.iter().map(named).collect::<HeaderMap>()
        };
        let named = clients(Some("x-forwarded-for"));
        for lines in [
            &["192.0.2.1"][..],
            &["6.6.6.6, 192.0.2.1"],
            &["6.6.6.6", "7.7.7.7,192.0.2.1:4711"],
        ] {
            assert!(
                named.asks(proxy, &said(lines)) == Some(ip("192.0.2.1")),
                "{lines:?}"
            );
        }
        assert!(named.asks(proxy, &said(&["[2001:db8::1]"])) == Some(ip("2001:db8::1")));
        for lines in [&[][..], &["unknown"], &["192.0.2.1, "]] {
            assert!(
                named.asks(proxy, &said(lines)) == Some(ip("127.0.0.1")),
                "{lines:?}"
            );
        }
        let unnamed = clients(None);
        let visitor: IpAddr = "192.0.2.9".parse().unwrap();
        assert!(
            unnamed.asks(visitor, &said(&["6.6.6.6"])) == Some(ip("192.0.2.9")),
            "anybody can write a header"
        );
        assert!(
            unnamed.asks(proxy, &said(&["6.6.6.6"])).is_none(),
            "a proxy of this machine is many people"
        );
    }

    #[test]
    fn those_who_find_no_place_share_one_and_idle_clients_are_forgotten() {
        let (clients, now) = (clients(None), Instant::now());
        let client = |at: usize| Prefix::of(IpAddr::from(u32::try_from(at).unwrap().to_be_bytes()));
        for at in 0..CLIENTS_MAX {
            drop(clients.enter(client(at), now).unwrap());
        }
        let late: Vec<_> = (0..600)
            .filter_map(|at| clients.enter(client(CLIENTS_MAX + at), now).ok())
            .collect();
        assert_eq!(
            u32::try_from(late.len()),
            Ok(REQUESTS_IN_ONE_GO),
            "they are as one client"
        );
        drop(late);
        let later = now + Duration::from_secs(60);
        assert!(clients.enter(client(CLIENTS_MAX), later).is_ok());
        assert_eq!(clients.known.lock().unwrap().clients.len(), 1);
    }
}
