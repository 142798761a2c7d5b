//! The released bundle: graph, manifest, card.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use heapless::{String as Text, Vec as List};
use unmask_shared::bundle::Bundle;
use unmask_shared::calibration::Calibration;
use unmask_shared::geometry::{Align, CropSpec};
use unmask_shared::manifest::{
    Figure, GoldenClip, GraphSpec, KINDS_MAX, KindFigure, MANIFEST_FORMAT, MODEL_FILE, Manifest,
    ModelKind, OperatingPoint, Provenance, StateSpec,
};
use unmask_shared::synthetic::{FaceModel, golden_clip};
use unmask_shared::verdict::VerdictConfig;

use super::onnx::{GraphNames, write_onnx};
use super::quantise::Quantised;
use crate::network::{Frozen, NetworkConfig};

/// Frames of each golden clip; of a clip network one clip.
const GOLDEN_FRAMES: usize = 12;
/// Seeds and truths of the golden clips.
const GOLDEN_CLIPS: [(u64, bool); 4] = [(1, false), (2, true), (3, false), (4, true)];

/// What the manifest says beyond the network itself.
#[derive(Clone, Debug)]
pub struct About {
    /// Name of the bundle: letters, digits, `-`, `_`, `.`.
    pub name: String,
    /// Grows with every release of the name.
    pub release: u32,
    /// Milliseconds between decisions on one face; see [`Manifest::period_ms`].
    pub period_ms: u16,
    /// What the crops of the training data were cut by.
    pub align: Align,
    /// From logit to log-likelihood ratio.
    pub calibration: Calibration,
    /// Thresholds for single pictures.
    pub operating_point: OperatingPoint,
    /// Settings of the sequential test.
    pub verdict: VerdictConfig,
    /// Origin.
    pub provenance: ProvenanceText,
    /// What was measured.
    pub figures: Vec<FigureText>,
    /// Kinds of fakes, found or not.
    pub kinds: List<KindFigure, KINDS_MAX>,
}

/// One measured number.
#[derive(Clone, Debug, PartialEq)]
pub struct FigureText {
    /// What.
    pub name: String,
    /// The number.
    pub value: f32,
    /// On how many pictures or videos.
    pub count: u32,
    /// Bounds at 95 %.
    pub bounds: Option<[f32; 2]>,
}

impl FigureText {
    /// As the manifest holds it.
    ///
    /// # Errors
    /// When the name is too long for the manifest.
    pub fn packed(&self) -> Result<Figure> {
        Ok(Figure {
            name: text("figures.name", &self.name)?,
            value: self.value,
            count: self.count,
            bounds: self.bounds,
        })
    }
}

/// Origin of the weights in plain strings.
#[derive(Clone, Debug, Default)]
pub struct ProvenanceText {
    /// Training method.
    pub method: String,
    /// Seed of the run.
    pub seed: u64,
    /// SHA-256 of the run's configuration.
    pub config_sha256: String,
    /// Data sets.
    pub data: String,
    /// Their terms.
    pub terms: String,
    /// Where it was trained, with threads.
    pub machine: String,
    /// How long.
    pub minutes: f32,
}

impl ProvenanceText {
    /// As the manifest holds it.
    ///
    /// # Errors
    /// When a text is too long for the manifest.
    pub fn packed(&self) -> Result<Provenance> {
        Ok(Provenance {
            trainer: text("trainer", env!("CARGO_PKG_VERSION"))?,
            method: text("method", &self.method)?,
            seed: self.seed,
            config_sha256: text("config_sha256", &self.config_sha256)?,
            data: text("data", &self.data)?,
            terms: text("terms", &self.terms)?,
            machine: text("machine", &self.machine)?,
            minutes: self.minutes,
        })
    }
}

/// Writes a bundle of int8 weights; golden logits are those of burn on the same weights.
///
/// # Errors
/// When a text is too long for the manifest, or the folder cannot be written.
pub fn write_bundle(
    folder: &Path,
    net: &Quantised,
    config: &NetworkConfig,
    about: &About,
    card: &str,
    device: &Device,
) -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    let crop = CropSpec {
        size: config.input as u16,
        align: about.align,
        ..CropSpec::default()
    };
    let people = FaceModel::builtin().context("the built-in synthetic people are damaged")?;
    let frozen = net.dequantise(device);
    let golden = GOLDEN_CLIPS
        .iter()
        .map(|(seed, swapped)| golden(&frozen, config, &people, &crop, *seed, *swapped, device))
        .collect::<Result<List<_, 4>>>()?;
    let manifest = Manifest {
        format: MANIFEST_FORMAT,
        name: text("name", &about.name)?,
        release: about.release,
        created: text("created", &now())?,
        kind: kind(config),
        period_ms: about.period_ms,
        crop,
        graph: graph(net, config)?,
        calibration: about.calibration,
        operating_point: about.operating_point,
        verdict: about.verdict,
        golden,
        provenance: about.provenance.packed()?,
        figures: about
            .figures
            .iter()
            .map(FigureText::packed)
            .collect::<Result<List<_, 32>>>()?,
        kinds: about.kinds.clone(),
    };
    Bundle::write(folder, &manifest, &write_onnx(net, config, version), card)?;
    Ok(())
}

pub(super) fn kind(config: &NetworkConfig) -> ModelKind {
    match config.clip_frames() {
        Some(frames) => ModelKind::Clip {
            frames: frames as u16,
        },
        None if config.state_shapes().is_empty() => ModelKind::Frame,
        None => ModelKind::Stream,
    }
}

fn graph(net: &Quantised, config: &NetworkConfig) -> Result<GraphSpec> {
    let shapes = config.state_shapes();
    let names = GraphNames::new(shapes.len());
    let states = names
        .states
        .iter()
        .zip(shapes)
        .map(|((input, output), [c, h, w])| {
            Ok(StateSpec {
                input: text("state", input)?,
                output: text("state", output)?,
                shape: [1, c as u16, h as u16, w as u16],
            })
        })
        .collect::<Result<List<_, 16>>>()?;
    Ok(GraphSpec {
        file: text("file", MODEL_FILE)?,
        image: text("image", &names.image)?,
        logit: text("logit", &names.logit)?,
        embedding: text("embedding", &names.embedding)?,
        evidence: text("evidence", &names.evidence)?,
        states,
        embedding_len: config.embedding() as u16,
        evidence_side: config.evidence_side() as u16,
        macs: config.macs(),
        parameters: net.parameters(),
    })
}

fn golden(
    net: &Frozen,
    config: &NetworkConfig,
    people: &FaceModel,
    crop: &CropSpec,
    seed: u64,
    swapped: bool,
    device: &Device,
) -> Result<GoldenClip> {
    let frames = config.clip_frames().unwrap_or(GOLDEN_FRAMES);
    let clip = golden_clip(people, crop, seed, swapped, frames as u32);
    let logits = clip_logits(net, config, &clip, device)?;
    let wanted = config.scores_per_clip(frames);
    ensure!(
        logits.len() == wanted,
        "a golden clip of {frames} frames has {} logits instead of {wanted}",
        logits.len()
    );
    Ok(GoldenClip {
        seed,
        swapped,
        frames: frames as u16,
        logits: logits.into_iter().collect(),
    })
}

/// Logits of a clip computed as one batch in burn: the way of training. One per frame, or one
/// of a clip network.
///
/// `frames` hold `[3, side, side]` each.
///
/// # Errors
/// When the backend does not give f32.
pub fn clip_logits(
    net: &Frozen,
    config: &NetworkConfig,
    frames: &[Vec<f32>],
    device: &Device,
) -> Result<Vec<f32>> {
    let shape = [frames.len(), 3, config.input, config.input];
    let images = Tensor::from_data(TensorData::new(frames.concat(), shape), device);
    let logits = net.forward(images, frames.len()).logit.into_data();
    logits
        .try_to_vec::<f32>()
        .map_err(|error| anyhow::anyhow!("logits are not f32: {error:?}"))
}

fn text<const N: usize>(what: &str, value: &str) -> Result<Text<N>> {
    Text::try_from(value)
        .map_err(|_| anyhow::anyhow!("{what} is longer than {N} bytes: `{value}`; shorten it"))
}

/// The present moment in UTC to the second.
fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}
