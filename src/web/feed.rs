//! Reading: the feeds and the documents in them. What was rendered is kept for a moment, so that any number of readers cost one question
//! to the store.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, LINK};
use hyper::{Response, StatusCode};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::warn;
use xxhash_rust::xxh3::xxh3_128;

use super::{Face, Now, Reply, Shelf, guarded, unavailable, words};
use crate::bulletin::Change;
use crate::ids::BulletinId;
use crate::message::atom::{CAP_TYPE, CONTENT_TYPE as ATOM_TYPE};
use crate::sink::websub::Hub;
use crate::store::shelf::{Wanted, whole};
use crate::store::{Store, StoreError};
use crate::subscriber::Wishes;
use crate::time::{TimeDelta, Timestamp};

/// Since when what was said stands in a feed, whether it still holds or not.
const SHOWN_FOR: TimeDelta = TimeDelta::hours(24);

/// How many entries a feed has at most; the oldest are left out.
const MAX_ENTRIES: usize = 100;

/// How long what was rendered is shown again, and how much is kept of it.
const KEPT_FOR: Duration = Duration::from_secs(1);
const MAX_KEPT: usize = 64;

/// How long others may keep what they read: a feed for a moment, a document for a year, since it never changes.
const FEED_CACHE: HeaderValue = HeaderValue::from_static("public, max-age=5");
const DOCUMENT_CACHE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Who reads the store for those who ask.
pub(super) struct Reader {
    store: Arc<dyn Store>,
    now: Now,
    /// When it began: when an empty feed last changed, as far as anybody knows.
    since: Timestamp,
    kept: Mutex<HashMap<String, (Instant, Page)>>,
}

/// A feed as it is shown.
#[derive(Clone)]
struct Page {
    body: Bytes,
    etag: HeaderValue,
}

impl Page {
    fn new(text: String) -> Self {
        let etag = HeaderValue::from_str(&format!("\"{:032x}\"", xxh3_128(text.as_bytes()))).expect("it is digits");
        Self { body: text.into(), etag }
    }
}

impl Reader {
    pub(super) fn new(store: Arc<dyn Store>, now: Now) -> Self {
        let since = now();
        Self { store, now, since, kept: Mutex::default() }
    }

    /// Answers who reads what lies under the address of a channel.
    pub(super) async fn read(&self, face: &Face, shelf: &Shelf, rest: &str, asked: &HeaderMap) -> Reply {
        let nothing = || words(StatusCode::NOT_FOUND, "nothing is here\n");
        let Some(hub) = shelf.hub() else { return nothing() };
        if let Some(name) = rest.strip_prefix("alerts/").and_then(|name| name.strip_suffix(".xml")) {
            return match self.document(shelf, name).await {
                Ok(found) => found.unwrap_or_else(nothing),
                Err(why) => failed(&why),
            };
        }
        let topic = hub.at(rest);
        let Some(wishes) = hub.wishes_of(&topic).filter(|wishes| is_known(face, wishes)) else { return nothing() };
        match self.page(shelf, hub, (&topic, &wishes)).await {
            Ok(page) => shown(hub, &topic, page, asked),
            Err(why) => failed(&why),
        }
    }

    /// A feed: as it was a moment ago, or anew.
    async fn page(&self, shelf: &Shelf, hub: &Hub, (topic, wishes): (&str, &Wishes)) -> Result<Page, StoreError> {
        // Whoever else asks waits for this answer rather than ask the store too.
        let mut kept = self.kept.lock().await;
        kept.retain(|_, (since, _)| since.elapsed() < KEPT_FOR);
        if let Some((_, page)) = kept.get(topic) {
            return Ok(page.clone());
        }
        let of = (&shelf.listener.channel, shelf.listener.audience);
        let now = (self.now)();
        let published = self.store.published((of.0.clone(), of.1), Wanted::Since(now - SHOWN_FOR, now)).await?;
        let heard = |number: &str| {
            let mut told = published.iter().filter(|one| one.bulletin.number == number);
            told.any(|one| wishes.hear(&shelf.listener, &one.bulletin))
        };
        let mut documents = Vec::new();
        for one in &published {
            // What takes something back stands where that stood.
            let is_heard = match one.bulletin.change {
                Change::Corrected => heard(&one.bulletin.number),
                _ => wishes.hear(&shelf.listener, &one.bulletin),
            };
            if is_heard && documents.len() < MAX_ENTRIES {
                documents.push(whole(&*self.store, of, &one.body).await?);
            }
        }
        let page = Page::new(hub.page(wishes, documents, self.since));
        if kept.len() < MAX_KEPT {
            kept.insert(topic.to_owned(), (Instant::now(), page.clone()));
        }
        Ok(page)
    }

    /// One document, if it was published.
    async fn document(&self, shelf: &Shelf, name: &str) -> Result<Option<Reply>, StoreError> {
        let Some(id) = BulletinId::parse(name) else { return Ok(None) };
        let of = (&shelf.listener.channel, shelf.listener.audience);
        let published = self.store.published((of.0.clone(), of.1), Wanted::Named(vec![id])).await?;
        let Some(one) = published.first() else { return Ok(None) };
        let mut reply = Response::new(Full::new(whole(&*self.store, of, &one.body).await?.into()));
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(CAP_TYPE));
        reply.headers_mut().insert(CACHE_CONTROL, DOCUMENT_CACHE);
        Ok(Some(guarded(reply)))
    }
}

/// Whether a feed is of all governorates, or of one that is known.
pub(super) fn is_known(face: &Face, wishes: &Wishes) -> bool {
    wishes.governorates.iter().all(|id| face.places.get(id).is_some())
}

fn shown(hub: &Hub, topic: &str, page: Page, asked: &HeaderMap) -> Reply {
    let is_same = |value: &HeaderValue| {
        let tags = value.to_str().unwrap_or_default().split(',').map(|tag| tag.trim().trim_start_matches("W/"));
        tags.into_iter().any(|tag| tag == "*" || tag.as_bytes() == page.etag.as_bytes())
    };
    let is_known = asked.get_all(IF_NONE_MATCH).iter().any(is_same);
    let mut reply = Response::new(Full::new(if is_known { Bytes::new() } else { page.body }));
    if is_known {
        *reply.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(ATOM_TYPE));
    headers.insert(CACHE_CONTROL, FEED_CACHE);
    headers.insert(ETAG, page.etag);
    for (address, rel) in [(hub.address().as_str(), "hub"), (topic, "self")] {
        if let Ok(link) = HeaderValue::from_str(&format!("<{address}>; rel=\"{rel}\"")) {
            headers.append(LINK, link);
        }
    }
    guarded(reply)
}

/// That the store failed is told, and nothing of why.
fn failed(why: &StoreError) -> Reply {
    warn!("The web face could not tell what was said: {why}");
    unavailable()
}
