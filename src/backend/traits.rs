//! What a backend can be asked.

use crate::store::StoreError;

/// Keeps keys and values of the application.
///
/// All calls block and may come from any thread. An error means that the call did not take effect, or, where
/// [`StoreError::is_transient`], that it may have: every call may be made again. Between
/// [`initialize`](StateBackend::initialize) and [`shutdown`](StateBackend::shutdown) a backend works; before and after
/// it returns [`StoreError::Refused`].
pub trait StateBackend: Send + Sync {
    /// Makes the backend ready. Does nothing where it is.
    fn initialize(&mut self) -> Result<(), StoreError>;

    /// The value of a key.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Gives a key a value, in the place of the one it has.
    fn set(&self, key: &str, value: Vec<u8>) -> Result<(), StoreError>;

    /// Gives several keys their values: all of them or none, and nobody sees only some. Of a key that is there twice
    /// the last value counts.
    fn set_multi(&self, entries: Vec<(String, Vec<u8>)>) -> Result<(), StoreError>;

    /// Forgets a key, if it is there.
    fn delete(&self, key: &str) -> Result<(), StoreError>;

    /// Whether a key has a value.
    fn exists(&self, key: &str) -> Result<bool, StoreError>;

    /// All keys, in order.
    fn keys(&self) -> Result<Vec<String>, StoreError>;

    /// Keeps all keys and values as they are now under a name; what had that name is replaced.
    fn checkpoint(&self, name: &str) -> Result<(), StoreError>;

    /// Goes back to a checkpoint: all keys and values are those that it has. The checkpoint stays.
    ///
    /// Errors: [`StoreError::NotFound`]; then nothing has changed.
    fn restore(&self, name: &str) -> Result<(), StoreError>;

    /// Ends the use of the backend. Does nothing where it has ended.
    fn shutdown(&mut self) -> Result<(), StoreError>;
}

/// Implements [`StateBackend`] by the methods of the same names that the type has itself, so that they need no import.
macro_rules! by_own_methods {
    ($backend:ty) => {
        impl $crate::backend::StateBackend for $backend {
            fn initialize(&mut self) -> Result<(), StoreError> {
                <$backend>::initialize(self)
            }

            fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
                <$backend>::get(self, key)
            }

            fn set(&self, key: &str, value: Vec<u8>) -> Result<(), StoreError> {
                <$backend>::set(self, key, value)
            }

            fn set_multi(&self, entries: Vec<(String, Vec<u8>)>) -> Result<(), StoreError> {
                <$backend>::set_multi(self, entries)
            }

            fn delete(&self, key: &str) -> Result<(), StoreError> {
                <$backend>::delete(self, key)
            }

            fn exists(&self, key: &str) -> Result<bool, StoreError> {
                <$backend>::exists(self, key)
            }

            fn keys(&self) -> Result<Vec<String>, StoreError> {
                <$backend>::keys(self)
            }

            fn checkpoint(&self, name: &str) -> Result<(), StoreError> {
                <$backend>::checkpoint(self, name)
            }

            fn restore(&self, name: &str) -> Result<(), StoreError> {
                <$backend>::restore(self, name)
            }

            fn shutdown(&mut self) -> Result<(), StoreError> {
                <$backend>::shutdown(self)
            }
        }
    };
}
pub(crate) use by_own_methods;
