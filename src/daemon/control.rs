//! The control socket: how a command of the staff reaches the service that runs.
//!
//! A Unix socket in the state directory that its owner and its group may use; the kernel says which account is at the other end, and
//! [`super::duty`] whether it may ask. One line of JSON is asked, one is answered, and the connection ends. Nothing is decided here.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::{Uid, User};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::brain::Judgement;
use super::duty::Peer;
use crate::engine::staff::Order;
use crate::ids::BulletinId;

/// The name of the socket in the state directory.
pub const SOCKET: &str = "control.sock";
/// The longest question, in bytes.
const MAX_QUESTION: u64 = 64 * 1024;
/// How long a peer may take to ask, and to take its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many are answered at once.
const MAX_PEERS: usize = 8;
/// How long to wait before another try after a peer could not be let in.
const REST: Duration = Duration::from_millis(200);

/// What staff ask of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Question {
    /// Read the configuration again, and go over to it unless it is only tried.
    Reload {
        /// Say what would change, and leave everything as it is.
        dry_run: bool,
    },
    /// Do what the people on duty want.
    Order {
        /// What.
        order: Order,
    },
    /// Let out, hold or end what is kept back.
    Judge {
        /// What they say.
        judgement: Judgement,
    },
}

/// What the service answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether it was done.
    pub ok: bool,
    /// What changed, a sentence each.
    pub changes: Vec<String>,
    /// The bulletins that were said for it.
    #[serde(default)]
    pub said: Vec<BulletinId>,
    /// Mistakes and warnings, as a person reads them.
    pub problems: String,
}

/// A question, who asks it, and where its answer goes.
pub type Asked = (Question, Peer, oneshot::Sender<Answer>);

/// The socket of a service; its file goes with it.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Opens the socket in a state directory that is ours alone: whatever lies there of a service that was killed is taken away.
    ///
    /// # Errors
    /// When it cannot be opened, as where the path is too long for a socket.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let path = dir.join(SOCKET);
        match fs::symlink_metadata(&path) {
            Ok(file) if file.file_type().is_socket() => fs::remove_file(&path)?,
            Ok(_) => return Err(io::Error::other(format!("{} is there and is no socket", path.display()))),
            Err(why) if why.kind() == io::ErrorKind::NotFound => {}
            Err(why) => return Err(why),
        }
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o660))?;
        Ok(Self { listener, path })
    }

    /// Answers until it is told to stop.
    pub async fn run(self, questions: mpsc::Sender<Asked>, stop: CancellationToken) {
        let seats = Arc::new(Semaphore::new(MAX_PEERS));
        loop {
            let peer = tokio::select! {
                peer = self.listener.accept() => peer,
                () = stop.cancelled() => return,
            };
            let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
            match peer {
                Ok((peer, _)) => {
                    let (questions, stop) = (questions.clone(), stop.clone());
                    tokio::spawn(async move {
                        let _seat = seat;
                        tokio::select! {
                            served = serve(peer, questions) => {
                                if let Err(why) = served {
                                    debug!("A peer of the control socket was not answered: {why}");
                                }
                            }
                            () = stop.cancelled() => {}
                        }
                    });
                }
                Err(why) => {
                    warn!("The control socket let nobody in: {why}");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Who is at the other end, by the word of the kernel.
async fn peer_of(stream: &UnixStream) -> io::Result<Peer> {
    let uid = stream.peer_cred()?.uid();
    if uid == 0 || uid == rustix::process::geteuid().as_raw() {
        return Ok(Peer::Trusted);
    }
    // A directory of accounts may be far away.
    let look = tokio::task::spawn_blocking(move || User::from_uid(Uid::from_raw(uid)));
    let found = tokio::time::timeout(PATIENCE, look).await.map_err(io::Error::other)?.map_err(io::Error::other)?;
    let name = found.map_err(io::Error::from)?.map(|user| user.name);
    Ok(Peer::Account { uid, name })
}

async fn serve(peer: UnixStream, questions: mpsc::Sender<Asked>) -> io::Result<()> {
    let refuse = |why: &str| Answer { problems: why.to_owned(), ..Answer::default() };
    let who = peer_of(&peer).await;
    let (from, mut to) = peer.into_split();
    let mut line = String::new();
    let mut from = BufReader::new(from.take(MAX_QUESTION));
    let answer = match tokio::time::timeout(PATIENCE, from.read_line(&mut line)).await {
        Err(_) => refuse("nothing was asked in time"),
        Ok(Err(why)) => refuse(&format!("the question cannot be read: {why}")),
        Ok(Ok(_)) => match (serde_json::from_str::<Question>(&line), who) {
            (Err(why), _) => refuse(&format!("the question is not understood: {why}; is it of another version?")),
            (Ok(_), Err(why)) => refuse(&format!("who asks cannot be found out: {why}")),
            (Ok(question), Ok(who)) => {
                let (done, answer) = oneshot::channel();
                match questions.send((question, who, done)).await {
                    Ok(()) => answer.await.unwrap_or_else(|_| refuse("the service stopped before it was done")),
                    Err(_) => refuse("the service is stopping"),
                }
            }
        },
    };
    let text = serde_json::to_string(&answer).map_err(io::Error::other)?;
    let write = async {
        to.write_all(text.as_bytes()).await?;
        to.write_all(b"\n").await?;
        to.shutdown().await
    };
    tokio::time::timeout(PATIENCE, write).await.map_err(io::Error::other)?
}

/// Asks the service that keeps a state directory; waits for as long as it takes.
///
/// # Errors
/// When nobody runs there, or gives no proper answer.
pub async fn ask(dir: &Path, question: &Question) -> io::Result<Answer> {
    let mut service = UnixStream::connect(dir.join(SOCKET)).await?;
    let text = serde_json::to_string(question).map_err(io::Error::other)?;
    service.write_all(format!("{text}\n").as_bytes()).await?;
    let mut answer = String::new();
    service.read_to_string(&mut answer).await?;
    serde_json::from_str(&answer).map_err(|why| io::Error::other(format!("its answer is not understood: {why}")))
}

/// Whether a service listens in a state directory.
pub fn is_running(dir: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(dir.join(SOCKET)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_asked_is_answered_and_nonsense_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (questions, mut asked) = mpsc::channel::<Asked>(1);
        let stop = CancellationToken::new();
        let running = tokio::spawn(Control::open(dir.path()).unwrap().run(questions, stop.clone()));
        let service = tokio::spawn(async move {
            let (question, who, answer) = asked.recv().await.unwrap();
            assert_eq!(who, Peer::Trusted, "this test runs both ends");
            answer.send(Answer { ok: true, changes: vec![format!("{question:?}")], ..Answer::default() }).unwrap();
        });
        let answer = ask(dir.path(), &Question::Reload { dry_run: true }).await.unwrap();
        assert_eq!((answer.ok, answer.changes), (true, vec!["Reload { dry_run: true }".to_owned()]));
        service.await.unwrap();

        let mut peer = UnixStream::connect(dir.path().join(SOCKET)).await.unwrap();
        peer.write_all(b"{\"do\":\"dance\"}\n").await.unwrap();
        let mut told = String::new();
        peer.read_to_string(&mut told).await.unwrap();
        assert!(told.contains("\"ok\":false") && told.contains("not understood"), "{told}");

        stop.cancel();
        running.await.unwrap();
        assert!(!dir.path().join(SOCKET).exists(), "the socket goes with the service");
        assert!(ask(dir.path(), &Question::Reload { dry_run: true }).await.is_err());
    }

    #[tokio::test]
    async fn a_socket_of_a_service_that_was_killed_is_in_nobodys_way_and_a_file_is_not_taken_for_one() {
        let dir = tempfile::tempdir().unwrap();
        let left = UnixListener::bind(dir.path().join(SOCKET)).unwrap();
        drop(left);
        let control = Control::open(dir.path()).unwrap();
        let mode = fs::metadata(dir.path().join(SOCKET)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        drop(control);
        fs::write(dir.path().join(SOCKET), "mine").unwrap();
        assert!(Control::open(dir.path()).is_err());
    }
}
