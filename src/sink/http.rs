//! One HTTP request and what its answer means: what all sinks of the web share.
//!
//! It follows no redirect, reads no more of an answer than it needs, waits for nothing without end, and never says more of an
//! address than the sink allows: what is secret in one is taken out of all words, those of the other side included, since some
//! repeat the address that they were asked at.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::multipart::Form;
use reqwest::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use url::{Host, Url};

use super::{Receipt, SendError, World};
use crate::secret::{Secret, SecretSource};
use crate::table::Table;
use crate::time::{TimeDelta, Timestamp, parse_span, span_text};

/// How long a receiver may take when the channel does not say.
pub const TIMEOUT: TimeDelta = TimeDelta::seconds(15);

/// The longest time that a channel may give its receiver.
pub const MAX_TIMEOUT: TimeDelta = TimeDelta::seconds(60);

/// How much of an answer is read, in bytes: some receivers give the whole message back, with every letter as `\u0000`.
pub const MAX_ANSWER_LEN: usize = 64 * 1024;

/// How much of an answer is shown, in characters.
const MAX_ANSWER_SHOWN: usize = 120;

/// How long the words of an answer are waited for, once its status is known.
const MAX_ANSWER_WAIT: Duration = Duration::from_secs(2);

/// The longest wait that a receiver may ask for; more is taken for this.
const MAX_RETRY_AFTER: TimeDelta = TimeDelta::days(1);

/// How long a probe may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// A secret part shorter than this is not looked for in words: it would be found everywhere.
const MIN_HUSHED_LEN: usize = 4;

/// From this length on, even small letters alone are taken for a key.
const MIN_KEY_LEN: usize = 20;

/// Reads `timeout`: how long a receiver may take.
pub(super) fn timeout(table: &Table<'_>) -> Option<Duration> {
    let parse = |text: &str| {
        let span = parse_span(text)?;
        let limits = TimeDelta::seconds(1)..=MAX_TIMEOUT;
        let within = span.to_std().ok().filter(|_| limits.contains(&span));
        within.ok_or_else(|| format!("`{text}` is out of range: 1s to {}s", MAX_TIMEOUT.num_seconds()))
    };
    match table.text("timeout", parse) {
        Some(found) => Some(found.value),
        None if table.has("timeout") => None,
        None => TIMEOUT.to_std().ok(),
    }
}

/// Reads an address that messages may be sent to: over https, or in the open to this machine alone.
///
/// # Errors
/// What is wrong with it, without showing more of it than its scheme.
pub(super) fn parse_url(text: &str) -> Result<Url, String> {
    let mut url =
        Url::parse(text).map_err(|why| format!("this is not an address ({why}); write it as https://host/path"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "a user name or password does not belong in an address, which is copied, printed and logged".to_owned()
        );
    }
    // A fragment is never sent, and would make an answer look as if it came from elsewhere.
    url.set_fragment(None);
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err("plain http is taken only to this machine; write https://".to_owned()),
        other => Err(format!("`{other}` is not spoken here; write https://")),
    }
}

/// Reads the address under which a server of one's own is found: as [`parse_url`], and nothing behind its path.
///
/// # Errors
/// As [`parse_url`].
pub(super) fn parse_base(text: &str) -> Result<Url, String> {
    let mut url = parse_url(text)?;
    if url.query().is_some() {
        return Err("the address of a server has no `?`; write it as https://host".to_owned());
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// Reads an address that is itself a secret, such as that of an incoming webhook.
///
/// # Errors
/// A sentence that names the source and shows nothing of the address.
pub(super) fn secret_url(source: &SecretSource, world: &World) -> Result<Url, String> {
    let secret = world.secret(source)?;
    parse_url(secret.expose()).map_err(|why| format!("{source} holds no address to send to: {why}"))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// How a receiver is called in words, and what may stand in none.
#[derive(Clone)]
pub(super) struct Place {
    shown: String,
    shows_path: bool,
    hushed: Vec<Secret>,
}

impl Place {
    /// A receiver whose address may be shown but for its query.
    pub(super) fn open(url: &Url) -> Self {
        Self { shown: shown(url), shows_path: true, hushed: Vec::new() }.hush_query(url)
    }

    /// A receiver whose address is a secret but for its host.
    pub(super) fn secret(url: &Url) -> Self {
        let segments = url.path_segments().into_iter().flatten().filter(|segment| !is_word(segment));
        let place = Self { shown: origin(url), shows_path: false, hushed: Vec::new() };
        segments.fold(place.hush(url.path()), Self::hush).hush_query(url)
    }

    /// A server that is told secrets in its path or a header.
    pub(super) fn server(base: &Url, secrets: &[&str]) -> Self {
        let place = Self { shown: shown(base).trim_end_matches('/').to_owned(), shows_path: false, hushed: Vec::new() };
        secrets.iter().copied().fold(place, Self::hush)
    }

    pub(super) fn hush(mut self, part: &str) -> Self {
        if MIN_HUSHED_LEN <= part.len() {
            self.hushed.push(Secret::new(part));
        }
        self
    }

    fn hush_query(self, url: &Url) -> Self {
        let query = url.query().unwrap_or_default();
        let values = query.split('&').map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value));
        let decoded: Vec<String> = url.query_pairs().map(|(_, value)| value.into_owned()).collect();
        let place = values.fold(self.hush(query), Self::hush);
        decoded.iter().fold(place, |place, value| place.hush(value))
    }

    /// The same for a request with a proof of its own, which the other side may repeat.
    fn with_proof(&self, headers: &HeaderMap) -> Self {
        let proof = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let bare = proof.split_once(' ').map_or("", |(_, bare)| bare);
        self.clone().hush(bare).hush(proof)
    }

    /// Words of the other side without what is secret.
    pub(super) fn without_secrets(&self, text: &str) -> String {
        let hide = |text: String, secret: &Secret| text.replace(secret.expose(), "…");
        self.hushed.iter().fold(text.to_owned(), hide)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// True for a part of a path that is a word of the service, such as `services`, and nobody's key.
fn is_word(segment: &str) -> bool {
    segment.len() < MIN_KEY_LEN && segment.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// Scheme, host and port.
fn origin(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

/// An address without what may be secret in its query: scheme, host and path.
pub(super) fn shown(url: &Url) -> String {
    format!("{}{}", origin(url), url.path())
}

/// One who takes messages over HTTP.
pub(super) struct Receiver {
    http: reqwest::Client,
    timeout: Duration,
    place: Place,
}

impl Receiver {
    pub(super) fn new(world: &World, place: Place, timeout: Duration) -> Self {
        Self { http: world.http.clone(), timeout, place }
    }

    /// Sends a body and waits for the answer.
    ///
    /// # Errors
    /// When there was no answer, or one that points elsewhere: a client that follows redirects would deliver somewhere else,
    /// perhaps as a GET without a body.
    pub(super) async fn post(&self, url: &Url, headers: HeaderMap, body: Vec<u8>) -> Result<Answer, SendError> {
        let proved = self.place.with_proof(&headers);
        let request = self.http.post(url.clone()).timeout(self.timeout).headers(headers).body(body);
        let response = request.send().await.map_err(|why| self.failure(why))?;
        let answer = Answer::read(response, url, &proved).await;
        let (place, status) = (&self.place, answer.status);
        if status.is_redirection() || answer.is_elsewhere {
            let to = answer.location.as_deref().map(|to| format!(" to {to}")).unwrap_or_default();
            let why = format!("{place} moved ({status}){to}; redirects are not followed: write the new address");
            return Err(SendError::Never { why });
        }
        Ok(answer)
    }

    /// Sends JSON; otherwise as [`Receiver::post`].
    pub(super) async fn post_json(
        &self,
        url: &Url,
        mut headers: HeaderMap,
        json: &serde_json::Value,
    ) -> Result<Answer, SendError> {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.post(url, headers, json.to_string().into_bytes()).await
    }

    /// Sends a form with files in it and waits for the answer, for a given time at most.
    ///
    /// # Errors
    /// As [`Receiver::post`], in a sentence: what goes in forms is sent beside a message, not as one.
    pub(super) async fn send_form(
        &self,
        (method, url): (Method, &Url),
        headers: HeaderMap,
        form: Form,
        timeout: Duration,
    ) -> Result<Answer, String> {
        let proved = self.place.with_proof(&headers);
        let request = self.http.request(method, url.clone()).timeout(timeout.min(self.timeout));
        let response = request.headers(headers).multipart(form).send().await;
        let response = response.map_err(|why| self.failure(why).to_string())?;
        Ok(Answer::read(response, url, &proved).await)
    }

    /// Asks something that changes nothing, for a probe.
    ///
    /// # Errors
    /// A sentence about the connection.
    pub(super) async fn get(&self, url: &Url, headers: HeaderMap) -> Result<Answer, String> {
        let proved = self.place.with_proof(&headers);
        let request = self.http.get(url.clone()).timeout(PROBE_TIMEOUT).headers(headers);
        let response = request.send().await.map_err(|why| self.unreached(why))?;
        Ok(Answer::read(response, url, &proved).await)
    }

    /// Finds out whether somebody can be reached at all. Any answer shows that; what it thinks of HEAD does not matter.
    ///
    /// # Errors
    /// A sentence about the connection.
    pub(super) async fn reach(&self, url: &Url) -> Result<(), String> {
        let request = self.http.head(url.clone()).timeout(PROBE_TIMEOUT);
        request.send().await.map(drop).map_err(|why| self.unreached(why))
    }

    /// Finds out whether the host of an address can be reached, without asking for the address itself: for receivers that would
    /// take every request at it for a message.
    ///
    /// # Errors
    /// A sentence about the connection.
    pub(super) async fn reach_host(&self, url: &Url) -> Result<(), String> {
        let mut host = url.clone();
        host.set_path("/");
        host.set_query(None);
        self.reach(&host).await
    }

    /// What an answer means by its status, when the sink knows no better. `asked` is a wait that stood in its words; `hint` says
    /// what to do.
    ///
    /// Only 410 (the receiver wants nothing any more) and redirects (an address that moved is for a person to write) end the
    /// tries. Every other refusal, 400, 401, 403, 404, 413 and 422 included, mostly means a receiver that is set up wrongly,
    /// and someone may set it right while the storm lasts; the warning waits for them until it expires. Where a service says
    /// that it is the message that it will never take, its sink says so by [`Receiver::refuses`].
    pub(super) fn settle(
        &self,
        answer: &Answer,
        now: Timestamp,
        asked: Option<TimeDelta>,
        hint: &str,
    ) -> Result<Receipt, SendError> {
        let asked = asked.or_else(|| asked_wait(answer.retry_after.as_deref()?, now));
        verdict(&self.place, answer.status, &answer.words, asked, hint)
    }

    /// The answer of a service that will not take this message however often it is asked, since its bytes stay the same.
    pub(super) fn refuses(&self, answer: &Answer) -> SendError {
        SendError::Never { why: format!("{} will never take this message: {}", self.place, answer.words) }
    }

    /// The answer of somebody who took a request and does not talk as the service does: a login page, a proxy, half an answer.
    pub(super) fn unclear(&self, answer: &Answer, service: &str) -> SendError {
        let (place, words) = (&self.place, &answer.words);
        SendError::Unknown {
            why: format!("{place} did not answer as {service} does, and may have taken the message: {words}"),
        }
    }

    /// Why a probe got no answer.
    fn unreached(&self, why: reqwest::Error) -> String {
        let why = why.without_url();
        if why.is_timeout() && !why.is_connect() {
            return format!("{} did not answer in {} s", self.place, PROBE_TIMEOUT.as_secs());
        }
        format!("{} cannot be reached: {}", self.place, reasons(&why))
    }

    /// What a failure without an answer means: before there was a connection nothing can have arrived, after it anything may.
    fn failure(&self, why: reqwest::Error) -> SendError {
        let at = &self.place;
        let why = why.without_url();
        if why.is_builder() {
            SendError::Never { why: format!("no request to {at} could be made: {}", reasons(&why)) }
        } else if why.is_connect() {
            SendError::Later { why: format!("{at} cannot be reached: {}", reasons(&why)), retry_after: None }
        } else if why.is_timeout() {
            let why = format!("{at} did not answer in {} s; it may have taken the message", self.timeout.as_secs());
            SendError::Unknown { why }
        } else {
            SendError::Unknown { why: format!("{at} broke off, and may have taken the message: {}", reasons(&why)) }
        }
    }
}

/// What an answer means by its status; see [`Receiver::settle`]. `asked` is the wait that it asked for.
pub(super) fn verdict(
    place: &dyn fmt::Display,
    status: StatusCode,
    words: &str,
    asked: Option<TimeDelta>,
    hint: &str,
) -> Result<Receipt, SendError> {
    if status == StatusCode::GONE {
        let why = format!("{place} is gone ({words}): the receiver wants no more messages; remove the channel");
        return Err(SendError::Never { why });
    }
    if status.is_success() {
        return Ok(Receipt(words.to_owned()));
    }
    let retry_after = asked.map(|wait| wait.clamp(TimeDelta::zero(), MAX_RETRY_AFTER));
    let asked = retry_after.map(|wait| format!("; asked to wait {}", span_text(wait))).unwrap_or_default();
    let hint = if hint.is_empty() { String::new() } else { format!("; {hint}") };
    Err(SendError::Later { why: format!("{place} answered {words}{asked}{hint}"), retry_after })
}

/// What came back.
pub(super) struct Answer {
    /// The status.
    pub(super) status: StatusCode,
    /// Status and first words in one line, without secrets.
    pub(super) words: String,
    body: Vec<u8>,
    is_whole: bool,
    retry_after: Option<String>,
    location: Option<String>,
    is_elsewhere: bool,
    headers: HeaderMap,
}

impl Answer {
    async fn read(mut response: Response, asked: &Url, place: &Place) -> Self {
        let status = response.status();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (retry_after, location) = (header(RETRY_AFTER), header(LOCATION));
        let show = if place.shows_path { shown } else { origin };
        let location = location.and_then(|text| asked.join(&text).ok()).map(|to| place.without_secrets(&show(&to)));
        let is_elsewhere = response.url() != asked;
        let headers = response.headers().clone();
        let mut body = Vec::new();
        let reading = read_head(&mut response, &mut body);
        // Whatever was read until then is shown: the status has said the rest.
        let is_whole = tokio::time::timeout(MAX_ANSWER_WAIT, reading).await.unwrap_or(false);
        let words = first_words(&place.without_secrets(&String::from_utf8_lossy(&body)));
        let words = if words.is_empty() { status.to_string() } else { format!("{status}: {words}") };
        Self { status, words, body, is_whole, retry_after, location, is_elsewhere, headers }
    }

    /// The body as JSON of a known shape; none when it is another, or did not arrive whole.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Option<T> {
        if self.is_whole { serde_json::from_slice(&self.body).ok() } else { None }
    }

    /// The whole number that a header holds.
    pub(super) fn number(&self, header: &str) -> Option<i64> {
        self.headers.get(header)?.to_str().ok()?.trim().parse().ok()
    }

    /// The name of a refusal, where the body is JSON that holds one under `error`.
    pub(super) fn error(&self) -> Option<String> {
        let said: serde_json::Value = self.json()?;
        Some(said.get("error")?.as_str()?.to_owned())
    }

    /// True when these words stand in the body.
    pub(super) fn holds(&self, words: &str) -> bool {
        String::from_utf8_lossy(&self.body).contains(words)
    }

    /// What a header holds.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// True when the body is this word and no other.
    pub(super) fn says(&self, word: &str) -> bool {
        self.is_whole && String::from_utf8_lossy(&self.body).trim() == word
    }

    /// True when it is the message that the service does not take: 413, or another refusal in which one of these words stands.
    pub(super) fn refuses_message(&self, complaints: &[&str]) -> bool {
        let text = String::from_utf8_lossy(&self.body);
        let is_refusal = matches!(self.status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY);
        self.status == StatusCode::PAYLOAD_TOO_LARGE
            || (is_refusal && complaints.iter().any(|complaint| text.contains(complaint)))
    }
}

/// Reads a body up to its limit; true when that was all of it.
async fn read_head(response: &mut Response, body: &mut Vec<u8>) -> bool {
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = MAX_ANSWER_LEN - body.len();
                body.extend(chunk.iter().take(room));
                if room < chunk.len() {
                    return false;
                }
            }
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// Reads the address of a server, where all have one that is usual.
pub(super) fn base(table: &Table<'_>, key: &'static str, usual: &str) -> Option<Url> {
    match table.text(key, parse_base) {
        Some(found) => Some(found.value),
        None if table.has(key) => None,
        None => Url::parse(usual).ok(),
    }
}

/// A header that no log shows; none of what no header can be.
pub(super) fn hidden(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The secret whole value of the header `Authorization`, and the secret itself, for what must be hushed.
///
/// # Errors
/// A sentence that names the source and never its content.
pub(super) fn authorization(world: &World, source: &SecretSource) -> Result<(HeaderValue, Secret), String> {
    let secret = world.secret(source)?;
    let value = hidden(secret.expose());
    Ok((value.ok_or_else(|| format!("{source} holds no header: letters of ASCII in one line"))?, secret))
}

/// Bounds all that one message takes; what is not done by then may have arrived.
pub(super) async fn within(
    timeout: Duration,
    server: &Url,
    sending: impl Future<Output = Result<Receipt, SendError>>,
) -> Result<Receipt, SendError> {
    tokio::time::timeout(timeout, sending).await.unwrap_or_else(|_| {
        let (name, seconds) = (origin(server), timeout.as_secs());
        Err(SendError::Unknown { why: format!("{name} did not answer in {seconds} s; it may have taken the message") })
    })
}

/// The first words of an answer, in one line.
pub(super) fn first_words(text: &str) -> String {
    let parts = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    parts.collect::<Vec<_>>().join(" ").chars().take(MAX_ANSWER_SHOWN).collect()
}

/// The wait that a header asks for, in seconds or as a date.
pub(super) fn asked_wait(text: &str, now: Timestamp) -> Option<TimeDelta> {
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    if is_number {
        return Some(text.parse().ok().and_then(TimeDelta::try_seconds).unwrap_or(MAX_RETRY_AFTER));
    }
    Some(chrono::DateTime::parse_from_rfc2822(text).ok()?.to_utc() - now)
}

/// Refuses a text that is longer than a service takes: nothing is ever cut here.
///
/// # Errors
/// A sentence with both lengths.
pub(super) fn check_length(service: &str, len: usize, limit: usize, unit: &str) -> Result<(), SendError> {
    if len <= limit {
        return Ok(());
    }
    let why = format!(
        "the message has {len} {unit} and {service} takes {limit}; a warning is never cut: choose a shorter form"
    );
    Err(SendError::Never { why })
}

/// Why something failed, down to its cause, in one line.
pub(super) fn reasons(why: &dyn Error) -> String {
    let mut text = why.to_string();
    let mut cause = why.source();
    while let Some(next) = cause {
        let next_text = next.to_string();
        if !text.ends_with(&next_text) {
            text.push_str(": ");
            text.push_str(&next_text);
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_in_both_its_forms() {
        let now = Timestamp::from_timestamp(1_765_238_400, 0).unwrap();
        let wait = |text: &str| asked_wait(text, now).map(|wait| wait.num_seconds());
        assert_eq!(wait("120"), Some(120));
        assert_eq!(wait("Tue, 09 Dec 2025 00:02:00 GMT"), Some(120));
        assert_eq!(wait("Mon, 08 Dec 2025 23:59:00 GMT"), Some(-60));
        assert_eq!(wait("99999999999999999999"), Some(86_400));
        for wrong in ["", "soon", "-5", "1.5"] {
            assert_eq!(wait(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_address_is_shown_without_what_may_be_secret() {
        let url = Url::parse("https://desk.example:8443/hook/T0/s3cr3t?token=hunter2&x=1#f").unwrap();
        assert_eq!(Place::open(&url).to_string(), "https://desk.example:8443/hook/T0/s3cr3t");
        assert_eq!(Place::secret(&url).to_string(), "https://desk.example:8443");
    }

    #[test]
    fn a_secret_that_the_other_side_repeats_is_taken_out() {
        let url = Url::parse("https://desk.example/hook/s3cr3t/deep?token=hunt%2Fer2&x=1").unwrap();
        let said = Place::secret(&url)
            .without_secrets("Cannot POST /hook/s3cr3t/deep?token=hunt%2Fer2&x=1, no hook s3cr3t, hunt/er2");
        assert_eq!(said, "Cannot POST …?…, no hook …, …");
        let open = Place::open(&url).without_secrets("/hook/s3cr3t/deep?token=hunt%2Fer2");
        assert_eq!(open, "/hook/s3cr3t/deep?token=…");
    }

    #[test]
    fn a_message_is_taken_up_to_the_limit_and_never_cut() {
        assert_eq!(check_length("x", 5, 5, "characters"), Ok(()));
        let Err(SendError::Never { why }) = check_length("Telegram", 4097, 4096, "characters") else { panic!() };
        assert!(why.contains("4097 characters and Telegram takes 4096"), "{why}");
    }
}
