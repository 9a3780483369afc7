//! Runs an app's SQL with checkpoints, crashes and restores: the same rows must come out.
//!
//! How: what came out is a positioned output, which a restore takes back to the checkpoint; rows after the input's
//! position are sent again. Every life runs on another number of workers.

use crate::app::App;
use crate::engine::{outputs, send};
use crate::input::Call;
use crate::oracle::Output;
use eventflux::event::{Batch, Timestamp};
use eventflux::store::MemoryStore;
use eventflux::{
    EventFluxAppRuntime, EventFluxManager, Input, PositionedOutput, RuntimeConfig, Workers,
};
use eventflux_kit::Random;
use std::sync::{Arc, Mutex};

/// What happens between two calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Persist,
    Crash,
}

/// Before which call something happens, in that order; and on how many workers the first life runs.
#[derive(Clone, Debug)]
pub struct Fates {
    fates: Vec<(usize, Fate)>,
    first: usize,
}

/// Up to so many calls, each gets a run with a crash behind it.
const EACH_MAX: usize = 12;

impl Fates {
    /// Some for so many calls. While a case is made smaller these become few runs with one crash each.
    pub fn draw(seed: u64, calls: usize) -> Vec<Fates> {
        let mut r = Random::new(seed);
        if calls <= EACH_MAX {
            let one = |call| Fates {
                fates: vec![(call, Fate::Persist), (call, Fate::Crash)],
                first: r.below(4),
            };
            return (1..=calls).map(one).collect();
        }
        let first = r.below(4);
        let (persists, crashes) = (*r.pick(&[3, 10, 40]), *r.pick(&[2, 5]));
        let mut fates = Vec::new();
        for call in 1..=calls {
            fates.extend(r.chance(persists).then_some((call, Fate::Persist)));
            fates.extend(r.chance(crashes).then_some((call, Fate::Crash)));
        }
        if !fates.iter().any(|(_, fate)| *fate == Fate::Crash) {
            fates.push((calls, Fate::Crash));
        }
        vec![Fates { fates, first }]
    }

    fn lives(&self) -> usize {
        let crashes = self.fates.iter().filter(|(_, f)| *f == Fate::Crash);
        1 + crashes.count()
    }

    fn workers(&self, life: usize) -> usize {
        (self.first + life) % 4
    }

    /// Whether rows come in one order.
    pub fn is_ordered(&self) -> bool {
        (0..self.lives()).all(|life| self.workers(life) <= 1)
    }
}

/// Rows by stream, in the order in which they came; none for streams that no query writes.
#[derive(Default)]
struct Collected(Mutex<Vec<Option<Vec<Output>>>>);

impl PositionedOutput for Collected {
    fn position(&self) -> Result<Vec<u8>, String> {
        let all = self.0.lock().expect("no callback panics");
        let counts = all
            .iter()
            .map(|rows| rows.as_ref().map_or(0, Vec::len) as u64);
        Ok(counts.flat_map(u64::to_le_bytes).collect())
    }

    fn sync(&self) -> Result<(), String> {
        Ok(())
    }

    fn rewind(&self, position: Option<&[u8]>) -> Result<(), String> {
        let counts = position.ok_or("the revision does not know the output")?;
        let mut all = self.0.lock().expect("no callback panics");
        for (rows, count) in all.iter_mut().zip(counts.chunks_exact(8)) {
            let count = u64::from_le_bytes(count.try_into().expect("eight bytes"));
            rows.iter_mut()
                .for_each(|rows| rows.truncate(count as usize));
        }
        Ok(())
    }
}

struct Life {
    runtime: EventFluxAppRuntime,
    input: Input,
    /// The next call, and the rows sent so far.
    next: usize,
    sent: u64,
}

fn rows(call: &Call) -> u64 {
    match call {
        Call::Send { rows, .. } => rows.len() as u64,
        Call::Advance { .. } => 0,
    }
}

/// The rows of each stream that queries write, in order.
pub fn run(app: &App, calls: &[Call], fates: &Fates) -> Result<Vec<Option<Vec<Output>>>, String> {
    let (store, collected) = (MemoryStore::new(), Arc::new(Collected::default()));
    let (mut number, mut durable) = (0, false);
    let mut life = begin(app, calls, &store, &collected, fates.workers(0), durable)?;
    for (call, fate) in &fates.fates {
        life.go_on(app, calls, *call)?;
        if *fate == Fate::Persist {
            let persisted = life.runtime.persist();
            persisted.map_err(|e| format!("persist: {e}"))?;
            durable = true;
            continue;
        }
        life.end()?;
        number += 1;
        let workers = fates.workers(number);
        life = begin(app, calls, &store, &collected, workers, durable)?;
    }
    life.go_on(app, calls, calls.len())?;
    life.end()?;
    Ok(std::mem::take(
        &mut *collected.0.lock().expect("no callback panics"),
    ))
}

fn begin(
    app: &App,
    calls: &[Call],
    store: &MemoryStore,
    collected: &Arc<Collected>,
    workers: usize,
    durable: bool,
) -> Result<Life, String> {
    let mut manager = EventFluxManager::new();
    manager.set_persistence_store(Arc::new(store.clone()));
    let config = RuntimeConfig::default()
        .workers(match workers {
            0 => Workers::Inline,
            n => Workers::Pinned(n),
        })
        .batch_rows_max([256, 1, 7, 3][workers])
        .rows_singly_max([2, 0, usize::MAX, 2][workers]);
    let built = manager.create_with(&format!("@app:name('lives') {app}"), config);
    let runtime = built.map_err(|e| format!("{e}\n{e:?}"))?;
    watch(app, &runtime, collected)?;
    let service = runtime.snapshot_service().map_err(|e| e.to_string())?;
    service.add_output("collected", Arc::clone(collected) as Arc<_>);
    let mut position = 0;
    if durable {
        let report = runtime.restore_last_revision();
        let report = report.map_err(|e| format!("restore on {workers}: {e}"))?;
        position = report.inputs.first().map_or(0, |point| point.next - 1);
    } else {
        let mut all = collected.0.lock().expect("no callback panics");
        *all = vec![None; app.streams.len()];
        outputs(app)
            .into_iter()
            .for_each(|s| all[s] = Some(Vec::new()));
    }
    runtime.start().map_err(|e| e.to_string())?;
    let input = runtime.open_input("calls").map_err(|e| e.to_string())?;
    // The call behind the last row processed, or the one that it is part of while rows of that follow.
    let (mut next, mut before) = (0, 0);
    while position > 0 && next < calls.len() && before + rows(&calls[next]) <= position {
        before += rows(&calls[next]);
        next += 1;
        if before == position {
            break;
        }
    }
    Ok(Life {
        runtime,
        input,
        next,
        sent: position,
    })
}

fn watch(
    app: &App,
    runtime: &EventFluxAppRuntime,
    collected: &Arc<Collected>,
) -> Result<(), String> {
    for stream in outputs(app) {
        let into = Arc::clone(collected);
        let collect = move |batch: &Batch| {
            let mut all = into.0.lock().expect("no callback panics");
            let rows = all[stream].get_or_insert_default();
            rows.extend((0..batch.len()).map(|row| Output::seen(batch, row)));
        };
        let added = runtime.add_callback(&app.streams[stream].name, collect);
        added.map_err(|e| e.to_string())?;
    }
    Ok(())
}

impl Life {
    /// Makes the calls before `end` that have not been made.
    fn go_on(&mut self, app: &App, calls: &[Call], end: usize) -> Result<(), String> {
        while self.next < end {
            let before: u64 = calls[..self.next].iter().map(rows).sum();
            let skipped = (self.sent - before) as usize;
            match &calls[self.next] {
                Call::Send { stream, rows, .. } => {
                    let name = &app.streams[*stream].name;
                    send(&mut self.input, name, &rows[skipped..])?;
                }
                Call::Advance { to, .. } => {
                    let told = self.input.advance_clock(Timestamp(*to));
                    told.map_err(|e| e.to_string())?;
                }
            }
            self.sent = before + rows(&calls[self.next]);
            self.next += 1;
        }
        Ok(())
    }

    fn end(self) -> Result<(), String> {
        drop(self.input);
        self.runtime
            .shutdown()
            .map_err(|e| format!("shutdown: {e}"))
    }
}
