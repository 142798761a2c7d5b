//! The robust attack of Hussain et al. (Adversarial Deepfakes, WACV 2021): iterated signs
//! of the gradient of a hinge, averaged over what happens to a picture on its way.

use anyhow::{Result, ensure};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use rand::{RngExt, SeedableRng};

use super::clips::{choose, host};
use super::eot::Eot;
use super::transform::{Blur, GaussianNoise, Identity, Resize, Transform, Translate};
use super::{
    Attacked, Ball, Entry, Faces, Limit, Make, Named, Noise, Target, WhiteBox, non_zero_share,
    per_clip, spread,
};
use crate::network::Differentiable;
use crate::random::Random;

/// Side of the pictures for which the source gives translations in pixels.
const SOURCE_SIDE: f32 = 299.0;

/// The robust attack. To lower margins as far as others do, it does not stop at a confidence.
pub(super) const HUSSAIN: Entry = Entry {
    name: "hussain",
    source: "Hussain et al., WACV 2021",
    parameters: "100 steps of epsilon / 10 through 13 transforms",
    purpose: "deepfakes that survive compression and scaling",
    limit: Limit::Linf,
    minimal: false,
    make: Make::Gradients(|limits| {
        let attack = Hussain {
            epsilon: limits.epsilon,
            step: limits.epsilon / 10.0,
            stop: None,
            ..Hussain::robust(limits.target)
        };
        let passes = attack.steps * attack.transforms.len();
        (Box::new(attack), passes)
    }),
};

/// Parameters of the attack, in the l_inf ball.
#[derive(Debug)]
pub struct Hussain {
    /// Radius of the ball in pixel units, [0, 1].
    pub epsilon: f32,
    /// Length of one step, likewise.
    pub step: f32,
    /// Greatest number of steps.
    pub steps: usize,
    /// The hinge pushes until logits are this far on the wrong side, at least 0.
    pub kappa: f32,
    /// A clip is left alone as soon as the detector takes it for the other class with this
    /// probability through every transform, in (0.5, 1); `None` runs all steps, as the AUC
    /// under attack wants it.
    pub stop: Option<f32>,
    /// What happens to pictures; the gradient is the mean over all of them.
    pub transforms: Vec<Box<dyn Transform>>,
    /// Who is attacked.
    pub target: Target,
    /// Whether frames share a perturbation; the source has one per frame.
    pub noise: Noise,
}

impl Hussain {
    /// The source's white-box attack without transforms.
    pub fn plain(target: Target) -> Self {
        Self {
            epsilon: 16.0 / 255.0,
            step: 1.0 / 255.0,
            steps: 100,
            kappa: 10.0,
            stop: Some(0.95),
            transforms: vec![Box::new(Identity)],
            target,
            noise: Noise::PerFrame,
        }
    }

    /// The source's robust attack: the picture itself, noise, two blurs, six translations
    /// and three scalings.
    pub fn robust(target: Target) -> Self {
        let mut transforms: Vec<Box<dyn Transform>> = vec![
            Box::new(Identity),
            Box::new(GaussianNoise { deviation: 0.01 }),
            Box::new(Blur::fixed(5, 5.0)),
            Box::new(Blur::fixed(7, 10.0)),
        ];
        let shifts = [
            (10, 10),
            (-10, -10),
            (20, 20),
            (20, -20),
            (-20, 10),
            (-20, -20),
        ];
        for (right, down) in shifts {
            let [right, down] = [right, down].map(|by| by as f32 / SOURCE_SIDE);
            transforms.push(Box::new(Translate::fixed(right, down)));
        }
        for scale in [0.1, 0.2, 0.3] {
            transforms.push(Box::new(Resize::fixed(scale)));
        }
        Self {
            transforms,
            ..Self::plain(target)
        }
    }

    fn check(&self) -> Result<()> {
        ensure!(
            self.epsilon > 0.0
                && self.epsilon <= 1.0
                && self.step > 0.0
                && self.step.is_finite()
                && self.steps > 0
                && self.kappa >= 0.0
                && self.kappa.is_finite()
                && self.stop.is_none_or(|p| p > 0.5 && p < 1.0),
            "Hussain: epsilon, step and steps must be positive, kappa not negative, stop in (0.5, 1)"
        );
        Ok(())
    }

    /// Gradient of the mean hinge, and the worst margin of each clip over all looks.
    fn look(
        &self,
        net: &dyn Differentiable,
        faces: &Faces,
        x: &Tensor<4>,
    ) -> Result<(Tensor<4>, Vec<f32>)> {
        let leaf = x.clone().autodiff().require_grad();
        let logit = net.features(leaf.clone(), faces.frames).logit;
        let [n] = logit.dims();
        let margin = logit * spread(faces.sign(), n).autodiff();
        let hinge = per_clip(relu(margin.clone() + self.kappa), faces.clips());
        let gradient = leaf
            .grad_remove(&mut hinge.sum().backward())
            .unwrap_or_else(|| x.zeros_like());
        let clips = faces.clips();
        let worst = margin
            .inner()
            .reshape([clips, n / clips.max(1)])
            .max_dim(1)
            .reshape([clips]);
        Ok((gradient, host(worst)?))
    }
}

impl Named for Hussain {
    fn name(&self) -> String {
        match self.transforms.len() {
            1 => "Hussain".into(),
            _ => "Hussain robust".into(),
        }
    }

    fn conditions(&self) -> String {
        let names: Vec<String> = self.transforms.iter().map(|t| t.name()).collect();
        let stop = self
            .stop
            .map_or("no stop".into(), |p| format!("stop at {p}"));
        format!(
            "l_inf {:.2}/255, step {:.2}/255, up to {} steps, {stop}, over: {}",
            self.epsilon * 255.0,
            self.step * 255.0,
            self.steps,
            names.join("; "),
        )
    }
}

impl WhiteBox for Hussain {
    fn attack(
        &self,
        net: &dyn Differentiable,
        faces: &Faces,
        random: &mut Random,
    ) -> Result<Attacked> {
        self.check()?;
        let random = Random::seed_from_u64(random.random());
        let eot = Eot::new(net, &self.transforms, 1, random)?;
        // ln(p / (1 - p)), the margin at which a clip is left alone.
        let enough = self.stop.map_or(f32::INFINITY, |p| (p / (1.0 - p)).ln());
        let clean = &faces.images;
        let ball = Ball::linf(self.epsilon);
        let attacked = faces.attacked(self.target)?;
        let mut x = clean.clone();
        let (mut gradient_share, mut looks) = (0.0, 0);
        for step in 0..self.steps {
            let (gradient, worst) = self.look(&eot, faces, &x)?;
            looks += eot.looks();
            if step == 0 {
                gradient_share = non_zero_share(&gradient, &faces.mask(self.target));
            }
            let going: Vec<bool> = attacked
                .iter()
                .zip(&worst)
                .map(|(attacked, worst)| *attacked && -worst < enough)
                .collect();
            if !going.contains(&true) {
                break;
            }
            let along = self.noise.tie(gradient, faces.frames).sign();
            let next = ball.project(x.clone() - along * self.step, clean, faces.frames);
            x = choose(&going, next, x);
        }
        Ok(Attacked {
            images: x,
            gradient_share,
            passes: looks as f32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::Victim;
    use crate::attack::toy::{Linear, grey_faces};
    use burn::tensor::Device;

    fn random() -> Random {
        Random::seed_from_u64(6)
    }

    #[test]
    fn reaches_the_closed_form_on_a_linear_detector() {
        let device = Device::flex();
        let net = Linear::random(8, &device);
        let faces = grey_faces(4, 2, 8, &device);
        let attack = Hussain {
            epsilon: 8.0 / 255.0,
            kappa: 100.0,
            stop: None,
            steps: 10,
            ..Hussain::plain(Target::Both)
        };
        let out = attack.attack(&net, &faces, &mut random()).unwrap();
        let before = net.logits(faces.images.clone(), 2).unwrap();
        let after = net.logits(out.images, 2).unwrap();
        let best = net.weight.clone().abs().sum() * attack.epsilon;
        let share: f32 = (((before - after) * faces.sign()).min() / best).into_scalar();
        assert!(share > 0.999 && share < 1.0005, "{share}");
    }

    /// Clips stop just beyond the confidence that is asked for, and go on after it where
    /// only one of the transforms still sees through.
    #[test]
    fn stops_at_its_confidence_through_every_transform() {
        let device = Device::flex();
        let mut net = Linear::random(16, &device);
        // Weights without fine structure survive blur and scaling.
        net.weight = net.weight.ones_like() * 0.2;
        net.bias = -0.2 * 0.5 * 768.0;
        let mut faces = grey_faces(4, 1, 16, &device);
        let logit = net.logits(faces.images.clone(), 1).unwrap();
        faces.label = logit.greater_elem(0.0).float();
        let attack = Hussain::robust(Target::Both);
        assert_eq!(attack.transforms.len(), 13);
        let out = attack.attack(&net, &faces, &mut random()).unwrap();
        let eot = Eot::new(&net, &attack.transforms, 1, random()).unwrap();
        let (_, worst) = attack.look(&eot, &faces, &out.images).unwrap();
        let enough = 19f32.ln();
        for margin in worst {
            // One step changes the logit by 768 * 0.2 / 255 = 0.6; noise is drawn anew.
            assert!(-margin > enough - 0.3 && -margin < enough + 1.0, "{margin}");
        }
    }
}
