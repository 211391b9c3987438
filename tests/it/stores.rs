//! What every store promises, told once and held against each kind of store.

use std::future::Future;

use futures_util::future::join_all;
use nadhir::alert::Status;
use nadhir::bulletin::{Bulletin, ByHand, Change, Origin, Reach};
use nadhir::hazard::{Hazard, Severity};
use nadhir::ids::{BulletinId, ChannelId, GovernorateId};
use nadhir::language::Language;
use nadhir::message::{Form, Message, MessageKey};
use nadhir::outbox::{Claimed, MAX_CLAIM, NewDelivery, Outcome, Settlement, Standing, Terms};
use nadhir::store::sqlite::SqliteStore;
use nadhir::store::{Archive, Commit, DeliveryRow, Entry, Fact, Lease, Ledger, Store, StoreError};
use nadhir::time::{TimeDelta, Timestamp};

use super::postgres;

pub(super) const LEASE: TimeDelta = TimeDelta::seconds(90);

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(1_765_238_400 + second, 0).unwrap()
}

pub(super) fn channel(name: &str) -> ChannelId {
    ChannelId::new(name).unwrap()
}

fn bulletin(number: &str, edition: u32) -> Bulletin {
    Bulletin {
        id: BulletinId::new(number, edition),
        number: number.to_owned(),
        edition,
        replaces: Vec::new(),
        change: Change::Issued,
        status: Status::Actual,
        hazard: Hazard::Rain,
        severity: Severity::Red,
        was: None,
        reach: Reach::new(Hazard::Rain, Severity::Red),
        areas: vec![GovernorateId::new("jeddah").unwrap()],
        left: Vec::new(),
        doubtful: Vec::new(),
        parted: Vec::new(),
        same_since: None,
        issued: at(0),
        onset: at(0),
        until: at(3600),
        stale_after: at(3600),
        silent_since: None,
        by_hand: ByHand::default(),
        only_in: Vec::new(),
        origin: Origin::Automatic { evidence: Vec::new() },
    }
}

fn message(number: &str, edition: u32) -> Message {
    let bulletin = BulletinId::new(number, edition);
    let key = MessageKey::new(&bulletin, Form::Text, &Language::ALL);
    let body = format!("تحذير {bulletin}: أمطار غزيرة على محافظة جدة");
    Message { key, bulletin, content_type: "text/plain; charset=utf-8", body }
}

fn delivery(to: &str, number: &str, edition: u32) -> NewDelivery {
    let Message { key, bulletin, .. } = message(number, edition);
    NewDelivery {
        channel: channel(to),
        message: key,
        bulletin,
        number: number.to_owned(),
        edition,
        urgency: 5,
        due: at(0),
        expires: at(3600),
        terms: Terms::default(),
        picture: None,
    }
}

/// A bulletin, its message and its deliveries, as one step commits them.
pub(super) fn said(version: u64, number: &str, edition: u32, to: &[&str]) -> Commit {
    Commit {
        version,
        bulletins: vec![bulletin(number, edition)],
        messages: vec![message(number, edition)],
        deliveries: to.iter().map(|to| delivery(to, number, edition)).collect(),
        ..Commit::default()
    }
}

pub(super) fn delivered(claimed: &Claimed) -> Settlement {
    let outcome = Outcome::Delivered { receipt: "200 OK".to_owned() };
    Settlement { id: claimed.id, token: claimed.token, outcome, at: at(2) }
}

pub(super) async fn rows(store: &dyn Store, to: &str) -> Vec<DeliveryRow> {
    store.deliveries().await.unwrap().into_iter().filter(|row| row.channel == to).collect()
}

pub(super) async fn standings(store: &dyn Store, to: &str) -> Vec<Standing> {
    rows(store, to).await.iter().map(|row| row.standing).collect()
}

/// Tells one story to every kind of store.
pub(super) async fn on_every_store<F: Future<Output = ()>>(story: impl Fn(Box<dyn Store>) -> F) {
    story(Box::new(SqliteStore::in_memory().unwrap())).await;
    let dir = tempfile::tempdir().unwrap();
    story(Box::new(SqliteStore::open(dir.path().join("nadhir.db")).unwrap())).await;
    story(Box::new(postgres::store().await)).await;
}

#[tokio::test]
async fn a_step_is_kept_whole_and_read_back_as_it_was() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        let mut step = said(0, "MKH-2025-000001", 1, &["desk"]);
        let entry = Entry { at: at(1), kind: "bulletin".into(), subject: "MKH".into(), text: "Issued".into() };
        step.journal = vec![entry.clone()];
        step.facts = ["a", "b"]
            .map(|key| Fact { room: "latch", key: key.into(), value: Some(format!("{{\"of\":\"{key}\"}}")) })
            .to_vec();
        store.commit(lease, step).await.unwrap();
        let gone = Fact { room: "latch", key: "a".into(), value: None };
        store.commit(lease, Commit { version: 1, facts: vec![gone], ..Commit::default() }).await.unwrap();
        let saved = store.load().await.unwrap();
        assert_eq!((saved.version, saved.facts), (2, vec![("latch".into(), "b".into(), "{\"of\":\"b\"}".into())]));
        assert_eq!(store.journal(10).await.unwrap(), [entry]);
        assert_eq!(store.bulletins(None).await.unwrap(), [bulletin("MKH-2025-000001", 1)]);
        assert_eq!(store.bulletins(Some("MKH-2025-000009".into())).await.unwrap(), []);
        let claimed = store.claim(channel("desk"), 8, at(1), LEASE).await.unwrap();
        let message = message("MKH-2025-000001", 1);
        assert_eq!((&*claimed[0].body, &claimed[0].message), (&*message.body, &message.key));
        assert_eq!((claimed[0].content_type.as_str(), claimed[0].expires), (message.content_type, at(3600)));
    })
    .await;
}

#[tokio::test]
async fn a_leader_that_was_overtaken_decides_nothing() {
    on_every_store(|store| async move {
        let old = store.lead(at(0)).await.unwrap();
        let new = store.lead(at(1)).await.unwrap();
        assert!(old.epoch < new.epoch);
        let fenced = store.commit(old, said(0, "MKH-2025-000001", 1, &["desk"])).await;
        assert_eq!(fenced, Err(StoreError::Fenced { epoch: new.epoch }));
        assert_eq!(store.deliveries().await.unwrap(), []);
        store.commit(new, said(0, "MKH-2025-000001", 1, &["desk"])).await.unwrap();
        let moved = store.commit(new, said(0, "MKH-2025-000002", 1, &["desk"])).await;
        assert_eq!(moved, Err(StoreError::Moved { expected: 0, found: 1 }));
        assert_eq!(store.load().await.unwrap().version, 1);
    })
    .await;
}

#[tokio::test]
async fn the_same_delivery_is_owed_once_however_often_it_is_said() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, said(0, "MKH-2025-000001", 1, &["desk", "siren"])).await.unwrap();
        let claimed = store.claim(channel("desk"), 8, at(1), LEASE).await.unwrap();
        assert_eq!(store.settle(claimed.iter().map(delivered).collect()).await, Ok(1));
        store.commit(lease, said(1, "MKH-2025-000001", 1, &["desk", "siren"])).await.unwrap();
        assert_eq!(standings(&*store, "desk").await, [Standing::Delivered]);
        assert_eq!(standings(&*store, "siren").await, [Standing::Owed]);
        assert_eq!(store.claim(channel("desk"), 8, at(1), LEASE).await, Ok(Vec::new()));
    })
    .await;
}

#[tokio::test]
async fn what_was_said_never_says_anything_else() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, said(0, "MKH-2025-000001", 1, &["desk"])).await.unwrap();
        let mut other_text = said(1, "MKH-2025-000001", 1, &["siren"]);
        other_text.messages[0].body.push('!');
        let mut other_sense = said(1, "MKH-2025-000001", 1, &["siren"]);
        other_sense.bulletins[0].severity = Severity::Yellow;
        let mut no_message = said(1, "MKH-2025-000002", 1, &["siren"]);
        no_message.messages.clear();
        for contradiction in [other_text, other_sense, no_message] {
            let refused = store.commit(lease, contradiction).await;
            assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
        }
        assert_eq!(store.load().await.unwrap().version, 1);
        assert_eq!(standings(&*store, "siren").await, []);
        assert_eq!(store.bulletins(None).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_newer_edition_takes_the_place_of_what_was_never_tried() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, said(0, "MKH-2025-000001", 1, &["tried", "slow"])).await.unwrap();
        store.commit(lease, said(1, "MKH-2025-000002", 1, &["slow"])).await.unwrap();
        let tried = store.claim(channel("tried"), 8, at(1), LEASE).await.unwrap();
        assert_eq!(store.settle(vec![again(&tried[0], 9)]).await, Ok(1));
        store.commit(lease, said(2, "MKH-2025-000001", 2, &["tried", "slow", "other"])).await.unwrap();
        assert_eq!(standings(&*store, "tried").await, [Standing::Owed, Standing::Owed]);
        let slow = rows(&*store, "slow").await;
        let found: Vec<Standing> = slow.iter().map(|row| row.standing).collect();
        assert_eq!(found, [Standing::Superseded, Standing::Owed, Standing::Owed]);
        assert!(slow[0].note.as_deref().unwrap().contains("MKH-2025-000001.2"));
        assert!(slow[0].settled_at.is_some());
        let claimed = store.claim(channel("slow"), 8, at(3), LEASE).await.unwrap();
        let ids: Vec<&str> = claimed.iter().map(|claimed| claimed.bulletin.as_str()).collect();
        assert_eq!(ids, ["MKH-2025-000002.1", "MKH-2025-000001.2"]);
    })
    .await;
}

#[tokio::test]
async fn a_delivery_in_the_hands_of_a_courier_is_not_superseded() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, said(0, "MKH-2025-000001", 1, &["desk"])).await.unwrap();
        let held = store.claim(channel("desk"), 8, at(1), LEASE).await.unwrap();
        store.commit(lease, said(1, "MKH-2025-000001", 2, &["desk"])).await.unwrap();
        assert_eq!(store.settle(held.iter().map(delivered).collect()).await, Ok(1));
        assert_eq!(standings(&*store, "desk").await, [Standing::Delivered, Standing::Owed]);
    })
    .await;
}

/// A try that did not arrive and is made again at a second.
pub(super) fn again(claimed: &Claimed, due: i64) -> Settlement {
    let outcome = Outcome::Again { due: at(due), why: "503 Service Unavailable".to_owned() };
    Settlement { id: claimed.id, token: claimed.token, outcome, at: at(2) }
}

#[tokio::test]
async fn an_older_word_never_goes_out_beside_or_after_a_newer_one() {
    on_every_store(|store| async move {
        let claim = |second| store.claim(channel("desk"), 8, at(second), LEASE);
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, said(0, "MKH-2025-000001", 1, &["desk"])).await.unwrap();
        let first = claim(1).await.unwrap();
        assert_eq!(store.settle(vec![again(&first[0], 9)]).await, Ok(1));
        let mut second = said(1, "MKH-2025-000001", 2, &["desk"]);
        second.deliveries[0].due = at(20);
        store.commit(lease, second).await.unwrap();
        assert_eq!(claim(10).await, Ok(Vec::new()), "the newer one goes first, even when it may not go yet");
        assert_eq!(store.next_due(channel("desk")).await, Ok(Some(at(20))));
        let newer = claim(20).await.unwrap();
        assert_eq!((newer.len(), newer[0].bulletin.as_str()), (1, "MKH-2025-000001.2"));
        assert_eq!(store.settle(vec![delivered(&newer[0])]).await, Ok(1));
        assert_eq!(standings(&*store, "desk").await, [Standing::Superseded, Standing::Delivered]);
        assert!(rows(&*store, "desk").await[0].note.as_deref().unwrap().contains("newer edition arrived first"));
        assert_eq!(store.next_due(channel("desk")).await, Ok(None));
    })
    .await;
}

#[tokio::test]
async fn an_older_word_that_was_on_its_way_is_not_tried_again_after_a_newer_one_arrived() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, said(0, "MKH-2025-000001", 1, &["desk"])).await.unwrap();
        let older = store.claim(channel("desk"), 8, at(1), LEASE).await.unwrap();
        store.commit(lease, said(1, "MKH-2025-000001", 2, &["desk"])).await.unwrap();
        let newer = store.claim(channel("desk"), 8, at(1), LEASE).await.unwrap();
        assert_eq!(store.settle(vec![delivered(&newer[0]), again(&older[0], 5)]).await, Ok(2));
        assert_eq!(standings(&*store, "desk").await, [Standing::Superseded, Standing::Delivered]);
    })
    .await;
}

#[tokio::test]
async fn an_older_word_still_goes_out_when_the_newer_one_cannot() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, said(0, "MKH-2025-000001", 1, &["desk"])).await.unwrap();
        let older = store.claim(channel("desk"), 8, at(1), LEASE).await.unwrap();
        assert_eq!(store.settle(vec![again(&older[0], 5)]).await, Ok(1));
        store.commit(lease, said(1, "MKH-2025-000001", 2, &["desk"])).await.unwrap();
        let newer = store.claim(channel("desk"), 8, at(5), LEASE).await.unwrap();
        let outcome = Outcome::Dead { why: "too long for this channel".to_owned() };
        let dead = Settlement { id: newer[0].id, token: newer[0].token, outcome, at: at(6) };
        assert_eq!(store.settle(vec![dead]).await, Ok(1));
        let next = store.claim(channel("desk"), 8, at(6), LEASE).await.unwrap();
        assert_eq!(next[0].bulletin.as_str(), "MKH-2025-000001.1");
    })
    .await;
}

#[tokio::test]
async fn a_warning_whose_end_could_not_be_told_in_time_is_not_told_after_it() {
    on_every_store(|store| async move {
        let claim = |second| store.claim(channel("desk"), 8, at(second), LEASE);
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, said(0, "MKH-2025-000001", 1, &["desk"])).await.unwrap();
        let first = claim(1).await.unwrap();
        assert_eq!(store.settle(vec![again(&first[0], 9)]).await, Ok(1));
        let mut lifted = said(1, "MKH-2025-000001", 2, &["desk"]);
        lifted.deliveries[0].expires = at(60);
        store.commit(lease, lifted).await.unwrap();
        assert_eq!(claim(60).await, Ok(Vec::new()));
        assert_eq!(standings(&*store, "desk").await, [Standing::Owed, Standing::Expired]);
        assert_eq!(store.next_due(channel("desk")).await, Ok(Some(at(3600))), "only its end is left to it");
        assert_eq!(claim(3600).await, Ok(Vec::new()));
        assert_eq!(standings(&*store, "desk").await, [Standing::Expired, Standing::Expired]);
        assert_eq!(store.next_due(channel("desk")).await, Ok(None));
    })
    .await;
}

/// Puts deliveries of given urgency and due second into one channel, one number each.
async fn owe(store: &dyn Store, lease: Lease, of: &[(u8, i64)]) {
    let mut step = Commit::default();
    for (place, (urgency, due)) in of.iter().enumerate() {
        let number = format!("MKH-2025-{place:06}");
        let mut part = said(0, &number, 1, &["desk"]);
        part.deliveries[0].urgency = *urgency;
        part.deliveries[0].due = at(*due);
        step.bulletins.append(&mut part.bulletins);
        step.messages.append(&mut part.messages);
        step.deliveries.append(&mut part.deliveries);
    }
    store.commit(lease, step).await.unwrap();
}

#[tokio::test]
async fn the_most_urgent_goes_first_and_the_oldest_among_equals() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        owe(&*store, lease, &[(3, 0), (9, 5), (9, 2), (11, 50), (0, 0), (3, 1), (255, 6)]).await;
        assert_eq!(store.next_due(channel("desk")).await, Ok(Some(at(0))));
        let numbers = |claimed: Vec<Claimed>| -> Vec<char> {
            claimed.iter().map(|claimed| claimed.bulletin.as_str().chars().nth_back(2).unwrap()).collect()
        };
        let first = store.claim(channel("desk"), 4, at(10), LEASE).await.unwrap();
        assert_eq!(first.iter().map(|claimed| claimed.urgency).collect::<Vec<_>>(), [255, 9, 9, 3]);
        assert_eq!(numbers(first), ['6', '2', '1', '0']);
        let second = store.claim(channel("desk"), 4, at(10), LEASE).await.unwrap();
        assert_eq!(numbers(second), ['5', '4']);
        assert_eq!(store.next_due(channel("desk")).await, Ok(Some(at(50))));
        let third = store.claim(channel("desk"), 4, at(50), LEASE).await.unwrap();
        assert_eq!(numbers(third), ['3']);
        assert_eq!(store.next_due(channel("desk")).await, Ok(Some(at(100))), "the first lease to end");
        assert_eq!(store.next_due(channel("nobody")).await, Ok(None));
        assert_eq!(store.claim(channel("nobody"), 4, at(50), LEASE).await, Ok(Vec::new()));
    })
    .await;
}

#[tokio::test]
async fn a_claim_is_never_larger_than_its_limit() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        owe(&*store, lease, &vec![(5, 0); MAX_CLAIM + 10]).await;
        let claim = |limit| store.claim(channel("desk"), limit, at(1), LEASE);
        assert_eq!(claim(0).await.unwrap().len(), 0);
        assert_eq!(claim(usize::MAX).await.unwrap().len(), MAX_CLAIM);
        assert_eq!(claim(usize::MAX).await.unwrap().len(), 10);
    })
    .await;
}

#[tokio::test]
async fn a_lost_courier_is_replaced_and_its_late_word_counts_no_more() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, said(0, "MKH-2025-000001", 1, &["desk"])).await.unwrap();
        let lost = store.claim(channel("desk"), 8, at(1), LEASE).await.unwrap();
        assert_eq!(store.claim(channel("desk"), 8, at(90), LEASE).await, Ok(Vec::new()));
        let next = store.claim(channel("desk"), 8, at(91), LEASE).await.unwrap();
        assert_eq!((lost[0].attempt, next[0].attempt), (1, 2));
        assert_ne!(lost[0].token, next[0].token);
        assert_eq!(store.settle(vec![delivered(&lost[0])]).await, Ok(0));
        assert_eq!(standings(&*store, "desk").await, [Standing::Owed]);
        assert_eq!(store.settle(vec![delivered(&next[0])]).await, Ok(1));
        assert_eq!(store.settle(vec![delivered(&next[0])]).await, Ok(0), "what is settled stays settled");
        let row = &rows(&*store, "desk").await[0];
        assert_eq!((row.standing, row.attempts, row.settled_at), (Standing::Delivered, 2, Some(at(2))));
        assert_eq!(row.note.as_deref(), Some("200 OK"));
    })
    .await;
}

#[tokio::test]
async fn a_new_leader_ends_all_leases_at_once() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, said(0, "MKH-2025-000001", 1, &["desk", "siren"])).await.unwrap();
        for name in ["desk", "siren"] {
            assert_eq!(store.claim(channel(name), 8, at(1), LEASE).await.unwrap().len(), 1);
        }
        store.lead(at(2)).await.unwrap();
        for name in ["desk", "siren"] {
            assert_eq!(store.next_due(channel(name)).await, Ok(Some(at(0))));
            assert_eq!(store.claim(channel(name), 8, at(2), LEASE).await.unwrap()[0].attempt, 2);
        }
    })
    .await;
}

#[tokio::test]
async fn what_ran_out_of_time_is_marked_so_and_not_handed_out() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, said(0, "MKH-2025-000001", 1, &["never", "tried", "held"])).await.unwrap();
        let tried = store.claim(channel("tried"), 8, at(1), LEASE).await.unwrap();
        assert_eq!(store.settle(vec![again(&tried[0], 3000)]).await, Ok(1));
        assert_eq!(store.settle(vec![again(&tried[0], 3000)]).await, Ok(0));
        let held = store.claim(channel("held"), 8, at(3590), LEASE).await.unwrap();
        for name in ["never", "tried", "held"] {
            assert_eq!(store.claim(channel(name), 8, at(3600), LEASE).await, Ok(Vec::new()), "{name}");
        }
        let note = |rows: Vec<DeliveryRow>| rows[0].note.clone().unwrap();
        assert_eq!(standings(&*store, "never").await, [Standing::Expired]);
        assert_eq!(standings(&*store, "tried").await, [Standing::Expired]);
        assert!(note(rows(&*store, "tried").await).contains("503 Service Unavailable"));
        assert_eq!(standings(&*store, "held").await, [Standing::Owed], "a courier may be sending it this moment");
        assert_eq!(store.settle(vec![delivered(&held[0])]).await, Ok(1));
        let tally = store.tally().await.unwrap();
        let found: Vec<_> = tally.iter().map(|tally| (tally.channel.as_str(), tally.standing, tally.count)).collect();
        assert_eq!(
            found,
            [("held", Standing::Delivered, 1), ("never", Standing::Expired, 1), ("tried", Standing::Expired, 1)]
        );
    })
    .await;
}

#[tokio::test]
async fn every_outcome_is_recorded_as_it_was_told() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, said(0, "MKH-2025-000001", 1, &["dead", "expired", "again"])).await.unwrap();
        let long = "غ".repeat(2000);
        let outcomes = [
            ("dead", Outcome::Dead { why: long }, Standing::Dead),
            ("expired", Outcome::Expired, Standing::Expired),
            ("again", Outcome::Again { due: at(40), why: "429".to_owned() }, Standing::Owed),
        ];
        for (name, outcome, standing) in outcomes {
            let claimed = store.claim(channel(name), 1, at(1), LEASE).await.unwrap().remove(0);
            let settlement = Settlement { id: claimed.id, token: claimed.token, outcome, at: at(2) };
            assert_eq!(store.settle(vec![settlement]).await, Ok(1));
            assert_eq!(standings(&*store, name).await, [standing]);
        }
        assert_eq!(store.next_due(channel("again")).await, Ok(Some(at(40))));
        assert_eq!(store.claim(channel("again"), 1, at(39), LEASE).await, Ok(Vec::new()));
        assert_eq!(rows(&*store, "dead").await[0].note.as_deref().unwrap().chars().count(), 500);
    })
    .await;
}

#[tokio::test]
async fn a_hundred_who_ask_at_once_are_all_answered() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        let number = |place: u64| format!("MKH-2025-{place:06}");
        let commits = (0..100).map(|place| store.commit(lease, said(place, &number(place), 1, &["desk"])));
        assert_eq!(join_all(commits).await, vec![Ok(()); 100]);
        let claims = (0..100).map(|_| store.claim(channel("desk"), 1, at(1), LEASE));
        let claimed: Vec<Claimed> = join_all(claims).await.into_iter().flat_map(|claimed| claimed.unwrap()).collect();
        let once: std::collections::BTreeSet<i64> = claimed.iter().map(|claimed| claimed.id).collect();
        assert_eq!(once.len(), 100, "nothing is handed out twice");
        let settled = join_all(claimed.iter().map(|claimed| store.settle(vec![delivered(claimed)]))).await;
        assert_eq!(settled, vec![Ok(1); 100]);
    })
    .await;
}

#[tokio::test]
async fn two_who_open_one_file_are_fenced_from_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nadhir.db");
    let (first, second) = (SqliteStore::open(&path).unwrap(), SqliteStore::open(&path).unwrap());
    let old = first.lead(at(0)).await.unwrap();
    first.commit(old, said(0, "MKH-2025-000001", 1, &["desk"])).await.unwrap();
    let new = second.lead(at(1)).await.unwrap();
    let fenced = first.commit(old, said(1, "MKH-2025-000002", 1, &["desk"])).await;
    assert_eq!(fenced, Err(StoreError::Fenced { epoch: new.epoch }));
    second.commit(new, said(1, "MKH-2025-000002", 1, &["desk"])).await.unwrap();
    assert_eq!(first.load().await.unwrap(), second.load().await.unwrap());
}

#[tokio::test]
async fn what_was_answered_is_there_after_an_end_and_a_new_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nadhir.db");
    let store = SqliteStore::open(&path).unwrap();
    let lease = store.lead(at(0)).await.unwrap();
    let number = |place: u64| format!("MKH-2025-{place:06}");
    let commits = (0..100).map(|place| store.commit(lease, said(place, &number(place), 1, &["desk"])));
    assert_eq!(join_all(commits).await, vec![Ok(()); 100]);
    // The files as they lie while the store is still open are what a kill would leave.
    for end in ["", "-wal"] {
        std::fs::copy(dir.path().join(format!("nadhir.db{end}")), dir.path().join(format!("killed.db{end}"))).unwrap();
    }
    drop(store);
    assert!(!dir.path().join("nadhir.db-wal").exists(), "a clean end leaves no log behind");
    for name in ["nadhir.db", "killed.db"] {
        let store = SqliteStore::open(dir.path().join(name)).unwrap();
        assert_eq!(store.load().await.unwrap().version, 100, "{name}");
        assert_eq!(store.deliveries().await.unwrap().len(), 100, "{name}");
        assert!(lease.epoch < store.lead(at(9)).await.unwrap().epoch, "{name}");
    }
}

#[tokio::test]
async fn what_takes_the_place_of_another_warning_overtakes_it_where_both_are_owed() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, said(0, "MKH-2025-000001", 1, &["desk", "siren"])).await.unwrap();
        let mut official = said(1, "MKH-2025-000002", 1, &["desk"]);
        official.bulletins[0].replaces = vec![BulletinId::new("MKH-2025-000001", 1)];
        store.commit(lease, official).await.unwrap();
        assert_eq!(standings(&*store, "desk").await, [Standing::Superseded, Standing::Owed]);
        assert_eq!(standings(&*store, "siren").await, [Standing::Owed], "who does not hear the new one keeps the old");
    })
    .await;
}

#[tokio::test]
async fn a_part_that_splits_off_does_not_end_the_newer_word_of_the_warning_it_leaves() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, said(0, "MKH-2025-000001", 1, &["desk"])).await.unwrap();
        // One update: the first warning goes on, and a part of it is from now on a warning of its own.
        let mut update = said(1, "MKH-2025-000001", 2, &["desk"]);
        update.bulletins[0].replaces = vec![BulletinId::new("MKH-2025-000001", 1)];
        let mut part = said(1, "MKH-2025-000002", 1, &["desk"]);
        part.bulletins[0].replaces = vec![BulletinId::new("MKH-2025-000001", 1)];
        update.bulletins.extend(part.bulletins);
        update.messages.extend(part.messages);
        update.deliveries.extend(part.deliveries);
        store.commit(lease, update).await.unwrap();
        let standings = standings(&*store, "desk").await;
        assert_eq!(standings, [Standing::Superseded, Standing::Owed, Standing::Owed]);
    })
    .await;
}

#[tokio::test]
async fn what_is_on_its_way_is_not_tried_again_once_another_warning_has_taken_its_place() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, said(0, "MKH-2025-000001", 1, &["desk", "other"])).await.unwrap();
        let held = store.claim(channel("desk"), 8, at(1), LEASE).await.unwrap();
        let lost = store.claim(channel("other"), 8, at(1), LEASE).await.unwrap();
        let mut official = said(1, "MKH-2025-000002", 1, &["desk", "other"]);
        official.bulletins[0].replaces = vec![BulletinId::new("MKH-2025-000001", 1)];
        store.commit(lease, official).await.unwrap();
        assert_eq!(store.settle(vec![again(&held[0], 3)]).await.unwrap(), 1);
        for to in ["desk", "other"] {
            let next = store.claim(channel(to), 8, at(300), LEASE).await.unwrap();
            let named: Vec<&str> = next.iter().map(|one| one.bulletin.as_str()).collect();
            assert_eq!(named, ["MKH-2025-000002.1"], "{to}");
            store.settle(vec![delivered(&next[0])]).await.unwrap();
            assert_eq!(store.claim(channel(to), 8, at(600), LEASE).await.unwrap(), []);
            assert_eq!(standings(&*store, to).await, [Standing::Superseded, Standing::Delivered], "{to}");
        }
        assert_eq!(store.settle(vec![delivered(&lost[0])]).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_ran_ahead_and_is_set_right_holds_up_no_warning() {
    on_every_store(|store| async move {
        let ahead = 7200;
        let lease = store.lead(at(ahead)).await.unwrap();
        let mut step = said(0, "MKH-2025-000001", 1, &["desk", "tried", "held"]);
        step.bulletins[0].issued = at(ahead);
        for owed in &mut step.deliveries {
            (owed.due, owed.expires) = (at(ahead), at(2 * ahead));
        }
        store.commit(lease, step).await.unwrap();
        let tried = store.claim(channel("tried"), 8, at(ahead), LEASE).await.unwrap();
        store.settle(vec![again(&tried[0], ahead + 40)]).await.unwrap();
        assert_eq!(store.claim(channel("held"), 8, at(ahead), LEASE).await.unwrap().len(), 1);
        let claims = async |to, second| store.claim(channel(to), 8, at(second), LEASE).await.unwrap().len();
        assert_eq!((claims("desk", 0).await, claims("tried", 0).await, claims("held", 0).await), (1, 0, 0));
        assert_eq!((claims("tried", 39).await, claims("tried", 41).await), (0, 1), "a wait stays as long as it was");
        assert_eq!((claims("held", 89).await, claims("held", 91).await), (0, 1), "and so does a lease");
    })
    .await;
}
