//! Keys and signatures through the program.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use unmask_shared::bundle::{Bundle, SIGNATURE_FILE};
use unmask_shared::signature::TrustedKeys;

const BUNDLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/afsl-lite");

fn trainer(folder: &Path, arguments: &[&str], password: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unmask-trainer"));
    command.current_dir(folder).args(arguments);
    command.env_remove("UNMASK_KEY_PASSWORD");
    command.envs(password.map(|password| ("UNMASK_KEY_PASSWORD", password)));
    command.output().unwrap()
}

fn copy_bundle(folder: &Path) {
    let bundle = folder.join("bundle");
    fs::create_dir(&bundle).unwrap();
    for file in ["model.onnx", "manifest.json", "CARD.md", "SHA256SUMS"] {
        fs::copy(Path::new(BUNDLE).join(file), bundle.join(file)).unwrap();
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_bundle_is_signed_and_its_signature_counts() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    copy_bundle(folder);
    let made = trainer(folder, &["keygen", "--output", "k", "--no-password"], None);
    assert!(made.status.success(), "{}", said(&made));
    let signed = trainer(folder, &["sign", "bundle", "--key", "k"], None);
    assert!(signed.status.success(), "{}", said(&signed));
    let keys = TrustedKeys::parse([fs::read_to_string(folder.join("k.pub")).unwrap()]).unwrap();
    let (bundle, by) = Bundle::open_signed(&folder.join("bundle"), &keys).unwrap();
    let (name, release) = (&bundle.manifest.name, bundle.manifest.release);
    assert_eq!(
        by.comment,
        format!("unmask bundle {name} release {release}")
    );

    let again = trainer(folder, &["keygen", "--output", "k", "--no-password"], None);
    assert_eq!(again.status.code(), Some(2));
    assert!(
        said(&again).contains("never overwritten"),
        "{}",
        said(&again)
    );

    fs::write(folder.join("bundle/CARD.md"), "other").unwrap();
    fs::remove_file(folder.join("bundle").join(SIGNATURE_FILE)).unwrap();
    let changed = trainer(folder, &["sign", "bundle", "--key", "k"], None);
    assert_eq!(changed.status.code(), Some(2));
    assert!(
        said(&changed).contains("CARD.md does not match"),
        "{}",
        said(&changed)
    );
    assert!(!folder.join("bundle").join(SIGNATURE_FILE).exists());
}

#[cfg(unix)]
#[test]
fn a_secret_key_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let made = trainer(
        folder.path(),
        &["keygen", "--output", "k", "--no-password"],
        None,
    );
    assert!(made.status.success(), "{}", said(&made));
    let mode = fs::metadata(folder.path().join("k"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_is_no_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    copy_bundle(folder.path());
    for text in ["", "hello\nworld\n", "untrusted comment: x\nRWQ=\n"] {
        fs::write(folder.path().join("k"), text).unwrap();
        let refused = trainer(folder.path(), &["sign", "bundle", "--key", "k"], Some(""));
        assert_eq!(refused.status.code(), Some(2));
        assert!(
            said(&refused).contains("no secret key"),
            "{}",
            said(&refused)
        );
        assert!(!said(&refused).contains("panicked"), "{}", said(&refused));
    }
}

/// `setsid` takes the terminal away, which a developer's machine has and a build machine has not.
#[cfg(target_os = "linux")]
#[test]
fn without_a_terminal_keygen_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], password: Option<&str>| {
        let mut command = Command::new("setsid");
        command
            .args(["--wait", env!("CARGO_BIN_EXE_unmask-trainer")])
            .args(arguments)
            .current_dir(folder.path())
            .stdin(std::process::Stdio::null())
            .env_remove("UNMASK_KEY_PASSWORD")
            .envs(password.map(|password| ("UNMASK_KEY_PASSWORD", password)));
        command.output().unwrap()
    };
    let refused = run(&["keygen", "--output", "k"], None);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    for wanted in ["UNMASK_KEY_PASSWORD", "--no-password"] {
        assert!(said(&refused).contains(wanted), "{}", said(&refused));
    }
    assert!(!folder.path().join("k").exists());
    let made = run(&["keygen", "--output", "k"], Some("of the test"));
    assert!(made.status.success(), "{}", said(&made));
    copy_bundle(folder.path());
    let locked = run(&["sign", "bundle", "--key", "k"], None);
    assert_eq!(locked.status.code(), Some(2));
    assert!(
        said(&locked).contains("UNMASK_KEY_PASSWORD"),
        "{}",
        said(&locked)
    );
    let signed = run(&["sign", "bundle", "--key", "k"], Some("of the test"));
    assert!(signed.status.success(), "{}", said(&signed));
}
