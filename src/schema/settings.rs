//! `nadhir.toml`, `seasons.toml` and `governorates.toml`.

use serde_json::{Value, json};

use super::words::{
    Key, NAME, about, both, flag, line, named, secret, span, such_as, table, tables, texts, usual, word, words,
};
use super::zone;
use crate::config::settings::{MAX_BULLETINS_LEN, MAX_USERS};
use crate::hazard::{Hazard, Severity};
use crate::store::postgres::MAX_URL_LEN;

/// The schema of `nadhir.toml`.
pub(super) fn settings() -> Value {
    let code = json!({ "type": "string", "pattern": "^[A-Z]{2,8}$" });
    let number = json!({ "type": "string", "pattern": "^[0-9+]{1,16}$" });
    let contact = json!({ "type": "string", "pattern": "^(mailto:|https?://)" });
    let bulletins =
        json!({ "type": "string", "pattern": "^https://[^{}]*\\{id\\}[^{}]*$", "maxLength": MAX_BULLETINS_LEN });
    let mut authority = vec![
        (
            "code",
            about(code, "the prefix of bulletin numbers: two to eight capital letters; never change it in service"),
        ),
        ("name", both("who issues the warnings")),
        ("may_warn", flag("whether the law lets this authority issue weather warnings of its own", false)),
        ("emergency_number", about(number, "the number to call")),
        ("contact", about(contact, "whom owners of feeds can write to: mailto: or https:")),
    ];
    let needed: Vec<&str> = authority.iter().map(|(key, _)| *key).collect();
    authority.push(("bulletins", about(bulletins, "where a bulletin can be read, with `{id}` in place of its name")));
    let authority = table("who speaks", authority, &needed);
    let digits = usual(word("how numbers are written in Arabic: ٠١٢ or 012", ["arab", "latn"]), "arab");
    let warnings = vec![
        ("validity", usual(span("how long a warning made by a rule is given for at once, 10min to 3d"), "3h")),
        ("extend_before", usual(span("how long before its end a warning that still holds is extended"), "1h")),
        ("longest_silence", usual(span("how long a warning is kept alive without fresh data"), "12h")),
        ("end_notice", usual(span("how long after its making a message about an end may be sent"), "6h")),
        (
            "group_wait",
            usual(span("how long what begins below red waits for other places, to be told in one bulletin"), "1min"),
        ),
        (
            "flap_within",
            usual(span("how soon after its end what comes back goes to and fro, and has to be clear for longer"), "6h"),
        ),
    ];
    let hazards = || Hazard::ALL.iter().map(|hazard| hazard.name());
    let inhibit = vec![
        ("hazard", word("what quiets others", hazards())),
        ("severity", word("from which severity on", ["yellow", "orange", "red"])),
        ("quiets", words("what it quiets", hazards())),
        ("up_to", word("up to which severity; red is never quieted", ["yellow", "orange"])),
    ];
    let inhibit = table("what quiets what", inhibit, &["hazard", "severity", "quiets", "up_to"]);
    let keys = vec![
        ("authority", authority),
        ("time", table("time", vec![("zone", zone("in which times are told and schedules are read"))], &[])),
        ("language", table("language", vec![("arabic_digits", digits)], &[])),
        ("hijri", announced()),
        ("warnings", table("how warnings live", warnings, &[])),
        ("release", release("what our own warnings to the public wait for, by severity")),
        ("duty", duty()),
        ("inhibit", tables("what is not told beside something worse", &inhibit)),
        ("keep", keep()),
        ("store", store()),
        ("web", web()),
    ];
    table("Who speaks, in which zone and digits, and how warnings live.", keys, &["authority"])
}

/// What a warning waits for before it goes out, by severity.
pub(super) fn release(told: &str) -> Value {
    let waits = json!({ "type": "string", "pattern": "^(at-once|approval|[0-9]+ *(s|min) *)$",
        "description": "at-once, approval, or the time after which it goes out unless somebody holds it, 30min at most" });
    let mut keys: Vec<Key> = Severity::ALL.iter().map(|severity| (severity.name(), waits.clone())).collect();
    keys.push(("statements", waits));
    table(told, keys, &[])
}

/// The schema of `seasons.toml`.
pub(super) fn seasons() -> Value {
    let day = |told: &str| such_as(line(told), &["1 Dhu al-Hijjah".into(), "1 June".into(), "2026-06-01".into()]);
    let keys = vec![
        ("from", day("its first day, from midnight on")),
        ("to", day("its last day, up to midnight")),
        ("cron", such_as(line("in place of days: the minutes in which it holds"), &["* 22-23,0-5 * * *".into()])),
    ];
    let mut season = table("a season", keys, &[]);
    if let Some(object) = season.as_object_mut() {
        object.insert("oneOf".to_owned(), json!([{ "required": ["from", "to"] }, { "required": ["cron"] }]));
        object.insert("dependentRequired".to_owned(), json!({ "from": ["to"], "to": ["from"] }));
    }
    named("Stretches of the year or of the day in which rules may be otherwise.", Some(NAME), &season)
}

/// The times of `[keep]`.
fn keep() -> Value {
    let keys = vec![
        ("journal", usual(span("how long a line of the journal is kept, 30d to 3660d"), "1100d")),
        (
            "bulletins",
            usual(span("how long a bulletin is kept after it has run out, no shorter than deliveries"), "1100d"),
        ),
        ("deliveries", usual(span("how long is kept what was sent to whom, with its text"), "400d")),
    ];
    table("how long what was written down and sent is kept", keys, &[])
}

/// The people of `[duty]`.
fn duty() -> Value {
    let account =
        json!({ "type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.@\\\\$-]{0,63}$", "not": { "const": "root" } });
    let users = json!({ "type": "array", "maxItems": MAX_USERS, "items": account,
        "description": "the accounts that may ask the service for something, beside root" });
    table("who is on duty", vec![("users", users)], &[])
}

/// Where state is kept.
fn store() -> Value {
    let url = json!({ "type": "string", "pattern": "^postgres(ql)?://[^:@/]*(@|/)", "maxLength": MAX_URL_LEN });
    let keys = vec![
        ("directory", line("its directory")),
        ("url", about(url, "the database that several nodes share, without its password")),
        ("password", secret("the password of its user")),
        (
            "ca",
            line(
                "an authority to trust beside those of this machine, as a file of PEM; in the state directory, unless it begins with /",
            ),
        ),
    ];
    table("where state is kept", keys, &[])
}

/// Where the web face listens.
fn web() -> Value {
    let listen = json!({ "type": "string", "pattern": r"^([0-9.]+|\[[0-9A-Fa-f:]+\]):[0-9]{1,5}$" });
    table("what is shown to the world", vec![("listen", about(listen, "an address and a port: 127.0.0.1:8480"))], &[])
}

/// The months of `[hijri]`.
fn announced() -> Value {
    json!({
        "type": "object", "description": "the first days of Hijri months that were announced, by year and month",
        "propertyNames": { "pattern": "^1[45][0-9]{2}-(0[1-9]|1[0-2])$" },
        "additionalProperties": { "type": "string", "format": "date" },
    })
}

/// The schema of `governorates.toml`.
pub(super) fn governorates() -> Value {
    let degrees =
        |told: &str, limit: i64| json!({ "type": "number", "minimum": -limit, "maximum": limit, "description": told });
    let bounds: Vec<Key> = vec![
        ("south", degrees("", 90)),
        ("west", degrees("", 180)),
        ("north", degrees("", 90)),
        ("east", degrees("", 180)),
    ];
    let bounds = table("what lies outside is not in the region, degrees", bounds, &["south", "west", "north", "east"]);
    let region = table("the region", vec![("name", both("its name")), ("bounds", bounds)], &["name", "bounds"]);
    let id = json!({ "type": "string", "pattern": NAME });
    let geocodes = json!({ "type": "array", "items": { "type": "string", "pattern": "^[^:]*[^:\\s][^:]*:.*\\S" } });
    let seat = table(
        "the town of the governor, WGS 84",
        vec![("lat", degrees("north", 90)), ("lon", degrees("east", 180))],
        &["lat", "lon"],
    );
    let one = vec![
        ("id", about(id, "its name in rules, channels and JSON; never change one")),
        ("code", line("the official number")),
        ("name", both("the bare name")),
        ("formal", both("the name as it stands in a bulletin")),
        ("variants", texts("other spellings that feeds write")),
        ("centres", texts("administrative centres, as official warnings name them")),
        ("geocodes", about(geocodes, "what the geocodes of alerts say for it, each as valueName:value")),
        ("seat", seat),
        ("elevation_m", json!({ "type": "number", "description": "height of the seat above mean sea level, metres" })),
        ("coastal", flag("whether it has a coast", false)),
        ("tags", texts("free words that rules and channels choose by")),
    ];
    let one = table("a governorate", one, &["id", "code", "name", "formal", "seat", "elevation_m"]);
    let keys = vec![
        ("region", region),
        ("elsewhere", texts("places of other regions, which alerts name beside ours")),
        ("governorate", tables("the governorates, in official order", &one)),
    ];
    table("The governorates: who they are, what they are called, where they lie.", keys, &["region", "governorate"])
}
