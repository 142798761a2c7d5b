//! Expectation over transformation (Athalye et al., ICML 2018): a detector behind
//! pictures that change on their way to it, as a detector that every attack can climb.

use std::sync::{Mutex, PoisonError};

use anyhow::{Result, ensure};
use burn::tensor::Tensor;

use super::transform::Transform;
use crate::network::{Differentiable, Features};
use crate::random::Random;

const LOOKS_MAX: usize = 1_000;

/// A detector that looks at each clip through every one of some transforms, several times.
///
/// Objectives of clips become means over all looks. The looks share one backward pass:
/// memory grows with their number.
#[derive(Debug)]
pub struct Eot<'a, N: Differentiable + ?Sized> {
    net: &'a N,
    transforms: &'a [Box<dyn Transform>],
    draws: usize,
    random: Mutex<Random>,
}

impl<'a, N: Differentiable + ?Sized> Eot<'a, N> {
    /// Looks `draws` times through each of `transforms`; `random` draws their parameters,
    /// new ones for every call.
    ///
    /// # Errors
    /// When there is no transform, one has a parameter out of range, or there are no looks
    /// or more than 1,000.
    pub fn new(
        net: &'a N,
        transforms: &'a [Box<dyn Transform>],
        draws: usize,
        random: Random,
    ) -> Result<Self> {
        let looks = transforms.len() * draws;
        ensure!(
            (1..=LOOKS_MAX).contains(&looks),
            "EOT: {} transforms drawn {draws} times; their product must be 1 to {LOOKS_MAX}",
            transforms.len()
        );
        transforms
            .iter()
            .try_for_each(|transform| transform.check())?;
        Ok(Self {
            net,
            transforms,
            draws,
            random: Mutex::new(random),
        })
    }

    /// How often it looks at each clip.
    pub fn looks(&self) -> usize {
        self.transforms.len() * self.draws
    }
}

impl<N: Differentiable + ?Sized> Differentiable for Eot<'_, N> {
    /// As of the detector, with all looks at a clip one after another.
    fn features(&self, images: Tensor<4>, frames: usize) -> Features {
        let clips = images.dims()[0] / frames.max(1);
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut embeddings, mut logits) = (Vec::new(), Vec::new());
        for transform in self.transforms {
            for _ in 0..self.draws {
                let seen = transform.apply(images.clone(), &mut random);
                let features = self.net.features(seen, frames);
                let [n, wide] = features.embedding.dims();
                embeddings.push(features.embedding.reshape([clips, n / clips, wide]));
                logits.push(features.logit.reshape([clips, n / clips]));
            }
        }
        let embedding = Tensor::cat(embeddings, 1);
        let [_, each, wide] = embedding.dims();
        Features {
            embedding: embedding.reshape([clips * each, wide]),
            logit: Tensor::cat(logits, 1).reshape([clips * each]),
        }
    }

    fn scale(&self) -> f32 {
        self.net.scale()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::clips::host;
    use crate::attack::toy::{Linear, grey_faces};
    use crate::attack::transform::{Blur, GaussianNoise, Identity, Resize};
    use crate::attack::{
        Goal, Objective, ObjectiveGradient, Pgd, Target, Victim, WhiteBox, per_clip,
    };
    use burn::tensor::Device;
    use rand::SeedableRng;

    fn random() -> Random {
        Random::seed_from_u64(2)
    }

    fn some() -> Vec<Box<dyn Transform>> {
        vec![
            Box::new(Identity),
            Box::new(Blur::fixed(3, 1.0)),
            Box::new(Resize::fixed(0.5)),
        ]
    }

    /// The slope through several transforms is the mean of the slopes through each.
    #[test]
    fn slopes_are_means_over_the_looks() {
        let device = Device::flex();
        let net = Linear::random(8, &device);
        let faces = grey_faces(3, 2, 8, &device);
        let slope = |transforms: &[Box<dyn Transform>]| {
            let eot = Eot::new(&net, transforms, 2, random()).unwrap();
            let goal = Goal::new(
                Objective::Margin,
                &eot,
                &faces.images,
                faces.label.clone(),
                2,
            );
            ObjectiveGradient::of(&eot, &goal, &faces.images, &faces)
        };
        let all = slope(&some());
        let each: Vec<ObjectiveGradient> = some().into_iter().map(|one| slope(&[one])).collect();
        let gradient = each.iter().map(|one| one.gradient.clone());
        let gradient = gradient.reduce(|a, b| a + b).unwrap() / 3.0;
        let apart: f32 = (all.gradient - gradient).abs().max().into_scalar();
        assert!(apart < 1e-5, "{apart}");
        for i in 0..3 {
            let mean: f32 = each
                .iter()
                .map(|one| host(one.value.clone()).unwrap()[i])
                .sum::<f32>()
                / 3.0;
            let value = host(all.value.clone()).unwrap()[i];
            assert!((value - mean).abs() < 1e-4, "{value} {mean}");
        }
    }

    /// An attack on one picture through a blur lowers the score of the blurred picture
    /// further than an attack that does not know of the blur.
    #[test]
    fn an_attack_that_knows_the_transform_is_stronger() {
        let device = Device::flex();
        let net = Linear::random(12, &device);
        let faces = grey_faces(4, 1, 12, &device);
        let transforms: Vec<Box<dyn Transform>> = vec![Box::new(Blur::fixed(5, 1.5))];
        let eot = Eot::new(&net, &transforms, 1, random()).unwrap();
        let pgd = Pgd::ten(0.03, Target::Both);
        let blurred = |images: Tensor<4>| {
            let images = transforms[0].apply(images, &mut random());
            per_clip(net.logits(images, 1).unwrap(), 4) * faces.sign()
        };
        let knows = pgd.attack(&eot, &faces, &mut random()).unwrap();
        let guesses = pgd.attack(&net, &faces, &mut random()).unwrap();
        let gain: f32 = (blurred(guesses.images) - blurred(knows.images))
            .min()
            .into_scalar();
        assert!(gain > 0.0, "{gain}");
    }

    #[test]
    fn one_seed_gives_one_slope_and_bad_transforms_are_refused() {
        let device = Device::flex();
        let net = Linear::random(6, &device);
        let images = grey_faces(2, 1, 6, &device).images;
        let noise: Vec<Box<dyn Transform>> = vec![Box::new(GaussianNoise { deviation: 0.1 })];
        let logits = || {
            let eot = Eot::new(&net, &noise, 3, random()).unwrap();
            assert_eq!(eot.looks(), 3);
            let seen = eot.features(images.clone().autodiff(), 1).logit.inner();
            host(seen).unwrap()
        };
        assert_eq!(logits(), logits());
        assert!(logits()[0] != logits()[1]);
        let bad: Vec<Box<dyn Transform>> = vec![Box::new(Blur::fixed(2, 1.0))];
        assert!(Eot::new(&net, &bad, 1, random()).is_err());
        assert!(Eot::new(&net, &[], 1, random()).is_err());
    }
}
