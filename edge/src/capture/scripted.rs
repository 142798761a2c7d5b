//! A camera that fails on purpose, on a simulated clock, for tests and
//! simulations.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use unmask_pixels::{Format, FormatError, PixelFormat};

use super::device::{Buffer, Bus, Device, WantedFormat};
use super::fault::FaultKind;
use super::identity::Attached;
use crate::clock::{Clock, SimulatedClock};

/// One failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScriptedFault {
    /// What fails.
    pub kind: FaultKind,
    /// From when on.
    pub from: Duration,
    /// From when on no longer. A changed format stays until the camera is
    /// opened again.
    pub until: Duration,
}

/// What happens to a camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// In the order in which they begin.
    faults: Vec<ScriptedFault>,
    /// The longest of them.
    longest: Duration,
    rate_hz: f64,
}

impl Script {
    /// These failures, which may overlap, at so many frames per second.
    pub fn new(mut faults: Vec<ScriptedFault>, rate_hz: f64) -> Self {
        faults.sort_by_key(|fault| fault.from);
        let lengths = faults.iter().map(|f| f.until.saturating_sub(f.from));
        Self {
            longest: lengths.max().unwrap_or_default(),
            faults,
            rate_hz,
        }
    }

    /// The failures, in the order in which they begin.
    pub fn faults(&self) -> &[ScriptedFault] {
        &self.faults
    }

    /// Frames per second.
    pub fn rate_hz(&self) -> f64 {
        self.rate_hz
    }

    /// Those that have begun by `at`, the latest first.
    fn begun(&self, at: Duration) -> impl Iterator<Item = &ScriptedFault> {
        let count = self.faults.partition_point(|f| f.from <= at);
        self.faults.get(..count).unwrap_or_default().iter().rev()
    }

    fn has(&self, kind: FaultKind, at: Duration) -> bool {
        // What began before that is over.
        let least = at.saturating_sub(self.longest);
        let mut recent = self.begun(at).take_while(|f| f.from >= least);
        recent.any(|f| f.kind == kind && f.until > at)
    }

    /// Whether such a failure began after `since`.
    fn had(&self, kind: FaultKind, since: Duration, at: Duration) -> bool {
        let mut since = self.begun(at).take_while(|f| f.from > since);
        since.any(|f| f.kind == kind)
    }

    /// It comes back under another number each time.
    fn node(&self, at: Duration) -> PathBuf {
        let back = |f: &&ScriptedFault| f.kind == FaultKind::Unplugged && f.until <= at;
        let count = self.faults.iter().filter(back).count();
        format!("/dev/video{}", 2 * count).into()
    }
}

/// The pictures of a scripted camera, made once for many of them.
#[derive(Debug)]
pub struct Pictures {
    format: Format,
    /// What `format` says after the camera changed it by itself.
    changed: Format,
    /// Each differs from the next, as a sensor's do.
    bright: Vec<Vec<u8>>,
    black: Vec<Vec<u8>>,
    /// A picture of another size.
    other: Vec<u8>,
    /// Damaged pictures.
    corrupt: Vec<Vec<u8>>,
}

const WIDTH: usize = 32;
const HEIGHT: usize = 24;

impl Pictures {
    /// Pictures in YUYV or, for any other wish, in MJPG.
    ///
    /// # Errors
    /// Never, as long as 32x24 pixels make a picture.
    pub fn new(pixels: PixelFormat) -> Result<Self, FormatError> {
        let raw = pixels == PixelFormat::Yuyv;
        let pixels = if raw { pixels } else { PixelFormat::Mjpg };
        let make = |seed: u32, bright: bool| {
            if raw {
                yuyv(seed, bright)
            } else {
                jpeg(seed, bright, WIDTH)
            }
        };
        let bright: Vec<Vec<u8>> = (0..8).map(|seed| make(seed, true)).collect();
        let corrupt = bright.iter().flat_map(|picture| damage(picture)).collect();
        Ok(Self {
            format: Format::packed(pixels, WIDTH, HEIGHT)?,
            changed: Format::packed(pixels, 2 * WIDTH, HEIGHT)?,
            bright,
            black: (0..8).map(|seed| make(seed, false)).collect(),
            other: jpeg(0, true, 2 * WIDTH),
            corrupt,
        })
    }

    fn pick(pictures: &[Vec<u8>], number: u64) -> &[u8] {
        let count = pictures.len().max(1) as u64;
        pictures
            .get((number % count) as usize)
            .map_or(&[], Vec::as_slice)
    }
}

fn noise(seed: u32, at: usize) -> u8 {
    let mixed = (seed.wrapping_mul(0x9e37_79b9) ^ at as u32).wrapping_mul(0x85eb_ca6b);
    (mixed >> 24) as u8 & 7
}

fn yuyv(seed: u32, bright: bool) -> Vec<u8> {
    let level = if bright { 120 } else { 16 };
    (0..WIDTH * HEIGHT)
        .flat_map(|at| [level + noise(seed, at), 128])
        .collect()
}

fn jpeg(seed: u32, bright: bool, width: usize) -> Vec<u8> {
    let level = if bright { 120 } else { 0 };
    let picture = image::RgbImage::from_fn(width as u32, HEIGHT as u32, |x, y| {
        let at = y as usize * width + x as usize;
        image::Rgb([level + noise(seed, at); 3])
    });
    let mut bytes = Vec::new();
    // Writing into memory does not fail.
    let _ =
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 95).encode_image(&picture);
    bytes
}

/// The same picture with a marker in its data, with half of its data, and
/// without a beginning.
fn damage(picture: &[u8]) -> [Vec<u8>; 3] {
    let end = picture.len().saturating_sub(2);
    let scan = picture.windows(2).rposition(|pair| pair == [0xff, 0xda]);
    // The header of a scan in three colours has 14 bytes.
    let data = scan.map_or(end, |scan| scan + 14);
    let middle = (data + end) / 2;
    let mut marked = picture.to_vec();
    if let Some(place) = marked.get_mut(middle..middle + 2) {
        place.copy_from_slice(&[0xff, 0xc8]);
    }
    let mut halved = picture.get(..middle).unwrap_or_default().to_vec();
    halved.extend([0xff, 0xd9]);
    let headless = picture.get(2..).unwrap_or_default().to_vec();
    [marked, halved, headless]
}

/// A bus with one scripted camera.
#[derive(Clone)]
pub struct ScriptedBus {
    /// What happens.
    pub script: Arc<Script>,
    /// What it shows.
    pub pictures: Arc<Pictures>,
    /// When.
    pub clock: SimulatedClock,
}

impl ScriptedBus {
    /// Where the camera is plugged in.
    pub const BUS: &'static str = "usb-0000:00:14.0-2";
}

impl Bus for ScriptedBus {
    fn list(&mut self) -> io::Result<Vec<Attached>> {
        let now = self.clock.now();
        if self.script.has(FaultKind::Unplugged, now) {
            return Ok(Vec::new());
        }
        Ok(vec![Attached {
            path: self.script.node(now),
            bus: Self::BUS.into(),
            serial: None,
            card: "Scripted".into(),
            driver: "uvcvideo".into(),
            is_virtual: false,
        }])
    }

    fn open(&mut self, camera: &Attached, _: &WantedFormat) -> io::Result<Box<dyn Device>> {
        // Drivers take a moment.
        self.clock.sleep(Duration::from_millis(20));
        let now = self.clock.now();
        for (kind, code) in [
            (FaultKind::Unplugged, 19),
            (FaultKind::PermissionLost, 13),
            (FaultKind::Busy, 16),
            (FaultKind::Io, 5),
        ] {
            if self.script.has(kind, now) {
                return Err(io::Error::from_raw_os_error(code));
            }
        }
        if camera.path != self.script.node(now) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Box::new(ScriptedDevice {
            bus: self.clone(),
            opened: now,
            due: now,
            number: 0,
            buffer: Vec::new(),
        }))
    }
}

struct ScriptedDevice {
    bus: ScriptedBus,
    opened: Duration,
    /// When the next frame is there.
    due: Duration,
    number: u64,
    buffer: Vec<u8>,
}

impl ScriptedDevice {
    fn works(&self, now: Duration) -> io::Result<()> {
        let script = &self.bus.script;
        let code = if script.had(FaultKind::Unplugged, self.opened, now) {
            19
        } else if script.has(FaultKind::PermissionLost, now) {
            1
        } else if script.has(FaultKind::Io, now) || script.has(FaultKind::Busy, now) {
            5
        } else {
            return Ok(());
        };
        Err(io::Error::from_raw_os_error(code))
    }

    fn fill(&mut self, now: Duration) {
        let (script, pictures) = (&self.bus.script, &self.bus.pictures);
        let number = if script.has(FaultKind::Frozen, now) {
            0
        } else {
            self.number
        };
        let picture = if script.has(FaultKind::Black, now) {
            Pictures::pick(&pictures.black, number)
        } else if script.has(FaultKind::WrongSize, now) {
            &pictures.other
        } else if script.has(FaultKind::Corrupt, now) {
            Pictures::pick(&pictures.corrupt, number)
        } else {
            Pictures::pick(&pictures.bright, number)
        };
        self.buffer.clear();
        self.buffer.extend_from_slice(picture);
        self.number += 1;
    }
}

impl Device for ScriptedDevice {
    fn format(&mut self) -> io::Result<Format> {
        let now = self.bus.clock.now();
        self.works(now)?;
        let pictures = &self.bus.pictures;
        let changed = self
            .bus
            .script
            .had(FaultKind::FormatChanged, self.opened, now);
        Ok(if changed {
            pictures.changed
        } else {
            pictures.format
        })
    }

    fn dequeue(&mut self, wait: Duration) -> io::Result<Buffer<'_>> {
        let clock = self.bus.clock.clone();
        let end = clock.now() + wait;
        let now = loop {
            self.works(clock.now())?;
            let due = self.due.max(clock.now());
            if due > end {
                clock.sleep(end.saturating_sub(clock.now()));
                self.works(end)?;
                return Err(io::ErrorKind::TimedOut.into());
            }
            clock.sleep(due.saturating_sub(clock.now()));
            self.works(due)?;
            self.due = due + Duration::from_secs_f64(1.0 / self.bus.script.rate_hz);
            if !self.bus.script.has(FaultKind::Timeout, due) {
                break due;
            }
        };
        self.fill(now);
        let script = &self.bus.script;
        let length = self.buffer.len();
        let used = if script.has(FaultKind::Truncated, now) {
            1 + length * (1 + self.number as usize % 7) / 9
        } else {
            length
        };
        let back = Duration::from_secs(10 * u64::from(script.has(FaultKind::TimeBackward, now)));
        Ok(Buffer {
            bytes: &self.buffer,
            used,
            has_error: script.has(FaultKind::ErrorFlag, now),
            size: None,
            time: now + Duration::from_secs(1000) - back,
        })
    }
}
