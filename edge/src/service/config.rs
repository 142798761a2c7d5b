//! The configuration of `unmask-edge run`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::thresholds::VerdictTable;
use crate::alarm::AlarmConfig;
use crate::log::{LogConfig, RecordConfig, StillsConfig, SyncArg};
use crate::model::ModelArgs;
use crate::mqtt::MqttConfig;
use crate::report::terminal::EventFormat;
use crate::serial::SerialConfig;
use crate::source::CaptureTable;
use crate::web::WebConfig;

/// Faces are looked for in every so many frames.
const EVERY: std::ops::RangeInclusive<u32> = 1..=1000;

/// Length of the log's files where it may be opened again while people are watched:
/// that takes as long as checking the newest file.
const REOPEN_BYTES: usize = 256 << 10;

/// Everything that `run` can be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceConfig {
    /// What to watch, as for `--source`. Empty is none. Excludes cameras and a
    /// command.
    pub source: Option<String>,
    /// How events are printed.
    pub format: EventFormat,
    /// Ends after so many frames.
    pub max_frames: Option<u64>,
    /// Plays at the speed of the source.
    pub realtime: bool,
    /// Faces are looked for in every so many frames, 1 to 1000.
    pub every: u32,
    /// Cameras and commands.
    pub capture: CaptureTable,
    /// Which model judges, and what finds the faces.
    pub model: ModelTable,
    /// Rules for a verdict.
    pub verdict: VerdictTable,
    /// The event log.
    pub log: LogTable,
    /// The alarm's pin.
    pub alarm: AlarmConfig,
    /// The microcontroller.
    pub serial: SerialConfig,
    /// The live page.
    pub web: WebConfig,
    /// The message broker.
    pub mqtt: MqttConfig,
}

impl Default for ServiceConfig {
    fn default() -> Self {
        Self {
            source: None,
            format: EventFormat::default(),
            max_frames: None,
            realtime: false,
            every: 5,
            capture: CaptureTable::default(),
            model: ModelTable::default(),
            verdict: VerdictTable::default(),
            log: LogTable::default(),
            alarm: AlarmConfig::default(),
            serial: SerialConfig::default(),
            web: WebConfig::default(),
            mqtt: MqttConfig::default(),
        }
    }
}

impl ServiceConfig {
    /// Refuses what is out of range or contradicts itself, with the key. Rules for
    /// a verdict are checked together with those of the model.
    pub fn check(&self) -> Result<(), String> {
        if !EVERY.contains(&self.every) {
            let (least, most) = (EVERY.start(), EVERY.end());
            return Err(format!(
                "every is {}, must be {least} to {most}",
                self.every
            ));
        }
        if self.model.bundle.is_some() && self.model.models.is_some() {
            return Err("model.bundle and model.models exclude each other".into());
        }
        self.capture.check()?;
        self.log.check()?;
        self.alarm.check()?;
        self.serial.check()?;
        self.web.check()?;
        self.mqtt.check()
    }

    /// Whether another configuration differs in more than its thresholds.
    pub fn needs_restart(&self, other: &Self) -> bool {
        let other = Self {
            verdict: self.verdict.clone(),
            ..other.clone()
        };
        *self != other
    }
}

/// The `[model]` table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelTable {
    /// Folder of a bundle.
    pub bundle: Option<PathBuf>,
    /// Folder of installed models.
    pub models: Option<PathBuf>,
    /// Whether the model that is built in is used where none was ever installed there.
    pub or_builtin: bool,
    /// Public keys, or their files.
    pub trusted_keys: Vec<String>,
    /// ONNX file of a face finder.
    pub finder: Option<PathBuf>,
}

impl From<ModelTable> for ModelArgs {
    fn from(table: ModelTable) -> Self {
        Self {
            bundle: table.bundle,
            models: table.models,
            or_builtin: table.or_builtin,
            trusted_key: table.trusted_keys,
        }
    }
}

/// The `[log]` table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogTable {
    /// The log's folder. Without one, nothing is logged.
    pub folder: Option<PathBuf>,
    /// File of the secret key.
    pub key: Option<PathBuf>,
    /// When the log is brought onto the disk: always, close, or seconds as in 5s.
    pub sync: SyncArg,
    /// The newest so many pictures of what was called manipulated are kept.
    pub stills: u32,
    /// Pictures are deleted after so many days.
    pub stills_days: Option<u32>,
    /// Whether the program ends when the log cannot be written. If not, it goes on
    /// without, shows a fault, and tries again and again.
    pub required: bool,
}

impl Default for LogTable {
    fn default() -> Self {
        Self {
            folder: None,
            key: None,
            sync: SyncArg::default(),
            stills: 0,
            stills_days: None,
            required: true,
        }
    }
}

impl LogTable {
    fn check(&self) -> Result<(), String> {
        if self.folder.is_none() && (self.key.is_some() || self.stills > 0) {
            return Err(
                "log.key and log.stills (--log-key, --stills) need log.folder (--log)".into(),
            );
        }
        if self.stills_days.is_some() && self.stills == 0 {
            return Err("log.stills_days (--stills-days) needs log.stills (--stills)".into());
        }
        Ok(())
    }

    /// Where and how to log, if at all.
    pub fn record(&self) -> Option<RecordConfig> {
        let stills = (self.stills > 0).then(|| StillsConfig {
            count_max: self.stills as usize,
            age_max_s: self.stills_days.map(|days| u64::from(days) * 86_400),
        });
        self.folder.as_ref().map(|folder| RecordConfig {
            folder: folder.clone(),
            key: self.key.clone(),
            log: LogConfig {
                sync: self.sync.0,
                segment_bytes: match self.required {
                    true => LogConfig::default().segment_bytes,
                    false => REOPEN_BYTES,
                },
            },
            stills,
        })
    }
}
