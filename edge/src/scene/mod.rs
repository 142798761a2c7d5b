//! Whether the picture was cut: another shot, so that nobody in it is who was there before.
//!
//! Every frame is averaged to 32 x 18 cells of luma and chroma. Each block of 4 x 3 cells is
//! looked for near its place in the frame before, as it is and with the whole picture's gain
//! and offset of brightness undone: what moves, pans or is lit otherwise is found again. The
//! mean difference that remains, in levels of 256, makes a cut where it is large against those
//! of the frames before, or where the luma is not like theirs.
//!
//! Measured on 589 continuous clips, and on them one after another: see docs/following.md.

mod thumb;

use unmask_shared::sample::RgbView;

use thumb::{Sampler, Thumb};

/// A difference below this is no cut ...
const CUT_MIN: f32 = 4.0;
/// ... nor one below so many times the largest of the frames before, ...
const RATIO: f32 = 4.0;
/// ... unless it is above this one, which hardly any movement reaches, ...
const CUT_SURE: f32 = 20.0;
/// ... and the largest of the frames before by this factor.
const RATIO_SURE: f32 = 1.3;
/// A luma that is less like that of the frame before than this (correlation) is another picture,
/// whatever the frames before were like. Movement hardly comes near; most cuts are far below.
const LIKENESS_MIN: f32 = 0.5;
/// Frames before that a difference is measured against; fewer than `FRAMES_MIN` say nothing.
const FRAMES: usize = 10;
const FRAMES_MIN: usize = 5;
/// Standard deviation of the luma below which a picture shows nothing, in levels. The next that
/// does is compared with the last that did.
const CONTRAST_MIN: f32 = 4.0;
/// A picture that is brighter by so many levels, and darker in at most this part of it, may be a
/// flash, which only adds light ...
const FLASH_RISE: f32 = 10.0;
const FLASH_DARKER_MAX: f32 = 0.05;
/// ... for this many frames, ...
const FLASH_FRAMES_MAX: u32 = 3;
/// ... and one more in so many that are none. Light that comes more often is a flicker, which
/// belongs to the scene.
const FLASH_EVERY: u32 = 8;

/// What happened between a frame and the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing, or movement.
    None,
    /// It may be a flash, and may be a cut: a later frame tells. Nobody can be said to be in it.
    Flash,
    /// Light that comes and goes: faces are to be looked for, since somebody may be seen only in it.
    Flicker,
    /// Another shot begins.
    Cut,
}

/// Looks at every frame of a stream. Allocates only where the size changes.
#[derive(Debug, Default)]
pub struct SceneWatch {
    sampler: Sampler,
    /// The last frame that showed something and was no flash.
    last: Option<Thumb>,
    /// The latest differences, in a ring.
    differences: [f32; FRAMES],
    count: usize,
    /// Frames in a row that may be a flash.
    flash_frames: u32,
    flashes: FlashBudget,
}

/// How many frames may still be passed over as flashes, in parts of `FLASH_EVERY`.
#[derive(Debug)]
struct FlashBudget(u32);

impl Default for FlashBudget {
    fn default() -> Self {
        Self(FLASH_FRAMES_MAX * FLASH_EVERY)
    }
}

impl FlashBudget {
    fn refill(&mut self) {
        self.0 = (self.0 + 1).min(FLASH_FRAMES_MAX * FLASH_EVERY);
    }

    /// Takes one frame; false if there is none left.
    fn take(&mut self) -> bool {
        let left = self.0.checked_sub(FLASH_EVERY);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

impl SceneWatch {
    /// Takes in the next frame.
    pub fn look(&mut self, view: &RgbView<'_>) -> Change {
        let thumb = self.sampler.draw(view);
        if thumb.contrast() < CONTRAST_MIN {
            return Change::None;
        }
        let Some(last) = &self.last else {
            self.last = Some(thumb);
            return Change::None;
        };
        // Below that, it matters neither now nor as one of those before.
        let difference = thumb.difference(last, CUT_MIN / RATIO);
        let is_other = difference > CUT_MIN && thumb.likeness(last) < LIKENESS_MIN;
        if difference <= self.threshold() && !is_other {
            self.note(difference);
            self.last = Some(thumb);
            return Change::None;
        }
        let is_lit = thumb.brightness() > last.brightness() + FLASH_RISE
            && thumb.darker_than(last) <= FLASH_DARKER_MAX;
        if is_lit && self.flash_frames < FLASH_FRAMES_MAX {
            self.flash_frames += 1;
            return match self.flashes.take() {
                true => Change::Flash,
                false => Change::Flicker,
            };
        }
        self.forget();
        self.last = Some(thumb);
        Change::Cut
    }

    /// Forgets the stream: the next frame is a first one.
    pub fn reset(&mut self) {
        self.forget();
        (self.last, self.flashes) = (None, FlashBudget::default());
    }

    fn forget(&mut self) {
        (self.count, self.flash_frames) = (0, 0);
    }

    fn note(&mut self, difference: f32) {
        self.differences[self.count % FRAMES] = difference;
        self.count += 1;
        self.flash_frames = 0;
        self.flashes.refill();
    }

    /// What a difference must be above to be a cut.
    fn threshold(&self) -> f32 {
        let known = &self.differences[..self.count.min(FRAMES)];
        if known.len() < FRAMES_MIN {
            return CUT_SURE;
        }
        let largest = known.iter().copied().fold(0.0, f32::max);
        let sure = CUT_SURE.max(RATIO_SURE * largest);
        (RATIO * largest).clamp(CUT_MIN, sure)
    }
}

#[cfg(test)]
mod tests;
