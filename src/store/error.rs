//! Why a store did not do what it was asked.

use super::Revision;

/// An error of a [`PersistenceStore`](super::PersistenceStore). Its text says what to do; it never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store keeps whole revisions only.
    #[error("this store keeps whole revisions only: it has no {call}")]
    Unsupported {
        /// Name of the call.
        call: &'static str,
    },
    /// Another owner is alive.
    #[error("app '{app}' in {store} is in use by {owner}: stop it, or take over")]
    Locked {
        /// Name of the app.
        app: String,
        /// The store, without secrets.
        store: String,
        /// Who holds it, as far as it can be told.
        owner: String,
    },
    /// A later owner has taken over: this process must not write any more.
    #[error(
        "fenced: generation {generation} was taken over by generation {current}; this process must stop"
    )]
    Fenced {
        /// The writer's generation.
        generation: u64,
        /// The generation that owns the app now.
        current: u64,
    },
    /// The head is not what the commit builds on.
    #[error("the store's head is {}, not the parent of this commit", shown(.head))]
    StaleParent {
        /// What the head is; `None` where there is no revision.
        head: Option<Revision>,
    },
    /// A chunk or revision of that name exists with other bytes.
    #[error("{what} exists already with other bytes")]
    Conflict {
        /// What was to be written.
        what: String,
    },
    /// Bytes of the store itself (not of a chunk) cannot be read.
    #[error("{what} is damaged: {reason}")]
    Corrupt {
        /// The file or key.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The medium has no room.
    #[error("{what}: no space left: free some, or keep fewer revisions")]
    Full {
        /// The file or key.
        what: String,
    },
    /// A name that the store does not accept.
    #[error("'{name}' is no {what}: {reason}")]
    Name {
        /// What it was to name.
        what: &'static str,
        /// The name.
        name: String,
        /// What is accepted.
        reason: &'static str,
    },
    /// Reading or writing failed.
    #[error("{what}: {reason}")]
    Io {
        /// The file or key.
        what: String,
        /// What the system says.
        reason: String,
    },
}

fn shown(head: &Option<Revision>) -> String {
    head.map_or_else(|| "empty".to_string(), |r| r.to_string())
}

impl StoreError {
    /// A short word for metrics: `locked`, `fenced`, `stale-parent`, `corrupt`, `full`, `io`, ….
    pub fn reason(&self) -> &'static str {
        match self {
            StoreError::Unsupported { .. } => "unsupported",
            StoreError::Locked { .. } => "locked",
            StoreError::Fenced { .. } => "fenced",
            StoreError::StaleParent { .. } => "stale-parent",
            StoreError::Conflict { .. } => "conflict",
            StoreError::Corrupt { .. } => "corrupt",
            StoreError::Full { .. } => "full",
            StoreError::Name { .. } => "name",
            StoreError::Io { .. } => "io",
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, StoreError::Io { .. } | StoreError::Full { .. })
    }

    /// An I/O error at a file or key.
    pub(crate) fn io(what: impl ToString, error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        if matches!(error.kind(), StorageFull | QuotaExceeded) {
            return StoreError::Full {
                what: what.to_string(),
            };
        }
        StoreError::Io {
            what: what.to_string(),
            reason: error.to_string(),
        }
    }
}
