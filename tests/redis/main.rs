//! What is kept in Redis, over real servers.

mod redis_backend;

/// The server of `REDIS_URL`; tests of one server use keys of their own.
fn server() -> Option<String> {
    let url = std::env::var("REDIS_URL").ok();
    if url.is_none() {
        let required = std::env::var("EVENTFLUX_REQUIRE_REDIS").is_ok_and(|v| v == "1");
        assert!(!required, "EVENTFLUX_REQUIRE_REDIS is set, and no server");
        eprintln!("skipped: no redis-server");
    }
    url
}
