//! How long a suite will take.

use std::time::Instant;

use anyhow::Result;

use super::super::objective::Goal;
use super::super::{Faces, Objective, ObjectiveGradient, Victim};
use super::Member;
use crate::network::Differentiable;

/// Passes measured of each kind, after one to warm up.
const MEASURED: u32 = 2;

/// Seconds of one pass of one clip, on this machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DurationEstimate {
    /// Forward, through the victim.
    pub query: f64,
    /// Forward and backward, through the network that gradients come from.
    pub gradient: f64,
}

impl DurationEstimate {
    /// Times a few passes of a batch.
    ///
    /// # Errors
    /// When the victim fails.
    pub fn measure(net: &dyn Differentiable, victim: &dyn Victim, faces: &Faces) -> Result<Self> {
        let goal = Goal::new(
            Objective::Margin,
            net,
            &faces.images,
            faces.label.clone(),
            faces.frames,
        );
        let clips = faces.clips().max(1) as f64;
        let query = || -> Result<f32> {
            let logits = victim.logits(faces.images.clone(), faces.frames)?;
            Ok(logits.sum().into_scalar())
        };
        let gradient = || -> Result<f32> {
            let slope = ObjectiveGradient::of(net, &goal, &faces.images, faces);
            Ok(slope.gradient.sum().into_scalar())
        };
        Ok(Self {
            query: time(query)? / clips,
            gradient: time(gradient)? / clips,
        })
    }

    /// Seconds that an attack takes for one clip.
    pub fn clip(&self, member: &Member<'_>) -> f64 {
        let cost = member.cost;
        f64::from(cost.queries) * self.query + f64::from(cost.gradients) * self.gradient
    }

    /// Seconds that some attacks take for `clips` clips.
    pub fn total(&self, members: &[Member<'_>], clips: usize) -> f64 {
        members.iter().map(|member| self.clip(member)).sum::<f64>() * clips as f64
    }
}

/// Mean seconds of a pass.
fn time(pass: impl Fn() -> Result<f32>) -> Result<f64> {
    pass()?;
    let start = Instant::now();
    for _ in 0..MEASURED {
        pass()?;
    }
    Ok(start.elapsed().as_secs_f64() / f64::from(MEASURED))
}
