//! What the people on duty say by their own hand, by the real program and the service that runs: shown first, approved by somebody
//! else, and taken back where it was received.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::process::{End, Process, nadhir, run, text, wait_for};
use super::service::{Scene, stop};

/// A service with a channel of the public that waits for approval of red, one of the people on duty, and one for drills.
fn on_duty() -> (Scene, Process) {
    let scene = Scene::bare();
    scene.write("feeds.toml", &scene.outside.feeds_toml(&["rain"]));
    let channel = |name: &str, audience: &str, more: &str| {
        format!("[{name}]\nkind = \"file\"\naudience = \"{audience}\"\npath = \"{name}.jsonl\"\n{more}\n")
    };
    let channels = [
        channel("public", "public", "release = { red = \"approval\", orange = \"at-once\" }"),
        channel("staff", "staff", "form = \"json\""),
        channel("press", "public", "release = { red = \"approval\" }\nstatements = [\"news\", \"event\", \"rumour\"]"),
        channel("drills", "drill", ""),
    ];
    scene.write("channels.toml", &channels.concat());
    let mut service = Process::start(&mut scene.command());
    service.says(0, "Ready with");
    (scene, service)
}

fn ask(scene: &Scene, command: &str, arguments: &[&str]) -> End {
    let config = scene.config();
    let dirs = ["--config", text(&config), "--state", text(&scene.state)];
    run(nadhir([command]).args(arguments).args(dirs))
}

/// Commands that need no configuration.
fn tell(scene: &Scene, command: &str, arguments: &[&str]) -> End {
    run(nadhir([command]).args(arguments).args(["--state", text(&scene.state)]))
}

fn heard(scene: &Scene, channel: &str) -> Vec<String> {
    let name = |line: &serde_json::Value| line["json"]["data"]["change"].as_str().map(str::to_owned);
    scene.lines(channel).iter().filter_map(name).collect()
}

fn waits_for(scene: &Scene, channel: &str, expected: &[&str]) {
    wait_for(&format!("{expected:?} at {channel}"), || (heard(scene, channel) == expected).then_some(()));
}

const FLOOD: [&str; 10] =
    ["--hazard", "flash-flood", "--severity", "red", "--governorate", "jeddah", "--for", "3h", "--by", "Sara"];

#[test]
fn a_warning_by_hand_is_shown_first_and_approved_by_somebody_else() {
    let (scene, service) = on_duty();
    let shown = ask(&scene, "warn", &[&FLOOD[..], &["--dry-run"]].concat());
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(shown.stdout.contains("تنبيه أحمر: سيول جارفة في محافظة جدة"), "{shown:?}");
    let unsure = ask(&scene, "warn", &FLOOD);
    assert_eq!(unsure.code, Some(1), "nobody said yes: {unsure:?}");
    assert!(unsure.stderr.contains("nothing was sent"), "{unsure:?}");
    assert_eq!(heard(&scene, "staff"), Vec::<String>::new());

    let said = ask(&scene, "warn", &[&FLOOD[..], &["--yes"]].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    let bulletin = said.stderr.trim().strip_prefix("Done: ").unwrap().to_owned();
    waits_for(&scene, "staff", &["issued"]);
    let pending = ask(&scene, "pending", &[]);
    assert!(pending.stdout.contains(&bulletin) && pending.stdout.contains("until somebody approves it"), "{pending:?}");
    assert!(pending.stdout.contains("by Sara"), "{pending:?}");

    let own = tell(&scene, "approve", &[&bulletin, "--by", "Sara"]);
    assert_eq!(own.code, Some(1), "{own:?}");
    assert!(own.stderr.contains("somebody else has to approve it"), "{own:?}");
    assert_eq!(heard(&scene, "public"), Vec::<String>::new());
    let done = tell(&scene, "approve", &[&bulletin, "--by", "Omar"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), format!("Goes out: {bulletin} at 2 channels\n").as_str()));
    waits_for(&scene, "public", &["issued"]);
    assert_eq!(ask(&scene, "pending", &[]).stdout, "Nothing waits.\n");
    assert!(
        scene.lines("public")[0]["json"]["data"]["text"]["ar"]["headline"].as_str().unwrap().contains("تنبيه أحمر")
    );

    // What is shown beforehand is what is kept.
    let body = |line: &serde_json::Value| line["json"]["data"]["text"]["ar"]["body"].as_str().unwrap().to_owned();
    let advice = "غادروا الأودية والأنفاق والمواقع المنخفضة إلى أماكن مرتفعة فورًا";
    assert!(body(&scene.lines("public")[0]).contains(advice) && shown.stdout.contains(advice));

    let back = ask(&scene, "correct", &[&bulletin, "--reason", "false-alarm", "--by", "Omar", "--yes"]);
    assert_eq!(back.code, Some(0), "{back:?}");
    waits_for(&scene, "public", &["issued", "corrected"]);
    waits_for(&scene, "staff", &["issued", "corrected"]);
    let twice = ask(&scene, "correct", &[&bulletin, "--reason", "false-alarm", "--yes"]);
    assert_eq!(twice.code, Some(1), "{twice:?}");
    assert!(twice.stderr.contains("taken back already"), "{twice:?}");
    assert_eq!(heard(&scene, "drills"), Vec::<String>::new());
    assert_eq!(stop(service).0.code, Some(0));
}

#[test]
fn what_is_refused_never_reaches_the_public_and_the_people_on_duty_hear_of_it() {
    let (scene, service) = on_duty();
    let said = ask(&scene, "warn", &[&FLOOD[..], &["--yes"]].concat());
    let bulletin = said.stderr.trim().strip_prefix("Done: ").unwrap().to_owned();
    waits_for(&scene, "staff", &["issued"]);
    let no = tell(&scene, "reject", &[&bulletin, "--reason", "wrong-place", "--by", "Omar"]);
    assert_eq!(no.code, Some(0), "{no:?}");
    waits_for(&scene, "staff", &["issued", "corrected"]);
    assert_eq!(heard(&scene, "public"), Vec::<String>::new());
    let verdicts: Vec<_> =
        scene.journal().into_iter().filter(|line| line["kind"] == "verdict").map(|line| line["text"].clone()).collect();
    assert_eq!(verdicts, ["refused by Omar: wrong-place"]);
    let again = tell(&scene, "approve", &[&bulletin, "--by", "Omar"]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert_eq!(stop(service).0.code, Some(0));
}

#[test]
fn a_drill_reaches_drill_channels_and_nobody_else() {
    let (scene, service) = on_duty();
    let said = ask(&scene, "drill", &[&FLOOD[..], &["--yes"]].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.contains("تمرين — لا يستدعي أي إجراء") && said.stdout.contains("EXERCISE"), "{said:?}");
    waits_for(&scene, "drills", &["issued"]);
    assert_eq!(scene.lines("drills")[0]["json"]["data"]["status"], "Exercise");
    let number = said.stderr.trim().strip_prefix("Done: ").unwrap().to_owned();
    let over = ask(&scene, "lift", &[&number, "--by", "Sara", "--yes"]);
    assert_eq!(over.code, Some(0), "{over:?}");
    waits_for(&scene, "drills", &["issued", "lifted"]);
    assert_eq!(stop(service).0.code, Some(0));
    assert_eq!((heard(&scene, "public"), heard(&scene, "staff")), (Vec::new(), Vec::new()));
}

#[test]
fn whoever_orders_what_cannot_be_is_told_all_that_is_wrong() {
    let (scene, service) = on_duty();
    let broken =
        ["--hazard", "rain", "--severity", "red", "--governorate", "jeddah", "--for", "9d", "--by", " ", "--yes"];
    let refused = ask(&scene, "warn", &[&broken[..], &["--remarks-ar", "Closed", "--remarks-en", "مغلق"]].concat());
    assert_eq!(refused.code, Some(1), "{refused:?}");
    for part in ["longer than 3d", "who you are", "`ar` is not", "`en` is not"] {
        assert!(refused.stderr.contains(part), "{part}: {refused:?}");
    }
    let nowhere =
        ask(&scene, "warn", &["--hazard", "rain", "--severity", "red", "--governorate", "paris", "--for", "1h"]);
    assert_eq!(nowhere.code, Some(2), "{nowhere:?}");
    let nothing = ask(&scene, "correct", &["MKH-2025-000099", "--reason", "wrong-data", "--yes"]);
    assert!(nothing.stderr.contains("nothing was said under MKH-2025-000099"), "{nothing:?}");
    assert_eq!(stop(service).0.code, Some(0));
    let gone = ask(&scene, "warn", &[&FLOOD[..], &["--yes"]].concat());
    assert_eq!(gone.code, Some(69), "{gone:?}");
}

#[test]
fn a_rumour_is_answered_where_people_ask_for_it_and_taken_back_there() {
    let (scene, service) = on_duty();
    let rumour = [
        "rumour",
        "--title-ar",
        "إغلاق طريق الهدا",
        "--title-en",
        "The closing of Al Hada road",
        "--claim-ar",
        "الطريق مغلق",
        "--claim-en",
        "The road is closed",
        "--truth",
        "false",
        "--text-ar",
        "الطريق مفتوح.",
        "--text-en",
        "The road is open.",
        "--by",
        "Sara",
        "--yes",
    ];
    let said = ask(&scene, "say", &rumour);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.contains("وهذا غير صحيح."), "{said:?}");
    let name = said.stderr.trim().strip_prefix("Done: ").unwrap().to_owned();
    assert!(name.contains("-SAY-"), "{name}");
    let types = || -> Vec<String> {
        scene.lines("press").iter().map(|line| line["json"]["type"].as_str().unwrap().to_owned()).collect()
    };
    wait_for("the answer", || (types() == ["statement.rumour"]).then_some(()));
    let back = ask(&scene, "correct", &[&name, "--reason", "wrong-data", "--by", "Omar", "--yes"]);
    assert_eq!(back.code, Some(0), "{back:?}");
    wait_for("the correction", || (types() == ["statement.rumour", "statement.withdrawn"]).then_some(()));
    let silent = ["news", "--title-ar", "خبر", "--title-en", "News", "--by", "Sara", "--yes"];
    let refused = ask(&scene, "say", &silent);
    assert_eq!((refused.code, refused.stderr.contains("news have a text")), (Some(1), true), "{refused:?}");
    assert_eq!(stop(service).0.code, Some(0));
    assert_eq!((scene.lines("public").len(), scene.lines("staff").len(), scene.lines("drills").len()), (0, 0, 0));
}

#[test]
fn a_statement_waits_where_somebody_has_to_approve_it_and_what_is_refused_is_never_read() {
    let scene = Scene::bare();
    scene.write("feeds.toml", &scene.outside.feeds_toml(&["rain"]));
    let channel = "kind = \"file\"\naudience = \"public\"\npath = \"press.jsonl\"\nstatements = [\"news\"]\n";
    scene.write("channels.toml", &format!("[press]\n{channel}release = {{ statements = \"approval\" }}\n"));
    let mut service = Process::start(&mut scene.command());
    service.says(0, "Ready with");
    let news = |title: &str| {
        let words = ["news", "--title-ar", "خبر", "--title-en", title, "--text-ar", "نص", "--text-en", "Text"];
        let said = ask(&scene, "say", &[&words[..], &["--by", "Sara", "--yes"]].concat());
        said.stderr.trim().strip_prefix("Done: ").unwrap_or_else(|| panic!("{said:?}")).to_owned()
    };
    let first = news("First");
    let pending = ask(&scene, "pending", &[]);
    let line = format!("{first}  news: First, by Sara\n    press: until somebody approves it;");
    assert!(pending.stdout.contains(&line), "{pending:?}");
    let json = ask(&scene, "pending", &["--json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json[0]["statement"]["id"], &json[0]["channels"][0]["channel"]),
        (&first.clone().into(), &"press".into())
    );
    let own = tell(&scene, "approve", &[&first, "--by", "Sara"]);
    assert!(own.code == Some(1) && own.stderr.contains("somebody else has to approve it"), "{own:?}");
    let second = news("Second");
    assert_eq!(tell(&scene, "reject", &[&second, "--by", "Omar"]).code, Some(0));
    assert_eq!(tell(&scene, "approve", &[&first, "--by", "Omar"]).code, Some(0));
    wait_for("the news", || (scene.lines("press").len() == 1).then_some(()));
    assert_eq!(ask(&scene, "pending", &[]).stdout, "Nothing waits.\n");
    assert_eq!(stop(service).0.code, Some(0));
    let read: Vec<_> = scene.lines("press").iter().map(|line| line["json"]["data"]["bulletin"].to_string()).collect();
    assert!(read.len() == 1 && !read[0].contains(&second), "{read:?}");
}

/// Runs a command as another account of this machine, with a copy of the program that it may read.
fn as_account(scene: &Scene, account: (u32, u32), arguments: &[&str]) -> End {
    let program = scene.config().with_file_name("nadhir");
    if !program.exists() {
        std::fs::copy(nadhir([]).get_program(), &program).unwrap();
    }
    let mut command = Command::new(program);
    run(command
        .args(arguments)
        .args(["--state", text(&scene.state)])
        .env_remove("SUDO_USER")
        .uid(account.0)
        .gid(account.1))
}

#[test]
fn an_account_is_known_by_the_word_of_the_kernel_and_nobody_is_two_people() {
    assert!(rustix::process::geteuid().is_root(), "run this as root: it asks from other accounts");
    const DAEMON: (u32, u32) = (1, 0);
    const NOBODY: (u32, u32) = (65_534, 0);
    let scene = Scene::bare();
    scene.write("feeds.toml", &scene.outside.feeds_toml(&["rain"]));
    let channel = "kind = \"file\"\naudience = \"public\"\npath = \"public.jsonl\"\nrelease = { red = \"approval\" }\n";
    scene.write("channels.toml", &format!("[public]\n{channel}"));
    let config = scene.config().join("nadhir.toml");
    let settings = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, settings.replace("users = []", "users = [\"daemon\", \"bin\"]")).unwrap();
    let mut service = Process::start(&mut scene.command());
    service.says(0, "Ready with");
    for dir in [config.ancestors().nth(2).unwrap(), &scene.state] {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    let said =
        as_account(&scene, DAEMON, &[&["warn", "--yes", "--config", text(&scene.config())], &FLOOD[..]].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    let bulletin = said.stderr.trim().strip_prefix("Done: ").unwrap().to_owned();
    let approve = |account, by: &str| as_account(&scene, account, &["approve", &bulletin, "--by", by]);
    let own = approve(DAEMON, "Omar");
    assert!(own.code == Some(1) && own.stderr.contains("daemon wrote"), "whatever name is given: {own:?}");
    let stranger = approve(NOBODY, "bin");
    assert!(stranger.code == Some(1) && stranger.stderr.contains("nobody is not among"), "{stranger:?}");
    let root = tell(&scene, "approve", &[&bulletin, "--by", "bin"]);
    assert!(root.code == Some(1) && root.stderr.contains("without sudo"), "{root:?}");
    assert_eq!(heard(&scene, "public"), Vec::<String>::new());
    let other = approve((2, 0), "daemon");
    assert_eq!(other.code, Some(0), "{other:?}");
    waits_for(&scene, "public", &["issued"]);
    assert!(scene.journal().iter().any(|line| line["text"] == "approved by bin"), "by its own name");
    assert_eq!(stop(service).0.code, Some(0));
}
