//! The `unmask-edge` program.

// On a device each of these is a crash.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo)
)]

use std::alloc::System;
use std::io::{BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;
use tracing_subscriber::util::SubscriberInitExt;
use unmask_arena::Arena;
use unmask_edge::cli::{Cli, execute};
use unmask_edge::console::style::printable;
use unmask_edge::report::ExitStatus;

/// What decoding a picture takes for every frame does not reach the system.
#[global_allocator]
static ALLOCATOR: Arena<System> = Arena::new(System);

fn main() -> ExitCode {
    registry()
        .with(
            layer()
                .with_writer(std::io::stderr)
                .with_ansi(std::io::stderr().is_terminal()),
        )
        .with(log_filter())
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
            let text = error.to_string();
            let lines: Vec<String> = text.lines().map(printable).collect();
            eprintln!("unmask-edge: {}", lines.join("\n"));
            ExitCode::from(ExitStatus::Error.code())
        }
    }
}

/// What `RUST_LOG` asks for: a level, or levels of modules as in `warn,unmask_edge=debug`.
fn log_filter() -> Targets {
    let wanted = std::env::var("RUST_LOG").ok();
    wanted
        .and_then(|wanted| wanted.parse().ok())
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::ERROR))
}
