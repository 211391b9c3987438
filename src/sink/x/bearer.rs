//! OAuth 2.0 for one account: the access token that X gives for two hours, and the refresh token that the next one is given for.
//!
//! Each refresh token works once, and the answer carries the next. What X gives is on the disk before it is used ([`Chain`]); one asks at
//! a time, in this process and beside it, and reads first what another may have got; and X's answer is waited for even where the
//! message that needed it has run out of time. No token leaves this file but to be sent, and none prints. Asking posts nothing: whatever
//! goes wrong here, nothing has arrived by it. How a person lets the app in first is in [`super::admission`].
//!
//! Sources: docs.x.com ("OAuth 2.0 Authorization Code Flow with PKCE"), RFC 6749 (2.3.1, 5.2, 6). X calls a refresh token that was used
//! `invalid_request` where the RFC has `invalid_grant`.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;
use url::Url;

use super::chain::{Chain, Draft, Link};
use super::keys::is_key;
use crate::secret::{Secret, SecretSource};
use crate::sink::http::{self, Answer, Place, Receiver};
use crate::sink::{SendError, World, fingerprint};
use crate::time::{TimeDelta, Timestamp};

/// How long an access token lives where X does not say, and the longest that it is believed to.
const LIFE: TimeDelta = TimeDelta::hours(2);

/// How long before its end a token is not used any more, at most.
const MARGIN: TimeDelta = TimeDelta::minutes(5);

/// A token younger than this is not given for another: when X refuses it, that is no matter of time.
const FRESH: TimeDelta = TimeDelta::minutes(1);

/// How long X may take for the next tokens; less would lose what it has given already.
const ASK_FOR: Duration = Duration::from_secs(12);

/// How long another who asks for the same account is waited for: with [`ASK_FOR`] less than [`MAX_WAIT`], so that a command that has
/// begun to ask does not end before X has answered.
const LOCK_WAIT: Duration = Duration::from_secs(7);

/// How often it is looked whether the other is done.
const LOCK_LOOK: Duration = Duration::from_millis(50);

/// How long a message waits for a token; with the longest `timeout` of a channel, a delivery still ends within its lease.
const MAX_WAIT: Duration = Duration::from_secs(20);

/// How many digits of a hash tell the files of two accounts apart, in bytes.
const NAME_LEN: usize = 8;

/// What staff do where the app has to be let in once more.
pub(super) fn anew(whom: &str, source: &SecretSource) -> String {
    format!("let {whom} in anew by `nadhir channel authorise`, so that {source} holds its `refresh_token`, and reload")
}

/// An app at X.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) id: Secret,
    /// None for what X calls a public client.
    pub(super) secret: Option<Secret>,
}

impl Client {
    /// What X is asked for tokens with: headers and a form.
    pub(super) fn request(&self, asked: &[(&str, &str)]) -> (HeaderMap, String) {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(asked);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let id = self.id.expose();
        match &self.secret {
            Some(secret) => {
                let proof = format!("Basic {}", STANDARD.encode(format!("{id}:{}", secret.expose())));
                headers.extend(http::hidden(&proof).map(|proof| (AUTHORIZATION, proof)));
            }
            None => {
                form.append_pair("client_id", id);
            }
        }
        (headers, form.finish())
    }

    /// What may stand in no error.
    pub(super) fn exposed(&self) -> Vec<&str> {
        self.secret.iter().chain([&self.id]).map(Secret::expose).collect()
    }
}

/// An app, and the refresh token that staff wrote down for it.
#[derive(Debug, Clone)]
pub(super) struct App {
    pub(super) client: Client,
    pub(super) seed: Secret,
}

impl App {
    /// What may stand in no error.
    pub(super) fn exposed(&self) -> Vec<&str> {
        [self.seed.expose()].into_iter().chain(self.client.exposed()).collect()
    }
}

/// A token that counts.
#[derive(Debug, Clone)]
pub(super) struct Token {
    access: Secret,
    given: Timestamp,
    until: Timestamp,
}

impl From<&Link> for Token {
    fn from(link: &Link) -> Self {
        Self { access: link.access.clone(), given: link.given, until: link.until }
    }
}

impl Token {
    /// The header that proves who we are.
    pub(super) fn headers(&self) -> HeaderMap {
        let proof = http::hidden(&format!("Bearer {}", self.access.expose()));
        proof.map(|proof| (AUTHORIZATION, proof)).into_iter().collect()
    }

    /// True when X gave it just now.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        (now - self.given).abs() < FRESH
    }

    /// Whether it may be used: its time is not over, no clock went wrong, and X does not refuse it.
    fn counts(&self, now: Timestamp, refused: Option<&Self>) -> bool {
        let is_refused = refused.is_some_and(|refused| refused.access.expose() == self.access.expose());
        now < self.until && self.until - now <= LIFE && !is_refused
    }
}

/// What X says when it gives tokens.
#[derive(Deserialize)]
pub(super) struct Given {
    access_token: String,
    expires_in: Option<i64>,
    refresh_token: Option<String>,
}

impl Given {
    /// What an answer gives; none when it is not as X answers.
    pub(super) fn read(answer: &Answer) -> Option<Self> {
        answer.json::<Self>().filter(|given| is_key(&given.access_token))
    }

    /// The refresh token, where there is one.
    pub(super) fn refresh(&self) -> Option<Secret> {
        self.refresh_token.as_deref().filter(|next| is_key(next)).map(Secret::new)
    }
}

/// The tokens of an account.
pub(super) struct Tokens {
    app: App,
    /// Where its keys are kept.
    source: SecretSource,
    /// Where X gives tokens.
    url: Url,
    world: World,
    chain: Chain,
    held: Mutex<Option<Token>>,
    /// One asks at a time. A link that the disk did not take is remembered here.
    turn: tokio::sync::Mutex<Option<Link>>,
}

impl Tokens {
    /// Those of an app; nothing is read or asked for yet.
    pub(super) fn new(app: App, source: &SecretSource, url: Url, world: &World) -> Self {
        let name = fingerprint(&format!("{} {}", app.client.id.expose(), app.seed.expose()), NAME_LEN);
        let chain = Chain::new(&world.dir, &name);
        let (held, turn) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { app, source: source.clone(), url, world: world.clone(), chain, held, turn }
    }

    /// A token that counts now and that X does not refuse: the one at hand, or the next.
    ///
    /// # Errors
    /// Always `Later`: nothing was posted by it, and an account may be set right.
    pub(super) async fn token(self: &Arc<Self>, now: Timestamp, refused: Option<&Token>) -> Result<Token, SendError> {
        if let Some(token) = self.held(now, refused) {
            return Ok(token);
        }
        let (tokens, refused) = (Arc::clone(self), refused.cloned());
        // In a task of its own: who waits may give up, and the answer of X is taken and kept all the same.
        let renewing = tokio::spawn(async move { tokens.renew(now, refused.as_ref()).await });
        match tokio::time::timeout(MAX_WAIT, renewing).await {
            Ok(Ok(renewed)) => renewed,
            Ok(Err(why)) => Err(self.without(&why, None)),
            Err(_) => Err(self.without(&format!("{} gave none in {} s", self.place(), MAX_WAIT.as_secs()), None)),
        }
    }

    fn held(&self, now: Timestamp, refused: Option<&Token>) -> Option<Token> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.clone().filter(|token| token.counts(now, refused))
    }

    fn hold(&self, token: Token) -> Token {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        token
    }

    async fn renew(&self, now: Timestamp, refused: Option<&Token>) -> Result<Token, SendError> {
        let mut turn = self.turn.lock().await;
        if let Some(token) = self.held(now, refused) {
            return Ok(token);
        }
        // Until the next tokens are kept nobody else asks, in this process or beside it.
        let _lock = self.lock().await?;
        let chain = self.chain.clone();
        let known = match turn.clone() {
            Some(unkept) => Some(unkept),
            None => self.on_disk(move || chain.read()).await.map_err(|why| {
                self.without(&format!("{} cannot be read ({why}); {}", self.chain.name(), self.anew()), None)
            })?,
        };
        if let Some(token) = known.as_ref().map(Token::from).filter(|token| token.counts(now, refused)) {
            return Ok(self.hold(token));
        }
        let draft = self.draft().await?;
        let refresh = known.map_or_else(|| self.app.seed.clone(), |link| link.refresh);
        let link = self.ask(now, &refresh).await?;
        *turn = self.keep(draft, link.clone()).await;
        Ok(self.hold(Token::from(&link)))
    }

    /// Takes the lock of the file, when whoever holds it is done.
    async fn lock(&self) -> Result<std::fs::File, SendError> {
        let end = tokio::time::Instant::now() + LOCK_WAIT;
        loop {
            let chain = self.chain.clone();
            match self.on_disk(move || chain.try_lock()).await {
                Ok(Some(lock)) => return Ok(lock),
                Ok(None) if tokio::time::Instant::now() < end => tokio::time::sleep(LOCK_LOOK).await,
                Ok(None) => return Err(self.without(&"another process asks for the same account, and may hang", None)),
                Err(why) => return Err(self.unwritable(&why)),
            }
        }
    }

    async fn draft(&self) -> Result<Draft, SendError> {
        let chain = self.chain.clone();
        self.on_disk(move || chain.draft()).await.map_err(|why| self.unwritable(&why))
    }

    /// Keeps a link; gives it back where the disk does not take it, though there was room.
    async fn keep(&self, draft: Draft, link: Link) -> Option<Link> {
        let kept = link.clone();
        let why = self.on_disk(move || draft.keep(&kept)).await.err()?;
        let name = self.chain.name();
        tracing::error!(
            error = %why,
            "{name} does not hold the newest token of X ({why}): see to the disk; if the service ends before the next one is kept, {}",
            self.anew()
        );
        Some(link)
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> std::io::Result<T> {
        tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other).and_then(|done| done)
    }

    /// Asks for the next tokens.
    async fn ask(&self, now: Timestamp, refresh: &Secret) -> Result<Link, SendError> {
        let asked = [("grant_type", "refresh_token"), ("refresh_token", refresh.expose())];
        let (headers, form) = self.app.client.request(&asked);
        let place = Place::server(&self.url, &self.app.exposed()).hush(refresh.expose()).hush(&form);
        let receiver = Receiver::new(&self.world, place, ASK_FOR);
        let answer = match receiver.post(&self.url, headers, form.into_bytes()).await {
            Ok(answer) => answer,
            Err(SendError::Later { why, retry_after }) => return Err(self.without(&why, retry_after)),
            Err(SendError::Never { why }) => return Err(self.without(&why, None)),
            Err(SendError::Unknown { .. }) => {
                let why = format!("the answer of {} did not come whole, and may have held the next one", self.place());
                return Err(self.without(&why, None));
            }
        };
        if !answer.status.is_success() {
            return Err(self.refused(&receiver, &answer, now));
        }
        // What it says may hold tokens: none of it is shown.
        let given = Given::read(&answer)
            .ok_or_else(|| self.without(&format!("{} did not answer as X does", self.place()), None))?;
        let life = given.expires_in.and_then(TimeDelta::try_seconds).unwrap_or(LIFE).clamp(TimeDelta::zero(), LIFE);
        Ok(Link {
            access: Secret::new(&given.access_token),
            given: now,
            until: now + life - MARGIN.min(life / 4),
            // RFC 6749, 6: where none is given, the old one goes on.
            refresh: given.refresh().unwrap_or_else(|| refresh.clone()),
        })
    }

    fn refused(&self, receiver: &Receiver, answer: &Answer, now: Timestamp) -> SendError {
        let hint = match answer.status {
            StatusCode::BAD_REQUEST => format!("the refresh token is used up or was withdrawn: {}", self.anew()),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                format!(
                    "see that {} holds the `client_id` of the app, and its `client_secret` if it has one",
                    self.source
                )
            }
            _ => String::new(),
        };
        match receiver.settle(answer, now, None, &hint) {
            Err(SendError::Later { why, retry_after }) => self.without(&why, retry_after),
            Err(SendError::Never { why } | SendError::Unknown { why }) => self.without(&why, None),
            Ok(_) => self.without(&answer.words, None),
        }
    }

    fn place(&self) -> String {
        http::shown(&self.url)
    }

    /// What staff do when the chain is lost.
    fn anew(&self) -> String {
        anew("the app", &self.source)
    }

    fn unwritable(&self, why: &dyn Display) -> SendError {
        let name = self.chain.name();
        self.without(&format!("the next one could not be kept in {name}, so that it was not asked for: {why}"), None)
    }

    fn without(&self, why: &dyn Display, retry_after: Option<TimeDelta>) -> SendError {
        SendError::Later { why: format!("no access token: {why}"), retry_after }
    }
}
