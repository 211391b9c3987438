//! Atom and RSS lists of alerts: which documents are to be fetched, and which alerts stand in the list itself.
//!
//! Never fetches, and never takes a list without entries for good news: it is an empty batch.

use std::borrow::Cow;

use url::Url;
use xxhash_rust::xxh3::Xxh3;

use super::address::{is_loopback, shown};
use super::cap::tree::Element;
use super::{Follow, Request, Skip};

/// The most entries of one list that are followed.
pub const MAX_ENTRIES: usize = 500;
/// What is asked of a document that a list points to.
pub(super) const ACCEPT_CAP: &str = "application/cap+xml, application/xml;q=0.9, text/xml;q=0.8, */*;q=0.1";
/// The longest name and the longest date of an entry that are kept whole, in characters.
const MAX_IDENTITY: usize = 1000;
/// The most elements of CAP outside an alert that are named.
const MAX_LOOSE: usize = 8;
/// The longest name of an element that is shown, in characters.
const MAX_NAME: usize = 40;
/// What no alert is without.
const OF_EVERY_ALERT: [&str; 3] = ["identifier", "sender", "sent"];

/// What a list holds.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Documents to fetch.
    pub(super) follow: Vec<Follow>,
    /// Entries that were passed over.
    pub(super) skipped: Vec<Skip>,
}

/// Finds the link of an entry that leads to its alert.
type LinkOf = fn(Element<'_>) -> Option<String>;

/// Reads the root of a list; `base` is where it came from, `alerts` are those of the whole document in order. None when the root
/// is neither Atom nor RSS. An entry that holds its alert itself leads nowhere else.
pub(super) fn read<'a>(root: Element<'a>, base: &Url, alerts: &[Element<'a>]) -> Option<Index> {
    let (entries, link): (Vec<Element<'a>>, LinkOf) = match root.name() {
        "feed" => (root.named("entry").collect(), atom_link),
        // RSS 1.0 has its items beside the channel, RSS 2.0 within.
        "rss" | "RDF" => {
            let within = root.named("channel").flat_map(|channel| channel.named("item"));
            (within.chain(root.named("item")).collect(), rss_link)
        }
        _ => return None,
    };
    let mut index = Index::default();
    let mut alerts = alerts.iter().peekable();
    for (number, entry) in entries.iter().take(MAX_ENTRIES).enumerate() {
        let mut holds_one = false;
        while let Some(alert) = alerts.next_if(|alert| alert.begins_before_end_of(*entry)) {
            holds_one |= entry.holds(*alert);
        }
        if holds_one {
            continue;
        }
        match follow(*entry, link, base) {
            Ok(follow) => index.follow.push(follow),
            Err(why) => index.skipped.push(Skip { part: format!("entry {}", number + 1), why }),
        }
    }
    if MAX_ENTRIES < entries.len() {
        let why = format!("{} entries; only the first {MAX_ENTRIES} are followed", entries.len());
        index.skipped.push(Skip { part: "the rest".to_owned(), why });
    }
    Some(index)
}

/// Where an entry leads, and what tells it from every other and from its own later versions.
fn follow(entry: Element<'_>, link: LinkOf, base: &Url) -> Result<Follow, String> {
    let beside = loose(entry);
    let link = link(entry).ok_or_else(|| match &beside {
        Some(loose) => format!("{loose}, and it has no link to one"),
        None => "it holds no alert and has no link to one".to_owned(),
    })?;
    let url = base.join(&link).map_err(|why| format!("its link is not an address: {why}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("its link is not an address of the web".to_owned());
    }
    if is_loopback(&url) && !is_loopback(base) {
        return Err(format!("its link leads into this machine: {}", shown(&url)));
    }
    let first = |names: [&'static str; 3]| names.into_iter().find_map(|name| entry.child_text(name));
    let id = first(["id", "guid", "identifier"]).map_or_else(|| url.to_string(), Cow::into_owned);
    // An entry without a date would be read once for ever: what it says and where it leads stand for its date.
    let version = first(["updated", "pubDate", "date"]).unwrap_or_else(|| Cow::Owned(print(entry, &url)));
    let id: String = id.chars().take(MAX_IDENTITY).collect();
    let version: String = version.chars().take(MAX_IDENTITY).collect();
    let identity = format!("{id} {version}").trim().to_owned();
    Ok(Follow { identity, request: Request::new(url, ACCEPT_CAP), integrity: None, beside })
}

/// What an entry holds of CAP outside an alert, as some lists do in the place of one. Nothing is made of it: nobody could tell
/// whose word it is, nor what corrects or ends it.
fn loose(entry: Element<'_>) -> Option<String> {
    let is_of_cap = |element: &Element<'_>| {
        let of_cap =
            |space: &str| space.starts_with("urn:oasis:names:tc:emergency:cap:") || space.contains("incident.com/cap/");
        element.namespace().is_some_and(of_cap)
    };
    let mut names: Vec<&str> = Vec::new();
    for element in entry.within().filter(is_of_cap) {
        let name = element.name();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return None;
    }
    let missing: Vec<&str> = OF_EVERY_ALERT.into_iter().filter(|name| !names.contains(name)).collect();
    let without = if missing.is_empty() { String::new() } else { format!(" and says no {}", missing.join(", ")) };
    let more = if MAX_LOOSE < names.len() { ", …" } else { "" };
    names.truncate(MAX_LOOSE);
    let names: Vec<String> = names.iter().map(|name| name.chars().take(MAX_NAME).collect()).collect();
    Some(format!(
        "it holds elements of CAP ({}{more}) outside an <alert>{without}: they are no alert",
        names.join(", ")
    ))
}

/// A number of all that an entry says.
fn print(entry: Element<'_>, url: &Url) -> String {
    let mut hash = Xxh3::new();
    hash.update(url.as_str().as_bytes());
    for text in entry.texts() {
        hash.update(b"\0");
        hash.update(text.trim().as_bytes());
    }
    format!("#{:016x}", hash.digest())
}

fn is_cap_type(link: &Element<'_>) -> bool {
    let kind = link.attribute("type").unwrap_or_default();
    kind.starts_with("application/cap+xml") || kind.starts_with("application/common-alerting-protocol+xml")
}

/// The link to the alert: the one typed as CAP, else the alternate one, else the first.
fn atom_link(entry: Element<'_>) -> Option<String> {
    let links: Vec<_> = entry.named("link").filter(|link| link.attribute("href").is_some()).collect();
    // A link without a relation is an alternate one (RFC 4287, 4.2.7.2).
    let alternate = |link: &&Element<'_>| link.attribute("rel").is_none_or(|rel| rel == "alternate");
    let chosen = links.iter().find(|link| is_cap_type(link)).or_else(|| links.iter().find(alternate)).or(links.first());
    chosen.and_then(|link| link.attribute("href")).map(|href| href.trim().to_owned())
}

/// The same for an item of RSS: an enclosure or Atom link typed as CAP, else the item's own link, else a permanent guid.
fn rss_link(item: Element<'_>) -> Option<String> {
    let typed = item.elements().filter(|child| matches!(child.name(), "enclosure" | "link")).find(is_cap_type);
    let address = |link: Element<'_>| link.attribute("href").or_else(|| link.attribute("url")).map(str::to_owned);
    let permanent = || {
        let guid = item.named("guid").next().filter(|guid| guid.attribute("isPermaLink") != Some("false"))?;
        guid.own_text().filter(|text| text.starts_with("http"))
    };
    let own = || item.named("link").find_map(|link| link.own_text()).or_else(permanent).map(Cow::into_owned);
    typed.and_then(address).or_else(own)
}

#[cfg(test)]
mod tests {
    use super::super::cap::tree::Tree;
    use super::super::cap::xml::{parse, survey};
    use super::*;

    /// Reads the list of a text that came from an address.
    fn list(text: &str, base: &str) -> (Index, Vec<String>) {
        let document = parse(text).unwrap();
        let tree = Tree::of(&document).unwrap();
        let alerts = survey(&tree).unwrap().alerts;
        let index = read(tree.root().unwrap(), &Url::parse(base).unwrap(), &alerts).unwrap();
        let inline = alerts.iter().map(|alert| format!("inline {}", alert.child_text("identifier").unwrap()));
        (index, inline.collect())
    }

    /// Reads a list at `https://example.org/cap/feed`; tells its entries as `identity -> address`, then what was passed over.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let (index, inline) = list(text, "https://example.org/cap/feed");
        // The number that stands for a date is left out here.
        let plain = |identity: &str| identity.split('#').next().unwrap().trim().to_owned();
        let follow = index.follow.iter().map(|follow| format!("{} -> {}", plain(&follow.identity), follow.request.url));
        let skipped = index.skipped.iter().map(|skip| format!("{}: {}", skip.part, skip.why));
        assert_eq!(follow.chain(inline).chain(skipped).collect::<Vec<_>>(), expected, "{text}");
    }

    fn atom(entry: &str) -> String {
        format!(
            "<a:feed xmlns:a=\"http://www.w3.org/2005/Atom\" xmlns=\"http://www.w3.org/2005/Atom\">{entry}</a:feed>"
        )
    }

    #[test]
    fn an_entry_leads_to_its_cap_document() {
        check(
            &atom(
                "<a:entry><id>urn:1</id><updated>2025-12-09</updated><link rel='related' href='/no'/><link href='page.html'/>\
                 <link type='application/cap+xml' href='1.xml'/></a:entry>\
                 <entry><id>urn:2</id><link rel='self' href='/self'/><link rel='alternate' href='2.xml?a=b'/></entry>\
                 <entry><link rel='self' href='http://other.example/3.xml'/></entry>",
            ),
            &[
                "urn:1 2025-12-09 -> https://example.org/cap/1.xml",
                "urn:2 -> https://example.org/cap/2.xml?a=b",
                "http://other.example/3.xml -> http://other.example/3.xml",
            ],
        );
    }

    #[test]
    fn an_item_of_rss_leads_to_its_cap_document() {
        check(
            "<rss version='2.0'><channel><link>/</link><item><title>x</title><link> /1.xml </link><guid>g1</guid>\
             <pubDate>Tue, 09 Dec 2025 01:00:00 +0300</pubDate></item>\
             <item><enclosure type='application/cap+xml' url='2.xml'/><link>page.html</link></item>\
             <item><guid isPermaLink='true'>https://example.org/3.xml</guid></item>\
             <item><guid isPermaLink='false'>https://example.org/4</guid></item></channel></rss>",
            &[
                "g1 Tue, 09 Dec 2025 01:00:00 +0300 -> https://example.org/1.xml",
                "https://example.org/cap/2.xml -> https://example.org/cap/2.xml",
                "https://example.org/3.xml -> https://example.org/3.xml",
                "entry 4: it holds no alert and has no link to one",
            ],
        );
    }

    #[test]
    fn a_link_never_leads_out_of_the_web_or_into_this_machine() {
        check(
            &atom(
                "<entry><link href='file:///etc/passwd'/></entry><entry><link href='http://127.0.0.1/x?key=hush'/></entry>\
                 <entry><link href='http://['/></entry><entry><id>x</id></entry>",
            ),
            &[
                "entry 1: its link is not an address of the web",
                "entry 2: its link leads into this machine: http://127.0.0.1/x",
                "entry 3: its link is not an address: invalid IPv6 address",
                "entry 4: it holds no alert and has no link to one",
            ],
        );
    }

    #[test]
    fn an_alert_within_the_list_needs_no_fetching() {
        check(
            &atom(
                "<entry><link href='x'/><content type='text/xml'><alert xmlns='urn:oasis:names:tc:emergency:cap:1.1'>\
                 <identifier>i1</identifier></alert></content></entry>",
            ),
            &["inline i1"],
        );
    }

    #[test]
    fn a_list_without_end_is_followed_to_a_limit_and_says_so() {
        let text = atom(&"<entry><link href='x'/></entry>".repeat(MAX_ENTRIES + 3));
        let (index, _) = list(&text, "https://example.org/");
        assert_eq!(index.follow.len(), MAX_ENTRIES);
        assert_eq!(index.skipped.len(), 1);
    }

    #[test]
    fn an_entry_without_a_date_is_another_when_its_words_change() {
        let identity = |entry: &str| list(&atom(entry), "https://example.org/").0.follow.remove(0).identity;
        let entry = |title: &str, date: &str| {
            format!("<entry><id>urn:1</id>{date}<title>{title}</title><link href='1.xml'/></entry>")
        };
        assert_ne!(identity(&entry("Rain", "")), identity(&entry("Rain, red", "")));
        assert_eq!(identity(&entry("Rain", "")), identity(&entry("  Rain ", "")));
        let dated = "<updated>2025-12-09T01:00:00+03:00</updated>";
        assert_eq!(identity(&entry("Rain", dated)), identity(&entry("Rain, red", dated)), "the date tells");
    }

    /// The NCM's titles are lists such as «هطول أمطار، محافظة جدة»; they are no alerts.
    #[test]
    fn an_item_that_only_has_a_title_makes_no_alert() {
        check(
            "<rss version='2.0'><channel><item><title>هطول أمطار، محافظة جدة، محافظة الطائف</title>\
             <description>أمطار غزيرة</description></item></channel></rss>",
            &["entry 1: it holds no alert and has no link to one"],
        );
    }

    /// Some authorities put the elements of an alert into the items themselves, without the alert.
    #[test]
    fn loose_elements_of_cap_are_no_alert_and_the_link_beside_them_is_followed() {
        let item = |link: &str| {
            format!(
                "<item><title>Chuvas Intensas</title>{link}<cap:event>Chuvas</cap:event><cap:severity>Severe</cap:severity>\
                 <cap:areaDesc>Jeddah</cap:areaDesc></item>"
            )
        };
        let whole = "<item><guid isPermaLink='false'>g3</guid><cap:identifier>i</cap:identifier><cap:sender>s</cap:sender>\
                     <cap:sent>2025-12-09T00:00:00+03:00</cap:sent></item>";
        let text = format!(
            "<rss version='2.0' xmlns:cap='urn:oasis:names:tc:emergency:cap:1.2'><channel>{}{}{whole}</channel></rss>",
            item("<link>https://example.org/1.xml</link>"),
            item("")
        );
        let loose = "it holds elements of CAP (event, severity, areaDesc) outside an <alert> and says no identifier, sender, sent: \
                     they are no alert";
        check(
            &text,
            &[
                "https://example.org/1.xml -> https://example.org/1.xml",
                &format!("entry 2: {loose}, and it has no link to one"),
                "entry 3: it holds elements of CAP (identifier, sender, sent) outside an <alert>: they are no alert, and it has \
                 no link to one",
            ],
        );
        let follow = list(&text, "https://example.org/cap/feed").0.follow.remove(0);
        assert_eq!(follow.in_vain("a web page".to_owned()), format!("a web page; in the list {loose}"));
    }
}
