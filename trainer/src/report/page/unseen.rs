//! What the program that ships says of people, sources and kinds, seen and unseen.

use super::escape;
use super::table::{Column, table};
use super::words::{bounds, count, percent};
use crate::evaluation::{KindRow, PartRow, RealRow, Unseen, VerdictRates};
use crate::report::schema::EvaluationReport;

pub(super) fn chapter(report: &EvaluationReport) -> String {
    let Some(unseen) = &report.unseen else {
        return String::new();
    };
    let [files, judged] = unseen.noface;
    let noface = match files {
        0 => String::new(),
        _ => format!("<p>{judged} of {files} pictures without a face got a verdict.</p>"),
    };
    let failed = match unseen.failed.len() {
        0 => String::new(),
        more => format!("<p>{more} files could not be read.</p>"),
    };
    format!(
        "<p>Files as <code>unmask-edge analyze</code> judges them with {}. Part <i>train</i> was trained on: what \
         it has above <i>test</i>, which shows other people, was learnt by heart. Part <i>unseen</i> is of \
         sources and kinds that training did not see at all. Bounds are at 95 % over people.</p>{}{}{noface}{failed}",
        escape(&unseen.bundle),
        fakes(unseen),
        reals(unseen)
    )
}

fn fakes(unseen: &Unseen) -> String {
    use Column::{Number, Text};
    let columns = [
        Text("Kind"),
        Text("Part"),
        Number("Fakes / people"),
        Number("Reals"),
        Number("AUC"),
        Number("Manipulated"),
        Number("Undecided"),
        Number("Genuine"),
    ];
    let row = |kind: &KindRow, part: &PartRow| {
        let auc = part.auc.map_or("–".into(), percent);
        let range = part.bounds.map_or(String::new(), |found| {
            format!("<small>{}</small>", bounds(found))
        });
        let [manipulated, undecided, genuine] = verdicts(&part.fakes);
        vec![
            format!(
                "{}<small>{}</small>",
                escape(&kind.kind),
                escape(&kind.medium)
            ),
            escape(&part.part),
            files(&part.fakes),
            count(part.reals as u64),
            auc + &range,
            manipulated,
            undecided,
            genuine,
        ]
    };
    let rows: Vec<Vec<String>> = unseen
        .kinds
        .iter()
        .flat_map(|kind| kind.parts.iter().map(move |part| row(kind, part)))
        .collect();
    let caption = "Per cent. Fakes against the real files of the same part; the AUC of all is the mean of the kinds.";
    table(caption, &columns, &rows)
}

fn reals(unseen: &Unseen) -> String {
    use Column::{Number, Text};
    let columns = [
        Text("Real files of"),
        Text("Part"),
        Number("Files / people"),
        Number("Manipulated"),
        Number("Undecided"),
        Number("Genuine"),
        Number("Undecided<br>from 80 px"),
    ];
    let row = |real: &RealRow| {
        let [manipulated, undecided, genuine] = verdicts(&real.verdicts);
        let [_, large, _] = verdicts(&real.large);
        vec![
            format!(
                "{}<small>{}</small>",
                escape(&real.source),
                escape(&real.medium)
            ),
            escape(&real.part),
            files(&real.verdicts),
            manipulated,
            undecided,
            genuine,
            large,
        ]
    };
    let rows: Vec<Vec<String>> = unseen.reals.iter().map(row).collect();
    table("Verdicts on real files, per cent.", &columns, &rows)
}

fn files(rates: &VerdictRates) -> String {
    format!(
        "{} / {}",
        count(rates.files as u64),
        count(rates.people as u64)
    )
}

/// Shares that are called manipulated, undecided and genuine.
fn verdicts(rates: &VerdictRates) -> [String; 3] {
    [rates.manipulated, rates.undecided(), rates.genuine].map(|of| {
        if rates.files == 0 {
            return "–".into();
        }
        let (share, range) = rates.rate(of);
        format!("{}<small>{}</small>", percent(share), bounds(range))
    })
}
