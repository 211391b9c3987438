//! Placeholder.

use super::Kind;

/// The kind.
pub const KIND: Kind = Kind { name: "open-meteo", about: "", example: "", parse: |_, _| None };
