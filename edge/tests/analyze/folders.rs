//! Folders, and names in them.

use std::fs;
use std::process::Command;

use crate::common::{person, save, unmask_in};

#[test]
fn a_folder_is_walked_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let media = folder.path().join("media");
    fs::create_dir_all(media.join("b")).unwrap();
    let picture = &person(6, 1)[0];
    for name in ["c.png", "b/z.png", "a.png"] {
        save(picture, &media.join(name));
    }
    fs::write(media.join("readme.txt"), "not media").unwrap();
    let ran = unmask_in(folder.path(), &["analyze", "--format", "jsonl", "media"]);
    let paths: Vec<String> = ran
        .lines()
        .iter()
        .map(|l| l["path"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(paths, ["media/a.png", "media/b/z.png", "media/c.png"]);
}

/// One bad entry costs none of the others, and the exit code tells.
#[cfg(unix)]
#[test]
fn a_bad_entry_does_not_cost_the_others() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let media = folder.path().join("media");
    let locked = media.join("locked");
    fs::create_dir_all(&locked).unwrap();
    save(&person(6, 1)[0], &media.join("z.png"));
    fs::copy(media.join("z.png"), locked.join("y.png")).unwrap();
    fs::write(media.join("._z.png"), "resources").unwrap();
    symlink("nowhere.png", media.join("b.png")).unwrap();
    symlink(".", media.join("loop")).unwrap();
    symlink("z.png", media.join("link.png")).unwrap();
    let made = Command::new("mkfifo").arg(media.join("pipe.png")).status();
    assert!(made.unwrap().success());
    fs::write(media.join("damaged.png"), "no picture").unwrap();
    // To root every folder is open.
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    let is_locked = fs::read_dir(&locked).is_err();
    let ran = unmask_in(folder.path(), &["analyze", "--format", "jsonl", "media"]);
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    let lines = ran.lines();
    let told = |name: &str| {
        let path = format!("media/{name}");
        let mut found = lines.iter().filter(|line| line["path"] == path.as_str());
        let line = found
            .next()
            .unwrap_or_else(|| panic!("{name}: {}", ran.stdout));
        assert!(found.next().is_none(), "{name} twice");
        line
    };
    for good in ["z.png", "link.png"] {
        assert_eq!(told(good)["faces"], 1, "{good}: {}", ran.stdout);
    }
    for bad in ["b.png", "pipe.png", "damaged.png"] {
        assert!(told(bad)["error"].is_string(), "{bad}: {}", ran.stdout);
    }
    match is_locked {
        true => assert!(told("locked")["error"].is_string(), "{}", ran.stdout),
        false => assert_eq!(told("locked/y.png")["faces"], 1, "{}", ran.stdout),
    }
    assert!(ran.stderr.contains("2 files are neither"), "{}", ran.stderr);
}

/// A name is no part of what the program says.
#[test]
fn a_name_does_not_steer_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let forged = "a\r\u{1b}[2Kgenuine.png";
    save(&person(6, 1)[0], &folder.path().join(forged));
    let line = ["run", "--source", forged, "--log", "events", "--format"];
    let missing = "b\u{1b}[2K\rgenuine.png";
    for arguments in [
        &["analyze", forged][..],
        &["analyze", forged, missing],
        &["analyze", "--format", "jsonl", forged, missing],
        &["run", "--source", missing],
        &[&line[..], &["text"]].concat(),
        &[&line[..], &["jsonl"]].concat(),
        &["log", "tail", "events"],
        &["log", "export", "events"],
        &["log", "verify", "events"],
        &["review", "list", "events"],
    ] {
        let ran = unmask_in(folder.path(), arguments);
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!told.is_empty(), "{arguments:?}");
        for control in told.chars().filter(|c| c.is_control()) {
            assert_eq!(control, '\n', "{arguments:?}: {told:?}");
        }
    }
}

/// Nothing in a folder is left out without a word.
#[test]
fn what_a_folder_holds_is_judged_or_named() {
    let folder = tempfile::tempdir().unwrap();
    let media = folder.path().join("media");
    fs::create_dir(&media).unwrap();
    save(&person(6, 1)[0], &media.join("a.png"));
    fs::rename(media.join("a.png"), media.join("IMG_0001")).unwrap();
    fs::write(media.join("notes.txt"), "text").unwrap();
    fs::write(media.join("b.heic"), "none").unwrap();
    let ran = unmask_in(folder.path(), &["analyze", "--format", "jsonl", "media"]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    let lines = ran.lines();
    assert_eq!(lines[0]["path"], "media/IMG_0001");
    assert_eq!(lines[0]["faces"], 1);
    let error = lines[1]["error"].as_str().unwrap();
    assert!(error.contains("convert it"), "{error}");
    assert!(ran.stderr.contains("1 files are neither"), "{}", ran.stderr);
}
