//! `nadhir channel authorise`: a person lets a channel in at its service. The address of the dialog is printed, where the browser was led
//! is pasted back, and what that is worth goes into the file of the channel's keys. No secret is printed, and nothing is sent.

use std::io::{BufRead as _, Read as _, Write as _};

use url::Url;

use super::{EX_FAILED, EX_UNAVAILABLE, EX_USAGE, complain, find, place, runtime};
use crate::config::Config;
use crate::sink::World;

/// The longest address that is read, in bytes.
const MAX_LEN: u64 = 8 * 1024;

/// What stands after the arguments.
pub(super) const HELP: &str = "Example:  nadhir channel authorise makkah-x --back http://127.0.0.1/ --config /etc/nadhir --state \
    /var/lib/nadhir\n\nFor X the file of `keys` holds `client_id = …`, and `client_secret = …` where the app has one. Say yes in a browser \
    that is signed in to the account; it may then show that nothing is found at the address it is led to. Afterwards: nadhir reload.\
    \n\nExit codes: 0 done, 1 not let in, 2 no such channel or none that a person lets in, 69 its keys cannot be read or written, 78 \
    mistakes in the configuration.";

/// What `nadhir channel authorise` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Authorise {
    /// The channel, as channels.toml calls it.
    name: String,
    /// Where the service leads the browser afterwards: one of those that the app names there, letter by letter.
    #[arg(long, value_name = "URL")]
    back: Url,
    #[command(flatten)]
    pub(super) dirs: place::Dirs,
}

pub(super) fn run(asked: &Authorise) -> u8 {
    let config = match asked.dirs.configuration("no channel can be let in") {
        Ok(config) => config,
        Err(code) => return code,
    };
    match authorise(asked, &config) {
        Ok(kept) => {
            let told = format!("{} is let in: {kept} holds its refresh token; now: nadhir reload\n", asked.name);
            // A reader that has gone away is no fault.
            let _ = anstream::stdout().write_all(told.as_bytes());
            0
        }
        Err((code, why)) => {
            complain(&why);
            code
        }
    }
}

fn authorise(asked: &Authorise, config: &Config) -> Result<String, (u8, String)> {
    let channel = find(&asked.name, config).map_err(|why| (EX_USAGE, format!("{why:#}")))?;
    let dir = place::state_dir(asked.dirs.state.as_deref(), config.settings.store.as_deref());
    let world = World::new(dir).map_err(|why| (EX_UNAVAILABLE, why))?;
    let Some(admission) = channel.opener.admission(&world, &asked.back) else {
        let why = format!("{} is of kind {}, which keys alone let in", asked.name, channel.kind);
        return Err((EX_USAGE, why));
    };
    let admission = admission.map_err(|why| (EX_UNAVAILABLE, format!("{}: {why}", asked.name)))?;
    let _ = anstream::stdout().write_all(format!("{}\n", admission.address()).as_bytes());
    let _ = write!(anstream::stderr(), "Open this, say yes, and paste the address that the browser is led to: ");
    let mut led_to = String::new();
    let read = std::io::stdin().lock().take(MAX_LEN).read_line(&mut led_to);
    read.map_err(|why| (EX_FAILED, format!("nothing could be read: {why}")))?;
    let runtime = runtime().map_err(|why| (EX_UNAVAILABLE, format!("{why:#}")))?;
    runtime.block_on(admission.take(&led_to)).map_err(|why| (EX_FAILED, format!("{}: {why}", asked.name)))
}
