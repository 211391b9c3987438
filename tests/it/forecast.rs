//! What a synthetic feed says: an answer of Open-Meteo with so much rain for Makkah, Jeddah and Taif in the hour after this one.

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

/// Where the synthetic rain falls.
const PLACES: [(f64, f64); 3] = [(21.4225, 39.8262), (21.5405, 39.2321), (21.2703, 40.4158)];

/// So many millimetres, and none in the hours around.
pub(crate) fn forecast(mm: f64) -> Value {
    let hours = -6..6;
    let hour = |hour: i64| (Utc::now() + TimeDelta::hours(hour)).format("%Y-%m-%dT%H:00").to_string();
    let times: Vec<String> = hours.clone().map(hour).collect();
    let rain: Vec<f64> = hours.map(|hour| if hour == 1 { mm } else { 0.0 }).collect();
    let place = |(latitude, longitude): (f64, f64)| {
        json!({
            "latitude": latitude, "longitude": longitude, "utc_offset_seconds": 0,
            "hourly_units": {"time": "iso8601", "precipitation": "mm"},
            "hourly": {"time": times, "precipitation": rain},
        })
    };
    PLACES.map(place).into_iter().collect()
}
