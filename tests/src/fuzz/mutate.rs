//! Damages bytes as broken disks, lines and bad people do.

/// Most changes to one input.
const CHANGES_MAX: usize = 6;
/// Most bytes that are moved, doubled or inserted at once.
const RUN_MAX: usize = 64;
/// Inputs do not grow longer than this and their seed.
const GROWTH_MAX: usize = 4096;
/// Numbers at which ranges end.
const EDGES: [u64; 14] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    i64::MAX as u64,
    u64::MAX,
];
/// Bytes that formats made of text give a meaning.
const SIGNS: &[u8] = b"\0\n\r\t \"'\\{}[],:=.+-#/0123456789eE%~";

/// Damages inputs; the same number damages them in the same way.
#[derive(Debug)]
pub struct Mutator<'a> {
    state: u64,
    words: &'a [&'a [u8]],
}

impl<'a> Mutator<'a> {
    /// The mutator of case `number`, which knows these words of the format.
    pub fn new(number: u64, words: &'a [&'a [u8]]) -> Self {
        Self {
            state: number.wrapping_mul(0xd1b5_4a32_d192_ed03),
            words,
        }
    }

    /// SplitMix64 (Steele, Lea and Flood, 2014).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 where that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// Fills `bytes` with a damaged copy of one of the seeds. About half of the copies
    /// are changed in one place only.
    pub fn damage(&mut self, seeds: &[Vec<u8>], bytes: &mut Vec<u8>) {
        bytes.clear();
        let Some(seed) = seeds.get(self.below(seeds.len())) else {
            return;
        };
        bytes.extend_from_slice(seed);
        let mut changes = 1;
        while changes < CHANGES_MAX && self.below(2) == 1 {
            changes += 1;
        }
        for _ in 0..changes {
            match self.below(8) {
                0..=3 => self.change_value(bytes),
                4..=6 => self.change_length(bytes),
                _ => {
                    let other = &seeds[self.below(seeds.len())];
                    self.splice(bytes, other);
                }
            }
        }
        bytes.truncate(seed.len() + GROWTH_MAX);
    }

    /// Puts other values in the place of some.
    fn change_value(&mut self, bytes: &mut [u8]) {
        let at = self.below(bytes.len());
        let kind = self.below(7);
        let value = self.next();
        let (before, rest) = bytes.split_at_mut(at);
        let Some(byte) = rest.first_mut() else { return };
        match kind {
            0 | 1 => *byte ^= 1 << (value % 8),
            2 => *byte = value as u8,
            3 => *byte = SIGNS[value as usize % SIGNS.len()],
            4 => *byte = byte.wrapping_add((value % 9) as u8).wrapping_sub(4),
            5 => {
                let edge = EDGES[value as usize % EDGES.len()];
                overwrite(rest, number(edge, value >> 32));
            }
            // What may be a length, told wrongly by a little.
            _ => {
                let length = (rest.len() as u64).wrapping_add(value % 5).wrapping_sub(2);
                let length = if value & 64 == 0 {
                    length
                } else {
                    before.len() as u64
                };
                overwrite(rest, number(length, value >> 32));
            }
        }
    }

    /// Makes bytes longer or shorter.
    fn change_length(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len() + 1);
        let run = 1 + self.below(RUN_MAX);
        let end = (at + run).min(bytes.len());
        match self.below(8) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                if at < bytes.len() {
                    bytes.remove(at);
                }
            }
            3 => {
                let new = self.next() as u8;
                bytes.insert(at, new);
            }
            4 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            5 => {
                let new = self.next() as u8;
                bytes.splice(at..at, std::iter::repeat_n(new, run));
            }
            _ => {
                let Some(word) = self.words.get(self.below(self.words.len())) else {
                    return;
                };
                let end = match self.below(2) {
                    0 => at,
                    _ => (at + word.len()).min(bytes.len()),
                };
                bytes.splice(at..end, word.iter().copied());
            }
        }
    }

    /// Takes a piece of another input, into this one or in place of a piece.
    fn splice(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let from = self.below(other.len());
        let run = match self.below(4) {
            0 => other.len(),
            _ => self.below(RUN_MAX),
        };
        let piece = &other[from..(from + run).min(other.len())];
        let at = self.below(bytes.len() + 1);
        let end = match self.below(2) {
            0 => at,
            _ => (at + piece.len()).min(bytes.len()),
        };
        bytes.splice(at..end, piece.iter().copied());
    }
}

/// A number as 1, 2, 4 or 8 bytes in either order.
fn number(value: u64, form: u64) -> ([u8; 8], usize) {
    let width = 1 << (form % 4);
    let mut bytes = value.to_le_bytes();
    if form & 4 != 0
        && let Some(used) = bytes.get_mut(..width)
    {
        used.reverse();
    }
    (bytes, width)
}

fn overwrite(place: &mut [u8], (bytes, width): ([u8; 8], usize)) {
    let new = bytes.iter().take(width);
    place.iter_mut().zip(new).for_each(|(old, new)| *old = *new);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_the_same_every_time_and_differ_from_each_other() {
        let seeds = vec![b"a seed of some length".to_vec(), b"another".to_vec()];
        let words: &[&[u8]] = &[b"word"];
        let damaged = |number| {
            let mut bytes = Vec::new();
            Mutator::new(number, words).damage(&seeds, &mut bytes);
            bytes
        };
        let all: Vec<Vec<u8>> = (0..10_000).map(damaged).collect();
        assert_eq!(all, (0..10_000).map(damaged).collect::<Vec<_>>());
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert!(distinct.len() > 6000, "{}", distinct.len());
        assert!(all.iter().any(Vec::is_empty));
        assert!(
            all.iter()
                .any(|bytes| bytes.windows(4).any(|at| at == b"word"))
        );
        let longest = all.iter().map(Vec::len).max().unwrap_or(0);
        assert!(longest <= 21 + GROWTH_MAX, "{longest}");
    }

    #[test]
    fn nothing_is_damaged_without_a_panic() {
        let mut bytes = vec![1];
        Mutator::new(0, &[]).damage(&[], &mut bytes);
        assert!(bytes.is_empty());
        for number in 0..1000 {
            Mutator::new(number, &[]).damage(&[Vec::new()], &mut bytes);
        }
    }
}
