//! Moving what is in a file of SQLite into a database: all of it or nothing, held against the file row by row before it counts.
//!
//! The file cannot be written meanwhile: a service that runs on it waits with what it decides, decides nothing more once all is moved,
//! and does not start on it again.

use std::path::Path;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::{SinkExt as _, TryStreamExt as _, pin_mut};
use ring::digest::{Context, SHA256};
use serde::Serialize;
use tokio_postgres::Client;

use super::super::StoreError;
use super::super::sqlite::moving::{Found, Leaving, found};
use super::address::Server;
use super::pool::{Pool, connect, failed, told};
use super::schema;
use crate::time::Timestamp;

/// How much is sent at once, in bytes.
const AT_ONCE: usize = 64 * 1024;

/// How what stands in a column is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As a number or a text, or not at all.
    Plain,
    /// As bytes, whatever it was.
    Bytes,
    /// As yes or no.
    Flag,
}

/// A table that is copied as it is.
struct Table {
    name: &'static str,
    columns: &'static [(&'static str, Form)],
    /// By which columns its rows are in order.
    key: &'static str,
}

const fn plain(name: &'static str) -> (&'static str, Form) {
    (name, Form::Plain)
}

/// Every table, after those that it refers to.
const TABLES: [Table; 10] = [
    Table { name: "facts", columns: &[plain("room"), plain("key"), plain("value")], key: "room, key" },
    Table {
        name: "journal",
        columns: &[
            plain("id"),
            plain("at"),
            plain("kind"),
            plain("subject"),
            plain("text"),
            ("\"of\"", Form::Bytes),
            ("seal", Form::Bytes),
        ],
        key: "id",
    },
    Table { name: "marks", columns: &[plain("name"), plain("number"), ("seal", Form::Bytes)], key: "name" },
    Table {
        name: "bulletins",
        columns: &[plain("seq"), plain("id"), plain("number"), plain("edition"), plain("issued"), plain("json")],
        key: "seq",
    },
    Table {
        name: "messages",
        columns: &[
            plain("id"),
            plain("key"),
            plain("bulletin"),
            plain("content_type"),
            ("body", Form::Bytes),
            ("sha256", Form::Bytes),
        ],
        key: "id",
    },
    Table { name: "channels", columns: &[plain("id"), plain("name"), plain("audience"), plain("given_at")], key: "id" },
    Table {
        name: "deliveries",
        columns: &[
            plain("id"),
            plain("channel"),
            plain("message"),
            plain("number"),
            plain("edition"),
            plain("urgency"),
            plain("due"),
            plain("expires"),
            plain("attempts"),
            plain("standing"),
            plain("token"),
            plain("lease_until"),
            plain("settled_at"),
            plain("note"),
            ("is_last", Form::Flag),
            plain("hold"),
            plain("stands_for"),
            plain("lag"),
            plain("picture"),
        ],
        key: "id",
    },
    Table {
        name: "subscribers",
        columns: &[
            plain("id"),
            plain("channel"),
            plain("name"),
            plain("url"),
            plain("wishes"),
            plain("pace"),
            plain("state"),
            plain("generation"),
            plain("older_until"),
            plain("made_at"),
            plain("failing_since"),
            plain("why"),
            ("unsaid", Form::Flag),
            plain("until"),
            ("sealed", Form::Bytes),
        ],
        key: "id",
    },
    Table {
        name: "shares",
        columns: &[plain("delivery"), plain("share"), ("marks", Form::Bytes)],
        key: "delivery, share",
    },
    Table {
        name: "debts",
        columns: &[
            plain("delivery"),
            plain("subscriber"),
            plain("tries"),
            plain("due"),
            ("may_have", Form::Flag),
            plain("why"),
            plain("at"),
        ],
        key: "delivery, subscriber",
    },
];

/// What was moved of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Which.
    pub table: &'static str,
    /// How many rows.
    pub rows: u64,
    /// The SHA-256 of all of them, the same of what was read and of what was written.
    pub sha256: String,
}

/// How far a move is: at which table, and at which row of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Which table.
    pub table: &'static str,
    /// How many rows were sent.
    pub rows: u64,
    /// How many there are.
    pub of: u64,
}

/// Moves what is in a file into a database in which nothing is yet, and marks the file as left.
///
/// # Errors
/// [`StoreError::Refused`] when there is something in the database already, [`StoreError::Failed`] when one of the two failed: then
/// nothing was moved, and the service may go on with the file.
pub async fn copy(
    file: &Path,
    server: Server,
    now: Timestamp,
    mut tell: impl FnMut(Progress),
) -> Result<Vec<Moved>, StoreError> {
    schema::make(&Pool::new(server.clone(), 1), &server).await?;
    let client = connect(&server, |_| {}).await?;
    let begin = "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
        LOCK TABLE meta, nodes, journal IN ACCESS EXCLUSIVE MODE";
    batch(&client, begin).await?;
    refuse_what_is_there(&client, &server).await?;
    let leaving = Leaving::begin(file)?;
    let mut moved = Vec::with_capacity(TABLES.len());
    for table in &TABLES {
        let (rows, read) = send(&client, &leaving, table, &mut tell).await?;
        let written = read_back(&client, table).await?;
        if read != written {
            let why = format!("what was written into {} is not what was read; nothing was moved", table.name);
            return Err(StoreError::Failed { why });
        }
        moved.push(Moved { table: table.name, rows, sha256: hex(&read) });
    }
    number_on(&client, &leaving).await?;
    batch(&client, "COMMIT").await?;
    leaving.end(now).map_err(|why| StoreError::Failed {
        why: format!(
            "all was moved, but {} could not be marked as left: {why}; stop whatever runs on it, and move it away before you start nadhir on {}",
            file.display(),
            server.name
        ),
    })?;
    // What is known of how rows lie makes the first questions fast; without it they are only slower.
    let _ = client.batch_execute("ANALYZE").await;
    Ok(moved)
}

async fn batch(client: &Client, sql: &str) -> Result<(), StoreError> {
    client.batch_execute(sql).await.map_err(|why| failed(&told(&why)))
}

async fn refuse_what_is_there(client: &Client, server: &Server) -> Result<(), StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM nodes WHERE clock_timestamp() < until), EXISTS (SELECT 1 FROM journal)
        OR EXISTS (SELECT 1 FROM facts) OR EXISTS (SELECT 1 FROM deliveries) OR EXISTS (SELECT 1 FROM subscribers)
        OR EXISTS (SELECT 1 FROM channels)";
    let row = client.query_one(sql, &[]).await.map_err(|why| failed(&told(&why)))?;
    let why = match (row.get(0), row.get(1)) {
        (true, _) => "a nadhir is running on it: stop it first",
        (false, true) => "there is something in it already: give the state of the file a database of its own",
        (false, false) => return Ok(()),
    };
    Err(StoreError::Refused { why: format!("{}: {why}", server.name) })
}

/// Sends a table; counts its rows, and gives the hash of what was sent.
async fn send(
    client: &Client,
    leaving: &Leaving,
    table: &Table,
    tell: &mut impl FnMut(Progress),
) -> Result<(u64, Vec<u8>), StoreError> {
    let names = names(table);
    let of = leaving.number(&format!("SELECT count(*) FROM {}", table.name))?.unwrap_or(0).cast_unsigned();
    let sink = client.copy_in::<_, Bytes>(&format!("COPY {} ({names}) FROM STDIN", table.name)).await;
    let sink = sink.map_err(|why| failed(&told(&why)))?;
    pin_mut!(sink);
    let mut statement = leaving.ask(&format!("SELECT {names} FROM {} ORDER BY {}", table.name, table.key))?;
    let mut found_rows = statement.query([])?;
    let (mut rows, mut hash, mut buffer) = (0, Context::new(&SHA256), BytesMut::with_capacity(AT_ONCE));
    tell(Progress { table: table.name, rows, of });
    while let Some(row) = found_rows.next()? {
        for (place, (_, form)) in table.columns.iter().enumerate() {
            if place != 0 {
                buffer.put_u8(b'\t');
            }
            write(&mut buffer, found(row, place)?, *form);
        }
        buffer.put_u8(b'\n');
        rows += 1;
        if AT_ONCE <= buffer.len() {
            hash.update(&buffer);
            sink.send(buffer.split().freeze()).await.map_err(|why| failed(&told(&why)))?;
            tell(Progress { table: table.name, rows, of });
        }
    }
    hash.update(&buffer);
    sink.send(buffer.freeze()).await.map_err(|why| failed(&told(&why)))?;
    let taken = sink.finish().await.map_err(|why| failed(&told(&why)))?;
    if taken != rows {
        return Err(StoreError::Failed {
            why: format!("{} took {taken} of {rows} rows; nothing was moved", table.name),
        });
    }
    tell(Progress { table: table.name, rows, of });
    Ok((rows, hash.finish().as_ref().to_vec()))
}

/// Reads a table as the database has it now, and gives the hash of that.
async fn read_back(client: &Client, table: &Table) -> Result<Vec<u8>, StoreError> {
    let sql = format!("COPY (SELECT {} FROM {} ORDER BY {}) TO STDOUT", names(table), table.name, table.key);
    let stream = client.copy_out(&sql).await.map_err(|why| failed(&told(&why)))?;
    pin_mut!(stream);
    let mut hash = Context::new(&SHA256);
    while let Some(bytes) = stream.try_next().await.map_err(|why| failed(&told(&why)))? {
        hash.update(&bytes);
    }
    Ok(hash.finish().as_ref().to_vec())
}

fn names(table: &Table) -> String {
    table.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// Writes a value as PostgreSQL reads and writes it in its plain form.
fn write(to: &mut BytesMut, found: Found<'_>, form: Form) {
    match (found, form) {
        (Found::None, _) => to.put_slice(b"\\N"),
        (Found::Number(number), Form::Flag) => to.put_u8(if number == 0 { b'f' } else { b't' }),
        (Found::Number(number), Form::Plain | Form::Bytes) => to.put_slice(number.to_string().as_bytes()),
        (Found::Bytes(bytes), Form::Bytes) => {
            to.put_slice(b"\\\\x");
            to.put_slice(hex(bytes).as_bytes());
        }
        (Found::Bytes(text), Form::Plain | Form::Flag) => {
            for byte in text {
                match byte {
                    // It keeps no character 0, which no text of ours means to have.
                    0 => to.put_slice("\u{fffd}".as_bytes()),
                    b'\\' => to.put_slice(b"\\\\"),
                    8 => to.put_slice(b"\\b"),
                    b'\t' => to.put_slice(b"\\t"),
                    b'\n' => to.put_slice(b"\\n"),
                    11 => to.put_slice(b"\\v"),
                    12 => to.put_slice(b"\\f"),
                    b'\r' => to.put_slice(b"\\r"),
                    other => to.put_u8(*other),
                }
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Takes over what is counted: the next row gets the number that it would have had in the file.
async fn number_on(client: &Client, leaving: &Leaving) -> Result<(), StoreError> {
    for name in ["version", "epoch", "led_at", "seen_at"] {
        let Some(value) = leaving.number(&format!("SELECT value FROM meta WHERE name = '{name}'"))? else { continue };
        let sql =
            "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        client.execute(sql, &[&name, &value]).await.map_err(|why| failed(&told(&why)))?;
    }
    let token = leaving.number("SELECT value FROM meta WHERE name = 'token'")?.unwrap_or(0);
    batch(client, &format!("SELECT setval('tokens', {})", token.max(1))).await?;
    // The number of a subscriber who was taken out is never given to another one: its secret would be.
    let subscribers = leaving.number("SELECT seq FROM sqlite_sequence WHERE name = 'subscribers'")?;
    let last = |table: &str, column: &str| leaving.number(&format!("SELECT max({column}) FROM {table}"));
    for (table, column, last) in [
        ("bulletins", "seq", last("bulletins", "seq")?),
        ("messages", "id", last("messages", "id")?),
        ("channels", "id", last("channels", "id")?),
        ("deliveries", "id", last("deliveries", "id")?),
        ("subscribers", "id", subscribers),
    ] {
        if let Some(last) = last {
            batch(client, &format!("SELECT setval(pg_get_serial_sequence('{table}', '{column}'), {last})")).await?;
        }
    }
    Ok(())
}
