//! How each gateway is asked for one text message, and what its answers mean.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;
use url::Url;

use super::super::World;
use super::super::http::{self, Answer, Place, Receiver};
use super::super::spread::Heard;
use crate::feed::keys;
use crate::secret::SecretSource;
use crate::table::{Found, Table};
use crate::time::Timestamp;

/// Where Twilio and Unifonic are.
const TWILIO: &str = "https://api.twilio.com/";
const UNIFONIC: &str = "https://el.cloud.unifonic.com/";

/// The most fields of a request.
const MAX_FIELDS: usize = 32;

/// What a channel says of its gateway.
#[derive(Debug)]
pub(super) enum Settings {
    Twilio {
        api: Url,
        account: String,
        token: SecretSource,
    },
    Unifonic {
        api: Url,
        token: SecretSource,
    },
    Http {
        url: Url,
        fields: BTreeMap<String, String>,
        is_json: bool,
        authorization: Option<SecretSource>,
        taken: Option<String>,
    },
}

#[derive(Clone, Copy)]
enum Name {
    Twilio,
    Unifonic,
    Http,
}

/// Reads `gateway` and its own keys.
pub(super) fn parse(table: &Table<'_>) -> Option<Settings> {
    let known = [("twilio", Name::Twilio), ("unifonic", Name::Unifonic), ("http", Name::Http)];
    if !table.has("gateway") {
        table.missing("gateway", "\"unifonic\"");
    }
    match table.word("gateway", &known)?.value {
        Name::Twilio => {
            let api = http::base(table, "api", TWILIO);
            let account = table.need_text("account", "\"AC…\"", |text| {
                let is_account = text.starts_with("AC") && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
                if is_account { Ok(text.to_owned()) } else { Err("the account of Twilio begins with AC".to_owned()) }
            });
            let token = keys::secret(table, "token");
            Some(Settings::Twilio { api: api?, account: account?.value, token: token? })
        }
        Name::Unifonic => {
            let api = http::base(table, "api", UNIFONIC);
            let token = keys::secret(table, "token");
            Some(Settings::Unifonic { api: api?, token: token? })
        }
        Name::Http => {
            let url = table.need_text("url", "\"https://…\"", http::parse_url);
            let is_json = table.word("format", &[("json", true), ("form", false)]).is_none_or(|found| found.value);
            let authorization = keys::maybe_secret(table, "authorization");
            let taken = table.text("taken", |text| Ok(text.to_owned())).map(|found| found.value);
            let fields = fields(table);
            Some(Settings::Http { url: url?.value, fields, is_json, authorization, taken })
        }
    }
}

/// Reads what a request holds: the names that a gateway wants, and what stands under them.
fn fields(table: &Table<'_>) -> BTreeMap<String, String> {
    const EXAMPLE: &str = "{ to = \"{to}\", text = \"{text}\", from = \"{from}\" }";
    let Some(within) = table.table("fields") else {
        table.missing("fields", EXAMPLE);
        return BTreeMap::new();
    };
    let texts =
        within.keys().into_iter().filter_map(|Found { value: name, .. }| Some((within.text_of(&name)?.value, name)));
    let fields: BTreeMap<String, String> = texts.map(|(text, name)| (name, text)).collect();
    for (needed, other) in [("{to}", "{digits}"), ("{text}", "{text}")] {
        if !fields.values().any(|text| text.contains(needed) || text.contains(other)) {
            let help = Some(format!("write {EXAMPLE}, under the names of the gateway"));
            within.error(&within.span, format!("`fields` holds no {needed}: nobody would be told anything"), help);
        }
    }
    if MAX_FIELDS < fields.len() {
        within.error(&within.span, format!("`fields` holds {}: at most {MAX_FIELDS} are sent", fields.len()), None);
    }
    fields
}

/// One text message to one telephone.
pub(super) struct Message<'a> {
    pub(super) to: &'a str,
    pub(super) from: &'a str,
    pub(super) text: &'a str,
    pub(super) key: &'a str,
}

/// A gateway that can be asked.
pub(super) struct Gateway {
    url: Url,
    headers: HeaderMap,
    own: Own,
}

/// What is each one's own.
enum Own {
    Twilio,
    Unifonic { app: crate::secret::Secret },
    Http { fields: BTreeMap<String, String>, is_json: bool, taken: Option<String> },
}

impl Settings {
    /// Reads the secrets.
    pub(super) fn open(&self, world: &World) -> Result<(Gateway, Place), String> {
        match self {
            Self::Twilio { api, account, token } => {
                let secret = world.secret(token)?;
                let is_token = secret.expose().bytes().all(|byte| byte.is_ascii_alphanumeric());
                if !is_token {
                    return Err(format!("{token} holds no token of Twilio: letters and digits, on one line"));
                }
                let basic = STANDARD.encode(format!("{account}:{}", secret.expose()));
                let value = http::hidden(&format!("Basic {basic}"));
                let value = value
                    .ok_or_else(|| format!("{token} holds no token of Twilio: letters and digits, on one line"))?;
                let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
                let url = under(api, &format!("2010-04-01/Accounts/{account}/Messages.json"));
                let place = Place::server(api, &[secret.expose(), &basic]);
                Ok((Gateway { url, headers, own: Own::Twilio }, place))
            }
            Self::Unifonic { api, token } => {
                let app = world.secret(token)?;
                let is_app = app.expose().bytes().all(|byte| byte.is_ascii_alphanumeric());
                if !is_app {
                    return Err(format!("{token} holds no AppSid: letters and digits, on one line"));
                }
                let place = Place::server(api, &[app.expose()]);
                let url = under(api, "rest/SMS/messages");
                Ok((Gateway { url, headers: HeaderMap::new(), own: Own::Unifonic { app } }, place))
            }
            Self::Http { url, fields, is_json, authorization, taken } => {
                let (mut headers, mut place) = (HeaderMap::new(), Place::open(url));
                if let Some(source) = authorization {
                    let (value, secret) = http::authorization(world, source)?;
                    headers.insert(AUTHORIZATION, value);
                    place = secret.expose().split_whitespace().fold(place, Place::hush);
                }
                let own = Own::Http { fields: fields.clone(), is_json: *is_json, taken: taken.clone() };
                Ok((Gateway { url: url.clone(), headers, own }, place))
            }
        }
    }
}

fn under(api: &Url, path: &str) -> Url {
    let mut url = api.clone();
    url.set_path(&format!("{}{path}", api.path()));
    url
}

/// A refusal of Twilio.
#[derive(Deserialize)]
struct Refusal {
    code: u32,
}

/// What Unifonic says.
#[derive(Deserialize)]
struct Said {
    success: Verdict,
    #[serde(default, rename = "errorCode")]
    code: String,
}

/// Unifonic writes it as a word in some answers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Verdict {
    Flag(bool),
    Word(String),
}

impl Verdict {
    fn is_yes(&self) -> bool {
        match self {
            Self::Flag(yes) => *yes,
            Self::Word(word) => word == "true",
        }
    }
}

/// The refusals of Twilio that are about a telephone or a text and stay: no number (21211, 21614, 21217), no right to write there (21408,
/// 21610, 21612), too long or empty (21617, 21602).
const STAYS: &[u32] = &[21211, 21614, 21217, 21408, 21610, 21612, 21617, 21602];

impl Gateway {
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The request for one message.
    pub(super) fn request(&self, message: &Message<'_>) -> (Url, HeaderMap, Vec<u8>) {
        let Message { to, from, text, .. } = *message;
        let digits = to.trim_start_matches('+');
        let form = |pairs: &[(&str, &str)]| {
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into_bytes()
        };
        let (kind, body) = match &self.own {
            Own::Twilio => {
                let sender = if from.starts_with("MG") { "MessagingServiceSid" } else { "From" };
                (FORM, form(&[("To", to), (sender, from), ("Body", text)]))
            }
            Own::Unifonic { app } => {
                let pairs = [
                    ("AppSid", app.expose()),
                    ("SenderID", from),
                    ("Recipient", digits),
                    ("Body", text),
                    ("responseType", "JSON"),
                    ("CorrelationID", message.key),
                ];
                (FORM, form(&pairs))
            }
            Own::Http { fields, is_json, .. } => {
                let filled: BTreeMap<&str, String> =
                    fields.iter().map(|(name, field)| (name.as_str(), fill(field, message))).collect();
                match is_json {
                    true => (JSON, serde_json::to_vec(&filled).unwrap_or_default()),
                    false => {
                        let pairs: Vec<(&str, &str)> =
                            filled.iter().map(|(name, text)| (*name, text.as_str())).collect();
                        (FORM, form(&pairs))
                    }
                }
            }
        };
        let mut headers = self.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        (self.url.clone(), headers, body)
    }

    /// What an answer means for one message.
    pub(super) fn heard(&self, receiver: &Receiver, answer: &Answer, now: Timestamp) -> Heard {
        let refused = || Heard::Refused(receiver.refuses(answer).to_string());
        match &self.own {
            Own::Twilio => {
                if answer.status.is_success() {
                    return match answer
                        .json::<Sent>()
                        .is_some_and(|sent| sent.sid.starts_with("SM") || sent.sid.starts_with("MM"))
                    {
                        true => Heard::Told,
                        false => Heard::from(Err(receiver.unclear(answer, "Twilio"))),
                    };
                }
                if answer.json::<Refusal>().is_some_and(|refusal| STAYS.contains(&refusal.code)) {
                    return refused();
                }
            }
            Own::Unifonic { .. } => {
                let said = answer.json::<Said>();
                if said.as_ref().is_some_and(|said| said.code.ends_with("482")) || answer.status.as_u16() == 482 {
                    return refused();
                }
                if answer.status.is_success() {
                    return match said {
                        Some(said) if said.success.is_yes() => Heard::Told,
                        Some(_) => Heard::Later(format!("Unifonic answered {}", answer.words), None),
                        None => Heard::from(Err(receiver.unclear(answer, "Unifonic"))),
                    };
                }
            }
            Own::Http { taken, .. } => {
                if let Some(words) = taken.as_ref().filter(|_| answer.status.is_success()) {
                    return match answer.holds(words) {
                        true => Heard::Told,
                        false => Heard::from(Err(receiver.unclear(answer, "the gateway"))),
                    };
                }
            }
        }
        Heard::from(receiver.settle(answer, now, None, "see that the gateway knows us and lets us send"))
    }
}

/// What Twilio says of a message that it took.
#[derive(Deserialize)]
struct Sent {
    sid: String,
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// A field with what stands in place of `{to}`, `{digits}` (without the +), `{from}`, `{text}` and `{key}`. What is filled in is not
/// looked at again.
fn fill(field: &str, message: &Message<'_>) -> String {
    let mut filled = String::new();
    let mut rest = field;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let found = after.split_once('}').and_then(|(name, behind)| {
            let value = match name {
                "to" => message.to,
                "digits" => message.to.trim_start_matches('+'),
                "from" => message.from,
                "text" => message.text,
                "key" => message.key,
                _ => return None,
            };
            Some((value, behind))
        });
        rest = match found {
            Some((value, behind)) => {
                filled.push_str(value);
                behind
            }
            None => {
                filled.push('{');
                after
            }
        };
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_filled_once_and_what_is_filled_in_is_left_as_it_is() {
        let message = Message { to: "+966500000001", from: "MAKKAH", text: "سيول {to} {", key: "k" };
        assert_eq!(fill("{digits}", &message), "966500000001");
        assert_eq!(fill("[{text}] {from}/{key}", &message), "[سيول {to} {] MAKKAH/k");
        assert_eq!(fill("{other} {to", &message), "{other} {to");
    }
}
