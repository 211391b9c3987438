//! People on duty who press a button in Slack: what the message shows, what the socket tells, and where the answer goes.

use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use nadhir::bulletin::Verdict;
use nadhir::message::ask::Buttons;
use nadhir::sink::ear::Told;
use nadhir::sink::{Parcel, Receipt, World};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::receiver::Receiver;
use super::{parcel, read};

const TOKEN: &str = "xapp-1-not-the-token-of-anybody";

/// A socket that tells what it is given, in order, and hands over what is said back.
fn socket(listener: TcpListener, told: Vec<Value>) -> mpsc::UnboundedReceiver<Value> {
    let (heard, hearing) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = accept_async(stream).await.unwrap();
        for one in told {
            let wants_word = !one["envelope_id"].is_null();
            socket.send(Frame::text(one.to_string())).await.unwrap();
            if wants_word {
                let said = socket.next().await.unwrap().unwrap();
                heard.send(serde_json::from_str(said.to_text().unwrap()).unwrap()).unwrap();
            }
        }
        std::future::pending::<()>().await;
    });
    hearing
}

/// A press of a button, as Slack tells of it.
fn press(number: u32, person: &str, answer: &str) -> Value {
    let bulletin = parcel(1).bulletin;
    let message = json!({ "text": "تحذير", "blocks": [
        { "type": "section", "text": { "type": "plain_text", "text": "تحذير" } }, { "type": "actions", "elements": [] },
    ] });
    let payload = json!({
        "type": "block_actions", "user": { "id": person, "username": "sara" }, "response_url": answer, "message": message,
        "actions": [{ "type": "button", "value": format!("approve {bulletin}"), "action_ts": "1" }],
    });
    json!({ "type": "interactive", "envelope_id": format!("e{number}"), "accepts_response_payload": false, "payload": payload })
}

#[tokio::test]
async fn slack_shows_buttons_and_hears_who_pressed_them() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("ws://{}/link/?ticket=hunter2", listener.local_addr().unwrap());
    // Slack's methods and its answers lie at one place; the webhook, whose address is a secret, at another.
    let opened = format!("200 OK\r\n\r\n{}", json!({ "ok": true, "url": address }));
    let mut methods = Receiver::start(&[&opened, "200 OK\r\n\r\nok", "200 OK\r\n\r\nok"]).await;
    let elsewhere = Receiver::start(&["200 OK\r\n\r\nok"]).await;
    let told = vec![
        json!({ "type": "hello", "num_connections": 1 }),
        press(1, "U012AB3CD", &format!("{}/actions/1", methods.base)),
        press(2, "U999ZZ9ZZ", &format!("{}/actions/2", elsewhere.base)),
    ];
    let mut heard = socket(listener, told);
    let mut hook = Receiver::start(&["200 OK\r\n\r\nok", "200 OK\r\n\r\nok"]).await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("url"), format!("{}/services/T0/B0/hunter2hunter2\n", hook.base)).unwrap();
    std::fs::write(dir.path().join("app"), TOKEN).unwrap();
    let settings = format!(
        "url = {{ file = \"url\" }}\napp_token = {{ file = \"app\" }}\napprovers = {{ \"U012AB3CD\" = \"Sara\" }}\napi = \"{}/api\"\n",
        methods.base
    );
    let opener = read("slack", &settings);
    assert!(opener.hears_verdicts());
    let sink = opener.open(&World::new(dir.path().to_owned()).unwrap()).unwrap();

    let buttons = ["اعتماد · Approve", "إيقاف مؤقت · Hold", "رفض · Reject"].map(str::to_owned);
    let [approve, hold, reject] = buttons;
    let content_type = "text/plain; charset=utf-8".to_owned();
    let bare = Parcel { body: "تحذير <أحمر>\n".into(), content_type, ..parcel(1) };
    let asking = Parcel { asks: Some(Arc::new(Buttons { approve, hold, reject })), ..bare.clone() };
    for (parcel, shows) in [(&asking, true), (&bare, false)] {
        assert_eq!(sink.send(parcel).await, Ok(Receipt("200 OK: ok".to_owned())));
        let body: Value = serde_json::from_slice(&hook.next().await.body).unwrap();
        assert_eq!(body["text"], "تحذير &lt;أحمر&gt;");
        assert_eq!(body["blocks"].is_array(), shows);
        if shows {
            assert_eq!(body["blocks"][0]["text"]["text"], "تحذير &lt;أحمر&gt;");
            assert_eq!(body["blocks"][1]["elements"][0]["value"], "approve MKH-2025-000012.3");
            assert_eq!(body["blocks"][1]["elements"][2]["text"]["text"], "رفض · Reject");
        }
    }

    let ear = sink.ear().unwrap();
    assert_eq!(ear.listen().await.unwrap(), [], "a greeting is no press");
    let asked = methods.next().await;
    assert!(asked.line.starts_with("POST /api/apps.connections.open "), "{}", asked.line);
    assert_eq!(asked.headers["authorization"], format!("Bearer {TOKEN}"));
    let pressed = ear.listen().await.unwrap().remove(0);
    assert_eq!(
        (pressed.by.as_deref(), pressed.verdict, &pressed.bulletin),
        (Some("Sara"), Verdict::Approve, &bare.bulletin)
    );
    assert_eq!(heard.recv().await.unwrap(), json!({ "envelope_id": "e1" }));
    let stranger = ear.listen().await.unwrap().remove(0);
    assert_eq!(stranger.by, None);
    assert_eq!(heard.recv().await.unwrap(), json!({ "envelope_id": "e2" }));

    ear.answer(&pressed, "اعتُمدت\napproved", Told::Everybody).await.unwrap();
    let all: Value = serde_json::from_slice(&methods.next().await.body).unwrap();
    assert_eq!(all["replace_original"], true);
    let kinds: Vec<&Value> = all["blocks"].as_array().unwrap().iter().map(|block| &block["type"]).collect();
    assert_eq!(kinds, ["section", "section"], "the buttons are gone: {all}");
    assert_eq!(all["blocks"][1]["text"]["text"], "اعتُمدت\napproved");
    ear.answer(&pressed, "no", Told::Presser).await.unwrap();
    let one: Value = serde_json::from_slice(&methods.next().await.body).unwrap();
    assert_eq!((&one["response_type"], &one["text"]), (&json!("ephemeral"), &json!("no")));
    // What is named elsewhere than where the methods lie is no address of Slack's: nothing is sent there.
    let refused = ear.answer(&stranger, "no", Told::Presser).await.unwrap_err();
    assert!(refused.contains("not its own") && elsewhere.is_idle(), "{refused}");
}
