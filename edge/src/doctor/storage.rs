//! The model and the event log.

use std::path::Path;

use unmask_shared::without_temporary_name;

use super::Check;
use crate::log::{LogReader, Newest, RecordError};
use crate::model::{ModelArgs, self_test};
use crate::search::FinderArgs;
use crate::service::ServiceConfig;

/// So many of the newest entries are verified.
const ENTRIES: usize = 200;
/// Less room than this is worth a look.
const ROOM_BYTES_MIN: u64 = 256 << 20;

pub(super) fn checks(config: &ServiceConfig) -> Vec<Check> {
    let mut checks = model(config);
    checks.extend(finder(config));
    match &config.log.folder {
        None => checks.push(Check::warning(
            "event log",
            "off: nothing is proved later",
            "--log DIR, or log.folder in the configuration",
        )),
        Some(folder) => checks.extend(log(folder)),
    }
    checks
}

fn model(config: &ServiceConfig) -> Vec<Check> {
    let name = "model";
    let table = &config.model;
    let (bundle, origin) = match ModelArgs::from(table.clone()).open() {
        Ok(opened) => opened,
        Err(error) => {
            let remedy = "install a signed one: unmask-edge model install --help";
            return vec![Check::problem(name, error.to_string(), remedy)];
        }
    };
    let manifest = &bundle.manifest;
    let found = format!("{} release {} ({origin})", manifest.name, manifest.release);
    let is_unsigned = table.bundle.is_some() && table.trusted_keys.is_empty();
    let first = match is_unsigned {
        true => Check::warning(
            name,
            format!("{found}, signature not checked"),
            "name who may sign it: --trusted-key KEY",
        ),
        false => Check::ok(name, found),
    };
    let second = match self_test(&bundle) {
        Ok(_) => Check::ok(
            "self-test",
            "the network says what it said when it was made",
        ),
        Err(error) => Check::problem("self-test", error.to_string(), "install the model again"),
    };
    vec![first, second]
}

/// The face finder, where another than the built-in one is named.
fn finder(config: &ServiceConfig) -> Option<Check> {
    let name = "face finder";
    let file = config.model.finder.as_ref()?;
    let args = FinderArgs {
        finder: Some(file.clone()),
    };
    Some(match args.open() {
        Ok(_) => Check::ok(name, format!("{} can be used", file.display())),
        Err(error) => Check::problem(
            name,
            error.to_string(),
            "leave model.finder out: one is built in",
        ),
    })
}

fn log(folder: &Path) -> Vec<Check> {
    let name = "event log";
    let shown = folder.display();
    if !folder.exists() {
        let parent = folder.parent().filter(|path| !path.as_os_str().is_empty());
        return vec![writable("storage", parent.unwrap_or(Path::new(".")))];
    }
    let mut checks = vec![writable("storage", folder)];
    let read = LogReader::open(folder).and_then(|log| log.newest(ENTRIES));
    checks.push(match read {
        Ok(Newest {
            unread: Some(unread),
            fault: None,
            ..
        }) => Check::problem(name, unread.to_string(), "read the log with a later release"),
        Ok(newest) => match newest.fault {
            None => Check::ok(name, format!("{shown}: the newest {} entries are intact", newest.entries.len())),
            Some(fault) => Check::problem(
                name,
                format!("{shown} is NOT INTACT: {fault}"),
                "unmask-edge log verify tells more; move the folder away so that a new log can begin",
            ),
        },
        Err(RecordError::File { cause, .. }) if cause.kind() == std::io::ErrorKind::NotFound => {
            Check::ok(name, format!("{shown}: will be begun"))
        }
        Err(error) => Check::problem(name, error.to_string(), "give this user access to the folder"),
    });
    checks
}

fn writable(name: &str, folder: &Path) -> Check {
    let shown = folder.display();
    if let Err(error) = tempfile::NamedTempFile::new_in(folder) {
        let error = without_temporary_name(error);
        return Check::problem(
            name,
            format!("{shown}: {error}"),
            "make the folder and give it to this user: sudo install -d -o $USER DIR",
        );
    }
    let room = rustix::fs::statvfs(folder).map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize));
    match room {
        Ok(bytes) if bytes < ROOM_BYTES_MIN => Check::warning(
            name,
            format!("{shown}: {} MB are free", bytes >> 20),
            "make room: an event takes about 200 bytes, a still 100 kB",
        ),
        Ok(bytes) => Check::ok(name, format!("{shown}: {} MB are free", bytes >> 20)),
        Err(_) => Check::ok(name, format!("{shown} can be written")),
    }
}
