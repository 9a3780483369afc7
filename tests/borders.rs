//! Random apps over random rows: hand-over borders and the number of workers never change a result.
//!
//! How: an app of one to four queries with random windows, aggregates and targets runs over rows out of order, sends
//! of several rows and moves of the clock. What every stream shows, and the counters, must be the same inline row by
//! row, in other hand-over sizes, and on workers; on more than one the order of different keys is free. `FROM` and
//! `COUNT` in the environment choose other seeds.

use eventflux::{Batch, EventFluxManager, RuntimeConfig, Sign, Timestamp, Value, Workers};
use eventflux_kit::{Collected, Random, from_env};

const WINDOWS: [&str; 28] = [
    "",
    "WINDOW('length', 3)",
    "WINDOW('lengthBatch', 3)",
    "WINDOW('lengthBatch', 3, stream_current)",
    "WINDOW('time', 5 MILLISECONDS)",
    "WINDOW('timeBatch', 5 MILLISECONDS)",
    "WINDOW('timeBatch', 5 MILLISECONDS, 0)",
    "WINDOW('timeBatch', 5 MILLISECONDS, 0, stream_current)",
    "WINDOW('tumbling', 5 MILLISECONDS)",
    "WINDOW('hop', 6 MILLISECONDS, 2 MILLISECONDS)",
    "WINDOW('hop', 7 MILLISECONDS, 3 MILLISECONDS)",
    "WINDOW('hop', 2 MILLISECONDS, 5 MILLISECONDS)",
    "WINDOW('cron', '* * * * * *')",
    "WINDOW('session', 3 MILLISECONDS, k)",
    "WINDOW('session', 3 MILLISECONDS, k, 2 MILLISECONDS)",
    "WINDOW('sessionBatch', 3 MILLISECONDS, k)",
    "WINDOW('timeLength', 5 MILLISECONDS, 2)",
    "WINDOW('delay', 4 MILLISECONDS)",
    "WINDOW('sort', 2, i, 'desc')",
    "WINDOW('unique', k)",
    "WINDOW('firstUnique', k)",
    "WINDOW('batch')",
    "WINDOW('expression', 'sum(i) < 9')",
    "WINDOW('expressionBatch', 'count() < 3')",
    "WINDOW('externalTime', l, 5)",
    "WINDOW('externalTimeBatch', l, 5)",
    "WINDOW('externalTimeBatch', l, 5, 0, 4 MILLISECONDS)",
    "WINDOW('frequent', 2, k)",
];

/// A query that reads `source` and writes `target`.
fn query(r: &mut Random, source: &str, target: &str) -> String {
    let events = r.pick(&["", "", "ALL EVENTS", "EXPIRED EVENTS"]);
    let filter = r.pick(&["", "", "[i > 2]", "[k != 'a']"]);
    let window = r.pick(&WINDOWS);
    let condition = r.pick(&["", "", "WHERE i < 6"]);
    let (select, group) = if r.below(3) == 0 {
        (
            r.pick(&["k, i, l, d", "DISTINCT k, i, l, d"]).to_string(),
            "",
        )
    } else {
        let i = r.pick(&["last(i)", "max(i)", "min(i)", "first(i)", "minForever(i)"]);
        let l = r.pick(&[
            "count()",
            "sum(i)",
            "count(DISTINCT i)",
            "count(i)",
            "sum(l)",
        ]);
        let d = r.pick(&[
            "avg(d)",
            "sum(d)",
            "stdDev(i)",
            "max(d)",
            "var_samp(d)",
            "median(i)",
            "percentile(d, 0.9)",
        ]);
        let group = *r.pick(&["", "GROUP BY k", "GROUP BY k HAVING count() > 1"]);
        (format!("k, {i} AS i, {l} AS l, {d} AS d"), group)
    };
    let flushes = window.contains("atch") || window.contains("tumbling");
    let tail = match flushes {
        true => *r.pick(&[
            "",
            "ORDER BY i DESC",
            "ORDER BY k, i LIMIT 2",
            "LIMIT 2 OFFSET 1",
        ]),
        false => "",
    };
    let knows_time = ["'time", "tumbling", "hop", "'session", "delay", "cron"];
    let late = match knows_time.iter().any(|name| window.contains(name)) && r.below(3) == 0 {
        true => format!("@info(late.stream='LateFor{target}') "),
        false => String::new(),
    };
    format!(
        "{late}INSERT {events} INTO {target} SELECT {select} FROM {source}{filter} {window} {condition} {group} {tail};\n"
    )
}

fn app(r: &mut Random) -> String {
    let mut app = r
        .pick(&[
            "@app:playback ",
            "@app:playback(lateness='3 MILLISECONDS') ",
            "@app:playback(lateness='1 MICROSECOND') ",
            "@app:playback(lateness='2 MILLISECONDS', ahead.max='5 MILLISECONDS') ",
        ])
        .to_string();
    let attributes = "k STRING, i INT, l LONG, d DOUBLE";
    app += &format!("CREATE STREAM S ({attributes}); CREATE STREAM T ({attributes});\n");
    let mut streams = vec!["S".to_string(), "T".to_string()];
    for number in 0..1 + r.below(4) {
        let source = streams[r.below(streams.len() as u64) as usize].clone();
        // A second writer reads from outside, so that no query feeds itself.
        let again = r.below(5) == 0 && streams.len() > 2 && source.len() == 1;
        let target = match again {
            true => streams[2].clone(),
            false => format!("Out{number}"),
        };
        app += &query(r, &source, &target);
        if !streams.contains(&target) {
            streams.push(target);
        }
    }
    app
}

/// One send of rows, or with no stream a move of the clock to the time of the row.
type Line = (Option<&'static str>, Vec<(Timestamp, Vec<Value>)>);

fn lines(r: &mut Random) -> Vec<Line> {
    let mut now = 0;
    let mut lines = Vec::new();
    for _ in 0..40 {
        let kind = r.below(8);
        if kind == 0 {
            now += r.below(7000) as i64;
            lines.push((None, vec![(Timestamp(now), Vec::new())]));
            continue;
        }
        let rows = if kind == 1 { 1 + r.below(12) } else { 1 };
        let mut row = || {
            now += *r.pick(&[0, 0, 300, 1000, 1700, 9000]);
            let back = *r.pick(&[0, 0, 0, 1000, 2500, 8000]);
            let k = r.pick(&[None, Some("a"), Some("b"), Some("c"), Some("d")]);
            let i = (r.below(6) > 0).then_some(r.below(8));
            let l = (r.below(9) > 0).then_some(now / 1000 + r.below(3) as i64);
            let d = r.below(16) as f64 / 4.0;
            (
                Timestamp(now - back),
                vec![(*k).into(), i.into(), l.into(), d.into()],
            )
        };
        let rows = (0..rows).map(|_| row()).collect();
        lines.push((Some(*r.pick(&["S", "S", "T"])), rows));
    }
    lines.push((None, vec![(Timestamp(now + 100_000), Vec::new())]));
    lines
}

fn text(batch: &Batch, row: usize) -> String {
    let sign = if batch.sign(row) == Sign::Minus {
        '-'
    } else {
        '+'
    };
    let values: Vec<String> = (0..batch.columns().len())
        .map(|c| batch.value(row, c).to_string())
        .collect();
    format!("{sign} {} {}", batch.at()[row].0, values.join(" "))
}

/// What the streams show, and the counters of the app.
fn run(
    app: &str,
    lines: &[Line],
    workers: &Workers,
    rows_max: usize,
    ordered: bool,
) -> Vec<Vec<String>> {
    let config = RuntimeConfig::default()
        .workers(workers.clone())
        .batch_rows_max(rows_max)
        .ordered_outputs(ordered);
    let runtime = EventFluxManager::new()
        .create_with(app, config)
        .unwrap_or_else(|e| panic!("{e}"));
    let mut seen = Vec::new();
    for stream in runtime.streams().iter().filter(|s| s.written) {
        let rows = Collected::default();
        let to = rows.clone();
        let callback = move |b: &Batch| to.extend((0..b.len()).map(|r| text(b, r)));
        runtime.add_callback(&stream.name, callback).unwrap();
        seen.push(rows);
    }
    runtime.start().unwrap();
    let mut input = runtime.input().unwrap();
    for (stream, rows) in lines {
        let sent = match stream {
            None => input.advance_clock(rows[0].0),
            Some(stream) => input.send_batch(stream, rows.iter().map(|(at, row)| (Some(*at), row))),
        };
        sent.unwrap();
    }
    drop(input);
    runtime.shutdown().unwrap();
    let metrics = runtime.metrics().unwrap();
    // the total counts a row once per worker, so it is not compared
    let late: u64 = metrics.late_by_query.iter().map(|(_, rows)| rows).sum();
    let counters = format!("late {late} faults {}", metrics.value_faults);
    let mut seen: Vec<Vec<String>> = seen.iter().map(Collected::rows).collect();
    seen.push(vec![counters]);
    seen
}

#[test]
fn borders_and_workers_never_change_a_result() {
    let from = from_env("FROM", 1);
    for seed in from..from + from_env("COUNT", 60) {
        let mut random = Random::new(seed);
        let (app, lines) = (app(&mut random), lines(&mut random));
        let want = run(&app, &lines, &Workers::Inline, 1, false);
        for (workers, rows_max, ordered) in [
            (Workers::Inline, 7, false),
            (Workers::Inline, 256, false),
            (Workers::Inline, 256, true),
            (Workers::Pinned(1), 1, false),
            (Workers::Pinned(1), 256, false),
            (Workers::Pinned(2), 7, false),
            (Workers::Pinned(3), 256, false),
        ] {
            let (mut found, mut want) =
                (run(&app, &lines, &workers, rows_max, ordered), want.clone());
            if matches!(workers, Workers::Pinned(count) if count > 1) {
                found
                    .iter_mut()
                    .chain(&mut want)
                    .for_each(|rows| rows.sort());
            }
            assert!(
                found == want,
                "seed {seed}, {workers:?}, {rows_max} rows, ordered {ordered}:\n{app}{found:#?}\nnot\n{want:#?}"
            );
        }
    }
}
