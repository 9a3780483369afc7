//! Chunks on their way to a cluster: one at a time on each of several connections.
//!
//! The blocking client has pipelines to a cluster, but after an error they have been seen to answer with other keys'
//! values; a chunk is large enough to be worth a command of its own.

use super::client::{Client, Failed};
use super::pool::Pooled;
use crate::store::StoreError;
use crossbeam::channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;
use redis::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Connections at most; as many chunks wait.
const THREADS_MAX: u32 = 4;

/// A value to be stored, with the set that lists it.
pub(super) struct Job {
    pub(super) index: String,
    pub(super) member: String,
    pub(super) key: String,
    pub(super) bytes: Vec<u8>,
    pub(super) expires_ms: Option<u64>,
}

/// Threads that store chunks; they end with the epoch.
pub(super) struct Spread {
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
    state: Arc<State>,
    /// Keys of all chunks.
    keys: Vec<String>,
    /// A name that each set lists since then.
    listed: BTreeMap<String, String>,
    /// Primaries that were seen to be replaced before.
    failovers: u64,
    client: Client,
}

#[derive(Default)]
struct State {
    failed: Mutex<Option<StoreError>>,
    /// A connection was lost: the server that replaces the lost one may not have what that one had.
    doubt: AtomicBool,
}

impl Spread {
    pub(super) fn new(client: &Client) -> Spread {
        let count = THREADS_MAX.min(client.connections_max() - 1).max(1);
        let (jobs, waiting) = bounded(count as usize);
        let state = Arc::new(State::default());
        let start = |_| {
            let (client, waiting, state) = (client.clone(), waiting.clone(), Arc::clone(&state));
            std::thread::Builder::new()
                .name("eventflux-upload".to_string())
                .spawn(move || work(&client, &waiting, &state))
        };
        // Without any thread the first chunk finds nobody who takes it.
        let threads = (0..count).map(start).filter_map(Result::ok).collect();
        Spread {
            jobs: Some(jobs),
            threads,
            state,
            keys: Vec::new(),
            listed: BTreeMap::new(),
            failovers: client.failovers(),
            client: client.clone(),
        }
    }

    /// Hands a chunk over. Errors: also those of earlier ones.
    pub(super) fn put(&mut self, job: Job) -> Result<(), StoreError> {
        if let Some(error) = &*self.state.failed.lock() {
            return Err(error.clone());
        }
        self.keys.push(job.key.clone());
        self.listed.insert(job.index.clone(), job.member.clone());
        let sent = self
            .jobs
            .as_ref()
            .is_some_and(|jobs| jobs.send(job).is_ok());
        if sent {
            return Ok(());
        }
        let failed = self.state.failed.lock().clone();
        Err(failed.unwrap_or_else(|| StoreError::Io {
            what: "a chunk".to_string(),
            reason: "no thread could be started to store it".to_string(),
        }))
    }

    /// Waits until all are stored, on as many replicas as are asked for.
    pub(super) fn finish(mut self) -> Result<(), StoreError> {
        self.join();
        if let Some(error) = self.state.failed.lock().take() {
            return Err(error);
        }
        let replicas = self.client.options().replicas > 0;
        if replicas {
            // The client follows a redirection to another primary without a word.
            self.client.probe()?;
        }
        let failovers = self.client.failovers();
        if self.state.doubt.load(Ordering::Relaxed) || failovers != self.failovers {
            self.verify()?;
        }
        if replicas {
            self.confirm()?;
            self.client.probe()?;
            if self.client.failovers() != failovers {
                return Err(lost("the chunks"));
            }
        }
        Ok(())
    }

    /// Waits for replicas of all that was stored. A primary counts from the last command of the connection that asks,
    /// whoever has written before it, so one connection speaks to each primary and then waits.
    fn confirm(&self) -> Result<(), StoreError> {
        self.client.retry_by(|| {
            let mut link = self.client.link("the chunks")?;
            for (index, member) in &self.listed {
                self.client.on(index, &mut link, |link| {
                    let mut add = redis::cmd("SADD");
                    add.arg(index).arg(member).query::<u32>(link).map(drop)
                })?;
            }
            self.client.wait_for_replicas(&mut link)
        })
    }

    fn join(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has printed why; what it had is missing, and that is an error.
            if thread.join().is_err() {
                self.state.doubt.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Asks for every chunk whether it is there.
    fn verify(&self) -> Result<(), StoreError> {
        for key in &self.keys {
            let there: u32 = self
                .client
                .retry(key, |link| redis::cmd("EXISTS").arg(key).query(link))?;
            if there == 0 {
                return Err(lost(key));
            }
        }
        Ok(())
    }
}

impl Drop for Spread {
    fn drop(&mut self) {
        self.join();
    }
}

fn work(client: &Client, jobs: &Receiver<Job>, state: &State) {
    let mut link: Option<Pooled> = None;
    for job in jobs {
        if state.failed.lock().is_some() {
            continue;
        }
        let stored = client.retry_by(|| {
            let stored = attempt(client, &mut link, &job);
            if stored.is_err() {
                link = None;
                state.doubt.store(true, Ordering::Relaxed);
            }
            stored
        });
        if let Err(error) = stored {
            *state.failed.lock() = Some(error);
        }
    }
}

pub(super) fn lost(what: &str) -> StoreError {
    StoreError::Io {
        what: what.to_string(),
        reason: "a server was replaced, and what was stored before is not there".to_string(),
    }
}

fn attempt(client: &Client, link: &mut Option<Pooled>, job: &Job) -> Result<(), Failed> {
    let link = match link {
        Some(link) => link,
        none => none.insert(client.link(&job.key)?),
    };
    put_on(client, link, job)
}

/// Stores a value unless it is there, listed first. Safe to do again.
pub(super) fn put_on(client: &Client, link: &mut Pooled, job: &Job) -> Result<(), Failed> {
    let key = &job.key;
    client.on(key, link, |link| {
        let _: u32 = redis::cmd("SADD")
            .arg(&job.index)
            .arg(&job.member)
            .query(link)?;
        if let Some(ms) = job.expires_ms {
            let _: u32 = redis::cmd("PEXPIRE").arg(&job.index).arg(ms).query(link)?;
        }
        Ok(())
    })?;
    let stored: Value = client.on(key, link, |link| {
        let mut set = redis::cmd("SET");
        set.arg(key).arg(&job.bytes[..]).arg("NX");
        if let Some(ms) = job.expires_ms {
            set.arg("PX").arg(ms);
        }
        set.query(link)
    })?;
    if stored == Value::Okay {
        return Ok(());
    }
    let there: Option<Vec<u8>> =
        client.on(key, link, |link| redis::cmd("GET").arg(key).query(link))?;
    match there {
        Some(there) if there == job.bytes => Ok(()),
        // It expired, or was deleted, between the two.
        None => Err(Failed {
            error: StoreError::Io {
                what: key.clone(),
                reason: "it was there and is gone".to_string(),
            },
            again: true,
        }),
        Some(_) => Err(Failed {
            error: StoreError::Conflict { what: key.clone() },
            again: false,
        }),
    }
}
