//! Does memory stay where it is: while a store does not answer, and over a day of checkpoints?
//!
//! Sketch: a capture under way holds values of slots that were overwritten before they were encoded (at most all of
//! them, 24 bytes and a place in a list each), and chunks that wait for the store, of which the number is limited.
//! Over a day nothing grows: a part is captured whole every eighth epoch and revisions beyond three are deleted.

use super::rig::{NAME, Rig, Store, build};
use crate::data::{BATCH_ROWS, trades};
use crate::engine::{self, Engine};
use crate::fault_store::{Call, Fault, FaultStore, Gate};
use crate::figures::{bytes, short};
use crate::hand::{self, Length, Map};
use crate::harness::{Conditions, Size, Spread, Tally, same, word3};
use crate::lanes::two_cores;
use crate::progress;
use crate::record::{Measure, Record, Unit};
use crate::standing::resident;
use eventflux::store::MemoryStore;
use eventflux::{CheckpointConfig, Workers};
use std::sync::Arc;

/// Chunks of a megabyte that may wait for the store in the question of memory.
const STAGED: usize = 4;

/// `checkpoint-memory`: growth of resident memory while a full capture waits for its store and all groups change.
pub fn memory(c: &Conditions) -> Result<Record, String> {
    let groups = c.keys(1_000_000);
    let fault = FaultStore::new(Arc::new(MemoryStore::new()));
    let gate = Gate::new();
    fault.at_call(Call::PutChunk, 1, Fault::Wait(gate.clone()));
    let store: Store = Arc::new(fault);
    let config = CheckpointConfig::default().staged_chunks_max(STAGED);
    let worker = Workers::Cores(vec![two_cores()?.1.id]);
    let mut rig = Rig::new(worker, Some(&store), config, groups)?;
    rig.add_sets(groups, 1)?;
    let before = resident()?;
    let handle = rig.runtime().persist_async().map_err(engine::text)?;
    gate.wait_until_reached();
    let sent = rig.send_set(0);
    let after = resident();
    gate.open();
    handle.wait().map_err(engine::text)?;
    sent?;
    let ours = after?.saturating_sub(before) as f64;
    let state = rig.metrics()?.raw_bytes as f64;
    rig.end()?.check(&store)?;
    let list = 4.0 * groups as f64;
    let staged = ((STAGED + 2) << 20) as f64;
    let figures = (
        Spread::one(ours.max(1.0)),
        Spread::one(state + list + staged),
    );
    let record = Record::new(
        "checkpoint-memory",
        Unit::Bytes,
        groups,
        "encoded state + 4 B per changed slot + chunks",
        figures,
    );
    Ok(record.within_ratio(1.0).with_note(format!(
        "state {} encoded, {} in the list of changed slots, {} in {STAGED} chunks that wait, one that is put and one \
         that is filled; taken once, the store holds the first put until all groups have changed",
        bytes(state),
        bytes(list),
        bytes(staged)
    )))
}

const SLIDING: &str = "@app:name('bench')\n\
    CREATE STREAM S (ts LONG, key LONG, price DOUBLE, vol LONG);\n\
    INSERT INTO Out SELECT key, sum(price) AS total, count() AS n FROM S WINDOW('length', 10000) GROUP BY key;";

/// What is looked at from time to time.
#[derive(Clone, Copy)]
struct Look {
    resident: f64,
    chain: f64,
    chunks: f64,
    stored: f64,
}

impl Look {
    fn at(engine: &Engine, store: &Store) -> Result<Look, String> {
        let metrics = engine
            .runtime()
            .checkpoint_metrics()
            .map_err(engine::text)?;
        let names = store.chunks(NAME).map_err(engine::text)?;
        let mut stored = 0;
        for name in &names {
            let chunk = store.get_chunk(NAME, *name).map_err(engine::text)?;
            stored += chunk.map_or(0, |chunk| chunk.len());
        }
        Ok(Look {
            resident: resident()? as f64,
            chain: metrics.chain as f64,
            chunks: names.len() as f64,
            stored: stored as f64,
        })
    }
}

/// `checkpoint-soak`: a day of checkpoints without the waiting between them.
pub fn soak(c: &Conditions) -> Result<Record, String> {
    let epochs = match c.size {
        Size::Full => 2000,
        Size::Quick => 300,
        Size::Tiny => 40,
    };
    let store: Store = Arc::new(MemoryStore::new());
    let config = CheckpointConfig::default().retain(3);
    let runtime = build(SLIDING, Workers::Inline, Some(&store), config)?;
    let mut engine = Engine::of(runtime, 1, engine::long_double_long)?;
    let trades = trades(16 * BATCH_ROWS, 1000);
    let mut batches = engine.columns(&trades)?;
    let (mut window, mut groups) = (Length::new(10_000), Map::default());
    let mut expected = Tally::default();
    let mut input = engine.runtime().input_handler("S").map_err(engine::text)?;
    let (mut first, mut last) = (Vec::new(), Vec::new());
    let looked = |epoch: usize| epoch.is_multiple_of((epochs / 80).max(1));
    for epoch in 0..epochs {
        progress::step("checkpoint", epoch, epochs);
        let batch = epoch % batches.len();
        input
            .send_columns(&mut batches[batch])
            .map_err(engine::text)?;
        let rows = &trades[batch * BATCH_ROWS..(batch + 1) * BATCH_ROWS];
        hand::length_group(&mut window, &mut groups, rows, &mut |key, total, n| {
            expected.add(word3(key as u64, total.to_bits(), n as u64));
        });
        engine.runtime().persist().map_err(engine::text)?;
        // the first half of the first tenth fills the window and the rotation
        if (epochs / 20..epochs / 10).contains(&epoch) && looked(epoch) {
            first.push(Look::at(&engine, &store)?);
        }
        if epoch >= epochs - epochs / 20 && looked(epoch) {
            last.push(Look::at(&engine, &store)?);
        }
    }
    same(engine.news(), expected)?;
    drop(input);
    engine.runtime().shutdown().map_err(engine::text)?;
    flat(epochs, &first, &last)
}

fn flat(epochs: usize, first: &[Look], last: &[Look]) -> Result<Record, String> {
    let of =
        |looks: &[Look], figure: fn(&Look) -> f64| Spread::of(looks.iter().map(figure).collect());
    let by = |figure: fn(&Look) -> f64| of(last, figure).median / of(first, figure).median.max(1.0);
    let record = Record::new(
        "checkpoint-soak",
        Unit::Bytes,
        epochs,
        "resident memory in the first tenth",
        (of(last, |l| l.resident), of(first, |l| l.resident)),
    );
    Ok(record
        .within_ratio(1.05)
        .within("chain", Measure::Count, of(last, |l| l.chain).max, 8.0)
        .within("chunks", Measure::Times, by(|l| l.chunks), 1.1)
        .within("stored", Measure::Times, by(|l| l.stored), 1.1)
        .with_note(format!(
            "{epochs} checkpoints, of the first tenth the second half and the last twentieth: chunks kept {} then {}, \
             stored {} then {}, chain {} then {}",
            short(of(first, |l| l.chunks).median),
            short(of(last, |l| l.chunks).median),
            bytes(of(first, |l| l.stored).median),
            bytes(of(last, |l| l.stored).median),
            of(first, |l| l.chain).max,
            of(last, |l| l.chain).max
        )))
}
