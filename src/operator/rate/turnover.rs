//! How what a snapshot shows goes when other rows come.

use crate::event::Timestamp;
use crate::operator::window::Crontab;

/// What makes rows go that a snapshot shows.
#[derive(Clone, Debug)]
pub(crate) enum Turnover {
    /// None goes; a row takes the place of the last one of its key.
    Never,
    /// They leave one by one.
    Singly,
    /// A flush takes the place of all that was there.
    Flushes {
        /// It comes at the time that it carries, by a timer.
        by_time: bool,
        /// How long it is the last one, where windows say so.
        lasts: Option<Lasts>,
    },
    /// A flush has rows of one key, or of several, and with them those that leave.
    FlushesOfKeys,
}

/// How long a flush is the last one: the next one may have no row, and does not come then.
#[derive(Clone, Debug)]
pub(crate) enum Lasts {
    /// Microseconds.
    Span(i64),
    Until(Crontab),
}

impl Lasts {
    /// When the next flush is due behind one at this time.
    pub(super) fn end(&self, flush: Timestamp) -> Option<Timestamp> {
        match self {
            Lasts::Span(us) => Some(flush.plus(*us)),
            Lasts::Until(crontab) => crontab.next(flush),
        }
    }
}
