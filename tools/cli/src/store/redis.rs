//! A store in Redis: its URL, the options beside it, and what the environment keeps secret.

use super::RedisArgs;
use crate::failure::Failure;
use crate::{say, small};
use eventflux::redis::{RedisConfig, RedisOptions, RedisPersistenceStore, Secret};
use eventflux::store::{PersistenceStore, StoreError};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Holds the password of the servers, which would be seen in the list of processes as part of a URL.
const PASSWORD: &str = "EVENTFLUX_REDIS_PASSWORD";
/// Holds the password of the sentinels.
const SENTINEL_PASSWORD: &str = "EVENTFLUX_SENTINEL_PASSWORD";

/// How long to wait for replicas that a checkpoint is to reach.
const REPLICAS_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a server may be silent before that is said.
const PATIENCE: Duration = Duration::from_millis(900);

impl RedisArgs {
    /// The store at a URL of Redis, as any other.
    pub fn store(&self, url: &str) -> Result<Arc<dyn PersistenceStore>, Failure> {
        let store = Arc::new(self.open(url)?);
        tell_silence(&store);
        Ok(store)
    }

    /// The store at a URL of Redis; connects to nothing.
    ///
    /// Errors: status 2, without the URL, which may hold a password.
    pub fn open(&self, url: &str) -> Result<RedisPersistenceStore, Failure> {
        let mut config = RedisConfig {
            url: url.to_string(),
            ttl_seconds: self.redis_ttl,
            ..RedisConfig::default()
        };
        if let Some(prefix) = &self.redis_prefix {
            config.key_prefix.clone_from(prefix);
        }
        let mut options =
            RedisOptions::default().replicas(self.redis_replicas.unwrap_or(0), REPLICAS_TIMEOUT);
        if let Some(user) = &self.redis_user {
            options = options.username(user);
        }
        if let Some(password) = secret(PASSWORD)? {
            options = options.password(password);
        }
        if let Some(password) = secret(SENTINEL_PASSWORD)? {
            options = options.sentinel_login(None, password);
        }
        if let Some(path) = &self.redis_ca {
            let failed =
                |e: std::io::Error| Failure::usage(format!("--redis-ca {}: {e}", path.display()));
            options = options.tls_ca(small::read(path).map_err(failed)?);
        }
        let store = RedisPersistenceStore::new_with_options(config, options);
        store.map_err(|e| Failure::usage(e.to_string()))
    }
}

/// Says that a server does not answer as soon as that is known, or a second is over: it is asked again for longer.
fn tell_silence(store: &Arc<RedisPersistenceStore>) {
    let (tell, told) = mpsc::channel();
    let asked = Arc::clone(store);
    let ask = move || {
        let _ = tell.send(asked.test_connection());
    };
    if std::thread::Builder::new().spawn(ask).is_err() {
        return;
    }
    let why = match told.recv_timeout(PATIENCE) {
        Ok(Err(StoreError::Io { reason, .. })) => reason,
        Err(mpsc::RecvTimeoutError::Timeout) => "no answer yet".to_string(),
        // What it refuses it refuses again, and that is told then.
        _ => return,
    };
    say!(
        "{}: {why}; it is asked again for some seconds",
        store.describe()
    );
}

/// A secret of the environment; empty is none.
fn secret(name: &str) -> Result<Option<Secret>, Failure> {
    match std::env::var(name) {
        Ok(text) if !text.is_empty() => Ok(Some(Secret::new(text))),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Failure::usage(format!("{name} is no UTF-8")))
        }
        _ => Ok(None),
    }
}
