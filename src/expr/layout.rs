//! Columns by their role in a query, and where they stand when a program runs.
//!
//! Why: the same expression runs over rows as they come, over what a window keeps of them, or over groups. Only the
//! role of a column is the same everywhere, so bound expressions name roles; numbers are made here and nowhere else,
//! when a program is compiled.

use crate::sql::ast::Nth;

/// What a column is to the query that reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ColumnRef {
    /// An attribute of a source, by their places.
    Input { source: usize, column: usize },
    /// When the row of a source happened, in milliseconds; the first one of a term of a pattern.
    EventTime { source: usize },
    /// An attribute of one of the rows of a counted term, which is a source.
    Nth {
        source: usize,
        column: usize,
        nth: Nth,
    },
    /// What is aggregated over the rows of a counted term, by its place among those of the pattern.
    OverTerm(usize),
    /// The key of the partition in which a pattern stands, which its runs have from the beginning.
    PartitionKey,
    /// The number that a row has where a window lets rows go in any order.
    RowNumber,
    /// Start of the window.
    WindowStart,
    /// End of the window.
    WindowEnd,
    /// The result of an aggregate, by its place among those of the query.
    Aggregate(usize),
    /// The result of a call with OVER, by its place among those of the query, which has no aggregates then.
    Over(usize),
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

    /// Whether it is the result of an aggregate of the query.
    pub(crate) fn is_of_aggregate(self) -> bool {
        matches!(self, ColumnRef::Aggregate(_))
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

/// Some columns of a frame that stand together.
#[derive(Clone, Debug)]
enum LayoutPart {
    /// Attributes of a source, by its place.
    Source(usize, Kept),
    /// Other columns.
    Added(Vec<ColumnRef>),
    /// So many that no program reads.
    Unread(usize),
}

impl LayoutPart {
    fn len(&self) -> usize {
        match self {
            LayoutPart::Source(_, kept) => kept.len(),
            LayoutPart::Added(columns) => columns.len(),
            LayoutPart::Unread(count) => *count,
        }
    }
}

/// Where columns stand in a frame: attributes, source by source, and what was added in between; then the aggregates.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout(Vec<LayoutPart>);

impl Layout {
    /// All attributes of a source follow, so many.
    pub(crate) fn all(mut self, source: usize, attributes: usize) -> Self {
        self.0
            .push(LayoutPart::Source(source, Kept::All(attributes)));
        self
    }

    /// Some attributes of a source follow, in this order.
    pub(crate) fn some(mut self, source: usize, attributes: &[usize]) -> Self {
        let places = attributes.iter().copied().zip(0..);
        let mut places: Vec<(usize, usize)> = places.collect();
        places.sort_unstable();
        self.0.push(LayoutPart::Source(source, Kept::Some(places)));
        self
    }

    /// Other columns follow.
    pub(crate) fn then(mut self, columns: &[ColumnRef]) -> Self {
        self.0.push(LayoutPart::Added(columns.to_vec()));
        self
    }

    /// So many columns follow that no program reads.
    pub(crate) fn unread(mut self, count: usize) -> Self {
        self.0.push(LayoutPart::Unread(count));
        self
    }

    /// The columns of another frame follow.
    pub(crate) fn beside(mut self, other: Layout) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Where a column stands. A plan compiles an expression only for frames that have its columns.
    pub(crate) fn place(&self, column: ColumnRef) -> usize {
        let place = match column {
            ColumnRef::Input {
                source,
                column: own,
            } => {
                let place = self.attribute(source, own);
                place.or_else(|| self.added(column))
            }
            ColumnRef::Aggregate(place) | ColumnRef::Over(place) => Some(self.len() + place),
            other => self.added(other),
        };
        place.unwrap_or_else(|| panic!("a frame without {column:?} that a program reads"))
    }

    /// How many columns stand before the aggregates.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(LayoutPart::len).sum()
    }

    fn attribute(&self, source: usize, column: usize) -> Option<usize> {
        let mut before = 0;
        for part in &self.0 {
            if let LayoutPart::Source(number, kept) = part
                && *number == source
            {
                return kept.place(column).map(|place| before + place);
            }
            before += part.len();
        }
        None
    }

    fn added(&self, column: ColumnRef) -> Option<usize> {
        let mut before = 0;
        for part in &self.0 {
            if let LayoutPart::Added(columns) = part
                && let Some(place) = columns.iter().position(|c| *c == column)
            {
                return Some(before + place);
            }
            before += part.len();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_by_source_then_as_added_then_aggregates() {
        let layout = Layout::default()
            .some(0, &[4, 1])
            .all(1, 3)
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
        Layout::default().some(0, &[1, 4]).place(column);
    }
}
