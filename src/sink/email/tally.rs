//! What a letter came to, recipient by recipient: who has it, who never takes it, and who is to be tried again. Pure; it sends nothing.
//!
//! Who refuses for good beside others that take it is settled and named. While nobody has it, a refusal is about how things are set up
//! more often than about people, and all are tried again. From the first who has it on, nobody may say that it did not arrive.

use crate::sink::spread::Had;
use crate::sink::{Receipt, SendError};

/// What a server says when it takes no more recipients at once (RFC 5321, 4.5.3.1.10), or has no room.
const TOO_MANY: [u16; 2] = [452, 552];

/// What a server said of a recipient, before the letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// It is let through.
    Accepted,
    /// It may be later.
    Deferred(u16),
    /// It never will be.
    Refused(u16),
}

impl Said {
    /// What a code means that is no yes. Old servers say 552 where they mean that these were too many at once.
    pub(super) fn no(code: u16) -> Self {
        if code < 500 || TOO_MANY.contains(&code) { Self::Deferred(code) } else { Self::Refused(code) }
    }

    fn no_code(self) -> Option<u16> {
        match self {
            Self::Accepted => None,
            Self::Deferred(code) | Self::Refused(code) => Some(code),
        }
    }
}

/// What one letter on one connection came to.
pub(super) struct Sent {
    /// Of each recipient, in their order; of none where the talk did not come so far.
    pub(super) said: Vec<Said>,
    /// The server's words when it took the letter for those it let through.
    pub(super) taken: Result<String, SendError>,
}

/// Recipients by their marks, as they are to be remembered.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) told: Vec<u64>,
    pub(super) refused: Vec<u64>,
}

/// What a message came to over its tries, this one so far.
pub(super) struct Tally {
    all: usize,
    told: usize,
    refused: usize,
    refusals: Vec<u16>,
    deferrals: Vec<u16>,
    words: Option<String>,
}

impl Tally {
    /// With so many recipients, and what became of them at earlier tries.
    pub(super) fn new(all: usize, had: Had) -> Self {
        let (refusals, deferrals) = (Vec::new(), Vec::new());
        Self { all, told: had.told, refused: had.refused, refusals, deferrals, words: None }
    }

    /// Counts a letter to some of them, and says whom that settles.
    pub(super) fn count(&mut self, to: &[u64], sent: &Sent) -> Settled {
        let told: Vec<u64> = match &sent.taken {
            Ok(_) => those(to, &sent.said, |said| said == Said::Accepted),
            Err(_) => Vec::new(),
        };
        self.told += told.len();
        let refused = match &sent.taken {
            _ if self.told == 0 => Vec::new(),
            // The letter itself is not taken, by no one of these.
            Err(SendError::Never { .. }) => to.to_vec(),
            Ok(_) | Err(SendError::Later { .. } | SendError::Unknown { .. }) => {
                those(to, &sent.said, |said| matches!(said, Said::Refused(_)))
            }
        };
        self.refused += refused.len();
        self.deferrals.clear();
        for said in &sent.said {
            let (Said::Deferred(code) | Said::Refused(code)) = *said else { continue };
            let codes = if matches!(said, Said::Deferred(_)) { &mut self.deferrals } else { &mut self.refusals };
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        if let Ok(words) = &sent.taken {
            self.words = Some(words.clone());
        }
        Settled { told, refused }
    }

    /// True when the server took the letter for some and wants the others by themselves, now rather than later.
    pub(super) fn goes_on(&self, sent: &Sent) -> bool {
        sent.taken.is_ok() && self.is_open() && self.deferrals.iter().any(|code| TOO_MANY.contains(code))
    }

    /// True while somebody is still to be tried again.
    pub(super) fn is_open(&self) -> bool {
        self.told + self.refused < self.all
    }

    /// What all of it means, with what the last letter failed of.
    pub(super) fn end(self, failure: Option<SendError>) -> Result<Receipt, SendError> {
        let (all, open) = (self.all, self.all - (self.told + self.refused).min(self.all));
        let refused = match (self.refused, self.refusals.is_empty()) {
            (0, _) => String::new(),
            (refused, true) => format!("; {refused} of {all} recipients refused"),
            (refused, false) => format!("; {refused} of {all} recipients refused ({})", listed(&self.refusals)),
        };
        if self.told == 0
            && let Some(failure) = failure
        {
            return Err(failure);
        }
        let why = failure.map(|failure| format!("; {failure}")).unwrap_or_default();
        if open == 0 {
            let words = self.words.unwrap_or_else(|| format!("{} of {all} recipients have it", self.told));
            return Ok(Receipt(format!("{words}{refused}{why}")));
        }
        let deferred = match self.deferrals.is_empty() {
            true => String::new(),
            false => format!(" ({})", listed(&self.deferrals)),
        };
        let why = format!("{open} of {all} recipients do not have it yet{deferred}{refused}{why}");
        Err(SendError::Unknown { why })
    }
}

fn those(to: &[u64], said: &[Said], wanted: impl Fn(Said) -> bool) -> Vec<u64> {
    to.iter().zip(said).filter(|(_, said)| wanted(**said)).map(|(mark, _)| *mark).collect()
}

/// What is told of recipients of whom none was let through.
pub(super) fn none_of(said: &[Said]) -> String {
    let mut codes: Vec<u16> = Vec::new();
    for code in said.iter().filter_map(|said| said.no_code()) {
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    let all = said.len();
    format!("{all} of {all} recipients refused ({}); see the addresses in `to`", listed(&codes))
}

fn listed(codes: &[u16]) -> String {
    codes.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &str = "250 fine";

    fn later() -> Result<String, SendError> {
        Err(SendError::Later { why: "answered 451".to_owned(), retry_after: None })
    }

    fn never() -> Result<String, SendError> {
        Err(SendError::Never { why: "too big".to_owned() })
    }

    /// Of recipients 1, 2 and 3 the first `told` have it: the others are tried, and what comes of it is told.
    fn check(told: usize, codes: &[u16], taken: Result<String, SendError>, settled: (&[u64], &[u64]), end: &str) {
        let mut tally = Tally::new(3, Had { told, refused: 0 });
        let to: Vec<u64> = (1..=3).skip(told).collect();
        let said = codes.iter().map(|code| if *code == 250 { Said::Accepted } else { Said::no(*code) }).collect();
        let sent = Sent { said, taken };
        let expected = Settled { told: settled.0.to_vec(), refused: settled.1.to_vec() };
        assert_eq!(tally.count(&to, &sent), expected, "{end}");
        let said = match tally.end(sent.taken.err()) {
            Ok(Receipt(receipt)) => format!("taken: {receipt}"),
            Err(SendError::Later { why, .. }) => format!("later: {why}"),
            Err(SendError::Never { why }) => format!("never: {why}"),
            Err(SendError::Unknown { why }) => format!("unknown: {why}"),
        };
        assert_eq!(said, end);
    }

    #[test]
    fn each_recipient_has_it_once_waits_or_is_named() {
        let fine = || Ok(OK.to_owned());
        check(0, &[250, 250, 250], fine(), (&[1, 2, 3], &[]), "taken: 250 fine");
        check(0, &[250, 550, 250], fine(), (&[1, 3], &[2]), "taken: 250 fine; 1 of 3 recipients refused (550)");
        check(0, &[250, 450, 451], fine(), (&[1], &[]), "unknown: 2 of 3 recipients do not have it yet (450, 451)");
        let both = "unknown: 1 of 3 recipients do not have it yet (450); 1 of 3 recipients refused (553)";
        check(0, &[250, 450, 553], fine(), (&[1], &[3]), both);
        check(2, &[250], fine(), (&[3], &[]), "taken: 250 fine");
    }

    #[test]
    fn while_nobody_has_it_nobody_is_given_up() {
        check(0, &[550, 550, 450], later(), (&[], &[]), "later: answered 451");
        check(0, &[250, 250, 550], later(), (&[], &[]), "later: answered 451");
        check(0, &[], later(), (&[], &[]), "later: answered 451");
        check(0, &[250, 250, 550], never(), (&[], &[]), "never: too big");
    }

    #[test]
    fn once_somebody_has_it_nobody_says_that_it_did_not_arrive() {
        check(1, &[], later(), (&[], &[]), "unknown: 2 of 3 recipients do not have it yet; answered 451");
        let refused =
            "unknown: 1 of 3 recipients do not have it yet (450); 1 of 3 recipients refused (550); answered 451";
        check(1, &[450, 550], later(), (&[], &[3]), refused);
        let over = "taken: 2 of 3 recipients have it; 1 of 3 recipients refused (550); answered 451";
        check(2, &[550], later(), (&[], &[3]), over);
        let content = "taken: 1 of 3 recipients have it; 2 of 3 recipients refused; too big";
        check(1, &[250, 250], never(), (&[], &[2, 3]), content);
    }

    #[test]
    fn those_who_were_too_many_at_once_go_on_at_once() {
        for (codes, expected) in [([250, 452], true), ([250, 552], true), ([250, 450], false), ([250, 550], false)] {
            let mut tally = Tally::new(2, Had::default());
            let said = codes.iter().map(|code| if *code == 250 { Said::Accepted } else { Said::no(*code) }).collect();
            let sent = Sent { said, taken: Ok(OK.to_owned()) };
            tally.count(&[1, 2], &sent);
            assert_eq!(tally.goes_on(&sent), expected, "{codes:?}");
        }
    }
}
