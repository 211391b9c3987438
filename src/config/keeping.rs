//! `[keep]` of `nadhir.toml`: how long is kept what was written down and sent.

use std::ops::RangeInclusive;

use crate::store::Keep;
use crate::table::Table;
use crate::time::{MAX_SPAN, TimeDelta, span_text};

/// What is kept for a shorter time would be missed: by a correction, which goes to those who were told.
pub const MIN_KEEP: TimeDelta = TimeDelta::days(30);

/// The usual times.
pub const USUAL: Keep =
    Keep { journal: TimeDelta::days(1100), bulletins: TimeDelta::days(1100), deliveries: TimeDelta::days(400) };

const LIMITS: RangeInclusive<TimeDelta> = MIN_KEEP..=MAX_SPAN;

/// Reads how long things are kept.
pub(super) fn read(table: Option<Table<'_>>) -> Keep {
    let mut keep = USUAL;
    let Some(table) = table else { return keep };
    let mut span = None;
    for (key, time) in
        [("journal", &mut keep.journal), ("bulletins", &mut keep.bulletins), ("deliveries", &mut keep.deliveries)]
    {
        let Some(found) = table.span_of_time(key) else { continue };
        if !LIMITS.contains(&found.value) {
            let (least, most) = (span_text(*LIMITS.start()), span_text(*LIMITS.end()));
            table.error(&found.span, format!("`{key}` is out of range: {least} to {most}"), None);
            continue;
        }
        *time = found.value;
        if key == "deliveries" {
            span = Some(found.span);
        }
    }
    if keep.bulletins < keep.deliveries {
        table.error(
            &span.unwrap_or_else(|| table.span.clone()),
            format!(
                "`deliveries` ({}) are kept for longer than the `bulletins` ({}) that they are of",
                span_text(keep.deliveries),
                span_text(keep.bulletins)
            ),
            Some("keep bulletins at least as long".to_owned()),
        );
    }
    table.finish();
    keep
}
