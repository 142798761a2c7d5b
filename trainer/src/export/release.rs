//! A trained network becomes a release: calibrated, measured, described, written.

use std::path::Path;

use anyhow::{Context, Result};
use burn::tensor::Device;
use unmask_shared::bundle::sha256_hex;
use unmask_shared::evidence::TrackModel;
use unmask_shared::verdict::VerdictConfig;

use super::bundle::kind;
use super::held_out::{Halves, replay, verdict_figures};
use super::kinds::FoundKinds;
use super::{
    About, CardText, Caution, FigureText, ProvenanceText, Quantised, calibrate, write_bundle,
    write_card,
};
use crate::config::{Epsilon, RunConfig};
use crate::dataset::{Record, common_align};
use crate::evaluation::{Scores, Validation};
use crate::metric::{VideoEvidence, fit_tracks};
use crate::network::NetworkConfig;
use crate::train::RunFolder;
use unmask_shared::manifest::{ModelKind, PERIOD_MS_MAX};

/// What a release says of itself, and how it is calibrated.
#[derive(Clone, Debug)]
pub struct Release {
    /// Grows with every release of the name.
    pub release: u32,
    /// Radius of PGD-10 in the card; `None` measures clean faces only.
    pub epsilon: Option<Epsilon>,
    /// Held-out pairs at most, of each half.
    pub pairs: usize,
    /// Allowed chance that a genuine person is called manipulated, above 0, below 0.5.
    pub false_alarm: f32,
    /// Allowed chance that a manipulated person is called genuine, above 0, below 0.5.
    pub miss: f32,
    /// Error rates that thresholds keep to.
    pub caution: Caution,
    /// Milliseconds between decisions on one face, 0 to 200; `None` for 200 for networks that
    /// judge single frames, and 0 for others, which need every frame.
    pub period_ms: Option<u16>,
    /// How much of a decision's evidence counts, above 0, at most 1; `None` for 0.1 for
    /// decisions on every frame and 0.5 for others.
    pub frame_weight: Option<f32>,
    /// What the data is.
    pub data_note: String,
    /// Terms of the data.
    pub terms_note: String,
}

impl Default for Release {
    fn default() -> Self {
        Self {
            release: 1,
            epsilon: None,
            pairs: 1000,
            false_alarm: VerdictConfig::default().false_alarm,
            miss: VerdictConfig::default().miss,
            caution: Caution::default(),
            period_ms: None,
            frame_weight: None,
            data_note: "not stated".into(),
            terms_note: "not stated".into(),
        }
    }
}

impl Release {
    /// Writes the bundle; the folder's name is the bundle's. One half of the held-out people
    /// calibrates, the other gives the figures.
    ///
    /// # Errors
    /// When the held-out part is too small to calibrate on, an attack changed nothing, a
    /// text is too long for the manifest, or the disk refuses.
    pub fn write(
        &self,
        output: &Path,
        run: &RunFolder,
        config: &RunConfig,
        net: &Quantised,
        records: &[Record],
        device: &Device,
    ) -> Result<()> {
        let (_, seconds) = run.spent()?;
        let name = bundle_name(output)?;
        let provenance = self.provenance(config, seconds)?;
        // What does not fit is said before minutes of measuring.
        provenance.packed()?;
        let epsilon = self.epsilon.unwrap_or(Epsilon::of_255(0.0));
        let request = Validation::of(&config.network, self.pairs, epsilon.value());
        let frozen = net.dequantise(device);
        let halves = Halves::of(records, config);
        let [fitted, scores] = halves.scores(&frozen, records, config, &request, device)?;
        let [fitted_stored, stored] = halves.stored(&frozen, records, config, device)?;
        let kinds = FoundKinds::of(&fitted, &fitted_stored);
        let kind_figures = kinds.figures(&scores, &stored)?;
        let (calibration, operating_point) =
            calibrate(&kinds.only(&fitted), &kinds.only(&scores), &self.caution)?;
        let [fitted_videos, videos] = [fitted_stored, stored].map(|stored| {
            let videos = stored.into_iter().filter(|video| !video.is_picture());
            let calibrated = videos.map(|video| video.calibrated(&calibration));
            calibrated.collect::<Vec<VideoEvidence>>()
        });
        let fitted_videos = kinds.videos(fitted_videos, &fitted, &calibration);
        let verdict = VerdictConfig {
            tracks: self.tracks(&fitted_videos, self.period_ms(&config.network)),
            ..self.verdict(&config.network)
        };
        let [reals, found, others] = kinds.divided(videos);
        let rates = [
            replay(&reals, verdict)?,
            replay(&found, verdict)?,
            replay(&others, verdict)?,
        ];
        let mut figures = figures(&scores, epsilon);
        figures.extend(verdict_figures(&rates));
        let about = About {
            name,
            release: self.release,
            period_ms: self.period_ms(&config.network),
            align: common_align(records),
            calibration,
            operating_point,
            verdict,
            provenance,
            figures,
            kinds: kind_figures,
        };
        let card = write_card(&CardText {
            about: &about,
            config,
            scores: &scores,
            epsilon,
            parameters: net.parameters(),
            people: [fitted.people(), scores.people()],
            unseen: halves.are_unseen(),
            rates,
        });
        write_bundle(output, net, &config.network, &about, &card, device)
    }

    /// How videos vary; none, with a warning, where there are too few people on video.
    fn tracks(&self, videos: &[VideoEvidence], period_ms: u16) -> Option<TrackModel> {
        match fit_tracks(videos, period_ms) {
            Ok(model) => Some(model),
            Err(error) => {
                tracing::warn!(
                    "verdicts add up single frames, which promises too much for whole videos: {error:#}"
                );
                None
            }
        }
    }

    fn period_ms(&self, network: &NetworkConfig) -> u16 {
        let usual = match kind(network) {
            ModelKind::Frame => PERIOD_MS_MAX,
            ModelKind::Stream | ModelKind::Clip { .. } => 0,
        };
        self.period_ms.unwrap_or(usual)
    }

    /// A verdict takes at least two clips, or as many frames as usual.
    fn verdict(&self, network: &NetworkConfig) -> VerdictConfig {
        let usual = VerdictConfig::default();
        let (weight, least) = match network.clip_frames() {
            Some(_) => (0.5, 2),
            None if self.period_ms(network) > 0 => (0.5, usual.frames_min),
            None => (0.1, usual.frames_min),
        };
        VerdictConfig {
            false_alarm: self.false_alarm,
            miss: self.miss,
            frame_weight: self.frame_weight.unwrap_or(weight),
            frames_min: least,
            ..usual
        }
    }

    fn provenance(&self, config: &RunConfig, seconds: f64) -> Result<ProvenanceText> {
        Ok(ProvenanceText {
            method: config.train.method.to_string(),
            seed: config.train.seed,
            config_sha256: sha256_hex(config.to_toml()?.as_bytes()),
            data: self.data_note.clone(),
            terms: self.terms_note.clone(),
            machine: machine(),
            minutes: (seconds / 60.0) as f32,
        })
    }
}

fn bundle_name(output: &Path) -> Result<String> {
    let name = output.file_name().and_then(|name| name.to_str());
    Ok(name
        .context("the output folder needs a name: it becomes the bundle's name")?
        .to_string())
}

fn figures(scores: &Scores, epsilon: Epsilon) -> Vec<FigureText> {
    let count = scores.fake.len() as u32;
    [
        ("auc clean".to_string(), scores.clean_auc()),
        (
            format!("auc pgd-10 {epsilon} fakes attacked"),
            scores.one_sided_auc(true),
        ),
        (
            format!("auc pgd-10 {epsilon} reals attacked"),
            scores.one_sided_auc(false),
        ),
        (
            format!("auc pgd-10 {epsilon} both attacked"),
            scores.attacked_auc(),
        ),
    ]
    .into_iter()
    .filter_map(|(name, auc)| {
        Some(FigureText {
            name,
            value: auc? as f32,
            count,
            bounds: None,
        })
    })
    .collect()
}

/// Processor and threads, as the system names them.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or(std::env::consts::ARCH, |(_, name)| name.trim());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut text = format!("{model}, {threads} threads");
    text.truncate(text.floor_char_boundary(128));
    text
}
