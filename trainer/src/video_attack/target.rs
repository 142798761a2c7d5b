//! One video under attack.

use std::path::PathBuf;

use anyhow::{Context, Result};
use burn::tensor::Device;
use rand::SeedableRng;
use unmask_shared::bundle::Bundle;
use unmask_shared::face::FinderChoice;
use unmask_shared::manifest::Manifest;
use unmask_shared::media::Frame;
use unmask_shared::quality::Quality;
use unmask_shared::verdict::{SequentialTest, Verdict};

use super::outcome::{Attempt, VideoOutcome, right};
use crate::attack::transform::{Identity, Jpeg, Transform};
use crate::attack::video::{Footage, PatchShape, VideoAttack, VideoCase};
use crate::attack::{Eot, Noise};
use crate::distortion::Coding;
use crate::evaluation::{Analysis, FileTruth, Listed, Program};
use crate::network::Frozen;
use crate::progress::Bar;
use crate::random::Random;

/// Rate factors of the H.264 between attack and program: good, usual, poor.
pub const RATE_FACTORS: [u8; 3] = [18, 23, 28];
/// Qualities of the JPEG that stands for codecs in the expectation.
const JPEG_QUALITY: [f32; 2] = [60.0, 95.0];

/// Passes every limit: the program tells the scores of frames that were good enough alone.
const GOOD: Quality = Quality {
    sharpness: f32::INFINITY,
    luma: 1.0,
    face_px: f32::INFINITY,
    turn_deg: 0.0,
    pitch_deg: 0.0,
    contrast: f32::INFINITY,
};

/// What is attacked, and how.
pub struct VideoTarget<'a> {
    /// The network whose gradients are used.
    pub net: &'a Frozen,
    /// The bundle that the program runs.
    pub bundle: &'a Bundle,
    /// The program.
    pub program: Program,
    /// How it finds faces.
    pub finder: FinderChoice,
    /// Radii at which all is reported, in steps of 1/255, ascending; without any, there is no noise.
    pub epsilons: Vec<u8>,
    /// Whether everyday filters are tried, too.
    pub filters: bool,
    /// Patches that are printed on faces.
    pub patches: Vec<PatchShape>,
    /// Where the search for the smallest radius that flips ends; `None` for no search.
    pub search_to: Option<u8>,
    /// Whether frames share a perturbation.
    pub noise: Noise,
    /// Seconds of each video.
    pub seconds: f64,
    /// Sets every random choice.
    pub seed: u64,
    /// Where it computes.
    pub device: Device,
}

impl VideoTarget<'_> {
    /// What is done, in one line.
    pub fn conditions(&self) -> String {
        let noise = (!self.epsilons.is_empty()).then(|| self.noise_words());
        let filters = self
            .filters
            .then(|| "everyday filters at three strengths".to_owned());
        let patches = self.patches.iter().map(|shape| shape.name().to_owned());
        let done: Vec<String> = noise.into_iter().chain(filters).chain(patches).collect();
        format!(
            "{}; the first {} s of each video",
            done.join("; "),
            self.seconds
        )
    }

    fn noise_words(&self) -> String {
        let attack = self.attack(1);
        format!(
            "MI-FGSM, {} steps, {} crops a step jittered by {}, each as it is and through JPEG {} to {}; \
             {}",
            attack.steps,
            attack.draws,
            attack.jitter,
            JPEG_QUALITY[0],
            JPEG_QUALITY[1],
            match self.noise {
                Noise::PerFrame => "a perturbation for each frame",
                Noise::Shared => "one perturbation for all frames",
            }
        )
    }

    /// Attacks one video; that it cannot be read stands in the outcome.
    ///
    /// # Errors
    /// When the program cannot be run, the disk refuses, or the network has no gradient.
    pub fn attack_video(&self, listed: &Listed) -> Result<VideoOutcome> {
        let mut outcome = VideoOutcome {
            path: listed.path.display().to_string(),
            fake: listed.truth == FileTruth::Fake,
            kind: listed.kind.clone(),
            person: listed.person.clone(),
            frames: 0,
            before: Verdict::Undecided,
            attempts: Vec::new(),
            filtered: Vec::new(),
            printed: Vec::new(),
            error: None,
        };
        match Footage::read(&listed.path, self.seconds, &self.finder) {
            Ok(footage) => self.fill(&footage, &mut outcome)?,
            Err(error) => outcome.error = Some(format!("{error:#}")),
        }
        Ok(outcome)
    }

    pub(super) fn attack(&self, epsilon: u8) -> VideoAttack {
        VideoAttack {
            noise: self.noise,
            ..VideoAttack::ten(epsilon, self.bundle.manifest.crop)
        }
    }

    fn fill(&self, footage: &Footage, outcome: &mut VideoOutcome) -> Result<()> {
        outcome.frames = footage.frames.len();
        let folder = tempfile::tempdir()?;
        let clean = footage.write(&footage.frames, folder.path(), "clean", Coding::Lossless)?;
        outcome.before = self.judge(&[clean])?.remove(0).verdict;
        if !outcome.is_right() {
            return Ok(());
        }
        if self.filters {
            outcome.filtered = self.filtered(footage)?;
        }
        if !self.patches.is_empty() {
            outcome.printed = self.printed(footage, outcome.fake)?;
        }
        let rate_factors: &[u8] = match footage.is_picture() {
            true => &[],
            false => &RATE_FACTORS,
        };
        for &epsilon in &self.epsilons {
            let attempt = self.attempt(footage, epsilon, rate_factors, outcome.fake)?;
            outcome.attempts.push(attempt);
        }
        match self.search_to {
            Some(most) if !self.epsilons.is_empty() => self.search(footage, most, outcome),
            _ => Ok(()),
        }
    }

    /// Looks for the smallest radius that flips, between those tried, by halving. A larger radius
    /// never does less.
    fn search(&self, footage: &Footage, most: u8, outcome: &mut VideoOutcome) -> Result<()> {
        let mut high = outcome.flipped_at().unwrap_or(most.saturating_add(1));
        let tried = outcome.attempts.iter().map(|attempt| attempt.epsilon);
        let mut low = tried.filter(|epsilon| *epsilon < high).max().unwrap_or(0);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let attempt = self.attempt(footage, middle, &[], outcome.fake)?;
            match attempt.verdict == right(!outcome.fake) {
                true => high = middle,
                false => low = middle,
            }
            outcome.attempts.push(attempt);
        }
        Ok(())
    }

    fn attempt(
        &self,
        footage: &Footage,
        epsilon: u8,
        rate_factors: &[u8],
        fake: bool,
    ) -> Result<Attempt> {
        let frames = self.attacked(footage, epsilon, fake)?;
        let folder = tempfile::tempdir()?;
        let codings = rate_factors
            .iter()
            .map(|factor| Coding::RateFactor(*factor));
        let mut files = Vec::new();
        for (number, coding) in std::iter::once(Coding::Lossless).chain(codings).enumerate() {
            files.push(footage.write(&frames, folder.path(), &number.to_string(), coding)?);
        }
        let said = self.judge(&files)?;
        let first = said.first().context("nothing was judged")?;
        let coded = said.iter().skip(1).map(|analysis| analysis.verdict);
        Ok(Attempt {
            epsilon,
            verdict: first.verdict,
            decisions: decisions_until(right(!fake), first, &self.bundle.manifest)?,
            coded: rate_factors.iter().copied().zip(coded).collect(),
        })
    }

    fn attacked(&self, footage: &Footage, epsilon: u8, fake: bool) -> Result<Vec<Frame>> {
        let mut random = Random::seed_from_u64(self.seed);
        let bar = Bar::new(&format!("{epsilon}/255"), footage.frames.len(), "frames")?;
        let attack = self.attack(epsilon);
        let frames = self.with_case(footage, fake, |case| {
            attack.run(case, &mut random, &mut |count| bar.advance(count))
        })?;
        bar.finish();
        Ok(frames)
    }

    /// Calls `attack` with the network as it sees a crop as it is, and through JPEG.
    pub(super) fn with_case(
        &self,
        footage: &Footage,
        fake: bool,
        attack: impl FnOnce(&VideoCase<'_>) -> Result<Vec<Frame>>,
    ) -> Result<Vec<Frame>> {
        let jpeg = Jpeg {
            quality: JPEG_QUALITY,
            half_colour: true,
        };
        let transforms: [Box<dyn Transform>; 2] = [Box::new(Identity), Box::new(jpeg)];
        let draws = Random::seed_from_u64(self.seed + 1);
        attack(&VideoCase {
            net: &Eot::new(self.net, &transforms, 1, draws)?,
            footage,
            fake,
            device: &self.device,
        })
    }

    /// What the program says of files that were written here.
    pub(super) fn judge(&self, files: &[PathBuf]) -> Result<Vec<Analysis>> {
        let said = self.program.run(&files.iter().collect::<Vec<_>>())?;
        for analysis in &said {
            if let Some(error) = &analysis.error {
                anyhow::bail!("the program cannot read what was attacked: {error}");
            }
        }
        Ok(said)
    }
}

/// Decisions that the program's test took until it gave a verdict, of the face that needed most:
/// all must pass.
fn decisions_until(wanted: Verdict, said: &Analysis, manifest: &Manifest) -> Result<Option<u32>> {
    if said.verdict != wanted {
        return Ok(None);
    }
    let mut most = None;
    for track in &said.tracks {
        let mut test = SequentialTest::new(manifest.verdict, manifest.calibration)?;
        let mut verdicts = track.logits.iter().map(|logit| test.push(*logit, &GOOD));
        let at = verdicts.position(|verdict| verdict == wanted);
        most = most.max(at.map(|at| at as u32 + 1));
    }
    Ok(most)
}
