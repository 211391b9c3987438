//! The daemon as a whole: reloads beside a channel that hangs, channels that are gone, and channels that are given to others.

use futures_util::future::BoxFuture;

use super::courier::Courier;
use super::*;
use crate::alert::{Alert, Certainty, Identity, MsgType, Scope, Status, Words};
use crate::engine::{Event, Heard};
use crate::feed::Batch;
use crate::hazard::{Hazard, Severity};
use crate::message::{Form, Message, MessageKey};
use crate::outbox::{LEASE, NewDelivery, Standing, Terms};
use crate::route::{self, Audience};
use crate::sink::{Parcel, Receipt, SendError, Sink};
use crate::store::sqlite::SqliteStore;
use crate::store::{Commit, Lease};

/// A receiver that tells what it was handed and then, when it is slow, never answers.
struct Receiver(mpsc::Sender<String>, bool);

impl Sink for Receiver {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            self.0.send(format!("{}: {}", parcel.loudness.name(), parcel.key)).await.unwrap();
            if self.1 {
                std::future::pending::<()>().await;
            }
            Ok(Receipt("taken".to_owned()))
        })
    }
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }
}

async fn owe(ground: &Ground, lease: Lease, version: u64, to: &ChannelId) {
    let now = ground.clock.now();
    let number = format!("MKH-2025-{version:06}");
    let bulletin = BulletinId::new(&number, 1);
    let key = MessageKey::new(&bulletin, Form::Text, &[]);
    let message =
        Message { key: key.clone(), bulletin: bulletin.clone(), content_type: "text/plain", body: "سيول".into() };
    let urgency = crate::outbox::urgency(crate::bulletin::Change::Issued, Severity::Red);
    let (channel, expires) = (to.clone(), now + LEASE * 10);
    let owed = NewDelivery {
        channel,
        message: key,
        bulletin,
        number,
        edition: 1,
        urgency,
        due: now,
        expires,
        terms: Terms::default(),
        picture: None,
    };
    let commit = Commit { version, messages: vec![message], deliveries: vec![owed], ..Commit::default() };
    ground.store.commit(lease, commit).await.unwrap();
}

#[tokio::test]
async fn a_channel_that_hangs_through_a_reload_holds_up_no_other() {
    let (mut config, _) = crate::config::from_files(BTreeMap::new()).unwrap();
    config.feeds.clear();
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    let ground = Ground {
        store,
        cluster: None,
        clock: Clock::System,
        tick: TICK,
        dir: PathBuf::new(),
        sights: Sights::default(),
    };
    let (hung, quick) = (ChannelId::new("hung").unwrap(), ChannelId::new("quick").unwrap());
    let (to, mut handed) = mpsc::channel(8);
    let sinks = || -> Sinks {
        let sink = |is_slow| (Audience::Public, Arc::new(Receiver(to.clone(), is_slow)) as Arc<dyn Sink>);
        BTreeMap::from([(hung.clone(), sink(true)), (quick.clone(), sink(false))])
    };
    let (bells, mut couriers, line) = (Bells::default(), Couriers::default(), Line::to(mpsc::channel(1).0));
    let lease = ground.store.lead(ground.clock.now()).await.unwrap();
    owe(&ground, lease, 0, &hung).await;
    couriers.start(&config, &ground, &bells, &sinks(), &line);
    assert!(handed.recv().await.unwrap().ends_with("/hung"));
    couriers.leave();
    couriers.start(&config, &ground, &bells, &sinks(), &line);
    owe(&ground, lease, 1, &quick).await;
    bells.ring_all();
    let quick = handed.recv().await.unwrap();
    assert!(quick.starts_with("red: ") && quick.ends_with("/quick"), "{quick}");
    assert!(handed.try_recv().is_err(), "the channel that hangs is served by one courier at a time");
}

#[tokio::test]
async fn what_is_owed_to_a_channel_that_is_gone_is_told_and_ends() {
    let (mut config, _) = crate::config::from_files(BTreeMap::new()).unwrap();
    config.feeds.clear();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory().unwrap());
    let gone = ChannelId::new("gone").unwrap();
    // An hour of this clock passes in a moment.
    let clock = Clock::scaled(Timestamp::UNIX_EPOCH, 360_000.0);
    let ground = Ground {
        store: Arc::clone(&store),
        cluster: None,
        clock,
        tick: TICK,
        dir: PathBuf::new(),
        sights: Sights::default(),
    };
    let lease = store.lead(clock.now()).await.unwrap();
    owe(&ground, lease, 0, &gone).await;
    let told = strays(&config, &ground).await;
    assert_eq!(told.len(), 1);
    assert!(told[0].text.starts_with("1 message is still owed to gone"), "{told:?}");
    courier::see_out(Arc::clone(&store), config.channel_ids(), clock, CancellationToken::new()).await;
    let rows = store.deliveries().await.unwrap();
    assert_eq!(rows[0].standing, Standing::Expired);
    assert!(strays(&config, &ground).await.is_empty());
}

#[tokio::test]
async fn a_courier_carries_nothing_that_is_meant_for_others_than_its_own() {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory().unwrap());
    let clock = Clock::System;
    let ground = Ground {
        store: Arc::clone(&store),
        cluster: None,
        clock,
        tick: TICK,
        dir: PathBuf::new(),
        sights: Sights::default(),
    };
    let desk = ChannelId::new("desk").unwrap();
    let (to, mut handed) = mpsc::channel(8);
    let courier = |audience| {
        let sink = Arc::new(Receiver(to.clone(), false));
        Courier::new(desk.clone(), audience, sink, Arc::clone(&store), Sights::default())
    };
    let lease = store.lead(clock.now()).await.unwrap();
    store.readdress(lease, vec![(desk.clone(), Audience::Staff)], clock.now()).await.unwrap();
    owe(&ground, lease, 0, &desk).await;
    // The courier of the public is still about when the channel is the staff's already.
    assert_eq!(courier(Audience::Public).turn(&|| clock.now()).await.unwrap(), courier::Turn::Idle(None));
    assert!(handed.try_recv().is_err());
    assert_eq!(courier(Audience::Staff).turn(&|| clock.now()).await.unwrap(), courier::Turn::Busy);
    assert!(handed.try_recv().is_ok());
}

#[tokio::test]
async fn a_channel_is_given_no_more_than_it_takes_and_the_rest_when_there_is_room() {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory().unwrap());
    let start = Clock::System.now();
    let ground = Ground {
        store: Arc::clone(&store),
        cluster: None,
        clock: Clock::System,
        tick: TICK,
        dir: PathBuf::new(),
        sights: Sights::default(),
    };
    let desk = ChannelId::new("desk").unwrap();
    let lease = store.lead(start).await.unwrap();
    for version in 0..3 {
        owe(&ground, lease, version, &desk).await;
    }
    let (to, mut handed) = mpsc::channel(8);
    let sink = Arc::new(Receiver(to, false));
    let pace = route::pace::Pace::parse("2/min").ok();
    let courier = Courier::new(desk, Audience::Staff, sink, Arc::clone(&store), Sights::default()).at(pace);
    let later = |seconds| start + TimeDelta::seconds(seconds);
    assert_eq!(courier.turn(&|| later(1)).await.unwrap(), courier::Turn::Busy);
    assert_eq!(courier.turn(&|| later(1)).await.unwrap(), courier::Turn::Idle(Some(later(31))));
    assert!(handed.try_recv().is_ok() && handed.try_recv().is_ok() && handed.try_recv().is_err());
    assert_eq!(courier.turn(&|| later(31)).await.unwrap(), courier::Turn::Busy);
    assert!(handed.try_recv().is_ok());
}

/// A configuration without feeds, in which the people on duty or everyone listens at the desk.
fn with_desk(audience: &str, channel: &str) -> Config {
    let text = format!("[desk]\naudience = \"{audience}\"\n{channel}\n");
    let (mut config, _) = crate::config::from_files(BTreeMap::from([("channels.toml".to_owned(), text)])).unwrap();
    config.feeds.clear();
    config
}

/// An alert that is not for the public: whoever is on duty hears that it is held.
fn closed(now: Timestamp) -> Event {
    let alert = Alert {
        identity: Identity { sender: "ncm".into(), identifier: "closed".into(), sent: now },
        line: None,
        part: 0,
        fingerprint: 1,
        read_at: None,
        status: Status::Actual,
        scope: Scope::Restricted,
        msg_type: MsgType::Alert,
        references: Vec::new(),
        hazard: Hazard::Rain,
        severity: Severity::Red,
        certainty: Certainty::Likely,
        onset: now,
        expires: now + TimeDelta::hours(6),
        words: vec![Words { language: "ar".into(), event: "تمرين مغلق".into(), ..Words::default() }],
        areas: Vec::new(),
        unplaced: Vec::new(),
        all_clear: false,
        defects: Vec::new(),
    };
    let batch = Batch { alerts: vec![alert], ..Batch::default() };
    let heard = Heard::Batch { batch, validators: None, entries: Vec::new() };
    Event::Asked { feed: FeedId::new("ncm").unwrap(), heard, skew: None }
}

#[tokio::test]
async fn what_the_staff_are_owed_is_not_sent_to_the_public_that_takes_over_their_channel() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory().unwrap());
    let clock = Clock::System;
    let ground = Ground {
        store: Arc::clone(&store),
        cluster: None,
        clock,
        tick: TICK,
        dir: dir.path().to_owned(),
        sights: Sights::default(),
    };
    std::fs::write(dir.path().join("desk.secret"), "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
    // Nobody answers at this address, so that the notice stays owed.
    let hook = "kind = \"webhook\"\nurl = \"http://127.0.0.1:9/desk\"\nsecret = { file = \"desk.secret\" }";
    let file = "kind = \"file\"\npath = \"public.txt\"";
    let mut daemon = Daemon::start(with_desk("staff", hook), ground).await.unwrap();
    let (done, decided) = oneshot::channel();
    daemon.orders().unwrap().send(Order::Happened(Box::new(closed(clock.now())), done)).await.unwrap();
    decided.await.unwrap();
    assert_eq!(store.deliveries().await.unwrap().len(), 1, "the people on duty are owed a notice");
    daemon.reload(with_desk("public", file), &[]).await.unwrap();
    daemon.reload(with_desk("staff", file), &[]).await.unwrap();
    daemon.stop().await.unwrap();
    let rows = store.deliveries().await.unwrap();
    assert_eq!(rows.iter().map(|row| row.standing).collect::<Vec<_>>(), [Standing::Superseded], "{rows:?}");
    let sent = std::fs::read_to_string(dir.path().join("public.txt")).unwrap_or_default();
    assert_eq!(sent, "");
    let journal = store.journal(20).await.unwrap();
    let told = journal.iter().filter(|entry| entry.kind == "audience").count();
    assert_eq!(told, 2, "{journal:?}");
}
