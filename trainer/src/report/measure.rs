//! Everything that is measured of one detector for a report.

use std::time::Instant;

use anyhow::{Result, ensure};
use burn::tensor::Device;

use super::samples::sample_faces;
use super::schema::Sample;
use crate::config::RunConfig;
use crate::dataset::{Pairs, Record, reported_part};
use crate::evaluation::{
    Distorted, FilteredScores, Scores, Stored, StoredRequest, Validation, score_distorted,
    score_filtered, score_stored, validate_told,
};
use crate::network::Frozen;
use crate::progress::Bar;

/// Radii at most.
const RADII_MAX: usize = 32;

/// What to measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Pairs at most.
    pub pairs: usize,
    /// Radii of PGD-10 in [0, 1]; zeros are left out.
    pub radii: Vec<f32>,
    /// The radius of every figure that names none; zero = no attack.
    pub epsilon: f32,
    /// Clips of stored videos at most; 0 = no videos.
    pub clips: usize,
    /// Pairs at most under each distortion; 0 = none.
    pub distortion_pairs: usize,
    /// Pairs at most under each everyday filter; 0 = none.
    pub filter_pairs: usize,
    /// Pairs whose faces are kept as pictures.
    pub samples: usize,
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// Held-out pairs under the radius of [`Asked::epsilon`].
    pub scores: Scores,
    /// The same pairs under every radius, from the smallest.
    pub sweep: Vec<(f32, Scores)>,
    /// Stored videos.
    pub stored: Stored,
    /// Pairs under distortions.
    pub distorted: Vec<Distorted>,
    /// Pairs under everyday filters.
    pub filtered: Vec<FilteredScores>,
    /// Faces with their perturbation.
    pub samples: Vec<Sample>,
    /// Wall-clock time, in seconds.
    pub seconds: f64,
}

/// Measures a detector on the held-out part of some records, and tells how far that is.
///
/// # Errors
/// When too many radii are asked for, a stored face is damaged, or an attack changed nothing.
pub fn measure(
    net: &Frozen,
    records: &[Record],
    pairs: &Pairs<'_>,
    config: &RunConfig,
    asked: &Asked,
    device: &Device,
) -> Result<Measurement> {
    let start = Instant::now();
    let mut radii: Vec<f32> = asked.radii.clone();
    radii.push(asked.epsilon);
    radii.retain(|radius| *radius > 0.0);
    radii.sort_by(f32::total_cmp);
    radii.dedup();
    ensure!(
        radii.len() <= RADII_MAX,
        "{} radii are asked for: at most {RADII_MAX} at once",
        radii.len()
    );
    let request = |epsilon| Validation::of(&config.network, asked.pairs, epsilon);
    let mut sweep = Vec::new();
    for radius in radii {
        let what = format!("PGD-10 at {:.3}/255", radius * 255.0);
        sweep.push((radius, scored(net, pairs, &request(radius), &what, device)?));
    }
    let main = sweep.iter().find(|(radius, _)| *radius == asked.epsilon);
    let scores = match main {
        Some((_, scores)) => scores.clone(),
        None => scored(net, pairs, &request(0.0), "held-out pairs", device)?,
    };
    let stored = if asked.clips > 0 {
        let request = StoredRequest::of(&config.network, asked.clips, asked.epsilon);
        let part = reported_part(records, config.data.shares());
        with_bar("stored videos", "clips", |told| {
            score_stored(net, records, &config.data, part, &request, device, told)
        })?
    } else {
        Stored::default()
    };
    let few = |pairs: usize| Validation {
        pairs: asked.pairs.min(pairs),
        ..request(0.0)
    };
    let distorted = if asked.distortion_pairs > 0 {
        let request = few(asked.distortion_pairs);
        with_bar("distortions", "levels", |told| {
            score_distorted(net, pairs, &request, device, told)
        })?
    } else {
        Vec::new()
    };
    let filtered = if asked.filter_pairs > 0 {
        let request = few(asked.filter_pairs);
        with_bar("filters", "batches", |told| {
            score_filtered(net, pairs, &request, device, told)
        })?
    } else {
        Vec::new()
    };
    let samples = sample_faces(net, pairs, &request(asked.epsilon), asked.samples, device)?;
    Ok(Measurement {
        scores,
        sweep,
        stored,
        distorted,
        filtered,
        samples,
        seconds: start.elapsed().as_secs_f64(),
    })
}

/// Scores pairs, and tells how far that is.
///
/// # Errors
/// As [`validate_told`].
pub(crate) fn scored(
    net: &Frozen,
    pairs: &Pairs<'_>,
    request: &Validation,
    what: &str,
    device: &Device,
) -> Result<Scores> {
    with_bar(what, "batches", |told| {
        validate_told(net, pairs, request, device, told)
    })
}

/// Does something that tells how many of how many are done, with the time left.
fn with_bar<T>(
    what: &str,
    unit: &'static str,
    work: impl FnOnce(&mut dyn FnMut(usize, usize)) -> Result<T>,
) -> Result<T> {
    let bar = Bar::new(what, 0, unit)?;
    let done = work(&mut |done, of| bar.reach_of(done, of))?;
    bar.finish();
    Ok(done)
}
