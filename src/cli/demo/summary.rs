//! What the demo came to: what was said, and whether each of it arrived, once, at every channel that should have it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Context;
use comfy_table::{Table, presets};
use serde::Serialize;

use super::home::Home;
use super::receiver::Arrival;
use super::setup::{ARCHIVE, HOOKS};
use super::storm::Storm;
use crate::bulletin::{Bulletin, Change};
use crate::ids::BulletinId;
use crate::outbox::Standing;
use crate::store::{Archive, DeliveryRow};

/// The summary; `--json` prints it with these names.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Which storm.
    pub storm: String,
    /// Always true: nothing here was recorded.
    pub is_reconstruction: bool,
    /// True when the demo had been interrupted and went on.
    pub is_resumed: bool,
    /// Warnings that began.
    pub issued: usize,
    /// Bulletins that raised one.
    pub raised: usize,
    /// Bulletins that lowered one.
    pub lowered: usize,
    /// Bulletins that extended one.
    pub extended: usize,
    /// Bulletins that changed an official one without changing its severity.
    pub updated: usize,
    /// Warnings that ended because it was over.
    pub lifted: usize,
    /// Warnings whose time ran out.
    pub expired: usize,
    /// Bulletins in all.
    pub messages: usize,
    /// Deliveries owed in all: each bulletin to each channel that hears it.
    pub owed: usize,
    /// Deliveries that the store knows as delivered and that are found, verified, where they should be.
    pub delivered: usize,
    /// Deliveries that a newer bulletin overtook before they went out.
    pub superseded: usize,
    /// Deliveries not found, settled and verified, where they should be, and not overtaken by a newer one that is.
    pub lost: usize,
    /// Deliveries found more than once in the archive, or accepted as new more than once by a receiver.
    pub duplicates: usize,
    /// Arrivals that a receiver knew already by their id: only an interruption between arrival and settlement causes them.
    pub repeats: usize,
    /// Arrivals whose signature was not that of this nadhir.
    pub unverified: usize,
    /// Tries that failed and were made again.
    pub retries: u64,
    /// How long it took on our clock, s; after an interruption the last part only.
    pub seconds: f64,
    /// The same by channel.
    pub channels: BTreeMap<String, AtChannel>,
}

/// What was owed to one channel, and what of it arrived.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct AtChannel {
    /// Deliveries owed.
    pub owed: usize,
    /// Of these, found once and verified.
    pub delivered: usize,
}

/// How often a message was found at a channel.
type Finds = BTreeMap<(String, String), usize>;

impl Summary {
    /// Counts on both sides: what the store owed, and what receivers and the archive have.
    ///
    /// # Errors
    /// When the store or the archive cannot be read.
    pub async fn count(
        storm: &Storm,
        home: &Home,
        store: &impl Archive,
        arrivals: &[Arrival],
        took: Duration,
    ) -> anyhow::Result<Self> {
        let bulletins = store.bulletins(None).await?;
        let rows = store.deliveries().await?;
        let finds = finds(home, arrivals)?;
        let said = |change: Change| bulletins.iter().filter(|bulletin| bulletin.change == change).count();
        let found = |row: &DeliveryRow| finds.get(&place_of(row)).copied().unwrap_or_default();
        let has_arrived = |row: &&DeliveryRow| row.standing == Standing::Delivered && found(row) == 1;
        let delivered = rows.iter().filter(has_arrived).count();
        let superseded = rows.iter().filter(|row| row.standing == Standing::Superseded).count();
        let arrived: BTreeSet<(&str, &BulletinId)> =
            rows.iter().filter(has_arrived).map(|row| (row.channel.as_str(), &row.bulletin)).collect();
        let is_overtaken = |row: &DeliveryRow| {
            row.standing == Standing::Superseded
                && successors(&bulletins, &row.bulletin).any(|later| arrived.contains(&(row.channel.as_str(), later)))
        };
        let lost = rows.iter().filter(|row| !has_arrived(row) && !is_overtaken(row) && found(row) <= 1).count();
        let mut channels: BTreeMap<String, AtChannel> = BTreeMap::new();
        for row in &rows {
            let channel = channels.entry(row.channel.clone()).or_default();
            channel.owed += 1;
            channel.delivered += usize::from(has_arrived(&row));
        }
        Ok(Self {
            storm: storm.title.en.clone(),
            is_reconstruction: true,
            is_resumed: home.is_resumed,
            issued: said(Change::Issued),
            raised: said(Change::Raised),
            lowered: said(Change::Lowered),
            extended: said(Change::Extended),
            updated: said(Change::Updated),
            lifted: said(Change::Lifted),
            expired: said(Change::Expired),
            messages: bulletins.len(),
            owed: rows.len(),
            delivered,
            superseded,
            lost,
            duplicates: finds.values().filter(|count| 1 < **count).count(),
            repeats: arrivals.iter().filter(|arrival| arrival.verified && !arrival.first).count(),
            unverified: arrivals.iter().filter(|arrival| !arrival.verified).count(),
            retries: rows.iter().map(|row| u64::from(row.attempts.saturating_sub(1))).sum(),
            seconds: (took.as_secs_f64() * 100.0).round() / 100.0,
            channels,
        })
    }

    /// True when every warning arrived at every channel once and verified.
    pub fn is_perfect(&self) -> bool {
        let is_complete = self.delivered + self.superseded == self.owed && 0 < self.delivered;
        let is_clean = self.lost == 0 && self.duplicates == 0 && self.unverified == 0;
        // A repeat under the same id is the price of an interruption, and of nothing else.
        is_complete && is_clean && (self.repeats == 0 || self.is_resumed)
    }

    /// The summary for a terminal.
    pub fn table(&self) -> String {
        let mut said = Table::new();
        said.load_style(presets::UTF8_HORIZONTAL_ONLY);
        said.set_header(["issued", "raised", "lowered", "extended", "updated", "lifted", "expired", "bulletins"]);
        let counts = [
            self.issued,
            self.raised,
            self.lowered,
            self.extended,
            self.updated,
            self.lifted,
            self.expired,
            self.messages,
        ];
        said.add_row(counts.map(|count| count.to_string()));
        let mut arrived = Table::new();
        arrived.load_style(presets::UTF8_HORIZONTAL_ONLY);
        arrived.set_header(["channel", "owed", "arrived once, verified"]);
        for (channel, at) in &self.channels {
            arrived.add_row([channel.clone(), at.owed.to_string(), at.delivered.to_string()]);
        }
        let mut text = format!("\n{said}\n{arrived}\n");
        let verdict = if self.is_perfect() {
            match self.superseded {
                0 => "Every warning arrived at every channel, once and verified.".to_owned(),
                overtaken => format!(
                    "Every warning arrived at every channel, once and verified; {overtaken} were overtaken by a newer word \
                     on the way, which arrived in their place."
                ),
            }
        } else {
            "NOT every warning arrived as it should.".to_owned()
        };
        let _ = writeln!(
            text,
            "{verdict}\nLost {}, duplicates {}, repeats {}, unverified {}, retries {}; {:.1} s.\n\
             A reconstruction, not a recording.",
            self.lost, self.duplicates, self.repeats, self.unverified, self.retries, self.seconds
        );
        text
    }
}

/// The bulletins that took the place of one, and of those in turn, nearest first.
fn successors<'a>(bulletins: &'a [Bulletin], of: &BulletinId) -> impl Iterator<Item = &'a BulletinId> {
    let next = |of: &BulletinId| bulletins.iter().find(|later| later.replaces.contains(of)).map(|later| &later.id);
    std::iter::successors(next(of), move |id| next(id))
}

fn place_of(row: &DeliveryRow) -> (String, String) {
    (row.channel.clone(), row.bulletin.to_string())
}

/// What is found where: accepted as new and verified at a hook, or written into the archive.
fn finds(home: &Home, arrivals: &[Arrival]) -> anyhow::Result<Finds> {
    let mut finds = Finds::new();
    for arrival in arrivals.iter().filter(|arrival| arrival.verified && arrival.first) {
        let Some(bulletin) = &arrival.bulletin else { continue };
        if HOOKS.contains(&arrival.hook.as_str()) {
            *finds.entry((arrival.hook.clone(), bulletin.clone())).or_default() += 1;
        }
    }
    for line in std::fs::read_to_string(home.bulletins()).unwrap_or_default().lines() {
        let line: serde_json::Value =
            serde_json::from_str(line).context("the archive holds a line that is not JSON")?;
        if let Some(bulletin) = line.get("bulletin").and_then(serde_json::Value::as_str) {
            *finds.entry((ARCHIVE.to_owned(), bulletin.to_owned())).or_default() += 1;
        }
    }
    Ok(finds)
}
