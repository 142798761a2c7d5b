//! The service manager's side of `sd_notify(3)`.

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::{Write, stdout};
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// Longest message that is read.
const MESSAGE_BYTES_MAX: usize = 4096;

/// Prints each message behind the seconds since the machine started, and hands
/// each `WATCHDOG=1` on to a hardware watchdog, which resets the machine when
/// none comes in time.
pub fn listen(socket: &str, watchdog: Option<&str>) -> Result<(), Box<dyn Error>> {
    if Path::new(socket).exists() {
        fs::remove_file(socket)?;
    }
    let socket = UnixDatagram::bind(socket)?;
    // Open from now on: the watchdog's time runs.
    let mut watchdog = watchdog
        .map(|device| OpenOptions::new().write(true).open(device))
        .transpose()?;
    let mut message = [0; MESSAGE_BYTES_MAX];
    loop {
        let length = socket.recv(&mut message)?;
        let text = String::from_utf8_lossy(message.get(..length).unwrap_or_default());
        if text == "WATCHDOG=1"
            && let Some(watchdog) = &mut watchdog
        {
            watchdog.write_all(b"1")?;
        }
        println!("{} {text}", uptime());
        stdout().flush()?;
    }
}

fn uptime() -> String {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
