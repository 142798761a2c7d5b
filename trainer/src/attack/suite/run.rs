//! Running a suite, batch by batch.

use std::time::Instant;

use anyhow::{Result, ensure};
use rand::SeedableRng;

use super::super::clips::host;
use super::super::queries::{distance, images};
use super::super::{Attacked, Faces, Target, Victim};
use super::{Cell, Member, SuiteIdentity, SuiteReport, SuiteState};
use crate::network::Differentiable;
use crate::random::Random;
use crate::random::mix;

/// Clips under attack, made a batch at a time. A batch is the same whenever it is made.
pub trait Batches {
    /// Number of batches.
    fn count(&self) -> usize;

    /// Makes a batch.
    ///
    /// # Errors
    /// When clips are damaged.
    fn batch(&self, index: usize) -> Result<Faces>;
}

impl Batches for [Faces] {
    fn count(&self) -> usize {
        self.len()
    }

    fn batch(&self, index: usize) -> Result<Faces> {
        let faces = self.get(index).cloned();
        faces.ok_or_else(|| anyhow::anyhow!("there are {} batches, not {index}", self.len()))
    }
}

/// A step of a suite that is done.
#[derive(Clone, Debug)]
pub struct Done<'a> {
    /// Number of the batch.
    pub batch: usize,
    /// Number of the member, and its name.
    pub member: (usize, &'a str),
    /// Clips in the batch.
    pub clips: usize,
    /// Whether the result was found on disk.
    pub resumed: bool,
}

/// Attacks on one detector.
pub struct Suite<'a> {
    /// Where gradients come from.
    pub net: &'a dyn Differentiable,
    /// What is scored, and what black-box attacks ask: the same network, or the bundle that was
    /// exported from it.
    pub victim: &'a dyn Victim,
    /// The attacks.
    pub members: Vec<Member<'a>>,
    /// Who is attacked; every member must have the same.
    pub target: Target,
    /// Radius in l_inf, [0, 1].
    pub epsilon: f32,
    /// Seed of every random choice.
    pub seed: u64,
    /// The detector and the clips, in words: a state of others is not gone on with.
    pub subject: String,
}

/// Results of all batches.
#[derive(Default)]
pub(super) struct Found {
    pub clean: Vec<f32>,
    pub labels: Vec<bool>,
    pub members: Vec<Vec<Cell>>,
}

impl Suite<'_> {
    /// What a saved state must agree with.
    pub fn identity(&self, batches: usize) -> SuiteIdentity {
        let attack = |member: &Member<'_>| {
            let attack = member.named_attack();
            (attack.name(), attack.conditions())
        };
        SuiteIdentity {
            subject: self.subject.clone(),
            epsilon: self.epsilon,
            target: self.target,
            seed: self.seed,
            members: self.members.iter().map(attack).collect(),
            batches,
        }
    }

    /// Runs what `state` does not hold yet, saving after every attack on a batch, and then the
    /// checks on the first batch. `watch` is told of every step.
    ///
    /// # Errors
    /// When clips are damaged, the detector fails or answers otherwise than it did when the
    /// state was saved, an attack's parameters are senseless, or the disk refuses.
    pub fn run(
        &self,
        batches: &(impl Batches + ?Sized),
        state: &SuiteState,
        watch: &mut dyn FnMut(&Done<'_>),
    ) -> Result<SuiteReport> {
        ensure!(
            batches.count() > 0 && !self.members.is_empty(),
            "a suite needs clips and attacks: give at least one of each"
        );
        let first = batches.batch(0)?;
        let mut found = Found {
            members: vec![Vec::new(); self.members.len()],
            ..Found::default()
        };
        for index in 0..batches.count() {
            let whole = self.saved(state, index)?;
            let faces = match (whole, index) {
                (_, 0) => Some(first.clone()),
                (false, _) => Some(batches.batch(index)?),
                (true, _) => None,
            };
            self.batch(index, faces.as_ref(), state, &mut found, watch)?;
        }
        self.report(found, &first)
    }

    /// Whether everything about a batch is saved.
    fn saved(&self, state: &SuiteState, index: usize) -> Result<bool> {
        let mut whole = state.clean(index)?.is_some();
        for member in 0..self.members.len() {
            whole &= state.attacked(index, member)?.is_some();
        }
        Ok(whole)
    }

    /// One batch; without `faces` all of it is saved.
    fn batch(
        &self,
        index: usize,
        faces: Option<&Faces>,
        state: &SuiteState,
        found: &mut Found,
        watch: &mut dyn FnMut(&Done<'_>),
    ) -> Result<()> {
        let saved = state.clean(index)?;
        let clean = match faces {
            None => saved.unwrap_or_else(|| unscored(0)),
            Some(faces) => {
                let now = self.clean(faces)?;
                if let Some(saved) = saved {
                    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-3 * a.abs().max(1.0);
                    ensure!(
                        saved.fake == now.fake && saved.logits.iter().zip(&now.logits).all(near),
                        "the detector scores the clips of batch {index} otherwise than when the state was saved: weights or data have changed, or it is not deterministic. Choose another --output, or delete the folder of the state"
                    );
                    saved
                } else {
                    state.save_clean(index, &now)?;
                    now
                }
            }
        };
        for (number, member) in self.members.iter().enumerate() {
            let saved = state.attacked(index, number)?;
            let resumed = saved.is_some();
            let cell = match (saved, faces) {
                (Some(cell), _) => cell,
                (None, Some(faces)) => {
                    let seed = mix(mix(self.seed, number as u64), index as u64);
                    let cell = self.attack(member, faces, &clean, seed)?;
                    state.save_attacked(index, number, &cell)?;
                    cell
                }
                (None, None) => unscored(0),
            };
            ensure!(
                cell.logits.len() == clean.logits.len(),
                "the state of batch {index} is inconsistent: delete its folder"
            );
            watch(&Done {
                batch: index,
                member: (number, &member.named_attack().name()),
                clips: clean.logits.len(),
                resumed,
            });
            found.members[number].push(cell);
        }
        found.clean.extend(&clean.logits);
        found.labels.extend(&clean.fake);
        Ok(())
    }

    /// Scores of a batch as it is.
    fn clean(&self, faces: &Faces) -> Result<Cell> {
        let logits = self.logits(faces, faces)?;
        let fake = host(faces.label.clone())?;
        Ok(Cell {
            fake: fake.iter().map(|label| *label > 0.5).collect(),
            logits,
            ..unscored(faces.clips())
        })
    }

    /// Finite logits of `images`, which belong to `faces`.
    fn logits(&self, images: &Faces, faces: &Faces) -> Result<Vec<f32>> {
        let logits = self.victim.logits(images.images.clone(), faces.frames)?;
        let logits = host(logits)?;
        ensure!(
            logits.len() == faces.clips(),
            "the detector must give one logit per clip, not {} for {} clips",
            logits.len(),
            faces.clips()
        );
        Ok(logits)
    }

    /// Attacks a batch and scores it. Where nothing changed, the logits are the clean ones.
    fn attack(&self, member: &Member<'_>, faces: &Faces, clean: &Cell, seed: u64) -> Result<Cell> {
        let start = Instant::now();
        let mut random = Random::seed_from_u64(seed);
        let attacked: Attacked = member.attack(self.net, self.victim, faces, &mut random)?;
        let (before, after) = (images(&faces.images)?, images(&attacked.images)?);
        let length = (before.len() / faces.clips().max(1)).max(1);
        let pairs = before.chunks(length).zip(after.chunks(length));
        let changes: Vec<f32> = pairs.map(|(a, b)| distance(member.norm, b, a)).collect();
        let scored = Faces {
            images: attacked.images,
            ..faces.clone()
        };
        let mut logits = self.logits(&scored, faces)?;
        for ((logit, clean), change) in logits.iter_mut().zip(&clean.logits).zip(&changes) {
            if *change == 0.0 {
                *logit = *clean;
            }
        }
        Ok(Cell {
            logits,
            fake: clean.fake.clone(),
            changes,
            gradient_share: attacked.gradient_share,
            passes: attacked.passes,
            seconds: start.elapsed().as_secs_f32(),
        })
    }
}

/// A cell of clips that nothing happened to.
fn unscored(clips: usize) -> Cell {
    Cell {
        logits: Vec::new(),
        fake: Vec::new(),
        changes: vec![0.0; clips],
        gradient_share: 1.0,
        passes: 0.0,
        seconds: 0.0,
    }
}
