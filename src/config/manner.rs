//! How a channel is spoken to: `[release]` of `nadhir.toml`, and `release`, `quiet_hours`, `fallback` and `standby` of a channel.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveTime;
use chrono_tz::Tz;

use super::channels::ChannelConfig;
use crate::hazard::Severity;
use crate::ids::ChannelId;
use crate::language::Language;
use crate::route::Audience;
use crate::route::manner::{Digest, Fallback, LONGEST_WHILE, Manner, QuietHours, Release, usual};
use crate::route::pace::Pace;
use crate::statement::Sort;
use crate::table::{Found, Table};
use crate::time::{TimeDelta, parse_span, span_text};

/// How long a channel has for itself before another stands in for it, when nobody says.
const USUAL_AFTER: TimeDelta = TimeDelta::minutes(2);
/// The shortest and the longest time that it may have: within less it would seldom have been tried twice.
const AFTER: std::ops::RangeInclusive<TimeDelta> = TimeDelta::seconds(30)..=TimeDelta::minutes(60);

/// The shortest and the longest time between two words of the same.
const REMIND: std::ops::RangeInclusive<TimeDelta> = TimeDelta::minutes(15)..=TimeDelta::hours(24);

/// The shortest and the longest time between two digests.
const DIGEST: std::ops::RangeInclusive<TimeDelta> = TimeDelta::minutes(5)..=TimeDelta::hours(6);

/// What is said of all channels.
pub(super) struct House<'a> {
    /// In which zone hours are told.
    pub(super) zone: Tz,
    /// What goes out to the public at once, and what waits.
    pub(super) releases: &'a BTreeMap<Severity, Release>,
    /// The same of statements.
    pub(super) says: Release,
    /// The languages that files add to the two.
    pub(super) further: Vec<Language>,
    /// Whether the web face is open.
    pub(super) listens: bool,
}

/// Where a channel names another, to be looked up when all are read.
pub(super) struct Named {
    /// Which channel names it.
    pub(super) by: ChannelId,
    /// Which one, and where that is written.
    pub(super) name: Found<String>,
}

/// Reads `[release]` of `nadhir.toml`.
pub(super) fn releases(table: Option<Table<'_>>) -> (BTreeMap<Severity, Release>, Release) {
    let mut releases = usual(Audience::Public);
    let (own, says) = table.map(release_of_each).unwrap_or_default();
    releases.extend(own);
    (releases, says.unwrap_or_default())
}

/// What is said of warnings, by severity, and of statements.
fn release_of_each(table: Table<'_>) -> (BTreeMap<Severity, Release>, Option<Release>) {
    let mut releases = BTreeMap::new();
    for severity in Severity::ALL {
        if let Some(found) = table.text(severity.name(), release) {
            releases.insert(*severity, found.value);
        }
    }
    let says = table.text("statements", release).map(|found| found.value);
    table.finish();
    (releases, says)
}

fn release(text: &str) -> Result<Release, String> {
    match text {
        "at-once" => Ok(Release::AtOnce),
        "approval" => Ok(Release::Approved),
        other => match parse_span(other) {
            Ok(wait) if wait <= LONGEST_WHILE => Ok(Release::After(wait)),
            Ok(_) => Err(format!("`{other}` is longer than {}: write `approval`", span_text(LONGEST_WHILE))),
            Err(_) => Err(format!("`{other}` is not one of `at-once`, `approval`, or a time such as `2min`")),
        },
    }
}

/// Reads how a channel is spoken to, and which one it names to stand in for it.
pub(super) fn read(table: &Table<'_>, audience: Audience, house: &House<'_>) -> (Manner, Option<Found<String>>) {
    let (mut releases, usually_says) = match audience {
        Audience::Public => (house.releases.clone(), house.says),
        Audience::Staff | Audience::Drill => (usual(audience), Release::AtOnce),
    };
    let (own, says) = table.table("release").map(release_of_each).unwrap_or_default();
    releases.extend(own);
    let says = says.unwrap_or(usually_says);
    let quiet = table.table("quiet_hours").and_then(|table| quiet_hours(table, house.zone));
    let is_standby = table.flag("standby").is_some_and(|found| found.value);
    let (fallback, named) = match table.table("fallback").and_then(fallback) {
        Some((fallback, named)) => (Some(fallback), Some(named)),
        None => (None, None),
    };
    if is_standby && let Some(named) = &named {
        let message = "a channel that stands in for another has none that stands in for it".to_owned();
        table.error(&named.span, message, Some("take `fallback` or `standby` out".to_owned()));
    }
    let tells = tells(table);
    let pace = table.text("rate", Pace::parse).map(|found| found.value);
    let reminds = table.table("remind").map(reminds).unwrap_or_default();
    let digest = table.table("digest").and_then(|table| digest(table, house.zone));
    (Manner { releases, says, quiet, fallback, is_standby, tells, pace, reminds, digest }, named)
}

/// After which time it is told once more of what still holds, by severity.
fn reminds(table: Table<'_>) -> BTreeMap<Severity, TimeDelta> {
    let mut reminds = BTreeMap::new();
    for severity in Severity::ALL {
        let Some(every) = table.span_of_time(severity.name()) else { continue };
        if !REMIND.contains(&every.value) {
            let (least, most) = (span_text(*REMIND.start()), span_text(*REMIND.end()));
            table.error(&every.span, format!("`{}` is out of range: {least} to {most}", severity.name()), None);
        }
        reminds.insert(*severity, every.value);
    }
    table.finish();
    reminds
}

/// Which warnings are told together, and how often.
fn digest(table: Table<'_>, zone: Tz) -> Option<Digest> {
    let known = [Severity::Advisory, Severity::Yellow].map(|severity| (severity.name(), severity));
    let up_to = table.word("up_to", &known);
    if !table.has("up_to") {
        table.missing("up_to", "\"yellow\"");
    }
    let every = table.span_of_time("every");
    if !table.has("every") {
        table.missing("every", "\"1h\"");
    }
    // An even part of the day, so that it comes at the same hours each day.
    let day = TimeDelta::days(1).num_seconds();
    if let Some(every) = &every
        && (!DIGEST.contains(&every.value) || day % every.value.num_seconds().max(1) != 0)
    {
        let (least, most) = (span_text(*DIGEST.start()), span_text(*DIGEST.end()));
        let message = format!("`every` is out of range: {least} to {most}, and an even part of a day");
        table.error(&every.span, message, Some("write 10min, 30min, 1h, 3h or 6h".to_owned()));
    }
    table.finish();
    Some(Digest { up_to: up_to?.value, every: every?.value, zone })
}

/// Which statements it hears.
fn tells(table: &Table<'_>) -> BTreeSet<Sort> {
    let known: Vec<(&str, Sort)> = Sort::ALL.iter().map(|sort| (sort.name(), *sort)).collect();
    let texts = table.texts("statements").unwrap_or_default();
    texts.iter().filter_map(|text| table.pick("statements", text, &known)).map(|found| found.value).collect()
}

fn quiet_hours(table: Table<'_>, zone: Tz) -> Option<QuietHours> {
    let from = table.need_text("from", "\"22:00\"", hour);
    let until = table.need_text("until", "\"06:00\"", hour);
    if let (Some(from), Some(until)) = (&from, &until)
        && from.value == until.value
    {
        let help =
            "leave `quiet_hours` out to be told at all hours; `min_severity` keeps mild warnings away".to_owned();
        table.error(&until.span, "`quiet_hours` would last all day", Some(help));
    }
    table.finish();
    Some(QuietHours { from: from?.value, until: until?.value, zone })
}

fn hour(text: &str) -> Result<NaiveTime, String> {
    NaiveTime::parse_from_str(text, "%H:%M").map_err(|_| format!("`{text}` is not an hour of the day, such as `22:00`"))
}

fn fallback(table: Table<'_>) -> Option<(Fallback, Found<String>)> {
    let channel = table.need_text("channel", "\"the-other-channel\"", |text| Ok(text.to_owned()));
    let after = table.span_of_time("after");
    if let Some(after) = after.as_ref().filter(|after| !AFTER.contains(&after.value)) {
        let (least, most) = (span_text(*AFTER.start()), span_text(*AFTER.end()));
        table.error(&after.span, format!("`after` is out of range: {least} to {most}"), None);
    }
    let channel = channel.and_then(|found| match ChannelId::new(&found.value) {
        Ok(id) => Some((id, found)),
        Err(why) => {
            table.error(&found.span, why.to_string(), None);
            None
        }
    });
    table.finish();
    let (id, found) = channel?;
    Some((Fallback { channel: id, after: after.map_or(USUAL_AFTER, |found| found.value) }, found))
}

/// Looks up who stands in for whom. Who stands in hears nothing else, belongs to one channel alone, and is listened to by the same
/// people: what fails at a channel of the people on duty never goes to the public.
pub(super) fn look_up(root: &Table<'_>, channels: &[ChannelConfig], named: &[Named]) {
    let find = |name: &str| channels.iter().map(|one| &one.listener).find(|one| one.channel.as_str() == name);
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    for Named { by, name } in named {
        let Some(failing) = find(by.as_str()) else { continue };
        let Some(other) = find(&name.value) else {
            let message = format!("`fallback`: no channel that is enabled is called `{}`", name.value);
            root.error(&name.span, message, None);
            continue;
        };
        if !other.manner.is_standby {
            let message = format!("`{}` does not only stand in: it hears everything itself", name.value);
            root.error(&name.span, message, Some(format!("write `standby = true` into `[{}]`", name.value)));
        }
        if other.audience != failing.audience {
            let (own, theirs) = (failing.audience.name(), other.audience.name());
            let message = format!("`{by}` is for {own} and `{}` for {theirs}: it cannot stand in", name.value);
            root.error(&name.span, message, None);
        }
        if !taken.insert(&name.value) {
            let help = "give each channel one of its own".to_owned();
            root.error(&name.span, format!("`{}` stands in for two channels", name.value), Some(help));
        }
    }
    for idle in channels.iter().map(|one| &one.listener).filter(|one| one.manner.is_standby) {
        if !taken.contains(idle.channel.as_str()) {
            let message = format!("`{}` stands in for nobody, and hears nothing", idle.channel);
            root.warning(&root.span_of(idle.channel.as_str()), message, None);
        }
    }
}
