//! The stories of rules: `stories = ["00:00 25 mm -> 00:00 issued yellow"]`, and `[[rain-rate-1h.story]]` for those that name their
//! day and place. What they come to is not looked at here: see [`Config::check_stories`](super::Config::check_stories).

use std::ops::Range;
use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;

use super::selection;
use crate::governorate::GovernorateBook;
use crate::ids::{GovernorateId, RuleId};
use crate::problem::{Level, Problem, SourceFile};
use crate::rule::{Rule, RuleBook};
use crate::story::{Scene, Story};
use crate::table::{Found, Table};
use crate::time::Timestamp;
use crate::unit::Metric;

/// The most stories of one rule.
pub const MAX_STORIES: usize = 100;
/// The day of a story that names none: the middle of winter, in no season of the shipped configuration.
const USUAL_DAY: NaiveDate = NaiveDate::from_ymd_opt(2026, 1, 15).expect("it is a day");

/// A story as it is written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Of which rule.
    pub rule: RuleId,
    story: Story,
    day: NaiveDate,
    governorate: Option<GovernorateId>,
    file: Arc<SourceFile>,
    span: Range<usize>,
}

/// Reads the stories of a rule.
pub(super) fn read(
    table: &Table<'_>,
    rule: Option<&RuleId>,
    metric: Option<Metric>,
    book: &GovernorateBook,
) -> Vec<Written> {
    let mut all = Vec::new();
    let mut take = |table: &Table<'_>, text: &Found<String>, day: Option<NaiveDate>, governorate| {
        let Some((metric, rule)) = metric.zip(rule) else { return };
        match Story::parse(&text.value, metric) {
            Ok(story) => all.push(Written {
                rule: rule.clone(),
                story,
                day: day.unwrap_or(USUAL_DAY),
                governorate,
                file: Arc::clone(table.file()),
                span: text.span.clone(),
            }),
            Err(why) => table.error(&text.span, why, None),
        }
    };
    for text in table.texts("stories").unwrap_or_default() {
        take(table, &text, None, None);
    }
    for inner in table.tables("story") {
        let day = inner.text("on", |text| {
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d");
            day.map_err(|_| format!("`{text}` is no date: write year, month and day, such as `2026-05-20`"))
        });
        let governorate = inner.text("governorate", |text| Ok(text.to_owned())).and_then(|name| {
            let known = selection::known(&name.value, book);
            known
                .map_err(|help| inner.error(&name.span, format!("no governorate is called `{}`", name.value), help))
                .ok()
        });
        let told = inner.need_text("told", "\"00:00 25 mm -> 00:00 issued yellow\"", |text| Ok(text.to_owned()));
        if let Some(told) = told {
            take(&inner, &told, day.map(|day| day.value), governorate);
        }
        inner.finish();
    }
    if MAX_STORIES < all.len() {
        table.error(&table.span_of("stories"), format!("a rule has more than {MAX_STORIES} stories"), None);
        all.truncate(MAX_STORIES);
    }
    all
}

impl Written {
    /// Lives through it under the rules; a problem when it ends otherwise. A rule that is switched off has none.
    pub(super) fn check(&self, book: &RuleBook, zone: Tz) -> Option<Problem> {
        let rule = book.rules.iter().find(|rule| rule.id == self.rule)?;
        let problem = |message: String, help: String| Problem {
            file: Arc::clone(&self.file),
            span: self.span.clone(),
            level: Level::Error,
            message,
            help: Some(help),
        };
        let Some(governorate) = self.place(rule, book) else {
            let message = format!("the story is of a governorate in which `{}` does not hold", self.rule);
            return Some(problem(message, "name one of the rule's own governorates".to_owned()));
        };
        let begins = begin_of(self.day, zone);
        let scene = Scene { rule: self.rule.clone(), governorate, begins };
        let told = self.story.check(book, &scene).err()?;
        let help = format!("what is said is: {told}; change the rule, or the story if that is what is wanted");
        Some(problem(format!("this story of `{}` ends otherwise", self.rule), help))
    }

    fn place(&self, rule: &Rule, book: &RuleBook) -> Option<GovernorateId> {
        match &self.governorate {
            Some(named) => Some(named.clone()).filter(|named| rule.governorates.contains(named)),
            None => book.governorates.iter().map(|place| &place.id).find(|id| rule.governorates.contains(*id)).cloned(),
        }
    }
}

/// Midnight of a day in a zone; where clocks are set forward at midnight, the first moment after it.
fn begin_of(day: NaiveDate, zone: Tz) -> Timestamp {
    let midnight = day.and_time(NaiveTime::MIN);
    midnight.and_local_timezone(zone).earliest().map_or_else(|| midnight.and_utc(), |moment| moment.to_utc())
}
