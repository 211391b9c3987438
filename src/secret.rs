//! Secrets: read from files or systemd credentials, held so that they do not print, handed out only at the edge.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

/// The largest file that is read as a secret, in bytes.
pub const MAX_SECRET_LEN: u64 = 16 * 1024;

/// Where a secret is to be found; this much may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A file by its path.
    File(PathBuf),
    /// A name under `$CREDENTIALS_DIRECTORY`, as systemd's `LoadCredential=` gives it.
    Credential(String),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Credential(name) => write!(f, "systemd credential {name}"),
        }
    }
}

/// A secret in memory: erased when dropped, and never printed.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a secret that was just read; white space around it is dropped.
    pub fn new(text: &str) -> Self {
        Self(SecretString::from(text.trim().to_owned()))
    }

    /// Takes a secret of which every byte counts.
    pub fn exact(text: &str) -> Self {
        Self(SecretString::from(text.to_owned()))
    }

    /// Reads a secret from its source.
    ///
    /// # Errors
    /// A sentence that names the source and never its content.
    pub fn read(source: &SecretSource) -> Result<Self, String> {
        let path = match source {
            SecretSource::File(path) => path.clone(),
            SecretSource::Credential(name) => match std::env::var_os("CREDENTIALS_DIRECTORY") {
                Some(dir) => Path::new(&dir).join(name),
                None => {
                    return Err(format!("{source} cannot be read: the service was not given LoadCredential={name}:…"));
                }
            },
        };
        let about = std::fs::metadata(&path).map_err(|why| format!("{source} cannot be read: {why}"))?;
        if !about.is_file() {
            return Err(format!("{source} is not a plain file"));
        }
        if MAX_SECRET_LEN < about.len() {
            return Err(format!("{source} is {} bytes; a secret is at most {MAX_SECRET_LEN}", about.len()));
        }
        let text = std::fs::read_to_string(&path).map_err(|why| format!("{source} cannot be read: {why}"))?;
        if text.trim().is_empty() {
            return Err(format!("{source} is empty"));
        }
        Ok(Self::new(&text))
    }

    /// The secret itself, for the moment of use.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints() {
        let secret = Secret::new("  hunter2\n");
        assert_eq!(secret.expose(), "hunter2");
        assert!(!format!("{secret:?}").contains("hunter2"));
    }

    #[test]
    fn a_missing_or_empty_secret_says_where() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let source = SecretSource::File(path.clone());
        assert!(Secret::read(&source).unwrap_err().contains("key"));
        std::fs::write(&path, " \n").unwrap();
        assert!(Secret::read(&source).unwrap_err().contains("empty"));
        let device = SecretSource::File("/dev/zero".into());
        assert!(Secret::read(&device).unwrap_err().contains("not a plain file"));
    }
}
