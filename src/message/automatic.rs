//! What is said of a warning that the rules of this house or its desk made: what to expect, what it rests on, what to do, and that
//! it is not official unless the law lets the issuer warn.

use crate::bulletin::{Change, Origin};
use crate::language::clock::Edge;
use crate::message::catalogue::Slot;
use crate::message::evidence;
use crate::message::telling::{Headlines, Telling, Told};
use crate::message::wording::WordingError;
use crate::reading::Basis;

/// The headline.
pub(super) fn headline(telling: &Telling<'_>) -> Told {
    telling.headline(Headlines::of(telling))
}

/// The paragraphs under the headline.
pub(super) fn paragraphs(telling: &Telling<'_>) -> Result<Vec<String>, WordingError> {
    let mut paragraphs = match telling.bulletin.change {
        Change::Issued | Change::Raised | Change::Lowered | Change::Extended | Change::Updated => in_force(telling)?,
        Change::Lifted => {
            let key = if telling.bulletin.origin == Origin::Desk { "body.lifted_desk" } else { "body.lifted" };
            vec![end(telling, key)?]
        }
        Change::Corrected => telling.correction()?,
        Change::Expired => {
            std::iter::once(end(telling, "body.expired")?).chain(telling.silence("body.no_data")?).collect()
        }
    };
    paragraphs.push(source(telling)?);
    Ok(paragraphs)
}

/// Who says so.
pub(super) fn source(telling: &Telling<'_>) -> Told {
    let (issuer, sources) = (telling.issuer.name.get(telling.language), evidence::sources(telling));
    let is_by_hand = telling.bulletin.origin == Origin::Desk || telling.bulletin.change == Change::Corrected;
    match (telling.issuer.may_warn, is_by_hand) {
        (true, _) => telling.say("notice.issuer", &[(Slot::Issuer, issuer), (Slot::Sources, &sources)]),
        (false, true) => telling.say("notice.desk", &[(Slot::Issuer, issuer)]),
        (false, false) => telling.say("notice.automatic", &[(Slot::Sources, &sources)]),
    }
}

fn in_force(telling: &Telling<'_>) -> Result<Vec<String>, WordingError> {
    let mut paragraphs = vec![situation(telling)?];
    let evidence = evidence::sentences(telling)?;
    if !evidence.is_empty() {
        paragraphs.push(evidence.join(" "));
    }
    let effects = telling.by_hazard("effects", &[])?;
    if !effects.is_empty() {
        paragraphs.push(telling.say("body.effects", &[(Slot::Effects, &effects)])?);
    }
    paragraphs.extend(telling.remarks());
    paragraphs.extend(telling.caveats()?);
    paragraphs.push(telling.by_hazard("advice", &[(Slot::EmergencyNumber, &telling.emergency_number())])?);
    Ok(paragraphs)
}

/// What to expect; that it goes on is only said when it was seen to, and not while the data are silent.
fn situation(telling: &Telling<'_>) -> Told {
    let was_seen = evidence::of(&telling.bulletin.origin).iter().any(|one| one.basis == Basis::Observed);
    let goes_on = telling.has_begun() && was_seen && telling.bulletin.silent_since.is_none();
    let key = if goes_on { "body.ongoing" } else { "body.expected" };
    let phenomenon = telling.by_hazard("phenomenon", &[])?;
    let (reach, period) = (telling.reach()?, telling.period()?);
    telling.say(key, &[(Slot::Phenomenon, &phenomenon), (Slot::Reach, &reach), (Slot::Period, &period)])
}

fn end(telling: &Telling<'_>, key: &str) -> Told {
    let (reach, whereabouts) = (telling.reach()?, telling.whereabouts()?);
    let ended = telling.moment(telling.bulletin.until, Edge::End)?;
    telling.say(key, &[(Slot::Reach, &reach), (Slot::Where, &whereabouts), (Slot::Ended, &ended)])
}
