//! Universal patch (Carlini & Farid, CVPR Workshops 2020): a small square of free pixels
//! at a fixed place, the same for all clips and frames.

use anyhow::{Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};

use super::overlay::{Overlay, Search};
use super::{Attacked, Entry, Faces, Limit, Make, Named, Noise, Target, WhiteBox};
use crate::network::Differentiable;
use crate::random::Random;

/// The universal patch, within which a pixel may change wholly.
pub(super) const PATCH: Entry = Entry {
    name: "patch",
    source: "Carlini & Farid, CVPR Workshops 2020",
    parameters: "1 % of the picture, 40 passes, steps of 8/255",
    purpose: "one sticker for all clips",
    limit: Limit::Own(1.0),
    minimal: false,
    make: Make::Gradients(|limits| {
        let attack = Patch::new(limits.target);
        (Box::new(attack), attack.epochs)
    }),
};

/// Parameters of the attack. All fakes get one patch, all reals another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patch {
    /// Area as a share of the picture, in (0, 0.25]; 0.01 to 0.04 is usual.
    pub share: f32,
    /// Its centre, as shares of width and height in [0, 1]; moved inwards until it fits.
    pub centre: [f32; 2],
    /// Length of one step in pixel units, [0, 1].
    pub step: f32,
    /// Passes over all clips, 1 to 100,000.
    pub epochs: usize,
    /// Who is attacked.
    pub target: Target,
}

impl Patch {
    /// 1 % of the picture on the forehead, 40 passes with steps of 8/255.
    pub fn new(target: Target) -> Self {
        Self {
            share: 0.01,
            centre: [0.5, 0.15],
            step: 8.0 / 255.0,
            epochs: 40,
            target,
        }
    }

    /// Finds the patch on some clips; it may then be laid over others.
    ///
    /// # Errors
    /// When a parameter is out of range, there are no clips, or they differ in size.
    pub fn fit(&self, net: &dyn Differentiable, batches: &[Faces]) -> Result<Overlay> {
        let [x, y] = self.centre;
        ensure!(
            self.share > 0.0
                && self.share <= 0.25
                && (0.0..=1.0).contains(&x)
                && (0.0..=1.0).contains(&y),
            "patch: its share must be in (0, 0.25], its centre in [0, 1]"
        );
        let region = batches.first().map(|faces| {
            let [.., h, w] = faces.images.dims();
            self.region(h, w, &faces.images.device())
        });
        Search {
            bounds: [0.0, 1.0],
            begin: 0.5,
            step: self.step,
            epochs: self.epochs,
            target: self.target,
            noise: Noise::Shared,
            region,
        }
        .run(net, batches)
    }

    /// 1 within the square, else 0: `[1, 1, h, w]`.
    fn region(&self, h: usize, w: usize, device: &Device) -> Tensor<4> {
        let area = self.share * (h * w) as f32;
        let side = (area.sqrt().round() as usize).clamp(1, h.min(w));
        let first = |share: f32, length: usize| {
            let start = (share * length as f32 - side as f32 / 2.0).round().max(0.0);
            (start as usize).min(length - side)
        };
        let (left, top) = (first(self.centre[0], w), first(self.centre[1], h));
        let inside = |i: usize| {
            let (y, x) = (i / w, i % w);
            (top..top + side).contains(&y) && (left..left + side).contains(&x)
        };
        let values: Vec<f32> = (0..h * w).map(|i| f32::from(inside(i))).collect();
        Tensor::from_data(TensorData::new(values, [1, 1, h, w]), device)
    }
}

impl Named for Patch {
    fn name(&self) -> String {
        "Universal patch".into()
    }

    fn conditions(&self) -> String {
        format!(
            "{:.1} % of the picture at {:?}, step {:.2}/255, {} passes",
            self.share * 100.0,
            self.centre,
            self.step * 255.0,
            self.epochs,
        )
    }
}

impl WhiteBox for Patch {
    /// Universal over this batch; [`Patch::fit`] takes more.
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
    use crate::attack::clips::host;
    use crate::attack::toy::{Linear, grey_faces};
    use burn::tensor::Device;
    use rand::SeedableRng;

    /// On a linear detector every free pixel ends black or white after the sign of its
    /// weight; all others stay.
    #[test]
    fn pixels_of_the_patch_are_black_or_white() {
        let device = Device::flex();
        let net = Linear::random(20, &device);
        let faces = grey_faces(4, 2, 20, &device);
        let patch = Patch {
            share: 0.04,
            ..Patch::new(Target::Fakes)
        };
        let mut random = Random::seed_from_u64(0);
        let out = patch.attack(&net, &faces, &mut random).unwrap();
        let region = patch.region(20, 20, &device);
        let inside: f32 = region.clone().sum().into_scalar();
        assert_eq!(inside, 16.0);
        let moved = out.images.clone() - faces.images.clone();
        let outside: f32 = (moved.clone() * (region.clone() * -1.0 + 1.0))
            .abs()
            .max()
            .into_scalar();
        assert_eq!(outside, 0.0);
        assert_eq!(
            host(moved.narrow(0, 0, 2).reshape([-1])).unwrap(),
            [0.0; 2400]
        );
        // A fake wants negative weights white and positive ones black.
        let wish = net.weight.clone().lower_elem(0.0).float().unsqueeze::<4>();
        let wrong = (out.images.narrow(0, 2, 2) - wish) * region;
        let wrong: f32 = wrong.abs().max().into_scalar();
        assert_eq!(wrong, 0.0);
    }
}
