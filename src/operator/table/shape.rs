//! What a table is made of, and how its rows are reached: what a plan knows of it.

use crate::event::Type;

/// Columns and keys of a table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    /// Types of its columns.
    pub(crate) types: Vec<Type>,
    /// Columns of the primary key.
    pub(crate) primary: Option<Vec<usize>>,
    /// Columns of each secondary index.
    pub(crate) indexes: Vec<Vec<usize>>,
    /// How long a row lives after it was last written, in microseconds.
    pub(crate) ttl_us: Option<i64>,
}

/// How the rows of a table are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// One after the other.
    Scan,
    /// By one of its keys: the primary one, which is the first where there is one, or a secondary index.
    Key(usize),
}

impl Shape {
    /// Columns of each key; the primary one is the first.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Vec<usize>> {
        self.primary.iter().chain(&self.indexes)
    }

    /// How to reach the rows that have given values in these columns: by the primary key, else by the index of most
    /// columns, the first of equal ones, else by looking at every row.
    pub(crate) fn access(&self, equal: &[usize]) -> Access {
        let usable = |columns: &[usize]| columns.iter().all(|column| equal.contains(column));
        if self.primary.as_deref().is_some_and(usable) {
            return Access::Key(0);
        }
        let keys = self.keys().enumerate().filter(|(_, key)| usable(key));
        // Of equal ones `min_by_key` takes the first.
        let longest = keys.min_by_key(|(_, key)| std::cmp::Reverse(key.len()));
        longest.map_or(Access::Scan, |(number, _)| Access::Key(number))
    }

    /// The columns of which an access needs the values, in this order.
    pub(crate) fn columns_of(&self, access: Access) -> &[usize] {
        match access {
            Access::Scan => &[],
            Access::Key(number) => self.keys().nth(number).map_or(&[], Vec::as_slice),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primary_key_goes_before_the_longest_index() {
        let shape = Shape {
            types: vec![Type::Int; 5],
            primary: Some(vec![1, 0]),
            indexes: vec![vec![2], vec![3], vec![3, 2], vec![2, 3]],
            ttl_us: None,
        };
        let access = |equal: &[usize]| shape.access(equal);
        assert_eq!(access(&[0, 1, 2, 3]), Access::Key(0));
        assert_eq!(shape.columns_of(Access::Key(0)), [1, 0]);
        assert_eq!(access(&[0, 3, 2]), Access::Key(3));
        assert_eq!(shape.columns_of(Access::Key(3)), [3, 2]);
        assert_eq!(access(&[3, 4]), Access::Key(2));
        assert_eq!(access(&[0, 4]), Access::Scan);
        assert!(shape.columns_of(Access::Scan).is_empty());
        let plain = Shape {
            primary: None,
            ..shape.clone()
        };
        assert_eq!(plain.access(&[2]), Access::Key(0));
        assert_eq!(plain.columns_of(Access::Key(3)), [2, 3]);
        assert_eq!(plain.access(&[]), Access::Scan);
    }
}
