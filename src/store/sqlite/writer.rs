//! The thread that owns the connection: it takes what is waiting, does each request in a savepoint of one transaction,
//! commits once, and only then answers.
//!
//! It never answers before the commit, and it never lets one request's failure undo another's.

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::super::StoreError;

/// The most requests that share one commit.
pub(super) const MAX_GROUP: usize = 256;

/// Work for the writer. It is handed the connection, or the reason why there is no transaction to work in.
pub(super) type Request = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Answer + Send>;

/// What is told to the one who asked, once it is known how the transaction ended.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Makes a request of some work and of the way to answer.
pub(super) fn request<T: Send + 'static>(
    work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    answer: oneshot::Sender<Result<T, StoreError>>,
) -> Request {
    Box::new(move |db| {
        let done = db.and_then(|db| in_savepoint(db, work));
        Box::new(move |end| {
            let told = match (done, end) {
                (Err(own), _) => Err(own),
                (Ok(_), Err(common)) => Err(common),
                (Ok(value), Ok(())) => Ok(value),
            };
            // Whoever asked may have gone away; the work stands all the same.
            drop(answer.send(told));
        })
    })
}

/// Serves requests until nobody is left to ask, then closes the file cleanly.
pub(super) fn run(connection: Connection, mut inbox: mpsc::Receiver<Request>) {
    while let Some(first) = inbox.blocking_recv() {
        let mut group = vec![first];
        while group.len() < MAX_GROUP
            && let Ok(next) = inbox.try_recv()
        {
            group.push(next);
        }
        serve(&connection, group);
    }
    close(connection);
}

/// Does a group of requests in one transaction.
fn serve(db: &Connection, group: Vec<Request>) {
    let mut answers: Vec<Answer> = Vec::with_capacity(group.len());
    for request in group {
        // A full disk can make SQLite give up the whole transaction in the midst of a request: what came before it in the
        // group is then undone, is told so, and what comes after begins anew.
        if db.is_autocommit() {
            let lost = StoreError::Failed { why: "the transaction was given up by a failure beside it".to_owned() };
            tell(&mut answers, &Err(lost));
            if let Err(why) = run_sql(db, "BEGIN IMMEDIATE") {
                request(Err(why.clone()))(Err(why));
                continue;
            }
        }
        answers.push(request(Ok(db)));
    }
    let end = if db.is_autocommit() {
        Err(StoreError::Failed { why: "the transaction was given up by a failure beside it".to_owned() })
    } else {
        run_sql(db, "COMMIT").inspect_err(|_| undo(db))
    };
    tell(&mut answers, &end);
}

fn tell(answers: &mut Vec<Answer>, end: &Result<(), StoreError>) {
    for answer in answers.drain(..) {
        answer(end.clone());
    }
}

/// Does one piece of work so that it happens wholly or not at all.
fn in_savepoint<T>(db: &Connection, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
    run_sql(db, "SAVEPOINT request")?;
    let done = work(db).and_then(|value| run_sql(db, "RELEASE request").map(|()| value));
    if done.is_err() && !db.is_autocommit() {
        let back = run_sql(db, "ROLLBACK TO request").and_then(|()| run_sql(db, "RELEASE request"));
        if back.is_err() {
            // Half of a request must not be committed with the others.
            undo(db);
        }
    }
    done
}

fn undo(db: &Connection) {
    if !db.is_autocommit()
        && let Err(why) = run_sql(db, "ROLLBACK")
    {
        tracing::error!(error = %why, "A transaction could not be rolled back: {why}");
    }
}

fn run_sql(db: &Connection, sql: &str) -> Result<(), StoreError> {
    db.prepare_cached(sql)?.execute([])?;
    Ok(())
}

fn close(connection: Connection) {
    let emptied = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    let closed = connection.close().map_err(|(_, why)| why);
    if let Err(why) = emptied.and(closed) {
        tracing::warn!(error = %why, "The store was not closed cleanly: {why}; nothing committed is lost");
    }
}
