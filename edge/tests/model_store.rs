//! Models are installed only when they are signed, whole and working; otherwise
//! the model that was used before stays.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{person, save, unmask};
use minisign::KeyPair;
use unmask_edge::builtin::builtin;
use unmask_edge::model::{ModelError, Store};
use unmask_shared::bundle::{BUNDLE_FILES, Bundle, SIGNATURE_FILE, SUMS_FILE};
use unmask_shared::manifest::Manifest;
use unmask_shared::signature::TrustedKeys;

struct Workshop {
    folder: tempfile::TempDir,
    pair: KeyPair,
    keys: TrustedKeys,
}

impl Workshop {
    fn new() -> Self {
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        Self {
            folder: tempfile::tempdir().unwrap(),
            keys: TrustedKeys::parse([pair.pk.to_base64()]).unwrap(),
            pair,
        }
    }

    fn store(&self) -> Store {
        Store::new(&self.folder.path().join("models"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A signed bundle like the one that is built in, but for what `change` does.
    fn bundle(&self, name: &str, change: impl FnOnce(&mut Manifest, &mut Vec<u8>)) -> PathBuf {
        let Bundle {
            mut manifest,
            mut model,
            ..
        } = builtin().unwrap();
        // Two frames are tested as fast as they prove the point.
        manifest.golden.truncate(1);
        manifest.golden[0].frames = 2;
        manifest.golden[0].logits.truncate(2);
        change(&mut manifest, &mut model);
        let dir = self.path(name);
        Bundle::write(&dir, &manifest, &model, "A card.\n").unwrap();
        sign(&dir, &self.pair);
        dir
    }

    /// Name and release of the model in use, and whether its files are whole.
    fn used(&self) -> Option<(String, u32)> {
        let current = self.store().current(&self.keys).unwrap();
        current.map(|(installed, _)| (installed.name, installed.release))
    }
}

fn sign(dir: &Path, pair: &KeyPair) {
    let sums = fs::read(dir.join(SUMS_FILE)).unwrap();
    let signature = minisign::sign(None, &pair.sk, &sums[..], None, None).unwrap();
    fs::write(dir.join(SIGNATURE_FILE), signature.into_string()).unwrap();
}

fn release(number: u32) -> impl FnOnce(&mut Manifest, &mut Vec<u8>) {
    move |manifest, _| manifest.release = number
}

fn built_in_release() -> u32 {
    builtin().unwrap().manifest.release
}

#[test]
fn a_newer_release_takes_over_and_an_older_one_does_not() {
    let shop = Workshop::new();
    let store = shop.store();
    let name = builtin().unwrap().manifest.name.to_string();
    assert_eq!(shop.used(), None);
    for number in [5, 7] {
        let dir = shop.bundle(&format!("r{number}"), release(number));
        let (installed, tested) = store.install(&dir, &shop.keys, false).unwrap();
        assert!(installed.is_current && tested.frames > 0);
        assert_eq!(shop.used(), Some((name.clone(), number)));
    }
    let older = store.install(&shop.path("r5"), &shop.keys, false);
    let error = older.unwrap_err();
    assert!(
        matches!(error, ModelError::Older { newest: 7, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("--allow-older"), "{error}");
    assert_eq!(shop.used(), Some((name.clone(), 7)));
    store.install(&shop.path("r5"), &shop.keys, true).unwrap();
    assert_eq!(shop.used(), Some((name.clone(), 5)));
    let between = shop.bundle("r6", release(6));
    let error = store.install(&between, &shop.keys, false).unwrap_err();
    assert!(
        matches!(error, ModelError::Older { newest: 7, .. }),
        "{error}"
    );
    assert_eq!(store.list(&shop.keys).unwrap().len(), 2);
    let built_in = shop.bundle("r0", release(0));
    let fresh = Store::new(&shop.path("other"));
    let error = fresh.install(&built_in, &shop.keys, false).unwrap_err();
    assert!(
        matches!(error, ModelError::Older { newest, .. } if newest == built_in_release()),
        "{error}"
    );
}

#[test]
fn a_model_that_fails_leaves_the_running_one_alone() {
    let shop = Workshop::new();
    let store = shop.store();
    let next = built_in_release() + 1;
    let good = shop.bundle("good", release(next));
    store.install(&good, &shop.keys, false).unwrap();
    let name = builtin().unwrap().manifest.name.to_string();

    let stranger = shop.bundle("stranger", release(next + 1));
    sign(&stranger, &KeyPair::generate_unencrypted_keypair().unwrap());
    let damaged = shop.bundle("damaged", release(next + 1));
    fs::write(damaged.join("CARD.md"), "other").unwrap();
    let unsigned = shop.bundle("unsigned", release(next + 1));
    fs::remove_file(unsigned.join(SIGNATURE_FILE)).unwrap();
    let no_network = shop.bundle("no_network", |manifest, model| {
        manifest.release = next + 1;
        *model = b"not a network".to_vec();
    });
    let half = shop.bundle("half", |manifest, model| {
        manifest.release = next + 1;
        model.truncate(model.len() / 2);
    });
    let wrong = shop.bundle("wrong", |manifest, _| {
        manifest.release = next + 1;
        manifest.golden[0].logits[1] += 0.1;
    });
    let untested = shop.bundle("untested", |manifest, _| {
        manifest.release = next + 1;
        manifest.golden.clear();
    });
    for (dir, wanted) in [
        (stranger, "not trusted"),
        (damaged, "CARD.md"),
        (unsigned, SIGNATURE_FILE),
        (no_network, "network"),
        (half, "network"),
        (wrong, "does not work on this machine"),
        (untested, "golden"),
        (shop.path("nowhere"), "does not exist"),
    ] {
        let error = store
            .install(&dir, &shop.keys, false)
            .unwrap_err()
            .to_string();
        assert!(error.contains(wanted), "{}: {error}", dir.display());
        assert_eq!(shop.used(), Some((name.clone(), next)), "{}", dir.display());
    }
    let left: Vec<_> = fs::read_dir(shop.path("models/installed"))
        .unwrap()
        .collect();
    assert_eq!(left.len(), 1, "something was left behind: {left:?}");
}

#[test]
fn a_damaged_copy_is_seen_and_can_be_installed_again() {
    let shop = Workshop::new();
    let store = shop.store();
    let dir = shop.bundle("good", release(built_in_release() + 1));
    let (installed, _) = store.install(&dir, &shop.keys, false).unwrap();
    for file in BUNDLE_FILES {
        let path = installed.folder.join(file);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(store.current(&shop.keys).is_err(), "{file}");
        store.install(&dir, &shop.keys, false).unwrap();
        store.current(&shop.keys).unwrap().unwrap();
    }
}

#[test]
fn the_program_verifies_installs_lists_and_uses_models() {
    let shop = Workshop::new();
    let next = built_in_release() + 1;
    let dir = shop.bundle("bundle", release(next));
    let public = shop.path("maker.pub");
    fs::write(&public, shop.pair.pk.to_box().unwrap().into_string()).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (dir, public, models) = (text(&dir), text(&public), text(&shop.path("models")));

    let nobody = unmask(&["model", "verify", &dir]);
    assert_eq!(nobody.code, 2);
    assert!(nobody.stderr.contains("--trusted-key"), "{}", nobody.stderr);
    let verified = unmask(&["model", "verify", &dir, "--trusted-key", &public]);
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    assert!(
        verified.stdout.contains("self-test passed"),
        "{}",
        verified.stdout
    );

    let list = |wanted: &str| {
        let key = shop.pair.pk.to_base64();
        let ran = unmask(&["model", "list", "--models", &models, "--trusted-key", &key]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(ran.stdout.contains(wanted), "{wanted}: {}", ran.stdout);
    };
    let built_in = format!("afsl-lite release {}  built in", built_in_release());
    list(&format!("* {built_in}"));
    let arguments = [
        "model",
        "install",
        &dir,
        "--models",
        &models,
        "--trusted-key",
        &public,
    ];
    let installed = unmask(&arguments);
    assert_eq!(installed.code, 0, "{}", installed.stderr);
    list(&format!("* afsl-lite release {next}  "));
    list(&format!("  {built_in}"));

    let picture = shop.path("face.png");
    save(&person(1, 1)[0], &picture);
    let picture = text(&picture);
    let with = [
        "analyze",
        &picture,
        "--models",
        &models,
        "--trusted-key",
        &public,
    ];
    assert!(unmask(&with).code <= 1);
    let without = unmask(&["analyze", &picture, "--models", &models]);
    assert_eq!(without.code, 2, "an installed model was used without a key");
    let show = unmask(&[
        "model",
        "show",
        "--models",
        &models,
        "--trusted-key",
        &public,
    ]);
    let wanted = format!("release {next}");
    assert!(show.stdout.contains(&wanted), "{}", show.stdout);
}

/// A folder of models in which something is wrong is no reason to use another model silently.
#[test]
fn trouble_with_the_folder_is_an_error_and_not_the_built_in_model() {
    let shop = Workshop::new();
    let dir = shop.bundle("bundle", release(built_in_release() + 1));
    let models = shop.path("models");
    let text = models.to_str().unwrap();
    let key = shop.pair.pk.to_base64();
    let show = |more: &[&str]| {
        let all = ["model", "show", "--models", text, "--trusted-key", &key];
        unmask(&[&all[..], more].concat())
    };
    // Nothing was ever installed: only whoever says so gets the built-in one.
    let none = show(&[]);
    assert_eq!(none.code, 2, "{}", none.stdout);
    assert!(none.stderr.contains("--or-builtin"), "{}", none.stderr);
    assert_eq!(show(&["--or-builtin"]).code, 0);
    shop.store().install(&dir, &shop.keys, false).unwrap();
    assert_eq!(show(&[]).code, 0);
    let current = models.join("current");
    fs::remove_file(&current).unwrap();
    for more in [&[][..], &["--or-builtin"]] {
        let gone = show(more);
        assert_eq!(gone.code, 2, "{}", gone.stdout);
        assert!(gone.stderr.contains("install one again"), "{}", gone.stderr);
    }
    fs::write(&current, "a plain file").unwrap();
    assert_eq!(show(&["--or-builtin"]).code, 2);
    fs::remove_file(&current).unwrap();
    std::os::unix::fs::symlink("installed/gone-1-0", &current).unwrap();
    assert_eq!(show(&["--or-builtin"]).code, 2);
    shop.store().install(&dir, &shop.keys, false).unwrap();
    assert_eq!(show(&[]).code, 0, "installing again mends it");
}

#[test]
fn an_older_release_under_another_name_is_refused() {
    let shop = Workshop::new();
    let store = shop.store();
    let next = built_in_release() + 5;
    let used = shop.bundle("used", release(next));
    store.install(&used, &shop.keys, false).unwrap();
    let renamed = |number| {
        move |manifest: &mut Manifest, _: &mut Vec<u8>| {
            manifest.release = number;
            manifest.name = "another-name".try_into().unwrap();
        }
    };
    let older = shop.bundle("older", renamed(next - 1));
    let error = store.install(&older, &shop.keys, false).unwrap_err();
    assert!(matches!(error, ModelError::Older { .. }), "{error}");
    store.install(&older, &shop.keys, true).unwrap();
    let newer = shop.bundle("newer", renamed(next + 1));
    store.install(&newer, &shop.keys, false).unwrap();
}

/// Nobody writes to the other end: reading would wait for ever.
#[test]
fn a_pipe_in_a_bundle_is_refused() {
    let shop = Workshop::new();
    for file in BUNDLE_FILES {
        let dir = shop.bundle(file, release(built_in_release() + 1));
        fs::remove_file(dir.join(file)).unwrap();
        let made = std::process::Command::new("mkfifo")
            .arg(dir.join(file))
            .status();
        assert!(made.unwrap().success());
        let error = Bundle::open_signed(&dir, &shop.keys).unwrap_err();
        assert!(error.to_string().contains("not a plain file"), "{error}");
    }
}

/// The check before the start of the packaged service uses the keys of its configuration.
#[test]
fn the_packaged_service_starts_with_an_installed_model() {
    let shop = Workshop::new();
    let dir = shop.bundle("bundle", release(built_in_release() + 1));
    shop.store().install(&dir, &shop.keys, false).unwrap();
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    let read = |name: &str| fs::read_to_string(packaging.join(name)).unwrap();
    let models = format!("models = {:?}", shop.path("models"));
    let keys = format!("trusted_keys = [{:?}]", shop.pair.pk.to_base64());
    let config = read("unmask.toml")
        .replace("models = \"/var/lib/unmask/models\"", &models)
        .replace("trusted_keys = []", &keys);
    assert!(
        config.contains(&models) && config.contains(&keys),
        "{config}"
    );
    let path = shop.path("unmask.toml");
    fs::write(&path, config).unwrap();
    let unit = read("unmask.service");
    let line = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStartPre=/usr/bin/unmask-edge "));
    let line = line
        .unwrap()
        .replace("/etc/unmask/unmask.toml", path.to_str().unwrap());
    let ran = unmask(&line.split(' ').collect::<Vec<_>>());
    assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
    assert!(
        ran.stdout
            .contains(&format!("release {}", built_in_release() + 1))
    );
}
