//! What the people on duty say of what is kept back: it goes out, it does not go out by itself, or not at all.
//!
//! Whoever wrote it does not approve it. What is refused is taken back, where the people on duty or anybody else has heard of it.

use std::sync::atomic::AtomicU64;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{Brain, BrainError, Clock};
use crate::bulletin::{Bulletin, Reason, Verdict};
use crate::engine::{Event, desk, staff};
use crate::ids::BulletinId;
use crate::record::Entry;
use crate::statement::{SERIES, Statement};
use crate::store::{Decision, StoreError};

/// What somebody on duty says of what is kept back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// Of which bulletin or statement.
    pub bulletin: BulletinId,
    /// What.
    pub verdict: Verdict,
    /// Who.
    pub by: String,
    /// Why it is refused.
    pub reason: Reason,
}

/// What is judged.
enum Kept {
    Bulletin(Box<Bulletin>),
    Statement(Box<Statement>),
}

impl Kept {
    fn author(&self) -> Option<&str> {
        match self {
            Self::Bulletin(bulletin) => bulletin.by_hand.author.as_deref(),
            Self::Statement(statement) => Some(&statement.author),
        }
    }

    /// What takes it back, or has it told as mildly as it stood before.
    fn taken_back(self, by: String, reason: Reason) -> Event {
        match self {
            Self::Bulletin(said) => {
                let was = said.was.filter(|was| *was < said.severity && 1 < said.edition);
                let number = said.number.clone();
                let correct = desk::Correct { number, reason, remarks: None, quiet: desk::USUAL_QUIET, by };
                Event::TakenBack { correct, said, was }
            }
            Self::Statement(said) => Event::Ordered(staff::Order::Unsay { number: said.number, by }),
        }
    }
}

impl Brain {
    /// Has the store do what somebody on duty says of what is kept back; tells at how many channels, or why not.
    ///
    /// # Errors
    /// When another leader has taken over, or when what is refused cannot be taken back.
    pub(super) async fn judge(
        &mut self,
        judgement: Judgement,
        (clock, pulse, stop): (&Clock, &AtomicU64, &CancellationToken),
    ) -> Result<Result<u64, String>, BrainError> {
        let Judgement { bulletin, verdict, by, reason } = judgement;
        let kept = match self.kept(&bulletin).await {
            Ok(kept) => kept,
            Err(why) => return Ok(Err(why)),
        };
        if by.trim().is_empty() {
            return Ok(Err("say who you are".to_owned()));
        }
        if verdict == Verdict::Approve && kept.author() == Some(by.as_str()) {
            return Ok(Err(format!("{by} wrote {bulletin}: somebody else has to approve it")));
        }
        let (word, why) = match verdict {
            Verdict::Approve => ("approved", String::new()),
            Verdict::Hold => ("held", String::new()),
            Verdict::Refuse => ("refused", format!(": {}", reason.name())),
        };
        let entry = Entry {
            at: clock.now(),
            kind: "verdict".to_owned(),
            subject: bulletin.to_string(),
            text: format!("{word} by {by}{why}"),
        };
        let decided = self.store.decide(self.lease, Decision { bulletin: bulletin.clone(), verdict, entry }).await;
        let count = match decided {
            Ok(0) => return Ok(Err(format!("nothing of {bulletin} is kept back; `nadhir pending` shows what is"))),
            Ok(count) => count,
            Err(why @ StoreError::Fenced { .. }) => return Err(why.into()),
            Err(why) => return Ok(Err(format!("the store could not do it, ask again: {why}"))),
        };
        info!(bulletin.id = %bulletin, "{bulletin} was {word} by {by}{why}, at {count} channels");
        if verdict == Verdict::Refuse {
            self.insist(&kept.taken_back(by, reason), clock, pulse, stop).await?;
        }
        self.bells.ring_all();
        Ok(Ok(count))
    }

    /// What goes under a name, or why it cannot be judged.
    async fn kept(&self, id: &BulletinId) -> Result<Kept, String> {
        let number = id.number();
        let unknown = || format!("nothing is called {id}; `nadhir pending` shows what waits");
        if number.contains(SERIES) {
            let known = self.state.statements().find(|statement| statement.id == *id);
            return known.map(|known| Kept::Statement(Box::new(known.clone()))).ok_or_else(unknown);
        }
        let said = self.store.bulletins(Some(number.to_owned())).await;
        let said = said.map_err(|why| format!("what was said under {number} cannot be read: {why}"))?;
        let found = said.into_iter().find(|one| one.id == *id);
        found.map(|found| Kept::Bulletin(Box::new(found))).ok_or_else(unknown)
    }
}
