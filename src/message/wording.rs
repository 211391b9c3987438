//! The wording of both languages, read from `config/wording` and checked so that nothing can go wrong with it at night.
//!
//! A text is a template with slots and nothing more: it may choose with `if`, it cannot loop, include or reach outside.
//! What is checked when it is read: every key in both languages, only known slots, the same slots in both, and that every text
//! can be filled. What a text becomes with the values of real bulletins is tried in [`rehearsal`](super::rehearsal).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};

use super::further::Further;
use crate::language::direction::is_balanced;
use crate::language::number::Rounded;
use crate::language::{Both, Grammar, Language, Style, plural};
use crate::message::catalogue::{Section, Shape, Slot, sections};
use crate::problem::{Problems, SourceFile, advice};
use crate::table::{Found, Table, read_file};

/// How many steps a template may take; a text of ours takes some dozens.
pub const MAX_TEMPLATE_STEPS: u64 = 2_000;

/// The longest template, in bytes.
pub const MAX_TEMPLATE_LEN: usize = 4_000;

/// Why a text could not be filled. The checks at reading make this a fault of ours, not of who wrote the wording.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the text `{key}` of config/wording/{}.toml cannot be filled: {why}", language.tag())]
pub struct WordingError {
    /// The key of the text.
    pub key: String,
    /// Of which language.
    pub language: Language,
    /// What went wrong.
    pub why: String,
    /// Which part of the text it went wrong at, in bytes from its beginning, when that is known.
    pub part: Option<(usize, usize)>,
}

/// The texts of both languages, checked.
#[derive(Debug, Clone)]
pub struct Wording {
    environment: Environment<'static>,
    texts: Both<BTreeMap<String, String>>,
    /// The languages that other files add.
    further: Arc<BTreeMap<Language, Further>>,
    /// Only when it is tried: who hears everything that is said.
    ear: Option<Ear>,
}

/// Everything that was said, in the order of telling: what stands in another text comes before it.
pub(super) type Ear = Arc<Mutex<Vec<Said>>>;

/// One text as it was said.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Said {
    /// The key of the text.
    pub(super) key: String,
    /// What its slots were filled with.
    pub(super) slots: Vec<(Slot, String)>,
    /// What it became.
    pub(super) text: String,
}

/// A wording to be tried and never to be told: where a text is missing or was found faulty it says a word in its place, so that
/// the others are tried all the same.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Says what is tried, into [`Trial::ear`].
    pub(super) wording: Arc<Wording>,
    /// Hears it.
    pub(super) ear: Ear,
    /// Where each text is written.
    found: Both<BTreeMap<String, Found<String>>>,
    files: Both<Arc<SourceFile>>,
    /// The keys of the texts that may say nothing.
    voids: BTreeSet<String>,
}

impl Trial {
    fn of(
        wording: Wording,
        faulty: BTreeSet<(Language, String)>,
        drafts: &Both<Drafts>,
        files: Both<Arc<SourceFile>>,
    ) -> Self {
        let found = Both::each(|language| {
            let drafts = drafts.get(language).iter();
            drafts.map(|(key, draft)| (key.clone(), draft.found.clone())).collect()
        });
        let voids = drafts.ar.iter().filter(|(_, draft)| draft.may_be_empty).map(|(key, _)| key.clone()).collect();
        let ear = Ear::default();
        let mut wording = Wording { ear: Some(Arc::clone(&ear)), ..wording };
        for (language, key) in faulty {
            let texts = match language.grammar() {
                Grammar::Ar => &mut wording.texts.ar,
                Grammar::En => &mut wording.texts.en,
            };
            texts.remove(&key);
        }
        Self { wording: Arc::new(wording), ear, found, files, voids }
    }

    /// True for a text that may say nothing.
    pub(super) fn may_be_empty(&self, key: &str) -> bool {
        self.voids.contains(key)
    }

    /// Where a text is written, or a part of it; the whole file when it is not.
    pub(super) fn place(
        &self,
        language: Language,
        key: &str,
        part: Option<(usize, usize)>,
    ) -> (&Arc<SourceFile>, Range<usize>) {
        let file = self.files.get(language);
        let span = self.found.get(language).get(key).map(|found| match part {
            Some((start, end)) => inside(file, found, start..end),
            None => found.span.clone(),
        });
        (file, span.unwrap_or(0..0))
    }

    /// Everything that was said since this was asked last.
    pub(super) fn heard(&self) -> Vec<Said> {
        std::mem::take(&mut *self.ear.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The keys of all texts that have words.
    #[cfg(test)]
    pub(super) fn keys(&self, language: Language) -> impl Iterator<Item = &String> {
        self.wording.texts.get(language).iter().filter(|(_, text)| !text.is_empty()).map(|(key, _)| key)
    }
}

/// Both files as they were read.
pub struct Compiled {
    /// None with any fault.
    pub wording: Option<Wording>,
    /// The same to be tried.
    pub trial: Trial,
}

/// One text as it was read, with its place and the slots that it may use.
struct Draft {
    found: Found<String>,
    slots: &'static [Slot],
    may_be_empty: bool,
    /// True when the text under this key in the other language must use the same slots; forms of a plural need not.
    twin: bool,
}

type Drafts = BTreeMap<String, Draft>;

impl Wording {
    /// Reads and checks both files; every fault is noted, and with any there is no wording but that for trying.
    pub fn compile(ar: &Arc<SourceFile>, en: &Arc<SourceFile>, problems: &Problems) -> Compiled {
        let own = Problems::new();
        let environment = environment();
        let drafts = Both { ar: read(ar, Language::Ar, &own), en: read(en, Language::En, &own) };
        let mut faulty: BTreeSet<(Language, String)> = BTreeSet::new();
        for (language, file) in [(Language::Ar, ar), (Language::En, en)] {
            for (key, draft) in drafts.get(language) {
                let before = own.count();
                check_alone(&environment, file, key, draft, &own);
                if before < own.count() {
                    faulty.insert((language, key.clone()));
                }
            }
        }
        check_twins(&environment, (en, &drafts.en), (ar, &drafts.ar), &own);
        check_twins(&environment, (ar, &drafts.ar), (en, &drafts.en), &own);
        let is_sound = !own.has_errors();
        for problem in own.into_sorted() {
            problems.push(problem);
        }
        let texts =
            |drafts: &Drafts| drafts.iter().map(|(key, draft)| (key.clone(), draft.found.value.clone())).collect();
        let texts = Both { ar: texts(&drafts.ar), en: texts(&drafts.en) };
        let wording = Self { environment, texts, further: Arc::default(), ear: None };
        let files = Both { ar: Arc::clone(ar), en: Arc::clone(en) };
        let trial = Trial::of(wording.clone(), faulty, &drafts, files);
        Compiled { wording: is_sound.then_some(wording), trial }
    }

    /// The same with further languages.
    #[must_use]
    pub fn with(self, further: BTreeMap<Language, Further>) -> Self {
        Self { further: Arc::new(further), ..self }
    }

    /// The same with the further languages of another wording.
    #[must_use]
    pub fn beside(self, other: &Self) -> Self {
        Self { further: Arc::clone(&other.further), ..self }
    }

    /// A further language.
    ///
    /// # Errors
    /// When no file adds it.
    pub(super) fn further(&self, language: Language) -> Result<&Further, WordingError> {
        self.further.get(&language).ok_or_else(|| WordingError {
            key: "language".to_owned(),
            language,
            why: "no file of the wording adds this language".to_owned(),
            part: None,
        })
    }

    /// Fills a text.
    ///
    /// # Errors
    /// When there is no such text or it cannot be filled with these slots.
    pub(super) fn say(&self, language: Language, key: &str, slots: &[(Slot, &str)]) -> Result<String, WordingError> {
        let fail = |why: String, part| WordingError { key: key.to_owned(), language, why, part };
        let Some(text) = self.texts.get(language).get(key) else {
            // Only when it is tried: a missing text has had its fault, and those around it are tried all the same.
            return if self.ear.is_some() {
                Ok(stand_in(language).to_owned())
            } else {
                Err(fail("it is missing".to_owned(), None))
            };
        };
        let said = fill(&self.environment, key, text, slots)
            .map_err(|why| fail(reason(&why), why.range().map(|part| (part.start, part.end))))?;
        if let Some(ear) = &self.ear {
            let slots = slots.iter().map(|(slot, value)| (*slot, (*value).to_owned())).collect();
            let said = Said { key: key.to_owned(), slots, text: said.clone() };
            ear.lock().unwrap_or_else(PoisonError::into_inner).push(said);
        }
        Ok(said)
    }

    /// Says how many of something there are: «3 ساعات», "3 hours".
    ///
    /// # Errors
    /// As [`Wording::say`].
    pub(super) fn count(
        &self,
        language: Language,
        style: &Style,
        key: &str,
        number: &Rounded,
    ) -> Result<String, WordingError> {
        let form = format!("{key}.{}", plural::form(language, number));
        let key = if self.texts.get(language).contains_key(&form) { &form } else { key };
        self.say(language, key, &[(Slot::Count, &number.show(language, style))])
    }
}

/// What fills texts: strictly, and in bounded steps.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(MAX_TEMPLATE_STEPS));
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment
}

fn fill(
    environment: &Environment<'static>,
    key: &str,
    text: &str,
    slots: &[(Slot, &str)],
) -> Result<String, minijinja::Error> {
    // Most texts have no slot and mean what they say.
    if !text.contains('{') {
        return Ok(text.to_owned());
    }
    let context = Value::from_pairs(slots.iter().map(|(slot, value)| (slot.name(), *value)));
    environment.render_named_str(key, text, context)
}

/// Why a text could not be filled, without the name of the engine's own place for it.
pub(super) fn reason(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

fn read(file: &Arc<SourceFile>, language: Language, problems: &Problems) -> Drafts {
    read_file(file, problems, |root| {
        let mut drafts = Drafts::new();
        for section in sections() {
            match root.table(section.name) {
                Some(table) => read_section(table, &section, language, &mut drafts),
                None if !root.has(section.name) => root.missing(section.name, "{ … }"),
                None => {}
            }
        }
        root.finish();
        drafts
    })
}

fn read_section(table: Table<'_>, section: &Section, language: Language, drafts: &mut Drafts) {
    let mut put = |table: &Table<'_>, key: &'static str, slots: &'static [Slot], twin: bool| {
        if let Some(found) = table.need_text(key, "\"…\"", |text| Ok(text.to_owned())) {
            let path = format!("{}.{key}", table.name());
            drafts.insert(path, Draft { found, slots, may_be_empty: section.may_be_empty, twin });
        }
    };
    match &section.shape {
        Shape::Plain(entries) => {
            for (key, slots) in entries {
                put(&table, key, slots, true);
            }
        }
        Shape::Grouped(groups, entries) => {
            for group in groups {
                match table.table(group) {
                    Some(inner) => {
                        for (key, slots) in entries {
                            put(&inner, key, slots, true);
                        }
                        inner.finish();
                    }
                    None if !table.has(group) => table.missing(group, "{ … }"),
                    None => {}
                }
            }
        }
        Shape::Counted(keys) => {
            for key in keys {
                let is_text = table.get(key, |value| Ok(value.as_str().is_some())).is_none_or(|found| found.value);
                if is_text {
                    put(&table, key, &[Slot::Count], false);
                } else if let Some(inner) = table.table(key) {
                    for form in plural::forms(language) {
                        put(&inner, form, &[Slot::Count], false);
                    }
                    inner.finish();
                }
            }
        }
    }
    table.finish();
}

/// What a text has to be by itself.
fn check_alone(
    environment: &Environment<'static>,
    file: &Arc<SourceFile>,
    key: &str,
    draft: &Draft,
    problems: &Problems,
) {
    let text = &draft.found.value;
    if MAX_TEMPLATE_LEN < text.len() {
        let message = format!("`{key}` is {} bytes long; a text is at most {MAX_TEMPLATE_LEN}", text.len());
        return problems.error(file, draft.found.span.clone(), message, None);
    }
    if text.trim().is_empty() {
        if !draft.may_be_empty {
            problems.error(
                file,
                draft.found.span.clone(),
                format!("`{key}` is empty"),
                Some("write its text".to_owned()),
            );
        }
        return;
    }
    if let Some(tag) = tags(text).find(|tag| !ALLOWED_TAGS.contains(tag)) {
        let help = Some("a text may only choose with `if`, `elif`, `else` and `endif`".to_owned());
        return problems.error(file, place_of(file, &draft.found, tag), format!("`{tag}` is not allowed here"), help);
    }
    let template = match environment.template_from_named_str(key, text) {
        Ok(template) => template,
        Err(error) => {
            let span =
                error.range().map_or_else(|| draft.found.span.clone(), |range| inside(file, &draft.found, range));
            return problems.error(file, span, format!("`{key}` cannot be read: {}", reason(&error)), None);
        }
    };
    let known: Vec<&str> = draft.slots.iter().map(|slot| slot.name()).collect();
    let mut is_known = true;
    for used in template.undeclared_variables(false).into_iter().collect::<BTreeSet<_>>() {
        if !known.contains(&used.as_str()) {
            is_known = false;
            let help = if known.is_empty() { Some("this text has no slots".to_owned()) } else { advice(&used, &known) };
            problems.error(file, place_of(file, &draft.found, &used), format!("`{key}` has no slot `{used}`"), help);
        }
    }
    if is_known {
        check_filled(environment, file, key, draft, problems);
    }
}

/// Fills a text with a sample and looks at what comes out, with the sources given and without.
fn check_filled(
    environment: &Environment<'static>,
    file: &Arc<SourceFile>,
    key: &str,
    draft: &Draft,
    problems: &Problems,
) {
    for sources in [SAMPLE, ""] {
        let slots: Vec<(Slot, &str)> =
            draft.slots.iter().map(|slot| (*slot, if *slot == Slot::Sources { sources } else { SAMPLE })).collect();
        let (fault, part) = match fill(environment, key, &draft.found.value, &slots) {
            Err(error) => (reason(&error), error.range()),
            Ok(filled) => match fault_of(&filled) {
                Some(fault) => (fault.to_owned(), None),
                None => continue,
            },
        };
        let span = part.map_or_else(|| draft.found.span.clone(), |part| inside(file, &draft.found, part));
        return problems.error(file, span, format!("`{key}` cannot be told: {fault}"), None);
    }
}

/// What is wrong with a text that was filled with samples.
fn fault_of(filled: &str) -> Option<&'static str> {
    match filled {
        _ if filled.trim() != filled => Some("it begins or ends with a space"),
        _ if filled.contains("  ") => Some("it has two spaces in a row"),
        _ if filled.contains(['\n', '\r', '\t']) => Some("it is more than one line"),
        _ if !is_balanced(filled) => Some("its direction marks do not match"),
        "" => Some("it says nothing"),
        _ => None,
    }
}

/// Every slot that one language uses and the other does not is missing where it is not.
fn check_twins(
    environment: &Environment<'static>,
    (from, theirs): (&Arc<SourceFile>, &Drafts),
    (file, ours): (&Arc<SourceFile>, &Drafts),
    problems: &Problems,
) {
    // A text that cannot be read or has slots unknown here has had its error; its twin is not to blame.
    let used = |key: &str, draft: &Draft| {
        let template = environment.template_from_named_str(key, &draft.found.value).ok()?;
        let used: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
        used.iter().all(|name| draft.slots.iter().any(|slot| slot.name() == name)).then_some(used)
    };
    for (key, draft) in ours.iter().filter(|(_, draft)| draft.twin) {
        let Some(twin) = theirs.get(key) else { continue };
        let (Some(there), Some(here)) = (used(key, twin), used(key, draft)) else { continue };
        for slot in there.difference(&here) {
            let message = format!("slot `{slot}` is used in {} and missing here", from.name);
            let help = Some(format!("write {{{{ {slot} }}}} where it belongs, or take it out of `{key}` there"));
            problems.error(file, draft.found.span.clone(), message, help);
        }
        if draft.may_be_empty && draft.found.value.is_empty() && !twin.found.value.is_empty() {
            let message = format!("`{key}` says something in {} and nothing here", from.name);
            problems.error(file, draft.found.span.clone(), message, None);
        }
    }
}

/// The tags that a text may use.
const ALLOWED_TAGS: [&str; 4] = ["if", "elif", "else", "endif"];

/// What every slot is filled with when a text is tried.
const SAMPLE: &str = "sample";

/// What a trial says in place of a text that is not there.
fn stand_in(language: Language) -> &'static str {
    match language.grammar() {
        Grammar::Ar => "نص",
        Grammar::En => "text",
    }
}

/// The words that open the tags of a template.
fn tags(text: &str) -> impl Iterator<Item = &str> {
    text.split("{%")
        .skip(1)
        .map(|rest| rest.trim_start_matches(['-', '+']).split_whitespace().next().unwrap_or_default())
}

/// The place of a word of a text in its file; the whole text when the word is written with escapes.
fn place_of(file: &Arc<SourceFile>, found: &Found<String>, word: &str) -> Range<usize> {
    found.value.find(word).map_or_else(|| found.span.clone(), |start| inside(file, found, start..start + word.len()))
}

/// The place of a part of a text in its file; the whole text when it is written with escapes.
fn inside(file: &Arc<SourceFile>, found: &Found<String>, part: Range<usize>) -> Range<usize> {
    let written = file.text.get(found.span.clone()).and_then(|quoted| quoted.find(found.value.as_str()));
    match written {
        Some(offset) => found.span.start + offset + part.start..found.span.start + offset + part.end,
        None => found.span.clone(),
    }
}
