//! Stores by URL: what `--store` of every subcommand takes.

use crate::failure::Failure;
use eventflux::store::{FileStore, MemoryStore, PersistenceStore};
use std::sync::Arc;

/// What can stand in a URL, for messages and help.
pub const KINDS: &str = "memory, file:DIR";

/// Opens the store that a URL names.
///
/// Errors: status 2 for a URL that names none, status 1 for a store that cannot be opened.
pub fn open_store(url: &str) -> Result<Arc<dyn PersistenceStore>, Failure> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    match (scheme, rest) {
        ("memory", "") => Ok(Arc::new(MemoryStore::new())),
        ("file", dir) if !dir.is_empty() => match FileStore::open(dir) {
            Ok(store) => Ok(Arc::new(store)),
            Err(e) => Err(Failure::run(format!("--store {url}: {e}"))),
        },
        _ => Err(Failure::usage(format!(
            "--store {url}: no such store; there are: {KINDS}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_store_or_the_error_names_those_that_exist() {
        let store = open_store("memory").expect("a store");
        assert_eq!(store.apps().expect("empty"), Vec::<String>::new());
        let dir = std::env::temp_dir().join(format!("eventflux-cli-url-{}", std::process::id()));
        let url = format!("file:{}", dir.display());
        assert_eq!(open_store(&url).expect("a store").describe(), url);
        std::fs::remove_dir_all(&dir).expect("it was made");
        for url in ["", "file:", "file", "memory:x", "s3://bucket"] {
            let failure = open_store(url).err().expect("no store").to_string();
            assert!(failure.contains("memory, file:DIR"), "{failure}");
        }
    }
}
