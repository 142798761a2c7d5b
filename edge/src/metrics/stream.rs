//! What is counted of each stream.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Unit;

use super::labels::{CameraKind, CameraLabel, CameraVerdict, Why};
use super::registrar::{Count, GaugeF64, Registrar};

/// Upper bounds of the latency's buckets, seconds: around one to three frames at 15
/// to 60 frames a second.
pub const LATENCY_BUCKETS_S: [f64; 14] = [
    0.002, 0.004, 0.006, 0.008, 0.012, 0.016, 0.025, 0.033, 0.05, 0.066, 0.1, 0.2, 0.5, 2.0,
];

/// Frames, cameras and people; copies are the same.
#[derive(Clone, Debug)]
pub struct StreamMetrics {
    /// `unmask_frames_captured_total`: frames that the device delivered.
    pub captured: Family<CameraLabel, Count>,
    /// `unmask_frames_dropped_total`: frames left out to keep up.
    pub dropped: Family<CameraLabel, Count>,
    /// `unmask_frames_judged_total`: frames that were judged.
    pub judged: Family<CameraLabel, Count>,
    /// `unmask_frame_rate_hertz`: frames judged a second.
    pub rate: Family<CameraLabel, GaugeF64>,
    /// `unmask_verdict_latency_seconds`: from the device to the verdict.
    pub latency: Histogram,
    /// `unmask_camera_up`: 1 while nothing is wrong with it.
    pub camera_up: Family<CameraLabel, GaugeF64>,
    /// `unmask_camera_faults_total`: what was wrong, once per frame or attempt.
    pub faults: Family<CameraKind, Count>,
    /// `unmask_camera_reconnects_total`: times that it was lost and came back.
    pub reconnects: Family<CameraLabel, Count>,
    /// `unmask_tracks`: people in view.
    pub tracks: Family<CameraLabel, GaugeF64>,
    /// `unmask_tracks_started_total`: people who came into view.
    pub tracks_started: Family<CameraLabel, Count>,
    /// `unmask_verdicts_total`: verdicts that were reached or changed.
    pub verdicts: Family<CameraVerdict, Count>,
    /// `unmask_undecided_total`: people who left without a verdict.
    pub undecided: Family<Why, Count>,
}

impl StreamMetrics {
    pub(super) fn register(r: &mut Registrar<'_>, streams: &[String]) -> Self {
        let hertz = Unit::Other("hertz".into());
        let latency = Histogram::new(LATENCY_BUCKETS_S);
        let set = Self {
            captured: r.add("frames_captured", "Frames that the device delivered"),
            dropped: r.add("frames_dropped", "Frames left out to keep up"),
            judged: r.add("frames_judged", "Frames that were judged"),
            rate: r.unit(
                "frame_rate",
                "Frames judged a second",
                hertz,
                Family::default(),
            ),
            latency: r.unit(
                "verdict_latency",
                "From the device's frame to its verdict",
                Unit::Seconds,
                latency,
            ),
            camera_up: r.add("camera_up", "1 while nothing is wrong with the camera"),
            faults: r.add(
                "camera_faults",
                "What was wrong with a camera, once per frame or attempt",
            ),
            reconnects: r.add(
                "camera_reconnects",
                "Times that a camera was lost and came back",
            ),
            tracks: r.add("tracks", "People in view"),
            tracks_started: r.add("tracks_started", "People who came into view"),
            verdicts: r.add("verdicts", "Verdicts that were reached or changed"),
            undecided: r.add("undecided", "People who left without a verdict"),
        };
        streams.iter().for_each(|stream| set.begin(stream));
        set
    }

    /// Series that are there from the start, so that a rate over them is known.
    fn begin(&self, stream: &str) {
        let camera = CameraLabel {
            camera: stream.to_owned(),
        };
        let counters = [
            &self.captured,
            &self.dropped,
            &self.judged,
            &self.reconnects,
            &self.tracks_started,
        ];
        for family in counters {
            family.get_or_create(&camera).inc_by(0);
        }
        for verdict in ["genuine", "manipulated", "undecided"] {
            let labels = CameraVerdict {
                camera: stream.to_owned(),
                verdict,
            };
            self.verdicts.get_or_create(&labels).inc_by(0);
        }
    }
}
