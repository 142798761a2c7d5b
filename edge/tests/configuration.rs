//! `docs/service-keys.md` lists every key of the service, `docs/cameras.md` every pixel format;
//! what is packaged and what is recommended works as it stands there.

#[path = "../../tests/src/keys.rs"]
mod keys;

mod common;

use std::path::Path;
use std::process::Command;

use unmask_edge::capture::PixelFormat;
use unmask_edge::service::ServiceConfig;
use unmask_edge::web::Token;
use unmask_shared::settings::SettingLayers;

const HEAD: &str = "# Keys of the service\n\
    \n\
    Every key of `unmask-edge run`, as `--print-config` shows it, with its default. Files (`--config`), then environment variables \
    (`UNMASK_EDGE__ALARM__LINE=17`), then `--set alarm.line=17` and flags override the defaults ([service](service.md)). \
    This page is written by a test from the code.\n";

#[test]
fn every_key_of_the_service_stands_in_a_document() {
    let settings = SettingLayers::<ServiceConfig>::new().build().unwrap();
    let sources = ["edge/src", "shared/src"];
    keys::hold(
        "service-keys.md",
        HEAD,
        "ServiceConfig",
        settings.print(),
        &sources,
    );
}

#[test]
fn every_pixel_format_stands_in_a_document() {
    let quoted = |names: &str| match names {
        "" => String::new(),
        names => format!("`{}`", names.replace(", ", "`, `")),
    };
    let head = ["`--pixels`", "also", "V4L2", ""].map(str::to_owned);
    let rows = PixelFormat::ALL.map(|pixels| {
        let [name, aliases, codes, words] = pixels.row();
        [quoted(&name), quoted(&aliases), quoted(&codes), words]
    });
    let text = keys::table(std::iter::once(head).chain(rows));
    keys::hold_part("cameras.md", "pixel formats", &text);
}

fn repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A full disk must not end the watching, nor a hang go on, nor keys lie in a dump.
#[test]
fn the_packaged_service_watches_on_and_leaves_no_dump() {
    let config = repository("edge/packaging/unmask.toml");
    let config = config.to_str().unwrap();
    let ran = common::unmask(&["run", "--config", config, "--print-config"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let log = ran.stdout.split("[log]").nth(1).unwrap();
    let log = log.split("\n[").next().unwrap();
    assert!(log.contains("required = false"), "{log}");
    let unit = std::fs::read_to_string(repository("edge/packaging/unmask.service")).unwrap();
    let number = |key: &str| {
        let line = unit.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|value| value.parse::<u64>().ok())
    };
    assert_eq!(number("LimitCORE="), Some(0));
    let (watchdog, again) = (
        number("WatchdogSec=").unwrap(),
        number("RestartSec=").unwrap(),
    );
    assert!(watchdog + again < 10, "{watchdog} s and {again} s");
    assert!(unit.contains("\nRestart=always\n"), "{unit}");
}

/// The token of `docs/live.md`, as it is printed there, for a user of this machine.
#[test]
fn the_recipe_for_a_token_gives_one_that_the_service_can_read() {
    let page = std::fs::read_to_string(repository("docs/live.md")).unwrap();
    let lines: Vec<&str> = page
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("sudo install") || line.starts_with("head -c"))
        .collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let recipe = lines.join("\n").replace("sudo ", "");
    assert!(
        recipe.contains("-g unmask"),
        "the service's group: {recipe}"
    );
    let recipe = recipe
        .replace("-g unmask", "-g \"$(id -gn)\"")
        .replace("/etc/unmask/token", path.to_str().unwrap());
    let ran = Command::new("/bin/sh").args(["-ec", &recipe]).status();
    assert!(ran.unwrap().success(), "{recipe}");
    assert!(Token::read(&path).is_ok());
    let mode = std::fs::metadata(&path).unwrap().permissions();
    let mode = std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777;
    assert_eq!(mode, 0o640, "its group reads it, and nobody else");
}
