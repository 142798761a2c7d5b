//! HopSkipJump (Chen et al., IEEE S&P 2020): smallest changes from decisions alone.

mod walk;

use anyhow::{Result, ensure};

use super::queries::{Queries, project};
use super::{
    Attacked, Ball, BlackBox, Entry, Faces, Limit, Make, Named, Noise, Norm, Target, Victim,
};
use crate::random::Random;
use walk::Walk;

/// HopSkipJump, cut to epsilon.
pub(super) const HOP_SKIP_JUMP: Entry = Entry {
    name: "hop-skip-jump",
    source: "Chen et al., S&P 2020",
    parameters: "50 steps, about 24,000 decisions a clip",
    purpose: "distance of the decision, without scores",
    limit: Limit::Linf,
    minimal: true,
    make: Make::Decisions(|limits| {
        let attack = HopSkipJump {
            radius: Some(limits.epsilon),
            ..HopSkipJump::new(Norm::Linf, limits.target)
        };
        (Box::new(attack), attack.decisions_expected())
    }),
};

/// Begins at an image that is decided the other way, walks along the line to the clean one
/// until the decision turns, estimates the normal of the boundary there from decisions on
/// random neighbours, and steps along it.
///
/// Finds the smallest change rather than the worst one within a radius. With a radius the
/// result is cut to it, so that it can stand beside other attacks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HopSkipJump {
    /// How changes are measured.
    pub norm: Norm,
    /// Changes are cut to this size in the end; `None` = as small as they were found.
    pub radius: Option<f32>,
    /// Logit above which the victim says fake.
    pub threshold: f32,
    /// Steps along the boundary.
    pub steps: usize,
    /// Decisions for the first estimate; later ones take `sqrt(step)` times as many.
    pub decisions: usize,
    /// Decisions for one estimate at most.
    pub decisions_max: usize,
    /// Random images tried as a beginning, before other clips of the batch.
    pub beginnings: usize,
    /// Whether frames share the change.
    pub noise: Noise,
    /// Who is attacked.
    pub target: Target,
}

impl HopSkipJump {
    /// The authors' parameters: 50 steps, 100 first decisions and 10,000 at most.
    pub fn new(norm: Norm, target: Target) -> Self {
        Self {
            norm,
            radius: None,
            threshold: 0.0,
            steps: 50,
            decisions: 100,
            decisions_max: 10_000,
            beginnings: 100,
            noise: Noise::PerFrame,
            target,
        }
    }

    /// Decisions that the estimates of one clip take; lines and steps take a few more.
    pub fn decisions_expected(&self) -> usize {
        (0..self.steps).map(|step| self.count(step)).sum()
    }

    /// Decisions for the estimate of a step, from 0.
    fn count(&self, step: usize) -> usize {
        let count = self.decisions as f32 * ((step + 1) as f32).sqrt();
        (count as usize).clamp(1, self.decisions_max.max(1))
    }
}

impl Named for HopSkipJump {
    fn name(&self) -> String {
        format!("HopSkipJump {}", self.norm)
    }

    fn conditions(&self) -> String {
        let radius = match (self.radius, self.norm) {
            (None, _) => "smallest change".to_string(),
            (Some(radius), Norm::Linf) => format!("cut to {:.2}/255", radius * 255.0),
            (Some(radius), Norm::L2) => format!("cut to {radius:.3}"),
        };
        format!(
            "{}, {radius}, {} steps, {} to {} decisions each, threshold {}",
            self.norm, self.steps, self.decisions, self.decisions_max, self.threshold
        )
    }
}

impl BlackBox for HopSkipJump {
    fn attack(&self, victim: &dyn Victim, faces: &Faces, random: &mut Random) -> Result<Attacked> {
        ensure!(
            self.steps > 0 && self.decisions > 0 && self.radius.is_none_or(|radius| radius > 0.0),
            "HopSkipJump: radius and the numbers of steps and decisions must be positive"
        );
        let mut queries = Queries::new(victim, faces, self.target)?;
        let mut found = Vec::new();
        for clip in queries.chosen.clone() {
            let clean = queries.clean(clip).to_vec();
            let mut walk = Walk {
                attack: self,
                queries: &mut queries,
                random,
                clip,
                clean: clean.clone(),
            };
            let mut images = walk.run()?;
            if let Some(radius) = self.radius {
                let norm = self.norm;
                project(Ball { norm, radius }, &mut images, &clean);
            }
            found.extend(images);
        }
        Ok(queries.finish(&found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::queries::fixture::{linear, moved};
    use crate::attack::toy::Linear;
    use crate::attack::{host, lengths};
    use burn::tensor::{Device, Tensor};
    use rand::SeedableRng;

    /// A detector that is right about all clips, half of which it calls fake.
    fn setup(frames: usize) -> (Linear, Faces) {
        let (mut net, mut faces) = linear(4, frames, 4);
        let logits = |net: &Linear| {
            let logit = net.logits(faces.images.clone(), frames).unwrap();
            host(logit).unwrap()
        };
        let mut sorted = logits(&net);
        sorted.sort_by(f32::total_cmp);
        net.bias -= (sorted[1] + sorted[2]) / 2.0;
        let logit = logits(&net);
        let label: Vec<f32> = logit.iter().map(|z| f32::from(*z > 0.0)).collect();
        faces.label = Tensor::from_floats(label.as_slice(), &Device::flex());
        (net, faces)
    }

    /// The boundary is |z| / |w|_2 away in l_2 and |z| / |w|_1 in l_inf; a clip of two frames,
    /// whose logits are averaged, has weights of w/2 in each.
    #[test]
    fn finds_the_distance_of_the_boundary() {
        for (norm, frames, slack) in [
            (Norm::L2, 1, 1.05),
            (Norm::Linf, 1, 1.1),
            (Norm::L2, 2, 1.08),
        ] {
            let (net, faces) = setup(frames);
            let attack = HopSkipJump {
                steps: 25,
                ..HopSkipJump::new(norm, Target::Both)
            };
            let mut random = Random::seed_from_u64(1);
            let found = attack.attack(&net, &faces, &mut random).unwrap();
            let w = net.weight.clone();
            let (size, sizes): (f32, Vec<f32>) = match norm {
                Norm::Linf => (w.abs().sum().into_scalar(), moved(&faces, &found.images)),
                Norm::L2 => {
                    let change = found.images.clone() - faces.images.clone();
                    let all: Vec<f32> = lengths(&change, frames).into_data().try_to_vec().unwrap();
                    let each = all.iter().step_by(frames).copied().collect();
                    let size: f32 = w.square().sum().into_scalar();
                    ((size / frames as f32).sqrt(), each)
                }
            };
            let before = net.logits(faces.images.clone(), frames).unwrap();
            let after = net.logits(found.images, frames).unwrap();
            let worst: f32 = (after * faces.sign()).max().into_scalar();
            assert!(worst < 0.0, "{worst}");
            for (z, got) in host(before).unwrap().iter().zip(sizes) {
                let share = got / (z.abs() / size);
                assert!(share > 0.999 && share < slack, "{norm} {frames}: {share}");
            }
        }
    }

    #[test]
    fn a_radius_cuts_the_change_and_clips_in_error_stay() {
        let (net, mut faces) = setup(1);
        let wrong = faces.label.clone() * -1.0 + 1.0;
        let attack = HopSkipJump {
            steps: 2,
            radius: Some(0.002),
            ..HopSkipJump::new(Norm::Linf, Target::Both)
        };
        let mut random = Random::seed_from_u64(1);
        let found = attack.attack(&net, &faces, &mut random).unwrap();
        for moved in moved(&faces, &found.images) {
            assert!(moved > 0.0 && moved < 0.002 + 1e-6, "{moved}");
        }
        faces.label = wrong;
        let found = attack.attack(&net, &faces, &mut random).unwrap();
        assert_eq!(moved(&faces, &found.images), [0.0; 4]);
        assert_eq!(found.passes, 1.0);
    }
}
