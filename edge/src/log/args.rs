//! The log's options of `unmask-edge run`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use super::config::{LogConfig, SyncPolicy};
use super::record::RecordConfig;
use super::stills::StillsConfig;

/// Whether and how `run` logs its events.
#[derive(Clone, Debug, Default, Args)]
pub struct LogArgs {
    /// Write every event into the log in this folder, where it cannot be changed unnoticed
    #[arg(long, value_name = "DIR")]
    pub log: Option<PathBuf>,
    /// File of the log's secret key, instead of log.key in its folder; made where it is missing
    #[arg(long, value_name = "FILE", requires = "log")]
    pub log_key: Option<PathBuf>,
    /// When the log is brought onto the disk: always (after every event), Ns (at most N seconds
    /// later), or close (at the end)
    #[arg(long, value_name = "WHEN", default_value = "always", requires = "log")]
    pub log_sync: SyncArg,
    /// Keep the newest N pictures of what was called manipulated; 0 keeps none
    #[arg(long, value_name = "N", default_value_t = 0, requires = "log")]
    pub stills: u32,
    /// Delete pictures after so many days
    #[arg(long, value_name = "N", requires = "stills")]
    pub stills_days: Option<u32>,
}

impl LogArgs {
    /// Where and how to log, if at all.
    pub fn config(&self) -> Option<RecordConfig> {
        let stills = (self.stills > 0).then(|| StillsConfig {
            count_max: self.stills as usize,
            age_max_s: self.stills_days.map(|days| u64::from(days) * 86_400),
        });
        self.log.as_ref().map(|folder| RecordConfig {
            folder: folder.clone(),
            key: self.log_key.clone(),
            log: LogConfig {
                sync: self.log_sync.0,
                ..LogConfig::default()
            },
            stills,
        })
    }
}

/// [`SyncPolicy`] on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
