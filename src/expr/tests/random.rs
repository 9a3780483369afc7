//! Random expressions over random columns: programs against an interpreter of one value at a time.
//!
//! The interpreter shares the binder and the one-row kernels of the catalogue, and nothing of the loops, the masks,
//! the selections, and the narrowing of views.

use super::{column_of, columns, typed, whole};
use crate::event::{Batch, Column, RowView, Str, Timestamp, Type, Value};
use crate::expr::kernel::arithmetic::Arithmetic;
use crate::expr::kernel::compare::Comparison;
use crate::expr::kernel::logic::Junction;
use crate::expr::like::like;
use crate::expr::typed::Op;
use crate::expr::{BesideFrame, Frame, RowFrame, Typed, TypedKind};
use eventflux_kit::Random;
use std::cmp::Ordering;

/// What is drawn beside whole numbers.
trait Draw {
    fn value(&mut self, ty: Type) -> Value;
    fn number(&mut self, depth: usize) -> String;
    fn text(&mut self, depth: usize) -> String;
    fn test(&mut self, depth: usize) -> String;
}

impl Draw for Random {
    fn value(&mut self, ty: Type) -> Value {
        const INTS: [i32; 8] = [0, 1, -1, 7, 100, i32::MAX, i32::MIN, -7];
        const LONGS: [i64; 9] = [0, 1, -1, 7, 1 << 40, i64::MAX, i64::MIN, -70, (1 << 53) + 1];
        const FLOATS: [f32; 7] = [0.0, 1.0, -1.5, 0.1, f32::MAX, 7.0, -7.0];
        const DOUBLES: [f64; 9] = [
            0.0,
            1.0,
            -1.5,
            0.1,
            f64::MAX,
            1e18,
            7.0,
            -1e300,
            9007199254740992.0,
        ];
        match ty {
            Type::Bool => Value::Bool(self.below(2) == 0),
            Type::Int => Value::Int(INTS[self.below(8)]),
            Type::Long => Value::Long(LONGS[self.below(9)]),
            Type::Float => Value::Float(FLOATS[self.below(7)]),
            Type::Double => Value::Double(DOUBLES[self.below(9)]),
            Type::String => self
                .pick(&[
                    "",
                    "a",
                    "ab",
                    "7",
                    "añb",
                    "true",
                    "more than twenty-three bytes of text",
                ])
                .to_string()
                .into(),
        }
    }

    fn number(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self
                .pick(&[
                    "i",
                    "l",
                    "f",
                    "d",
                    "ni",
                    "nl",
                    "nd",
                    "zero",
                    "0",
                    "1",
                    "7",
                    "2.5",
                    "0.1",
                    "3000000000",
                ])
                .to_string();
        }
        let d = depth - 1;
        match self.below(14) {
            0..=4 => {
                let op = self.pick(&["+", "-", "*", "/", "%"]);
                format!("({} {op} {})", self.number(d), self.number(d))
            }
            5 => format!("(-{})", self.number(d)),
            6 => format!(
                "CASE WHEN {} THEN {} ELSE {} END",
                self.test(d),
                self.number(d),
                self.number(d)
            ),
            7 => format!(
                "CASE {} WHEN {} THEN {} WHEN {} THEN {} END",
                self.number(d),
                self.number(d),
                self.number(d),
                self.number(d),
                self.number(d)
            ),
            8 => format!(
                "coalesce({}, {}, {})",
                self.number(d),
                self.number(d),
                self.number(d)
            ),
            9 => format!("nullif({}, {})", self.number(d), self.number(d)),
            10 => {
                let ty = self.pick(&["INT", "LONG", "FLOAT", "DOUBLE"]);
                let x = if self.below(3) == 0 {
                    self.text(d)
                } else {
                    self.number(d)
                };
                format!("CAST({x} AS {ty})")
            }
            11 => {
                let f = self.pick(&["maximum", "minimum"]);
                format!(
                    "{f}({}, {}, {})",
                    self.number(d),
                    self.number(d),
                    self.number(d)
                )
            }
            12 => {
                let f = self.pick(&["abs", "sqrt", "round", "sign", "floor"]);
                format!("{f}({})", self.number(d))
            }
            _ => format!("length({})", self.text(d)),
        }
    }

    fn text(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.pick(&["s", "ns", "'a'", "'7'"]).to_string();
        }
        let d = depth - 1;
        match self.below(5) {
            0 => format!("concat({}, {})", self.text(d), self.number(d)),
            1 => format!("left({}, 2)", self.text(d)),
            2 => format!("CAST({} AS STRING)", self.number(d)),
            3 => format!(
                "ifThenElse({}, {}, {})",
                self.test(d),
                self.text(d),
                self.text(d)
            ),
            _ => format!("ifnull({}, {})", self.text(d), self.text(d)),
        }
    }

    fn test(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self
                .pick(&["b", "nb", "TRUE", "i > 0", "d < l", "s = 'a'"])
                .to_string();
        }
        let d = depth - 1;
        match self.below(10) {
            0..=2 => {
                let op = self.pick(&["=", "!=", "<", "<=", ">", ">="]);
                format!("({} {op} {})", self.number(d), self.number(d))
            }
            3 => format!(
                "({} AND {} AND {})",
                self.test(d),
                self.test(d),
                self.test(d)
            ),
            4 => format!("({} OR {} OR {})", self.test(d), self.test(d), self.test(d)),
            5 => format!("(NOT {})", self.test(d)),
            6 => format!("({} IS NULL)", self.number(d)),
            7 => format!(
                "({} IN ({}, {}))",
                self.number(d),
                self.number(d),
                self.number(d)
            ),
            8 => format!(
                "({} NOT BETWEEN {} AND {})",
                self.number(d),
                self.number(d),
                self.number(d)
            ),
            _ => format!("({} LIKE {})", self.text(d), self.text(d)),
        }
    }
}

struct Naive<'a> {
    row: &'a dyn Fn(usize) -> Value,
    faults: u64,
}

impl Naive<'_> {
    fn fault(&mut self) -> Value {
        self.faults += 1;
        Value::Null
    }

    fn value(&mut self, e: &Typed) -> Value {
        match &e.kind {
            TypedKind::Column(column) => (self.row)(whole().place(*column)),
            TypedKind::Literal(v) | TypedKind::Constant(v) => v.clone(),
            TypedKind::Op(op, args) => self.op(op, args, e),
        }
    }

    fn op(&mut self, op: &Op, args: &[Typed], e: &Typed) -> Value {
        match op {
            Op::Junction(op) => {
                let stop = *op == Junction::Or;
                let mut null = false;
                for arg in args {
                    match self.value(arg) {
                        Value::Bool(v) if v == stop => return Value::Bool(stop),
                        Value::Bool(_) => {}
                        _ => null = true,
                    }
                }
                if null {
                    Value::Null
                } else {
                    Value::Bool(!stop)
                }
            }
            Op::Case { operand, otherwise } => {
                let (x, rest) = args.split_at(usize::from(*operand));
                let x = x.first().map(|x| self.value(x));
                let (branches, last) = rest.split_at(rest.len() - usize::from(*otherwise));
                for branch in branches.chunks(2) {
                    let when = self.value(&branch[0]);
                    let hit = match &x {
                        Some(x) => compare(Comparison::Eq, x, &when),
                        None => when,
                    };
                    if hit == Value::Bool(true) {
                        return self.value(&branch[1]);
                    }
                }
                last.first().map_or(Value::Null, |e| self.value(e))
            }
            Op::Coalesce => {
                for arg in args {
                    let v = self.value(arg);
                    if !v.is_null() {
                        return v;
                    }
                }
                Value::Null
            }
            _ => {
                let values: Vec<Value> = args.iter().map(|a| self.value(a)).collect();
                self.strict(op, &values, args, e)
            }
        }
    }

    fn strict(&mut self, op: &Op, v: &[Value], args: &[Typed], e: &Typed) -> Value {
        let any_null = v.iter().any(Value::is_null);
        match op {
            Op::IsNull => return Value::Bool(v[0].is_null()),
            Op::In => {
                let hits: Vec<Value> = v[1..]
                    .iter()
                    .map(|x| compare(Comparison::Eq, &v[0], x))
                    .collect();
                return match () {
                    () if hits.contains(&Value::Bool(true)) => Value::Bool(true),
                    () if hits.contains(&Value::Null) => Value::Null,
                    () => Value::Bool(false),
                };
            }
            Op::Between => {
                let both = [
                    compare(Comparison::GtEq, &v[0], &v[1]),
                    compare(Comparison::LtEq, &v[0], &v[2]),
                ];
                return match () {
                    () if both.contains(&Value::Bool(false)) => Value::Bool(false),
                    () if both.contains(&Value::Null) => Value::Null,
                    () => Value::Bool(true),
                };
            }
            Op::NullIf => {
                let equal = compare(Comparison::Eq, &v[0], &v[1]) == Value::Bool(true);
                return if equal { Value::Null } else { v[0].clone() };
            }
            Op::Extremum(largest) => {
                let known = v.iter().filter(|v| !v.is_null());
                let best = known.cloned().reduce(|a, b| {
                    let better = if *largest {
                        Ordering::Greater
                    } else {
                        Ordering::Less
                    };
                    if b.order(&a) == better { b } else { a }
                });
                return best.unwrap_or_default();
            }
            _ if any_null => return Value::Null,
            _ => {}
        }
        match (op, v) {
            (Op::Not, [Value::Bool(v)]) => Value::Bool(!v),
            (Op::Compare(op), [a, b]) => compare(*op, a, b),
            (Op::Negate, [Value::Double(v)]) => Value::Double(0.0 - v),
            (Op::Negate, [Value::Float(v)]) => Value::Float(0.0 - v),
            (Op::Negate, [Value::Int(v)]) => {
                v.checked_neg().map_or_else(|| self.fault(), Value::Int)
            }
            (Op::Negate, [Value::Long(v)]) => {
                v.checked_neg().map_or_else(|| self.fault(), Value::Long)
            }
            (Op::Arithmetic(op), [a, b]) => self.arithmetic(*op, a, b),
            (Op::Like, [Value::String(a), Value::String(b)]) => Value::Bool(like(a, b)),
            (Op::Cast | Op::Call(_) | Op::Time(..), _) => {
                let constants = v
                    .iter()
                    .zip(args)
                    .map(|(v, a)| Typed::constant_of(v.clone(), a.ty, a.span))
                    .collect();
                let call = Typed::op(op.clone(), constants, e.ty.unwrap(), e.span);
                match call.kind {
                    TypedKind::Constant(v) => v,
                    // what would be at fault is not folded, nor what may be a long text
                    _ => self.alone(&call),
                }
            }
            _ => panic!("{v:?}"),
        }
    }

    /// A call of constants, as a program of its own.
    fn alone(&mut self, call: &Typed) -> Value {
        let frame = Frame {
            len: 1,
            ..Frame::default()
        };
        let mut program = call.compile(&whole());
        program.eval(&frame, &mut self.faults).value(0)
    }

    fn arithmetic(&mut self, op: Arithmetic, a: &Value, b: &Value) -> Value {
        let result = match (a, b) {
            (Value::Int(a), Value::Int(b)) => integer(op, i128::from(*a), i128::from(*b))
                .and_then(|r| i32::try_from(r).ok())
                .map(Value::Int),
            (Value::Long(a), Value::Long(b)) => integer(op, i128::from(*a), i128::from(*b))
                .and_then(|r| i64::try_from(r).ok())
                .map(Value::Long),
            (Value::Float(a), Value::Float(b)) => {
                let r = match op {
                    Arithmetic::Add => a + b,
                    Arithmetic::Sub => a - b,
                    Arithmetic::Mul => a * b,
                    Arithmetic::Div => a / b,
                    Arithmetic::Mod => a % b,
                };
                r.is_finite()
                    .then_some(Value::Float(if r == 0.0 { 0.0 } else { r }))
            }
            (Value::Double(a), Value::Double(b)) => {
                let r = match op {
                    Arithmetic::Add => a + b,
                    Arithmetic::Sub => a - b,
                    Arithmetic::Mul => a * b,
                    Arithmetic::Div => a / b,
                    Arithmetic::Mod => a % b,
                };
                r.is_finite()
                    .then_some(Value::Double(if r == 0.0 { 0.0 } else { r }))
            }
            _ => panic!("{a:?} {op:?} {b:?}"),
        };
        result.unwrap_or_else(|| self.fault())
    }
}

fn integer(op: Arithmetic, a: i128, b: i128) -> Option<i128> {
    match op {
        Arithmetic::Add => Some(a + b),
        Arithmetic::Sub => Some(a - b),
        Arithmetic::Mul => Some(a * b),
        Arithmetic::Mod => a.checked_rem(b),
        Arithmetic::Div => panic!("integers are divided as DOUBLE"),
    }
}

fn compare(op: Comparison, a: &Value, b: &Value) -> Value {
    if a.is_null() || b.is_null() {
        return Value::Null;
    }
    let order = match (a, b) {
        (Value::Long(a), Value::Double(b)) => exactly(*a, *b),
        (Value::Double(a), Value::Long(b)) => exactly(*b, *a).reverse(),
        (Value::Float(a), Value::Long(b)) => exactly(*b, f64::from(*a)).reverse(),
        _ => as_type(a, b.type_of().unwrap()).order(b),
    };
    Value::Bool(match op {
        Comparison::Eq => order.is_eq(),
        Comparison::NotEq => order.is_ne(),
        Comparison::Lt => order.is_lt(),
        Comparison::LtEq => order.is_le(),
        Comparison::Gt => order.is_gt(),
        Comparison::GtEq => order.is_ge(),
    })
}

/// The first operand of IN and its like in the type of another, which it widens to or a literal takes.
fn as_type(a: &Value, to: Type) -> Value {
    match (a, to) {
        (Value::Int(a), Type::Long) => Value::Long(i64::from(*a)),
        (Value::Int(a), Type::Double) => Value::Double(f64::from(*a)),
        (Value::Float(a), Type::Double) => Value::Double(f64::from(*a)),
        (Value::Long(a), Type::Int) => Value::Int(*a as i32),
        (Value::Long(a), Type::Float) => Value::Float(*a as f32),
        (Value::Double(a), Type::Int) => Value::Int(*a as i32),
        (Value::Double(a), Type::Float) => Value::Float(*a as f32),
        _ => {
            assert_eq!(a.type_of(), Some(to));
            a.clone()
        }
    }
}

/// An integer against a floating-point number, in halves: exact below 2^63, and beyond it the sign decides.
fn exactly(a: i64, b: f64) -> Ordering {
    if b.abs() >= 9.3e18 {
        return 0.0.partial_cmp(&b).unwrap();
    }
    let whole = i128::from(a).cmp(&(b.floor() as i128));
    whole.then(0.0.partial_cmp(&(b - b.floor())).unwrap())
}

fn random_column(random: &mut Random, ty: Type, len: usize, nulls: usize) -> Column {
    let mut values = Vec::new();
    for _ in 0..len {
        let null = nulls > 0 && random.below(nulls) == 0;
        values.push(if null { Value::Null } else { random.value(ty) });
    }
    column_of(ty, &values)
}

#[test]
fn programs_equal_the_interpreter() {
    let mut random = Random::new(1);
    let mut seen = [0usize; 2];
    for case in 0..3000 {
        let depth = 1 + random.below(3);
        let text = match random.below(3) {
            0 => random.number(depth),
            1 => random.test(depth),
            _ => random.text(depth),
        };
        let Ok(expr) = typed(&text) else {
            seen[0] += 1; // such as a comparison of types that do not go together
            continue;
        };
        seen[1] += 1;
        let mut program = expr.compile(&whole());
        for len in [7, 0, 1, if case % 10 == 0 { 256 } else { 3 }] {
            agree(&text, &expr, &mut program, len, &mut random);
        }
    }
    assert!(seen[1] > 10 * seen[0], "{seen:?}");
}

/// The values and faults of the rows of a frame of which the input has so many, by the way of single rows.
fn one_by_one(
    program: &mut crate::expr::Program,
    frame: &Frame<'_>,
    (base, ty): (usize, Type),
) -> (Vec<Value>, u64) {
    let batch = Batch {
        at: vec![Timestamp::default(); base],
        columns: frame.input.to_vec(),
        ..Batch::default()
    };
    let beside = Batch {
        at: vec![Timestamp::default(); frame.len],
        columns: frame.results.to_vec(),
        ..Batch::default()
    };
    let (mut values, mut faults, mut faults_beside) = (Vec::new(), 0, 0);
    let goes_beside = program.goes_by_value();
    for i in 0..frame.len {
        let row = frame.rows.map_or(i, |rows| rows[i] as usize);
        let one = |column: &Column| {
            let mut one = Column::new(column.type_of());
            one.extend_range(column, i..i + 1);
            one
        };
        let results: Vec<Column> = frame.results.iter().map(one).collect();
        let view = RowView { batch: &batch, row };
        let frame = RowFrame {
            view,
            results: &results,
        };
        let mut out = Column::new(ty);
        program.value_into(&frame, &mut faults, &mut out);
        values.push(out.value(0));
        if goes_beside {
            let frame = BesideFrame {
                columns: &batch.columns,
                row,
                beside: RowView {
                    batch: &beside,
                    row: i,
                },
            };
            let holds = program.holds_beside(&frame, &mut faults_beside);
            assert_eq!(holds, out.value(0) == Value::Bool(true), "row {i}");
        }
    }
    assert!(!goes_beside || faults == faults_beside);
    (values, faults)
}

/// Runs both over `len` rows, with and without masks and selection, and part of the columns among the results.
fn agree(
    text: &str,
    expr: &Typed,
    program: &mut crate::expr::Program,
    len: usize,
    random: &mut Random,
) {
    let selected = random.below(2) == 0;
    let nulls = random.below(3) * 2;
    let all = columns();
    let split = if random.below(2) == 0 {
        all.len()
    } else {
        random.below(all.len())
    };
    let base = if selected { len * 2 } else { len };
    let rows: Vec<u32> = (0..len)
        .map(|i| {
            if selected {
                (random.below(base)).max(i) as u32
            } else {
                i as u32
            }
        })
        .collect();
    let mut make = |n: &str, ty: Type, len: usize| {
        let fixed = n == "zero" || n.starts_with('n');
        random_column(
            random,
            ty,
            len,
            if n.starts_with('n') {
                2
            } else if fixed {
                0
            } else {
                nulls
            },
        )
    };
    let input: Vec<Column> = all[..split]
        .iter()
        .map(|(n, _, ty)| make(n, *ty, base))
        .collect();
    let results: Vec<Column> = all[split..]
        .iter()
        .map(|(n, _, ty)| make(n, *ty, len))
        .collect();
    let frame = Frame {
        input: &input,
        results: &results,
        rows: selected.then_some(&rows[..]),
        len,
        ..Frame::default()
    };
    let mut expected = Vec::new();
    let mut expected_faults = 0;
    for (i, &row) in rows.iter().enumerate() {
        let mut naive = Naive {
            row: &|c| match input.get(c) {
                Some(column) => column.value(row as usize),
                None => results[c - input.len()].value(i),
            },
            faults: 0,
        };
        expected.push(naive.value(expr));
        expected_faults += naive.faults;
    }
    let mut faults = 0;
    let column = program.eval(&frame, &mut faults);
    assert!(
        column.valid().is_empty() || column.valid().len() == len,
        "{text}"
    );
    let got: Vec<Value> = (0..len).map(|i| column.value(i)).collect();
    assert_eq!(got, expected, "{text}");
    assert_eq!(faults, expected_faults, "{text}");
    for (i, v) in expected.iter().enumerate().filter(|(_, v)| v.is_null()) {
        let default = column_of(column.type_of(), std::slice::from_ref(v));
        let mut blank = Column::new(column.type_of());
        blank.extend_range(column, i..i + 1);
        assert_eq!(
            blank.data(),
            default.data(),
            "{text}: NULL rows hold defaults"
        );
    }
    let mut out = Column::new(column.type_of());
    out.push_null();
    program.eval_into(&frame, &mut 0, &mut out);
    let appended: Vec<Value> = (1..out.len()).map(|i| out.value(i)).collect();
    assert_eq!(appended, expected, "{text}");
    let by_row = one_by_one(program, &frame, (base, out.type_of()));
    assert_eq!(by_row, (expected.clone(), expected_faults), "{text} by row");
    if expr.ty == Some(Type::Bool) {
        let mut keep = Vec::new();
        program.filter(&frame, &mut 0, &mut keep);
        let kept = rows
            .iter()
            .zip(&expected)
            .filter(|(_, v)| **v == Value::Bool(true));
        assert_eq!(keep, kept.map(|(r, _)| *r).collect::<Vec<_>>(), "{text}");
    }
}

#[test]
fn the_interpreter_can_disagree() {
    let expr = typed("i + 1").unwrap();
    let mut naive = Naive {
        row: &|_| Value::Int(i32::MAX),
        faults: 0,
    };
    assert_eq!(naive.value(&expr), Value::Null);
    assert_eq!(naive.faults, 1);
    assert_ne!(
        compare(
            Comparison::Lt,
            &Str::from("a").into(),
            &Str::from("b").into()
        ),
        Value::Bool(false)
    );
}
