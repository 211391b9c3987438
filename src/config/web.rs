//! `[web]`: where the web face listens, and whether what it shows may be shown to everybody.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::ids::ChannelId;
use crate::route::Audience;
use crate::sink::Opener;
use crate::table::{Found, Table};

/// Reads `listen`.
pub(super) fn read(table: Option<Table<'_>>) -> Option<SocketAddr> {
    let table = table?;
    let listen = table.text("listen", |text| {
        let wrong =
            || format!("`{text}` is not where one listens: write an address and a port, such as `127.0.0.1:8480`");
        text.parse::<SocketAddr>().ok().filter(|address| address.port() != 0).ok_or_else(wrong)
    });
    table.finish();
    Some(listen?.value)
}

/// The addresses at which channels are shown, and which of them they are.
#[derive(Default)]
pub(super) struct Addresses(BTreeMap<String, ChannelId>);

impl Addresses {
    /// Checks a channel that is shown to the world: everybody may see it, nobody else has its address, and something listens.
    pub(super) fn check(
        &mut self,
        (id, audience): (&ChannelId, Audience),
        opener: &dyn Opener,
        (root, name): (&Table<'_>, &Found<String>),
        listens: bool,
    ) {
        let Some(address) = opener.face() else { return };
        if audience != Audience::Public {
            let help = "write audience = \"public\", or take another kind for those who are not the public".to_owned();
            let message = format!("`{id}` is shown to whoever asks, and its audience is {}", audience.name());
            root.error(&name.span, message, Some(help));
        }
        if let Some(first) = self.0.insert(address.path().to_owned(), id.clone()) {
            let help = "give each a `url` with a path of its own".to_owned();
            root.error(&name.span, format!("`{first}` and `{id}` are found at the same path"), Some(help));
        }
        if !listens {
            let help = "write `listen = \"127.0.0.1:8480\"` into [web] of nadhir.toml".to_owned();
            root.error(&name.span, format!("`{id}` is shown by the web face, which is not open"), Some(help));
        }
    }
}
