//! Why a store did not do what it was asked.

use super::Revision;
use std::time::Duration;

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
        /// When the claim ends unless the owner renews it; `None` where it ends with the owner's process only.
        expires_in: Option<Duration>,
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
    #[error("{what}: no space left: {remedy}")]
    Full {
        /// The file or key.
        what: String,
        /// What makes room.
        remedy: &'static str,
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
    /// The state was there and its time to live has passed: nobody refreshed it.
    #[error(
        "the state of app '{app}' in {store} has expired; its last epoch was {epoch}: start empty if that is meant, \
         and choose a longer time to live"
    )]
    Expired {
        /// Name of the app.
        app: String,
        /// The store, without secrets.
        store: String,
        /// Last committed epoch.
        epoch: u64,
    },
    /// The store answers, and refuses for a reason that trying again does not change: a password, a permission, a
    /// setting.
    #[error("{what}: refused: {reason}")]
    Refused {
        /// The server, key or setting.
        what: String,
        /// What is refused, and what to change.
        reason: String,
    },
    /// Fewer replicas than configured have confirmed a write.
    #[error(
        "{reached} of {wanted} replicas have confirmed the write: look at the replicas, or wait for fewer"
    )]
    Durability {
        /// Replicas to wait for.
        wanted: u32,
        /// Replicas that confirmed in time.
        reached: u32,
    },
    /// A value is larger than the store takes.
    #[error("{what} has {bytes} bytes; the store takes {bytes_max}")]
    TooLarge {
        /// What was to be written.
        what: String,
        /// Its size.
        bytes: u64,
        /// Largest size.
        bytes_max: u64,
    },
    /// There is nothing of that name.
    #[error("there is no {what} '{name}'")]
    NotFound {
        /// What it names.
        what: &'static str,
        /// The name.
        name: String,
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
            StoreError::Expired { .. } => "expired",
            StoreError::Refused { .. } => "refused",
            StoreError::Durability { .. } => "durability",
            StoreError::TooLarge { .. } => "too-large",
            StoreError::NotFound { .. } => "not-found",
            StoreError::Io { .. } => "io",
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            StoreError::Io { .. } | StoreError::Full { .. } | StoreError::Durability { .. }
        )
    }

    /// An I/O error at a file or key.
    pub(crate) fn io(what: impl ToString, error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        if matches!(error.kind(), StorageFull | QuotaExceeded) {
            return StoreError::Full {
                what: what.to_string(),
                remedy: "free some, or keep fewer revisions",
            };
        }
        StoreError::Io {
            what: what.to_string(),
            reason: error.to_string(),
        }
    }
}
