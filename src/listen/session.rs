//! The session on our side: always there and always empty. All that we ever send is which topics we want, and that we say anew
//! with every connection; what we know lies in the store of the service.
//!
//! Without it the client would take a session that only the broker remembers for one in which nothing may be asked, and whether
//! the broker still has the topics could never be made sure of.

use rumqttc::{PersistedAckMode, PersistedSession, SessionStore, SessionStoreError, SessionStoreKey};

use super::KEEP_FOR;

/// The version of the form in which the client takes a session.
const FORM: u16 = 1;

/// An empty session.
#[derive(Debug)]
pub(super) struct Empty;

type Answer<'a, T> = futures_util::future::BoxFuture<'a, Result<T, SessionStoreError>>;

impl SessionStore for Empty {
    fn load<'a>(&'a self, key: &'a SessionStoreKey) -> Answer<'a, Option<PersistedSession>> {
        let session = PersistedSession {
            format_version: FORM,
            client_id: key.client_id().to_owned(),
            clean_start: false,
            session_expiry_interval: Some(KEEP_FOR),
            outgoing_inflight_upper_limit: None,
            ack_mode: PersistedAckMode::Manual,
            last_pkid: 0,
            last_puback: 0,
            replay: Vec::new(),
            incoming_qos2: Vec::new(),
        };
        Box::pin(async { Ok(Some(session)) })
    }

    fn save<'a>(&'a self, _key: &'a SessionStoreKey, _session: &'a PersistedSession) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn clear<'a>(&'a self, _key: &'a SessionStoreKey) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}
