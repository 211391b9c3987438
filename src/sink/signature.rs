//! Signatures of webhooks, as Standard Webhooks 1.0.0 has them: a receiver can tell that a message is ours, unaltered and fresh.
//!
//! Source: the Standard Webhooks specification, standardwebhooks.com. Keys never leave this file, and never print.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderMap;
use ring::hmac;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

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

/// How a key begins of which receivers know the public half alone, and how that half and its signatures begin.
const PRIVATE: &str = "whsk_";
const PUBLIC: &str = "whpk_";
const ASYMMETRIC: &str = "v1a,";

/// Why a text is not a signing secret; never shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotASecret {
    /// Another prefix or none.
    #[error("a signing secret begins with `whsec_` (or `whsk_`); make one with: echo whsec_$(openssl rand -base64 32)")]
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
    /// No key of Ed25519.
    #[error(
        "what follows `whsk_` is no key of Ed25519: 32 bytes, or 64 with its public half; make one with: echo whsk_$(openssl rand -base64 32)"
    )]
    Ed25519,
    /// The public half, with which nobody signs.
    #[error("`whpk_` is the public half, for receivers; to sign, give the one that begins with `whsk_`")]
    Public,
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
    keys: Vec<Key>,
}

/// A key to sign with.
enum Key {
    /// Both sides know it: HMAC-SHA256.
    Shared(hmac::Key),
    /// Receivers know its public half: Ed25519.
    Own(Box<Ed25519KeyPair>),
}

impl Key {
    fn read(text: &str) -> Result<Self, NotASecret> {
        if text.starts_with(PUBLIC) {
            return Err(NotASecret::Public);
        }
        let Some(rest) = text.strip_prefix(PRIVATE) else { return shared(text).map(Self::Shared) };
        let bytes = secrecy::SecretSlice::from(STANDARD.decode(rest).map_err(|_| NotASecret::Ed25519)?);
        let bytes = secrecy::ExposeSecret::expose_secret(&bytes);
        let pair = match bytes.split_at_checked(SEED_LEN) {
            Some((seed, [])) => Ed25519KeyPair::from_seed_unchecked(seed),
            Some((seed, public)) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
            None => return Err(NotASecret::Ed25519),
        };
        pair.map(|pair| Self::Own(Box::new(pair))).map_err(|_| NotASecret::Ed25519)
    }

    /// Signs what [`content`] makes of these.
    fn sign(&self, id: &str, second: i64, body: &[u8]) -> String {
        match self {
            Self::Shared(key) => {
                // One body goes to ten thousand; it is not copied for each.
                let mut content = hmac::Context::with_key(key);
                content.update(head(id, second).as_bytes());
                content.update(body);
                format!("{VERSION}{}", STANDARD.encode(content.sign()))
            }
            Self::Own(pair) => format!("{ASYMMETRIC}{}", STANDARD.encode(pair.sign(&content(id, second, body)))),
        }
    }
}

/// What a receiver holds a signature against.
enum Check {
    Shared(hmac::Key),
    Public(Vec<u8>),
}

impl Check {
    fn read(text: &str) -> Result<Self, NotASecret> {
        if let Some(rest) = text.strip_prefix(PUBLIC) {
            return STANDARD.decode(rest).map(Self::Public).map_err(|_| NotASecret::Ed25519);
        }
        Ok(match Key::read(text)? {
            Key::Shared(key) => Self::Shared(key),
            Key::Own(pair) => Self::Public(pair.public_key().as_ref().to_vec()),
        })
    }

    /// Whether one signature is of this content.
    fn fits(&self, content: &[u8], signature: &str) -> bool {
        let tag = |version| STANDARD.decode(signature.strip_prefix(version)?).ok();
        match self {
            Self::Shared(key) => tag(VERSION).is_some_and(|tag| hmac::verify(key, content, &tag).is_ok()),
            Self::Public(key) => {
                tag(ASYMMETRIC).is_some_and(|tag| UnparsedPublicKey::new(&ED25519, key).verify(content, &tag).is_ok())
            }
        }
    }
}

/// The length of a private key, in bytes.
const SEED_LEN: usize = 32;

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
        let keys = texts.into_iter().map(Key::read).collect::<Result<_, _>>()?;
        Ok(Self { keys })
    }

    /// Takes keys that both sides know, as they are: the newest first.
    pub(super) fn shared(keys: impl Iterator<Item = hmac::Tag>) -> Self {
        let key = |bytes: hmac::Tag| Key::Shared(hmac::Key::new(hmac::HMAC_SHA256, bytes.as_ref()));
        Self { keys: keys.map(key).collect() }
    }

    /// The value of [`SIGNATURE`] for a message sent now.
    pub fn sign(&self, id: &str, now: Timestamp, body: &[u8]) -> String {
        self.keys.iter().map(|key| key.sign(id, now.timestamp(), body)).collect::<Vec<_>>().join(" ")
    }

    /// The public halves that receivers hold its signatures against; none of a secret that both sides know.
    pub fn public_keys(&self) -> Vec<String> {
        let public = |key: &Key| match key {
            Key::Shared(_) => None,
            Key::Own(pair) => Some(format!("{PUBLIC}{}", STANDARD.encode(pair.public_key().as_ref()))),
        };
        self.keys.iter().filter_map(public).collect()
    }
}

/// Makes sure that a request was signed with the secret (or one of several, or of the private half of a `whpk_…`), less than `tolerance` away from now.
pub fn verify(
    secret: &Secret,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
    tolerance: TimeDelta,
) -> Result<(), VerifyError> {
    let texts: Vec<&str> = secret.expose().split_whitespace().collect();
    if texts.is_empty() || MAX_SECRETS < texts.len() {
        return Err(NotASecret::Count { count: texts.len() }.into());
    }
    let checks = texts.into_iter().map(Check::read).collect::<Result<Vec<_>, _>>()?;
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
    let mut signatures = signatures.split(' ').take(MAX_SIGNATURES);
    let fits = signatures.any(|signature| checks.iter().any(|check| check.fits(&content, signature)));
    if fits { Ok(()) } else { Err(VerifyError::Mismatch) }
}

fn shared(text: &str) -> Result<hmac::Key, NotASecret> {
    let bytes = STANDARD.decode(text.strip_prefix(PREFIX).ok_or(NotASecret::Prefix)?);
    let bytes = secrecy::SecretSlice::from(bytes.map_err(|_| NotASecret::Base64)?);
    let bytes = secrecy::ExposeSecret::expose_secret(&bytes);
    if !KEY_LEN.contains(&bytes.len()) {
        return Err(NotASecret::Length { len: bytes.len() });
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, bytes))
}

fn head(id: &str, second: i64) -> String {
    format!("{id}.{second}.")
}

fn content(id: &str, second: i64, body: &[u8]) -> Vec<u8> {
    let mut content = head(id, second).into_bytes();
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

    /// The first key pair of RFC 8032, section 7.1, and its signature of nothing.
    const SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    const HALF: &str = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

    #[test]
    fn a_receiver_that_knows_the_public_half_alone_can_tell_what_is_ours() {
        let signer = Signer::new(&Secret::new(&format!("whsk_{SEED}"))).unwrap();
        assert_eq!(signer.public_keys(), [HALF]);
        let whole = STANDARD.encode(
            [STANDARD.decode(SEED).unwrap(), STANDARD.decode(HALF.trim_start_matches(PUBLIC)).unwrap()].concat(),
        );
        assert_eq!(Signer::new(&Secret::new(&format!("whsk_{whole}"))).unwrap().public_keys(), [HALF]);
        let signature = signer.sign(MESSAGE, at(0), BODY);
        assert!(signature.starts_with("v1a,"));
        let signed = headers(MESSAGE, "1614265330", &signature);
        assert_eq!(check(HALF, &signed, BODY, at(0)), Ok(()));
        assert_eq!(check(HALF, &signed, b"{}", at(0)), Err(VerifyError::Mismatch));
        assert_eq!(check(SECRET, &signed, BODY, at(0)), Err(VerifyError::Mismatch));
        let both = Signer::new(&Secret::new(&format!("whsk_{SEED} {SECRET}"))).unwrap().sign(MESSAGE, at(0), BODY);
        for known in [HALF, SECRET] {
            assert_eq!(check(known, &headers(MESSAGE, "1614265330", &both), BODY, at(0)), Ok(()));
        }
    }

    #[test]
    fn a_key_of_the_standard_signs_as_the_standard_of_ed25519_says() {
        let Ok(Key::Own(pair)) = Key::read(&format!("whsk_{SEED}")) else { panic!() };
        let expected = "5VZDAMNgrHKQhuLMgG6CioSHfx645dl02HPgZSJJAVVfuIIVkKM7rMYeOXAc+bRr0lv18FlbviRlUUFDjnoQCw==";
        assert_eq!(STANDARD.encode(pair.sign(b"")), expected);
    }

    #[test]
    fn a_weak_or_mistyped_secret_is_refused_and_never_shown() {
        let new = |text: &str| Signer::new(&Secret::new(text)).unwrap_err();
        assert_eq!(new("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), NotASecret::Prefix);
        assert_eq!(new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaL*Sw"), NotASecret::Base64);
        assert_eq!(new("whsec_MfKQ9r8G"), NotASecret::Length { len: 6 });
        assert_eq!([new("whsk_MfKQ9r8G"), new(&format!("whsk_{SEED}AAAA"))], [NotASecret::Ed25519; 2]);
        assert_eq!(new(HALF), NotASecret::Public);
        assert_eq!(new(""), NotASecret::Count { count: 0 });
        assert_eq!(new(&[SECRET; 5].join(" ")), NotASecret::Count { count: 5 });
        assert!(!new("whsec_MfKQ9r8G").to_string().contains("MfKQ9r8G"));
        assert!(!format!("{:?}", Signer::new(&Secret::new(SECRET)).unwrap()).contains("MfKQ"));
    }
}
