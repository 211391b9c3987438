//! The file of keys: four lines for OAuth 1.0a, or two or three for OAuth 2.0. It tells all mistakes at once, and nothing of what is
//! written: even a name may be a key that slipped.

use std::collections::BTreeMap;

use super::bearer::{App, Client};
use super::oauth::Keys;
use crate::secret::Secret;

/// The names of OAuth 1.0a, as X calls them.
const SIGNED: [&str; 4] = ["api_key", "api_key_secret", "access_token", "access_token_secret"];

/// The names of OAuth 2.0, as X calls them.
const BEARER: [&str; 3] = ["client_id", "client_secret", "refresh_token"];

/// The longest value of a key; those of X have 25 to 100 letters.
const MAX_KEY_LEN: usize = 1024;

/// What a file of keys holds.
#[derive(Debug)]
pub(super) enum Written {
    /// The keys of an app and an account, which never run out.
    Signed(Keys),
    /// An app, and the first refresh token that it was given for an account.
    Bearer(App),
}

/// Reads lines `name = value`, in any order, with empty lines and comments (`#`) between them. Quotes around a value are no part of it.
///
/// # Errors
/// All mistakes at once.
pub(super) fn read(text: &str) -> Result<Written, String> {
    let (mut values, mut mistakes) = lines(text);
    let has_one_of = |names: &[&str]| names.iter().any(|name| values.contains_key(name));
    let is_bearer = has_one_of(&BEARER);
    if is_bearer && has_one_of(&SIGNED) {
        mistakes.push("keys of OAuth 1.0a and of OAuth 2.0 stand there together: keep those of one".to_owned());
    }
    let needed: &[&str] = if is_bearer { &["client_id", "refresh_token"] } else { &SIGNED };
    let missing = needed.iter().filter(|name| !values.contains_key(*name));
    mistakes.extend(missing.map(|name| format!("`{name}` is missing")));
    let written = match mistakes.is_empty() {
        true if is_bearer => bearer(&mut values).map(Written::Bearer),
        true => signed(&mut values).map(Written::Signed),
        false => None,
    };
    written.ok_or_else(|| {
        format!(
            "{}; write four lines: {}; or those of OAuth 2.0: client_id = …, refresh_token = …, and client_secret = … \
             where the app has one",
            mistakes.join(", "),
            SIGNED.map(|name| format!("{name} = …")).join(", ")
        )
    })
}

fn signed(values: &mut BTreeMap<&str, Secret>) -> Option<Keys> {
    let [api_key, api_key_secret, access_token, access_token_secret] = SIGNED.map(|name| values.remove(name));
    Some(Keys {
        api_key: api_key?,
        api_key_secret: api_key_secret?,
        access_token: access_token?,
        access_token_secret: access_token_secret?,
    })
}

fn bearer(values: &mut BTreeMap<&str, Secret>) -> Option<App> {
    let [client_id, client_secret, refresh_token] = BEARER.map(|name| values.remove(name));
    Some(App { client: Client { id: client_id?, secret: client_secret }, seed: refresh_token? })
}

/// Reads an app that nobody has let in yet: as [`read`], with a refresh token or without.
///
/// # Errors
/// All mistakes at once.
pub(super) fn client(text: &str) -> Result<Client, String> {
    let (mut values, mut mistakes) = lines(text);
    if SIGNED.iter().any(|name| values.contains_key(name)) {
        mistakes.push("keys of OAuth 1.0a stand there, by which the app is let in already".to_owned());
    }
    match (values.remove("client_id"), mistakes.is_empty()) {
        (Some(id), true) => Ok(Client { id, secret: values.remove("client_secret") }),
        (id, _) => {
            mistakes.extend(id.is_none().then(|| "`client_id` is missing".to_owned()));
            Err(format!("{}; write client_id = …, and client_secret = … where the app has one", mistakes.join(", ")))
        }
    }
}

/// The text of a file of keys with another refresh token, all else as it stands.
pub(super) fn with_refresh(text: &str, refresh: &Secret) -> Secret {
    let is_other = |line: &&str| line.split('=').next().is_none_or(|name| name.trim() != "refresh_token");
    let kept: Vec<&str> = text.trim_end().lines().filter(is_other).collect();
    Secret::new(&format!("{}\nrefresh_token = {}", kept.join("\n"), refresh.expose()))
}

/// The values by their names, and what is wrong with the lines.
fn lines(text: &str) -> (BTreeMap<&'static str, Secret>, Vec<String>) {
    let (mut values, mut mistakes) = (BTreeMap::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            mistakes.push(format!("line {number} has no `=`"));
            continue;
        };
        let Some(name) = SIGNED.into_iter().chain(BEARER).find(|known| *known == name.trim()) else {
            mistakes.push(format!("line {number} begins with no name of a key"));
            continue;
        };
        let value = without_quotes(value.trim());
        if !is_key(value) {
            mistakes.push(format!("`{name}` in line {number} is no key: letters and digits without space"));
        }
        if values.insert(name, Secret::new(value)).is_some() {
            mistakes.push(format!("`{name}` stands there twice"));
        }
    }
    (values, mistakes)
}

/// True for what X gives as keys and tokens: letters, digits and signs without space, and not without end.
pub(super) fn is_key(value: &str) -> bool {
    (1..=MAX_KEY_LEN).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic())
}

fn without_quotes(value: &str) -> &str {
    let within = |mark: char| value.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
    within('"').or_else(|| within('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::super::oauth::tests::PUBLISHED;
    use super::*;

    #[test]
    fn all_that_is_wrong_with_the_keys_is_told_at_once_and_none_of_them() {
        let why = read("hunter2\nhunter3 = x\napi_key = \naccess_token = a b\naccess_token = hunter4\n").unwrap_err();
        for told in [
            "line 1 has no `=`",
            "line 2 begins with no name of a key",
            "`api_key` in line 3 is no key",
            "`access_token` in line 4 is no key",
            "`access_token` stands there twice",
            "`api_key_secret` is missing",
            "`access_token_secret` is missing",
            "write four lines: api_key = …, api_key_secret = …",
        ] {
            assert!(why.contains(told), "{told}: {why}");
        }
        assert!(!why.contains("hunter"), "{why}");
        assert!(!format!("{:?}", read(PUBLISHED).unwrap()).contains("kAcSO"));
    }

    #[test]
    fn an_app_that_is_let_in_keeps_all_else_that_is_written() {
        let before = "# ours\nclient_id = hunter2\nrefresh_token = old\n\nclient_secret = \"hunter3\"\n";
        let after = with_refresh(before, &Secret::new("new:1="));
        assert_eq!(
            after.expose(),
            "# ours\nclient_id = hunter2\n\nclient_secret = \"hunter3\"\nrefresh_token = new:1="
        );
        assert!(client("client_id = hunter2\n").unwrap().secret.is_none());
        for (text, told) in [("client_secret = x\n", "`client_id` is missing"), (PUBLISHED, "keys of OAuth 1.0a")] {
            assert!(client(text).unwrap_err().contains(told));
        }
    }

    #[test]
    fn the_names_say_which_keys_are_meant() {
        assert!(matches!(read(PUBLISHED), Ok(Written::Signed(_))));
        let of = |text: &str| match read(text) {
            Ok(Written::Bearer(app)) => Ok(app.client.secret.is_some()),
            Ok(Written::Signed(_)) => Err("four lines".to_owned()),
            Err(why) => Err(why),
        };
        assert_eq!(of("client_id = hunter2\nrefresh_token = 'bWRWa3gz:1:rt:1'\n"), Ok(false));
        assert_eq!(of("client_id = hunter2\nclient_secret = hunter3\nrefresh_token = hunter4=\n"), Ok(true));
        assert!(!format!("{:?}", read("client_id = hunter2\nrefresh_token = hunter3\n")).contains("hunter"));
        for (text, told) in [
            ("client_id = hunter2\n", "`refresh_token` is missing"),
            ("client_secret = hunter2\n", "`client_id` is missing, `refresh_token` is missing"),
            ("client_id = hunter2\nrefresh_token = hunter3\napi_key = hunter4\n", "keep those of one"),
        ] {
            let why = of(text).unwrap_err();
            assert!(why.contains(told) && !why.contains("hunter"), "{why}");
        }
    }
}
