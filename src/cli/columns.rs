//! Tables without lines, as commands show them.

use comfy_table::Table;
use comfy_table::presets::NOTHING;

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
