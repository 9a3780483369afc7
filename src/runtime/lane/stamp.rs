//! What rows on their way say about their input.

use crate::event::Timestamp;

/// How far an input has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// The last row; 0 for none.
    pub(crate) number: u64,
    /// The input's clock after it.
    pub(crate) clock: Option<Timestamp>,
}

impl Applied {
    /// Goes on to a later position; stays where it is at an earlier one.
    #[inline]
    pub(crate) fn raise(&mut self, to: Applied) {
        if to.number > self.number {
            *self = to;
        } else if to.number == self.number {
            self.clock = self.clock.max(to.clock);
        }
    }
}

/// What rows on their way say about their input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Restores that the input knew of when it sent the rows.
    pub(crate) rewinds: u32,
    /// Where the input was before the send: all rows up to there are on their way to all who want them.
    pub(crate) before: Applied,
    /// The last of the rows.
    pub(crate) last: Applied,
}

#[cfg(all(test, not(eventflux_loom)))]
mod tests {
    use super::*;

    fn at(number: u64, clock: i64) -> Applied {
        let clock = (clock > 0).then_some(Timestamp(clock));
        Applied { number, clock }
    }

    #[test]
    fn a_position_only_goes_on() {
        let mut applied = at(3, 30);
        applied.raise(at(2, 99));
        assert_eq!(applied, at(3, 30));
        applied.raise(at(3, 40));
        assert_eq!(applied, at(3, 40));
        applied.raise(at(4, 35));
        assert_eq!(applied, at(4, 35));
    }
}
