//! Who we are to the server of an account: a session, opened with the app password and kept until the server says that it has run out. It
//! is kept in memory alone, and asked for seldom: a server lets nobody open many a day.

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;
use url::Url;

use super::super::SendError;
use super::super::http::{self, Receiver};
use crate::secret::{Secret, SecretSource};

/// An open session.
#[derive(Clone)]
pub(super) struct Session {
    /// The account as the protocol names it.
    pub(super) did: String,
    access: HeaderValue,
    refresh: HeaderValue,
}

impl Session {
    pub(super) fn headers(&self) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, self.access.clone())])
    }
}

#[derive(Deserialize)]
struct Opened {
    did: String,
    #[serde(rename = "accessJwt")]
    access: String,
    #[serde(rename = "refreshJwt")]
    refresh: String,
}

/// What is known of the session: opened, run out but renewable, or none.
enum Known {
    None,
    Open(Session),
    RunOut(Session),
}

/// The session of an account.
pub(super) struct Sessions {
    handle: String,
    password: Secret,
    known: Mutex<Known>,
}

impl Sessions {
    pub(super) fn new(handle: String, password: Secret) -> Self {
        Self { handle, password, known: Mutex::new(Known::None) }
    }

    /// The server says that the session has run out.
    pub(super) async fn forget(&self) {
        let mut known = self.known.lock().await;
        *known = match std::mem::replace(&mut *known, Known::None) {
            Known::Open(session) => Known::RunOut(session),
            Known::RunOut(_) | Known::None => Known::None,
        };
    }

    /// The session that is open, or a new one.
    pub(super) async fn open(
        &self,
        receiver: &Receiver,
        method: impl Fn(&str) -> Url,
        source: &SecretSource,
    ) -> Result<Session, SendError> {
        let mut known = self.known.lock().await;
        let run_out = match &*known {
            Known::Open(session) => return Ok(session.clone()),
            Known::RunOut(session) => Some(session.refresh.clone()),
            Known::None => None,
        };
        // Nothing was posted by asking for a session: whatever happens, the message has surely not arrived.
        let not_arrived = |why: SendError| match why {
            SendError::Unknown { why } => SendError::Later { why, retry_after: None },
            other => other,
        };
        if let Some(refresh) = run_out {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, refresh)]);
            let answer = receiver.post(&method("com.atproto.server.refreshSession"), headers, Vec::new()).await;
            if let Some(session) = answer.map_err(not_arrived)?.json::<Opened>().and_then(session) {
                *known = Known::Open(session.clone());
                return Ok(session);
            }
            *known = Known::None;
        }
        let body = json!({ "identifier": self.handle, "password": self.password.expose() });
        let url = method("com.atproto.server.createSession");
        let answer = receiver.post_json(&url, HeaderMap::new(), &body).await.map_err(not_arrived)?;
        match answer.json::<Opened>().and_then(session) {
            Some(session) => {
                *known = Known::Open(session.clone());
                Ok(session)
            }
            None => {
                let hint = format!("no session for {}: see that {source} holds an app password of it", self.handle);
                let wait = answer.number("ratelimit-reset").and_then(|at| chrono::DateTime::from_timestamp(at, 0));
                let now: crate::time::Timestamp = std::time::SystemTime::now().into();
                let asked = wait.filter(|_| answer.status.as_u16() == 429).map(|reset| reset - now);
                let why = format!("{hint}: {}", answer.words);
                Err(SendError::Later { why, retry_after: asked })
            }
        }
    }
}

fn session(Opened { did, access, refresh }: Opened) -> Option<Session> {
    let bearer = |token: &str| http::hidden(&format!("Bearer {token}"));
    Some(Session { did, access: bearer(&access)?, refresh: bearer(&refresh)? })
}
