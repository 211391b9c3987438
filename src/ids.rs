//! The names of things: small, cheap to copy, and never confused with one another.
//!
//! Every identifier a person writes in TOML follows one grammar: it begins with a lower-case letter and goes on with
//! lower-case letters, digits and hyphens, 64 characters at most. This file never makes up an identifier at random.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest identifier that a person may write.
pub const MAX_ID_LEN: usize = 64;

/// Why a text is not an identifier; says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a name: begin with a lower-case letter, then lower-case letters, digits or hyphens, {MAX_ID_LEN} at most"
)]
pub struct NotAnId {
    /// The text as it was written.
    pub text: String,
}

fn is_id(text: &str) -> bool {
    text.len() <= MAX_ID_LEN
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a text that follows the grammar of names.
            pub fn new(text: &str) -> Result<Self, NotAnId> {
                if is_id(text) { Ok(Self(text.into())) } else { Err(NotAnId { text: text.to_owned() }) }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A configured feed: `open-meteo`.
    FeedId
);
id!(
    /// A governorate of the region: `jeddah`.
    GovernorateId
);
id!(
    /// A season that rules speak of: `hajj`.
    SeasonId
);
id!(
    /// A rule: `rain-sum-6h`.
    RuleId
);
id!(
    /// A configured channel: `civil-defence-desk`.
    ChannelId
);

/// The name of one bulletin for ever: the number of the warning it belongs to and its edition, `MKH-2025-000012.3`.
///
/// The part before the dot is the same over the life of a warning, so that a reader sees which bulletins belong together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BulletinId(Arc<str>);

impl BulletinId {
    /// Joins the number of a warning and an edition; editions begin with 1.
    pub fn new(number: &str, edition: u32) -> Self {
        Self(format!("{number}.{edition}").into())
    }

    /// Reads a name as it is written: `MKH-2025-000012.3`; none of what is no number with an edition.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, edition) = text.rsplit_once('.')?;
        Some(Self::new(number, edition.parse().ok()?))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number of what it is an edition of.
    pub fn number(&self) -> &str {
        self.0.rsplit_once('.').map_or(&*self.0, |(number, _)| number)
    }

    /// Which edition it is; 0 of what has none.
    pub fn edition(&self) -> u32 {
        self.0.rsplit_once('.').and_then(|(_, edition)| edition.parse().ok()).unwrap_or(0)
    }
}

impl fmt::Display for BulletinId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BulletinId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_lower_case_and_short() {
        assert!(GovernorateId::new("al-lith").is_ok());
        for wrong in ["", "Jeddah", "9-days", "al lith", "جدة", &"a".repeat(65)] {
            assert!(GovernorateId::new(wrong).is_err(), "{wrong}");
        }
    }
}
