//! The services that write to telephones.

use super::Meaning::{Later, Never, Unknown};
use super::Service;

/// The longest text that a telephone gets: four segments of 67 letters each.
const FOUR_SEGMENTS: Option<(char, usize)> = Some(('ت', 268));

pub(super) const SMS_BY_HTTP: Service = Service {
    kind: "sms",
    settings: "gateway = \"http\"\nurl = \"{base}/send\"\nfields = { msisdn = \"{digits}\", text = \"{text}\", sender = \"{from}\", ref = \"{key}\" }\n\
        authorization = { file = \"secret\" }\nfrom = \"MAKKAH\"\nto = [\"+966500000001\"]\n",
    files: &[("secret", "Key hunter2hunter2\n")],
    hushed: &["hunter2hunter2", "966500000001"],
    taken: "200 OK",
    receipt: "1 text messages",
    is_known_by_words: false,
    answers: &[("400 Bad Request\r\n\r\nno credit", Later(None), "no credit")],
    well: &[("200 OK", "HEAD / ")],
    unwell: &[],
    longest: FOUR_SEGMENTS,
};

pub(super) const SMS_BY_TWILIO: Service = Service {
    kind: "sms",
    settings: "gateway = \"twilio\"\napi = \"{base}\"\naccount = \"AC0123\"\ntoken = { file = \"secret\" }\nfrom = \"MG42\"\n\
        to = [\"+966500000001\"]\n",
    files: &[("secret", "hunter2hunter2\n")],
    hushed: &["hunter2hunter2", "966500000001", "QUMwMTIzOmh1bnRlcjJodW50ZXIy"],
    taken: "201 Created\r\n\r\n{\"sid\":\"SM0123456789\",\"status\":\"queued\",\"error_code\":null}",
    receipt: "1 text messages",
    is_known_by_words: true,
    answers: &[
        (
            "400 Bad Request\r\n\r\n{\"code\":21610,\"message\":\"Attempt to send to unsubscribed recipient\"}",
            Never,
            "unsubscribed",
        ),
        (
            "400 Bad Request\r\n\r\n{\"code\":21660,\"message\":\"Mismatch between From and account\"}",
            Later(None),
            "Mismatch",
        ),
        (
            "401 Unauthorized\r\n\r\n{\"code\":20003,\"message\":\"Authenticate\"}",
            Later(None),
            "see that the gateway knows us",
        ),
        ("201 Created\r\n\r\n{\"sid\":\"CA1\"}", Unknown, "did not answer as Twilio does"),
    ],
    well: &[("200 OK", "HEAD / ")],
    unwell: &[],
    longest: None,
};

pub(super) const SMS_BY_UNIFONIC: Service = Service {
    kind: "sms",
    settings: "gateway = \"unifonic\"\napi = \"{base}\"\ntoken = { file = \"secret\" }\nfrom = \"MAKKAH\"\nto = [\"+966500000001\"]\n",
    files: &[("secret", "hunter2hunter2\n")],
    hushed: &["hunter2hunter2", "966500000001"],
    taken: "200 OK\r\n\r\n{\"success\":true,\"message\":\"\",\"errorCode\":\"ER-00\",\"data\":{\"MessageID\":\"3200017889310\",\"Status\":\"Queued\"}}",
    receipt: "1 text messages",
    is_known_by_words: true,
    answers: &[
        (
            "200 OK\r\n\r\n{\"success\":false,\"message\":\"Invalid dest num\",\"errorCode\":\"ER-482\"}",
            Never,
            "Invalid dest num",
        ),
        (
            "200 OK\r\n\r\n{\"success\":\"false\",\"message\":\"Authentication failed\",\"errorCode\":\"ER-401\"}",
            Later(None),
            "Authentication failed",
        ),
    ],
    well: &[("200 OK", "HEAD / ")],
    unwell: &[],
    longest: None,
};

pub(super) const WHATSAPP: Service = Service {
    kind: "whatsapp",
    settings: "phone_number_id = \"106540352242922\"\ntemplate = \"weather_warning\"\ntoken = { file = \"secret\" }\napi = \"{base}\"\n\
        to = [\"+966500000001\"]\n",
    files: &[("secret", "EAAnotthetoken\n")],
    hushed: &["EAAnotthetoken", "966500000001"],
    taken: "200 OK\r\n\r\n{\"messaging_product\":\"whatsapp\",\"contacts\":[{\"wa_id\":\"1\"}],\"messages\":[{\"id\":\"wamid.HBgL\"}]}",
    receipt: "1 WhatsApp messages",
    is_known_by_words: true,
    answers: &[
        (
            "400 Bad Request\r\n\r\n{\"error\":{\"message\":\"(#131026) Message undeliverable\",\"code\":131026}}",
            Never,
            "undeliverable",
        ),
        (
            "404 Not Found\r\n\r\n{\"error\":{\"message\":\"(#132001) Template name does not exist\",\"code\":132001}}",
            Later(None),
            "see that the template weather_warning is approved",
        ),
        (
            "401 Unauthorized\r\n\r\n{\"error\":{\"message\":\"Error validating access token\",\"code\":190}}",
            Later(None),
            "see that file secret holds a token",
        ),
        (
            "400 Bad Request\r\n\r\n{\"error\":{\"message\":\"(#131056) pair rate limit hit\",\"code\":131056}}",
            Later(None),
            "pair rate",
        ),
        ("200 OK\r\n\r\n{\"messages\":[]}", Unknown, "did not answer as WhatsApp does"),
    ],
    well: &[("200 OK\r\n\r\n{\"id\":\"106540352242922\"}", "GET /v23.0/106540352242922 ")],
    unwell: &[(
        "401 Unauthorized\r\n\r\n{\"error\":{\"message\":\"x\",\"code\":190}}",
        "see that file secret holds a token",
    )],
    longest: Some(('ت', 900)),
};
