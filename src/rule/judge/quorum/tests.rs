//! The counts against a reference that tries out everything that the silent voices might have said.

use proptest::prelude::*;

use super::*;
use crate::ids::GovernorateId;
use crate::reading::Basis;
use crate::time::Timestamp;
use crate::unit::Metric;

fn sighting(value: f64, begins: i64, ends: i64) -> Sighting {
    let at = |hour: i64| Timestamp::from_timestamp(1_765_227_600 + hour * 3600, 0).unwrap();
    let key = SeriesKey {
        governorate: GovernorateId::new("jeddah").unwrap(),
        metric: Metric::WindGust,
        basis: Basis::Observed,
        feed: FeedId::new("gauge").unwrap(),
        station: None,
    };
    Sighting { key, value, at: at(ends), begins: at(begins), ends: at(ends) }
}

/// A voice by its letter: R reached, B between, C clear, - unknown.
fn voice(letter: char) -> Seen {
    match letter {
        'R' => Seen::Reached(sighting(20.0, 0, 1)),
        'B' => Seen::Between,
        'C' => Seen::Clear,
        _ => Seen::Unknown,
    }
}

fn letter(seen: &Seen) -> char {
    match seen {
        Seen::Reached(_) => 'R',
        Seen::Between => 'B',
        Seen::Clear => 'C',
        Seen::Unknown => '-',
    }
}

fn verdict(needed: usize, voices: &str) -> char {
    letter(&together(needed, Direction::AtLeast, voices.chars().map(voice)))
}

#[test]
fn a_quorum_neither_raises_nor_eases_on_silence() {
    let check = |needed: usize, voices: &str, expected: char| {
        assert_eq!(verdict(needed, voices), expected, "{needed} of {voices}");
    };
    check(1, "", '-');
    check(1, "C-", '-');
    check(1, "CB", 'B');
    check(1, "CCR", 'R');
    check(2, "R", '-');
    check(2, "C", '-');
    check(2, "RC", 'C');
    check(2, "R-", '-');
    check(2, "R-C", '-');
    check(2, "C-C", 'C');
    check(2, "RBC", 'B');
    check(2, "RR-", 'R');
    check(2, "B-C", 'B');
    check(2, "--C", '-');
    check(3, "RRC", 'C');
    check(3, "RRB", 'B');
}

/// By trying out all that the unknown voices may be.
fn reference(needed: usize, voices: &str) -> char {
    if voices.chars().filter(|letter| *letter != '-').count() < needed {
        return '-';
    }
    let mut worlds = vec![String::new()];
    for letter in voices.chars() {
        let may_be = if letter == '-' { vec!['R', 'B', 'C'] } else { vec![letter] };
        worlds = worlds.iter().flat_map(|world| may_be.iter().map(move |letter| format!("{world}{letter}"))).collect();
    }
    let seen: Vec<char> = worlds
        .iter()
        .map(|world| {
            let count = |letter| world.chars().filter(|other| *other == letter).count();
            match (needed <= count('R'), needed <= count('R') + count('B')) {
                (true, _) => 'R',
                (false, true) => 'B',
                (false, false) => 'C',
            }
        })
        .collect();
    let all = |letter| seen.iter().all(|other| *other == letter);
    match (all('R'), all('C'), seen.contains(&'R')) {
        (true, _, _) => 'R',
        (_, true, _) => 'C',
        (_, _, true) => '-',
        (_, _, false) => 'B',
    }
}

proptest! {
    #[test]
    fn the_counts_say_what_trying_out_every_silent_voice_says(needed in 1usize..5, voices in "[RBC\\-]{0,6}") {
        prop_assert_eq!(verdict(needed, &voices), reference(needed, &voices), "{} of {}", needed, voices);
    }

    #[test]
    fn without_a_quorum_voices_are_one_as_before(voices in "[RBC\\-]{0,6}") {
        let has = |letter| voices.contains(letter);
        let expected = ['R', '-', 'B', 'C'].into_iter().find(|letter| has(*letter)).unwrap_or('-');
        prop_assert_eq!(verdict(1, &voices), expected);
    }
}

#[test]
fn what_is_told_is_what_as_many_as_must_agree_have_reached() {
    let voices = || [sighting(90.0, 3, 4), sighting(41.0, 1, 2), sighting(30.0, 2, 6)].into_iter().map(Seen::Reached);
    for (needed, expected) in [(1, 90.0), (2, 41.0), (3, 30.0)] {
        let Seen::Reached(told) = together(needed, Direction::AtLeast, voices()) else { panic!("{needed}") };
        assert!((told.value - expected).abs() < 1e-9, "{needed}: {}", told.value);
        assert_eq!((told.begins, told.ends), (sighting(0.0, 1, 1).begins, sighting(0.0, 1, 6).ends));
    }
    let Seen::Reached(told) = together(2, Direction::AtMost, voices()) else { panic!() };
    assert!((told.value - 41.0).abs() < 1e-9);
}
