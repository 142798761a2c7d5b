//! The program, started as a service.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::command;

/// A running service, and the socket of its manager.
pub struct Running {
    child: Child,
    socket: UnixDatagram,
    pub folder: tempfile::TempDir,
}

impl Running {
    pub fn start(config: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), config)
    }

    /// The same in a folder that holds something.
    pub fn start_in(folder: tempfile::TempDir, config: &str) -> Self {
        fs::write(folder.path().join("kiosk.toml"), config).unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let child = command()
            .current_dir(folder.path())
            .args(["run", "--config", "kiosk.toml"])
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "400000")
            .env("RUST_LOG", "warn")
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        Self {
            child,
            socket,
            folder,
        }
    }

    /// Waits for a message that begins so; returns it and all before it.
    pub fn wait_for(&self, wanted: &str) -> Vec<String> {
        let start = Instant::now();
        let mut heard = Vec::new();
        let mut bytes = [0; 4096];
        while start.elapsed() < Duration::from_secs(30) {
            let read = self.socket.recv(&mut bytes).expect(wanted);
            let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
            heard.push(text);
            if heard.last().is_some_and(|text| text.starts_with(wanted)) {
                return heard;
            }
        }
        panic!("{wanted} was not heard: {heard:?} {}", self.stderr());
    }

    pub fn configure(&self, config: &str) {
        fs::write(self.folder.path().join("kiosk.toml"), config).unwrap();
        self.signal("-HUP");
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.unwrap().success());
    }

    pub fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap()
    }

    /// Waits for the end; its exit code.
    pub fn end(&mut self) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(start.elapsed() < Duration::from_secs(10), "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Levels that were written into a transcript.
pub fn levels(path: &Path) -> Vec<bool> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.ends_with(" 1")).collect()
}
