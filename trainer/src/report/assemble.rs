//! A report from what was measured.

use super::checks::{checks_of_radii, pixels};
use super::figures::{
    LevelAsked, distortion_figures, filter_figures, level_figures, manipulations, operating_point,
    radius_figures, roc_points,
};
use super::measure::Measurement;
use super::schema::{
    AttackCheck, AttackFigures, ComparedRun, Conditions, Curve, DataTested, DetectorTested,
    EvaluationReport, LevelFigures, Material, SCHEMA, ScoreLevel,
};
use crate::evaluation::{Scores, Unseen};

/// What a report says beside the measurement.
#[derive(Clone, Debug)]
pub struct Context {
    /// The detector.
    pub detector: DetectorTested,
    /// The faces.
    pub data: DataTested,
    /// How it was measured.
    pub conditions: Conditions,
    /// BPCER of the operating point.
    pub bpcer_limit: f64,
    /// Results of an attack suite with its checks.
    pub attacks: Option<(AttackFigures, Vec<AttackCheck>)>,
    /// Runs on the same pairs.
    pub comparison: Vec<ComparedRun>,
    /// What `unmask-trainer unseen` wrote.
    pub unseen: Option<Unseen>,
}

/// Computes all figures.
pub fn assemble(measured: &Measurement, context: Context) -> EvaluationReport {
    let resamples = context.conditions.resamples;
    let scores = &measured.scores;
    let attack = format!("PGD-10 at {}, both", pixels(context.conditions.epsilon));
    let clean = Scores {
        attacked: Vec::new(),
        ..scores.clone()
    };
    let mut radii = vec![radius_figures(&clean, 0.0, resamples)];
    for (epsilon, scores) in &measured.sweep {
        radii.push(radius_figures(scores, f64::from(*epsilon), resamples));
    }
    let point = operating_point(scores, context.bpcer_limit);
    let threshold = point.as_ref().map_or(0.0, |point| point.threshold);
    let mut checks = checks_of_radii(&radii);
    let attacks = context.attacks.map(|(figures, found)| {
        checks.extend(found);
        figures
    });
    let mut report = EvaluationReport {
        schema: SCHEMA,
        created: jiff::Timestamp::now()
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string(),
        software: env!("CARGO_PKG_VERSION").to_string(),
        levels: levels(measured, &context.detector, &attack, resamples),
        detector: context.detector,
        data: context.data,
        conditions: context.conditions,
        curves: curves(scores, &attack),
        operating_point: point,
        manipulations: manipulations(scores, threshold, resamples),
        radii,
        attacks,
        checks,
        distortions: match measured.distorted.is_empty() {
            true => Vec::new(),
            false => distortion_figures(scores, &measured.distorted, resamples),
        },
        filters: filter_figures(scores, &measured.filtered, threshold, resamples),
        comparison: context.comparison,
        unseen: context.unseen,
        samples: measured.samples.clone(),
        limits: Vec::new(),
    };
    report.limits = limits(&report, measured);
    report
}

fn levels(
    measured: &Measurement,
    detector: &DetectorTested,
    attack: &str,
    resamples: usize,
) -> Vec<LevelFigures> {
    let asked = |level, material, frames| LevelAsked {
        level,
        material,
        frames,
        attack,
        resamples,
    };
    let pairs = measured.scores.set();
    let (level, each) = match detector.clip_frames {
        None => (ScoreLevel::Frame, 1),
        Some(frames) => (ScoreLevel::Clip, frames),
    };
    let frames = pairs.fake.len() * each;
    let mut rows = level_figures(&pairs, &asked(level, Material::Pairs, frames));
    let stored = &measured.stored;
    let sets = match detector.clip_frames {
        None => vec![
            (ScoreLevel::Frame, &stored.decisions),
            (ScoreLevel::Clip, &stored.clips),
            (ScoreLevel::Video, &stored.videos),
        ],
        // A clip network decides on clips, not on frames.
        Some(_) => vec![
            (ScoreLevel::Clip, &stored.clips),
            (ScoreLevel::Video, &stored.videos),
        ],
    };
    for (level, set) in sets {
        if !set.fake.is_empty() {
            let asked = asked(level, Material::StoredVideos, stored.frames);
            rows.extend(level_figures(set, &asked));
        }
    }
    rows
}

fn curves(scores: &Scores, attack: &str) -> Vec<Curve> {
    let curve = |name: &str, logits: &[f32]| Curve {
        name: name.to_string(),
        points: roc_points(logits, &scores.fake),
    };
    let mut curves = vec![curve("clean", &scores.clean)];
    if let Some(fakes) = scores.one_sided(true) {
        let at = attack.trim_end_matches("both");
        curves.push(curve(&format!("{at}fakes"), &fakes));
        curves.push(curve(attack, &scores.attacked));
    }
    curves.retain(|curve| !curve.points.is_empty());
    curves
}

/// What a reader must not conclude.
fn limits(report: &EvaluationReport, measured: &Measurement) -> Vec<String> {
    let mut limits = vec![
        "Figures hold for these faces, cameras and compressions. Measure on yours before a verdict rests on \
         them."
            .to_string(),
    ];
    let made = measured.scores.origins.chunks(2);
    let made = made.filter(|pair| matches!(pair, [real, fake] if real == fake));
    limits.push(format!(
        "{} of {} pairs have a pseudo-fake that was made from the real face itself. They say little about \
         fakes of tools that are not among the data.",
        made.count(),
        report.conditions.pairs
    ));
    limits.push(match report.attacks {
        Some(_) => "Robust figures hold for the attacks and the radii named; a stronger attack may do more.".into(),
        None => "PGD-10 is a weak attack: robust figures are upper bounds. `unmask-trainer attack` runs a suite \
                 of stronger ones, whose results --attacks puts here."
            .to_string(),
    });
    if report.data.part == "val" {
        limits.push(
            "The data has no official test split here: the held-out part is the one that training validates on. \
             Settings or weights that were chosen on it flatter the figures."
                .into(),
        );
    }
    if report.detector.weights == "best" {
        limits.push(
            "The weights are the best of the run by AUC on this very part: figures flatter them."
                .into(),
        );
    }
    let videos = report
        .levels
        .iter()
        .find(|row| row.level == ScoreLevel::Video);
    limits.push(match videos {
        Some(videos) => format!(
            "The video level rests on {} real and {} fake videos; {} held-out faces are pictures and have none.",
            videos.reals, videos.fakes, measured.stored.pictures
        ),
        None => "There is no video level: no held-out videos were scored.".into(),
    });
    let stored = &measured.stored;
    if stored.paired_only + stored.beyond > 0 {
        limits.push(format!(
            "Left out of the stored videos: {} clips of sources that only give pairs of their own, such as \
             synthetic people, and {} beyond the number asked for.",
            stored.paired_only, stored.beyond
        ));
    }
    limits.extend([
        "False alarms per hour are not measured: shards hold short clips, not hours of genuine people.".into(),
        "Error rates of different groups of people may differ; this is not measured.".to_string(),
        "Bounds tell how figures would vary with other people. They do not cover other seeds of training.".into(),
    ]);
    limits
}
