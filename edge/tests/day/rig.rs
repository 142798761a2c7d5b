//! A camera, faces and a network that allocate nothing themselves.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use unmask_edge::capture::device::{Buffer, Bus, Device, WantedFormat};
use unmask_edge::capture::{Attached, Format};
use unmask_edge::clock::{Clock, SimulatedClock};
use unmask_edge::network::{Judge, Network};
use unmask_edge::search::FaceDetector;
use unmask_edge::source::Frame;
use unmask_shared::engine::{EngineError, Step};
use unmask_shared::face::{Face, FinderError};
use unmask_shared::geometry::FaceBox;

/// A camera that delivers two pictures in turn.
#[derive(Clone)]
pub struct Pair {
    pub format: Format,
    pub pictures: Arc<[Vec<u8>; 2]>,
    pub clock: SimulatedClock,
    pub count: u32,
}

impl Bus for Pair {
    fn list(&mut self) -> io::Result<Vec<Attached>> {
        Ok(vec![Attached {
            path: "/dev/video0".into(),
            bus: "usb-1".into(),
            serial: None,
            card: "Pair".into(),
            driver: "uvcvideo".into(),
            is_virtual: false,
        }])
    }

    fn open(&mut self, _: &Attached, _: &WantedFormat) -> io::Result<Box<dyn Device>> {
        Ok(Box::new(self.clone()))
    }
}

impl Device for Pair {
    fn format(&mut self) -> io::Result<Format> {
        Ok(self.format)
    }

    fn dequeue(&mut self, _: Duration) -> io::Result<Buffer<'_>> {
        self.clock.sleep(Duration::from_millis(33));
        self.count += 1;
        let bytes = &self.pictures[self.count as usize % 2];
        Ok(Buffer {
            bytes,
            used: bytes.len(),
            has_error: false,
            size: None,
            time: self.clock.now(),
        })
    }
}

/// Four faces that sway.
pub struct Four;

impl FaceDetector for Four {
    fn detect(&mut self, frame: &Frame, faces: &mut Vec<Face>) -> Result<(), FinderError> {
        faces.clear();
        let sway = (frame.index % 7) as f32;
        faces.extend((0..4).map(|place| {
            let bbox = FaceBox {
                x: 100.0 + 250.0 * place as f32 + sway,
                y: 200.0 - sway,
                width: 150.0,
                height: 150.0,
            };
            Face {
                bbox,
                landmarks: bbox.mean_landmarks(),
                score: 0.9,
            }
        }));
        Ok(())
    }

    fn reset(&mut self) {}
}

/// Looks at nothing.
#[derive(Debug)]
pub struct Blind;

impl Network for Blind {
    fn crop_side(&self) -> usize {
        112
    }

    fn begin(&self) -> Result<Box<dyn Judge>, EngineError> {
        Ok(Box::new(Self))
    }
}

impl Judge for Blind {
    fn step(&mut self, _: &[f32]) -> Result<Option<Step>, EngineError> {
        Ok(Some(Step {
            logit: -1.0,
            embedding: Vec::new(),
            evidence: Vec::new(),
        }))
    }

    fn finish(&mut self) -> Result<Option<Step>, EngineError> {
        Ok(None)
    }
}
