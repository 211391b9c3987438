//! Whether bytes are those that were announced. Pure; never fetches, and never takes what cannot be checked for checked.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ring::digest::{Algorithm, SHA256, SHA384, SHA512, digest};

use super::{Digest, Integrity};

impl Digest {
    /// Its name as notifications write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Sha256 => &SHA256,
            Self::Sha384 => &SHA384,
            Self::Sha512 => &SHA512,
        }
    }
}

/// True when the bytes add up to what was announced.
pub fn matches(integrity: &Integrity, bytes: &[u8]) -> bool {
    digest(integrity.method.algorithm(), bytes).as_ref() == integrity.value.as_slice()
}

/// Reads a method and a value, in Base64 as the WMO's standard wants it, or in hexadecimal as some centres write it.
///
/// # Errors
/// Says why nothing can be checked by it; that is a fault of the announcement, and not of what it announces.
pub fn read(method: &str, value: &str) -> Result<Integrity, String> {
    let known = [Digest::Sha256, Digest::Sha384, Digest::Sha512];
    let wanted = method.trim().to_ascii_lowercase().replace('-', "");
    let Some(method) = known.into_iter().find(|known| known.name() == wanted) else {
        let shown: String = method.chars().take(20).collect();
        return Err(format!("`{shown}` cannot be computed here"));
    };
    let length = method.algorithm().output_len();
    let value = value.trim();
    let read = [hexadecimal(value), STANDARD.decode(value).ok(), STANDARD_NO_PAD.decode(value).ok()];
    match read.into_iter().flatten().find(|bytes| bytes.len() == length) {
        Some(value) => Ok(Integrity { method, value }),
        None => Err(format!("what is written is no {} in Base64", method.name())),
    }
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().filter_map(|[high, low]| u8::try_from(high << 4 | low).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the three letters `abc`, as FIPS 180-2 gives them.
    const ABC_256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const ABC_256_BASE64: &str = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
    const ABC_512: &str = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                           2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

    #[test]
    fn bytes_are_known_by_their_digest_in_base64_and_in_hexadecimal() {
        for (method, value) in [
            ("sha256", ABC_256_BASE64),
            ("sha256", ABC_256_BASE64.trim_end_matches('=')),
            ("SHA-256", ABC_256),
            ("sha512", ABC_512),
            ("sha-512", &ABC_512.to_uppercase()),
        ] {
            let integrity = read(method, value).unwrap();
            assert!(matches(&integrity, b"abc"), "{method}");
            assert!(!matches(&integrity, b"abd"), "{method}");
            assert!(!matches(&integrity, b""), "{method}");
        }
    }

    #[test]
    fn what_cannot_be_checked_is_told_and_never_taken_for_right() {
        for (method, value, why) in [
            ("sha3-256", ABC_256, "`sha3-256` cannot be computed here"),
            ("md5", "", "`md5` cannot be computed here"),
            ("sha512", "A2KNxvks...S8qfSCw==", "no sha512 in Base64"),
            ("sha512", ABC_256, "no sha512 in Base64"),
            ("sha256", "", "no sha256 in Base64"),
        ] {
            assert!(read(method, value).unwrap_err().contains(why), "{method} {value}");
        }
    }
}
