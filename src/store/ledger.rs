//! What a store remembers of an app beside the bytes, and the rules by which that changes.
//!
//! Both the store in memory and the one in files keep a ledger; a call changes a copy, makes it durable, and only then
//! takes the copy for the truth. So a call that failed half-way has changed nothing that later calls build on.

use super::name::check_name;
use super::{Catalogue, Claim, Commit, Committed, Digest, Entry, Revision, StoreError};
use std::collections::BTreeMap;

/// A revision in the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// Name and digest.
    pub(super) entry: Entry,
    /// Whether it is one blob (`save`) and not a manifest with chunks (`commit`).
    pub(super) whole: bool,
}

/// Generation, revisions and pins of one app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    /// The last generation that claimed the app.
    pub(super) generation: u64,
    /// The greatest epoch ever seen; kept when its revision is gone.
    pub(super) epoch: u64,
    /// In order; the last one is the head.
    pub(super) revisions: Vec<Kept>,
    /// Names and what they keep.
    pub(super) pins: BTreeMap<String, Revision>,
}

impl Ledger {
    pub(super) fn head(&self) -> Option<Entry> {
        self.revisions.last().map(|kept| kept.entry)
    }

    pub(super) fn find(&self, revision: Revision) -> Option<Kept> {
        let found = self
            .revisions
            .iter()
            .find(|k| k.entry.revision == revision)?;
        Some(*found)
    }

    pub(super) fn catalogue(&self) -> Catalogue {
        Catalogue {
            generation: self.generation,
            revisions: self.revisions.iter().map(|kept| kept.entry).collect(),
            pins: self.pins.iter().map(|(n, r)| (n.clone(), *r)).collect(),
        }
    }

    /// A new generation.
    pub(super) fn claim(&mut self) -> Result<Claim, StoreError> {
        let next = self.generation.checked_add(1);
        self.generation = next.ok_or_else(|| StoreError::Corrupt {
            what: "the catalogue".to_string(),
            reason: "its generation is the greatest there is".to_string(),
        })?;
        Ok(Claim {
            generation: self.generation,
            last_epoch: self.epoch,
        })
    }

    /// Adds a committed revision, unless it is there.
    pub(super) fn commit(&mut self, commit: &Commit<'_>) -> Result<Committed, StoreError> {
        if self.is_known(commit.revision, commit.digest, false)? {
            return Ok(Committed::Already);
        }
        let head = self.head().map(|e| (e.revision, e.digest));
        if head != commit.parent {
            return Err(self.stale());
        }
        self.append(commit.revision, commit.digest, false)?;
        Ok(Committed::Done)
    }

    /// Adds a revision that is one blob; `false` if it is there.
    pub(super) fn save(&mut self, revision: Revision, digest: Digest) -> Result<bool, StoreError> {
        if self.is_known(revision, digest, true)? {
            return Ok(false);
        }
        if revision.generation < self.generation {
            return Err(self.fenced(revision.generation));
        }
        self.append(revision, digest, true)?;
        self.generation = revision.generation;
        Ok(true)
    }

    /// Whether a revision is in the catalogue; an error if it is another one of that name.
    fn is_known(
        &self,
        revision: Revision,
        digest: Digest,
        whole: bool,
    ) -> Result<bool, StoreError> {
        match self.find(revision) {
            None => Ok(false),
            Some(kept) if kept.entry.digest == digest && kept.whole == whole => Ok(true),
            Some(_) => Err(StoreError::Conflict {
                what: format!("revision {revision}"),
            }),
        }
    }

    fn append(
        &mut self,
        revision: Revision,
        digest: Digest,
        whole: bool,
    ) -> Result<(), StoreError> {
        if (self.head()).is_some_and(|head| revision.epoch <= head.revision.epoch) {
            return Err(self.stale());
        }
        self.epoch = self.epoch.max(revision.epoch);
        let entry = Entry { revision, digest };
        self.revisions.push(Kept { entry, whole });
        Ok(())
    }

    /// Takes revisions out; those that are not there are passed over.
    pub(super) fn retire(&mut self, revisions: &[Revision]) -> Result<(), StoreError> {
        let head = self.head().map(|head| head.revision);
        for revision in revisions {
            let refuse = |reason| StoreError::Name {
                what: "revision to retire",
                name: revision.to_string(),
                reason,
            };
            if Some(*revision) == head {
                return Err(refuse("it is the head"));
            }
            if self.pins.values().any(|pinned| pinned == revision) {
                return Err(refuse("it is pinned: take the pin away first"));
            }
        }
        let stays = |kept: &Kept| !revisions.contains(&kept.entry.revision);
        self.revisions.retain(stays);
        Ok(())
    }

    /// Moves, adds or takes away a pin.
    pub(super) fn pin(&mut self, name: &str, revision: Option<Revision>) -> Result<(), StoreError> {
        check_name("name of a pin", name)?;
        let Some(revision) = revision else {
            self.pins.remove(name);
            return Ok(());
        };
        if self.find(revision).is_none() {
            return Err(StoreError::Name {
                what: "revision to pin",
                name: revision.to_string(),
                reason: "it is not in the catalogue",
            });
        }
        self.pins.insert(name.to_string(), revision);
        Ok(())
    }

    /// Takes all revisions and pins out; the generation and the greatest epoch stay.
    pub(super) fn clear(&mut self) {
        self.revisions.clear();
        self.pins.clear();
    }

    /// The error for a writer whose generation is not the one that owns the app.
    pub(super) fn fenced(&self, generation: u64) -> StoreError {
        StoreError::Fenced {
            generation,
            current: self.generation,
        }
    }

    fn stale(&self) -> StoreError {
        StoreError::StaleParent {
            head: self.head().map(|head| head.revision),
        }
    }
}
