//! `nadhir subscriber replay`: what a channel was sent since a time, once more to one of its subscribers. In order, one at a time, under
//! the same keys and with the same bytes as at first; and what is over, if at all, as history.

use std::sync::Arc;

use serde_json::json;

use super::super::columns::{drawn, plain};
use super::super::{EX_UNAVAILABLE, EX_USAGE, silence};
use super::ground::{Ground, say};
use super::post::recipient;
use super::{EX_FAILED, Ended, Where};
use crate::outbox::replay::{Choice, Frozen, Sent, choose, counted, history, key_of};
use crate::record::Entry;
use crate::route::pace::{Meter, Pace};
use crate::sink::{Letter, Many, Missed, SendError};
use crate::subscriber::{State, Subscriber};
use crate::time::{TimeDelta, Timestamp, parse_span};

/// How often what was said is looked through anew, because something was said meanwhile.
const MAX_LOOKS: usize = 1_000;

/// What stands after the arguments.
pub(super) const HELP: &str = "Examples:  nadhir subscriber replay red-crescent --since 6h --dry-run\n           nadhir subscriber replay archive \
    --since 2025-12-09T00:00:00+03:00 --as-history\n\nEach message keeps its webhook-id and its bytes, so that a receiver knows what it has; of \
    each number the newest word alone is sent. The journal has a line of it, which is written before anything is sent. What has expired is not sent as a warning: with --as-history all is sent under the type \
    `history` and a webhook-id of its own, with the message of then as a text within.\n\nExit codes: 0 all was sent, 1 one did not arrive and \
    those after it were not sent, 2 no such subscriber, or one that is told nothing now, 69 the store or the key cannot be had, 78 mistakes in \
    the configuration.";

/// What `nadhir subscriber replay` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Replay {
    /// Its name.
    name: String,
    /// From when on: how long ago (6h), or a moment (2025-12-09T03:00:00+03:00).
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Since,
    /// Send all of it as history, what has expired too: under the type `history`, which is no warning.
    #[arg(long)]
    as_history: bool,
    /// Show what would be sent, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// One JSON object a line for each message.
    #[arg(long)]
    json: bool,
    /// Who you are, for the journal.
    #[arg(long, value_name = "NAME", env = "SUDO_USER", default_value_t = silence::user())]
    by: String,
    #[command(flatten)]
    at: Where,
}

/// From when on.
#[derive(Debug, Clone, Copy)]
enum Since {
    Ago(TimeDelta),
    At(Timestamp),
}

fn since(text: &str) -> Result<Since, String> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(Since::At(moment));
    }
    parse_span(text).map(Since::Ago).map_err(|why| format!("{why}, or a moment such as 2025-12-09T03:00:00+03:00"))
}

/// What was sent, with what becomes of each.
type Chosen = Vec<(Sent, Choice)>;

/// One replay.
struct Post<'a> {
    ground: &'a Ground,
    asked: &'a Replay,
    to: Subscriber,
    since: Timestamp,
    many: Arc<dyn Many>,
    meter: Meter,
}

pub(super) fn run(asked: &Replay) -> Ended {
    let ground = Ground::open(&asked.at)?;
    let to = ground.find(&asked.name)?;
    match to.state {
        State::Active => {}
        State::Unverified => {
            let why =
                anyhow::anyhow!("{0} has not shown that it wants to hear: nadhir subscriber verify {0}", asked.name);
            return Err((EX_USAGE, why));
        }
        State::Paused | State::Disabled if asked.dry_run => {}
        State::Paused | State::Disabled => {
            let why = anyhow::anyhow!(
                "{0} is {1} and would miss what comes next: nadhir subscriber resume {0}, and then replay",
                asked.name,
                to.state.name()
            );
            return Err((EX_USAGE, why));
        }
    }
    let since = match asked.since {
        Since::Ago(span) => ground.now() - span,
        Since::At(moment) => moment,
    };
    let many = ground.many()?;
    let mut post = Post { ground: &ground, asked, to, since, many, meter: Meter::default() };
    if asked.dry_run { post.show() } else { post.send() }
}

impl Post<'_> {
    fn look(&self) -> Result<(Chosen, i64), (u8, anyhow::Error)> {
        let (sent, newest) = self.ground.sent_since(self.to.id, self.since)?;
        let now = (self.ground.now(), self.asked.as_history);
        Ok((choose(sent, self.ground.listener()?, &self.to, now), newest))
    }

    /// Shows what would be sent.
    fn show(&self) -> Ended {
        let (chosen, _) = self.look()?;
        let mut table = plain(["bulletin", "said", "expires", "what becomes of it"]);
        for (one, choice) in &chosen {
            if self.asked.json {
                self.line(one, *choice, None);
                continue;
            }
            let what = match choice {
                Choice::Send if self.asked.as_history => "sent as history",
                Choice::Send => "sent",
                Choice::Expired => "not sent: it has expired",
                Choice::OnItsWay => "not sent: the service has it in hand",
                Choice::Replaced => "not sent: a newer word has taken its place",
                Choice::NotHeard => "not sent: it is not for this subscriber",
            };
            table.add_row([one.bulletin.to_string(), instant(one.said), instant(one.expires), what.to_owned()]);
        }
        if !self.asked.json {
            say(&drawn(&table));
            self.sum_up("would be sent", counted(&chosen).get(&Choice::Send).copied().unwrap_or(0), &chosen);
        }
        Ok(())
    }

    /// Sends what is chosen, the oldest first; what is said meanwhile is looked at before the next.
    fn send(&mut self) -> Ended {
        let (mut chosen, mut newest) = self.look()?;
        let (mut done, mut sent, mut looks) = (0, 0, 1);
        self.record(&chosen)?;
        loop {
            let is_next = |(one, choice): &&(Sent, Choice)| done < one.delivery && *choice == Choice::Send;
            let Some((one, _)) = chosen.iter().find(is_next).cloned() else { break };
            self.wait();
            // Time has gone by.
            if one.expires <= self.ground.now() && !self.asked.as_history {
                done = one.delivery;
                continue;
            }
            let of = (one.delivery, self.to.id);
            let Some(frozen) = self.ground.send_again(of, newest, self.asked.as_history)? else {
                looks += 1;
                if MAX_LOOKS < looks {
                    let why = anyhow::anyhow!("more is said than can be looked through beside it; try again later");
                    return Err((EX_UNAVAILABLE, why));
                }
                (chosen, newest) = self.look()?;
                continue;
            };
            self.tell(&one, &frozen)?;
            sent += 1;
            done = one.delivery;
        }
        if !self.asked.json {
            self.sum_up(if sent == 1 { "was sent" } else { "were sent" }, sent, &chosen);
        }
        Ok(())
    }

    /// Writes into the journal who sends what once more, before any of it is sent; nothing where nothing is.
    fn record(&self, chosen: &Chosen) -> Ended {
        let count = counted(chosen).get(&Choice::Send).copied().unwrap_or(0);
        if count == 0 {
            return Ok(());
        }
        let messages = if count == 1 { "1 message".to_owned() } else { format!("{count} messages") };
        let how = if self.asked.as_history { ", as history" } else { "" };
        let text = format!(
            "{} has {messages} sent once more to {} of {}, of those since {}{how}",
            self.asked.by,
            self.to.name,
            self.ground.channel(),
            instant(self.since)
        );
        let subject = self.ground.channel().to_string();
        self.ground.record(Entry { at: self.ground.now(), kind: "replay".to_owned(), subject, text })
    }

    /// Sends one message and takes note of how that ended.
    fn tell(&self, one: &Sent, frozen: &Frozen) -> Ended {
        let key = key_of(&one.message, self.ground.channel());
        let letter = Letter::of(&*self.many, key.clone(), (&frozen.body, &frozen.content_type), &self.to.wishes);
        let letter = match self.asked.as_history {
            true => {
                let (key, told) = history(&key, one, &String::from_utf8_lossy(&letter.body));
                Letter { key, body: told.as_bytes().to_vec().into(), content_type: letter.content_type, topic: None }
            }
            false => letter,
        };
        let now = self.ground.now();
        let to = recipient(&self.to);
        let ended = self.ground.wait(self.many.send(Arc::new(letter), to, now));
        let failed = ended.err().map(|why| (why.to_string(), matches!(why, Missed::Failed(SendError::Unknown { .. }))));
        if !self.asked.as_history {
            let why = failed.as_ref().map(|(why, _)| why.clone());
            self.ground.sent_again((one.delivery, self.to.id), why)?;
        }
        if self.asked.json {
            self.line(one, Choice::Send, failed.as_ref().map(|(why, _)| why.as_str()));
        }
        let Some((why, may_have)) = failed else { return Ok(()) };
        let what = if may_have { "may not have arrived" } else { "did not arrive" };
        let next = instant(one.said);
        let why = anyhow::anyhow!(
            "{} {what}, and what comes after it was not sent: {why}; to go on: --since {next}",
            one.bulletin
        );
        Err((EX_FAILED, why))
    }

    /// Waits until the subscriber takes one more.
    fn wait(&mut self) {
        let Some(pace) = self.to.pace.as_deref().and_then(|pace| Pace::parse(pace).ok()) else { return };
        while let Err(free) = self.meter.room(pace, self.ground.now()) {
            let wait = (free - self.ground.now()).to_std().unwrap_or_default();
            self.ground.wait(tokio::time::sleep(wait));
        }
        self.meter.count(pace, 1, self.ground.now());
    }

    fn line(&self, one: &Sent, choice: Choice, failed: Option<&str>) {
        let Sent { message, bulletin, said, expires, .. } = one;
        let said = json!({
            "bulletin": bulletin, "message": message, "said": instant(*said), "expires": instant(*expires),
            "choice": choice, "as_history": self.asked.as_history, "failed": failed,
        });
        say(&format!("{said}\n"));
    }

    fn sum_up(&self, what: &str, sent: usize, chosen: &[(Sent, Choice)]) {
        let counts = counted(chosen);
        let count = |choice: Choice| counts.get(&choice).copied().unwrap_or(0);
        let others = [
            (count(Choice::Expired), "have expired (--as-history tells of them as history)"),
            (count(Choice::OnItsWay), "the service has in hand"),
            (count(Choice::Replaced), "were replaced by a newer word"),
            (count(Choice::NotHeard), "are not for it"),
        ];
        let others = others.iter().filter(|(count, _)| 0 < *count).map(|(count, why)| format!("; {count} {why}"));
        let how = if self.asked.as_history { " as history" } else { "" };
        say(&format!("{sent} of {} {what} to {}{how}{}\n", chosen.len(), self.to.name, others.collect::<String>()));
    }
}

fn instant(moment: Timestamp) -> String {
    moment.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
