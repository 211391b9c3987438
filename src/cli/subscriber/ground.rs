//! What the commands stand on: the configured channel, what sends to its subscribers, and the store beside the service.

use std::io::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::runtime::Runtime;

use super::super::check::EX_NOINPUT;
use super::super::place;
use super::super::run::runtime;
use super::super::{EX_CONFIG, EX_UNAVAILABLE, EX_USAGE};
use super::{Ended, Where};
use crate::config::{ChannelConfig, Config};
use crate::daemon::clock::Clock;
use crate::ids::ChannelId;
use crate::outbox::replay::{Frozen, Sent};
use crate::outbox::share::DeadLetter;
use crate::record::Entry;
use crate::route::Listener;
use crate::sink::{Many, World};
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::SqliteStore;
use crate::store::{Beside, StoreError};
use crate::subscriber::{Edit, NewSubscriber, Subscriber, Wishes};
use crate::time::Timestamp;

/// What the commands stand on.
pub(super) struct Ground {
    config: Config,
    channel: ChannelId,
    runtime: Runtime,
    store: Box<dyn Beside>,
    dir: std::path::PathBuf,
}

/// Says something to whoever called; a reader that has gone away is no fault.
pub(super) fn say(text: &str) {
    let _ = anstream::stdout().write_all(text.as_bytes());
}

impl Ground {
    pub(super) fn open(at: &Where) -> Result<Self, (u8, anyhow::Error)> {
        let config = at.dirs.configuration("it is not known which channels there are");
        let config = config.map_err(|code| (code, anyhow::anyhow!("see above")))?;
        let channel = find(&config, at.channel.as_deref()).map_err(|why| (EX_USAGE, why))?;
        let channel = channel.listener.channel.clone();
        let dir = place::state_dir(at.dirs.state.as_deref(), config.settings.store.as_deref());
        let runtime = runtime().map_err(|why| (EX_UNAVAILABLE, why))?;
        let unusable = |why: anyhow::Error| (EX_UNAVAILABLE, why.context("the store cannot be opened"));
        let store: Box<dyn Beside> = match &config.settings.database {
            Some(database) => {
                let server = database.server(&dir).map_err(|why| unusable(anyhow::anyhow!(why)))?;
                let store = runtime.block_on(PostgresStore::beside(server));
                Box::new(store.map_err(|why| unusable(why.into()))?)
            }
            None => {
                let path = place::database_in(&dir).map_err(|why| (EX_NOINPUT, anyhow::anyhow!(why)))?;
                Box::new(SqliteStore::beside(&path).map_err(|why| unusable(why.into()))?)
            }
        };
        Ok(Self { config, channel, runtime, store, dir })
    }

    pub(super) fn channel(&self) -> &ChannelId {
        &self.channel
    }

    pub(super) fn now(&self) -> Timestamp {
        Clock::System.now()
    }

    /// What sends to its subscribers, where people enter them.
    pub(super) fn many(&self) -> Result<Arc<dyn Many>, (u8, anyhow::Error)> {
        let world = World::new(self.dir.clone()).map_err(|why| (EX_UNAVAILABLE, anyhow::anyhow!(why)))?;
        let channel = find(&self.config, Some(self.channel.as_str())).map_err(|why| (EX_CONFIG, why))?;
        let sink =
            channel.opener.open(&world).map_err(|why| (EX_UNAVAILABLE, anyhow::anyhow!("{}: {why}", self.channel)))?;
        let many = sink.many().ok_or_else(|| (EX_CONFIG, anyhow::anyhow!("{} has no subscribers", self.channel)))?;
        if many.hub().is_some() {
            let why = anyhow::anyhow!(
                "those who want to hear of {} subscribe at its hub themselves, with a secret and a place of their own choice; list, dead, \
                 pause, resume and remove are for them too",
                self.channel
            );
            return Err((EX_USAGE, why));
        }
        Ok(many)
    }

    pub(super) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// The names of places that nobody knows.
    pub(super) fn unknown_places(&self, wishes: &Wishes) -> Option<String> {
        let known = |id: &&_| self.config.governorates.iter().any(|place| place.id == **id);
        let unknown: Vec<String> =
            wishes.governorates.iter().filter(|id| !known(id)).map(ToString::to_string).collect();
        (!unknown.is_empty()).then(|| format!("no governorate is called {}", unknown.join(", ")))
    }

    pub(super) fn enter(&self, new: Vec<NewSubscriber>) -> Result<Vec<i64>, (u8, anyhow::Error)> {
        self.wait(self.store.subscribe(self.channel.clone(), new, self.now())).map_err(|why| match why {
            StoreError::Refused { why } => (EX_USAGE, anyhow::anyhow!(why)),
            other => (EX_UNAVAILABLE, anyhow::Error::new(other)),
        })
    }

    pub(super) fn find(&self, name: &str) -> Result<Subscriber, (u8, anyhow::Error)> {
        let found = self.wait(self.store.subscriber(self.channel.clone(), name.to_owned()));
        let found = found.map_err(|why| (EX_UNAVAILABLE, anyhow::Error::new(why)))?;
        found.ok_or_else(|| (EX_USAGE, anyhow::anyhow!("`{name}` is no subscriber of {}", self.channel)))
    }

    pub(super) fn list(&self, after: i64, limit: usize) -> Result<Vec<Subscriber>, (u8, anyhow::Error)> {
        let found = self.wait(self.store.subscribers(Some(self.channel.clone()), after, limit));
        found.map_err(|why| (EX_UNAVAILABLE, anyhow::Error::new(why)))
    }

    /// Who listens at the channel.
    pub(super) fn listener(&self) -> Result<&Listener, (u8, anyhow::Error)> {
        let channel = find(&self.config, Some(self.channel.as_str())).map_err(|why| (EX_CONFIG, why))?;
        Ok(&channel.listener)
    }

    pub(super) fn dead_letters(
        &self,
        subscriber: Option<i64>,
        after: Option<(i64, i64)>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, (u8, anyhow::Error)> {
        self.wait(self.store.dead_letters(self.channel.clone(), subscriber, after, limit)).map_err(unavailable)
    }

    pub(super) fn sent_since(&self, to: i64, since: Timestamp) -> Result<(Vec<Sent>, i64), (u8, anyhow::Error)> {
        let of = (self.channel.clone(), self.listener()?.audience);
        self.wait(self.store.sent_since(of, to, since)).map_err(unavailable)
    }

    pub(super) fn send_again(
        &self,
        of: (i64, i64),
        newest: i64,
        as_history: bool,
    ) -> Result<Option<Frozen>, (u8, anyhow::Error)> {
        self.wait(self.store.send_again(of, newest, (as_history, self.now()))).map_err(unavailable)
    }

    pub(super) fn sent_again(&self, of: (i64, i64), why: Option<String>) -> Ended {
        self.wait(self.store.sent_again(of, why, self.now())).map_err(unavailable)
    }

    pub(super) fn record(&self, entry: Entry) -> Ended {
        self.wait(self.store.record(entry)).map_err(unavailable)
    }

    pub(super) fn edit(&self, one: &Subscriber, edit: Edit) -> Ended {
        match self.wait(self.store.edit_subscriber(one.id, edit)) {
            Ok(true) => Ok(()),
            Ok(false) => Err((EX_USAGE, anyhow::anyhow!("{} was taken out in the meantime", one.name))),
            Err(why) => Err((EX_UNAVAILABLE, anyhow::Error::new(why))),
        }
    }
}

fn unavailable(why: StoreError) -> (u8, anyhow::Error) {
    (EX_UNAVAILABLE, anyhow::Error::new(why))
}

/// The channel that is meant.
fn find<'a>(config: &'a Config, name: Option<&str>) -> anyhow::Result<&'a ChannelConfig> {
    let with: Vec<&ChannelConfig> = config.channels.iter().filter(|one| one.opener.has_subscribers()).collect();
    let names = || with.iter().map(|one| one.listener.channel.as_str()).collect::<Vec<_>>().join(", ");
    match (name, with.as_slice()) {
        (None, [only]) => Ok(only),
        (_, []) => anyhow::bail!(
            "no enabled channel is of kind \"subscribers\"; `nadhir sinks subscribers` shows how one is written"
        ),
        (None, _) => anyhow::bail!("say which channel with --channel: {}", names()),
        (Some(name), _) => with.iter().find(|one| one.listener.channel.as_str() == name).copied().with_context(|| {
            format!("no enabled channel of kind \"subscribers\" is called `{name}`; there are {}", names())
        }),
    }
}
