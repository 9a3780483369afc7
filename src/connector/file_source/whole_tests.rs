//! Compressed files and patterns: from every position that was told the rows behind it come, and nothing else.

use super::*;
use crate::connector::BadRow;
use crate::event::{Timestamp, Type, Value};
use eventflux_testbed::Scratch;
use std::fmt::Display;
#[cfg(feature = "gzip")]
use std::io::Write;

/// What a source has handed over.
struct Taken {
    schema: Schema,
    rows: Vec<String>,
    /// With the rows before.
    positions: Vec<(usize, String)>,
    notices: Vec<String>,
    begun: usize,
    keeps: bool,
}

impl RowSink for Taken {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn row(&mut self, at: Option<Timestamp>, row: &[Value]) -> Result<(), ConnectorError> {
        let at = at.map_or(String::new(), |at| format!("{}: ", at.millis()));
        let values = row.iter().map(|value| match value {
            Value::String(text) => format!("'{}'", text.as_str()),
            Value::Int(n) => n.to_string(),
            _ => "NULL".to_string(),
        });
        self.rows.push(at + &values.collect::<Vec<_>>().join(","));
        Ok(())
    }

    fn bad_row(&mut self, place: &dyn Display, fault: BadRow) -> Result<(), ConnectorError> {
        self.rows.push(format!("{place}: {fault}"));
        Ok(())
    }

    fn position(&mut self, position: &str) {
        self.positions.push((self.rows.len(), position.to_string()));
    }

    fn keeps_positions(&self) -> bool {
        self.keeps
    }

    fn notice(&mut self, text: &dyn Display) {
        self.notices.push(text.to_string());
    }

    fn begun_anew(&mut self, _why: &dyn Display) {
        self.begun += 1;
    }
}

fn schema() -> Schema {
    Schema::new([("n", Type::Int), ("t", Type::String)])
}

fn source(schema: &Schema, given: &[(&str, &str)]) -> Result<FileSource, OptionError> {
    let given: Vec<(String, String)> = given
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect();
    let options = Options::new("source 'file'", &given, &FileSource::keys())?;
    FileSource::new("S", schema, &options)
}

fn take(
    schema: &Schema,
    given: &[(&str, &str)],
    from: Option<&str>,
) -> Result<Taken, ConnectorError> {
    let mut taken = Taken {
        schema: schema.clone(),
        rows: Vec::new(),
        positions: Vec::new(),
        notices: Vec::new(),
        begun: 0,
        keeps: true,
    };
    let mut source = source(schema, given).expect("options");
    source
        .run(&mut taken, &StopSignal::new(), from)
        .map(|()| taken)
}

/// From each position that a run tells, another run takes the rest.
fn goes_on(schema: &Schema, given: &[(&str, &str)]) -> Taken {
    let all = take(schema, given, None).expect("readable");
    for (before, position) in &all.positions {
        let rest = take(schema, given, Some(position)).expect("readable");
        assert_eq!(rest.rows, all.rows[*before..], "from {position}");
        assert_eq!(rest.begun, 0);
    }
    all
}

#[cfg(feature = "gzip")]
fn gzip(text: &str) -> Vec<u8> {
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    to.write_all(text.as_bytes()).expect("memory");
    to.finish().expect("memory")
}

#[cfg(any(feature = "gzip", feature = "glob"))]
fn csv(from: usize, to: usize) -> String {
    let rows: String = (from..to).map(|i| format!("{i},\"a\nb{i}\"\n")).collect();
    format!("n,t\n{rows}")
}

#[cfg(feature = "gzip")]
#[test]
fn a_compressed_file_goes_on_in_its_text() {
    let folder = Scratch::new().expect("a folder");
    let path = folder.at("rows.csv.gz");
    std::fs::write(&path, gzip(&csv(0, 1000))).expect("written");
    let all = goes_on(&schema(), &[("path", &path)]);
    assert_eq!((all.rows.len(), all.positions.len()), (1000, 5));
    let (_, middle) = &all.positions[2];
    // A copy is the same file, another one is not.
    let copy = folder.at("copy.csv.gz");
    std::fs::copy(&path, &copy).expect("copied");
    std::fs::rename(&copy, &path).expect("renamed");
    let rest = take(&schema(), &[("path", &path)], Some(middle)).expect("readable");
    assert_eq!(rest.rows.len(), 1000 - 512);
    std::fs::write(&path, gzip(&csv(5, 900))).expect("written");
    let error = take(&schema(), &[("path", &path)], Some(middle)).err();
    let told = error.expect("another file").to_string();
    assert!(
        told.contains("is not the file that was read up to line"),
        "{told}"
    );
    let begin = [("path", path.as_str()), ("replaced", "begin")];
    let anew = take(&schema(), &begin, Some(middle)).expect("readable");
    assert_eq!((anew.rows.len(), anew.begun), (895, 1));
    // Its end is missing: what is there comes, and then the error.
    let bytes = gzip(&csv(0, 1000));
    std::fs::write(&path, &bytes[..bytes.len() - 20]).expect("written");
    let error = take(&schema(), &[("path", &path)], None).err();
    assert!(error.expect("cut").to_string().contains("rows.csv.gz"));
    // Whatever its name says.
    let plain = folder.file("plain.csv.gz", &csv(0, 3));
    let said = [
        ("path", plain.as_str()),
        ("compression", "none"),
        ("format", "csv"),
    ];
    assert_eq!(
        take(&schema(), &said, None).expect("readable").rows.len(),
        3
    );
    let packed = folder.at("packed");
    std::fs::write(&packed, gzip("[1,\"x\"]\n")).expect("written");
    let said = [("path", packed.as_str()), ("compression", "gzip")];
    assert_eq!(
        take(&schema(), &said, None).expect("readable").rows.len(),
        1
    );
}

#[cfg(feature = "zstd")]
#[test]
fn zstd_is_taken_apart() {
    let folder = Scratch::new().expect("a folder");
    let path = folder.at("rows.jsonl.zst");
    let rows: String = (0..600).map(|i| format!("[{i},null]\n")).collect();
    let packed = zstd::encode_all(rows.as_bytes(), 1).expect("memory");
    std::fs::write(&path, packed).expect("written");
    assert_eq!(goes_on(&schema(), &[("path", &path)]).rows.len(), 600);
}

#[cfg(not(feature = "gzip"))]
#[test]
fn what_this_build_cannot_take_apart_is_told_when_the_app_is_built() {
    let told = source(&schema(), &[("path", "a.csv.gz")]).err();
    let told = told.expect("no gzip").to_string();
    assert!(
        told.contains("build eventflux with the feature 'gzip'"),
        "{told}"
    );
}

#[cfg(feature = "glob")]
#[test]
fn files_of_a_pattern_are_read_in_the_order_of_their_names() {
    let folder = Scratch::new().expect("a folder");
    for (name, from, to) in [
        ("a-10.csv", 400, 900),
        ("a-02.csv", 300, 400),
        ("a-01.csv", 0, 300),
    ] {
        folder.file(name, &csv(from, to));
    }
    let pattern = folder.at("a-*.csv");
    let given = [("path", pattern.as_str())];
    let all = goes_on(&schema(), &given);
    assert_eq!(all.rows.len(), 900);
    assert!(all.rows[899].contains("b899"));
    // What comes later stands behind, or grows at the end; half a line waits.
    let (_, end) = all.positions.last().expect("one");
    let last = folder.file("a-10.csv", &(csv(400, 900) + "900,x\n901,"));
    let later = take(&schema(), &given, Some(end)).expect("readable");
    assert_eq!(later.rows.len(), 1);
    assert!(
        later.notices[0].contains("is left for the next run"),
        "{:?}",
        later.notices
    );
    folder.file("a-11.csv", "n,t\n1000,y\n");
    let later = take(&schema(), &given, Some(end)).expect("readable");
    assert_eq!(later.rows.len(), 3);
    // A file that has gone: nobody knows whether it was read to its end.
    std::fs::remove_file(last).expect("removed");
    let gone = take(&schema(), &given, Some(end))
        .err()
        .expect("gone")
        .to_string();
    assert!(
        gone.contains("'replaced'='begin' goes on with the files behind it"),
        "{gone}"
    );
    let begin = [("path", pattern.as_str()), ("replaced", "begin")];
    let on = take(&schema(), &begin, Some(end)).expect("readable");
    assert_eq!((on.rows.len(), on.begun), (1, 1));
    let none = folder.at("b-*.csv");
    let none = take(&schema(), &[("path", &none)], None)
        .err()
        .expect("none");
    assert!(
        none.to_string().contains("no file has such a name"),
        "{none}"
    );
    let followed = source(&schema(), &[("path", &pattern), ("follow", "true")]).err();
    assert!(
        followed
            .expect("refused")
            .to_string()
            .contains("name one file")
    );
}

#[test]
fn lines_of_text_are_rows_and_hold_their_time() {
    let folder = Scratch::new().expect("a folder");
    let lines = "\u{feff}[10/Oct/2026:13:55:36 +0000] a\r\n\n  \n[soon] b\nx [10/Oct/2026:15:55:36 +0200] c";
    let path = folder.file("a.log", lines);
    let schema = Schema::new([("line", Type::String)]);
    let given = [
        ("path", path.as_str()),
        ("format", "text"),
        ("timestamp.regexp", r"\[([^\]]+)\]"),
        ("timestamp.format", "%d/%b/%Y:%H:%M:%S %z"),
    ];
    let source = source(&schema, &given).expect("options");
    let mut taken = take(&schema, &given, None).expect("readable");
    assert!(
        taken.notices[0].contains("a.log:5 has no line end"),
        "{:?}",
        taken.notices
    );
    taken.keeps = false;
    taken.rows.clear();
    let mut source = source;
    source
        .run(&mut taken, &StopSignal::new(), None)
        .expect("readable");
    let expected = [
        "1791640536000: '[10/Oct/2026:13:55:36 +0000] a'".to_string(),
        "''".to_string(),
        "'  '".to_string(),
        format!(
            "{path}:4: the time: found text soon, expected a time in the pattern that is given for it"
        ),
        "1791640536000: 'x [10/Oct/2026:15:55:36 +0200] c'".to_string(),
    ];
    assert_eq!(taken.rows, expected);
    std::fs::write(&path, b"\xffa\n").expect("written");
    let bad = take(&schema, &given[..2], None).expect("readable");
    assert_eq!(bad.rows, [format!("{path}:1: not UTF-8, byte 1")]);
    let long = "x".repeat(crate::connector::LINE_BYTES_MAX + 1);
    folder.file("a.log", &format!("{long}\nb\n"));
    let long = take(&schema, &given[..2], None).expect("readable");
    assert_eq!(long.rows.len(), 2);
    assert!(
        long.rows[0].contains("longer than 1048576 bytes"),
        "{}",
        long.rows[0]
    );
}

#[test]
fn options_that_do_not_suit_text_are_refused() {
    let one = Schema::new([("line", Type::String)]);
    let number = Schema::new([("n", Type::Int)]);
    let text = ("format", "text");
    for (schema, options, told) in [
        (
            &schema(),
            vec![text],
            "a line of text is one STRING, and S has 2 attributes",
        ),
        (
            &number,
            vec![text],
            "a line of text is one STRING, and S has one INT",
        ),
        (
            &one,
            vec![text, ("delimiter", ";")],
            "'delimiter' is about CSV, and a.log is plain text",
        ),
        (
            &one,
            vec![text, ("timestamp", "at")],
            "'timestamp' is about JSON, and a.log is plain text",
        ),
        (
            &one,
            vec![("timestamp.regexp", "x")],
            "'timestamp.regexp' is about plain text, and a.log is JSON",
        ),
        (
            &one,
            vec![text, ("timestamp.regexp", "(")],
            "expected a regular expression",
        ),
        (
            &one,
            vec![text, ("timestamp.format", "%q")],
            "expected a strftime pattern",
        ),
        (
            &one,
            vec![("timestamp.format", "%F"), ("timestamp.unit", "s")],
            "leave one out",
        ),
        (
            &one,
            vec![("compression", "zip")],
            "expected gzip, zstd or none",
        ),
    ] {
        let given = [vec![("path", "a.log")], options].concat();
        let error = source(schema, &given).expect_err(told).to_string();
        assert!(error.contains(told), "{error}");
    }
}
