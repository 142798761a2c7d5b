//! The rows of the tables, and what sets each apart.

use serde::{Deserialize, Serialize};

use crate::config::{Epsilon, Method, RunConfig};
use crate::loss::{Anchor, Classified, Detach};

/// Why a row is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    /// In the paper's table.
    Paper,
    /// Not there, but without it a gain cannot be told from a move along the frontier.
    Rival,
    /// Of the paper's ablation: only clean faces carry `L_dcl`.
    Ablation,
    /// An AFSL of ours.
    Ours,
}

/// One trained defence.
#[derive(Clone, Copy, Debug)]
pub struct DefenceRow {
    /// Name of its run folder.
    pub name: &'static str,
    /// What it is, for readers.
    pub title: &'static str,
    /// Why it is there.
    pub kind: RowKind,
    change: fn(&mut RunConfig),
}

impl DefenceRow {
    /// The row's configuration.
    pub fn config(&self, base: &RunConfig) -> RunConfig {
        let mut config = base.clone();
        (self.change)(&mut config);
        config
    }
}

/// Clean and PGD-10 AUC in per cent as the paper reports them, by the names of our rows.
pub const PAPER_TABLE: [(&str, f64, f64); 4] = [
    ("none", 91.5, 1.0),
    ("at", 78.4, 73.5),
    ("trades-6", 84.0, 76.7),
    ("afsl", 89.8, 80.8),
];

/// Every row, in the order of training.
pub fn rows() -> Vec<DefenceRow> {
    use RowKind::{Ablation, Ours, Paper, Rival};
    let row = |name, title, kind, change| DefenceRow {
        name,
        title,
        kind,
        change,
    };
    vec![
        row("none", "no defence (L_dcl)", Paper, |c| {
            method(c, Method::None);
        }),
        row("at", "AT", Paper, |c| method(c, Method::At)),
        row("trades-6", "TRADES, beta 6", Paper, |c| trades(c, 6.0)),
        row("afsl", "AFSL, weights as in the paper", Paper, afsl),
        row("at-half", "AT at half the epsilon", Rival, |c| {
            method(c, Method::At);
            c.attack.epsilon = Epsilon::of_255(c.attack.epsilon.value() * 127.5);
        }),
        row("trades-1", "TRADES, beta 1", Rival, |c| trades(c, 1.0)),
        row(
            "control",
            "control: AFSL without L_asl and L_srl",
            Rival,
            |c| {
                afsl(c);
                (c.afsl.asl, c.afsl.srl) = (false, false);
            },
        ),
        row("dcl-asl", "L_dcl + L_asl", Ablation, |c| {
            afsl(c);
            c.afsl.classified = Classified::Clean;
            c.afsl.srl = false;
        }),
        row("dcl-asl-srl", "L_dcl + L_asl + L_srl", Ablation, |c| {
            afsl(c);
            c.afsl.classified = Classified::Clean;
        }),
        row(
            "anchored",
            "AFSL anchored to the undefended teacher",
            Ours,
            |c| {
                afsl(c);
                c.afsl.anchor = Anchor::Teacher;
                c.afsl.b1 = 10.0;
            },
        ),
    ]
}

fn method(config: &mut RunConfig, method: Method) {
    config.train.method = method;
}

fn trades(config: &mut RunConfig, beta: f32) {
    method(config, Method::Trades);
    config.trades.beta = beta;
}

/// The paper's weights, whatever the base configuration says.
fn afsl(config: &mut RunConfig) {
    method(config, Method::Afsl);
    let afsl = &mut config.afsl;
    (afsl.dcl, afsl.asl, afsl.srl) = (true, true, true);
    (afsl.b1, afsl.b2) = (1.0, 0.1);
    afsl.classified = Classified::CleanAndAttacked;
    (afsl.detach, afsl.anchor) = (Detach::None, Anchor::Own);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn rows_have_names_of_their_own_and_cover_the_paper() {
        let rows = rows();
        let names: BTreeSet<&str> = rows.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), rows.len());
        assert!(PAPER_TABLE.iter().all(|(name, ..)| names.contains(name)));
    }

    #[test]
    fn every_row_is_a_valid_configuration_with_the_same_budget() {
        let base = RunConfig::default();
        for row in rows() {
            let config = row.config(&base);
            config.check().unwrap();
            assert_eq!(config.train.epochs, base.train.epochs);
            assert_eq!(config.attack.steps, base.attack.steps);
            assert_eq!(config.data, base.data);
        }
        let half = rows()[4].config(&base).attack.epsilon.value();
        assert!((half - base.attack.epsilon.value() / 2.0).abs() < 1e-7);
    }
}
