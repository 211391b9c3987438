//! Tables without lines, as commands show them, and lengths of time in their cells.

use comfy_table::Table;
use comfy_table::presets::NOTHING;

use crate::time::TimeDelta;

/// An empty table.
pub(super) fn plain<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    table
}

/// The table as lines, without the blanks at their ends.
pub(super) fn drawn(table: &Table) -> String {
    table.to_string().lines().map(|line| format!(" {}\n", line.trim_end())).collect()
}

/// A length of time in its two largest units.
pub(super) fn age(span: TimeDelta) -> String {
    let seconds = span.num_seconds().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}min"),
        (0, hours, 0) => format!("{hours}h"),
        (0, hours, minutes) => format!("{hours}h{minutes:02}"),
        (days, 0, _) => format!("{days}d"),
        (days, hours, _) => format!("{days}d{hours}h"),
    }
}
