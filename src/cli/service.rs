//! Asking the service that runs: the one way in for commands that want something done.

use std::io;
use std::path::Path;

use super::{complain, place, run::runtime};
use crate::daemon::control::{Answer, Question, ask};

/// Asks the service that keeps a state directory; none when nobody there could be asked, which a person is then told.
pub(super) fn answer(state: Option<&Path>, question: &Question) -> Option<Answer> {
    let dir = place::state_dir(state, None);
    let asked = runtime().map_err(io::Error::other).and_then(|runtime| runtime.block_on(ask(&dir, question)));
    asked
        .map_err(|why| {
            complain(&format_args!(
                "no service that runs on {} could be asked: {why}; name its state with --state",
                dir.display()
            ));
        })
        .ok()
}
