//! Parts of an operator that come and go, with containers of their own: panes, conditions.
//!
//! Why: a part may go while a checkpoint still encodes what it held. It is then set aside until that is done, instead
//! of copying all that it holds.

use crate::state::{Capturing, Path, StateHolder, Track, Visitor};

/// Parts that have gone and that a checkpoint still needs.
#[derive(Debug)]
pub(crate) struct Retired<T> {
    parts: Vec<(i64, T)>,
    /// Changes of the operator are tracked.
    tracked: bool,
}

impl<T> Default for Retired<T> {
    fn default() -> Self {
        Retired {
            parts: Vec::new(),
            tracked: false,
        }
    }
}

impl<T: StateHolder> Retired<T> {
    /// A part has come.
    pub(crate) fn begin(&self, part: &mut T) {
        if self.tracked {
            part.state(&mut Track { committed: false });
        }
    }

    /// Takes a part that goes, under the number by which visitors know it; returns it when nobody needs it.
    pub(crate) fn retire(&mut self, number: i64, mut part: T) -> Option<T> {
        if self.tracked && is_capturing(&mut part) {
            self.parts.push((number, part));
            return None;
        }
        Some(part)
    }

    /// Shows the parts set aside to a visitor; returns those that are no longer needed. Comes first in `state`.
    pub(crate) fn state(&mut self, visitor: &mut dyn Visitor) -> Vec<T> {
        self.tracked = visitor.tracks().unwrap_or(self.tracked);
        for (number, part) in &mut self.parts {
            visitor.pane(*number);
            part.state(visitor);
        }
        if !self.parts.is_empty() {
            visitor.pane(Path::NO_PANE);
        }
        let done = self.parts.extract_if(.., |(_, part)| !is_capturing(part));
        done.map(|(_, part)| part).collect()
    }
}

fn is_capturing<T: StateHolder>(part: &mut T) -> bool {
    let mut capturing = Capturing::default();
    part.state(&mut capturing);
    capturing.any
}
