//! Running an app over a timeline, and its outputs as values.

use crate::literal::Literal;
use eventflux::{
    Batch, BuildError, EventFluxManager, RuntimeConfig, Schema, Sign, Timestamp, Value, Workers,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What happens to an app, in order.
#[derive(Clone, Debug)]
pub enum Step {
    /// Rows of one stream, sent together; a single row is an ordinary send.
    Send(String, Vec<(Option<i64>, Vec<Literal>)>),
    /// The clock moves on, in microseconds.
    Clock(i64),
}

/// One row that came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Emitted {
    pub at_us: i64,
    pub sign: Sign,
    pub values: Vec<Value>,
}

/// Rows by stream, in the order in which they came.
pub type Outputs = BTreeMap<String, Vec<Emitted>>;

/// How often and where a script runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setup {
    /// 0: inline.
    pub workers: usize,
    pub batch_rows_max: usize,
}

impl Setup {
    pub const INLINE: Setup = Setup {
        workers: 0,
        batch_rows_max: 256,
    };

    pub fn config(self) -> RuntimeConfig {
        let workers = match self.workers {
            0 => Workers::Inline,
            n => Workers::Pinned(n),
        };
        RuntimeConfig::default()
            .workers(workers)
            .batch_rows_max(self.batch_rows_max)
    }
}

/// Runs an app over a timeline from one producer; all streams that queries write are collected.
pub fn run(app: &str, steps: &[Step], setup: Setup) -> Result<Outputs, BuildError> {
    run_on(&EventFluxManager::new(), app, steps, setup)
}

/// As [`run`], with functions of the caller's.
pub fn run_on(
    manager: &EventFluxManager,
    app: &str,
    steps: &[Step],
    setup: Setup,
) -> Result<Outputs, BuildError> {
    let runtime = manager.create_with(app, setup.config())?;
    let collected = Arc::new(Mutex::new(Outputs::new()));
    for stream in runtime.streams() {
        let into = Arc::clone(&collected);
        let name = stream.name.clone();
        let callback = move |batch: &Batch| {
            let mut all = into.lock().expect("no callback panics");
            let rows = all.entry(name.clone()).or_default();
            rows.extend((0..batch.len()).map(|row| emitted(batch, row)));
        };
        if stream.written {
            runtime
                .add_callback(&stream.name, callback)
                .expect("the stream exists");
        }
    }
    runtime.start().expect("threads start");
    let mut input = runtime.input().expect("the app runs");
    for step in steps {
        match step {
            Step::Clock(us) => input.advance_clock(Timestamp(*us)).expect("the app runs"),
            Step::Send(stream, rows) => {
                let schema = runtime
                    .schema(stream)
                    .unwrap_or_else(|| panic!("no stream {stream}"));
                let mut rows: Vec<_> = rows
                    .iter()
                    .map(|(at, values)| (at.map(Timestamp), typed(&schema, values)))
                    .collect();
                let sent = match rows.len() {
                    1 => {
                        let (at, row) = rows.remove(0);
                        match at {
                            Some(at) => input.send_at(stream, at, row),
                            None => input.send(stream, row),
                        }
                    }
                    _ => input.send_batch(stream, rows),
                };
                sent.unwrap_or_else(|e| panic!("{stream}: {e}"));
            }
        }
    }
    drop(input);
    runtime.shutdown().expect("no worker panicked");
    drop(runtime);
    let outputs = std::mem::take(&mut *collected.lock().expect("no callback panics"));
    Ok(outputs)
}

fn emitted(batch: &Batch, row: usize) -> Emitted {
    Emitted {
        at_us: batch.at()[row].0,
        sign: batch.sign(row),
        values: batch.row(row),
    }
}

/// Literals as values of the types of a stream.
fn typed(schema: &Schema, values: &[Literal]) -> Vec<Value> {
    assert_eq!(
        values.len(),
        schema.len(),
        "values for {schema:?}: {values:?}"
    );
    let types = schema.attributes().iter().map(|a| a.ty);
    values
        .iter()
        .zip(types)
        .map(|(literal, ty)| literal.typed(ty))
        .collect()
}
