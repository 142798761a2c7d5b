//! Statistical-consistency attack after StatAttack (Hou et al., CVPR 2023): fakes are
//! relit, blurred and given noise until their features are distributed like those of the
//! reals in the batch. It looks at features alone, not at the logit.
//!
//! Unlike the source it does not warp the exposure field by a flow (so that nothing is
//! paid for its smoothness), blurs every pixel by blending it with one Gaussian of radius
//! 3 rather than by a kernel of its own, and divides the exposure's step by the root
//! of the number of its terms. Each frame has its own change unless told otherwise; framing reals is the
//! same the other way round.

use anyhow::{Result, ensure};
use burn::tensor::Tensor;
use rand::SeedableRng;

use super::clips::choose;
use super::degradation::Degradation;
use super::mmd::mmd;
use super::momentum::of_mean_one;
use super::transform::{Blur, Transform};
use super::{
    Attacked, Entry, Faces, Limit, Make, Named, Noise, Target, WhiteBox, non_zero_share, spread,
};
use crate::network::Differentiable;
use crate::random::Random;

/// The source's greatest change.
const EPSILON: f32 = 60.0 / 255.0;
const DEGREE_MAX: usize = 20;
/// Blur that pixels are blended with.
const BLUR: (usize, f32) = (7, 2.0);

/// The attack on statistics.
pub(super) const STATISTICAL: Entry = Entry {
    name: "statistical",
    source: "after StatAttack, Hou et al., CVPR 2023",
    parameters: "60/255 in all, noise 4/255, exposure of degree 11, 10 steps",
    purpose: "fakes with the features of reals",
    limit: Limit::Own(EPSILON),
    minimal: false,
    make: Make::Gradients(|limits| {
        let attack = Statistical::new(limits.target);
        (Box::new(attack), attack.steps)
    }),
};

/// Parameters of the attack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistical {
    /// Greatest change of a value by everything together, in [0, 1].
    pub epsilon: f32,
    /// Greatest noise, in [0, 1].
    pub noise_epsilon: f32,
    /// Its step, in pixel units.
    pub noise_step: f32,
    /// Step of the share of each pixel that is blurred.
    pub blur_step: f32,
    /// Step of the logarithm of the exposure.
    pub exposure_step: f32,
    /// Degree of the polynomial that the exposure's logarithm is, 0 to 20.
    pub degree: usize,
    /// Number of steps.
    pub steps: usize,
    /// Weight of the distance of distributions.
    pub likeness: f32,
    /// Weight of the mean square of the exposure's logarithm.
    pub evenness: f32,
    /// Who is attacked.
    pub target: Target,
    /// Whether frames share a change.
    pub noise: Noise,
}

impl Statistical {
    /// The source's parameters.
    pub fn new(target: Target) -> Self {
        Self {
            epsilon: EPSILON,
            noise_epsilon: 4.0 / 255.0,
            noise_step: 1.0 / 255.0,
            blur_step: 0.1,
            exposure_step: 0.1,
            degree: 11,
            steps: 10,
            likeness: 10.0,
            evenness: 10.0,
            target,
            noise: Noise::PerFrame,
        }
    }

    fn check(&self) -> Result<()> {
        let shares = [self.epsilon, self.noise_epsilon];
        let steps = [self.noise_step, self.blur_step, self.exposure_step];
        let weights = [self.likeness, self.evenness];
        ensure!(
            shares.iter().all(|e| (0.0..=1.0).contains(e))
                && self.epsilon > 0.0
                && steps
                    .iter()
                    .chain(&weights)
                    .all(|s| *s >= 0.0 && s.is_finite())
                && self.degree <= DEGREE_MAX
                && self.steps > 0,
            "statistical attack: limits must be in [0, 1], steps and weights not negative, the degree at most {DEGREE_MAX}"
        );
        Ok(())
    }

    /// What the camera seems to have done.
    fn degrade(&self, images: &Tensor<4>, change: &Degradation) -> Tensor<4> {
        let [.., h, w] = images.dims();
        let lit = images.clone() * change.exposure(h, w).exp();
        let blur = Blur::fixed(BLUR.0, BLUR.1);
        let soft = blur.apply(lit.clone(), &mut Random::seed_from_u64(0));
        let blurred = lit.clone() + (soft - lit) * change.blur.clone();
        let moved = blurred + change.noise.clone() - images.clone();
        (images.clone() + moved.clamp(-self.epsilon, self.epsilon)).clamp(0.0, 1.0)
    }

    /// Gradient of the loss for every part of the change.
    fn slope(
        &self,
        net: &dyn Differentiable,
        faces: &Faces,
        clean: &Tensor<2>,
        change: &Degradation,
    ) -> Degradation {
        let leaf = change.map(|part| part.autodiff().require_grad());
        let images = faces.images.clone().autodiff();
        let [.., h, w] = images.dims();
        let attacked = net
            .features(self.degrade(&images, &leaf), faces.frames)
            .embedding;
        let [n, _] = attacked.dims();
        let rows = Tensor::cat(vec![attacked, clean.clone().autodiff()], 0);
        let fake = spread(faces.label.clone(), n);
        let real = fake.clone() * -1.0 + 1.0;
        let apart = |some: &Tensor<1>, others: &Tensor<1>| {
            let some = some.clone() / some.clone().sum();
            let others = others.clone() / others.clone().sum();
            mmd(rows.clone(), Tensor::cat(vec![some, -others], 0).autodiff())
        };
        let apart = match self.target {
            Target::Fakes => apart(&fake, &real),
            Target::Reals => apart(&real, &fake),
            Target::Both => apart(&fake, &real) + apart(&real, &fake),
        };
        let uneven = leaf.exposure(h, w).square().mean();
        let loss = apart * self.likeness + uneven * self.evenness;
        let mut gradients = loss.backward();
        leaf.map(|part| {
            let none = part.clone().inner().zeros_like();
            part.grad_remove(&mut gradients).unwrap_or(none)
        })
    }

    /// One step of every part against the average of its gradients.
    fn step(&self, change: Degradation, average: &Degradation) -> Degradation {
        let terms = change.light.dims()[1] as f32;
        let down =
            |part: Tensor<4>, average: &Tensor<4>, step: f32| part - average.clone().sign() * step;
        Degradation {
            light: down(
                change.light,
                &average.light,
                self.exposure_step / terms.sqrt(),
            ),
            blur: down(change.blur, &average.blur, self.blur_step).clamp(0.0, 1.0),
            noise: down(change.noise, &average.noise, self.noise_step)
                .clamp(-self.noise_epsilon, self.noise_epsilon),
        }
    }
}

impl Named for Statistical {
    fn name(&self) -> String {
        "Statistical".into()
    }

    fn conditions(&self) -> String {
        format!(
            "l_inf {:.2}/255, noise {:.2}/255, exposure of degree {}, {} steps, {:?} noise",
            self.epsilon * 255.0,
            self.noise_epsilon * 255.0,
            self.degree,
            self.steps,
            self.noise,
        )
    }
}

impl WhiteBox for Statistical {
    fn attack(&self, net: &dyn Differentiable, faces: &Faces, _: &mut Random) -> Result<Attacked> {
        self.check()?;
        let fake = faces.attacked(Target::Fakes)?;
        ensure!(
            fake.contains(&true) && fake.contains(&false),
            "statistical attack: a batch needs fakes and reals, since one class is made to look like the other: mix them"
        );
        let images = faces.images.clone();
        let clean = net.features(images.clone().autodiff(), faces.frames);
        let clean = clean.embedding.inner();
        let mut change = Degradation::none(&images, self.degree);
        let mut average = change.clone();
        let mut gradient_share = 0.0;
        for step in 0..self.steps {
            let slope = self.slope(net, faces, &clean, &change);
            if step == 0 {
                gradient_share = non_zero_share(&slope.noise, &faces.mask(self.target));
            }
            let slope = slope.map(|part| {
                let part = self.noise.tie(part, faces.frames);
                of_mean_one(part, faces.clips())
            });
            average = average.plus(slope);
            change = self.step(change, &average);
        }
        let out = self.degrade(&images, &change);
        Ok(Attacked {
            images: choose(&faces.attacked(self.target)?, out, images),
            gradient_share,
            passes: (self.steps + 1) as f32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::toy::{Linear, grey_faces};
    use burn::tensor::Device;

    /// Fakes that are darker than the reals come to be distributed like them.
    #[test]
    fn fakes_come_to_look_like_reals() {
        let device = Device::flex();
        let net = Linear::random(9, &device);
        let mut faces = grey_faces(8, 2, 9, &device);
        let darker = faces.mask(Target::Fakes) * 0.05;
        faces.images = faces.images - darker;
        let attack = Statistical::new(Target::Fakes);
        let mut random = Random::seed_from_u64(0);
        let out = attack.attack(&net, &faces, &mut random).unwrap();
        assert!(out.gradient_share > 0.9, "{}", out.gradient_share);
        let apart = |images: &Tensor<4>| -> f32 {
            let rows = images.clone().reshape([16, -1]);
            let sign = spread(faces.sign(), 16) / 8.0;
            mmd(rows, sign).into_scalar()
        };
        let (before, after) = (apart(&faces.images), apart(&out.images));
        assert!(after < 0.9 * before, "{before} {after}");
        let moved = out.images.clone() - faces.images.clone();
        let greatest: f32 = moved.clone().abs().max().into_scalar();
        assert!(
            greatest > 0.01 && greatest <= attack.epsilon + 1e-6,
            "{greatest}"
        );
        let reals: f32 = moved.narrow(0, 0, 2).abs().max().into_scalar();
        assert_eq!(reals, 0.0);
    }

    #[test]
    fn one_class_alone_is_refused() {
        let device = Device::flex();
        let net = Linear::random(9, &device);
        let mut faces = grey_faces(2, 1, 9, &device);
        faces.label = faces.label.ones_like();
        let mut random = Random::seed_from_u64(0);
        let error = Statistical::new(Target::Both)
            .attack(&net, &faces, &mut random)
            .unwrap_err();
        assert!(error.to_string().contains("reals"), "{error}");
    }
}
