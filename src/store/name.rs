//! Names of what a store keeps.

use super::StoreError;
use std::fmt;
use std::str::FromStr;

/// The public name of a committed checkpoint.
///
/// Epochs only grow over the life of an app, so revisions order by epoch. The text form is `<generation>-<epoch>`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Revision {
    /// Which owner of the app's state wrote it: grows with every start that claims the state.
    pub generation: u64,
    /// Number of the checkpoint.
    pub epoch: u64,
}

impl Ord for Revision {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.epoch, self.generation).cmp(&(other.epoch, other.generation))
    }
}

impl PartialOrd for Revision {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.generation, self.epoch)
    }
}

/// A text that is no [`Revision`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no revision: expected <generation>-<epoch>, for example 1-42")]
pub struct ParseRevisionError(String);

impl FromStr for Revision {
    type Err = ParseRevisionError;

    fn from_str(text: &str) -> Result<Self, ParseRevisionError> {
        let number = |part: &str| {
            let plain = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| part.parse().ok()).flatten()
        };
        text.split_once('-')
            .and_then(|(generation, epoch)| {
                Some(Revision {
                    generation: number(generation)?,
                    epoch: number(epoch)?,
                })
            })
            .ok_or_else(|| ParseRevisionError(text.to_string()))
    }
}

/// The name of a chunk: who wrote it, for which checkpoint, and its number in that. Never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkName {
    /// Generation of the writer.
    pub generation: u64,
    /// Epoch it was written for.
    pub epoch: u64,
    /// Number within the epoch, from 0.
    pub number: u32,
}

impl ChunkName {
    /// The revision for which it was written.
    pub fn revision(&self) -> Revision {
        Revision {
            generation: self.generation,
            epoch: self.epoch,
        }
    }
}

impl fmt::Display for ChunkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.generation, self.epoch, self.number)
    }
}

/// Longest name of an app or a pin, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// Refuses a name that could leave its folder, its key or its line.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), StoreError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len());
    if fits && !name.starts_with('.') && name.bytes().all(plain) {
        return Ok(());
    }
    Err(StoreError::Name {
        what,
        name: name.to_string(),
        reason: "1 to 200 ASCII letters, digits, '.', '_' or '-', the first one no '.'",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_are_read_as_they_are_shown() {
        let revision = Revision {
            generation: 3,
            epoch: 1041,
        };
        assert_eq!(revision.to_string(), "3-1041");
        assert_eq!("3-1041".parse(), Ok(revision));
        for bad in [
            "",
            "-",
            "3",
            "3-",
            "-4",
            "3-4-5",
            "+3-4",
            "a-b",
            " 3-4",
            "99999999999999999999-1",
        ] {
            let error = bad.parse::<Revision>().expect_err(bad);
            assert!(
                error.to_string().contains("<generation>-<epoch>"),
                "{error}"
            );
        }
    }

    #[test]
    fn later_epochs_are_greater_whoever_wrote_them() {
        let of = |generation, epoch| Revision { generation, epoch };
        assert!(of(1, 9) < of(1, 10) && of(2, 9) < of(1, 10) && of(1, 9) < of(2, 9));
    }
}
