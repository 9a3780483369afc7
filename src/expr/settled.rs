//! Arguments that are texts with a meaning (patterns, zones): read once, not once a row.

use super::function::Null;

/// What a text means: settled when the app is built, or that of the last text.
///
/// What is kept never decides a result: before the first text there is nothing, and another text is read anew.
pub(super) enum Settled<T> {
    Fixed(T),
    Last {
        read: fn(&str) -> Option<T>,
        last: Option<(String, Option<T>)>,
    },
}

impl<T> Settled<T> {
    /// Of an argument that is constant; one that has no meaning is at fault in every row.
    pub(super) fn new(constant: Option<String>, read: fn(&str) -> Option<T>) -> Self {
        match constant.and_then(|text| read(&text)) {
            Some(value) => Settled::Fixed(value),
            None => Settled::Last { read, last: None },
        }
    }

    /// The meaning of the text of this row; `text` is asked for only if it is not settled.
    pub(super) fn get<'a>(&mut self, text: impl FnOnce() -> &'a str) -> Result<&T, Null> {
        match self {
            Settled::Fixed(value) => Ok(value),
            Settled::Last { read, last } => {
                let text = text();
                if last.as_ref().is_none_or(|(known, _)| known != text) {
                    *last = Some((text.to_string(), read(text)));
                }
                let value = last.as_ref().and_then(|(_, value)| value.as_ref());
                value.ok_or(Null::Fault)
            }
        }
    }
}
