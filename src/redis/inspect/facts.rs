//! What an inspection finds, in plain types.

use super::super::refusal::Refused;
use std::time::Duration;

/// What is true of a Redis now. `None` and empty lists: the servers did not tell, or the user may not ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// The URL without user and password.
    pub url: String,
    /// Whether connections are encrypted.
    pub tls: bool,
    /// How many replicas a checkpoint waits for.
    pub replicas_wanted: u32,
    /// Seconds after which the state of an app expires.
    pub ttl_seconds: Option<u64>,
    /// The server; of a cluster all primaries.
    pub servers: Vec<ServerFacts>,
    /// The sentinels of the URL.
    pub sentinels: Vec<SentinelFacts>,
    /// The cluster, where the URL names one.
    pub cluster: Option<ClusterFacts>,
    /// Each operation that is needed, tried on keys made for it.
    pub permissions: Vec<Permission>,
    /// Storing 256 KiB.
    pub set: Option<Latency>,
    /// Reading 256 KiB.
    pub get: Option<Latency>,
}

/// What one server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerFacts {
    /// Host and port, or the path of its socket.
    pub address: String,
    /// Why it could not be asked; all else is unknown then.
    pub error: Option<String>,
    /// What it is: `Redis`, or what another product calls itself, such as `Valkey`.
    pub product: Option<String>,
    /// Version of the product.
    pub version: Option<String>,
    /// The version of Redis whose commands it has.
    pub redis_version: Option<String>,
    /// Why it does not tell of itself by `INFO`.
    pub info_refused: Option<Refused>,
    /// Why it does not tell its settings by `CONFIG GET`.
    pub config_refused: Option<Refused>,
    /// `master`, `slave` or `sentinel`, in the words of Redis.
    pub role: Option<String>,
    /// What reaches the disk.
    pub persistence: PersistenceFacts,
    /// Memory.
    pub memory: MemoryFacts,
    /// Replicas that are connected.
    pub replicas: Vec<Replica>,
    /// How many replicas it must have to accept writes.
    pub min_replicas: Option<u32>,
    /// Whether it is a node of a cluster.
    pub cluster_enabled: Option<bool>,
    /// 200 pings, one after the other.
    pub ping: Option<Latency>,
    /// How many milliseconds its clock is ahead of the one here.
    pub clock_ahead_ms: Option<i64>,
}

/// What reaches the disk of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PersistenceFacts {
    /// Whether each write goes to the append-only file.
    pub aof: Option<bool>,
    /// When that is synced: `always`, `everysec` or `no`.
    pub appendfsync: Option<String>,
    /// Whether the last write of the append-only file went well.
    pub aof_write_ok: Option<bool>,
    /// Whether the last snapshot of the memory went well.
    pub bgsave_ok: Option<bool>,
    /// Whether it still reads its data.
    pub loading: Option<bool>,
}

/// The memory of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryFacts {
    /// Bytes in use.
    pub used: Option<u64>,
    /// Bytes that may be in use; 0 for no limit.
    pub max: Option<u64>,
    /// What happens when they are.
    pub policy: Option<String>,
    /// Keys deleted for want of memory since its start.
    pub evicted_keys: Option<u64>,
}

/// A replica that is connected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replica {
    /// Host and port.
    pub address: String,
    /// `online` when it follows.
    pub state: String,
    /// Seconds since it last confirmed something.
    pub lag: Option<u64>,
}

/// What one sentinel says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SentinelFacts {
    /// Host and port.
    pub address: String,
    /// Why it could not be asked.
    pub error: Option<String>,
    /// Where it says the primary is.
    pub primary: Option<String>,
    /// What it thinks of the primary, such as `master` or `master,s_down`.
    pub flags: Option<String>,
    /// How many sentinels must agree that the primary is down.
    pub quorum: Option<u32>,
    /// How many sentinels there are, this one included.
    pub sentinels: Option<u32>,
    /// How many replicas it knows.
    pub replicas: Option<u32>,
}

/// What the nodes say of their cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterFacts {
    /// `ok` or `fail`.
    pub state: Option<String>,
    /// How many of the 16,384 slots have a primary.
    pub slots: u32,
    /// Replicas of all primaries.
    pub replicas: u32,
}

/// An operation that was tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Permission {
    /// The command, and the kind of key.
    pub operation: String,
    /// Whether only the state backend needs it.
    pub backend: bool,
    /// Whether checkpoints work without it, and only what it tells is missing.
    pub optional: bool,
    /// Why it did not work.
    pub refused: Option<Refused>,
}

/// How long calls took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Latency {
    /// Half of them took no longer.
    pub p50: Duration,
    /// 99 of 100 took no longer.
    pub p99: Duration,
}

impl Latency {
    /// Of no call there is none.
    pub(super) fn of(mut times: Vec<Duration>) -> Option<Latency> {
        times.sort_unstable();
        let at =
            |part: usize| times.get((times.len() * part / 100).min(times.len().saturating_sub(1)));
        Some(Latency {
            p50: *at(50)?,
            p99: *at(99)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_calls() {
        assert_eq!(Latency::of(Vec::new()), None);
        let one = Latency::of(vec![Duration::from_millis(3)]).expect("of one");
        assert_eq!((one.p50, one.p99), (one.p50, one.p50));
        let times = (0..200).rev().map(Duration::from_millis).collect();
        let all = Latency::of(times).expect("of many");
        assert_eq!(all.p50, Duration::from_millis(100));
        assert_eq!(all.p99, Duration::from_millis(198));
    }
}
