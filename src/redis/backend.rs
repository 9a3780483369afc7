//! Keys and values of the application in Redis.
//!
//! Why one hash: everything of a namespace is then in one slot of a cluster, so that a checkpoint is one `COPY` on the
//! server, atomic on every topology, and nothing scans the keys of others.
//! How: `<prefix>{kv:<namespace>}:data` holds the keys as fields, `<prefix>{kv:<namespace>}:cp:<name>` a checkpoint.
//! The field without a name marks a namespace that exists though it is empty; no key of the caller has that name.

use super::client::Client;
use super::config::{RedisConfig, milliseconds, outliving};
use super::keys::Keys;
use super::options::RedisOptions;
use crate::backend::{
    by_own_methods, check_checkpoint, check_entries, check_entry, check_key, not_found,
    not_initialized,
};
use crate::store::{StoreError, check_name};
use redis::{Cmd, cmd};
use std::collections::BTreeSet;

const INITIALIZE: &str = include_str!("lua/kv_initialize.lua");
const WRITE: &str = include_str!("lua/kv_write.lua");
const CHECKPOINT: &str = include_str!("lua/kv_checkpoint.lua");
const RESTORE: &str = include_str!("lua/kv_restore.lua");

const MARKER: &str = "";
/// Content of the marker: the version of this layout.
const LAYOUT: &str = "1";

/// First version with `COPY`.
const VERSION_MIN: (u32, u32) = (6, 2);
/// First version that scans a hash without sending its values.
const VERSION_SCANS: (u32, u32) = (7, 4);
/// Fields that are listed in one reply: some 10 ms of the server.
const LISTED_AT_ONCE_MAX: u64 = 50_000;
const SCANNED_AT_ONCE: u32 = 1_000;

/// Keeps keys and values in Redis 6.2 or later: a single server, Sentinel or Cluster.
///
/// Limits: a namespace is in one slot, so it is as large as one server takes; a checkpoint and a restore copy it there,
/// and the server serves nobody else meanwhile, some 0.1 s for 100,000 keys. With
/// [`ttl_seconds`](RedisConfig::ttl_seconds) every write puts the end of the namespace off; a checkpoint lives longer,
/// by twice that time and at least by a day, from when it was taken. A failover may lose writes that no replica
/// has: see [`RedisOptions::replicas`].
///
/// ```no_run
/// use eventflux::core::distributed::state_backend::{RedisBackend, RedisConfig};
///
/// let mut backend = RedisBackend::new();
/// backend.initialize()?;
///
/// // Operations
/// backend.set("key1", b"value1".to_vec())?;
/// let value = backend.get("key1")?;
/// # let _ = value;
///
/// // Checkpoint
/// backend.checkpoint("checkpoint_1")?;
/// backend.restore("checkpoint_1")?;
///
/// backend.shutdown()?;
///
/// let elsewhere = RedisConfig { url: "redis://node1:6379".to_string(), ..Default::default() };
/// let sessions = RedisBackend::with_config(elsewhere).namespace("sessions");
/// # let _ = sessions;
/// # Ok::<(), eventflux::store::StoreError>(())
/// ```
pub struct RedisBackend {
    config: RedisConfig,
    options: RedisOptions,
    namespace: String,
    open: Option<Open>,
}

/// What there is between `initialize` and `shutdown`.
struct Open {
    client: Client,
    keys: Keys,
    namespace: String,
    data: String,
    /// Of the namespace and of a checkpoint, in ms; 0 for none.
    ttl_ms: u64,
    checkpoint_ttl_ms: u64,
    /// Whether the server scans a hash without sending its values.
    scans: bool,
}

impl Default for RedisBackend {
    fn default() -> Self {
        RedisBackend::with_config(RedisConfig::default())
    }
}

impl RedisBackend {
    /// A backend at `redis://localhost:6379`, to be initialized.
    pub fn new() -> Self {
        RedisBackend::default()
    }

    /// A backend at this Redis. The configuration is looked at by `initialize`.
    pub fn with_config(config: RedisConfig) -> Self {
        RedisBackend::with_options(config, RedisOptions::default())
    }

    /// As [`RedisBackend::with_config`], talking to it as the options say.
    pub fn with_options(config: RedisConfig, options: RedisOptions) -> Self {
        RedisBackend {
            config,
            options,
            namespace: "default".to_string(),
            open: None,
        }
    }

    /// Keeps keys apart from those of other namespaces; "default" where this is not called. 1 to 200 ASCII letters,
    /// digits, `.`, `_` or `-`, the first one no `.`; looked at by `initialize`, and without effect after it.
    pub fn namespace(mut self, namespace: &str) -> Self {
        self.namespace = namespace.to_string();
        self
    }

    fn open(&self) -> Result<&Open, StoreError> {
        self.open
            .as_ref()
            .ok_or_else(|| not_initialized("the backend in Redis"))
    }

    /// Connects, and makes the namespace if there is none. Does nothing where it is done.
    ///
    /// Errors: [`StoreError::Refused`] for a configuration that cannot work, or a server older than 6.2;
    /// [`StoreError::Name`] for the namespace; what the server says.
    pub fn initialize(&mut self) -> Result<(), StoreError> {
        if self.open.is_none() {
            let mut open = Open::new(&self.config, &self.options, &self.namespace)?;
            open.make()?;
            self.open = Some(open);
        }
        Ok(())
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let open = self.open()?;
        check_key(key)?;
        open.ask(cmd("HGET").arg(&open.data).arg(key))
    }

    /// Gives a key a value, in the place of the one it has.
    pub fn set(&self, key: &str, value: Vec<u8>) -> Result<(), StoreError> {
        let open = self.open()?;
        check_entry(key, &value)?;
        open.confirmed(open.entries().arg(key).arg(value))
    }

    /// Gives several keys their values: all of them or none, and nobody sees only some.
    pub fn set_multi(&self, entries: Vec<(String, Vec<u8>)>) -> Result<(), StoreError> {
        let open = self.open()?;
        check_entries(&entries)?;
        let mut command = open.entries();
        for (key, value) in entries {
            command.arg(key).arg(value);
        }
        open.confirmed(&command)
    }

    /// Forgets a key, if it is there.
    pub fn delete(&self, key: &str) -> Result<(), StoreError> {
        let open = self.open()?;
        check_key(key)?;
        open.confirmed(open.change("HDEL").arg(key))
    }

    /// Whether a key has a value.
    pub fn exists(&self, key: &str) -> Result<bool, StoreError> {
        let open = self.open()?;
        check_key(key)?;
        open.ask(cmd("HEXISTS").arg(&open.data).arg(key))
    }

    /// All keys, in order. Of keys that come or go meanwhile some may be in it: above 50,000 keys a server from 7.4 on
    /// lists them in several replies; an older one answers at once, and serves nobody else meanwhile.
    pub fn keys(&self) -> Result<Vec<String>, StoreError> {
        self.open()?.keys()
    }

    /// Keeps all keys and values as they are now under a name; what had that name is replaced.
    pub fn checkpoint(&self, name: &str) -> Result<(), StoreError> {
        let open = self.open()?;
        check_checkpoint(name)?;
        let mut command = open.script(CHECKPOINT, &[&open.data, &open.checkpoint_key(name)]);
        open.confirmed(command.arg(open.ttl_ms).arg(open.checkpoint_ttl_ms))
    }

    /// Goes back to a checkpoint, which stays.
    ///
    /// Errors: [`StoreError::NotFound`]; then nothing has changed.
    pub fn restore(&self, name: &str) -> Result<(), StoreError> {
        let open = self.open()?;
        check_checkpoint(name)?;
        let mut command = open.script(RESTORE, &[&open.data, &open.checkpoint_key(name)]);
        match open.confirmed(command.arg(open.ttl_ms))? {
            true => Ok(()),
            false => Err(not_found(name)),
        }
    }

    /// Closes the connections. What is in Redis stays.
    pub fn shutdown(&mut self) -> Result<(), StoreError> {
        self.open = None;
        Ok(())
    }
}

by_own_methods!(RedisBackend);

impl std::fmt::Debug for RedisBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisBackend")
            .field("config", &self.config)
            .field("namespace", &self.namespace)
            .field("open", &self.open.is_some())
            .finish_non_exhaustive()
    }
}

impl Open {
    fn new(
        config: &RedisConfig,
        options: &RedisOptions,
        namespace: &str,
    ) -> Result<Self, StoreError> {
        check_name("name of a namespace", namespace)?;
        let keys = Keys::new(&config.key_prefix)?;
        let ttl = config.time_to_live()?;
        let ttl_ms = ttl.map_or(0, milliseconds);
        let checkpoint_ttl_ms = ttl.map_or(0, |ttl| milliseconds(outliving(ttl)));
        Ok(Open {
            client: Client::new(config, options)?,
            data: keys.entries(namespace),
            keys,
            namespace: namespace.to_string(),
            ttl_ms,
            checkpoint_ttl_ms,
            scans: false,
        })
    }

    fn make(&mut self) -> Result<(), StoreError> {
        let mut command = self.script(INITIALIZE, &[&self.data]);
        let info: String = self.ask(command.arg(self.ttl_ms))?;
        let Some(version) = server_version(&info) else {
            return Ok(());
        };
        if version < VERSION_MIN {
            let (major, minor) = version;
            return Err(StoreError::Refused {
                what: self.client.describe().to_string(),
                reason: format!("it is Redis {major}.{minor}; checkpoints need 6.2 or later"),
            });
        }
        self.scans = version >= VERSION_SCANS;
        Ok(())
    }

    fn checkpoint_key(&self, name: &str) -> String {
        self.keys.checkpoint(&self.namespace, name)
    }

    fn script(&self, text: &str, keys: &[&str]) -> Cmd {
        let mut command = cmd("EVAL");
        command.arg(text).arg(keys.len()).arg(keys);
        command
    }

    /// The beginning of a command that changes fields; where the namespace has an end, in a script that puts it off.
    fn change(&self, command: &'static str) -> Cmd {
        if self.ttl_ms == 0 {
            let mut plain = cmd(command);
            plain.arg(&self.data);
            return plain;
        }
        let mut script = self.script(WRITE, &[&self.data]);
        script.arg(self.ttl_ms).arg(command);
        script
    }

    /// The beginning of a command that sets fields; with the marker, which may be lost.
    fn entries(&self) -> Cmd {
        let mut command = self.change("HSET");
        command.arg(MARKER).arg(LAYOUT);
        command
    }

    fn ask<T: redis::FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        self.client.retry(&self.data, |link| command.query(link))
    }

    fn confirmed<T: redis::FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        self.client
            .confirmed(&self.data, |link| command.query(link))
    }

    fn keys(&self) -> Result<Vec<String>, StoreError> {
        let fields: u64 = self.ask(cmd("HLEN").arg(&self.data))?;
        let mut keys = BTreeSet::new();
        if fields <= LISTED_AT_ONCE_MAX || !self.scans {
            let listed: Vec<Vec<u8>> = self.ask(cmd("HKEYS").arg(&self.data))?;
            keys.extend(listed);
        } else {
            let mut cursor: u64 = 0;
            loop {
                let mut command = cmd("HSCAN");
                command.arg(&self.data).arg(cursor);
                command.arg("COUNT").arg(SCANNED_AT_ONCE).arg("NOVALUES");
                let (next, listed): (u64, Vec<Vec<u8>>) = self.ask(&command)?;
                keys.extend(listed);
                cursor = next;
                if cursor == 0 {
                    break;
                }
            }
        }
        keys.remove(MARKER.as_bytes());
        let text = |key| {
            String::from_utf8(key).map_err(|_| StoreError::Corrupt {
                what: self.data.clone(),
                reason: "it has a key that is no UTF-8".to_string(),
            })
        };
        keys.into_iter().map(text).collect()
    }
}

/// Major and minor version in an answer to `INFO server`.
fn server_version(info: &str) -> Option<(u32, u32)> {
    let mut lines = info.lines();
    let version = lines.find_map(|line| line.strip_prefix("redis_version:"))?;
    let mut parts = version.trim().split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 24 * 60 * 60 * 1000;

    #[test]
    fn a_configuration_that_cannot_work_is_refused_before_anything_is_sent() {
        let config = RedisConfig::default;
        for (backend, word) in [
            (RedisBackend::new().namespace("a:b"), "name of a namespace"),
            (
                RedisBackend::with_config(RedisConfig {
                    key_prefix: "{x}".to_string(),
                    ..config()
                }),
                "key prefix",
            ),
            (
                RedisBackend::with_config(RedisConfig {
                    ttl_seconds: Some(0),
                    ..config()
                }),
                "ttl_seconds",
            ),
            (
                RedisBackend::with_config(RedisConfig {
                    url: "hunter2".to_string(),
                    ..config()
                }),
                "Redis URL",
            ),
        ] {
            let mut backend = backend;
            let error = backend.initialize().expect_err(word).to_string();
            assert!(
                error.contains(word) && !error.contains("hunter2"),
                "{error}"
            );
            let error = backend.get("a").expect_err("not initialized").to_string();
            assert!(error.contains("initialize()"), "{error}");
        }
    }

    #[test]
    fn keys_are_in_one_slot_and_times_to_live_are_bounded() {
        let open = |ttl_seconds| {
            let config = RedisConfig {
                ttl_seconds,
                ..RedisConfig::default()
            };
            Open::new(&config, &RedisOptions::default(), "default").expect("it is right")
        };
        let plain = open(None);
        assert_eq!(plain.data, "eventflux:{kv:default}:data");
        assert_eq!(plain.checkpoint_key("a"), "eventflux:{kv:default}:cp:a");
        assert_eq!((plain.ttl_ms, plain.checkpoint_ttl_ms), (0, 0));
        let hour = open(Some(3600));
        assert_eq!(hour.checkpoint_ttl_ms, 3_600_000 + DAY_MS);
        let days = open(Some(86_400 * 3));
        assert_eq!(days.checkpoint_ttl_ms, 9 * DAY_MS);
        let ever = open(Some(u64::MAX));
        assert_eq!(ever.checkpoint_ttl_ms, 3 * 36_525 * DAY_MS);
    }

    #[test]
    fn versions_are_read() {
        let info = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n";
        assert_eq!(server_version(info), Some((7, 0)));
        assert_eq!(server_version("redis_version:6.2\n"), Some((6, 2)));
        for strange in ["", "redis_version:", "redis_version:x.y", "version:7.0"] {
            assert_eq!(server_version(strange), None);
        }
        assert!((6, 0) < VERSION_MIN && (10, 0) >= VERSION_SCANS);
    }
}
