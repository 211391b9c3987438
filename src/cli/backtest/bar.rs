//! How far a backtest is: a bar on standard error, where a terminal shows it, and nothing anywhere else.

use indicatif::{ProgressBar, ProgressStyle};

/// What the bar looks like.
const FORM: &str = "{msg:14} {bar:40} {percent:>3} %  {elapsed}";

/// The bar.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// A bar that shows nothing yet.
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new(0);
        bar.set_style(ProgressStyle::with_template(FORM).unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self(bar)
    }

    /// Shows what is done, how much of it, of how much.
    pub(super) fn show(&self, what: &str, done: usize, all: usize) {
        if self.0.message() != what {
            self.0.set_message(what.to_owned());
        }
        self.0.set_length(all as u64);
        self.0.set_position(done as u64);
    }

    /// Takes it away.
    pub(super) fn end(&self) {
        self.0.finish_and_clear();
    }
}
