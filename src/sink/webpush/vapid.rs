//! Who we are to push services: a key pair of ours, and a short-lived word signed with it for each service (RFC 8292).
//!
//! The private key never leaves this file but as a signature, and never prints.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;

use crate::time::{TimeDelta, Timestamp};

/// How long a word counts; services refuse more than a day.
const LIFE: TimeDelta = TimeDelta::hours(12);

/// The key pair, and whom a push service may write to.
pub(super) struct Vapid {
    pair: EcdsaKeyPair,
    contact: String,
}

impl Vapid {
    /// Reads two lines, `public_key = …` and `private_key = …`, as the tools that make such keys print them (base64url).
    ///
    /// # Errors
    /// What is wrong, without anything of what is written.
    pub(super) fn read(text: &str, contact: &str) -> Result<Self, String> {
        const LINES: &str = "write two lines, public_key = … and private_key = …, in base64url";
        let value = |name: &str| {
            let mut found =
                text.lines().filter_map(|line| line.split_once('=')).filter(|(known, _)| known.trim() == name);
            match (found.next(), found.next()) {
                (Some((_, value)), None) => {
                    let value = value.trim().trim_matches('"').trim_end_matches('=');
                    URL_SAFE_NO_PAD.decode(value).map_err(|_| format!("`{name}` is not base64url; {LINES}"))
                }
                (None, _) => Err(format!("`{name}` is missing; {LINES}")),
                (Some(_), Some(_)) => Err(format!("`{name}` stands there twice; {LINES}")),
            }
        };
        let (public, private) = (value("public_key")?, value("private_key")?);
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &private, &public, &SystemRandom::new());
        let pair = pair.map_err(|_| format!("the two are no key pair of P-256; {LINES}"))?;
        Ok(Self { pair, contact: contact.to_owned() })
    }

    /// The header that proves to a service who we are.
    pub(super) fn authorization(&self, origin: &str, now: Timestamp) -> Option<String> {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let head = encode(json!({ "typ": "JWT", "alg": "ES256" }).to_string().as_bytes());
        let claims = json!({ "aud": origin, "exp": (now + LIFE).timestamp(), "sub": self.contact });
        let signed = format!("{head}.{}", encode(claims.to_string().as_bytes()));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).ok()?;
        let key = encode(self.pair.public_key().as_ref());
        Some(format!("vapid t={signed}.{}, k={key}", encode(signature.as_ref())))
    }
}
