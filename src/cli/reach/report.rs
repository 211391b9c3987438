//! What `nadhir reach` tells, from the rows of the store. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::bulletin::Bulletin;
use crate::ids::{BulletinId, ChannelId};
use crate::outbox::Standing;
use crate::store::ReachRow;
use crate::time::Timestamp;

/// What is known of a channel beside its deliveries.
pub(super) struct Known {
    pub(super) audience: &'static str,
    pub(super) followers: Option<u64>,
}

/// How many messages reached whom, how fast, and of what.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Reach {
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
    /// How many bulletins were given.
    pub(super) bulletins: u64,
    /// By channel and the languages that its messages had.
    pub(super) channels: Vec<ChannelReach>,
    /// By what threatens.
    pub(super) hazards: Vec<Share>,
    /// By place: a bulletin over several places counts in each.
    pub(super) governorates: Vec<Share>,
    /// By language: a message in several counts in each.
    pub(super) languages: Vec<Share>,
}

/// What became of the messages of a channel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ChannelReach {
    pub(super) channel: String,
    /// Who listens there; none when it is not configured any more.
    pub(super) audience: Option<&'static str>,
    pub(super) languages: Vec<String>,
    /// All that were ever owed: bulletins, statements and notices.
    pub(super) messages: u64,
    pub(super) delivered: u64,
    /// Given up.
    pub(super) failed: u64,
    /// Their time ran out.
    pub(super) expired: u64,
    /// Not sent, since a newer edition took their place or somebody refused them.
    pub(super) spared: u64,
    /// Still to be sent.
    pub(super) owed: u64,
    /// From decision to arrival, of bulletins that arrived; none when none did.
    pub(super) response_ms: Option<Response>,
    /// How many people follow it, where that was asked and told.
    pub(super) followers: Option<u64>,
}

/// Times in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Response {
    /// Half of them were at least as fast.
    pub(super) median: i64,
    /// 95 of 100 were at least as fast.
    pub(super) p95: i64,
    pub(super) worst: i64,
}

/// What part of all deliveries something had.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Share {
    pub(super) name: String,
    pub(super) bulletins: u64,
    pub(super) delivered: u64,
    /// Of all deliveries of bulletins that arrived, in percent, rounded.
    pub(super) percent: u64,
}

/// Counts of one channel in one set of languages.
#[derive(Default)]
struct Count {
    standings: BTreeMap<Standing, u64>,
    responses: Vec<i64>,
}

impl Count {
    fn of(&self, standing: Standing) -> u64 {
        self.standings.get(&standing).copied().unwrap_or(0)
    }

    fn response(&self) -> Option<Response> {
        let mut sorted = self.responses.clone();
        sorted.sort_unstable();
        let worst = *sorted.last()?;
        let at = |hundredths: usize| sorted.get((sorted.len() * hundredths).div_ceil(100).saturating_sub(1)).copied();
        Some(Response { median: at(50)?, p95: at(95)?, worst })
    }
}

impl Reach {
    /// Counts what the store holds.
    pub(super) fn of(
        (since, until): (Timestamp, Timestamp),
        rows: &[ReachRow],
        bulletins: &[Bulletin],
        known: &BTreeMap<ChannelId, Known>,
    ) -> Self {
        let said: BTreeMap<&BulletinId, &Bulletin> =
            bulletins.iter().map(|bulletin| (&bulletin.id, bulletin)).collect();
        let mut counts: BTreeMap<(&str, &str), Count> = BTreeMap::new();
        let mut arrived: BTreeMap<&BulletinId, u64> = BTreeMap::new();
        let mut spoken: BTreeMap<&str, (BTreeSet<&BulletinId>, u64)> = BTreeMap::new();
        for row in rows {
            let languages = row.message.as_str().split('/').nth(2).unwrap_or_default();
            let count = counts.entry((&row.channel, languages)).or_default();
            *count.standings.entry(row.standing).or_default() += 1;
            let (Standing::Delivered, Some(bulletin)) = (row.standing, said.get(&row.bulletin)) else { continue };
            count.responses.extend(row.settled_at.map(|at| (at - bulletin.issued).num_milliseconds().max(0)));
            *arrived.entry(&bulletin.id).or_default() += 1;
            for language in languages.split('+') {
                let (bulletins, delivered) = spoken.entry(language).or_default();
                bulletins.insert(&bulletin.id);
                *delivered += 1;
            }
        }
        let all: u64 = arrived.values().sum();
        let of = |keys: &dyn Fn(&Bulletin) -> Vec<String>| shares(bulletins, &arrived, all, keys);
        let hazards = of(&|bulletin| vec![bulletin.hazard.name().to_owned()]);
        let governorates = of(&|bulletin| bulletin.areas.iter().map(ToString::to_string).collect());
        let languages = spoken.into_iter().map(|(name, (bulletins, delivered))| {
            let bulletins = bulletins.len() as u64;
            Share { name: name.to_owned(), bulletins, delivered, percent: percent(delivered, all) }
        });
        let channels =
            counts.iter().map(|((channel, languages), count)| channel_reach(channel, languages, count, known));
        Self {
            since,
            until,
            bulletins: bulletins.len() as u64,
            channels: channels.collect(),
            hazards,
            governorates,
            languages: languages.collect(),
        }
    }
}

fn channel_reach(channel: &str, languages: &str, count: &Count, known: &BTreeMap<ChannelId, Known>) -> ChannelReach {
    let known = ChannelId::new(channel).ok().and_then(|id| known.get(&id));
    ChannelReach {
        channel: channel.to_owned(),
        audience: known.map(|known| known.audience),
        languages: languages.split('+').map(str::to_owned).collect(),
        messages: count.standings.values().sum(),
        delivered: count.of(Standing::Delivered),
        failed: count.of(Standing::Dead),
        expired: count.of(Standing::Expired),
        spared: count.of(Standing::Superseded) + count.of(Standing::Refused),
        owed: count.of(Standing::Owed),
        response_ms: count.response(),
        followers: known.and_then(|known| known.followers),
    }
}

fn shares(
    bulletins: &[Bulletin],
    arrived: &BTreeMap<&BulletinId, u64>,
    all: u64,
    keys: &dyn Fn(&Bulletin) -> Vec<String>,
) -> Vec<Share> {
    let mut counts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for bulletin in bulletins {
        for key in keys(bulletin) {
            let (bulletins, delivered) = counts.entry(key).or_default();
            *bulletins += 1;
            *delivered += arrived.get(&bulletin.id).copied().unwrap_or(0);
        }
    }
    let share = |(name, (bulletins, delivered))| Share { name, bulletins, delivered, percent: percent(delivered, all) };
    let mut shares: Vec<Share> = counts.into_iter().map(share).collect();
    shares.sort_by(|one, other| other.delivered.cmp(&one.delivered).then_with(|| one.name.cmp(&other.name)));
    shares
}

fn percent(part: u64, all: u64) -> u64 {
    (part * 100 + all / 2).checked_div(all).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hazard::{Hazard, Severity};
    use crate::ids::GovernorateId;
    use crate::time::TimeDelta;

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    fn bulletin(number: &str, hazard: Hazard, places: &[&str]) -> Bulletin {
        let areas = places.iter().map(|place| GovernorateId::new(place).unwrap()).collect();
        Bulletin::plain(number, (hazard, Severity::Yellow), areas, (at(0), at(10_800)))
    }

    /// One delivery: channel, languages, bulletin, where it stands and when that was.
    fn row((channel, languages, number, standing, second): (&str, &str, &str, Standing, Option<i64>)) -> ReachRow {
        let bulletin = BulletinId::new(number, 1);
        let message = serde_json::from_value(format!("{bulletin}/text/{languages}").into()).unwrap();
        ReachRow { channel: channel.to_owned(), message, bulletin, standing, settled_at: second.map(at) }
    }

    #[test]
    fn what_arrived_is_counted_by_channel_hazard_place_and_language() {
        use Standing::{Dead, Delivered, Expired, Owed, Refused, Superseded};
        let bulletins = [bulletin("A", Hazard::Rain, &["jeddah", "rabigh"]), bulletin("B", Hazard::Dust, &["jeddah"])];
        let rows = [
            ("desk", "ar+en", "A", Delivered, Some(1)),
            ("desk", "ar+en", "B", Delivered, Some(9)),
            ("desk", "ar+en", "OPS", Delivered, Some(500)),
            ("gone", "ar", "A", Delivered, Some(3)),
            ("gone", "ar", "B", Dead, Some(4)),
            ("gone", "ar", "C", Expired, Some(4)),
            ("gone", "ar", "D", Superseded, Some(4)),
            ("gone", "ar", "E", Refused, Some(4)),
            ("gone", "ar", "F", Owed, None),
        ];
        let desk = Known { audience: "staff", followers: Some(7) };
        let known = BTreeMap::from([(ChannelId::new("desk").unwrap(), desk)]);
        let reach = Reach::of((at(0), at(600)), &rows.map(row), &bulletins, &known);
        let [desk, gone] = reach.channels.as_slice() else { panic!("{reach:?}") };
        assert_eq!((desk.messages, desk.delivered, desk.audience, desk.followers), (3, 3, Some("staff"), Some(7)));
        assert_eq!(
            desk.response_ms,
            Some(Response { median: 1000, p95: 9000, worst: 9000 }),
            "a notice is no bulletin"
        );
        let counts = (gone.messages, gone.delivered, gone.failed, gone.expired, gone.spared, gone.owed);
        assert_eq!((counts, gone.audience), ((6, 1, 1, 1, 2, 1), None));
        let told = |shares: &[Share]| {
            let told =
                shares.iter().map(|one| format!("{} {} {} {}%", one.name, one.bulletins, one.delivered, one.percent));
            told.collect::<Vec<_>>().join(", ")
        };
        assert_eq!(told(&reach.hazards), "rain 1 2 67%, dust 1 1 33%");
        assert_eq!(told(&reach.governorates), "jeddah 2 3 100%, rabigh 1 2 67%");
        assert_eq!(told(&reach.languages), "ar 2 3 100%, en 2 2 67%");
    }

    #[test]
    fn where_nothing_arrived_no_time_is_told() {
        let rows = [row(("desk", "en", "A", Standing::Owed, None))];
        let reach = Reach::of((at(0), at(9)), &rows, &[bulletin("A", Hazard::Rain, &["jeddah"])], &BTreeMap::new());
        assert_eq!((&reach.channels[0].response_ms, reach.hazards[0].percent), (&None, 0));
    }
}
