//! Frames on a serial line, with noise around and inside them.

use proptest::prelude::*;
use unmask_shared::event::EVENT_FORMAT;
use unmask_shared::signal::Signal;
use unmask_shared::wire::{Decoder, FRAME_BYTES_MAX, Message, State, WireError, encode};
use unmask_shared::{Event, EventKind, Reason, Verdict};

fn event(source: &str) -> Event {
    Event {
        format: EVENT_FORMAT,
        sequence: u64::MAX,
        time_us: u64::MAX,
        source: source.try_into().expect("fits"),
        track: u32::MAX,
        first_frame: u64::MAX,
        frame: u64::MAX,
        kind: EventKind::VerdictChanged,
        verdict: Verdict::Undecided,
        reason: Some(Reason::Blurred),
        score: Some(0.25),
        llr: -1.5,
        model: "m".repeat(64).as_str().try_into().expect("fits"),
        run: 7,
        coverage: Some(0.5),
        stream_us: u64::MAX,
        rate_hz: 25.0,
    }
}

fn message() -> impl Strategy<Value = Message> {
    let state = (0..Signal::ALL.len(), any::<u32>(), any::<u32>());
    let state = state.prop_map(|(signal, count, dropped)| {
        Message::State(State {
            signal: Signal::ALL[signal],
            count,
            dropped,
        })
    });
    let event = "[ -~]{0,128}".prop_map(|source| Message::Event(event(&source)));
    prop_oneof![state, event]
}

/// Everything that a decoder makes of some bytes.
fn decode(bytes: impl IntoIterator<Item = u8>) -> Vec<Result<Message, WireError>> {
    let mut decoder = Decoder::new();
    bytes
        .into_iter()
        .filter_map(|byte| decoder.push(byte))
        .collect()
}

fn messages(bytes: impl IntoIterator<Item = u8>) -> Vec<Message> {
    decode(bytes).into_iter().filter_map(Result::ok).collect()
}

#[test]
fn a_frame_is_what_python_writes() {
    // import zlib
    // p = bytes([1, 0, 2, 7, 0])  # version, State, Genuine, count 7, dropped 0
    // f = p + zlib.crc32(p).to_bytes(4, "little")
    // cobs = b"".join(bytes([len(s) + 1]) + s for s in f.split(b"\0"))
    // print((b"\0" + cobs + b"\0").hex())
    let expected = "00020103020705049c87b700";
    let message = Message::State(State {
        signal: Signal::Genuine,
        count: 7,
        dropped: 0,
    });
    let frame = encode(&message).expect("sound");
    let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, expected);
    assert_eq!(decode(frame), [Ok(message)]);
}

#[test]
fn the_largest_event_fits() {
    for length in 0..=128 {
        let message = Message::Event(event(&"x".repeat(length)));
        let frame = encode(&message).expect("fits");
        assert!(frame.len() <= FRAME_BYTES_MAX);
        assert_eq!(messages(frame), [message]);
    }
}

#[test]
fn a_line_of_another_speed_is_told_once_and_ended_by_the_next_zero() {
    let noise = std::iter::repeat_n(0xFF, 5000);
    let message = Message::Event(event("camera"));
    let frame = encode(&message).expect("sound");
    let told = decode(noise.chain(frame));
    assert_eq!(told, [Err(WireError::TooLong), Ok(message)]);
}

#[test]
fn another_version_and_a_contradiction_are_refused() {
    let broken = Event {
        score: Some(2.0),
        ..event("camera")
    };
    assert!(matches!(
        encode(&Message::Event(broken)),
        Err(WireError::Event(_))
    ));
    // As above with version 2.
    let newer = "00020203020705d4e627f000";
    let bytes = (0..newer.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&newer[at..at + 2], 16).expect("hex"));
    assert_eq!(decode(bytes), [Err(WireError::Version(2))]);
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    /// Changes, removes, inserts, repeats or cuts bytes, one to four times.
    fn mutate(&mut self, frame: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self
                .below(frame.len().max(1))
                .min(frame.len().saturating_sub(1));
            match self.below(6) {
                0 if !frame.is_empty() => frame[at] ^= 1_u8 << self.below(8),
                1 if !frame.is_empty() => frame[at] = self.below(256) as u8,
                2 if !frame.is_empty() => drop(frame.remove(at)),
                3 => frame.insert(at, self.below(256) as u8),
                4 => frame.extend_from_within(at..),
                _ => frame.truncate(at),
            }
        }
    }
}

#[test]
fn of_a_million_mutations_none_is_another_message_and_each_leaves_the_next_frame_whole() {
    let all = [
        Message::State(State {
            signal: Signal::Manipulated,
            count: 1_000_000,
            dropped: 0,
        }),
        Message::Event(event("c")),
    ];
    let frames = all.clone().map(|message| encode(&message).expect("sound"));
    let mut random = Random(1);
    let mut decoder = Decoder::new();
    let mut survived = 0;
    for case in 0..1_000_000 {
        let (message, frame) = (&all[case % 2], &frames[case % 2]);
        let mut mutated = frame.to_vec();
        random.mutate(&mut mutated);
        for told in mutated.iter().filter_map(|byte| decoder.push(*byte)) {
            survived += 1;
            assert!(told.is_err() || told.as_ref() == Ok(message), "{told:?}");
        }
        // The first zero may end what was mutated.
        let next = frame.iter().filter_map(|byte| decoder.push(*byte)?.ok());
        let next: Vec<Message> = next.collect();
        assert!((1..=2).contains(&next.len()), "case {case}: {next:?}");
        assert!(next.iter().all(|next| next == message), "case {case}");
    }
    assert!(
        survived > 100_000,
        "the mutations are too coarse: {survived}"
    );
}

#[test]
fn a_decoder_is_small_enough_for_a_microcontroller() {
    assert!(size_of::<Decoder>() < 400, "{}", size_of::<Decoder>());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        decode(bytes);
    }

    #[test]
    fn any_frame_survives_noise_around_it(
        before in prop::collection::vec(any::<u8>(), 0..800),
        first in message(),
        between in prop::collection::vec(any::<u8>(), 0..800),
        second in message(),
        after in prop::collection::vec(any::<u8>(), 0..800),
    ) {
        let (one, two) = (encode(&first).unwrap(), encode(&second).unwrap());
        let noisy = [&before, one.as_slice(), &between, two.as_slice(), &after].concat();
        prop_assert_eq!(messages(noisy), [first, second]);
    }

    #[test]
    fn a_changed_bit_is_never_a_message(message in message(), at in any::<prop::sample::Index>(), bit in 0..8) {
        let mut frame = encode(&message).unwrap();
        // The zeros around a frame may be changed: the next frame brings its own.
        let at = 1 + at.index(frame.len() - 2);
        frame[at] ^= 1_u8 << bit;
        prop_assert_eq!(messages(frame), []);
    }

    #[test]
    fn a_cut_frame_costs_no_other(message in message(), at in any::<prop::sample::Index>()) {
        let frame = encode(&message).unwrap();
        let cut = &frame[..at.index(frame.len() - 1)];
        let told = messages([cut, &frame].concat());
        prop_assert_eq!(told, [message]);
    }
}
