//! The tables of one graph, by their number in the app.

use super::rows::Table;
use super::shape::Shape;
use crate::event::Timestamp;
use crate::state::{StateHolder, Visitor};

/// Tables that the operators of a graph read and write.
#[derive(Debug, Default)]
pub(crate) struct Tables(pub(crate) Vec<Table>);

impl Tables {
    /// Tables without rows.
    pub(crate) fn new<'a>(shapes: impl IntoIterator<Item = &'a Shape>) -> Self {
        Tables(shapes.into_iter().map(Table::new).collect())
    }

    /// When rows of any of them may end next.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.0.iter().filter_map(Table::due).min()
    }

    /// The clock has reached `now`: deletes the rows whose time is over.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        self.0.iter_mut().for_each(|table| table.expire(now));
    }
}

impl StateHolder for Tables {
    fn state(&mut self, visitor: &mut dyn Visitor) {
        for (number, table) in self.0.iter_mut().enumerate() {
            visitor.part("table", number);
            table.state(visitor);
        }
        visitor.part("", 0);
    }
}
