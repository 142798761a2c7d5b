//! Plays a synthetic stream and keeps what was said about whom.

use unmask_shared::engine::Engine;
use unmask_shared::event::EventKind;
use unmask_shared::face::FinderChoice;
use unmask_shared::geometry::{FaceBox, Point};
use unmask_shared::manifest::Manifest;
use unmask_shared::verdict::Verdict;

use crate::error::EdgeError;
use crate::person::Person;
use crate::pipeline::{Pipeline, PipelineConfig};
use crate::source::synthetic::{Appearance, Casting, PLACE_WIDTH, PLACES, SyntheticSource};
use crate::source::{Frame, FrameSource};

use super::judge::Judgement;

/// Frames before the end of a stay at which the picture is taken.
const SNAPSHOT_BEFORE_END: u64 = 12;

/// A verdict that has just been reached.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct News {
    pub time_us: u64,
    pub appearance: Appearance,
    pub verdict: Verdict,
    pub score: Option<f32>,
    /// Whether the face was swapped in that frame.
    pub swapped: bool,
}

/// One person as seen late in the stay.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    /// Only the person's place.
    pub frame: Frame,
    pub bbox: FaceBox,
    pub landmarks: [Point; 5],
    pub evidence: Vec<f32>,
}

/// A stream with everybody who appears in it.
pub(super) struct Show {
    pipeline: Pipeline,
    source: SyntheticSource,
    casting: Casting,
    frame: Frame,
    frames: u64,
    cast: Vec<Member>,
}

/// A person with what is known about them.
pub(super) struct Member {
    pub appearance: Appearance,
    pub judgement: Judgement,
    pub snapshot: Option<Snapshot>,
}

impl Show {
    pub(super) fn new(
        engine: Engine,
        finder: &FinderChoice,
        manifest: &Manifest,
        seed: u64,
        frames: u64,
    ) -> Result<Self, EdgeError> {
        let source = SyntheticSource::new(seed)?;
        let casting = source.casting();
        let cast = casting.until(frames).into_iter().map(|appearance| Member {
            appearance,
            judgement: Judgement::new(&appearance, frames),
            snapshot: None,
        });
        Ok(Self {
            pipeline: Pipeline::new(engine, finder, manifest.clone(), PipelineConfig::default())?,
            cast: cast.collect(),
            source,
            casting,
            frame: Frame::default(),
            frames,
        })
    }

    pub(super) fn frame_index(&self) -> u64 {
        self.frame.index
    }

    pub(super) fn cast(&self) -> &[Member] {
        &self.cast
    }

    pub(super) fn judgements(&self) -> Vec<Judgement> {
        self.cast
            .iter()
            .map(|member| member.judgement.clone())
            .collect()
    }

    /// Plays one frame; `None` at the end of the stream.
    pub(super) fn step(&mut self) -> Result<Option<Vec<News>>, EdgeError> {
        if self.frame.index + 1 >= self.frames || !self.source.next_frame(&mut self.frame)? {
            return Ok(None);
        }
        let (casting, frame) = (self.casting, &self.frame);
        let mut news = Vec::new();
        self.pipeline.push(frame, &mut |kind, person| {
            let whose = appearance_of(&casting, person, frame.index);
            if let (EventKind::VerdictChanged, Some(appearance)) = (kind, whose) {
                let since = appearance.first_swapped_frame();
                news.push(News {
                    time_us: frame.time_us,
                    appearance,
                    verdict: person.verdict(),
                    score: person.score(),
                    swapped: since.is_some_and(|first| frame.index >= first),
                });
            }
        })?;
        for person in self
            .pipeline
            .people()
            .iter()
            .filter(|person| person.id != 0)
        {
            take_note(&mut self.cast, &casting, person, frame);
        }
        Ok(Some(news))
    }
}

fn take_note(cast: &mut [Member], casting: &Casting, person: &Person, frame: &Frame) {
    let whose = appearance_of(casting, person, frame.index);
    let member = whose.and_then(|a| cast.iter_mut().find(|member| member.appearance == a));
    let Some(member) = member else { return };
    let appearance = member.appearance;
    member
        .judgement
        .note(&appearance, frame.index, person.verdict(), person.score());
    let late = frame.index + SNAPSHOT_BEFORE_END >= appearance.last_frame();
    // An early one stands in for people who leave with the end of the stream.
    let early = member.snapshot.is_none() && frame.index >= appearance.first_frame + 20;
    let taken_late = member
        .snapshot
        .as_ref()
        .is_some_and(|s| s.frame.index + SNAPSHOT_BEFORE_END >= appearance.last_frame());
    if early || (late && !taken_late) {
        member.snapshot = Some(snapshot(person, frame, appearance.place));
    }
}

/// Whom a track belongs to: whoever stands there by the schedule.
fn appearance_of(casting: &Casting, person: &Person, frame: u64) -> Option<Appearance> {
    let place = (person.bbox.centre().x / PLACE_WIDTH as f32).max(0.0) as usize;
    let appearance = casting.at(place.min(PLACES - 1), frame)?;
    // A track of somebody who has just left is not about the newcomer.
    (person.last_frame >= appearance.first_frame).then_some(appearance)
}

fn snapshot(person: &Person, frame: &Frame, place: usize) -> Snapshot {
    let left = 3 * PLACE_WIDTH * place;
    let rows = frame.rgb.chunks_exact(3 * frame.width);
    let rgb = rows
        .flat_map(|row| &row[left..left + 3 * PLACE_WIDTH])
        .copied()
        .collect();
    let offset = (PLACE_WIDTH * place) as f32;
    let bbox = FaceBox {
        x: person.bbox.x - offset,
        ..person.bbox
    };
    Snapshot {
        frame: Frame {
            index: frame.index,
            time_us: frame.time_us,
            width: PLACE_WIDTH,
            height: frame.height,
            rgb,
        },
        bbox,
        landmarks: (person.landmarks).map(|at| Point::new(at.x - offset, at.y)),
        evidence: person.evidence.clone(),
    }
}
