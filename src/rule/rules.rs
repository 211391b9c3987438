//! The rules in the order of their files, and which of them look at a governorate: whoever has news of one place asks those alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Deref;
use std::sync::Arc;

use super::Rule;
use crate::hazard::Hazard;
use crate::ids::{GovernorateId, RuleId};
use crate::unit::Metric;

/// Rules, found by name and by governorate. They are changed as a whole, so that what is found is always what they say.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    list: Vec<Rule>,
    index: Arc<Index>,
}

#[derive(Debug, Default)]
struct Index {
    /// The places of the rules in their list, in order.
    at: HashMap<GovernorateId, Vec<usize>>,
    hazards: BTreeMap<RuleId, Hazard>,
    metrics: BTreeSet<Metric>,
}

impl Rules {
    /// Every governorate that a rule looks at, in no order, each with the rules that do, in order.
    pub fn by_governorate(&self) -> impl Iterator<Item = (&GovernorateId, impl Iterator<Item = &Rule>)> {
        self.index.at.iter().map(|(governorate, places)| (governorate, self.picked(places)))
    }

    /// The rules that look at a governorate, in order.
    pub fn at(&self, governorate: &GovernorateId) -> impl Iterator<Item = &Rule> {
        self.picked(self.index.at.get(governorate).map(Vec::as_slice).unwrap_or_default())
    }

    /// What a rule warns of.
    pub fn hazard(&self, rule: &RuleId) -> Option<Hazard> {
        self.index.hazards.get(rule).copied()
    }

    /// The metrics that any rule looks at.
    pub fn metrics(&self) -> &BTreeSet<Metric> {
        &self.index.metrics
    }

    /// Changes the rules, as staff do by an edit.
    pub fn change(&mut self, edit: impl FnOnce(&mut Vec<Rule>)) {
        let mut list = std::mem::take(&mut self.list);
        edit(&mut list);
        *self = Self::from(list);
    }

    fn picked(&self, places: &[usize]) -> impl Iterator<Item = &Rule> {
        places.iter().filter_map(|place| self.list.get(*place))
    }
}

impl From<Vec<Rule>> for Rules {
    fn from(list: Vec<Rule>) -> Self {
        let mut index = Index::default();
        for (place, rule) in list.iter().enumerate() {
            index.hazards.insert(rule.id.clone(), rule.hazard);
            index.metrics.extend(rule.metrics());
            for governorate in &rule.governorates {
                index.at.entry(governorate.clone()).or_default().push(place);
            }
        }
        Self { list, index: Arc::new(index) }
    }
}

impl FromIterator<Rule> for Rules {
    fn from_iter<T: IntoIterator<Item = Rule>>(rules: T) -> Self {
        Self::from(rules.into_iter().collect::<Vec<_>>())
    }
}

impl Deref for Rules {
    type Target = [Rule];

    fn deref(&self) -> &[Rule] {
        &self.list
    }
}

impl<'a> IntoIterator for &'a Rules {
    type Item = &'a Rule;
    type IntoIter = std::slice::Iter<'a, Rule>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}
