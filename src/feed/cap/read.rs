//! One CAP alert element to a [`CapAlert`]: tolerant in what can be understood, strict in what makes it what it is.
//!
//! Its words are not changed. What was wrong and read all the same is in its defects. Every node is looked at once: most of the
//! time that a document takes should be the parser's.

use xxhash_rust::xxh3::xxh3_64;

use super::model::{CapAlert, CapArea, CapInfo, Text};
use super::names;
use super::shapes::{self, Drawer, Shape, Terms};
use super::tree::{Child, Element};
use super::when::{self, Moment};
use super::xml::is_named_alert;
use crate::feed::Skip;
use crate::governorate::GovernorateBook;

/// The most infos of an alert; real ones have had 9.
const MAX_INFOS: usize = 64;
/// The most areas of an alert; real ones have had some hundred.
const MAX_AREAS: usize = 2000;
/// The most polygons, circles and geocodes of an area.
const MAX_SHAPES: usize = 500;
/// The most categories and the most responses of an info.
const MAX_WORDS: usize = 16;
/// The most defects that are kept of an alert, and of each of its infos.
pub(super) const MAX_DEFECTS: usize = 50;
/// The most bytes of descriptions that are searched for names in one document.
const MAX_SEARCHED: usize = 200_000;
/// The longest text that may be a sender or an identifier, in bytes.
const MAX_NAME: usize = 1000;

/// What the alerts of one document are read with.
#[derive(Debug)]
pub(super) struct Reader<'b> {
    book: &'b GovernorateBook,
    terms: Terms,
    drawer: Drawer,
    searched: usize,
    areas: usize,
    print: Print,
}

/// A number of all that an alert says: its elements and their texts in order, without prefixes, blanks around and signature.
#[derive(Debug, Default)]
struct Print(u64);

impl Print {
    /// One of the primes that xxh3 itself mixes with.
    const PRIME: u64 = 0x9E37_79B1_85EB_CA87;

    fn add(&mut self, bytes: &[u8]) {
        self.0 = (self.0 ^ xxh3_64(bytes)).wrapping_mul(Self::PRIME).rotate_left(29);
    }

    /// An element begins.
    fn open(&mut self, element: Element<'_>) {
        self.add(element.name().as_bytes());
    }

    /// The last element that began and had others within ends.
    fn close(&mut self) {
        self.0 = self.0.wrapping_add(1).wrapping_mul(Self::PRIME);
    }

    /// An element with all that is within.
    fn all(&mut self, element: Element<'_>) {
        self.open(element);
        if let Some(text) = element.only_text() {
            return self.add(text.trim().as_bytes());
        }
        for child in element.children() {
            match child {
                Child::Element(child) => self.all(child),
                Child::Text(text) => self.add(text.trim().as_bytes()),
                Child::Mark => self.add(b""),
            }
        }
        self.close();
    }
}

impl<'b> Reader<'b> {
    /// A reader that places areas in these governorates, on these terms.
    pub(super) fn new(book: &'b GovernorateBook, terms: Terms) -> Self {
        Self { book, terms, drawer: Drawer::new(book.bounds), searched: 0, areas: 0, print: Print::default() }
    }

    /// Reads an alert; one that cannot be told from others is passed over with the reason.
    pub(super) fn alert<'a>(&mut self, element: Element<'a>) -> Result<CapAlert<'a>, Skip> {
        self.print = Print::default();
        self.areas = 0;
        let mut defects = Vec::new();
        let [mut identifier, mut sender, mut sent, mut status, mut msg_type, mut scope, mut references, mut note] =
            [const { None }; 8];
        let mut infos = Vec::new();
        let mut left_out = 0;
        for child in element.elements() {
            let slot = match child.name() {
                "identifier" => &mut identifier,
                "sender" => &mut sender,
                "sent" => &mut sent,
                "status" => &mut status,
                "msgType" => &mut msg_type,
                "scope" => &mut scope,
                "references" => &mut references,
                "note" => &mut note,
                "info" if MAX_INFOS <= infos.len() => {
                    left_out += 1;
                    continue;
                }
                "info" => {
                    infos.push(self.info(child));
                    continue;
                }
                "Signature" => continue,
                _ => {
                    self.print.all(child);
                    continue;
                }
            };
            self.keep(child, slot, &mut defects);
        }
        let part =
            identifier.as_deref().map_or("an alert", |name| name.get(..name.floor_char_boundary(200)).unwrap_or(name));
        let skip = |why: &str| Skip { part: part.to_owned(), why: why.to_owned() };
        if [&identifier, &sender].into_iter().flatten().any(|name| MAX_NAME < name.len()) {
            return Err(skip("its identifier or sender is longer than any name"));
        }
        if identifier.is_none() {
            return Err(skip("it has no identifier, and so cannot be told from others"));
        }
        let sender = sender.ok_or_else(|| skip("it has no sender"))?;
        let sent = sent.ok_or_else(|| skip("it does not say when it was sent"))?;
        let at = when::read("sent", &sent, &mut defects).map_err(|why| skip(&why))?;
        let Some(identifier) = identifier else { return Err(skip("it has no identifier")) };
        if !is_named_alert(&element) {
            defects.push("its namespace is none of CAP's".to_owned());
        }
        if 0 < left_out {
            defects.push(format!("only the first {MAX_INFOS} infos were read"));
            if let Some(last) = infos.last_mut() {
                hold_unread(last, "infos");
            }
        }
        if infos.is_empty() {
            defects.push("it has no info".to_owned());
        }
        defects.truncate(MAX_DEFECTS);
        Ok(CapAlert {
            identifier,
            sender,
            sent: Moment { text: sent, at },
            status,
            msg_type,
            scope,
            references,
            note,
            envelope: None,
            infos,
            fingerprint: self.print.0.max(1),
            defects,
        })
    }

    /// Keeps the text of an element; the first of a name counts.
    fn keep<'a>(&mut self, child: Element<'a>, slot: &mut Option<Text<'a>>, defects: &mut Vec<String>) {
        self.print.open(child);
        let text = child.own_text();
        self.print.add(text.as_deref().unwrap_or_default().as_bytes());
        if slot.is_none() {
            *slot = text;
        } else if text.is_some() && text != *slot {
            defects.push(format!("`{}` stands there twice; the first was read", child.name()));
        }
    }

    fn info<'a>(&mut self, element: Element<'a>) -> CapInfo<'a> {
        let mut info = CapInfo::default();
        let mut defects = Vec::new();
        let [mut effective, mut onset, mut expires] = [const { None }; 3];
        let mut left_out = false;
        self.print.open(element);
        for child in element.elements() {
            let slot = match child.name() {
                "language" => &mut info.language,
                "event" => &mut info.event,
                "urgency" => &mut info.urgency,
                "severity" => &mut info.severity,
                "certainty" => &mut info.certainty,
                "effective" => &mut effective,
                "onset" => &mut onset,
                "expires" => &mut expires,
                "senderName" => &mut info.sender_name,
                "headline" => &mut info.headline,
                "description" => &mut info.description,
                "instruction" => &mut info.instruction,
                "web" => &mut info.web,
                name @ ("category" | "responseType") => {
                    let list = if name == "category" { &mut info.categories } else { &mut info.responses };
                    self.print.all(child);
                    list.extend(child.own_text().filter(|_| list.len() < MAX_WORDS));
                    continue;
                }
                "parameter" => {
                    self.print.all(child);
                    if let Some((name, value)) = pair(child)
                        && name == "awareness_level"
                    {
                        info.awareness = Some(value);
                    }
                    continue;
                }
                "area" => {
                    self.areas += 1;
                    if self.areas <= MAX_AREAS {
                        info.areas.push(self.area(child, &mut defects));
                    } else {
                        left_out = true;
                    }
                    continue;
                }
                _ => {
                    self.print.all(child);
                    continue;
                }
            };
            self.keep(child, slot, &mut defects);
        }
        self.print.close();
        let mut date = |name: &str, text: Option<Text<'a>>| {
            let text = text?;
            match when::read(name, &text, &mut defects) {
                Ok(at) => Some(Moment { text, at }),
                Err(why) => {
                    defects.push(why);
                    None
                }
            }
        };
        info.effective = date("effective", effective);
        info.onset = date("onset", onset);
        info.expires = date("expires", expires);
        if left_out {
            defects.push(format!("only the first {MAX_AREAS} areas were read"));
            hold_unread(&mut info, "areas");
        }
        defects.truncate(MAX_DEFECTS);
        info.defects = defects;
        info
    }

    /// Places one area: its shapes, its names and its geocodes together; what none of them can place is held for staff.
    fn area<'a>(&mut self, element: Element<'a>, defects: &mut Vec<String>) -> CapArea<'a> {
        let mut area = CapArea::default();
        let mut shapes: Vec<Shape> = Vec::new();
        // How many shapes lie far from the region, and whether all could be read.
        let (mut far, mut is_clear) = (0_usize, true);
        self.print.open(element);
        for child in element.elements() {
            match child.name() {
                "areaDesc" => self.keep(child, &mut area.description, defects),
                name @ ("polygon" | "circle") => {
                    self.print.open(child);
                    let Some(text) = child.own_text() else {
                        is_clear = false;
                        continue;
                    };
                    self.print.add(text.as_bytes());
                    let count = if name == "polygon" { &mut area.polygons } else { &mut area.circles };
                    *count += 1;
                    if MAX_SHAPES < area.polygons + area.circles {
                        is_clear = false;
                        continue;
                    }
                    let read = match name {
                        "polygon" => self.drawer.polygon(&text, defects),
                        _ => self.drawer.circle(&text, defects),
                    };
                    match read {
                        Ok(Shape::Far) => far += 1,
                        Ok(shape) => shapes.push(shape),
                        Err(why) => {
                            is_clear = false;
                            defects.push(why);
                        }
                    }
                }
                "geocode" => {
                    self.print.all(child);
                    area.geocodes += 1;
                    if area.geocodes <= MAX_SHAPES
                        && let Some((name, value)) = pair(child)
                    {
                        area.governorates.extend(self.book.geocoded(&name, &value).map(|place| place.id.clone()));
                    }
                }
                _ => self.print.all(child),
            }
        }
        self.print.close();
        is_clear &= area.geocodes <= MAX_SHAPES;
        if MAX_SHAPES < area.polygons + area.circles {
            defects.push(format!("only the first {MAX_SHAPES} polygons and circles of an area were read"));
        }
        shapes::touched(&shapes, self.book, &self.terms, &mut area.governorates);
        let is_placed = !area.governorates.is_empty();
        let text = area.description.as_deref().unwrap_or_default();
        self.searched += text.len();
        if MAX_SEARCHED < self.searched && self.book.may_name(text) {
            defects.push("there are too many long descriptions; not all were searched for names".to_owned());
            area.unplaced.push(text.get(..text.floor_char_boundary(160)).unwrap_or(text).to_owned());
            return area;
        }
        let named = names::read(text, self.book);
        if !is_placed {
            area.is_elsewhere = 0 < far && is_clear && shapes.is_empty() && named.found.is_empty();
            if !area.is_elsewhere {
                area.unplaced = named.unknown;
            }
            if named.found.is_empty() && area.unplaced.is_empty() && !area.is_elsewhere {
                let text = if text.is_empty() { "an area without a description" } else { text };
                area.unplaced.push(text.to_owned());
            }
        }
        area.governorates.extend(named.found);
        area
    }
}

/// Holds for staff that a document says more than was read: nobody knows which places that is for.
fn hold_unread(info: &mut CapInfo<'_>, what: &str) {
    let unplaced = vec![format!("further {what} that were not read")];
    info.areas.push(CapArea { unplaced, ..CapArea::default() });
}

/// The name and the value of a geocode or parameter; CAP 1.0 wrote them as `name=value`.
fn pair<'a>(element: Element<'a>) -> Option<(Text<'a>, Text<'a>)> {
    let (mut name, mut value) = (None, None);
    for child in element.elements() {
        match child.name() {
            "valueName" => name = name.or_else(|| child.own_text()),
            "value" => value = value.or_else(|| child.own_text()),
            _ => {}
        }
    }
    if let (Some(name), Some(value)) = (name, value) {
        return Some((name, value));
    }
    let Text::Borrowed(text) = element.own_text()? else { return None };
    let (name, value) = text.split_once('=')?;
    Some((Text::Borrowed(name.trim()), Text::Borrowed(value.trim())))
}
