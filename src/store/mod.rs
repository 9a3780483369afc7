//! Where checkpoints are kept: bytes by name.
//!
//! A store knows apps, revisions and chunks, and nothing of what is in them. The service that writes checkpoints does
//! so in an order that leaves the last committed revision whole whatever happens: chunks first, then one atomic
//! [`commit`](PersistenceStore::commit), then [`retire`](PersistenceStore::retire).

mod error;
mod file;
mod ledger;
mod memory;
mod name;
mod owner;
mod traits;

pub use error::StoreError;
pub use file::{Disk, DiskFile, FileStore, Mode, OsDisk, private};
pub use memory::MemoryStore;
pub(crate) use name::check_name;
pub use name::{ChunkName, ParseRevisionError, Revision};
pub use traits::{
    Catalogue, Claim, Commit, Committed, Digest, Entry, Owner, PersistenceStore, Repair,
    StoreHealth,
};
