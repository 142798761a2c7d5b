//! The model and the event log.

use std::path::Path;

use unmask_shared::without_temporary_name;

use super::Examination;
use crate::log::{LogReader, Newest, RecordError};
use crate::model::{ModelArgs, self_test};
use crate::search::FinderArgs;
use crate::service::ServiceConfig;

/// So many of the newest entries are verified.
const ENTRIES: usize = 200;
/// Less room than this is worth a look.
const ROOM_BYTES_MIN: u64 = 256 << 20;

pub(super) fn checks(config: &ServiceConfig) -> Vec<Examination> {
    let mut checks = model(config);
    checks.extend(finder(config));
    match &config.log.folder {
        None => checks.push(Examination::warning(
            "event log",
            "off: nothing is proved later",
            "--log DIR, or log.folder in the configuration",
        )),
        Some(folder) => checks.extend(log(folder)),
    }
    checks
}

fn model(config: &ServiceConfig) -> Vec<Examination> {
    let name = "model";
    let table = &config.model;
    let (bundle, origin) = match ModelArgs::from(table.clone()).open() {
        Ok(opened) => opened,
        Err(error) => {
            let remedy = "install a signed one: unmask-edge model install --help";
            return vec![Examination::problem(name, error.to_string(), remedy)];
        }
    };
    let manifest = &bundle.manifest;
    let found = format!("{} release {} ({origin})", manifest.name, manifest.release);
    let is_unsigned = table.bundle.is_some() && table.trusted_keys.is_empty();
    let first = match is_unsigned {
        true => Examination::warning(
            name,
            format!("{found}, signature not checked"),
            "name who may sign it: --trusted-key KEY",
        ),
        false => Examination::ok(name, found),
    };
    let second = match self_test(&bundle) {
        Ok(_) => Examination::ok(
            "self-test",
            "the network says what it said when it was made",
        ),
        Err(error) => {
            Examination::problem("self-test", error.to_string(), "install the model again")
        }
    };
    vec![first, second]
}

/// The face finder, where another than the built-in one is named.
fn finder(config: &ServiceConfig) -> Option<Examination> {
    let name = "face finder";
    let file = config.model.finder.as_ref()?;
    let args = FinderArgs {
        finder: Some(file.clone()),
    };
    Some(match args.open() {
        Ok(_) => Examination::ok(name, format!("{} can be used", file.display())),
        Err(error) => Examination::problem(
            name,
            error.to_string(),
            "leave model.finder out: one is built in",
        ),
    })
}

fn log(folder: &Path) -> Vec<Examination> {
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
        }) => Examination::problem(name, unread.to_string(), "read the log with a later release"),
        Ok(newest) => match newest.fault {
            None => Examination::ok(name, format!("{shown}: the newest {} entries are intact", newest.entries.len())),
            Some(fault) => Examination::problem(
                name,
                format!("{shown} is NOT INTACT: {fault}"),
                "unmask-edge log verify tells more; move the folder away so that a new log can begin",
            ),
        },
        Err(RecordError::File { cause, .. }) if cause.kind() == std::io::ErrorKind::NotFound => {
            Examination::ok(name, format!("{shown}: will be begun"))
        }
        Err(error) => Examination::problem(name, error.to_string(), "give this user access to the folder"),
    });
    checks
}

fn writable(name: &str, folder: &Path) -> Examination {
    let shown = folder.display();
    if let Err(error) = tempfile::NamedTempFile::new_in(folder) {
        let error = without_temporary_name(error);
        return Examination::problem(
            name,
            format!("{shown}: {error}"),
            "make the folder and give it to this user: sudo install -d -o $USER DIR",
        );
    }
    let room = rustix::fs::statvfs(folder).map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize));
    match room {
        Ok(bytes) if bytes < ROOM_BYTES_MIN => Examination::warning(
            name,
            format!("{shown}: {} MB are free", bytes >> 20),
            "make room: an event takes about 200 bytes, a still 100 kB",
        ),
        Ok(bytes) => Examination::ok(name, format!("{shown}: {} MB are free", bytes >> 20)),
        Err(_) => Examination::ok(name, format!("{shown} can be written")),
    }
}
