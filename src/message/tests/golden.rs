//! Texts as they are read: look at every difference before you accept it.

use super::*;

/// Keeps the snapshots where staff find them.
pub(super) fn golden(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Several texts in one file, each under its name.
pub(super) fn chapter(texts: impl IntoIterator<Item = (String, String)>) -> String {
    texts.into_iter().map(|(name, text)| format!("### {name}\n\n{text}\n")).collect()
}

#[test]
fn every_change_of_an_automatic_warning() {
    let texts = Change::ALL.iter().map(|change| {
        let severity = if *change == Change::Lowered { Severity::Orange } else { Severity::Red };
        (change.name().to_owned(), text(&automatic(*change, Hazard::Rain, severity), &Language::ALL))
    });
    golden("automatic_changes", &chapter(texts));
}

#[test]
fn every_change_of_an_official_warning() {
    let texts = Change::ALL.iter().map(|change| {
        let severity = if *change == Change::Lowered { Severity::Orange } else { Severity::Red };
        (change.name().to_owned(), text(&official(*change, severity, words_in_both()), &Language::ALL))
    });
    golden("official_changes", &chapter(texts));
}

#[test]
fn every_change_of_a_warning_by_hand() {
    let texts = Change::ALL.iter().map(|change| {
        let severity = if *change == Change::Lowered { Severity::Orange } else { Severity::Red };
        (change.name().to_owned(), text(&SCENE.by_hand(*change, Hazard::FlashFlood, severity), &Language::ALL))
    });
    golden("desk_changes", &chapter(texts));
}

#[test]
fn every_sort_of_statement() {
    let mut texts = Vec::new();
    let areas = [GovernorateId::new("makkah").unwrap(), GovernorateId::new("taif").unwrap()];
    let speaker = speaker(false);
    rehearsal::statements::every(&SCENE, &areas, |statement, story| {
        for form in [Form::Text, Form::Post] {
            let message = speaker.announce(statement, &BOOK, form, &Language::ALL).unwrap();
            texts.push((format!("{story}, {}", form.name()), message.body));
        }
    });
    golden("statements", &chapter(texts));
}

#[test]
fn every_reason_for_a_correction() {
    let texts = Reason::ALL.iter().map(|reason| {
        let told = automatic(Change::Corrected, Hazard::FlashFlood, Severity::Red);
        let by_hand = ByHand { reason: Some(*reason), ..told.by_hand };
        (reason.name().to_owned(), text(&Bulletin { by_hand, ..told }, &Language::ALL))
    });
    golden("corrections", &chapter(texts));
}

#[test]
fn what_still_holds_is_told_once_more_as_a_reminder() {
    let speaker = speaker(false);
    let told = [
        ("automatic", automatic(Change::Issued, Hazard::FlashFlood, Severity::Red)),
        ("official", official(Change::Extended, Severity::Red, words_in_both())),
    ];
    let mut texts = Vec::new();
    for (name, bulletin) in &told {
        for form in [Form::Text, Form::Post, Form::Sms] {
            let message = speaker.remind(bulletin, &BOOK, form, &Language::ALL, 2).unwrap();
            assert!(message.key.as_str().ends_with("/ar+en/reminder-2"));
            texts.push((format!("{name}, {}", form.name()), message.body));
        }
    }
    let json = speaker.remind(&told[0].1, &BOOK, Form::Json, &Language::ALL, 2).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json.body).unwrap();
    assert_eq!((&json["data"]["reminder"], &json["data"]["id"]), (&2.into(), &told[0].1.id.as_str().into()));
    golden("reminders", &chapter(texts));
}

#[test]
fn an_official_warning_in_one_language_is_quoted_in_the_other() {
    let [ar, en] = words_in_both().try_into().unwrap();
    let texts = [("arabic only", vec![ar]), ("english only", vec![en]), ("no words", Vec::new())]
        .map(|(name, words)| (name.to_owned(), text(&official(Change::Issued, Severity::Red, words), &Language::ALL)));
    golden("official_in_one_language", &chapter(texts));
}

#[test]
fn every_hazard_at_every_severity() {
    let mut texts = Vec::new();
    for hazard in Hazard::ALL {
        for severity in Severity::ALL {
            let told = Bulletin {
                origin: Origin::Automatic { evidence: Vec::new() },
                ..automatic(Change::Issued, *hazard, *severity)
            };
            texts.push((format!("{hazard} {severity}"), text(&told, &Language::ALL)));
        }
    }
    golden("hazards", &chapter(texts));
}

#[test]
fn every_evidence() {
    let mut texts = Vec::new();
    for metric in Metric::ALL {
        let values: &[f64] = match metric {
            Metric::Precipitation => &[12.34, 51.0],
            Metric::Temperature | Metric::ApparentTemperature | Metric::DewPoint | Metric::HeatIndex | Metric::Wbgt => {
                &[1.0, 2.0, 5.0, 47.3]
            }
            Metric::Humidity => &[65.0],
            Metric::WindSpeed | Metric::WindGust => &[23.15],
            Metric::Visibility => &[50.0, 800.0, 3000.0],
            Metric::WeatherCode => &[45.0, 65.0, 95.0],
            Metric::WaveHeight => &[2.0, 2.5, 3.0],
            Metric::Dust | Metric::Pm10 => &[1250.0, 12_500.0],
            Metric::Cape => &[2500.0],
            Metric::Pressure => &[1003.0],
            Metric::DustLevel => &[1.0, 2.0, 3.0],
        };
        for (basis, value) in [Basis::Observed, Basis::Forecast]
            .into_iter()
            .flat_map(|basis| values.iter().map(move |value| (basis, *value)))
        {
            let told = Bulletin {
                issued: riyadh(9, 3, 10),
                origin: Origin::Automatic { evidence: vec![evidence(*metric, basis, 6, value)] },
                ..automatic(Change::Issued, Hazard::Rain, Severity::Red)
            };
            let sentence = |language| text(&told, &[language]).split("\n\n").nth(2).unwrap().to_owned();
            let both = Language::ALL.map(sentence).join("\n");
            texts.push((format!("{metric} {value} canonical"), both));
        }
    }
    golden("evidence", &chapter(texts));
}

#[test]
fn places_and_periods() {
    let told =
        |ids: &[&str]| Bulletin { areas: areas(ids), ..automatic(Change::Issued, Hazard::Sea, Severity::Orange) };
    let all: Vec<&str> = NAMES.iter().map(|names| names[0]).collect();
    let lines = |bulletin: &Bulletin| {
        Language::ALL
            .map(|language| text(bulletin, &[language]).lines().take(3).collect::<Vec<_>>().join("\n"))
            .join("\n")
    };
    let mut texts = Vec::new();
    for ids in [
        &["jeddah"][..],
        &["makkah"],
        &["makkah", "jeddah"],
        &["jeddah", "bahrah"],
        &["makkah", "jeddah", "bahrah"],
        &["jeddah", "al-lith", "rabigh"],
        &["makkah", "jeddah", "al-lith", "rabigh"],
        &all[1..],
        &all,
    ] {
        texts.push((ids.join(" "), lines(&told(ids))));
    }
    for (name, onset, until) in [
        ("over two days", riyadh(9, 18, 0), riyadh(10, 1, 30)),
        ("until midnight", riyadh(9, 12, 0), riyadh(10, 0, 0)),
        ("a whole day", riyadh(9, 0, 0), riyadh(10, 0, 0)),
        ("from now", riyadh(8, 20, 0), riyadh(8, 23, 30)),
    ] {
        texts.push((name.to_owned(), lines(&Bulletin { onset, until, ..told(&["jeddah"]) })));
    }
    let caveats = Bulletin {
        left: areas(&["al-lith", "rabigh"]),
        silent_since: Some(riyadh(9, 1, 40)),
        ..automatic(Change::Extended, Hazard::Rain, Severity::Orange)
    };
    texts.push(("left and silent".to_owned(), text(&caveats, &Language::ALL)));
    let stays =
        Bulletin { parted: areas(&["al-lith", "taif"]), ..automatic(Change::Updated, Hazard::Rain, Severity::Yellow) };
    texts.push(("others have parted".to_owned(), text(&stays, &Language::ALL)));
    let doubtful = Bulletin {
        left: areas(&["al-lith"]),
        doubtful: areas(&["rabigh", "taif"]),
        ..official(Change::Lowered, Severity::Orange, words_in_both())
    };
    texts.push(("left and doubtful".to_owned(), text(&doubtful, &Language::ALL)));
    let ended = Bulletin { change: Change::Lifted, doubtful: Vec::new(), ..doubtful };
    texts.push(("left before it was lifted".to_owned(), text(&ended, &Language::ALL)));
    let unknown =
        Bulletin { silent_since: Some(riyadh(9, 7, 0)), ..automatic(Change::Expired, Hazard::Rain, Severity::Red) };
    texts.push(("ran out in silence".to_owned(), text(&unknown, &Language::ALL)));
    let drill = Bulletin { status: Status::Exercise, ..automatic(Change::Issued, Hazard::Rain, Severity::Red) };
    texts.push(("a drill".to_owned(), text(&drill, &Language::ALL)));
    golden("places_and_periods", &chapter(texts));
}

#[test]
fn json_for_machines() {
    let raised = Bulletin { was: Some(Severity::Orange), ..automatic(Change::Raised, Hazard::Rain, Severity::Red) };
    let issued = official(Change::Issued, Severity::Red, words_in_both());
    let json = [raised, issued].map(|bulletin| {
        let message = speaker(false).render(&bulletin, &BOOK, Form::Json, &Language::ALL).unwrap();
        (message.key.as_str().to_owned(), message.body)
    });
    golden("json", &chapter(json));
}

/// Bulletins to be read whole: several places, an extension that ends at midnight, an end.
#[test]
fn samples() {
    let dust = Bulletin {
        areas: areas(&["jeddah", "al-lith"]),
        origin: Origin::Automatic { evidence: vec![evidence(Metric::Visibility, Basis::Forecast, 1, 2000.0)] },
        ..automatic(Change::Issued, Hazard::Dust, Severity::Orange)
    };
    let heat = Bulletin {
        areas: areas(&["makkah", "jeddah", "taif"]),
        origin: Origin::Automatic { evidence: vec![evidence(Metric::Temperature, Basis::Observed, 1, 49.4)] },
        until: riyadh(10, 0, 0),
        ..automatic(Change::Extended, Hazard::Heat, Severity::Red)
    };
    let rain =
        Bulletin { areas: areas(&["makkah", "jeddah"]), ..automatic(Change::Lifted, Hazard::Rain, Severity::Orange) };
    let texts = [("dust issued", dust), ("heat extended", heat), ("rain lifted", rain)]
        .map(|(name, bulletin)| (name.to_owned(), text(&bulletin, &Language::ALL)));
    golden("samples", &chapter(texts));
}
