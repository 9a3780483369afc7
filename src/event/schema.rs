//! Names and types of the attributes of a stream.

use super::value::Type;
use std::cmp::Ordering;
use std::sync::Arc;

/// One attribute of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Name as declared; looked up without regard to ASCII case.
    pub name: Arc<str>,
    /// Type of its values.
    pub ty: Type,
}

/// The attributes of a stream, in order.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Schema {
    attributes: Arc<[Attribute]>,
    /// Places of the attributes in the order of their names.
    by_name: Arc<[u32]>,
}

/// Orders names without regard to ASCII case.
fn compare(a: &str, b: &str) -> Ordering {
    let lower = |b: u8| b.to_ascii_lowercase();
    a.bytes().map(lower).cmp(b.bytes().map(lower))
}

impl Schema {
    /// A schema of these attributes.
    pub fn new(attributes: impl IntoIterator<Item = (impl AsRef<str>, Type)>) -> Self {
        let attributes = attributes.into_iter().map(|(name, ty)| Attribute {
            name: name.as_ref().into(),
            ty,
        });
        let attributes: Arc<[Attribute]> = attributes.collect();
        let mut by_name: Vec<u32> = (0..attributes.len() as u32).collect();
        // stable: of two of one name the first is found
        by_name.sort_by(|a, b| {
            let name = |place: &u32| &*attributes[*place as usize].name;
            compare(name(a), name(b))
        });
        Schema {
            attributes,
            by_name: by_name.into(),
        }
    }

    /// The attributes, in order.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// Number of attributes.
    pub fn len(&self) -> usize {
        self.attributes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }

    /// Position of the attribute of this name.
    pub fn position(&self, name: &str) -> Option<usize> {
        let attribute = |place: u32| &self.attributes[place as usize];
        let before = |place: &u32| compare(&attribute(*place).name, name) == Ordering::Less;
        let place = *self.by_name.get(self.by_name.partition_point(before))?;
        let found = attribute(place).name.eq_ignore_ascii_case(name);
        found.then_some(place as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_by_name_without_regard_to_case() {
        let names = ["b", "A", "é", "_x", "a b", "B2", "Z", "x", "b"];
        let schema = Schema::new(names.map(|name| (name, Type::Int)));
        for (place, name) in names.iter().enumerate().take(8) {
            assert_eq!(schema.position(name), Some(place), "{name}");
            assert_eq!(
                schema.position(&name.to_ascii_uppercase()),
                Some(place),
                "{name}"
            );
        }
        for name in ["", "c", "É", "bb", "~"] {
            assert_eq!(schema.position(name), None, "{name}");
        }
        assert_eq!(Schema::default().position("a"), None);
    }
}
