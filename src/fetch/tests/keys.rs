//! Stories of keys, proxies and inner networks: what must reach one server and no other.

use std::sync::{Arc, Mutex};

use super::*;
use crate::feed::{Key, KeyGoes};
use crate::secret::SecretSource;

/// A server that notes each request line and its headers, and answers with these words; gives its address and the notes.
async fn listen(answer: String) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let notes = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&notes);
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 4096];
            let count = socket.read(&mut asked).await.unwrap_or(0);
            noted.lock().unwrap().push(String::from_utf8_lossy(&asked[..count]).into_owned());
            let _sent = socket.write_all(answer.as_bytes()).await;
        }
    });
    (format!("http://{address}"), notes)
}

fn fine() -> String {
    "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\nset-cookie: id=hush\r\n\r\nfine".to_owned()
}

fn sends_on(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

fn kept(dir: &tempfile::TempDir, goes: KeyGoes) -> Key {
    std::fs::write(dir.path().join("key"), "hush\n").unwrap();
    Key { goes, source: SecretSource::File("key".into()) }
}

fn fetcher(dir: &tempfile::TempDir) -> Fetcher {
    Fetcher::new("test@example.org").unwrap().with_secrets_in(dir.path().to_owned())
}

#[tokio::test]
async fn a_key_reaches_its_own_host_and_is_taken_off_what_goes_to_another() {
    let dir = tempfile::tempdir().unwrap();
    for goes in [KeyGoes::Query("appid"), KeyGoes::Header("X-Api-Key")] {
        let (other, heard_there) = listen(fine()).await;
        // This server copies our query into the address it sends us to.
        let (first, heard_here) = listen(sends_on(&format!("{other}/b?appid=hush&units=metric"))).await;
        let mut asked = request(&format!("{first}/a?lat=21.4,39.8"));
        asked.key = Some(kept(&dir, goes));
        let answer = fetcher(&dir).get(&asked, &LIMITS, None, now()).await.unwrap();
        let Answer::Fresh(fresh) = answer else { panic!("{answer:?}") };
        assert!(!format!("{:?}", fresh.headers).contains("hush"), "a cookie is nothing to keep: {:?}", fresh.headers);
        let here = heard_here.lock().unwrap().join("\n");
        assert!(here.contains("lat=21.4,39.8") && here.contains("hush"), "{here}");
        let there = heard_there.lock().unwrap().join("\n");
        assert!(there.contains("units=metric"), "{there}");
        assert_eq!(there.contains("hush"), goes == KeyGoes::Header("X-Api-Key"), "{there}");
        assert!(!there.to_lowercase().contains("x-api-key"), "{there}");
    }
}

#[tokio::test]
async fn a_key_that_is_missing_keeps_the_server_from_being_asked() {
    let dir = tempfile::tempdir().unwrap();
    let (base, heard) = listen(fine()).await;
    let mut asked = request(&base);
    asked.key = Some(Key { goes: KeyGoes::Query("appid"), source: SecretSource::File("no-such-key".into()) });
    let why = fetcher(&dir).get(&asked, &LIMITS, None, now()).await.unwrap_err();
    assert!(matches!(why, FetchError::Key { .. }) && why.to_string().contains("no-such-key"), "{why}");
    std::fs::write(dir.path().join("odd"), "hu\u{7}sh").unwrap();
    asked.key = Some(Key { goes: KeyGoes::Header("x-key"), source: SecretSource::File("odd".into()) });
    let why = fetcher(&dir).get(&asked, &LIMITS, None, now()).await.unwrap_err();
    assert!(matches!(why, FetchError::Key { .. }) && !why.to_string().contains("sh\u{7}"), "{why}");
    assert!(heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_a_feed_leads_to_never_lies_in_an_inner_network() {
    let fetcher = Fetcher::new("test@example.org").unwrap();
    let home = Url::parse("https://a.example/list").unwrap();
    let inner =
        ["http://10.0.0.1/x?key=hush", "http://[fd00:ec2::254]/", "http://169.254.169.254/", "http://127.0.0.1/"];
    for at in inner {
        let request = request(at);
        let ask = Ask { request: &request, limits: &LIMITS, known: None, home: Some(&home), is_first: false };
        let why = fetcher.ask(&ask, now()).await.unwrap_err();
        assert!(matches!(why, FetchError::Inside { .. }), "{at}: {why:?}");
        assert!(!why.to_string().contains("hush"), "{why}");
    }
    // A name is looked at when it is resolved: a server listens there, and is not asked.
    let (base, heard) = listen(fine()).await;
    let named = base.replace("127.0.0.1", "localhost");
    let why = fetcher.clients.open.get(&named).send().await.unwrap_err();
    assert!(innermost(&why).contains("not of the open internet"), "{why:?}");
    assert!(heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_proxy_is_asked_with_its_password_which_never_shows() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("password"), "hush").unwrap();
    let (proxy, heard) = listen(fine()).await;
    let way = |file: &str| Way::Proxy {
        url: Url::parse(&proxy).unwrap(),
        login: Some(("nadhir".to_owned(), SecretSource::File(file.into()))),
    };
    let connection = Connection { proxy: way("password"), ..Connection::default() };
    let through = fetcher(&dir).through(&connection).unwrap();
    let answer = through.get(&request("http://feed.example/list"), &LIMITS, None, now()).await.unwrap();
    assert!(matches!(answer, Answer::Fresh(_)), "{answer:?}");
    let told = heard.lock().unwrap().join("\n").to_lowercase();
    assert!(told.starts_with("get http://feed.example/list"), "{told}");
    assert!(told.contains("proxy-authorization: basic"), "{told}");
    assert!(!format!("{connection:?}").contains("hush"));
    let why = fetcher(&dir).through(&Connection { proxy: way("none"), ..Connection::default() }).unwrap_err();
    assert!(why.contains("`proxy_password`") && why.contains("none"), "{why}");
}

#[tokio::test]
async fn feeds_with_the_same_settings_share_their_connections() {
    let dir = tempfile::tempdir().unwrap();
    let fetcher = fetcher(&dir);
    let apart = Connection { connect_timeout: Duration::from_secs(3), ..Connection::default() };
    for connection in [&apart, &apart, &Connection::default()] {
        fetcher.through(connection).unwrap();
    }
    assert_eq!(fetcher.made.lock().unwrap().len(), 2);
}
