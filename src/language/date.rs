//! Dates as Saudis write them: the weekday, the Hijri date of the Umm al-Qura calendar, and the Gregorian one beside it.
//!
//! The Hijri day is told by the civil day, midnight to midnight, as offices do. Where the beginning of a month was announced, as that of
//! Ramadan is by the sighting of the moon, it counts before the published calendar. Outside the years in which the published
//! calendar and ours are known to agree there is no Hijri date, and texts then show the Gregorian one alone.

use std::collections::BTreeMap;

use chrono::{Datelike, Days, NaiveDate};
use icu_calendar::Date;
use icu_calendar::cal::Hijri as HijriCalendar;

use crate::language::number::plain;
use crate::language::{Grammar, Language, Style};

/// The first Hijri year that is told: from here on the calendar's published month starts and ours agree on every month.
pub const FIRST_HIJRI_YEAR: i32 = 1420;
/// The last Hijri year that is told: beyond it the months have not been published.
pub const LAST_HIJRI_YEAR: i32 = 1450;

/// A date of the Umm al-Qura calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hijri {
    /// The year.
    pub year: i32,
    /// The month, 1 to 12.
    pub month: u8,
    /// The day, 1 to 30.
    pub day: u8,
}

/// The beginnings of Hijri months that were announced, by year and month.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Announced(BTreeMap<(i32, u8), NaiveDate>);

/// How many months an announcement may move: beyond them the published calendar has caught up.
const MOVED_MONTHS: usize = 12;

/// The lengths that a month may have, in days.
const LENGTHS: std::ops::RangeInclusive<i64> = 29..=30;

impl Announced {
    /// None.
    pub const NONE: Self = Self(BTreeMap::new());

    /// Takes the announced beginning of a month.
    ///
    /// # Errors
    /// A sentence when it cannot be: more than a day away from the published calendar, or it leaves a month that is too short or too long.
    pub fn announce(&mut self, year: i32, month: u8, start: NaiveDate) -> Result<(), String> {
        let published = start_near(year, month, start).ok_or("that month begins at another time of the year")?;
        if 1 < (start - published).num_days().abs() {
            return Err(format!(
                "the published calendar has it begin on {published}, and it can be announced a day apart at most"
            ));
        }
        self.0.insert((year, month), start);
        let (year_before, month_before) = before(year, month);
        let earlier = self.start(year_before, month_before, published - Days::new(29));
        let length = earlier.map(|earlier| (start - earlier).num_days());
        match length {
            Some(length) if LENGTHS.contains(&length) => Ok(()),
            Some(length) => {
                self.0.remove(&(year, month));
                Err(format!("the month before it would have {length} days; announce that one as well"))
            }
            None => Ok(()),
        }
    }

    /// When a month begins that begins near a day: as announced, else as published, moved as far as an announcement before it makes
    /// necessary for no month to be shorter than 29 days or longer than 30.
    fn start(&self, year: i32, month: u8, near: NaiveDate) -> Option<NaiveDate> {
        if let Some(start) = self.0.get(&(year, month)) {
            return Some(*start);
        }
        let mut months = vec![(year, month)];
        while months.len() <= MOVED_MONTHS {
            let (year, month) = months.last().copied()?;
            let earlier = before(year, month);
            months.push(earlier);
            if self.0.contains_key(&earlier) {
                break;
            }
        }
        let published = start_near(year, month, near)?;
        let Some(announced) = months.last().and_then(|last| self.0.get(last)) else { return Some(published) };
        let mut start = *announced;
        for (year, month) in months.iter().rev().skip(1) {
            let own = start_near(*year, *month, start + Days::new(29))?;
            start = own.clamp(start + Days::new(29), start + Days::new(30));
        }
        Some(start)
    }

    /// The Hijri date of a civil day, when the calendar is known for it.
    pub fn hijri(&self, date: NaiveDate) -> Option<Hijri> {
        let published = hijri(date)?;
        if self.0.is_empty() {
            return Some(published);
        }
        let (year, month) = (published.year, published.month);
        [after(year, month), (year, month), before(year, month)].into_iter().find_map(|(year, month)| {
            let start = self.start(year, month, date).filter(|start| *start <= date)?;
            let day = u8::try_from((date - start).num_days() + 1).ok()?;
            Some(Hijri { year, month, day })
        })
    }
}

fn before(year: i32, month: u8) -> (i32, u8) {
    if month <= 1 { (year - 1, 12) } else { (year, month - 1) }
}

fn after(year: i32, month: u8) -> (i32, u8) {
    if 12 <= month { (year + 1, 1) } else { (year, month + 1) }
}

/// How many months away from a day the beginning of a month is looked for.
const NEAR_MONTHS: i32 = 2;

/// When a month begins in the published calendar; none where that is more than two months away from a day.
fn start_near(year: i32, month: u8, near: NaiveDate) -> Option<NaiveDate> {
    let found = hijri(near)?;
    let mut start = near - Days::new(u64::from(found.day) - 1);
    let away = (year - found.year) * 12 + i32::from(month) - i32::from(found.month);
    if NEAR_MONTHS < away.abs() {
        return None;
    }
    for _ in 0..away {
        let next = start + Days::new(29);
        start = if hijri(next)?.day == 1 { next } else { next + Days::new(1) };
    }
    for _ in away..0 {
        let last = start - Days::new(1);
        start = last - Days::new(u64::from(hijri(last)?.day) - 1);
    }
    Some(start)
}

/// The Hijri date of a civil day in the published calendar, when that is known for it.
pub fn hijri(date: NaiveDate) -> Option<Hijri> {
    let month = u8::try_from(date.month()).ok()?;
    let day = u8::try_from(date.day()).ok()?;
    let date = Date::try_new_iso(date.year(), month, day).ok()?.to_calendar(HijriCalendar::new_umm_al_qura());
    let found = Hijri { year: date.year().extended_year(), month: date.month().number(), day: date.day_of_month().0 };
    (FIRST_HIJRI_YEAR..=LAST_HIJRI_YEAR).contains(&found.year).then_some(found)
}

const HIJRI_MONTHS: [[&str; 2]; 12] = [
    ["محرم", "Muharram"],
    ["صفر", "Safar"],
    ["ربيع الأول", "Rabi' al-Awwal"],
    ["ربيع الآخر", "Rabi' al-Akhir"],
    ["جمادى الأولى", "Jumada al-Ula"],
    ["جمادى الآخرة", "Jumada al-Akhirah"],
    ["رجب", "Rajab"],
    ["شعبان", "Sha'ban"],
    ["رمضان", "Ramadan"],
    ["شوال", "Shawwal"],
    ["ذو القعدة", "Dhu al-Qa'dah"],
    ["ذو الحجة", "Dhu al-Hijjah"],
];

const GREGORIAN_MONTHS: [[&str; 2]; 12] = [
    ["يناير", "January"],
    ["فبراير", "February"],
    ["مارس", "March"],
    ["أبريل", "April"],
    ["مايو", "May"],
    ["يونيو", "June"],
    ["يوليو", "July"],
    ["أغسطس", "August"],
    ["سبتمبر", "September"],
    ["أكتوبر", "October"],
    ["نوفمبر", "November"],
    ["ديسمبر", "December"],
];

const WEEKDAYS: [[&str; 2]; 7] = [
    ["الاثنين", "Monday"],
    ["الثلاثاء", "Tuesday"],
    ["الأربعاء", "Wednesday"],
    ["الخميس", "Thursday"],
    ["الجمعة", "Friday"],
    ["السبت", "Saturday"],
    ["الأحد", "Sunday"],
];

fn name(names: &[[&'static str; 2]], place: usize, language: Language) -> &'static str {
    let [ar, en] = names.get(place).copied().unwrap_or_default();
    match language.grammar() {
        Grammar::Ar => ar,
        Grammar::En => en,
    }
}

/// The number of a month, and whether it is one of the Hijri year, by its name in either language as it is written here; hyphens,
/// apostrophes, case and a final h are forgiven.
pub fn month_of(name: &str) -> Option<(bool, u8)> {
    let plain = |name: &str| {
        let kept: String = name.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
        kept.strip_suffix('h').map_or(kept.clone(), str::to_owned)
    };
    // «1 ذي الحجة» stands in a sentence, «ذو الحجة» on a calendar.
    let wanted = plain(&name.replace("ذي", "ذو"));
    let find = |names: &[[&str; 2]]| names.iter().position(|both| both.iter().any(|name| plain(name) == wanted));
    let number = |place: usize| u8::try_from(place + 1).ok();
    match (find(&HIJRI_MONTHS), find(&GREGORIAN_MONTHS)) {
        (Some(place), _) => Some((true, number(place)?)),
        (None, place) => Some((false, number(place?)?)),
    }
}

/// A day of every year in English, of the Hijri year or the Gregorian one: "14 Dhu al-Hijjah".
pub fn year_day_text(is_hijri: bool, month: u8, day: u8) -> String {
    let names = if is_hijri { &HIJRI_MONTHS } else { &GREGORIAN_MONTHS };
    format!("{day} {}", name(names, usize::from(month).saturating_sub(1), Language::En))
}

/// The name of a day of the week.
pub fn weekday(language: Language, date: NaiveDate) -> &'static str {
    name(&WEEKDAYS, usize::try_from(date.weekday().num_days_from_monday()).unwrap_or_default(), language)
}

/// The Gregorian date without the weekday: «9 ديسمبر 2025م», "9 December 2025".
pub fn gregorian_text(language: Language, style: &Style, date: NaiveDate) -> String {
    let month = name(&GREGORIAN_MONTHS, usize::try_from(date.month0()).unwrap_or_default(), language);
    let day = plain(language, style, date.day().into());
    let year = plain(language, style, date.year().into());
    match language.grammar() {
        Grammar::Ar => format!("{day} {month} {year}م"),
        Grammar::En => format!("{day} {month} {year}"),
    }
}

/// The Hijri date without the weekday: «18 جمادى الآخرة 1447هـ», "18 Jumada al-Akhirah 1447 AH".
pub fn hijri_text(language: Language, style: &Style, date: NaiveDate) -> Option<String> {
    let hijri = style.announced.hijri(date)?;
    let month = name(&HIJRI_MONTHS, usize::from(hijri.month).checked_sub(1)?, language);
    let day = plain(language, style, hijri.day.into());
    let year = plain(language, style, hijri.year.into());
    Some(match language.grammar() {
        Grammar::Ar => format!("{day} {month} {year}هـ"),
        Grammar::En => format!("{day} {month} {year} AH"),
    })
}

/// The weekday and the Gregorian day alone, where every letter counts: «الثلاثاء 9 ديسمبر», "Tuesday 9 December".
pub fn short_text(language: Language, style: &Style, date: NaiveDate) -> String {
    let month = name(&GREGORIAN_MONTHS, usize::try_from(date.month0()).unwrap_or_default(), language);
    format!("{} {} {month}", weekday(language, date), plain(language, style, date.day().into()))
}

/// The whole date: «الثلاثاء 18 جمادى الآخرة 1447هـ الموافق 9 ديسمبر 2025م»,
/// "Tuesday 9 December 2025 (18 Jumada al-Akhirah 1447 AH)".
pub fn date_text(language: Language, style: &Style, date: NaiveDate) -> String {
    let weekday = weekday(language, date);
    let gregorian = gregorian_text(language, style, date);
    match (language.grammar(), hijri_text(language, style, date)) {
        (Grammar::Ar, Some(hijri)) => format!("{weekday} {hijri} الموافق {gregorian}"),
        (Grammar::En, Some(hijri)) => format!("{weekday} {gregorian} ({hijri})"),
        (Grammar::Ar | Grammar::En, None) => format!("{weekday} {gregorian}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Digits;

    const STYLE: Style =
        Style { zone: chrono_tz::Asia::Riyadh, arabic_digits: Digits::Latn, announced: Announced::NONE };

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn announced(all: &[(i32, u8, &str)]) -> Announced {
        let mut announced = Announced::NONE;
        for (year, month, start) in all {
            announced.announce(*year, *month, day(start)).unwrap();
        }
        announced
    }

    /// Every day of some years: each is the one after that before it, and no month is shorter than 29 days or longer than 30.
    fn check_run(announced: &Announced) {
        let days: Vec<Hijri> =
            (0..900).map(|step| announced.hijri(day("2026-06-01") + Days::new(step)).unwrap()).collect();
        for pair in days.windows(2) {
            let (one, next) = (pair[0], pair[1]);
            let is_next = next == Hijri { day: one.day + 1, ..one } && one.day < 30;
            let is_new = next.day == 1 && (next.year, next.month) == after(one.year, one.month) && 29 <= one.day;
            assert!(is_next || is_new, "{one:?} {next:?}");
        }
    }

    #[test]
    fn an_announced_month_moves_its_dates_and_those_after_it_run_on() {
        // Published: Ramadan 1448 begins on 8 February 2027, after 29 days of Sha'ban or 30.
        let published = hijri(day("2027-02-08")).unwrap();
        assert_eq!((published.year, published.month, published.day), (1448, 9, 1));
        let shaban = (day("2027-02-08") - start_near(1448, 8, day("2027-01-10")).unwrap()).num_days();
        let moved = if shaban == 29 { "2027-02-09" } else { "2027-02-07" };
        let announced = announced(&[(1448, 9, moved)]);
        let told = announced.hijri(day(moved)).unwrap();
        assert_eq!((told.year, told.month, told.day), (1448, 9, 1));
        let eve = announced.hijri(day(moved) - Days::new(1)).unwrap();
        assert_eq!((eve.month, i64::from(eve.day)), (8, if shaban == 29 { 30 } else { 29 }));
        check_run(&announced);
        let style = Style { announced, ..STYLE };
        assert!(date_text(Language::En, &style, day(moved)).contains("(1 Ramadan 1448 AH)"));
        check_run(&Announced::NONE);
    }

    #[test]
    fn what_cannot_be_announced_is_refused() {
        let mut none = Announced::NONE;
        let why = |result: Result<(), String>| result.unwrap_err();
        assert!(why(none.announce(1448, 9, day("2027-02-11"))).contains("a day apart at most"));
        assert!(why(none.announce(1448, 9, day("2027-08-01"))).contains("another time of the year"));
        let shaban = (day("2027-02-08") - start_near(1448, 8, day("2027-01-10")).unwrap()).num_days();
        let impossible = if shaban == 29 { "2027-02-07" } else { "2027-02-09" };
        assert!(why(none.announce(1448, 9, day(impossible))).contains("the month before it would have"));
        assert_eq!(none, Announced::NONE);
    }

    #[test]
    fn known_days_have_their_hijri_dates() {
        let check = |civil: &str, year, month, dom| {
            assert_eq!(hijri(day(civil)), Some(Hijri { year, month, day: dom }), "{civil}");
        };
        check("2009-11-25", 1430, 12, 8);
        check("2011-01-26", 1432, 2, 22);
        check("2017-11-21", 1439, 3, 3);
        check("2025-12-09", 1447, 6, 18);
    }

    #[test]
    fn beyond_the_published_calendar_only_the_gregorian_date_is_told() {
        assert_eq!(hijri(day("2040-01-01")), None);
        assert_eq!(hijri(day("1900-01-01")), None);
        assert_eq!(date_text(Language::Ar, &STYLE, day("2040-01-01")), "الأحد 1 يناير 2040م");
        assert_eq!(date_text(Language::En, &STYLE, day("2040-01-01")), "Sunday 1 January 2040");
    }

    #[test]
    fn dates_read_as_offices_write_them() {
        let date = day("2025-12-09");
        assert_eq!(date_text(Language::Ar, &STYLE, date), "الثلاثاء 18 جمادى الآخرة 1447هـ الموافق 9 ديسمبر 2025م");
        assert_eq!(date_text(Language::En, &STYLE, date), "Tuesday 9 December 2025 (18 Jumada al-Akhirah 1447 AH)");
        let arab = Style { arabic_digits: Digits::Arab, ..STYLE };
        assert_eq!(date_text(Language::Ar, &arab, date), "الثلاثاء ١٨ جمادى الآخرة ١٤٤٧هـ الموافق ٩ ديسمبر ٢٠٢٥م");
    }

    #[test]
    fn month_starts_agree_with_the_published_table_when_it_is_here() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/hijri/umalqura_month_starts.csv");
        let Ok(table) = std::fs::read_to_string(path) else { return };
        let mut checked = 0;
        for line in table.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let (year, month): (i32, u8) = (fields[0].parse().unwrap(), fields[1].parse().unwrap());
            if (FIRST_HIJRI_YEAR..=LAST_HIJRI_YEAR).contains(&year) {
                assert_eq!(hijri(day(fields[2])), Some(Hijri { year, month, day: 1 }), "{line}");
                checked += 1;
            }
        }
        assert!(350 < checked);
    }
}
