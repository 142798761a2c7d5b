//! Videos: every frame is read, every face is judged over all its frames.

use std::collections::BTreeMap;
use std::path::Path;

use unmask_shared::event::EventKind;
use unmask_shared::verdict::Verdict;

use crate::console::progress::FileProgress;
use crate::error::EdgeError;
use crate::source::{FfmpegSource, FrameSource, MediaKind, SourceError};

use super::chances::take_back;
use super::report::Damage;
use super::{Analyzer, MediaReport, TrackReport};
use crate::person::Person;

/// Most tracks listed in a report; of further ones only the number is told.
const TRACKS_MAX: usize = 1024;
/// Most raw scores listed of one track: an hour at 30 a second.
pub(super) const LOGITS_MAX: usize = 108_000;

impl Analyzer {
    /// Reads a video to its end and judges each face in it, in every track of pictures that a
    /// viewer may be shown; one of a single frame as a picture. What can be read of a damaged
    /// file is judged.
    pub fn video(&mut self, path: &Path) -> Result<MediaReport, EdgeError> {
        let mut found = Found {
            keep_logits: self.keep_logits,
            ..Found::default()
        };
        let mut seen = Seen::default();
        let mut next = Some(FfmpegSource::open(path));
        while let Some(source) = next.take() {
            match source {
                Ok(mut source) => {
                    self.track(&mut source, &mut found, &mut seen)?;
                    next = source.next_track();
                }
                Err(error) => seen.fail(error.into())?,
            }
        }
        if seen.frames == 1 && seen.tracks == 1 {
            // A picture in a format of videos: it gets no second frame to be surer by.
            return Ok(self.still(path)?.but(seen.damage));
        }
        if found.is_crowded {
            let note = "more faces were in view at once than can be followed: not all were judged";
            seen.damage.notes.push(note.into());
            seen.damage.is_mostly_missing = true;
        }
        found.tracks.sort_by_key(|track| track.id);
        take_back(&mut found.tracks, self.rules, self.calibration)?;
        if !self.keep_logits {
            found
                .tracks
                .iter_mut()
                .for_each(|track| track.logits = None);
        }
        let report = MediaReport::new(
            path,
            MediaKind::Video,
            seen.frames,
            found.faces,
            found.tracks,
        );
        Ok(report.but(seen.damage))
    }

    /// Watches one track of pictures to its end.
    fn track(
        &mut self,
        source: &mut FfmpegSource,
        found: &mut Found,
        seen: &mut Seen,
    ) -> Result<(), EdgeError> {
        found.before = found.faces;
        let read = self.watch(source, found, &mut seen.frames);
        // Also after an error, so that the next track starts from nothing.
        let ended = self
            .pipeline
            .finish(&mut |kind, person| found.note(kind, person));
        read.or_else(|error| seen.fail(error))?;
        ended?;
        seen.tracks += 1;
        if seen.damage.notes.is_empty()
            && let Some(said) = source.complaint()
        {
            seen.damage.notes.push(format!("ffmpeg says: {said}"));
        }
        if source.hides_alpha() {
            let note = "it is transparent in places, and was judged as if it were not";
            seen.damage.notes.push(note.into());
            seen.damage.is_mostly_missing = true;
        }
        if let (0, left_out @ 1..) = source.other_tracks() {
            let note = format!("{left_out} more tracks of pictures were not judged");
            seen.damage.notes.push(note);
        }
        Ok(())
    }

    fn watch(
        &mut self,
        source: &mut FfmpegSource,
        found: &mut Found,
        frames: &mut u64,
    ) -> Result<(), EdgeError> {
        let mut progress = FileProgress::new(source.name(), source.frames_expected());
        let mut read = 0;
        while source.next_frame(&mut self.frame)? {
            self.pipeline
                .push(&self.frame, &mut |kind, person| found.note(kind, person))?;
            found.follow(self.pipeline.people());
            found.is_crowded |= self.pipeline.is_crowded();
            *frames += 1;
            read += 1;
            progress.update(read);
        }
        Ok(())
    }
}

/// What was read of a file.
#[derive(Default)]
struct Seen {
    /// Of all tracks together.
    frames: u64,
    tracks: u32,
    damage: Damage,
}

impl Seen {
    /// Takes that the rest of a track could not be read, where something was read before.
    fn fail(&mut self, error: EdgeError) -> Result<(), EdgeError> {
        let EdgeError::Source(cause) = &error else {
            return Err(error);
        };
        if self.frames == 0 {
            return Err(error);
        }
        let (read, expected) = match cause {
            SourceError::Truncated {
                frames, expected, ..
            } => (*frames, expected.unwrap_or(0)),
            _ => (0, 1),
        };
        self.damage.is_cut = true;
        self.damage.is_mostly_missing |= 2 * read < expected;
        self.damage.notes.push(cause.to_string());
        Ok(())
    }
}

#[derive(Default)]
struct Found {
    faces: usize,
    /// Whether there were ever more faces at once than can be followed.
    is_crowded: bool,
    /// Those of earlier tracks of the file.
    before: usize,
    tracks: Vec<TrackReport>,
    /// Raw scores of everybody in view, by track.
    logits: BTreeMap<u64, Vec<f32>>,
    /// Whether those of all are listed, and not only of whom a flag may be taken back.
    keep_logits: bool,
}

impl Found {
    fn note(&mut self, kind: EventKind, person: &Person) {
        match kind {
            EventKind::TrackStarted => self.faces += 1,
            EventKind::TrackEnded => {
                self.score(std::slice::from_ref(person));
                let logits = self.logits.remove(&person.key).unwrap_or_default();
                let track = TrackReport::of(person);
                let keep = self.keep_logits || track.verdict == Verdict::Manipulated;
                let logits = keep.then_some(logits);
                let id = track.id.saturating_add(self.before as u32);
                let track = TrackReport { id, ..track };
                self.keep(TrackReport { logits, ..track });
            }
            _ => {}
        }
    }

    /// Lists a track. A crowd of glimpses does not push out whoever speaks against the file.
    fn keep(&mut self, track: TrackReport) {
        if self.tracks.len() < TRACKS_MAX {
            self.tracks.push(track);
            return;
        }
        let weight = |track: &TrackReport| {
            let verdict = match track.verdict {
                Verdict::Manipulated => 2,
                Verdict::Undecided => 1,
                Verdict::Genuine => 0,
            };
            (verdict, track.span())
        };
        let least = self.tracks.iter_mut().min_by_key(|track| weight(track));
        if let Some(least) = least
            && weight(&track) > weight(least)
        {
            *least = track;
        }
    }

    /// Keeps the raw scores of those in view, who may not be believed to be people yet.
    fn follow(&mut self, people: &[Person]) {
        self.logits
            .retain(|key, _| people.iter().any(|person| person.key == *key));
        self.score(people);
    }

    /// Takes the latest raw score of everybody on whom there was a decision that counted.
    fn score(&mut self, people: &[Person]) {
        for person in people {
            let logits = self.logits.entry(person.key).or_default();
            let counted = person.decisions().0 as usize;
            if counted > logits.len() && logits.len() < LOGITS_MAX {
                logits.push(person.logit);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use unmask_shared::geometry::FaceBox;

    use super::*;

    #[test]
    fn a_crowd_of_glimpses_does_not_push_out_a_fake() {
        let track = |id: u32, frames: u32, verdict| TrackReport {
            id,
            first_frame: 0,
            last_frame: u64::from(frames) - 1,
            frames,
            coverage: 1.0,
            score: None,
            mean_score: None,
            face_px: 90.0,
            bbox: FaceBox {
                x: 0.0,
                y: 0.0,
                width: 90.0,
                height: 90.0,
            },
            logits: None,
            verdict,
            reason: None,
        };
        let mut found = Found::default();
        let crowd = 2 * TRACKS_MAX as u32;
        (0..crowd).for_each(|id| found.keep(track(id, 3, Verdict::Undecided)));
        found.keep(track(crowd, 40, Verdict::Manipulated));
        (0..crowd).for_each(|id| found.keep(track(id, 90, Verdict::Undecided)));
        assert_eq!(found.tracks.len(), TRACKS_MAX);
        let report = MediaReport::new(
            Path::new("a.mp4"),
            MediaKind::Video,
            900,
            found.tracks.len(),
            found.tracks,
        );
        assert_eq!(report.verdict, Verdict::Manipulated);
        assert_eq!(report.decided_by, Some(crowd));
    }
}
