//! Training through the public door: prepared people in, a checked bundle out.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use burn::tensor::Device;
use unmask_trainer::check::check_bundle;
use unmask_trainer::config::{Method, RunConfig};
use unmask_trainer::dataset::{Label, Pairs, PrepareOptions, Record, prepare, read_shards};
use unmask_trainer::evaluate::{Validation, validate};
use unmask_trainer::export::{
    About, CardText, Caution, calibrate, quantise, write_bundle, write_card,
};
use unmask_trainer::network::{Detector, Frozen, Size};
use unmask_trainer::train::{Outcome, RunFolder, Start, train};

/// Two frames of each of some synthetic people, genuine and swapped.
fn people() -> &'static [Record] {
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

fn config(method: Method) -> RunConfig {
    let mut config = RunConfig::default();
    config.network.size = Size::Tiny;
    config.network.input = 48;
    config.data.validation_share = 0.3;
    config.train.method = method;
    config.train.epochs = 3.0;
    config.train.batch_pairs = 6;
    config.train.small_input = 32;
    config.train.clip_frames = 2;
    config.train.validation_pairs = 8;
    config.afsl.clean_share = 0.3;
    config
}

/// The device has one stream of random numbers: tests that use it take turns.
fn turn() -> MutexGuard<'static, ()> {
    static DEVICE: Mutex<()> = Mutex::new(());
    DEVICE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run(folder: &Path, config: &RunConfig, interrupt: bool) -> RunFolder {
    let run = RunFolder::create(folder, config).unwrap();
    let go = |stop: bool| {
        let (device, stop) = (Device::flex(), AtomicBool::new(stop));
        train(&run, config, people(), &device, &Start::default(), &stop).unwrap()
    };
    if interrupt {
        (1..4).for_each(|step| assert_eq!(go(true), Outcome::Interrupted(step)));
    }
    assert_eq!(go(false), Outcome::Finished);
    run
}

fn weights(net: &Detector) -> Vec<f32> {
    let Frozen::Stream(net) = net.fold();
    let mut all = Vec::new();
    for conv in &net.convs {
        all.extend(conv.weight.to_data().try_to_vec::<f32>().unwrap());
        all.extend(conv.bias.to_data().try_to_vec::<f32>().unwrap());
    }
    all.extend(net.head.to_data().try_to_vec::<f32>().unwrap());
    all
}

#[test]
fn twins_show_the_same_person_frame_for_frame() {
    let fakes = people()
        .iter()
        .filter(|record| record.meta.label == Label::Fake)
        .count();
    assert_eq!(fakes * 2, people().len());
    let pairs = Pairs::new(people(), &config(Method::None).data, false).unwrap();
    assert!(pairs.len() > 8);
}

#[test]
fn an_interrupted_run_ends_with_the_same_weights() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let config = config(Method::Afsl);
    let device = Device::flex();
    let whole = run(&folder.path().join("whole"), &config, false);
    let parts = run(&folder.path().join("parts"), &config, true);
    let whole = weights(&whole.average(&config, &device).unwrap());
    let parts = weights(&parts.average(&config, &device).unwrap());
    assert!(whole.iter().any(|weight| *weight != 0.0));
    let differ = whole.iter().zip(&parts).filter(|(a, b)| a != b).count();
    assert_eq!(
        differ,
        0,
        "of {} weights differ after resuming",
        whole.len()
    );
}

#[test]
fn a_run_is_pictured_evaluated_exported_and_checked() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let config = config(Method::Afsl);
    let device = Device::flex();
    let run = run(&folder.path().join("run"), &config, false);
    let curves = std::fs::read_to_string(run.file("curves.svg")).unwrap();
    assert!(curves.contains("validation AUC"));
    let metrics = std::fs::read_to_string(run.file("metrics.jsonl")).unwrap();
    assert_eq!(metrics.lines().count(), 3, "one line per epoch: {metrics}");

    let Frozen::Stream(net) = run.average(&config, &device).unwrap().fold();
    let net = quantise(&net).unwrap();
    let shipped = Frozen::Stream(net.dequantise(&device));
    let held_out = Pairs::new(people(), &config.data, true).unwrap();
    let request = Validation {
        pairs: 16,
        side: 48,
        epsilon: Some(2.0 / 255.0),
    };
    let mut scores = validate(&shipped, &held_out, &request, &device).unwrap();
    let (clean, attacked) = (scores.clean_auc().unwrap(), scores.attacked_auc().unwrap());
    assert!(
        attacked < clean,
        "the attack did not help: {attacked} of {clean}"
    );
    assert!(scores.one_sided_auc(true).unwrap() >= attacked);

    // Three epochs teach too little for a calibration: turn the labels round if need be.
    let (calibration, operating_point) =
        calibrate(&scores, &Caution::default()).unwrap_or_else(|_| {
            scores.fake.iter_mut().for_each(|fake| *fake = !*fake);
            calibrate(&scores, &Caution::default()).unwrap()
        });
    let about = About {
        name: "tiny".into(),
        release: 1,
        calibration,
        operating_point,
        verdict: Default::default(),
        provenance: Default::default(),
        figures: vec![("auc clean".into(), clean as f32, 16)],
    };
    let card = write_card(&CardText {
        about: &about,
        config: &config,
        scores: &scores,
        epsilon: config.afsl.epsilon,
        parameters: net.parameters(),
    });
    let bundle = folder.path().join("tiny");
    write_bundle(&bundle, &net, &config.network, &about, &card, &device).unwrap();
    let report = check_bundle(&bundle).unwrap();
    assert_eq!(report.frames, 48);
    assert!(report.engine_difference <= 1e-3, "{report:?}");
}

#[test]
fn a_run_folder_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(Method::None);
    RunFolder::create(folder.path(), &config).unwrap();
    let error = RunFolder::create(folder.path(), &config)
        .unwrap_err()
        .to_string();
    assert!(error.contains("--resume"), "{error}");
}

#[test]
fn a_damaged_checkpoint_is_named() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let config = config(Method::None);
    let run = run(&folder.path().join("run"), &config, false);
    let checkpoint = std::fs::read_dir(folder.path().join("run"))
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.is_dir())
        .unwrap();
    std::fs::write(checkpoint.join("average.bpk"), b"nothing").unwrap();
    let error = format!("{:#}", run.average(&config, &Device::flex()).unwrap_err());
    assert!(
        error.contains("checkpoint-") && error.contains("damaged"),
        "{error}"
    );
}
