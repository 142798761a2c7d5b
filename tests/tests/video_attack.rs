//! An attack on videos that must break what it attacks: the released network is not defended.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use unmask_shared::synthetic::{FaceModel, Scene, SceneConfig, Swap};
use unmask_tests::programs::{text, trainer};

/// Swapped people whom the released network flags.
const PEOPLE: [u64; 2] = [501, 503];
const SIZE: (usize, usize) = (240, 200);
const FRAMES: u32 = 30;

fn film(seed: u64, path: &Path) {
    let model = FaceModel::builtin().expect("built in");
    let config = SceneConfig {
        width: SIZE.0,
        height: SIZE.1,
        seed,
        swap: Swap::Always,
        face_px: 100.0..=130.0,
    };
    let scene = Scene::new(&model, config).expect("in range");
    let mut child = Command::new("ffmpeg")
        .args([
            "-y",
            "-loglevel",
            "error",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
        ])
        .args([
            "-s",
            &format!("{}x{}", SIZE.0, SIZE.1),
            "-r",
            "25",
            "-i",
            "pipe:0",
        ])
        .args(["-c:v", "libx264", "-crf", "16"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("ffmpeg is installed: ./unmask setup");
    let mut pipe = child.stdin.take().expect("piped");
    for index in 0..FRAMES {
        pipe.write_all(&scene.frame(index).rgb).expect("it reads");
    }
    drop(pipe);
    assert!(child.wait().expect("it ends").success());
}

/// At 4/255 every flagged swap passes as genuine, through finder, crop, calibration and sequential
/// test, and what is done is not done again.
#[test]
fn an_undefended_network_is_broken_through_the_whole_program() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("videos.tsv");
    let mut rows = "path\tlabel\tperson\tkind\tpart\n".to_string();
    for seed in PEOPLE {
        film(seed, &folder.path().join(format!("{seed}.mp4")));
        rows += &format!("{seed}.mp4\tfake\t{seed}\tswap\tunseen\n");
    }
    std::fs::write(&table, rows).unwrap();
    let output = folder.path().join("attacked");
    let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/afsl-lite");
    let attack = || {
        trainer(&[
            "attack-video",
            text(&bundle),
            "--videos",
            text(&table),
            "--output",
            text(&output),
            "--attack",
            "noise,filters",
            "--epsilon",
            "4/255",
            "--search-to",
            "0/255",
        ])
    };
    let ran = attack();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report = std::fs::read_to_string(output.join("video-attack.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    let outcomes = report["outcomes"].as_array().expect("a list");
    assert_eq!(outcomes.len(), PEOPLE.len());
    for outcome in outcomes {
        assert_eq!(outcome["before"], "manipulated", "{outcome}");
        assert_eq!(outcome["frames"], FRAMES, "{outcome}");
        let attempt = &outcome["attempts"][0];
        assert_eq!(attempt["verdict"], "genuine", "{outcome}");
        assert!(attempt["decisions"].as_u64() >= Some(5), "{outcome}");
        assert_eq!(
            attempt["coded"].as_array().map(Vec::len),
            Some(3),
            "{outcome}"
        );
    }
    // Every filter, and the worst of them.
    let filters = report["changes"].as_array().expect("a list");
    assert_eq!(filters.len(), 28, "{filters:?}");
    let verdicts = &filters[27]["verdicts"];
    assert_eq!(
        (&filters[27]["change"], &verdicts["files"]),
        (&"any filter".into(), &2.into())
    );
    assert_eq!(verdicts["genuine"], 0, "{filters:?}");
    let row = &report["rows"][0];
    assert_eq!(
        (&row["verdicts"]["files"], &row["verdicts"]["genuine"]),
        (&2.into(), &2.into())
    );
    assert!(ran.stdout.contains("fake      4/255"), "{}", ran.stdout);
    // Nothing is read again: the videos are gone.
    for seed in PEOPLE {
        std::fs::remove_file(folder.path().join(format!("{seed}.mp4"))).unwrap();
    }
    let again = attack();
    assert_eq!(again.stdout, ran.stdout);
}

/// What is wrong with the program is no fault of a video: it is told, and nothing is remembered.
#[test]
fn a_program_that_cannot_be_run_ends_the_attack() {
    let folder = tempfile::tempdir().unwrap();
    film(PEOPLE[0], &folder.path().join("a.mp4"));
    std::fs::write(folder.path().join("damaged.mp4"), "no video").unwrap();
    let table = folder.path().join("videos.tsv");
    let output = folder.path().join("attacked");
    let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/afsl-lite");
    let attack = |file: &str, more: &[&str]| {
        std::fs::write(&table, format!("path\tlabel\n{file}\tfake\n")).unwrap();
        let arguments = [
            "attack-video",
            text(&bundle),
            "--videos",
            text(&table),
            "--output",
            text(&output),
            "--attack",
            "filters",
        ];
        trainer(&[&arguments[..], more].concat())
    };
    let ran = attack("a.mp4", &["--edge", "nowhere"]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    assert!(ran.stderr.contains("name it with --edge"), "{}", ran.stderr);
    let left = std::fs::read_dir(&output).unwrap().flatten();
    let bytes = left.map(|entry| entry.metadata().unwrap().len());
    assert_eq!(bytes.sum::<u64>(), 0, "nothing was done");
    // A video that cannot be read stands in the report, and the others go on.
    let ran = attack("damaged.mp4", &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report = std::fs::read_to_string(output.join("video-attack.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert!(report["outcomes"][0]["error"].is_string(), "{report}");
    // Of what was done alone.
    let conditions = report["conditions"].as_str().unwrap();
    assert!(conditions.starts_with("everyday filters"), "{conditions}");
}
