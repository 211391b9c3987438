//! Stories of an authority's warnings, made up here: what of them counts as what was so.

use std::collections::BTreeMap;

use super::*;
use crate::config;
use crate::feed::keys::tests::feed;
use crate::feed::ncm_ews;

/// The first midnight of the stories.
const MIDNIGHT: &str = "2025-12-08T00:00:00Z";

/// A moment of the stories in hours after the first midnight, as CAP writes it.
fn moment(hour: &str) -> String {
    let minutes = (hour.parse::<f64>().unwrap() * 60.0) as i64;
    let at = MIDNIGHT.parse::<Timestamp>().unwrap() + TimeDelta::minutes(minutes);
    at.format("%FT%T-00:00").to_string()
}

/// An alert of one line: `id type status sent refers-to(id@sent or -) ; event severity onset expires areas…` with one info for each
/// `;`, and blanks in names as `_`.
fn document(line: &str) -> String {
    let mut parts = line.split(';').map(str::trim);
    let head: Vec<&str> = parts.next().unwrap().split(' ').collect();
    let [id, kind, status, sent, refers] = head.as_slice() else { panic!("{line}") };
    let references: Vec<String> = refers
        .split(',')
        .filter_map(|one| one.split_once('@'))
        .map(|(id, sent)| format!("synthetic@example.org,{id},{}", moment(sent)))
        .collect();
    let info = |text: &str| {
        let words: Vec<&str> = text.split(' ').collect();
        let [event, severity, onset, expires, areas @ ..] = words.as_slice() else { panic!("{text}") };
        let areas = areas.iter().map(|area| format!("<area><areaDesc>{}</areaDesc></area>", area.replace('_', " ")));
        format!(
            "<info><language>en</language><category>Met</category><event>{}</event><urgency>Expected</urgency>\
             <severity>{severity}</severity><certainty>Likely</certainty><onset>{}</onset><expires>{}</expires>\
             <senderName>Synthetic Authority</senderName>{}</info>",
            event.replace('_', " "),
            moment(onset),
            moment(expires),
            areas.collect::<String>()
        )
    };
    format!(
        "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>{id}</identifier>\
         <sender>synthetic@example.org</sender><sent>{}</sent><status>{status}</status><msgType>{kind}</msgType>\
         <scope>Public</scope><references>{}</references>{}</alert>",
        moment(sent),
        references.join(" "),
        parts.map(info).collect::<String>()
    )
}

fn truth(documents: &[String]) -> Truth {
    let (config, _) = config::from_files(BTreeMap::new()).unwrap();
    let mut warnings = Warnings::new(&config.rules);
    for (number, document) in documents.iter().enumerate() {
        warnings.take(&format!("{number}.xml"), document.as_bytes()).unwrap();
    }
    warnings.truth()
}

/// `rain jeddah 6-12 orange (orange 8-9)` for each event, then each note; hours after the first midnight.
fn told(truth: &Truth) -> String {
    let hour = |moment: Timestamp| (moment - MIDNIGHT.parse::<Timestamp>().unwrap()).num_minutes() as f64 / 60.0;
    let event = |event: &TrueEvent| {
        let TrueEvent { hazard, governorate, from, to, level, worse, .. } = event;
        let worse = worse.iter().map(|(level, (from, to))| format!(" ({level} {}-{})", hour(*from), hour(*to)));
        let worse: String = worse.collect();
        format!("{hazard} {governorate} {}-{} {}{worse}", hour(*from), hour(*to), level.unwrap())
    };
    let notes = truth.notes.iter().map(|note| format!("{}: {}", note.of, note.what));
    truth.events.iter().map(event).chain(notes).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check(documents: &[&str], expected: &str) {
    let written: Vec<String> = documents.iter().map(|line| document(line)).collect();
    assert_eq!(told(&truth(&written)), expected, "{documents:?}");
    // Files of a folder come in any order.
    let truth = truth(&written.into_iter().rev().collect::<Vec<_>>());
    let events =
        |text: &str| text.lines().filter(|line| !line.contains(".xml: ")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(events(&told(&truth)), events(expected), "backwards: {documents:?}");
}

#[test]
fn a_warning_is_one_event_at_each_of_its_places_from_its_onset_to_its_end() {
    check(
        &["a Alert Actual 5 - ; Heavy_rain Severe 6 12 Jeddah Taif"],
        "rain jeddah 6-12 orange\nrain taif 6-12 orange",
    );
}

#[test]
fn an_update_goes_on_and_a_cancel_ends() {
    check(
        &[
            "a Alert Actual 5 - ; Heavy_rain Moderate 6 12 Jeddah",
            "b Update Actual 10 a@5 ; Heavy_rain Moderate 6 18 Jeddah",
            "c Cancel Actual 15 a@5,b@10",
        ],
        "rain jeddah 6-15 yellow",
    );
}

#[test]
fn each_level_has_its_own_time_and_the_warning_counts_once() {
    check(
        &[
            "a Alert Actual 5 - ; Heavy_rain Moderate 6 12 Jeddah",
            "b Update Actual 8 a@5 ; Heavy_rain Extreme 6 12 Jeddah",
            "c Update Actual 10 b@8 ; Heavy_rain Severe 6 14 Jeddah",
        ],
        "rain jeddah 6-14 red (orange 8-14) (red 8-10)",
    );
}

#[test]
fn a_place_that_an_update_leaves_out_has_its_end_there() {
    check(
        &[
            "a Alert Actual 5 - ; Heavy_rain Moderate 6 12 Jeddah Taif",
            "b Update Actual 9 a@5 ; Heavy_rain Moderate 6 15 Jeddah",
        ],
        "rain jeddah 6-15 yellow\nrain taif 6-9 yellow",
    );
}

#[test]
fn what_becomes_another_hazard_ends_as_the_one_and_begins_as_the_other() {
    check(
        &[
            "a Alert Actual 5 - ; Heavy_rain Moderate 6 12 Jeddah",
            "b Update Actual 9 a@5 ; Flash_flood Severe 9 13 Jeddah",
        ],
        "rain jeddah 6-9 yellow\nflash-flood jeddah 9-13 orange",
    );
}

#[test]
fn the_parts_of_one_document_are_events_of_their_own_and_go_on_where_their_place_goes_on() {
    check(
        &[
            "a Alert Actual 5 - ; Heavy_rain Moderate 6 12 Jeddah Taif",
            "b Update Actual 8 a@5 ; Heavy_rain Extreme 8 12 Taif ; Heavy_rain Moderate 6 14 Jeddah",
        ],
        "rain jeddah 6-14 yellow\nrain taif 6-12 red (orange 8-12) (red 8-12)",
    );
}

#[test]
fn warnings_that_do_not_refer_to_each_other_are_events_of_their_own() {
    check(
        &[
            "a Alert Actual 5 - ; Heavy_rain Moderate 6 12 Jeddah",
            "b Alert Actual 11 - ; Heavy_rain Moderate 12 18 Jeddah",
            "c Alert Actual 5 - ; Dust Moderate 6 12 Jeddah",
        ],
        "rain jeddah 6-12 yellow\nrain jeddah 12-18 yellow\ndust jeddah 6-12 yellow",
    );
}

#[test]
fn one_event_in_two_languages_is_one() {
    let english = document("a Alert Actual 5 - ; Heavy_rain Severe 6 12 Jeddah");
    let arabic = document("b Alert Actual 5.1 - ; أمطار_غزيرة Severe 6 12 جدة").replace(">en<", ">ar<");
    assert_eq!(told(&truth(&[english, arabic])), "rain jeddah 6-12 orange");
}

#[test]
fn what_a_feed_says_at_each_asking_is_one_warning_and_its_edits_are_its_levels() {
    let feed = feed(&ncm_ews::KIND, "");
    let (config, _) = config::from_files(BTreeMap::new()).unwrap();
    let mut warnings = Warnings::new(&config.rules);
    let early = |colour: &str, modified: &str| {
        format!(
            r#"[{{"id":41,"title":"synthetic","governorates":[{{"nameAr":"جدة","nameEn":"Jeddah"}}],"alertType":"Rain",
            "alertStatusCategory":"{colour}","fromdate":"2025-12-08T09:00:00+03:00","todate":"2025-12-08T21:00:00+03:00",
            "lastModified":"2025-12-08T{modified}:00+03:00"}}]"#
        )
    };
    let (red, yellow) = (early("Red", "08:40"), early("Yellow", "13:00"));
    for (hour, body) in [("6", red.as_str()), ("7", red.as_str()), ("11", yellow.as_str()), ("12", "[]")] {
        let at = moment(hour).parse().unwrap();
        warnings.hear(&FeedId::new("ncm-ews").unwrap(), &feed.decode(body.as_bytes(), at).unwrap()).unwrap();
    }
    assert_eq!(told(&warnings.truth()), "rain jeddah 6-18 red (orange 6-10) (red 6-10)");
}

#[test]
fn drills_and_what_is_not_for_everyone_are_never_the_truth() {
    let drills = ["Test", "Exercise", "Draft", "System", "Practice"];
    for status in drills {
        let found = truth(&[document(&format!("a Alert {status} 5 - ; Heavy_rain Extreme 6 12 Jeddah"))]);
        assert!(found.events.is_empty() && found.hazards.is_empty(), "{status}");
        assert!(told(&found).starts_with("0.xml: no event: its status is "), "{status}: {}", told(&found));
    }
    let private = document("a Alert Actual 5 - ; Heavy_rain Extreme 6 12 Jeddah").replace("Public", "Private");
    assert_eq!(told(&truth(&[private])), "0.xml: no event: its scope is Private");
    // A drill ends nothing either.
    check(
        &["a Alert Actual 5 - ; Heavy_rain Moderate 6 12 Jeddah", "b Cancel Test 8 a@5"],
        "rain jeddah 6-12 yellow\n1.xml: no event: its status is Test, and a drill is no truth",
    );
}

#[test]
fn what_cannot_be_placed_or_read_or_makes_no_event_is_told() {
    let told = told(&truth(&[
        document("a Alert Actual 5 - ; Heavy_rain Extreme 6 12 Wadi_Nowhere"),
        document("b Alert Actual 5 - ; Heavy_rain Extreme 6 12 Jeddah Wadi_Nowhere"),
        document("c Alert Actual 5 - ; Heavy_rain Minor 6 12 Jeddah"),
        document("d Alert Actual 5 - ; Dust Severe 6 12 Jeddah"),
        document("e Cancel Actual 5.5 d@5"),
        document("f Alert Actual 5 - ; Volcanic_ash Severe 6 12 Jeddah"),
        document("g Cancel Actual 5 x@1"),
        document("h Alert Actual 5 - ; Fog Severe 1 4 Jeddah"),
        "<html>moved</html>".to_owned(),
        "no alert at all".to_owned(),
        document("i Alert Actual 5 - ; Heat Severe 6 12 Jeddah").replace("<sender>synthetic@example.org</sender>", ""),
    ]));
    insta::assert_snapshot!(told, @r"
    rain jeddah 6-12 red
    0.xml: no event: no governorate of the region is named in it (Wadi Nowhere): held for staff, sent to nobody
    1.xml: these places are not known here: Wadi Nowhere
    10.xml: i: it has no sender
    2.xml: no event: an advisory is milder than any level of a rule
    3.xml: no event: it was taken back before it began
    5.xml: no event: what it warns of is no hazard of a rule
    6.xml: no event: it ends nothing that is in force here
    7.xml: no event: it ended at 2025-12-08 04:00:00 UTC before it arrived: not sent
    7.xml: read with a defect: it ended before it was sent
    8.xml: expected CAP, Atom or RSS, found a web page (HTML)
    9.xml: expected CAP, Atom or RSS, found a text that begins «no alert at all»
    ");
}
