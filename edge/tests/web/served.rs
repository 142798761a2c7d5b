//! The program with its live page, as a process of its own.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::common::command;

/// A running program.
pub struct Served {
    child: Child,
    pub folder: tempfile::TempDir,
    /// Such as `http://127.0.0.1:40123`.
    pub url: String,
}

impl Served {
    /// Starts `unmask-edge run` with these arguments and a live page at any free port.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), arguments)
    }

    pub fn start_in(folder: tempfile::TempDir, arguments: &[&str]) -> Self {
        let told = folder.path().join("stderr");
        let mut child = command()
            .current_dir(folder.path())
            .args(["run", "--web", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(fs::File::create(&told).unwrap())
            .spawn()
            .unwrap();
        let start = Instant::now();
        loop {
            let text = fs::read_to_string(&told).unwrap();
            let url = text
                .lines()
                .find_map(|line| line.strip_prefix("live page: "));
            if let Some(url) = url {
                let url = url.to_owned();
                return Self { child, folder, url };
            }
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{text}");
            assert!(start.elapsed() < Duration::from_secs(60), "{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends the program a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let sent = std::process::Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "{name}");
    }

    pub fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap()
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let told = self.stderr();
        if !std::thread::panicking() {
            assert!(!told.contains("panicked"), "{told}");
        }
    }
}
