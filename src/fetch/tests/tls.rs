//! Stories of a server whose chain is incomplete, as NCM's has been, and of servers that must not be trusted; every authority here is
//! made for the test and gone with it.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::*;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

fn root(name: &str) -> Authority {
    CertifiedIssuer::self_signed(authority_params(name), key()).unwrap()
}

/// A root, an authority in between, and the files that name them.
struct House {
    dir: tempfile::TempDir,
    between: Authority,
    root: Authority,
}

impl House {
    fn new() -> Self {
        let root = root("the root");
        let between = CertifiedIssuer::signed_by(authority_params("in between"), key(), &root).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("root.pem"), root.pem()).unwrap();
        std::fs::write(dir.path().join("between.pem"), between.pem()).unwrap();
        Self { dir, between, root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A certificate of a server, good for these names, and its key.
    fn leaf(&self, names: &[&str], is_expired: bool) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = key();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        if is_expired {
            (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        }
        let certificate = params.signed_by(&key, &self.between).unwrap();
        (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }
}

/// A server on loopback that shows this chain and answers everything alike; gives its port.
async fn serve(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>, answer: &str) -> u16 {
    install_crypto();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = answer.to_owned();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let (acceptor, answer) = (acceptor.clone(), answer.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(socket).await else { return };
                let mut asked = [0; 2048];
                while stream.read(&mut asked).await.is_ok_and(|count| 0 < count) {
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine";

/// What asking a server gives, through a connection that trusts `ca` and completes chains by `intermediates`.
async fn asked(port: u16, ca: Option<PathBuf>, intermediates: Option<PathBuf>) -> Result<String, String> {
    let connection = Connection { ca, intermediates, ..Connection::default() };
    let fetcher = Fetcher::new("test@example.org").unwrap().through(&connection)?;
    match fetcher.get(&request(&format!("https://localhost:{port}/?key=hush")), &LIMITS, None, now()).await {
        Ok(Answer::Fresh(fresh)) => Ok(String::from_utf8(fresh.body).unwrap()),
        Ok(other) => panic!("{other:?}"),
        Err(why) => Err(why.to_string()),
    }
}

#[tokio::test]
async fn an_incomplete_chain_is_refused_until_a_file_completes_it() {
    let house = House::new();
    let (leaf, key) = house.leaf(&["localhost"], false);
    let incomplete = serve(vec![leaf.clone()], key.clone_key(), FINE).await;
    let (ca, between) = (Some(house.path("root.pem")), Some(house.path("between.pem")));
    let why = asked(incomplete, ca.clone(), None).await.unwrap_err();
    assert!(why.contains("UnknownIssuer"), "{why}");
    assert_eq!(asked(incomplete, ca.clone(), between.clone()).await.as_deref(), Ok("fine"));
    let whole = serve(vec![leaf, house.between.der().clone()], key, FINE).await;
    assert_eq!(asked(whole, ca.clone(), None).await.as_deref(), Ok("fine"));
    assert_eq!(asked(whole, ca, between).await.as_deref(), Ok("fine"), "one that is there twice does no harm");
}

#[tokio::test]
async fn a_file_of_intermediates_makes_nobody_trusted() {
    let house = House::new();
    let (leaf, key) = house.leaf(&["localhost"], false);
    let port = serve(vec![leaf], key, FINE).await;
    let why = asked(port, None, Some(house.path("between.pem"))).await.unwrap_err();
    assert!(why.contains("UnknownIssuer"), "its root is not trusted: {why}");
    // Not even when the root itself lies in the file.
    let both = house.path("both.pem");
    std::fs::write(&both, format!("{}{}", house.between.pem(), house.root.pem())).unwrap();
    let why = asked(port, None, Some(both)).await.unwrap_err();
    assert!(why.contains("UnknownIssuer"), "{why}");
    let stranger = root("a stranger");
    std::fs::write(house.path("stranger.pem"), stranger.pem()).unwrap();
    let why = asked(port, Some(house.path("stranger.pem")), Some(house.path("between.pem"))).await.unwrap_err();
    assert!(why.contains("UnknownIssuer"), "{why}");
}

#[tokio::test]
async fn a_completed_chain_is_still_judged_by_name_and_date() {
    let house = House::new();
    for (names, is_expired, word) in
        [(&["other.example"][..], false, "not valid for name"), (&["localhost"], true, "expired")]
    {
        let (leaf, key) = house.leaf(names, is_expired);
        let port = serve(vec![leaf], key, FINE).await;
        let why = asked(port, Some(house.path("root.pem")), Some(house.path("between.pem"))).await.unwrap_err();
        assert!(why.contains(word) && !why.contains("hush"), "{why}");
    }
}

#[tokio::test]
async fn where_a_redirect_leads_is_checked_as_strictly() {
    let house = House::new();
    let (leaf, key) = house.leaf(&["other.example"], false);
    let wrong = serve(vec![leaf], key, FINE).await;
    let (leaf, key) = house.leaf(&["localhost"], false);
    let sends_on = format!("HTTP/1.1 302 Found\r\nlocation: https://localhost:{wrong}/\r\ncontent-length: 0\r\n\r\n");
    let first = serve(vec![leaf], key, &sends_on).await;
    let why = asked(first, Some(house.path("root.pem")), Some(house.path("between.pem"))).await.unwrap_err();
    assert!(why.contains("not valid for name"), "{why}");
}

#[tokio::test]
async fn a_file_that_holds_no_authority_says_what_to_do() {
    let house = House::new();
    let (leaf, _) = house.leaf(&["localhost"], false);
    let pem = |der: &[u8]| {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    };
    for (name, text, word) in [
        ("missing.pem", None, "there is no such file"),
        ("der.pem", Some("\u{30}\u{7f}".to_owned()), "openssl x509"),
        ("torn.pem", Some("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".to_owned()), "damaged"),
        ("junk.pem", Some(pem(b"junk")), "certificate 1 in it is damaged"),
        ("leaf.pem", Some(pem(&leaf)), "not of an authority"),
        ("many.pem", Some(house.root.pem().repeat(trust::MAX_CERTIFICATES + 1)), "keep the few"),
        ("large.pem", Some("x".repeat(300_000)), "too large"),
    ] {
        if let Some(text) = text {
            std::fs::write(house.path(name), text).unwrap();
        }
        let why = asked(1, None, Some(house.path(name))).await.unwrap_err();
        assert!(why.contains("`intermediates`") && why.contains(name) && why.contains(word), "{why}");
    }
}
