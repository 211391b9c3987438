//! Whose key made a signature: those that the operator named, those that a named authority vouches for, or a stranger's.
//!
//! What a signature brings along is a hint and never a reason to trust it.

use std::time::Duration;

use ring::signature::{RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::{OID_EC_P256, OID_NIST_EC_P384, OID_PKCS1_RSAENCRYPTION};
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::seal::{Fault, Scheme, Seal};
use crate::time::Timestamp;

/// The most certificates and keys of one file.
const MAX_PINS: usize = 16;
/// The shortest modulus of RSA that is believed, in bytes.
const MIN_MODULUS: usize = 256;
/// The longest, in bytes: longer ones cost time and protect nothing more.
const MAX_MODULUS: usize = 512;

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// Modulus and exponent, without zeros in front.
    Rsa(Vec<u8>, Vec<u8>),
    /// A point on P-256.
    P256(Vec<u8>),
    /// A point on P-384.
    P384(Vec<u8>),
}

/// A key that the operator named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pin {
    /// How its certificate calls its owner.
    name: String,
    key: Key,
    /// Its certificate; none for a bare key.
    certificate: Option<Vec<u8>>,
}

/// Who made a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    /// Somebody whom the operator named or had vouched for; with what is doubtful about it.
    Known(Vec<String>),
    /// Somebody else, by the name that came along.
    Stranger(String),
}

impl Key {
    fn of(key: &SubjectPublicKeyInfo<'_>) -> Result<Self, String> {
        let algorithm = &key.algorithm.algorithm;
        if *algorithm == OID_PKCS1_RSAENCRYPTION {
            match key.parsed() {
                Ok(PublicKey::RSA(rsa)) => return Self::rsa(rsa.modulus, rsa.exponent),
                _ => return Err("its RSA key cannot be read".to_owned()),
            }
        }
        let point = key.subject_public_key.data.to_vec();
        let curve = key.algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok());
        match curve {
            Some(curve) if curve == OID_EC_P256 => Ok(Self::P256(point)),
            Some(curve) if curve == OID_NIST_EC_P384 => Ok(Self::P384(point)),
            _ => Err("its key is neither RSA nor on P-256 or P-384".to_owned()),
        }
    }

    fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, String> {
        let plain = |number: &[u8]| number.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
        let (modulus, exponent) = (plain(modulus), plain(exponent));
        if (MIN_MODULUS..=MAX_MODULUS).contains(&modulus.len()) {
            Ok(Self::Rsa(modulus, exponent))
        } else {
            let limits = (8 * MIN_MODULUS, 8 * MAX_MODULUS);
            Err(format!("its RSA key has {} bits: {} to {} are believed", 8 * modulus.len(), limits.0, limits.1))
        }
    }

    /// Whether it made a signature.
    fn made(&self, seal: &Seal) -> bool {
        let (signed, value) = (seal.signed.as_bytes(), seal.value.as_slice());
        let point = |algorithm: &'static dyn VerificationAlgorithm, point: &[u8]| {
            UnparsedPublicKey::new(algorithm, point).verify(signed, value).is_ok()
        };
        match (self, seal.scheme) {
            (Self::Rsa(n, e), Scheme::Rsa(parameters)) => {
                RsaPublicKeyComponents { n, e }.verify(parameters, signed, value).is_ok()
            }
            (Self::P256(key), Scheme::P256(algorithm)) | (Self::P384(key), Scheme::P384(algorithm)) => {
                point(algorithm, key)
            }
            (Self::Rsa(..) | Self::P256(_) | Self::P384(_), Scheme::Rsa(_) | Scheme::P256(_) | Scheme::P384(_)) => {
                false
            }
        }
    }
}

/// Reads the certificates and public keys of a PEM file.
///
/// # Errors
/// Says what is wrong with it, and never quotes it.
pub(super) fn pins(pem: &str) -> Result<Vec<Pin>, String> {
    let mut pins = Vec::new();
    for (number, block) in Pem::iter_from_buffer(pem.as_bytes()).enumerate() {
        let number = number + 1;
        let block = block.map_err(|why| format!("block {number} is not PEM: {why}"))?;
        if MAX_PINS < number {
            return Err(format!("it holds more than {MAX_PINS} certificates and keys"));
        }
        let pin = match block.label.as_str() {
            "CERTIFICATE" => {
                let certificate = certificate(&block.contents).ok_or_else(|| "it is not a certificate".to_owned());
                certificate.and_then(|read| {
                    let key = Key::of(read.public_key())?;
                    Ok(Pin { name: name_of(&read), key, certificate: Some(block.contents.clone()) })
                })
            }
            "PUBLIC KEY" => match SubjectPublicKeyInfo::from_der(&block.contents) {
                Ok(([], key)) => Key::of(&key).map(|key| Pin {
                    name: "a key without a certificate".to_owned(),
                    key,
                    certificate: None,
                }),
                _ => Err("it is not a public key".to_owned()),
            },
            secret if secret.ends_with("PRIVATE KEY") => {
                Err("it is a private key, which has no place here: remove it, and treat it as known to others"
                    .to_owned())
            }
            other => Err(format!("«{other}» is neither a CERTIFICATE nor a PUBLIC KEY")),
        };
        pins.push(pin.map_err(|why| format!("block {number}: {why}"))?);
    }
    if pins.is_empty() {
        Err("it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned())
    } else {
        Ok(pins)
    }
}

/// Finds out who made a signature, by what was valid when the alert was sent.
pub(super) fn find(seal: &Seal, pins: &[Pin], signer: Option<&str>, sent: Timestamp) -> Result<Who, Fault> {
    if let Some(pin) = pins.iter().find(|pin| pin.key.made(seal)) {
        return Ok(Who::Known(pin.certificate.iter().filter_map(|der| outside(der, sent)).collect()));
    }
    let mut unread = None;
    for der in &seal.certificates {
        let Some(read) = certificate(der) else { continue };
        match Key::of(read.public_key()) {
            Ok(key) if key.made(seal) => return Ok(vouched(seal, der, pins, signer, sent)),
            Ok(_) => {}
            Err(why) => unread = Some(why),
        }
    }
    if let Some((modulus, exponent)) = &seal.numbers {
        match Key::rsa(modulus, exponent) {
            Ok(key) if key.made(seal) => return Ok(Who::Stranger("a key without a certificate".to_owned())),
            Ok(_) => {}
            Err(why) => unread = Some(why),
        }
    }
    let brings_none = seal.certificates.iter().all(|der| certificate(der).is_none()) && seal.numbers.is_none();
    match unread {
        Some(why) => Err(Fault::Beyond(why)),
        None if brings_none && pins.is_empty() => {
            Err(Fault::Beyond("it brings no certificate, and none is configured for this feed".to_owned()))
        }
        None if brings_none => {
            Err(Fault::Wrong("none of the certificates of this feed made it, and it brings none".to_owned()))
        }
        None => Err(Fault::Wrong("it was not made with the key that it brings".to_owned())),
    }
}

/// Whether a named authority vouches for the certificate that a signature was made with.
fn vouched(seal: &Seal, der: &[u8], pins: &[Pin], signer: Option<&str>, sent: Timestamp) -> Who {
    let Some(read) = certificate(der) else { return Who::Stranger("nobody".to_owned()) };
    let name = name_of(&read);
    let Some(signer) = signer else { return Who::Stranger(name) };
    if !is_called(&read, signer) {
        return Who::Stranger(name);
    }
    let anchors: Vec<CertificateDer<'_>> =
        pins.iter().filter_map(|pin| pin.certificate.as_deref()).map(CertificateDer::from).collect();
    let anchors: Vec<TrustAnchor<'_>> =
        anchors.iter().filter_map(|anchor| webpki::anchor_from_trusted_cert(anchor).ok()).collect();
    let others: Vec<CertificateDer<'_>> = seal
        .certificates
        .iter()
        .filter(|other| other.as_slice() != der)
        .map(|other| CertificateDer::from(other.as_slice()))
        .collect();
    let Ok(seconds) = u64::try_from(sent.timestamp()) else { return Who::Stranger(name) };
    let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let own = CertificateDer::from(der);
    let checked = webpki::EndEntityCert::try_from(&own).and_then(|own| {
        own.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &anchors, &others, time, AnyUse, None, None).map(|_| ())
    });
    match checked {
        Ok(()) => Who::Known(Vec::new()),
        Err(why) => Who::Stranger(format!("{name}, for whom nobody configured here vouches: {why}")),
    }
}

/// Signing warnings has no usage of its own in certificates: authorities use those of their web servers. The operator says whose.
struct AnyUse;

impl webpki::ExtendedKeyUsageValidator for AnyUse {
    fn validate(&self, _: webpki::KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

fn certificate(der: &[u8]) -> Option<X509Certificate<'_>> {
    match X509Certificate::from_der(der) {
        Ok(([], read)) => Some(read),
        _ => None,
    }
}

/// How a certificate calls its owner, for people.
fn name_of(certificate: &X509Certificate<'_>) -> String {
    let subject = certificate.subject();
    let common = subject.iter_common_name().next().and_then(|name| name.as_str().ok()).map(str::to_owned);
    common.unwrap_or_else(|| subject.to_string()).chars().filter(|c| !c.is_control()).take(80).collect()
}

/// Whether a certificate calls its owner by a name: as its common name, or among its other names.
fn is_called(certificate: &X509Certificate<'_>, name: &str) -> bool {
    let common = certificate.subject().iter_common_name().filter_map(|common| common.as_str().ok());
    let others = certificate.subject_alternative_name().ok().flatten();
    let others = others.iter().flat_map(|others| &others.value.general_names).filter_map(|other| match other {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) => Some(*name),
        _ => None,
    });
    common.chain(others).any(|known| known.eq_ignore_ascii_case(name))
}

/// A sentence when a moment lies outside of a certificate's validity.
fn outside(der: &[u8], moment: Timestamp) -> Option<String> {
    let read = certificate(der)?;
    let validity = read.validity();
    let (from, to) = (validity.not_before.timestamp(), validity.not_after.timestamp());
    if (from..=to).contains(&moment.timestamp()) {
        return None;
    }
    let told =
        |seconds| Timestamp::from_timestamp(seconds, 0).map_or_else(String::new, |at| at.format("%F").to_string());
    Some(format!("it was sent outside of the validity of its certificate, {} to {}", told(from), told(to)))
}
