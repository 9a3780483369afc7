//! CSV in and out: headers, cells, times, bounds.

use super::*;
use crate::connector::parts::Parts;
use crate::connector::{Format, TimeText, TimeUnit};
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

fn csv(time: Option<&str>) -> Text {
    Text {
        time: time.map(str::to_string),
        ..Text::new(Format::Csv)
    }
}

/// The rows of a text, as text; a bad row as its message.
fn read(text: &str, time: Option<&str>) -> Result<Vec<String>, String> {
    read_as(text, &schema(), &csv(time))
}

fn read_as(text: &str, schema: &Schema, how: &Text) -> Result<Vec<String>, String> {
    let mut rows = CsvRows::new(text.as_bytes(), schema, how);
    let mut out = Vec::new();
    while let Some(row) = rows.next_row().map_err(|e| e.to_string())? {
        out.push(shown(row));
    }
    if let Some(row) = rows.take_unfinished().map_err(|e| e.to_string())? {
        out.push(shown(row));
    }
    Ok(out)
}

fn shown(row: CsvRow<'_>) -> String {
    let line = row.line;
    match row.row {
        Ok((at, values)) => {
            let at = at.map_or("-".into(), |at| at.0.to_string());
            let values: Vec<String> = values.iter().map(Value::to_string).collect();
            format!("{line} {at} {}", values.join("|"))
        }
        Err(e) => format!("{line} {e}"),
    }
}

#[test]
fn columns_are_found_by_name() {
    let text = "\u{feff}OK, qty ,at,sym,ratio,big,price\r\n\
                true,7,1000.5,\"a,\"\"b\"\"\n c\",0.5,9223372036854775807,1e3\r\n\
                \n\
                ,,2000,,,,\n\
                False,7.0,-1,x,1,2, 3 \n";
    assert_eq!(
        read(text, None),
        Ok(vec![
            "2 1000500 a,\"b\"\n c|1000.0|7|9223372036854775807|0.5|true".into(),
            "5 2000000 NULL|NULL|NULL|NULL|NULL|NULL".into(),
            "6 -1000 x|3.0|7|2|1.0|false".into(),
        ])
    );
}

#[test]
fn cells_that_do_not_fit_are_told() {
    for (cells, part) in [
        ("a,1,1.5,1,1,true", "'qty' INT: 1.5 is not an integer"),
        (
            "a,1,3000000000,1,1,true",
            "'qty' INT: 3000000000 is out of range",
        ),
        ("a,nan,1,1,1,true", "'price' DOUBLE: found text nan"),
        ("a,inf,1,1,1,true", "'price' DOUBLE: found text inf"),
        ("a,1e999,1,1,1,true", "out of range"),
        ("a,1,1,1,1e39,true", "'ratio' FLOAT: 1e39 is out of range"),
        (
            "a,1,1,1,1,1",
            "'ok' BOOL: found text 1, expected true or false",
        ),
        ("a,1,1,0x10,1,true", "'big' LONG: found text 0x10"),
        ("a,1,--1,1,1,true", "found text --1"),
        ("a,1,1,1,1", "5 cells for 6 columns"),
        ("a,1,1,1,1,true,9", "7 cells for 6 columns"),
        ("a,1,\u{1b}[2J,1,1,true", "\\u{1b}[2J"),
    ] {
        let rows =
            read(&format!("sym,price,qty,big,ratio,ok\n{cells}\n"), None).expect("the header fits");
        assert!(
            rows[0].starts_with("2 ") && rows[0].contains(part),
            "{cells}: {}",
            rows[0]
        );
    }
}

#[test]
fn headers_that_do_not_fit_are_told() {
    for (header, time, part) in [
        (
            "sym,price,qty,big,ratio",
            None,
            "header: attribute 'ok' is missing",
        ),
        (
            "sym,price,qty,big,ratio,ok,x",
            None,
            "unknown attribute 'x'; known: sym, price",
        ),
        (
            "sym,price,qty,big,ratio,ok,SYM",
            None,
            "attribute 'sym' is given twice",
        ),
        (
            "sym,price,qty,big,ratio,ok",
            Some("ts"),
            "no time column 'ts'",
        ),
        ("", None, "attribute 'sym' is missing"),
    ] {
        let e = read(header, time).expect_err(header);
        assert!(e.contains(part), "{header}: {e}");
    }
}

#[test]
fn times_are_milliseconds_or_dates() {
    let text = |time: &str| format!("ts,sym,price,qty,big,ratio,ok\n{time},,,,,,\n");
    for (time, us) in [
        ("1.001", 1001_i64),
        ("1970-01-01", 0),
        ("1970-01-01 00:00:01", 1_000_000),
        ("2014-04-01 00:05:00", 1_396_310_700_000_000),
        ("2000-02-29T12:00:00.25Z", 951_825_600_250_000),
        ("1969-12-31 23:59:59.999999", -1),
        ("9999-12-31 23:59", 253_402_300_740_000_000),
        ("0001-03-01", -62_130_499_200_000_000),
        ("2014-04-01T02:05:00+02:00", 1_396_310_700_000_000),
        ("20140401T000500Z", 1_396_310_700_000_000),
        ("1970-01-01 00:00:00.1234567", 123_456),
    ] {
        let rows = read(&text(time), Some("ts")).expect("the header fits");
        assert!(
            rows[0].starts_with(&format!("2 {us} ")),
            "{time}: {}",
            rows[0]
        );
    }
    for time in [
        "now",
        "1e99",
        "2014-13-01",
        "2014-00-01",
        "2014-02-29",
        "2014-04-31",
        "2014-4-1",
        "2014-04-01 00:60",
        "2014-04-01 00:00:00:00",
        "2014-04-01-01",
        "2014-04-01 00:00:00.",
        "NaN",
    ] {
        let rows = read(&text(time), Some("ts")).expect("the header fits");
        assert!(rows[0].starts_with("2 ts: "), "{time}: {}", rows[0]);
    }
}

#[test]
fn what_is_written_reads_back() {
    let schema = schema();
    let mut batch = Batch::new(&schema);
    for (i, sym) in ["a", "", " b", "c,\"d\"\n", "é"].iter().enumerate() {
        batch.at.push(Timestamp(1000 * i as i64 + 1));
        let row: [Value; 6] = [
            (*sym).into(),
            0.1.into(),
            i32::MIN.into(),
            i64::MIN.into(),
            0.1_f32.into(),
            Value::Null,
        ];
        for (column, value) in batch.columns.iter_mut().zip(&row) {
            assert!(column.push(value));
        }
    }
    let mut out = Vec::new();
    let encoder = CsvEncoder::new(&schema, &csv(None));
    encoder.header(&mut out);
    encoder.encode(&batch, &mut out);
    let text = String::from_utf8(out).expect("UTF-8");
    assert!(text.starts_with("at,sign,sym,price,qty,big,ratio,ok\n0.001,,a,0.1,-2147483648,"));
    let rows = read(&text, None).expect("the header fits");
    assert_eq!(
        rows[3],
        "5 3001 c,\"d\"\n|0.1|-2147483648|-9223372036854775808|0.1|NULL"
    );
    assert_eq!(
        rows[1],
        "3 1001 |0.1|-2147483648|-9223372036854775808|0.1|NULL"
    );

    batch.signs = vec![Sign::Minus; 5];
    let mut out = Vec::new();
    encoder.header(&mut out);
    encoder.encode(&batch, &mut out);
    let text = String::from_utf8(out).expect("UTF-8");
    let rows = read(&text, None).expect("the header fits");
    assert!(rows[0].contains("a row with a sign"), "{}", rows[0]);
}

#[test]
fn a_long_row_is_one_bad_row_and_an_open_quote_ends_the_file() {
    let schema = Schema::new([("a", Type::String), ("b", Type::Int)]);
    let long = "x".repeat(LINE_BYTES_MAX);
    for (cell, lines) in [(long.clone(), 1), (format!("\"{long}\n\n\""), 3)] {
        let text = format!("a,b\n{cell},1\ny,2\n");
        let rows = read_as(&text, &schema, &csv(None)).expect("the file is read");
        let bad = "2 longer than 1048576 bytes".to_string();
        assert_eq!(rows, [bad, format!("{} - y|2", 2 + lines)]);
    }
    let open = read_as("a,b\nx,1\n\"y,2\nz,3\n", &schema, &csv(None));
    let told = "3 a quote is opened and not closed".to_string();
    assert_eq!(open, Ok(vec!["2 - x|1".to_string(), told]));
    let open = format!("a,b\n\"{}", long.repeat(3));
    let e = read_as(&open, &schema, &csv(None)).expect_err("most of the file is lost");
    assert!(
        e.contains("the quote that line 2 opens is not closed"),
        "{e}"
    );
}

#[test]
fn nothing_is_null_and_quotes_with_nothing_in_them_are_the_empty_text() {
    let schema = Schema::new([("a", Type::String), ("b", Type::String), ("n", Type::Int)]);
    let text = "a,b,n\n\"\",,\"\"\n,\"\",1\n\" \",\"\"\"\",2\r\n\"\r\",x\ry,3\n";
    let rows = read_as(text, &schema, &csv(None));
    let expected = [
        "2 - |NULL|NULL",
        "3 - NULL||1",
        "4 -  |\"|2",
        "5 - \r|x\ry|3",
    ];
    assert_eq!(rows, Ok(expected.map(str::to_string).to_vec()));
    let one = Schema::new([("a", Type::String)]);
    let rows = read_as("a\n\n\"\"\r\n\r\nx", &one, &csv(None));
    assert_eq!(rows, Ok(vec!["3 - ".to_string(), "5 - x".to_string()]));
}

#[test]
fn the_text_is_what_its_options_say() {
    let schema = Schema::new([("a", Type::String), ("ts", Type::Long), ("n", Type::Int)]);
    let base = csv(None);
    let semicolons = Text {
        delimiter: b';',
        quote: Some(b'\''),
        ..base.clone()
    };
    let bare = Text {
        header: false,
        quote: None,
        delimiter: b'\t',
        ..base.clone()
    };
    let at_first = Text {
        header: false,
        ..csv(Some("1"))
    };
    let both = csv(Some("ts"));
    let seconds = Text {
        times: TimeText::in_unit(TimeUnit::Seconds),
        ..csv(Some("TS"))
    };
    let lenient = Text {
        lenient: true,
        ..csv(None)
    };
    for (how, text, expected) in [
        (&semicolons, "a;ts;n\n'x;''y';1;2\n", Ok("2 - x;'y|1|2")),
        (&bare, "\"x\"\t1\t2\n", Ok("1 - \"x\"|1|2")),
        (&at_first, "1000,x,1,2\n", Ok("1 1000000 x|1|2")),
        (&both, "a,ts,n\nx,1,2\n", Ok("2 1000 x|1|2")),
        (&both, "a,ts,n\nx,,2\n", Ok("2 - x|NULL|2")),
        (
            &both,
            "a,ts,n\nx,1970-01-01 00:00:01,2\n",
            Ok("2 1000000 x|1000|2"),
        ),
        (
            &seconds,
            "a,ts,n\nx,1.5,2\n",
            Ok("2 attribute 'ts' LONG: 1.5 is not an integer"),
        ),
        (&seconds, "a,ts,n\nx,2,2\n", Ok("2 2000000 x|2|2")),
        (&lenient, "n,z,a\n1,9,x\n", Ok("2 - x|NULL|1")),
        (
            &lenient,
            "y,z\n1,9\n",
            Err("header: no key is an attribute; known: a, ts, n"),
        ),
        (
            &Text {
                header: false,
                ..csv(Some("when"))
            },
            "x,1,2\n",
            Err(
                "header: no time column 'when': without a header it is an attribute, or the number of a column",
            ),
        ),
    ] {
        let rows = read_as(text, &schema, how);
        let expected = expected.map(|row| vec![row.to_string()]);
        assert_eq!(rows, expected.map_err(str::to_string), "{text}");
    }
    // nothing of a bad row is left in the next one
    let rows = read_as("a,z,n\nw,9,x\n,9,1\n", &schema, &lenient).expect("the header fits");
    assert!(rows[0].starts_with("2 attribute 'n' INT: "), "{}", rows[0]);
    assert_eq!(rows[1], "3 - NULL|NULL|1");
    let named = Schema::new([("timestamp", Type::Long), ("at", Type::String)]);
    let rows = read_as("at,timestamp\nhome,5\n", &named, &csv(None));
    assert_eq!(rows, Ok(vec!["2 5000 5|home".to_string()]));
}

#[test]
fn a_file_that_grows_has_the_same_rows_wherever_it_is_cut() {
    let schema = Schema::new([("a", Type::String), ("n", Type::Int)]);
    let text = "a,n\r\n\"x\"\"\n\",12\r\n\n,345\n\"\",6\n";
    let whole = read_as(text, &schema, &csv(None)).expect("right");
    assert_eq!(whole.len(), 3);
    for cut in 0..=text.len() {
        let parts = [&text[..cut], &text[cut..]].map(|part| part.as_bytes().to_vec());
        let reader = io::BufReader::with_capacity(3, Parts(parts.to_vec()));
        let mut rows = CsvRows::new(reader, &schema, &csv(None));
        let (mut out, mut ends) = (Vec::new(), 0);
        while ends < 3 {
            match rows.next_row().expect("memory") {
                Some(row) => out.push(shown(row)),
                None => ends += 1,
            }
        }
        assert_eq!(out, whole, "cut at {cut}");
        let place = (rows.unfinished(), rows.bytes_read());
        assert_eq!(place, (None, text.len() as u64));
    }
}

#[test]
fn records_are_those_of_another_reader() {
    let seed = 20_261_129;
    let mut random = Random::new(seed);
    for _ in 0..20_000 {
        let length = random.below(40);
        let bytes: Vec<u8> = (0..length)
            .map(|_| b"ab,,\"\"\"\n\n "[random.below(10)])
            .collect();
        let mut other = ::csv::ReaderBuilder::new()
            .flexible(true)
            .has_headers(false)
            .terminator(::csv::Terminator::Any(b'\n'))
            .from_reader(bytes.as_slice());
        let expected: Vec<Vec<Vec<u8>>> = other
            .byte_records()
            .map(|record| record.expect("memory").iter().map(<[u8]>::to_vec).collect())
            .collect();
        let reader = io::BufReader::with_capacity(1 + random.below(9), bytes.as_slice());
        let mut records = Records::new(reader, (b',', Some(b'"')), LINE_BYTES_MAX, (0, 0));
        let mut found = Vec::new();
        while records.next_record().expect("memory") || records.take_unfinished() {
            found.push(
                records
                    .cells()
                    .map(|(cell, _)| cell.to_vec())
                    .collect::<Vec<_>>(),
            );
        }
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(found, expected, "seed {seed}: {text:?}");
        assert_eq!(records.bytes_read(), length as u64, "{text:?}");
    }
}

#[test]
fn mutated_files_never_panic() {
    let text = "at,sym,price,qty,big,ratio,ok\n1,\"a,\"\"b\",1.5,7,8,0.5,true\r\n2014-04-01 00:00:00,,,,,,\n";
    let mut random = Random::new(20_261_122);
    let mut below = |n: usize| random.below(n);
    let mut rows_read = 0;
    for _ in 0..20_000 {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..=below(3) {
            let at = below(bytes.len());
            match below(3) {
                0 => drop(bytes.remove(at)),
                1 => bytes.insert(at, b",\"\n\r-9eT: \xFF"[below(11)]),
                _ => bytes[at] = below(256) as u8,
            }
        }
        let mut rows = CsvRows::new(bytes.as_slice(), &schema(), &csv(None));
        while let Ok(Some(CsvRow { row, .. })) = rows.next_row() {
            match row {
                Ok((_, values)) => rows_read += values.len() / 6,
                Err(e) => assert!(!e.to_string().is_empty()),
            }
        }
    }
    assert!(rows_read > 1_000, "{rows_read}");
}
