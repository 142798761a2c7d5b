//! Cameras, and the commands that stand for them.

use std::path::Path;
use std::str::FromStr;

use super::Examination;
use super::reach::rtsp;
use crate::capture::{self, Attached, Enrolment};
use crate::service::ServiceConfig;
use crate::source::{LiveInput, Preset, SourceSpec};

const NAME: &str = "camera";

pub(super) fn checks(config: &ServiceConfig) -> Vec<Examination> {
    let capture = &config.capture;
    if !capture.cameras.is_empty() {
        return match capture::connected() {
            Ok(connected) => (capture.cameras.iter())
                .map(|name| wanted(name, &connected, config))
                .collect(),
            Err(error) => vec![cannot_list(&error)],
        };
    }
    if capture
        .command
        .as_deref()
        .is_some_and(|text| !text.is_empty())
    {
        // What it does is not known: it may take a camera that the service has. Its words may hold
        // a password.
        let found = "a command (capture.command), which was not tried";
        return vec![Examination::ok("source", found)];
    }
    match config.source.as_deref().filter(|text| !text.is_empty()) {
        Some(text) => vec![source(text)],
        None => connected(config),
    }
}

fn cannot_list(error: &std::io::Error) -> Examination {
    Examination::problem(
        NAME,
        capture::remedy(error),
        "is this Linux with /sys mounted?",
    )
}

/// What is there, where nothing in particular is wanted.
fn connected(config: &ServiceConfig) -> Vec<Examination> {
    match capture::connected() {
        Err(error) => vec![cannot_list(&error)],
        Ok(all) if all.is_empty() => vec![Examination::warning(
            NAME,
            "none is connected, and no source is configured",
            "plug one in, or name a source: unmask-edge run --help",
        )],
        Ok(all) => all.iter().map(|camera| usable(camera, config)).collect(),
    }
}

fn wanted(name: &str, connected: &[Attached], config: &ServiceConfig) -> Examination {
    match connected.iter().find(|camera| camera.answers_to(name)) {
        Some(camera) => usable(camera, config),
        None => Examination::problem(
            NAME,
            format!("{name} is not connected"),
            "plug it in; unmask-edge cameras lists what is there",
        ),
    }
}

fn usable(camera: &Attached, config: &ServiceConfig) -> Examination {
    let id = camera.id();
    let mut options = std::fs::OpenOptions::new();
    if let Err(error) = options.read(true).write(true).open(&camera.path) {
        let found = format!("{id} at {} cannot be opened", camera.path.display());
        return Examination::problem(NAME, found, capture::remedy(&error));
    }
    let enrolment = Enrolment {
        cameras: config.capture.enrolled.clone(),
        refuse: false,
    };
    if enrolment.doubts(camera) {
        return Examination::warning(
            NAME,
            format!("{id} is, or may be, made by software"),
            "frames from it are reported as a possible injection; enrol a camera on the board by its bus",
        );
    }
    if enrolment.misses(camera) {
        return Examination::warning(
            NAME,
            format!("{id} is not among capture.enrolled"),
            format!("--enrolled {id}"),
        );
    }
    modes(camera, config)
}

#[cfg(target_os = "linux")]
fn modes(camera: &Attached, config: &ServiceConfig) -> Examination {
    let id = camera.id();
    let size = config.capture.size;
    let modes = match capture::v4l2::modes(&camera.path) {
        Ok(modes) => modes,
        Err(error) => {
            return Examination::problem(
                NAME,
                format!("{id} tells no formats"),
                capture::remedy(&error),
            );
        }
    };
    let usable = || modes.iter().filter(|mode| mode.is_usable);
    let fitting: Vec<_> = usable()
        .filter(|mode| (mode.width as usize, mode.height as usize) == (size.width, size.height))
        .collect();
    if usable().next().is_none() {
        let codes: Vec<&str> = modes.iter().map(|mode| mode.code.as_str()).collect();
        return Examination::problem(
            NAME,
            format!("{id} has only {}", codes.join(", ")),
            "use a command that converts it: --command, docs/cameras.md",
        );
    }
    if fitting.is_empty() {
        let sizes: Vec<String> = usable()
            .map(|m| format!("{}x{}", m.width, m.height))
            .collect();
        return Examination::warning(
            NAME,
            format!("{id} has no frames of {}x{}", size.width, size.height),
            format!("ask for one of these with --size: {}", sizes.join(", ")),
        );
    }
    let fastest = fitting.iter().flat_map(|mode| &mode.rates_hz).copied();
    match fastest.max_by(f64::total_cmp) {
        Some(fastest) if fastest + 0.5 < config.capture.rate => Examination::warning(
            NAME,
            format!(
                "{id} delivers {fastest:.0} frames/s at {}x{}",
                size.width, size.height
            ),
            format!("ask for that with --rate {fastest:.0}, or for a smaller size"),
        ),
        _ => Examination::ok(NAME, format!("{id} at {}x{}", size.width, size.height)),
    }
}

#[cfg(not(target_os = "linux"))]
fn modes(camera: &Attached, _: &ServiceConfig) -> Examination {
    Examination::ok(NAME, camera.id())
}

fn source(text: &str) -> Examination {
    let name = "source";
    match SourceSpec::from_str(text) {
        Err(error) => Examination::problem(
            name,
            error,
            "unmask-edge run --help tells what can be watched",
        ),
        Ok(SourceSpec::Synthetic(_)) => {
            Examination::ok(name, "synthetic people: no camera is watched")
        }
        Ok(SourceSpec::Path(path)) if !path.exists() => Examination::problem(
            name,
            format!("{} is not there", path.display()),
            "name a file or folder that is",
        ),
        Ok(SourceSpec::Path(path)) => Examination::ok(name, path.display().to_string()),
        Ok(SourceSpec::Live(spec)) => match spec.input {
            LiveInput::Preset(preset) => {
                let (program, remedy) = preset.program();
                match (crate::source::is_installed(program), &preset) {
                    (false, _) => {
                        Examination::problem(name, format!("{program} is not installed"), remedy)
                    }
                    (true, Preset::Rtsp(url)) => rtsp(name, url.expose(), &preset.label()),
                    (true, Preset::File(path)) if !Path::new(path).exists() => {
                        Examination::problem(
                            name,
                            format!("{path} is not there"),
                            "name a file that is",
                        )
                    }
                    (true, _) => {
                        Examination::ok(name, format!("{} through {program}", preset.label()))
                    }
                }
            }
            LiveInput::Cameras(_) | LiveInput::Command(_) => Examination::ok(name, text),
        },
    }
}
