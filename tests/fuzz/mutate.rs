//! How a body is changed: as broken lines, hostile hands and hurried programmers change it. The same seed changes it the same way.

use fastrand::Rng;

/// The most changes of one body.
const MAX_CHANGES: usize = 8;
/// The longest part that is moved or copied, in bytes.
const MAX_PART: usize = 4096;
/// One body in so many grows up to the limit; the others stay small, so that many can be tried.
const GROWS: usize = 100;
/// How large the others may become, in bytes.
const SMALL: usize = 256 * 1024;

/// Numbers that somebody forgot.
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "-1",
    "1e999",
    "-1e308",
    "1e-320",
    "NaN",
    "inf",
    "99999999999999999999",
    "9223372036854775807",
    "-9223372036854775808",
    "4294967296",
    "0.1",
    "90.0000001",
    "-180",
    "٣",
    "۹",
    "1_000",
    "0x10",
    "1,5",
    "",
    "18446744073709551616",
    "2147483648",
];
/// Letters that are more than they look.
const LETTERS: &[&str] = &[
    "\u{feff}",
    "\u{202e}",
    "\u{2066}",
    "\u{200f}",
    "\u{0}",
    "\u{2028}",
    "\u{640}",
    "\u{64b}",
    "ﷺ",
    "ﻻ",
    "😀",
    "\u{301}",
    "ß",
    "İ",
    "\r",
    "\t",
    "]]>",
    "<!--",
    "-->",
    "<![CDATA[",
    "&amp;",
    "&#0;",
    "&x;",
    "<!DOCTYPE a>",
    "\\u0000",
    "\\ud800",
    "\"",
    "'",
    "=",
    "/",
    "%00",
    "ال",
    "و",
];

/// Changes a body; `others` lend their parts, and none becomes longer than `limit`.
pub(crate) fn mutate(body: &[u8], others: &[Vec<u8>], limit: usize, chance: &mut Rng) -> Vec<u8> {
    let mut body = body.to_vec();
    let limit = if chance.usize(..GROWS) == 0 { limit } else { limit.min(SMALL.max(body.len())) };
    for _ in 0..=chance.usize(..MAX_CHANGES) {
        change(&mut body, others, limit, chance);
        body.truncate(limit);
    }
    body
}

fn change(body: &mut Vec<u8>, others: &[Vec<u8>], limit: usize, chance: &mut Rng) {
    let at = place(body, chance);
    match chance.u8(..16) {
        0 => {
            if let Some(byte) = body.get_mut(at) {
                *byte ^= 1 << chance.u8(..8);
            }
        }
        1 => {
            if let Some(byte) = body.get_mut(at) {
                *byte = chance.u8(..);
            }
        }
        2 => {
            let part = part(body, chance);
            body.drain(part);
        }
        3 => {
            let copy = copied(body, chance);
            insert(body, at, &copy);
        }
        4 => {
            let lent = chance.choice(others).map(|other| copied(other, chance)).unwrap_or_default();
            insert(body, at, &lent);
        }
        5 if chance.bool() => body.truncate(at),
        6 => {
            // A part of another body in place of one of this.
            let lent = chance.choice(others).map(|other| copied(other, chance)).unwrap_or_default();
            let part = part(body, chance);
            body.splice(part, lent);
        }
        7 | 8 => {
            let number = number(body, at);
            let new = chance.choice(NUMBERS).copied().unwrap_or_default();
            body.splice(number, new.bytes());
        }
        9 => {
            let letter = chance.choice(LETTERS).copied().unwrap_or_default();
            insert(body, at, letter.as_bytes());
        }
        10 => {
            let copy = copied(body, chance);
            let room = limit.saturating_sub(body.len()) / copy.len().max(1);
            let times = if chance.usize(..8) == 0 { room } else { room.min(chance.usize(1..64)) };
            insert(body, at, &copy.repeat(times));
        }
        11 | 12 => {
            // A token for another: what stands between two marks.
            let (one, two) = (token(body, at), token(body, place(body, chance)));
            let new = body.get(two).map(<[u8]>::to_vec).unwrap_or_default();
            body.splice(one, new);
        }
        13 => {
            let opening = ["<a>", "[", "{\"a\":", "(", "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\">"];
            let opening = chance.choice(opening).unwrap_or_default();
            insert(body, at, opening.repeat(1 << chance.u32(..14)).as_bytes());
        }
        14 => {
            let text = String::from_utf8_lossy(body).into_owned();
            match chance.u8(..5) {
                0 => *body = text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
                1 => *body = text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
                2 => *body = text.replace('\n', "\r\n").into_bytes(),
                3 => *body = text.to_uppercase().into_bytes(),
                _ => {
                    let eastern = |c: char| if c.is_ascii_digit() { '٧' } else { c };
                    *body = text.chars().map(eastern).collect::<String>().into_bytes();
                }
            }
        }
        _ => {
            let part = part(body, chance);
            if let Some(part) = body.get_mut(part) {
                part.reverse();
            }
        }
    }
}

fn place(body: &[u8], chance: &mut Rng) -> usize {
    if body.is_empty() { 0 } else { chance.usize(..body.len()) }
}

fn insert(body: &mut Vec<u8>, at: usize, new: &[u8]) {
    let at = at.min(body.len());
    body.splice(at..at, new.iter().copied());
}

fn part(body: &[u8], chance: &mut Rng) -> std::ops::Range<usize> {
    let begin = place(body, chance);
    let most = (body.len() - begin).min(if chance.bool() { 32 } else { MAX_PART });
    begin..begin + if most == 0 { 0 } else { chance.usize(..=most) }
}

fn copied(body: &[u8], chance: &mut Rng) -> Vec<u8> {
    body.get(part(body, chance)).map(<[u8]>::to_vec).unwrap_or_default()
}

/// The number at a place or next after it.
fn number(body: &[u8], at: usize) -> std::ops::Range<usize> {
    let is_of_number = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    let begin = body.iter().skip(at).position(is_of_number).map_or(body.len(), |found| at + found);
    let length = body.iter().skip(begin).position(|byte| !is_of_number(byte)).unwrap_or(body.len() - begin);
    begin..begin + length
}

/// What stands between two marks around a place.
fn token(body: &[u8], at: usize) -> std::ops::Range<usize> {
    let is_mark =
        |byte: &u8| matches!(byte, b'<' | b'>' | b'"' | b',' | b'{' | b'}' | b'[' | b']' | b':' | b' ' | b'\n' | b';');
    let begin = body.get(..at).and_then(|before| before.iter().rposition(is_mark)).map_or(0, |mark| mark + 1);
    let length = body.iter().skip(begin).position(is_mark).unwrap_or(body.len() - begin);
    begin..begin + length
}
