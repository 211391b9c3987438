//! What a courier carries at once: one delivery, or several that are told together. Pure.

use std::sync::Arc;

use ring::digest::{SHA256, digest as sha256};

use crate::ids::ChannelId;
use crate::message::ask::Buttons;
use crate::message::{Form, digest, picture};
use crate::outbox::{Claimed, loudness};
use crate::sink::Parcel;
use crate::time::Timestamp;

/// One message and the deliveries that it settles; never without one.
pub(super) struct Load<'a> {
    pub(super) of: Vec<&'a Claimed>,
    first: &'a Claimed,
    key: String,
    /// What is told in place of the frozen bytes of the first: those of all.
    together: Option<String>,
}

impl Load<'_> {
    pub(super) fn parcel(&self, now: Timestamp, asks: Option<&Arc<Buttons>>) -> Parcel {
        let first = self.first;
        let (body, content_type) = match &self.together {
            Some(text) => (Arc::from(text.as_str()), digest::CONTENT_TYPE.to_owned()),
            None => (Arc::clone(&first.body), first.content_type.clone()),
        };
        Parcel {
            key: self.key.clone(),
            bulletin: first.bulletin.clone(),
            attempt: self.of.iter().map(|claimed| claimed.attempt).max().unwrap_or(first.attempt),
            body,
            content_type,
            loudness: loudness(self.of.iter().map(|claimed| claimed.urgency).max().unwrap_or(first.urgency)),
            now,
            expires: self.of.iter().map(|claimed| claimed.expires).min().unwrap_or(first.expires),
            pictures: first.pictures.as_deref().map(picture::read).unwrap_or_default(),
            corrects: first.corrects.clone(),
            asks: asks.filter(|_| first.is_kept_back).cloned(),
        }
    }
}

/// Whether a delivery was frozen to be told with others, at a channel that has them told together in this form.
pub(super) fn is_gathered(claimed: &Claimed, gathers: Option<Form>) -> bool {
    gathers.is_some_and(|form| digest::is_gathered(&claimed.content_type, form))
}

/// What has run out of time, and what is carried: what was frozen for a digest together, all else by itself.
pub(super) fn loads<'a>(
    claimed: &'a [Claimed],
    channel: &ChannelId,
    gathers: Option<Form>,
    now: Timestamp,
) -> (Vec<&'a Claimed>, Vec<Load<'a>>) {
    let (expired, live): (Vec<&Claimed>, Vec<&Claimed>) = claimed.iter().partition(|one| one.expires <= now);
    let (gathered, single): (Vec<&Claimed>, Vec<&Claimed>) =
        live.into_iter().partition(|one| is_gathered(one, gathers));
    let alone = |one: &'a Claimed| Load {
        of: vec![one],
        first: one,
        key: format!("{}/{channel}", one.message.as_str()),
        together: None,
    };
    let mut loads: Vec<Load<'a>> = single.into_iter().map(alone).collect();
    let bodies: Vec<&str> = gathered.iter().map(|one| &*one.body).collect();
    let mut rest = gathered.into_iter();
    for (count, text) in gathers.map(|form| digest::together(&bodies, form)).unwrap_or_default() {
        let of: Vec<&Claimed> = rest.by_ref().take(count).collect();
        let Some(first) = of.first().copied() else { continue };
        loads.push(Load { key: key_of(&of, channel), of, first, together: Some(text) });
    }
    (expired, loads)
}

/// The name of a digest: the same for the same bulletins.
fn key_of(of: &[&Claimed], channel: &ChannelId) -> String {
    let names: Vec<&str> = of.iter().map(|claimed| claimed.message.as_str()).collect();
    let hash = sha256(&SHA256, names.join("\n").as_bytes());
    let digits: String = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("digest-{digits}/{channel}")
}
