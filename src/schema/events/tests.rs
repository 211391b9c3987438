//! The schemas of events against everything that a rehearsal tells, and against the examples.

use super::*;
use crate::config::from_files;

/// Schemas that refuse keys which stand in none of them: a key that is new is to be written down.
struct Judges(BTreeMap<String, jsonschema::Validator>);

fn strict(schema: &mut Value) {
    match schema {
        Value::Object(keys) => {
            keys.values_mut().for_each(strict);
            if keys.contains_key("properties") && !keys.contains_key("additionalProperties") {
                keys.insert("additionalProperties".to_owned(), false.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(strict),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

impl Judges {
    fn new() -> Self {
        let judge = |one: EventType| {
            let mut schema = one.schema();
            assert!(jsonschema::meta::is_valid(&schema), "{}", one.name);
            strict(&mut schema);
            (one.name, jsonschema::draft202012::new(&schema).unwrap())
        };
        Self(event_types().into_iter().map(judge).collect())
    }

    /// What is wrong with a message, by the schema of its type.
    fn faults(&self, body: &str) -> Vec<String> {
        let value: Value = serde_json::from_str(body).unwrap();
        let kind = value["type"].as_str().unwrap();
        let Some(judge) = self.0.get(kind) else { return vec![format!("there is no type {kind}")] };
        judge.iter_errors(&value).map(|why| format!("{}: {why}", why.instance_path())).collect()
    }
}

#[test]
fn everything_that_can_be_said_is_as_its_schema_says() {
    let (config, _) = from_files(BTreeMap::new()).unwrap();
    let judges = Judges::new();
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    each_in_json(
        &config.speaker,
        &config.governorates,
        |_| true,
        |story, message| {
            let body = message.unwrap().body;
            assert_eq!(judges.faults(&body), Vec::<String>::new(), "{story}: {body}");
            let value: Value = serde_json::from_str(&body).unwrap();
            *met.entry(value["type"].as_str().unwrap().to_owned()).or_default() += 1;
        },
    );
    let told = event_types().into_iter().filter(|one| one.story.is_some()).map(|one| one.name);
    assert_eq!(met.keys().cloned().collect::<Vec<_>>(), {
        let mut told: Vec<String> = told.collect();
        told.sort();
        told
    });
    assert!(2_000 < met.values().sum::<usize>(), "{met:?}");
}

#[test]
fn every_type_has_an_example_in_both_languages_that_is_as_its_schema_says() {
    let (config, _) = from_files(BTreeMap::new()).unwrap();
    let (judges, examples) = (Judges::new(), examples(&config).unwrap());
    for one in event_types() {
        let body = &examples[&one.name];
        assert_eq!(judges.faults(body), Vec::<String>::new(), "{body}");
        let value: Value = serde_json::from_str(body).unwrap();
        assert_eq!(value["type"], one.name);
        if one.story.is_some() {
            let headline = |tag: &str| value["data"]["text"][tag]["headline"].as_str().unwrap().to_owned();
            assert!(!headline("ar").is_empty() && headline("ar") != headline("en"), "{body}");
        }
    }
    assert_eq!(examples.len(), event_types().len());
}

#[test]
fn what_is_not_as_it_should_be_is_refused() {
    let (config, _) = from_files(BTreeMap::new()).unwrap();
    let (judges, examples) = (Judges::new(), examples(&config).unwrap());
    let issued = &examples["warning.issued"];
    for (right, wrong) in [
        ("\"severity\":\"red\"", "\"severity\":\"purple\""),
        ("\"edition\":1", "\"edition\":0"),
        ("\"change\":\"issued\"", "\"change\":\"raised\""),
        ("\"expires\":\"2025", "\"expires\":\"tomorrow, 2025"),
        ("\"official\":false", "\"unofficial\":true"),
    ] {
        assert!(issued.contains(right), "{right}: {issued}");
        assert!(!judges.faults(&issued.replace(right, wrong)).is_empty(), "{wrong}");
    }
}
