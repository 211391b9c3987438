//! How fast the service itself is, in the short form of `nadhir bench`: `cargo bench -- service`. It measures in processes of its own, as
//! the program that is installed does; a figure above its target fails nothing.

use std::process::Command;

/// Prints the figures, when no filter is given or one that means it.
pub(crate) fn report() {
    let filters: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if !filters.is_empty() && !filters.iter().any(|filter| filter.contains("service")) {
        return;
    }
    println!("The service itself: `nadhir bench --short`\n");
    match Command::new(env!("CARGO_BIN_EXE_nadhir")).args(["bench", "--short"]).status() {
        // 1 says that some figures are above their targets, which the table has told.
        Ok(status) if matches!(status.code(), Some(0 | 1)) => println!(),
        Ok(status) => println!("it could not be measured: {status}\n"),
        Err(why) => println!("it could not be started: {why}\n"),
    }
}
