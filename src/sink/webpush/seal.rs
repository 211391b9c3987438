//! Messages sealed for one browser, so that no push service reads them: RFC 8291 on RFC 8188 (`aes128gcm`), in one record.
//!
//! Each sealing has a key and a salt of its own, so that the bytes differ between tries; what is in them does not.

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use ring::rand::{SecureRandom, SystemRandom};

/// The size of a record, and the most that a push service must take of a whole message (RFC 8030, 7.2).
const RECORD: usize = 4096;

/// The salt, the size of a record, the length of the key, and the key itself.
const HEADER: usize = 16 + 4 + 1 + POINT;

/// The tag of AES-GCM, and the byte that ends the last record.
const AROUND: usize = 16 + 1;

/// The most bytes of a text that can be sealed.
pub(super) const MAX_TEXT: usize = RECORD - HEADER - AROUND;

/// The length of an uncompressed point of P-256.
pub(super) const POINT: usize = 65;

/// The length of the secret that a browser shares with those who may push to it.
pub(super) const AUTH: usize = 16;

/// What is known of the browser: its public key and its secret.
#[derive(Clone)]
pub(super) struct Browser {
    pub(super) key: [u8; POINT],
    pub(super) auth: [u8; AUTH],
}

/// Why something could not be sealed: the key of the browser is no point of the curve, or there is no chance to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unsealable;

struct Len(usize);

impl KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

/// Seals a text for a browser.
pub(super) fn seal(browser: &Browser, text: &[u8]) -> Result<Vec<u8>, Unsealable> {
    let random = SystemRandom::new();
    let mut salt = [0; 16];
    random.fill(&mut salt).map_err(|_| Unsealable)?;
    let own = EphemeralPrivateKey::generate(&ECDH_P256, &random).map_err(|_| Unsealable)?;
    let public = own.compute_public_key().map_err(|_| Unsealable)?;
    let public: [u8; POINT] = public.as_ref().try_into().map_err(|_| Unsealable)?;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, browser.key);
    agree_ephemeral(own, &theirs, |secret| sealed(secret, &public, browser, &salt, text)).map_err(|_| Unsealable)?
}

/// Seals with what both sides agreed on.
fn sealed(
    secret: &[u8],
    public: &[u8; POINT],
    browser: &Browser,
    salt: &[u8; 16],
    text: &[u8],
) -> Result<Vec<u8>, Unsealable> {
    let (key, nonce) = keys(secret, public, browser, salt)?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).map_err(|_| Unsealable)?);
    let mut record = text.to_vec();
    // The last record, without padding.
    record.push(2);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record)
        .map_err(|_| Unsealable)?;
    let size = u32::try_from(RECORD).map_err(|_| Unsealable)?.to_be_bytes();
    let len = u8::try_from(POINT).map_err(|_| Unsealable)?;
    Ok([salt.as_slice(), &size, &[len], public, &record].concat())
}

/// The key and the nonce of the content.
fn keys(
    secret: &[u8],
    public: &[u8; POINT],
    browser: &Browser,
    salt: &[u8; 16],
) -> Result<([u8; 16], [u8; 12]), Unsealable> {
    let mut shared = [0; 32];
    let info: [&[u8]; 3] = [b"WebPush: info\0", &browser.key, public];
    expand(&browser.auth, secret, &info, &mut shared)?;
    let (mut key, mut nonce) = ([0; 16], [0; 12]);
    expand(salt, &shared, &[b"Content-Encoding: aes128gcm\0"], &mut key)?;
    expand(salt, &shared, &[b"Content-Encoding: nonce\0"], &mut nonce)?;
    Ok((key, nonce))
}

/// HKDF-SHA-256.
fn expand(salt: &[u8], secret: &[u8], info: &[&[u8]], out: &mut [u8]) -> Result<(), Unsealable> {
    let key = Salt::new(HKDF_SHA256, salt).extract(secret);
    let okm = key.expand(info, Len(out.len())).map_err(|_| Unsealable)?;
    okm.fill(out).map_err(|_| Unsealable)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        URL_SAFE_NO_PAD.decode(text).unwrap().try_into().unwrap()
    }

    /// The example of RFC 8291, section 5, with the values of its appendix A.
    #[test]
    fn the_example_of_the_standard_is_sealed_to_the_byte() {
        let browser = Browser {
            key: bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
            auth: bytes("BTBZMqHH6r4Tts7J_aSIgg"),
        };
        let public = bytes("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8");
        let secret: [u8; 32] = bytes("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs");
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw");
        let (key, nonce) = keys(&secret, &public, &browser, &salt).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(key), "oIhVW04MRdy2XN9CiKLxTg");
        assert_eq!(URL_SAFE_NO_PAD.encode(nonce), "4h_95klXJ5E_qnoN");
        let text = b"When I grow up, I want to be a watermelon";
        let sealed = sealed(&secret, &public, &browser, &salt, text).unwrap();
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_\
                        yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(URL_SAFE_NO_PAD.encode(sealed), expected);
    }

    /// A browser of our own opens what is sealed for it.
    #[test]
    fn what_is_sealed_is_opened_by_the_browser_that_it_is_for() {
        let random = SystemRandom::new();
        let own = EphemeralPrivateKey::generate(&ECDH_P256, &random).unwrap();
        let key: [u8; POINT] = own.compute_public_key().unwrap().as_ref().try_into().unwrap();
        let browser = Browser { key, auth: [7; AUTH] };
        let text = "سيول في جدة: ابتعدوا".repeat(200);
        let text = &text.as_bytes()[..MAX_TEXT];
        let sealed = seal(&browser, text).unwrap();
        assert_eq!(sealed.len(), RECORD);
        let salt: [u8; 16] = sealed[..16].try_into().unwrap();
        let public: [u8; POINT] = sealed[21..HEADER].try_into().unwrap();
        let theirs = UnparsedPublicKey::new(&ECDH_P256, public);
        let (key, nonce) =
            agree_ephemeral(own, &theirs, |secret| keys(secret, &public, &browser, &salt)).unwrap().unwrap();
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
        let mut record = sealed[HEADER..].to_vec();
        let opened = key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record).unwrap();
        assert_eq!(opened.split_last(), Some((&2, text)));
        let nobody = Browser { key: [4; POINT], auth: [7; AUTH] };
        assert_eq!(seal(&nobody, text), Err(Unsealable));
    }
}
