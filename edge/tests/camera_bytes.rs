//! Bytes from outside that mean harm or are just broken: pictures, buffers and
//! devices that answer at random. Deterministic: a failure names its case.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use unmask_edge::capture::device::{Buffer, Bus, Device, WantedFormat};
use unmask_edge::capture::{
    Attached, Camera, CameraConfig, CameraEvent, CameraSink, CameraStep, FaultCounters, Format,
    PixelFormat,
};
use unmask_edge::clock::{Clock, SimulatedClock};
use unmask_edge::source::Frame;
use unmask_pixels::{Converter, JpegDecoder, JpegFault};

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end.max(1)
    }

    fn byte(&mut self) -> u8 {
        self.next() as u8
    }
}

/// A noisy picture, so that there is something to damage.
fn jpeg(width: u32, height: u32, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let picture = image::RgbImage::from_fn(width, height, |x, _| {
        image::Rgb([(x as u8).wrapping_mul(7), random.byte() / 4, 128])
    });
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 60)
        .encode_image(&picture)
        .unwrap();
    bytes
}

/// Changes bytes as broken cables and bad people do.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(8) {
            0 => bytes.truncate(at),
            1 => {
                let end = (at + random.below(64)).min(bytes.len());
                bytes.drain(at..end);
            }
            2 => {
                let marker = [0xff, 0xc0 + random.byte() % 0x40];
                let place = bytes.iter_mut().skip(at).take(2);
                place.zip(marker).for_each(|(byte, new)| *byte = new);
            }
            3 => {
                let from = random.below(other.len());
                let end = (from + random.below(128)).min(other.len());
                let place = at..at;
                bytes.splice(place, other[from..end].iter().copied());
            }
            4 => {
                // Where sizes and lengths are.
                let place = bytes.iter_mut().take(200).skip(random.below(200));
                let value = [0, 1, 0x7f, 0xff][random.below(4)];
                place.take(2).for_each(|byte| *byte = value);
            }
            5 => bytes.extend(other.iter().take(random.below(other.len()))),
            6 => {
                let end = (at + random.below(32)).min(bytes.len());
                bytes[at..end].fill(0);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
}

#[test]
fn damaged_pictures_are_refused_or_of_the_right_size() {
    const CASES: u64 = 300_000;
    let (width, height) = (24, 16);
    let whole: Vec<Vec<u8>> = (0..4).map(|seed| jpeg(24, 16, seed)).collect();
    let other = jpeg(40, 32, 9);
    let mut decoder = JpegDecoder::default();
    let (mut accepted, mut truncated, mut given_up) = (0, 0, 0);
    let mut rgb = Vec::new();
    for case in 0..CASES {
        let mut random = Random(case);
        let mut bytes = whole[random.below(whole.len())].clone();
        mutate(&mut bytes, &other, &mut random);
        match decoder.decode(&bytes, (width, height), &mut rgb) {
            Ok(()) => {
                accepted += 1;
                assert_eq!(rgb.len(), 3 * width * height, "case {case}");
            }
            Err(JpegFault::Truncated { have }) => {
                truncated += 1;
                assert_eq!(have, bytes.len(), "case {case}");
            }
            Err(JpegFault::Size { have, .. }) => {
                assert_ne!(have, (width, height), "case {case}");
            }
            Err(JpegFault::Corrupt(why)) => given_up += u64::from(why.contains("gave up")),
        }
        assert!(rgb.capacity() < 1 << 16, "case {case}");
    }
    println!("{accepted} accepted, {truncated} truncated, decoder panics {given_up} of {CASES}");
    assert!(accepted > CASES / 100 && truncated > CASES / 100);
    assert_eq!(given_up, 0, "the JPEG decoder panicked");
    decoder
        .decode(&whole[0], (width, height), &mut rgb)
        .unwrap();
}

#[test]
fn buffers_are_pictures_only_when_they_are_long_enough() {
    const CASES: u64 = 200_000;
    let bytes: Vec<u8> = (0..4096).map(|i| (i * 37) as u8).collect();
    let mut converter = Converter::default();
    let mut rgb = Vec::new();
    let mut pictures = 0;
    for case in 0..CASES {
        let mut random = Random(case);
        let pixels = PixelFormat::ALL[random.below(PixelFormat::ALL.len())];
        let (width, height) = (random.below(40), random.below(40));
        let Ok(format) = Format::with_stride(pixels, width, height, random.below(130)) else {
            continue;
        };
        let near = format.bytes_min() + random.below(5);
        let buffer = Buffer {
            bytes: &bytes[..random.below(bytes.len())],
            used: [0, near.saturating_sub(2), usize::MAX, random.below(4096)][random.below(4)],
            has_error: false,
            size: None,
            time: Duration::ZERO,
        };
        let payload = buffer.payload();
        let made = converter.to_rgb(&format, payload, &mut rgb);
        if pixels == PixelFormat::Mjpg {
            assert!(made.is_err(), "case {case}");
            continue;
        }
        let enough = payload.len() >= format.bytes_min();
        assert_eq!(made.is_ok(), enough, "case {case}: {format} {made:?}");
        if enough {
            pictures += 1;
            assert_eq!(rgb.len(), 3 * width * height, "case {case}");
        }
    }
    assert!(pictures > CASES / 20, "{pictures}");
}

/// A bus, and a device, that answers whatever comes to its mind.
struct Mad {
    clock: SimulatedClock,
    random: Random,
    buffer: Vec<u8>,
    pictures: Vec<Vec<u8>>,
}

impl Mad {
    fn new(seed: u64, clock: &SimulatedClock) -> Self {
        Self {
            clock: clock.clone(),
            random: Random(seed),
            buffer: Vec::new(),
            pictures: (0..4).map(|seed| jpeg(24, 16, seed)).collect(),
        }
    }

    fn error(&mut self) -> io::Error {
        match self.random.below(3) {
            0 => io::Error::from_raw_os_error(self.random.below(200) as i32),
            1 => io::ErrorKind::TimedOut.into(),
            _ => io::Error::other("mad"),
        }
    }
}

impl Bus for Mad {
    fn list(&mut self) -> io::Result<Vec<Attached>> {
        if self.random.below(8) == 0 {
            return Err(self.error());
        }
        let camera = |n: usize| Attached {
            path: format!("/dev/video{n}").into(),
            bus: format!("usb-{}", n % 2),
            serial: n.is_multiple_of(3).then(|| "usb:1:2:3".to_owned()),
            card: n.to_string(),
            driver: String::new(),
            is_virtual: n.is_multiple_of(5),
        };
        Ok((0..self.random.below(4)).map(camera).collect())
    }

    fn open(&mut self, _: &Attached, _: &WantedFormat) -> io::Result<Box<dyn Device>> {
        if self.random.below(4) == 0 {
            return Err(self.error());
        }
        Ok(Box::new(Self::new(self.random.next(), &self.clock)))
    }
}

impl Device for Mad {
    fn format(&mut self) -> io::Result<Format> {
        if self.random.below(50) == 0 {
            return Err(self.error());
        }
        let pixels = PixelFormat::ALL[self.random.below(2)];
        Format::packed(pixels, 24, 16).map_err(io::Error::other)
    }

    fn dequeue(&mut self, wait: Duration) -> io::Result<Buffer<'_>> {
        let wait = wait.as_micros() as usize;
        let waited = Duration::from_micros(self.random.below(wait) as u64);
        self.clock.sleep(waited);
        if self.random.below(30) == 0 {
            return Err(self.error());
        }
        self.buffer = self.pictures[self.random.below(4)].clone();
        if self.random.below(3) == 0 {
            let other = self.pictures[0].clone();
            mutate(&mut self.buffer, &other, &mut self.random);
        }
        let used = [0, self.buffer.len(), self.random.below(3000)][self.random.below(3)];
        Ok(Buffer {
            bytes: &self.buffer,
            used,
            has_error: self.random.below(9) == 0,
            size: None,
            time: Duration::from_millis(self.random.next() % 100_000),
        })
    }
}

struct Count(u64);

impl CameraSink for Count {
    fn frame(&mut self, frame: &mut Frame) {
        assert_eq!((frame.width, frame.height), (24, 16));
        assert_eq!(frame.rgb.len(), 3 * 24 * 16);
        assert_eq!(frame.index, self.0);
        self.0 += 1;
    }

    fn event(&mut self, _: &CameraEvent, _: &FaultCounters) {}
}

#[test]
fn a_device_that_answers_at_random_is_survived() {
    let mut frames = 0;
    for seed in 0..20 {
        let clock = SimulatedClock::default();
        let config = CameraConfig {
            name: "/dev/video0".into(),
            ..CameraConfig::default()
        };
        let bus = Box::new(Mad::new(seed, &clock));
        let mut camera = Camera::new(config, bus, Arc::new(clock.clone()));
        let mut count = Count(0);
        for _ in 0..5000 {
            let before = clock.now();
            assert_eq!(camera.step(&mut count), CameraStep::Continue, "seed {seed}");
            let took = clock.now() - before;
            assert!(took <= Duration::from_millis(300), "seed {seed}: {took:?}");
        }
        frames += count.0;
    }
    assert!(frames > 1000, "{frames} frames");
}
