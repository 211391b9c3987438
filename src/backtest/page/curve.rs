//! A sweep as a table and as a curve: what is found against what is false, a dot for each threshold.

use super::{chip, escaped, lead, share};
use crate::backtest::report::{Step, Swept};

/// The side of the curve.
const SIDE: f64 = 340.0;
/// The room around it.
const ROOM: f64 = 46.0;

/// The room above it, for the label of a dot at the very top.
const TOP: f64 = 26.0;

/// The section.
pub(super) fn section(swept: &Swept) -> String {
    let rows: String = swept.steps.iter().map(|step| row(swept, step)).collect();
    let hazard = swept.hazard.map_or("", |hazard| hazard.name());
    format!(
        "<h2>{}, {} moved</h2>\n<p>The scores of {hazard} at {} while this threshold alone moves; everything else stays.</p>\n\
         <div class=\"wide\"><table>\n<tr><th>threshold</th><th>events</th><th>hits</th><th>false</th><th>POD</th><th>FAR</th>\
         <th>CSI</th><th>median lead</th><th>a day</th><th class=\"text\"></th></tr>\n{rows}</table></div>\n{}",
        escaped(&swept.rule),
        swept.level,
        chip(swept.level),
        curve(swept)
    )
}

fn row(swept: &Swept, step: &Step) -> String {
    let is_now = swept.now.as_ref() == Some(&step.threshold);
    let class = if is_now { " class=\"all\"" } else { "" };
    let threshold = escaped(&step.threshold);
    match (&step.score, &step.error) {
        (Some(score), _) => format!(
            "<tr{class}><td>{threshold}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td class=\"text\">{}</td></tr>\n",
            score.events,
            score.hits,
            score.false_alarms,
            share(score.pod),
            share(score.far),
            share(score.csi),
            lead(score.lead_median_s),
            share(score.changes_per_day),
            if is_now { "as it is" } else { "" }
        ),
        (None, error) => format!(
            "<tr{class}><td>{threshold}</td><td colspan=\"9\" class=\"text soft\">{}</td></tr>\n",
            escaped(error.as_deref().unwrap_or("nothing was told and nothing was so"))
        ),
    }
}

/// The curve; nothing when no step has both scores.
fn curve(swept: &Swept) -> String {
    let x = |far: f64| ROOM + far * SIDE;
    let y = |pod: f64| TOP + (1.0 - pod) * SIDE;
    let points: Vec<(&Step, f64, f64)> = swept
        .steps
        .iter()
        .filter_map(|step| {
            let score = step.score.as_ref()?;
            Some((step, score.far?, score.pod?))
        })
        .collect();
    if points.is_empty() {
        return "<p class=\"soft\">No step has both a POD and a FAR, so there is no curve.</p>\n".to_owned();
    }
    let (width, height) = (SIDE + 2.0 * ROOM + 60.0, SIDE + ROOM + TOP);
    let mut svg = format!(
        "<figure style=\"max-width:36rem\"><figcaption>The nearer to the upper left, the better. The filled dot is the threshold as it \
         is.</figcaption>\n<div class=\"roll small\"><svg viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"POD against FAR\">\n"
    );
    for part in 0..=4 {
        let share = f64::from(part) / 4.0;
        svg.push_str(&format!(
            "<path class=\"axis faint\" d=\"M{:.1} {:.1}V{:.1}M{:.1} {:.1}H{:.1}\"/><text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" \
             text-anchor=\"middle\">{share}</text><text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{share}</text>\n",
            x(share),
            y(1.0),
            y(0.0),
            x(0.0),
            y(share),
            x(1.0),
            x(share),
            y(0.0) + 18.0,
            x(0.0) - 8.0,
            y(share) + 4.0
        ));
    }
    svg.push_str(&format!(
        "<text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">FAR</text><text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">POD</text>\n",
        x(0.5),
        y(0.0) + 34.0,
        x(0.0) - 8.0,
        y(0.875) + 4.0
    ));
    let path: Vec<String> = points.iter().map(|(_, far, pod)| format!("{:.1} {:.1}", x(*far), y(*pod))).collect();
    svg.push_str(&format!("<path class=\"curve\" d=\"M{}\"/>\n", path.join("L")));
    let mut last: Option<(f64, f64)> = None;
    for (step, far, pod) in &points {
        let class = if swept.now.as_ref() == Some(&step.threshold) { "dot now" } else { "dot" };
        let at = (x(*far), y(*pod));
        svg.push_str(&format!("<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"5\"/>", at.0, at.1));
        // Dots that lie on one another share the first label.
        if last.is_none_or(|last| 12.0 < (last.0 - at.0).abs().max((last.1 - at.1).abs())) {
            svg.push_str(&format!(
                "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
                at.0 + 9.0,
                at.1 - 7.0,
                escaped(&step.threshold)
            ));
            last = Some(at);
        }
    }
    svg.push_str("</svg></div></figure>\n");
    svg
}
