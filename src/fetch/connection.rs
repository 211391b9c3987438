//! How a feed is connected to: whom it trusts, through which proxy, how long connecting may take. Reads the files it names when it is
//! opened, so that a renewed certificate needs a reload and no restart.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Client, ClientBuilder, Proxy, redirect};
use url::Url;

use super::outside::Guard;
use super::{innermost, trust};
use crate::secret::{Secret, SecretSource};

/// How long connecting may take when the feed does not say; the whole is bounded by the timeout.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an idle connection is kept for the next poll.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How a feed is connected to. Feeds with the same settings share their connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// A file of certificates (PEM) that complete what the server sends; they are not trusted by themselves.
    pub intermediates: Option<PathBuf>,
    /// A file of authorities (PEM) that are trusted beside those of this machine.
    pub ca: Option<PathBuf>,
    /// Through which proxy.
    pub proxy: Way,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// True when what the feed leads to may lie in an inner network.
    pub allow_private: bool,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            intermediates: None,
            ca: None,
            proxy: Way::Usual,
            connect_timeout: CONNECT_TIMEOUT,
            allow_private: false,
        }
    }
}

/// The way to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// As the environment of this machine says (`HTTPS_PROXY` and the like).
    Usual,
    /// Through no proxy, whatever the environment says.
    Direct,
    /// Through this one.
    Proxy {
        /// Its address, without a password.
        url: Url,
        /// The user and where the password is kept.
        login: Option<(String, SecretSource)>,
    },
}

/// The clients of one connection.
#[derive(Debug, Clone)]
pub(super) struct Clients {
    /// For the feed's own server.
    pub(super) own: Client,
    /// For what the feed leads to: only into the open internet.
    pub(super) open: Client,
    /// For this machine itself: never through a proxy.
    pub(super) loopback: Client,
    /// Why no certificate is trusted, when that is so.
    pub(super) trusts_nobody: Option<String>,
}

impl Clients {
    /// Makes the clients, which reads the files and the secret that the settings name. `secret_of` finds a secret.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub(super) fn new(
        connection: &Connection,
        agent: &HeaderValue,
        secret_of: impl Fn(&SecretSource) -> Result<Secret, String>,
    ) -> Result<Self, String> {
        super::install_crypto();
        let read = |key: &str, path: &Option<PathBuf>| match path {
            None => Ok(Vec::new()),
            Some(path) => trust::certificates(path).map_err(|why| format!("`{key}`, file {}: {why}", path.display())),
        };
        let roots = read("ca", &connection.ca)?;
        let between = read("intermediates", &connection.intermediates)?;
        let tls = trust::tls(roots, between)?;
        let (through, guard) = match &connection.proxy {
            Way::Usual => (None, Guard::new(None)),
            Way::Direct => (Some(None), Guard::new(None)),
            Way::Proxy { url, login } => {
                let mut proxy = Proxy::all(url.clone()).map_err(|why| format!("`proxy`: {}", innermost(&why)))?;
                if let Some((user, source)) = login {
                    let password = secret_of(source).map_err(|why| format!("`proxy_password`: {why}"))?;
                    proxy = proxy.basic_auth(user, password.expose());
                }
                (Some(Some(proxy)), Guard::new(Some(url)))
            }
        };
        let plain = || {
            Client::builder()
                .user_agent(agent.clone())
                .redirect(redirect::Policy::none())
                .referer(false)
                .connect_timeout(connection.connect_timeout)
                .pool_idle_timeout(IDLE_TIMEOUT)
        };
        let to_world = |builder: ClientBuilder| match &through {
            None => builder,
            Some(None) => builder.no_proxy(),
            Some(Some(proxy)) => builder.proxy(proxy.clone()),
        };
        let secured = || match &tls {
            Some(tls) => plain().tls_backend_preconfigured(tls.clone()),
            None => plain().tls_certs_only(std::iter::empty()),
        };
        let build = |builder: ClientBuilder| builder.build().map_err(|why| innermost(&why));
        let why =
            "this machine has no trusted certificates, so no https address can be reached: install ca-certificates";
        Ok(Self {
            own: build(to_world(secured()))?,
            open: build(to_world(secured()).dns_resolver(Arc::new(guard)))?,
            loopback: build(secured().no_proxy())?,
            trusts_nobody: tls.is_none().then(|| why.to_owned()),
        })
    }
}
