//! The connection to a real message broker, mosquitto, which is killed again and
//! again.

#[path = "../common/mod.rs"]
mod common;

mod broker;
mod tls;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::Event::Incoming;
use rumqttc::{Client, MqttOptions, Packet, QoS};
use serde_json::Value;
use unmask_edge::alarm::Beacon;
use unmask_edge::builtin::builtin;
use unmask_edge::capture::{FaultCounters, FaultSet};
use unmask_edge::clock::SystemClock;
use unmask_edge::machine::{open_descriptors, resident_bytes};
use unmask_edge::metrics::Metrics;
use unmask_edge::mqtt::{MqttConfig, MqttLink, MqttObserver};
use unmask_edge::observe::{Desk, EventTold, Observer, Request, Status, StreamStatus, desk};
use unmask_shared::event::{EVENT_FORMAT, Event, EventKind};
use unmask_shared::signal::Signal;
use unmask_shared::verdict::Verdict;

use broker::{Broker, Gate, Listener, have_broker};

/// The last state is right so soon after the broker is back.
const RIGHT_WITHIN: Duration = Duration::from_secs(5);

/// A device that is played by the test.
struct Device {
    link: MqttLink,
    observer: MqttObserver,
    desk: Desk,
    metrics: Arc<Metrics>,
    beacon: Arc<Beacon>,
    streams: Vec<StreamStatus>,
    events: u64,
}

impl Device {
    fn start(port: u16) -> Self {
        Self::start_patient(port, Duration::from_secs(3600))
    }

    /// One whose pipeline is believed to hang when it says nothing for `stall`.
    fn start_patient(port: u16, stall: Duration) -> Self {
        let config = MqttConfig {
            host: Some("127.0.0.1".into()),
            port,
            device: Some("kiosk-1".into()),
            ..MqttConfig::default()
        };
        Self::with(&config, stall)
    }

    fn with(config: &MqttConfig, stall: Duration) -> Self {
        let bundle = builtin().unwrap();
        let names = ["front door".to_owned()];
        let metrics = Arc::new(Metrics::new(&bundle, &names));
        let (requester, desk) = desk();
        let beacon = Arc::new(Beacon::new(Arc::new(SystemClock::default()), stall));
        let started = MqttLink::start(
            config,
            &names,
            "model",
            Arc::clone(&metrics),
            requester,
            Arc::clone(&beacon),
        );
        let (link, observer) = started.unwrap().unwrap();
        let streams = names.map(|name| StreamStatus {
            name,
            faults: FaultSet::default(),
            counters: FaultCounters::default(),
            captured: 0,
            dropped: 0,
            judged: 0,
            rate_hz: 30.0,
        });
        Self {
            link,
            observer,
            desk,
            metrics,
            beacon,
            streams: streams.to_vec(),
            events: 0,
        }
    }

    fn show(&mut self, shown: Signal, alarms: u64) {
        self.observer.status(&Status {
            streams: &self.streams,
            shown,
            is_acknowledged: false,
            alarms,
            log: None,
            stalls: 0,
            serial_dropped: None,
            pin_failed: false,
        });
    }

    fn happen(&mut self) {
        let event = Event {
            format: EVENT_FORMAT,
            sequence: self.events,
            time_us: 0,
            source: std::iter::repeat_n('s', 4).collect(),
            track: 1,
            first_frame: 0,
            frame: self.events,
            kind: EventKind::VerdictChanged,
            verdict: Verdict::Manipulated,
            reason: None,
            score: Some(0.9),
            llr: 4.6,
            model: std::iter::repeat_n('m', 4).collect(),
            run: 7,
            coverage: Some(0.5),
            stream_us: 0,
            rate_hz: 30.0,
        };
        self.events += 1;
        self.observer.event(&EventTold {
            stream: 0,
            event: &event,
            unix_us: 1,
            entry: None,
            has_still: false,
        });
    }
}

/// Kills the broker so often; returns the longest time until its states were right.
fn survive(rounds: u64) -> Duration {
    let mut broker = Broker::start();
    let gate = Gate::new(broker.port);
    let mut device = Device::start(gate.port);
    let mut longest = Duration::ZERO;
    let mut ids = HashSet::new();
    let mut before = (0, 0);
    for round in 0..rounds {
        let mut listener = Listener::start(broker.port);
        gate.open(true);
        let back = Instant::now();
        let shown = if round % 2 == 0 {
            Signal::Manipulated
        } else {
            Signal::Genuine
        };
        device.show(shown, round);
        device.happen();
        let state = shown.to_string();
        listener.wait_for("unmask/kiosk-1/alarm", RIGHT_WITHIN, |payload| {
            let payload: Value = serde_json::from_str(payload).unwrap();
            payload["state"] == state.as_str() && payload["alarms"] == round
        });
        listener.wait_for("unmask/kiosk-1/availability", RIGHT_WITHIN, |p| {
            p == "online"
        });
        longest = longest.max(back.elapsed());
        // Every event arrives, also those that happened while nobody was there.
        listener.wait_for("unmask/kiosk-1/event", RIGHT_WITHIN, |payload| {
            let payload: Value = serde_json::from_str(payload).unwrap();
            ids.insert(payload["id"].as_str().unwrap().to_owned());
            ids.len() as u64 == device.events
        });
        gate.open(false);
        broker.kill();
        drop(listener);
        device.show(Signal::Idle, round);
        device.happen();
        broker.start_again();
        if round == rounds / 10 {
            before = (resident_bytes().unwrap(), open_descriptors().unwrap());
        }
    }
    let after = (resident_bytes().unwrap(), open_descriptors().unwrap());
    let grown = after.0.saturating_sub(before.0);
    println!(
        "{rounds} rounds: right within {longest:?}, {grown} bytes grown, descriptors {} to {}",
        before.1, after.1
    );
    assert!(grown < 4 << 20, "{grown} bytes");
    assert!(
        after.1 <= before.1 + 4,
        "{} to {} descriptors",
        before.1,
        after.1
    );
    assert_eq!(device.link.outbox().dropped(), 0);
    longest
}

#[test]
fn states_are_right_and_events_whole_after_the_broker_was_killed() {
    if have_broker("states_are_right_and_events_whole_after_the_broker_was_killed") {
        assert!(survive(6) < RIGHT_WITHIN);
    }
}

/// The same a hundred times:
///
///     cargo test --release --workspace --test mqtt -- --ignored --nocapture
#[test]
#[ignore = "takes two minutes"]
fn a_hundred_times() {
    assert!(survive(100) < RIGHT_WITHIN);
}

/// Lets a topic hold a message of so many bytes.
fn hold(port: u16, topic: &str, bytes: usize) {
    let mut options = MqttOptions::new("somebody", "127.0.0.1", port);
    options.set_max_packet_size(16 << 20, 16 << 20);
    let (client, mut connection) = Client::new(options, 10);
    let sent = client.publish(topic, QoS::AtLeastOnce, true, vec![b'x'; bytes]);
    sent.unwrap();
    let is_held = connection
        .iter()
        .take(100)
        .any(|event| matches!(event, Ok(Incoming(Packet::PubAck(_)))));
    assert!(is_held, "{bytes} bytes were not taken");
}

/// A message of any length that is held in the topic of acknowledgements is passed over.
#[test]
fn a_long_message_does_not_end_the_connection() {
    if !have_broker("a_long_message_does_not_end_the_connection") {
        return;
    }
    for bytes in [20_000, 2_000_000] {
        let broker = Broker::start();
        hold(broker.port, "unmask/kiosk-1/alarm/acknowledge", bytes);
        let device = Device::start(broker.port);
        let start = Instant::now();
        let connects = || device.metrics.device.mqtt_connects.get();
        while device.metrics.device.mqtt_ignored.get() == 0 {
            assert!(
                start.elapsed() < RIGHT_WITHIN,
                "{bytes}: it was not counted"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_secs(3));
        assert!(connects() <= 2, "{bytes}: {} connections", connects());
    }
}

/// A broker keeps one connection of each name: the two must not fight for it for ever.
#[test]
fn two_devices_of_one_name_take_turns_ever_more_slowly() {
    if !have_broker("two_devices_of_one_name_take_turns_ever_more_slowly") {
        return;
    }
    let broker = Broker::start();
    let devices = [Device::start(broker.port), Device::start(broker.port)];
    std::thread::sleep(Duration::from_secs(16));
    for device in &devices {
        let connects = device.metrics.device.mqtt_connects.get();
        // Four a second at first, and so it went on before.
        assert!((3..=18).contains(&connects), "{connects} connections");
    }
}

/// Whoever fights for a name says so, with the remedy.
#[test]
fn a_device_whose_name_is_taken_says_so() {
    if !have_broker("a_device_whose_name_is_taken_says_so") {
        return;
    }
    let broker = Broker::start();
    let _other = Device::start(broker.port);
    let mut command = common::command();
    command.args(["run", "--source", "synthetic:8", "--realtime"]);
    command.args([
        "--set",
        "mqtt.host=127.0.0.1",
        "--set",
        "mqtt.device=kiosk-1",
    ]);
    command.args(["--set", &format!("mqtt.port={}", broker.port)]);
    command.env("RUST_LOG", "error");
    let log = common::log_until(
        &mut command,
        Duration::ZERO,
        "is another device of this name there?",
    );
    assert!(log.contains("mqtt.device"), "{log}");
    assert!(!log.contains('\x1b'), "colours without a terminal: {log}");
}

/// Two machines that nobody named have names of their own.
#[test]
fn a_device_without_a_name_has_that_of_its_machine() {
    if !have_broker("a_device_without_a_name_has_that_of_its_machine") {
        return;
    }
    let broker = Broker::start();
    let mut listener = Listener::start(broker.port);
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let name = name.trim().replace(|c: char| !is_plain(c), "-");
    let port = format!("mqtt.port={}", broker.port);
    let mut child = common::command()
        .args(["run", "--source", "synthetic:8", "--realtime"])
        .args(["--set", "mqtt.host=127.0.0.1", "--set", &port])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let topic = format!("unmask/{name}/availability");
    listener.wait_for(&topic, Duration::from_secs(60), |p| p == "online");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The pipeline cannot say that it hangs: the connection's own thread does.
#[test]
fn a_pipeline_that_hangs_is_told_within_two_seconds() {
    if !have_broker("a_pipeline_that_hangs_is_told_within_two_seconds") {
        return;
    }
    let broker = Broker::start();
    let mut listener = Listener::start(broker.port);
    let mut device = Device::start_patient(broker.port, Duration::from_secs(1));
    device.beacon.show(Signal::Idle);
    device.show(Signal::Idle, 0);
    let alarm = "unmask/kiosk-1/alarm";
    listener.wait_for(alarm, RIGHT_WITHIN, |p| p.contains("idle"));
    listener.wait_for(alarm, Duration::from_secs(4), |p| p.contains("safe"));
    let availability = "unmask/kiosk-1/availability";
    listener.wait_for(availability, RIGHT_WITHIN, |p| p == "offline");
    let beacon = Arc::clone(&device.beacon);
    let alive = std::thread::spawn(move || {
        for _ in 0..40 {
            beacon.show(Signal::Idle);
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    listener.wait_for(availability, Duration::from_secs(3), |p| p == "online");
    listener.wait_for(alarm, Duration::from_secs(3), |p| p.contains("idle"));
    alive.join().unwrap();
}

#[test]
fn a_device_tells_what_it_is_takes_acknowledgements_and_says_when_it_goes() {
    if !have_broker("a_device_tells_what_it_is_takes_acknowledgements_and_says_when_it_goes") {
        return;
    }
    let broker = Broker::start();
    // An old acknowledgement that was retained is none.
    let old = Listener::start(broker.port);
    old.publish("unmask/kiosk-1/alarm/acknowledge", true, "ACK");
    std::thread::sleep(Duration::from_millis(200));
    let device = Device::start(broker.port);
    let mut listener = Listener::start(broker.port);
    listener.wait_for("unmask/kiosk-1/availability", RIGHT_WITHIN, |p| {
        p == "online"
    });
    let configs = [
        "homeassistant/binary_sensor/unmask_kiosk-1/alarm/config",
        "homeassistant/binary_sensor/unmask_kiosk-1/fault/config",
        "homeassistant/button/unmask_kiosk-1/acknowledge/config",
        "homeassistant/sensor/unmask_kiosk-1/verdict_0/config",
    ];
    let mut unique = HashSet::new();
    for topic in configs {
        listener.wait_for(topic, RIGHT_WITHIN, |payload| {
            let config: Value = serde_json::from_str(payload).unwrap();
            assert_eq!(config["availability_topic"], "unmask/kiosk-1/availability");
            assert_eq!(config["device"]["identifiers"][0], "unmask_kiosk-1");
            unique.insert(config["unique_id"].as_str().unwrap().to_owned())
        });
    }
    assert_eq!(unique.len(), configs.len());
    assert_eq!(device.desk.next(), None);
    listener.publish("unmask/kiosk-1/alarm/acknowledge", false, "ACK");
    let start = Instant::now();
    while device.desk.next() != Some(Request::Acknowledge) {
        assert!(start.elapsed() < RIGHT_WITHIN);
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(device);
    listener.wait_for("unmask/kiosk-1/availability", RIGHT_WITHIN, |p| {
        p == "offline"
    });
}

#[test]
fn the_program_tells_a_broker_and_takes_its_acknowledgement() {
    if !have_broker("the_program_tells_a_broker_and_takes_its_acknowledgement") {
        return;
    }
    let broker = Broker::start();
    let mut listener = Listener::start(broker.port);
    let port = format!("mqtt.port={}", broker.port);
    let mut child = common::command()
        .args([
            "run",
            "--source",
            "synthetic:8",
            "--realtime",
            "--max-frames",
            "600",
        ])
        .args([
            "--set",
            "mqtt.host=127.0.0.1",
            "--set",
            &port,
            "--set",
            "mqtt.device=unmask",
            "--set",
            "alarm.stall_ms=5000",
        ])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let minute = Duration::from_secs(60);
    listener.wait_for("unmask/unmask/camera/0/verdict", minute, |payload| {
        payload.contains("\"state\":\"manipulated\"")
    });
    listener.wait_for("unmask/unmask/event", minute, |payload| {
        payload.contains("verdict_changed") && payload.contains("\"id\":\"unmask-")
    });
    listener.wait_for("unmask/unmask/alarm", minute, |payload| {
        payload.contains("manipulated")
    });
    listener.publish("unmask/unmask/alarm/acknowledge", false, "ACK");
    listener.wait_for("unmask/unmask/alarm", minute, |payload| {
        payload.contains("\"acknowledged\":true")
    });
    let pid = child.id().to_string();
    std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status()
        .unwrap();
    listener.wait_for("unmask/unmask/availability", minute, |payload| {
        payload == "offline"
    });
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn without_a_broker_events_are_bounded_and_counted() {
    let mut device = Device::start(broker::free_port());
    for _ in 0..1000 {
        device.happen();
    }
    assert_eq!(device.link.outbox().waiting(), 256);
    assert_eq!(device.link.outbox().dropped(), 1000 - 256);
    let start = Instant::now();
    drop(device);
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "the end must not wait"
    );
}
