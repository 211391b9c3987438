//! Further languages: the files of `wording/` beside those of the two, and who takes one that nobody has read over.

use std::collections::BTreeMap;

use super::{ChannelConfig, Files};
use crate::language::Language;
use crate::language::direction::isolate;
use crate::message::further::Further;
use crate::problem::Problems;

/// The languages that files of `wording/` add to the two. That nobody has read one over is told where a channel takes it.
pub(super) fn read(files: &Files, problems: &Problems) -> BTreeMap<Language, Further> {
    let mut further = BTreeMap::new();
    for (name, file) in files {
        let Some(tag) = name.strip_prefix("wording/").and_then(|name| name.strip_suffix(".toml")) else { continue };
        match Language::of(tag) {
            Some(Language::Ar | Language::En) => {}
            Some(language) => further.extend(Further::compile(file, language, problems).map(|found| (language, found))),
            None => {
                let help = Some("call it after the BCP 47 tag of its language, such as ur.toml".to_owned());
                problems.error(file, 0..0, format!("`{tag}` is not the tag of a language"), help);
            }
        }
    }
    further
}

/// Tells of further languages that nobody has read over and that channels take.
pub(super) fn tell_unread(
    further: &BTreeMap<Language, Further>,
    channels: &[ChannelConfig],
    files: &Files,
    problems: &Problems,
) {
    for (language, found) in further.iter().filter(|(_, found)| found.reviewed_by().is_none()) {
        let takes = channels.iter().map(|one| &one.listener).filter(|one| one.languages.contains(language));
        let takers: Vec<&str> = takes.map(|one| one.channel.as_str()).collect();
        let file = files.get(&format!("wording/{}.toml", language.tag()));
        if let (Some(file), false) = (file, takers.is_empty()) {
            let (name, takers) = (isolate(Language::En, found.name()), takers.join(", "));
            let message = format!("nobody has read this wording over ({name}), and it is told at {takers}");
            let help = "have somebody who speaks it read every text, and write who did into `reviewed_by`".to_owned();
            problems.warning(file, 0..0, message, Some(help));
        }
    }
}
