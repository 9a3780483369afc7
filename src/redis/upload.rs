//! Chunks on their way to one server: several are sent before the answer of the first is read.
//!
//! When the connection is lost, what was not answered is sent again over another one, until the deadline for attempts
//! is over. So bytes are kept until they are answered, and what was answered before is looked for.

use super::client::{Client, Failed};
use super::pool::Pooled;
use super::spread::{Job, lost};
use crate::store::StoreError;
use redis::Value;
use std::collections::VecDeque;

/// Bytes sent and not yet answered, at most; one chunk may be larger.
const IN_FLIGHT_MAX: usize = 4 << 20;

/// Keys named by one command.
pub(super) const KEYS_AT_ONCE: usize = 256;

/// Values up to this size are sent together with their command.
const TOGETHER_MAX: usize = 64 << 10;

/// Longer than any epoch takes: a day.
const TALLY_MS: &[u8] = b"86400000";

/// What is written behind the chunks of an epoch. What a server has lost of its history it has lost from the end: if
/// this is there, so are they.
pub(super) struct Tally {
    pub(super) key: String,
    pub(super) text: String,
}

/// Chunks on their way over one connection, or over another one when that is lost.
pub(super) struct Upload {
    client: Client,
    link: Option<Pooled>,
    /// Not answered yet, in order; the first `sent` of them were sent on this connection.
    waiting: VecDeque<Job>,
    sent: usize,
    in_flight: usize,
    /// Keys of what is stored.
    stored: Vec<String>,
    /// Was there when it was sent again: by the first time, or by someone else.
    there: Vec<Job>,
    /// Whether something may have been sent before.
    again: bool,
    buffer: Vec<u8>,
}

impl Upload {
    pub(super) fn new(client: &Client) -> Upload {
        Upload {
            client: client.clone(),
            link: None,
            waiting: VecDeque::new(),
            sent: 0,
            in_flight: 0,
            stored: Vec::new(),
            there: Vec::new(),
            again: false,
            buffer: Vec::new(),
        }
    }

    /// Sends a chunk, after room for it was made by reading answers of earlier ones; again on another connection where
    /// that may help.
    ///
    /// Errors: also those of earlier ones; the upload is over then.
    pub(super) fn put(&mut self, job: Job) -> Result<(), StoreError> {
        self.waiting.push_back(job);
        self.retry(Upload::send_all)
    }

    /// Waits until all are stored, and that they are behind them, on as many replicas as are asked for.
    pub(super) fn finish(mut self, tally: &Tally) -> Result<(), StoreError> {
        self.retry(|upload| upload.finish_on_link(tally))
    }

    fn retry(
        &mut self,
        mut act: impl FnMut(&mut Upload) -> Result<(), Failed>,
    ) -> Result<(), StoreError> {
        let client = self.client.clone();
        client.retry_by(|| {
            let done = self.connect().and_then(|()| act(self));
            if done.is_err() {
                self.give_up_link();
            }
            done
        })
    }

    /// Makes sure of a connection. What was stored over another one must be there, too: its server may be another one,
    /// or have lost it, and the tally would say that it has all.
    fn connect(&mut self) -> Result<(), Failed> {
        if self.link.is_some() {
            return Ok(());
        }
        let mut link = self.client.link("a chunk")?;
        for keys in self.stored.chunks(KEYS_AT_ONCE) {
            let there: usize = self.client.on(&keys[0], &mut link, |link| {
                redis::cmd("EXISTS").arg(keys).query(link)
            })?;
            if there < keys.len() {
                return Err(gone("the chunks"));
            }
        }
        self.link = Some(link);
        Ok(())
    }

    /// Answers of other chunks may be unread.
    fn give_up_link(&mut self) {
        if let Some(mut link) = self.link.take() {
            link.poison();
        }
        self.again |= self.sent > 0;
        (self.sent, self.in_flight) = (0, 0);
    }

    fn send_all(&mut self) -> Result<(), Failed> {
        while self.sent < self.waiting.len() {
            let size = self.waiting[self.sent].bytes.len();
            while self.sent > 0 && self.in_flight + size > IN_FLIGHT_MAX {
                self.answer()?;
            }
            // From here on the server may have it.
            self.sent += 1;
            self.in_flight += size;
            self.send_last()?;
        }
        Ok(())
    }

    /// Sends the last of those that count as sent.
    fn send_last(&mut self) -> Result<(), Failed> {
        let job = &self.waiting[self.sent - 1];
        let end = begin(&mut self.buffer, job);
        let together = job.bytes.len() <= TOGETHER_MAX;
        if together {
            self.buffer.extend_from_slice(&job.bytes);
            self.buffer.extend_from_slice(&end);
        }
        let Some(link) = &mut self.link else {
            return Err(gone("the connection"));
        };
        let mut sent = link.send(&self.buffer);
        if !together {
            sent = sent.and_then(|()| link.send(&job.bytes));
            sent = sent.and_then(|()| link.send(&end));
        }
        sent.map_err(|error| self.client.failure(&job.key, &error))
    }

    /// Reads the answer of the oldest chunk.
    fn answer(&mut self) -> Result<(), Failed> {
        let Some(job) = self.waiting.front() else {
            return Ok(());
        };
        let (key, before) = (job.key.clone(), 1 + usize::from(job.expires_ms.is_some()));
        for _ in 0..before {
            self.receive(&key)?;
        }
        let stored = self.receive(&key)? == Value::Okay;
        self.sent -= 1;
        match self.waiting.pop_front() {
            Some(job) if stored || self.again => {
                self.in_flight -= job.bytes.len();
                match stored {
                    true => self.stored.push(key),
                    false => self.there.push(job),
                }
                Ok(())
            }
            // This handle puts a name once: someone else has the same generation and epoch.
            _ => Err(conflict(key)),
        }
    }

    fn receive(&mut self, key: &str) -> Result<Value, Failed> {
        let Some(link) = &mut self.link else {
            return Err(gone("the connection"));
        };
        link.receive()
            .map_err(|error| self.client.failure(key, &error))
    }

    fn finish_on_link(&mut self, tally: &Tally) -> Result<(), Failed> {
        self.send_all()?;
        let sent_with_tally = self.there.is_empty() && !self.again;
        if sent_with_tally {
            self.send_tally(tally)?;
        }
        while self.sent > 0 {
            self.answer()?;
        }
        if !sent_with_tally {
            self.compare()?;
            self.send_tally(tally)?;
        }
        self.receive(&tally.key)?;
        let Some(link) = &mut self.link else {
            return Err(gone("the connection"));
        };
        self.client.wait_for_replicas(link)
    }

    fn send_tally(&mut self, tally: &Tally) -> Result<(), Failed> {
        self.buffer.clear();
        let (key, text) = (tally.key.as_bytes(), tally.text.as_bytes());
        command(&mut self.buffer, &[b"SET", key, text, b"PX", TALLY_MS]);
        let Some(link) = &mut self.link else {
            return Err(gone("the connection"));
        };
        let sent = link.send(&self.buffer);
        sent.map_err(|error| self.client.failure(&tally.key, &error))
    }

    /// Whether what was there when it was sent again is what was sent.
    fn compare(&mut self) -> Result<(), Failed> {
        let Some(link) = &mut self.link else {
            return Err(gone("the connection"));
        };
        for job in &self.there {
            let there: Option<Vec<u8>> = self.client.on(&job.key, link, |link| {
                redis::cmd("GET").arg(&job.key).query(link)
            })?;
            match there {
                Some(there) if there == job.bytes => {}
                Some(_) => return Err(conflict(job.key.clone())),
                None => return Err(gone(&job.key)),
            }
        }
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.sent > 0 {
            self.give_up_link();
        }
    }
}

fn conflict(what: String) -> Failed {
    Failed {
        error: StoreError::Conflict { what },
        again: false,
    }
}

fn gone(what: &str) -> Failed {
    Failed {
        error: lost(what),
        again: false,
    }
}

/// Puts what comes before the bytes of a chunk into the buffer; returns what comes behind them.
fn begin(buffer: &mut Vec<u8>, job: &Job) -> Vec<u8> {
    buffer.clear();
    let index = job.index.as_bytes();
    // The index comes first: no chunk is there that it does not list.
    command(buffer, &[b"SADD", index, job.member.as_bytes()]);
    let mut end = b"\r\n".to_vec();
    bulk(&mut end, b"NX");
    let mut words = 4;
    if let Some(ms) = job.expires_ms.map(|ms| ms.to_string()) {
        command(buffer, &[b"PEXPIRE", index, ms.as_bytes()]);
        bulk(&mut end, b"PX");
        bulk(&mut end, ms.as_bytes());
        words = 6;
    }
    header(buffer, '*', words);
    bulk(buffer, b"SET");
    bulk(buffer, job.key.as_bytes());
    header(buffer, '$', job.bytes.len());
    end
}

fn header(out: &mut Vec<u8>, sign: char, number: usize) {
    out.extend_from_slice(format!("{sign}{number}\r\n").as_bytes());
}

fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    header(out, '$', bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn command(out: &mut Vec<u8>, words: &[&[u8]]) {
    header(out, '*', words.len());
    for word in words {
        bulk(out, word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_arrays_of_bulk_strings() {
        let mut out = Vec::new();
        command(&mut out, &[b"SADD", b"k", b""]);
        assert_eq!(out, b"*3\r\n$4\r\nSADD\r\n$1\r\nk\r\n$0\r\n\r\n");
    }
}
