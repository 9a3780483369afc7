//! Why a command ends, and the exit status that says so.

use std::fmt;
use std::process::ExitCode;

/// What the library calls by its methods, and who sits before a command line by these.
const OPTIONS: [(&str, &str); 2] = [
    ("RedisOptions::tls_ca", "--redis-ca"),
    ("use RedisOptions", "use the options --redis-…"),
];

/// What the library says, with the names of the command line.
pub fn in_options(mut text: String) -> String {
    for (method, option) in OPTIONS {
        if text.contains(method) {
            text = text.replace(method, option);
        }
    }
    text
}

/// A command that did not do what was asked.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    status: u8,
    message: String,
}

impl Failure {
    /// The run failed: status 1.
    pub fn run(message: impl Into<String>) -> Self {
        Failure {
            status: 1,
            message: in_options(message.into()),
        }
    }

    /// The engine failed: status 1.
    pub fn from_run(error: impl fmt::Display) -> Self {
        Failure::run(error.to_string())
    }

    /// The command line or the app is wrong: status 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Failure {
            status: 2,
            message: in_options(message.into()),
        }
    }

    /// An app is wrong and its problems are shown already: status 2.
    pub fn wrong() -> Self {
        Failure::usage("")
    }

    /// Something failed and was told already: status 1.
    #[cfg(any(feature = "redis", feature = "shell"))]
    pub fn told() -> Self {
        Failure::run("")
    }

    /// Stopped by a signal after draining: its status, nothing to say.
    pub fn interrupted() -> Self {
        Failure {
            status: crate::signal::status(),
            message: String::new(),
        }
    }

    /// The exit status.
    pub fn status(&self) -> ExitCode {
        ExitCode::from(self.status)
    }

    /// Whether there is something to say.
    pub fn has_message(&self) -> bool {
        !self.message.is_empty()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
