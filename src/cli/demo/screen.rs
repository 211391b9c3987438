//! What the demo shows on a terminal: the storm as it rises and passes, each bulletin in both languages, and who has it.

use std::collections::BTreeMap;
use std::io::Write as _;

use super::home::Home;
use super::storm::Storm;
use crate::bulletin::{Bulletin, Change, Origin};
use crate::config::Config;
use crate::hazard::Severity;
use crate::ids::BulletinId;
use crate::language::Language;
use crate::message::Form;
use crate::outbox::Outcome;
use crate::record::Entry;
use crate::route::hears;
use crate::{daemon::Sight, time::Timestamp};

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// The terminal, or nothing.
#[derive(Debug)]
pub struct Screen {
    zone: Option<chrono_tz::Tz>,
    reached: BTreeMap<BulletinId, Reached>,
}

/// Who has a bulletin so far.
#[derive(Debug)]
struct Reached {
    heard_by: usize,
    channels: Vec<String>,
}

impl Screen {
    /// A screen that shows nothing.
    pub fn silent() -> Self {
        Self { zone: None, reached: BTreeMap::new() }
    }

    /// A screen that has shown what is about to be played.
    pub fn new(storm: &Storm, home: &Home) -> Self {
        let screen = Self { zone: Some(storm.zone), reached: BTreeMap::new() };
        screen.line(&format!("{BOLD}{}{PLAIN}", storm.title.ar));
        screen.line(&format!("{BOLD}{}{PLAIN}", storm.title.en));
        screen.line(&format!("{DIM}{}{PLAIN}", storm.notice.ar.trim()));
        screen.line(&format!("{DIM}{}{PLAIN}", storm.notice.en.trim()));
        let place = home.dir.display();
        match home.is_resumed {
            true => screen.line(&format!(
                "{DIM}An interrupted storm goes on; its state is in {place}. Begin anew with --fresh.{PLAIN}\n"
            )),
            false => screen
                .line(&format!("{DIM}State in {place}. Ctrl-C interrupts; the next demo goes on from there.{PLAIN}\n")),
        }
        screen
    }

    fn line(&self, text: &str) {
        if self.zone.is_some() {
            // A terminal that has gone away does not stop the storm.
            let _ = writeln!(anstream::stdout(), "{text}");
        }
    }

    fn time(&self, at: Timestamp) -> String {
        self.zone.map(|zone| at.with_timezone(&zone).format("%d %b %H:%M").to_string()).unwrap_or_default()
    }

    /// Shows one thing.
    pub fn show(&mut self, sight: &Sight, config: &Config) {
        if self.zone.is_none() {
            return;
        }
        match sight {
            Sight::Said(bulletin) => self.said(bulletin, config),
            Sight::Wrote(entry) => self.wrote(entry),
            Sight::Settled { channel, bulletin, attempt, outcome } => {
                let word = match outcome {
                    Outcome::Delivered { .. } if *attempt == 1 => channel.to_string(),
                    Outcome::Delivered { .. } => format!("{channel} (try {attempt})"),
                    Outcome::Again { .. } => return,
                    Outcome::Dead { why } => format!("not {channel}: {why}"),
                    Outcome::Expired => format!("not {channel}: too late"),
                };
                self.settled(bulletin, word);
            }
        }
    }

    fn said(&mut self, bulletin: &Bulletin, config: &Config) {
        let places = &config.governorates;
        let names: Vec<&str> =
            bulletin.areas.iter().filter_map(|area| places.get(area)).map(|place| place.name.en.as_str()).collect();
        let who = match bulletin.origin {
            Origin::Official { .. } => "official",
            Origin::Automatic { .. } => "automated",
            Origin::Desk => "by hand",
        };
        self.line(&format!(
            "{DIM}{}{PLAIN}  {} {BOLD}{}{PLAIN}  {DIM}{who}, {}{PLAIN}",
            self.time(bulletin.issued),
            badge(bulletin),
            names.join(", "),
            bulletin.id,
        ));
        for language in Language::ALL {
            match config.speaker.render(bulletin, places, Form::Text, &[language]) {
                Ok(message) => self.text(&message.body, bulletin),
                Err(why) => self.line(&format!("              {why}")),
            }
        }
        let heard_by = config.channels.iter().filter(|channel| hears(&channel.listener, bulletin).is_ok()).count();
        self.reached.insert(bulletin.id.clone(), Reached { heard_by, channels: Vec::new() });
    }

    /// The headline of a text and how it begins; an authority's words come after the line that names it.
    fn text(&self, body: &str, bulletin: &Bulletin) {
        let mut lines = body.lines().filter(|line| !line.trim().is_empty());
        if let Some(headline) = lines.next() {
            self.line(&format!("              {headline}"));
        }
        let shown = if matches!(bulletin.origin, Origin::Official { .. }) { 2 } else { 1 };
        lines.take(shown).for_each(|line| self.line(&format!("              {DIM}{line}{PLAIN}")));
    }

    fn wrote(&self, entry: &Entry) {
        let is_worth_showing =
            matches!(entry.kind.as_str(), "trouble" | "silence" | "held" | "quiet" | "unplaced" | "twin");
        if is_worth_showing {
            // A feed names itself in its sentence; a bulletin or an alert has to be named.
            let about = match entry.kind.as_str() {
                "trouble" | "silence" => String::new(),
                _ => format!("{}: ", entry.subject),
            };
            self.line(&format!("{DIM}{}  · {about}{}{PLAIN}", self.time(entry.at), entry.text));
        }
    }

    fn settled(&mut self, bulletin: &BulletinId, word: String) {
        let Some(reached) = self.reached.get_mut(bulletin) else {
            return self.line(&format!("              {DIM}→ {bulletin}: {word}{PLAIN}"));
        };
        reached.channels.push(word);
        if reached.heard_by <= reached.channels.len() {
            let channels = reached.channels.join(", ");
            self.reached.remove(bulletin);
            self.line(&format!("              {DIM}→ {bulletin} reached {channels}{PLAIN}"));
        }
    }

    /// Says how to go on.
    pub fn interrupted(&self) {
        self.line("\nInterrupted. Nothing is lost: the next `nadhir demo` goes on from here.");
    }
}

/// What happened, in the colour of its severity; the word is there for those who do not see the colour.
fn badge(bulletin: &Bulletin) -> String {
    let colour = match bulletin.severity {
        _ if bulletin.change.is_end() => "\x1b[30;42m",
        Severity::Advisory => "\x1b[30;47m",
        Severity::Yellow => "\x1b[30;103m",
        Severity::Orange => "\x1b[30;48;5;208m",
        Severity::Red => "\x1b[97;41m",
    };
    let shape = match bulletin.change {
        Change::Issued | Change::Raised => "▲",
        Change::Lowered => "▼",
        Change::Extended | Change::Updated => "■",
        Change::Lifted | Change::Expired | Change::Corrected => "○",
    };
    let word = format!("{} {}", bulletin.change.name(), bulletin.severity).to_uppercase();
    format!("{colour} {shape} {word} {PLAIN} {}", bulletin.hazard)
}
