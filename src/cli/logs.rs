//! Logs: to standard error, for a person or for the journal of systemd.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// The variable that says how much is logged, such as `info` or `nadhir=debug`.
pub const LEVEL: &str = "NADHIR_LOG";

/// The variable that says in which form: `text` or `json`.
pub const FORM: &str = "NADHIR_LOG_FORM";

/// Starts logging; `default` is how much when the environment does not say.
pub fn start(default: &str) {
    let filter = EnvFilter::try_from_env(LEVEL).unwrap_or_else(|_| EnvFilter::new(default));
    let is_journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal());
    // A second start, in a test, changes nothing.
    let _ = match (std::env::var(FORM).as_deref(), is_journal) {
        (Ok("json"), _) => builder.json().try_init(),
        // The journal has its own clock.
        (_, true) => builder.without_time().try_init(),
        (_, false) => builder.try_init(),
    };
}
