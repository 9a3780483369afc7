//! The contract of stores, asked of those that need no server.

use crate::contract::PARTS;
use crate::fault_store::FaultStore;
use crate::folder::Folder;
use eventflux::store::{FileStore, MemoryStore, PersistenceStore};
use std::sync::Arc;

#[test]
fn memory() {
    for part in PARTS {
        let contents = MemoryStore::new();
        part(&|| Arc::new(contents.clone()));
    }
    assert_eq!(MemoryStore::new().describe(), "memory");
}

#[test]
fn file() {
    for (i, part) in PARTS.iter().enumerate() {
        let folder = Folder::new(&format!("contract-{i}"));
        part(&|| Arc::new(FileStore::open(folder.path()).expect("the folder is ours")));
    }
}

#[test]
fn fault_without_faults() {
    for part in PARTS {
        let contents = MemoryStore::new();
        part(&|| Arc::new(FaultStore::new(Arc::new(contents.clone()))));
    }
}
