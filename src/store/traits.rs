//! What a store can be asked.

use super::{ChunkName, Revision, StoreError};
use std::time::Duration;

/// A 128-bit digest (xxh3-128).
pub type Digest = u128;

/// Keeps the checkpoints of apps.
///
/// The four calls on whole revisions are what an implementation must have; with these alone every revision is written
/// whole, through [`save`](PersistenceStore::save). The others make checkpoints incremental; by default they return
/// [`StoreError::Unsupported`]. All of them block, may be called from any thread, and return an error for anything
/// that did not happen: never `Ok` for a write that may be lost.
pub trait PersistenceStore: Send + Sync {
    /// Writes a whole revision, durable when this returns; the app's last revision is then this one.
    fn save(&self, app: &str, revision: Revision, bytes: &[u8]) -> Result<(), StoreError>;

    /// The bytes of a whole revision; `None` when there is none of that name.
    fn load(&self, app: &str, revision: Revision) -> Result<Option<Vec<u8>>, StoreError>;

    /// The last revision, saved or committed.
    fn last_revision(&self, app: &str) -> Result<Option<Revision>, StoreError>;

    /// Deletes all revisions of an app and their chunks; pins, too. The generation stays.
    fn clear_all_revisions(&self, app: &str) -> Result<(), StoreError>;

    /// The store as a text for messages, without secrets: a URL where it has one.
    fn describe(&self) -> String;

    /// Claims an app's state for writing: the generation grows and commits of older ones are refused.
    ///
    /// Errors: [`StoreError::Locked`] while another owner is alive, unless `owner.takeover`.
    fn acquire(&self, _app: &str, _owner: &Owner) -> Result<Claim, StoreError> {
        Err(unsupported("acquire"))
    }

    /// Gives the claim up; other owners need not wait.
    fn release(&self, _app: &str, _generation: u64) -> Result<(), StoreError> {
        Err(unsupported("release"))
    }

    /// Stores a chunk unless it exists. It need not be durable before the commit that names its epoch.
    ///
    /// A store may send it on its way and return; what goes wrong then is the answer of a later `put_chunk`, of
    /// [`flush`](PersistenceStore::flush) or of the commit. The same handle reads what it has put.
    /// Errors: [`StoreError::Conflict`] when it exists with other bytes; with the same ones it is `Ok`.
    fn put_chunk(&self, _app: &str, _name: ChunkName, _bytes: &[u8]) -> Result<(), StoreError> {
        Err(unsupported("put_chunk"))
    }

    /// Waits until every chunk that this handle has put is stored.
    fn flush(&self, _app: &str) -> Result<(), StoreError> {
        Ok(())
    }

    /// The bytes of a chunk; `None` when there is none of that name.
    fn get_chunk(&self, _app: &str, _name: ChunkName) -> Result<Option<Vec<u8>>, StoreError> {
        Err(unsupported("get_chunk"))
    }

    /// Makes a revision the head, atomically; durable with all chunks put before when this returns.
    ///
    /// Errors: [`StoreError::Fenced`], [`StoreError::StaleParent`]; otherwise it may or may not have happened, and the
    /// same commit may be sent again: one that was done returns [`Committed::Already`].
    fn commit(&self, _app: &str, _commit: &Commit<'_>) -> Result<Committed, StoreError> {
        Err(unsupported("commit"))
    }

    /// The manifest of a committed revision.
    fn manifest(&self, _app: &str, _revision: Revision) -> Result<Option<Vec<u8>>, StoreError> {
        Err(unsupported("manifest"))
    }

    /// What the store holds of an app, in the order of revisions. An app that it never saw has an empty catalogue.
    fn catalogue(&self, _app: &str) -> Result<Catalogue, StoreError> {
        Err(unsupported("catalogue"))
    }

    /// The names of the apps that it holds.
    fn apps(&self) -> Result<Vec<String>, StoreError> {
        Err(unsupported("apps"))
    }

    /// All chunks that exist, named by a revision or not, in order.
    fn chunks(&self, _app: &str) -> Result<Vec<ChunkName>, StoreError> {
        Err(unsupported("chunks"))
    }

    /// Takes revisions out of the catalogue, then deletes chunks. The head and pinned revisions stay: asking for them
    /// is an error. Chunks that do not exist are passed over.
    fn retire(
        &self,
        _app: &str,
        _revisions: &[Revision],
        _chunks: &[ChunkName],
    ) -> Result<(), StoreError> {
        Err(unsupported("retire"))
    }

    /// Names a revision, so that it is kept; `None` takes the name away. A name that exists is moved.
    fn pin(&self, _app: &str, _name: &str, _revision: Option<Revision>) -> Result<(), StoreError> {
        Err(unsupported("pin"))
    }

    /// Puts away what is there of an app whose catalogue cannot be read, so that a new history can begin; returns where
    /// it is now. Nothing of it is deleted. `None`, and nothing has changed, where the catalogue can be read.
    ///
    /// Errors: [`StoreError::Locked`] while another owner is alive.
    fn set_aside(&self, _app: &str, _owner: &Owner) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    /// What this handle has found damaged of an app's records and could read from a second copy: nothing is lost by it.
    /// The last damage of each record; does not wait.
    fn repairs(&self, _app: &str) -> Vec<Repair> {
        Vec::new()
    }

    /// How long an app's state stays after the last sign of life of its owner; `None` for ever.
    fn time_to_live(&self) -> Option<Duration> {
        None
    }

    /// How often a server of the store was replaced by another one, as far as was seen: what was acknowledged before
    /// may be gone. When this has grown, what the next revision builds on is looked for again.
    fn failovers(&self) -> u64 {
        0
    }

    /// How the store is, as it was last seen: does not wait.
    fn health(&self) -> StoreHealth {
        StoreHealth {
            reachable: true,
            ..StoreHealth::default()
        }
    }
}

fn unsupported(call: &'static str) -> StoreError {
    StoreError::Unsupported { call }
}

/// Who claims an app's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Names the owner for others: host and process number, and what tells it from other owners of that process.
    pub name: String,
    /// Claims it even while another owner seems alive; that one is fenced.
    pub takeover: bool,
}

/// A claim on an app's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The claim's generation: greater than all before.
    pub generation: u64,
    /// The greatest epoch the store knows of, committed or only begun; 0 for none.
    pub last_epoch: u64,
}

/// A revision to be made the head.
#[derive(Clone, Copy, Debug)]
pub struct Commit<'a> {
    /// Name of the revision; its generation is that of the claim.
    pub revision: Revision,
    /// Digest of the manifest.
    pub digest: Digest,
    /// The revision and digest that it builds on: the head, or none where there is no revision.
    pub parent: Option<(Revision, Digest)>,
    /// The manifest.
    pub manifest: &'a [u8],
}

/// How a commit went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is the head now.
    Done,
    /// It was already.
    Already,
}

/// One committed revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub revision: Revision,
    /// Digest of its manifest.
    pub digest: Digest,
}

/// What a store holds of an app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// The last generation that claimed the app; 0 for none.
    pub generation: u64,
    /// Committed revisions, oldest first; the last one is the head.
    pub revisions: Vec<Entry>,
    /// Names and what they keep, by name.
    pub pins: Vec<(String, Revision)>,
}

/// A record of a store that was damaged while its second copy was whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// The file or key.
    pub what: String,
    /// What was wrong with it.
    pub reason: String,
    /// Whether it was written anew by this handle. Otherwise the next claim of the app does it.
    pub done: bool,
}

impl std::fmt::Display for Repair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Repair { what, reason, done } = self;
        match done {
            true => write!(
                f,
                "{what} was not whole: {reason}; the other copy was read, and this one written anew"
            ),
            false => write!(
                f,
                "{what} is not whole: {reason}; the other copy is read, and the next run of the app writes this one anew"
            ),
        }
    }
}

/// How a store is. What a kind of store has no word for stays at its default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreHealth {
    /// Whether it answered when it was last asked.
    pub reachable: bool,
    /// What there is to say about it, without secrets; may be empty.
    pub detail: String,
    /// What the server says it is: `primary`, `replica`.
    pub role: Option<&'static str>,
    /// Calls that failed in a row for want of an answer.
    pub failures_in_a_row: u32,
    /// Calls are refused for the moment, because so many failed.
    pub breaker_open: bool,
    /// Connections in use, and how many there may be.
    pub connections: Option<(u32, u32)>,
    /// How long the last question to the server took.
    pub round_trip: Option<Duration>,
    /// Damaged records that were written anew from a second copy.
    pub repairs: u64,
}
