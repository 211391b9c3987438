//! WebSub: the warnings of a channel as an Atom feed of CAP documents, and the hub that tells whoever subscribed of each new one. This is
//! the publisher's and the hub's side towards subscribers; `web` hears what they ask, and their courier tells them.
//!
//! A topic is the address of a feed: all warnings of the channel, or those of one governorate. What is pushed is the feed with its new
//! entry alone, which holds its document whole. A subscriber chose its address itself: none of an inner network is asked unless the
//! channel allows it, and no redirect is followed. The secret that it gives is kept sealed.
//!
//! Source: W3C Recommendation WebSub, 23 January 2018: sections 5 (subscribing), 7 (content distribution), 8 (authenticated distribution).

mod seal;

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderName, LINK};
use ring::hmac;
use url::Url;

use super::http::{parse_base, parse_url};
use super::line::Lines;
use super::line::outward::{self, Outward, failed, head, judged, value};
use super::{
    Kind, Letter, Many, Missed, Opener, Own, Parcel, Receipt, Recipient, SendError, Sink, World, challenge, hex,
};
use crate::feed::keys;
use crate::ids::GovernorateId;
use crate::language::Both;
use crate::message::Form;
use crate::message::atom::{self, Head, Item};
use crate::message::cap;
use crate::secret::{Secret, SecretSource};
use crate::subscriber::{MAX_URL_LEN, Sealed, Wishes};
use crate::table::Table;
use crate::time::{TimeDelta, Timestamp};

/// The kind.
pub const KIND: Kind = Kind {
    name: "websub",
    about: "shows the warnings as an Atom feed of CAP documents, and pushes each to whoever subscribed at its hub (WebSub)",
    example: r#"[open-feed]
kind = "websub"                          # everybody may read it: audience = "public"
url = "https://warnings.example.sa/makkah"    # where the world finds it: what stands in front of `[web] listen` leads this here
title = { ar = "تحذيرات الطقس في منطقة مكة المكرمة", en = "Weather warnings for the Makkah region" }
secret = { file = "websub.key" }         # under which the secrets of subscribers are kept; 32 letters at least, from
                                         # `openssl rand -base64 32`. With another one, who gave a secret has to subscribe anew
most = 10000                             # how many may be subscribed at once
allow = ["10.20.0.0/16"]                 # inner networks that subscribers may lie in; left out: none
ca = "partners-ca.pem"                   # an authority to trust beside those of this machine
timeout = "15s"                          # at most 20s
"#,
    parse: |table| parse(table).map(|settings| Arc::new(settings) as Arc<dyn Opener>),
};

/// How many may be subscribed when the channel does not say.
const MOST: u32 = 10_000;

/// How many may be subscribed at once.
pub(crate) const MOST_LIMITS: std::ops::RangeInclusive<i64> = 1..=1_000_000;

/// The longest address of a feed, in bytes: every topic begins with it.
const MAX_BASE_LEN: usize = 200;

/// The longest secret of a subscriber, in bytes: shorter than 200, as WebSub has it.
pub const MAX_SECRET_LEN: usize = 199;

/// How long a subscription lasts when the subscriber does not say, and how long it may.
pub const LEASE: TimeDelta = TimeDelta::days(10);
/// The shortest and the longest that one may ask for.
pub const LEASE_LIMITS: std::ops::RangeInclusive<TimeDelta> = TimeDelta::minutes(5)..=TimeDelta::days(30);

/// The header of a signature, and the method in it.
const SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature");
const METHOD: &str = "sha256=";

/// What a feed holds. Nobody is to read calm from an empty list.
const ABOUT_AR: &str =
    "التحذيرات الصادرة خلال الأربع والعشرين ساعة الماضية وما لا يزال ساريًا مما قبلها. خلوّ القائمة لا يعني انتفاء الخطر.";
const ABOUT_EN: &str = "Warnings of the last 24 hours, and earlier ones that are still in force. An empty list does not mean that there is no danger.";

/// What a channel of this kind says of itself.
#[derive(Debug)]
struct Settings {
    base: Url,
    title: Both<String>,
    secret: SecretSource,
    most: u32,
    outward: Outward,
}

fn parse(table: &Table<'_>) -> Option<Settings> {
    let base = table.need_text("url", "\"https://…\"", |text| {
        if MAX_BASE_LEN < text.len() {
            return Err(format!("the address is longer than {MAX_BASE_LEN} bytes"));
        }
        parse_base(text)
    });
    let title = table.table("title").map(|title| {
        let of = |key: &'static str| title.need_text(key, "\"…\"", words).map(|found| found.value);
        let both = of("ar").zip(of("en")).map(|(ar, en)| Both { ar, en });
        title.finish();
        both
    });
    if title.is_none() && !table.has("title") {
        table.missing("title", "{ ar = \"…\", en = \"…\" }");
    }
    let secret = keys::secret(table, "secret");
    let most = match table.integer("most", MOST_LIMITS) {
        Some(found) => u32::try_from(found.value).ok(),
        None => (!table.has("most")).then_some(MOST),
    };
    let outward = outward::parse(table);
    Some(Settings { base: base?.value, title: title??, secret: secret?, most: most?, outward: outward? })
}

/// A title on one line.
fn words(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("the text is empty".to_owned()),
        text if text.chars().any(char::is_control) => Err("the text must be on one line".to_owned()),
        text => Ok(text.to_owned()),
    }
}

impl Opener for Settings {
    fn form(&self) -> Form {
        Form::Cap
    }

    fn takes(&self, form: Form) -> bool {
        form == Form::Cap
    }

    fn has_subscribers(&self) -> bool {
        true
    }

    fn face(&self) -> Option<&Url> {
        Some(&self.base)
    }

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        let key = outward::key(world, &self.secret)?;
        let about = Both { ar: ABOUT_AR.to_owned(), en: ABOUT_EN.to_owned() };
        let lines = self.outward.lines(world)?;
        let hub = Hub { base: self.base.clone(), title: self.title.clone(), about, key, most: self.most, lines };
        Ok(Arc::new(Feed(Arc::new(hub))))
    }
}

/// The channel.
struct Feed(Arc<Hub>);

impl Sink for Feed {
    /// Its courier tells one by one; nobody sends to all at once.
    fn send<'a>(&'a self, _: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        let why = "a feed has no receiver of its own; those who want to hear subscribe at its hub".to_owned();
        Box::pin(async { Err(SendError::Never { why }) })
    }

    /// Each subscriber is asked by itself.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }

    fn many(&self) -> Option<Arc<dyn Many>> {
        Some(Arc::clone(&self.0) as Arc<dyn Many>)
    }
}

/// What somebody asks of a hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// To be told.
    Subscribe,
    /// Not to be told any more.
    Unsubscribe,
}

impl Mode {
    /// Its name in `hub.mode`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
        }
    }
}

/// What somebody asked of a hub, to be confirmed at the address that is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// What.
    pub mode: Mode,
    /// Of which feed.
    pub topic: String,
    /// Where it is told.
    pub callback: Url,
    /// For how long.
    pub lease: TimeDelta,
    /// With what its messages are to be signed.
    pub sealed: Option<Sealed>,
}

/// The feed and its hub.
pub struct Hub {
    base: Url,
    title: Both<String>,
    about: Both<String>,
    key: hmac::Key,
    most: u32,
    lines: Lines,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hub({})", self.base)
    }
}

impl Hub {
    /// The path of its address, with `/` at its end: what is asked under it is asked of this one.
    pub fn path(&self) -> &str {
        self.base.path()
    }

    /// How many may be subscribed at once.
    pub fn most(&self) -> u32 {
        self.most
    }

    /// Where it is asked to tell.
    pub fn address(&self) -> String {
        self.at("hub")
    }

    /// Where a document is.
    pub fn document(&self, identifier: &str) -> String {
        self.at(&format!("alerts/{identifier}.xml"))
    }

    /// The feed of one governorate, or of all.
    pub fn topic(&self, place: Option<&GovernorateId>) -> String {
        self.at(&place.map_or_else(|| "warnings.atom".to_owned(), |place| format!("places/{place}.atom")))
    }

    /// Where something lies under its address.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// What those want to hear who subscribe to a topic; none of what is no topic here.
    pub fn wishes_of(&self, topic: &str) -> Option<Wishes> {
        let path = topic.strip_prefix(self.base.as_str())?;
        if path == "warnings.atom" {
            return Some(Wishes::default());
        }
        let place = GovernorateId::new(path.strip_prefix("places/")?.strip_suffix(".atom")?).ok()?;
        Some(Wishes { governorates: [place].into(), ..Wishes::default() })
    }

    /// The feed of those with some wishes, with the newest document first.
    pub fn page(&self, wishes: &Wishes, documents: Vec<String>, since: Timestamp) -> String {
        let (topic, hub) = (self.topic(wishes.governorates.first()), self.address());
        let item = |cap: String| Some(Item { href: self.document(cap::identifier(&cap)?), cap });
        let items: Vec<Item> = documents.into_iter().filter_map(item).collect();
        atom::page(&Head { topic: &topic, hub: &hub, title: &self.title, about: &self.about, since }, &items)
    }

    /// Seals a secret with the address of the subscriber who gave it.
    ///
    /// # Errors
    /// When this machine gives no random bytes.
    pub fn seal(&self, callback: &Url, secret: &str) -> Result<Sealed, String> {
        seal::seal(&self.key, callback.as_str(), secret)
    }

    /// Reads the address that is to be told.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn callback(&self, text: &str) -> Result<Url, String> {
        if MAX_URL_LEN < text.len() {
            return Err(format!("the address is longer than {MAX_URL_LEN} bytes"));
        }
        parse_url(text)
    }

    /// Asks at an address whether it means what was asked in its name.
    ///
    /// # Errors
    /// Why it was not confirmed; [`SendError::Later`] and [`SendError::Unknown`] where asking again may help.
    pub async fn confirm(&self, intent: &Intent, now: Timestamp) -> Result<(), SendError> {
        let never = |why: &str| SendError::Never { why: why.to_owned() };
        let challenge = challenge().map_err(|why| never(&why))?;
        let mut url = intent.callback.clone();
        url.query_pairs_mut()
            .append_pair("hub.mode", intent.mode.name())
            .append_pair("hub.topic", &intent.topic)
            .append_pair("hub.challenge", &challenge);
        if intent.mode == Mode::Subscribe {
            url.query_pairs_mut().append_pair("hub.lease_seconds", &intent.lease.num_seconds().to_string());
        }
        let headers = head(&url).map_err(|why| SendError::Never { why })?;
        let answer = self.lines.get(&url, headers).await.map_err(|lost| failed(&intent.callback, lost))?;
        if answer.status == StatusCode::NOT_FOUND {
            return Err(never("it does not want that"));
        }
        let answer = judged(&intent.callback, answer, now).map_err(SendError::from)?;
        if answer.body != challenge.as_bytes() {
            return Err(never("it answered with something else than the challenge"));
        }
        Ok(())
    }
}

impl Hub {
    /// Tells one who subscribed that it is not told, and why. Nothing depends on its arriving.
    pub async fn deny(&self, intent: &Intent, reason: &str) {
        let mut url = intent.callback.clone();
        url.query_pairs_mut()
            .append_pair("hub.mode", "denied")
            .append_pair("hub.topic", &intent.topic)
            .append_pair("hub.reason", reason);
        if let Ok(headers) = head(&url) {
            let _ = self.lines.get(&url, headers).await;
        }
    }
}

impl Many for Hub {
    fn check(&self, url: &str) -> Result<Url, String> {
        self.callback(url)
    }

    /// Each gives its own.
    fn secret(&self, _: i64, _: u32) -> Option<Secret> {
        None
    }

    fn own(&self, body: &str, wishes: &Wishes) -> Option<Own> {
        // When it was said stands in the document; there is one.
        let body = self.page(wishes, vec![body.to_owned()], Timestamp::UNIX_EPOCH);
        let topic = self.topic(wishes.governorates.first()).into_boxed_str();
        Some(Own { body, content_type: Some(atom::CONTENT_TYPE), topic: Some(topic) })
    }

    fn hub(&self) -> Option<&Hub> {
        Some(self)
    }

    fn send(&self, letter: Arc<Letter>, to: Recipient, now: Timestamp) -> BoxFuture<'_, Result<Receipt, Missed>> {
        Box::pin(async move {
            let never = |why| Missed::from(SendError::Never { why });
            let url = parse_url(&to.url).map_err(never)?;
            let mut headers = head(&url).map_err(never)?;
            headers.insert(CONTENT_TYPE, value(&letter.content_type).map_err(never)?);
            headers.append(LINK, value(&format!("<{}>; rel=\"hub\"", self.address())).map_err(never)?);
            if let Some(topic) = &letter.topic {
                headers.append(LINK, value(&format!("<{topic}>; rel=\"self\"")).map_err(never)?);
            }
            if let Some(sealed) = &to.sealed {
                let Some(secret) = seal::open(&self.key, url.as_str(), sealed) else {
                    let why = "its secret was sealed under another key: give the channel that key again, or have it subscribe anew";
                    return Err(SendError::Later { why: why.to_owned(), retry_after: None }.into());
                };
                let own = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
                let tag = hmac::sign(&own, &letter.body);
                headers.insert(SIGNATURE, value(&format!("{METHOD}{}", hex(tag.as_ref()))).map_err(never)?);
            }
            let answer = self.lines.post(&url, headers, letter.body.clone()).await;
            let answer = judged(&url, answer.map_err(|lost| failed(&url, lost))?, now)?;
            Ok(Receipt(answer.status.as_str().to_owned()))
        })
    }

    /// Whoever subscribes shows it at the hub ([`Hub::confirm`]).
    fn challenge(&self, _: Arc<Letter>, _: Recipient, _: Timestamp) -> BoxFuture<'_, Result<String, Missed>> {
        let why = "those who want to hear of a feed subscribe at its hub".to_owned();
        Box::pin(async { Err(SendError::Never { why }.into()) })
    }
}
