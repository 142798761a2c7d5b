//! `unmask-trainer evaluate`

use std::path::PathBuf;

use crate::config::Epsilon;
use crate::dataset::{Pairs, read_shards};
use crate::device::DeviceKind;
use crate::evaluate::{Scores, Validation, validate};
use crate::export::quantise;
use crate::train::{RunFolder, Weights};

/// The weights evaluated are averages over the steps, rounded to int8 as they ship. Figures are per frame, or per clip for a clip network; fakes are those of the data and
/// pseudo-fakes of held-out faces, the same for every run.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run folder
    run: PathBuf,
    /// Folder of shards
    #[arg(long)]
    data: PathBuf,
    /// Radius of PGD-10, such as 2/255; by default that of the run
    #[arg(long)]
    epsilon: Option<Epsilon>,
    /// Held-out pairs at most
    #[arg(long, default_value_t = 1000)]
    pairs: usize,
    /// Evaluate the weights before rounding to int8
    #[arg(long)]
    float: bool,
    /// Weights of the run; left out: the best of a run with early stopping, else the last
    #[arg(long, value_enum)]
    weights: Option<Weights>,
    /// Compute device
    #[arg(long, value_enum, default_value = "flex")]
    device: DeviceKind,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let (folder, config) = RunFolder::open(&self.run)?;
        let device = self.device.open()?;
        let trained = folder.trained(&config, self.weights, &device)?;
        let net = trained.net.fold();
        let net = if self.float {
            net
        } else {
            quantise(&net)?.dequantise(&device)
        };
        let records = read_shards(&self.data)?;
        let pairs = Pairs::new(&records, &config.data, true)?;
        let epsilon = self.epsilon.unwrap_or(config.attack.epsilon);
        let request = Validation::of(&config.network, self.pairs, epsilon.value());
        let scores = validate(&net, &pairs, &request, &device)?;
        println!(
            "method {}, {} weights (step {}), {} held-out pairs, {}",
            config.train.method,
            trained.weights,
            trained.step,
            scores.kinds.len(),
            match request.frames {
                1 => "single frames".to_string(),
                frames => format!("clips of {frames} frames"),
            }
        );
        print_scores(&scores, epsilon);
        Ok(())
    }
}

fn print_scores(scores: &Scores, epsilon: Epsilon) {
    let shown = |auc: Option<f64>| auc.map_or("    -".into(), |auc| format!("{:5.1}", auc * 100.0));
    println!("AUC, per cent");
    println!(
        "  clean                           {}",
        shown(scores.clean_auc())
    );
    println!(
        "  PGD-10 at {epsilon}, fakes attacked  {}",
        shown(scores.one_sided_auc(true))
    );
    println!(
        "  PGD-10 at {epsilon}, reals attacked  {}",
        shown(scores.one_sided_auc(false))
    );
    println!(
        "  PGD-10 at {epsilon}, both attacked   {}",
        shown(scores.attacked_auc())
    );
    println!(
        "  non-zero input gradients        {:5.1}",
        scores.gradient_share * 100.0
    );
    println!("by kind of fake                pairs  clean  attacked");
    for (kind, (pairs, clean, attacked)) in scores.by_kind() {
        println!(
            "  {kind:28} {pairs:5}  {}     {}",
            shown(clean),
            shown(attacked)
        );
    }
}
