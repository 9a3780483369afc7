//! Why a server did not do what it was asked, and what to change.

use redis::{ErrorKind, RedisError};
use std::fmt;

/// Why a server did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Why {
    /// Its memory is full.
    Memory,
    /// It is a replica.
    ReadOnly,
    /// It has no such command: it was renamed, or came with a later version.
    NoCommand,
    /// The user may not.
    Forbidden,
    /// Something else, which the text says.
    Other,
}

/// An answer that is a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Of which kind it is.
    pub why: Why,
    /// What the server said.
    pub text: String,
}

impl Refused {
    /// A refusal in these words.
    pub fn new(why: Why, text: impl Into<String>) -> Self {
        let text = text.into();
        Refused { why, text }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<&RedisError> for Refused {
    fn from(error: &RedisError) -> Self {
        Refused::new(why(error), error.to_string())
    }
}

/// Whether memory is what the server lacks; in a script only the text tells.
pub(super) fn is_full(error: &RedisError) -> bool {
    error.code() == Some("OOM") || error.to_string().contains("OOM command not allowed")
}

/// The word that Redis 6.2 leaves in the text when a command of a script is refused: `… @user_script: 1: -READONLY …`.
pub(super) fn word_in_script(text: &str) -> Option<&str> {
    let (_, refusal) = text.rsplit_once("@user_script: ")?.1.split_once(": -")?;
    refusal.split_whitespace().next()
}

fn why(error: &RedisError) -> Why {
    let text = error.to_string();
    let code = error.code().unwrap_or_default();
    let says = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    if is_full(error) {
        Why::Memory
    } else if code == "READONLY" || word_in_script(&text) == Some("READONLY") {
        Why::ReadOnly
    } else if says(&["unknown command", "Unknown Redis command"]) {
        Why::NoCommand
    } else if code == "NOPERM" || says(&["user executing the script", "no permissions"]) {
        Why::Forbidden
    } else {
        Why::Other
    }
}

/// What to change, to stand behind what the server said; empty where nothing is known.
pub(super) fn remedy(error: &RedisError) -> &'static str {
    let text = error.to_string();
    let says = |part: &str| text.contains(part);
    match error.code().unwrap_or_default() {
        "NOAUTH" | "WRONGPASS" => return ": look at user and password",
        "CROSSSLOT" | "MOVED" => return ": use redis+cluster:// for a cluster",
        "WRONGTYPE" => return ": the key belongs to someone else; use another key prefix",
        _ => {}
    }
    if error.kind() == ErrorKind::AuthenticationFailed || says("AUTH <password> called without") {
        return ": look at user and password";
    }
    if error.kind() == ErrorKind::MasterNameNotFoundBySentinel {
        return ": look at the name behind the last / of the URL";
    }
    if says("certificate") {
        return of_certificate(&text);
    }
    if says("cluster support disabled") {
        return ": use redis:// for a server that is no node of a cluster";
    }
    if says("DB index is out of range") {
        return ": look at the number behind the last / of the URL";
    }
    match why(error) {
        Why::NoCommand if says("SENTINEL") => ": no sentinel; use redis:// for a server",
        Why::NoCommand => {
            ": look for rename-command in the server's configuration, and at its version"
        }
        Why::Forbidden => ": `eventflux state acl` prints what the user needs",
        _ => "",
    }
}

fn of_certificate(text: &str) -> &'static str {
    let says = |part: &str| text.contains(part);
    if says("CaUsedAsEndEntity") {
        ": the server shows the certificate of an authority as its own, as `openssl req -x509` makes it; it needs one that \
         an authority has signed, and that authority's goes to RedisOptions::tls_ca: docs/operations.md has the commands"
    } else if says("UnknownIssuer") {
        ": RedisOptions::tls_ca must hold the certificate of the authority that signed the server's"
    } else if says("not valid for name") {
        ": the host of the URL must be one that the server's certificate names"
    } else {
        ": look at the server's certificate and RedisOptions::tls_ca"
    }
}
