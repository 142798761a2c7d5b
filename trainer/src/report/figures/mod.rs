//! From scores to the figures of a report.

mod filters;
mod level;
mod pairs;
#[cfg(test)]
mod tests;

use super::schema::ReportFigure;
use crate::metric::{Bootstrap, Ranking, roc_auc, roc_curve};

pub use filters::filter_figures;
pub use level::{LevelAsked, level_figures};
pub use pairs::{compared, distortion_figures, manipulations, operating_point, radius_figures};

/// Points of a curve at most.
const POINTS_MAX: usize = 400;
/// Seed of the bootstrap.
const SEED: u64 = 0xB007;

/// AUC with bounds.
fn auc(scores: &[f32], labels: &[bool], bootstrap: &Bootstrap) -> Option<ReportFigure> {
    let value = roc_auc(scores, labels)?;
    let ranking = Ranking::new(scores, labels)?;
    Some(ReportFigure {
        value,
        bounds: bootstrap.interval(|times| ranking.auc(times)),
    })
}

/// A ROC curve without the points on straight lines between others, and without more than
/// a drawing can show.
pub fn roc_points(scores: &[f32], labels: &[bool]) -> Vec<[f64; 2]> {
    let all = roc_curve(scores, labels);
    let mut kept: Vec<[f64; 2]> = Vec::new();
    for (x, y) in all {
        if let [.., a, b] = kept.as_slice() {
            let turn = (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]);
            if turn.abs() < 1e-12 {
                kept.pop();
            }
        }
        kept.push([x, y]);
    }
    let every = kept.len().div_ceil(POINTS_MAX).max(1);
    let last = kept.len().saturating_sub(1);
    let chosen = kept.into_iter().enumerate();
    chosen
        .filter(|(place, _)| place % every == 0 || *place == last)
        .map(|(_, point)| point)
        .collect()
}
