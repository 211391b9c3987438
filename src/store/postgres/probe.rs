//! What is found in a database by whoever only asks: it makes no tables, and changes nothing.

use std::io;
use std::{error::Error as _, fmt};

use super::super::StoreError;
use super::address::Server;
use super::pool::{LOOK, Pool, Work, failed, told};
use super::schema::{self, Make, SCHEMA_VERSION};

/// A database in which nadhir can keep its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The version of the server, as it calls itself: `15.8`.
    pub server: String,
    /// Of which version the tables of nadhir are; none where there are none yet.
    pub tables: Option<i64>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgreSQL {}; ", self.server)?;
        match self.tables {
            Some(SCHEMA_VERSION) => write!(f, "its tables are those of this nadhir (version {SCHEMA_VERSION})"),
            Some(older) => {
                write!(f, "its tables are of an older nadhir (version {older}): `nadhir run` brings them forward")
            }
            None => f.write_str(
                "no tables of nadhir are in it yet: `nadhir run` makes them, `nadhir store copy` fills them",
            ),
        }
    }
}

/// Asks a database what it is and what is in it.
///
/// # Errors
/// As [`super::PostgresStore::open`], and [`StoreError::Unusable`] when the user may not make or change what nadhir keeps there.
pub async fn probe(server: Server) -> Result<Found, StoreError> {
    let name = server.name.clone();
    Pool::new(server, 1)
        .within(LOOK, async move |work| {
            let version: String = work.one("SELECT current_setting('server_version')", &[]).await?.get(0);
            let tables = match schema::identify(&work, &name).await? {
                Make::Ours => Some(SCHEMA_VERSION),
                Make::Older(version) => Some(version),
                Make::None => None,
            };
            may_work(&work, &name, tables.is_some()).await?;
            Ok(Found { server: version, tables })
        })
        .await
}

/// Makes sure of the rights of the user.
async fn may_work(work: &Work, name: &str, has_tables: bool) -> Result<(), StoreError> {
    let sql = if has_tables {
        "SELECT has_table_privilege('nadhir.deliveries', 'INSERT') AND has_table_privilege('nadhir.deliveries', 'UPDATE'), current_user::text"
    } else {
        "SELECT has_database_privilege(current_database(), 'CREATE'), current_user::text"
    };
    let row = work.one(sql, &[]).await?;
    let (may, user): (bool, String) = (row.get(0), row.get(1));
    if may {
        return Ok(());
    }
    let why = match has_tables {
        true => format!("{user} may not change its tables; come as the user who made them, or give them to {user}"),
        false => {
            format!("{user} may not make tables in it; make it with `createdb --owner={user}`, or give it to {user}")
        }
    };
    Err(StoreError::Unusable { path: name.to_owned(), why })
}

/// What it means for the operator that no connection is made.
pub(super) fn blame(server: &Server, why: &tokio_postgres::Error) -> StoreError {
    let advice = match why.as_db_error().map(|own| own.code().code()) {
        Some("28P01" | "28000") => {
            "it does not let this user in; look at `user` in the address, at `password`, and at pg_hba.conf"
        }
        Some("3D000") => "there is no such database; make it with `createdb`, for the user that nadhir comes as",
        Some("42501") => {
            "this user may not connect to it; grant it, or make the database for the user that nadhir comes as"
        }
        _ => return failed(&format!("{}: {}{}", server.name, told(why), to_do(why))),
    };
    StoreError::Unusable { path: server.name.clone(), why: format!("{advice} ({})", told(why)) }
}

/// What to do where the server was not reached, or does not want to be spoken to so.
fn to_do(why: &tokio_postgres::Error) -> &'static str {
    let source = why.source();
    let io = source.and_then(|source| source.downcast_ref::<io::Error>());
    let seal = io.and_then(io::Error::get_ref).and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(seal) = seal {
        return match seal {
            rustls::Error::InvalidCertificate(_) => {
                "; its certificate is not trusted for this host: write the one that vouches for it as `ca`, and the host as the certificate names it"
            }
            _ => "; the two sides did not agree on TLS: look at `ssl` in postgresql.conf",
        };
    }
    if let Some(io) = io {
        return match io.kind() {
            io::ErrorKind::ConnectionRefused => "; nobody listens there: look at the port, and whether the server runs",
            io::ErrorKind::NotFound => {
                "; there is no such socket: look at `host` in the address, and whether the server runs"
            }
            io::ErrorKind::PermissionDenied => {
                "; its socket is closed to this user: look at the rights of its directory"
            }
            _ => "; look at the host in the address, and whether the server can be reached from here",
        };
    }
    match source.map(ToString::to_string).as_deref() {
        Some("password missing") => "; it asks for a password: write `password = { file = \"…\" }` into [store]",
        Some("server does not support TLS") => {
            "; what goes to another machine is sealed: switch `ssl` on in postgresql.conf"
        }
        _ => "",
    }
}
