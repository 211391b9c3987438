//! What is otherwise in one set of rules than in another, in plain words: what staff read before and after a change, and what the
//! journal keeps of it. The same rules in another order are no difference.

use std::collections::{BTreeMap, BTreeSet};

use super::{Agreement, Condition, Direction, Override, Rule, RuleBook, Sight, Statistic, Threshold, Voice, Window};
use crate::governorate::GovernorateBook;
use crate::hazard::Severity;
use crate::ids::{GovernorateId, RuleId};
use crate::reading::Basis;
use crate::time::{TimeDelta, span_text};
use crate::unit::Unit;

/// Every difference, a sentence each: first what is gone, then what is new, then what changed, by rule.
pub fn differences(before: &RuleBook, after: &RuleBook) -> Vec<String> {
    let by_id = |book: &RuleBook| -> BTreeMap<RuleId, Rule> {
        book.rules.iter().map(|rule| (rule.id.clone(), rule.clone())).collect()
    };
    let (old, new) = (by_id(before), by_id(after));
    let gone = old.values().filter(|rule| !new.contains_key(&rule.id));
    let mut all: Vec<String> =
        gone.map(|rule| format!("{}: taken out; what it has warned of stands until its time is up", rule.id)).collect();
    let fresh = new.values().filter(|rule| !old.contains_key(&rule.id));
    all.extend(fresh.map(|rule| format!("{}: new, {}", rule.id, summary(rule))));
    for (id, rule) in &new {
        let Some(was) = old.get(id) else { continue };
        let changes = changes(was, rule, &after.governorates);
        all.extend(changes.into_iter().map(|change| format!("{id}: {change}")));
    }
    all.extend(seasons(before, after));
    all.extend(times(before, after));
    all
}

/// What a rule warns of, in a few words.
fn summary(rule: &Rule) -> String {
    let thresholds: Vec<String> = rule
        .thresholds
        .iter()
        .map(|one| format!("{} {} {}", one.severity, side(rule.direction), quantity(rule, one.raise)))
        .collect();
    format!("{} by {} over {}: {}", rule.hazard, rule.metric, window(rule.window), thresholds.join(", "))
}

fn changes(was: &Rule, is: &Rule, book: &GovernorateBook) -> Vec<String> {
    let mut all = Vec::new();
    let mut note = |what: &str, old: String, new: String| {
        if old != new {
            all.push(format!("{what} {old} -> {new}"));
        }
    };
    note("hazard", was.hazard.to_string(), is.hazard.to_string());
    note("metric", was.metric.to_string(), is.metric.to_string());
    note("window", window(was.window), window(is.window));
    note("sight", sight(was.sight).to_owned(), sight(is.sight).to_owned());
    for (what, old, new) in [
        ("look_ahead", was.look_ahead, is.look_ahead),
        ("rise_after", was.rise_after, is.rise_after),
        ("ease_after", was.ease_after, is.ease_after),
        ("lasts", was.lasts, is.lasts),
    ] {
        note(what, span_text(old), span_text(new));
    }
    note("highest_from_forecast", was.highest_from_forecast.to_string(), is.highest_from_forecast.to_string());
    note("may_raise", voices(was), voices(is));
    note("agree", agreement(was.agree), agreement(is.agree));
    note("also", conditions(&was.also), conditions(&is.also));
    note("either", conditions(&was.either), conditions(&is.either));
    note("signed_off_by", signed(was), signed(is));
    note("source", format!("«{}»", was.source), format!("«{}»", is.source));
    if was.metric == is.metric && was.window.statistic == is.window.statistic && was.direction == is.direction {
        all.extend(thresholds(was, is, &was.thresholds, &is.thresholds, ""));
    } else if was.thresholds != is.thresholds || was.direction != is.direction {
        all.push(format!("now warns by {}", summary(is)));
    }
    all.extend(places(&was.governorates, &is.governorates, book));
    all.extend(overrides(was, is, book));
    all
}

/// The thresholds that differ, `red 40 -> 30 mm`; `of` says for whom, where that is not everybody.
fn thresholds(was: &Rule, is: &Rule, old: &[Threshold], new: &[Threshold], of: &str) -> Vec<String> {
    let find = |list: &[Threshold], severity: Severity| list.iter().find(|one| one.severity == severity).copied();
    let mut all = Vec::new();
    for severity in Severity::OF_RULES {
        let (before, after) = (find(old, severity), find(new, severity));
        let text = match (before, after) {
            (None, None) => continue,
            (None, Some(after)) => format!("{severity} is new: {} {}", side(is.direction), quantity(is, after.raise)),
            (Some(before), None) => format!("{severity} {} is gone", quantity(was, before.raise)),
            (Some(before), Some(after)) if before == after => continue,
            (Some(before), Some(after)) if before.raise.total_cmp(&after.raise).is_eq() => {
                format!("{severity} clears at {} -> {}", number(is, before.clear), quantity(is, after.clear))
            }
            (Some(before), Some(after)) => {
                let clears = format!("clears at {}", quantity(is, after.clear));
                format!("{severity} {} -> {} ({clears})", number(is, before.raise), quantity(is, after.raise))
            }
        };
        all.push(format!("{of}{text}"));
    }
    all
}

/// The governorates that came and went.
fn places(old: &BTreeSet<GovernorateId>, new: &BTreeSet<GovernorateId>, book: &GovernorateBook) -> Vec<String> {
    let mut all = Vec::new();
    let gone = names(&(old - new), book);
    let come = names(&(new - old), book);
    if !come.is_empty() {
        all.push(format!("holds in {come} as well"));
    }
    if !gone.is_empty() {
        all.push(format!("does not hold in {gone} any more"));
    }
    all
}

fn names(places: &BTreeSet<GovernorateId>, book: &GovernorateBook) -> String {
    let in_order = book.iter().filter(|place| places.contains(&place.id)).map(|place| place.name.en.clone());
    let strangers = places.iter().filter(|id| book.get(id).is_none()).map(ToString::to_string);
    in_order.chain(strangers).collect::<Vec<_>>().join(", ")
}

/// What is otherwise in places and seasons: each override by where and when it holds.
fn overrides(was: &Rule, is: &Rule, book: &GovernorateBook) -> Vec<String> {
    let label = |one: &Override| {
        let where_ = one.governorates.as_ref().map_or_else(|| "everywhere".to_owned(), |places| names(places, book));
        let when: Vec<&str> = one.seasons.iter().map(crate::ids::SeasonId::as_str).collect();
        if when.is_empty() { where_ } else { format!("{where_} in {}", when.join(", ")) }
    };
    let listed = |rule: &Rule| -> BTreeMap<String, Override> {
        rule.overrides.iter().map(|one| (label(one), one.clone())).collect()
    };
    let (old, new) = (listed(was), listed(is));
    let mut all = Vec::new();
    for (name, before) in &old {
        match new.get(name) {
            None => all.push(format!("{name}: no longer otherwise than everywhere")),
            Some(after) if after == before => {}
            Some(after) => all.extend(changed(was, is, before, after, &format!("{name}: "))),
        }
    }
    for (name, after) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
        all.extend(changed(is, is, &Override::default(), after, &format!("{name}: ")));
    }
    all
}

fn changed(was: &Rule, is: &Rule, before: &Override, after: &Override, of: &str) -> Vec<String> {
    let (old, new) = (&before.changes, &after.changes);
    let base = |own: &Option<Vec<Threshold>>, rule: &Rule| own.clone().unwrap_or_else(|| rule.thresholds.clone());
    let mut all = thresholds(was, is, &base(&old.thresholds, was), &base(&new.thresholds, is), of);
    let switch = |own: Option<bool>| if own.unwrap_or(true) { "on" } else { "off" };
    if old.is_enabled != new.is_enabled {
        all.push(format!("{of}{} -> {}", switch(old.is_enabled), switch(new.is_enabled)));
    }
    for (what, old, new, usual) in [
        ("rise_after", old.rise_after, new.rise_after, is.rise_after),
        ("ease_after", old.ease_after, new.ease_after, is.ease_after),
        ("lasts", old.lasts, new.lasts, is.lasts),
    ] {
        if old != new {
            let text = |own: Option<TimeDelta>| span_text(own.unwrap_or(usual));
            all.push(format!("{of}{what} {} -> {}", text(old), text(new)));
        }
    }
    all
}

fn seasons(before: &RuleBook, after: &RuleBook) -> Vec<String> {
    let told = |book: &RuleBook| -> BTreeMap<String, String> {
        book.seasons.iter().map(|(name, season)| (name.to_string(), season.to_string())).collect()
    };
    let (old, new) = (told(before), told(after));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let none = || "none".to_owned();
    let change = |name: &&String| {
        let (was, is) = (old.get(*name), new.get(*name));
        let text = |season: Option<&String>| season.cloned().unwrap_or_else(none);
        (was != is).then(|| format!("season {name}: {} -> {}", text(was), text(is)))
    };
    names.iter().filter_map(change).collect()
}

fn times(before: &RuleBook, after: &RuleBook) -> Vec<String> {
    let (old, new) = (&before.times, &after.times);
    let all = [
        ("validity", old.validity, new.validity),
        ("extend_before", old.extend_before, new.extend_before),
        ("longest_silence", old.longest_silence, new.longest_silence),
        ("end_notice", old.end_notice, new.end_notice),
        ("group_wait", old.group_wait, new.group_wait),
        ("flap_within", old.flap_within, new.flap_within),
    ];
    let change = |(what, old, new): (&str, TimeDelta, TimeDelta)| {
        (old != new).then(|| format!("warnings: {what} {} -> {}", span_text(old), span_text(new)))
    };
    all.into_iter().filter_map(change).collect()
}

fn side(direction: Direction) -> &'static str {
    match direction {
        Direction::AtLeast => "from",
        Direction::AtMost => "down to",
    }
}

fn window(window: Window) -> String {
    format!("{} {}", window.statistic.name(), span_text(window.span))
}

fn sight(sight: Sight) -> &'static str {
    match sight {
        Sight::Any => "any",
        Sight::Observed => "observed",
        Sight::Forecast => "forecast",
    }
}

fn voices(rule: &Rule) -> String {
    let name = |voice: &Voice| match voice {
        Voice::Basis(Basis::Observed) => "observed".to_owned(),
        Voice::Basis(Basis::Forecast) => "forecast".to_owned(),
        Voice::Named(name) => name.clone(),
    };
    let all: Vec<String> = rule
        .may_raise
        .iter()
        .map(|(severity, voices)| format!("{severity} {}", voices.iter().map(name).collect::<Vec<_>>().join("/")))
        .collect();
    if all.is_empty() { "all".to_owned() } else { all.join(", ") }
}

fn agreement(agree: Agreement) -> String {
    match agree {
        Agreement::Feeds(1) | Agreement::Stations(1) => "one".to_owned(),
        Agreement::Feeds(count) => format!("{count} feeds"),
        Agreement::Stations(count) => format!("{count} stations"),
    }
}

fn conditions(all: &[Condition]) -> String {
    let text = |one: &Condition| {
        let value = plain(one.unit.from_canonical(one.threshold));
        let unit =
            if one.window.statistic == Statistic::Rate { format!("{}/h", one.unit) } else { one.unit.to_string() };
        format!("{} {} {} {value} {unit}", one.metric, window(one.window), side(one.direction)).trim().to_owned()
    };
    if all.is_empty() { "none".to_owned() } else { all.iter().map(text).collect::<Vec<_>>().join(", ") }
}

fn signed(rule: &Rule) -> String {
    rule.signed_off_by.clone().unwrap_or_else(|| "nobody".to_owned())
}

/// A threshold of a rule in the unit that it was written in, without the unit.
fn number(rule: &Rule, value: f64) -> String {
    let text = quantity(rule, value);
    text.split_once(' ').map_or(text.clone(), |(number, _)| number.to_owned())
}

/// The same with its unit.
fn quantity(rule: &Rule, value: f64) -> String {
    written(value, rule.unit, rule.window)
}

/// A canonical value in a unit, by the hour for a rate.
pub fn written(value: f64, unit: Unit, window: Window) -> String {
    let is_rate = window.statistic == Statistic::Rate;
    // A difference has no offset.
    let offset = if is_rate { unit.from_canonical(0.0) } else { 0.0 };
    let by_the_hour = if is_rate { "/h" } else { "" };
    let symbol = if unit == Unit::Code { "" } else { unit.symbol() };
    format!("{} {symbol}{by_the_hour}", plain(unit.from_canonical(value) - offset)).trim().to_owned()
}

/// A number as people write it: three decimals at most, and none that say nothing.
fn plain(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::from_files;

    /// The differences that a change of one rule file makes.
    #[track_caller]
    fn check(before: &str, after: &str, expected: &[&str]) {
        let book = |text: &str| {
            let files = BTreeMap::from([("rules/case.toml".to_owned(), text.to_owned())]);
            from_files(files).unwrap_or_else(|problems| panic!("{problems:?}")).0.rules
        };
        assert_eq!(differences(&book(before), &book(after)), expected, "{after}");
    }

    const RAIN: &str = "[rain]\nhazard = \"rain\"\nmetric = \"precipitation\"\nwindow = { sum = \"1h\" }\n\
                        at_least = { yellow = \"1 cm\", red = \"40 mm\" }\nsource = \"a test\"\n";

    #[test]
    fn the_same_rules_are_no_difference() {
        check(RAIN, RAIN, &[]);
        check(RAIN, &format!("# moved\n{}", RAIN.replace("1 cm", "10 mm")), &[]);
    }

    #[test]
    fn what_changed_is_told_in_the_words_of_the_file() {
        check(RAIN, &RAIN.replace("40 mm", "30 mm"), &["rain: red 4 -> 3 cm (clears at 2.7 cm)"]);
        check(
            RAIN,
            &RAIN.replace("sum = \"1h\"", "sum = \"3h\"").replace(", red = \"40 mm\"", ", orange = \"25 mm\""),
            &["rain: window sum 1h -> sum 3h", "rain: orange is new: from 2.5 cm", "rain: red 4 cm is gone"],
        );
        check(
            RAIN,
            &format!(
                "{RAIN}ease_after = \"2h\"\nagree = 2\nsigned_off_by = \"N. N.\"\ngovernorates = {{ without_tags = [\"highland\"] }}\n"
            ),
            &[
                "rain: ease_after 1h -> 2h",
                "rain: agree one -> 2 feeds",
                "rain: signed_off_by nobody -> N. N.",
                "rain: does not hold in Taif, Maysan any more",
            ],
        );
    }

    #[test]
    fn overrides_say_where_and_when() {
        let with = format!(
            "{RAIN}[[rain.override]]\ngovernorates = [\"taif\"]\nat_least = {{ red = \"30 mm\" }}\n\
             [[rain.override]]\nseasons = [\"hajj\"]\nenabled = false\nrise_after = \"10min\"\n"
        );
        check(
            RAIN,
            &with,
            &[
                "rain: Taif: red 4 -> 3 cm (clears at 2.7 cm)",
                "rain: everywhere in hajj: on -> off",
                "rain: everywhere in hajj: rise_after 0s -> 10min",
            ],
        );
        check(&with, &with.replace("30 mm", "35 mm"), &["rain: Taif: red 3 -> 3.5 cm (clears at 3.15 cm)"]);
        check(
            &with,
            RAIN,
            &[
                "rain: Taif: no longer otherwise than everywhere",
                "rain: everywhere in hajj: no longer otherwise than everywhere",
            ],
        );
    }

    #[test]
    fn rules_come_and_go() {
        let other = RAIN.replace("[rain]", "[downpour]");
        check(
            RAIN,
            &other,
            &[
                "rain: taken out; what it has warned of stands until its time is up",
                "downpour: new, rain by precipitation over sum 1h: yellow from 1 cm, red from 4 cm",
            ],
        );
    }
}
