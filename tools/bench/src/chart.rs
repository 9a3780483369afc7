//! Pictures as inline SVG: bars beside their limits, latencies over nines.

use super::figures::{duration, measured, short};
use super::record::{Curve, Limit, Record, Unit};
use super::report::{figure as figure_of, rate};
use std::fmt::Write;

/// Width of a picture of bars; the page scales it.
const WIDTH: f64 = 1060.0;
/// Where bars begin and end.
const BARS: (f64, f64) = (252.0, 822.0);
/// Height of a bar's row.
const ROW: f64 = 27.0;

/// A bar and its mark.
struct Bar {
    name: String,
    /// Told when the pointer rests on it.
    title: String,
    length: f64,
    /// Least and greatest length.
    spread: Option<(f64, f64)>,
    /// Where the limit is.
    mark: Option<f64>,
    figure: String,
    unit: String,
}

/// Time or memory as a multiple of the baseline's, a bar per question.
pub fn ratios(records: &[&Record]) -> String {
    let bars: Vec<Bar> = records
        .iter()
        .map(|r| {
            let by = r.baseline.median;
            let millions = rate(r);
            let figure = match r.unit {
                Unit::Run | Unit::Bytes => figure_of(r, r.ours.median),
                unit => format!("{} {}", short(r.ours.median), unit.name()),
            };
            Bar {
                name: r.question.into(),
                title: format!(
                    "{}: {} beside {} ({})",
                    r.question,
                    figure,
                    figure_of(r, by),
                    r.baseline_is
                ),
                length: r.ratio(),
                spread: Some((r.ours.min / by, r.ours.max / by)),
                mark: r.limit("ratio").map(|l| l.max),
                figure: format!("{}×", short(r.ratio())),
                unit: match millions.is_empty() {
                    true => figure,
                    false => format!("{figure}, {millions} M/s"),
                },
            }
        })
        .collect();
    bar_chart(&bars, "×", 8.0, "by hand")
}

/// Figures as a share of their absolute limits.
pub fn shares(limits: &[(&str, &Limit)]) -> String {
    let bars: Vec<Bar> = limits
        .iter()
        .map(|(question, l)| Bar {
            name: match l.what {
                "ns" => (*question).to_string(),
                what => format!("{question} {what}"),
            },
            title: format!(
                "{question}: {} of at most {}",
                measured(l.measure, l.figure),
                measured(l.measure, l.max)
            ),
            length: 100.0 * l.figure / l.max,
            spread: None,
            mark: Some(100.0),
            figure: format!("{:.0} %", 100.0 * l.figure / l.max),
            unit: format!(
                "{} of {}",
                measured(l.measure, l.figure),
                measured(l.measure, l.max)
            ),
        })
        .collect();
    bar_chart(&bars, " %", 250.0, "")
}

/// Bars from zero; those beyond `most` are cut and say so.
fn bar_chart(bars: &[Bar], unit: &str, most: f64, one: &str) -> String {
    let longest = bars
        .iter()
        .flat_map(|b| [b.length, b.mark.unwrap_or(0.0)])
        .fold(0.0, f64::max);
    let end = (longest * 1.04).clamp(most / 6.0, most);
    let x = |length: f64| BARS.0 + (BARS.1 - BARS.0) * (length / end).clamp(0.0, 1.0);
    let (top, bottom) = (24.0, 24.0 + ROW * bars.len() as f64);
    let mut out = format!(
        "<svg viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\">",
        bottom + 26.0
    );
    let step = step(end);
    let mut at = 0.0;
    while at <= end {
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>\
             <text class=\"tick\" text-anchor=\"middle\" x=\"{0:.1}\" y=\"{1:.1}\">{2}{unit}</text>",
            x(at),
            bottom + 18.0,
            tick(at)
        );
        at += step;
    }
    if !one.is_empty() {
        let _ = write!(
            out,
            "<line class=\"one\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{1}\" y2=\"{bottom}\"/>\
             <text class=\"tick\" text-anchor=\"middle\" x=\"{0:.1}\" y=\"12\">{one}</text>",
            x(1.0),
            top - 6.0
        );
    }
    for (i, bar) in bars.iter().enumerate() {
        draw_bar(&mut out, bar, top + ROW * i as f64, end, &x);
    }
    out.push_str("</svg>");
    out
}

fn draw_bar(out: &mut String, bar: &Bar, y: f64, end: f64, x: &impl Fn(f64) -> f64) {
    let class = match bar.mark {
        None => "free",
        Some(mark) if bar.length <= mark => "good",
        Some(_) => "over",
    };
    let middle = y + ROW / 2.0;
    let _ = write!(
        out,
        "<g><title>{}</title><text text-anchor=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\
         <rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"2\"/>",
        escaped(&bar.title),
        BARS.0 - 10.0,
        middle + 4.5,
        escaped(&bar.name),
        BARS.0,
        y + 6.0,
        (x(bar.length) - BARS.0).max(1.0),
        ROW - 12.0
    );
    if bar.length > end {
        // a notch: the bar goes on
        let _ = write!(
            out,
            "<path d=\"M {0:.1} {1:.1} l 7 {2:.1} l -7 {2:.1} z\" class=\"{class}\"/>",
            BARS.1 + 1.0,
            y + 6.0,
            (ROW - 12.0) / 2.0
        );
    }
    if let Some((min, max)) = bar.spread {
        let _ = write!(
            out,
            "<path class=\"spread\" d=\"M {0:.1} {2:.1} H {1:.1} M {0:.1} {3:.1} v 6 M {1:.1} {3:.1} v 6\"/>",
            x(min),
            x(max),
            middle,
            middle - 3.0
        );
    }
    if let Some(mark) = bar.mark {
        let _ = write!(
            out,
            "<line class=\"budget\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{1:.1}\" y2=\"{2:.1}\"/>",
            x(mark),
            y + 2.5,
            y + ROW - 2.5
        );
    }
    let _ = write!(
        out,
        "<text class=\"figure\" text-anchor=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\
         <text class=\"unit figure\" x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
        BARS.1 + 66.0,
        middle + 4.5,
        escaped(&bar.figure),
        BARS.1 + 76.0,
        middle + 4.5,
        escaped(&bar.unit)
    );
}

/// A distance between grid lines that gives five to ten of them.
fn step(end: f64) -> f64 {
    let raw = end / 6.0;
    let power = 10f64.powf(raw.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|f| f * power >= raw)
        .unwrap_or(10.0);
    factor * power
}

fn tick(at: f64) -> String {
    match at.fract().abs() < 1e-9 {
        true => format!("{at:.0}"),
        false => format!("{at:.1}"),
    }
}

/// Latency over the share of events that are faster: every step to the right is one nine more.
pub fn curves(curves: &[Curve]) -> String {
    const BOX: (f64, f64, f64, f64) = (62.0, 10.0, 500.0, 246.0);
    let (left, top, right, bottom) = BOX;
    let points = || curves.iter().flat_map(|c| &c.points);
    let nines = points().map(|p| nines(p.0)).fold(1.0, f64::max);
    let low = points()
        .map(|p| p.1.log10())
        .fold(f64::MAX, f64::min)
        .floor();
    let high = points()
        .map(|p| p.1.log10())
        .fold(low + 1.0, f64::max)
        .ceil();
    let x = |n: f64| left + (right - left) * n / nines;
    let y = |ns: f64| bottom - (bottom - top) * (ns.max(1.0).log10() - low) / (high - low);
    let mut out = String::from("<svg viewBox=\"0 0 520 290\" role=\"img\">");
    for power in low as i32..=high as i32 {
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{0:.1}\" y2=\"{0:.1}\"/>\
             <text class=\"tick\" text-anchor=\"end\" x=\"{1:.1}\" y=\"{2:.1}\">{3}</text>",
            y(10f64.powi(power)),
            left - 8.0,
            y(10f64.powi(power)) + 4.0,
            duration(10f64.powi(power))
        );
    }
    let names = [
        "0 %",
        "90 %",
        "99 %",
        "99.9 %",
        "99.99 %",
        "99.999 %",
        "99.9999 %",
    ];
    for (n, name) in names.iter().enumerate().take(nines.floor() as usize + 1) {
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>\
             <text class=\"tick\" text-anchor=\"middle\" x=\"{0:.1}\" y=\"{1:.1}\">{name}</text>",
            x(n as f64),
            bottom + 17.0
        );
    }
    let _ = write!(
        out,
        "<text class=\"tick\" text-anchor=\"middle\" x=\"{:.1}\" y=\"{:.1}\">share of events that took less</text>",
        (left + right) / 2.0,
        bottom + 37.0
    );
    for (curve, class) in curves.iter().zip(CLASSES) {
        let line: Vec<String> = curve
            .points
            .iter()
            .map(|(quantile, ns)| format!("{:.1} {:.1}", x(self::nines(*quantile)), y(*ns)))
            .collect();
        let _ = write!(
            out,
            "<path class=\"curve {class}\" d=\"M {}\"><title>{}</title></path>",
            line.join(" L "),
            escaped(curve.name)
        );
    }
    out.push_str("</svg>");
    out
}

/// Classes of curves, in order.
pub const CLASSES: [&str; 3] = ["ours", "hand", "clock"];

fn nines(quantile: f64) -> f64 {
    -(1.0 - quantile).max(1e-7).log10()
}

/// Text as HTML shows it.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample;

    #[test]
    fn a_bar_over_its_budget_looks_so() {
        let good = ratios(&[&sample().within_ratio(2.0)]);
        assert!(good.contains("class=\"good\"") && !good.contains("class=\"over\""));
        assert!(ratios(&[&sample().within_ratio(1.5)]).contains("class=\"over\""));
        assert!(ratios(&[&sample()]).contains("class=\"free\""));
    }

    #[test]
    fn grid_lines_are_round() {
        for (end, expected) in [(1.33, 0.5), (4.0, 1.0), (8.0, 2.0), (250.0, 50.0)] {
            assert!((step(end) - expected).abs() < 1e-9, "{end}: {}", step(end));
        }
        assert_eq!(
            (duration(1e5), duration(1.0), duration(2.5e9)),
            ("100 µs".into(), "1 ns".into(), "2.50 s".into())
        );
    }

    #[test]
    fn a_curve_stays_in_its_box() {
        let svg = curves(&sample().curves);
        assert!(svg.contains("99.9 %") && !svg.contains("NaN"), "{svg}");
        assert_eq!(escaped("a<b>&\""), "a&lt;b&gt;&amp;&quot;");
    }
}
