//! What is shown is what is sent.

use std::collections::BTreeMap;

use super::super::which::made_up;
use super::super::{Arguments as Nadhir, Command};
use super::*;
use crate::dispatch::dispatch;
use crate::time::Timestamp;
use clap::Parser as _;

const CHANNELS: &str = "[page]\nkind = \"console\"\naudience = \"public\"\nremind = { red = \"1h\" }\n\n\
    [posts]\nkind = \"file\"\naudience = \"public\"\npath = \"posts.jsonl\"\nform = \"post\"\n\n\
    [telephones]\nkind = \"file\"\naudience = \"public\"\npath = \"sms.jsonl\"\nform = \"sms\"\nlanguages = [\"ar\"]\n\n\
    [drill]\nkind = \"console\"\naudience = \"drill\"\n";

fn shown(arguments: &str) -> (Vec<Preview>, Bulletin, Config) {
    let config =
        crate::config::from_files(BTreeMap::from([("channels.toml".to_owned(), CHANNELS.to_owned())])).unwrap().0;
    let words = ["nadhir", "preview"].into_iter().chain(arguments.split_whitespace());
    let Command::Preview(asked) = Nadhir::parse_from(words).command else { panic!("{arguments}") };
    let now = Timestamp::from_timestamp(1_765_227_600, 0).unwrap();
    let bulletin = made_up(&asked.which, &config, now).map_err(|stopped| stopped.1).unwrap();
    let shown = previews(&bulletin, &config, asked.channel.as_deref()).map_err(|stopped| stopped.1).unwrap();
    (shown, bulletin, config)
}

#[test]
fn a_reminder_is_shown_at_the_channels_that_ask_for_it() {
    let (_, bulletin, config) = shown("--hazard flash-flood --severity red --governorate jeddah --reminder");
    let again = reminders(&bulletin, &config, None).map_err(|stopped| stopped.1).unwrap();
    let names: Vec<&str> = again.iter().map(|one| one.channel.as_str()).collect();
    assert_eq!(names, ["page"]);
    assert!(again[0].body.starts_with("تذكير: ") && again[0].body.contains("Reminder: "), "{}", again[0].body);
}

#[test]
fn what_is_shown_is_what_would_be_frozen_and_sent() {
    let (shown, bulletin, config) = shown("--hazard flash-flood --severity red --governorate jeddah,taif");
    let names: Vec<&str> = shown.iter().map(|one| one.channel.as_str()).collect();
    assert_eq!(names, ["page", "posts", "telephones"], "a drill channel hears no warning");
    let listeners: Vec<_> = config.channels.iter().map(|channel| channel.listener.clone()).collect();
    let render = |bulletin: &Bulletin, form, languages: &[Language]| {
        config.speaker.render(bulletin, &config.governorates, form, languages)
    };
    let frozen =
        dispatch(std::slice::from_ref(&bulletin), &listeners, bulletin.issued, render, |_, _, _| None).unwrap();
    let mut sent: Vec<&str> = frozen.messages.iter().map(|message| message.body.as_str()).collect();
    let mut told: Vec<&str> = shown.iter().map(|one| one.body.as_str()).collect();
    sent.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, sent);
    let posts = &shown[1].parts;
    assert!(posts.iter().all(|room| room.length <= room.limit && room.limit == 280), "{posts:?}");
    assert_eq!((shown[2].parts.len(), shown[2].parts[0].alphabet), (1, Some("UCS-2")));
}

#[test]
fn a_card_is_written_as_what_its_name_says_and_told_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let told = |file: &str, more: &str| {
        let path = dir.path().join(file);
        let line = format!(
            "nadhir preview --hazard rain --severity red --governorate jeddah --card {} {more}",
            path.display()
        );
        let Command::Preview(asked) = Nadhir::parse_from(line.split_whitespace()).command else { panic!("{line}") };
        let config = crate::config::from_files(BTreeMap::new()).unwrap().0;
        let now = Timestamp::from_timestamp(1_765_227_600, 0).unwrap();
        let bulletin = made_up(&asked.which, &config, now).map_err(|stopped| stopped.1).unwrap();
        let told = asked.card.write(&path, &bulletin, &config);
        told.map(|alt| (alt, std::fs::read(&path).unwrap())).map_err(|Stopped(code, why)| (code, why))
    };
    let (alt, image) = told("card.png", "").unwrap();
    assert!(alt.starts_with("إنذار آلي أحمر: ") && image.starts_with(b"\x89PNG"), "{alt}");
    let (alt, svg) = told("card.SVG", "--language en --size square").unwrap();
    let svg = String::from_utf8(svg).unwrap();
    assert!(
        alt.starts_with("Automated red warning: ")
            && svg.contains("viewBox=\"0 0 1080 1080\" role=\"img\" lang=\"en\"")
    );
    let (code, why) = told("card.jpg", "").unwrap_err();
    assert!(code == crate::cli::EX_USAGE && why.ends_with("is neither .png nor .svg: name the picture so"), "{why}");
}

#[test]
fn a_sheet_names_the_channel_the_room_and_the_hash() {
    let (shown, ..) = shown("--hazard dust --severity orange --governorate jeddah --channel telephones");
    let text = whole(&shown);
    assert!(text.starts_with("── telephones (file, public) ── sms, application/vnd.nadhir.parts+json, "), "{text}");
    assert!(text.contains("· ar: 4 of 4 segments, UCS-2\nإنذار آلي برتقالي: "), "{text}");
    assert!(text.contains(&shown[0].sha256) && shown[0].sha256.len() == 64);
}
