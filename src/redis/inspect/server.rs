//! What one server says of itself.

use super::super::fault::told;
use super::super::link::Link;
use super::super::refusal::Refused;
use super::facts::{Latency, MemoryFacts, PersistenceFacts, Replica, ServerFacts};
use redis::RedisResult;
use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const PINGS: usize = 200;

/// Asks all that the user may ask. A connection that breaks meanwhile is told as the server's error.
pub(super) fn inspect(address: String, link: &mut Link) -> ServerFacts {
    let mut facts = ServerFacts {
        address,
        ..ServerFacts::default()
    };
    facts.role = role(link);
    match redis::cmd("INFO").query::<String>(link) {
        Ok(text) => read_info(&text, &mut facts),
        Err(error) => facts.info_refused = Some(Refused::from(&error)),
    }
    match setting(link, "appendfsync") {
        Ok(found) => facts.persistence.appendfsync = found,
        Err(error) => facts.config_refused = Some(Refused::from(&error)),
    }
    let least = setting(link, "min-replicas-to-write").ok().flatten();
    let least = least.and_then(|text| text.parse().ok());
    facts.min_replicas = least.or(facts.min_replicas);
    facts.clock_ahead_ms = clock_ahead_ms(link);
    match pings(link) {
        Ok(times) => facts.ping = Latency::of(times),
        Err(error) => facts.error = Some(told(&facts.address, &error).to_string()),
    }
    facts
}

fn role(link: &mut Link) -> Option<String> {
    let answer: redis::Value = redis::cmd("ROLE").query(link).ok()?;
    match answer {
        redis::Value::Array(parts) => redis::from_redis_value_ref(parts.first()?).ok(),
        _ => None,
    }
}

/// A setting; users of a narrow access list may not ask for it.
fn setting(link: &mut Link, name: &str) -> RedisResult<Option<String>> {
    let mut asked = redis::cmd("CONFIG");
    let mut found: HashMap<String, String> = asked.arg("GET").arg(name).query(link)?;
    Ok(found.remove(name))
}

fn clock_ahead_ms(link: &mut Link) -> Option<i64> {
    let here = || SystemTime::now().duration_since(UNIX_EPOCH).ok();
    let before = here()?;
    let (seconds, micros): (u64, u64) = redis::cmd("TIME").query(link).ok()?;
    let middle = (before + here()?) / 2;
    let there = i64::try_from(seconds.checked_mul(1000)?.checked_add(micros / 1000)?).ok()?;
    there.checked_sub(i64::try_from(middle.as_millis()).ok()?)
}

fn pings(link: &mut Link) -> RedisResult<Vec<Duration>> {
    let ping = |_| {
        let asked = Instant::now();
        let () = redis::cmd("PING").query(link)?;
        Ok(asked.elapsed())
    };
    (0..PINGS).map(ping).collect()
}

/// Reads the answer of `INFO`.
fn read_info(text: &str, facts: &mut ServerFacts) {
    let lines: HashMap<&str, &str> = text.lines().filter_map(|l| l.split_once(':')).collect();
    let word = |name: &str| lines.get(name).map(|value| value.to_string());
    let number = |name: &str| lines.get(name)?.parse::<u64>().ok();
    let flag = |name: &str| number(name).map(|n| n != 0);
    let well = |name: &str| lines.get(name).map(|value| *value == "ok");
    facts.redis_version = word("redis_version");
    // Others tell the version of Redis whose commands they have as theirs, and their own beside it.
    let own = |name: &String| word(&format!("{}_version", name.to_lowercase()));
    let other = word("server_name").and_then(|name| Some((own(&name)?, name)));
    (facts.product, facts.version) = match other {
        Some((version, name)) => (Some(capital(&name)), Some(version)),
        None => (
            facts.redis_version.is_some().then(|| "Redis".to_string()),
            facts.redis_version.clone(),
        ),
    };
    facts.role = facts.role.take().or(word("role"));
    facts.persistence = PersistenceFacts {
        aof: flag("aof_enabled"),
        appendfsync: None,
        aof_write_ok: well("aof_last_write_status"),
        bgsave_ok: well("rdb_last_bgsave_status"),
        loading: flag("loading"),
    };
    facts.memory = MemoryFacts {
        used: number("used_memory"),
        max: number("maxmemory"),
        policy: word("maxmemory_policy"),
        evicted_keys: number("evicted_keys"),
    };
    facts.cluster_enabled = flag("cluster_enabled");
    // The line is there only where a number of replicas is asked for; which one it does not say.
    facts.min_replicas = lines.get("min_slaves_good_slaves").map(|_| 1);
    let count = number("connected_slaves").unwrap_or(0);
    let line = |n| lines.get(format!("slave{n}").as_str());
    facts.replicas = (0..count).map_while(line).map(|l| replica(l)).collect();
}

/// `valkey` as a name.
fn capital(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// `ip=10.0.0.2,port=6379,state=online,offset=1,lag=0`
fn replica(line: &str) -> Replica {
    let pairs: HashMap<&str, &str> = line.split(',').filter_map(|p| p.split_once('=')).collect();
    let word = |name: &str| pairs.get(name).copied().unwrap_or_default();
    Replica {
        address: format!("{}:{}", word("ip"), word("port")),
        state: word("state").to_string(),
        lag: word("lag").parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_is_read_and_what_is_missing_is_unknown() {
        let text = "# Server\r\nredis_version:7.0.15\r\nrole:master\r\nconnected_slaves:2\r\n\
            slave0:ip=10.0.0.2,port=6379,state=online,offset=1,lag=0\r\n\
            slave1:ip=10.0.0.3,port=6379,state=wait_bgsave,offset=0,lag=x\r\n\
            aof_enabled:1\r\naof_last_write_status:err\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n";
        let mut facts = ServerFacts::default();
        read_info(text, &mut facts);
        let known = (facts.product.as_deref(), facts.version.as_deref());
        assert_eq!(known, (Some("Redis"), Some("7.0.15")));
        assert_eq!(facts.redis_version, facts.version);
        assert_eq!(facts.persistence.aof, Some(true));
        assert_eq!(facts.persistence.aof_write_ok, Some(false));
        assert_eq!(facts.persistence.bgsave_ok, None);
        assert_eq!(facts.memory.max, Some(0));
        assert_eq!(facts.replicas.len(), 2);
        assert_eq!(facts.replicas[0].address, "10.0.0.2:6379");
        assert_eq!(
            (facts.replicas[0].lag, facts.replicas[1].lag),
            (Some(0), None)
        );
        let other = "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.2\r\n";
        let mut facts = ServerFacts::default();
        read_info(other, &mut facts);
        let known = (facts.product.as_deref(), facts.version.as_deref());
        assert_eq!(known, (Some("Valkey"), Some("9.1.2")));
        assert_eq!(facts.redis_version.as_deref(), Some("7.2.4"));
        let mut facts = ServerFacts::default();
        read_info("nothing\n:\nconnected_slaves:99999999\n", &mut facts);
        assert_eq!(facts, ServerFacts::default());
    }
}
