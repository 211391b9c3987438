//! A real PostgreSQL for the tests: made in a directory of its own, reached over a Unix socket there, one for all tests of this binary
//! and a database for each. It ends with this process, however that ends.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use nadhir::store::postgres::{Address, PostgresStore};
use nadhir::store::sqlite::SqliteStore;
use nadhir::store::{Replay, Store};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use super::process::wait_for;

/// Whom the server runs as where the tests run as root, whom PostgreSQL refuses: the account without rights that every machine has.
const NOBODY: u32 = 65_534;

/// A server that is running.
pub(crate) struct Elephant {
    dir: PathBuf,
    programs: PathBuf,
    port: u16,
    /// Its input is what keeps the server alive.
    _keeper: Child,
}

/// Where the programs of the server are: the newest of those that Debian puts beside each other, or those in the usual place.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let newest = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max();
    let dir =
        newest.map_or_else(|| PathBuf::from("/usr/bin"), |version| format!("/usr/lib/postgresql/{version}/bin").into());
    assert!(dir.join("initdb").exists(), "PostgreSQL is not installed here: `apt-get install postgresql`");
    dir
}

fn as_somebody(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).env_clear().env("LC_ALL", "C").env("PATH", "/usr/bin:/bin").current_dir("/");
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

impl Elephant {
    /// Makes and starts a server.
    pub(crate) fn start() -> Self {
        Self::start_with("-c listen_addresses=", 5432, |_| ())
    }

    /// The same on a port of this machine, under seal and with passwords alone; its port and its certificate.
    pub(crate) fn sealed() -> (Self, u16, String) {
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let options = format!(
            "-c listen_addresses=127.0.0.1 -p {port} -c ssl=on -c ssl_cert_file=server.pem -c ssl_key_file=server.key"
        );
        let elephant = Self::start_with(&options, port, |data| {
            use std::os::unix::fs::PermissionsExt as _;
            let files = [("server.pem", own.cert.pem()), ("server.key", own.signing_key.serialize_pem())];
            for (name, content) in files {
                let path = data.join(name);
                std::fs::write(&path, content).unwrap();
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
                if is_root() {
                    std::os::unix::fs::chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
                }
            }
            std::fs::write(
                data.join("pg_hba.conf"),
                "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n",
            )
            .unwrap();
        });
        (elephant, port, own.cert.pem())
    }

    fn start_with(options: &str, port: u16, prepare: impl FnOnce(&Path)) -> Self {
        let programs = programs();
        let dir = tempfile::Builder::new().prefix("nadhir-pg-").tempdir().unwrap().keep();
        if is_root() {
            std::os::unix::fs::chown(&dir, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let made = as_somebody(&programs.join("initdb"))
            .args(["--auth=trust", "--username=nadhir", "--encoding=UTF8", "--no-locale", "--no-sync", "-D"])
            .arg(dir.join("data"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        prepare(&dir.join("data"));
        // The server lives as long as the input of this shell is open, and its directory goes with it.
        let script = "cd /; \"$1/postgres\" -D \"$2/data\" -k \"$2\" $3 -c fsync=off -c max_connections=300 \
            -c shared_buffers=32MB -c log_line_prefix=%d: >\"$2/log\" 2>&1 & server=$!; cat >/dev/null; kill -QUIT $server; wait $server; rm -rf \"$2\"";
        let keeper = as_somebody(Path::new("/bin/sh"))
            .args(["-c", script, "sh"])
            .args([&programs, &dir])
            .arg(options)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let elephant = Self { dir, programs, port, _keeper: keeper };
        wait_for("the database server", || elephant.psql("postgres", "SELECT 1").ok());
        elephant
    }

    /// The one that the tests of this binary share.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Elephant> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Has a database do something; what it answers, or why not.
    pub(crate) fn psql(&self, database: &str, sql: &str) -> Result<String, String> {
        let psql = if self.programs.join("psql").exists() { self.programs.join("psql") } else { "psql".into() };
        let end = as_somebody(&psql)
            .args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-U", "nadhir", "-d", database, "-c", sql, "-h"])
            .arg(&self.dir)
            .args(["-p", &self.port.to_string()])
            .output()
            .unwrap();
        match end.status.success() {
            true => Ok(String::from_utf8_lossy(&end.stdout).trim().to_owned()),
            false => Err(String::from_utf8_lossy(&end.stderr).into_owned()),
        }
    }

    /// How the statements of sessions of a database were gone about, each with what it read, since [`Elephant::watch`].
    pub(crate) fn plans(&self, database: &str) -> Vec<String> {
        let log = std::fs::read_to_string(self.dir.join("log")).unwrap();
        let mut plans: Vec<String> = Vec::new();
        let mut is_inside = false;
        for line in log.lines() {
            if !line.starts_with('\t') {
                is_inside = line.starts_with(&format!("{database}:LOG:  duration:")) && line.ends_with("plan:");
                plans.extend(is_inside.then(String::new));
            } else if let (true, Some(plan)) = (is_inside, plans.last_mut()) {
                plan.push_str(line);
                plan.push('\n');
            }
        }
        plans
    }

    /// Has the server take down how it goes about every statement of new sessions of a database.
    pub(crate) fn watch(&self, database: &str) {
        for setting in [
            "session_preload_libraries = 'auto_explain'",
            "auto_explain.log_min_duration = 0",
            "auto_explain.log_analyze = on",
            "auto_explain.log_timing = off",
        ] {
            // The settings of what is preloaded are known once it is loaded.
            self.psql(database, &format!("LOAD 'auto_explain'; ALTER DATABASE {database} SET {setting}")).unwrap();
        }
    }

    /// Makes a database, and gives its name.
    pub(crate) fn database(&self) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("t{}", NEXT.fetch_add(1, Ordering::SeqCst));
        self.psql("postgres", &format!("CREATE DATABASE {name}")).unwrap();
        name
    }

    /// Where a database is.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&user=nadhir", self.dir.display())
    }
}

/// A new store in a database of its own.
pub(crate) async fn store() -> PostgresStore {
    let elephant = Elephant::shared();
    open(&elephant.url(&elephant.database())).await
}

/// A store in a database.
pub(crate) async fn open(url: &str) -> PostgresStore {
    PostgresStore::open(Address::read(url).unwrap().with(None, None)).await.unwrap()
}

/// The two kinds of store that outlive a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Server,
}

/// All that a store can do.
pub(crate) trait Whole: Store + Replay {}
impl<T: Store + Replay> Whole for T {}

/// Where a store lies, so that it can be opened again.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    File(PathBuf),
    Server(String),
}

impl Place {
    /// A place where nothing is yet.
    pub(crate) fn new(dir: &Path, name: &str, kind: Kind) -> Self {
        match kind {
            Kind::File => Self::File(dir.join(format!("{name}.sqlite3"))),
            Kind::Server => Self::Server(Elephant::shared().url(&Elephant::shared().database())),
        }
    }

    pub(crate) async fn open(&self) -> Box<dyn Whole> {
        match self {
            Self::File(path) => Box::new(SqliteStore::open(path).unwrap()),
            Self::Server(url) => Box::new(open(url).await),
        }
    }
}

/// A way to a server that can be cut: what is on it stands still, and nobody is told.
pub(crate) struct Cable {
    dir: tempfile::TempDir,
    is_whole: tokio::sync::watch::Sender<bool>,
    _runtime: tokio::runtime::Runtime,
}

impl Cable {
    pub(crate) fn to(elephant: &Elephant) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (is_whole, way) = tokio::sync::watch::channel(true);
        let far = elephant.dir.join(SOCKET);
        let near = {
            let _inside = runtime.enter();
            UnixListener::bind(dir.path().join(SOCKET)).unwrap()
        };
        runtime.spawn(async move {
            while let Ok((here, _)) = near.accept().await {
                let (far, way) = (far.clone(), way.clone());
                tokio::spawn(async move {
                    let Ok(there) = UnixStream::connect(&far).await else { return };
                    let ((from_here, to_here), (from_there, to_there)) = (here.into_split(), there.into_split());
                    tokio::join!(carry(from_here, to_there, way.clone()), carry(from_there, to_here, way));
                });
            }
        });
        Self { dir, is_whole, _runtime: runtime }
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&user=nadhir", self.dir.path().display())
    }

    pub(crate) fn cut(&self) {
        self.is_whole.send_replace(false);
    }

    pub(crate) fn mend(&self) {
        self.is_whole.send_replace(true);
    }
}

/// How a server calls its socket.
const SOCKET: &str = ".s.PGSQL.5432";

/// Carries bytes one way, as long as the way is whole.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut way: tokio::sync::watch::Receiver<bool>,
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if way.wait_for(|is_whole| *is_whole).await.is_err() || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
