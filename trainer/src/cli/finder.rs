//! `unmask-trainer finder`

use std::num::NonZeroU16;
use std::path::PathBuf;

use anyhow::{Context, bail};

use super::stop::listen;
use crate::device::DeviceArgs;
use crate::finder::{
    Composer, EvaluateOptions, FinderFigures, FinderOutcome, FinderTraining, NamedFinder, Pool,
    PoolOptions, evaluate, onnx_bytes, prepare, preview, read_empty, read_pictures, started_from,
    train, trained,
};

/// The firmware's face finder: a small network that learns from a teacher in the file format
/// of YuNet. docs/finder.md tells how.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Ask the teacher about every picture and some frames of every video
    Prepare(Prepare),
    /// Show scenes as the network sees them
    Preview(Preview),
    /// Train on scenes composed of prepared pictures; go on where a run was stopped
    Train(Train),
    /// Measure a finder beside a YuNet file and the package rustface
    Evaluate(Evaluate),
    /// Write the averaged weights of a run as an ONNX file
    Export(Export),
}

#[derive(Debug, clap::Args)]
struct Prepare {
    /// Folder of pictures and videos; may be repeated
    #[arg(long, required = true)]
    data: Vec<PathBuf>,
    /// The teacher: a YuNet file
    #[arg(long, value_name = "FILE")]
    teacher: PathBuf,
    /// Folder to fill
    #[arg(long)]
    output: PathBuf,
    /// Frames of each video
    #[arg(long, default_value = "6")]
    frames: NonZeroU16,
    /// Synthetic people to draw
    #[arg(long, default_value_t = 1200)]
    people: usize,
    /// Threads
    #[arg(long, default_value = "2")]
    threads: NonZeroU16,
}

#[derive(Debug, clap::Args)]
struct Preview {
    /// Folder that `finder prepare` has filled
    #[arg(long)]
    data: PathBuf,
    /// PNG file to write
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Scenes
    #[arg(long, default_value_t = 24)]
    scenes: u32,
    /// Seed of everything random
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[derive(Debug, clap::Args)]
struct Train {
    /// Folder that `finder prepare` has filled
    #[arg(long)]
    data: PathBuf,
    /// Folder of pictures that show no face, such as animals, plants and rooms; may be repeated
    #[arg(long)]
    empty: Vec<PathBuf>,
    /// Run folder; where it holds a checkpoint, the run goes on from it
    #[arg(long)]
    run: PathBuf,
    /// Start a new run from the weights of another one, as far as they fit
    #[arg(long, value_name = "RUN")]
    init: Option<PathBuf>,
    /// Steps
    #[arg(long, default_value_t = FinderTraining::default().steps)]
    steps: usize,
    /// Scenes per step
    #[arg(long, default_value_t = FinderTraining::default().batch)]
    batch: usize,
    /// Peak of the learning rate
    #[arg(long, default_value_t = FinderTraining::default().learning_rate)]
    learning_rate: f64,
    /// Seed of everything random
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Steps between validations
    #[arg(long, default_value_t = FinderTraining::default().validate_every)]
    validate_every: usize,
    /// Threads that compose scenes
    #[arg(long, default_value_t = 1)]
    loaders: usize,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Debug, clap::Args)]
struct Export {
    /// Run folder
    run: PathBuf,
    /// File to write
    #[arg(long)]
    output: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Evaluate {
    /// File that `finder export` wrote
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// A YuNet file: measured too, and asked for the truth on crowds
    #[arg(long, value_name = "FILE")]
    teacher: PathBuf,
    /// The model file of the package rustface (seeta_fd_frontal_v1.0.bin), to be measured too
    #[arg(long, value_name = "FILE")]
    rustface: Option<PathBuf>,
    /// Folder of photographs that nothing was trained on, with the folders dlib_gt, crowd,
    /// noface, webfaces, celeba_raw and deepface
    #[arg(long)]
    photos: PathBuf,
    /// Longest side of the pictures
    #[arg(long, default_value_t = 640)]
    longest_side: usize,
    /// Synthetic people, two frames of each
    #[arg(long, default_value_t = 100)]
    people: usize,
    /// File to write all figures to
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Prepare(args) => args.run(),
            Command::Preview(args) => args.run(),
            Command::Train(args) => args.run(),
            Command::Evaluate(args) => args.run(),
            Command::Export(args) => args.run(),
        }
    }
}

impl Prepare {
    fn run(self) -> anyhow::Result<()> {
        let options = PoolOptions {
            data: self.data,
            output: self.output.clone(),
            teacher: self.teacher,
            frames: usize::from(self.frames.get()),
            people: self.people,
            threads: usize::from(self.threads.get()),
        };
        let (pictures, skipped) = prepare(&options)?;
        println!(
            "{pictures} new pictures in {}, {skipped} files skipped",
            self.output.display()
        );
        Ok(())
    }
}

impl Preview {
    fn run(self) -> anyhow::Result<()> {
        let pictures = read_pictures(&self.data)?;
        let mut composer = Composer::new(Pool::new(&pictures, |_| true)?, self.seed);
        preview(&mut composer, self.scenes.clamp(1, 400), &self.output)
    }
}

impl Train {
    fn run(self) -> anyhow::Result<()> {
        let device = self.device.open()?;
        let mut pictures = read_pictures(&self.data)?;
        for folder in &self.empty {
            pictures.extend(read_empty(folder)?);
        }
        let config = FinderTraining {
            steps: self.steps,
            batch: self.batch,
            learning_rate: self.learning_rate,
            seed: self.seed,
            validate_every: self.validate_every.max(1),
            loaders: self.loaders,
            ..FinderTraining::default()
        };
        let stop = listen()?;
        let init = self
            .init
            .as_deref()
            .map(|run| started_from(run, &device))
            .transpose()?;
        match train(&self.run, &config, &pictures, init, &device, &stop)? {
            FinderOutcome::Finished => {
                println!(
                    "done; next: unmask-trainer finder export {} --output model.onnx",
                    self.run.display()
                );
                Ok(())
            }
            FinderOutcome::Interrupted(step) => {
                bail!("interrupted after step {step} and saved; the same command goes on")
            }
        }
    }
}

impl Export {
    fn run(self) -> anyhow::Result<()> {
        let device = crate::device::DeviceKind::Flex.open()?;
        let (net, step) = trained(&self.run, &device)?;
        let bytes = onnx_bytes(&net, env!("CARGO_PKG_VERSION"))?;
        std::fs::write(&self.output, &bytes)
            .with_context(|| format!("cannot write {}", self.output.display()))?;
        println!(
            "{}: {} bytes, after {step} steps",
            self.output.display(),
            bytes.len()
        );
        Ok(())
    }
}

impl Evaluate {
    fn run(self) -> anyhow::Result<()> {
        let mut subjects = vec![
            NamedFinder::dense(&self.model)?,
            NamedFinder::yunet(&self.teacher)?,
        ];
        if let Some(cascade) = &self.rustface {
            subjects.push(NamedFinder::cascade(cascade)?);
        }
        let options = EvaluateOptions {
            photos: self.photos,
            longest_side: self.longest_side,
            people: self.people,
        };
        let mut teacher = NamedFinder::yunet(&self.teacher)?;
        let figures = evaluate(&options, &mut subjects, &mut teacher)?;
        let names: Vec<&str> = subjects
            .iter()
            .map(|subject| subject.name.as_str())
            .collect();
        show(&names, &figures);
        if let Some(path) = &self.json {
            let named: serde_json::Map<_, _> = (names.iter().zip(&figures))
                .map(|(name, figures)| Ok(((*name).to_owned(), serde_json::to_value(figures)?)))
                .collect::<anyhow::Result<_>>()?;
            std::fs::write(path, serde_json::to_vec_pretty(&named)?)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

fn show(names: &[&str], figures: &[FinderFigures]) {
    let row = |title: &str, cell: &dyn Fn(&FinderFigures) -> String| {
        let cells: String = figures.iter().map(|f| format!("{:>12}", cell(f))).collect();
        println!("{title:44}{cells}");
    };
    let titles: String = names.iter().map(|name| format!("{name:>12}")).collect();
    println!("{:44}{titles}", "");
    let sets: Vec<&str> = figures
        .iter()
        .take(1)
        .flat_map(|f| f.recall.keys().copied())
        .collect();
    for set in sets {
        for place in 0..figures[0].recall[set].len() {
            let groups = &figures[0].recall[set];
            let group = &groups[place];
            let sides = match groups.get(place + 1) {
                Some(next) => format!("{} to {} px", group.from_px, next.from_px),
                None => format!("{} px and more", group.from_px),
            };
            let title = format!("{set}, {sides}: {} faces", group.faces);
            row(&title, &|f| {
                format!("{:.1} %", 100.0 * f.recall[set][place].recall)
            });
        }
    }
    row("noface, false faces", &|f| {
        format!("{} in {}", f.noface.0, f.noface.1)
    });
    row("synthetic people found", &|f| {
        format!("{:.1} %", 100.0 * f.people.0)
    });
    row("landmarks from the teacher's", &|f| {
        format!("{:.2} %", 100.0 * f.landmarks.0)
    });
    row("landmarks from its mean of eight looks", &|f| {
        format!("{:.2} %", 100.0 * f.landmarks_steady.0)
    });
    row("the same, found in pictures not shrunk", &|f| {
        format!("{:.2} %", 100.0 * f.landmarks_fine.0)
    });
    row("jitter of a still box, of the side", &|f| {
        format!("{:.2} %", 100.0 * f.jitter)
    });
    row("320 x 240, one thread", &|f| {
        format!("{:.2} ms", f.milliseconds)
    });
}
