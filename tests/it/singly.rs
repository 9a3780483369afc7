//! Rows that go through the operators one by one, beside the same rows by column: what the scripts cannot say, as it is
//! made of a row's place.

use eventflux::{EventFluxManager, RuntimeConfig, Timestamp, Value, Workers};

/// Up to how many rows go one by one changes no value, also none that is made of a row's cause and place.
#[test]
fn rows_by_column_and_one_by_one_have_the_same_ids() {
    let app = "CREATE STREAM S (v INT);
        INSERT ALL EVENTS INTO Mid SELECT v FROM S WINDOW('timeLength', 1 SECOND, 1);
        INSERT ALL EVENTS INTO Out SELECT v, uuid() AS u FROM Mid WINDOW('length', 1);";
    let ids = |rows_singly_max: usize| {
        let config = RuntimeConfig::default()
            .workers(Workers::Inline)
            .event_time(true)
            .rows_singly_max(rows_singly_max);
        let runtime = EventFluxManager::new().create_with(app, config);
        let runtime = runtime.expect("the app is right");
        let out = runtime.subscribe("Out").expect("a stream");
        runtime.start().expect("started");
        let mut input = runtime.input().expect("running");
        for v in 0..4 {
            let at = Timestamp::from_millis(1000 + i64::from(v));
            input.send_at("S", at, (v,)).expect("taken");
        }
        let batches = std::iter::from_fn(|| out.try_recv());
        let rows = batches.flat_map(|b| (0..b.len()).map(move |row| b.row(row)));
        rows.collect::<Vec<Vec<Value>>>()
    };
    let by_column = ids(0);
    assert_eq!(by_column.len(), 13);
    assert_eq!((ids(2), ids(usize::MAX)), (by_column.clone(), by_column));
}
