//! A fake from one real face (self-blend) or from two (swap).

use rand::RngExt;
use rand::seq::IndexedRandom;
use unmask_shared::geometry::{CropSpec, Point, Similarity};

use super::Random;
use super::colour::{ColourShift, Texture};
use super::mask::{Hull, MaskShape};
use super::picture::Picture;

/// How a fake was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlendKind {
    /// A changed copy of the face over itself.
    SelfBlend,
    /// Another person's face, colours matched.
    Swap,
}

/// Everything random about a blend: drawn once, replayed on all frames of a clip.
#[derive(Clone, Debug)]
pub struct Blend {
    kind: BlendKind,
    mask: MaskShape,
    change_target: bool,
    colour: ColourShift,
    texture: Texture,
    second: Option<ColourShift>,
    motion: Similarity,
    match_colours: bool,
    ratio: f32,
}

impl Blend {
    /// Draws a blend for crops of this geometry.
    pub fn sample(kind: BlendKind, crop: &CropSpec, random: &mut Random) -> Self {
        let side = usize::from(crop.size);
        let landmarks = jitter(crop, random);
        let hull = match kind {
            BlendKind::SelfBlend => Hull::sample(random),
            BlendKind::Swap => *[
                Hull::Full,
                Hull::Extended,
                Hull::Components,
                Hull::Face,
                Hull::Face,
            ]
            .choose(random)
            .unwrap_or(&Hull::Face),
        };
        let motion = small_motion(side, random);
        let mask = MaskShape::sample(&landmarks, hull, side, random).moved(motion);
        let ratio = match kind {
            BlendKind::SelfBlend => *[0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
                .choose(random)
                .unwrap_or(&1.0),
            BlendKind::Swap => 1.0,
        };
        Self {
            kind,
            mask,
            change_target: random.random_bool(0.5),
            colour: ColourShift::sample(1.0, random),
            texture: Texture::sample(random),
            second: random
                .random_bool(0.3)
                .then(|| ColourShift::sample(0.5, random)),
            motion,
            match_colours: random.random_bool(0.8),
            ratio,
        }
    }

    /// Makes the fake of one frame, and the real frame it must be told from.
    ///
    /// `donor` is another person's aligned face for a swap; a self-blend ignores it.
    /// Both pictures returned have had the same change where the target was changed.
    pub fn apply(&self, target: &Picture, donor: Option<&Picture>) -> (Picture, Picture) {
        let mut real = target.clone();
        let mut source = match (self.kind, donor) {
            (BlendKind::Swap, Some(donor)) => donor.clone(),
            _ => target.clone(),
        };
        let mask = self.mask.render(target.side);
        if self.kind == BlendKind::Swap {
            if self.match_colours {
                match_statistics(&mut source, &real, &mask);
            }
            source = self.soften(source);
        } else if self.change_target {
            self.colour.apply(&mut real);
            real = self.texture.apply(&real);
        } else {
            self.colour.apply(&mut source);
            source = self.texture.apply(&source);
        }
        if let Some(second) = &self.second {
            second.apply(&mut source);
        }
        let source = source.warp(&self.motion);
        let mut fake = real.clone();
        for ((f, s), m) in fake
            .rgb
            .chunks_exact_mut(3)
            .zip(source.rgb.chunks_exact(3))
            .zip(&mask)
        {
            let weight = m * self.ratio;
            f.iter_mut()
                .zip(s)
                .for_each(|(f, s)| *f += weight * (s - *f));
        }
        (real, fake)
    }

    /// A swap network's output is rarely as sharp as the frame around it.
    fn soften(&self, source: Picture) -> Picture {
        match self.texture {
            Texture::Downscale { ratio, .. } => {
                let gentle = Texture::Downscale {
                    ratio: 1.0 + (ratio - 1.0) / 2.0,
                    nearest: false,
                };
                gentle.apply(&source)
            }
            Texture::Sharpen { .. } => source,
        }
    }
}

/// Mean-face landmarks with the error that a landmark model would have.
fn jitter(crop: &CropSpec, random: &mut Random) -> [Point; 68] {
    let side = f32::from(crop.size);
    let normal = |sigma: f32, random: &mut Random| {
        // Sum of uniforms: close enough to a normal for a jitter, and bounded.
        (0..4)
            .map(|_| random.random_range(-1.0f32..1.0))
            .sum::<f32>()
            * sigma
            * 0.866
    };
    let centre = Point {
        x: side / 2.0,
        y: side / 2.0,
    };
    let motion = Similarity::about(
        centre,
        1.0 + normal(0.04, random),
        normal(3f32.to_radians(), random),
        normal(0.02, random) * side,
        normal(0.02, random) * side,
    );
    crop.landmarks().map(|point| {
        let moved = motion.apply(point);
        let noise = 0.008 * side;
        Point {
            x: moved.x + normal(noise, random),
            y: moved.y + normal(noise, random),
        }
    })
}

fn small_motion(side: usize, random: &mut Random) -> Similarity {
    let side = side as f32;
    Similarity::about(
        Point {
            x: side / 2.0,
            y: side / 2.0,
        },
        random.random_range(0.95..1.0 / 0.95),
        0.0,
        random.random_range(-0.03..0.03) * side,
        random.random_range(-0.015..0.015) * side,
    )
}

/// Gives `source` the mean and spread of `target` inside the mask, per channel
/// (Reinhard et al., 2001, in RGB).
fn match_statistics(source: &mut Picture, target: &Picture, mask: &[f32]) {
    for channel in 0..3 {
        let (from_mean, from_spread) = statistics(source, mask, channel);
        let (to_mean, to_spread) = statistics(target, mask, channel);
        let gain = (to_spread / from_spread.max(1e-3)).clamp(0.5, 2.0);
        for value in source.rgb.iter_mut().skip(channel).step_by(3) {
            *value = ((*value - from_mean) * gain + to_mean).clamp(0.0, 1.0);
        }
    }
}

fn statistics(picture: &Picture, mask: &[f32], channel: usize) -> (f32, f32) {
    let values = || picture.rgb.iter().skip(channel).step_by(3).zip(mask);
    let weight: f32 = mask.iter().sum::<f32>().max(1e-6);
    let mean = values().map(|(v, m)| v * m).sum::<f32>() / weight;
    let variance = values()
        .map(|(v, m)| (v - mean) * (v - mean) * m)
        .sum::<f32>()
        / weight;
    (mean, variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn textured(seed: u32, side: usize) -> Picture {
        let value = |i: usize| {
            let hash = (i as u32 ^ seed).wrapping_mul(2_654_435_761) >> 24;
            0.3 + hash as f32 / 640.0
        };
        Picture {
            side,
            rgb: (0..side * side * 3).map(value).collect(),
        }
    }

    #[test]
    fn fakes_differ_from_their_partner_inside_the_face_only() {
        let crop = CropSpec::default().with_margin(1.25, 96);
        let (target, donor) = (textured(1, 96), textured(77, 96));
        for (seed, kind) in [(1, BlendKind::SelfBlend), (2, BlendKind::Swap)] {
            let blend = Blend::sample(kind, &crop, &mut Random::seed_from_u64(seed));
            let (real, fake) = blend.apply(&target, Some(&donor));
            let changed = |i: usize| (real.rgb[i] - fake.rgb[i]).abs();
            let total: f32 = (0..fake.rgb.len()).map(changed).sum();
            assert!(total > 1.0, "{kind:?} changed nothing");
            assert!(
                (0..30).all(|i| changed(i) < 0.02),
                "{kind:?} changed the corner"
            );
            assert!(fake.rgb.iter().all(|v| (0.0..=1.0).contains(v)));
        }
    }

    #[test]
    fn replaying_a_blend_gives_the_same_fake() {
        let crop = CropSpec::default().with_margin(1.25, 96);
        let target = textured(5, 96);
        let blend = Blend::sample(BlendKind::SelfBlend, &crop, &mut Random::seed_from_u64(9));
        assert_eq!(blend.apply(&target, None), blend.apply(&target, None));
    }

    #[test]
    fn swapped_colours_take_the_target_statistics() {
        let target = textured(3, 48);
        let mut source = textured(4, 48);
        source.rgb.iter_mut().for_each(|v| *v = *v * 0.7 + 0.1);
        let mask = vec![1.0; 48 * 48];
        match_statistics(&mut source, &target, &mask);
        let (want, got) = (statistics(&target, &mask, 1), statistics(&source, &mask, 1));
        assert!(
            (want.0 - got.0).abs() < 1e-3 && (want.1 - got.1).abs() < 1e-2,
            "{want:?} {got:?}"
        );
    }
}
