//! What stands on the account already: whether a post there is one of ours. Pure; it asks nobody.
//!
//! X gives a text back in other letters than it took it: `&`, `<` and `>` escaped, addresses as short ones of its own, and white
//! space put in order. Two texts are the same when nothing but that sets them apart.
//!
//! Source: docs.x.com, "Get posts" of a user, and the fields `entities`, `referenced_tweets` and `created_at` of a post.

use serde::Deserialize;

use crate::time::Timestamp;

/// One page of an account, the newest post first.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    #[serde(default)]
    pub(super) data: Vec<Post>,
    /// Stands in every page, those without a post included.
    pub(super) meta: Meta,
}

/// What X says of a page.
#[derive(Debug, Deserialize)]
pub(super) struct Meta {
    /// How the next page is asked for, if there is one.
    pub(super) next_token: Option<String>,
}

/// A post as it stands there.
#[derive(Debug, Deserialize)]
pub(super) struct Post {
    pub(super) id: String,
    text: String,
    created_at: Timestamp,
    #[serde(default)]
    referenced_tweets: Vec<Reference>,
    #[serde(default)]
    entities: Entities,
}

/// Another post that it speaks of: `replied_to`, `quoted` or `retweeted`.
#[derive(Debug, Deserialize)]
struct Reference {
    #[serde(rename = "type")]
    how: String,
    id: String,
}

#[derive(Debug, Default, Deserialize)]
struct Entities {
    #[serde(default)]
    urls: Vec<Address>,
}

/// An address in a text.
#[derive(Debug, Deserialize)]
struct Address {
    /// The picture that it leads to, where X itself put the address behind the text for one.
    media_key: Option<String>,
    /// As X shortened it.
    url: String,
    /// As it was written.
    expanded_url: Option<String>,
}

/// How a thread is told from others that say the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search<'a> {
    /// What it says.
    pub(super) text: &'a str,
    /// Which post it answers; none for the first of a thread.
    pub(super) after: Option<&'a str>,
    /// Not older than this.
    pub(super) since: Timestamp,
}

impl Search<'_> {
    /// The post that is meant, if it stands among these.
    pub(super) fn find<'a>(&self, posts: &'a [Post]) -> Option<&'a Post> {
        let wanted = plain(self.text);
        posts.iter().find(|post| self.since <= post.created_at && self.is_placed(post) && post.plain() == wanted)
    }

    fn is_placed(&self, post: &Post) -> bool {
        match self.after {
            None => post.referenced_tweets.is_empty(),
            Some(before) => post.referenced_tweets.iter().any(|one| one.how == "replied_to" && one.id == before),
        }
    }
}

impl Post {
    fn plain(&self) -> String {
        let unescaped = self.text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        let long = self.entities.urls.iter().fold(unescaped, |text, address| {
            match (&address.media_key, &address.expanded_url) {
                (Some(_), _) => text.replace(&address.url, ""),
                (None, Some(expanded)) => text.replace(&address.url, expanded),
                (None, None) => text,
            }
        });
        plain(&long)
    }
}

/// What is left of a text without what X may change in it.
fn plain(text: &str) -> String {
    let text: String = text.replace("https://", "").replace("http://", "").chars().filter(|c| !is_mark(*c)).collect();
    text.split_whitespace().map(|word| word.trim_end_matches('/')).collect::<Vec<_>>().join(" ")
}

/// True for a mark that only sets the direction of a text.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "تحذير أحمر: أمطار غزيرة على \u{2068}Jeddah & Rabigh\u{2069}\n998 > 911, https://desk.example/a_b?x=1&y=2 nadhir.example";

    fn post(text: &str, more: &str) -> Post {
        let text = serde_json::to_string(text).unwrap();
        let json = format!(r#"{{"id":"7","created_at":"2025-12-09T00:00:10.000Z","text":{text}{more}}}"#);
        serde_json::from_str(&json).unwrap()
    }

    fn stands(ours: &str, after: Option<&str>, theirs: &Post) -> bool {
        let since = Timestamp::from_timestamp(1_765_238_400, 0).unwrap();
        Search { text: ours, after, since }.find(std::slice::from_ref(theirs)).is_some()
    }

    const URLS: &str = r#","entities":{"urls":[
        {"start":1,"end":2,"url":"https://t.co/aaaaaaaaaa","expanded_url":"https://desk.example/a_b?x=1&y=2","display_url":"d"},
        {"start":3,"end":4,"url":"https://t.co/bbbbbbbbbb","expanded_url":"http://nadhir.example/"}]}"#;
    const THEIRS: &str = "تحذير أحمر: أمطار غزيرة على Jeddah &amp; Rabigh\n998 &gt; 911, https://t.co/aaaaaaaaaa https://t.co/bbbbbbbbbb";

    #[test]
    fn a_text_is_known_in_the_letters_that_x_gives_back() {
        assert!(stands(OURS, None, &post(THEIRS, URLS)));
        assert!(stands(&format!("{OURS}\n"), None, &post(OURS, "")));
        let with_picture = URLS.replace("]}", r#",{"url":"https://t.co/cccccccccc","expanded_url":"https://x.com/a/status/7/photo/1","media_key":"3_7"}]}"#);
        assert!(stands(OURS, None, &post(&format!("{THEIRS} https://t.co/cccccccccc"), &with_picture)));
        assert!(stands("a &lt; b", None, &post("a &amp;lt; b", "")), "what looks escaped is escaped once more");
    }

    #[test]
    fn another_text_another_link_or_another_place_is_not_ours() {
        assert!(!stands(&OURS.replace("998", "997"), None, &post(THEIRS, URLS)));
        assert!(!stands(&OURS.replace("x=1", "x=2"), None, &post(THEIRS, URLS)));
        for how in ["replied_to", "quoted", "retweeted"] {
            let theirs = post(OURS, &format!(r#","referenced_tweets":[{{"type":"{how}","id":"6"}}]"#));
            assert!(!stands(OURS, None, &theirs), "{how}");
            assert_eq!(stands(OURS, Some("6"), &theirs), how == "replied_to");
            assert!(!stands(OURS, Some("5"), &theirs), "{how}");
        }
    }

    #[test]
    fn what_stood_there_before_the_first_try_is_not_ours() {
        let theirs = post(OURS, "");
        let since = Timestamp::from_timestamp(1_765_238_411, 0).unwrap();
        assert!(Search { text: OURS, after: None, since }.find(&[theirs]).is_none());
    }

    #[test]
    fn an_account_without_posts_is_a_page_and_a_complaint_is_none() {
        let page: Page = serde_json::from_str(r#"{"meta":{"result_count":0}}"#).unwrap();
        assert!(page.data.is_empty() && page.meta.next_token.is_none());
        assert!(serde_json::from_str::<Page>(r#"{"errors":[{"title":"Authorization Error"}]}"#).is_err());
    }
}
