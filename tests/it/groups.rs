//! Warnings over several places, from the reading to the receiver: whichever channel listens to which place, and whenever it is up,
//! what it is sent in the end is the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nadhir::alert::{Alert, Certainty, Identity, MsgType, Scope, Status, Words};
use nadhir::bulletin::Bulletin;
use nadhir::cli::sim::laws::Truth;
use nadhir::config::{self, Config};
use nadhir::daemon::Sights;
use nadhir::daemon::bells::Bells;
use nadhir::daemon::brain::{Brain, Mind};
use nadhir::engine::{Event, Heard};
use nadhir::feed::Batch;
use nadhir::hazard::{Hazard, Severity};
use nadhir::ids::{BulletinId, ChannelId, FeedId, GovernorateId};
use nadhir::outbox::{LEASE, Outcome, Settlement};
use nadhir::reading::{Basis, Reading};
use nadhir::store::sqlite::SqliteStore;
use nadhir::store::{Archive, Outbox};
use nadhir::time::{TimeDelta, Timestamp};
use nadhir::unit::Metric;
use proptest::prelude::*;

const PLACES: [&str; 3] = ["makkah", "jeddah", "taif"];

/// The turns of a life are so many minutes apart.
const STEP: i64 = 20;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_timestamp(1_765_227_600 + minute * 60, 0).unwrap()
}

fn place(name: &str) -> GovernorateId {
    GovernorateId::new(name).unwrap()
}

/// A channel for each place, one for two of them, and one for all.
fn listens() -> BTreeMap<&'static str, Vec<&'static str>> {
    let own = PLACES.map(|name| (name, vec![name]));
    own.into_iter().chain([("two", PLACES[1..].to_vec()), ("all", PLACES.to_vec())]).collect()
}

fn configuration() -> Config {
    // Red waits for nobody's word here: what is said at the last turn is sent at the last turn.
    let channel = |(name, places): (&str, Vec<&str>)| {
        format!(
            "[{name}]\nkind = \"console\"\naudience = \"public\"\nform = \"json\"\nrelease = {{ red = \"at-once\" }}\ngovernorates = {places:?}\n\n"
        )
    };
    let channels: String = listens().into_iter().map(channel).collect();
    config::from_files(BTreeMap::from([("channels.toml".to_owned(), channels)])).unwrap().0
}

/// One turn: how much rain each place has, none where its gauge is silent; and what an authority says, in which places.
#[derive(Debug, Clone)]
struct Piece {
    rain: [Option<f64>; 3],
    alert: Option<(Severity, i64, bool, u8)>,
}

fn any_piece() -> impl Strategy<Value = Piece> {
    let rain = prop_oneof![
        2 => Just(None),
        3 => Just(Some(0.0)),
        3 => Just(Some(3.0)),
        2 => Just(Some(9.0)),
        1 => Just(Some(25.0)),
    ];
    let severity = prop::sample::select(vec![Severity::Yellow, Severity::Orange, Severity::Red]);
    let alert = prop::option::weighted(0.15, (severity, 1i64..10, any::<bool>(), 1u8..8));
    (prop::array::uniform3(rain), alert).prop_map(|(rain, alert)| Piece { rain, alert })
}

fn gauges(minute: i64, rain: [Option<f64>; 3]) -> Event {
    let told = PLACES.iter().zip(rain).filter_map(|(name, value)| Some((name, value?)));
    let readings = told.map(|(name, value)| Reading {
        governorate: place(name),
        metric: Metric::Precipitation,
        station: None,
        basis: Basis::Observed,
        value,
        at: at(minute),
        covers: TimeDelta::minutes(STEP),
    });
    heard("open-meteo", Batch { readings: readings.collect(), ..Batch::default() })
}

fn heard(feed: &str, batch: Batch) -> Event {
    let heard = Heard::Batch { batch, validators: None, entries: Vec::new() };
    Event::Asked { feed: FeedId::new(feed).unwrap(), heard, skew: None }
}

/// An alert, or the end of all alerts before it.
fn authority(minute: i64, (severity, life, is_end, places): (Severity, i64, bool, u8)) -> Event {
    let identity = |minute: i64| Identity { sender: "ncm".into(), identifier: format!("a{minute}"), sent: at(minute) };
    let earlier = (0..minute).step_by(usize::try_from(STEP).unwrap()).map(identity).collect();
    let chosen = PLACES.iter().enumerate().filter(|(number, _)| places >> number & 1 == 1);
    let words =
        |language: &str| Words { language: language.into(), event: "أمطار غزيرة".into(), ..Words::default() };
    let alert = Alert {
        identity: identity(minute),
        line: None,
        part: 0,
        fingerprint: 0,
        read_at: None,
        status: Status::Actual,
        scope: Scope::Public,
        msg_type: if is_end { MsgType::Cancel } else { MsgType::Alert },
        references: if is_end { earlier } else { Vec::new() },
        hazard: Hazard::Rain,
        severity,
        certainty: Certainty::Likely,
        onset: at(minute),
        expires: at(minute + life * 60),
        words: vec![words("ar"), words("en")],
        areas: chosen.map(|(_, name)| place(name)).collect(),
        unplaced: Vec::new(),
        all_clear: false,
        defects: Vec::new(),
    };
    heard("ncm-cap-ar", Batch { alerts: vec![alert], ..Batch::default() })
}

/// Hands out all that is due to a channel, in the order in which it would be sent.
async fn sent(store: &SqliteStore, channel: &str, now: Timestamp, received: &mut Vec<BulletinId>) {
    let channel = ChannelId::new(channel).unwrap();
    loop {
        let claimed = store.claim(channel.clone(), 8, now, LEASE).await.unwrap();
        if claimed.is_empty() {
            return;
        }
        received.extend(claimed.iter().map(|claimed| claimed.bulletin.clone()));
        let settled = claimed.iter().map(|claimed| Settlement {
            id: claimed.id,
            token: claimed.token,
            outcome: Outcome::Delivered { receipt: String::new() },
            at: now,
        });
        store.settle(settled.collect()).await.unwrap();
    }
}

/// Lives through the pieces; each channel is up at the turns that are chosen for it, and at the end.
async fn live(config: &Config, pieces: &[Piece], is_up: impl Fn(&str, usize) -> bool) -> Result<(), TestCaseError> {
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    let listeners = config.channels.iter().map(|channel| channel.listener.clone()).collect();
    let mind = Mind { book: Arc::clone(&config.rules), listeners, speaker: config.speaker.clone() };
    let shared: Arc<SqliteStore> = Arc::clone(&store);
    let mut brain = Brain::awake(shared, Arc::new(mind), Bells::default(), Sights::default(), at(0)).await.unwrap();
    let mut received: BTreeMap<&str, Vec<BulletinId>> = BTreeMap::new();
    let mut now = at(0);
    for (turn, piece) in pieces.iter().enumerate() {
        let minute = i64::try_from(turn).unwrap() * STEP;
        now = at(minute + 2);
        brain.turn(&gauges(minute, piece.rain), at(minute)).await.unwrap();
        if let Some(alert) = piece.alert {
            brain.turn(&authority(minute, alert), at(minute)).await.unwrap();
        }
        brain.turn(&Event::Tick, now).await.unwrap();
        for channel in listens().into_keys().filter(|channel| is_up(channel, turn)) {
            sent(&store, channel, now, received.entry(channel).or_default()).await;
        }
    }
    let said = store.bulletins(None).await.unwrap();
    let said: BTreeMap<&BulletinId, &Bulletin> = said.iter().map(|bulletin| (&bulletin.id, bulletin)).collect();
    for (channel, places) in listens() {
        let received = received.entry(channel).or_default();
        sent(&store, channel, now, received).await;
        let received: Vec<&Bulletin> = received.iter().map(|id| said[id]).collect();
        let ids: BTreeSet<&BulletinId> = received.iter().map(|bulletin| &bulletin.id).collect();
        prop_assert_eq!(ids.len(), received.len(), "nothing is sent twice");
        for name in places {
            let truth = Truth { said: said.clone(), kept: brain.state().warnings().collect(), now };
            truth.hold(channel, &place(name), &received).map_err(TestCaseError::fail)?;
        }
    }
    Ok(())
}

fn tell(pieces: &[Piece], is_up: impl Fn(&str, usize) -> bool) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(live(&configuration(), pieces, is_up))
}

/// What each channel hears of a story without an authority: rain in Makkah, Jeddah and Taif at each turn. Yellow from 2 mm, orange
/// from 8 mm; all channels are up all the time.
fn heard_of(story: &[[f64; 3]]) -> BTreeMap<&'static str, Vec<String>> {
    let rule = "[rain]\nhazard = \"rain\"\nmetric = \"precipitation\"\nwindow = { max = \"10min\" }\nease_after = \"0s\"\n\
                at_least = { yellow = \"2 mm\", orange = \"8 mm\", red = \"20 mm\" }\nsource = \"a story\"\n";
    let channels = listens().into_iter().map(|(name, places)| {
        format!("[{name}]\nkind = \"console\"\naudience = \"public\"\nform = \"json\"\ngovernorates = {places:?}\n\n")
    });
    let files = [("channels.toml".to_owned(), channels.collect()), ("rules/rain.toml".to_owned(), rule.to_owned())];
    let config = config::from_files(BTreeMap::from(files)).unwrap().0;
    let run = async {
        let store = Arc::new(SqliteStore::in_memory().unwrap());
        let listeners = config.channels.iter().map(|channel| channel.listener.clone()).collect();
        let mind = Mind { book: Arc::clone(&config.rules), listeners, speaker: config.speaker.clone() };
        let shared: Arc<SqliteStore> = Arc::clone(&store);
        let mut brain = Brain::awake(shared, Arc::new(mind), Bells::default(), Sights::default(), at(0)).await.unwrap();
        let mut received: BTreeMap<&str, Vec<BulletinId>> = BTreeMap::new();
        for (turn, rain) in story.iter().enumerate() {
            let minute = i64::try_from(turn).unwrap() * STEP;
            brain.turn(&gauges(minute, rain.map(Some)), at(minute)).await.unwrap();
            brain.turn(&Event::Tick, at(minute + 2)).await.unwrap();
            for channel in listens().into_keys() {
                sent(&store, channel, at(minute + 2), received.entry(channel).or_default()).await;
            }
        }
        let said = store.bulletins(None).await.unwrap();
        let line = |id: &BulletinId| {
            let told = said.iter().find(|one| one.id == *id).unwrap();
            let short = |id: &BulletinId| id.as_str().rsplit('-').next().unwrap().trim_start_matches('0').to_owned();
            let names =
                |places: &[GovernorateId]| places.iter().map(GovernorateId::as_str).collect::<Vec<_>>().join(" ");
            let mut line = format!("{} {} {} {}", short(id), told.change.name(), told.severity, names(&told.areas));
            if !told.replaces.is_empty() {
                let replaced: Vec<String> = told.replaces.iter().map(short).collect();
                line.push_str(&format!(" for {}", replaced.join(" ")));
            }
            if !told.parted.is_empty() {
                line.push_str(&format!(", without {}", names(&told.parted)));
            }
            line
        };
        received.into_iter().map(|(channel, ids)| (channel, ids.iter().map(line).collect())).collect()
    };
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(run)
}

#[test]
fn who_hears_of_a_place_that_parts_hears_that_the_others_stay_and_nobody_else_does() {
    let heard = heard_of(&[[3.0, 3.0, 3.0], [3.0, 3.0, 9.0]]);
    let began = "1.1 issued yellow makkah jeddah taif";
    let stays = "1.2 updated yellow makkah jeddah for 1.1, without taif";
    assert_eq!(heard["makkah"], [began], "nothing is new there, and no other place is listened for");
    assert_eq!(heard["taif"], [began, "2.1 raised orange taif for 1.1"]);
    assert_eq!(heard["two"], [began, "2.1 raised orange taif for 1.1", stays]);
}

/// Why an edition that says nothing new of a place is told to all who listen for another one too: a later word of that may take the
/// older edition with it, since it names all that it could still find unsent. Here Jeddah would be without a word in the end.
#[test]
fn a_later_word_of_other_places_takes_only_what_has_been_said_anew_of_those_that_stay() {
    let heard = heard_of(&[[3.0, 3.0, 0.0], [9.0, 3.0, 0.0], [3.0, 3.0, 9.0], [3.0, 3.0, 3.0], [9.0, 3.0, 9.0]]);
    let two = &heard["two"];
    let (began, stays) = ("1.1 issued yellow makkah jeddah", "1.2 updated yellow jeddah for 1.1, without makkah");
    assert_eq!(two[..2], [began, stays], "nothing is new in Jeddah or Taif");
    let last = two.last().unwrap();
    assert!(last.contains(" raised orange makkah taif for ") && last.contains(" 1.1 "), "{two:?}");
    assert!(!two[2..].iter().any(|one| one.contains("jeddah")), "Jeddah stands by {stays} alone: {two:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_channel_is_sent_ends_in_the_truth_whenever_it_is_up(
        pieces in prop::collection::vec(any_piece(), 1..30),
        up in prop::collection::vec(any::<bool>(), 7 * 5),
    ) {
        tell(&pieces, |_, _| true)?;
        tell(&pieces, |_, _| false)?;
        tell(&pieces, |channel, turn| up[(turn * 5 + channel.len()) % up.len()])?;
    }
}
