//! What is otherwise in one configuration than in another: the rules in plain words, of every other file which part changed. What
//! stands in those is never repeated: an address may hold a key.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::Config;
use crate::rule::difference::differences;

/// The files whose top tables have names of their own.
const NAMED: [&str; 3] = ["nadhir.toml", "feeds.toml", "channels.toml"];
/// The files that are told by the rules.
const TOLD: [&str; 2] = ["rules/", "seasons.toml"];

/// Every difference, a sentence each.
pub fn between(before: &Config, after: &Config) -> Vec<String> {
    let mut all = differences(&before.rules, &after.rules);
    let (old, new) = (texts(before), texts(after));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names.into_iter().filter(|name| !TOLD.iter().any(|told| name.starts_with(told))) {
        let (was, is) = (old.get(name).copied().unwrap_or_default(), new.get(name).copied().unwrap_or_default());
        if was != is {
            all.extend(in_file(name, was, is));
        }
    }
    let off = |config: &Config| -> BTreeSet<String> { config.switched_off.iter().map(ToString::to_string).collect() };
    let (was, is) = (off(before), off(after));
    all.extend(is.difference(&was).map(|rule| format!("{rule}: switched off")));
    all
}

/// The texts of the files, by their names under a configuration directory.
fn texts(config: &Config) -> BTreeMap<String, &str> {
    let plain = |name: &str| {
        let from = ["rules/", "wording/"].iter().find_map(|folder| name.rfind(folder));
        let file = || name.rfind('/').map_or(0, |end| end + 1);
        name.get(from.unwrap_or_else(file)..).unwrap_or(name).to_owned()
    };
    config.files.iter().map(|file| (plain(&file.name), file.text.as_str())).collect()
}

fn in_file(name: &str, was: &str, is: &str) -> Vec<String> {
    let changed = || vec![format!("{name}: changed")];
    if !NAMED.contains(&name) {
        return changed();
    }
    let (Ok(old), Ok(new)) = (was.parse::<Table>(), is.parse::<Table>()) else { return changed() };
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names
        .into_iter()
        .filter_map(|part| in_part(old.get(part), new.get(part)).map(|how| format!("{name}: {part} {how}")))
        .collect()
}

/// How a part changed, by the names of its keys.
fn in_part(was: Option<&Value>, is: Option<&Value>) -> Option<String> {
    match (was, is) {
        (was, is) if was == is => None,
        (None, _) => Some("is new".to_owned()),
        (_, None) => Some("is gone".to_owned()),
        (Some(Value::Table(old)), Some(Value::Table(new))) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            let other: Vec<&str> =
                keys.into_iter().filter(|key| old.get(*key) != new.get(*key)).map(String::as_str).collect();
            Some(format!("changed: {}", other.join(", ")))
        }
        (Some(_), Some(_)) => Some("changed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::from_files;

    fn config(files: &[(&str, &str)]) -> Config {
        from_files(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()).unwrap().0
    }

    #[test]
    fn what_changed_is_named_and_no_address_is_repeated() {
        let desk = |url: &str| {
            format!(
                "[desk]\nkind = \"webhook\"\naudience = \"staff\"\nurl = \"{url}\"\nsecret = {{ file = \"key\" }}\n"
            )
        };
        let before = config(&[("channels.toml", &desk("https://example.org/a?key=hush"))]);
        let after = config(&[("channels.toml", &desk("https://example.org/b?key=secret"))]);
        assert_eq!(between(&before, &after), ["channels.toml: desk changed: url"]);
        let shipped = config(&[]);
        let told = between(&shipped, &before);
        assert!(told.contains(&"channels.toml: desk is new".to_owned()), "{told:?}");
        assert!(told.contains(&"channels.toml: console is gone".to_owned()), "{told:?}");
        assert!(told.iter().all(|line| !line.contains("hush")), "{told:?}");
        assert_eq!(between(&shipped, &config(&[])), Vec::<String>::new());
    }

    #[test]
    fn a_rule_that_is_switched_off_is_named() {
        let rain = crate::config::embedded::text("rules/rain.toml").unwrap();
        let off = rain.replacen("hazard = \"rain\"", "enabled = false\nhazard = \"rain\"", 1);
        let told = between(&config(&[("rules/rain.toml", rain)]), &config(&[("rules/rain.toml", &off)]));
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("rain-rate-1h: taken out") && told[1] == "rain-rate-1h: switched off", "{told:?}");
    }
}
