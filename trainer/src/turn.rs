//! Weights for the estimate of how far a head is turned ([`unmask_shared::turn`]).
//!
//! Ridge regression of the angle on the differences between the halves of a crop. The angles
//! come from outside: from whatever finds landmarks in pictures, as the card of the weights
//! tells of the released ones.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, ensure};
use rayon::prelude::*;
use unmask_shared::turn::{DIFFERENCES, differences};

use crate::dataset::{Record, plain_clip};
use crate::linear::solve;
use crate::metric::roc_auc;

/// Side of the crop, as the released detector sees it.
const SIDE: usize = 112;
/// Added to the diagonal of the normal equations.
const RIDGE: f64 = 10.0;
/// Degrees up to which a head counts as facing the camera.
const FACING_DEG: f32 = 15.0;
/// Fewest faces to fit to or to measure on.
const FACES_MIN: usize = 100;
const HEADER: &str = "file\tfirst_frame\tdegrees";

/// Angles of heads by file and first frame, as `prepare` names them; positive for heads that
/// are turned to their left.
pub type Angles = HashMap<(String, u64), f32>;

/// What is known of a face: its angle, and the halves' differences.
#[derive(Debug, Clone)]
pub struct Face {
    /// Degrees.
    pub degrees: f32,
    /// Of its crop.
    pub differences: [f32; DIFFERENCES],
}

/// How well an estimate does on faces that it was not fitted to.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Faces measured.
    pub faces: usize,
    /// Mean absolute error, degrees.
    pub error: f32,
    /// Share of the heads that face the camera (within 15 degrees) that the limit refuses.
    pub refused: f32,
    /// For each limit of the true angle: see [`Turned`].
    pub turned: Vec<Turned>,
}

/// Heads that are turned beyond an angle, against those that face the camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Turned {
    /// The true angle, degrees.
    pub beyond: f32,
    /// Heads turned further.
    pub count: usize,
    /// Area under the ROC curve.
    pub auc: Option<f64>,
    /// Share of them that the limit refuses.
    pub refused: f32,
}

/// Reads a table of angles: tab-separated, with the header `file first_frame degrees`.
///
/// # Errors
/// Names the line that is no angle.
pub fn read_angles(path: &Path) -> anyhow::Result<Angles> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the angles {}", path.display()))?;
    let mut lines = text.lines();
    ensure!(
        lines.next() == Some(HEADER),
        "{} does not begin with the line {HEADER:?}",
        path.display()
    );
    let mut angles = Angles::new();
    for (number, line) in lines.enumerate() {
        let parse = || {
            let mut fields = line.split('\t');
            let (file, frame, degrees) = (fields.next()?, fields.next()?, fields.next()?);
            let degrees: f32 = degrees.parse().ok()?;
            let known = fields.next().is_none() && degrees.abs() <= 180.0;
            known.then_some(((file.to_owned(), frame.parse().ok()?), degrees))
        };
        let (key, degrees) = parse().with_context(|| {
            format!(
                "{} line {}: not file, frame and degrees",
                path.display(),
                number + 2
            )
        })?;
        angles.insert(key, degrees);
    }
    Ok(angles)
}

/// The faces whose angle is known.
///
/// # Errors
/// A stored frame that does not decode, or too few faces.
pub fn faces(records: &[&Record], angles: &Angles) -> anyhow::Result<Vec<Face>> {
    let faces: anyhow::Result<Vec<Option<Face>>> = records
        .par_iter()
        .map(|record| {
            let key = (
                record.meta.file.clone(),
                record.meta.first_frame.unwrap_or(0),
            );
            let Some(&degrees) = angles.get(&key) else {
                return Ok(None);
            };
            let crop = plain_clip(record, 1, SIDE)?;
            let found = differences(&crop, SIDE);
            Ok(found.map(|differences| Face {
                degrees,
                differences,
            }))
        })
        .collect();
    let faces: Vec<Face> = faces?.into_iter().flatten().collect();
    ensure!(
        faces.len() >= FACES_MIN,
        "the angles of only {} faces are known, {FACES_MIN} are needed: were they taken from these shards?",
        faces.len()
    );
    Ok(faces)
}

/// Weights with the least squared error.
///
/// # Errors
/// Faces that are all the same.
pub fn fit(faces: &[Face]) -> anyhow::Result<Vec<f32>> {
    let mut normal = vec![vec![0.0; DIFFERENCES]; DIFFERENCES];
    let mut right = vec![0.0; DIFFERENCES];
    for face in faces {
        let values = face.differences.map(f64::from);
        for (i, row) in normal.iter_mut().enumerate() {
            right[i] += values[i] * f64::from(face.degrees);
            for (sum, value) in row.iter_mut().zip(values) {
                *sum += values[i] * value;
            }
        }
    }
    for (i, row) in normal.iter_mut().enumerate() {
        row[i] += RIDGE;
    }
    let weights = solve(normal, right).context("the faces do not differ")?;
    Ok(weights.into_iter().map(|weight| weight as f32).collect())
}

/// How well weights do; `limit` is what a verdict's rules allow, degrees.
///
/// # Panics
/// Where there are no faces.
pub fn measure(faces: &[Face], weights: &[f32], limit: f32) -> Figures {
    let estimate = |face: &Face| -> f32 {
        let terms = face.differences.iter().zip(weights);
        terms.map(|(value, weight)| value * weight).sum()
    };
    let estimates: Vec<f32> = faces.iter().map(estimate).collect();
    let errors = faces.iter().zip(&estimates);
    let sum: f32 = errors.map(|(face, turn)| (face.degrees - turn).abs()).sum();
    let share_above = |turns: &[f32]| {
        let above = turns.iter().filter(|turn| **turn > limit).count();
        above as f32 / turns.len().max(1) as f32
    };
    let turns_where = |holds: &dyn Fn(f32) -> bool| -> Vec<f32> {
        let both = faces.iter().zip(&estimates);
        let chosen = both.filter(|(face, _)| holds(face.degrees.abs()));
        chosen.map(|(_, turn)| turn.abs()).collect()
    };
    let facing = turns_where(&|degrees| degrees < FACING_DEG);
    let turned = [20.0, 25.0, 30.0].map(|beyond| {
        let away = turns_where(&|degrees| degrees > beyond);
        let scores: Vec<f32> = away.iter().chain(&facing).copied().collect();
        let labels: Vec<bool> = (0..scores.len()).map(|at| at < away.len()).collect();
        Turned {
            beyond,
            count: away.len(),
            auc: roc_auc(&scores, &labels),
            refused: share_above(&away),
        }
    });
    Figures {
        faces: faces.len(),
        error: sum / faces.len() as f32,
        refused: share_above(&facing),
        turned: turned.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Faces whose angle is 40 times one difference; the others are noise.
    fn made_up(count: usize) -> Vec<Face> {
        (0..count)
            .map(|n| {
                let mut differences = [0.0; DIFFERENCES];
                for (at, value) in differences.iter_mut().enumerate() {
                    *value = ((n * 31 + at * at * 17) as f32 * 0.7).sin();
                }
                Face {
                    degrees: 40.0 * differences[3],
                    differences,
                }
            })
            .collect()
    }

    #[test]
    fn a_linear_relation_is_found() {
        let faces = made_up(3000);
        let figures = measure(&faces, &fit(&faces).unwrap(), 20.0);
        assert!(figures.error < 0.5, "{figures:?}");
        for turned in &figures.turned {
            assert_eq!(turned.auc, Some(1.0), "{turned:?}");
        }
        assert_eq!(figures.refused, 0.0);
        assert!(figures.turned[1].refused > 0.99, "{figures:?}");
        let nothing = measure(&faces, &[0.0; DIFFERENCES], 20.0);
        assert_eq!(nothing.turned[0].auc, Some(0.5));
    }

    #[test]
    fn a_table_with_a_broken_line_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("angles.tsv");
        std::fs::write(
            &path,
            format!("{HEADER}\na/b.jpg\t0\t-3.5\nc.mp4\t90\t12\n"),
        )
        .unwrap();
        let angles = read_angles(&path).unwrap();
        assert_eq!(angles[&("a/b.jpg".to_owned(), 0)], -3.5);
        assert_eq!(angles[&("c.mp4".to_owned(), 90)], 12.0);
        for bad in [
            "a\t0",
            "a\t0\tx",
            "a\t0\t1\t2",
            "a\t-1\t3",
            "a\t0\tnan",
            "a\t0\t400",
        ] {
            std::fs::write(&path, format!("{HEADER}\nb\t0\t1\n{bad}\n")).unwrap();
            let error = format!("{:#}", read_angles(&path).unwrap_err());
            assert!(error.contains("line 3"), "{error}");
        }
        std::fs::write(&path, "a\t0\t1\n").unwrap();
        assert!(
            read_angles(&path)
                .unwrap_err()
                .to_string()
                .contains("begin")
        );
    }
}
