//! How a database is reached: sealed and with a password where both are asked for, again after the server has ended connections, and
//! never one that is somebody else's.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::future::join_all;
use nadhir::config;
use nadhir::store::cluster::Cluster as _;
use nadhir::store::postgres::{PostgresStore, Server, probe};
use nadhir::store::{Archive as _, Commit, Entry, Ledger as _, Replay as _, Roster as _, StoreError};

use super::postgres::{Elephant, open};
use super::stores::{at, said};

/// The server that a `[store]` names, with a state directory.
fn server(dir: &Path, keys: &str) -> Result<Server, String> {
    let settings = include_str!("../../config/nadhir.toml").replace("[store]\n", &format!("[store]\n{keys}\n"));
    let (config, _) = config::from_files(BTreeMap::from([("nadhir.toml".to_owned(), settings)])).unwrap();
    config.settings.database.unwrap().server(dir)
}

#[tokio::test]
async fn what_the_server_ended_is_begun_anew_and_nobody_notices() {
    let elephant = Elephant::shared();
    let database = elephant.database();
    let store = open(&elephant.url(&database)).await;
    let lease = store.lead(at(0)).await.unwrap();
    for round in 0..3 {
        let end = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}' AND pid <> pg_backend_pid()"
        );
        elephant.psql("postgres", &end).unwrap();
        store.commit(lease, Commit { version: round, ..Default::default() }).await.unwrap();
    }
    assert_eq!(store.load().await.unwrap().version, 3);
}

#[tokio::test]
async fn what_another_program_or_a_newer_nadhir_wrote_is_left_alone() {
    let elephant = Elephant::shared();
    for (sql, why) in [
        ("CREATE SCHEMA nadhir; CREATE TABLE nadhir.theirs (x INT)", "of another program"),
        (
            "CREATE SCHEMA nadhir; CREATE TABLE nadhir.meta (name TEXT, value BIGINT); INSERT INTO nadhir.meta VALUES ('schema', 99)",
            "newer nadhir",
        ),
    ] {
        let database = elephant.database();
        elephant.psql(&database, sql).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let server = server(dir.path(), &format!("url = {:?}", elephant.url(&database))).unwrap();
        let refused = PostgresStore::open(server).await.err().unwrap();
        assert!(matches!(&refused, StoreError::Unusable { .. }) && refused.to_string().contains(why), "{refused}");
        assert_eq!(
            elephant.psql(&database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'nadhir'").unwrap(),
            "1"
        );
    }
}

#[tokio::test]
async fn a_far_database_is_spoken_to_under_seal_and_with_a_password_and_to_no_other() {
    let (elephant, port, certificate) = Elephant::sealed();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ca.pem"), certificate).unwrap();
    std::fs::write(dir.path().join("right"), "hunter2\n").unwrap();
    std::fs::write(dir.path().join("wrong"), "hunter3\n").unwrap();
    elephant.psql("postgres", "CREATE ROLE warner LOGIN SUPERUSER PASSWORD 'hunter2'").unwrap();
    let url = format!("url = \"postgres://warner@127.0.0.1:{port}/postgres\"\n");
    let open = async |keys: &str| match server(dir.path(), &format!("{url}{keys}")) {
        Ok(server) => PostgresStore::open(server).await.map(drop).map_err(|why| why.to_string()),
        Err(why) => Err(why),
    };
    assert_eq!(open("ca = \"ca.pem\"\npassword = { file = \"right\" }").await, Ok(()));
    // The server lets in nobody who comes unsealed, as the last of these does.
    for (keys, why) in [
        ("ca = \"ca.pem\"\npassword = { file = \"wrong\" }", "does not let this user in"),
        ("ca = \"ca.pem\"\npassword = { file = \"missing\" }", "cannot be read"),
        ("password = { file = \"right\" }", "no encryption"),
    ] {
        let refused = open(keys).await.unwrap_err();
        assert!(refused.contains(why) && !refused.contains("hunter"), "{refused}");
    }
    // Another authority than the one that vouches for it is no authority.
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(dir.path().join("ca.pem"), other.cert.pem()).unwrap();
    let refused = open("ca = \"ca.pem\"\npassword = { file = \"right\" }").await.unwrap_err();
    assert!(refused.contains("TLS"), "{refused}");
}

#[tokio::test]
async fn a_node_that_was_forgotten_is_known_again_and_one_that_comes_late_does_not_fence_off_who_leads() {
    let elephant = Elephant::shared();
    let database = elephant.database();
    let (first, second) = (open(&elephant.url(&database)).await, open(&elephant.url(&database)).await);
    first.join("first".to_owned()).await.unwrap();
    second.join("second".to_owned()).await.unwrap();
    assert!(first.beat(at(0), true).await.unwrap().leads);
    let lease = first.lead(at(0)).await.unwrap();
    let other = second.beat(at(0), true).await.unwrap();
    assert_eq!((other.leads, other.leader.as_deref()), (false, Some("first")));
    let late = second.lead(at(0)).await;
    assert_eq!(late, Err(StoreError::Fenced { epoch: lease.epoch }));
    elephant.psql(&database, "DELETE FROM nadhir.nodes").unwrap();
    assert!(first.beat(at(1), true).await.unwrap().leads, "its lead has not run out");
    first.commit(lease, Commit::default()).await.unwrap();
    assert!(!second.beat(at(1), true).await.unwrap().leads);
    first.resign().await.unwrap();
    assert!(!first.beat(at(2), false).await.unwrap().leads, "who is about to end takes no lead");
    assert!(second.beat(at(2), true).await.unwrap().leads);
    let next = second.lead(at(2)).await.unwrap();
    let fenced = first.commit(lease, Commit { version: 1, ..Default::default() }).await;
    assert_eq!(fenced, Err(StoreError::Fenced { epoch: next.epoch }));
}

#[tokio::test]
async fn tables_of_an_older_nadhir_are_brought_forward_and_go_on_where_they_were() {
    let elephant = Elephant::shared();
    let database = elephant.database();
    let store = open(&elephant.url(&database)).await;
    let lease = store.lead(at(0)).await.unwrap();
    store.commit(lease, said(0, "MKH-2025-000001", 1, &["desk"])).await.unwrap();
    drop(store);
    // As the first version had them.
    let back = "SET search_path = nadhir; ALTER TABLE subscribers DROP COLUMN until, DROP COLUMN sealed;
        UPDATE meta SET value = 1 WHERE name = 'schema'";
    elephant.psql(&database, back).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let of_it = server(dir.path(), &format!("url = {:?}", elephant.url(&database))).unwrap();
    let beside = PostgresStore::beside(of_it).await.err().unwrap().to_string();
    assert!(beside.contains("of an older nadhir") && beside.contains("nadhir run"), "{beside}");
    let of_it = server(dir.path(), &format!("url = {:?}", elephant.url(&database))).unwrap();
    let found = probe(of_it).await.unwrap();
    assert!(found.tables == Some(1) && found.to_string().contains("brings them forward"), "{found}");
    let store = open(&elephant.url(&database)).await;
    assert_eq!(store.load().await.unwrap().version, 1);
    assert_eq!(store.deliveries().await.unwrap().len(), 1);
    assert_eq!(store.end_terms(at(0)).await.unwrap(), 0, "its subscribers have terms now");
    let now = elephant.psql(&database, "SELECT value > 1 FROM nadhir.meta WHERE name = 'schema'").unwrap();
    assert_eq!(now, "t");
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_told_with_what_to_do() {
    let ((sealed, port, certificate), plain) = (Elephant::sealed(), Elephant::shared());
    let dir = tempfile::tempdir().unwrap();
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert.pem();
    for (name, content) in
        [("ca.pem", certificate.as_str()), ("other.pem", &other), ("right", "hunter2\n"), ("wrong", "hunter3\n")]
    {
        std::fs::write(dir.path().join(name), content).unwrap();
    }
    sealed.psql("postgres", "CREATE ROLE warner LOGIN PASSWORD 'hunter2'").unwrap();
    plain.psql("postgres", "CREATE DATABASE old ENCODING 'LATIN1' TEMPLATE template0").unwrap();
    plain.psql("postgres", "CREATE ROLE guest LOGIN").unwrap();
    let theirs = plain.database();
    drop(open(&plain.url(&theirs)).await);
    plain.psql(&theirs, "GRANT USAGE ON SCHEMA nadhir TO guest; GRANT SELECT ON nadhir.meta TO guest").unwrap();
    let as_guest = |database: &str| plain.url(database).replace("user=nadhir", "user=guest");
    let with = |database: &str, ca: &str, password: &str| {
        let url = format!("url = \"postgres://warner@127.0.0.1:{port}/{database}\"\nca = {ca:?}\n");
        if password.is_empty() { url } else { format!("{url}password = {{ file = {password:?} }}\n") }
    };
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let told = async |keys: &str| match server(dir.path(), keys) {
        Ok(server) => probe(server).await.map(|found| found.to_string()).map_err(|why| why.to_string()),
        Err(why) => Err(why),
    };
    for (keys, what_to_do) in [
        (with("postgres", "ca.pem", "wrong"), "look at `user` in the address, at `password`"),
        (with("postgres", "ca.pem", "missing"), "cannot be read"),
        (with("postgres", "ca.pem", ""), "it asks for a password: write `password"),
        (with("postgres", "other.pem", "right"), "as `ca`"),
        (with("absent", "ca.pem", "right"), "make it with `createdb`"),
        (with("postgres", "ca.pem", "right"), "warner may not make tables in it"),
        (format!("url = \"postgres://warner@{nobody}/nadhir\""), "nobody listens there"),
        ("url = \"postgres:///nadhir?host=/nowhere&user=warner\"".to_owned(), "there is no such socket"),
        (format!("url = {:?}", plain.url("old")), "createdb --encoding=UTF8"),
        (format!("url = {:?}", as_guest("postgres")), "guest may not make tables in it"),
        (format!("url = {:?}", as_guest(&theirs)), "guest may not change its tables"),
    ] {
        let why = told(&keys).await.unwrap_err();
        assert!(why.contains(what_to_do) && !why.contains("hunter"), "{keys}: {why}");
    }
    let here = told(&format!("url = {:?}", plain.url(&theirs))).await.unwrap();
    assert!(here.contains("its tables are those of this nadhir"), "{here}");
}

#[tokio::test]
async fn a_line_that_is_written_beside_the_leader_is_sealed_with_its_own() {
    let elephant = Elephant::shared();
    let url = elephant.url(&elephant.database());
    let (leader, beside) = (open(&url).await, open(&url).await);
    let lease = leader.lead(at(0)).await.unwrap();
    let entry = |text: String| Entry { at: at(1), kind: "replay".to_owned(), subject: "partners".to_owned(), text };
    let commits = async {
        for version in 0..20 {
            let journal = vec![entry(format!("decided {version}"))];
            leader.commit(lease, Commit { version, journal, ..Commit::default() }).await.unwrap();
        }
    };
    let lines = join_all((0..20).map(|number| beside.record(entry(format!("sent once more {number}")))));
    let ((), written) = tokio::join!(commits, lines);
    assert!(written.iter().all(Result::is_ok), "{written:?}");
    let verdict = leader.verify_journal(None).await.unwrap();
    assert_eq!((verdict.lines, verdict.faults), (40, vec![]));
}
