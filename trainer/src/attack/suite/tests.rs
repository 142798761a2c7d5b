//! Suites that are interrupted, and what they find.

use std::path::Path;

use anyhow::{Result, bail};

use super::super::queries::fixture::{linear, optimum};
use super::super::toy::Linear;
use super::super::{Apgd, Faces, Norm, Target};
use super::{Batches, DurationEstimate, Limits, Member, Suite, SuiteReport, SuiteState};

const EPSILON: f32 = 8.0 / 255.0;

fn suite(net: &Linear, seed: u64) -> Suite<'_> {
    let apgd = Apgd {
        iterations: 10,
        restarts: 2,
        ..Apgd::margin(Norm::Linf, EPSILON, Target::Both)
    };
    let named =
        |name| Member::named(name, &Limits::new(EPSILON, 3 * 12 * 12, 30, Target::Both)).unwrap();
    Suite {
        net,
        victim: net,
        members: vec![
            Member::white(apgd, EPSILON, 20),
            named("square"),
            named("noise"),
        ],
        target: Target::Both,
        epsilon: EPSILON,
        seed,
        subject: "toy".into(),
    }
}

/// Three batches of four clips.
fn batches() -> (Linear, Vec<Faces>) {
    let (net, faces) = linear(12, 2, 5);
    let batch = |first: usize| Faces {
        images: faces.images.clone().narrow(0, 8 * first, 8),
        label: faces.label.clone().narrow(0, 4 * first, 4),
        frames: 2,
    };
    let all = (0..3).map(batch).collect();
    (net, all)
}

fn go(suite: &Suite<'_>, batches: &(impl Batches + ?Sized), folder: &Path) -> Result<SuiteReport> {
    let state = SuiteState::open(folder, &suite.identity(3))?;
    let mut report = suite.run(batches, &state, &mut |_| ())?;
    report.worst.seconds = 0.0;
    for result in &mut report.results {
        result.seconds = 0.0;
    }
    Ok(report)
}

/// Batches of which one cannot be made.
struct Broken<'a>(&'a [Faces], usize);

impl Batches for Broken<'_> {
    fn count(&self) -> usize {
        self.0.count()
    }

    fn batch(&self, index: usize) -> Result<Faces> {
        if index == self.1 {
            bail!("interrupted");
        }
        self.0.batch(index)
    }
}

#[test]
fn an_interrupted_suite_ends_as_one_that_was_not() {
    let (net, all) = batches();
    let suite = suite(&net, 1);
    let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let want = go(&suite, &all[..], whole.path()).unwrap();
    for broken in [1, 2] {
        let error = go(&suite, &Broken(&all, broken), parts.path()).unwrap_err();
        assert_eq!(error.to_string(), "interrupted");
    }
    assert!(parts.path().join("batch-1-member-2.state").exists());
    // As if the suite had been killed in the middle of a batch.
    std::fs::remove_file(parts.path().join("batch-1-member-1.state")).unwrap();
    assert_eq!(go(&suite, &all[..], parts.path()).unwrap(), want);
    let mut resumed = 0;
    let state = SuiteState::open(parts.path(), &suite.identity(3)).unwrap();
    let mut count = |done: &super::Done<'_>| resumed += usize::from(done.resumed);
    suite.run(&all[..], &state, &mut count).unwrap();
    assert_eq!(resumed, 9);
    assert_eq!(want.pairs, 6);
    assert_eq!(want.labels.len(), 12);
}

#[test]
fn another_detector_does_not_go_on() {
    let (mut net, all) = batches();
    let folder = tempfile::tempdir().unwrap();
    go(&suite(&net, 1), &Broken(&all, 1), folder.path()).unwrap_err();
    net.bias += 0.5;
    let error = go(&suite(&net, 1), &all[..], folder.path()).unwrap_err();
    assert!(error.to_string().contains("weights or data"), "{error}");
    let error = go(&suite(&net, 2), &all[..], folder.path()).unwrap_err();
    assert!(error.to_string().contains("other seed"), "{error}");
}

/// APGD finds the optimum of every clip, so that the worst case is the closed form.
#[test]
fn the_worst_case_is_the_closed_form() {
    let (net, all) = batches();
    let folder = tempfile::tempdir().unwrap();
    let report = go(&suite(&net, 1), &all[..], folder.path()).unwrap();
    let best = optimum(&net, EPSILON);
    let scored = report.clean.iter().zip(&report.worst.logits);
    for ((clean, worst), fake) in scored.zip(&report.labels) {
        let want = if *fake { clean - best } else { clean + best };
        assert!((worst - want).abs() < 1e-3 * best, "{worst} {want}");
    }
    let margins = || {
        let scored = report.clean.iter().zip(&report.labels);
        scored.map(|(z, fake)| if *fake { *z } else { -z })
    };
    let right = margins().filter(|margin| *margin > 0.0).count() as f64;
    let fooled = margins()
        .filter(|margin| (0.0..best).contains(margin))
        .count() as f64;
    assert!(right > 0.0);
    assert_eq!(report.success(&report.worst), Some(fooled / right));
    let square = &report.results[1];
    assert!(square.gradient_share.is_none() && square.passes == 31.0);
}

/// In l_2 the best attack moves a clip of two frames by `r |w|_2 / sqrt(2)`: C&W and FAB flip
/// just those that are nearer to the plane, APGD gets them all as far, and none of it is the
/// worst case in l_inf.
#[test]
fn attacks_in_l2_are_reported_beside_the_worst_case() {
    let (net, all) = batches();
    let limits = Limits {
        radius: 0.5,
        ..Limits::new(EPSILON, 2 * 3 * 12 * 12, 30, Target::Both)
    };
    assert!((Limits::new(0.5, 16, 1, Target::Both).radius - 2.0).abs() < 1e-6);
    let names = ["carlini-wagner", "fab-l2", "apgd-l2", "noise"];
    let named = |name| Member::named(name, &limits).unwrap();
    let suite = Suite {
        members: names.map(named).into(),
        ..suite(&net, 1)
    };
    let folder = tempfile::tempdir().unwrap();
    let report = go(&suite, &all[..], folder.path()).unwrap();
    let size: f32 = net.weight.clone().square().sum().into_scalar();
    let reach = limits.radius * (size / 2.0).sqrt();
    let right = |fake: bool, z: f32| if fake { z } else { -z };
    for (i, &fake) in report.labels.iter().enumerate() {
        let clean = right(fake, report.clean[i]);
        for minimal in &report.results[..2] {
            let fooled = right(fake, minimal.logits[i]) < 0.0;
            if clean > 0.0 && (clean / reach - 1.0).abs() > 0.03 {
                assert_eq!(fooled, clean < reach, "{} {clean} {reach}", minimal.name);
            }
            assert!(minimal.changes[i] <= limits.radius && minimal.norm == "l_2");
        }
        let apgd = right(fake, report.results[2].logits[i]);
        assert!(
            (clean - apgd - reach).abs() < 0.01 * reach,
            "{apgd} {clean} {reach}"
        );
    }
    let noise = &report.results[3];
    for (i, worst) in report.worst.logits.iter().enumerate() {
        let bound =
            right(report.labels[i], report.clean[i]).min(right(report.labels[i], noise.logits[i]));
        assert_eq!(right(report.labels[i], *worst), bound);
    }
}

#[test]
fn an_estimate_counts_passes() {
    let (net, all) = batches();
    let pace = DurationEstimate::measure(&net, &net, &all[0]).unwrap();
    assert!(pace.query > 0.0 && pace.gradient > 0.0, "{pace:?}");
    let pace = DurationEstimate {
        query: 0.001,
        gradient: 0.01,
    };
    // 2 x 10 gradients, 31 and 100 queries a clip.
    let seconds = pace.total(&suite(&net, 1).members, 10);
    assert!((seconds - 3.31).abs() < 1e-4, "{seconds}");
    let square = Member::named(
        "square",
        &Limits::new(EPSILON, 3 * 12 * 12, 99, Target::Fakes),
    )
    .unwrap();
    assert!((pace.clip(&square) - 0.05).abs() < 1e-6);
}

#[test]
fn unknown_attacks_are_named() {
    let error = Member::named(
        "apgd-dlr",
        &Limits::new(EPSILON, 3 * 12 * 12, 10, Target::Both),
    )
    .err()
    .unwrap();
    assert!(error.to_string().contains("apgd-margin"), "{error}");
}
