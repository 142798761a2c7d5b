//! What the page is told, as JSON.

use serde::Serialize;
use unmask_shared::event::{Event, EventKind};
use unmask_shared::geometry::CropSpec;

use crate::metrics::{reason_name, signal_name, verdict_name};
use crate::observe::{EventTold, FrameSeen, Status};
use crate::person::Person;
use unmask_shared::hex;

/// Most values of an evidence map that are sent; larger maps are left out.
const EVIDENCE_MAX: usize = 1024;

/// A frame and everybody in it.
#[derive(Debug, Clone, Serialize)]
pub struct FrameView {
    pub(super) stream: usize,
    pub(super) frame: u64,
    pub(super) time_us: u64,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) signal: &'static str,
    pub(super) people: Vec<PersonView>,
}

/// One person.
#[derive(Debug, Clone, Serialize)]
pub struct PersonView {
    id: u32,
    /// Left, top, width and height in pixels of the frame.
    bbox: [f32; 4],
    /// Top-left corner and side of what the network sees, in pixels of the frame, and by how
    /// much it is turned clockwise, radians.
    crop: [f32; 4],
    verdict: &'static str,
    reason: Option<&'static str>,
    score: Option<f32>,
    /// Evidence collected, nats.
    llr: f32,
    frames: u32,
    /// Share of the frames that were judged.
    coverage: f32,
    /// Side of the evidence map; 0 where there is none.
    side: usize,
    /// The map, row by row, logit units.
    evidence: Vec<f32>,
}

impl FrameView {
    pub(super) fn new(seen: &FrameSeen<'_>) -> Self {
        let people = seen.people.iter().filter(|person| person.id != 0);
        Self {
            stream: seen.stream,
            frame: seen.frame.index,
            time_us: seen.frame.time_us,
            width: seen.frame.width,
            height: seen.frame.height,
            signal: signal_name(seen.shown),
            people: people
                .map(|person| PersonView::new(person, seen.crop))
                .collect(),
        }
    }
}

/// Enough digits for a screen.
fn short(value: f32, digits: f32) -> f32 {
    if value.is_finite() {
        (value * digits).round() / digits
    } else {
        0.0
    }
}

impl PersonView {
    fn new(person: &Person, crop: &CropSpec) -> Self {
        let bbox = person.bbox;
        let side = person.evidence.len().isqrt();
        let is_map =
            side > 1 && side * side == person.evidence.len() && side * side <= EVIDENCE_MAX;
        let to_crop = crop.of_face(&person.landmarks);
        let to_frame = to_crop.and_then(|to_crop| to_crop.inverse());
        let seen = to_frame.map_or([0.0; 4], |to_frame| {
            let side = f32::from(crop.size) * to_frame.scale();
            [to_frame.tx, to_frame.ty, side, to_frame.b.atan2(to_frame.a)]
        });
        let [x, y, side_px, turn] = seen;
        Self {
            id: person.id,
            bbox: [bbox.x, bbox.y, bbox.width, bbox.height].map(|v| short(v, 10.0)),
            crop: [
                short(x, 10.0),
                short(y, 10.0),
                short(side_px, 10.0),
                short(turn, 1e3),
            ],
            verdict: verdict_name(person.verdict()),
            reason: person.reason().map(reason_name),
            score: person.score().map(|score| short(score, 1e4)),
            llr: short(person.llr(), 1e3),
            frames: person.frames,
            coverage: short(person.coverage(), 100.0),
            side: if is_map { side } else { 0 },
            evidence: match is_map {
                true => person.evidence.iter().map(|v| short(*v, 100.0)).collect(),
                false => Vec::new(),
            },
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, Serialize)]
pub struct EventView {
    /// Counts all that is told, from 1.
    pub(super) id: u64,
    stream: usize,
    source: String,
    kind: &'static str,
    track: u32,
    frame: u64,
    verdict: &'static str,
    reason: Option<&'static str>,
    score: Option<f32>,
    /// Share of the track's frames that were judged.
    coverage: Option<f32>,
    /// Milliseconds since 1970; `null` where the clock was never set.
    unix_ms: Option<u64>,
    /// Number in the event log.
    entry: Option<u64>,
    still: bool,
}

/// The word for what happened in topics and the page.
pub fn kind_name(kind: EventKind) -> &'static str {
    kind.name().unwrap_or("other")
}

impl EventView {
    pub(super) fn new(told: &EventTold<'_>, id: u64) -> Self {
        let Event {
            source,
            kind,
            track,
            frame,
            verdict,
            reason,
            score,
            coverage,
            ..
        } = told.event;
        Self {
            id,
            stream: told.stream,
            source: source.as_str().to_owned(),
            kind: kind_name(*kind),
            track: *track,
            frame: *frame,
            verdict: verdict_name(*verdict),
            reason: reason.map(reason_name),
            score: score.map(|score| short(score, 1e4)),
            coverage: coverage.map(|share| short(share, 100.0)),
            unix_ms: (told.unix_us > 0).then_some(told.unix_us / 1000),
            entry: told.entry,
            still: told.has_still,
        }
    }
}

/// How things are.
#[derive(Debug, Clone, Serialize)]
pub struct StatusView {
    pub(super) streams: Vec<StreamView>,
    pub(super) signal: &'static str,
    acknowledged: bool,
    alarms: u64,
    stalls: u64,
    pin_failed: bool,
    serial_dropped: Option<u64>,
    log: Option<LogView>,
    /// Median and 99th percentile of the latest latencies, milliseconds.
    pub(super) latency_ms: Option<[f32; 2]>,
    /// What did not fit into the page's own queue.
    pub(super) web_dropped: u64,
}

/// One stream.
#[derive(Debug, Clone, Serialize)]
pub struct StreamView {
    name: String,
    rate: f64,
    dropped: u64,
    faults: Vec<&'static str>,
}

/// The event log.
#[derive(Debug, Clone, Serialize)]
pub struct LogView {
    entries: u64,
    /// The root in hex; `null` while the log cannot be written.
    root: Option<String>,
    lost: u64,
}

impl StatusView {
    pub(super) fn new(status: &Status<'_>) -> Self {
        let streams = status.streams.iter().map(|stream| StreamView {
            name: stream.name.clone(),
            rate: (stream.rate_hz * 10.0).round() / 10.0,
            dropped: stream.dropped,
            faults: stream
                .faults
                .iter()
                .map(crate::capture::FaultKind::name)
                .collect(),
        });
        let log = status.log.map(|log| LogView {
            entries: log.entries,
            root: log.root.as_ref().map(|root| hex(root)),
            lost: log.lost,
        });
        Self {
            streams: streams.collect(),
            signal: signal_name(status.shown),
            acknowledged: status.is_acknowledged,
            alarms: status.alarms,
            stalls: status.stalls,
            pin_failed: status.pin_failed,
            serial_dropped: status.serial_dropped,
            log,
            latency_ms: None,
            web_dropped: 0,
        }
    }
}
