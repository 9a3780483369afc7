//! Options of a stream, the built-in connectors end to end, and one of a user's own.

use super::*;
use crate::connector::BadRow;
use crate::event::{Batch, Timestamp, Type, Value};
use std::fmt::Display;
use std::sync::mpsc::{self, Receiver, Sender};

fn options(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = pairs.iter().map(|(k, v)| (k.to_string(), v.to_string()));
    pairs.collect()
}

fn schema() -> Schema {
    Schema::new([("n", Type::Long)])
}

/// Sends what it gets as text.
struct Rows {
    to: Sender<String>,
    schema: Schema,
}

impl Rows {
    fn new() -> (Self, Receiver<String>) {
        let (to, from) = mpsc::channel();
        let schema = schema();
        (Rows { to, schema }, from)
    }
}

impl RowSink for Rows {
    fn schema(&self) -> &Schema {
        &self.schema
    }
    fn row(&mut self, at: Option<Timestamp>, row: &[Value]) -> Result<(), ConnectorError> {
        let text = format!("{:?} {}", at.map(|at| at.0), row[0]);
        self.to.send(text).map_err(|_| ConnectorError::Stopped)
    }
    fn bad_row(&mut self, place: &dyn Display, fault: BadRow) -> Result<(), ConnectorError> {
        let text = format!("bad {place} {fault}");
        self.to.send(text).map_err(|_| ConnectorError::Stopped)
    }
    fn position(&mut self, position: &str) {
        let _ = self.to.send(format!("position {position}"));
    }
}

fn run(pairs: &[(&str, &str)], from: Option<&str>) -> Vec<String> {
    let connection = Connectors::built_in().connect("S", &schema(), &options(pairs));
    let Ok(Connection::Source(source, _)) = connection else {
        panic!("{connection:?}");
    };
    let (rows, received) = Rows::new();
    let feed = Feed::start("S", source, rows, from.map(Into::into)).expect("a thread");
    feed.join().expect("it ends well");
    received.iter().collect()
}

#[test]
fn options_are_checked_against_the_known_ones() {
    let file = ("extension", "file");
    let source = ("type", "source");
    let path = ("path", "/nowhere");
    for (pairs, expected) in [
        (vec![], "a connected stream needs 'type'"),
        (vec![source], "a connected stream needs 'extension'"),
        (
            vec![("type", "both"), file],
            "'type' is 'both', expected source or sink",
        ),
        (
            vec![source, ("extension", "kafka")],
            "no source 'kafka'; known: file, timer",
        ),
        (
            vec![("type", "sink"), ("extension", "timer")],
            "no sink 'timer'; known: file, log",
        ),
        (vec![source, file], "source 'file' needs 'path'"),
        (
            vec![source, file, path, ("pth", "x")],
            "unknown key 'pth' for source 'file'; known: type, extension, on.error, lateness, path, compression, follow, replaced, format, keys, delimiter, quote, header, timestamp, timestamp.unit, timestamp.format, timestamp.regexp",
        ),
        (
            vec![source, file, path, ("PATH", "x")],
            "key 'PATH' is given twice",
        ),
        (
            vec![source, file, path, ("format", "xml")],
            "'format' is 'xml', expected json, csv or text",
        ),
        (
            vec![source, file, path, ("delimiter", ";")],
            "'delimiter' is about CSV, and /nowhere is JSON; 'format'='csv' says otherwise",
        ),
        (
            vec![source, file, path, ("format", "csv"), ("delimiter", "ab")],
            "'delimiter' is 'ab', expected one ASCII character",
        ),
        (
            vec![source, file, path, ("format", "csv"), ("quote", ",")],
            "'quote' and 'delimiter' are the same character",
        ),
        (
            vec![source, file, path, ("timestamp.unit", "days")],
            "'timestamp.unit' is 'days', expected ms, s, us or ns",
        ),
        (
            vec![
                ("type", "sink"),
                file,
                path,
                ("format", "csv"),
                ("quote", "none"),
            ],
            "'quote' is 'none', expected a character",
        ),
        (
            vec![("type", "sink"), file, path, ("keys", "strict")],
            "unknown key 'keys' for sink 'file'",
        ),
        (
            vec![source, file, path, ("on.error", "retry")],
            "'on.error' is 'retry', expected log or stop",
        ),
        (
            vec![source, file, path, ("on.error", "stream")],
            "'on.error'='stream': fault streams are not supported; use 'log' or 'stop'",
        ),
    ] {
        let e = Connectors::built_in()
            .connect("S", &schema(), &options(&pairs))
            .expect_err(expected);
        assert!(e.to_string().contains(expected), "{pairs:?}: {e}");
    }
}

#[test]
fn a_timer_needs_an_interval_and_one_long() {
    let source = ("type", "source");
    for (pairs, expected) in [
        (
            vec![source, ("extension", "timer"), ("interval", "5")],
            "'interval' is '5', expected a time span such as '50 MILLISECONDS'",
        ),
        (
            vec![source, ("extension", "timer"), ("interval", "0 SECONDS")],
            "expected a time span",
        ),
        (
            vec![
                source,
                ("extension", "timer"),
                ("interval", "99999999999999999 WEEKS"),
            ],
            "expected a time span",
        ),
        (
            vec![
                source,
                ("extension", "timer"),
                ("interval", "1 second"),
                ("count", "-1"),
            ],
            "'count' is '-1', expected a count",
        ),
    ] {
        let e = Connectors::built_in()
            .connect("S", &schema(), &options(&pairs))
            .expect_err(expected);
        assert!(e.to_string().contains(expected), "{pairs:?}: {e}");
    }
    let two = Schema::new([("a", Type::Long), ("b", Type::Long)]);
    let timer = options(&[source, ("extension", "timer"), ("interval", "1 SECOND")]);
    let e = Connectors::built_in().connect("S", &two, &timer);
    assert!(
        e.expect_err("two attributes")
            .to_string()
            .contains("one attribute, a LONG")
    );
}

#[test]
fn the_timer_counts_and_continues() {
    let timer = [
        ("type", "source"),
        ("extension", "timer"),
        ("interval", "1 microsecond"),
        ("count", "3"),
    ];
    let all = [
        "None 1",
        "position 1",
        "None 2",
        "position 2",
        "None 3",
        "position 3",
    ];
    assert_eq!(run(&timer, None), all);
    assert_eq!(run(&timer, Some("2")), all[4..]);
}

#[test]
fn a_waiting_source_stops_when_asked() {
    let timer = options(&[
        ("type", "source"),
        ("extension", "TIMER"),
        ("interval", "1 WEEK"),
    ]);
    let Ok(Connection::Source(source, OnError::Log)) =
        Connectors::built_in().connect("S", &schema(), &timer)
    else {
        panic!("a timer");
    };
    let (rows, received) = Rows::new();
    let feed = Feed::start("S", source, rows, None).expect("a thread");
    assert!(!feed.is_ended());
    feed.ask_to_stop();
    feed.join().expect("it ends well");
    assert_eq!(received.iter().count(), 0);
}

#[test]
fn files_are_read_written_and_resumed() {
    let folder = std::env::temp_dir().join(format!("eventflux-file-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let (json, csv, out) = (path("in.jsonl"), path("in.csv"), path("out.csv"));
    std::fs::write(
        &json,
        "[1]\n{\"at\":2,\"n\":2}\n[\"x\"]\n{\"at\":4,\"row\":[4]}\n",
    )
    .expect("written");
    std::fs::write(&csv, "n,at\n1,\n2,2\nx,3\n4,4\n").expect("written");
    let source = |path| [("type", "source"), ("extension", "file"), ("path", path)];
    let place = |text: &String, line: &str, offset: &str| {
        let mut parts = text.split(' ');
        assert_eq!(parts.next(), Some("position"), "{text}");
        assert_eq!((parts.next(), parts.next()), (Some(line), Some(offset)));
        parts.collect::<Vec<_>>().join(" ")
    };
    let rows = run(&source(&json), None);
    place(&rows[0], "0", "0");
    assert_eq!(rows[1..3], ["None 1", "Some(2000) 2"]);
    assert!(
        rows[3]
            .ends_with("in.jsonl:3 attribute 'n' LONG: found a string \"x\", expected an integer")
    );
    assert_eq!(rows[4], "Some(4000) 4");
    let identity = place(&rows[5], "4", "44");
    // a line is all that revisions before 0.2 have
    for from in ["3".to_string(), format!("3 25 {identity}")] {
        let rows = run(&source(&json), Some(&from));
        assert_eq!((rows[0].as_str(), rows.len()), ("Some(4000) 4", 2));
        place(&rows[1], "4", "44");
    }
    let rows = run(&source(&csv), None);
    assert_eq!(rows[1..3], ["None 1", "Some(2000) 2"]);
    assert!(rows[3].contains("in.csv:4 attribute 'n'"), "{}", rows[3]);
    let identity = place(&rows[5], "5", "20");
    for from in ["4".to_string(), format!("4 16 {identity}")] {
        let rows = run(&source(&csv), Some(&from));
        assert_eq!((rows[0].as_str(), rows.len()), ("Some(4000) 4", 2));
    }

    for append in ["false", "true"] {
        let sink = options(&[
            ("type", "sink"),
            ("extension", "file"),
            ("path", &out),
            ("append", append),
            ("on.error", "stop"),
        ]);
        let Ok(Connection::Sink(mut sink, OnError::Stop)) =
            Connectors::built_in().connect("S", &schema(), &sink)
        else {
            panic!("a sink");
        };
        let mut batch = Batch::new(&schema());
        batch.at.push(Timestamp(7_000));
        assert!(batch.columns[0].push(&Value::Long(7)));
        sink.rows("S", &batch).expect("written");
        sink.flush().expect("written");
        sink.flush().expect("nothing to write");
    }
    let text = std::fs::read_to_string(&out).expect("read");
    assert_eq!(text, "at,sign,n\n7,,7\n7,,7\n");
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn users_register_their_own_and_a_panic_is_an_error() {
    struct Panics;
    impl Source for Panics {
        fn run(
            &mut self,
            _: &mut dyn RowSink,
            _: &StopSignal,
            _: Option<&str>,
        ) -> Result<(), ConnectorError> {
            panic!("on purpose")
        }
    }
    let mut connectors = Connectors::built_in();
    connectors.register_source("mine", &[], |_, _, _| Ok(Box::new(Panics)));
    let mine = options(&[("type", "source"), ("extension", "Mine")]);
    let Ok(Connection::Source(source, _)) = connectors.connect("S", &schema(), &mine) else {
        panic!("mine");
    };
    let feed = Feed::start("S", source, Rows::new().0, None).expect("a thread");
    let e = feed.join().expect_err("it panics");
    assert_eq!(e.to_string(), "the source of stream 'S' panicked");
}
