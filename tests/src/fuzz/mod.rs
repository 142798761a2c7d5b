//! Parsers of outside bytes under bytes that were damaged on purpose.
//!
//! A [`Parser`] hands bytes to one parser of the program and holds what comes back to
//! its promises. Two things drive it: [`drive`], which damages valid inputs in an order
//! that never changes, within the time of the tests; and the targets of cargo-fuzz in
//! the folder `fuzz`, which search for hours. `fuzz/README.md` tells how.

mod mutate;
mod sections;

#[cfg(feature = "edge")]
pub mod broker;
#[cfg(feature = "edge")]
pub mod camera;
pub mod event;
pub mod ffprobe;
#[cfg(feature = "edge")]
pub mod log;
pub mod manifest;
#[cfg(feature = "engine")]
pub mod network;
#[cfg(feature = "edge")]
pub mod page;
pub mod picture;
#[cfg(feature = "edge")]
pub mod service;
pub mod settings;
#[cfg(feature = "trainer")]
pub mod shard;
pub mod signature;
pub mod wire;

use std::time::{Duration, Instant};

pub use mutate::Mutator;
pub use sections::{joined, sections};

/// How far bytes got in a parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// The first check refused them.
    Refused,
    /// They passed the first check, and a later one refused them.
    Within,
    /// They were taken.
    Accepted,
}

/// One parser of outside bytes.
pub trait Parser {
    /// Its name in reports, and of its fuzz target.
    fn name(&self) -> &'static str;

    /// Valid inputs, made by the code that makes them in earnest.
    fn seeds(&self) -> Vec<Vec<u8>>;

    /// Words that the format is made of.
    fn words(&self) -> &'static [&'static [u8]] {
        &[]
    }

    /// Parses bytes.
    ///
    /// # Panics
    /// When a promise is broken, such as that what was read can be written and read
    /// again as the same value.
    fn take(&mut self, bytes: &[u8]) -> Reached;
}

/// The parser that a fuzz target is named after.
pub fn by_name(name: &str) -> Option<Box<dyn Parser>> {
    all().into_iter().find(|parser| parser.name() == name)
}

/// Every parser of the crates that this build has.
pub fn all() -> Vec<Box<dyn Parser>> {
    #[allow(unused_mut, reason = "without features there is nothing to add")]
    let mut all: Vec<Box<dyn Parser>> = vec![
        Box::new(wire::Wire::default()),
        Box::new(event::EventBytes),
        Box::new(event::EventJson),
        Box::new(manifest::ManifestJson),
        Box::new(manifest::ManifestPostcard::default()),
        Box::new(manifest::Sums),
        Box::new(signature::SignatureFile::default()),
        Box::new(signature::PublicKeys),
        Box::new(settings::SettingsText),
        Box::new(picture::Picture::default()),
        Box::new(ffprobe::FfprobeJson),
    ];
    #[cfg(feature = "engine")]
    all.extend([
        Box::new(network::Inspect) as Box<dyn Parser>,
        Box::new(network::Load::default()),
    ]);
    #[cfg(feature = "edge")]
    all.extend([
        Box::new(camera::Jpeg::default()) as Box<dyn Parser>,
        Box::new(camera::RawBuffer::default()),
        Box::new(log::Note::default()),
        Box::new(log::Files::default()),
        Box::new(log::EntryBytes),
        Box::new(log::Keys),
        Box::new(service::ServiceToml),
        Box::new(page::PageJson),
        Box::new(broker::Mqtt::default()),
    ]);
    #[cfg(feature = "trainer")]
    all.push(Box::new(shard::Shard));
    all
}

/// What came of many damaged inputs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Inputs that were tried.
    pub cases: u64,
    /// Those that the first check refused.
    pub refused: u64,
    /// Those that a later check refused.
    pub within: u64,
    /// Those that were taken.
    pub accepted: u64,
    /// Time of all.
    pub total: Duration,
    /// Time of the slowest.
    pub slowest: Duration,
    /// Number of the slowest.
    pub slowest_case: u64,
}

impl Tally {
    /// Share of the inputs that passed the first check, 0 to 1.
    pub fn share_past_first_check(&self) -> f64 {
        (self.within + self.accepted) as f64 / self.cases.max(1) as f64
    }
}

/// Names the case at hand when the parser panics.
struct Case<'a> {
    parser: &'static str,
    number: u64,
    bytes: &'a [u8],
}

impl Drop for Case<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let hex: String = self
                .bytes
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            eprintln!("{}, case {}: {hex}", self.parser, self.number);
        }
    }
}

/// Shows a parser its seeds, which it must take, and `cases` damaged copies of them.
/// The same case is the same bytes every time.
///
/// # Panics
/// When the parser does, or refuses a seed.
pub fn drive(parser: &mut dyn Parser, cases: u64) -> Tally {
    let seeds = parser.seeds();
    let name = parser.name();
    for (number, seed) in seeds.iter().enumerate() {
        let reached = parser.take(seed);
        assert_eq!(reached, Reached::Accepted, "{name}: seed {number}");
    }
    let mut tally = Tally::default();
    let mut bytes = Vec::new();
    let begin = Instant::now();
    for number in 0..cases {
        Mutator::new(number, parser.words()).damage(&seeds, &mut bytes);
        let case = Case {
            parser: name,
            number,
            bytes: &bytes,
        };
        let start = Instant::now();
        let reached = parser.take(&bytes);
        let took = start.elapsed();
        if took > tally.slowest {
            (tally.slowest, tally.slowest_case) = (took, number);
        }
        drop(case);
        tally.cases += 1;
        match reached {
            Reached::Refused => tally.refused += 1,
            Reached::Within => tally.within += 1,
            Reached::Accepted => tally.accepted += 1,
        }
    }
    tally.total = begin.elapsed();
    tally
}
