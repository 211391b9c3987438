//! Files of readings: found, unpacked, and read in the form that lies beside them or that their header tells.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono_tz::Tz;
use flate2::read::MultiGzDecoder;

use super::{EX_DATAERR, Stop, recorded};
use crate::backtest::archive::Builder;
use crate::backtest::rows::{self, DEFAULT_FEED, Terms};
use crate::config::Config;
use crate::feed::Surroundings;
use crate::feed::csv::Kept;
use crate::ids::{FeedId, GovernorateId};
use crate::problem::{Problem, Problems, SourceFile};
use crate::reading::Basis;
use crate::table::read_file;

/// The largest file, unpacked, in bytes.
const MAX_FILE: u64 = 1 << 30;

/// The most files.
pub(super) const MAX_FILES: usize = 10_000;

/// How deep folders are gone into.
const MAX_DEPTH: usize = 8;

/// What readings are read with.
pub(super) struct Reader<'a> {
    pub(super) config: &'a Config,
    pub(super) zone: Tz,
    pub(super) places: &'a BTreeMap<String, GovernorateId>,
    pub(super) columns: Option<&'a Path>,
}

/// The bytes of a plain file within the limit, unpacked.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |why: std::io::Error| format!("it cannot be read: {why}");
    let file = File::open(path).map_err(cannot)?;
    if !file.metadata().map_err(cannot)?.is_file() {
        return Err("it is not a plain file".to_owned());
    }
    let mut bytes = Vec::new();
    let is_packed = path.extension().is_some_and(|extension| extension == "gz");
    let read = if is_packed {
        MultiGzDecoder::new(file).take(MAX_FILE + 1).read_to_end(&mut bytes)
    } else {
        file.take(MAX_FILE + 1).read_to_end(&mut bytes)
    };
    read.map_err(cannot)?;
    if MAX_FILE < bytes.len() as u64 {
        return Err(format!("it holds more than {} MiB: split it", MAX_FILE >> 20));
    }
    Ok(bytes)
}

/// What went wrong, before it is decided what to do about it.
#[derive(Default)]
struct Faults {
    said: Vec<String>,
    drawn: Vec<Problem>,
}

impl Reader<'_> {
    /// Reads all paths into an archive; every file that cannot be read is told.
    pub(super) fn read(&self, paths: &[PathBuf], into: &mut Builder) -> Result<(), Stop> {
        let mut faults = Faults::default();
        let mut tables = Vec::new();
        for path in paths {
            match recorded::askings(path) {
                askings if !askings.is_empty() => faults.said.extend(recorded::read(&askings, self.config, into)),
                _ => collect(path, &is_table, &mut tables),
            }
        }
        if MAX_FILES < tables.len() {
            faults.said.push(format!("more than {MAX_FILES} files: name fewer"));
        }
        let common = self.columns.and_then(|path| self.layout(path, &mut faults));
        for path in tables.iter().take(MAX_FILES) {
            self.table(path, common.as_ref(), into, &mut faults);
        }
        match faults {
            Faults { drawn, .. } if !drawn.is_empty() => {
                faults.said.iter().for_each(|why| super::complain(why));
                Err(Stop::Draws(EX_DATAERR, drawn))
            }
            Faults { said, .. } if !said.is_empty() => Err(Stop::Says(EX_DATAERR, said)),
            Faults { .. } => Ok(()),
        }
    }

    fn table(&self, path: &Path, common: Option<&Layout>, into: &mut Builder, faults: &mut Faults) {
        let name = path.display().to_string();
        let body = match bytes(path) {
            Ok(body) => body,
            Err(why) => return faults.said.push(format!("{name}: {why}")),
        };
        let mut beside = path.as_os_str().to_owned();
        beside.push(".toml");
        let beside = PathBuf::from(beside);
        let own = if beside.is_file() {
            match self.layout(&beside, faults) {
                Some(layout) => Some(layout),
                None => return,
            }
        } else {
            None
        };
        match own.as_ref().or(common) {
            Some(layout) => {
                if let Err(why) = layout.read(&name, &body, into) {
                    faults.said.push(format!("{name}: {why}"));
                }
            }
            None if self.columns.is_some() => {}
            None => {
                let terms = Terms { book: &self.config.governorates, zone: self.zone, places: self.places };
                if let Err(why) = rows::read(&name, &body, &terms, into) {
                    faults.said.extend(why);
                }
            }
        }
    }

    /// Reads how a table is laid out.
    fn layout(&self, path: &Path, faults: &mut Faults) -> Option<Layout> {
        let name = path.display().to_string();
        let text = bytes(path).and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()));
        let text = text.map_err(|why| faults.said.push(format!("{name}: {why}"))).ok()?;
        let file = Arc::new(SourceFile { name, text });
        let problems = Problems::new();
        let around = Surroundings {
            book: Arc::clone(&self.config.governorates),
            zone: self.zone,
            beside: Arc::default(),
            is_within: true,
        };
        let layout = read_file(&file, &problems, |table| {
            // It may be copied from feeds.toml as it is.
            table.word("kind", &[("csv", ())]);
            let feed = table.text("feed", |text| FeedId::new(text).map_err(|why| why.to_string()));
            let feed = feed.map(|found| found.value).or_else(|| FeedId::new(DEFAULT_FEED).ok());
            let before = table.faults();
            let kept = Kept::parse(&table, &around);
            if kept.is_some() || before < table.faults() {
                table.finish();
            }
            Some(Layout { kept: kept?, feed: feed? })
        });
        if problems.has_errors() {
            faults.drawn.extend(problems.into_sorted());
            return None;
        }
        layout
    }
}

/// How a table is laid out, and who speaks in it.
struct Layout {
    kept: Kept,
    feed: FeedId,
}

impl Layout {
    fn read(&self, name: &str, body: &[u8], into: &mut Builder) -> Result<(), String> {
        let rows = self.kept.read(body, into.room()).map_err(|why| why.to_string())?;
        if rows.batch.readings.iter().any(|reading| reading.basis == Basis::Forecast) {
            let help = "write them in the long form with a column `issued`";
            return Err(format!("a forecast says nothing without the time at which it was made: {help}"));
        }
        into.count(rows.rows, rows.passed_over);
        for skip in rows.batch.skipped {
            into.note(name, format!("{}: {}", skip.part, skip.why));
        }
        for reading in rows.batch.readings {
            into.take(reading.at, &self.feed, reading)?;
        }
        Ok(())
    }
}

/// Whether a file in a folder is taken for a table of readings.
fn is_table(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".csv") || name.ends_with(".csv.gz")
}

/// The files below a path that are wanted, in order. A file that is named is read whatever it is called.
pub(super) fn collect(path: &Path, is_wanted: &dyn Fn(&Path) -> bool, files: &mut Vec<PathBuf>) {
    if path.is_dir() { within(path, 0, is_wanted, files) } else { files.push(path.to_owned()) }
}

fn within(path: &Path, depth: usize, is_wanted: &dyn Fn(&Path) -> bool, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(path) else { return files.push(path.to_owned()) };
    if MAX_DEPTH <= depth || MAX_FILES < files.len() {
        return;
    }
    let mut paths: Vec<PathBuf> = entries.take(MAX_FILES).filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        match path.is_dir() {
            true => within(&path, depth + 1, is_wanted, files),
            false if is_wanted(&path) => files.push(path),
            false => {}
        }
    }
}
