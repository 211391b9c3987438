//! What is kept back before it goes out, who stands in for whom, and whom a correction reaches, as every store has to take it.

use nadhir::bulletin::Verdict;
use nadhir::dispatch::reminders::Reminder;
use nadhir::ids::BulletinId;
use nadhir::message::Message;
use nadhir::outbox::{Kept, NewDelivery, OnlyIf, Standing, StandsFor, Terms};
use nadhir::route::manner::Hold;
use nadhir::store::{Commit, Decision, Entry, Lease, Store, StoreError};
use nadhir::time::TimeDelta;

use super::stores::{LEASE, again, at, channel, delivered, on_every_store, rows, said, standings};

const NUMBER: &str = "MKH-2025-000001";

/// An edition on terms.
fn on_terms(version: u64, edition: u32, to: &[&str], change: impl Fn(&mut NewDelivery)) -> Commit {
    let mut commit = said(version, NUMBER, edition, to);
    commit.deliveries.iter_mut().for_each(change);
    commit
}

fn held(hold: Hold, due: i64) -> impl Fn(&mut NewDelivery) {
    move |owed| {
        owed.due = at(due);
        owed.terms.hold = hold;
    }
}

async fn decide(store: &dyn Store, lease: Lease, edition: u32, verdict: Verdict, now: i64) -> u64 {
    let entry =
        Entry { at: at(now), kind: "verdict".into(), subject: NUMBER.into(), text: "as somebody on duty said".into() };
    let bulletin = BulletinId::new(NUMBER, edition);
    store.decide(lease, Decision { bulletin, verdict, entry }).await.unwrap()
}

async fn claimed(store: &dyn Store, to: &str, now: i64) -> Vec<String> {
    let claimed = store.claim(channel(to), 8, at(now), LEASE).await.unwrap();
    store.settle(claimed.iter().map(delivered).collect()).await.unwrap();
    claimed.iter().map(|one| one.bulletin.to_string()).collect()
}

#[tokio::test]
async fn what_waits_for_its_clock_goes_out_when_it_has_run_out() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, on_terms(0, 1, &["public"], held(Hold::Clock, 120))).await.unwrap();
        assert_eq!(claimed(&*store, "public", 119).await, Vec::<String>::new());
        assert_eq!(store.next_due(channel("public")).await.unwrap(), Some(at(120)));
        let [Kept { hold, due, .. }] = &store.kept().await.unwrap()[..] else { panic!("one is kept back") };
        assert_eq!((*hold, *due), (Hold::Clock, at(120)));
        assert_eq!(claimed(&*store, "public", 120).await, ["MKH-2025-000001.1"]);
        assert_eq!(store.kept().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn what_waits_for_a_person_never_goes_out_by_itself_and_ends_in_time() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, on_terms(0, 1, &["public"], held(Hold::Person, 0))).await.unwrap();
        assert_eq!(claimed(&*store, "public", 1800).await, Vec::<String>::new());
        assert_eq!(store.next_due(channel("public")).await.unwrap(), Some(at(3600)), "its end is looked after");
        assert_eq!(claimed(&*store, "public", 3600).await, Vec::<String>::new());
        assert_eq!(standings(&*store, "public").await, [Standing::Expired]);
    })
    .await;
}

#[tokio::test]
async fn the_people_on_duty_let_out_hold_and_refuse() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, on_terms(0, 1, &["a", "b"], held(Hold::Clock, 120))).await.unwrap();
        assert_eq!(decide(&*store, lease, 1, Verdict::Hold, 60).await, 2);
        assert_eq!(claimed(&*store, "a", 600).await, Vec::<String>::new(), "its clock is stopped");
        assert_eq!(decide(&*store, lease, 1, Verdict::Approve, 700).await, 2);
        assert_eq!(claimed(&*store, "a", 700).await, ["MKH-2025-000001.1"]);
        assert_eq!(decide(&*store, lease, 1, Verdict::Refuse, 710).await, 0, "what is let out is not kept back");
        assert_eq!(claimed(&*store, "b", 710).await, ["MKH-2025-000001.1"]);
        let kinds: Vec<String> = store.journal(9).await.unwrap().into_iter().map(|entry| entry.kind).collect();
        assert_eq!(kinds, ["verdict", "verdict"], "what changed nothing is no line of the journal");

        store.commit(lease, on_terms(1, 2, &["a"], held(Hold::Clock, 900))).await.unwrap();
        assert_eq!(decide(&*store, lease, 2, Verdict::Refuse, 800).await, 1);
        assert_eq!(claimed(&*store, "a", 1000).await, Vec::<String>::new());
        let last = rows(&*store, "a").await.pop().unwrap();
        assert_eq!((last.standing, last.note.as_deref()), (Standing::Refused, Some("as somebody on duty said")));
    })
    .await;
}

#[tokio::test]
async fn the_next_edition_does_not_slip_past_the_one_that_is_kept_back() {
    // What is kept back, the one after it, and when that goes out by itself, if it does.
    let cases: [(Hold, Hold, u8, Option<i64>); 5] = [
        (Hold::Clock, Hold::Free, 0, Some(120)),
        (Hold::Person, Hold::Free, 0, None),
        (Hold::Person, Hold::Clock, 0, None),
        // A raise goes by its own clock.
        (Hold::Person, Hold::Clock, 3, Some(300)),
        (Hold::Clock, Hold::Clock, 0, Some(120)),
    ];
    for (first, second, worse, expected) in cases {
        on_every_store(|store| async move {
            let lease = store.lead(at(0)).await.unwrap();
            store.commit(lease, on_terms(0, 1, &["public"], held(first, 120))).await.unwrap();
            let next = on_terms(1, 2, &["public"], |owed| {
                held(second, if second == Hold::Clock { 300 } else { 10 })(owed);
                owed.urgency += worse;
            });
            store.commit(lease, next).await.unwrap();
            let story = format!("{first:?} then {second:?}");
            assert_eq!(standings(&*store, "public").await, [Standing::Superseded, Standing::Owed], "{story}");
            let kept = store.kept().await.unwrap();
            assert_eq!(kept.len(), 1, "{story}");
            match expected {
                Some(due) => assert_eq!((kept[0].hold, kept[0].due), (Hold::Clock, at(due)), "{story}"),
                None => assert_eq!(kept[0].hold, Hold::Person, "{story}"),
            }
        })
        .await;
    }
}

#[tokio::test]
async fn the_milder_word_goes_on_while_the_worse_one_is_kept_back() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, said(0, NUMBER, 1, &["public"])).await.unwrap();
        store.commit(lease, on_terms(1, 2, &["public"], held(Hold::Person, 0))).await.unwrap();
        assert_eq!(claimed(&*store, "public", 1).await, ["MKH-2025-000001.1"]);
        decide(&*store, lease, 2, Verdict::Approve, 5).await;
        assert_eq!(claimed(&*store, "public", 5).await, ["MKH-2025-000001.2"]);
    })
    .await;
}

#[tokio::test]
async fn what_was_kept_back_takes_the_place_of_what_it_replaces_when_it_goes_out() {
    for is_approved in [true, false] {
        on_every_store(|store| async move {
            let lease = store.lead(at(0)).await.unwrap();
            store.commit(lease, said(0, "MKH-2025-000009", 1, &["public"])).await.unwrap();
            let first = store.claim(channel("public"), 8, at(1), LEASE).await.unwrap();
            store.settle(vec![again(&first[0], 130)]).await.unwrap();
            let mut next = on_terms(1, 1, &["public"], held(Hold::Clock, 120));
            next.bulletins[0].replaces = vec![BulletinId::new("MKH-2025-000009", 1)];
            store.commit(lease, next).await.unwrap();
            assert_eq!(standings(&*store, "public").await, [Standing::Owed, Standing::Owed], "it still may be refused");
            let now = if is_approved { 60 } else { 125 };
            if is_approved {
                decide(&*store, lease, 1, Verdict::Approve, 59).await;
            }
            assert_eq!(claimed(&*store, "public", now).await, ["MKH-2025-000001.1"]);
            assert_eq!(
                claimed(&*store, "public", 140).await,
                Vec::<String>::new(),
                "the older word does not come after it"
            );
            assert_eq!(standings(&*store, "public").await, [Standing::Superseded, Standing::Delivered]);
        })
        .await;
    }
}

#[tokio::test]
async fn what_was_refused_does_not_come_in_by_its_next_edition() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, on_terms(0, 1, &["public"], held(Hold::Clock, 120))).await.unwrap();
        decide(&*store, lease, 1, Verdict::Refuse, 5).await;
        store.commit(lease, said(1, NUMBER, 2, &["public"])).await.unwrap();
        assert_eq!(claimed(&*store, "public", 10).await, Vec::<String>::new());
        assert_eq!(store.kept().await.unwrap()[0].hold, Hold::Person);
    })
    .await;
}

#[tokio::test]
async fn who_never_heard_of_it_does_not_hear_that_it_is_over() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, on_terms(0, 1, &["kept"], held(Hold::Person, 0))).await.unwrap();
        store.commit(lease, said(1, NUMBER, 1, &["told"])).await.unwrap();
        assert_eq!(claimed(&*store, "told", 1).await.len(), 1);
        let end = on_terms(2, 2, &["kept", "told", "new"], |owed| owed.terms.only_if = OnlyIf::NotKeptBack);
        store.commit(lease, end).await.unwrap();
        assert_eq!(standings(&*store, "kept").await, [Standing::Superseded]);
        assert_eq!(claimed(&*store, "told", 2).await, ["MKH-2025-000001.2"]);
        assert_eq!(claimed(&*store, "new", 2).await, ["MKH-2025-000001.2"], "of a channel that is new nobody knows");
    })
    .await;
}

#[tokio::test]
async fn a_correction_goes_to_all_that_received_it_or_may_have_and_to_nobody_else() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        let all = ["has", "may-have", "waits", "new"];
        store.commit(lease, said(0, NUMBER, 1, &all[..3])).await.unwrap();
        assert_eq!(claimed(&*store, "has", 1).await.len(), 1);
        let unsure = store.claim(channel("may-have"), 8, at(1), LEASE).await.unwrap();
        store.settle(vec![again(&unsure[0], 300)]).await.unwrap();
        let back = on_terms(1, 2, &all, |owed| {
            owed.terms.only_if = OnlyIf::Reached;
            owed.urgency = 15;
        });
        store.commit(lease, back).await.unwrap();
        assert_eq!(claimed(&*store, "has", 2).await, ["MKH-2025-000001.2"]);
        assert_eq!(claimed(&*store, "may-have", 2).await, ["MKH-2025-000001.2"]);
        assert_eq!(standings(&*store, "may-have").await, [Standing::Superseded, Standing::Delivered]);
        assert_eq!(standings(&*store, "waits").await, [Standing::Superseded], "it never goes out");
        assert_eq!(standings(&*store, "new").await, []);
    })
    .await;
}

#[tokio::test]
async fn what_was_in_hand_while_a_newer_word_arrived_is_over_when_it_is_given_back() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, said(0, NUMBER, 1, &["lost", "left"])).await.unwrap();
        for to in ["lost", "left"] {
            assert_eq!(store.claim(channel(to), 8, at(1), LEASE).await.unwrap().len(), 1);
        }
        store.commit(lease, said(1, NUMBER, 2, &["lost", "left"])).await.unwrap();
        for to in ["lost", "left"] {
            assert_eq!(claimed(&*store, to, 2).await, ["MKH-2025-000001.2"]);
            assert_eq!(standings(&*store, to).await, [Standing::Owed, Standing::Delivered], "somebody may hold it");
        }
        assert_eq!(claimed(&*store, "lost", 200).await, Vec::<String>::new());
        assert_eq!(
            standings(&*store, "lost").await,
            [Standing::Superseded, Standing::Delivered],
            "its lease has ended"
        );
        store.lead(at(60)).await.unwrap();
        assert_eq!(standings(&*store, "left").await, [Standing::Superseded, Standing::Delivered], "so it has here");
    })
    .await;
}

#[tokio::test]
async fn a_correction_reaches_who_may_have_received_it_while_another_warning_took_its_place() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        let all = ["has", "may-have", "waits"];
        store.commit(lease, said(0, NUMBER, 1, &all)).await.unwrap();
        let mut held = Vec::new();
        for to in &all[..2] {
            held.extend(store.claim(channel(to), 8, at(1), LEASE).await.unwrap());
        }
        let mut wider = said(1, "MKH-2025-000002", 1, &all);
        wider.bulletins[0].replaces = vec![BulletinId::new(NUMBER, 1)];
        store.commit(lease, wider).await.unwrap();
        let back = on_terms(2, 2, &all, |owed| {
            owed.terms.only_if = OnlyIf::Reached;
            owed.urgency = 15;
        });
        store.commit(lease, back).await.unwrap();
        store.settle(vec![delivered(&held[0]), again(&held[1], 3)]).await.unwrap();
        for (to, expected) in [("has", Some("200 OK")), ("may-have", None)] {
            let next = store.claim(channel(to), 8, at(4), LEASE).await.unwrap();
            let named: Vec<&str> = next.iter().map(|one| one.bulletin.as_str()).collect();
            assert_eq!(named, ["MKH-2025-000001.2", "MKH-2025-000002.1"], "{to}");
            assert_eq!(next[0].corrects.as_deref(), expected, "{to}");
        }
        let next = store.claim(channel("waits"), 8, at(4), LEASE).await.unwrap();
        assert_eq!(next.len(), 1, "it never goes out there, and nothing is taken back");
    })
    .await;
}

#[tokio::test]
async fn a_correction_knows_what_the_receiver_said_of_the_word_it_takes_back_and_nothing_else_does() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, said(0, NUMBER, 1, &["public"])).await.unwrap();
        assert_eq!(claimed(&*store, "public", 1).await.len(), 1);
        store.commit(lease, said(1, NUMBER, 2, &["public"])).await.unwrap();
        let next = store.claim(channel("public"), 8, at(2), LEASE).await.unwrap();
        assert_eq!(next[0].corrects, None);
        store.settle(vec![delivered(&next[0])]).await.unwrap();
        let back = on_terms(2, 3, &["public"], |owed| owed.urgency = 15);
        store.commit(lease, back).await.unwrap();
        let back = store.claim(channel("public"), 8, at(3), LEASE).await.unwrap();
        assert_eq!(back[0].corrects.as_deref(), Some("200 OK"));
    })
    .await;
}

/// A reminder of an edition at a channel.
fn reminder(to: &str, edition: u32, body: &str) -> Reminder {
    let said = said(0, NUMBER, edition, &[to]);
    let (message, delivery) = (said.messages[0].clone(), said.deliveries[0].clone());
    let key = message.key.reminder(1);
    Reminder {
        message: Message { key: key.clone(), body: body.to_owned(), ..message },
        delivery: NewDelivery { message: key, ..delivery },
    }
}

#[tokio::test]
async fn only_who_has_the_word_and_is_owed_no_newer_one_is_reminded_and_once_under_each_name() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, said(0, NUMBER, 1, &["has", "waits"])).await.unwrap();
        assert_eq!(claimed(&*store, "has", 1).await.len(), 1);
        let of = |body: &'static str| ["has", "waits", "new"].map(|to| reminder(to, 1, body)).to_vec();
        let told = store.remind(lease, of("Reminder: stay in")).await.unwrap();
        assert_eq!(told, [reminder("has", 1, "").message.key]);
        // After a change of the wording and a restart the same is owed once, in the words that are frozen.
        assert_eq!(store.remind(lease, of("Stay in!")).await.unwrap(), []);
        let again = store.claim(channel("has"), 8, at(2), LEASE).await.unwrap();
        assert_eq!((again.len(), &*again[0].body), (1, "Reminder: stay in"));
        store.settle(vec![delivered(&again[0])]).await.unwrap();
        store.commit(lease, said(1, NUMBER, 2, &["has"])).await.unwrap();
        let next = Reminder {
            message: Message { key: reminder("has", 1, "").message.key.reminder(2), ..reminder("has", 1, "x").message },
            ..reminder("has", 1, "x")
        };
        assert_eq!(store.remind(lease, vec![next]).await.unwrap(), [], "a newer word is on its way");
        let last: Vec<String> = store.last_words(at(-60)).await.unwrap().iter().map(|one| one.id.to_string()).collect();
        assert_eq!(last, ["MKH-2025-000001.2"]);
        assert_eq!(store.last_words(at(86_400)).await.unwrap(), [], "what was said before is of the past");
        store.lead(at(3)).await.unwrap();
        assert!(matches!(store.remind(lease, Vec::new()).await, Err(StoreError::Fenced { .. })));
    })
    .await;
}

#[tokio::test]
async fn pictures_go_with_the_message_that_they_were_frozen_for() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        let mut commit = said(0, NUMBER, 1, &["shows", "reads"]);
        let text = commit.messages[0].clone();
        let key: nadhir::message::MessageKey = serde_json::from_str("\"MKH-2025-000001.1/card-wide/ar+en\"").unwrap();
        commit.messages.push(Message { key: key.clone(), body: "[]".to_owned(), ..text });
        commit.deliveries[0].picture = Some(key);
        store.commit(lease, commit).await.unwrap();
        let shows = store.claim(channel("shows"), 8, at(1), LEASE).await.unwrap();
        assert_eq!(shows[0].pictures.as_deref(), Some("[]"));
        let reads = store.claim(channel("reads"), 8, at(1), LEASE).await.unwrap();
        assert_eq!((reads[0].pictures.as_deref(), &reads[0].body), (None, &shows[0].body));
    })
    .await;
}

#[tokio::test]
async fn a_correction_of_what_took_the_place_of_another_warning_reaches_who_heard_of_that() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, said(0, "MKH-2025-000009", 1, &["public"])).await.unwrap();
        assert_eq!(claimed(&*store, "public", 1).await.len(), 1);
        let mut next = said(1, NUMBER, 1, &["other"]);
        next.bulletins[0].replaces = vec![BulletinId::new("MKH-2025-000009", 1)];
        store.commit(lease, next).await.unwrap();
        let back = on_terms(2, 2, &["public"], |owed| owed.terms.only_if = OnlyIf::Reached);
        store.commit(lease, back).await.unwrap();
        assert_eq!(claimed(&*store, "public", 2).await, ["MKH-2025-000001.2"]);
    })
    .await;
}

fn stands_for(failing: &str) -> Terms {
    let stands_for = StandsFor { channel: channel(failing), after: TimeDelta::seconds(120) };
    Terms { stands_for: Some(stands_for), ..Terms::default() }
}

fn with_stand_in(version: u64, edition: u32) -> Commit {
    let mut commit = said(version, NUMBER, edition, &["radio", "siren"]);
    commit.deliveries[1].terms = stands_for("radio");
    commit
}

#[tokio::test]
async fn who_stands_in_is_told_only_when_the_other_fails() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        store.commit(lease, with_stand_in(0, 1)).await.unwrap();
        assert_eq!(store.next_due(channel("siren")).await.unwrap(), Some(at(120)));
        assert_eq!(claimed(&*store, "siren", 119).await, Vec::<String>::new());
        assert_eq!(claimed(&*store, "radio", 119).await, ["MKH-2025-000001.1"]);
        assert_eq!(claimed(&*store, "siren", 120).await, Vec::<String>::new());
        assert_eq!(standings(&*store, "siren").await, [Standing::Superseded]);
        // Then it fails.
        store.commit(lease, with_stand_in(1, 2)).await.unwrap();
        let failing = store.claim(channel("radio"), 8, at(121), LEASE).await.unwrap();
        store.settle(vec![again(&failing[0], 600)]).await.unwrap();
        assert_eq!(claimed(&*store, "siren", 130).await, ["MKH-2025-000001.2"]);
        // Who was told goes on hearing of it, at once, whatever becomes of the other.
        let mut end = with_stand_in(2, 3);
        end.deliveries[1].terms.only_if = OnlyIf::NotKeptBack;
        store.commit(lease, end).await.unwrap();
        assert_eq!(claimed(&*store, "siren", 131).await, ["MKH-2025-000001.3"]);
    })
    .await;
}

#[tokio::test]
async fn who_stands_in_waits_for_approval_as_the_other_does() {
    on_every_store(|store| async move {
        let lease = store.lead(at(0)).await.unwrap();
        let mut commit = with_stand_in(0, 1);
        commit.deliveries.iter_mut().for_each(|owed| owed.terms.hold = Hold::Person);
        store.commit(lease, commit).await.unwrap();
        assert_eq!(claimed(&*store, "siren", 600).await, Vec::<String>::new());
        assert_eq!(decide(&*store, lease, 1, Verdict::Approve, 700).await, 2);
        assert_eq!(claimed(&*store, "siren", 819).await, Vec::<String>::new(), "the other has its time");
        assert_eq!(claimed(&*store, "siren", 820).await, ["MKH-2025-000001.1"]);
    })
    .await;
}
