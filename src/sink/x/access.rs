//! Who we are to X: each request is signed (OAuth 1.0a) or bears a token (OAuth 2.0).

use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use url::Url;

use super::bearer::{Tokens, anew};
use super::keys::Written;
use super::oauth::Keys;
use super::{Answer, SendError, http};
use crate::secret::SecretSource;
use crate::sink::World;
use crate::time::Timestamp;

/// How an account is proved to be ours.
pub(super) enum Access {
    /// By keys that never run out.
    Signed(Keys),
    /// By a token that is given for two hours.
    Bearer(Arc<Tokens>),
}

impl Access {
    /// By what stands in the file of keys. `url` is where X gives tokens.
    pub(super) fn new(written: Written, source: &SecretSource, url: Url, world: &World) -> Self {
        match written {
            Written::Signed(keys) => Self::Signed(keys),
            Written::Bearer(app) => Self::Bearer(Arc::new(Tokens::new(app, source, url, world))),
        }
    }

    /// Gets what a request will need, so that a thread is not begun without it.
    ///
    /// # Errors
    /// Always `Later`.
    pub(super) async fn prepare(&self, now: Timestamp) -> Result<(), SendError> {
        match self {
            Self::Signed(_) => Ok(()),
            Self::Bearer(tokens) => tokens.token(now, None).await.map(drop),
        }
    }

    /// Makes a request with its proof. A token that X takes no longer is given for the next one, once, and the request is made again:
    /// what X does not know us by has changed nothing there.
    ///
    /// # Errors
    /// Those of the request, and `Later` where there is no token.
    pub(super) async fn request<'a>(
        &self,
        (method, url, now): (&str, &Url, Timestamp),
        request: impl Fn(HeaderMap) -> BoxFuture<'a, Result<Answer, SendError>>,
    ) -> Result<Answer, SendError> {
        let tokens = match self {
            Self::Signed(keys) => return request(signed(keys, method, url, now)).await,
            Self::Bearer(tokens) => tokens,
        };
        let token = tokens.token(now, None).await?;
        let answer = request(token.headers()).await?;
        if answer.status != StatusCode::UNAUTHORIZED || token.is_fresh(now) {
            return Ok(answer);
        }
        request(tokens.token(now, Some(&token)).await?.headers()).await
    }

    /// What a person may do about a refusal.
    pub(super) fn hint(&self, status: StatusCode, source: &SecretSource) -> String {
        match (status, self) {
            (StatusCode::UNAUTHORIZED, Self::Signed(_)) => {
                format!("see that {source} holds the keys of this app and account, and that the clock is right")
            }
            (StatusCode::UNAUTHORIZED, Self::Bearer(_)) => anew("the app", source),
            (StatusCode::PAYMENT_REQUIRED, _) => {
                "the credits of the app are used up: buy some at developer.x.com".to_owned()
            }
            (StatusCode::FORBIDDEN, Self::Signed(_)) => {
                format!("let the app read and write, then make a new access token and put it into {source}")
            }
            (StatusCode::FORBIDDEN, Self::Bearer(_)) => {
                format!("let the app read and write, then {}", anew("it", source))
            }
            _ => String::new(),
        }
    }
}

fn signed(keys: &Keys, method: &str, url: &Url, now: Timestamp) -> HeaderMap {
    // Only that it is never used twice matters (RFC 5849, 3.3).
    let nonce = format!("{:032x}", fastrand::u128(..));
    let proof = http::hidden(&keys.authorization(method, url, &nonce, now));
    proof.map(|proof| (AUTHORIZATION, proof)).into_iter().collect()
}
