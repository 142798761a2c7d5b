//! Models: which one is used, what is known about it, and how a new one gets
//! onto the device.
//!
//! The model that is built in is part of the program and is trusted with it. Any
//! other is trusted for the signature over its checksums: nothing of a bundle is
//! parsed before one of the trusted keys is found to have signed it.

mod choice;
mod error;
mod selftest;
mod show;
mod store;

pub(crate) use choice::trusted;
pub use choice::{BUILTIN_KEYS, ModelArgs};
pub use error::ModelError;
pub use selftest::{LOGIT_TOLERANCE, SelfTest, SelfTestError, self_test};
pub use show::show;
pub use store::{Installed, Shelved, Store};
