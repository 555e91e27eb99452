//! Ids of ballots or voters, of which each should be there once.

/// The ids that were seen. Of a million, each takes 16 bytes: it is known by a hash of 64 bits.
/// That two different ones have the same hash happens once in millions of such files, and then the
/// file is refused, and not counted wrongly.
#[derive(Default)]
pub(super) struct Ids(Vec<(u64, u32)>);

/// The first id that is there again.
pub(super) struct Again {
    /// Where it is for the first and the second time.
    pub(super) lines: (u32, u32),
    /// How many times there is an id again, of this one and others.
    pub(super) times: usize,
}

impl Ids {
    /// Takes note of the id of a line, or of a record; capital letters do not matter.
    pub(super) fn see(&mut self, line: usize, id: &str) {
        const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let add = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
        let letters = id.chars().flat_map(char::to_lowercase);
        let hash = letters.fold(OFFSET, |hash, letter| {
            let mut bytes = [0; 4];
            letter.encode_utf8(&mut bytes).bytes().fold(hash, add)
        });
        self.0.push((hash, u32::try_from(line).unwrap_or(u32::MAX)));
    }

    /// The first that is there again, if any is.
    pub(super) fn again(mut self) -> Option<Again> {
        self.0.sort_unstable();
        let same = |pair: &&[(u64, u32)]| pair[0].0 == pair[1].0;
        let again = || self.0.windows(2).filter(same);
        let first = again().min_by_key(|pair| pair[1].1)?;
        Some(Again {
            lines: (first[0].1, first[1].1),
            times: again().count(),
        })
    }
}
