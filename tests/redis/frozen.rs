//! A server that keeps its connections and answers nothing: a call takes its own timeout, not one for each connection
//! of the pool, and other stores of the process do not notice.

use crate::life::{NAME, hasty_store, store};
use eventflux::store::PersistenceStore;
use eventflux_testbed::{HANG, Redis, need_server, try_until};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[test]
fn redis_persistence_with_a_pool_full_of_frozen_connections() {
    if !need_server() {
        return;
    }
    let (frozen, well) = (Redis::start(), Redis::start());
    let answer = Duration::from_secs(5);
    let old = hasty_store(&frozen.url(), answer);
    old.catalogue(NAME).expect("it is there");
    let (_, most) = old.health().connections.expect("a pool");
    let opened = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 * most {
            scope.spawn(|| {
                while !opened.load(Ordering::SeqCst) {
                    // Some find that all connections are in use.
                    let _ = old.catalogue(NAME);
                }
            });
        }
        let clients = || frozen.info("clients")["connected_clients"].parse::<u32>();
        // one of them is the one that asks
        let waited = try_until(HANG, "all connections", || {
            Ok(clients().map_err(std::io::Error::other)? > most)
        });
        opened.store(true, Ordering::SeqCst);
        waited.expect("they are opened");
    });
    frozen.stop();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // One waits for an answer; the next finds connections that have rested.
            for _ in 0..2 {
                let begun = Instant::now();
                old.catalogue(NAME).expect_err("it does not answer");
                let took = begun.elapsed();
                // one connection after the other it would be the time of all of them
                assert!(took < answer * (most - 2), "{took:?}");
                assert!(!old.health().reachable);
            }
        });
        for _ in 0..10 {
            let other = store(&well.url());
            other.catalogue(NAME).expect("it is another server");
        }
    });
    frozen.cont();
    let back = try_until(HANG, "it to answer", || Ok(old.catalogue(NAME).is_ok()));
    back.expect("it answers");
    assert!(old.health().reachable);
}
