//! Placeholder.

use super::Kind;

/// The kind.
pub const KIND: Kind = Kind { name: "console", about: "", example: "", parse: |_| None };
