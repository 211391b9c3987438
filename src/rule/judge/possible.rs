//! Whether a rule can be reached at all by what is known at a governorate: a look that costs little and errs on one side only.
//!
//! When it says no, no window of the rule reaches its mildest threshold, however the voices agree and whatever else holds. Where
//! nothing holds and nothing was told, such a rule need not be judged. When it says yes, only [`judge`](super::judge) knows.

use crate::reading::{Basis, Series, Shelf};
use crate::rule::{Direction, Rule, Statistic, Window};
use crate::time::{TimeDelta, Timestamp};
use crate::unit::Metric;

/// What sums of fractions may be off by, as a part of the sum and as an amount.
const ROUNDING: f64 = 1e-6;

/// True unless no series of a governorate can bring a rule to its mildest threshold at a moment.
pub fn may_reach(rule: &Rule, shelf: &Shelf<'_>, now: Timestamp) -> bool {
    let Some(mildest) = mildest(rule) else { return false };
    let bases = [(Basis::Observed, TimeDelta::zero()), (Basis::Forecast, rule.look_ahead)];
    bases.into_iter().filter(|(basis, _)| rule.sight.takes(*basis)).any(|(basis, ahead)| {
        shelf.of(rule.metric, basis).any(|(_, series)| may_series(rule, mildest, series, (now, now + ahead)))
    })
}

/// The threshold that is reached first, in whatever place and season; none for a rule without any.
fn mildest(rule: &Rule) -> Option<f64> {
    let others = rule.overrides.iter().filter_map(|one| one.changes.thresholds.as_ref()).flatten();
    let raises = rule.thresholds.iter().chain(others).map(|one| one.raise);
    raises.reduce(|one, other| match rule.direction {
        Direction::AtLeast => one.min(other),
        Direction::AtMost => one.max(other),
    })
}

/// The same of one series, for windows that end at or between two moments.
fn may_series(rule: &Rule, mildest: f64, series: &Series, (from, to): (Timestamp, Timestamp)) -> bool {
    let Rule { metric, window, direction, .. } = *rule;
    let (Window { statistic, span }, slack) = (window, TimeDelta::seconds(series.longest() * 3 / 2));
    match (statistic, direction) {
        // Every value in a window is as bad or better than the worst of all; what speaks for a window may lie before it.
        (Statistic::Max | Statistic::Min | Statistic::Mean, _) => {
            let points = series.within(from - span - slack - slack, to);
            points.iter().any(|(_, value)| direction.reaches(*value, mildest))
        }
        (Statistic::Sum, Direction::AtLeast) => may_add_up(series, span, mildest, (from, to)),
        (Statistic::Rate, Direction::AtLeast) if metric == Metric::Precipitation => {
            may_add_up(series, span, mildest * span.num_seconds() as f64 / 3600.0, (from, to))
        }
        (Statistic::Sum, Direction::AtMost) | (Statistic::Rate, _) => true,
    }
}

/// Whether what was added over a span anywhere can come to an amount. A window that ends between two values holds no more than
/// one that ends with the earlier of them.
fn may_add_up(series: &Series, span: TimeDelta, amount: f64, (from, to): (Timestamp, Timestamp)) -> bool {
    let points = series.points();
    let end = points.partition_point(|point| point.0 <= to.timestamp());
    // The last word before the first window may be all that there is of it.
    let first = points.partition_point(|point| point.0 <= from.timestamp()).saturating_sub(1);
    let span = span.num_seconds();
    let begin = points.get(first).map_or(i64::MAX, |point| point.0 - span);
    let low = points.partition_point(|point| point.0 <= begin);
    let known = points.get(low..end).unwrap_or_default();
    let is_enough = |sum: f64| amount <= sum + (sum.abs() + 1.0) * ROUNDING;
    // Most often all of it together is not enough.
    if !is_enough(all(known)) {
        return false;
    }
    let (mut sum, mut left) = (0.0, known.iter().peekable());
    known.iter().any(|(at, value)| {
        sum += value.max(0.0);
        while let Some((_, old)) = left.next_if(|(second, _)| *second <= at - span) {
            sum -= old.max(0.0);
        }
        is_enough(sum)
    })
}

/// All amounts added up, in four sums side by side: a processor adds them at once.
fn all(points: &[(i64, f64)]) -> f64 {
    let mut sums = [0.0; 4];
    for four in points.chunks(sums.len()) {
        for (sum, (_, value)) in sums.iter_mut().zip(four) {
            *sum += value.max(0.0);
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests;
