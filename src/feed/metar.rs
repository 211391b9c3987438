//! Placeholder.

use super::Kind;

/// The kind.
pub const KIND: Kind = Kind { name: "metar", about: "", example: "", parse: |_, _| None };
