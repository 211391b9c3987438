//! Which hazards have to be weighed where: where one is told of, waits to be or is held by a latch, and where a rule may be reached.
//!
//! Elsewhere nothing is so and nothing was told, so that there is nothing to compare; most places are such, nearly always. A place is
//! left out only when no rule can be reached by anything that is known there, however little is known: silence leaves out nothing
//! that holds.

use std::collections::{BTreeMap, BTreeSet};

use super::{key, keys, of_rules};
use crate::engine::Touched;
use crate::engine::state::{Draft, LatchKey};
use crate::hazard::Hazard;
use crate::ids::GovernorateId;
use crate::rule::judge::{Readings, may_reach};
use crate::rule::{Rule, RuleBook};
use crate::time::Timestamp;
use crate::unit::Metric;

/// Where each hazard has to be weighed; a place may be named more than once.
pub(super) type Cases = BTreeMap<Hazard, Vec<GovernorateId>>;

/// What has to be weighed: of what readings have touched, and on a tick of everything.
pub(super) fn cases(book: &RuleBook, draft: &Draft<'_>, touched: &Touched, now: Timestamp) -> Cases {
    match touched {
        Touched::All => everywhere(book, draft, now),
        Touched::Only(touched) => where_touched(book, draft, touched, now),
    }
}

fn everywhere(book: &RuleBook, draft: &Draft<'_>, now: Timestamp) -> Cases {
    let mut cases = alive(book, draft);
    for (governorate, rules) in book.rules.by_governorate() {
        let shelf = draft.shelf(governorate);
        if shelf.is_empty() {
            continue;
        }
        for rule in rules {
            if may_reach(rule, &shelf, now) {
                cases.entry(rule.hazard).or_default().push(governorate.clone());
            }
        }
    }
    cases
}

/// Where something is in force, waits to be told or is held by a latch. A live warning that no rule speaks of any more still has to
/// run out, and a place may wait for others that no rule speaks of any more.
fn alive(book: &RuleBook, draft: &Draft<'_>) -> Cases {
    let mut cases = Cases::new();
    let latched =
        draft.latched().filter_map(|LatchKey(rule, governorate)| Some((book.rules.hazard(rule)?, governorate)));
    for (hazard, governorate) in keys(draft).filter_map(of_rules).chain(latched) {
        cases.entry(hazard).or_default().push(governorate.clone());
    }
    cases
}

fn where_touched(
    book: &RuleBook,
    draft: &Draft<'_>,
    touched: &BTreeSet<(GovernorateId, Metric)>,
    now: Timestamp,
) -> Cases {
    let mut by_governorate: BTreeMap<&GovernorateId, Vec<Metric>> = BTreeMap::new();
    for (governorate, metric) in touched {
        by_governorate.entry(governorate).or_default().push(*metric);
    }
    let mut cases = Cases::new();
    for (governorate, metrics) in by_governorate {
        let shelf = draft.shelf(governorate);
        let is_touched = |rule: &&Rule| rule.metrics().any(|metric| metrics.contains(&metric));
        let mut may: BTreeMap<Hazard, bool> = BTreeMap::new();
        for rule in book.rules.at(governorate).filter(is_touched) {
            let may = may.entry(rule.hazard).or_default();
            *may = *may || may_reach(rule, &shelf, now);
        }
        for (hazard, may) in may {
            if may || is_alive(book, draft, hazard, governorate) {
                cases.entry(hazard).or_default().push(governorate.clone());
            }
        }
    }
    cases
}

/// Whether a hazard is told of in a place, waits to be or is held by a latch.
fn is_alive(book: &RuleBook, draft: &Draft<'_>, hazard: Hazard, governorate: &GovernorateId) -> bool {
    let key = key(hazard, governorate);
    let has_latch = |rule: &Rule| draft.latches(&LatchKey(rule.id.clone(), governorate.clone())).is_some();
    draft.warning(&key).is_some()
        || draft.wait(&key).is_some()
        || book.rules.at(governorate).filter(|rule| rule.hazard == hazard).any(has_latch)
}
