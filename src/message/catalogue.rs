//! Which texts the wording holds, and which slots each of them may use. Both languages must have all of them.
//!
//! No wording stands here: only the names under which it is written.

use crate::bulletin::{Change, Reason};
use crate::hazard::{Hazard, Severity};
use crate::notice::{Side, Stage};
use crate::unit::Metric;

macro_rules! slots {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// A place in a text that is filled when a bulletin is told.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(super) enum Slot {
            $($(#[$doc])* $name),+
        }

        impl Slot {
            /// Its name in the wording.
            pub(super) fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text),+
                }
            }
        }
    };
}

slots! {
    /// The formal name of one governorate.
    Name = "name",
    /// A list of bare names of governorates.
    Names = "names",
    /// One place of an evidence.
    Place = "place",
    /// All places of a bulletin, in the genitive.
    Places = "places",
    /// The places as the hazard reaches them: for waves, their coast.
    Reach = "reach",
    /// The same with the preposition that the hazard takes: rain falls on a place, floods run in it.
    Where = "where",
    /// The region.
    Region = "region",
    /// The places that are not counted among the governorates: the Holy Capital.
    Capital = "capital",
    /// The places beside the capital.
    Rest = "rest",
    /// The name of a station.
    Station = "station",
    /// The severity as a headline begins with it.
    Level = "level",
    /// The severity as a warning that is already known.
    TheLevel = "the_level",
    /// The severity as what a warning was raised or lowered to.
    Colour = "colour",
    /// What threatens, at its severity.
    Phenomenon = "phenomenon",
    /// What threatens, by its name.
    Hazard = "hazard",
    /// From when until when.
    Period = "period",
    /// The time at which it begins.
    FromClock = "from_clock",
    /// The time and day at which it begins.
    From = "from",
    /// The time and day at which it ends.
    Until = "until",
    /// A time of day.
    Clock = "clock",
    /// A day.
    Date = "date",
    /// What comes along with the hazard.
    Effects = "effects",
    /// The places where a warning does not hold any more, or where nobody knows.
    Left = "left",
    /// When the last data came.
    Since = "since",
    /// When the warning ended.
    Ended = "ended",
    /// The authority that said it.
    Authority = "authority",
    /// Who speaks here.
    Issuer = "issuer",
    /// The number to call.
    EmergencyNumber = "emergency_number",
    /// The feeds that the data came from; may be empty.
    Sources = "sources",
    /// The number of the warning.
    Number = "number",
    /// The edition.
    Edition = "edition",
    /// The editions that it takes the place of.
    Replaced = "replaced",
    /// A value with its unit.
    Value = "value",
    /// What is measured, as a noun with its article.
    Quantity = "quantity",
    /// A length of time.
    Window = "window",
    /// A moment.
    At = "at",
    /// A count.
    Count = "n",
    /// The words that mark a drill or test.
    Banner = "banner",
    /// The words of an authority; may be several lines.
    Quote = "quote",
    /// A whole headline.
    Headline = "headline",
    /// The identifier of a feed.
    Feed = "feed",
    /// What the public reads in place of one feed.
    Source = "source",
    /// Somebody on duty.
    Person = "person",
    /// Why something was not done.
    Why = "why",
}

/// One text: the key it is written under and the slots it may use.
pub(super) type Entry = (&'static str, &'static [Slot]);

/// How the texts of a section are written.
pub(super) enum Shape {
    /// `[section]` with a text for each key.
    Plain(Vec<Entry>),
    /// `[section.group]` for each group, with a text for each key.
    Grouped(Vec<&'static str>, Vec<Entry>),
    /// `[section]` with one text for a key, or `[section.key]` with a text for each plural of the language.
    Counted(Vec<&'static str>),
}

/// One top table of the wording.
pub(super) struct Section {
    /// Its name.
    pub(super) name: &'static str,
    /// How its texts are written.
    pub(super) shape: Shape,
    /// True when there may be nothing to say.
    pub(super) may_be_empty: bool,
}

/// Every section, in the order of the files.
pub(super) fn sections() -> Vec<Section> {
    use Slot as S;
    let each = |names: Vec<&'static str>, slots: &'static [Slot]| names.into_iter().map(|name| (name, slots)).collect();
    let hazards = || Hazard::ALL.iter().map(|hazard| hazard.name()).collect::<Vec<_>>();
    let severities = || Severity::ALL.iter().map(|severity| severity.name()).collect::<Vec<_>>();
    let changes = || Change::ALL.iter().map(|change| change.name()).collect::<Vec<_>>();
    let plain = |name, entries: Vec<Entry>| Section { name, shape: Shape::Plain(entries), may_be_empty: false };
    let by_hazard = |name, slots| Section {
        name,
        shape: Shape::Grouped(hazards(), each(severities(), slots)),
        may_be_empty: name == "effects",
    };
    let counted = |name, keys| Section { name, shape: Shape::Counted(keys), may_be_empty: false };
    vec![
        plain("level", each(severities(), &[])),
        plain("the_level", each(severities(), &[])),
        plain("automatic_level", each(severities(), &[])),
        plain("the_automatic_level", each(severities(), &[])),
        plain("desk_level", each(severities(), &[])),
        plain("the_desk_level", each(severities(), &[])),
        plain("colour", each(severities(), &[])),
        plain("hazard", each(hazards(), &[])),
        plain("reach", each(hazards(), &[S::Places])),
        plain("where", each(hazards(), &[S::Reach])),
        plain("places", places()),
        counted("places_count", vec!["governorate", "others"]),
        plain("banner", banners()),
        plain("reminder", vec![("headline", &[S::Headline]), ("still", &[])]),
        plain("headline", each(changes(), OWN_HEADLINE)),
        plain("automatic_headline", each(changes(), OWN_HEADLINE)),
        plain("desk_headline", each(changes(), OWN_HEADLINE)),
        plain("official_headline", each(changes(), &[S::Level, S::TheLevel, S::Colour, S::Hazard, S::Where])),
        plain("period", periods()),
        plain("body", body()),
        plain("reason", each(Reason::ALL.iter().map(|reason| reason.name()).collect(), &[])),
        plain("brief", brief()),
        plain("card", card()),
        plain("notice", notices()),
        plain("say", statements()),
        plain("verdict", verdicts()),
        Section { name: "staff_headline", shape: staff_headlines(), may_be_empty: false },
        plain("staff", staff()),
        counted("staff_count", vec!["resting", "more"]),
        by_hazard("phenomenon", &[]),
        by_hazard("effects", &[]),
        by_hazard("advice", &[S::EmergencyNumber]),
        by_hazard("action", &[]),
        Section { name: "evidence", shape: evidence(), may_be_empty: false },
        Section { name: "evidence_over", shape: evidence_over(), may_be_empty: false },
        plain("quantity", each(Metric::ALL.iter().map(|metric| metric.name()).collect(), &[])),
        plain("weather", each(vec!["thunderstorm", "fog", "dust", "rain", "other"], &[])),
        plain("dust", each(vec!["light", "moderate", "heavy"], &[])),
        counted("unit", UNITS.to_vec()),
        counted("span", SPANS.to_vec()),
    ]
}

/// What the headline of a warning by our rules may name.
const OWN_HEADLINE: &[Slot] = &[Slot::Level, Slot::TheLevel, Slot::Colour, Slot::Phenomenon, Slot::Hazard, Slot::Where];

fn evidence() -> Shape {
    use Slot as S;
    Shape::Grouped(
        Metric::ALL.iter().map(|metric| metric.name()).collect(),
        vec![("forecast", &[S::Value, S::Window, S::Place]), ("observed", &[S::Value, S::Window, S::Place, S::At])],
    )
}

/// What is told of a whole window: its mean, or how far a value rose or fell in it.
fn evidence_over() -> Shape {
    use Slot as S;
    let slots: [&'static [Slot]; 2] =
        [&[S::Quantity, S::Value, S::Window, S::Place], &[S::Quantity, S::Value, S::Window, S::Place, S::At]];
    let [forecast, observed] = slots;
    Shape::Grouped(vec!["mean", "rise", "fall"], vec![("forecast", forecast), ("observed", observed)])
}

/// The units that the public reads.
const UNITS: [&str; 9] = [
    "millimetre",
    "celsius",
    "percent",
    "kilometre_per_hour",
    "metre",
    "hectopascal",
    "joule_per_kilogram",
    "microgram_per_cubic_metre",
    "code",
];

/// The lengths of time that are counted.
const SPANS: [&str; 3] = ["minute", "hour", "day"];

fn places() -> Vec<Entry> {
    use Slot as S;
    vec![
        ("one", &[S::Name]),
        ("two", &[S::Names]),
        ("many", &[S::Names]),
        ("all", &[S::Region]),
        ("with_capital", &[S::Capital, S::Rest]),
        ("at_station", &[S::Place, S::Station]),
        ("counted", &[S::Names, S::Region]),
    ]
}

fn banners() -> Vec<Entry> {
    vec![
        ("exercise", &[]),
        ("system", &[]),
        ("test", &[]),
        ("draft", &[]),
        ("headline", &[Slot::Banner, Slot::Headline]),
    ]
}

fn periods() -> Vec<Entry> {
    use Slot as S;
    vec![
        ("until", &[S::Until]),
        ("same_day", &[S::FromClock, S::Until]),
        ("two_days", &[S::From, S::Until]),
        ("whole_day", &[S::Date]),
        ("moment", &[S::Clock, S::Date]),
        ("day_start", &[S::Date]),
        ("day_end", &[S::Date]),
    ]
}

fn body() -> Vec<Entry> {
    use Slot as S;
    vec![
        ("expected", &[S::Phenomenon, S::Reach, S::Period]),
        ("ongoing", &[S::Phenomenon, S::Reach, S::Period]),
        ("effects", &[S::Effects]),
        ("left", &[S::Left]),
        ("doubtful", &[S::Left]),
        ("parted", &[S::Left]),
        ("silent", &[S::Since]),
        ("no_data", &[S::Since]),
        ("lifted", &[S::Where, S::Ended]),
        ("lifted_desk", &[S::Where, S::Ended]),
        ("corrected", &[S::Hazard, S::Where]),
        ("after_correction", &[]),
        ("lifted_official", &[S::Authority, S::Reach, S::Ended]),
        ("expired", &[S::Reach, S::Ended]),
        ("covers", &[S::Headline, S::Period]),
        ("emergency", &[S::EmergencyNumber]),
    ]
}

/// What only the short forms say.
fn brief() -> Vec<Entry> {
    use Slot as S;
    vec![
        ("period", &[S::Period]),
        ("ended", &[S::Ended]),
        ("silent", &[S::Since]),
        ("lifted", &[]),
        ("expired", &[]),
        ("corrected", &[]),
        ("withdrawn", &[S::Ended]),
        ("emergency", &[S::EmergencyNumber]),
    ]
}

/// What is said around the words of a statement.
fn statements() -> Vec<Entry> {
    use Slot as S;
    vec![
        ("news", &[S::Headline]),
        ("event", &[S::Headline]),
        ("rumour_false", &[S::Headline]),
        ("rumour_misleading", &[S::Headline]),
        ("rumour_true", &[S::Headline]),
        ("rumour_unproven", &[S::Headline]),
        ("withdrawn_headline", &[S::Headline]),
        ("withdrawn", &[]),
        ("claim", &[S::Quote]),
        ("false", &[]),
        ("misleading", &[]),
        ("true", &[]),
        ("unproven", &[]),
        ("when", &[S::Period]),
        ("place", &[S::Places]),
        ("link", &[S::Quote]),
        ("source", &[S::Issuer]),
        ("number", &[S::Number, S::Edition]),
    ]
}

/// What people on duty are asked of what is kept back, and told for it.
fn verdicts() -> Vec<Entry> {
    use Slot as S;
    const DONE: &[Slot] = &[S::Number, S::Person];
    vec![
        ("approve", &[]),
        ("hold", &[]),
        ("reject", &[]),
        ("approved", DONE),
        ("held", DONE),
        ("rejected", DONE),
        ("stranger", &[S::Number]),
        ("failed", &[S::Number, S::Why]),
    ]
}

/// What only cards say.
fn card() -> Vec<Entry> {
    use Slot as S;
    vec![
        ("places", &[]),
        ("period", &[]),
        ("action", &[]),
        ("raised", &[]),
        ("lowered", &[]),
        ("extended", &[]),
        ("updated", &[]),
        ("lifted", &[S::TheLevel]),
        ("cancelled", &[S::TheLevel]),
        ("expired", &[S::TheLevel]),
        ("corrected", &[S::TheLevel]),
        ("map", &[S::Region]),
    ]
}

/// The headlines of what lasts, of the notices to the people on duty.
fn staff_headlines() -> Shape {
    let topics = ["feed-silent", "unknown-shape"].into_iter().chain(Side::ALL.iter().map(|side| side.name())).collect();
    Shape::Grouped(topics, Stage::ALL.iter().map(|stage| (stage.name(), [Slot::Feed].as_slice())).collect())
}

/// The other texts of those notices.
fn staff() -> Vec<Entry> {
    use Slot as S;
    const CLOCK: &[Slot] = &[S::Source, S::Feed, S::Since, S::Window];
    const OF_FEED: &[Slot] = &[S::Source, S::Feed];
    vec![
        ("held_unplaced", &[S::Feed]),
        ("held_not_public", &[S::Feed]),
        ("held_unknown_status", &[S::Feed]),
        ("held_incident", &[S::Feed]),
        ("held_not_had", &[S::Feed]),
        ("ran_out", &[]),
        ("disabled", &[S::Name]),
        ("unheard", CLOCK),
        ("fetch", CLOCK),
        ("news", CLOCK),
        ("age", CLOCK),
        ("why", &[S::Quote]),
        ("none_rests", &[]),
        ("no_calm", &[]),
        ("silent_ended", &[S::Source, S::Feed, S::Since]),
        ("strange", OF_FEED),
        ("strange_ended", OF_FEED),
        ("unplaced", OF_FEED),
        ("not_public", OF_FEED),
        ("unknown_status", OF_FEED),
        ("incident", OF_FEED),
        ("not_had", OF_FEED),
        ("item", &[S::Quote]),
        ("ahead", &[S::Name, S::Window]),
        ("behind", &[S::Name, S::Window]),
        ("skew_ours", &[]),
        ("skew_theirs", &[]),
        ("skew_either", &[]),
        ("skew_ended", &[]),
        ("ran_out_body", &[]),
        ("ran_out_item", &[S::Number, S::TheLevel, S::Hazard, S::Names, S::Until]),
        ("disabled_body", &[S::Name, S::Window]),
        ("disabled_advice", &[S::Quote]),
        ("private", &[]),
        ("number", &[S::Number, S::Edition]),
        ("number_replacing", &[S::Number, S::Edition, S::Replaced]),
    ]
}

fn notices() -> Vec<Entry> {
    use Slot as S;
    vec![
        ("automatic", &[S::Sources]),
        ("issuer", &[S::Issuer, S::Sources]),
        ("desk", &[S::Issuer]),
        ("relayed", &[S::Authority]),
        ("corrected_relay", &[S::Issuer, S::Authority]),
        ("quoted_ar", &[S::Authority]),
        ("quoted_en", &[S::Authority]),
        ("quoted_other", &[S::Authority]),
        ("quotation", &[S::Quote]),
        ("cancelled", &[S::Authority]),
        ("number", &[S::Number, S::Edition]),
        ("number_replacing", &[S::Number, S::Edition, S::Replaced]),
    ]
}
