//! The texts that are read: lines of JSON and tables of CSV, mostly right, with what stands at the borders of types.

use eventflux::{Schema, Type};
use eventflux_kit::Random;

/// What rows have.
pub fn schema() -> Schema {
    Schema::new([
        ("i", Type::Int),
        ("l", Type::Long),
        ("f", Type::Float),
        ("d", Type::Double),
        ("t", Type::String),
        ("b", Type::Bool),
    ])
}

/// Numbers at the borders of types, and what is nearly one.
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "-1",
    "7.0",
    "0.1e1",
    "1e3",
    "12E+2",
    "2147483647",
    "-2147483648",
    "700.5",
    "2147483648",
    "-2147483649",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "9007199254740993",
    "9.223372036854775807e18",
    "1e-400",
    "0.00e-999999999999999999999",
    "1e308",
    "1e309",
    "1e39",
    "3.4028236e38",
    "16777217",
    "0.1",
    "1e99999999999999999999",
    "9200000000000000",
    "9200000000000000.001",
    "-9.2e15",
    "1700000000000.0009",
    "-1.0001",
    "00",
    "1.",
    ".5",
    "+1",
    "0x10",
    "nan",
    "inf",
    "1_0",
    " 3 ",
];

const TEXTS: &[&str] = &[
    "",
    "a",
    "é🦀",
    "x,y",
    "it''s",
    "2024-02-29T10:30:00Z",
    "2023-02-29T10:30:00Z",
    "1969-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "true",
    "TRUE",
    "null",
    "12",
    "a text longer than twenty-three bytes",
];

/// A line of an events file, or nearly one.
pub fn line(r: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    match r.below(4) {
        0 => mutated(r, corpus),
        1 => {
            let line = json_line(r).into_bytes();
            mutated(r, &[line])
        }
        _ => json_line(r).into_bytes(),
    }
}

fn mutated(r: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    crate::mutate::mutated(&mut |n| r.below(n as u64) as usize, corpus)
}

/// A line with a row, or a batch of rows, or a clock.
fn json_line(r: &mut Random) -> String {
    match r.below(10) {
        0 => format!("{{\"clock\":{}}}", json_time(r)),
        1 => {
            let rows: Vec<String> = (0..r.below(4)).map(|_| event(r)).collect();
            format!("{{\"batch\":[{}]}}", rows.join(","))
        }
        _ => event(r),
    }
}

fn event(r: &mut Random) -> String {
    let at = match r.below(3) {
        0 => String::new(),
        _ => format!("\"at\":{},", json_time(r)),
    };
    let names = ["i", "l", "f", "d", "t", "b"];
    let types = schema()
        .attributes()
        .iter()
        .map(|a| a.ty)
        .collect::<Vec<_>>();
    let count = if r.below(20) == 0 {
        r.below(8) as usize
    } else {
        6
    };
    let values: Vec<String> = (0..count)
        .map(|i| json_value(r, types.get(i).copied().unwrap_or(Type::Int)))
        .collect();
    let row = match r.below(2) {
        0 => format!("[{}]", values.join(",")),
        _ => {
            let name = |i: usize| names.get(i).copied().unwrap_or("z");
            let start = r.below(6) as usize;
            let pair = |i: usize| {
                let i = (i + start) % values.len().max(1);
                format!("\"{}\":{}", name(i), values[i])
            };
            let pairs: Vec<String> = (0..values.len()).map(pair).collect();
            format!("{{{}}}", pairs.join(", "))
        }
    };
    format!("{{\"stream\":\"S\",{at}\"row\":{row}}}")
}

fn json_time(r: &mut Random) -> String {
    match r.below(4) {
        0 => format!("\"{}\"", r.pick(TEXTS)),
        _ => r.pick(NUMBERS).to_string(),
    }
}

/// Mostly a value of the type.
fn json_value(r: &mut Random, ty: Type) -> String {
    match (r.below(24), ty) {
        (0, _) => "null".into(),
        (1, _) => r.pick(NUMBERS).to_string(),
        (2, _) => ["true", "[]", "{\"a\":[1]}", "\"\\ud800\"", "\"\\u00e9\\n\""]
            [r.below(5) as usize]
            .into(),
        (_, Type::String) => format!("\"{}\"", r.pick(TEXTS)),
        (_, Type::Bool) => r.pick(&["true", "false"]).to_string(),
        _ => r.pick(&NUMBERS[..10]).to_string(),
    }
}

/// Columns of a header: attributes by their place, `None` for the time.
const HEADERS: &[(&str, &[Option<usize>])] = &[
    (
        "i,l,f,d,t,b",
        &[Some(0), Some(1), Some(2), Some(3), Some(4), Some(5)],
    ),
    (
        "at,i,l,f,d,t,b",
        &[None, Some(0), Some(1), Some(2), Some(3), Some(4), Some(5)],
    ),
    (
        " T ,B,d,timestamp,\"f\",L,i",
        &[Some(4), Some(5), Some(3), None, Some(2), Some(1), Some(0)],
    ),
];

/// Some lines of CSV, and the columns of their header.
pub fn table(r: &mut Random) -> (Vec<u8>, &'static [Option<usize>]) {
    let (header, columns) = HEADERS[r.below(HEADERS.len() as u64) as usize];
    let end = r.pick(&["\n", "\r\n"]);
    let schema = schema();
    let mut body = String::new();
    for _ in 0..1 + r.below(4) {
        let cells: Vec<String> = columns
            .iter()
            .map(|c| cell(r, c.map(|i| schema.attributes()[i].ty)))
            .collect();
        body += &(cells.join(",") + end);
    }
    let body = match r.below(2) {
        0 => body.into_bytes(),
        _ => mutated(r, &[body.into_bytes()]),
    };
    let text = [format!("{header}{end}").into_bytes(), body].concat();
    (text, columns)
}

/// A cell of a type, or of the time.
fn cell(r: &mut Random, ty: Option<Type>) -> String {
    let text = match (r.below(24), ty) {
        (0, _) => {
            return [
                "",
                "\"\"",
                "\"a\"\"b\"",
                "\"x\ny\"",
                "\"a\"b",
                "a\"b\"",
                " ",
            ][r.below(7) as usize]
                .into();
        }
        (1, _) => r.pick(NUMBERS),
        (2, _) | (_, Some(Type::String)) => r.pick(TEXTS),
        (_, Some(Type::Bool)) => r.pick(&["true", "false", "False", " TRUE "]),
        _ => r.pick(&NUMBERS[..10]),
    };
    match text.contains(',') || r.below(6) == 0 {
        true => format!("\"{text}\""),
        false => text.to_string(),
    }
}
