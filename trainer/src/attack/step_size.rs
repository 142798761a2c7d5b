//! Step sizes of APGD.

/// Steps of a window that must raise the loss for the step size to stay.
const RISING_SHARE: f32 = 0.75;

/// Iterations after which step sizes are reviewed: windows begin at 22 % of all and shrink
/// by 3 %, down to 6 %.
pub(super) fn checkpoints(iterations: usize) -> Vec<usize> {
    let percent = |share: usize| (iterations * share / 100).max(1);
    let mut window = percent(22);
    let mut at = Vec::new();
    let mut next = window;
    while next <= iterations {
        at.push(next);
        window = window.saturating_sub(percent(3)).max(percent(6));
        next += window;
    }
    at
}

/// Step size of each clip, and what decides about it.
#[derive(Clone, Debug)]
pub(super) struct StepSizes {
    pub step: Vec<f32>,
    last: Vec<f32>,
    rises: Vec<usize>,
    /// Iterations since the last review.
    window: usize,
    best_at_review: Vec<f32>,
    halved: Vec<bool>,
}

impl StepSizes {
    pub fn new(step: f32, value: &[f32]) -> Self {
        Self {
            step: vec![step; value.len()],
            last: value.to_vec(),
            rises: vec![0; value.len()],
            window: 0,
            best_at_review: value.to_vec(),
            halved: vec![true; value.len()],
        }
    }

    pub fn count(&mut self, value: &[f32]) {
        for ((rises, last), now) in self.rises.iter_mut().zip(&self.last).zip(value) {
            *rises += usize::from(now > last);
        }
        self.last = value.to_vec();
        self.window += 1;
    }

    /// Halves the steps of clips that oscillate, or that kept their step and did not
    /// improve on `best`; returns which.
    pub fn review(&mut self, best: &[f32]) -> Vec<bool> {
        let enough = self.window as f32 * RISING_SHARE;
        let slower: Vec<bool> = (0..best.len())
            .map(|i| {
                let oscillates = self.rises[i] as f32 <= enough;
                oscillates || (!self.halved[i] && self.best_at_review[i] >= best[i])
            })
            .collect();
        for (step, slower) in self.step.iter_mut().zip(&slower) {
            *step *= if *slower { 0.5 } else { 1.0 };
        }
        self.halved.clone_from(&slower);
        self.best_at_review = best.to_vec();
        self.rises.fill(0);
        self.window = 0;
        slower
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The schedule that the authors print for 100 iterations.
    #[test]
    fn checkpoints_of_a_hundred_iterations() {
        assert_eq!(checkpoints(100), [22, 41, 57, 70, 80, 87, 93, 99]);
        assert_eq!(checkpoints(3), [1, 2, 3]);
    }

    /// A clip that rises in more than 75 % of a window keeps its step; one that does not is
    /// slowed down, as is one that kept its step and then found nothing better.
    #[test]
    fn steps_follow_progress() {
        let mut pace = StepSizes::new(1.0, &[0.0, 0.0]);
        for i in 1..=4 {
            pace.count(&[i as f32, (i % 2) as f32]);
        }
        assert_eq!(pace.review(&[4.0, 1.0]), [false, true]);
        assert_eq!(pace.step, [1.0, 0.5]);
        for i in 0..4 {
            pace.count(&[i as f32 - 4.0, i as f32]);
        }
        pace.count(&[0.0, 4.0]);
        assert_eq!(pace.review(&[4.0, 4.0]), [true, false]);
        assert_eq!(pace.step, [0.5, 0.5]);
    }
}
