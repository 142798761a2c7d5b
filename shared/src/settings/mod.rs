//! Settings in layers: defaults, then TOML files, then the environment, then
//! overrides on the command line. Each later layer wins, key by key.
//!
//! A key that nothing reads is refused by its name together with the layer that
//! holds it, and so is a value of the wrong type. What came out can be printed
//! with the origin of every value. The crate `config` merges the layers.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use unmask_shared::settings::SettingLayers;
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
//! let settings = SettingLayers::<Camera>::new()
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
//! Types may hold structs, `Option`s, arrays, maps with free keys and enums of every
//! shape; dates are text. A table that cannot be read together with its defaults is
//! read without them: so another variant of an enum is chosen. Enums with an inner
//! tag (`#[serde(tag = ...)]`) need `#[serde(deny_unknown_fields)]` for that, and
//! keys that both variants have may keep their defaults.

mod error;
mod layers;
mod print;
mod read;

pub use error::SettingsError;
pub use layers::{SettingLayers, ValueOrigin};
pub use print::Settings;
