//! The journal: the one place that writes its lines, each sealed with the one before it, and the walk that holds them against their
//! seals.

use std::collections::BTreeMap;

use super::super::StoreError;
use super::super::codes::moment;
use super::ledger::clean;
use super::pool::{Value, Work};
use crate::record::Entry;
use crate::record::chain::{Hash, Mark, Sealed, Verdict, Walk};

/// Under which name the table `marks` keeps the line that was written last.
const HEAD: &str = "head";

/// Under which name it keeps the last line that is not kept any more.
pub(super) const CUT: &str = "cut";

/// How many lines are read at once.
const AT_ONCE: i64 = 5_000;

/// The hashes of the bulletins that a commit brings, by their names.
pub(super) type Hashes<'a> = BTreeMap<&'a str, Hash>;

/// Writes a line for somebody who does not lead: nobody who leads writes meanwhile.
pub(super) async fn write_beside(work: &Work, entry: Entry) -> Result<(), StoreError> {
    // Who leads shares this row for as long as it writes.
    work.one("SELECT value FROM meta WHERE name = 'epoch' FOR UPDATE", &[]).await?;
    write(work, &[entry], &Hashes::new()).await
}

/// Writes lines at the end of the chain; one that tells of a bulletin of the same commit carries its hash. Only who leads writes, or
/// whoever keeps it from writing ([`write_beside`]), so that the end of the chain is nobody else's meanwhile.
pub(super) async fn write(work: &Work, journal: &[Entry], hashes: &Hashes<'_>) -> Result<(), StoreError> {
    if journal.is_empty() {
        return Ok(());
    }
    let put = "INSERT INTO journal (id, at, kind, subject, text, \"of\", seal) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let mut head = mark(work, HEAD).await?;
    for entry in journal {
        let of = hashes.get(entry.subject.as_str()).copied();
        // Sealed as it is stored.
        let (kind, subject, text) = (clean(&entry.kind), clean(&entry.subject), clean(&entry.text));
        let entry = Entry { at: entry.at, kind, subject, text };
        head = head.then(&entry, of);
        let (at, of, seal) = (entry.at.timestamp_millis(), of.as_ref().map(Hash::as_bytes), head.seal.as_bytes());
        let values: &[Value<'_>] = &[&head.number, &at, &entry.kind, &entry.subject, &entry.text, &of, &seal];
        work.run(put, values).await?;
    }
    set_mark(work, HEAD, head).await
}

/// The line that was written last.
pub(super) async fn head(work: &Work) -> Result<Mark, StoreError> {
    mark(work, HEAD).await
}

async fn mark(work: &Work, name: &str) -> Result<Mark, StoreError> {
    let Some(row) = work.maybe("SELECT number, seal FROM marks WHERE name = $1", &[&name]).await? else {
        return Ok(Mark::START);
    };
    let seal = Hash::from_bytes(row.get(1))
        .ok_or_else(|| StoreError::Failed { why: format!("the mark `{name}` is no seal; the store is damaged") })?;
    Ok(Mark { number: row.get(0), seal })
}

pub(super) async fn set_mark(work: &Work, name: &str, mark: Mark) -> Result<(), StoreError> {
    let sql = "INSERT INTO marks (name, number, seal) VALUES ($1, $2, $3)
        ON CONFLICT (name) DO UPDATE SET number = excluded.number, seal = excluded.seal";
    work.run(sql, &[&name, &mark.number, &mark.seal.as_bytes()]).await.map(drop)
}

/// Goes along the whole journal. `noted` is a mark that was noted elsewhere.
pub(super) async fn verify(work: &Work, noted: Option<Mark>) -> Result<Verdict, StoreError> {
    let sql = "SELECT j.id, j.at, j.kind, j.subject, j.text, j.\"of\", j.seal, b.json
        FROM journal j LEFT JOIN bulletins b ON j.\"of\" IS NOT NULL AND b.id = j.subject
        WHERE $1 < j.id ORDER BY j.id LIMIT $2";
    let mut walk = Walk::after(mark(work, CUT).await?, noted);
    let mut last = i64::MIN;
    loop {
        let rows = work.rows(sql, &[&last, &AT_ONCE]).await?;
        for row in &rows {
            let hash = |bytes: Option<&[u8]>| bytes.and_then(Hash::from_bytes);
            let json: Option<&str> = row.get(7);
            let entry = Entry { at: moment(row.get(1))?, kind: row.get(2), subject: row.get(3), text: row.get(4) };
            last = row.get(0);
            walk.line(&Sealed {
                number: last,
                entry,
                of: hash(row.get(5)),
                seal: hash(row.get(6)),
                found: json.map(Hash::of),
            });
        }
        if rows.is_empty() {
            return Ok(walk.end(mark(work, HEAD).await?));
        }
    }
}
