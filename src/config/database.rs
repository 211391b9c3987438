//! `[store] url`: the database that several nodes share, in place of a file that one keeps. Reads no secret and opens no connection.

use std::path::{Path, PathBuf};

use crate::feed::keys;
use crate::secret::{Secret, SecretSource};
use crate::sink::trust;
use crate::store::postgres::{Address, Server};
use crate::table::Table;

/// Where the database is, and what opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Where it is.
    pub address: Address,
    /// Where the password lies; none where the server knows the user by other means.
    pub password: Option<SecretSource>,
    /// A file of authorities to trust beside those of this machine.
    pub ca: Option<PathBuf>,
}

impl Database {
    /// The server, with its password read; relative paths begin in the state directory.
    ///
    /// # Errors
    /// A sentence for the operator, which names the source of the password and never its content.
    pub fn server(&self, dir: &Path) -> Result<Server, String> {
        let password = self.password.as_ref().map(|source| match source {
            SecretSource::File(path) => Secret::read(&SecretSource::File(dir.join(path))),
            SecretSource::Credential(_) => Secret::read(source),
        });
        let password = password.transpose().map_err(|why| format!("the password of the database: {why}"))?;
        let ca = self.ca.as_ref().map(|path| dir.join(path));
        let tls = if self.address.is_far() || ca.is_some() { Some(trust::config(ca.as_deref())?) } else { None };
        Ok(self.address.with(password.as_ref(), tls))
    }
}

/// Reads the keys of a database from `[store]`; none where it names no `url`.
pub(super) fn read(table: &Table<'_>) -> Option<Database> {
    let address = table.text("url", Address::read);
    let password = keys::maybe_secret(table, "password");
    let ca = table
        .text("ca", |text| if text.is_empty() { Err("the path is empty".to_owned()) } else { Ok(PathBuf::from(text)) });
    if !table.has("url") {
        for key in ["password", "ca"].into_iter().filter(|key| table.has(key)) {
            let help = "write the address of the database as `url`, or take it out".to_owned();
            table.error(&table.span_of(key), format!("`{key}` is given without `url`"), Some(help));
        }
    }
    Some(Database { address: address?.value, password, ca: ca.map(|found| found.value) })
}
