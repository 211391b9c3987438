//! How fast alerts are decoded beside a bare parse of the same text by roxmltree, in the same run: `cargo bench -- cap`.
//!
//! The samples named `synthetic` are made here; recorded ones are measured as well when they lie beside the project. Decoding
//! is all that a feed does with an answer: bytes to text, the tree, its meaning, its places.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use divan::black_box;
use nadhir::feed::Feed;
use nadhir::time::Timestamp;

/// Decoding is to be at least this fast, as a share of the speed of the bare parse.
const LIMIT: f64 = 0.8;
/// How often each sample is measured, the two in turn.
const ROUNDS: usize = 41;
/// How long one measurement takes at least.
const LEAST: Duration = Duration::from_micros(500);

/// Prints the comparison, when no filter is given or one that means it.
pub(crate) fn report() {
    let filters: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if !filters.is_empty() && !filters.iter().any(|filter| filter.contains("cap")) {
        return;
    }
    let config = super::shipped();
    let feed = config.feeds.iter().find(|feed| feed.kind == "cap").map(|feed| Arc::clone(&feed.feed));
    let feed = feed.expect("the shipped configuration has a feed of alerts");
    let samples: Vec<(String, Vec<u8>)> = synthetic().into_iter().chain(recorded()).collect();
    println!("CAP decoding beside a bare roxmltree parse; at least {LIMIT} of its speed is wanted\n");
    println!("{:>9} {:>12} {:>12} {:>6}  sample", "bytes", "parse", "decode", "ratio");
    let mut ratios: Vec<(Group, f64)> = Vec::new();
    for (name, body) in samples {
        let Some((parse, decode)) = measure(&feed, &body) else { continue };
        let ratio = parse / decode;
        let mark = if ratio < LIMIT { " <" } else { "" };
        println!("{:>9} {:>9.1} us {:>9.1} us {ratio:>6.2}{mark:2} {name}", body.len(), parse * 1e6, decode * 1e6);
        ratios.push((group(&feed, &body), ratio));
    }
    println!();
    for group in [Group::Alert, Group::List, Group::Here, Group::Signed] {
        let own = ratios.iter().filter(|(other, _)| *other == group).map(|(_, ratio)| *ratio);
        println!("{:<58} {}", group.about(), summary(own.collect()));
    }
    println!("{:<58} {}\n", "all", summary(ratios.into_iter().map(|(_, ratio)| ratio).collect()));
}

/// What a sample asks of the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Alert,
    List,
    Here,
    Signed,
}

impl Group {
    fn about(self) -> &'static str {
        match self {
            Self::Alert => "alerts for elsewhere",
            Self::List => "lists",
            Self::Here => "alerts for the region (its names and geometry)",
            Self::Signed => "signed alerts (canonical form, digest, RSA)",
        }
    }
}

fn group(feed: &Arc<dyn Feed>, body: &[u8]) -> Group {
    let text = String::from_utf8_lossy(body);
    let alerts = feed.decode(body, Timestamp::default()).map(|batch| batch.alerts).unwrap_or_default();
    if text.contains("<Signature") || text.contains(":Signature") {
        Group::Signed
    } else if alerts.iter().any(|alert| !alert.areas.is_empty()) {
        Group::Here
    } else if ["<feed", "<rss"].iter().any(|root| text.contains(root)) {
        Group::List
    } else {
        Group::Alert
    }
}

/// The median of ratios, and how many miss the limit.
fn summary(mut ratios: Vec<f64>) -> String {
    ratios.sort_by(f64::total_cmp);
    let median = ratios.get(ratios.len() / 2).copied().unwrap_or_default();
    let below = ratios.iter().filter(|ratio| **ratio < LIMIT).count();
    format!("{:>3} samples, median {median:.2}, below {LIMIT}: {below}", ratios.len())
}

/// The medians in seconds of a bare parse and of a decoding; none for what is refused.
fn measure(feed: &Arc<dyn Feed>, body: &[u8]) -> Option<(f64, f64)> {
    let now = Timestamp::default();
    feed.decode(body, now).ok()?;
    let text = std::str::from_utf8(body).ok()?.trim_start_matches('\u{feff}').trim_start();
    roxmltree::Document::parse(text).ok()?;
    let parse = || drop(black_box(roxmltree::Document::parse(black_box(text))));
    let decode = || drop(black_box(feed.decode(black_box(body), now)));
    let times = |begin: Instant| LEAST.as_nanos() / begin.elapsed().as_nanos().max(1) + 1;
    let begin = Instant::now();
    parse();
    let times = u32::try_from(times(begin)).unwrap_or(1);
    let of = |act: &dyn Fn()| {
        let begin = Instant::now();
        (0..times).for_each(|_| act());
        begin.elapsed().as_secs_f64() / f64::from(times)
    };
    let (mut parses, mut decodes) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        parses.push(of(&parse));
        decodes.push(of(&decode));
    }
    let median = |mut all: Vec<f64>| {
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    };
    Some((median(parses)?, median(decodes)?))
}

/// A border of so many corners around a point.
fn border(corners: u32, lat: f64, lon: f64) -> String {
    let corner = |number: u32| {
        let angle = f64::from(number % corners) * std::f64::consts::TAU / f64::from(corners);
        format!("{:.4},{:.4}", lat + 0.4 * angle.sin(), lon + 0.4 * angle.cos())
    };
    (0..=corners).map(corner).collect::<Vec<_>>().join(" ")
}

fn info(language: &str, event: &str, headline: &str, text: &str, areas: &str) -> String {
    format!(
        "  <info>\n    <language>{language}</language>\n    <category>Met</category>\n    <event>{event}</event>\n    \
         <responseType>Shelter</responseType>\n    <urgency>Immediate</urgency>\n    <severity>Severe</severity>\n    \
         <certainty>Likely</certainty>\n    <eventCode>\n      <valueName>profile:CAP-CP:Event:0.4</valueName>\n      \
         <value>thunderstorm</value>\n    </eventCode>\n    <effective>2025-12-09T00:30:00+03:00</effective>\n    \
         <onset>2025-12-09T01:00:00+03:00</onset>\n    <expires>2025-12-09T13:00:00+03:00</expires>\n    \
         <senderName>A weather service</senderName>\n    <headline>{headline}</headline>\n    \
         <description>{}</description>\n    <instruction>{}</instruction>\n    \
         <web>https://example.org/alerts</web>\n    <contact>info@example.org</contact>\n    <parameter>\n      \
         <valueName>layer:Status</valueName>\n      <value>active</value>\n    </parameter>\n{areas}  </info>\n",
        text.repeat(6),
        text.repeat(2),
    )
}

fn alert(infos: &str) -> String {
    format!(
        "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\">\n  <identifier>urn:oid:2.49.0.0.000.0.2025.12.9.1</identifier>\n  \
         <sender>alerts@example.org</sender>\n  <sent>2025-12-09T00:30:00+03:00</sent>\n  <status>Actual</status>\n  \
         <msgType>Alert</msgType>\n  <source>duty desk</source>\n  <scope>Public</scope>\n  <code>profile:CAP-CP:0.4</code>\n\
         {infos}</alert>\n"
    )
}

fn area(name: &str, inside: &str) -> String {
    format!("    <area>\n      <areaDesc>{name}</areaDesc>\n{inside}    </area>\n")
}

/// Documents in the manner of several authorities.
fn synthetic() -> Vec<(String, Vec<u8>)> {
    let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    let english = "A line of strong storms moves to the east. Large hail and damaging gusts are possible. ";
    let arabic = "هطول أمطار رعدية مصحوبة برياح نشطة وتساقط للبرد وجريان للسيول. ";
    let polygon =
        |corners: u32, lat: f64, lon: f64| format!("      <polygon>{}</polygon>\n", border(corners, lat, lon));
    let geocode = |number: u32| {
        format!(
            "      <geocode>\n        <valueName>FIPS6</valueName>\n        <value>{number:06}</value>\n      </geocode>\n"
        )
    };
    let storm = |areas: &str| {
        info("en-US", "Severe Thunderstorm Warning", "Severe Thunderstorm Warning issued", english, areas)
    };
    let far =
        alert(&storm(&area("North County; South County", &(polygon(24, 51.0, 9.0) + &geocode(1001) + &geocode(1002)))));
    let named = alert(
        &(info("ar", "أمطار رعدية", "أمطار رعدية غزيرة", arabic, &area("محافظة جدة", ""))
            + &info("en", "Thunderstorm", "Heavy thunderstorms", english, &area("Jeddah", ""))),
    );
    let here = alert(&storm(&area("the coast", &polygon(24, 21.5, 39.3))));
    let many: String =
        (0..40).map(|n| area(&format!("Region {n}, Lake {n}"), &(polygon(18, 50.0, -70.0) + &geocode(n)))).collect();
    let many =
        alert(&(storm(&many) + &info("fr-CA", "orage violent", "alerte d'orage violent en vigueur", english, &many)));
    let border = alert(&storm(&area("the whole coast", &polygon(6000, 54.0, -132.0))));
    let inline: String = (0..80)
        .map(|n| format!("<entry><id>urn:{n}</id><updated>2025-12-09T01:00:00Z</updated><title>Storm {n}</title><content type=\"text/xml\">{far}</content></entry>\n"))
        .collect();
    let links: String = (0..200)
        .map(|n| format!("<entry>\n<id>https://example.org/cap/{n}.xml</id>\n<updated>2025-12-09T01:00:00Z</updated>\n<title>Severe Thunderstorm Warning</title>\n<link type=\"application/cap+xml\" href=\"https://example.org/cap/{n}.xml\"/>\n<summary>{english}</summary>\n</entry>\n"))
        .collect();
    let list = |entries: &str| {
        format!("<feed xmlns=\"http://www.w3.org/2005/Atom\">\n<id>x</id>\n<title>alerts</title>\n{entries}</feed>\n")
    };
    [
        ("one alert for elsewhere", far.clone()),
        ("one alert in two languages, by name", named),
        ("one alert with a polygon over the region (with its geometry)", here),
        ("two languages, 80 areas with polygons", many),
        ("a border of 6000 corners", border),
        ("a list with 80 alerts inline", list(&inline)),
        ("a list of 200 links", list(&links)),
    ]
    .map(|(name, text)| (format!("synthetic: {name}"), format!("{xml}{text}").into_bytes()))
    .into()
}

/// Recorded documents, when they lie beside the project.
fn recorded() -> Vec<(String, Vec<u8>)> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let below = |directory: &Path| -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(directory).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        paths
    };
    let folders = ["cap", "feeds"].iter().flat_map(|name| below(&data.join(name)));
    let files = folders.flat_map(|folder| below(&folder));
    files
        .filter_map(|path| {
            let name = path.file_name()?.to_string_lossy().into_owned();
            Some((name, std::fs::read(&path).ok()?))
        })
        .collect()
}
