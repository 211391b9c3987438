//! A text as an SMS centre takes it: in which alphabet, and the octets of each segment. Nothing is shortened, and no letter is cut in two.
//!
//! Sources: 3GPP TS 23.038 (6.2.1, 6.2.3), TS 23.040, 9.2.3.24.1 (joined segments, by a reference of eight bits), SMPP 3.4, 5.2.19
//! (`data_coding`: 0 is the centre's own alphabet, which is that of GSM where it serves telephones of GSM; 8 is UCS-2).

use rusmpp::values::DataCoding;

use crate::language::measure::{Alphabet, ESCAPE, Segments, Septets};

/// A text that goes out in one or more segments.
pub(super) struct Written {
    /// How its octets are to be read.
    pub(super) coding: DataCoding,
    /// True when each segment begins with a header that joins it to the others.
    pub(super) is_joined: bool,
    /// The octets of each.
    pub(super) segments: Vec<Vec<u8>>,
}

/// Writes a text. The reference tells the segments of one text from those of another.
pub(super) fn write(text: &str, reference: u8) -> Written {
    let (alphabet, cut) = Segments::cut(text);
    let is_joined = 1 < cut.len();
    // More than 255 are never sent: what is longer than a few segments is refused before.
    let total = u8::try_from(cut.len()).unwrap_or(u8::MAX);
    let written = |(number, segment): (u8, &String)| {
        let mut octets = if is_joined { header(reference, total, number).to_vec() } else { Vec::new() };
        octets.extend(match alphabet {
            Alphabet::Gsm7 => gsm7(segment),
            Alphabet::Ucs2 => ucs2(segment),
        });
        octets
    };
    let coding = match alphabet {
        Alphabet::Gsm7 => DataCoding::McSpecific,
        Alphabet::Ucs2 => DataCoding::Ucs2,
    };
    Written { coding, is_joined, segments: (1..=u8::MAX).zip(&cut).map(written).collect() }
}

/// What joins segments: five octets follow, of the element 0, which has three.
fn header(reference: u8, total: u8, number: u8) -> [u8; 6] {
    [0x05, 0x00, 0x03, reference, total, number]
}

/// One septet an octet, as SMPP wants it.
fn gsm7(text: &str) -> Vec<u8> {
    let septets = |septets| match septets {
        Septets::Basic(code) => [None, Some(code)],
        Septets::Extended(code) => [Some(ESCAPE), Some(code)],
    };
    text.chars().filter_map(Septets::of).flat_map(septets).flatten().collect()
}

/// The larger octet first.
fn ucs2(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn english_goes_out_in_the_alphabet_of_telephones() {
        let Written { coding, is_joined, segments } = write("Floods @ 5€ [Jeddah]\n", 7);
        assert_eq!((u8::from(coding), is_joined), (0, false));
        let expected = b"Floods \x00 5\x1be \x1b<Jeddah\x1b>\n";
        assert_eq!(segments, [expected.to_vec()]);
        assert_eq!(write("£ñ_Δ", 7).segments, [vec![0x01, 0x7d, 0x11, 0x10]]);
    }

    #[test]
    fn arabic_goes_out_in_ucs2() {
        let Written { coding, is_joined, segments } = write("سيول!", 7);
        assert_eq!((u8::from(coding), is_joined), (8, false));
        assert_eq!(segments, [vec![0x06, 0x33, 0x06, 0x4a, 0x06, 0x48, 0x06, 0x44, 0x00, 0x21]]);
        assert_eq!(write("😀", 7).segments, [vec![0xd8, 0x3d, 0xde, 0x00]]);
    }

    #[test]
    fn what_takes_several_segments_is_joined_by_its_reference() {
        let Written { is_joined, segments, .. } = write(&"a".repeat(307), 0xab);
        assert!(is_joined);
        assert_eq!(segments.iter().map(Vec::len).collect::<Vec<_>>(), [159, 159, 7]);
        assert_eq!(
            segments.iter().map(|segment| &segment[..6]).collect::<Vec<_>>(),
            [[5, 0, 3, 0xab, 3, 1], [5, 0, 3, 0xab, 3, 2], [5, 0, 3, 0xab, 3, 3]]
        );
        let joined = write(&"ر".repeat(71), 0);
        assert_eq!(joined.segments.iter().map(Vec::len).collect::<Vec<_>>(), [140, 6 + 8]);
    }

    #[test]
    fn neither_an_escape_nor_half_a_sign_ends_a_segment() {
        let euros = write(&format!("{}€{}", "a".repeat(152), "a".repeat(152)), 1);
        assert!(euros.segments.iter().all(|segment| segment.last() != Some(&ESCAPE)));
        assert_eq!(&euros.segments[1][6..8], [ESCAPE, 0x65]);
        let signs = write(&format!("{}😀{}", "ر".repeat(66), "ر".repeat(66)), 1);
        assert_eq!(&signs.segments[1][6..10], [0xd8, 0x3d, 0xde, 0x00]);
        let read = |segment: &Vec<u8>| {
            let units: Vec<u16> = segment[6..].chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            String::from_utf16(&units).unwrap()
        };
        assert_eq!(signs.segments.iter().map(read).collect::<String>().chars().count(), 133);
    }
}
