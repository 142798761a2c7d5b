//! The alarm, the serial line and the service, with time and hardware made up.

#[path = "../common/mod.rs"]
mod common;

mod alarm;
mod notify;
mod process;
mod serial;
mod threads;
