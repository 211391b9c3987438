//! What a store holds at a moment, whichever kind it is: read by plain questions to its tables, past all of the program's own code.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use serde_json::{Map, Value};

use super::postgres::Elephant;
use super::{DATABASE, copy_of};

/// Where the state is.
pub(crate) enum Source {
    /// In a file in this directory.
    File(PathBuf),
    /// In a database of this name.
    Server(Elephant, String),
}

/// One delivery.
pub(crate) struct Delivery {
    pub(crate) id: i64,
    pub(crate) channel: String,
    pub(crate) key: String,
    pub(crate) number: String,
    pub(crate) edition: i64,
    pub(crate) standing: i64,
    pub(crate) note: String,
}

/// One bulletin.
pub(crate) struct Said {
    pub(crate) id: String,
    pub(crate) number: String,
    pub(crate) edition: i64,
    pub(crate) change: String,
}

/// What a store holds.
pub(crate) struct Held {
    pub(crate) deliveries: Vec<Delivery>,
    /// By their rows.
    pub(crate) subscribers: Vec<(i64, String)>,
    /// The marks of subscribers, by delivery and share.
    pub(crate) shares: BTreeMap<(i64, i64), Vec<u8>>,
}

type Table = Vec<Map<String, Value>>;

impl Source {
    /// What is held; nothing where a service died before it had made its tables.
    pub(crate) fn held(&self) -> Option<Held> {
        let rows = "SELECT d.id AS id, c.name AS channel, m.key AS key, d.number AS number, d.edition AS edition, d.standing AS standing,
            coalesce(d.note, '') AS note
            FROM deliveries d JOIN channels c ON c.id = d.channel JOIN messages m ON m.id = d.message ORDER BY d.id";
        let subscribers = "SELECT id, name FROM subscribers ORDER BY id";
        let marks = match self {
            Self::File(_) => "SELECT delivery, share, hex(marks) AS marks FROM shares",
            Self::Server(..) => "SELECT delivery, share, encode(marks, 'hex') AS marks FROM shares",
        };
        let [rows, subscribers, shares] = self.ask([rows, subscribers, marks])?;
        let deliveries = rows.iter().map(|row| Delivery {
            id: number(row, "id"),
            channel: text(row, "channel"),
            key: text(row, "key"),
            number: text(row, "number"),
            edition: number(row, "edition"),
            standing: number(row, "standing"),
            note: text(row, "note"),
        });
        let marks = |row: &Map<String, Value>| {
            let hex = text(row, "marks");
            let digits: Vec<u8> =
                hex.bytes().map(|digit| u8::try_from(char::from(digit).to_digit(16).unwrap()).unwrap()).collect();
            digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit)).collect()
        };
        Some(Held {
            deliveries: deliveries.collect(),
            subscribers: subscribers.iter().map(|row| (number(row, "id"), text(row, "name"))).collect(),
            shares: shares.iter().map(|row| ((number(row, "delivery"), number(row, "share")), marks(row))).collect(),
        })
    }

    /// All that was said.
    pub(crate) fn said(&self) -> Vec<Said> {
        let [rows] = self.ask(["SELECT id, number, edition, json FROM bulletins"]).expect("the store is there");
        let change = |row: &Map<String, Value>| {
            let bulletin: Value = serde_json::from_str(&text(row, "json")).unwrap();
            bulletin.get("change").and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let said = rows.iter().map(|row| Said {
            id: text(row, "id"),
            number: text(row, "number"),
            edition: number(row, "edition"),
            change: change(row),
        });
        said.collect()
    }

    /// How much is owed still, in a store that is in use; none where that cannot be read just now.
    pub(crate) fn owed(&self) -> Option<i64> {
        let sql = "SELECT count(*) FROM deliveries WHERE standing = 0";
        match self {
            Self::File(dir) => Connection::open(dir.join(DATABASE)).ok()?.query_row(sql, [], |row| row.get(0)).ok(),
            Self::Server(elephant, database) => elephant.psql(database, &within(sql)).ok()?.parse().ok(),
        }
    }

    fn ask<const N: usize>(&self, questions: [&str; N]) -> Option<[Table; N]> {
        match self {
            Self::File(dir) => {
                let copy = copy_of(dir)?;
                let db = Connection::open(copy.path().join(DATABASE)).unwrap();
                db.query_row("SELECT count(*) FROM shares", [], |row| row.get::<_, i64>(0)).ok()?;
                Some(questions.map(|sql| table(&db, sql)))
            }
            Self::Server(elephant, database) => {
                elephant.psql(database, &within("SELECT count(*) FROM shares")).ok()?;
                Some(questions.map(|sql| {
                    let sql = within(&format!("SELECT coalesce(json_agg(t), '[]') FROM ({sql}) t"));
                    serde_json::from_str(&elephant.psql(database, &sql).unwrap()).unwrap()
                }))
            }
        }
    }
}

fn within(sql: &str) -> String {
    format!("SET search_path = nadhir; {sql}")
}

fn table(db: &Connection, sql: &str) -> Table {
    let mut statement = db.prepare(sql).unwrap();
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let cell = |row: &Row<'_>, place: usize| match row.get_ref(place).unwrap() {
        ValueRef::Integer(value) => Value::from(value),
        other => Value::from(other.as_str().unwrap()),
    };
    let read =
        |row: &Row<'_>| Ok(names.iter().enumerate().map(|(place, name)| (name.clone(), cell(row, place))).collect());
    let rows = statement.query_map([], read).unwrap();
    rows.collect::<rusqlite::Result<_>>().unwrap()
}

fn number(row: &Map<String, Value>, name: &str) -> i64 {
    row.get(name).and_then(Value::as_i64).unwrap()
}

fn text(row: &Map<String, Value>, name: &str) -> String {
    row.get(name).and_then(Value::as_str).unwrap().to_owned()
}
