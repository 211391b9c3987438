//! Placeholder.

use super::Kind;

/// The kind.
pub const KIND: Kind = Kind { name: "cap", about: "", example: "", parse: |_, _| None };
