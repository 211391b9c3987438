//! Where people on duty answer with a press: who of them may say what of a bulletin that is kept back, and who pressed.
//!
//! An ear hears and answers; whether something is done is the brain's to say. Who may press stands in the channel's table, by the
//! number that the service knows a person by: names that people give themselves can be anybody's.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;

use crate::bulletin::Verdict;
use crate::ids::BulletinId;
use crate::table::Table;

/// The most people who may press at one channel.
pub(crate) const MAX_APPROVERS: usize = 100;

/// The longest name of one of them, in characters.
const MAX_NAME: usize = 64;

/// Somebody pressed a button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    /// Beneath which bulletin.
    pub bulletin: BulletinId,
    /// Which one.
    pub verdict: Verdict,
    /// Who; none when it is nobody who may.
    pub by: Option<String>,
    /// Where the answer goes, as the service of this ear has it.
    pub(crate) back: Vec<String>,
}

/// How loud the answer to a press is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Everybody there reads it, and the buttons go.
    Everybody,
    /// Whoever pressed reads it.
    Presser,
}

/// Hears the presses of one channel.
pub trait Ear: Send + Sync {
    /// Waits for presses, for a bounded while. What it gave before counts as dealt with.
    fn listen(&self) -> BoxFuture<'_, Result<Vec<Press>, String>>;
    /// Says what came of one.
    fn answer<'a>(&'a self, press: &'a Press, text: &'a str, told: Told) -> BoxFuture<'a, Result<(), String>>;
}

/// What a button carries: the verdict and the name of the bulletin.
pub(super) fn mark(verdict: Verdict, bulletin: &BulletinId) -> String {
    format!("{} {bulletin}", word(verdict))
}

/// What a button carried.
pub(super) fn read(mark: &str) -> Option<(Verdict, BulletinId)> {
    let (verdict, bulletin) = mark.split_once(' ')?;
    let verdict = [Verdict::Approve, Verdict::Hold, Verdict::Refuse].into_iter().find(|one| word(*one) == verdict)?;
    Some((verdict, BulletinId::parse(bulletin)?))
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "approve",
        Verdict::Hold => "hold",
        Verdict::Refuse => "reject",
    }
}

/// Reads who may press: the numbers of a service, each with the name that the journal has for that person. `None` after a fault.
pub(super) fn approvers(
    table: &Table<'_>,
    is_number: fn(&str) -> bool,
    example: &str,
) -> Option<BTreeMap<String, String>> {
    let Some(inner) = table.table("approvers") else {
        return (!table.has("approvers")).then(BTreeMap::new);
    };
    let before = inner.faults();
    let keys = inner.keys();
    if let Some(beyond) = keys.get(MAX_APPROVERS) {
        inner.error(&beyond.span, format!("`approvers` names more than {MAX_APPROVERS} people"), None);
    }
    let mut approvers = BTreeMap::new();
    for key in keys {
        if !is_number(&key.value) {
            let message = format!("`{}` is not what the service knows a person by", key.value);
            inner.error(&key.span, message, Some(format!("write it as in {example}")));
        }
        let Some(name) = inner.text_of(&key.value) else { continue };
        let len = name.value.trim().chars().count();
        if len == 0 || MAX_NAME < len {
            let message = format!("`{}` is no name; write one of 1 to {MAX_NAME} letters", name.value);
            inner.error(&name.span, message, None);
        }
        approvers.insert(key.value, name.value.trim().to_owned());
    }
    (inner.faults() == before).then_some(approvers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_says_what_it_is_about() {
        let bulletin = BulletinId::new("MKH-2025-000001", 2);
        for verdict in [Verdict::Approve, Verdict::Hold, Verdict::Refuse] {
            let mark = mark(verdict, &bulletin);
            // What Telegram takes as `callback_data`.
            assert!(mark.len() <= 64 && read(&mark) == Some((verdict, bulletin.clone())), "{mark}");
        }
        for wrong in ["", "approve", "approve MKH-2025-000001", "dance MKH-2025-000001.1", "approve MKH.x"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
