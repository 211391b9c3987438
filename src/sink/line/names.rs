//! Where names lead: asked of the resolver of this machine, a few at a time, remembered for a little while, and never further than a
//! subscriber may lie. A connection goes to the very address that was looked at, so that a name cannot lead elsewhere afterwards.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;
use url::{Host, Url};

use crate::network::is_inside;

/// How long it is remembered where a name leads, and that it leads nowhere.
const FOUND_FOR: Duration = Duration::from_secs(60);
const MISSED_FOR: Duration = Duration::from_secs(5);

/// The most names that are remembered.
const MAX_NAMES: usize = 10_000;

/// How many names are asked for at once, and how long one is waited for.
const AT_ONCE: usize = 16;
const LONGEST: Duration = Duration::from_secs(5);

/// The most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 4;

type Addresses = Result<Arc<[IpAddr]>, Arc<str>>;

/// One name: asked for once, however many wait for it.
struct Known {
    since: Instant,
    addresses: OnceCell<Addresses>,
}

/// What is remembered of names.
pub(super) struct Names {
    allowed: Vec<IpNet>,
    known: Mutex<HashMap<Box<str>, Arc<Known>>>,
    asking: Semaphore,
}

impl Names {
    /// Inner networks in which subscribers may lie all the same.
    pub(super) fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed, known: Mutex::default(), asking: Semaphore::new(AT_ONCE) }
    }

    /// The addresses that a URL leads to, all of which may be asked.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn of(&self, url: &Url) -> Result<Vec<SocketAddr>, String> {
        let port = url.port_or_known_default().unwrap_or(443);
        let found: Addresses = match url.host() {
            Some(Host::Ipv4(ip)) => Ok(Arc::from([IpAddr::V4(ip)])),
            Some(Host::Ipv6(ip)) => Ok(Arc::from([IpAddr::V6(ip)])),
            Some(Host::Domain(name)) => self.remembered(name).await,
            None => Err(Arc::from("the address names no host")),
        };
        let found = found.map_err(|why| why.to_string())?;
        let open: Vec<SocketAddr> =
            found.iter().filter(|ip| self.may_ask(**ip)).map(|ip| SocketAddr::new(*ip, port)).collect();
        match found.first() {
            Some(first) if open.is_empty() => Err(format!(
                "it leads to {first}, which is not of the open internet; if that is meant, write its network into `allow` of the channel"
            )),
            Some(_) => Ok(open),
            None => Err("its name has no address".to_owned()),
        }
    }

    fn may_ask(&self, ip: IpAddr) -> bool {
        let plain = ip.to_canonical();
        !is_inside(ip) || self.allowed.iter().any(|net| net.contains(&plain))
    }

    async fn remembered(&self, name: &str) -> Addresses {
        let known = self.entry(name);
        let ask = || async {
            let _one_of_few = self.asking.acquire().await;
            let asked = tokio::time::timeout(LONGEST, tokio::net::lookup_host((name, 0))).await;
            let found = asked
                .map_err(|_| Arc::from(format!("the name of its host was not resolved in {} s", LONGEST.as_secs())));
            let found = found?.map_err(|why| Arc::from(format!("the name of its host is not known: {why}")))?;
            Ok(found.take(MAX_ADDRESSES).map(|address| address.ip()).collect())
        };
        known.addresses.get_or_init(ask).await.clone()
    }

    fn entry(&self, name: &str) -> Arc<Known> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = known.get(name).filter(|one| is_fresh(one)) {
            return Arc::clone(one);
        }
        if MAX_NAMES <= known.len() {
            known.retain(|_, one| is_fresh(one));
        }
        if MAX_NAMES <= known.len() {
            known.clear();
        }
        let one = Arc::new(Known { since: Instant::now(), addresses: OnceCell::new() });
        known.insert(name.into(), Arc::clone(&one));
        one
    }
}

fn is_fresh(known: &Known) -> bool {
    let most = match known.addresses.get() {
        Some(Err(_)) => MISSED_FOR,
        Some(Ok(_)) | None => FOUND_FOR,
    };
    known.since.elapsed() < most
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn of(allowed: &[&str], url: &str) -> Result<Vec<SocketAddr>, String> {
        let names = Names::new(allowed.iter().map(|net| net.parse().unwrap()).collect());
        names.of(&Url::parse(url).unwrap()).await
    }

    #[tokio::test]
    async fn nobody_inside_is_asked_but_in_a_network_that_is_allowed() {
        for inside in [
            "https://127.0.0.1/",
            "https://localhost/",
            "https://10.0.0.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://[::ffff:10.0.0.1]/",
            "https://[fd00:ec2::254]/",
            "https://0x7f.1/",
        ] {
            let why = of(&["10.20.0.0/16"], inside).await.unwrap_err();
            assert!(why.contains("not of the open internet"), "{inside}: {why}");
        }
        assert_eq!(of(&["10.20.0.0/16"], "https://10.20.1.2/").await.unwrap(), ["10.20.1.2:443".parse().unwrap()]);
        assert_eq!(of(&["10.0.0.0/8"], "https://[::ffff:10.1.1.1]:8443/").await.unwrap().len(), 1);
        assert_eq!(of(&[], "https://1.1.1.1/").await.unwrap(), ["1.1.1.1:443".parse().unwrap()]);
    }

    #[tokio::test]
    async fn the_names_that_are_remembered_have_a_limit() {
        let names = Names::new(Vec::new());
        for number in 0..MAX_NAMES + 10 {
            names.entry(&format!("host-{number}.example"));
        }
        assert!(names.known.lock().unwrap().len() <= MAX_NAMES);
        let (one, other) = (names.entry("a.example"), names.entry("a.example"));
        assert!(Arc::ptr_eq(&one, &other), "a name is asked for once");
    }
}
