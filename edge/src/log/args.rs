//! The log's options of `unmask-edge run`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::config::SyncPolicy;

/// Whether and how `run` logs its events.
#[derive(Clone, Debug, Default, Args)]
pub struct LogArgs {
    /// Write every event into the log in this folder, where it cannot be changed unnoticed
    #[arg(long, value_name = "DIR")]
    pub log: Option<PathBuf>,
    /// File of the log's secret key, instead of log.key in its folder; made where it is missing
    #[arg(long, value_name = "FILE")]
    pub log_key: Option<PathBuf>,
    /// When the log is brought onto the disk: always (after every event, the default), Ns (at
    /// most N seconds later), or close (at the end)
    #[arg(long, value_name = "WHEN")]
    pub log_sync: Option<SyncArg>,
    /// Keep the newest N pictures of what was called manipulated; 0, the default, keeps none
    #[arg(long, value_name = "N")]
    pub stills: Option<u32>,
    /// Delete pictures after so many days
    #[arg(long, value_name = "N")]
    pub stills_days: Option<u32>,
}

/// [`SyncPolicy`] on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SyncArg(pub SyncPolicy);

/// Most entries that wait for the disk together.
const WAITING_MAX: u64 = 1000;

impl FromStr for SyncArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let seconds = || text.strip_suffix('s')?.parse::<u64>().ok();
        Ok(Self(match text {
            "always" => SyncPolicy::Always,
            "close" => SyncPolicy::OnClose,
            _ => match seconds() {
                Some(seconds @ 1..=3600) => SyncPolicy::Every {
                    entries: WAITING_MAX,
                    wait: Duration::from_secs(seconds),
                },
                _ => return Err("write always, close, or seconds such as 5s, up to 3600s".into()),
            },
        }))
    }
}

impl TryFrom<String> for SyncArg {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<SyncArg> for String {
    fn from(sync: SyncArg) -> Self {
        match sync.0 {
            SyncPolicy::Always => "always".into(),
            SyncPolicy::Every { wait, .. } => format!("{}s", wait.as_secs()),
            SyncPolicy::OnClose => "close".into(),
        }
    }
}
