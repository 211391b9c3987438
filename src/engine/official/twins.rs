//! Twins: one event that an authority tells in two messages, one a language. They become one warning, and where time allows one
//! bulletin: an alert below red that has come in one language alone waits a little for the other.
//!
//! Waiting never outlives the alert, and never holds up one that is red.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::editions::{Edition, speak};
use super::{free, issue, root, speaks_of};
use crate::alert::{Alert, Words};
use crate::bulletin::Change;
use crate::engine::state::Draft;
use crate::hazard::Severity;
use crate::ids::FeedId;
use crate::language::Language;
use crate::rule::RuleBook;
use crate::time::Timestamp;
use crate::warning::{OfficialPart, Warning, WarningKey};

/// An alert that waits for its twin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::engine) struct Pending {
    /// What will be said, with all words that have come so far.
    official: OfficialPart,
    /// When it is said at the latest.
    due: Timestamp,
}

impl Pending {
    /// What will be said.
    pub(super) fn official(&self) -> &OfficialPart {
        &self.official
    }

    /// The same, with one more alert known to have gone before it.
    pub(super) fn after(mut self, triple: String) -> Self {
        self.official.line.push(triple);
        self
    }
}

/// The languages of ours that words are in.
fn languages(words: &[Words]) -> Vec<Language> {
    Language::ALL.into_iter().filter(|language| words.iter().any(|words| words.is_in(*language))).collect()
}

/// True when an authority says the same in two alerts of different languages.
fn are_twins(told: &Alert, alert: &Alert) -> bool {
    let tags = |alert: &Alert| -> BTreeSet<String> {
        alert.words.iter().map(|words| words.language.to_ascii_lowercase()).collect()
    };
    (told.hazard, told.severity, told.onset, told.expires) == (alert.hazard, alert.severity, alert.onset, alert.expires)
        && told.areas == alert.areas
        && told.identity.sender == alert.identity.sender
        && tags(told).is_disjoint(&tags(alert))
}

/// The live warning that says the same in another language.
pub(super) fn twin(draft: &Draft<'_>, alert: &Alert) -> Option<WarningKey> {
    draft
        .officials()
        .find(|(_, warning)| warning.official.as_ref().is_some_and(|official| are_twins(&official.alert, alert)))
        .map(|(key, _)| key.clone())
}

/// Adds an alert to the warning that says the same in another language. Readers of a language that was not told yet hear it in
/// an edition of their own.
fn join(draft: &mut Draft<'_>, key: &WarningKey, alert: &Alert, now: Timestamp) {
    let Some(told) = draft.warning(key).cloned() else { return };
    let Some(mut official) = told.official.clone() else { return };
    let known = languages(&official.alert.words);
    let only_in: Vec<Language> =
        languages(&alert.words).into_iter().filter(|language| !known.contains(language)).collect();
    official.line.push(alert.identity.to_string());
    official.alert.words.extend(alert.words.iter().cloned());
    if only_in.is_empty() {
        draft.put_warning(key.clone(), Some(Warning { official: Some(official), ..told }));
        draft.write(now, "twin", &alert.identity, "the same alert in another language: told once".to_owned());
        return;
    }
    draft.write(now, "twin", &alert.identity, format!("{} in another language", told.last));
    official.trail = official.trail.worth_telling(now);
    let edition = Edition {
        number: told.number.clone(),
        edition: told.edition + 1,
        change: Change::Updated,
        before: std::slice::from_ref(&told),
        taken: &[],
        only_in,
    };
    speak(draft, key.clone(), official, edition, now);
}

/// Adds each part of a document that has a twin to it, and gives the others.
pub(super) fn join_all<'a>(draft: &mut Draft<'_>, parts: Vec<&'a Alert>, now: Timestamp) -> Vec<&'a Alert> {
    let mut others = Vec::new();
    for part in parts {
        // Looked for anew each time: what one part has joined is no twin of the next any more.
        match twin(draft, part) {
            Some(key) => join(draft, &key, part, now),
            None => others.push(part),
        }
    }
    others
}

/// Lets a new alert wait for its twin when it may have one and can wait; true when it need not be said now.
pub(super) fn wait(book: &RuleBook, draft: &mut Draft<'_>, feed: &FeedId, alert: &Alert, now: Timestamp) -> bool {
    let twin = draft.pending().find(|(_, pending)| are_twins(&pending.official.alert, alert));
    if let Some((key, mut pending)) = twin.map(|(key, pending)| (key.clone(), pending.clone())) {
        draft.put_pending(key, None);
        pending.official.line.push(alert.identity.to_string());
        pending.official.alert.words.extend(alert.words.iter().cloned());
        draft.write(now, "twin", &alert.identity, "the same alert in another language: told together".to_owned());
        issue(book, draft, pending.official, &[], now);
        return true;
    }
    let patience = book.feeds.get(feed).map(|terms| terms.twin_wait).unwrap_or_default();
    let due = now + patience;
    let is_urgent = due <= now || alert.has_expired(due) || Severity::Red <= alert.severity;
    if is_urgent || languages(&alert.words).len() == Language::ALL.len() {
        return false;
    }
    let official = OfficialPart::new(feed, alert);
    let key = free(root(alert), |key| draft.pending().any(|(known, _)| known == key));
    draft.put_pending(key, Some(Pending { official, due }));
    let text = format!("it waits until {} for its twin in the other language", due.format("%T UTC"));
    draft.write(now, "twin", &alert.identity, text);
    true
}

/// Whether an alert speaks of one that waits and is newer: then it arrives too late to say anything of it.
pub(super) fn is_behind(draft: &Draft<'_>, alert: &Alert, now: Timestamp) -> bool {
    draft.pending().any(|(_, pending)| {
        let newest = pending.official.alert.written();
        newest <= now && alert.written() < newest && speaks_of(alert, &pending.official)
    })
}

/// Forgets alerts that wait and that a newer one corrects or ends: they are not told any more.
pub(super) fn forget(draft: &mut Draft<'_>, by: &Alert, now: Timestamp) {
    let is_meant = |pending: &Pending| speaks_of(by, &pending.official);
    let keys: Vec<String> =
        draft.pending().filter(|(_, pending)| is_meant(pending)).map(|(key, _)| key.clone()).collect();
    for key in keys {
        draft.write(now, "held", &key, format!("{} overtakes it before it was told", by.identity));
        draft.put_pending(key, None);
    }
}

/// Says the alerts that have waited long enough, or longer than anyone waits: the clock may have been set back.
pub(in crate::engine) fn speak_up(book: &RuleBook, draft: &mut Draft<'_>, now: Timestamp) {
    let is_due = |pending: &Pending| {
        let patience = book.feeds.get(&pending.official.feed).map(|terms| terms.twin_wait).unwrap_or_default();
        pending.due <= now || now + patience < pending.due
    };
    let due: Vec<(String, Pending)> = draft
        .pending()
        .filter(|(_, pending)| is_due(pending))
        .map(|(key, pending)| (key.clone(), pending.clone()))
        .collect();
    for (key, pending) in due {
        draft.put_pending(key, None);
        if !pending.official.alert.has_expired(now) {
            issue(book, draft, pending.official, &[], now);
        } else {
            // The service stood still over its end; it is told neither late nor silently forgotten.
            let text = "its time ran out while it waited: not sent".to_owned();
            draft.write(now, "held", &pending.official.alert.identity, text);
        }
    }
}
