//! Standard input that can be left: a blocked read would hold the process after Ctrl-C, and rows that are written
//! but not passed on would wait with it.
//!
//! A thread reads; this end waits in steps, and looks for the signal and calls `idle` between them: timers may have
//! emitted.

use crate::signal;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

const CHUNK_BYTES: usize = 64 << 10;
const CHUNKS_MAX: usize = 4;
const SIGNAL_CHECK: Duration = Duration::from_millis(50);

/// A reader of standard input that ends when somebody asks to stop.
pub struct Pipe {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    used: usize,
    idle: Box<dyn FnMut()>,
}

impl Pipe {
    /// Starts to read. `idle` is called when there is nothing to read yet.
    pub fn stdin(idle: Box<dyn FnMut()>) -> Self {
        Pipe::new(io::stdin(), idle)
    }

    fn new(mut reader: impl Read + Send + 'static, idle: Box<dyn FnMut()>) -> Self {
        let (send, chunks) = sync_channel(CHUNKS_MAX);
        // not joined: it may be blocked for ever
        thread::spawn(move || {
            loop {
                let mut chunk = vec![0; CHUNK_BYTES];
                let read = match reader.read(&mut chunk) {
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    read => read,
                };
                let end = !matches!(read, Ok(n) if n > 0);
                let sent = send.send(read.map(|n| {
                    chunk.truncate(n);
                    chunk
                }));
                if end || sent.is_err() {
                    break;
                }
            }
        });
        Pipe {
            chunks,
            chunk: Vec::new(),
            used: 0,
            idle,
        }
    }

    /// The next chunk; empty at the end.
    fn next_chunk(&mut self) -> io::Result<Vec<u8>> {
        match self.chunks.try_recv() {
            Ok(chunk) => return chunk,
            Err(TryRecvError::Disconnected) => return Ok(Vec::new()),
            Err(TryRecvError::Empty) => (self.idle)(),
        }
        loop {
            match self.chunks.recv_timeout(SIGNAL_CHECK) {
                Ok(chunk) => return chunk,
                Err(RecvTimeoutError::Disconnected) => return Ok(Vec::new()),
                Err(RecvTimeoutError::Timeout) if signal::is_asked() => return Ok(Vec::new()),
                Err(RecvTimeoutError::Timeout) => (self.idle)(),
            }
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.used == self.chunk.len() {
            self.chunk = self.next_chunk()?;
            self.used = 0;
        }
        let rest = &self.chunk[self.used..];
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        self.used += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_come_in_order_and_then_the_end() {
        let bytes: Vec<u8> = (0..500_000_u32).map(|i| (i % 251) as u8).collect();
        let mut pipe = Pipe::new(io::Cursor::new(bytes.clone()), Box::new(|| {}));
        let mut read = Vec::new();
        pipe.read_to_end(&mut read).expect("memory");
        assert!(read == bytes);
        assert_eq!(pipe.read(&mut [0; 8]).expect("the end"), 0);
    }
}
