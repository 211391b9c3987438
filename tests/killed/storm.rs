//! The desk in the storm: orders to the service, as fast as it takes them, until it dies.

use std::path::Path;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use fastrand::Rng;
use nadhir::daemon::control::{Answer, Question, ask};
use nadhir::engine::desk::{Amend, Correct, Warn};
use nadhir::engine::staff::Order;
use nadhir::hazard::{Hazard, Severity};
use nadhir::ids::GovernorateId;

use super::Names;
use super::world::World;

const PLACES: [&str; 6] = ["jeddah", "makkah", "taif", "rabigh", "qunfudhah", "khulays"];

/// What was said in it.
#[derive(Default)]
pub(crate) struct Storm {
    /// The bulletins that the service said it had said.
    pub(crate) confirmed: Names,
    /// The numbers of warnings of the desk.
    numbers: Vec<String>,
}

impl Storm {
    /// Orders until a moment.
    pub(crate) fn rage(&mut self, world: &World, state: &Path, until: Instant, rng: &mut Rng) {
        while Instant::now() < until {
            let order = self.order(rng);
            let question = Question::Order { order };
            let left = until.saturating_duration_since(Instant::now());
            let asked = world.runtime.block_on(async { tokio::time::timeout(left, ask(state, &question)).await });
            match asked {
                Ok(Ok(Answer { ok: true, said, .. })) => {
                    for bulletin in said {
                        let number = bulletin.number().to_owned();
                        if !self.numbers.contains(&number) {
                            self.numbers.push(number);
                        }
                        self.confirmed.insert(bulletin.to_string());
                    }
                }
                // Refused, or not there yet, or dying.
                Ok(_) | Err(_) => std::thread::sleep(Duration::from_millis(5).min(left)),
            }
        }
    }

    fn order(&self, rng: &mut Rng) -> Order {
        let by = "the storm".to_owned();
        let number = rng.choice(self.numbers.iter().rev().take(12)).cloned();
        match (rng.u8(0..10), number) {
            (0..3, Some(number)) => Order::Amend(Amend {
                number,
                severity: Some(severity(rng)),
                governorates: None,
                until: None,
                remarks: None,
                by,
            }),
            (3, Some(number)) => Order::Lift { number, by },
            (4, Some(number)) => {
                let reason = nadhir::bulletin::Reason::ALL.first().copied().unwrap();
                Order::Correct(Correct { number, reason, remarks: None, quiet: TimeDelta::zero(), by })
            }
            _ => Order::Warn(Warn {
                hazard: *rng.choice(&[Hazard::Dust, Hazard::FlashFlood, Hazard::Wind, Hazard::Fog]).unwrap(),
                severity: severity(rng),
                governorates: rng
                    .choose_multiple(PLACES, 2)
                    .into_iter()
                    .map(|place| GovernorateId::new(place).unwrap())
                    .collect(),
                onset: None,
                until: Utc::now() + TimeDelta::hours(6),
                remarks: None,
                is_drill: false,
                by,
            }),
        }
    }
}

fn severity(rng: &mut Rng) -> Severity {
    *rng.choice(&[Severity::Yellow, Severity::Orange, Severity::Red]).unwrap()
}
