//! The name of a server that is spoken to without an address of the web.

use url::Host;

/// Reads the name of a server, or its number; `example` stands for one where it is none.
///
/// # Errors
/// A sentence that says how one is written.
pub(super) fn parse(text: &str, example: &str) -> Result<Host, String> {
    let is_plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    match Host::parse(text) {
        Ok(Host::Domain(name)) if !is_plain(&name) => Err(wrong(text, example)),
        Ok(host) => Ok(host),
        Err(_) => Err(wrong(text, example)),
    }
}

fn wrong(text: &str, example: &str) -> String {
    let hint = if text.contains(':') { "; its port is written as `port`" } else { "" };
    format!("`{text}` is not the name of a server, such as {example}{hint}")
}

/// The name or number as it is dialled, without brackets.
pub(super) fn name(host: &Host) -> String {
    match host {
        Host::Domain(name) => name.clone(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    }
}
