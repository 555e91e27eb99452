//! Rankings, as compact in memory as on the ledger: there are as many as ballots, and each may name
//! 500 choices.

use std::cmp::Ordering;
use std::fmt;

use serde::de::{DeserializeSeed, Error, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Ranks, best first; choices in one rank are equal, and are named by their places in the list,
/// from 0.
///
/// In memory two bytes for each rank and each choice, in one piece. Encoded, compared and printed
/// it is a list of lists of places.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Ranks(
    /// Each rank as the number of its places, and then these.
    Box<[u16]>,
);

impl Ranks {
    /// Ranks of these places, best first; none if one rank has more than 65,535 of them.
    pub fn new<R: AsRef<[u16]>>(ranks: impl IntoIterator<Item = R>) -> Option<Self> {
        let mut flat = Vec::new();
        for rank in ranks {
            let places = rank.as_ref();
            flat.push(u16::try_from(places.len()).ok()?);
            flat.extend_from_slice(places);
        }
        Some(Self(flat.into()))
    }

    /// A ranking without equals: each place in a rank of its own, best first.
    pub fn strict(places: impl IntoIterator<Item = u16>) -> Self {
        Self(places.into_iter().flat_map(|place| [1, place]).collect())
    }

    /// The ranks, best first.
    pub fn iter(&self) -> impl Iterator<Item = &[u16]> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let (count, after) = rest.split_first()?;
            let (rank, after) = after.split_at(usize::from(*count));
            rest = after;
            Some(rank)
        })
    }

    /// How many places are named, in all ranks together.
    pub fn named(&self) -> usize {
        self.iter().map(<[u16]>::len).sum()
    }
}

impl Ord for Ranks {
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other.iter())
    }
}

impl PartialOrd for Ranks {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Ranks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Ranks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut ranks = serializer.serialize_seq(Some(self.iter().count()))?;
        for rank in self.iter() {
            ranks.serialize_element(rank)?;
        }
        ranks.end()
    }
}

impl<'de> Deserialize<'de> for Ranks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(AllRanks)
    }
}

struct AllRanks;

impl<'de> Visitor<'de> for AllRanks {
    type Value = Ranks;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of ranks")
    }

    /// What is allocated grows with what has been read, whatever length the input claims.
    fn visit_seq<A: SeqAccess<'de>>(self, mut ranks: A) -> Result<Ranks, A::Error> {
        let mut flat = Vec::new();
        while ranks.next_element_seed(OneRank(&mut flat))?.is_some() {}
        Ok(Ranks(flat.into()))
    }
}

/// Reads one rank to the end of what has been read before.
struct OneRank<'a>(&'a mut Vec<u16>);

impl<'de> DeserializeSeed<'de> for OneRank<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for OneRank<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of places")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut places: A) -> Result<(), A::Error> {
        let at = self.0.len();
        self.0.push(0);
        while let Some(place) = places.next_element()? {
            self.0.push(place);
        }
        let count = self.0.len() - at - 1;
        self.0[at] = u16::try_from(count)
            .map_err(|_| A::Error::custom("a rank names more than 65535 choices"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::encoding::{decode, encode};

    fn nested() -> impl Strategy<Value = Vec<Vec<u16>>> {
        let place = prop_oneof![0..4u16, any::<u16>()];
        prop::collection::vec(prop::collection::vec(place, 0..4), 0..5)
    }

    proptest! {
        #[test]
        fn ranks_are_encoded_ordered_and_shown_like_lists_of_lists(a in nested(), b in nested()) {
            let (flat_a, flat_b) = (Ranks::new(&a).unwrap(), Ranks::new(&b).unwrap());
            prop_assert_eq!(encode(&flat_a), encode(&a));
            let read: Ranks = decode(&encode(&a)).unwrap();
            prop_assert_eq!(&read, &flat_a);
            prop_assert_eq!(serde_json::to_value(&flat_a).unwrap(), serde_json::to_value(&a).unwrap());
            let read: Ranks = serde_json::from_value(serde_json::to_value(&a).unwrap()).unwrap();
            prop_assert_eq!(&read, &flat_a);
            prop_assert_eq!(flat_a.cmp(&flat_b), a.cmp(&b));
            prop_assert_eq!(flat_a == flat_b, a == b);
            prop_assert_eq!(format!("{flat_a:?}"), format!("{a:?}"));
            prop_assert_eq!(flat_a.named(), a.iter().map(Vec::len).sum::<usize>());
            prop_assert!(flat_a.iter().eq(a.iter().map(Vec::as_slice)));
        }

        #[test]
        fn any_bytes_are_taken_for_ranks_if_they_are_lists_of_lists_and_not_else(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..12),
                prop::collection::vec(prop::sample::select(vec![0x80, 0x81, 0x82, 0x9f, 0xff, 0x18, 0x19, 0x00, 0x17, 0xf6, 0x20, 0x41, 0xa0]), 0..12),
            ]
        ) {
            let flat = decode::<Ranks>(&bytes).ok();
            prop_assert_eq!(flat, decode::<Vec<Vec<u16>>>(&bytes).ok().and_then(Ranks::new));
        }
    }

    #[test]
    fn length_that_is_only_claimed_is_not_allocated_and_a_rank_of_more_than_can_be_is_refused() {
        let huge = [0x81, 0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert!(decode::<Ranks>(&huge).is_err());
        assert!(decode::<Ranks>(&huge[1..]).is_err());
        assert!(decode::<Ranks>(&encode(&[vec![0u16; 65_535]])).is_ok());
        assert!(decode::<Ranks>(&encode(&[vec![0u16; 65_536]])).is_err());
        assert_eq!(Ranks::new([vec![0; 65_536]]), None);
        assert_eq!(Ranks::strict([3, 1]), Ranks::new([[3], [1]]).unwrap());
    }
}
