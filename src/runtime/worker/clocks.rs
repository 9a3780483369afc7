//! The clocks of the inputs that feed a worker, and the app's clock that follows from them: the least of them.
//!
//! An input counts once it has told a clock. One that holds counts from its declaration on: until it tells a clock, or
//! ends, the app's clock stands still, so that no input runs ahead of one that has not spoken. An input that is idle
//! for too long, and one that held and has ended, is waited for no longer; when no other is left, the app's clock is
//! the largest of theirs, whichever of them was the last.

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
    /// The app waits for its first clock, and for its end.
    declared: bool,
    /// It has been idle for too long and said nothing since.
    idle: bool,
}

impl InputClock {
    /// Whether it keeps the app's clock where it is.
    fn holds(&self) -> bool {
        self.declared && self.clock.is_none() && !self.idle
    }
}

/// The clocks of the open inputs.
#[derive(Debug)]
pub(crate) struct InputClocks {
    entries: Vec<InputClock>,
    /// How long an input that sends nothing holds the clock back.
    idle: Option<Duration>,
    /// The largest clock of inputs that are waited for no longer.
    left: Option<Timestamp>,
}

impl InputClocks {
    pub(crate) fn new(idle: Option<Duration>) -> Self {
        InputClocks {
            entries: Vec::new(),
            idle,
            left: None,
        }
    }

    fn entry(&mut self, input: u64) -> Option<&mut InputClock> {
        self.entries.iter_mut().find(|c| c.input == input)
    }

    /// An input opens. One that is open already, or waits for it since a restore, keeps its clock.
    pub(crate) fn open(&mut self, input: u64) {
        if self.entry(input).is_none() {
            self.put(input, None, false);
        }
    }

    fn put(&mut self, input: u64, clock: Option<Timestamp>, declared: bool) {
        self.entries.push(InputClock {
            input,
            clock,
            heard: Instant::now(),
            held: clock.is_some(),
            declared,
            idle: false,
        });
    }

    /// An open input holds the clock back from now on, until it has told one or ends.
    pub(crate) fn declare(&mut self, input: u64) {
        if let Some(entry) = self.entry(input) {
            (entry.declared, entry.heard) = (true, Instant::now());
        }
    }

    /// Forgets an input: it no longer holds the clock back, unless it has to say more after a restore.
    pub(crate) fn close(&mut self, input: u64) {
        let Some(entry) = self.entry(input).filter(|c| !c.held) else {
            return;
        };
        let last = entry.clock.filter(|_| entry.declared);
        self.left = self.left.max(last);
        self.entries.retain(|c| c.input != input);
    }

    /// Gives an input, open or not, its clock of a checkpoint.
    pub(crate) fn restore(&mut self, input: u64, clock: Option<Timestamp>) {
        let declared = self.entry(input).is_some_and(|c| c.declared);
        self.entries.retain(|c| c.input != input);
        self.put(input, clock, declared);
    }

    /// What inputs said that are gone is no part of a restored state.
    pub(crate) fn forget_left(&mut self) {
        self.left = None;
    }

    pub(crate) fn is_open(&self, input: u64) -> bool {
        self.entries.iter().any(|c| c.input == input)
    }

    pub(crate) fn of(&self, input: u64) -> Option<Timestamp> {
        let entry = self.entries.iter().find(|c| c.input == input);
        entry.and_then(|c| c.clock)
    }

    /// An input has something to say: it is not idle. Returns whether it had said nothing before.
    #[inline]
    pub(crate) fn note_activity(&mut self, input: u64) -> bool {
        let timed = self.idle.is_some();
        let Some(entry) = self.entry(input) else {
            return false;
        };
        if timed {
            (entry.heard, entry.idle) = (Instant::now(), false);
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

    /// How far the other inputs let the clock go on.
    #[inline]
    pub(crate) fn of_others(&self, input: u64) -> Timestamp {
        let mut least = Timestamp(i64::MAX);
        for other in self.entries.iter().filter(|c| c.input != input) {
            match other.clock {
                Some(clock) => least = least.min(clock),
                None if other.holds() => return Timestamp::MIN,
                None => {}
            }
        }
        least
    }

    /// The least clock of all inputs; none while one of them holds it.
    pub(crate) fn least(&self) -> Option<Timestamp> {
        if self.entries.iter().any(InputClock::holds) {
            return None;
        }
        let open = self.entries.iter().filter_map(|c| c.clock).min();
        open.or(self.left)
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
                self.left = self.left.max(entry.clock);
                (entry.clock, entry.held, entry.idle) = (None, false, true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Option<Timestamp> = None;

    fn at(us: i64) -> Option<Timestamp> {
        Some(Timestamp(us))
    }

    /// Clocks of these inputs, of which a clock of 0 is that of one which holds.
    fn clocks(idle: Option<Duration>, inputs: &[(u64, i64)]) -> InputClocks {
        let mut clocks = InputClocks::new(idle);
        for (input, clock) in inputs {
            clocks.open(*input);
            match clock {
                0 => clocks.declare(*input),
                _ => clocks.set(*input, Timestamp(*clock)),
            }
        }
        clocks
    }

    #[test]
    fn a_restored_clock_is_held_through_a_close_until_the_input_speaks_or_patience_ends() {
        let mut clocks = InputClocks::new(Some(Duration::ZERO));
        clocks.restore(1, at(5));
        clocks.open(2);
        clocks.set(2, Timestamp(9));
        clocks.close(1);
        assert_eq!((clocks.least(), clocks.of_others(2)), (at(5), Timestamp(5)));
        // Opened again it has its clock; it speaks, and its end is an end again.
        clocks.open(1);
        assert!(!clocks.note_activity(1));
        clocks.close(1);
        assert_eq!(clocks.least(), at(9));
        clocks.restore(1, at(5));
        clocks.lose_patience(|input| input == 1);
        assert_eq!(clocks.least(), at(9));
        assert!(
            clocks.note_activity(1),
            "what it says now does not turn the clock back"
        );
    }

    #[test]
    fn a_declared_input_holds_the_clock_until_it_speaks_or_ends() {
        // An input that is only open holds nothing.
        let mut open = clocks(None, &[(1, 9)]);
        open.open(2);
        assert_eq!(
            (open.least(), open.of_others(1)),
            (at(9), Timestamp(i64::MAX))
        );
        let held = || clocks(None, &[(1, 9), (2, 0)]);
        let mut speaks = held();
        assert_eq!(
            (speaks.least(), speaks.of_others(1)),
            (NONE, Timestamp::MIN)
        );
        assert_eq!(speaks.of_others(2), Timestamp(9));
        assert!(speaks.note_activity(2));
        speaks.set(2, Timestamp(4));
        assert_eq!((speaks.least(), speaks.of_others(1)), (at(4), Timestamp(4)));
        let mut ends = held();
        ends.close(2);
        assert_eq!(
            (ends.least(), ends.of_others(1)),
            (at(9), Timestamp(i64::MAX))
        );
    }

    #[test]
    fn whichever_declared_input_ends_last_the_clock_is_the_largest_of_theirs() {
        for order in [[1, 2], [2, 1]] {
            let mut clocks = clocks(None, &[(1, 0), (2, 0)]);
            clocks.set(1, Timestamp(9));
            clocks.set(2, Timestamp(4));
            clocks.close(order[0]);
            let other = if order[0] == 1 { 4 } else { 9 };
            assert_eq!(clocks.least(), at(other), "{order:?}");
            clocks.close(order[1]);
            assert_eq!(clocks.least(), at(9), "{order:?}");
        }
    }

    #[test]
    fn idle_inputs_hold_nothing_and_leave_the_largest_of_their_clocks() {
        let idle = Some(Duration::ZERO);
        for order in [&[1_u64, 2][..], &[2, 1], &[3]] {
            let mut clocks = clocks(idle, &[(1, 9), (2, 4), (3, 0)]);
            clocks.lose_patience(|input| input == 3);
            assert_eq!(clocks.least(), at(4));
            for input in order {
                clocks.lose_patience(|silent| silent == *input || *input == 3);
            }
            assert_eq!(clocks.least(), at(9), "{order:?}");
            // One that speaks again counts again; one that holds and spoke is not waited for a second time.
            assert!(clocks.note_activity(2));
            clocks.set(2, Timestamp(11));
            assert_eq!(clocks.least(), at(11));
        }
        // The only input: the clock stays where it was.
        let mut only = clocks(idle, &[(1, 9)]);
        only.lose_patience(|_| true);
        assert_eq!(only.least(), at(9));
    }

    #[test]
    fn an_input_that_begins_again_after_a_restore_holds_again() {
        let mut clocks = clocks(None, &[(1, 0), (2, 0)]);
        clocks.set(1, Timestamp(9));
        clocks.set(2, Timestamp(4));
        clocks.close(2);
        clocks.forget_left();
        clocks.restore(1, NONE);
        assert_eq!(clocks.least(), NONE);
        clocks.restore(1, at(3));
        assert_eq!(clocks.least(), at(3));
    }
}
