//! The fake of a pair: made from real faces, or taken from the data.

use anyhow::{Context, Result};
use rand::RngExt;

use super::{Clips, EASY, MakePlan, PairKind, Pairs, mixed};
use crate::dataset::stored_crop;
use crate::dataset::view::{clip, decoded};
use crate::fake::{Blend, BlendKind, Flicker, Generated, Picture, Random, Retime};

/// Largest mean change of a frame that may go unseen. Where retiming changes no frame by
/// more, such as in a still scene, real and fake would be the same.
const UNSEEN: f32 = 1.0 / 255.0;

/// What only time gives away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Artefact {
    Repeat,
    Drop,
    Flicker,
}

impl Pairs<'_> {
    /// A pseudo-fake of a real record.
    ///
    /// What a share of zero switches off is decided by `extra`: a pair that is no X-ray
    /// swap and has no temporal artefact is the same whatever their shares are.
    pub(super) fn pseudo(
        &self,
        i: usize,
        plan: &MakePlan,
        random: &mut Random,
        extra: &mut Random,
    ) -> Result<Clips> {
        let artefact = self.artefact(plan, extra);
        if let Some(artefact @ (Artefact::Repeat | Artefact::Drop)) = artefact
            && let Some(clips) = self.retimed(i, artefact, plan.frames, extra)?
        {
            return Ok(clips);
        }
        // Photographs and still scenes cannot be retimed, but they can flicker.
        let flicker = artefact.map(|_| Flicker::sample(plan.frames, extra));
        let targets = clip(&self.records[i], plan.frames, random)?;
        let kind = self.blend_kind(plan, random, extra);
        let blend = Blend::sample(kind, &stored_crop(), random);
        let donors = match self.donor(i, kind, random) {
            Some(donor) => clip(&self.records[donor], plan.frames, random)?,
            None => vec![],
        };
        let (reals, fakes) = blend.apply_to_clip(&targets, &donors, flicker.as_ref());
        let kind = match flicker {
            Some(_) => PairKind::Flicker(kind),
            None => kind.into(),
        };
        Ok((reals, fakes, kind))
    }

    /// A real face and itself, drawn anew by a network; `None` where none is due.
    pub(super) fn reconstructed(
        &self,
        i: usize,
        plan: &MakePlan,
        random: &mut Random,
    ) -> Result<Option<Clips>> {
        let share = mixed(0.0, self.config.reconstruct_share, plan.hardness);
        if !random.random_bool(share.into()) {
            return Ok(None);
        }
        let bank = self.bank.as_deref();
        let bank = bank.context("data.reconstruct_share asks for networks, and there are none")?;
        let targets = clip(&self.records[i], plan.frames, random)?;
        let generated = Generated::sample(bank.count(), &stored_crop(), random);
        let (reals, fakes) = generated.apply_to_clip(&targets, bank);
        Ok(Some((reals, fakes, PairKind::Reconstruction)))
    }

    fn artefact(&self, plan: &MakePlan, extra: &mut Random) -> Option<Artefact> {
        let share = mixed(0.0, self.config.temporal_share, plan.hardness);
        let drawn = plan.frames >= Retime::FRAMES_MIN && extra.random_bool(f64::from(share));
        drawn.then(|| match extra.random_range(0..3) {
            0 => Artefact::Repeat,
            1 => Artefact::Drop,
            _ => Artefact::Flicker,
        })
    }

    fn blend_kind(&self, plan: &MakePlan, random: &mut Random, extra: &mut Random) -> BlendKind {
        let swap_share = mixed(EASY.0, self.config.swap_share, plan.hardness);
        let xray_share = mixed(0.0, self.config.xray_share, plan.hardness);
        let several = self.blendable.len() > 1;
        let swap = several && random.random_bool(f64::from(swap_share));
        if several && extra.random_bool(f64::from(xray_share)) {
            BlendKind::XraySwap
        } else if swap {
            BlendKind::Swap
        } else {
            BlendKind::SelfBlend
        }
    }

    /// Whose face is pasted; nobody's for a self-blend.
    fn donor(&self, i: usize, kind: BlendKind, random: &mut Random) -> Option<usize> {
        match (kind, &self.donors) {
            (BlendKind::SelfBlend, _) => None,
            (BlendKind::XraySwap, Some(donors)) => donors
                .nearest(self.records, i, random)
                .or_else(|| Some(self.other(i, random))),
            _ => Some(self.other(i, random)),
        }
    }

    /// Real frames in another order; `None` where the record has too few of them, or they
    /// differ too little, for anybody to see it.
    fn retimed(
        &self,
        i: usize,
        artefact: Artefact,
        frames: usize,
        extra: &mut Random,
    ) -> Result<Option<Clips>> {
        let record = &self.records[i];
        let Some(spare) = record.frames.len().checked_sub(frames) else {
            return Ok(None);
        };
        let (retime, kind) = if artefact == Artefact::Repeat {
            (Retime::repeat(frames, extra), PairKind::Repeat)
        } else {
            (Retime::drop(frames, spare, extra), PairKind::Drop)
        };
        let last = retime.order().iter().copied().max().unwrap_or(0);
        let needed = frames.max(last + 1);
        let first = extra.random_range(0..=record.frames.len().saturating_sub(needed));
        let mut reals = decoded(record, first, needed)?;
        let shown = retime.order().iter().filter_map(|place| reals.get(*place));
        let fakes: Vec<Picture> = shown.cloned().collect();
        reals.truncate(frames);
        let seen = reals.iter().zip(&fakes).any(|(a, b)| change(a, b) > UNSEEN);
        Ok(seen.then_some((reals, fakes, kind)))
    }

    /// The real face beside a fake of the data: its twin, or one of the file that it was made
    /// from; else anybody. Where people are balanced, that is somebody of a video beside a fake
    /// of a video and of a picture beside a picture, lest codecs tell them apart.
    pub(super) fn beside(&self, i: usize, random: &mut Random) -> usize {
        if let Some(twin) = self.twins.get(&i) {
            return *twin;
        }
        let Some(balance) = &self.balance else {
            return self.blendable[random.random_range(0..self.blendable.len())];
        };
        let fake = &self.records[i];
        let original = fake.meta.original.as_deref();
        if let Some(reals) = original.and_then(|file| self.originals.get(file)) {
            return reals[random.random_range(0..reals.len())];
        }
        let [_, pictures, clips] = &balance.blendable;
        let alike = if fake.is_picture() { pictures } else { clips };
        alike.pick(random).unwrap_or_else(|| self.anybody(random))
    }

    fn anybody(&self, random: &mut Random) -> usize {
        let balanced = self.balance.as_ref().map(|balance| &balance.blendable[0]);
        balanced
            .and_then(|balanced| balanced.pick(random))
            .unwrap_or_else(|| self.blendable[random.random_range(0..self.blendable.len())])
    }

    /// A fake of the data and the real face beside it.
    pub(super) fn data(
        &self,
        i: usize,
        real: usize,
        frames: usize,
        random: &mut Random,
    ) -> Result<Clips> {
        let fake = &self.records[i];
        // Twins show the same frames: the same draw of the first one.
        let mut again = random.clone();
        let fakes = clip(fake, frames, random)?;
        let reals = clip(&self.records[real], frames, &mut again)?;
        Ok((reals, fakes, PairKind::Data(fake.meta.source.clone())))
    }

    fn other(&self, not: usize, random: &mut Random) -> usize {
        for _ in 0..8 {
            let i = self.anybody(random);
            if i != not && self.records[i].meta.group != self.records[not].meta.group {
                return i;
            }
        }
        self.anybody(random)
    }
}

/// Mean absolute difference of two pictures.
fn change(a: &Picture, b: &Picture) -> f32 {
    let sum: f32 = a.rgb.iter().zip(&b.rgb).map(|(a, b)| (a - b).abs()).sum();
    sum / a.rgb.len().max(1) as f32
}
