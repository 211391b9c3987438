//! Reminders: what holds on for long is told once more at the channels that ask for it. Nothing new is decided by it, and nothing is said
//! that was not said before; who did not receive the word itself is not reminded of it.

use std::collections::BTreeMap;

use crate::bulletin::Bulletin;
use crate::hazard::Severity;
use crate::ids::{BulletinId, ChannelId};
use crate::language::Language;
use crate::message::{Form, Message, MessageKey};
use crate::outbox::{NewDelivery, Terms, urgency};
use crate::route::{Listener, Meant, hears};
use crate::time::{TimeDelta, Timestamp};

/// The shortest time for which something must still hold for anybody to be reminded of it.
const WORTH_IT: TimeDelta = TimeDelta::minutes(10);

/// What was told once more, with what it is told in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reminder {
    /// The frozen text.
    pub message: Message,
    /// To whom it is owed, if the word itself arrived there and no newer one is on its way.
    pub delivery: NewDelivery,
}

/// How often channels were reminded of which bulletin.
pub type Reminded = BTreeMap<(ChannelId, BulletinId), u32>;

/// What falls due of reminders of what is in force, and takes note of it in `reminded`. A channel that was not looked at for long is
/// reminded once and not of all that it missed.
///
/// # Errors
/// The first text that could not be rendered.
pub fn reminders<E>(
    in_force: &[Bulletin],
    listeners: &[Listener],
    reminded: &mut Reminded,
    now: Timestamp,
    render: impl Fn(&Bulletin, Form, &[Language], u32) -> Result<Message, E>,
) -> Result<Vec<Reminder>, E> {
    let mut messages: BTreeMap<MessageKey, Message> = BTreeMap::new();
    let mut reminders = Vec::new();
    reminded.retain(|(_, bulletin), _| in_force.iter().any(|one| one.id == *bulletin));
    for bulletin in in_force {
        for meant in listeners.iter().filter_map(|listener| Meant::of(listener, bulletin)) {
            let listener = meant.listener();
            let place = (listener.channel.clone(), bulletin.id.clone());
            let known = reminded.get(&place).copied().unwrap_or(0);
            let Some((count, expires)) = due(listener, bulletin, now).filter(|(count, _)| known < *count) else {
                continue;
            };
            let key = MessageKey::new(&bulletin.id, listener.form, &listener.languages).reminder(count);
            let message = match messages.get(&key) {
                Some(message) => message.clone(),
                None => render(bulletin, listener.form, &listener.languages, count)?,
            };
            messages.insert(key.clone(), message.clone());
            let delivery = NewDelivery {
                channel: listener.channel.clone(),
                message: key,
                bulletin: bulletin.id.clone(),
                number: bulletin.number.clone(),
                edition: bulletin.edition,
                urgency: urgency(crate::bulletin::Change::Issued, bulletin.severity),
                due: now,
                expires,
                terms: Terms::default(),
                picture: None,
            };
            reminders.push(Reminder { message, delivery });
            reminded.insert(place, count);
        }
    }
    Ok(reminders)
}

/// The how-manieth reminder of a bulletin a channel should have had by now, and until when it counts: the next one takes its place.
fn due(listener: &Listener, bulletin: &Bulletin, now: Timestamp) -> Option<(u32, Timestamp)> {
    let every = *listener.manner.reminds.get(&bulletin.severity)?;
    let end = bulletin.until.min(bulletin.stale_after);
    let is_over = bulletin.change.is_end() || end - now < WORTH_IT;
    if is_over || hears(listener, bulletin).is_err() {
        return None;
    }
    let is_quiet =
        bulletin.reach.worst < Severity::Red && listener.manner.quiet.is_some_and(|quiet| quiet.end(now).is_some());
    if is_quiet {
        return None;
    }
    let passed = (now - bulletin.issued).num_seconds();
    let count = u32::try_from(passed / every.num_seconds().max(1)).ok().filter(|count| 0 < *count)?;
    let next = bulletin.issued + every * i32::try_from(count).ok()?.checked_add(1)?;
    Some((count, end.min(next)))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::hazard::Hazard;
    use crate::ids::GovernorateId;
    use crate::route::Audience;
    use crate::route::manner::{Manner, QuietHours};

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_timestamp(1_765_227_600, 0).unwrap() + TimeDelta::minutes(minute)
    }

    fn bulletin(severity: Severity) -> Bulletin {
        let jeddah = vec![GovernorateId::new("jeddah").unwrap()];
        Bulletin::plain("MKH-2025-000001", (Hazard::Rain, severity), jeddah, (at(0), at(300)))
    }

    fn listener() -> Listener {
        let reminds = BTreeMap::from([(Severity::Red, TimeDelta::hours(1)), (Severity::Orange, TimeDelta::hours(2))]);
        Listener {
            channel: ChannelId::new("radio").unwrap(),
            audience: Audience::Public,
            form: Form::Text,
            languages: Language::ALL.to_vec(),
            min_severity: Severity::Advisory,
            hazards: None,
            governorates: None,
            manner: Manner { reminds, ..Manner::default() },
            picture: None,
        }
    }

    /// At which minutes a channel is reminded, looked at every half minute of five hours, and until when each counts.
    fn told(listener: &Listener, bulletin: &Bulletin, from: i64) -> Vec<(i64, i64)> {
        let mut reminded = Reminded::new();
        let mut told = Vec::new();
        for minute in from..300 {
            let render = |bulletin: &Bulletin, form, languages: &[Language], count| {
                let key = MessageKey::new(&bulletin.id, form, languages).reminder(count);
                let (bulletin, body) = (bulletin.id.clone(), String::new());
                Ok::<_, Infallible>(Message { key, bulletin, content_type: "text/plain", body })
            };
            let due = reminders(
                std::slice::from_ref(bulletin),
                std::slice::from_ref(listener),
                &mut reminded,
                at(minute),
                render,
            );
            told.extend(due.unwrap().iter().map(|one| (minute, (one.delivery.expires - at(0)).num_minutes())));
        }
        told
    }

    #[test]
    fn what_holds_on_is_told_once_more_at_its_intervals_and_not_just_before_its_end() {
        assert_eq!(told(&listener(), &bulletin(Severity::Red), 0), [(60, 120), (120, 180), (180, 240), (240, 300)]);
        assert_eq!(told(&listener(), &bulletin(Severity::Orange), 0), [(120, 240), (240, 300)]);
        assert_eq!(told(&listener(), &bulletin(Severity::Yellow), 0), []);
    }

    #[test]
    fn who_was_not_looked_at_for_long_is_reminded_once() {
        assert_eq!(told(&listener(), &bulletin(Severity::Red), 200), [(200, 240), (240, 300)]);
    }

    #[test]
    fn what_is_over_or_not_meant_for_a_channel_is_not_told_once_more() {
        let red = || bulletin(Severity::Red);
        let ended = Bulletin { change: crate::bulletin::Change::Lifted, ..red() };
        assert_eq!(told(&listener(), &ended, 0), []);
        let drill = Bulletin { status: crate::alert::Status::Exercise, ..red() };
        assert_eq!(told(&listener(), &drill, 0), []);
        assert_eq!(told(&Listener { hazards: Some([Hazard::Dust].into()), ..listener() }, &red(), 0), []);
    }

    #[test]
    fn nobody_is_reminded_at_night_of_what_was_never_red() {
        let hour = |hour| chrono::NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        // The bulletins are given at midnight in Riyadh.
        let quiet = Some(QuietHours { from: hour(22), until: hour(3), zone: chrono_tz::Asia::Riyadh });
        let manner = Manner { quiet, ..listener().manner };
        let listener = Listener { manner, ..listener() };
        assert_eq!(told(&listener, &bulletin(Severity::Orange), 0), [(180, 240), (240, 300)]);
        assert_eq!(told(&listener, &bulletin(Severity::Red), 0).len(), 4);
    }
}
