//! The stations of a storm file: their reports, and the amounts of rain that were published.
//!
//! What the storm says may be invented; it may never contradict what was published.

use std::ops::Range;

use super::{
    A_MOMENT, Truth, both, elevation, moment, not_blank, number_in, plain_word, possible, seat, section, whole,
};
use crate::cli::demo::storm::{Published, metar};
use crate::ids::GovernorateId;
use crate::table::Table;
use crate::unit::{Metric, Unit};

/// How far apart two sums of rain may lie and be the same, mm.
const SAME_MM: f64 = 0.05;

pub(super) fn read_stations(top: &Table<'_>) -> Vec<metar::Station> {
    let named = top.table("metar").map(|table| table.named_tables()).unwrap_or_default();
    let read = named.into_iter().filter_map(|(icao, table)| {
        if icao.value.len() != 4 || !icao.value.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()) {
            top.error(&icao.span, format!("`{}` is not an ICAO name such as `OEJN`", icao.value), None);
        }
        whole(table, |table| {
            let name = table.need_text("name", "\"…\"", not_blank);
            let (seat, elevation_m) = (seat(table), elevation(table));
            let mut reports: Vec<metar::Report> = Vec::new();
            for row in table.tables("report") {
                let span = row.span.clone();
                let Some(report) = whole(row, read_report) else { continue };
                if reports.last().is_some_and(|last| report.at <= last.at) {
                    table.error(&span, "a report is not newer than the one before it", None);
                }
                reports.push(report);
            }
            Some(metar::Station {
                icao: icao.value,
                name: name?.value,
                seat: seat?,
                elevation_m: elevation_m?,
                reports,
            })
        })
    });
    read.collect()
}

fn read_report(row: &Table<'_>) -> Option<metar::Report> {
    let at = row.need("at", A_MOMENT, moment);
    let wind = row.need_text("wind", "\"20018G31KT\"", metar::Wind::parse);
    let visibility = row.need("visibility_m", "9999", number_in(0.0..=9999.0));
    let weather = row.text("weather", not_blank);
    let clouds = row.need_text("clouds", "\"SCT020CB BKN050\"", not_blank);
    let degrees = |key| {
        if !row.has(key) {
            row.missing(key, "20");
        }
        row.integer(key, -60..=60)
    };
    let (temperature, dew_point) = (degrees("temperature"), degrees("dew_point"));
    let qnh = row.integer("qnh_hpa", 850..=1100);
    let rain = row.get("rain_mm", possible(Metric::Precipitation, Unit::Millimetre));
    if let (Some(temperature), Some(dew_point)) = (&temperature, &dew_point)
        && temperature.value < dew_point.value
    {
        row.error(&dew_point.span, "the dew point is above the temperature", None);
    }
    Some(metar::Report {
        at: at?.value,
        wind: wind?.value,
        visibility_m: visibility?.value,
        weather: weather.map(|found| found.value),
        clouds: clouds?.value,
        temperature_c: temperature?.value,
        dew_point_c: dew_point?.value,
        qnh_hpa: qnh.map_or(1013, |found| found.value),
        rain_mm: rain.map_or(0.0, |found| found.value),
    })
}

pub(super) fn read_published(top: &Table<'_>, truth: &Truth, stations: &[metar::Station]) -> Vec<Published> {
    let read = top.tables("published").into_iter().filter_map(|table| {
        whole(table, |table| {
            let place = table
                .need_text("governorate", "\"jeddah\"", |text| GovernorateId::new(text).map_err(|why| why.to_string()));
            let name = section(table, "name").and_then(|name| whole(name, both));
            let station = table.text("station", plain_word);
            let rain = table.need("rain_mm", "135", possible(Metric::Precipitation, Unit::Millimetre));
            let hours = table.integer("hours", 1..=72);
            let (place, rain) = (place?, rain?);
            let figure = Published {
                governorate: place.value,
                name: name?,
                station: station.map(|found| found.value),
                rain_mm: rain.value,
                hours: hours.map_or(24, |found| found.value),
            };
            agree(table, &rain.span, &figure, truth, stations);
            Some(figure)
        })
    });
    read.collect()
}

/// Notes where the storm says something else than what was published about it.
fn agree(table: &Table<'_>, span: &Range<usize>, figure: &Published, truth: &Truth, stations: &[metar::Station]) {
    let hours = truth.get(&Metric::Precipitation).and_then(|truth| truth.get(&figure.governorate));
    let values = hours.map_or(&[] as &[f64], |hours| hours.values.as_slice());
    let width = usize::try_from(figure.hours).unwrap_or(1).clamp(1, values.len().max(1));
    let worst = values.windows(width).map(|window| window.iter().sum::<f64>()).fold(0.0, f64::max);
    if worst + SAME_MM < figure.rain_mm {
        let (place, hours) = (&figure.governorate, figure.hours);
        table.error(
            span,
            format!(
                "{} mm were published, but `[rain.{place}]` has {worst:.1} mm at most in {hours} h",
                figure.rain_mm
            ),
            Some("the rain of a governorate is that of its worst station: raise it".to_owned()),
        );
    }
    let Some(icao) = &figure.station else { return };
    let reports = stations.iter().filter(|station| station.icao == *icao).flat_map(|station| &station.reports);
    let sum: f64 = reports.map(|report| report.rain_mm).sum();
    if SAME_MM < (sum - figure.rain_mm).abs() {
        let message =
            format!("{} mm were published, but the reports of `{icao}` have {sum:.1} mm together", figure.rain_mm);
        table.error(span, message, Some("let `rain_mm` of its reports add up to what was published".to_owned()));
    }
}
