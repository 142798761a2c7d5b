//! Training through the public door: prepared people in, a checked bundle out.

mod support;

use burn::tensor::Device;
use support::{config, go, last, people, trained, turn};
use unmask_trainer::check::check_bundle;
use unmask_trainer::config::Method;
use unmask_trainer::dataset::{Label, Pairs};
use unmask_trainer::evaluation::{Validation, validate};
use unmask_trainer::export::{
    About, CardText, Caution, calibrate, quantise, write_bundle, write_card,
};
use unmask_trainer::train::{Outcome, RunFolder};

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
    let whole = last(&trained(&folder.path().join("whole"), &config), &config);
    let parts = RunFolder::create(&folder.path().join("parts"), &config).unwrap();
    (1..4).for_each(|step| assert_eq!(go(&parts, &config, true), Outcome::Interrupted(step)));
    assert_eq!(go(&parts, &config, false), Outcome::Finished);
    let parts = last(&parts, &config);
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
    let run = trained(&folder.path().join("run"), &config);
    let curves = std::fs::read_to_string(run.file("curves.svg")).unwrap();
    assert!(curves.contains("validation AUC"));
    let metrics = std::fs::read_to_string(run.file("metrics.jsonl")).unwrap();
    assert_eq!(metrics.lines().count(), 3, "one line per epoch: {metrics}");

    let trained = run.trained(&config, None, &device).unwrap();
    let net = quantise(&trained.net.fold()).unwrap();
    let shipped = net.dequantise(&device);
    let held_out = Pairs::new(people(), &config.data, true).unwrap();
    let request = Validation::of(&config.network, 16, 2.0 / 255.0);
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
        epsilon: config.attack.epsilon,
        parameters: net.parameters(),
    });
    let bundle = folder.path().join("tiny");
    write_bundle(&bundle, &net, &config.network, &about, &card, &device).unwrap();
    let report = check_bundle(&bundle).unwrap();
    assert_eq!(report.decisions, 48);
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
    let run = trained(&folder.path().join("run"), &config);
    let checkpoint = std::fs::read_dir(folder.path().join("run"))
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.to_string_lossy().contains("checkpoint-"))
        .unwrap();
    std::fs::write(checkpoint.join("average.bpk"), b"nothing").unwrap();
    let error = format!(
        "{:#}",
        run.trained(&config, None, &Device::flex()).unwrap_err()
    );
    assert!(
        error.contains("checkpoint-") && error.contains("damaged"),
        "{error}"
    );
}
