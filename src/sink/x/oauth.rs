//! OAuth 1.0a for one account: the four keys that X shows, and the header that proves them without telling the two that are secret.
//!
//! Only requests whose body is JSON, a form of parts or empty are signed here, and those without their body (RFC 5849, 3.4.1.3). Keys
//! go out in that header alone, and never print.
//!
//! Sources: RFC 5849, 3.4 and 3.5; X, "Creating a signature" (docs.x.com/fundamentals/authentication/oauth-1-0a).

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use url::Url;

use crate::secret::Secret;
use crate::time::Timestamp;

/// The keys of an app and of the account that it posts for.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    pub(super) api_key: Secret,
    pub(super) api_key_secret: Secret,
    pub(super) access_token: Secret,
    pub(super) access_token_secret: Secret,
}

impl Keys {
    /// What may stand in no error.
    pub(super) fn exposed(&self) -> [&str; 4] {
        [&self.api_key_secret, &self.access_token_secret, &self.access_token, &self.api_key].map(Secret::expose)
    }

    /// The value of `Authorization` for a request. `nonce` is never used twice, and `now` is what time it is in the world: X
    /// refuses what is minutes away from its own clock.
    pub(super) fn authorization(&self, method: &str, url: &Url, nonce: &str, now: Timestamp) -> String {
        let at = now.timestamp().to_string();
        let mut told = vec![
            ("oauth_consumer_key", self.api_key.expose()),
            ("oauth_nonce", nonce),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", at.as_str()),
            ("oauth_token", self.access_token.expose()),
            ("oauth_version", "1.0"),
        ];
        let signature = self.signature(method, url, &told);
        told.push(("oauth_signature", &signature));
        let pairs: Vec<String> = told.iter().map(|(name, value)| format!("{name}=\"{}\"", encoded(value))).collect();
        format!("OAuth {}", pairs.join(", "))
    }

    /// Signs a request: its method, its address, what is asked in it, and `parameters` besides.
    fn signature(&self, method: &str, url: &Url, parameters: &[(&str, &str)]) -> String {
        let asked = url.query_pairs().map(|(name, value)| (encoded(&name), encoded(&value)));
        let besides = parameters.iter().map(|(name, value)| (encoded(name), encoded(value)));
        let mut pairs: Vec<(String, String)> = asked.chain(besides).collect();
        pairs.sort();
        let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut bare = url.clone();
        bare.set_query(None);
        bare.set_fragment(None);
        let base = format!("{method}&{}&{}", encoded(bare.as_str()), encoded(&pairs.join("&")));
        let key = format!("{}&{}", encoded(self.api_key_secret.expose()), encoded(self.access_token_secret.expose()));
        // HMAC leans on no property of SHA-1 that was broken, and X takes nothing else.
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
        STANDARD.encode(hmac::sign(&key, base.as_bytes()))
    }
}

/// Percent-encoded as RFC 5849, 3.6 has it: all but letters, digits and `-._~`.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a String takes all that is written to it");
        }
    }
    out
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::keys::{self, Written};
    use super::*;

    /// The keys in the examples of X's own pages.
    pub(in crate::sink::x) const PUBLISHED: &str = "
        # from \"Creating a signature\"
        api_key = xvz1evFS4wEEPTGEFPHBog
        api_key_secret = \"kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw\"
        access_token = 370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb
        access_token_secret='LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE'
    ";

    fn published() -> Keys {
        match keys::read(PUBLISHED) {
            Ok(Written::Signed(keys)) => keys,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_signature_is_the_one_that_x_publishes() {
        let keys = published();
        let parameters = [
            ("oauth_consumer_key", keys.api_key.expose()),
            ("oauth_nonce", "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "1318622958"),
            ("oauth_token", keys.access_token.expose()),
            ("oauth_version", "1.0"),
            ("status", "Hello Ladies + Gentlemen, a signed OAuth request!"),
        ];
        // The page as it is now, and as it was under two older addresses.
        for (address, published) in [
            ("https://api.x.com/1.1/statuses/update.json", "Ls93hJiZbQ3akF3HF3x1Bz8/zU4="),
            ("https://api.twitter.com/1.1/statuses/update.json", "hCtSmYh+iHYCEqBWrE7C7hYmtUk="),
            ("https://api.twitter.com/1/statuses/update.json", "tnnArxj06cWHq44gCs1OSKk/jLY="),
        ] {
            let url = Url::parse(&format!("{address}?include_entities=true")).unwrap();
            assert_eq!(keys.signature("POST", &url, &parameters), published, "{address}");
        }
    }

    #[test]
    fn a_header_tells_no_secret_and_signs_what_is_asked() {
        let keys = published();
        let at = Timestamp::from_timestamp(1_318_622_958, 0).unwrap();
        let of = |address: &str| keys.authorization("GET", &Url::parse(address).unwrap(), "7d8f", at);
        let header = of("https://api.x.com/2/users/1/tweets?start_time=2025-12-09T00%3A00%3A00Z");
        assert!(header.starts_with("OAuth oauth_consumer_key=\"xvz1evFS4wEEPTGEFPHBog\", oauth_nonce=\"7d8f\", "));
        assert!(header.contains("oauth_timestamp=\"1318622958\"") && header.contains("%3D\""), "{header}");
        assert!(!header.contains("kAcSO") && !header.contains("Lswwd") && !header.contains("start_time"), "{header}");
        assert_ne!(header, of("https://api.x.com/2/users/1/tweets?start_time=2025-12-09T00%3A00%3A01Z"));
    }

    #[test]
    fn letters_are_encoded_as_the_signature_wants_them() {
        assert_eq!(encoded("Ladies + Gentlemen"), "Ladies%20%2B%20Gentlemen");
        assert_eq!(encoded("An encoded string!"), "An%20encoded%20string%21");
        assert_eq!(encoded("Dogs, Cats & Mice"), "Dogs%2C%20Cats%20%26%20Mice");
        assert_eq!(encoded("☃~-._"), "%E2%98%83~-._");
    }
}
