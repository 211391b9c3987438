//! What X does alone with OAuth 2.0: a token for two hours, and a chain of refresh tokens of which none may be lost or used twice.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nadhir::language::Language;
use nadhir::message::picture::Picture;
use nadhir::sink::{Parcel, Receipt, SendError, Sink, World};
use serde_json::json;
use tempfile::TempDir;

use super::receiver::{Receiver, Request};
use super::services::X_ACCOUNT;
use super::x::{ARABIC, account, standing, taken, thread, whole};
use super::{at, read};

const CONFIDENTIAL: &str =
    "client_id = rG9n6402A3dbUJKzXTNX4oWHJ\nclient_secret = hunter2hunter2\nrefresh_token = seed:1:rt:1\n";
const PUBLIC: &str = "client_id = rG9n6402A3dbUJKzXTNX4oWHJ\nrefresh_token = seed:1:rt:1\n";

/// What may stand in no error, and no word of the log.
const HUSHED: [&str; 5] = ["hunter2", "seed:1", "seed%3A1", "access-", "refresh-"];

const USED: &str = "400 Bad Request\r\n\r\n{\"error\":\"invalid_request\",\"error_description\":\"Value passed for the token was invalid.\"}";
const GRANT: &str =
    "400 Bad Request\r\n\r\n{\"error\":\"invalid_grant\",\"error_description\":\"seed:1:rt:1 was used\"}";
const UNKNOWN: &str = "401 Unauthorized\r\n\r\n{\"title\":\"Unauthorized\",\"status\":401,\"detail\":\"Unauthorized\"}";

/// The answer of X with the tokens of a number.
fn given(number: u32) -> String {
    let tokens = json!({ "token_type": "bearer", "expires_in": 7200, "access_token": format!("access-{number}"),
        "scope": "tweet.write users.read tweet.read offline.access", "refresh_token": format!("refresh-{number}") });
    format!("200 OK\r\n\r\n{tokens}")
}

async fn answering(answers: &[&str]) -> Receiver {
    Receiver::start(answers).await
}

/// A directory with keys.
fn home(keys: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x.keys"), keys).unwrap();
    dir
}

/// A sink on such a directory, opened anew.
fn open(receiver: &Receiver, dir: &Path) -> Arc<dyn Sink> {
    let opener = read("x", &format!("keys = {{ file = \"x.keys\" }}\napi = \"{}\"\n", receiver.base));
    opener.open(&World::new(dir.to_owned()).unwrap()).unwrap()
}

/// A message in one language that is sent at a time.
fn post(key: &str, second: i64) -> Parcel {
    let parts = json!({ "parts": [{ "language": "ar", "text": ARABIC }] });
    Parcel { key: key.to_owned(), body: parts.to_string().into(), now: at(second), expires: at(9_999_999), ..thread(1) }
}

fn tokens_of(dir: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.extension().is_some_and(|end| end == "tokens")).collect()
}

fn authorization(request: &Request) -> &str {
    request.headers["authorization"].to_str().unwrap()
}

/// The next request asks for tokens with this refresh token.
async fn asks_with(receiver: &mut Receiver, refresh: &str) -> Request {
    let request = receiver.next().await;
    assert_eq!(request.line, "POST /2/oauth2/token HTTP/1.1");
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&request.body).into_owned().collect();
    let told = |name: &str| form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!((told("grant_type"), told("refresh_token")), (Some("refresh_token"), Some(refresh)));
    request
}

/// The next request bears this access token.
async fn bears(receiver: &mut Receiver, access: &str, line: &str) {
    let request = receiver.next().await;
    assert!(request.line.starts_with(line), "{}", request.line);
    assert_eq!(authorization(&request), format!("Bearer {access}"));
}

fn later(sent: Result<Receipt, SendError>) -> String {
    let Err(SendError::Later { why, .. }) = sent else { panic!("{sent:?}") };
    hushed(why)
}

fn hushed(said: String) -> String {
    assert!(!HUSHED.iter().any(|secret| said.contains(secret)), "{said}");
    said
}

#[tokio::test]
async fn the_next_refresh_token_is_kept_where_nobody_else_reads_it_and_is_used_after_a_restart() {
    let answers = [given(1), taken(1), taken(2), given(2), taken(3)];
    let mut receiver = answering(&answers.each_ref().map(String::as_str)).await;
    let dir = home(CONFIDENTIAL);
    open(&receiver, dir.path()).send(&post("a", 0)).await.unwrap();
    let asked = asks_with(&mut receiver, "seed:1:rt:1").await;
    assert_eq!(authorization(&asked), "Basic ckc5bjY0MDJBM2RiVUpLelhUTlg0b1dISjpodW50ZXIyaHVudGVyMg==");
    bears(&mut receiver, "access-1", "POST /2/tweets ").await;
    let files = tokens_of(dir.path());
    assert_eq!(files.len(), 1);
    assert_eq!(std::fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o600);
    // What was started anew asks for nothing while the token counts, and then with the newest.
    open(&receiver, dir.path()).send(&post("b", 6000)).await.unwrap();
    bears(&mut receiver, "access-1", "POST /2/tweets ").await;
    open(&receiver, dir.path()).send(&post("c", 7000)).await.unwrap();
    asks_with(&mut receiver, "refresh-1").await;
    bears(&mut receiver, "access-2", "POST /2/tweets ").await;
    assert_eq!(tokens_of(dir.path()), files);
}

#[tokio::test]
async fn an_app_without_a_secret_names_itself_and_keys_that_staff_write_anew_win() {
    let answers = [given(1), taken(1), given(2), taken(2)];
    let mut receiver = answering(&answers.each_ref().map(String::as_str)).await;
    let dir = home(PUBLIC);
    open(&receiver, dir.path()).send(&post("a", 0)).await.unwrap();
    let asked = asks_with(&mut receiver, "seed:1:rt:1").await;
    assert!(!asked.headers.contains_key("authorization"));
    assert!(String::from_utf8(asked.body).unwrap().ends_with("&client_id=rG9n6402A3dbUJKzXTNX4oWHJ"));
    bears(&mut receiver, "access-1", "POST /2/tweets ").await;
    std::fs::write(dir.path().join("x.keys"), PUBLIC.replace("seed:1", "seed:2")).unwrap();
    open(&receiver, dir.path()).send(&post("b", 1)).await.unwrap();
    asks_with(&mut receiver, "seed:2:rt:1").await;
    bears(&mut receiver, "access-2", "POST /2/tweets ").await;
}

#[tokio::test]
async fn a_refresh_token_that_x_takes_no_more_is_told_with_what_to_do_and_nothing_is_posted() {
    for refusal in [USED, GRANT] {
        let mut receiver = answering(&[refusal, UNKNOWN, "503 Service Unavailable\r\nretry-after: 120"]).await;
        let dir = home(CONFIDENTIAL);
        let sink = open(&receiver, dir.path());
        let why = later(sink.send(&thread(1)).await);
        for told in [
            "no access token: http://127.0.0.1",
            "400 Bad Request",
            "let the app in anew by `nadhir channel authorise`",
            "file x.keys",
        ] {
            assert!(why.contains(told), "{told}: {why}");
        }
        let why = later(sink.send(&thread(1)).await);
        assert!(why.contains("its `client_secret` if it has one"), "{why}");
        assert!(later(sink.send(&thread(1)).await).contains("asked to wait 2min"));
        for _ in 1..=3 {
            asks_with(&mut receiver, "seed:1:rt:1").await;
        }
        assert!(receiver.is_idle() && tokens_of(dir.path()).is_empty());
    }
}

#[tokio::test]
async fn a_token_that_runs_out_within_a_thread_is_given_for_the_next_once() {
    let answers = [&given(1), &taken(1), UNKNOWN, &given(2), &taken(2), UNKNOWN];
    let mut receiver = answering(&answers).await;
    let dir = home(CONFIDENTIAL);
    let sink = open(&receiver, dir.path());
    sink.send(&post("a", -600)).await.unwrap();
    asks_with(&mut receiver, "seed:1:rt:1").await;
    bears(&mut receiver, "access-1", "POST /2/tweets ").await;
    assert_eq!(sink.send(&Parcel { now: at(0), ..post("b", 0) }).await, Ok(Receipt("post 2".to_owned())));
    bears(&mut receiver, "access-1", "POST /2/tweets ").await;
    asks_with(&mut receiver, "refresh-1").await;
    bears(&mut receiver, "access-2", "POST /2/tweets ").await;
    // One that was given just now is not given for another: the account itself is refused.
    let why = later(sink.send(&post("c", 1)).await);
    assert!(
        why.contains("401 Unauthorized") && why.contains("let the app in anew by `nadhir channel authorise`"),
        "{why}"
    );
    bears(&mut receiver, "access-2", "POST /2/tweets ").await;
    assert!(receiver.is_idle());
}

#[tokio::test]
async fn two_at_once_ask_for_one_token() {
    let answers = [given(1), taken(1), taken(2), taken(3)];
    let mut receiver = answering(&answers.each_ref().map(String::as_str)).await;
    let dir = home(CONFIDENTIAL);
    // Two tries of one channel, and a command that runs beside the service.
    let (sink, beside) = (open(&receiver, dir.path()), open(&receiver, dir.path()));
    let (a, b, c) = (post("a", 0), post("b", 0), post("c", 0));
    let sent = tokio::join!(sink.send(&a), sink.send(&b), beside.send(&c));
    assert!(sent.0.is_ok() && sent.1.is_ok() && sent.2.is_ok(), "{sent:?}");
    asks_with(&mut receiver, "seed:1:rt:1").await;
    for _ in 1..=3 {
        bears(&mut receiver, "access-1", "POST /2/tweets ").await;
    }
}

#[tokio::test]
async fn what_x_gives_is_kept_though_nobody_waits_for_it_any_more() {
    let answers = [given(1), taken(1)];
    let mut receiver = answering(&answers.each_ref().map(String::as_str)).await;
    let dir = home(CONFIDENTIAL);
    let (sink, anew) = (open(&receiver, dir.path()), open(&receiver, dir.path()));
    let sending = tokio::spawn(async move { sink.send(&post("a", 0)).await });
    asks_with(&mut receiver, "seed:1:rt:1").await;
    sending.abort();
    anew.send(&post("a", 0)).await.unwrap();
    bears(&mut receiver, "access-1", "POST /2/tweets ").await;
}

#[tokio::test]
async fn nothing_is_asked_for_where_the_next_token_could_not_be_kept() {
    let receiver = answering(&[]).await;
    let dir = home(CONFIDENTIAL);
    let keys = dir.path().join("x.keys").display().to_string();
    let opener = read("x", &format!("keys = {{ file = \"{keys}\" }}\napi = \"{}\"\n", receiver.base));
    let sink = opener.open(&World::new(dir.path().join("missing")).unwrap()).unwrap();
    let why = later(sink.send(&thread(1)).await);
    assert!(why.contains("could not be kept in ") && why.contains("it was not asked for"), "{why}");
    assert!(receiver.is_idle());
}

#[tokio::test]
async fn tokens_that_cannot_be_read_are_not_replaced_by_a_used_one() {
    let mut receiver = answering(&[&given(1), &taken(1)]).await;
    let dir = home(CONFIDENTIAL);
    open(&receiver, dir.path()).send(&post("a", 0)).await.unwrap();
    asks_with(&mut receiver, "seed:1:rt:1").await;
    receiver.next().await;
    std::fs::write(&tokens_of(dir.path())[0], "{\"access_token\":\"access-").unwrap();
    let why = later(open(&receiver, dir.path()).send(&post("b", 1)).await);
    assert!(why.contains("does not hold the tokens of X") && why.contains("let the app in"), "{why}");
    assert!(receiver.is_idle());
}

#[tokio::test]
async fn an_answer_that_is_none_of_x_tells_no_token_and_gives_none() {
    let strange = "200 OK\r\n\r\n{\"access_token\":\"access-1 \",\"refresh_token\":\"refresh-1\"}";
    for (answer, told) in [
        ("echo", "404 Not Found"),
        ("close", "did not come whole"),
        ("break", "did not come whole"),
        ("200 OK\r\n\r\n<html>welcome</html>", "did not answer as X does"),
        (strange, "did not answer as X does"),
        ("301 Moved Permanently\r\nlocation: /?refresh_token=refresh-1", "redirects are not followed"),
        ("410 Gone", "410 Gone"),
    ] {
        let receiver = answering(&[answer]).await;
        let dir = home(CONFIDENTIAL);
        let why = later(open(&receiver, dir.path()).send(&thread(1)).await);
        assert!(why.contains(told), "{answer}: {why}");
    }
    let receiver = answering(&[&given(1), "echo"]).await;
    let dir = home(CONFIDENTIAL);
    let why = later(open(&receiver, dir.path()).send(&thread(1)).await);
    assert!(why.contains("no such thing"), "{why}");
    let opener = read("x", "keys = { file = \"x.keys\" }\n");
    hushed(format!("{opener:?}"));
}

#[tokio::test]
async fn what_may_have_arrived_is_not_called_not_sent_while_there_is_no_token() {
    let shown = account(&[standing(1, ARABIC, None)], None);
    let mut receiver = answering(&[&given(1), "close", USED, &given(2), X_ACCOUNT, &shown, &taken(2)]).await;
    let dir = home(CONFIDENTIAL);
    let sink = open(&receiver, dir.path());
    let try_at = |attempt: u32, second: i64| Parcel { now: at(second), expires: at(99_999), ..thread(attempt) };
    assert!(matches!(sink.send(&try_at(1, 0)).await, Err(SendError::Unknown { .. })));
    let Err(SendError::Unknown { why }) = sink.send(&try_at(2, 7200)).await else { panic!() };
    assert!(why.contains("is not repeated until the account can be read: no access token: http"), "{why}");
    assert_eq!(sink.send(&try_at(3, 7300)).await, whole());
    asks_with(&mut receiver, "seed:1:rt:1").await;
    bears(&mut receiver, "access-1", "POST /2/tweets ").await;
    asks_with(&mut receiver, "refresh-1").await;
    asks_with(&mut receiver, "refresh-1").await;
    bears(&mut receiver, "access-2", "GET /2/users/me ").await;
    bears(&mut receiver, "access-2", "GET /2/users/2244994945/tweets?").await;
    bears(&mut receiver, "access-2", "POST /2/tweets ").await;
}

#[tokio::test]
async fn pictures_and_followers_go_by_the_same_token() {
    let followers = "200 OK\r\n\r\n{\"data\":{\"id\":\"1\",\"public_metrics\":{\"followers_count\":563458}}}";
    let answers = [&given(1), &taken(71), "200 OK\r\n\r\n{}", &taken(1), &given(2), X_ACCOUNT, followers];
    let mut receiver = answering(&answers).await;
    let dir = home(CONFIDENTIAL);
    let sink = open(&receiver, dir.path());
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"12\" height=\"8\"/>".to_owned();
    let pictures = vec![Picture { language: Language::Ar, alt: "a red card".to_owned(), svg }];
    sink.send(&Parcel { pictures, ..post("a", 0) }).await.unwrap();
    asks_with(&mut receiver, "seed:1:rt:1").await;
    for line in ["POST /2/media/upload ", "POST /2/media/metadata ", "POST /2/tweets "] {
        bears(&mut receiver, "access-1", line).await;
    }
    // A probe asks by the clock of the world, by which the token of the story has long run out.
    assert_eq!(sink.probe().await, Ok(()));
    asks_with(&mut receiver, "refresh-1").await;
    bears(&mut receiver, "access-2", "GET /2/users/me ").await;
    assert_eq!(sink.followers().await, Ok(Some(563_458)));
    bears(&mut receiver, "access-2", "GET /2/users/me?user.fields=public_metrics ").await;
    assert!(receiver.is_idle());
}

#[tokio::test]
async fn a_person_lets_the_app_in_and_its_first_token_goes_into_the_keys_alone() {
    let mut receiver = answering(&[&given(1), &given(2), &taken(1)]).await;
    let dir = home("client_id = rG9n6402A3dbUJKzXTNX4oWHJ\n# ours\nclient_secret = hunter2hunter2\n");
    let file = dir.path().join("x.keys");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let opener = read("x", &format!("keys = {{ file = \"x.keys\" }}\napi = \"{}\"\n", receiver.base));
    let world = World::new(dir.path().to_owned()).unwrap();
    assert!(opener.open(&world).err().unwrap().contains("`refresh_token` is missing"));
    let back: url::Url = "http://127.0.0.1/back".parse().unwrap();
    let admission = opener.admission(&world, &back).unwrap().unwrap();
    let asked: std::collections::BTreeMap<String, String> = admission.address().query_pairs().into_owned().collect();
    assert!(admission.address().as_str().starts_with("https://x.com/i/oauth2/authorize?response_type=code&"));
    assert_eq!((asked["redirect_uri"].as_str(), asked["code_challenge_method"].as_str()), (back.as_str(), "S256"));
    assert_eq!(asked["scope"], "tweet.read tweet.write users.read media.write offline.access");
    let kept = admission.take(&format!("{back}?state={}&code=once-only\n", asked["state"])).await.unwrap();
    assert_eq!(kept, file.canonicalize().unwrap().display().to_string());
    let request = receiver.next().await;
    let form: std::collections::BTreeMap<String, String> =
        url::form_urlencoded::parse(&request.body).into_owned().collect();
    let told = [&form["grant_type"], &form["code"], &form["redirect_uri"]];
    assert_eq!(told, ["authorization_code", "once-only", "http://127.0.0.1/back"]);
    let hash = ring::digest::digest(&ring::digest::SHA256, form["code_verifier"].as_bytes());
    use base64::Engine as _;
    assert_eq!(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash), asked["code_challenge"]);
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(
        text,
        "client_id = rG9n6402A3dbUJKzXTNX4oWHJ\n# ours\nclient_secret = hunter2hunter2\nrefresh_token = refresh-1\n"
    );
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    open(&receiver, dir.path()).send(&post("a", 0)).await.unwrap();
    asks_with(&mut receiver, "refresh-1").await;
}

#[tokio::test]
async fn what_is_not_the_answer_to_the_asking_changes_no_keys() {
    let dir = home(CONFIDENTIAL);
    let world = World::new(dir.path().to_owned()).unwrap();
    let back: url::Url = "http://127.0.0.1/".parse().unwrap();
    let no_refresh = "200 OK\r\n\r\n{\"access_token\":\"access-1\"}";
    for (led_to, answer, told) in [
        ("yes", "", "this is no address"),
        ("http://127.0.0.1/?code=once-only&state=another", "", "not the answer to what was just asked"),
        ("http://127.0.0.1/?error=access_denied&state=STATE", "", "X did not let the app in: access_denied"),
        ("http://127.0.0.1/?state=STATE", "", "no code stands in it"),
        ("http://127.0.0.1/?code=once-only&state=STATE", USED, "ask anew and paste soon"),
        ("http://127.0.0.1/?code=once-only&state=STATE", "echo", "404 Not Found"),
        ("http://127.0.0.1/?code=once-only&state=STATE", no_refresh, "let the app ask for offline.access"),
        ("http://127.0.0.1/?code=once-only&state=STATE", "close", "broke off"),
    ] {
        let receiver = answering(&[answer]).await;
        let opener = read("x", &format!("keys = {{ file = \"x.keys\" }}\napi = \"{}\"\n", receiver.base));
        let admission = opener.admission(&world, &back).unwrap().unwrap();
        let state = admission.address().query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let why = hushed(admission.take(&led_to.replace("STATE", &state)).await.unwrap_err());
        assert!(why.contains(told) && !why.contains("once-only"), "{led_to}: {why}");
        assert_eq!(std::fs::read_to_string(dir.path().join("x.keys")).unwrap(), CONFIDENTIAL);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left behind");
    }
    let credential = read("x", "keys = { credential = \"x-keys\" }\n");
    let why = credential.admission(&world, &back).unwrap().err().unwrap();
    assert!(why.contains("is given to the service alone"), "{why}");
    std::fs::write(dir.path().join("x.keys"), super::services::X_KEYS).unwrap();
    let signed = read("x", "keys = { file = \"x.keys\" }\n");
    let why = signed.admission(&world, &back).unwrap().err().unwrap();
    assert!(why.contains("let in already"), "{why}");
}
