//! How something grows, as inline SVG: both axes logarithmic, a line per setting, its name where it ends.
//!
//! A line that rises by one square per square grows in proportion; a level one does not grow.

use super::chart::escaped;
use super::figures::measured;
use super::record::Panel;
use std::fmt::Write;

/// Left, top, right and bottom of the field; right of it stand the names.
const FIELD: (f64, f64, f64, f64) = (74.0, 12.0, 440.0, 246.0);
/// Width of a picture; the page scales it.
const WIDTH: f64 = 520.0;
/// Colours and letters of a picture that stands alone.
const STYLE: &str = include_str!("picture.css");
/// Least distance of two names.
const NAME_ROW: f64 = 15.0;
/// Classes of lines, in order; each is drawn in a way of its own, so that colour is not needed.
pub const LINES: [&str; 5] = ["l0", "l1", "l2", "l3", "l4"];

/// A logarithmic axis: whole powers of ten from the first to the last, and where they are.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn of(figures: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Axis {
        let logs = figures.map(|f| f.max(1e-9).log10());
        let low = logs.clone().fold(f64::MAX, f64::min).min(12.0).floor();
        let high = logs.fold(low + 1.0, f64::max).ceil();
        Axis {
            low,
            high,
            from,
            to,
        }
    }

    fn at(&self, figure: f64) -> f64 {
        let share = (figure.max(1e-9).log10() - self.low) / (self.high - self.low);
        self.from + (self.to - self.from) * share
    }

    fn powers(&self) -> impl Iterator<Item = f64> {
        let step = if self.high - self.low > 6.0 { 2 } else { 1 };
        let powers = (self.low as i32..=self.high as i32).step_by(step);
        powers.map(|power| 10f64.powi(power))
    }
}

/// A picture as a file of its own: title above, colours and letters inside.
pub fn file(p: &Panel) -> String {
    let inner = drawing(p);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} 322\" role=\"img\">\
         <title>{0}</title><style>{STYLE}</style><rect class=\"paper\" width=\"{WIDTH}\" height=\"322\"/>\
         <text class=\"title\" x=\"16\" y=\"22\">{0}</text><g transform=\"translate(0 30)\">{inner}</g></svg>\n",
        escaped(p.title)
    )
}

/// A picture of a page.
pub fn panel(p: &Panel) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH} 290\" role=\"img\">{}</svg>",
        drawing(p)
    )
}

/// What stands in a picture.
fn drawing(p: &Panel) -> String {
    let (left, top, right, bottom) = FIELD;
    let points = || p.lines.iter().flat_map(|l| l.points.iter());
    let x = Axis::of(points().map(|q| q.0), left, right);
    let y = Axis::of(points().map(|q| q.1), bottom, top);
    let mut out = String::new();
    for power in y.powers() {
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{0:.1}\" y2=\"{0:.1}\"/>\
             <text class=\"tick\" text-anchor=\"end\" x=\"{1:.1}\" y=\"{2:.1}\">{3}</text>",
            y.at(power),
            left - 8.0,
            y.at(power) + 4.0,
            measured(p.measure, power)
        );
    }
    for power in x.powers() {
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>\
             <text class=\"tick\" text-anchor=\"middle\" x=\"{0:.1}\" y=\"{1:.1}\">{2}</text>",
            x.at(power),
            bottom + 17.0,
            measured(p.with.1, power)
        );
    }
    let _ = write!(
        out,
        "<text class=\"tick\" text-anchor=\"middle\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        (left + right) / 2.0,
        bottom + 37.0,
        escaped(p.with.0)
    );
    draw(&mut out, p, &x, &y);
    out
}

fn draw(out: &mut String, p: &Panel, x: &Axis, y: &Axis) {
    let mut names: Vec<(f64, &str, &str)> = Vec::new();
    for (line, class) in p.lines.iter().zip(LINES) {
        let Some(last) = line.points.last() else {
            continue;
        };
        let path: Vec<String> = line
            .points
            .iter()
            .map(|q| format!("{:.1} {:.1}", x.at(q.0), y.at(q.1)))
            .collect();
        let _ = write!(
            out,
            "<path class=\"curve {class}\" d=\"M {}\"><title>{}</title></path>",
            path.join(" L "),
            escaped(line.name)
        );
        for q in &line.points {
            let _ = write!(
                out,
                "<circle class=\"dot {class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.2\"><title>{}: {} at {}</title></circle>",
                x.at(q.0),
                y.at(q.1),
                escaped(line.name),
                measured(p.measure, q.1),
                measured(p.with.1, q.0)
            );
        }
        names.push((y.at(last.1), line.name, class));
    }
    for (at, name, class) in apart(names) {
        let _ = write!(
            out,
            "<text class=\"name {class}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            FIELD.2 + 10.0,
            at + 4.0,
            escaped(name)
        );
    }
}

/// Moves names that would cover each other apart, from the top down, then back from the bottom up.
fn apart<'a>(mut names: Vec<(f64, &'a str, &'a str)>) -> Vec<(f64, &'a str, &'a str)> {
    names.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut above = f64::MIN;
    for name in &mut names {
        name.0 = name.0.max(above + NAME_ROW);
        above = name.0;
    }
    let mut below = FIELD.3 + NAME_ROW;
    for name in names.iter_mut().rev() {
        name.0 = name.0.min(below - NAME_ROW);
        below = name.0;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Line, Measure};

    fn two_lines() -> Panel {
        let line = |name, factor: f64| Line {
            name,
            points: [1e4, 1e5, 1e6].map(|n| (n, n * factor)).into(),
        };
        Panel {
            title: "persist",
            measure: Measure::Nanos,
            with: ("groups", Measure::Count),
            lines: vec![line("1 %", 50.0), line("<100 %", 51.0)],
        }
    }

    #[test]
    fn axes_hold_all_points() {
        let svg = panel(&two_lines());
        assert!(
            svg.contains("10 k") && svg.contains("1 M") && svg.contains("100 ms"),
            "{svg}"
        );
        assert!(svg.contains("&lt;100 %") && !svg.contains("NaN"), "{svg}");
        assert_eq!(svg.matches("<circle").count(), 6);
    }

    #[test]
    fn a_file_stands_alone() {
        let svg = file(&two_lines());
        assert!(
            svg.starts_with("<svg xmlns=") && svg.ends_with("</g></svg>\n"),
            "{svg}"
        );
        assert!(svg.contains(".curve {") && svg.matches("<svg").count() == 1);
    }

    #[test]
    fn names_do_not_cover_each_other() {
        let names = vec![
            (100.0, "a", ""),
            (101.0, "b", ""),
            (245.0, "c", ""),
            (246.0, "d", ""),
        ];
        let placed = apart(names);
        assert!(placed.is_sorted_by(|a, b| a.0 + NAME_ROW <= b.0 + 1e-9));
        assert!(placed.iter().all(|n| n.0 <= FIELD.3 + 1e-9));
    }

    #[test]
    fn one_point_and_none_are_pictures_too() {
        let mut p = two_lines();
        p.lines.truncate(1);
        p.lines[0].points.truncate(1);
        assert!(!panel(&p).contains("NaN"));
        p.lines.clear();
        assert!(!panel(&p).contains("NaN"));
    }
}
