//! The services that sinks speak to, each with the answers that it really gives. They are data; `conformance` holds every sink
//! against its own and against what all have in common.

mod telephones;

/// What an answer has to be taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It arrived.
    Taken,
    /// It did not, and is tried again, after so many seconds at least when it was said.
    Later(Option<i64>),
    /// It never will.
    Never,
    /// It may have arrived.
    Unknown,
}

use Meaning::{Later, Never, Taken, Unknown};

/// One answer, what it means, and words that must be told.
pub(super) type Case = (&'static str, Meaning, &'static str);

/// One service and how its sink is set up. `{base}` stands for the address at which it listens.
pub(super) struct Service {
    pub(super) kind: &'static str,
    pub(super) settings: &'static str,
    /// Files beside the settings: name and content.
    pub(super) files: &'static [(&'static str, &'static str)],
    /// What may stand in no error, receipt or debug output.
    pub(super) hushed: &'static [&'static str],
    /// How it says that it took a message.
    pub(super) taken: &'static str,
    /// What is made of that.
    pub(super) receipt: &'static str,
    /// True when only its own words say that a message was taken; false when every 2xx does.
    pub(super) is_known_by_words: bool,
    /// What it answers besides.
    pub(super) answers: &'static [Case],
    /// The answers that a probe finds good, one a request, and how each request begins.
    pub(super) well: &'static [(&'static str, &'static str)],
    /// Answers that a probe must not find good, and words that must be told.
    pub(super) unwell: &'static [(&'static str, &'static str)],
    /// The longest text that it takes, as a character and how often; one more is refused unsent.
    pub(super) longest: Option<(char, usize)>,
}

impl Service {
    /// What it answers when, before a later try, it is asked what became of the earlier ones; nothing where it is not.
    pub(super) fn read_back(&self) -> &'static [&'static str] {
        match self.kind {
            "x" => &[X_ACCOUNT, X_NO_POSTS],
            _ => &[],
        }
    }
}

/// Every service.
pub(super) const SERVICES: &[Service] = &[
    WEBHOOK,
    TELEGRAM,
    SLACK,
    NTFY,
    DISCORD,
    MATTERMOST,
    TEAMS,
    X,
    MASTODON,
    PAGERDUTY,
    ALERTMANAGER,
    telephones::SMS_BY_HTTP,
    telephones::SMS_BY_TWILIO,
    telephones::SMS_BY_UNIFONIC,
    telephones::WHATSAPP,
    super::firebase::FCM,
];

const WEBHOOK: Service = Service {
    kind: "webhook",
    settings: "url = \"{base}/hook?token=hunter2\"\nsecret = { file = \"secret\" }\n",
    files: &[("secret", "whsec_bm90aGluZyBpcyBsaWtlIGEgcXVpZXQgc2Vh\n")],
    hushed: &["hunter2", "bm90aGluZ"],
    taken: "200 OK",
    receipt: "200 OK: ok",
    is_known_by_words: false,
    answers: &[
        ("204 No Content\r\n\r\n", Taken, "204 No Content"),
        ("400 Bad Request", Later(None), "/hook answered 400 "),
        ("413 Content Too Large", Later(None), "/hook answered 413 "),
        ("422 Unprocessable Content", Later(None), "/hook answered 422 "),
        ("301 Moved Permanently\r\nlocation: /new?token=hunter2", Never, "/new; redirects are not followed"),
    ],
    well: &[("405 Method Not Allowed", "HEAD /hook?token=hunter2 ")],
    unwell: &[],
    longest: None,
};

const TELEGRAM: Service = Service {
    kind: "telegram",
    settings: "token = { file = \"secret\" }\nchat = \"@makkah_warnings\"\napi = \"{base}\"\n",
    files: &[("secret", "110201543:not-the-key_of-any-bot\n")],
    hushed: &["not-the-key_of-any-bot"],
    taken: "200 OK\r\n\r\n{\"ok\":true,\"result\":{\"message_id\":42,\"chat\":{\"id\":-1001,\"type\":\"channel\"},\"date\":1765238400,\"text\":\"\\u062a\"}}",
    receipt: "message 42",
    is_known_by_words: true,
    answers: &[
        ("200 OK\r\n\r\n{\"ok\":true,\"result\":true}", Unknown, "did not answer as Telegram does"),
        (
            "400 Bad Request\r\n\r\n{\"ok\":false,\"error_code\":400,\"description\":\"Bad Request: message is too long\"}",
            Never,
            "message is too long",
        ),
        (
            "400 Bad Request\r\n\r\n{\"ok\":false,\"error_code\":400,\"description\":\"Bad Request: chat not found\"}",
            Later(None),
            "see that @makkah_warnings is the chat",
        ),
        (
            "400 Bad Request\r\n\r\n{\"ok\":false,\"error_code\":400,\"description\":\"Bad Request: group chat was upgraded to a supergroup chat\",\"parameters\":{\"migrate_to_chat_id\":-1001999}}",
            Later(None),
            "write `chat = \"-1001999\"`",
        ),
        (
            "401 Unauthorized\r\n\r\n{\"ok\":false,\"error_code\":401,\"description\":\"Unauthorized\"}",
            Later(None),
            "put the right one into file secret",
        ),
        (
            "403 Forbidden\r\n\r\n{\"ok\":false,\"error_code\":403,\"description\":\"Forbidden: bot was kicked from the channel chat\"}",
            Later(None),
            "that the bot may write there",
        ),
        (
            "429 Too Many Requests\r\n\r\n{\"ok\":false,\"error_code\":429,\"description\":\"Too Many Requests: retry after 35\",\"parameters\":{\"retry_after\":35}}",
            Later(Some(35)),
            "asked to wait 35s",
        ),
    ],
    well: &[
        ("200 OK\r\n\r\n{\"ok\":true,\"result\":{\"id\":110201543,\"is_bot\":true}}", "GET /bot110201543:"),
        ("200 OK\r\n\r\n{\"ok\":true,\"result\":{\"id\":-1001}}", "GET /bot110201543:"),
    ],
    unwell: &[
        (
            "401 Unauthorized\r\n\r\n{\"ok\":false,\"error_code\":401,\"description\":\"Unauthorized\"}",
            "put the right one into file secret",
        ),
        ("200 OK\r\n\r\n<html>welcome</html>", "welcome"),
    ],
    longest: Some(('ت', 4096)),
};

const SLACK: Service = Service {
    kind: "slack",
    settings: "url = { file = \"secret\" }\n",
    files: &[("secret", "{base}/services/T00000000/B00000000/XXXXhunter2XXXX\n")],
    hushed: &["hunter2", "B00000000"],
    taken: "200 OK\r\n\r\nok",
    receipt: "200 OK: ok",
    is_known_by_words: true,
    answers: &[
        (
            "400 Bad Request\r\n\r\ninvalid_payload",
            Never,
            "will never take this message: 400 Bad Request: invalid_payload",
        ),
        ("400 Bad Request\r\n\r\nno_text", Never, "no_text"),
        ("400 Bad Request\r\n\r\nuser_not_found", Later(None), "user_not_found"),
        ("403 Forbidden\r\n\r\naction_prohibited", Later(None), "let the webhook post there"),
        ("404 Not Found\r\n\r\nno_service", Later(None), "put its address into file secret"),
        ("410 Gone\r\n\r\nchannel_is_archived", Never, "channel_is_archived"),
        ("429 Too Many Requests\r\nretry-after: 30\r\n\r\nrate_limited", Later(Some(30)), "asked to wait 30s"),
        ("500 Internal Server Error\r\n\r\nrollup_error", Later(None), "rollup_error"),
    ],
    well: &[("200 OK", "HEAD / ")],
    unwell: &[],
    longest: Some(('ت', 40_000)),
};

const NTFY: Service = Service {
    kind: "ntfy",
    settings: "topic = \"makkah-warnings\"\nserver = \"{base}\"\ntoken = { file = \"secret\" }\n",
    files: &[("secret", "tk_not_the_token_of_anybody\n")],
    hushed: &["not_the_token_of_anybody"],
    taken: "200 OK\r\n\r\n{\"id\":\"rQxlDPU2cMUB\",\"time\":1765238400,\"expires\":1765281600,\"event\":\"message\",\"topic\":\"makkah-warnings\",\"message\":\"x\"}\n",
    receipt: "message rQxlDPU2cMUB",
    is_known_by_words: true,
    answers: &[
        (
            "200 OK\r\n\r\n{\"id\":\"aa\",\"time\":1,\"event\":\"message\",\"topic\":\"x\",\"attachment\":{\"name\":\"attachment.txt\"}}",
            Taken,
            "message aa, as a file to open",
        ),
        (
            "400 Bad Request\r\n\r\n{\"code\":40024,\"http\":400,\"error\":\"invalid request: request body must be valid JSON\"}",
            Never,
            "must be valid JSON",
        ),
        (
            "400 Bad Request\r\n\r\n{\"code\":40010,\"http\":400,\"error\":\"invalid request: topic name is not allowed\"}",
            Later(None),
            "topic name is not allowed",
        ),
        (
            "403 Forbidden\r\n\r\n{\"code\":40301,\"http\":403,\"error\":\"forbidden\"}",
            Later(None),
            "`token` may write",
        ),
        (
            "413 Request Entity Too Large\r\n\r\n{\"code\":41303,\"http\":413,\"error\":\"JSON body too large\"}",
            Never,
            "too large",
        ),
        (
            "429 Too Many Requests\r\n\r\n{\"code\":42908,\"http\":429,\"error\":\"limit reached: daily message quota reached\"}",
            Later(None),
            "daily message quota",
        ),
    ],
    well: &[("200 OK\r\n\r\n{\"healthy\":true}\n", "GET /v1/health ")],
    unwell: &[
        ("200 OK\r\n\r\n{\"healthy\":false}\n", "not well"),
        ("404 Not Found\r\n\r\nnothing here", "no ntfy server answered: 404 Not Found: nothing here"),
    ],
    longest: Some(('z', 4095)),
};

const DISCORD: Service = Service {
    kind: "discord",
    settings: "url = { file = \"secret\" }\n",
    files: &[("secret", "{base}/api/webhooks/1234567890/no_Secret-of-anybody?thread_id=77\n")],
    hushed: &["no_Secret-of-anybody"],
    taken: "200 OK\r\n\r\n{\"id\":\"998877665544332211\",\"type\":0,\"content\":\"x\",\"channel_id\":\"1\"}",
    receipt: "message 998877665544332211",
    is_known_by_words: true,
    answers: &[
        (
            "400 Bad Request\r\n\r\n{\"code\":50035,\"errors\":{\"content\":{\"_errors\":[{\"code\":\"BASE_TYPE_MAX_LENGTH\"}]}},\"message\":\"Invalid Form Body\"}",
            Never,
            "will never take this message",
        ),
        (
            "400 Bad Request\r\n\r\n{\"code\":50006,\"message\":\"Cannot send an empty message\"}",
            Never,
            "an empty message",
        ),
        ("400 Bad Request\r\n\r\n{\"code\":50083,\"message\":\"Thread is archived\"}", Later(None), "archived"),
        (
            "401 Unauthorized\r\n\r\n{\"code\":50027,\"message\":\"Invalid Webhook Token\"}",
            Later(None),
            "into file secret",
        ),
        ("404 Not Found\r\n\r\n{\"code\":10015,\"message\":\"Unknown Webhook\"}", Later(None), "make a new one"),
        (
            "429 Too Many Requests\r\nretry-after: 65\r\n\r\n{\"message\":\"You are being rate limited.\",\"retry_after\":64.57,\"global\":false}",
            Later(Some(64)),
            "rate limited",
        ),
    ],
    well: &[(
        "200 OK\r\n\r\n{\"id\":\"1234567890\",\"type\":1,\"channel_id\":\"1\"}",
        "GET /api/webhooks/1234567890/no_Secret-of-anybody ",
    )],
    unwell: &[
        (
            "404 Not Found\r\n\r\n{\"code\":10015,\"message\":\"Unknown Webhook\"}",
            "did not show the webhook in file secret",
        ),
        ("200 OK\r\n\r\n<html>welcome</html>", "welcome"),
    ],
    longest: Some(('ت', 4096)),
};

const MATTERMOST: Service = Service {
    kind: "mattermost",
    settings: "url = { file = \"secret\" }\n",
    files: &[("secret", "{base}/hooks/nokeyofanybodynokeyofanybo\n")],
    hushed: &["nokeyofanybody"],
    taken: "200 OK\r\ncontent-type: text/plain\r\n\r\nok",
    receipt: "200 OK: ok",
    is_known_by_words: true,
    answers: &[
        (
            "400 Bad Request\r\n\r\n{\"id\":\"web.incoming_webhook.text.app_error\",\"message\":\"No text specified.\",\"status_code\":400}",
            Never,
            "No text specified",
        ),
        (
            "400 Bad Request\r\n\r\n{\"id\":\"web.incoming_webhook.invalid.app_error\",\"message\":\"Invalid webhook.\",\"status_code\":400}",
            Later(None),
            "file secret holds the address of one",
        ),
        (
            "404 Not Found\r\n\r\n{\"id\":\"web.incoming_webhook.channel.app_error\",\"message\":\"Couldn't find the channel.\",\"status_code\":404}",
            Later(None),
            "find the channel",
        ),
        (
            "501 Not Implemented\r\n\r\n{\"id\":\"web.incoming_webhook.disabled.app_error\",\"message\":\"Incoming webhooks have been disabled by the system admin.\",\"status_code\":501}",
            Later(None),
            "disabled",
        ),
    ],
    well: &[("200 OK", "HEAD / ")],
    unwell: &[],
    longest: Some(('ت', 16_383)),
};

const TEAMS: Service = Service {
    kind: "teams",
    settings: "url = { file = \"secret\" }\n",
    files: &[(
        "secret",
        "{base}/workflows/0f1e2d3c/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=no-Signature_of-anybody\n",
    )],
    hushed: &["no-Signature_of-anybody", "0f1e2d3c"],
    taken: "202 Accepted\r\nx-ms-workflow-run-id: 1\r\n\r\n",
    receipt: "202 Accepted",
    is_known_by_words: false,
    answers: &[
        (
            "400 Bad Request\r\n\r\n{\"error\":{\"code\":\"TriggerInputSchemaMismatch\",\"message\":\"The input body for trigger did not match its schema definition.\"}}",
            Never,
            "TriggerInputSchemaMismatch",
        ),
        (
            "400 Bad Request\r\n\r\n{\"error\":{\"code\":\"WorkflowTriggerIsNotEnabled\",\"message\":\"Could not execute workflow trigger: it is disabled.\"}}",
            Later(None),
            "see that the workflow is switched on",
        ),
        (
            "401 Unauthorized\r\n\r\n{\"error\":{\"code\":\"AuthorizationFailed\",\"message\":\"The authentication credentials are not valid.\"}}",
            Later(None),
            "that file secret holds its address",
        ),
        ("404 Not Found\r\n\r\n{\"error\":{\"code\":\"WorkflowNotFound\"}}", Later(None), "WorkflowNotFound"),
        ("413 Request Entity Too Large\r\n\r\n", Never, "will never take this message"),
        ("429 Too Many Requests\r\nretry-after: 5\r\n\r\n", Later(Some(5)), "asked to wait 5s"),
    ],
    well: &[("404 Not Found", "HEAD / ")],
    unwell: &[],
    longest: Some(('q', 27_581)),
};

/// How X shows whose account it is.
pub(super) const X_ACCOUNT: &str =
    "200 OK\r\n\r\n{\"data\":{\"id\":\"2244994945\",\"name\":\"Nadhir\",\"username\":\"nadhir_makkah\"}}";

/// How X shows an account on which nothing was posted in the time that is asked about.
pub(super) const X_NO_POSTS: &str = "200 OK\r\n\r\n{\"meta\":{\"result_count\":0}}";

/// The keys in the examples of X's own pages, which open nothing.
pub(super) const X_KEYS: &str = "api_key = xvz1evFS4wEEPTGEFPHBog
api_key_secret = kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw
access_token = 370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb
access_token_secret = LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE
";

const X: Service = Service {
    kind: "x",
    settings: "keys = { file = \"secret\" }\napi = \"{base}\"\n",
    files: &[("secret", X_KEYS)],
    hushed: &[
        "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
        "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
        "GmHxMAgYyLbNEtIK",
    ],
    taken: "201 Created\r\n\r\n{\"data\":{\"edit_history_tweet_ids\":[\"1346889436626259968\"],\"id\":\"1346889436626259968\",\"text\":\"\\u062a\"}}",
    receipt: "post 1346889436626259968",
    is_known_by_words: true,
    answers: &[
        (
            "200 OK\r\n\r\n{\"errors\":[{\"title\":\"Not Found Error\"}]}",
            Unknown,
            "did not answer as X does, and may have taken the message",
        ),
        ("201 Created\r\n\r\n{\"data\":{\"id\":\"soon\"}}", Unknown, "may have taken the message"),
        (
            "400 Bad Request\r\n\r\n{\"title\":\"Invalid Request\",\"detail\":\"One or more parameters to your request was invalid.\",\"type\":\"https://api.x.com/2/problems/invalid-request\"}",
            Later(None),
            "Invalid Request",
        ),
        (
            "400 Bad Request\r\n\r\n{\"detail\":\"Your Tweet text is too long.\",\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400}",
            Never,
            "will never take this message",
        ),
        (
            "401 Unauthorized\r\n\r\n{\"title\":\"Unauthorized\",\"type\":\"about:blank\",\"status\":401,\"detail\":\"Unauthorized\"}",
            Later(None),
            "see that file secret holds the keys of this app and account, and that the clock is right",
        ),
        (
            "402 Payment Required\r\n\r\n{\"title\":\"CreditsDepleted\",\"type\":\"https://api.x.com/2/problems/credits\",\"detail\":\"Your enrolled account does not have any credits to fulfill this request.\"}",
            Later(None),
            "the credits of the app are used up",
        ),
        (
            "403 Forbidden\r\n\r\n{\"detail\":\"Your client app is not configured with the appropriate oauth1 app permissions for this endpoint.\",\"status\":403,\"title\":\"Forbidden\",\"type\":\"https://api.x.com/2/problems/oauth1-permissions\"}",
            Later(None),
            "let the app read and write, then make a new access token and put it into file secret",
        ),
        (
            // Nobody answers when the account is to be read.
            "403 Forbidden\r\n\r\n{\"detail\":\"You are not allowed to create a Tweet with duplicate content.\",\"type\":\"about:blank\",\"title\":\"Forbidden\",\"status\":403}",
            Unknown,
            "is not repeated until the account can be read",
        ),
        ("413 Content Too Large", Never, "will never take this message"),
        (
            "429 Too Many Requests\r\nx-rate-limit-limit: 100\r\nx-rate-limit-remaining: 0\r\nx-rate-limit-reset: 1765238521\r\n\r\n{\"title\":\"Too Many Requests\",\"detail\":\"Too Many Requests\",\"type\":\"about:blank\",\"status\":429}",
            Later(Some(120)),
            "asked to wait 2min",
        ),
        (
            // The limit of the day is what is used up.
            "429 Too Many Requests\r\nx-rate-limit-reset: 1765238521\r\nx-app-limit-24hour-limit: 1200000\r\nx-app-limit-24hour-remaining: 1199000\r\nx-app-limit-24hour-reset: 1765320000\r\nx-user-limit-24hour-limit: 17\r\nx-user-limit-24hour-remaining: 0\r\nx-user-limit-24hour-reset: 1765242001\r\n\r\n{\"title\":\"Too Many Requests\",\"status\":429}",
            Later(Some(3600)),
            "asked to wait 1h",
        ),
        ("503 Service Unavailable\r\n\r\n{\"title\":\"Service Unavailable\",\"status\":503}", Later(None), "503"),
    ],
    well: &[(X_ACCOUNT, "GET /2/users/me ")],
    unwell: &[
        (
            "401 Unauthorized\r\n\r\n{\"title\":\"Unauthorized\",\"type\":\"about:blank\",\"status\":401,\"detail\":\"Unauthorized\"}",
            "see that file secret holds the keys",
        ),
        ("200 OK\r\n\r\n<html>welcome</html>", "welcome"),
    ],
    longest: Some(('ت', 280)),
};

const MASTODON: Service = Service {
    kind: "mastodon",
    settings: "server = \"{base}\"\ntoken = { file = \"secret\" }\n",
    files: &[("secret", "not_the-token_of-anybody\n")],
    hushed: &["not_the-token_of-anybody"],
    taken: "200 OK\r\n\r\n{\"id\":\"103254962155278888\",\"created_at\":\"2025-12-09T00:00:00.000Z\",\"language\":\"ar\"}",
    receipt: "post 103254962155278888",
    is_known_by_words: true,
    answers: &[
        (
            "401 Unauthorized\r\n\r\n{\"error\":\"The access token is invalid\"}",
            Later(None),
            "see that file secret holds a token",
        ),
        (
            "403 Forbidden\r\n\r\n{\"error\":\"This action is outside the authorized scopes\"}",
            Later(None),
            "that may write statuses",
        ),
        (
            "422 Unprocessable Content\r\n\r\n{\"error\":\"Validation failed: Text character limit of 500 exceeded\"}",
            Never,
            "character limit of 500",
        ),
        ("422 Unprocessable Content\r\n\r\n{\"error\":\"Validation failed: Visibility\"}", Later(None), "Visibility"),
        (
            "429 Too Many Requests\r\nx-ratelimit-reset: 2025-12-09T00:05:01.000000Z\r\n\r\n{\"error\":\"Too many requests\"}",
            Later(Some(300)),
            "asked to wait 5min",
        ),
        ("200 OK\r\n\r\n{\"id\":7}", Unknown, "did not answer as Mastodon does"),
    ],
    well: &[(
        "200 OK\r\n\r\n{\"id\":\"14715\",\"followers_count\":563458}",
        "GET /api/v1/accounts/verify_credentials ",
    )],
    unwell: &[("401 Unauthorized\r\n\r\n{\"error\":\"The access token is invalid\"}", "see that file secret holds")],
    longest: Some(('ت', 500)),
};

const PAGERDUTY: Service = Service {
    kind: "pagerduty",
    settings: "routing_key = { file = \"secret\" }\napi = \"{base}\"\n",
    files: &[("secret", "0123456789abcdefNOTAKEY456789abc\n")],
    hushed: &["NOTAKEY"],
    taken: "202 Accepted\r\n\r\n{\"status\":\"success\",\"message\":\"Event processed\",\"dedup_key\":\"MKH-2025-000012\"}",
    receipt: "incident MKH-2025-000012",
    is_known_by_words: true,
    answers: &[
        (
            "400 Bad Request\r\n\r\n{\"status\":\"invalid event\",\"message\":\"Event object is invalid\",\"errors\":[\"routing_key is invalid\"]}",
            Later(None),
            "see that file secret is the routing key",
        ),
        ("429 Too Many Requests\r\n\r\n{\"status\":\"throttle exceeded\"}", Later(None), "throttle exceeded"),
        (
            "202 Accepted\r\n\r\n{\"status\":\"invalid event\",\"dedup_key\":\"x\"}",
            Unknown,
            "did not answer as PagerDuty",
        ),
    ],
    well: &[("200 OK", "HEAD / ")],
    unwell: &[],
    longest: None,
};

const ALERTMANAGER: Service = Service {
    kind: "alertmanager",
    settings: "urls = [\"{base}\"]\nauthorization = { file = \"secret\" }\n",
    files: &[("secret", "Bearer hunter2hunter2\n")],
    hushed: &["hunter2hunter2"],
    taken: "200 OK",
    receipt: "taken by 1 of 1",
    is_known_by_words: false,
    answers: &[(
        "400 Bad Request\r\n\r\n\"start time must be before end time\"",
        Later(None),
        "start time must be before",
    )],
    well: &[("200 OK", "GET /-/ready ")],
    unwell: &[("503 Service Unavailable", "answered 503")],
    longest: None,
};
