//! Runs an app's SQL on the engine, through the public API.

use crate::app::{App, Role};
use crate::coded::Coder;
use crate::input::{Call, Row};
use crate::oracle::Output;
use eventflux::event::{Batch, Timestamp};
use eventflux::{EventFluxManager, Input, RuntimeConfig, Workers};
use eventflux_kit::Collected;

/// How an app is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub pinned: bool,
    pub batch_rows_max: usize,
    /// Rows that go one by one where they are few.
    pub rows_singly_max: usize,
    /// Whether streams between queries are watched, too.
    pub watch_all: bool,
    /// Whether its inputs have names.
    pub named: bool,
    /// Whether rows are sent as columns, with their strings as codes.
    pub coded: bool,
}

type Rows = Collected<Output>;

/// The streams that queries write.
pub fn outputs(app: &App) -> Vec<usize> {
    (0..app.streams.len())
        .filter(|s| matches!(app.streams[*s].role, Role::Stream))
        .filter(|s| app.is_written(*s) && !app.streams[*s].is_inner())
        .collect()
}

/// The rows of each watched stream, in order; the text of the error when the app is refused.
pub fn run(app: &App, calls: &[Call], run: Run) -> Result<Vec<Option<Vec<Output>>>, String> {
    let workers = if run.pinned {
        Workers::Pinned(2)
    } else {
        Workers::Inline
    };
    let config = RuntimeConfig::default()
        .workers(workers)
        .batch_rows_max(run.batch_rows_max)
        .rows_singly_max(run.rows_singly_max);
    let runtime = EventFluxManager::new()
        .create_with(&app.to_string(), config)
        .map_err(|e| format!("{e}\n{e:?}"))?;
    let mut watched: Vec<Option<Rows>> = vec![None; app.streams.len()];
    for stream in outputs(app) {
        if run.watch_all || !app.is_read(stream) {
            let rows = Rows::default();
            watched[stream] = Some(rows.clone());
            let collect = move |batch: &Batch| {
                rows.extend((0..batch.len()).map(|row| Output::seen(batch, row)));
            };
            runtime
                .add_callback(&app.streams[stream].name, collect)
                .map_err(|e| e.to_string())?;
        }
    }
    runtime.start().map_err(|e| e.to_string())?;
    let open = |number: usize| match run.named {
        true => runtime.open_input(&format!("input{number}")),
        false => runtime.input(),
    };
    let inputs = (0..app.inputs).map(open).collect::<Result<Vec<_>, _>>();
    let mut inputs = inputs.map_err(|e| e.to_string())?;
    let mut coder = run.coded.then(Coder::default);
    for call in calls {
        match call {
            Call::Advance { input, to } => inputs[*input]
                .advance_clock(Timestamp(*to))
                .map_err(|e| e.to_string())?,
            Call::Send {
                input,
                stream,
                rows,
            } => {
                let (input, name) = (&mut inputs[*input], &app.streams[*stream].name);
                let Some(coder) = &mut coder else {
                    send(input, name, rows)?;
                    continue;
                };
                let schema = runtime.schema(name).ok_or("no such stream")?;
                let rows = rows.iter();
                let rows: Vec<_> = rows
                    .map(|r| (Timestamp(r.at), r.values.as_slice()))
                    .collect();
                let sent = input.send_columns(name, &mut coder.columns(&schema, &rows));
                sent.map_err(|e| e.to_string())?;
            }
        }
    }
    inputs.into_iter().for_each(drop);
    runtime.shutdown().map_err(|e| e.to_string())?;
    Ok(watched.into_iter().map(|rows| Some(rows?.take())).collect())
}

/// Rows as one send: an ordinary one for a single row.
pub fn send(input: &mut Input, stream: &str, rows: &[Row]) -> Result<(), String> {
    let sent = match rows {
        [row] => input.send_at(stream, Timestamp(row.at), &row.values),
        _ => {
            let rows = rows.iter().map(|r| (Some(Timestamp(r.at)), &r.values));
            input.send_batch(stream, rows)
        }
    };
    sent.map_err(|e| e.to_string())
}
