//! What an error of the client means: whether to try again, whether the connection may be used again, what to tell.

use super::refusal::{is_full, remedy, word_in_script};
use crate::store::StoreError;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// What follows from an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// No answer, or one that does not fit: the connection is of no use, another one may be.
    Unanswered,
    /// An answer that is none of Redis: damaged on its way, or of something else that listens there.
    Foreign,
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

/// What follows from an error.
pub(super) fn classify(error: &RedisError) -> Class {
    use ServerErrorKind::*;
    let code = error.code().unwrap_or_default();
    let text = error.to_string();
    if is_full(error) {
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
        | ErrorKind::EmptySentinelList
        | ErrorKind::MasterNameNotFoundBySentinel => Class::Refused,
        ErrorKind::Server(NoPerm | CrossSlot) => Class::Refused,
        ErrorKind::Server(ExecAbort | BusyLoading | Moved | Ask | TryAgain) => Class::Unavailable,
        ErrorKind::ClusterConnectionNotFound => Class::Unavailable,
        // "invalid peer certificate: …": another attempt meets the same server.
        ErrorKind::Io if text.contains("certificate") => Class::Refused,
        // what TLS says of bytes that are none of it
        ErrorKind::Io if text.contains("received corrupt message") => Class::Foreign,
        ErrorKind::Parse => Class::Foreign,
        ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::Client => Class::Refused,
        _ => Class::Unanswered,
    }
}

impl Class {
    /// Whether the same call may go well soon, on another connection.
    pub(super) fn is_worth_another_try(self) -> bool {
        self.is_no_answer() || self == Class::Unavailable
    }

    /// Whether nothing came that is an answer.
    pub(super) fn is_no_answer(self) -> bool {
        matches!(self, Class::Unanswered | Class::Foreign)
    }

    /// Whether the connection must not be used again: replies may be unread, or it leads to the wrong server.
    pub(super) fn poisons(self) -> bool {
        self.is_worth_another_try()
    }
}

/// The error to tell. What the client says of servers holds no secrets; URLs are not part of it.
pub(super) fn told(what: &str, error: &RedisError) -> StoreError {
    told_as(classify(error), what, error)
}

/// The same where more is known of what follows from it than the error says.
pub(super) fn told_as(class: Class, what: &str, error: &RedisError) -> StoreError {
    let what = what.to_string();
    match class {
        Class::Full => StoreError::Full {
            what,
            remedy: "the server's maxmemory is reached; raise it, or let the server free memory: fewer revisions \
                     (`eventflux state prune`), a time to live, other data",
        },
        Class::Refused => {
            let reason = format!("{error}{}", remedy(error));
            StoreError::Refused { what, reason }
        }
        Class::Unanswered if error.is_timeout() => StoreError::Io {
            what,
            reason: "no answer in time".to_string(),
        },
        Class::Foreign => StoreError::Io {
            what,
            reason: format!("the answer is none of Redis: {}", first_line(error)),
        },
        Class::Unanswered | Class::Unavailable => StoreError::Io {
            what,
            reason: error.to_string(),
        },
    }
}

/// The client's parser draws pictures.
fn first_line(error: &RedisError) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_string()
}

/// Of an address at which nobody has ever answered as Redis does, however often it was asked.
pub(super) fn no_redis(what: &str, last: &StoreError) -> StoreError {
    StoreError::Refused {
        what: what.to_string(),
        reason: format!(
            "no Redis answers there: look at host and port, and whether it takes TLS, which is rediss://; the last \
             attempt: {last}"
        ),
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

    #[test]
    fn what_does_not_speak_as_redis_is_foreign() {
        let web = redis::parse_redis_value(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let web = web.expect_err("no reply");
        assert_eq!(classify(&web), Class::Foreign);
        let text = told("here", &web).to_string();
        assert!(text.starts_with("here: the answer is none of Redis: ") && !text.contains('\n'));
        let plain = "received corrupt message of type InvalidContentType";
        let plain = io::Error::new(io::ErrorKind::InvalidData, plain).into();
        assert_eq!(classify(&plain), Class::Foreign);
        assert!(Class::Foreign.is_worth_another_try() && Class::Foreign.poisons());
    }
}
