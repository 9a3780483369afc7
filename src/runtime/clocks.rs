//! The clocks of the inputs that feed a worker, and the app's clock that follows from them: the least of them.

use crate::event::Timestamp;
use std::time::{Duration, Instant};

/// The clock of one input; `None` until it has told one, and while it is idle.
#[derive(Debug)]
struct InputClock {
    input: u64,
    clock: Option<Timestamp>,
    /// When it last told its clock; kept only where idle inputs are not waited for.
    heard: Instant,
    /// It holds the clock back since a restore and has said nothing after it.
    held: bool,
}

/// The clocks of the open inputs.
#[derive(Debug)]
pub(crate) struct InputClocks {
    entries: Vec<InputClock>,
    /// How long an input that sends nothing holds the clock back.
    idle: Option<Duration>,
}

impl InputClocks {
    pub(crate) fn new(idle: Option<Duration>) -> Self {
        InputClocks {
            entries: Vec::new(),
            idle,
        }
    }

    fn entry(&mut self, input: u64) -> Option<&mut InputClock> {
        self.entries.iter_mut().find(|c| c.input == input)
    }

    /// An input opens. One that is open already, or waits for it since a restore, keeps its clock.
    pub(crate) fn open(&mut self, input: u64) {
        if self.entry(input).is_none() {
            self.put(input, None);
        }
    }

    fn put(&mut self, input: u64, clock: Option<Timestamp>) {
        self.entries.push(InputClock {
            input,
            clock,
            heard: Instant::now(),
            held: clock.is_some(),
        });
    }

    /// Forgets an input: it no longer holds the clock back, unless it has to say more after a restore.
    pub(crate) fn close(&mut self, input: u64) {
        self.entries.retain(|c| c.input != input || c.held);
    }

    /// Gives an input, open or not, its clock of a checkpoint.
    pub(crate) fn restore(&mut self, input: u64, clock: Option<Timestamp>) {
        self.entries.retain(|c| c.input != input);
        self.put(input, clock);
    }

    pub(crate) fn is_open(&self, input: u64) -> bool {
        self.entries.iter().any(|c| c.input == input)
    }

    pub(crate) fn of(&self, input: u64) -> Option<Timestamp> {
        let entry = self.entries.iter().find(|c| c.input == input);
        entry.and_then(|c| c.clock)
    }

    /// An input has something to say: it is not idle. Answers whether it had said nothing before.
    #[inline]
    pub(crate) fn hear(&mut self, input: u64) -> bool {
        let idle = self.idle.is_some();
        let Some(entry) = self.entry(input) else {
            return false;
        };
        if idle {
            entry.heard = Instant::now();
        }
        entry.held = false;
        entry.clock.is_none()
    }

    /// Remembers the clock of an input.
    #[inline]
    pub(crate) fn set(&mut self, input: u64, clock: Timestamp) {
        if let Some(entry) = self.entry(input) {
            entry.clock = Some(entry.clock.map_or(clock, |c| c.max(clock)));
        }
    }

    /// The least clock of the other inputs.
    #[inline]
    pub(crate) fn of_others(&self, input: u64) -> Timestamp {
        let others = self.entries.iter().filter(|c| c.input != input);
        let least = others.filter_map(|c| c.clock).min();
        least.unwrap_or(Timestamp(i64::MAX))
    }

    /// The least clock of all inputs.
    pub(crate) fn least(&self) -> Option<Timestamp> {
        self.entries.iter().filter_map(|c| c.clock).min()
    }

    /// How long an input that sends nothing holds the clock back.
    pub(crate) fn patience(&self) -> Option<Duration> {
        self.idle
    }

    /// Waits no longer for inputs that have been idle for too long. `is_silent`: nothing of the input is under way.
    pub(crate) fn lose_patience(&mut self, is_silent: impl Fn(u64) -> bool) {
        let Some(idle) = self.idle else { return };
        for entry in &mut self.entries {
            if is_silent(entry.input) && entry.heard.elapsed() >= idle {
                (entry.clock, entry.held) = (None, false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_clock_is_held_through_a_close_until_the_input_speaks_or_patience_ends() {
        let mut clocks = InputClocks::new(Some(Duration::ZERO));
        clocks.restore(1, Some(Timestamp(5)));
        clocks.open(2);
        clocks.set(2, Timestamp(9));
        clocks.close(1);
        assert_eq!(
            (clocks.least(), clocks.of_others(2)),
            (Some(Timestamp(5)), Timestamp(5))
        );
        // Opened again it has its clock; it speaks, and its end is an end again.
        clocks.open(1);
        assert!(!clocks.hear(1));
        clocks.close(1);
        assert_eq!(clocks.least(), Some(Timestamp(9)));
        clocks.restore(1, Some(Timestamp(5)));
        clocks.lose_patience(|input| input == 1);
        assert_eq!(clocks.least(), Some(Timestamp(9)));
        assert!(
            clocks.hear(1),
            "what it says now does not turn the clock back"
        );
    }
}
