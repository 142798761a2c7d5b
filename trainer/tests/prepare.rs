//! Preparing pictures and videos of synthetic people.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use image::RgbImage;
use unmask_shared::synthetic::{FaceModel, Scene, SceneConfig, Swap};
use unmask_trainer::dataset::{
    Label, MakePlan, PairConfig, Pairs, PrepareOptions, prepare, read_shards,
};

fn scene(seed: u64, swap: Swap) -> Scene {
    let model = FaceModel::builtin().unwrap();
    let config = SceneConfig {
        seed,
        swap,
        width: 320,
        height: 320,
        ..Default::default()
    };
    Scene::new(
        &model,
        SceneConfig {
            face_px: 90.0..=160.0,
            ..config
        },
    )
    .unwrap()
}

fn picture(path: &Path, seed: u64) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let frame = scene(seed, Swap::Never).frame(0);
    RgbImage::from_raw(320, 320, frame.rgb)
        .unwrap()
        .save(path)
        .unwrap();
}

/// `false` without ffmpeg.
fn video(path: &Path, seed: u64, swap: Swap) -> bool {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let child = Command::new("ffmpeg")
        .args([
            "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "320x320", "-r", "25",
        ])
        .args(["-i", "-", "-pix_fmt", "yuv420p", "-y"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else { return false };
    let scene = scene(seed, swap);
    let mut pipe = child.stdin.take().unwrap();
    (0..12).for_each(|index| pipe.write_all(&scene.frame(index).rgb).unwrap());
    drop(pipe);
    child.wait().unwrap().success()
}

fn options(input: &Path, output: &Path) -> PrepareOptions {
    PrepareOptions {
        inputs: vec![input.to_path_buf()],
        output: output.to_path_buf(),
        frames: 3,
        windows: 2,
        min_face_px: 60,
        groups: None,
        synthetic: 0,
    }
}

#[test]
fn nothing_is_skipped_silently() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("faces");
    picture(&input.join("real/studio/anna.png"), 5);
    picture(&input.join("real/studio/berta.png"), 6);
    std::fs::write(input.join("real/studio/broken.jpg"), b"no picture").unwrap();
    RgbImage::new(200, 200)
        .save(input.join("real/studio/dark.png"))
        .unwrap();
    let output = folder.path().join("shards");
    let report = prepare(&options(&input, &output)).unwrap();
    assert_eq!((report.records, report.skipped), (2, 2));
    let table = std::fs::read_to_string(output.join("skipped.tsv")).unwrap();
    assert!(
        table.contains("broken.jpg") && table.contains("dark.png\tno face"),
        "{table}"
    );
    let records = read_shards(&output).unwrap();
    assert!(records.iter().all(|record| record.meta.source == "studio"));
}

#[test]
fn videos_give_twins_cut_alike() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("clips");
    let made = video(&input.join("real/a/one.mp4"), 7, Swap::Never)
        && video(&input.join("fake/a/one.mp4"), 7, Swap::Always);
    if !made {
        assert!(
            std::env::var_os("UNMASK_NO_SKIP").is_none(),
            "the ffmpeg command is missing"
        );
        eprintln!("SKIPPED: the ffmpeg command is missing, so no video was prepared");
        return;
    }
    let output = folder.path().join("shards");
    let report = prepare(&options(&input, &output)).unwrap();
    assert_eq!((report.records, report.skipped), (4, 0));
    let records = read_shards(&output).unwrap();
    for record in &records {
        assert_eq!(record.frames.len(), 3);
        let twin = |other: &&unmask_trainer::dataset::Record| {
            other.meta.twin == record.meta.twin && other.meta.label != record.meta.label
        };
        assert_eq!(records.iter().filter(twin).count(), 1, "{:?}", record.meta);
    }
    assert_eq!(
        records
            .iter()
            .filter(|record| record.meta.label == Label::Fake)
            .count(),
        2
    );
}

#[test]
fn a_pair_is_the_same_for_the_same_seed_and_never_real_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("faces");
    (0..4).for_each(|i| picture(&input.join(format!("real/p{i}.png")), 20 + i));
    let output = folder.path().join("shards");
    prepare(&options(&input, &output)).unwrap();
    let records = read_shards(&output).unwrap();
    let config = PairConfig {
        validation_share: 0.0,
        ..Default::default()
    };
    let pairs = Pairs::new(&records, &config, false).unwrap();
    let plan = MakePlan {
        frames: 2,
        side: 64,
        hardness: 1.0,
    };
    let epoch = pairs.epoch(9, 0);
    for index in 0..epoch.len() {
        let pair = pairs.make(&epoch, index, &plan).unwrap();
        assert_eq!(pair.real.len(), 2 * 3 * 64 * 64);
        assert_eq!(pair.real, pairs.make(&epoch, index, &plan).unwrap().real);
        assert_eq!(pair.fake, pairs.make(&epoch, index, &plan).unwrap().fake);
        assert_ne!(pair.real, pair.fake, "pair {index} has no fake");
    }
    let other = pairs.epoch(10, 0);
    let first = |epoch| pairs.make(epoch, 0, &plan).unwrap().fake;
    assert_ne!(first(&epoch), first(&other));
}
