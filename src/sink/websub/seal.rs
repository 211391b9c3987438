//! The secrets that subscribers give to a hub, as they are kept: sealed under the key of the channel, so that whoever has the store or a
//! copy of it, and not that key, can neither read them nor put others in their place.
//!
//! Source: RFC 8439 (ChaCha20-Poly1305). Each is sealed under a key of its own, made of the channel's by HMAC-SHA256 with a random number
//! that is kept beside it, so that no pair of key and nonce is used twice.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::secret::Secret;
use crate::subscriber::Sealed;

/// How many random bytes stand before what is sealed.
const SALT_LEN: usize = 16;

/// Seals what one gave with its address: it opens for that address alone.
///
/// # Errors
/// When this machine gives no random bytes.
pub(super) fn seal(key: &hmac::Key, callback: &str, secret: &str) -> Result<Sealed, String> {
    let mut salt = [0; SALT_LEN];
    SystemRandom::new().fill(&mut salt).map_err(|_| "this machine gives no random bytes")?;
    let mut bytes = secret.as_bytes().to_vec();
    let sealed = own_key(key, &salt)?.seal_in_place_append_tag(nonce(), Aad::from(callback), &mut bytes);
    sealed.map_err(|_| "the secret cannot be sealed")?;
    Ok(Sealed([salt.as_slice(), &bytes].concat().into()))
}

/// Opens what was sealed with an address; none where it was sealed under another key, for another address, or is damaged.
pub(super) fn open(key: &hmac::Key, callback: &str, sealed: &Sealed) -> Option<Secret> {
    let (salt, sealed) = sealed.0.split_at_checked(SALT_LEN)?;
    let mut bytes = sealed.to_vec();
    let opened = own_key(key, salt).ok()?.open_in_place(nonce(), Aad::from(callback), &mut bytes).ok()?;
    std::str::from_utf8(opened).ok().map(Secret::exact)
}

fn own_key(key: &hmac::Key, salt: &[u8]) -> Result<LessSafeKey, String> {
    let own = hmac::sign(key, &[b"nadhir websub secret ".as_slice(), salt].concat());
    let own = UnboundKey::new(&CHACHA20_POLY1305, own.as_ref()).map_err(|_| "the secret cannot be sealed")?;
    Ok(LessSafeKey::new(own))
}

/// The key is used for this alone.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn key(text: &str) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes())
    }

    #[test]
    fn what_is_sealed_opens_for_its_key_and_address_alone_and_never_shows() {
        let (here, own) = ("https://one.example/hook", key("0123456789abcdef0123456789abcdef"));
        let sealed = seal(&own, here, " hunter2 ").unwrap();
        assert_eq!(open(&own, here, &sealed).unwrap().expose(), " hunter2 ", "every byte of it counts");
        assert!(open(&own, "https://two.example/hook", &sealed).is_none());
        assert!(open(&key("another key, as long as the first"), here, &sealed).is_none());
        assert!(!sealed.0.windows(7).any(|bytes| bytes == b"hunter2") && !format!("{sealed:?}").contains("hunter"));
        assert_ne!(seal(&own, here, " hunter2 ").unwrap(), sealed, "nobody sees that two have the same");
        for damaged in [sealed.0.iter().rev().copied().collect::<Vec<_>>(), vec![1, 2, 3], Vec::new()] {
            assert!(open(&own, here, &Sealed(Arc::from(damaged))).is_none());
        }
    }
}
