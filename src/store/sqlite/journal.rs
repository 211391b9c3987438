//! The journal: the one place that writes its lines, each sealed with the one before it, and the walk that holds them against their
//! seals.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension};

use super::super::StoreError;
use super::values::moment;
use crate::record::Entry;
use crate::record::chain::{Hash, Mark, Sealed, Verdict, Walk};
use crate::time::Timestamp;

/// Under which name the table `marks` keeps the line that was written last.
const HEAD: &str = "head";

/// Under which name it keeps the last line that is not kept any more.
pub(super) const CUT: &str = "cut";

/// The hashes of the bulletins that a commit brings, by their names.
pub(super) type Hashes<'a> = BTreeMap<&'a str, Hash>;

/// Writes lines at the end of the chain; one that tells of a bulletin of the same commit carries its hash.
pub(super) fn write(db: &Connection, journal: &[Entry], hashes: &Hashes<'_>) -> Result<(), StoreError> {
    if journal.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO journal (id, at, kind, subject, text, of, seal) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut put = db.prepare_cached(sql)?;
    let mut head = mark(db, HEAD)?;
    for entry in journal {
        let of = hashes.get(entry.subject.as_str()).copied();
        head = head.then(entry, of);
        let of = of.as_ref().map(Hash::as_bytes);
        let at = entry.at.timestamp_millis();
        put.execute((head.number, at, &entry.kind, &entry.subject, &entry.text, of, head.seal.as_bytes()))?;
    }
    Ok(set_mark(db, HEAD, head)?)
}

/// The line that was written last.
pub(super) fn head(db: &Connection) -> Result<Mark, StoreError> {
    mark(db, HEAD)
}

fn mark(db: &Connection, name: &str) -> Result<Mark, StoreError> {
    let sql = "SELECT number, seal FROM marks WHERE name = ?1";
    let found: Option<(i64, Vec<u8>)> =
        db.prepare_cached(sql)?.query_row([name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((number, seal)) = found else { return Ok(Mark::START) };
    let seal = Hash::from_bytes(&seal)
        .ok_or_else(|| StoreError::Failed { why: format!("the mark `{name}` is no seal; the file is damaged") })?;
    Ok(Mark { number, seal })
}

pub(super) fn set_mark(db: &Connection, name: &str, mark: Mark) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO marks (name, number, seal) VALUES (?1, ?2, ?3)";
    db.prepare_cached(sql)?.execute((name, mark.number, mark.seal.as_bytes()))?;
    Ok(())
}

/// Seals the lines that an older nadhir wrote without, as they are found, under the numbers that they have.
pub(super) fn seal_all(db: &Connection) -> rusqlite::Result<()> {
    let mut head: Option<Mark> = None;
    let mut statement = db.prepare("SELECT id, at, kind, subject, text FROM journal ORDER BY id")?;
    let mut put = db.prepare("UPDATE journal SET id = ?2, seal = ?3 WHERE id = ?1")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        let at: i64 = row.get(1)?;
        let at = Timestamp::from_timestamp_millis(at).ok_or(rusqlite::Error::IntegralValueOutOfRange(1, at))?;
        let entry = Entry { at, kind: row.get(2)?, subject: row.get(3)?, text: row.get(4)? };
        let before = match head {
            Some(head) => head,
            None => {
                let cut = Mark { number: number - 1, seal: Hash::NONE };
                set_mark(db, CUT, cut)?;
                cut
            }
        };
        let next = before.then(&entry, None);
        put.execute((number, next.number, next.seal.as_bytes()))?;
        head = Some(next);
    }
    head.map_or(Ok(()), |head| set_mark(db, HEAD, head))
}

/// Goes along the whole journal. `noted` is a mark that was noted elsewhere.
pub(super) fn verify(db: &Connection, noted: Option<Mark>) -> Result<Verdict, StoreError> {
    let is_sealed: bool = db.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'marks')",
        [],
        |row| row.get(0),
    )?;
    if !is_sealed {
        return Err(StoreError::Refused {
            why: "an older nadhir wrote this journal, which is not sealed; it is when this one has run on it"
                .to_owned(),
        });
    }
    let sql = "SELECT j.id, j.at, j.kind, j.subject, j.text, j.of, j.seal, b.json
        FROM journal j LEFT JOIN bulletins b ON j.of IS NOT NULL AND b.id = j.subject ORDER BY j.id";
    let mut walk = Walk::after(mark(db, CUT)?, noted);
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let hash = |bytes: Option<Vec<u8>>| bytes.and_then(|bytes| Hash::from_bytes(&bytes));
        let json: Option<String> = row.get(7)?;
        let entry = Entry { at: moment(row.get(1)?)?, kind: row.get(2)?, subject: row.get(3)?, text: row.get(4)? };
        walk.line(&Sealed {
            number: row.get(0)?,
            entry,
            of: hash(row.get(5)?),
            seal: hash(row.get(6)?),
            found: json.as_deref().map(Hash::of),
        });
    }
    Ok(walk.end(mark(db, HEAD)?))
}
