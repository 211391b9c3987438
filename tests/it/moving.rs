//! From the file of one nadhir into the database of several: all of it, once, and the file is left for good.

use std::collections::BTreeMap;

use nadhir::outbox::Standing;
use nadhir::outbox::share::{End, Hand, Landed};
use nadhir::route::Audience;
use nadhir::route::manner::Hold;
use nadhir::store::postgres::{Address, copy};
use nadhir::store::sqlite::{SqliteStore, verify_journal};
use nadhir::store::{
    Archive as _, Commit, Entry, Fact, Fanout as _, Ledger as _, Outbox as _, Roster as _, Store, StoreError,
};
use nadhir::subscriber::{Edit, NewSubscriber, State, Wishes};

use super::outside::Manner;
use super::postgres::{Elephant, open};
use super::process::{Process, nadhir, run, text, wait_for};
use super::service::Scene;
use super::stores::{LEASE, again, at, channel, delivered, said};

/// Letters that a careless copy would change, in both languages.
const AWKWARD: &str = "سيول\tin \\N \"Jeddah\"\r\n\u{b}\u{c}\u{8}\\t\\x00 'وادي' \u{7f}\u{1}";

/// Everything that people can ask of a store.
async fn all_of(store: &dyn Store) -> String {
    let (saved, journal, bulletins) = (store.load().await, store.journal(99).await, store.bulletins(None).await);
    let (deliveries, kept) = (store.deliveries().await, store.kept().await);
    let subscribers = store.subscribers(None, 0, 99).await;
    let head = store.head().await;
    format!("{saved:#?}{journal:#?}{bulletins:#?}{deliveries:#?}{kept:#?}{subscribers:#?}{head:?}")
}

fn subscriber(name: &str) -> NewSubscriber {
    let url = format!("https://{name}.example/");
    NewSubscriber { name: name.to_owned(), url, wishes: Wishes::default(), pace: None, state: State::Active }
}

#[tokio::test]
async fn all_that_is_in_a_file_goes_on_in_a_database_and_the_file_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nadhir.db");
    let store = SqliteStore::open(&path).unwrap();
    let lease = store.lead(at(0)).await.unwrap();
    store.readdress(lease, vec![(channel("desk"), Audience::Staff)], at(0)).await.unwrap();
    let ids = store.subscribe(channel("open"), ["a", "b", "gone"].map(subscriber).to_vec(), at(-9)).await.unwrap();
    store.edit_subscriber(ids[2], Edit::Remove).await.unwrap();
    let mut first = said(0, "MKH-2025-000001", 1, &["desk", "open", "held"]);
    first.messages[0].body.push_str(AWKWARD);
    first.deliveries[2].terms.hold = Hold::Person;
    first.facts = vec![Fact { room: "latch", key: "é".to_owned(), value: Some(format!("{AWKWARD:?}")) }];
    let entry =
        |subject: &str| Entry { at: at(1), kind: "bulletin".into(), subject: subject.into(), text: AWKWARD.into() };
    first.journal = vec![entry("MKH-2025-000001.1"), entry("other")];
    store.commit(lease, first).await.unwrap();
    store.commit(lease, said(1, "MKH-2025-000002", 1, &["desk", "late"])).await.unwrap();
    let desk = store.claim(channel("desk"), 1, at(2), LEASE).await.unwrap();
    store.settle(vec![delivered(&desk[0])]).await.unwrap();
    let late = store.claim(channel("late"), 1, at(2), LEASE).await.unwrap();
    store.settle(vec![again(&late[0], 40)]).await.unwrap();
    let many = store.claim(channel("open"), 1, at(2), LEASE).await.unwrap();
    let hand = Hand::of(&many[0]);
    let told = Landed { hand, subscriber: ids[0], tried_before: 0, at: at(2), end: End::Told };
    let end = End::Again { tries: 1, due: at(50), why: AWKWARD.to_owned(), may_have: true };
    let owed = Landed { hand, subscriber: ids[1], tried_before: 0, at: at(2), end };
    store.settle_shares(vec![told, owed]).await.unwrap();
    let before = all_of(&store).await;

    let elephant = Elephant::shared();
    let url = elephant.url(&elephant.database());
    let server = || Address::read(&url).unwrap().with(None, None);
    let mut seen = BTreeMap::new();
    let moved = copy(&path, server(), at(3), |progress| {
        seen.insert(progress.table, progress.of);
    })
    .await
    .unwrap();
    let rows = |table: &str| moved.iter().find(|one| one.table == table).unwrap().rows;
    assert_eq!((rows("deliveries"), rows("messages"), rows("subscribers"), rows("debts")), (5, 2, 2, 1));
    assert!(moved.iter().all(|one| seen[one.table] == one.rows && one.sha256.len() == 64), "{moved:?} {seen:?}");
    let refused = copy(&path, server(), at(3), |_| ()).await.unwrap_err().to_string();
    assert!(refused.contains("something in it already"), "{refused}");

    let new = open(&url).await;
    assert_eq!(all_of(&new).await, before);
    let verdict = new.verify_journal(None).await.unwrap();
    assert_eq!(verdict, verify_journal(&path, None).unwrap());
    assert!(verdict.faults.is_empty() && verdict.bulletins == 1 && verdict.lines == 2, "{verdict:?}");

    // Whoever still runs on the file decides nothing and hands nothing out, and it is not opened again.
    let fenced = store.commit(lease, Commit { version: 2, ..Commit::default() }).await;
    assert!(matches!(fenced, Err(StoreError::Fenced { .. })), "{fenced:?}");
    let out = store.claim(channel("desk"), 9, at(99), LEASE).await;
    assert!(matches!(out, Err(StoreError::Refused { .. })), "{out:?}");
    drop(store);
    let closed = SqliteStore::open(&path).err().unwrap().to_string();
    assert!(closed.contains("nadhir store copy"), "{closed}");

    // It goes on where it was.
    let lease = new.lead(at(9)).await.unwrap();
    let desk = new.claim(channel("desk"), 9, at(9), LEASE).await.unwrap();
    assert_eq!(desk.iter().map(|one| one.bulletin.as_str()).collect::<Vec<_>>(), ["MKH-2025-000002.1"]);
    let many = new.claim(channel("open"), 1, at(9), LEASE).await.unwrap();
    assert!(many[0].body.ends_with(AWKWARD) && many[0].attempt == 2, "{many:?}");
    let share = new.share(Hand::of(&many[0]), None, at(0), false).await.unwrap();
    let left: Vec<_> = share.owing.iter().map(|one| (one.subscriber, one.tries, one.due)).collect();
    assert_eq!(left, [(ids[1], 1, Some(at(50)))], "who has it is not told again");
    let next = new.subscribe(channel("open"), vec![subscriber("c")], at(9)).await.unwrap();
    assert!(ids[2] < next[0], "the number of one who is gone, and with it the secret, is nobody else's");
    new.commit(lease, said(2, "MKH-2025-000003", 1, &["desk", "new"])).await.unwrap();
    assert_eq!(new.deliveries().await.unwrap().len(), 7);
}

#[test]
fn a_service_is_moved_while_it_runs_and_tells_nothing_twice() {
    let scene = Scene::open();
    scene.write("channels.toml", &scene.desk());
    scene.outside.set("rain", Manner::Rain(3.0));
    let service = Process::start(&mut scene.command());
    wait_for("the first warnings", || (!scene.outside.arrivals().is_empty()).then_some(()));
    let elephant = Elephant::shared();
    let database = elephant.database();
    let copying =
        || run(&mut nadhir(["store", "copy", "--config", text(&scene.config()), "--state", text(&scene.state)]));
    let without = copying();
    assert!(without.code == Some(78) && without.stderr.contains("names no database"), "{without:?}");
    let settings = std::fs::read_to_string(scene.config().join("nadhir.toml")).unwrap();
    let url = elephant.url(&database);
    scene.write("nadhir.toml", &settings.replace("[store]\n", &format!("[store]\nurl = {url:?}\n")));
    let moved = copying();
    assert_eq!((moved.code, moved.stderr.as_str()), (Some(0), ""), "{moved:?}");
    assert!(moved.stdout.contains("read back the same") && moved.stdout.contains("ends now"), "{}", moved.stdout);
    assert_eq!(copying().code, Some(2), "nothing is moved twice");
    let end = service.end();
    assert!(end.code == Some(69) && end.stderr.contains("another nadhir has taken over"), "{end:?}");
    // On the file alone nobody starts again.
    scene.write("nadhir.toml", &settings);
    let on_file = run(&mut scene.command());
    assert!(on_file.code == Some(69) && on_file.stderr.contains("nadhir store copy"), "{on_file:?}");
    scene.write("nadhir.toml", &settings.replace("[store]\n", &format!("[store]\nurl = {url:?}\n")));
    scene.outside.set("rain", Manner::Rain(30.0));
    let before = scene.outside.arrivals().len();
    let mut service = Process::start(&mut scene.command());
    service.says(0, "This node leads");
    wait_for("the next warnings", || (before < scene.outside.arrivals().len()).then_some(()));
    let rows = {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        wait_for("all to be settled", || {
            let rows = runtime.block_on(async { open(&url).await.deliveries().await.unwrap() });
            rows.iter().all(|row| row.standing == Standing::Delivered).then_some(rows)
        })
    };
    let mut ids: Vec<String> = scene.outside.arrivals().into_iter().map(|arrival| arrival.id).collect();
    assert_eq!(ids.len(), rows.len());
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), rows.len(), "each message came once");
    let verified =
        run(&mut nadhir(["journal", "verify", "--config", text(&scene.config()), "--state", text(&scene.state)]));
    assert!(verified.code == Some(0) && verified.stdout.contains("The journal is whole"), "{verified:?}");
    let status =
        run(&mut nadhir(["status", "--json", "--config", text(&scene.config()), "--state", text(&scene.state)]));
    assert!(status.stdout.contains("MKH-2"), "{status:?}");
    let backup = run(&mut nadhir(["backup", "x.db", "--config", text(&scene.config()), "--state", text(&scene.state)]));
    assert!(backup.code == Some(2) && backup.stderr.contains("pg_dump"), "{backup:?}");
}
