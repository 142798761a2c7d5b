//! Videos of real people, where there are any: `UNMASK_DATA` names a folder with
//! `video/real/*/*` and `video/fake/dfl/*`.

mod common;

use std::path::PathBuf;

use common::{have_ffmpeg, skip, unmask};
use unmask_edge::source::list_media;

/// Share of the files that must yield a score.
const SCORED_MIN: f64 = 0.97;

fn videos(test: &str) -> Option<Vec<PathBuf>> {
    if !have_ffmpeg(test) {
        return None;
    }
    let Some(data) = std::env::var_os("UNMASK_DATA").map(PathBuf::from) else {
        skip(test, "UNMASK_DATA does not name a folder with real videos");
        return None;
    };
    let folders = ["video/real", "video/fake/dfl"].map(|folder| data.join(folder));
    Some(
        folders
            .iter()
            .flat_map(|folder| list_media(folder).unwrap())
            .collect(),
    )
}

fn expect_scores(videos: &[PathBuf]) {
    let mut arguments = vec!["analyze", "--format", "jsonl"];
    arguments.extend(videos.iter().map(|path| path.to_str().unwrap()));
    let ran = unmask(&arguments);
    let lines = ran.lines();
    assert_eq!(lines.len(), videos.len());
    assert!(ran.code < 2, "{}", ran.stdout);
    let scored = lines
        .iter()
        .filter(|line| line["tracks"][0]["mean_score"].is_number())
        .count();
    let share = scored as f64 / lines.len() as f64;
    assert!(
        share >= SCORED_MIN,
        "{scored} of {} videos have a score",
        lines.len()
    );
    assert!(lines.iter().all(|line| line["frames"].as_u64() > Some(0)));
}

#[test]
fn a_handful_of_real_videos_yield_scores() {
    let Some(videos) = videos("a_handful_of_real_videos_yield_scores") else {
        return;
    };
    let step = (videos.len() / 6).max(1);
    let handful: Vec<PathBuf> = videos.into_iter().step_by(step).take(6).collect();
    expect_scores(&handful);
}

/// `UNMASK_DATA=... cargo test --release -p unmask-edge --test real_videos -- --ignored`
#[test]
#[ignore = "takes minutes"]
fn all_real_videos_yield_scores() {
    if let Some(videos) = videos("all_real_videos_yield_scores") {
        expect_scores(&videos);
    }
}
