//! A store that misbehaves as real servers do at times: leases that run out, state that expires, chunks that are lost,
//! a replica that lags behind.

use crate::common::NAME;
use eventflux::store::{
    Catalogue, ChunkName, Claim, Commit, Committed, MemoryStore, Owner, PersistenceStore, Revision,
    StoreError,
};
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// What the store does beside keeping things.
#[derive(Default)]
pub struct Rules {
    /// Owners and what is left of their leases: answers to the next claims.
    pub locked: VecDeque<(String, Duration)>,
    /// How often a claim was asked for.
    pub asked: usize,
    /// The state has expired, at this epoch, until something is committed.
    pub expired: Option<u64>,
    /// A claim makes the expired app an empty one.
    pub claim_forgets: bool,
    /// Chunks that are no longer there.
    pub lost: BTreeSet<ChunkName>,
    pub time_to_live: Option<Duration>,
    /// A claim had to be taken back after a failover: the next commit does not fit.
    taken_back: bool,
}

/// Stores that get the same calls; the first one answers.
pub struct MisbehavingStore {
    stores: Mutex<Vec<MemoryStore>>,
    rules: Mutex<Rules>,
}

impl MisbehavingStore {
    pub fn new() -> Arc<MisbehavingStore> {
        Arc::new(MisbehavingStore {
            stores: Mutex::new(vec![MemoryStore::new()]),
            rules: Mutex::default(),
        })
    }

    /// With a replica, which gets everything until it is cut off.
    pub fn replicated() -> Arc<MisbehavingStore> {
        let misbehaving = MisbehavingStore::new();
        misbehaving.stores().push(MemoryStore::new());
        misbehaving
    }

    pub fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().expect("no test panics in it")
    }

    fn stores(&self) -> MutexGuard<'_, Vec<MemoryStore>> {
        self.stores.lock().expect("no test panics in it")
    }

    /// The replica gets nothing more; it is given back.
    pub fn cut_off(&self) -> MemoryStore {
        self.stores().pop().expect("it has a replica")
    }

    /// From now on this is the store.
    pub fn fail_over(&self, to: MemoryStore) {
        *self.stores() = vec![to];
    }

    /// The call on all; the answer of the first.
    fn all<R>(
        &self,
        call: impl Fn(&MemoryStore) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let mut answers = self.stores().iter().map(call).collect::<Vec<_>>();
        answers.swap_remove(0)
    }

    fn first<R>(&self, call: impl Fn(&MemoryStore) -> R) -> R {
        call(&self.stores()[0])
    }

    /// A server that does not know the writer's generation any more gives it back.
    fn take_back(&self, generation: u64) -> Result<(), StoreError> {
        let owner = Owner {
            name: "taken back".to_string(),
            takeover: true,
        };
        while self.first(|s| s.catalogue(NAME))?.generation < generation {
            self.first(|s| s.acquire(NAME, &owner))?;
            self.rules().taken_back = true;
        }
        Ok(())
    }

    fn expired(&self) -> Result<(), StoreError> {
        match self.rules().expired {
            None => Ok(()),
            Some(epoch) => Err(StoreError::Expired {
                app: NAME.to_string(),
                store: self.describe(),
                epoch,
            }),
        }
    }
}

impl PersistenceStore for MisbehavingStore {
    fn save(&self, app: &str, revision: Revision, bytes: &[u8]) -> Result<(), StoreError> {
        self.all(|s| s.save(app, revision, bytes))
    }

    fn load(&self, app: &str, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        self.first(|s| s.load(app, revision))
    }

    fn last_revision(&self, app: &str) -> Result<Option<Revision>, StoreError> {
        self.first(|s| s.last_revision(app))
    }

    fn clear_all_revisions(&self, app: &str) -> Result<(), StoreError> {
        self.all(|s| s.clear_all_revisions(app))
    }

    fn describe(&self) -> String {
        "misbehaving".to_string()
    }

    fn acquire(&self, app: &str, owner: &Owner) -> Result<Claim, StoreError> {
        {
            let mut rules = self.rules();
            rules.asked += 1;
            if let Some((holder, left)) = rules.locked.pop_front() {
                return Err(StoreError::Locked {
                    app: app.to_string(),
                    store: self.describe(),
                    owner: holder,
                    expires_in: Some(left),
                });
            }
            if rules.claim_forgets {
                rules.expired = None;
            }
        }
        self.all(|s| s.acquire(app, owner))
    }

    fn release(&self, app: &str, generation: u64) -> Result<(), StoreError> {
        self.all(|s| s.release(app, generation))
    }

    fn put_chunk(&self, app: &str, name: ChunkName, bytes: &[u8]) -> Result<(), StoreError> {
        self.take_back(name.generation)?;
        self.all(|s| s.put_chunk(app, name, bytes))
    }

    fn get_chunk(&self, app: &str, name: ChunkName) -> Result<Option<Vec<u8>>, StoreError> {
        match self.rules().lost.contains(&name) {
            true => Ok(None),
            false => self.first(|s| s.get_chunk(app, name)),
        }
    }

    fn commit(&self, app: &str, commit: &Commit<'_>) -> Result<Committed, StoreError> {
        self.take_back(commit.revision.generation)?;
        if std::mem::take(&mut self.rules().taken_back) {
            let head = self.first(|s| s.last_revision(app))?;
            return Err(StoreError::StaleParent { head });
        }
        let done = self.all(|s| s.commit(app, commit))?;
        self.rules().expired = None;
        Ok(done)
    }

    fn manifest(&self, app: &str, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        self.first(|s| s.manifest(app, revision))
    }

    fn catalogue(&self, app: &str) -> Result<Catalogue, StoreError> {
        self.expired()?;
        self.first(|s| s.catalogue(app))
    }

    fn apps(&self) -> Result<Vec<String>, StoreError> {
        self.first(MemoryStore::apps)
    }

    fn chunks(&self, app: &str) -> Result<Vec<ChunkName>, StoreError> {
        let mut chunks = self.first(|s| s.chunks(app))?;
        let rules = self.rules();
        chunks.retain(|name| !rules.lost.contains(name));
        Ok(chunks)
    }

    fn retire(
        &self,
        app: &str,
        revisions: &[Revision],
        chunks: &[ChunkName],
    ) -> Result<(), StoreError> {
        self.all(|s| s.retire(app, revisions, chunks))
    }

    fn pin(&self, app: &str, name: &str, revision: Option<Revision>) -> Result<(), StoreError> {
        self.all(|s| s.pin(app, name, revision))
    }

    fn time_to_live(&self) -> Option<Duration> {
        self.rules().time_to_live
    }
}
