use super::*;

const FRAME_S: f32 = 0.04;

fn face(x: f32, y: f32, side: f32) -> Face {
    let bbox = FaceBox {
        x,
        y,
        width: side,
        height: side,
    };
    Face {
        bbox,
        landmarks: bbox.mean_landmarks(),
        score: 0.9,
    }
}

fn tracker() -> Tracker {
    Tracker::new(TrackerConfig::default())
}

fn run(tracker: &mut Tracker, every: u32, frame: u32, faces: &[Face]) {
    tracker.advance(FRAME_S);
    if frame.is_multiple_of(every) {
        tracker.correct(faces);
    }
}

/// Uniform in -1 to 1.
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as f32 / (1 << 23) as f32 - 1.0
    }

    /// What a detector would say that is off by up to `part` of the width.
    fn blur(&mut self, face: Face, part: f32) -> Face {
        let width = face.bbox.width;
        let mut off = || part * width * self.next();
        let mut blurred = face;
        (blurred.bbox.x, blurred.bbox.y) = (face.bbox.x + off(), face.bbox.y + off());
        blurred.bbox.width += off();
        blurred.bbox.height += off();
        for point in &mut blurred.landmarks {
            *point = Point::new(point.x + off(), point.y + off());
        }
        blurred
    }
}

#[test]
fn a_face_of_constant_speed_is_not_lagged_behind() {
    for (every, speed) in [(1, 4.0), (5, 4.0), (1, 9.0), (5, -3.0)] {
        let mut tracker = tracker();
        for frame in 0..100 {
            let truth = face(
                500.0 + speed * frame as f32,
                80.0,
                90.0 + 0.3 * frame as f32,
            );
            run(&mut tracker, every, frame, &[truth]);
            let [track] = tracker.tracks() else {
                panic!("{} tracks", tracker.tracks().len());
            };
            assert_eq!(track.key, 0);
            let lag = (track.landmarks.iter().zip(truth.landmarks))
                .map(|(followed, truth)| followed.distance(truth))
                .fold((track.bbox.x - truth.bbox.x).abs(), f32::max);
            assert!(
                frame < 30 || lag < 0.5,
                "frame {frame}: {lag} px behind at {speed} px a frame, searched every {every}"
            );
        }
    }
}

#[test]
fn a_face_that_sets_off_is_caught_up_with() {
    for every in [1, 5] {
        let mut tracker = tracker();
        let mut worst: f32 = 0.0;
        for frame in 0..100 {
            let x = 100.0 + 5.0 * (frame as f32 - 50.0).max(0.0);
            run(&mut tracker, every, frame, &[face(x, 80.0, 90.0)]);
            let lag = (tracker.tracks()[0].bbox.x - x).abs();
            worst = worst.max(lag);
            assert!(frame < 80 || lag < 3.0, "frame {frame}: {lag} px behind");
        }
        // What it goes until it is searched for again, and a little.
        let until = 5.0 * (every as f32 - 1.0);
        assert!(
            worst < until + 0.15 * 90.0,
            "{worst} px behind, every {every}"
        );
    }
}

/// Standard deviation of what is followed and of what was detected, and the mean lag of the
/// former, in pixels.
fn jitter(every: u32, speed: f32) -> (f32, f32, f32) {
    let (mut tracker, mut noise) = (tracker(), Noise(every + 9));
    let (mut followed, mut detected, mut count, mut lag) = (0.0, 0.0, 0.0, 0.0);
    for frame in 0..2000 {
        let truth = face(100.0 + speed * frame as f32, 100.0, 100.0);
        let seen = noise.blur(truth, 0.02);
        run(&mut tracker, every, frame, &[seen]);
        if frame > 100 && frame % every == 0 {
            for at in 0..5 {
                let off = tracker.tracks()[0].landmarks[at].x - truth.landmarks[at].x;
                followed += off.powi(2);
                detected += (seen.landmarks[at].x - truth.landmarks[at].x).powi(2);
                lag += off;
                count += 1.0;
            }
        }
    }
    let deviation = |sum: f32| (sum / count).sqrt();
    (deviation(followed), deviation(detected), lag / count)
}

#[test]
fn the_jitter_of_the_detector_is_halved() {
    for (every, speed) in [(1, 0.0), (5, 0.0), (1, 3.0), (5, 3.0)] {
        let (followed, detected, lag) = jitter(every, speed);
        println!("every {every}, {speed} px a frame: {followed:.2} px of {detected:.2}");
        assert!(followed < 0.5 * detected, "{followed} px of {detected}");
        assert!(lag.abs() < 0.1, "{lag} px behind at {speed} px a frame");
    }
}

/// Whether two people who walk past each other have their own numbers at the end. Where they
/// overlap by half, only the larger one is found.
fn cross(noise: &mut Noise, every: u32) -> bool {
    let mut tracker = tracker();
    let speeds = [4.0 + 2.0 * noise.next(), -4.0 + 2.0 * noise.next()];
    let sides = [80.0, 80.0 + 16.0 * noise.next()];
    let rows = [100.0, 100.0 + 30.0 * noise.next()];
    let starts = [100.0, 100.0 + 50.0 * (speeds[0] - speeds[1])];
    for frame in 0..100 {
        let at = |who: usize| {
            face(
                starts[who] + speeds[who] * frame as f32,
                rows[who],
                sides[who],
            )
        };
        let people = [at(0), at(1)].map(|face| noise.blur(face, 0.03));
        let is_hidden = people[0].bbox.iou(&people[1].bbox) > 0.35;
        let front = usize::from(sides[1] > sides[0]);
        let seen = if is_hidden {
            &people[front..=front]
        } else {
            &people[..]
        };
        run(&mut tracker, every, frame, seen);
    }
    let [one, other] = tracker.tracks() else {
        return false;
    };
    (one.key, other.key) == (0, 1) && one.bbox.x > other.bbox.x
}

#[test]
fn people_who_pass_in_front_of_each_other_keep_their_numbers() {
    for every in [1, 2, 3, 5] {
        let mut noise = Noise(every);
        let kept = (0..200).filter(|_| cross(&mut noise, every)).count();
        println!("searched every {every} frames: {kept} of 200 pairs kept their numbers");
        assert!(kept >= 196, "{kept} of 200, searched every {every} frames");
    }
}

#[test]
fn faces_that_cross_keep_their_tracks() {
    let mut tracker = tracker();
    for frame in 0..80 {
        let left = face(50.0 + 5.0 * frame as f32, 100.0, 80.0);
        let right = face(450.0 - 5.0 * frame as f32, 150.0, 80.0);
        run(&mut tracker, 4, frame, &[left, right]);
    }
    let tracks = tracker.tracks();
    assert_eq!(tracks.len(), 2);
    assert_eq!((tracks[0].key, tracks[1].key), (0, 1));
    assert!(
        tracks[0].bbox.x > 400.0 && tracks[1].bbox.x < 100.0,
        "{tracks:?}"
    );
}

/// Twenty people who mill around on a grid, each with a place of their own to which they sway.
#[test]
fn twenty_faces_keep_their_numbers() {
    let (mut tracker, mut noise) = (tracker(), Noise(3));
    let place = |who: usize, frame: u32| {
        let phase = who as f32 + 0.06 * frame as f32;
        let (x, y) = (120.0 * (who % 5) as f32, 120.0 * (who / 5) as f32);
        face(x + 35.0 * phase.sin(), y + 35.0 * (1.3 * phase).cos(), 60.0)
    };
    for frame in 0..400 {
        let mut crowd: Vec<Face> = (0..20).map(|who| place(who, frame)).collect();
        // Faces come in the order of their size, and not all are found.
        let shift = frame as usize % 20;
        crowd.rotate_left(shift);
        crowd.truncate(if frame % 45 < 10 { 16 } else { 20 });
        let crowd: Vec<Face> = crowd.iter().map(|&f| noise.blur(f, 0.03)).collect();
        run(
            &mut tracker,
            5,
            frame,
            if frame == 0 { &[] } else { &crowd },
        );
    }
    assert_eq!(tracker.tracks().len(), 20);
    let mut places: Vec<usize> = Vec::new();
    for track in tracker.tracks() {
        assert!(track.key < 20, "somebody got a new number: {}", track.key);
        let nearest = (0..20).min_by(|&a, &b| {
            let away = |who| place(who, 399).bbox.centre().distance(track.bbox.centre());
            away(a).total_cmp(&away(b))
        });
        places.extend(nearest);
    }
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 20, "each track is at a person of its own");
}

#[test]
fn at_most_so_many_tracks_whatever_the_detector_says() {
    let config = TrackerConfig::default();
    let mut tracker = Tracker::new(config);
    let crowd: Vec<Face> = (0..60).map(|i| face(100.0 * i as f32, 0.0, 50.0)).collect();
    for frame in 0..50 {
        run(&mut tracker, 1, frame, &crowd);
        assert!(tracker.tracks().len() <= config.tracks_max);
        assert!(tracker.is_crowded());
    }
    let first = config.tracks_max as u64;
    assert!(tracker.tracks().iter().all(|t| t.key < first));
    // Those who are followed are all who are left.
    run(&mut tracker, 1, 50, &crowd[..24]);
    assert!(!tracker.is_crowded());
}

#[test]
fn a_face_that_is_lost_for_a_moment_goes_on_and_later_is_somebody_else() {
    // Frames at 25 a second without the face, and whether it is the same one afterwards.
    for (gap, every, is_same) in [
        (5, 1, true),
        (20, 1, true),
        (15, 5, true),
        (27, 1, false),
        (35, 5, false),
    ] {
        let mut tracker = tracker();
        for frame in 0..100 {
            let there = face(100.0 + 2.0 * frame as f32, 100.0, 80.0);
            let is_gone = (50..50 + gap).contains(&frame);
            run(
                &mut tracker,
                every,
                frame,
                if is_gone {
                    &[]
                } else {
                    std::slice::from_ref(&there)
                },
            );
            assert!(
                !(is_gone && frame >= 50 + every)
                    || tracker.tracks().iter().all(|t| !t.is_in_view())
            );
        }
        let keys: Vec<u64> = tracker.tracks().iter().map(|t| t.key).collect();
        assert_eq!(
            keys,
            [if is_same { 0 } else { 1 }],
            "{gap} frames, every {every}"
        );
    }
}

#[test]
fn the_gap_is_one_of_time_not_of_frames() {
    // 10 frames are 0.2 s in one stream and 2 s in the other.
    for (rate, is_same) in [(50.0, true), (5.0, false)] {
        let mut tracker = tracker();
        for frame in 0..40 {
            tracker.advance(1.0 / rate);
            let there = [face(100.0, 100.0, 80.0)];
            tracker.correct(if (20..30).contains(&frame) {
                &[]
            } else {
                &there
            });
        }
        assert_eq!(
            tracker.tracks()[0].key == 0,
            is_same,
            "{rate} frames a second"
        );
    }
    // Nothing at all for two seconds, as when a camera stalls.
    let mut tracker = tracker();
    for seconds in [0.0, 0.04, 0.04, 2.0] {
        tracker.advance(seconds);
        tracker.correct(&[face(100.0, 100.0, 80.0)]);
    }
    assert_eq!(tracker.tracks()[0].key, 1);
}

#[test]
fn a_stream_of_few_frames_is_followed_all_the_same() {
    let mut tracker = tracker();
    for _ in 0..20 {
        tracker.advance(2.0);
        tracker.correct(&[face(100.0, 100.0, 80.0)]);
    }
    assert_eq!(tracker.tracks()[0].key, 0);
}

#[test]
fn a_machine_that_takes_its_time_with_some_frames_loses_nobody() {
    let mut tracker = tracker();
    for frame in 0..60 {
        tracker.advance(if frame % 4 == 3 { 1.4 } else { 0.4 });
        tracker.correct(&[face(100.0, 100.0, 80.0)]);
    }
    assert_eq!(tracker.tracks()[0].key, 0);
}

#[test]
fn a_newcomer_is_somebody_else() {
    let mut tracker = tracker();
    for frame in 0..10 {
        run(&mut tracker, 1, frame, &[face(100.0, 100.0, 80.0)]);
    }
    for frame in 0..30 {
        run(&mut tracker, 1, frame, &[]);
    }
    assert!(tracker.tracks().is_empty());
    run(&mut tracker, 1, 0, &[face(100.0, 100.0, 80.0)]);
    assert_eq!(tracker.tracks()[0].key, 1);
    assert!(tracker.get(0).is_none());
    assert_eq!(tracker.get(1), tracker.tracks().first());
}

#[test]
fn something_seen_once_is_dropped_soon() {
    let mut tracker = tracker();
    tracker.correct(&[face(10.0, 10.0, 60.0)]);
    assert!(tracker.has_unconfirmed());
    for _ in 0..2 {
        tracker.correct(&[]);
        assert!(!tracker.is_confirmed(&tracker.tracks()[0]));
        assert!(!tracker.has_unconfirmed(), "a miss is no reason to hurry");
    }
    tracker.correct(&[]);
    assert!(tracker.tracks().is_empty());
}

/// As behind a light that flickers: found in every third search.
#[test]
fn something_seen_again_in_a_second_is_believed() {
    let mut tracker = tracker();
    for _ in 0..2 {
        tracker.correct(&[face(10.0, 10.0, 60.0)]);
        tracker.correct(&[]);
        tracker.correct(&[]);
    }
    assert!(tracker.is_confirmed(&tracker.tracks()[0]));
}

#[test]
fn two_detections_of_one_face_are_one_track() {
    let mut tracker = tracker();
    tracker.correct(&[face(100.0, 100.0, 100.0), face(110.0, 104.0, 92.0)]);
    assert_eq!(tracker.tracks().len(), 1);
}

/// Whether something is taken for a face after `frames` frames.
fn is_face(score: f32, speed: f32, frames: u32) -> bool {
    let (mut tracker, mut noise) = (tracker(), Noise(5));
    for frame in 0..frames {
        let there = face(100.0 + speed * frame as f32, 100.0, 80.0);
        let seen = Face {
            score,
            ..noise.blur(there, 0.01)
        };
        run(&mut tracker, 1, frame, &[seen]);
    }
    tracker.tracks()[0].is_face()
}

#[test]
fn what_the_finder_doubts_and_what_never_moves_is_no_face() {
    assert!(is_face(0.9, 0.0, 200), "a portrait on the wall is a face");
    assert!(is_face(0.75, 1.0, 50), "somebody who moves");
    assert!(!is_face(0.75, 0.0, 200), "a pattern");
    assert!(!is_face(0.65, 1.0, 50), "a bird");
}

#[test]
fn numbers_that_are_none_do_no_harm() {
    let mut tracker = tracker();
    let broken = face(f32::NAN, f32::INFINITY, f32::NAN);
    for frame in 0..20 {
        run(&mut tracker, 1, frame, &[broken, face(100.0, 100.0, 80.0)]);
    }
    let good = tracker.tracks().iter().filter(|t| t.bbox.is_finite());
    assert_eq!(good.filter(|track| track.hits > 10).count(), 1);
}

/// Frames of a command come in bursts: many within a millisecond, then none for a while.
#[test]
fn frames_in_bursts_keep_their_face() {
    let mut tracker = tracker();
    let mut noise = Noise(5);
    for frame in 0..120 {
        tracker.advance(if frame % 8 == 0 { 0.4 } else { 2e-4 });
        let seen = noise.blur(face(300.0 + frame as f32, 200.0, 100.0), 0.01);
        tracker.correct(&[seen]);
        assert_eq!(tracker.tracks().len(), 1, "frame {frame}");
        let truth = face(300.0 + frame as f32, 200.0, 100.0).bbox;
        let overlap = tracker.tracks()[0].bbox.iou(&truth);
        assert!(overlap > 0.8, "frame {frame}: {overlap}");
    }
}
