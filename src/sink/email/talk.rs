//! The talk with a mail server: what is said in which order, and what each of its answers means for the letter.
//!
//! It sends no letter and no password in the open but to this machine, waits for nothing without end, and repeats no address and no
//! secret of what a server says.
//!
//! Only what a server says of the letter itself ends the tries (too large, content not taken). Every other refusal, whether of the
//! password, the sender or the recipients, is about how things are set up, and someone may set it right while the storm lasts. Once
//! the end of the letter was sent and no answer came, nobody knows.
//!
//! Sources: RFC 5321 (4.2 and 4.3.2 on answers, 4.5.3 on limits), RFC 3463 (enhanced codes).

use std::error::Error as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Noop, Rcpt};
use lettre::transport::smtp::extension::ClientId;

use tokio::time::Instant;

use super::tally::{Said, Sent, none_of};
use crate::secret::{Secret, SecretSource};
use crate::sink::{CONNECT_TIMEOUT, SendError, http};

/// How long a probe may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the goodbye may take; nothing hangs on it.
const QUIT_TIMEOUT: Duration = Duration::from_secs(2);

/// How what is said is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    /// By TLS that begins after a greeting in the open; nothing else is said before.
    StartTls,
    /// By TLS from the first byte on.
    Tls,
    /// By nothing.
    None,
}

impl Security {
    /// Every one.
    pub(super) const ALL: [Self; 3] = [Self::StartTls, Self::Tls, Self::None];

    /// Its name in TOML.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::StartTls => "starttls",
            Self::Tls => "tls",
            Self::None => "none",
        }
    }

    /// The port where servers speak so.
    pub(super) fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// Who we are to the server.
pub(super) struct Login {
    /// As the library takes it.
    pub(super) credentials: Credentials,
    /// The user.
    pub(super) user: String,
    /// The password.
    pub(super) password: Secret,
    /// Where it was read.
    pub(super) source: SecretSource,
}

/// The way to a mail server. Each letter has a connection of its own.
pub(super) struct Line {
    /// Its name or number.
    pub(super) server: String,
    /// Where it listens.
    pub(super) port: u16,
    /// How it is spoken to.
    pub(super) security: Security,
    /// Whom its certificate is held against; none where there is no TLS.
    pub(super) tls: Option<TlsParameters>,
    /// Who we are; none when it asks nobody.
    pub(super) login: Option<Login>,
    /// How long a sending may take.
    pub(super) timeout: Duration,
}

impl Line {
    /// Sends one letter to these recipients, until a moment at the latest.
    pub(super) async fn deliver(&self, from: &Address, to: &[Address], letter: &[u8], end: Instant) -> Sent {
        let is_whole = AtomicBool::new(false);
        let mut said = Vec::with_capacity(to.len());
        let sending = Box::pin(self.send((from, to, letter), &is_whole, &mut said));
        let taken = tokio::time::timeout_at(end, sending).await.unwrap_or_else(|_| {
            let how = format!("did not answer in {} s", self.timeout.as_secs());
            Err(self.broken(&how, is_whole.load(Ordering::Relaxed)))
        });
        Sent { said, taken }
    }

    async fn send(
        &self,
        (from, to, letter): (&Address, &[Address], &[u8]),
        is_whole: &AtomicBool,
        said: &mut Vec<Said>,
    ) -> Result<String, SendError> {
        let mut line = self.open().await.map_err(|why| SendError::Later { why, retry_after: None })?;
        let mail = line.command(Mail::new(Some(from.clone()), Vec::new())).await;
        mail.map_err(|why| {
            let hint = if why.is_permanent() { "see that it lets this user send from `from`" } else { "" };
            self.refusal(&why, false, hint)
        })?;
        let mut last = None;
        for recipient in to {
            match line.command(Rcpt::new(recipient.clone(), Vec::new())).await {
                Ok(_) => said.push(Said::Accepted),
                Err(why) => match why.status() {
                    Some(code) => {
                        said.push(Said::no(code.into()));
                        last = Some(why);
                    }
                    None => return Err(self.refusal(&why, false, "")),
                },
            }
        }
        if let Some(why) = last.filter(|_| !said.contains(&Said::Accepted)) {
            let refusal = self.refusal(&why, false, &none_of(said));
            goodbye(line).await;
            return Err(refusal);
        }
        line.command(Data).await.map_err(|why| self.refusal(&why, false, ""))?;
        // The end of the letter is written when all before it was, and this part is asked for.
        let end = std::iter::from_fn(|| {
            is_whole.store(true, Ordering::Relaxed);
            None
        });
        let taken = line.message_iter(std::iter::once(letter).chain(end)).await;
        let taken = taken.map_err(|why| self.refusal(&why, is_whole.load(Ordering::Relaxed), ""))?;
        let words = self.hushed(&format!("{} {}", taken.code(), taken.message().collect::<Vec<_>>().join(" ")));
        goodbye(line).await;
        Ok(words)
    }

    /// Goes as far as a letter would.
    ///
    /// # Errors
    /// A sentence about what does not work.
    pub(super) async fn probe(&self) -> Result<(), String> {
        let trying = Box::pin(async {
            let mut line = self.open().await?;
            line.command(Noop).await.map_err(|why| self.words(&why))?;
            goodbye(line).await;
            Ok(())
        });
        let silent = || format!("{} did not answer in {} s", self.place(), PROBE_TIMEOUT.as_secs());
        tokio::time::timeout(PROBE_TIMEOUT, trying).await.unwrap_or_else(|_| Err(silent()))
    }

    /// Connects, makes it private and says who we are.
    async fn open(&self) -> Result<AsyncSmtpConnection, String> {
        let hello = ClientId::default();
        let place = (self.server.as_str(), self.port);
        let first = if self.security == Security::Tls { self.tls.clone() } else { None };
        let connected = AsyncSmtpConnection::connect_tokio1(place, Some(CONNECT_TIMEOUT), &hello, first, None).await;
        let mut line = connected.map_err(|why| self.words(&why))?;
        if let (Security::StartTls, Some(tls)) = (self.security, &self.tls) {
            if !line.can_starttls() {
                goodbye(line).await;
                let at = self.place();
                return Err(format!(
                    "{at} offers no STARTTLS, and nothing is sent in the open; see `security` and `port`"
                ));
            }
            line.starttls(tls.clone(), &hello).await.map_err(|why| self.words(&why))?;
        }
        if let Some(login) = &self.login {
            let known = line.auth(&[Mechanism::Plain, Mechanism::Login], &login.credentials).await;
            known.map_err(|why| {
                let hint = match why.status() {
                    Some(code) if 500 <= u16::from(code) => {
                        format!("; see `user` and the password in {}", login.source)
                    }
                    Some(_) => String::new(),
                    None if why.is_client() => "; it must offer AUTH PLAIN or LOGIN".to_owned(),
                    None => String::new(),
                };
                format!("{}{hint}", self.words(&why))
            })?;
        }
        Ok(line)
    }

    fn place(&self) -> String {
        format!("{}:{}", self.server, self.port)
    }

    /// What a failure means for the letter. `is_whole`: its end was sent; `hint` says what to do.
    fn refusal(&self, why: &Error, is_whole: bool, hint: &str) -> SendError {
        let Some(code) = why.status() else { return self.broken(&self.reason(why), is_whole) };
        let said = why.source().map(ToString::to_string).unwrap_or_default();
        let words = self.words(why);
        if 500 <= u16::from(code) && is_about_letter(&said, is_whole) {
            return SendError::Never { why: format!("{words}; it will never take this message") };
        }
        let hint = if hint.is_empty() { String::new() } else { format!("; {hint}") };
        SendError::Later { why: format!("{words}{hint}"), retry_after: None }
    }

    /// A talk that ended without an answer.
    fn broken(&self, how: &str, is_whole: bool) -> SendError {
        let at = self.place();
        if is_whole {
            return SendError::Unknown { why: format!("{at} {how}; it may have taken the message") };
        }
        SendError::Later { why: format!("{at} {how}; it has not taken the message"), retry_after: None }
    }

    fn words(&self, why: &Error) -> String {
        format!("{} {}", self.place(), self.reason(why))
    }

    /// What happened, behind the name of the server.
    fn reason(&self, why: &Error) -> String {
        match (why.status(), why.source()) {
            (Some(code), said) => {
                let said = said.map(ToString::to_string).unwrap_or_default();
                format!("answered {}", self.hushed(&format!("{code} {said}")))
            }
            (None, Some(cause)) => format!("failed: {}", self.hushed(&http::reasons(cause))),
            (None, None) => "failed".to_owned(),
        }
    }

    /// Words of the server in one line, without addresses of people and without what is secret.
    fn hushed(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if let Some(Login { user, password, .. }) = &self.login {
            let password = password.expose();
            let plain = STANDARD.encode(format!("\0{user}\0{password}"));
            for secret in [plain.as_str(), &STANDARD.encode(password), password] {
                text = text.replace(secret, "…");
            }
        }
        let word = |word: &str| if word.contains('@') { "…".to_owned() } else { word.to_owned() };
        http::first_words(&text.split_whitespace().map(word).collect::<Vec<_>>().join(" "))
    }
}

/// True when a refusal for good is about the letter and not about how things are set up. `was_shown`: the server has seen it.
fn is_about_letter(said: &str, was_shown: bool) -> bool {
    let enhanced = said.split_whitespace().next().and_then(|word| word.strip_prefix("5."));
    match enhanced.and_then(|rest| rest.split_once('.')) {
        // Too large, or of a kind that is not taken.
        Some(("3", "4") | ("2", "3") | ("6", _)) => true,
        // Undefined: only where it was given says what it is about.
        Some(("0", _)) | None => was_shown,
        Some(_) => false,
    }
}

/// Takes leave. The letter is settled by now, whatever comes of it.
async fn goodbye(mut line: AsyncSmtpConnection) {
    drop(tokio::time::timeout(QUIT_TIMEOUT, line.quit()).await);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_the_letter_ends_the_tries() {
        for (said, was_shown, expected) in [
            ("5.3.4 Message too big", false, true),
            ("5.6.0 Bad content", true, true),
            ("5.7.1 Message rejected due to SPF", true, false),
            ("5.1.1 No such user", false, false),
            ("Relay access denied", false, false),
            ("Transaction failed", true, true),
            ("5.0.0 Rejected", true, true),
            ("", false, false),
        ] {
            assert_eq!(is_about_letter(said, was_shown), expected, "{said}");
        }
    }
}
