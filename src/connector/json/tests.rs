//! Events in and rows out: what is read, what is refused and with which words, and that no text panics.

use super::*;
use crate::connector::{Format, TimeUnit};
use crate::event::{Batch, Sign};
use eventflux_kit::Random;

fn schema() -> Schema {
    Schema::new([
        ("sym", Type::String),
        ("price", Type::Double),
        ("qty", Type::Int),
        ("big", Type::Long),
        ("ratio", Type::Float),
        ("ok", Type::Bool),
    ])
}

/// A decoder that refuses what is missing and what is no attribute.
fn strict() -> RowDecoder {
    RowDecoder::new(&Text {
        lenient: false,
        ..Text::new(Format::Json)
    })
}

type Read = (String, Option<Timestamp>, Vec<Value>);

/// Reads a line and its rows.
fn read(line: &[u8]) -> Result<Vec<Read>, BadRow> {
    let rows = match decode_line(line)? {
        EventLine::Row(row) => vec![row],
        EventLine::Batch(rows) => rows.into_iter().collect::<Result<_, _>>()?,
        EventLine::Clock(_) => vec![],
    };
    let mut decoder = strict();
    let rows = rows.into_iter().map(|row| {
        let values = decoder.decode(row.row, &schema())?.to_vec();
        Ok((row.stream.into_owned(), row.at, values))
    });
    rows.collect()
}

fn shown(line: &str) -> String {
    match read(line.as_bytes()) {
        Ok(rows) => {
            let rows = rows.iter().map(|(stream, at, values)| {
                let values: Vec<String> = values.iter().map(Value::to_string).collect();
                let at = at.map_or("-".into(), |at| at.0.to_string());
                format!("{stream} {at} {}", values.join("|"))
            });
            rows.collect::<Vec<_>>().join("; ")
        }
        Err(e) => format!("error: {e}"),
    }
}

#[test]
fn lines_are_read() {
    for (line, expected) in [
        (
            r#"{"stream":"S","at":1000,"row":["IBM",700.0,100,1,0.5,true]}"#,
            "S 1000000 IBM|700.0|100|1|0.5|true",
        ),
        (
            r#" { "row" : [ "IBM" , 700 , 100.0 , 1e2 , 1 , false ] , "stream" : "S" } "#,
            "S - IBM|700.0|100|100|1.0|false",
        ),
        (
            r#"{"stream":"S","at":null,"row":[null,null,null,null,null,null]}"#,
            "S - NULL|NULL|NULL|NULL|NULL|NULL",
        ),
        (
            r#"{"stream":"S","at":-1.5,"row":{"OK":true,"ratio":0.1,"big":9,"qty":-8,"price":1,"sym":"\u00e9\ud83d\ude00"}}"#,
            "S -1500 é😀|1.0|-8|9|0.1|true",
        ),
        (
            r#"{"str\u0065am":"a b","row":{"s\u0079m":"","price":-0.0,"qty":-0,"big":1e0,"ratio":5e-46,"ok":null}}"#,
            "a b - |0.0|0|1|0.0|NULL",
        ),
        (
            r#"{"batch":[{"stream":"S","at":1,"row":["a",1,1,1,1,true]},{"stream":"T","row":["b",1,1,1,1,true]}]}"#,
            "S 1000 a|1.0|1|1|1.0|true; T - b|1.0|1|1|1.0|true",
        ),
        (
            r#"{"stream":"S","row":[{"a":[1, "x"]},1,1,1,1,true]}"#,
            r#"S - {"a":[1, "x"]}|1.0|1|1|1.0|true"#,
        ),
        (r#"{"batch":[]}"#, ""),
        (
            r#"{"stream":"S","row":["x",9007199254740993,1,9007199254740993,16777217,true]}"#,
            "S - x|9007199254740992.0|1|9007199254740993|16777216.0|true",
        ),
    ] {
        assert_eq!(shown(line), expected, "{line}");
    }
    assert_eq!(
        decode_line(br#"{"clock":5000.0005}"#),
        Ok(EventLine::Clock(Timestamp(5_000_000)))
    );
}

/// Lines that are no events of any stream, and a part of what is said about them.
const BAD_LINES: &[(&str, &str)] = &[
    ("", "EOF while parsing"),
    ("{", "EOF while parsing"),
    ("}", "expected value, column 1"),
    ("{}", "no 'stream'; an event is"),
    ("[]", "a line is an array, expected an object"),
    (r#"["S",1,[1]]"#, "a line is an array"),
    ("1", "a line is a number"),
    ("null", "a line is null"),
    ("true", "a line is a boolean"),
    (r#""S""#, "a line is a string"),
    ("nul", "EOF while parsing a value"),
    ("nulx", "expected ident"),
    ("NaN", "NaN is not JSON"),
    ("stream=S", "expected value, column 1"),
    (r#"{"stream"}"#, "expected `:`"),
    (r#"{"stream":}"#, "expected value"),
    (r#"{"stream":"S"}"#, "no 'row'"),
    (r#"{"stream":"S","row":null}"#, "no 'row'"),
    (r#"{"stream":"S","at":1}"#, "no 'row'"),
    (r#"{"row":[1]}"#, "no 'stream'"),
    (r#"{"stream":null,"row":[1]}"#, "no 'stream'"),
    (
        r#"{"stream":1,"row":[]}"#,
        "'stream' is a number, expected a string",
    ),
    (r#"{"stream":["S"],"row":[]}"#, "'stream' is an array"),
    (r#"{"stream":{"a":1},"row":[]}"#, "'stream' is an object"),
    (r#"{"stream":true,"row":[]}"#, "'stream' is a boolean"),
    (r#"{"stream":"\ud800","row":[]}"#, "stream: "),
    (
        r#"{"stream":"S","row":"x"}"#,
        "'row' is a string, expected an array or an object",
    ),
    (r#"{"stream":"S","row":5}"#, "'row' is a number"),
    (r#"{"stream":"S","row":true}"#, "'row' is a boolean"),
    (r#"{"stream":"S","row":[1}"#, "expected `,` or `]`"),
    (r#"{"stream":"S","row":[1"#, "EOF while parsing a list"),
    (r#"{"stream":"S","row":[1,]}"#, "expected value, column 24"),
    (r#"{"stream":"S","row":[,1]}"#, "expected value"),
    (r#"{"stream":"S","row":[1 2]}"#, "expected `,` or `]`"),
    (r#"{"stream":"S","row":{"sym" 1}}"#, "expected `:`"),
    (r#"{"stream":"S","row":{"sym":1,}}"#, "key must be a string"),
    (r#"{"stream":"S","row":{sym:1}}"#, "key must be a string"),
    (r#"{"stream":"S","row":{1:1}}"#, "key must be a string"),
    (r#"{"stream":"S","row":[1]"#, "EOF while parsing an object"),
    (r#"{"stream":"S","row":[1]}}"#, "trailing characters"),
    (r#"{"stream":"S","row":[1]} x"#, "trailing characters"),
    (
        r#"{"stream":"S","row":[1]}{"stream":"S","row":[1]}"#,
        "trailing characters",
    ),
    (
        r#"{"stream":"S","row":[NaN]}"#,
        "NaN is not JSON, column 22",
    ),
    (
        r#"{"stream":"S","row":[-Infinity]}"#,
        "Infinity is not JSON",
    ),
    (r#"{"stream":"S","row":[Infinity]}"#, "Infinity is not JSON"),
    (r#"{"stream":"S","row":[None]}"#, "None is not JSON"),
    (r#"{"stream":"S","row":['a']}"#, "' is not JSON"),
    (r#"{'stream':"S","row":[]}"#, "' is not JSON"),
    (r#"{"stream":"S","row":[01]}"#, "invalid number"),
    (r#"{"stream":"S","row":[1.]}"#, "invalid number"),
    (r#"{"stream":"S","row":[.5]}"#, "expected value"),
    (r#"{"stream":"S","row":[+1]}"#, "expected value"),
    (r#"{"stream":"S","row":[-]}"#, "invalid number"),
    (r#"{"stream":"S","row":[1e]}"#, "invalid number"),
    (r#"{"stream":"S","row":[1e+]}"#, "invalid number"),
    (r#"{"stream":"S","row":[0x10]}"#, "expected `,` or `]`"),
    (r#"{"stream":"S","row":["a]}"#, "EOF while parsing a string"),
    (
        r#"{"stream":"S","row":["a\"]}"#,
        "EOF while parsing a string",
    ),
    (r#"{"stream":"S","row":["\x41"]}"#, "invalid escape"),
    (r#"{"stream":"S","row":["\u12"]}"#, "invalid escape"),
    (
        "{\"stream\":\"S\",\"row\":[\"a\u{1}b\"]}",
        "control character",
    ),
    ("{\"stream\":\"S\",\"row\":[\"a\tb\"]}", "control character"),
    (
        r#"{"stream":"S","stream":"S","row":[1]}"#,
        "duplicate field `stream`",
    ),
    (
        r#"{"stream":"S","row":[1],"row":[1]}"#,
        "duplicate field `row`",
    ),
    (
        r#"{"stream":"S","at":1,"at":1,"row":[1]}"#,
        "duplicate field `at`",
    ),
    (
        r#"{"stream":"S","time":1,"row":[1]}"#,
        "unknown field `time`, expected one of `stream`, `at`",
    ),
    (
        r#"{"stream":"S","sign":"-","row":[1]}"#,
        "unknown field `sign`",
    ),
    (r#"{"Stream":"S","row":[1]}"#, "unknown field `Stream`"),
    (r#"{"":1}"#, "unknown field ``"),
    (
        r#"{"stream":"S","at":"1000","row":[1]}"#,
        "at: found a string \"1000\", expected milliseconds",
    ),
    (
        r#"{"stream":"S","at":true,"row":[1]}"#,
        "at: found a boolean true",
    ),
    (
        r#"{"stream":"S","at":[1],"row":[1]}"#,
        "at: found an array [1]",
    ),
    (
        r#"{"stream":"S","at":{},"row":[1]}"#,
        "at: found an object {}",
    ),
    (
        r#"{"stream":"S","at":9.3e15,"row":[1]}"#,
        "at: 9.3e15 is out of range",
    ),
    (
        r#"{"stream":"S","at":-9200000000000001,"row":[1]}"#,
        "is out of range",
    ),
    (
        r#"{"stream":"S","at":1e999,"row":[1]}"#,
        "at: 1e999 is out of range",
    ),
    (
        r#"{"stream":"S","at":99999999999999999999999,"row":[1]}"#,
        "is out of range",
    ),
    (r#"{"clock":"5"}"#, "clock: found a string"),
    (r#"{"clock":1e300}"#, "clock: 1e300 is out of range"),
    (r#"{"clock":null}"#, "no 'stream'"),
    (r#"{"clock":[1]}"#, "clock: found an array"),
    (r#"{"clock":1,"clock":2}"#, "duplicate field `clock`"),
    (r#"{"clock":1,"stream":"S"}"#, "'clock' stands alone"),
    (r#"{"clock":1,"at":1}"#, "'clock' stands alone"),
    (r#"{"clock":1,"row":[1]}"#, "'clock' stands alone"),
    (r#"{"clock":1,"batch":[]}"#, "'batch' stands alone"),
    (r#"{"batch":[],"at":1}"#, "'batch' stands alone"),
    (r#"{"batch":[],"stream":"S"}"#, "'batch' stands alone"),
    (r#"{"batch":{}}"#, "expected a sequence"),
    (r#"{"batch":1}"#, "expected a sequence"),
    (r#"{"batch":"x"}"#, "expected a sequence"),
    (r#"{"batch":[1]}"#, "an event of a batch is a number"),
    (r#"{"batch":[null]}"#, "an event of a batch is null"),
    (r#"{"batch":[[]]}"#, "an event of a batch is an array"),
    (r#"{"batch":[{}]}"#, "no 'stream'"),
    (r#"{"batch":[{"clock":1}]}"#, "a batch holds rows only"),
    (r#"{"batch":[{"batch":[]}]}"#, "a batch holds rows only"),
    (
        r#"{"batch":[{"stream":"S","row":[1]},{"stream":"S"}]}"#,
        "no 'row'",
    ),
    (
        r#"{"batch":[{"stream":"S","at":"x","row":[1]}]}"#,
        "at: found a string",
    ),
    (
        r#"{"batch":[{"stream":"S","foo":1}]}"#,
        "unknown field `foo`",
    ),
];

/// Rows that do not fit the schema.
const BAD_ROWS: &[(&str, &str)] = &[
    (
        "[]",
        "0 values for 6 attributes: sym, price, qty, big, ratio, ok",
    ),
    (r#"["a",1,1,1,1]"#, "5 values for 6 attributes"),
    (r#"["a",1,1,1,1,true,1,2]"#, "8 values for 6 attributes"),
    (
        r#"[1,1,1,1,1,true]"#,
        "attribute 'sym' STRING: found a number 1, expected a string",
    ),
    (
        r#"[true,1,1,1,1,true]"#,
        "'sym' STRING: found a boolean true",
    ),
    (r#"["\ud800",1,1,1,1,true]"#, "'sym' STRING: "),
    (r#"["\udc00x",1,1,1,1,true]"#, "'sym' STRING: "),
    (
        r#"["a","1",1,1,1,true]"#,
        r#"'price' DOUBLE: found a string "1", expected a number"#,
    ),
    (
        r#"["a","NaN",1,1,1,true]"#,
        "'price' DOUBLE: found a string",
    ),
    (
        r#"["a",1e309,1,1,1,true]"#,
        "'price' DOUBLE: 1e309 is out of range",
    ),
    (r#"["a",-1e309,1,1,1,true]"#, "-1e309 is out of range"),
    (
        r#"["a",true,1,1,1,true]"#,
        "'price' DOUBLE: found a boolean",
    ),
    (
        r#"["a",1,700.5,1,1,true]"#,
        "'qty' INT: 700.5 is not an integer",
    ),
    (r#"["a",1,1e-1,1,1,true]"#, "1e-1 is not an integer"),
    (
        r#"["a",1,"7",1,1,true]"#,
        r#"'qty' INT: found a string "7", expected an integer"#,
    ),
    (
        r#"["a",1,2147483648,1,1,true]"#,
        "'qty' INT: 2147483648 is out of range",
    ),
    (
        r#"["a",1,-2147483649,1,1,true]"#,
        "'qty' INT: -2147483649 is out of range",
    ),
    (
        r#"["a",1,1e10,1,1,true]"#,
        "'qty' INT: 1e10 is out of range",
    ),
    (r#"["a",1,false,1,1,true]"#, "'qty' INT: found a boolean"),
    (
        r#"["a",1,1,9223372036854775808,1,true]"#,
        "'big' LONG: 9223372036854775808 is out of range",
    ),
    (
        r#"["a",1,1,-9223372036854775809,1,true]"#,
        "is out of range",
    ),
    (
        r#"["a",1,1,1e19,1,true]"#,
        "'big' LONG: 1e19 is out of range",
    ),
    (r#"["a",1,1,1e999999999999999,1,true]"#, "is out of range"),
    (
        r#"["a",1,1,0.1e-999999999999999,1,true]"#,
        "is not an integer",
    ),
    (r#"["a",1,1,{},1,true]"#, "'big' LONG: found an object {}"),
    (
        r#"["a",1,1,1,1e39,true]"#,
        "'ratio' FLOAT: 1e39 is out of range",
    ),
    (r#"["a",1,1,1,"x",true]"#, "'ratio' FLOAT: found a string"),
    (
        r#"["a",1,1,1,1,1]"#,
        "'ok' BOOL: found a number 1, expected true or false",
    ),
    (
        r#"["a",1,1,1,1,"true"]"#,
        r#"'ok' BOOL: found a string "true""#,
    ),
    (r#"["a",1,1,1,1,[]]"#, "'ok' BOOL: found an array []"),
    ("{}", "attribute 'sym' is missing"),
    (
        r#"{"sym":"a","price":1,"qty":1,"big":1,"ratio":1}"#,
        "attribute 'ok' is missing",
    ),
    (r#"{"sym":"a","sym":"a"}"#, "attribute 'sym' is given twice"),
    (r#"{"sym":"a","SYM":"a"}"#, "attribute 'sym' is given twice"),
    (r#"{"price":"x"}"#, "'price' DOUBLE: found a string"),
    (
        r#"{"volume":1}"#,
        "unknown attribute 'volume'; known: sym, price, qty, big, ratio, ok",
    ),
    (r#"{"":1}"#, "unknown attribute ''"),
    (r#"{"\ud800":1}"#, "key: "),
    (r#"{"a\u001b[2Jb":1}"#, "unknown attribute 'a\\u{1b}[2Jb'"),
];

#[test]
fn bad_lines_are_refused_with_a_reason() {
    assert!(BAD_LINES.len() + BAD_ROWS.len() > 120);
    let differs = BAD_LINES.iter().filter_map(|(line, part)| {
        let message = shown(line);
        let fits = message.starts_with("error: ") && message.contains(part);
        (!fits).then(|| format!("{line}: {message}"))
    });
    let differs: Vec<String> = differs.collect();
    assert!(differs.is_empty(), "{}", differs.join("\n"));
    for (row, part) in BAD_ROWS {
        let line = format!(r#"{{"stream":"S","row":{row}}}"#);
        let message = shown(&line);
        assert!(
            message.starts_with("error: ") && message.contains(part),
            "{line}: {message}"
        );
        let mut decoder = strict();
        let direct = decoder.decode_of(row.as_bytes(), "S", &schema());
        assert_eq!(format!("error: {}", direct.expect_err(row)), message);
    }
}

#[test]
fn a_file_of_one_stream_holds_rows_with_or_without_time() {
    let schema = Schema::new([("a", Type::Int), ("b", Type::String)]);
    let mut decoder = RowDecoder::default();
    let mut read = |line: &str| match decoder.decode_of(line.as_bytes(), "S", &schema) {
        Ok((at, values)) => format!("{:?} {values:?}", at.map(|at| at.0)),
        Err(e) => e.to_string(),
    };
    for (line, expected) in [
        (r#"[1,"x"]"#, r#"None [Int(1), String("x")]"#),
        (r#" {"b":"x","a":1} "#, r#"None [Int(1), String("x")]"#),
        (
            r#"{"b":"x","at":1.5,"a":1}"#,
            r#"Some(1500) [Int(1), String("x")]"#,
        ),
        (
            r#"{"at":2,"row":[1,"x"]}"#,
            r#"Some(2000) [Int(1), String("x")]"#,
        ),
        (
            r#"{"stream":"s","row":{"a":1,"b":null}}"#,
            "None [Int(1), Null]",
        ),
        (
            r#"{"stream":"T","row":[1,"x"]}"#,
            "unknown stream 'T'; known: S",
        ),
        (
            r#"{"at":"x","a":1,"b":"x"}"#,
            "at: found a string \"x\", expected milliseconds as a number, or ISO 8601, as 2024-02-29T10:30:00Z",
        ),
        (
            r#"{"clock":1,"row":[1,"x"]}"#,
            "a file of one stream holds rows only",
        ),
        ("[1,\"x\"", "EOF while parsing a list, column 6"),
        ("17", "a number, expected an array or an object"),
    ] {
        assert_eq!(read(line), expected, "{line}");
    }
    let named = Schema::new([("row", Type::Int), ("at", Type::Long)]);
    let read = decoder.decode_of(br#"{"row":1,"at":2}"#, "S", &named);
    let at = Some(Timestamp(2_000));
    assert_eq!(read, Ok((at, [Value::Int(1), Value::Long(2)].as_slice())));
}

#[test]
fn what_is_missing_is_null_and_what_is_further_is_counted() {
    let schema = Schema::new([("a", Type::Int), ("b", Type::String)]);
    for (row, expected, further) in [
        (r#"{"a":1,"b":"x"}"#, "1|x", 0),
        (r#"{"a":1}"#, "1|NULL", 0),
        (r#"{"b":"y","c":true,"d":{"a":[5]}}"#, "NULL|y", 2),
        ("{}", "NULL|NULL", 0),
        (
            r#"{"c":1,"d":2}"#,
            "error: no key is an attribute; known: a, b",
            0,
        ),
        (
            r#"{"a":1,"a":2,"c":1}"#,
            "error: attribute 'a' is given twice",
            0,
        ),
        ("[1]", "error: 1 values for 2 attributes: a, b", 0),
    ] {
        let mut decoder = RowDecoder::default();
        let (at, read) = match decoder.decode_of(row.as_bytes(), "S", &schema) {
            Ok((at, values)) => {
                let values: Vec<String> = values.iter().map(Value::to_string).collect();
                (at, values.join("|"))
            }
            Err(e) => (None, format!("error: {e}")),
        };
        assert_eq!((at, read.as_str()), (None, expected), "{row}");
        assert_eq!(decoder.take_further(), further, "{row}");
        assert_eq!(decoder.take_further(), 0);
    }
}

#[test]
fn times_are_numbers_of_a_unit_or_instants() {
    let schema = Schema::new([("n", Type::Int), ("ts", Type::Long), ("t", Type::String)]);
    let text = |time: Option<&str>, unit: TimeUnit| Text {
        time: time.map(str::to_string),
        times: TimeText::in_unit(unit),
        ..Text::new(Format::Json)
    };
    let ms = TimeUnit::Millis;
    let iso = r#"{"at":"1970-01-01T00:00:01.5Z","n":1}"#;
    let both = r#"{"ts":"1970-01-01 00:00:02","t":"x","at":9}"#;
    for (time, unit, row, expected) in [
        (None, ms, r#"{"at":5,"n":1}"#, "Some(5000) 1|NULL|NULL"),
        (
            None,
            ms,
            r#"{"timestamp":5,"n":1}"#,
            "Some(5000) 1|NULL|NULL",
        ),
        (
            None,
            ms,
            r#"{"at":5,"timestamp":6,"n":1}"#,
            "Some(5000) 1|NULL|NULL",
        ),
        (
            None,
            ms,
            r#"{"timestamp":6,"at":5,"n":1}"#,
            "Some(5000) 1|NULL|NULL",
        ),
        (None, ms, iso, "Some(1500000) 1|NULL|NULL"),
        (
            None,
            TimeUnit::Seconds,
            r#"{"at":5.5,"n":1}"#,
            "Some(5500000) 1|NULL|NULL",
        ),
        (Some("ts"), ms, r#"{"n":1,"ts":7}"#, "Some(7000) 1|7|NULL"),
        (Some("TS"), ms, "[1,7,null]", "Some(7000) 1|7|NULL"),
        (
            Some("ts"),
            TimeUnit::Seconds,
            "[1,7,null]",
            "Some(7000000) 1|7|NULL",
        ),
        (Some("ts"), ms, both, "Some(2000000) NULL|2000|x"),
        (Some("ts"), ms, r#"[1,null,"x"]"#, "None 1|NULL|x"),
        (
            Some("t"),
            ms,
            r#"{"t":"1970-01-01","n":1}"#,
            "Some(0) 1|NULL|1970-01-01",
        ),
        (
            Some("t"),
            ms,
            r#"{"t":"noon"}"#,
            "t: found a string \"noon\", expected milliseconds as a number, or ISO 8601, as 2024-02-29T10:30:00Z",
        ),
        (
            Some("when"),
            ms,
            r#"{"when":"1970-01-01","n":1}"#,
            "Some(0) 1|NULL|NULL",
        ),
        (
            Some("ts"),
            ms,
            r#"{"at":3,"row":[1,7,"x"]}"#,
            "Some(3000) 1|7|x",
        ),
        (Some("ts"), ms, r#"{"row":[1,7,"x"]}"#, "Some(7000) 1|7|x"),
    ] {
        let mut decoder = RowDecoder::new(&text(time, unit));
        let read = match decoder.decode_of(row.as_bytes(), "S", &schema) {
            Ok((at, values)) => {
                let values: Vec<String> = values.iter().map(Value::to_string).collect();
                format!("{:?} {}", at.map(|at| at.0), values.join("|"))
            }
            Err(e) => e.to_string(),
        };
        assert_eq!(read, expected, "{time:?} {row}");
    }
    let line = decode_line_in(br#"{"clock":2.5}"#, &TimeText::in_unit(TimeUnit::Seconds));
    assert_eq!(line, Ok(EventLine::Clock(Timestamp(2_500_000))));
}

#[test]
fn a_bad_row_of_a_batch_costs_that_row() {
    let line = br#"{"batch":[{"stream":"S","row":[1]},{"stream":"S"},7,{"stream":"T","at":"x","row":[]}]}"#;
    let Ok(EventLine::Batch(rows)) = decode_line(line) else {
        panic!("a batch");
    };
    let shown: Vec<String> = rows
        .iter()
        .map(|row| match row {
            Ok(row) => row.stream.to_string(),
            Err(e) => e.to_string(),
        })
        .collect();
    assert_eq!(shown[..2], ["S", "no 'row'"]);
    assert!(shown[2].contains("a number, expected an object"));
    assert!(shown[3].starts_with("at: found a string"));
}

#[test]
fn bytes_that_are_no_text_and_nesting_bombs_are_refused() {
    let message = |line: &[u8]| read(line).expect_err("bad").to_string();
    assert_eq!(message(b"{\"stream\":\"\xFF\"}"), "not UTF-8, byte 12");
    assert_eq!(message(b"\xC3"), "not UTF-8, byte 1");
    let deep = "[".repeat(1 << 20);
    assert!(message(deep.as_bytes()).contains("EOF"), "open arrays");
    let closed = format!("{}{}", "[".repeat(1 << 19), "]".repeat(1 << 19));
    assert!(message(closed.as_bytes()).contains("a line is an array"));
    for (head, tail) in [
        (r#"{"stream":"S","row":"#, "}"),
        (r#"{"stream":"S","row":["#, "]}"),
        (r#"{"stream":"S","at":"#, "}"),
        (r#"{"batch":["#, "]}"),
        (r#"{"clock":"#, "}"),
        (r#"{"stream":"S","row":{"qty":"#, "}}"),
    ] {
        let line = format!("{head}{closed}{tail}");
        let message = message(line.as_bytes());
        assert!(message.len() < 200, "{head}: {message}");
    }
    let objects = format!("{{\"stream\":{}1", "{\"a\":".repeat(1 << 18));
    assert!(message(objects.as_bytes()).contains("EOF"));
}

#[test]
fn mutated_lines_never_panic() {
    let tokens: [&[u8]; 14] = [
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\"",
        b"\\u",
        b"1e9",
        b"-",
        b".",
        b"null",
        b"\xFF",
        b"9999999999",
    ];
    let seeds: Vec<&str> = BAD_LINES.iter().map(|(line, _)| *line).chain([
        r#"{"stream":"S","at":1000.5,"row":["IBM",700.0,100,1,0.5,true]}"#,
        r#"{"stream":"S","at":-1,"row":{"ok":true,"ratio":0.1,"big":9,"qty":-2,"price":0.1,"sym":"\u00e9"}}"#,
        r#"{"batch":[{"stream":"S","at":1,"row":["a",1,1,1,1,true]}]}"#,
    ]).collect();
    let mut random = Random::new(20_261_122);
    let mut read_well = 0;
    for _ in 0..40_000 {
        let pick = match random.below(2) {
            0 => seeds.len() - 1 - random.below(3),
            _ => random.below(seeds.len()),
        };
        let mut line = seeds[pick].as_bytes().to_vec();
        for _ in 0..=random.below(4) {
            let at = random.below(line.len() + 1);
            match random.below(4) {
                0 => line.truncate(at),
                1 => drop(line.splice(at..at, tokens[random.below(tokens.len())].iter().copied())),
                2 if at < line.len() => drop(line.remove(at)),
                _ if at < line.len() => line[at] = (random.below(256)) as u8,
                _ => {}
            }
        }
        match read(&line) {
            Ok(_) => read_well += 1,
            Err(e) => assert!(!e.to_string().is_empty()),
        }
        let _ = RowDecoder::default().decode_of(&line, "S", &schema());
    }
    assert!(read_well > 100, "{read_well}");
}

#[test]
fn rows_are_written_as_the_format_says() {
    let mut batch = Batch::new(&schema());
    let rows: [(i64, [Value; 6]); 4] = [
        (
            1_000_000,
            [
                "IBM".into(),
                700.0.into(),
                100.into(),
                i64::MAX.into(),
                0.1_f32.into(),
                true.into(),
            ],
        ),
        (
            1_000_001,
            [
                "\"\\\n\u{1}é".into(),
                1e300.into(),
                (-7).into(),
                (-9_i64).into(),
                1e-10_f32.into(),
                false.into(),
            ],
        ),
        (
            -1_500,
            [
                Value::Null,
                0.1.into(),
                0.into(),
                0_i64.into(),
                f32::MAX.into(),
                Value::Null,
            ],
        ),
        (
            i64::MIN,
            [
                "".into(),
                5e-324.into(),
                1.into(),
                1_i64.into(),
                16_777_216_f32.into(),
                Value::Null,
            ],
        ),
    ];
    for (at, row) in &rows {
        batch.at.push(Timestamp(*at));
        for (column, value) in batch.columns.iter_mut().zip(row) {
            assert!(column.push(value));
        }
    }
    batch.signs = vec![Sign::Plus, Sign::Minus, Sign::Plus, Sign::Plus];
    let mut out = Vec::new();
    RowEncoder::new("O\"ut").encode(&batch, &mut out);
    let text = String::from_utf8(out).expect("UTF-8");
    let expected = [
        r#"{"stream":"O\"ut","at":1000,"row":["IBM",700.0,100,9223372036854775807,0.1,true]}"#,
        r#"{"stream":"O\"ut","at":1000.001,"sign":"-","row":["\"\\\n\u0001é",1e+300,-7,-9,1e-10,false]}"#,
        r#"{"stream":"O\"ut","at":-1.5,"row":[null,0.1,0,0,3.4028235e+38,null]}"#,
        r#"{"stream":"O\"ut","at":-9223372036854775.808,"row":["",5e-324,1,1,16777216.0,null]}"#,
    ];
    for (line, expected) in text.lines().zip(expected) {
        assert_eq!(line, expected);
    }
    assert_eq!(text.lines().count(), 4);
}

#[test]
fn floating_point_reads_back_exactly() {
    let schema = Schema::new([("d", Type::Double), ("f", Type::Float), ("l", Type::Long)]);
    let mut random = Random::new(7);
    let mut bits = || (0..4).fold(0_u64, |a, _| a << 16 | random.below(1 << 16) as u64);
    let mut batch = Batch::new(&schema);
    let mut rows = Vec::new();
    while rows.len() < 5_000 {
        let (d, f, l) = (
            f64::from_bits(bits()),
            f32::from_bits(bits() as u32),
            bits() as i64,
        );
        if d.is_finite() && f.is_finite() {
            let row = vec![Value::from(d), Value::from(f), Value::from(l)];
            batch.at.push(Timestamp(l / 2));
            for (column, value) in batch.columns.iter_mut().zip(&row) {
                assert!(column.push(value));
            }
            rows.push((Timestamp(l / 2), row));
        }
    }
    let mut out = Vec::new();
    RowEncoder::new("S").encode(&batch, &mut out);
    let mut decoder = RowDecoder::default();
    for (line, (at, row)) in out.split(|b| *b == b'\n').zip(&rows) {
        let Ok(EventLine::Row(event)) = decode_line(line) else {
            panic!("{}", String::from_utf8_lossy(line));
        };
        assert_eq!(event.at, Some(*at));
        assert_eq!(decoder.decode(event.row, &schema), Ok(row.as_slice()));
    }
}
