//! Whom a feed's connection trusts: this machine's authorities, and, where its settings say so, one more of its own. Certificates in
//! between that a server forgets to send are added to those it sent; they complete a chain and never begin one.
//!
//! Nothing here switches a check off: names, dates, signatures and the trusted end are judged by the usual verifier.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

/// The largest file of certificates that is read, in bytes.
pub const MAX_PEM_LEN: u64 = 256 * 1024;

/// The most certificates of one file. Each connection looks at all of them.
pub const MAX_CERTIFICATES: usize = 32;

/// Reads a file of certificates as PEM.
///
/// # Errors
/// A sentence that says what is wrong with it and what to do; it does not name the file.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    // Opening a pipe would wait for its writer.
    if !path.is_file() {
        return Err("there is no such file".to_owned());
    }
    let unreadable = |why: std::io::Error| format!("the file cannot be read: {why}");
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_PEM_LEN + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if usize::try_from(MAX_PEM_LEN).is_ok_and(|most| most < bytes.len()) {
        return Err(format!("the file is larger than {MAX_PEM_LEN} bytes, too large for a few certificates"));
    }
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).take(MAX_CERTIFICATES + 1).collect();
    let found = found.map_err(|_| "its PEM is damaged".to_owned())?;
    if found.is_empty() {
        return Err(
            "it holds no certificate in PEM: convert it with `openssl x509 -inform der -outform pem`".to_owned()
        );
    }
    if MAX_CERTIFICATES < found.len() {
        return Err(format!("it holds more than {MAX_CERTIFICATES} certificates: keep the few that are needed"));
    }
    for (number, certificate) in found.iter().enumerate() {
        let number = number + 1;
        let read = x509_parser::parse_x509_certificate(certificate);
        let (_, read) = read.map_err(|_| format!("certificate {number} in it is damaged"))?;
        if !read.is_ca() {
            return Err(format!(
                "certificate {number} in it ({}) is not of an authority: the one of the server itself is of no use here",
                read.subject()
            ));
        }
    }
    Ok(found)
}

/// The TLS settings of a connection; none when no authority at all is known, so that nobody could be trusted.
///
/// # Errors
/// When an own authority cannot be used.
pub(super) fn tls(
    own_roots: Vec<CertificateDer<'static>>,
    between: Vec<CertificateDer<'static>>,
) -> Result<Option<ClientConfig>, String> {
    let provider =
        CryptoProvider::get_default().map_or_else(|| Arc::new(rustls::crypto::ring::default_provider()), Arc::clone);
    let has_own = !own_roots.is_empty();
    let machine = rustls_platform_verifier::Verifier::new_with_extra_roots(own_roots, Arc::clone(&provider));
    let machine = match machine {
        Ok(machine) => machine,
        Err(why) if has_own => return Err(format!("the authority in `ca` cannot be used: {why}")),
        Err(_) => return Ok(None),
    };
    let verifier = Completing { usual: Arc::new(machine), between };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| why.to_string())?
        // The library calls every verifier but its own dangerous; ours asks the usual one and only adds to its chain.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(config))
}

/// The usual verifier, shown a chain that the server has left incomplete together with what it left out.
#[derive(Debug)]
struct Completing {
    usual: Arc<dyn ServerCertVerifier>,
    between: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Completing {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let whole: Vec<CertificateDer<'_>> = intermediates.iter().chain(&self.between).cloned().collect();
        self.usual.verify_server_cert(end_entity, &whole, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}
