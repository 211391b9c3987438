//! Documents that a newer one overtook before they arrived. Feeds do not keep the order, and of a list that cannot be had whole
//! the newest may come first.
//!
//! Never tells such a document: what it takes the place of ends with it, or goes on in what overtook it.

use super::editions::finish;
use super::heirs::{Heir, add, inherit};
use super::{Document, NEWER, REMEMBER_ALERTS, go_on, issue, twins};
use crate::alert::{Alert, MsgType, Scope, Status};
use crate::bulletin::Change;
use crate::engine::seen::{Overtaking, Seen};
use crate::engine::state::Draft;
use crate::rule::RuleBook;
use crate::time::Timestamp;
use crate::warning::{OfficialPart, Trail, Warning, WarningKey};

/// What a document goes on in that was overtaken: a part of the newer one, told or about to be.
struct Successor {
    official: OfficialPart,
    place: Place,
}

/// Where it is kept.
enum Place {
    /// It is told.
    Told(WarningKey, Box<Warning>),
    /// It waits for its twin.
    Waits(String),
}

impl Document<'_> {
    /// Has a document that was overtaken take along what it refers to; nothing for all others.
    pub(super) fn give_way(&self, book: &RuleBook, draft: &mut Draft<'_>, now: Timestamp) {
        let alert = self.first;
        let triple = alert.identity.to_string();
        let is_meant = alert.status == Status::Actual && alert.scope == Scope::Public;
        let Some(seen) = draft.seen(&triple).filter(|_| is_meant).cloned() else { return };
        let Some(how) = seen.overtaking().cloned() else { return };
        draft.put_seen(triple.clone(), seen.arrived(alert.expires.max(now) + REMEMBER_ALERTS, alert.fingerprint));
        match alert.msg_type {
            MsgType::Alert | MsgType::Update | MsgType::Cancel => {}
            MsgType::Ack | MsgType::Error => return,
        }
        if twins::is_behind(draft, alert, now) {
            return draft.write(now, "held", &triple, NEWER.to_owned());
        }
        draft.write(now, "held", &triple, "it was overtaken before it arrived: it is not told".to_owned());
        self.overtake(draft, &how, now);
        let mut successors = successors(draft, &how, now);
        for successor in &mut successors {
            successor.official.line.push(triple.clone());
        }
        let is_own =
            |key: &WarningKey| successors.iter().any(|one| matches!(&one.place, Place::Told(own, _) if own == key));
        let mut referred = self.referred(draft, now).live;
        referred.retain(|(key, _)| !is_own(key));
        if successors.is_empty() {
            let change = match how {
                Overtaking::GoesOn { until, .. } if until <= now => Change::Expired,
                Overtaking::GoesOn { .. } | Overtaking::Ended => Change::Lifted,
            };
            for (key, warning) in referred {
                finish(draft, book, &key, &warning, change, None, now);
            }
            return;
        }
        let parts: Vec<&Alert> = successors.iter().map(|one| &one.official.alert).collect();
        let mut heirs = inherit(&parts, referred, is_unclear(draft, &how), now);
        for (number, successor) in successors.into_iter().enumerate() {
            succeed(book, draft, successor, heirs.remove(&number).unwrap_or_default(), &triple, now);
        }
    }
}

/// The parts of what overtook a document that are in force or wait to be told.
fn successors(draft: &Draft<'_>, how: &Overtaking, now: Timestamp) -> Vec<Successor> {
    let Overtaking::GoesOn { by, .. } = how else { return Vec::new() };
    let is_meant = |official: &&OfficialPart| official.line.contains(by) && !official.alert.has_expired(now);
    let told = draft.officials().filter_map(|(key, warning)| {
        let official = warning.official.as_ref().filter(is_meant)?.clone();
        Some(Successor { official, place: Place::Told(key.clone(), Box::new(warning.clone())) })
    });
    let waiting = draft.pending().filter_map(|(key, pending)| {
        let official = Some(pending.official()).filter(is_meant)?.clone();
        Some(Successor { official, place: Place::Waits(key.clone()) })
    });
    told.chain(waiting).collect()
}

/// Whether a place of what overtook a document was not understood: what it does not name it may be about all the same.
fn is_unclear(draft: &Draft<'_>, how: &Overtaking) -> bool {
    match how {
        Overtaking::Ended => false,
        Overtaking::GoesOn { by, .. } => draft.seen(by).is_some_and(Seen::waits),
    }
}

/// Has a part take the place of what it has from before; where that is nothing, it only knows of one more name.
fn succeed(book: &RuleBook, draft: &mut Draft<'_>, successor: Successor, mut heir: Heir, triple: &str, now: Timestamp) {
    let is_news = !heir.before.is_empty() || !heir.left_to_it.is_empty();
    let Successor { official, place } = successor;
    match place {
        Place::Told(key, told) if is_news => {
            let Trail { left, doubtful } = official.trail.worth_telling(now);
            add(&mut heir.trail.left, left);
            add(&mut heir.trail.doubtful, doubtful);
            heir.before.insert(0, (key, *told));
            go_on(draft, official, &heir, now);
        }
        Place::Told(key, told) => draft.put_warning(key, Some(Warning { official: Some(official), ..*told })),
        Place::Waits(key) if is_news => {
            draft.put_pending(key, None);
            if heir.before.is_empty() {
                issue(book, draft, official, &heir.left_to_it, now);
            } else {
                go_on(draft, official, &heir, now);
            }
        }
        Place::Waits(key) => {
            let pending = draft.pending().find(|(known, _)| **known == key).map(|(_, pending)| pending.clone());
            draft.put_pending(key, pending.map(|pending| pending.after(triple.to_owned())));
        }
    }
}
