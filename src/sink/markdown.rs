//! Plain text for those who take every text for Markdown: marks, lists, mentions and pictures are written so that the reader sees
//! the letters as they were frozen. It adds nothing that can be seen, and leaves addresses alone so that they can be followed.

/// Stands between two characters and cannot be seen (word joiner).
const JOINER: char = '\u{2060}';

/// How addresses begin that become links by themselves.
const SCHEMES: [&str; 2] = ["https://", "http://"];

/// What a service takes for a mark.
pub(super) struct Dialect {
    /// Marks at any place; a backslash before them makes them letters.
    pub(super) marks: &'static str,
    /// What calls somebody or becomes something else even after a backslash; it is parted from what follows by a joiner.
    pub(super) calls: &'static str,
    /// True when `:name:` becomes a picture.
    pub(super) has_shortcodes: bool,
}

impl Dialect {
    /// The text as it is written for the service.
    pub(super) fn plain(&self, text: &str) -> String {
        let mut plain = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            let start = line.trim_start_matches([' ', '\t']);
            plain.extend(line.chars().take(line.chars().count() - start.chars().count()));
            let (head, rest) = beginning(start);
            plain.push_str(&head);
            self.inline(rest, &mut plain);
        }
        plain
    }

    fn inline(&self, text: &str, plain: &mut String) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let (address, after) = address(rest);
            if !address.is_empty() {
                plain.push_str(address);
                rest = after;
                continue;
            }
            if self.marks.contains(c) {
                plain.push('\\');
            }
            plain.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
            if self.calls.contains(c) || (c == ':' && self.has_shortcodes && is_shortcode(rest)) {
                plain.push(JOINER);
            }
        }
    }
}

/// What makes a line a heading, a quotation or an entry of a list, made letters; and the rest of the line.
fn beginning(line: &str) -> (String, &str) {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = line.split_at_checked(digits).unwrap_or((line, ""));
    let begins_with = if digits == 0 { ['#', '>', '-', '+', '='].as_slice() } else { ['.', ')'].as_slice() };
    match rest.strip_prefix(begins_with).zip(rest.chars().next()) {
        Some((after, mark)) => (format!("{number}\\{mark}"), after),
        None => (number.to_owned(), rest),
    }
}

/// An address at the beginning of a text, up to what cannot stand in one; and what follows.
fn address(text: &str) -> (&str, &str) {
    if !SCHEMES.iter().any(|scheme| text.starts_with(scheme)) {
        return ("", text);
    }
    let end = text.find(|c: char| !c.is_ascii_graphic() || "<>\"`|\\".contains(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or(("", text))
}

/// True when a name and a colon follow, as in `:tada:` after its first one.
fn is_shortcode(rest: &str) -> bool {
    let name = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(byte)).count();
    0 < name && rest.as_bytes().get(name) == Some(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Dialect = Dialect { marks: "\\*_~`|[]", calls: "@<", has_shortcodes: true };

    fn check(text: &str, expected: &str) {
        assert_eq!(ALL.plain(text), expected, "{text}");
    }

    #[test]
    fn marks_are_read_as_letters() {
        check("**now** _x_ ~~y~~ `z` ||s|| [a](b) c\\d", r"\*\*now\*\* \_x\_ \~\~y\~\~ \`z\` \|\|s\|\| \[a\](b) c\\d");
    }

    #[test]
    fn a_line_is_no_heading_and_no_list() {
        check("# a\n- b\n  > c\n12. d\n3) e\n4 f\n-# g\n", "\\# a\n\\- b\n  \\> c\n12\\. d\n3\\) e\n4 f\n\\-# g\n");
    }

    #[test]
    fn nobody_is_called_and_no_picture_comes() {
        check("@all <!channel> :tada: 10:30:", "@\u{2060}all <\u{2060}!channel> :\u{2060}tada: 10:\u{2060}30:");
        check("from 10:30 to 11:45", "from 10:30 to 11:45");
    }

    #[test]
    fn an_address_can_still_be_followed() {
        check("see https://a.example/b_c*d?x=1 _y_", r"see https://a.example/b_c*d?x=1 \_y\_");
        check("انظر https://a.example/b_c، ثم", "انظر https://a.example/b_c، ثم");
    }
}
