//! Pin, serial line, live page, message broker.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{Access, access};

use super::Examination;
use super::reach::reach;
use crate::alarm;
use crate::mqtt::{self, MqttConfig};
use crate::service::ServiceConfig;
use crate::web::{Token, WebConfig};

pub(super) fn checks(config: &ServiceConfig) -> Vec<Examination> {
    let mut checks = vec![pin(config)];
    if let Some(port) = &config.serial.port {
        checks.push(serial(port));
    }
    checks.extend(page(&config.web));
    if let Some(host) = config.mqtt.broker() {
        checks.push(broker(host, &config.mqtt));
    }
    checks
}

fn pin(config: &ServiceConfig) -> Examination {
    match alarm::probe(&config.alarm) {
        Ok(None) => Examination::ok("alarm", "no pin is configured"),
        Ok(Some(chip)) => Examination::ok("alarm", format!("the pin on {}", chip.display())),
        // The error names the remedy.
        Err(error) => Examination::problem("alarm", error.to_string(), ""),
    }
}

fn serial(port: &Path) -> Examination {
    let name = "serial line";
    match access(port, Access::READ_OK | Access::WRITE_OK) {
        Ok(()) => Examination::ok(name, port.display().to_string()),
        Err(error) => Examination::problem(
            name,
            format!("{}: {error}", port.display()),
            "check the cable, and add this user to the group of the port: sudo usermod -aG dialout $USER",
        ),
    }
}

fn page(config: &WebConfig) -> Vec<Examination> {
    let name = "live page";
    let mut checks = Vec::new();
    match config.listen() {
        Err(error) => checks.push(Examination::problem(name, error, "put web.address right")),
        Ok(None) => checks.push(Examination::ok(name, "off")),
        Ok(Some(address)) => checks.push(match TcpListener::bind(address) {
            Ok(_) => Examination::ok(name, format!("http://{address} is free")),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Examination::warning(
                name,
                format!("{address} is in use"),
                "by the service itself, if it runs; if not, choose another port",
            ),
            Err(error) => Examination::problem(
                name,
                format!("{address}: {error}"),
                "choose an address of this machine, and a port from 1024 on",
            ),
        }),
    }
    if let Some(path) = &config.token_file {
        checks.push(token(path));
    }
    checks
}

fn token(path: &Path) -> Examination {
    let name = "token";
    let shown = path.display();
    if let Err(error) = Token::read(path) {
        return Examination::problem(name, error.to_string(), "");
    }
    let metadata = std::fs::metadata(path);
    let (mode, owner) = metadata.map_or((0, 0), |data| (data.permissions().mode(), data.uid()));
    // Root reads everything: that says nothing about the service's user.
    let is_of_root = owner == 0 && mode & 0o077 == 0 && nix::unistd::geteuid().is_root();
    match mode & 0o007 {
        0 if is_of_root => Examination::warning(
            name,
            format!("only root may read {shown}, and the packaged service is not root"),
            format!("chgrp unmask {shown}; chmod 640 {shown}"),
        ),
        0 => Examination::ok(name, format!("{shown}")),
        _ => Examination::warning(
            name,
            format!("{shown} may be read by others"),
            format!("chmod 640 {shown}"),
        ),
    }
}

fn broker(host: &str, config: &MqttConfig) -> Examination {
    let name = "broker";
    let found = format!("{host}:{}", config.port);
    if let Err(error) = mqtt::check_files(config) {
        return Examination::problem(name, error.to_string(), "put the file right");
    }
    let remedy = "the service bears with that and tries again; check mqtt.host and mqtt.port";
    match reach(host, config.port) {
        Ok(_) if config.is_readable_by_others() => Examination::warning(
            name,
            format!("{found} answers, but name and password go there in the clear"),
            "encrypt the connection: mqtt.ca_file",
        ),
        Ok(_) => Examination::ok(name, format!("{found} answers")),
        Err(problem) => Examination::warning(name, format!("{found}: {problem}"), remedy),
    }
}
