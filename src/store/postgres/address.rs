//! Where the database is: a URL that may be shown, since no password stands in it, and the rule that what goes over a network is sealed.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr as _;
use std::sync::Arc;

use rustls::ClientConfig;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::secret::Secret;

/// The longest URL, in bytes.
pub const MAX_URL_LEN: usize = 500;

/// An address of a database, as it may be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    url: String,
    config: Config,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl Address {
    /// Reads a URL such as `postgres://nadhir@db.example.sa/nadhir`.
    ///
    /// # Errors
    /// A sentence for the operator, which never repeats a password.
    pub fn read(url: &str) -> Result<Self, String> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err("the address of a database begins with postgres://".to_owned());
        }
        if MAX_URL_LEN < url.len() || url.chars().any(char::is_control) {
            return Err(format!("the address is longer than {MAX_URL_LEN} bytes, or holds a control character"));
        }
        // What the parser says of a wrong one could hold a piece of it.
        let config = Config::from_str(url)
            .map_err(|_| "the address is not understood: write postgres://user@host:5432/database".to_owned())?;
        if config.get_password().is_some() {
            return Err(INLINE.to_owned());
        }
        if config.get_hosts().is_empty() {
            return Err(
                "the address names no host: write postgres://user@host/database, or ?host=/run/postgresql".to_owned()
            );
        }
        if config.get_dbname().is_none() {
            return Err("the address names no database: write postgres://user@host/database".to_owned());
        }
        if config.get_options().is_some() {
            return Err(
                "`options` has no place in the address: the settings of its sessions are nadhir's own".to_owned()
            );
        }
        let address = Self { url: url.to_owned(), config };
        if address.is_far() && matches!(address.config.get_ssl_mode(), SslMode::Disable) {
            return Err("`sslmode=disable`: what goes to another machine is sealed; take it out".to_owned());
        }
        Ok(address)
    }

    /// Whether it is on another machine, so that TLS is needed.
    pub fn is_far(&self) -> bool {
        !self.config.get_hosts().iter().all(|host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        })
    }

    /// The database there, with what opens it.
    #[must_use]
    pub fn with(&self, password: Option<&Secret>, tls: Option<Arc<ClientConfig>>) -> Server {
        let mut config = self.config.clone();
        config.application_name("nadhir");
        if let Some(password) = password {
            config.password(password.expose());
        }
        // Where TLS is asked for it is never left out, and where it is not had it is not asked for.
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        Server { name: self.url.clone(), config, tls }
    }
}

/// What is said of a password in the address.
const INLINE: &str = "a password does not belong in an address, which is copied, printed and logged: write `password = { file = \"…\" }`";

/// A database that can be connected to.
#[derive(Clone)]
pub struct Server {
    pub(super) name: String,
    pub(super) config: Config,
    pub(super) tls: Option<Arc<ClientConfig>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_the_address_is_refused_and_never_repeated() {
        for url in ["postgres://nadhir:hunter2@db/nadhir", "postgres://nadhir@db/nadhir?password=hunter2"] {
            let why = Address::read(url).unwrap_err();
            assert!(why.contains("password") && !why.contains("hunter2"), "{why}");
        }
        let server = Address::read("postgres://nadhir@db/nadhir").unwrap().with(Some(&Secret::new("hunter2")), None);
        assert!(!format!("{server:?}").contains("hunter2"));
    }

    #[test]
    fn what_goes_to_another_machine_is_sealed() {
        let is_far = |url: &str| Address::read(url).map(|address| address.is_far());
        assert_eq!(is_far("postgres://nadhir@db.example.sa/nadhir"), Ok(true));
        assert_eq!(is_far("postgres://nadhir@127.0.0.1:5433/nadhir"), Ok(false));
        assert_eq!(is_far("postgres:///nadhir?host=/run/postgresql&user=nadhir"), Ok(false));
        assert_eq!(is_far("postgres://nadhir@localhost,db.example.sa/nadhir"), Ok(true));
        assert!(is_far("postgres://nadhir@db.example.sa/nadhir?sslmode=disable").is_err());
        for wrong in
            ["", "mysql://db/nadhir", "postgres://", "postgres://nadhir@db", "postgres://db/x?options=-cfsync=off"]
        {
            assert!(is_far(wrong).is_err(), "{wrong}");
        }
    }
}
