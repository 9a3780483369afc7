//! Answers as one page of HTML that needs nothing else: no script, no font, no address.

use super::chart::{self, CLASSES, escaped};
use super::figures::{duration, min_max, short};
use super::lines::{self, LINES};
use super::questions::QUESTIONS;
use super::record::{Answered, Limit, PERCENTILES, Record, Unit};
use super::report::{budget, figure, range_of, rate};
use std::fmt::Write;

const STYLE: &str = include_str!("page.css");

/// The page of some answers; `about` names machine, sources and conditions.
pub fn html(about: &str, answers: &[Answered]) -> String {
    let records: Vec<&Record> = answers
        .iter()
        .filter_map(|(_, a)| a.as_ref().ok())
        .collect();
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>eventflux-bench</title><style>\n{STYLE}</style></head>\n<body><main>\n\
         <h1>eventflux beside the same work by hand</h1>\n<p class=\"quiet\">{}</p>\n",
        escaped(about)
    );
    verdicts(&mut out, answers);
    ratios(&mut out, &records);
    limits(&mut out, &records);
    latencies(&mut out, &records);
    growth(&mut out, &records);
    numbers(&mut out, answers);
    out.push_str("</main></body></html>\n");
    out
}

fn verdicts(out: &mut String, answers: &[Answered]) {
    let count = |wanted: fn(&Result<Record, String>) -> bool| {
        answers.iter().filter(|(_, a)| wanted(a)).count()
    };
    let within = count(|a| a.as_ref().is_ok_and(|r| !r.limits.is_empty() && r.ok()));
    let over = count(|a| a.as_ref().is_ok_and(|r| !r.ok()));
    let free = count(|a| a.as_ref().is_ok_and(|r| r.limits.is_empty()));
    let failed = count(Result::is_err);
    out.push_str("<div class=\"verdicts\">");
    for (number, class, text) in [
        (within, "good", "within budget"),
        (over, "over", "over budget"),
        (free, "quiet", "without a budget"),
        (failed, "over", "without an answer"),
    ] {
        if number > 0 {
            let _ = write!(out, "<div><b class=\"{class}\">{number}</b>{text}</div>");
        }
    }
    out.push_str("</div>\n");
}

const BAR_LEGEND: &str = "<div class=\"legend\">\
<span><svg width=\"22\" height=\"12\"><rect class=\"good\" width=\"22\" height=\"12\" rx=\"2\"/></svg>\
within its budget</span>\
<span><svg width=\"22\" height=\"12\"><rect class=\"over\" width=\"22\" height=\"12\" rx=\"2\"/></svg>\
over it</span>";
const NO_BUDGET: &str = "<span><svg width=\"22\" height=\"12\">\
<rect class=\"free\" width=\"22\" height=\"12\" rx=\"2\"/></svg>\
no budget</span>";
const MARK: &str = "<span><svg width=\"10\" height=\"16\"><line class=\"budget\" x1=\"5\" x2=\"5\" y1=\"0\" y2=\"16\"/>\
</svg>";
const WHISKER: &str = "<span><svg width=\"24\" height=\"12\">\
<path class=\"spread\" d=\"M 1 6 H 23 M 1 3 v 6 M 23 3 v 6\"/></svg>\
least to greatest of the repetitions</span>";

/// Whether a record's first figure is the ratio, not an absolute limit.
fn by_ratio(r: &Record) -> bool {
    r.unit != Unit::Latency && (r.limit("ratio").is_some() || r.limits.is_empty())
}

fn ratios(out: &mut String, records: &[&Record]) {
    let shown: Vec<&Record> = records.iter().copied().filter(|r| by_ratio(r)).collect();
    if shown.is_empty() {
        return;
    }
    let _ = write!(
        out,
        "<section><h2>How many times the baseline</h2>\
         <p class=\"quiet small\">Time or bytes divided by those of the baseline, run by turns in one process: the same \
         work written by hand where no other is named. Shorter is better; 1× is as fast as the baseline.</p>\
         {BAR_LEGEND}{NO_BUDGET}{MARK}budget</span>{WHISKER}</div>{}</section>",
        chart::ratios(&shown)
    );
}

fn limits(out: &mut String, records: &[&Record]) {
    let shown: Vec<(&str, &Limit)> = records
        .iter()
        .flat_map(|r| r.limits.iter().map(|l| (r.question, l)))
        .filter(|(_, l)| l.what != "ratio")
        .collect();
    if shown.is_empty() {
        return;
    }
    let _ = write!(
        out,
        "<section><h2>How much of an absolute limit</h2>\
         <p class=\"quiet small\">A time, a size or a number as a share of what is allowed.</p>\
         {BAR_LEGEND}{MARK}limit</span></div>{}</section>",
        chart::shares(&shown)
    );
}

fn latencies(out: &mut String, records: &[&Record]) {
    let shown = || records.iter().filter(|r| !r.curves.is_empty());
    if shown().next().is_none() {
        return;
    }
    out.push_str(
        "<section><h2>How long events take</h2><p class=\"quiet small\">All repetitions together. Every grid line to \
         the right is one nine more: beyond 99.9 % lies one event of a thousand.</p>\
         <div class=\"curves\">",
    );
    for r in shown() {
        let _ = write!(
            out,
            "<div><h3>{}</h3><div class=\"legend\">",
            escaped(r.question)
        );
        for (curve, class) in r.curves.iter().zip(CLASSES) {
            let _ = write!(
                out,
                "<span><svg width=\"26\" height=\"10\"><path class=\"curve {class}\" d=\"M 0 5 H 26\"/></svg>{}</span>",
                escaped(curve.name)
            );
        }
        let _ = write!(out, "</div>{}</div>", chart::curves(&r.curves));
    }
    out.push_str("</div><div class=\"scroll\"><table><thead><tr><th>question</th><th>side</th>");
    for (name, _) in PERCENTILES {
        let _ = write!(out, "<th class=\"n\">{name}</th>");
    }
    out.push_str("</tr></thead><tbody>");
    for r in shown() {
        for curve in &r.curves {
            let _ = write!(
                out,
                "<tr><td><code>{}</code></td><td>{}</td>",
                escaped(r.question),
                escaped(curve.name)
            );
            for spread in curve.percentiles {
                let _ = write!(
                    out,
                    "<td class=\"n\">{}<br><span class=\"quiet\">{}..{}</span></td>",
                    duration(spread.median),
                    duration(spread.min),
                    duration(spread.max)
                );
            }
            out.push_str("</tr>");
        }
    }
    out.push_str("</tbody></table></div></section>\n");
}

fn growth(out: &mut String, records: &[&Record]) {
    for r in records.iter().filter(|r| !r.panels.is_empty()) {
        let _ = write!(
            out,
            "<section><h2>How the cost grows: {}</h2><p class=\"quiet small\">Both axes count tens: a line that rises \
             by one field per field grows in proportion, a level one does not grow.</p><div class=\"curves\">",
            escaped(r.question)
        );
        for panel in &r.panels {
            let _ = write!(
                out,
                "<div><h3>{}</h3><div class=\"legend\">",
                escaped(panel.title)
            );
            for (line, class) in panel.lines.iter().zip(LINES) {
                let _ = write!(
                    out,
                    "<span><svg width=\"26\" height=\"10\"><path class=\"curve {class}\" d=\"M 0 5 H 26\"/></svg>{}</span>",
                    escaped(line.name)
                );
            }
            let _ = write!(out, "</div>{}</div>", lines::panel(panel));
        }
        out.push_str("</div></section>\n");
    }
}

fn numbers(out: &mut String, answers: &[Answered]) {
    out.push_str(
        "<section><h2>All figures</h2><p class=\"quiet small\">Medians, below them the least and the greatest.</p>\
         <div class=\"scroll\"><table><thead><tr><th>question</th><th class=\"n\">eventflux</th>\
         <th class=\"n\">M/s</th><th>baseline</th><th class=\"n\">baseline</th><th class=\"n\">ratio</th>\
         <th>budget</th><th></th></tr></thead><tbody>",
    );
    for (question, answer) in answers {
        let asks = QUESTIONS
            .iter()
            .find(|q| q.id == *question)
            .map_or("", |q| q.asks);
        let _ = write!(
            out,
            "<tr><td><code>{}</code><br><span class=\"quiet\">{}",
            escaped(question),
            escaped(asks)
        );
        match answer {
            Ok(r) => figures(out, r),
            Err(error) => {
                let _ = write!(
                    out,
                    "</span></td><td colspan=\"6\">{}</td><td class=\"over\">no answer</td></tr>",
                    escaped(error)
                );
            }
        }
    }
    out.push_str("</tbody></table></div></section>\n");
}

fn figures(out: &mut String, r: &Record) {
    if let Some(p) = r.ping_pong {
        let _ = write!(
            out,
            "; cache line there and back {} ns [{}]",
            short(p.median),
            min_max(p)
        );
    }
    for note in &r.notes {
        let _ = write!(out, "; {}", escaped(note));
    }
    let (class, verdict) = match (r.limits.is_empty(), r.ok()) {
        (true, _) => ("quiet", "–"),
        (false, true) => ("good", "✓ ok"),
        (false, false) => ("over", "✗ over"),
    };
    let _ = write!(
        out,
        "</span></td><td class=\"n\">{} {}<br><span class=\"quiet\">{}</span></td><td class=\"n\">{}</td><td>{}</td>\
         <td class=\"n\">{}<br><span class=\"quiet\">{}</span></td><td class=\"n\">{:.2}×</td><td>{}</td>\
         <td class=\"n {class}\">{verdict}</td></tr>",
        figure(r, r.ours.median),
        unit_of(r),
        range_of(r, r.ours),
        rate(r),
        escaped(r.baseline_is),
        figure(r, r.baseline.median),
        range_of(r, r.baseline),
        r.ratio(),
        escaped(&budget(r))
    );
}

/// The unit where the figure does not show it.
fn unit_of(r: &Record) -> &'static str {
    match r.unit {
        Unit::Run | Unit::Bytes => "",
        unit => unit.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample;

    #[test]
    fn the_page_needs_nothing_else() {
        let answers = [
            ("sample", Ok(sample().within_ratio(2.0))),
            ("broken", Err("a <bad> answer".to_string())),
        ];
        let page = html("eventflux at abc", &answers);
        for part in [
            "eventflux at abc",
            "a &lt;bad&gt; answer",
            "<svg",
            "99.9 %",
            "1</b>within budget",
        ] {
            assert!(page.contains(part), "{part}");
        }
        for load in [
            "http:", "https:", "<script", "<link", "url(", "@import", "src=",
        ] {
            assert!(!page.contains(load), "{load}");
        }
        assert_eq!(
            page.matches("<section>").count(),
            page.matches("</section>").count()
        );
    }
}
