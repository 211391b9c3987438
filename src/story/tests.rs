//! Stories are read as staff write them, and live through what the service would.

use super::*;
use crate::config::from_files;

/// What the shipped configuration makes of a story of one of its rules: what was said instead, or why it cannot be read.
fn told(rule: &str, governorate: &str, text: &str) -> String {
    let (config, _) = from_files(BTreeMap::new()).unwrap();
    let rule = config.rules.rules.iter().find(|one| one.id.as_str() == rule).unwrap();
    let scene = Scene {
        rule: rule.id.clone(),
        governorate: GovernorateId::new(governorate).unwrap(),
        begins: Timestamp::from_timestamp(1_765_227_600, 0).unwrap(),
    };
    match Story::parse(text, rule.metric) {
        Ok(story) => story.check(&config.rules, &scene).err().unwrap_or_else(|| "as told".to_owned()),
        Err(why) => why,
    }
}

#[track_caller]
fn check(rule: &str, text: &str, expected: &str) {
    assert_eq!(told(rule, "jeddah", text), expected, "{text}");
}

#[test]
fn a_story_that_comes_true_says_nothing_and_one_that_does_not_says_what_came() {
    let rain = "rain-rate-1h";
    check(rain, "00:00 0.5 mm, 00:10 25 mm -> 00:10 issued red", "as told");
    check(rain, "00:00 0.5 mm, 00:10 25 mm -> 00:10 issued yellow", "00:10 issued red");
    check(rain, "00:00 0 mm, 00:10 0 mm -> 00:10 issued yellow", "nothing");
    check(rain, "00:00 0 mm, 00:10 0 mm, 06:00 0 mm -> nothing", "as told");
    check(rain, "00:00 6 mm -> nothing", "00:00 issued orange");
}

#[test]
fn silence_and_what_goes_on_are_told_only_where_the_story_asks() {
    let rain = "rain-rate-1h";
    check(rain, "00:00 6 mm, 05:00 - -> 00:00 issued orange", "as told");
    check(rain, "00:00 6 mm, 03:00 - -> 00:00 issued orange; 02:00 extended orange", "as told");
}

#[test]
fn other_metrics_feeds_and_forecasts_can_be_told() {
    let dust = "00:00 visibility 800 m and wind_gust 25 kt and humidity 20 % and weather_code 7 -> 00:00 issued red";
    check("dust-visibility", dust, "as told");
    check("dust-visibility", &dust.replace("humidity 20 %", "humidity 80 %"), "nothing");
    // A forecast raises to orange at most.
    check("rain-rate-1h", "00:00 30 mm forecast for 05:00 -> 00:00 issued orange", "as told");
    check("rain-rate-1h", "00:00 metar: 30 mm -> 00:00 issued red", "as told");
}

#[test]
fn what_is_no_story_says_what_to_write() {
    for (text, part) in [
        ("", "no arrow"),
        ("00:00 5 mm", "no arrow"),
        ("-> nothing", "nothing is measured"),
        ("00:00 5 mm ->", "nothing stands after"),
        ("0:00 5 mm, 0:00 6 mm -> nothing", "does not come after"),
        ("00:70 5 mm -> nothing", "no time"),
        ("99:00 5 mm -> nothing", "96 hours at most"),
        ("00:00 -> nothing", "has no value"),
        ("00:00 5 -> nothing", "has no unit"),
        ("00:00 5 m -> nothing", "is a distance"),
        ("00:00 -5 mm -> nothing", "no possible"),
        ("00:00 5 mm -> 00:00 yellow", "does not say what is said"),
        ("00:00 5 mm -> 00:00 issued purple", "does not say what is said"),
        ("00:00 5 mm -> 01:00 issued yellow; 00:00 raised red", "does not come after"),
    ] {
        let why = told("rain-rate-1h", "jeddah", text);
        assert!(why.contains(part), "{text}: {why}");
    }
}
