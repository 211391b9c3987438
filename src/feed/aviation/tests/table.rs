//! The table of what independent decoders read in real reports.

use super::*;

/// One line of the table.
#[derive(Debug)]
struct Row {
    line: usize,
    report: Option<String>,
    from_degrees: Option<u16>,
    speed_mps: Option<f64>,
    gust_mps: Option<f64>,
    visibility_m: Option<f64>,
    weather: String,
    temperature_c: Option<f64>,
    unread: String,
    is_agreed: bool,
}

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/metar-expected.tsv");
const COLLECTION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/metar/metars.tsv");

/// The table, and the totals that its head states.
fn table() -> (Vec<Row>, BTreeMap<String, usize>) {
    let text = std::fs::read_to_string(TABLE).unwrap();
    let (head, body): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with('#'));
    let totals = head.iter().filter_map(|line| {
        let (name, number) = line.trim_start_matches("# ").rsplit_once(' ')?;
        Some((name.to_owned(), number.parse().ok()?))
    });
    let rows = body.iter().map(|line| {
        let cells: Vec<&str> = line.split('\t').collect();
        let said = |index: usize| Some(cells[index]).filter(|cell| *cell != "-");
        let number = |index: usize| said(index).map(|cell| cell.parse::<f64>().unwrap());
        Row {
            line: cells[0].parse().unwrap(),
            report: said(2).map(str::to_owned),
            from_degrees: said(3).map(|cell| cell.parse().unwrap()),
            speed_mps: number(4),
            gust_mps: number(5),
            visibility_m: number(6),
            weather: said(7).unwrap_or_default().to_owned(),
            temperature_c: number(8),
            unread: said(9).unwrap_or_default().to_owned(),
            is_agreed: cells[10] == "both",
        }
    });
    (rows.collect(), totals.collect())
}

/// What differs between a report as we read it and the table.
fn differences(report: &str, row: &Row) -> Vec<String> {
    let read = Report::read(report);
    let wind = read.conditions.wind.value();
    let from = wind.and_then(|wind| match wind.direction {
        Direction::Degrees(degrees) => Some(degrees),
        Direction::Variable | Direction::Unknown => None,
    });
    let is_close = |ours: Option<f64>, theirs: Option<f64>, apart: f64| match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours - theirs).abs() <= apart,
        (ours, theirs) => ours == theirs,
    };
    let weather: Vec<String> = read.conditions.weather.value().into_iter().flatten().map(Weather::to_string).collect();
    let unread: Vec<&str> = read.unread.iter().map(|unread| unread.group.as_str()).collect();
    let speed = |speed: Option<Speed>| speed.map(|speed| speed.mps);
    let seen = read.conditions.visibility.value().map(|seen| seen.metres);
    let checks = [
        ("direction", from == row.from_degrees),
        ("speed", is_close(speed(wind.and_then(|wind| wind.speed)), row.speed_mps, 0.06)),
        ("gust", is_close(speed(wind.and_then(|wind| wind.gust)), row.gust_mps, 0.06)),
        ("visibility", is_close(seen, row.visibility_m, 1.0)),
        ("weather", weather.join(" ") == row.weather),
        ("temperature", is_close(read.temperature.value().copied(), row.temperature_c, 0.01)),
        ("unread", unread.join(" ") == row.unread),
    ];
    let wrong = checks.into_iter().filter(|(_, is_same)| !is_same);
    wrong.map(|(what, _)| format!("line {} {what}: {report}: {}, {row:?}", row.line, tell(&read))).collect()
}

#[test]
fn the_table_holds_what_its_head_says() {
    let (rows, totals) = table();
    assert_eq!(Some(&rows.len()), totals.get("reports"));
    assert_eq!(Some(&rows.iter().filter(|row| row.report.is_some()).count()), totals.get("carried"));
    assert_eq!(Some(&rows.iter().filter(|row| row.is_agreed).count()), totals.get("both agree"));
}

#[test]
fn real_reports_are_read_as_independent_decoders_read_them() {
    let (rows, _) = table();
    let carried: Vec<(&Row, &String)> = rows.iter().filter_map(|row| Some((row, row.report.as_ref()?))).collect();
    let wrong: Vec<String> = carried.iter().flat_map(|(row, report)| differences(report, row)).collect();
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(carried.len(), 162);
}

#[test]
fn the_whole_collection_is_read_as_well_where_it_is_at_hand() {
    if !Path::new(COLLECTION).exists() {
        return;
    }
    let text = String::from_utf8_lossy(&std::fs::read(COLLECTION).unwrap()).into_owned();
    let reports: Vec<&str> = text.split('\n').map(|line| line.split('\t').next().unwrap()).collect();
    let (rows, totals) = table();
    let (mut wrong, mut agreed) = (Vec::new(), 0);
    for row in &rows {
        let report = reports[row.line - 1];
        let found = differences(report, row);
        agreed += usize::from(found.is_empty() && row.is_agreed);
        wrong.extend(found);
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(Some(&agreed), totals.get("both agree"));
    // The collection has a head and ends with a line break.
    assert_eq!(rows.len(), reports.len() - 2);
}

#[test]
fn a_malformed_report_yields_its_good_groups_and_tells_the_others() {
    check("111200Z11020KT Q1015", "1015 hPa, code ?, unread «111200Z11020KT»");
    check("06012G22TK 5000", "5000 m, code ?, unread «06012G22TK»");
    check("//////KT 9999 FEW010 XX/XX Q1012", "wind ?, >10000 m, Some(Few) 305, 1012 hPa, code ?, unread «XX/XX»");
    check("00000KT /1/4SM FZFG", "0° 0.0, FZFG, code 49, unread «/1/4SM»");
    check("24025 9999 FEW040 22/21", ">10000 m, Some(Few) 1219, 22°/21°, code ?, unread «24025»");
    let no_time = Report::read("METAR OEJN 25110Z 24025KT 9999 22/21 Q1009");
    assert_eq!((no_time.time, no_time.unread[0].group.as_str()), (None, "25110Z"));
    assert_eq!(tell(&no_time), "240° 12.9, >10000 m, 22°/21°, 1009 hPa, code 0, unread «25110Z»");
}
