//! From bulletins and notices to what is owed: for each bulletin the channels that hear it, the texts they take, and one delivery each.
//!
//! A text is rendered once and frozen; channels that take the same form and languages share it.

pub mod reminders;

use std::collections::BTreeMap;

use crate::bulletin::{Bulletin, Change};
use crate::hazard::Severity;
use crate::ids::{BulletinId, ChannelId};
use crate::language::Language;
use crate::message::card::Size;
use crate::message::{Form, Message, MessageKey};
use crate::notice::Notice;
use crate::outbox::{NOTICE_URGENCY, NewDelivery, OnlyIf, StandsFor, Terms, urgency};
use crate::route::manner::Going;
use crate::route::{Listener, Meant, OnDuty, hears, hears_statement, need_not_hear, stands_in, takes_statements};
use crate::statement::{Sort, Statement};
use crate::time::Timestamp;

/// What a few bulletins come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dispatch {
    /// The frozen texts, each once.
    pub messages: Vec<Message>,
    /// What is owed.
    pub deliveries: Vec<NewDelivery>,
    /// Which channels hear which bulletin or notice.
    pub heard_by: BTreeMap<BulletinId, Vec<ChannelId>>,
}

/// Finds out who hears what, renders it, and draws what goes with it: what cannot be drawn holds up nothing.
///
/// # Errors
/// The first text that could not be rendered; then nothing may be committed.
pub fn dispatch<E>(
    bulletins: &[Bulletin],
    listeners: &[Listener],
    now: Timestamp,
    render: impl Fn(&Bulletin, Form, &[Language]) -> Result<Message, E>,
    draw: impl Fn(&Bulletin, Size, &[Language]) -> Option<Message>,
) -> Result<Dispatch, E> {
    let mut messages: BTreeMap<MessageKey, Message> = BTreeMap::new();
    let mut dispatch = Dispatch::default();
    for bulletin in bulletins {
        let heard_by = dispatch.heard_by.entry(bulletin.id.clone()).or_default();
        let mut pictures: BTreeMap<(Size, &[Language]), Option<Message>> = BTreeMap::new();
        for (meant, stands_for) in hearers(bulletin, listeners) {
            let listener = meant.listener();
            let form = listener.form_of(bulletin);
            let key = MessageKey::new(&bulletin.id, form, &listener.languages);
            if !messages.contains_key(&key) {
                messages.insert(key.clone(), render(bulletin, form, &listener.languages)?);
            }
            if stands_for.is_none() {
                heard_by.push(listener.channel.clone());
            }
            let picture = listener.picture.filter(|_| form == listener.form).and_then(|size| {
                let languages = listener.languages.as_slice();
                pictures.entry((size, languages)).or_insert_with(|| draw(bulletin, size, languages)).as_ref()
            });
            let Going { due, hold } = listener.manner.going(bulletin, now);
            dispatch.deliveries.push(NewDelivery {
                channel: listener.channel.clone(),
                message: key,
                bulletin: bulletin.id.clone(),
                number: bulletin.number.clone(),
                edition: bulletin.edition,
                urgency: urgency(bulletin.change, bulletin.severity),
                due,
                expires: bulletin.stale_after,
                terms: Terms {
                    unless_has: need_not_hear(listener, bulletin)
                        .filter(|_| !is_taken_from(bulletin, bulletins, listener)),
                    hold,
                    only_if: only_if(bulletin.change),
                    stands_for,
                },
                picture: picture.map(|picture| picture.key.clone()),
            });
        }
        messages.extend(pictures.into_values().flatten().map(|picture| (picture.key.clone(), picture)));
    }
    dispatch.messages = messages.into_values().collect();
    Ok(dispatch)
}

/// Whether a listener hears at the same time of another bulletin that takes the place of an older edition of this one: what the listener
/// has is over with that, also for the places in which nothing is new.
fn is_taken_from(own: &Bulletin, bulletins: &[Bulletin], listener: &Listener) -> bool {
    let takes = |one: &&Bulletin| one.number != own.number && one.replaces.iter().any(|id| id.number() == own.number);
    bulletins.iter().filter(takes).any(|one| Meant::of(listener, one).is_some() && hears(listener, one).is_ok())
}

/// The channels that hear a bulletin, and those that stand in for them. What is taken back is for all that it was meant for by law;
/// the store knows which of them received it.
fn hearers<'a>(bulletin: &Bulletin, listeners: &'a [Listener]) -> Vec<(Meant<'a>, Option<StandsFor>)> {
    let meant = || listeners.iter().filter_map(|listener| Meant::of(listener, bulletin));
    if bulletin.change == Change::Corrected {
        return meant().map(|one| (one, None)).collect();
    }
    let hearers: Vec<Meant<'_>> = meant().filter(|one| hears(one.listener(), bulletin).is_ok()).collect();
    let stand_ins = hearers.iter().filter_map(|failing| {
        let failing = failing.listener();
        let fallback = failing.manner.fallback.as_ref()?;
        let named = meant().find(|one| one.listener().channel == fallback.channel)?;
        let stands_for = StandsFor { channel: failing.channel.clone(), after: fallback.after };
        stands_in(named.listener(), failing, bulletin).then_some((named, Some(stands_for)))
    });
    hearers.iter().map(|hearer| (*hearer, None)).chain(stand_ins).collect()
}

/// Whom an end is owed to.
fn only_if(change: Change) -> OnlyIf {
    match change {
        Change::Issued | Change::Raised | Change::Lowered | Change::Extended | Change::Updated => OnlyIf::Heard,
        Change::Lifted | Change::Expired => OnlyIf::NotKeptBack,
        Change::Corrected => OnlyIf::Reached,
    }
}

/// Finds out which of the channels the people on duty listen at, and renders notices for them. Channels of any other audience are
/// never even looked at.
///
/// # Errors
/// The first text that could not be rendered.
pub fn dispatch_notices<E>(
    notices: &[Notice],
    listeners: &[Listener],
    now: Timestamp,
    render: impl Fn(&Notice, Form, &[Language]) -> Result<Message, E>,
) -> Result<Dispatch, E> {
    let on_duty: Vec<OnDuty<'_>> = listeners.iter().filter_map(OnDuty::of).collect();
    let mut messages: BTreeMap<MessageKey, Message> = BTreeMap::new();
    let mut dispatch = Dispatch::default();
    for notice in notices {
        let heard_by = dispatch.heard_by.entry(notice.id.clone()).or_default();
        for channel in &on_duty {
            let key = MessageKey::new(&notice.id, channel.form(), channel.languages());
            if !messages.contains_key(&key) {
                messages.insert(key.clone(), render(notice, channel.form(), channel.languages())?);
            }
            heard_by.push(channel.channel().clone());
            dispatch.deliveries.push(NewDelivery {
                channel: channel.channel().clone(),
                message: key,
                bulletin: notice.id.clone(),
                number: notice.number.clone(),
                edition: notice.edition,
                urgency: NOTICE_URGENCY,
                due: now,
                expires: notice.stale_after,
                terms: Terms::default(),
                picture: None,
            });
        }
    }
    dispatch.messages = messages.into_values().collect();
    Ok(dispatch)
}

/// Finds out which channels hear statements, and renders them. What is taken back goes to those that received it, or may have.
///
/// # Errors
/// The first text that could not be rendered; then nothing may be committed.
pub fn dispatch_statements<E>(
    statements: &[Statement],
    listeners: &[Listener],
    now: Timestamp,
    render: impl Fn(&Statement, Form, &[Language]) -> Result<Message, E>,
) -> Result<Dispatch, E> {
    let mut messages: BTreeMap<MessageKey, Message> = BTreeMap::new();
    let mut dispatch = Dispatch::default();
    for statement in statements {
        let heard_by = dispatch.heard_by.entry(statement.id.clone()).or_default();
        let is_for = |listener: &&Listener| match statement.is_withdrawn {
            true => takes_statements(listener),
            false => hears_statement(listener, statement),
        };
        for listener in listeners.iter().filter(is_for) {
            let key = MessageKey::new(&statement.id, listener.form, &listener.languages);
            if !messages.contains_key(&key) {
                messages.insert(key.clone(), render(statement, listener.form, &listener.languages)?);
            }
            heard_by.push(listener.channel.clone());
            let Going { due, hold } = listener.manner.going_of(statement, now);
            dispatch.deliveries.push(NewDelivery {
                channel: listener.channel.clone(),
                message: key,
                bulletin: statement.id.clone(),
                number: statement.number.clone(),
                edition: statement.edition,
                urgency: statement_urgency(statement),
                due,
                expires: statement.stale_after,
                terms: Terms {
                    hold,
                    only_if: if statement.is_withdrawn { OnlyIf::Reached } else { OnlyIf::Heard },
                    ..Terms::default()
                },
                picture: None,
            });
        }
    }
    dispatch.messages = messages.into_values().collect();
    Ok(dispatch)
}

/// What goes first of a statement: after every warning from yellow on, and a correction before everything.
fn statement_urgency(statement: &Statement) -> u8 {
    let change = match (statement.is_withdrawn, statement.content.sort) {
        (true, _) => Change::Corrected,
        (false, Sort::Rumour) => Change::Raised,
        (false, Sort::News | Sort::Event) => Change::Issued,
    };
    urgency(change, Severity::Advisory)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::hazard::Hazard;
    use crate::ids::GovernorateId;
    use crate::notice::{LIFE, Side, Stage, Topic};
    use crate::route::Audience;
    use crate::route::manner::Manner;

    fn listener(name: &str, audience: Audience) -> Listener {
        Listener {
            channel: ChannelId::new(name).unwrap(),
            audience,
            form: Form::Text,
            languages: Language::ALL.to_vec(),
            // A desk that hears of red dust in no governorate at all hears every notice all the same.
            min_severity: Severity::Red,
            hazards: Some(BTreeSet::from([Hazard::Dust])),
            governorates: Some(BTreeSet::new()),
            manner: Manner::default(),
            picture: None,
        }
    }

    /// What a channel for Jeddah alone is owed of a warning in which nothing is new there, beside what else is said.
    fn spared(beside: &[Bulletin]) -> Option<u32> {
        let now = Timestamp::from_timestamp(1_765_227_600, 0).unwrap();
        let stays = Bulletin { edition: 2, same_since: Some(1), ..rain("MKH-2025-000001", &["jeddah"]) };
        let all = [std::slice::from_ref(&stays), beside].concat();
        let governorates = Some(BTreeSet::from([GovernorateId::new("jeddah").unwrap()]));
        let listener = Listener { governorates, hazards: None, ..listener("jeddah", Audience::Public) };
        let render = |bulletin: &Bulletin, form: Form, languages: &[Language]| {
            let key = MessageKey::new(&bulletin.id, form, languages);
            let body = bulletin.id.to_string();
            Ok::<_, std::convert::Infallible>(Message {
                key,
                bulletin: bulletin.id.clone(),
                content_type: "text/plain",
                body,
            })
        };
        let dispatch = dispatch(&all, &[listener], now, render, |_, _, _| None).unwrap();
        dispatch.deliveries.first().unwrap().terms.unless_has
    }

    fn rain(number: &str, places: &[&str]) -> Bulletin {
        let now = Timestamp::from_timestamp(1_765_227_600, 0).unwrap();
        let places = places.iter().map(|place| GovernorateId::new(place).unwrap()).collect();
        Bulletin::plain(number, (Hazard::Rain, Severity::Red), places, (now, now + LIFE))
    }

    #[test]
    fn who_hears_what_takes_the_place_of_the_older_edition_hears_the_newer_one_though_nothing_in_it_is_new() {
        let taker = |places: &[&str]| Bulletin {
            replaces: vec![BulletinId::new("MKH-2025-000001", 1)],
            ..rain("MKH-2025-000002", places)
        };
        assert_eq!(spared(&[]), Some(1));
        assert_eq!(spared(&[taker(&["makkah"])]), Some(1), "it is not heard there");
        assert_eq!(spared(&[taker(&["makkah", "jeddah"])]), None);
        assert_eq!(spared(&[rain("MKH-2025-000002", &["jeddah"])]), Some(1), "it takes the place of nothing");
    }

    #[test]
    fn a_notice_reaches_the_people_on_duty_and_nobody_else() {
        let now = Timestamp::from_timestamp(1_765_227_600, 0).unwrap();
        let number = "MKH-OPS-2025-000001".to_owned();
        let topic = Topic::ClockSkew { side: Side::Ours, servers: Vec::new() };
        let notice = Notice {
            id: BulletinId::new(&number, 1),
            number,
            edition: 1,
            stage: Stage::Begun,
            topic,
            since: now,
            issued: now,
            stale_after: now + LIFE,
        };
        let all = [("public", Audience::Public), ("staff", Audience::Staff), ("drill", Audience::Drill)];
        let listeners = all.map(|(name, audience)| listener(name, audience));
        let dispatch = dispatch_notices::<std::convert::Infallible>(
            std::slice::from_ref(&notice),
            &listeners,
            now,
            |notice, form, languages| {
                let key = MessageKey::new(&notice.id, form, languages);
                Ok(Message { key, bulletin: notice.id.clone(), content_type: "text/plain", body: notice.sentence() })
            },
        )
        .unwrap();
        let staff = ChannelId::new("staff").unwrap();
        assert_eq!(dispatch.heard_by, BTreeMap::from([(notice.id, vec![staff.clone()])]));
        assert_eq!(dispatch.deliveries.iter().map(|owed| &owed.channel).collect::<Vec<_>>(), [&staff]);
        assert_eq!((dispatch.messages.len(), dispatch.deliveries[0].expires), (1, now + LIFE));
    }
}
