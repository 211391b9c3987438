//! The demo's configuration: the shipped rules, governorates and wording, with feeds and channels that stay on this machine.

use std::collections::BTreeMap;

use crate::cli::demo::home::{BULLETINS, Home};
use crate::config::{self, Config};
use crate::problem::Problem;

/// The hooks of the demo's receiver: a desk that always answers, and a newsroom that stumbles now and then.
pub const HOOKS: [&str; 2] = ["civil-defence-desk", "newsroom"];

/// The hook that refuses the first try of some messages.
pub const STUMBLING: &str = "newsroom";

/// The channel that writes a file.
pub const ARCHIVE: &str = "archive";

/// Reads the embedded configuration with the demo's feeds and channels in it.
///
/// # Errors
/// The mistakes in it, which would be faults of this program.
pub fn config(home: &Home, feeds: &str, hook: impl Fn(&str) -> String) -> Result<Config, Vec<Problem>> {
    let files = BTreeMap::from([
        ("feeds.toml".to_owned(), feeds_toml(feeds)),
        ("channels.toml".to_owned(), channels_toml(home, hook)),
    ]);
    config::from_files(files).map(|(config, _)| config)
}

fn feeds_toml(base: &str) -> String {
    format!(
        r#"
[open-meteo]
kind = "open-meteo"
name = {{ ar = "توقعات معاد بناؤها (محاكاة)", en = "reconstructed forecasts" }}
url = "{base}/v1/forecast"
hourly = ["precipitation", "temperature_2m", "relative_humidity_2m", "wind_gusts_10m", "visibility", "weather_code"]
past_hours = 12
forecast_hours = 36
every = "10min"
jitter = "30s"
timeout = "2s"
stale_after = "3h"
attribution = "a reconstruction, not Open-Meteo"

[metar]
kind = "metar"
name = {{ ar = "تقارير مطار معاد بناؤها (محاكاة)", en = "reconstructed airport reports" }}
url = "{base}/api/data/metar"
stations = {{ OEJN = ["jeddah"] }}
every = "10min"
jitter = "30s"
timeout = "2s"
stale_after = "2h"
attribution = "a reconstruction, not airport reports"

[ncm]
kind = "cap"
name = {{ ar = "المركز الوطني للأرصاد (محاكاة)", en = "the National Center for Meteorology (reconstruction)" }}
url = "{base}/cap/atom.xml"
every = "5min"
jitter = "30s"
timeout = "2s"
stale_after = "1h"
attribution = "a reconstruction, not the National Center for Meteorology"
"#
    )
}

fn channels_toml(home: &Home, hook: impl Fn(&str) -> String) -> String {
    let mut text = format!("[{ARCHIVE}]\nkind = \"file\"\naudience = \"public\"\npath = \"{BULLETINS}\"\n");
    for name in HOOKS {
        text.push_str(&format!(
            "\n[{name}]\nkind = \"webhook\"\naudience = \"public\"\nurl = \"{}\"\nsecret = {{ file = {:?} }}\ntimeout = \"5s\"\n",
            hook(name),
            home.secret().display().to_string(),
        ));
    }
    text
}
