//! The chain of the journal: each line is sealed together with the seal of the line before it, so that no line can be changed, taken
//! out or put in between without the rest saying so.
//!
//! Whoever may write the store may also seal all of it anew. That is found out by a [`Mark`] that was noted elsewhere: the service
//! writes one into its log at each start and every day, and `nadhir journal verify` takes it back.

use std::fmt;
use std::str::FromStr;

use ring::digest::{Context, SHA256, digest};

use super::Entry;

/// The SHA-256 of something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The seal before the first line of all.
    pub const NONE: Self = Self([0; 32]);

    /// That of a text.
    pub fn of(text: &str) -> Self {
        Self::from_bytes(digest(&SHA256, text.as_bytes()).as_ref()).unwrap_or(Self::NONE)
    }

    /// A stored one; none when it is not of 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// As it is stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A place in the chain: a line by its number, from 1 on, and its seal. Number 0 is before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Which line.
    pub number: i64,
    /// Its seal.
    pub seal: Hash,
}

impl Mark {
    /// Before the first line.
    pub const START: Self = Self { number: 0, seal: Hash::NONE };

    /// The mark of the line after this one. `of` is the [`struct@Hash`] of the bulletin that the line tells of, as it is stored.
    #[must_use]
    pub fn then(self, entry: &Entry, of: Option<Hash>) -> Self {
        let number = self.number.saturating_add(1);
        let mut context = Context::new(&SHA256);
        context.update(self.seal.as_bytes());
        context.update(&number.to_be_bytes());
        context.update(&entry.at.timestamp_millis().to_be_bytes());
        // Each text with its length before it: no two lines read alike.
        for text in [&entry.kind, &entry.subject, &entry.text] {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        }
        if let Some(of) = of {
            context.update(of.as_bytes());
        }
        Self { number, seal: Hash::from_bytes(context.finish().as_ref()).unwrap_or(Hash::NONE) }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.number, self.seal)
    }
}

impl FromStr for Mark {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no mark of the journal, such as `1234:` and 64 digits of 0 to f");
        let (number, seal) = text.trim().split_once(':').ok_or_else(wrong)?;
        let number = number.parse().ok().filter(|number| 0 <= *number).ok_or_else(wrong)?;
        if seal.len() != 64 || !seal.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let pairs = (0..32).map(|at| seal.get(at * 2..at * 2 + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()));
        let bytes: Option<Vec<u8>> = pairs.collect();
        let seal = bytes.and_then(|bytes| Hash::from_bytes(&bytes)).ok_or_else(wrong)?;
        Ok(Self { number, seal })
    }
}

/// A line as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Its number.
    pub number: i64,
    /// What it says.
    pub entry: Entry,
    /// The hash of the bulletin that it tells of, when it was committed with one.
    pub of: Option<Hash>,
    /// Its seal; none where that is not one.
    pub seal: Option<Hash>,
    /// The hash of that bulletin as it is stored now; none when it is not kept any more.
    pub found: Option<Hash>,
}

/// What is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Lines are missing, or one stands where none should.
    #[error("after line {after} comes line {found}: lines were taken out or put in")]
    Gap {
        /// The last one before.
        after: i64,
        /// The next one that is there.
        found: i64,
    },
    /// A line does not go with its seal.
    #[error("line {number} ({subject}) does not go with its seal: it, its seal or the line before it was changed")]
    Changed {
        /// Which.
        number: i64,
        /// About whom it is.
        subject: String,
    },
    /// A bulletin is not what it was when it was said.
    #[error("bulletin {subject} is not what it was when line {number} was written of it")]
    Bulletin {
        /// Which line tells of it.
        number: i64,
        /// Which bulletin.
        subject: String,
    },
    /// The last line is not the one that was written last.
    #[error("the journal ends with line {found}, and line {written} was written: its end was taken off")]
    End {
        /// The last one that is there.
        found: i64,
        /// The last one that was written.
        written: i64,
    },
    /// What was noted elsewhere is not in this chain.
    #[error("line {number} had another seal when it was noted: all was sealed anew since, or this is another journal")]
    Noted {
        /// Of which line.
        number: i64,
    },
    /// What was noted elsewhere is of a line that is not kept any more, or not there yet.
    #[error("line {number} was noted, and this journal is kept from line {first} to line {last}")]
    Beyond {
        /// Of which line.
        number: i64,
        /// The first that is kept.
        first: i64,
        /// The last.
        last: i64,
    },
}

/// The most faults that are told; more say nothing more.
pub const MAX_FAULTS: usize = 100;

/// Goes along a chain, line by line, and finds what is wrong with it.
#[derive(Debug)]
pub struct Walk {
    first: i64,
    at: Mark,
    noted: Option<Mark>,
    faults: Vec<Fault>,
    lines: u64,
    bulletins: u64,
}

/// What a walk found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How many lines there are.
    pub lines: u64,
    /// How many bulletins of those that they tell of are there, and were held against them.
    pub bulletins: u64,
    /// The number of the first line that is kept.
    pub first: i64,
    /// The end of the chain as it was found.
    pub head: Mark,
    /// What is wrong, [`MAX_FAULTS`] at most.
    pub faults: Vec<Fault>,
}

impl Walk {
    /// Begins after the lines that are not kept any more. `noted` is a mark from elsewhere that must lie on the chain.
    pub fn after(cut: Mark, noted: Option<Mark>) -> Self {
        let mut walk =
            Self { first: cut.number.saturating_add(1), at: cut, noted, faults: Vec::new(), lines: 0, bulletins: 0 };
        walk.hold_against_note();
        walk
    }

    /// Takes the next line.
    pub fn line(&mut self, line: &Sealed) {
        self.lines += 1;
        let subject = || line.entry.subject.clone();
        if line.number != self.at.number.saturating_add(1) {
            self.fault(Fault::Gap { after: self.at.number, found: line.number });
            // What its seal should be nobody knows now; the chain is taken up behind it.
            self.at = Mark { number: line.number, seal: line.seal.unwrap_or(Hash::NONE) };
        } else {
            let next = self.at.then(&line.entry, line.of);
            if line.seal != Some(next.seal) {
                self.fault(Fault::Changed { number: line.number, subject: subject() });
            }
            self.at = Mark { number: line.number, seal: line.seal.unwrap_or(next.seal) };
        }
        if let (Some(of), Some(found)) = (line.of, line.found) {
            self.bulletins += 1;
            if of != found {
                self.fault(Fault::Bulletin { number: line.number, subject: subject() });
            }
        }
        self.hold_against_note();
    }

    /// Ends at what was written last.
    #[must_use]
    pub fn end(mut self, written: Mark) -> Verdict {
        if self.at.number != written.number {
            self.fault(Fault::End { found: self.at.number, written: written.number });
        } else if self.at.seal != written.seal {
            self.fault(Fault::Changed { number: written.number, subject: "the last line".to_owned() });
        }
        if let Some(noted) = self.noted {
            self.fault(Fault::Beyond { number: noted.number, first: self.first, last: self.at.number });
        }
        Verdict { lines: self.lines, bulletins: self.bulletins, first: self.first, head: self.at, faults: self.faults }
    }

    fn hold_against_note(&mut self) {
        if let Some(noted) = self.noted.filter(|noted| noted.number == self.at.number) {
            self.noted = None;
            if noted.seal != self.at.seal {
                self.fault(Fault::Noted { number: noted.number });
            }
        }
    }

    fn fault(&mut self, fault: Fault) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn entry(text: &str) -> Entry {
        let at = Timestamp::from_timestamp_millis(1_765_238_400_123).unwrap();
        Entry { at, kind: "bulletin".to_owned(), subject: "MKH-2025-000001.1".to_owned(), text: text.to_owned() }
    }

    fn chain() -> (Vec<Sealed>, Mark) {
        let mut mark = Mark::START;
        let mut lines = Vec::new();
        for text in ["one", "two", "three", "four"] {
            let of = (text == "two").then(|| Hash::of("{}"));
            mark = mark.then(&entry(text), of);
            lines.push(Sealed { number: mark.number, entry: entry(text), of, seal: Some(mark.seal), found: of });
        }
        (lines, mark)
    }

    fn walk(cut: Mark, lines: &[Sealed], head: Mark, noted: Option<Mark>) -> Vec<Fault> {
        let mut walk = Walk::after(cut, noted);
        lines.iter().for_each(|line| walk.line(line));
        walk.end(head).faults
    }

    fn check(break_it: impl Fn(&mut Vec<Sealed>), expected: &[&str]) {
        let (mut lines, head) = chain();
        break_it(&mut lines);
        let faults: Vec<String> = walk(Mark::START, &lines, head, None).iter().map(ToString::to_string).collect();
        assert_eq!(faults.len(), expected.len(), "{faults:?}");
        for (fault, expected) in faults.iter().zip(expected) {
            assert!(fault.contains(expected), "{fault}");
        }
    }

    #[test]
    fn whatever_is_done_to_a_line_is_found() {
        check(|_| (), &[]);
        check(|lines| lines[1].entry.text.push('!'), &["line 2"]);
        check(|lines| lines[1].entry.at += crate::time::TimeDelta::milliseconds(1), &["line 2"]);
        check(|lines| lines[2].entry.kind = "start".to_owned(), &["line 3"]);
        check(|lines| lines[2].seal = None, &["line 3"]);
        check(|lines| lines[2].seal = Some(Hash::of("another")), &["line 3", "line 4"]);
        check(|lines| drop(lines.remove(1)), &["after line 1 comes line 3"]);
        check(|lines| drop(lines.remove(0)), &["after line 0 comes line 2"]);
        check(|lines| drop(lines.pop()), &["ends with line 3, and line 4 was written"]);
        check(|lines| lines.swap(1, 2), &["after line 1 comes line 3", "after line 3 comes line 2", "after line 2"]);
        check(|lines| lines[1].found = Some(Hash::of("{ }")), &["bulletin MKH-2025-000001.1 is not what it was"]);
        check(|lines| lines[1].found = None, &[]);
        // A hash of a bulletin cannot be taken away from a line with it.
        check(|lines| (lines[1].of, lines[1].found) = (None, None), &["line 2"]);
    }

    #[test]
    fn a_chain_that_was_sealed_anew_as_a_whole_is_found_by_what_was_noted_elsewhere() {
        let (lines, head) = chain();
        let noted = Mark { number: 2, seal: lines[1].seal.unwrap() };
        let cut = Mark { number: 1, seal: lines[0].seal.unwrap() };
        assert_eq!(walk(Mark::START, &lines, head, Some(noted)), []);
        assert_eq!(walk(cut, &lines[1..], head, Some(noted)), []);
        assert_eq!(walk(cut, &lines[1..], head, Some(cut)), []);
        assert_eq!(walk(cut, &lines[1..], head, Some(Mark::START)), [Fault::Beyond { number: 0, first: 2, last: 4 }]);
        let forged = Mark::START.then(&entry("other"), None).then(&entry("two"), None);
        assert_eq!(walk(Mark::START, &lines, head, Some(forged)), [Fault::Noted { number: 2 }]);
        let later = Mark { number: 9, seal: head.seal };
        assert_eq!(walk(Mark::START, &lines, head, Some(later)), [Fault::Beyond { number: 9, first: 1, last: 4 }]);
    }

    #[test]
    fn a_mark_is_read_as_it_is_written() {
        let (_, head) = chain();
        assert_eq!(head.to_string().parse(), Ok(head));
        let (negative, accented) = (format!("-1:{}", head.seal), format!("4:{}é", "a".repeat(62)));
        for wrong in ["", "4", "4:", "x:00", &negative, &accented] {
            assert!(wrong.parse::<Mark>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn texts_do_not_run_into_each_other() {
        let mut other = entry("x");
        (other.kind, other.subject) = ("bulletinM".to_owned(), "KH-2025-000001.1".to_owned());
        assert_ne!(Mark::START.then(&entry("x"), None), Mark::START.then(&other, None));
    }
}
