//! TLS to brokers: who is trusted. Checking is never switched off.

use std::path::Path;
use std::sync::Arc;

use rumqttc::{TlsConfiguration, Transport};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// The largest file of certificates that is read, in bytes.
const MAX_CA: u64 = 4 << 20;

/// TLS that trusts the certificates of this machine and those in a file.
///
/// # Errors
/// When the file cannot be used, or nobody is trusted at all.
pub(super) fn transport(ca: Option<&Path>) -> Result<Transport, String> {
    let mut roots = RootCertStore::empty();
    // A certificate of the machine that cannot be read is one that is not trusted, and no reason to trust nobody.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca {
        let (added, refused) = roots.add_parsable_certificates(certificates(path)?);
        if added == 0 || 0 < refused {
            return Err(format!("{} holds {refused} certificates that cannot be used", path.display()));
        }
    }
    if roots.is_empty() {
        return Err("this machine has no trusted certificates: install ca-certificates, or write `ca`".to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| format!("TLS cannot be had: {why}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Transport::tls_with_config(TlsConfiguration::Rustls(Arc::new(config))))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unread = |why: &dyn std::fmt::Display| format!("{} cannot be read: {why}", path.display());
    let about = std::fs::metadata(path).map_err(|why| unread(&why))?;
    if !about.is_file() || MAX_CA < about.len() {
        return Err(unread(&format!("it is not a plain file of at most {MAX_CA} bytes")));
    }
    let text = std::fs::read(path).map_err(|why| unread(&why))?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|_| unread(&"it holds something that is no certificate in PEM"))?;
    if found.is_empty() { Err(unread(&"there is no certificate in it, in PEM")) } else { Ok(found) }
}
