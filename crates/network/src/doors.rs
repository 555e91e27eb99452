//! Connections that are coming in and have not yet shown who they are. There are so many places for
//! them and no more; whoever comes when all are taken gets the place of the one that has been at it
//! for longest, of the address that has the most. A stranger who holds places so keeps nobody out,
//! since an honest peer needs its place for some milliseconds only.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures::future::{BoxFuture, Either, select};
use futures::{FutureExt, channel::oneshot};
use libp2p::core::ConnectedPoint;
use libp2p::core::transport::{DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId, Transport};

use crate::limits::{CONNECTIONS_FREE, CONNECTIONS_PER_PREFIX_MAX, HALF_OPEN_MAX};

/// What one stranger can have many addresses of: an IPv4 address, or the first 48 bits of an IPv6
/// address.
pub type Prefix = [u8; 6];

/// The prefix of an address; none if it has no IP address in front.
pub(crate) fn prefix(address: &Multiaddr) -> Option<Prefix> {
    let ip: IpAddr = match address.iter().next()? {
        Protocol::Ip4(ip) => ip.into(),
        Protocol::Ip6(ip) => ip.into(),
        _ => return None,
    };
    let mut prefix = [0; 6];
    match ip.to_canonical() {
        // No IPv6 prefix of an address on the Internet begins so.
        IpAddr::V4(ip) => prefix[2..].copy_from_slice(&ip.octets()),
        IpAddr::V6(ip) => prefix.copy_from_slice(&ip.octets()[..6]),
    }
    Some(prefix)
}

/// Whether an address is this machine's own, where all are behind one prefix.
fn is_loopback(address: &Multiaddr) -> bool {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => ip.is_loopback(),
        Some(Protocol::Ip6(ip)) => ip.to_canonical().is_loopback(),
        _ => false,
    }
}

/// Where the other side of a connection is, loopback apart, where all that runs on this machine has
/// one prefix.
pub(crate) fn remote_prefix(endpoint: &ConnectedPoint) -> Option<Prefix> {
    let remote = endpoint.get_remote_address();
    prefix(remote).filter(|_| !is_loopback(remote))
}

/// Somebody who is here and may have to go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stranger {
    pub(crate) id: PeerId,
    pub(crate) prefix: Option<Prefix>,
    pub(crate) connections: usize,
    /// Whether it has proven to be of some chain, which anybody can found: it goes last.
    pub(crate) member: bool,
}

/// Who has to go when one more comes from `prefix`, and why. Nobody is refused because others of its
/// address are here: it may be the one that can prove a key. `strangers` are in order: those who are
/// no members first, then the oldest first; `taken` of all `places` are taken.
pub(crate) fn gives_way(
    strangers: &[Stranger],
    prefix: Option<Prefix>,
    taken: usize,
    places: usize,
) -> Option<(PeerId, &'static str)> {
    let mut of_prefix = strangers
        .iter()
        .filter(|stranger| prefix.is_some() && stranger.prefix == prefix);
    let oldest = of_prefix.next();
    let connections = oldest.into_iter().chain(of_prefix);
    let connections: usize = connections.map(|stranger| stranger.connections).sum();
    if let Some(oldest) = oldest
        && connections >= CONNECTIONS_PER_PREFIX_MAX
    {
        return Some((oldest.id, "another one of its address wants its place"));
    }
    if taken + CONNECTIONS_FREE < places {
        return None;
    }
    let only_members = strangers.iter().all(|stranger| stranger.member);
    let oldest = to_make_room(
        strangers
            .iter()
            .filter(|stranger| stranger.member == only_members)
            .map(|stranger| (stranger.id, stranger.prefix)),
    );
    oldest.map(|id| (id, "another one wants its place"))
}

/// Of several, each with where it comes from, and in order of age: the oldest of the prefix that
/// has the most; of such prefixes, of all.
pub(crate) fn to_make_room<T: Copy>(all: impl Iterator<Item = (T, Option<Prefix>)>) -> Option<T> {
    let mut by_prefix: BTreeMap<Option<Prefix>, (usize, Reverse<usize>, T)> = BTreeMap::new();
    for (place, (one, prefix)) in all.enumerate() {
        by_prefix
            .entry(prefix)
            .or_insert((0, Reverse(place), one))
            .0 += 1;
    }
    by_prefix
        .into_values()
        .max_by_key(|(count, oldest, _)| (*count, *oldest))
        .map(|(_, _, oldest)| oldest)
}

/// The places.
#[derive(Default)]
struct Places {
    sequence: u64,
    taken: BTreeMap<u64, (Option<Prefix>, oneshot::Sender<()>)>,
}

impl Places {
    /// Takes a place; the receiver hears when it has to be left.
    fn enter(&mut self, from: Option<Prefix>) -> (u64, oneshot::Receiver<()>) {
        if self.taken.len() >= HALF_OPEN_MAX
            && let Some(oldest) = to_make_room(
                self.taken
                    .iter()
                    .map(|(number, (prefix, _))| (*number, *prefix)),
            )
            && let Some((_, leave)) = self.taken.remove(&oldest)
        {
            // An error says that it has just come in, or given up.
            let _ = leave.send(());
        }
        self.sequence += 1;
        let (leave, told) = oneshot::channel();
        self.taken.insert(self.sequence, (from, leave));
        (self.sequence, told)
    }
}

/// A transport with so many places for who comes in.
pub(crate) struct Doors<T> {
    inner: T,
    // Held for an instant.
    places: Arc<Mutex<Places>>,
}

impl<T> Doors<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self {
            inner,
            places: Arc::default(),
        }
    }
}

impl<T> Transport for Doors<T>
where
    T: Transport<Error = io::Error> + Unpin,
    T::Output: 'static,
    T::ListenerUpgrade: Send + Unpin + 'static,
{
    type Output = T::Output;
    type Error = io::Error;
    type ListenerUpgrade = BoxFuture<'static, Result<T::Output, io::Error>>;
    type Dial = T::Dial;

    fn listen_on(
        &mut self,
        id: ListenerId,
        address: Multiaddr,
    ) -> Result<(), TransportError<io::Error>> {
        self.inner.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.remove_listener(id)
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        options: DialOpts,
    ) -> Result<Self::Dial, TransportError<io::Error>> {
        self.inner.dial(address, options)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        Pin::new(&mut self.inner).poll(cx).map(|event| {
            let from = match &event {
                TransportEvent::Incoming { send_back_addr, .. } => prefix(send_back_addr),
                _ => None,
            };
            event.map_upgrade(|upgrade| {
                let places = self.places.clone();
                let (number, told) = places
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .enter(from);
                let leave = Leave { places, number };
                async move {
                    let _leave = leave;
                    match select(upgrade, told).await {
                        Either::Left((done, _)) => done,
                        Either::Right(_) => Err(io::Error::other("others want to come in")),
                    }
                }
                .boxed()
            })
        })
    }
}

/// Gives the place back.
struct Leave {
    places: Arc<Mutex<Places>>,
    number: u64,
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.places
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .taken
            .remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(text: &str) -> Option<Prefix> {
        prefix(&text.parse().unwrap())
    }

    #[test]
    fn of_prefixes_that_have_as_many_the_oldest_of_all_makes_room() {
        let prefixes = [[9; 6], [1; 6], [9; 6], [1; 6], [5; 6]];
        let all = || (0..).zip(prefixes.map(Some));
        assert_eq!(to_make_room(all()), Some(0));
        assert_eq!(to_make_room(all().skip(1)), Some(1), "the one that has two");
        assert_eq!(to_make_room(all().skip(2)), Some(2), "each has one");
    }

    #[test]
    fn who_comes_from_an_address_with_many_strangers_gets_in_and_the_oldest_of_them_goes() {
        let (many, few) = (from("/ip4/192.0.2.1/tcp/1"), from("/ip4/192.0.2.2/tcp/1"));
        let stranger = |prefix| Stranger {
            id: PeerId::random(),
            prefix,
            connections: 1,
            member: false,
        };
        let mut strangers = vec![stranger(few)];
        strangers.extend((0..CONNECTIONS_PER_PREFIX_MAX).map(|_| stranger(many)));
        let leaves = |strangers: &[Stranger], prefix| {
            gives_way(strangers, prefix, strangers.len(), 200).map(|(id, _)| id)
        };
        assert_eq!(leaves(&strangers, many), Some(strangers[1].id));
        assert_eq!(leaves(&strangers, few), None, "there is room for others");
        assert_eq!(leaves(&strangers[..32], many), None, "and for one more");
        let on_this_machine: Vec<_> = (0..100).map(|_| stranger(None)).collect();
        assert_eq!(leaves(&on_this_machine, None), None);
        assert_eq!(
            gives_way(&strangers, few, 192, 200).map(|(id, _)| id),
            Some(strangers[1].id),
            "when all is full, it is one of the address with the most"
        );
        let mut all = vec![stranger(few)];
        all.extend(strangers[1..].iter().map(|other| Stranger {
            member: true,
            ..*other
        }));
        assert_eq!(leaves(&all, many), Some(all[1].id), "members have no more");
        assert_eq!(
            gives_way(&all, few, 192, 200).map(|(id, _)| id),
            Some(all[0].id),
            "of all places members are the last to give up theirs"
        );
    }

    #[test]
    fn connections_that_a_node_has_made_are_of_the_prefix_that_it_has_called() {
        let dialled = |address: &str| {
            remote_prefix(&ConnectedPoint::Dialer {
                address: address.parse().unwrap(),
                role_override: libp2p::core::Endpoint::Dialer,
                port_use: libp2p::core::transport::PortUse::New,
            })
        };
        assert_eq!(
            dialled("/ip4/192.0.2.1/tcp/1"),
            from("/ip4/192.0.2.1/tcp/2")
        );
        assert_eq!(dialled("/ip4/127.0.0.1/tcp/1"), None);
    }

    #[test]
    fn who_comes_last_gets_in_and_the_oldest_of_the_address_with_the_most_goes() {
        let (many, few) = (from("/ip4/192.0.2.1/tcp/1"), from("/ip4/192.0.2.2/tcp/1"));
        let mut places = Places::default();
        let (_, mut honest) = places.enter(few);
        let mut held: Vec<_> = (1..HALF_OPEN_MAX).map(|_| places.enter(many).1).collect();
        let (_, mut last) = places.enter(many);
        assert_eq!(places.taken.len(), HALF_OPEN_MAX);
        let mut stays = |told: &mut oneshot::Receiver<()>| told.try_recv() == Ok(None);
        assert!(!stays(&mut held[0]), "the oldest has to go");
        assert!(held[1..].iter_mut().all(&mut stays) && stays(&mut honest) && stays(&mut last));
    }

    #[test]
    fn prefixes_are_what_one_stranger_has_many_addresses_of() {
        assert_eq!(
            from("/ip6/2001:db8:1:2::3/tcp/1"),
            from("/ip6/2001:db8:1:9::9/tcp/2")
        );
        assert_ne!(
            from("/ip6/2001:db8:1::1/tcp/1"),
            from("/ip6/2001:db8:2::1/tcp/1")
        );
        assert_eq!(
            from("/ip6/::ffff:192.0.2.1/tcp/1"),
            from("/ip4/192.0.2.1/tcp/1")
        );
        assert_ne!(from("/ip4/192.0.2.1/tcp/1"), from("/ip4/192.0.2.2/tcp/1"));
        assert_eq!(from("/memory/1"), None);
    }
}
