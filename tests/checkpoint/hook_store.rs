//! A store that calls a hook around every operation, and lets it change what is answered.

use crate::fault_store::Call;
use eventflux::store::{
    Catalogue, ChunkName, Claim, Commit, Committed, Owner, PersistenceStore, Revision, StoreError,
    StoreHealth,
};
use std::sync::Arc;

/// What is done around the operations of a store.
pub trait Hook: Send + Sync {
    /// An operation begins.
    fn before(&self, _call: Call) {}

    /// It was done, and is not answered yet.
    fn after(&self, _call: Call) {}

    /// What is answered instead of these bytes. `name`: a chunk's or revision's.
    fn bytes(&self, _call: Call, _name: &str, bytes: Option<Vec<u8>>) -> Option<Vec<u8>> {
        bytes
    }

    /// What is answered instead of this catalogue.
    fn catalogue(&self, catalogue: Catalogue) -> Catalogue {
        catalogue
    }
}

/// A store with a hook.
pub struct HookStore<H> {
    pub inner: Arc<dyn PersistenceStore>,
    pub hook: H,
}

impl<H: Hook> HookStore<H> {
    fn run<R>(&self, call: Call, act: impl FnOnce(&dyn PersistenceStore) -> R) -> R {
        self.hook.before(call);
        let answer = act(&*self.inner);
        self.hook.after(call);
        answer
    }

    fn read(
        &self,
        call: Call,
        name: &dyn ToString,
        act: impl FnOnce(&dyn PersistenceStore) -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = self.run(call, act)?;
        Ok(self.hook.bytes(call, &name.to_string(), bytes))
    }
}

impl<H: Hook> PersistenceStore for HookStore<H> {
    fn save(&self, app: &str, revision: Revision, bytes: &[u8]) -> Result<(), StoreError> {
        self.run(Call::Save, |s| s.save(app, revision, bytes))
    }

    fn load(&self, app: &str, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(Call::Load, &revision, |s| s.load(app, revision))
    }

    fn last_revision(&self, app: &str) -> Result<Option<Revision>, StoreError> {
        self.run(Call::LastRevision, |s| s.last_revision(app))
    }

    fn clear_all_revisions(&self, app: &str) -> Result<(), StoreError> {
        self.run(Call::Clear, |s| s.clear_all_revisions(app))
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn acquire(&self, app: &str, owner: &Owner) -> Result<Claim, StoreError> {
        self.run(Call::Acquire, |s| s.acquire(app, owner))
    }

    fn release(&self, app: &str, generation: u64) -> Result<(), StoreError> {
        self.run(Call::Release, |s| s.release(app, generation))
    }

    fn put_chunk(&self, app: &str, name: ChunkName, bytes: &[u8]) -> Result<(), StoreError> {
        self.run(Call::PutChunk, |s| s.put_chunk(app, name, bytes))
    }

    fn get_chunk(&self, app: &str, name: ChunkName) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(Call::GetChunk, &name, |s| s.get_chunk(app, name))
    }

    fn commit(&self, app: &str, commit: &Commit<'_>) -> Result<Committed, StoreError> {
        self.run(Call::Commit, |s| s.commit(app, commit))
    }

    fn manifest(&self, app: &str, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(Call::Manifest, &revision, |s| s.manifest(app, revision))
    }

    fn catalogue(&self, app: &str) -> Result<Catalogue, StoreError> {
        let catalogue = self.run(Call::Catalogue, |s| s.catalogue(app))?;
        Ok(self.hook.catalogue(catalogue))
    }

    fn apps(&self) -> Result<Vec<String>, StoreError> {
        self.run(Call::Apps, |s| s.apps())
    }

    fn chunks(&self, app: &str) -> Result<Vec<ChunkName>, StoreError> {
        self.run(Call::Chunks, |s| s.chunks(app))
    }

    fn retire(
        &self,
        app: &str,
        revisions: &[Revision],
        chunks: &[ChunkName],
    ) -> Result<(), StoreError> {
        self.run(Call::Retire, |s| s.retire(app, revisions, chunks))
    }

    fn pin(&self, app: &str, name: &str, revision: Option<Revision>) -> Result<(), StoreError> {
        self.run(Call::Pin, |s| s.pin(app, name, revision))
    }

    fn health(&self) -> StoreHealth {
        self.inner.health()
    }
}
