//! Addresses: which may be shown, and which lead into this machine. Never resolves a name.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::Ipv4Addr;

use url::{Host, Url};

/// True for an address of this machine itself. The address of nobody (`0.0.0.0`) leads here as well when it is dialled.
pub fn is_loopback(url: &Url) -> bool {
    let is_own_ip4 = |ip: Ipv4Addr| ip.is_loopback() || ip.octets().starts_with(&[0]);
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            // Outside of the web, as in mqtt://127.0.0.1, an address of digits is a name to whoever parses it.
            name.parse().is_ok_and(is_own_ip4) || name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(ip)) => is_own_ip4(ip),
        Some(Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unspecified() || ip.to_ipv4_mapped().is_some_and(is_own_ip4),
        None => false,
    }
}

/// An address as it may be shown: without user, password, query and fragment.
pub fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or(""), url.path())
}

/// A number by which an address is known again, so that keys in its query need not be kept. Another version of the program may
/// count otherwise; then an answer is fetched once more than needed.
pub fn mark(url: &Url) -> u64 {
    let mut hasher = DefaultHasher::new();
    url.as_str().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        assert_eq!(shown(&url("https://me:hush@example.org:8443/feed?key=hush#hush")), "https://example.org:8443/feed");
    }

    #[test]
    fn this_machine_is_known_by_all_its_names() {
        for own in [
            "http://localhost/",
            "http://a.localhost:1/",
            "http://127.9.9.9/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://localhost./",
            "http://0.0.0.0:8080/",
            "http://0/",
            "http://2130706433/",
            "http://[::]/",
            "mqtt://127.0.0.1:1883",
            "mqtts://localhost",
            "mqtt://[::1]",
        ] {
            assert!(is_loopback(&url(own)), "{own}");
        }
        for other in
            ["http://localhost.example/", "http://128.0.0.1/", "http://[::2]/", "mqtt://10.0.0.1", "mqtt://127.example"]
        {
            assert!(!is_loopback(&url(other)), "{other}");
        }
    }
}
