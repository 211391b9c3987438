//! From bulletins and notices to what is owed: for each bulletin the channels that hear it, the texts they take, and one delivery each.
//!
//! A text is rendered once and frozen; channels that take the same form and languages share it.

use std::collections::BTreeMap;

use crate::bulletin::Bulletin;
use crate::ids::{BulletinId, ChannelId};
use crate::language::Language;
use crate::message::{Form, Message, MessageKey};
use crate::notice::Notice;
use crate::outbox::{NOTICE_URGENCY, NewDelivery, urgency};
use crate::route::{Listener, OnDuty, hears, need_not_hear};
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

/// Finds out who hears what, and renders it.
///
/// # Errors
/// The first text that could not be rendered; then nothing may be committed.
pub fn dispatch<E>(
    bulletins: &[Bulletin],
    listeners: &[Listener],
    now: Timestamp,
    render: impl Fn(&Bulletin, Form, &[Language]) -> Result<Message, E>,
) -> Result<Dispatch, E> {
    let mut messages: BTreeMap<MessageKey, Message> = BTreeMap::new();
    let mut dispatch = Dispatch::default();
    for bulletin in bulletins {
        let heard_by = dispatch.heard_by.entry(bulletin.id.clone()).or_default();
        for listener in listeners.iter().filter(|listener| hears(listener, bulletin).is_ok()) {
            let key = MessageKey::new(&bulletin.id, listener.form, &listener.languages);
            if !messages.contains_key(&key) {
                messages.insert(key.clone(), render(bulletin, listener.form, &listener.languages)?);
            }
            heard_by.push(listener.channel.clone());
            dispatch.deliveries.push(NewDelivery {
                channel: listener.channel.clone(),
                message: key,
                bulletin: bulletin.id.clone(),
                number: bulletin.number.clone(),
                edition: bulletin.edition,
                urgency: urgency(bulletin.change, bulletin.severity),
                due: now,
                expires: bulletin.stale_after,
                unless_has: need_not_hear(listener, bulletin),
            });
        }
    }
    dispatch.messages = messages.into_values().collect();
    Ok(dispatch)
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
                unless_has: None,
            });
        }
    }
    dispatch.messages = messages.into_values().collect();
    Ok(dispatch)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::hazard::{Hazard, Severity};
    use crate::notice::{LIFE, Side, Stage, Topic};
    use crate::route::Audience;

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
        }
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
