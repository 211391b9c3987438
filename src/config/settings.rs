//! `nadhir.toml`: who speaks, in which zone and digits, how warnings live, where state is kept.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use chrono_tz::{Asia, TZ_VARIANTS, Tz};
use url::Url;

use super::database::{self, Database};
use super::{keeping, manner, web};
use crate::hazard::{Hazard, Severity};
use crate::language::date::Announced;
use crate::language::direction::{is_arabic, is_latin};
use crate::language::{Both, Digits, Style};
use crate::message::Issuer;
use crate::problem::{Problems, SourceFile, nearest};
use crate::route::manner::Release;
use crate::rule::{Inhibition, WarningTimes};
use crate::store::Keep;
use crate::table::{Found, Table, read_file};
use crate::time::{TimeDelta, span_text};

/// What `nadhir.toml` settles, apart from what it gives the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Who speaks.
    pub issuer: Issuer,
    /// How texts are written.
    pub style: Style,
    /// How warnings live.
    pub times: WarningTimes,
    /// What quiets what.
    pub inhibitions: Vec<Inhibition>,
    /// What goes out to the public at once, and what waits, by severity.
    pub releases: BTreeMap<Severity, Release>,
    /// Whether statements go out to the public at once.
    pub says: Release,
    /// Whose accounts may ask the service for something, beside root.
    pub users: BTreeSet<String>,
    /// Whom the owner of a feed can write to: goes into the User-Agent; a `mailto:` or `https:` address.
    pub contact: String,
    /// Where state is kept, when that was said.
    pub store: Option<PathBuf>,
    /// The database that several nodes share in place of a file in that directory.
    pub database: Option<Database>,
    /// How long what was written down and sent is kept.
    pub keep: Keep,
    /// Where the web face listens; none where it is not open.
    pub web: Option<SocketAddr>,
}

/// The longest text that is read as a name or number of the authority, in characters.
pub const MAX_NAME_LEN: usize = 120;

/// The longest `bulletins`: what it becomes still makes a code that telephones read from a card.
pub const MAX_BULLETINS_LEN: usize = 80;

/// The shortest span in `[warnings]`.
pub const MIN_WARNING_SPAN: TimeDelta = TimeDelta::minutes(10);

/// The longest span in `[warnings]`.
pub const MAX_WARNING_SPAN: TimeDelta = TimeDelta::days(3);

/// The longest wait of `group_wait`.
pub const MAX_GROUP_WAIT: TimeDelta = TimeDelta::minutes(10);

/// The longest `flap_within`: what comes back after a day is another one.
pub const MAX_FLAP_WITHIN: TimeDelta = TimeDelta::days(1);

/// Reads the file; what it returns is whole, and right when no error was noted.
pub fn read(file: &Arc<SourceFile>, problems: &Problems) -> Settings {
    read_file(file, problems, |root| {
        let (issuer, contact) = match root.table("authority") {
            Some(table) => authority(table),
            None => {
                if !root.has("authority") {
                    root.error(
                        &root.span,
                        "the section `[authority]` is missing",
                        Some("say who issues the warnings: code, name, may_warn, emergency_number, contact".to_owned()),
                    );
                }
                (nobody(), String::new())
            }
        };
        let zone = zone(root.table("time"));
        let announced = announced(root.table("hijri").as_ref());
        let style = Style { zone, arabic_digits: digits(root.table("language")), announced };
        let times = times(root.table("warnings"));
        let inhibitions = inhibitions(&root);
        let (releases, says) = manner::releases(root.table("release"));
        let users = root.table("duty").map(duty).unwrap_or_default();
        let (store, database) = root.table("store").map(store).unwrap_or_default();
        let keep = keeping::read(root.table("keep"));
        let web = web::read(root.table("web"));
        root.finish();
        Settings { issuer, style, times, inhibitions, releases, says, users, contact, store, database, keep, web }
    })
}

fn nobody() -> Issuer {
    Issuer {
        code: String::new(),
        name: Both::default(),
        may_warn: false,
        emergency_number: String::new(),
        bulletins: None,
    }
}

/// The most accounts of `[duty]`.
pub const MAX_USERS: usize = 200;

/// The accounts that may ask the service for something.
fn duty(table: Table<'_>) -> BTreeSet<String> {
    let found = table.texts("users").unwrap_or_default();
    if let Some(beyond) = found.get(MAX_USERS) {
        table.error(&beyond.span, format!("`users` names more than {MAX_USERS} accounts"), None);
    }
    let mut users = BTreeSet::new();
    for Found { value, span } in found {
        // As useradd(8) has it, with the domains of a directory service.
        let is_account = |name: &str| {
            name.len() <= 64
                && name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.@\\$".contains(c))
        };
        if !is_account(&value) {
            let help = "write it as `id -un` shows it, such as \"sara\"".to_owned();
            table.error(&span, format!("`{value}` is not the name of an account"), Some(help));
        }
        if value == "root" {
            let help = "take it out: whoever becomes root is not told from others".to_owned();
            table.error(&span, "root may ask anyway, and cannot be one of two people", Some(help));
        }
        users.insert(value);
    }
    table.finish();
    users
}

fn authority(table: Table<'_>) -> (Issuer, String) {
    let code = table.need_text("code", "\"MKH\"", |text| {
        if (2..=8).contains(&text.len()) && text.chars().all(|c| c.is_ascii_uppercase()) {
            Ok(text.to_owned())
        } else {
            Err(format!("`{text}` is not two to eight capital letters A to Z"))
        }
    });
    let name = table.table("name").map(both);
    if name.is_none() && !table.has("name") {
        table.missing("name", "{ ar = \"…\", en = \"…\" }");
    }
    let may_warn = table.flag("may_warn");
    if may_warn.is_none() && !table.has("may_warn") {
        table.missing("may_warn", "false");
    }
    let emergency_number = table.need_text("emergency_number", "\"911\"", |text| {
        let is_number = !text.is_empty() && text.len() <= 16 && text.chars().all(|c| c.is_ascii_digit() || c == '+');
        if is_number { Ok(text.to_owned()) } else { Err(format!("`{text}` is not a number to call, such as `911`")) }
    });
    let contact = table.need_text("contact", "\"mailto:…\"", address);
    let bulletins = table.text("bulletins", place_of_bulletins);
    table.finish();
    let issuer = Issuer {
        code: code.map(|found| found.value).unwrap_or_default(),
        name: name.unwrap_or_default(),
        may_warn: may_warn.is_some_and(|found| found.value),
        emergency_number: emergency_number.map(|found| found.value).unwrap_or_default(),
        bulletins: bulletins.map(|found| found.value),
    };
    (issuer, contact.map(|found| found.value).unwrap_or_default())
}

/// Reads a text in both languages.
pub(super) fn both(table: Table<'_>) -> Both<String> {
    let ar = table.need_text("ar", "\"…\"", line).map(|found| found.value).unwrap_or_default();
    let en = table.need_text("en", "\"…\"", line).map(|found| found.value).unwrap_or_default();
    if !ar.contains(is_arabic) && en.contains(is_arabic) && !en.contains(is_latin) {
        table.error(&table.span, "`ar` is not in Arabic and `en` is", Some("swap them".to_owned()));
    }
    table.finish();
    Both { ar, en }
}

/// A short text on one line.
pub(super) fn line(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("the text is empty".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("the text must be on one line".to_owned());
    }
    if MAX_NAME_LEN < text.chars().count() {
        return Err(format!("the text is longer than {MAX_NAME_LEN} characters"));
    }
    Ok(text.trim().to_owned())
}

/// A `mailto:` or web address that may stand in a header.
fn address(text: &str) -> Result<String, String> {
    let wrong = || format!("`{text}` is not an address: write `mailto:name@host` or `https://…`");
    let url = Url::parse(text).map_err(|_| wrong())?;
    let is_mail = url.scheme() == "mailto" && url.path().contains('@');
    let is_web = matches!(url.scheme(), "https" | "http") && url.has_host();
    let is_plain = text.chars().all(|c| c.is_ascii_graphic());
    if (is_mail || is_web) && is_plain { Ok(url.into()) } else { Err(wrong()) }
}

/// A web address with one `{id}` in it, short enough for the code on a card.
fn place_of_bulletins(text: &str) -> Result<String, String> {
    let wrong = || format!("`{text}` does not say where a bulletin is: write `https://host/path/{{id}}`");
    let whole = text.replace("{id}", "MKH-2025-000012.3");
    let url = Url::parse(&whole).map_err(|_| wrong())?;
    let is_web = url.scheme() == "https" && url.has_host() && url.username().is_empty() && url.password().is_none();
    let has_place = text.matches("{id}").count() == 1 && !whole.contains(['{', '}']);
    let is_plain = text.chars().all(|c| c.is_ascii_graphic());
    if !(is_web && has_place && is_plain) {
        return Err(wrong());
    }
    if MAX_BULLETINS_LEN < text.len() {
        return Err(format!(
            "the address is longer than {MAX_BULLETINS_LEN} characters: the code on a card would be too fine"
        ));
    }
    Ok(text.to_owned())
}

fn zone(table: Option<Table<'_>>) -> Tz {
    let Some(table) = table else { return Asia::Riyadh };
    let name = table.text("zone", |text| Ok(text.to_owned()));
    let zone = name.as_ref().and_then(|name| {
        let zone = name.value.parse::<Tz>().ok();
        if zone.is_none() {
            // A name such as GMT+3 is read by no two systems alike, and the nearest one is hours away.
            let is_offset = name.value.contains(['+', '-']) && !name.value.contains('/');
            let help = match nearest(&name.value, TZ_VARIANTS.iter().map(|zone| zone.name())) {
                Some(meant) if !is_offset => format!("did you mean `{meant}`?"),
                _ => "write a name of the IANA time zone database, such as `Asia/Riyadh`".to_owned(),
            };
            table.error(&name.span, format!("`{}` is not a time zone", name.value), Some(help));
        }
        zone
    });
    table.finish();
    zone.unwrap_or(Asia::Riyadh)
}

/// Reads `[hijri]`: the first days of months that were announced, each under its year and month.
fn announced(table: Option<&Table<'_>>) -> Announced {
    let (mut announced, mut found) = (Announced::NONE, BTreeMap::new());
    for key in table.into_iter().flat_map(Table::keys) {
        let Some(table) = table else { continue };
        let Some(text) = table.text_of(&key.value) else { continue };
        let month =
            key.value.split_once('-').and_then(|(year, month)| Some((year.parse().ok()?, month.parse::<u8>().ok()?)));
        let Some((year, month)) = month.filter(|(_, month)| (1..=12).contains(month)) else {
            let help = Some("write the Hijri year and month, such as \"1448-09\" for Ramadan 1448".to_owned());
            table.error(&key.span, format!("`{}` is not a month of a Hijri year", key.value), help);
            continue;
        };
        found.insert((year, month), (key, text));
    }
    // In the order of time: what is announced of a month is held against the one before it.
    for ((year, month), (key, text)) in found {
        let told = text.value.parse().map_err(|_| "write its first day as 2027-02-08".to_owned());
        let told = told.and_then(|start| announced.announce(year, month, start));
        if let (Err(why), Some(table)) = (told, table) {
            table.error(&text.span, format!("`{}`: {why}", key.value), None);
        }
    }
    announced
}

fn digits(table: Option<Table<'_>>) -> Digits {
    let Some(table) = table else { return Digits::Arab };
    let digits = table.word("arabic_digits", &[("arab", Digits::Arab), ("latn", Digits::Latn)]);
    table.finish();
    digits.map_or(Digits::Arab, |found| found.value)
}

fn times(table: Option<Table<'_>>) -> WarningTimes {
    let mut times = WarningTimes {
        validity: TimeDelta::hours(3),
        extend_before: TimeDelta::hours(1),
        longest_silence: TimeDelta::hours(12),
        end_notice: TimeDelta::hours(6),
        group_wait: TimeDelta::minutes(1),
        flap_within: TimeDelta::hours(6),
    };
    let Some(table) = table else { return times };
    let mut extend_at = None;
    let spans = MIN_WARNING_SPAN..=MAX_WARNING_SPAN;
    for (key, time, limits) in [
        ("validity", &mut times.validity, spans.clone()),
        ("extend_before", &mut times.extend_before, spans.clone()),
        ("longest_silence", &mut times.longest_silence, spans.clone()),
        ("end_notice", &mut times.end_notice, spans),
        ("group_wait", &mut times.group_wait, TimeDelta::zero()..=MAX_GROUP_WAIT),
        ("flap_within", &mut times.flap_within, TimeDelta::zero()..=MAX_FLAP_WITHIN),
    ] {
        let Some(found) = table.span_of_time(key) else { continue };
        if limits.contains(&found.value) {
            *time = found.value;
        } else {
            let (least, most) = (span_text(*limits.start()), span_text(*limits.end()));
            table.error(&found.span, format!("`{key}` is out of range: {least} to {most}"), None);
        }
        if key == "extend_before" {
            extend_at = Some(found.span);
        }
    }
    if times.validity <= times.extend_before {
        table.error(
            &extend_at.unwrap_or(table.span.clone()),
            format!(
                "`extend_before` ({}) is not shorter than `validity` ({})",
                span_text(times.extend_before),
                span_text(times.validity)
            ),
            Some("a warning is extended before its end, and not from its very beginning".to_owned()),
        );
    }
    table.finish();
    times
}

/// The most inhibitions.
pub const MAX_INHIBITIONS: usize = 50;

/// Reads what quiets what.
fn inhibitions(root: &Table<'_>) -> Vec<Inhibition> {
    let tables = root.tables("inhibit");
    if MAX_INHIBITIONS < tables.len() {
        root.error(&root.span_of("inhibit"), format!("there are more than {MAX_INHIBITIONS} inhibitions"), None);
    }
    tables.into_iter().take(MAX_INHIBITIONS).filter_map(inhibition).collect()
}

fn inhibition(table: Table<'_>) -> Option<Inhibition> {
    let hazards: Vec<(&str, Hazard)> = Hazard::ALL.iter().map(|hazard| (hazard.name(), *hazard)).collect();
    let severities: Vec<(&str, Severity)> = Severity::OF_RULES.iter().map(|one| (one.name(), *one)).collect();
    for key in ["hazard", "severity", "quiets", "up_to"].into_iter().filter(|key| !table.has(key)) {
        let example = match key {
            "hazard" => "\"flash-flood\"",
            "severity" => "\"red\"",
            "quiets" => "[\"rain\"]",
            _ => "\"yellow\"",
        };
        table.missing(key, example);
    }
    let hazard = table.word("hazard", &hazards);
    let severity = table.word("severity", &severities);
    let up_to = table.word("up_to", &severities);
    if let Some(red) = up_to.as_ref().filter(|level| level.value == Severity::Red) {
        table.error(&red.span, "nothing quiets a red warning", Some("write yellow or orange".to_owned()));
    }
    let quiets = table.texts("quiets");
    if quiets.as_ref().is_some_and(Vec::is_empty) {
        let help = "name the hazards that keep quiet, or take the inhibition out".to_owned();
        table.error(&table.span_of("quiets"), "`quiets` is empty: nothing would keep quiet", Some(help));
    }
    let quiets = quiets.unwrap_or_default();
    let quiets: BTreeSet<Hazard> =
        quiets.iter().filter_map(|one| table.pick("quiets", one, &hazards)).map(|found| found.value).collect();
    if let Some(own) = hazard.as_ref().filter(|hazard| quiets.contains(&hazard.value)) {
        table.error(
            &own.span,
            format!("`{}` cannot quiet itself", own.value),
            Some(format!("take `{}` out of `quiets`", own.value)),
        );
    }
    table.finish();
    Some(Inhibition { hazard: hazard?.value, severity: severity?.value, quiets, up_to: up_to?.value })
}

fn store(table: Table<'_>) -> (Option<PathBuf>, Option<Database>) {
    let directory = table.text("directory", |text| {
        if text.trim().is_empty() { Err("the path is empty".to_owned()) } else { Ok(PathBuf::from(text)) }
    });
    let database = database::read(&table);
    table.finish();
    (directory.map(|found| found.value), database)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<Settings, Vec<String>> {
        let file = Arc::new(SourceFile { name: "nadhir.toml".to_owned(), text: text.to_owned() });
        let problems = Problems::new();
        let settings = read(&file, &problems);
        if problems.has_errors() {
            Err(problems.into_sorted().into_iter().map(|problem| problem.message).collect())
        } else {
            Ok(settings)
        }
    }

    const AUTHORITY: &str = "[authority]\ncode = \"TST\"\nname = { ar = \"جهة\", en = \"An authority\" }\n\
                             may_warn = true\nemergency_number = \"998\"\ncontact = \"https://example.org/nadhir\"\n";

    #[test]
    fn what_is_left_out_is_as_the_shipped_file_says() {
        let own = settings(AUTHORITY).unwrap();
        let shipped = settings(super::super::embedded::text("nadhir.toml").unwrap()).unwrap();
        assert_eq!((&own.style, &own.times, &own.store), (&shipped.style, &shipped.times, &shipped.store));
        assert_eq!((own.keep, shipped.keep), (keeping::USUAL, keeping::USUAL));
        assert!(own.issuer.may_warn && !shipped.issuer.may_warn);
        assert_eq!(own.contact, "https://example.org/nadhir");
    }

    #[test]
    fn what_is_written_holds() {
        let text = format!(
            "{AUTHORITY}[time]\nzone = \"UTC\"\n[language]\narabic_digits = \"latn\"\n\
             [warnings]\nvalidity = \"12h\"\ngroup_wait = \"0s\"\n[store]\ndirectory = \"/srv/nadhir\"\n"
        );
        let own = settings(&text).unwrap();
        assert_eq!(own.style, Style { zone: chrono_tz::UTC, arabic_digits: Digits::Latn, announced: Announced::NONE });
        assert_eq!(own.times.validity, TimeDelta::hours(12));
        assert_eq!(own.times.extend_before, TimeDelta::hours(1));
        assert_eq!(own.times.group_wait, TimeDelta::zero());
        assert_eq!(own.store, Some(PathBuf::from("/srv/nadhir")));
    }

    #[test]
    fn a_database_is_named_without_its_password() {
        let with = |keys: &str| settings(&format!("{AUTHORITY}[store]\n{keys}\n"));
        let url = "url = \"postgres://nadhir@db.example.sa/nadhir\"";
        assert!(with(&format!("{url}\npassword = {{ file = \"db.password\" }}")).unwrap().database.is_some());
        for wrong in [
            "url = \"postgres://nadhir:hunter2@db.example.sa/nadhir\"".to_owned(),
            format!("{url}\npassword = \"hunter2\""),
            "password = { file = \"db.password\" }".to_owned(),
            url.replace("nadhir\"", "nadhir?sslmode=disable\""),
        ] {
            let why = with(&wrong).unwrap_err();
            assert!(why.len() == 1 && !why[0].contains("hunter2"), "{wrong}: {why:?}");
        }
    }

    #[test]
    fn places_wait_for_each_other_ten_minutes_at_most() {
        let waits = |span: &str| settings(&format!("{AUTHORITY}[warnings]\ngroup_wait = \"{span}\"\n"));
        assert_eq!(waits("10min").unwrap().times.group_wait, TimeDelta::minutes(10));
        assert_eq!(waits("11min").unwrap_err(), ["`group_wait` is out of range: 0s to 10min"]);
    }

    #[test]
    fn what_comes_back_within_a_day_at_most_goes_to_and_fro() {
        let within = |span: &str| settings(&format!("{AUTHORITY}[warnings]\nflap_within = \"{span}\"\n"));
        assert_eq!(within("0s").unwrap().times.flap_within, TimeDelta::zero());
        assert_eq!(within("25h").unwrap_err(), ["`flap_within` is out of range: 0s to 1d"]);
    }

    #[test]
    fn the_place_of_bulletins_is_a_short_web_address_with_one_name_in_it() {
        let with =
            |place: &str| settings(&AUTHORITY.replace("may_warn", &format!("bulletins = \"{place}\"\nmay_warn")));
        assert_eq!(settings(AUTHORITY).unwrap().issuer.bulletins, None);
        let own = with("https://example.org/b/{id}").unwrap();
        assert_eq!(own.issuer.bulletins.as_deref(), Some("https://example.org/b/{id}"));
        let long = format!("https://example.org/{}/{{id}}", "b".repeat(80));
        for wrong in [
            "https://example.org/b/",
            "http://example.org/{id}",
            "https://example.org/{id}/{id}",
            "https://u:p@example.org/{id}",
            "{id}",
            "https://example.org/{name}/{id}",
            long.as_str(),
        ] {
            assert_eq!(with(wrong).unwrap_err().len(), 1, "{wrong}");
        }
    }

    #[test]
    fn a_contact_cannot_smuggle_a_line_into_a_header() {
        for wrong in [
            "mailto:nobody",
            "ftp://example.org",
            "https://",
            "javascript:alert(1)",
            "نذير",
            "https://a.b/\\nHost: c",
            "https://a.b/ c",
        ] {
            let text = AUTHORITY.replace("https://example.org/nadhir", wrong);
            assert_eq!(settings(&text).unwrap_err().len(), 1, "{wrong}");
        }
    }
}
