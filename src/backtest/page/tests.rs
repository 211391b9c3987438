//! What the page must hold whatever it is made of.

use super::*;

#[test]
fn text_cannot_become_markup() {
    assert_eq!(escaped("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
    assert_eq!(thousands(1_234_567), "1\u{202f}234\u{202f}567");
    assert_eq!([lead(Some(-3900)), lead(Some(7200)), lead(None)], ["1 h 05 late", "2 h", "–"]);
}
