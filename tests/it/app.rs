//! Running an app over a timeline, and its outputs as values.

use crate::coded::Coder;
use crate::literal::Literal;
use eventflux::{
    Batch, BuildError, EventFluxAppRuntime, EventFluxManager, Input, OutputNumber,
    PositionedOutput, RuntimeConfig, Schema, Sign, Timestamp, Value, Workers,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

/// What happens to an app, in order.
#[derive(Clone, Debug)]
pub enum Step {
    /// Rows of one stream, sent together; a single row is an ordinary send.
    Send(String, Vec<(Option<i64>, Vec<Literal>)>),
    /// The clock moves on, in microseconds.
    Clock(i64),
}

impl Step {
    /// Rows sent by it.
    pub fn rows(&self) -> u64 {
        match self {
            Step::Send(_, rows) => rows.len() as u64,
            Step::Clock(_) => 0,
        }
    }
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

/// Rows as texts that differ where the rows do.
pub fn shown_rows(rows: &[Emitted]) -> Vec<String> {
    rows.iter().map(|row| format!("{row:?}")).collect()
}

/// How often and where a script runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setup {
    /// 0: inline.
    pub workers: usize,
    pub batch_rows_max: usize,
    /// Rows that go one by one where they are few.
    pub rows_singly_max: usize,
    /// Rows that have times are sent as columns, with their strings as codes.
    pub coded: bool,
}

impl Setup {
    pub const INLINE: Setup = Setup {
        workers: 0,
        batch_rows_max: 256,
        rows_singly_max: 2,
        coded: false,
    };

    pub fn config(self) -> RuntimeConfig {
        let workers = match self.workers {
            0 => Workers::Inline,
            n => Workers::Pinned(n),
        };
        RuntimeConfig::default()
            .workers(workers)
            .batch_rows_max(self.batch_rows_max)
            .rows_singly_max(self.rows_singly_max)
    }
}

/// Rows that came out so far. As a positioned output it goes back to where a checkpoint found it; with numbers, it
/// leaves out what it has seen instead, where rows have numbers.
#[derive(Default)]
pub struct Collected {
    rows: Mutex<Outputs>,
    /// Rows by stream and number; none where numbers are not asked for.
    seen: Option<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    rows: BTreeMap<String, HashMap<OutputNumber, Emitted>>,
    /// A row that came again and was another one.
    wrong: Option<String>,
}

impl Collected {
    /// Recognises rows by their numbers.
    pub fn numbered() -> Self {
        Collected {
            seen: Some(Mutex::default()),
            ..Collected::default()
        }
    }

    /// Shows it every stream that queries write.
    pub fn attach(self: &Arc<Self>, runtime: &EventFluxAppRuntime) {
        for stream in runtime.streams().into_iter().filter(|s| s.written) {
            let (into, name) = (Arc::clone(self), stream.name.clone());
            let numbered = move |batch: &Batch, numbers: &[OutputNumber]| {
                (0..batch.len()).for_each(|row| into.add(&name, emitted(batch, row), numbers[row]));
            };
            if let Some(seen) = &self.seen
                && (runtime.add_numbered_callback(&stream.name, numbered)).is_ok()
            {
                let mut seen = seen.lock().expect("no callback panics");
                seen.rows.entry(stream.name).or_default();
                continue;
            }
            let (into, name) = (Arc::clone(self), stream.name.clone());
            let callback = move |batch: &Batch| {
                let mut all = into.rows.lock().expect("no callback panics");
                let rows = all.entry(name.clone()).or_default();
                rows.extend((0..batch.len()).map(|row| emitted(batch, row)));
            };
            let added = runtime.add_callback(&stream.name, callback);
            added.expect("the stream exists");
        }
    }

    fn add(&self, stream: &str, row: Emitted, number: OutputNumber) {
        let Some(seen) = &self.seen else { return };
        let mut seen = seen.lock().expect("no callback panics");
        let known = seen.rows.entry(stream.to_string()).or_default();
        if let Some(before) = known.get(&number) {
            let differs = *before != row;
            let text = || format!("{stream}, {number:?}: {before:?} came again as {row:?}");
            let wrong = differs.then(text);
            seen.wrong = seen.wrong.take().or(wrong);
            return;
        }
        known.insert(number, row.clone());
        let mut all = self.rows.lock().expect("no callback panics");
        all.entry(stream.to_string()).or_default().push(row);
    }

    /// A row that came again under its number and was another one.
    pub fn wrong(&self) -> Option<String> {
        let seen = self.seen.as_ref()?;
        seen.lock().expect("no callback panics").wrong.clone()
    }

    /// What it holds; it is empty then.
    pub fn take(&self) -> Outputs {
        if let Some(seen) = &self.seen {
            *seen.lock().expect("no callback panics") = Seen::default();
        }
        std::mem::take(&mut *self.rows.lock().expect("no callback panics"))
    }
}

impl PositionedOutput for Collected {
    fn position(&self) -> Result<Vec<u8>, String> {
        let all = self.rows.lock().expect("no callback panics");
        let count = |(name, rows): (&String, &Vec<Emitted>)| (name.clone(), rows.len());
        let counts: BTreeMap<String, usize> = all.iter().map(count).collect();
        serde_json::to_vec(&counts).map_err(|e| e.to_string())
    }

    fn sync(&self) -> Result<(), String> {
        Ok(())
    }

    fn rewind(&self, position: Option<&[u8]>) -> Result<(), String> {
        let counts: BTreeMap<String, usize> = match position {
            Some(bytes) => serde_json::from_slice(bytes).map_err(|e| e.to_string())?,
            None => BTreeMap::new(),
        };
        let seen = self
            .seen
            .as_ref()
            .map(|s| s.lock().expect("no callback panics"));
        let numbered = |name: &str| seen.as_ref().is_some_and(|s| s.rows.contains_key(name));
        let mut all = self.rows.lock().expect("no callback panics");
        for (name, rows) in all.iter_mut().filter(|(name, _)| !numbered(name)) {
            rows.truncate(counts.get(name).copied().unwrap_or(0));
        }
        Ok(())
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
    let collected = Arc::new(Collected::default());
    collected.attach(&runtime);
    runtime.start().expect("threads start");
    let mut input = runtime.input().expect("the app runs");
    let mut coder = setup.coded.then(Coder::default);
    for step in steps {
        let coded = coder.as_mut();
        if !coded.is_some_and(|coder| take_coded(&runtime, &mut input, step, coder)) {
            take_step(&runtime, &mut input, step, 0);
        }
    }
    drop(input);
    runtime.shutdown().expect("no worker panicked");
    drop(runtime);
    Ok(collected.take())
}

/// Does what a step says, without the first `skipped` of its rows.
pub fn take_step(runtime: &EventFluxAppRuntime, input: &mut Input, step: &Step, skipped: usize) {
    let (stream, rows) = match step {
        Step::Clock(us) => {
            let told = input.advance_clock(Timestamp(*us));
            return told.expect("the app runs");
        }
        Step::Send(stream, rows) => (stream, &rows[skipped..]),
    };
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

/// Sends the rows of a step as columns, if all of them have times.
fn take_coded(
    runtime: &EventFluxAppRuntime,
    input: &mut Input,
    step: &Step,
    coder: &mut Coder,
) -> bool {
    let Step::Send(stream, rows) = step else {
        return false;
    };
    let Some(schema) = runtime.schema(stream) else {
        return false;
    };
    let timed = rows.iter().map(|(at, values)| {
        let values = typed(&schema, values);
        Some((Timestamp((*at)?), values))
    });
    let Some(rows) = timed.collect::<Option<Vec<_>>>() else {
        return false;
    };
    let rows: Vec<_> = rows.iter().map(|(at, row)| (*at, row.as_slice())).collect();
    let sent = input.send_columns(stream, &mut coder.columns(&schema, &rows));
    sent.unwrap_or_else(|e| panic!("{stream}: {e}"));
    true
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
