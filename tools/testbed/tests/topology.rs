//! Sentinels and clusters: starts, failovers, migrations.

use eventflux_testbed::{
    Cluster, HANG, Redis, Sentinel, Wire, need_server, slot_of, try_until, until,
};

#[test]
fn sentinels_replace_a_killed_and_a_stopped_primary() {
    if !need_server() {
        return;
    }
    let sentinel = Sentinel::start(1, 3, 1_000);
    assert!(sentinel.url().starts_with("redis+sentinel://127.0.0.1:"));
    assert!(sentinel.url().ends_with("/main"));
    let first = sentinel.primary();
    assert_eq!(first.port(), sentinel.servers()[0].port());
    assert_eq!(sentinel.replica().info("replication")["role"], "slave");
    first.cmd(&["SET", "k", "v"]);
    assert_eq!(first.cmd(&["WAIT", "1", "5000"]).int(), Some(1));
    first.kill();
    let second = sentinel.wait_for_other_primary(first);
    assert_eq!(second.cmd(&["GET", "k"]).text(), "v");
    assert!(!second.cmd(&["SET", "k", "w"]).is_error());
    sentinel.hurry(true).expect("the sentinels answer");
    first.restart();
    // errors count as not yet: sentinels close the connections of a server that they turn into a replica
    try_until(HANG, "the old primary to follow", || {
        let value = first.try_cmd(&["GET", "k"])?.text();
        Ok(value == "w" && first.try_info("replication")?["role"] == "slave")
    })
    .expect("it follows");
    until(HANG, "the sentinels to see it", || {
        let linked = |s: &Redis| {
            let replicas = s.cmd(&["SENTINEL", "REPLICAS", "main"]);
            replicas.items()[0].items().iter().any(|f| f.text() == "ok")
        };
        sentinel.sentinels().iter().all(linked)
    });
    second.stop();
    let third = sentinel.wait_for_other_primary(second);
    assert_eq!(third.port(), first.port());
    second.cont();
}

#[test]
fn a_planned_failover_changes_the_primary() {
    if !need_server() {
        return;
    }
    let sentinel = Sentinel::start(1, 3, 1_000);
    let first = sentinel.primary();
    sentinel.failover();
    let second = sentinel.wait_for_other_primary(first);
    assert!(!second.cmd(&["SET", "k", "v"]).is_error());
}

#[test]
fn a_slot_moves_in_steps() {
    if !need_server() {
        return;
    }
    let cluster = Cluster::start(3, 0, 5_000);
    assert!(cluster.url().starts_with("redis+cluster://127.0.0.1:"));
    let key = |i: usize| format!("{{tag}}:{i}");
    let slot = cluster.slot_of("{tag}:1");
    let from = cluster.owner_of(slot);
    for i in 0..10 {
        assert!(!from.cmd(&["SET", &key(i), "v"]).is_error());
    }
    let others = cluster.nodes().iter().find(|n| n.port() != from.port());
    let to = others.expect("there are three");
    cluster.begin_migration(slot, to);
    assert_eq!(cluster.move_keys(slot, 4), 4);
    let here = from.cmd(&["CLUSTER", "COUNTKEYSINSLOT", &slot.to_string()]);
    let there = to.cmd(&["CLUSTER", "COUNTKEYSINSLOT", &slot.to_string()]);
    assert_eq!((here.int(), there.int()), (Some(6), Some(4)));
    let asks = (0..10).filter(|i| from.cmd(&["GET", &key(*i)]).text().starts_with("ASK"));
    assert_eq!(asks.count(), 4);
    cluster.end_migration(slot);
    assert_eq!(cluster.owner_of(slot).port(), to.port());
    cluster.wait_ok();
    assert!((0..10).all(|i| to.cmd(&["GET", &key(i)]).text() == "v"));
    assert!(from.cmd(&["GET", &key(0)]).text().starts_with("MOVED"));
    cluster.migrate(slot, from);
    assert_eq!(cluster.owner_of(slot).port(), from.port());
}

#[test]
fn replicas_take_over() {
    if !need_server() {
        return;
    }
    let cluster = Cluster::start(3, 1, 2_000);
    assert_eq!(cluster.primaries().len(), 3);
    let slot = slot_of("k");
    let first = cluster.owner_of(slot);
    let replica = cluster.replicas_of(first)[0];
    cluster.failover(replica);
    cluster.wait_ok();
    assert_eq!(cluster.owner_of(slot).port(), replica.port());
    // the former primary is the replica now, and takes all from a stopped primary
    replica.stop();
    cluster.takeover(first);
    assert_eq!(cluster.owner_of(slot).port(), first.port());
    replica.cont();
    cluster.wait_ok();
    // a killed primary is replaced by vote
    let slot = (slot + 8_192) % 16_384;
    let other = cluster.owner_of(slot);
    assert_ne!(other.port(), first.port());
    other.kill();
    until(HANG, "the vote", || cluster.try_owner_of(slot).is_ok());
    cluster.wait_ok();
    assert_eq!(cluster.primaries().len(), 3);
}

#[test]
fn slots_are_those_of_the_server() {
    if !need_server() {
        return;
    }
    let cluster = Cluster::start(1, 0, 5_000);
    let node: &Redis = &cluster.nodes()[0];
    for key in [
        "", "a", "foo", "{foo}bar", "a{}b", "{}", "a{b", "ä{ö}", "{a}{b}", "}{x}",
    ] {
        let slot = node.cmd(&["CLUSTER", "KEYSLOT", key]).int();
        assert_eq!(slot, Some(i64::from(slot_of(key))), "{key}");
    }
    assert!(Wire::connect(&node.addr()).is_ok());
}
