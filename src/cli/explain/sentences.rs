//! What a person on duty reads first: what is so, since when and by what, what would make it worse, and what nobody can tell.

use super::words::{Clock, amount, doubt, hold, over, speaker, worse};
use super::{HazardReport, Missing, Report};
use crate::bulletin::Evidence;
use crate::engine::explain::{InForce, RuleExplanation};
use crate::hazard::Severity;
use crate::reading::Basis;
use crate::rule::judge::account::{Account, SeverityAccount, Verdict, symbol_of, told_in};
use crate::time::{TimeDelta, span_text};

const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// All sentences of one hazard, each on its line.
pub(super) fn of(report: &Report, one: &HazardReport, clock: Clock) -> String {
    let explanation = &one.explanation;
    let mut lines = vec![format!("{BOLD}{}{PLAIN}", headline(report, one, clock))];
    lines.extend(explanation.warnings.iter().flat_map(|warning| warning_told(one, warning, clock)));
    if let Some(waits) = &explanation.waits {
        lines.push(format!(
            "Not told yet: {} has begun and waits since {} for other places, to be told with them at {} at the latest; red waits for nobody.",
            waits.severity,
            clock.second(waits.since),
            clock.second(waits.until)
        ));
    }
    if let Some(quiet) = &explanation.quiet {
        let by: Vec<&str> = quiet.because_of.iter().map(crate::ids::BulletinId::as_str).collect();
        lines.push(format!(
            "The rules keep quiet up to {}: an authority speaks of it ({}).",
            quiet.up_to,
            by.join(", ")
        ));
    }
    for due in &explanation.due {
        lines.push(format!(
            "Due at the next turn: {} {}. A running service says it within a minute.",
            due.change.name(),
            due.severity
        ));
    }
    let known = explanation.rules.iter().filter_map(|rule| Some((rule, rule.account.as_ref()?)));
    for (rule, account) in known {
        lines.extend(seen(rule, account, clock));
        lines.extend(latches(rule, clock));
        lines.extend(next(rule, account, explanation.severity, clock));
        lines.extend(unknown(rule, account, clock));
    }
    for rule in explanation.rules.iter().filter(|rule| !rule.is_on) {
        lines.push(format!("{} is switched off here and now by an override.", rule.rule));
    }
    if explanation.rules.is_empty() {
        lines.push(format!("No rule for {} is in force here.", explanation.hazard));
    }
    lines.extend(missing(&one.missing, clock));
    let mut text = String::new();
    for (place, line) in lines.iter().enumerate() {
        text.push_str(&format!("{}{line}\n", if place == 0 { "" } else { "  " }));
    }
    text
}

fn headline(report: &Report, one: &HazardReport, clock: Clock) -> String {
    let explanation = &one.explanation;
    let of = format!("{}, {}", report.name, explanation.hazard);
    let Some(warning) = headlined(one, clock) else { return format!("{of}: no warning.") };
    let (severity, onset, until) = (warning.severity, clock.time(warning.onset), clock.time(warning.until));
    let when = match (warning.has_begun, clock.now < warning.until) {
        (true, true) => format!("since {onset}, until {until}"),
        (false, _) => format!("from {onset} to {until}"),
        (true, false) => format!("until {until}, which is past"),
    };
    let by = by(warning);
    match warning.evidence.first() {
        Some(evidence) => format!("{of}: {severity} {when}, by {by}: {}.", told_on(one, evidence, clock)),
        None => format!("{of}: {severity} {when}, by {by}."),
    }
}

/// The warning that the headline tells of: the worst of now, or else the worst.
fn headlined(one: &HazardReport, clock: Clock) -> Option<&InForce> {
    let warnings = &one.explanation.warnings;
    warnings.iter().find(|warning| warning.has_begun && clock.now < warning.until).or(warnings.first())
}

/// Who says so: the authority, or the rules.
fn by(warning: &InForce) -> String {
    if let Some(authority) = &warning.authority {
        return format!("{authority} (official)");
    }
    let mut rules: Vec<&str> = warning.evidence.iter().map(|one| one.rule.as_str()).collect();
    rules.dedup();
    if rules.is_empty() { "the rules".to_owned() } else { rules.join(", ") }
}

fn warning_told(one: &HazardReport, warning: &InForce, clock: Clock) -> Vec<String> {
    let kind = if warning.is_official { "official" } else { "automatic" };
    let is_first = headlined(one, clock).is_some_and(|first| first.bulletin == warning.bulletin);
    let mut lines = vec![match is_first {
        true => format!("Told last as {} ({kind}).", warning.bulletin),
        false => format!(
            "Beside it {} ({kind}): {}, {}, by {}.",
            warning.bulletin,
            warning.severity,
            clock.between(warning.onset, warning.until),
            by(warning)
        ),
    }];
    let more = warning.evidence.iter().skip(usize::from(is_first));
    lines.extend(more.map(|evidence| format!("It rests on {} too: {}.", evidence.rule, told_on(one, evidence, clock))));
    if let Some(since) = warning.silent_since {
        lines.push(format!("It was told to stand without fresh data since {}.", clock.time(since)));
    }
    if !warning.feeds.is_empty() && warning.silent_feeds.len() == warning.feeds.len() {
        lines.push("Every feed that it rests on is silent now.".to_owned());
    }
    lines
}

/// A value that a warning was told on, in the unit of its rule where that is still there.
fn told_on(one: &HazardReport, evidence: &Evidence, clock: Clock) -> String {
    let (value, threshold) = in_unit(one, evidence);
    let basis = if evidence.basis == Basis::Forecast { " forecast" } else { "" };
    format!(
        "{value} {}{basis} by {}, {} (from {threshold})",
        over(evidence.statistic, evidence.window),
        speaker(&evidence.feed, evidence.station.as_deref()),
        clock.time(evidence.at),
    )
}

fn in_unit(one: &HazardReport, evidence: &Evidence) -> (String, String) {
    let unit = one.units.get(&evidence.rule).copied().unwrap_or(evidence.metric.public_unit());
    let told = |value: f64| told_in(unit, evidence.statistic, value);
    let symbol = symbol_of(unit, evidence.statistic);
    (amount(told(evidence.value), &symbol), amount(told(evidence.threshold), &symbol))
}

/// The worst that a rule sees now.
fn seen(rule: &RuleExplanation, account: &Account, clock: Clock) -> Option<String> {
    let (severity, by) = account.severities.iter().rev().find_map(|one| Some((one, one.by.as_ref()?)))?;
    Some(format!(
        "{} sees {} {} by {} {}: {} from {}.",
        rule.rule,
        amount(by.value, &account.unit),
        over(account.statistic, account.window),
        speaker(&by.feed, by.station.as_deref()),
        clock.end(by.at),
        severity.severity,
        amount(severity.raise, &account.unit)
    ))
}

/// What latches wait for.
fn latches(rule: &RuleExplanation, clock: Clock) -> Vec<String> {
    let told = |latch: &crate::engine::explain::LatchTold| {
        let (id, severity) = (&rule.rule, latch.severity);
        match (latch.rising_since.zip(latch.closes_at), latch.easing_since.zip(latch.opens_at), latch.unsure_since) {
            (Some((since, at)), _, _) => Some(format!(
                "{id}: {severity} is reached since {} and is told at {} if that goes on.",
                clock.time(since),
                clock.time(at)
            )),
            (None, Some((since, at)), _) => Some(format!(
                "{id}: {severity} is clear since {} and ends at {} if that goes on{}.",
                clock.time(since),
                clock.time(at),
                to_and_fro(rule, latch.returns, at - since)
            )),
            (None, None, Some(since)) => {
                Some(format!("{id} still holds {severity}; since {} nobody can tell.", clock.time(since)))
            }
            (None, None, None) => None,
        }
    };
    rule.latches.iter().filter_map(told).collect()
}

/// Why it takes longer than usual to end.
fn to_and_fro(rule: &RuleExplanation, returns: u8, takes: TimeDelta) -> String {
    if takes <= rule.ease_after {
        return String::new();
    }
    let times = if returns == 1 { "once".to_owned() } else { format!("{returns} times") };
    let (takes, usual) = (span_text(takes), span_text(rule.ease_after));
    format!(", after {takes} in place of {usual}: it has come back {times} soon after its end")
}

/// What would make it worse than it is told to be, or than the rule sees.
fn next(rule: &RuleExplanation, account: &Account, told: Option<Severity>, clock: Clock) -> Option<String> {
    let reached = account.severities.iter().filter(|one| one.verdict == Verdict::Reached).map(|one| one.severity).max();
    let now = told.max(reached);
    let next = account.severities.iter().find(|one| now < Some(one.severity))?;
    let id = &rule.rule;
    if let Some(lack) = &next.lacks {
        return Some(format!(
            "{} {} {} by {} {} would make it {} by {id} (from {}).",
            amount(lack.by, &account.unit),
            worse(account.way),
            over(account.statistic, account.window),
            speaker(&lack.feed, lack.station.as_deref()),
            clock.end(lack.at),
            next.severity,
            amount(next.raise, &account.unit)
        ));
    }
    let held: Vec<String> = next.held_back.iter().map(hold).collect();
    (!held.is_empty()).then(|| format!("{id} has a value of {}, but {}.", next.severity, held.join("; ")))
}

/// What nobody can tell, and why; severities of one reason in one sentence.
fn unknown(rule: &RuleExplanation, account: &Account, clock: Clock) -> Option<String> {
    let unknown: Vec<&SeverityAccount> =
        account.severities.iter().filter(|one| one.verdict == Verdict::Unknown).collect();
    let mut why: Vec<String> = Vec::new();
    for one in &unknown {
        let mut add = |text: String| {
            if !why.contains(&text) {
                why.push(text);
            }
        };
        one.why.iter().for_each(|reason| add(doubt(reason, account, None, clock)));
        for voice in &account.voices {
            let says = voice.says.iter().find(|says| says.severity == one.severity && says.may_raise);
            for reason in says.iter().flat_map(|says| &says.why) {
                let told = doubt(reason, account, Some(voice), clock);
                add(format!("{}: {told}", speaker(&voice.feed, voice.station.as_deref())));
            }
        }
    }
    let severities: Vec<&str> = unknown.iter().map(|one| one.severity.name()).collect();
    let id = &rule.rule;
    let last = severities.last()?;
    let listed = match severities.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        _ => (*last).to_owned(),
    };
    Some(format!("Nobody can tell by {id} whether it is {listed}: {}.", why.join("; ")))
}

fn missing(all: &[Missing], clock: Clock) -> Option<String> {
    let told = |one: &Missing| {
        let since = one.since.map_or_else(String::new, |since| format!(" since {}", clock.time(since)));
        match one.health {
            "unreachable" | "unreadable" | "unheard" => format!("{} ({}{since}, {})", one.feed, one.health, one.metric),
            _ => format!("{} ({})", one.feed, one.metric),
        }
    };
    let all: Vec<String> = all.iter().map(told).collect();
    (!all.is_empty()).then(|| format!("Nothing was given for this place by: {}.", all.join(", ")))
}
