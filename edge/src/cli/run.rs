//! The command line of `unmask-edge run`.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use unmask_shared::media::set_patience;
use unmask_shared::settings::{SettingLayers, Settings};

use crate::clock::SystemClock;
use crate::error::EdgeError;
use crate::log::LogArgs;
use crate::model::ModelArgs;
use crate::observe::Observers;
use crate::report::ExitStatus;
use crate::report::terminal::EventFormat;
use crate::run::{RunOptions, run};
use crate::search::FinderArgs;
use crate::service::{Notifier, Outputs, Service, ServiceConfig, Signals};
use crate::source::args::{CaptureArgs, InputArgs};
use crate::source::without_secrets;
use crate::web::DEFAULT_ADDRESS;

/// Variables such as `UNMASK_EDGE__ALARM__LINE` are settings.
const PREFIX: &str = "UNMASK_EDGE";

/// Arguments of `run`: each but the last three stands for a key of the
/// configuration.
#[derive(Debug, Default, Args)]
pub struct RunArgs {
    #[command(flatten)]
    /// What to watch.
    pub input: InputArgs,
    #[command(flatten)]
    /// What is asked of cameras and commands.
    pub capture: CaptureArgs,
    #[command(flatten)]
    /// The model.
    pub model: ModelArgs,
    #[command(flatten)]
    /// What finds the faces.
    pub finder: FinderArgs,
    /// text for people (the default), jsonl for one event record per line
    #[arg(long, value_enum)]
    pub format: Option<EventFormat>,
    /// Stop after so many frames
    #[arg(long, value_name = "N")]
    pub max_frames: Option<u64>,
    /// Play at the speed of the source; leave out frames that come too late
    #[arg(long)]
    pub realtime: bool,
    /// Look for faces in every so many frames, 5 by default and in the mean: nobody can foresee
    /// in which; they are followed in between
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub every: Option<u32>,
    #[command(flatten)]
    /// The event log.
    pub log: LogArgs,
    #[command(flatten)]
    /// The live page.
    pub web: WebArgs,
    /// Configuration in TOML; keys left out take their defaults. May be repeated: later files
    /// win. SIGHUP reads its thresholds again
    #[arg(long, value_name = "FILE")]
    pub config: Vec<PathBuf>,
    /// One key of the configuration, such as alarm.line=17; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Print every key of the configuration with its value and where it came from, and stop
    #[arg(long)]
    pub print_config: bool,
}

/// Whether and where the live page is served.
#[derive(Clone, Debug, Default, Args)]
pub struct WebArgs {
    /// Serve the live page and the metrics here, 127.0.0.1:8464 where no address is given;
    /// any but a loopback address needs --web-token
    #[arg(long, value_name = "ADDR:PORT", num_args = 0..=1, default_missing_value = DEFAULT_ADDRESS)]
    pub web: Option<String>,
    /// Serve no live page, whatever the configuration says
    #[arg(long, conflicts_with = "web")]
    pub no_web: bool,
    /// File with the token that visitors of the live page must know
    #[arg(long, value_name = "FILE")]
    pub web_token: Option<PathBuf>,
}

impl WebArgs {
    fn flag(&self) -> &'static str {
        if self.no_web { "--no-web" } else { "--web" }
    }

    /// An empty address is none.
    fn address(&self) -> Option<&str> {
        if self.no_web {
            Some("")
        } else {
            self.web.as_deref()
        }
    }
}

impl RunArgs {
    /// Defaults, then files, then variables, then flags.
    ///
    /// # Errors
    /// Keys that nothing reads, and values of a wrong type or out of range.
    pub fn settings(&self) -> Result<Settings<ServiceConfig>, EdgeError> {
        let mut layers = SettingLayers::<ServiceConfig>::new().environment(PREFIX);
        for path in &self.config {
            layers = layers.file(path);
        }
        for assignment in &self.set {
            layers = layers.set(assignment);
        }
        let (model, log) = (&self.model, &self.log);
        let keys = Some(&model.trusted_key).filter(|keys| !keys.is_empty());
        let layers = self.capture.with_flags(self.input.with_flags(layers));
        let settings = layers
            .flag("--format", "format", self.format.as_ref())
            .flag("--max-frames", "max_frames", self.max_frames.as_ref())
            .flag("--realtime", "realtime", self.realtime.then_some(&true))
            .flag("--every", "every", self.every.as_ref())
            .flag("--bundle", "model.bundle", model.bundle.as_ref())
            .flag("--models", "model.models", model.models.as_ref())
            .flag(
                "--or-builtin",
                "model.or_builtin",
                model.or_builtin.then_some(&true),
            )
            .flag("--trusted-key", "model.trusted_keys", keys)
            .flag("--finder", "model.finder", self.finder.finder.as_ref())
            .flag("--log", "log.folder", log.log.as_ref())
            .flag("--log-key", "log.key", log.log_key.as_ref())
            .flag("--log-sync", "log.sync", log.log_sync.as_ref())
            .flag("--stills", "log.stills", log.stills.as_ref())
            .flag("--stills-days", "log.stills_days", log.stills_days.as_ref())
            .flag(self.web.flag(), "web.address", self.web.address())
            .flag("--web-token", "web.token_file", self.web.web_token.as_ref())
            .build()?;
        settings.value.check().map_err(EdgeError::Config)?;
        Ok(settings)
    }

    /// The configuration as it is now. A pipe in place of a file would hold up whoever is watching
    /// for ever.
    fn read_again(&self) -> Result<ServiceConfig, EdgeError> {
        let is_other = |path: &&PathBuf| path.metadata().is_ok_and(|data| !data.is_file());
        if let Some(path) = self.config.iter().find(is_other) {
            let path = path.display();
            return Err(EdgeError::Config(format!("{path} is not a plain file")));
        }
        Ok(self.settings()?.value)
    }

    /// Watches until the source ends or the system asks to end.
    ///
    /// # Errors
    /// See [`EdgeError`].
    pub fn run(&self, out: &mut dyn Write) -> Result<ExitStatus, EdgeError> {
        hide_memory();
        // Before all that may hang.
        let notifier = match self.print_config {
            true => Notifier::default(),
            false => Notifier::from_env().map_err(EdgeError::Notify)?,
        };
        let settings = self.settings()?;
        if self.print_config {
            let ServiceConfig {
                source, capture, ..
            } = &settings.value;
            let (source, command) = (source.as_deref(), capture.command.as_deref());
            out.write_all(without_secrets(settings.print(), source, command).as_bytes())?;
            return Ok(ExitStatus::Nothing);
        }
        let config = settings.value;
        if let Some(seconds) = config.capture.patience_s {
            set_patience(Duration::from_secs(seconds.into()));
        }
        let source = config
            .capture
            .spec(config.source.as_deref(), config.realtime)
            .map_err(EdgeError::Config)?;
        let bundle = ModelArgs::from(config.model.clone()).open()?.0;
        let finder = FinderArgs {
            finder: config.model.finder.clone(),
        };
        let finder = finder.open()?;
        let signals = Signals::listen(!self.config.is_empty()).map_err(EdgeError::Signal)?;
        let clock = Arc::new(SystemClock::default());
        let mut service = Service {
            outputs: Outputs::open(&config, notifier, clock)?,
            observers: Observers::default(),
            signals,
            reload: &|| Ok(self.read_again()?),
        };
        let options = RunOptions {
            source,
            finder,
            config,
        };
        run(&bundle, &options, &mut service, out)
    }
}

/// Keeps what is in memory, such as the log's key and the page's token, out of core dumps.
fn hide_memory() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_dumpable(false) {
        tracing::warn!(%error, "a core dump would hold the keys that are in memory");
    }
}
