//! Texts that are wrong: apps and lines of events files. Each is refused with a place and a message; none panics.

use crate::app::Setup;
use eventflux::connector::json::{EventLine, EventRow, RowDecoder, decode_line};
use eventflux::connector::{BadRow, Format, Text};
use eventflux::{BuildError, EventFluxAppRuntime, EventFluxManager, Schema, Type};

const APPS: &str = include_str!("bad_input/apps.txt");
const PATTERNS: &str = include_str!("bad_input/patterns.txt");
const WARNINGS: &str = include_str!("bad_input/warnings.txt");
const LINES: &str = include_str!("bad_input/lines.txt");
const PRELUDE: &str = "CREATE STREAM S (i INT, l LONG, f FLOAT, d DOUBLE, t STRING, b BOOL);\n";

/// Text and expected part of the message, line by line.
fn table(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with("--"));
    lines.map(|line| line.rsplit_once(" =>").unwrap_or((line, "")))
}

fn create(app: &str) -> Result<EventFluxAppRuntime, BuildError> {
    EventFluxManager::new().create_with(app, Setup::INLINE.config())
}

fn build(app: &str) -> Result<(), BuildError> {
    create(app).map(drop)
}

/// The text with the streams that `@@` stands for.
fn with_prelude(text: &str) -> String {
    match text.strip_prefix("@@") {
        Some(rest) => format!("{PRELUDE}{rest}"),
        None => text.to_string(),
    }
}

/// What is wrong with the answer to a wrong app.
fn app_answer(app: &str, part: &str) -> Option<String> {
    let Err(error) = build(app) else {
        return Some("it builds".into());
    };
    for p in error.problems() {
        let lines = app.lines().count().max(1);
        if p.line < 1 || p.line > lines || p.column < 1 || p.width < 1 || p.message.is_empty() {
            return Some(format!("no place or message: {p:?}"));
        }
    }
    let shown = error.to_string();
    let told = shown.to_lowercase().contains(&part.to_lowercase());
    (!told).then(|| format!("'{part}' is not in\n{shown}"))
}

#[test]
fn wrong_apps_are_refused_with_a_place() {
    let mut failures = Vec::new();
    for (text, part) in table(APPS) {
        let text = text.replace("\\n", "\n").replace("\\u{0}", "\0");
        let app = with_prelude(&text);
        let why = app_answer(&app, part.trim());
        failures.extend(why.map(|why| format!("{text}\n{why}")));
    }
    assert!(
        failures.is_empty(),
        "{} apps:\n\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}

/// What is wrong with the answer to a wrong app whose place is marked.
fn marked_answer(text: &str, part: &str, remedy: &str) -> Option<String> {
    let marked = with_prelude(text);
    let (start, end) = (marked.find('«')?, marked.find('»')?);
    let place = marked[..start].rfind('\n').map_or(0, |i| i + 1);
    let column = marked[place..start].chars().count() + 1;
    let width = marked[start..end].chars().count() - 1;
    let app = marked.replace(['«', '»'], "");
    let Err(error) = build(&app) else {
        return Some("it builds".into());
    };
    let found = error.problems().iter().any(|p| {
        let told = p.remedy.as_deref().unwrap_or_default();
        (p.column, p.width) == (column, width) && p.message.contains(part) && told.contains(remedy)
    });
    (!found).then(|| format!("'{part}' with '{remedy}' is not there in\n{error}"))
}

#[test]
fn wrong_patterns_are_refused_with_reason_and_remedy() {
    let mut failures = Vec::new();
    for (rest, remedy) in table(PATTERNS) {
        let (text, part) = rest.rsplit_once(" =>").expect("a message and a remedy");
        assert!(text.contains('«') && text.contains('»'), "{text}");
        let why = marked_answer(text, part.trim(), remedy.trim());
        failures.extend(why.map(|why| format!("{text}\n{why}")));
    }
    let number = failures.len();
    assert!(number == 0, "{number} apps:\n\n{}", failures.join("\n\n"));
}

/// What is wrong with the warnings of an app.
fn warning_answer(app: &str, part: &str) -> Option<String> {
    let runtime = match create(app) {
        Ok(runtime) => runtime,
        Err(error) => return Some(format!("it does not build: {error}")),
    };
    let shown: Vec<String> = runtime.warnings().iter().map(ToString::to_string).collect();
    let right = match part {
        "none" => shown.is_empty(),
        part => shown.len() == 1 && shown[0].contains(part),
    };
    (!right).then(|| format!("expected '{part}', warned of\n{}", shown.join("\n")))
}

#[test]
fn what_is_seldom_meant_is_warned_of_once() {
    let mut failures = Vec::new();
    for (text, part) in table(WARNINGS) {
        let why = warning_answer(&with_prelude(text), part.trim());
        failures.extend(why.map(|why| format!("{text}\n{why}")));
    }
    let number = failures.len();
    assert!(number == 0, "{number} apps:\n\n{}", failures.join("\n\n"));
}

fn line_answer(line: &str, schema: &Schema) -> Result<(), BadRow> {
    let mut decoder = RowDecoder::new(&Text {
        lenient: false,
        ..Text::new(Format::Json)
    });
    let mut row = |row: &EventRow<'_>| {
        if !row.stream.eq_ignore_ascii_case("S") {
            return Err(BadRow::unknown_stream(&row.stream, ["S"]));
        }
        decoder.decode(row.row, schema).map(drop)
    };
    match decode_line(line.as_bytes())? {
        EventLine::Row(one) => row(&one),
        EventLine::Batch(rows) => rows
            .into_iter()
            .try_for_each(|one| one.and_then(|one| row(&one))),
        EventLine::Clock(_) => Ok(()),
    }
}

#[test]
fn wrong_lines_are_refused_with_a_message() {
    let schema = Schema::new([
        ("i", Type::Int),
        ("l", Type::Long),
        ("f", Type::Float),
        ("d", Type::Double),
        ("t", Type::String),
        ("b", Type::Bool),
    ]);
    let right = r#"{"stream":"S","at":1.5,"row":[1,2,3.0,4,"a",true]}"#;
    assert_eq!(line_answer(right, &schema), Ok(()));
    let mut failures = Vec::new();
    for (line, part) in table(LINES) {
        let why = match line_answer(line, &schema) {
            Ok(()) => Some("it is taken".to_string()),
            Err(bad) => {
                let shown = bad.to_string();
                let told = !shown.is_empty() && shown.contains(part.trim());
                (!told).then(|| format!("'{}' is not in '{shown}'", part.trim()))
            }
        };
        failures.extend(why.map(|why| format!("{line}\n{why}")));
    }
    assert!(
        failures.is_empty(),
        "{} lines:\n\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    for line in [&b"\xff\xfe"[..], b"{\"stream\":\"\xc3\"}", b"\0", b""] {
        assert!(decode_line(line).is_err(), "{line:?}");
    }
}

#[test]
fn there_are_many() {
    let count = table(APPS).count() + table(LINES).count();
    assert!(count >= 200, "{count}");
}

#[test]
fn an_app_that_is_cut_or_stuttered_anywhere_does_not_panic() {
    let app = format!(
        "@app:playback(lateness='5 SECONDS') {PRELUDE}@info(name='q') INSERT ALL EVENTS INTO Out \
         SELECT t AS \"k\", sum(i * 2) + 1 AS s, CASE WHEN b THEN 'é' ELSE upper(t) END AS c \
         FROM S[i IN (1, 2) AND t LIKE 'a%'] AS x WINDOW('time', 1.5 SECONDS) WHERE d > -1e3 \
         GROUP BY t HAVING s > 0 ORDER BY s DESC LIMIT 5 OFFSET 1; -- end"
    );
    assert_eq!(build(&app), Ok(()));
    for (i, _) in app.char_indices() {
        for text in [
            app[..i].to_string(),
            app[i..].to_string(),
            format!("{}{}", &app[..i], app),
        ] {
            if let Err(error) = build(&text) {
                assert!(
                    error
                        .problems()
                        .iter()
                        .all(|p| p.line >= 1 && p.column >= 1)
                );
            }
        }
    }
}

#[test]
fn deep_nesting_is_an_error_not_an_overflow() {
    for (open, close) in [
        ("(", ")"),
        ("NOT ", ""),
        ("-", ""),
        ("abs(", ")"),
        ("CASE WHEN b THEN ", " END"),
    ] {
        let deep = format!("{}i{}", open.repeat(20_000), close.repeat(20_000));
        let app = format!("{PRELUDE}INSERT INTO Out SELECT {deep} AS x FROM S;");
        assert!(build(&app).is_err(), "{open}");
    }
    let chain = "i + ".repeat(20_000);
    let app = format!("{PRELUDE}INSERT INTO Out SELECT {chain} i AS x FROM S;");
    assert!(build(&app).is_err());
}
