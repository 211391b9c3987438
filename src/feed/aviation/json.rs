//! The JSON of aviationweather.gov around reports and forecasts: its list, its numbers, its times.

use chrono::{DateTime, NaiveDateTime};
use serde_json::Value;

use crate::feed::values;
use crate::feed::{DecodeError, look_of};
use crate::time::Timestamp;

/// An answer: a list of JSON, or text.
pub(in crate::feed) enum Answer {
    /// JSON.
    List(Vec<Value>),
    /// Reports as text.
    Text(String),
}

/// Tells what an answer is. Text must hold what `is_text` knows.
///
/// # Errors
/// When it is neither.
pub(in crate::feed) fn answer(
    body: &[u8],
    expected: &'static str,
    is_text: fn(&str) -> bool,
) -> Result<Answer, DecodeError> {
    let not_it = || DecodeError::NotTheFormat { expected, found: look_of(body) };
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    match body.first() {
        Some(b'[' | b'{') => match values::json(body, expected)? {
            Value::Array(list) => Ok(Answer::List(list)),
            _ => Err(not_it()),
        },
        Some(b'<') | None => Err(not_it()),
        Some(_) => {
            let text = String::from_utf8_lossy(body).into_owned();
            if is_text(&text) { Ok(Answer::Text(text)) } else { Err(not_it()) }
        }
    }
}

/// A number, or a text that holds one: `6+`, `10+`, `1/2`, `1 1/2`. `VRB` and the like are none.
pub(in crate::feed) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => {
            let text = text.trim().trim_end_matches('+');
            let (whole, part) = match text.split_once(' ') {
                Some((whole, part)) => (whole.parse::<f64>().ok()?, part),
                None => (0.0, text),
            };
            let part = match part.split_once('/') {
                Some((over, under)) => over.parse::<f64>().ok()? / under.parse::<f64>().ok()?,
                None => part.parse::<f64>().ok()?,
            };
            Some(whole + part).filter(|number| number.is_finite())
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Seconds since 1970.
pub(in crate::feed) fn epoch(value: &Value) -> Option<Timestamp> {
    number(value).and_then(|seconds| DateTime::from_timestamp(seconds as i64, 0)).filter(|time| 0 < time.timestamp())
}

/// A time as text.
pub(in crate::feed) fn written(value: &Value) -> Option<Timestamp> {
    let text = value.as_str()?.trim();
    DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).ok().or_else(|| {
        // Older answers leave the offset out; these reports are in UTC.
        ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"]
            .iter()
            .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
            .map(|civil| civil.and_utc())
    })
}
