//! Mail servers on loopback: Exim, as people really run it, and one that gives the answers it was told to. Neither judges anything.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::super::process::wait_for;

/// Whoever has no rights: Exim refuses to be root, and needs nobody's rights here.
const NOBODY: u32 = 65534;

/// Exim on two ports of loopback, which takes letters from who logs in over TLS and puts each recipient's into a maildir. It refuses
/// `nobody` at any domain, and puts `busy` off until there is room. Killed when dropped.
pub(super) struct Exim {
    child: Child,
    /// Where TLS begins by STARTTLS.
    pub(super) port: u16,
    /// Where it begins at once.
    pub(super) tls_port: u16,
    dir: TempDir,
}

impl Exim {
    pub(super) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let own = std::fs::metadata(dir.path()).unwrap().uid();
        let user = if own == 0 { NOBODY } else { own };
        certify(dir.path());
        let (port, tls_port) = (free_port(), free_port());
        let config = format!(
            r#"primary_hostname = mail.example.sa
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port} : {tls_port}
tls_on_connect_ports = {tls_port}
tls_advertise_hosts = *
tls_certificate = DIR/server.pem
tls_privatekey = DIR/server.key
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
spool_directory = DIR/spool
log_file_path = DIR/%slog
pid_file_path = DIR/exim.pid
exim_user = {user}
exim_group = {user}
deliver_drop_privilege
keep_environment =
host_lookup =
acl_smtp_rcpt = recipient
acl_smtp_data = letter
begin acl
recipient:
  deny local_parts = nobody
       message = 5.1.1 <$local_part@$domain> lives nowhere
  defer local_parts = busy
        condition = ${{if exists{{DIR/room}}{{no}}{{yes}}}}
        message = 4.2.1 <$local_part@$domain> is busy
  accept authenticated = *
  deny message = 5.7.1 relaying denied
letter:
  accept
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{nadhir}}}}{{eq{{$auth3}}{{hunter2}}}}}}}}
  server_set_id = $auth2
begin routers
all:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  directory = DIR/mail
  maildir_format
  create_directory
  envelope_to_add
"#
        );
        let config = config.replace("DIR", dir.path().to_str().unwrap());
        std::fs::write(dir.path().join("exim.conf"), config).unwrap();
        for name in ["spool", "mail"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        let mut command = Command::new("/usr/sbin/exim4");
        command.arg("-C").arg(dir.path().join("exim.conf")).args(["-bdf", "-q10m"]);
        if own == 0 {
            for name in ["", "spool", "mail", "server.key"] {
                chown(dir.path().join(name), Some(user), Some(user)).unwrap();
            }
            command.uid(user).gid(user);
        }
        std::fs::set_permissions(dir.path().join("server.key"), PermissionsExt::from_mode(0o600)).unwrap();
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap_or_else(|why| {
                panic!(
                    "exim4 is needed for this test and cannot be started ({why}): apt-get install exim4-daemon-light"
                )
            });
        let exim = Self { child, port, tls_port, dir };
        wait_for("a mail server", || TcpStream::connect(("127.0.0.1", port)).ok());
        exim
    }

    /// The authority that its certificate comes from.
    pub(super) fn authority(&self) -> PathBuf {
        self.dir.path().join("authority.pem")
    }

    /// From here on it takes letters for `busy` as well.
    pub(super) fn make_room(&self) {
        std::fs::write(self.dir.path().join("room"), "").unwrap();
    }

    /// Waits until so many letters have arrived, and gives all.
    pub(super) fn letters(&self, count: usize) -> Vec<Vec<u8>> {
        let inbox = self.dir.path().join("mail/new");
        wait_for("letters", || {
            let files: Vec<PathBuf> = std::fs::read_dir(&inbox).ok()?.map(|file| file.unwrap().path()).collect();
            if files.len() < count {
                return None;
            }
            Some(files.iter().map(|file| std::fs::read(file).unwrap()).collect())
        })
    }
}

impl Drop for Exim {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Makes an authority and a certificate for this machine.
fn certify(dir: &Path) {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    std::fs::write(dir.join("authority.pem"), authority.pem()).unwrap();
    std::fs::write(dir.join("server.pem"), server.pem()).unwrap();
    std::fs::write(dir.join("server.key"), key.serialize_pem()).unwrap();
}

/// A mail server in the open that says what it was told to, and keeps what it heard.
pub(super) struct Scripted {
    pub(super) port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

/// What a scripted server does at a step where it does not answer.
pub(super) const HANG: &str = "hang";
/// Likewise: it closes the connection.
pub(super) const CLOSE: &str = "close";

/// What is said at which step.
pub(super) type Script<'a> = &'a [(&'static str, &'static str)];

impl Scripted {
    /// Starts one that answers each command that begins with a word of the script as told there, and all others kindly. `BODY` is the
    /// end of a letter. What several times has the same word is said by turns.
    pub(super) async fn start(script: Script<'_>) -> Self {
        Self::by_turns(&[script]).await
    }

    /// Starts one with a script for each connection; the last is that of all after it.
    pub(super) async fn by_turns(scripts: &[Script<'_>]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (scripts, kept): (Vec<Vec<_>>, _) = (scripts.iter().map(|one| one.to_vec()).collect(), Arc::clone(&heard));
        tokio::spawn(async move {
            for turn in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let script = scripts[turn.min(scripts.len() - 1)].clone();
                tokio::spawn(talk(stream, script, Arc::clone(&kept)));
            }
        });
        Self { port, heard }
    }

    /// Whom each letter was for that it was asked to take, one connection after the other.
    pub(super) fn asked_for(&self) -> Vec<String> {
        let mut asked = Vec::new();
        for line in self.heard() {
            if line.starts_with("EHLO") {
                asked.push(String::new());
            }
            if let Some(name) = line.strip_prefix("RCPT TO:<") {
                asked.last_mut().unwrap().push_str(name.split('@').next().unwrap());
            }
        }
        asked
    }

    /// Everything that was said to it, line by line.
    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

async fn talk(
    stream: tokio::net::TcpStream,
    mut script: Vec<(&'static str, &'static str)>,
    heard: Arc<Mutex<Vec<String>>>,
) {
    let mut stream = BufReader::new(stream);
    let mut step = "GREETING".to_owned();
    loop {
        let told = script.iter().position(|(word, _)| step.starts_with(word));
        let answer = match told {
            Some(at) => script.remove(at).1,
            None if step == "GREETING" => "220 mail.example.sa",
            None if step.starts_with("EHLO") => "250-mail.example.sa\r\n250 AUTH PLAIN",
            None if step == "DATA" => "354 go on",
            None if step.starts_with("QUIT") => "221 bye",
            None if step.starts_with("AUTH") => "235 fine",
            None => "250 fine",
        };
        match answer {
            HANG => std::future::pending::<()>().await,
            CLOSE => return,
            _ if stream.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() => return,
            _ => {}
        }
        let is_letter = step == "DATA" && answer.starts_with('3');
        if step.starts_with("QUIT") {
            return;
        }
        step = loop {
            let mut line = String::new();
            if !stream.read_line(&mut line).await.is_ok_and(|read| 0 < read) {
                return;
            }
            let line = line.trim_end().to_owned();
            heard.lock().unwrap().push(line.clone());
            match (is_letter, line.as_str()) {
                (true, ".") => break "BODY".to_owned(),
                (true, _) => {}
                (false, _) => break line,
            }
        };
    }
}
