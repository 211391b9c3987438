//! `channels.toml`: the keys that all channels share, and those of each kind of sink.

use serde_json::{Value, json};

use super::kinds::{self, Kind};
use super::words::{
    Key, NAME, about, both, flag, integer, line, named, secret, span, such_as, table, usual, word, words,
};
use super::{places, settings};
use crate::hazard::{Hazard, Severity};
use crate::language::Language;
use crate::message::Form;
use crate::message::card::Size;
use crate::route::Audience;
use crate::sink::email::MAX_RECIPIENTS;
use crate::sink::{KINDS, alertmanager, cap, exec, people, smpp, websub, x};
use crate::statement::Sort;

/// The schema of the file.
pub(super) fn schema() -> Value {
    let kinds = KINDS.iter().map(|kind| {
        let (keys, required) = own(kind.name).map_or((None, Vec::new()), |(keys, required)| (Some(keys), required));
        Kind { name: kind.name, about: kind.about, keys, required }
    });
    let channel = kinds::table("a channel", common(), &["audience"], kinds.collect());
    named("Channels: where warnings go and who listens there.", Some(NAME), &channel)
}

fn common() -> Vec<Key> {
    let audiences = [Audience::Public, Audience::Staff, Audience::Drill].map(Audience::name);
    let severities = Severity::ALL.iter().map(|severity| severity.name());
    vec![
        ("enabled", flag("false: it is read and checked, and hears nothing", true)),
        ("audience", word("who listens; a drill channel hears drills and nothing else", audiences)),
        ("form", word("the shape that it takes; the sink knows its own", Form::ALL.map(Form::name))),
        ("languages", words("the languages that it takes, in order", Language::ALL.iter().map(|one| one.tag()))),
        ("min_severity", usual(word("from which severity on it hears", severities), "advisory")),
        ("hazards", words("of which it hears; left out: all", Hazard::ALL.iter().map(|hazard| hazard.name()))),
        ("governorates", places::chosen("of which it hears; left out: all")),
        ("release", settings::release("what our own warnings wait for before they go out here, by severity")),
        ("quiet_hours", table("when it is left in peace, unless something is red", quiet_hours(), &["from", "until"])),
        ("fallback", table("who stands in for it when it fails", fallback(), &["channel"])),
        ("statements", words("what it hears beside warnings", Sort::ALL.iter().map(|sort| sort.name()))),
        ("picture", word("bulletins come with their picture, where the kind can show one", Size::ALL.map(Size::name))),
        ("remind", table("after which time what still holds is told once more, by severity", reminds(), &[])),
        ("digest", digest()),
        ("rate", rate("how many messages it takes in a time, one a minute at least: 20/min")),
        ("standby", flag("true: it only stands in for another", false)),
    ]
}

fn digest() -> Value {
    let keys = vec![
        ("up_to", word("up to which severity", ["advisory", "yellow"])),
        ("every", such_as(span("after which even part of a day, 5min to 6h"), &["30min".into(), "1h".into()])),
    ];
    table("mild warnings are told together, in few words", keys, &["up_to", "every"])
}

fn reminds() -> Vec<Key> {
    let every = |severity: &Severity| (severity.name(), span("15min to 24h"));
    Severity::ALL.iter().map(every).collect()
}

fn rate(told: &str) -> Value {
    json!({ "type": "string", "pattern": "^[0-9]+ */ *(s|min|h)$", "description": told })
}

fn quiet_hours() -> Vec<Key> {
    let hour = |told: &str| json!({ "type": "string", "pattern": "^[0-2]?[0-9]:[0-5][0-9]$", "description": told });
    vec![("from", hour("from when on, as 22:00")), ("until", hour("until when, as 06:00"))]
}

fn fallback() -> Vec<Key> {
    let after = usual(span("how long the channel that fails has for itself, 30s to 60min"), "2min");
    vec![("channel", line("a channel with `standby = true` and the same audience")), ("after", after)]
}

fn own(kind: &str) -> Option<(Vec<Key>, Vec<&'static str>)> {
    Some(match kind {
        "console" => (Vec::new(), Vec::new()),
        "file" => (vec![("path", line("the file; in the state directory, unless it begins with /"))], vec!["path"]),
        "webhook" => (
            vec![
                ("url", line("where it is sent: https, or http to this machine")),
                ("secret", secret("where the secret of its signature is kept")),
                ("authorization", secret("where the value of that header is kept, if the receiver asks for one")),
                (
                    "headers",
                    json!({ "type": "object", "additionalProperties": { "type": "string" }, "description": "more headers" }),
                ),
                timeout(),
            ],
            vec!["url", "secret"],
        ),
        "telegram" => (
            vec![
                ("token", secret("where the token of the bot is kept")),
                ("chat", chat("a channel as @name, or the number of a group")),
                ("thread", integer("a topic of the group", &(1..=i64::from(i32::MAX)))),
                ("approvers", approvers("^[1-9][0-9]{0,15}$")),
                ("api", usual(line("the Bot API server"), "https://api.telegram.org")),
                timeout(),
            ],
            vec!["token", "chat"],
        ),
        "slack" => (
            vec![
                ("url", secret("where the address of the webhook is kept")),
                ("approvers", approvers("^[UW][A-Z0-9]{7,19}$")),
                ("app_token", secret("where the app-level token is kept, by which presses are heard")),
                ("api", usual(line("where the methods of Slack are"), "https://slack.com/api")),
                timeout(),
            ],
            vec!["url"],
        ),
        "discord" | "mattermost" => {
            (vec![("url", secret("where the address of the webhook is kept")), timeout()], vec!["url"])
        }
        "teams" => (vec![("url", secret("where the address of the workflow is kept")), timeout()], vec!["url"]),
        "ntfy" => (
            vec![
                ("topic", topic("what those who want the messages follow")),
                ("server", usual(line("the server"), "https://ntfy.sh")),
                ("token", secret("where the token is kept, if the topic is protected")),
                timeout(),
            ],
            vec!["topic"],
        ),
        "x" => (
            vec![
                ("keys", secret("where the keys of the app and the account are kept, of OAuth 1.0a or 2.0")),
                (
                    "posts_per_day",
                    integer("what the access allows; what is mild leaves room for what is not", &x::PER_DAY),
                ),
                ("api", usual(line("the server"), "https://api.x.com")),
                timeout(),
            ],
            vec!["keys"],
        ),
        "webpush" => (
            vec![
                ("subscriptions", line("the file of subscriptions; in the state directory, unless it begins with /")),
                ("keys", secret("where the two keys of VAPID are kept")),
                ("contact", contact("whom a push service writes to: mailto: or https://")),
                ("allow_private", flag("true: subscriptions may lead into this house; for tests", false)),
                timeout(),
            ],
            vec!["subscriptions", "keys", "contact"],
        ),
        "mqtt" => (
            vec![
                ("broker", broker("where it is: mqtts, or mqtt to this machine")),
                ("prefix", prefix("what its topics begin with")),
                ("user", line("who we are to it; left out: it asks nobody")),
                ("password", secret("where the password is kept")),
                ("ca", line("an authority to trust beside those of this machine, as a file of PEM")),
                timeout(),
            ],
            vec!["broker", "prefix"],
        ),
        "cap" => (
            vec![
                ("path", line("the directory; in the state directory, unless it begins with /")),
                ("keep", usual(span("documents are taken away after this time, 7d at least"), "30d")),
                ("most", usual(integer("how many documents are kept", &cap::MOST_LIMITS), 1000)),
            ],
            vec!["path"],
        ),
        "exec" => (
            vec![
                ("program", program("the program, from the root; no shell reads it")),
                ("args", arguments("its arguments, as they stand")),
                timeout(),
            ],
            vec!["program"],
        ),
        "bluesky" => (
            vec![
                ("handle", line("of the account")),
                ("password", secret("where an app password of it is kept")),
                ("server", usual(line("where the account is kept"), "https://bsky.social")),
                timeout(),
            ],
            vec!["handle", "password"],
        ),
        "mastodon" => (
            vec![
                ("server", line("where the account is")),
                ("token", secret("where the token of the application is kept")),
                ("visibility", usual(word("who sees a post", ["public", "unlisted", "private"]), "public")),
                timeout(),
            ],
            vec!["server", "token"],
        ),
        "pagerduty" => (
            vec![
                ("routing_key", secret("where the routing key of an integration \"Events API v2\" is kept")),
                ("api", usual(line("the server"), "https://events.pagerduty.com")),
                timeout(),
            ],
            vec!["routing_key"],
        ),
        "alertmanager" => (
            vec![
                (
                    "urls",
                    json!({
                        "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": alertmanager::MAX_SERVERS,
                        "description": "every server of the cluster",
                    }),
                ),
                ("authorization", secret("where the value of that header is kept, if they ask for one")),
                timeout(),
            ],
            vec!["urls"],
        ),
        "whatsapp" => (
            vec![
                ("phone_number_id", line("the sender, as the Cloud API numbers it: digits")),
                ("template", line("an approved template whose body holds {{1}} and no other field")),
                ("token", secret("where the token of a system user is kept")),
                ("to", telephones()),
                ("recipients", line("a file with more of them, one a line")),
                ("version", usual(line("of the Cloud API"), "v23.0")),
                ("api", usual(line("the server"), "https://graph.facebook.com")),
                timeout(),
            ],
            vec!["phone_number_id", "template", "token"],
        ),
        "fcm" => (
            vec![
                ("account", secret("where the key of the service account is kept, as Firebase gives it")),
                (
                    "topic",
                    json!({
                        "type": "string", "pattern": r"^[A-Za-z0-9_.~%{}-]*\{governorate\}[A-Za-z0-9_.~%{}-]*$",
                        "description": "what the app follows: {governorate} is filled in, and {language} if there",
                    }),
                ),
                ("api", usual(line("the server"), "https://fcm.googleapis.com")),
                timeout(),
            ],
            vec!["account", "topic"],
        ),
        "subscribers" => {
            let key = ("secret", secret("where the key is kept from which the secret of each subscriber is made"));
            ([vec![key], outward()].concat(), vec!["secret"])
        }
        "websub" => {
            let url = json!({ "type": "string", "pattern": "^https?://[^?#]+$", "maxLength": 200 });
            let keys = vec![
                (
                    "url",
                    about(url, "where the world finds the feed; its path is the one that is led to `[web] listen`"),
                ),
                ("title", both("what the feed is called")),
                ("secret", secret("where the key is kept under which the secrets of subscribers are sealed")),
                ("most", usual(integer("how many may be subscribed at once", &websub::MOST_LIMITS), 10_000)),
            ];
            ([keys, outward()].concat(), vec!["url", "title", "secret"])
        }
        "sms" => (sms(), vec!["gateway", "from"]),
        "smpp" => (centre(), vec!["server", "system_id", "password", "from"]),
        "email" => (email(), vec!["server", "from", "to"]),
        _ => return None,
    })
}

/// How far those may lie who chose their addresses themselves.
fn outward() -> Vec<Key> {
    vec![
        (
            "allow",
            json!({
                "type": "array",
                "items": { "type": "string", "pattern": "^[0-9A-Fa-f.:]+/[0-9]{1,3}$", "description": "a network: 10.20.0.0/16" },
                "description": "inner networks that subscribers may lie in"
            }),
        ),
        ("ca", line("an authority to trust beside those of this machine")),
        ("timeout", usual(span("how long an answer is waited for, 20s at most"), "15s")),
    ]
}

fn telephones() -> Value {
    json!({
        "type": "array", "items": { "type": "string", "pattern": r"^\+[1-9][0-9]{7,14}$" }, "minItems": 1,
        "maxItems": people::MAX_TO, "uniqueItems": true, "description": "the telephones",
    })
}

fn sms() -> Vec<Key> {
    let each = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    vec![
        ("gateway", word("who passes them on", ["twilio", "unifonic", "http"])),
        ("account", line("the account of Twilio, which begins with AC")),
        ("token", secret("where the token of Twilio, or the AppSid of Unifonic, is kept")),
        ("api", line("the server of Twilio or Unifonic, if it is another")),
        ("url", line("where another gateway takes requests: https, or http to this machine")),
        ("format", usual(word("how its requests are written", ["json", "form"]), "json")),
        ("fields", about(each, "what stands in them: {to}, {digits}, {from}, {text} and {key} are filled in")),
        ("authorization", secret("where the value of that header is kept, if it asks for one")),
        ("taken", line("words that stand in an answer which took a message; left out, every 2xx did")),
        ("from", line("the sender's name or number")),
        ("to", telephones()),
        ("recipients", more_telephones()),
        ("price", price()),
        timeout(),
    ]
}

fn more_telephones() -> Value {
    line("a file with more of them, one a line; in the state directory, unless it begins with /")
}

fn price() -> Value {
    json!({ "type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,4})? [A-Z]{3}$", "description": "of one segment: 0.045 SAR" })
}

fn centre() -> Vec<Key> {
    let word_of = |most: usize, told: &str| json!({ "type": "string", "pattern": format!("^[!-~]{{1,{most}}}$"), "description": told });
    vec![
        ("server", host("the SMS centre")),
        (
            "security",
            usual(word("how it is spoken to; none: only where the line runs through a VPN", ["tls", "none"]), "tls"),
        ),
        ("port", integer("left out: 3550 for tls, 2775 for none", &(1..=i64::from(u16::MAX)))),
        ("ca", authority()),
        ("system_id", word_of(15, "who we are there")),
        ("password", secret("where the password is kept, of at most 8 letters")),
        ("system_type", word_of(12, "only where the operator asks for it")),
        (
            "from",
            json!({
                "type": "string", "pattern": r"^(\+[1-9][0-9]{7,14}|[A-Za-z0-9_.&-]|[A-Za-z0-9_.&-][A-Za-z0-9 _.&-]{0,9}[A-Za-z0-9_.&-])$",
                "description": "a name of up to 11 letters, a number with +, or a short code",
            }),
        ),
        ("to", telephones()),
        ("recipients", more_telephones()),
        ("window", usual(integer("how many messages may wait for their answer at once", &(1..=smpp::MAX_WINDOW)), 10)),
        ("price", price()),
        timeout(),
    ]
}

fn authority() -> Value {
    line(
        "an authority to trust beside those of this machine, as a file of PEM; in the state directory, unless it begins with /",
    )
}

fn email() -> Vec<Key> {
    let securities = ["starttls", "tls", "none"];
    let ways = json!({ "type": "string", "pattern": "^(mailto:|https://).+$" });
    let recipients = json!({ "type": "string", "pattern": format!("^{ADDRESS}$") });
    vec![
        ("server", host("the mail server that takes letters from this machine")),
        ("port", integer("left out: 587 for starttls, 465 for tls, 25 for none", &(1..=i64::from(u16::MAX)))),
        ("security", usual(word("how it is spoken to; none: to this machine alone", securities), "starttls")),
        ("user", line("who we are to it; left out: it asks nobody")),
        ("password", secret("where the password is kept")),
        ("ca", authority()),
        ("from", mailbox("who writes: an address, or a name and <address>")),
        (
            "to",
            json!({
                "type": "array", "items": recipients, "minItems": 1, "maxItems": MAX_RECIPIENTS, "uniqueItems": true,
                "description": "the recipients; none of them learns of another",
            }),
        ),
        ("reply_to", mailbox("whom answers go to; left out: the one who writes")),
        ("unsubscribe", json!({ "type": "array", "items": ways, "description": "ways to leave: mailto: or https://" })),
        timeout(),
    ]
}

/// An address as every mail server takes it.
const ADDRESS: &str = r#"[^@\s"<>\[\]\u0080-\uffff]+@[A-Za-z0-9.-]+\.[A-Za-z0-9-]+"#;

/// An address, with or without the name of whose it is.
fn mailbox(told: &str) -> Value {
    json!({ "type": "string", "pattern": format!("^([^<>]*<{ADDRESS}>|{ADDRESS})$"), "description": told })
}

/// The name of a server, or its number.
fn host(told: &str) -> Value {
    json!({ "type": "string", "pattern": r"^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])$", "description": told })
}

fn timeout() -> Key {
    ("timeout", usual(span("how long an answer is waited for, 60s at most"), "15s"))
}

/// A way to reach somebody.
fn contact(told: &str) -> Value {
    json!({ "type": "string", "pattern": "^(mailto:|https://).+$", "description": told })
}

/// The address of a broker.
fn broker(told: &str) -> Value {
    json!({ "type": "string", "pattern": "^mqtts?://[^/@]+/?$", "description": told })
}

/// The first levels of topics.
fn prefix(told: &str) -> Value {
    json!({ "type": "string", "pattern": "^[^$/+#][^/+#]*(/[^/+#]+)*$", "description": told })
}

/// The path of a program.
fn program(told: &str) -> Value {
    json!({ "type": "string", "pattern": r"^/([^\u0000]*[^/\u0000])$", "description": told })
}

/// Arguments of a program.
fn arguments(told: &str) -> Value {
    let one = json!({ "type": "string", "pattern": r"^[^\u0000]*$", "maxLength": exec::MAX_ARG_LEN });
    json!({ "type": "array", "items": one, "maxItems": exec::MAX_ARGS, "description": told })
}

/// A chat of Telegram, by its name or its number.
fn chat(told: &str) -> Value {
    let pattern = "^(@[A-Za-z][A-Za-z0-9_]{4,31}|-?[0-9]+)$";
    json!({ "description": told, "anyOf": [{ "type": "string", "pattern": pattern }, { "type": "integer" }] })
}

/// A topic of ntfy.
fn topic(told: &str) -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$", "description": told })
}

/// Who may decide on what is kept back, by what the service knows a person by.
fn approvers(number: &str) -> Value {
    let name = json!({ "type": "string", "minLength": 1, "maxLength": 64 });
    named("who may approve, hold and reject by a button, each with the name for the journal", Some(number), &name)
}
