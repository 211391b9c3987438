//! The front: keeps the web face open where the configuration says, and has it show the channels that are configured now. A warning does
//! not wait for it: an address that cannot be listened on is told and tried again, while everything else runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::Ground;
use super::crew::{Sinks, keep_alive};
use crate::config::{ChannelConfig, Config};
use crate::web::{Face, Shelf, Web};

/// How soon an address is tried again that could not be listened on.
const AGAIN: Duration = Duration::from_secs(5);

/// The web face of a service, where it has one.
#[derive(Default)]
pub(super) struct Front(Option<Open>);

struct Open {
    address: SocketAddr,
    face: watch::Sender<Arc<Face>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Front {
    /// Opens it, closes it, or has it show other channels, as the configuration says now.
    pub(super) async fn show(&mut self, config: &Config, ground: &Ground, sinks: &Sinks) {
        let face = Arc::new(face_of(config, sinks));
        let listen = config.settings.web.filter(|_| !face.shelves.is_empty());
        match (&self.0, listen) {
            (Some(open), Some(address)) if open.address == address => {
                open.face.send_replace(face);
            }
            (_, listen) => {
                self.close().await;
                self.0 = listen.map(|address| open(address, face, ground));
            }
        }
    }

    /// Closes it; who is being answered is answered.
    pub(super) async fn close(&mut self) {
        if let Some(open) = self.0.take() {
            open.stop.cancel();
            if let Err(why) = open.task.await {
                error!("The web face broke down at its end: {why}");
            }
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        if let Some(open) = &self.0 {
            open.stop.cancel();
        }
    }
}

fn face_of(config: &Config, sinks: &Sinks) -> Face {
    let shelf = |channel: &ChannelConfig| {
        let (_, sink) = sinks.get(&channel.listener.channel)?;
        let many = sink.many().filter(|many| many.hub().is_some())?;
        Some(Shelf { listener: channel.listener.clone(), many })
    };
    let shelves = config.channels.iter().filter_map(shelf).collect();
    Face { shelves, places: Arc::clone(&config.governorates) }
}

fn open(address: SocketAddr, face: Arc<Face>, ground: &Ground) -> Open {
    let (sender, face) = watch::channel(face);
    let (stop, clock) = (CancellationToken::new(), ground.clock);
    let web = Arc::new(Web::new(face, Arc::clone(&ground.store), Arc::new(move || clock.now())));
    let token = stop.clone();
    let task = tokio::spawn(keep_alive("web face".to_owned(), stop.clone(), move || {
        let (web, stop) = (Arc::clone(&web), token.clone());
        async move { listen(address, web, stop).await }
    }));
    Open { address, face: sender, stop, task }
}

async fn listen(address: SocketAddr, web: Arc<Web>, stop: CancellationToken) {
    let mut was_told = false;
    loop {
        match TcpListener::bind(address).await {
            Ok(socket) => {
                info!("The web face listens on {address}");
                return web.run(socket, stop).await;
            }
            Err(why) if !was_told => {
                error!("The web face cannot listen on {address} and tries every {} s: {why}", AGAIN.as_secs());
                was_told = true;
            }
            Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = stop.cancelled() => return,
        }
    }
}
