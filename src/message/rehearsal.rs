//! The rehearsal: before a wording is used, every hazard at every severity, with every change, in both languages and each form that matters, is
//! told once, and so is every notice to the people on duty. What is wrong with a text is told where it is written.
//!
//! It sends nothing, and what it tells of has never happened.

pub mod bodies;
pub(super) mod bulletins;
pub mod faults;
pub(super) mod notices;
pub(super) mod statements;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use self::bulletins::{Scene, Voice};
use self::faults::{Fault, Filling, MAX_HEADLINE_LEN, MAX_TEXT_LEN};
use crate::bulletin::Change;
use crate::governorate::GovernorateBook;
use crate::ids::{BulletinId, FeedId, GovernorateId};
use crate::language::{Both, Language, Style};
use crate::message::text::Spoken;
use crate::message::wording::{Said, Trial, WordingError};
use crate::message::{self, Form, Issuer, Message, RenderError, Speaker, put_statement};
use crate::message::{ask, brief};
use crate::problem::{Problem, Problems};

/// All that is needed to try a wording.
#[derive(Debug, Clone)]
pub struct Rehearsal {
    /// The wording.
    pub trial: Trial,
    /// Who speaks.
    pub issuer: Issuer,
    /// How texts are written.
    pub style: Style,
    /// What the public reads in place of a feed's identifier.
    pub sources: BTreeMap<FeedId, Both<String>>,
    /// The governorates.
    pub places: Arc<GovernorateBook>,
}

/// The forms in which everything is told. What fits into a post and a short message fits into a broadcast, into a share of a chat and into
/// the short text of the form `json`, whose other texts are those of the form `text`.
pub(super) const FORMS: [Form; 3] = [Form::Text, Form::Post, Form::Sms];

/// What was found of each text as it was said: most are said again and again.
type Judged = HashMap<(Language, Said), Vec<Fault>>;

/// Of which text what is wrong.
type Blame = (Language, String, Fault);

/// What became of a thing in one form.
type Formed = (Form, Result<Message, RenderError>);

/// One thing as it was told in one language.
pub(super) struct Told {
    /// The texts that it was made of.
    pub(super) said: Vec<Said>,
    /// What it is in each form.
    pub(super) forms: Result<Vec<Formed>, WordingError>,
}

/// Where a fault was met.
struct Met {
    first: String,
    texts: usize,
}

/// In which languages a bulletin is told, and how often: what holds on is told once more as well.
fn tellings(change: Change) -> Vec<(Language, Option<u32>)> {
    let reminder = (change == Change::Extended).then_some(Some(1));
    let times = std::iter::once(None).chain(reminder);
    times.flat_map(|reminder| Language::ALL.map(|language| (language, reminder))).collect()
}

impl Rehearsal {
    /// Tells everything once, notes what is wrong, and returns how many texts were told.
    pub fn run(&self, problems: &Problems) -> usize {
        let mut texts = 0;
        let mut faults: BTreeMap<Blame, Met> = BTreeMap::new();
        let mut judged = Judged::new();
        self.each(|story, language, told| {
            texts += FORMS.len();
            for (key, fault) in self.faults_of(language, told, &mut judged) {
                let met =
                    faults.entry((language, key, fault)).or_insert_with(|| Met { first: story.to_owned(), texts: 0 });
                met.texts += 1;
            }
        });
        for ((language, key, fault), met) in &faults {
            problems.push(self.problem(*language, key, fault, met));
        }
        texts
    }

    /// Shows everything as it is told, with a few words on what it tells of.
    pub(super) fn each(&self, mut look: impl FnMut(&str, Language, Told)) {
        let speaker = |may_warn| Speaker {
            issuer: Issuer { may_warn, ..self.issuer.clone() },
            style: self.style.clone(),
            wording: Arc::clone(&self.trial.wording),
            sources: self.sources.clone(),
        };
        let (usual, other) = (speaker(self.issuer.may_warn), speaker(!self.issuer.may_warn));
        let scene = Scene::of(&self.issuer.code, self.style.zone, &self.places, self.sources.keys());
        bulletins::every(&scene, &self.places, |bulletin, voice, story| {
            let speaker = match voice {
                Voice::Usual => &usual,
                Voice::Other => &other,
            };
            for (language, reminder) in tellings(bulletin.change) {
                let told = message::Told { bulletin, places: &self.places, reminder };
                let spoken = speaker.speak(told, language);
                let spoken = spoken.and_then(|spoken| {
                    speaker.say_card(bulletin, &self.places, language)?;
                    Ok(spoken)
                });
                let put = |form, spoken: &[_]| speaker.put(told, form, spoken);
                look(story, language, self.in_every_form(language, spoken, put));
            }
        });
        let two: Vec<GovernorateId> = self.places.iter().take(2).map(|place| place.id.clone()).collect();
        statements::every(&scene, &two, |statement, story| {
            for language in Language::ALL {
                let spoken = usual.speak_statement(statement, &self.places, language);
                let put = |form, spoken: &[_]| put_statement(statement, &self.places, form, spoken);
                look(story, language, self.in_every_form(language, spoken, put));
            }
        });
        let of = BulletinId::new(&format!("{}-2025-000001", self.issuer.code), 1);
        for came in ask::ALL {
            for language in Language::ALL {
                let buttons = usual.buttons(&[language]).and_then(|_| usual.came(&of, came, &[language]));
                look(
                    "what people on duty press",
                    language,
                    Told { said: self.trial.heard(), forms: buttons.map(|_| Vec::new()) },
                );
            }
        }
        notices::every(&scene, &two, |notice, story| {
            for language in Language::ALL {
                let spoken = usual.speak_notice(notice, &self.places, language);
                look(
                    story,
                    language,
                    self.in_every_form(language, spoken, |form, spoken| usual.put_notice(notice, form, spoken)),
                );
            }
        });
    }

    fn in_every_form(
        &self,
        language: Language,
        spoken: Result<Spoken, WordingError>,
        put: impl Fn(Form, &[(Language, Spoken)]) -> Result<Message, RenderError>,
    ) -> Told {
        let spoken = spoken.map(|spoken| [(language, spoken)]);
        let forms = spoken.map(|spoken| FORMS.into_iter().map(|form| (form, put(form, &spoken))).collect());
        Told { said: self.trial.heard(), forms }
    }

    /// What is wrong with what was told, each under the key of the text that is to blame.
    fn faults_of(&self, language: Language, told: Told, judged: &mut Judged) -> Vec<(String, Fault)> {
        let forms = match told.forms {
            Ok(forms) => forms,
            Err(WordingError { key, why, part, .. }) => return vec![(key, Fault::Unfillable { why, part })],
        };
        let mut faults = Vec::new();
        for (form, message) in forms {
            match (form, message) {
                (Form::Text, Ok(message)) => faults.extend(too_long(&message, &told.said)),
                (Form::Post | Form::Sms | Form::Broadcast | Form::Chat | Form::Push, Ok(message)) => {
                    faults.extend(out_of_room(form, &message, &told.said));
                }
                (_, Err(RenderError::Wording(WordingError { key, why, part, .. }))) => {
                    faults.push((key, Fault::Unfillable { why, part }));
                }
                // The texts in it are those of the other form.
                (Form::Json | Form::Cap, Ok(_)) => {}
                (_, Err(why)) => {
                    faults.push((String::new(), Fault::Unfillable { why: why.to_string(), part: None }));
                }
            }
        }
        faults.extend(self.in_parts(language, told.said, judged));
        faults
    }

    /// What is wrong with the parts of a text.
    fn in_parts(&self, language: Language, said: Vec<Said>, judged: &mut Judged) -> BTreeSet<(String, Fault)> {
        let mut faults = BTreeSet::new();
        let mut is_hollow = false;
        for one in said {
            let (key, may_be_empty) = (one.key.clone(), self.trial.may_be_empty(&one.key));
            for fault in judged.entry((language, one)).or_insert_with_key(|(language, one)| one.faults(*language)) {
                // A text around one that says nothing has its spaces from there.
                if (*fault == Fault::Empty && may_be_empty) || (*fault == Fault::Spaces && is_hollow) {
                    continue;
                }
                is_hollow |= *fault == Fault::Empty;
                faults.insert((key.clone(), fault.clone()));
            }
        }
        faults
    }

    fn problem(&self, language: Language, key: &str, fault: &Fault, met: &Met) -> Problem {
        let (file, span) = self.trial.place(language, key, fault.part());
        let more = match met.texts {
            0 | 1 => String::new(),
            2 => " and in 1 more text".to_owned(),
            texts => format!(" and in {} more texts", texts - 1),
        };
        let message = format!("`{key}` {}, told of {}{more}", fault.sentence(language), met.first);
        Problem { file: Arc::clone(file), span, level: fault.level(), message, help: Some(fault.help(language)) }
    }
}

impl Said {
    fn filled(&self) -> Vec<Filling<'_>> {
        self.slots.iter().map(|(slot, value)| (slot.name(), value.as_str())).collect()
    }

    fn faults(&self, language: Language) -> Vec<Fault> {
        faults::of(&self.text, &self.filled(), language)
    }

    /// How many characters of it are its own.
    fn own_len(&self) -> usize {
        faults::own_words(&self.text, &self.filled()).chars().count()
    }
}

/// A short text that is out of its room, under the key of the text with the most words of its own in it.
fn out_of_room(form: Form, message: &Message, said: &[Said]) -> Option<(String, Fault)> {
    let budget = form.budget()?;
    let parts = brief::read(&message.body).into_iter().map(|part| part.text);
    let mut texts = if message.is_in_parts() { parts.collect() } else { vec![message.body.clone()] };
    texts.retain(|text| !budget.holds(text));
    let text = texts.first()?;
    let own = said.iter().filter(|one| text.contains(&one.text));
    let longest = own.max_by_key(|one| one.own_len()).map(|one| one.key.clone());
    Some((longest?, Fault::OutOfRoom { form: form.name() }))
}

/// A headline or a text that is too long, under the key of the text with the most words of its own in it.
fn too_long(message: &Message, said: &[Said]) -> Option<(String, Fault)> {
    let longest =
        |said: &mut dyn Iterator<Item = &Said>| said.max_by_key(|one| one.own_len()).map(|one| one.key.clone());
    let headline = message.body.lines().next().unwrap_or_default();
    if MAX_HEADLINE_LEN < headline.chars().count() {
        let of_headline = &mut said.iter().filter(|one| headline.contains(&one.text));
        return Some((longest(of_headline)?, Fault::LongHeadline));
    }
    let is_long = MAX_TEXT_LEN < message.body.chars().count();
    is_long.then(|| Some((longest(&mut said.iter())?, Fault::LongText))).flatten()
}
