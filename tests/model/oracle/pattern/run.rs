//! One attempt to match a pattern.

use super::super::window::Row;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf {
    Open,
    Done,
    Dead,
}

/// When a run came to an element, and as which of all that come somewhere.
#[derive(Clone, Copy)]
pub struct Begun {
    pub at: i64,
    pub order: u64,
}

#[derive(Clone)]
pub struct Run {
    pub number: u64,
    /// The rows of each term.
    pub taken: Vec<Vec<Row>>,
    /// By term: how it stands in its AND or OR.
    pub leaves: Vec<Leaf>,
    /// The element that took the last row.
    pub pos: usize,
    /// By element.
    pub begun: Vec<Option<Begun>>,
    /// By range under EVERY: the number of its round.
    pub rounds: Vec<Option<usize>>,
    /// The step that made it, or in which it moved last.
    pub step: u64,
}

impl Run {
    pub fn new(number: u64, step: u64, terms: usize, elements: usize, everies: usize) -> Self {
        Run {
            number,
            taken: vec![Vec::new(); terms],
            leaves: vec![Leaf::Open; terms],
            pos: 0,
            begun: vec![None; elements],
            rounds: vec![None; everies],
            step,
        }
    }

    pub fn has_rows(&self) -> bool {
        self.taken.iter().any(|rows| !rows.is_empty())
    }
}
