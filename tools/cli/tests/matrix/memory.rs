//! Servers whose memory is limited: with eviction they are refused, without it a full one loses nothing.

use crate::app::{App, bare, says, server, strs};
use crate::child::{Running, expect};
use crate::kills::{length, reaches, same, stderr};
use eventflux_testbed::need_server;

#[test]
fn redis_matrix_of_memory_that_is_full() {
    if !need_server() {
        return;
    }
    let app = App::new();
    let redis = server().start();
    let (url, with_login) = (bare(&redis), redis.url());
    redis.config_set("maxmemory", "1");
    let said = app.refused(&url, &[]);
    assert!(said.contains("maxmemory is reached; raise it"), "{said}");
    assert_eq!(said.matches("fewer revisions").count(), 1, "{said}");
    let parts = ["FAIL", "memory", "CONFIG SET maxmemory to more"];
    let doctor = says(1, &["doctor", &url], &parts);
    assert!(!doctor.contains("state acl"), "{doctor}");
    // it fills up while a run goes on: the rows do, and the last checkpoint is one of before
    redis.config_set("maxmemory", "0");
    let args = app.args("full.jsonl", &with_login, &[]);
    let out = app.folder.at("full.jsonl");
    let mut child = Running::start(&strs(&args));
    let committed = || {
        redis
            .cmd(&["HEXISTS", "eventflux:{orders}:ctl", "head"])
            .int()
            == Some(1)
    };
    assert!(reaches(child.child(), || length(&out) > 100_000 && committed()));
    redis.config_set("maxmemory", "1");
    let output = child.wait();
    expect(&output, 1, &["maxmemory is reached"]);
    assert!(!stderr(&output).contains("canary"), "{}", stderr(&output));
    says(0, &["state", "verify", &url], &["sound"]);
    redis.config_set("maxmemory", "0");
    let said = app.runs("full.jsonl", &url, &[]);
    assert!(said.contains("restored revision"), "{said}");
    same(&out, &app.whole);
}

#[test]
fn redis_matrix_of_eviction() {
    if !need_server() {
        return;
    }
    let app = App::new();
    let redis = server().start();
    let url = bare(&redis);
    for policy in ["allkeys-lru", "allkeys-random", "volatile-ttl"] {
        redis.config_set("maxmemory", "200mb");
        redis.config_set("maxmemory-policy", policy);
        let ttl = ["--redis-ttl", "3600"];
        let said = app.refused(&url, &ttl);
        let part = format!("maxmemory-policy is {policy}, which deletes checkpoints");
        assert!(
            said.contains(&part) && said.contains("set noeviction"),
            "{said}"
        );
        let doctor = [&["doctor", &url][..], &ttl].concat();
        says(1, &doctor, &["CONFIG SET maxmemory-policy noeviction"]);
        // what has no time to live is not deleted by a policy for what has
        if policy == "volatile-ttl" {
            app.runs("volatile.jsonl", &url, &["--redis-prefix", "volatile:"]);
        }
        redis.config_set("maxmemory", "0");
        let prefix = format!("{policy}:");
        let said = app.runs(policy, &url, &["--redis-prefix", &prefix]);
        let warns = said.contains("set noeviction before maxmemory");
        assert_eq!(warns, policy.starts_with("allkeys"), "{said}");
    }
}
