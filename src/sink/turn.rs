//! One at a time, beside the runtime, and never for ever: how sinks write to files and terminals.
//!
//! A disk or a terminal may hang. Then the one who waits is told in time, and no thread of the runtime is held.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::{Receipt, SendError};

/// How long one write may take, waiting for the one before it included.
pub(super) const MAX_WRITE: Duration = Duration::from_secs(20);

/// Does blocking work on something that one at a time may hold.
///
/// When the time runs out while waiting, nothing was written; when it runs out in the work itself, it may have been, and the
/// work goes on holding what it holds until it comes back.
pub(super) async fn take_turn<T: Send + 'static>(
    held: &Arc<Mutex<T>>,
    what: &str,
    work: impl FnOnce(&mut T) -> Result<Receipt, SendError> + Send + 'static,
) -> Result<Receipt, SendError> {
    let end = tokio::time::Instant::now() + MAX_WRITE;
    let Ok(mut turn) = tokio::time::timeout_at(end, Arc::clone(held).lock_owned()).await else {
        let why = format!("{what} still waits for an earlier write; it may hang");
        return Err(SendError::Later { why, retry_after: None });
    };
    let writing = tokio::task::spawn_blocking(move || work(&mut turn));
    match tokio::time::timeout_at(end, writing).await {
        Ok(Ok(done)) => done,
        Ok(Err(why)) => Err(SendError::Unknown { why: format!("writing to {what} broke off: {why}") }),
        Err(_) => {
            Err(SendError::Unknown { why: format!("{what} did not take the write in {} s", MAX_WRITE.as_secs()) })
        }
    }
}
