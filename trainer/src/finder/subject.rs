//! Finders that are measured side by side.

use std::io::Cursor;
use std::path::Path;

use anyhow::{Context, Result};
use rustface::{Detector, ImageData};
use unmask_shared::face::{DenseFinder, Face, Finder, FinderConfig, Yunet};
use unmask_shared::geometry::FaceBox;
use unmask_shared::media::Frame;

use super::FACE_PX_MIN;
use super::picture::{Pyramid, shrunk};

/// Everything that a finder may see, in pictures as they are.
const EVERYTHING: FinderConfig = FinderConfig {
    min_face_px: FACE_PX_MIN,
    longest_side_px: 4096,
    score_min: 0.1,
    faces_max: 1024,
    second_looks: 8,
};
/// Least scores of the cascade, unbounded above: in search of everything, and in use.
const CASCADE_SCORES: (f32, f32) = (0.5, 2.0);
/// Side of the smallest face that it sees; its setting for it has no effect.
const CASCADE_PX: f32 = 40.0;
/// Longest side of the copy in which it searched in use.
const CASCADE_SIDE: f32 = 480.0;

/// A finder with its name.
pub struct NamedFinder {
    /// For tables.
    pub name: String,
    kind: Kind,
}

enum Kind {
    Network {
        everything: Box<dyn Finder>,
        in_use: Box<dyn Finder>,
    },
    Cascade(Box<dyn Detector>),
}

impl NamedFinder {
    /// The network of a file that the trainer wrote, on kernels of our own.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn dense(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| cannot_read(path))?;
        let finder = |config| DenseFinder::new(&bytes, config).with_context(|| cannot_read(path));
        Ok(Self {
            name: "this one".into(),
            kind: Kind::Network {
                everything: Box::new(finder(EVERYTHING)?),
                in_use: Box::new(finder(FinderConfig::default())?),
            },
        })
    }

    /// A YuNet file in tract.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn yunet(path: &Path) -> Result<Self> {
        let file = Yunet::open(path)?;
        Ok(Self {
            name: "YuNet".into(),
            kind: Kind::Network {
                everything: Box::new(file.finder(EVERYTHING)?),
                in_use: Box::new(file.finder(FinderConfig::default())?),
            },
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
        detector.set_score_thresh(CASCADE_SCORES.0.into());
        detector.set_pyramid_scale_factor(0.8);
        detector.set_slide_window_step(4, 4);
        Ok(Self {
            name: "rustface".into(),
            kind: Kind::Cascade(detector),
        })
    }

    /// Whether it tells where eyes, nose and mouth are.
    pub fn has_landmarks(&self) -> bool {
        !matches!(self.kind, Kind::Cascade(_))
    }

    /// Every face that it may see in a frame as it is.
    ///
    /// # Errors
    /// When its network fails.
    pub fn everything(&mut self, frame: &Frame) -> Result<Vec<Face>> {
        match &mut self.kind {
            Kind::Network { everything, .. } => find(everything.as_mut(), frame),
            Kind::Cascade(detector) => Ok(cascade(detector.as_mut(), frame)),
        }
    }

    /// The faces that it finds in use, with the defaults of the firmware: in a shrunk copy,
    /// without very small ones, from a score on.
    ///
    /// # Errors
    /// When its network fails.
    pub fn in_use(&mut self, frame: &Frame) -> Result<Vec<Face>> {
        match &mut self.kind {
            Kind::Network { in_use, .. } => find(in_use.as_mut(), frame),
            Kind::Cascade(detector) => {
                let longest = frame.width.max(frame.height) as f32;
                let least = FinderConfig::default().min_face_px as f32;
                let scale = (CASCADE_PX / least).min(CASCADE_SIDE / longest).min(1.0);
                let side = |side: usize| ((side as f32 * scale).round() as usize).max(1);
                let (width, height) = (side(frame.width), side(frame.height));
                let whole = Pyramid::new(frame.width, frame.height, frame.rgb.clone());
                let small = Frame {
                    width,
                    height,
                    rgb: shrunk(&whole, width, height),
                    ..Frame::default()
                };
                let mut faces = cascade(detector.as_mut(), &small);
                faces.retain(|face| face.score >= CASCADE_SCORES.1);
                for face in &mut faces {
                    let FaceBox {
                        x,
                        y,
                        width,
                        height,
                    } = &mut face.bbox;
                    for value in [x, y, width, height] {
                        *value /= scale;
                    }
                }
                Ok(faces)
            }
        }
    }
}

fn find(finder: &mut dyn Finder, frame: &Frame) -> Result<Vec<Face>> {
    let mut faces = Vec::new();
    finder.find(&frame.view()?, &mut faces)?;
    Ok(faces)
}

fn cannot_read(path: &Path) -> String {
    format!("cannot read the face finder {}", path.display())
}

fn cascade(detector: &mut dyn Detector, frame: &Frame) -> Vec<Face> {
    if (frame.width.min(frame.height) as f32) < CASCADE_PX {
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
