//! Tables against a vector of rows: random writes of every kind in random batches, look-ups by every way, what is
//! loaded from checkpoints that are taken meanwhile, and damaged bytes.

use super::look_up::PAIRS_MAX;
use super::rows::Table;
use super::*;
use crate::error::Fault;
use crate::event::{Batch, Column, RowView, Timestamp, Type, Value};
use crate::expr::{ColumnRef, Functions, Layout, Program, Scope, Unresolved, bind};
use crate::operator::testing::Revisions;
use crate::sql::ast::{Name, Span};
use crate::sql::parse_expression;
use crate::state::{Slot, StateHolder};
use eventflux_kit::Random;
use std::collections::HashSet;

/// Columns k, s, v and n, of the stream and of the table.
const TYPES: [Type; 4] = [Type::Long, Type::String, Type::Double, Type::Int];
const NAMES: [&str; 4] = ["k", "s", "v", "n"];
const TTL_US: i64 = 50;

type Row = Vec<Value>;

struct Names;

impl Scope for Names {
    fn column(&mut self, of: Option<&Name>, name: &Name) -> Result<(ColumnRef, Type), Unresolved> {
        let column = NAMES.iter().position(|n| *n == name.text);
        let column = column.expect("a column of the test");
        let source = usize::from(of.is_some());
        Ok((ColumnRef::Input { source, column }, TYPES[column]))
    }

    fn call(
        &mut self,
        _name: &Name,
        _args: &[crate::sql::ast::Expr],
        _distinct: bool,
        _span: Span,
    ) -> Option<Result<(ColumnRef, Type), Fault>> {
        None
    }
}

/// A program over a row of the stream and one of the table, `T`.
fn program(text: &str, ty: Type) -> Program {
    let expr = parse_expression(text).expect("it parses");
    let bound = bind(&expr, &mut Names, &Functions::default(), &mut Vec::new());
    let bound = bound.and_then(|bound| bound.coerce(ty).ok());
    let layout = Layout::default().all(0, TYPES.len()).all(1, TYPES.len());
    bound.expect("it has a type").compile(&layout)
}

/// Equal columns of the table and what they equal, and what else must be TRUE.
type Condition = (&'static [(usize, &'static str)], &'static str);

const CONDITIONS: [Condition; 9] = [
    (&[(0, "k")], ""),
    (&[(1, "s")], ""),
    (&[(1, "s"), (0, "k")], ""),
    (&[(3, "n"), (1, "s")], "T.v < v"),
    (&[(3, "n")], ""),
    (&[], "T.v >= v"),
    (&[], ""),
    (&[(0, "k + 1")], "T.n <> 1"),
    (&[(1, "s"), (3, "n")], "n = 1"),
];

fn less(a: &Value, b: &Value) -> Option<bool> {
    match (a, b) {
        (Value::Double(a), Value::Double(b)) => Some(a < b),
        _ => None,
    }
}

/// Whether a condition is TRUE.
fn holds(condition: usize, row: &Row, of: &Row) -> bool {
    let equal = |column: usize| row[column] != Value::Null && row[column] == of[column];
    let one = Value::Int(1);
    match condition {
        0 => equal(0),
        1 => equal(1),
        2 => equal(0) && equal(1),
        3 => equal(1) && equal(3) && less(&of[2], &row[2]) == Some(true),
        4 => equal(3),
        5 => less(&of[2], &row[2]) == Some(false),
        6 => true,
        7 => {
            let next = matches!((&row[0], &of[0]), (Value::Long(a), Value::Long(b)) if a + 1 == *b);
            next && of[3] != Value::Null && of[3] != one
        }
        _ => equal(1) && equal(3) && row[3] == one,
    }
}

fn lookup(shape: &Shape, condition: usize) -> Lookup {
    let (equal, rest) = CONDITIONS[condition];
    let columns: Vec<usize> = equal.iter().map(|(column, _)| *column).collect();
    let access = shape.access(&columns);
    let used = shape.columns_of(access);
    let value = |column: &usize| {
        equal
            .iter()
            .find(|(c, _)| c == column)
            .expect("it is equal")
            .1
    };
    let keys = used.iter().map(|c| program(value(c), TYPES[*c]));
    let mut left: Vec<String> = equal
        .iter()
        .filter(|(column, _)| !used.contains(column))
        .map(|(column, value)| format!("T.{} = {value}", NAMES[*column]))
        .collect();
    left.extend((!rest.is_empty()).then(|| rest.to_string()));
    let residual = (!left.is_empty()).then(|| program(&left.join(" AND "), Type::Bool));
    Lookup::new(access, keys.collect(), residual, TYPES.len(), &TYPES)
}

/// What UPDATE sets.
const SETS: [&[(usize, &str)]; 5] = [
    &[(2, "v + T.v")],
    &[(0, "5 - T.k")],
    &[(3, "T.n + 1"), (0, "k")],
    &[(1, "s"), (2, "T.v")],
    &[(0, "k"), (1, "s"), (3, "n")],
];

fn set(number: usize, row: &Row, of: &Row) -> Row {
    let mut new = of.clone();
    match number {
        0 => {
            new[2] = match (&row[2], &of[2]) {
                (Value::Double(a), Value::Double(b)) => Value::Double(a + b),
                _ => Value::Null,
            }
        }
        1 => {
            if let Value::Long(k) = of[0] {
                new[0] = Value::Long(5 - k);
            }
        }
        2 => {
            new[0] = row[0].clone();
            if let Value::Int(n) = of[3] {
                new[3] = Value::Int(n + 1);
            }
        }
        3 => new[1] = row[1].clone(),
        _ => [0, 1, 3].iter().for_each(|c| new[*c] = row[*c].clone()),
    }
    new
}

fn action(shape: &Shape, (kind, condition, set): (usize, usize, usize)) -> Action {
    match kind {
        0 => Action::Insert,
        1 => {
            let set = SETS[set]
                .iter()
                .map(|(c, text)| (*c, program(text, TYPES[*c])));
            Action::Update(lookup(shape, condition), set.collect())
        }
        2 => Action::Delete(lookup(shape, condition)),
        _ => Action::Upsert(lookup(shape, condition)),
    }
}

/// What a table should hold: rows in the order of their arrival, and when each was last written.
#[derive(Clone, Default)]
struct Model {
    rows: Vec<(Row, i64)>,
    refused: u64,
    full: u64,
}

impl Model {
    fn expire(&mut self, shape: &Shape, clock: i64) {
        if let Some(ttl) = shape.ttl_us {
            self.rows.retain(|(_, written)| written + ttl > clock);
        }
    }

    fn has_sound_keys(shape: &Shape, rows: &[(Row, i64)]) -> bool {
        let Some(primary) = &shape.primary else {
            return true;
        };
        let key = |row: &Row| primary.iter().map(|c| row[*c].clone()).collect::<Vec<_>>();
        let keys: Vec<Vec<Value>> = rows.iter().map(|(row, _)| key(row)).collect();
        let is_sound = |(place, key): (usize, &Vec<Value>)| {
            !key.contains(&Value::Null) && !keys[..place].contains(key)
        };
        keys.iter().enumerate().all(is_sound)
    }

    fn apply(
        &mut self,
        shape: &Shape,
        (kind, condition, number): (usize, usize, usize),
        row: &Row,
        now: i64,
    ) {
        let mut rows = self.rows.clone();
        let found = |of: &Row| kind > 0 && holds(condition, row, of);
        let any = rows.iter().any(|(of, _)| found(of));
        match kind {
            2 => rows.retain(|(of, _)| !found(of)),
            1 | 3 if any => {
                for (of, written) in rows.iter_mut().filter(|(of, _)| found(of)) {
                    *of = match kind {
                        1 => set(number, row, of),
                        _ => row.clone(),
                    };
                    *written = now.max(*written);
                }
            }
            1 => {}
            _ => rows.push((row.clone(), now)),
        }
        if !Model::has_sound_keys(shape, &rows) {
            self.refused += 1;
        } else if rows.len() > ROWS_MAX {
            self.full += 1;
        } else {
            self.rows = rows;
        }
    }
}

const ROWS_MAX: usize = 40;

fn random_row(random: &mut Random) -> Row {
    let texts = ["a", "b", "c", "d", "a text that is longer than 23 bytes"];
    let row = [
        Value::Long(random.between(0, 14)),
        Value::from(*random.pick(&texts)),
        Value::Double(random.between(0, 9) as f64 / 2.0),
        Value::Int(random.between(0, 3) as i32),
    ];
    let value = |value| match random.once_in(14) {
        true => Value::Null,
        false => value,
    };
    row.map(value).to_vec()
}

/// Rows whose times and clocks go on from these.
fn random_batch(random: &mut Random, clock: &mut i64) -> Batch {
    let mut batch = Batch {
        columns: TYPES.iter().map(|ty| Column::new(*ty)).collect(),
        tracks_clock: true,
        ..Batch::default()
    };
    for _ in 0..1 + random.below(6) {
        *clock += random.between(0, 3) * random.between(0, 5);
        batch.at.push(Timestamp(*clock + random.between(-5, 5)));
        batch.clock.push(Timestamp(*clock));
        for (column, value) in batch.columns.iter_mut().zip(random_row(random)) {
            assert!(column.push(&value));
        }
    }
    batch
}

fn shapes() -> Vec<Shape> {
    let shape = |primary: Option<&[usize]>, indexes: &[&[usize]], ttl_us| Shape {
        types: TYPES.to_vec(),
        primary: primary.map(<[usize]>::to_vec),
        indexes: indexes.iter().map(|index| index.to_vec()).collect(),
        ttl_us,
    };
    vec![
        shape(Some(&[0]), &[&[1]], None),
        shape(Some(&[1, 0]), &[&[3], &[3, 1]], None),
        shape(None, &[&[1], &[0]], None),
        shape(None, &[], Some(TTL_US)),
        shape(Some(&[0]), &[&[3]], Some(TTL_US)),
        shape(Some(&[2]), &[], None),
    ]
}

fn contents(table: &Table) -> Vec<Row> {
    let value = |slot: Slot| move |column: &Column| column.value(slot as usize);
    let row = |slot| table.columns().iter().map(value(slot)).collect();
    let rows: Vec<Row> = table.slots().map(row).collect();
    assert_eq!(rows.len(), table.len());
    rows
}

fn check_contents(table: &Table, model: &Model, what: &str) {
    let want: Vec<Row> = model.rows.iter().map(|(row, _)| row.clone()).collect();
    assert_eq!(contents(table), want, "{what}");
    for index in &table.indexes {
        let key = |row: &Row| index.columns.iter().map(|c| row[*c].clone()).collect();
        let keys = want
            .iter()
            .map(key)
            .filter(|key: &Row| !key.contains(&Value::Null));
        let keys: HashSet<String> = keys.map(|key| format!("{key:?}")).collect();
        assert_eq!(index.chains.keys(), keys.len(), "no key is left behind");
    }
}

/// Every condition for every row of a batch.
fn check_lookups(shape: &Shape, table: &Table, model: &Model, batch: &Batch) {
    let row_of = |slot: Slot| -> Row {
        let columns = table.columns().iter();
        columns.map(|c| c.value(slot as usize)).collect()
    };
    for condition in 0..CONDITIONS.len() {
        let mut lookup = lookup(shape, condition);
        let (mut pairs, mut exist) = (Pairs::default(), vec![true]);
        lookup.candidates(batch, table, &mut pairs);
        lookup.exists(batch, table, &mut exist);
        let mut found = pairs.rows.iter().zip(&pairs.slots).peekable();
        for row in 0..batch.len() {
            let (values, clock) = (batch.row(row), batch.clock[row].0);
            let mut model = model.clone();
            model.expire(shape, clock);
            let want: Vec<Row> = model.rows.into_iter().map(|(of, _)| of).collect();
            let want: Vec<Row> = want
                .into_iter()
                .filter(|of| holds(condition, &values, of))
                .collect();
            let mut got = Vec::new();
            while let Some((_, slot)) = found.next_if(|(r, _)| **r as usize == row) {
                got.push(row_of(*slot));
            }
            assert_eq!(got, want, "{condition} of {values:?}");
            assert_eq!(exist[row + 1], !want.is_empty());
            let view = RowView { batch, row };
            let mut slots = Vec::new();
            lookup.candidates_of(view, table, &mut slots);
            assert_eq!(slots.into_iter().map(row_of).collect::<Vec<Row>>(), want);
            assert_eq!(lookup.exists_for(view, table), !want.is_empty());
        }
        assert_eq!(found.next(), None);
    }
}

/// One batch of one kind of write, as a whole or row by row, to a table and what it should be.
fn write(
    random: &mut Random,
    shape: &Shape,
    table: &mut Table,
    clock: &mut i64,
    model: &mut Model,
) {
    let condition = random.below(CONDITIONS.len());
    let conditions = [condition, random.below(3usize)];
    let kind = [0, 0, 1, 2, 3, 3][random.below(6usize)];
    // Deletes of everything are rare.
    let condition = conditions[usize::from(kind == 2 && !random.once_in(9))];
    let kind = (kind, condition, random.below(SETS.len()));
    let batch = random_batch(random, clock);
    let mut writer = TableWrite::new(action(shape, kind), TYPES.len(), &TYPES);
    match random.once_in(3) {
        true => (0..batch.len()).for_each(|row| writer.row(RowView { batch: &batch, row }, table)),
        false => writer.apply(&batch, table),
    }
    let (refused, full) = (model.refused, model.full);
    for row in 0..batch.len() {
        let (at, clock) = (batch.at[row].0, batch.clock[row].0);
        model.expire(shape, clock);
        model.apply(shape, kind, &batch.row(row), at.max(clock));
    }
    let mut counters = crate::operator::Counters::default();
    writer.count(&mut counters);
    let what = format!("{kind:?} of {shape:?}");
    assert_eq!(writer.refused(), model.refused - refused, "{what}");
    assert_eq!(counters.limit_rows, model.full - full, "{what}");
    check_contents(table, model, &what);
}

fn new_table(shape: &Shape) -> Table {
    Table::new(shape).bounded(ROWS_MAX)
}

#[test]
fn a_table_does_what_a_vector_of_rows_does() {
    for (number, shape) in shapes().iter().enumerate() {
        for seed in 0..8 {
            let random = &mut Random::new(seed * 10 + number as u64);
            let (mut table, mut model, mut clock) = (new_table(shape), Model::default(), 1000);
            for step in 0..150 {
                write(random, shape, &mut table, &mut clock, &mut model);
                if step % 10 == 0 {
                    let mut later = clock;
                    let batch = random_batch(random, &mut later);
                    check_lookups(shape, &table, &model, &batch);
                }
                if random.once_in(8) {
                    clock += random.between(0, TTL_US);
                    table.expire(Timestamp(clock));
                    model.expire(shape, clock);
                    check_contents(&table, &model, "the clock");
                    assert!(table.due().is_none_or(|due| due > Timestamp(clock)));
                }
            }
            assert!(model.refused > 0 || shape.primary.is_none());
        }
    }
}

#[test]
fn a_table_is_what_it_was_at_the_cut() {
    for (number, shape) in shapes().iter().enumerate() {
        let random = &mut Random::new(900 + number as u64);
        let mut tables = Tables(vec![new_table(shape)]);
        let (mut model, mut clock) = (Model::default(), 1000);
        let mut revisions = Revisions::default();
        revisions.track(&mut tables);
        let mut cut: Option<(Model, i64)> = None;
        for _ in 0..250 {
            if cut.is_none() && random.once_in(3) {
                revisions.cut(&mut tables);
                cut = Some((model.clone(), clock));
            }
            write(random, shape, &mut tables.0[0], &mut clock, &mut model);
            let budget = 1 + random.below(3usize);
            if cut.is_some() && revisions.drain(&mut tables, budget) {
                let (then, at) = cut.take().expect("a cut");
                let mut loaded = Tables(vec![new_table(shape)]);
                revisions.load(&mut loaded).expect("it is sound");
                check_contents(&loaded.0[0], &then, "loaded");
                let mut later = at;
                let batch = random_batch(random, &mut later);
                check_lookups(shape, &loaded.0[0], &then, &batch);
                if random.once_in(2) {
                    (tables, model, clock) = (loaded, then, at);
                    revisions.track(&mut tables);
                }
            }
        }
    }
}

#[test]
fn damaged_bytes_are_an_error_or_a_table() {
    for (number, shape) in shapes().iter().enumerate() {
        let random = &mut Random::new(70 + number as u64);
        let (mut table, mut model, mut clock) = (new_table(shape), Model::default(), 1000);
        let mut revisions = Revisions::default();
        revisions.track(&mut table);
        for _ in 0..40 {
            write(random, shape, &mut table, &mut clock, &mut model);
        }
        revisions.cut(&mut table);
        assert!(revisions.drain(&mut table, usize::MAX));
        let mut sound = 0;
        for seed in 0..600 {
            let mut other = new_table(shape);
            if revisions.damaged(seed).load(&mut other).is_err() {
                continue;
            }
            sound += 1;
            for kind in 0..4 {
                let batch = random_batch(random, &mut clock);
                let kind = (
                    kind,
                    random.below(CONDITIONS.len()),
                    random.below(SETS.len()),
                );
                let mut writer = TableWrite::new(action(shape, kind), TYPES.len(), &TYPES);
                writer.apply(&batch, &mut other);
                assert_eq!(contents(&other).len(), other.len());
            }
        }
        assert!(sound < 600, "damage is seen");
    }
}

#[test]
fn writes_keep_their_counters() {
    let shape = &shapes()[0];
    let make = || TableWrite::new(action(shape, (3, 0, 0)), TYPES.len(), &TYPES);
    let (mut table, mut writer) = (new_table(shape), make());
    let mut batch = random_batch(&mut Random::new(1), &mut 0);
    let len = batch.len();
    batch.columns[0].clear();
    batch.columns[0].extend_value(&Value::Null, len);
    writer.apply(&batch, &mut table);
    assert_eq!((writer.refused(), table.len()), (batch.len() as u64, 0));
    let mut revisions = Revisions::default();
    revisions.track(&mut writer);
    revisions.cut(&mut writer);
    assert!(revisions.drain(&mut writer, usize::MAX));
    let mut loaded = make();
    revisions
        .load(&mut loaded as &mut dyn StateHolder)
        .expect("it is sound");
    assert_eq!(loaded.refused(), batch.len() as u64);
}

#[test]
fn many_pairs_are_found_in_pieces() {
    let (random, shape) = (&mut Random::new(8), &shapes()[2]);
    let make = |random: &mut Random| {
        let mut all = random_batch(random, &mut 0);
        while all.len() < 300 {
            let more = random_batch(random, &mut 0);
            all.append(&more, &crate::event::RowSet::All);
        }
        all
    };
    let (rows, batch) = (make(random), make(random));
    for (kind, set) in [(1, 0), (1, 3), (2, 0)] {
        for condition in [1, 3, 5, 6] {
            let writer = |kind| TableWrite::new(action(shape, kind), TYPES.len(), &TYPES);
            let (mut whole, mut single) = (Table::new(shape), Table::new(shape));
            writer((0, 0, 0)).apply(&rows, &mut whole);
            writer((0, 0, 0)).apply(&rows, &mut single);
            let mut lookup = lookup(shape, condition);
            let mut pairs = Pairs::default();
            lookup.candidates(&batch, &whole, &mut pairs);
            let mut found = Vec::new();
            for row in 0..batch.len() {
                let view = RowView { batch: &batch, row };
                lookup.candidates_of(view, &whole, &mut found);
            }
            assert_eq!(pairs.slots, found);
            assert!(condition != 6 || found.len() > 4 * PAIRS_MAX);
            let kind = (kind, condition, set);
            writer(kind).apply(&batch, &mut whole);
            let mut one = writer(kind);
            (0..batch.len()).for_each(|row| one.row(RowView { batch: &batch, row }, &mut single));
            assert_eq!(contents(&whole), contents(&single), "{kind:?}");
        }
    }
}
