//! A feed of a hundred shots of synthetic people with known cuts: where spans begin and end.

mod common;

use std::path::Path;

use common::{encode_rgb, have_ffmpeg, unmask_in};
use serde_json::Value;
use unmask_shared::synthetic::{FaceModel, Scene, SceneConfig, Swap};

const SHOTS: u64 = 100;
const RATE_HZ: u64 = 25;
/// A span begins at most so many frames after the first frame of the fake: one second.
const BEGINS_WITHIN: u64 = RATE_HZ;
/// It ends at most so many frames from the cut: half a second.
const ENDS_WITHIN: u64 = RATE_HZ / 2;
/// Of the swapped shots of little more than a second, this share is flagged at least.
const FLAGGED: f64 = 0.8;

/// Frames of a shot: of different lengths, so that cuts fall between two searches.
fn frames_of(shot: u64) -> u64 {
    30 + shot % 7
}

fn is_swapped(shot: u64) -> bool {
    shot % 2 == 1
}

fn write_feed(path: &Path) {
    let people = FaceModel::builtin().unwrap();
    let pictures = (0..SHOTS).flat_map(|shot| {
        let config = SceneConfig {
            width: 320,
            height: 240,
            face_px: 100.0..=130.0,
            seed: 900 + shot,
            swap: match is_swapped(shot) {
                true => Swap::Always,
                false => Swap::Never,
            },
        };
        let scene = Scene::new(&people, config).unwrap();
        (0..frames_of(shot) as u32).map(move |at| scene.frame(at).rgb)
    });
    let output = ["-c:v", "ffv1", "-pix_fmt", "bgr0"];
    encode_rgb(pictures, [320, 240], "25", path, &output);
}

/// At 25 frames a second.
fn timecode(frame: u64) -> String {
    let seconds = frame / RATE_HZ;
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    format!(
        "{hours:02}:{:02}:{:02}:{:02}",
        minutes % 60,
        seconds % 60,
        frame % RATE_HZ
    )
}

/// `edge/tests/oracles/edl.py` opens the edit list of this feed: `UNMASK_KEEP=FOLDER` keeps it.
#[test]
fn spans_of_a_hundred_shots_begin_and_end_with_their_shots() {
    if !have_ffmpeg("spans_of_a_hundred_shots_begin_and_end_with_their_shots") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write_feed(&here.join("feed.mkv"));
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let ran = |line: &str| {
        let words = words(line);
        unmask_in(here, &words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    // Searched in every frame, so that every run is the same.
    let watched = ran("run --every 1 --source feed.mkv --log events");
    assert_eq!(watched.code, 1, "{}", watched.stderr);
    let json = ran("review export events --format json");
    let spans: Vec<Value> = serde_json::from_str(&json.stdout).expect(&json.stderr);

    let mut cuts: Vec<u64> = vec![0];
    (0..SHOTS).for_each(|shot| cuts.push(cuts[shot as usize] + frames_of(shot)));
    let mut flagged = 0;
    for span in &spans {
        let number = |key: &str| span[key].as_u64().unwrap();
        let (first, last) = (number("first_frame"), number("last_frame"));
        let shot = cuts.partition_point(|cut| *cut <= number("flagged_frame")) as u64 - 1;
        assert!(is_swapped(shot), "shot {shot} is genuine: {span}");
        let (start, end) = (cuts[shot as usize], cuts[shot as usize + 1]);
        assert!((start..start + BEGINS_WITHIN).contains(&first), "{span}");
        assert!(last.abs_diff(end - 1) <= ENDS_WITHIN, "{span}");
        assert_eq!(span["timecode_in"], timecode(first).as_str());
        assert_eq!(span["timecode_out"], timecode(last + 1).as_str());
        flagged += 1;
    }
    let swapped = (0..SHOTS).filter(|shot| is_swapped(*shot)).count();
    println!("{flagged} spans in {swapped} swapped shots");
    assert!(
        f64::from(flagged) >= FLAGGED * swapped as f64,
        "{flagged} of {swapped}"
    );

    let written = ran("review export events --output spans.edl");
    assert_eq!(written.code, 0, "{}", written.stderr);
    let edl = std::fs::read_to_string(here.join("spans.edl")).unwrap();
    let events: Vec<Vec<&str>> = edl
        .lines()
        .filter(|line| line.starts_with('0'))
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(events.len(), spans.len());
    for (event, span) in events.iter().zip(&spans) {
        assert_eq!(event[4], span["timecode_in"], "{event:?}");
        assert_eq!(event[5], span["timecode_out"], "{event:?}");
    }
    if let Some(kept) = std::env::var_os("UNMASK_KEEP") {
        std::fs::copy(here.join("spans.edl"), Path::new(&kept).join("spans.edl")).unwrap();
    }
}
