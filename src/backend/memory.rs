//! Keys and values in memory: for one process, and for tests.

use super::{
    by_own_methods, check_checkpoint, check_entries, check_entry, check_key, not_found,
    not_initialized,
};
use crate::store::StoreError;
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::sync::Arc;

type Entries = BTreeMap<String, Arc<[u8]>>;

#[derive(Default)]
struct Contents {
    entries: Entries,
    checkpoints: BTreeMap<String, Entries>,
}

/// Keeps keys and values in memory. `shutdown` forgets them, and the checkpoints.
///
/// One lock guards all. A checkpoint copies the keys and shares the values, so what is limited is memory: each
/// checkpoint keeps the values it has until another of its name replaces it.
///
/// ```
/// use eventflux::core::distributed::state_backend::InMemoryBackend;
///
/// let backend = InMemoryBackend::new();
/// assert!(backend.get("key1").is_err(), "it is not initialized");
/// ```
#[derive(Default)]
pub struct InMemoryBackend {
    contents: Option<Mutex<Contents>>,
}

impl InMemoryBackend {
    /// An empty backend, to be initialized.
    pub fn new() -> Self {
        InMemoryBackend::default()
    }

    fn contents(&self) -> Result<MutexGuard<'_, Contents>, StoreError> {
        let contents = self.contents.as_ref();
        let contents = contents.ok_or_else(|| not_initialized("the backend in memory"))?;
        Ok(contents.lock())
    }

    /// Makes the backend ready, empty. Does nothing where it is ready.
    pub fn initialize(&mut self) -> Result<(), StoreError> {
        self.contents.get_or_insert_default();
        Ok(())
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let contents = self.contents()?;
        check_key(key)?;
        let value = contents.entries.get(key).map(Arc::clone);
        drop(contents);
        Ok(value.map(|value| value.to_vec()))
    }

    /// Gives a key a value, in the place of the one it has.
    pub fn set(&self, key: &str, value: Vec<u8>) -> Result<(), StoreError> {
        check_entry(key, &value)?;
        self.contents()?
            .entries
            .insert(key.to_string(), value.into());
        Ok(())
    }

    /// Gives several keys their values: all of them or none.
    pub fn set_multi(&self, entries: Vec<(String, Vec<u8>)>) -> Result<(), StoreError> {
        check_entries(&entries)?;
        let entries = entries.into_iter().map(|(key, value)| (key, value.into()));
        self.contents()?.entries.extend(entries);
        Ok(())
    }

    /// Forgets a key, if it is there.
    pub fn delete(&self, key: &str) -> Result<(), StoreError> {
        check_key(key)?;
        self.contents()?.entries.remove(key);
        Ok(())
    }

    /// Whether a key has a value.
    pub fn exists(&self, key: &str) -> Result<bool, StoreError> {
        check_key(key)?;
        Ok(self.contents()?.entries.contains_key(key))
    }

    /// All keys, in order.
    pub fn keys(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.contents()?.entries.keys().cloned().collect())
    }

    /// Keeps all keys and values as they are now under a name; what had that name is replaced.
    pub fn checkpoint(&self, name: &str) -> Result<(), StoreError> {
        check_checkpoint(name)?;
        let mut contents = self.contents()?;
        let entries = contents.entries.clone();
        contents.checkpoints.insert(name.to_string(), entries);
        Ok(())
    }

    /// Goes back to a checkpoint, which stays.
    ///
    /// Errors: [`StoreError::NotFound`].
    pub fn restore(&self, name: &str) -> Result<(), StoreError> {
        check_checkpoint(name)?;
        let mut contents = self.contents()?;
        let checkpoint = contents.checkpoints.get(name);
        contents.entries = checkpoint.ok_or_else(|| not_found(name))?.clone();
        Ok(())
    }

    /// Forgets everything.
    pub fn shutdown(&mut self) -> Result<(), StoreError> {
        self.contents = None;
        Ok(())
    }
}

by_own_methods!(InMemoryBackend);

impl std::fmt::Debug for InMemoryBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values are the caller's, and none of a log's business.
        f.debug_struct("InMemoryBackend").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::StateBackend;
    use eventflux_kit::Random;

    type Model = BTreeMap<String, Vec<u8>>;

    fn differs(call: &str) -> StoreError {
        let what = format!("{call} differs from the model");
        StoreError::Conflict { what }
    }

    /// One random call on both.
    fn step(
        random: &mut Random,
        backend: &dyn StateBackend,
        model: &mut Model,
        checkpoints: &mut BTreeMap<String, Model>,
    ) -> Result<(), StoreError> {
        let key = |random: &mut Random| format!("key {}", random.below(20));
        let value = |random: &mut Random| vec![random.below(256) as u8; random.below(9)];
        let name = format!("checkpoint_{}", random.below(4));
        match random.below(9) {
            0 | 1 => {
                let (key, value) = (key(random), value(random));
                backend.set(&key, value.clone())?;
                model.insert(key, value);
            }
            2 => {
                let pair = |_| (key(random), value(random));
                let entries: Vec<_> = (0..5).map(pair).collect();
                backend.set_multi(entries.clone())?;
                model.extend(entries);
            }
            3 | 4 => {
                let key = key(random);
                backend.delete(&key)?;
                model.remove(&key);
            }
            5 => {
                backend.checkpoint(&name)?;
                checkpoints.insert(name, model.clone());
            }
            6 => match checkpoints.get(&name) {
                Some(checkpoint) => {
                    backend.restore(&name)?;
                    model.clone_from(checkpoint);
                }
                None if backend.restore(&name) == Err(not_found(&name)) => {}
                None => return Err(differs("restore")),
            },
            _ => {
                let key = key(random);
                if backend.get(&key)?.as_ref() != model.get(&key) {
                    return Err(differs("get"));
                }
                if backend.exists(&key)? != model.contains_key(&key) {
                    return Err(differs("exists"));
                }
            }
        }
        let keys: Vec<String> = model.keys().cloned().collect();
        match backend.keys()? == keys {
            true => Ok(()),
            false => Err(differs("keys")),
        }
    }

    #[test]
    fn a_backend_in_memory_is_a_map_with_copies() {
        for seed in 1..=20 {
            let mut random = Random::new(seed);
            let mut backend = InMemoryBackend::new();
            backend.initialize().expect("it is ready");
            let (mut model, mut checkpoints) = (Model::new(), BTreeMap::new());
            for _ in 0..500 {
                let done = step(&mut random, &backend, &mut model, &mut checkpoints);
                assert_eq!(done, Ok(()), "seed {seed}");
            }
        }
    }

    #[test]
    fn several_keys_are_set_together_or_not() {
        let mut backend = InMemoryBackend::new();
        backend.initialize().expect("it is ready");
        let entries = vec![("a".to_string(), vec![1]), (String::new(), vec![2])];
        assert!(backend.set_multi(entries).is_err());
        assert_eq!(backend.keys(), Ok(Vec::new()));
        assert!(backend.set("", Vec::new()).is_err() && backend.get("").is_err());
        assert!(backend.delete("").is_err() && backend.exists("").is_err());
        assert!(backend.checkpoint("a:b").is_err() && backend.restore("").is_err());
    }

    #[test]
    fn it_works_between_initialize_and_shutdown_only() {
        let mut backend = InMemoryBackend::new();
        for _ in 0..2 {
            let refused = backend.get("a").expect_err("not initialized");
            assert!(refused.to_string().contains("initialize()"), "{refused}");
            assert!(backend.set("a", Vec::new()).is_err() && backend.delete("a").is_err());
            assert!(backend.set_multi(Vec::new()).is_err() && backend.exists("a").is_err());
            assert!(backend.keys().is_err() && backend.checkpoint("a").is_err());
            assert_eq!(
                backend.restore("a").expect_err("not yet").reason(),
                "refused"
            );
            backend.initialize().expect("it is ready");
            assert_eq!(backend.keys(), Ok(Vec::new()), "nothing of before");
            backend.set("a", vec![1]).expect("set");
            backend.checkpoint("a").expect("kept");
            backend.initialize().expect("it is");
            assert_eq!(backend.get("a"), Ok(Some(vec![1])));
            backend.shutdown().expect("it ends");
            backend.shutdown().expect("it has ended");
        }
    }
}
