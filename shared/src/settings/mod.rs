//! Settings in layers: defaults, then TOML files, then the environment, then
//! overrides on the command line. Each later layer wins, key by key.
//!
//! A key that nothing reads is refused by its name together with the layer that
//! holds it, and so is a value of the wrong type. What came out can be printed
//! with the origin of every value.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use unmask_shared::settings::Layers;
//!
//! #[derive(Serialize, Deserialize)]
//! struct Camera {
//!     frames_per_second: f32,
//!     name: Option<String>,
//! }
//!
//! impl Default for Camera {
//!     fn default() -> Self {
//!         Self { frames_per_second: 30.0, name: None }
//!     }
//! }
//!
//! let settings = Layers::<Camera>::new()
//!     .text("kiosk.toml", "frames_per_second = 25")
//!     .set("name=front door")
//!     .build()?;
//! assert_eq!(settings.value.frames_per_second, 25.0);
//! assert_eq!(
//!     settings.print(),
//!     "frames_per_second = 25.0  # kiosk.toml\nname = \"front door\"  # --set\n"
//! );
//! # Ok::<(), unmask_shared::settings::SettingsError>(())
//! ```
//!
//! # What the type may hold
//! Structs, `Option`s, arrays, maps with free keys and enums of every shape. The
//! default value must survive being written as TOML and read back. In enums with
//! an inner tag (`#[serde(tag = ...)]`) unknown keys are only seen with
//! `#[serde(deny_unknown_fields)]`. Dates are not supported.

mod access;
mod de;
mod environment;
mod error;
mod layers;
mod node;
mod origin;
mod print;
mod reader;
mod source;
mod suggest;

pub use error::SettingsError;
pub use layers::{Layers, Settings};
pub use origin::Origin;

/// Most bytes of a settings file.
pub const FILE_BYTES_MAX: u64 = 1 << 20;
/// Most tables within each other.
pub const DEPTH_MAX: usize = 32;
