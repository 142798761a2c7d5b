//! Who can lend a face: somebody of another group who resembles the target.

use anyhow::Result;
use rand::RngExt;
use rayon::prelude::*;

use crate::dataset::record::Record;
use crate::dataset::stored_crop;
use crate::dataset::view::first_frame;
use crate::fake::{Likeness, LikenessGrid, Random};

/// Donors looked at for one target, at most.
const CANDIDATES_MAX: usize = 512;

/// Descriptions of all faces that may lend theirs, some 1.5 kB each.
pub(super) struct Donors {
    /// Records, in rising order.
    records: Vec<usize>,
    faces: Vec<Likeness>,
}

impl Donors {
    /// Describes the first frame of these records, which are in rising order.
    ///
    /// # Errors
    /// When a stored frame does not decode; names its file.
    pub(super) fn new(all: &[Record], records: &[usize]) -> Result<Self> {
        let grid = LikenessGrid::new(&stored_crop());
        let faces = records
            .par_iter()
            .map(|i| Ok(grid.describe(&first_frame(&all[*i])?)))
            .collect::<Result<_>>()?;
        Ok(Self {
            records: records.to_vec(),
            faces,
        })
    }

    /// The most alike of some records drawn at random, none of the target's group; `None`
    /// when all those drawn are.
    ///
    /// Half as many are drawn as there are, 512 at most, so that a target of a small
    /// collection does not meet the same donor each time.
    pub(super) fn nearest(&self, all: &[Record], to: usize, random: &mut Random) -> Option<usize> {
        let own = &self.faces[self.records.binary_search(&to).ok()?];
        let group = &all[to].meta.group;
        let count = (self.records.len() / 2).clamp(1, CANDIDATES_MAX);
        (0..count)
            .map(|_| random.random_range(0..self.records.len()))
            .filter(|place| all[self.records[*place]].meta.group != *group)
            .map(|place| (place, own.distance(&self.faces[place])))
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(place, _)| self.records[place])
    }
}
