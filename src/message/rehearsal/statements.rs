//! Every statement that a rehearsal tells: each sort, each verdict, with and without what may be left out, said and taken back.

use super::bulletins::Scene;
use crate::ids::{BulletinId, GovernorateId};
use crate::language::Both;
use crate::statement::{Content, Rumour, SERIES, Sort, Statement, Truth, When};
use crate::time::TimeDelta;

fn both(ar: &str, en: &str) -> Both<String> {
    Both { ar: ar.to_owned(), en: en.to_owned() }
}

impl Scene {
    /// A statement of a sort, with all that it may say.
    pub(in crate::message) fn statement(&self, sort: Sort, truth: Truth, areas: &[GovernorateId]) -> Statement {
        let number = format!("{}{SERIES}2025-000012", self.code);
        let issued = self.at(9, 3, 5);
        let (title, text) = match sort {
            Sort::News => (
                both("أمير المنطقة يتفقد مشاريع تصريف السيول", "The Emir inspects the flood drains"),
                both("اطّلع سموه على سير العمل في المشاريع.", "His Highness saw how the work is going."),
            ),
            Sort::Event => {
                (both("ملتقى مكة الثقافي", "Makkah Cultural Forum"), both("الدعوة عامة.", "Everyone is welcome."))
            }
            Sort::Rumour => (
                both("إغلاق طريق الهدا", "The closing of Al Hada road"),
                both("الطريق مفتوح، والحركة فيه طبيعية.", "The road is open, and traffic flows."),
            ),
        };
        let claim = both("طريق الهدا مغلق حتى إشعار آخر", "Al Hada road is closed until further notice");
        Statement {
            id: BulletinId::new(&number, 1),
            number,
            edition: 1,
            is_withdrawn: false,
            content: Content {
                sort,
                title,
                text: Some(text),
                rumour: (sort == Sort::Rumour).then_some(Rumour { claim, truth }),
                when: (sort == Sort::Event).then(|| When { from: self.at(9, 18, 0), until: Some(self.at(9, 21, 0)) }),
                places: areas.to_vec(),
                link: Some("https://makkah.example.sa/12".to_owned()),
            },
            author: "somebody".to_owned(),
            issued,
            stale_after: issued + TimeDelta::hours(24),
        }
    }
}

/// Shows every statement, with a few words on what it tells of.
pub(in crate::message) fn every(scene: &Scene, areas: &[GovernorateId], mut look: impl FnMut(&Statement, &str)) {
    for sort in Sort::ALL {
        let truths = if *sort == Sort::Rumour { Truth::ALL } else { &[Truth::True] };
        for truth in truths {
            let story = match sort {
                Sort::News | Sort::Event => format!("a statement, {}", sort.name()),
                Sort::Rumour => format!("a statement, {}, {}", sort.name(), truth.name()),
            };
            let told = scene.statement(*sort, *truth, areas);
            look(&told, &story);
            let when = told.content.when.clone().map(|when| When { until: None, ..when });
            let bare = Content { when, link: None, places: Vec::new(), ..told.content.clone() };
            look(&Statement { content: bare, ..told.clone() }, &story);
            let back = BulletinId::new(&told.number, 2);
            look(&Statement { id: back, edition: 2, is_withdrawn: true, ..told }, &format!("{story}, taken back"));
        }
    }
}
