//! Tells a microcontroller on a serial line what to show and what happened.
//!
//! A thread of its own writes: the signal of the [`Beacon`] at
//! each change and again and again as a sign of life, and every event. While the
//! line is lost it is opened again and again; a bounded number of events waits, and
//! those that do not fit are counted. The form of the messages is that of
//! [`unmask_shared::wire`].

mod config;
mod link;
mod port;
mod writer;

pub use config::{BAUD, SerialConfig};
pub use link::{SerialLink, SerialStats};
pub use port::{Port, PortOpener, TtyOpener};
pub use writer::{RETRY_MAX, RETRY_MIN, Writer};

#[cfg(doc)]
use crate::alarm::Beacon;
