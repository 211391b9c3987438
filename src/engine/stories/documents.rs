//! Stories of documents: several parts in one, other words under a known name, words that are not for everyone, and twins that
//! wait for one another.

use super::super::FeedState;
use super::*;
use crate::feed::{Surroundings, cap};
use crate::notice::{Holding, Topic};
use crate::problem::{Problems, SourceFile};
use crate::table::read_file;

pub(super) fn taif() -> GovernorateId {
    GovernorateId::new("taif").unwrap()
}

/// The parts of one document: what is of the first and differs in severity and place.
pub(super) fn document(minute: i64, until: i64, parts: &[(Severity, &[GovernorateId])]) -> Vec<Alert> {
    let part = |(number, (severity, areas)): (usize, &(Severity, &[GovernorateId]))| Alert {
        part: u16::try_from(number).unwrap(),
        fingerprint: 1,
        areas: areas.to_vec(),
        unplaced: if areas.is_empty() { vec!["Atlantis".to_owned()] } else { Vec::new() },
        ..alert(minute, *severity, until)
    };
    parts.iter().enumerate().map(part).collect()
}

pub(super) fn referring(parts: Vec<Alert>, msg_type: MsgType, to: &Alert) -> Vec<Alert> {
    parts.into_iter().map(|part| Alert { msg_type, references: vec![to.identity.clone()], ..part }).collect()
}

pub(super) fn heard(documents: &[(i64, Vec<Alert>)]) -> Vec<(i64, Event)> {
    let event = |alerts: &Vec<Alert>| asked("ncm", Batch { alerts: alerts.clone(), ..Batch::default() });
    documents.iter().map(|(minute, alerts)| (*minute, event(alerts))).collect()
}

/// What is said when documents arrive at the minutes given, with the places of each.
#[track_caller]
pub(super) fn check_documents(documents: &[(i64, Vec<Alert>)], expected: &str) -> Vec<Bulletin> {
    let (_, said) = live(&book(rain(0, 20)), &heard(documents), 600);
    let places = |bulletin: &Bulletin| bulletin.areas.iter().map(ToString::to_string).collect::<Vec<_>>().join("+");
    let lines: Vec<String> =
        said.iter().map(|bulletin| format!("{} {}", tell(std::slice::from_ref(bulletin)), places(bulletin))).collect();
    assert_eq!(lines.join("; "), expected);
    said
}

#[test]
fn each_place_hears_its_own_severity_and_no_other() {
    let both = document(10, 300, &[(Severity::Red, &[jeddah()]), (Severity::Yellow, &[taif()])]);
    let cancel = referring(document(60, 300, &[(Severity::Red, &[])]), MsgType::Cancel, &both[0]);
    let said = check_documents(
        &[(10, both), (60, cancel)],
        "00:10 issued red official jeddah; 00:10 issued yellow official taif; \
         01:00 lifted red official jeddah; 01:00 lifted yellow official taif",
    );
    assert_ne!(said[0].number, said[1].number);
}

#[test]
fn an_update_goes_on_part_by_part() {
    let first = document(10, 300, &[(Severity::Red, &[jeddah()]), (Severity::Yellow, &[taif()])]);
    let second = document(60, 400, &[(Severity::Orange, &[taif()]), (Severity::Red, &[jeddah()])]);
    let second = referring(second, MsgType::Update, &first[0]);
    let said = check_documents(
        &[(10, first), (60, second)],
        "00:10 issued red official jeddah; 00:10 issued yellow official taif; \
         01:00 raised orange official taif; 01:00 extended red official jeddah; \
         06:40 expired red official jeddah; 06:40 expired orange official taif",
    );
    assert_eq!((&said[2].number, &said[3].number), (&said[1].number, &said[0].number));
    assert!(said[2].left.is_empty() && said[3].left.is_empty());
}

#[test]
fn a_place_that_goes_over_into_another_part_is_not_told_that_the_warning_has_left_it() {
    let first = document(10, 300, &[(Severity::Red, &[jeddah(), taif()])]);
    let second = document(60, 300, &[(Severity::Red, &[jeddah()]), (Severity::Yellow, &[taif()])]);
    let second = referring(second, MsgType::Update, &first[0]);
    let said = check_documents(
        &[(10, first), (60, second)],
        "00:10 issued red official jeddah+taif; 01:00 updated red official jeddah; 01:00 issued yellow official taif; \
         05:00 expired red official jeddah; 05:00 expired yellow official taif",
    );
    assert!(said[1].left.is_empty());
    assert_eq!(said[2].replaces, vec![said[0].id.clone()], "in Taif the yellow word takes the place of the red one");
    assert_eq!(said[2].reach.worst, Severity::Red);
}

#[test]
fn a_part_that_says_all_clear_leaves_its_place() {
    let first = document(10, 300, &[(Severity::Red, &[jeddah(), taif()])]);
    let mut second = document(60, 300, &[(Severity::Red, &[jeddah()]), (Severity::Red, &[taif()])]);
    second[1].all_clear = true;
    let second = referring(second, MsgType::Update, &first[0]);
    let said = check_documents(
        &[(10, first), (60, second)],
        "00:10 issued red official jeddah+taif; 01:00 updated red official jeddah; 05:00 expired red official jeddah",
    );
    assert_eq!(said[1].left, [taif()]);
}

#[test]
fn what_comes_first_under_a_name_counts_and_other_words_are_an_incident_told_once() {
    let first = document(10, 300, &[(Severity::Yellow, &[jeddah()])]);
    let mut other = document(10, 300, &[(Severity::Red, &[jeddah()])]);
    other[0].fingerprint = 2;
    let arrivals = heard(&[(10, first.clone()), (20, other.clone()), (30, first), (40, other)]);
    let mut state = State::default();
    let (mut incidents, mut said) = (0, Vec::new());
    for (minute, event) in arrivals {
        let outcome = step(&book(rain(0, 20)), &state, &event, at(minute));
        incidents += outcome.journal.iter().filter(|entry| entry.kind == "incident").count();
        said.extend(outcome.bulletins);
        state.adopt(outcome.changes);
    }
    assert_eq!((tell(&said).as_str(), incidents), ("00:10 issued yellow official", 1));
}

#[test]
fn what_is_not_for_everyone_reaches_nobody() {
    for scope in [Scope::Restricted, Scope::Private] {
        let mut closed = document(10, 300, &[(Severity::Red, &[jeddah()])]);
        closed[0].scope = scope;
        check_documents(&[(10, closed)], "");
    }
}

/// An Arabic alert and its English twin, which arrive at the minutes given, with a patience of 20 minutes.
#[track_caller]
fn check_twins(severity: Severity, arrivals: [i64; 2], expected: &str) -> Vec<Bulletin> {
    let arabic = alert(10, severity, 300);
    let mut english = arabic.clone();
    english.identity.identifier.push_str("-en");
    english.words[0].language = "en".into();
    let mut book = book(rain(0, 20));
    book.feeds.get_mut(&feed("ncm")).unwrap().twin_wait = TimeDelta::minutes(20);
    let events = [(arrivals[0], said(arabic)), (arrivals[1], said(english))];
    let (_, said) = live(&book, &events, 200);
    assert_eq!(tell(&said), expected);
    said
}

#[test]
fn twins_below_red_wait_for_one_another_and_are_one_bulletin() {
    let said = check_twins(Severity::Orange, [10, 20], "00:20 issued orange official");
    assert!(said[0].only_in.is_empty());
    let Origin::Official { words, .. } = &said[0].origin else { panic!() };
    assert_eq!(words.len(), 2);
}

#[test]
fn a_twin_that_does_not_come_is_not_waited_for_for_ever() {
    let said = check_twins(Severity::Orange, [10, 60], "00:30 issued orange official; 01:00 updated orange official");
    assert_eq!(said[1].only_in, [Language::En], "who reads Arabic alone has heard it");
}

#[test]
fn a_red_alert_waits_for_nobody() {
    let said = check_twins(Severity::Red, [10, 20], "00:10 issued red official; 00:20 updated red official");
    assert_eq!(said[1].only_in, [Language::En]);
}

#[test]
fn a_short_alert_does_not_wait_its_life_away() {
    let mut book = book(rain(0, 20));
    book.feeds.get_mut(&feed("ncm")).unwrap().twin_wait = TimeDelta::minutes(20);
    let (_, said_now) = live(&book, &[(10, said(alert(10, Severity::Orange, 25)))], 20);
    assert_eq!(tell(&said_now), "00:10 issued orange official");
}

#[test]
fn a_cancel_overtakes_what_still_waits() {
    let first = alert(10, Severity::Orange, 300);
    let cancel = referring(vec![alert(20, Severity::Orange, 300)], MsgType::Cancel, &first).remove(0);
    let mut book = book(rain(0, 20));
    book.feeds.get_mut(&feed("ncm")).unwrap().twin_wait = TimeDelta::minutes(20);
    let (state, told) = live(&book, &[(10, said(first)), (20, said(cancel))], 100);
    assert_eq!((tell(&told).as_str(), state.warnings().count()), ("", 0));
}

#[test]
fn a_clock_set_back_does_not_have_an_alert_wait_longer_for_its_twin() {
    let mut book = book(rain(0, 20));
    book.feeds.get_mut(&feed("ncm")).unwrap().twin_wait = TimeDelta::minutes(20);
    let mut state = State::default();
    let mut told = Vec::new();
    let long = alert(10, Severity::Orange, 6000);
    for (minute, event) in [(1500, said(long)), (1510, Event::Tick), (60, Event::Tick), (70, Event::Tick)] {
        let outcome = step(&book, &state, &event, at(minute));
        told.extend(outcome.bulletins);
        state.adopt(outcome.changes);
    }
    assert_eq!(tell(&told), "01:00 issued orange official");
}

#[test]
fn an_alert_of_unknown_status_reaches_nobody_and_the_staff_hear_of_it() {
    let strange = |status| Alert { status, ..alert(10, Severity::Red, 300) };
    let outcome = |status| step(&book(rain(0, 20)), &State::default(), &said(strange(status)), at(10));
    let held = outcome(Status::Unknown);
    let [notice] = held.notices.as_slice() else { panic!("{:?}", held.notices) };
    assert!(matches!(notice.topic, Topic::AlertHeld { why: Holding::UnknownStatus, .. }) && held.bulletins.is_empty());
    for drill in [Status::Exercise, Status::System, Status::Test, Status::Draft] {
        assert!(outcome(drill).notices.is_empty() && outcome(drill).bulletins.is_empty());
    }
}

#[test]
fn what_an_authority_edits_under_one_name_goes_on_in_one_warning() {
    let edition = |minute: i64, severity, until| {
        let mut edition = alert(minute, severity, until);
        edition.line = Some("ews-41".to_owned());
        edition.fingerprint = u64::try_from(until).unwrap();
        edition
    };
    let mut saved_again = edition(60, Severity::Red, 400);
    saved_again.identity.sent = at(90);
    let mut over = edition(120, Severity::Red, 401);
    over.msg_type = MsgType::Cancel;
    let said = check_documents(
        &[
            (10, vec![edition(10, Severity::Yellow, 300)]),
            (60, vec![edition(60, Severity::Red, 400)]),
            (80, vec![edition(60, Severity::Red, 400)]),
            (90, vec![saved_again]),
            (120, vec![over]),
        ],
        "00:10 issued yellow official jeddah; 01:00 raised red official jeddah; 02:00 lifted red official jeddah",
    );
    assert!(said.iter().all(|bulletin| bulletin.number == said[0].number));
}

#[test]
fn context_is_written_down_once_and_warns_nobody() {
    let event = crate::feed::Context {
        identity: "TC1001150.2".to_owned(),
        title: "Tropical cyclone".to_owned(),
        kind: "TC".to_owned(),
        level: "Red".to_owned(),
        at: Some(at(0)),
        link: None,
    };
    let heard = asked("gdacs", Batch { context: vec![event], ..Batch::default() });
    let (mut state, mut lines) = (State::default(), 0);
    for minute in [10, 20] {
        let outcome = step(&book(rain(0, 20)), &state, &heard, at(minute));
        lines += outcome.journal.iter().filter(|entry| entry.kind == "context").count();
        assert!(outcome.bulletins.is_empty());
        state.adopt(outcome.changes);
    }
    assert_eq!(lines, 1);
}

#[test]
fn what_could_not_be_placed_is_told_when_a_mended_gazetteer_places_it() {
    let nowhere = document(10, 300, &[(Severity::Red, &[])]);
    let placed = document(10, 300, &[(Severity::Red, &[jeddah()])]);
    check_documents(
        &[(10, nowhere.clone()), (20, nowhere), (30, placed.clone()), (40, placed)],
        "00:30 issued red official jeddah; 05:00 expired red official jeddah",
    );
    let known = FeedState { entries: ["a".to_owned()].into(), gazetteer: 1, ..FeedState::new(at(0)) };
    assert_eq!((known.clone().under(1).entries.len(), known.under(2).entries.len()), (1, 0));
}

#[test]
fn what_is_of_other_regions_alone_is_nobodys_here_and_takes_the_warning_along() {
    let mut book = book(rain(0, 20));
    book.governorates =
        Arc::new((*book.governorates).clone().beside(&["منطقة الرياض".to_owned(), "الطائف".to_owned()]));
    let mut far = alert(5, Severity::Red, 300);
    (far.areas, far.unplaced) = (Vec::new(), vec!["منطقة الرياض".to_owned()]);
    let here = alert(10, Severity::Red, 300);
    let mut moved = referring(vec![alert(60, Severity::Red, 300)], MsgType::Update, &here).remove(0);
    (moved.areas, moved.unplaced) = (Vec::new(), Vec::new());
    let (_, told) = live(&book, &[(5, said(far.clone())), (10, said(here)), (60, said(moved))], 100);
    assert_eq!(tell(&told), "00:10 issued red official; 01:00 lifted red official");
    let outcome = step(&book, &State::default(), &said(far), at(5));
    assert!(outcome.notices.is_empty() && outcome.journal.iter().any(|entry| entry.kind == "elsewhere"));
    assert!(!book.governorates.is_elsewhere("الطائف"), "a name of ours stays ours");
}

#[test]
fn a_part_that_was_held_beside_one_that_was_told_is_told_when_a_mended_gazetteer_places_it() {
    let before = document(10, 300, &[(Severity::Red, &[jeddah()]), (Severity::Yellow, &[])]);
    let after = document(10, 300, &[(Severity::Red, &[jeddah()]), (Severity::Yellow, &[taif()])]);
    check_documents(
        &[(10, before.clone()), (20, before.clone()), (30, after.clone()), (40, after.clone()), (50, before)],
        "00:10 issued red official jeddah; 00:30 issued yellow official taif; \
         05:00 expired red official jeddah; 05:00 expired yellow official taif",
    );
    // Placed in full, it goes on and ends as one document.
    let before = document(10, 300, &[(Severity::Red, &[jeddah()]), (Severity::Yellow, &[])]);
    let cancel = referring(document(60, 300, &[(Severity::Red, &[])]), MsgType::Cancel, &before[0]);
    check_documents(
        &[(10, before), (30, after), (60, cancel)],
        "00:10 issued red official jeddah; 00:30 issued yellow official taif; \
         01:00 lifted red official jeddah; 01:00 lifted yellow official taif",
    );
}

#[test]
fn a_place_of_a_part_that_was_told_elsewhere_is_told_when_it_is_known_and_alone() {
    let mut before = document(10, 300, &[(Severity::Red, &[jeddah()])]);
    before[0].unplaced = vec!["Atlantis".to_owned()];
    let after = document(10, 300, &[(Severity::Red, &[jeddah(), taif()])]);
    check_documents(
        &[(10, before), (30, after)],
        "00:10 issued red official jeddah; 00:30 issued red official taif; \
         05:00 expired red official jeddah; 05:00 expired red official taif",
    );
}

#[test]
fn a_part_that_was_held_and_has_been_corrected_or_ended_is_not_told_any_more() {
    let before = document(10, 300, &[(Severity::Red, &[jeddah()]), (Severity::Yellow, &[])]);
    let after = document(10, 300, &[(Severity::Red, &[jeddah()]), (Severity::Yellow, &[taif()])]);
    let cancel = referring(document(20, 300, &[(Severity::Red, &[])]), MsgType::Cancel, &before[0]);
    check_documents(
        &[(10, before.clone()), (20, cancel), (30, after.clone())],
        "00:10 issued red official jeddah; 00:20 lifted red official jeddah",
    );
    let update = referring(document(20, 300, &[(Severity::Orange, &[jeddah()])]), MsgType::Update, &before[0]);
    check_documents(
        &[(10, before), (20, update), (30, after)],
        "00:10 issued red official jeddah; 00:20 lowered orange official jeddah; 05:00 expired orange official jeddah",
    );
}

#[test]
fn what_was_told_in_one_language_is_told_in_the_other_when_that_one_is_placed() {
    let mut both = document(10, 300, &[(Severity::Red, &[jeddah()]), (Severity::Red, &[])]);
    both[1].words[0].language = "en".into();
    let words = both.iter().flat_map(|part| part.words.clone()).collect();
    let joined = vec![Alert { words, ..document(10, 300, &[(Severity::Red, &[jeddah()])]).remove(0) }];
    let said = check_documents(
        &[(10, both), (30, joined)],
        "00:10 issued red official jeddah; 00:30 updated red official jeddah; 05:00 expired red official jeddah",
    );
    assert_eq!(said[1].only_in, [Language::En]);
}

/// The alerts of a CAP document as the feed reads them, where Taif has another name as well or none.
fn read_with(other_name: Option<&str>, document: &str, minute: i64) -> Vec<Alert> {
    let known = places();
    let named = known.iter().cloned().map(|mut place| {
        if place.id == taif() {
            place.variants.extend(other_name.map(str::to_owned));
        }
        place
    });
    let bounds = Rect::new(Coord { x: 38.0, y: 18.0 }, Coord { x: 45.0, y: 25.0 });
    let region = Both { ar: "المنطقة".into(), en: "the region".into() };
    let book = Arc::new(GovernorateBook::new(region, bounds, named.collect()).unwrap());
    let around = Surroundings { book, zone: chrono_tz::Asia::Riyadh, beside: Arc::default(), is_within: true };
    let file = Arc::new(SourceFile { name: "feeds.toml".into(), text: String::new() });
    let feed = read_file(&file, &Problems::new(), |table| (cap::KIND.parse)(&table, &around)).unwrap();
    feed.decode(document.as_bytes(), at(minute)).unwrap().alerts
}

#[test]
fn a_document_of_which_a_place_was_misspelt_is_told_there_once_the_name_is_known() {
    let info = |language: &str, event: &str, severity: &str, area: &str| {
        format!(
            "<info><language>{language}</language><category>Met</category><event>{event}</event>\
             <urgency>Immediate</urgency><severity>{severity}</severity><certainty>Likely</certainty>\
             <expires>{}</expires><area><areaDesc>{area}</areaDesc></area></info>",
            at(300).format("%Y-%m-%dT%H:%M:%S+00:00")
        )
    };
    let head = format!(
        "<identifier>i1</identifier><sender>ncm</sender><sent>{}</sent><status>Actual</status><msgType>Alert</msgType>\
         <scope>Public</scope>",
        at(10).format("%Y-%m-%dT%H:%M:%S+00:00")
    );
    let document = |infos: &[String]| {
        format!("<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\">{head}{}</alert>", infos.concat())
    };
    let two_places =
        document(&[info("ar", "أمطار غزيرة", "Severe", "جدة"), info("ar", "أمطار غزيرة", "Moderate", "الطايئف")]);
    let (before, after) = (read_with(None, &two_places, 10), read_with(Some("الطايئف"), &two_places, 30));
    check_documents(
        &[(10, before.clone()), (20, before), (30, after.clone()), (40, after)],
        "00:10 issued orange official jeddah; 00:30 issued yellow official taif; \
         05:00 expired orange official jeddah; 05:00 expired yellow official taif",
    );
    // The same place in two languages, one of them misspelt: who reads the other alone hears it then, and nobody twice.
    let two_languages =
        document(&[info("ar", "أمطار غزيرة", "Severe", "الطائف"), info("en", "Heavy rain", "Severe", "Tayef")]);
    let (before, after) = (read_with(None, &two_languages, 10), read_with(Some("Tayef"), &two_languages, 30));
    assert_eq!((before.len(), after.len()), (2, 1), "the languages are one part once both places are known");
    let said = check_documents(
        &[(10, before), (30, after)],
        "00:10 issued orange official taif; 00:30 updated orange official taif; 05:00 expired orange official taif",
    );
    assert_eq!(said[1].only_in, [Language::En]);
}
