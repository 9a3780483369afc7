//! Rate limits: which rows of a query go out, and when.

use super::print::span;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    All,
    First,
    Last,
    Snapshot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    Events(usize),
    /// In microseconds.
    Time(i64),
}

/// `OUTPUT rows EVERY pace`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub rows: Rows,
    pub pace: Pace,
}

impl Rate {
    pub fn sql(self) -> String {
        let rows = match self.rows {
            Rows::All => "ALL ",
            Rows::First => "FIRST ",
            Rows::Last => "LAST ",
            Rows::Snapshot => "SNAPSHOT ",
        };
        let pace = match self.pace {
            Pace::Events(n) => format!("{n} EVENTS"),
            Pace::Time(us) => span(us),
        };
        format!(" OUTPUT {rows}EVERY {pace}")
    }
}
