//! Nadhir (نذير, "the warner") watches meteorological feeds, decides for every governorate of a region whether people must be
//! warned, and gets that warning, in Arabic and English, to every configured channel, without losing one.
//!
//! This page is the architecture. The command line explains itself: `nadhir --help`; the configuration does so in its comments.
//!
//! # Four laws
//! 1. A warning once decided is never lost, and never says different things at different tries.
//! 2. No data is never calm, and no area is never every area.
//! 3. Nothing expired is sent, and a correction overtakes what it corrects.
//! 4. What reaches the public was meant for the public: drills and tests cannot get there.
//!
//! # The words
//! One word for a thing, in code, TOML, logs and texts.
//!
//! | word | meaning |
//! |---|---|
//! | [feed] | a source that is asked, looked into or listened to: Open-Meteo, METAR, a list of CAP alerts, a folder, a broker |
//! | [reading] | one value of one metric at a governorate, observed, or forecast for a time; some are [derived](mod@derive) from others |
//! | [official alert](alert) | what an authority said in CAP, placed in governorates |
//! | [rule] | which metric over which window, where, at which thresholds is yellow, orange, red |
//! | [warning] | one hazard in one governorate: what was told, against what is so |
//! | [bulletin] | one thing said, named for ever: issued, raised, lowered, extended, updated, lifted, expired |
//! | [statement] | one thing said beside warnings: news, an event, the answer to a rumour |
//! | [message] | a bulletin in the words of both languages, and of further ones in fewer, frozen before it is sent |
//! | [notice] | one thing said to the people on duty about the service itself: a silent feed, a held alert, a wrong clock |
//! | channel | a configured destination: a kind of sink with its settings, audience, languages |
//! | [subscriber] | one of any number who receive what is owed to one channel, each at an address of its own |
//! | [sink] | the code that speaks one protocol |
//! | [delivery](outbox) | one message owed to one channel; it lives in the outbox until it is settled |
//!
//! # The way of the data
//! ```text
//! feed -> reading -> rule -> warning -> bulletin -> message -> outbox -> sink
//! ```
//! One direction, and the order of the modules below: each imports only from those above it, and a test keeps that.
//!
//! Everything from reading to message is plain functions and values: no IO, no clock, no chance. [`engine::step`] is the only
//! brain; it takes the rules, the state, an event and the time, and returns what changes and what is said. The service, the demo,
//! [backtests](backtest) and the tests call that same function, and [`engine::explain`] tells people why it is so. What acts stands at
//! the edge: [`fetch`] asks, [`listen`] hears what is pushed, [`store`] keeps, [`sink`] sends, [`web`] shows, and [`daemon`] ties them
//! together.
//!
//! ```text
//!            watcher (one a feed)          brain (one)                     courier (one a channel)
//!  feed ---> fetch, decode  ----event----> step -> commit -> adopt --bell--> claim -> send -> settle ---> channel
//!                 ^                          |                                 |
//!                 +------- committed --------+--- SQLite or PostgreSQL --------+
//! ```
//!
//! # What holds it together
//! * **One transaction a step.** State, journal, frozen messages and deliveries are committed together; only then is the new state
//!   adopted and a bell rung. After a commit that failed the state is read again, because it may have landed.
//! * **Told against so.** Every turn compares what people were told with what is so; an event that was lost heals at the next
//!   tick, and one that comes twice changes nothing.
//! * **Three answers, not two.** A window with missing hours can prove danger and never calm ([`rule::judge`]). A latch that is
//!   closed stays closed through silence ([`rule::latch`]), and a warning that outlives its data says so and runs out openly.
//! * **To and fro is not told by turns.** What comes back soon after its end must stay clear for longer until it ends again. Ends
//!   are held up by that, within a limit, and beginnings never ([`rule::latch`]).
//! * **No feed lies quietly.** Each has three clocks: since its last usable answer, since its last news, and the age of what it
//!   speaks of. Past a limit it is silent, whatever else it answers; the people on duty hear of it on channels that only they
//!   listen at, by type ([`route::OnDuty`]), and what rests on it says so.
//! * **Official before automatic.** Where an authority has spoken of a hazard, and no more mildly, the rules keep quiet; what the
//!   authority says is relayed in its own words, part by part: no place hears of a severity, a hazard or a time that its own part
//!   of the document does not name. What comes first under a name counts ([`engine`]).
//! * **One rain, one bulletin.** Places are judged one by one, and those that make the same move are told of together; below red,
//!   where a hazard begins waits a little for others. Where they part, every place is named in a bulletin of the same step, so that
//!   no newer word takes an older one with it that nobody else says; those whom that tells nothing new are spared it
//!   ([`route::need_not_hear`]).
//! * **Only where it matters.** Of thousands of places nearly all are calm. One is judged where something is told, waits or is held by a
//!   latch, and where some value there could bring a rule to its mildest threshold ([`rule::judge::may_reach`]); windows slide over a
//!   series and are not added anew. That what is left out would have changed nothing is proved by living both ways.
//! * **Never cut.** A text for a narrow place is made of clauses: who is threatened by what and what to do are always said, and the
//!   rest goes by one order ([`message::brief`]).
//! * **At least once, under one name.** A message that may have arrived is sent again under the same key, with the same bytes; what
//!   is settled is never sent again. A newer edition takes the place of an older one that was not sent ([`store`], [`outbox`]).
//! * **Those it was meant for.** What is owed at a channel was meant for those who listened there when it was said; when a channel is
//!   given to another audience, it is ended ([`store::Ledger::readdress`]). A drill cannot be given to another channel than one of a
//!   drill, by type ([`route::Meant`]).
//! * **Rehearsed.** When a configuration is checked, and before a reload takes it in, all that its wording can say is said once
//!   ([`message::rehearsal`]) and its stories are lived through ([`config::proof`]): what fails only for some bulletin fails by day.
//! * **Beside the words.** Cards ([`message::picture`]), further languages ([`message::further`]) and reminders
//!   ([`dispatch::reminders`]) add nothing to what was said, and what fails of them leaves the warning as it is.
//! * **Two people.** What waits for somebody's word is decided by another than its author: an account that the kernel names
//!   ([`daemon::duty`]), or a person whom a chat knows, by a button ([`sink::ear`]).
//! * **Mild things together.** A [digest](message::digest) is put together from frozen texts; each stays owed and settled by itself.
//! * **Many behind one channel.** A delivery to a channel of [subscribers](subscriber) is one row, with all that is law; what became of it
//!   at each is a byte ([`outbox::share`]), stored in batches. Their courier ([`daemon::fanout`]) speaks to as many at once as answer
//!   without waiting for each other; one that hangs gives its place back, one that fails is left in peace, and neither delays another.
//! * **Open to the world.** Whoever wants to read and subscribe by himself does so at the [web face](web): Atom feeds of CAP documents and
//!   a WebSub hub ([`sink::websub`]). It shows what went out and nothing else, and where it cannot tell it says so; the secrets that it is
//!   given are stored sealed.
//! * **Not moved by a hand.** When the machine's clock is set to another time, the service counts on by itself until servers say which is
//!   right; meanwhile nothing ends for that, and what may have run out waits ([`daemon::clock::steady`]).
//! * **Tried in storms.** [Storms by the thousand](cli::sim) in virtual time, on a disk and over a network that fail, and the real service
//!   killed at random moments (`tests/kill`), are held against the four laws; what they found is told as a story among the tests.
//! * **Sealed and forgotten.** Each line of the journal is sealed with the one before it and with the bulletin that it tells of
//!   ([`record::chain`]); the service notes the seal in its log. What has been kept for its time is forgotten a little at a time, from
//!   the beginning ([`store::Retention`], [`daemon::keeper`]); what is owed or in force is not.
//! * **One of several.** Nodes that share a database all deliver, and one of them decides: who it is goes by a lease in that database, and
//!   what it commits by an epoch, so that one that was cut off can neither decide nor undo what its successor said ([`daemon::leader`],
//!   [`store::cluster`]).
//! * **Owners.** Every task is awaited by somebody; a watcher, listener or courier that breaks down is started again, and when the
//!   brain ends, the service ends, for systemd to start it anew.
//!
//! # To add something
//! A kind of feed or of sink is one file and two plain lines: `mod x;` and `x::KIND` in the table of [`feed::KINDS`] or
//! [`sink::KINDS`], and its keys in [`schema`], which editors read. A rule, a channel, a place, a sentence is TOML, and `nadhir check`
//! finds its mistakes.

// Words.
pub mod ids;
pub mod problem;
pub mod secret;
pub mod time;
pub mod schedule;
pub mod table;
pub mod unit;
pub mod language;
pub mod hazard;
// The way of the data.
pub mod governorate;
pub mod reading;
pub mod derive;
pub mod alert;
pub mod feed;
pub mod rule;
pub mod bulletin;
pub mod statement;
pub mod warning;
pub mod notice;
pub mod record;
pub mod engine;
pub mod story;
pub mod message;
pub mod route;
pub mod subscriber;
pub mod outbox;
pub mod dispatch;
pub mod backtest;
// The world.
pub mod store;
pub mod aside;
pub mod network;
pub mod sink;
pub mod fetch;
pub mod listen;
pub mod config;
pub mod schema;
pub mod web;
pub mod daemon;
pub mod cli;
