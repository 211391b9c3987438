//! `nadhir say`: news, the announcement of an event, the answer to a rumour. It is shown first, and goes out when whoever asked says
//! yes. Nothing is decided here.

use super::desk::{self, Common};
use super::which::Stopped;
use crate::engine::press::Say;
use crate::engine::staff::Order;
use crate::language::Both;
use crate::statement::{Content, Rumour, Sort, Truth, When};
use crate::time::{TimeDelta, Timestamp, parse_span};

pub(super) const HELP: &str = "Examples:\n  nadhir say news --title-ar \"…\" --title-en \"…\" --text-ar \"…\" --text-en \"…\"\n  \
    nadhir say event --title-ar \"…\" --title-en \"…\" --from 2026-12-09T18:00+03:00 --for 3h --governorate makkah\n  nadhir say rumour \
    --title-ar \"…\" --title-en \"…\" --claim-ar \"…\" --claim-en \"…\" --truth false --text-ar \"…\" --text-en \"…\"\n\n\
    Channels hear it where they ask for it: statements = [\"news\", \"event\", \"rumour\"]. `nadhir correct MKH-SAY-…` takes it back.\n\n\
    Exit codes: as of `nadhir warn`.";

/// What `nadhir say` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What sort of statement it is.
    #[arg(value_parser = sort)]
    sort: Sort,
    /// Its title, in Arabic.
    #[arg(long, value_name = "TEXT")]
    title_ar: String,
    /// Its title, in English.
    #[arg(long, value_name = "TEXT")]
    title_en: String,
    /// What it says, in Arabic; of a rumour, the evidence.
    #[arg(long, value_name = "TEXT", requires = "text_en")]
    text_ar: Option<String>,
    /// The same in English.
    #[arg(long, value_name = "TEXT", requires = "text_ar")]
    text_en: Option<String>,
    /// What people say, in Arabic.
    #[arg(long, value_name = "TEXT", requires_all = ["claim_en", "truth"])]
    claim_ar: Option<String>,
    /// The same in English.
    #[arg(long, value_name = "TEXT", requires = "claim_ar")]
    claim_en: Option<String>,
    /// Whether it is so: false, misleading, true, unproven.
    #[arg(long, value_parser = truth, requires = "claim_ar")]
    truth: Option<Truth>,
    /// When the event begins.
    #[arg(long, value_name = "TIME", value_parser = desk::moment)]
    from: Option<Timestamp>,
    /// How long it lasts.
    #[arg(long = "for", value_name = "SPAN", value_parser = parse_span, requires = "from")]
    lasting: Option<TimeDelta>,
    /// Which governorates it is about, by ids or names [default: the whole region].
    #[arg(long, value_name = "GOVERNORATE", value_delimiter = ',')]
    governorate: Vec<String>,
    /// Where there is more to read.
    #[arg(long, value_name = "ADDRESS")]
    link: Option<String>,
    /// How long it may still be sent where a channel is down.
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "1d")]
    within: TimeDelta,
    #[command(flatten)]
    common: Common,
}

fn sort(text: &str) -> Result<Sort, String> {
    let found = Sort::ALL.iter().copied().find(|sort| sort.name() == text);
    found.ok_or_else(|| "write news, event or rumour".to_owned())
}

fn truth(text: &str) -> Result<Truth, String> {
    let found = Truth::ALL.iter().copied().find(|truth| truth.name() == text);
    found.ok_or_else(|| "write false, misleading, true or unproven".to_owned())
}

fn both(ar: Option<&String>, en: Option<&String>) -> Option<Both<String>> {
    Some(Both { ar: ar?.clone(), en: en?.clone() })
}

/// Says it, and returns the exit code.
pub fn run(arguments: &Arguments) -> u8 {
    let common = &arguments.common;
    desk::act(common, |config, _| -> Result<Order, Stopped> {
        let places = desk::places(config, &arguments.governorate)?;
        let claim = both(arguments.claim_ar.as_ref(), arguments.claim_en.as_ref());
        let until = |from: Timestamp| arguments.lasting.map(|lasting| from + lasting);
        let content = Content {
            sort: arguments.sort,
            title: Both { ar: arguments.title_ar.clone(), en: arguments.title_en.clone() },
            text: both(arguments.text_ar.as_ref(), arguments.text_en.as_ref()),
            rumour: claim.zip(arguments.truth).map(|(claim, truth)| Rumour { claim, truth }),
            when: arguments.from.map(|from| When { from, until: until(from) }),
            places: places.into_iter().collect(),
            link: arguments.link.clone(),
        };
        Ok(Order::Say(Box::new(Say { content, lasting: arguments.within, by: common.by.clone() })))
    })
}
