//! Attacks on videos and pictures through the whole program: frames are changed, written, and judged
//! by `unmask-edge analyze` as any other file.

mod filters;
mod outcome;
mod text;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use burn::tensor::Device;
use rand::SeedableRng;
use unmask_shared::bundle::Bundle;
use unmask_shared::face::FinderChoice;
use unmask_shared::manifest::Manifest;
use unmask_shared::media::Frame;
use unmask_shared::quality::Quality;
use unmask_shared::verdict::{SequentialTest, Verdict};

use crate::attack::transform::{Identity, Jpeg, Transform};
use crate::attack::video::{Footage, PatchShape, PrintedPatch, VideoAttack, VideoCase};
use crate::attack::{Eot, Noise};
use crate::distortion::Coding;
use crate::evaluation::{Analysis, FileTruth, Listed, Program};
use crate::files::Memory;
use crate::network::Frozen;
use crate::progress::Bar;
use crate::random::Random;

use outcome::right;
pub use outcome::{Attempt, FilterRow, FilteredVerdict, NoiseRow, VideoAttackReport, VideoOutcome};
pub use text::{card_of_video_attack, table};

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
    /// How the attack is made, in one line.
    pub fn conditions(&self) -> String {
        let attack = self.attack(1);
        format!(
            "MI-FGSM, {} steps, {} crops a step jittered by {}, each as it is and through JPEG {} to {}; \
             {}; the first {} s of each video",
            attack.steps,
            attack.draws,
            attack.jitter,
            JPEG_QUALITY[0],
            JPEG_QUALITY[1],
            match self.noise {
                Noise::PerFrame => "a perturbation for each frame",
                Noise::Shared => "one perturbation for all frames",
            },
            self.seconds
        )
    }

    /// Attacks one video; what goes wrong with it stands in the outcome.
    pub fn attack_video(&self, listed: &Listed) -> VideoOutcome {
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
        if let Err(error) = self.fill(listed, &mut outcome) {
            outcome.error = Some(format!("{error:#}"));
        }
        outcome
    }

    fn attack(&self, epsilon: u8) -> VideoAttack {
        VideoAttack {
            noise: self.noise,
            ..VideoAttack::ten(epsilon, self.bundle.manifest.crop)
        }
    }

    fn fill(&self, listed: &Listed, outcome: &mut VideoOutcome) -> Result<()> {
        let footage = Footage::read(&listed.path, self.seconds, &self.finder)?;
        outcome.frames = footage.frames.len();
        let folder = tempfile::tempdir()?;
        let clean = footage.write(&footage.frames, folder.path(), "clean", Coding::Lossless)?;
        outcome.before = self.judge(&[clean])?.remove(0).verdict;
        if !outcome.is_right() {
            return Ok(());
        }
        if self.filters {
            outcome.filtered = self.filtered(&footage)?;
        }
        if !self.patches.is_empty() {
            outcome.printed = self.printed(&footage, outcome.fake)?;
        }
        let rate_factors: &[u8] = match footage.is_picture() {
            true => &[],
            false => &RATE_FACTORS,
        };
        for &epsilon in &self.epsilons {
            let attempt = self.attempt(&footage, epsilon, rate_factors, outcome.fake)?;
            outcome.attempts.push(attempt);
        }
        match self.search_to {
            Some(most) if !self.epsilons.is_empty() => self.search(&footage, most, outcome),
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
        let transforms = transforms();
        let net = self.through(&transforms)?;
        let case = VideoCase {
            net: &net,
            footage,
            fake,
            device: &self.device,
        };
        let bar = Bar::new(&format!("{epsilon}/255"), footage.frames.len(), "frames")?;
        let tell = &mut |count| bar.advance(count);
        let attack = self.attack(epsilon);
        let frames = attack.run(&case, &mut random, tell)?;
        bar.finish();
        Ok(frames)
    }

    /// The network as it sees a crop through each of the transforms.
    fn through<'a>(&'a self, transforms: &'a [Box<dyn Transform>]) -> Result<Eot<'a, Frozen>> {
        let draws = Random::seed_from_u64(self.seed + 1);
        Eot::new(self.net, transforms, 1, draws)
    }

    /// What the program says of a file with each of the patches printed on every face.
    fn printed(&self, footage: &Footage, fake: bool) -> Result<Vec<FilteredVerdict>> {
        let folder = tempfile::tempdir()?;
        let transforms = transforms();
        let net = self.through(&transforms)?;
        let case = VideoCase {
            net: &net,
            footage,
            fake,
            device: &self.device,
        };
        let mut files = Vec::new();
        for shape in &self.patches {
            let mut random = Random::seed_from_u64(self.seed);
            let patch = PrintedPatch::fit(*shape, &self.attack(1), &case, &mut random)?;
            let name = shape.name().replace(' ', "-");
            files.push(footage.write(
                &patch.print(footage)?,
                folder.path(),
                &name,
                Coding::Lossless,
            )?);
        }
        let said = self.patches.iter().zip(self.judge(&files)?);
        let verdicts = said.map(|(shape, said)| FilteredVerdict {
            name: shape.name().into(),
            strength: 1,
            verdict: said.verdict,
        });
        Ok(verdicts.collect())
    }

    fn judge(&self, files: &[PathBuf]) -> Result<Vec<Analysis>> {
        let said = self.program.run(&files.iter().collect::<Vec<_>>())?;
        for analysis in &said {
            if let Some(error) = &analysis.error {
                anyhow::bail!("the program cannot read what was attacked: {error}");
            }
        }
        Ok(said)
    }
}

/// As it is, and through JPEG.
fn transforms() -> Vec<Box<dyn Transform>> {
    let jpeg = Jpeg {
        quality: JPEG_QUALITY,
        half_colour: true,
    };
    vec![Box::new(Identity), Box::new(jpeg)]
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

/// Videos that `memory`, a file of JSON lines, does not know yet are attacked and added to it.
///
/// # Errors
/// When the disk refuses, or the memory is damaged.
pub fn attack_videos(
    target: &VideoTarget<'_>,
    listed: &[Listed],
    memory: &Path,
) -> Result<Vec<VideoOutcome>> {
    let (mut memory, known) = Memory::open::<VideoOutcome>(memory)?;
    let known = known
        .into_iter()
        .map(|outcome| (outcome.path.clone(), outcome));
    let mut known: HashMap<String, VideoOutcome> = known.collect();
    let bar = Bar::new("attacking", listed.len(), "videos")?;
    let mut outcomes = Vec::with_capacity(listed.len());
    for video in listed {
        let outcome = match known.remove(&video.path.display().to_string()) {
            Some(outcome) => outcome,
            None => {
                let outcome = target.attack_video(video);
                memory.add(std::slice::from_ref(&outcome))?;
                outcome
            }
        };
        bar.say(&text::line(&outcome));
        bar.advance(1);
        outcomes.push(outcome);
    }
    bar.finish();
    Ok(outcomes)
}
