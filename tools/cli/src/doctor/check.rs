//! Judges what an inspection found.

use super::{node, operations};
use crate::failure::in_options;
use crate::state::text::many;
use eventflux::redis::{Inspection, Latency, SentinelFacts};
use serde::Serialize;
use std::time::Duration;

const SLOTS: u32 = 16_384;

/// Storing a chunk slower than this is told.
const SLOW_VALUE: Duration = Duration::from_millis(50);

/// What a check came to; the greatest counts for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Works; something is not guaranteed.
    Warn,
    /// Checkpoints will fail or be lost.
    Fail,
}

impl Status {
    pub fn shown(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Warn => "warn",
            Status::Fail => "FAIL",
        }
    }
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub server: String,
    pub status: Status,
    pub found: String,
    /// What to change.
    pub advice: Option<String>,
}

/// Collects checks of one server.
pub struct Checks<'a> {
    pub server: &'a str,
    pub all: &'a mut Vec<Check>,
}

impl Checks<'_> {
    pub fn ok(&mut self, name: &'static str, found: impl Into<String>) {
        self.add(name, Status::Ok, found.into(), None);
    }

    pub fn warn(
        &mut self,
        name: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(name, Status::Warn, found.into(), Some(advice.into()));
    }

    pub fn fail(
        &mut self,
        name: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(name, Status::Fail, found.into(), Some(advice.into()));
    }

    fn add(&mut self, name: &'static str, status: Status, found: String, advice: Option<String>) {
        self.all.push(Check {
            name,
            server: self.server.to_string(),
            status,
            found,
            advice,
        });
    }
}

/// All checks.
pub fn checks(found: &Inspection, app: Option<&str>) -> Vec<Check> {
    let mut all = Vec::new();
    sentinels(found, &mut all);
    for server in &found.servers {
        let address = &server.address;
        let mut of = Checks {
            server: address,
            all: &mut all,
        };
        node::check(server, found, &mut of);
    }
    let mut of = Checks {
        server: "",
        all: &mut all,
    };
    cluster(found, &mut of);
    operations::check(found, app, &mut of);
    value_latency(found, &mut of);
    encryption(found, &mut of);
    all
}

fn sentinels(found: &Inspection, all: &mut Vec<Check>) {
    if found.sentinels.is_empty() {
        return;
    }
    let mut of = Checks { server: "", all };
    let primaries: Vec<&String> = found
        .sentinels
        .iter()
        .filter_map(|s| s.primary.as_ref())
        .collect();
    let agree = primaries.windows(2).all(|pair| pair[0] == pair[1]);
    match primaries.first() {
        None => of.fail(
            "sentinels",
            "none of them knows the primary",
            "look at their addresses, the name of the primary in the URL, and their password",
        ),
        Some(first) if agree => of.ok("sentinels", format!("the primary is {first}")),
        Some(_) => of.fail(
            "sentinels",
            "they name different primaries",
            "wait for the end of a failover; else look at the network between them",
        ),
    }
    let known = found.sentinels.iter().filter_map(|s| s.sentinels).max();
    if let Some(known) = known.filter(|known| *known < 3) {
        of.warn(
            "sentinels",
            format!("{} in all", many(known as usize, "sentinel")),
            "run three on machines of their own: fewer do not fail over when one is gone",
        );
    }
    for sentinel in &found.sentinels {
        let mut of = Checks {
            server: &sentinel.address,
            all: of.all,
        };
        one_sentinel(sentinel, &mut of);
    }
}

fn one_sentinel(sentinel: &SentinelFacts, of: &mut Checks<'_>) {
    if let Some(error) = &sentinel.error {
        return of.warn(
            "sentinel",
            in_options(error.clone()),
            "start it, or take it out of the URL",
        );
    }
    let flags = sentinel.flags.as_deref().unwrap_or_default();
    if flags.contains("down") {
        return of.warn(
            "sentinel",
            format!("takes the primary for down ({flags})"),
            "look at the primary",
        );
    }
    let number = |n: Option<u32>| n.map_or("?".to_string(), |n| n.to_string());
    of.ok(
        "sentinel",
        format!(
            "quorum {} of {}, {} replicas",
            number(sentinel.quorum),
            number(sentinel.sentinels),
            number(sentinel.replicas)
        ),
    );
    if sentinel.replicas == Some(0) {
        of.warn(
            "sentinel",
            "it knows no replica",
            "add one: there is nothing to fail over to",
        );
    }
}

fn cluster(found: &Inspection, of: &mut Checks<'_>) {
    let Some(cluster) = &found.cluster else {
        return;
    };
    let primaries = found.servers.iter().filter(|s| s.error.is_none()).count();
    let shown = format!(
        "{} with {} of {SLOTS} slots, {} replicas",
        many(primaries, "primary").replace("primarys", "primaries"),
        cluster.slots,
        cluster.replicas
    );
    let down = cluster.state.as_deref().is_some_and(|state| state != "ok");
    if down || cluster.slots < SLOTS {
        return of.fail(
            "cluster",
            shown,
            "redis-cli --cluster check HOST:PORT names the missing nodes",
        );
    }
    match cluster.replicas {
        0 => of.warn(
            "cluster",
            shown,
            "add a replica to each primary: there is nothing to fail over to",
        ),
        _ => of.ok("cluster", shown),
    }
}

fn value_latency(found: &Inspection, of: &mut Checks<'_>) {
    for (name, latency) in [("set of 256 KiB", found.set), ("get of 256 KiB", found.get)] {
        let Some(latency) = latency else {
            continue;
        };
        match latency.p99 > SLOW_VALUE {
            true => of.warn(
                name,
                times(latency),
                "look at the network; else a longer checkpoint interval",
            ),
            false => of.ok(name, times(latency)),
        }
    }
}

/// `p50 0.03 ms, p99 0.11 ms`
pub fn times(latency: Latency) -> String {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    format!(
        "p50 {:.2} ms, p99 {:.2} ms",
        ms(latency.p50),
        ms(latency.p99)
    )
}

fn encryption(found: &Inspection, of: &mut Checks<'_>) {
    let near = |address: &str| {
        ["127.", "localhost:", "[::1]", "/"]
            .iter()
            .any(|start| address.starts_with(start))
    };
    match found.tls {
        true => of.ok("encryption", "TLS"),
        false if found.servers.iter().all(|s| near(&s.address)) => {
            of.ok("encryption", "none, on this machine")
        }
        false => of.warn(
            "encryption",
            "none: passwords and state can be read on the way",
            "rediss:// where the network is not yours alone",
        ),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use eventflux::redis::{ClusterFacts, ServerFacts};

    fn sentinel(address: &str) -> SentinelFacts {
        let mut facts = SentinelFacts::default();
        facts.address = address.to_string();
        facts.primary = Some("10.0.0.1:6379".to_string());
        facts.flags = Some("master".to_string());
        (facts.quorum, facts.sentinels, facts.replicas) = (Some(2), Some(3), Some(1));
        facts
    }

    fn behind_sentinels() -> Inspection {
        let mut found = Inspection::default();
        found.sentinels = ["a:26379", "b:26379", "c:26379"].map(sentinel).to_vec();
        found
    }

    fn in_cluster() -> Inspection {
        let mut found = Inspection::default();
        let mut facts = ClusterFacts::default();
        (facts.state, facts.slots, facts.replicas) = (Some("ok".to_string()), SLOTS, 3);
        found.cluster = Some(facts);
        found
    }

    fn latency(p99_ms: u64) -> Option<Latency> {
        let mut latency = Latency::default();
        (latency.p50, latency.p99) = (Duration::from_micros(250), Duration::from_millis(p99_ms));
        Some(latency)
    }

    /// A check of this name and status, its text and advice in one.
    #[track_caller]
    pub fn told(found: &Inspection, app: Option<&str>, name: &str, status: Status, part: &str) {
        let all = checks(found, app);
        let text = |c: &Check| format!("{} → {}", c.found, c.advice.as_deref().unwrap_or("-"));
        let is = |c: &&Check| c.name == name && c.status == status && text(c).contains(part);
        assert!(
            all.iter().any(|c| is(&c)),
            "no {name} {status:?} {part} in {all:?}"
        );
    }

    #[test]
    fn sentinels_are_judged_together_and_each() {
        type Break = fn(&mut Vec<SentinelFacts>);
        let cases: [(&str, Status, &str, Break); 9] = [
            ("sentinels", Status::Ok, "10.0.0.1:6379 → -", |_| {}),
            ("sentinel", Status::Ok, "quorum 2 of 3, 1 replicas", |_| {}),
            ("sentinels", Status::Fail, "name of the primary", |all| {
                all.iter_mut().for_each(|s| s.primary = None);
            }),
            ("sentinels", Status::Fail, "end of a failover", |all| {
                all[2].primary = Some("10.0.0.2:6379".into());
            }),
            // one that does not know it does not contradict
            ("sentinels", Status::Ok, "10.0.0.1:6379", |all| {
                all[1].primary = None;
            }),
            (
                "sentinels",
                Status::Warn,
                "2 sentinels in all → run three",
                |all| {
                    all.iter_mut().for_each(|s| s.sentinels = Some(2));
                },
            ),
            ("sentinel", Status::Warn, "refused → start it", |all| {
                all[0].error = Some("connection refused".into());
            }),
            ("sentinel", Status::Warn, "master,s_down", |all| {
                all[0].flags = Some("master,s_down".into());
            }),
            ("sentinel", Status::Warn, "nothing to fail over to", |all| {
                all[0].replicas = Some(0);
            }),
        ];
        for (name, status, part, damage) in cases {
            let mut found = behind_sentinels();
            damage(&mut found.sentinels);
            told(&found, None, name, status, part);
        }
        let plain = checks(&Inspection::default(), None);
        assert!(plain.iter().all(|c| !c.name.starts_with("sentinel")));
    }

    #[test]
    fn a_cluster_has_all_slots_and_replicas() {
        type Break = fn(&mut ClusterFacts);
        let cases: [(Status, &str, Break); 5] = [
            (Status::Ok, "16384 of 16384 slots, 3 replicas → -", |_| {}),
            (Status::Fail, "--cluster check", |c| c.slots -= 1),
            (Status::Fail, "--cluster check", |c| {
                c.state = Some("fail".into())
            }),
            (Status::Warn, "add a replica", |c| c.replicas = 0),
            // who may not ask for the state sees the slots
            (Status::Ok, "16384", |c| c.state = None),
        ];
        for (status, part, damage) in cases {
            let mut found = in_cluster();
            found.cluster.iter_mut().for_each(damage);
            told(&found, None, "cluster", status, part);
        }
        // nobody answered
        let mut found = in_cluster();
        found.cluster = Some(ClusterFacts::default());
        told(&found, None, "cluster", Status::Fail, "0 of 16384");
    }

    #[test]
    fn slow_values_and_plain_text_on_a_network_are_told() {
        let mut found = Inspection::default();
        (found.set, found.get) = (latency(3), latency(51));
        let fast = "p50 0.25 ms, p99 3.00 ms";
        told(&found, None, "set of 256 KiB", Status::Ok, fast);
        told(&found, None, "get of 256 KiB", Status::Warn, "the network");
        for (address, status, part) in [
            ("127.0.0.1:6379", Status::Ok, "on this machine"),
            ("localhost:6379", Status::Ok, "on this machine"),
            ("[::1]:6379", Status::Ok, "on this machine"),
            ("/run/redis.sock", Status::Ok, "on this machine"),
            ("10.0.0.1:6379", Status::Warn, "rediss://"),
            ("localhost.example:6379", Status::Warn, "rediss://"),
        ] {
            let mut server = ServerFacts::default();
            server.address = address.to_string();
            found.servers = vec![server];
            told(&found, None, "encryption", status, part);
        }
        found.tls = true;
        told(&found, None, "encryption", Status::Ok, "TLS");
    }
}
