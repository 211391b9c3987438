//! The keys that METAR and TAF feeds share: the stations and the governorates each of them stands for.

use std::collections::BTreeMap;
use std::sync::Arc;

use url::Url;

use crate::feed::{Surroundings, keys};
use crate::ids::GovernorateId;
use crate::table::Table;

/// The most stations of one request.
const MAX_STATIONS: usize = 100;

/// Stations, each with the governorates it stands for.
pub(in crate::feed) type Stations = BTreeMap<Arc<str>, Vec<GovernorateId>>;

/// Reads the address and `stations`, and asks for them in one request.
pub(in crate::feed) fn read(table: &Table<'_>, around: &Surroundings, public_url: &str) -> Option<(Url, Stations)> {
    let book = &around.book;
    let url = keys::address(table, around, Some(public_url));
    if !table.has("stations") {
        table.missing("stations", "{ OEJN = [\"jeddah\"] }");
    }
    let written = keys::lists(table, "stations")?;
    let mut stations = Stations::new();
    for (station, names) in &written.value {
        let code = &station.value;
        if code.len() != 4 || !code.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()) {
            let help = Some("write the four capital letters of its ICAO code, such as OEJN".to_owned());
            table.error(&station.span, format!("`{code}` is not a station"), help);
        }
        let governorates: Vec<GovernorateId> =
            names.iter().filter_map(|name| keys::governorate(table, book, name)).collect();
        if names.is_empty() {
            table.error(&station.span, format!("`{code}` stands for no governorate"), None);
        }
        stations.insert(code.as_str().into(), governorates);
    }
    if stations.is_empty() || MAX_STATIONS < stations.len() {
        table.error(&written.span, format!("`stations` names {}; name 1 to {MAX_STATIONS}", stations.len()), None);
        return None;
    }
    let mut url = url?;
    let ids: Vec<&str> = stations.keys().map(AsRef::as_ref).collect();
    url.query_pairs_mut().append_pair("ids", &ids.join(",")).append_pair("format", "json");
    Some((url, stations))
}
