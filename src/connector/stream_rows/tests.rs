//! Rows that are read together are those that are read one by one, whatever the text and wherever it is cut.

use super::*;
use crate::connector::json::{EventLine, KnownStream, decode_line_in};
use crate::connector::time::{TimeText, TimeUnit};
use crate::event::Type;
use eventflux_kit::Random;
use std::io::BufReader;

const TEXTS: u64 = 400;

fn schema() -> Schema {
    Schema::new([
        ("sym", Type::String),
        ("price", Type::Double),
        ("qty", Type::Int),
        ("at", Type::Long),
        ("ratio", Type::Float),
        ("ok", Type::Bool),
    ])
}

/// What was read of a row: its line, where that is told, and the rest.
type Shown = (Option<u64>, String);

fn shown(line: Option<u64>, at: Option<Timestamp>, values: &[Value]) -> Shown {
    (line, format!("{:?} {values:?}", at.map(|at| at.0)))
}

fn append(out: &mut Vec<Shown>, line: u64, columns: &ColumnBatch, until: Timestamp) {
    assert!(!columns.timed || columns.batch.at.iter().all(|at| *at <= until));
    for row in 0..columns.len() {
        let values = columns.batch.columns.iter().map(|column| column.value(row));
        let at = columns.timed.then(|| columns.batch.at[row]);
        let line = (row == 0).then_some(line);
        out.push(shown(line, at, &values.collect::<Vec<_>>()));
    }
}

/// All rows of a text, and how many were read into columns. `together`: so far at most, in pieces of so many bytes.
fn rows_of(bytes: &[u8], said: &Text, together: Option<(Together, usize)>) -> (Vec<Shown>, usize) {
    let schema = schema();
    let (far, piece) = together.unwrap_or((Together::rows(0), 64));
    let reader = BufReader::with_capacity(piece, bytes);
    let mut rows = StreamRows::new(reader, ("S", &schema), said, Begin::default());
    let mut columns = ColumnBatch::new(&schema);
    let (mut out, mut in_columns) = (Vec::new(), 0);
    loop {
        if together.is_some()
            && let Some(line) = rows.next_rows(&mut columns, far).expect("memory")
        {
            append(&mut out, line, &columns, far.until);
            in_columns += columns.len();
            continue;
        }
        match rows.next_row() {
            Ok(Some(TextRow { line, row })) => out.push(match row {
                Ok(at) => shown(Some(line), at, rows.values()),
                Err(fault) => (Some(line), fault.to_string()),
            }),
            Ok(None) => break,
            Err(e) => {
                out.push((None, e.to_string()));
                break;
            }
        }
    }
    if let Ok(Rest::Row(TextRow { line, row })) = rows.rest(false) {
        out.push((Some(line), format!("{row:?}")));
    }
    let further = rows.take_further();
    out.push((
        Some(rows.lines()),
        format!("{} {further}", rows.bytes_read()),
    ));
    (out, in_columns)
}

/// All events of a text.
fn events_of(
    bytes: &[u8],
    said: &Text,
    together: Option<(Together, usize)>,
) -> (Vec<Shown>, usize) {
    let other = Schema::new([("qty", Type::Long), ("sym", Type::String)]);
    let streams = [
        ("S".to_string(), schema(), None),
        ("T".to_string(), other, None),
    ];
    let mut columns = streams
        .clone()
        .map(|(_, schema, _)| ColumnBatch::new(&schema));
    let (far, piece) = together.unwrap_or((Together::rows(0), 64));
    let mut lines = Lines::new(BufReader::with_capacity(piece, bytes));
    let mut decoder = RowDecoder::new(said);
    let (mut out, mut in_columns) = (Vec::new(), 0);
    loop {
        if together.is_some()
            && let Some(read) = decoder
                .next_events(&mut lines, &streams, &mut columns, far)
                .expect("memory")
        {
            append(&mut out, read.line, &columns[read.stream], far.until);
            in_columns += columns[read.stream].len();
            continue;
        }
        let Some(Line { number, bytes }) = lines.next_line().expect("memory") else {
            break;
        };
        let read = decode_line_in(bytes.expect("short"), &said.times);
        out.push(match read {
            Ok(EventLine::Row(event)) => {
                let named = |(name, ..): &&KnownStream| name.eq_ignore_ascii_case(&event.stream);
                match streams.iter().find(named) {
                    None => (Some(number), "unknown".to_string()),
                    Some((_, schema, _)) => match decoder.decode_event(&event, schema) {
                        Ok((at, values)) => shown(Some(number), at, values),
                        Err(fault) => (Some(number), fault.to_string()),
                    },
                }
            }
            read => (Some(number), format!("{read:?}")),
        });
    }
    let further = decoder.take_further();
    out.push((
        Some(lines.number()),
        format!("{} {further}", lines.bytes_read()),
    ));
    (out, in_columns)
}

type ReadAll = fn(&[u8], &Text, Option<(Together, usize)>) -> (Vec<Shown>, usize);

/// Reads a text one by one, and together in pieces of several sizes; returns how many rows were read into columns.
fn check(text: &[u8], said: &Text, read: ReadAll) -> usize {
    let (singly, _) = read(text, said, None);
    let mut least = usize::MAX;
    let until = Timestamp(5_000_000);
    for (far, piece) in [
        (Together::rows(1), 1 << 16),
        (Together::rows(7), 1 << 16),
        (Together::rows(256), 1 << 16),
        (Together::rows(256), 40),
        (Together::rows(3), 200),
        (
            Together {
                rows_max: 256,
                until,
            },
            300,
        ),
    ] {
        let (together, in_columns) = read(text, said, Some((far, piece)));
        let text = String::from_utf8_lossy(text);
        assert_eq!(
            together.len(),
            singly.len(),
            "{text}\n{together:#?}\n{singly:#?}"
        );
        for (a, b) in together.iter().zip(&singly) {
            assert_eq!(a.1, b.1, "{said:?} {far:?} {piece}\n{text}");
            assert!(
                a.0.is_none() || b.0.is_none() || a.0 == b.0,
                "{a:?} {b:?}\n{text}"
            );
        }
        if piece == 1 << 16 {
            least = least.min(in_columns);
        }
    }
    least
}

const NUMBERS: [&str; 24] = [
    "0",
    "7",
    "-7",
    "12345678",
    "-123456789012",
    "1.5",
    "-0.0",
    "0.1",
    "100.25",
    "1e3",
    "-2.5E-3",
    "9007199254740993",
    "0.30000000000000004",
    "12345678901234567890",
    "007",
    "-",
    "1.",
    ".5",
    "+5",
    "2147483648",
    "1700000000000",
    "1e",
    "NaN",
    "1 ",
];
const TEXT: [&str; 12] = [
    "ACME",
    "",
    "a longer text than twenty-three bytes",
    "é",
    "x y",
    "\\u0041",
    "\\n",
    "\\",
    "\"",
    "2024-02-29T10:30:00Z",
    "tab\there",
    "\u{1}",
];

fn scalar(random: &mut Random) -> String {
    match random.below(12usize) {
        0 => "null".to_string(),
        1 => "true".to_string(),
        2 => "false".to_string(),
        3 => (*random.pick(&["[1,2]", "{\"a\":1}", "nul", "[", "'x'"])).to_string(),
        4..7 => format!("\"{}\"", random.pick(&TEXT)),
        _ => (*random.pick(&NUMBERS)).to_string(),
    }
}

/// A value of an attribute, nearly always one that fits.
fn fitting(random: &mut Random, name: &str) -> String {
    if random.once_in(40) {
        return scalar(random);
    }
    match name {
        "sym" => format!("\"{}\"", random.pick(&TEXT[..5])),
        "qty" => random.below(1_000u32).to_string(),
        "at" => (1_700_000_000_000 + random.below(1_000i64)).to_string(),
        "ok" => "true".to_string(),
        _ => format!("{}.{}", random.below(100u32), random.below(100u32)),
    }
}

fn space(random: &mut Random) -> &'static str {
    match random.once_in(10) {
        true => random.pick::<&str>(&[" ", "\t", "  ", "\r"]),
        false => "",
    }
}

fn json_row(random: &mut Random) -> String {
    let names = ["sym", "price", "qty", "at", "ratio", "ok"];
    if random.once_in(4) {
        let values: Vec<String> = names.iter().map(|name| fitting(random, name)).collect();
        return format!("[{}]", values.join(&format!(",{}", space(random))));
    }
    let mut pairs = Vec::new();
    for name in names {
        if !random.once_in(20) {
            let name = if random.once_in(30) {
                name.to_uppercase()
            } else {
                name.to_string()
            };
            let value = fitting(random, &name.to_lowercase());
            pairs.push(format!(
                "\"{name}\"{}:{}{value}",
                space(random),
                space(random)
            ));
        }
    }
    if random.once_in(15) {
        let name = *random.pick(&["timestamp", "at", "row", "more", "sym", "s\\u0079m"]);
        let place = random.below(pairs.len() + 1);
        pairs.insert(place, format!("\"{name}\":{}", scalar(random)));
    }
    format!("{{{}{}}}", space(random), pairs.join(","))
}

fn event(random: &mut Random) -> String {
    let stream = *random.pick(&["S", "S", "S", "S", "s", "T", "U"]);
    let row = match stream {
        "T" => "{\"qty\":5,\"sym\":\"x\"}".to_string(),
        _ => json_row(random),
    };
    let at = match random.below(12usize) {
        0 => String::new(),
        1 => format!("\"at\":{},", scalar(random)),
        _ => format!("\"at\":{},", random.below(10_000u32)),
    };
    match random.below(15usize) {
        0 => "{\"clock\":5000}".to_string(),
        1 => row,
        2 => format!("{{{at}\"row\":{row},\"stream\":\"{stream}\"}}"),
        3 => format!("{{\"stream\":\"{stream}\",\"row\":{row},{at}\"clock\":null}}"),
        _ => format!(
            "{{\"stream\":\"{stream}\",{at}\"row\":{row}}}{}",
            space(random)
        ),
    }
}

fn csv_row(random: &mut Random, said: &Text) -> String {
    let cells = ["sym", "price", "qty", "at", "ratio", "ok"].map(|name| {
        let cell = match random.below(30usize) {
            0 => String::new(),
            1 => "\"\"".to_string(),
            2 => "\"a, \"\"b\"\"\nc\"".to_string(),
            3 => (*random.pick(&NUMBERS)).to_string(),
            4 => format!(" {}", random.pick(&TEXT)),
            _ => fitting(random, name).replace('"', ""),
        };
        if random.once_in(60) {
            format!("{cell}{}", char::from(said.delimiter))
        } else {
            cell
        }
    });
    cells.join(&char::from(said.delimiter).to_string())
}

/// A text of some lines, which may end in any way and hold any byte.
fn text_of(random: &mut Random, mut line: impl FnMut(&mut Random) -> String) -> Vec<u8> {
    let mut text = String::new();
    for _ in 0..random.below(12usize) {
        text.push_str(&line(random));
        text.push_str(random.pick::<&str>(&["\n", "\n", "\n", "\r\n", "\n\n", "\n  \n"]));
    }
    let mut bytes = text.into_bytes();
    if !bytes.is_empty() && random.once_in(8) {
        let place = random.below(bytes.len());
        bytes[place] = *random.pick(&[0, b'"', b'\\', b',', 0xFF, b'}', b'\n', b'\r', b'9', 0xC3]);
    }
    if random.once_in(8) {
        bytes.truncate(random.below(bytes.len() + 1));
    }
    bytes
}

fn said(random: &mut Random, format: Format) -> Text {
    let mut said = Text::new(format);
    said.lenient = random.chance(60);
    let units = [TimeUnit::Millis, TimeUnit::Seconds, TimeUnit::Nanos];
    said.times = TimeText::in_unit(*random.pick(&units));
    if random.once_in(3) {
        said.time = Some((*random.pick(&["at", "ts", "sym", "qty"])).to_string());
    }
    if format == Format::Csv {
        said.delimiter = *random.pick(b",,,;\t.|5");
        said.quote = *random.pick(&[Some(b'"'), Some(b'"'), None, Some(b'\'')]);
        said.header = random.chance(80);
    }
    said
}

#[test]
fn rows_read_together_are_those_read_one_by_one() {
    let mut random = Random::named(16, "rows together");
    let mut in_columns = [0; 3];
    for _ in 0..TEXTS {
        let json = said(&mut random, Format::Json);
        let text = text_of(&mut random, |random| match random.once_in(3) {
            true => event(random),
            false => json_row(random),
        });
        in_columns[0] += check(&text, &json, rows_of);
        let text = text_of(&mut random, event);
        in_columns[1] += check(&text, &json, events_of);
        let csv = said(&mut random, Format::Csv);
        let mut text = text_of(&mut random, |random| csv_row(random, &csv));
        if csv.header {
            let header =
                "sym,price,qty,at,ratio,ok\n".replace(',', &char::from(csv.delimiter).to_string());
            let header = header.replace("qty", random.pick::<&str>(&["qty", "more", "QTY"]));
            text.splice(0..0, header.bytes());
        }
        in_columns[2] += check(&text, &csv, rows_of);
    }
    // Otherwise nothing was compared.
    assert!(in_columns.iter().all(|rows| *rows > 200), "{in_columns:?}");
}
