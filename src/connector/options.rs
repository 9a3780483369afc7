//! The keys of `WITH (…)`: all checked when the app is built, before a file is touched.

use std::time::Duration;

/// A key that a connector takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// As written in `WITH`; compared without regard to ASCII case.
    pub name: &'static str,
    /// What it means, in a few words.
    pub about: &'static str,
}

/// What is wrong with the options of a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// A key that the connector does not take.
    #[error("unknown key '{key}' for {connector}; known: {known}")]
    UnknownKey {
        /// As written.
        key: String,
        /// `source 'file'`, for instance.
        connector: String,
        /// The keys there are.
        known: String,
    },
    /// The same key twice.
    #[error("key '{0}' is given twice")]
    DuplicateKey(String),
    /// A key that must be given.
    #[error("{connector} needs '{key}'")]
    MissingKey {
        /// The key.
        key: &'static str,
        /// `source 'file'`, for instance.
        connector: String,
    },
    /// A value that the key does not take.
    #[error("'{key}' is '{value}', expected {expected}")]
    Value {
        /// The key.
        key: String,
        /// As written.
        value: String,
        /// What can stand there.
        expected: String,
    },
    /// A connector of this name is not registered.
    #[error("no {direction} '{name}'; known: {known}")]
    UnknownExtension {
        /// `source` or `sink`.
        direction: &'static str,
        /// As written.
        name: String,
        /// The extensions there are.
        known: String,
    },
    /// A key that does not suit the others.
    #[error("{why}")]
    Unsuited {
        /// As written.
        key: String,
        /// Why.
        why: String,
    },
    /// The stream's attributes do not suit the connector.
    #[error("{0}")]
    Schema(String),
    /// Fault streams.
    #[error("'on.error'='stream': fault streams are not supported; use 'log' or 'stop'")]
    FaultStream,
}

impl OptionError {
    /// The key that is meant, as written, where there is one: for the place of the error in the text.
    pub fn key(&self) -> Option<&str> {
        match self {
            OptionError::UnknownKey { key, .. }
            | OptionError::DuplicateKey(key)
            | OptionError::Value { key, .. }
            | OptionError::Unsuited { key, .. } => Some(key),
            OptionError::UnknownExtension { .. } => Some("extension"),
            OptionError::FaultStream => Some("on.error"),
            OptionError::MissingKey { .. } | OptionError::Schema(_) => None,
        }
    }
}

/// The options of one stream, each of them a key that its connector takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    connector: String,
    entries: Vec<(String, String)>,
}

impl Options {
    /// Checks the keys of a connector, named for messages, against those it takes.
    pub fn new(
        connector: &str,
        entries: &[(String, String)],
        known: &[Key],
    ) -> Result<Self, OptionError> {
        match Options::key_faults(connector, entries, known)
            .into_iter()
            .next()
        {
            Some(fault) => Err(fault),
            None => Ok(Options {
                connector: connector.into(),
                entries: entries.to_vec(),
            }),
        }
    }

    /// All keys that a connector does not take, or that are given twice.
    pub fn key_faults(
        connector: &str,
        entries: &[(String, String)],
        known: &[Key],
    ) -> Vec<OptionError> {
        let faults = entries.iter().enumerate().filter_map(|(i, (key, _))| {
            if !known.iter().any(|k| k.name.eq_ignore_ascii_case(key)) {
                let known: Vec<&str> = known.iter().map(|k| k.name).collect();
                return Some(OptionError::UnknownKey {
                    key: key.clone(),
                    connector: connector.into(),
                    known: known.join(", "),
                });
            }
            let mut before = entries[..i].iter();
            let again = before.any(|(k, _)| k.eq_ignore_ascii_case(key));
            again.then(|| OptionError::DuplicateKey(key.clone()))
        });
        faults.collect()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entry(key).map(|(_, value)| value.as_str())
    }

    /// A key as it is written in the options.
    pub(super) fn written(&self, key: &str) -> String {
        self.entry(key)
            .map_or(key, |(written, _)| written)
            .to_string()
    }

    fn entry(&self, key: &str) -> Option<&(String, String)> {
        let mut entries = self.entries.iter();
        entries.find(|(k, _)| k.eq_ignore_ascii_case(key))
    }

    /// The value of a key that must be given.
    pub fn require(&self, key: &'static str) -> Result<&str, OptionError> {
        self.get(key).ok_or_else(|| OptionError::MissingKey {
            key,
            connector: self.connector.clone(),
        })
    }

    /// The value of a key as one of some words; the first of them when it is not given.
    pub fn one_of(&self, key: &str, words: &[&'static str]) -> Result<&'static str, OptionError> {
        let Some(value) = self.get(key) else {
            return words
                .first()
                .copied()
                .ok_or_else(|| self.wrong(key, "nothing"));
        };
        let word = words.iter().find(|w| w.eq_ignore_ascii_case(value));
        word.copied()
            .ok_or_else(|| self.wrong(key, &words.join(" or ")))
    }

    /// The value of a key as a time span such as `50 MILLISECONDS`.
    pub fn duration(&self, key: &'static str) -> Result<Duration, OptionError> {
        let text = self.require(key)?;
        duration(text).ok_or_else(|| self.wrong(key, "a time span such as '50 MILLISECONDS'"))
    }

    /// The value of a key as a count.
    pub fn count(&self, key: &str) -> Result<Option<u64>, OptionError> {
        let Some(text) = self.get(key) else {
            return Ok(None);
        };
        text.parse()
            .map(Some)
            .map_err(|_| self.wrong(key, "a count"))
    }

    /// An error about the value of a key.
    pub fn wrong(&self, key: &str, expected: &str) -> OptionError {
        OptionError::Value {
            key: key.into(),
            value: self.get(key).unwrap_or_default().into(),
            expected: expected.into(),
        }
    }
}

/// A time span longer than zero, in the units of the language.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let unit = unit.trim().to_ascii_uppercase();
    let us: u64 = match unit.strip_suffix('S').unwrap_or(&unit) {
        "MICROSECOND" => 1,
        "MILLISECOND" => 1_000,
        "SECOND" => 1_000_000,
        "MINUTE" => 60_000_000,
        "HOUR" => 3_600_000_000,
        "DAY" => 86_400_000_000,
        "WEEK" => 604_800_000_000,
        _ => return None,
    };
    let us = number.parse::<u64>().ok()?.checked_mul(us)?;
    (us > 0 && us <= i64::MAX as u64).then(|| Duration::from_micros(us))
}
