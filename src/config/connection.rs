//! How a feed is connected to, as written in its table: certificates, proxy, waits. Reads certificates so that a mistake is found at
//! check; reads no secret and opens no connection.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use url::Url;

use crate::feed::keys;
use crate::fetch::{Connection, Way, trust};
use crate::table::{Found, Table};
use crate::time::{TimeDelta, span_text};

/// How long connecting may take.
pub const CONNECT_LIMITS: RangeInclusive<TimeDelta> = TimeDelta::seconds(1)..=TimeDelta::seconds(60);

/// Reads the keys. `dir` is the directory that the configuration was read from: relative paths begin there, and what they name is
/// looked at. Without one there is nothing to look at.
pub(super) fn read(table: &Table<'_>, dir: Option<&Path>) -> Connection {
    let usual = Connection::default();
    Connection {
        intermediates: certificates(table, "intermediates", dir),
        ca: certificates(table, "ca", dir),
        proxy: way(table),
        connect_timeout: connect_timeout(table).unwrap_or(usual.connect_timeout),
        allow_private: table.flag("allow_private").is_some_and(|found| found.value),
    }
}

fn certificates(table: &Table<'_>, key: &'static str, dir: Option<&Path>) -> Option<PathBuf> {
    let found = table.text(key, path)?;
    let Some(dir) = dir else { return Some(found.value) };
    let whole = dir.join(&found.value);
    if let Err(why) = trust::certificates(&whole) {
        let help = match key {
            "ca" => "give the certificate of the authority that the server's chain ends in, as PEM",
            _ => "give the certificates between the server's own and its authority's, as PEM",
        };
        table.error(&found.span, format!("`{key}`, file {}: {why}", whole.display()), Some(help.to_owned()));
    }
    Some(whole)
}

fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("the path is empty".to_owned()) } else { Ok(PathBuf::from(text)) }
}

fn connect_timeout(table: &Table<'_>) -> Option<std::time::Duration> {
    let found = table.span_of_time("connect_timeout")?;
    if CONNECT_LIMITS.contains(&found.value) {
        return found.value.to_std().ok();
    }
    let (least, most) = (span_text(*CONNECT_LIMITS.start()), span_text(*CONNECT_LIMITS.end()));
    table.error(&found.span, format!("`connect_timeout` is out of range: {least} to {most}"), None);
    None
}

fn way(table: &Table<'_>) -> Way {
    let user = table.text("proxy_user", |text| Ok(text.to_owned()));
    let password = table.has("proxy_password").then(|| keys::secret(table, "proxy_password")).flatten();
    let mut is_secret_shown = false;
    let written = table.text("proxy", |text| {
        if text == "none" {
            return Ok(None);
        }
        let url = Url::parse(text).map_err(|_| "write `http://host:port` or `none`".to_owned())?;
        is_secret_shown = !url.username().is_empty() || url.password().is_some();
        match url.scheme() {
            "http" | "https" if url.has_host() => Ok(Some(url)),
            other => Err(format!("`{other}` is no way to a proxy here: write `http://host:port` or `none`")),
        }
    });
    if is_secret_shown {
        // To the head of the table, so that the line which holds the password is not printed.
        let head = table.span.start..table.span.start;
        let message =
            "`proxy`: a user or password is not written here: this file is copied, printed and kept in version control";
        let help = "write `proxy_user = \"…\"` and `proxy_password = { file = \"…\" }`; make a new password";
        table.error(&head, message, Some(help.to_owned()));
    }
    let has_login = table.has("proxy_user") || table.has("proxy_password");
    let Some(Found { value: Some(url), .. }) = written else {
        if has_login && !(written.is_none() && table.has("proxy")) {
            let help = "add `proxy = \"http://host:port\"`, or take the login out".to_owned();
            table.error(&table.span, "there is a login for a proxy and no proxy", Some(help));
        }
        return if written.is_some() { Way::Direct } else { Way::Usual };
    };
    let login = match (user, password) {
        (Some(user), Some(password)) => Some((user.value, password)),
        _ => {
            if has_login && !(table.has("proxy_user") && table.has("proxy_password")) {
                let missing = if table.has("proxy_user") { "proxy_password" } else { "proxy_user" };
                let example = if table.has("proxy_user") { "{ file = \"…\" }" } else { "\"…\"" };
                table.missing(missing, example);
            }
            None
        }
    };
    Way::Proxy { url, login }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::problem::{Problems, SourceFile, render};
    use crate::secret::SecretSource;
    use crate::table::read_file;

    /// Reads keys; gives what was meant, and the report that a person would see.
    fn check(text: &str, dir: Option<&Path>) -> (Connection, String) {
        let file = Arc::new(SourceFile { name: "feeds.toml".to_owned(), text: text.to_owned() });
        let problems = Problems::new();
        let connection = read_file(&file, &problems, |table| {
            let connection = read(&table, dir);
            table.finish();
            connection
        });
        (connection, render(&problems.into_sorted(), false))
    }

    #[test]
    fn a_feed_without_keys_is_connected_to_as_usual() {
        assert_eq!(check("", None), (Connection::default(), String::new()));
    }

    #[test]
    fn every_key_is_read() {
        let text = "intermediates = \"chain.pem\"\nca = \"/etc/own.pem\"\nproxy = \"http://proxy.example:3128\"\n\
            proxy_user = \"nadhir\"\nproxy_password = { credential = \"proxy\" }\nconnect_timeout = \"5s\"\nallow_private = true\n";
        let (connection, report) = check(text, None);
        assert_eq!(report, "");
        let login = Some(("nadhir".to_owned(), SecretSource::Credential("proxy".to_owned())));
        let expected = Connection {
            intermediates: Some("chain.pem".into()),
            ca: Some("/etc/own.pem".into()),
            proxy: Way::Proxy { url: Url::parse("http://proxy.example:3128").unwrap(), login },
            connect_timeout: std::time::Duration::from_secs(5),
            allow_private: true,
        };
        assert_eq!(connection, expected);
        assert_eq!(check("proxy = \"none\"", None).0.proxy, Way::Direct);
    }

    #[test]
    fn a_file_that_is_missing_or_no_certificate_is_a_mistake_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("text.pem"), "hello").unwrap();
        let (_, report) = check("intermediates = \"none.pem\"\nca = \"text.pem\"\n", Some(dir.path()));
        assert!(report.contains("none.pem: there is no such file") && report.contains("feeds.toml:1:17"), "{report}");
        assert!(
            report.contains("text.pem: it holds no certificate in PEM") && report.contains("feeds.toml:2:6"),
            "{report}"
        );
        let mut root = rcgen::CertificateParams::new(Vec::new()).unwrap();
        root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let root = root.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        std::fs::write(dir.path().join("good.pem"), root.pem()).unwrap();
        let (connection, report) = check("ca = \"good.pem\"\n", Some(dir.path()));
        assert_eq!((connection.ca, report), (Some(dir.path().join("good.pem")), String::new()));
    }

    #[test]
    fn a_password_in_the_file_is_refused_and_never_printed() {
        for text in [
            "proxy = \"http://me:hush@proxy.example:3128\"\n",
            "proxy = \"http://proxy.example:3128\"\nproxy_user = \"me\"\nproxy_password = \"hush\"\n",
        ] {
            let (_, report) = check(text, None);
            assert!(report.contains("not written here") && !report.contains("hush"), "{report}");
        }
    }

    #[test]
    fn what_does_not_belong_together_is_told() {
        for (text, word) in [
            ("proxy_user = \"me\"\nproxy_password = { file = \"x\" }\n", "no proxy"),
            ("proxy = \"none\"\nproxy_user = \"me\"\nproxy_password = { file = \"x\" }\n", "no proxy"),
            ("proxy = \"http://p.example\"\nproxy_user = \"me\"\n", "`proxy_password` is missing"),
            ("proxy = \"http://p.example\"\nproxy_password = { file = \"x\" }\n", "`proxy_user` is missing"),
            ("proxy = \"socks5://p.example\"\n", "`socks5`"),
            ("proxy = \"p.example\"\n", "write `http://host:port`"),
            ("proxy = \"http://p.example\"\nproxy_user = \"me\"\nproxy_password = {}\n", "says nowhere"),
            ("connect_timeout = \"2min\"\n", "1s to 1min"),
        ] {
            let (_, report) = check(text, None);
            assert!(report.contains(word), "{text}\n{report}");
            assert_eq!(report.matches("error").count(), 1, "{report}");
        }
    }
}
