//! TLS to brokers: who is trusted, as the sinks have it. Checking is never switched off.

use std::path::Path;

use rumqttc::{TlsConfiguration, Transport};

use crate::sink::trust;

/// TLS that trusts the certificates of this machine and those in a file.
///
/// # Errors
/// When the file cannot be used, or nobody is trusted at all.
pub(super) fn transport(ca: Option<&Path>) -> Result<Transport, String> {
    Ok(Transport::tls_with_config(TlsConfiguration::Rustls(trust::config(ca)?)))
}
