//! The truth: what weather there really was, as events that somebody wrote down with their source. As TOML, times in `zone`:
//! ```text
//! zone = "Asia/Riyadh"
//! hazards = ["rain", "wind"]              # of which it speaks; left out: those of its events
//! [[event]]
//! governorate = ["jeddah", "makkah"]      # or one, or "all"
//! hazard = "rain"
//! from = "2022-11-24T08:00"
//! to = "2022-11-24T14:00"
//! level = "red"                           # yellow, orange or red; left out: bad enough for some warning
//! source = "NCM: 179 mm in 6 h"
//! ```
//! or as CSV with these names as columns, several governorates with a blank between. Or it is what an authority warned of
//! ([`official`]). A hazard of which it does not speak is not scored: that nobody wrote down a storm is no proof that there was none.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use chrono_tz::Tz;
use csv::{ReaderBuilder, StringRecord};

use super::archive::Note;
use crate::feed::values::{self, shown};
use crate::governorate::GovernorateBook;
use crate::hazard::{Hazard, Severity};
use crate::ids::GovernorateId;
use crate::problem::{Problems, SourceFile, advice};
use crate::table::{Found, Table, read_file};
use crate::time::{TimeDelta, Timestamp, span_text};

pub mod official;

/// The most events of one file.
pub const MAX_EVENTS: usize = 20_000;

/// The longest event.
pub const MAX_EVENT: TimeDelta = TimeDelta::days(31);

/// The word for every governorate.
pub const ALL: &str = "all";

/// Something that was so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrueEvent {
    /// Of what.
    pub hazard: Hazard,
    /// Where.
    pub governorate: GovernorateId,
    /// When it began.
    pub from: Timestamp,
    /// When it ended.
    pub to: Timestamp,
    /// How bad it was at its worst; none when nobody says more than that a warning was due.
    pub level: Option<Severity>,
    /// When it was worse than yellow and for how long, by level, where that is known to be another time; the last is that of `level`.
    pub worse: BTreeMap<Severity, Spell>,
    /// Who says so.
    pub source: String,
}

/// From when on, and until when.
pub type Spell = (Timestamp, Timestamp);

impl TrueEvent {
    /// When it was so bad or worse, from first to last; none when it never was. Without a level it counts at yellow, the mildest.
    pub fn spell(&self, level: Severity) -> Option<Spell> {
        let is_so_bad = level <= self.level.unwrap_or(Severity::Yellow);
        is_so_bad.then(|| self.worse.get(&level).copied().unwrap_or((self.from, self.to)))
    }
}

/// What is known to have been so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Truth {
    /// The events, in order, each once.
    pub events: Vec<TrueEvent>,
    /// The hazards of which all events are meant to be there.
    pub hazards: BTreeSet<Hazard>,
    /// What was passed over, and what else whoever reads the scores should know of it.
    pub notes: Vec<Note>,
}

impl Truth {
    /// Adds what somebody else knows.
    pub fn absorb(&mut self, other: Self) {
        self.events.extend(other.events);
        self.events.sort();
        self.events.dedup();
        self.hazards.extend(other.hazards);
        self.notes.extend(other.notes);
    }
}

/// What a truth is read with.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// The governorates.
    pub book: &'a GovernorateBook,
    /// The zone of times that do not say theirs.
    pub zone: Tz,
}

/// One event as written: each part with its place in the file.
#[derive(Debug, Default)]
struct Written {
    governorates: Vec<Found<String>>,
    hazard: Option<Found<String>>,
    from: Option<Found<String>>,
    to: Option<Found<String>>,
    level: Option<Found<String>>,
    source: String,
}

/// Reads a file of events. What it returns may be used only when no error was noted.
pub fn read(file: &Arc<SourceFile>, around: Around<'_>, problems: &Problems) -> Truth {
    let (events, mut hazards) = if file.name.ends_with(".csv") {
        (from_csv(file, around, problems), BTreeSet::new())
    } else {
        read_file(file, problems, |table| from_toml(file, table, around, problems))
    };
    hazards.extend(events.iter().map(|event| event.hazard));
    if hazards.is_empty() && !problems.has_errors() {
        let help = "add `[[event]]` with governorate, hazard, from and to, or `hazards` if there was none".to_owned();
        problems.error(file, 0..0, "there is no event", Some(help));
    }
    if MAX_EVENTS < events.len() {
        problems.error(file, 0..0, format!("there are more than {MAX_EVENTS} events"), None);
    }
    let mut truth = Truth::default();
    truth.absorb(Truth { events, hazards, notes: Vec::new() });
    truth
}

fn from_toml(
    file: &Arc<SourceFile>,
    table: Table<'_>,
    mut around: Around<'_>,
    problems: &Problems,
) -> (Vec<TrueEvent>, BTreeSet<Hazard>) {
    let zone = table.text("zone", |text| {
        text.parse::<Tz>().map_err(|_| format!("`{text}` is not a time zone, such as `Asia/Riyadh`"))
    });
    around.zone = zone.map_or(around.zone, |found| found.value);
    let names: Vec<(&str, Hazard)> = Hazard::ALL.iter().map(|hazard| (hazard.name(), *hazard)).collect();
    let named = if table.has("hazards") { table.texts("hazards").unwrap_or_default() } else { Vec::new() };
    let hazards =
        named.iter().filter_map(|found| table.pick("hazards", found, &names)).map(|found| found.value).collect();
    let mut events = Vec::new();
    for event in table.tables("event") {
        let text = |key: &'static str, example: &str| event.need_text(key, example, |text| Ok(text.to_owned()));
        let is_list = event.get("governorate", |value| Ok(value.as_array().is_some())).is_some_and(|found| found.value);
        let governorates = match (event.has("governorate"), is_list) {
            (true, true) => event.texts("governorate").unwrap_or_default(),
            (true, false) => event.text("governorate", |text| Ok(text.to_owned())).into_iter().collect(),
            (false, _) => {
                event.missing("governorate", "\"jeddah\"");
                Vec::new()
            }
        };
        let written = Written {
            governorates,
            hazard: text("hazard", "\"rain\""),
            from: text("from", "\"2022-11-24T08:00\""),
            to: text("to", "\"2022-11-24T14:00\""),
            level: event.text("level", |text| Ok(text.to_owned())),
            source: event
                .text("source", |text| Ok(text.trim().to_owned()))
                .map(|found| found.value)
                .unwrap_or_default(),
        };
        event.finish();
        meant(file, &written, around, problems, &mut events);
    }
    table.finish();
    (events, hazards)
}

fn from_csv(file: &Arc<SourceFile>, around: Around<'_>, problems: &Problems) -> Vec<TrueEvent> {
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file.text.as_bytes());
    let mut record = StringRecord::new();
    let mut header: Vec<String> = Vec::new();
    let mut events = Vec::new();
    loop {
        let start = usize::try_from(reader.position().byte()).unwrap_or_default();
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return events,
            Err(why) => problems.error(file, start..start, format!("not a table: {why}"), None),
        }
        let end = usize::try_from(reader.position().byte()).unwrap_or_default();
        let line = line_within(&file.text, start..end);
        if header.is_empty() {
            header = record.iter().map(|cell| cell.trim().trim_start_matches('\u{feff}').to_owned()).collect();
            let known = ["governorate", "hazard", "from", "to", "level", "source"];
            for name in header.iter().filter(|name| !known.contains(&name.as_str())) {
                problems.error(file, line.clone(), format!("unknown column `{}`", shown(name)), advice(name, &known));
            }
            for name in known.iter().take(4).filter(|name| !header.iter().any(|known| known == *name)) {
                problems.error(file, line.clone(), format!("the column `{name}` is missing"), None);
            }
            if problems.has_errors() {
                return events;
            }
            continue;
        }
        let cell = |name: &str| {
            let place = header.iter().position(|known| known == name)?;
            let text = record.get(place)?.trim().to_owned();
            (!text.is_empty()).then(|| Found { value: text, span: line.clone() })
        };
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let governorates = cell("governorate").map(|found| found.value).unwrap_or_default();
        let names = governorates.split_whitespace();
        let written = Written {
            governorates: names.map(|name| Found { value: name.to_owned(), span: line.clone() }).collect(),
            hazard: cell("hazard"),
            from: cell("from"),
            to: cell("to"),
            level: cell("level"),
            source: cell("source").map(|found| found.value).unwrap_or_default(),
        };
        for (name, is_there) in [
            ("governorate", !written.governorates.is_empty()),
            ("hazard", written.hazard.is_some()),
            ("from", written.from.is_some()),
            ("to", written.to.is_some()),
        ] {
            if !is_there {
                problems.error(file, line.clone(), format!("`{name}` is empty"), None);
            }
        }
        meant(file, &written, around, problems, &mut events);
    }
}

/// The line within a span, without the break at its end.
fn line_within(text: &str, span: Range<usize>) -> Range<usize> {
    let line = text.get(span.clone()).unwrap_or_default();
    let start = span.start + (line.len() - line.trim_start().len());
    start..start + line.trim().len()
}

/// Understands one event and adds it for each of its governorates; every mistake in it is noted.
fn meant(
    file: &Arc<SourceFile>,
    written: &Written,
    around: Around<'_>,
    problems: &Problems,
    into: &mut Vec<TrueEvent>,
) {
    let error =
        |span: &Range<usize>, message: String, help: Option<String>| problems.error(file, span.clone(), message, help);
    let hazard = written.hazard.as_ref().and_then(|found| {
        let names: Vec<&str> = Hazard::ALL.iter().copied().map(Hazard::name).collect();
        Hazard::parse(&found.value).or_else(|| {
            error(&found.span, format!("`{}` is not a hazard", shown(&found.value)), advice(&found.value, &names));
            None
        })
    });
    let level = written.level.as_ref().map(|found| {
        let names: Vec<&str> = Severity::OF_RULES.into_iter().map(Severity::name).collect();
        let level = Severity::parse(&found.value).filter(|level| Severity::OF_RULES.contains(level));
        if level.is_none() {
            error(&found.span, format!("`{}` is not a level", shown(&found.value)), advice(&found.value, &names));
        }
        level
    });
    let moment = |found: &Option<Found<String>>| {
        let found = found.as_ref()?;
        moment(&found.value, around.zone).map_err(|why| error(&found.span, why, None)).ok()
    };
    let (from, to) = (moment(&written.from), moment(&written.to));
    if let (Some(from), Some(to), Some(found)) = (from, to, &written.to) {
        if to <= from {
            error(&found.span, "the event ends before it begins".to_owned(), Some("swap `from` and `to`".to_owned()));
        } else if MAX_EVENT < to - from {
            let help = Some("write one event for each time that a warning would have been due".to_owned());
            error(&found.span, format!("the event lasts longer than {}", span_text(MAX_EVENT)), help);
        }
    }
    let mut places = Vec::new();
    for found in &written.governorates {
        if found.value == ALL {
            places.extend(around.book.iter().map(|place| place.id.clone()));
            continue;
        }
        let by_id = GovernorateId::new(&found.value).ok().and_then(|id| around.book.get(&id));
        match by_id.or_else(|| around.book.named(&found.value)) {
            Some(place) => places.push(place.id.clone()),
            None => {
                let known: Vec<&str> = around.book.iter().map(|place| place.id.as_str()).chain([ALL]).collect();
                let message = format!("`{}` is not a governorate of the configuration", shown(&found.value));
                error(&found.span, message, advice(&found.value, &known));
            }
        }
    }
    let (Some(hazard), Some(from), Some(to)) = (hazard, from, to) else { return };
    for governorate in places {
        let (level, source) = (level.flatten(), written.source.clone());
        into.push(TrueEvent { hazard, governorate, from, to, level, worse: BTreeMap::new(), source });
    }
}

/// A moment as people write it: with an offset, or in a zone.
///
/// # Errors
/// A sentence that says what to write instead.
pub fn moment(text: &str, zone: Tz) -> Result<Timestamp, String> {
    let wrong = || format!("`{}` is not a time: write it like `2022-11-24T08:00` or `2022-11-24T05:00Z`", shown(text));
    // Midnight may be left out.
    let whole = if text.trim().len() == 10 { format!("{}T00:00", text.trim()) } else { text.trim().to_owned() };
    let civil = values::civil(&whole).filter(|civil| civil.is_iso).ok_or_else(wrong)?;
    match civil.offset {
        Some(offset) => {
            let offset = TimeDelta::seconds(offset.local_minus_utc().into());
            civil.at.and_utc().checked_sub_signed(offset).ok_or_else(wrong)
        }
        None => values::in_zone(civil.at, zone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::keys::tests::book;
    use crate::problem::render;

    fn read_text(name: &str, text: &str) -> String {
        let book = book();
        let file = Arc::new(SourceFile { name: name.to_owned(), text: text.to_owned() });
        let problems = Problems::new();
        let Truth { events, hazards, .. } =
            read(&file, Around { book: &book, zone: chrono_tz::Asia::Riyadh }, &problems);
        if problems.has_errors() {
            return render(&problems.into_sorted(), false);
        }
        let line = |event: &TrueEvent| {
            let TrueEvent { hazard, governorate, from, to, level, source, .. } = event;
            let level = level.map_or("any", Severity::name);
            format!("{hazard} {governorate} {} {} {level} {source}\n", from.format("%d %H:%M"), to.format("%d %H:%M"))
        };
        let names: Vec<&str> = hazards.into_iter().map(Hazard::name).collect();
        format!("{}of {}", events.iter().map(line).collect::<String>(), names.join(" "))
    }

    #[test]
    fn events_are_read_from_toml_and_from_csv_alike() {
        let toml = read_text(
            "t.toml",
            "zone = \"UTC\"\nhazards = [\"wind\"]\n[[event]]\ngovernorate = [\"jeddah\", \"مكة\"]\nhazard = \"rain\"\nfrom = \"2022-11-24T08:00\"\n\
             to = \"2022-11-24T14:00\"\nlevel = \"red\"\nsource = \"NCM\"\n\n[[event]]\ngovernorate = \"all\"\nhazard = \"dust\"\n\
             from = \"2022-11-25\"\nto = \"2022-11-25T06:00+03:00\"\n",
        );
        insta::assert_snapshot!(toml, @r"
        rain jeddah 24 08:00 24 14:00 red NCM
        rain makkah 24 08:00 24 14:00 red NCM
        dust jeddah 25 00:00 25 03:00 any 
        dust makkah 25 00:00 25 03:00 any 
        dust taif 25 00:00 25 03:00 any 
        of rain wind dust
        ");
        let csv = read_text(
            "t.csv",
            "governorate,hazard,from,to,level,source\njeddah makkah,rain,2022-11-24T08:00Z,2022-11-24T14:00Z,red,NCM\n\
             all,dust,2022-11-25,2022-11-25T03:00+03:00,,\n",
        );
        insta::assert_snapshot!(csv, @r"
        rain jeddah 24 08:00 24 14:00 red NCM
        rain makkah 24 08:00 24 14:00 red NCM
        dust jeddah 24 21:00 25 00:00 any 
        dust makkah 24 21:00 25 00:00 any 
        dust taif 24 21:00 25 00:00 any 
        of rain dust
        ");
    }

    #[test]
    fn every_mistake_is_told_at_its_place() {
        let told = read_text(
            "t.toml",
            "[[event]]\ngovernorate = \"jedda\"\nhazard = \"rian\"\nfrom = \"yesterday\"\nlevel = \"purple\"\n",
        );
        for part in [
            "did you mean `jeddah`?",
            "did you mean `rain`?",
            "`yesterday` is not a time",
            "`purple` is not a level",
            "`to` is missing",
        ] {
            assert!(told.contains(part), "{part} in {told}");
        }
        assert!(read_text("t.toml", "").contains("there is no event"));
        assert_eq!(read_text("t.toml", "hazards = [\"fog\"]"), "of fog");
        assert!(read_text("t.toml", "hazards = [\"frog\"]").contains("did you mean `fog`?"));
        let told = read_text("t.csv", "governorate,hazrd,from,to\n");
        assert!(told.contains("did you mean `hazard`?") && told.contains("`hazard` is missing"), "{told}");
        let told =
            read_text("t.csv", "governorate,hazard,from,to\njeddah,,2022-11-24,2022-11-25\nx,fog,2022-11-24,x\n");
        assert!(
            told.contains("t.csv:2:1") && told.contains("`hazard` is empty") && told.contains("t.csv:3:1"),
            "{told}"
        );
    }
}
