//! What staff are told when a wording they edited can be read, and yet fails for some bulletin or other.

use super::every::rehearse;
use super::*;
use crate::problem::Level;

/// Edits the shipped wording, rehearses it, and lists what is wrong with it then.
fn check(ar: &[[&str; 2]], en: &[[&str; 2]], expected: &[&str]) {
    let edit = |text: &str, edits: &[[&str; 2]]| {
        edits.iter().fold(text.to_owned(), |text, [from, to]| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        })
    };
    let problems = Problems::new();
    rehearse(&edit(AR, ar), &edit(EN, en), &problems);
    let told = |problem: &crate::problem::Problem| {
        let mild = if problem.level == Level::Warning { "warning: " } else { "" };
        let file = problem.file.name.trim_start_matches("config/wording/");
        let marked = problem.file.text.get(problem.span.clone()).unwrap();
        let marked: String = marked.chars().take(12).collect();
        // In how many texts more is the matter of other tests.
        let (message, _) = problem.message.split_once(" and in ").unwrap_or((&problem.message, ""));
        format!("{mild}{file}: {message} <{marked}>")
    };
    assert_eq!(problems.into_sorted().iter().map(told).collect::<Vec<_>>(), expected);
}

#[test]
fn a_text_that_fails_only_for_dust_that_is_lowered_is_found_at_its_place() {
    let lowered = "lowered = \"Automated warning lowered to {{ colour }}: {{ phenomenon }} {{ where }}\"";
    let dust = "lowered = \"Automated warning lowered to {{ colour }}: {% if phenomenon == 'blowing dust and reduced visibility' %}\
                {{ phenomenon|brief }}{% else %}{{ phenomenon }}{% endif %} {{ where }}\"";
    let told = "en.toml: `automatic_headline.lowered` cannot be filled (filter brief is unknown), told of dust, yellow, lowered <brief>";
    check(&[], &[[lowered, dust]], &[told]);
    let silent = "lowered = \"{% if colour == 'red' %}{% else %}Automated warning lowered to {{ colour }}: {{ phenomenon }} {{ where }}{% endif %}\"";
    let told = "en.toml: `automatic_headline.lowered` says nothing, told of rain, red, lowered \
                <\"{% if colou>";
    check(&[], &[[lowered, silent]], &[told]);
}

#[test]
fn a_text_in_the_other_language_is_found_and_a_name_in_isolates_is_none() {
    let arabic = "خففوا السرعة، واتركوا مسافة كافية بين المركبات، واستخدموا أنوار الضباب.";
    let told = "ar.toml: `advice.fog.yellow` is written in Latin letters, told of fog, yellow, issued \
                <\"Slow down, >";
    check(&[[arabic, "Slow down, and keep your distance."]], &[], &[told]);
    let told = "en.toml: `phenomenon.wind.red` is written in Arabic letters, told of wind, red, issued <\"رياح\">";
    check(&[], &[["\"violent winds\"", "\"رياح\""]], &[told]);
    let told = "warning: ar.toml: `notice.relayed` has Latin letters that turn the words beside them around, told of rain, advisory, \
                issued by an authority <\"نقلًا عن {{>";
    check(&[["نقلًا عن {{ authority }}.", "نقلًا عن {{ authority }} (CAP)."]], &[], &[told]);
    check(&[["نقلًا عن {{ authority }}.", "نقلًا عن {{ authority }} (\u{2068}CAP\u{2069})."]], &[], &[]);
}

#[test]
fn what_only_shows_when_texts_are_put_together_is_found() {
    let single = "en.toml: `where.sea` has a brace in what is read, told of sea, advisory, issued <\"in {reach} >";
    check(&[], &[["sea = \"in {{ reach }}\"", "sea = \"in {reach} {{ reach }}\""]], &[single]);
    let stop =
        "warning: en.toml: `body.effects` comes to `..` at {{ effects }}, told of dust, yellow, issued <\"Possible ef>";
    check(
        &[],
        &[[
            "yellow = \"strong winds\"\norange = \"strong winds, and danger",
            "yellow = \"strong winds.\"\norange = \"strong winds, and danger",
        ]],
        &[stop],
    );
    let long = "x".repeat(3_800);
    let told = "en.toml: `advice.cold.red` makes a text of more than 4000 characters, told of cold, red, issued <\"xxxxxxxxxxx>";
    check(&[], &[["Go out only if you must. Never burn", &format!("{long} Never burn")]], &[told]);
    let long = format!("{} Never cross a flood.", "x".repeat(240));
    let told = "en.toml: `action.rain.red` does not fit into a post with the headline and what to do alone, told of rain, red, issued \
                <\"xxxxxxxxxxx>";
    check(&[], &[["Danger to life: stay in a safe place. Never cross a flood.\"", &format!("{long}\"")]], &[told]);
}

#[test]
fn every_mistake_is_told_at_once_those_of_reading_with_those_of_telling() {
    let unknown = "en.toml: `level.advisory` has no slot `colour` <colour>";
    let missing = "en.toml: `raised` is missing in `headline` <[headline]>";
    let script = "en.toml: `phenomenon.wind.red` is written in Arabic letters, told of wind, red, issued <\"رياح\">";
    let spelt = "en.toml: unknown key `raise` in `headline` <raise>";
    let edits = [
        ["\"Advisory\"", "\"Advisory {{ colour }}\""],
        ["raised = \"Warning", "raise = \"Warning"],
        ["\"violent winds\"", "\"رياح\""],
    ];
    check(&[], &edits, &[unknown, missing, spelt, script]);
}
