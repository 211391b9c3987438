//! What lies outside: a document that somebody else points to is fetched from the open internet, and never from the networks behind
//! our own door. Decides by addresses, after names are resolved; never asks anything itself but the resolver of this machine.
//!
//! A list of alerts is written by a stranger. Without this, whoever can write into it could have the service ask the machines next
//! to it, such as the address 169.254.169.254 where clouds hand out credentials.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// The variables that name a proxy to every program of this machine.
const PROXY_VARIABLES: [&str; 6] = ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

/// True for an address that is not of the open internet: of this machine, of an inner network, of a link, of a group, of nobody
/// (RFC 6890 and its IANA registries), also where it is wrapped into an address of IPv6.
pub fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => is_inside_4(ip),
        IpAddr::V6(ip) => is_inside_6(ip),
    }
}

fn is_inside_4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_multicast()
        || a == 0
        || 240 <= a
        // Between a provider and its customers (RFC 6598); one cloud keeps its credentials there.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
}

fn is_inside_6(ip: Ipv6Addr) -> bool {
    let wrapped = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_inside_4(Ipv4Addr::new(a, b, c, d))
    };
    match ip.segments() {
        // Unspecified, loopback, and the old form that holds an address of IPv4.
        [0, 0, 0, 0, 0, 0, high, low] => ip.is_unspecified() || ip.is_loopback() || wrapped(high, low),
        // Mapped (RFC 4291), translated (RFC 6052) and 6to4 (RFC 3056).
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            wrapped(high, low)
        }
        // Unique local, link-local and the former site-local, groups.
        [first, ..] => {
            first & 0xfe00 == 0xfc00 || first & 0xff80 == 0xfe80 || first & 0xffc0 == 0xfec0 || ip.is_multicast()
        }
    }
}

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
    fn inner_addresses_are_known_in_every_wrapping() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "192.0.0.8",
            "::",
            "::1",
            "::10.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(is_inside(inside.parse().unwrap()), "{inside}");
        }
        for outside in [
            "1.1.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "223.1.1.1",
            "2001:4860::1",
            "64:ff9b::101:101",
            "2002:101:101::",
            "::ffff:1.1.1.1",
        ] {
            assert!(!is_inside(outside.parse().unwrap()), "{outside}");
        }
    }

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
