//! `feeds.toml`: the keys that all feeds share, and those of each kind.

use serde_json::{Value, json};

use super::kinds::{self, Kind};
use super::places;
use super::words::{
    Key, NAME, about, both, flag, integer, line, named, secret, size, span, such_as, table, tables, text, texts, usual,
    word, words,
};
use super::zone;
use crate::feed::{self, KINDS, open_meteo};
use crate::unit::{Metric, Unit};

/// The kinds that bring the bytes of another one, and so never stand within one themselves.
const BRINGERS: [&str; 2] = ["dir", "wis2"];

/// The schema of the file.
pub(super) fn schema() -> Value {
    let kinds = KINDS.iter().map(|kind| of_kind(kind.name, kind.about, false));
    let mut feed = kinds::table("a feed", common(), &["name"], kinds.collect());
    if let Some(object) = feed.as_object_mut() {
        object.insert("oneOf".to_owned(), json!([{ "required": ["every"] }, { "required": ["schedule"] }]));
    }
    named("Feeds: what is asked, how often, and when its silence is itself news.", Some(NAME), &feed)
}

fn common() -> Vec<Key> {
    let proxy = such_as(line("the way to it: http://host:port, or none"), &["http://proxy.example:3128".into()]);
    vec![
        ("enabled", flag("false: it is read and checked, and nobody is asked", true)),
        ("name", both("what the public reads in place of its id")),
        ("every", such_as(span("how often it is asked, 10s to 7d"), &["15min".into()])),
        ("schedule", such_as(line("when it is asked: cron with 5 or 6 fields"), &["7 * * * *".into()])),
        ("jitter", span("how far each run is put off by chance, half of `every` at most")),
        ("timeout", usual(span("how long an answer is waited for, 1s to 2min"), "20s")),
        ("max_body", usual(size("the largest answer that is read"), "4 MiB")),
        (
            "stale_after",
            span("how old its word may be and still count; left out: three times `every`, and ten minutes at least"),
        ),
        ("twin_wait", usual(span("how long an alert in one language waits for the other, 10min at most"), "0s")),
        ("silent_after", span("without an answer for so long the people on duty hear of it; left out: three runs")),
        ("new_within", span("without anything new for so long they hear of it")),
        ("max_age", span("how old the newest thing that it speaks of may be")),
        ("attribution", line("who is to be named as the source")),
        ("licence", line("under which licence its data come")),
        ("intermediates", line("a PEM file beside this one: certificates that the server forgets to send")),
        ("ca", line("a PEM file: an authority that is trusted beside those of this machine")),
        ("proxy", proxy),
        ("proxy_user", text("the user at the proxy")),
        ("proxy_password", secret("where the password at the proxy is kept")),
        ("connect_timeout", usual(span("how long connecting may take, 1s to 1min"), "10s")),
        ("allow_private", flag("what it leads to may lie in an inner network", false)),
    ]
}

/// The keys of a kind; within another one it needs no address.
fn of_kind(name: &'static str, about: &'static str, is_within: bool) -> Kind {
    let (mut keys, mut required) = match keys(name) {
        Some((keys, required)) => (Some(keys), required),
        None => (None, Vec::new()),
    };
    if is_within {
        keys.iter_mut().for_each(|keys| keys.retain(|(key, _)| *key != "url"));
        required.retain(|key| !["url", "key"].contains(key));
    }
    Kind { name, about, keys, required }
}

type Own = (Vec<Key>, Vec<&'static str>);

fn keys(kind: &str) -> Option<Own> {
    let stations = || ("stations", places::stations("stations and the governorates that each stands for"));
    let governorates = || ("governorates", places::of_feed("for which it is asked; left out: all"));
    Some(match kind {
        "open-meteo" => (
            vec![
                address(),
                ("key", secret("where the key of a commercial licence is kept")),
                ("hourly", words("its names for the values", open_meteo::variable_names())),
                ("past_hours", usual(integer("how far back", &(0..=open_meteo::MAX_HOURS)), 24)),
                ("forecast_hours", usual(integer("how far ahead", &(0..=open_meteo::MAX_HOURS)), 48)),
                governorates(),
            ],
            vec!["hourly"],
        ),
        "metar" => (vec![address(), stations()], vec!["stations"]),
        "taf" => {
            let least = usual(integer("of PROB groups: 30, or 40; 100 leaves them all out", &(30..=100)), 30);
            (vec![address(), stations(), ("least_probability", least)], vec!["stations"])
        }
        "cap" => (vec![address(), life(), tag(), ("area", area()), ("signature", signature())], vec!["url"]),
        "wis2" => (broker(), vec!["brokers", "topics", "reads"]),
        "ncm-ews" => (vec![address(), life()], Vec::new()),
        "met-norway" => (vec![address(), governorates()], Vec::new()),
        "openweathermap" => (vec![address(), ("key", secret("where the key is kept")), governorates()], vec!["key"]),
        "gdacs" => (vec![address()], Vec::new()),
        "csv" => (csv(), vec!["time", "values"]),
        "json" => {
            let mut keys = rows("path", "paths", "unit_path");
            keys.push(address());
            keys.push(("rows", such_as(line("JSONPath of the rows"), &["$.data[*]".into()])));
            (keys, vec!["rows", "time", "values"])
        }
        "dir" => (
            vec![
                ("path", line("the folder; relative paths begin in the state directory")),
                ("pattern", usual(line("which files count"), "*")),
                ("reads", reads("how each file is read")),
            ],
            vec!["path", "reads"],
        ),
        _ => return None,
    })
}

fn address() -> Key {
    ("url", json!({ "type": "string", "pattern": "^https?://", "description": "its address" }))
}

fn life() -> Key {
    ("default_life", usual(span("how long an alert lives that does not say, 3d at most"), "12h"))
}

fn tag() -> Key {
    let pattern = "^[A-Za-z0-9-]{2,35}$";
    (
        "language",
        json!({ "type": "string", "pattern": pattern, "description": "the language of words that do not say" }),
    )
}

fn area() -> Value {
    let share = |told: &str| json!({ "type": "number", "exclusiveMinimum": 0, "maximum": 1, "description": told });
    let keys = vec![
        ("share_of_governorate", share("a shape means a governorate of which it covers so much")),
        ("share_of_shape", share("a shape means a governorate in which so much of it lies")),
        ("centre", flag("a shape means a governorate whose seat it holds", true)),
    ];
    table("when a polygon or circle means a governorate", keys, &[])
}

fn signature() -> Value {
    let keys = vec![
        ("policy", usual(word("what signatures are worth", ["verify", "require", "note", "ignore"]), "verify")),
        ("certificates", line("a PEM file beside this one, or its text: of the signer or of who vouches for it")),
        ("signer", line("the name in the signer's certificate")),
        ("legacy", flag("SHA-1 is taken for a sound signature", false)),
    ];
    table("what XML signatures are worth", keys, &[])
}

fn broker() -> Vec<Key> {
    let brokers = json!({ "type": "array", "minItems": 1, "description": "the brokers, all listened to at once",
        "items": { "type": "string", "pattern": "^mqtts?://" } });
    vec![
        ("brokers", brokers),
        ("topics", texts("the topics, wildcards and all")),
        ("user", usual(line("the user"), "everyone")),
        ("password", secret("where the password of another user is kept")),
        ("plain", flag("a broker of another machine may be reached without TLS", false)),
        ("reads", reads("what reads the data")),
    ]
}

fn reads(told: &str) -> Value {
    let kinds = KINDS.iter().filter(|kind| !BRINGERS.contains(&kind.name));
    kinds::table(told, Vec::new(), &[], kinds.map(|kind| of_kind(kind.name, kind.about, true)).collect())
}

fn csv() -> Vec<Key> {
    let byte = |told: &str| json!({ "type": "string", "pattern": "^(tab|[ -~])$", "description": told });
    let mut keys = rows("column", "columns", "unit_column");
    keys.extend([
        address(),
        ("delimiter", usual(byte("what stands between cells; \"tab\" is one as well"), ",")),
        ("quote", usual(byte("what stands around a cell"), "\"")),
        ("comment", byte("lines that begin so are passed over")),
        ("decimal", usual(word("what stands before decimals", [".", ","]), ".")),
        ("encoding", usual(such_as(line("how its text is encoded"), &["windows-1256".into()]), "utf-8")),
        ("skip_lines", usual(integer("lines before the header", &(0..=feed::csv::MAX_SKIPPED)), 0)),
        ("header", flag("false: columns are numbers, from 1", true)),
    ]);
    keys
}

/// The keys of rows that somebody else laid out: `one`, `several` and `unit` are what a cell, cells and the cell of a unit are called.
fn rows(one: &'static str, several: &'static str, unit: &'static str) -> Vec<Key> {
    let cell = |told: &str| match one {
        "column" => json!({ "description": told, "type": ["string", "integer"] }),
        _ => line(told),
    };
    let cells = json!({ "type": "array", "minItems": 1, "maxItems": 4, "items": cell(""),
        "description": "the cells that make it together" });
    let form = such_as(line("iso, epoch, epoch-ms, or as strftime has it"), &["iso".into(), "%d/%m/%Y %H:%M".into()]);
    let time = vec![
        (one, cell("where it stands")),
        (several, cells),
        ("format", usual(form, "iso")),
        ("zone", zone("the zone of times that do not say theirs")),
    ];
    let others = || ("ignore_others", flag("rows of other places are passed over without a word", false));
    let stations = places::stations("stations and the governorates that each stands for");
    let station = vec![(one, cell("where its name stands")), ("governorates", stations), others()];
    let place =
        vec![(one, cell("where its name stands")), ("is", places::several("always these governorates")), others()];
    let basis = || ("basis", word("whether it was seen or computed", ["observed", "forecast"]));
    let covers = || ("covers", such_as(span("how long a value speaks for, 2d at most"), &["10min".into()]));
    let symbols: Vec<&str> = Unit::ALL.iter().flat_map(|unit| unit.spellings().iter().copied()).collect();
    let value = vec![
        (one, cell("where it stands")),
        ("is", line("its parameter, where each row holds one value")),
        ("metric", word("what it is of", Metric::ALL.iter().map(|metric| metric.name()))),
        ("unit", word("its unit", symbols)),
        (unit, cell("where its unit stands")),
        basis(),
        covers(),
        ("missing", texts("what stands for no value")),
    ];
    let alone = |told: &str| table(told, vec![(one, cell("where it stands"))], &[one]);
    vec![
        ("time", table("where the time of a row stands", time, &[])),
        ("station", table("the station of a row", station, &[one, "governorates"])),
        ("place", table("the governorate of a row", place, &[])),
        ("parameter", alone("where the parameter stands, when each row holds one value")),
        ("value", alone("where the value stands, when each row holds one")),
        about_basis(basis()),
        about_basis(covers()),
        ("values", tables("the values of a row", &table("a value", value, &["metric"]))),
    ]
}

/// A key that holds for all values which do not say their own.
fn about_basis((key, schema): Key) -> Key {
    (key, about(schema, "for every value that does not say its own"))
}
