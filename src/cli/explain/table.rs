//! A rule as tables: its severities, the series that it looks at, the further conditions and the last readings.

use super::words::{Clock, amount, basis, bounds, doubt, over, speaker, told, value, verdict, way};
use crate::cli::columns::{age, drawn, plain};
use crate::engine::explain::{LatchTold, OverrideTold, RuleExplanation};
use crate::hazard::Severity;
use crate::rule::judge::account::{
    Account, ConditionAccount, Says, SeverityAccount, Standing, VoiceAccount, Way, WindowAccount,
};
use crate::time::{TimeDelta, span_text};

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// One rule, its title first.
pub(super) fn of(rule: &RuleExplanation, clock: Clock) -> String {
    let Some(account) = &rule.account else {
        return format!("{BOLD}{}{PLAIN}: switched off. {}\n", rule.rule, overrides(&rule.overrides));
    };
    let mut text = format!("{BOLD}{}{PLAIN}: {}.", rule.rule, what(rule, account));
    if !rule.overrides.is_empty() {
        text.push_str(&format!(" {}", overrides(&rule.overrides)));
    }
    text.push('\n');
    text.push_str(&severities(rule, account, clock));
    if account.voices.is_empty() {
        text.push_str(&format!(" {DIM}no series of {} here{PLAIN}\n", account.metric));
        return text;
    }
    text.push_str(&voices(account, clock));
    text.push_str(&conditions(account, clock));
    text.push_str(&readings(account, clock));
    text
}

/// What the rule looks at.
fn what(rule: &RuleExplanation, account: &Account) -> String {
    let mut parts =
        vec![format!("{}, {} over {}", account.metric, account.statistic.name(), span_text(account.window))];
    if TimeDelta::zero() < account.look_ahead {
        parts.push(format!("forecasts up to {} ahead", span_text(account.look_ahead)));
    }
    if 1 < account.needed {
        parts.push(format!("{} must agree", account.needed));
    }
    for (span, what) in [(rule.lasts, "must last"), (rule.rise_after, "told after"), (rule.ease_after, "ends after")] {
        if TimeDelta::zero() < span {
            parts.push(format!("{what} {}", span_text(span)));
        }
    }
    parts.join(", ")
}

fn overrides(all: &[OverrideTold]) -> String {
    let one = |told: &OverrideTold| {
        let seasons: Vec<&str> = told.seasons.iter().map(crate::ids::SeasonId::as_str).collect();
        let why = match (told.is_local, seasons.is_empty()) {
            (true, true) => "for this place".to_owned(),
            (false, _) => format!("in {}", seasons.join(" and ")),
            (true, false) => format!("for this place in {}", seasons.join(" and ")),
        };
        format!("Override {} holds, {why}: {}.", told.number, told.changes.join(", "))
    };
    all.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn severities(rule: &RuleExplanation, account: &Account, clock: Clock) -> String {
    let mut table = plain(["severity", "from", "clear", "seen", "latch", "lacks"]);
    for one in &account.severities {
        let latch = rule.latches.iter().find(|latch| latch.severity == one.severity);
        table.add_row([
            one.severity.to_string(),
            amount(one.raise, &account.unit),
            clear(account, one),
            verdict(one.verdict).to_owned(),
            latch.map_or_else(|| "open".to_owned(), |latch| latch_told(latch, clock)),
            one.lacks.as_ref().map_or_else(String::new, |lack| amount(lack.by, &account.unit)),
        ]);
    }
    drawn(&table)
}

fn clear(account: &Account, one: &SeverityAccount) -> String {
    let side = match account.way {
        Way::AtLeast => "below",
        Way::AtMost => "above",
    };
    format!("{side} {}", amount(one.clear, &account.unit))
}

fn latch_told(latch: &LatchTold, clock: Clock) -> String {
    let state = if latch.is_closed { "closed" } else { "open" };
    if let Some(at) = latch.closes_at {
        return format!("{state}, closes at {}", clock.time(at));
    }
    if let Some(at) = latch.opens_at {
        return format!("{state}, opens at {}", clock.time(at));
    }
    match latch.lost_at {
        Some(at) => format!("{state}, holds until {} unheard", clock.time(at)),
        None => state.to_owned(),
    }
}

fn voices(account: &Account, clock: Clock) -> String {
    let mut table = plain(["feed", "station", "", "value", "until", "heard", "counts", "says"]);
    for voice in &account.voices {
        for window in std::iter::once(&voice.now).chain(&voice.ahead) {
            let is_now = window.at == voice.now.at;
            let own = |text: String| if is_now { text } else { String::new() };
            table.add_row([
                own(voice.feed.to_string()),
                own(voice.station.clone().unwrap_or_default()),
                own(basis(voice.basis).to_owned()),
                value(window, &account.unit),
                if is_now { "now".to_owned() } else { clock.time(window.at) },
                own(format!("{} ago", age(clock.now - voice.heard))),
                own(standing(voice, clock)),
                own(says(&voice.says)),
            ]);
        }
    }
    let mut text = drawn(&table);
    for voice in &account.voices {
        let who = speaker(&voice.feed, voice.station.as_deref());
        let mut told: Vec<String> = Vec::new();
        for reason in voice.says.iter().flat_map(|says| &says.why) {
            let reason = doubt(reason, account, Some(voice), clock);
            if !told.contains(&reason) {
                told.push(reason);
            }
        }
        if !told.is_empty() {
            text.push_str(&format!(" {DIM}{who}: {}{PLAIN}\n", told.join("; ")));
        }
    }
    text
}

fn standing(voice: &VoiceAccount, clock: Clock) -> String {
    match (voice.standing, voice.counts_until) {
        (Standing::Fresh, Some(until)) => format!("until {}", clock.time(until)),
        (Standing::Fresh, None) => "yes".to_owned(),
        (Standing::Stale, _) => "no, too old".to_owned(),
        (Standing::Frozen, _) => "no, nothing new".to_owned(),
        (Standing::Stranger, _) => "no, not enabled".to_owned(),
        (Standing::Dead, _) => "no say any more".to_owned(),
    }
}

/// What a series says, the severities of one answer together.
fn says(all: &[Says]) -> String {
    let mut groups: Vec<(String, Vec<Severity>)> = Vec::new();
    for says in all {
        let mark = if says.may_raise { "" } else { " (may not raise)" };
        let answer = format!("{}{mark}", verdict(says.verdict));
        match groups.last_mut() {
            Some((known, severities)) if *known == answer => severities.push(says.severity),
            _ => groups.push((answer, vec![says.severity])),
        }
    }
    let told = |(answer, severities): &(String, Vec<Severity>)| {
        let names: Vec<&str> = severities.iter().map(|severity| severity.name()).collect();
        format!("{}: {answer}", names.join(", "))
    };
    groups.iter().map(told).collect::<Vec<_>>().join("; ")
}

/// The further conditions, for the window of each series that is shown.
fn conditions(account: &Account, clock: Clock) -> String {
    if account.voices.iter().all(|voice| voice.now.conditions.is_empty()) {
        return String::new();
    }
    let mut table = plain(["", "further condition", "until", "holds", "value", "by"]);
    let mut rows: Vec<[String; 6]> = Vec::new();
    let mut add = |voice: &VoiceAccount, window: &WindowAccount| {
        for condition in &window.conditions {
            let row = condition_row(voice, window, condition, clock);
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
    };
    for voice in account.voices.iter().filter(|voice| voice.standing != Standing::Dead) {
        add(voice, &voice.now);
        voice.ahead.iter().for_each(|window| add(voice, window));
    }
    for row in rows {
        table.add_row(row);
    }
    drawn(&table)
}

fn condition_row(
    voice: &VoiceAccount,
    window: &WindowAccount,
    condition: &ConditionAccount,
    clock: Clock,
) -> [String; 6] {
    let known: Vec<String> = condition.values.iter().map(|one| speaker(&one.feed, one.station.as_deref())).collect();
    let value = |one: &crate::rule::judge::account::ConditionValue| {
        let text = bounds(one.least, one.most, &condition.unit);
        if one.is_stale { format!("{text}, too old") } else { text }
    };
    let values: Vec<String> = condition.values.iter().map(value).collect();
    [
        basis(voice.basis).to_owned(),
        format!(
            "{}{} {} {} {}",
            if condition.is_either { "or " } else { "" },
            condition.metric,
            way(condition.way),
            amount(condition.threshold, &condition.unit),
            over(condition.statistic, condition.window)
        ),
        if window.at == clock.now { "now".to_owned() } else { clock.time(window.at) },
        told(condition.holds).to_owned(),
        if values.is_empty() { "no series here".to_owned() } else { values.join("; ") },
        known.join("; "),
    ]
}

fn readings(account: &Account, clock: Clock) -> String {
    let mut text = String::new();
    for voice in account.voices.iter().filter(|voice| !voice.readings.is_empty()) {
        let one =
            |point: &crate::rule::judge::account::Point| format!("{} {}", clock.time(point.at), point.value + 0.0);
        let points: Vec<String> = voice.readings.iter().map(one).collect();
        let who = speaker(&voice.feed, voice.station.as_deref());
        let unit = if account.reading_unit.is_empty() { "" } else { &format!(" in {}", account.reading_unit) };
        text.push_str(&format!(" {DIM}last of {who}{unit}: {}{PLAIN}\n", points.join(", ")));
    }
    text
}
