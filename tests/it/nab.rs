//! Real series (Numenta Anomaly Benchmark) through an app, against a computation of their own kind.
//!
//! Ten series of tweets per five minutes, one per company, merged by time as one producer sends them: for each row
//! the mean and the deviation of its company's last six hours, an alert beyond three deviations, and counts per hour
//! and day. The series hold duplicate times and steps back; the computation here applies the same rule for late rows.
//! The folder `../shared/data/nab` is no part of this project: where it is absent the tests say so and pass.

use crate::app::{Outputs, Setup, Step, run};
use crate::literal::Literal;
use crate::source::root;
use eventflux::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

const SECOND_US: i64 = 1_000_000;
const HOUR_US: i64 = 3_600 * SECOND_US;
const WINDOW_US: i64 = 6 * HOUR_US;

const APP: &str = "
    @app:name('Anomalies') @app:playback
    CREATE STREAM Tweets (ticker STRING, tweets INT);

    INSERT INTO Scored
    SELECT ticker, tweets, avg(tweets) AS mean, stdDev(tweets) AS sd, count() AS n
    FROM Tweets WINDOW('time', 6 HOURS)
    GROUP BY ticker;

    INSERT INTO Alerts
    SELECT ticker, tweets FROM Scored WHERE n > 10 AND abs(tweets - mean) > 3 * sd;

    INSERT INTO Hourly
    SELECT ticker, count() AS n, sum(tweets) AS total, min(tweets) AS lo, max(tweets) AS hi
    FROM Tweets WINDOW('tumbling', 1 HOURS)
    GROUP BY ticker;

    INSERT INTO Daily
    SELECT ticker, count() AS n, sum(tweets) AS total
    FROM Tweets WINDOW('tumbling', 1 DAYS)
    GROUP BY ticker;";

/// One row of a series.
#[derive(Clone, Debug, PartialEq)]
struct Point {
    at_us: i64,
    ticker: String,
    value: f64,
}

fn folder() -> Option<PathBuf> {
    let folder = root().join("../shared/data/nab");
    if !folder.is_dir() {
        eprintln!(
            "{} is absent: the recorded series are not run",
            folder.display()
        );
        return None;
    }
    Some(folder)
}

/// Microseconds of `YYYY-MM-DD HH:MM:SS`, by the civil calendar.
fn micros(text: &str) -> i64 {
    let part = |range: std::ops::Range<usize>| -> i64 { text[range].parse().expect("digits") };
    let (y, m, d) = (part(0..4), part(5..7), part(8..10));
    // days since 1970-03-01, in years that begin in March
    let (y, m) = if m > 2 { (y, m - 3) } else { (y - 1, m + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + d - 1 - 719_468;
    let seconds = part(11..13) * 3600 + part(14..16) * 60 + part(17..19);
    (days * 86_400 + seconds) * SECOND_US
}

fn series(path: &PathBuf, ticker: &str, most: usize) -> Vec<Point> {
    let text = fs::read_to_string(path).expect("series are UTF-8");
    let point = |line: &str| {
        let (time, value) = line.split_once(',').expect("two columns");
        Point {
            at_us: micros(time),
            ticker: ticker.to_string(),
            value: value.trim().parse().expect("a number"),
        }
    };
    text.lines().skip(1).take(most).map(point).collect()
}

/// Several series in one order: each keeps its own, the earliest next row goes first.
fn merged(all: &[Vec<Point>]) -> Vec<Point> {
    let mut next = vec![0; all.len()];
    let mut out = Vec::new();
    while let Some(s) = (0..all.len())
        .filter(|s| next[*s] < all[*s].len())
        .min_by_key(|s| all[*s][next[*s]].at_us)
    {
        out.push(all[s][next[s]].clone());
        next[s] += 1;
    }
    out
}

fn twitter(folder: &PathBuf, most: usize) -> Vec<Point> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be listed") {
        let path = entry.expect("an entry can be read").path();
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .to_string();
        if let Some(ticker) = name.strip_prefix("Twitter_volume_") {
            all.push((ticker.to_string(), series(&path, ticker, most)));
        }
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(all.len(), 10);
    merged(&all.into_iter().map(|(_, s)| s).collect::<Vec<_>>())
}

/// What the time window over all rows gives: mean, deviation and count at each row that is not late.
fn scored(points: &[Point]) -> Vec<(Point, f64, f64, usize)> {
    let mut held: Vec<Point> = Vec::new();
    let mut clock = i64::MIN;
    let mut out = Vec::new();
    for p in points {
        if p.at_us < clock {
            continue;
        }
        clock = p.at_us;
        held.retain(|h| h.at_us + WINDOW_US > clock);
        held.push(p.clone());
        let values: Vec<f64> = (held.iter().filter(|h| h.ticker == p.ticker))
            .map(|h| h.value)
            .collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        out.push((p.clone(), mean, variance.sqrt(), values.len()));
    }
    out
}

/// Count, sum, smallest and largest per window and ticker, of rows that are not late.
fn tumbled(points: &[Point], size_us: i64) -> BTreeMap<(i64, String), (i64, i64, i64, i64)> {
    let mut clock = i64::MIN;
    let mut out = BTreeMap::new();
    for p in points.iter() {
        if p.at_us < clock {
            continue;
        }
        clock = p.at_us;
        let end = p.at_us.div_euclid(size_us) * size_us + size_us;
        let v = p.value as i64;
        let entry = out.entry((end, p.ticker.clone())).or_insert((0, 0, v, v));
        *entry = (entry.0 + 1, entry.1 + v, entry.2.min(v), entry.3.max(v));
    }
    out
}

fn steps(points: &[Point]) -> Vec<Step> {
    let row = |p: &Point| {
        let values = vec![
            Literal::Text(p.ticker.clone()),
            Literal::Integer(p.value as i64),
        ];
        Step::Send("Tweets".into(), vec![(Some(p.at_us), values)])
    };
    let mut steps: Vec<Step> = points.iter().map(row).collect();
    let last = points
        .iter()
        .map(|p| p.at_us)
        .max()
        .expect("there are rows");
    steps.push(Step::Clock(last + 2 * 24 * HOUR_US));
    steps
}

fn ticker(values: &[Value]) -> String {
    values[0].to_string()
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Int(v) => f64::from(*v),
        Value::Long(v) => *v as f64,
        Value::Double(v) => *v,
        other => panic!("{other:?} is no number"),
    }
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1.0)
}

/// Scores and alerts of the engine against [`scored`], ticker by ticker.
fn compare_scores(points: &[Point], got: &Outputs) {
    let want = scored(points);
    let tickers: BTreeSet<&String> = points.iter().map(|p| &p.ticker).collect();
    assert_eq!(got["Scored"].len(), want.len());
    for t in tickers {
        let rows: Vec<_> = got["Scored"]
            .iter()
            .filter(|r| ticker(&r.values) == *t)
            .collect();
        let ours: Vec<_> = want.iter().filter(|(p, ..)| p.ticker == *t).collect();
        assert_eq!(rows.len(), ours.len(), "{t}");
        for (row, (p, mean, sd, n)) in rows.iter().zip(&ours) {
            let v = &row.values;
            assert_eq!((row.at_us, number(&v[1])), (p.at_us, p.value), "{t}");
            assert!(
                near(number(&v[2]), *mean) && near(number(&v[3]), *sd),
                "{p:?}: {v:?} {mean} {sd}"
            );
            assert_eq!(number(&v[4]) as usize, *n, "{p:?}");
        }
        let beyond = |(p, mean, sd, n): &&&(Point, f64, f64, usize)| {
            *n > 10 && (p.value - mean).abs() > 3.0 * sd
        };
        let alerts: Vec<i64> = ours.iter().filter(beyond).map(|(p, ..)| p.at_us).collect();
        let raised = got["Alerts"].iter().filter(|r| ticker(&r.values) == *t);
        assert_eq!(raised.map(|r| r.at_us).collect::<Vec<_>>(), alerts, "{t}");
        assert!(!alerts.is_empty(), "{t} has anomalies");
    }
}

fn compare_windows(points: &[Point], got: &Outputs) {
    let mut hourly = BTreeMap::new();
    for r in &got["Hourly"] {
        let n = |i: usize| number(&r.values[i]) as i64;
        let old = hourly.insert((r.at_us, ticker(&r.values)), (n(1), n(2), n(3), n(4)));
        assert_eq!(old, None, "one result per window and ticker");
    }
    assert_eq!(hourly, tumbled(points, HOUR_US));
    let mut daily = BTreeMap::new();
    for r in &got["Daily"] {
        let n = |i: usize| number(&r.values[i]) as i64;
        daily.insert((r.at_us, ticker(&r.values)), (n(1), n(2)));
    }
    let want = tumbled(points, 24 * HOUR_US);
    let want: BTreeMap<_, _> = want.into_iter().map(|(k, v)| (k, (v.0, v.1))).collect();
    assert_eq!(daily, want);
}

#[test]
fn anomalies_of_ten_tickers() {
    let Some(folder) = folder() else { return };
    let points = twitter(&folder, 4_000);
    assert_eq!(points.len(), 40_000);
    for workers in [0, 1, 2] {
        let setup = Setup {
            workers,
            ..Setup::INLINE
        };
        let got = run(APP, &steps(&points), setup).expect("the app builds");
        compare_scores(&points, &got);
        compare_windows(&points, &got);
    }
}

#[test]
fn a_machine_before_its_failure() {
    let Some(folder) = folder() else { return };
    let points = series(
        &folder.join("machine_temperature_system_failure.csv"),
        "m",
        usize::MAX,
    );
    let times: Vec<i64> = points.iter().map(|p| p.at_us).collect();
    let distinct: BTreeSet<&i64> = times.iter().collect();
    assert!(distinct.len() < times.len(), "the series holds equal times");
    assert!(
        times.windows(2).any(|w| w[0] > w[1]),
        "the series steps back"
    );
    let app = "@app:playback CREATE STREAM T (celsius DOUBLE);
        INSERT INTO Scored SELECT celsius, avg(celsius) AS mean, stdDev(celsius) AS sd, count() AS n
        FROM T WINDOW('time', 6 HOURS);";
    let step = |p: &Point| {
        Step::Send(
            "T".into(),
            vec![(Some(p.at_us), vec![Literal::Decimal(p.value, 0.0)])],
        )
    };
    let steps: Vec<Step> = points.iter().map(step).collect();
    let got = run(app, &steps, Setup::INLINE).expect("the app builds");
    let want = scored(&points);
    assert_eq!(got["Scored"].len(), want.len());
    for (row, (p, mean, sd, n)) in got["Scored"].iter().zip(&want) {
        let v = &row.values;
        assert_eq!((row.at_us, number(&v[3]) as usize), (p.at_us, *n));
        assert!(near(number(&v[1]), *mean), "{p:?}: {v:?} {mean}");
        assert!(
            (number(&v[2]) - sd).abs() < 1e-5 * sd.max(1.0),
            "{p:?}: {v:?} {sd}"
        );
    }
}

#[test]
fn times_are_those_of_the_calendar() {
    assert_eq!(micros("1970-01-01 00:00:00"), 0);
    assert_eq!(micros("2000-02-29 12:00:01"), 951_825_601 * SECOND_US);
    assert_eq!(micros("2015-02-26 21:42:53"), 1_424_986_973 * SECOND_US);
}
