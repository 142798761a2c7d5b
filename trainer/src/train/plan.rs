//! What each step does, as a pure function of its number: so a run can be resumed anywhere.

use crate::config::{Method, RunConfig, Schedule};
use crate::dataset::{BatchPlan, MakePlan};
use crate::network::Architecture;

/// Schedules of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    config: RunConfig,
    /// Steps in one epoch.
    pub steps_per_epoch: usize,
    /// Steps in the run.
    pub steps: usize,
}

impl Plan {
    /// For an epoch of so many pairs; a last batch that is not full is left out.
    pub fn new(config: &RunConfig, pairs_per_epoch: usize) -> Self {
        let steps_per_epoch = (pairs_per_epoch / config.train.batch_pairs).max(1);
        let steps = (steps_per_epoch as f32 * config.train.epochs)
            .round()
            .max(1.0) as usize;
        Self {
            config: config.clone(),
            steps_per_epoch,
            steps,
        }
    }

    /// The batch of a step.
    pub fn batch(&self, step: usize) -> BatchPlan {
        let train = &self.config.train;
        let small = self.progress(step) < train.small_share;
        let hardness = (self.progress(step) / train.curriculum_share.max(1e-6)).min(1.0);
        let frames = self.frames(step);
        BatchPlan {
            epoch: (step / self.steps_per_epoch) as u64,
            first: step % self.steps_per_epoch * train.batch_pairs,
            // Fewer clips than frames: every step costs about the same.
            pairs: (train.batch_pairs / frames).max(2),
            make: MakePlan {
                frames,
                side: if small {
                    train.small_input
                } else {
                    self.config.network.input
                },
                hardness,
                stacked: self.config.network.stacked,
            },
        }
    }

    /// Frames per clip of a step's batch.
    fn frames(&self, step: usize) -> usize {
        let (train, network) = (&self.config.train, &self.config.network);
        if let Some(frames) = network.clip_frames() {
            return frames.max(1);
        }
        let remembers = network.architecture == Architecture::Stream && network.temporal;
        let due = train.clip_every > 0 && step % train.clip_every == train.clip_every - 1;
        if remembers && due {
            train.clip_frames.max(1)
        } else {
            1
        }
    }

    /// Learning rate of a step: linear warm-up, then half a cosine down to zero, or steps.
    pub fn learning_rate(&self, step: usize) -> f64 {
        let train = &self.config.train;
        let warmup = (self.steps as f32 * train.warmup_share).max(1.0) as f64;
        let at = step as f64;
        if at < warmup {
            return train.learning_rate * (at + 1.0) / warmup;
        }
        match train.schedule {
            Schedule::Cosine => {
                let share = (at - warmup) / (self.steps as f64 - warmup).max(1.0);
                let cosine = (std::f64::consts::PI * share.min(1.0)).cos();
                train.learning_rate * 0.5 * (1.0 + cosine)
            }
            Schedule::Step => {
                let progress = self.progress(step);
                let passed = train.milestones.iter().filter(|m| progress >= **m);
                train.learning_rate * 0.1f64.powi(passed.count() as i32)
            }
        }
    }

    /// Radius of the inner attack in [0, 1]; zero means no attack.
    pub fn epsilon(&self, step: usize) -> f32 {
        let attack = &self.config.attack;
        if self.config.train.method == Method::None {
            return 0.0;
        }
        let since = self.progress(step) - attack.clean_share;
        if since < 0.0 {
            return 0.0;
        }
        // The first attacked step already attacks, however long the ramp.
        let ramp = ((since + 1.0 / self.steps as f32) / attack.ramp_share.max(1e-6)).min(1.0);
        attack.epsilon.value() * ramp
    }

    /// Whether a step's validation can be compared with later ones: the attack is at its
    /// full radius and crops at their full size.
    pub fn is_comparable(&self, step: usize) -> bool {
        let attacked = self.config.train.method == Method::None
            || self.epsilon(step) >= self.config.attack.epsilon.value();
        attacked && self.batch(step).make.side == self.config.network.input
    }

    /// Size of the weight perturbation of a step; 0 = none.
    pub fn weight_perturbation(&self, step: usize) -> f32 {
        let awp = &self.config.awp;
        if self.epsilon(step) > 0.0 && self.progress(step) >= awp.after_share {
            awp.gamma
        } else {
            0.0
        }
    }

    /// Whether a validation and a checkpoint follow this step.
    pub fn validates_after(&self, step: usize) -> bool {
        let every = (self.steps_per_epoch as f32 * self.config.train.validate_every).round();
        (step + 1).is_multiple_of(every.max(1.0) as usize) || step + 1 == self.steps
    }

    /// Steps done when so many epochs are done.
    pub fn step_of(&self, epoch: f32) -> usize {
        ((epoch * self.steps_per_epoch as f32).round().max(0.0) as usize).min(self.steps)
    }

    fn progress(&self, step: usize) -> f32 {
        step as f32 / self.steps as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(method: Method) -> Plan {
        let mut config = RunConfig::default();
        config.train.method = method;
        config.train.epochs = 10.0;
        Plan::new(&config, 330)
    }

    #[test]
    fn methods_share_their_clean_part() {
        let (none, afsl) = (plan(Method::None), plan(Method::Afsl));
        assert_eq!(none.steps, 100);
        for step in 0..100 {
            assert_eq!(none.batch(step), afsl.batch(step));
            assert_eq!(none.learning_rate(step), afsl.learning_rate(step));
            assert_eq!(none.epsilon(step), 0.0);
            assert_eq!(afsl.epsilon(step) > 0.0, step >= 55);
        }
        assert!((afsl.epsilon(99) - 2.0 / 255.0).abs() < 1e-7);
    }

    #[test]
    fn learning_rate_rises_and_ends_near_zero() {
        let plan = plan(Method::None);
        let top = (0..100)
            .map(|step| plan.learning_rate(step))
            .fold(0.0, f64::max);
        assert!((top - 3e-3).abs() < 1e-9);
        assert!(plan.learning_rate(0) < top && plan.learning_rate(99) < top / 100.0);
    }

    #[test]
    fn the_step_schedule_divides_by_ten() {
        let mut config = RunConfig::default();
        config.train.epochs = 10.0;
        config.train.schedule = Schedule::Step;
        config.train.milestones = vec![0.5, 0.75];
        let plan = Plan::new(&config, 330);
        let rates: Vec<f64> = [49, 50, 75].map(|s| plan.learning_rate(s)).to_vec();
        for (got, want) in rates.iter().zip([3e-3, 3e-4, 3e-5]) {
            assert!((got / want - 1.0).abs() < 1e-6, "{rates:?}");
        }
    }

    #[test]
    fn weights_are_perturbed_only_under_attack() {
        let mut config = RunConfig::default();
        config.awp.gamma = 0.005;
        config.awp.after_share = 0.7;
        config.train.epochs = 10.0;
        let plan = Plan::new(&config, 330);
        assert_eq!(plan.weight_perturbation(60), 0.0);
        assert_eq!(plan.weight_perturbation(71), 0.005);
        assert!(!plan.is_comparable(60) && plan.is_comparable(99));
        config.train.method = Method::None;
        assert_eq!(Plan::new(&config, 330).weight_perturbation(99), 0.0);
    }

    #[test]
    fn every_epoch_starts_at_its_first_pair() {
        let plan = plan(Method::None);
        assert_eq!(plan.batch(10).epoch, 1);
        assert_eq!(plan.batch(10).first, 0);
        assert_eq!(plan.batch(19).first, 9 * 32);
    }
}
