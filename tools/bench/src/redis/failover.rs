//! How long until checkpoints go on when the primary dies, or freezes?
//!
//! Sketch: the servers decide: a cluster needs its node timeout (2 s), a vote and its replica's delay of half a second
//! to a second; sentinels need their down-after (1 s) and a vote. The client adds its next attempt.

use super::server;
use crate::engine;
use crate::figures::short;
use crate::harness::{Conditions, Size, Spread};
use crate::record::{Measure, Record, Unit};
use eventflux::redis::{RedisOptions, RedisPersistenceStore};
use eventflux::store::{ChunkName, Commit, Owner, PersistenceStore, Revision};
use eventflux_testbed::{Cluster, Redis, Sentinel};
use std::time::{Duration, Instant};

const APP: &str = "failover";

/// The store under test, and the revision it is at.
struct Writer {
    store: RedisPersistenceStore,
    generation: u64,
    head: Option<Revision>,
    epoch: u64,
    /// The longest call so far.
    longest: Duration,
}

impl Writer {
    fn new(url: &str) -> Result<Writer, String> {
        let second = Duration::from_secs(1);
        // Every call is one attempt, so that its time is that of one attempt.
        let options = RedisOptions::default()
            .read_timeout(second)
            .write_timeout(second)
            .retry(
                Duration::from_millis(20),
                Duration::from_millis(100),
                Duration::ZERO,
            );
        let mut config = server::config(url);
        config.connection_timeout_ms = 1000;
        let store = RedisPersistenceStore::new_with_options(config, options);
        let store = store.map_err(engine::text)?;
        let owner = Owner {
            name: "bench".to_string(),
            takeover: true,
        };
        let claim = store.acquire(APP, &owner).map_err(engine::text)?;
        Ok(Writer {
            store,
            generation: claim.generation,
            head: None,
            epoch: 0,
            longest: Duration::ZERO,
        })
    }

    /// A chunk and a commit.
    fn write(&mut self) -> Result<(), String> {
        self.epoch += 1;
        let revision = Revision {
            generation: self.generation,
            epoch: self.epoch,
        };
        for number in 0..16 {
            let name = ChunkName {
                generation: self.generation,
                epoch: self.epoch,
                number,
            };
            self.timed(|store| store.put_chunk(APP, name, b"chunk"))?;
        }
        self.timed(|store| store.flush(APP))?;
        let head = self.head;
        let commit = Commit {
            revision,
            digest: 1,
            parent: head.map(|head| (head, 1)),
            manifest: b"manifest",
        };
        self.timed(|store| store.commit(APP, &commit))?;
        self.head = Some(revision);
        Ok(())
    }

    fn timed<T>(
        &mut self,
        call: impl FnOnce(&RedisPersistenceStore) -> Result<T, eventflux::store::StoreError>,
    ) -> Result<T, String> {
        let begun = Instant::now();
        let answer = call(&self.store).map_err(engine::text);
        self.longest = self.longest.max(begun.elapsed());
        answer
    }

    /// Writes until it works again. After a failover the head may be an older one: what the store has is asked for.
    fn until_writable(&mut self) -> Result<Duration, String> {
        let begun = Instant::now();
        loop {
            match self.write() {
                Ok(()) => return Ok(begun.elapsed()),
                Err(error) if begun.elapsed() > Duration::from_secs(30) => return Err(error),
                Err(_) => {
                    std::thread::sleep(Duration::from_millis(10));
                    if let Ok(catalogue) = self.store.catalogue(APP) {
                        self.head = catalogue.revisions.last().map(|entry| entry.revision);
                    }
                }
            }
        }
    }
}

/// What happens to a primary.
#[derive(Clone, Copy)]
enum Fault {
    /// Its process ends.
    Dies,
    /// It keeps its connections and answers nothing.
    Freezes,
}

impl Fault {
    fn befalls(self, primary: &Redis) {
        match self {
            Fault::Dies => primary.kill(),
            Fault::Freezes => primary.stop(),
        }
    }
}

/// Three primaries with a replica each, node timeout 2 s; the one with the control hash fails.
fn of_cluster(c: &Conditions, question: &'static str, fault: Fault) -> Result<Record, String> {
    let fail = || {
        let cluster = Cluster::try_start(&Redis::builder(), 3, 1, 2000).map_err(engine::text)?;
        let mut writer = Writer::new(&cluster.url())?;
        writer.write()?;
        let control = cluster.slot_of(&format!("eventflux:{{{APP}}}:ctl"));
        fault.befalls(cluster.owner_of(control));
        let time = writer.until_writable()?;
        Ok((time, writer.longest))
    };
    several(c, question, "the node timeout", (2e9, 5e9), fail)
}

/// A primary with a replica and three sentinels, down-after 1 s; the primary fails.
fn of_sentinel(c: &Conditions, question: &'static str, fault: Fault) -> Result<Record, String> {
    let fail = || {
        let sentinel = Sentinel::try_start(&Redis::builder(), 1, 3, 1000).map_err(engine::text)?;
        let mut writer = Writer::new(&sentinel.url())?;
        writer.write()?;
        fault.befalls(sentinel.try_primary().map_err(engine::text)?);
        let time = writer.until_writable()?;
        Ok((time, writer.longest))
    };
    several(c, question, "down-after", (1e9, 3e9), fail)
}

/// `redis-failover-cluster`.
pub fn cluster(c: &Conditions) -> Result<Record, String> {
    of_cluster(c, "redis-failover-cluster", Fault::Dies)
}

/// `redis-freeze-cluster`.
pub fn cluster_frozen(c: &Conditions) -> Result<Record, String> {
    of_cluster(c, "redis-freeze-cluster", Fault::Freezes)
}

/// `redis-failover-sentinel`.
pub fn sentinel(c: &Conditions) -> Result<Record, String> {
    of_sentinel(c, "redis-failover-sentinel", Fault::Dies)
}

/// `redis-freeze-sentinel`.
pub fn sentinel_frozen(c: &Conditions) -> Result<Record, String> {
    of_sentinel(c, "redis-freeze-sentinel", Fault::Freezes)
}

/// `decided_ns`: from when on the servers act; `max_ns`: for the slowest of all.
fn several(
    c: &Conditions,
    question: &'static str,
    is: &'static str,
    (decided_ns, max_ns): (f64, f64),
    fail: impl Fn() -> Result<(Duration, Duration), String>,
) -> Result<Record, String> {
    let count = match c.size {
        Size::Full => c.repetitions,
        Size::Quick => c.repetitions.min(3),
        Size::Tiny => 1,
    };
    let (mut times, mut longest) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let (time, call) = fail()?;
        times.push(time.as_nanos() as f64);
        longest.push(call.as_nanos() as f64);
    }
    let figures = (Spread::of(times), Spread::one(decided_ns));
    let (slowest, longest) = (figures.0.max, Spread::of(longest).max);
    let record = Record::new(question, Unit::Run, count as usize, is, figures);
    Ok(record
        .within("slowest", Measure::Nanos, slowest, max_ns)
        // a connection and the answer each have a second
        .within("longest call", Measure::Nanos, longest, 2.1e9)
        .with_note(format!(
            "from the failure of the primary to the next commit; the longest call took {} ms",
            short(longest / 1e6)
        )))
}
