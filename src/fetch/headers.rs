//! What the headers of an answer say: times, waits, freshness. Never fails: a header that cannot be read says nothing.

use chrono::DateTime;
use reqwest::StatusCode;
use reqwest::header::{self, AsHeaderName, HeaderMap};

use super::MAX_WAIT;
use crate::time::{TimeDelta, Timestamp};

/// The longest header that is kept.
const MAX_HEADER_LEN: usize = 1024;

/// A header as text.
pub(super) fn text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?.trim();
    (!value.is_empty() && value.len() <= MAX_HEADER_LEN).then(|| value.to_owned())
}

/// A header that is an HTTP date.
pub(super) fn date(headers: &HeaderMap, name: impl AsHeaderName) -> Option<Timestamp> {
    http_date(&text(headers, name)?)
}

/// What time it is at the server by its `Date`. Where a cache answered, the date is of when the server itself did, `Age` ago.
pub(super) fn server_time(headers: &HeaderMap) -> Option<Timestamp> {
    date(headers, header::DATE)?.checked_add_signed(TimeDelta::seconds(i64::from(age(headers))))
}

/// For how many seconds a cache has had the answer.
fn age(headers: &HeaderMap) -> u32 {
    text(headers, header::AGE).and_then(|age| age.parse().ok()).unwrap_or(0)
}

/// The most headers that are kept to be shown.
const MAX_HEADERS: usize = 64;

/// Headers that may hold what opens a door.
const PRIVATE: [&str; 6] =
    ["set-cookie", "set-cookie2", "www-authenticate", "proxy-authenticate", "authorization", "authentication-info"];

/// The headers that may be shown and kept, in the order of their names. A query of an address in them is cut off.
pub(super) fn to_show(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut shown: Vec<(String, String)> = headers
        .iter()
        .filter(|(name, value)| !PRIVATE.contains(&name.as_str()) && !value.is_sensitive())
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .filter(|(_, value)| value.len() <= MAX_HEADER_LEN)
        .map(|(name, value)| match (name.as_str(), value.split_once('?')) {
            ("location" | "content-location" | "link", Some((address, _))) => (name, format!("{address}?…")),
            _ => (name, value),
        })
        .take(MAX_HEADERS)
        .collect();
    shown.sort();
    shown
}

fn http_date(text: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc())
}

/// `Retry-After`, in seconds or as a date: how long to wait from now, a day at most.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<TimeDelta> {
    let text = text(headers, header::RETRY_AFTER)?;
    let wait = match text.parse::<u32>() {
        Ok(seconds) => TimeDelta::seconds(i64::from(seconds)),
        Err(_) => http_date(&text)? - now,
    };
    Some(bounded(wait))
}

/// How long the answer stays fresh by `Cache-Control`, else by `Expires`; a day at most.
pub(super) fn fresh_for(headers: &HeaderMap, now: Timestamp) -> Option<TimeDelta> {
    if let Some(control) = text(headers, header::CACHE_CONTROL) {
        for part in control.split(',').map(|part| part.trim().to_ascii_lowercase()) {
            if part == "no-store" || part == "no-cache" {
                return Some(TimeDelta::zero());
            }
            let seconds = part.strip_prefix("max-age=").and_then(|age| age.trim_matches('"').parse::<u32>().ok());
            if let Some(seconds) = seconds {
                return Some(bounded(TimeDelta::seconds(i64::from(seconds) - i64::from(age(headers)))));
            }
        }
    }
    let expires = date(headers, header::EXPIRES)?;
    // Both are the server's own time, so that a wrong clock on either side does no harm.
    Some(bounded(expires - date(headers, header::DATE).unwrap_or(now)))
}

fn bounded(wait: TimeDelta) -> TimeDelta {
    wait.clamp(TimeDelta::zero(), MAX_WAIT)
}

/// The usual words of a status.
pub(super) fn reason(code: u16) -> &'static str {
    StatusCode::from_u16(code).ok().and_then(|status| status.canonical_reason()).unwrap_or("(a status of its own)")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2025-12-09T00:00:00Z";

    fn check(lines: &[(&'static str, &'static str)], expected_retry: Option<i64>, expected_fresh: Option<i64>) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.insert(*name, value.parse().unwrap());
        }
        let now = NOW.parse().unwrap();
        assert_eq!(retry_after(&headers, now).map(|wait| wait.num_seconds()), expected_retry, "{lines:?}");
        assert_eq!(fresh_for(&headers, now).map(|wait| wait.num_seconds()), expected_fresh, "{lines:?}");
    }

    #[test]
    fn waits_are_read_in_seconds_and_as_dates_and_never_exceed_a_day() {
        check(&[("retry-after", "120")], Some(120), None);
        check(&[("retry-after", "Tue, 09 Dec 2025 00:05:00 GMT")], Some(300), None);
        check(&[("retry-after", "Mon, 08 Dec 2025 00:05:00 GMT")], Some(0), None);
        check(&[("retry-after", "4000000000")], Some(86_400), None);
        check(&[("retry-after", "soon")], None, None);
    }

    #[test]
    fn freshness_is_the_servers_own_reckoning() {
        check(&[("cache-control", "public, max-age=90"), ("age", "30")], None, Some(60));
        check(&[("cache-control", "no-cache")], None, Some(0));
        check(&[("expires", "Tue, 09 Dec 2025 00:10:00 GMT")], None, Some(600));
        let (expires, date) = ("Tue, 09 Dec 2025 05:10:00 GMT", "Tue, 09 Dec 2025 05:00:00 GMT");
        check(&[("expires", expires), ("date", date)], None, Some(600));
        check(&[("expires", "0")], None, None);
    }
}
