//! Who asks the service for something, and in whose name it is done.
//!
//! The kernel says which account is at the other end of the control socket; an order of theirs goes by that name, whatever it says
//! itself. Root and the account that runs the service ask for others, as `sudo` does, and say for whom; they can change everything
//! anyway, so they are believed. Only where `[duty]` names the people does an
//! approval need one of them: then it is not enough to be two names at one keyboard. Nothing is asked of the system here.

use std::collections::BTreeSet;

use super::control::Question;
use crate::bulletin::Verdict;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// Root, the account that runs the service, or the service itself: they say for whom they ask.
    Trusted,
    /// Another account of this machine.
    Account {
        /// Its number.
        uid: u32,
        /// Its name, when the system knows one.
        name: Option<String>,
    },
}

/// A question in the name of who asks it, or why it is not for them to ask.
///
/// # Errors
/// Why not, for the one who asked.
pub fn signed(question: Question, peer: &Peer, users: &BTreeSet<String>) -> Result<Question, String> {
    match peer {
        Peer::Trusted if !users.is_empty() && is_approval(&question) => {
            let names: Vec<&str> = users.iter().map(String::as_str).collect();
            let names = names.join(", ");
            Err(format!(
                "an approval comes from an account that [duty] of nadhir.toml names ({names}): ask without sudo"
            ))
        }
        Peer::Trusted => Ok(question),
        Peer::Account { name: Some(name), .. } if users.contains(name) => Ok(by(question, name)),
        Peer::Account { uid, name } => {
            let who = name.clone().unwrap_or_else(|| format!("the account {uid}"));
            Err(format!("{who} is not among the users that [duty] of nadhir.toml names; root may ask as well"))
        }
    }
}

fn is_approval(question: &Question) -> bool {
    match question {
        Question::Judge { judgement } => judgement.verdict == Verdict::Approve,
        Question::Order { .. } | Question::Reload { .. } => false,
    }
}

fn by(question: Question, name: &str) -> Question {
    match question {
        Question::Order { mut order } => {
            order.sign(name);
            Question::Order { order }
        }
        Question::Judge { mut judgement } => {
            name.clone_into(&mut judgement.by);
            Question::Judge { judgement }
        }
        Question::Reload { dry_run } => Question::Reload { dry_run },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bulletin::Reason;
    use crate::daemon::brain::Judgement;
    use crate::engine::staff::Order;
    use crate::ids::BulletinId;

    fn users(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn verdict(verdict: Verdict, by: &str) -> Question {
        let bulletin = BulletinId::new("MKH-2025-000001", 1);
        Question::Judge { judgement: Judgement { bulletin, verdict, by: by.to_owned(), reason: Reason::FalseAlarm } }
    }

    fn account(name: &str) -> Peer {
        Peer::Account { uid: 1001, name: Some(name.to_owned()) }
    }

    #[test]
    fn an_account_speaks_in_its_own_name_whatever_it_says() {
        let named = users(&["sara", "omar"]);
        let approval = signed(verdict(Verdict::Approve, "omar"), &account("sara"), &named);
        assert_eq!(approval, Ok(verdict(Verdict::Approve, "sara")));
        let lift = |by: &str| Question::Order { order: Order::Lift { number: "1".to_owned(), by: by.to_owned() } };
        assert_eq!(signed(lift("omar"), &account("sara"), &named), Ok(lift("sara")));
    }

    #[test]
    fn who_is_not_named_may_not_ask() {
        for peer in [account("eve"), Peer::Account { uid: 4000, name: None }] {
            for named in [users(&[]), users(&["sara"])] {
                let why = signed(Question::Reload { dry_run: true }, &peer, &named).unwrap_err();
                assert!(why.contains("[duty]"), "{why}");
            }
        }
    }

    #[test]
    fn root_asks_for_others_and_approves_only_where_nobody_is_named() {
        let approval = || verdict(Verdict::Approve, "omar");
        assert_eq!(signed(approval(), &Peer::Trusted, &users(&[])), Ok(approval()));
        assert!(signed(approval(), &Peer::Trusted, &users(&["sara"])).unwrap_err().contains("without sudo"));
        let hold = || verdict(Verdict::Hold, "omar");
        assert_eq!(
            signed(hold(), &Peer::Trusted, &users(&["sara"])),
            Ok(hold()),
            "what keeps the public safe waits for nobody"
        );
    }
}
