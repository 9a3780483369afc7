//! Redis as the store of checkpoints and as state backend, on real servers that the tests start.
//!
//! Without a redis-server they print that they are skipped; with `EVENTFLUX_REQUIRE_REDIS=1` that is a failure.

#[path = "../store/contract.rs"]
mod contract;
mod redis_backend;
mod topologies;

/// The server of `REDIS_URL`; tests of one server use keys of their own.
fn server() -> Option<String> {
    let url = std::env::var("REDIS_URL").ok();
    if url.is_none() {
        let required = std::env::var("EVENTFLUX_REQUIRE_REDIS").is_ok_and(|v| v == "1");
        assert!(
            !required,
            "EVENTFLUX_REQUIRE_REDIS is set, and no REDIS_URL"
        );
        eprintln!("skipped: no REDIS_URL");
    }
    url
}
