//! Placeholder.

use super::Kind;

/// The kind.
pub const KIND: Kind = Kind { name: "webhook", about: "", example: "", parse: |_| None };
