//! The schemas against the shipped files, the examples, the broken cases, and the keys that the readers ask for.

use std::collections::{BTreeMap, BTreeSet};

#[path = "../../tests/it/cases.rs"]
mod cases;

use super::*;
use crate::config::{BUILT_IN, embedded, from_files};
use crate::table::record::{Record, during};

/// Which kind a file is of, by its name under a configuration directory.
fn kind_of(file: &str) -> Option<&'static str> {
    let file = file.strip_prefix(BUILT_IN).unwrap_or(file);
    match file.split_once('/') {
        // A language that is added has a shape of its own, which the shipped ones show.
        Some(("wording", name)) if name != "ar.toml" && name != "en.toml" => None,
        Some((part @ ("rules" | "wording"), name)) if name.ends_with(".toml") => {
            KINDS.iter().map(|kind| kind.name).find(|name| *name == part)
        }
        _ => KINDS.iter().map(|kind| kind.name).find(|name| Some(*name) == file.strip_suffix(".toml")),
    }
}

struct Judges(BTreeMap<&'static str, (Value, jsonschema::Validator)>);

impl Judges {
    fn new() -> Self {
        let judge = |kind: &Kind| {
            let schema = kind.schema();
            assert!(jsonschema::meta::is_valid(&schema), "{}", kind.name);
            let validator = jsonschema::draft202012::new(&schema).unwrap();
            (kind.name, (schema, validator))
        };
        Self(KINDS.iter().map(judge).collect())
    }

    /// What is wrong with a file; none for one that is not TOML of a kind.
    fn faults(&self, file: &str, text: &str) -> Vec<String> {
        let Some(kind) = kind_of(file) else { return Vec::new() };
        let Ok(value) = toml::from_str::<Value>(text) else { return vec!["it is no TOML".to_owned()] };
        self.0[kind].1.iter_errors(&value).map(|why| format!("{}: {why}", why.instance_path())).collect()
    }
}

#[test]
fn every_shipped_file_is_as_its_schema_says() {
    let judges = Judges::new();
    let mut seen = BTreeSet::new();
    for (name, text) in embedded::FILES {
        assert_eq!(judges.faults(name, text), Vec::<String>::new(), "{name}");
        seen.extend(kind_of(name));
    }
    assert_eq!(seen.len(), KINDS.len(), "{seen:?}");
}

/// Every example of every kind, as a file; what an example does not show is added.
fn examples() -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    for kind in crate::feed::KINDS {
        let every = if kind.example.contains("\nevery") { "" } else { "every = \"15min\"\n" };
        let name = "name = { ar = \"مصدر\", en = \"a feed\" }";
        all.push(("feeds.toml", format!("[x]\n{}{name}\n{every}", kind.example)));
    }
    for kind in crate::sink::KINDS {
        all.push(("channels.toml", format!("{}audience = \"staff\"\n", kind.example)));
    }
    all
}

#[test]
fn every_example_is_as_its_schema_says() {
    let judges = Judges::new();
    for (name, text) in examples().iter().chain(&whole()) {
        assert_eq!(judges.faults(name, text), Vec::<String>::new(), "{text}");
    }
}

/// The cases of `nadhir check` that only it can tell: what hangs together over several keys, files or values.
const BEYOND: &[&str] = &[
    "bounds-turned-round",
    "clear-on-the-wrong-side",
    "clear-that-never-comes",
    "codes-written-twice",
    "cron-lines-of-other-machines",
    "impossible-threshold",
    "look-ahead-at-what-is-observed",
    "names-in-the-wrong-language",
    "names-swapped",
    "one-name-for-two-places",
    "one-name-in-two-files",
    "ours-as-elsewhere",
    "outline-away-from-its-seat",
    "outlines-cut-short",
    "override-of-a-season-nobody-knows",
    "override-out-of-order",
    "override-the-other-way",
    "override-where-the-rule-is-not",
    "override-with-an-impossible-clear",
    "stories-at-odd-times",
    "stories-that-end-otherwise",
    "swapped-thresholds",
    "unknown-tag",
    "visibility-the-other-way",
    "wording-that-only-fails-when-told",
    "wording-with-slots-that-are-none",
    "wrong-order",
];

#[test]
fn what_is_broken_by_a_key_a_type_a_word_or_a_unit_is_refused() {
    let judges = Judges::new();
    let mut beyond = Vec::new();
    for (name, files) in cases::all() {
        let faults: Vec<String> = files.iter().flat_map(|(name, text)| judges.faults(name, text)).collect();
        if name.starts_with("warn-") {
            assert_eq!(faults, Vec::<String>::new(), "{name} can be used");
        } else if faults.is_empty() {
            beyond.push(name);
        }
    }
    beyond.sort();
    assert_eq!(beyond, BEYOND);
}

/// Files in which every table stands that may stand anywhere.
fn whole() -> Vec<(&'static str, String)> {
    let head = |name: &str| format!("[{name}]\nname = {{ ar = \"مصدر\", en = \"a feed\" }}\nevery = \"1h\"\n");
    let keys = "proxy = \"http://proxy.example:3128\"\nproxy_user = \"me\"\nproxy_password = { file = \"x\" }\n";
    let seat = "place = { is = [\"jeddah\"] }\nbasis = \"observed\"\ncovers = \"1h\"\n";
    let long = |one: &str| {
        let cell = |name: &str| if one == "path" { format!("$.{name}") } else { name.to_owned() };
        format!(
            "time = {{ {one}s = [\"{}\"], zone = \"UTC\" }}\nplace = {{ {one} = \"{}\", ignore_others = true }}\n\
             parameter = {{ {one} = \"{}\" }}\nvalue = {{ {one} = \"{}\" }}\n\
             values = [{{ is = \"RAIN\", metric = \"precipitation\", unit_{one} = \"{}\", basis = \"forecast\", covers = \"1h\", missing = [\"-\"] }}]\n",
            cell("t"),
            cell("p"),
            cell("n"),
            cell("v"),
            cell("u"),
        )
    };
    let plain = |one: &str, cell: &str| {
        format!(
            "{seat}time = {{ {one} = \"{cell}\" }}\nvalues = [{{ {one} = \"{cell}\", metric = \"cape\", unit = \"J/kg\" }}]\n"
        )
    };
    let web = "url = \"https://feed.example/\"\n";
    let signed =
        "signature = { policy = \"require\", certificates = \"authority.pem\", signer = \"a\", legacy = true }\n";
    let feeds = [
        format!("{}kind = \"cap\"\n{web}{signed}{keys}area = {{ centre = false }}\n", head("a")),
        format!("{}kind = \"csv\"\n{web}{}", head("b"), long("column")),
        format!("{}kind = \"csv\"\n{web}{}", head("c"), plain("column", "RAIN")),
        format!("{}kind = \"json\"\n{web}rows = \"$[*]\"\n{}", head("d"), long("path")),
        format!("{}kind = \"json\"\n{web}rows = \"$[*]\"\n{}", head("e"), plain("path", "$.rain")),
        format!(
            "{}kind = \"wis2\"\nbrokers = [\"mqtts://a.example\"]\ntopics = [\"a/#\"]\nuser = \"me\"\npassword = {{ credential = \"x\" }}\nreads = {{ kind = \"cap\" }}\n",
            head("f")
        ),
        format!("{}kind = \"met-norway\"\ngovernorates = {{ tags = [\"coastal\"] }}\n", head("g")),
        format!(
            "{}kind = \"openweathermap\"\nkey = {{ file = \"x\" }}\ngovernorates = {{ tags = [\"coastal\"] }}\n",
            head("h")
        ),
    ];
    let rules = "[defaults.rain]\nease_after = \"2h\"\n\n[r]\nhazard = \"rain\"\nmetric = \"precipitation\"\nwindow = { rate = \"1h\" }\n\
        at_least = { yellow = \"10 mm/h\", red = \"1 mm/min\" }\nclear = { yellow = \"5 mm/h\" }\nagree = { stations = 2 }\n\
        may_raise = { red = [\"observed\", \"metar\"] }\nsource = \"a test\"\ngovernorates = { at_least = \"5 m\" }\n\
        also = [{ metric = \"visibility\", window = { min = \"1h\" }, at_most = \"1 km\" }]\n\
        either = [{ metric = \"weather_code\", window = { max = \"1h\" }, at_least = 95 }]\n\
        [[r.override]]\nseasons = [\"hajj\"]\ngovernorates = { tags = [\"coastal\"] }\nclear = { yellow = \"4 mm/h\" }\n\
        at_least = { yellow = \"9 mm/h\" }\n[[r.story]]\ntold = \"00:00 1 mm -> nothing\"\non = \"2026-05-20\"\n\
        [s]\nhazard = \"fog\"\nmetric = \"visibility\"\nwindow = { min = \"1h\" }\nat_most = { yellow = \"1 km\" }\nsource = \"a test\"\n\
        [[s.override]]\nseasons = [\"hajj\"]\nat_most = { yellow = \"2 km\" }\n";
    let store = "[store]\nurl = \"postgres://nadhir@db.example/nadhir\"\npassword = { file = \"x\" }\n[web]\nlisten = \"127.0.0.1:8480\"\n";
    let nadhir = format!("{}\n{store}", embedded::text("nadhir.toml").unwrap().replace("[store]", ""));
    let channels =
        "[a]\nkind = \"console\"\naudience = \"public\"\ngovernorates = { tags = [\"coastal\"] }\n\
        release = { red = \"approval\" }\nremind = { red = \"1h\" }\ndigest = { up_to = \"yellow\", every = \"1h\" }\nquiet_hours = { from = \"22:00\", until = \"06:00\" }\n\
        fallback = { channel = \"b\", after = \"2min\" }\n[b]\nkind = \"console\"\naudience = \"public\"\nstandby = true\nstatements = [\"news\"]\n\
        [c]\nkind = \"sms\"\naudience = \"staff\"\ngateway = \"twilio\"\naccount = \"AC1\"\ntoken = { file = \"t\" }\nfrom = \"MG1\"\n\
        to = [\"+966500000001\"]\n[d]\nkind = \"sms\"\naudience = \"staff\"\ngateway = \"http\"\nurl = \"https://g.example/\"\n\
        fields = { to = \"{to}\", text = \"{text}\" }\nauthorization = { file = \"t\" }\nfrom = \"M\"\nrecipients = \"p\"\n".to_owned();
    let seasons = "[hajj]\nfrom = \"1 June\"\nto = \"3 June\"\n[nights]\ncron = \"* 22-23 * * *\"\n".to_owned();
    vec![
        ("feeds.toml", feeds.join("\n")),
        ("rules/r.toml", rules.to_owned()),
        ("nadhir.toml", nadhir),
        ("channels.toml", channels),
        ("seasons.toml", seasons),
    ]
}

/// Everything that readers are done with when they read the shipped files, the examples and the whole ones.
fn records() -> Vec<Record> {
    during(|| {
        let read = |files: &[(&str, String)]| {
            let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect();
            drop(from_files(files));
        };
        read(&[]);
        read(&whole());
        for (name, text) in examples() {
            read(&[(name, text)]);
        }
    })
}

/// A schema with what it refers to in its place, and of a list or of alternatives the table in it.
fn table_in<'a>(root: &'a Value, schema: &'a Value) -> Option<&'a Value> {
    if let Some(name) = schema["$ref"].as_str() {
        return table_in(root, root.pointer(name.trim_start_matches('#'))?);
    }
    if let Some(items) = schema.get("items") {
        return table_in(root, items);
    }
    if let Some(any) = schema["anyOf"].as_array().filter(|_| schema.get("properties").is_none()) {
        return any.iter().find_map(|one| table_in(root, one));
    }
    (schema["type"] == "object").then_some(schema)
}

/// The keys of a table of a kind, each with its schema.
fn keys<'a>(schema: &'a Value, kind: Option<&str>) -> &'a Map<String, Value> {
    let branches = schema["allOf"].as_array().into_iter().flatten();
    let is_own = |branch: &&Value| kind.is_some() && branch["if"]["properties"]["kind"]["const"].as_str() == kind;
    let own = branches.filter(is_own).map(|branch| &branch["then"]["properties"]).next();
    own.unwrap_or(&schema["properties"]).as_object().unwrap()
}

/// Where a table stands in a schema: its path with chosen names as `*`, and its schema.
fn place<'a>(root: &'a Value, record: &Record, kinds: &BTreeMap<String, String>) -> (String, &'a Value) {
    let (mut path, mut schema, mut name) = (String::new(), root, String::new());
    for part in record.table.split('.').filter(|part| !part.is_empty()) {
        let own = schema.get("properties").is_some().then(|| keys(schema, kinds.get(&name).map(String::as_str)));
        let (step, next) = match own.and_then(|own| own.get(part)) {
            Some(Value::Bool(_)) => (part, schema["properties"].get(part)),
            Some(next) => (part, Some(next)),
            None => ("*", schema.get("additionalProperties").filter(|each| each.is_object())),
        };
        let next = next.unwrap_or_else(|| panic!("`{part}` of {record:?} stands in no schema"));
        schema = table_in(root, next).unwrap_or_else(|| panic!("`{part}` of {record:?} is no table in its schema"));
        name = if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
        let kind = kinds.get(&name).map_or_else(String::new, |kind| format!("[{kind}]"));
        path.push_str(&format!("/{step}{kind}"));
    }
    (path, schema)
}

/// What was asked of a table, its schema, and its kind.
type Asked<'a> = (BTreeSet<&'a str>, &'a Value, Option<String>);

#[test]
fn the_keys_of_the_schemas_are_the_keys_that_readers_ask_for() {
    let judges = Judges::new();
    let records = records();
    let mut asked: BTreeMap<(&str, String), Asked<'_>> = BTreeMap::new();
    // Names of tables are used again from file to file: each is taken with those that were read with it.
    for (at, record) in records.iter().enumerate() {
        let Some(kind) = kind_of(&record.file) else { continue };
        let root = &judges.0[kind].0;
        let around =
            records.iter().skip(at).filter(|one| one.file == record.file && record.table.starts_with(&one.table));
        let mut kinds: BTreeMap<String, String> = BTreeMap::new();
        for one in around {
            if let (Some(found), false) = (&one.kind, kinds.contains_key(&one.table)) {
                kinds.insert(one.table.clone(), found.clone());
            }
        }
        let (path, schema) = place(root, record, &kinds);
        let known = keys(schema, record.kind.as_deref());
        for key in &record.asked {
            assert!(known.contains_key(*key), "`{key}` of {path} in {} stands in no schema", record.file);
        }
        let entry = asked.entry((kind, path)).or_insert((BTreeSet::new(), schema, record.kind.clone()));
        entry.0.extend(&record.asked);
    }
    let is_read = |file: &str, path: &str| {
        asked.keys().any(|(known, read)| *known == file && (read == path || read.starts_with(&format!("{path}["))))
    };
    // What all kinds share need not be shown with each of them.
    let is_shared_and_read = |file: &str, path: &str, key: &str| {
        let stem = path.rsplit_once('[').map_or(path, |(stem, _)| stem);
        let end = format!("/{key}");
        asked.keys().any(|(known, read)| *known == file && read.starts_with(stem) && read.ends_with(&end))
    };
    // A kind within another one has the keys that it has by itself.
    let by_themselves = asked.iter().filter(|((_, path), _)| !path.contains("/reads["));
    for ((file, path), (asked_there, schema, kind)) in by_themselves {
        let known = keys(schema, kind.as_deref());
        // What all kinds share may be asked for with any of them.
        let stem = path.rsplit_once('[').map_or(path.as_str(), |(stem, _)| stem);
        let is_sibling =
            |other: &str| other.rsplit_once('[').is_some_and(|(other, kind)| other == stem && !kind.contains('/'));
        let is_asked = |key: &str, is_shared: bool| {
            asked_there.contains(key)
                || (is_shared
                    && asked
                        .iter()
                        .any(|((known, other), (keys, ..))| known == file && is_sibling(other) && keys.contains(key)))
        };
        let unasked: Vec<&String> =
            known.iter().filter(|(key, inner)| !is_asked(key, inner.is_boolean())).map(|(key, _)| key).collect();
        assert!(unasked.is_empty(), "nobody asks for {unasked:?} of {path} in {file}");
        for (key, inner) in known {
            let is_shared = inner.is_boolean();
            let inner = if is_shared { &schema["properties"][key] } else { inner };
            let inner = table_in(&judges.0[file].0, inner);
            let is_table = inner.is_some_and(|inner| inner["additionalProperties"] == false);
            let is_shown =
                is_read(file, &format!("{path}/{key}")) || (is_shared && is_shared_and_read(file, path, key));
            assert!(!is_table || is_shown, "no example holds {path}/{key} of {file}");
        }
    }
    for kind in crate::feed::KINDS {
        assert!(is_read("feeds", &format!("/*[{}]", kind.name)), "no example of {} can be read", kind.name);
    }
    for kind in crate::sink::KINDS {
        assert!(is_read("channels", &format!("/*[{}]", kind.name)), "no example of {} can be read", kind.name);
    }
    for path in ["/*", "/*/window", "/*/override", "/defaults/*"] {
        assert!(is_read("rules", path), "{path}");
    }
}

#[test]
fn every_kind_of_feed_and_of_sink_has_its_keys() {
    for (file, names) in [
        ("feeds", crate::feed::KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>()),
        ("channels", crate::sink::KINDS.iter().map(|kind| kind.name).collect()),
    ] {
        let schema = KINDS.iter().find(|kind| kind.name == file).unwrap().schema();
        let branches = schema["additionalProperties"]["allOf"].as_array().unwrap();
        let known: Vec<&str> =
            branches.iter().map(|branch| branch["if"]["properties"]["kind"]["const"].as_str().unwrap()).collect();
        assert_eq!(known, names, "write the keys of each kind into src/schema/{file}.rs");
    }
}
