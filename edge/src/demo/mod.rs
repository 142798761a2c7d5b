//! `unmask-edge demo`: synthetic people, some with swapped faces, and what the
//! detector says about them.

mod canvas;
mod judge;
mod picture;
mod show;
mod table;

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use unmask_shared::bundle::Bundle;
use unmask_shared::engine::Engine;
use unmask_shared::face::FinderChoice;

use crate::console::progress::StatusLine;
use crate::console::style::Style;
use crate::error::EdgeError;
use crate::report::ExitStatus;
use crate::source::synthetic::RATE_HZ;

pub use judge::{Judgement, Totals};

/// How the results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum DemoFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// What to show.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// Makes the people and decides whose face is swapped.
    pub seed: u64,
    /// Length of the stream.
    pub seconds: u32,
    /// How many streams, from `seed` on; more than one only prints totals.
    pub seeds: u32,
    /// How the results are written.
    pub format: DemoFormat,
    /// Where the picture goes; `None` for none.
    pub picture: Option<PathBuf>,
    /// What finds the faces.
    pub finder: FinderChoice,
}

/// Shows the demo. The program's exit code tells whether it went well, not
/// whether a swapped face was found: they are there on purpose.
pub fn demo(
    bundle: &Bundle,
    options: &DemoOptions,
    out: &mut dyn Write,
) -> Result<ExitStatus, EdgeError> {
    let engine = Engine::load(bundle)?;
    if options.seeds > 1 {
        many(&engine, bundle, options, out)
    } else {
        one(engine, bundle, options, out)
    }
}

fn one(
    engine: Engine,
    bundle: &Bundle,
    options: &DemoOptions,
    out: &mut dyn Write,
) -> Result<ExitStatus, EdgeError> {
    let style = Style::default();
    if let Some(path) = &options.picture {
        picture::check_writable(path)?;
    }
    let text = options.format == DemoFormat::Text;
    let frames = u64::from(options.seconds) * RATE_HZ;
    if text {
        table::introduce(&style, options, out)?;
    }
    let mut stage = show::Show::new(
        engine,
        &options.finder,
        &bundle.manifest,
        options.seed,
        frames,
    )?;
    let mut status = StatusLine::default();
    while let Some(news) = stage.step()? {
        if !news.is_empty() {
            status.clear();
        }
        for event in news.iter().filter(|_| text) {
            table::news(&style, event, out)?;
        }
        out.flush()?;
        status.update(|| format!("frame {} of {frames}", stage.frame_index()));
    }
    drop(status);
    let judgements = stage.judgements();
    let totals = Totals::of(&judgements);
    if let Some(path) = &options.picture {
        let sheet = picture::contact_sheet(&stage, &bundle.manifest, options.seed);
        picture::save(&sheet, path)?;
    }
    if text {
        table::summary(&style, &judgements, &totals, out)?;
        if let Some(path) = &options.picture {
            writeln!(out, "Picture: {}", path.display())?;
        }
    } else {
        table::json(options, Some(&judgements), &totals, out)?;
    }
    Ok(ExitStatus::Nothing)
}

/// Plays many seeds on all processors and prints what came of them.
fn many(
    engine: &Engine,
    bundle: &Bundle,
    options: &DemoOptions,
    out: &mut dyn Write,
) -> Result<ExitStatus, EdgeError> {
    let style = Style::default();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let seeds: Vec<u64> = (0..u64::from(options.seeds))
        .map(|i| options.seed.wrapping_add(i))
        .collect();
    let next = AtomicUsize::new(0);
    let (sender, results) = sync_channel(workers);
    let mut totals = Totals::default();
    std::thread::scope(|scope| {
        for _ in 0..workers.min(seeds.len()) {
            let (sender, seeds, next) = (sender.clone(), &seeds, &next);
            scope.spawn(move || {
                while let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = judge_seed(engine, bundle, seed, options);
                    if sender.send((seed, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (seed, result) in results {
            let found = result?;
            totals.add(&found);
            if options.format == DemoFormat::Text {
                table::seed_line(&style, seed, &found, out)?;
                out.flush()?;
            }
        }
        Ok::<(), EdgeError>(())
    })?;
    match options.format {
        DemoFormat::Text => table::totals(&style, &totals, out)?,
        DemoFormat::Json => table::json(options, None, &totals, out)?,
    }
    Ok(ExitStatus::Nothing)
}

fn judge_seed(
    engine: &Engine,
    bundle: &Bundle,
    seed: u64,
    options: &DemoOptions,
) -> Result<Totals, EdgeError> {
    let frames = u64::from(options.seconds) * RATE_HZ;
    let (engine, finder) = (engine.clone(), &options.finder);
    let mut stage = show::Show::new(engine, finder, &bundle.manifest, seed, frames)?;
    while stage.step()?.is_some() {}
    Ok(Totals::of(&stage.judgements()))
}
