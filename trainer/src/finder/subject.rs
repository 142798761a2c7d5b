//! Finders that are measured side by side.

use std::io::Cursor;
use std::path::Path;

use anyhow::{Context, Result};
use rustface::{Detector, ImageData};
use unmask_shared::face::{DenseFinder, Face, Finder, FinderConfig};
use unmask_shared::geometry::FaceBox;
use unmask_shared::media::Frame;

use super::teacher::Teacher;

/// Lower scores are not looked at.
const SCORE_MIN: f32 = 0.02;

/// A finder with its name.
pub struct Subject {
    /// For tables.
    pub name: String,
    kind: Kind,
}

enum Kind {
    Dense(Box<DenseFinder>),
    YuNet(Box<Teacher>),
    Cascade(Box<dyn Detector>),
}

impl Subject {
    /// The network of a file that the trainer wrote, on kernels of our own.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn dense(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| cannot_read(path))?;
        let config = FinderConfig {
            min_face_px: 16,
            longest_side_px: 4096,
            score_min: SCORE_MIN,
        };
        let finder = DenseFinder::new(&bytes, config).with_context(|| cannot_read(path))?;
        Ok(Self {
            name: "this one".into(),
            kind: Kind::Dense(Box::new(finder)),
        })
    }

    /// A YuNet file in tract.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn yunet(path: &Path) -> Result<Self> {
        Ok(Self {
            name: "YuNet".into(),
            kind: Kind::YuNet(Box::new(Teacher::open(path)?)),
        })
    }

    /// The cascade of the package `rustface`, with its model file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn cascade(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| cannot_read(path))?;
        let model = rustface::read_model(Cursor::new(bytes)).with_context(|| cannot_read(path))?;
        let mut detector = rustface::create_detector_with_model(model);
        detector.set_score_thresh(0.5);
        detector.set_pyramid_scale_factor(0.8);
        detector.set_slide_window_step(4, 4);
        Ok(Self {
            name: "rustface".into(),
            kind: Kind::Cascade(detector),
        })
    }

    /// The score from which on its faces count in use.
    pub fn default_score(&self) -> f32 {
        match self.kind {
            Kind::Cascade(_) => 2.0,
            _ => FinderConfig::default().score_min,
        }
    }

    /// Whether it tells where eyes, nose and mouth are.
    pub fn has_landmarks(&self) -> bool {
        !matches!(self.kind, Kind::Cascade(_))
    }

    /// Every face that it may see in a frame, as it is.
    ///
    /// # Errors
    /// When its network fails.
    pub fn find(&mut self, frame: &Frame) -> Result<Vec<Face>> {
        match &mut self.kind {
            Kind::Dense(finder) => {
                let mut faces = Vec::new();
                finder.find(&frame.view()?, &mut faces)?;
                Ok(faces)
            }
            Kind::YuNet(teacher) => {
                let (blob, size) = padded(frame);
                teacher.find(&blob, size, SCORE_MIN)
            }
            Kind::Cascade(detector) => Ok(cascade(detector.as_mut(), frame)),
        }
    }
}

fn cannot_read(path: &Path) -> String {
    format!("cannot read the face finder {}", path.display())
}

/// Blue, green and red planes, filled up with black to multiples of 32.
fn padded(frame: &Frame) -> (Vec<f32>, [usize; 2]) {
    let [height, width] = [frame.height, frame.width].map(|side| side.next_multiple_of(32));
    let mut blob = vec![0.0; 3 * height * width];
    for (at, pixel) in frame.rgb.chunks_exact(3).enumerate() {
        let place = at / frame.width * width + at % frame.width;
        for (plane, value) in pixel.iter().rev().enumerate() {
            blob[plane * height * width + place] = f32::from(*value);
        }
    }
    (blob, [height, width])
}

fn cascade(detector: &mut dyn Detector, frame: &Frame) -> Vec<Face> {
    if frame.width.min(frame.height) < 40 {
        return Vec::new();
    }
    let luma = |rgb: &[u8]| {
        let [r, g, b] = [0, 1, 2].map(|n| u32::from(rgb[n]));
        ((77 * r + 150 * g + 29 * b) / 256) as u8
    };
    let grey: Vec<u8> = frame.rgb.chunks_exact(3).map(luma).collect();
    let image = ImageData::new(&grey, frame.width as u32, frame.height as u32);
    let faces = detector.detect(&image);
    let faces = faces.iter().map(|face| {
        let bbox = FaceBox {
            x: face.bbox().x() as f32,
            y: face.bbox().y() as f32,
            width: face.bbox().width() as f32,
            height: face.bbox().height() as f32,
        };
        Face {
            bbox,
            landmarks: Default::default(),
            score: face.score() as f32,
        }
    });
    faces.collect()
}
