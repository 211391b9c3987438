//! `rules/*.toml`: what a rule may say, with the quantities that its metric is measured in.

use serde_json::{Map, Value, json};

use super::places;
use super::words::{
    Key, NAME, about, flag, integer, line, named, names, quantity, span, such_as, table, tables, text, texts, usual,
    word,
};
use crate::feed::KINDS;
use crate::hazard::{Hazard, Severity};
use crate::rule::Statistic;
use crate::unit::{Dimension, Metric};

/// Every dimension that a metric can have.
const DIMENSIONS: [Dimension; 9] = [
    Dimension::Depth,
    Dimension::Temperature,
    Dimension::Share,
    Dimension::Speed,
    Dimension::Length,
    Dimension::Pressure,
    Dimension::Energy,
    Dimension::Concentration,
    Dimension::Code,
];

/// The schema of a rule file.
pub(super) fn schema() -> Value {
    let defaults = about(defaults(), "what every rule of a hazard says that does not say otherwise");
    json!({
        "type": "object",
        "description": "Rules: which metric over which window, where, at which thresholds is yellow, orange, red.",
        "properties": { "defaults": defaults },
        "additionalProperties": { "$ref": "#/$defs/rule" },
        "propertyNames": { "pattern": NAME },
        "$defs": definitions(),
    })
}

fn definitions() -> Map<String, Value> {
    let mut all = Map::new();
    for dimension in DIMENSIONS {
        for is_rate in [false, true] {
            all.insert(quantity_name(dimension, is_rate), quantity(dimension, is_rate));
        }
    }
    all.insert("window".to_owned(), window());
    all.insert("condition".to_owned(), condition());
    all.insert("override".to_owned(), overridden());
    all.insert("rule".to_owned(), rule());
    all
}

fn quantity_name(dimension: Dimension, is_rate: bool) -> String {
    let plain: String = dimension.name().chars().map(|c| if c == ' ' { '-' } else { c }).collect();
    if is_rate { format!("{plain}-by-time") } else { plain }
}

fn severity_names() -> impl Iterator<Item = &'static str> {
    Severity::OF_RULES.into_iter().map(Severity::name)
}

fn metric() -> Value {
    word("what is measured", Metric::ALL.iter().map(|metric| metric.name()))
}

fn window() -> Value {
    let keys = Statistic::ALL.into_iter().map(|statistic| {
        let told = match statistic {
            Statistic::Sum => "all that fell in so long; of precipitation only",
            Statistic::Max => "the largest value in so long",
            Statistic::Min => "the smallest value in so long",
            Statistic::Mean => "the mean over so long",
            Statistic::Rate => "how much by the hour, over so long",
        };
        (statistic.name(), span(told))
    });
    let mut schema = table("a stretch of time, 7d at most, and what is made of its values", keys.collect(), &[]);
    set(&mut schema, "minProperties", 1.into());
    set(&mut schema, "maxProperties", 1.into());
    such_as(schema, &[json!({ "sum": "6h" }), json!({ "max": "1h" })])
}

/// A threshold before it is known of which metric.
fn any_quantity(told: &str) -> Value {
    json!({ "type": ["string", "number"], "description": told })
}

fn by_severity(told: &str) -> Value {
    let keys = Severity::OF_RULES.into_iter().map(|severity| (severity.name(), any_quantity("a number and a unit")));
    let mut schema = table(told, keys.collect(), &[]);
    set(&mut schema, "minProperties", 1.into());
    schema
}

fn thresholds() -> Vec<Key> {
    vec![
        ("at_least", by_severity("from where on it is yellow, orange, red; the higher the worse")),
        ("at_most", by_severity("from where down it is yellow, orange, red; the lower the worse")),
        ("clear", by_severity("where a severity begins to be over; left out: a tenth, or a degree, on the calm side")),
    ]
}

fn patience() -> Vec<Key> {
    vec![
        ("rise_after", usual(span("how long a threshold must stay reached before it is told, 1d at most"), "0s")),
        ("ease_after", usual(span("how long it must stay clear before it is lifted, 1d at most"), "1h")),
        ("lasts", usual(span("how long every window before must have reached it too, 1d at most"), "0s")),
    ]
}

fn sight() -> Value {
    usual(word("which readings it looks at", ["any", "observed", "forecast"]), "any")
}

fn look_ahead() -> Value {
    usual(span("how far ahead a forecast counts, 5d at most"), "0s")
}

fn highest() -> Value {
    usual(word("the worst severity that a forecast alone may give", severity_names()), "orange")
}

fn condition() -> Value {
    let keys = vec![
        ("metric", metric()),
        ("window", json!({ "$ref": "#/$defs/window" })),
        ("at_least", any_quantity("it holds from here on")),
        ("at_most", any_quantity("it holds from here down")),
    ];
    let mut schema = table("a further condition on the same place and time", keys, &["metric", "window"]);
    set(&mut schema, "oneOf", json!([{ "required": ["at_least"] }, { "required": ["at_most"] }]));
    let own = |quantity: &Value| json!({ "properties": { "at_least": quantity, "at_most": quantity } });
    set(&mut schema, "allOf", by_metric(own));
    schema
}

fn overridden() -> Value {
    let mut keys = vec![
        ("governorates", places::chosen("where; left out: everywhere that the rule holds")),
        (
            "seasons",
            names("when: seasons of seasons.toml, one of which is enough; left out: always", places::seasons()),
        ),
        ("enabled", flag("whether the rule holds there and then", true)),
    ];
    keys.extend(thresholds());
    keys.extend(patience());
    let mut schema = table("what is otherwise somewhere or in some seasons; the last one that holds counts", keys, &[]);
    set(&mut schema, "anyOf", json!([{ "required": ["governorates"] }, { "required": ["seasons"] }]));
    // One that changes nothing is a slip.
    let changes = thresholds().into_iter().chain(patience()).map(|(key, _)| key).chain(["enabled"]);
    let changes: Vec<Value> = changes.map(|key| json!({ "required": [key] })).collect();
    set(&mut schema, "allOf", json!([{ "anyOf": changes }]));
    schema
}

fn rule() -> Value {
    let known_voices = ["observed", "forecast"].into_iter().chain(KINDS.iter().map(|kind| kind.name));
    let known_voices: Vec<&str> = known_voices.collect();
    let voices = severity_names()
        .map(|severity| (severity, names("basis, kinds of feeds, or feeds by name", known_voices.iter().copied())));
    let agree = table(
        "how many feeds, or stations, must reach a threshold, each for itself",
        vec![
            ("feeds", integer("so many feeds", &(1..=100))),
            ("stations", integer("so many stations, also of one feed", &(1..=100))),
        ],
        &[],
    );
    let mut keys = vec![
        ("enabled", flag("false: it is read and checked, and warns nobody", true)),
        ("hazard", word("what it warns of", Hazard::ALL.iter().map(|hazard| hazard.name()))),
        ("metric", metric()),
        ("window", json!({ "$ref": "#/$defs/window" })),
        ("sight", sight()),
        ("look_ahead", look_ahead()),
        ("highest_from_forecast", highest()),
        (
            "may_raise",
            table("who alone may raise a severity, in place of highest_from_forecast", voices.collect(), &[]),
        ),
        (
            "agree",
            json!({ "description": "how many must agree", "anyOf": [integer("so many feeds", &(1..=100)), agree] }),
        ),
        ("governorates", places::chosen("where it holds; left out: everywhere")),
        ("also", tables("what must hold as well, all of it", &json!({ "$ref": "#/$defs/condition" }))),
        ("either", tables("of this one must hold as well", &json!({ "$ref": "#/$defs/condition" }))),
        ("override", tables("what is otherwise somewhere or in some seasons", &json!({ "$ref": "#/$defs/override" }))),
        ("stories", texts("what you expect of it: \"00:00 25 mm, 00:10 25 mm -> 00:00 issued red\"")),
        ("story", tables("the same with a day and a place, for overrides", &story())),
        ("source", line("where its thresholds come from")),
        ("signed_off_by", text("the meteorologist who signed it off; empty while nobody has")),
        ("notes", text("what you want to remember of it")),
    ];
    keys.extend(thresholds());
    keys.extend(patience());
    let mut schema = table("a rule", keys, &["hazard", "metric", "window"]);
    set(&mut schema, "oneOf", json!([{ "required": ["at_least"] }, { "required": ["at_most"] }]));
    let own = |quantity: &Value| {
        let each = json!({ "additionalProperties": quantity });
        let three = json!({ "at_least": each, "at_most": each, "clear": each });
        json!({ "properties": {
            "at_least": each, "at_most": each, "clear": each, "override": { "items": { "properties": three } },
        } })
    };
    set(&mut schema, "allOf", by_metric(own));
    schema
}

fn story() -> Value {
    let keys = vec![
        ("told", line("values by hours and minutes, an arrow, and what is then said")),
        ("on", json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "description": "on which day" })),
        ("governorate", places::one("where")),
    ];
    table("what you expect on a day in a place", keys, &["told"])
}

fn defaults() -> Value {
    let mut keys = vec![
        ("sight", sight()),
        ("look_ahead", look_ahead()),
        ("highest_from_forecast", highest()),
        ("source", line("where the thresholds come from")),
    ];
    keys.extend(patience());
    let mut schema = named("", None, &table("of one hazard", keys, &[]));
    let hazards: Vec<&str> = Hazard::ALL.iter().map(|hazard| hazard.name()).collect();
    set(&mut schema, "propertyNames", json!({ "enum": hazards }));
    schema
}

/// What follows from the metric, once for each dimension, for amounts and for rates.
fn by_metric(own: impl Fn(&Value) -> Value) -> Value {
    let mut all = Vec::new();
    for dimension in DIMENSIONS {
        let of = Metric::ALL.iter().filter(|metric| metric.dimension() == dimension);
        let metrics: Vec<&str> = of.map(|metric| metric.name()).collect();
        for is_rate in [false, true] {
            let rate = json!({ "required": [Statistic::Rate.name()] });
            let window = if is_rate { rate } else { json!({ "not": rate }) };
            let quantity = json!({ "$ref": format!("#/$defs/{}", quantity_name(dimension, is_rate)) });
            let then = if is_rate && dimension == Dimension::Code { false.into() } else { own(&quantity) };
            all.push(json!({
                "if": {
                    "properties": { "metric": { "enum": metrics }, "window": window }, "required": ["metric", "window"],
                },
                "then": then,
            }));
        }
    }
    let asks = |statistic: Statistic| json!({ "properties": { "window": { "required": [statistic.name()] } }, "required": ["window"] });
    let codes = Metric::ALL.iter().filter(|metric| metric.dimension() == Dimension::Code);
    let codes: Vec<&str> = codes.map(|metric| metric.name()).collect();
    all.push(json!({
        "if": asks(Statistic::Sum),
        "then": { "properties": { "metric": { "const": Metric::Precipitation.name() } } },
    }));
    all.push(json!({
        "if": asks(Statistic::Mean), "then": { "properties": { "metric": { "not": { "enum": codes } } } },
    }));
    all.into()
}

fn set(schema: &mut Value, key: &str, value: Value) {
    if let Some(object) = schema.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}
