//! The governorates: who they are, what they are called, where they lie.
//!
//! A place that cannot be found here is nowhere: it is held and shown to staff, and never taken for every governorate.

use std::collections::{BTreeMap, BTreeSet};

use geo::{Contains, Coord, MultiPolygon, Point, Rect};

use crate::ids::GovernorateId;
use crate::language::Both;

/// One governorate of the region, or the unit of another country that a warning is given for.
#[derive(Debug, Clone)]
pub struct Governorate {
    /// Its name in TOML, addresses and JSON: `jeddah`.
    pub id: GovernorateId,
    /// The official code, such as `0202`.
    pub code: String,
    /// The bare name: «جدة», "Jeddah".
    pub name: Both<String>,
    /// The name as it stands in a bulletin: «محافظة جدة», "Jeddah Governorate".
    pub formal: Both<String>,
    /// Other spellings that feeds write, in any language.
    pub variants: Vec<String>,
    /// Administrative centres that belong to it, as official warnings name them; Arabic.
    pub centres: Vec<String>,
    /// The seat: longitude and latitude in degrees, WGS 84.
    pub seat: Coord<f64>,
    /// Height of the seat above mean sea level, m.
    pub elevation_m: f64,
    /// Whether it has a coast.
    pub coastal: bool,
    /// Free tags for rules and channels: `coastal`, `highland`, `holy-sites`.
    pub tags: BTreeSet<String>,
    /// Its outline; empty when none is known.
    pub outline: MultiPolygon<f64>,
}

/// All governorates in official order, and the ways to find one.
#[derive(Debug, Clone)]
pub struct GovernorateBook {
    /// The region: «منطقة مكة المكرمة», "Makkah Region".
    pub region: Both<String>,
    /// What lies outside this box is not in the region, whatever else it claims; degrees.
    pub bounds: Rect<f64>,
    list: Vec<Governorate>,
    places: BTreeMap<GovernorateId, usize>,
    names: BTreeMap<String, usize>,
    centres: BTreeMap<String, Vec<usize>>,
}

/// A name that two governorates claim.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the name `{name}` belongs to both `{first}` and `{second}`; a name must lead to one governorate")]
pub struct NameClash {
    /// The name as written.
    pub name: String,
    /// Who had it first.
    pub first: GovernorateId,
    /// Who claims it too.
    pub second: GovernorateId,
}

impl GovernorateBook {
    /// Builds the book from governorates in official order.
    ///
    /// # Errors
    /// Every name that two governorates claim. The name of a centre may be claimed twice; it then finds nobody.
    pub fn new(region: Both<String>, bounds: Rect<f64>, list: Vec<Governorate>) -> Result<Self, Vec<NameClash>> {
        let mut book =
            Self { region, bounds, places: BTreeMap::new(), names: BTreeMap::new(), centres: BTreeMap::new(), list };
        let mut clashes = Vec::new();
        for (place, governorate) in book.list.iter().enumerate() {
            book.places.insert(governorate.id.clone(), place);
            let own = [&governorate.name.ar, &governorate.name.en, &governorate.formal.ar, &governorate.formal.en];
            for name in own.into_iter().chain(&governorate.variants) {
                match book.names.insert(normalise(name), place) {
                    Some(first) if first != place => clashes.push(NameClash {
                        name: name.clone(),
                        first: book.list.get(first).map_or_else(|| governorate.id.clone(), |other| other.id.clone()),
                        second: governorate.id.clone(),
                    }),
                    _ => {}
                }
            }
            for name in &governorate.centres {
                let claims = book.centres.entry(normalise(name)).or_default();
                if !claims.contains(&place) {
                    claims.push(place);
                }
            }
        }
        if clashes.is_empty() { Ok(book) } else { Err(clashes) }
    }

    /// All governorates in official order.
    pub fn iter(&self) -> impl Iterator<Item = &Governorate> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The governorate of an identifier.
    pub fn get(&self, id: &GovernorateId) -> Option<&Governorate> {
        self.places.get(id).and_then(|place| self.list.get(*place))
    }

    /// Its place in official order; unknown ones come last.
    pub fn order(&self, id: &GovernorateId) -> usize {
        self.places.get(id).copied().unwrap_or(usize::MAX)
    }

    /// Finds the one governorate of a name in either language: its own names first, then those of its centres.
    ///
    /// Spelling differences of one word are forgiven (hamza, ta marbuta, alif maqsura, article, case, hyphens); one word is
    /// never taken for another, and a centre that two governorates share finds nobody.
    pub fn named(&self, name: &str) -> Option<&Governorate> {
        let key = normalise(name);
        let place = match self.names.get(&key) {
            Some(place) => Some(*place),
            None => match self.centres.get(&key).map(Vec::as_slice) {
                Some([only]) => Some(*only),
                _ => None,
            },
        };
        place.and_then(|place| self.list.get(place))
    }

    /// The governorate whose outline holds a point given as longitude and latitude.
    pub fn at(&self, point: Coord<f64>) -> Option<&Governorate> {
        let point = Point::from(point);
        self.list.iter().find(|governorate| governorate.outline.contains(&point))
    }
}

/// The words that say what kind of place a name names; they are dropped before names are compared.
const KIND_WORDS: &[&str] = &["محافظه", "مدينه", "مركز", "governorate", "city", "centre", "center"];

/// Brings a place name to the form in which names are compared.
///
/// Arabic: marks and tatweel dropped, the forms of alif and hamza made one, ta marbuta to ha, alif maqsura to ya, the article
/// dropped from each word. Latin: lower case, marks and apostrophes dropped, hyphens to spaces, the article `al`/`at` dropped.
pub fn normalise(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{640}' | '\'' | '’' | '‘' | 'ʿ' | 'ʾ' | '`' => {}
            '\u{300}'..='\u{36f}' | '\u{200e}' | '\u{200f}' | '\u{2066}'..='\u{2069}' => {}
            'أ' | 'إ' | 'آ' | 'ٱ' => plain.push('ا'),
            'ؤ' => plain.push('و'),
            'ئ' | 'ى' => plain.push('ي'),
            'ة' => plain.push('ه'),
            '-' | '_' | '\u{2010}'..='\u{2014}' => plain.push(' '),
            other => plain.extend(other.to_lowercase().map(plain_latin)),
        }
    }
    let words: Vec<&str> = plain
        .split_whitespace()
        .filter(|word| !KIND_WORDS.contains(word))
        .map(|word| word.strip_prefix("ال").filter(|rest| 2 <= rest.chars().count()).unwrap_or(word))
        .collect();
    let words = match words.as_slice() {
        ["al" | "at" | "ar" | "as" | "el", rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    words.join(" ")
}

/// The plain letter under the marks that transliterations carry.
fn plain_latin(c: char) -> char {
    match c {
        'ā' | 'á' | 'à' | 'â' => 'a',
        'ī' | 'í' | 'ì' => 'i',
        'ū' | 'ú' | 'ù' => 'u',
        'ş' | 'ṣ' => 's',
        'ţ' | 'ṭ' => 't',
        'ḩ' | 'ḥ' => 'h',
        'ḑ' | 'ḍ' => 'd',
        'ẓ' => 'z',
        other => other,
    }
}
