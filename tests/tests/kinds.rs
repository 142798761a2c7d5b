//! The firmware runs networks of every kind: here one for clips and one for single frames,
//! untrained, on synthetic people.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use unmask_shared::synthetic::{FaceModel, Scene, SceneConfig};
use unmask_trainer::device::DeviceKind;
use unmask_trainer::export::{About, quantise, write_bundle};
use unmask_trainer::network::{Architecture, Detector, NetworkConfig, Size};

const CLIP: usize = 5;

/// Runs the firmware, which cargo has built beside this test.
fn edge(arguments: &[&str]) -> String {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    let path = path.join("unmask-edge");
    assert!(
        path.exists(),
        "{} is missing: run `cargo build --release --workspace` first",
        path.display()
    );
    let ran = Command::new(path).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(matches!(ran.status.code(), Some(0 | 1)), "{errors}");
    String::from_utf8(ran.stdout).unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

fn bundle(folder: &Path, architecture: Architecture) -> PathBuf {
    let config = NetworkConfig {
        architecture,
        size: Size::Tiny,
        depth: 14,
        frames: CLIP,
        input: 48,
        ..Default::default()
    };
    config.check().unwrap();
    let device = DeviceKind::Flex.open().unwrap();
    device.seed(3);
    let net = quantise(&Detector::new(&config, &device).fold()).unwrap();
    let about = About {
        name: "kind".into(),
        release: 1,
        period_ms: 0,
        align: Default::default(),
        calibration: Default::default(),
        operating_point: unmask_shared::manifest::OperatingPoint {
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
    let path = folder.join("kind");
    write_bundle(&path, &net, &config, &about, "# kind\n", &device).unwrap();
    path
}

fn portrait(folder: &Path) -> PathBuf {
    let model = FaceModel::builtin().unwrap();
    let config = SceneConfig {
        seed: 2,
        face_px: 120.0..=180.0,
        ..SceneConfig::default()
    };
    let shot = Scene::new(&model, config).unwrap().frame(0);
    let (width, height) = (shot.width as u32, shot.height as u32);
    let path = folder.join("portrait.png");
    image::RgbImage::from_raw(width, height, shot.rgb)
        .unwrap()
        .save(&path)
        .unwrap();
    path
}

fn check(architecture: Architecture, sees: &str, per_decision: usize) {
    let folder = tempfile::tempdir().unwrap();
    let bundle = bundle(folder.path(), architecture);
    let with = ["--bundle", bundle.to_str().unwrap()];
    let shown = edge(&[&["model", "show"][..], &with].concat());
    assert!(shown.contains(sees), "{shown}");

    let picture = portrait(folder.path());
    let analyze = ["analyze", picture.to_str().unwrap(), "--format", "jsonl"];
    let report = &lines(&edge(&[&analyze[..], &with].concat()))[0];
    assert_eq!(report["faces"], 1, "{report}");
    assert!((0.0..=1.0).contains(&report["tracks"][0]["mean_score"].as_f64().unwrap()));

    let watch = ["run", "--source", "synthetic:3", "--format", "jsonl"];
    let events = lines(&edge(
        &[&watch[..], &["--max-frames", "60"], &with].concat(),
    ));
    let ended: Vec<&Value> = events
        .iter()
        .filter(|event| event["kind"] == "track_ended")
        .collect();
    assert!(!ended.is_empty(), "{events:?}");
    for event in ended {
        // Who could not be judged has no score.
        let is_judged = event["reason"].is_null() || event["reason"] == "inconclusive";
        let score = event["score"].as_f64();
        assert_eq!(score.is_some(), is_judged, "{event}");
        assert!(score.is_none_or(|s| (0.0..=1.0).contains(&s)), "{event}");
    }

    let bench = ["bench", "--seconds", "1", "--format", "json"];
    let figures: Value = serde_json::from_str(&edge(&[&bench[..], &with].concat())).unwrap();
    assert_eq!(figures["frames_per_decision"], per_decision);
    assert!(figures["stages_ms"]["network"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_clip_network_runs_on_pictures_and_streams() {
    check(Architecture::Csn, "clips of 5 frames", CLIP);
}

#[test]
fn a_network_for_single_frames_runs_on_pictures_and_streams() {
    check(Architecture::Meso4, "one frame at a time", 1);
}
