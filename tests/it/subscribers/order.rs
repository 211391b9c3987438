//! What goes first when much is said at once: each subscriber hears the worst of it before anything milder, and all of it in the end.

use nadhir::bulletin::Change;
use nadhir::hazard::Severity;
use nadhir::outbox::{Standing, urgency};
use nadhir::store::Commit;
use nadhir::subscriber::Wishes;

use super::super::both::on_both;
use super::super::stores::said;
use super::{Field, Kind};

/// How many words are said at once, how many hear them, and which of them is the red one.
const WORDS: usize = 21;
const SUBSCRIBERS: usize = 300;
const RED: usize = 17;

fn number(word: usize) -> String {
    format!("MKH-2025-{word:06}")
}

/// Many words in one step, all of them yellow but one.
fn step() -> Commit {
    let mut all = Commit::default();
    for word in 1..=WORDS {
        let mut one = said(0, &number(word), 1, &["open"]);
        let severity = if word == RED { Severity::Red } else { Severity::Yellow };
        one.bulletins[0].severity = severity;
        one.messages[0].body = number(word);
        one.deliveries[0].urgency = urgency(Change::Issued, severity);
        all.bulletins.append(&mut one.bulletins);
        all.messages.append(&mut one.messages);
        all.deliveries.append(&mut one.deliveries);
    }
    all
}

async fn each_hears_the_worst_of_what_is_said_at_once_first_and_all_of_it_in_the_end(kind: Kind) {
    let mut field = Field::open(kind).await;
    let names: Vec<String> = (0..SUBSCRIBERS).map(|number| format!("s{number}")).collect();
    for name in &names {
        field.subscribe(name, Wishes::default()).await;
    }
    field.commit(step()).await;
    field.start();
    let all = || async { field.standings().await.0.iter().all(|standing| *standing == Standing::Delivered) };
    field.until("all of it", all).await;
    for name in &names {
        let heard: Vec<_> = field.arrived(name).into_iter().map(|one| one.body).collect();
        assert_eq!(heard.len(), WORDS, "{name}");
        assert_eq!(heard[0], number(RED), "{name}");
    }
    field.stop().await;
}

on_both! {
    each_hears_the_worst_of_what_is_said_at_once_first_and_all_of_it_in_the_end,
}
