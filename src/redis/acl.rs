//! The least that a user of Redis must be allowed, as a line of its access list.
//!
//! Why the scripts' commands are listed too: the server asks for each command that a script calls whether the user may.

use super::keys::Keys;
use crate::store::{StoreError, check_name};

/// Commands of the store of checkpoints, its scripts, and `eventflux doctor`.
const STORE: &[&str] = &[
    "ping",
    "role",
    "info",
    "time",
    "select",
    "wait",
    "eval",
    "get",
    "set",
    "exists",
    "unlink",
    "pexpire",
    "persist",
    "sadd",
    "srem",
    "smembers",
    "hget",
    "hset",
    "hdel",
    "hexists",
    "hkeys",
    "hincrby",
    "cluster|slots",
    "asking",
];

/// What keys and values of the application need beside them.
const BACKEND: &[&str] = &["hlen", "hscan", "copy"];

/// A line that gives a user what eventflux needs and nothing else: for an ACL file, or behind `ACL SETUSER` without
/// its first word. `PASSWORD` in it is to be replaced.
///
/// With an app the user reaches that app's keys and the list of apps only; without one all keys of the prefix, those of
/// the state backend included.
///
/// Errors: [`StoreError::Name`] for a user, prefix or app that cannot be one.
///
/// ```
/// let line = eventflux::redis::acl_line("orders", "eventflux:", Some("orders"))?;
/// assert!(line.starts_with("user orders on >PASSWORD resetkeys resetchannels -@all ~eventflux:{orders}:* "));
/// # Ok::<(), eventflux::store::StoreError>(())
/// ```
pub fn acl_line(user: &str, prefix: &str, app: Option<&str>) -> Result<String, StoreError> {
    let plain = |c: char| !c.is_control() && !c.is_whitespace();
    if user.is_empty() || !user.chars().all(plain) {
        return Err(StoreError::Name {
            what: "user of Redis",
            name: user.escape_debug().to_string(),
            reason: "not empty, without blanks and control characters",
        });
    }
    let keys = Keys::new(prefix)?;
    let prefix = escaped(keys.prefix());
    let (patterns, commands) = match app {
        Some(app) => {
            check_name("name of an app", app)?;
            let apps = escaped(&keys.apps());
            let own = format!("{prefix}{{{app}}}:*");
            let buckets = format!("{prefix}{{{app}/*}}:*");
            (vec![own, buckets, apps], STORE.to_vec())
        }
        None => (vec![format!("{prefix}*")], [STORE, BACKEND].concat()),
    };
    let mut line = format!(
        "user {} on >PASSWORD resetkeys resetchannels -@all",
        word(user)
    );
    for pattern in patterns {
        line.push(' ');
        line += &word(&format!("~{pattern}"));
    }
    for command in commands {
        line += " +";
        line += command;
    }
    Ok(line)
}

/// A text in which no character stands for others.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A word of an ACL file or of `redis-cli`, which both read quotes.
fn word(text: &str) -> String {
    if !text.contains(['"', '\'']) {
        return text.to_string();
    }
    let inner = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{inner}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_one_app_or_all() {
        let one = acl_line("u", "ef:", Some("orders")).expect("names");
        assert!(
            one.contains(" ~ef:{orders}:* ~ef:{orders/*}:* ~ef:apps +ping "),
            "{one}"
        );
        assert!(!one.contains("+copy") && !one.contains("+@"), "{one}");
        let all = acl_line("u", "ef:", None).expect("names");
        assert!(
            all.contains(" -@all ~ef:* +") && all.contains("+copy"),
            "{all}"
        );
    }

    #[test]
    fn no_character_of_a_prefix_stands_for_others() {
        let line = acl_line("u", "a*[?]\\:", None).expect("names");
        assert!(line.contains(" ~a\\*\\[\\?\\]\\\\:* "), "{line}");
        let quoted = acl_line("o'b", "\"*:", None).expect("names");
        assert!(quoted.starts_with("user \"o'b\" on "), "{quoted}");
        assert!(quoted.contains(" \"~\\\"\\\\*:*\" "), "{quoted}");
    }

    #[test]
    fn what_would_add_a_rule_is_refused() {
        for (user, prefix, app) in [
            ("", "p:", None),
            ("a +@all", "p:", None),
            ("a\nuser b", "p:", None),
            ("u", "p ~*", None),
            ("u", "{", None),
            ("u", "p:", Some("*")),
            ("u", "p:", Some("a ~*")),
        ] {
            let refused = acl_line(user, prefix, app);
            assert!(matches!(refused, Err(StoreError::Name { .. })), "{user}");
        }
    }
}
