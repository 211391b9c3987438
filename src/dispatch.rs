//! From bulletins to what is owed: for each bulletin the channels that hear it, the texts they take, and one delivery each.
//!
//! A text is rendered once and frozen; channels that take the same form and languages share it.

use std::collections::BTreeMap;

use crate::bulletin::Bulletin;
use crate::ids::{BulletinId, ChannelId};
use crate::language::Language;
use crate::message::{Form, Message, MessageKey};
use crate::outbox::{NewDelivery, urgency};
use crate::route::{Listener, hears};
use crate::time::Timestamp;

/// What a few bulletins come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dispatch {
    /// The frozen texts, each once.
    pub messages: Vec<Message>,
    /// What is owed.
    pub deliveries: Vec<NewDelivery>,
    /// Which channels hear which bulletin.
    pub heard_by: BTreeMap<BulletinId, Vec<ChannelId>>,
}

/// Finds out who hears what, and renders it.
///
/// # Errors
/// The first text that could not be rendered; then nothing may be committed.
pub fn dispatch<E>(
    bulletins: &[Bulletin],
    listeners: &[Listener],
    now: Timestamp,
    render: impl Fn(&Bulletin, Form, &[Language]) -> Result<Message, E>,
) -> Result<Dispatch, E> {
    let mut messages: BTreeMap<MessageKey, Message> = BTreeMap::new();
    let mut dispatch = Dispatch::default();
    for bulletin in bulletins {
        let heard_by = dispatch.heard_by.entry(bulletin.id.clone()).or_default();
        for listener in listeners.iter().filter(|listener| hears(listener, bulletin).is_ok()) {
            let key = MessageKey::new(&bulletin.id, listener.form, &listener.languages);
            if !messages.contains_key(&key) {
                messages.insert(key.clone(), render(bulletin, listener.form, &listener.languages)?);
            }
            heard_by.push(listener.channel.clone());
            dispatch.deliveries.push(NewDelivery {
                channel: listener.channel.clone(),
                message: key,
                bulletin: bulletin.id.clone(),
                number: bulletin.number.clone(),
                edition: bulletin.edition,
                urgency: urgency(bulletin.change, bulletin.severity),
                due: now,
                expires: bulletin.stale_after,
            });
        }
    }
    dispatch.messages = messages.into_values().collect();
    Ok(dispatch)
}
