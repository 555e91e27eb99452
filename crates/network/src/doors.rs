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
use libp2p::{Multiaddr, Transport};

use crate::limits::{CONNECTIONS_PER_PREFIX_MAX, HALF_OPEN_MAX};

/// What one stranger can have many addresses of: an IPv4 address, or the first 48 bits of an IPv6
/// address.
pub(crate) type Prefix = [u8; 6];

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

/// Where a connection has come in from, loopback apart, where all that runs on this machine has one
/// prefix.
pub(crate) fn remote_prefix(endpoint: &ConnectedPoint) -> Option<Prefix> {
    let ConnectedPoint::Listener { send_back_addr, .. } = endpoint else {
        return None;
    };
    prefix(send_back_addr).filter(|_| !is_loopback(send_back_addr))
}

/// How many connections have come in from each prefix.
#[derive(Debug, Default)]
pub(crate) struct Prefixes(BTreeMap<Prefix, usize>);

impl Prefixes {
    /// Counts a connection; false if they are too many.
    pub(crate) fn enter(&mut self, prefix: Option<Prefix>) -> bool {
        let Some(prefix) = prefix else { return true };
        let count = self.0.entry(prefix).or_default();
        *count += 1;
        *count <= CONNECTIONS_PER_PREFIX_MAX
    }

    /// It is gone, whether it was one too many or not.
    pub(crate) fn leave(&mut self, prefix: Option<Prefix>) {
        let Some(prefix) = prefix else { return };
        let count = self.0.get(&prefix).copied().unwrap_or(0);
        if count > 1 {
            self.0.insert(prefix, count - 1)
        } else {
            self.0.remove(&prefix)
        };
    }
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
