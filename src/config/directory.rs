//! Reading a configuration directory: which files it has, within limits, and which names in it are likely slips.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::{Files, embedded};
use crate::language::Language;
use crate::problem::{Level, Problem, Problems, SourceFile, nearest};

/// The largest TOML file that is read, in bytes.
pub const MAX_TOML_LEN: u64 = 1 << 20;

/// The largest file of outlines that is read, in bytes.
pub const MAX_OUTLINES_LEN: u64 = 8 << 20;

/// The most rule files that are read.
pub const MAX_RULE_FILES: usize = 200;

/// The most entries of a directory that are looked at.
pub const MAX_ENTRIES: usize = 1000;

/// What the names of certificates end with, which feeds may name.
pub const CERTIFICATES: &str = ".pem";

/// Files that may lie beside the configuration and are not read by it.
const BYSTANDERS: &[&str] = &["outlines.NOTICE", "README.md", "README", "LICENSE", "NOTICE"];

/// Reads what a directory has; everything unreadable or unknown in it is noted.
pub fn read(dir: &Path, problems: &Problems) -> Files {
    let mut files = Files::new();
    let top: Vec<&str> = embedded::FILES.iter().map(|(name, _)| *name).filter(|name| !name.contains('/')).collect();
    for name in entries(dir, problems) {
        let path = dir.join(&name);
        match name.as_str() {
            "rules" | "wording" if path.is_dir() => read_below(&path, &name, &mut files, problems),
            "rules" | "wording" => {
                // A link that leads nowhere must not bring the built-in rules back in silence.
                let message = format!("`{name}` is not a directory that can be read");
                let help = format!("mend the link, or remove it to use what is built in for {name}/");
                note(&path, Level::Error, message, Some(help), problems);
            }
            known if top.contains(&known) => take(&path, &name, &mut files, problems),
            certificate if certificate.ends_with(CERTIFICATES) => take(&path, &name, &mut files, problems),
            bystander if BYSTANDERS.contains(&bystander) => {}
            // Certificates are read where a feed names them.
            certificates if certificates.ends_with(".pem") => {}
            _ => stranger(&path, &name, top.iter().copied().chain(["rules", "wording"]), problems),
        }
    }
    if files.is_empty() && !problems.has_errors() {
        let help = format!("put {} or rules/ there; what is not there is built in", top.join(", "));
        note(dir, Level::Warning, "no file of a configuration lies here".to_owned(), Some(help), problems);
    }
    files
}

/// Reads the rule files of a directory: those in `rules/` there, or those that lie in it.
pub fn read_rules(dir: &Path, problems: &Problems) -> Files {
    let mut files = Files::new();
    let within = dir.join("rules");
    read_below(if within.is_dir() { &within } else { dir }, "rules", &mut files, problems);
    files
}

fn read_below(dir: &Path, part: &str, files: &mut Files, problems: &Problems) {
    let names = entries(dir, problems);
    let mut count = 0;
    for name in &names {
        let path = dir.join(name);
        let is_known = match part {
            "rules" => name.ends_with(".toml"),
            // A language that is added is a file of its own, called after its tag.
            "wording" if name.strip_suffix(".toml").is_some_and(|tag| Language::of(tag).is_some()) => true,
            _ => embedded::text(&format!("{part}/{name}")).is_some(),
        };
        if !is_known {
            if !BYSTANDERS.contains(&name.as_str()) {
                let known = embedded::FILES.iter().filter_map(|(known, _)| known.strip_prefix(part)?.strip_prefix('/'));
                stranger(&path, name, known, problems);
            }
            continue;
        }
        count += 1;
        if MAX_RULE_FILES < count {
            note(&path, Level::Error, format!("more than {MAX_RULE_FILES} files in {part}/"), None, problems);
            return;
        }
        take(&path, &format!("{part}/{name}"), files, problems);
    }
    if part == "rules" && count == 0 {
        let help = "put a rule file there, or remove the directory to use the built-in rules".to_owned();
        note(
            dir,
            Level::Error,
            "the directory has no rule file: nothing would be warned of".to_owned(),
            Some(help),
            problems,
        );
    }
}

/// The names in a directory in order, without hidden ones.
fn entries(dir: &Path, problems: &Problems) -> Vec<String> {
    let listing = match fs::read_dir(dir) {
        Ok(listing) => listing,
        Err(why) => {
            note(dir, Level::Error, format!("the directory cannot be read: {why}"), None, problems);
            return Vec::new();
        }
    };
    let mut names = Vec::new();
    for (place, entry) in listing.enumerate() {
        if place == MAX_ENTRIES {
            let help = "keep the configuration in a directory of its own".to_owned();
            let message = format!("the directory holds more than {MAX_ENTRIES} files");
            note(dir, Level::Error, message, Some(help), problems);
            break;
        }
        match entry {
            Ok(entry) => names.push(entry.file_name().to_string_lossy().into_owned()),
            Err(why) => note(dir, Level::Error, format!("the directory cannot be read: {why}"), None, problems),
        }
    }
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}

fn take(path: &Path, name: &str, files: &mut Files, problems: &Problems) {
    let limit = if name.ends_with(".geojson") { MAX_OUTLINES_LEN } else { MAX_TOML_LEN };
    match text_of(path, limit) {
        Ok(text) => {
            let file = SourceFile { name: path.display().to_string(), text };
            files.insert(name.to_owned(), Arc::new(file));
        }
        Err(why) => {
            // An empty stand-in would be reported as a file without sections; the embedded one keeps the report to the point.
            note(path, Level::Error, why, None, problems);
        }
    }
}

fn text_of(path: &Path, limit: u64) -> Result<String, String> {
    // Opening a pipe would wait for its writer.
    if !path.is_file() {
        return Err("this is not a file that can be read".to_owned());
    }
    let file = fs::File::open(path).map_err(|why| format!("the file cannot be read: {why}"))?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|why| format!("the file cannot be read: {why}"))?;
    if usize::try_from(limit).is_ok_and(|limit| limit < bytes.len()) {
        return Err(format!("the file is larger than {}", super::bytes::bytes_text(limit)));
    }
    if bytes.contains(&0) {
        return Err("the file is not UTF-8 (it holds zeros, as UTF-16 does): save it as UTF-8".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|why| {
        let good = why.as_bytes().get(..why.utf8_error().valid_up_to()).unwrap_or(&[]);
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("the file is not UTF-8 (line {line}): save it as UTF-8")
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn stranger<'a>(path: &Path, name: &str, known: impl Iterator<Item = &'a str>, problems: &Problems) {
    let known: Vec<&str> = known.collect();
    let stem = name.strip_suffix(".toml").filter(|stem| known.contains(stem));
    let help = stem.or_else(|| nearest(name, known.iter().copied())).map(|meant| format!("did you mean `{meant}`?"));
    note(path, Level::Warning, format!("`{name}` is not read: nothing here has this name"), help, problems);
}

/// Notes a fault of a file as a whole.
fn note(path: &Path, level: Level, message: String, help: Option<String>, problems: &Problems) {
    let file = Arc::new(SourceFile { name: path.display().to_string(), text: String::new() });
    problems.push(Problem { file, span: 0..0, level, message, help });
}
