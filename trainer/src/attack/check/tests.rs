//! Detectors that hide their gradients are caught, an honest one passes.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use burn::tensor::Tensor;

use super::super::clips::host;
use super::super::queries::fixture::linear;
use super::super::suite::{Limits, Member, Suite, SuiteReport, SuiteState};
use super::super::toy::Linear;
use super::super::{Apgd, Faces, Norm, Target, Victim};
use super::{Check, CheckOutcome};
use crate::network::{Differentiable, Features};

const EPSILON: f32 = 8.0 / 255.0;

/// A linear detector that is right about most clips, and its clips.
fn setup() -> (Linear, Faces) {
    let (mut net, mut faces) = linear(12, 1, 6);
    let logits = |net: &Linear| host(net.logits(faces.images.clone(), 1).unwrap()).unwrap();
    let mut sorted = logits(&net);
    sorted.sort_by(f32::total_cmp);
    net.bias -= (sorted[5] + sorted[6]) / 2.0;
    let label: Vec<f32> = logits(&net).iter().map(|z| f32::from(*z > 0.0)).collect();
    faces.label = Tensor::from_floats(label.as_slice(), &faces.images.device());
    (net, faces)
}

/// What stands before or behind a linear detector.
enum Mask {
    /// A sigmoid so steep that f32 knows no slope of it, less a half.
    Saturated,
    /// Pixels of sixteen grey values: steps without slope.
    Quantised,
    /// A little noise, other each time.
    Noisy(AtomicU32),
}

struct Masked(Linear, Mask);

impl Masked {
    fn before(&self, images: Tensor<4>) -> Tensor<4> {
        match self.1 {
            // The way of gradients is there, and zero.
            Mask::Quantised => (images.clone().detach() * 16.0).floor() / 16.0 + (images * 0.0),
            _ => images,
        }
    }

    fn behind(&self, logit: Tensor<1>) -> Tensor<1> {
        match &self.1 {
            Mask::Saturated => (logit * 1e3).tanh(),
            Mask::Quantised => logit,
            Mask::Noisy(calls) => {
                let call = calls.fetch_add(1, Ordering::Relaxed);
                logit + (call % 7) as f32 * 0.01
            }
        }
    }
}

impl Differentiable for Masked {
    fn features(&self, images: Tensor<4>, frames: usize) -> Features {
        let features = self.0.features(self.before(images), frames);
        Features {
            logit: self.behind(features.logit),
            ..features
        }
    }

    fn scale(&self) -> f32 {
        1.0
    }
}

impl Victim for Masked {
    fn logits(&self, images: Tensor<4>, frames: usize) -> Result<Tensor<1>> {
        Ok(self.behind(self.0.logits(self.before(images), frames)?))
    }
}

fn run(net: &(impl Differentiable + Victim), faces: &Faces, target: Target) -> SuiteReport {
    let apgd = Apgd {
        iterations: 20,
        restarts: 1,
        ..Apgd::margin(Norm::Linf, EPSILON, target)
    };
    let named =
        |name| Member::named(name, &Limits::new(EPSILON, 3 * 12 * 12, 200, target)).unwrap();
    let suite = Suite {
        net,
        victim: net,
        members: vec![
            Member::white(apgd, EPSILON, 20),
            named("fab"),
            named("square"),
            named("noise"),
        ],
        target,
        epsilon: EPSILON,
        seed: 1,
        subject: "toy".into(),
    };
    let folder = tempfile::tempdir().unwrap();
    let state = SuiteState::open(folder.path(), &suite.identity(1)).unwrap();
    suite
        .run(&[faces.clone()][..], &state, &mut |_| ())
        .unwrap()
}

fn with(report: &SuiteReport, verdict: CheckOutcome) -> Vec<&str> {
    let of = |check: &&Check| check.verdict == verdict;
    let names = report.checks.iter().filter(of);
    names.map(|check| check.name.as_str()).collect()
}

#[test]
fn an_honest_detector_passes_every_check() {
    let (net, faces) = setup();
    for target in [Target::Both, Target::Fakes, Target::Reals] {
        let report = run(&net, &faces, target);
        let passed = with(&report, CheckOutcome::Passed);
        assert_eq!(passed.len(), report.checks.len(), "{:#?}", report.checks);
        assert_eq!(passed.len(), 14);
        assert_eq!(report.results.len(), 4);
    }
}

#[test]
fn a_saturated_output_is_caught() {
    let (net, faces) = setup();
    let report = run(&Masked(net, Mask::Saturated), &faces, Target::Both);
    let failed = with(&report, CheckOutcome::Failed);
    for name in [
        "gradients",
        "output not saturated",
        "a large epsilon always succeeds",
        "decisions alone find nothing more",
    ] {
        assert!(failed.contains(&name), "{name}: {:#?}", report.checks);
    }
}

#[test]
fn a_quantised_input_is_caught() {
    let (net, faces) = setup();
    let report = run(&Masked(net, Mask::Quantised), &faces, Target::Both);
    let failed = with(&report, CheckOutcome::Failed);
    for name in [
        "gradients",
        "white box beats black box",
        "a large epsilon always succeeds",
        "gradients point downhill",
    ] {
        assert!(failed.contains(&name), "{name}: {:#?}", report.checks);
    }
}

#[test]
fn a_random_detector_is_caught() {
    let (net, faces) = setup();
    let net = Masked(net, Mask::Noisy(AtomicU32::new(0)));
    let failed = run(&net, &faces, Target::Both);
    assert!(with(&failed, CheckOutcome::Failed).contains(&"deterministic"));
}
