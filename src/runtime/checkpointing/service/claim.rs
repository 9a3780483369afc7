//! Claims an app's state: who asks for it, and how it waits for the lease of another owner to run out.
//!
//! Each runtime has a name of its own, with the process in it. So a claim whose reply was lost is known again as one's
//! own, and is no other runtime's, not even one of the same process over the same store.

use super::{CheckpointEvent, Inner};
use crate::runtime::checkpointing::error::CheckpointError;
use crate::runtime::checkpointing::head::{Claimed, Head};
use crate::store::{Claim, Owner, StoreError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

/// Waited for beyond the end of a lease, as clocks are read at both ends of a line.
const MARGIN: Duration = Duration::from_millis(50);
/// What a start may wait beyond two times the lease that it found first.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// A lease that ends later than this was written by a clock that was wrong, and is not waited for.
const LEASE_MAX: Duration = Duration::from_secs(3600);

/// The name of one runtime as an owner: the process, and what tells it from others of that process.
pub(super) fn owner_name() -> String {
    let random = RandomState::new().build_hasher().finish() as u32;
    format!("{}#{random:08x}", Owner::process_name())
}

/// A wait for other owners.
struct Wait {
    /// Nothing is waited for beyond.
    until: Instant,
    /// Whose lease was waited for last.
    owner: String,
}

impl Inner {
    /// Claims the app's state, unless it is claimed; reads what the store holds, unless it is known.
    pub(super) fn claim(&self, head: &mut Head) -> Result<(), CheckpointError> {
        if head.claimed == Claimed::No {
            self.acquire(head)?;
        }
        head.look(&*self.store, &self.app)
    }

    /// Sets what the store cannot read of the app aside, unless it is claimed here; returns where it is.
    pub(super) fn set_aside(&self, head: &Head) -> Result<Option<String>, CheckpointError> {
        if head.claimed != Claimed::No {
            return Ok(None);
        }
        let owner = Owner {
            name: self.owner.clone(),
            takeover: false,
        };
        Ok(self.store.set_aside(&self.app, &owner)?)
    }

    fn acquire(&self, head: &mut Head) -> Result<(), CheckpointError> {
        // Asked before: of what is claimed a store may no longer know that it has expired.
        head.expired = match self.store.catalogue(&self.app) {
            Ok(_) | Err(StoreError::Unsupported { .. }) => None,
            Err(error @ StoreError::Expired { epoch, .. }) => {
                head.epoch = head.epoch.max(epoch);
                Some(error)
            }
            Err(error) => return Err(error.into()),
        };
        match self.wait_for_claim() {
            Ok(claim) => {
                head.epoch = head.epoch.max(claim.last_epoch);
                head.claimed = Claimed::Chunks(claim.generation);
                for repair in self.store.repairs(&self.app) {
                    self.tell(&CheckpointEvent::Repaired(repair));
                }
            }
            Err(CheckpointError::Store(StoreError::Unsupported { .. })) => {
                let last = self.store.last_revision(&self.app)?;
                head.epoch = head.epoch.max(last.map_or(0, |r| r.epoch));
                head.claimed = Claimed::Whole(last.map_or(0, |r| r.generation) + 1);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn wait_for_claim(&self) -> Result<Claim, CheckpointError> {
        let mut owner = Owner {
            name: self.owner.clone(),
            takeover: self.config.takeover,
        };
        let mut wait = None;
        loop {
            let error = match self.store.acquire(&self.app, &owner) {
                Ok(claim) => return Ok(claim),
                Err(error) => error,
            };
            match &error {
                StoreError::Locked { .. } if owner.takeover => return Err(error.into()),
                // A claim of this runtime, whose reply was lost.
                StoreError::Locked { owner: holder, .. } if *holder == self.owner => {
                    owner.takeover = true;
                }
                _ => self.outwait(error, &mut wait)?,
            }
        }
    }

    /// Waits until the lease that stands in the way has run out; an error when there is nothing to wait for.
    fn outwait(&self, error: StoreError, wait: &mut Option<Wait>) -> Result<(), CheckpointError> {
        let StoreError::Locked {
            owner,
            expires_in: Some(left),
            ..
        } = &error
        else {
            return Err(error.into());
        };
        if *left > LEASE_MAX {
            return Err(error.into());
        }
        let now = Instant::now();
        let pause = left.saturating_add(MARGIN);
        let told = wait.is_some();
        let until = match wait.take() {
            // Its time was over and is not: the owner is alive and has renewed it.
            Some(before) if before.owner == *owner && *left > MARGIN => return Err(error.into()),
            Some(before) => Some(before.until),
            None => now.checked_add(left.saturating_mul(2).saturating_add(WAIT_MAX)),
        };
        let Some(until) = until.filter(|until| *until > now) else {
            return Err(error.into());
        };
        let owner = owner.clone();
        if !told {
            self.tell(&CheckpointEvent::Waiting {
                owner: owner.clone(),
                at_most: pause,
            });
        }
        *wait = Some(Wait { until, owner });
        self.pause(pause.min(until - now))
    }
}
