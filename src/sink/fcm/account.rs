//! A service account of Google, and the short-lived tokens that it asks for: a word signed with its key (RS256) is given for one.
//!
//! The key never leaves this file but as a signature, a token never but to be sent, and neither prints. A token is asked for once and
//! kept until shortly before its end. Asking sends no message: whatever goes wrong here, nothing has arrived.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use secrecy::{ExposeSecret as _, SecretSlice};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;
use url::Url;

use crate::secret::Secret;
use crate::sink::http::{self, Place, Receiver};
use crate::sink::{SendError, World};
use crate::time::{TimeDelta, Timestamp};

/// What a token is asked for.
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";

/// How long the signed word counts; Google takes an hour at most.
const LIFE: TimeDelta = TimeDelta::minutes(10);

/// How long before its end a token is not used any more.
const MARGIN: TimeDelta = TimeDelta::minutes(5);

/// The longest that a token is kept, whatever is said of it.
const MAX_KEPT: TimeDelta = TimeDelta::hours(1);

/// The longest token that is taken, in bytes.
const MAX_TOKEN: usize = 8 * 1024;

/// The account, and the token that it has at present.
pub(super) struct Account {
    project: String,
    email: String,
    key_id: String,
    pair: RsaKeyPair,
    token_url: Url,
    world: World,
    timeout: Duration,
    held: Mutex<Option<(Secret, Timestamp)>>,
}

/// The file as Google gives it.
#[derive(Deserialize)]
struct Written {
    r#type: String,
    project_id: String,
    private_key_id: String,
    private_key: String,
    client_email: String,
    token_uri: String,
}

/// What is said of a token.
#[derive(Deserialize)]
struct Given {
    access_token: String,
    expires_in: i64,
}

impl Account {
    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong, without anything of what is written.
    pub(super) fn read(secret: &Secret, world: &World, timeout: Duration) -> Result<Self, String> {
        const AGAIN: &str = "download the file anew, at Firebase under \"Service accounts\"";
        let written: Written = serde_json::from_str(secret.expose())
            .map_err(|why| format!("it is no such file (line {}, column {}); {AGAIN}", why.line(), why.column()))?;
        if written.r#type != "service_account" {
            return Err(format!("its `type` is not \"service_account\"; {AGAIN}"));
        }
        let is_name = |text: &str| {
            (1..=128).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-:.".contains(&byte))
        };
        if !is_name(&written.project_id) {
            return Err(format!("its `project_id` is no project; {AGAIN}"));
        }
        let token_url = http::parse_url(&written.token_uri).map_err(|why| format!("its `token_uri`: {why}"))?;
        let pair = key(&written.private_key).ok_or_else(|| format!("its `private_key` is no RSA key; {AGAIN}"))?;
        Ok(Self {
            project: written.project_id,
            email: written.client_email,
            key_id: written.private_key_id,
            pair,
            token_url,
            world: world.clone(),
            timeout,
            held: Mutex::default(),
        })
    }

    /// The project that its messages go through.
    pub(super) fn project(&self) -> &str {
        &self.project
    }

    /// Who gives tokens.
    pub(super) fn place(&self) -> String {
        http::shown(&self.token_url)
    }

    /// A token that counts now: the one at hand, or a new one.
    ///
    /// # Errors
    /// Always `Later`: no message has gone out yet, and an account may be set right.
    pub(super) async fn token(&self, now: Timestamp) -> Result<Secret, SendError> {
        // Those who wait in line for the same token wait no longer than one who asks.
        let asking = tokio::time::timeout(self.timeout, async {
            let mut held = self.held.lock().await;
            if let Some((token, until)) = held.as_ref().filter(|(_, until)| now < *until) {
                return Ok((token.clone(), *until));
            }
            *held = None;
            let (token, until) = self.ask(now).await?;
            *held = Some((token.clone(), until));
            Ok((token, until))
        });
        match asking.await {
            Ok(Ok((token, _))) => Ok(token),
            Ok(Err(why)) => Err(why),
            Err(_) => Err(self.without_token(&format!("no answer in {} s", self.timeout.as_secs()), None)),
        }
    }

    /// Takes it that the token at hand does not count any more.
    pub(super) async fn forget(&self) {
        *self.held.lock().await = None;
    }

    async fn ask(&self, now: Timestamp) -> Result<(Secret, Timestamp), SendError> {
        let proof = self.proof(now).ok_or_else(|| self.without_token("the request could not be signed", None))?;
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
            .append_pair("assertion", proof.expose())
            .finish();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let receiver = Receiver::new(&self.world, Place::open(&self.token_url).hush(proof.expose()), self.timeout);
        let answer = match receiver.post(&self.token_url, headers, form.into_bytes()).await {
            Ok(answer) => answer,
            Err(SendError::Later { why, retry_after }) => return Err(self.without_token(&why, retry_after)),
            Err(SendError::Never { why }) => return Err(self.without_token(&why, None)),
            Err(SendError::Unknown { .. }) => return Err(self.without_token("the answer did not come whole", None)),
        };
        if !answer.status.is_success() {
            let hint = "see that the account still exists and that the clock is right";
            return Err(match receiver.settle(&answer, now, None, hint) {
                Err(SendError::Later { why, retry_after }) => self.without_token(&why, retry_after),
                Err(SendError::Never { why } | SendError::Unknown { why }) => self.without_token(&why, None),
                Ok(_) => self.without_token(hint, None),
            });
        }
        // What it says may hold the token: none of it is shown.
        let given = answer.json::<Given>();
        let given = given.filter(|given| (1..=MAX_TOKEN).contains(&given.access_token.len()));
        let given = given.ok_or_else(|| self.without_token("it did not answer as Google does", None))?;
        let kept = TimeDelta::try_seconds(given.expires_in).unwrap_or(MAX_KEPT).clamp(TimeDelta::zero(), MAX_KEPT);
        Ok((Secret::new(&given.access_token), now + kept - MARGIN))
    }

    fn without_token(&self, why: &str, retry_after: Option<TimeDelta>) -> SendError {
        SendError::Later { why: format!("{} gave no token, and nothing was sent: {why}", self.place()), retry_after }
    }

    /// The signed word that a token is given for.
    fn proof(&self, now: Timestamp) -> Option<Secret> {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let head = encode(json!({ "alg": "RS256", "typ": "JWT", "kid": self.key_id }).to_string().as_bytes());
        let claims = json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.token_url.as_str(),
            "iat": now.timestamp(),
            "exp": (now + LIFE).timestamp(),
        });
        let signed = format!("{head}.{}", encode(claims.to_string().as_bytes()));
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).ok()?;
        Some(Secret::new(&format!("{signed}.{}", encode(&signature))))
    }
}

/// A private key as PEM (PKCS #8).
fn key(pem: &str) -> Option<RsaKeyPair> {
    let inner = pem.trim().strip_prefix("-----BEGIN PRIVATE KEY-----")?.strip_suffix("-----END PRIVATE KEY-----")?;
    let inner = Secret::new(&inner.split_whitespace().collect::<String>());
    let der = SecretSlice::from(STANDARD.decode(inner.expose()).ok()?);
    RsaKeyPair::from_pkcs8(der.expose_secret()).ok()
}
