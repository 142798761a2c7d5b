//! `unmask-trainer attack`

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::Device;
use indicatif::{ProgressBar, ProgressStyle};
use unmask_shared::bundle::Bundle;

use crate::attack::check::Verdict;
use crate::attack::suite::{
    Batches, Done, HeldOut, MEMBER_NAMES, Member, Pace, State, Suite, SuiteReport, aa_binary,
};
use crate::attack::{Access, Apgd, AttackResult, Deployed, Norm, Target, Transfer, Victim};
use crate::config::{Epsilon, RunConfig};
use crate::dataset::{Pairs, read_shards};
use crate::device::DeviceKind;
use crate::evaluation::Validation;
use crate::export::quantise;
use crate::network::Frozen;
use crate::train::{RunFolder, Weights, write_atomic};

/// Seed of every random choice of the attacks.
const SEED: u64 = 1;
/// Pause between lines where there is no terminal to draw on.
const LINE_EVERY: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum SuiteName {
    /// AutoAttack for one logit: APGD-margin with 5 restarts, APGD-CE, FAB, Square, random noise
    AaBinary,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum TargetName {
    /// Fakes that want to pass
    Fakes,
    /// Reals made to look fake
    Reals,
    /// Every clip, against its own label
    Both,
}

/// Attacks held-out clips until each is as wrong as the attacks can make it, and says whether the
/// figures can be trusted. Weights are averages over the steps, rounded to int8 as they ship. What
/// is done is saved after every step: the same command goes on where it stopped.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run folder
    run: PathBuf,
    /// Folder of shards
    #[arg(long)]
    data: PathBuf,
    /// Radius in l_inf, such as 2/255; by default that of the run
    #[arg(long)]
    epsilon: Option<Epsilon>,
    /// Held-out pairs at most
    #[arg(long, default_value_t = 200)]
    pairs: usize,
    /// Attacks that belong together
    #[arg(long, value_enum, default_value = "aa-binary")]
    suite: SuiteName,
    /// Single attacks instead of a suite, separated by commas: fgsm, pgd, apgd-margin, apgd-ce,
    /// fab, square, square-shared, nes, hop-skip-jump, noise
    #[arg(long, value_delimiter = ',')]
    attack: Vec<String>,
    /// Another run, from which APGD-margin is transferred in addition
    #[arg(long)]
    surrogate: Option<PathBuf>,
    /// Exported bundle, which is scored and queried in tract; gradients come from the run
    #[arg(long)]
    bundle: Option<PathBuf>,
    /// Who is attacked
    #[arg(long, value_enum, default_value = "both")]
    target: TargetName,
    /// Queries of Square per clip
    #[arg(long, default_value_t = 5000)]
    queries: usize,
    /// Folder of attacks.json and of the state; by default `attacks` in the run folder
    #[arg(long)]
    output: Option<PathBuf>,
    /// Weights of the run; left out: the best of a run with early stopping, else the last
    #[arg(long, value_enum)]
    weights: Option<Weights>,
    /// Compute device
    #[arg(long, value_enum, default_value = "flex")]
    device: DeviceKind,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        ensure!(
            self.pairs > 0 && self.queries > 0,
            "--pairs and --queries must be at least 1"
        );
        let device = self.device.open()?;
        let (config, net) = load(&self.run, self.weights, &device)?;
        let epsilon = self.epsilon.unwrap_or(config.attack.epsilon);
        ensure!(epsilon.value() > 0.0, "--epsilon must be above 0/255");
        let deployed = self.bundle.as_deref().map(|path| deployed(path, &config));
        let deployed = deployed.transpose()?;
        let surrogate = self.surrogate.as_deref().map(|path| {
            let (other, net) = load(path, None, &device)?;
            ensure!(
                other.network.input == config.network.input
                    && other.network.clip_frames() == config.network.clip_frames(),
                "the surrogate takes other clips than the run: choose one of the same input"
            );
            Ok(net)
        });
        let surrogate = surrogate.transpose()?;
        let records = read_shards(&self.data)?;
        let pairs = Pairs::new(&records, &config.data, true)?;
        let request = Validation::of(&config.network, self.pairs, epsilon.value());
        let batches = HeldOut::new(&pairs, &request, &device);
        ensure!(
            batches.count() > 0,
            "no held-out pairs in {}: prepare more people, or raise data.validation_share",
            self.data.display()
        );
        let victim: &dyn Victim = match &deployed {
            Some(deployed) => deployed,
            None => &net,
        };
        let suite = Suite {
            net: &net,
            victim,
            members: self.members(epsilon.value(), surrogate.as_ref())?,
            target: self.target(),
            epsilon: epsilon.value(),
            seed: SEED,
            subject: self.subject(batches.clips() / 2, request.frames),
        };
        let report = self.attack(&suite, &batches, epsilon)?;
        print_table(&report);
        print_checks(&report);
        Ok(())
    }

    fn target(&self) -> Target {
        match self.target {
            TargetName::Fakes => Target::Fakes,
            TargetName::Reals => Target::Reals,
            TargetName::Both => Target::Both,
        }
    }

    fn members<'a>(&self, epsilon: f32, surrogate: Option<&'a Frozen>) -> Result<Vec<Member<'a>>> {
        let target = self.target();
        let mut members = match (self.attack.is_empty(), self.suite) {
            (true, SuiteName::AaBinary) => aa_binary(epsilon, self.queries, target)?,
            (false, _) => self
                .attack
                .iter()
                .map(|name| Member::named(name, epsilon, self.queries, target))
                .collect::<Result<_>>()
                .with_context(|| format!("--attack takes {}", MEMBER_NAMES.join(",")))?,
        };
        if let (Some(net), Some(path)) = (surrogate, &self.surrogate) {
            let apgd = Apgd::margin(Norm::Linf, epsilon, target);
            let gradients = (apgd.iterations * apgd.restarts) as f32;
            let transfer = Transfer::new(Box::new(apgd), net, path.display().to_string());
            let mut member = Member::black(transfer, Access::Transfer, epsilon, 0);
            member.cost.gradients = gradients;
            members.push(member);
        }
        Ok(members)
    }

    fn subject(&self, pairs: usize, frames: usize) -> String {
        let detector = match &self.bundle {
            Some(bundle) => format!("bundle {} in tract", bundle.display()),
            None => format!("run {}, int8 weights", self.run.display()),
        };
        let clips = match frames {
            1 => "single frames".to_string(),
            frames => format!("clips of {frames} frames"),
        };
        format!(
            "{detector}; {pairs} held-out pairs of {} as {clips}",
            self.data.display()
        )
    }

    /// Says how long it will take, runs, and writes `attacks.json`.
    fn attack(
        &self,
        suite: &Suite<'_>,
        batches: &HeldOut<'_>,
        epsilon: Epsilon,
    ) -> Result<SuiteReport> {
        let output = match &self.output {
            Some(output) => output.clone(),
            None => self.run.join("attacks"),
        };
        let state = State::open(&output.join("state"), &suite.identity(batches.count()))?;
        let pace = Pace::measure(suite.net, suite.victim, &batches.batch(0)?)?;
        let seconds = pace.total(&suite.members, batches.clips());
        println!(
            "{}, epsilon {epsilon}: {} attacks, about {} ({:.2} ms a query, {:.2} ms a gradient)",
            suite.subject,
            suite.members.len(),
            duration(seconds),
            pace.query * 1e3,
            pace.gradient * 1e3
        );
        let progress = Progress::new(seconds)?;
        let report = suite.run(batches, &state, &mut |done| {
            let member = suite.members.get(done.member.0);
            let cost = member.map_or(0.0, |member| pace.clip(member)) * done.clips as f64;
            progress.advance(done, cost, batches.count());
        })?;
        progress.bar.finish_and_clear();
        let path = output.join("attacks.json");
        write_atomic(&path, &serde_json::to_vec_pretty(&report)?)?;
        println!("written {}", path.display());
        Ok(report)
    }
}

fn load(run: &Path, weights: Option<Weights>, device: &Device) -> Result<(RunConfig, Frozen)> {
    let (folder, config) = RunFolder::open(run)?;
    let net = folder.trained(&config, weights, device)?.net.fold();
    Ok((config, quantise(&net)?.dequantise(device)))
}

fn deployed(path: &Path, config: &RunConfig) -> Result<Deployed> {
    let deployed = Deployed::load(&Bundle::open(path)?)?;
    if deployed.crop_side() != config.network.input {
        bail!(
            "the bundle takes crops of {} px and the run of {}: export the bundle from this run",
            deployed.crop_side(),
            config.network.input
        );
    }
    Ok(deployed)
}

/// A bar in units of estimated milliseconds.
struct Progress {
    bar: ProgressBar,
    last_line: std::cell::Cell<Instant>,
}

impl Progress {
    fn new(seconds: f64) -> Result<Self> {
        let bar = ProgressBar::new((seconds * 1e3) as u64);
        let style = "{bar:24} {percent} %  {msg}  {elapsed} gone, {eta} left";
        bar.set_style(ProgressStyle::with_template(style)?);
        Ok(Self {
            bar,
            last_line: std::cell::Cell::new(Instant::now()),
        })
    }

    fn advance(&self, done: &Done<'_>, seconds: f64, batches: usize) {
        self.bar.inc((seconds * 1e3) as u64);
        if done.resumed {
            self.bar.reset_eta();
        }
        let text = format!("batch {}/{batches}, {}", done.batch + 1, done.member.1);
        self.bar.set_message(text.clone());
        if self.bar.is_hidden() && self.last_line.get().elapsed() > LINE_EVERY {
            self.last_line.set(Instant::now());
            let left = self.bar.eta().as_secs().div_ceil(60);
            tracing::info!("{text}  {left} min left");
        }
    }
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

fn print_table(report: &SuiteReport) {
    println!("AUC in per cent, clean {}", shown(report.clean_auc()));
    println!(
        "{:24} {:>6} {:>6} {:>6}  {:>8} {:>9} {:>8} {:>8}",
        "attack", "fakes", "reals", "both", "success", "gradients", "passes", "seconds"
    );
    for result in report.results.iter().chain([&report.worst]) {
        println!("{}", row(report, result));
    }
    println!(
        "fakes, reals, both: AUC with those attacked. success: of the clips on the right side of\n\
         logit 0, the share that was moved to the wrong one. gradients: least share of non-zero ones."
    );
}

fn row(report: &SuiteReport, result: &AttackResult) -> String {
    let auc = |attacked| shown(report.auc(result, attacked));
    format!(
        "{:24} {} {} {}  {:>8} {:>9} {:8.0} {:8.1}",
        result.name,
        auc(Target::Fakes),
        auc(Target::Reals),
        auc(Target::Both),
        shown(report.success(result)),
        shown(result.gradient_share.map(f64::from)),
        result.passes,
        result.seconds
    )
}

/// A share in per cent, six columns wide.
fn shown(share: Option<f64>) -> String {
    share.map_or("     -".into(), |share| format!("{:6.1}", share * 100.0))
}

fn print_checks(report: &SuiteReport) {
    println!("checks");
    for check in &report.checks {
        println!("  {:7} {}: {}", check.verdict, check.name, check.finding);
    }
    let failed = report
        .checks
        .iter()
        .filter(|c| c.verdict == Verdict::Failed);
    match failed.count() {
        0 => println!("no sign that the figures flatter the detector"),
        1 => println!("1 check failed: the figures may flatter the detector"),
        more => println!("{more} checks failed: the figures may flatter the detector"),
    }
}
