//! The configuration that the binary carries: the files of `config/` as they were when it was built.

use std::sync::Arc;

use crate::message::wording::Wording;
use crate::problem::{Problems, SourceFile};

/// Every embedded file: its name under the configuration directory, and its text.
pub const FILES: &[(&str, &str)] = &[
    ("nadhir.toml", include_str!("../../config/nadhir.toml")),
    ("governorates.toml", include_str!("../../config/governorates.toml")),
    ("outlines.geojson", include_str!("../../config/outlines.geojson")),
    ("feeds.toml", include_str!("../../config/feeds.toml")),
    ("channels.toml", include_str!("../../config/channels.toml")),
    ("seasons.toml", include_str!("../../config/seasons.toml")),
    ("rules/rain.toml", include_str!("../../config/rules/rain.toml")),
    ("rules/flash-flood.toml", include_str!("../../config/rules/flash-flood.toml")),
    ("rules/thunderstorm.toml", include_str!("../../config/rules/thunderstorm.toml")),
    ("rules/wind.toml", include_str!("../../config/rules/wind.toml")),
    ("rules/dust.toml", include_str!("../../config/rules/dust.toml")),
    ("rules/fog.toml", include_str!("../../config/rules/fog.toml")),
    ("rules/heat.toml", include_str!("../../config/rules/heat.toml")),
    ("rules/cold.toml", include_str!("../../config/rules/cold.toml")),
    ("rules/sea.toml", include_str!("../../config/rules/sea.toml")),
    ("wording/ar.toml", include_str!("../../config/wording/ar.toml")),
    ("wording/en.toml", include_str!("../../config/wording/en.toml")),
    ("wording/ur.toml", include_str!("../../config/wording/ur.toml")),
    ("wording/id.toml", include_str!("../../config/wording/id.toml")),
];

/// The text of an embedded file.
pub fn text(name: &str) -> Option<&'static str> {
    FILES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The embedded wording: what is spoken when a text of the staff's own wording fails at night.
pub fn wording() -> Option<Wording> {
    let file = |name: &str| {
        let text = text(name)?.to_owned();
        Some(Arc::new(SourceFile { name: name.to_owned(), text }))
    };
    Wording::compile(&file("wording/ar.toml")?, &file("wording/en.toml")?, &Problems::new()).wording
}

/// The names of the embedded rule files.
pub fn rule_files() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name).filter(|name| name.starts_with("rules/"))
}
