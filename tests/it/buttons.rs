//! People on duty who press a button in Telegram, by the real program and a Bot API on loopback that keeps updates as Telegram does:
//! until the next asking says that they were dealt with.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::process::{Process, nadhir, run, text, wait_for};
use super::service::{Scene, stop};

#[derive(Default)]
struct Chat {
    /// What was asked of it, but for its updates: the method and the body.
    asked: Vec<(String, Value)>,
    /// What it has not been told to forget.
    updates: Vec<Value>,
}

/// The server; it ends when dropped.
struct Telegram {
    base: String,
    chat: Arc<Mutex<Chat>>,
    _runtime: Runtime,
}

impl Telegram {
    fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let chat = Arc::<Mutex<Chat>>::default();
        let router = Router::new().route("/{bot}/{method}", post(answer)).with_state(Arc::clone(&chat));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(axum::serve(listener, router).into_future());
        Self { base, chat, _runtime: runtime }
    }

    /// Somebody presses the button with these words beneath message 7.
    fn press(&self, id: i64, person: i64, data: &str) {
        let message = json!({ "message_id": 7, "chat": { "id": -1001 }, "date": 1_765_238_400 });
        let from = json!({ "id": person, "is_bot": false, "first_name": "سارة" });
        let query = json!({ "id": format!("q{id}"), "from": from, "message": message, "data": data });
        self.chat.lock().unwrap().updates.push(json!({ "update_id": id, "callback_query": query }));
    }

    fn asked(&self, method: &str) -> Vec<Value> {
        let chat = self.chat.lock().unwrap();
        chat.asked.iter().filter(|(asked, _)| asked == method).map(|(_, body)| body.clone()).collect()
    }
}

async fn answer(
    Path((_, method)): Path<(String, String)>,
    State(chat): State<Arc<Mutex<Chat>>>,
    body: Bytes,
) -> String {
    let body: Value = serde_json::from_slice(&body).unwrap();
    if method == "getUpdates" {
        let offset = body["offset"].as_i64().unwrap();
        assert_eq!(body["allowed_updates"], json!(["callback_query"]));
        for _ in 0..20 {
            let next = {
                let mut chat = chat.lock().unwrap();
                chat.updates.retain(|update| offset <= update["update_id"].as_i64().unwrap());
                chat.updates.first().cloned()
            };
            if let Some(next) = next {
                return json!({ "ok": true, "result": [next] }).to_string();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        return json!({ "ok": true, "result": [] }).to_string();
    }
    chat.lock().unwrap().asked.push((method, body));
    json!({ "ok": true, "result": { "message_id": 7 } }).to_string()
}

const FLOOD: [&str; 11] =
    ["--hazard", "flash-flood", "--severity", "red", "--governorate", "jeddah", "--for", "3h", "--by", "Omar", "--yes"];

#[test]
fn what_is_pressed_in_telegram_is_done_in_the_name_of_who_pressed_it_and_of_nobody_else() {
    let scene = Scene::bare();
    let telegram = Telegram::open();
    scene.write("feeds.toml", &scene.outside.feeds_toml(&["rain"]));
    let token = scene.config().with_file_name("telegram.token");
    std::fs::write(&token, "110201543:not-the-key_of-any-bot\n").unwrap();
    let public =
        "[public]\nkind = \"file\"\naudience = \"public\"\npath = \"public.jsonl\"\nrelease = { red = \"approval\" }\n";
    let desk = format!(
        "[desk]\nkind = \"telegram\"\naudience = \"staff\"\ntoken = {{ file = \"{}\" }}\nchat = \"-1001\"\napi = \"{}\"\n\
         approvers = {{ \"42\" = \"Sara\", \"43\" = \"Omar\" }}\ntimeout = \"3s\"\n",
        token.display(),
        telegram.base
    );
    scene.write("channels.toml", &format!("{public}\n{desk}"));
    let mut service = Process::start(&mut scene.command());
    service.says(0, "Ready with");
    let warn = || {
        let mut command = nadhir(["warn"]);
        let config = scene.config();
        let said = run(command.args(FLOOD).args(["--config", text(&config), "--state", text(&scene.state)]));
        said.stderr.trim().strip_prefix("Done: ").unwrap_or_else(|| panic!("{said:?}")).to_owned()
    };
    let first = warn();
    let shown = wait_for("the message with its buttons", || telegram.asked("sendMessage").first().cloned());
    let keys = &shown["reply_markup"]["inline_keyboard"];
    assert_eq!(
        (&keys[0][0]["text"], &keys[0][0]["callback_data"]),
        (&json!("اعتماد · Approve"), &json!(format!("approve {first}")))
    );
    assert_eq!((&keys[1][0]["text"], &keys[1][1]["text"]), (&json!("إيقاف مؤقت · Hold"), &json!("رفض · Reject")));

    // A stranger, who wrote it, and something that is no button of ours.
    telegram.press(100, 666, &format!("approve {first}"));
    telegram.press(101, 43, &format!("approve {first}"));
    telegram.press(102, 42, "dance");
    let answers =
        wait_for("two answers", || Some(telegram.asked("answerCallbackQuery")).filter(|told| told.len() == 2));
    assert!(answers.iter().all(|told| told["show_alert"] == true), "{answers:?}");
    assert!(answers[0]["text"].as_str().unwrap().contains("ليست لديكم صلاحية"), "{answers:?}");
    assert!(answers[1]["text"].as_str().unwrap().contains("somebody else has to approve it"), "{answers:?}");
    assert!(telegram.asked("editMessageReplyMarkup").is_empty() && scene.lines("public").is_empty());

    telegram.press(103, 42, &format!("approve {first}"));
    wait_for("the warning", || (scene.lines("public").len() == 1).then_some(()));
    let bare = wait_for("the buttons gone", || telegram.asked("editMessageReplyMarkup").first().cloned());
    assert_eq!((&bare["chat_id"], &bare["message_id"]), (&json!(-1001), &json!(7)));
    let word = wait_for("the word to everybody", || telegram.asked("sendMessage").get(1).cloned());
    assert_eq!(word["reply_parameters"]["message_id"], 7);
    assert!(word["text"].as_str().unwrap().contains("اعتُمدت النشرة") && word["reply_markup"].is_null(), "{word}");
    assert!(scene.journal().iter().any(|line| line["text"] == "approved by Sara"));

    // Once more of what is settled, and what is said after it has no buttons.
    telegram.press(104, 42, &format!("reject {first}"));
    let late = wait_for("an answer", || telegram.asked("answerCallbackQuery").get(3).cloned());
    assert!(late["text"].as_str().unwrap().contains("nothing of"), "{late}");
    assert_eq!(stop(service).0.code, Some(0));
    assert!(telegram.chat.lock().unwrap().updates.len() <= 1, "what was dealt with is not heard again");
    assert_eq!(scene.lines("public").len(), 1);
}
