//! Judges one server.

use super::check::{Checks, times};
use super::told::{untold, version};
use crate::failure::in_options;
use crate::state::text::{bytes, many};
use eventflux::redis::{Inspection, ServerFacts};
use std::time::Duration;

/// Pings slower than this are told: a commit takes some.
const SLOW_PING: Duration = Duration::from_millis(10);

const CLOCK_AHEAD_MS: u64 = 1_000;
const REPLICA_LAG_S: u64 = 10;

/// All checks of a server.
pub fn check(server: &ServerFacts, found: &Inspection, of: &mut Checks<'_>) {
    if let Some(error) = &server.error {
        of.fail(
            "reachable",
            in_options(error.clone()),
            "start it, or look at host, port, login and TLS",
        );
        if server.version.is_none() {
            return;
        }
    }
    version(server, of);
    role(server, found, of);
    disk(server, of);
    memory(server, found, of);
    replicas(server, found, of);
    if let Some(ping) = server.ping {
        match ping.p99 > SLOW_PING {
            true => of.warn(
                "ping",
                times(ping),
                "look at the network, and at `redis-cli SLOWLOG GET`",
            ),
            false => of.ok("ping", times(ping)),
        }
    }
    if let Some(ahead) = server.clock_ahead_ms {
        let text = format!("{ahead} ms ahead of this machine's");
        match ahead.unsigned_abs() > CLOCK_AHEAD_MS {
            true => of.warn(
                "clock",
                text,
                "run NTP on both; leases go by the clock of Redis alone",
            ),
            false => of.ok("clock", text),
        }
    }
}

fn role(server: &ServerFacts, found: &Inspection, of: &mut Checks<'_>) {
    let in_cluster = server.cluster_enabled == Some(true);
    match server.role.as_deref() {
        Some("master") => of.ok("role", "primary"),
        Some("slave") => of.fail(
            "role",
            "replica: it takes no writes",
            "use the address of the primary, or redis+sentinel:// or redis+cluster://, which find it",
        ),
        Some("sentinel") => of.fail("role", "sentinel", "redis+sentinel://HOST:PORT/PRIMARY"),
        _ => {
            let (found, advice) = untold(server.info_refused.as_ref());
            of.warn("role", found, advice);
        }
    }
    if found.cluster.is_none() && in_cluster {
        of.fail("role", "node of a cluster", "redis+cluster://HOST:PORT");
    }
    if found.cluster.is_some() && server.cluster_enabled == Some(false) {
        of.fail("role", "no node of a cluster", "redis://HOST:PORT");
    }
}

fn disk(server: &ServerFacts, of: &mut Checks<'_>) {
    let disk = &server.persistence;
    if disk.loading == Some(true) {
        of.warn("loading", "it still reads its data", "wait until it has");
    }
    match disk.aof {
        None => {
            let (found, advice) = untold(server.info_refused.as_ref());
            of.warn("appendonly", found, advice);
        }
        Some(false) => of.warn(
            "appendonly",
            "no: after a restart of Redis all checkpoints since its last snapshot are gone, if it makes any",
            "CONFIG SET appendonly yes, and the same in redis.conf",
        ),
        Some(true) => match disk.appendfsync.as_deref() {
            Some("no") => of.warn(
                "appendonly",
                "yes, synced when the system wants to: a power loss takes the last 30 s",
                "CONFIG SET appendfsync everysec",
            ),
            Some("always") => of.ok("appendonly", "yes, each write is synced"),
            Some("everysec") => of.ok("appendonly", "yes, synced each second: a power loss takes the last one"),
            _ => {
                let (why, _) = untold(server.config_refused.as_ref());
                of.ok("appendonly", format!("yes; when it is synced is unknown: {why}"));
            }
        },
    }
    if disk.aof_write_ok == Some(false) {
        of.fail(
            "appendonly",
            "the last write went wrong: Redis refuses writes",
            "look at its disk and its log",
        );
    }
    if disk.bgsave_ok == Some(false) {
        of.fail(
            "snapshot",
            "the last one went wrong: Redis refuses writes unless stop-writes-on-bgsave-error is no",
            "look at its disk, its log, and vm.overcommit_memory",
        );
    }
}

fn memory(server: &ServerFacts, found: &Inspection, of: &mut Checks<'_>) {
    let memory = &server.memory;
    let policy = memory.policy.as_deref();
    let limited = memory.max.is_some_and(|max| max > 0);
    match (memory.used, memory.max) {
        (Some(used), Some(max)) if limited => {
            let text = format!("{} of {} in use", bytes(used), bytes(max));
            match used > max / 5 * 4 {
                true => of.warn(
                    "maxmemory",
                    text,
                    "CONFIG SET maxmemory to more: a checkpoint that finds none fails",
                ),
                false => of.ok("maxmemory", text),
            }
        }
        (Some(used), _) => of.ok("maxmemory", format!("no limit, {} in use", bytes(used))),
        _ => {}
    }
    let advice = "CONFIG SET maxmemory-policy noeviction, and the same in redis.conf";
    match policy {
        None => {
            let (found, advice) = untold(server.info_refused.as_ref());
            let advice = format!(
                "{advice}; make sure that it is noeviction: `run` cannot look at it either"
            );
            of.warn("maxmemory-policy", found, advice);
        }
        Some("noeviction") => of.ok("maxmemory-policy", "noeviction"),
        Some(policy) => {
            let volatile = policy.starts_with("volatile-") && found.ttl_seconds.is_none();
            match limited && !volatile {
                true => of.fail(
                    "maxmemory-policy",
                    format!("{policy}: deletes checkpoints when memory is full"),
                    advice,
                ),
                false => of.warn("maxmemory-policy", policy, advice),
            }
        }
    }
    if let Some(evicted) = memory.evicted_keys.filter(|n| *n > 0) {
        of.warn(
            "evicted keys",
            format!("{} since its start", many(evicted as usize, "key")),
            "run `eventflux state verify` after the policy is noeviction",
        );
    }
}

fn replicas(server: &ServerFacts, found: &Inspection, of: &mut Checks<'_>) {
    if server.role.as_deref() != Some("master") || server.info_refused.is_some() {
        return;
    }
    let online = server.replicas.iter().filter(|r| r.state == "online");
    let online = u32::try_from(online.count()).unwrap_or(u32::MAX);
    let wanted = found.replicas_wanted;
    let fails_over = !found.sentinels.is_empty() || found.cluster.is_some();
    let text = many(online as usize, "replica");
    if online < wanted {
        of.fail(
            "replicas",
            format!("{online} of {wanted} that a checkpoint waits for"),
            "start replicas, or lower --redis-replicas",
        );
    } else if online > 0 && wanted == 0 {
        of.warn(
            "replicas",
            format!("{text}, and checkpoints wait for none: a failover may lose the last ones"),
            "--redis-replicas 1",
        );
    } else if online == 0 && fails_over {
        of.warn(
            "replicas",
            "none: there is nothing to fail over to",
            "add one",
        );
    } else {
        of.ok("replicas", text);
    }
    for replica in &server.replicas {
        let lag = replica.lag.unwrap_or(0);
        if replica.state != "online" || lag > REPLICA_LAG_S {
            let text = format!(
                "{}: {}, heard of {lag} s ago",
                replica.address, replica.state
            );
            of.warn("replica", text, "look at it and at the network");
        }
    }
    match server.min_replicas {
        Some(least) if least > online => of.fail(
            "min-replicas",
            format!("{least} must be there and {online} are: Redis refuses writes"),
            "start replicas, or CONFIG SET min-replicas-to-write to less",
        ),
        Some(0) if fails_over && online > 0 => of.warn(
            "min-replicas",
            "0: a primary that was cut off goes on taking writes, which are lost",
            "CONFIG SET min-replicas-to-write 1",
        ),
        Some(least) if least > 0 => of.ok("min-replicas", least.to_string()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{Check, Status, checks};
    use super::*;
    use eventflux::redis::{Refused, Why};

    fn sound() -> ServerFacts {
        let mut server = ServerFacts::default();
        server.address = "127.0.0.1:6379".to_string();
        server.version = Some("7.0.15".to_string());
        server.redis_version = server.version.clone();
        server.role = Some("master".to_string());
        server.persistence.aof = Some(true);
        server.persistence.appendfsync = Some("everysec".to_string());
        server.memory.used = Some(1 << 20);
        server.memory.max = Some(1 << 30);
        server.memory.policy = Some("noeviction".to_string());
        server
    }

    fn judged(server: ServerFacts) -> Vec<Check> {
        let mut found = Inspection::default();
        found.servers = vec![server];
        checks(&found, None)
    }

    #[track_caller]
    fn one(server: ServerFacts, name: &str, status: Status, part: &str) {
        let all = judged(server);
        let is = |c: &&Check| c.name == name && c.status == status;
        let check = all.iter().find(is);
        let check = check.unwrap_or_else(|| panic!("no {name} {status:?} in {all:?}"));
        let text = format!(
            "{} {}",
            check.found,
            check.advice.clone().unwrap_or_default()
        );
        assert!(text.contains(part), "{text}");
    }

    #[test]
    fn a_sound_server_has_nothing_to_change() {
        let all = judged(sound());
        assert!(all.iter().all(|c| c.status == Status::Ok), "{all:?}");
    }

    /// All that `INFO` tells is missing.
    fn untell(server: &mut ServerFacts, why: Why) {
        *server = ServerFacts::default();
        server.info_refused = Some(Refused::new(why, "said"));
    }

    #[test]
    fn each_fault_is_told_with_its_remedy() {
        type Break = fn(&mut ServerFacts);
        let cases: [(&str, Status, &str, Break); 16] = [
            ("version", Status::Fail, "6.2 or later", |s| {
                s.redis_version = Some("6.0.16".into())
            }),
            (
                "version",
                Status::Ok,
                "Valkey 9.1.2, with the commands of Redis 7.0.15",
                |s| {
                    (s.product, s.version) = (Some("Valkey".into()), Some("9.1.2".into()));
                },
            ),
            ("version", Status::Warn, "6.2 or later", |s| {
                s.version = None
            }),
            ("version", Status::Warn, "state acl", |s| {
                untell(s, Why::Forbidden)
            }),
            (
                "maxmemory-policy",
                Status::Warn,
                "rename-command for INFO",
                |s| untell(s, Why::NoCommand),
            ),
            ("appendonly", Status::Ok, "no command that tells it", |s| {
                s.persistence.appendfsync = None;
                s.config_refused = Some(Refused::new(Why::NoCommand, "said"));
            }),
            ("role", Status::Fail, "redis+sentinel", |s| {
                s.role = Some("slave".into())
            }),
            ("role", Status::Fail, "redis+cluster", |s| {
                s.cluster_enabled = Some(true)
            }),
            (
                "appendonly",
                Status::Warn,
                "CONFIG SET appendonly yes",
                |s| s.persistence.aof = Some(false),
            ),
            ("appendonly", Status::Fail, "disk", |s| {
                s.persistence.aof_write_ok = Some(false)
            }),
            ("snapshot", Status::Fail, "overcommit", |s| {
                s.persistence.bgsave_ok = Some(false)
            }),
            (
                "maxmemory-policy",
                Status::Fail,
                "CONFIG SET maxmemory-policy noeviction",
                |s| {
                    s.memory.policy = Some("allkeys-lru".into());
                },
            ),
            ("maxmemory-policy", Status::Warn, "noeviction", |s| {
                s.memory.policy = Some("allkeys-lru".into());
                s.memory.max = Some(0);
            }),
            ("maxmemory", Status::Warn, "more", |s| {
                s.memory.used = Some(1 << 30)
            }),
            ("min-replicas", Status::Fail, "refuses", |s| {
                s.min_replicas = Some(1)
            }),
            ("clock", Status::Warn, "NTP", |s| {
                s.clock_ahead_ms = Some(-5_000)
            }),
        ];
        for (name, status, part, damage) in cases {
            let mut server = sound();
            damage(&mut server);
            one(server, name, status, part);
        }
        let mut gone = ServerFacts::default();
        gone.error = Some("connection refused".into());
        one(gone, "reachable", Status::Fail, "connection refused");
    }
}
