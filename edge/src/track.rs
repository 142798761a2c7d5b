//! Follows faces between detections.
//!
//! Each track is moved on with the speed it had; a detection near it corrects
//! place, size and speed by a part of the difference, so that the crop neither
//! jitters with the detector nor lags behind the face.

use unmask_shared::face::Face;
use unmask_shared::geometry::FaceBox;

/// How faces are followed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackerConfig {
    /// Most faces followed at once; further ones are ignored.
    pub tracks_max: usize,
    /// Least overlap (intersection over union) of a detection with the place
    /// where the track is expected.
    pub iou_min: f32,
    /// A track ends when this many detections in a row missed it.
    pub misses_max: u32,
    /// Detections after which a track is believed to be a face.
    pub hits_min: u32,
}

impl Default for TrackerConfig {
    fn default() -> Self {
        Self {
            tracks_max: 16,
            iou_min: 0.2,
            misses_max: 3,
            hits_min: 2,
        }
    }
}

/// Part of the difference to a detection that place, speed and size take over.
const PLACE_GAIN: f32 = 0.6;
const SPEED_GAIN: f32 = 0.25;
const SIZE_GAIN: f32 = 0.3;
/// Without overlap, a detection may be this many face widths away ...
const REACH_WIDTHS: f32 = 0.6;
/// ... if it is at most this much larger or smaller.
const SIZE_RATIO_MAX: f32 = 1.5;
/// A detection that overlaps a track this much is no new face.
const DUPLICATE_IOU: f32 = 0.3;

/// One face that is being followed.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Names the track among all that this tracker ever had.
    pub key: u64,
    /// Where the face is believed to be now, in pixels of the frame.
    pub bbox: FaceBox,
    /// Detections that found it.
    pub hits: u32,
    /// Detections in a row that missed it.
    pub misses: u32,
    /// Speed of the centre in pixels per frame.
    speed: [f32; 2],
    frames_since_seen: u32,
}

impl Track {
    /// Whether the last detection saw it.
    pub fn is_in_view(&self) -> bool {
        self.misses == 0
    }

    fn new(key: u64, bbox: FaceBox) -> Self {
        Self {
            key,
            bbox,
            hits: 1,
            misses: 0,
            speed: [0.0; 2],
            frames_since_seen: 0,
        }
    }

    fn advance(&mut self) {
        self.bbox.x += self.speed[0];
        self.bbox.y += self.speed[1];
        self.frames_since_seen = self.frames_since_seen.saturating_add(1);
    }

    fn correct(&mut self, seen: &FaceBox) {
        let (here, there) = (self.bbox.centre(), seen.centre());
        let (dx, dy) = (there.x - here.x, there.y - here.y);
        let frames = self.frames_since_seen.max(1) as f32;
        self.speed[0] += SPEED_GAIN * dx / frames;
        self.speed[1] += SPEED_GAIN * dy / frames;
        let width = self.bbox.width + SIZE_GAIN * (seen.width - self.bbox.width);
        let height = self.bbox.height + SIZE_GAIN * (seen.height - self.bbox.height);
        let (x, y) = (here.x + PLACE_GAIN * dx, here.y + PLACE_GAIN * dy);
        self.bbox = FaceBox {
            x: x - 0.5 * width,
            y: y - 0.5 * height,
            width,
            height,
        };
        self.hits = self.hits.saturating_add(1);
        self.misses = 0;
        self.frames_since_seen = 0;
    }

    fn miss(&mut self) {
        self.misses = self.misses.saturating_add(1);
        // Nothing says that it still moves.
        self.speed = [0.0; 2];
    }
}

/// All faces that are being followed.
#[derive(Debug)]
pub struct Tracker {
    config: TrackerConfig,
    tracks: Vec<Track>,
    next_key: u64,
    pairs: Vec<(f32, usize, usize)>,
    face_taken: Vec<bool>,
    track_seen: Vec<bool>,
}

impl Tracker {
    /// A tracker without tracks.
    pub fn new(config: TrackerConfig) -> Self {
        Self {
            config,
            tracks: Vec::with_capacity(config.tracks_max),
            next_key: 0,
            pairs: Vec::new(),
            face_taken: Vec::new(),
            track_seen: Vec::new(),
        }
    }

    /// The faces that are being followed now, oldest first.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// Whether enough detections have found the track to call it a face.
    pub fn is_confirmed(&self, track: &Track) -> bool {
        track.hits >= self.config.hits_min
    }

    /// Moves every track on by one frame.
    pub fn advance(&mut self) {
        self.tracks.iter_mut().for_each(Track::advance);
    }

    /// Takes in what a detection found in the current frame. Tracks that were
    /// missed too often are dropped, unmatched faces begin new ones.
    pub fn correct(&mut self, faces: &[Face]) {
        self.face_taken.clear();
        self.face_taken.resize(faces.len(), false);
        self.track_seen.clear();
        self.track_seen.resize(self.tracks.len(), false);
        self.rate_pairs(faces);
        for &(_, track, face) in &self.pairs {
            if !self.track_seen[track] && !self.face_taken[face] {
                self.track_seen[track] = true;
                self.face_taken[face] = true;
                self.tracks[track].correct(&faces[face].bbox);
            }
        }
        for (track, &seen) in self.tracks.iter_mut().zip(&self.track_seen) {
            if !seen {
                track.miss();
            }
        }
        let config = self.config;
        // A single detection that is not repeated was most likely no face.
        self.tracks.retain(|t| {
            let misses_max = if t.hits < config.hits_min {
                1
            } else {
                config.misses_max
            };
            t.misses < misses_max
        });
        for (number, face) in faces.iter().enumerate() {
            if !self.face_taken[number] {
                self.begin(face);
            }
        }
    }

    /// Drops all tracks, as when the picture size changes.
    pub fn clear(&mut self) {
        self.tracks.clear();
    }

    fn begin(&mut self, face: &Face) {
        let known = self
            .tracks
            .iter()
            .any(|t| t.bbox.iou(&face.bbox) > DUPLICATE_IOU);
        if !known && self.tracks.len() < self.config.tracks_max {
            self.tracks.push(Track::new(self.next_key, face.bbox));
            self.next_key += 1;
        }
    }

    /// All pairs of track and face that may belong together, best first.
    fn rate_pairs(&mut self, faces: &[Face]) {
        self.pairs.clear();
        for (t, track) in self.tracks.iter().enumerate() {
            for (f, face) in faces.iter().enumerate() {
                if let Some(rating) = rate(&track.bbox, &face.bbox, self.config.iou_min) {
                    self.pairs.push((rating, t, f));
                }
            }
        }
        // In place; pairs that are rated alike stay in their order.
        (self.pairs).sort_unstable_by(|a, b| {
            let alike = (a.1, a.2).cmp(&(b.1, b.2));
            b.0.total_cmp(&a.0).then(alike)
        });
    }
}

/// Overlap, or a negative rating for near misses; `None` for strangers.
fn rate(expected: &FaceBox, seen: &FaceBox, iou_min: f32) -> Option<f32> {
    let iou = expected.iou(seen);
    if iou >= iou_min {
        return Some(iou);
    }
    let distance = expected.centre().distance(seen.centre()) / expected.width.max(1.0);
    let ratio = expected.width.max(seen.width) / expected.width.min(seen.width).max(1.0);
    (distance < REACH_WIDTHS && ratio < SIZE_RATIO_MAX).then_some(-distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(x: f32, y: f32, side: f32) -> Face {
        let bbox = FaceBox {
            x,
            y,
            width: side,
            height: side,
        };
        Face {
            bbox,
            landmarks: bbox.mean_landmarks(),
            score: 0.9,
        }
    }

    fn run(tracker: &mut Tracker, every: u32, frame: u32, faces: &[Face]) {
        tracker.advance();
        if frame.is_multiple_of(every) {
            tracker.correct(faces);
        }
    }

    #[test]
    fn a_moving_face_keeps_its_track_and_the_box_follows_closely() {
        let mut tracker = Tracker::new(TrackerConfig::default());
        for frame in 0..100 {
            let x = 100.0 + 4.0 * frame as f32;
            run(&mut tracker, 5, frame, &[face(x, 80.0, 90.0)]);
            assert_eq!(tracker.tracks().len(), 1);
            assert_eq!(tracker.tracks()[0].key, 0);
            let lag = (tracker.tracks()[0].bbox.x - x).abs();
            assert!(frame < 40 || lag < 4.0, "frame {frame}: {lag} px behind");
        }
    }

    #[test]
    fn the_box_jitters_less_than_the_detector() {
        let mut tracker = Tracker::new(TrackerConfig::default());
        let mut widths = Vec::new();
        for frame in 0..200 {
            let noise = if (frame / 5) % 2 == 0 { 4.0 } else { -4.0 };
            run(
                &mut tracker,
                5,
                frame,
                &[face(100.0 + noise, 100.0, 100.0 + noise)],
            );
            if frame > 50 {
                widths.push(tracker.tracks()[0].bbox.width);
            }
        }
        let low = widths.iter().copied().fold(f32::MAX, f32::min);
        let high = widths.iter().copied().fold(f32::MIN, f32::max);
        assert!(high - low < 4.0, "{low} to {high}, detector 96 to 104");
    }

    #[test]
    fn faces_that_cross_keep_their_tracks() {
        let mut tracker = Tracker::new(TrackerConfig::default());
        for frame in 0..80 {
            let left = face(50.0 + 5.0 * frame as f32, 100.0, 80.0);
            let right = face(450.0 - 5.0 * frame as f32, 150.0, 80.0);
            run(&mut tracker, 4, frame, &[left, right]);
        }
        let tracks = tracker.tracks();
        assert_eq!(tracks.len(), 2);
        assert_eq!((tracks[0].key, tracks[1].key), (0, 1));
        assert!(
            tracks[0].bbox.x > 400.0 && tracks[1].bbox.x < 100.0,
            "{tracks:?}"
        );
    }

    #[test]
    fn at_most_so_many_tracks_whatever_the_detector_says() {
        let config = TrackerConfig::default();
        let mut tracker = Tracker::new(config);
        let crowd: Vec<Face> = (0..60).map(|i| face(100.0 * i as f32, 0.0, 50.0)).collect();
        for frame in 0..50 {
            run(&mut tracker, 1, frame, &crowd);
            assert!(tracker.tracks().len() <= config.tracks_max);
        }
        assert!(
            tracker
                .tracks()
                .iter()
                .all(|t| t.key < config.tracks_max as u64)
        );
    }

    #[test]
    fn a_face_that_left_ends_and_a_newcomer_is_somebody_else() {
        let mut tracker = Tracker::new(TrackerConfig::default());
        for frame in 0..10 {
            run(&mut tracker, 1, frame, &[face(100.0, 100.0, 80.0)]);
        }
        for frame in 0..TrackerConfig::default().misses_max {
            assert_eq!(tracker.tracks().len(), 1);
            run(&mut tracker, 1, frame, &[]);
        }
        assert!(tracker.tracks().is_empty());
        run(&mut tracker, 1, 0, &[face(100.0, 100.0, 80.0)]);
        assert_eq!(tracker.tracks()[0].key, 1);
    }

    #[test]
    fn something_seen_once_is_dropped_at_once() {
        let mut tracker = Tracker::new(TrackerConfig::default());
        tracker.correct(&[face(10.0, 10.0, 60.0)]);
        assert!(!tracker.is_confirmed(&tracker.tracks()[0]));
        tracker.correct(&[]);
        assert!(tracker.tracks().is_empty());
    }

    #[test]
    fn two_detections_of_one_face_are_one_track() {
        let mut tracker = Tracker::new(TrackerConfig::default());
        tracker.correct(&[face(100.0, 100.0, 100.0), face(110.0, 104.0, 92.0)]);
        assert_eq!(tracker.tracks().len(), 1);
    }
}
