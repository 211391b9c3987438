//! What staff are told when a wording they edited cannot be used.

use super::*;

/// Edits the shipped wording and lists what is wrong with it then.
fn check(ar: [&str; 2], en: [&str; 2], expected: &[&str]) {
    let edit = |text: &str, [from, to]: [&str; 2]| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    let (wording, problems) = compile(&edit(AR, ar), &edit(EN, en));
    let shown: Vec<String> = problems
        .iter()
        .map(|problem| {
            let (file, rest) = problem.split_once(':').unwrap();
            format!("{file}:{}", rest.split_once(':').unwrap().1)
        })
        .collect();
    assert_eq!(shown, expected);
    assert_eq!(wording.is_none(), !expected.is_empty());
}

const SAME: [&str; 2] = ["", ""];

#[test]
fn the_shipped_wording_is_sound() {
    check(SAME, SAME, &[]);
}

#[test]
fn a_slot_that_one_language_forgets_is_shown_there() {
    check(
        ["من {{ from_clock }} حتى", "حتى"],
        SAME,
        &["ar.toml: slot `from_clock` is used in config/wording/en.toml and missing here \
           [write {{ from_clock }} where it belongs, or take it out of `period.same_day` there] \
           <\"حتى {{ until }}\">"],
    );
}

#[test]
fn a_mistyped_slot_is_shown_at_its_place() {
    check(
        SAME,
        ["from {{ from_clock }}", "from {{ from_clok }}"],
        &["en.toml: `period.same_day` has no slot `from_clok` [did you mean `from_clock`?] <from_clok>"],
    );
}

#[test]
fn a_missing_or_mistyped_key_is_shown() {
    check(
        SAME,
        ["raised = \"Warning", "raise = \"Warning"],
        &[
            "en.toml: `raised` is missing in `headline` [add `raised = \"…\"`] <[headline]>",
            "en.toml: unknown key `raise` in `headline` [did you mean `raised`?] <raise>",
        ],
    );
}

#[test]
fn a_plural_that_a_language_needs_is_not_left_out() {
    check(
        ["few = \"{{ n }} ساعات\"\n", ""],
        SAME,
        &["ar.toml: `few` is missing in `span.hour` [add `few = \"…\"`] <[span.hour]>"],
    );
}

#[test]
fn a_text_cannot_loop_or_break_off() {
    check(
        SAME,
        ["\"Advisory\"", "\"{% for n in range(9) %}A{% endfor %}\""],
        &["en.toml: `for` is not allowed here [a text may only choose with `if`, `elif`, `else` and `endif`] <for>"],
    );
    let (wording, problems) = compile(AR, &EN.replacen("\"Advisory\"", "\"Advisory {{\"", 1));
    assert!(wording.is_none());
    assert!(problems.iter().any(|problem| problem.contains("`level.advisory` cannot be read")), "{problems:?}");
}

#[test]
fn a_text_cannot_take_for_ever_or_fill_the_memory() {
    for greedy in ["{{ 'a' * 1000000000 }}", "{{ range(100000)|join }}"] {
        let (wording, problems) = compile(AR, &EN.replacen("Advisory", greedy, 1));
        assert!(wording.is_none() && !problems.is_empty(), "{greedy}");
    }
}

#[test]
fn a_text_without_words_is_refused() {
    check(SAME, ["\"Advisory\"", "\"\""], &["en.toml: `level.advisory` is empty [write its text] <\"\">"]);
    check(
        SAME,
        ["\"Advisory\"", "\" Advisory\""],
        &["en.toml: `level.advisory` cannot be told: it begins or ends with a space <\" Advisory\">"],
    );
}
