//! The governorates: who they are, what they are called, where they lie.
//!
//! A place that cannot be found here is nowhere: it is held and shown to staff, and never taken for every governorate.

use std::collections::{BTreeMap, BTreeSet};

use geo::{BoundingRect, Contains, Coord, Intersects, MultiPolygon, Point, Rect};

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
    /// What CAP `geocode` elements say for it, each as `valueName:value`; nothing else is taken for it.
    pub geocodes: Vec<String>,
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
    /// What must stand under a map that is drawn of the outlines; nothing when nobody asks for it.
    pub credit: Option<String>,
    /// What lies outside this box is not in the region, whatever else it claims; degrees.
    pub bounds: Rect<f64>,
    list: Vec<Governorate>,
    places: BTreeMap<GovernorateId, usize>,
    /// By [`spelled`] and by [`normalise`].
    names: [BTreeMap<String, usize>; 2],
    centres: [BTreeMap<String, Vec<usize>>; 2],
    /// By value and then by its name.
    geocodes: BTreeMap<String, BTreeMap<String, usize>>,
    /// Names of other regions, by [`normalise`].
    elsewhere: BTreeSet<String>,
    hints: Hints,
    /// The boxes around the outlines, in official order.
    frames: Vec<Option<Rect<f64>>>,
}

/// A name or a geocode that two governorates claim.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` belongs to both `{first}` and `{second}`; it must lead to one governorate")]
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
    /// Every name and geocode that two governorates claim. The name of a centre may be claimed twice; it then finds nobody.
    pub fn new(region: Both<String>, bounds: Rect<f64>, list: Vec<Governorate>) -> Result<Self, Vec<NameClash>> {
        let (names, centres, geocodes) = Default::default();
        let hints = Hints::default();
        let mut book = Self {
            region,
            credit: None,
            bounds,
            places: BTreeMap::new(),
            names,
            centres,
            geocodes,
            hints,
            frames: list.iter().map(|place| place.outline.bounding_rect()).collect(),
            list,
            elsewhere: BTreeSet::new(),
        };
        // The region is told by its own name: areas of the whole world are called "region".
        let own: Vec<&str> = book.region.en.split_whitespace().filter(|word| normalise(word) != "region").collect();
        book.hints.take(&own.join(" "));
        let [exact_names, names] = &mut book.names;
        let [exact_centres, centres] = &mut book.centres;
        let mut clashes = Vec::new();
        let owner = |place: usize, otherwise: &Governorate| {
            book.list.get(place).map_or_else(|| otherwise.id.clone(), |other| other.id.clone())
        };
        for (place, governorate) in book.list.iter().enumerate() {
            book.places.insert(governorate.id.clone(), place);
            let own = [&governorate.name.ar, &governorate.name.en, &governorate.formal.ar, &governorate.formal.en];
            for name in own.into_iter().chain(&governorate.variants) {
                exact_names.insert(spelled(name), place);
                book.hints.take(name);
                match names.insert(normalise(name), place) {
                    Some(first) if first != place => clashes.push(NameClash {
                        name: name.clone(),
                        first: owner(first, governorate),
                        second: governorate.id.clone(),
                    }),
                    _ => {}
                }
            }
            for name in &governorate.centres {
                book.hints.take(name);
                for (map, key) in [(&mut *exact_centres, spelled(name)), (&mut *centres, normalise(name))] {
                    let claims = map.entry(key).or_default();
                    if !claims.contains(&place) {
                        claims.push(place);
                    }
                }
            }
        }
        for (place, governorate) in book.list.iter().enumerate() {
            for geocode in &governorate.geocodes {
                let (name, value) = geocode.split_once(':').unwrap_or(("", geocode));
                match book.geocodes.entry(value.to_owned()).or_default().insert(name.to_owned(), place) {
                    Some(first) if first != place => clashes.push(NameClash {
                        name: geocode.clone(),
                        first: owner(first, governorate),
                        second: governorate.id.clone(),
                    }),
                    _ => {}
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
    /// never taken for another, and a centre that two governorates share finds nobody. The article is forgiven last: «بحرة» is
    /// a governorate, «البحرة» a centre of another one.
    pub fn named(&self, name: &str) -> Option<&Governorate> {
        let (exact, loose) = (spelled(name), normalise(name));
        let [exact_names, names] = &self.names;
        let [exact_centres, centres] = &self.centres;
        // Who writes «محافظة» before a name means no centre.
        let says_so = name.split(|c: char| !c.is_alphanumeric()).any(|word| {
            let word = plain(word);
            word == "محافظه" || word == "governorate"
        });
        let only = |map: &BTreeMap<String, Vec<usize>>, key: &str| match map.get(key).map(Vec::as_slice) {
            Some([only]) => Some(*only),
            _ => None,
        };
        let place = exact_names
            .get(&exact)
            .or_else(|| names.get(&loose).filter(|_| says_so))
            .copied()
            .or_else(|| only(exact_centres, &exact))
            .or_else(|| names.get(&loose).copied())
            .or_else(|| only(centres, &loose));
        place.and_then(|place| self.list.get(place))
    }

    /// The governorate that lists a geocode, by the very letters of both: the same number under another name is another place.
    pub fn geocoded(&self, name: &str, value: &str) -> Option<&Governorate> {
        self.geocodes.get(value).and_then(|names| names.get(name)).and_then(|place| self.list.get(*place))
    }

    /// The same book with what must stand under a map of it.
    pub fn credited(self, credit: Option<String>) -> Self {
        Self { credit, ..self }
    }

    /// The same book with the names of places beside it, which are of other regions; a name of ours stays ours.
    pub fn beside(mut self, names: &[String]) -> Self {
        let others: BTreeSet<String> = names.iter().map(|name| normalise(name)).collect();
        let [_, own] = &self.names;
        let [_, centres] = &self.centres;
        let is_other = |name: &String| !name.is_empty() && !own.contains_key(name) && !centres.contains_key(name);
        self.elsewhere = others.into_iter().filter(is_other).collect();
        self
    }

    /// True for a name that is one of ours or of our centres, also of a centre that two governorates claim.
    pub fn is_ours(&self, name: &str) -> bool {
        let name = normalise(name);
        let ([_, own], [_, centres]) = (&self.names, &self.centres);
        own.contains_key(&name) || centres.contains_key(&name)
    }

    /// True for the whole name of a place that is known to be of another region.
    pub fn is_elsewhere(&self, name: &str) -> bool {
        self.elsewhere.contains(&normalise(name))
    }

    /// False when a text surely holds no name of this book; it costs next to nothing, and most alerts of the world are for
    /// elsewhere.
    pub fn may_name(&self, text: &str) -> bool {
        self.hints.may_name(text)
    }

    /// The governorate whose outline holds a point given as longitude and latitude.
    pub fn at(&self, point: Coord<f64>) -> Option<&Governorate> {
        let point = Point::from(point);
        let near =
            self.list.iter().zip(&self.frames).filter(|(_, frame)| frame.is_some_and(|frame| frame.intersects(&point)));
        near.map(|(governorate, _)| governorate).find(|governorate| governorate.outline.contains(&point))
    }
}

/// The longest word of every name in Latin letters. A text without any of these words names nobody.
///
/// Shapes: a set of 32768 bits by [`Hints::place`] of the plain letters. Texts with Arabic letters are never ruled out.
#[derive(Debug, Clone)]
struct Hints {
    bits: Vec<u64>,
    /// A name had no letter to tell by.
    is_open: bool,
}

impl Default for Hints {
    fn default() -> Self {
        Self { bits: vec![0; 512], is_open: false }
    }
}

impl Hints {
    fn take(&mut self, name: &str) {
        if name.chars().any(is_arabic) {
            return;
        }
        for form in [normalise(name), spelled(name)] {
            let words = form.split(|c: char| !c.is_alphanumeric());
            let longest = words.max_by_key(|word| word.chars().count()).unwrap_or_default();
            let key = longest.chars().fold(0, Self::add);
            if key == 0 {
                self.is_open |= !form.is_empty();
                continue;
            }
            let (word, bit) = Self::place(key);
            if let Some(bits) = self.bits.get_mut(word) {
                *bits |= bit;
            }
        }
    }

    fn add(key: u32, letter: char) -> u32 {
        key.wrapping_mul(0x0100_0193) ^ u32::from(letter)
    }

    fn place(key: u32) -> (usize, u64) {
        let mixed = key.wrapping_mul(0x9E37_79B1) >> 17;
        (mixed as usize / 64, 1 << (mixed % 64))
    }

    /// True for the letters of a whole word that may be one of these.
    fn has(&self, key: u32) -> bool {
        let (word, bit) = Self::place(key);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }

    fn may_name(&self, text: &str) -> bool {
        if self.is_open {
            return true;
        }
        // The letters of the word so far; none between words.
        let mut key = 0;
        for c in text.chars() {
            let c = match c {
                'a'..='z' | '0'..='9' => c,
                'A'..='Z' => c.to_ascii_lowercase(),
                '\'' | '`' => continue,
                '\0'..='\x7f' => ' ',
                c if is_arabic(c) => return true,
                c if is_dropped(c) => continue,
                // Letters that become several are none of a name.
                c => c.to_lowercase().next().map_or(c, plain_latin),
            };
            if c != ' ' && c.is_alphanumeric() {
                key = Self::add(key, c);
            } else if key != 0 {
                if self.has(key) {
                    return true;
                }
                key = 0;
            }
        }
        key != 0 && self.has(key)
    }
}

fn is_arabic(c: char) -> bool {
    matches!(c, '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
}

/// The words that say what kind of place a name names; they are dropped before names are compared.
const KIND_WORDS: &[&str] = &["محافظه", "مدينه", "مركز", "governorate", "city", "centre", "center"];

/// The article as transliterations write it before a name, also as it sounds before the sun letters.
const LATIN_ARTICLES: &[&str] = &["al", "at", "ath", "ar", "az", "as", "ash", "ad", "adh", "an", "el"];

/// Brings a place name to the form in which names are compared.
///
/// Arabic: marks and tatweel dropped, the forms of alif and hamza made one, a hamza that stands alone dropped, ta marbuta to ha,
/// alif maqsura to ya, the article dropped from each word. Latin: lower case, marks and apostrophes dropped, hyphens to spaces,
/// the article before the name dropped.
pub fn normalise(name: &str) -> String {
    let plain = plain(name);
    let mut words = String::with_capacity(plain.len());
    let own = plain.split_whitespace().filter(|word| !KIND_WORDS.contains(word));
    for (number, word) in own.enumerate() {
        if number == 1 && LATIN_ARTICLES.contains(&words.as_str()) {
            words.clear();
        }
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word.strip_prefix("ال").filter(|rest| 2 <= rest.chars().count()).unwrap_or(word));
    }
    words
}

/// The same with the articles kept.
fn spelled(name: &str) -> String {
    let plain = plain(name);
    let words: Vec<&str> = plain.split_whitespace().filter(|word| !KIND_WORDS.contains(word)).collect();
    words.join(" ")
}

/// A name in plain letters, without marks.
fn plain(name: &str) -> String {
    if name.is_ascii() {
        let plain = name.to_ascii_lowercase();
        let is_marked = plain.bytes().any(|byte| matches!(byte, b'-' | b'_' | b'\'' | b'`'));
        return if is_marked { plain.replace(['\'', '`'], "").replace(['-', '_'], " ") } else { plain };
    }
    let mut plain = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            'a'..='z' | '0'..='9' | ' ' => plain.push(c),
            'A'..='Z' => plain.push(c.to_ascii_lowercase()),
            c if is_dropped(c) => {}
            'أ' | 'إ' | 'آ' | 'ٱ' => plain.push('ا'),
            'ؤ' => plain.push('و'),
            'ئ' | 'ى' => plain.push('ي'),
            'ة' => plain.push('ه'),
            '-' | '_' | '\u{2010}'..='\u{2014}' => plain.push(' '),
            other => plain.extend(other.to_lowercase().map(plain_latin)),
        }
    }
    plain
}

/// True for marks that tell no name from another.
fn is_dropped(c: char) -> bool {
    matches!(
        c,
        '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{640}' | '\'' | '’' | '‘' | 'ʿ' | 'ʾ' | '`' | 'ء' | '\u{61c}' | '\u{feff}'
            | '\u{300}'..='\u{36f}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn same(names: &[&str]) {
        let keys: BTreeSet<String> = names.iter().map(|name| normalise(name)).collect();
        assert_eq!(keys.len(), 1, "{names:?}: {keys:?}");
        assert!(keys.iter().all(|key| !key.is_empty()));
    }

    #[test]
    fn spellings_of_one_name_are_one() {
        same(&["جدة", "جده", "محافظة جدة", "مدينة جدة", " جِدّة ", "جــدة", "\u{202b}جدة\u{202c}"]);
        same(&["الطائف", "الطايف", "طائف", "محافظة الطائف"]);
        same(&["أضم", "اضم", "إضم"]);
        same(&["مكة المكرمة", "مكه المكرمه", "محافظة مكة المكرمة"]);
        same(&["الهدى", "الهدي"]);
        same(&["الشفاء", "الشفا"]);
        same(&["الليث", "ليث", "محافظة الليث"]);
        same(&["Al-Lith", "Al Lith", "al lith", "AL-LITH", "Lith", "Al Lith Governorate", "Al‑Līth"]);
        same(&["Ta'if", "Taif", "At-Tā’if", "Aţ Ţā’if", "Ṭāʾif"]);
        same(&["Ash Shafa", "Al Shafa", "Shafa"]);
    }

    #[test]
    fn one_name_is_never_taken_for_another() {
        for (one, other) in [
            ("مكة المكرمة", "منطقة مكة المكرمة"),
            ("الكامل", "الكاملية"),
            ("جدة", "جدية"),
            ("رابغ", "رابع"),
            ("تربة", "تربية"),
            ("Adham", "Ad Dammam"),
            ("Al", "Al Lith"),
            ("Makkah", "Makkah Region"),
        ] {
            assert_ne!(normalise(one), normalise(other), "{one} and {other}");
        }
    }

    #[test]
    fn no_two_governorates_share_a_name() {
        let names = [
            ("مكة المكرمة", "Makkah"),
            ("جدة", "Jeddah"),
            ("الطائف", "Taif"),
            ("القنفذة", "Al Qunfudhah"),
            ("الليث", "Al Lith"),
            ("رابغ", "Rabigh"),
            ("الجموم", "Al Jumum"),
            ("خليص", "Khulais"),
            ("الكامل", "Al Kamil"),
            ("الخرمة", "Al Khurmah"),
            ("رنية", "Ranyah"),
            ("تربة", "Turabah"),
            ("ميسان", "Maysan"),
            ("المويه", "Al Muwayh"),
            ("أضم", "Adham"),
            ("العرضيات", "Al Ardiyat"),
            ("بحرة", "Bahrah"),
        ];
        let keys: BTreeSet<String> = names.iter().flat_map(|(ar, en)| [normalise(ar), normalise(en)]).collect();
        assert_eq!(keys.len(), 2 * names.len());
    }

    /// The gazetteer and the centres, when they lie beside the project: every name leads to one governorate. Centres may share
    /// a name among themselves, and then find nobody.
    #[test]
    fn no_name_variant_or_centre_of_the_gazetteer_leads_astray() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/geo");
        let table = std::fs::read_to_string(directory.join("governorates_makkah.csv")).unwrap_or_default();
        let mut owners: BTreeMap<String, String> = BTreeMap::new();
        for line in table.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            for name in cells[5..=8].iter().flat_map(|list| list.split('|')).filter(|name| !name.is_empty()) {
                let first = owners.entry(normalise(name)).or_insert_with(|| cells[5].to_owned());
                assert_eq!(first, cells[5], "{name}");
            }
        }
        let centres = std::fs::read_to_string(directory.join("makkah_centres.tsv")).unwrap_or_default();
        for line in centres.lines().skip(1) {
            let (owner, names) = line.split_once('\t').unwrap();
            for name in names.split('|') {
                // «البحره» is a centre of Al Muwayh, «بحرة» a governorate: there the article tells.
                let known = owners.get(&normalise(name)).filter(|_| !name.starts_with("البحر"));
                assert!(known.is_none_or(|known| known == owner), "{name} of {owner}");
            }
        }
    }

    #[test]
    fn a_name_that_two_claim_is_refused_and_a_centre_that_two_claim_finds_nobody() {
        let place = |id: &str, name: &str, centre: &str| Governorate {
            id: GovernorateId::new(id).unwrap(),
            code: id.to_owned(),
            name: Both { ar: name.to_owned(), en: id.to_owned() },
            formal: Both { ar: format!("محافظة {name}"), en: format!("{id} Governorate") },
            variants: Vec::new(),
            centres: vec![centre.to_owned(), format!("{centre} {name}")],
            geocodes: Vec::new(),
            seat: Coord { x: 40.0, y: 21.0 },
            elevation_m: 0.0,
            coastal: false,
            tags: BTreeSet::new(),
            outline: MultiPolygon::new(Vec::new()),
        };
        let bounds = Rect::new(Coord { x: 38.0, y: 18.0 }, Coord { x: 45.0, y: 25.0 });
        let region = Both { ar: "منطقة مكة المكرمة".to_owned(), en: "Makkah Region".to_owned() };
        let list = vec![place("taif", "الطائف", "العقيق"), place("adham", "أضم", "العقيق")];
        let book = GovernorateBook::new(region.clone(), bounds, list).unwrap();
        assert!(book.named("العقيق").is_none());
        assert_eq!(book.named("عقيق الطائف").unwrap().id.as_str(), "taif");
        assert_eq!(book.named("محافظة اضم").unwrap().id.as_str(), "adham");
        assert!(book.named("منطقة مكة المكرمة").is_none() && book.named("").is_none());
        let list = vec![place("bahrah", "بحرة", "أ"), place("muwayh", "المويه", "البحره")];
        let told = GovernorateBook::new(region.clone(), bounds, list).unwrap();
        let told = |name: &str| told.named(name).unwrap().id.to_string();
        assert_eq!([told("بحره"), told("البحرة"), told("محافظة البحرة")], ["bahrah", "muwayh", "bahrah"]);
        let list = vec![place("taif", "الطائف", "أ"), place("other", "طايف", "ب")];
        let clashes = GovernorateBook::new(region, bounds, list).unwrap_err();
        assert!(clashes.iter().all(|clash| clash.first.as_str() == "taif" && clash.second.as_str() == "other"));
    }
}
