//! The model card: what a person must know before trusting a bundle.

use std::fmt::Write;

use unmask_shared::manifest::KindFigure;

use super::bundle::About;
use super::kinds::FOUND_AUC;
use crate::config::{Epsilon, RunConfig};
use crate::evaluation::{Scores, VerdictRates};
use crate::network::{Architecture, NetworkConfig};

/// What a card is written from.
#[derive(Clone, Copy, Debug)]
pub struct CardText<'a> {
    /// The same as in the manifest.
    pub about: &'a About,
    /// Configuration of the run.
    pub config: &'a RunConfig,
    /// Held-out scores of the int8 weights.
    pub scores: &'a Scores,
    /// Radius of the attack in the scores.
    pub epsilon: Epsilon,
    /// Weights and biases.
    pub parameters: u64,
    /// People whose faces calibrated, and people of the figures.
    pub people: [usize; 2],
    /// Whether nobody of them was used for choosing between trainings.
    pub unseen: bool,
    /// What became of videos of the people of the figures: genuine, manipulated in ways that
    /// are found, and in others.
    pub rates: [VerdictRates; 3],
}

/// Writes the card in Markdown.
pub fn write_card(card: &CardText<'_>) -> String {
    let CardText {
        about,
        config,
        scores,
        epsilon,
        parameters,
        people: [calibrated, stated],
        unseen,
        rates,
    } = card;
    let percent = |auc: Option<f64>| auc.map_or("-".into(), |auc| format!("{:.1}", auc * 100.0));
    let from = &about.provenance;
    let point = &about.operating_point;
    let mut text = String::new();
    let mut line = |value: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = text.write_fmt(format_args!("{value}\n"));
    };
    line(format_args!("# {} release {}\n", about.name, about.release));
    line(format_args!(
        "{}: {:.1} MMAC a decision, {} parameters, int8 weights per output channel. It gives a \
         logit that grows with manipulation, an embedding and a coarse map of the evidence.\n",
        what(&config.network),
        config.network.macs() as f64 / 1e6,
        parameters
    ));
    line(format_args!("## Figures\n"));
    line(format_args!(
        "Calibrated on {calibrated} people; all figures are of {stated} others. Training saw neither{}.\n\n\
         AUC in per cent on {} held-out pairs of a real and a fake face, {} after random \
         recompression and blur, measured on the int8 weights. PGD-10: l_inf, {epsilon}, step a \
         quarter of it, random start, margin loss.\n",
        match unseen {
            true => ", nor was it chosen by them",
            false => ", but it was chosen by them, which flatters it",
        },
        scores.kinds.len(),
        match config.network.clip_frames() {
            None => "single frames".to_string(),
            Some(frames) => format!("clips of {frames} frames"),
        }
    ));
    line(format_args!(
        "| clean | fakes attacked | reals attacked | both attacked |"
    ));
    line(format_args!("|---|---|---|---|"));
    line(format_args!(
        "| {} | {} | {} | {} |\n",
        percent(scores.clean_auc()),
        percent(scores.one_sided_auc(true)),
        percent(scores.one_sided_auc(false)),
        percent(scores.attacked_auc())
    ));
    line(format_args!(
        "| kind of fake | pairs | clean | both attacked |"
    ));
    line(format_args!("|---|---|---|---|"));
    for (kind, (pairs, clean, attacked)) in scores.by_kind() {
        line(format_args!(
            "| {kind} | {pairs} | {} | {} |",
            percent(clean),
            percent(attacked)
        ));
    }
    line(format_args!(
        "\nOperating point for single pictures: manipulated from a score of {:.3}, where {:.1} % of \
         held-out real faces would be called manipulated (BPCER) and {:.1} % of the fakes missed \
         (APCER); genuine below {:.3}; undecided between.\n",
        point.threshold,
        point.bpcer * 100.0,
        point.apcer * 100.0,
        point.genuine_below
    ));
    line(format_args!("{}", kinds(about)));
    line(format_args!("{}", videos(about, rates)));
    line(format_args!("## Training\n"));
    line(format_args!(
        "Method {}, seed {}, {} epochs, {:.0} minutes on {}.\n",
        from.method, from.seed, config.train.epochs, from.minutes, from.machine
    ));
    line(format_args!("Data: {}\n", from.data));
    line(format_args!("Terms: {}\n", from.terms));
    line(format_args!("## Limits\n"));
    line(format_args!(
        "- Trained mostly on pseudo-fakes made from photographs: swaps are found better than \
         reenactment, subtle edits and kinds of fakes that it has never seen.\n\
         - Figures above are for the data above. Measure on yours before you rely on a verdict.\n\
         - Robust figures hold for the attack named, not for every attack.\n\
         - A face that is small, blurred or dark gives no verdict; nor does a head that is turned far.\n\
         - Error rates may differ between groups of people; this was not measured."
    ));
    text
}

/// Which kinds verdicts are about.
fn kinds(about: &About) -> String {
    let row = |kind: &KindFigure| {
        let percent = |share: f32| format!("{:.1}", 100.0 * share);
        let bounds = kind.bounds.map_or(String::new(), |[low, high]| {
            format!(" ({} to {})", percent(low), percent(high))
        });
        let found = if kind.found { "yes" } else { "**no**" };
        format!(
            "| {} | {} | {}{bounds} | {found} |\n",
            kind.name,
            kind.people,
            percent(kind.auc)
        )
    };
    let mut text = format!(
        "**Verdicts are about the kinds that are found**: those told from real faces with an AUC of at \
         least {:.0} on the people that calibrated. A face that is called genuine may be a fake of another kind. \
         Against all real faces, bounds at 95 % over people:\n\n| kind of fake | people | AUC | found |\n|---|---|---|---|\n",
        100.0 * FOUND_AUC
    );
    about.kinds.iter().for_each(|kind| text += &row(kind));
    text
}

/// What is said of whole videos.
fn videos(about: &About, rates: &[VerdictRates; 3]) -> String {
    let rules = &about.verdict;
    let mut text = format!(
        "Videos are judged by a sequential test that allows {:.1} % false alarms and {:.1} % misses, {}.",
        rules.false_alarm * 100.0,
        rules.miss * 100.0,
        match rules.tracks {
            Some(_) => "by how frames vary within and between videos of other people",
            None => "as if videos did not differ: too few people on video calibrated it",
        }
    );
    if rates.iter().all(|rates| rates.files == 0) {
        return text + " It was not measured on videos of other people.\n";
    }
    text += " Measured (bounds at 95 % over people):\n\n\
             | videos | people | called manipulated | undecided | called genuine |\n|---|---|---|---|---|\n";
    let classes = [
        "genuine",
        "manipulated, kinds that are found",
        "manipulated, other kinds",
    ];
    for (class, rates) in classes
        .iter()
        .zip(rates)
        .filter(|(_, rates)| rates.files > 0)
    {
        let cell = |count: usize| {
            let (share, bounds) = rates.rate(count);
            let [share, low, high] = [share, bounds.low, bounds.high].map(|rate| rate * 100.0);
            format!("{share:.1} % ({low:.1} to {high:.1})")
        };
        text += &format!(
            "| {} {class} | {} | {} | {} | {} |\n",
            rates.files,
            rates.people,
            cell(rates.manipulated),
            cell(rates.undecided()),
            cell(rates.genuine)
        );
    }
    text
}

/// What kind of detector it is, in a sentence without its end.
fn what(network: &NetworkConfig) -> String {
    let side = network.input;
    let crop = format!("one {side}x{side} RGB face crop per step");
    match network.architecture {
        Architecture::Stream if network.temporal => format!(
            "A streaming detector of manipulated faces: {crop}, temporal memory as explicit state"
        ),
        Architecture::Stream => format!("A detector of manipulated faces: {crop}, no memory"),
        Architecture::Csn => format!(
            "A clip detector of manipulated faces (ir-CSN-{}): {} RGB face crops of {side}x{side} \
             per decision",
            network.depth, network.frames
        ),
        Architecture::Meso4 => format!("A detector of manipulated faces (MesoNet-4): {crop}"),
        Architecture::Xception => format!("A detector of manipulated faces (Xception): {crop}"),
        Architecture::Lite => format!(
            "A detector of manipulated faces (EfficientNet-Lite0, {} blocks): {crop}",
            network.cut
        ),
    }
}
