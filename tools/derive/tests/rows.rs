//! Rows of types that derive: out as they went in, and by which name a field is told that does not fit.

use eventflux::{EventFluxManager, FieldError, FromRow, Row, RuntimeConfig, Str, Value, Workers};

/// Every kind of field.
#[derive(Clone, Debug, PartialEq, Row, FromRow)]
pub struct All {
    /// Read by the program alone.
    pub flag: bool,
    small: u8,
    signed: i16,
    int: i32,
    large: u64,
    single: f32,
    double: f64,
    text: String,
    shared: Str,
    #[eventflux(rename = "none")]
    nothing: Option<u64>,
    r#type: Value,
}

#[derive(Row, FromRow)]
struct Nothing {}

/// A struct whose fields another macro writes.
macro_rules! pair {
    ($name:ident, $of:ty) => {
        #[derive(Debug, PartialEq, Row, FromRow)]
        struct $name {
            first: $of,
            second: Option<$of>,
        }
    };
}
pair!(Pair, i64);

const APP: &str = "
    CREATE STREAM All (flag BOOL, small INT, signed LONG, int INT, large LONG, single FLOAT, double DOUBLE,
        text STRING, shared STRING, none LONG, type STRING);
    CREATE STREAM Pairs (a LONG, b LONG);
    INSERT INTO Out SELECT * FROM All;
    INSERT INTO Sums SELECT a, a + b AS s FROM Pairs;
    INSERT INTO Texts SELECT CAST(a AS STRING) AS a, b FROM Pairs;";

fn app() -> eventflux::EventFluxAppRuntime {
    let config = RuntimeConfig::default().workers(Workers::Inline);
    let runtime = EventFluxManager::new().create_with(APP, config);
    runtime.expect("it builds")
}

fn all() -> All {
    All {
        flag: true,
        small: 255,
        signed: -7,
        int: i32::MIN,
        large: i64::MAX as u64,
        single: 0.5,
        double: -0.25,
        text: "t".repeat(40),
        shared: Str::new("é"),
        nothing: None,
        r#type: Value::from("a type"),
    }
}

#[test]
fn a_row_comes_out_as_it_was_sent() {
    let runtime = app();
    let out = runtime.subscribe("Out").expect("a stream");
    let sums = runtime.subscribe("Sums").expect("a stream");
    runtime.start().expect("inline");
    let mut input = runtime.input().expect("it runs");
    let mut rows = vec![all(), all()];
    rows[1].nothing = Some(0);
    for row in &rows {
        input.send("All", row).expect("it fits");
    }
    let batches = std::iter::from_fn(|| out.try_recv());
    let read: Result<Vec<All>, FieldError> = batches
        .flat_map(|batch| batch.typed::<All>().collect::<Vec<_>>())
        .collect();
    assert_eq!(read.expect("it is one"), rows);

    let pair = |first, second| Pair { first, second };
    for (sent, want) in [
        (pair(1, Some(2)), pair(1, Some(3))),
        (pair(1, None), pair(1, None)),
    ] {
        input.send("Pairs", sent).expect("it fits");
        let batch = sums.try_recv().expect("a row");
        assert_eq!(batch.typed::<Pair>().next(), Some(Ok(want)));
    }
}

#[test]
fn a_field_that_does_not_fit_is_told_by_its_name() {
    let runtime = app();
    let texts = runtime.subscribe("Texts").expect("a stream");
    let out = runtime.subscribe("Out").expect("a stream");
    runtime.start().expect("inline");
    let mut input = runtime.input().expect("it runs");
    input.send("Pairs", (1_i64, 2_i64)).expect("it fits");
    let batch = texts.try_recv().expect("a row");
    let told = |error: Option<Result<(), FieldError>>| {
        let error = error.and_then(Result::err).expect("it does not fit");
        error.to_string()
    };
    assert_eq!(
        told(batch.typed::<Pair>().next().map(|r| r.map(drop))),
        "column 1, field 'first', is STRING, read as i64"
    );
    assert_eq!(
        told(batch.typed::<Nothing>().next().map(|r| r.map(drop))),
        "0 fields are read of 2 columns"
    );
    let mut row = vec![Value::Null; 11];
    row[0] = Value::from(true);
    row[1] = Value::Int(256);
    input.send("All", &row).expect("it fits");
    let batch = out.try_recv().expect("a row");
    assert_eq!(
        told(batch.typed::<All>().next().map(|r| r.map(drop))),
        "column 2, field 'small', is 256, read as u8"
    );
    row[1] = Value::Null;
    input.send("All", &row).expect("it fits");
    let batch = out.try_recv().expect("a row");
    assert_eq!(
        told(batch.typed::<All>().next().map(|r| r.map(drop))),
        "column 2, field 'small', is NULL; read it as an Option"
    );
}
