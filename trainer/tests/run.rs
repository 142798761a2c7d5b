//! Training through the public door: prepared people in, a checked bundle out.

mod support;

use burn::tensor::Device;
use support::{config, go, last, people, trained, turn};
use unmask_trainer::bench::BenchMachine;
use unmask_trainer::config::Method;
use unmask_trainer::dataset::{Label, Pairs};
use unmask_trainer::evaluation::{Validation, validate};
use unmask_trainer::export::check_bundle;
use unmask_trainer::export::{
    About, CardText, Caution, FigureText, calibrate, quantise, write_bundle, write_card,
};
use unmask_trainer::report::{
    Asked, Conditions, Context, EvaluationReport, Material, ScoreLevel, assemble, data_tested,
    detector_tested, measure, write_html,
};
use unmask_trainer::train::{Outcome, RunFolder, average_runs};

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
fn the_mean_of_runs_is_that_of_their_weights() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let config = config(Method::None);
    let paths = [1, 2, 3].map(|seed| {
        let path = folder.path().join(format!("run {seed}"));
        let mut other = config.clone();
        other.train.seed = seed;
        trained(&path, &other);
        path
    });
    let output = folder.path().join("mean");
    let parts = average_runs(&paths, &output, None, &Device::flex()).unwrap();
    assert_eq!(parts.len(), 3);
    let weights = |path: &std::path::Path| last(&RunFolder::open(path).unwrap().0, &config);
    let [a, b, c] = paths.each_ref().map(|path| weights(path));
    let mean = weights(&output);
    assert!(a.len() == mean.len() && a != b && b != c);
    for (place, mean) in mean.iter().enumerate() {
        let wanted = (a[place] + b[place] + c[place]) / 3.0;
        assert!((mean - wanted).abs() < 1e-5, "{mean}, not {wanted}");
    }

    let mut narrow = config.clone();
    narrow.data.held_out_share = 0.3;
    let other = folder.path().join("other people");
    trained(&other, &narrow);
    let error = average_runs(
        &[output, other],
        &folder.path().join("no"),
        None,
        &Device::flex(),
    );
    let error = format!("{:#}", error.unwrap_err());
    assert!(error.contains("held out other people"), "{error}");
}

#[test]
fn a_run_is_pictured_evaluated_exported_and_checked() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let config = config(Method::Afsl);
    let device = Device::flex();
    let run = trained(&folder.path().join("run"), &config);
    let curves = std::fs::read_to_string(run.file("curves.svg")).unwrap();
    assert!(curves.contains("held out"));
    let metrics = std::fs::read_to_string(run.file("metrics.jsonl")).unwrap();
    assert_eq!(metrics.lines().count(), 3, "one line per epoch: {metrics}");
    // TensorBoard reads the same lines: trainer/tests/oracles/tensorboard_events.py.
    let entries = std::fs::read_dir(folder.path().join("run")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let events: Vec<String> = names.filter(|name| name.contains("tfevents")).collect();
    assert_eq!(events.len(), 1, "{events:?}");

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
    let (calibration, operating_point) = calibrate(&scores, &scores, &Caution::default())
        .unwrap_or_else(|_| {
            scores.fake.iter_mut().for_each(|fake| *fake = !*fake);
            calibrate(&scores, &scores, &Caution::default()).unwrap()
        });
    let about = About {
        name: "tiny".into(),
        release: 1,
        period_ms: 0,
        align: Default::default(),
        calibration,
        operating_point,
        verdict: Default::default(),
        provenance: Default::default(),
        figures: vec![FigureText {
            name: "auc clean".into(),
            value: clean as f32,
            count: 16,
            bounds: None,
        }],
        kinds: Default::default(),
    };
    let card = write_card(&CardText {
        about: &about,
        config: &config,
        scores: &scores,
        epsilon: config.attack.epsilon,
        parameters: net.parameters(),
        people: [4, 3],
        unseen: false,
        rates: Default::default(),
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

#[test]
fn a_run_is_reported_with_every_level_and_the_report_survives_its_file() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(Method::None);
    config.train.epochs = 1.0;
    // The synthetic people stand in for videos here.
    config.data.paired_only = Vec::new();
    let device = Device::flex();
    let path = folder.path().join("run");
    let trained = trained(&path, &config)
        .trained(&config, None, &device)
        .unwrap();
    let net = quantise(&trained.net.fold()).unwrap();
    let pairs = Pairs::new(people(), &config.data, true).unwrap();
    let asked = Asked {
        pairs: 8,
        radii: vec![4.0 / 255.0, 0.0, 1.0 / 255.0],
        epsilon: 1.0 / 255.0,
        clips: 100,
        distortion_pairs: 0,
        filter_pairs: 4,
        samples: 1,
    };
    let shipped = net.dequantise(&device);
    let measured = measure(&shipped, people(), &pairs, &config, &asked, &device).unwrap();
    let validation = Validation::of(&config.network, 8, 1.0 / 255.0);
    let alone = validate(&shipped, &pairs, &validation, &device).unwrap();
    assert_eq!(measured.scores, alone, "the same scores as by themselves");
    assert_eq!(alone.origins.len(), alone.clean.len());

    let about = Context {
        detector: detector_tested(&path, &config, &(&trained).into(), net.parameters(), true)
            .unwrap(),
        data: data_tested(folder.path(), people(), config.data.shares()).unwrap(),
        conditions: Conditions {
            pairs: 8,
            pair_frames: 1,
            pair_making: "as configured".into(),
            attack: "PGD-10".into(),
            epsilon: f64::from(asked.epsilon),
            seed: 0,
            resamples: 100,
            device: "flex".into(),
            threads: 1,
            machine: BenchMachine::this(),
            seconds: measured.seconds,
        },
        bpcer_limit: 0.1,
        attacks: None,
        comparison: Vec::new(),
        unseen: None,
    };
    let report = assemble(&measured, about);
    report.write(&folder.path().join("report")).unwrap();
    let back = EvaluationReport::read(&folder.path().join("report/report.json")).unwrap();
    assert_eq!(write_html(&back), write_html(&report));
    let radii: Vec<f64> = report.radii.iter().map(|r| r.epsilon * 255.0).collect();
    assert!(
        radii.len() == 3 && radii[0] == 0.0 && radii[1] < 1.1,
        "{radii:?}"
    );
    let of = |level, material| {
        let rows = report.levels.iter();
        let mut rows = rows.filter(|row| row.level == level && row.material == material);
        let row = rows.next().unwrap();
        (row.reals, row.fakes, row.frames_per_score)
    };
    assert_eq!(of(ScoreLevel::Frame, Material::Pairs), (8, 8, 1.0));
    let (clips, videos) = (
        of(ScoreLevel::Clip, Material::StoredVideos),
        of(ScoreLevel::Video, Material::StoredVideos),
    );
    assert_eq!(clips, videos, "each synthetic person is one clip");
    assert_eq!((clips.0, clips.2), (clips.1, 2.0));
    assert_eq!(report.samples.len(), 2);
    let page = std::fs::read_to_string(folder.path().join("report/report.html")).unwrap();
    assert!(page.contains("data:image/png;base64,") && page.ends_with("</html>\n"));
}
