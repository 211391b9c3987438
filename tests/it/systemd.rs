//! The service's unit and user, judged by systemd's own tools where they are installed, and by their words everywhere.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::process::text;

/// Where the unit expects the program.
const PROGRAM: &str = "/usr/local/bin/nadhir";

/// The most exposure that is accepted, in tenths, as `systemd-analyze security` counts it: 0 is sealed, 100 is open.
const MOST_EXPOSURE: &str = "15";

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name)
}

fn unit() -> String {
    std::fs::read_to_string(shipped("nadhir.service")).unwrap()
}

/// What a tool of systemd says; none, and said aloud, where it is not installed.
fn ask(tool: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new(tool).args(arguments).output() {
        Ok(output) => Some(output),
        Err(why) => {
            eprintln!("NOT TRIED: `{tool} {}`: {why}; install the package `systemd` to try it", arguments.join(" "));
            None
        }
    }
}

fn check_good(output: &Output) {
    let (told, faults) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}{faults}");
    // A key that it does not know is only a warning to it, and a hole to us.
    assert!(!faults.contains("nadhir.service:") && !faults.contains("nadhir-backup."), "{faults}");
}

#[test]
fn systemd_finds_no_fault_in_the_unit_and_little_to_attack() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nadhir.service");
    std::fs::write(&path, unit().replace(PROGRAM, env!("CARGO_BIN_EXE_nadhir"))).unwrap();
    if let Some(output) = ask("systemd-analyze", &["verify", "--man=no", text(&path)]) {
        check_good(&output);
    }
    let threshold = format!("--threshold={MOST_EXPOSURE}");
    if let Some(output) = ask("systemd-analyze", &["security", "--offline=true", "--no-pager", &threshold, text(&path)])
    {
        check_good(&output);
    }
    if let Some(output) = ask("systemd-sysusers", &["--dry-run", text(&shipped("nadhir.sysusers"))]) {
        check_good(&output);
    }
}

#[test]
fn systemd_finds_no_fault_in_the_units_of_the_daily_copy_and_little_to_attack() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["nadhir-backup.service", "nadhir-backup.timer"] {
        let unit = std::fs::read_to_string(shipped(name)).unwrap();
        std::fs::write(dir.path().join(name), unit.replace(PROGRAM, env!("CARGO_BIN_EXE_nadhir"))).unwrap();
    }
    let (service, timer) = (dir.path().join("nadhir-backup.service"), dir.path().join("nadhir-backup.timer"));
    if let Some(output) = ask("systemd-analyze", &["verify", "--man=no", text(&service), text(&timer)]) {
        check_good(&output);
    }
    let threshold = format!("--threshold={MOST_EXPOSURE}");
    if let Some(output) =
        ask("systemd-analyze", &["security", "--offline=true", "--no-pager", &threshold, text(&service)])
    {
        check_good(&output);
    }
}

#[test]
fn the_unit_keeps_what_the_service_promises() {
    let unit = unit();
    let says = |line: &str| unit.lines().any(|other| other == line);
    for line in [
        "Type=notify",
        "Restart=always",
        "StartLimitIntervalSec=0",
        "WatchdogSec=90s",
        "ExecStartPre=-/usr/local/bin/nadhir check /etc/nadhir",
        "ExecStart=/usr/local/bin/nadhir run --config /etc/nadhir",
        "StateDirectory=nadhir",
        "ConfigurationDirectory=nadhir",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
    ] {
        assert!(says(line), "`{line}` is not in the unit");
    }
    // A stop waits for the slowest receiver that a configuration may have, and then drains.
    let longest = nadhir::sink::http::MAX_TIMEOUT.to_std().unwrap() + nadhir::daemon::DRAIN;
    assert!(longest.as_secs() < 90 && says("TimeoutStopSec=90s"), "a stop may take {longest:?}");
    // The brain turns at least once a tick, and the watchdog is looked after twice in its time.
    assert!(nadhir::daemon::TICK.num_seconds() < 45);
    assert!(
        std::fs::read_to_string(shipped("nadhir.sysusers")).unwrap().lines().any(|line| line.starts_with("u nadhir "))
    );
}
