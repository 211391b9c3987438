//! Several nodes on one database: each says every second that it lives, one of them leads, and all hear what the others ring.
//!
//! Who lives and who leads goes by the clock of the database alone. That a leader still leads is not believed from here: every commit
//! of it is fenced by its epoch.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_postgres::AsyncMessage;

use super::super::StoreError;
use super::super::cluster::{Beat, Cluster, LIVES, Ring};
use super::pool::{CHANGE, Work, connect, failed, told};
use super::{PostgresStore, ask, ledger};
use crate::ids::ChannelId;
use crate::time::{TimeDelta, Timestamp};

/// How often the connection that hears bells is looked at, and how long its answer may take.
const LOOKS: Duration = Duration::from_secs(3);

/// Nodes that have said nothing for so long are forgotten.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::hours(1);

impl Cluster for PostgresStore {
    fn join(&self, name: String) -> BoxFuture<'_, Result<(), StoreError>> {
        let (own, known) = (Arc::clone(&self.node), Arc::clone(&self.name));
        ask(&self.seat, CHANGE, async move |work| {
            let sql = "INSERT INTO nodes (name, until) VALUES ($1, clock_timestamp() + $2 * interval '1 second') RETURNING id";
            let node: i64 = work.one(sql, &[&name, &seconds(LIVES)]).await?.get(0);
            own.store(node, Ordering::SeqCst);
            known.store(Arc::new(name));
            Ok(())
        })
    }

    fn beat(&self, now: Timestamp, may_lead: bool) -> BoxFuture<'_, Result<Beat, StoreError>> {
        let node = self.node.load(Ordering::SeqCst);
        let name = self.name.load_full();
        ask(&self.seat, CHANGE, async move |work| beat(&work, (node, &name), (now, may_lead)).await)
    }

    fn resign(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        let node = self.node.load(Ordering::SeqCst);
        self.led.store(0, Ordering::SeqCst);
        ask(&self.seat, CHANGE, async move |work| {
            let sql = "UPDATE leader SET node = NULL, until = '-infinity' WHERE node = $1";
            if work.run(sql, &[&node]).await? != 0 {
                ring(&work, LEAD).await?;
            }
            Ok(())
        })
    }

    fn leave(&self, now: Timestamp) -> BoxFuture<'_, Result<(), StoreError>> {
        let node = self.node.swap(0, Ordering::SeqCst);
        ask(&self.seat, CHANGE, async move |work| {
            work.run("DELETE FROM nodes WHERE id = $1", &[&node]).await?;
            if ledger::end_leases(&work, now.timestamp_millis()).await? != 0 {
                ring(&work, ALL).await?;
            }
            Ok(())
        })
    }

    fn hear(&self, rings: mpsc::Sender<Ring>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let all = rings.clone();
            let client = connect(&self.server, move |message| {
                if let AsyncMessage::Notification(told) = message {
                    // Where there are more than fit, one that is heard a little later by the clock is no loss.
                    let _ = rings.try_send(read(told.payload()));
                }
            })
            .await?;
            client.batch_execute("LISTEN nadhir").await.map_err(|why| failed(&told(&why)))?;
            let _ = all.try_send(Ring::All);
            loop {
                tokio::time::sleep(LOOKS).await;
                let looked = timeout(LOOKS, client.batch_execute("SELECT 1")).await;
                looked.map_err(|_| failed("it does not answer"))?.map_err(|why| failed(&told(&why)))?;
            }
        })
    }
}

/// What is rung beside the names of channels, none of which begins so.
const ALL: &str = "*";
const LEAD: &str = "!";

fn read(payload: &str) -> Ring {
    match payload {
        LEAD => Ring::Lead,
        name => ChannelId::new(name).map_or(Ring::All, Ring::Of),
    }
}

async fn ring(work: &Work, what: &str) -> Result<(), StoreError> {
    work.rows("SELECT pg_notify('nadhir', $1)", &[&what]).await.map(drop)
}

fn seconds(span: TimeDelta) -> f64 {
    span.as_seconds_f64()
}

async fn beat(work: &Work, (node, name): (i64, &str), (now, may_lead): (Timestamp, bool)) -> Result<Beat, StoreError> {
    // Who was away for so long that it was forgotten, or whose database was brought back from a copy, is known again.
    let lives = "INSERT INTO nodes (id, name, until) VALUES ($1, $3, clock_timestamp() + $2 * interval '1 second')
        ON CONFLICT (id) DO UPDATE SET until = excluded.until WHERE nodes.name = excluded.name";
    if work.run(lives, &[&node, &seconds(LIVES), &name]).await? == 0 {
        return Err(failed("the number of this node belongs to another one: start it again"));
    }
    let lead = "UPDATE leader SET node = $1, until = clock_timestamp() + $2 * interval '1 second'
        WHERE node = $1 OR until < clock_timestamp()";
    let leads = may_lead && work.run(lead, &[&node, &seconds(LIVES)]).await? != 0;
    let ended = ledger::end_leases(work, now.timestamp_millis()).await?;
    if ended != 0 {
        ring(work, ALL).await?;
    }
    let forget = "DELETE FROM nodes WHERE until < clock_timestamp() - $1 * interval '1 second'";
    work.run(forget, &[&seconds(FORGOTTEN_AFTER)]).await?;
    let sql = "SELECT (SELECT n.name FROM leader l JOIN nodes n ON n.id = l.node WHERE clock_timestamp() < l.until),
        (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let row = work.one(sql, &[]).await?;
    let ahead = TimeDelta::milliseconds(now.timestamp_millis().saturating_sub(row.get(1)));
    Ok(Beat { leads, leader: row.get(0), ahead, ended })
}

/// Makes sure that a node which has joined the others leads them, before it takes an epoch: one that comes late must not fence off the
/// one that leads in its place.
pub(super) async fn is_seated(work: &Work, node: i64) -> Result<bool, StoreError> {
    let sql = "SELECT node = $1 AND clock_timestamp() < until FROM leader FOR SHARE";
    Ok(work.one(sql, &[&node]).await?.get::<_, Option<bool>>(0).unwrap_or(false))
}
