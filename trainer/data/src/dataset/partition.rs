//! One of several equal parts of a job, for engines that start many processes.

use std::fmt;
use std::str::FromStr;

use super::record::fnv1a;

/// Part `index` of `count`, counted from 0, written `index/count`. Which part something
/// belongs to follows from its name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    index: u32,
    count: u32,
}

/// Most parts.
const COUNT_MAX: u32 = 10_000;

impl Partition {
    /// Everything, in one part.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// How many parts there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether what bears this name belongs to this part.
    pub fn holds(&self, name: &str) -> bool {
        let hash = fnv1a(name);
        // The low bits of FNV-1a alone follow the last letter too closely.
        (hash ^ (hash >> 32)) % u64::from(self.count) == u64::from(self.index)
    }

    /// `-0003-of-0010` for file names; nothing for the whole.
    pub(super) fn suffix(&self) -> String {
        if self.count == 1 {
            String::new()
        } else {
            format!("-{:04}-of-{:04}", self.index, self.count)
        }
    }
}

impl Default for Partition {
    fn default() -> Self {
        Self::WHOLE
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || {
            format!(
                "`{text}` is not a part such as 0/4: the index counts from 0 and is below the number of parts, which is at most {COUNT_MAX}"
            )
        };
        let (index, count) = text.split_once('/').ok_or_else(wrong)?;
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| wrong());
        let (index, count) = (number(index)?, number(count)?);
        if index < count && count <= COUNT_MAX {
            Ok(Self { index, count })
        } else {
            Err(wrong())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_in_exactly_one_part() {
        let parts: Vec<Partition> = (0..4).map(|i| format!("{i}/4").parse().unwrap()).collect();
        let mut sizes = [0; 4];
        for number in 0..4000 {
            let name = format!("set/{number:03}.mp4");
            let holders: Vec<usize> = (0..4).filter(|i| parts[*i].holds(&name)).collect();
            assert_eq!(holders.len(), 1, "{name}");
            sizes[holders[0]] += 1;
        }
        assert!(
            sizes.iter().all(|size| (880..1120).contains(size)),
            "{sizes:?}"
        );
        assert!(Partition::WHOLE.holds("anything"));
    }

    #[test]
    fn what_is_no_part_is_refused_with_an_example() {
        for text in ["", "1", "4/4", "0/0", "-1/3", "a/b", "0/999999"] {
            let error = text.parse::<Partition>().unwrap_err();
            assert!(error.contains("0/4"), "{error}");
        }
        assert_eq!(
            "3/10".parse::<Partition>().unwrap().suffix(),
            "-0003-of-0010"
        );
    }
}
