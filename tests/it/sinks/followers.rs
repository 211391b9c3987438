//! How many people follow a channel, from services that tell.

use nadhir::sink::World;

use super::read;
use super::receiver::Receiver;
use super::services::X_KEYS;

/// What a channel says of its followers, when its service answers so.
async fn told(kind: &str, settings: &str, secret: &str, answer: &str) -> (Result<Option<u64>, String>, String) {
    let mut receiver = Receiver::start(&[answer]).await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("secret"), secret).unwrap();
    let opener = read(kind, &settings.replace("{base}", &receiver.base));
    let sink = opener.open(&World::new(dir.path().to_owned()).unwrap()).unwrap();
    let told = sink.followers().await;
    (told, receiver.next().await.line)
}

#[tokio::test]
async fn telegram_and_x_tell_how_many_follow_and_why_not() {
    let telegram = "token = { file = \"secret\" }\nchat = \"@makkah\"\napi = \"{base}\"\n";
    let x = "keys = { file = \"secret\" }\napi = \"{base}\"\n";
    let (members, asked) = told("telegram", telegram, "1:abc", "200 OK\r\n\r\n{\"ok\":true,\"result\":563458}").await;
    assert_eq!(
        (members, asked.as_str()),
        (Ok(Some(563_458)), "GET /bot1:abc/getChatMemberCount?chat_id=%40makkah HTTP/1.1")
    );
    let account = "200 OK\r\n\r\n{\"data\":{\"id\":\"1\",\"public_metrics\":{\"followers_count\":563458}}}";
    let (followers, asked) = told("x", x, X_KEYS, account).await;
    assert_eq!((followers, asked.as_str()), (Ok(Some(563_458)), "GET /2/users/me?user.fields=public_metrics HTTP/1.1"));
    let refused = "403 Forbidden\r\n\r\n{\"ok\":false,\"description\":\"Forbidden: bot1:abc is no member\"}";
    let (Err(why), _) = told("telegram", telegram, "1:abc", refused).await else { panic!() };
    assert!(why.contains("403 Forbidden") && !why.contains("1:abc"), "{why}");
    let (Err(why), _) = told("x", x, X_KEYS, "200 OK\r\n\r\n{\"data\":{\"id\":\"1\"}}").await else { panic!() };
    assert!(why.contains("answered 200 OK"), "{why}");
}
