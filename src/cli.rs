//! The command line: every command says what it is for, with an example, and ends with an exit code that a script can use.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod backtest;
pub mod backup;
pub mod bench;
pub mod check;
pub mod channel;
mod columns;
pub mod demo;
pub mod desk;
pub mod explain;
pub mod feed;
pub mod journal;
pub mod kinds;
pub mod logs;
pub mod pending;
pub mod place;
pub mod preview;
pub mod reach;
pub mod reload;
pub mod route;
pub mod say;
pub mod run;
mod service;
pub mod silence;
pub mod sim;
pub mod schema;
pub mod sink;
pub mod status;
pub mod store;
pub mod subscriber;
mod view;
pub mod webhook;
mod which;
#[cfg(test)]
mod trial;

/// Exit code of files that were given and cannot be understood (`EX_DATAERR` of sysexits).
pub const EX_DATAERR: u8 = 65;

/// Exit code of a configuration fault (`EX_CONFIG` of sysexits).
pub const EX_CONFIG: u8 = 78;

/// Exit code of a service that could not start or go on (`EX_UNAVAILABLE`).
pub const EX_UNAVAILABLE: u8 = 69;

/// Exit code of arguments that name what is not there (`EX_USAGE` of shells and of the argument parser).
pub const EX_USAGE: u8 = 2;

/// Exit code of something that was asked for whole and was interrupted (128 and the number of SIGINT, as shells have it).
pub const EX_INTERRUPTED: u8 = 130;

/// Nadhir (نذير, "the warner") watches meteorological feeds and warns the governorates of a region, in Arabic and English.
#[derive(Debug, Parser)]
#[command(
    name = "nadhir",
    version,
    after_help = "Exit codes: 0 done, 1 not as it should be, 2 wrong arguments, 65 what was given \
                  cannot be read, 66 no such file or directory, 69 cannot start or go \
                  on, 74 cannot be written, 78 mistakes in the configuration, 130 interrupted before the end.\n\nBegin with:  nadhir demo"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service: ask the feeds, decide, deliver. Stops on SIGTERM, reads its configuration again on SIGHUP.
    #[command(after_help = "Example:  nadhir run --config /etc/nadhir")]
    Run(run::Arguments),
    /// Read a configuration and report every mistake in it at once, with its place and advice.
    #[command(after_help = check::HELP)]
    Check(check::Arguments),
    /// Live through a reconstructed storm on this machine alone: the whole service, on feeds and receivers of its own.
    #[command(after_help = "Examples:  nadhir demo\n           nadhir demo --once --json")]
    Demo(demo::Arguments),
    /// Have the running service read its configuration again: checked and proved first, kept out on any mistake, and told in plain
    /// words what it changes.
    #[command(
        after_help = "Examples:  nadhir reload --state /var/lib/nadhir --dry-run\n           nadhir reload --state /var/lib/nadhir\n\n\
                            Exit codes: 0 done, 69 no service runs there, 78 mistakes: the old configuration stays in force."
    )]
    Reload(reload::Arguments),
    /// Have the rules say nothing below red of some hazards in some places for a time, which always ends by itself.
    Silence(silence::Arguments),
    /// Say that you have seen a warning and look after it.
    #[command(after_help = "Example:  nadhir ack MKH-2025-000001 --note \"Civil Defence was called\"")]
    Ack(silence::Ack),
    /// Warn by hand, where no rule and no authority does. It is shown first, and goes out when you say so.
    #[command(after_help = desk::WARN_HELP)]
    Warn(desk::Warn),
    /// Rehearse a warning: it reaches the drill channels and nobody else, and says in each text that it is an exercise.
    #[command(
        after_help = "Example:  nadhir drill --hazard flash-flood --severity red --governorate jeddah --for 30min\n\nExit codes: as \
                      of `nadhir warn`."
    )]
    Drill(desk::Drill),
    /// Change a warning of the desk, or add remarks to any that is in force.
    #[command(after_help = desk::AMEND_HELP)]
    Amend(desk::Amend),
    /// End a warning of the desk: the danger has passed.
    #[command(after_help = "Example:  nadhir lift MKH-2025-000001\n\nExit codes: as of `nadhir warn`.")]
    Lift(desk::Lift),
    /// Take back what was wrong, whoever said it: exactly those who received it hear so, before anything else.
    #[command(after_help = desk::CORRECT_HELP)]
    Correct(desk::Correct),
    /// Say something beside warnings: news, the announcement of an event, the answer to a rumour. It is shown first.
    #[command(after_help = say::HELP)]
    Say(say::Arguments),
    /// Show what waits before it goes out: for its time, in which it may be held or refused, or for somebody to approve it.
    #[command(
        after_help = "Examples:  nadhir pending --state /var/lib/nadhir --texts\n           nadhir approve MKH-2025-000001.1\n\nExit \
                      codes: 0 shown, 69 there is no state, 78 mistakes in the configuration."
    )]
    Pending(pending::Arguments),
    /// Let a bulletin that waits out now. Its author cannot.
    #[command(
        after_help = "Example:  nadhir approve MKH-2025-000001.1\n\nExit codes: 0 done, 1 refused, 69 no service runs there."
    )]
    Approve(pending::Say),
    /// Stop the clock of a bulletin that waits: it goes out when somebody approves it, and else not at all.
    #[command(
        after_help = "Example:  nadhir hold MKH-2025-000001.1\n\nExit codes: 0 done, 1 refused, 69 no service runs there."
    )]
    Hold(pending::Say),
    /// End a bulletin that waits. Who has heard of it already, as the people on duty have, is told that it is taken back.
    #[command(
        after_help = "Example:  nadhir reject MKH-2025-000001.1 --reason wrong-data\n\nExit codes: 0 done, 1 refused, 69 no service \
                      runs there."
    )]
    Reject(pending::Reject),
    /// Show why a governorate is warned as it is: what each rule sees there now, what would make it worse, and what is missing.
    #[command(
        after_help = "Examples:  nadhir explain jeddah rain --config /etc/nadhir --state /var/lib/nadhir\n           nadhir explain \
                      الطائف\n\nExit codes: 0 shown, 2 no such governorate, 66 there is no state, 69 it cannot be read, 78 \
                      mistakes in the configuration."
    )]
    Explain(explain::Arguments),
    /// Look at feeds without running the service: what an answer or a file holds, and what is passed over and why.
    #[command(after_help = "Example:  nadhir feed try --file alerts/")]
    Feed(feed::Arguments),
    /// List every kind of feed, and show how one is written in feeds.toml.
    #[command(
        after_help = "Examples:  nadhir feeds\n           nadhir feeds cap\n\nExit codes: 0 shown, 2 no such kind."
    )]
    Feeds(kinds::Arguments),
    /// List every kind of sink that a channel can be, and show how one is written in channels.toml.
    #[command(
        after_help = "Examples:  nadhir sinks\n           nadhir sinks webhook\n\nExit codes: 0 shown, 2 no such kind."
    )]
    Sinks(kinds::Arguments),
    /// Try out a program of one's own that is to be a channel.
    #[command(after_help = "Example:  nadhir sink conform ./siren --zone west")]
    Sink(sink::Arguments),
    /// Try a channel of the people on duty, or of a drill, with a message that says that it is a test.
    #[command(after_help = channel::HELP)]
    Channel(channel::Arguments),
    /// Live through readings of the past with a set of rules, and score what would have been told by what really happened.
    #[command(after_help = backtest::HELP)]
    Backtest(backtest::Arguments),
    /// Copy the state into one file, while the service runs.
    #[command(after_help = backup::HELP)]
    Backup(backup::Arguments),
    /// Measure how fast this machine gets one message to many subscribers, beside what it can do at best.
    #[command(after_help = bench::HELP)]
    Bench(bench::Arguments),
    /// Live through storms by the thousand in virtual time, on a disk and over a network that fail, and hold them against the four laws.
    #[command(after_help = sim::HELP)]
    Sim(sim::Arguments),
    /// Show what was written into the journal: what feeds did, what was decided, what was said.
    #[command(after_help = journal::HELP)]
    Journal(journal::Arguments),
    /// Show how many messages reached whom, how fast, and of what.
    #[command(after_help = reach::HELP)]
    Reach(reach::Arguments),
    /// Show who would hear a bulletin, and why every other channel would not.
    #[command(after_help = "Example:  nadhir route explain --hazard rain --severity red --governorate jeddah")]
    Route(route::Arguments),
    /// Show what each channel would be sent, byte for byte, and how much of its room that takes. Sends nothing.
    #[command(
        after_help = "Examples:  nadhir preview --hazard flash-flood --severity red --governorate jeddah,taif\n           nadhir \
                      preview --bulletin MKH-2025-000001.2 --state /var/lib/nadhir --channel posts\n\nExit codes: 0 shown, 2 no \
                      such bulletin, governorate or channel, 66 there is no state, 69 it cannot be read, 78 mistakes in the \
                      configuration."
    )]
    Preview(preview::Arguments),
    /// Print JSON Schemas of the configuration files, for editors that complete and check while you type.
    #[command(
        after_help = "Examples:  nadhir schema rules\n           nadhir schema --out /etc/nadhir/.schema\n\nAn editor that knows \
                      TOML (taplo, Even Better TOML) takes the schema that the first line of a file names, such as\n  #:schema \
                      .schema/feeds.schema.json\nIt tells less than `nadhir check`, and sooner.\n\nExit codes: 0 done, 2 no such \
                      kind of file, 74 cannot be written."
    )]
    Schema(schema::Arguments),
    /// Show how the service is: the three clocks of each feed, the warnings in force, and what is owed to whom.
    #[command(
        after_help = "Example:  nadhir status --config /etc/nadhir --state /var/lib/nadhir\n\nExit codes: 0 all is well, 1 \
                            something is silent or failing, 69 there is no state, 78 mistakes in the configuration."
    )]
    Status(status::Arguments),
    /// Move the state from the file of one nadhir into the database of several.
    #[command(after_help = "Example:  nadhir store copy --config /etc/nadhir --state /var/lib/nadhir")]
    Store(store::Arguments),
    /// Enter, list and change those who receive the messages of a channel of subscribers, beside the running service.
    #[command(after_help = subscriber::HELP)]
    Subscriber(subscriber::Arguments),
    /// Be a receiver of signed webhooks to try them out, print one to begin from, or list what it may be sent.
    #[command(after_help = webhook::WHOLE)]
    Webhook(webhook::Arguments),
}

/// Does what the arguments say.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let code = match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => check::run(&arguments, &mut anstream::stdout()),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Reload(arguments) => reload::run(&arguments),
        Command::Silence(arguments) => silence::run(arguments),
        Command::Ack(arguments) => silence::acknowledge(arguments),
        Command::Warn(arguments) => desk::warn(&arguments),
        Command::Drill(arguments) => desk::drill(&arguments),
        Command::Amend(arguments) => desk::amend(&arguments),
        Command::Lift(arguments) => desk::lift(&arguments),
        Command::Correct(arguments) => desk::correct(&arguments),
        Command::Say(arguments) => say::run(&arguments),
        Command::Pending(arguments) => pending::list(&arguments),
        Command::Approve(arguments) => pending::approve(arguments),
        Command::Hold(arguments) => pending::hold(arguments),
        Command::Reject(arguments) => pending::reject(arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Feed(arguments) => feed::run(&arguments),
        Command::Feeds(arguments) => kinds::feeds(&arguments, &mut anstream::stdout()),
        Command::Sinks(arguments) => kinds::sinks(&arguments, &mut anstream::stdout()),
        Command::Channel(arguments) => channel::run(&arguments),
        Command::Sink(arguments) => sink::run(&arguments),
        Command::Backtest(arguments) => backtest::run(&arguments),
        Command::Backup(arguments) => backup::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Sim(arguments) => sim::run(&arguments),
        Command::Journal(arguments) => journal::run(&arguments),
        Command::Reach(arguments) => reach::run(&arguments),
        Command::Route(arguments) => route::run(&arguments),
        Command::Preview(arguments) => preview::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments, &mut anstream::stdout()),
        Command::Status(arguments) => status::run(&arguments),
        Command::Store(arguments) => store::run(&arguments),
        Command::Subscriber(arguments) => subscriber::run(&arguments),
        Command::Webhook(arguments) => webhook::run(&arguments),
    };
    ExitCode::from(code)
}

/// Tells a person on stderr why a command cannot go on.
fn complain(why: &dyn std::fmt::Display) {
    use std::io::Write as _;
    let _ = writeln!(anstream::stderr(), "nadhir: {why}");
}
