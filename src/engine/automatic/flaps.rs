//! To and fro: tells in the journal when a severity has come back so soon that it must stay clear for longer now.
//! It decides nothing: the latches do.

use crate::engine::state::Draft;
use crate::ids::GovernorateId;
use crate::rule::Rule;
use crate::rule::latch::{Latches, patience};
use crate::time::{TimeDelta, Timestamp, span_text};

/// Tells of each latch that has closed again.
pub(super) fn tell(
    draft: &mut Draft<'_>,
    (rule, governorate): (&Rule, &GovernorateId),
    (before, after): (&Latches, &Latches),
    flap_within: TimeDelta,
    now: Timestamp,
) {
    for (severity, latch) in after.iter().filter(|(_, latch)| latch.is_closed && 0 < latch.returns) {
        let (usual, longer) = (rule.ease_after, patience(rule.ease_after, latch.returns));
        if before.get(severity).is_some_and(|before| before.is_closed) || longer <= usual {
            continue;
        }
        let times = if latch.returns == 1 { "once".to_owned() } else { format!("{} times", latch.returns) };
        let (within, usual, longer) = (span_text(flap_within), span_text(usual), span_text(longer));
        let text = format!(
            "{} {severity} in {governorate} has come back {times} within {within}: it must stay clear for {longer} in place of \
             {usual} until it ends",
            rule.id
        );
        draft.write(now, "flap", &rule.id, text);
    }
}
