//! What `unmask-trainer attack` prints.

use crate::attack::check::CheckOutcome;
use crate::attack::suite::SuiteReport;
use crate::attack::{AttackResult, Target};

/// AUC, success and cost of each attack and of the worst case.
pub(super) fn print_table(report: &SuiteReport) {
    println!("AUC in per cent, clean {}", shown(report.clean_auc()));
    println!(
        "{:24} {:>6} {:>6} {:>6}  {:>8} {:>12} {:>9} {:>8} {:>8}",
        "attack", "fakes", "reals", "both", "success", "change", "gradients", "passes", "seconds"
    );
    for result in &report.results {
        println!("{}", row(report, result));
    }
    match report.worst.passes > 0.0 {
        true => println!("{}", row(report, &report.worst)),
        false => println!("no worst case: none of these attacks keeps to epsilon in l_inf"),
    }
    println!(
        "fakes, reals, both: AUC with those attacked. success: of the clips on the right side of\n\
         logit 0, the share that was moved to the wrong one. change: median of the clips that were\n\
         changed. gradients: least share of non-zero ones."
    );
}

fn row(report: &SuiteReport, result: &AttackResult) -> String {
    let auc = |attacked| shown(report.auc(result, attacked));
    format!(
        "{:24} {} {} {}  {:>8} {:>12} {:>9} {:8.0} {:8.1}",
        result.name,
        auc(Target::Fakes),
        auc(Target::Reals),
        auc(Target::Both),
        shown(report.success(result)),
        change(result),
        shown(result.gradient_share.map(f64::from)),
        result.passes,
        result.seconds
    )
}

/// The median change, in the attack's norm.
fn change(result: &AttackResult) -> String {
    match (result.median_change(), result.norm.as_str()) {
        (None, _) => "-".into(),
        (Some(length), "l_inf") => format!("{:.2}/255", length * 255.0),
        (Some(length), norm) => format!("{norm} {length:.2}"),
    }
}

/// A share in per cent, six columns wide.
fn shown(share: Option<f64>) -> String {
    share.map_or("     -".into(), |share| format!("{:6.1}", share * 100.0))
}

/// The checks with their verdicts.
pub(super) fn print_checks(report: &SuiteReport) {
    println!("checks");
    for check in &report.checks {
        println!("  {:7} {}: {}", check.verdict, check.name, check.finding);
    }
    let failed = report
        .checks
        .iter()
        .filter(|c| c.verdict == CheckOutcome::Failed);
    match failed.count() {
        0 => println!("no sign that the figures flatter the detector"),
        1 => println!("1 check failed: the figures may flatter the detector"),
        more => println!("{more} checks failed: the figures may flatter the detector"),
    }
}
