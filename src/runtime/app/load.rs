//! Rows that come into tables from outside: from files when the app starts, and from the program.

use super::question::check;
use crate::connector::TableFile;
use crate::error::{RowError, RuntimeError};
use crate::event::{Batch, Timestamp};
use crate::operator::table::Refused;
use crate::runtime::ingress::row::{Row, RowWriter};
use crate::runtime::shared::Shared;

/// Rows that are inserted while the workers stand still: a few milliseconds at most.
const ROWS_AT_ONCE: usize = 4_096;

/// What became of rows that were loaded into a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loaded {
    /// Rows that the table has now.
    pub inserted: u64,
    /// Rows that it refused: their key is NULL, or another row has it.
    pub refused: u64,
}

/// The number of a table.
fn number(shared: &Shared, table: &str) -> Result<usize, RuntimeError> {
    let tables = &shared.plan.tables;
    let found = tables
        .iter()
        .position(|t| !t.is_view && t.name.eq_ignore_ascii_case(table));
    found.ok_or_else(|| {
        let held = tables.iter().filter(|t| !t.is_view);
        let names: Vec<&str> = held.map(|t| &*t.name).collect();
        let message = match names.is_empty() {
            true => "the app has no table".to_string(),
            false => format!(
                "the app has no table of this name; it has: {}",
                names.join(", ")
            ),
        };
        failed(table, message, None)
    })
}

fn failed(table: &str, message: String, error: Option<RowError>) -> RuntimeError {
    RuntimeError::Table {
        table: table.to_string(),
        message,
        error,
    }
}

/// Inserts rows of the program.
pub(super) fn from_rows<R: Row>(
    shared: &Shared,
    table: &str,
    rows: impl IntoIterator<Item = R>,
) -> Result<Loaded, RuntimeError> {
    check(shared)?;
    let table = number(shared, table)?;
    let plan = &shared.plan.tables[table];
    let mut batch = Batch::new(&shared.plan.streams[plan.stream].schema);
    for (row, number) in rows.into_iter().zip(1..) {
        let written = RowWriter::write(&mut batch.columns, &row);
        written.map_err(|e| failed(&plan.name, format!("row {number}: {e}"), Some(e)))?;
        batch.at.push(Timestamp::MIN);
    }
    let mut refused = 0;
    insert(shared, table, &batch, &mut |_, _| refused += 1)?;
    Ok(Loaded {
        inserted: batch.len() as u64 - refused,
        refused,
    })
}

/// Fills a table from its file, unless its rows were restored.
pub(super) fn from_file(
    shared: &Shared,
    table: usize,
    file: &TableFile,
) -> Result<(), RuntimeError> {
    let plan = &shared.plan.tables[table];
    if shared.rewinds() > 0 && has_had_rows(shared, table)? {
        return Ok(());
    }
    let schema = &shared.plan.streams[plan.stream].schema;
    let rows = file.read(&plan.name, schema);
    let (batch, lines) = rows.map_err(|why| failed(&plan.name, why, None))?;
    let mut wrong = None;
    let inserted = insert(shared, table, &batch, &mut |row, why| {
        wrong.get_or_insert((lines[row], why));
    })?;
    let Some((line, why)) = wrong else {
        return Ok(());
    };
    // The app does not start, and may be started again with a file that is right.
    with_table(shared, table, |table, _| {
        inserted.iter().for_each(|slot| table.remove(*slot));
    })?;
    let why = match why {
        Refused::Duplicate => "a row before has the same primary key",
        Refused::Null => "a column of the primary key is NULL",
        Refused::Full => "the table is full",
    };
    Err(failed(&plan.name, file.at_line(line, why), None))
}

fn has_had_rows(shared: &Shared, table: usize) -> Result<bool, RuntimeError> {
    let mut had = false;
    with_table(shared, table, |table, _| had = table.came() > 0)?;
    Ok(had)
}

/// Works on a table with no worker at work; `f` gets the app's clock, too.
fn with_table(
    shared: &Shared,
    number: usize,
    mut f: impl FnMut(&mut crate::operator::table::Table, Timestamp),
) -> Result<(), RuntimeError> {
    let mut found = false;
    shared.with_all(|_, core| {
        let clock = core.clock();
        for instance in core.instances_mut() {
            if let Some(table) = instance.graph.table_mut(number).filter(|_| !found) {
                found = true;
                f(table, clock);
            }
        }
    })?;
    debug_assert!(found, "every table stands somewhere");
    Ok(())
}

/// Inserts rows, some thousands at a time; `refuse` hears of those that are refused, by their place. Returns where
/// the others stand.
fn insert(
    shared: &Shared,
    table: usize,
    batch: &Batch,
    refuse: &mut dyn FnMut(usize, Refused),
) -> Result<Vec<u32>, RuntimeError> {
    let mut inserted = Vec::new();
    let mut first = 0;
    while first < batch.len() {
        let rows = first..batch.len().min(first + ROWS_AT_ONCE);
        with_table(shared, table, |table, clock| {
            table.expire(clock);
            for row in rows.clone() {
                match table.put(&batch.columns, row, false, clock) {
                    Ok(slot) => inserted.push(slot),
                    Err(why) => refuse(row, why),
                }
            }
        })?;
        first = rows.end;
    }
    Ok(inserted)
}
