//! What is written as CAP is read as CAP: our own decoder finds the same facts in it, and the elements stand as the schema has them.

use super::*;
use crate::alert::{Alert, MsgType, Scope};
use crate::config::Config;
use crate::feed::{self, Surroundings};
use crate::message::cap::{replaced, sender_and_sent, with_references};
use crate::message::rehearsal::bulletins;
use crate::notice::{Stage, Topic};
use crate::table::read_file;

/// The region as it is shipped, with its outlines.
static REGION: LazyLock<Arc<GovernorateBook>> = LazyLock::new(|| {
    let (config, _): (Config, _) = crate::config::load(None).unwrap();
    config.governorates
});

fn written(bulletin: &Bulletin, languages: &[Language]) -> String {
    let message = speaker(false).render(bulletin, &REGION, Form::Cap, languages).unwrap();
    assert_eq!(message.content_type, "application/cap+xml; charset=utf-8");
    message.body
}

/// The alerts that a document means to us.
#[track_caller]
fn decoded(body: &str, now: Timestamp) -> Vec<Alert> {
    let around = Surroundings { book: Arc::clone(&REGION), zone: STYLE.zone, beside: Arc::default(), is_within: false };
    let text = "url = \"https://example.org/cap.xml\"".to_owned();
    let file = Arc::new(SourceFile { name: "feeds.toml".to_owned(), text });
    let feed = read_file(&file, &Problems::new(), |table| (feed::cap::KIND.parse)(&table, &around)).unwrap();
    let batch = feed.decode(body.as_bytes(), now).unwrap();
    assert!(batch.skipped.is_empty(), "{:?}\n{body}", batch.skipped);
    batch.alerts
}

#[track_caller]
fn only(body: &str, now: Timestamp) -> Alert {
    let mut alerts = decoded(body, now);
    assert_eq!(alerts.len(), 1, "{alerts:?}\n{body}");
    alerts.remove(0)
}

#[test]
fn our_own_reader_finds_the_facts_that_were_written() {
    for hazard in Hazard::ALL {
        for severity in Severity::ALL {
            for change in Change::ALL.iter().filter(|change| !change.is_end()) {
                let told = Bulletin {
                    areas: areas(&["jeddah", "taif"]),
                    was: Some(Severity::Red),
                    ..automatic(*change, *hazard, *severity)
                };
                let body = written(&told, &Language::ALL);
                let alert = only(&body, told.issued);
                assert_eq!((alert.hazard, alert.severity), (*hazard, *severity), "{change:?}\n{body}");
                assert_eq!((alert.status, alert.scope), (told.status, Scope::Public));
                assert_eq!((alert.onset, alert.expires), (told.onset, told.until));
                assert_eq!((&alert.areas, &alert.unplaced), (&told.areas, &Vec::new()), "{body}");
                assert_eq!((alert.identity.identifier.as_str(), alert.identity.sent), (told.id.as_str(), told.issued));
                assert!(!alert.all_clear && alert.words.len() == 2, "{body}");
                let ours = speaker(false).render(&told, &REGION, Form::Text, &[Language::Ar]).unwrap().body;
                assert_eq!(alert.words_in("ar").unwrap().headline.as_deref(), ours.lines().next());
            }
        }
    }
}

#[test]
fn every_governorate_is_found_again_by_its_name_and_its_outline() {
    for place in REGION.iter() {
        let told = Bulletin { areas: vec![place.id.clone()], ..automatic(Change::Issued, Hazard::Rain, Severity::Red) };
        let body = written(&told, &[Language::Ar]);
        assert_eq!(only(&body, told.issued).areas, told.areas, "{body}");
        assert!(body.contains("<polygon>"), "{}", place.id);
        // By the outline alone.
        let nameless = body.replace(place.formal.get(Language::Ar), "هنا");
        assert!(only(&nameless, told.issued).areas.contains(&place.id), "{nameless}");
        let longest = body.lines().filter(|line| line.contains("<polygon>")).map(|line| line.split(' ').count()).max();
        assert!(longest.unwrap() < 120, "{longest:?}");
    }
    let all: Vec<GovernorateId> = REGION.iter().map(|place| place.id.clone()).collect();
    let told = Bulletin { areas: all.clone(), ..automatic(Change::Issued, Hazard::Rain, Severity::Red) };
    let body = written(&told, &Language::ALL);
    assert_eq!(only(&body, told.issued).areas, all);
    assert!(body.len() < 400_000, "{}", body.len());
}

#[test]
fn only_what_was_lifted_is_all_clear() {
    for change in Change::ALL.iter().filter(|change| change.is_end()) {
        let told = automatic(*change, Hazard::FlashFlood, Severity::Red);
        let body = written(&told, &Language::ALL);
        let alert = only(&body, told.issued);
        assert_eq!(alert.msg_type, MsgType::Cancel);
        assert_eq!(alert.all_clear, *change == Change::Lifted, "{change:?}");
        assert!(!body.contains("<instruction>"), "{change:?}");
        assert!(body.contains("<urgency>Past</urgency>") && alert.expires == told.stale_after, "{body}");
    }
}

#[test]
fn places_where_nobody_knows_are_not_let_go_in_silence() {
    let told = Bulletin {
        areas: areas(&["jeddah"]),
        doubtful: areas(&["taif"]),
        ..official(Change::Updated, Severity::Orange, Vec::new())
    };
    let body = written(&told, &[Language::En]);
    let alerts = decoded(&body, told.issued);
    let named: BTreeSet<&GovernorateId> = alerts.iter().flat_map(|alert| &alert.areas).collect();
    assert_eq!(named.len(), 2, "{body}");
    let doubtful = body.split("<info>").nth(2).unwrap();
    assert!(doubtful.contains("<certainty>Unknown</certainty>") && doubtful.contains("Taif"), "{doubtful}");
}

#[test]
fn what_is_not_meant_for_everyone_says_so_twice() {
    for status in [Status::Exercise, Status::System, Status::Test, Status::Draft, Status::Unknown] {
        let told = Bulletin { status, ..automatic(Change::Issued, Hazard::Rain, Severity::Red) };
        let alert = only(&written(&told, &Language::ALL), told.issued);
        assert_eq!(alert.scope, Scope::Restricted);
        assert!(alert.status != Status::Actual);
    }
    let topic = Topic::ClockSkew { side: crate::notice::Side::Ours, servers: Vec::new() };
    let notice = SCENE.notice(topic, Stage::Begun);
    let body = speaker(false).notify(&notice, &BOOK, Form::Cap, &Language::ALL).unwrap().body;
    assert!(body.contains("<status>System</status>") && body.contains("<scope>Restricted</scope>"), "{body}");
}

#[test]
fn an_authority_is_named_as_the_source_and_its_event_stands_as_it_gave_it() {
    let words = vec![Words {
        language: "ar".to_owned(),
        event: "أمطار غزيرة & سيول <منقولة>".to_owned(),
        instruction: Some("ابتعدوا عن الأودية".to_owned()),
        ..Words::default()
    }];
    let told = official(Change::Issued, Severity::Red, words);
    let Origin::Official { identity, .. } = &told.origin else { panic!() };
    let body = written(&told, &Language::ALL);
    let document = roxmltree::Document::parse(&body).unwrap();
    let texts = |name| {
        document.descendants().filter(|node| node.has_tag_name(name)).filter_map(|node| node.text()).collect::<Vec<_>>()
    };
    assert_eq!(
        document.descendants().find(|node| node.tag_name().name() == "source").unwrap().text(),
        Some(identity.to_string().as_str())
    );
    assert!(
        texts(("urn:oasis:names:tc:emergency:cap:1.2", "event")).contains(&"أمطار غزيرة & سيول <منقولة>"),
        "{body}"
    );
    assert!(body.contains("<instruction>ابتعدوا عن الأودية</instruction>"), "{body}");
}

/// The children of `alert`, `info` and `area` as CAP 1.2 orders them.
const ORDER: [(&str, &[&str]); 3] = [
    (
        "alert",
        &[
            "identifier",
            "sender",
            "sent",
            "status",
            "msgType",
            "source",
            "scope",
            "restriction",
            "addresses",
            "code",
            "note",
            "references",
            "incidents",
            "info",
        ],
    ),
    (
        "info",
        &[
            "language",
            "category",
            "event",
            "responseType",
            "urgency",
            "severity",
            "certainty",
            "audience",
            "eventCode",
            "effective",
            "onset",
            "expires",
            "senderName",
            "headline",
            "description",
            "instruction",
            "web",
            "contact",
            "parameter",
            "resource",
            "area",
        ],
    ),
    ("area", &["areaDesc", "polygon", "circle", "geocode", "altitude", "ceiling"]),
];

#[test]
fn whatever_can_be_told_becomes_a_document_in_the_order_of_the_schema() {
    let (speaker, mut count) = (speaker(true), 0);
    bulletins::every(&SCENE, &BOOK, |bulletin, _, story| {
        count += 1;
        if count % 11 != 0 {
            return;
        }
        let body = speaker.render(bulletin, &BOOK, Form::Cap, &Language::ALL).unwrap().body;
        let body = with_references(&body, &["nadhir.mkh,OLD-1.1,2025-12-09T00:00:00+03:00".to_owned()]);
        let document = roxmltree::Document::parse(&body).unwrap_or_else(|why| panic!("{story}: {why}\n{body}"));
        for (parent, order) in ORDER {
            for node in document.descendants().filter(|node| node.tag_name().name() == parent) {
                let children =
                    node.children().filter(roxmltree::Node::is_element).map(|child| child.tag_name().name().to_owned());
                let places: Vec<usize> =
                    children.map(|name| order.iter().position(|known| *known == name).unwrap()).collect();
                assert!(places.is_sorted(), "{story}\n{body}");
            }
        }
        let texts = document.descendants().filter(roxmltree::Node::is_text);
        assert!(texts.filter_map(|node| node.text()).all(|text| !text.contains(|c: char| c.is_control() && c != '\n')));
    });
    assert!(100 < count);
}

#[test]
fn what_is_replaced_is_named_and_is_referred_to_once_that_is_known() {
    let told = automatic(Change::Raised, Hazard::Rain, Severity::Red);
    let body = written(&told, &Language::ALL);
    assert!(!told.replaces.is_empty() && replaced(&body) == told.replaces, "{body}");
    assert_eq!(sender_and_sent(&body).unwrap().0, "nadhir.mkh");
    let before = "nadhir.mkh,MKH-2025-000012.1,2025-12-09T00:00:00+03:00";
    let alert = only(&with_references(&body, &[before.to_owned()]), told.issued);
    assert_eq!((alert.msg_type, alert.references.len()), (MsgType::Update, 1));
    assert_eq!(alert.references[0].identifier, "MKH-2025-000012.1");
    assert_eq!(alert.defects, Vec::<String>::new());
    let alone = only(&with_references(&body, &[]), told.issued);
    assert_eq!((alone.msg_type, alone.references.len()), (MsgType::Alert, 0));
    let ended = written(&automatic(Change::Lifted, Hazard::Rain, Severity::Red), &Language::ALL);
    assert!(with_references(&ended, &[]).contains("<msgType>Cancel</msgType>"), "{ended}");
}

#[test]
fn the_document_is_as_it_is_printed_here() {
    let told = Bulletin {
        areas: areas(&["jeddah"]),
        status: Status::Exercise,
        ..automatic(Change::Raised, Hazard::FlashFlood, Severity::Red)
    };
    let body = speaker(false).render(&told, &BOOK, Form::Cap, &Language::ALL).unwrap().body;
    golden::golden("cap", &body);
}
