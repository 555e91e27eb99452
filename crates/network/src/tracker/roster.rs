//! Who is on a tracker's list, and who makes room when it is full. A pure value: time is an
//! argument.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use libp2p::{Multiaddr, PeerId};

use crate::doors::{Prefix, to_make_room};
use crate::limits::{REGISTRATIONS_MAX, REGISTRATIONS_PER_PEER_MAX, REGISTRATIONS_PER_PREFIX_MAX};

/// A node that has lost its connection is no longer shown, and taken for gone after this.
const GRACE: Duration = Duration::from_secs(10);

/// A node on the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who.
    pub peer: PeerId,
    /// The id of its chain.
    pub chain: String,
    /// Where it says that it is reached.
    pub addresses: Vec<Multiaddr>,
    /// Since when it has been on the list.
    pub since: Instant,
    /// Whether it has proven that it is a member of the chain.
    pub member: bool,
    pub(super) prefix: Option<Prefix>,
    /// What the addresses are taken from.
    pub(super) record: Vec<u8>,
    pub(super) expires: Instant,
    pub(super) gone_since: Option<Instant>,
}

/// Why a node is no longer on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It said so.
    Unregistered,
    /// Its connection is gone, and it has not come back.
    Disconnected,
    /// It has not renewed its registration.
    Expired,
    /// The list was full, and another has its place.
    Replaced,
}

/// A change of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrackerEvent {
    /// A node is new.
    Joined(Entry),
    /// A node has gone.
    Left(Entry, Reason),
}

type Key = (PeerId, String);

/// The list, by node and chain.
#[derive(Default)]
pub(super) struct Roster {
    entries: BTreeMap<Key, Entry>,
}

impl Roster {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    pub(super) fn is_member(&self, peer: PeerId, chain: &str) -> bool {
        self.entries
            .get(&(peer, chain.to_owned()))
            .is_some_and(|entry| entry.member)
    }

    /// Puts a node on the list, or renews its entry; says what has changed.
    ///
    /// # Errors
    /// Why there is no place for it.
    pub(super) fn register(&mut self, entry: Entry) -> Result<Vec<TrackerEvent>, String> {
        let key = (entry.peer, entry.chain.clone());
        if let Some(known) = self.entries.get_mut(&key) {
            let since = known.since;
            *known = Entry { since, ..entry };
            return Ok(Vec::new());
        }
        if self.of_peer(entry.peer).count() >= REGISTRATIONS_PER_PEER_MAX {
            return Err(format!(
                "a node can be registered for {REGISTRATIONS_PER_PEER_MAX} chains"
            ));
        }
        let mut events = Vec::new();
        let of_prefix = self
            .entries
            .values()
            .filter(|other| other.prefix == entry.prefix);
        if entry.prefix.is_some() && of_prefix.count() >= REGISTRATIONS_PER_PREFIX_MAX {
            events.extend(self.replace(|other| other.prefix == entry.prefix && !other.member));
            // A member needs no place of its address: it takes one of all.
            if events.is_empty() && !entry.member {
                return Err(format!(
                    "{REGISTRATIONS_PER_PREFIX_MAX} members are registered from this address already"
                ));
            }
        }
        if self.entries.len() >= REGISTRATIONS_MAX {
            let left = self.replace(|other| !other.member);
            let left = left.or_else(|| {
                if entry.member {
                    self.replace(|_| true)
                } else {
                    None
                }
            });
            let full = || format!("{REGISTRATIONS_MAX} members of chains are registered already");
            events.push(left.ok_or_else(full)?);
        }
        self.entries.insert(key, entry.clone());
        events.push(TrackerEvent::Joined(entry));
        Ok(events)
    }

    fn of_peer(&self, peer: PeerId) -> impl Iterator<Item = &Entry> {
        self.entries
            .range((peer, String::new())..)
            .map(|(_, entry)| entry)
            .take_while(move |entry| entry.peer == peer)
    }

    /// Takes off one of those that may go: one that is gone already if there is any, else the
    /// oldest of the prefix that has the most.
    fn replace(&mut self, may_go: impl Fn(&Entry) -> bool) -> Option<TrackerEvent> {
        let mut all: Vec<_> = self
            .entries
            .iter()
            .filter(|(_, entry)| may_go(entry))
            .collect();
        if all.iter().any(|(_, entry)| entry.gone_since.is_some()) {
            all.retain(|(_, entry)| entry.gone_since.is_some());
        }
        all.sort_unstable_by_key(|(_, entry)| entry.since);
        let key = to_make_room(all.into_iter().map(|(key, entry)| (key, entry.prefix)))?.clone();
        self.remove(&key, Reason::Replaced)
    }

    fn remove(&mut self, key: &Key, reason: Reason) -> Option<TrackerEvent> {
        self.entries
            .remove(key)
            .map(|entry| TrackerEvent::Left(entry, reason))
    }

    /// A node says goodbye.
    pub(super) fn leave(&mut self, peer: PeerId, chain: String) -> Option<TrackerEvent> {
        self.remove(&(peer, chain), Reason::Unregistered)
    }

    /// A node's last connection is gone, or its first one is there.
    pub(super) fn mark(&mut self, peer: PeerId, gone_since: Option<Instant>) {
        let of_peer = self
            .entries
            .range_mut((peer, String::new())..)
            .take_while(|((id, _), _)| *id == peer);
        of_peer.for_each(|(_, entry)| entry.gone_since = gone_since);
    }

    /// Takes off those who have not come back, or have not renewed.
    pub(super) fn sweep(&mut self, now: Instant) -> Vec<TrackerEvent> {
        let reason = |entry: &Entry| {
            let gone = entry
                .gone_since
                .is_some_and(|since| now.duration_since(since) > GRACE);
            if gone {
                Some(Reason::Disconnected)
            } else {
                (entry.expires < now).then_some(Reason::Expired)
            }
        };
        let left: Vec<_> = self
            .entries
            .iter()
            .filter_map(|(key, entry)| Some((key.clone(), reason(entry)?)))
            .collect();
        left.iter()
            .filter_map(|(key, reason)| self.remove(key, *reason))
            .collect()
    }

    /// Those that are connected: members first, then who has been there for longest.
    pub(super) fn shown(&self) -> Vec<&Entry> {
        let mut all: Vec<_> = self
            .entries
            .values()
            .filter(|entry| entry.gone_since.is_none())
            .collect();
        all.sort_by_key(|entry| (!entry.member, entry.since));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(180);

    fn entry(host: u8, at: Instant) -> Entry {
        Entry {
            peer: PeerId::random(),
            chain: "chain".into(),
            addresses: Vec::new(),
            since: at,
            member: false,
            prefix: Some([0, 0, 198, 51, 100, host]),
            record: Vec::new(),
            expires: at + TTL,
            gone_since: None,
        }
    }

    #[test]
    fn strangers_fill_the_list_and_neither_a_member_nor_a_newcomer_is_kept_out() {
        let (mut roster, start) = (Roster::default(), Instant::now());
        let member = Entry {
            member: true,
            ..entry(1, start)
        };
        roster.register(member.clone()).unwrap();
        for number in 0..2 * REGISTRATIONS_MAX {
            let host = u8::try_from(number % 200).unwrap();
            roster
                .register(Entry {
                    chain: number.to_string(),
                    ..entry(host, start)
                })
                .unwrap();
        }
        assert_eq!(roster.iter().count(), REGISTRATIONS_MAX);
        let newcomer = entry(250, start + TTL / 2);
        roster.register(newcomer.clone()).unwrap();
        let shown: Vec<_> = roster
            .shown()
            .iter()
            .filter(|entry| entry.chain == "chain")
            .map(|entry| entry.peer)
            .collect();
        assert_eq!(shown, [member.peer, newcomer.peer]);
    }

    #[test]
    fn one_address_has_so_many_places_and_its_newest_have_them() {
        let (mut roster, start) = (Roster::default(), Instant::now());
        let other = entry(2, start);
        roster.register(other.clone()).unwrap();
        let mut last = Vec::new();
        for second in 0..=u64::try_from(REGISTRATIONS_PER_PREFIX_MAX).unwrap() {
            last = roster
                .register(entry(1, start + Duration::from_secs(second)))
                .unwrap();
        }
        let TrackerEvent::Left(first, Reason::Replaced) = &last[0] else {
            panic!("nobody has left: {last:?}")
        };
        assert_eq!(first.since, start);
        assert_eq!(roster.iter().count(), REGISTRATIONS_PER_PREFIX_MAX + 1);
        assert!(roster.shown().iter().any(|entry| entry.peer == other.peer));
    }

    #[test]
    fn who_is_gone_is_not_shown_makes_room_first_and_is_forgotten_soon() {
        let (mut roster, start) = (Roster::default(), Instant::now());
        let [stays, gone] = [entry(1, start), entry(2, start + Duration::from_secs(1))];
        for entry in [&stays, &gone] {
            roster.register(entry.clone()).unwrap();
        }
        roster.mark(gone.peer, Some(start));
        assert_eq!(roster.shown().len(), 1);
        assert!(roster.sweep(start + GRACE).is_empty());
        let left = roster.sweep(start + GRACE * 2);
        assert!(
            matches!(&left[..], [TrackerEvent::Left(entry, Reason::Disconnected)] if entry.peer == gone.peer)
        );
        let left = roster.sweep(start + TTL * 2);
        assert!(
            matches!(&left[..], [TrackerEvent::Left(entry, Reason::Expired)] if entry.peer == stays.peer)
        );
    }

    #[test]
    fn entry_that_is_renewed_keeps_its_age_and_one_peer_has_few_of_them() {
        let (mut roster, start) = (Roster::default(), Instant::now());
        let first = entry(1, start);
        roster.register(first.clone()).unwrap();
        let later = start + TTL / 3;
        let renewed = Entry {
            since: later,
            expires: later + TTL,
            ..first.clone()
        };
        assert_eq!(roster.register(renewed), Ok(Vec::new()));
        assert_eq!(
            roster
                .iter()
                .next()
                .map(|entry| (entry.since, entry.expires)),
            Some((start, later + TTL))
        );
        for number in 1..REGISTRATIONS_PER_PEER_MAX {
            roster
                .register(Entry {
                    chain: number.to_string(),
                    ..first.clone()
                })
                .unwrap();
        }
        assert!(
            roster
                .register(Entry {
                    chain: "one more".into(),
                    ..first
                })
                .is_err()
        );
    }
}
