//! The press desk: statements said and taken back. What was said is remembered for as long as it can be taken back.

use chrono::Datelike as _;
use serde::{Deserialize, Serialize};

use super::desk;
use super::state::{Draft, State};
use crate::ids::BulletinId;
use crate::language::Both;
use crate::language::direction::tame;
use crate::rule::RuleBook;
use crate::statement::{Content, LONGEST, MAX_LINK, MAX_TEXT, MAX_TITLE, Rumour, SERIES, Sort, Statement};
use crate::time::{TimeDelta, Timestamp, seconds, span_text};

/// The most statements that are remembered at a time.
const MAX_STATEMENTS: usize = 1_000;

/// A statement to be said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Say {
    /// What it says.
    pub content: Content,
    /// How long it may still be sent.
    #[serde(with = "seconds", rename = "lasting_s")]
    pub lasting: TimeDelta,
    /// Who says so.
    pub by: String,
}

/// Why something cannot be said so, all reasons at once.
pub(super) fn refusal_to_say(book: &RuleBook, state: &State, say: &Say, now: Timestamp) -> Option<String> {
    let Content { sort, title, text, rumour, when, places, link } = &say.content;
    let mut faults = desk::faults_of("title", title, MAX_TITLE);
    faults.extend(text.iter().flat_map(|text| desk::faults_of("text", text, MAX_TEXT)));
    faults.extend(rumour.iter().flat_map(|rumour| desk::faults_of("claim", &rumour.claim, MAX_TEXT)));
    faults.extend(desk::faults_of_name(&say.by));
    match sort {
        Sort::Rumour if rumour.is_none() || text.is_none() => {
            faults.push("a rumour is answered with its claim, whether it is so, and the evidence".to_owned());
        }
        Sort::Event if when.is_none() => faults.push("say when the event takes place".to_owned()),
        Sort::News if text.is_none() => faults.push("news have a text".to_owned()),
        Sort::Rumour | Sort::Event | Sort::News => {}
    }
    if let Some(when) = when {
        if when.until.is_some_and(|until| until <= when.from) {
            faults.push("it would end before it begins".to_owned());
        }
        if when.until.unwrap_or(when.from) <= now {
            faults.push("it is over already".to_owned());
        }
    }
    let strangers = places.iter().filter(|place| book.governorates.get(place).is_none());
    faults.extend(strangers.map(|place| format!("no governorate is called `{place}`")));
    if let Some(link) = link {
        let is_link =
            link.starts_with("https://") && link.len() <= MAX_LINK && link.chars().all(|c| c.is_ascii_graphic());
        if !is_link {
            faults.push(format!("the link is not an https address of at most {MAX_LINK} letters"));
        }
    }
    if say.lasting <= TimeDelta::zero() || LONGEST < say.lasting {
        faults.push(format!("it may be sent for {} at most", span_text(LONGEST)));
    }
    if MAX_STATEMENTS <= state.statements().count() {
        faults.push(format!("there are {MAX_STATEMENTS} statements already that may still be sent"));
    }
    desk::all(&faults)
}

/// Why a statement cannot be taken back.
pub(super) fn refusal_to_unsay(state: &State, number: &str, by: &str) -> Option<String> {
    match state.statements().find(|known| known.number == number) {
        None => Some(format!(
            "no statement {number} is known that could still be read; `nadhir journal` shows what was said"
        )),
        Some(known) if known.is_withdrawn => Some(format!("{number} has been taken back already, by {}", known.id)),
        Some(_) => desk::faults_of_name(by),
    }
}

fn tidy(text: &Both<String>) -> Both<String> {
    let one_line = |text: &str| tame(text).split_whitespace().collect::<Vec<_>>().join(" ");
    Both { ar: one_line(&text.ar), en: one_line(&text.en) }
}

/// Says a statement.
pub(super) fn say(book: &RuleBook, draft: &mut Draft<'_>, say: &Say, now: Timestamp) {
    let mut content = say.content.clone();
    content.title = tidy(&content.title);
    content.text = content.text.as_ref().map(tidy);
    content.rumour = content.rumour.map(|rumour| Rumour { claim: tidy(&rumour.claim), ..rumour });
    content.places.sort_by_key(|place| book.governorates.order(place));
    content.places.dedup();
    let year = now.year();
    let number = format!("{}{SERIES}{year}-{:06}", book.code, draft.next_statement_number(year));
    let statement = Statement {
        id: BulletinId::new(&number, 1),
        number,
        edition: 1,
        is_withdrawn: false,
        content,
        author: say.by.clone(),
        issued: now,
        stale_after: now + say.lasting,
    };
    put(draft, statement, now);
}

/// Takes a statement back, for as long as it may be remembered by those who read it.
pub(super) fn unsay(draft: &mut Draft<'_>, number: &str, by: &str, now: Timestamp) {
    let Some(known) = draft.statement(&number.to_owned()).filter(|known| !known.is_withdrawn).cloned() else { return };
    let edition = known.edition.saturating_add(1);
    let statement = Statement {
        id: BulletinId::new(&known.number, edition),
        edition,
        is_withdrawn: true,
        author: by.to_owned(),
        issued: now,
        stale_after: now + desk::OLDEST,
        ..known
    };
    put(draft, statement, now);
}

fn put(draft: &mut Draft<'_>, statement: Statement, now: Timestamp) {
    let done = if statement.is_withdrawn { "takes back" } else { "says" };
    let text = format!("{} {done}: {}", statement.author, statement.content.title.en);
    draft.write(now, "statement", &statement.id, text);
    draft.put_statement(statement.number.clone(), Some(statement.clone()));
    draft.state_openly(statement);
}

/// Forgets what nobody can take back any more.
pub(super) fn run_out(draft: &mut Draft<'_>, now: Timestamp) {
    let is_over = |known: &&Statement| known.stale_after.max(known.issued + desk::OLDEST) <= now;
    let over: Vec<String> = draft.state().statements().filter(is_over).map(|known| known.number.clone()).collect();
    over.into_iter().for_each(|number| draft.put_statement(number, None));
}
