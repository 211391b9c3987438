//! What the fuzzer begins from: every kind of feed, bodies as it gets them, and shapes that are built to harm.
//!
//! Real bodies are taken where the collection lies beside the project; what is written here is synthetic and always there.

use std::path::{Path, PathBuf};

/// The largest body that is begun from, in bytes.
const MAX_SEED: u64 = 4 << 20;

/// Where the bodies of one kind of feed come from. A kind without a line here begins from all of them.
pub(crate) struct Origin {
    /// The kind, as in `nadhir::feed::KINDS`.
    pub(crate) kind: &'static str,
    /// Its keys in TOML, where those of the kind's own example would read none of the bodies here.
    pub(crate) keys: Option<&'static str>,
    /// Folders and files of the collection, whose files are bodies.
    pub(crate) real: &'static [&'static str],
    /// A table of the collection whose first column is put into a body of this form at `{}`.
    pub(crate) lines: Option<(&'static str, &'static str)>,
    /// Synthetic bodies.
    pub(crate) made: &'static [&'static str],
}

/// One line a kind.
pub(crate) const ORIGINS: &[Origin] = &[
    Origin { kind: "open-meteo", keys: Some(OPEN_METEO_KEYS), real: &["open-meteo"], lines: None, made: &[OPEN_METEO] },
    Origin { kind: "metar", keys: None, real: &[], lines: Some(("metar/metars.tsv", METAR_LINE)), made: &[METAR] },
    Origin { kind: "cap", keys: None, real: &["cap", "feeds"], lines: None, made: &[ALERT, ATOM, RSS, EDXL, SIGNED] },
    Origin {
        kind: "taf",
        keys: None,
        real: &[],
        lines: Some(("metar/OEJN_reports.tsv", TAF_LINE)),
        made: &[TAF, METAR],
    },
    Origin { kind: "met-norway", keys: None, real: &["met-norway"], lines: None, made: &[MET_NORWAY] },
    Origin { kind: "gdacs", keys: None, real: &["gdacs"], lines: None, made: &[RSS] },
    Origin { kind: "wis2", keys: None, real: &["wis2"], lines: None, made: &[WIS2] },
    Origin { kind: "csv", keys: Some(CSV_KEYS), real: &["weather/mecca_events.csv"], lines: None, made: &[CSV] },
    Origin { kind: "json", keys: None, real: &[], lines: None, made: &[JSON] },
    Origin { kind: "openweathermap", keys: None, real: &[], lines: None, made: &[ONE_CALL] },
];

const OPEN_METEO_KEYS: &str =
    "kind = \"open-meteo\"\nhourly = [\"precipitation\", \"wind_gusts_10m\", \"dust\"]\ngovernorates = [\"jeddah\"]\n";
const ALERT: &str = "<?xml version=\"1.0\"?><alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>i1</identifier><sender>ncm@example.org</sender>\
    <sent>2025-12-09T00:30:00+03:00</sent><status>Actual</status><msgType>Update</msgType><scope>Public</scope>\
    <references>ncm@example.org,i0,2025-12-08T00:30:00+03:00</references><info><language>ar</language><category>Met</category><event>أمطار رعدية</event>\
    <responseType>Shelter</responseType><urgency>Immediate</urgency><severity>Extreme</severity><certainty>Likely</certainty><onset>2025-12-09T01:00:00+03:00</onset>\
    <expires>2025-12-09T13:00:00+03:00</expires><headline><![CDATA[الإنذار الأحمر على جدة]]></headline><parameter><valueName>awareness_level</valueName><value>4; red</value></parameter>\
    <area><areaDesc>محافظة جدة، الطائف والليث</areaDesc><polygon>21.3,39.0 21.8,39.0 21.8,39.5 21.3,39.5 21.3,39.0</polygon><circle>21.42,39.83 5</circle>\
    <geocode><valueName>EMMA_ID</valueName><value>SA002</value></geocode></area></info></alert>";
const ATOM: &str = "<feed xmlns=\"http://www.w3.org/2005/Atom\"><entry><id>urn:1</id><updated>2025-12-09T00:00:00Z</updated><link type=\"application/cap+xml\" \
    href=\"1.xml?a=1&amp;b=2\"/></entry><entry><content type=\"text/xml\"><alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.1\"><identifier>i</identifier><sender>s</sender>\
    <sent>2025-12-09T00:30:00+03:00</sent><info><event>Dust</event><area><areaDesc>Jeddah</areaDesc></area></info></alert></content></entry></feed>";
const RSS: &str = "<rss version=\"2.0\"><channel><title>x</title><item><title>Rain, Jeddah</title><link>/1.xml</link><guid isPermaLink=\"false\">g1</guid>\
    <pubDate>Tue, 09 Dec 2025 01:00:00 +0300</pubDate><enclosure type=\"application/cap+xml\" url=\"2.xml\"/></item></channel></rss>";
const EDXL: &str = "<EDXLDistribution xmlns=\"urn:oasis:names:tc:emergency:EDXL:DE:1.0\"><distributionID>d</distributionID><contentObject><xmlContent>\
    <embeddedXMLContent><alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>i</identifier><sender>s</sender><sent>2025-12-09T00:30:00+03:00</sent>\
    </alert></embeddedXMLContent></xmlContent></contentObject></EDXLDistribution>";
const SIGNED: &str = include_str!("../fixtures/signatures/two.xml");
const OPEN_METEO: &str = "{\"latitude\":21.5,\"longitude\":39.25,\"utc_offset_seconds\":0,\"hourly_units\":{\"time\":\"iso8601\",\"precipitation\":\"mm\",\
    \"wind_gusts_10m\":\"km/h\"},\"hourly\":{\"time\":[\"2025-12-09T00:00\",\"2025-12-09T01:00\",\"2025-12-09T02:00\"],\"precipitation\":[1.0,null,0.1],\
    \"wind_gusts_10m\":[36,12.5,-1]}}";
const METAR: &str = "[{\"icaoId\":\"OEJN\",\"obsTime\":1765238400,\"temp\":20,\"dewp\":\"20\",\"wdir\":\"VRB\",\"wspd\":\"10\",\"wgst\":null,\"visib\":\"6+\",\"wxString\":null,\
    \"rawOb\":\"METAR OEJN 090000Z VRB10G25KT 3000 R34L/0800V1200U +TSRA BKN020CB 20/M02 Q1010 BECMG 9999\"}]";
const METAR_LINE: &str = "[{\"icaoId\":\"OEJN\",\"obsTime\":1765238400,\"temp\":20,\"rawOb\":\"{}\"}]";
const TAF: &str = "[{\"icaoId\":\"OEJN\",\"issueTime\":\"2025-12-09T05:00:00Z\",\"rawTAF\":\"TAF OEJN 090500Z 0906/1012 30018G30KT 7000 FEW040 PROB30 TEMPO 0909/0915 3000 BLDU BECMG 0918/0920 CAVOK\"}]";
const TAF_LINE: &str =
    "[{\"icaoId\":\"OEJN\",\"rawTAF\":\"TAF OEJN 181100Z 1812/1918 32014KT 9999\",\"rawOb\":\"{}\"}]";
const MET_NORWAY: &str = "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[39.2321,21.5405,12]},\"properties\":{\"meta\":{\"updated_at\":\"2025-12-09T00:00:00Z\",\
    \"units\":{\"air_temperature\":\"celsius\",\"precipitation_amount\":\"mm\",\"wind_speed\":\"m/s\"}},\"timeseries\":[{\"time\":\"2025-12-09T01:00:00Z\",\"data\":{\"instant\":\
    {\"details\":{\"air_temperature\":25.1,\"wind_speed\":4.2}},\"next_1_hours\":{\"summary\":{\"symbol_code\":\"rain\"},\"details\":{\"precipitation_amount\":1.2}}}}]}}";
const WIS2: &str = "{\"id\":\"31e9d66a-cd83-4174-9429-b932f1abe1be\",\"type\":\"Feature\",\"conformsTo\":[\"http://wis.wmo.int/spec/wnm/1/conf/core\"],\"geometry\":null,\
    \"properties\":{\"data_id\":\"sa-ncm/data/core/x\",\"pubtime\":\"2025-12-09T00:00:00Z\",\"integrity\":{\"method\":\"sha512\",\"value\":\"AAAA\"},\"content\":{\"encoding\":\"base64\",\
    \"value\":\"PGFsZXJ0Lz4=\",\"size\":8}},\"links\":[{\"rel\":\"canonical\",\"href\":\"https://example.org/1.xml\",\"length\":100}]}";
const JSON: &str = "{\"data\":[{\"observed\":1765238400,\"station\":{\"id\":41024},\"rain\":{\"value\":1.5,\"unit\":\"mm\"},\"gust\":12},\
    {\"observed\":1765239000,\"station\":{\"id\":41030},\"rain\":{\"value\":null,\"unit\":\"mm\"},\"gust\":\"-\"}]}";
const ONE_CALL: &str = "{\"lat\":21.5405,\"lon\":39.2321,\"timezone\":\"Asia/Riyadh\",\"timezone_offset\":10800,\"current\":{\"dt\":1765239000,\"temp\":30.1,\
    \"humidity\":40,\"wind_speed\":4.1,\"visibility\":10000,\"weather\":[{\"id\":800}]},\"hourly\":[{\"dt\":1765242000,\"temp\":31,\"rain\":{\"1h\":1.2},\
    \"weather\":[{\"id\":211}]}],\"alerts\":[{\"sender_name\":\"NCM\",\"event\":\"Red\",\"start\":1765239000,\"end\":1765249000,\"description\":\"x\"}]}";
const CSV_KEYS: &str = "kind = \"csv\"\nurl = \"https://stations.example/a.csv\"\ndelimiter = \";\"\ndecimal = \",\"\ntime = { column = \"time\", zone = \"Asia/Riyadh\" }\n\
    station = { column = \"station\", governorates = { ST1 = [\"jeddah\"] } }\nbasis = \"observed\"\ncovers = \"10min\"\n\
    values = [{ column = \"rain mm\", metric = \"precipitation\", unit = \"mm\" }]\n";
const CSV: &str = "station;time;rain mm;wind\nST1;2025-12-09T00:00:00+03:00;1,5;12.0\n\"ST 2\";09/12/2025 01:00;;-\n";

/// The keys in TOML that a feed of a kind is made of, when not those of its own example.
pub(crate) fn keys(kind: &str) -> Option<&'static str> {
    ORIGINS.iter().find(|origin| origin.kind == kind)?.keys
}

/// The bodies that a kind begins from.
pub(crate) fn of(kind: &str) -> Vec<Vec<u8>> {
    let known: Vec<&Origin> = ORIGINS.iter().filter(|origin| origin.kind == kind).collect();
    let origins: Vec<&Origin> = if known.is_empty() { ORIGINS.iter().collect() } else { known };
    let mut bodies = Vec::new();
    for origin in origins {
        bodies.extend(origin.made.iter().map(|body| body.as_bytes().to_vec()));
        for name in origin.real {
            bodies.extend(files(&collection().join(name)).iter().filter_map(|path| std::fs::read(path).ok()));
        }
        if let Some((table, form)) = origin.lines {
            let text = std::fs::read_to_string(collection().join(table)).unwrap_or_default();
            for line in text.lines().skip(1) {
                let cells: Vec<&str> = line.split('\t').collect();
                let report = cells.iter().find(|cell| 12 < cell.len()).copied().unwrap_or(line);
                bodies.push(form.replace("{}", &report.replace('\\', "\\\\").replace('"', "\\\"")).into_bytes());
            }
        }
    }
    bodies
}

fn collection() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data")
}

/// Every file below a path that is not too large, in order; the path itself when it is one.
fn files(path: &Path) -> Vec<PathBuf> {
    if std::fs::metadata(path).is_ok_and(|about| about.is_file() && about.len() <= MAX_SEED) {
        return vec![path.to_owned()];
    }
    let Ok(entries) = std::fs::read_dir(path) else { return Vec::new() };
    let mut entries: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    entries.iter().flat_map(|entry| files(entry)).collect()
}

/// Bodies of up to a length that are built to cost time or room, each with a name.
pub(crate) fn harmful(length: usize) -> Vec<(&'static str, Vec<u8>)> {
    let cap = |inside: &str| {
        format!(
            "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>i</identifier><sender>s</sender><sent>2025-12-09T00:30:00+03:00</sent>\
             <info><event>e</event><area><areaDesc>a</areaDesc>{inside}</area></info></alert>"
        )
    };
    let fill = |part: &str, beside: usize| part.repeat(length.saturating_sub(beside + 400) / part.len());
    let circle = |corners: u32| {
        let turn = |corner: u32| f64::from(corner) * std::f64::consts::TAU / f64::from(corners);
        let points = (0..=corners).map(|corner| (21.5 + turn(corner).sin(), 39.5 + turn(corner).cos()));
        points.map(|(lat, lon)| format!("{lat:.5},{lon:.5} ")).collect::<String>()
    };
    let star = |corners: u32| {
        let points = (0..=corners).map(|corner| f64::from(corner) * 2.4);
        points.map(|turn| format!("{:.5},{:.5} ", 21.5 + turn.sin(), 39.5 + turn.cos())).collect::<String>()
    };
    let bound: String = (0..60).map(|number| format!(" xmlns:n{number}=\"urn:{number}\"")).collect();
    let spaces: String =
        (0..40).map(|depth| format!("<a{}>", bound.replace("xmlns:n", &format!("xmlns:d{depth}n")))).collect();
    let polygon = format!("<polygon>{}</polygon>", circle(9000));
    let square = "<polygon>21.3,39.0 21.8,39.0 21.8,39.5 21.3,39.5 21.3,39.0</polygon>";
    let mut bodies = vec![
        ("blanks", fill(" ", 0)),
        ("letters", fill("a", 0)),
        ("brackets", fill("<", 0)),
        ("nested elements", fill("<a>", 0)),
        ("empty elements", format!("<a>{}</a>", fill("<b/>", 0))),
        (
            "attributes",
            format!("<a {}/>", (0..length / 16).map(|number| format!("a{number}=\"\" ")).collect::<String>()),
        ),
        ("namespaces in a nest", format!("{spaces}{}", fill("<b xmlns:q=\"u\"/>", spaces.len()))),
        ("entities", fill("&#x41;", 0).replacen("&#x41;", "<a>", 1)),
        ("comments", cap(&fill("<!---->", 0))),
        ("nested lists", fill("[", 0)),
        ("nested maps", fill("{\"a\":", 0)),
        ("numbers", format!("[{}0]", fill("1e9,", 0))),
        ("a long number", fill("9", 0)),
        ("a long text", format!("\"{}\"", fill("x", 0))),
        ("escapes", format!("\"{}\"", fill("\\u0600", 0))),
        ("lines", fill("\n", 0)),
        ("cells", fill(";", 0)),
        ("quotes", fill("\"", 0)),
        ("areas", cap(&fill(&format!("</area><area><areaDesc>جدة</areaDesc>{square}"), 0))),
        ("shapes", cap(&fill(square, 0))),
        ("circles", cap(&fill("<circle>21.42,39.83 500</circle>", 0))),
        ("round shapes", cap(&fill(&polygon, 0))),
        ("a star", cap(&format!("<polygon>{}</polygon>", star(9000)))),
        ("names", cap(&format!("</area><area><areaDesc>{}</areaDesc>", fill("جدة والطائف ، ", 0)))),
        ("infos", cap(&fill("</area></info><info><event>رياح</event><area><areaDesc>الطائف</areaDesc>", 0))),
        (
            "references",
            format!(
                "{}<references>{}</references></alert>",
                cap("").trim_end_matches("</alert>"),
                fill("s,i,2025-12-09T00:30:00+03:00 ", 0)
            ),
        ),
        (
            "entries",
            format!(
                "<feed xmlns=\"http://www.w3.org/2005/Atom\">{}</feed>",
                fill("<entry><link href=\"1.xml\"/></entry>", 0)
            ),
        ),
        ("alerts", format!("<feed xmlns=\"http://www.w3.org/2005/Atom\">{}</feed>", fill(&cap(square), 0))),
        (
            "signed alerts",
            format!(
                "<feed xmlns=\"http://www.w3.org/2005/Atom\">{}</feed>",
                fill(SIGNED.split_once("-->").map_or("", |(_, alert)| alert), 0)
            ),
        ),
        ("a signed flood", SIGNED.replace("<status>", &format!("<note>{}</note><status>", fill("\"&gt;<i/>", 4000)))),
        ("reports", format!("[{}0]", fill(&METAR.replace('[', "").replace(']', ","), 0))),
    ];
    let reverse: String = (0..length / 24).map(|number| format!("\"k{}\":null,", length - number)).collect();
    bodies.push(("keys", format!("{{{reverse}\"z\":1}}")));
    bodies.into_iter().map(|(name, text)| (name, text.into_bytes())).collect()
}
