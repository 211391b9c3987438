//! What is sent to one subscriber by hand: the challenge, and a test. Neither is a warning, and both say so by their type.

use std::sync::Arc;

use anyhow::Context as _;
use serde_json::json;

use super::ground::{Ground, say};
use super::{EX_FAILED, Ended};
use crate::sink::{self, Letter, Recipient};
use crate::subscriber::{CHALLENGE, Subscriber, TEST, body_of};
use crate::time::Timestamp;

fn letter(
    kind: &str,
    ground: &Ground,
    one: &Subscriber,
    now: Timestamp,
    data: serde_json::Value,
) -> anyhow::Result<Letter> {
    let body = body_of(kind, (ground.channel(), &one.name), data, now);
    let key = format!("{kind}/{}/{}", one.id, random()?);
    Ok(Letter { key, body: body.into(), content_type: "application/json".to_owned(), topic: None })
}

fn random() -> anyhow::Result<String> {
    sink::challenge().map_err(anyhow::Error::msg)
}

/// A subscriber as it is told.
pub(super) fn recipient(one: &Subscriber) -> Recipient {
    Recipient { subscriber: one.id, url: one.url.as_str().into(), secret: one.secret, sealed: None }
}

/// Has one show that it wants to hear.
pub(super) fn challenge(ground: &Ground, one: &Subscriber) -> anyhow::Result<()> {
    let (now, challenge) = (ground.now(), random()?);
    let letter = letter(CHALLENGE, ground, one, now, json!({ "challenge": challenge }))?;
    let many = ground.many().map_err(|(_, why)| why)?;
    let said = ground.wait(many.challenge(Arc::new(letter), recipient(one), now)).context("it was not asked")?;
    anyhow::ensure!(said.contains(&challenge), "it answered without the challenge in the body");
    Ok(())
}

/// Sends one a message that says that it is a test.
pub(super) fn test(ground: &Ground, name: &str) -> Ended {
    let one = ground.find(name)?;
    let now = ground.now();
    let note = "this is a test of the connection and no warning";
    let letter = letter(TEST, ground, &one, now, json!({ "note": note })).map_err(|why| (EX_FAILED, why))?;
    let many = ground.many()?;
    let receipt = ground.wait(many.send(Arc::new(letter), recipient(&one), now));
    let receipt =
        receipt.map_err(|why| (EX_FAILED, anyhow::anyhow!("it did not arrive, or is not known to have: {why}")))?;
    say(&format!("{name} took the test: {}.\n", receipt.0));
    Ok(())
}
