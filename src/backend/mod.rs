//! Keys and values of the application, with named checkpoints: not the state of apps, which [`store`](crate::store)
//! keeps.
//!
//! [`InMemoryBackend`] keeps them in the process; `RedisBackend` in Redis. Both have the same rules:
//!
//! | what | rule |
//! |---|---|
//! | key | UTF-8 of 1 to [`KEY_BYTES_MAX`] bytes |
//! | value | up to [`VALUE_BYTES_MAX`] bytes |
//! | one call of `set_multi` | up to [`CALL_BYTES_MAX`] bytes of keys and values |
//! | name of a checkpoint | 1 to 200 ASCII letters, digits, `.`, `_` or `-`, the first one no `.` |
//!
//! ```
//! use eventflux::backend::InMemoryBackend;
//!
//! let mut backend = InMemoryBackend::new();
//! backend.initialize()?;
//! backend.set("key1", b"value1".to_vec())?;
//! assert_eq!(backend.get("key1")?.as_deref(), Some(&b"value1"[..]));
//!
//! backend.checkpoint("checkpoint_1")?;
//! backend.delete("key1")?;
//! backend.restore("checkpoint_1")?;
//! assert_eq!(backend.keys()?, ["key1"]);
//! backend.shutdown()?;
//! # Ok::<(), eventflux::store::StoreError>(())
//! ```

mod limits;
mod memory;
mod traits;

pub use limits::{CALL_BYTES_MAX, KEY_BYTES_MAX, VALUE_BYTES_MAX};
pub(crate) use limits::{
    check_checkpoint, check_entries, check_entry, check_key, not_found, not_initialized,
};
pub use memory::InMemoryBackend;
pub use traits::StateBackend;
pub(crate) use traits::by_own_methods;
