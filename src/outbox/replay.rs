//! What is sent once more to one subscriber by hand: of all that its channel was sent, what it would hear, what still holds, and of each
//! number the newest word alone. Pure; `store` tells what was sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use super::Standing;
use super::share::{OWED, TOLD};
use crate::bulletin::{Bulletin, Change};
use crate::ids::{BulletinId, ChannelId, GovernorateId};
use crate::message::MessageKey;
use crate::route::{Listener, Meant, OnDuty, takes_statements};
use crate::subscriber::Subscriber;
use crate::time::Timestamp;

/// The most deliveries of a channel that are looked through at once.
pub const MAX_LOOKED_THROUGH: usize = 50_000;

/// The type of what is told for the record alone.
pub const HISTORY: &str = "history";

/// What a message is about, as far as it matters who may hear it.
#[derive(Debug, Clone, PartialEq)]
pub enum About {
    /// A warning.
    Warning(Box<Bulletin>),
    /// Anything else: its type, and of which governorates it speaks.
    Other(String, Vec<GovernorateId>),
}

/// One message that a channel was sent, or is to be, with where it stands for one subscriber.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// The row of the delivery.
    pub delivery: i64,
    /// What.
    pub message: MessageKey,
    /// Of which bulletin.
    pub bulletin: BulletinId,
    /// When it was said.
    pub said: Timestamp,
    /// Not after.
    pub expires: Timestamp,
    /// What it is about.
    pub about: About,
    /// Where it stands at the channel.
    pub standing: Standing,
    /// True when it was tried there at all.
    pub was_tried: bool,
    /// Where it stands for the subscriber: the byte of its share.
    pub mark: u8,
    /// True when the subscriber has an older edition, or may have.
    pub has_older: bool,
}

/// A frozen text, as it is sent once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// Its bytes.
    pub body: Arc<str>,
    /// What they are.
    pub content_type: String,
}

/// What becomes of a message that a channel was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// It is sent.
    Send,
    /// Its time is over, and what is over is told for the record alone.
    Expired,
    /// The service has it in hand and tells the subscriber itself.
    OnItsWay,
    /// A newer word has taken its place.
    Replaced,
    /// It is not for the subscriber, or not for those who listen at its channel.
    NotHeard,
}

impl Choice {
    /// Its name in lists and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Expired => "expired",
            Self::OnItsWay => "on-its-way",
            Self::Replaced => "replaced",
            Self::NotHeard => "not-heard",
        }
    }
}

/// Decides what becomes of each message that a channel was sent, in the order in which it was. What was never tried is left out.
pub fn choose(
    sent: Vec<Sent>,
    listener: &Listener,
    to: &Subscriber,
    (now, as_history): (Timestamp, bool),
) -> Vec<(Sent, Choice)> {
    let mut newest: BTreeMap<String, (u32, i64)> = BTreeMap::new();
    let mut replaced: BTreeMap<String, u32> = BTreeMap::new();
    for one in &sent {
        let (edition, delivery) = (one.bulletin.edition(), one.delivery);
        let known = newest.entry(one.bulletin.number().to_owned()).or_insert((edition, delivery));
        // The same edition told once more is a reminder of it.
        if known.0 < edition {
            *known = (edition, delivery);
        }
        if let About::Warning(bulletin) = &one.about {
            for older in &bulletin.replaces {
                if older.number() != one.bulletin.number() {
                    let known = replaced.entry(older.number().to_owned()).or_insert(0);
                    *known = older.edition().max(*known);
                }
            }
        }
    }
    let is_replaced = |one: &Sent| {
        let number = one.bulletin.number();
        newest.get(number) != Some(&(one.bulletin.edition(), one.delivery))
            || replaced.get(number).is_some_and(|newer| one.bulletin.edition() <= *newer)
    };
    let choice = |one: &Sent| {
        if !is_heard(one, listener, to) {
            Choice::NotHeard
        } else if is_replaced(one) {
            Choice::Replaced
        } else if one.mark == OWED && one.standing == Standing::Owed && to.since <= one.said {
            Choice::OnItsWay
        } else if one.expires <= now && !as_history {
            Choice::Expired
        } else {
            Choice::Send
        }
    };
    let chosen: Vec<Choice> = sent.iter().map(choice).collect();
    sent.into_iter().zip(chosen).filter(|(one, choice)| one.was_tried || *choice == Choice::OnItsWay).collect()
}

/// Whether a message is for a subscriber, and for those who listen at its channel now: a drill for nobody but those of a drill, a notice
/// for the people on duty alone, a correction for who has what it takes back.
fn is_heard(one: &Sent, listener: &Listener, to: &Subscriber) -> bool {
    match &one.about {
        About::Warning(bulletin) if Meant::of(listener, bulletin).is_none() => false,
        About::Warning(bulletin) if bulletin.change == Change::Corrected => one.has_older || one.mark == TOLD,
        About::Warning(bulletin) => to.wishes.hear(listener, bulletin),
        About::Other(kind, _) if kind.starts_with("notice.") => OnDuty::of(listener).is_some(),
        About::Other(kind, places) if kind.starts_with("statement.") => {
            let is_owed = !kind.ends_with(".withdrawn") || one.has_older || one.mark == TOLD;
            takes_statements(listener) && is_owed && to.wishes.hear_of(places)
        }
        About::Other(..) => false,
    }
}

/// A message of the past as it is told for the record: under a type, a key and in a place of its own, so that nobody who knows nothing
/// of it takes it for a warning. The same message always gives the same bytes.
pub fn history(key: &str, one: &Sent, body: &str) -> (String, Arc<str>) {
    let instant = |moment: Timestamp| moment.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let told = json!({
        "type": HISTORY,
        "timestamp": instant(one.said),
        "data": {
            "note": "this was said in the past, is sent for the record, and is no warning now",
            "id": one.bulletin,
            "said": instant(one.said),
            "expired": instant(one.expires),
            "webhook_id": key,
            "message": body,
        },
    });
    (format!("{HISTORY}/{key}"), told.to_string().into())
}

/// The key by which a receiver knows a message again: the same at every try, and when it is sent once more.
pub fn key_of(message: &MessageKey, channel: &ChannelId) -> String {
    format!("{}/{channel}", message.as_str())
}

/// How many were chosen for what.
pub fn counted(chosen: &[(Sent, Choice)]) -> BTreeMap<Choice, usize> {
    let mut counts = BTreeMap::new();
    for (_, choice) in chosen {
        *counts.entry(*choice).or_insert(0) += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Status;
    use crate::hazard::{Hazard, Severity};
    use crate::language::Language;
    use crate::message::Form;
    use crate::outbox::share::{DEAD, DEAF};
    use crate::route::Audience;
    use crate::route::manner::Manner;
    use crate::subscriber::{Generations, State, Wishes};

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_timestamp(1_765_238_400 + minute * 60, 0).unwrap()
    }

    fn listener(audience: Audience) -> Listener {
        Listener {
            channel: ChannelId::new("open").unwrap(),
            audience,
            form: Form::Json,
            languages: Language::ALL.to_vec(),
            min_severity: Severity::Advisory,
            hazards: None,
            governorates: None,
            manner: Manner::default(),
            picture: None,
        }
    }

    fn subscriber(since: i64) -> Subscriber {
        Subscriber {
            id: 7,
            channel: "open".to_owned(),
            name: "one".to_owned(),
            url: "https://one.example/x".to_owned(),
            wishes: Wishes::default(),
            pace: None,
            state: State::Active,
            secret: Generations { newest: 1, older_until: None },
            since: at(since),
            failing_since: None,
            why: None,
            until: None,
        }
    }

    /// What a channel was sent at a minute, and got; the subscriber did not.
    fn sent(delivery: i64, number: &str, edition: u32, change: Change) -> Sent {
        let number = format!("MKH-2025-00000{number}");
        let id = BulletinId::new(&number, edition);
        let said = at(delivery);
        let of = ((Hazard::Rain, Severity::Red), vec![GovernorateId::new("jeddah").unwrap()], (said, at(100)));
        let bulletin = Bulletin { id: id.clone(), edition, change, ..Bulletin::plain(&number, of.0, of.1, of.2) };
        Sent {
            delivery,
            message: MessageKey::new(&id, Form::Json, &Language::ALL),
            bulletin: id,
            said,
            expires: at(100),
            about: About::Warning(Box::new(bulletin)),
            standing: Standing::Delivered,
            was_tried: true,
            mark: DEAD,
            has_older: false,
        }
    }

    fn other(delivery: i64, number: &str, kind: &str) -> Sent {
        Sent { about: About::Other(kind.to_owned(), Vec::new()), ..sent(delivery, number, 1, Change::Issued) }
    }

    /// What becomes of each at minute 50, as `1.1 send, 1.2 replaced`.
    fn check(all: Vec<Sent>, audience: Audience, expected: &str) {
        let chosen = choose(all, &listener(audience), &subscriber(0), (at(50), false));
        let told = chosen.iter().map(|(one, choice)| {
            let number = one.bulletin.number().trim_start_matches("MKH-2025-00000");
            format!("{number}.{} {}", one.bulletin.edition(), choice.name())
        });
        assert_eq!(told.collect::<Vec<_>>().join(", "), expected);
    }

    #[test]
    fn of_each_number_the_newest_word_is_sent_and_nothing_that_has_expired() {
        let over = Sent { expires: at(50), ..sent(4, "2", 1, Change::Issued) };
        let all = vec![
            sent(1, "1", 1, Change::Issued),
            sent(2, "1", 2, Change::Raised),
            // Told once more as a reminder.
            sent(3, "1", 2, Change::Raised),
            over,
            Sent { mark: TOLD, ..sent(5, "3", 1, Change::Issued) },
        ];
        check(all, Audience::Public, "1.1 replaced, 1.2 send, 1.2 replaced, 2.1 expired, 3.1 send");
    }

    #[test]
    fn a_word_whose_place_another_number_has_taken_is_not_sent() {
        let mut newer = sent(2, "2", 1, Change::Updated);
        if let About::Warning(bulletin) = &mut newer.about {
            bulletin.replaces = vec![BulletinId::new("MKH-2025-000001", 3)];
        }
        let all = vec![sent(1, "1", 3, Change::Issued), newer, sent(3, "1", 4, Change::Raised)];
        check(all[..2].to_vec(), Audience::Public, "1.3 replaced, 2.1 send");
        check(all, Audience::Public, "1.3 replaced, 2.1 send, 1.4 send");
    }

    #[test]
    fn what_the_service_has_in_hand_is_left_to_it_and_what_a_newer_word_waits_for_is_not_sent() {
        let owed =
            |mark, was_tried| Sent { standing: Standing::Owed, mark, was_tried, ..sent(2, "1", 2, Change::Raised) };
        let first = || sent(1, "1", 1, Change::Issued);
        check(vec![first(), owed(OWED, false)], Audience::Public, "1.1 replaced, 1.2 on-its-way");
        check(vec![first(), owed(DEAF, true)], Audience::Public, "1.1 replaced, 1.2 send");
        let late = choose(vec![owed(OWED, true)], &listener(Audience::Public), &subscriber(9), (at(50), false));
        assert_eq!(
            late.first().map(|(_, choice)| *choice),
            Some(Choice::Send),
            "who came later is not told by the service"
        );
        let never = Sent { standing: Standing::Expired, was_tried: false, ..sent(2, "1", 2, Change::Lifted) };
        check(vec![first(), never], Audience::Public, "1.1 replaced");
    }

    #[test]
    fn nothing_goes_to_others_than_it_was_meant_for() {
        let drill = || {
            let mut drill = sent(1, "1", 1, Change::Issued);
            if let About::Warning(bulletin) = &mut drill.about {
                bulletin.status = Status::Exercise;
            }
            drill
        };
        let all = || {
            vec![
                drill(),
                sent(2, "2", 1, Change::Issued),
                other(3, "3", "notice.begun"),
                other(4, "4", "statement.news"),
                other(5, "5", "a.stranger"),
            ]
        };
        let (no, yes) = ("not-heard", "send");
        let told = |a, b, c, d| format!("1.1 {a}, 2.1 {b}, 3.1 {c}, 4.1 {d}, 5.1 not-heard");
        check(all(), Audience::Public, &told(no, yes, no, yes));
        check(all(), Audience::Staff, &told(no, yes, yes, yes));
        check(all(), Audience::Drill, &told(yes, no, no, no));
        // What is taken back is for who has it, or may.
        let back = |has_older| Sent { has_older, ..sent(1, "1", 2, Change::Corrected) };
        check(vec![back(false)], Audience::Public, "1.2 not-heard");
        check(vec![back(true)], Audience::Public, "1.2 send");
        check(vec![other(1, "1", "statement.withdrawn")], Audience::Public, "1.1 not-heard");
    }

    #[test]
    fn history_never_looks_like_a_warning_and_always_has_the_same_bytes() {
        let body = r#"{"type":"warning.issued","data":{"text":{"en":{"headline":"Red warning"}}}}"#;
        let one = sent(1, "1", 1, Change::Issued);
        let (key, told) = history("MKH-2025-000001.1/json/ar+en/open", &one, body);
        assert_eq!(history("MKH-2025-000001.1/json/ar+en/open", &one, body), (key.clone(), Arc::clone(&told)));
        assert_eq!(key, "history/MKH-2025-000001.1/json/ar+en/open");
        let value: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!((&value["type"], &value["data"]["message"]), (&"history".into(), &body.into()));
        assert!(["text", "severity", "areas", "status"].iter().all(|key| value["data"][key].is_null()), "{told}");
    }
}
