//! What a rehearsal tells, in the form that machines read: for those who want to see what a receiver may be sent.

use super::bulletins::{self, Scene};
use super::{notices, statements};
use crate::governorate::GovernorateBook;
use crate::ids::GovernorateId;
use crate::language::Language;
use crate::message::{Form, Message, RenderError, Speaker};

/// Shows as JSON, in both languages, what is wanted of all that a rehearsal tells, with the few words by which it is wanted.
pub fn each_in_json(
    speaker: &Speaker,
    places: &GovernorateBook,
    wanted: impl Fn(&str) -> bool,
    mut look: impl FnMut(&str, Result<Message, RenderError>),
) {
    let scene = Scene::of(&speaker.issuer.code, speaker.style.zone, places, speaker.sources.keys());
    bulletins::every(&scene, places, |bulletin, _, story| {
        if wanted(story) {
            look(story, speaker.render(bulletin, places, Form::Json, &Language::ALL));
        }
    });
    let two: Vec<GovernorateId> = places.iter().take(2).map(|place| place.id.clone()).collect();
    statements::every(&scene, &two, |statement, story| {
        if wanted(story) {
            look(story, speaker.announce(statement, places, Form::Json, &Language::ALL));
        }
    });
    notices::every(&scene, &two, |notice, story| {
        if wanted(story) {
            look(story, speaker.notify(notice, places, Form::Json, &Language::ALL));
        }
    });
}
