//! Events and manifests come back as they went, and damaged ones are refused.
#![cfg(feature = "std")]

mod common;

use common::manifest;
use proptest::prelude::*;
use unmask_shared::event::EVENT_FORMAT;
use unmask_shared::manifest::ModelKind;
use unmask_shared::{Event, EventKind, Manifest, ManifestError, Reason, Verdict};

fn verdict() -> impl Strategy<Value = (Verdict, Option<Reason>)> {
    prop_oneof![
        Just((Verdict::Genuine, None)),
        Just((Verdict::Manipulated, None)),
        prop::option::of(prop::sample::select(Reason::ALL.to_vec()))
            .prop_map(|reason| (Verdict::Undecided, reason)),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let kinds = [&EventKind::ALL[..], &[EventKind::Other(200)]].concat();
    (
        (any::<u64>(), any::<u64>(), "\\PC{0,30}", any::<u32>()),
        (0..u64::MAX / 2, 0..u64::MAX / 2),
        prop::sample::select(kinds),
        verdict(),
        prop::option::of(0.0_f32..=1.0),
        -100.0_f32..100.0,
        "[a-z0-9-]{0,40}",
    )
        .prop_map(
            |(ids, frames, kind, (verdict, reason), score, llr, model)| Event {
                format: EVENT_FORMAT,
                sequence: ids.0,
                time_us: ids.1,
                source: ids.2.as_str().try_into().unwrap_or_default(),
                track: ids.3,
                first_frame: frames.0,
                frame: frames.0 + frames.1,
                kind,
                verdict,
                reason,
                // Beside a verdict it is on its side.
                score: score.map(|score| match verdict {
                    Verdict::Genuine => score / 2.0,
                    Verdict::Manipulated => 0.5 + score / 2.0,
                    Verdict::Undecided => score,
                }),
                llr,
                model: model.as_str().try_into().unwrap_or_default(),
                run: ids.3 ^ 1,
                coverage: score,
                stream_us: ids.1 ^ 5,
                rate_hz: score.unwrap_or_default() * 60.0,
            },
        )
}

proptest! {
    #[test]
    fn events_round_trip(event in event()) {
        let bytes = event.to_bytes().expect("valid");
        prop_assert_eq!(Event::from_bytes(&bytes).expect("own bytes"), event.clone());
        let json = serde_json::to_vec(&event).expect("plain data");
        prop_assert_eq!(Event::from_json(&json).expect("own JSON"), event);
    }

    #[test]
    fn what_is_read_as_an_event_is_written_the_same(
        event in event(),
        at in any::<prop::sample::Index>(),
        with in any::<u8>(),
    ) {
        let mut bytes = event.to_bytes().expect("valid").to_vec();
        let at = at.index(bytes.len());
        bytes[at] = with;
        if let Ok(read) = Event::from_bytes(&bytes) {
            prop_assert_eq!(read.to_bytes().expect("valid").to_vec(), bytes.clone());
        }
        prop_assert!(Event::from_bytes(&bytes[..at]).is_err());
    }

    #[test]
    fn hostile_bytes_are_refused_quietly(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(read) = Event::from_bytes(&bytes) {
            prop_assert_eq!(read.to_bytes().expect("valid").to_vec(), bytes.clone());
        }
        let _either = Event::from_json(&bytes);
        prop_assert!(Manifest::from_postcard(&bytes).is_err());
        prop_assert!(Manifest::from_json(&bytes).is_err());
    }

    #[test]
    fn manifests_round_trip(
        release in any::<u32>(),
        seed in any::<u64>(),
        scale in 1e-6_f32..1e6,
        bias in -1e3_f32..1e3,
        logits in prop::collection::vec(-64.0_f32..64.0, 0..=32),
    ) {
        let mut written = manifest();
        written.release = release;
        written.calibration.scale = scale;
        written.calibration.bias = bias;
        written.golden[0].seed = seed;
        written.golden[0].frames = logits.len() as u16;
        written.golden[0].logits = logits.into_iter().collect();
        let json = written.to_json().expect("valid");
        prop_assert_eq!(&Manifest::from_json(&json).expect("own JSON"), &written);
        let mut buffer = [0; 8192];
        let bytes = written.to_postcard(&mut buffer).expect("fits");
        prop_assert_eq!(Manifest::from_postcard(bytes).expect("own bytes"), written);
    }

    #[test]
    fn damaged_manifests_never_panic(at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let json = manifest().to_json().expect("valid");
        let mut damaged = json.clone();
        let at = at.index(damaged.len());
        damaged[at] = with;
        if let Ok(read) = Manifest::from_json(&damaged) {
            prop_assert_eq!(read.check(), Ok(()));
        }
        if at + 1 < json.len() {
            prop_assert!(Manifest::from_json(&json[..at]).is_err());
        }
    }
}

/// A change to a good manifest, and the field that must be named.
type Change = (fn(&mut Manifest), &'static str);

#[test]
fn values_out_of_range_are_named() {
    let changes: &[Change] = &[
        (|m| m.name = "../etc".try_into().expect("fits"), "name"),
        (|m| m.name = "".try_into().expect("fits"), "name"),
        (|m| m.crop.size = 8, "crop.size"),
        (|m| m.crop.eye_distance = f32::NAN, "crop.eye_distance"),
        (|m| m.crop.eye_line = 1.5, "crop.eye_line"),
        (
            |m| m.graph.file = "other.onnx".try_into().expect("fits"),
            "graph.file",
        ),
        (|m| m.graph.embedding_len = 0, "graph.embedding_len"),
        (|m| m.graph.evidence_side = 113, "graph.evidence_side"),
        (
            |m| m.graph.states[0].shape = [1, 65535, 65535, 2],
            "graph.states",
        ),
        (|m| m.graph.states[0].shape = [2, 1, 1, 1], "graph.states"),
        (|m| m.graph.states[1].input = m.graph.image.clone(), "graph"),
        (|m| m.graph.logit = "".try_into().expect("fits"), "graph"),
        (|m| m.kind = ModelKind::Frame, "graph.states"),
        (
            |m| m.kind = ModelKind::Clip { frames: 0 },
            "kind.clip.frames",
        ),
        (|m| *m = of_clips(65), "kind.clip.frames"),
        (
            |m| {
                *m = of_clips(25);
                m.golden[0].frames = 49;
            },
            "golden",
        ),
        (|m| m.calibration.scale = -1.0, "calibration"),
        (|m| m.operating_point.genuine_below = 0.9, "operating_point"),
        (|m| m.operating_point.bpcer = f32::NAN, "operating_point"),
        (|m| m.verdict.frames_min = 0, "verdict"),
        (|m| m.golden[0].frames = 9, "golden"),
        (|m| m.golden[0].logits[0] = f32::INFINITY, "golden"),
        (
            |m| m.provenance.config_sha256 = "ABC".try_into().expect("fits"),
            "provenance.config_sha256",
        ),
        (|m| m.provenance.minutes = -1.0, "provenance.minutes"),
        (|m| m.figures[0].value = f32::NAN, "figures"),
    ];
    for (change, expected) in changes {
        let mut changed = manifest();
        change(&mut changed);
        match changed.check() {
            Err(ManifestError::Field { field, .. }) => assert_eq!(field, *expected),
            other => panic!("{expected}: {other:?}"),
        }
        assert!(changed.to_json().is_err(), "{expected} was written");
    }
    let mut newer = manifest();
    newer.format = 2;
    assert_eq!(newer.check(), Err(ManifestError::Format(2)));
}

/// A manifest of a network that judges clips of so many frames.
fn of_clips(frames: u16) -> Manifest {
    let mut manifest = manifest();
    manifest.kind = ModelKind::Clip { frames };
    manifest.graph.states.clear();
    manifest.golden[0].frames = 2 * frames;
    manifest
}

#[test]
fn kinds_are_written_by_name() {
    for (kind, json) in [
        (ModelKind::Stream, "\"stream\""),
        (ModelKind::Frame, "\"frame\""),
        (ModelKind::Clip { frames: 25 }, "{\"clip\":{\"frames\":25}}"),
    ] {
        assert_eq!(serde_json::to_string(&kind).expect("plain data"), json);
    }
    let written = of_clips(25);
    let json = written.to_json().expect("valid");
    assert_eq!(Manifest::from_json(&json).expect("own JSON"), written);
}
