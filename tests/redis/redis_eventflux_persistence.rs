//! The flow of the specification, with a store in Redis: an app whose filter, window and groups go on in another
//! runtime where the first one was.

use eventflux::checkpoint::Manifest;
use eventflux::core::distributed::{
    CompressionType, DistributedConfig, RedisConfig, StateBackendConfig, StateBackendImplementation,
};
use eventflux::core::eventflux_manager::EventFluxManager;
use eventflux::core::persistence::RedisPersistenceStore;
use eventflux::store::PersistenceStore;
use eventflux::{Batch, EventFluxAppRuntime, OutputNumber, Timestamp};
use eventflux_kit::Collected;
use eventflux_testbed::{AnyRedis, Cluster, HANG, Redis, any_redis, need_server, until};
use std::sync::Arc;
use std::time::Duration;

/// What the specification calls ready (a filter and a window), and what it calls in development (groups, and a window
/// with aggregates).
const APP: &str = "@app:name('trades') @app:playback
    CREATE STREAM Trades (symbol STRING, price DOUBLE, volume LONG);
    INSERT INTO Large SELECT symbol, volume FROM Trades[volume > 100] WINDOW('length', 3);
    INSERT INTO Totals SELECT symbol, sum(volume) AS total, count() AS n FROM Trades GROUP BY symbol;
    INSERT INTO Averages SELECT symbol, avg(price) AS mean, max(volume) AS most
    FROM Trades WINDOW('length', 4) GROUP BY symbol;";

const STREAMS: [&str; 3] = ["Large", "Totals", "Averages"];

type Rows = Collected<String>;

fn manager(redis: &AnyRedis) -> EventFluxManager {
    let config = RedisConfig {
        url: redis.url(),
        max_connections: 10,
        connection_timeout_ms: 5000,
        key_prefix: redis.prefix().to_string(),
        ttl_seconds: Some(3600),
    };
    let store = RedisPersistenceStore::new_with_config(config).expect("a URL");
    let mut manager = EventFluxManager::new();
    manager.set_persistence_store(Arc::new(store));
    manager
}

fn collect(runtime: &EventFluxAppRuntime) -> Rows {
    let rows = Rows::default();
    for stream in STREAMS {
        let rows = rows.clone();
        let add = move |batch: &Batch, _: &[OutputNumber]| {
            rows.extend((0..batch.len()).map(|row| format!("{stream} {:?}", batch.row(row))));
        };
        runtime
            .add_numbered_callback(stream, add)
            .expect("a stream");
    }
    rows
}

fn send(runtime: &EventFluxAppRuntime, trades: std::ops::Range<i64>) {
    let mut input = runtime.input().expect("it runs");
    for n in trades {
        let symbol = ["A", "B", "C"][(n % 3) as usize];
        let row = (symbol, n as f64 * 0.5, n * 37 % 211);
        let sent = input.send_at("Trades", Timestamp::from_millis(n), row);
        sent.expect("it is taken");
    }
    runtime.flush().expect("all is processed");
}

#[test]
fn test_redis_eventflux_persistence_of_windows_and_groups() {
    let Some(redis) = any_redis("flow") else {
        return;
    };
    let alone = EventFluxManager::new();
    let whole = alone.create_eventflux_app_runtime(APP).expect("an app");
    let expected = collect(&whole);
    whole.start().expect("it starts");
    send(&whole, 0..60);

    let first = manager(&redis);
    let runtime = first.create_eventflux_app_runtime(APP).expect("an app");
    let before = collect(&runtime);
    runtime.start().expect("it starts");
    send(&runtime, 0..25);
    let revision = runtime.persist().expect("a checkpoint");
    let at = before.len();
    // What comes after the checkpoint is forgotten by a restore in place.
    send(&runtime, 25..40);
    runtime.restore_revision(&revision).expect("it restores");
    before.truncate(at);
    send(&runtime, 25..40);
    let revision = runtime.persist().expect("a checkpoint");
    runtime.shutdown().expect("it stops");
    drop(first);

    let second = manager(&redis);
    let runtime = second.create_eventflux_app_runtime(APP).expect("an app");
    let after = collect(&runtime);
    runtime.restore_revision(&revision).expect("it restores");
    runtime.start().expect("it starts");
    send(&runtime, 40..60);
    let mut rows = before.rows();
    rows.extend(after.rows());
    let whole = expected.rows();
    for stream in STREAMS {
        let of = |rows: &[String]| {
            let own = rows.iter().filter(|row| row.starts_with(stream));
            own.cloned().collect::<Vec<String>>()
        };
        assert_eq!(of(&rows), of(&whole), "{stream}");
        assert!(of(&whole).len() > 20, "{stream}");
    }
}

#[test]
fn test_redis_eventflux_persistence_of_revisions() {
    let Some(redis) = any_redis("revisions") else {
        return;
    };
    let manager = manager(&redis);
    let runtime = manager.create_eventflux_app_runtime(APP).expect("an app");
    runtime.start().expect("it starts");
    let mut taken = Vec::new();
    for round in 0..3 {
        send(&runtime, round * 10..round * 10 + 10);
        taken.push(runtime.persist().expect("a checkpoint"));
    }
    assert_eq!(runtime.revisions().expect("it works"), taken);
    for revision in taken.iter().rev() {
        let report = runtime.restore_revision(revision).expect("it restores");
        assert_eq!(report.revision, Some(*revision));
    }
    let last = runtime.restore_last_revision().expect("it restores");
    assert_eq!(last.revision, taken.last().copied());
}

fn distributed(endpoints: &[String], incremental: bool) -> EventFluxManager {
    let config = DistributedConfig {
        state_backend: StateBackendConfig {
            implementation: StateBackendImplementation::Redis {
                endpoints: endpoints.to_vec(),
            },
            checkpoint_interval: Duration::from_millis(50),
            state_ttl: Some(Duration::from_secs(7200)),
            incremental_checkpoints: incremental,
            compression: CompressionType::Zstd,
        },
        ..Default::default()
    };
    let mut manager = EventFluxManager::new();
    manager.set_distributed_config(config).expect("it can work");
    manager
}

/// Two lives of an app whose manager knows no more than the configuration; the node has its control hash.
fn two_lives(endpoints: &[String], incremental: bool, node: &Redis) {
    let alone = EventFluxManager::new();
    let whole = alone.create_eventflux_app_runtime(APP).expect("an app");
    let expected = collect(&whole);
    whole.start().expect("it starts");
    send(&whole, 0..60);

    let first = distributed(endpoints, incremental);
    let runtime = first.create_eventflux_app_runtime(APP).expect("an app");
    let before = collect(&runtime);
    runtime.start().expect("it starts");
    for part in 0..3 {
        let taken = runtime.checkpoint_metrics().expect("a store").committed;
        send(&runtime, part * 10..part * 10 + 10);
        until(HANG, "a checkpoint by itself", || {
            runtime.checkpoint_metrics().expect("a store").committed > taken
        });
    }
    runtime.persist().expect("a checkpoint");
    let left = node.cmd(&["TTL", "eventflux:{trades}:ctl"]).int();
    assert!(left.is_some_and(|s| (7100..=7200).contains(&s)), "{left:?}");
    runtime.shutdown().expect("it stops");
    drop((runtime, first));

    let second = distributed(endpoints, incremental);
    let runtime = second.create_eventflux_app_runtime(APP).expect("an app");
    let after = collect(&runtime);
    runtime.restore_last_revision().expect("it restores");
    runtime.start().expect("it starts");
    send(&runtime, 30..60);
    runtime.shutdown().expect("it stops");
    let mut rows = before.rows();
    rows.extend(after.rows());
    rows.sort();
    let mut whole = expected.rows();
    whole.sort();
    assert_eq!(rows, whole);
}

/// Whether no revision names a chunk of another one.
fn are_whole(redis: &Redis) -> bool {
    let config = RedisConfig {
        url: redis.url(),
        ..RedisConfig::default()
    };
    let store = RedisPersistenceStore::new_with_config(config).expect("a URL");
    let revisions = store.catalogue("trades").expect("it works").revisions;
    assert!(revisions.len() > 1, "{revisions:?}");
    revisions.iter().all(|entry| {
        let manifest = store.manifest("trades", entry.revision).expect("it works");
        let manifest = Manifest::decode(&manifest.expect("it is there"), None).expect("sound");
        let mut chunks = manifest.chunks.iter();
        chunks.all(|chunk| chunk.name.revision() == entry.revision)
    })
}

#[test]
fn test_redis_eventflux_persistence_by_distributed_config() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    two_lives(&[redis.url()], true, &redis);
    assert!(!are_whole(&redis));
    redis.cmd(&["FLUSHALL"]);
    two_lives(&[redis.url()], false, &redis);
    assert!(are_whole(&redis));
    let cluster = Cluster::start(3, 0, 2000);
    let endpoints: Vec<String> = cluster.nodes().iter().map(Redis::url).collect();
    let control = cluster.owner_of(cluster.slot_of("eventflux:{trades}:ctl"));
    two_lives(&endpoints, true, control);
}
