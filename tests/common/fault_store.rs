//! A store that fails as it is told: for tests of what an app does when its store does not.
//!
//! Operations are counted from 1 in the order in which they come, over all calls and for each kind of call.
//! [`describe`](PersistenceStore::describe) and [`health`](PersistenceStore::health) are none.

use eventflux::store::{
    Catalogue, ChunkName, Claim, Commit, Committed, Owner, PersistenceStore, Repair, Revision,
    StoreError, StoreHealth,
};
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::time::Duration;

/// What happens to an operation.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It fails and does nothing.
    Fail,
    /// `save` and `put_chunk` write the first half of the bytes under the name and fail; others fail and do nothing.
    Tear,
    /// It is done, but answers an error.
    LoseReply,
    /// It is done twice; the second answer is given.
    Twice,
    /// It waits until the gate is open and is done then.
    Wait(Gate),
}

/// Kind of an operation: the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// [`PersistenceStore::save`]
    Save,
    /// [`PersistenceStore::load`]
    Load,
    /// [`PersistenceStore::last_revision`]
    LastRevision,
    /// [`PersistenceStore::clear_all_revisions`]
    Clear,
    /// [`PersistenceStore::acquire`]
    Acquire,
    /// [`PersistenceStore::release`]
    Release,
    /// [`PersistenceStore::put_chunk`]
    PutChunk,
    /// [`PersistenceStore::flush`]
    Flush,
    /// [`PersistenceStore::get_chunk`]
    GetChunk,
    /// [`PersistenceStore::commit`]
    Commit,
    /// [`PersistenceStore::manifest`]
    Manifest,
    /// [`PersistenceStore::catalogue`]
    Catalogue,
    /// [`PersistenceStore::apps`]
    Apps,
    /// [`PersistenceStore::chunks`]
    Chunks,
    /// [`PersistenceStore::retire`]
    Retire,
    /// [`PersistenceStore::pin`]
    Pin,
    /// [`PersistenceStore::set_aside`]
    SetAside,
}

/// One operation that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The call.
    pub call: Call,
    /// The app; empty for [`Call::Apps`].
    pub app: String,
    /// The revision, chunk, owner or pin that it was about; empty where there is none.
    pub about: String,
    /// The error that was answered; `None` after success and while it is under way.
    pub error: Option<StoreError>,
}

/// Holds operations back until a test opens it.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<GateState>, Condvar)>);

#[derive(Debug, Default)]
struct GateState {
    reached: usize,
    open: bool,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Gate {
        Gate::default()
    }

    /// Lets all operations pass, now and later.
    pub fn open(&self) {
        let (state, changed) = &*self.0;
        state.lock().open = true;
        changed.notify_all();
    }

    /// Waits until an operation has come to the gate.
    pub fn wait_until_reached(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock();
        while state.reached == 0 {
            changed.wait(&mut state);
        }
    }

    fn pass(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock();
        state.reached += 1;
        changed.notify_all();
        while !state.open {
            changed.wait(&mut state);
        }
    }
}

/// Wraps a store and makes chosen operations fail: after `at_call(Call::Save, 2, Fault::Fail)` the second `save` fails
/// and does nothing, and the third is done. `tests/store/fault.rs` tries each fault.
pub struct FaultStore {
    inner: Arc<dyn PersistenceStore>,
    plan: Mutex<Plan>,
}

#[derive(Default)]
struct Plan {
    log: Vec<Operation>,
    /// Number over all operations, and what happens to it.
    at: Vec<(usize, Fault)>,
    /// Number over the operations of a kind, and what happens to it.
    at_call: Vec<(Call, usize, Fault)>,
    /// From which operation on all fail.
    broken_from: Option<usize>,
}

impl Plan {
    /// Takes the fault of an operation that comes now.
    fn take(&mut self, call: Call) -> Option<Fault> {
        let number = self.log.len() + 1;
        let of_kind = 1 + self.log.iter().filter(|o| o.call == call).count();
        if self.broken_from.is_some_and(|from| number >= from) {
            return Some(Fault::Fail);
        }
        if let Some(i) = self.at.iter().position(|(k, _)| *k == number) {
            return Some(self.at.swap_remove(i).1);
        }
        let here = |(c, k, _): &(Call, usize, Fault)| *c == call && *k == of_kind;
        let i = self.at_call.iter().position(here)?;
        Some(self.at_call.swap_remove(i).2)
    }
}

fn failed(what: &str) -> StoreError {
    StoreError::Io {
        what: what.to_string(),
        reason: "failed by a test".to_string(),
    }
}

impl FaultStore {
    /// Wraps a store; without faults it does what that one does.
    pub fn new(inner: Arc<dyn PersistenceStore>) -> FaultStore {
        FaultStore {
            inner,
            plan: Mutex::default(),
        }
    }

    /// Makes the `k`-th of all operations, counted from 1 since the store was made, have a fault.
    pub fn at(&self, k: usize, fault: Fault) {
        self.plan.lock().at.push((k, fault));
    }

    /// Makes the `k`-th operation of a kind, counted from 1 since the store was made, have a fault.
    pub fn at_call(&self, call: Call, k: usize, fault: Fault) {
        self.plan.lock().at_call.push((call, k, fault));
    }

    /// Makes the `k`-th of all operations fail, and all after it, until healed.
    pub fn fail_from(&self, k: usize) {
        self.plan.lock().broken_from = Some(k);
    }

    /// Makes all operations fail from now on, until healed.
    pub fn fail_all(&self) {
        self.plan.lock().broken_from = Some(0);
    }

    /// Ends [`fail_from`](FaultStore::fail_from) and [`fail_all`](FaultStore::fail_all).
    pub fn heal(&self) {
        self.plan.lock().broken_from = None;
    }

    /// How many operations were asked for.
    pub fn operations(&self) -> usize {
        self.plan.lock().log.len()
    }

    /// What was asked for, in order.
    pub fn log(&self) -> Vec<Operation> {
        self.plan.lock().log.clone()
    }

    /// Counts an operation and does it as planned; `tear` writes half of it where that can be.
    fn run<R>(
        &self,
        call: Call,
        app: &str,
        about: &dyn ToString,
        tear: &dyn Fn(),
        act: &dyn Fn(&dyn PersistenceStore) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let about = about.to_string();
        let what = format!("{call:?} {app} {about}").trim_end().to_string();
        let (number, fault) = {
            let mut plan = self.plan.lock();
            let fault = plan.take(call);
            plan.log.push(Operation {
                call,
                app: app.to_string(),
                about,
                error: None,
            });
            (plan.log.len() - 1, fault)
        };
        let inner = &*self.inner;
        let answer = match fault {
            None => act(inner),
            Some(Fault::Fail) => Err(failed(&what)),
            Some(Fault::Tear) => {
                tear();
                Err(failed(&what))
            }
            Some(Fault::LoseReply) => act(inner).and(Err(failed(&what))),
            Some(Fault::Twice) => {
                // the first answer is the one that was lost
                drop(act(inner));
                act(inner)
            }
            Some(Fault::Wait(gate)) => {
                gate.pass();
                act(inner)
            }
        };
        if let Some(operation) = self.plan.lock().log.get_mut(number) {
            operation.error = answer.as_ref().err().cloned();
        }
        answer
    }

    /// As `run`, for operations that cannot be done by half.
    fn whole<R>(
        &self,
        call: Call,
        app: &str,
        about: &dyn ToString,
        act: &dyn Fn(&dyn PersistenceStore) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        self.run(call, app, about, &|| {}, act)
    }
}

/// The first half of some bytes.
fn half(bytes: &[u8]) -> &[u8] {
    bytes.split_at(bytes.len() / 2).0
}

impl PersistenceStore for FaultStore {
    fn save(&self, app: &str, revision: Revision, bytes: &[u8]) -> Result<(), StoreError> {
        // the answer of the half is not given: the whole one failed
        let tear = || drop(self.inner.save(app, revision, half(bytes)));
        self.run(Call::Save, app, &revision, &tear, &|s| {
            s.save(app, revision, bytes)
        })
    }

    fn load(&self, app: &str, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        self.whole(Call::Load, app, &revision, &|s| s.load(app, revision))
    }

    fn last_revision(&self, app: &str) -> Result<Option<Revision>, StoreError> {
        self.whole(Call::LastRevision, app, &"", &|s| s.last_revision(app))
    }

    fn clear_all_revisions(&self, app: &str) -> Result<(), StoreError> {
        self.whole(Call::Clear, app, &"", &|s| s.clear_all_revisions(app))
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn acquire(&self, app: &str, owner: &Owner) -> Result<Claim, StoreError> {
        self.whole(Call::Acquire, app, &owner.name, &|s| s.acquire(app, owner))
    }

    fn release(&self, app: &str, generation: u64) -> Result<(), StoreError> {
        self.whole(Call::Release, app, &generation, &|s| {
            s.release(app, generation)
        })
    }

    fn put_chunk(&self, app: &str, name: ChunkName, bytes: &[u8]) -> Result<(), StoreError> {
        let tear = || drop(self.inner.put_chunk(app, name, half(bytes)));
        self.run(Call::PutChunk, app, &name, &tear, &|s| {
            s.put_chunk(app, name, bytes)
        })
    }

    fn flush(&self, app: &str) -> Result<(), StoreError> {
        self.whole(Call::Flush, app, &"", &|s| s.flush(app))
    }

    fn get_chunk(&self, app: &str, name: ChunkName) -> Result<Option<Vec<u8>>, StoreError> {
        self.whole(Call::GetChunk, app, &name, &|s| s.get_chunk(app, name))
    }

    fn commit(&self, app: &str, commit: &Commit<'_>) -> Result<Committed, StoreError> {
        self.whole(Call::Commit, app, &commit.revision, &|s| {
            s.commit(app, commit)
        })
    }

    fn manifest(&self, app: &str, revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        self.whole(Call::Manifest, app, &revision, &|s| {
            s.manifest(app, revision)
        })
    }

    fn catalogue(&self, app: &str) -> Result<Catalogue, StoreError> {
        self.whole(Call::Catalogue, app, &"", &|s| s.catalogue(app))
    }

    fn apps(&self) -> Result<Vec<String>, StoreError> {
        self.whole(Call::Apps, "", &"", &|s| s.apps())
    }

    fn chunks(&self, app: &str) -> Result<Vec<ChunkName>, StoreError> {
        self.whole(Call::Chunks, app, &"", &|s| s.chunks(app))
    }

    fn retire(
        &self,
        app: &str,
        revisions: &[Revision],
        chunks: &[ChunkName],
    ) -> Result<(), StoreError> {
        let names: Vec<String> = revisions.iter().map(Revision::to_string).collect();
        self.whole(Call::Retire, app, &names.join(" "), &|s| {
            s.retire(app, revisions, chunks)
        })
    }

    fn pin(&self, app: &str, name: &str, revision: Option<Revision>) -> Result<(), StoreError> {
        self.whole(Call::Pin, app, &name, &|s| s.pin(app, name, revision))
    }

    fn set_aside(&self, app: &str, owner: &Owner) -> Result<Option<String>, StoreError> {
        self.whole(Call::SetAside, app, &"", &|s| s.set_aside(app, owner))
    }

    fn repairs(&self, app: &str) -> Vec<Repair> {
        self.inner.repairs(app)
    }

    fn time_to_live(&self) -> Option<Duration> {
        self.inner.time_to_live()
    }

    fn failovers(&self) -> u64 {
        self.inner.failovers()
    }

    fn health(&self) -> StoreHealth {
        let broken = {
            let plan = self.plan.lock();
            let next = plan.log.len() + 1;
            plan.broken_from.is_some_and(|from| next >= from)
        };
        match broken {
            false => self.inner.health(),
            true => StoreHealth {
                reachable: false,
                detail: "failed by a test".to_string(),
                ..StoreHealth::default()
            },
        }
    }
}
