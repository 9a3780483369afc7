//! Rows of several sources as one, and changes of them.

use super::super::window::Row;
use super::super::{Mark, Moment};
use eventflux::event::Sign;

/// Rows of the first sources, one of each; none where a pad stands.
#[derive(Clone)]
pub struct Tuple {
    pub parts: Vec<Option<Row>>,
    pub moment: Moment,
}

#[derive(Clone)]
pub struct Change {
    pub sign: Sign,
    pub tuple: Tuple,
    /// An arrival causes it; not a pad that a leaving partner brings back.
    pub fresh: bool,
}

impl Tuple {
    pub fn key(&self) -> Vec<Option<u64>> {
        self.parts
            .iter()
            .map(|p| p.as_ref().map(|r| r.id))
            .collect()
    }

    pub fn of(row: &Row) -> Self {
        Tuple {
            parts: vec![Some(row.clone())],
            moment: row.moment,
        }
    }

    /// With one part more.
    pub fn with(&self, part: Option<&Row>, moment: Moment) -> Self {
        let mut parts = self.parts.clone();
        parts.push(part.cloned());
        Tuple { parts, moment }
    }

    /// Pads for so many sources, and one part.
    pub fn padded(sources: usize, part: &Row, moment: Moment) -> Self {
        let mut parts = vec![None; sources];
        parts.push(Some(part.clone()));
        Tuple { parts, moment }
    }

    /// When something happens that a change at a moment makes of it: what joins have made has its own time.
    pub fn changed(&self, cause: Moment) -> Moment {
        match &self.parts[..] {
            [Some(row)] => changed(row, cause),
            _ => later(cause, self.moment.at),
        }
    }
}

/// When something happens that a change at a moment makes of a row that is there: at the later of both times.
pub fn changed(row: &Row, cause: Moment) -> Moment {
    row.times[0].map_or(cause, |at| later(cause, at))
}

/// A moment at a time that is not before its own.
pub fn later(cause: Moment, at: i64) -> Moment {
    match at > cause.at {
        true => Moment {
            at,
            mark: Mark::Plain,
            ..cause
        },
        false => cause,
    }
}

pub fn plus(tuple: Tuple, fresh: bool) -> Change {
    Change {
        sign: Sign::Plus,
        tuple,
        fresh,
    }
}

pub fn minus(tuple: Tuple) -> Change {
    Change {
        sign: Sign::Minus,
        tuple,
        fresh: true,
    }
}

/// Without what is given and taken back at once.
pub fn net(changes: Vec<Change>) -> Vec<Change> {
    let mut left: Vec<Change> = Vec::new();
    for change in changes {
        let key = change.tuple.key();
        let given = |c: &Change| c.sign == Sign::Plus && c.tuple.key() == key;
        match left.iter().rposition(given) {
            Some(place) if change.sign == Sign::Minus => {
                left.remove(place);
            }
            _ => left.push(change),
        }
    }
    left
}
