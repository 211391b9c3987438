//! How the brain speaks: what was decided, in the words of each channel, and who is owed it. Where the configured words fail it takes the
//! built-in ones, and what cannot be said at all holds up no warning.

use std::sync::Arc;

use tracing::{error, info, warn};

use super::{Brain, BrainError, Mind};
use crate::bulletin::Bulletin;
use crate::config::embedded;
use crate::dispatch::reminders::reminders;
use crate::dispatch::{Dispatch, dispatch, dispatch_notices, dispatch_statements};
use crate::ids::BulletinId;
use crate::language::Language;
use crate::message::{Message, RenderError, Speaker};
use crate::notice::Notice;
use crate::statement::Statement;
use crate::store::StoreError;
use crate::time::{TimeDelta, Timestamp};

/// How long ago the last word of a warning in force may have been said; what holds for longer is extended again and again.
const OLDEST: TimeDelta = TimeDelta::days(7);

impl Brain {
    pub(super) fn dispatch(&self, bulletins: &[Bulletin], now: Timestamp) -> Result<Dispatch, BrainError> {
        let mind = &self.mind;
        let places = &mind.book.governorates;
        let draw = |bulletin: &Bulletin, size, languages: &[Language]| {
            mind.speaker.pictures(bulletin, places, size, languages).unwrap_or_else(|why| {
                warn!("{} goes out without its picture: {why}", bulletin.id);
                None
            })
        };
        let render = |bulletin: &Bulletin, form, languages: &[Language]| {
            in_words(mind, &bulletin.id, |speaker| speaker.render(bulletin, places, form, languages))
        };
        dispatch(bulletins, &mind.listeners, now, render, draw)
            .map_err(|why| BrainError::Unsayable(format!("a text could not be rendered: {why}")))
    }

    /// What is owed of statements. One that cannot be put into words must not hold up a warning, nor end the brain.
    pub(super) fn dispatch_statements(&self, statements: &[Statement], now: Timestamp) -> Dispatch {
        let mind = &self.mind;
        let told = dispatch_statements(statements, &mind.listeners, now, |statement, form, languages| {
            let places = &mind.book.governorates;
            in_words(mind, &statement.id, |speaker| speaker.announce(statement, places, form, languages))
        });
        told.unwrap_or_else(|why| {
            error!("A statement could not be put into words, and goes to nobody: {why}");
            Dispatch::default()
        })
    }

    /// What is owed to the people on duty. That a notice cannot be put into words must not hold up a warning of the same step: it
    /// is then told in the log and the journal alone.
    pub(super) fn dispatch_notices(&self, notices: &[Notice], now: Timestamp) -> Dispatch {
        let mind = &self.mind;
        let told = dispatch_notices(notices, &mind.listeners, now, |notice, form, languages| {
            let places = &mind.book.governorates;
            in_words(mind, &notice.id, |speaker| speaker.notify(notice, places, form, languages))
        });
        told.unwrap_or_else(|why| {
            error!(
                "A notice to the people on duty could not be put into words, and is told in the journal alone: {why}"
            );
            Dispatch::default()
        })
    }

    /// Has the channels that ask for it told once more of what still holds. It is never urgent: what fails is tried at the next look.
    ///
    /// # Errors
    /// When another leader has taken over.
    pub(super) async fn remind(&mut self, now: Timestamp) -> Result<(), BrainError> {
        let mind = Arc::clone(&self.mind);
        if mind.listeners.iter().all(|listener| listener.manner.reminds.is_empty()) {
            return Ok(());
        }
        let in_force = match self.store.last_words(now - OLDEST).await {
            Ok(last) => last.into_iter().filter(|bulletin| now < bulletin.until).collect::<Vec<_>>(),
            Err(why) => {
                warn!("Nobody is reminded yet, since what is in force cannot be read: {why}");
                return Ok(());
            }
        };
        let mut reminded = self.reminded.clone();
        let places = &mind.book.governorates;
        let due = reminders(&in_force, &mind.listeners, &mut reminded, now, |bulletin, form, languages, count| {
            mind.speaker.remind(bulletin, places, form, languages, count)
        });
        let due = match due {
            Ok(due) => due,
            Err(why) => {
                error!("A reminder could not be put into words, and is not sent: {why}");
                return Ok(());
            }
        };
        if due.is_empty() {
            self.reminded = reminded;
            return Ok(());
        }
        let channels: Vec<_> = due.iter().map(|one| one.delivery.channel.clone()).collect();
        match self.store.remind(self.lease, due).await {
            Ok(owed) => {
                self.reminded = reminded;
                for message in owed {
                    info!("{} is told once more", message.as_str());
                }
                for channel in channels {
                    self.bells.ring(&channel);
                }
                Ok(())
            }
            Err(why @ StoreError::Fenced { .. }) => Err(why.into()),
            Err(why) => {
                warn!("Nobody is reminded yet, since the store failed: {why}");
                Ok(())
            }
        }
    }
}

/// Says something in the configured words, or, should they fail, in the built-in ones and the same further languages.
fn in_words(
    mind: &Mind,
    id: &BulletinId,
    say: impl Fn(&Speaker) -> Result<Message, RenderError>,
) -> Result<Message, RenderError> {
    say(&mind.speaker).or_else(|why| {
        error!("{id} is told in the built-in words, because the configured ones failed: {why}");
        let configured = &mind.speaker.wording;
        let wording =
            embedded::wording().map_or_else(|| Arc::clone(configured), |own| Arc::new(own.beside(configured)));
        say(&Speaker { wording, ..mind.speaker.clone() })
    })
}
