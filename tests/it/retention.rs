//! What is forgotten in time and what never is, and that no line of the journal can be changed unnoticed.

use std::path::Path;

use nadhir::config::keeping::USUAL;
use nadhir::daemon::keeper;
use nadhir::outbox::Standing;
use nadhir::record::chain::Mark;
use nadhir::store::sqlite::{SqliteStore, backup, read_journal, verify_journal};
use nadhir::store::{Commit, Entry, Forgotten, Ledger, Retention, Store};
use nadhir::time::TimeDelta;
use rusqlite::Connection;
use serde_json::Value;

use super::process::{End, nadhir, run};
use super::stores::{LEASE, at, channel, delivered, on_every_store, said, standings};

const DAY: i64 = 86_400;

/// Says and delivers something at the moment zero.
async fn say(store: &dyn Store, version: u64, number: &str, to: &str) -> Commit {
    let mut commit = said(version, number, 1, &[to]);
    let text = format!("{number} was said");
    commit.journal = vec![Entry { at: at(0), kind: "bulletin".into(), subject: format!("{number}.1"), text }];
    let lease = store.lead(at(0)).await.unwrap();
    store.commit(lease, commit.clone()).await.unwrap();
    commit
}

async fn deliver(store: &dyn Store, to: &str) {
    let claimed = store.claim(channel(to), 8, at(1), LEASE).await.unwrap();
    assert!(!claimed.is_empty());
    store.settle(claimed.iter().map(delivered).collect()).await.unwrap();
}

#[tokio::test]
async fn each_thing_is_kept_for_its_time_and_not_forgotten_before() {
    on_every_store(|store| async move {
        let store = &*store;
        say(store, 0, "MKH-2025-000001", "desk").await;
        deliver(store, "desk").await;
        let held = async || {
            let bulletins = store.bulletins(None).await.unwrap().len();
            (store.journal(9).await.unwrap().len(), bulletins, store.deliveries().await.unwrap().len())
        };
        // The message could be sent until an hour after the moment zero.
        for (day, expected) in [(399, (1, 1, 1)), (401, (1, 1, 0)), (1_099, (1, 1, 0)), (1_101, (0, 0, 0))] {
            keeper::turn(store, USUAL, at(day * DAY)).await.unwrap();
            assert_eq!(held().await, expected, "after {day} days");
        }
        let again = keeper::turn(store, USUAL, at(9_999 * DAY)).await.unwrap();
        assert_eq!(again, Forgotten { is_all: true, ..Forgotten::default() });
    })
    .await;
}

#[tokio::test]
async fn what_is_owed_or_in_force_is_never_forgotten_and_what_nobody_can_be_sent_any_more_is() {
    on_every_store(|store| async move {
        let store = &*store;
        let mut commit = said(0, "MKH-2025-000001", 1, &["desk", "gone"]);
        let until = at(2_000 * DAY);
        commit.bulletins[0].until = until;
        commit.deliveries[0].expires = until;
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, commit).await.unwrap();
        keeper::turn(store, USUAL, at(1_999 * DAY)).await.unwrap();
        assert_eq!(standings(store, "desk").await, [Standing::Owed], "it is in time still");
        assert_eq!(standings(store, "gone").await, [], "it ran out long ago, and its channel never asked");
        assert_eq!(store.bulletins(None).await.unwrap().len(), 1, "it is in force still");
        let claimed = store.claim(channel("desk"), 1, at(1_999 * DAY), TimeDelta::days(9_000)).await.unwrap();
        assert_eq!(claimed[0].body.as_bytes(), said(0, "MKH-2025-000001", 1, &[]).messages[0].body.as_bytes());
        keeper::turn(store, USUAL, at(3_000 * DAY)).await.unwrap();
        assert_eq!(standings(store, "desk").await, [Standing::Owed], "it is on its way");
        assert_eq!(store.settle(vec![delivered(&claimed[0])]).await, Ok(1));
        keeper::turn(store, USUAL, at(4_200 * DAY)).await.unwrap();
        assert_eq!((store.deliveries().await.unwrap().len(), store.bulletins(None).await.unwrap().len()), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn years_are_forgotten_a_little_at_a_time() {
    on_every_store(|store| async move {
        let store = &*store;
        let lease = store.lead(at(0)).await.unwrap();
        for version in 0..4 {
            let number = format!("MKH-2025-{version:06}");
            let mut commit = said(version, &number, 1, &["a", "b", "c", "d"]);
            let line = |text: usize| Entry { at: at(0), kind: "k".into(), subject: "s".into(), text: text.to_string() };
            commit.journal = (0..4).map(line).collect();
            store.commit(lease, commit).await.unwrap();
        }
        let before = USUAL.before(at(9_999 * DAY));
        let mut turns = Vec::new();
        loop {
            let one = store.forget(before, 5).await.unwrap();
            turns.push(one.deliveries);
            if one.is_all {
                break;
            }
        }
        assert_eq!(turns, [5, 5, 5, 1]);
        assert_eq!((store.deliveries().await.unwrap().len(), store.bulletins(None).await.unwrap().len()), (0, 0));
        assert_eq!(store.head().await.unwrap().number, 16, "the chain goes on from where it was");
    })
    .await;
}

/// A store in a file with ten lines, the first of which tells of a bulletin.
async fn ten_lines(path: &Path) -> Mark {
    let store = SqliteStore::open(path).unwrap();
    say(&store, 0, "MKH-2025-000001", "desk").await;
    let lease = store.lead(at(0)).await.unwrap();
    for version in 1..10 {
        let second = i64::try_from(version).unwrap() * DAY;
        let entry = Entry { at: at(second), kind: "start".into(), subject: "nadhir".into(), text: version.to_string() };
        let commit = Commit { version, journal: vec![entry], ..Commit::default() };
        store.commit(lease, commit).await.unwrap();
    }
    store.head().await.unwrap()
}

#[tokio::test]
async fn whatever_another_hand_does_to_the_journal_or_a_bulletin_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("whole");
    let head = ten_lines(&path).await;
    let verdict = verify_journal(&path, Some(head)).unwrap();
    assert_eq!((verdict.lines, verdict.bulletins, verdict.head, verdict.faults), (10, 1, head, vec![]));
    let forgeries = [
        ("UPDATE journal SET text = 'nothing' WHERE id = 4", "line 4 (nadhir) does not go with its seal"),
        ("UPDATE journal SET at = at + 1 WHERE id = 10", "line 10"),
        ("DELETE FROM journal WHERE id = 4", "after line 3 comes line 5"),
        ("DELETE FROM journal WHERE 8 < id", "ends with line 8, and line 10 was written"),
        ("DELETE FROM journal", "ends with line 0, and line 10 was written"),
        ("UPDATE journal SET id = 11 WHERE id = 10", "after line 9 comes line 11"),
        ("UPDATE bulletins SET json = replace(json, 'red', 'yellow')", "bulletin MKH-2025-000001.1 is not what it was"),
        ("UPDATE journal SET of = NULL", "line 1 (MKH-2025-000001.1)"),
    ];
    for (number, (sql, expected)) in forgeries.into_iter().enumerate() {
        let copy = dir.path().join(number.to_string());
        backup(&path, &copy).unwrap();
        assert_eq!(Connection::open(&copy).unwrap().execute(sql, []).map(|rows| 0 < rows), Ok(true));
        let faults = verify_journal(&copy, None).unwrap().faults;
        assert!(faults.iter().any(|fault| fault.to_string().contains(expected)), "{sql}: {faults:?}");
        let copied = backup(&copy, &dir.path().join(format!("{number}-again"))).unwrap();
        assert_eq!(copied.faults.len(), faults.len(), "a copy tells of it");
    }
}

#[tokio::test]
async fn a_journal_that_forgot_its_beginning_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nadhir.sqlite3");
    ten_lines(&path).await;
    let store = SqliteStore::open(&path).unwrap();
    let before = USUAL.before(at(5 * DAY) + USUAL.journal);
    let forgotten = store.forget(before, 500).await.unwrap();
    assert_eq!(forgotten.journal, 5);
    let verdict = verify_journal(&path, None).unwrap();
    assert_eq!((verdict.lines, verdict.first, verdict.faults), (5, 6, vec![]));
    assert_eq!(read_journal(&path, 9).unwrap()[0].text, "5");
    let text = |faults: Vec<_>| -> String { faults.iter().map(ToString::to_string).collect() };
    let noted = verify_journal(&path, Some(Mark::START)).unwrap();
    assert!(text(noted.faults).contains("is kept from line 6 to line 10"));
}

#[tokio::test]
async fn the_room_of_what_was_forgotten_is_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nadhir.sqlite3");
    let store = SqliteStore::open(&path).unwrap();
    let lease = store.lead(at(0)).await.unwrap();
    let long = "x".repeat(4_000);
    for version in 0..200 {
        let entry = Entry { at: at(0), kind: "k".into(), subject: "s".into(), text: long.clone() };
        store.commit(lease, Commit { version, journal: vec![entry; 5], ..Commit::default() }).await.unwrap();
    }
    let pages = || {
        let db = Connection::open(&path).unwrap();
        db.query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let before = pages();
    keeper::turn(&store, USUAL, at(1_200 * DAY)).await.unwrap();
    let after = pages();
    assert!(1_000 < before && after < before / 2, "{before} pages became {after}");
}

#[tokio::test]
async fn the_program_says_whether_the_journal_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nadhir.sqlite3");
    let head = ten_lines(&path).await;
    let state = dir.path().to_str().unwrap();
    let verify = |more: &[&str]| {
        let End { code, stdout, stderr } = run(nadhir(["journal", "verify", "--state", state]).args(more));
        (code.unwrap(), stdout, stderr)
    };
    let (code, out, _) = verify(&[]);
    assert_eq!(code, 0, "{out}");
    assert!(
        out.contains("10 lines from number 1 on, 1 bulletins as they were said") && out.contains(&head.to_string())
    );
    let other = format!("3:{}", head.seal);
    let (code, out, _) = verify(&["--noted", &other]);
    assert!(code == 1 && out.contains("line 3 had another seal when it was noted"), "{out}");
    Connection::open(&path).unwrap().execute("UPDATE journal SET text = 'calm' WHERE id = 4", []).unwrap();
    let (code, out, _) = verify(&["--json"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &told["whole"], &told["lines"]), (1, &Value::Bool(false), &Value::from(10)));
    assert!(told["faults"][0].as_str().unwrap().contains("line 4"), "{told}");
    let (code, _, err) = verify(&["--noted", "4"]);
    assert!(code == 2 && err.contains("is no mark of the journal"), "{err}");
}
