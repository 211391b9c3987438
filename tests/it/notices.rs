//! Notices on their way: owed to the people on duty alone, under one name, and overtaken by their own end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use nadhir::config::{self, Config};
use nadhir::daemon::Sights;
use nadhir::daemon::bells::Bells;
use nadhir::daemon::brain::{Brain, Mind};
use nadhir::engine::{Event, Heard};
use nadhir::ids::{ChannelId, FeedId};
use nadhir::outbox::{LEASE, Standing};
use nadhir::store::sqlite::SqliteStore;
use nadhir::store::{Archive, Ledger, Outbox};
use nadhir::time::Timestamp;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_timestamp(1_765_227_600 + minute * 60, 0).unwrap()
}

/// A channel of each audience and form; those of the staff hear of red fog in one governorate and of no other warning.
fn configuration() -> Config {
    let channel = |name: &str, audience: &str, more: &str| {
        format!("[{name}]\nkind = \"console\"\naudience = \"{audience}\"\n{more}\n\n")
    };
    let narrow = "min_severity = \"red\"\nhazards = [\"fog\"]\ngovernorates = [\"turabah\"]";
    let channels = [
        channel("everyone", "public", ""),
        channel("machines", "public", "form = \"json\""),
        channel("drill", "drill", ""),
        channel("desk", "staff", narrow),
        channel("desk-machine", "staff", "form = \"json\""),
    ];
    config::from_files(BTreeMap::from([("channels.toml".to_owned(), channels.concat())])).unwrap().0
}

async fn brain(store: &Arc<SqliteStore>, config: &Config, now: Timestamp) -> Brain {
    let listeners = config.channels.iter().map(|channel| channel.listener.clone()).collect();
    let mind = Mind { book: Arc::clone(&config.rules), listeners, speaker: config.speaker.clone() };
    Brain::awake(Arc::<SqliteStore>::clone(store), Arc::new(mind), Bells::default(), Sights::default(), now)
        .await
        .unwrap()
}

fn open(dir: &Path) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::open(dir.join("nadhir.db")).unwrap())
}

fn metar(heard: Heard) -> Event {
    Event::Asked { feed: FeedId::new("metar").unwrap(), heard, skew: None }
}

#[tokio::test]
async fn a_notice_is_owed_to_the_people_on_duty_and_to_nobody_else() {
    let (config, dir) = (configuration(), tempfile::tempdir().unwrap());
    let store = open(dir.path());
    let mut brain = brain(&store, &config, at(0)).await;
    for minute in [0, 60, 500, 1000, 5000] {
        brain.turn(&Event::Tick, at(minute)).await.unwrap();
    }
    let owed: BTreeSet<String> = store.deliveries().await.unwrap().into_iter().map(|row| row.channel).collect();
    assert_eq!(owed, BTreeSet::from(["desk".to_owned(), "desk-machine".to_owned()]));
    let desk = ChannelId::new("desk").unwrap();
    let claimed = store.claim(desk, 1, at(5000), LEASE).await.unwrap();
    assert!(claimed[0].body.contains("للمناوبين فقط") && claimed[0].body.contains("For the people on duty only"));
    let machine = store.claim(ChannelId::new("desk-machine").unwrap(), 1, at(5000), LEASE).await.unwrap();
    assert!(machine[0].body.starts_with(r#"{"type":"notice."#), "{}", machine[0].body);
}

#[tokio::test]
async fn a_notice_has_one_name_over_every_start_and_every_leader() {
    let (config, dir) = (configuration(), tempfile::tempdir().unwrap());
    let store = open(dir.path());
    let mut first = brain(&store, &config, at(0)).await;
    first.turn(&Event::Tick, at(0)).await.unwrap();
    let mut second = brain(&store, &config, at(59)).await;
    assert!(first.turn(&Event::Tick, at(60)).await.is_err(), "a leader that was overtaken says nothing");
    second.turn(&Event::Tick, at(60)).await.unwrap();
    let told = store.deliveries().await.unwrap();
    drop((first, second, store));
    let store = open(dir.path());
    let mut third = brain(&store, &config, at(61)).await;
    third.turn(&Event::Tick, at(61)).await.unwrap();
    assert_eq!(store.deliveries().await.unwrap(), told, "what was told is not told again by another name");
    let names: BTreeSet<&str> = told.iter().map(|row| row.message.as_str()).collect();
    assert_eq!(names.len(), told.len());
    assert!(names.iter().all(|name| name.starts_with("MKH-OPS-2025-")), "{names:?}");
}

#[tokio::test]
async fn the_end_of_an_episode_overtakes_its_beginning() {
    let (config, dir) = (configuration(), tempfile::tempdir().unwrap());
    let store = open(dir.path());
    let mut brain = brain(&store, &config, at(0)).await;
    brain.turn(&metar(Heard::Unchanged), at(0)).await.unwrap();
    brain.turn(&metar(Heard::Unreachable { why: "refused".to_owned() }), at(16)).await.unwrap();
    brain.turn(&metar(Heard::Unchanged), at(20)).await.unwrap();
    let desk: Vec<(String, Standing)> = store
        .deliveries()
        .await
        .unwrap()
        .into_iter()
        .filter(|row| row.channel == "desk")
        .map(|row| (row.bulletin.to_string(), row.standing))
        .collect();
    let of = |edition: u32| format!("MKH-OPS-2025-000001.{edition}");
    assert_eq!(desk, [(of(1), Standing::Superseded), (of(2), Standing::Owed)]);
    let journal: Vec<String> = store.journal(10).await.unwrap().into_iter().map(|entry| entry.text).collect();
    assert!(
        journal.iter().any(|text| text == "feed-silent begun: metar by its clocks fetch, owed to desk, desk-machine"),
        "{journal:?}"
    );
    assert_eq!(store.load().await.unwrap().facts.iter().filter(|(room, ..)| room == "notice").count(), 0);
}
