//! Follows faces between detections.
//!
//! Each face is moved on with the speed it had (`motion`). A detection is given to the face
//! that is expected there, so that the distances of all together are least (`assign`): two
//! people who cross keep their numbers. One who is lost moves on for a second; whoever is found
//! there later is somebody new.

mod assign;
mod motion;

use unmask_shared::face::Face;
use unmask_shared::geometry::{FaceBox, Point};

use assign::Assignment;
use motion::Motion;

/// How faces are followed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackerConfig {
    /// Most faces followed at once; of further ones only that they are there is known.
    pub tracks_max: usize,
    /// A face that was not found for longer than this is somebody new, seconds. In a stream of
    /// few frames a second, two frames without it.
    pub gap_max_s: f32,
    /// Detections after which a track is believed to be a face.
    pub hits_min: u32,
}

impl Default for TrackerConfig {
    fn default() -> Self {
        Self {
            tracks_max: 24,
            gap_max_s: 1.0,
            hits_min: 2,
        }
    }
}

/// A detection may be this many face widths from where a face is expected ...
const REACH_WIDTHS: f32 = 0.7;
/// ... and so many more for each second in which the face was not found ...
const REACH_WIDTHS_PER_S: f32 = 1.0;
/// ... if it is less than this much larger or smaller.
const SIZE_RATIO_MAX: f32 = 2.0;
/// A face that was found once is forgotten after so many detections that missed it: fewer, and a
/// face behind a flickering light is never believed.
const MISSES_UNCONFIRMED: u32 = 3;
/// A detection that overlaps a track this much is no new face.
const DUPLICATE_IOU: f32 = 0.3;
/// Frame intervals without a face that are a gap in any case.
const GAP_FRAMES: f32 = 2.0;
/// Frame intervals without a frame that are no gap of the stream: on a machine that is just fast
/// enough, a frame that is searched and judged takes several times as long as one that is not.
const UNEVEN_FRAMES: f32 = 4.0;
/// Part of a new frame interval in the mean one.
const INTERVAL_GAIN: f32 = 0.1;

/// Mean score of the finder below which something is no face ...
pub const FACE_SCORE_MIN: f32 = 0.7;
/// ... and below which something is none that never moved ...
pub const STILL_FACE_SCORE_MIN: f32 = 0.8;
/// ... nor changed its shape by this part of its width.
const STILL_WIDTHS: f32 = 0.08;

/// One face that is being followed.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Names the track among all that this tracker ever had.
    pub key: u64,
    /// Where the face is believed to be now, in pixels of the frame.
    pub bbox: FaceBox,
    /// Where its landmarks are believed to be now, in the order of [`Face::landmarks`].
    pub landmarks: [Point; 5],
    /// Detections that found it.
    pub hits: u32,
    /// Detections in a row that missed it.
    pub misses: u32,
    motion: Motion,
    /// Since a detection found it.
    unseen_s: f32,
    score: f32,
    /// Where its landmarks were when it was found first.
    first: [Point; 5],
    /// Farthest that one of them ever was from there, in face widths.
    moved_widths: f32,
}

impl Track {
    /// Whether the last detection saw it.
    pub fn is_in_view(&self) -> bool {
        self.misses == 0
    }

    /// Mean score of its detections, 0 to 1.
    pub fn score(&self) -> f32 {
        self.score
    }

    /// Whether it is a face, rather than something that the finder took for one: a pattern, a
    /// bird, a bad poster. The finder is surer of faces, and they move.
    pub fn is_face(&self) -> bool {
        let is_still = self.moved_widths < STILL_WIDTHS;
        self.score
            >= if is_still {
                STILL_FACE_SCORE_MIN
            } else {
                FACE_SCORE_MIN
            }
    }

    fn new(key: u64, face: &Face) -> Self {
        Self {
            key,
            bbox: face.bbox,
            landmarks: face.landmarks,
            hits: 1,
            misses: 0,
            motion: Motion::new(face),
            unseen_s: 0.0,
            score: face.score,
            first: face.landmarks,
            moved_widths: 0.0,
        }
    }

    fn advance(&mut self, seconds: f32) {
        if self.misses > 0 {
            self.motion.coast(seconds);
        }
        self.motion.advance(seconds);
        self.unseen_s += seconds;
        self.place();
    }

    fn correct(&mut self, face: &Face) {
        self.motion.correct(face, self.unseen_s);
        self.hits = self.hits.saturating_add(1);
        self.score += (face.score - self.score) / self.hits as f32;
        self.misses = 0;
        self.unseen_s = 0.0;
        self.place();
        let width = self.bbox.width.max(1.0);
        for (now, first) in self.landmarks.iter().zip(self.first) {
            self.moved_widths = self.moved_widths.max(now.distance(first) / width);
        }
    }

    fn miss(&mut self) {
        self.misses = self.misses.saturating_add(1);
    }

    fn place(&mut self) {
        self.bbox = self.motion.bbox();
        self.landmarks = self.motion.landmarks();
    }

    /// How far a detection is from what is expected: 0 there, 1 as far as it may be.
    fn distance(&self, face: &Face) -> f32 {
        let (here, there) = (&self.bbox, &face.bbox);
        let width = 0.5 * (here.width + there.width).max(2.0);
        let missed_s = if self.misses > 0 { self.unseen_s } else { 0.0 };
        let reach = REACH_WIDTHS + REACH_WIDTHS_PER_S * missed_s;
        let away = here.centre().distance(there.centre()) / (reach * width);
        let larger = there.width.max(1.0) / here.width.max(1.0);
        away.hypot(larger.ln() / SIZE_RATIO_MAX.ln())
    }
}

/// All faces that are being followed.
#[derive(Debug)]
pub struct Tracker {
    config: TrackerConfig,
    tracks: Vec<Track>,
    next_key: u64,
    /// Mean time between two frames, seconds; 0 before the second.
    interval_s: f32,
    assignment: Assignment,
    face_taken: Vec<bool>,
    /// Whether the last search found more faces than are followed.
    is_crowded: bool,
}

impl Tracker {
    /// A tracker without tracks.
    pub fn new(config: TrackerConfig) -> Self {
        Self {
            config,
            tracks: Vec::with_capacity(config.tracks_max),
            next_key: 0,
            interval_s: 0.0,
            assignment: Assignment::default(),
            face_taken: Vec::new(),
            is_crowded: false,
        }
    }

    /// Whether somebody is in view, as far as the last search tells, who is not followed.
    pub fn is_crowded(&self) -> bool {
        self.is_crowded
    }

    /// The faces that are being followed now, by `key`, oldest first.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// The track of that key.
    pub fn get(&self, key: u64) -> Option<&Track> {
        let at = self.tracks.binary_search_by_key(&key, |track| track.key);
        self.tracks.get(at.ok()?)
    }

    /// Whether enough detections have found the track to call it a face.
    pub fn is_confirmed(&self, track: &Track) -> bool {
        track.hits >= self.config.hits_min
    }

    /// Whether the last detection saw a face that one more could confirm.
    pub fn has_unconfirmed(&self) -> bool {
        let is_new = |track: &Track| track.is_in_view() && !self.is_confirmed(track);
        self.tracks.iter().any(is_new)
    }

    /// Moves every track on to the next frame, which was taken so many seconds after the last.
    /// Tracks that were not found for too long are dropped; after a gap in the stream, all.
    pub fn advance(&mut self, seconds: f32) {
        let seconds = seconds.max(0.0);
        if self.interval_s == 0.0 {
            self.interval_s = seconds;
        }
        if seconds > (self.config.gap_max_s).max(UNEVEN_FRAMES * self.interval_s) {
            self.clear();
        }
        self.interval_s += INTERVAL_GAIN * (seconds - self.interval_s);
        for track in &mut self.tracks {
            track.advance(seconds);
        }
        // Whoever was there in the last search cannot have been gone for long.
        let gap_max_s = self.gap_max_s();
        self.tracks
            .retain(|track| track.is_in_view() || track.unseen_s <= gap_max_s);
    }

    /// Takes in what a detection found in the current frame. Faces that belong to no track
    /// begin new ones.
    pub fn correct(&mut self, faces: &[Face]) {
        self.is_crowded = false;
        self.face_taken.clear();
        self.face_taken.resize(faces.len(), false);
        let tracks = &self.tracks;
        let distance = |track: usize, face: usize| tracks[track].distance(&faces[face]);
        let given = (self.assignment).solve(tracks.len(), faces.len(), 1.0, distance);
        for (track, face) in self.tracks.iter_mut().zip(given) {
            match *face {
                Some(face) => {
                    self.face_taken[face] = true;
                    track.correct(&faces[face]);
                }
                None => track.miss(),
            }
        }
        let config = self.config;
        // A single detection that is not repeated soon was most likely no face.
        self.tracks
            .retain(|track| track.misses < MISSES_UNCONFIRMED || track.hits >= config.hits_min);
        for (number, face) in faces.iter().enumerate() {
            if !self.face_taken[number] {
                self.begin(face);
            }
        }
    }

    /// Drops all tracks, as when the picture size changes.
    pub fn clear(&mut self) {
        self.tracks.clear();
        self.is_crowded = false;
    }

    fn gap_max_s(&self) -> f32 {
        self.config.gap_max_s.max(GAP_FRAMES * self.interval_s)
    }

    fn begin(&mut self, face: &Face) {
        let known = self
            .tracks
            .iter()
            .any(|t| t.bbox.iou(&face.bbox) > DUPLICATE_IOU);
        if known {
            return;
        }
        if self.tracks.len() == self.config.tracks_max {
            // The finder's doubts are no reason to doubt everybody else.
            self.is_crowded |= face.score >= STILL_FACE_SCORE_MIN;
            return;
        }
        self.tracks.push(Track::new(self.next_key, face));
        self.next_key += 1;
    }
}

#[cfg(test)]
mod tests;
