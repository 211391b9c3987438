//! Those who chose their addresses themselves: what a channel says of how far they may lie, and what their answers mean. None of an inner
//! network is asked unless the channel allows it, and no redirect is followed.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::StatusCode;
use reqwest::header::{HOST, HeaderMap, HeaderValue, USER_AGENT};
use ring::hmac;
use url::Url;

use super::names::Names;
use super::{Answer, Lines, Lost};
use crate::secret::SecretSource;
use crate::sink::http::{Place, asked_wait, first_words, shown, timeout, verdict};
use crate::sink::{Missed, SendError, World, trust};
use crate::table::Table;
use crate::time::Timestamp;

/// The longest that one of many is waited for: what is owed to all is in one courier's hands for not much longer.
const MAX_TIMEOUT: Duration = Duration::from_secs(20);

/// The shortest key, in bytes.
const MIN_KEY_LEN: usize = 32;

/// The most networks that a channel may allow.
const MAX_ALLOWED: usize = 64;

/// How far those may lie whom a channel speaks to, and how long they are waited for.
#[derive(Debug)]
pub(in crate::sink) struct Outward {
    allow: Vec<IpNet>,
    ca: Option<PathBuf>,
    timeout: Duration,
}

/// Reads `allow`, `ca` and `timeout`.
pub(in crate::sink) fn parse(table: &Table<'_>) -> Option<Outward> {
    let before = table.faults();
    let texts = table.texts("allow").unwrap_or_default();
    if MAX_ALLOWED < texts.len() {
        table.error(&table.span_of("allow"), format!("`allow` names more than {MAX_ALLOWED} networks"), None);
    }
    let mut allow = Vec::new();
    for text in texts {
        match text.value.parse::<IpNet>() {
            Ok(net) => allow.push(net.trunc()),
            Err(_) => table.error(
                &text.span,
                format!("`allow`: `{}` is not a network", text.value),
                Some("write it as \"10.20.0.0/16\"; one address is \"10.20.1.2/32\"".to_owned()),
            ),
        }
    }
    let ca = table
        .text("ca", |text| if text.is_empty() { Err("the path is empty".to_owned()) } else { Ok(PathBuf::from(text)) });
    let timeout = timeout(table);
    if timeout.is_some_and(|timeout| MAX_TIMEOUT < timeout) {
        let message = format!("`timeout`: one of many is waited for {} s at most", MAX_TIMEOUT.as_secs());
        table.error(&table.span_of("timeout"), message, None);
    }
    if before < table.faults() {
        return None;
    }
    Some(Outward { allow, ca: ca.map(|found| found.value), timeout: timeout? })
}

impl Outward {
    /// Connections to them.
    ///
    /// # Errors
    /// A sentence for the operator, when the authority to trust cannot be read.
    pub(in crate::sink) fn lines(&self, world: &World) -> Result<Lines, String> {
        // Without anybody whom this machine trusts, those that need no TLS are told all the same.
        let tls = match &self.ca {
            Some(ca) => Some(trust::config(Some(&world.dir.join(ca)))?),
            None => trust::config(None).ok(),
        };
        Ok(Lines::new(Names::new(self.allow.clone()), tls, self.timeout))
    }
}

/// The key of a channel, from which the secrets of those whom it speaks to are made or under which they are kept.
///
/// # Errors
/// A sentence for the operator that names its source.
pub(in crate::sink) fn key(world: &World, source: &SecretSource) -> Result<hmac::Key, String> {
    let secret = world.secret(source)?;
    if secret.expose().len() < MIN_KEY_LEN {
        return Err(format!("{source} is too short for a key: make one with `openssl rand -base64 32`"));
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()))
}

/// What every request to an address begins with.
///
/// # Errors
/// When the address cannot stand in a request.
pub(in crate::sink) fn head(url: &Url) -> Result<HeaderMap, String> {
    let host = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
        None => url.host_str().unwrap_or_default().to_owned(),
    };
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(HOST, value(&host)?);
    headers.insert(USER_AGENT, HeaderValue::from_static(crate::sink::USER_AGENT));
    Ok(headers)
}

/// A text as it may stand in a header.
///
/// # Errors
/// When it may not.
pub(in crate::sink) fn value(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text).map_err(|why| format!("no request can be made: {why}"))
}

/// What an answer means; what is secret in the address stands in no word of it, though the other side may repeat it.
pub(in crate::sink) fn judged(url: &Url, answer: Answer, now: Timestamp) -> Result<Answer, Missed> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    let place = Place::open(url);
    if answer.status.is_redirection() {
        let to = answer.location.as_deref().and_then(|text| url.join(text).ok());
        let to = to.map(|to| format!(" to {}", place.without_secrets(&shown(&to)))).unwrap_or_default();
        let why = format!("{place} moved ({}){to}; redirects are not followed: enter the new address", answer.status);
        return Err(SendError::Never { why }.into());
    }
    let words = first_words(&place.without_secrets(&String::from_utf8_lossy(&answer.body)));
    let words = if words.is_empty() { answer.status.to_string() } else { format!("{}: {words}", answer.status) };
    if answer.status == StatusCode::GONE {
        return Err(Missed::Gone { why: format!("{place} answered {words}") });
    }
    let asked = answer.retry_after.as_deref().and_then(|text| asked_wait(text, now));
    verdict(&place, answer.status, &words, asked, "").map(|_| answer).map_err(Missed::from)
}

/// Why there is no answer, as every kind of sink tells it.
pub(in crate::sink) fn failed(url: &Url, lost: Lost) -> SendError {
    let place = Place::open(url);
    match lost {
        Lost::Before(why) => {
            SendError::Later { why: format!("{place}: {}", place.without_secrets(&why)), retry_after: None }
        }
        Lost::After(why) => {
            SendError::Unknown { why: format!("{place} may have taken the message: {}", place.without_secrets(&why)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::TimeDelta;

    fn answer(status: u16, words: &str, location: Option<&str>) -> Result<Answer, Missed> {
        let url = Url::parse("https://desk.example/hook?token=hunter2").unwrap();
        let now = Timestamp::from_timestamp(1_765_238_400, 0).unwrap();
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: Some("120".to_owned()),
            location: location.map(str::to_owned),
            body: words.as_bytes().to_vec(),
        };
        judged(&url, answer, now)
    }

    #[test]
    fn an_answer_means_what_it_means_to_every_webhook_and_repeats_no_secret() {
        assert!(answer(204, "", None).is_ok());
        let words = "Cannot POST /hook?token=hunter2";
        for status in [400, 401, 404, 429, 500, 503] {
            let Err(Missed::Failed(SendError::Later { why, retry_after })) = answer(status, words, None) else {
                panic!("{status}")
            };
            assert!(why.contains(&status.to_string()) && !why.contains("hunter2"), "{why}");
            assert_eq!(retry_after, Some(TimeDelta::seconds(120)));
        }
        for (status, to) in [(301, "/new?token=hunter2"), (308, "http://10.0.0.1/")] {
            let Err(Missed::Failed(SendError::Never { why })) = answer(status, words, Some(to)) else {
                panic!("{status}")
            };
            assert!(!why.contains("hunter2"), "{why}");
        }
        let Err(Missed::Gone { why }) = answer(410, words, None) else { panic!("it is gone") };
        assert!(why.contains("410") && !why.contains("hunter2"), "{why}");
    }
}
