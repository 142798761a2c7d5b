//! The metrics by name.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use unmask_shared::bundle::Bundle;

/// A number that counts up from elsewhere.
pub type Count = Counter<u64, AtomicU64>;
/// A number that goes up and down.
pub type Level = Gauge<f64, AtomicU64>;

/// Upper bounds of the latency's buckets, seconds: around one to three frames at 15
/// to 60 frames a second.
pub const LATENCY_BUCKETS_S: [f64; 14] = [
    0.002, 0.004, 0.006, 0.008, 0.012, 0.016, 0.025, 0.033, 0.05, 0.066, 0.1, 0.2, 0.5, 2.0,
];

/// Which camera.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Camera {
    /// The stream's name.
    pub camera: String,
}

/// Which camera, and what kind of thing.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct CameraKind {
    /// The stream's name.
    pub camera: String,
    /// Which kind.
    pub kind: &'static str,
}

/// Which camera, and which verdict.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct CameraVerdict {
    /// The stream's name.
    pub camera: String,
    /// The verdict.
    pub verdict: &'static str,
}

/// Which of a few.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Which {
    /// Its name.
    pub name: &'static str,
}

/// Why.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Why {
    /// The reason.
    pub reason: &'static str,
}

/// What is shown.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct State {
    /// The signal.
    pub state: &'static str,
}

/// The metrics; copies are the same.
#[derive(Clone, Debug)]
pub struct MetricSet {
    /// `unmask_frames_captured_total`: frames that the device delivered.
    pub captured: Family<Camera, Count>,
    /// `unmask_frames_dropped_total`: frames left out to keep up.
    pub dropped: Family<Camera, Count>,
    /// `unmask_frames_judged_total`: frames that were judged.
    pub judged: Family<Camera, Count>,
    /// `unmask_frame_rate_hertz`: frames judged a second.
    pub rate: Family<Camera, Level>,
    /// `unmask_verdict_latency_seconds`: from the device to the verdict.
    pub latency: Histogram,
    /// `unmask_camera_up`: 1 while nothing is wrong with it.
    pub camera_up: Family<Camera, Level>,
    /// `unmask_camera_faults_total`: what was wrong, once per frame or attempt.
    pub faults: Family<CameraKind, Count>,
    /// `unmask_camera_reconnects_total`: times that it was lost and came back.
    pub reconnects: Family<Camera, Count>,
    /// `unmask_tracks`: people in view.
    pub tracks: Family<Camera, Level>,
    /// `unmask_tracks_started_total`: people who came into view.
    pub tracks_started: Family<Camera, Count>,
    /// `unmask_verdicts_total`: verdicts that were reached or changed.
    pub verdicts: Family<CameraVerdict, Count>,
    /// `unmask_undecided_total`: people who left without a verdict.
    pub undecided: Family<Why, Count>,
    /// `unmask_alarm_state`: 1 for what is shown, 0 for all else.
    pub state: Family<State, Level>,
    /// `unmask_alarms_total`: alarms.
    pub alarms: Count,
    /// `unmask_alarm_acknowledged`: 1 once somebody noticed the newest one.
    pub acknowledged: Level,
    /// `unmask_alarm_pin_failed`: 1 while the pin cannot be set.
    pub pin_failed: Level,
    /// `unmask_pipeline_stalls_total`: times that the pipeline hung.
    pub stalls: Count,
    /// `unmask_log_entries`: entries in the event log.
    pub log_entries: Level,
    /// `unmask_log_up`: 1 while the event log can be written, or there is none.
    pub log_up: Level,
    /// `unmask_log_write_failures_total`: events that were not logged.
    pub log_failures: Count,
    /// `unmask_queue_dropped_total`: what did not fit into a queue.
    pub queue_dropped: Family<Which, Count>,
    /// `unmask_mqtt_connected`: 1 while the broker is connected.
    pub mqtt_connected: Level,
    /// `unmask_mqtt_connects_total`: times that the broker was connected.
    pub mqtt_connects: Count,
    /// `unmask_web_connections`: open connections of the live page.
    pub web_connections: Level,
    /// `unmask_web_refused_total`: requests and connections that were refused.
    pub web_refused: Family<Why, Count>,
}

/// Names a metric, says what it is, and registers it.
struct Registrar<'a>(&'a mut Registry);

impl Registrar<'_> {
    fn add<M>(&mut self, name: &str, help: &str, metric: M) -> M
    where
        M: prometheus_client::registry::Metric + Clone,
    {
        self.0.register(name, help, metric.clone());
        metric
    }

    fn unit<M>(&mut self, name: &str, help: &str, unit: Unit, metric: M) -> M
    where
        M: prometheus_client::registry::Metric + Clone,
    {
        self.0.register_with_unit(name, help, unit, metric.clone());
        metric
    }
}

impl MetricSet {
    pub(super) fn register(registry: &mut Registry, bundle: &Bundle, streams: &[String]) -> Self {
        let manifest = &bundle.manifest;
        let model = [
            ("name", manifest.name.as_str().to_owned()),
            ("release", manifest.release.to_string()),
            ("sha256", bundle.sha256.clone()),
        ];
        registry.register("model", "The model that judges", Info::new(model.to_vec()));
        let build = vec![("version", env!("CARGO_PKG_VERSION"))];
        registry.register("build", "The program", Info::new(build));
        let mut r = Registrar(registry);
        let latency = Histogram::new(LATENCY_BUCKETS_S);
        let hertz = || Unit::Other("hertz".into());
        let set = Self {
            captured: r.add(
                "frames_captured",
                "Frames that the device delivered",
                Family::default(),
            ),
            dropped: r.add(
                "frames_dropped",
                "Frames left out to keep up",
                Family::default(),
            ),
            judged: r.add(
                "frames_judged",
                "Frames that were judged",
                Family::default(),
            ),
            rate: r.unit(
                "frame_rate",
                "Frames judged a second",
                hertz(),
                Family::default(),
            ),
            latency: r.unit(
                "verdict_latency",
                "From the device's frame to its verdict",
                Unit::Seconds,
                latency,
            ),
            camera_up: r.add(
                "camera_up",
                "1 while nothing is wrong with the camera",
                Family::default(),
            ),
            faults: r.add(
                "camera_faults",
                "What was wrong with a camera, once per frame or attempt",
                Family::default(),
            ),
            reconnects: r.add(
                "camera_reconnects",
                "Times that a camera was lost and came back",
                Family::default(),
            ),
            tracks: r.add("tracks", "People in view", Family::default()),
            tracks_started: r.add(
                "tracks_started",
                "People who came into view",
                Family::default(),
            ),
            verdicts: r.add(
                "verdicts",
                "Verdicts that were reached or changed",
                Family::default(),
            ),
            undecided: r.add(
                "undecided",
                "People who left without a verdict",
                Family::default(),
            ),
            state: r.add(
                "alarm_state",
                "1 for what is shown, 0 for all else",
                Family::default(),
            ),
            alarms: r.add("alarms", "Alarms", Count::default()),
            acknowledged: r.add(
                "alarm_acknowledged",
                "1 once somebody noticed the newest alarm",
                Level::default(),
            ),
            pin_failed: r.add(
                "alarm_pin_failed",
                "1 while the alarm's pin cannot be set",
                Level::default(),
            ),
            stalls: r.add(
                "pipeline_stalls",
                "Times that the pipeline hung",
                Count::default(),
            ),
            log_entries: r.add("log_entries", "Entries in the event log", Level::default()),
            log_up: r.add(
                "log_up",
                "0 while the event log cannot be written",
                Level::default(),
            ),
            log_failures: r.add(
                "log_write_failures",
                "Events that were not logged",
                Count::default(),
            ),
            queue_dropped: r.add(
                "queue_dropped",
                "Messages that did not fit into a queue",
                Family::default(),
            ),
            mqtt_connected: r.add(
                "mqtt_connected",
                "1 while the message broker is connected",
                Level::default(),
            ),
            mqtt_connects: r.add(
                "mqtt_connects",
                "Times that the message broker was connected",
                Count::default(),
            ),
            web_connections: r.add(
                "web_connections",
                "Open connections of the live page",
                Level::default(),
            ),
            web_refused: r.add(
                "web_refused",
                "Requests and connections that were refused",
                Family::default(),
            ),
        };
        set.log_up.set(1.0);
        set.begin(streams);
        set
    }

    /// Series that are there from the start, so that a rate over them is known.
    fn begin(&self, streams: &[String]) {
        for stream in streams {
            let camera = Camera {
                camera: stream.clone(),
            };
            for family in [&self.captured, &self.dropped, &self.judged] {
                family.get_or_create(&camera).inc_by(0);
            }
            self.reconnects.get_or_create(&camera).inc_by(0);
            self.tracks_started.get_or_create(&camera).inc_by(0);
            for verdict in ["genuine", "manipulated", "undecided"] {
                self.verdicts
                    .get_or_create(&CameraVerdict {
                        camera: stream.clone(),
                        verdict,
                    })
                    .inc_by(0);
            }
        }
        for name in ["serial", "mqtt", "web"] {
            self.queue_dropped.get_or_create(&Which { name }).inc_by(0);
        }
    }

    /// A request or connection of the live page was refused.
    pub fn refused(&self, reason: &'static str) {
        self.web_refused.get_or_create(&Why { reason }).inc();
    }

    /// So much did not fit into a queue so far.
    pub fn dropped_so_far(&self, name: &'static str, count: u64) {
        raise(&self.queue_dropped.get_or_create(&Which { name }), count);
    }
}

/// Brings a counter up to a number that is counted elsewhere; it never goes back.
pub(super) fn raise(counter: &Count, value: u64) {
    counter.inner().fetch_max(value, Ordering::Relaxed);
}
