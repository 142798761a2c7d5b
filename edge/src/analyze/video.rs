//! Videos: every frame is read, every face is judged over all its frames.

use std::path::Path;

use unmask_shared::event::EventKind;

use crate::error::EdgeError;
use crate::report::progress::Progress;
use crate::source::{FfmpegSource, FrameSource, MediaKind};

use super::{Analyzer, MediaReport, TrackReport};

/// Most tracks listed in a report; of further ones only the number is told.
const TRACKS_MAX: usize = 1024;

impl Analyzer {
    /// Reads a video to its end and judges each face in it.
    pub fn video(&mut self, path: &Path) -> Result<MediaReport, EdgeError> {
        let mut source = FfmpegSource::open(path)?;
        let mut found = Found::default();
        let read = self.watch(&mut source, &mut found);
        // Also after an error, so that the next file starts from nothing.
        let ended = self
            .pipeline
            .finish(&mut |kind, person| found.note(kind, person));
        let frames = read?;
        ended?;
        found.tracks.sort_by_key(|track| track.id);
        Ok(MediaReport::new(
            path,
            MediaKind::Video,
            frames,
            found.faces,
            found.tracks,
        ))
    }

    fn watch(&mut self, source: &mut FfmpegSource, found: &mut Found) -> Result<u64, EdgeError> {
        let mut progress = Progress::new(source.name(), source.frames_expected());
        let mut frames = 0;
        while source.next_frame(&mut self.frame)? {
            self.pipeline
                .push(&self.frame, &mut |kind, person| found.note(kind, person))?;
            frames += 1;
            progress.update(frames);
        }
        Ok(frames)
    }
}

#[derive(Default)]
struct Found {
    faces: usize,
    tracks: Vec<TrackReport>,
}

impl Found {
    fn note(&mut self, kind: EventKind, person: &crate::person::Person) {
        match kind {
            EventKind::TrackStarted => self.faces += 1,
            EventKind::TrackEnded if self.tracks.len() < TRACKS_MAX => {
                self.tracks.push(TrackReport::of(person));
            }
            _ => {}
        }
    }
}
