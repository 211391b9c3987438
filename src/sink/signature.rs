//! Signatures of webhooks, as Standard Webhooks 1.0.0 has them: a receiver can tell that a message is ours, unaltered and fresh.
//!
//! Source: the Standard Webhooks specification, standardwebhooks.com. Keys never leave this file, and never print.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderMap;
use ring::hmac;

use crate::secret::Secret;
use crate::time::{TimeDelta, Timestamp};

/// The header that names the message, the same over all tries.
pub const ID: &str = "webhook-id";

/// The header that tells when this try was made, in seconds since 1970.
pub const TIMESTAMP: &str = "webhook-timestamp";

/// The header with one signature for each secret, apart by spaces.
pub const SIGNATURE: &str = "webhook-signature";

/// How far the clocks of sender and receiver may be apart.
pub const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// The most secrets at a time: the one in use, and older ones while receivers change over.
pub const MAX_SECRETS: usize = 4;

/// The most signatures of one request that are looked at.
const MAX_SIGNATURES: usize = 16;

/// The lengths that a key may have, in bytes.
const KEY_LEN: std::ops::RangeInclusive<usize> = 24..=64;

const PREFIX: &str = "whsec_";
const VERSION: &str = "v1,";

/// Why a text is not a signing secret; never shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotASecret {
    /// Another prefix or none.
    #[error("a signing secret begins with `whsec_`; make one with: echo whsec_$(openssl rand -base64 32)")]
    Prefix,
    /// Not base64.
    #[error("what follows `whsec_` is not base64; make one with: echo whsec_$(openssl rand -base64 32)")]
    Base64,
    /// Too short to be safe, or longer than receivers take.
    #[error(
        "a signing secret holds 24 to 64 bytes, this one {len}; make one with: echo whsec_$(openssl rand -base64 32)"
    )]
    Length {
        /// How many bytes it holds.
        len: usize,
    },
    /// None, or too many.
    #[error("one to {MAX_SECRETS} signing secrets are taken, apart by white space; found {count}")]
    Count {
        /// How many were found.
        count: usize,
    },
}

/// Why a request is not taken for ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The receiver's own secret cannot be used.
    #[error("the secret cannot be used: {0}")]
    Secret(#[from] NotASecret),
    /// A header is missing or cannot be read.
    #[error("the header `{name}` is missing or cannot be read")]
    Header {
        /// Which one.
        name: &'static str,
    },
    /// It is too old, or from the future: it may be a replay.
    #[error("it was signed {apart_s} s away from now, which is too far")]
    Stale {
        /// How far away, in seconds.
        apart_s: i64,
    },
    /// No signature fits.
    #[error("no signature fits the secret and the content")]
    Mismatch,
}

/// Signs with one or more secrets.
pub struct Signer {
    keys: Vec<hmac::Key>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({} secrets)", self.keys.len())
    }
}

impl Signer {
    /// Takes a secret, or several apart by white space: the newest first, then older ones that receivers still know.
    pub fn new(secret: &Secret) -> Result<Self, NotASecret> {
        let texts: Vec<&str> = secret.expose().split_whitespace().collect();
        if texts.is_empty() || MAX_SECRETS < texts.len() {
            return Err(NotASecret::Count { count: texts.len() });
        }
        let keys = texts.into_iter().map(key).collect::<Result<_, _>>()?;
        Ok(Self { keys })
    }

    /// The value of [`SIGNATURE`] for a message sent now.
    pub fn sign(&self, id: &str, now: Timestamp, body: &[u8]) -> String {
        let content = content(id, now.timestamp(), body);
        let signatures: Vec<String> =
            self.keys.iter().map(|key| format!("{VERSION}{}", STANDARD.encode(hmac::sign(key, &content)))).collect();
        signatures.join(" ")
    }
}

/// Makes sure that a request was signed with the secret (or one of several), less than `tolerance` away from now.
pub fn verify(
    secret: &Secret,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
    tolerance: TimeDelta,
) -> Result<(), VerifyError> {
    let signer = Signer::new(secret)?;
    let id = header(headers, ID)?;
    let written = header(headers, TIMESTAMP)?;
    let signatures = header(headers, SIGNATURE)?;
    let is_number = !written.is_empty() && written.bytes().all(|digit| digit.is_ascii_digit());
    let second: i64 = written.parse().ok().filter(|_| is_number).ok_or(VerifyError::Header { name: TIMESTAMP })?;
    let apart_s = now.timestamp().saturating_sub(second).saturating_abs();
    if tolerance.num_seconds() < apart_s {
        return Err(VerifyError::Stale { apart_s });
    }
    let content = content(id, second, body);
    let fits = signatures
        .split(' ')
        .filter_map(|signature| STANDARD.decode(signature.strip_prefix(VERSION)?).ok())
        .take(MAX_SIGNATURES)
        .any(|tag| signer.keys.iter().any(|key| hmac::verify(key, &content, &tag).is_ok()));
    if fits { Ok(()) } else { Err(VerifyError::Mismatch) }
}

fn key(text: &str) -> Result<hmac::Key, NotASecret> {
    let bytes = STANDARD.decode(text.strip_prefix(PREFIX).ok_or(NotASecret::Prefix)?);
    let bytes = secrecy::SecretSlice::from(bytes.map_err(|_| NotASecret::Base64)?);
    let bytes = secrecy::ExposeSecret::expose_secret(&bytes);
    if !KEY_LEN.contains(&bytes.len()) {
        return Err(NotASecret::Length { len: bytes.len() });
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, bytes))
}

fn content(id: &str, second: i64, body: &[u8]) -> Vec<u8> {
    let mut content = format!("{id}.{second}.").into_bytes();
    content.extend_from_slice(body);
    content
}

fn header<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<&'h str, VerifyError> {
    headers.get(name).and_then(|value| value.to_str().ok()).ok_or(VerifyError::Header { name })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that implementations of the standard test themselves with.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const MESSAGE: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const OTHER: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(1_614_265_330 + second, 0).unwrap()
    }

    fn headers(id: &str, timestamp: &str, signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [(ID, id), (TIMESTAMP, timestamp), (SIGNATURE, signature)] {
            headers.insert(name, value.parse().unwrap());
        }
        headers
    }

    fn check(secret: &str, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), VerifyError> {
        verify(&Secret::new(secret), headers, body, now, TOLERANCE)
    }

    #[test]
    fn the_signature_is_that_of_the_standard() {
        let signer = Signer::new(&Secret::new(SECRET)).unwrap();
        assert_eq!(signer.sign(MESSAGE, at(0), BODY), SIGNED);
        assert_eq!(check(SECRET, &headers(MESSAGE, "1614265330", SIGNED), BODY, at(0)), Ok(()));
    }

    #[test]
    fn what_was_altered_is_not_taken() {
        let good = headers(MESSAGE, "1614265330", SIGNED);
        assert_eq!(check(SECRET, &good, b"{}", at(0)), Err(VerifyError::Mismatch));
        assert_eq!(check(OTHER, &good, BODY, at(0)), Err(VerifyError::Mismatch));
        let altered = [
            headers("msg_other", "1614265330", SIGNED),
            headers(MESSAGE, "1614265331", SIGNED),
            headers(MESSAGE, "1614265330", &SIGNED.replace("v1,", "v2,")),
            headers(MESSAGE, "1614265330", "v1,"),
            headers(MESSAGE, "1614265330", ""),
        ];
        for altered in altered {
            assert_eq!(check(SECRET, &altered, BODY, at(0)), Err(VerifyError::Mismatch), "{altered:?}");
        }
    }

    #[test]
    fn what_is_old_or_from_the_future_is_not_taken() {
        let good = headers(MESSAGE, "1614265330", SIGNED);
        for fresh in [-300, 300] {
            assert_eq!(check(SECRET, &good, BODY, at(fresh)), Ok(()));
        }
        for stale in [-301, 301] {
            assert_eq!(check(SECRET, &good, BODY, at(stale)), Err(VerifyError::Stale { apart_s: 301 }));
        }
        for wrong in ["", "+1614265330", "1614265330.0", "99999999999999999999"] {
            let wrong = headers(MESSAGE, wrong, SIGNED);
            assert_eq!(check(SECRET, &wrong, BODY, at(0)), Err(VerifyError::Header { name: TIMESTAMP }));
        }
        let mut missing = good;
        missing.remove(ID);
        assert_eq!(check(SECRET, &missing, BODY, at(0)), Err(VerifyError::Header { name: ID }));
    }

    #[test]
    fn receivers_change_over_to_a_new_secret_without_a_gap() {
        let both = Signer::new(&Secret::new(&format!("{OTHER}\n{SECRET}\n"))).unwrap();
        let signature = both.sign(MESSAGE, at(0), BODY);
        assert_eq!(signature.split(' ').count(), 2);
        let signed = headers(MESSAGE, "1614265330", &signature);
        for secret in [SECRET, OTHER] {
            assert_eq!(check(secret, &signed, BODY, at(0)), Ok(()));
        }
    }

    #[test]
    fn a_weak_or_mistyped_secret_is_refused_and_never_shown() {
        let new = |text: &str| Signer::new(&Secret::new(text)).unwrap_err();
        assert_eq!(new("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), NotASecret::Prefix);
        assert_eq!(new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaL*Sw"), NotASecret::Base64);
        assert_eq!(new("whsec_MfKQ9r8G"), NotASecret::Length { len: 6 });
        assert_eq!(new(""), NotASecret::Count { count: 0 });
        assert_eq!(new(&[SECRET; 5].join(" ")), NotASecret::Count { count: 5 });
        assert!(!new("whsec_MfKQ9r8G").to_string().contains("MfKQ9r8G"));
        assert!(!format!("{:?}", Signer::new(&Secret::new(SECRET)).unwrap()).contains("MfKQ"));
    }
}
