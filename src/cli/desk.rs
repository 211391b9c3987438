//! `nadhir warn`, `drill`, `amend`, `lift` and `correct`: what the people on duty say by their own hand.
//!
//! Each is lived through first, on a copy of the state, so that what is shown is what will be sent; then whoever asked says yes, and
//! the running service does it. Nothing is decided here.

use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

use serde::Serialize;

use super::view::View;
use super::which::Stopped;
use super::{EX_UNAVAILABLE, EX_USAGE, complain, explain, place, preview, service, silence};
use crate::bulletin::{Bulletin, Change, Reason};
use crate::config::Config;
use crate::daemon::clock::Clock;
use crate::daemon::control::Question;
use crate::engine::staff::{Order, refusal};
use crate::engine::{Event, Outcome, State, desk, step};
use crate::hazard::{Hazard, Severity};
use crate::ids::{BulletinId, GovernorateId};
use crate::language::Both;
use crate::statement::{SERIES, Statement};
use crate::time::{TimeDelta, Timestamp, parse_span};

/// The order was understood and could not be obeyed, or whoever asked said no.
const EX_REFUSED: u8 = 1;

pub(super) const WARN_HELP: &str = "Examples:  nadhir warn --hazard flash-flood --severity orange --governorate jeddah --for 3h\n           \
    nadhir warn --hazard dust --severity yellow --governorate taif,turabah --from 2025-12-09T14:00+03:00 --for 6h --dry-run\n\n\
    What is said of a hazard at a severity is written in the wording; remarks are added to it, in both languages.\n\n\
    Exit codes: 0 said, 1 refused or not confirmed, 2 wrong arguments, 69 no service runs there, 78 mistakes in the configuration.";

pub(super) const AMEND_HELP: &str = "Examples:  nadhir amend MKH-2025-000001 --for 2h\n           nadhir amend MKH-2025-000001 --remarks-ar \
    \"أُغلق طريق الهدا.\" --remarks-en \"Al Hada road is closed.\"\n\n\
    Severity, places and end can be changed of a warning of the desk; to others only remarks are added.\n\nExit codes: as of `nadhir warn`.";

pub(super) const CORRECT_HELP: &str = "Example:  nadhir correct MKH-2025-000001 --reason false-alarm\n\n\
    The words are written beforehand, for each reason. The rules then keep quiet of it for an hour (--quiet), up to the severity that was \
    taken back.\n\nExit codes: as of `nadhir warn`.";

/// Which service, who asks, and whether they want to be asked.
#[derive(Debug, clap::Args)]
pub(super) struct Common {
    #[command(flatten)]
    dirs: place::Dirs,
    /// Who you are, for the journal; an account that `[duty]` names goes by its own name.
    #[arg(long, value_name = "NAME", env = "SUDO_USER", default_value_t = silence::user())]
    pub(super) by: String,
    /// Show what would be sent, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before it goes out.
    #[arg(long)]
    yes: bool,
    /// A JSON object with what is sent to each channel; asks nothing, so it wants --yes or --dry-run.
    #[arg(long)]
    json: bool,
}

/// What is added to the words that are written beforehand.
#[derive(Debug, clap::Args)]
struct Remarks {
    /// What you add, in Arabic.
    #[arg(long, value_name = "TEXT", requires = "remarks_en")]
    remarks_ar: Option<String>,
    /// The same in English.
    #[arg(long, value_name = "TEXT", requires = "remarks_ar")]
    remarks_en: Option<String>,
}

impl Remarks {
    fn both(&self) -> Option<Both<String>> {
        Some(Both { ar: self.remarks_ar.clone()?, en: self.remarks_en.clone()? })
    }
}

/// What threatens whom, and for how long.
#[derive(Debug, clap::Args)]
struct Danger {
    /// What threatens.
    #[arg(long, value_name = "HAZARD", value_parser = silence::hazard)]
    hazard: Hazard,
    /// How bad it is.
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    severity: Severity,
    /// Where, by ids or names; may be given several times. Everywhere is said by naming everywhere.
    #[arg(long, value_name = "GOVERNORATE", value_delimiter = ',', required = true)]
    governorate: Vec<String>,
    /// When it begins [default: it has begun].
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// For how long, from its beginning on: 30min, 6h.
    #[arg(long = "for", value_name = "SPAN", value_parser = parse_span)]
    lasting: TimeDelta,
}

/// What `nadhir warn` takes.
#[derive(Debug, clap::Args)]
pub struct Warn {
    #[command(flatten)]
    danger: Danger,
    #[command(flatten)]
    remarks: Remarks,
    #[command(flatten)]
    common: Common,
}

/// What `nadhir drill` takes.
#[derive(Debug, clap::Args)]
pub struct Drill {
    #[command(flatten)]
    danger: Danger,
    #[command(flatten)]
    remarks: Remarks,
    #[command(flatten)]
    common: Common,
}

/// What `nadhir amend` takes.
#[derive(Debug, clap::Args)]
pub struct Amend {
    /// The number of the warning, without the edition: MKH-2025-000001.
    number: String,
    /// How bad it is now.
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    severity: Option<Severity>,
    /// Where it is now, all of it.
    #[arg(long, value_name = "GOVERNORATE", value_delimiter = ',')]
    governorate: Vec<String>,
    /// For how long, from now on.
    #[arg(long = "for", value_name = "SPAN", value_parser = parse_span)]
    lasting: Option<TimeDelta>,
    #[command(flatten)]
    remarks: Remarks,
    #[command(flatten)]
    common: Common,
}

/// What `nadhir lift` takes.
#[derive(Debug, clap::Args)]
pub struct Lift {
    /// The number of the warning, without the edition: MKH-2025-000001.
    number: String,
    #[command(flatten)]
    common: Common,
}

/// What `nadhir correct` takes.
#[derive(Debug, clap::Args)]
pub struct Correct {
    /// The number of what is wrong, or the name of one of its bulletins: MKH-2025-000001.
    bulletin: String,
    /// Why it is taken back.
    #[arg(long, value_name = "REASON", value_parser = reason)]
    reason: Reason,
    /// How long the rules keep quiet of it: 0s to 6h.
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "1h")]
    quiet: TimeDelta,
    #[command(flatten)]
    remarks: Remarks,
    #[command(flatten)]
    common: Common,
}

fn severity(text: &str) -> Result<Severity, String> {
    let known: Vec<&str> = Severity::ALL.iter().map(|severity| severity.name()).collect();
    Severity::parse(text).ok_or_else(|| format!("write one of {}", known.join(", ")))
}

pub(super) fn reason(text: &str) -> Result<Reason, String> {
    let known: Vec<&str> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    let found = Reason::ALL.iter().copied().find(|reason| reason.name() == text);
    found.ok_or_else(|| format!("write one of {}", known.join(", ")))
}

pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    let short = chrono::DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M%:z");
    let found = chrono::DateTime::parse_from_rfc3339(text).or(short);
    found.map(|found| found.to_utc()).map_err(|_| "write it with its zone, as 2025-12-09T14:00+03:00".to_owned())
}

/// The number of a bulletin that may be named with its edition.
fn number_of(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((number, edition)) if edition.chars().all(|digit| digit.is_ascii_digit()) => number,
        _ => name,
    }
}

/// Warns by hand, and returns the exit code.
pub fn warn(arguments: &Warn) -> u8 {
    danger(&arguments.danger, &arguments.remarks, &arguments.common, false)
}

/// Rehearses a warning, and returns the exit code.
pub fn drill(arguments: &Drill) -> u8 {
    danger(&arguments.danger, &arguments.remarks, &arguments.common, true)
}

fn danger(danger: &Danger, remarks: &Remarks, common: &Common, is_drill: bool) -> u8 {
    act(common, |config, now| {
        let warn = desk::Warn {
            hazard: danger.hazard,
            severity: danger.severity,
            governorates: places(config, &danger.governorate)?,
            onset: danger.from,
            until: danger.from.unwrap_or(now) + danger.lasting,
            remarks: remarks.both(),
            is_drill,
            by: common.by.clone(),
        };
        Ok(Order::Warn(warn))
    })
}

/// Changes a warning, and returns the exit code.
pub fn amend(arguments: &Amend) -> u8 {
    let common = &arguments.common;
    act(common, |config, now| {
        let governorates = match arguments.governorate.as_slice() {
            [] => None,
            names => Some(places(config, names)?),
        };
        Ok(Order::Amend(desk::Amend {
            number: number_of(&arguments.number).to_owned(),
            severity: arguments.severity,
            governorates,
            until: arguments.lasting.map(|lasting| now + lasting),
            remarks: arguments.remarks.both(),
            by: common.by.clone(),
        }))
    })
}

/// Ends a warning of the desk, and returns the exit code.
pub fn lift(arguments: &Lift) -> u8 {
    let common = &arguments.common;
    act(common, |_, _| Ok(Order::Lift { number: number_of(&arguments.number).to_owned(), by: common.by.clone() }))
}

/// Takes back what was said, and returns the exit code.
pub fn correct(arguments: &Correct) -> u8 {
    let common = &arguments.common;
    act(common, |_, _| {
        let number = number_of(&arguments.bulletin).to_owned();
        if number.contains(SERIES) {
            return Ok(Order::Unsay { number, by: common.by.clone() });
        }
        Ok(Order::Correct(desk::Correct {
            number,
            reason: arguments.reason,
            remarks: arguments.remarks.both(),
            quiet: arguments.quiet,
            by: common.by.clone(),
        }))
    })
}

pub(super) fn places(config: &Config, names: &[String]) -> Result<BTreeSet<GovernorateId>, Stopped> {
    let find = |name: &String| explain::find(&config.governorates, name).map(|place| place.id.clone());
    names.iter().map(find).collect::<Result<_, _>>().map_err(|why| Stopped(EX_USAGE, why))
}

/// Shows what an order comes to, asks, and has the service do it.
pub(super) fn act(common: &Common, order: impl FnOnce(&Config, Timestamp) -> Result<Order, Stopped>) -> u8 {
    let config = match common.dirs.configuration("it is not known what would be said") {
        Ok(config) => config,
        Err(code) => return code,
    };
    let now = Clock::System.now();
    let tried = order(&config, now).and_then(|order| {
        let said = rehearse(&config, common, &order, now)?;
        show(&config, common, &said)?;
        Ok(order)
    });
    match tried {
        Ok(_) if common.dry_run => 0,
        Ok(order) => match confirm(common) {
            Ok(()) => send(&config, common, order),
            Err(Stopped(code, why)) => {
                complain(&why);
                code
            }
        },
        Err(Stopped(code, why)) => {
            complain(&why);
            code
        }
    }
}

/// What would be said for an order now, on a copy of the state.
fn rehearse(config: &Config, common: &Common, order: &Order, now: Timestamp) -> Result<Said, Stopped> {
    let unreadable = |why: String| Stopped(EX_UNAVAILABLE, format!("the state could not be read: {why}"));
    let dir = place::state_dir(common.dirs.state.as_deref(), config.settings.store.as_deref());
    let view = View::open(Some(&config.settings), &dir).map_err(|Stopped(_, why)| unreadable(why))?;
    let saved = view.glance(now, now).map_err(|why| unreadable(why.to_string()))?.saved;
    let state = State::restore(&saved).map_err(|why| unreadable(why.to_string()))?;
    if let Some(why) = refusal(&config.rules, &state, order, now) {
        return Err(Stopped(EX_REFUSED, why));
    }
    let event = match order {
        Order::Correct(correct) => {
            let said = view.bulletins(&correct.number).map_err(|why| unreadable(why.to_string()))?;
            let why = || format!("nothing was said under {}; `nadhir journal` shows what was", correct.number);
            let last = said.into_iter().last().ok_or_else(|| Stopped(EX_REFUSED, why()))?;
            if last.change == Change::Corrected {
                return Err(Stopped(EX_REFUSED, format!("{} has been taken back already", correct.number)));
            }
            Event::TakenBack { correct: correct.clone(), said: Box::new(last), was: None }
        }
        other => Event::Ordered(other.clone()),
    };
    // What else falls due in the same moment is said by the service, and is not this order's.
    let without: BTreeSet<BulletinId> =
        step(&config.rules, &state, &Event::Tick, now).bulletins.into_iter().map(|bulletin| bulletin.id).collect();
    let Outcome { bulletins, statements, .. } = step(&config.rules, &state, &event, now);
    let bulletins = bulletins.into_iter().filter(|bulletin| !without.contains(&bulletin.id)).collect();
    Ok(Said { bulletins, statements })
}

/// What an order comes to.
struct Said {
    bulletins: Vec<Bulletin>,
    statements: Vec<Statement>,
}

#[derive(Serialize)]
struct Shown<'a> {
    bulletin: &'a BulletinId,
    channels: Vec<preview::Preview>,
}

fn show(config: &Config, common: &Common, said: &Said) -> Result<(), Stopped> {
    let Said { bulletins, statements } = said;
    let told = bulletins
        .iter()
        .map(|bulletin| Ok(Shown { bulletin: &bulletin.id, channels: preview::previews(bulletin, config, None)? }));
    let stated =
        statements.iter().map(|one| Ok(Shown { bulletin: &one.id, channels: preview::statements(one, config)? }));
    let shown = told.chain(stated);
    let shown = shown.collect::<Result<Vec<_>, Stopped>>()?;
    let mut out = anstream::stdout();
    if common.json {
        let text = serde_json::to_string(&shown).unwrap_or_else(|why| format!("{{\"error\":\"{why}\"}}"));
        let _ = writeln!(out, "{text}");
        return Ok(());
    }
    for Shown { bulletin, channels } in &shown {
        let _ = writeln!(out, "══ {bulletin}\n{}", preview::whole(channels));
    }
    let is_back = bulletins.iter().any(|bulletin| bulletin.change == Change::Corrected);
    if is_back || statements.iter().any(|statement| statement.is_withdrawn) {
        let _ = writeln!(out, "Of these, only channels that received it, or may have, are told.");
    }
    Ok(())
}

fn confirm(common: &Common) -> Result<(), Stopped> {
    if common.yes {
        return Ok(());
    }
    let stdin = std::io::stdin();
    if common.json || !stdin.is_terminal() {
        return Err(Stopped(EX_REFUSED, "nothing was sent: say --yes, or ask from a terminal".to_owned()));
    }
    let _ = write!(anstream::stderr(), "Send this now? [y/N] ");
    let mut answer = String::new();
    let _ = stdin.lock().read_line(&mut answer);
    match answer.trim() {
        "y" | "Y" | "yes" | "نعم" => Ok(()),
        _ => Err(Stopped(EX_REFUSED, "nothing was sent".to_owned())),
    }
}

fn send(config: &Config, common: &Common, order: Order) -> u8 {
    let dir = place::state_dir(common.dirs.state.as_deref(), config.settings.store.as_deref());
    let Some(answer) = service::answer(Some(&dir), &Question::Order { order }) else { return EX_UNAVAILABLE };
    if !answer.ok {
        complain(&answer.problems.trim_end());
        return EX_REFUSED;
    }
    let names: Vec<&str> = answer.said.iter().map(BulletinId::as_str).collect();
    let _ = writeln!(anstream::stderr(), "Done: {}", names.join(", "));
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_its_zone() {
        let six = Timestamp::from_timestamp(1_765_278_000, 0).unwrap();
        assert_eq!(moment("2025-12-09T14:00+03:00"), Ok(six));
        assert_eq!(moment("2025-12-09T11:00:00Z"), Ok(six));
        assert!(moment("2025-12-09 14:00").unwrap_err().contains("zone"));
    }

    #[test]
    fn a_number_is_found_in_the_name_of_a_bulletin() {
        assert_eq!(number_of("MKH-2025-000001.3"), "MKH-2025-000001");
        assert_eq!(number_of("MKH-2025-000001"), "MKH-2025-000001");
    }
}
