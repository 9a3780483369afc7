//! The store of checkpoints in Redis.

use super::client::{Client, Tries, random};
use super::config::{RedisConfig, milliseconds, outliving};
use super::keeper::Keeper;
use super::keys::{BUCKETS, Keys};
use super::options::RedisOptions;
use super::process;
use super::script::{self, Answer, Argument, Caller, Script};
use super::uploading::Uploading;
use crate::store::StoreError;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Keeps the checkpoints of apps in Redis: a single server, behind Sentinel, or a Cluster.
///
/// Chunks are written once; one script on one key commits a revision, so that it is there wholly or not at all, and is
/// refused to a writer that was taken over. A claim on an app's state ends with a lease that a thread of this store
/// renews, `eventflux-lease`, started by the first claim. Calls block; each has a timeout, and those that may be done
/// twice are tried again until a deadline (see [`RedisOptions`]).
///
/// A failover is noticed within about a second even where no call fails: behind sentinels by asking them, on a cluster
/// by comparing the histories of its primaries (`INFO replication`, which the user must be allowed to ask). Chunks that
/// one server of a cluster has lost are then written again with the next checkpoint; until then the last revisions may
/// not be restorable, and a restore with a fallback takes an older one.
///
/// Fencing is exact on one primary. Across a failover it is as good as the replicas that a commit waited for
/// ([`RedisOptions::replicas`]).
///
/// ```no_run
/// use eventflux::EventFluxManager;
/// use eventflux::redis::{RedisConfig, RedisPersistenceStore};
/// use std::sync::Arc;
///
/// let store = RedisPersistenceStore::new_with_config(RedisConfig::default())?;
/// let mut manager = EventFluxManager::new();
/// manager.set_persistence_store(Arc::new(store));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RedisPersistenceStore {
    inner: Arc<Inner>,
    keeper: Mutex<Option<Keeper>>,
}

impl fmt::Debug for RedisPersistenceStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisPersistenceStore")
            .field("store", &self.inner.client.describe())
            .finish_non_exhaustive()
    }
}

/// What the store and its keeper share.
pub(super) struct Inner {
    client: Client,
    keys: Keys,
    ttl: Option<Duration>,
    /// Tells this handle's claims from those of others.
    who: String,
    process: String,
    claims: Mutex<HashMap<String, Held>>,
    uploads: Mutex<HashMap<String, Arc<Mutex<Uploading>>>>,
}

/// A claim of this handle.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) generation: u64,
    /// Whether it has not been given up.
    pub(super) active: bool,
    pub(super) owner: String,
    /// Pins of the app, as far as is known.
    pins: u64,
    /// What this handle has committed last.
    head: Option<String>,
}

impl RedisPersistenceStore {
    /// A store with the default options. Connects when it is first asked for something.
    ///
    /// Errors: [`StoreError::Refused`] and [`StoreError::Name`] for a configuration that cannot be used.
    pub fn new_with_config(config: RedisConfig) -> Result<Self, StoreError> {
        Self::new_with_options(config, RedisOptions::default())
    }

    /// A store; see [`RedisPersistenceStore::new_with_config`].
    pub fn new_with_options(
        config: RedisConfig,
        options: RedisOptions,
    ) -> Result<Self, StoreError> {
        let keys = Keys::new(&config.key_prefix)?;
        let ttl = config.time_to_live()?;
        let inner = Inner {
            client: Client::new(&config, &options)?,
            keys,
            ttl,
            who: format!("{:016x}{:016x}", random(), random()),
            process: process::this_process(),
            claims: Mutex::default(),
            uploads: Mutex::default(),
        };
        Ok(RedisPersistenceStore {
            inner: Arc::new(inner),
            keeper: Mutex::default(),
        })
    }

    /// Asks the server whether it is there and takes the login. A replica at a plain URL answers, too; whether it is a
    /// primary is then in the [health](crate::store::StoreHealth::role).
    pub fn test_connection(&self) -> Result<(), StoreError> {
        self.inner.client.probe()
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.inner
    }

    pub(super) fn start_keeper(&self) {
        let mut keeper = self.keeper.lock();
        if keeper.as_ref().is_none_or(Keeper::has_ended) {
            *keeper = Keeper::start(&self.inner);
        }
    }
}

impl Drop for RedisPersistenceStore {
    fn drop(&mut self) {
        *self.keeper.lock() = None;
        // What cannot be given up now ends with its lease.
        for (app, held) in self.inner.active_claims() {
            let (inner, release) = (&self.inner, &script::RELEASE);
            let _ = inner.run_unconfirmed(Tries::One, &app, release, held.generation, &[]);
        }
    }
}

impl Inner {
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(super) fn ttl(&self) -> Option<Duration> {
        self.ttl
    }

    pub(super) fn who(&self) -> &str {
        &self.who
    }

    pub(super) fn process(&self) -> &str {
        &self.process
    }

    pub(super) fn lease(&self) -> Duration {
        self.client.options().lease
    }

    /// How often one of the buckets of chunks is due, so that each is within a quarter of the time to live.
    pub(super) fn refresh_every(&self) -> Option<Duration> {
        Some(self.ttl? / (4 * BUCKETS))
    }

    /// How long a chunk lives without being refreshed: longer than what names it.
    pub(super) fn chunk_ms(&self) -> Option<u64> {
        Some(milliseconds(outliving(self.ttl?)))
    }

    pub(super) fn caller(&self, app: &str, generation: u64) -> Caller<'_> {
        Caller {
            control: self.keys.control(app),
            marker: self.keys.marker(app),
            uploaded: self.keys.uploaded(app, generation),
            who: &self.who,
            generation,
            lease_ms: milliseconds(self.lease()),
            ttl_ms: self.ttl.map_or(0, milliseconds),
        }
    }

    /// Runs a script, again until it is answered, and waits for the replicas of what it wrote.
    pub(super) fn run(
        &self,
        app: &str,
        script: &Script,
        generation: u64,
        args: &[&dyn Argument],
    ) -> Result<Answer, StoreError> {
        let caller = self.caller(app, generation);
        self.client
            .confirmed(&caller.control, |link| script.run(link, &caller, args))
    }

    /// Runs a script, for which nobody waits on the replicas.
    pub(super) fn run_unconfirmed(
        &self,
        tries: Tries,
        app: &str,
        script: &Script,
        generation: u64,
        args: &[&dyn Argument],
    ) -> Result<Answer, StoreError> {
        let caller = self.caller(app, generation);
        self.client.ask(tries, &caller.control, |link| {
            script.run(link, &caller, args)
        })
    }

    /// The last claim of this handle.
    pub(super) fn held(&self, app: &str) -> Option<Held> {
        self.claims.lock().get(app).cloned()
    }

    pub(super) fn hold(&self, app: &str, generation: u64, owner: &str, pins: u64) {
        let held = Held {
            generation,
            active: true,
            owner: owner.to_string(),
            pins,
            head: None,
        };
        self.claims.lock().insert(app.to_string(), held);
    }

    /// The claim was given up, or taken over.
    pub(super) fn drop_claim(&self, app: &str, generation: u64) {
        if let Some(held) = self.claims.lock().get_mut(app)
            && held.generation == generation
        {
            held.active = false;
        }
    }

    /// The claim of this generation; otherwise an error that names who has it.
    pub(super) fn require(&self, app: &str, generation: u64) -> Result<Held, StoreError> {
        match self.held(app) {
            Some(held) if held.active && held.generation == generation => Ok(held),
            _ => Err(StoreError::Fenced {
                generation,
                current: self.generation(app)?,
            }),
        }
    }

    fn generation(&self, app: &str) -> Result<u64, StoreError> {
        let key = self.keys.control(app);
        let found: Option<Vec<u8>> = self.client.retry(&key, |link| {
            redis::cmd("HGET").arg(&key).arg("gen").query(link)
        })?;
        let text = found.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    fn active_claims(&self) -> Vec<(String, Held)> {
        let claims = self.claims.lock();
        let active = claims.iter().filter(|(_, held)| held.active);
        active
            .map(|(app, held)| (app.clone(), held.clone()))
            .collect()
    }

    /// The chunks of an app on their way.
    pub(super) fn uploading(&self, app: &str) -> Arc<Mutex<Uploading>> {
        let mut uploads = self.uploads.lock();
        Arc::clone(uploads.entry(app.to_string()).or_default())
    }

    /// Renews all leases.
    pub(super) fn renew(&self) {
        for (app, held) in self.active_claims() {
            let args: [&dyn Argument; 2] = [&held.owner, &self.process];
            let answer =
                self.run_unconfirmed(Tries::One, &app, &script::RENEW, held.generation, &args);
            let Ok(answer) = answer else {
                continue;
            };
            match answer.word() {
                "OK" => self.renewed(&app, &held, answer.number(1), answer.text(2)),
                "FENCED" => self.drop_claim(&app, held.generation),
                // What is wrong is told by the next checkpoint.
                _ => {}
            }
        }
    }

    /// What the answer to a renewal tells. Another head than the one committed last: the server has lost that one, and
    /// an app in which nothing changes would never notice.
    fn renewed(&self, app: &str, before: &Held, pins: u64, head: &str) {
        let mut claims = self.claims.lock();
        let Some(held) = claims.get_mut(app) else {
            return;
        };
        held.pins = pins;
        // A commit meanwhile, or one under way, changes both.
        if held.head == before.head && held.head.as_ref().is_some_and(|own| own != head) {
            held.head = None;
            self.client.replaced();
        }
    }

    /// This handle has made a revision the head.
    pub(super) fn committed(&self, app: &str, revision: String) {
        if let Some(held) = self.claims.lock().get_mut(app) {
            held.head = Some(revision);
        }
    }

    /// An app has so many pins now.
    pub(super) fn pinned(&self, app: &str, pins: u64) {
        if let Some(held) = self.claims.lock().get_mut(app) {
            held.pins = pins;
        }
    }

    /// Puts off the end of what a bucket of each claimed app holds; while something is pinned, nothing ends. What fails
    /// is to be tried again, long before anything ends.
    pub(super) fn refresh(&self, bucket: u32) -> Result<(), StoreError> {
        let claims = self.active_claims();
        let refresh = |(app, held): (String, Held)| {
            let expires_ms = self.chunk_ms().filter(|_| held.pins == 0);
            self.expire_bucket(&app, bucket, expires_ms, Tries::One)
        };
        claims.into_iter().map(refresh).fold(Ok(()), Result::and)
    }

    /// Gives all chunks of a claimed app their time to live, or none, and the control hash with them.
    pub(super) fn expire_all(&self, app: &str, for_ever: bool) -> Result<(), StoreError> {
        let expires_ms = self.chunk_ms().filter(|_| !for_ever);
        (0..BUCKETS).try_for_each(|b| self.expire_bucket(app, b, expires_ms, Tries::Many))?;
        let Some(held) = self.held(app).filter(|held| held.active) else {
            return Ok(());
        };
        let args: [&dyn Argument; 2] = [&held.owner, &self.process];
        self.run(app, &script::RENEW, held.generation, &args)
            .map(drop)
    }

    /// Gives all that a bucket holds this long to live, or for ever.
    fn expire_bucket(
        &self,
        app: &str,
        bucket: u32,
        expires_ms: Option<u64>,
        tries: Tries,
    ) -> Result<(), StoreError> {
        let index = self.keys.index(app, bucket);
        let listed = self.listed(tries, &index)?;
        let keys = listed.iter().map(|m| self.keys.member(app, bucket, m));
        for key in keys.chain([index]) {
            let _: u32 = self.client.ask(tries, &key, |link| match expires_ms {
                Some(ms) => redis::cmd("PEXPIRE").arg(&key).arg(ms).query(link),
                None => redis::cmd("PERSIST").arg(&key).query(link),
            })?;
        }
        Ok(())
    }

    /// What the index of a bucket lists.
    pub(super) fn members(&self, app: &str, bucket: u32) -> Result<Vec<String>, StoreError> {
        self.listed(Tries::Many, &self.keys.index(app, bucket))
    }

    /// The members of a set, but for those that are no text: none that this store gave is.
    pub(super) fn listed(&self, tries: Tries, key: &str) -> Result<Vec<String>, StoreError> {
        let members: Vec<Vec<u8>> = self.client.ask(tries, key, |link| {
            redis::cmd("SMEMBERS").arg(key).query(link)
        })?;
        let texts = members.into_iter().map(String::from_utf8);
        Ok(texts.filter_map(Result::ok).collect())
    }
}
