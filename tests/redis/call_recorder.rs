//! A store that tells of every call: how long it took, and when it begins and ends.

use crate::fault_store::Call;
use eventflux::redis::RedisPersistenceStore;
use eventflux::store::{
    Catalogue, ChunkName, Claim, Commit, Committed, Owner, PersistenceStore, Revision, StoreError,
    StoreHealth,
};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Before or after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Before,
    After,
}

type Hook = Box<dyn Fn(Call, Moment) + Send + Sync>;

/// A store with a hook around its calls.
pub struct CallRecorder {
    inner: Arc<RedisPersistenceStore>,
    hook: Hook,
    longest: Mutex<(Duration, Option<Call>)>,
}

impl CallRecorder {
    /// With a hook.
    pub fn new(inner: Arc<RedisPersistenceStore>, hook: Hook) -> Arc<CallRecorder> {
        Arc::new(CallRecorder {
            inner,
            hook,
            longest: Mutex::default(),
        })
    }

    /// Without a hook.
    pub fn timing(inner: Arc<RedisPersistenceStore>) -> Arc<CallRecorder> {
        CallRecorder::new(inner, Box::new(|_, _| {}))
    }

    /// The longest call since this was asked last.
    pub fn longest(&self) -> (Duration, Option<Call>) {
        std::mem::take(&mut *self.longest.lock().expect("nothing panics here"))
    }

    fn call<R>(&self, call: Call, act: impl FnOnce(&RedisPersistenceStore) -> R) -> R {
        (self.hook)(call, Moment::Before);
        let begun = Instant::now();
        let answer = act(&self.inner);
        let took = begun.elapsed();
        let mut longest = self.longest.lock().expect("nothing panics here");
        if took > longest.0 {
            *longest = (took, Some(call));
        }
        drop(longest);
        (self.hook)(call, Moment::After);
        answer
    }
}

macro_rules! pass {
    ($($call:ident $name:ident ($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($arg: $type),*) -> Result<$answer, StoreError> {
            self.call(Call::$call, |store| store.$name($($arg),*))
        })*
    };
}

impl PersistenceStore for CallRecorder {
    pass! {
        Save save(app: &str, revision: Revision, bytes: &[u8]) -> ();
        Load load(app: &str, revision: Revision) -> Option<Vec<u8>>;
        LastRevision last_revision(app: &str) -> Option<Revision>;
        Clear clear_all_revisions(app: &str) -> ();
        Acquire acquire(app: &str, owner: &Owner) -> Claim;
        Release release(app: &str, generation: u64) -> ();
        PutChunk put_chunk(app: &str, name: ChunkName, bytes: &[u8]) -> ();
        Flush flush(app: &str) -> ();
        GetChunk get_chunk(app: &str, name: ChunkName) -> Option<Vec<u8>>;
        Commit commit(app: &str, commit: &Commit<'_>) -> Committed;
        Manifest manifest(app: &str, revision: Revision) -> Option<Vec<u8>>;
        Catalogue catalogue(app: &str) -> Catalogue;
        Apps apps() -> Vec<String>;
        Chunks chunks(app: &str) -> Vec<ChunkName>;
        Retire retire(app: &str, revisions: &[Revision], chunks: &[ChunkName]) -> ();
        Pin pin(app: &str, name: &str, revision: Option<Revision>) -> ();
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn time_to_live(&self) -> Option<Duration> {
        self.inner.time_to_live()
    }

    fn failovers(&self) -> u64 {
        self.inner.failovers()
    }

    fn health(&self) -> StoreHealth {
        self.inner.health()
    }
}
