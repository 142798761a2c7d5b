//! Faces with their perturbation, only where they were asked for.

use super::escape;
use crate::report::checks::pixels;
use crate::report::schema::{EvaluationReport, Sample};

pub(super) fn chapter(report: &EvaluationReport) -> String {
    if report.samples.is_empty() {
        return String::new();
    }
    let faces: String = report.samples.iter().map(face).collect();
    format!(
        "<p class=\"warn\"><b>This chapter shows faces of the data.</b> Whoever passes this file on passes them \
         on, too: keep it as the data itself must be kept. Without <code>--samples</code> a report holds no \
         pictures.</p><p>First frames as the network saw them, with their logits; attack at {}.</p>\
         <div class=\"faces\">{faces}</div>",
        pixels(report.conditions.epsilon)
    )
}

fn face(sample: &Sample) -> String {
    let class = if sample.fake { "fake" } else { "real" };
    let picture = |png: &str, says: &str| {
        // Base64 needs no escaping; anything else would not be a picture.
        format!(
            "<div><img alt=\"{says}\" src=\"data:image/png;base64,{}\">{says}</div>",
            escape(png)
        )
    };
    let logit = |which: &str, logit: f32| format!("{which} {logit:.2}").replace('-', "−");
    format!(
        "<figure><figcaption>{class}, pair of kind {}</figcaption><div class=\"row\">{}{}{}</div></figure>",
        escape(&sample.kind),
        picture(&sample.clean_png, &logit("clean", sample.clean_logit)),
        picture(
            &sample.attacked_png,
            &logit("attacked", sample.attacked_logit)
        ),
        picture(
            &sample.perturbation_png,
            &format!("change × {:.0}", sample.magnified)
        ),
    )
}
