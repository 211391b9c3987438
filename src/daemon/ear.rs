//! Ears: one for each channel at which people on duty answer with a press. What they press goes to the brain as what they say on the
//! command line does, in the name that the channel knows them by.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::brain::{Judgement, Order};
use crate::bulletin::Reason;
use crate::ids::ChannelId;
use crate::language::Language;
use crate::message::Speaker;
use crate::message::ask::Came;
use crate::sink::Sink;
use crate::sink::ear::{Ear, Press, Told};

/// How long an ear rests that could not listen.
const REST: Duration = Duration::from_secs(10);

/// The ear of one channel.
pub struct Attendant {
    /// Of which channel.
    pub channel: ChannelId,
    /// What speaks there.
    pub sink: Arc<dyn Sink>,
    /// In which words whoever presses is answered.
    pub speaker: Speaker,
    /// In which languages.
    pub languages: Vec<Language>,
}

impl Attendant {
    /// Listens until it is told to stop. A press that was heard is dealt with before the end.
    pub async fn run(&self, orders: mpsc::Sender<Order>, stop: CancellationToken) {
        let Some(ear) = self.sink.ear() else { return };
        let channel = &self.channel;
        let mut is_deaf = false;
        while !stop.is_cancelled() {
            let heard = tokio::select! {
                heard = ear.listen() => heard,
                () = stop.cancelled() => return,
            };
            match heard {
                Ok(presses) => {
                    if std::mem::take(&mut is_deaf) {
                        info!(%channel, "Presses at {channel} are heard again");
                    }
                    for press in presses {
                        self.deal_with(ear, &press, &orders).await;
                    }
                }
                Err(why) => {
                    if !std::mem::replace(&mut is_deaf, true) {
                        warn!(%channel, "Presses at {channel} are not heard, `nadhir approve` is, and it is tried again: {why}");
                    }
                    tokio::select! {
                        () = tokio::time::sleep(REST) => {}
                        () = stop.cancelled() => return,
                    }
                }
            }
        }
    }

    async fn deal_with(&self, ear: &dyn Ear, press: &Press, orders: &mpsc::Sender<Order>) {
        let (bulletin, channel) = (&press.bulletin, &self.channel);
        let why;
        let came = match &press.by {
            None => {
                warn!(%channel, "Somebody at {channel} who may not pressed a button beneath {bulletin}");
                Came::Stranger
            }
            Some(by) => match judged(press, by, orders).await {
                Ok(_) => Came::Done(press.verdict, by),
                Err(told) => {
                    why = told;
                    Came::Failed(&why)
                }
            },
        };
        let told = if matches!(came, Came::Done(..)) { Told::Everybody } else { Told::Presser };
        let answered = match self.speaker.came(bulletin, came, &self.languages) {
            Ok(text) => ear.answer(press, &text, told).await,
            Err(why) => Err(why.to_string()),
        };
        if let Err(why) = answered {
            warn!(%channel, "Whoever pressed a button beneath {bulletin} at {channel} was not told what came of it: {why}");
        }
    }
}

async fn judged(press: &Press, by: &str, orders: &mpsc::Sender<Order>) -> Result<u64, String> {
    let gone = |_| "the service is stopping".to_owned();
    let judgement = Judgement {
        bulletin: press.bulletin.clone(),
        verdict: press.verdict,
        by: by.to_owned(),
        reason: Reason::FalseAlarm,
    };
    let (answer, answered) = oneshot::channel();
    orders.send(Order::Judge(judgement, answer)).await.map_err(|_| gone(()))?;
    answered.await.map_err(|_| gone(()))?
}
