//! `unmask-trainer attack-video`

use std::path::PathBuf;

use anyhow::{bail, ensure};
use unmask_shared::bundle::{Bundle, sha256_hex};
use unmask_shared::face::FinderChoice;

use crate::attack::video::PatchShape;
use crate::attack::{Noise, Target};
use crate::cli::subject::Subject;
use crate::cli::unseen::program_beside;
use crate::config::Epsilon;
use crate::device::DeviceKind;
use crate::evaluation::{FileTruth, Program, read_videos};
use crate::export::rewrite;
use crate::files::write_atomic;
use crate::report::create_folder;
use crate::video_attack::{
    VideoAttackReport, VideoTarget, attack_videos, card_of_video_attack, table,
};

/// Name of what it writes.
const FILE: &str = "video-attack.json";
/// Seed of every random choice of the attack.
const SEED: u64 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum AttackName {
    /// Perturbations that gradients choose, within --epsilon
    Noise,
    /// Contrast, saturation, gamma, brightness, grey, unsharp, less light, hue, white balance of the
    /// whole picture, each at three strengths
    Filters,
    /// A patch over both eyes, one for all frames, that moves with the face
    Glasses,
    /// The same above the brows
    Forehead,
}

/// Attacks videos and pictures through the whole program. Frames are changed by somebody who knows
/// the network, but neither where nor when the program will cut faces; `unmask-edge analyze` then
/// judges the files, without loss and after H.264. Where it was wrong before, there is nothing to
/// attack. Every file is kept as soon as it is done: the same command goes on where it stopped.
/// Noise on three seconds of video takes some minutes for each radius.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Bundle
    bundle: PathBuf,
    /// Table with the columns path, label (real, fake), and optionally person, kind, part, as for
    /// `unseen`. May be repeated
    #[arg(long, required = true, value_name = "FILE")]
    videos: Vec<PathBuf>,
    /// Videos of these parts alone, separated by commas, such as test,unseen: attack nobody who
    /// was trained on
    #[arg(long, value_delimiter = ',')]
    part: Vec<String>,
    /// Folder for video-attack.json and what is done
    #[arg(long)]
    output: PathBuf,
    /// The program; by default the one beside this
    #[arg(long, value_name = "PROGRAM")]
    edge: Option<PathBuf>,
    /// What is done to them, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', default_value = "noise")]
    attack: Vec<AttackName>,
    /// Radii in l_inf, separated by commas; whole steps of 1/255, since files hold bytes
    #[arg(long, value_delimiter = ',', default_value = "1/255,2/255,4/255")]
    epsilon: Vec<Epsilon>,
    /// Look for the smallest radius that makes the verdict the opposite one, by halving, up to this
    /// one; 0/255 to leave it out
    #[arg(long, default_value = "8/255")]
    search_to: Epsilon,
    /// What frames have in common
    #[arg(long, value_enum, default_value = "per-frame")]
    noise: Noise,
    /// Who is attacked
    #[arg(long, value_enum, default_value = "fakes")]
    target: Target,
    /// Seconds of each video, from its beginning
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Write what was measured into the card of the bundle, which must be signed anew then
    #[arg(long)]
    write: bool,
    /// Compute device
    #[arg(long, value_enum, default_value = "flex")]
    device: DeviceKind,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        ensure!(
            self.seconds > 0.0 && self.seconds.is_finite(),
            "--seconds must be above 0"
        );
        let is_asked = |name| self.attack.contains(&name);
        let mut epsilons = self
            .epsilon
            .iter()
            .map(whole)
            .collect::<Result<Vec<u8>, _>>()?;
        if !is_asked(AttackName::Noise) {
            epsilons.clear();
        }
        epsilons.sort_unstable();
        epsilons.dedup();
        let search_to = match self.search_to.value() {
            _ if epsilons.is_empty() => None,
            0.0 => None,
            _ => Some(whole(&self.search_to)?),
        };
        let device = self.device.open()?;
        let subject = Subject::open(&self.bundle, None, false, &device)?;
        if let Some(frames) = subject.config.network.clip_frames() {
            bail!(
                "attack-video attacks networks that judge single frames; this one takes clips of {frames}"
            );
        }
        let mut listed = read_videos(&self.videos)?;
        listed.retain(|video| {
            let is_part = self.part.is_empty() || self.part.contains(&video.part);
            let is_target = match self.target {
                Target::Fakes => video.truth == FileTruth::Fake,
                Target::Reals => video.truth == FileTruth::Real,
                Target::Both => video.truth != FileTruth::NoFace,
            };
            is_part && is_target
        });
        ensure!(
            !listed.is_empty(),
            "no video of {} is to be attacked: see --part and --target",
            self.videos[0].display()
        );
        create_folder(&self.output)?;
        let bundle = Bundle::open(&self.bundle)?;
        let target = VideoTarget {
            net: &subject.net,
            bundle: &bundle,
            program: Program {
                path: match &self.edge {
                    Some(edge) => edge.clone(),
                    None => program_beside()?,
                },
                bundle: self.bundle.clone(),
                finder: None,
            },
            finder: FinderChoice::BuiltIn,
            epsilons,
            filters: is_asked(AttackName::Filters),
            patches: [
                (AttackName::Glasses, PatchShape::Glasses),
                (AttackName::Forehead, PatchShape::Forehead),
            ]
            .into_iter()
            .filter_map(|(name, shape)| is_asked(name).then_some(shape))
            .collect(),
            search_to,
            noise: self.noise,
            seconds: self.seconds,
            seed: SEED,
            device,
        };
        let conditions = target.conditions();
        let key = format!(
            "{} {:?} {} {:?} {search_to:?} {conditions}",
            sha256_hex(&[bundle.model.as_slice(), &bundle.manifest.to_json()?].concat()),
            target.epsilons,
            target.filters,
            target.patches
        );
        let memory = format!("attacked-{}.jsonl", &sha256_hex(key.as_bytes())[..12]);
        let outcomes = attack_videos(&target, &listed, &self.output.join(memory))?;
        let name = format!(
            "{} release {}",
            bundle.manifest.name, bundle.manifest.release
        );
        let report = VideoAttackReport::of(name, conditions, outcomes, &target.epsilons, search_to);
        print!("{}", table(&report));
        if self.write {
            let section = card_of_video_attack(&report);
            rewrite(&self.bundle, &bundle.manifest, Some(&section))?;
            println!(
                "wrote the figures into the card of {}",
                self.bundle.display()
            );
        }
        let path = self.output.join(FILE);
        write_atomic(&path, &serde_json::to_vec_pretty(&report)?)?;
        println!("written {}", path.display());
        Ok(())
    }
}

/// Of steps of 1/255 a whole number.
fn whole(epsilon: &Epsilon) -> anyhow::Result<u8> {
    let steps = (epsilon.value() * 255.0).round();
    ensure!(
        steps >= 1.0 && (steps - epsilon.value() * 255.0).abs() < 1e-3,
        "{epsilon} is no whole number of steps of 1/255, of at least one: files hold bytes"
    );
    Ok(steps as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn radii_are_whole_steps() {
        assert_eq!(whole(&Epsilon::of_255(4.0)).unwrap(), 4);
        for wrong in [0.0, 0.5, 2.25] {
            let error = whole(&Epsilon::of_255(wrong)).unwrap_err();
            assert!(error.to_string().contains("whole"), "{error}");
        }
    }
}
