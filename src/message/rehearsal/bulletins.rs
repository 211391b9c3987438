//! Every bulletin that a rehearsal tells: each hazard at each severity with each change, by the rules and by an authority. What else
//! can be otherwise (places, times, silence, drills, evidence, which words the authority gave) takes turns, so that each is met with
//! each hazard.
//!
//! All of it is made up, and carries a number that no warning ever has.

use chrono::TimeZone;
use chrono_tz::Tz;

use crate::alert::{Identity, Status, Words};
use crate::bulletin::{Bulletin, ByHand, Change, Evidence, Origin, Reach, Reason};
use crate::governorate::GovernorateBook;
use crate::hazard::{Hazard, Severity};
use crate::ids::{BulletinId, FeedId, GovernorateId, RuleId};
use crate::language::Both;
use crate::reading::Basis;
use crate::rule::Statistic;
use crate::time::{TimeDelta, Timestamp};
use crate::unit::Metric;

/// What bulletins are made of.
#[derive(Debug, Clone)]
pub(in crate::message) struct Scene {
    /// The prefix of bulletin numbers.
    pub(in crate::message) code: String,
    /// The zone in which times are told.
    pub(in crate::message) zone: Tz,
    /// Where most of it happens.
    pub(in crate::message) home: GovernorateId,
    /// Who sees it.
    pub(in crate::message) observer: FeedId,
    /// Who computes it.
    pub(in crate::message) forecaster: FeedId,
    /// By which feed authorities are heard.
    pub(in crate::message) herald: FeedId,
}

/// Who observes, who forecasts and who warns in the configuration that comes with the program.
const OBSERVER: &str = "metar";
const FORECASTER: &str = "open-meteo";
const HERALD: &str = "ncm-cap-ar";

impl Scene {
    /// A scene in a configuration: in its first governorate that is called one; by the feeds that readers know, where it names them, else by
    /// others of it.
    pub(in crate::message) fn of<'f>(
        code: &str,
        zone: Tz,
        places: &GovernorateBook,
        feeds: impl Iterator<Item = &'f FeedId>,
    ) -> Self {
        let usual = places.iter().find(|place| place.formal.ar != place.name.ar).or_else(|| places.iter().next());
        let home = usual.map(|place| place.id.clone());
        let (known, others): (Vec<&FeedId>, Vec<&FeedId>) =
            feeds.partition(|feed| [OBSERVER, FORECASTER, HERALD].contains(&feed.as_str()));
        let mut others = others.into_iter();
        let mut feed = |usual: &str| {
            let usual = known.iter().copied().find(|feed| feed.as_str() == usual);
            let named = usual.or_else(|| others.next()).cloned();
            named.unwrap_or_else(|| FeedId::new("a-feed").expect("it is a name"))
        };
        Self {
            code: code.to_owned(),
            zone,
            home: home.unwrap_or_else(|| GovernorateId::new("nowhere").expect("it is a name")),
            observer: feed(OBSERVER),
            forecaster: feed(FORECASTER),
            herald: feed(HERALD),
        }
    }

    /// A moment of December 2025 on the clocks of the zone.
    pub(in crate::message) fn at(&self, day: u32, hour: u32, minute: u32) -> Timestamp {
        let moment = self.zone.with_ymd_and_hms(2025, 12, day, hour, minute, 0).earliest();
        moment.map(|moment| moment.to_utc()).unwrap_or_default()
    }

    /// A value of a rule.
    pub(in crate::message) fn evidence(&self, metric: Metric, basis: Basis, window: TimeDelta, value: f64) -> Evidence {
        let is_seen = basis == Basis::Observed;
        Evidence {
            rule: RuleId::new("a-rule").expect("it is a name"),
            governorate: self.home.clone(),
            metric,
            basis,
            statistic: if metric == Metric::Precipitation { Statistic::Sum } else { Statistic::Max },
            window,
            at: self.at(9, 3, 0),
            value,
            threshold: value / 2.0,
            feed: if is_seen { self.observer.clone() } else { self.forecaster.clone() },
            station: is_seen.then(|| "OEJN".to_owned()),
        }
    }

    /// Why it is taken back, when it is: each reason in its turn.
    fn reason(change: Change, hazard: Hazard, severity: Severity) -> Option<Reason> {
        let turn = hazard as usize * Severity::ALL.len() + severity as usize;
        Reason::ALL.get(turn % Reason::ALL.len()).copied().filter(|_| change == Change::Corrected)
    }

    /// A bulletin of the rules; an end has no evidence.
    pub(in crate::message) fn automatic(&self, change: Change, hazard: Hazard, severity: Severity) -> Bulletin {
        let is_first = change == Change::Issued;
        let number = format!("{}-2025-000012", self.code);
        let edition = if is_first { 1 } else { 3 };
        let rain = |basis, hours, value| self.evidence(Metric::Precipitation, basis, TimeDelta::hours(hours), value);
        let forecast = || rain(Basis::Forecast, 6, 28.0);
        let evidence = match change {
            Change::Lifted | Change::Expired | Change::Corrected => Vec::new(),
            Change::Issued => vec![forecast()],
            Change::Raised | Change::Lowered | Change::Extended | Change::Updated => {
                vec![forecast(), rain(Basis::Observed, 3, 51.04)]
            }
        };
        Bulletin {
            id: BulletinId::new(&number, edition),
            replaces: if is_first { Vec::new() } else { vec![BulletinId::new(&number, 2)] },
            edition,
            change,
            status: Status::Actual,
            hazard,
            severity,
            was: None,
            reach: Reach::new(hazard, severity),
            areas: vec![self.home.clone()],
            left: Vec::new(),
            doubtful: Vec::new(),
            parted: Vec::new(),
            same_since: None,
            issued: if is_first { self.at(8, 22, 10) } else { self.at(9, 3, 5) },
            onset: self.at(9, 1, 0),
            until: self.at(9, 13, 0),
            stale_after: self.at(9, 13, 0),
            silent_since: None,
            by_hand: ByHand { reason: Self::reason(change, hazard, severity), ..ByHand::default() },
            only_in: Vec::new(),
            origin: Origin::Automatic { evidence },
            number,
        }
    }

    /// A bulletin of the people on duty, with remarks where there is room for them.
    pub(in crate::message) fn by_hand(&self, change: Change, hazard: Hazard, severity: Severity) -> Bulletin {
        let told = self.automatic(change, hazard, severity);
        let remarks = match severity {
            Severity::Advisory | Severity::Orange => None,
            Severity::Yellow | Severity::Red => Some(Both {
                ar: "أُغلق نفق طريق الحرمين احترازيًا.".to_owned(),
                en: "The tunnel of Haramain Road is closed as a precaution.".to_owned(),
            }),
        };
        let by_hand = ByHand { remarks, ..told.by_hand };
        Bulletin { origin: Origin::Desk, by_hand, ..told }
    }

    /// A bulletin of an authority in these words.
    pub(in crate::message) fn official(
        &self,
        change: Change,
        hazard: Hazard,
        severity: Severity,
        words: Vec<Words>,
    ) -> Bulletin {
        let identity = Identity {
            sender: "cap@ncm.gov.sa".to_owned(),
            identifier: "2.49.0.1.682.0.2025.12.9".to_owned(),
            sent: self.at(8, 22, 0),
        };
        Bulletin {
            origin: Origin::Official { feed: self.herald.clone(), identity, words },
            ..self.automatic(change, hazard, severity)
        }
    }
}

/// The words of an authority in one language: its name, a headline, a description and what to do.
pub(in crate::message) fn words(language: &str, texts: [&str; 4]) -> Words {
    let [sender, headline, description, instruction] = texts.map(|text| Some(text.to_owned()));
    Words {
        language: language.to_owned(),
        event: "Rain".to_owned(),
        headline,
        description,
        instruction,
        sender_name: sender,
        web: None,
    }
}

/// Words in the manner of an authority, in both languages.
pub(in crate::message) fn words_in_both() -> Vec<Words> {
    vec![
        words(
            "ar-SA",
            [
                "المركز الوطني للأرصاد",
                "إنذار أحمر على محافظة جدة",
                "أمطار غزيرة تستمر حتى الساعة الواحدة ظهرًا.\nالتأثيرات: جريان السيول.",
                "اتباع تعليمات الدفاع المدني.",
            ],
        ),
        words(
            "en",
            [
                "National Center for Meteorology",
                "Red alert for Jeddah",
                "Heavy rain until 1 pm.\nEffects: flash floods.",
                "Follow the instructions of Civil Defence.",
            ],
        ),
    ]
}

/// What an authority may have given: both languages, one, another, words without texts, or nothing.
pub(in crate::message) fn every_words() -> Vec<Vec<Words>> {
    let both = words_in_both();
    let bare = Words { language: "en-US".to_owned(), event: "Rain".to_owned(), ..Words::default() };
    let turkish = words("tr", ["Meteoroloji", "Kırmızı uyarı", "Şiddetli yağış.", "Dikkatli olun."]);
    let each = both.iter().map(|one| vec![one.clone()]);
    std::iter::once(both.clone()).chain(each).chain([vec![turkish], vec![bare], Vec::new()]).collect()
}

/// Values in the unit that the public reads: every plural of both languages, a fraction, and what is out of the ordinary.
const VALUES: [f64; 9] = [0.0, 1.0, 2.0, 3.0, 11.0, 100.0, 47.26, 99_999.0, -2.0];

/// Codes of the weather (WMO 4677) of each kind that is told apart, and one of none.
const CODES: [f64; 5] = [45.0, 7.0, 65.0, 95.0, 0.0];

/// Windows in minutes: every plural of minutes, hours and days, as far as a rule or a limit can have them.
const WINDOWS: [i64; 13] = [1, 2, 5, 11, 100, 60, 120, 180, 11 * 60, 100 * 60, 2 * 1440, 3 * 1440, 11 * 1440];

/// How many values a bulletin rests on here.
const AT_ONCE: usize = 3;

/// Every metric, seen and computed, as it is, as a mean and as a rate, at values of every kind.
fn every_evidence(scene: &Scene) -> Vec<Evidence> {
    let mut all = Vec::new();
    let mut windows = WINDOWS.iter().copied().cycle();
    for (turn, value) in VALUES.into_iter().enumerate() {
        for metric in Metric::ALL {
            let value = match metric {
                Metric::WeatherCode => CODES.get(turn % CODES.len()).copied().unwrap_or_default(),
                _ => metric.public_unit().to_canonical(value),
            };
            for basis in [Basis::Observed, Basis::Forecast] {
                let mut usual = || {
                    let window = TimeDelta::minutes(windows.next().unwrap_or(1));
                    scene.evidence(*metric, basis, window, value)
                };
                let mean = Evidence { statistic: Statistic::Mean, ..usual() };
                let rate = Evidence { statistic: Statistic::Rate, ..usual() };
                all.extend([usual(), mean, rate]);
            }
        }
    }
    all
}

/// Where: one place, that which is not counted among the governorates, several with it and without, all, and one that nobody knows.
fn every_areas(scene: &Scene, places: &GovernorateBook) -> Vec<Vec<GovernorateId>> {
    let all: Vec<GovernorateId> = places.iter().map(|place| place.id.clone()).collect();
    let unknown = GovernorateId::new("atlantis").expect("it is a name");
    let few = |count: usize| all.iter().take(count).cloned().collect::<Vec<_>>();
    let but_first: Vec<_> = all.iter().skip(1).cloned().collect();
    let mut areas: Vec<Vec<GovernorateId>> = all.iter().map(|one| vec![one.clone()]).collect();
    let several = [few(2), few(4), but_first.iter().take(2).cloned().collect(), but_first, all];
    areas.extend(several);
    areas.push(vec![scene.home.clone(), unknown]);
    areas.retain(|areas| !areas.is_empty());
    areas
}

/// What takes turns beside the places.
fn varied(scene: &Scene, turn: usize, told: Bulletin, other: &GovernorateId) -> Bulletin {
    let at = |day, hour, minute| scene.at(day, hour, minute);
    let (onset, until) = match turn % 5 {
        0 => (told.onset, told.until),
        1 => (at(9, 18, 0), at(10, 1, 30)),
        2 => (at(9, 0, 0), at(10, 0, 0)),
        3 => (at(9, 12, 0), at(10, 0, 0)),
        _ => (at(9, 0, 0), at(11, 0, 0)),
    };
    let status = match turn % 7 {
        0..3 => Status::Actual,
        3 => Status::Exercise,
        4 => Status::System,
        5 => Status::Test,
        _ => Status::Draft,
    };
    let place = || vec![other.clone()];
    let replaces =
        if turn.is_multiple_of(3) { vec![BulletinId::new("OLD-2025-000009", 1)] } else { told.replaces.clone() };
    Bulletin {
        onset,
        until,
        stale_after: until,
        status,
        replaces,
        silent_since: (turn % 4 == 1).then(|| at(8, 21, 0)),
        left: if turn % 4 == 2 { place() } else { Vec::new() },
        doubtful: if turn % 4 == 3 { place() } else { Vec::new() },
        parted: if turn.is_multiple_of(4) { place() } else { Vec::new() },
        ..told
    }
}

/// Who speaks, in a rehearsal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::message) enum Voice {
    /// The issuer as it is configured.
    Usual,
    /// The same as if it might warn, or as if it might not.
    Other,
}

/// Shows every bulletin, with who speaks and a few words on what it tells of.
pub(in crate::message) fn every(scene: &Scene, places: &GovernorateBook, mut look: impl FnMut(&Bulletin, Voice, &str)) {
    let (areas, evidence, words) = (every_areas(scene, places), every_evidence(scene), every_words());
    let mut evidence = evidence.chunks(AT_ONCE).cycle();
    let (mut areas, mut words) = (areas.iter().cycle(), words.iter().cycle());
    let other = places.iter().last().map_or_else(|| scene.home.clone(), |place| place.id.clone());
    let mut turn = 0;
    for hazard in Hazard::ALL {
        for severity in Severity::ALL {
            for change in Change::ALL {
                let story = format!("{hazard}, {severity}, {}", change.name());
                let plain = scene.automatic(*change, *hazard, *severity);
                look(&plain, Voice::Usual, &story);
                let mut show = |told: Bulletin, voice, story: &str| {
                    turn += 1;
                    let areas = areas.next().cloned().unwrap_or_default();
                    look(&varied(scene, turn, Bulletin { areas, ..told }, &other), voice, story);
                };
                for voice in [Voice::Usual, Voice::Other] {
                    let evidence = if change.is_end() { Vec::new() } else { evidence.next().unwrap_or(&[]).to_vec() };
                    let told = Bulletin { origin: Origin::Automatic { evidence }, ..plain.clone() };
                    show(told, voice, &story);
                }
                for voice in [Voice::Usual, Voice::Other] {
                    show(scene.by_hand(*change, *hazard, *severity), voice, &format!("{story} by hand"));
                }
                for words in words.by_ref().take(2) {
                    let told = scene.official(*change, *hazard, *severity, words.clone());
                    show(told, Voice::Usual, &format!("{story} by an authority"));
                }
            }
        }
    }
}
