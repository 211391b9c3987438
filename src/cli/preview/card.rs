//! `nadhir preview --card`: the picture of a bulletin, written to a file, and its description in words.

use std::path::{Path, PathBuf};

use super::super::check::EX_IOERR;
use super::super::which::Stopped;
use super::super::{EX_UNAVAILABLE, EX_USAGE};
use crate::bulletin::Bulletin;
use crate::config::Config;
use crate::language::Language;
use crate::message::card::{self, Card, Size};

/// Which card is meant.
#[derive(Debug, clap::Args)]
pub(super) struct Wanted {
    /// Write the picture of the bulletin to this file, whose name ends in .png or .svg, and show its description.
    #[arg(long = "card", value_name = "FILE", conflicts_with_all = ["channel", "json"])]
    pub(super) path: Option<PathBuf>,
    /// The shape of the picture.
    #[arg(long, default_value = "wide", value_parser = Size::ALL.map(Size::name), requires = "path")]
    size: String,
    /// The language of the picture.
    #[arg(long, default_value = "ar", value_parser = Language::ALL.map(Language::tag), requires = "path")]
    language: String,
}

/// What a card is written as.
#[derive(Clone, Copy)]
enum Kind {
    Png,
    Svg,
}

impl Kind {
    fn of(path: &Path) -> Result<Self, Stopped> {
        let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
        match ending.as_deref() {
            Some("png") => Ok(Self::Png),
            Some("svg") => Ok(Self::Svg),
            Some(_) | None => {
                let why = format!("{} is neither .png nor .svg: name the picture so", path.display());
                Err(Stopped(EX_USAGE, why))
            }
        }
    }
}

impl Wanted {
    /// Makes the card, writes it to its file and returns its description.
    pub(super) fn write(&self, path: &Path, bulletin: &Bulletin, config: &Config) -> Result<String, Stopped> {
        let kind = Kind::of(path)?;
        let Card { svg, alt } = self.card(bulletin, config)?;
        let bytes = match kind {
            Kind::Svg => svg.into_bytes(),
            Kind::Png => card::png(&svg).map_err(|why| Stopped(EX_UNAVAILABLE, why.to_string()))?,
        };
        let failed = |why| Stopped(EX_IOERR, format!("{} could not be written: {why}", path.display()));
        std::fs::write(path, bytes).map_err(failed)?;
        Ok(format!("{alt}\n"))
    }

    fn card(&self, bulletin: &Bulletin, config: &Config) -> Result<Card, Stopped> {
        let size = Size::ALL.into_iter().find(|size| size.name() == self.size).unwrap_or(Size::Wide);
        let language = Language::ALL.into_iter().find(|one| one.tag() == self.language).unwrap_or(Language::Ar);
        let card = config
            .speaker
            .card(bulletin, &config.governorates, language, size)
            .map_err(|why| Stopped(EX_UNAVAILABLE, format!("{}: {why}", bulletin.id)))?;
        card.ok_or_else(|| {
            let why = "what must stand on a card does not fit on it, or has letters that its faces lack; the texts are told \
                       without it";
            Stopped(EX_UNAVAILABLE, format!("{}: {why}", bulletin.id))
        })
    }
}
