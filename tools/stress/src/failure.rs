//! Why a subcommand ends.

use std::fmt;

/// Something that did not hold, or could not be tried.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    pub fn new(message: impl Into<String>) -> Self {
        Failure(message.into())
    }

    /// The end of a search with so many findings.
    pub fn unless_none(findings: usize) -> Result<(), Failure> {
        match findings {
            0 => Ok(()),
            n => Err(Failure::new(format!("{n} findings"))),
        }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
