//! Videos: every frame is read, every face is judged over all its frames.

use std::collections::BTreeMap;
use std::path::Path;

use unmask_shared::event::EventKind;

use crate::error::EdgeError;
use crate::report::progress::Progress;
use crate::source::{FfmpegSource, FrameSource, MediaKind};

use super::{Analyzer, MediaReport, TrackReport};
use crate::person::Person;

/// Most tracks listed in a report; of further ones only the number is told.
const TRACKS_MAX: usize = 1024;
/// Most raw scores listed of one track: an hour at 30 a second.
const LOGITS_MAX: usize = 108_000;

impl Analyzer {
    /// Reads a video to its end and judges each face in it; one of a single frame as a picture.
    pub fn video(&mut self, path: &Path) -> Result<MediaReport, EdgeError> {
        let mut source = FfmpegSource::open(path)?;
        let mut found = Found {
            logits: self.keep_logits.then(BTreeMap::new),
            ..Found::default()
        };
        let read = self.watch(&mut source, &mut found);
        // Also after an error, so that the next file starts from nothing.
        let ended = self
            .pipeline
            .finish(&mut |kind, person| found.note(kind, person));
        let frames = read?;
        ended?;
        if frames == 1 {
            // A picture in a format of videos: it gets no second frame to be surer by.
            return self.still(path);
        }
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
            found.follow(self.pipeline.people());
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
    /// Raw scores of everybody in view, by track; `None` where nobody asked.
    logits: Option<BTreeMap<u64, Vec<f32>>>,
}

impl Found {
    fn note(&mut self, kind: EventKind, person: &Person) {
        match kind {
            EventKind::TrackStarted => self.faces += 1,
            EventKind::TrackEnded => {
                self.score(std::slice::from_ref(person));
                let logits = self.logits.as_mut();
                let logits = logits.map(|all| all.remove(&person.key).unwrap_or_default());
                if self.tracks.len() < TRACKS_MAX {
                    let track = TrackReport::of(person);
                    self.tracks.push(TrackReport { logits, ..track });
                }
            }
            _ => {}
        }
    }

    /// Keeps the raw scores of those in view, who may not be believed to be people yet.
    fn follow(&mut self, people: &[Person]) {
        if let Some(all) = &mut self.logits {
            all.retain(|key, _| people.iter().any(|person| person.key == *key));
        }
        self.score(people);
    }

    /// Takes the latest raw score of everybody on whom there was a decision that counted.
    fn score(&mut self, people: &[Person]) {
        let Some(all) = &mut self.logits else { return };
        for person in people {
            let logits = all.entry(person.key).or_default();
            let counted = person.decisions().0 as usize;
            if counted > logits.len() && logits.len() < LOGITS_MAX {
                logits.push(person.logit);
            }
        }
    }
}
