//! Radius of an attack.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Radius of an l_inf ball in pixel units, written `k/255`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Epsilon(f32);

impl Epsilon {
    /// `k / 255`.
    pub fn of_255(k: f32) -> Self {
        Self(k / 255.0)
    }

    /// In [0, 1].
    pub fn value(self) -> f32 {
        self.0
    }
}

impl FromStr for Epsilon {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text
            .strip_suffix("/255")
            .and_then(|k| k.trim().parse::<f32>().ok());
        match number {
            Some(k) if (0.0..=255.0).contains(&k) => Ok(Self::of_255(k)),
            _ => Err(format!(
                "`{text}` is no epsilon: write it in pixel units, such as 2/255"
            )),
        }
    }
}

impl TryFrom<String> for Epsilon {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Epsilon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let k = self.0 * 255.0;
        write!(f, "{}/255", (k * 1e4).round() / 1e4)
    }
}

impl From<Epsilon> for String {
    fn from(epsilon: Epsilon) -> Self {
        epsilon.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epsilon_wants_pixel_units() {
        assert_eq!("8/255".parse::<Epsilon>().unwrap(), Epsilon::of_255(8.0));
        assert!("0.03".parse::<Epsilon>().unwrap_err().contains("2/255"));
    }
}
