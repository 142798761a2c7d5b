//! `unmask-trainer attack`

mod progress;
mod table;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use unmask_shared::bundle::Bundle;

use crate::attack::suite::{
    Batches, DurationEstimate, Member, Suite, SuiteReport, SuiteState, aa_binary,
};
use crate::attack::{
    ATTACKS, Access, Apgd, Deployed, Limit, Limits, Norm, Target, Transfer, Victim, names,
};
use crate::cli::subject::{Subject, is_bundle};
use crate::config::{Epsilon, RunConfig};
use crate::dataset::{Pairs, read_shards, reported_part};
use crate::device::DeviceKind;
use crate::evaluation::{HeldOut, Validation};
use crate::files::write_atomic;
use crate::network::Frozen;
use crate::progress::time_left;
use crate::reconstruct::bank_of;
use crate::train::Weights;
use progress::Progress;
use table::{print_checks, print_table};

/// Seed of every random choice of the attacks.
const SEED: u64 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum SuiteName {
    /// AutoAttack for one logit: APGD-margin with 5 restarts, APGD-CE, FAB, Square, random noise
    AaBinary,
}

/// Attacks held-out clips until each is as wrong as the attacks can make it, and says whether the
/// figures can be trusted. Weights are averages over the steps, rounded to int8 as they ship. What
/// is done is saved after every step: the same command goes on where it stopped.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run folder, or the folder of a bundle
    run: PathBuf,
    /// Folder of shards
    #[arg(long)]
    data: PathBuf,
    /// Radius in l_inf, such as 2/255; by default that of the run
    #[arg(long)]
    epsilon: Option<Epsilon>,
    /// Radius in l_2
    #[arg(long, help = radius_help())]
    radius: Option<f32>,
    /// Held-out pairs at most
    #[arg(long, default_value_t = 200)]
    pairs: usize,
    /// Attacks that belong together
    #[arg(long, value_enum, default_value = "aa-binary")]
    suite: SuiteName,
    /// Single attacks instead of a suite
    #[arg(long, value_delimiter = ',', help = attack_help())]
    attack: Vec<String>,
    /// Another run, from which APGD-margin is transferred in addition
    #[arg(long)]
    surrogate: Option<PathBuf>,
    /// Exported bundle, which is scored and queried in tract; gradients come from the run
    #[arg(long)]
    bundle: Option<PathBuf>,
    /// Who is attacked
    #[arg(long, value_enum, default_value = "both")]
    target: Target,
    /// Queries of Square per clip
    #[arg(long, default_value_t = 5000)]
    queries: usize,
    /// Folder of attacks.json and of the state; by default `attacks` in the run folder, of a bundle
    /// runs/NAME-RELEASE/attacks
    #[arg(long)]
    output: Option<PathBuf>,
    /// Weights of the run; left out: the best of a run with early stopping, else the last
    #[arg(long, value_enum)]
    weights: Option<Weights>,
    /// Compute device
    #[arg(long, value_enum, default_value = "flex")]
    device: DeviceKind,
}

fn radius_help() -> String {
    let euclidean = ATTACKS.iter().filter(|entry| entry.limit == Limit::L2);
    format!(
        "Radius in l_2 of {}: length of a whole clip's change, pixels in [0, 1]; by default that of \
         the corners of the l_inf ball",
        names(euclidean)
    )
}

fn attack_help() -> String {
    format!(
        "Single attacks instead of a suite, separated by commas: {}",
        names(ATTACKS)
    )
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        ensure!(
            self.pairs > 0 && self.queries > 0,
            "--pairs and --queries must be at least 1"
        );
        let device = self.device.open()?;
        let subject = Subject::open(&self.run, self.weights, false, &device)?;
        let output = subject.output("attacks", self.output.as_deref());
        let (config, net) = (subject.config, subject.net);
        let epsilon = self.epsilon.unwrap_or(config.attack.epsilon);
        ensure!(epsilon.value() > 0.0, "--epsilon must be above 0/255");
        ensure!(
            self.radius.is_none_or(|r| r > 0.0 && r.is_finite()),
            "--radius must be above 0"
        );
        let deployed = self.bundle.as_deref().map(|path| deployed(path, &config));
        let deployed = deployed.transpose()?;
        let surrogate = self.surrogate.as_deref().map(|path| {
            let Subject {
                config: other, net, ..
            } = Subject::open(path, None, false, &device)?;
            ensure!(
                other.network.input == config.network.input
                    && other.network.clip_frames() == config.network.clip_frames(),
                "the surrogate takes other clips than the run: choose one of the same input"
            );
            Ok(net)
        });
        let surrogate = surrogate.transpose()?;
        let records = read_shards(&self.data)?;
        let part = reported_part(&records, config.data.shares());
        let pairs = Pairs::of(&records, &config.data, part)?.with_bank(bank_of(&config.data)?);
        let request = Validation::of(&config.network, self.pairs, epsilon.value());
        let batches = HeldOut::new(&pairs, &request, &device);
        ensure!(
            batches.count() > 0,
            "no held-out pairs in {}: prepare more people, or raise data.held_out_share",
            self.data.display()
        );
        let victim: &dyn Victim = match &deployed {
            Some(deployed) => deployed,
            None => &net,
        };
        let values = 3 * config.network.input.pow(2) * request.frames;
        let mut limits = Limits::new(epsilon.value(), values, self.queries, self.target);
        limits.radius = self.radius.unwrap_or(limits.radius);
        let suite = Suite {
            net: &net,
            victim,
            members: self.members(&limits, surrogate.as_ref())?,
            target: self.target,
            epsilon: epsilon.value(),
            seed: SEED,
            subject: self.subject(batches.clips() / 2, request.frames),
        };
        let report = attack(&output, &suite, &batches, epsilon)?;
        print_table(&report);
        print_checks(&report);
        Ok(())
    }

    fn members<'a>(
        &self,
        limits: &Limits,
        surrogate: Option<&'a Frozen>,
    ) -> Result<Vec<Member<'a>>> {
        let Limits {
            epsilon, target, ..
        } = *limits;
        let mut members = match (self.attack.is_empty(), self.suite) {
            (true, SuiteName::AaBinary) => aa_binary(limits)?,
            (false, _) => self
                .attack
                .iter()
                .map(|name| Member::named(name, limits))
                .collect::<Result<_>>()?,
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
            None if is_bundle(&self.run) => format!("bundle {}", self.run.display()),
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
}

/// Says how long it will take, runs, and writes `attacks.json`.
fn attack(
    output: &Path,
    suite: &Suite<'_>,
    batches: &HeldOut<'_>,
    epsilon: Epsilon,
) -> Result<SuiteReport> {
    let state = SuiteState::open(&output.join("state"), &suite.identity(batches.count()))?;
    let pace = DurationEstimate::measure(suite.net, suite.victim, &batches.batch(0)?)?;
    let seconds = pace.total(&suite.members, batches.clips());
    println!(
        "{}, epsilon {epsilon}: {} attacks, about {} in all ({:.2} ms a query, {:.2} ms a gradient)",
        suite.subject,
        suite.members.len(),
        time_left(Duration::from_secs_f64(seconds.max(0.0))),
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
