//! Stands in for the world around a board in the guest test (`tests/guest`):
//! people before a virtual camera, faults of a camera, and a service manager
//! with a hardware watchdog.
//!
//! ```sh
//! stagehand people FOLDER                  draw the cast, as raw frames
//! stagehand play DEVICE SCENE RATE         show what the link SCENE points at
//! stagehand control DEVICE ID [VALUE]      set a control, or press a button
//! stagehand manager SOCKET [WATCHDOG]      print what a service tells its manager
//! ```

#[cfg(target_os = "linux")]
mod camera;
mod manager;
mod people;

use std::env;
use std::error::Error;
use std::path::Path;

const USAGE: &str = "usage: stagehand people FOLDER | play DEVICE SCENE RATE | \
                     control DEVICE ID [VALUE] | manager SOCKET [WATCHDOG]";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["people", folder] => people::draw(Path::new(folder)),
        #[cfg(target_os = "linux")]
        ["play", device, scene, rate] => camera::play(device, Path::new(scene), rate.parse()?),
        #[cfg(target_os = "linux")]
        ["control", device, id] => camera::control(device, id, None),
        #[cfg(target_os = "linux")]
        ["control", device, id, value] => camera::control(device, id, Some(value.parse()?)),
        ["manager", socket] => manager::listen(socket, None),
        ["manager", socket, watchdog] => manager::listen(socket, Some(watchdog)),
        _ => Err(USAGE.into()),
    }
}
