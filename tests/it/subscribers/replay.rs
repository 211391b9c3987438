//! What was said once more, to one subscriber, by hand: under the same key and with the same bytes, never what is over as if it were so,
//! and never what was not meant for those who listen.

use nadhir::alert::Status;
use nadhir::bulletin::Change;
use nadhir::outbox::{LEASE, Outcome, Settlement, Standing};
use nadhir::route::Audience;
use nadhir::sink::signature::{TOLERANCE, verify};
use nadhir::store::sqlite::{SqliteStore, verify_journal};
use nadhir::store::{Archive as _, Ledger as _, Outbox as _, Roster as _};
use nadhir::subscriber::{Edit, NewSubscriber, State as Member, Wishes};
use nadhir::time::{TimeDelta, Timestamp};
use serde_json::{Value, json};

use super::super::both::on_both;
use super::super::stores::{at, channel, said};
use super::program::House;
use super::{Answer, Field, Kind, many_of};

/// One word of the past or of now.
struct Word {
    number: &'static str,
    edition: u32,
    issued: Timestamp,
    expires: Timestamp,
    kind: &'static str,
    status: Status,
}

/// A store in which a channel was sent some words, and one subscriber that has none of them.
async fn past(house: &House, words: &[Word]) -> i64 {
    std::fs::create_dir_all(&house.scene.state).unwrap();
    let store = SqliteStore::open(house.scene.state.join("nadhir.sqlite3")).unwrap();
    let lease = store.lead(at(0)).await.unwrap();
    for (version, word) in words.iter().enumerate() {
        let mut commit = said(version as u64, word.number, word.edition, &["open"]);
        let bulletin = &mut commit.bulletins[0];
        (bulletin.issued, bulletin.stale_after, bulletin.status) = (word.issued, word.expires, word.status);
        if 1 < word.edition {
            bulletin.change = Change::Updated;
        }
        let text = json!({ "ar": { "headline": "إنذار" }, "en": { "headline": word.number } });
        let data = json!({ "id": bulletin.id, "areas": [{ "id": "jeddah" }], "text": text });
        let body = json!({ "type": word.kind, "timestamp": word.issued, "data": data });
        commit.messages[0].body = body.to_string();
        commit.deliveries[0].expires = word.expires;
        commit.deliveries[0].due = word.issued;
        if !word.kind.starts_with("warning.") {
            commit.bulletins.clear();
        }
        store.commit(lease, commit).await.unwrap();
        let claimed = store.claim(channel("open"), 8, word.issued, LEASE).await.unwrap();
        let settled = claimed.iter().map(|claimed| Settlement {
            id: claimed.id,
            token: claimed.token,
            outcome: Outcome::Delivered { receipt: "0 subscribers".to_owned() },
            at: word.issued,
        });
        store.settle(settled.collect()).await.unwrap();
    }
    let new = NewSubscriber {
        name: "desk".to_owned(),
        url: house.url("desk"),
        wishes: Wishes::default(),
        pace: None,
        state: Member::Active,
    };
    store.subscribe(channel("open"), vec![new], chrono::Utc::now()).await.unwrap()[0]
}

fn words() -> Vec<Word> {
    let now = chrono::Utc::now();
    let word = |number, edition, minutes, kind, status| Word {
        number,
        edition,
        issued: now - TimeDelta::minutes(minutes),
        expires: now + TimeDelta::minutes(if 50 < minutes { -1 } else { 30 }),
        kind,
        status,
    };
    vec![
        word("MKH-2025-000001", 1, 60, "warning.issued", Status::Actual),
        word("MKH-2025-000002", 1, 40, "warning.issued", Status::Actual),
        word("MKH-2025-000002", 2, 30, "warning.updated", Status::Actual),
        word("MKH-2025-000003", 1, 20, "warning.issued", Status::Exercise),
        word("MKH-OPS-2025-000001", 1, 15, "notice.begun", Status::Actual),
        word("MKH-2025-000004", 1, 10, "warning.issued", Status::Actual),
    ]
}

#[test]
fn what_still_holds_is_sent_again_as_it_was_and_what_is_over_only_as_history() {
    let house = House::open();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let id = runtime.block_on(past(&house, &words()));
    let shown = house.done(&["replay", "desk", "--since", "2h", "--dry-run"]);
    for line in ["MKH-2025-000002.2", "not sent: it has expired", "not sent: a newer word", "not sent: it is not for"] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    assert!(shown.contains("2 of 6 would be sent to desk; 1 have expired"), "{shown}");
    assert_eq!(house.keys("desk"), Vec::<String>::new(), "a dry run sends nothing");
    let told = house.done(&["replay", "desk", "--since", "2h"]);
    assert!(told.contains("2 of 6 were sent to desk; 1 have expired (--as-history"), "{told}");
    assert_eq!(house.keys("desk"), ["MKH-2025-000002.2/text/ar+en/open", "MKH-2025-000004.1/text/ar+en/open"]);
    let again = house.done(&["replay", "desk", "--since", "25min", "--json"]);
    let again: Vec<Value> = again.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (again.len(), &again[0]["bulletin"], &again[0]["failed"]),
        (1, &"MKH-2025-000004.1".into(), &Value::Null)
    );
    let arrived = house.arrived("desk");
    assert_eq!(
        (&arrived[1].headers["webhook-id"], &arrived[1].body),
        (&arrived[2].headers["webhook-id"], &arrived[2].body)
    );
    // What is over comes under another type and another key, with nothing in the places where a warning has its words.
    let told = house.done(&["replay", "desk", "--since", "2h", "--as-history"]);
    assert!(told.contains("3 of 6 were sent to desk as history"), "{told}");
    let arrived = house.arrived("desk");
    let secret = many_of(&house.scene.config()).secret(id, 1).unwrap();
    for one in &arrived {
        assert_eq!(verify(&secret, &one.headers, &one.body, chrono::Utc::now(), TOLERANCE), Ok(()));
    }
    for one in &arrived[3..] {
        let body: Value = serde_json::from_slice(&one.body).unwrap();
        let key = one.headers["webhook-id"].to_str().unwrap();
        assert_eq!((&body["type"], key.starts_with("history/MKH-2025-00000")), (&"history".into(), true), "{key}");
        assert!(body["data"].get("text").is_none() && body["data"].get("severity").is_none(), "{body}");
        let then: Value = serde_json::from_str(body["data"]["message"].as_str().unwrap()).unwrap();
        assert_eq!(then["data"]["id"], body["data"]["id"]);
    }
    assert!(arrived[3].headers["webhook-id"].to_str().unwrap().contains("000001.1"));
    // A dry run is not in the journal.
    let file = house.scene.state.join("nadhir.sqlite3");
    assert_eq!(verify_journal(&file, None).unwrap().faults, []);
    let store = SqliteStore::beside(&file).unwrap();
    let lines = runtime.block_on(store.journal(100)).unwrap();
    let lines: Vec<&str> = lines.iter().filter(|line| line.kind == "replay").map(|line| line.text.as_str()).collect();
    let [first, second, third] = lines[..] else { panic!("{lines:?}") };
    assert!(
        first.contains(" has 2 messages sent once more to desk of ") && first.contains(", of those since 20"),
        "{first}"
    );
    assert!(second.contains("1 message sent") && third.contains("3 messages") && third.ends_with(", as history"));
    let all: String = arrived.iter().map(|one| String::from_utf8_lossy(&one.body).into_owned()).collect();
    assert!(!all.contains("000003") && !all.contains("OPS"), "no drill and no notice reaches the public: {all}");
}

#[test]
fn what_did_not_arrive_is_listed_with_its_reason_and_what_comes_after_it_waits() {
    let house = House::open();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(past(&house, &words()));
    house.desk.lock().unwrap().answers.insert("desk".to_owned(), Answer::Status(503));
    let end = house.ask(&["replay", "desk", "--since", "2h"]);
    assert_eq!(end.code, Some(1), "{end:?}");
    assert!(
        end.stderr.contains("MKH-2025-000002.2 did not arrive") && end.stderr.contains("to go on: --since"),
        "{end:?}"
    );
    assert_eq!(house.keys("desk").len(), 1, "in order, or not at all");
    let dead: Value = serde_json::from_str(&house.done(&["dead", "desk", "--json"])).unwrap();
    assert_eq!((&dead["bulletin"], &dead["is_given_up"]), (&"MKH-2025-000002.2".into(), &true.into()));
    assert!(dead["why"].as_str().unwrap().contains("503") && dead["at"].is_string(), "{dead}");
    assert!(house.done(&["dead"]).contains("1 messages did not arrive"));
    house.desk.lock().unwrap().answers.clear();
    house.done(&["replay", "desk", "--since", "2h"]);
    assert_eq!(house.done(&["dead", "desk"]), "0 messages did not arrive\n");
    house.done(&["pause", "desk"]);
    let end = house.ask(&["replay", "desk", "--since", "2h"]);
    assert!(end.code == Some(2) && end.stderr.contains("nadhir subscriber resume desk"), "{end:?}");
    let end = house.ask(&["replay", "desk", "--since", "yesterday"]);
    assert!(end.code == Some(2) && end.stderr.contains("2025-12-09T03:00:00+03:00"), "{end:?}");
}

async fn a_correction_goes_to_whoever_was_told_by_hand_and_to_whoever_may_have_been(kind: Kind) {
    let mut field = Field::open(kind).await;
    for name in ["told", "perhaps", "never"] {
        let id = field.subscribe(name, Wishes::default()).await;
        field.store.edit_subscriber(id, Edit::State(Member::Paused)).await.unwrap();
    }
    field.subscribe("fine", Wishes::default()).await;
    field.say(1, |_| {}).await;
    field.start();
    field.until_settled(Standing::Delivered).await;
    for (name, is_noted) in [("told", true), ("perhaps", false)] {
        let one = field.store.subscriber(channel("open"), name.to_owned()).await.unwrap().unwrap();
        let (sent, newest) =
            field.store.sent_since((channel("open"), Audience::Public), one.id, at(-60)).await.unwrap();
        let of = (sent[0].delivery, one.id);
        let text = field.store.send_again(of, newest, (false, at(2))).await.unwrap();
        assert!(text.unwrap().body.contains("000001.1"));
        // The one who may have been told: the machine died before its answer was noted.
        if is_noted {
            field.store.sent_again(of, None, at(2)).await.unwrap();
        }
    }
    for name in ["told", "perhaps", "never"] {
        let one = field.store.subscriber(channel("open"), name.to_owned()).await.unwrap().unwrap();
        field.store.edit_subscriber(one.id, Edit::State(Member::Active)).await.unwrap();
    }
    field.say(2, |bulletin| bulletin.change = Change::Corrected).await;
    field.until("the correction", || async { field.standings().await.0.len() == 2 }).await;
    field.until_settled(Standing::Delivered).await;
    assert_eq!(["fine", "told", "perhaps", "never"].map(|name| field.count(name)), [2, 1, 1, 0]);
    field.stop().await;
}

async fn what_was_said_meanwhile_is_looked_at_before_anything_older_goes_out(kind: Kind) {
    let mut field = Field::open(kind).await;
    let id = field.subscribe("one", Wishes::default()).await;
    field.say(1, |_| {}).await;
    let (sent, newest) = field.store.sent_since((channel("open"), Audience::Public), id, at(-60)).await.unwrap();
    field.say(2, |bulletin| bulletin.change = Change::Lifted).await;
    let text = field.store.send_again((sent[0].delivery, id), newest, (false, at(2))).await.unwrap();
    assert_eq!(text, None);
    assert_eq!(field.store.deliveries().await.unwrap().len(), 2);
}

async fn what_was_meant_for_another_audience_is_sent_again_to_nobody(kind: Kind) {
    use Audience::{Public, Staff};
    let mut field = Field::open(kind).await;
    let id = field.subscribe("one", Wishes::default()).await;
    let listens = |audience| vec![(channel("open"), audience)];
    field.store.readdress(field.lease, listens(Staff), at(-10)).await.unwrap();
    field.say(1, |_| {}).await;
    let of = |audience| field.store.sent_since((channel("open"), audience), id, at(-60));
    assert_eq!(of(Staff).await.unwrap().0.len(), 1);
    let why = of(Public).await.unwrap_err().to_string();
    assert!(why.contains("for public in the configuration, and for staff in the service"), "{why}");
    field.store.readdress(field.lease, listens(Public), at(5)).await.unwrap();
    assert_eq!(of(Public).await.unwrap().0, []);
}

async fn whoever_may_have_it_hears_the_correction_though_it_was_paused_in_between(kind: Kind) {
    let mut field = Field::open(kind).await;
    field.subscribe("fine", Wishes::default()).await;
    let id = field.subscribe("hanging", Wishes::default()).await;
    field.answer("hanging", Answer::Never);
    field.say(1, |_| {}).await;
    field.start();
    field.until("the second try", || async { 2 <= field.count("hanging") }).await;
    field.stop().await;
    field.store.edit_subscriber(id, Edit::State(Member::Paused)).await.unwrap();
    field.start();
    field.until_settled(Standing::Delivered).await;
    let dead = field.store.dead_letters(channel("open"), Some(id), None, 10).await.unwrap();
    assert!(dead[0].may_have && dead[0].why.contains("may have taken"), "{dead:?}");
    field.store.edit_subscriber(id, Edit::State(Member::Active)).await.unwrap();
    field.desk.lock().unwrap().answers.clear();
    let before = field.count("hanging");
    field.say(2, |bulletin| bulletin.change = Change::Corrected).await;
    field.until("the correction", || async { field.count("hanging") == before + 1 }).await;
    field.stop().await;
}

async fn what_ran_out_of_time_is_listed_beside_what_was_given_up_a_page_at_a_time(kind: Kind) {
    let mut field = Field::open(kind).await;
    for name in ["fine", "broken", "moved"] {
        field.subscribe(name, Wishes::default()).await;
    }
    field.answer("broken", Answer::Status(503));
    field.answer("moved", Answer::Status(410));
    let mut commit = said(0, super::NUMBER, 1, &["open"]);
    commit.deliveries[0].expires = at(4);
    field.commit(commit).await;
    field.start();
    let note = field.until_settled(Standing::Delivered).await;
    assert!(note.contains("1 for whom its time ran out"), "{note}");
    field.stop().await;
    let page = |after| field.store.dead_letters(channel("open"), None, after, 1);
    let first = page(None).await.unwrap().remove(0);
    let second = page(Some(first.after)).await.unwrap().remove(0);
    let told = |one: &nadhir::outbox::share::DeadLetter| (one.subscriber.clone(), one.is_given_up);
    assert_eq!((told(&first), told(&second)), (("moved".to_owned(), true), ("broken".to_owned(), false)));
    let tries = u32::try_from(field.count("broken")).unwrap();
    assert!(second.why.contains("503") && second.tries == tries && second.at.is_some(), "{second:?}");
    assert_eq!(page(Some(second.after)).await.unwrap(), []);
}

async fn a_last_try_counts_as_every_other_and_is_the_last_one_after_a_stop_as_well(kind: Kind) {
    let mut field = Field::open(kind).await;
    for name in ["fine", "busy", "flaky"] {
        field.subscribe(name, Wishes::default()).await;
    }
    // It wants to be left alone for longer than the word holds.
    field.answer("busy", Answer::Later(240));
    field.answer("flaky", Answer::Until(503, 1));
    let mut commit = said(0, super::NUMBER, 1, &["open"]);
    commit.deliveries[0].expires = at(120);
    field.commit(commit).await;
    field.start();
    field.until("the first tries", || async { field.count("busy") == 1 && field.count("flaky") == 1 }).await;
    field.stop().await;
    field.start();
    assert_eq!(field.until_settled(Standing::Delivered).await, "2 subscribers, 1 for whom its time ran out");
    field.stop().await;
    assert_eq!((field.count("busy"), field.count("flaky")), (1, 2));
    let dead = field.store.dead_letters(channel("open"), None, None, 9).await.unwrap();
    let [busy] = dead.as_slice() else { panic!("{dead:?}") };
    assert_eq!((busy.subscriber.as_str(), busy.tries, busy.is_given_up, busy.may_have), ("busy", 1, false, false));
    assert!(busy.why.contains("503"), "{busy:?}");
}

on_both! {
    a_correction_goes_to_whoever_was_told_by_hand_and_to_whoever_may_have_been,
    what_was_said_meanwhile_is_looked_at_before_anything_older_goes_out,
    what_was_meant_for_another_audience_is_sent_again_to_nobody,
    whoever_may_have_it_hears_the_correction_though_it_was_paused_in_between,
    what_ran_out_of_time_is_listed_beside_what_was_given_up_a_page_at_a_time,
    a_last_try_counts_as_every_other_and_is_the_last_one_after_a_stop_as_well,
}
