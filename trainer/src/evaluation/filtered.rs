//! Scores on held-out pairs under the filters that people lay over whole pictures.

use anyhow::{Context, Result};
use burn::tensor::Device;

use super::held_out::{HeldOut, VALIDATION_SEED};
use super::validate::values;
use super::{Origin, Scores, Validation};
use crate::attack::Victim;
use crate::dataset::{Pairs, PreparedPair};
use crate::fake::Picture;
use crate::fake::photometry::{EVERYDAY, Filter};
use crate::network::Frozen;

/// What became of pairs under one filter.
#[derive(Clone, Debug)]
pub struct FilteredScores {
    /// Name of the filter.
    pub name: &'static str,
    /// 1 to 3.
    pub strength: u8,
    /// Clean scores under the filter, in the order of those without.
    pub scores: Scores,
}

/// Scores the pairs of `request` under each of [`EVERYDAY`] at each strength. Both faces of a
/// pair are filtered as the network sees them: after everything else that happened to them.
/// `told` hears how many batches of how many are done.
///
/// # Errors
/// When a stored face is damaged.
pub fn score_filtered(
    net: &Frozen,
    pairs: &Pairs<'_>,
    request: &Validation,
    device: &Device,
    mut told: impl FnMut(usize, usize),
) -> Result<Vec<FilteredScores>> {
    let held_out = HeldOut::new(pairs, request, device);
    let mut all: Vec<(Filter, FilteredScores)> = EVERYDAY
        .iter()
        .flat_map(|(name, filters)| {
            (1..).zip(filters).map(move |(strength, filter)| {
                let filtered = FilteredScores {
                    name,
                    strength,
                    scores: Scores {
                        gradient_share: 1.0,
                        ..Scores::default()
                    },
                };
                (*filter, filtered)
            })
        })
        .collect();
    device.seed(VALIDATION_SEED);
    for batch in 0..held_out.batches() {
        let made = held_out.made(batch, None)?;
        let mut origins = Vec::new();
        for pair in &made {
            for record in pair.records {
                let record = pairs.record(record).context("a pair without a record")?;
                origins.push(Origin::of(record));
            }
        }
        for (filter, filtered) in &mut all {
            let changed: Vec<PreparedPair> = made
                .iter()
                .map(|pair| under(pair, filter, request.side))
                .collect();
            let faces = held_out.faces(&changed);
            let scores = &mut filtered.scores;
            let logits = net.logits(faces.images, faces.frames)?;
            scores.clean.extend(values(logits)?);
            scores.fake.extend(made.iter().flat_map(|_| [false, true]));
            scores
                .kinds
                .extend(made.iter().map(|pair| pair.kind.to_string()));
            scores.origins.extend(origins.iter().cloned());
        }
        told(batch + 1, held_out.batches());
    }
    Ok(all.into_iter().map(|(_, filtered)| filtered).collect())
}

fn under(pair: &PreparedPair, filter: &Filter, side: usize) -> PreparedPair {
    let filtered = |planes: &[f32]| -> Vec<f32> {
        let frames = planes.chunks_exact(3 * side * side);
        frames
            .flat_map(|frame| picture(frame, side, filter).planar())
            .collect()
    };
    PreparedPair {
        real: filtered(&pair.real),
        fake: filtered(&pair.fake),
        ..pair.clone()
    }
}

fn picture(planes: &[f32], side: usize, filter: &Filter) -> Picture {
    let pixels = side * side;
    let rgb = (0..pixels).flat_map(|at| [0, 1, 2].map(|channel| planes[channel * pixels + at]));
    let mut picture = Picture {
        side,
        rgb: rgb.collect(),
    };
    filter.apply(&mut picture);
    picture
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::PairKind;

    #[test]
    fn both_faces_are_filtered_frame_by_frame() {
        let side = 2;
        let planes: Vec<f32> = (0..24).map(|i| i as f32 / 24.0).collect();
        let pair = PreparedPair {
            real: planes.clone(),
            fake: planes.iter().map(|v| v / 2.0).collect(),
            kind: PairKind::Swap,
            records: [0, 0],
        };
        let half = under(&pair, &Filter::Gain(0.5), side);
        let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near(&half.real, &pair.fake));
        assert_eq!(half.fake.len(), 24);
        // Swapping red and blue gains shows that channels stay where they were.
        let warm = under(&pair, &Filter::WhiteBalance(0.0, 1.0), side);
        assert!(warm.real[..4].iter().all(|v| *v == 0.0));
        assert!(near(&warm.real[4..12], &pair.real[4..12]));
    }
}
