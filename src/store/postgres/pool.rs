//! Connections: a few, made when they are needed and used again. Every wait has an end, and a connection in which anything went wrong
//! is closed rather than used again, so that the server undoes what was begun in it.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, NoTls, Row, Statement};

use super::super::StoreError;
use super::address::Server;
use super::probe::blame;
use super::tls::Seal;

/// How long is waited for a connection to be made.
const LONGEST_CONNECT: Duration = Duration::from_secs(5);

/// How long one piece of work may take, waiting for a connection included.
const LONGEST_WORK: Duration = Duration::from_secs(20);

/// After a connection could not be made, none is tried for so long; each time longer, and each time by chance up to twice that.
const FIRST_REST: Duration = Duration::from_millis(100);
const LONGEST_REST: Duration = Duration::from_secs(1);

/// What every session is set to. A commit is answered when it is on the disk, whatever else the server is set to; a node that stands
/// still in the midst of something does not hold up the others.
const SETTINGS: &str = "SET search_path = nadhir; SET synchronous_commit = on; SET statement_timeout = '10s'; SET lock_timeout = '8s';
    SET idle_in_transaction_session_timeout = '5s'; SET default_transaction_isolation = 'read committed'; SET timezone = 'UTC'";

/// Begins work that changes something.
pub(super) const CHANGE: &str = "BEGIN";

/// Begins work that reads at one moment.
pub(super) const LOOK: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A few connections to one database.
pub(super) struct Pool {
    server: Server,
    seats: Arc<Semaphore>,
    free: Mutex<Vec<Link>>,
    rest: Mutex<Rest>,
}

/// Since when, and for how long, no connection is tried.
#[derive(Default)]
struct Rest {
    until: Option<Instant>,
    last: Duration,
    why: String,
}

/// One connection with the statements that it has ready.
struct Link {
    client: Client,
    statements: Mutex<BTreeMap<&'static str, Statement>>,
}

/// Work in one transaction.
pub(super) struct Work {
    link: Link,
    is_broken: AtomicBool,
    _seat: OwnedSemaphorePermit,
}

/// A value of a statement.
pub(super) type Value<'a> = &'a (dyn ToSql + Sync);

impl Pool {
    pub(super) fn new(server: Server, most: usize) -> Self {
        Self { server, seats: Arc::new(Semaphore::new(most)), free: Mutex::default(), rest: Mutex::default() }
    }

    /// Does a piece of work in one transaction, wholly or not at all. What is said of a failure says whether it may have landed.
    pub(super) async fn within<T, F>(&self, begin: &str, work: impl FnOnce(Arc<Work>) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let all = async {
            let own = Arc::new(self.begin(begin).await?);
            let done = work(Arc::clone(&own)).await;
            let Some(own) = Arc::into_inner(own) else { return Err(failed("its work was not given back")) };
            let done = if own.is_broken() { done.and(Err(failed("a statement failed"))) } else { done };
            let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
            let ended = own.link.client.batch_execute(end).await.map_err(|why| failed(&told(&why)));
            if ended.is_ok() {
                lock(&self.free).push(own.link);
            }
            match done {
                Ok(value) => ended.map(|()| value),
                Err(why) => Err(why),
            }
        };
        timeout(LONGEST_WORK, all).await.unwrap_or_else(|_| {
            Err(failed(&format!(
                "no answer in {} s, and what was asked may or may not have landed",
                LONGEST_WORK.as_secs()
            )))
        })
    }

    async fn begin(&self, begin: &str) -> Result<Work, StoreError> {
        let seat = Arc::clone(&self.seats).acquire_owned().await.map_err(|_| failed("it was closed"))?;
        loop {
            let used = lock(&self.free).pop();
            let is_used = used.is_some();
            let link = match used {
                Some(link) => link,
                None => self.connect().await?,
            };
            match link.client.batch_execute(begin).await {
                Ok(()) => return Ok(Work { link, is_broken: AtomicBool::new(false), _seat: seat }),
                // The server ended it while nobody used it: all others may be as old.
                Err(_) if is_used => {}
                Err(why) => return Err(failed(&told(&why))),
            }
        }
    }

    /// Makes a connection, or says at once why there was none a moment ago.
    async fn connect(&self) -> Result<Link, StoreError> {
        {
            let rest = lock(&self.rest);
            if rest.until.is_some_and(|until| Instant::now() < until) {
                return Err(failed(&rest.why));
            }
        }
        let made = connect(&self.server, |_| {}).await;
        let mut rest = lock(&self.rest);
        match &made {
            Ok(_) => *rest = Rest::default(),
            Err(why) => {
                rest.last = (rest.last * 2).clamp(FIRST_REST, LONGEST_REST);
                rest.until = Some(Instant::now() + rest.last.mul_f64(1.0 + fastrand::f64()));
                rest.why = match why {
                    StoreError::Failed { why } => why.trim_start_matches(PREFIX).to_owned(),
                    other => other.to_string(),
                };
            }
        }
        made.map(|client| Link { client, statements: Mutex::default() })
    }
}

/// Makes a connection; what the server tells of by itself is handed on.
pub(super) async fn connect(
    server: &Server,
    tell: impl Fn(AsyncMessage) + Send + Sync + 'static,
) -> Result<Client, StoreError> {
    let making: BoxFuture<'_, Result<Client, tokio_postgres::Error>> = match &server.tls {
        Some(tls) => Box::pin(async {
            let (client, connection) = server.config.connect(Seal(Arc::clone(tls))).await?;
            drive(connection, tell);
            Ok(client)
        }),
        None => Box::pin(async {
            let (client, connection) = server.config.connect(NoTls).await?;
            drive(connection, tell);
            Ok(client)
        }),
    };
    let client = async {
        let client = making.await.map_err(|why| blame(server, &why))?;
        client.batch_execute(SETTINGS).await.map_err(|why| failed(&told(&why)))?;
        Ok(client)
    };
    let late = || failed(&format!("{} does not answer", server.name));
    timeout(LONGEST_CONNECT, client).await.unwrap_or_else(|_| Err(late()))
}

fn drive<T>(
    mut connection: tokio_postgres::Connection<tokio_postgres::Socket, T>,
    tell: impl Fn(AsyncMessage) + Send + Sync + 'static,
) where
    T: tokio_postgres::tls::TlsStream + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        let mut messages = stream::poll_fn(|cx| connection.poll_message(cx));
        // Whoever uses the connection is told of its end by what fails there.
        while let Some(Ok(message)) = messages.next().await {
            tell(message);
        }
    });
}

impl Work {
    fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::SeqCst)
    }

    fn broken(&self, why: &tokio_postgres::Error) -> StoreError {
        self.is_broken.store(true, Ordering::SeqCst);
        failed(&told(why))
    }

    async fn statement(&self, sql: &'static str) -> Result<Statement, StoreError> {
        if let Some(ready) = lock(&self.link.statements).get(sql) {
            return Ok(ready.clone());
        }
        let ready = self.link.client.prepare(sql).await.map_err(|why| self.broken(&why))?;
        lock(&self.link.statements).insert(sql, ready.clone());
        Ok(ready)
    }

    /// The rows of a question.
    pub(super) async fn rows(&self, sql: &'static str, of: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let statement = self.statement(sql).await?;
        self.link.client.query(&statement, of).await.map_err(|why| self.broken(&why))
    }

    /// The first row of a question, when it has one.
    pub(super) async fn maybe(&self, sql: &'static str, of: &[Value<'_>]) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, of).await?.into_iter().next())
    }

    /// The row of a question that always has one.
    pub(super) async fn one(&self, sql: &'static str, of: &[Value<'_>]) -> Result<Row, StoreError> {
        self.maybe(sql, of).await?.ok_or_else(|| failed("a row that is always there is missing"))
    }

    /// Changes rows, and counts them.
    pub(super) async fn run(&self, sql: &'static str, of: &[Value<'_>]) -> Result<u64, StoreError> {
        let statement = self.statement(sql).await?;
        self.link.client.execute(&statement, of).await.map_err(|why| self.broken(&why))
    }

    /// Does statements that are written out whole.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), StoreError> {
        self.link.client.batch_execute(sql).await.map_err(|why| self.broken(&why))
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each is changed in one piece, so that what a panic left behind is whole.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

const PREFIX: &str = "the database: ";

/// A failure of the database.
pub(super) fn failed(why: &str) -> StoreError {
    StoreError::Failed { why: format!("{PREFIX}{why}") }
}

/// What went wrong, in the words of whoever noticed.
pub(super) fn told(why: &tokio_postgres::Error) -> String {
    if let Some(own) = why.as_db_error() {
        return format!("{} ({})", own.message(), own.code().code());
    }
    match why.source() {
        Some(source) => format!("{why}: {source}"),
        None => why.to_string(),
    }
}
