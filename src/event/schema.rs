//! Names and types of the attributes of a stream.

use super::value::Type;
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
}

impl Schema {
    /// A schema of these attributes.
    pub fn new(attributes: impl IntoIterator<Item = (impl AsRef<str>, Type)>) -> Self {
        let attributes = attributes.into_iter().map(|(name, ty)| Attribute {
            name: name.as_ref().into(),
            ty,
        });
        Schema {
            attributes: attributes.collect(),
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
        self.attributes
            .iter()
            .position(|a| a.name.eq_ignore_ascii_case(name))
    }
}
