//! The file: how it is opened, what is checked before it is trusted, and its tables.
//!
//! A file that this house did not write is never changed, not even when it is an empty-looking database of another program.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags};

use super::super::StoreError;
use super::moving;

/// Marks a file as nadhir's: «NADR» in ASCII.
const APPLICATION_ID: i32 = 0x4e41_4452;

/// The version of the tables; it grows by one with each change of them.
const SCHEMA_VERSION: i32 = 7;

/// From version 1 to 2: who listens at each channel, which for those that are known is not known, and whether a try is the last.
const FROM_1_TO_2: &str = "
ALTER TABLE channels ADD COLUMN audience TEXT;
ALTER TABLE deliveries ADD COLUMN is_last INTEGER NOT NULL DEFAULT 0;
";

/// From version 2 to 3: what is kept back, and who stands in for whom.
const FROM_2_TO_3: &str = "
ALTER TABLE deliveries ADD COLUMN hold INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN stands_for INTEGER REFERENCES channels (id);
ALTER TABLE deliveries ADD COLUMN lag INTEGER NOT NULL DEFAULT 0;
CREATE INDEX kept ON deliveries (channel, hold, due) WHERE standing = 0 AND hold > 0;
CREATE INDEX standing_in ON deliveries (channel, due) WHERE standing = 0 AND stands_for IS NOT NULL;
";

/// From version 3 to 4: the pictures that go with a message, and the bulletins of late.
const FROM_3_TO_4: &str = "
CREATE INDEX issued ON bulletins (issued);
ALTER TABLE deliveries ADD COLUMN picture INTEGER REFERENCES messages (id);
";

/// From version 4 to 5: subscribers, and what is owed to them. `shares` holds a byte for each of five hundred subscribers, `debts` who
/// did not take something at the first try, and at whom it was given up (without `due`).
const FROM_4_TO_5: &str = "
CREATE TABLE subscribers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel INTEGER NOT NULL REFERENCES channels (id),
    name TEXT NOT NULL, url TEXT NOT NULL, wishes TEXT NOT NULL, pace TEXT, state INTEGER NOT NULL,
    generation INTEGER NOT NULL DEFAULT 1, older_until INTEGER, made_at INTEGER NOT NULL, failing_since INTEGER,
    UNIQUE (channel, name)
) STRICT;
CREATE INDEX subscribed ON subscribers (channel, id);
CREATE TABLE shares (
    delivery INTEGER NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    share INTEGER NOT NULL, marks BLOB NOT NULL, PRIMARY KEY (delivery, share)
) STRICT;
CREATE TABLE debts (
    delivery INTEGER NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    subscriber INTEGER NOT NULL, tries INTEGER NOT NULL, due INTEGER, may_have INTEGER NOT NULL, why TEXT NOT NULL,
    PRIMARY KEY (delivery, subscriber)
) STRICT, WITHOUT ROWID;
";

/// From version 5 to 6: the seals of the journal, with the lines between which they are kept, and what finds the rows that carry a
/// message when it is forgotten; why a subscriber was disabled, and whether the people on duty are still to hear of it; when something
/// was given up at one; and when a channel was last given to another audience.
const FROM_5_TO_6: &str = "
ALTER TABLE journal ADD COLUMN of BLOB;
ALTER TABLE journal ADD COLUMN seal BLOB;
CREATE TABLE marks (name TEXT PRIMARY KEY, number INTEGER NOT NULL, seal BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX carrying ON deliveries (message);
CREATE INDEX showing ON deliveries (picture) WHERE picture IS NOT NULL;
ALTER TABLE subscribers ADD COLUMN why TEXT;
ALTER TABLE subscribers ADD COLUMN unsaid INTEGER NOT NULL DEFAULT 0;
CREATE INDEX unsaid ON subscribers (channel, id) WHERE unsaid = 1;
ALTER TABLE debts ADD COLUMN at INTEGER;
ALTER TABLE channels ADD COLUMN given_at INTEGER;
";

/// From version 6 to 7: until when those are told who subscribed for a time, and the secrets that they gave, sealed.
const FROM_6_TO_7: &str = "
ALTER TABLE subscribers ADD COLUMN until INTEGER;
ALTER TABLE subscribers ADD COLUMN sealed BLOB;
CREATE INDEX ending_terms ON subscribers (until) WHERE until IS NOT NULL;
";

/// How long a statement waits for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest file that is checked whole after an unclean end; a larger one would hold up the start for too long.
const MAX_CHECKED_LEN: u64 = 256 * 1024 * 1024;

/// How many statements are kept ready.
const STATEMENTS: usize = 64;

/// The write-ahead log is cut back to this size after it was emptied, in bytes.
const MAX_IDLE_LOG_LEN: i64 = 16 * 1024 * 1024;

/// The tables as they were in version 4; the last steps of the way from older versions make the rest. Times are milliseconds since 1970.
///
/// A delivery is small, since there may be one a subscriber. The first three indexes hold only what is owed: `free` gives a claim
/// its rows in the order in which they go out, `held` gives back what a courier lost, `ending` finds what ran out of time,
/// `editions`, over all, finds what a newer edition takes the place of. `kept` finds what waits for its clock or a person, and
/// `standing_in` what goes out only if another channel fails.
const TABLES: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('epoch', 0), ('version', 0), ('token', 0), ('led_at', 0);

CREATE TABLE facts (
    room TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (room, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL
) STRICT;

CREATE TABLE bulletins (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, number TEXT NOT NULL, edition INTEGER NOT NULL,
    issued INTEGER NOT NULL, json TEXT NOT NULL, UNIQUE (number, edition)
) STRICT;
CREATE INDEX issued ON bulletins (issued);

CREATE TABLE messages (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, bulletin TEXT NOT NULL, content_type TEXT NOT NULL,
    body TEXT NOT NULL, sha256 BLOB NOT NULL
) STRICT;

CREATE TABLE channels (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, audience TEXT) STRICT;

CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY,
    channel INTEGER NOT NULL REFERENCES channels (id),
    message INTEGER NOT NULL REFERENCES messages (id),
    number TEXT NOT NULL, edition INTEGER NOT NULL, urgency INTEGER NOT NULL,
    due INTEGER NOT NULL, expires INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, standing INTEGER NOT NULL DEFAULT 0,
    token INTEGER, lease_until INTEGER, settled_at INTEGER, note TEXT, is_last INTEGER NOT NULL DEFAULT 0,
    hold INTEGER NOT NULL DEFAULT 0, stands_for INTEGER REFERENCES channels (id), lag INTEGER NOT NULL DEFAULT 0,
    picture INTEGER REFERENCES messages (id),
    UNIQUE (channel, message)
) STRICT;
CREATE INDEX free ON deliveries (channel, urgency DESC, due, id) WHERE standing = 0 AND lease_until IS NULL;
CREATE INDEX held ON deliveries (channel, lease_until) WHERE standing = 0 AND lease_until IS NOT NULL;
CREATE INDEX ending ON deliveries (channel, expires) WHERE standing = 0 AND lease_until IS NULL;
CREATE INDEX editions ON deliveries (channel, number, edition);
CREATE INDEX kept ON deliveries (channel, hold, due) WHERE standing = 0 AND hold > 0;
CREATE INDEX standing_in ON deliveries (channel, due) WHERE standing = 0 AND stands_for IS NOT NULL;
";

/// Opens the file and makes sure that it is nadhir's, whole, and of a version that is known.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let unusable = |why: String| StoreError::Unusable { path: path.display().to_string(), why };
    let broken = |why: rusqlite::Error| blame(path, &why);
    if std::fs::metadata(path).is_ok_and(|file| file.permissions().readonly()) {
        return Err(unusable(READ_ONLY.to_owned()));
    }
    let is_unclean = log_of(path).is_some_and(|log| 0 < log);
    let connection = Connection::open(path).map_err(broken)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(broken)?;
    let make = identify(&connection).map_err(broken)?.map_err(unusable)?;
    if connection.is_readonly(MAIN_DB).map_err(broken)? {
        return Err(unusable(READ_ONLY.to_owned()));
    }
    if is_unclean && make != Make::New {
        check_whole(&connection, path)?;
    }
    set_up(&connection, make).map_err(broken)?;
    if moving::is_left(&connection).map_err(broken)? {
        return Err(unusable(moving::WHY.to_owned()));
    }
    Ok(connection)
}

/// Opens the file of a nadhir that may be running, to change beside it what people change; its own check at the start is enough.
pub(super) fn open_beside(path: &Path) -> Result<Connection, StoreError> {
    let broken = |why: rusqlite::Error| blame(path, &why);
    let unusable = |why: String| StoreError::Unusable { path: path.display().to_string(), why };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(broken)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(broken)?;
    let make = identify(&connection).map_err(broken)?.map_err(unusable)?;
    if connection.is_readonly(MAIN_DB).map_err(broken)? {
        return Err(unusable(READ_ONLY.to_owned()));
    }
    set_up(&connection, make).map_err(broken)?;
    if moving::is_left(&connection).map_err(broken)? {
        return Err(unusable(moving::WHY.to_owned()));
    }
    Ok(connection)
}

/// Opens the file of a nadhir that may be running, to look and never to write.
pub(super) fn look(path: &Path) -> Result<Connection, StoreError> {
    let broken = |why: rusqlite::Error| blame(path, &why);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(broken)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(broken)?;
    match identify(&connection).map_err(broken)? {
        // What is read of it is the same in every version.
        Ok(Make::Of(_)) => Ok(connection),
        Ok(Make::New) => Err(StoreError::Unusable { path: path.display().to_string(), why: "it is empty".to_owned() }),
        Err(why) => Err(StoreError::Unusable { path: path.display().to_string(), why }),
    }
}

/// Opens a store that lives in memory only.
pub(super) fn open_in_memory() -> Result<Connection, StoreError> {
    let connection = Connection::open_in_memory()?;
    set_up(&connection, Make::New)?;
    Ok(connection)
}

const READ_ONLY: &str =
    "it is read-only; give the user that nadhir runs as the right to write the file and its directory";

/// What a file is that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Make {
    /// Empty.
    New,
    /// Ours, with tables of a version that is known.
    Of(i32),
}

/// Tells a new file from one of ours; the inner error says whose it is otherwise.
fn identify(db: &Connection) -> rusqlite::Result<Result<Make, String>> {
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let make: i32 = db.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let version: i32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok(match (make, version) {
        (0, 0) if tables == 0 => Ok(Make::New),
        (APPLICATION_ID, known @ 1..=SCHEMA_VERSION) => Ok(Make::Of(known)),
        (APPLICATION_ID, newer) if SCHEMA_VERSION < newer => Err(format!(
            "it was written by a newer nadhir (tables of version {newer}, this one knows {SCHEMA_VERSION}); \
             run that nadhir, or give this one another file"
        )),
        (APPLICATION_ID, other) => {
            Err(format!("its tables are of version {other}, which no nadhir wrote; restore a copy"))
        }
        _ => Err("it is a database of another program; give nadhir a file of its own".to_owned()),
    })
}

/// The size of the write-ahead log beside a file, when there is one: a clean end leaves none.
fn log_of(path: &Path) -> Option<u64> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(Path::new(&log)).ok().map(|log| log.len())
}

fn check_whole(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let size = std::fs::metadata(path).map_or(0, |file| file.len());
    if MAX_CHECKED_LEN < size {
        tracing::warn!("The store was not closed cleanly and is too large to be checked whole ({size} bytes)");
        return Ok(());
    }
    let verdict: String =
        db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(|why| blame(path, &why))?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(StoreError::Unusable {
        path: path.display().to_string(),
        why: format!(
            "it is damaged ({verdict}); move it away to look into later, and restore a copy or start with a new one"
        ),
    })
}

fn set_up(db: &Connection, make: Make) -> rusqlite::Result<()> {
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    if make == Make::New {
        // Before anything else is written, or it takes a whole new file.
        db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.query_row(&format!("PRAGMA journal_size_limit = {MAX_IDLE_LOG_LEN}"), [], |_| Ok(()))?;
    match make {
        Make::New => {
            let tables = [TABLES, FROM_4_TO_5, FROM_5_TO_6, FROM_6_TO_7].concat();
            bring_forward(db, &format!("{tables} PRAGMA application_id = {APPLICATION_ID};"), false)
        }
        Make::Of(SCHEMA_VERSION) => Ok(()),
        Make::Of(older) => {
            let steps = [FROM_1_TO_2, FROM_2_TO_3, FROM_3_TO_4, FROM_4_TO_5, FROM_5_TO_6, FROM_6_TO_7];
            let done = usize::try_from(older.saturating_sub(1)).unwrap_or(0);
            let steps: String = steps.into_iter().skip(done).collect();
            tracing::info!(
                "The store is brought from version {older} to version {SCHEMA_VERSION}; nothing in it is lost"
            );
            bring_forward(db, &steps, older < SEALED_FROM)?;
            make_room_returnable(db);
            Ok(())
        }
    }
}

/// The first version whose journal is sealed.
const SEALED_FROM: i32 = 6;

/// Does the steps to the newest version, all of them or none.
fn bring_forward(db: &Connection, steps: &str, seals: bool) -> rusqlite::Result<()> {
    let whole = db.unchecked_transaction()?;
    whole.execute_batch(steps)?;
    if seals {
        super::journal::seal_all(&whole)?;
    }
    whole.execute_batch(&format!("PRAGMA user_version = {SCHEMA_VERSION}"))?;
    whole.commit()
}

/// Lets a file that was made without that give room back to the disk. It is written anew for it, which a large one would hold up the start
/// for too long with; there, as where the disk is too full, what was forgotten leaves room for what comes.
fn make_room_returnable(db: &Connection) {
    let size = |name: &str| db.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let is_small = size("page_count")
        .and_then(|pages| Ok(pages.saturating_mul(size("page_size")?) <= MAX_CHECKED_LEN.cast_signed()));
    if !matches!(is_small, Ok(true)) {
        return;
    }
    if let Err(why) = db.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; VACUUM") {
        tracing::warn!("The store stays as large as it is for now: {why}");
    }
}

/// What a failure at opening means for the operator.
fn blame(path: &Path, why: &rusqlite::Error) -> StoreError {
    let advice = match why.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => "it is not a database; move it away or give nadhir another file",
        Some(ErrorCode::DatabaseCorrupt) => {
            "it is damaged; move it away to look into later, and restore a copy or start with a new one"
        }
        Some(ErrorCode::CannotOpen) => {
            "it cannot be opened; make its directory, and let the user that nadhir runs as write there"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => READ_ONLY,
        _ => return StoreError::Failed { why: format!("{}: {why}", path.display()) },
    };
    StoreError::Unusable { path: path.display().to_string(), why: advice.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn why(path: &Path) -> String {
        match open(path) {
            Err(StoreError::Unusable { why, .. }) => why,
            other => panic!("expected an unusable file, found {other:?}"),
        }
    }

    #[test]
    fn a_file_of_another_make_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("other.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
        let before = std::fs::read(&path).unwrap();
        assert!(why(&path).contains("another program"));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_file_of_a_newer_nadhir_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("newer.db");
        let db = open(&path).unwrap();
        db.pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
        drop(db);
        assert!(why(&path).contains("newer nadhir"));
    }

    /// The tables of version 3 where they were otherwise.
    fn tables_of_version_3() -> String {
        let tables = TABLES.replace("    picture INTEGER REFERENCES messages (id),\n", "");
        let tables = tables.replace("CREATE INDEX issued ON bulletins (issued);\n", "");
        assert!(!tables.contains("picture") && !tables.contains("INDEX issued"));
        tables
    }

    /// Those of version 2.
    fn tables_of_version_2() -> String {
        let whole = tables_of_version_3();
        let (tables, _) = whole.split_once("CREATE INDEX kept").unwrap();
        let columns = "    hold INTEGER NOT NULL DEFAULT 0, stands_for INTEGER REFERENCES channels (id), lag INTEGER NOT NULL DEFAULT 0,\n";
        let tables = tables.replace(columns, "");
        assert!(!tables.contains("hold") && !tables.contains("stands_for") && !tables.contains("lag "));
        tables
    }

    /// And those of version 1.
    fn tables_of_version_1() -> String {
        let tables = tables_of_version_2().replace("UNIQUE, audience TEXT)", "UNIQUE)");
        let tables = tables.replace("note TEXT, is_last INTEGER NOT NULL DEFAULT 0,", "note TEXT,");
        assert!(!tables.contains("audience") && !tables.contains("is_last"));
        tables
    }

    /// A file of an older version with something owed.
    fn of_version(version: i32, tables: &str, path: &Path) {
        let db = Connection::open(path).unwrap();
        db.execute_batch(&format!(
            "{tables} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version};"
        ))
        .unwrap();
        db.execute_batch(
            "INSERT INTO messages VALUES (1, 'k', 'b', 'text/plain', 'body', x'00');
            INSERT INTO channels (id, name) VALUES (1, 'desk');
            INSERT INTO journal VALUES (1, 0, 'start', 's', 'old');
            INSERT INTO deliveries (channel, message, number, edition, urgency, due, expires) VALUES (1, 1, 'n', 1, 6, 5, 9);",
        )
        .unwrap();
    }

    #[test]
    fn a_file_of_an_older_version_is_looked_at_as_it_is_and_brought_forward_when_it_is_opened() {
        let known = [
            (1, tables_of_version_1()),
            (2, tables_of_version_2()),
            (3, tables_of_version_3()),
            (4, TABLES.to_owned()),
            (5, [TABLES, FROM_4_TO_5].concat()),
        ];
        for (older, tables) in known {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("nadhir.db");
            of_version(older, &tables, &path);
            let version =
                |db: &Connection| db.query_row("PRAGMA user_version", [], |row| row.get::<_, i32>(0)).unwrap();
            let (db, now) = (look(&path).unwrap(), Timestamp::UNIX_EPOCH);
            assert_eq!(version(&db), older);
            assert_eq!(super::super::archive::journal(&db, 9).unwrap()[0].text, "old");
            assert_eq!(super::super::archive::queues(&db, now, now).unwrap()[0].waiting, 1);
            drop(db);
            for _ in 0..2 {
                let db = open(&path).unwrap();
                assert_eq!(version(&db), SCHEMA_VERSION);
                let owed = "SELECT c.audience, d.standing, d.due, d.is_last, d.hold
                    FROM deliveries d JOIN channels c ON c.id = d.channel";
                let owed: (Option<String>, i64, i64, i64, i64) = db
                    .query_row(owed, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))
                    .unwrap();
                assert_eq!(owed, (None, 0, 5, 0, 0));
                assert_eq!(shape(&db), shape(&open_in_memory().unwrap()), "as new");
                let returns: i64 = db.query_row("PRAGMA auto_vacuum", [], |row| row.get(0)).unwrap();
                assert_eq!(returns, 2, "it gives room back");
                let verdict = super::super::journal::verify(&db, None).unwrap();
                assert_eq!((verdict.lines, verdict.head.number, verdict.faults), (1, 1, Vec::new()));
            }
        }
    }

    /// What columns and indexes there are, in whatever order.
    fn shape(db: &Connection) -> Vec<String> {
        let sql = "SELECT m.name || '.' || c.name || ' ' || c.type || ' ' || c.\"notnull\" FROM sqlite_schema m, pragma_table_info(m.name) c
            WHERE m.type = 'table' UNION ALL SELECT 'index ' || name FROM sqlite_schema WHERE type = 'index' ORDER BY 1";
        let mut statement = db.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
    }

    #[test]
    fn a_file_that_is_no_database_is_named_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes.txt");
        std::fs::write(&path, "a shopping list, and a long one. ".repeat(200)).unwrap();
        assert!(why(&path).contains("not a database"));
    }

    #[test]
    fn a_place_where_no_file_can_be_is_explained() {
        let dir = tempfile::tempdir().unwrap();
        assert!(why(&dir.path().join("missing/nadhir.db")).contains("make its directory"));
    }

    #[test]
    fn a_read_only_file_is_explained_before_anything_is_promised() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nadhir.db");
        drop(open(&path).unwrap());
        let mut rights = std::fs::metadata(&path).unwrap().permissions();
        rights.set_readonly(true);
        std::fs::set_permissions(&path, rights).unwrap();
        assert!(why(&path).contains("read-only"));
    }

    #[test]
    fn damage_after_an_unclean_end_is_found_at_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nadhir.db");
        let db = open(&path).unwrap();
        let line = "x".repeat(500);
        for _ in 0..200 {
            db.execute("INSERT INTO journal (at, kind, subject, text) VALUES (0, 'k', 's', ?1)", [&line]).unwrap();
        }
        db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        db.execute("UPDATE meta SET value = 1 WHERE name = 'version'", []).unwrap();
        let (copy, log) = (dir.path().join("copy.db"), dir.path().join("copy.db-wal"));
        let mut bytes = std::fs::read(&path).unwrap();
        let page = bytes.len() - 3 * 4096;
        bytes[page..page + 4096].fill(0xa5);
        std::fs::write(&copy, bytes).unwrap();
        std::fs::copy(dir.path().join("nadhir.db-wal"), log).unwrap();
        assert!(why(&copy).contains("damaged"));
    }
}
