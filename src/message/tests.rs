//! What people and machines will read: every change, every hazard, and every mixture of what the engine can make.

mod brief;
mod cap;
mod every;
mod further;
mod golden;
mod notices;
mod rehearsed;
mod wordings;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use geo::{Coord, MultiPolygon, Rect};

use super::rehearsal;
use super::rehearsal::bulletins::{Scene, words_in_both};
use super::*;
use crate::alert::{Status, Words};
use crate::bulletin::{ByHand, Change, Evidence, Origin, Reason};
use crate::governorate::Governorate;
use crate::hazard::{Hazard, Severity};
use crate::ids::{FeedId, GovernorateId};
use crate::language::Digits;
use crate::language::date::Announced;
use crate::problem::{Problems, SourceFile};
use crate::reading::Basis;
use crate::time::{TimeDelta, Timestamp};
use crate::unit::Metric;

const NAMES: [[&str; 3]; 17] = [
    ["makkah", "مكة المكرمة", "Makkah"],
    ["jeddah", "جدة", "Jeddah"],
    ["taif", "الطائف", "Taif"],
    ["al-qunfudhah", "القنفذة", "Al Qunfudhah"],
    ["al-lith", "الليث", "Al Lith"],
    ["rabigh", "رابغ", "Rabigh"],
    ["al-jumum", "الجموم", "Al Jumum"],
    ["khulais", "خليص", "Khulais"],
    ["al-kamil", "الكامل", "Al Kamil"],
    ["al-khurmah", "الخرمة", "Al Khurmah"],
    ["ranyah", "رنية", "Ranyah"],
    ["turabah", "تربة", "Turabah"],
    ["maysan", "ميسان", "Maysan"],
    ["al-muwayh", "المويه", "Al Muwayh"],
    ["adham", "أضم", "Adham"],
    ["al-ardiyat", "العرضيات", "Al Ardiyat"],
    ["bahrah", "بحرة", "Bahrah"],
];

fn both(ar: &str, en: &str) -> Both<String> {
    Both { ar: ar.to_owned(), en: en.to_owned() }
}

fn place(number: usize, [id, ar, en]: [&str; 3]) -> Governorate {
    let formal = match id {
        "makkah" => both("العاصمة المقدسة", "the Holy Capital (Makkah)"),
        _ => both(&format!("محافظة {ar}"), &format!("{en} Governorate")),
    };
    Governorate {
        id: GovernorateId::new(id).unwrap(),
        code: format!("02{:02}", number + 1),
        name: both(ar, en),
        formal,
        variants: Vec::new(),
        centres: Vec::new(),
        geocodes: Vec::new(),
        seat: Coord { x: 40.0, y: 21.0 },
        elevation_m: 0.0,
        coastal: false,
        tags: BTreeSet::new(),
        outline: MultiPolygon::new(Vec::new()),
    }
}

fn book() -> GovernorateBook {
    let bounds = Rect::new(Coord { x: 38.0, y: 18.0 }, Coord { x: 44.0, y: 24.0 });
    let list = NAMES.into_iter().enumerate().map(|(number, names)| place(number, names)).collect();
    GovernorateBook::new(both("منطقة مكة المكرمة", "Makkah Region"), bounds, list).unwrap()
}

fn source(name: &str, text: &str) -> Arc<SourceFile> {
    Arc::new(SourceFile { name: format!("config/wording/{name}.toml"), text: text.to_owned() })
}

const AR: &str = include_str!("../../config/wording/ar.toml");
const EN: &str = include_str!("../../config/wording/en.toml");

/// Compiles a wording and lists its problems as `ar.toml:12: what is wrong [help]`.
fn compile(ar: &str, en: &str) -> (Option<Wording>, Vec<String>) {
    let problems = Problems::new();
    let wording = Wording::compile(&source("ar", ar), &source("en", en), &problems).wording;
    let list = problems.into_sorted();
    let told = |problem: &crate::problem::Problem| {
        let file = problem.file.name.trim_start_matches("config/wording/");
        let help = problem.help.as_deref().map(|help| format!(" [{help}]")).unwrap_or_default();
        let marked = problem.file.text.get(problem.span.clone()).unwrap_or("?").lines().next().unwrap_or_default();
        format!("{file}:{}: {}{help} <{marked}>", problem.line(), problem.message)
    };
    (wording, list.iter().map(told).collect())
}

static SHIPPED: LazyLock<Arc<Wording>> = LazyLock::new(|| {
    let (wording, problems) = compile(AR, EN);
    assert_eq!(problems, Vec::<String>::new());
    Arc::new(wording.unwrap())
});

static BOOK: LazyLock<GovernorateBook> = LazyLock::new(book);

fn issuer(may_warn: bool) -> Issuer {
    Issuer {
        code: "MKH".to_owned(),
        name: both("إمارة منطقة مكة المكرمة", "the Emirate of Makkah Region"),
        may_warn,
        emergency_number: "911".to_owned(),
        bulletins: Some("https://example.org/b/{id}".to_owned()),
    }
}

const STYLE: Style = Style { zone: chrono_tz::Asia::Riyadh, arabic_digits: Digits::Latn, announced: Announced::NONE };

/// Who tells the bulletins here, with the names that the shipped feeds have.
fn speaker(may_warn: bool) -> Speaker {
    let sources = [
        ("metar", both("تقارير مطارات المنطقة (METAR)", "reports from the region's airports (METAR)")),
        ("ncm-cap-ar", both("المركز الوطني للأرصاد", "the National Center for Meteorology")),
        ("open-meteo", both("نماذج التنبؤ العددي (Open-Meteo)", "Open-Meteo forecast models")),
    ];
    Speaker {
        issuer: issuer(may_warn),
        style: STYLE,
        wording: Arc::clone(&SHIPPED),
        sources: sources.map(|(id, name)| (FeedId::new(id).unwrap(), name)).into(),
    }
}

/// Jeddah, where airports see and models compute.
static SCENE: LazyLock<Scene> = LazyLock::new(|| {
    let feed = |name| FeedId::new(name).unwrap();
    Scene {
        code: "MKH".to_owned(),
        zone: STYLE.zone,
        home: GovernorateId::new("jeddah").unwrap(),
        observer: feed("metar"),
        forecaster: feed("open-meteo"),
        herald: feed("ncm-cap-ar"),
    }
});

/// A moment on the clocks of Jeddah, in December 2025.
fn riyadh(day: u32, hour: u32, minute: u32) -> Timestamp {
    SCENE.at(day, hour, minute)
}

fn areas(ids: &[&str]) -> Vec<GovernorateId> {
    ids.iter().map(|id| GovernorateId::new(id).unwrap()).collect()
}

fn evidence(metric: Metric, basis: Basis, hours: i64, value: f64) -> Evidence {
    SCENE.evidence(metric, basis, TimeDelta::hours(hours), value)
}

fn automatic(change: Change, hazard: Hazard, severity: Severity) -> Bulletin {
    SCENE.automatic(change, hazard, severity)
}

fn official(change: Change, severity: Severity, words: Vec<Words>) -> Bulletin {
    SCENE.official(change, Hazard::Rain, severity, words)
}

fn text(bulletin: &Bulletin, languages: &[Language]) -> String {
    speaker(false).render(bulletin, &BOOK, Form::Text, languages).unwrap().body
}
