//! Tries each operation that is needed on keys made for it, which end after a minute at the latest.

use super::super::client::random;
use super::super::fault::classify;
use super::super::keys::Keys;
use super::super::link::Link;
use super::super::refusal::Refused;
use super::facts::{Latency, Permission};
use redis::{Cmd, RedisResult, Value, cmd};
use std::time::{Duration, Instant};

/// The app of the keys where none is named.
const ANY_APP: &str = "doctor";

const BYTES: usize = 256 << 10;
const ROUNDS: usize = 20;

/// How long keys live that could not be deleted.
const LIFE_MS: u32 = 60_000;

/// What the caller's configuration makes necessary.
pub(super) struct Needs {
    pub(super) replicas: bool,
    pub(super) database: u32,
    pub(super) cluster: bool,
}

/// Keys for trying.
pub(super) struct Scratch {
    apps: String,
    hash: String,
    copy: String,
    value: String,
    set: String,
    backend: bool,
}

/// A command, and how it is told whether it works.
struct PermissionProbe {
    told: Permission,
    command: Cmd,
}

fn step(name: &'static str, command: &str, args: &[&str]) -> PermissionProbe {
    let mut made = cmd(command);
    args.iter().for_each(|arg| {
        made.arg(*arg);
    });
    let told = Permission {
        operation: name.to_string(),
        ..Permission::default()
    };
    PermissionProbe {
        told,
        command: made,
    }
}

fn backend_step(name: &'static str, command: &str, args: &[&str]) -> PermissionProbe {
    let mut step = step(name, command, args);
    step.told.backend = true;
    step
}

fn optional_step(name: &'static str, command: &str, args: &[&str]) -> PermissionProbe {
    let mut step = step(name, command, args);
    step.told.optional = true;
    step
}

impl Scratch {
    pub(super) fn new(keys: &Keys, app: Option<&str>) -> Scratch {
        let name = app.unwrap_or(ANY_APP);
        let member = format!("doctor-{:016x}", random());
        let own = format!("{}{{{name}}}:{member}", keys.prefix());
        let bucket = keys.member(name, 0, &member);
        Scratch {
            apps: keys.apps(),
            copy: format!("{own}:copy"),
            hash: own,
            set: format!("{bucket}:i"),
            value: bucket,
            backend: app.is_none(),
        }
    }

    /// Tries what is asked of one server, then what has keys: the same whatever the time to live, since without one the
    /// scripts take one of before away.
    pub(super) fn permissions(
        &self,
        server: &mut Link,
        all: &mut Link,
        needs: &Needs,
    ) -> Vec<Permission> {
        let mut tried = Vec::new();
        run(server, of_server(needs), &mut tried);
        run(all, self.of_keys(), &mut tried);
        run(all, self.removal(), &mut tried);
        tried
    }

    fn of_keys(&self) -> Vec<PermissionProbe> {
        let Scratch {
            apps,
            hash,
            copy,
            value,
            set,
            ..
        } = self;
        let life = LIFE_MS.to_string();
        let script = "return redis.call('TIME')";
        let mut steps = vec![
            step("smembers of the apps", "SMEMBERS", &[apps]),
            // a name that no app has: changes nothing, and needs what adding one needs
            step("srem of the apps", "SREM", &[apps, " "]),
            step("eval, and time in it", "EVAL", &[script, "1", hash]),
            step("hset", "HSET", &[hash, "a", "1", "b", "2"]),
            step("persist", "PERSIST", &[hash]),
            step("pexpire", "PEXPIRE", &[hash, &life]),
            step("hget", "HGET", &[hash, "a"]),
            step("hexists", "HEXISTS", &[hash, "a"]),
            step("hkeys", "HKEYS", &[hash]),
            step("hincrby", "HINCRBY", &[hash, "a", "1"]),
            step("hdel", "HDEL", &[hash, "b"]),
            step("set of a chunk", "SET", &[value, "x", "NX", "PX", &life]),
            step("get of a chunk", "GET", &[value]),
            step("exists", "EXISTS", &[value]),
            step("sadd", "SADD", &[set, "x"]),
            step("pexpire of a bucket", "PEXPIRE", &[set, &life]),
            step("smembers", "SMEMBERS", &[set]),
            step("srem", "SREM", &[set, "x"]),
        ];
        if self.backend {
            steps.push(backend_step("hlen", "HLEN", &[hash]));
            steps.push(backend_step("hscan", "HSCAN", &[hash, "0"]));
            steps.push(backend_step("copy", "COPY", &[hash, copy, "REPLACE"]));
        }
        steps
    }

    fn removal(&self) -> Vec<PermissionProbe> {
        vec![
            step("unlink", "UNLINK", &[&self.hash, &self.copy]),
            step("unlink of chunks", "UNLINK", &[&self.value, &self.set]),
        ]
    }

    /// How long storing and reading a value takes; none where it is refused.
    pub(super) fn times(&self, link: &mut Link) -> (Option<Latency>, Option<Latency>) {
        let (mut sets, mut gets) = (Vec::new(), Vec::new());
        let bytes = vec![b'x'; BYTES];
        for _ in 0..ROUNDS {
            let mut set = cmd("SET");
            set.arg(&self.value).arg(&bytes).arg("PX").arg(LIFE_MS);
            let mut get = cmd("GET");
            get.arg(&self.value);
            match (timed(link, &set), timed(link, &get)) {
                (Some(set), Some(get)) => {
                    sets.push(set);
                    gets.push(get);
                }
                _ => break,
            }
        }
        let _: RedisResult<Value> = cmd("UNLINK").arg(&self.value).query(link);
        (Latency::of(sets), Latency::of(gets))
    }
}

fn timed(link: &mut Link, command: &Cmd) -> Option<Duration> {
    let asked = Instant::now();
    let _: Value = command.query(link).ok()?;
    Some(asked.elapsed())
}

fn of_server(needs: &Needs) -> Vec<PermissionProbe> {
    let mut steps = vec![
        step("ping", "PING", &[]),
        step("role", "ROLE", &[]),
        optional_step("info", "INFO", &["memory"]),
    ];
    if needs.replicas {
        steps.push(step("wait", "WAIT", &["0", "1"]));
    }
    if needs.database != 0 {
        steps.push(step("select", "SELECT", &[&needs.database.to_string()]));
    }
    if needs.cluster {
        steps.push(step("cluster|slots", "CLUSTER", &["SLOTS"]));
        steps.push(step("asking", "ASKING", &[]));
    }
    steps
}

/// Tries steps until the connection breaks.
fn run(link: &mut Link, steps: Vec<PermissionProbe>, tried: &mut Vec<Permission>) {
    for PermissionProbe { mut told, command } in steps {
        let result = command.query::<Value>(link);
        let broken = matches!(&result, Err(e) if classify(e).is_no_answer());
        told.refused = result.err().map(|e| Refused::from(&e));
        tried.push(told);
        if broken {
            return;
        }
    }
}
