//! The `unmask-edge` program.

// On a device each of these is a crash.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo)
)]

use std::io::{BufWriter, Write};
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;
use unmask_edge::cli::{Cli, execute};
use unmask_edge::report::ExitStatus;

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let cli = Cli::parse();
    let mut out = BufWriter::new(std::io::stdout().lock());
    let status = execute(cli, &mut out).and_then(|status| {
        out.flush()?;
        Ok(status)
    });
    match status {
        Ok(status) => ExitCode::from(status.code()),
        Err(error) if error.is_broken_pipe() => ExitCode::from(ExitStatus::Nothing.code()),
        Err(error) => {
            // What was found before the error is still worth reading.
            let _ = out.flush();
            eprintln!("unmask-edge: {error}");
            ExitCode::from(ExitStatus::Error.code())
        }
    }
}
