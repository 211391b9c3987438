//! Under which topics a message is told, read from the frozen message itself. Pure.

use std::collections::BTreeSet;

use serde::Deserialize;

/// The most topics of one message; a region has a handful of governorates, a country some hundreds.
const MAX_TOPICS: usize = 10_000;

/// What the topics of one message are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// The number of the warning.
    pub(super) number: String,
    /// Which edition it is.
    pub(super) edition: u32,
    /// Where it is told.
    pub(super) topics: BTreeSet<String>,
    /// What has no word of its own any more, since this takes its place.
    pub(super) emptied: BTreeSet<String>,
    /// The other numbers that it takes the place of.
    pub(super) replaced: BTreeSet<String>,
}

/// A message of the form `json`.
#[derive(Deserialize)]
struct Message {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    number: String,
    edition: u32,
    /// None in a notice to the people on duty.
    hazard: Option<String>,
    #[serde(default)]
    replaces: Vec<String>,
    #[serde(default)]
    areas: Vec<Area>,
    #[serde(default)]
    left: Vec<Area>,
    #[serde(default)]
    doubtful: Vec<Area>,
    #[serde(default)]
    parted: Vec<Area>,
}

#[derive(Deserialize)]
struct Area {
    id: String,
}

impl Plan {
    /// Reads the message.
    ///
    /// # Errors
    /// When it is no JSON of ours or speaks of too many places.
    pub(super) fn read(body: &str, prefix: &str) -> Result<Self, String> {
        let Message { data } = serde_json::from_str(body).map_err(|why| {
            format!("the message does not say where it counts ({why}): leave the `form` of the channel out, or write \"json\"")
        })?;
        let own = level(&data.number);
        let number_of = |id: &String| id.rsplit_once('.').map_or(id.clone(), |(number, _)| number.to_owned());
        let replaced: BTreeSet<String> =
            data.replaces.iter().map(number_of).filter(|number| *number != data.number).collect();
        let (mut topics, mut emptied) = (BTreeSet::new(), BTreeSet::new());
        match &data.hazard {
            None => {
                topics.insert(format!("{prefix}/notices/{own}"));
            }
            Some(hazard) => {
                for area in [&data.areas, &data.left, &data.doubtful, &data.parted].into_iter().flatten() {
                    let place = format!("{prefix}/{}/{}", level(&area.id), level(hazard));
                    topics.insert(format!("{place}/{own}"));
                    emptied.extend(replaced.iter().map(|number| format!("{place}/{}", level(number))));
                }
            }
        }
        if topics.is_empty() {
            return Err("the message is about no place, and no place is never every place".to_owned());
        }
        let count = topics.len() + emptied.len();
        if MAX_TOPICS < count {
            return Err(format!("the message would take {count} topics: at most {MAX_TOPICS} are published"));
        }
        Ok(Self { number: data.number, edition: data.edition, topics, emptied, replaced })
    }
}

/// A name as one level of a topic.
fn level(name: &str) -> String {
    name.chars().map(|c| if c.is_control() || "/+#".contains(c) { '_' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_told_that_held_a_warning_before() {
        let body = r#"{"type":"warning.updated","data":{"number":"MKH-2025-000012","edition":4,"hazard":"rain",
            "replaces":["MKH-2025-000012.3","MKH-2025-000009.1"],"areas":[{"id":"jeddah"}],"left":[{"id":"taif"}],
            "doubtful":[{"id":"rabigh"}]}}"#;
        let plan = Plan::read(body, "w").unwrap();
        let at = |number: &str| ["jeddah", "rabigh", "taif"].map(|place| format!("w/{place}/rain/{number}"));
        assert_eq!(plan.topics, BTreeSet::from(at("MKH-2025-000012")));
        assert_eq!(plan.emptied, BTreeSet::from(at("MKH-2025-000009")));
        assert_eq!((plan.edition, plan.replaced), (4, BTreeSet::from(["MKH-2025-000009".to_owned()])));
    }

    #[test]
    fn a_notice_is_told_apart_from_every_place() {
        let body = r#"{"type":"notice.begun","data":{"number":"MKH-OPS-2025-000003","edition":1,"stage":"begun"}}"#;
        assert_eq!(Plan::read(body, "w").unwrap().topics, BTreeSet::from(["w/notices/MKH-OPS-2025-000003".to_owned()]));
    }

    #[test]
    fn no_place_is_never_every_place() {
        let body = r#"{"data":{"number":"MKH-2025-000012","edition":1,"hazard":"rain","areas":[]}}"#;
        assert!(Plan::read(body, "w").unwrap_err().contains("never every place"));
        assert!(Plan::read("سيول", "w").unwrap_err().contains("write \"json\""));
        let odd = r#"{"data":{"number":"a/b","edition":1,"hazard":"rain","areas":[{"id":"+"}]}}"#;
        assert_eq!(Plan::read(odd, "w").unwrap().topics, BTreeSet::from(["w/_/rain/a_b".to_owned()]));
    }
}
