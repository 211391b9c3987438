//! Groups: places that make the same move are told of in one bulletin, and stay one warning until they part.
//!
//! Where they part, every place of the older bulletin is named in a bulletin of the same turn, unless an authority speaks for it: a
//! newer edition takes the place of an older one that was not sent, and must not take a word with it that nobody else says. An end is
//! told under a number of its own as long as the warning goes on elsewhere, so that no later edition can overtake it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Place, Stance, key, number, of_rules};
use crate::alert::Status;
use crate::bulletin::{Bulletin, ByHand, Change, Evidence, Origin, Reach};
use crate::engine::state::Draft;
use crate::hazard::{Hazard, Severity};
use crate::ids::{BulletinId, GovernorateId};
use crate::rule::RuleBook;
use crate::time::Timestamp;
use crate::warning::{Move, Overtaken, Warning, overtaken};

/// What places must have in common to share a bulletin; what is worst comes first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Share {
    /// They make the same move.
    Moving {
        severity: Reverse<Severity>,
        change: Change,
        /// The worst that was told of them before: who hears of the red ones only is not told of others by their side.
        reach: Option<Severity>,
        /// Whether they stand without fresh data; of an end that data have shown, it tells nothing.
        is_silent: bool,
        /// When it ended.
        ended: Option<Timestamp>,
    },
    /// They make none, and what was told of them and others goes on without those.
    Staying(BulletinId),
}

impl Share {
    fn of(told: Option<&Warning>, found: &Move) -> Self {
        Self::Moving {
            severity: Reverse(found.severity),
            change: found.change,
            reach: told.map(|told| told.reach.worst),
            is_silent: found.silent_since.is_some() && found.change != Change::Lifted,
            ended: found.change.is_end().then_some(found.until),
        }
    }

    /// Which share the number of a warning stays with: it goes on where the warning does, and where nothing changes.
    fn rank(&self) -> u8 {
        match self {
            Self::Staying(_) => 2,
            Self::Moving { change, .. } => u8::from(!change.is_end()),
        }
    }
}

/// A place, and what is said of it.
struct Member<'a> {
    place: &'a Place,
    /// What goes on or ends in what is said; none when it begins.
    told: Option<&'a Warning>,
    found: Move,
    evidence: Vec<Evidence>,
    /// Whether nothing has changed for it.
    stays: bool,
}

impl<'a> Member<'a> {
    fn moving(place: &'a Place, told: &'a Warning, found: Move) -> Self {
        let evidence = match found.change {
            Change::Lifted | Change::Expired | Change::Corrected => Vec::new(),
            // What nobody has seen again rests on what was seen last.
            Change::Extended | Change::Updated if place.so.evidence.is_empty() => told.evidence.clone(),
            Change::Issued | Change::Raised | Change::Lowered | Change::Extended | Change::Updated => {
                place.so.evidence.clone()
            }
        };
        Self { place, told: Some(told), found, evidence, stays: false }
    }

    /// As told, and no more than that.
    fn staying(place: &'a Place, told: &'a Warning) -> Self {
        let found = Move {
            change: Change::Updated,
            severity: told.severity,
            onset: told.onset,
            until: told.until,
            silent_since: told.silent_since,
        };
        Self { place, told: Some(told), found, evidence: told.evidence.clone(), stays: true }
    }
}

/// The hazards of which a warning over several places has lost some of them in this step, to an authority.
pub(super) fn narrowed(draft: &Draft<'_>) -> impl Iterator<Item = Hazard> {
    let lost = draft.taken_away().filter(|(_, told)| 1 < told.areas.len());
    lost.filter_map(|(key, _)| of_rules(key)).map(|(hazard, _)| hazard)
}

/// Says what has changed in places that were told of. All places of the hazard that were told of must be among them.
pub(super) fn go_on(book: &RuleBook, draft: &mut Draft<'_>, hazard: Hazard, places: &[Place], now: Timestamp) {
    let mut groups: BTreeMap<&BulletinId, Vec<(&Place, &Warning)>> = BTreeMap::new();
    for place in places {
        if let Some(told) = &place.told {
            groups.entry(&told.last).or_default().push((place, told));
        }
    }
    let mut shares: BTreeMap<Share, Vec<Member<'_>>> = BTreeMap::new();
    for (last, group) in groups {
        let is_whole = group.iter().all(|(_, told)| told.areas.len() == group.len());
        if is_whole && !group.iter().any(|(place, _)| place.stirs(now)) {
            continue;
        }
        for (place, told) in group {
            match (&place.found, &place.stance) {
                (Some(found), _) => {
                    let member = Member::moving(place, told, found.clone());
                    shares.entry(Share::of(Some(told), found)).or_default().push(member);
                }
                (None, Stance::Quiet) => forget(draft, place, told, "an authority speaks of it", now),
                (None, Stance::Silenced { why }) if told.until <= now => forget(draft, place, told, why, now),
                (None, Stance::Silenced { .. } | Stance::Free | Stance::Beside) => {
                    shares.entry(Share::Staying(last.clone())).or_default().push(Member::staying(place, told));
                }
            }
        }
    }
    let heirs = heirs(&shares);
    for (share, members) in shares {
        let before = heirs.get(&share).map(|(number, edition)| (number.clone(), *edition));
        say(book, draft, hazard, members, before, now);
    }
}

/// Ends in a place, without a word, what was told there.
fn forget(draft: &mut Draft<'_>, place: &Place, told: &Warning, why: &str, now: Timestamp) {
    draft.put_warning(key(told.hazard, &place.governorate), None);
    draft.write(now, "quiet", &told.last, format!("nothing more is said of it in {}: {why}", place.governorate));
}

/// Says that a hazard begins in places, each on the values that were seen there.
pub(super) fn issue(
    book: &RuleBook,
    draft: &mut Draft<'_>,
    hazard: Hazard,
    begun: Vec<(&Place, Move, Vec<Evidence>)>,
    now: Timestamp,
) {
    let mut shares: BTreeMap<Share, Vec<Member<'_>>> = BTreeMap::new();
    for (place, found, evidence) in begun {
        let share = Share::of(None, &found);
        shares.entry(share).or_default().push(Member { place, told: None, found, evidence, stays: false });
    }
    for members in shares.into_values() {
        say(book, draft, hazard, members, None, now);
    }
}

/// Finds for each warning the share in which its number goes on: where it stays as it was, else where most of its places go on, else
/// where most of them end. A share that several go on in takes the oldest number, and the others end in it.
fn heirs(shares: &BTreeMap<Share, Vec<Member<'_>>>) -> BTreeMap<Share, (String, u32)> {
    let mut sizes: BTreeMap<&BulletinId, (&Warning, BTreeMap<&Share, usize>)> = BTreeMap::new();
    for (share, members) in shares {
        for told in members.iter().filter_map(|member| member.told) {
            let (_, sizes) = sizes.entry(&told.last).or_insert_with(|| (told, BTreeMap::new()));
            *sizes.entry(share).or_default() += 1;
        }
    }
    let mut heirs = BTreeMap::new();
    for (told, sizes) in sizes.into_values() {
        // Among equals the worst, which comes first.
        let heir = sizes.into_iter().rev().max_by_key(|(share, size)| (share.rank(), *size));
        if let Some((share, _)) = heir {
            heirs.entry(share.clone()).or_insert_with(|| (told.number.clone(), told.edition + 1));
        }
    }
    heirs
}

/// Says one thing of all members and remembers it for each of them.
fn say(
    book: &RuleBook,
    draft: &mut Draft<'_>,
    hazard: Hazard,
    mut members: Vec<Member<'_>>,
    heir_of: Option<(String, u32)>,
    now: Timestamp,
) {
    members.sort_by_cached_key(|member| book.governorates.order(&member.place.governorate));
    let Some(Move { change, severity, .. }) = members.first().map(|member| member.found.clone()) else { return };
    let is_end = change.is_end();
    let (number, edition) = heir_of.unwrap_or_else(|| (number(book, draft, now), 1));
    let id = BulletinId::new(&number, edition);
    let told = || members.iter().filter_map(|member| member.told);
    let found = || members.iter().map(|member| &member.found);
    let mut reach = Reach::new(hazard, severity);
    told().for_each(|told| reach.take_in(&told.reach));
    let overtaken = overtaken(told(), &number, now);
    let mut replaces: BTreeSet<&BulletinId> = told().map(|told| &told.last).collect();
    replaces.extend(overtaken.iter().map(|overtaken| &overtaken.id));
    let silent: Option<Vec<Timestamp>> = found().map(|found| found.silent_since).collect();
    let onset = found().map(|found| found.onset).min().unwrap_or(now);
    let until = found().map(|found| found.until).max().unwrap_or(now);
    let bulletin = Bulletin {
        id,
        number,
        edition,
        replaces: replaces.into_iter().cloned().collect(),
        change,
        status: Status::Actual,
        hazard,
        severity,
        was: told().map(|told| told.severity).max(),
        reach,
        areas: members.iter().map(|member| member.place.governorate.clone()).collect(),
        left: Vec::new(),
        doubtful: Vec::new(),
        parted: parted(book, &members),
        same_since: same_since(&members),
        issued: now,
        onset,
        until,
        stale_after: if is_end { now + book.times.end_notice } else { until },
        silent_since: silent.and_then(|silent| silent.into_iter().min()),
        by_hand: ByHand::default(),
        only_in: Vec::new(),
        origin: Origin::Automatic { evidence: members.iter().flat_map(|member| member.evidence.clone()).collect() },
    };
    let areas: Arc<[GovernorateId]> = bulletin.areas.as_slice().into();
    for Member { place, evidence, .. } in members {
        let now_told = (!is_end).then(|| of_place(&bulletin, areas.clone(), evidence, overtaken.clone()));
        draft.put_warning(key(hazard, &place.governorate), now_told);
    }
    draft.say(bulletin);
}

/// Since which edition nothing is new for any member; none where something is.
fn same_since(members: &[Member<'_>]) -> Option<u32> {
    let known = |told: &Warning| told.same_since.unwrap_or(told.edition);
    let all = members.iter().map(|member| member.told.filter(|_| member.stays).map(known));
    all.collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// The places that were told of with those that stay, in official order; none where anything else is new.
fn parted(book: &RuleBook, members: &[Member<'_>]) -> Vec<GovernorateId> {
    if !members.iter().all(|member| member.stays) {
        return Vec::new();
    }
    let stays = |area: &&GovernorateId| members.iter().any(|member| member.place.governorate == **area);
    let before = members.iter().filter_map(|member| member.told).flat_map(|told| told.areas.iter());
    let mut parted: Vec<GovernorateId> = before.filter(|area| !stays(area)).cloned().collect();
    parted.sort_by_key(|area| book.governorates.order(area));
    parted.dedup();
    parted
}

/// What is in force in one of a bulletin's places, with the values that are of that place.
fn of_place(
    bulletin: &Bulletin,
    areas: Arc<[GovernorateId]>,
    evidence: Vec<Evidence>,
    overtaken: Vec<Overtaken>,
) -> Warning {
    Warning {
        number: bulletin.number.clone(),
        edition: bulletin.edition,
        last: bulletin.id.clone(),
        hazard: bulletin.hazard,
        severity: bulletin.severity,
        reach: bulletin.reach.clone(),
        areas,
        onset: bulletin.onset,
        until: bulletin.until,
        silent_since: bulletin.silent_since,
        evidence,
        official: None,
        desk: None,
        overtaken,
        same_since: bulletin.same_since,
    }
}
