//! Chunks on their way to one server: several are sent before the answer of the first is read.

use super::client::{Client, Failed};
use super::pool::Pooled;
use crate::store::StoreError;
use redis::{RedisResult, Value};
use std::collections::VecDeque;

/// Bytes sent and not yet answered, at most; one chunk may be larger.
const IN_FLIGHT_MAX: usize = 4 << 20;

/// Values up to this size are sent together with their command.
const TOGETHER_MAX: usize = 64 << 10;

/// A chunk to be stored.
pub(super) struct Put<'a> {
    pub(super) index: String,
    pub(super) member: String,
    pub(super) key: String,
    pub(super) bytes: &'a [u8],
}

/// Longer than any epoch takes: a day.
const TALLY_MS: &[u8] = b"86400000";

/// What is written behind the chunks of an epoch. What a server has lost of its history it has lost from the end: if
/// this is there, so are they.
pub(super) struct Tally {
    pub(super) key: String,
    pub(super) text: String,
}

/// A connection with chunks on their way.
pub(super) struct Upload {
    client: Client,
    link: Pooled,
    /// Key and bytes of what is not answered.
    waiting: VecDeque<(String, usize)>,
    in_flight: usize,
    buffer: Vec<u8>,
    /// Milliseconds until a chunk expires, if it does.
    expires_ms: Option<String>,
}

impl Upload {
    pub(super) fn new(client: &Client, expires_ms: Option<u64>) -> Result<Upload, Failed> {
        Ok(Upload {
            link: client.link("a chunk")?,
            client: client.clone(),
            waiting: VecDeque::new(),
            in_flight: 0,
            buffer: Vec::new(),
            expires_ms: expires_ms.map(|ms| ms.to_string()),
        })
    }

    /// Sends a chunk, after room for it was made by reading answers of earlier ones.
    ///
    /// Errors: also those of earlier ones; the upload is over then.
    pub(super) fn put(&mut self, put: &Put<'_>) -> Result<(), StoreError> {
        while !self.waiting.is_empty() && self.in_flight + put.bytes.len() > IN_FLIGHT_MAX {
            self.answer()?;
        }
        let end = self.begin(put);
        let sent = if put.bytes.len() <= TOGETHER_MAX {
            self.buffer.extend_from_slice(put.bytes);
            self.buffer.extend_from_slice(&end);
            self.link.send(&self.buffer)
        } else {
            self.send_parts(put.bytes, &end)
        };
        self.noted(&put.key, sent)?;
        self.waiting.push_back((put.key.clone(), put.bytes.len()));
        self.in_flight += put.bytes.len();
        Ok(())
    }

    /// Puts what comes before the bytes into the buffer; answers what comes behind them.
    fn begin(&mut self, put: &Put<'_>) -> Vec<u8> {
        let buffer = &mut self.buffer;
        buffer.clear();
        let index = put.index.as_bytes();
        // The index comes first: no chunk is there that it does not list.
        command(buffer, &[b"SADD", index, put.member.as_bytes()]);
        let mut end = b"\r\n".to_vec();
        bulk(&mut end, b"NX");
        let mut words = 4;
        if let Some(ms) = &self.expires_ms {
            command(buffer, &[b"PEXPIRE", index, ms.as_bytes()]);
            bulk(&mut end, b"PX");
            bulk(&mut end, ms.as_bytes());
            words = 6;
        }
        header(buffer, '*', words);
        bulk(buffer, b"SET");
        bulk(buffer, put.key.as_bytes());
        header(buffer, '$', put.bytes.len());
        end
    }

    fn send_parts(&mut self, bytes: &[u8], end: &[u8]) -> RedisResult<()> {
        self.link.send(&self.buffer)?;
        self.link.send(bytes)?;
        self.link.send(end)
    }

    /// Reads the answer of the oldest chunk.
    fn answer(&mut self) -> Result<(), StoreError> {
        let Some((key, bytes)) = self.waiting.pop_front() else {
            return Ok(());
        };
        for _ in 0..1 + usize::from(self.expires_ms.is_some()) {
            let received = self.link.receive().map(drop);
            self.noted(&key, received)?;
        }
        let received = self.link.receive();
        self.in_flight -= bytes;
        match self.noted(&key, received)? {
            Value::Okay => Ok(()),
            // This handle puts a name once: someone else has the same generation and epoch.
            _ => {
                self.link.poison();
                Err(StoreError::Conflict { what: key })
            }
        }
    }

    fn noted<T>(&mut self, key: &str, result: RedisResult<T>) -> Result<T, StoreError> {
        result.map_err(|error| {
            // Answers of other chunks are unread.
            self.link.poison();
            self.client.failure(key, &error).error
        })
    }

    /// Waits until all are stored, and that they are behind them, on as many replicas as are asked for.
    pub(super) fn finish(mut self, tally: &Tally) -> Result<(), StoreError> {
        self.buffer.clear();
        let (key, text) = (tally.key.as_bytes(), tally.text.as_bytes());
        command(&mut self.buffer, &[b"SET", key, text, b"PX", TALLY_MS]);
        let sent = self.link.send(&self.buffer);
        self.noted(&tally.key, sent)?;
        while !self.waiting.is_empty() {
            self.answer()?;
        }
        let received = self.link.receive();
        self.noted(&tally.key, received)?;
        let confirmed = self.client.wait_for_replicas(&mut self.link);
        confirmed.map_err(|failed| failed.error)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.waiting.is_empty() {
            self.link.poison();
        }
    }
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
