//! Stores by URL: what `--store` of every subcommand takes, and what is said of Redis beside it.

#[cfg(feature = "redis")]
mod redis;

use crate::failure::Failure;
use clap::Args;
use eventflux::store::{FileStore, MemoryStore, PersistenceStore};
use std::path::PathBuf;
use std::sync::Arc;

/// What can stand in a URL, for messages and help.
pub const KINDS: &str = "memory, file:DIR, redis://HOST[:PORT][/DB], rediss://… (TLS), unix:///PATH, \
    redis+sentinel://HOST[:PORT],…/PRIMARY, redis+cluster://HOST[:PORT],…, rediss+sentinel://…, rediss+cluster://…";

/// Where these options stand in the help.
const REDIS: &str = "Redis";

/// What a URL of Redis does not say.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct RedisArgs {
    /// How all keys begin [default: eventflux:]
    #[arg(
        long,
        help_heading = REDIS,
        hide_short_help = true,
        visible_alias = "prefix",
        value_name = "PREFIX"
    )]
    pub redis_prefix: Option<String>,
    /// Seconds after the end of an app's last run until its state is deleted [default: never]
    #[arg(long, help_heading = REDIS, hide_short_help = true, value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub redis_ttl: Option<u64>,
    /// How many replicas must have a checkpoint before it counts [default: 0]
    #[arg(long, help_heading = REDIS, hide_short_help = true, value_name = "N")]
    pub redis_replicas: Option<u32>,
    /// User; the password is in the environment variable EVENTFLUX_REDIS_PASSWORD
    ///
    /// That of sentinels is in EVENTFLUX_SENTINEL_PASSWORD.
    #[arg(long, help_heading = REDIS, hide_short_help = true, value_name = "NAME")]
    pub redis_user: Option<String>,
    /// Certificates that sign the servers', PEM, instead of the system's
    #[arg(long, help_heading = REDIS, hide_short_help = true, value_name = "FILE")]
    pub redis_ca: Option<PathBuf>,
}

impl RedisArgs {
    /// Refuses options of Redis beside another store or none.
    pub fn check_unused(&self) -> Result<(), Failure> {
        match *self == RedisArgs::default() {
            true => Ok(()),
            false => Err(Failure::usage(
                "--redis-… are options of a store in Redis, such as redis://localhost:6379",
            )),
        }
    }

    /// The store at a URL of Redis, which this build does not know.
    #[cfg(not(feature = "redis"))]
    fn store(&self, _url: &str) -> Result<Arc<dyn PersistenceStore>, Failure> {
        Err(Failure::usage(
            "this eventflux was built without Redis, for a first look; build it without --no-default-features",
        ))
    }
}

/// Whether a URL is meant for Redis.
pub fn is_redis(url: &str) -> bool {
    const SCHEMES: [&str; 10] = [
        "redis",
        "rediss",
        "valkey",
        "valkeys",
        "unix",
        "redis+unix",
        "redis+sentinel",
        "rediss+sentinel",
        "redis+cluster",
        "rediss+cluster",
    ];
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| SCHEMES.contains(&scheme))
}

/// Opens the store that a URL names.
///
/// Errors: status 2 for a URL that names none, status 1 for a store that cannot be opened.
pub fn open_store(url: &str, redis: &RedisArgs) -> Result<Arc<dyn PersistenceStore>, Failure> {
    if is_redis(url) {
        return redis.store(url);
    }
    redis.check_unused()?;
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    match (scheme, rest) {
        ("memory", "") => Ok(Arc::new(MemoryStore::new())),
        ("file", dir) if !dir.is_empty() => match FileStore::open(dir) {
            Ok(store) => Ok(Arc::new(store)),
            Err(e) => Err(Failure::run(format!("--store {url}: {e}"))),
        },
        _ => Err(Failure::usage(format!(
            "{}: no such store; there are: {KINDS}",
            shown(url)
        ))),
    }
}

/// A text that is no URL of a store, without what may be a password.
fn shown(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, _)) => format!("--store {scheme}://…"),
        None if url.contains('@') => "--store".to_string(),
        None => format!("--store {url}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(url: &str, redis: &RedisArgs) -> String {
        let failure = open_store(url, redis).err().expect("no store");
        failure.to_string()
    }

    #[test]
    fn a_url_names_a_store_or_the_error_names_those_that_exist() {
        let none = RedisArgs::default();
        let store = open_store("memory", &none).expect("a store");
        assert_eq!(store.apps().expect("empty"), Vec::<String>::new());
        let dir = std::env::temp_dir().join(format!("eventflux-cli-url-{}", std::process::id()));
        let url = format!("file:{}", dir.display());
        assert_eq!(open_store(&url, &none).expect("a store").describe(), url);
        std::fs::remove_dir_all(&dir).expect("it was made");
        for url in ["", "file:", "file", "memory:x", "s3://bucket"] {
            let failure = failure(url, &none);
            assert!(failure.contains("memory, file:DIR, redis://"), "{failure}");
        }
    }

    #[test]
    fn a_url_of_redis_is_read_and_never_shown_with_its_password() {
        let none = RedisArgs::default();
        for (url, shown) in [
            ("redis://u:canary@h", "redis://h:6379"),
            ("rediss://:canary@h:1/2", "rediss://h:1/2"),
            (
                "redis+sentinel://u:canary@a,b:2/main",
                "redis+sentinel://a:26379,b:2/main",
            ),
            (
                "redis+cluster://u:canary@a,b",
                "redis+cluster://a:6379,b:6379",
            ),
            ("rediss+cluster://a", "rediss+cluster://a:6379"),
            ("unix:///tmp/s?pass=canary", "unix:///tmp/s"),
        ] {
            assert_eq!(open_store(url, &none).expect(url).describe(), shown);
        }
        for url in [
            "redis://u:canary@h:x",
            "redsi://u:canary@h",
            "redis:u:canary@h",
            "redis+cluster://u:canary@h/1",
        ] {
            assert!(!failure(url, &none).contains("canary"), "{url}");
        }
        let replicas = RedisArgs {
            redis_replicas: Some(1),
            ..RedisArgs::default()
        };
        assert!(failure("memory", &replicas).contains("--redis-…"));
        let prefix = RedisArgs {
            redis_prefix: Some("a{".to_string()),
            ..RedisArgs::default()
        };
        assert!(failure("redis://h", &prefix).contains("key prefix"));
    }
}
