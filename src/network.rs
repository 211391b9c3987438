//! Networks: which addresses are of the open internet, and which lie behind our own door. Whoever else chose an address, a feed's list or a
//! subscriber, must not have the service ask the machines next to it. Asks nothing itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
}
