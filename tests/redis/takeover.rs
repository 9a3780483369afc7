//! Two processes and one app: a writer that was stopped, taken over and goes on; two that start at the same time; one
//! that was killed.
//!
//! The other process is this binary again, told by a variable what to do.

use crate::call_recorder::{CallRecorder, Moment};
use crate::fault_store::Call;
use crate::life::{Life, NAME, options, seed, store_with};
use eventflux::checkpoint::verify_all;
use eventflux::redis::{RedisOptions, RedisPersistenceStore};
use eventflux::store::{Owner, PersistenceStore, StoreError};
use eventflux::{CheckpointConfig, SendError};
use eventflux_kit::{Seen, mix};
use eventflux_testbed::{HANG, Redis, need_server, until};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const CHILD: &str = "EVENTFLUX_TEST_REDIS_CHILD";
const LEASE: Duration = Duration::from_secs(5);

/// How a child ends.
const FENCED: i32 = 3;
const LOCKED: i32 = 4;

/// What a child does: it takes checkpoints until it is fenced or killed.
struct Task {
    url: String,
    seed: u64,
    /// Where it stops itself, and the how many-th time that it comes there.
    stop: Option<(Call, Moment, u64)>,
}

fn at_lease(lease: Duration) -> RedisOptions {
    options().lease(lease)
}

fn open(url: &str) -> Arc<RedisPersistenceStore> {
    store_with(url, at_lease(LEASE))
}

fn signal(pid: u32, name: &str) {
    let mut command = Command::new("kill");
    let status = command.args(["-s", name, &pid.to_string()]).status();
    assert!(status.expect("kill runs").success(), "{name} to {pid}");
}

/// Whether a process is stopped.
fn is_stopped(pid: u32) -> bool {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let (_, rest) = line.rsplit_once(')').expect("a name");
    rest.trim_start().starts_with('T')
}

/// Another process. Dropped: killed, also where it is stopped, and waited for.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Other {
    fn id(&self) -> u32 {
        self.0.id()
    }

    /// How it ended, if it has; `Some(None)` by a signal.
    fn code(&mut self) -> Option<Option<i32>> {
        let status = self.0.try_wait().expect("it was started here");
        status.map(|status| status.code())
    }
}

impl Task {
    fn spawn(&self) -> Other {
        let stop = match self.stop {
            Some((call, moment, nth)) => format!("{call:?} {moment:?} {nth}"),
            None => "never never 0".to_string(),
        };
        let program = std::env::current_exe().expect("this binary has a path");
        let mut command = Command::new(program);
        command
            .args(["--exact", "takeover::child", "--nocapture"])
            .env(CHILD, format!("{} {} {stop}", self.url, self.seed))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        Other(command.spawn().expect("it can be started"))
    }
}

/// What the child does; nothing where the test is run as one.
#[test]
fn child() {
    let Ok(task) = std::env::var(CHILD) else {
        return;
    };
    let words: Vec<&str> = task.split(' ').collect();
    let (call, moment) = (words[2].to_string(), words[3].to_string());
    let nth: u64 = words[4].parse().expect("a number");
    let came = AtomicU64::new(0);
    let hook = move |at: Call, when: Moment| {
        if format!("{at:?}") == call
            && format!("{when:?}") == moment
            && came.fetch_add(1, Ordering::SeqCst) + 1 == nth
        {
            // To this thread: another one that took the signal might be late, and this one have gone on meanwhile.
            let thread = std::fs::read_link("/proc/thread-self").expect("Linux");
            let number = thread
                .file_name()
                .and_then(|name| name.to_str()?.parse().ok());
            signal(number.expect("a number"), "STOP");
        }
    };
    let store = CallRecorder::new(open(words[0]), Box::new(hook));
    std::process::exit(perform(store, words[1].parse().expect("a number")));
}

fn perform(store: Arc<CallRecorder>, seed: u64) -> i32 {
    let mut life = match Life::try_start(store, seed) {
        Ok(life) => life,
        Err(error) => {
            assert!(error.to_string().contains("in use by"), "{error}");
            return LOCKED;
        }
    };
    loop {
        if let Err(error) = life.step() {
            if error.reason() == "io" {
                // A signal ends the wait for an answer; the next checkpoint meets the other owner.
                continue;
            }
            assert_eq!(error.reason(), "fenced", "{error}");
            for _ in 0..2 {
                assert_eq!(life.try_send(), Err(SendError::Suspended));
                let again = life.app.persist().expect_err("it has another owner");
                assert_eq!(again.reason(), "fenced", "{again}");
            }
            return FENCED;
        }
    }
}

fn ended(other: &mut Other) -> Option<i32> {
    let mut code = None;
    until(HANG, "the other process to end", || {
        code = other.code();
        code.is_some()
    });
    code.expect("it was waited for")
}

/// The clock of the server.
fn now_ms(redis: &Redis) -> i64 {
    let time = redis.cmd(&["TIME"]);
    let parts: Vec<i64> = time.items().iter().filter_map(|part| part.int()).collect();
    parts[0] * 1000 + parts[1] / 1000
}

/// The head's epoch; 0 without one.
fn epoch(store: &RedisPersistenceStore) -> u64 {
    let last = store.last_revision(NAME).expect("it works");
    last.map_or(0, |revision| revision.epoch)
}

fn assert_sound(store: &dyn PersistenceStore) {
    for (revision, report) in verify_all(store, NAME).expect("the catalogue") {
        assert!(report.is_sound(), "{revision}: {report}");
    }
}

#[test]
fn redis_persistence_of_a_stopped_writer_that_was_taken_over() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let seed = seed("a stopped writer");
    let places = [
        (Call::Flush, Moment::After, 3),
        (Call::PutChunk, Moment::After, 4),
        (Call::Commit, Moment::Before, 3),
        (Call::Commit, Moment::After, 3),
        (Call::Retire, Moment::Before, 1),
        (Call::Acquire, Moment::After, 1),
        (Call::Acquire, Moment::Before, 1),
    ];
    for (number, stop) in places.into_iter().enumerate() {
        eprintln!("stopped at {stop:?}");
        redis.cmd(&["FLUSHALL"]);
        let url = redis.url();
        let task = Task {
            url: url.clone(),
            seed,
            stop: Some(stop),
        };
        let mut first = task.spawn();
        let pid = first.id();
        until(HANG, "it to stop", || is_stopped(pid));
        // Taken over at once, or when its lease has run out.
        let config = CheckpointConfig::default().takeover(number % 2 == 0);
        let mut second = Life::go_on(open(&url), seed, Seen::default(), config);
        for _ in 0..3 {
            second.step().expect("it is the owner");
        }
        let look = open(&url);
        let before = (look.catalogue(NAME), look.chunks(NAME));
        signal(pid, "CONT");
        let code = ended(&mut first);
        let expected = match stop {
            // it had no claim yet, and finds one that is renewed
            (Call::Acquire, Moment::Before, _) => LOCKED,
            _ => FENCED,
        };
        assert_eq!(code, Some(expected), "{stop:?}");
        let catalogue = look.catalogue(NAME);
        assert_eq!(
            catalogue, before.0,
            "{stop:?}: nothing of the successor's is touched"
        );
        let chunks = look.chunks(NAME).expect("it works");
        let had = before.1.expect("it works");
        assert!(had.iter().all(|name| chunks.contains(name)), "{stop:?}");
        assert_sound(&*look);
        second.step().expect("it is the owner still");
        second.check_from(&url);
    }
}

#[test]
fn redis_persistence_of_a_writer_stopped_at_any_moment() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let seed = seed("stopped at any moment");
    for round in 0..4 {
        redis.cmd(&["FLUSHALL"]);
        let url = redis.url();
        let task = Task {
            url: url.clone(),
            seed,
            stop: None,
        };
        let mut first = task.spawn();
        let look = open(&url);
        let some = 2 + mix(seed, round) % 20;
        until(HANG, "some checkpoints", || epoch(&look) >= some);
        signal(first.id(), "STOP");
        let config = CheckpointConfig::default().takeover(true);
        let mut second = Life::go_on(open(&url), seed, Seen::default(), config);
        second.step().expect("it is the owner");
        signal(first.id(), "CONT");
        assert_eq!(ended(&mut first), Some(FENCED));
        second.step().expect("it is the owner still");
        assert_sound(&*look);
        second.check_from(&url);
    }
}

#[test]
fn redis_persistence_of_two_starts_and_one_kill() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let url = redis.url();
    let seed = seed("two start together");
    let task = Task {
        url: url.clone(),
        seed,
        stop: None,
    };
    let mut both = [task.spawn(), task.spawn()];
    // One gives up: the other one has renewed its lease.
    let mut loser = None;
    until(HANG, "one to give up", || {
        loser = both.iter_mut().position(|child| child.code().is_some());
        loser.is_some()
    });
    let loser = loser.expect("it was waited for");
    let code = ended(&mut both[loser]);
    let look = open(&url);
    let from = epoch(&look);
    until(HANG, "the other one to go on", || epoch(&look) > from + 3);
    let generation = look.catalogue(NAME).expect("it works").generation;
    // The second: on a machine with other work a lease may not be renewed in time.
    let expected = [(Some(LOCKED), 1), (Some(FENCED), 2)];
    let found = (code, generation);
    assert!(expected.contains(&found), "{found:?}");

    // The lease of a process of this machine that is gone is not waited for.
    let control = format!("eventflux:{{{NAME}}}:ctl");
    let long = 600_000;
    drop(both);
    let lease = (now_ms(&redis) + long).to_string();
    redis.cmd(&["HSET", &control, "lease", &lease]);
    let mut life = Life::start(store_with(&url, at_lease(Duration::from_secs(60))), seed);
    assert!(
        now_ms(&redis) < lease.parse().expect("a number"),
        "it waited"
    );
    life.step().expect("it is the owner");

    // That of another machine is: nobody knows whether it runs.
    let lease_ends_in = |ms: i64| {
        let lease = now_ms(&redis) + ms;
        let fields = [
            ("who", "another"),
            ("owner", "elsewhere:1#0"),
            ("proc", "other-boot/pid:[1]/1/1"),
            ("lease", &lease.to_string()),
        ];
        let mut command = vec!["HSET", &control];
        command.extend(fields.iter().flat_map(|(name, value)| [*name, *value]));
        redis.cmd(&command);
        lease
    };
    lease_ends_in(long);
    let owner = Owner {
        name: "here:1#1".to_string(),
        takeover: false,
    };
    match look.acquire(NAME, &owner) {
        Err(StoreError::Locked {
            owner,
            expires_in: Some(time),
            ..
        }) => {
            assert_eq!(owner, "elsewhere:1#0");
            let long = Duration::from_millis(long as u64);
            assert!(time <= long && time > long / 4, "{time:?}");
        }
        other => panic!("{other:?}"),
    }
    let lease = lease_ends_in(2_000);
    let mut next = Life::start(open(&url), seed);
    assert!(now_ms(&redis) >= lease, "it did not wait");
    next.step().expect("it is the owner");
    let fenced = life.step().expect_err("its claim is gone");
    assert_eq!(fenced.reason(), "fenced", "{fenced}");
    drop(life);
    next.check_from(&url);
}
