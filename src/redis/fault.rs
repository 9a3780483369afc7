//! What an error of the client means: whether to try again, whether the connection may be used again, what to tell.

use crate::store::StoreError;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// What follows from an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// No answer, or one that cannot be understood: the connection is of no use, another one may be.
    Unanswered,
    /// An answer that this server cannot do it now, or is not the right one.
    Unavailable,
    /// The server has no memory.
    Full,
    /// A refusal that trying again does not change.
    Refused,
}

/// Words before the text of a refusal that trying again does not change.
const REFUSALS: [&str; 6] = [
    "NOAUTH",
    "WRONGPASS",
    "NOPERM",
    "WRONGTYPE",
    "CROSSSLOT",
    "DENIED",
];

/// Words before the text of a refusal that another try, perhaps at another server, may not meet.
const PASSING: [&str; 6] = [
    "READONLY",
    "MISCONF",
    "NOREPLICAS",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "UNBLOCKED",
];

/// The word that Redis 6.2 leaves in the text when a command of a script is refused: `… @user_script: 1: -READONLY …`.
fn word_in_script(text: &str) -> Option<&str> {
    let (_, refusal) = text.rsplit_once("@user_script: ")?.1.split_once(": -")?;
    refusal.split_whitespace().next()
}

/// What follows from an error.
pub(super) fn classify(error: &RedisError) -> Class {
    use ServerErrorKind::*;
    let code = error.code().unwrap_or_default();
    let text = error.to_string();
    if code == "OOM" || text.contains("OOM command not allowed") {
        return Class::Full;
    }
    // Within a script a missing permission is a plain error that only its text tells from others.
    if REFUSALS.contains(&code) || text.contains("user executing the script") {
        return Class::Refused;
    }
    // What a server says before it closes a connection that is one too many.
    if text.contains("max number of clients reached") {
        return Class::Unanswered;
    }
    if PASSING.contains(&code) || word_in_script(&text).is_some_and(|word| PASSING.contains(&word))
    {
        return Class::Unavailable;
    }
    match error.kind() {
        ErrorKind::AuthenticationFailed
        | ErrorKind::InvalidClientConfig
        | ErrorKind::RESP3NotSupported
        | ErrorKind::EmptySentinelList => Class::Refused,
        ErrorKind::Server(NoPerm | CrossSlot) => Class::Refused,
        ErrorKind::Server(ExecAbort | BusyLoading | Moved | Ask | TryAgain) => Class::Unavailable,
        ErrorKind::MasterNameNotFoundBySentinel | ErrorKind::ClusterConnectionNotFound => {
            Class::Unavailable
        }
        // "invalid peer certificate: …": another attempt meets the same server.
        ErrorKind::Io if text.contains("certificate") => Class::Refused,
        ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::Client => Class::Refused,
        _ => Class::Unanswered,
    }
}

impl Class {
    /// Whether the same call may go well soon, on another connection.
    pub(super) fn is_worth_another_try(self) -> bool {
        matches!(self, Class::Unanswered | Class::Unavailable)
    }

    /// Whether the connection must not be used again: replies may be unread, or it leads to the wrong server.
    pub(super) fn poisons(self) -> bool {
        matches!(self, Class::Unanswered | Class::Unavailable)
    }
}

/// The error to tell. What the client says of servers holds no secrets; URLs are not part of it.
pub(super) fn told(what: &str, error: &RedisError) -> StoreError {
    let what = what.to_string();
    match classify(error) {
        Class::Full => StoreError::Full {
            what: format!(
                "{what}: the server's maxmemory is reached; raise it, or let the server free memory: fewer revisions \
                 (`eventflux state prune`), a time to live, other data"
            ),
        },
        Class::Refused => {
            let reason = format!("{error}{}", remedy(error));
            StoreError::Refused { what, reason }
        }
        Class::Unanswered if error.is_timeout() => StoreError::Io {
            what,
            reason: "no answer in time".to_string(),
        },
        Class::Unanswered | Class::Unavailable => StoreError::Io {
            what,
            reason: error.to_string(),
        },
    }
}

fn remedy(error: &RedisError) -> &'static str {
    let text = error.to_string();
    match error.code().unwrap_or_default() {
        "NOAUTH" | "WRONGPASS" => ": look at user and password",
        _ if error.kind() == ErrorKind::AuthenticationFailed => ": look at user and password",
        "NOPERM" => ": `eventflux state acl` prints what the user needs",
        _ if text.contains("user executing the script") || text.contains("no permissions") => {
            ": `eventflux state acl` prints what the user needs"
        }
        _ if text.contains("certificate") => {
            ": look at the server's certificate and RedisOptions::tls_ca"
        }
        "CROSSSLOT" => ": use redis+cluster:// for a cluster",
        "WRONGTYPE" => ": the key belongs to someone else; use another key prefix",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn server(text: &str) -> RedisError {
        let wire = format!("-{text}\r\n");
        let value = redis::parse_redis_value(wire.as_bytes()).expect("an error reply");
        match value.extract_error() {
            Err(error) => error,
            Ok(value) => panic!("{value:?} is no error"),
        }
    }

    #[test]
    fn errors_of_servers_are_told_apart() {
        for (text, class) in [
            (
                "OOM command not allowed when used memory > 'maxmemory'.",
                Class::Full,
            ),
            (
                "OOM command not allowed when used memory > 'maxmemory'. script: 1, on @user_script:1.",
                Class::Full,
            ),
            ("NOAUTH Authentication required.", Class::Refused),
            ("WRONGPASS invalid username-password pair", Class::Refused),
            (
                "NOPERM this user has no permissions to run the 'get' command",
                Class::Refused,
            ),
            (
                "ERR The user executing the script can't run this command or subcommand script: 1",
                Class::Refused,
            ),
            (
                "WRONGTYPE Operation against a key holding the wrong kind of value",
                Class::Refused,
            ),
            (
                "CROSSSLOT Keys in request don't hash to the same slot",
                Class::Refused,
            ),
            ("ERR unknown command", Class::Refused),
            (
                "READONLY You can't write against a read only replica.",
                Class::Unavailable,
            ),
            (
                "LOADING Redis is loading the dataset in memory",
                Class::Unavailable,
            ),
            ("MASTERDOWN Link with MASTER is down", Class::Unavailable),
            ("CLUSTERDOWN The cluster is down", Class::Unavailable),
            (
                "TRYAGAIN Multiple keys request during rehashing of slot",
                Class::Unavailable,
            ),
            ("MOVED 1 127.0.0.1:1", Class::Unavailable),
            (
                "MISCONF Errors writing to the AOF file: No space left on device",
                Class::Unavailable,
            ),
            (
                "NOREPLICAS Not enough good replicas to write.",
                Class::Unavailable,
            ),
            (
                "ERR Error running script (call to f_1): @user_script:4: @user_script: 4: -READONLY You can't write",
                Class::Unavailable,
            ),
            (
                "ERR Error running script (call to f_1): @user_script:4: @user_script: 4: -OOM command not allowed",
                Class::Full,
            ),
            (
                "ERR Error running script (call to f_1): @user_script:4: @user_script: 4: Unknown Redis command",
                Class::Refused,
            ),
            ("ERR max number of clients reached", Class::Unanswered),
        ] {
            assert_eq!(classify(&server(text)), class, "{text}");
        }
    }

    #[test]
    fn silence_is_worth_another_try_and_a_wrong_certificate_is_not() {
        for (kind, class) in [
            (io::ErrorKind::ConnectionRefused, Class::Unanswered),
            (io::ErrorKind::WouldBlock, Class::Unanswered),
            (io::ErrorKind::UnexpectedEof, Class::Unanswered),
        ] {
            assert_eq!(classify(&io::Error::from(kind).into()), class);
        }
        let wrong = io::Error::new(
            io::ErrorKind::InvalidData,
            "invalid peer certificate: UnknownIssuer",
        );
        assert_eq!(classify(&wrong.into()), Class::Refused);
    }
}
