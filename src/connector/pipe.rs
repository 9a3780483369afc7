//! A reader that can be left: a thread that is blocked in the opening or reading of a pipe would hold whoever waits
//! for its end.
//!
//! A thread of its own opens and reads; this end waits in steps, and asks between them whether to go on.

use std::io::{self, ErrorKind, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::Builder;
use std::time::Duration;

const CHUNK_BYTES: usize = 64 << 10;
const CHUNKS_MAX: usize = 4;
/// How long one step of waiting is.
const STEP: Duration = Duration::from_millis(50);

/// A pipe, a terminal or a device, read by a thread of its own.
pub struct Pipe {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    used: usize,
    wait: Box<dyn FnMut() -> bool>,
}

impl Pipe {
    /// Starts to read. `wait` is called when there is nothing to read yet, and every 50 ms from then on; `false` ends
    /// the reader. The thread is left behind then: it may be blocked for ever.
    ///
    /// Errors: where no thread can be started.
    pub fn new<R: Read>(
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
        wait: impl FnMut() -> bool + 'static,
    ) -> io::Result<Self> {
        let (send, chunks) = sync_channel(CHUNKS_MAX);
        let thread = Builder::new().name("eventflux-pipe".to_string());
        thread.spawn(move || match open() {
            Ok(reader) => pass_on(reader, &send),
            // Nobody waits for it any more.
            Err(e) => drop(send.send(Err(e))),
        })?;
        Ok(Pipe {
            chunks,
            chunk: Vec::new(),
            used: 0,
            wait: Box::new(wait),
        })
    }

    /// The next chunk; empty at the end.
    fn next_chunk(&mut self) -> io::Result<Vec<u8>> {
        match self.chunks.try_recv() {
            Ok(chunk) => return chunk,
            Err(TryRecvError::Disconnected) => return Ok(Vec::new()),
            Err(TryRecvError::Empty) => {}
        }
        while (self.wait)() {
            match self.chunks.recv_timeout(STEP) {
                Ok(chunk) => return chunk,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        Ok(Vec::new())
    }
}

/// Reads to the end, or until nobody listens.
fn pass_on(mut reader: impl Read, to: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut chunk = vec![0; CHUNK_BYTES];
        let read = match reader.read(&mut chunk) {
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            read => read,
        };
        let end = !matches!(read, Ok(n) if n > 0);
        let sent = to.send(read.map(|n| {
            chunk.truncate(n);
            chunk
        }));
        if end || sent.is_err() {
            return;
        }
    }
}

impl std::fmt::Debug for Pipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipe").finish_non_exhaustive()
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
        let all = bytes.clone();
        let pipe = Pipe::new(move || Ok(io::Cursor::new(all)), || true);
        let mut pipe = pipe.expect("a thread");
        let mut read = Vec::new();
        pipe.read_to_end(&mut read).expect("memory");
        assert!(read == bytes);
        assert_eq!(pipe.read(&mut [0; 8]).expect("the end"), 0);
    }

    #[test]
    fn a_pipe_that_cannot_be_opened_says_so_and_one_that_blocks_is_left() {
        let fails = || Err::<io::Empty, _>(ErrorKind::NotFound.into());
        let mut pipe = Pipe::new(fails, || true).expect("a thread");
        let e = pipe.read(&mut [0; 8]).expect_err("not there");
        assert_eq!(e.kind(), ErrorKind::NotFound);
        /// Has nothing, for ever.
        struct Silent;
        impl Read for Silent {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                loop {
                    std::thread::park();
                }
            }
        }
        let mut steps = 3;
        let wait = move || {
            steps -= 1;
            steps > 0
        };
        let mut pipe = Pipe::new(|| Ok(Silent), wait).expect("a thread");
        assert_eq!(pipe.read(&mut [0; 8]).expect("left"), 0);
    }
}
