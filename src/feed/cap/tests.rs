//! Stories of CAP documents. Those written here are synthetic; real ones are walked over when they lie beside the project.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::alert::{MsgType, Scope, Status};
use crate::feed::keys::tests::{book, feed, read};
use crate::hazard::{Hazard, Severity};

const CONFIG: &str = "url = \"https://example.org/cap/feed.xml\"";
const SENT: &str = "<sent>2025-12-09T00:30:00+03:00</sent>";

fn decode(body: &[u8]) -> Result<Batch, DecodeError> {
    feed(&KIND, CONFIG).decode(body, "2025-12-09T00:00:00Z".parse().unwrap())
}

/// An alert with the given parts beside the ones it must have.
fn document(head: &str, info: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>urn:oid:1.2.3</identifier>\
         <sender>ncm@example.org</sender>{head}<scope>Public</scope>{info}</alert>"
    )
}

fn red() -> String {
    let head = format!("{SENT}<status>Actual</status><msgType>Alert</msgType>");
    document(
        &head,
        "<info><language>ar</language><event>أمطار رعدية</event><severity>Extreme</severity><certainty>Likely</certainty>\
         <onset>2025-12-09T01:00:00+03:00</onset><expires>2025-12-09T13:00:00+03:00</expires>\
         <headline>الإنذار الأحمر على جدة</headline><area><areaDesc>محافظة جدة</areaDesc></area></info>",
    )
}

/// The parts of a document of which nothing is passed over.
#[track_caller]
fn several(text: &str) -> Vec<Alert> {
    let batch = decode(text.as_bytes()).unwrap();
    assert!(batch.skipped.is_empty(), "{batch:?}");
    batch.alerts
}

/// Each part as `number severity hazard: areas (languages)`.
fn told(alerts: &[Alert]) -> Vec<String> {
    let one = |alert: &Alert| {
        let languages: Vec<&str> = alert.words.iter().map(|words| words.language.as_str()).collect();
        format!("{} {:?} {:?}: {} ({})", alert.part, alert.severity, alert.hazard, areas(alert), languages.join(" "))
    };
    alerts.iter().map(one).collect()
}

#[track_caller]
fn only(text: &str) -> Alert {
    let mut batch = decode(text.as_bytes()).unwrap();
    assert_eq!((batch.alerts.len(), batch.skipped.len()), (1, 0), "{batch:?}");
    batch.alerts.remove(0)
}

fn areas(alert: &Alert) -> String {
    let ids: Vec<&str> = alert.areas.iter().map(GovernorateId::as_str).collect();
    ids.join(" ")
}

#[test]
fn an_alert_is_read_in_its_own_words() {
    let alert = only(&red());
    assert_eq!((alert.status, alert.msg_type), (Status::Actual, MsgType::Alert));
    assert_eq!((alert.hazard, alert.severity), (Hazard::Thunderstorm, Severity::Red));
    assert_eq!(areas(&alert), "jeddah");
    assert_eq!(alert.identity.to_string(), "ncm@example.org,urn:oid:1.2.3,2025-12-08T21:30:00-00:00");
    assert_eq!(
        (alert.onset.to_rfc3339(), alert.expires.to_rfc3339()),
        ("2025-12-08T22:00:00+00:00".into(), "2025-12-09T10:00:00+00:00".into())
    );
    assert_eq!(alert.words_in("ar").unwrap().headline.as_deref(), Some("الإنذار الأحمر على جدة"));
    assert!(alert.defects.is_empty() && alert.unplaced.is_empty() && !alert.all_clear, "{alert:?}");
}

#[test]
fn versions_prefixes_marks_and_encodings_read_alike() {
    let alert = only(&red());
    let text = red();
    for space in ["urn:oasis:names:tc:emergency:cap:1.1", "http://www.incident.com/cap/1.0"] {
        assert_eq!(only(&text.replace("urn:oasis:names:tc:emergency:cap:1.2", space)), alert);
    }
    let prefixed = text.replace("</", "</c:").replace("<?", "\u{1}").replace('<', "<c:").replace("<c:/c:", "</c:");
    let prefixed = prefixed.replace('\u{1}', "<?").replace("xmlns=", "xmlns:c=");
    assert_eq!(only(&prefixed), alert);
    assert_eq!(only(&format!("\u{feff}{text}")), alert);
    let declared = |label: &str| text.replace("version=\"1.0\"", &format!("version=\"1.0\" encoding='{label}'"));
    let (arabic, _, lost) = encoding_rs::WINDOWS_1256.encode(&text);
    assert!(!lost);
    let mut windows = b"<?xml version='1.0' encoding = 'windows-1256'?>".to_vec();
    windows.extend(arabic.split(|byte| *byte == b'\n').nth(1).unwrap());
    assert_eq!(decode(&windows).unwrap().alerts, std::slice::from_ref(&alert));
    for wide in [u16::to_le_bytes, u16::to_be_bytes] {
        for mark in ["\u{feff}", ""] {
            let bytes: Vec<u8> = format!("{mark}{}", declared("UTF-16")).encode_utf16().flat_map(wide).collect();
            assert_eq!(decode(&bytes).unwrap().alerts, std::slice::from_ref(&alert));
        }
    }
    let unknown = decode(declared("klingon").as_bytes()).unwrap_err();
    assert!(unknown.to_string().contains("`klingon` is not known"), "{unknown}");
}

#[test]
fn what_cannot_be_placed_is_held_and_never_everywhere() {
    let place = |area: &str| only(&red().replace("<areaDesc>محافظة جدة</areaDesc>", area));
    let placed = |area: &str| {
        let alert = place(area);
        (areas(&alert), alert.unplaced)
    };
    let none = Vec::<String>::new();
    let square = "<polygon>21.3,39.0 21.8,39.0 21.8,39.5 21.3,39.5 21.3,39.0</polygon>";
    assert_eq!(placed("<areaDesc>المهد</areaDesc>"), (String::new(), vec!["المهد".to_owned()]));
    assert_eq!(placed(""), (String::new(), vec!["an area without a description".to_owned()]));
    assert_eq!(placed(&format!("<areaDesc>الساحل الغربي</areaDesc>{square}")), ("jeddah".to_owned(), none.clone()));
    assert_eq!(placed(&format!("<areaDesc>الطائف</areaDesc>{square}")), ("jeddah taif".to_owned(), none.clone()));
    assert_eq!(placed("<areaDesc>x</areaDesc><circle>21.42,39.83 5</circle>"), ("makkah".to_owned(), none.clone()));
    assert_eq!(placed("<areaDesc>منطقة مكة المكرمة</areaDesc>"), ("makkah jeddah taif".to_owned(), none));
    let torn = place("<areaDesc>جدة</areaDesc><polygon>21.3,39.0 x</polygon>");
    assert_eq!((areas(&torn).as_str(), torn.defects.len()), ("jeddah", 1));
    let alert = only(&red().replace("<area><areaDesc>محافظة جدة</areaDesc></area>", ""));
    assert_eq!((areas(&alert), alert.unplaced), (String::new(), vec!["an alert that names no area".to_owned()]));
    assert_eq!(placed("<areaDesc>محافظات:</areaDesc>"), (String::new(), vec!["محافظات:".to_owned()]));
}

#[test]
fn severity_is_raised_by_a_colour_and_never_lowered() {
    let with = |severity: &str, headline: &str, more: &str| {
        let text = red().replace("Extreme", severity).replace("الإنذار الأحمر على جدة", headline);
        only(&text.replace("<area>", &format!("{more}<area>"))).severity
    };
    assert_eq!(with("Minor", "الإنذار البرتقالي على جدة", ""), Severity::Orange);
    assert_eq!(with("Extreme", "الإنذار الأصفر", ""), Severity::Red);
    assert_eq!(with("Minor", "أمواج البحر الأحمر", ""), Severity::Advisory);
    assert_eq!(with("Unknown", "تنبيه", ""), Severity::Yellow);
    let level = "<parameter><valueName>awareness_level</valueName><value>4; red; Extreme</value></parameter>";
    assert_eq!(with("Moderate", "تنبيه", level), Severity::Red);
}

/// Jeddah's info as it is given, and beside it a red one for Taif.
fn beside_taif(jeddah: &str) -> String {
    let taif = red().replace("جدة", "الطائف");
    let (_, taif) = taif.split_once("<info>").unwrap();
    jeddah.replace("</alert>", &format!("<info>{taif}"))
}

#[test]
fn a_place_where_it_is_over_is_not_warned_beside_one_where_it_is_not() {
    let clear = red().replace("<severity>", "<responseType>AllClear</responseType><severity>");
    let over = red().replace("2025-12-09T13:00:00+03:00", "2025-12-09T02:00:00+03:00");
    for past in [&clear, &over] {
        let alert = only(&beside_taif(past));
        assert_eq!((areas(&alert).as_str(), alert.all_clear, alert.words.len()), ("taif", false, 1));
        assert_eq!((areas(&only(past)).as_str(), alert.defects.len()), ("jeddah", 1));
    }
    let ended = beside_taif(&clear).replace("2025-12-09T13:00:00+03:00", "2025-12-09T02:00:00+03:00");
    let ended = ended.replacen("2025-12-09T02:00:00+03:00", "2025-12-09T13:00:00+03:00", 1);
    assert!(only(&ended).all_clear, "one is over by its own word and the other by the clock");
}

#[test]
fn no_place_is_warned_at_a_severity_that_its_own_info_does_not_name() {
    let mild = red().replace("Extreme", "Moderate").replace("الأحمر", "الأصفر");
    let alerts = several(&beside_taif(&mild));
    assert_eq!(told(&alerts), ["0 Yellow Thunderstorm: jeddah (ar)", "1 Red Thunderstorm: taif (ar)"]);
    assert_eq!(alerts[1].words_in("ar").unwrap().headline.as_deref(), Some("الإنذار الأحمر على الطائف"));
    assert!(alerts.iter().all(|alert| alert.defects.is_empty()), "{alerts:?}");
    assert!(
        alerts.iter().all(|alert| alert.fingerprint == alerts[0].fingerprint && alert.identity == alerts[0].identity)
    );
    // The same at two times, or as two hazards.
    let later = beside_taif(&red()).replacen("2025-12-09T13:00:00+03:00", "2025-12-09T15:00:00+03:00", 1);
    assert_eq!(told(&several(&later)).len(), 2);
    let dusty = red().replace("أمطار رعدية", "عاصفة رملية");
    assert_eq!(told(&several(&beside_taif(&dusty))), ["0 Red Dust: jeddah (ar)", "1 Red Thunderstorm: taif (ar)"]);
}

#[test]
fn a_part_keeps_its_number_when_another_is_over() {
    let over = red().replace("2025-12-09T13:00:00+03:00", "2025-12-09T02:00:00+03:00");
    assert_eq!(told(&several(&beside_taif(&over))), ["1 Red Thunderstorm: taif (ar)"]);
}

#[test]
fn the_same_words_for_several_areas_are_one_part() {
    let (head, info) = red().split_once("<info>").map(|(head, info)| (head.to_owned(), info.to_owned())).unwrap();
    let taif = info.replace("محافظة جدة", "الطائف");
    let both = format!("{head}<info>{}<info>{taif}", info.replace("</alert>", ""));
    assert_eq!(told(&several(&both)), ["0 Red Thunderstorm: jeddah taif (ar)"]);
    // So they are in two languages, in whichever order.
    let english = |info: &str| {
        let info = info.replace("<language>ar", "<language>en").replace("أمطار رعدية", "Thunderstorm");
        info.replace("الإنذار الأحمر على جدة", "Red warning").replace("</alert>", "")
    };
    let info = info.replace("</alert>", "");
    let all = format!("{head}<info>{info}<info>{}<info>{}<info>{taif}", english(&info), english(&taif));
    assert_eq!(told(&several(&all)), ["0 Red Thunderstorm: jeddah taif (ar en)"]);
}

#[test]
fn what_one_language_does_not_tell_is_what_the_other_says() {
    let english = "<info><language>en</language><event>Weather warning</event><severity>Extreme</severity>\
         <certainty>Likely</certainty><onset>2025-12-09T01:00:00+03:00</onset><expires>2025-12-09T13:00:00+03:00</expires>\
         <area><areaDesc>Jeddah</areaDesc></area></info></alert>";
    let both = red().replace("</alert>", english);
    assert_eq!(told(&several(&both)), ["0 Red Thunderstorm: jeddah (ar en)"]);
    let coloured = both.replace("Extreme", "Severe");
    assert_eq!(told(&several(&coloured)), ["0 Red Thunderstorm: jeddah (ar en)"], "one language names the colour");
    let elsewhere = both.replace("<areaDesc>Jeddah", "<areaDesc>Taif");
    assert_eq!(told(&several(&elsewhere)), ["0 Red Thunderstorm: jeddah (ar)", "1 Red Other: taif (en)"]);
}

#[test]
fn the_fingerprint_is_of_what_is_said_and_not_of_how_it_is_written() {
    let print = |text: &str| several(text)[0].fingerprint;
    let own = print(&red());
    assert_ne!(own, 0);
    let atom = |alert: &str| {
        let alert = alert.split_once("?>").unwrap().1;
        format!("<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>x</id><content>{alert}</content></entry></feed>")
    };
    assert_eq!(print(&atom(&red())), own);
    assert_eq!(print(&red().replace("><", ">\r\n   <")), own);
    assert_eq!(print(&red().replace("أمطار رعدية", "<![CDATA[ أمطار رعدية ]]>")), own);
    let signed = "<ds:Signature xmlns:ds='http://www.w3.org/2000/09/xmldsig#'><ds:x>1</ds:x></ds:Signature></alert>";
    assert_eq!(print(&red().replace("</alert>", signed)), own);
    for (from, to) in [
        ("Extreme", "Severe"),
        ("محافظة جدة", "محافظة جده"),
        ("<area>", "<contact>998</contact><area>"),
        ("</areaDesc>", "</areaDesc><circle>21,39 5</circle>"),
        ("13:00:00", "14:00:00"),
    ] {
        assert_ne!(print(&red().replace(from, to)), own, "{to}");
    }
}

#[test]
fn an_envelope_that_is_a_drill_makes_drills_of_what_it_holds() {
    let within = |status: &str| {
        let alert = red();
        let alert = alert.split_once("?>").unwrap().1;
        only(&format!(
            "<EDXLDistribution xmlns='urn:oasis:names:tc:emergency:EDXL:DE:1.0'>{status}<contentObject><xmlContent>\
             <embeddedXMLContent>{alert}</embeddedXMLContent></xmlContent></contentObject></EDXLDistribution>"
        ))
    };
    assert_eq!(within("<distributionStatus>Actual</distributionStatus>").status, Status::Actual);
    for (word, status) in [("Exercise", Status::Exercise), ("Test", Status::Test), ("System", Status::System)] {
        let drill = within(&format!("<distributionStatus>{word}</distributionStatus>"));
        assert_eq!(drill.status, status);
        assert!(drill.defects.concat().contains("envelope"), "{drill:?}");
    }
    assert_eq!(within("<distributionStatus>Perhaps</distributionStatus>").status, Status::Unknown);
    assert_eq!(within("").status, Status::Unknown);
    let empty = decode(b"<EDXLDistribution/>").unwrap_err().to_string();
    assert!(empty.contains("without an alert"), "{empty}");
}

#[test]
fn an_alert_that_forgot_its_namespace_is_read_and_noted() {
    let space = " xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"";
    for bare in [red().replace(space, ""), red().replace(space, " xmlns='urn:something'")] {
        let alert = only(&bare);
        assert_eq!((areas(&alert).as_str(), alert.defects.len()), ("jeddah", 1), "{:?}", alert.defects);
    }
    let other = decode(b"<alert><text>x</text></alert>").unwrap_err().to_string();
    assert!(other.contains("none of CAP's"), "{other}");
}

#[test]
fn an_alert_of_a_narrow_scope_is_read_with_it() {
    assert_eq!(only(&red().replace(">Public<", ">Restricted<")).scope, Scope::Restricted);
    assert_eq!(only(&red().replace(">Public<", ">private<")).scope, Scope::Private);
    let loose = only(&red().replace("<scope>Public</scope>", ""));
    assert_eq!((loose.scope, loose.defects.len()), (Scope::Public, 1));
}

#[test]
fn a_geocode_means_who_lists_it_and_nobody_else() {
    let mut list: Vec<_> = book().iter().cloned().collect();
    list[1].geocodes = vec!["EMMA_ID:SA002".to_owned()];
    let known = book();
    let book = Arc::new(GovernorateBook::new(known.region.clone(), known.bounds, list.clone()).unwrap());
    let placed = |geocode: &str| {
        let area = format!("<areaDesc>x</areaDesc><geocode>{geocode}</geocode>");
        let text = red().replace("<areaDesc>محافظة جدة</areaDesc>", &area);
        let mut found = String::new();
        let base = Url::parse("https://example.org/").unwrap();
        open(text.as_bytes(), &base, &book, Terms::default(), &mut |alert| {
            let alert = alert.unwrap();
            let area = &alert.infos[0].areas[0];
            assert_eq!(area.geocodes, 1);
            found = area.governorates.iter().map(|id| id.as_str().to_owned()).collect();
        })
        .unwrap();
        found
    };
    assert_eq!(placed("<valueName>EMMA_ID</valueName><value> SA002 </value>"), "jeddah");
    assert_eq!(placed("EMMA_ID=SA002"), "jeddah", "so CAP 1.0 wrote them");
    for other in
        ["<valueName>FIPS</valueName><value>SA002</value>", "<value>SA002</value>", "SA002", "<valueName/><value/>"]
    {
        assert_eq!(placed(other), "", "{other}");
    }
    list[2].geocodes = vec!["EMMA_ID:SA002".to_owned()];
    let clashes = GovernorateBook::new(known.region.clone(), known.bounds, list).unwrap_err();
    assert!(clashes[0].to_string().contains("`EMMA_ID:SA002` belongs to both"), "{clashes:?}");
}

#[test]
fn an_end_in_a_wrong_year_and_a_beginning_after_the_end_are_not_believed() {
    let endless = only(&red().replace("2025-12-09T13:00:00+03:00", "2052-12-09T13:00:00+03:00"));
    assert_eq!((endless.expires - endless.identity.sent).num_days(), 90);
    let reversed = only(&red().replace("2025-12-09T01:00:00+03:00", "2052-12-09T01:00:00+03:00"));
    assert_eq!(reversed.onset, reversed.identity.sent);
    assert_eq!((endless.defects.len(), reversed.defects.len()), (1, 1));
}

#[test]
fn an_end_that_is_missing_or_past_is_noted() {
    let endless = only(&red().replace("<expires>2025-12-09T13:00:00+03:00</expires>", ""));
    assert_eq!(endless.expires - endless.onset, TimeDelta::hours(12));
    assert_eq!(endless.defects.len(), 1);
    let past = only(&red().replace("2025-12-09T13:00:00+03:00", "2025-12-08T13:00:00+03:00"));
    assert!(past.defects.concat().contains("ended before it was sent"));
}

#[test]
fn an_alert_without_identity_is_passed_over_with_the_reason() {
    let why = |text: &str| {
        let batch = decode(text.as_bytes()).unwrap();
        assert!(batch.alerts.is_empty(), "{text}");
        batch.skipped.first().unwrap().why.clone()
    };
    assert!(why(&red().replace(SENT, "<sent>soon</sent>")).contains("«soon»"));
    assert!(why(&red().replace(SENT, "")).contains("sent"));
    assert!(why(&red().replace("<sender>ncm@example.org</sender>", "")).contains("sender"));
    assert!(why(&red().replace("<identifier>urn:oid:1.2.3</identifier>", "<identifier/>")).contains("identifier"));
}

#[test]
fn a_drill_a_cancel_and_an_all_clear_stay_what_they_are() {
    assert_eq!(only(&red().replace(">Actual<", ">Exercise<")).status, Status::Exercise);
    assert_eq!(only(&red().replace(">Actual<", ">Training<")).status, Status::Unknown, "it may be somebody's drill");
    let head = format!(
        "{SENT}<status>Actual</status><msgType>Cancel</msgType><references>a@b,i1,2025-12-08T10:00:00+03:00 \n a@b,i2,soon</references>"
    );
    let cancel = only(&document(&head, ""));
    assert_eq!((cancel.msg_type, cancel.references.len()), (MsgType::Cancel, 1));
    assert_eq!(cancel.references.first().unwrap().identifier, "i1");
    assert!(cancel.defects.concat().contains("a@b,i2,soon"));
    assert!(only(&red().replace("<severity>", "<responseType>AllClear</responseType><severity>")).all_clear);
    let clear = red().replace("<severity>", "<responseType>AllClear</responseType><severity>");
    let text = red().replace("جدة", "الطائف");
    let (_, elsewhere) = text.split_once("<info>").unwrap();
    let both = clear.replace("</alert>", &format!("<info>{elsewhere}"));
    assert_eq!(told(&several(&both)), ["1 Red Thunderstorm: taif (ar)"]);
    assert!(!several(&both)[0].all_clear, "over in one place and red in another is not over");
    let many = format!("<references>{}</references><info>", "a@b,i,2025-12-08T10:00:00+03:00 ".repeat(600));
    let many = only(&red().replace("<info>", &many));
    assert_eq!((many.references.len(), many.defects.len()), (500, 1));
    let loose = only(&red().replace(">Alert<", ">Update<"));
    assert!(loose.defects.concat().contains("does not say which"));
}

#[test]
fn words_that_do_not_say_their_language_are_arabic_when_they_look_so() {
    let unsaid = only(&red().replace("<language>ar</language>", ""));
    assert_eq!((unsaid.words.first().unwrap().language.as_str(), unsaid.defects.len()), ("ar", 1));
    let empty = only(&red().replace("<language>ar</language>", "<language/>").replace("أمطار رعدية", "Rain"));
    assert_eq!(empty.words.first().unwrap().language, "ar", "its headline is");
}

#[test]
fn what_is_built_to_harm_is_refused() {
    let refused = |body: &str| match decode(body.as_bytes()) {
        Err(DecodeError::Refused { why }) => why,
        other => panic!("{other:?}"),
    };
    let dtd = "<!DOCTYPE alert [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>";
    assert!(refused(&red().replace("?>\n", &format!("?>{dtd}"))).contains("DTD"));
    assert!(refused(&red().replace("رعدية", "&xxe;")).contains("entity"));
    assert!(refused(&"<a>".repeat(100_000)).contains("deeper"));
    let many: String = (0..1000).map(|number| format!(" a{number}=''")).collect();
    assert!(refused(&format!("<a{many}/>")).contains("attributes"));
    assert!(refused(&format!("<a>{}</a>", "<b/>".repeat(500_000))).contains("nodes"));
    assert!(refused(&format!("<a>{}</a>", "x".repeat(xml::MAX_BYTES))).contains("bytes"));
    let include = "<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='file:///etc/passwd'/>";
    assert!(refused(&red().replace("<area>", &format!("{include}<area>"))).contains("XInclude"));
    let deep = format!("{}{}", "<a>".repeat(100), "</a>".repeat(100));
    assert!(refused(&red().replace("<area>", &format!("{deep}<area>"))).contains("deeper"), "well formed and deep");
    let spaces: String = (0..100).map(|number| format!("<a xmlns:n{number}='u'/>")).collect();
    assert!(refused(&format!("<a>{spaces}</a>")).contains("prefixes"));
    assert!(refused(&format!("<a>{}</a>", "=".repeat(300_000))).contains("equal signs"));
    assert!(refused(&"<".repeat(1_000_000)).contains("nodes"));
    // Words that only speak of such things harm nobody.
    let words = format!("{} xmlns:a='' &lt;!DOCTYPE x&gt; xi:include", "= ".repeat(5000));
    assert!(only(&red().replace("رعدية", &format!("رعدية {words}"))).defects.is_empty());
}

#[test]
fn a_web_page_and_other_things_are_no_alerts() {
    let told = |body: &str| decode(body.as_bytes()).unwrap_err().to_string();
    assert_eq!(told("<!DOCTYPE html><html></html>"), "expected CAP, Atom or RSS, found a web page (HTML)");
    let xhtml = "<?xml version='1.0'?>\n<!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0//EN' 'x'><html/>";
    assert_eq!(told(xhtml), "expected CAP, Atom or RSS, found a web page (XHTML)");
    assert_eq!(told(""), "expected CAP, Atom or RSS, found an empty body");
    assert_eq!(told("{}"), "expected CAP, Atom or RSS, found some other JSON");
    assert_eq!(told("<svg/>"), "expected CAP, Atom or RSS, found XML that begins with <svg>");
    assert!(told(&red().replace("</alert>", "")).starts_with("the XML: "));
    let empty = decode(b"<feed xmlns='http://www.w3.org/2005/Atom'><id>x</id></feed>").unwrap();
    assert!(empty.is_empty());
}

#[test]
fn the_table_is_checked() {
    let (feed, faults) = read(
        &KIND,
        "default_life = \"9d\"\nlanguage = \"عربي\"\narea = { share_of_shape = 0.0, share_of_governorate = 1.5 }",
    );
    assert!(feed.is_none());
    let all = faults.join("\n");
    for part in
        ["`url` is missing", "1: `default_life`", "2: `language`", "3: `share_of_shape`", "3: `share_of_governorate`"]
    {
        assert!(all.contains(part), "{part} in {all}");
    }
    let (_, faults) = read(&KIND, KIND.example.split_once('\n').unwrap().1);
    assert_eq!(faults, Vec::<String>::new());
}

/// Every file below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths.into_iter().flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Files below a directory of recorded documents, when it lies beside the project.
fn recorded(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    files(&directory).into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn recorded_alerts_are_read_or_refused_and_nothing_far_away_is_placed_here() {
    let documents = recorded("cap");
    let mut unread = Vec::new();
    for (path, body) in &documents {
        match decode(body) {
            Ok(batch) => {
                for alert in &batch.alerts {
                    assert!(alert.areas.is_empty(), "{}: {:?}", path.display(), alert.areas);
                }
                if batch.alerts.is_empty() {
                    unread.push(format!("{}: {:?}", path.display(), batch.skipped));
                }
            }
            Err(why) => unread.push(format!("{}: {why}", path.display())),
        }
    }
    // Only the one that brings a DTD.
    assert!(unread.len() <= 1 && unread.iter().all(|why| why.contains("DTD")), "{unread:#?}");
}

#[test]
fn recorded_lists_are_read_or_refused() {
    let documents = recorded("feeds");
    let mut unread = Vec::new();
    for (path, body) in &documents {
        match decode(body) {
            Ok(batch) if batch.follow.is_empty() && batch.alerts.is_empty() => {
                unread.push(format!("{}: {:?}", path.display(), batch.skipped));
            }
            Ok(_) => {}
            Err(why) => unread.push(format!("{}: {why}", path.display())),
        }
    }
    assert!(unread.len() * 3 <= documents.len(), "{} of {}: {unread:#?}", unread.len(), documents.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a broken line or a hostile hand makes of a document, it is read or refused.
    #[test]
    fn a_mutated_document_never_breaks_the_reader(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
        torn in any::<bool>(),
    ) {
        let square = "<polygon>21.3,39.0 21.8,39.0 21.8,39.5 21.3,39.5 21.3,39.0</polygon><circle>21,39 5</circle>";
        let mut body = red().replace("</area>", &format!("{square}</area>")).into_bytes();
        for (place, byte) in changes {
            let place = place.index(body.len());
            body[place] = byte;
        }
        if torn {
            body.truncate(cut.index(body.len()));
        }
        if let Ok(batch) = decode(&body) {
            prop_assert!(batch.alerts.len() + batch.skipped.len() <= 1);
        }
    }

    /// Corners anywhere on earth, crossing as they like, never break the geometry.
    #[test]
    fn any_polygon_is_placed_or_refused(points in proptest::collection::vec((18.0..25.0_f64, 38.0..45.0_f64), 0..40)) {
        let text: Vec<String> = points.iter().map(|(lat, lon)| format!("{lat},{lon}")).collect();
        let area = format!("</areaDesc><polygon>{}</polygon></area>", text.join(" "));
        let alert = only(&red().replace("</areaDesc></area>", &area));
        prop_assert!(areas(&alert).contains("jeddah"));
    }
}

#[test]
fn alerts_give_no_rule_anything_to_judge() {
    assert_eq!(feed(&KIND, CONFIG).gives(), Some(BTreeSet::new()));
}

/// A far square, and one over Jeddah.
const FAR: &str = "<polygon>50,8 51,8 51,9 50,9 50,8</polygon>";
const HERE: &str = "<polygon>21.3,39.0 21.8,39.0 21.8,39.5 21.3,39.5 21.3,39.0</polygon>";

#[test]
fn what_was_not_read_is_never_taken_to_be_elsewhere() {
    let unplaced = |areas: &str| {
        let alert = only(&red().replace("<area><areaDesc>محافظة جدة</areaDesc></area>", areas));
        assert!(alert.areas.is_empty());
        alert.unplaced.len()
    };
    let area = |inside: &str| format!("<area><areaDesc>x</areaDesc>{inside}</area>");
    assert_eq!(unplaced(&area(FAR)), 0, "all of it was read, and lies far away");
    assert_eq!(unplaced(&area(&format!("{}{HERE}", FAR.repeat(500)))), 1);
    assert_eq!(unplaced(&area(&format!("{FAR}<polygon> </polygon>"))), 1);
    assert_eq!(unplaced(&area(&format!("{FAR}<circle/>"))), 1);
    assert_eq!(unplaced(&format!("{}{}", area(FAR).repeat(2000), area(HERE))), 1);
    let info = |inside: &str| format!("<info><language>en</language><event>Rain</event>{inside}</info>");
    let infos = format!("{}{}", info(&area(FAR)).repeat(64), info(&area(HERE)));
    let alerts = decode(ALERT_HEAD.replace("{}", &infos).as_bytes()).unwrap().alerts;
    assert!(alerts.iter().any(|alert| !alert.unplaced.is_empty()), "{alerts:?}");
}

const ALERT_HEAD: &str = "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>i</identifier><sender>s</sender>\
    <sent>2025-12-09T00:30:00+03:00</sent><status>Actual</status><msgType>Alert</msgType><scope>Public</scope>{}</alert>";
