//! Partitions to which every row brings a new key: the bound that is named for them is where they end.

use eventflux::{EventFluxManager, RuntimeConfig, Timestamp, Workers};

/// Distinct keys that come, and as many of them as a partition keeps.
const KEYS: i64 = 60_000;
const KEYS_MAX: usize = 1_000;

/// What stands in the partition, and whether a key's first row alone shows nothing.
const QUERIES: [(&str, bool); 6] = [
    ("SELECT v, count() AS n FROM S GROUP BY k", false),
    ("SELECT v, sum(v) AS n FROM S WINDOW('length', 3)", false),
    ("SELECT v, sum(v) AS n FROM S WINDOW('time', 1 DAY)", false),
    (
        "SELECT v, sum(v) OVER (ROWS 3 PRECEDING) AS n FROM S",
        false,
    ),
    ("SELECT v, 1 AS n FROM S OUTPUT FIRST EVERY 1 DAY", false),
    (
        "SELECT b.v AS v, a.v AS n FROM PATTERN (EVERY a=S -> b=S)",
        true,
    ),
];

/// Rows of keys beyond the bound are dropped and counted, on every way of a row; rows of the others are not; and keys
/// that were forgotten make room.
#[test]
fn a_key_with_each_row_ends_at_the_bound() {
    for (query, is_pair) in QUERIES {
        for (rows_max, singly_max) in [(1, 2), (256, 0), (256, usize::MAX)] {
            let app = format!(
                "CREATE STREAM S (k LONG, v LONG);
                PARTITION WITH (k OF S) WITH ('keys.max'='{KEYS_MAX}', 'purge.idle'='1 HOUR') BEGIN
                    INSERT INTO Out {query};
                END;"
            );
            let config = RuntimeConfig::default()
                .workers(Workers::Inline)
                .event_time(true)
                .batch_rows_max(rows_max)
                .rows_singly_max(singly_max);
            let runtime = EventFluxManager::new().create_with(&app, config);
            let runtime = runtime.unwrap_or_else(|e| panic!("{app}\n{e}"));
            let out = runtime.subscribe("Out").expect("a stream");
            runtime.start().expect("started");
            let mut input = runtime.input().expect("running");
            let mut send = |at: i64, keys: std::ops::Range<i64>| {
                let at = Timestamp::from_millis(at);
                let mut shown = 0;
                for first in keys.clone().step_by(rows_max) {
                    let last = keys.end.min(first + rows_max as i64);
                    let rows = (first..last).map(|k| (Some(at), (k, k)));
                    input.send_batch("S", rows).expect("taken");
                    shown += std::iter::from_fn(|| out.try_recv())
                        .map(|batch| batch.len())
                        .sum::<usize>();
                }
                shown
            };
            let told = format!("{query}, {rows_max} at once, {singly_max} singly");
            let first = if is_pair { 0 } else { KEYS_MAX };
            assert_eq!(send(0, 0..KEYS), first, "{told}");
            let metrics = runtime.metrics().expect("running");
            assert_eq!(metrics.limit_rows, KEYS as u64 - KEYS_MAX as u64, "{told}");
            // keys that are known go on
            let again = if query.contains("FIRST") { 0 } else { KEYS_MAX };
            assert_eq!(send(1_000, 0..KEYS_MAX as i64), again, "{told}");
            // an hour later nothing of them is left
            let later = KEYS..KEYS + KEYS_MAX as i64;
            assert_eq!(send(3 * 3_600_000, later.clone()), first, "{told}");
            assert_eq!(send(3 * 3_600_000 + 1_000, later), again, "{told}");
            let metrics = runtime.metrics().expect("running");
            assert_eq!(metrics.purged_keys, KEYS_MAX as u64, "{told}");
            assert_eq!(metrics.limit_rows, KEYS as u64 - KEYS_MAX as u64, "{told}");
        }
    }
}
