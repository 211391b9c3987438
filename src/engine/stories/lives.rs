//! Random lives: whatever arrives in whatever order, the line of bulletins makes sense, and so does what each place hears of them.

use proptest::prelude::*;

use super::*;
use crate::engine::staff::{COVERS, Order, Silence};
use crate::engine::state::Draft;
use crate::engine::{Touched, automatic};
use crate::warning::{Warning, WarningKey};

const PLACES: [&str; 3] = ["jeddah", "taif", "rabigh"];

/// One thing that may happen in a random life: when, what, how much, and in which places.
type Piece = (i64, u8, u8, u8);

fn any_event() -> impl Strategy<Value = Piece> {
    (0i64..600, 0u8..7, 0u8..12, 1u8..8)
}

fn random_life(pieces: &[Piece]) -> Vec<(i64, Event)> {
    let mut events: Vec<(i64, Event)> = pieces
        .iter()
        .map(|(minute, kind, size, places)| {
            let minute = minute / 10 * 10;
            let severity = Severity::ALL[usize::from(*size) % 4];
            let chosen = PLACES.iter().enumerate().filter(|(place, _)| places >> place & 1 == 1);
            let areas: Vec<GovernorateId> = chosen.map(|(_, name)| GovernorateId::new(name).unwrap()).collect();
            let alert = |minute, severity, until| Alert { areas: areas.clone(), ..alert(minute, severity, until) };
            let event = match kind {
                0..=2 => {
                    let wet = reading(minute, Basis::Observed, f64::from(*size));
                    let readings = areas.iter().map(|area| Reading { governorate: area.clone(), ..wet.clone() });
                    asked("gauge", Batch { readings: readings.collect(), ..Batch::default() })
                }
                3 => said(alert(minute, severity, minute + 10 + i64::from(*size) * 20)),
                4 => {
                    let mut end = alert(minute, severity, minute + 60);
                    end.msg_type = if size % 2 == 0 { MsgType::Cancel } else { MsgType::Update };
                    end.identity.identifier.push('u');
                    end.references = (0..minute).step_by(10).map(|sent| alert(sent, severity, sent).identity).collect();
                    said(end)
                }
                5 => Event::Ordered(Order::Silence(Silence {
                    up_to: COVERS,
                    hazards: BTreeSet::from([Hazard::Rain]),
                    governorates: areas.iter().cloned().collect(),
                    until: at(minute + 10 + i64::from(*size) * 20),
                    by: "the duty desk".into(),
                    reason: "a gauge is being washed".into(),
                })),
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

/// A step: when, what it said, and what was in force after it.
type Turn = (Timestamp, Vec<Bulletin>, BTreeMap<WarningKey, Warning>);

/// Lives as [`live`] does and keeps the steps apart.
fn live_by_turns(book: &RuleBook, events: &[(i64, Event)], end: i64) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    let mut state = State::default();
    for minute in (0..=end).step_by(usize::try_from(TICK).unwrap()) {
        let own = events.iter().filter(|(when, _)| (minute - TICK + 1..=minute).contains(when)).map(|(_, event)| event);
        for event in own.chain([&Event::Tick]) {
            let outcome = step(book, &state, event, at(minute));
            state.adopt(outcome.changes);
            let kept = state.warnings().map(|(key, warning)| (key.clone(), warning.clone())).collect();
            turns.push((at(minute), outcome.bulletins, kept));
        }
    }
    turns
}

fn is_own(bulletin: &Bulletin) -> bool {
    matches!(bulletin.origin, Origin::Automatic { .. })
}

/// The rules' own warning in a place.
fn own_in<'a>(kept: &'a BTreeMap<WarningKey, Warning>, place: &GovernorateId) -> Option<&'a Warning> {
    kept.get(&WarningKey::Automatic { hazard: Hazard::Rain, governorate: place.clone() })
}

fn is_spoken_for(kept: &BTreeMap<WarningKey, Warning>, place: &GovernorateId) -> bool {
    kept.values().any(|warning| warning.official.is_some() && warning.areas.contains(place))
}

/// What people in one place hear of the rules' own warnings makes sense from the first to the last word.
fn check_place(turns: &[Turn], place: &GovernorateId) -> Result<(), TestCaseError> {
    // What was told last and is not over; an authority may have spoken since.
    let mut own: Option<(&Bulletin, bool)> = None;
    for (now, said, kept) in turns {
        for bulletin in said.iter().filter(|one| one.areas.contains(place) || one.left.contains(place)) {
            let goes_on = own.filter(|(told, _)| bulletin.replaces.contains(&told.id));
            if !is_own(bulletin) {
                let is_taken = goes_on.is_some() && bulletin.areas.contains(place);
                own = own.filter(|_| !is_taken).map(|(told, _)| (told, true));
                continue;
            }
            if bulletin.change == Change::Issued {
                let is_free = own.is_none_or(|(told, is_spoken_for)| is_spoken_for || told.until <= *now);
                prop_assert!(is_free, "{} begins in {place} beside {own:?}", bulletin.id);
            } else {
                prop_assert!(goes_on.is_some(), "{} speaks in {place} of what was not told there", bulletin.id);
            }
            own = (!bulletin.change.is_end()).then_some((bulletin, false));
        }
        match (own_in(kept, place), own) {
            (Some(stands), Some((told, _))) => {
                prop_assert_eq!((&stands.last, stands.severity, stands.until), (&told.id, told.severity, told.until));
                prop_assert_eq!(&stands.areas[..], &told.areas[..]);
                let is_one = |other: &GovernorateId| own_in(kept, other).is_some_and(|other| other.last == stands.last);
                prop_assert!(stands.areas.iter().all(is_one), "who was told together is kept together: {:?}", stands);
                prop_assert!(stands.evidence.iter().all(|one| one.governorate == *place));
            }
            (Some(stands), None) => prop_assert!(false, "{} stands in {place} and was never told there", stands.last),
            (None, Some((told, has_spoken))) => {
                let is_over = told.until <= *now || has_spoken;
                prop_assert!(is_over, "{} is in force in {place} and nobody stands for it", told.id);
            }
            (None, None) => {}
        }
    }
    Ok(())
}

/// What takes the place of a bulletin that may not have been sent leaves none of its places without a word.
fn check_nothing_is_dropped(turns: &[Turn]) -> Result<(), TestCaseError> {
    let all: BTreeMap<_, &Bulletin> = turns.iter().flat_map(|(_, said, _)| said).map(|one| (&one.id, one)).collect();
    // Later editions name again what an earlier one has taken the place of.
    let mut known = BTreeSet::new();
    for (now, said, kept) in turns {
        let replaced: BTreeSet<_> = said.iter().flat_map(|bulletin| &bulletin.replaces).collect();
        let new: Vec<&Bulletin> = replaced.iter().filter(|id| !known.contains(**id)).map(|id| all[id]).collect();
        known.extend(replaced);
        for (before, area) in
            new.iter().filter(|one| is_own(one)).flat_map(|one| one.areas.iter().map(move |area| (one, area)))
        {
            let is_named = said.iter().any(|one| one.replaces.contains(&before.id) && one.areas.contains(area));
            // What is not sent by then is not sent any more.
            let is_over = before.until <= *now;
            prop_assert!(is_named || is_over || is_spoken_for(kept, area), "{} is dropped in {area}", before.id);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_the_line_of_bulletins_makes_sense(
        pieces in prop::collection::vec(any_event(), 0..40),
        wait in 0i64..4,
    ) {
        let mut rule = rain(10, 20);
        rule.governorates = PLACES.iter().map(|name| GovernorateId::new(name).unwrap()).collect();
        let mut book = book(rule);
        book.times.group_wait = TimeDelta::minutes(wait * 10);
        let events = random_life(&pieces);
        let turns = live_by_turns(&book, &events, 900);
        let said: Vec<Bulletin> = turns.iter().flat_map(|(_, said, _)| said.clone()).collect();
        let mut lines: BTreeMap<&str, Vec<&Bulletin>> = BTreeMap::new();
        for bulletin in &said {
            prop_assert!(!bulletin.areas.is_empty());
            prop_assert!(bulletin.areas.is_sorted_by_key(|area| book.governorates.order(area)));
            prop_assert!(bulletin.issued < bulletin.stale_after, "nothing is said that may not be sent any more");
            lines.entry(&bulletin.number).or_default().push(bulletin);
        }
        for line in lines.values() {
            for (place, bulletin) in line.iter().enumerate() {
                prop_assert_eq!(bulletin.edition as usize, place + 1, "editions grow one by one");
                prop_assert!(!bulletin.change.is_end() || place + 1 == line.len(), "nothing follows an end");
                if 0 < place {
                    prop_assert!(bulletin.replaces.contains(&line[place - 1].id));
                    prop_assert!(bulletin.change != Change::Issued, "a life begins once");
                } else {
                    let begins = bulletin.change == Change::Issued;
                    prop_assert!(begins || is_own(bulletin) && !bulletin.replaces.is_empty(), "a life begins, or parts");
                }
            }
        }
        let ids: BTreeSet<_> = said.iter().map(|bulletin| &bulletin.id).collect();
        prop_assert_eq!(ids.len(), said.len(), "no name is used twice");
        prop_assert_eq!(&live(&book, &events, 900).1, &said, "the same life is told the same way");
        prop_assert_eq!(&live_with_restarts(&book, &events, 900), &said, "stopping and restoring changes nothing");
        for name in PLACES {
            check_place(&turns, &GovernorateId::new(name).unwrap())?;
        }
        check_nothing_is_dropped(&turns)?;
    }

    #[test]
    fn places_that_are_left_out_would_have_changed_nothing(pieces in prop::collection::vec(any_event(), 0..30)) {
        let mut first = rain(10, 20);
        first.governorates = PLACES.iter().map(|name| GovernorateId::new(name).unwrap()).collect();
        let mut second = first.clone();
        second.id = RuleId::new("rain-at-once").unwrap();
        second.window.statistic = Statistic::Max;
        let mut book = book(first);
        book.rules.change(|rules| rules.push(second));
        let mut state = State::default();
        let events = random_life(&pieces);
        for minute in (0..=700).step_by(usize::try_from(TICK).unwrap()) {
            let own = events.iter().filter(|(when, _)| (minute - TICK + 1..=minute).contains(when));
            for event in own.map(|(_, event)| event) {
                state.adopt(step(&book, &state, event, at(minute)).changes);
            }
            let told = |judge: fn(&RuleBook, &mut Draft<'_>, Timestamp)| {
                let mut draft = Draft::new(&state);
                judge(&book, &mut draft, at(minute));
                draft.finish()
            };
            let all = told(automatic::judge_everywhere);
            prop_assert_eq!(&told(|book, draft, now| automatic::judge(book, draft, &Touched::All, now)), &all);
            state.adopt(all.changes);
            state.adopt(step(&book, &state, &Event::Tick, at(minute)).changes);
        }
    }
}
