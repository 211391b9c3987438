//! How a person lets the app in for an account: the address of the dialog at X, and what its answer is worth, which is the first refresh
//! token. It is put into the file of keys and shown to nobody. Nothing is posted, and no browser is opened from here.
//!
//! Sources: docs.x.com ("OAuth 2.0 Authorization Code Flow with PKCE"), RFC 6749 (4.1), RFC 7636 (PKCE).

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use url::Url;

use super::bearer::{Client, Given};
use super::chain::Draft;
use super::keys;
use crate::secret::{Secret, SecretSource};
use crate::sink::http::{self, Place, Receiver};
use crate::sink::{Admission, World};

/// Where a person is asked.
const DIALOG: &str = "https://x.com/i/oauth2/authorize";

/// What the app is let in for: to post with pictures, to read back what stands, and for longer than two hours.
const SCOPES: &str = "tweet.read tweet.write users.read media.write offline.access";

/// How long X may take to give tokens.
const ASK_FOR: Duration = Duration::from_secs(15);

/// How many bytes of chance nobody can guess.
const CHANCE: usize = 32;

/// An app that asks to be let in.
pub(super) struct Asking {
    client: Client,
    text: Secret,
    /// The file of keys, and room for its next text.
    path: PathBuf,
    draft: Draft,
    address: Url,
    back: Url,
    state: Secret,
    verifier: Secret,
    token_url: Url,
    world: World,
}

/// Begins to ask. What is found wrong is found before a person has said yes.
pub(super) fn begin(source: &SecretSource, token_url: Url, back: &Url, world: &World) -> Result<Asking, String> {
    let SecretSource::File(path) = source else {
        return Err(format!(
            "{source} is given to the service alone: run this with a configuration whose `keys` are the file behind it"
        ));
    };
    let text = world.secret(source)?;
    let client = keys::client(text.expose()).map_err(|why| format!("{source} does not name an app of X: {why}"))?;
    // A link stays where it is, and what it leads to is changed.
    let path = std::fs::canonicalize(world.dir.join(path)).map_err(|why| format!("{source} cannot be found: {why}"))?;
    let draft = Draft::of(&path).map_err(|why| format!("{source} cannot be written: {why}"))?;
    let (state, verifier) = (chance()?, chance()?);
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.expose().as_bytes()));
    let mut address = Url::parse(DIALOG).map_err(|why| why.to_string())?;
    address.query_pairs_mut().extend_pairs([
        ("response_type", "code"),
        ("client_id", client.id.expose()),
        ("redirect_uri", back.as_str()),
        ("scope", SCOPES),
        ("state", state.expose()),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]);
    let (back, world) = (back.clone(), world.clone());
    Ok(Asking { client, text, path, draft, address, back, state, verifier, token_url, world })
}

fn chance() -> Result<Secret, String> {
    let mut bytes = [0; CHANCE];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "this machine gives no chance".to_owned())?;
    Ok(Secret::new(&URL_SAFE_NO_PAD.encode(bytes)))
}

impl Admission for Asking {
    fn address(&self) -> &Url {
        &self.address
    }

    fn take(self: Box<Self>, led_to: &str) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async move {
            let code = self.code(led_to)?;
            let refresh = self.exchange(&code).await?;
            let text = keys::with_refresh(self.text.expose(), &refresh);
            let name = self.path.display().to_string();
            let written = self.draft.write(&format!("{}\n", text.expose()));
            written.map_err(|why| format!("{name} cannot be written ({why}), and X gives the token once: ask anew"))?;
            Ok(name)
        })
    }
}

impl Asking {
    /// What X gave the browser, when it is the answer to this asking.
    fn code(&self, led_to: &str) -> Result<Secret, String> {
        const PASTE: &str = "paste the whole address that the browser shows after you have said yes";
        let led_to = Url::parse(led_to.trim()).map_err(|_| format!("this is no address: {PASTE}"))?;
        let told = |name: &str| led_to.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value);
        if told("state").as_deref() != Some(self.state.expose()) {
            return Err(format!("this is not the answer to what was just asked: {PASTE}"));
        }
        if let Some(error) = told("error") {
            return Err(format!("X did not let the app in: {}", http::first_words(&error)));
        }
        told("code").map(|code| Secret::new(&code)).ok_or_else(|| format!("no code stands in it: {PASTE}"))
    }

    /// The first refresh token.
    async fn exchange(&self, code: &Secret) -> Result<Secret, String> {
        let (headers, form) = self.client.request(&[
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", self.back.as_str()),
            ("code_verifier", self.verifier.expose()),
        ]);
        let secrets = [code.expose(), self.verifier.expose()].into_iter().chain(self.client.exposed());
        let place = Place::server(&self.token_url, &secrets.collect::<Vec<_>>());
        let receiver = Receiver::new(&self.world, place, ASK_FOR);
        let answer = receiver.post(&self.token_url, headers, form.into_bytes()).await.map_err(|why| why.to_string())?;
        let at = http::shown(&self.token_url);
        if !answer.status.is_success() {
            let hint = "ask anew and paste soon, since the code counts for a moment; see the app's `client_id`, \
                        `client_secret` and the address it leads back to";
            return Err(format!("{at} answered {}; {hint}", answer.words));
        }
        // What it says may hold tokens: none of it is shown.
        let given = Given::read(&answer).ok_or_else(|| format!("{at} did not answer as X does"))?;
        given.refresh().ok_or_else(|| format!("{at} gave no refresh token: let the app ask for offline.access"))
    }
}
