//! How long a text is, as the one who takes it counts: X weighs letters, a telephone cuts into segments, others count code units.
//!
//! Nothing here shortens a text. Where a counter of others is more lenient in rare cases (emoji joined to one sign), this one counts
//! more and never less, so that what fits here fits there.

/// How a text is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// As X counts a post: most letters one, others two, an address 23.
    Weighted,
    /// UTF-16 code units: chats that count letters count no more of them.
    Utf16,
    /// Bytes of UTF-8.
    Bytes,
    /// Segments of a short message.
    Segments,
    /// Letters of one cell broadcast, as parts of what it holds: see [`BROADCAST`].
    Broadcast,
}

impl Measure {
    /// How long a text is.
    pub fn length(self, text: &str) -> usize {
        match self {
            Self::Weighted => weighted(text),
            Self::Utf16 => text.encode_utf16().count(),
            Self::Bytes => text.len(),
            Self::Segments => Segments::of(text).count,
            Self::Broadcast => broadcast(text),
        }
    }
}

/// How much X lets one post weigh. Source: twitter-text, configuration version 3, <https://github.com/twitter/twitter-text>.
pub const POST: usize = 280;

/// What an address weighs on X, whatever its length. Source: as [`POST`].
pub const ADDRESS: usize = 23;

/// The letters that weigh one on X; all others weigh two. Source: as [`POST`].
const LIGHT: [std::ops::RangeInclusive<u32>; 4] = [0..=4351, 8192..=8205, 8208..=8223, 8242..=8247];

/// As X weighs a text.
fn weighted(text: &str) -> usize {
    let weight = |c: char| if LIGHT.iter().any(|range| range.contains(&u32::from(c))) { 1 } else { 2 };
    text.split_inclusive(char::is_whitespace)
        .map(|word| match address(word) {
            // What leans on an address is no part of it.
            Some((before, after)) => ADDRESS + before.chars().chain(after.chars()).map(weight).sum::<usize>(),
            None => word.chars().map(weight).sum(),
        })
        .sum()
}

/// What stands before and after an address in a word that holds one.
fn address(word: &str) -> Option<(&str, &str)> {
    let start = ["https://", "http://"].iter().filter_map(|scheme| word.find(scheme)).min()?;
    let (before, rest) = word.split_at_checked(start)?;
    let end = rest.find(|c: char| c.is_whitespace() || !c.is_ascii()).unwrap_or(rest.len());
    let (_, after) = rest.split_at_checked(end)?;
    Some((before, after))
}

/// How a telephone writes a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// The seven bits of GSM 03.38: English and its neighbours.
    Gsm7,
    /// UCS-2: Arabic, and every text with a letter that is not of the other.
    Ucs2,
}

/// The basic alphabet, each letter at the place of its code; the escape stands for none. Source: 3GPP TS 23.038, 6.2.1.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// What takes two places there, an escape before each, with its code. Source: 3GPP TS 23.038, 6.2.1.1.
const EXTENDED: [(char, u8); 10] = [
    ('\u{c}', 0x0a),
    ('^', 0x14),
    ('{', 0x28),
    ('}', 0x29),
    ('\\', 0x2f),
    ('[', 0x3c),
    ('~', 0x3d),
    (']', 0x3e),
    ('|', 0x40),
    ('€', 0x65),
];

/// The code that says that the next one is of the extension.
pub const ESCAPE: u8 = 0x1b;

/// A letter in the seven bits of GSM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Septets {
    /// By its code.
    Basic(u8),
    /// By an escape and its code.
    Extended(u8),
}

impl Septets {
    /// How a letter is written there; none when it is not of that alphabet.
    pub fn of(c: char) -> Option<Self> {
        // These stand where ASCII has them.
        if c.is_ascii_alphanumeric() {
            return u8::try_from(c).ok().map(Self::Basic);
        }
        if c == char::from(ESCAPE) {
            return None;
        }
        if let Some(code) = BASIC.chars().position(|basic| basic == c) {
            return u8::try_from(code).ok().map(Self::Basic);
        }
        EXTENDED.iter().find(|(extended, _)| *extended == c).map(|(_, code)| Self::Extended(*code))
    }

    /// How many places it takes.
    fn count(self) -> usize {
        match self {
            Self::Basic(_) => 1,
            Self::Extended(_) => 2,
        }
    }
}

/// A short message as it is sent: in which alphabet, how many places, in how many segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segments {
    /// In which alphabet.
    pub alphabet: Alphabet,
    /// How many places its letters take.
    pub places: usize,
    /// How many segments, each paid for.
    pub count: usize,
}

impl Segments {
    /// How a text is cut: see [`cut`](Self::cut).
    pub fn of(text: &str) -> Self {
        let (alphabet, widths) = widths(text);
        let places: usize = widths.iter().sum();
        let (alone, joined) = alphabet.room();
        let count = if places <= alone { 1 } else { 1 + ends(&widths, joined).len() };
        Self { alphabet, places, count }
    }

    /// Cuts a text as telephones do: no letter is cut in two, and where there is more than one segment each holds less, for the
    /// header that joins them. Source: 3GPP TS 23.040, 9.2.3.24.1 (a header of six octets), TS 23.038.
    pub fn cut(text: &str) -> (Alphabet, Vec<String>) {
        let (alphabet, widths) = widths(text);
        let (alone, joined) = alphabet.room();
        if widths.iter().sum::<usize>() <= alone {
            return (alphabet, vec![text.to_owned()]);
        }
        let mut letters = text.chars();
        let (mut segments, mut from) = (Vec::new(), 0);
        for end in ends(&widths, joined) {
            segments.push(letters.by_ref().take(end - from).collect());
            from = end;
        }
        segments.push(letters.collect());
        (alphabet, segments)
    }
}

impl Alphabet {
    /// How many places a segment has that is alone, and one that is joined to others.
    fn room(self) -> (usize, usize) {
        match self {
            Self::Gsm7 => (160, 153),
            Self::Ucs2 => (70, 67),
        }
    }
}

/// In which alphabet a text is written, and how many places each of its letters takes.
fn widths(text: &str) -> (Alphabet, Vec<usize>) {
    let gsm: Option<Vec<usize>> = text.chars().map(|c| Septets::of(c).map(Septets::count)).collect();
    match gsm {
        Some(widths) => (Alphabet::Gsm7, widths),
        None => (Alphabet::Ucs2, text.chars().map(char::len_utf16).collect()),
    }
}

/// Before which letters a segment ends and another begins.
fn ends(widths: &[usize], room: usize) -> Vec<usize> {
    let (mut ends, mut used) = (Vec::new(), 0);
    for (letter, width) in widths.iter().enumerate() {
        if room < used + width {
            ends.push(letter);
            used = 0;
        }
        used += width;
    }
    ends
}

/// What a cell broadcast holds: 15 pages of 93 septets, or of 41 letters of UCS-2. Source: 3GPP TS 23.041, 9.4.1.
pub const BROADCAST: usize = 1395;
const BROADCAST_UCS2: usize = 615;

/// How much of a cell broadcast a text takes, of [`BROADCAST`] in either alphabet; rounded up.
fn broadcast(text: &str) -> usize {
    let Segments { alphabet, places, .. } = Segments::of(text);
    match alphabet {
        Alphabet::Gsm7 => places,
        Alphabet::Ucs2 => (places * BROADCAST).div_ceil(BROADCAST_UCS2),
    }
}

/// A text with the signs of print that telephones lack put into those that they have, so that English stays in the cheap alphabet.
pub fn for_telephones(text: &str) -> String {
    let plain = |c: char| match c {
        '“' | '”' | '«' | '»' => '"',
        '‘' | '’' => '\'',
        '–' | '—' | '―' | '\u{2011}' => '-',
        '\u{a0}' | '\u{202f}' => ' ',
        '•' => '-',
        other => other,
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_weighs_what_x_says() {
        let weigh = |text| Measure::Weighted.length(text);
        assert_eq!(weigh("Red warning"), 11);
        assert_eq!(weigh("إنذار أحمر"), 10, "Arabic weighs as little as English");
        assert_eq!(weigh("警告"), 4);
        assert_eq!(weigh("see https://example.org/a/very/long/path?with=more&than=23"), 4 + 23);
        assert_eq!(weigh("(https://x.org)"), 1 + 23, "an ASCII bracket after it may be taken for a part of it");
        assert_eq!(weigh("\u{2068}أ\u{2069}"), 5, "isolates weigh two each");
        assert_eq!(weigh("👍🏽"), 4, "X counts two here; never less is what matters");
    }

    #[test]
    fn a_short_message_is_cut_where_telephones_cut() {
        let cut = |text: &str| {
            let Segments { alphabet, places, count } = Segments::of(text);
            (alphabet, places, count)
        };
        assert_eq!(cut(&"a".repeat(160)), (Alphabet::Gsm7, 160, 1));
        assert_eq!(cut(&"a".repeat(161)), (Alphabet::Gsm7, 161, 2));
        assert_eq!(cut(&"a".repeat(306)), (Alphabet::Gsm7, 306, 2));
        assert_eq!(cut(&"a".repeat(307)), (Alphabet::Gsm7, 307, 3));
        assert_eq!(cut(&"ر".repeat(70)), (Alphabet::Ucs2, 70, 1));
        assert_eq!(cut(&"ر".repeat(134)), (Alphabet::Ucs2, 134, 2));
        assert_eq!(cut(&"ر".repeat(135)), (Alphabet::Ucs2, 135, 3));
        assert_eq!(cut("5 €"), (Alphabet::Gsm7, 4, 1), "the sign of the euro takes two");
        assert_eq!(cut(&format!("{}€{}", "a".repeat(152), "a".repeat(152))).2, 3, "and is never cut in two");
        assert_eq!(cut(&format!("{}😀{}", "ر".repeat(66), "ر".repeat(66))).2, 3);
        assert_eq!(cut(""), (Alphabet::Gsm7, 0, 1));
    }

    #[test]
    fn what_is_cut_is_whole_and_in_as_many_segments_as_were_counted() {
        let euros = format!("{}€{}", "a".repeat(152), "b".repeat(152));
        let signs = format!("{}😀{}", "ر".repeat(66), "س".repeat(66));
        for text in ["", "a", &"a".repeat(160), &"a".repeat(161), &euros, &signs, &"ر".repeat(400)] {
            let (alphabet, segments) = Segments::cut(text);
            let counted = Segments::of(text);
            assert_eq!((alphabet, segments.len()), (counted.alphabet, counted.count), "{text}");
            assert_eq!(segments.concat(), text);
        }
        assert_eq!(Segments::cut(&euros).1, ["a".repeat(152), format!("€{}", "b".repeat(151)), "b".to_owned()]);
        assert_eq!(Segments::cut(&signs).1, ["ر".repeat(66), format!("😀{}", "س".repeat(65)), "س".to_owned()]);
    }

    #[test]
    fn every_letter_of_telephones_has_its_code() {
        assert_eq!(BASIC.chars().count(), 128);
        for (letter, septets) in [
            ('@', Septets::Basic(0x00)),
            ('\n', Septets::Basic(0x0a)),
            ('\r', Septets::Basic(0x0d)),
            ('_', Septets::Basic(0x11)),
            ('Ξ', Septets::Basic(0x1a)),
            ('Æ', Septets::Basic(0x1c)),
            (' ', Septets::Basic(0x20)),
            ('¤', Septets::Basic(0x24)),
            ('0', Septets::Basic(0x30)),
            ('¡', Septets::Basic(0x40)),
            ('A', Septets::Basic(0x41)),
            ('§', Septets::Basic(0x5f)),
            ('¿', Septets::Basic(0x60)),
            ('z', Septets::Basic(0x7a)),
            ('à', Septets::Basic(0x7f)),
            ('€', Septets::Extended(0x65)),
            ('\\', Septets::Extended(0x2f)),
        ] {
            assert_eq!(Septets::of(letter), Some(septets), "{letter}");
        }
        assert_eq!([Septets::of('\u{1b}'), Septets::of('ر'), Septets::of('`'), Septets::of('\t')], [None; 4]);
    }

    #[test]
    fn english_stays_in_the_cheap_alphabet() {
        let text = "“Stay indoors” – until 18:00 • Civil Defence’s word";
        assert_eq!(Segments::of(text).alphabet, Alphabet::Ucs2);
        assert_eq!(Segments::of(&for_telephones(text)).alphabet, Alphabet::Gsm7);
    }

    #[test]
    fn a_broadcast_is_full_at_its_own_limit_in_either_alphabet() {
        let length = |text: String| Measure::Broadcast.length(&text);
        assert_eq!(length("a".repeat(1395)), BROADCAST);
        assert_eq!(length("ر".repeat(615)), BROADCAST);
        assert!(BROADCAST < length("ر".repeat(616)) && BROADCAST < length("a".repeat(1396)));
    }
}
