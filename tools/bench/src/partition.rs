//! Queries in a partition of 100,000 keys beside the same with GROUP BY or a keyed form, what an idle key takes, and
//! how long forgetting idle keys holds up the rows that come.
//!
//! Sketch: a partition's key is one more key of an operator that has keys anyway, so nothing should come on top but a
//! look at whether the key is NULL; where idle keys are forgotten, one more look-up per row.

use super::batches::{EVENTS, send};
use super::data::{BATCH_ROWS, Trade, each_key, trades};
use super::engine::{self, Engine, TRADES};
use super::harness::{Conditions, Pass, Spread, Tally, by_turns, same, timed, word2};
use super::record::{Record, Unit};
use super::standing::resident;
use std::cell::RefCell;
use std::time::Instant;

const KEYS: usize = 100_000;
/// Keys whose memory is looked at.
const IDLE: usize = 1_000_000;
/// What a key may take beyond its rows.
const IDLE_BYTES: f64 = 200.0;
/// The key and the sum of a group.
const GROUP_BYTES: f64 = 16.0;

/// `partition-aggregate-100k`.
pub fn aggregate(c: &Conditions) -> Result<Record, String> {
    beside(
        c,
        "partition-aggregate-100k",
        "the same with GROUP BY",
        ("key, sum(price) AS x FROM S", ""),
        ("key, sum(price) AS x FROM S GROUP BY key", 1.5),
    )
}

/// `partition-kept-100k`: the same where idle keys are forgotten, of which there are none.
pub fn kept(c: &Conditions) -> Result<Record, String> {
    beside(
        c,
        "partition-kept-100k",
        "the same with GROUP BY",
        (
            "key, sum(price) AS x FROM S",
            "WITH ('purge.idle'='100 DAYS')",
        ),
        ("key, sum(price) AS x FROM S GROUP BY key", 1.5),
    )
}

/// `partition-length-100k`.
pub fn length(c: &Conditions) -> Result<Record, String> {
    beside(
        c,
        "partition-length-100k",
        "the same with OVER",
        ("key, sum(price) AS x FROM S WINDOW('length', 21)", ""),
        (
            "key, sum(price) OVER (PARTITION BY key ROWS 20 PRECEDING) AS x FROM S",
            1.5,
        ),
    )
}

/// `partition-time-100k`.
pub fn time(c: &Conditions) -> Result<Record, String> {
    beside(
        c,
        "partition-time-100k",
        "the same with GROUP BY",
        ("key, sum(price) AS x FROM S WINDOW('time', 10 SECONDS)", ""),
        (
            "key, sum(price) AS x FROM S WINDOW('time', 10 SECONDS) GROUP BY key",
            1.5,
        ),
    )
}

/// A query in a partition of trades beside one outside.
fn beside(
    c: &Conditions,
    id: &'static str,
    baseline_is: &'static str,
    (inside, options): (&str, &str),
    (outside, within): (&str, f64),
) -> Result<Record, String> {
    let inside = partition("key OF S", options, inside);
    let apps = [
        format!("@app:playback\n{TRADES}{inside}"),
        format!("@app:playback\n{TRADES}INSERT INTO Out SELECT {outside};"),
    ];
    let trades = trades(c.events(EVENTS / 2), c.keys(KEYS));
    let batches = RefCell::new(Engine::inline(&apps[0], engine::long_double)?.columns(&trades)?);
    let pass = |app: &str| {
        let mut engine = Engine::inline(app, engine::long_double)?;
        timed(|| send(&mut engine, &mut batches.borrow_mut()))
    };
    let [ours, baseline] = &apps;
    let figures = by_turns(c, trades.len(), || pass(ours), || pass(baseline))?;
    Ok(Record::new(id, Unit::Event, trades.len(), baseline_is, figures).within_ratio(within))
}

fn partition(with: &str, options: &str, query: &str) -> String {
    format!("PARTITION WITH ({with}) {options} BEGIN INSERT INTO Out SELECT {query}; END;")
}

/// `memory-per-idle-key`: growth of resident memory by keys of a partition that are kept and aggregated.
pub fn memory(c: &Conditions) -> Result<Record, String> {
    let keys = c.keys(IDLE);
    let query = partition(
        "key OF S",
        "WITH ('purge.idle'='1 DAY')",
        "key, sum(price) AS x FROM S",
    );
    let app = format!("@app:playback\n{TRADES}{query}");
    let mut engine = Engine::inline(&app, engine::long_double)?;
    let trades = each_key(keys);
    let mut batches = engine.columns(&trades)?;
    let before = resident()?;
    let told = send(&mut engine, &mut batches)?;
    let ours = resident()?.saturating_sub(before) as f64 / keys as f64;
    let before = resident()?;
    let plain: Vec<(i64, f64)> = trades.iter().map(|t| (t.key, t.price)).collect();
    let baseline = resident()?.saturating_sub(before) as f64 / keys as f64;
    let mut expected = Tally::default();
    for (key, total) in std::hint::black_box(&plain) {
        expected.add(word2(*key as u64, total.to_bits()));
    }
    same(told, expected)?;
    // below a page per kilobyte the system's own noise is larger than the figure
    let figures = (Spread::one(ours), Spread::one(baseline.max(GROUP_BYTES)));
    let about = "vector of key and sum";
    let record = Record::new("memory-per-idle-key", Unit::Group, keys, about, figures);
    Ok(record
        .within_ratio((IDLE_BYTES + GROUP_BYTES) / GROUP_BYTES)
        .with_note("growth of resident memory, taken once, before any other question"))
}

/// `partition-purge-100k`: the longest of the batches that come while so many keys become idle, beside the longest
/// where no key is forgotten.
pub fn purge(c: &Conditions) -> Result<Record, String> {
    let query = "key, sum(price) AS x FROM S";
    let forgets = partition(
        "key OF S",
        "WITH ('purge.idle'='10 SECONDS', 'purge.interval'='20 SECONDS')",
        query,
    );
    let keeps = partition("key OF S", "WITH ('purge.idle'='100 DAYS')", query);
    let idle = each_key(c.keys(KEYS));
    // their last rows come within ten seconds, so they are forgotten together after twenty
    let busy: Vec<Trade> = trades(c.events(20_000 * BATCH_ROWS / 64), 1000);
    let turn = |query: &str| {
        let app = format!("@app:playback\n{TRADES}{query}");
        let mut engine = Engine::inline(&app, engine::long_double)?;
        let mut first = engine.columns(&idle)?;
        let mut tally = send(&mut engine, &mut first)?;
        let mut batches = engine.columns(&busy)?;
        let mut took = Vec::with_capacity(batches.len());
        let mut input = engine.runtime().input_handler("S").map_err(engine::text)?;
        for batch in &mut batches {
            let begin = Instant::now();
            input.send_columns(batch).map_err(engine::text)?;
            took.push(begin.elapsed());
        }
        drop(input);
        tally.merge(engine.news());
        let time = took.into_iter().max().unwrap_or_default();
        Ok::<_, String>(Pass { time, tally })
    };
    let figures = by_turns(c, 1, || turn(&forgets), || turn(&keeps))?;
    let about = "the longest batch where keys stay";
    let record = Record::new(
        "partition-purge-100k",
        Unit::Run,
        busy.len(),
        about,
        figures,
    );
    Ok(record.within_ratio(2.0))
}
