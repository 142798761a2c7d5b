//! The best weights of a run beside its last.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which weights of a run are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Weights {
    /// Those of the newest checkpoint.
    Last,
    /// Those with the best validation AUC under attack (clean AUC with method none). Chosen on
    /// the validation part, so figures on that part flatter them a little.
    Best,
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Last => "last",
            Self::Best => "best",
        })
    }
}

/// The best validation so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Steps done by then.
    pub step: usize,
    /// Its AUC: under attack, or clean with method none.
    pub auc: f64,
}

/// How validations went, for early stopping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trend {
    /// The best one; none before the attack is at its full radius.
    pub best: Option<Best>,
    /// Validations since.
    pub stale: usize,
}

impl Trend {
    /// Takes a validation in; true when it is the best so far.
    pub fn take(&mut self, step: usize, auc: f64) -> bool {
        let better = self.best.is_none_or(|best| auc > best.auc);
        if better {
            self.best = Some(Best { step, auc });
            self.stale = 0;
        } else {
            self.stale += 1;
        }
        better
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_bests_stays() {
        let mut trend = Trend::default();
        assert!(trend.take(1, 0.6) && trend.take(2, 0.7));
        assert!(!trend.take(3, 0.7) && !trend.take(4, 0.5));
        assert_eq!(trend.stale, 2);
        assert_eq!(trend.best, Some(Best { step: 2, auc: 0.7 }));
        assert!(trend.take(5, 0.8));
        assert_eq!(trend.stale, 0);
    }
}
