//! Placeholder.

use super::Kind;

/// The kind.
pub const KIND: Kind = Kind { name: "file", about: "", example: "", parse: |_| None };
