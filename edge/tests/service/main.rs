//! The alarm, the serial line and the service, with time and hardware made up.

#[path = "../common/mod.rs"]
mod common;

mod alarm;
mod camera;
mod hang;
mod notify;
mod panic;
mod process;
mod running;
mod serial;
mod threads;
