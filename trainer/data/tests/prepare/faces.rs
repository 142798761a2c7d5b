//! Which face of a frame is taken, and what damaged and unequal videos give.

use unmask_data::dataset::{FaceChoice, PrepareOptions, SkipReason};

use super::fixture::{DataSet, WIDTH, assert_twins, by_file};

const REAL: &str = "original_sequences/youtube/c23/videos/000.mp4";
const FAKE: &str = "manipulated_sequences/Deepfakes/c23/videos/000_001.mp4";
const MASK: &str = "manipulated_sequences/Deepfakes/masks/videos/000_001.mp4";

/// A real video of two people and a fake in which the smaller face is swapped.
fn duo() -> Option<DataSet> {
    let set = DataSet::new()?;
    set.video("duo_real", REAL);
    set.video("duo_fake", FAKE);
    Some(set)
}

/// Left edges of the faces and why they were taken, of the real video.
fn chosen(set: &DataSet) -> (Vec<(i32, FaceChoice)>, String) {
    let (_, records, table) = set.prepare(&set.options());
    let found = by_file(&records);
    let fakes = &found[FAKE];
    assert!(
        fakes
            .iter()
            .all(|r| r.meta.face_choice == Some(FaceChoice::Twin))
    );
    let face =
        |r: &&unmask_data::dataset::Record| (r.meta.face.unwrap()[0], r.meta.face_choice.unwrap());
    (found[REAL].iter().map(face).collect(), table)
}

#[test]
fn a_mask_decides_between_two_faces() {
    let Some(set) = duo() else { return };
    let (faces, _) = chosen(&set);
    assert_eq!(faces.len(), 2);
    for (left, choice) in faces {
        assert!(left < WIDTH as i32, "{left}");
        assert_eq!(choice, FaceChoice::Largest);
    }
    set.video("duo_mask", MASK);
    let (faces, table) = chosen(&set);
    assert_eq!(faces.len(), 2);
    for (left, choice) in faces {
        assert!(left >= WIDTH as i32, "{left}");
        assert_eq!(choice, FaceChoice::Mask);
    }
    assert!(!table.contains("note_mask"), "{table}");
}

#[test]
fn a_mask_shorter_than_its_video_is_noted_and_its_face_kept() {
    let Some(set) = duo() else { return };
    set.video("duo_mask_short", MASK);
    let (faces, table) = chosen(&set);
    let choices: Vec<FaceChoice> = faces.iter().map(|(_, choice)| *choice).collect();
    assert_eq!(choices, [FaceChoice::Mask, FaceChoice::Near]);
    assert!(
        faces.iter().all(|(left, _)| *left >= WIDTH as i32),
        "{faces:?}"
    );
    let line = format!("set/{FAKE}\tnote_mask_short\tits mask reaches 1 of 2 windows");
    assert!(table.contains(&line), "{table}");

    set.text(MASK, "this is no video");
    let (faces, table) = chosen(&set);
    assert_eq!(faces[0].1, FaceChoice::Largest);
    assert!(table.contains("note_mask_missing"), "{table}");
}

#[test]
fn the_shorter_of_real_and_fake_sets_the_frames() {
    let Some(set) = DataSet::new() else { return };
    set.video("long", REAL);
    set.video("fake0", FAKE);
    let (report, records, table) = set.prepare(&set.options());
    assert_eq!((report.records, report.skipped), (4, 0));
    assert_twins(&records, &[REAL, FAKE]);
    let starts: Vec<u64> = records.iter().filter_map(|r| r.meta.first_frame).collect();
    assert!(
        starts.iter().all(|start| [0, 10].contains(start)),
        "{starts:?}"
    );
    let line = format!("set/{REAL}\tnote_shorter\t12 of 24 frames are used");
    assert!(table.contains(&line), "{table}");
}

#[test]
fn fakes_of_another_shape_are_no_twins() {
    let Some(set) = DataSet::new() else { return };
    set.video("real0", REAL);
    set.video("duo_fake", FAKE);
    let (report, records, _) = set.prepare(&set.options());
    assert_eq!(
        (report.records, report.reasons[&SkipReason::NoteShape]),
        (4, 1)
    );
    assert!(records.iter().all(|record| record.meta.twin.is_none()));
}

#[test]
fn damaged_and_empty_videos_are_named_and_the_rest_goes_on() {
    let Some(set) = DataSet::new() else { return };
    set.video("real0", "real/good.mp4");
    set.video("fake0", "fake/good.mp4");
    set.video("empty", "real/empty.mp4");
    set.cut_video("real1", "real/cut.mp4", 850);
    set.video("fake1", "fake/cut.mp4");
    set.text("real/text.mp4", "this is no video");
    set.text("real/nothing.mp4", "");
    let (report, records, table) = set.prepare(&set.options());
    assert_eq!((report.records, report.skipped), (6, 4), "{table}");
    assert_twins(&records, &["real/good.mp4", "fake/good.mp4"]);
    for line in [
        "set/real/empty.mp4\tno_face\t",
        "set/real/cut.mp4\tunreadable\t",
        "set/real/text.mp4\tunreadable\t",
        "set/real/nothing.mp4\tunreadable\t",
    ] {
        assert!(table.contains(line), "{line} is not in {table}");
    }
    assert!(
        table.contains("cut short or damaged"),
        "ffmpeg's words: {table}"
    );
    // The fake whose original is damaged is cut with a box of its own.
    let alone = &by_file(&records)["fake/cut.mp4"];
    assert!(alone.iter().all(|r| r.meta.twin.is_none()), "{table}");
    assert_eq!(alone[0].meta.face_choice, Some(FaceChoice::Largest));
}

#[test]
fn threads_change_nothing() {
    let Some(set) = DataSet::new() else { return };
    for person in 0..3 {
        set.video(&format!("real{person}"), &format!("real/{person}.mp4"));
        set.video(&format!("fake{person}"), &format!("fake/{person}.mp4"));
    }
    let with = |threads| {
        let options = PrepareOptions {
            threads,
            ..set.options()
        };
        set.prepare(&options).1
    };
    assert_eq!(with(1), with(4));
}
