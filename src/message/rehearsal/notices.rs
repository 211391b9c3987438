//! Every notice to the people on duty that a rehearsal tells: each topic at each stage, and lists and counts of every length.

use super::bulletins::Scene;
use crate::hazard::{Hazard, Severity};
use crate::ids::{BulletinId, ChannelId, GovernorateId};
use crate::message::notice::MAX_LISTED;
use crate::notice::{
    Dropped, FeedClock, HeldAlert, Holding, LIFE, Notice, Part, Past, RanOut, Server, Side, Stage, Topic,
};
use crate::time::TimeDelta;

/// How many warnings may rest on a feed: every plural of both languages.
const RESTING: [u32; 8] = [0, 1, 2, 3, 11, 100, 102, 5000];

/// Numbers of things in a list: as many as are listed, and every plural of how many more there are.
const LISTED: [usize; 6] =
    [MAX_LISTED, MAX_LISTED + 1, MAX_LISTED + 2, MAX_LISTED + 5, MAX_LISTED + 11, MAX_LISTED + 100];

impl Scene {
    /// A notice of a topic at a stage.
    pub(in crate::message) fn notice(&self, topic: Topic, stage: Stage) -> Notice {
        let edition = match stage {
            Stage::Begun => 1,
            Stage::Continues => 2,
            Stage::Ended => 3,
        };
        let number = format!("{}-OPS-2025-000012", self.code);
        let issued = self.at(9, 3, 5);
        Notice {
            id: BulletinId::new(&number, edition),
            number,
            edition,
            stage,
            topic,
            since: self.at(9, 1, 40),
            issued,
            stale_after: issued + LIFE,
        }
    }

    /// A feed that is silent by one of its clocks.
    pub(in crate::message) fn silent(&self, clock: FeedClock, was_heard: bool, resting: u32) -> Topic {
        let limit = TimeDelta::minutes(if clock == FeedClock::Fetch { 15 } else { 120 });
        Topic::FeedSilent {
            feed: self.observer.clone(),
            was_heard,
            past: vec![Past { clock, since: self.at(9, 1, 40), limit }],
            why: (clock == FeedClock::Fetch).then(|| "no answer within 20s".to_owned()),
            resting,
        }
    }

    /// So many alerts that are held for a reason.
    pub(in crate::message) fn held(&self, why: Holding, count: usize) -> Topic {
        let alert = |number: usize| HeldAlert {
            alert: format!("cap@ncm.gov.sa,2.49.0.1.682.{number},2025-12-08T22:00:00-00:00"),
            about: "أمطار غزيرة على أتلانتس".to_owned(),
        };
        Topic::AlertHeld { feed: self.herald.clone(), why, alerts: (0..count).map(alert).collect(), more: 0 }
    }

    /// So many parts in a shape that is not known.
    pub(in crate::message) fn strange(&self, count: usize) -> Topic {
        let part = |number: usize| Part { part: format!("alerts[{number}]"), why: "`zones` is missing".to_owned() };
        Topic::UnknownShape { feed: self.observer.clone(), parts: (0..count).map(part).collect(), more: 0 }
    }

    /// Two warnings that ran out somewhere.
    pub(in crate::message) fn ran_out(&self, areas: &[GovernorateId]) -> Topic {
        let one = |number: usize, hazard, severity| RanOut {
            number: format!("{}-2025-00000{number}", self.code),
            hazard,
            severity,
            areas: areas.to_vec(),
            until: self.at(9, 0, 0),
        };
        Topic::RanOut {
            warnings: vec![one(7, Hazard::Rain, Severity::Red), one(9, Hazard::Wind, Severity::Yellow)],
            more: 0,
        }
    }
}

/// So many subscribers that were disabled.
fn disabled(count: usize) -> Topic {
    let one = |number: usize| Dropped {
        name: format!("partner-{number}"),
        why: "https://hooks.example answered 410 Gone".to_owned(),
    };
    let channel = ChannelId::new("partners").expect("it is a name");
    Topic::SubscriberDisabled { channel, subscribers: (1..=count).map(one).collect(), more: 0 }
}

/// Servers whose clocks are ahead by so many seconds.
fn skew(side: Side, ahead: &[i64]) -> Topic {
    let server = |(name, ahead_s): (&str, &i64)| Server { name: name.to_owned(), ahead_s: *ahead_s };
    let names = ["api.open-meteo.com", "ncm.gov.sa", "aviationweather.gov"];
    Topic::ClockSkew { side, servers: names.into_iter().zip(ahead).map(server).collect() }
}

/// Every topic at every stage that it has, under a name.
pub(in crate::message) fn plain(scene: &Scene, areas: &[GovernorateId]) -> Vec<(String, Notice)> {
    let mut topics = vec![
        ("silent by fetch".to_owned(), scene.silent(FeedClock::Fetch, true, 2)),
        ("never heard".to_owned(), scene.silent(FeedClock::Fetch, false, 0)),
        ("silent by news".to_owned(), scene.silent(FeedClock::News, true, 1)),
        ("silent by age".to_owned(), scene.silent(FeedClock::Age, true, 11)),
        ("unknown shape".to_owned(), scene.strange(2)),
    ];
    for (side, ahead) in [(Side::Ours, &[-330, -312][..]), (Side::Theirs, &[7500]), (Side::Either, &[-190_000])] {
        topics.push((format!("clocks {}", side.name()), skew(side, ahead)));
    }
    let mut all = Vec::new();
    for (name, topic) in topics {
        let at = |stage: &Stage| (format!("{name} {}", stage.name()), scene.notice(topic.clone(), *stage));
        all.extend(Stage::ALL.iter().map(at));
    }
    let held = |why: &Holding| (format!("held {}", why.name()), scene.notice(scene.held(*why, 1), Stage::Begun));
    all.extend(Holding::ALL.iter().map(held));
    all.push(("ran out".to_owned(), scene.notice(scene.ran_out(areas), Stage::Continues)));
    all.push(("subscribers disabled".to_owned(), scene.notice(disabled(2), Stage::Begun)));
    all
}

/// Shows every notice, with a few words on what it tells of.
pub(in crate::message) fn every(scene: &Scene, areas: &[GovernorateId], mut look: impl FnMut(&Notice, &str)) {
    let mut all = plain(scene, areas);
    for resting in RESTING {
        let topic = scene.silent(FeedClock::Fetch, true, resting);
        all.push((format!("{resting} rest on it"), scene.notice(topic, Stage::Begun)));
    }
    for count in LISTED {
        let held = scene.held(Holding::Unplaced, count);
        all.push((format!("{count} held"), scene.notice(held, Stage::Begun)));
        all.push((format!("{count} strange"), scene.notice(scene.strange(count), Stage::Begun)));
        all.push((format!("{count} disabled"), scene.notice(disabled(count), Stage::Begun)));
    }
    let nowhere = [GovernorateId::new("atlantis").expect("it is a name")];
    all.push(("ran out nowhere".to_owned(), scene.notice(scene.ran_out(&nowhere), Stage::Begun)));
    for (story, notice) in &all {
        look(notice, &format!("a notice, {story}"));
    }
}
