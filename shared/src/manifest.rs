//! What a model bundle says about its model: how to crop, what goes in and
//! out, what the logit means, and where the model comes from.

use heapless::{String, Vec};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::calibration::Calibration;
use crate::geometry::CropSpec;
use crate::verdict::VerdictConfig;

/// Version of the manifest; others are refused.
pub const MANIFEST_FORMAT: u16 = 1;
/// The only name that a bundle's network may have.
pub const MODEL_FILE: &str = "model.onnx";
/// Most crops of one clip.
pub const CLIP_FRAMES_MAX: u16 = 64;
/// Longest time between two decisions on one face, milliseconds.
pub const PERIOD_MS_MAX: u16 = 200;
/// Most kinds of fakes that a bundle speaks of.
pub const KINDS_MAX: usize = 32;
/// Most bytes in the name of a kind.
pub const KIND_NAME_MAX: usize = 32;
/// Most values of one state tensor.
const STATE_VALUES_MAX: u32 = 1 << 22;

/// What a bundle says about its model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_FORMAT`].
    pub format: u16,
    /// Name of the model: letters, digits, `-`, `_` and `.`.
    pub name: String<64>,
    /// Number of the release; a device refuses to go back.
    pub release: u32,
    /// When it was made, RFC 3339.
    pub created: String<32>,
    /// How it is run.
    pub kind: ModelKind,
    /// Milliseconds between two decisions on one face; 0 for one on every frame, and always 0
    /// for streams and clips, which need every frame.
    #[serde(default)]
    pub period_ms: u16,
    /// Where the face lies in the crop.
    pub crop: CropSpec,
    /// What goes in and out.
    pub graph: GraphSpec,
    /// What a logit means.
    pub calibration: Calibration,
    /// Thresholds for single pictures.
    pub operating_point: OperatingPoint,
    /// How much evidence a verdict on a track takes.
    pub verdict: VerdictConfig,
    /// Inputs with known outputs, for the self-test.
    pub golden: Vec<GoldenClip, 4>,
    /// Where the model comes from.
    pub provenance: Provenance,
    /// What was measured on the shipped file.
    pub figures: Vec<Figure, 32>,
    /// Kinds of fakes, best first: verdicts are about those that are found. Empty in bundles
    /// that do not say.
    #[serde(default)]
    pub kinds: Vec<KindFigure, KINDS_MAX>,
}

/// How well one kind of fake is told from real faces, on people that training did not see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KindFigure {
    /// What the data calls it; `pseudo-fake: ...` for those that the trainer makes.
    pub name: String<KIND_NAME_MAX>,
    /// Whether verdicts are about it: a face that is called genuine is none of the kinds that
    /// are found, and may be one of the others.
    pub found: bool,
    /// Area under the ROC curve, 0 to 1; one half is chance.
    pub auc: f32,
    /// Its bounds at 95 %, over people.
    pub bounds: Option<[f32; 2]>,
    /// People in the fakes.
    pub people: u32,
}

/// How a model is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// One crop per step, with a memory carried from step to step.
    Stream,
    /// One crop per step, each judged on its own.
    Frame,
    /// Crops of one person are judged together, so many at a time; clips do not
    /// overlap.
    Clip {
        /// Crops of a clip, 1 to [`CLIP_FRAMES_MAX`].
        frames: u16,
    },
}

impl ModelKind {
    /// Crops that the network sees for each decision.
    pub fn frames_per_decision(self) -> u16 {
        match self {
            Self::Stream | Self::Frame => 1,
            Self::Clip { frames } => frames,
        }
    }
}

/// Names and shapes of what goes in and out of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GraphSpec {
    /// File in the bundle, [`MODEL_FILE`].
    pub file: String<64>,
    /// Input `[1, 3, size, size]`, of a clip network `[1, 3, frames, size, size]`:
    /// RGB in [0, 1].
    pub image: String<32>,
    /// Output `[1, 1]`: the logit; grows with manipulation.
    pub logit: String<32>,
    /// Output `[1, embedding_len]`.
    pub embedding: String<32>,
    /// Output `[1, 1, evidence_side, evidence_side]` in logit units; its mean
    /// is the logit. A network that mixes all places before its embedding has
    /// one value, the logit.
    pub evidence: String<32>,
    /// The memory; only streams have one.
    pub states: Vec<StateSpec, 16>,
    /// Values of the embedding, at least 1.
    pub embedding_len: u16,
    /// Side of the evidence map, at least 1.
    pub evidence_side: u16,
    /// Multiply-accumulates of one decision.
    pub macs: u64,
    /// Trained numbers.
    pub parameters: u64,
}

/// One tensor of the memory; zeros stand for "no past".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateSpec {
    /// Name of the input.
    pub input: String<32>,
    /// Name of the output that becomes the next input.
    pub output: String<32>,
    /// `[1, channels, height, width]`.
    pub shape: [u16; 4],
}

/// Where a single picture is called genuine or manipulated. In between it is
/// undecided.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// Probability from which on a picture is manipulated.
    pub threshold: f32,
    /// Probability below which a picture is genuine; at most `threshold`.
    pub genuine_below: f32,
    /// Share of genuine validation pictures at or above `threshold`.
    pub bpcer: f32,
    /// Share of manipulated validation pictures below `threshold`.
    pub apcer: f32,
}

/// A synthetic clip and what the network says about its frames
/// (`synthetic::golden_frame` draws the crops).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GoldenClip {
    /// Seed of the clip.
    pub seed: u64,
    /// Whether the face is swapped.
    pub swapped: bool,
    /// Number of frames; as many as `logits`, or that many clips of frames.
    pub frames: u16,
    /// The logit of each decision.
    pub logits: Vec<f32, 32>,
}

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Program and version that trained it.
    pub trainer: String<32>,
    /// Training method, such as `afsl`.
    pub method: String<16>,
    /// Seed of the run.
    pub seed: u64,
    /// SHA-256 of the run's configuration in lower-case hex, or empty.
    pub config_sha256: String<64>,
    /// What it was trained on.
    pub data: String<256>,
    /// Terms of use that follow from the data.
    pub terms: String<256>,
    /// What it was trained with.
    pub machine: String<128>,
    /// Training time.
    pub minutes: f32,
}

/// One measured number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured, such as `auc.clean`.
    pub name: String<48>,
    /// The value.
    pub value: f32,
    /// On how many pictures or clips.
    pub count: u32,
    /// Bounds at 95 %, where they are known.
    #[serde(default)]
    pub bounds: Option<[f32; 2]>,
}

/// Why a manifest is refused.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ManifestError {
    /// Truncated, damaged, a field missing or too long.
    #[error("the manifest cannot be read: {0}")]
    Syntax(String<96>),
    /// Written by another version; use the program of that version, or export
    /// the model again.
    #[error(
        "manifest of format {0}, this program reads format {MANIFEST_FORMAT}: export the model again"
    )]
    Format(u16),
    /// A value is outside its documented range; export the model again.
    #[error("manifest: {field} {problem}")]
    Field {
        /// Which one.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The manifest does not fit the given buffer.
    #[error("the manifest does not fit a buffer of {0} bytes")]
    Buffer(usize),
}

/// AUC on held-out people below which a network is worth nothing: one half is a coin, and what is
/// measured on some hundred pairs may be off by a twentieth.
pub const AUC_WORTH_MIN: f32 = 0.6;

impl Manifest {
    /// In plain words, that the network is worth nothing, where its figures say so; `None` where they
    /// do not, or there are none.
    #[cfg(feature = "std")]
    pub fn warning(&self) -> Option<std::string::String> {
        let clean = self
            .figures
            .iter()
            .find(|figure| figure.name == "auc clean")?;
        (clean.value < AUC_WORTH_MIN).then(|| {
            std::format!(
                "this network is worth nothing: of a genuine and a manipulated face of people that it never saw \
                 it finds the manipulated one {:.0} times of 100, and a coin does 50 times. Train it longer, or on more people, \
                 before anybody relies on it",
                clean.value * 100.0
            )
        })
    }

    /// Reads and checks a manifest in JSON.
    #[cfg(feature = "std")]
    pub fn from_json(json: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Self =
            serde_json::from_slice(json).map_err(|cause| syntax(format_args!("{cause}")))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Writes a manifest as indented JSON, after the same checks.
    #[cfg(feature = "std")]
    pub fn to_json(&self) -> Result<std::vec::Vec<u8>, ManifestError> {
        self.check()?;
        let mut json =
            serde_json::to_vec_pretty(self).map_err(|cause| syntax(format_args!("{cause}")))?;
        json.push(b'\n');
        Ok(json)
    }

    /// Reads and checks a manifest in postcard form.
    pub fn from_postcard(bytes: &[u8]) -> Result<Self, ManifestError> {
        let (manifest, rest): (Self, _) =
            postcard::take_from_bytes(bytes).map_err(|cause| syntax(format_args!("{cause}")))?;
        if !rest.is_empty() {
            return Err(syntax(format_args!("{} bytes are left over", rest.len())));
        }
        manifest.check()?;
        Ok(manifest)
    }

    /// Writes the manifest in postcard form into `buffer`.
    pub fn to_postcard<'a>(&self, buffer: &'a mut [u8]) -> Result<&'a mut [u8], ManifestError> {
        self.check()?;
        let room = buffer.len();
        postcard::to_slice(self, buffer).map_err(|_| ManifestError::Buffer(room))
    }

    /// Refuses values outside the documented ranges.
    pub fn check(&self) -> Result<(), ManifestError> {
        if self.format != MANIFEST_FORMAT {
            return Err(ManifestError::Format(self.format));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let named = self.name.starts_with(|c: char| c.is_ascii_alphanumeric());
        require(
            named && self.name.chars().all(plain),
            "name",
            "must be letters, digits, '-', '_' and '.', and begin with a letter or digit",
        )?;
        self.check_crop()?;
        let per_decision = self.kind.frames_per_decision();
        require(
            (1..=CLIP_FRAMES_MAX).contains(&per_decision),
            "kind.clip.frames",
            "must be 1 to 64",
        )?;
        require(
            self.period_ms <= PERIOD_MS_MAX
                && (self.kind == ModelKind::Frame || self.period_ms == 0),
            "period_ms",
            "must be 0 to 200, and 0 for streams and clips",
        )?;
        require(
            self.kind == ModelKind::Stream || self.graph.states.is_empty(),
            "graph.states",
            "must be empty for networks that judge single frames or clips",
        )?;
        self.graph.check(self.crop.size)?;
        require(
            self.calibration.check().is_ok(),
            "calibration",
            "must be finite with scale and llr_max above 0",
        )?;
        self.operating_point.check()?;
        require(
            self.verdict.check().is_ok(),
            "verdict",
            "has a rate, weight or limit out of range",
        )?;
        for clip in &self.golden {
            require(
                clip.logits.len() * usize::from(per_decision) == usize::from(clip.frames)
                    && clip.logits.iter().all(|logit| logit.is_finite()),
                "golden",
                "must hold one finite logit per decision",
            )?;
        }
        let hash = &self.provenance.config_sha256;
        require(
            hash.is_empty() || (hash.len() == 64 && hash.bytes().all(is_lower_hex)),
            "provenance.config_sha256",
            "must be empty or 64 lower-case hex digits",
        )?;
        let minutes = self.provenance.minutes;
        require(
            minutes.is_finite() && minutes >= 0.0,
            "provenance.minutes",
            "must be at least 0",
        )?;
        require(
            self.figures.iter().all(Figure::is_finite),
            "figures",
            "must be finite numbers",
        )?;
        let share = |value: &f32| (0.0..=1.0).contains(value);
        require(
            (self.kinds.iter())
                .all(|kind| share(&kind.auc) && kind.bounds.iter().flatten().all(share)),
            "kinds",
            "must have areas from 0 to 1",
        )
    }

    fn check_crop(&self) -> Result<(), ManifestError> {
        let crop = &self.crop;
        require(
            (16..=512).contains(&crop.size),
            "crop.size",
            "must be 16 to 512",
        )?;
        require(
            (0.05..=0.9).contains(&crop.eye_distance),
            "crop.eye_distance",
            "must be 0.05 to 0.9",
        )?;
        require(
            (0.0..=1.0).contains(&crop.eye_line),
            "crop.eye_line",
            "must be 0 to 1",
        )
    }
}

impl GraphSpec {
    fn check(&self, crop_size: u16) -> Result<(), ManifestError> {
        require(self.file == MODEL_FILE, "graph.file", "must be model.onnx")?;
        require(
            self.embedding_len >= 1,
            "graph.embedding_len",
            "must be at least 1",
        )?;
        require(
            (1..=crop_size).contains(&self.evidence_side),
            "graph.evidence_side",
            "must be 1 to the crop's size",
        )?;
        for state in &self.states {
            let [batch, channels, height, width] = state.shape;
            let values = [channels, height, width]
                .into_iter()
                .try_fold(1_u32, |product, side| product.checked_mul(u32::from(side)));
            require(
                batch == 1 && values.is_some_and(|count| (1..=STATE_VALUES_MAX).contains(&count)),
                "graph.states",
                "must have shapes [1, channels, height, width] of 1 to 4194304 values",
            )?;
        }
        let inputs = || core::iter::once(&self.image).chain(self.states.iter().map(|s| &s.input));
        let outputs = || {
            [&self.logit, &self.embedding, &self.evidence]
                .into_iter()
                .chain(self.states.iter().map(|s| &s.output))
        };
        require(
            distinct_names(inputs) && distinct_names(outputs),
            "graph",
            "must name every input and every output, each once",
        )
    }
}

impl Figure {
    fn is_finite(&self) -> bool {
        let bounds = self.bounds.iter().flatten();
        self.value.is_finite() && bounds.copied().all(f32::is_finite)
    }
}

impl OperatingPoint {
    fn check(&self) -> Result<(), ManifestError> {
        let rate = |value: f32| (0.0..=1.0).contains(&value);
        require(
            rate(self.threshold)
                && rate(self.genuine_below)
                && self.genuine_below <= self.threshold
                && rate(self.bpcer)
                && rate(self.apcer),
            "operating_point",
            "must hold numbers from 0 to 1 with genuine_below at most threshold",
        )
    }
}

fn distinct_names<'a, I>(names: impl Fn() -> I) -> bool
where
    I: Iterator<Item = &'a String<32>>,
{
    names()
        .enumerate()
        .all(|(index, name)| !name.is_empty() && names().skip(index + 1).all(|other| other != name))
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

fn require(holds: bool, field: &'static str, problem: &'static str) -> Result<(), ManifestError> {
    if holds {
        Ok(())
    } else {
        Err(ManifestError::Field { field, problem })
    }
}

/// As much of the parser's message as fits.
fn syntax(message: core::fmt::Arguments<'_>) -> ManifestError {
    struct Head(String<96>);
    impl core::fmt::Write for Head {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            for c in text.chars() {
                self.0.push(c).map_err(|_| core::fmt::Error)?;
            }
            Ok(())
        }
    }
    let mut head = Head(String::new());
    // An error here only says that the message was cut.
    let _cut = core::fmt::write(&mut head, message);
    ManifestError::Syntax(head.0)
}
