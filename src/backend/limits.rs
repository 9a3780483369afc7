//! What keys, values and names may be: the same for every backend, so that a test in memory finds what Redis refuses.

use crate::store::{StoreError, check_name};

/// Longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 64 << 10;

/// Largest value, in bytes: what Redis takes, and so the most that the store of checkpoints sends at once.
pub const VALUE_BYTES_MAX: usize = 512 << 20;

/// Most bytes of keys and values in one call of `set_multi`: some 0.2 s of a Redis server, with a time to live 0.4 s;
/// it serves nobody else meanwhile.
pub const CALL_BYTES_MAX: usize = 64 << 20;

/// How much of a key is shown in messages.
const SHOWN_CHARS: usize = 64;

fn shown(key: &str) -> String {
    match key.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", key.get(..end).unwrap_or_default()),
        None => key.to_string(),
    }
}

fn too_large(what: String, bytes: usize, bytes_max: usize) -> StoreError {
    StoreError::TooLarge {
        what,
        bytes: bytes as u64,
        bytes_max: bytes_max as u64,
    }
}

/// Refuses what is no key.
pub(crate) fn check_key(key: &str) -> Result<(), StoreError> {
    if (1..=KEY_BYTES_MAX).contains(&key.len()) {
        return Ok(());
    }
    Err(StoreError::Name {
        what: "key",
        name: shown(key),
        reason: "1 to 65536 bytes of UTF-8",
    })
}

/// Refuses a key, or a value that is too large for it.
pub(crate) fn check_entry(key: &str, value: &[u8]) -> Result<(), StoreError> {
    check_key(key)?;
    if value.len() <= VALUE_BYTES_MAX {
        return Ok(());
    }
    let what = format!("the value of '{}'", shown(key));
    Err(too_large(what, value.len(), VALUE_BYTES_MAX))
}

/// Refuses what one call of `set_multi` does not take.
pub(crate) fn check_entries(entries: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
    entries.iter().try_for_each(|(key, _)| check_key(key))?;
    let sizes = entries.iter().map(|(key, value)| key.len() + value.len());
    let bytes = sizes.fold(0, usize::saturating_add);
    if bytes <= CALL_BYTES_MAX {
        return Ok(());
    }
    let what = format!("one call with {} keys", entries.len());
    Err(too_large(what, bytes, CALL_BYTES_MAX))
}

/// Refuses what is no name of a checkpoint.
pub(crate) fn check_checkpoint(name: &str) -> Result<(), StoreError> {
    check_name("name of a checkpoint", name)
}

/// A backend is used before it is ready, or after its end.
pub(crate) fn not_initialized(what: &str) -> StoreError {
    StoreError::Refused {
        what: what.to_string(),
        reason: "it is not initialized, or was shut down: call initialize() first".to_string(),
    }
}

/// There is no such checkpoint.
pub(crate) fn not_found(name: &str) -> StoreError {
    StoreError::NotFound {
        what: "checkpoint",
        name: name.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_to_the_byte() {
        assert!(check_key("k").is_ok() && check_key("ключ {}\n").is_ok());
        assert!(check_key(&"k".repeat(KEY_BYTES_MAX)).is_ok());
        for key in ["", &"ä".repeat(KEY_BYTES_MAX)] {
            let error = check_key(key).expect_err("no key");
            assert_eq!(error.reason(), "name");
            assert!(error.to_string().len() < 250, "{error}");
        }
        let entry = |bytes| vec![("k".to_string(), vec![0; bytes])];
        assert!(check_entries(&entry(CALL_BYTES_MAX - 1)).is_ok());
        let error = check_entries(&entry(CALL_BYTES_MAX)).expect_err("a byte too many");
        assert_eq!(error.reason(), "too-large");
        for name in ["", "a b", "{x}", ".x", "a:b"] {
            assert!(check_checkpoint(name).is_err(), "{name}");
        }
    }
}
