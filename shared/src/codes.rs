//! Enumerations whose numbers are fixed for ever, because they stand in signed records, and which
//! keep the numbers that a later release has added.

/// Gives an enumeration with a variant `Other(u8)` its numbers and names.
///
/// In binary forms a value is its number, one byte; in JSON and other text its name, that of an
/// unknown number `other_` and the number.
macro_rules! coded {
    ($type:ident { $($variant:ident = $code:literal $name:literal,)+ }) => {
        impl $type {
            /// All that this release knows, by number.
            pub const ALL: [Self; [$($code),+].len()] = [$(Self::$variant),+];

            /// The number in records.
            pub const fn code(self) -> u8 {
                match self {
                    $(Self::$variant => $code,)+
                    Self::Other(code) => code,
                }
            }

            /// What a number in a record means.
            pub const fn from_code(code: u8) -> Self {
                match code {
                    $($code => Self::$variant,)+
                    other => Self::Other(other),
                }
            }

            /// The name in JSON; `None` of what a later release has added.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => Some($name),)+
                    Self::Other(_) => None,
                }
            }

            fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    other => {
                        let code = other.strip_prefix("other_")?.parse().ok()?;
                        // One value has one spelling.
                        Some(Self::from_code(code)).filter(|value| value.name().is_none())
                    }
                }
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self.name() {
                    _ if !serializer.is_human_readable() => serializer.serialize_u8(self.code()),
                    Some(name) => serializer.serialize_str(name),
                    None => serializer.collect_str(&format_args!("other_{}", self.code())),
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Named;

                impl serde::de::Visitor<'_> for Named {
                    type Value = $type;

                    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                        f.write_str("a name")
                    }

                    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<$type, E> {
                        <$type>::from_name(name)
                            .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(name), &self))
                    }
                }

                if deserializer.is_human_readable() {
                    deserializer.deserialize_str(Named)
                } else {
                    u8::deserialize(deserializer).map(Self::from_code)
                }
            }
        }
    };
}

pub(crate) use coded;
