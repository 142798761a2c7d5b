//! What a report holds. `docs/report-keys.md` lists every field with its words here.

use serde::{Deserialize, Serialize};

use crate::attack::{Access, Target};
use crate::bench::BenchMachine;
use crate::evaluation::Unseen;
use crate::metric::{Interval, Rate};

/// Version of the JSON: grows when a field changes its meaning or goes away.
pub const SCHEMA: u32 = 1;

/// An evaluation, laid out after ISO/IEC 30107-3.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationReport {
    /// Version of this layout, [`SCHEMA`].
    pub schema: u32,
    /// When it was written, RFC 3339 in UTC.
    pub created: String,
    /// Version of the program that wrote it.
    pub software: String,
    /// The detector.
    pub detector: DetectorTested,
    /// The faces.
    pub data: DataTested,
    /// How it was measured.
    pub conditions: Conditions,
    /// Figures of merit at each level, clean and attacked.
    pub levels: Vec<LevelFigures>,
    /// ROC curves of the held-out pairs.
    pub curves: Vec<Curve>,
    /// Errors at a stated threshold; `None` when a class is missing.
    pub operating_point: Option<OperatingErrors>,
    /// Errors at that threshold by kind of manipulation.
    pub manipulations: Vec<ManipulationErrors>,
    /// AUC against the radius of PGD-10, from zero on.
    pub radii: Vec<RadiusFigures>,
    /// Results of an attack suite, when they were given.
    pub attacks: Option<AttackFigures>,
    /// Whether the attacks can be trusted.
    pub checks: Vec<AttackCheck>,
    /// AUC under perturbations of stored crops; empty unless asked for.
    pub distortions: Vec<DistortionFigures>,
    /// Verdicts under everyday filters of the whole picture; empty unless asked for. The first
    /// row is without one, the last takes for every face the filter that changes most.
    #[serde(default)]
    pub filters: Vec<FilterFigures>,
    /// Runs on the same pairs, this one first; empty unless others were named.
    pub comparison: Vec<ComparedRun>,
    /// What the program that ships says of videos and pictures, when it was given.
    #[serde(default)]
    pub unseen: Option<Unseen>,
    /// Faces with their perturbation; empty unless asked for.
    pub samples: Vec<Sample>,
    /// What the figures do not say.
    pub limits: Vec<String>,
}

/// What an everyday filter does to scores and verdicts of held-out pairs. Fakes are flagged from
/// the threshold of the operating point on; genuine is what lies below nine of ten unfiltered
/// fakes, and below that threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FilterFigures {
    /// Name of the filter.
    pub name: String,
    /// 1 to 3; 0 = none, or any.
    pub strength: u8,
    /// Area under the ROC curve.
    pub auc: Option<ReportFigure>,
    /// Fakes that are flagged without a filter.
    pub flagged: usize,
    /// Of them, those no longer flagged.
    pub lost: usize,
    /// Of them, those called genuine.
    pub turned: usize,
    /// Real faces that are not flagged without a filter.
    pub unflagged: usize,
    /// Of them, those flagged now.
    pub alarms: usize,
}

/// What was tested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectorTested {
    /// Name of the run's folder.
    pub run: String,
    /// Training method.
    pub method: String,
    /// Architecture.
    pub architecture: String,
    /// Side of its crops in pixels.
    pub input: usize,
    /// Frames of one decision; `None` = one frame, with a memory of those before it.
    pub clip_frames: Option<usize>,
    /// Weights and biases of the network as it ships.
    pub parameters: u64,
    /// Multiplications and additions of a decision.
    pub macs: u64,
    /// Precision of the weights that were scored: `int8` or `f32`.
    pub precision: String,
    /// Which weights of the run: `last` or `best`.
    pub weights: String,
    /// Training step of the weights.
    pub step: usize,
    /// SHA-256 of the file of weights.
    pub weights_sha256: String,
    /// SHA-256 of the run's configuration.
    pub config_sha256: String,
    /// Seed of the training.
    pub seed: u64,
    /// Attack inside the training, in one line.
    pub trained_against: String,
}

/// What it was tested on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataTested {
    /// Name of the folder of shards.
    pub folder: String,
    /// Part that was held out: `test`, or `val` where there is no other.
    pub part: String,
    /// SHA-256 over the held-out records: their descriptions and frames.
    pub sha256: String,
    /// Groups, such as people, in the held-out part.
    pub groups: usize,
    /// Held-out records by collection and class.
    pub sources: Vec<SourceTested>,
}

/// Held-out records of one collection and class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceTested {
    /// Name of the collection.
    pub source: String,
    /// `real` or `fake`.
    pub label: String,
    /// Pictures, or clips.
    pub records: usize,
    /// Frames in them.
    pub frames: usize,
    /// Files that they were cut from.
    pub files: usize,
    /// Groups.
    pub groups: usize,
    /// Compressions as recorded; empty where the data does not say.
    pub compression: Vec<String>,
}

/// How it was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// Pairs of a real and a fake face that were scored.
    pub pairs: usize,
    /// Frames of each face of a pair.
    pub pair_frames: usize,
    /// How pairs are made and degraded, in one line.
    pub pair_making: String,
    /// The attack, in one line.
    pub attack: String,
    /// Radius of the attack wherever none is named, in [0, 1].
    pub epsilon: f64,
    /// Seed of pairs and attacks.
    pub seed: u64,
    /// Resamples of the bootstrap.
    pub resamples: usize,
    /// Compute device.
    pub device: String,
    /// Threads.
    pub threads: usize,
    /// The machine.
    pub machine: BenchMachine,
    /// Wall-clock time of the measurement, in seconds.
    pub seconds: f64,
}

/// A figure with its 95 % bounds from a bootstrap over groups.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportFigure {
    /// Its value.
    pub value: f64,
    /// Bounds; `None` where there are too few groups.
    pub bounds: Option<Interval>,
}

/// What one score stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreLevel {
    /// One frame.
    Frame,
    /// The mean over a clip.
    Clip,
    /// The mean over the clips of a video.
    Video,
}

/// What was scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Material {
    /// Pairs of a real and a fake face, with pseudo-fakes, degraded at random.
    Pairs,
    /// Real and fake videos of the data, as they are stored.
    StoredVideos,
}

/// Figures of merit of one level under one condition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LevelFigures {
    /// What a score stands for: `frame`, `clip` or `video`.
    pub level: ScoreLevel,
    /// What was scored: `pairs` or `stored_videos`.
    pub material: Material,
    /// The attack on both classes; `None` = clean.
    pub attack: Option<String>,
    /// Real scores.
    pub reals: usize,
    /// Fake scores.
    pub fakes: usize,
    /// Groups that they are from.
    pub groups: usize,
    /// Frames behind a score, on average.
    pub frames_per_score: f64,
    /// Compressions as recorded; empty where the data does not say.
    pub compression: Vec<String>,
    /// Area under the ROC curve, in [0, 1]; `None` when a class is empty.
    pub auc: Option<ReportFigure>,
    /// Equal error rate, in [0, 1].
    pub eer: Option<ReportFigure>,
    /// Average precision, in [0, 1].
    pub average_precision: Option<f64>,
    /// Share of fakes found at a false positive rate of 1 %.
    pub tpr_at_1_percent: Option<f64>,
    /// Share of fakes found at a false positive rate of 0.1 %.
    pub tpr_at_01_percent: Option<f64>,
    /// Share of right decisions of calibrated scores at one half; the calibration is fitted on
    /// clean scores of the other half of the groups.
    pub accuracy: Option<f64>,
    /// Expected calibration error of these scores in 15 bins.
    pub calibration_error: Option<f64>,
}

/// A ROC curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Condition.
    pub name: String,
    /// False and true positive rate, from (0, 0) to (1, 1).
    pub points: Vec<[f64; 2]>,
}

/// Errors at one threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperatingErrors {
    /// Logit from which a face is called manipulated.
    pub threshold: f32,
    /// BPCER that the threshold was chosen for, on these very scores.
    pub bpcer_limit: f64,
    /// Reals called manipulated.
    pub bpcer: Rate,
    /// The same with the reals attacked.
    pub bpcer_attacked: Option<Rate>,
    /// Fakes missed, all kinds together.
    pub apcer: Rate,
    /// The same with the fakes attacked.
    pub apcer_attacked: Option<Rate>,
}

/// Errors for one kind of manipulation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManipulationErrors {
    /// What made the fakes.
    pub kind: String,
    /// Groups that the fakes are from.
    pub groups: usize,
    /// Fakes missed.
    pub apcer: Rate,
    /// The same with the fakes attacked.
    pub apcer_attacked: Option<Rate>,
    /// Their real counterparts that were called manipulated.
    pub bpcer: Rate,
    /// AUC of the fakes against their counterparts.
    pub auc: Option<ReportFigure>,
    /// The same with both attacked.
    pub auc_attacked: Option<ReportFigure>,
}

/// AUC at one radius of PGD-10.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RadiusFigures {
    /// Radius in [0, 1]; 0 = no attack.
    pub epsilon: f64,
    /// With fakes attacked (evasion).
    pub fakes: Option<ReportFigure>,
    /// With reals attacked (framing).
    pub reals: Option<ReportFigure>,
    /// With both attacked.
    pub both: Option<ReportFigure>,
    /// Least share over the batches of pixels whose first gradient was not zero; `None`
    /// without an attack.
    pub gradient_share: Option<f64>,
}

/// Results of an attack suite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttackFigures {
    /// What was attacked.
    pub target: String,
    /// Pairs.
    pub pairs: usize,
    /// AUC of the same clips without attack.
    pub clean_auc: Option<f64>,
    /// AUC of the worst case over all attacks, clip by clip.
    pub worst_auc: Option<f64>,
    /// Each attack.
    pub rows: Vec<AttackRow>,
}

/// One attack of a suite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttackRow {
    /// Name.
    pub name: String,
    /// All that is needed to repeat it.
    pub conditions: String,
    /// What it looked at: `white_box`, `scores`, `decisions`, `transfer` or `nothing`.
    pub access: Access,
    /// Who was attacked: `fakes`, `reals` or `both`.
    pub target: Target,
    /// Norm of its limit; empty without one.
    pub norm: String,
    /// Radius in pixel units; `None` for attacks that minimise the change.
    pub epsilon: Option<f32>,
    /// AUC after it.
    pub auc: Option<f64>,
    /// Median size of the changes in the attack's norm, over the clips that were changed.
    pub median_change: Option<f32>,
    /// Share of non-zero gradients.
    pub gradient_share: Option<f32>,
    /// Forward passes per clip.
    pub passes: f32,
    /// Wall-clock time, in seconds.
    pub seconds: f32,
}

/// Outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// As it should be.
    Passed,
    /// Not as it should be: robust figures may be too good.
    Failed,
    /// It could not be decided from what was measured.
    Open,
}

/// Whether something that must hold of attacks does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttackCheck {
    /// What is checked.
    pub name: String,
    /// How it came out: `passed`, `failed` or `open`.
    pub verdict: CheckResult,
    /// What was found and what that means, in one sentence.
    pub finding: String,
}

/// AUC under one perturbation at one level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DistortionFigures {
    /// Code of the distortion, such as `gb`.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Level, 1 to 5; 0 = the same pairs without it.
    pub level: u8,
    /// Pairs.
    pub pairs: usize,
    /// AUC; `None` where it could not be measured.
    pub auc: Option<ReportFigure>,
    /// Why it could not.
    pub reason: Option<String>,
}

/// A run on the same pairs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparedRun {
    /// Name of its folder.
    pub run: String,
    /// Training method.
    pub method: String,
    /// AUC without attack.
    pub clean: Option<ReportFigure>,
    /// With fakes attacked at the report's radius.
    pub fakes: Option<ReportFigure>,
    /// With both classes attacked.
    pub both: Option<ReportFigure>,
    /// Its clean AUC less that of the first run, resampled together; `None` of the first.
    pub clean_difference: Option<ReportFigure>,
    /// The same with both attacked.
    pub both_difference: Option<ReportFigure>,
}

/// A face as the network saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// True = fake.
    pub fake: bool,
    /// What made the fake of its pair.
    pub kind: String,
    /// Logit without attack.
    pub clean_logit: f32,
    /// Logit under attack.
    pub attacked_logit: f32,
    /// Factor by which the perturbation is magnified.
    pub magnified: f32,
    /// First frame, a PNG file in Base64.
    pub clean_png: String,
    /// The same attacked.
    pub attacked_png: String,
    /// The perturbation around grey, magnified.
    pub perturbation_png: String,
}
