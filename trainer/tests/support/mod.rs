//! What the tests of training share: synthetic people, a tiny configuration, a turn on the
//! device.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use unmask_trainer::config::{Method, RunConfig};
use unmask_trainer::dataset::{PrepareOptions, Record, prepare, read_shards};
use unmask_trainer::network::{Detector, Size};
use unmask_trainer::train::{Outcome, RunFolder, Start, train};

/// Two frames of each of some synthetic people, genuine and swapped.
pub fn people() -> &'static [Record] {
    static RECORDS: OnceLock<Vec<Record>> = OnceLock::new();
    RECORDS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let report = prepare(&PrepareOptions {
            output: folder.path().to_path_buf(),
            frames: 2,
            windows: 1,
            synthetic: 24,
            ..Default::default()
        })
        .unwrap();
        assert!(report.records >= 44, "{report:?}");
        read_shards(folder.path()).unwrap()
    })
}

pub fn config(method: Method) -> RunConfig {
    let mut config = RunConfig::default();
    config.network.size = Size::Tiny;
    config.network.input = 48;
    config.data.validation_share = 0.3;
    config.data.held_out_share = 0.0;
    config.train.method = method;
    config.train.epochs = 3.0;
    config.train.batch_pairs = 6;
    config.train.small_input = 32;
    config.train.clip_frames = 2;
    config.train.validation_pairs = 8;
    config.attack.clean_share = 0.3;
    config
}

/// The device has one stream of random numbers: tests that use it take turns.
pub fn turn() -> MutexGuard<'static, ()> {
    static DEVICE: Mutex<()> = Mutex::new(());
    DEVICE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One call of `train`.
pub fn go(run: &RunFolder, config: &RunConfig, stop: bool) -> Outcome {
    let (device, stop) = (Device::flex(), AtomicBool::new(stop));
    train(run, config, people(), &device, &Start::default(), &stop).unwrap()
}

/// A whole run in a new folder.
pub fn trained(folder: &Path, config: &RunConfig) -> RunFolder {
    let run = RunFolder::create(folder, config).unwrap();
    assert_eq!(go(&run, config, false), Outcome::Finished);
    run
}

/// The last averaged weights of a run.
pub fn last(run: &RunFolder, config: &RunConfig) -> Vec<f32> {
    weights(&run.trained(config, None, &Device::flex()).unwrap().net)
}

/// Every weight and running statistic.
pub fn weights(net: &Detector) -> Vec<f32> {
    let mut collect = Collect(Vec::new());
    net.visit(&mut collect);
    collect.0
}

struct Collect(Vec<f32>);

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let values = param.val().into_data().try_to_vec::<f32>();
        self.0.extend(values.unwrap());
    }
}
