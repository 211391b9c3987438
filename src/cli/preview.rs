//! `nadhir preview`: what each channel would be sent, byte for byte, and how much of its room that takes. It sends nothing.
//!
//! With `--card` it writes the picture of the bulletin instead. The texts come from the same function that freezes them when a bulletin is said; only the number differs, which a made-up
//! bulletin does not have yet.

mod card;

use ring::digest::{SHA256, digest};
use serde::Serialize;

use super::which::{Stopped, Which};
use super::{complain, place};
use crate::bulletin::Bulletin;
use crate::config::{ChannelConfig, Config};
use crate::daemon::clock::Clock;
use crate::ids::{BulletinId, ChannelId};
use crate::language::measure::{Alphabet, Measure, Segments};
use crate::language::{Language, aloud};
use crate::message::brief::{self, Part};
use crate::message::card::Size;
use crate::message::text::RULE;
use crate::message::{Form, picture};
use crate::message::{Message, RenderError};
use crate::route::{Listener, hearing, hears_statement, takes_statements};
use crate::statement::Statement;

/// What `nadhir preview` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Only what this channel would be sent.
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    #[command(flatten)]
    dirs: place::Dirs,
    /// As it is told once more while it holds, by the channels that say `remind`.
    #[arg(long, conflicts_with = "path")]
    reminder: bool,
    /// A JSON array of what each channel would be sent.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    card: card::Wanted,
}

/// Does what the arguments say, and returns the exit code.
pub fn run(arguments: &Arguments) -> u8 {
    let config = match arguments.dirs.configuration("it is not known what would be said") {
        Ok(config) => config,
        Err(code) => return code,
    };
    let bulletin = arguments.which.bulletin(&config, arguments.dirs.state.as_deref(), Clock::System.now());
    let shown = bulletin.and_then(|bulletin| match &arguments.card.path {
        Some(path) => arguments.card.write(path, &bulletin, &config),
        None => {
            let only = arguments.channel.as_deref();
            let previews = match arguments.reminder {
                true => reminders(&bulletin, &config, only)?,
                false => previews(&bulletin, &config, only)?,
            };
            Ok(if arguments.json { json(&previews) } else { whole(&previews) })
        }
    });
    match shown {
        Ok(text) => {
            use std::io::Write as _;
            // A reader that has gone away, such as `head`, is no fault.
            let _ = anstream::stdout().write_all(text.as_bytes());
            0
        }
        Err(Stopped(code, why)) => {
            complain(&why);
            code
        }
    }
}

/// What one channel would be sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Preview {
    pub(super) channel: ChannelId,
    kind: &'static str,
    audience: &'static str,
    bulletin: BulletinId,
    form: &'static str,
    /// True when it waits for others, to be told together with them.
    is_gathered: bool,
    languages: Vec<Language>,
    content_type: &'static str,
    /// How long the body is, in bytes.
    bytes: usize,
    /// The SHA-256 of the body, hexadecimal.
    sha256: String,
    /// How long each language of a whole text takes to be read aloud; none of other forms.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aloud: Vec<Aloud>,
    /// What it costs, where the channel says what a segment does.
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Cost>,
    /// The picture that goes with it, where the channel shows one; `--card` writes it to a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<Shown>,
    /// The texts of a short form, each with its room; none of the others.
    parts: Vec<Room>,
    body: String,
}

/// How long a text takes to be read aloud.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Aloud {
    language: Language,
    words: usize,
    seconds: usize,
}

/// What a message costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Cost {
    segments: u64,
    /// For one receiver.
    each: String,
    /// How many receivers there are, where that stands in the table of the channel.
    receivers: Option<usize>,
    /// For all of them.
    all: Option<String>,
}

/// A picture that goes with a message.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Shown {
    /// Its shape.
    size: &'static str,
    /// The SHA-256 of what is frozen, hexadecimal.
    sha256: String,
    /// The same in words, a language each.
    alt: Vec<String>,
}

/// How much of its room one text of a short form takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Room {
    language: Language,
    length: usize,
    limit: usize,
    /// What is counted.
    unit: &'static str,
    /// How a telephone writes it, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    alphabet: Option<&'static str>,
    text: String,
}

pub(super) fn previews(bulletin: &Bulletin, config: &Config, only: Option<&str>) -> Result<Vec<Preview>, Stopped> {
    let shown = hearing_channels(bulletin, config, only)?.into_iter().map(|channel| {
        let (form, languages) = (channel.listener.form_of(bulletin), &channel.listener.languages);
        let told = config.speaker.render(bulletin, &config.governorates, form, languages);
        let mut preview = preview(channel, form, told)?;
        preview.picture = channel.listener.picture.and_then(|size| shown_picture(bulletin, config, size, languages));
        Ok(preview)
    });
    shown.collect()
}

/// What each channel that asks for it would be told once more, for the first time, if it holds for so long.
fn reminders(bulletin: &Bulletin, config: &Config, only: Option<&str>) -> Result<Vec<Preview>, Stopped> {
    let asks = |channel: &&ChannelConfig| channel.listener.manner.reminds.contains_key(&bulletin.severity);
    let shown = hearing_channels(bulletin, config, only)?.into_iter().filter(asks).map(|channel| {
        let Listener { form, languages, .. } = &channel.listener;
        preview(channel, *form, config.speaker.remind(bulletin, &config.governorates, *form, languages, 1))
    });
    shown.collect()
}

/// The channels that hear a bulletin, or the one that was asked for.
fn hearing_channels<'a>(
    bulletin: &Bulletin,
    config: &'a Config,
    only: Option<&str>,
) -> Result<Vec<&'a ChannelConfig>, Stopped> {
    let names =
        || config.channels.iter().map(|channel| channel.listener.channel.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(name) = only.filter(|name| !config.channels.iter().any(|one| one.listener.channel.as_str() == *name)) {
        return Err(Stopped(super::EX_USAGE, format!("no channel is called `{name}`; there are {}", names())));
    }
    let hears = |channel: &&ChannelConfig| {
        let is_asked = only.is_none_or(|name| channel.listener.channel.as_str() == name);
        is_asked && hearing(&channel.listener, bulletin).is_heard()
    };
    Ok(config.channels.iter().filter(hears).collect())
}

/// The picture that goes with a message, as it would be frozen.
fn shown_picture(bulletin: &Bulletin, config: &Config, size: Size, languages: &[Language]) -> Option<Shown> {
    let message = config.speaker.pictures(bulletin, &config.governorates, size, languages).ok()??;
    let alt = picture::read(&message.body).into_iter().map(|picture| picture.alt).collect();
    Some(Shown { size: size.name(), sha256: hex(&message.body), alt })
}

/// The SHA-256 of a body, hexadecimal.
fn hex(body: &str) -> String {
    digest(&SHA256, body.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What each channel would be sent of a statement: what is taken back goes to all that may have received it.
pub(super) fn statements(statement: &Statement, config: &Config) -> Result<Vec<Preview>, Stopped> {
    let hears = |channel: &&ChannelConfig| match statement.is_withdrawn {
        true => takes_statements(&channel.listener),
        false => hears_statement(&channel.listener, statement),
    };
    let shown = config.channels.iter().filter(hears).map(|channel| {
        let Listener { form, languages, .. } = &channel.listener;
        preview(channel, *form, config.speaker.announce(statement, &config.governorates, *form, languages))
    });
    shown.collect()
}

fn preview(channel: &ChannelConfig, form: Form, message: Result<Message, RenderError>) -> Result<Preview, Stopped> {
    let listener = &channel.listener;
    let Message { content_type, body, bulletin, .. } =
        message.map_err(|why| Stopped(super::EX_UNAVAILABLE, why.to_string()))?;
    let parts = match form.budget() {
        Some(budget) => brief::read(&body).into_iter().map(|part| room(part, budget)).collect(),
        None => Vec::new(),
    };
    let price = channel.opener.price().map(|(price, receivers)| {
        let segments: u64 = parts.iter().map(|part| part.length as u64).sum();
        let all = receivers.map(|receivers| price.times(segments.saturating_mul(receivers as u64)).to_string());
        Cost { segments, each: price.times(segments).to_string(), receivers, all }
    });
    Ok(Preview {
        channel: listener.channel.clone(),
        kind: channel.kind,
        audience: listener.audience.name(),
        bulletin,
        form: form.name(),
        is_gathered: form != listener.form,
        languages: listener.languages.clone(),
        content_type,
        bytes: body.len(),
        sha256: hex(&body),
        aloud: read_aloud((form, &listener.languages), &body),
        price,
        picture: None,
        parts,
        body,
    })
}

/// How long each language of a whole text takes to be read aloud.
fn read_aloud((form, languages): (Form, &[Language]), body: &str) -> Vec<Aloud> {
    let is_whole = matches!(form, Form::Text | Form::Chat | Form::Push);
    let texts: Vec<&str> = body.split(RULE).filter(|_| is_whole).collect();
    let read = |(language, text): (&Language, &str)| {
        let (words, seconds) = (aloud::words(text), aloud::seconds(*language, text));
        Aloud { language: *language, words, seconds }
    };
    // Where one was left out, nobody could say which is which.
    if texts.len() == languages.len() { languages.iter().zip(texts).map(read).collect() } else { Vec::new() }
}

fn room(Part { language, text }: Part, budget: brief::Budget) -> Room {
    let (unit, alphabet) = match budget.measure {
        Measure::Weighted => ("as X counts", None),
        Measure::Utf16 => ("code units", None),
        Measure::Bytes => ("bytes", None),
        Measure::Segments => ("segments", Some(Segments::of(&text).alphabet)),
        Measure::Broadcast => ("letters of a broadcast", Some(Segments::of(&text).alphabet)),
    };
    let alphabet = alphabet.map(|alphabet| match alphabet {
        Alphabet::Gsm7 => "GSM-7",
        Alphabet::Ucs2 => "UCS-2",
    });
    Room { language, length: budget.measure.length(&text), limit: budget.limit, unit, alphabet, text }
}

pub(super) fn json(previews: &[Preview]) -> String {
    serde_json::to_string(previews).map_or_else(|why| format!("{{\"error\":\"{why}\"}}\n"), |text| text + "\n")
}

pub(super) fn whole(previews: &[Preview]) -> String {
    if previews.is_empty() {
        return "No channel would hear it; `nadhir route explain` says why.\n".to_owned();
    }
    previews.iter().map(sheet).collect::<Vec<_>>().join("\n")
}

/// One channel with what it would be sent. Arabic lines are left to the terminal to turn: no mark is added to what is sent.
fn sheet(preview: &Preview) -> String {
    let Preview {
        channel,
        kind,
        audience,
        form,
        content_type,
        bytes,
        sha256,
        parts,
        body,
        picture,
        price,
        aloud,
        is_gathered,
        ..
    } = preview;
    let mut text =
        format!("── {channel} ({kind}, {audience}) ── {form}, {content_type}, {bytes} bytes, SHA-256 {sha256}\n");
    if *is_gathered {
        text.push_str("· waits for others, and is told together with them at the next digest\n");
    }
    if parts.is_empty() {
        text.push_str(body.trim_end());
        text.push('\n');
    }
    for Room { language, length, limit, unit, alphabet, text: part } in parts {
        let alphabet = alphabet.map(|alphabet| format!(", {alphabet}")).unwrap_or_default();
        text.push_str(&format!("· {}: {length} of {limit} {unit}{alphabet}\n{part}\n", language.tag()));
    }
    for Aloud { language, words, seconds } in aloud {
        text.push_str(&format!("· {}: {words} words, about {seconds} s read aloud\n", language.tag()));
    }
    if let Some(Cost { segments, each, receivers, all }) = price {
        let all = receivers.zip(all.as_ref()).map(|(count, all)| format!(", {all} for {count}")).unwrap_or_default();
        text.push_str(&format!("· {segments} segments: {each} for one telephone{all}\n"));
    }
    if let Some(Shown { size, sha256, alt }) = picture {
        text.push_str(&format!("· with a {size} picture, SHA-256 {sha256}; in words:\n{}\n", alt.join("\n")));
    }
    text
}

#[cfg(test)]
mod tests;
