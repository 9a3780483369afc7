//! The chunks of one app on their way.

use super::client::Client;
use super::spread::{Job, Spread, put_on};
use super::upload::{Tally, Upload};
use crate::store::{Revision, StoreError};
use std::collections::HashSet;

/// What is known of the epoch whose chunks are being stored.
#[derive(Default)]
pub(super) struct Uploading {
    epoch: Option<Revision>,
    /// The key of the tally.
    tally: String,
    /// Milliseconds until a chunk expires, if it does.
    expires_ms: Option<u64>,
    /// Chunks of the epoch that were sent.
    numbers: HashSet<u32>,
    way: Option<Way>,
    /// Why the epoch cannot be committed.
    failed: Option<StoreError>,
}

enum Way {
    Single(Box<Upload>),
    Cluster(Spread),
}

impl Uploading {
    /// Whether this is the epoch that was begun.
    pub(super) fn is_at(&self, epoch: Revision) -> bool {
        self.epoch == Some(epoch)
    }

    /// Begins an epoch; what is left of another one is given up.
    pub(super) fn begin(&mut self, epoch: Revision, tally: String, expires_ms: Option<u64>) {
        *self = Uploading {
            epoch: Some(epoch),
            tally,
            expires_ms,
            ..Uploading::default()
        };
    }

    /// The epoch was committed: what is put for it from now on is late.
    pub(super) fn end(&mut self) {
        *self = Uploading::default();
    }

    /// Sends a chunk of the epoch, with the time to live that was told when it began.
    pub(super) fn put(
        &mut self,
        client: &Client,
        number: u32,
        mut job: Job,
    ) -> Result<(), StoreError> {
        job.expires_ms = self.expires_ms;
        if !self.numbers.insert(number) {
            // A name that was put before: the same bytes, or a conflict.
            self.flush()?;
            return store_now(client, &job);
        }
        let way = self.way.get_or_insert_with(|| match client.is_cluster() {
            true => Way::Cluster(Spread::new(client)),
            false => Way::Single(Box::new(Upload::new(client))),
        });
        let sent = match way {
            Way::Single(upload) => upload.put(job),
            Way::Cluster(spread) => spread.put(job),
        };
        if let Err(error) = &sent {
            self.way = None;
            self.failed.get_or_insert_with(|| error.clone());
        }
        sent
    }

    /// Waits until all that was sent is stored.
    pub(super) fn flush(&mut self) -> Result<(), StoreError> {
        let finished = match self.way.take() {
            Some(Way::Single(upload)) => upload.finish(&Tally {
                key: self.tally.clone(),
                text: self.tally(),
            }),
            Some(Way::Cluster(spread)) => spread.finish(),
            None => Ok(()),
        };
        if let Err(error) = &finished {
            self.failed.get_or_insert_with(|| error.clone());
        }
        finished
    }

    /// How many chunks were sent.
    fn tally(&self) -> String {
        let epoch = self.epoch.unwrap_or_default();
        format!("{epoch}/{}", self.numbers.len())
    }

    /// Waits as [`Uploading::flush`] does; refuses the commit of an epoch of which a chunk is missing. Returns what the
    /// tally says on the server that has all of them; nothing on a cluster, where they are on several.
    pub(super) fn ready(&mut self, client: &Client, epoch: Revision) -> Result<String, StoreError> {
        self.flush()?;
        match &self.failed {
            Some(error) if self.is_at(epoch) => Err(error.clone()),
            _ if client.is_cluster() || !self.has_chunks(epoch) => Ok(String::new()),
            _ => Ok(self.tally()),
        }
    }

    /// Whether chunks of this epoch were sent.
    pub(super) fn has_chunks(&self, epoch: Revision) -> bool {
        self.is_at(epoch) && !self.numbers.is_empty()
    }
}

/// Stores one value and waits for the answer, again where that may help.
pub(super) fn store_now(client: &Client, job: &Job) -> Result<(), StoreError> {
    client.retry_by(|| {
        let mut link = client.link(&job.key)?;
        put_on(client, &mut link, job)?;
        client.wait_for_replicas(&mut link)
    })
}
