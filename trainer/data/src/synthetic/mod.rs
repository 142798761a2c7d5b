//! Synthetic people: fitting the face model, and looking at what it gives.

mod align;
mod faces;
mod fit;
mod pca;
mod sheet;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use unmask_shared::synthetic::{FaceModelError, SceneError};

pub use fit::{AlignedEyes, FitOptions, FitProgress, FitReport, fit};
pub use sheet::{SheetOptions, render};

/// Why synthetic people could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SyntheticError {
    /// An option is out of range.
    #[error("{0}")]
    Option(String),
    /// A folder or file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// What was read.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {message}", path.display())]
    Write {
        /// What was written.
        path: PathBuf,
        /// What went wrong.
        message: String,
    },
    /// A fit needs more pictures.
    #[error("{found} faces found under {}, at least {needed} are needed: give a folder of JPEG or PNG portraits, and --aligned-eyes where they are tight crops", folder.display())]
    TooFewFaces {
        /// Folder that was searched.
        folder: PathBuf,
        /// Usable faces.
        found: usize,
        /// Faces a fit needs.
        needed: usize,
    },
    /// The face finder did not start.
    #[error("the face finder did not start: {0}")]
    Finder(String),
    /// The model is not usable.
    #[error(transparent)]
    Model(#[from] FaceModelError),
    /// The scene cannot be built.
    #[error(transparent)]
    Scene(#[from] SceneError),
}

/// Synthetic people: faces of nobody, for demonstrations and tests.
#[derive(Args, Debug)]
pub struct SyntheticArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Fit a face model to a folder of portraits
    Fit(FitArgs),
    /// Draw a picture of sampled people, genuine and swapped
    Sheet(SheetArgs),
}

#[derive(Args, Debug)]
struct FitArgs {
    /// Folder of JPEG and PNG portraits, searched to any depth
    #[arg(long, value_name = "FOLDER")]
    input: PathBuf,
    /// Model file to write
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Number of components, 1 to 256; a model has at most 4 MiB
    #[arg(long, default_value_t = 96)]
    components: usize,
    /// Pixels per side of the face picture
    #[arg(long, default_value_t = 112)]
    side: u16,
    /// The portraits are aligned: eye midpoint and eye distance as fractions
    /// of the picture (.50,.2875,.397 for UTKFace); without it faces are searched
    #[arg(long, value_name = "X,Y,DISTANCE", value_parser = aligned_eyes)]
    aligned_eyes: Option<AlignedEyes>,
    /// Only files whose name begins with an age in this range, as UTKFace names do
    #[arg(long, value_name = "LOW-HIGH", value_parser = age_range)]
    ages: Option<(u32, u32)>,
    /// Share of the portraits kept, the ones most like the mean face
    #[arg(long, default_value_t = 0.85)]
    keep: f32,
}

#[derive(Args, Debug)]
struct SheetArgs {
    /// Picture to write (PNG)
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Face model; the released one without it
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// First seed
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Number of people, 1 to 64
    #[arg(long, default_value_t = 12)]
    people: usize,
}

/// Runs `unmask-trainer synthetic ...`.
///
/// # Errors
/// Where reading, fitting or writing fails; the message says what to do.
pub fn run(args: &SyntheticArgs) -> Result<(), SyntheticError> {
    match &args.command {
        Command::Fit(args) => run_fit(args),
        Command::Sheet(args) => run_sheet(args),
    }
}

fn run_fit(args: &FitArgs) -> Result<(), SyntheticError> {
    let options = FitOptions {
        side: args.side,
        components: args.components,
        aligned: args.aligned_eyes,
        ages: args.ages,
        keep: args.keep,
    };
    let bar = indicatif::ProgressBar::new(0);
    let style = indicatif::ProgressStyle::with_template("{msg:>10} {wide_bar} {pos}/{len} {eta}");
    bar.set_style(style.unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()));
    let report = fit(&args.input, &options, &|progress| {
        bar.set_message(progress.stage);
        bar.set_length(progress.total as u64);
        bar.set_position(progress.done as u64);
    })?;
    bar.finish_and_clear();
    let bytes = report.model.to_bytes();
    write(&args.output, &bytes)?;
    println!(
        "{} components of {} faces ({} files) explain {:.1} % of the variance\n{}: {} bytes",
        report.model.components(),
        report.faces,
        report.files,
        report.explained * 100.0,
        args.output.display(),
        bytes.len(),
    );
    Ok(())
}

fn run_sheet(args: &SheetArgs) -> Result<(), SyntheticError> {
    let model = match &args.model {
        None => unmask_shared::synthetic::FaceModel::builtin()?,
        Some(path) => {
            let failed = |source| SyntheticError::Read {
                path: path.clone(),
                source,
            };
            let bytes = std::fs::read(path).map_err(failed)?;
            unmask_shared::synthetic::FaceModel::from_bytes(&bytes)?
        }
    };
    let options = SheetOptions {
        seed: args.seed,
        people: args.people,
    };
    let sheet = render(&model, &options)?;
    sheet
        .save(&args.output)
        .map_err(|error| SyntheticError::Write {
            path: args.output.clone(),
            message: error.to_string(),
        })?;
    println!(
        "{}: each pair is one person, genuine left, swapped right",
        args.output.display()
    );
    Ok(())
}

fn write(path: &std::path::Path, bytes: &[u8]) -> Result<(), SyntheticError> {
    let failed = |error: std::io::Error| SyntheticError::Write {
        path: path.to_owned(),
        message: error.to_string(),
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, bytes).map_err(failed)
}

fn aligned_eyes(text: &str) -> Result<AlignedEyes, String> {
    let numbers: Result<Vec<f32>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    match numbers.as_deref() {
        Ok(&[x, y, distance]) => Ok(AlignedEyes { x, y, distance }),
        _ => Err("three fractions are needed, as in .50,.29,.40".to_owned()),
    }
}

fn age_range(text: &str) -> Result<(u32, u32), String> {
    let range = text
        .split_once('-')
        .and_then(|(low, high)| Some((low.trim().parse().ok()?, high.trim().parse().ok()?)));
    range
        .filter(|(low, high)| low <= high)
        .ok_or_else(|| "two ages are needed, as in 18-70".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn option_texts_are_checked() {
        let eyes = AlignedEyes {
            x: 0.5,
            y: 0.36,
            distance: 0.37,
        };
        assert_eq!(aligned_eyes(".50, .36,.37"), Ok(eyes));
        assert!(aligned_eyes(".50,.36").is_err());
        assert_eq!(age_range("18-70"), Ok((18, 70)));
        assert!(age_range("70-18").is_err());
    }
}
