//! Arguments that are texts with a meaning (patterns, zones): read once, not once a row.

use super::function::Null;

/// What a text means: settled when the app is built, or that of the last text.
///
/// What is kept never decides a result: before the first text there is nothing, and another text is read anew.
pub(super) enum Settled<T> {
    Fixed(T),
    /// Constant, and read with the first row: it takes too much for an app that is only looked at.
    Waiting {
        text: String,
        read: fn(&str) -> Option<T>,
    },
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

    /// The same for a text that takes much memory: what a constant means is kept from the first row on.
    pub(super) fn later(constant: Option<String>, read: fn(&str) -> Option<T>) -> Self {
        match constant {
            Some(text) => Settled::Waiting { text, read },
            None => Settled::Last { read, last: None },
        }
    }

    /// The meaning of the text of this row; `text` is asked for only if it is not settled.
    pub(super) fn get<'a>(&mut self, text: impl FnOnce() -> &'a str) -> Result<&T, Null> {
        if let Settled::Waiting { text, read } = self {
            *self = Settled::new(Some(std::mem::take(text)), *read);
        }
        match self {
            Settled::Fixed(value) => Ok(value),
            Settled::Waiting { .. } => Err(Null::Fault),
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
