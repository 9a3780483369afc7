//! Any Redis that there is: the one that `REDIS_URL` names, else one that is started.

use crate::wire::Wire;
use crate::{Redis, need_server};
use std::io;

/// Names a Redis that is there already.
const URL: &str = "REDIS_URL";

/// A Redis for a test that asks for nothing in particular. Its keys begin with a prefix of the test's own and are
/// deleted when this is dropped.
pub struct AnyRedis {
    url: String,
    prefix: String,
    /// Ends with this, if it was started for it.
    started: Option<Redis>,
}

/// The Redis of `REDIS_URL`, else one that is started; `None` means that the test is skipped.
///
/// # Panics
/// Without any when [`REQUIRE`](crate::REQUIRE) is `1`.
pub fn any_redis(test: &str) -> Option<AnyRedis> {
    let prefix = format!("test:{test}:{}:", std::process::id());
    if let Ok(url) = std::env::var(URL) {
        let started = None;
        return Some(AnyRedis {
            url,
            prefix,
            started,
        });
    }
    if !need_server() {
        return None;
    }
    let redis = Redis::start();
    Some(AnyRedis {
        url: redis.url(),
        prefix,
        started: Some(redis),
    })
}

impl AnyRedis {
    /// Its URL, with a password where it has one.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// How all keys of the test have to begin.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A connection for the plain URLs, `redis://[user:password@]host:port[/db]`.
    fn wire(&self) -> io::Result<Wire> {
        let unknown = || io::Error::other("no plain URL");
        let rest = self.url.strip_prefix("redis://").ok_or_else(unknown)?;
        let (login, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
        let (address, database) = rest.split_once('/').unwrap_or((rest, "0"));
        let mut wire = match address.contains(':') {
            true => Wire::connect(address)?,
            false => Wire::connect(&format!("{address}:6379"))?,
        };
        if let Some((user, password)) = login.split_once(':') {
            let user = if user.is_empty() { "default" } else { user };
            wire.text(&["AUTH", user, password])?.ok()?;
        }
        wire.text(&["SELECT", database])?.ok()?;
        Ok(wire)
    }

    /// Deletes the test's keys.
    fn clean(&self) -> io::Result<()> {
        let mut wire = self.wire()?;
        let pattern = format!("{}*", self.prefix);
        let mut cursor = "0".to_string();
        loop {
            let page = wire.text(&["SCAN", &cursor, "MATCH", &pattern, "COUNT", "1000"])?;
            let [next, keys] = page.items() else {
                return Err(io::Error::other("SCAN answers something else"));
            };
            for key in keys.items() {
                wire.text(&["UNLINK", &key.text()])?.ok()?;
            }
            cursor = next.text();
            if cursor == "0" {
                return Ok(());
            }
        }
    }
}

impl Drop for AnyRedis {
    fn drop(&mut self) {
        if self.started.is_none()
            && let Err(error) = self.clean()
        {
            eprintln!("keys that begin with {} are left: {error}", self.prefix);
        }
    }
}
