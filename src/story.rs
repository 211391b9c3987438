//! Stories: what the staff expect of a rule, in one line, lived through by the same engine as the weather.
//!
//! ```text
//! 00:00 5 mm, 00:10 25 mm, 01:30 - -> 00:10 issued orange; 01:40 lifted orange
//! ```
//! Left of the arrow stands what is measured at which time, right of it what is said. Nothing here reads a clock or a file.
//!
//! * A time is hours and minutes since the story began; hours may go beyond 24.
//! * A value is one of the rule's own metric, or begins with the name of another: `visibility 800 m`. Several of one time are joined
//!   by `and`; `-` is silence. `forecast for 06:00` behind a value makes it a forecast, and `metar:` before it says which feed tells
//!   it, by name or by kind; otherwise one feed measures and another one forecasts.
//! * A value speaks for the time since the one before it of the same metric, an hour at most; the first one for as long as the
//!   second. A single one speaks for an hour, and so does a forecast.
//! * The rule lives alone: no other rule and no authority speaks. What is said is each change with its severity, in order. That a
//!   warning was extended or updated counts only where the story names such a change.

use std::collections::BTreeMap;
use std::fmt;

use crate::bulletin::Change;
use crate::engine::{Event, Heard, State, step};
use crate::feed::Batch;
use crate::hazard::Severity;
use crate::ids::{FeedId, GovernorateId, RuleId};
use crate::reading::{Basis, Reading};
use crate::rule::{FeedTerms, Rule, RuleBook, WarningTimes};
use crate::time::{TimeDelta, Timestamp};
use crate::unit::{Metric, Unit, parse_quantity};

/// The longest story, in characters.
pub const MAX_LEN: usize = 4000;
/// The longest time that a story may take.
pub const MAX_TIME: TimeDelta = TimeDelta::days(4);
/// How often the engine looks at the clock in a story: times are told by the minute.
const TICK: TimeDelta = TimeDelta::minutes(1);
/// What a value speaks for at most, and a single one and a forecast always.
const LONGEST_STEP: TimeDelta = TimeDelta::hours(1);
/// How old the word of a feed that is not configured may be in a story and still count.
const STALE_AFTER: TimeDelta = TimeDelta::minutes(90);

/// A value that is told at a time of the story.
#[derive(Debug, Clone, PartialEq)]
struct Value {
    metric: Metric,
    /// Canonical.
    value: f64,
    /// Who tells it.
    feed: Option<String>,
    /// For which time, when it is a forecast.
    ahead: Option<TimeDelta>,
}

/// One line of a story.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    values: Vec<(TimeDelta, Vec<Value>)>,
    expected: Vec<Said>,
}

/// One thing that is said in a story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    at: TimeDelta,
    change: Change,
    severity: Severity,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.at.num_minutes();
        write!(f, "{:02}:{:02} {} {}", minutes / 60, minutes % 60, self.change.name(), self.severity)
    }
}

/// Where and when a story is lived through.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// The rule.
    pub rule: RuleId,
    /// The governorate.
    pub governorate: GovernorateId,
    /// When 00:00 is: the rule is as it holds in that season.
    pub begins: Timestamp,
}

impl Story {
    /// Reads a story of a rule that looks at a metric.
    ///
    /// # Errors
    /// A sentence that says which part is wrong and what to write.
    pub fn parse(text: &str, metric: Metric) -> Result<Self, String> {
        if MAX_LEN < text.chars().count() {
            return Err(format!("the story is longer than {MAX_LEN} characters"));
        }
        let (told, expected) = text.split_once("->").ok_or_else(|| {
            format!(
                "`{text}` has no arrow: write what is measured, `->`, and what is said, such as `00:10 issued yellow`"
            )
        })?;
        let mut values: Vec<(TimeDelta, Vec<Value>)> = Vec::new();
        for moment in told.split(',').map(str::trim).filter(|moment| !moment.is_empty()) {
            let (at, rest) = moment.split_once(char::is_whitespace).unwrap_or((moment, ""));
            let at = time(at)?;
            if values.last().is_some_and(|(before, _)| at <= *before) {
                return Err(format!("`{moment}` does not come after what stands before it"));
            }
            values.push((at, items(rest.trim(), metric)?));
        }
        if values.is_empty() {
            return Err("nothing is measured in this story".to_owned());
        }
        let expected = expected.trim();
        let expected: Vec<Said> = match expected {
            "" => return Err("nothing stands after the arrow: write `nothing` where nothing is to be said".to_owned()),
            "nothing" => Vec::new(),
            said => said.split([';', ',']).map(str::trim).map(expectation).collect::<Result<_, _>>()?,
        };
        if let Some(late) = expected.windows(2).find(|pair| matches!(pair, [one, other] if other.at < one.at)) {
            return Err(format!(
                "`{}` does not come after what stands before it",
                late.last().map_or_else(String::new, ToString::to_string)
            ));
        }
        Ok(Self { values, expected })
    }

    /// Lives through the story and tells what was said, when that is something else.
    ///
    /// # Errors
    /// What was said instead, in the words of stories.
    pub fn check(&self, book: &RuleBook, scene: &Scene) -> Result<(), String> {
        let is_named = |change: Change| self.expected.iter().any(|said| said.change == change);
        let is_told = |said: &Said| !matches!(said.change, Change::Extended | Change::Updated) || is_named(said.change);
        let said: Vec<Said> = self.live(book, scene).into_iter().filter(is_told).collect();
        if said == self.expected {
            return Ok(());
        }
        let told: Vec<String> = said.iter().map(Said::to_string).collect();
        Err(if told.is_empty() { "nothing".to_owned() } else { told.join("; ") })
    }

    /// What is said, in order.
    fn live(&self, book: &RuleBook, scene: &Scene) -> Vec<Said> {
        let book = self.alone(book, scene);
        let begins = scene.begins;
        let last =
            self.values.last().map(|(at, _)| *at).into_iter().chain(self.expected.last().map(|said| said.at)).max();
        let end = last.unwrap_or_default();
        let lengths = self.lengths();
        let mut state = State::default();
        let mut said = Vec::new();
        let mut turn = |event: &Event, at: TimeDelta| {
            let outcome = step(&book, &state, event, begins + at);
            said.extend(outcome.bulletins.iter().map(|one| Said { at, change: one.change, severity: one.severity }));
            state.adopt(outcome.changes);
        };
        let mut moments = self.values.iter().peekable();
        let mut at = TimeDelta::zero();
        while at <= end {
            while let Some((_, values)) = moments.next_if(|(when, _)| *when <= at) {
                for event in events(values, at, scene, &lengths) {
                    turn(&event, at);
                }
            }
            turn(&Event::Tick, at);
            at += TICK;
        }
        said
    }

    /// The rule by itself, with the feeds of the story beside those that are configured.
    fn alone(&self, book: &RuleBook, scene: &Scene) -> RuleBook {
        let rules: Vec<Rule> = book.rules.iter().filter(|rule| rule.id == scene.rule).cloned().collect();
        let mut feeds = book.feeds.clone();
        for value in self.values.iter().flat_map(|(_, values)| values) {
            let kind = crate::feed::KINDS.iter().find(|kind| Some(kind.name) == value.feed.as_deref());
            let terms = FeedTerms::new(kind.map_or("story", |kind| kind.name), STALE_AFTER);
            feeds.entry(feed_of(value)).or_insert(terms);
        }
        // There is no other place to wait for.
        let times = WarningTimes { group_wait: TimeDelta::zero(), ..book.times.clone() };
        RuleBook { rules: rules.into(), feeds, times, ..book.clone() }
    }

    /// For how long each value speaks, by its metric and its time.
    fn lengths(&self) -> BTreeMap<(Metric, TimeDelta), TimeDelta> {
        let mut times: BTreeMap<Metric, Vec<TimeDelta>> = BTreeMap::new();
        for (at, values) in &self.values {
            for value in values.iter().filter(|value| value.ahead.is_none()) {
                times.entry(value.metric).or_default().push(*at);
            }
        }
        let mut lengths = BTreeMap::new();
        for (metric, mut times) in times {
            times.dedup();
            let first = times.windows(2).find_map(|pair| matches!(pair, [_, _]).then(|| step_of(pair)));
            lengths.extend(times.first().map(|at| ((metric, *at), first.unwrap_or(LONGEST_STEP))));
            lengths.extend(times.windows(2).filter_map(|pair| Some(((metric, *pair.last()?), step_of(pair)))));
        }
        lengths
    }
}

/// The time between two values, an hour at most.
fn step_of(pair: &[TimeDelta]) -> TimeDelta {
    match pair {
        [before, at] => (*at - *before).min(LONGEST_STEP),
        _ => LONGEST_STEP,
    }
}

fn feed_of(value: &Value) -> FeedId {
    let name = value.feed.as_deref().unwrap_or(if value.ahead.is_some() { "forecast" } else { "measured" });
    FeedId::new(name).expect("it was parsed as a name")
}

/// What is told at one time, an answer for each feed.
fn events(
    values: &[Value],
    at: TimeDelta,
    scene: &Scene,
    lengths: &BTreeMap<(Metric, TimeDelta), TimeDelta>,
) -> Vec<Event> {
    let mut by_feed: BTreeMap<FeedId, Vec<Reading>> = BTreeMap::new();
    for value in values {
        let own = lengths.get(&(value.metric, at)).copied().filter(|_| value.ahead.is_none());
        let reading = Reading {
            governorate: scene.governorate.clone(),
            metric: value.metric,
            station: None,
            basis: if value.ahead.is_some() { Basis::Forecast } else { Basis::Observed },
            value: value.value,
            at: scene.begins + value.ahead.unwrap_or(at),
            covers: own.unwrap_or(LONGEST_STEP),
        };
        by_feed.entry(feed_of(value)).or_default().push(reading);
    }
    let told = |(feed, readings)| {
        let heard =
            Heard::Batch { batch: Batch { readings, ..Batch::default() }, validators: None, entries: Vec::new() };
        Event::Asked { feed, heard, skew: None }
    };
    by_feed.into_iter().map(told).collect()
}

fn time(text: &str) -> Result<TimeDelta, String> {
    let wrong =
        || format!("`{text}` is no time of a story: write hours and minutes since its beginning, such as `00:10`");
    let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
    let is_plain = |part: &str| !part.is_empty() && part.len() <= 3 && part.chars().all(|c| c.is_ascii_digit());
    if !is_plain(hours) || !is_plain(minutes) {
        return Err(wrong());
    }
    let (hours, minutes): (i64, i64) = (hours.parse().map_err(|_| wrong())?, minutes.parse().map_err(|_| wrong())?);
    let time = TimeDelta::minutes(hours * 60 + minutes);
    if 60 <= minutes {
        return Err(wrong());
    }
    if MAX_TIME < time {
        return Err(format!("`{text}` is too late: a story takes {} hours at most", MAX_TIME.num_hours()));
    }
    Ok(time)
}

/// The values of one time.
fn items(text: &str, metric: Metric) -> Result<Vec<Value>, String> {
    match text {
        "" => Err("a time has no value: write one, or `-` for silence".to_owned()),
        "-" => Ok(Vec::new()),
        text => text.split(" and ").map(|item| value(item.trim(), metric)).collect(),
    }
}

fn value(text: &str, metric: Metric) -> Result<Value, String> {
    let (feed, rest) = match text.split_once(':') {
        Some((name, rest)) if FeedId::new(name.trim()).is_ok() => (Some(name.trim().to_owned()), rest.trim()),
        _ => (None, text),
    };
    let (rest, ahead) = match rest.split_once(" forecast for ") {
        Some((rest, at)) => (rest.trim(), Some(time(at.trim())?)),
        None => (rest, None),
    };
    let first = rest.split_whitespace().next().unwrap_or_default();
    let (metric, quantity) = match Metric::parse(first) {
        Some(named) => (named, rest.get(first.len()..).unwrap_or_default().trim()),
        None => (metric, rest),
    };
    let (value, unit) = parse_quantity(quantity)?;
    let is_bare = unit == Unit::Code;
    if unit.dimension() != metric.dimension() {
        let symbol = metric.public_unit().symbol();
        let found = if is_bare { "has no unit".to_owned() } else { format!("is {}", unit.dimension().name()) };
        return Err(format!("`{quantity}` {found}; {metric} is written like `25 {symbol}`"));
    }
    if !metric.possible().contains(&value) {
        return Err(format!("`{quantity}` is no possible {metric}"));
    }
    Ok(Value { metric, value, feed, ahead })
}

fn expectation(text: &str) -> Result<Said, String> {
    let changes: Vec<&str> = Change::ALL.iter().map(|change| change.name()).collect();
    let wrong = || {
        format!(
            "`{text}` does not say what is said: write a time, one of {}, and a severity, such as `00:10 issued yellow`",
            changes.join(", ")
        )
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let [at, change, severity] = words.as_slice() else { return Err(wrong()) };
    let change = Change::ALL.iter().copied().find(|one| one.name() == *change).ok_or_else(wrong)?;
    let severity = Severity::parse(severity).ok_or_else(wrong)?;
    Ok(Said { at: time(at)?, change, severity })
}

#[cfg(test)]
mod tests;
