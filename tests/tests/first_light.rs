//! The whole way: synthetic people are prepared, a tiny network is trained, exported, and run
//! by the firmware on pictures and a folder of frames.

use std::path::{Path, PathBuf};

use unmask_shared::bundle::Bundle;
use unmask_shared::calibration::Calibration;
use unmask_shared::manifest::OperatingPoint;
use unmask_tests::programs::{program, text, trainer};
use unmask_trainer::device::DeviceKind;
use unmask_trainer::export::check_bundle;
use unmask_trainer::export::{About, quantise, write_bundle};
use unmask_trainer::train::RunFolder;

const CONFIG: &str = "\
[network]
size = \"tiny\"
input = 48
[data]
validation_share = 0.3
held_out_share = 0.0
[train]
epochs = 4.0
batch_pairs = 8
small_input = 32
validation_pairs = 8
[attack]
clean_share = 0.3
";

/// Prepares, trains and exports; gives the bundle's folder.
fn exported(folder: &Path) -> PathBuf {
    let (shards, run) = (folder.join("shards"), folder.join("run"));
    let (config, bundle) = (folder.join("run.toml"), folder.join("tiny"));
    std::fs::write(&config, CONFIG).unwrap();
    let people = ["--synthetic", "30", "--frames", "2"];
    let ran = trainer(&[&["prepare", "--output", text(&shards)][..], &people[..]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let data = ["--data", text(&shards)];
    let train = ["train", "--run", text(&run), "--config", text(&config)];
    let ran = trainer(&[&train[..], &data[..]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = trainer(&[&["evaluate", text(&run)][..], &data[..]].concat());
    assert!(
        ran.stdout.contains("both attacked"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    let export = ["export", text(&run), "--output", text(&bundle)];
    let ran = trainer(&[&export[..], &data[..]].concat());
    if ran.code != 0 {
        // So short a run may leave scores upside down, which export must refuse.
        assert!(ran.stderr.contains("train longer"), "{}", ran.stderr);
        export_uncalibrated(&run, &bundle);
    }
    bundle
}

fn export_uncalibrated(run: &Path, bundle: &Path) {
    let device = DeviceKind::Flex.open().unwrap();
    let (folder, config) = RunFolder::open(run).unwrap();
    let net = quantise(&folder.trained(&config, None, &device).unwrap().net.fold()).unwrap();
    let about = About {
        name: "tiny".into(),
        release: 1,
        period_ms: 0,
        align: Default::default(),
        calibration: Calibration {
            scale: 1.0,
            bias: 0.0,
            llr_max: 5.0,
        },
        operating_point: OperatingPoint {
            threshold: 0.5,
            genuine_below: 0.5,
            bpcer: 0.5,
            apcer: 0.5,
        },
        verdict: Default::default(),
        provenance: Default::default(),
        figures: vec![],
        kinds: Default::default(),
    };
    write_bundle(bundle, &net, &config.network, &about, "# tiny\n", &device).unwrap();
}

#[test]
fn what_is_trained_is_what_the_firmware_runs() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = exported(folder.path());
    let ran = trainer(&[
        "check",
        text(&bundle),
        "--run",
        text(&folder.path().join("run")),
    ]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);

    let ran = program(
        "unmask-edge",
        &[
            "run",
            "--source",
            "synthetic:3",
            "--max-frames",
            "90",
            "--format",
            "jsonl",
            "--bundle",
            text(&bundle),
        ],
    );
    assert!(ran.code == 0 || ran.code == 1, "{}", ran.stderr);
    for line in ran.stdout.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            event["model"].as_str().unwrap().starts_with("tiny"),
            "{event}"
        );
    }
    assert!(ran.stdout.lines().count() > 0, "nobody was seen");

    let ran = program("unmask-edge", &["model", "show", "--bundle", text(&bundle)]);
    assert!(ran.stdout.contains("tiny"), "{}{}", ran.stdout, ran.stderr);
}

/// The released bundles give the logits written in their own manifests.
#[test]
fn the_released_bundles_keep_their_golden_logits() {
    for name in ["afsl-lite", "afsl-stream-m"] {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
        let folder = models.join(name);
        let bundle = Bundle::open(&folder).unwrap();
        assert!(bundle.model.len() <= 2 << 20, "{name}: larger than 2 MB");
        let report = check_bundle(&folder).unwrap();
        let decisions = report.decisions;
        assert!(decisions >= 24, "{name}: only {decisions} golden decisions");
        assert!(report.engine_difference <= 1e-3, "{name}: {report:?}");
    }
}

#[test]
fn one_flipped_byte_of_a_bundle_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let released = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/afsl-lite");
    for file in ["model.onnx", "manifest.json", "CARD.md", "SHA256SUMS"] {
        std::fs::copy(released.join(file), folder.path().join(file)).unwrap();
    }
    let ran = program(
        "unmask-edge",
        &["model", "show", "--bundle", text(folder.path())],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let path = folder.path().join("model.onnx");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    for arguments in [["model", "show"], ["analyze", "picture.png"]] {
        let all = [&arguments[..], &["--bundle", text(folder.path())]].concat();
        let ran = program("unmask-edge", &all);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains("model.onnx"), "{}", ran.stderr);
    }
}
