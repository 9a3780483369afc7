//! Rows of the program's own types: to what each field may be sent, from what it is read, and what is told where it
//! does not fit.

use eventflux::{
    EventFluxManager, FieldError, RuntimeConfig, SendError, TrySendError, Value, Workers,
};
use std::error::Error;

eventflux::row! {
    /// Every kind of field.
    #[derive(Clone, Debug, PartialEq)]
    pub struct All {
        /// Read by the program alone.
        pub flag: bool,
        small: u8,
        signed: i16,
        unsigned: u32,
        large: u64,
        single: f32,
        double: f64,
        text: String,
        none: Option<u64>,
    }
}

eventflux::row! {
    struct Nothing {}
}

const APP: &str = "
    CREATE STREAM All (flag BOOL, small INT, signed LONG, unsigned LONG, large LONG, single FLOAT, double DOUBLE,
        text STRING, none LONG);
    CREATE STREAM Narrow (i INT);
    INSERT INTO Out SELECT * FROM All;
    INSERT INTO Same SELECT i FROM Narrow;";

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
        unsigned: u32::MAX,
        large: i64::MAX as u64,
        single: 0.5,
        double: -0.25,
        text: "t".repeat(40),
        none: None,
    }
}

#[test]
fn a_row_comes_out_as_it_was_sent() {
    let runtime = app();
    let out = runtime.subscribe("Out").expect("a stream");
    runtime.start().expect("inline");
    let mut input = runtime.input().expect("it runs");
    let mut rows = vec![all(), all()];
    rows[1].none = Some(0);
    for row in &rows {
        input.send("All", row).expect("it fits");
    }
    let read: Result<Vec<All>, FieldError> = out
        .try_recv()
        .into_iter()
        .chain(out.try_recv())
        .flat_map(|batch| batch.typed::<All>().collect::<Vec<_>>())
        .collect();
    assert_eq!(read.expect("it is one"), rows);
    let narrow = runtime.subscribe("Same").expect("a stream");
    input.send("Narrow", (i32::MIN,)).expect("it fits");
    let batch = narrow.try_recv().expect("a row");
    let errors = [
        batch.typed::<All>().next().map(|r| r.map(drop)),
        batch.typed::<Nothing>().next().map(|r| r.map(drop)),
        batch.typed::<(u64,)>().next().map(|r| r.map(drop)),
        batch.typed::<(Option<u8>,)>().next().map(|r| r.map(drop)),
    ];
    let texts = errors.map(|e| e.and_then(Result::err).map(|e| e.to_string()));
    let want = [
        "column 1, field 'flag', is INT, read as bool",
        "0 fields are read of 1 columns",
        "column 1 is -2147483648, read as u64",
        "column 1 is -2147483648, read as u8",
    ];
    assert_eq!(texts, want.map(|text| Some(text.to_string())));
}

#[test]
fn what_does_not_fit_is_told_with_the_attribute_and_its_cause() {
    let runtime = app();
    runtime.start().expect("inline");
    let mut input = runtime.input().expect("it runs");
    let large = (true, 1, 2, 3, u64::MAX, 0.5_f32, 0.5, "t", None::<u64>);
    let nan = (true, 1, 2, 3, 4, f32::NAN, 0.5, "t", None::<u64>);
    let cases = [
        (
            input.send("All", large),
            "stream All, attribute 'large': value 5 is 18446744073709551615, and a LONG ends at 9223372036854775807",
        ),
        (
            input.send("All", nan),
            "stream All, attribute 'single': value 6 is not a finite number",
        ),
        (
            input.send("Narrow", (1_u32,)),
            "stream Narrow, attribute 'i': value 1 is LONG, the attribute is INT",
        ),
        (
            input.send("Narrow", [Value::from("x")]),
            "stream Narrow, attribute 'i': value 1 is STRING, the attribute is INT",
        ),
        (
            input.send("Narrow", (1, 2)),
            "stream Narrow: 2 values for 1 attributes",
        ),
    ];
    for (sent, want) in cases {
        let error = sent.expect_err(want);
        assert_eq!(error.to_string(), format!("the row does not fit {want}"));
        let cause = error.source().expect("what does not fit").to_string();
        assert!(want.ends_with(&cause), "{cause}");
    }
    let wrong = input.try_send("Narrow", None, ("x",));
    let TrySendError { row, reason } = wrong.expect_err("it does not fit");
    assert_eq!(row, ("x",));
    let error = TrySendError { row, reason };
    let cause = error.source().and_then(|e| e.downcast_ref::<SendError>());
    assert!(matches!(cause, Some(SendError::Row { .. })), "{cause:?}");
}

#[test]
fn every_handle_shows_itself() {
    let runtime = app();
    runtime.start().expect("inline");
    let mut input = runtime.input().expect("it runs");
    input.send("Narrow", (1,)).expect("it fits");
    let handler = runtime.input_handler("Narrow").expect("it runs");
    let shown = [
        format!("{runtime:?}"),
        format!("{input:?}"),
        format!("{handler:?}"),
        format!("{:?}", EventFluxManager::new()),
        format!("{:?}", runtime.recover().options(Default::default())),
    ];
    for text in &shown {
        assert!(text.len() < 400, "{text}");
    }
    assert!(shown[1].contains("position: 1"), "{}", shown[1]);
}
