//! Two hundred apps in one process: what each costs while it runs, and that nothing is left when all have ended.
//!
//! How: rounds of apps are made, started, fed, checkpointed and stopped, inline and on two workers each, in a
//! folder and in one Redis; all but the first round go on from the checkpoints of the one before. Threads and
//! descriptors are counted by what the system says of the process, so this is a binary of its own with one test in it.
//! `WAY=n` in the environment runs one of more ways alone, in a fresh process: with `--nocapture` its first line is
//! what the table of `docs/operations.md` tells.

use eventflux::redis::{RedisConfig, RedisPersistenceStore};
use eventflux::store::{FileStore, PersistenceStore};
use eventflux::{EventFluxAppRuntime, EventFluxManager, Input, RuntimeConfig, Timestamp, Workers};
use eventflux_testbed::{HANG, Scratch, any_redis, until};
#[path = "common/counting.rs"]
#[allow(dead_code, reason = "it is shared, and each program uses a part")]
mod counting;

use counting::{Counting, HELD_BYTES};
use std::fs;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::Ordering;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const APPS: usize = 200;
const ROUNDS: usize = 3;
const ROWS: i64 = 300;
/// How many more bytes may be held after a later round than after the first one: 100 of each app would show. What the
/// process keeps of memory that was given back is up to the system's allocator, and to how threads share its arenas.
const GROWTH_BYTES_MAX: i64 = APPS as i64 * 100;
/// Connections of a store in Redis at most.
const CONNECTIONS_MAX: usize = 10;
/// Segments that a store in a folder keeps open for all its apps.
const SEGMENTS_MAX: usize = 64;

/// Where the apps keep their state.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kept {
    /// A folder, by one store for all.
    Folder,
    /// Redis, by one store for all.
    Redis,
    /// Redis, by a store each: what sharing one saves.
    OwnRedis,
}

/// Where state is kept, and workers of each app; 0: the thread that sends.
const WAYS: [(Kept, usize); 6] = [
    (Kept::Folder, 0),
    (Kept::Folder, 2),
    (Kept::Redis, 0),
    (Kept::Redis, 2),
    (Kept::OwnRedis, 0),
    (Kept::Folder, 1),
];
/// The ways that are tried where `WAY` names none: each place of state, and each kind of worker.
const TRIED: [usize; 3] = [1, 2, 4];

#[derive(Clone, Copy, Debug)]
struct Way {
    workers: usize,
    kept: Kept,
}

/// What the process has.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Held {
    threads: usize,
    descriptors: usize,
    resident_kib: i64,
    bytes: i64,
}

fn held() -> Held {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells");
    let number = |name: &str| {
        let line = status.lines().find_map(|l| l.strip_prefix(name));
        let number = line.and_then(|l| l.split_whitespace().next());
        number.and_then(|n| n.parse().ok()).expect("a number")
    };
    Held {
        threads: number("Threads:") as usize,
        // Less the one by which they are listed.
        descriptors: fs::read_dir("/proc/self/fd").expect("Linux tells").count() - 1,
        resident_kib: number("VmRSS:"),
        bytes: HELD_BYTES.load(Ordering::Relaxed),
    }
}

struct World {
    way: Way,
    folder: Scratch,
    redis: Option<RedisConfig>,
}

impl World {
    fn store(&self) -> Arc<dyn PersistenceStore> {
        match &self.redis {
            Some(config) => {
                let store = RedisPersistenceStore::new_with_config(config.clone());
                Arc::new(store.expect("the URL is right"))
            }
            None => Arc::new(FileStore::open(self.folder.path()).expect("a folder")),
        }
    }

    fn make(&self, manager: &EventFluxManager, app: usize) -> EventFluxAppRuntime {
        let text = format!(
            "@app:name('many-{app}') @app:playback
             CREATE STREAM S (k STRING, v INT);
             INSERT INTO Sums SELECT k, sum(v) AS s, count() AS n FROM S GROUP BY k;
             INSERT INTO Recent SELECT k, sum(v) AS s FROM S WINDOW('time', 1 SECONDS) GROUP BY k;"
        );
        let workers = match self.way.workers {
            0 => Workers::Inline,
            n => Workers::Pinned(n),
        };
        let config = RuntimeConfig::default().workers(workers);
        manager
            .create_with(&text, config)
            .expect("the text is right")
    }

    /// One life of all apps. Answers what the process held when they were made, when they had started, and when all
    /// had taken rows and a checkpoint.
    fn round(&self, round: i64) -> [Held; 3] {
        let mut manager = EventFluxManager::new();
        manager.set_persistence_store(self.store());
        let made = (0..APPS).map(|app| {
            if self.way.kept == Kept::OwnRedis {
                manager.set_persistence_store(self.store());
            }
            self.make(&manager, app)
        });
        let apps: Vec<_> = made.collect();
        let made = held();
        for app in &apps {
            if round > 0 {
                app.restore_last_revision()
                    .expect("the round before left one");
            }
            app.start().expect("it starts");
        }
        let started = held();
        let mut inputs: Vec<Input> = apps.iter().map(|app| feed(app, round)).collect();
        for app in &apps {
            app.persist().expect("the store takes it");
        }
        let running = held();
        inputs.clear();
        for app in &apps {
            app.shutdown().expect("it ends");
        }
        [made, started, running]
    }
}

/// Sends the rows of a round.
fn feed(app: &EventFluxAppRuntime, round: i64) -> Input {
    let mut input = app.open_input("in").expect("nobody else has it");
    for row in round * ROWS..(round + 1) * ROWS {
        let at = Timestamp::from_millis(row * 10);
        let sent = input.send_at("S", at, (format!("k{}", row % 10).as_str(), row as i32));
        sent.expect("it runs");
    }
    input
}

/// How many threads and descriptors the process has more when all apps run.
fn expected(way: Way) -> (usize, RangeInclusive<usize>) {
    // Each app: its workers, and the checkpoint thread.
    let threads = APPS * (way.workers + 1);
    match way.kept {
        // The lock of each folder, and segments that were read.
        Kept::Folder => (threads, APPS..=APPS + SEGMENTS_MAX),
        // Those of the store: one renews leases, one makes connections.
        Kept::Redis => (threads + 2, 1..=CONNECTIONS_MAX),
        Kept::OwnRedis => (threads + 2 * APPS, APPS..=APPS * CONNECTIONS_MAX),
    }
}

/// The line of a round in the table.
fn line(way: Way, before: Held, seen: [Held; 3], left: Held) -> String {
    let kib = |now: Held| (now.resident_kib - before.resident_kib) as f64 / APPS as f64;
    let [made, started, running] = seen;
    format!(
        "{way:?}: {} threads, {} descriptors; KiB an app: made {:.0}, started {:.0}, running {:.0}, ended {:.0}; bytes an app: running {}, ended {}",
        running.threads - before.threads,
        running.descriptors - before.descriptors,
        kib(made),
        kib(started),
        kib(running),
        kib(left),
        (running.bytes - before.bytes) / APPS as i64,
        (left.bytes - before.bytes) / APPS as i64,
    )
}

/// Runs the rounds of a way and compares what the process holds.
fn judge(world: &World) -> Vec<String> {
    let (threads, descriptors) = expected(world.way);
    let (mut lines, mut first) = (Vec::new(), None);
    for round in 0..ROUNDS {
        let before = held();
        let seen = world.round(round as i64);
        let [.., running] = seen;
        let way = world.way;
        assert_eq!(running.threads, before.threads + threads, "{way:?}");
        let more = running.descriptors - before.descriptors;
        assert!(descriptors.contains(&more), "{way:?}: {more} descriptors");
        // The threads of a pool end by themselves when the last connection is given back.
        let ended = || (held().threads, held().descriptors) == (before.threads, before.descriptors);
        until(HANG, "threads and descriptors to end", ended);
        let left = held();
        lines.push(line(way, before, seen, left));
        let growth = left.bytes - first.get_or_insert(left).bytes;
        assert!(
            growth <= GROWTH_BYTES_MAX,
            "{way:?}: {growth} bytes stay\n{}",
            lines.join("\n")
        );
    }
    lines
}

#[test]
fn two_hundred_apps_leave_nothing_behind() {
    let redis = any_redis("many");
    let mut lines = Vec::new();
    let only = std::env::var("WAY").map(|n| n.parse::<usize>().expect("a number"));
    for (number, (kept, workers)) in WAYS.into_iter().enumerate() {
        let wanted = match &only {
            Ok(only) => *only == number,
            Err(_) => TRIED.contains(&number),
        };
        if !wanted {
            continue;
        }
        let mut config = None;
        if kept != Kept::Folder {
            let Some(redis) = &redis else { continue };
            config = Some(RedisConfig {
                url: redis.url(),
                key_prefix: format!("{}{kept:?}{workers}:", redis.prefix()),
                ..RedisConfig::default()
            });
        }
        let world = World {
            way: Way { workers, kept },
            folder: Scratch::new().expect("a folder"),
            redis: config,
        };
        lines.extend(judge(&world));
    }
    eprintln!("{}", lines.join("\n"));
}
