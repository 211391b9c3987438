//! TLS that is not of the web: who is trusted. Checking is never switched off.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// The largest file of certificates that is read, in bytes.
const MAX_CA: u64 = 4 << 20;

/// TLS that trusts the authorities of this machine and those in a file.
///
/// # Errors
/// When the file cannot be used, or nobody is trusted at all.
pub(crate) fn config(ca: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca {
        let (added, refused) = roots.add_parsable_certificates(certificates(path)?);
        if added == 0 || 0 < refused {
            return Err(format!("{} holds {refused} certificates that cannot be used", path.display()));
        }
    }
    if roots.is_empty() {
        return Err("this machine trusts no authority: install ca-certificates, or write `ca`".to_owned());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|why| format!("TLS cannot be had: {why}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unread = |why: &dyn std::fmt::Display| format!("`ca`, {}: {why}", path.display());
    let about = std::fs::metadata(path).map_err(|why| unread(&why))?;
    if !about.is_file() || MAX_CA < about.len() {
        return Err(unread(&format_args!("it is no plain file of at most {MAX_CA} bytes")));
    }
    let text = std::fs::read(path).map_err(|why| unread(&why))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) | Err(_) => Err(unread(&"it holds no certificates in PEM, or more than those")),
    }
}
