//! The model card: what a person must know before trusting a bundle.

use std::fmt::Write;

use super::bundle::About;
use crate::config::{Epsilon, RunConfig};
use crate::evaluation::Scores;
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
}

/// Writes the card in Markdown.
pub fn write_card(card: &CardText<'_>) -> String {
    let CardText {
        about,
        config,
        scores,
        epsilon,
        parameters,
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
        "AUC in per cent on {} held-out pairs of a real and a fake face, {} after random \
         recompression and blur, measured on the int8 weights. PGD-10: l_inf, {epsilon}, step a \
         quarter of it, random start, margin loss.\n",
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
         (APCER); genuine below {:.3}; undecided between. Streams are judged by a sequential test.\n",
        point.threshold,
        point.bpcer * 100.0,
        point.apcer * 100.0,
        point.genuine_below
    ));
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
