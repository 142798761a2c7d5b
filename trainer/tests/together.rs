//! Several devices that share every step.

mod support;

use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use support::{config, last, people, turn};
use unmask_trainer::config::{InnerAttack, Method, RunConfig};
use unmask_trainer::dataset::Batch;
use unmask_trainer::train::{Outcome, RunFolder, Start, train};

fn run(folder: &std::path::Path, config: &RunConfig, others: usize) -> anyhow::Result<Vec<f32>> {
    let run = RunFolder::create(folder, config)?;
    let device = Device::flex();
    let others = vec![device.clone(); others];
    let start = Start {
        others: &others,
        ..Start::default()
    };
    let stop = AtomicBool::new(false);
    let outcome = train(&run, config, people(), &device, &start, &stop)?;
    assert_eq!(outcome, Outcome::Finished);
    Ok(last(&run, config))
}

/// Each device has batch statistics of its own, so that weights differ from those of one
/// device; the step itself has its closed form beside its code.
#[test]
fn two_devices_give_one_result() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(Method::Afsl);
    config.train.epochs = 1.0;
    config.attack.clean_share = 0.0;
    let alone = run(&folder.path().join("alone"), &config, 0).unwrap();
    let both = run(&folder.path().join("both"), &config, 1).unwrap();
    let again = run(&folder.path().join("again"), &config, 1).unwrap();
    assert_eq!(both, again, "the same devices gave other weights");
    assert_ne!(both, alone);
    assert!(both.iter().all(|weight| weight.is_finite()));
}

#[test]
fn what_needs_one_device_is_refused() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut free = config(Method::At);
    free.attack.kind = InnerAttack::Free;
    let error = run(&folder.path().join("free"), &free, 1).unwrap_err();
    assert!(error.to_string().contains("attack.kind"), "{error:#}");
    let mut awp = config(Method::At);
    awp.awp.gamma = 0.005;
    let error = run(&folder.path().join("awp"), &awp, 1).unwrap_err();
    assert!(error.to_string().contains("awp.gamma"), "{error:#}");
}

#[test]
fn a_batch_is_divided_into_whole_pairs() {
    let batch = Batch {
        images: (0..10 * 12).map(|i| i as f32).collect(),
        labels: [0.0, 1.0].repeat(5),
        frames: 1,
        side: 2,
    };
    let parts = batch.divided(3);
    let pairs: Vec<usize> = parts.iter().map(|part| part.clips() / 2).collect();
    assert_eq!(pairs, [1, 2, 2]);
    let images: Vec<f32> = parts.iter().flat_map(|part| part.images.clone()).collect();
    assert_eq!(images, batch.images);
    assert!(parts.iter().all(|part| part.labels[0] == 0.0));
    assert_eq!(batch.divided(9).len(), 5);
}
