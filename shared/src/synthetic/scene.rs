//! A person before a camera, frame by frame.

use core::ops::RangeInclusive;

use super::background::background;
use super::body::Body;
use super::grid::MeshGrid;
use super::model::FaceModel;
use super::person::{SyntheticPerson, pores};
use super::pose::{HeadPose, Motion};
use super::random::Random;
use super::render::{RenderLayers, VirtualCamera};
use super::swap::Mask;
use crate::geometry::{FaceBox, Point};

/// Frames per second of every scene.
pub const FRAMES_PER_SECOND: u32 = 30;
const SIDE: RangeInclusive<usize> = 64..=4096;
const SPANS_MAX: usize = 1024;

/// When the face is swapped.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Swap {
    /// In no frame.
    #[default]
    Never,
    /// In every frame.
    Always,
    /// In the frames of these spans, first and last included.
    Spans(Vec<(u32, u32)>),
}

impl Swap {
    /// Whether frame `index` is swapped.
    pub fn at(&self, index: u32) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::Spans(spans) => spans
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&index)),
        }
    }
}

/// What a scene shows.
#[derive(Clone, Debug, PartialEq)]
pub struct SceneConfig {
    /// Pixels across, 64 to 4096.
    pub width: usize,
    /// Pixels down, 64 to 4096.
    pub height: usize,
    /// Everything that is drawn at random follows from it.
    pub seed: u64,
    /// When the face is swapped.
    pub swap: Swap,
    /// Width of the face box in pixels, at most 0.8 of the shorter side.
    pub face_px: RangeInclusive<f32>,
}

impl Default for SceneConfig {
    /// 640 x 480, faces of 90 to 260 px, no swap.
    fn default() -> Self {
        Self {
            width: 640,
            height: 480,
            seed: 0,
            swap: Swap::Never,
            face_px: 90.0..=260.0,
        }
    }
}

/// Why a scene cannot be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SceneError {
    /// A side is out of range.
    #[error("a scene of {width} x {height} pixels cannot be drawn: each side must be 64 to 4096")]
    Size {
        /// Pixels across.
        width: usize,
        /// Pixels down.
        height: usize,
    },
    /// The face does not fit, or the range is empty.
    #[error(
        "faces of {low} to {high} px do not fit: the range must rise within 20 px and {most} px, 0.8 of the shorter side"
    )]
    Face {
        /// Smallest face asked for.
        low: f32,
        /// Largest face asked for.
        high: f32,
        /// Largest face that fits.
        most: f32,
    },
    /// Too many spans.
    #[error("{0} swapped spans are too many: give at most {SPANS_MAX}")]
    Spans(usize),
}

/// What is true about a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SceneTruth {
    /// Centres of the eyes in pixels, left one in the picture first.
    pub eyes: [Point; 2],
    /// The face in the face finder's convention, square.
    pub bbox: FaceBox,
    /// Whether the face is swapped.
    pub swapped: bool,
}

/// A picture and what is true about it.
#[derive(Clone, Debug, PartialEq)]
pub struct SceneFrame {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// height x width x RGB.
    pub rgb: Vec<u8>,
    /// What is true about it.
    pub truth: SceneTruth,
}

/// An endless recording of one person; any frame can be drawn at any time.
pub struct Scene {
    config: SceneConfig,
    person: SyntheticPerson,
    mask: Option<Mask>,
    body: Body,
    pores: MeshGrid<1>,
    background: Vec<u8>,
    motion: Motion,
    camera: VirtualCamera,
}

impl Scene {
    /// Draws person, place and camera from the seed.
    ///
    /// # Errors
    /// Where the configuration is out of range.
    pub fn new(model: &FaceModel, config: SceneConfig) -> Result<Self, SceneError> {
        check(&config)?;
        let stream = |number| Random::new(config.seed, number);
        let person = SyntheticPerson::sample(model, &mut stream(1));
        let mask =
            (config.swap != Swap::Never).then(|| Mask::sample(model, &mut stream(2), person.skin));
        Ok(Self {
            body: Body::sample(&mut stream(3), &person.face(0.0, 0.0), person.skin),
            pores: pores(stream(4).bits()),
            background: background(&mut stream(5), config.width, config.height),
            motion: Motion::sample(
                &mut stream(6),
                config.width as f32,
                config.height as f32,
                &config.face_px,
            ),
            camera: VirtualCamera::sample(&mut stream(7)),
            person,
            mask,
            config,
        })
    }

    /// What the scene was built from.
    pub fn config(&self) -> &SceneConfig {
        &self.config
    }

    /// Frame `index`, the same whenever it is asked for.
    pub fn frame(&self, index: u32) -> SceneFrame {
        let layers = self.layers(index);
        let rgb = self
            .camera
            .take(&layers, self.config.height, index, seconds(index));
        SceneFrame {
            width: self.config.width,
            height: self.config.height,
            rgb,
            truth: SceneTruth {
                eyes: layers.pose.eyes(),
                bbox: layers.pose.bbox(),
                swapped: layers.swap.is_some(),
            },
        }
    }

    fn layers(&self, index: u32) -> RenderLayers<'_> {
        let seconds = seconds(index);
        let pose = self.motion.at(seconds);
        let face = self.person.face(seconds, 0.0);
        let swapped = self.mask.as_ref().filter(|_| self.config.swap.at(index));
        let swap = swapped.map(|mask| (mask, mask.wear(&face, &self.pores, index, seconds)));
        RenderLayers {
            width: self.config.width,
            background: &self.background,
            body: &self.body,
            pores: &self.pores,
            pose,
            stance: HeadPose {
                roll: (1.0, 0.0),
                ..pose
            },
            face,
            swap,
        }
    }
}

fn seconds(index: u32) -> f64 {
    f64::from(index) / f64::from(FRAMES_PER_SECOND)
}

fn check(config: &SceneConfig) -> Result<(), SceneError> {
    let (width, height) = (config.width, config.height);
    if !SIDE.contains(&width) || !SIDE.contains(&height) {
        return Err(SceneError::Size { width, height });
    }
    let (low, high) = (*config.face_px.start(), *config.face_px.end());
    let most = 0.8 * width.min(height) as f32;
    if !(low >= 20.0 && high >= low && high <= most) {
        return Err(SceneError::Face { low, high, most });
    }
    match &config.swap {
        Swap::Spans(spans) if spans.len() > SPANS_MAX => Err(SceneError::Spans(spans.len())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::RgbView;

    fn scene(seed: u64, swap: Swap) -> Scene {
        let model = FaceModel::builtin().unwrap();
        Scene::new(
            &model,
            SceneConfig {
                seed,
                swap,
                ..SceneConfig::default()
            },
        )
        .unwrap()
    }

    #[cfg(feature = "tract")]
    #[test]
    fn the_face_finder_sees_the_faces_where_they_are() {
        use crate::face::{FinderConfig, builtin_finder};

        let mut finder = builtin_finder(FinderConfig::default()).unwrap();
        let (mut faces, mut found) = (Vec::new(), 0);
        for seed in 0..40 {
            let swap = if seed % 2 == 0 {
                Swap::Never
            } else {
                Swap::Always
            };
            let scene = scene(seed, swap);
            for index in [0, 200] {
                let frame = scene.frame(index);
                let view = RgbView::new(frame.width, frame.height, &frame.rgb).unwrap();
                finder.find(&view, &mut faces).unwrap();
                found += usize::from(faces.iter().any(|f| f.bbox.iou(&frame.truth.bbox) >= 0.5));
            }
        }
        assert!(found >= 76, "{found} of 80 faces found");
    }

    #[test]
    fn a_frame_depends_on_its_index_only() {
        let swap = Swap::Spans(vec![(3, 4)]);
        let (one, other) = (scene(5, swap.clone()), scene(5, swap));
        let forward: Vec<SceneFrame> = (2..6).map(|i| one.frame(i)).collect();
        for (index, frame) in (2..6).zip(&forward).rev() {
            assert!(other.frame(index) == *frame, "frame {index} differs");
        }
        let swapped: Vec<bool> = forward.iter().map(|f| f.truth.swapped).collect();
        assert_eq!(swapped, [false, true, true, false]);
        assert_ne!(forward[0].rgb, scene(6, Swap::Never).frame(2).rgb);
    }

    #[test]
    fn a_swap_changes_nothing_outside_its_mask() {
        for seed in 0..6 {
            let (genuine, swapped) = (scene(seed, Swap::Never), scene(seed, Swap::Always));
            let (before, after) = (genuine.layers(9), swapped.layers(9));
            let (mask, _) = after.swap.as_ref().unwrap();
            let mut rows = (vec![0.0; 640 * 3], vec![0.0; 640 * 3]);
            let (mut changed, mut inside) = (0, 0);
            for y in 0..480 {
                before.row(y, &mut rows.0);
                after.row(y, &mut rows.1);
                for (x, (a, b)) in rows.0.chunks(3).zip(rows.1.chunks(3)).enumerate() {
                    let (u, v) = after.pose.find(x as f32 + 0.5, y as f32 + 0.5);
                    let (u, v) = after.pose.turned(u, v);
                    let far = [(-0.05, 0.0), (0.05, 0.0), (0.0, -0.05), (0.0, 0.05)];
                    let masked = mask.cover(u, v) > 0.0
                        || far.iter().any(|(du, dv)| mask.cover(u + du, v + dv) > 0.0);
                    inside += usize::from(masked);
                    changed += usize::from(a != b);
                    assert!(
                        masked || a == b,
                        "changed outside the mask at {x}, {y} of {seed}"
                    );
                }
            }
            assert!(
                changed * 10 > inside * 6,
                "{changed} of {inside} pixels changed, {seed}"
            );
        }
    }

    #[test]
    fn frames_in_a_row_are_alike_but_not_the_same() {
        let scene = scene(11, Swap::Never);
        let (a, b) = (scene.frame(50), scene.frame(51));
        let apart = a.truth.bbox.centre().distance(b.truth.bbox.centre());
        assert!(apart > 0.0 && apart < 0.1 * a.truth.bbox.width, "{apart}");
        assert_ne!(a.rgb, b.rgb);
    }

    #[test]
    fn small_and_tall_frames_can_be_drawn() {
        let model = FaceModel::builtin().unwrap();
        for (width, height) in [(64, 64), (96, 400), (1280, 96)] {
            let config = SceneConfig {
                width,
                height,
                face_px: 20.0..=50.0,
                ..SceneConfig::default()
            };
            let frame = Scene::new(&model, config).unwrap().frame(u32::MAX);
            assert_eq!(frame.rgb.len(), width * height * 3);
        }
    }

    #[test]
    fn impossible_scenes_are_refused() {
        let model = FaceModel::builtin().unwrap();
        let build = |config| Scene::new(&model, config).err();
        let size = SceneConfig {
            width: 0,
            ..SceneConfig::default()
        };
        assert!(matches!(build(size), Some(SceneError::Size { .. })));
        for face_px in [f32::NAN..=90.0, 90.0..=1e9, 120.0..=90.0] {
            let face = SceneConfig {
                face_px,
                ..SceneConfig::default()
            };
            assert!(matches!(build(face), Some(SceneError::Face { .. })));
        }
        let spans = Swap::Spans(vec![(0, 1); SPANS_MAX + 1]);
        let spans = SceneConfig {
            swap: spans,
            ..SceneConfig::default()
        };
        assert_eq!(build(spans), Some(SceneError::Spans(SPANS_MAX + 1)));
    }
}
