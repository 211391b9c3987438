//! Asking a feed once from the command line: every request, every document that an answer leads to, every file of a folder, each with
//! its bytes and how it went. Keeps nothing and tells nobody.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use url::Url;

use super::super::{EX_CONFIG, EX_UNAVAILABLE, check, place};
use crate::config::{self, FeedConfig};
use crate::daemon::clock::Clock;
use crate::daemon::watcher::folder::{self, Look};
use crate::daemon::watcher::{MAX_FOLLOWED, Probed, decode};
use crate::feed::address::shown;
use crate::feed::{Batch, Folder, Follow, Request, Source, integrity};
use crate::fetch::{Answer, Ask, FetchError, Fetcher, Limits};
use crate::problem::advice;
use crate::time::{TimeDelta, Timestamp};

pub(super) use super::super::EX_USAGE;

/// Why a command cannot go on, with its exit code.
pub(in crate::cli) struct Stopped(pub(in crate::cli) u8, pub(in crate::cli) String);

/// What was asked for, and what came of it.
#[derive(Debug)]
pub(in crate::cli) struct Piece {
    /// The address without its query, or the file.
    pub(super) from: String,
    /// When it was asked for.
    pub(super) asked: Timestamp,
    /// When its answer was whole, or it was given up.
    pub(super) answered: Timestamp,
    /// What came.
    pub(super) came: Came,
}

/// What came of asking.
#[derive(Debug)]
pub(in crate::cli) enum Came {
    /// Bytes.
    Body(Box<Body>),
    /// A proper answer without content (204).
    Nothing,
    /// No answer.
    Failed {
        /// Why.
        why: String,
        /// The HTTP status, when there was one.
        status: Option<u16>,
    },
}

/// Bytes, and what they hold.
#[derive(Debug)]
pub(in crate::cli) struct Body {
    pub(super) bytes: Arc<Vec<u8>>,
    /// None for a file.
    pub(super) status: Option<u16>,
    pub(super) headers: Vec<(String, String)>,
    /// How far the server's clock is ahead of ours.
    pub(super) skew: Option<TimeDelta>,
    pub(super) fresh_for: Option<TimeDelta>,
    pub(super) read: Result<Batch, String>,
}

impl Body {
    /// What the bytes add up to, in hexadecimal (SHA-256).
    pub(super) fn sha256(&self) -> String {
        digest(&SHA256, &self.bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Asks one feed.
pub(in crate::cli) struct Asker {
    pub(super) feed: FeedConfig,
    fetcher: Fetcher,
    /// The state directory, where relative paths of folders and secrets begin.
    dir: PathBuf,
    pub(super) clock: Clock,
}

/// Finds a feed by its name in a configuration, and makes what asks it.
pub(super) fn open(name: &str, config: Option<&Path>, state: Option<&Path>) -> Result<Asker, Stopped> {
    let config = match config::load(config) {
        Ok((config, _)) => config,
        Err(problems) => {
            check::report(&problems, &mut anstream::stderr());
            let why = "the configuration has mistakes, see above; nothing was asked".to_owned();
            return Err(Stopped(EX_CONFIG, why));
        }
    };
    let names: Vec<&str> = config.feeds.iter().map(|feed| feed.id.as_str()).collect();
    let Some(feed) = config.feeds.iter().find(|feed| feed.id.as_str() == name) else {
        let meant = advice(name, &names).map(|advice| format!("; {advice}")).unwrap_or_default();
        let why = format!("no feed is called `{name}`{meant}\nenabled feeds: {}", names.join(", "));
        return Err(Stopped(EX_USAGE, why));
    };
    let dir = place::state_dir(state, config.settings.store.as_deref());
    asker(feed.clone(), &config.settings.contact, dir, Clock::System)
}

/// Makes what asks a feed.
pub(in crate::cli) fn asker(feed: FeedConfig, contact: &str, dir: PathBuf, clock: Clock) -> Result<Asker, Stopped> {
    let fetcher = Fetcher::new(contact).and_then(|usual| usual.with_secrets_in(dir.clone()).through(&feed.connection));
    let fetcher = fetcher.map_err(|why| Stopped(EX_CONFIG, format!("{}: {why}", feed.id)))?;
    Ok(Asker { feed, fetcher, dir, clock })
}

impl Asker {
    /// Asks for everything once, in order. What `look` has seen of a folder is not read again.
    pub(in crate::cli) async fn ask(&self, look: &mut Look) -> Result<Vec<Piece>, Stopped> {
        match self.feed.feed.source(self.clock.now()) {
            Source::Web(requests) => Ok(self.ask_all(&requests).await),
            Source::Folder(folder) => Ok(self.look_into(&folder, look).await),
            Source::Broker(_) => {
                let why =
                    format!("{} is pushed by brokers and cannot be asked; `nadhir run` listens to it", self.feed.id);
                Err(Stopped(EX_UNAVAILABLE, why))
            }
        }
    }

    async fn ask_all(&self, requests: &[Request]) -> Vec<Piece> {
        let mut probed = Probed::default();
        let mut pieces = Vec::new();
        for request in requests {
            let home = Some(&request.url);
            let piece = self.ask_one(request, None, home, probed.is_first(&request.url)).await;
            self.with_documents(piece, home, &mut probed, &mut pieces).await;
        }
        pieces
    }

    /// Adds an answer and the documents that it leads to. Those for which there is no room are told, or it would look like all.
    async fn with_documents(&self, piece: Piece, home: Option<&Url>, probed: &mut Probed, pieces: &mut Vec<Piece>) {
        let follow = match &piece.came {
            Came::Body(body) => body.read.as_ref().map(|batch| batch.follow.clone()).unwrap_or_default(),
            Came::Nothing | Came::Failed { .. } => Vec::new(),
        };
        let from = piece.from.clone();
        pieces.push(piece);
        for follow in follow.iter().take(MAX_FOLLOWED) {
            let is_first = probed.is_first(&follow.request.url);
            pieces.push(self.ask_one(&follow.request, Some(follow), home, is_first).await);
        }
        let more = follow.len().saturating_sub(MAX_FOLLOWED);
        if 0 < more {
            let why = format!("it leads to {more} more documents; only {MAX_FOLLOWED} are asked for at one time");
            let now = self.clock.now();
            pieces.push(Piece { from, asked: now, answered: now, came: Came::Failed { why, status: None } });
        }
    }

    async fn ask_one(&self, request: &Request, follow: Option<&Follow>, home: Option<&Url>, is_first: bool) -> Piece {
        let limits = Limits {
            timeout: self.feed.timeout.to_std().unwrap_or_default(),
            max_body: usize::try_from(self.feed.max_body).unwrap_or(usize::MAX),
        };
        let asked = self.clock.now();
        let ask = Ask { request, limits: &limits, known: None, home, is_first };
        let answer = self.fetcher.ask(&ask, asked).await;
        let answered = self.clock.now();
        let came = match answer {
            Ok(Answer::Fresh(fresh)) => {
                let promised = follow.and_then(|follow| follow.integrity.as_ref());
                let bytes = Arc::new(fresh.body);
                let in_vain = |why: String| match follow {
                    Some(follow) => follow.in_vain(why),
                    None => why,
                };
                let read = match promised.is_none_or(|promised| integrity::matches(promised, &bytes)) {
                    true => decode(&self.feed.feed, Arc::clone(&bytes), answered).await.map_err(in_vain),
                    false => Err("its bytes are not those that were promised".to_owned()),
                };
                Came::Body(Box::new(Body {
                    bytes,
                    status: Some(fresh.status),
                    headers: fresh.headers,
                    skew: fresh.server_date.map(|server| server - answered),
                    fresh_for: fresh.fresh_for,
                    read,
                }))
            }
            Ok(Answer::NotModified { .. } | Answer::NoContent) => Came::Nothing,
            Err(why) => {
                let status = match &why {
                    FetchError::Status { code, .. } => Some(*code),
                    _ => None,
                };
                Came::Failed { why: why.to_string(), status }
            }
        };
        Piece { from: shown(&request.url), asked, answered, came }
    }

    async fn look_into(&self, folder: &Folder, look: &mut Look) -> Vec<Piece> {
        let path = folder::place(folder, &self.dir);
        let asked = self.clock.now();
        let seen: BTreeSet<String> = look.identities().collect();
        let is_known = |identity: &str| seen.contains(identity);
        let failed = |from: String, why: String| Piece {
            from,
            asked,
            answered: self.clock.now(),
            came: Came::Failed { why, status: None },
        };
        let found = match look.into_folder(&path, &folder.pattern, self.feed.max_body, is_known, asked) {
            Ok(found) => found,
            Err(why) => return vec![failed(path.display().to_string(), why)],
        };
        let mut pieces: Vec<Piece> = found.skipped.into_iter().map(|skip| failed(skip.part, skip.why)).collect();
        let mut probed = Probed::default();
        for delivery in found.new {
            let bytes = Arc::new(delivery.body);
            let read = decode(&self.feed.feed, Arc::clone(&bytes), asked).await;
            let headers = vec![("last-modified".to_owned(), delivery.modified.to_rfc2822())];
            let body = Body { bytes, status: None, headers, skew: None, fresh_for: None, read };
            let came = Came::Body(Box::new(body));
            let piece = Piece { from: delivery.name, asked, answered: self.clock.now(), came };
            self.with_documents(piece, None, &mut probed, &mut pieces).await;
        }
        if 0 < found.postponed {
            let why = format!("{} more files are there; so many are not read at one time", found.postponed);
            pieces.push(failed(path.display().to_string(), why));
        }
        pieces
    }
}
