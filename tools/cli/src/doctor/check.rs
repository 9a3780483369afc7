//! Judges what an inspection found.

use super::node;
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
    permissions(found, app, &mut of);
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
            format!("there is {}", many(known as usize, "sentinel")),
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
            error.as_str(),
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

fn permissions(found: &Inspection, app: Option<&str>, of: &mut Checks<'_>) {
    let tried = &found.permissions;
    let refused: Vec<_> = tried.iter().filter(|p| p.refused.is_some()).collect();
    if tried.is_empty() {
        return;
    }
    let acl = match app {
        Some(app) => format!("`eventflux state acl --app {app}` prints what the user needs"),
        None => "`eventflux state acl` prints what the user needs; with --app NAME only the keys of one app are tried".to_string(),
    };
    for backend in [false, true] {
        let of_kind = refused.iter().filter(|p| p.backend == backend);
        let (names, reasons): (Vec<&str>, Vec<&str>) = of_kind
            .filter_map(|p| Some((p.operation.as_str(), p.refused.as_deref()?)))
            .unzip();
        let Some(first) = reasons.first() else {
            continue;
        };
        let text = format!("not {}: {first}", names.join(", "));
        match backend {
            true => of.warn(
                "permissions",
                text,
                format!("only the state backend needs it; {acl}"),
            ),
            false => of.fail("permissions", text, acl.as_str()),
        }
    }
    if refused.is_empty() {
        of.ok("permissions", format!("all of {} operations", tried.len()));
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
