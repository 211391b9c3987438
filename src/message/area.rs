//! Places in words: «محافظة جدة», «محافظتي جدة والليث», «العاصمة المقدسة ومحافظات جدة، والليث، والقنفذة».
//!
//! The Holy Capital is not a governorate and is not counted among them: it is named first. "All governorates" is said only when
//! truly all of the region are meant. A place that the book does not know any more is told by its identifier; it is never left out.

use std::collections::BTreeSet;

use crate::governorate::Governorate;
use crate::ids::GovernorateId;
use crate::language::direction::isolate;
use crate::language::list::join;
use crate::language::number::Rounded;
use crate::message::catalogue::Slot;
use crate::message::telling::{Telling, Told};

/// How the formal Arabic name of a governorate begins; what does not begin so stands outside the count.
const KIND: &str = "محافظة ";

fn is_counted(governorate: &Governorate) -> bool {
    governorate.formal.ar.starts_with(KIND)
}

/// The formal name of one place.
pub(super) fn formal(telling: &Telling<'_>, id: &GovernorateId) -> String {
    match telling.places.get(id) {
        Some(governorate) => isolate(telling.language, governorate.formal.get(telling.language)),
        None => isolate(telling.language, id.as_str()),
    }
}

/// Places in words, in the genitive.
pub(super) fn told(telling: &Telling<'_>, areas: &[GovernorateId]) -> Told {
    let language = telling.language;
    let (mut counted, mut apart) = (Vec::new(), Vec::new());
    for id in areas {
        match telling.places.get(id) {
            Some(governorate) if is_counted(governorate) => counted.push(id),
            _ => apart.push(formal(telling, id)),
        }
    }
    let capital = join(language, &apart);
    if counted.is_empty() {
        return Ok(capital);
    }
    let rest = governorates(telling, areas, &counted)?;
    if apart.is_empty() {
        return Ok(rest);
    }
    telling.say("places.with_capital", &[(Slot::Capital, &capital), (Slot::Rest, &rest)])
}

/// How many places there are, where there is no room for their names; a single one is named.
pub(super) fn counted(telling: &Telling<'_>, areas: &[GovernorateId]) -> Told {
    let known: BTreeSet<&GovernorateId> = areas.iter().collect();
    let is_all = telling.places.iter().all(|governorate| known.contains(&governorate.id));
    if known.len() < 2 || is_all {
        return told(telling, areas);
    }
    let number = Rounded::new(known.len() as f64, 0);
    let names = telling.wording.count(telling.language, telling.style, "places_count.governorate", &number)?;
    let region = isolate(telling.language, telling.places.region.get(telling.language));
    telling.say("places.counted", &[(Slot::Names, &names), (Slot::Region, &region)])
}

/// So many places by their names and the others by their number: «محافظات جدة، والليث، و٥ محافظات أخرى».
pub(super) fn bounded(telling: &Telling<'_>, areas: &[GovernorateId], named: usize) -> Told {
    let language = telling.language;
    let (shown, hidden) = areas.split_at(named.min(areas.len()));
    if hidden.is_empty() {
        return told(telling, areas);
    }
    let number = Rounded::new(hidden.len() as f64, 0);
    let others = telling.wording.count(language, telling.style, "places_count.others", &number)?;
    let (mut counted, mut apart) = (Vec::new(), Vec::new());
    for id in shown {
        match telling.places.get(id).filter(|governorate| is_counted(governorate)) {
            Some(governorate) => counted.push(isolate(language, governorate.name.get(language))),
            None => apart.push(formal(telling, id)),
        }
    }
    if counted.is_empty() {
        apart.push(others);
        return Ok(join(language, &apart));
    }
    counted.push(others);
    let rest = telling.say("places.many", &[(Slot::Names, &join(language, &counted))])?;
    if apart.is_empty() {
        return Ok(rest);
    }
    telling.say("places.with_capital", &[(Slot::Capital, &join(language, &apart)), (Slot::Rest, &rest)])
}

fn governorates(telling: &Telling<'_>, areas: &[GovernorateId], counted: &[&GovernorateId]) -> Told {
    let language = telling.language;
    let told: BTreeSet<&GovernorateId> = areas.iter().collect();
    if 3 <= counted.len() && telling.places.iter().all(|governorate| told.contains(&governorate.id)) {
        let region = isolate(language, telling.places.region.get(language));
        return telling.say("places.all", &[(Slot::Region, &region)]);
    }
    if let [only] = counted {
        return telling.say("places.one", &[(Slot::Name, &formal(telling, only))]);
    }
    let names: Vec<String> = counted
        .iter()
        .filter_map(|id| telling.places.get(id))
        .map(|governorate| isolate(language, governorate.name.get(language)))
        .collect();
    let key = if names.len() == 2 { "places.two" } else { "places.many" };
    telling.say(key, &[(Slot::Names, &join(language, &names))])
}
