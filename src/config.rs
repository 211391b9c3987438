//! The configuration: the files that staff edit, read into values that cannot be wrong, or all their mistakes at once.
//!
//! The binary carries a complete configuration. A directory given with `--config` stands in front of it: each file found there
//! replaces the embedded one of the same name, its `rules/` replaces all embedded rules, and what it lacks is taken
//! from the binary. Certificates that feeds name lie beside them as `*.pem`. Reading opens no network connection and reads no secret.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

use manner::House;

use crate::feed::Surroundings;
use crate::governorate::GovernorateBook;
use crate::ids::{ChannelId, RuleId};
use crate::message::Speaker;
use crate::message::rehearsal::Rehearsal;
use crate::message::wording::{Compiled, Wording};
use crate::problem::{Problem, Problems, SourceFile, nearest};
use crate::rule::RuleBook;
use crate::table::Table;

pub mod bytes;
pub mod channels;
pub mod clocks;
mod conditions;
pub mod connection;
pub mod database;
mod defaults;
pub mod difference;
pub mod directory;
pub mod embedded;
pub mod feeds;
mod further;
pub mod keeping;
mod manner;
pub mod overrides;
pub mod places;
pub mod proof;
pub mod rules;
pub mod seasons;
pub mod selection;
pub mod settings;
pub mod stories;
pub mod threshold;
mod voices;
mod web;

pub use channels::ChannelConfig;
pub use feeds::{FeedConfig, Feeds};
pub use proof::{Proved, load_and_prove, prove_files};
pub use settings::Settings;

/// The whole configuration, without a mistake in it.
#[derive(Debug, Clone)]
pub struct Config {
    /// What `nadhir.toml` settles.
    pub settings: Settings,
    /// The governorates.
    pub governorates: Arc<GovernorateBook>,
    /// The feeds that are enabled.
    pub feeds: Vec<FeedConfig>,
    /// The feeds that are written down and not enabled: nobody is asked for them.
    pub idle: Vec<FeedConfig>,
    /// The channels that are enabled.
    pub channels: Vec<ChannelConfig>,
    /// The rules.
    pub rules: Arc<RuleBook>,
    /// The rules that staff switched off.
    pub switched_off: Vec<RuleId>,
    /// What the staff expect of the rules.
    pub stories: Vec<stories::Written>,
    /// Who speaks, how, and in which words.
    pub speaker: Speaker,
    /// Every file that was read, wherever it came from.
    pub files: Vec<Arc<SourceFile>>,
}

/// What the names of embedded files begin with when they are shown.
pub const BUILT_IN: &str = "built-in/";

/// The files of one configuration, by their names under its directory.
pub type Files = BTreeMap<String, Arc<SourceFile>>;

/// Reads the configuration of a directory, or the embedded one; the warnings come beside it.
///
/// # Errors
/// All mistakes and warnings, by file and place.
pub fn load(dir: Option<&Path>) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
    let problems = Problems::new();
    let own = dir.map(|dir| directory::read(dir, &problems)).unwrap_or_default();
    build(own, dir, problems)
}

/// Reads a configuration as [`load`] does, with the rules of another directory in place of its own: those in `rules/` there, or the
/// rule files that lie in it.
///
/// # Errors
/// All mistakes and warnings, by file and place.
pub fn load_with_rules(dir: Option<&Path>, rules: &Path) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
    let problems = Problems::new();
    let mut own = dir.map(|dir| directory::read(dir, &problems)).unwrap_or_default();
    own.retain(|name, _| !name.starts_with("rules/"));
    own.extend(directory::read_rules(rules, &problems));
    build(own, dir, problems)
}

/// Reads a configuration from memory: the names are those under a configuration directory, `feeds.toml`, `rules/rain.toml`;
/// what is not given is taken from the embedded configuration.
///
/// # Errors
/// All mistakes and warnings, by file and place.
pub fn from_files(files: BTreeMap<String, String>) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
    let problems = Problems::new();
    let own = in_memory(files, &problems);
    build(own, None, problems)
}

/// The files given from memory; one that nothing here reads is noted.
fn in_memory(files: BTreeMap<String, String>, problems: &Problems) -> Files {
    let mut own = Files::new();
    for (name, text) in files {
        let is_rule_file = name.starts_with("rules/") && name.ends_with(".toml");
        let is_certificate = name.ends_with(directory::CERTIFICATES);
        let is_read = is_rule_file || is_certificate || embedded::text(&name).is_some();
        let file = Arc::new(SourceFile { name: name.clone(), text });
        if is_read {
            own.insert(name, file);
        } else {
            let help = nearest(&name, embedded::FILES.iter().map(|(known, _)| *known));
            let help = help.map(|meant| format!("did you mean `{meant}`?"));
            problems.warning(&file, 0..0, format!("`{name}` is not read: nothing here has this name"), help);
        }
    }
    own
}

/// Puts the embedded files behind those given.
fn complete(own: Files) -> Files {
    let has_rules = own.keys().any(|name| name.starts_with("rules/"));
    let mut files: Files = embedded::FILES
        .iter()
        .filter(|(name, _)| !(has_rules && name.starts_with("rules/")))
        .map(|(name, text)| {
            let file = SourceFile { name: format!("{BUILT_IN}{name}"), text: (*text).to_owned() };
            ((*name).to_owned(), Arc::new(file))
        })
        .collect();
    files.extend(own);
    files
}

/// `dir` is where the files were found, if anywhere: relative paths of what they name begin there.
fn build(own: Files, dir: Option<&Path>, problems: Problems) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
    let config = read(&complete(own), dir, &problems).and_then(|read| read.config);
    match config {
        Some(config) if !problems.has_errors() => Ok((config, problems.into_sorted())),
        _ => Err(problems.into_sorted()),
    }
}

/// What the files say.
struct Read {
    /// None when the wording cannot be used.
    config: Option<Config>,
    /// The wording to be tried; none when who speaks, or of which places, cannot be read.
    rehearsal: Option<Rehearsal>,
}

/// Reads every file, whatever the others are like. What it returns may be used only when no error was noted.
fn read(files: &Files, dir: Option<&Path>, problems: &Problems) -> Option<Read> {
    let file = |name: &str| files.get(name);
    let settings = settings::read(file("nadhir.toml")?, problems);
    let governorates = Arc::new(places::read(file("governorates.toml")?, file("outlines.geojson")?, problems));
    let can_be_told = !problems.has_errors();
    let around = Surroundings {
        book: Arc::clone(&governorates),
        zone: settings.style.zone,
        beside: Arc::new(certificates(files)),
        is_within: false,
    };
    let Feeds { enabled: feeds, idle, is_partial } = feeds::read(file("feeds.toml")?, &around, dir, problems);
    let further = further::read(files, problems);
    let languages = further.keys().copied().collect();
    let house = House {
        zone: settings.style.zone,
        releases: &settings.releases,
        says: settings.says,
        further: languages,
        listens: settings.web.is_some(),
    };
    let channels = channels::read(file("channels.toml")?, &governorates, &house, problems);
    further::tell_unread(&further, &channels, files, problems);
    let seasons = seasons::read(file("seasons.toml")?, settings.style.zone, problems);
    let seasons = seasons.announced(settings.style.announced.clone());
    let rules::Read { rules, switched_off, stories } =
        rules::read(files, (&governorates, &seasons), (&feeds, is_partial), problems);
    let rules = RuleBook {
        code: settings.issuer.code.clone(),
        rules: rules.into(),
        seasons,
        inhibitions: settings.inhibitions.clone(),
        governorates: Arc::clone(&governorates),
        gazetteer: xxh3_64(
            format!("{}\0{}", file("governorates.toml")?.text, file("outlines.geojson")?.text).as_bytes(),
        ),
        times: settings.times.clone(),
        feeds: feeds.iter().map(|feed| (feed.id.clone(), feed.terms())).collect(),
    };
    let Compiled { wording, trial } = Wording::compile(file("wording/ar.toml")?, file("wording/en.toml")?, problems);
    let sources: BTreeMap<_, _> = feeds.iter().map(|feed| (feed.id.clone(), feed.name.clone())).collect();
    let (issuer, style) = (settings.issuer.clone(), settings.style.clone());
    let rehearsal = can_be_told.then(|| Rehearsal {
        trial,
        issuer: issuer.clone(),
        style: style.clone(),
        sources: sources.clone(),
        places: Arc::clone(&governorates),
    });
    let config = wording.map(|wording| Config {
        speaker: Speaker { issuer, style, wording: Arc::new(wording.with(further)), sources },
        settings,
        governorates,
        feeds,
        idle,
        channels,
        rules: Arc::new(rules),
        switched_off,
        stories,
        files: files.values().map(Arc::clone).collect(),
    });
    Some(Read { config, rehearsal })
}

/// The certificates that lie beside the files, for feeds to name.
fn certificates(files: &Files) -> Files {
    let lies_there = |name: &str| name.ends_with(directory::CERTIFICATES);
    files.iter().filter(|(name, _)| lies_there(name)).map(|(name, file)| (name.clone(), Arc::clone(file))).collect()
}

/// Reads `kind`, which says who reads the rest of a feed's or channel's table.
fn kind<T: Copy>(table: &Table<'_>, kinds: &[(&str, T)]) -> Option<T> {
    let example = kinds.first().map_or_else(String::new, |(name, _)| format!("\"{name}\""));
    let name = table.need_text("kind", &example, |text| Ok(text.to_owned()))?;
    Some(table.pick("kind", &name, kinds)?.value)
}

impl Config {
    /// The names of all channels that are enabled.
    pub fn channel_ids(&self) -> BTreeSet<ChannelId> {
        self.channels.iter().map(|channel| channel.listener.channel.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hazard::Severity;
    use crate::problem::Level;
    use crate::unit::Metric;
    use geo::{Area, BooleanOps, Contains, Coord, Point};

    fn shipped() -> Config {
        match load(None) {
            Ok((config, warnings)) => {
                let messages: Vec<&str> = warnings.iter().map(|warning| warning.message.as_str()).collect();
                assert!(messages.is_empty(), "{messages:?}");
                config
            }
            Err(problems) => {
                let told: Vec<String> = problems
                    .iter()
                    .map(|problem| format!("{}:{}: {}", problem.file.name, problem.line(), problem.message))
                    .collect();
                panic!("{}", told.join("\n"));
            }
        }
    }

    #[test]
    fn the_shipped_configuration_is_clean() {
        let config = shipped();
        assert_eq!(config.governorates.len(), 17);
        assert!(!config.settings.issuer.may_warn, "only the law may switch this on");
        assert_eq!(config.settings.issuer.code, config.rules.code);
        assert_eq!(config.files.len(), embedded::FILES.len());
        let hazards: Vec<&str> = rules::by_hazard(&config.rules.rules).keys().map(|hazard| hazard.name()).collect();
        assert_eq!(hazards, ["rain", "flash-flood", "thunderstorm", "wind", "dust", "fog", "heat", "cold", "sea"],);
    }

    #[test]
    fn every_file_of_the_rules_directory_is_embedded() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/rules");
        let mut found: Vec<String> = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| format!("rules/{}", entry.unwrap().file_name().to_string_lossy()))
            .collect();
        let mut carried: Vec<&str> = embedded::rule_files().collect();
        found.sort();
        carried.sort_unstable();
        assert_eq!(found, carried);
    }

    #[test]
    fn the_directory_config_reads_as_the_embedded_one() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        let (config, warnings) = load(Some(&dir)).unwrap();
        assert!(warnings.is_empty());
        assert_eq!(config.rules.rules[..], shipped().rules.rules[..]);
    }

    #[test]
    fn certificates_that_a_feed_names_lie_beside_its_file() {
        let feeds = "[x]\nkind = \"cap\"\nname = { ar = \"x\", en = \"x\" }\nurl = \"https://example.org\"\nevery = \"15min\"\n\
                     signature = { policy = \"require\", certificates = \"authority.pem\" }\n";
        let feeds = format!("{}\n{feeds}", embedded::text("feeds.toml").unwrap());
        let pem = include_str!("../tests/fixtures/signatures/authority.pem");
        let mut files =
            BTreeMap::from([("feeds.toml".to_owned(), feeds), ("authority.pem".to_owned(), pem.to_owned())]);
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in &files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        for read in [from_files(files.clone()), load(Some(dir.path()))] {
            let (config, warnings) = read.unwrap();
            assert!(warnings.is_empty(), "{warnings:?}");
            assert!(config.feeds.iter().any(|feed| feed.id.as_str() == "x"));
        }
        files.remove("authority.pem");
        let faults = from_files(files).unwrap_err();
        assert!(faults.iter().any(|fault| fault.message.contains("no file `authority.pem` lies beside feeds.toml")));
    }

    #[test]
    fn every_seat_lies_in_its_own_outline_and_in_no_other() {
        let config = shipped();
        for governorate in config.governorates.iter() {
            assert!(governorate.outline.contains(&Point::from(governorate.seat)), "{}", governorate.id);
            let found = config.governorates.at(governorate.seat).map(|found| found.id.clone());
            assert_eq!(found.as_ref(), Some(&governorate.id));
        }
    }

    #[test]
    fn the_outlines_leave_no_gap_and_do_not_overlap() {
        let config = shipped();
        let mut whole = geo::MultiPolygon::<f64>(Vec::new());
        let mut sum = 0.0;
        for governorate in config.governorates.iter() {
            sum += governorate.outline.unsigned_area();
            whole = whole.union(&governorate.outline);
        }
        assert!((whole.unsigned_area() - sum).abs() < 1e-6, "they overlap: {} {sum}", whole.unsigned_area());
        let holes: f64 = whole
            .iter()
            .flat_map(geo::Polygon::interiors)
            .map(|hole| geo::Polygon::new(hole.clone(), vec![]).unsigned_area())
            .sum();
        assert!(holes < 1e-6, "they leave gaps of {holes} square degrees");
        assert_eq!(whole.0.len(), 1);
    }

    #[test]
    fn a_place_of_the_region_is_found_and_a_swapped_or_foreign_one_is_not() {
        let book = shipped().governorates;
        let at = |lat, lon| book.at(Coord { x: lon, y: lat }).map(|found| found.id.to_string());
        assert_eq!(at(21.4225, 39.8262).as_deref(), Some("makkah"));
        assert_eq!(at(21.485, 39.19).as_deref(), Some("jeddah"));
        assert_eq!(at(39.8262, 21.4225), None);
        assert_eq!(at(24.71, 46.67), None);
    }

    #[test]
    fn names_as_feeds_write_them_find_their_governorate() {
        let book = shipped().governorates;
        for (name, id) in [
            ("العاصمة المقدسة", "makkah"),
            ("مكه", "makkah"),
            ("محافظة جده", "jeddah"),
            ("Jiddah", "jeddah"),
            ("اضم", "adham"),
            ("الطايف", "taif"),
            ("القنفذه", "al-qunfudhah"),
            ("الشعيبة", "bahrah"),
            ("الهدا", "taif"),
            ("عسفان", "al-jumum"),
            ("رهاط", "al-jumum"),
            ("هدى الشام", "al-jumum"),
            ("عشيرة", "taif"),
            ("بني يزيد", "al-lith"),
        ] {
            assert_eq!(book.named(name).map(|found| found.id.to_string()).as_deref(), Some(id), "{name}");
        }
        for nobody in ["منطقة مكة المكرمة", "Adam", "الرياض", "الغريف", ""] {
            assert!(book.named(nobody).is_none(), "{nobody}");
        }
    }

    #[test]
    fn every_place_of_the_collected_warnings_is_found() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/messages/warnings_real.tsv");
        // A fresh clone has not the collection; the names above are from it.
        let Ok(text) = std::fs::read_to_string(path) else { return };
        let book = shipped().governorates;
        let areas = text.lines().skip(1).filter_map(|line| line.split('\t').nth(3));
        let lost: Vec<&str> = areas
            .flat_map(|areas| areas.split('،'))
            .map(|name| name.split('(').next().unwrap_or("").trim())
            .filter(|name| !name.is_empty() && book.named(name).is_none())
            .collect();
        assert!(lost.is_empty(), "{lost:?}");
    }

    #[test]
    fn no_centre_carries_the_name_of_another_governorate() {
        let book = shipped().governorates;
        for governorate in book.iter() {
            for centre in &governorate.centres {
                if let Some(found) = book.named(centre) {
                    assert_eq!(found.id, governorate.id, "{centre}");
                }
            }
        }
    }

    #[test]
    fn every_rule_of_the_house_awaits_its_meteorologist_and_names_its_source() {
        for rule in &shipped().rules.rules {
            assert!(rule.signed_off_by.is_none(), "{}", rule.id);
            assert!(!rule.source.is_empty(), "{}", rule.id);
            for threshold in &rule.thresholds {
                let is_calm = match rule.direction {
                    crate::rule::Direction::AtLeast => threshold.clear <= threshold.raise,
                    crate::rule::Direction::AtMost => threshold.raise <= threshold.clear,
                };
                assert!(is_calm, "{}: {threshold:?}", rule.id);
            }
        }
    }

    #[test]
    fn a_model_alone_never_gives_red_in_the_shipped_rules() {
        for rule in &shipped().rules.rules {
            assert!(rule.highest_from_forecast <= Severity::Orange, "{}", rule.id);
        }
    }

    #[test]
    fn coastal_rules_hold_on_the_coast_and_cold_in_the_highlands_only() {
        let config = shipped();
        let places = |id: &str| {
            let rule = config.rules.rules.iter().find(|rule| rule.id.as_str() == id).unwrap();
            rule.governorates.iter().map(crate::ids::GovernorateId::as_str).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(places("sea-waves"), "al-lith al-qunfudhah bahrah jeddah rabigh");
        assert_eq!(places("cold-highland"), "maysan taif");
        assert_eq!(places("heat-highland"), "maysan taif");
        assert!(!places("heat-lowland").contains("taif"));
    }

    #[test]
    fn given_rules_stand_in_for_all_the_built_in_ones() {
        let rule = "[only]\nhazard = \"rain\"\nmetric = \"precipitation\"\nwindow = { sum = \"1h\" }\n\
                    at_least = { yellow = \"10 mm\" }\nsource = \"a test\"\n";
        let files = BTreeMap::from([("rules/own.toml".to_owned(), rule.to_owned())]);
        let (config, _) = from_files(files).unwrap();
        let [only] = &config.rules.rules[..] else { panic!("{:?}", config.rules.rules) };
        assert_eq!(only.id.as_str(), "only");
        assert_eq!(only.metric, Metric::Precipitation);
        assert_eq!(only.governorates.len(), 17);
        assert!((only.thresholds[0].clear - 9.0).abs() < 1e-9);
        assert_eq!(config.feeds.len(), shipped().feeds.len());
    }

    #[test]
    fn a_directory_that_is_not_there_is_a_mistake_and_never_the_built_in_configuration() {
        let dir = tempfile::tempdir().unwrap();
        let problems = load(Some(&dir.path().join("nowhere"))).unwrap_err();
        assert!(problems.iter().any(|problem| problem.level == Level::Error));
    }

    #[test]
    fn a_file_in_memory_that_nothing_reads_is_warned_of() {
        let (_, warnings) = from_files(BTreeMap::from([("feed.toml".to_owned(), String::new())])).unwrap();
        let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
        assert_eq!(warning.help.as_deref(), Some("did you mean `feeds.toml`?"));
    }

    #[test]
    fn too_many_rule_files_are_refused_and_not_half_read() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("rules")).unwrap();
        for number in 0..=directory::MAX_RULE_FILES {
            std::fs::write(dir.path().join(format!("rules/{number}.toml")), "# no rule\n").unwrap();
        }
        let problems = load(Some(dir.path())).unwrap_err();
        assert!(problems.iter().any(|problem| problem.message == "more than 200 files in rules/"));
    }

    #[test]
    fn a_directory_without_a_configuration_is_warned_of() {
        let dir = tempfile::tempdir().unwrap();
        let (_, warnings) = load(Some(dir.path())).unwrap();
        let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
        assert_eq!(warning.message, "no file of a configuration lies here");
    }

    #[test]
    fn what_lies_wrong_in_a_directory_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
        write("feed.toml", b"");
        write("rules.toml", b"");
        write(".hidden", b"");
        write("README.md", b"");
        write("channels.toml", b"[a]\nkind = \"\xff\"\n");
        write("nadhir.toml", &vec![b'#'; 1 + (1 << 20)]);
        std::fs::create_dir(dir.path().join("rules")).unwrap();
        write("rules/rain.tml", b"");
        let problems = load(Some(dir.path())).unwrap_err();
        let told: Vec<String> = problems
            .iter()
            .map(|problem| {
                let name = Path::new(&problem.file.name).strip_prefix(dir.path()).unwrap().display().to_string();
                format!("{name}: {} [{}]", problem.message, problem.help.as_deref().unwrap_or(""))
            })
            .collect();
        assert_eq!(
            told,
            [
                "channels.toml: the file is not UTF-8 (line 2): save it as UTF-8 []",
                "feed.toml: `feed.toml` is not read: nothing here has this name [did you mean `feeds.toml`?]",
                "nadhir.toml: the file is larger than 1 MiB []",
                "rules: the directory has no rule file: nothing would be warned of [put a rule file there, or remove \
                 the directory to use the built-in rules]",
                "rules.toml: `rules.toml` is not read: nothing here has this name [did you mean `rules`?]",
                "rules/rain.tml: `rain.tml` is not read: nothing here has this name [did you mean `rain.toml`?]",
            ],
        );
    }

    #[test]
    fn two_channels_do_not_share_one_file() {
        let channels = |second: &str| {
            let text = format!(
                "[a]\nkind = \"file\"\naudience = \"staff\"\npath = \"said.jsonl\"\n\n\
                 [b]\nkind = \"file\"\naudience = \"staff\"\n{second}\n"
            );
            from_files(BTreeMap::from([("channels.toml".to_owned(), text)]))
        };
        for same in ["path = \"said.jsonl\"", "path = \"./said.jsonl\"", "path = \".//said.jsonl\""] {
            let problems = channels(same).unwrap_err();
            assert_eq!((problems.len(), problems[0].line()), (1, 6), "{problems:?}");
            assert_eq!(problems[0].message, "`a` and `b` write to the same file");
        }
        assert!(channels("path = \"other.jsonl\"").is_ok());
        assert!(channels("path = \"said.jsonl\"\nenabled = false").is_ok());
    }

    #[test]
    fn a_link_to_rules_that_leads_nowhere_does_not_bring_the_built_in_ones_back() {
        for name in ["rules", "wording"] {
            for target in ["missing", name] {
                let dir = tempfile::tempdir().unwrap();
                std::os::unix::fs::symlink(dir.path().join(target), dir.path().join(name)).unwrap();
                let problems = load(Some(dir.path())).unwrap_err();
                assert!(problems[0].message.contains("not a directory that can be read"), "{problems:?}");
            }
        }
    }

    #[test]
    fn a_rule_that_would_always_or_never_warn_is_a_mistake() {
        let mistakes = |at_least: &str, also: &str| -> Vec<String> {
            let text = format!(
                "[r]\nhazard = \"rain\"\nmetric = \"precipitation\"\nwindow = {{ sum = \"1h\" }}\nsource = \"a test\"\n\
                 at_least = {{ yellow = \"{at_least}\" }}\n\
                 also = [{{ metric = \"humidity\", window = {{ max = \"1h\" }}, at_least = \"{also}\" }}]\n"
            );
            let read = from_files(BTreeMap::from([("rules/r.toml".to_owned(), text)]));
            let problems = read.map_or_else(|problems| problems, |(_, warnings)| warnings);
            problems.into_iter().filter(|one| one.level == Level::Error).map(|one| one.message).collect()
        };
        assert_eq!(mistakes("10 mm", "80 %"), Vec::<String>::new());
        assert_eq!(mistakes("0 mm", "80 %"), ["`yellow`: 0 mm is no threshold of precipitation"]);
        assert_eq!(mistakes("10 mm", "140 %"), ["`at_least`: 140 % is no possible humidity"]);
    }
}
