//! Messages: a bulletin in the words of both languages, frozen before anything is sent.

use serde::{Deserialize, Serialize};

use crate::ids::BulletinId;
use crate::language::{Both, Language};

/// The shape that a channel takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Plain text for people.
    Text,
    /// JSON for machines, with the texts in it.
    Json,
}

impl Form {
    /// Its name in TOML and keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// The name of one message: the bulletin, the form and the languages in order, `MKH-2025-000012.3/text/ar+en`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageKey(String);

impl MessageKey {
    /// The name of the message that a bulletin becomes in a form and languages.
    pub fn new(bulletin: &BulletinId, form: Form, languages: &[Language]) -> Self {
        let tags: Vec<&str> = languages.iter().map(|language| language.tag()).collect();
        Self(format!("{bulletin}/{}/{}", form.name(), tags.join("+")))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A bulletin as it will be sent: every try sends these bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its name.
    pub key: MessageKey,
    /// The bulletin it renders.
    pub bulletin: BulletinId,
    /// What the body is, as a MIME type.
    pub content_type: &'static str,
    /// The bytes, UTF-8.
    pub body: String,
}

/// Who speaks: from `[authority]` in `nadhir.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// The prefix of bulletin numbers: `MKH`.
    pub code: String,
    /// «إمارة منطقة مكة المكرمة», "Emirate of Makkah Region".
    pub name: Both<String>,
    /// True only when the law lets it issue warnings of its own; otherwise rule-made bulletins say "automated, not official".
    pub may_warn: bool,
    /// The number to call: 911 in the Makkah region.
    pub emergency_number: String,
}
