//! What lies outside: a document that somebody else points to is fetched from the open internet, and never from the networks behind
//! our own door. Decides by addresses, after names are resolved; never asks anything itself but the resolver of this machine.
//!
//! A list of alerts is written by a stranger. Without this, whoever can write into it could have the service ask the machines next
//! to it, such as the address 169.254.169.254 where clouds hand out credentials.

use std::net::{IpAddr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::network::is_inside;

/// The variables that name a proxy to every program of this machine.
const PROXY_VARIABLES: [&str; 6] = ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

/// True for an address of a single link: nothing that a feed may speak of, and where clouds hand out credentials.
fn is_of_a_link(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_link_local()),
    }
}

/// The address that stands in a URL in the place of a name.
pub(super) fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Domain(_) => None,
        Host::Ipv4(ip) => Some(IpAddr::V4(ip)),
        Host::Ipv6(ip) => Some(IpAddr::V6(ip)),
    }
}

/// How far a request may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Wherever its name leads: it is the feed's own server.
    Own,
    /// Into the open internet, which is looked at again when its name is resolved.
    Open,
    /// Nowhere.
    Barred,
}

/// How far a request may go that the feed of `home` leads to; without a home it was a file that led there.
pub(super) fn reach(url: &Url, home: Option<&Url>) -> Reach {
    if home.is_some_and(|home| home.host() == url.host()) {
        return Reach::Own;
    }
    match literal(url) {
        Some(address) if is_inside(address) => {
            // A feed that lies inside by its own address may speak of its neighbours, but not of what hangs on the same wire.
            let is_neighbour = home.and_then(literal).is_some_and(is_inside) && !is_of_a_link(address);
            if is_neighbour { Reach::Own } else { Reach::Barred }
        }
        _ => Reach::Open,
    }
}

/// A resolver that gives only addresses of the open internet.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// Names that are looked up without a question: those of the proxies, which somebody here has chosen.
    trusted: Vec<String>,
}

impl Guard {
    /// A guard that lets the proxies through: the one given, else those of the environment.
    pub(super) fn new(proxy: Option<&Url>) -> Self {
        let of = |url: &Url| url.host_str().map(str::to_owned);
        let trusted = match proxy {
            Some(url) => of(url).into_iter().collect(),
            None => PROXY_VARIABLES
                .iter()
                .filter_map(|name| std::env::var(name).ok())
                .filter_map(|text| Url::parse(&text).or_else(|_| Url::parse(&format!("http://{text}"))).ok())
                .filter_map(|url| of(&url))
                .collect(),
        };
        Self { trusted }
    }

    /// Those of the addresses of a name that may be asked.
    ///
    /// # Errors
    /// When there is none; the sentence goes into the journal.
    fn let_through(&self, name: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, String> {
        if self.trusted.iter().any(|trusted| trusted == name) {
            return Ok(found);
        }
        let first = found.first().map(SocketAddr::ip);
        let open: Vec<SocketAddr> = found.into_iter().filter(|address| !is_inside(address.ip())).collect();
        match (open.is_empty(), first) {
            (true, Some(first)) => Err(format!(
                "`{name}` leads to {first}, which is not of the open internet; \
                 if that is meant, write `allow_private = true` for this feed"
            )),
            (true, None) => Err(format!("`{name}` has no address")),
            (false, _) => Ok(open),
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let open = guard.let_through(name.as_str(), found)?;
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_reaches_the_feeds_own_host_or_the_open_internet_and_nothing_else() {
        let check = |home: &str, to: &str, expected: Reach| {
            let home = (!home.is_empty()).then(|| Url::parse(home).unwrap());
            assert_eq!(reach(&Url::parse(to).unwrap(), home.as_ref()), expected, "{home:?} {to}");
        };
        check("https://a.example/list", "https://a.example/1", Reach::Own);
        check("https://a.example/list", "https://b.example/1", Reach::Open);
        check("https://a.example/list", "https://10.0.0.1/1", Reach::Barred);
        check("https://a.example/list", "http://169.254.169.254/latest", Reach::Barred);
        check("https://a.example/list", "http://[fd00:ec2::254]/latest", Reach::Barred);
        check("https://a.example/list", "https://1.1.1.1/1", Reach::Open);
        check("http://10.0.0.1/list", "http://10.0.0.2/1", Reach::Own);
        check("http://10.0.0.1/list", "http://169.254.169.254/latest", Reach::Barred);
        check("http://169.254.1.1/list", "http://169.254.1.1/1", Reach::Own);
        check("", "http://10.0.0.1/1", Reach::Barred);
        check("", "http://a.example/1", Reach::Open);
    }

    #[test]
    fn a_name_gives_only_what_lies_outside_unless_it_is_the_proxys() {
        let guard = Guard::new(Some(&Url::parse("http://proxy.example:3128").unwrap()));
        let at =
            |texts: &[&str]| texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect::<Vec<_>>();
        let mixed = guard.let_through("a.example", at(&["10.0.0.1", "1.1.1.1"])).unwrap();
        assert_eq!(mixed, at(&["1.1.1.1"]), "a name with two faces shows only the outer one");
        let why = guard.let_through("a.example", at(&["10.0.0.1"])).unwrap_err();
        assert!(why.contains("10.0.0.1") && why.contains("allow_private"), "{why}");
        assert!(guard.let_through("a.example", vec![]).is_err());
        assert_eq!(guard.let_through("proxy.example", at(&["10.0.0.1"])).unwrap(), at(&["10.0.0.1"]));
    }
}
