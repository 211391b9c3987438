//! What channels have in common that post by the incoming webhook of a chat: an address that is itself the secret, and a time limit.
//!
//! What is said to a chat, and what its answers mean, stands with each kind.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::http::{self, Place, Receiver};
use super::{Opener, Sink, World};
use crate::feed::keys;
use crate::message::Form;
use crate::secret::SecretSource;
use crate::table::Table;

/// An incoming webhook that can be posted to.
pub(super) struct Hook {
    pub(super) receiver: Receiver,
    /// Where messages go.
    pub(super) url: Url,
    /// Where that address is kept, to be named to people.
    pub(super) source: SecretSource,
}

/// Makes the sink of a kind from its webhook.
type Make = fn(Hook) -> Arc<dyn Sink>;

/// Where a webhook is kept, and how long it may take.
#[derive(Debug)]
pub(super) struct Address {
    url: SecretSource,
    timeout: Duration,
}

impl Address {
    /// Reads `url` and `timeout`; faults are noted in the table.
    pub(super) fn read(table: &Table<'_>) -> Option<Self> {
        let url = keys::secret(table, "url");
        let timeout = http::timeout(table);
        Some(Self { url: url?, timeout: timeout? })
    }

    pub(super) fn open(&self, world: &World) -> Result<Hook, String> {
        let url = http::secret_url(&self.url, world)?;
        let receiver = Receiver::new(world, Place::secret(&url), self.timeout);
        Ok(Hook { receiver, url, source: self.url.clone() })
    }
}

/// What a channel of such a kind says of itself.
struct Settings {
    address: Address,
    make: Make,
    shows_pictures: bool,
}

/// Reads `url` and `timeout`; faults are noted in the table.
pub(super) fn parse(table: &Table<'_>, make: Make) -> Option<Arc<dyn Opener>> {
    read(table, make, false)
}

/// As [`parse`], for a kind that can show pictures.
pub(super) fn parse_with_pictures(table: &Table<'_>, make: Make) -> Option<Arc<dyn Opener>> {
    read(table, make, true)
}

fn read(table: &Table<'_>, make: Make, shows_pictures: bool) -> Option<Arc<dyn Opener>> {
    Some(Arc::new(Settings { address: Address::read(table)?, make, shows_pictures }))
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Opener for Settings {
    fn form(&self) -> Form {
        Form::Chat
    }

    fn takes(&self, form: Form) -> bool {
        !form.is_for_machines()
    }

    fn shows_pictures(&self) -> bool {
        self.shows_pictures
    }

    fn open(&self, world: &World) -> Result<Arc<dyn Sink>, String> {
        Ok((self.make)(self.address.open(world)?))
    }
}
