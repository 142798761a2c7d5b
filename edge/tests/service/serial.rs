//! A serial line on simulated time, in threads, and over a pseudo-terminal.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serial2::SerialPort;
use unmask_edge::alarm::Beacon;
use unmask_edge::clock::{SimulatedClock, SystemClock};
use unmask_edge::serial::{
    Port, PortOpener, RETRY_MAX, RETRY_MIN, SerialConfig, SerialLink, Writer,
};
use unmask_shared::event::EVENT_FORMAT;
use unmask_shared::signal::Signal;
use unmask_shared::wire::{Decoder, Message};
use unmask_shared::{Event, EventKind, Verdict};

const SAFE: Signal = Signal::Safe;
const IDLE: Signal = Signal::Idle;
const GENUINE: Signal = Signal::Genuine;
const ALARM: Signal = Signal::Manipulated;
const BEAT: Duration = Duration::from_millis(500);

pub fn event(sequence: u64) -> Event {
    Event {
        format: EVENT_FORMAT,
        sequence,
        time_us: 0,
        source: "camera".try_into().unwrap(),
        track: 1,
        first_frame: 0,
        frame: sequence,
        kind: EventKind::VerdictChanged,
        verdict: Verdict::Manipulated,
        reason: None,
        score: Some(0.9),
        llr: 4.0,
        model: "m 1".try_into().unwrap(),
        run: 7,
        coverage: Some(1.0),
        stream_us: 0,
        rate_hz: 30.0,
    }
}

/// A line that can be cut, and what came out of it.
#[derive(Clone, Default)]
struct Cable(Arc<Mutex<Ends>>);

#[derive(Default)]
struct Ends {
    is_cut: bool,
    opens: Vec<Duration>,
    bytes: Vec<u8>,
    clock: Arc<SimulatedClock>,
}

impl PortOpener for Cable {
    fn open(&mut self) -> io::Result<Box<dyn Port>> {
        let mut ends = self.0.lock().unwrap();
        let now = unmask_edge::clock::Clock::now(&*ends.clock);
        ends.opens.push(now);
        match ends.is_cut {
            true => Err(io::ErrorKind::NotFound.into()),
            false => Ok(Box::new(self.clone())),
        }
    }

    fn name(&self) -> String {
        "cable".into()
    }
}

impl Port for Cable {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut ends = self.0.lock().unwrap();
        if ends.is_cut {
            // Half of it was on the way.
            ends.bytes.extend_from_slice(&bytes[..bytes.len() / 2]);
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        ends.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

fn messages(bytes: &[u8]) -> Vec<Message> {
    let mut decoder = Decoder::new();
    bytes
        .iter()
        .filter_map(|byte| decoder.push(*byte)?.ok())
        .collect()
}

fn signals(messages: &[Message]) -> Vec<Signal> {
    let signal = |message: &Message| match message {
        Message::State(state) => Some(state.signal),
        Message::Event(_) => None,
    };
    messages.iter().filter_map(signal).collect()
}

#[test]
fn the_signal_is_told_when_it_changes_and_as_a_sign_of_life() {
    let cable = Cable::default();
    let mut writer = Writer::new(cable.clone(), BEAT);
    for ms in 0..2000 {
        let signal = if ms < 1200 {
            Signal::Idle
        } else {
            Signal::Manipulated
        };
        writer.poll(signal, 0, Duration::from_millis(ms));
    }
    let told = messages(&cable.0.lock().unwrap().bytes);
    assert_eq!(signals(&told), [IDLE, IDLE, IDLE, ALARM, ALARM]);
    let counts = told.iter().map(|message| match message {
        Message::State(state) => state.count,
        Message::Event(_) => 0,
    });
    assert!(counts.eq(1..=5));
}

#[test]
fn a_lost_line_is_opened_again_ever_more_slowly_and_the_signal_is_told_first() {
    let clock = Arc::new(SimulatedClock::default());
    let cable = Cable::default();
    cable.0.lock().unwrap().clock = clock.clone();
    let mut writer = Writer::new(cable.clone(), BEAT);
    writer.poll(Signal::Idle, 0, Duration::ZERO);
    cable.0.lock().unwrap().is_cut = true;
    assert!(!writer.send(&Message::Event(event(0)), Duration::ZERO));
    for ms in 0..20_000_u64 {
        writer.poll(Signal::Manipulated, 3, Duration::from_millis(ms));
        clock.advance(Duration::from_millis(1));
    }
    let opens = cable.0.lock().unwrap().opens.clone();
    let mut expected = vec![Duration::ZERO];
    let (mut at, mut after) = (RETRY_MIN, RETRY_MIN);
    while at < Duration::from_secs(20) {
        expected.push(at);
        after = (2 * after).min(RETRY_MAX);
        at += after;
    }
    assert_eq!(opens, expected);
    assert_eq!(writer.errors(), opens.len() as u64);
    cable.0.lock().unwrap().is_cut = false;
    assert!(writer.poll(Signal::Manipulated, 3, Duration::from_secs(30)));
    assert!(writer.send(&Message::Event(event(1)), Duration::from_secs(30)));
    let told = messages(&cable.0.lock().unwrap().bytes);
    let Some([Message::State(state), Message::Event(sent)]) = told.last_chunk() else {
        panic!("{told:?}");
    };
    assert_eq!((state.signal, state.dropped), (Signal::Manipulated, 3));
    assert_eq!(sent.sequence, 1);
}

fn until(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(5), "never");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn events_wait_for_a_lost_line_within_bounds_and_the_rest_is_counted() {
    let cable = Cable::default();
    cable.0.lock().unwrap().is_cut = true;
    let beacon = Arc::new(Beacon::new(Arc::new(SystemClock::default()), BEAT));
    let config = SerialConfig {
        queue_events_max: 8,
        ..SerialConfig::default()
    };
    let link = SerialLink::start(cable.clone(), &config, beacon.clone()).unwrap();
    let start = Instant::now();
    for sequence in 0..100 {
        link.send(&event(sequence));
    }
    assert!(
        start.elapsed() < Duration::from_millis(100),
        "sending waits"
    );
    assert_eq!(link.stats().dropped(), 92);
    cable.0.lock().unwrap().is_cut = false;
    until(|| messages(&cable.0.lock().unwrap().bytes).len() >= 9);
    drop(link);
    let told = messages(&cable.0.lock().unwrap().bytes);
    let sent: Vec<u64> = told
        .iter()
        .filter_map(|message| match message {
            Message::Event(event) => Some(event.sequence),
            Message::State(_) => None,
        })
        .collect();
    assert_eq!(sent, (0..8).collect::<Vec<u64>>());
    let last = told.iter().rev().find_map(|message| match message {
        Message::State(state) => Some(*state),
        Message::Event(_) => None,
    });
    let last = last.unwrap();
    assert_eq!((last.signal, last.dropped), (Signal::Safe, 92));
}

/// One end of a pseudo-terminal.
struct Pty(Option<SerialPort>);

impl PortOpener for Pty {
    fn open(&mut self) -> io::Result<Box<dyn Port>> {
        let port = self.0.take().ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(port))
    }

    fn name(&self) -> String {
        "pty".into()
    }
}

#[test]
fn a_microcontroller_hears_signals_events_a_hang_and_the_end() {
    // What the second end has written before it is closed stays readable.
    let (microcontroller, device) = SerialPort::pair().unwrap();
    let beacon = Arc::new(Beacon::new(
        Arc::new(SystemClock::default()),
        Duration::from_millis(200),
    ));
    let config = SerialConfig {
        beat_ms: 50,
        ..SerialConfig::default()
    };
    let link = SerialLink::start(Pty(Some(device)), &config, beacon.clone()).unwrap();
    let reader = std::thread::spawn(move || {
        let (mut decoder, mut told, mut bytes) = (Decoder::new(), Vec::new(), [0; 256]);
        // Until the other end is closed, or nothing comes for three seconds.
        while let Ok(read @ 1..) = microcontroller.read(&mut bytes) {
            for byte in &bytes[..read] {
                told.extend(decoder.push(*byte));
            }
        }
        told
    });
    beacon.show(Signal::Genuine);
    std::thread::sleep(Duration::from_millis(100));
    beacon.show(Signal::Manipulated);
    link.send(&event(7));
    std::thread::sleep(Duration::from_millis(400));
    beacon.show(Signal::Genuine);
    std::thread::sleep(Duration::from_millis(100));
    drop(link);
    let told: Result<Vec<Message>, _> = reader.join().unwrap().into_iter().collect();
    let told = told.expect("no byte is lost");
    assert!(told.contains(&Message::Event(event(7))));
    let mut order = signals(&told);
    order.dedup();
    let order = order.strip_prefix(&[SAFE]).unwrap_or(&order);
    assert_eq!(order, [GENUINE, ALARM, SAFE, GENUINE, SAFE]);
}
