//! The page of a letter: what mail programs show of HTML, which is tables with styles on every cell. It has no script and no
//! address to load anything from: a picture lies in the letter itself; every letter of the bulletin is text in it, never a mark.

use std::fmt::Write as _;

use super::words::Mark;
use crate::language::direction::{ISOLATE, POP, is_balanced};
use crate::language::{Grammar, Language};

/// What is said in one language.
pub(super) struct Speech<'a> {
    /// In which.
    pub(super) language: Language,
    /// One line.
    pub(super) headline: &'a str,
    /// Paragraphs, an empty line between them.
    pub(super) body: &'a str,
    /// The picture that lies in the letter itself, if there is one: its name, and what it shows in words.
    pub(super) picture: Option<(String, &'a str)>,
}

/// How a language is set.
struct Setting {
    direction: &'static str,
    align: &'static str,
    fonts: &'static str,
    headline: &'static str,
    paragraph: &'static str,
}

/// Arabic needs larger letters and wider lines than Latin to be read as well, for its dots and marks.
fn setting(language: Language) -> Setting {
    match language.grammar() {
        Grammar::Ar => Setting {
            direction: "rtl",
            align: "right",
            fonts: "'Noto Sans Arabic','Geeza Pro','Segoe UI',Tahoma,Arial,sans-serif",
            headline: "font-size:22px;line-height:1.6",
            paragraph: "font-size:18px;line-height:1.8",
        },
        Grammar::En => Setting {
            direction: "ltr",
            align: "left",
            fonts: "'Segoe UI',Roboto,Helvetica,Arial,sans-serif",
            headline: "font-size:20px;line-height:1.35",
            paragraph: "font-size:16px;line-height:1.55",
        },
    }
}

/// The whole page, one card a language in the order given.
pub(super) fn page(subject: &str, mark: Mark, speeches: &[Speech<'_>]) -> String {
    let first = speeches.first().map_or(Language::Ar, |speech| speech.language);
    let cards: String = speeches.iter().map(|speech| card(mark, speech)).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"{}\" dir=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light\">\n<title>{}</title>\n</head>\n\
         <body style=\"margin:0;padding:0;background-color:#eef0f2\">\n\
         <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" bgcolor=\"#eef0f2\" \
         style=\"background-color:#eef0f2\">\n<tr><td align=\"center\" style=\"padding:16px 8px 0 8px\">\n{cards}\
         </td></tr>\n</table>\n</body>\n</html>\n",
        first.tag(),
        setting(first).direction,
        escape(subject),
    )
}

fn card(mark: Mark, speech: &Speech<'_>) -> String {
    let Setting { direction, align, fonts, headline, paragraph } = setting(speech.language);
    let (tag, (back, front)) = (speech.language.tag(), mark.colours());
    let cell = format!("dir=\"{direction}\" lang=\"{tag}\" align=\"{align}\"");
    let shared = format!("direction:{direction};text-align:{align};font-family:{fonts}");
    let mut text = format!(
        "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" bgcolor=\"#ffffff\" \
         dir=\"{direction}\" lang=\"{tag}\" style=\"max-width:640px;margin:0 auto 16px auto;background-color:#ffffff;\
         border:1px solid #c9ced3\">\n\
         <tr><td {cell} bgcolor=\"{back}\" style=\"{shared};padding:10px 20px;background-color:{back};color:{front};\
         font-size:18px;line-height:1.5;font-weight:bold\">{}</td></tr>\n\
         <tr><td {cell} style=\"{shared};padding:18px 20px 2px 20px;color:#1a1a1a\">\n\
         <h1 style=\"margin:0;{headline};font-weight:bold\">{}</h1>\n</td></tr>\n\
         <tr><td {cell} style=\"{shared};padding:8px 20px 14px 20px;color:#1a1a1a\">\n",
        escape(mark.word(speech.language)),
        marked_up(speech.headline),
    );
    for one in paragraphs(speech.body) {
        writeln!(text, "<p style=\"margin:0 0 12px 0;{paragraph}\">{}</p>", marked_up(one))
            .expect("writing to a text cannot fail");
    }
    if let Some((name, alt)) = &speech.picture {
        writeln!(
            text,
            "<img src=\"cid:{}\" alt=\"{}\" width=\"600\" style=\"display:block;width:100%;max-width:600px;height:auto;border:0\">",
            escape(name),
            escape(alt)
        )
        .expect("writing to a text cannot fail");
    }
    text.push_str("</td></tr>\n</table>\n");
    text
}

fn paragraphs(body: &str) -> impl Iterator<Item = &str> {
    body.split("\n\n").map(|one| one.trim_matches('\n')).filter(|one| !one.trim().is_empty())
}

/// A text as HTML: its lines, and its isolates as elements, which old programs pass over where they would show the marks as boxes.
fn marked_up(text: &str) -> String {
    let line = |line: &str| {
        let escaped = escape(line);
        if is_balanced(line) { escaped.replace(ISOLATE, "<bdi>").replace(POP, "</bdi>") } else { escaped }
    };
    text.lines().map(line).collect::<Vec<_>>().join("<br>\n")
}

/// A text in which nothing is a mark of HTML.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hazard::Severity;

    #[test]
    fn what_an_authority_wrote_is_text_and_never_a_mark() {
        let speech = Speech {
            language: Language::En,
            headline: "<script>alert(1)</script>",
            body: "a & b\n\"x\" <img src=https://evil.example/p.png>\n\n\n\n'y'",
            picture: None,
        };
        let page = page("</title><b>", Mark::Level(Severity::Red), &[speech]);
        for wrong in ["<script", "<img", "</title><b>"] {
            assert!(!page.contains(wrong), "{wrong}");
        }
        assert!(page.contains("a &amp; b<br>\n&quot;x&quot; &lt;img src=https://evil.example/p.png&gt;</p>"));
        assert_eq!(page.matches("<p ").count(), 2);
    }

    #[test]
    fn an_isolate_becomes_an_element_where_it_is_whole() {
        assert_eq!(marked_up("(\u{2068}OEJN\u{2069})"), "(<bdi>OEJN</bdi>)");
        assert_eq!(marked_up("a\u{2069}\u{2068}b"), "a\u{2069}\u{2068}b");
    }
}
