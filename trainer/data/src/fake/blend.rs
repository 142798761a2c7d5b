//! A fake from one real face (self-blend) or from two (swaps).

use unmask_shared::geometry::CropSpec;

use super::Random;
use super::flicker::Flicker;
use super::picture::Picture;
use super::soft_blend::SoftBlend;
use super::xray::XraySwap;

/// How a fake was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlendKind {
    /// A changed copy of the face over itself.
    SelfBlend,
    /// Another person's face, colours matched.
    Swap,
    /// The face of somebody alike, blended as for Face X-ray.
    XraySwap,
}

impl BlendKind {
    /// Whether it takes a face of another person.
    pub fn needs_donor(self) -> bool {
        self != Self::SelfBlend
    }
}

impl std::fmt::Display for BlendKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::SelfBlend => "self-blend",
            Self::Swap => "swap",
            Self::XraySwap => "xray-swap",
        })
    }
}

/// Everything random about a blend: drawn once, replayed on all frames of a clip.
///
/// FakeSTormer (Nguyen et al., ICCV 2025) also steadies landmarks that a model found frame
/// by frame. There is nothing to steady here: a clip is cut by the landmarks of one frame,
/// which come to lie where those of the mean face are, so the mask stands still in the crop.
/// So does the face in the fraction of a second that a training clip lasts; where it moves,
/// the mask does not follow.
#[derive(Clone, Debug)]
pub struct Blend {
    recipe: Recipe,
}

#[derive(Clone, Debug)]
enum Recipe {
    Soft(SoftBlend),
    Xray(XraySwap),
}

impl Blend {
    /// Draws a blend for crops of this geometry.
    pub fn sample(kind: BlendKind, crop: &CropSpec, random: &mut Random) -> Self {
        let recipe = match kind {
            BlendKind::SelfBlend => Recipe::Soft(SoftBlend::sample(false, crop, random)),
            BlendKind::Swap => Recipe::Soft(SoftBlend::sample(true, crop, random)),
            BlendKind::XraySwap => Recipe::Xray(XraySwap::sample(crop, random)),
        };
        Self { recipe }
    }

    /// Makes the fake of one frame, and the real frame it must be told from.
    ///
    /// `donor` is another person's aligned face for a swap, of the target's side; a
    /// self-blend ignores it. What is not the blend's doing, such as a change of colour of
    /// the target or of resolution, is done to both pictures.
    pub fn apply(&self, target: &Picture, donor: Option<&Picture>) -> (Picture, Picture) {
        let (mut reals, mut fakes) = self.apply_to_clip(
            std::slice::from_ref(target),
            donor.map(std::slice::from_ref).unwrap_or_default(),
            None,
        );
        let last = |pictures: &mut Vec<Picture>| pictures.pop().unwrap_or_else(|| target.clone());
        (last(&mut reals), last(&mut fakes))
    }

    /// Makes the fake of consecutive frames, and the real frames it must be told from.
    ///
    /// `donors` are as many frames of another person, or none for a self-blend. The mask
    /// is the same in every frame; with a flicker, the weight or the colour of what is
    /// pasted is not.
    pub fn apply_to_clip(
        &self,
        targets: &[Picture],
        donors: &[Picture],
        flicker: Option<&Flicker>,
    ) -> (Vec<Picture>, Vec<Picture>) {
        let blend = match &self.recipe {
            Recipe::Soft(blend) => blend,
            Recipe::Xray(swap) => return swap.clip(targets, donors, flicker),
        };
        let Some(first) = targets.first() else {
            return (vec![], vec![]);
        };
        let mask = blend.mask(first.side);
        let frame = |(index, target): (usize, &Picture)| {
            let moment = flicker.and_then(|flicker| flicker.at(index));
            blend.frame(target, donors.get(index), &mask, moment)
        };
        targets.iter().enumerate().map(frame).unzip()
    }

    /// How far donor and target differ along the seam of an X-ray swap, colours matched:
    /// mean per channel, in [0, 1]. `None` for other kinds.
    pub fn seam(&self, target: &Picture, donor: &Picture) -> Option<f32> {
        match &self.recipe {
            Recipe::Soft(_) => None,
            Recipe::Xray(swap) => Some(swap.seam(target, donor)),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;

    pub(in crate::fake) fn textured(seed: u32, side: usize) -> Picture {
        let value = |i: usize| {
            let hash = (i as u32 ^ seed).wrapping_mul(2_654_435_761) >> 24;
            0.3 + hash as f32 / 640.0
        };
        Picture {
            side,
            rgb: (0..side * side * 3).map(value).collect(),
        }
    }

    fn extreme(seed: u32, side: usize) -> Picture {
        let mut picture = textured(seed, side);
        let stretch = |v: &mut f32| *v = ((*v - 0.5) * 8.0 + 0.5).clamp(0.0, 1.0);
        picture.rgb.iter_mut().for_each(stretch);
        picture
    }

    fn crop() -> CropSpec {
        CropSpec::default().with_margin(1.25, 96)
    }

    const KINDS: [BlendKind; 3] = [BlendKind::SelfBlend, BlendKind::Swap, BlendKind::XraySwap];

    #[test]
    fn fakes_differ_from_their_partner_inside_the_face_only() {
        let (target, donor) = (textured(1, 96), textured(77, 96));
        for (seed, kind) in KINDS.into_iter().enumerate() {
            let blend = Blend::sample(kind, &crop(), &mut Random::seed_from_u64(seed as u64 + 1));
            let (real, fake) = blend.apply(&target, Some(&donor));
            let changed = |i: usize| (real.rgb[i] - fake.rgb[i]).abs();
            let total: f32 = (0..fake.rgb.len()).map(changed).sum();
            assert!(total > 1.0, "{kind:?} changed nothing");
            assert!(
                (0..30).all(|i| changed(i) < 0.02),
                "{kind:?} changed the corner"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn every_blend_is_a_picture_and_the_same_for_its_seed(
            seed in any::<u64>(), kind in 0usize..3, flickers in any::<bool>(),
        ) {
            let targets = [extreme(1, 96), extreme(2, 96), extreme(3, 96)];
            let donors = [extreme(8, 96), extreme(9, 96), extreme(10, 96)];
            let mut random = Random::seed_from_u64(seed);
            let blend = Blend::sample(KINDS[kind], &crop(), &mut random);
            let flicker = flickers.then(|| Flicker::sample(3, &mut random));
            let (reals, fakes) = blend.apply_to_clip(&targets, &donors, flicker.as_ref());
            prop_assert_eq!((reals.len(), fakes.len()), (3, 3));
            for picture in reals.iter().chain(&fakes) {
                prop_assert_eq!(picture.side, 96);
                prop_assert!(picture.rgb.iter().all(|v| (0.0..=1.0).contains(v)));
            }
            let again = Blend::sample(KINDS[kind], &crop(), &mut Random::seed_from_u64(seed));
            let again = again.apply_to_clip(&targets, &donors, flicker.as_ref());
            prop_assert_eq!((&reals, &fakes), (&again.0, &again.1));
        }

        /// The partner never depends on who is pasted, nor on the flicker.
        #[test]
        fn the_real_partner_is_untouched_by_the_blend(seed in any::<u64>(), kind in 0usize..3) {
            let target = [extreme(1, 96)];
            let blend = Blend::sample(KINDS[kind], &crop(), &mut Random::seed_from_u64(seed));
            let flicker = Flicker::sample(1, &mut Random::seed_from_u64(seed));
            let one = blend.apply_to_clip(&target, &[extreme(8, 96)], None);
            let other = blend.apply_to_clip(&target, &[textured(9, 96)], Some(&flicker));
            prop_assert_eq!(&one.0, &other.0);
            if KINDS[kind] == BlendKind::Swap {
                prop_assert_eq!(&one.0[..], &target[..]);
            }
        }

        /// A clip without motion gives a fake without motion, and each frame is what it
        /// would be alone.
        #[test]
        fn a_still_clip_stays_still_unless_it_flickers(seed in any::<u64>(), kind in 0usize..3) {
            let (target, donor) = (textured(1, 96), textured(7, 96));
            let (targets, donors) = (vec![target.clone(); 3], vec![donor.clone(); 3]);
            let blend = Blend::sample(KINDS[kind], &crop(), &mut Random::seed_from_u64(seed));
            let (reals, fakes) = blend.apply_to_clip(&targets, &donors, None);
            let alone = blend.apply(&target, Some(&donor));
            for (real, fake) in reals.iter().zip(&fakes) {
                prop_assert_eq!((real, fake), (&alone.0, &alone.1));
            }
            let flicker = Flicker::sample(3, &mut Random::seed_from_u64(seed));
            let (steady, unsteady) = blend.apply_to_clip(&targets, &donors, Some(&flicker));
            prop_assert_eq!(steady, reals);
            prop_assert!(unsteady[0] != unsteady[1] || unsteady[1] != unsteady[2]);
        }
    }
}
