//! `seasons.toml`: the stretches of the year, of the Hijri year or of the day in which rules may be otherwise.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;

use crate::ids::SeasonId;
use crate::language::date::month_of;
use crate::problem::{Problems, SourceFile};
use crate::rule::season::{Season, Seasons, YearDay};
use crate::schedule::Minutes;
use crate::table::{Found, Table, read_file};

/// The most seasons that are read.
pub const MAX_SEASONS: usize = 200;

/// Reads the file; what it returns may be used only when no error was noted.
pub fn read(file: &Arc<SourceFile>, zone: Tz, problems: &Problems) -> Seasons {
    read_file(file, problems, |root| {
        let mut all = BTreeMap::new();
        let tables = root.named_tables();
        if MAX_SEASONS < tables.len() {
            root.error(&root.span, format!("there are more than {MAX_SEASONS} seasons"), None);
        }
        for (name, table) in tables.into_iter().take(MAX_SEASONS) {
            let id = SeasonId::new(&name.value).map_err(|why| table.error(&name.span, why.to_string(), None)).ok();
            let season = season(table);
            all.extend(id.zip(season));
        }
        Seasons::new(zone, all)
    })
}

/// A day or a date as written.
enum When {
    Gregorian(YearDay),
    Hijri(YearDay),
    Date(NaiveDate),
}

fn season(table: Table<'_>) -> Option<Season> {
    let cron = table.text("cron", Minutes::new);
    let (from, to) = (table.text("from", when), table.text("to", when));
    let has_days = table.has("from") || table.has("to");
    if table.has("cron") == has_days || table.has("from") != table.has("to") {
        let help =
            "write `from` and `to`, such as \"1 Dhu al-Hijjah\" and \"14 Dhu al-Hijjah\", or `cron` alone".to_owned();
        table.error(&table.span, format!("the season `{}` does not say when it is", table.name()), Some(help));
    }
    let season = match (cron, from, to) {
        (Some(minutes), None, None) => Some(Season::Cron(minutes.value)),
        (None, Some(from), Some(to)) => between(&table, &from, &to),
        (_, _, _) => None,
    };
    table.finish();
    season
}

fn between(table: &Table<'_>, from: &Found<When>, to: &Found<When>) -> Option<Season> {
    match (&from.value, &to.value) {
        (When::Gregorian(first), When::Gregorian(last)) => Some(Season::Yearly(*first, *last)),
        (When::Hijri(first), When::Hijri(last)) => Some(Season::Hijri(*first, *last)),
        (When::Date(first), When::Date(last)) if first <= last => Some(Season::Once(*first, *last)),
        (When::Date(first), When::Date(last)) => {
            table.error(&to.span, format!("the season ends on {last}, before it begins on {first}"), None);
            None
        }
        (_, _) => {
            let help = "write both as days of one calendar (\"1 June\"), or both as dates (\"2026-06-01\")".to_owned();
            table.error(&to.span, "`from` and `to` are not of one kind", Some(help));
            None
        }
    }
}

/// Reads `1 Dhu al-Hijjah`, `1 June` or `2026-06-01`.
fn when(text: &str) -> Result<When, String> {
    if let Ok(date) = NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d") {
        return Ok(When::Date(date));
    }
    let wrong = || {
        format!(
            "`{text}` is no day: write a day and a month, such as `1 Dhu al-Hijjah` or `1 June`, or a date, `2026-06-01`"
        )
    };
    let (day, month) = text.trim().split_once(' ').ok_or_else(wrong)?;
    let day: u8 = western(day).parse().map_err(|_| wrong())?;
    if month.contains(char::is_numeric) {
        return Err(format!("`{text}` has a year: leave it out for every year, or write a date for one, `2026-06-01`"));
    }
    let (is_hijri, month) = month_of(month.trim()).ok_or_else(wrong)?;
    let longest = match (is_hijri, month) {
        (true, _) | (false, 4 | 6 | 9 | 11) => 30,
        (false, 2) => 29,
        (false, _) => 31,
    };
    if day == 0 {
        return Err(format!("`{text}` is no day: days begin with 1"));
    }
    if longest < day {
        return Err(format!("`{text}` is no day: that month has at most {longest} days"));
    }
    let day = YearDay { month, day };
    Ok(if is_hijri { When::Hijri(day) } else { When::Gregorian(day) })
}

/// A number in the digits 0 to 9, whichever digits it was written in: the names of months may be Arabic as well.
fn western(number: &str) -> String {
    let western = |c: char| match c {
        '٠'..='٩' => char::from_digit(u32::from(c) - u32::from('٠'), 10).unwrap_or(c),
        _ => c,
    };
    number.chars().map(western).collect()
}
