//! The way of a frame: cuts, faces, tracks, crop, network, verdict.

use std::time::Instant;

use unmask_shared::bundle::Bundle;
use unmask_shared::engine::{Engine, EngineError};
use unmask_shared::event::EventKind;
use unmask_shared::face::{Face, FinderChoice, FinderError};
use unmask_shared::geometry::CropSpec;
use unmask_shared::manifest::Manifest;
use unmask_shared::quality::Quality;
use unmask_shared::sample::{ImageError, crop_planar};
use unmask_shared::synthetic::Random;
use unmask_shared::verdict::{VerdictConfig, VerdictError};

use crate::cadence::Cadence;
use crate::network::Network;
use crate::person::{JudgeError, Person};
use crate::scene::{Change, SceneWatch};
use crate::search::{FaceDetector, FaceSearch, SearchConfig};
use crate::stopwatch::{Stage, Stopwatch};
use crate::track::{Track, Tracker, TrackerConfig};
use unmask_shared::media::Frame;

/// How a stream is watched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PipelineConfig {
    /// Faces are looked for in every so many frames, at least 1, and after a cut.
    pub detect_every: u32,
    /// When exactly.
    pub rhythm: Rhythm,
    /// How they are looked for.
    pub search: SearchConfig,
    /// How they are followed.
    pub tracker: TrackerConfig,
}

impl Default for PipelineConfig {
    fn default() -> Self {
        Self {
            detect_every: 5,
            rhythm: Rhythm::Fixed,
            search: SearchConfig::default(),
            tracker: TrackerConfig::default(),
        }
    }
}

impl PipelineConfig {
    /// How `run` and `analyze` watch, so that both say the same of a file: faces are looked for in
    /// each n-th frame in the mean, at times that nobody can foresee, and once more with a margin
    /// where there seems to be none.
    pub fn watching(every: u32) -> Self {
        Self {
            detect_every: every.max(1),
            rhythm: Rhythm::unpredictable(),
            search: SearchConfig {
                padded: true,
                ..SearchConfig::default()
            },
            ..Self::default()
        }
    }
}

/// When faces are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rhythm {
    /// In each n-th frame, which whoever makes the video can meet: blank just those, and nobody
    /// is seen.
    Fixed,
    /// In each n-th frame in the mean, after 1 to 2n - 1 frames as a seed has it.
    Drawn(u64),
}

impl Rhythm {
    /// With a seed of the system's generator, that nobody can foresee.
    pub fn unpredictable() -> Self {
        let mut seed = [0; 8];
        match getrandom::fill(&mut seed) {
            Ok(()) => Self::Drawn(u64::from_ne_bytes(seed)),
            // Predictable to whoever knows the second is better than not to look.
            Err(_) => Self::Drawn(
                std::time::UNIX_EPOCH
                    .elapsed()
                    .map_or(0, |time| time.as_secs()),
            ),
        }
    }
}

/// Time between frames that do not tell it, seconds.
const UNTIMED_S: f32 = 0.04;

/// A face that was found once is looked for again within so many frames, so that a shot of half a
/// second is enough to be seen in.
const CONFIRM_FRAMES: u32 = 3;

/// A light that flickers makes a search due after so many frames.
const PROVOKED_FRAMES: u32 = 2;

/// Name of the stream of random numbers that says when to search.
const SEARCHES: u64 = 0x5ea6;

/// Why a frame could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The face finder could not be set up, or failed.
    #[error(transparent)]
    Finder(#[from] FinderError),
    /// The frame is no picture.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The network could not be loaded.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The network or its rules failed on a face.
    #[error(transparent)]
    Judge(#[from] JudgeError),
}

/// Told of each change: what happened to whom.
pub type OnEvent<'a> = dyn FnMut(EventKind, &Person) + 'a;

/// Watches one stream on one thread.
pub struct Pipeline {
    config: PipelineConfig,
    network: Box<dyn Network>,
    manifest: Manifest,
    search: Box<dyn FaceDetector>,
    faces: Vec<Face>,
    scene: SceneWatch,
    tracker: Tracker,
    people: Vec<Person>,
    next_id: u32,
    frames_since_search: u32,
    /// Frames from the last search to the next.
    gap: u32,
    /// Whether the next search is to confirm what the last one found.
    is_confirming: bool,
    random: Option<Random>,
    size: (usize, usize),
    /// Time stamp of the last frame.
    time_us: Option<u64>,
    crop: Vec<f32>,
    cadence: Cadence,
    /// Shots seen so far.
    shots: u64,
    /// How long the stages take.
    pub stopwatch: Stopwatch,
}

impl Pipeline {
    /// A pipeline with a model of its own and the built-in face finder.
    pub fn open(bundle: &Bundle, config: PipelineConfig) -> Result<Self, PipelineError> {
        let (engine, manifest) = (Engine::load(bundle)?, bundle.manifest.clone());
        Self::new(engine, &FinderChoice::BuiltIn, manifest, config)
    }

    /// A pipeline with a model that others may be using too.
    pub fn new(
        engine: Engine,
        finder: &FinderChoice,
        manifest: Manifest,
        config: PipelineConfig,
    ) -> Result<Self, PipelineError> {
        let search = FaceSearch::new(finder, config.search)?;
        let (network, search) = (Box::new(engine), Box::new(search));
        Ok(Self::with_parts(network, search, manifest, config))
    }

    /// A pipeline with something else in place of network or face finder; `config.search`
    /// says nothing then.
    pub fn with_parts(
        network: Box<dyn Network>,
        search: Box<dyn FaceDetector>,
        manifest: Manifest,
        config: PipelineConfig,
    ) -> Self {
        let side = network.crop_side();
        Self {
            cadence: Cadence::new(manifest.period_ms),
            config,
            network,
            manifest,
            search,
            faces: Vec::new(),
            scene: SceneWatch::default(),
            tracker: Tracker::new(config.tracker),
            people: Vec::with_capacity(config.tracker.tracks_max),
            next_id: 1,
            frames_since_search: u32::MAX,
            gap: config.detect_every,
            is_confirming: false,
            random: match config.rhythm {
                Rhythm::Fixed => None,
                Rhythm::Drawn(seed) => Some(Random::new(seed, SEARCHES)),
            },
            size: (0, 0),
            time_us: None,
            crop: vec![0.0; 3 * side * side],
            shots: 0,
            stopwatch: Stopwatch::default(),
        }
    }

    /// Takes in the next frame of the stream.
    pub fn push(&mut self, frame: &Frame, on_event: &mut OnEvent<'_>) -> Result<(), PipelineError> {
        let is_resized = (frame.width, frame.height) != self.size;
        if is_resized {
            self.end_all(on_event)?;
            self.size = (frame.width, frame.height);
            self.shots += 1;
        }
        self.frames_since_search = self.frames_since_search.saturating_add(1);
        let start = Instant::now();
        let change = self.scene.look(&frame.view()?);
        if change == Change::Cut {
            self.shots += u64::from(!is_resized);
            self.end_all(on_event)?;
            self.search.reset();
        }
        let seconds = self.seconds_since_last(frame.time_us);
        self.tracker.advance(seconds);
        let mut took_ms = start.elapsed().as_secs_f32() * 1e3;
        if change == Change::Flash {
            // It may turn out to be a cut: then it was somebody else.
            return self.meet_and_part(frame, on_event);
        }
        let is_provoked = change == Change::Flicker && self.frames_since_search >= PROVOKED_FRAMES;
        if self.frames_since_search >= self.gap || is_provoked {
            self.frames_since_search = 0;
            let (search, faces) = (&mut self.search, &mut self.faces);
            self.stopwatch
                .time(Stage::Detect, || search.detect(frame, faces))?;
            let start = Instant::now();
            self.tracker.correct(faces);
            self.plan_search();
            took_ms += start.elapsed().as_secs_f32() * 1e3;
        }
        self.stopwatch.note(Stage::Track, took_ms);
        self.meet_and_part(frame, on_event)?;
        self.judge_due(frame, seconds, on_event)
    }

    /// Draws when to search again. What a confirming search finds for the first time does not make
    /// the next one early: a finder that sees something else every time costs twice as much at most.
    fn plan_search(&mut self) {
        let Some(random) = &mut self.random else {
            return;
        };
        let frames = |most: u32, random: &mut Random| 1 + random.below(most.max(1) as usize) as u32;
        self.gap = frames((2 * self.config.detect_every).saturating_sub(1), random);
        self.is_confirming = !self.is_confirming && self.tracker.has_unconfirmed();
        if self.is_confirming {
            self.gap = self.gap.min(frames(CONFIRM_FRAMES, random));
        }
    }

    /// Takes other rules for a verdict from the next frame on, also for the people
    /// in view.
    ///
    /// # Errors
    /// Rules out of range; the old ones stay then.
    pub fn set_verdict(&mut self, verdict: VerdictConfig) -> Result<(), VerdictError> {
        verdict.check()?;
        self.manifest.verdict = verdict;
        self.people
            .iter_mut()
            .try_for_each(|person| person.configure(verdict))
    }

    /// How the network's crop lies around a face.
    pub fn crop_spec(&self) -> &CropSpec {
        &self.manifest.crop
    }

    /// Shots so far: a new one begins at a cut, and where frames have another size.
    pub fn shots(&self) -> u64 {
        self.shots
    }

    /// Whether more faces are in view than can be followed: what the others are, nobody knows.
    pub fn is_crowded(&self) -> bool {
        self.tracker.is_crowded()
    }

    /// The people in view, oldest first. Those with `id` 0 are not yet believed
    /// to be people.
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// Ends the stream: everybody leaves, and the next frame starts a new one.
    ///
    /// # Errors
    /// When the network fails on a last clip; the stream is ended all the same.
    pub fn finish(&mut self, on_event: &mut OnEvent<'_>) -> Result<(), PipelineError> {
        if self.next_id == 1 {
            // Too short a stream to see anybody twice: better one look than none.
            for person in &mut self.people {
                announce(person, &mut self.next_id, on_event);
            }
        }
        let ended = self.end_all(on_event);
        self.next_id = 1;
        self.forget();
        ended
    }

    /// Nothing could be seen for a while: everybody leaves. The stream goes on, and so
    /// does the numbering of people.
    ///
    /// # Errors
    /// When the network fails on a last clip; everybody has left all the same.
    pub fn lose_sight(&mut self, on_event: &mut OnEvent<'_>) -> Result<(), PipelineError> {
        let left = self.end_all(on_event);
        self.forget();
        left
    }

    /// The next frame is a first one.
    fn forget(&mut self) {
        self.search.reset();
        self.scene.reset();
        (self.size, self.time_us) = ((0, 0), None);
    }

    /// From the last frame to this one.
    fn seconds_since_last(&mut self, time_us: u64) -> f32 {
        match self.time_us.replace(time_us) {
            None => 0.0,
            Some(last) if last < time_us => (time_us - last) as f32 * 1e-6,
            // Stamps that stand still or go back tell nothing.
            Some(_) => UNTIMED_S,
        }
    }

    /// Brings the people in line with the tracks.
    fn meet_and_part(
        &mut self,
        frame: &Frame,
        on_event: &mut OnEvent<'_>,
    ) -> Result<(), PipelineError> {
        let (tracker, manifest) = (&self.tracker, &self.manifest);
        let mut left = Ok(());
        self.people.retain_mut(|person| {
            let stays = tracker.get(person.key).is_some();
            if !stays && person.is_announced() {
                let judged = part(person, manifest, on_event);
                if left.is_ok() {
                    left = judged;
                }
            }
            stays
        });
        left?;
        // People and tracks are in the order of their keys, and new ones come last.
        for (at, track) in tracker.tracks().iter().enumerate() {
            if at == self.people.len() {
                let person = Person::new(track, frame, &*self.network, manifest)?;
                self.people.push(person);
            }
            if let Some(person) = self.people.get_mut(at) {
                person.follow(track);
                if tracker.is_confirmed(track) && !person.is_announced() {
                    announce(person, &mut self.next_id, on_event);
                }
            }
        }
        Ok(())
    }

    /// Judges those in view who have waited longest, as many as are due on this frame.
    fn judge_due(
        &mut self,
        frame: &Frame,
        seconds: f32,
        on_event: &mut OnEvent<'_>,
    ) -> Result<(), PipelineError> {
        let mut in_view = 0;
        for person in &mut self.people {
            if self.tracker.get(person.key).is_some_and(Track::is_in_view) {
                person.wait(frame, seconds);
                in_view += 1;
            }
        }
        for _ in 0..self.cadence.looks_max(in_view, seconds) {
            let Some(at) = self.longest_waiting(frame.index, seconds) else {
                break;
            };
            self.judge(frame, at)?;
            if let Some(person) = self.people.get_mut(at)
                && person.is_announced()
                && person.has_news()
            {
                on_event(EventKind::VerdictChanged, person);
            }
        }
        Ok(())
    }

    /// Whoever is due first on this frame; of equals the oldest.
    fn longest_waiting(&self, frame: u64, seconds: f32) -> Option<usize> {
        let people = self.people.iter().enumerate().rev();
        people
            .filter(|(_, person)| person.last_frame == frame)
            .filter(|(_, person)| self.cadence.is_due(person.waited_s, seconds))
            .max_by(|(_, a), (_, b)| a.waited_s.total_cmp(&b.waited_s))
            .map(|(at, _)| at)
    }

    fn judge(&mut self, frame: &Frame, at: usize) -> Result<(), PipelineError> {
        let Some(person) = self.people.get_mut(at) else {
            return Ok(());
        };
        let view = frame.view()?;
        let side = self.network.crop_side();
        let (watch, crop) = (&mut self.stopwatch, &mut self.crop);
        let to_crop = self.manifest.crop.of_face(&person.landmarks);
        let to_crop = to_crop.ok_or(ImageError::Transform)?;
        watch.time(Stage::Crop, || crop_planar(&view, &to_crop, side, crop))?;
        person.waited_s = 0.0;
        let start = Instant::now();
        if person.look(crop)? {
            watch.note(Stage::Network, start.elapsed().as_secs_f32() * 1e3);
        }
        watch.time(Stage::Verdict, || {
            let quality = Quality::of_crop(crop, &self.manifest.crop, &person.landmarks);
            person.judge(&quality, &self.manifest);
        });
        Ok(())
    }

    fn end_all(&mut self, on_event: &mut OnEvent<'_>) -> Result<(), PipelineError> {
        let mut ended = Ok(());
        for mut person in self.people.drain(..).filter(Person::is_announced) {
            ended = ended.and(part(&mut person, &self.manifest, on_event));
        }
        self.tracker.clear();
        (self.frames_since_search, self.is_confirming) = (u32::MAX, false);
        Ok(ended?)
    }
}

/// Tells that somebody has left, who is also judged if that was not done before.
fn part(
    person: &mut Person,
    manifest: &Manifest,
    on_event: &mut OnEvent<'_>,
) -> Result<(), JudgeError> {
    let judged = person.finish(manifest);
    on_event(EventKind::TrackEnded, person);
    judged
}

/// Gives a face its number. A verdict that was reached before is told too.
fn announce(person: &mut Person, next_id: &mut u32, on_event: &mut OnEvent<'_>) {
    person.id = *next_id;
    *next_id = next_id.saturating_add(1);
    on_event(EventKind::TrackStarted, person);
    if person.has_news() {
        on_event(EventKind::VerdictChanged, person);
    }
}
