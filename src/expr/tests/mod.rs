//! Tests of whole expressions: text in, value and type out.

mod functions;
mod operators;
mod parse;
mod programs;
mod random;

use super::{ColumnRef, Frame, Functions, Layout, Scope, Typed, Unresolved, bind};
use crate::error::Fault;
use crate::event::{Column, Timestamp, Type, Value};
use crate::sql::ast::{Expr, Name, Span};
use parse::parse;

/// The columns of the tests: name, type and the value in the one row of the tables.
fn columns() -> Vec<(&'static str, Value, Type)> {
    vec![
        ("i", Value::Int(7), Type::Int),
        ("l", Value::Long(70), Type::Long),
        ("f", Value::Float(0.1), Type::Float),
        ("d", Value::Double(2.5), Type::Double),
        ("s", Value::from("añb"), Type::String),
        ("b", Value::Bool(true), Type::Bool),
        ("ni", Value::Null, Type::Int),
        ("nl", Value::Null, Type::Long),
        ("nf", Value::Null, Type::Float),
        ("nd", Value::Null, Type::Double),
        ("ns", Value::Null, Type::String),
        ("nb", Value::Null, Type::Bool),
        ("imin", Value::Int(i32::MIN), Type::Int),
        ("imax", Value::Int(i32::MAX), Type::Int),
        ("lmin", Value::Long(i64::MIN), Type::Long),
        ("lmax", Value::Long(i64::MAX), Type::Long),
        ("dmax", Value::Double(f64::MAX), Type::Double),
        ("fmax", Value::Float(f32::MAX), Type::Float),
        ("zero", Value::Int(0), Type::Int),
    ]
}

/// An attribute of the only source.
fn input(column: usize) -> ColumnRef {
    ColumnRef::Input { source: 0, column }
}

/// A frame with all columns.
fn whole() -> Layout {
    Layout::default().all(0, columns().len())
}

struct Columns;

impl Scope for Columns {
    fn column(&mut self, _: Option<&Name>, name: &Name) -> Result<(ColumnRef, Type), Unresolved> {
        let all = columns();
        match all.iter().position(|(n, ..)| *n == name.text) {
            Some(column) => Ok((input(column), all[column].2)),
            None => Err(Unresolved::Unknown(
                Fault::new(name.span, format!("unknown attribute '{}'", name.text))
                    .nearest(&name.text, all.iter().map(|c| c.0)),
            )),
        }
    }

    fn call(
        &mut self,
        name: &Name,
        _: &[Expr],
        _: bool,
        _: Span,
    ) -> Option<Result<(ColumnRef, Type), Fault>> {
        (name.text == "count").then_some(Ok((ColumnRef::Aggregate(0), Type::Long)))
    }
}

fn typed(text: &str) -> Result<Typed, Vec<Fault>> {
    typed_with(text, &Functions::new())
}

fn typed_with(text: &str, functions: &Functions) -> Result<Typed, Vec<Fault>> {
    let mut faults = Vec::new();
    match bind(&parse(text), &mut Columns, functions, &mut faults) {
        Some(typed) => {
            assert_eq!(faults, [], "{text}: bound with faults");
            Ok(typed)
        }
        None => {
            assert!(!faults.is_empty(), "{text}: neither bound nor at fault");
            Err(faults)
        }
    }
}

fn column_of(ty: Type, values: &[Value]) -> Column {
    let mut column = Column::new(ty);
    for v in values {
        assert!(column.push(v), "{v:?} in {ty}");
    }
    column
}

/// `TYPE value`, `TYPE NULL`, and `!` behind it when the row was counted.
fn show(text: &str) -> String {
    let typed = match typed(text) {
        Ok(typed) => typed,
        Err(faults) => return format!("fault: {}", faults[0].message),
    };
    let input: Vec<Column> = columns()
        .iter()
        .map(|(_, v, ty)| column_of(*ty, std::slice::from_ref(v)))
        .collect();
    let results = [column_of(Type::Long, &[Value::Long(3)])];
    let frame = Frame {
        input: &input,
        results: &results,
        at: &[Timestamp(1_500_999)],
        clock: &[Timestamp(2_000_000)],
        causes: &[42],
        rows: None,
        len: 1,
    };
    let mut faults = 0;
    let mut program = typed.compile(&whole());
    let column = program.eval(&frame, &mut faults);
    if let Some(ty) = typed.ty {
        assert_eq!(column.type_of(), ty, "{text}");
    }
    let value = column.value(0);
    let ty = typed.ty.map_or("untyped", Type::name);
    format!("{ty} {value}{}", "!".repeat(faults as usize))
}

/// Checks a table of expressions and what [`show`] says of them; reports all differences.
fn check(cases: &[(&str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .map(|(text, expected)| (text, expected, show(text)))
        .filter(|(_, expected, got)| *expected != got)
        .map(|(text, expected, got)| format!("{text}\n  expected {expected}\n  got      {got}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
