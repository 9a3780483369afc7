//! What a proxy does to what passes, and when.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One way through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Requests,
    /// From the server to the client.
    Replies,
}

/// Which of the matching requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All.
    Every,
    /// One, counted from 1 since the toxic was set.
    Nth(u64),
    /// So many of a hundred, by the seed.
    Percent(u8),
}

/// How a proxy misbehaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Toxic {
    /// It does not.
    None,
    /// Replies come later; several on their way at once are each as late.
    Latency {
        /// By so much.
        ms: u64,
        /// And up to so much more, by the seed; the order stays.
        jitter_ms: u64,
    },
    /// Each direction of each connection carries no more.
    Bandwidth {
        /// Per second.
        bytes_per_sec: u64,
    },
    /// All connections are reset, new ones refused.
    Cut,
    /// Once: lets so many bytes pass, counted over all connections, and resets the connection that carries the next.
    CutAfterBytes {
        /// That pass.
        bytes: u64,
        /// In which direction.
        direction: Direction,
    },
    /// Forwards a request to the server, swallows its reply and closes the connection. Replies before it pass.
    DropReplies {
        /// The name of the command, such as `EVALSHA`; empty for all.
        command: String,
        /// Which of them.
        which: Which,
    },
    /// Once: flips the lowest bit of one byte, counted from 0 over all connections.
    FlipBit {
        /// That byte.
        at: u64,
        /// In which direction.
        direction: Direction,
    },
    /// Every byte is written by itself.
    Slice,
    /// Connections are taken, nothing passes; what was sent passes after it.
    Freeze,
}

/// What happens after some bytes have been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    Next,
    Cut,
    Close,
}

pub(super) struct Rules {
    toxic: Toxic,
    /// Bytes that pass before the cut or the flip.
    bytes_left: u64,
    matched: u64,
    chance: u64,
    finished: bool,
    listens: bool,
    pub(super) fired: u64,
    pub(super) accepted: u64,
    pub(super) seen: BTreeMap<String, u64>,
}

/// The rules of all connections of a proxy.
pub(super) struct Shared {
    rules: Mutex<Rules>,
    changed: Condvar,
}

impl Shared {
    pub(super) fn new(seed: u64) -> Shared {
        let rules = Rules {
            toxic: Toxic::None,
            bytes_left: 0,
            matched: 0,
            chance: seed,
            finished: false,
            listens: true,
            fired: 0,
            accepted: 0,
            seen: BTreeMap::new(),
        };
        Shared {
            rules: Mutex::new(rules),
            changed: Condvar::new(),
        }
    }

    pub(super) fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, toxic: Toxic) {
        let mut rules = self.rules();
        rules.bytes_left = match toxic {
            Toxic::CutAfterBytes { bytes, .. } => bytes,
            Toxic::FlipBit { at, .. } => at,
            _ => 0,
        };
        rules.toxic = toxic;
        rules.matched = 0;
        rules.fired = 0;
        self.changed.notify_all();
    }

    pub(super) fn finish(&self) {
        self.rules().finished = true;
        self.changed.notify_all();
    }

    pub(super) fn listens(&self) -> bool {
        self.rules().listens
    }

    pub(super) fn set_listens(&self, listens: bool) {
        self.rules().listens = listens;
    }

    /// Whether no connections are to be taken.
    pub(super) fn is_cut(&self) -> bool {
        let rules = self.rules();
        rules.finished || rules.toxic == Toxic::Cut
    }

    /// Waits for the end of a cut; false at the end of the proxy.
    pub(super) fn wait_uncut(&self) -> bool {
        let is_cut = |r: &mut Rules| !r.finished && r.toxic == Toxic::Cut;
        let waited = self.changed.wait_while(self.rules(), is_cut);
        !waited.unwrap_or_else(PoisonError::into_inner).finished
    }

    /// Makes all that wait look again.
    pub(super) fn look_again(&self) {
        // taken once: nobody is between looking and waiting now
        drop(self.rules());
        self.changed.notify_all();
    }

    /// Counts a request, and decides whether its reply is to be dropped.
    pub(super) fn request(&self, name: &str) -> bool {
        let mut rules = self.rules();
        *rules.seen.entry(name.to_string()).or_insert(0) += 1;
        let which = match &rules.toxic {
            Toxic::DropReplies { command, which }
                if command.is_empty() || command.eq_ignore_ascii_case(name) =>
            {
                *which
            }
            _ => return false,
        };
        rules.matched += 1;
        let drops = match which {
            Which::Every => true,
            Which::Nth(n) => rules.matched == n,
            Which::Percent(p) => rules.chance() % 100 < u64::from(p),
        };
        rules.fired += u64::from(drops);
        drops
    }

    /// Shortens or changes what was read; answers when it may be written and what follows.
    pub(super) fn shape(&self, direction: Direction, bytes: &mut Vec<u8>) -> (Instant, After) {
        let mut rules = self.rules();
        let mut due = Instant::now();
        let mut after = After::Next;
        let reached = rules.counts(direction) && rules.reached(bytes.len());
        let place = usize::try_from(rules.bytes_left).unwrap_or(usize::MAX);
        match rules.toxic {
            Toxic::Latency { ms, jitter_ms } if direction == Direction::Replies => {
                let jitter = rules.chance() % jitter_ms.saturating_add(1);
                due += Duration::from_millis(ms + jitter);
            }
            Toxic::CutAfterBytes { .. } if reached => {
                bytes.truncate(place);
                after = After::Cut;
            }
            Toxic::FlipBit { .. } if reached => bytes[place] ^= 1,
            _ => {}
        }
        (due, after)
    }

    /// How many bytes may be written at once, and the pause after each write of one byte per such number; waits while
    /// nothing may. None when the connection has ended.
    pub(super) fn portion(&self, ended: impl Fn() -> bool) -> Option<(usize, Duration)> {
        let frozen = |r: &mut Rules| !ended() && r.toxic == Toxic::Freeze;
        let waited = self.changed.wait_while(self.rules(), frozen);
        let rules = waited.unwrap_or_else(PoisonError::into_inner);
        if ended() {
            return None;
        }
        Some(match rules.toxic {
            Toxic::Bandwidth { bytes_per_sec } => {
                let second = bytes_per_sec.max(1);
                let portion = (second / 50).max(1);
                let pause = Duration::from_secs_f64(portion as f64 / second as f64);
                (usize::try_from(portion).unwrap_or(usize::MAX), pause)
            }
            Toxic::Slice => (1, Duration::ZERO),
            _ => (usize::MAX, Duration::ZERO),
        })
    }

    /// Waits for a moment; false when the connection ended before it.
    pub(super) fn wait_until(&self, due: Instant, ended: impl Fn() -> bool) -> bool {
        let mut rules = self.rules();
        while !ended() {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            let waited = self.changed.wait_timeout(rules, left);
            rules = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }
}

impl Rules {
    /// Whether the toxic counts the bytes of this direction.
    fn counts(&self, direction: Direction) -> bool {
        match self.toxic {
            Toxic::CutAfterBytes { direction: d, .. } | Toxic::FlipBit { direction: d, .. } => {
                d == direction
            }
            _ => false,
        }
    }

    /// Counts bytes; true once, when the byte to cut before or to flip is among them.
    fn reached(&mut self, bytes: usize) -> bool {
        if self.fired > 0 {
            return false;
        }
        let bytes = bytes as u64;
        if self.bytes_left < bytes {
            self.fired = 1;
            return true;
        }
        self.bytes_left -= bytes;
        false
    }

    /// The next number of the seed (splitmix64).
    fn chance(&mut self) -> u64 {
        self.chance = self.chance.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.chance ^ (self.chance >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
