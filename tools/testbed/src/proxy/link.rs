//! One connection through the proxy: its two sockets and four threads.

use super::frames::Frames;
use super::toxic::{After, Direction, Shared};
use socket2::SockRef;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const PIECE: usize = 16 * 1024;
/// Pieces that are on their way in one direction; more are left to the sender's socket.
const ON_THE_WAY: usize = 256;
/// How often a blocked write looks whether the connection has ended.
const LOOK: Duration = Duration::from_millis(50);

/// Bytes, when to write them, and what follows.
type Piece = (Instant, Vec<u8>, After);

struct Sockets {
    client: TcpStream,
    server: TcpStream,
    ended: AtomicBool,
    /// Of each request that has no reply yet: whether its reply is to be dropped.
    doomed: Mutex<VecDeque<bool>>,
}

/// A connection through the proxy.
pub(super) struct Link {
    // not the sockets themselves: a reset is sent when the last thread lets go of them
    sockets: Weak<Sockets>,
    threads: Vec<JoinHandle<()>>,
}

/// Makes the close of a socket a reset.
pub(super) fn reset_on_close(socket: &TcpStream) {
    // An error means that the connection is gone already.
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}

impl Link {
    pub(super) fn start(
        client: TcpStream,
        server: TcpStream,
        shared: &Arc<Shared>,
    ) -> io::Result<Link> {
        SockRef::from(&client).set_linger(None)?;
        for socket in [&client, &server] {
            socket.set_nodelay(true)?;
            socket.set_write_timeout(Some(LOOK))?;
        }
        let sockets = Arc::new(Sockets {
            client,
            server,
            ended: AtomicBool::new(false),
            doomed: Mutex::default(),
        });
        let mut link = Link {
            sockets: Arc::downgrade(&sockets),
            threads: Vec::new(),
        };
        for direction in [Direction::Requests, Direction::Replies] {
            let (pieces, out) = sync_channel(ON_THE_WAY);
            let (s, r) = (Arc::clone(&sockets), Arc::clone(shared));
            link.spawn(move || match direction {
                Direction::Requests => s.requests(&r, &pieces),
                Direction::Replies => s.replies(&r, &pieces),
            })?;
            let (s, r) = (Arc::clone(&sockets), Arc::clone(shared));
            link.spawn(move || s.write_all(&r, direction, &out))?;
        }
        Ok(link)
    }

    fn spawn(&mut self, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = thread::Builder::new().name("proxy-link".to_string());
        self.threads.push(thread.spawn(run)?);
        Ok(())
    }

    /// Whether all its threads have ended.
    pub(super) fn ended(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Resets it.
    pub(super) fn cut(&self, shared: &Shared) {
        if let Some(sockets) = self.sockets.upgrade() {
            sockets.cut(shared);
        }
    }

    /// Waits for the end of its threads.
    pub(super) fn join(self) {
        for thread in self.threads {
            // its panic has been reported by the thread itself
            let _ = thread.join();
        }
    }
}

impl Sockets {
    fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    fn end(&self, how: Shutdown, shared: &Shared) {
        self.ended.store(true, Ordering::Release);
        for socket in [&self.client, &self.server] {
            // an error means that it is closed
            let _ = socket.shutdown(how);
        }
        shared.look_again();
    }

    /// Ends with a reset. Reading is shut down only to wake the threads: it sends nothing.
    fn cut(&self, shared: &Shared) {
        reset_on_close(&self.client);
        reset_on_close(&self.server);
        self.end(Shutdown::Read, shared);
    }

    fn requests(&self, shared: &Shared, pieces: &SyncSender<Piece>) {
        let mut frames = Frames::default();
        self.read_all(&self.client, shared, Direction::Requests, pieces, |bytes| {
            let mut rest = bytes;
            while !rest.is_empty() {
                let (used, frame) = frames.advance(rest);
                if let Some(frame) = frame {
                    let dropped = shared.request(&frame.name);
                    self.doomed().push_back(dropped);
                }
                rest = &rest[used..];
            }
            bytes.len()
        });
    }

    fn replies(&self, shared: &Shared, pieces: &SyncSender<Piece>) {
        let mut frames = Frames::default();
        self.read_all(&self.server, shared, Direction::Replies, pieces, |bytes| {
            let mut kept = 0;
            while let Some(kind) = bytes.get(kept) {
                // what is pushed answers no request
                let reply = !frames.at_start() || *kind != b'>';
                if reply && self.doomed().front() == Some(&true) {
                    break;
                }
                let (used, frame) = frames.advance(&bytes[kept..]);
                if frame.is_some_and(|f| f.kind != b'>') {
                    self.doomed().pop_front();
                }
                kept += used;
            }
            kept
        });
    }

    fn doomed(&self) -> std::sync::MutexGuard<'_, VecDeque<bool>> {
        self.doomed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads one direction. `look` answers how many of the bytes pass; the connection closes when not all do.
    fn read_all(
        &self,
        mut from: &TcpStream,
        shared: &Shared,
        direction: Direction,
        pieces: &SyncSender<Piece>,
        mut look: impl FnMut(&[u8]) -> usize,
    ) {
        let mut buffer = vec![0; PIECE];
        loop {
            let read = match from.read(&mut buffer) {
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Ok(0) | Err(_) => return,
                Ok(read) => read,
            };
            let kept = look(&buffer[..read]);
            let mut bytes = buffer[..kept].to_vec();
            let (due, mut after) = shared.shape(direction, &mut bytes);
            if kept < read && after == After::Next {
                after = After::Close;
            }
            let piece = (due, bytes, after);
            if self.ended() || pieces.send(piece).is_err() || after != After::Next {
                return;
            }
        }
    }

    /// Writes one direction until its reader has ended.
    fn write_all(&self, shared: &Shared, direction: Direction, pieces: &Receiver<Piece>) {
        let to = match direction {
            Direction::Requests => &self.server,
            Direction::Replies => &self.client,
        };
        for (due, bytes, after) in pieces {
            let passed = shared.wait_until(due, || self.ended()) && self.write(to, &bytes, shared);
            match after {
                After::Cut => return self.cut(shared),
                After::Close => return self.end(Shutdown::Both, shared),
                After::Next if !passed => return self.end(Shutdown::Read, shared),
                After::Next => {}
            }
        }
        if !self.ended() {
            // the other side has closed; an error means that this one has, too
            let _ = to.shutdown(Shutdown::Write);
        }
    }

    fn write(&self, mut to: &TcpStream, bytes: &[u8], shared: &Shared) -> bool {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some((portion, pause)) = shared.portion(|| self.ended()) else {
                return false;
            };
            match to.write(&rest[..portion.min(rest.len())]) {
                Ok(written) => rest = &rest[written..],
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => return false,
            }
            if !pause.is_zero() && !shared.wait_until(Instant::now() + pause, || self.ended()) {
                return false;
            }
        }
        true
    }
}
