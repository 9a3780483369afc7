//! Columns by their role in a query, and where they stand when a program runs.
//!
//! Why: the same expression runs over rows as they come, over what a window keeps of them, or over groups. Only the
//! role of a column is the same everywhere, so bound expressions name roles; numbers are made here and nowhere else,
//! when a program is compiled.

/// What a column is to the query that reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnRef {
    /// An attribute of a source, by their places.
    Input { source: usize, column: usize },
    /// When the row of a source happened, in milliseconds.
    EventTime { source: usize },
    /// The number that a row has where a window lets rows go in any order.
    RowNumber,
    /// Start of the window.
    WindowStart,
    /// End of the window.
    WindowEnd,
    /// The result of an aggregate, by its place among those of the query.
    Aggregate(usize),
}

impl ColumnRef {
    /// The attribute, if it is one of this source.
    pub(crate) fn attribute_of(self, source: usize) -> Option<usize> {
        match self {
            ColumnRef::Input {
                source: own,
                column,
            } if own == source => Some(column),
            _ => None,
        }
    }

    /// Whether it is known only when the window of a row is.
    pub(crate) fn is_of_window(self) -> bool {
        matches!(self, ColumnRef::WindowStart | ColumnRef::WindowEnd)
    }
}

/// Attributes of one source that stand in a frame.
#[derive(Clone, Debug)]
enum Kept {
    /// All of them, so many.
    All(usize),
    /// Some with their places, in the order of the attributes.
    Some(Vec<(usize, usize)>),
}

impl Kept {
    fn len(&self) -> usize {
        match self {
            Kept::All(len) => *len,
            Kept::Some(places) => places.len(),
        }
    }

    fn place(&self, column: usize) -> Option<usize> {
        match self {
            Kept::All(len) => (column < *len).then_some(column),
            Kept::Some(places) => {
                let found = places.binary_search_by_key(&column, |(attribute, _)| *attribute);
                found.ok().map(|i| places[i].1)
            }
        }
    }
}

/// Where columns stand in a frame: attributes, source by source; then what was added to them; then the aggregates.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    sources: Vec<Kept>,
    added: Vec<ColumnRef>,
}

impl Layout {
    /// The next source has all of its attributes, so many.
    pub(crate) fn all(mut self, attributes: usize) -> Self {
        self.sources.push(Kept::All(attributes));
        self
    }

    /// The next source has some of its attributes, in this order.
    pub(crate) fn some(mut self, attributes: &[usize]) -> Self {
        let places = attributes.iter().copied().zip(0..);
        let mut places: Vec<(usize, usize)> = places.collect();
        places.sort_unstable();
        self.sources.push(Kept::Some(places));
        self
    }

    /// Other columns follow.
    pub(crate) fn then(mut self, columns: &[ColumnRef]) -> Self {
        self.added.extend(columns);
        self
    }

    /// Where a column stands. A plan compiles an expression only for frames that have its columns.
    pub(crate) fn place(&self, column: ColumnRef) -> usize {
        let place = match column {
            ColumnRef::Input { source, column } => {
                let kept = self.sources.get(source);
                let place = kept.and_then(|k| k.place(column));
                place.map(|place| self.before(source) + place)
            }
            ColumnRef::Aggregate(place) => {
                Some(self.before(self.sources.len()) + self.added.len() + place)
            }
            other => {
                let place = self.added.iter().position(|c| *c == other);
                place.map(|place| self.before(self.sources.len()) + place)
            }
        };
        place.unwrap_or_else(|| panic!("a frame without {column:?} that a program reads"))
    }

    /// How many attributes come before those of a source.
    fn before(&self, source: usize) -> usize {
        self.sources[..source].iter().map(Kept::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_by_source_then_as_added_then_aggregates() {
        let layout = Layout::default()
            .some(&[4, 1])
            .all(3)
            .then(&[ColumnRef::RowNumber])
            .then(&[ColumnRef::WindowStart, ColumnRef::WindowEnd]);
        let input = |source, column| layout.place(ColumnRef::Input { source, column });
        assert_eq!([input(0, 4), input(0, 1)], [0, 1]);
        assert_eq!([input(1, 0), input(1, 2)], [2, 4]);
        let others = [
            ColumnRef::RowNumber,
            ColumnRef::WindowStart,
            ColumnRef::WindowEnd,
            ColumnRef::Aggregate(0),
            ColumnRef::Aggregate(2),
        ];
        assert_eq!(others.map(|c| layout.place(c)), [5, 6, 7, 8, 10]);
    }

    #[test]
    #[should_panic(expected = "a frame without Input { source: 0, column: 2 }")]
    fn a_column_that_is_not_kept_has_no_place() {
        let column = ColumnRef::Input {
            source: 0,
            column: 2,
        };
        Layout::default().some(&[1, 4]).place(column);
    }
}
