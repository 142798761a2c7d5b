//! A run that is killed without warning ends with the weights of one that was not.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{config, last, turn};
use unmask_trainer::config::{Method, RunConfig};
use unmask_trainer::dataset::{PrepareOptions, prepare};
use unmask_trainer::train::RunFolder;

const LIMIT: Duration = Duration::from_secs(120);

fn start(run: &Path, shards: &Path, config: &Path, resume: bool) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unmask-trainer"));
    command.arg("train").arg("--run").arg(run);
    command.arg("--data").arg(shards);
    if resume {
        command.arg("--resume");
    } else {
        command.arg("--config").arg(config);
    }
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Waits until the run has a checkpoint and then some, or has ended by itself.
fn wait_for_progress(child: &mut Child, run: &Path, extra: Duration) {
    let began = Instant::now();
    let has_checkpoint = || {
        std::fs::read_dir(run).is_ok_and(|entries| {
            let names = entries.flatten().map(|entry| entry.file_name());
            names
                .into_iter()
                .any(|name| name.to_string_lossy().starts_with("checkpoint-"))
        })
    };
    while !has_checkpoint() && child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < LIMIT, "no checkpoint in {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
    std::thread::sleep(extra);
}

fn long(folder: &Path) -> (RunConfig, PathBuf) {
    let mut config = config(Method::Afsl);
    config.train.epochs = 24.0;
    config.train.validate_every = 0.2;
    config.train.validation_pairs = 2;
    let path = folder.join("run.toml");
    std::fs::write(&path, config.to_toml().unwrap()).unwrap();
    (config, path)
}

/// Runs with files limited to 16 KiB: every write beyond that fails, as on a full disk.
fn on_a_full_disk(run: &Path, shards: &Path) -> std::process::Output {
    let script = "trap '' XFSZ; ulimit -f 16; exec \"$@\"";
    let mut command = Command::new("bash");
    command.args(["-c", script, "bash", env!("CARGO_BIN_EXE_unmask-trainer")]);
    command.args(["train", "--resume", "--run"]).arg(run);
    command.arg("--data").arg(shards).output().unwrap()
}

fn shards(folder: &Path) -> PathBuf {
    let output = folder.join("shards");
    prepare(&PrepareOptions {
        output: output.clone(),
        synthetic: 24,
        frames: 2,
        windows: 1,
        ..Default::default()
    })
    .unwrap();
    output
}

#[test]
fn killed_at_any_moment_a_run_ends_with_the_same_weights() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let shards = shards(folder.path());
    let (config, path) = long(folder.path());
    let whole = folder.path().join("whole");
    let finish = |run: &Path, resume| {
        let status = start(run, &shards, &path, resume).wait().unwrap();
        assert!(status.success());
    };
    finish(&whole, false);
    let killed = folder.path().join("killed");
    let mut kills = 0;
    for round in 0..6u64 {
        let mut child = start(&killed, &shards, &path, round > 0);
        wait_for_progress(&mut child, &killed, Duration::from_millis(40 + round * 53));
        // SIGKILL: nothing can be saved any more.
        child.kill().unwrap();
        kills += usize::from(!child.wait().unwrap().success());
        if round == 0 {
            let output = on_a_full_disk(&killed, &shards);
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success(), "the disk was not full enough");
            assert!(error.contains("is the disk full?"), "{error}");
        }
    }
    assert!(kills >= 3, "only {kills} of 6 runs were killed in time");
    finish(&killed, true);
    let weights = |path: &Path| last(&RunFolder::open(path).unwrap().0, &config);
    assert_eq!(weights(&whole), weights(&killed));
    let lines = |path: &Path| {
        let text = std::fs::read_to_string(path.join("metrics.jsonl")).unwrap();
        text.lines().count()
    };
    assert_eq!(
        lines(&whole),
        lines(&killed),
        "each validation has one line"
    );
}
