//! Faces that are hidden for a time, in part, or beside others.

use crate::common;
use crate::studio::{Picture, Studio, film, verdict};

/// Without this, all that follows would say nothing.
#[test]
fn in_plain_sight_each_is_judged_rightly() {
    let studio = Studio::open();
    let genuine = studio.judge(&studio.genuine, &[]);
    assert_eq!(verdict(&genuine), "genuine", "{genuine}");
    let swapped = studio.judge(&studio.swapped, &[]);
    assert_eq!(verdict(&swapped), "manipulated", "{swapped}");
    let both = studio.judge(&studio.both(|_, picture| picture), &[]);
    assert_eq!(verdict(&both), "manipulated", "{both}");
    assert_eq!(both["faces"], 2, "{both}");
}

/// In whatever the program writes stands how much of the time was judged.
#[test]
fn coverage_is_in_every_output() {
    let studio = Studio::open();
    let here = studio.folder.path();
    let dark = studio.both(|at, picture| match at {
        0..40 => picture,
        _ => picture.map(|v| v / 10),
    });
    film(&dark, &here.join("clip.mp4"), &[]);
    let run = "run --log events --source clip.mp4 --format";
    for line in [
        "analyze clip.mp4".to_owned(),
        format!("{run} text"),
        "log tail events".to_owned(),
    ] {
        let ran = common::unmask_in(here, &line.split(' ').collect::<Vec<_>>());
        assert!(ran.code < 2, "{line}: {}", ran.stderr);
        assert!(ran.stdout.contains("% judged"), "{line}: {}", ran.stdout);
    }
    for line in [format!("{run} jsonl"), "log export events".to_owned()] {
        let ran = common::unmask_in(here, &line.split(' ').collect::<Vec<_>>());
        let ended = ran.lines().into_iter().map(|line| match line.get("event") {
            Some(event) => event.clone(),
            None => line,
        });
        let ended = ended.filter(|event| event["kind"] == "track_ended");
        let shares: Vec<f64> = ended.filter_map(|e| e["coverage"].as_f64()).collect();
        assert!(
            shares.iter().any(|share| *share < 0.9),
            "{line}: {shares:?}"
        );
        assert!(
            shares.iter().any(|share| *share > 0.9),
            "{line}: {shares:?}"
        );
    }
}

/// Whoever knows that faces are looked for in each fifth frame hides just those.
#[test]
fn blanked_frames_hide_nobody() {
    let studio = Studio::open();
    type Blank = fn(Picture) -> Picture;
    for (name, blank) in [
        ("black", Picture::black as Blank),
        ("blurred", |picture| picture.blurred(20.0)),
        ("turned", Picture::upside_down),
        ("barred", Picture::barred),
    ] {
        let hide = |at: usize, picture: Picture| match at % 5 {
            0 => blank(picture),
            _ => picture,
        };
        for (pictures, faces) in [(studio.alone(hide), 1), (studio.both(hide), 2)] {
            let report = studio.judge(&pictures, &[]);
            assert_ne!(verdict(&report), "genuine", "{name}: {report}");
            assert!(report["faces"].as_u64() >= Some(faces), "{name}: {report}");
        }
    }
}

/// Seen only in flashes, and hidden while the light is gone: a camera's flash is passed over, a
/// strobe is not.
#[test]
fn a_strobe_hides_nobody() {
    let studio = Studio::open();
    for (lit, of) in [(1, 2), (2, 4), (3, 6), (1, 3)] {
        let strobe = |at: usize, picture: Picture| match at % of < lit {
            true => picture,
            false => picture.black(),
        };
        let report = studio.judge(&studio.both(strobe), &[]);
        assert_ne!(verdict(&report), "genuine", "{lit} of {of}: {report}");
    }
}

/// Seen in 4 of every 10 frames, beside somebody genuine.
#[test]
fn a_face_that_comes_and_goes_is_listed() {
    let studio = Studio::open();
    let report = studio.judge(
        &studio.both(|at, picture| match at % 10 {
            0..4 => picture,
            _ => picture.map(|value| 90 + value / 16),
        }),
        &[],
    );
    assert_ne!(verdict(&report), "genuine", "{report}");
    assert!(report["faces"].as_u64() >= Some(2), "{report}");
}

#[test]
fn a_face_in_the_dark_speaks_for_nobody() {
    let studio = Studio::open();
    let report = studio.judge(&studio.both(|_, picture| picture.map(|v| v / 10)), &[]);
    assert_eq!(verdict(&report), "undecided", "{report}");
    assert_eq!(report["reason"], "dark", "{report}");
    assert_eq!(report["faces"], 2, "{report}");
}

/// Whoever cannot be judged, for whatever reason, keeps a genuine bystander from speaking for the
/// file; how much was judged is told.
#[test]
fn a_face_that_cannot_be_judged_keeps_the_file_undecided() {
    let studio = Studio::open();
    type Hide = fn(usize, Picture) -> Picture;
    for (name, hide, reason) in [
        (
            "dark",
            (|_, picture| picture.map(|v| v / 10)) as Hide,
            "dark",
        ),
        ("blurred", |_, picture| picture.blurred(6.0), "blurred"),
        (
            "short",
            |at, picture| match at {
                30..42 => picture,
                _ => picture.black(),
            },
            "too_short",
        ),
    ] {
        let report = studio.judge(&studio.both(hide), &[]);
        assert_eq!(verdict(&report), "undecided", "{name}: {report}");
        assert_eq!(report["reason"], reason, "{name}: {report}");
        let tracks = report["tracks"].as_array().expect("tracks").iter();
        let by = tracks
            .clone()
            .find(|track| track["id"] == report["decided_by"]);
        assert_eq!(by.expect("somebody")["verdict"], "undecided", "{report}");
        for track in tracks {
            let coverage = track["coverage"].as_f64().expect("a share");
            assert!((0.0..=1.0).contains(&coverage), "{name}: {report}");
        }
    }
}

/// Nor does a mask or a bar speak for whoever is behind it.
#[test]
fn a_covered_face_does_not_speak_for_itself() {
    let studio = Studio::open();
    for (name, columns, rows) in [
        ("mask", 190..280, 155..190),
        ("bar over the eyes", 185..285, 118..142),
    ] {
        let hide = |_, picture: Picture| picture.covered(columns.clone(), rows.clone());
        for (pictures, faces) in [(studio.alone(hide), 1), (studio.both(hide), 2)] {
            let report = studio.judge(&pictures, &[]);
            assert_ne!(verdict(&report), "genuine", "{name}: {report}");
            assert_eq!(report["faces"], faces, "{name}: {report}");
        }
    }
}

/// The door, which opens for genuine people alone, stays closed while somebody beside them cannot be
/// judged.
#[test]
fn a_door_does_not_open_for_a_bystander() {
    let studio = Studio::open();
    type Hide = fn(usize, Picture) -> Picture;
    for (name, hide, opens) in [
        ("nobody else", (|_, picture| picture.black()) as Hide, true),
        ("in plain sight", |_, picture| picture, false),
        ("dark", |_, picture| picture.map(|v| v / 10), false),
        (
            "comes and goes",
            |at, picture| match at % 10 {
                0..4 => picture,
                _ => picture.map(|value| 90 + value / 16),
            },
            false,
        ),
    ] {
        film(
            &studio.both(hide),
            &studio.folder.path().join("clip.mp4"),
            &[],
        );
        let pin = studio.folder.path().join("pin");
        let _ = std::fs::remove_file(&pin);
        let mut arguments = vec![
            "run",
            "--source",
            "clip.mp4",
            "--set",
            "alarm.transcript=pin",
        ];
        let patterns = ["idle", "undecided", "manipulated", "fault"];
        let patterns = patterns.map(|state| format!("alarm.patterns.{state}=off"));
        arguments.extend(patterns.iter().flat_map(|set| ["--set", set]));
        arguments.extend([
            "--set",
            "alarm.patterns.genuine=on",
            "--set",
            "alarm.stall_ms=60000",
        ]);
        let ran = common::unmask_in(studio.folder.path(), &arguments);
        assert!(ran.code < 2, "{name}: {}", ran.stderr);
        let pin = std::fs::read_to_string(&pin).expect("a transcript");
        let is_open = pin.lines().any(|line| line.ends_with(" 1"));
        assert_eq!(is_open, opens, "{name}: {pin}{}", ran.stdout);
    }
}

/// Beside somebody genuine who is larger and longer in view.
#[test]
fn a_bystander_does_not_speak_for_others() {
    let studio = Studio::open();
    let report = studio.judge(
        &studio.both(|at, picture| match at {
            0..30 => picture.black(),
            _ => picture,
        }),
        &[],
    );
    assert_ne!(verdict(&report), "genuine", "{report}");
}
