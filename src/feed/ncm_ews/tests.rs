//! Stories of early warnings. No recorded answer exists in public: every body here is reconstructed from the shape that programs
//! which read this interface expect, and from the words of warnings that newspapers quoted.

use proptest::prelude::*;

use super::*;
use crate::alert::{Alert, MsgType, Status};
use crate::feed::keys::tests::{feed, read};
use crate::ids::GovernorateId;

fn now() -> Timestamp {
    "2025-12-08T22:30:00Z".parse().unwrap()
}

const JEDDAH: &str = r#"{"id":41,"link":"https://meteo.ncm.gov.sa/x","title":"الإنذار الأحمر على محافظة جدة","regionAR":"منطقة مكة المكرمة",
"regionEn":"Makkah","regiondID":2,"governorates":[{"id":7,"nameAr":"جدة","nameEn":"Jeddah"}],"message":"أمطار غزيرة حتى الساعة 1 ظهرًا",
"alertType":"Rain","alertTypeAr":"أمطار","alertStatusCategory":"Red","alertStatusAr":"الإنذار الأحمر",
"alertHazards":[{"id":1,"descriptionAr":"أمطار غزيرة"},{"id":2,"descriptionAr":"جريان السيول"}],
"fromdate":"2025-12-09T01:00:00+03:00","todate":"2025-12-09T13:00:00+03:00","lastModified":"2025-12-09T00:40:00+03:00"}"#;

fn decode(body: &str) -> Result<Batch, DecodeError> {
    feed(&KIND, "").decode(body.as_bytes(), now())
}

#[track_caller]
fn only(body: &str) -> Alert {
    let batch = decode(body).unwrap();
    assert_eq!((batch.alerts.len(), batch.strange.as_slice()), (1, [].as_slice()), "{body}");
    batch.alerts[0].clone()
}

/// One line for each alert and each strange part.
fn tell(body: &str) -> String {
    let batch = match decode(body) {
        Ok(batch) => batch,
        Err(why) => return why.to_string(),
    };
    let alerts = batch.alerts.iter().map(|alert| {
        let areas: Vec<&str> = alert.areas.iter().map(GovernorateId::as_str).collect();
        let (onset, expires) = (alert.onset.format("%d %H:%M"), alert.expires.format("%d %H:%M"));
        let unplaced =
            if alert.unplaced.is_empty() { String::new() } else { format!(" unplaced {}", alert.unplaced.join("; ")) };
        format!("{} {} [{}] {onset} to {expires}{unplaced}", alert.severity, alert.hazard, areas.join(" "))
    });
    let strange = batch.strange.iter().map(|skip| format!("strange {}: {}", skip.part, skip.why));
    alerts
        .chain(strange)
        .chain(batch.skipped.iter().map(|skip| format!("skipped {}", skip.why)))
        .collect::<Vec<_>>()
        .join("\n")
}

#[track_caller]
fn check(body: &str, expected: &str) {
    assert_eq!(tell(body), expected, "{body}");
}

/// The warning for Jeddah with some of its keys changed; one that is made null is as good as absent.
fn with(changes: serde_json::Value) -> String {
    let mut alert: serde_json::Map<String, serde_json::Value> = serde_json::from_str(JEDDAH).unwrap();
    let serde_json::Value::Object(changes) = changes else { panic!() };
    alert.extend(changes);
    serde_json::Value::from(vec![alert]).to_string()
}

const TOLD: &str = "red flash-flood [jeddah] 08 22:00 to 09 10:00";

#[test]
fn a_warning_is_read_in_the_authoritys_own_words() {
    let alert = only(&format!("[{JEDDAH}]"));
    assert_eq!(tell(&format!("[{JEDDAH}]")), TOLD);
    assert_eq!(
        (alert.status, alert.msg_type, alert.identity.sender.as_str()),
        (Status::Actual, MsgType::Alert, "ncm.gov.sa")
    );
    assert_eq!(alert.line.as_deref(), Some("ews-41"));
    assert!(alert.identity.identifier.starts_with("ews-41."));
    assert_eq!(alert.identity.sent, "2025-12-08T21:40:00Z".parse::<Timestamp>().unwrap());
    assert_eq!(alert.defects, Vec::<String>::new());
    let [words] = alert.words.as_slice() else { panic!("{:?}", alert.words) };
    assert_eq!((words.language.as_str(), words.event.as_str()), ("ar", "أمطار غزيرة، جريان السيول"));
    assert_eq!(words.headline.as_deref(), Some("الإنذار الأحمر على محافظة جدة"));
    assert_eq!(words.description.as_deref(), Some("أمطار غزيرة حتى الساعة 1 ظهرًا"));
    assert_eq!(words.web.as_deref(), Some("https://meteo.ncm.gov.sa/x"));
}

#[test]
fn both_languages_are_told_where_both_are_spoken() {
    let alert = only(&with(serde_json::json!({
        "titleEn": "Red warning for Jeddah", "messageEn": "Heavy rain until 1 pm",
        "alertHazards": [{"descriptionAr": "أمطار غزيرة", "descriptionEn": "Heavy rain"}],
    })));
    let told: Vec<(&str, &str, Option<&str>)> = alert
        .words
        .iter()
        .map(|words| (words.language.as_str(), words.event.as_str(), words.headline.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("ar", "أمطار غزيرة", Some("الإنذار الأحمر على محافظة جدة")),
            ("en", "Heavy rain", Some("Red warning for Jeddah"))
        ]
    );
}

#[test]
fn keys_are_read_in_any_case_and_lists_in_any_wrapping() {
    check(
        &format!(
            "[{}]",
            JEDDAH
                .replace("regionAR", "RegionAr")
                .replace("fromdate", "FromDate")
                .replace("governorates", "Governorates")
        ),
        TOLD,
    );
    for wrapped in [
        JEDDAH.to_owned(),
        format!("{{\"data\":[{JEDDAH}],\"links\":[],\"total\":1}}"),
        format!("{{\"d\":{{\"results\":[{JEDDAH}]}}}}"),
        format!("[{{\"alert\":{JEDDAH}}}]"),
        format!("\u{feff}[{JEDDAH}]"),
        format!(
            "{{\"type\":\"FeatureCollection\",\"features\":[{{\"type\":\"Feature\",\"geometry\":null,\"properties\":{JEDDAH}}}]}}"
        ),
    ] {
        check(&wrapped, TOLD);
    }
    // What stands beside the list may look like a warning as well, and never takes its place.
    let period = "{\"fromDate\":\"2025-12-09T00:00Z\",\"toDate\":\"x\"}";
    let beside = tell(&format!("{{\"period\":{period},\"alerts\":[{JEDDAH}]}}"));
    assert!(beside.contains(TOLD) && beside.contains("strange alert"), "{beside}");
    check(&format!("{{\"makkah\":[{JEDDAH}],\"coast\":[{}]}}", JEDDAH.replace("41", "42")), &format!("{TOLD}\n{TOLD}"));
}

#[test]
fn an_empty_list_is_nothing_and_an_unknown_answer_is_an_alarm() {
    for empty in ["[]", "{\"alerts\":[]}", "{\"type\":\"FeatureCollection\",\"features\":[]}"] {
        assert!(decode(empty).unwrap().is_empty(), "{empty}");
    }
    check("{}", "expected the early warnings of NCM, found JSON with no keys");
    check("{\"error\":\"x\"}", "expected the early warnings of NCM, found JSON with the keys `error`");
    check("null", "expected the early warnings of NCM, found a text that begins «null»");
    check("<html>", "expected the early warnings of NCM, found a web page (HTML)");
    assert!(tell("[{\"id\":").starts_with("the JSON: "));
    check(
        "[{\"colour\":\"red\",\"where\":\"جدة\"},7]",
        "strange alert 1: it is in no shape known here: it has the keys `colour`, `where`\nstrange alert 2: it is no warning but 7",
    );
    check(
        "{\"links\":[],\"warnings\":[{\"a\":1}]}",
        "strange alert 1: it is in no shape known here: it has the keys `a`",
    );
    let many = format!("[{}]", vec!["1"; 300].join(","));
    assert_eq!(decode(&many).unwrap().strange.len(), MAX_STRANGE + 1);
}

#[test]
fn levels_are_read_by_colour_and_by_word() {
    for (category, status, expected) in [
        ("Red", "الإنذار الأحمر", "red"),
        ("x", "الإنذار البرتقالي", "orange"),
        ("x", "الإنذار الأصفر", "yellow"),
        ("x", "الإنذار الأخضر", "advisory"),
        ("ORANGE", "", "orange"),
        ("Green", "", "advisory"),
        ("x", "تنبيه متقدم", "orange"),
        ("x", "تنبيه", "yellow"),
        ("x", "تحذير", "red"),
        ("x", "تنويه", "advisory"),
        ("Alert", "الإنذار الأصفر", "yellow"),
    ] {
        let changes = serde_json::json!({"alertStatusCategory": category, "alertStatusAr": status, "title": "أمطار"});
        let alert = only(&with(changes));
        assert_eq!(alert.severity.name(), expected, "{category} {status}");
    }
    let several = only(&with(serde_json::json!({"alertStatusCategory": "yellow"})));
    assert_eq!((several.severity.name(), several.defects.len()), ("red", 1));
    let by_title = only(&with(serde_json::json!({"alertStatusCategory": 3, "alertStatusAr": null})));
    assert_eq!(by_title.severity.name(), "red");
    let strange = "strange alert 1: it names no level known here; it is relayed as yellow";
    check(
        &with(serde_json::json!({"alertStatusCategory": "D", "alertStatusAr": "", "title": "الإنذار المبكر"})),
        &format!("yellow flash-flood [jeddah] 08 22:00 to 09 10:00\n{strange}"),
    );
}

#[test]
fn drills_are_marked_and_what_is_taken_back_is_a_cancel() {
    let status = |changes| only(&with(changes)).status;
    assert_eq!(status(serde_json::json!({"title": "اختبار النظام: الإنذار الأحمر"})), Status::Test);
    assert_eq!(status(serde_json::json!({"alertStatusAr": "الإنذار الأحمر (تجريبي)"})), Status::Test);
    assert_eq!(status(serde_json::json!({"title": "Latest red warning"})), Status::Actual);
    for word in ["ملغي", "تم إلغاء الإنذار", "الإلغاء", "Cancelled"] {
        let alert = only(&with(serde_json::json!({"alertStatusAr": word})));
        assert_eq!((alert.msg_type, alert.line.as_deref()), (MsgType::Cancel, Some("ews-41")), "{word}");
    }
}

#[test]
fn governorates_are_found_by_either_name_and_other_regions_are_no_fault() {
    let check = |changes: serde_json::Value, expected: &str| check(&with(changes), expected);
    let rest = "08 22:00 to 09 10:00";
    for governorates in [
        serde_json::json!(["جده"]),
        serde_json::json!("جدة"),
        serde_json::json!({"NAMEEN": "Jeddah"}),
        serde_json::json!({"7": "محافظة جدة"}),
        serde_json::json!([{"name": {"ar": "جدة", "en": "Jeddah"}, "regionNameAr": "مكة المكرمة"}]),
    ] {
        check(serde_json::json!({"governorates": governorates}), TOLD);
    }
    let two = serde_json::json!({"governorates": "الطائف، جدة"});
    check(two, &format!("red flash-flood [jeddah taif] {rest}"));
    let unknown = serde_json::json!({"governorates": [{"nameAr": "جدة"}, {"nameAr": "جدية", "nameEn": "Jedda"}]});
    check(unknown, &format!("red flash-flood [jeddah] {rest} unplaced جدية / Jedda"));
    for region in [("منطقة الرياض", "Riyadh"), ("المنطقة الشرقية", ""), ("", "Al-Baha Region")]
    {
        let (ar, en) = region;
        // It is handed on without a place, since it may have been one of ours before it was edited.
        let changes = serde_json::json!({"regionAR": ar, "regionEn": en, "governorates": [{"nameAr": "جدة"}]});
        check(changes, &format!("red flash-flood [] {rest}"));
    }
    for region in ["مكة المكرمة", "Makkah Al-Mukarramah", "منطقة مكة المكرمة", ""] {
        check(serde_json::json!({"regionAR": region, "regionEn": null}), TOLD);
    }
}

#[test]
fn no_governorate_is_never_every_governorate() {
    for nobody in [serde_json::json!([]), serde_json::json!(null)] {
        check(
            &with(serde_json::json!({ "governorates": nobody })),
            "red flash-flood [] 08 22:00 to 09 10:00 unplaced منطقة مكة المكرمة: no governorate is listed\n\
             strange alert 1: none of its places is known: منطقة مكة المكرمة: no governorate is listed",
        );
    }
}

#[test]
fn a_shape_places_a_warning_whose_names_do_not() {
    let feature = |ring: &str, governorates: &str| {
        let properties = with(serde_json::json!({ "governorates": [governorates] }));
        let properties = properties.trim_matches(['[', ']']).to_owned() + "]";
        let properties = properties.trim_end_matches(']');
        format!(
            r#"{{"type":"FeatureCollection","features":[{{"type":"Feature","properties":{properties},"geometry":{{"type":"Polygon","coordinates":[[{ring}]]}}}}]}}"#
        )
    };
    let taif = "[40.3,21.1],[40.6,21.1],[40.6,21.4],[40.3,21.4],[40.3,21.1]";
    assert!(tell(&feature(taif, "؟")).starts_with("red flash-flood [taif]"), "{}", tell(&feature(taif, "؟")));
    // Names are what the authority keys its warnings by: a shape adds nobody to them.
    assert!(tell(&feature(taif, "جدة")).starts_with("red flash-flood [jeddah]"));
    // Latitude first is put right by the region's frame.
    let swapped = "[21.1,40.3],[21.1,40.6],[21.4,40.6],[21.4,40.3],[21.1,40.3]";
    assert!(tell(&feature(swapped, "؟")).starts_with("red flash-flood [taif]"));
}

#[test]
fn dates_are_read_in_any_form_and_an_offset_is_never_made_up_in_silence() {
    for (from, to, defects) in [
        ("09/12/2025 01:00", "09/12/2025 13:00", 2),
        ("2025-12-09T01:00:00", "2025-12-09T10:00:00Z", 1),
        ("/Date(1765231200000)/", "/Date(1765274400000+0300)/", 0),
        ("1765231200", "1765274400000", 0),
        ("٠٩/١٢/٢٠٢٥ ٠١:٠٠ ص", "09/12/2025 01:00 م", 2),
    ] {
        let body = with(serde_json::json!({"fromdate": from, "todate": to}));
        assert_eq!(tell(&body), TOLD, "{from}");
        assert_eq!(only(&body).defects.len(), defects, "{from}: {:?}", only(&body).defects);
    }
    let endless = with(serde_json::json!({"todate": null}));
    assert_eq!(
        (tell(&endless).as_str(), only(&endless).defects.len()),
        ("red flash-flood [jeddah] 08 22:00 to 09 10:00", 1)
    );
    check(
        &with(serde_json::json!({"todate": "18/06/1447 01:00"})),
        "red flash-flood [jeddah] 08 22:00 to 09 10:00\nstrange alert 1: `todate` is not a date known here: «\"18/06/1447 01:00\"»",
    );
    let undated = serde_json::json!({"fromdate": "soon", "todate": null, "lastModified": null});
    check(
        &with(undated),
        "strange alert 1: `fromdate` is not a date known here: «\"soon\"»\n\
         strange alert 1: it has no date that could be read: it is not relayed",
    );
}

#[test]
fn a_name_holds_over_polls_and_changes_with_what_is_said() {
    let name = |changes| only(&with(changes)).identity;
    let first = name(serde_json::json!({}));
    assert_eq!(first, name(serde_json::json!({"views": 17, "ID": 41})), "what is beside the warning does not count");
    for changed in [
        serde_json::json!({"alertStatusCategory": "Orange", "alertStatusAr": "", "title": "x"}),
        serde_json::json!({"todate": "2025-12-09T15:00:00+03:00"}),
        serde_json::json!({"governorates": ["الطائف"]}),
        serde_json::json!({"message": "أمطار"}),
    ] {
        let changed = only(&with(changed));
        assert_ne!(first.identifier, changed.identity.identifier);
        assert_eq!(changed.line.as_deref(), Some("ews-41"), "an edition of the same line");
    }
    let saved = only(&with(serde_json::json!({"lastModified": "2025-12-09T01:10:00+03:00"})));
    assert_eq!(
        (first.identifier.as_str(), first.sent < saved.identity.sent),
        (saved.identity.identifier.as_str(), true)
    );
    let nameless = with(serde_json::json!({"id": null}));
    assert_eq!(only(&nameless).identity, only(&nameless).identity);
    assert_eq!(only(&nameless).defects, ["it has no id"]);
}

/// The places and effects of warnings that newspapers quoted, put into the reconstructed shape and read with the shipped
/// governorates: each finds its places, and nothing of it is strange.
#[test]
fn collected_warnings_find_their_places_among_the_seventeen() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/messages/warnings_real.tsv");
    let Ok(text) = std::fs::read_to_string(path) else { return };
    let (config, _) = crate::config::load(None).unwrap();
    let ews = NcmEws {
        url: Url::parse(PUBLIC_URL).unwrap(),
        default_life: TimeDelta::hours(12),
        book: Arc::clone(&config.governorates),
    };
    let mut count = 0;
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        let (areas, effects) = (cells[3].split('(').next().unwrap(), cells[6]);
        let body = with(serde_json::json!({
            "governorates": areas.split('،').map(|area| serde_json::json!({"nameAr": area.trim()})).collect::<Vec<_>>(),
            "alertHazards": [{"descriptionAr": effects}],
        }));
        let batch = ews.decode(body.as_bytes(), now()).unwrap();
        let [alert] = batch.alerts.as_slice() else { panic!("{line}: {batch:?}") };
        assert_eq!((alert.unplaced.as_slice(), batch.strange.as_slice()), ([].as_slice(), [].as_slice()), "{line}");
        assert!(!alert.areas.is_empty(), "{line}");
        count += 1;
    }
    assert_eq!(count, 9);
}

#[test]
fn the_example_is_without_faults() {
    let (_, faults) = read(&KIND, KIND.example.split_once('\n').unwrap().1);
    assert_eq!(faults, Vec::<String>::new());
    assert!(read(&KIND, "default_life = \"9d\"").1.concat().contains("out of range"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a broken line makes of it: no panic, and a warning is never for a governorate that nobody named.
    #[test]
    fn a_mutated_answer_breaks_nothing(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut body = format!("[{JEDDAH}]").into_bytes();
        for (place, byte) in changes {
            let place = place.index(body.len());
            body[place] = byte;
        }
        if let Ok(batch) = feed(&KIND, "").decode(&body, now()) {
            let areas = batch.alerts.iter().flat_map(|alert| &alert.areas);
            prop_assert!(areas.map(GovernorateId::as_str).all(|id| id == "jeddah"));
        }
    }
}

#[test]
fn a_warning_without_a_date_is_as_old_as_its_reading_and_the_same_at_every_one() {
    let undated = with(serde_json::json!({"lastModified": null}));
    let read = |minutes: i64| {
        let now = now() + TimeDelta::minutes(minutes);
        (now, feed(&KIND, "").decode(undated.as_bytes(), now).unwrap().alerts.remove(0))
    };
    let ((first_at, first), (second_at, second)) = (read(0), read(5));
    assert_eq!((first.written(), second.written()), (first_at, second_at));
    assert_eq!((&first.identity, first.fingerprint), (&second.identity, second.fingerprint));
    let dated = only(JEDDAH);
    assert_eq!(dated.written(), dated.identity.sent);
}
