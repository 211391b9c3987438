//! The JSON form for a reader of fewer languages: the same object without the texts of the others. It adds no word, and the same bytes
//! always give the same bytes; only the order of keys, which means nothing, is that of the alphabet.

use serde_json::Value;

use crate::ids::GovernorateId;
use crate::language::Language;
use crate::time::Timestamp;

/// A frozen JSON message with the texts of some languages alone; none where it holds no others, or none of these: then all of it is
/// for everybody.
pub fn in_languages(body: &str, languages: &[Language]) -> Option<String> {
    let mut message: Value = serde_json::from_str(body).ok()?;
    let texts = message.pointer_mut("/data/text")?.as_object_mut()?;
    let is_wanted = |tag: &str| languages.iter().any(|language| language.tag() == tag);
    let wanted = texts.keys().filter(|tag| is_wanted(tag)).count();
    if wanted == 0 || wanted == texts.len() {
        return None;
    }
    texts.retain(|tag, _| is_wanted(tag));
    serde_json::to_string(&message).ok()
}

/// Of which type a frozen JSON message is, when it was said, and of which governorates it speaks.
pub fn outline(body: &str) -> Option<(String, Timestamp, Vec<GovernorateId>)> {
    let message: Value = serde_json::from_str(body).ok()?;
    let kind = message.get("type")?.as_str()?.to_owned();
    let (said, places) = said_in(&message)?;
    Some((kind, said, places))
}

/// When a frozen JSON message was said, and of which governorates it speaks.
pub fn said_of(body: &str) -> Option<(Timestamp, Vec<GovernorateId>)> {
    said_in(&serde_json::from_str(body).ok()?)
}

fn said_in(message: &Value) -> Option<(Timestamp, Vec<GovernorateId>)> {
    let said = message.get("timestamp")?.as_str()?.parse().ok()?;
    let areas = message.pointer("/data/areas").and_then(Value::as_array);
    let places = areas.into_iter().flatten().filter_map(|area| GovernorateId::new(area.get("id")?.as_str()?).ok());
    Some((said, places.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"type":"warning.issued","timestamp":"2025-12-08T22:00:00Z","data":{"id":"MKH-2025-000012.1","areas":[{"id":"jeddah"},{"id":"taif"}],"text":{"ar":{"headline":"تنبيه"},"en":{"headline":"Warning"}}}}"#;

    #[test]
    fn a_reader_of_one_language_gets_its_texts_alone_and_always_the_same_bytes() {
        let english = in_languages(BODY, &[Language::En]).unwrap();
        assert!(english.contains("Warning") && !english.contains("تنبيه") && english.contains("\"taif\""));
        assert_eq!(in_languages(BODY, &[Language::En]).unwrap(), english);
    }

    #[test]
    fn nothing_is_taken_out_where_nothing_would_be_left_or_nothing_is_too_much() {
        assert_eq!(in_languages(BODY, &Language::ALL), None);
        let only_arabic = BODY.replace(",\"en\":{\"headline\":\"Warning\"}", "");
        assert_eq!(in_languages(&only_arabic, &[Language::En]), None);
        assert_eq!(in_languages("تحذير", &[Language::En]), None);
    }

    #[test]
    fn a_message_tells_when_and_of_where_it_was_said() {
        let (said, places) = said_of(BODY).unwrap();
        assert_eq!(said.to_rfc3339(), "2025-12-08T22:00:00+00:00");
        assert_eq!(places.iter().map(GovernorateId::as_str).collect::<Vec<_>>(), ["jeddah", "taif"]);
        assert!(said_of("{}").is_none() && outline("{}").is_none());
        assert_eq!(outline(BODY), Some(("warning.issued".to_owned(), said, places)));
    }
}
