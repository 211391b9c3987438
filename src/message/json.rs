//! The JSON form, for machines: one compact object, its keys always in the same order.
//!
//! The envelope is that of Standard Webhooks: `type`, `timestamp`, `data`. Instants are RFC 3339 in UTC. Numbers carry their unit
//! beside them, the one that the public reads. New keys may be added at the end of an object; none is renamed or taken away.
//! `replaces` names the newest edition of each warning whose place is taken: all older ones of the same number go with it, and one
//! of them may be what a receiver has.
//!
//! ```json
//! {"type":"warning.raised","timestamp":"2025-12-08T22:00:00Z","data":{"id":"MKH-2025-000012.2","number":"MKH-2025-000012",
//! "edition":2,"replaces":["MKH-2025-000012.1"],"change":"raised","status":"Actual","hazard":"rain","severity":"red",
//! "was":"orange","areas":[{"id":"jeddah","code":"0202","name":{"ar":"جدة","en":"Jeddah"}}],"left":[],
//! "issued":"…","onset":"…","until":"…","official":false,
//! "source":{"feeds":["metar"],"authority":null,"alert":null},
//! "evidence":[{"rule":"rain-sum-6h","governorate":"jeddah","metric":"precipitation","basis":"observed","statistic":"sum",
//! "window_s":21600,"at":"…","value":51.0,"threshold":40.0,"unit":"mm","feed":"metar","station":"OEJN"}],
//! "silent_since":null,"text":{"ar":{"headline":"…","body":"…","short":"…"},"en":{"headline":"…","body":"…","short":"…"}},
//! "sources":[{"id":"metar","name":{"ar":"تقارير مطارات المنطقة (METAR)","en":"reports from the region's airports (METAR)"}}]}}
//! ```
//!
//! `doubtful` stands at the end, in the shape of `left`, where a warning may still hold in a place that it held in before and nobody
//! knows whether it does. `reminder` counts how often what is still in force was told once more, under the same id. `expires` is the moment from which on nobody is to be told of it any
//! more, however late it arrives. `parted` stands there, in the same shape, where nothing is new but that the bulletin no longer speaks of
//! some places.
//!
//! A notice to the people on duty comes in the same envelope under types of its own, `notice.begun`, `notice.continues` and
//! `notice.ended`; `about` says which topic it is of.
//!
//! ```json
//! {"type":"notice.begun","timestamp":"2025-12-08T22:15:30Z","data":{"id":"MKH-OPS-2025-000003.1","number":"MKH-OPS-2025-000003",
//! "edition":1,"stage":"begun","since":"…","issued":"…","expires":"…","about":{"topic":"feed-silent","feed":"metar",
//! "was_heard":true,"past":[{"clock":"fetch","since":"…","limit_s":900}],"why":"no answer within 20s","resting":2},
//! "text":{"ar":{"headline":"…","body":"…","short":"…"},"en":{"headline":"…","body":"…","short":"…"}}}}
//! ```

use std::collections::{BTreeMap, BTreeSet};

use chrono::SecondsFormat;
use serde::Serialize;

use crate::alert::Status;
use crate::bulletin::{Bulletin, Change, Evidence, Origin, Reason};
use crate::governorate::GovernorateBook;
use crate::hazard::{Hazard, Severity};
use crate::ids::{BulletinId, FeedId, GovernorateId, RuleId};
use crate::language::{Both, Language};
use crate::message::brief::Part;
use crate::message::evidence;
use crate::message::text::Spoken;
use crate::notice::{Notice, Stage, Topic};
use crate::reading::Basis;
use crate::rule::Statistic;
use crate::statement::{Sort, Statement, Truth};
use crate::time::Timestamp;
use crate::unit::Metric;

#[derive(Serialize)]
struct Envelope<T> {
    r#type: String,
    timestamp: String,
    data: T,
}

#[derive(Serialize)]
struct Data<'a> {
    id: &'a BulletinId,
    number: &'a str,
    edition: u32,
    replaces: &'a [BulletinId],
    change: Change,
    status: Status,
    hazard: Hazard,
    severity: Severity,
    was: Option<Severity>,
    areas: Vec<Area<'a>>,
    left: Vec<Area<'a>>,
    issued: String,
    onset: String,
    until: String,
    official: bool,
    source: Source<'a>,
    evidence: Vec<Value<'a>>,
    silent_since: Option<String>,
    text: Texts<'a>,
    sources: Vec<Named<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    doubtful: Vec<Area<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parted: Vec<Area<'a>>,
    /// Said or changed by the people on duty.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    by_hand: bool,
    /// Why it is taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    /// The how-manieth time it is told once more; left out the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    reminder: Option<u32>,
    expires: String,
}

/// A feed and what the public reads in its place; none when it is not configured any more.
#[derive(Serialize)]
struct Named<'a> {
    id: &'a FeedId,
    name: Option<&'a Both<String>>,
}

#[derive(Serialize)]
struct Area<'a> {
    id: &'a GovernorateId,
    code: Option<&'a str>,
    name: Option<&'a Both<String>>,
}

#[derive(Serialize)]
struct Source<'a> {
    feeds: Vec<&'a FeedId>,
    authority: Option<&'a str>,
    alert: Option<String>,
}

#[derive(Serialize)]
struct Value<'a> {
    rule: &'a RuleId,
    governorate: &'a GovernorateId,
    metric: Metric,
    basis: Basis,
    statistic: Statistic,
    window_s: i64,
    at: String,
    value: f64,
    threshold: f64,
    unit: &'static str,
    feed: &'a FeedId,
    station: Option<&'a str>,
}

#[derive(Serialize)]
struct Texts<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ar: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    en: Option<Text<'a>>,
    /// Those that files add, by their tags.
    #[serde(flatten)]
    further: BTreeMap<&'static str, Text<'a>>,
}

#[derive(Serialize)]
struct Text<'a> {
    headline: &'a str,
    body: &'a str,
    /// The same in a few lines, the first of them a headline: see [`brief::Budget::NOTE`](super::brief::Budget::NOTE).
    #[serde(skip_serializing_if = "Option::is_none")]
    short: Option<&'a str>,
}

fn instant(moment: Timestamp) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn areas<'a>(ids: &'a [GovernorateId], places: &'a GovernorateBook) -> Vec<Area<'a>> {
    ids.iter()
        .map(|id| {
            let known = places.get(id);
            Area { id, code: known.map(|place| place.code.as_str()), name: known.map(|place| &place.name) }
        })
        .collect()
}

/// A canonical value in the public's unit, without the crumbs of floating point.
fn public(metric: Metric, canonical: f64) -> f64 {
    let value = metric.public_unit().from_canonical(canonical);
    let steps = 10_f64.powi(i32::from(evidence::decimal_places(metric)) + 1);
    (value * steps).round() / steps
}

fn value(evidence: &Evidence) -> Value<'_> {
    Value {
        rule: &evidence.rule,
        governorate: &evidence.governorate,
        metric: evidence.metric,
        basis: evidence.basis,
        statistic: evidence.statistic,
        window_s: evidence.window.num_seconds(),
        at: instant(evidence.at),
        value: public(evidence.metric, evidence.value),
        threshold: public(evidence.metric, evidence.threshold),
        unit: evidence.metric.public_unit().symbol(),
        feed: &evidence.feed,
        station: evidence.station.as_deref(),
    }
}

fn source(origin: &Origin) -> Source<'_> {
    match origin {
        Origin::Automatic { evidence } => {
            let feeds: BTreeSet<&FeedId> = evidence.iter().map(|one| &one.feed).collect();
            Source { feeds: feeds.into_iter().collect(), authority: None, alert: None }
        }
        Origin::Desk => Source { feeds: Vec::new(), authority: None, alert: None },
        Origin::Official { feed, identity, words } => Source {
            feeds: vec![feed],
            authority: words.iter().find_map(|words| words.sender_name.as_deref()).or(Some(&identity.sender)),
            alert: Some(identity.to_string()),
        },
    }
}

fn texts<'a>(spoken: &'a [(Language, Spoken)], shorts: &'a [Part]) -> Texts<'a> {
    let text = |wanted: Language| {
        let (_, spoken) = spoken.iter().find(|(language, _)| *language == wanted)?;
        let short = shorts.iter().find(|part| part.language == wanted).map(|part| part.text.as_str());
        Some(Text { headline: &spoken.headline, body: &spoken.body, short })
    };
    let further = spoken.iter().filter(|(language, _)| language.is_further());
    let further = further.filter_map(|(language, _)| Some((language.tag(), text(*language)?))).collect();
    Texts { ar: text(Language::Ar), en: text(Language::En), further }
}

/// The JSON of a bulletin, with the texts in the languages given.
pub(super) fn whole(
    bulletin: &Bulletin,
    places: &GovernorateBook,
    names: &BTreeMap<FeedId, Both<String>>,
    spoken: &[(Language, Spoken)],
    shorts: &[Part],
    reminder: Option<u32>,
) -> Result<String, serde_json::Error> {
    let source = source(&bulletin.origin);
    let sources = source.feeds.iter().map(|id| Named { id, name: names.get(*id) }).collect();
    serde_json::to_string(&Envelope {
        r#type: format!("warning.{}", bulletin.change.name()),
        timestamp: instant(bulletin.issued),
        data: Data {
            id: &bulletin.id,
            number: &bulletin.number,
            edition: bulletin.edition,
            replaces: &bulletin.replaces,
            change: bulletin.change,
            status: bulletin.status,
            hazard: bulletin.hazard,
            severity: bulletin.severity,
            was: bulletin.was,
            areas: areas(&bulletin.areas, places),
            left: areas(&bulletin.left, places),
            issued: instant(bulletin.issued),
            onset: instant(bulletin.onset),
            until: instant(bulletin.until),
            official: matches!(bulletin.origin, Origin::Official { .. }),
            source,
            evidence: evidence::of(&bulletin.origin).iter().map(value).collect(),
            silent_since: bulletin.silent_since.map(instant),
            text: texts(spoken, shorts),
            sources,
            doubtful: areas(&bulletin.doubtful, places),
            parted: areas(&bulletin.parted, places),
            by_hand: !bulletin.by_hand.is_nothing(),
            reason: bulletin.by_hand.reason,
            reminder,
            expires: instant(bulletin.stale_after),
        },
    })
}

#[derive(Serialize)]
struct NoticeData<'a> {
    id: &'a BulletinId,
    number: &'a str,
    edition: u32,
    stage: Stage,
    since: String,
    issued: String,
    expires: String,
    about: &'a Topic,
    text: Texts<'a>,
}

/// The JSON of a notice, with the texts in the languages given.
pub(super) fn of_notice(
    notice: &Notice,
    spoken: &[(Language, Spoken)],
    shorts: &[Part],
) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Envelope {
        r#type: format!("notice.{}", notice.stage.name()),
        timestamp: instant(notice.issued),
        data: NoticeData {
            id: &notice.id,
            number: &notice.number,
            edition: notice.edition,
            stage: notice.stage,
            since: instant(notice.since),
            issued: instant(notice.issued),
            expires: instant(notice.stale_after),
            about: &notice.topic,
            text: texts(spoken, shorts),
        },
    })
}

#[derive(Serialize)]
struct StatementData<'a> {
    id: &'a BulletinId,
    number: &'a str,
    edition: u32,
    sort: Sort,
    withdrawn: bool,
    title: &'a Both<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<&'a Both<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truth: Option<Truth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
    areas: Vec<Area<'a>>,
    issued: String,
    expires: String,
    text: Texts<'a>,
}

/// The JSON of a statement, with the texts in the languages given.
pub(super) fn of_statement(
    statement: &Statement,
    places: &GovernorateBook,
    spoken: &[(Language, Spoken)],
    shorts: &[Part],
) -> Result<String, serde_json::Error> {
    let content = &statement.content;
    let (rumour, when) = (content.rumour.as_ref(), content.when.as_ref());
    serde_json::to_string(&Envelope {
        r#type: format!("statement.{}", if statement.is_withdrawn { "withdrawn" } else { content.sort.name() }),
        timestamp: instant(statement.issued),
        data: StatementData {
            id: &statement.id,
            number: &statement.number,
            edition: statement.edition,
            sort: content.sort,
            withdrawn: statement.is_withdrawn,
            title: &content.title,
            claim: rumour.map(|rumour| &rumour.claim),
            truth: rumour.map(|rumour| rumour.truth),
            from: when.map(|when| instant(when.from)),
            until: when.and_then(|when| when.until).map(instant),
            link: content.link.as_deref(),
            areas: areas(&content.places, places),
            issued: instant(statement.issued),
            expires: instant(statement.stale_after),
            text: texts(spoken, shorts),
        },
    })
}
