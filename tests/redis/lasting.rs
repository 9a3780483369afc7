//! Faults that no waiting mends are told at once: the wrong server, the wrong login, and what is no server of Redis.

use crate::contract::owner;
use crate::lives::{World, keys};
use eventflux::store::{PersistenceStore, StoreError};
use eventflux_testbed::{Cluster, Direction, HANG, Proxy, Redis, Sentinel, Toxic, need_server};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::spawn;
use std::time::{Duration, Instant};

/// Something else than Redis, which answers in its own way; its port.
fn web_server() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("bound").port();
    spawn(move || {
        for client in listener.incoming() {
            let mut client = client.expect("a client");
            // A client that is gone already is none of this server's business.
            let _ = client.read(&mut [0; 64]);
            let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    port
}

/// Why a claim is refused, which is told long before it would not be tried again any more.
#[track_caller]
fn refusal(url: &str) -> String {
    let mut world = World::new(url);
    let ms = Duration::from_millis;
    world.options = world.options.retry(ms(50), ms(5_000), HANG);
    let store = world.store();
    let begun = Instant::now();
    let error = store.acquire("sums", &owner("one"));
    let error = error.expect_err("no claim");
    assert!(begun.elapsed() < HANG / 4, "{url}: {error}");
    assert!(
        matches!(error, StoreError::Refused { .. }),
        "{url}: {error:?}"
    );
    let health = store.health();
    assert!(!health.breaker_open, "{url}: {health:?}");
    error.to_string()
}

#[test]
fn redis_persistence_tries_nothing_again_that_no_waiting_mends() {
    if !need_server() {
        return;
    }
    let redis = Redis::builder().requirepass("right").start();
    let open = Redis::start();
    let replica = Redis::builder().replica_of(&open).start();
    let taking = Redis::builder().replica_of(&open);
    let taking = taking.line("replica-read-only no").start();
    let other = web_server();
    let cluster = Cluster::start(3, 0, 5_000);
    let sentinel = Sentinel::start(1, 3, 5_000);
    let unknown = {
        let url = sentinel.url();
        let (sentinels, _) = url.rsplit_once('/').expect("it ends with a name");
        format!("{sentinels}/another")
    };
    let at = |scheme: &str, login: &str, port: u16| format!("{scheme}://{login}127.0.0.1:{port}");
    let mut cases = vec![
        (at("redis", "", redis.port()), "look at user and password"),
        (
            at("redis", ":wrong@", redis.port()),
            "look at user and password",
        ),
        (
            at("redis", ":any@", open.port()),
            "look at user and password",
        ),
        (
            at("redis+cluster", "", redis.port()),
            "look at user and password",
        ),
        (
            at("redis+cluster", ":wrong@", redis.port()),
            "look at user and password",
        ),
        (format!("{}/99", open.url()), "the number behind the last /"),
        (
            replica.url(),
            "it is a replica: use the address of its primary",
        ),
        // its writes would be gone with the next synchronisation
        (taking.url(), "it is a replica"),
        (
            at("redis+cluster", "", open.port()),
            "use redis:// for a server",
        ),
        (
            at("redis+sentinel", "", open.port()) + "/main",
            "no sentinel; use redis://",
        ),
        (cluster.nodes()[0].url(), "redis+cluster://"),
        (unknown, "the name behind the last /"),
    ];
    for scheme in ["redis", "redis+cluster"] {
        cases.push((at(scheme, "", other), "no Redis answers there"));
        cases.push((at(scheme, ":any@", other), "no Redis answers there"));
    }
    if cfg!(feature = "redis-tls") {
        cases.push((at("rediss", "", other), "no Redis answers there"));
        cases.push((at("rediss+cluster", "", other), "no Redis answers there"));
    }
    for (url, part) in cases {
        let told = refusal(&url);
        assert!(told.contains(part), "{url}: {told}");
    }
    assert_eq!(keys(&open), Vec::<String>::new());
}

/// An answer that was damaged on its way is asked for again, also the first one.
#[test]
fn redis_persistence_of_a_first_answer_that_is_garbled() {
    if !need_server() {
        return;
    }
    let redis = Redis::start();
    let proxy = Proxy::start(redis.port());
    for at in 0..2 {
        let world = World::new(&proxy.url());
        let direction = Direction::Replies;
        proxy.set(Toxic::FlipBit { at, direction });
        let claim = world.store().acquire("sums", &owner("one"));
        claim.expect("it is asked again");
        assert_eq!(proxy.fired(), 1);
    }
}
