//! Universal perturbation (Moosavi-Dezfooli et al., CVPR 2017): one change for all clips,
//! by stochastic gradient steps on the sum of their margins (Shafahi et al., AAAI 2020).

use anyhow::{Result, ensure};

use super::overlay::{Overlay, Search};
use super::{Attacked, Entry, Faces, Limit, Make, Named, Noise, Target, WhiteBox};
use crate::network::Differentiable;
use crate::random::Random;

/// The universal perturbation.
pub(super) const UNIVERSAL: Entry = Entry {
    name: "universal",
    source: "Moosavi-Dezfooli et al., CVPR 2017; Shafahi et al., AAAI 2020",
    parameters: "20 passes, steps of epsilon / 10",
    purpose: "one perturbation for all clips",
    limit: Limit::Linf,
    minimal: false,
    make: Make::Gradients(|limits| {
        let attack = Universal::new(limits.epsilon, limits.target);
        (Box::new(attack), attack.epochs)
    }),
};

/// Parameters of the attack, in the l_inf ball. All fakes get one perturbation, all reals
/// another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Universal {
    /// Radius of the ball in pixel units, [0, 1].
    pub epsilon: f32,
    /// Length of one step, likewise.
    pub step: f32,
    /// Passes over all clips, 1 to 100,000.
    pub epochs: usize,
    /// Who is attacked.
    pub target: Target,
    /// Whether frames share the perturbation; else each place in a clip has its own.
    pub noise: Noise,
}

impl Universal {
    /// Twenty passes with steps of a tenth of epsilon; one picture for all frames.
    pub fn new(epsilon: f32, target: Target) -> Self {
        Self {
            epsilon,
            step: epsilon / 10.0,
            epochs: 20,
            target,
            noise: Noise::Shared,
        }
    }

    /// Finds the perturbation on some clips; it may then be laid over others.
    ///
    /// # Errors
    /// When a parameter is out of range, there are no clips, or they differ in size.
    pub fn fit(&self, net: &dyn Differentiable, batches: &[Faces]) -> Result<Overlay> {
        ensure!(
            self.epsilon > 0.0 && self.epsilon <= 1.0,
            "universal perturbation: epsilon is {}, it must be in (0, 1]",
            self.epsilon
        );
        Search {
            bounds: [-self.epsilon, self.epsilon],
            begin: 0.0,
            step: self.step,
            epochs: self.epochs,
            target: self.target,
            noise: self.noise,
            region: None,
        }
        .run(net, batches)
    }
}

impl Named for Universal {
    fn name(&self) -> String {
        "Universal".into()
    }

    fn conditions(&self) -> String {
        format!(
            "l_inf {:.2}/255, step {:.2}/255, {} passes, {:?} noise",
            self.epsilon * 255.0,
            self.step * 255.0,
            self.epochs,
            self.noise,
        )
    }
}

impl WhiteBox for Universal {
    /// Universal over this batch; [`Universal::fit`] takes more.
    fn attack(&self, net: &dyn Differentiable, faces: &Faces, _: &mut Random) -> Result<Attacked> {
        let found = self.fit(net, std::slice::from_ref(faces))?;
        Ok(Attacked {
            images: found.apply(faces)?,
            gradient_share: found.gradient_share,
            passes: self.epochs as f32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::Victim;
    use crate::attack::toy::{Linear, grey_faces};
    use burn::tensor::Device;

    /// A linear detector has the same best attack everywhere, so that what was found on
    /// some clips reaches the closed form on others.
    #[test]
    fn carries_over_to_other_clips() {
        let device = Device::flex();
        let net = Linear::random(8, &device);
        let epsilon = 8.0 / 255.0;
        let known = [grey_faces(4, 3, 8, &device), grey_faces(4, 3, 8, &device)];
        let other = grey_faces(6, 3, 8, &device);
        for noise in [Noise::Shared, Noise::PerFrame] {
            let attack = Universal {
                noise,
                ..Universal::new(epsilon, Target::Both)
            };
            let images = attack.fit(&net, &known).unwrap().apply(&other).unwrap();
            let before = net.logits(other.images.clone(), 3).unwrap();
            let after = net.logits(images, 3).unwrap();
            let best = net.weight.clone().abs().sum() * epsilon;
            let share: f32 = (((before - after) * other.sign()).min() / best).into_scalar();
            assert!(share > 0.999 && share < 1.0005, "{share}");
        }
    }

    #[test]
    fn other_sizes_and_bad_parameters_are_refused() {
        let device = Device::flex();
        let net = Linear::random(8, &device);
        let known = [grey_faces(2, 3, 8, &device)];
        let attack = Universal::new(0.03, Target::Both);
        let found = attack.fit(&net, &known).unwrap();
        assert!(found.apply(&grey_faces(2, 3, 6, &device)).is_err());
        assert!(attack.fit(&net, &[]).is_err());
        let bad = Universal::new(-0.03, Target::Both);
        assert!(bad.fit(&net, &known).is_err());
    }
}
