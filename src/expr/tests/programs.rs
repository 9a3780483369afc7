//! Frames, selections, columns and conversions: what the planner and the operators call.

use super::{column_of, columns, input, typed, whole};
use crate::event::{Column, Data, Type, Value};
use crate::expr::{ColumnRef, Frame, Layout, Program, TypedKind};
use crate::sql::ast::Span;

fn index(name: &str) -> usize {
    columns().iter().position(|c| c.0 == name).unwrap()
}

/// The expression over column `i` at place 0 and column `d` at place 1.
fn over_i_and_d(text: &str) -> Program {
    let layout = Layout::default().some(0, &[index("i"), index("d")]);
    typed(text).unwrap().compile(&layout)
}

fn doubles(values: &[f64]) -> Column {
    Column::from_data(Data::Double(values.to_vec()))
}

fn ints(values: &[i32]) -> Column {
    Column::from_data(Data::Int(values.to_vec()))
}

#[test]
fn filter_appends_row_numbers() {
    let input = [ints(&[1, 2, 3, 4]), doubles(&[60.0, 40.0, 50.0, 51.0])];
    let mut frame = Frame {
        input: &input,
        len: 4,
        ..Frame::default()
    };
    let mut program = over_i_and_d("d > 50");
    let mut keep = vec![9];
    program.filter(&frame, &mut 0, &mut keep);
    assert_eq!(keep, [9, 0, 3]);
    frame.rows = Some(&[3, 1, 0]);
    frame.len = 3;
    keep.clear();
    program.filter(&frame, &mut 0, &mut keep);
    assert_eq!(keep, [3, 0]);
    keep.clear();
    over_i_and_d("TRUE").filter(&frame, &mut 0, &mut keep);
    assert_eq!(keep, [3, 1, 0]);
    keep.clear();
    over_i_and_d("NULL").filter(&frame, &mut 0, &mut keep);
    over_i_and_d("1 > 2").filter(&frame, &mut 0, &mut keep);
    assert_eq!(keep, [0u32; 0]);
}

#[test]
fn results_are_aligned_with_the_selection() {
    let input = [ints(&[1, 2, 3])];
    let results = [doubles(&[10.0, 20.0])];
    let frame = Frame {
        input: &input,
        results: &results,
        rows: Some(&[2, 0]),
        len: 2,
        ..Frame::default()
    };
    let mut program = over_i_and_d("i + d");
    assert_eq!(program.eval(&frame, &mut 0), &doubles(&[13.0, 21.0]));
    let mut out = doubles(&[0.0]);
    program.eval_into(&frame, &mut 0, &mut out);
    over_i_and_d("d").eval_into(&frame, &mut 0, &mut out);
    assert_eq!(out, doubles(&[0.0, 13.0, 21.0, 10.0, 20.0]));
    let mut out = ints(&[]);
    over_i_and_d("i").eval_into(&frame, &mut 0, &mut out);
    over_i_and_d("CAST(5 AS INT)").eval_into(&frame, &mut 0, &mut out);
    assert_eq!(out, ints(&[3, 1, 5, 5]));
}

#[test]
fn plain_columns_are_borrowed() {
    let columns = [ints(&[1, 2]), doubles(&[1.0, 2.0])];
    let frame = Frame {
        input: &columns,
        len: 2,
        ..Frame::default()
    };
    let mut program = over_i_and_d("d");
    assert!(std::ptr::eq(program.eval(&frame, &mut 0), &columns[1]));
    let column = |text: &str| typed(text).unwrap().as_column();
    assert_eq!(column("d"), Some(input(index("d"))));
    assert_eq!(column("d + i"), None);
}

#[test]
fn a_program_serves_batches_of_any_length() {
    let mut program = over_i_and_d("CASE WHEN d > 1 THEN d * i ELSE 0 END");
    let mut constant = over_i_and_d("'x'");
    for len in [3usize, 0, 1, 2, 3] {
        let input = [ints(&[5, 6, 7][..len]), doubles(&[1.0, 2.0, 3.0][..len])];
        let frame = Frame {
            input: &input,
            len,
            ..Frame::default()
        };
        assert_eq!(
            program.eval(&frame, &mut 0),
            &doubles(&[0.0, 12.0, 21.0][..len])
        );
        assert_eq!(constant.eval(&frame, &mut 0).len(), len);
    }
}

#[test]
fn columns_are_visited_as_often_as_they_are_read() {
    let e = typed("i + l > count() AND i IN (1, l) AND CASE WHEN b THEN TRUE END").unwrap();
    let mut seen = Vec::new();
    e.columns(&mut |c| seen.push(c));
    let [i, l, b] = ["i", "l", "b"].map(|name| input(index(name)));
    assert_eq!(seen, [i, l, ColumnRef::Aggregate(0), i, l, b]);
}

#[test]
fn constants_fold() {
    assert_eq!(typed("upper('a')").unwrap().constant(), Some("A".into()));
    assert_eq!(typed("1 / 0").unwrap().constant(), Some(Value::Null));
    assert_eq!(typed("NULL").unwrap().constant(), Some(Value::Null));
    assert_eq!(typed("i + 1").unwrap().constant(), None);
    assert_eq!(typed("now()").unwrap().constant(), None);
    let folded = typed("length(concat('a', 'b')) * 2").unwrap();
    assert!(matches!(folded.kind, TypedKind::Constant(Value::Int(4))));
}

#[test]
fn declared_targets_widen() {
    let to = |text: &str, ty: Type| match typed(text).unwrap().coerce(ty) {
        Ok(e) => {
            assert_eq!(e.ty, Some(ty));
            e.constant().map_or("ok".to_string(), |v| v.to_string())
        }
        Err(fault) => fault.message,
    };
    assert_eq!(to("i", Type::Long), "ok");
    assert_eq!(to("i", Type::Double), "ok");
    assert_eq!(to("l", Type::Int), "LONG cannot become INT");
    assert_eq!(to("d", Type::Float), "DOUBLE cannot become FLOAT");
    assert_eq!(to("s", Type::Int), "STRING cannot become INT");
    assert_eq!(to("5", Type::Int), "5");
    assert_eq!(to("-5", Type::Int), "-5");
    assert_eq!(to("5.0", Type::Int), "5");
    assert_eq!(to("5.5", Type::Int), "5.5 does not fit INT");
    assert_eq!(to("5000000000", Type::Int), "5000000000 does not fit INT");
    assert_eq!(to("0.1", Type::Float), "0.1");
    assert_eq!(to("5", Type::Double), "5.0");
    assert_eq!(to("'5'", Type::Int), "STRING cannot become INT");
    assert_eq!(to("NULL", Type::String), "NULL");
    let fault = typed("l")
        .unwrap()
        .coerce(Type::Int)
        .map(|_| ())
        .unwrap_err();
    assert_eq!(fault.span, Span { start: 0, end: 1 });
}

/// Patterns, zones and units are read once for rows that share them; results are those of a program that is new for
/// each row, in any order of the rows.
#[test]
fn what_is_kept_between_rows_changes_no_result() {
    let texts = [
        "",
        "a",
        "(",
        "%Y",
        "%F",
        "UTC",
        "Europe/Berlin",
        "day",
        "2024-07-01",
        "Z",
    ];
    for text in [
        "regexp(s, ns)",
        "s LIKE ns",
        "formatDate(1719828000000, ns)",
        "formatDate(1719828000000, '%F %H', ns)",
        "formatDate(1719828000000, s, ns)",
        "parseDate(s, ns)",
        "parseDate(s, '%F', ns)",
        "dateTrunc(s, 1719828000000, ns)",
        "extract('hour', 1719828000000, ns)",
    ] {
        let expr = typed(text).unwrap();
        let run = |program: &mut Program, pairs: &[(&str, &str)]| {
            let column = |(name, value, ty): (&str, Value, Type)| {
                let values: Vec<Value> = match name {
                    "s" => pairs.iter().map(|p| p.0.into()).collect(),
                    "ns" => pairs.iter().map(|p| p.1.into()).collect(),
                    _ => vec![value; pairs.len()],
                };
                column_of(ty, &values)
            };
            let input: Vec<Column> = columns().into_iter().map(column).collect();
            let frame = Frame {
                input: &input,
                len: pairs.len(),
                ..Frame::default()
            };
            let out = program.eval(&frame, &mut 0);
            (0..pairs.len()).map(|i| out.value(i)).collect::<Vec<_>>()
        };
        let pairs: Vec<(&str, &str)> = texts
            .iter()
            .flat_map(|a| texts.iter().map(move |b| (*a, *b)))
            .collect();
        for stride in [1, 7, 33, 99] {
            let order: Vec<(&str, &str)> = (0..pairs.len())
                .map(|i| pairs[i * stride % pairs.len()])
                .collect();
            let one_by_one: Vec<Value> = order
                .iter()
                .flat_map(|pair| run(&mut expr.compile(&whole()), &[*pair]))
                .collect();
            assert_eq!(
                run(&mut expr.compile(&whole()), &order),
                one_by_one,
                "{text}, stride {stride}"
            );
        }
    }
}
