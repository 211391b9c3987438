//! Random lives: whatever arrives in whatever order, the line of bulletins makes sense.

use proptest::prelude::*;

use super::*;

/// One thing that may happen in a random life.
fn any_event() -> impl Strategy<Value = (i64, u8, u8)> {
    (0i64..600, 0u8..6, 0u8..12)
}

fn random_life(pieces: &[(i64, u8, u8)]) -> Vec<(i64, Event)> {
    let mut events: Vec<(i64, Event)> = pieces
        .iter()
        .map(|(minute, kind, size)| {
            let minute = minute / 10 * 10;
            let severity = Severity::ALL[usize::from(*size) % 4];
            let event = match kind {
                0..=2 => gauge(minute, f64::from(*size)),
                3 => said(alert(minute, severity, minute + 10 + i64::from(*size) * 20)),
                4 => {
                    let mut end = alert(minute, severity, minute + 60);
                    end.msg_type = if size % 2 == 0 { MsgType::Cancel } else { MsgType::Update };
                    end.identity.identifier.push('u');
                    end.references = (0..minute).step_by(10).map(|sent| alert(sent, severity, sent).identity).collect();
                    said(end)
                }
                _ => Event::Asked { feed: feed("gauge"), heard: Heard::Nothing, skew: None },
            };
            (minute, event)
        })
        .collect();
    events.sort_by_key(|(minute, _)| *minute);
    events
}

/// Lives as [`live`] does, but writes the state to rows and reads it back after every step.
fn live_with_restarts(book: &RuleBook, events: &[(i64, Event)], end: i64) -> Vec<Bulletin> {
    let mut rows: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut said = Vec::new();
    let mut turn = |event: &Event, minute: i64| {
        let facts = rows.iter().map(|((room, key), value)| (room.clone(), key.clone(), value.clone())).collect();
        let state = State::restore(&Saved { version: 0, facts }).unwrap();
        let outcome = step(book, &state, event, at(minute));
        for fact in outcome.changes.facts().unwrap() {
            match fact.value {
                Some(value) => rows.insert((fact.room.to_owned(), fact.key), value),
                None => rows.remove(&(fact.room.to_owned(), fact.key)),
            };
        }
        said.extend(outcome.bulletins);
    };
    for minute in (0..=end).step_by(usize::try_from(TICK).unwrap()) {
        for (_, event) in events.iter().filter(|(when, _)| (minute - TICK + 1..=minute).contains(when)) {
            turn(event, minute);
        }
        turn(&Event::Tick, minute);
    }
    said
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_the_line_of_bulletins_makes_sense(pieces in prop::collection::vec(any_event(), 0..40)) {
        let book = book(rain(10, 20));
        let events = random_life(&pieces);
        let (_, said) = live(&book, &events, 900);
        let mut lines: BTreeMap<&str, Vec<&Bulletin>> = BTreeMap::new();
        for bulletin in &said {
            prop_assert!(!bulletin.areas.is_empty());
            prop_assert!(bulletin.issued < bulletin.stale_after, "nothing is said that may not be sent any more");
            lines.entry(&bulletin.number).or_default().push(bulletin);
        }
        for line in lines.values() {
            for (place, bulletin) in line.iter().enumerate() {
                prop_assert_eq!(bulletin.edition as usize, place + 1, "editions grow one by one");
                prop_assert_eq!(bulletin.change == Change::Issued, place == 0, "a life begins with issued, once");
                prop_assert!(!bulletin.change.is_end() || place + 1 == line.len(), "nothing follows an end");
                if 0 < place {
                    prop_assert!(bulletin.replaces.contains(&line[place - 1].id));
                }
            }
        }
        let ids: BTreeSet<_> = said.iter().map(|bulletin| &bulletin.id).collect();
        prop_assert_eq!(ids.len(), said.len(), "no name is used twice");
        prop_assert_eq!(&live(&book, &events, 900).1, &said, "the same life is told the same way");
        prop_assert_eq!(&live_with_restarts(&book, &events, 900), &said, "stopping and restoring changes nothing");
    }
}
