//! Asks a Redis what the guarantees of checkpoints depend on: for `eventflux doctor`, and for programs.

mod facts;
mod permissions;
mod server;

pub use facts::{
    ClusterFacts, Inspection, Latency, MemoryFacts, Permission, PersistenceFacts, Replica,
    SentinelFacts, ServerFacts,
};

use super::address::{Server, Topology};
use super::connect::Connector;
use super::fault::told;
use super::link::Link;
use super::store::RedisPersistenceStore;
use crate::store::{StoreError, check_name};
use permissions::{Needs, Scratch};
use redis::{RedisResult, Value};
use std::collections::{BTreeMap, HashMap};

impl RedisPersistenceStore {
    /// Asks servers, sentinels and cluster what they are, and tries each operation that is needed on keys of its own:
    /// such as an app of this name has, or, without a name, any app and the state backend.
    ///
    /// A server that does not answer is part of what is found. Takes some 300 round trips per server.
    ///
    /// Errors: [`StoreError::Name`] for a name that no app can have.
    pub fn inspect(&self, app: Option<&str>) -> Result<Inspection, StoreError> {
        if let Some(app) = app {
            check_name("name of an app", app)?;
        }
        let inner = self.inner();
        let connector = inner.client().connector();
        let address = connector.address();
        let mut found = Inspection {
            url: inner.client().describe().to_string(),
            tls: address.tls,
            replicas_wanted: inner.client().options().replicas,
            ttl_seconds: inner.ttl().map(|ttl| ttl.as_secs()),
            ..Inspection::default()
        };
        let mut first = match &address.topology {
            Topology::Single(server) => one(server.to_string(), connector.connect(), &mut found),
            Topology::Unix(path) => one(path.clone(), connector.connect(), &mut found),
            Topology::Sentinel { sentinels, primary } => {
                let asked = |at: &Server| sentinel(connector, at, primary);
                found.sentinels = sentinels.iter().map(asked).collect();
                let said = found.sentinels.iter().find_map(|s| s.primary.clone());
                let name = said.unwrap_or_else(|| format!("primary {primary}"));
                one(name, connector.connect(), &mut found)
            }
            Topology::Cluster(seeds) => cluster(connector, seeds, &mut found),
        };
        let needs = Needs {
            replicas: found.replicas_wanted > 0,
            database: address.database,
            cluster: inner.client().is_cluster(),
        };
        let scratch = Scratch::new(inner.keys(), app);
        if let (Some(server), Ok(mut all)) = (first.as_mut(), connector.connect()) {
            found.permissions = scratch.permissions(server, &mut all, &needs);
            (found.set, found.get) = scratch.times(&mut all);
        }
        Ok(found)
    }
}

/// Inspects one server, and keeps the connection.
fn one(name: String, connected: RedisResult<Link>, found: &mut Inspection) -> Option<Link> {
    match connected {
        Ok(mut link) => {
            let facts = server::inspect(name, &mut link);
            // One that tells nothing, for want of a login, is not asked any further.
            let silent = facts.error.is_some() && facts.version.is_none();
            found.servers.push(facts);
            (!silent).then_some(link)
        }
        Err(error) => {
            found.servers.push(ServerFacts {
                error: Some(told(&name, &error).to_string()),
                address: name,
                ..ServerFacts::default()
            });
            None
        }
    }
}

/// Asks the first node that answers for all primaries, and those what they are.
fn cluster(connector: &Connector, seeds: &[Server], found: &mut Inspection) -> Option<Link> {
    for seed in seeds {
        let mut link = match connector.connect_to(seed) {
            Ok(link) => link,
            Err(error) => {
                let connected = Err(error);
                one(seed.to_string(), connected, found);
                continue;
            }
        };
        let slots: RedisResult<Value> = redis::cmd("CLUSTER").arg("SLOTS").query(&mut link);
        let slots = match slots {
            Ok(slots) => slots,
            Err(error) => {
                // Its facts may tell why: it is no node of a cluster, or the user may not ask.
                one(seed.to_string(), Ok(link), found);
                if let Some(last) = found.servers.last_mut() {
                    last.error = Some(error.to_string());
                }
                continue;
            }
        };
        let info: RedisResult<String> = redis::cmd("CLUSTER").arg("INFO").query(&mut link);
        let info = info.unwrap_or_default();
        let state = info.lines().find_map(|l| l.strip_prefix("cluster_state:"));
        let (primaries, mut facts) = read_slots(&slots, seed);
        facts.state = state.map(str::to_string);
        found.cluster = Some(facts);
        let mut first = None;
        for at in primaries {
            let link = one(at.to_string(), connector.connect_to(&at), found);
            first = first.or(link);
        }
        return first;
    }
    found.cluster = Some(ClusterFacts::default());
    None
}

/// The primaries in the answer of `CLUSTER SLOTS`, by host and port. A node that does not know its own host is at the
/// one that was asked.
fn read_slots(slots: &Value, asked: &Server) -> (Vec<Server>, ClusterFacts) {
    let mut facts = ClusterFacts::default();
    let mut primaries: BTreeMap<(String, u16), Vec<String>> = BTreeMap::new();
    let Value::Array(ranges) = slots else {
        return (Vec::new(), facts);
    };
    for range in ranges {
        let Value::Array(parts) = range else {
            continue;
        };
        let [Value::Int(from), Value::Int(to), primary, replicas @ ..] = parts.as_slice() else {
            continue;
        };
        let count = to.saturating_sub(*from).saturating_add(1);
        let count = u32::try_from(count).unwrap_or(0);
        facts.slots = facts.slots.saturating_add(count);
        if let Some(at) = node(primary, asked) {
            let known = primaries.entry((at.host, at.port)).or_default();
            let replicas = replicas.iter().filter_map(|r| node(r, asked));
            *known = replicas.map(|r| r.to_string()).collect();
        }
    }
    let replicas = primaries.values().map(Vec::len).sum::<usize>();
    facts.replicas = u32::try_from(replicas).unwrap_or(u32::MAX);
    let server = |(host, port)| Server { host, port };
    (primaries.into_keys().map(server).collect(), facts)
}

fn node(value: &Value, asked: &Server) -> Option<Server> {
    let Value::Array(parts) = value else {
        return None;
    };
    let host: Option<String> = redis::from_redis_value_ref(parts.first()?).ok()?;
    let host = host.filter(|host| !host.is_empty() && host != "?");
    Some(Server {
        host: host.unwrap_or_else(|| asked.host.clone()),
        port: redis::from_redis_value_ref(parts.get(1)?).ok()?,
    })
}

/// Asks one sentinel for the primary of this name.
fn sentinel(connector: &Connector, at: &Server, primary: &str) -> SentinelFacts {
    let mut facts = SentinelFacts {
        address: at.to_string(),
        ..SentinelFacts::default()
    };
    let asked = connector.connect_to_sentinel(at).and_then(|mut link| {
        let mut ask = redis::cmd("SENTINEL");
        ask.arg("MASTER").arg(primary);
        ask.query::<HashMap<String, String>>(&mut link)
    });
    let fields = match asked {
        Ok(fields) => fields,
        Err(error) => {
            facts.error = Some(told(&facts.address, &error).to_string());
            return facts;
        }
    };
    let number = |name: &str| fields.get(name)?.parse::<u32>().ok();
    facts.primary = fields
        .get("ip")
        .zip(fields.get("port"))
        .map(|(ip, port)| format!("{ip}:{port}"));
    facts.flags = fields.get("flags").cloned();
    facts.quorum = number("quorum");
    facts.sentinels = number("num-other-sentinels").map(|n| n.saturating_add(1));
    facts.replicas = number("num-slaves");
    facts
}
