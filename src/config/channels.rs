//! `channels.toml`: the keys that all channels share; each kind of sink reads its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, PathBuf};
use std::sync::Arc;

use super::manner::{self, House, Named};
use super::{selection, web};
use crate::governorate::GovernorateBook;
use crate::hazard::{Hazard, Severity};
use crate::ids::ChannelId;
use crate::language::Language;
use crate::message::card::Size;
use crate::message::{Form, digest};
use crate::problem::{Problems, SourceFile};
use crate::route::{Audience, Listener};
use crate::sink::{KINDS, Kind, Opener};
use crate::table::{Found, Table, read_file};

/// The most channels that are read.
pub const MAX_CHANNELS: usize = 200;

/// A channel as configured.
#[derive(Debug, Clone)]
pub struct ChannelConfig {
    /// What it hears and how.
    pub listener: Listener,
    /// What opens its sink.
    pub opener: Arc<dyn Opener>,
    /// Its kind, as in [`KINDS`].
    pub kind: &'static str,
}

/// Reads the file: every enabled channel. What it returns may be used only when no error was noted.
pub(super) fn read(
    file: &Arc<SourceFile>,
    book: &GovernorateBook,
    house: &House<'_>,
    problems: &Problems,
) -> Vec<ChannelConfig> {
    read_file(file, problems, |root| {
        let tables = root.named_tables();
        if MAX_CHANNELS < tables.len() {
            let message = format!("there are {} channels: at most {MAX_CHANNELS} are read", tables.len());
            root.error(&root.span, message, None);
        }
        let mut enabled = 0;
        let (mut channels, mut named) = (Vec::new(), Vec::new());
        let mut paths: BTreeMap<PathBuf, String> = BTreeMap::new();
        let mut addresses = web::Addresses::default();
        for (name, table) in tables.into_iter().take(MAX_CHANNELS) {
            let is_enabled = table.flag("enabled").is_none_or(|found| found.value);
            let (channel, stand_in) = read_channel(&name, table, (book, house), problems);
            if is_enabled {
                enabled += 1;
                let by = channel.as_ref().map(|channel| channel.listener.channel.clone());
                named.extend(by.zip(stand_in).map(|(by, name)| Named { by, name }));
                if let Some(path) = channel.as_ref().and_then(|channel| channel.opener.own_path()) {
                    // Taken apart and put together, so that `./a` and `a` are one.
                    let plain = path.components().filter(|part| *part != Component::CurDir).collect();
                    if let Some(first) = paths.insert(plain, name.value.clone()) {
                        let message = format!("`{first}` and `{}` write to the same file", name.value);
                        let help = "give each channel a `path` of its own".to_owned();
                        root.error(&name.span, message, Some(help));
                    }
                }
                if let Some(ChannelConfig { listener, opener, .. }) = &channel {
                    let of = (&listener.channel, listener.audience);
                    addresses.check(of, &**opener, (&root, &name), house.listens);
                }
                if let Some(why) = channel.as_ref().and_then(|channel| channel.opener.lacks()) {
                    let help = "or write `enabled = false`: nothing can be told there".to_owned();
                    root.error(&name.span, format!("`{}`: {why}", name.value), Some(help));
                }
                channels.extend(channel);
            }
        }
        manner::look_up(&root, &channels, &named);
        if enabled == 0 {
            root.warning(&root.span, "no channel is enabled: nobody will hear a warning", None);
        }
        channels
    })
}

fn read_channel(
    name: &Found<String>,
    table: Table<'_>,
    around: (&GovernorateBook, &House<'_>),
    problems: &Problems,
) -> (Option<ChannelConfig>, Option<Found<String>>) {
    let mut stand_in = None;
    let channel = read_whole(name, table, around, (problems, &mut stand_in));
    (channel, stand_in)
}

fn read_whole(
    name: &Found<String>,
    table: Table<'_>,
    (book, house): (&GovernorateBook, &House<'_>),
    (problems, stand_in): (&Problems, &mut Option<Found<String>>),
) -> Option<ChannelConfig> {
    let id = ChannelId::new(&name.value).map_err(|why| table.error(&name.span, why.to_string(), None)).ok();
    let kinds: Vec<(&str, &'static Kind)> = KINDS.iter().map(|kind| (kind.name, kind)).collect();
    let kind = super::kind(&table, &kinds)?;
    if !table.has("audience") {
        table.missing("audience", "\"public\"");
    }
    let audiences: Vec<_> = Audience::ALL.iter().map(|audience| (audience.name(), *audience)).collect();
    let audience = table.word("audience", &audiences);
    let form = table.word("form", &Form::ALL.map(|form| (form.name(), form)));
    let languages = languages(&table, &house.further);
    let severities = Severity::ALL.iter().map(|severity| (severity.name(), *severity)).collect::<Vec<_>>();
    let min_severity = table.word("min_severity", &severities);
    let hazards = hazards(&table);
    let governorates = selection::governorates(&table, "governorates", book);
    let listened = audience.as_ref().map_or(Audience::Public, |found| found.value);
    let (manner, named) = manner::read(&table, listened, house);
    *stand_in = named;
    let picture = table.word("picture", &Size::ALL.map(|size| (size.name(), size)));
    let before = problems.count();
    let opener = (kind.parse)(&table);
    if let (Some(picture), Some(opener)) = (&picture, &opener)
        && !opener.shows_pictures()
    {
        let message = format!("`picture`: a channel of kind `{}` shows no pictures", kind.name);
        table.error(&picture.span, message, Some("leave it out: the text says all that a picture does".to_owned()));
    }
    if opener.as_ref().is_some_and(|opener| opener.has_subscribers()) && table.has("rate") {
        let help =
            "leave it out, and give it to whoever wants it: `nadhir subscriber edit NAME --rate 20/min`".to_owned();
        table.error(&table.span_of("rate"), "`rate`: each subscriber has a pace of its own", Some(help));
    }
    if let (Some(audience), Some(opener)) = (&audience, &opener)
        && audience.value != Audience::Staff
        && opener.hears_verdicts()
    {
        let help = "give the people on duty a channel of their own, with audience = \"staff\"".to_owned();
        let message = "`approvers`: what is kept back is asked of where the people on duty listen, and nowhere else";
        table.error(&table.span_of("approvers"), message, Some(help));
    }
    if let (Some(form), Some(opener)) = (&form, &opener)
        && !opener.takes(form.value)
    {
        let message = format!("`form`: a channel of kind `{}` does not take `{}`", kind.name, form.value.name());
        let help = format!("leave it out, which means `{}`", opener.form().name());
        table.error(&form.span, message, Some(help));
    }
    let form_of = |opener: &Arc<dyn Opener>| form.as_ref().map_or_else(|| opener.form(), |found| found.value);
    if !manner.reminds.is_empty() && opener.as_ref().map(form_of) == Some(Form::Cap) {
        let help = "take it out: whoever reads CAP sees by itself until when an alert holds".to_owned();
        table.error(&table.span_of("remind"), "`remind`: CAP has no reminders", Some(help));
    }
    if let Some(form) = opener.as_ref().map(form_of)
        && manner.digest.is_some()
        && !digest::goes_into(form)
    {
        let message = format!("`digest`: what is told as `{}` is not told together", form.name());
        table.error(&table.span_of("digest"), message, Some("it goes with text, chat and push".to_owned()));
    }
    // A kind that gave up without a word has not asked for its keys: nothing can be said about those left over.
    if opener.is_some() || before < problems.count() {
        table.finish();
    }
    let opener = opener?;
    let listener = Listener {
        channel: id?,
        audience: audience?.value,
        form: form.map_or_else(|| opener.form(), |found| found.value),
        languages,
        min_severity: min_severity.map_or(Severity::Advisory, |found| found.value),
        hazards,
        governorates,
        manner,
        picture: picture.map(|found| found.value),
    };
    Some(ChannelConfig { listener, opener, kind: kind.name })
}

fn languages(table: &Table<'_>, further: &[Language]) -> Vec<Language> {
    let Some(texts) = table.texts("languages") else { return Language::ALL.to_vec() };
    let known: Vec<(&str, Language)> =
        Language::ALL.iter().chain(further).map(|language| (language.tag(), *language)).collect();
    let mut languages = Vec::new();
    for text in &texts {
        let Some(language) = table.pick("languages", text, &known) else { continue };
        if languages.contains(&language.value) {
            table.error(&language.span, format!("`{}` is named twice", text.value), None);
        } else {
            languages.push(language.value);
        }
    }
    if texts.is_empty() {
        let help = "leave the key out to mean [\"ar\", \"en\"]".to_owned();
        table.error(&table.span, "`languages` is empty: nothing could be said", Some(help));
    } else if !languages.is_empty() && languages.iter().all(|language| language.is_further()) {
        let help = "add \"ar\" or \"en\": what is said by hand, and all that does not go into few words, is in these"
            .to_owned();
        let message = "`languages` names none in which everything is said";
        table.error(&table.span_of("languages"), message, Some(help));
    }
    languages
}

fn hazards(table: &Table<'_>) -> Option<BTreeSet<Hazard>> {
    let texts = table.texts("hazards")?;
    if texts.is_empty() {
        let help = "leave the key out to mean every hazard".to_owned();
        table.error(&table.span, "`hazards` is empty: nothing would be heard", Some(help));
    }
    let known: Vec<(&str, Hazard)> = Hazard::ALL.iter().map(|hazard| (hazard.name(), *hazard)).collect();
    Some(texts.iter().filter_map(|text| table.pick("hazards", text, &known)).map(|found| found.value).collect())
}
