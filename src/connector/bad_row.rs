//! Why a line of text is not a row of its stream.

use crate::event::{Attribute, Schema, Type};
use std::sync::Arc;

/// A line that is not what its stream takes. The line is skipped or the run stops; nothing of it is sent.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BadRow {
    /// The bytes are not UTF-8.
    #[error("not UTF-8, byte {position}")]
    Utf8 {
        /// Counted from 1.
        position: usize,
    },
    /// Longer than the bound of the reader.
    #[error("longer than {bytes_max} bytes")]
    TooLong {
        /// The bound.
        bytes_max: usize,
    },
    /// Not JSON, or not CSV.
    #[error("{message}, column {column}")]
    Syntax {
        /// What the parser expected.
        message: String,
        /// In bytes, counted from 1.
        column: usize,
    },
    /// JSON, but not an event.
    #[error("{0}")]
    Shape(String),
    /// No stream of this name takes events.
    #[error("unknown stream '{name}'; known: {known}")]
    UnknownStream {
        /// As written.
        name: String,
        /// The streams there are.
        known: String,
    },
    /// A time that is no instant and no number, or one beyond ±9.2e15 ms.
    #[error("{key}: {misfit}")]
    Time {
        /// `at`, `clock`, or the column.
        key: String,
        /// Why.
        misfit: Misfit,
    },
    /// No time on the line and no clock yet that could stand for it.
    #[error("no 'at', and no clock before this line")]
    NoTime,
    /// An array of another length than the stream has attributes.
    #[error("{found} values for {expected} attributes: {names}")]
    Count {
        /// Values on the line.
        found: usize,
        /// Attributes of the stream.
        expected: usize,
        /// Their names.
        names: String,
    },
    /// An object without this attribute.
    #[error("attribute '{0}' is missing")]
    MissingAttribute(Arc<str>),
    /// An object with a key that is no attribute.
    #[error("unknown attribute '{name}'; known: {known}")]
    UnknownAttribute {
        /// As written.
        name: String,
        /// The attributes there are.
        known: String,
    },
    /// An object whose keys are all of something else.
    #[error("no key is an attribute; known: {known}")]
    NoAttribute {
        /// The attributes there are.
        known: String,
    },
    /// A row of a line with several.
    #[error("row {number} of the batch: {fault}")]
    InBatch {
        /// Counted from 1.
        number: usize,
        /// What is wrong with it.
        fault: Box<BadRow>,
    },
    /// A row of CSV in which a cell's quote is opened, and the file ends.
    #[error("a quote is opened and not closed")]
    OpenQuote,
    /// An object with the same attribute twice.
    #[error("attribute '{0}' is given twice")]
    DuplicateAttribute(Arc<str>),
    /// A value that does not fit its attribute.
    #[error("attribute '{name}' {ty}: {misfit}")]
    Value {
        /// Of the attribute.
        name: Arc<str>,
        /// Of the attribute.
        ty: Type,
        /// Why.
        misfit: Misfit,
    },
}

/// Why one value does not fit. The text is a short, printable part of what was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// Of another kind: a string for a number, an array for anything.
    #[error("found {found} {text}, expected {expected}")]
    Kind {
        /// What stands there.
        found: &'static str,
        /// Its text.
        text: String,
        /// What can stand there.
        expected: &'static str,
    },
    /// Beyond the range of the type.
    #[error("{0} is out of range")]
    Range(String),
    /// A fraction for an integer.
    #[error("{0} is not an integer")]
    Fraction(String),
    /// A string with a wrong escape.
    #[error("{0}")]
    Escape(String),
}

impl BadRow {
    pub(crate) fn value(attribute: &Attribute, misfit: Misfit) -> Self {
        BadRow::Value {
            name: attribute.name.clone(),
            ty: attribute.ty,
            misfit,
        }
    }

    pub(crate) fn count(found: usize, schema: &Schema) -> Self {
        BadRow::Count {
            found,
            expected: schema.len(),
            names: names(schema),
        }
    }

    pub(crate) fn unknown_attribute(name: &str, schema: &Schema) -> Self {
        BadRow::UnknownAttribute {
            name: excerpt(name),
            known: names(schema),
        }
    }

    pub(crate) fn no_attribute(schema: &Schema) -> Self {
        BadRow::NoAttribute {
            known: names(schema),
        }
    }

    /// What is wrong with row `number` of a line that has several.
    pub fn in_batch(self, number: usize) -> Self {
        BadRow::InBatch {
            number,
            fault: Box::new(self),
        }
    }

    /// An event for a stream that is not among `known`.
    pub fn unknown_stream<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        BadRow::UnknownStream {
            name: excerpt(name),
            known: known.into_iter().collect::<Vec<_>>().join(", "),
        }
    }
}

/// The attribute names of a schema, separated by commas.
fn names(schema: &Schema) -> String {
    let names: Vec<&str> = schema.attributes().iter().map(|a| &*a.name).collect();
    names.join(", ")
}

/// The beginning of a text, with control characters escaped so that a terminal can show it.
pub(crate) fn excerpt(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    let mut out = String::new();
    for (i, c) in text.chars().enumerate() {
        if i == CHARS_MAX {
            out.push('…');
            break;
        }
        if c.is_control() {
            out.extend(c.escape_debug());
        } else {
            out.push(c);
        }
    }
    out
}
