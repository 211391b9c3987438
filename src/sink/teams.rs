//! Microsoft Teams: each message as an Adaptive Card, by a workflow that starts when a webhook request is received.
//!
//! The address of the workflow is itself the secret (it holds a signature). The text stands in runs, in which Teams reads no marks,
//! and each language runs in its own direction. The answer says that the workflow was started, not that it posted: whether it did,
//! only its run history in Power Automate shows. It knows no key for "seen it": when an answer got lost, a second copy may appear.
//!
//! Sources: learn.microsoft.com, "Create incoming webhooks with Workflows for Microsoft Teams" (body), "Create an Incoming Webhook"
//! (28 KB, four requests a second), "Limits and specifications for Microsoft Teams"; adaptivecards.io for `RichTextBlock`, `TextRun`
//! ("Markdown is not supported") and `rtl` (since 1.5).

use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::hook::{self, Hook};
use super::http;
use super::{Kind, Parcel, Receipt, SendError, Sink};
use crate::language::direction::{is_arabic, is_latin};

/// The most bytes of a card with all that stands around it. Teams says about 28 KB, and a workflow that is given more fails after
/// it was started, where nobody would hear of it: so it is taken for thousands.
pub const MAX_BYTES: usize = 28_000;

/// How a workflow says that it is the message which it does not take.
const COMPLAINTS: &[&str] = &["TriggerInputSchemaMismatch", "InvalidRequestContent"];

/// The kind.
pub const KIND: Kind = Kind {
    name: "teams",
    about: "posts each message to a Microsoft Teams channel as a card, by a workflow",
    example: r#"[duty-teams]
kind = "teams"
url = { file = "teams.url" }             # holds the address that the workflow shows; or { credential = "…" } with systemd
timeout = "15s"                          # at most 60s
"#,
    parse: |table| hook::parse(table, |hook| Arc::new(Teams(hook))),
};

/// The webhook of a channel.
struct Teams(Hook);

impl Sink for Teams {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let body = body(&parcel.text()?);
            http::check_length("Teams", body.to_string().len(), MAX_BYTES, "bytes as a card")?;
            let answer = self.0.receiver.post_json(&self.0.url, HeaderMap::new(), &body).await?;
            if answer.refuses_message(COMPLAINTS) {
                return Err(self.0.receiver.refuses(&answer));
            }
            let hint = match answer.status {
                StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                    format!("see that the workflow is switched on and that {} holds its address", self.0.source)
                }
                _ => String::new(),
            };
            self.0.receiver.settle(&answer, parcel.now, None, &hint)
        })
    }

    /// Every request at the address would start the workflow; that its host can be reached is all that is found out.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.0.receiver.reach_host(&self.0.url))
    }
}

/// What the workflow is given: a message with one card.
fn body(text: &str) -> Value {
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.5",
        "msteams": { "width": "Full" },
        "body": blocks(text),
    });
    let attachment =
        json!({ "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card });
    json!({ "type": "message", "attachments": [attachment] })
}

/// The lines of a text, those in one direction after each other in one container. The first line is the heading.
fn blocks(text: &str) -> Vec<Value> {
    let mut containers: Vec<(bool, Vec<Value>)> = Vec::new();
    let mut follows_gap = false;
    for line in text.lines() {
        if line.trim().is_empty() {
            follows_gap = true;
            continue;
        }
        let is_heading = containers.is_empty();
        let run = if is_heading {
            json!({ "type": "TextRun", "text": line, "weight": "Bolder", "size": "Medium" })
        } else {
            json!({ "type": "TextRun", "text": line })
        };
        let spacing = if follows_gap { "Medium" } else { "None" };
        let block = json!({ "type": "RichTextBlock", "spacing": spacing, "inlines": [run] });
        follows_gap = false;
        // A line without letters goes with those before it.
        let before = containers.last().map(|(is_rtl, _)| *is_rtl);
        let is_rtl = line.chars().find(|c| is_arabic(*c) || is_latin(*c)).map(is_arabic).or(before).unwrap_or(false);
        match containers.last_mut() {
            Some((other, items)) if *other == is_rtl => items.push(block),
            _ => containers.push((is_rtl, vec![block])),
        }
    }
    let container = |(is_rtl, items)| json!({ "type": "Container", "rtl": is_rtl, "items": items });
    containers.into_iter().map(container).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_runs_in_its_own_direction() {
        let blocks = blocks("إنذار أحمر (Red)\n\nأمطار\n―――\nRed warning\n1447");
        let told: Vec<(bool, usize)> = blocks
            .iter()
            .map(|block| (block["rtl"].as_bool().unwrap(), block["items"].as_array().unwrap().len()))
            .collect();
        assert_eq!(told, [(true, 3), (false, 2)]);
        assert_eq!(blocks[0]["items"][1]["spacing"], "Medium");
    }

    #[test]
    fn every_letter_of_a_text_stands_in_the_card() {
        let text = "إنذار\n\n  *a* <b>\nc";
        let card = body(text);
        let runs: Vec<&str> = card["attachments"][0]["content"]["body"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|container| container["items"].as_array().unwrap())
            .map(|block| block["inlines"][0]["text"].as_str().unwrap())
            .collect();
        assert_eq!(runs, ["إنذار", "  *a* <b>", "c"]);
    }
}
