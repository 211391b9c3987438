//! Exact sums: values are added in whole millionths, so that ten times 0.2 mm are 2 mm, in whatever order they are added, and what
//! leaves a window can be taken away again without a trace.

/// How many parts a canonical unit is cut into.
const PARTS: f64 = 1e6;

/// No value is taken for more than this, far beyond all that can be measured, so that no sum of a series runs over.
const MOST: f64 = 1e15;

/// A value in whole parts, rounded to the nearest.
pub(super) fn parts(value: f64) -> i64 {
    let parts = (value * PARTS).clamp(-MOST, MOST);
    (parts + 0.5_f64.copysign(parts)) as i64
}

/// The value of whole parts.
pub(super) fn value(parts: i64) -> f64 {
    parts as f64 / PARTS
}

/// The value of whole parts that were multiplied.
pub(super) fn large_value(parts: i128) -> f64 {
    parts as f64 / PARTS
}

/// The sum of values.
pub(super) fn sum(values: impl Iterator<Item = f64>) -> f64 {
    value(values.map(parts).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_small_amounts_are_the_amount_that_they_are() {
        assert_ne!([0.2; 10].iter().sum::<f64>(), 2.0, "plain addition falls short");
        assert_eq!(sum([0.2; 10].into_iter()), 2.0);
        assert_eq!(sum([0.1, 0.2].into_iter()), 0.3);
        assert_eq!(sum([0.254; 3].into_iter()), 0.762, "three hundredths of an inch");
        assert_eq!(sum(std::iter::empty()).to_bits(), 0.0_f64.to_bits());
        assert_eq!((parts(-0.3), parts(0.0000004), parts(-0.0000006)), (-300_000, 0, -1));
        let most = [f64::MAX; crate::reading::MAX_POINTS];
        assert!(sum(most.into_iter()).is_finite(), "no sum runs over");
    }
}
