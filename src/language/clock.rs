//! Times of day as they are spoken: «الساعة الواحدة فجرًا», "1 am".
//!
//! The Arabic parts of the day, as Saudi warnings use them; each begins with the hour named:
//!
//! | from | part |
//! |---|---|
//! | 00:00 | منتصف الليل, and بعد منتصف الليل until 01:00 |
//! | 01:00 | فجرًا |
//! | 05:00 | صباحًا |
//! | 12:00 | ظهرًا |
//! | 15:00 | عصرًا |
//! | 18:00 | مساءً |
//! | 22:00 | ليلًا |
//!
//! Midnight belongs to two days. It opens a period on the day that begins and closes one on the day that ends, and whoever tells
//! it has to say which, so that nobody waits a day too long or too short.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, Timelike};

use crate::language::number::{plain, two_digits};
use crate::language::{Grammar, Language, Style};

/// Whether a time opens a period or closes it; only midnight is told differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// It begins then.
    Start,
    /// It ends then.
    End,
}

const HOURS: [&str; 12] = [
    "الثانية عشرة",
    "الواحدة",
    "الثانية",
    "الثالثة",
    "الرابعة",
    "الخامسة",
    "السادسة",
    "السابعة",
    "الثامنة",
    "التاسعة",
    "العاشرة",
    "الحادية عشرة",
];

fn part_of_day(hour: u32) -> &'static str {
    match hour {
        0 => "بعد منتصف الليل",
        1..5 => "فجرًا",
        5..12 => "صباحًا",
        12..15 => "ظهرًا",
        15..18 => "عصرًا",
        18..22 => "مساءً",
        _ => "ليلًا",
    }
}

/// The day that a moment is told by: an end at midnight belongs to the day that it ends. For midnight, also which end it is.
pub fn told(moment: NaiveDateTime, edge: Edge) -> (NaiveDate, Option<Edge>) {
    let (date, time) = (moment.date(), moment.time());
    let is_midnight = time.hour() == 0 && time.minute() == 0;
    match edge {
        _ if !is_midnight => (date, None),
        Edge::Start => (date, Some(Edge::Start)),
        Edge::End => (date.pred_opt().unwrap_or(date), Some(Edge::End)),
    }
}

/// A time of day: «الساعة الواحدة فجرًا», «الساعة 1:30 فجرًا», "1 am", "1:30 pm", "noon", "midnight".
pub fn clock_text(language: Language, style: &Style, time: NaiveTime) -> String {
    let (hour, minute) = (time.hour(), time.minute());
    let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
    let digits = || format!("{}:{}", plain(language, style, twelve.into()), two_digits(language, style, minute));
    match (language.grammar(), hour, minute) {
        (Grammar::Ar, 0, 0) => "منتصف الليل".to_owned(),
        (Grammar::Ar, _, 0) => {
            let word = HOURS.get(usize::try_from(hour % 12).unwrap_or_default()).copied().unwrap_or_default();
            format!("الساعة {word} {}", part_of_day(hour))
        }
        (Grammar::Ar, _, _) => format!("الساعة {} {}", digits(), part_of_day(hour)),
        (Grammar::En, 0, 0) => "midnight".to_owned(),
        (Grammar::En, 12, 0) => "noon".to_owned(),
        (Grammar::En, _, _) => {
            let half = if hour < 12 { "am" } else { "pm" };
            if minute == 0 {
                format!("{} {half}", plain(language, style, twelve.into()))
            } else {
                format!("{} {half}", digits())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Digits;
    use crate::language::date::Announced;

    const STYLE: Style =
        Style { zone: chrono_tz::Asia::Riyadh, arabic_digits: Digits::Latn, announced: Announced::NONE };

    fn check(time: &str, ar: &str, en: &str) {
        let time: NaiveTime = format!("{time}:00").parse().unwrap();
        assert_eq!(clock_text(Language::Ar, &STYLE, time), ar);
        assert_eq!(clock_text(Language::En, &STYLE, time), en);
    }

    #[test]
    fn times_are_told_as_they_are_spoken() {
        check("00:30", "الساعة 12:30 بعد منتصف الليل", "12:30 am");
        check("01:00", "الساعة الواحدة فجرًا", "1 am");
        check("01:30", "الساعة 1:30 فجرًا", "1:30 am");
        check("05:00", "الساعة الخامسة صباحًا", "5 am");
        check("11:05", "الساعة 11:05 صباحًا", "11:05 am");
        check("13:00", "الساعة الواحدة ظهرًا", "1 pm");
        check("15:00", "الساعة الثالثة عصرًا", "3 pm");
        check("21:00", "الساعة التاسعة مساءً", "9 pm");
        check("23:00", "الساعة الحادية عشرة ليلًا", "11 pm");
    }

    #[test]
    fn noon_and_midnight_have_their_names() {
        check("00:00", "منتصف الليل", "midnight");
        check("12:00", "الساعة الثانية عشرة ظهرًا", "noon");
        check("12:30", "الساعة 12:30 ظهرًا", "12:30 pm");
    }

    #[test]
    fn midnight_says_which_end_of_the_day_it_is() {
        let moment: NaiveDateTime = "2025-12-10T00:00:00".parse().unwrap();
        let tuesday: NaiveDate = "2025-12-09".parse().unwrap();
        assert_eq!(told(moment, Edge::End), (tuesday, Some(Edge::End)));
        assert_eq!(told(moment, Edge::Start), (moment.date(), Some(Edge::Start)));
        let later = moment + chrono::TimeDelta::minutes(1);
        assert_eq!(told(later, Edge::End), (later.date(), None));
    }
}
