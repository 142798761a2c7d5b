//! Decoded pictures at hand, each for a while.

use anyhow::{Result, ensure};
use unmask_shared::geometry::FaceBox;
use unmask_shared::synthetic::Random;

use super::picture::{Pyramid, overlap};
use super::store::StoredPicture;
use unmask_shared::face::Face;

/// Pictures at hand.
const SIZE: usize = 160;
/// Fewest before anything is composed.
const FIRST: usize = 12;
/// New ones for every scene.
const FRESH: usize = 1;
/// Share of the pictures in which the teacher sees nothing, where there are such.
const EMPTY_SHARE: f32 = 0.25;

/// A decoded picture with its faces.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Pixels.
    pub pyramid: Pyramid,
    /// What the teacher saw, however unsure.
    pub faces: Vec<Face>,
}

/// Draws pictures from groups, large ones less often than their size says: by its root. Groups
/// without any face have a share of their own.
#[derive(Debug)]
pub struct Pool<'a> {
    pictures: &'a [StoredPicture],
    /// Places of the pictures of each group, and the sum of all weights up to it.
    groups: Vec<(Vec<usize>, f32)>,
    loaded: Vec<Loaded>,
}

impl<'a> Pool<'a> {
    /// Of those of the pictures that `takes` says.
    ///
    /// # Errors
    /// When there are none.
    pub fn new(pictures: &'a [StoredPicture], takes: impl Fn(usize) -> bool) -> Result<Self> {
        let mut by_name = std::collections::BTreeMap::<&str, Vec<usize>>::new();
        for (place, picture) in pictures
            .iter()
            .enumerate()
            .filter(|(place, _)| takes(*place))
        {
            by_name.entry(&picture.meta.group).or_default().push(place);
        }
        ensure!(
            !by_name.is_empty(),
            "too few pictures: none is left to compose scenes of"
        );
        let (empty, others): (Vec<_>, Vec<_>) = by_name.into_values().partition(|places| {
            places
                .iter()
                .all(|place| pictures[*place].meta.faces.is_empty())
        });
        let weight = |places: &Vec<usize>| (places.len() as f32).sqrt();
        let sum = |groups: &[Vec<usize>]| groups.iter().map(weight).sum::<f32>();
        let enough = EMPTY_SHARE / (1.0 - EMPTY_SHARE) * sum(&others) / sum(&empty).max(1e-3);
        let factor = if others.is_empty() { 1.0 } else { enough };
        let empty = empty
            .into_iter()
            .map(|places| (weight(&places) * factor, places));
        let others = others.into_iter().map(|places| (weight(&places), places));
        let mut total = 0.0;
        let groups = empty.chain(others).map(|(weight, places)| {
            total += weight;
            (places, total)
        });
        Ok(Self {
            pictures,
            groups: groups.collect(),
            loaded: Vec::with_capacity(SIZE),
        })
    }

    /// Exchanges some pictures.
    ///
    /// # Errors
    /// When a stored picture is damaged.
    pub fn refresh(&mut self, random: &mut Random) -> Result<()> {
        let fresh = FRESH.max(FIRST.saturating_sub(self.loaded.len()));
        for _ in 0..fresh {
            let total = self.groups.last().map_or(0.0, |(_, total)| *total);
            let at = random.range(0.0, total);
            let group = self.groups.partition_point(|(_, end)| *end <= at);
            let (places, _) = &self.groups[group.min(self.groups.len() - 1)];
            let picture = &self.pictures[places[random.below(places.len())]];
            let loaded = Loaded {
                pyramid: picture.decode()?,
                faces: picture.meta.faces.clone(),
            };
            if self.loaded.len() < SIZE {
                self.loaded.push(loaded);
            } else {
                let place = random.below(SIZE);
                self.loaded[place] = loaded;
            }
        }
        Ok(())
    }

    /// Any picture.
    pub fn any(&self, random: &mut Random) -> &Loaded {
        &self.loaded[random.below(self.loaded.len())]
    }

    /// A picture and one of its faces of which the teacher is sure.
    pub fn face(&self, random: &mut Random, sure: f32) -> Option<(&Loaded, usize)> {
        (0..8).find_map(|_| {
            let loaded = self.any(random);
            let place = random.below(loaded.faces.len().max(1));
            let face = loaded.faces.get(place)?;
            (face.score >= sure).then_some((loaded, place))
        })
    }

    /// A picture and a part of it in which the teacher sees nothing.
    pub fn empty_part(&self, random: &mut Random) -> Option<(&Loaded, FaceBox)> {
        (0..12).find_map(|_| {
            let loaded = self.any(random);
            let (width, height) = (
                loaded.pyramid.width() as f32,
                loaded.pyramid.height() as f32,
            );
            let part = FaceBox {
                width: width * random.range(0.15, 1.0),
                height: height * random.range(0.15, 1.0),
                ..FaceBox::default()
            };
            let part = FaceBox {
                x: random.range(0.0, width - part.width),
                y: random.range(0.0, height - part.height),
                ..part
            };
            let free = loaded
                .faces
                .iter()
                .all(|face| overlap(&face.bbox, &part) < 0.12 * face.bbox.area().min(part.area()));
            (free && part.width.min(part.height) >= 12.0).then_some((loaded, part))
        })
    }
}
