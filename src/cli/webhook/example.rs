//! `nadhir webhook example`: whole receivers in some languages, to begin from. Each is tried by the tests of this program against what
//! really sends.

use std::io::Write as _;

use super::super::columns::{drawn, plain};

/// A receiver in one language.
struct Example {
    language: &'static str,
    file: &'static str,
    needs: &'static str,
    text: &'static str,
}

const EXAMPLES: &[Example] = &[
    Example {
        language: "python",
        file: "receiver.py",
        needs: "Python 3.9, as CGI",
        text: include_str!("receivers/receiver.py"),
    },
    Example {
        language: "javascript",
        file: "receiver.js",
        needs: "Node.js 18, as CGI",
        text: include_str!("receivers/receiver.js"),
    },
    Example {
        language: "php",
        file: "receiver.php",
        needs: "PHP 8, under any web server",
        text: include_str!("receivers/receiver.php"),
    },
    Example {
        language: "ruby",
        file: "receiver.rb",
        needs: "Ruby 2.7, as CGI",
        text: include_str!("receivers/receiver.rb"),
    },
    Example {
        language: "perl",
        file: "receiver.pl",
        needs: "Perl 5.14, as CGI",
        text: include_str!("receivers/receiver.pl"),
    },
];

/// What `nadhir webhook example` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Asked {
    /// In which language; without it they are listed.
    #[arg(value_name = "LANGUAGE", value_parser = languages())]
    language: Option<String>,
}

fn languages() -> clap::builder::PossibleValuesParser {
    EXAMPLES.iter().map(|one| one.language).collect::<Vec<_>>().into()
}

/// Prints one, or which there are.
pub(super) fn run(asked: &Asked) {
    let chosen = EXAMPLES.iter().find(|one| asked.language.as_deref() == Some(one.language));
    let text = chosen.map_or_else(listed, |one| one.text.to_owned());
    // A reader that has gone away is no fault.
    let _ = anstream::stdout().write_all(text.as_bytes());
}

fn listed() -> String {
    let mut table = plain(["language", "file", "needs"]);
    for one in EXAMPLES {
        table.add_row([one.language, one.file, one.needs]);
    }
    format!(
        "{}\nEach verifies who sent it and when, knows again what it has seen, answers the challenge, and tells what is over, a drill or \
         history from a warning.\nPrint one with `nadhir webhook example python > receiver.py`.\n",
        drawn(&table)
    )
}
